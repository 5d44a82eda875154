//! `einc graph`: the computation as a page, with values on the way forward and sensitivities on the way back.

mod instrument;
mod model;
mod page;

use crate::input::Input;
use crate::options::Options;
use crate::pipeline::{Goal, Product, Stop};
use crate::report;
use crate::session::Session;
use crate::stack::on_a_large_stack;
use crate::status::Status;
use codegen::Compiled;
use diagnostics::{FileId, SourceMap, Symbol};
use instrument::instrument;
use ir::Program;
use model::Graph;
pub use page::Drawing;
use runtime::Context;
use std::cell::RefCell;
use std::io::{self, Write};
use std::path::PathBuf;
use std::rc::Rc;

#[derive(Clone, Debug, Default)]
pub struct GraphOptions {
    /// The result that the way back starts from.
    pub of: Option<String>,
    /// Where the page goes, if not to the standard output.
    pub output: Option<PathBuf>,
}

/// What a graph is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wish {
    pub of: Option<Symbol>,
    /// Whether there is a way back.
    pub backward: bool,
}

/// Draws a program that it runs.
pub fn graph(input: Input, graph: GraphOptions, options: Options) -> Status {
    on_a_large_stack(|stack_bytes| {
        let mut session = Session::new(input, options);
        let of = graph.of.as_deref().map(Symbol::new);
        let (outcome, obstacle) = match session.attempt(Goal::Graph(Wish { of, backward: true })) {
            Ok(Err(Stop::Errors)) if session.only_derivatives_fail() => {
                let obstacle = session.diagnostics.iter().find(|found| found.is_error()).map(|d| d.message.clone());
                session.diagnostics.clear();
                (session.attempt(Goal::Graph(Wish { of, backward: false })), obstacle)
            }
            outcome => (outcome, None),
        };
        let (code, mut drawing) = match outcome.and_then(|outcome| session.conclude(outcome)) {
            Ok(Product::Graph(code, drawing)) => (code, drawing),
            Ok(_) => unreachable!("the goal is a graph"),
            Err(status) => return status,
        };
        if let Some(of) = of
            && drawing.target.is_none()
        {
            let reason = obstacle.unwrap_or_else(|| "it is not a float number of the entry file".to_owned());
            report::write(&format!("einc: there is no way back from `{of}`: {reason}\n"));
            return Status::Errors;
        }
        drawing.obstacle = obstacle;
        let (output, status) = run(&session, &code, stack_bytes);
        let (told, printed) = instrument::listen(&output);
        let page = page::page(&drawing, &told, &printed);
        let written = match &graph.output {
            Some(path) => std::fs::write(path, page),
            // A reader that has seen enough is no failure.
            None => io::stdout().write_all(page.as_bytes()).or(Ok(())),
        };
        session.report_timings();
        match written {
            Ok(()) => status,
            Err(error) => {
                report::write(&format!("einc: the page cannot be written: {error}\n"));
                Status::Errors
            }
        }
    })
}

/// Makes the program tell what the page shows.
pub fn prepare(program: &mut Program, sources: &SourceMap, entry: FileId, wish: Wish) -> Drawing {
    let graph = Graph::of(program, sources, entry);
    let target = wish.backward.then(|| target(program, &graph, wish.of)).flatten();
    let drawing = Drawing::of(program, sources, &graph, target);
    instrument(program, &graph, target);
    drawing
}

/// What is asked for; else the numerator of the first quotient; else the last float number.
fn target(program: &Program, graph: &Graph, of: Option<Symbol>) -> Option<usize> {
    let is_target = |node: &usize| {
        let ty = &program.vars[graph.nodes[*node].var.index()].ty;
        ty.rank() == 0 && model::is_float(ty)
    };
    if let Some(of) = of {
        return graph.find(program, of.as_str()).filter(is_target);
    }
    let mut numerator = None;
    for e in model::statements(program) {
        e.for_each_child(|e| {
            e.walk(&mut |e| {
                if let ir::ExprKind::Quotient(quotient) = &e.kind
                    && let ir::ExprKind::Var(y) = quotient.y.kind
                {
                    numerator = numerator.or(graph.nodes.iter().position(|node| node.var == y));
                }
            });
        });
    }
    let reads = |node: &usize| graph.edges.iter().any(|edge| edge.to == *node);
    numerator.filter(is_target).or_else(|| (0..graph.nodes.len()).rev().find(|node| is_target(node) && reads(node)))
}

/// What the program prints, as far as it comes.
fn run(session: &Session, code: &Compiled, stack_bytes: usize) -> (String, Status) {
    let heard = Heard::default();
    let mut context = Context::new(stack_bytes, session.input.folder(), Box::new(heard.clone()));
    context.limit_threads(session.options.threads);
    let outcome = code.run(&mut context);
    let status = match (outcome, context.flush()) {
        (Ok(()), _) => Status::Fine,
        (Err(failure), _) => {
            report::all(vec![failure.diagnostic()], &session.sources, &session.options);
            Status::Failed
        }
    };
    let bytes = heard.0.borrow();
    (String::from_utf8_lossy(&bytes).into_owned(), status)
}

#[derive(Clone, Default)]
struct Heard(Rc<RefCell<Vec<u8>>>);

impl Write for Heard {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

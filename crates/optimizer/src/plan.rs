//! From families and expressions to loops, buffers and reference counts.

mod apart;
pub mod arith;
pub(crate) mod bounds;
mod carried;
mod cast;
mod chunk;
mod comprehension;
mod contraction;
mod control;
mod export;
mod expr;
mod family;
pub(crate) mod freed;
mod function;
mod interval;
mod layout;
mod life;
mod limits;
pub(crate) mod linear;
mod load;
mod own;
pub(crate) mod pieces;
mod predicate;
mod profile;
mod recurrence;
mod reduce;
mod region;
mod register;
mod rows;
mod running;
mod scatter;
mod script;
mod tail;
mod text;
mod unroll;
mod value;
pub(crate) mod window;
mod wrap;

use crate::calls::CallGraph;
use crate::decisions::Decisions;
use crate::facts::FunctionFacts;
use diagnostics::Span;
use function::Lower;
use ir::loops::{FnId, Function, Module, Site, SiteId};
use ir::{FuncId, Program};
use layout::Layouts;
use std::collections::HashMap;
use std::rc::Rc;

#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// At 0 everything is computed where the program says it.
    pub opt_level: u8,
    /// Integer arithmetic traps in cells and reductions, too.
    pub checked: bool,
    /// Statements say when they begin and end.
    pub profile: bool,
}

/// Statements of the entry file from which on it becomes several functions.
const LONG_MAIN: usize = 80;

/// The program as loops. Functions must be closed (`lift`), and quotients gone.
pub fn plan(program: &Program, options: &Options) -> Module {
    plan_with_decisions(program, options).0
}

/// The same, and what was decided about the program's families.
pub fn plan_with_decisions(program: &Program, options: &Options) -> (Module, Decisions) {
    let graph = CallGraph::new(program);
    let roots = program.main.into_iter().chain(program.bench.iter().flat_map(|b| [b.inputs, b.kernel]));
    let reachable = graph.reachable(roots);
    let functions = reachable.iter().enumerate().map(|(k, func)| (*func, FnId(k as u32))).collect();
    let mut shared = Shared {
        program,
        options: *options,
        facts: FunctionFacts::new(program, &graph, options.checked),
        recursive: graph.recursive,
        in_cycle: cycles(&graph.groups, program.funcs.len()),
        functions,
        sites: Vec::new(),
        decisions: Decisions::default(),
        layouts: Layouts::default(),
        data: Vec::new(),
        data_ids: HashMap::new(),
    };
    let (mut done, mut chunks) = (Vec::new(), Vec::new());
    for func in &reachable {
        let long =
            matches!(&program.funcs[func.index()].body.kind, ir::ExprKind::Block(stmts, _) if stmts.len() > LONG_MAIN);
        if Some(*func) == program.main && long {
            let first = FnId(reachable.len() as u32);
            let (entry, parts) = chunk::long_main(&mut shared, *func, first);
            done.push(entry);
            chunks = parts;
        } else {
            done.push(Lower::new(&mut shared, *func).function(*func));
        }
    }
    done.extend::<Vec<Function>>(chunks);
    let mut exports = Vec::new();
    for func in program.bench.iter().flat_map(|bench| [bench.inputs, bench.kernel]) {
        let id = shared.functions[&func];
        exports.push(FnId(done.len() as u32));
        done.push(export::export(id, &done[id.0 as usize]));
    }
    let mut module = Module {
        seldom: program.seldom.iter().filter_map(|func| shared.functions.get(func).copied()).collect(),
        functions: done,
        entry: program.main.map(|main| shared.functions[&main]),
        exports,
        sites: shared.sites,
        layouts: shared.layouts.rows,
        data: shared.data,
    };
    if options.opt_level > 0 {
        crate::spread::spread(&mut module);
        crate::reorder::reorder(&mut module);
        crate::versions::versions(&mut module);
        crate::carry::carry(&mut module);
        crate::tile::tile(&mut module);
        crate::outline::outline(&mut module);
    }
    (module, shared.decisions)
}

fn cycles(groups: &[Vec<FuncId>], funcs: usize) -> Vec<bool> {
    let mut in_cycle = vec![false; funcs];
    for func in groups.iter().filter(|group| group.len() > 1).flatten() {
        in_cycle[func.index()] = true;
    }
    in_cycle
}

/// What all functions of a module have in common.
struct Shared<'p> {
    program: &'p Program,
    options: Options,
    facts: FunctionFacts,
    recursive: Vec<bool>,
    /// Functions that can run into themselves by way of others.
    in_cycle: Vec<bool>,
    functions: HashMap<FuncId, FnId>,
    sites: Vec<Site>,
    decisions: Decisions,
    layouts: Layouts,
    data: Vec<Rc<[u8]>>,
    data_ids: HashMap<Rc<[u8]>, u32>,
}

impl Shared<'_> {
    fn site(&mut self, code: &'static str, span: Span, names: &[&str]) -> SiteId {
        let names = names.iter().map(|name| name.to_string()).collect();
        self.sites.push(Site { code, span, names, also: Vec::new() });
        SiteId(self.sites.len() as u32 - 1)
    }

    fn data(&mut self, bytes: Vec<u8>) -> u32 {
        let bytes: Rc<[u8]> = bytes.into();
        if let Some(id) = self.data_ids.get(&bytes) {
            return *id;
        }
        let id = self.data.len() as u32;
        self.data.push(bytes.clone());
        self.data_ids.insert(bytes, id);
        id
    }
}

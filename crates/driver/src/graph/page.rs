//! The page: one file without a network, its data in front of the script that draws it.

use super::instrument::Told;
use super::model::{Graph, is_float, statements};
use diagnostics::{SourceMap, Span, json_text};
use ir::{ExprKind, Program, Stmt, VarId};
use std::collections::HashMap;
use std::fmt::Write;

const PAGE: &str = include_str!("page.html");
/// Where the data goes.
const DATA: &str = "/* data */";

/// A graph with all words that the page needs.
pub struct Drawing {
    file: String,
    nodes: Vec<Bubble>,
    edges: Vec<Arrow>,
    pub target: Option<usize>,
    /// Why there is no way back.
    pub obstacle: Option<String>,
}

struct Bubble {
    /// `C[i, j]`
    title: String,
    ty: String,
    line: usize,
    source: String,
    on_path: bool,
}

struct Arrow {
    from: usize,
    to: usize,
    reads: Vec<String>,
    sums: Vec<String>,
}

impl Drawing {
    pub fn of(program: &Program, sources: &SourceMap, graph: &Graph, target: Option<usize>) -> Drawing {
        let above = target.map(|target| graph.above(target));
        let describe = |(number, node): (usize, &super::model::Node)| {
            let info = &program.vars[node.var.index()];
            let names = info.coords.iter().flatten().map(|name| name.to_string()).collect::<Vec<_>>();
            let title = match names.len() == info.ty.rank() && !names.is_empty() {
                true => format!("{}[{}]", info.name, names.join(", ")),
                false => info.name.to_string(),
            };
            let (line, _) = sources.file(info.span.file).line_column(info.span.start);
            Bubble {
                title,
                ty: ir::type_name(program, &info.ty),
                line,
                source: source(sources, info.span, &statements(program)[node.stmt], node.var),
                on_path: above.as_ref().is_some_and(|above| above[number]) && is_float(&info.ty),
            }
        };
        let arrow = |edge: &super::model::Edge| Arrow {
            from: edge.from,
            to: edge.to,
            reads: edge.reads.clone(),
            sums: edge.sums.clone(),
        };
        let file = program
            .main
            .map_or_else(String::new, |main| sources.file(program.funcs[main.index()].span.file).name.clone());
        let nodes = graph.nodes.iter().enumerate().map(describe).collect();
        Drawing { file, nodes, edges: graph.edges.iter().map(arrow).collect(), target, obstacle: None }
    }
}

/// The lines of a binding: of a family from its first clause to its last.
fn source(sources: &SourceMap, name: Span, stmt: &Stmt, var: VarId) -> String {
    let clauses: Vec<Span> = match stmt {
        Stmt::Rec(recurrence) => {
            let own = recurrence.families.iter().filter(|(other, _)| *other == var);
            own.flat_map(|(_, family)| family.clauses.iter().map(|clause| clause.span)).collect()
        }
        Stmt::Let(_, e) => match &e.kind {
            ExprKind::Family(family) => family.clauses.iter().map(|clause| clause.span).collect(),
            _ => vec![e.span],
        },
        Stmt::Do(_) => Vec::new(),
    };
    let file = sources.file(name.file);
    let of_file = clauses.iter().filter(|span| span.file == name.file);
    let start = of_file.clone().map(|span| span.start).min().unwrap_or(name.start).min(name.start) as usize;
    let end = of_file.map(|span| span.end).max().unwrap_or(name.end).max(name.end) as usize;
    let from = file.text[..start].rfind('\n').map_or(0, |at| at + 1);
    let to = file.text[end..].find('\n').map_or(file.text.len(), |at| end + at);
    file.text[from..to].trim_end().to_owned()
}

/// The page of a drawing, with what the program told.
pub fn page(drawing: &Drawing, told: &HashMap<Told, String>, printed: &str) -> String {
    let mut data = format!("{{\"file\": {}, \"printed\": {}", json_text(&drawing.file), json_text(printed));
    let value = |what: Told| told.get(&what).map_or("null".to_owned(), |text| json_text(text));
    let mut put = |text: String| data.push_str(&text);
    put(format!(", \"target\": {}", drawing.target.map_or("null".to_owned(), |target| target.to_string())));
    put(format!(", \"obstacle\": {}", drawing.obstacle.as_deref().map_or("null".to_owned(), json_text)));
    put(", \"nodes\": [".to_owned());
    for (k, node) in drawing.nodes.iter().enumerate() {
        put(format!(
            "{}{{\"title\": {}, \"type\": {}, \"line\": {}, \"source\": {}, \"path\": {}, \"value\": {}, \"sensitivity\": {}}}",
            if k > 0 { ", " } else { "" },
            json_text(&node.title),
            json_text(&node.ty),
            node.line,
            json_text(&node.source),
            node.on_path,
            value(Told::Value(k)),
            value(Told::Sensitivity(k)),
        ));
    }
    put("], \"edges\": [".to_owned());
    for (k, edge) in drawing.edges.iter().enumerate() {
        put(format!(
            "{}{{\"from\": {}, \"to\": {}, \"reads\": {}, \"sums\": {}, \"contribution\": {}}}",
            if k > 0 { ", " } else { "" },
            edge.from,
            edge.to,
            texts(&edge.reads),
            texts(&edge.sums),
            value(Told::Contribution(k)),
        ));
    }
    put("]}".to_owned());
    // Nothing in the data may end the script that it stands in.
    PAGE.replacen(DATA, &data.replace('<', "\\u003c"), 1)
}

fn texts(items: &[String]) -> String {
    let mut out = String::from("[");
    for (k, item) in items.iter().enumerate() {
        write!(out, "{}{}", if k > 0 { ", " } else { "" }, json_text(item)).expect("a string takes any text");
    }
    out + "]"
}

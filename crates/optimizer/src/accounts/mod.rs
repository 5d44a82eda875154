//! What a planned program costs and stores, by line and in coordinate names.

mod cost;
mod count;
mod extents;
mod formula;
mod storage;
mod uses;

pub use cost::cost;
pub use storage::storage;

use crate::calls::CallGraph;
use diagnostics::{SourceMap, Span, Symbol};
use extents::Extents;
use formula::{Atom, Formula};
use ir::{FuncId, Program, VarId};
use std::collections::HashMap;

/// The functions that run, the entry file's statements first.
fn functions(program: &Program) -> Vec<FuncId> {
    let roots = program.main.into_iter().chain(program.bench.iter().flat_map(|b| [b.inputs, b.kernel]));
    let mut all = CallGraph::new(program).reachable(roots);
    all.sort_by_key(|func| Some(*func) != program.main);
    all
}

/// `C[i, j]`
fn title(program: &Program, var: VarId) -> String {
    let info = &program.vars[var.index()];
    let coord = |axis: usize| info.coords.get(axis).copied().flatten();
    bracketed(info.name.as_str(), (0..info.ty.rank()).map(coord))
}

fn bracketed(name: &str, coords: impl Iterator<Item = Option<Symbol>>) -> String {
    let coords: Vec<String> = coords.map(|coord| coord.map_or("_".to_owned(), |name| name.to_string())).collect();
    let name = if name.is_empty() { "temporary " } else { name };
    if coords.is_empty() { name.trim_end().to_owned() } else { format!("{name}[{}]", coords.join(", ")) }
}

fn heading(program: &Program, sources: &SourceMap, func: FuncId) -> String {
    let info = &program.funcs[func.index()];
    let file = &sources.file(info.span.file).name;
    if Some(func) == program.main {
        return format!("{file}\n");
    }
    let param = |var: &VarId| {
        let info = &program.vars[var.index()];
        format!("{}: {}", info.name, ir::type_name(program, &info.ty))
    };
    let params: Vec<String> = info.params.iter().map(param).collect();
    let mut calls_itself = false;
    info.body.walk(&mut |e| calls_itself |= matches!(e.kind, ir::ExprKind::Call(callee, _) if callee == func));
    let call = if calls_itself { "for each call, without those of itself" } else { "for each call" };
    format!("fn {}({}) in {file}, {call}\n", info.name, params.join(", "))
}

/// `line 3`, or `std/ml.ein:3` for what came from another file than its function.
fn place(sources: &SourceMap, span: Span, home: Span) -> String {
    let file = sources.file(span.file);
    let (line, _) = file.line_column(span.start);
    if span.file == home.file { format!("line {line}") } else { format!("{}:{line}", file.name) }
}

/// The names of a function's extents, and what they are.
struct Legend<'a, 'p> {
    extents: &'a Extents<'p>,
    names: HashMap<Atom, String>,
    used: Vec<Atom>,
}

impl<'a, 'p> Legend<'a, 'p> {
    fn new<'f>(extents: &'a Extents<'p>, formulas: impl IntoIterator<Item = &'f Formula>) -> Self {
        let mut used = Vec::new();
        for atom in formulas.into_iter().flat_map(Formula::atoms) {
            if !used.contains(&atom) {
                used.push(atom);
            }
        }
        Legend { extents, names: extents.names(&used), used }
    }

    /// `  i = 4, j = x.shape[1]`
    fn text(&self) -> String {
        let meaning = |atom: &Atom| Some(format!("{} = {}", self.names[atom], self.extents.meaning(*atom)?));
        let mut meanings: Vec<String> = self.used.iter().filter_map(meaning).collect();
        meanings.sort();
        meanings.dedup();
        if meanings.is_empty() { String::new() } else { format!("  where {}\n", meanings.join(", ")) }
    }

    /// `4*i*j = 80`, the number where the compiler knows it.
    fn formula(&self, formula: &Formula) -> String {
        let text = formula.text(&|atom| self.names[&atom].clone());
        match self.extents.value(formula) {
            Some(value) if formula.as_number().is_none() => format!("{text} = {value}"),
            _ => text,
        }
    }
}

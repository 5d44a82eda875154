//! Makes a program tell its values: each binding prints itself behind a mark, and so do the sensitivities of one result.
//!
//! A binding that several others read gets a copy of its own for each of them. The derivative by such a copy is what
//! flows back along that one edge, and all of them add up to the derivative by the binding.

use super::model::{Graph, is_float};
use diagnostics::{Span, Symbol};
use ir::{Builtin, Expr, ExprKind, Program, Quotient, Stmt, Type, Var, VarId, VarKind};
use std::collections::HashMap;

/// Begins and ends a value among the output.
const BEGIN: char = '\u{1}';
const END: char = '\u{2}';

/// What a printed value is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Told {
    Value(usize),
    Sensitivity(usize),
    /// What flows back along an edge.
    Contribution(usize),
}

/// Adds to `main` what tells the values, and with a `target` the sensitivities of it.
pub fn instrument(program: &mut Program, graph: &Graph, target: Option<usize>) {
    let Some(main) = program.main else { return };
    let body = &mut program.funcs[main.index()].body;
    let span = body.span;
    let ExprKind::Block(stmts, _) = &mut body.kind else { return };
    let old = std::mem::take(stmts);
    let on_path = target.map_or_else(|| vec![false; graph.nodes.len()], |target| graph.above(target));
    let wanted =
        |program: &Program, node: usize| on_path[node] && is_float(&program.vars[graph.nodes[node].var.index()].ty);

    let mut new = Vec::new();
    let mut derived: Vec<(Told, VarId)> = Vec::new();
    for (k, mut stmt) in old.into_iter().enumerate() {
        for (number, edge) in graph.edges.iter().enumerate() {
            let alone = graph.edges.iter().filter(|other| other.from == edge.from && on_path[other.to]).count() < 2;
            let inside = graph.nodes[edge.to].stmt != k || graph.nodes[edge.from].stmt == k;
            let shared = graph.nodes.iter().filter(|node| node.stmt == k).count() > 1;
            if inside || alone || shared || edge.hidden || !on_path[edge.to] || !wanted(program, edge.from) {
                continue;
            }
            let var = graph.nodes[edge.from].var;
            let copy = copy_of(program, var);
            new.push(Stmt::Let(copy, read(program, var, span)));
            let names = HashMap::from([(var, copy)]);
            rename(&mut stmt, &names);
            derived.push((Told::Contribution(number), copy));
        }
        new.push(stmt);
        for (number, node) in graph.nodes.iter().enumerate().filter(|(_, node)| node.stmt == k) {
            new.push(tell(program, Told::Value(number), node.var, span));
        }
    }
    if let Some(target) = target {
        let y = graph.nodes[target].var;
        derived.extend((0..graph.nodes.len()).filter(|k| wanted(program, *k)).map(|k| {
            let var = graph.nodes[k].var;
            (Told::Sensitivity(k), var)
        }));
        for (told, x) in derived {
            let quotient = Quotient { y: read(program, y, span), x, x_cell: Vec::new() };
            let ty = program.vars[x.index()].ty.clone();
            let adjoint = copy_of(program, x);
            new.push(Stmt::Let(adjoint, Expr { kind: ExprKind::Quotient(Box::new(quotient)), ty, span }));
            new.push(tell(program, told, adjoint, span));
        }
    }
    if let ExprKind::Block(stmts, _) = &mut program.funcs[main.index()].body.kind {
        *stmts = new;
    }
}

fn rename(stmt: &mut Stmt, names: &HashMap<VarId, VarId>) {
    stmt.for_each_child_mut(|e| ir::visit::rename(e, names));
}

fn copy_of(program: &mut Program, var: VarId) -> VarId {
    let info = program.vars[var.index()].clone();
    program.vars.push(Var { kind: VarKind::Let, name: Symbol::new(&format!("{}_", info.name)), ..info });
    VarId(program.vars.len() as u32 - 1)
}

fn read(program: &Program, var: VarId, span: Span) -> Expr {
    Expr { kind: ExprKind::Var(var), ty: program.vars[var.index()].ty.clone(), span }
}

fn tell(program: &Program, told: Told, var: VarId, span: Span) -> Stmt {
    let text = |text: String| Expr { kind: ExprKind::Str(text.into()), ty: Type::Str, span };
    let (kind, number) = match told {
        Told::Value(number) => ('v', number),
        Told::Sensitivity(number) => ('s', number),
        Told::Contribution(number) => ('c', number),
    };
    let args = vec![text(format!("{BEGIN}{kind}{number}")), read(program, var, span), text(END.to_string())];
    Stmt::Do(Expr { kind: ExprKind::Builtin(Builtin::Print, args), ty: Type::Unit, span })
}

/// What was told, and what the program itself printed.
pub fn listen(output: &str) -> (HashMap<Told, String>, String) {
    let (mut told, mut printed) = (HashMap::new(), String::new());
    let mut pieces = output.split(BEGIN);
    printed += pieces.next().unwrap_or_default();
    for piece in pieces {
        let (said, rest) = piece.split_once(END).unwrap_or((piece, ""));
        let (head, value) = said.split_once(' ').unwrap_or((said, ""));
        let number = head.get(1..).and_then(|number| number.parse().ok());
        let what = match (head.chars().next(), number) {
            (Some('v'), Some(number)) => Told::Value(number),
            (Some('s'), Some(number)) => Told::Sensitivity(number),
            (Some('c'), Some(number)) => Told::Contribution(number),
            _ => continue,
        };
        told.insert(what, value.trim_end().to_owned());
        printed += rest.strip_prefix('\n').unwrap_or(rest);
    }
    (told, printed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_and_what_is_printed_are_told_apart() {
        let output = "before\n\u{1}v0 [1.0, 2.0] \u{2}\nmiddle\n\u{1}s12 a\nb \u{2}\n\u{1}c3 0.5 \u{2}\nafter\n";
        let (told, printed) = listen(output);
        assert_eq!(printed, "before\nmiddle\nafter\n");
        assert_eq!(told[&Told::Value(0)], "[1.0, 2.0]");
        assert_eq!(told[&Told::Sensitivity(12)], "a\nb");
        assert_eq!((&*told[&Told::Contribution(3)], told.len()), ("0.5", 3));
    }
}

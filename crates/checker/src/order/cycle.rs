//! Shows a circle of reads that rules out every order (E0601).

use super::{Read, relation};
use crate::sym::{Atom, Sym};
use diagnostics::Span;
use ir::{Expr, ExprKind, Family, Var, VarId};
use std::collections::HashMap;

/// Longer circles are cut short: their reads are shown, not how often each is needed to come back.
const MAX_STEPS: usize = 6;

/// Reads that lead from a cell back to itself, the offending one first.
#[derive(Debug)]
pub struct Cycle {
    pub steps: Vec<CycleStep>,
}

#[derive(Debug)]
pub struct CycleStep {
    /// Of the read.
    pub span: Span,
    /// The cell that reads, as `h[t]`.
    pub cell: String,
    /// The cell that is read, as `h[t + 1]`.
    pub read_cell: String,
}

/// A circle among the reads of a component, none of which can come first along the axes given.
pub(super) fn describe(vars: &[Var], families: &[(VarId, Family)], reads: &[&Read], axes: &[Option<usize>]) -> Cycle {
    let way = |read: &Read| relation(read, axes).unwrap_or_default();
    let stays: Vec<_> = reads.iter().filter(|read| !way(read).earlier && !way(read).later).copied().collect();
    let circle = reads
        .iter()
        .filter(|read| read.reader == read.target && way(read).not_later && way(read).not_earlier)
        .map(|read| vec![*read])
        .chain(stays.iter().filter(|read| read.reader != read.target).filter_map(|read| closed(read, &stays)))
        .next()
        .or_else(|| ahead_and_back(reads, axes))
        .unwrap_or_else(|| reads[..1].to_vec());
    Cycle { steps: follow(vars, families, &circle) }
}

/// A read that goes ahead or anywhere, and others that lead back.
fn ahead_and_back<'r, 'a>(reads: &[&'r Read<'a>], axes: &[Option<usize>]) -> Option<Vec<&'r Read<'a>>> {
    let way = |read: &Read| relation(read, axes).unwrap_or_default();
    let ahead = reads.iter().find(|read| way(read).later).or(reads.iter().find(|read| !way(read).not_later))?;
    if ahead.reader != ahead.target {
        return closed(ahead, reads);
    }
    if !way(ahead).not_earlier {
        return Some(vec![ahead]);
    }
    let own = || reads.iter().filter(|read| read.reader == ahead.reader && read.target == ahead.reader);
    let back = own().find(|read| way(read).earlier).or(own().find(|read| !way(read).not_earlier));
    Some([Some(*ahead), back.copied()].into_iter().flatten().collect())
}

/// The shortest circle that begins with a read.
fn closed<'r, 'a>(first: &'r Read<'a>, reads: &[&'r Read<'a>]) -> Option<Vec<&'r Read<'a>>> {
    let mut paths: Vec<Vec<&'r Read<'a>>> = vec![vec![first]];
    let mut at = 0;
    while at < paths.len() {
        let end = paths[at][paths[at].len() - 1].target;
        if end == first.reader {
            return Some(paths.swap_remove(at));
        }
        for read in reads.iter().filter(|read| read.reader == end) {
            if !paths.iter().any(|path| path.iter().any(|known| known.target == read.target)) {
                paths.push([paths[at].as_slice(), &[*read]].concat());
            }
        }
        at += 1;
    }
    None
}

/// Follows the reads from a cell, going round until that cell is read again.
fn follow(vars: &[Var], families: &[(VarId, Family)], circle: &[&Read]) -> Vec<CycleStep> {
    let once = steps(vars, families, circle);
    let back = |steps: &[CycleStep]| steps.first().map(|s| &s.cell) == steps.last().map(|s| &s.read_cell);
    let [ahead, behind] = circle else { return once };
    if ahead.reader != ahead.target || back(&once) {
        return once;
    }
    for rounds in 3..=MAX_STEPS {
        for aheads in 1..rounds {
            let path: Vec<_> = (0..rounds).map(|at| if at < aheads { *ahead } else { *behind }).collect();
            let steps = steps(vars, families, &path);
            if back(&steps) {
                return steps;
            }
        }
    }
    once
}

/// Each cell in the coordinates of the first one.
fn steps(vars: &[Var], families: &[(VarId, Family)], path: &[&Read]) -> Vec<CycleStep> {
    let mut steps = Vec::new();
    let mut here = path[0].cell.clone();
    for read in path {
        // Where the reader's coordinates have gone to. A coordinate of an inner scope keeps its name.
        let now: HashMap<_, _> = read
            .cell
            .iter()
            .zip(&here)
            .filter_map(|(own, now)| Some((own.as_ref()?.as_var()?, now.as_ref()?)))
            .collect();
        let moved = |s: &Sym| {
            s.replace(&|atom| match atom {
                Atom::Var(var) => now.get(var).map(|now| (*now).clone()),
                _ => None,
            })
        };
        let index: Vec<Option<Sym>> = read.index.iter().map(|i| i.as_ref().map(moved)).collect();
        let (reader, target) = (&families[read.reader], &families[read.target]);
        steps.push(CycleStep {
            span: read.span,
            cell: cell_text(vars, &reader.1, &here, None),
            read_cell: match read.source {
                Some(source) => cell_text(vars, &target.1, &index, Some(source)),
                None => target.1.name.to_string(),
            },
        });
        here = index;
    }
    steps
}

/// A cell as it would be written; trailing axes that are left open are left out.
fn cell_text(vars: &[Var], family: &Family, cell: &[Option<Sym>], source: Option<&[Expr]>) -> String {
    let shown =
        if source.is_some() { cell.len() } else { cell.iter().rposition(Option::is_some).map_or(0, |at| at + 1) };
    if shown == 0 {
        return family.name.to_string();
    }
    let index = cell[..shown].iter().enumerate().map(|(axis, i)| match (i, source) {
        (Some(i), _) => i.text(vars),
        (None, Some(source)) => data_text(vars, &source[axis]),
        (None, None) => "..".to_owned(),
    });
    format!("{}[{}]", family.name, index.collect::<Vec<_>>().join(", "))
}

/// An index that is data, if it is short.
pub(super) fn data_text(vars: &[Var], e: &Expr) -> String {
    match &e.kind {
        ExprKind::Var(var) => vars[var.index()].name.to_string(),
        ExprKind::Int(value) => value.to_string(),
        ExprKind::Cast(inner) => data_text(vars, inner),
        ExprKind::Load(load) => {
            let index: Vec<_> = load.index.iter().map(|i| data_text(vars, i)).collect();
            format!("{}[{}]", data_text(vars, &load.tensor), index.join(", "))
        }
        ExprKind::Op(op, operands) if op.is_infix() && operands.len() == 2 => {
            format!("{} {} {}", data_text(vars, &operands[0]), op.name(), data_text(vars, &operands[1]))
        }
        _ => "_".to_owned(),
    }
}

//! Recurrences that follow each other step together, where every read goes to a step that is done by then: what they
//! exchange need not be stored for all steps.

use crate::plan::bounds::same;
use crate::plan::linear::{Definitions, Linear, definitions};
use ir::{Clause, Expr, ExprKind, Order, Program, Recurrence, Slot, Stmt, VarId, WhereItem};
use std::rc::Rc;

pub fn together(program: &mut Program) {
    for func in &mut program.funcs {
        let mut recurrences = 0;
        func.body.walk(&mut |e| {
            if let ExprKind::Block(stmts, _) = &e.kind {
                recurrences += stmts.iter().filter(|stmt| matches!(stmt, Stmt::Rec(_))).count();
            }
        });
        if recurrences < 2 {
            continue;
        }
        let before = func.body.clone();
        let known = definitions(&before);
        func.body.walk_mut(&mut |e| {
            if let ExprKind::Block(stmts, _) = &mut e.kind {
                let mut together: Vec<Stmt> = Vec::with_capacity(stmts.len());
                for stmt in std::mem::take(stmts) {
                    match (together.last_mut(), stmt) {
                        (Some(Stmt::Rec(first)), Stmt::Rec(second)) => match joined(first, &second, &known) {
                            Some(both) => *first = Rc::new(both),
                            None => together.push(Stmt::Rec(second)),
                        },
                        (_, stmt) => together.push(stmt),
                    }
                }
                *stmts = together;
            }
        });
    }
}

/// Two recurrences, each of which is nothing but steps, as one.
fn joined(first: &Recurrence, second: &Recurrence, known: &Definitions) -> Option<Recurrence> {
    let (
        [Order::Steps { axes: before, descending: down, body: earlier }],
        [Order::Steps { axes: after, descending, body: later }],
    ) = (&first.order[..], &second.order[..])
    else {
        return None;
    };
    let count = first.families.len();
    let families: Vec<_> = first.families.iter().chain(&second.families).cloned().collect();
    let shifted: Vec<(usize, usize)> = after.iter().map(|(family, axis)| (family + count, *axis)).collect();
    let axes: Vec<(usize, usize)> = before.iter().chain(&shifted).copied().collect();
    let mut later = later.clone();
    later.iter_mut().for_each(|order| shift(order, count));
    let body = earlier.iter().cloned().chain(later).collect();
    let both = Recurrence { families, order: vec![Order::Steps { axes, descending: *descending, body }] };
    (down == descending
        && have_same_steps(&both, before, &shifted)
        && reads_any(second, first)
        && can_join(&both, before, &shifted, *descending, known))
    .then_some(both)
}

fn shift(order: &mut Order, by: usize) {
    match order {
        Order::Cells(family) => *family += by,
        Order::Steps { axes, body, .. } => {
            axes.iter_mut().for_each(|(family, _)| *family += by);
            body.iter_mut().for_each(|order| shift(order, by));
        }
    }
}

fn have_same_steps(both: &Recurrence, first: &[(usize, usize)], second: &[(usize, usize)]) -> bool {
    let extent = |(family, axis): &(usize, usize)| &both.families[*family].1.axes[*axis].extent;
    let mut all = first.iter().chain(second).map(extent);
    let Some(one) = all.next() else { return false };
    all.all(|other| same(one, other))
}

/// Whether one recurrence reads a family of another one.
fn reads_any(reader: &Recurrence, read: &Recurrence) -> bool {
    let mut found = false;
    for (_, family) in &reader.families {
        family.for_each_child(|e| {
            e.walk(&mut |e| e.for_each_use(|var| found |= read.families.iter().any(|(other, _)| other == var)));
        });
    }
    found
}

/// Whether no family of the second steps reads a step of the first ones that is yet to come.
fn can_join(
    recurrence: &Recurrence,
    first: &[(usize, usize)],
    second: &[(usize, usize)],
    descending: bool,
    known: &Definitions,
) -> bool {
    second.iter().all(|(family, axis)| {
        recurrence.families[*family].1.clauses.iter().all(|clause| {
            let step = match clause.slots.get(*axis) {
                Some(Slot::Fixed(at)) => Linear::constant(*at),
                Some(Slot::Coord(binder)) => Linear::var(binder.var),
                None => return false,
            };
            let mut fits = true;
            for_each_part(clause, &mut |e| {
                fits &= reads_what_is_done(e, &step, descending, known, &|var| {
                    let at = first.iter().find(|(family, _)| recurrence.families[*family].0 == var);
                    at.map(|(_, axis)| *axis)
                });
            });
            fits
        })
    })
}

fn for_each_part<'e>(clause: &'e Clause, f: &mut dyn FnMut(&'e Expr)) {
    for item in &clause.wheres {
        let (WhereItem::Def(_, e) | WhereItem::Guard(e)) = item;
        f(e);
    }
    f(&clause.body);
    clause.otherwise.iter().for_each(f);
}

/// `axis_of` gives the axis of the steps of the families that are read.
fn reads_what_is_done(
    e: &Expr,
    step: &Linear,
    descending: bool,
    known: &Definitions,
    axis_of: &dyn Fn(VarId) -> Option<usize>,
) -> bool {
    let read = |e: &Expr| match e.kind {
        ExprKind::Var(var) => axis_of(var),
        _ => None,
    };
    let mut fits = true;
    let mut check = |e: &Expr| fits &= reads_what_is_done(e, step, descending, known, axis_of);
    match &e.kind {
        ExprKind::Var(_) => return read(e).is_none(),
        ExprKind::Dim(of, _) if read(of).is_some() => return true,
        ExprKind::Load(load) => {
            load.index.iter().for_each(&mut check);
            match read(&load.tensor) {
                None => check(&load.tensor),
                Some(axis) => {
                    let ahead = Linear::of(&load.index[axis], known).and_then(|index| step.minus(&index));
                    let ahead = ahead.and_then(|ahead| ahead.as_constant());
                    fits &= ahead.is_some_and(|ahead| if descending { ahead <= 0 } else { ahead >= 0 });
                }
            }
        }
        _ => e.for_each_child(check),
    }
    fits
}

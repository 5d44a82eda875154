//! Long recurrences whose steps all have to be stored, as a gradient asks of them, and that would take more memory than
//! they may: their steps are cut into segments. One segment's steps are stored at a time, and of every segment the few
//! that the next one starts from. Who needs a segment later computes it again from these (§6.10).
//!
//! A region of a block (`region`) is computed in sweeps over the segments (`sweeps`); its families get a coordinate for
//! the segment, and its sums over steps are carried from segment to segment (`make`). With segments of about the square
//! root of the number of steps, so is the memory.
//!
//! Where only the run knows the number of steps, so does it choose.

mod build;
mod make;
mod reads;
mod region;
mod sweeps;

use crate::calls::CallGraph;
use crate::facts::FunctionFacts;
use crate::plan::bounds::same;
use crate::plan::linear::definitions;
use crate::plan::window::Windows;
use build::*;
use diagnostics::{Span, Symbol};
use ir::{Expr, ExprKind, Func, FuncId, Op, Program, Scalar, Stmt, Type, VarId, VarKind, visit};
use make::{Cut, Maker};
use reads::{bound_by, free_in};
use region::Region;
use std::collections::{HashMap, HashSet};
use sweeps::Part;

/// Recurrences that are cut, if the run finds that they have to be.
pub struct Segmented {
    pub func: FuncId,
    /// What is no longer stored as a whole.
    pub families: Vec<VarId>,
    pub steps: Expr,
    pub sizes: Sizes,
    pub budget: u64,
    /// Steps of a segment, and segments, where they are known.
    pub known: Option<(i64, i64)>,
}

/// Bytes: of a step where all are stored, of what a segment leaves the next one, and of a step of a segment.
#[derive(Clone)]
pub struct Sizes {
    pub stored: Expr,
    pub carried: Expr,
    pub segment: Expr,
}

/// Cuts recurrences that would store more than so many bytes, and says which.
pub fn segments(program: &mut Program, budget: u64, checked: bool) -> Vec<Segmented> {
    let facts = FunctionFacts::new(program, &CallGraph::new(program), checked);
    let mut all = Vec::new();
    program.rewrite(|body, program, func| {
        let mut recurs = false;
        body.walk(&mut |e| {
            if let ExprKind::Block(stmts, _) = &e.kind {
                recurs |= stmts.iter().any(|stmt| matches!(stmt, Stmt::Rec(_)));
            }
        });
        if !recurs {
            return;
        }
        let mut plain = body.clone();
        spell_out(&mut plain, program);
        let known = definitions(&plain);
        let windows = Windows::new(&plain, false);
        let windowed = windows.of.keys().copied().collect();
        let mut found = Vec::new();
        blocks(&plain, &mut |stmts, value| {
            let region = region::region(stmts, value, &known, &facts, &windowed);
            let cut = region.and_then(|region| cut(&region, stmts, value, &windowed, (budget, func), program));
            found.push(cut.map(|(stmts, segmented)| {
                all.push(segmented);
                stmts
            }));
        });
        if found.iter().any(Option::is_some) {
            let mut found = found.into_iter();
            let mut cut = plain.clone();
            replace(&mut cut, &mut found);
            *body = cut;
        }
    });
    all
}

/// Calls `f` with every block that has a recurrence, inner ones first.
fn blocks<'e>(e: &'e Expr, f: &mut dyn FnMut(&'e [Stmt], &'e Expr)) {
    e.for_each_child(|child| blocks(child, f));
    if let ExprKind::Block(stmts, value) = &e.kind
        && stmts.iter().any(|stmt| matches!(stmt, Stmt::Rec(_)))
    {
        f(stmts, value);
    }
}

fn replace(e: &mut Expr, found: &mut dyn Iterator<Item = Option<Vec<Stmt>>>) {
    e.for_each_child_mut(|child| replace(child, found));
    if let ExprKind::Block(stmts, _) = &mut e.kind
        && stmts.iter().any(|stmt| matches!(stmt, Stmt::Rec(_)))
        && let Some(Some(cut)) = found.next()
    {
        *stmts = cut;
    }
}

/// Writes extents of families where they are asked for, and gives what blocks end in a name, so that reads are in sight.
fn spell_out(body: &mut Expr, program: &mut Program) {
    let mut extents = HashMap::new();
    body.walk(&mut |e| {
        if let ExprKind::Block(stmts, _) = &e.kind {
            for stmt in stmts {
                match stmt {
                    Stmt::Rec(recurrence) => {
                        for (var, family) in &recurrence.families {
                            extents
                                .insert(*var, family.axes.iter().map(|axis| axis.extent.clone()).collect::<Vec<_>>());
                        }
                    }
                    Stmt::Let(var, Expr { kind: ExprKind::Family(family), .. }) => {
                        extents.insert(*var, family.axes.iter().map(|axis| axis.extent.clone()).collect());
                    }
                    _ => {}
                }
            }
        }
    });
    spell_extents(body, &extents);
    body.walk_mut(&mut |e| {
        let ExprKind::Block(stmts, value) = &mut e.kind else { return };
        if !stmts.iter().any(|stmt| matches!(stmt, Stmt::Rec(_))) {
            return;
        }
        let results = match &mut value.kind {
            ExprKind::Tuple(items) => items.iter_mut().collect(),
            _ => vec![&mut **value],
        };
        for result in results {
            if matches!(result.kind, ExprKind::Var(_) | ExprKind::Unit) || result.ty == Type::Never {
                continue;
            }
            let (ty, span) = (result.ty.clone(), result.span);
            let var = new_var(program, "", &ty, VarKind::Temp, span);
            stmts.push(Stmt::Let(var, std::mem::replace(result, variable(var, &ty, span))));
        }
    });
}

fn spell_extents(e: &mut Expr, extents: &HashMap<VarId, Vec<Expr>>) {
    let dim = |e: &Expr| match &e.kind {
        ExprKind::Dim(of, axis) => match of.kind {
            ExprKind::Var(var) => extents.get(&var).map(|extents| extents[*axis].clone()),
            _ => None,
        },
        _ => None,
    };
    let spelt = match &e.kind {
        ExprKind::Cast(inner) if e.ty == Type::I64 => dim(inner),
        _ => dim(e).map(|extent| cast(extent, Scalar::I32)),
    };
    if let Some(spelt) = spelt {
        *e = spelt;
        // An extent may be that of another family.
        return spell_extents(e, extents);
    }
    e.for_each_child_mut(|child| spell_extents(child, extents));
}

/// The statements of a block with its region cut into segments, if that is ever needed.
fn cut(
    region: &Region,
    stmts: &[Stmt],
    value: &Expr,
    windowed: &HashSet<VarId>,
    (budget, func): (u64, FuncId),
    program: &mut Program,
) -> Option<(Vec<Stmt>, Segmented)> {
    let span = Span::default();
    let steps = steps(region);
    let parts = sweeps::schedule(region, stmts);
    let sizes = sizes(region, windowed, &parts);
    let all = region.members.iter().flat_map(|member| &member.families).map(|(var, _)| *var);
    let families = all.filter(|var| region.is_tape(*var) && !windowed.contains(var)).collect();
    let mut segmented = Segmented { func, families, steps, sizes, budget, known: None };
    let Sizes { stored, carried, segment } = &segmented.sizes;
    let known = [&segmented.steps, stored, carried, segment].map(as_int);
    let [Some(steps), Some(stored), Some(carried), Some(segment)] = known else {
        return Some((chosen_by_run(region, stmts, value, &segmented, &parts, program), segmented));
    };
    if steps.saturating_mul(stored) <= i64::try_from(budget).unwrap_or(i64::MAX) {
        return None;
    }
    let length = (steps as f64 * carried as f64 / segment.max(1) as f64).sqrt().ceil() as i64;
    let length = length.clamp(1, steps.max(1));
    let count = (steps + length - 1) / length;
    segmented.known = Some((length, count));
    let cut = Cut { length: int(length, span), count: int(count, span) };
    let mut conditions = conditions(region);
    conditions.retain(|condition| !matches!(condition.kind, ExprKind::Bool(true)));
    let made = Maker::new(region, stmts, program, cut).all(&parts);
    if conditions.is_empty() {
        let (before, rest) = stmts.split_at(region.stmts.start);
        let behind = &rest[region.stmts.len()..];
        let all = before.iter().cloned().chain(made).chain(behind.iter().cloned()).collect();
        return Some((all, segmented));
    }
    Some((either(region, stmts, value, conditions, made, Vec::new(), program), segmented))
}

fn sizes(region: &Region, windowed: &HashSet<VarId>, parts: &[Part]) -> Sizes {
    let is_again =
        |number: &usize| parts.iter().any(|part| matches!(part, Part::Sweep(sweep) if sweep.again.contains(number)));
    let zero = || int(0, Span::default());
    let mut sizes = Sizes { stored: zero(), carried: zero(), segment: zero() };
    let add = |to: &mut Expr, bytes: Expr| *to = plus(std::mem::replace(to, zero()), bytes);
    for (number, member) in region.members.iter().enumerate() {
        for ((var, family), axis) in member.families.iter().zip(&member.axes) {
            if !region.is_tape(*var) {
                continue;
            }
            let size = family.elem.scalar().map_or(0, Scalar::size) as i64;
            let others = family.axes.iter().enumerate().filter(|(k, _)| k != axis);
            let bytes = others.fold(int(size, Span::default()), |bytes, (_, axis)| times(bytes, axis.extent.clone()));
            if !windowed.contains(var) {
                add(&mut sizes.stored, bytes.clone());
            }
            if region.reader.tapes[var].carried && is_again(&number) {
                let width = if member.steps.is_some_and(|(down, _)| down) { member.ahead } else { member.back };
                add(&mut sizes.carried, times(bytes.clone(), int(width, Span::default())));
            }
            add(&mut sizes.segment, bytes);
        }
    }
    sizes
}

/// The number of steps: no family and no sum has more.
fn steps(region: &Region) -> Expr {
    let mut ends: Vec<&Expr> = Vec::new();
    let extents = region.members.iter().flat_map(|member| {
        member.families.iter().zip(&member.axes).map(|((_, family), axis)| &family.axes[*axis].extent)
    });
    for end in extents.chain(&region.ends) {
        if !ends.iter().any(|known| same(known, end)) {
            ends.push(end);
        }
    }
    ends.into_iter().cloned().reduce(larger).unwrap_or(int(0, Span::default()))
}

/// What must hold for the region to be cut: where it does not, the program has an error, which the uncut form reports.
fn conditions(region: &Region) -> Vec<Expr> {
    let mut conditions = Vec::new();
    for (var, picks) in &region.picks {
        let tape = &region.reader.tapes[var];
        let member = &region.members[tape.member];
        let Some((_, family)) = member.families.iter().find(|(own, _)| own == var) else { continue };
        for pick in picks.iter().filter(|pick| !pick.proven) {
            let at = cast(pick.at.clone(), Scalar::I64);
            conditions.push(less(int(-1, pick.at.span), at.clone()));
            conditions.push(less(at, family.axes[tape.axis].extent.clone()));
        }
    }
    conditions.extend(region.not_empty.iter().map(|(lo, hi)| less(lo.clone(), hi.clone())));
    conditions
}

fn less(a: Expr, b: Expr) -> Expr {
    match (as_int(&a), as_int(&b)) {
        (Some(x), Some(y)) => expr(ExprKind::Bool(x < y), Type::BOOL, a.span),
        _ => compare(Op::Lt, a, b),
    }
}

fn chosen_by_run(
    region: &Region,
    stmts: &[Stmt],
    value: &Expr,
    Segmented { steps, sizes, budget, .. }: &Segmented,
    parts: &[Part],
    program: &mut Program,
) -> Vec<Stmt> {
    let span = stmts_span(region);
    let bind = |program: &mut Program, stmts: &mut Vec<Stmt>, name: &str, value: Expr| {
        let var = new_var(program, name, &Type::I64, VarKind::Temp, span);
        stmts.push(Stmt::Let(var, value));
        variable(var, &Type::I64, span)
    };
    let mut first = Vec::new();
    let steps = bind(program, &mut first, "steps", steps.clone());
    let budget = i64::try_from(*budget).unwrap_or(i64::MAX);
    let mut conditions = conditions(region);
    conditions.insert(0, compare(Op::Gt, times(steps.clone(), sizes.stored.clone()), int(budget, span)));
    let mut cutting = Vec::new();
    let float = |e: Expr| cast(e, Scalar::F64);
    let carried = float(times(steps.clone(), sizes.carried.clone()));
    let share = over(carried, float(larger(sizes.segment.clone(), int(1, span))));
    let root = expr(ExprKind::Op(Op::Sqrt, vec![share]), Type::F64, span);
    let length = smaller(plus(cast(root, Scalar::I64), int(1, span)), larger(steps.clone(), int(1, span)));
    let length = bind(program, &mut cutting, "length", length);
    let count = over(plus(steps, plus(length.clone(), int(-1, span))), length.clone());
    let count = bind(program, &mut cutting, "segments", count);
    cutting.extend(Maker::new(region, stmts, program, Cut { length, count }).all(parts));
    either(region, stmts, value, conditions, cutting, first, program)
}

fn stmts_span(region: &Region) -> Span {
    region.members.first().map_or(Span::default(), |member| member.families[0].1.span)
}

/// The block with its region cut if all conditions hold, and as it was otherwise.
fn either(
    region: &Region,
    stmts: &[Stmt],
    value: &Expr,
    conditions: Vec<Expr>,
    cut: Vec<Stmt>,
    first: Vec<Stmt>,
    program: &mut Program,
) -> Vec<Stmt> {
    let span = stmts_span(region);
    let (before, rest) = stmts.split_at(region.stmts.start);
    let (uncut, behind) = rest.split_at(region.stmts.len());
    let mut used: HashSet<VarId> = behind.iter().flat_map(free_in).collect();
    used.extend(visit::free_vars(value));
    let mut results: Vec<VarId> = uncut.iter().flat_map(bound_by).filter(|var| used.contains(var)).collect();
    results.dedup();
    let types: Vec<Type> = results.iter().map(|var| program.vars[var.index()].ty.clone()).collect();
    let items: Vec<Expr> = results.iter().zip(&types).map(|(var, ty)| variable(*var, ty, span)).collect();
    let all = match &items[..] {
        [] => expr(ExprKind::Unit, Type::Unit, span),
        [one] => one.clone(),
        _ => expr(ExprKind::Tuple(items), Type::Tuple(types.clone().into()), span),
    };
    let ty = all.ty.clone();
    let mut branch = |stmts: Vec<Stmt>| {
        let block = expr(ExprKind::Block(stmts, Box::new(all.clone())), ty.clone(), span);
        visit::refresh(&block, program)
    };
    let (yes, no) = (branch(cut), branch(uncut.to_vec()));
    let yes = apart(yes, program);
    let condition = conditions.into_iter().reduce(both).expect("the budget is a condition");
    let chosen = choice(condition, yes, no);
    let mut out: Vec<Stmt> = before.iter().cloned().chain(first).collect();
    match &results[..] {
        [] => out.push(Stmt::Do(chosen)),
        [one] => out.push(Stmt::Let(*one, chosen)),
        _ => {
            let tuple = new_var(program, "", &ty, VarKind::Temp, span);
            out.push(Stmt::Let(tuple, chosen));
            for (k, (var, field)) in results.iter().zip(types).enumerate() {
                let field = expr(ExprKind::Field(Box::new(variable(tuple, &ty, span)), k), field, span);
                out.push(Stmt::Let(*var, field));
            }
        }
    }
    out.extend(behind.iter().cloned());
    out
}

/// A call of a function that holds a block: few runs need it, and those that do not need not compile it.
fn apart(mut block: Expr, program: &mut Program) -> Expr {
    let (ty, span) = (block.ty.clone(), block.span);
    let (mut args, mut params, mut names) = (Vec::new(), Vec::new(), HashMap::new());
    for var in visit::free_vars(&block) {
        let param = VarId(program.vars.len() as u32);
        let copy = ir::Var { kind: VarKind::Param, ..program.vars[var.index()].clone() };
        args.push(variable(var, &copy.ty, span));
        program.vars.push(copy);
        if let Some(known) = program.extents.get(&var).cloned() {
            program.extents.insert(param, known);
        }
        names.insert(var, param);
        params.push(param);
    }
    visit::rename(&mut block, &names);
    let func = FuncId(program.funcs.len() as u32);
    let name = Symbol::new("segments");
    program.funcs.push(Func { name, params, result: ty.clone(), body: block, span, rule: None });
    program.seldom.push(func);
    expr(ExprKind::Call(func, args), ty, span)
}

//! Quotients beside central differences: what `einc gradcheck` runs.
//!
//! The statements between a denominator and its numerator become a function of the denominator. It is called with each
//! cell moved a little up and down, and the cell of the quotient that is furthest off is printed behind a mark.

use crate::build::*;
use crate::depend::{backward, bound_by, forward};
use crate::reverse::new_var;
use crate::{Differentiator, behind_statements, dims, family_expr, fresh_binders};
use diagnostics::{Span, Symbol};
use ir::{
    Axis, Binder, Builtin, Clause, Expr, ExprKind, Family, Func, FuncId, Op, Program, Recurrence, Reduce, ReduceOp,
    Scalar, Slot, Stmt, Type, VarId, VarKind, WhereItem,
};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// Stands in front of what a comparison prints: the number of the comparison, the quotient's cell, the difference, all
/// extents of the quotient, and the place of the cell in row-major order.
pub const MARK: char = '\u{1}';

/// Stands behind the mark where a quotient along a direction is compared with the tangent of forward mode.
pub const FORWARD: char = 'f';

/// A quotient that is compared.
#[derive(Clone, Debug)]
pub struct Compared {
    pub span: Span,
    pub y: Symbol,
    pub x: Symbol,
    /// Coordinates of the numerator, then of the denominator, as far as they have names.
    pub coords: Vec<Option<Symbol>>,
}

/// By how much a cell moves, for numbers around 1: the cube root of the precision of `f64`.
const STEP: f64 = 6e-6;

#[derive(Clone, Copy)]
/// Where a quotient stands, with the statements that lead from its denominator to its numerator.
pub(crate) struct Place<'a> {
    pub y: VarId,
    pub x: VarId,
    pub quotient: VarId,
    pub statements: &'a [Stmt],
    pub span: Span,
}

impl Differentiator {
    /// Statements that compare a quotient with differences.
    pub(crate) fn compared(&mut self, program: &mut Program, place: &Place) -> Vec<Stmt> {
        let Some(comparisons) = &mut self.comparisons else { return Vec::new() };
        let number = comparisons.len();
        let info = |v: VarId| program.vars[v.index()].clone();
        let (y, x) = (info(place.y), info(place.x));
        let coords = y.coords.iter().chain(&x.coords).copied().collect();
        comparisons.push(Compared { span: place.span, y: y.name, x: x.name, coords });
        let mut out = Vec::new();
        if let Some(moved) = outlined(program, place) {
            let differences = differences(program, place, &moved, &mut out);
            report(program, place, differences, format!("{MARK}{number}"), &mut out);
        }
        if let Some((statements, contracted, tangent)) = self.along(program, place) {
            out.extend(statements);
            let place = Place { quotient: contracted, ..*place };
            report(program, &place, tangent, format!("{MARK}{FORWARD}{number}"), &mut out);
        }
        out
    }
}

/// The numerator as a function.
struct Moved {
    func: FuncId,
    /// What it takes, without the last parameter: the denominator, or what is added to it.
    operands: Vec<VarId>,
    /// The denominator is bound in a recurrence, whose later cells follow when one is moved.
    by_addition: bool,
}

fn outlined(program: &mut Program, place: &Place) -> Option<Moved> {
    let refs: Vec<&Stmt> = place.statements.iter().collect();
    let moving = forward(&refs, &[place.x]);
    let needed = backward(&refs, place.y);
    let mut path = Vec::new();
    let mut source = place.x;
    for statement in place.statements {
        let mut bound = HashSet::new();
        bound_by(statement, &mut bound);
        if bound.contains(&place.x) {
            if let Stmt::Rec(rec) = statement {
                source = new_var(program, "", &program.vars[place.x.index()].ty.clone(), place.span);
                path.push(Stmt::Rec(Rc::new(added_to(program, rec, place.x, source)?)));
            }
        } else if bound.iter().any(|v| moving.contains(v) && needed.contains(v)) {
            path.push(statement.clone());
        }
    }
    let y_ty = program.vars[place.y.index()].ty.clone();
    let mut body = behind_statements(path, var(place.y, y_ty.clone(), place.span));
    let mut frozen = HashMap::new();
    freeze(&mut body, &moving, &mut frozen, program);
    let mut body = ir::visit::refresh(&body, program);
    let mut free = ir::visit::free_vars(&body);
    free.retain(|v| *v != source);
    let mut names = HashMap::new();
    let mut params = Vec::new();
    for v in free.iter().chain([&source]) {
        program.vars.push(program.vars[v.index()].clone());
        let param = VarId(program.vars.len() as u32 - 1);
        if program.vars[param.index()].kind == VarKind::Coord {
            program.vars[param.index()].kind = VarKind::Param;
        }
        names.insert(*v, param);
        params.push(param);
    }
    ir::visit::rename(&mut body, &names);
    let id = FuncId(program.funcs.len() as u32);
    let name = Symbol::new("moved");
    program.funcs.push(Func { name, params, result: y_ty, body, span: place.span, rule: None });
    let original = |v: &VarId| frozen.iter().find(|(_, held)| *held == v).map_or(*v, |(v, _)| *v);
    Some(Moved { func: id, operands: free.iter().map(original).collect(), by_addition: source != place.x })
}

/// A recurrence in which something is added to each cell of one of its families.
fn added_to(program: &mut Program, rec: &Recurrence, x: VarId, added: VarId) -> Option<Recurrence> {
    let mut rec = rec.clone();
    let ty = program.vars[added.index()].ty.clone();
    let (_, family) = rec.families.iter_mut().find(|(v, _)| *v == x)?;
    for clause in &mut family.clauses {
        if clause.slots.len() < family.axes.len() {
            return None;
        }
        let span = clause.span;
        let index: Vec<Expr> = clause
            .slots
            .iter()
            .map(|slot| match slot {
                Slot::Coord(binder) => coord(binder.var, span),
                Slot::Fixed(at) => int(*at, Scalar::I32, span),
            })
            .collect();
        for e in std::iter::once(&mut clause.body).chain(clause.otherwise.as_mut()) {
            *e = binary(Op::Add, e.clone(), load(added, &ty, index.clone(), span));
        }
    }
    // Cells that no clause defines are zero, and move as well.
    let span = family.span;
    let binders = fresh_binders(program, &family.axes, span);
    let body = load(added, &ty, binders.iter().map(|b| coord(b.var, span)).collect(), span);
    let slots = binders.into_iter().map(Slot::Coord).collect();
    family.clauses.insert(0, Clause { slots, wheres: Vec::new(), body, otherwise: None, span });
    Some(rec)
}

/// What `stop_gradient` holds does not move: it reads stand-ins for the variables that do.
fn freeze(e: &mut Expr, moving: &HashSet<VarId>, frozen: &mut HashMap<VarId, VarId>, program: &mut Program) {
    if !matches!(e.kind, ExprKind::StopGradient(_)) {
        e.for_each_child_mut(|child| freeze(child, moving, frozen, program));
        return;
    }
    for v in ir::visit::free_vars(e) {
        if moving.contains(&v) && !frozen.contains_key(&v) {
            program.vars.push(program.vars[v.index()].clone());
            frozen.insert(v, VarId(program.vars.len() as u32 - 1));
        }
    }
    ir::visit::rename(e, frozen);
}

/// Central differences by every cell, with the coordinates of the denominator in front of those of the numerator.
fn differences(program: &mut Program, place: &Place, moved: &Moved, out: &mut Vec<Stmt>) -> VarId {
    let span = place.span;
    let (y_ty, x_ty) = (program.vars[place.y.index()].ty.clone(), program.vars[place.x.index()].ty.clone());
    let x = var(place.x, x_ty.clone(), span);
    let x_axes = dims(&x, x_ty.rank(), span);
    let at = fresh_binders(program, &x_axes, span);
    let index = |binders: &[Binder]| binders.iter().map(|b| coord(b.var, span)).collect::<Vec<Expr>>();
    let number = |value: f64| float(value, &Type::F64, span);
    let mut lets = Vec::new();
    let mut bind = |program: &mut Program, value: Expr| {
        let v = new_var(program, "", &value.ty, span);
        let read = var(v, value.ty.clone(), span);
        lets.push(Stmt::Let(v, value));
        read
    };
    let size = expr(ExprKind::Op(Op::Abs, vec![load(place.x, &x_ty, index(&at), span)]), Type::F64, span);
    let step = binary(Op::Mul, number(STEP), binary(Op::Max, number(1.0), size));
    let step = bind(program, step);
    let mut sides = Vec::new();
    for op in [Op::Add, Op::Sub] {
        let cells = fresh_binders(program, &x_axes, span);
        let same = at.iter().zip(&cells).map(|(a, c)| binary(Op::Eq, coord(a.var, span), coord(c.var, span)));
        let here = same.reduce(and).unwrap_or_else(|| truth(true, span));
        let cell = match moved.by_addition {
            true => number(0.0),
            false => load(place.x, &x_ty, index(&cells), span),
        };
        let there = binary(op, cell.clone(), step.clone());
        let value = expr(ExprKind::If(Box::new(here), Box::new(there), Box::new(cell)), Type::F64, span);
        let value = if cells.is_empty() { folded(value) } else { family_expr(cells, x_axes.clone(), value, span) };
        let value = bind(program, value);
        let args =
            moved.operands.iter().map(|v| var(*v, program.vars[v.index()].ty.clone(), span)).chain([value]).collect();
        let side = bind(program, expr(ExprKind::Call(moved.func, args), y_ty.clone(), span));
        sides.push(side);
    }
    let y_axes = dims(&var(place.y, y_ty.clone(), span), y_ty.rank(), span);
    let own = fresh_binders(program, &y_axes, span);
    let side = |side: &Expr| match side.kind {
        ExprKind::Var(v) => load(v, &y_ty, index(&own), span),
        _ => side.clone(),
    };
    let rise = binary(Op::Sub, side(&sides[0]), side(&sides[1]));
    let slope = binary(Op::Div, rise, binary(Op::Mul, number(2.0), step));
    let slope = if own.is_empty() { slope } else { family_expr(own, y_axes.clone(), slope, span) };
    let body = behind_statements(lets, slope);
    let axes: Vec<Axis> = x_axes.into_iter().chain(y_axes).collect();
    let rank = axes.len();
    let all = if at.is_empty() {
        body
    } else {
        let slots = at.into_iter().map(Slot::Coord).collect();
        let clause = Clause { slots, wheres: Vec::new(), body, otherwise: None, span };
        let family = Family { name: Symbol::new(""), axes, elem: Type::F64, clauses: vec![clause], span };
        expr(ExprKind::Family(Box::new(family)), Type::tensor(Type::F64, rank), span)
    };
    let v = new_var(program, "", &all.ty, span);
    out.push(Stmt::Let(v, all));
    v
}

/// Prints the cell that is furthest off, where there is one.
fn report(program: &mut Program, place: &Place, differences: VarId, mark: String, out: &mut Vec<Stmt>) {
    let span = place.span;
    let ty = program.vars[place.quotient.index()].ty.clone();
    let rank = ty.rank();
    let y_rank = program.vars[place.y.index()].ty.rank();
    let quotient = var(place.quotient, ty.clone(), span);
    let extents: Vec<Expr> = dims(&quotient, rank, span)
        .into_iter()
        .map(|axis| expr(ExprKind::Cast(Box::new(axis.extent)), Type::I32, span))
        .collect();
    let total = extents.iter().cloned().reduce(|a, b| binary(Op::Mul, a, b));
    // Both at one place of the quotient's cells in row-major order.
    let both = |at: &Expr| {
        let mut rest = at.clone();
        let mut index = Vec::new();
        for extent in extents.iter().rev() {
            index.insert(0, binary(Op::Rem, rest.clone(), extent.clone()));
            rest = binary(Op::Div, rest, extent.clone());
        }
        let turned = index[y_rank.min(rank)..].iter().chain(&index[..y_rank.min(rank)]).cloned().collect();
        (load(place.quotient, &ty, index, span), load(differences, &ty, turned, span))
    };
    let printed = |program: &mut Program, at: Expr| {
        let (quotient, difference) = both(&at);
        let mark = expr(ExprKind::Str(mark.as_str().into()), Type::Str, span);
        let items = [mark, quotient, difference].into_iter().chain(extents.iter().cloned()).chain([at]).collect();
        let print = expr(ExprKind::Builtin(Builtin::Print, items), Type::Unit, span);
        ir::visit::refresh(&print, program)
    };
    let Some(total) = total else {
        let print = printed(program, int(0, Scalar::I32, span));
        out.push(Stmt::Do(print));
        return;
    };
    let scan = new_var(program, "", &Type::I32, span);
    program.vars[scan.index()].kind = VarKind::Coord;
    let (quotient, difference) = both(&coord(scan, span));
    let mut wheres = Vec::new();
    let mut define = |program: &mut Program, value: Expr| {
        let v = new_var(program, "", &Type::F64, span);
        wheres.push(WhereItem::Def(v, value));
        var(v, Type::F64, span)
    };
    let (quotient, difference) = (define(program, quotient), define(program, difference));
    let size = |e: &Expr| expr(ExprKind::Op(Op::Abs, vec![e.clone()]), Type::F64, span);
    let off = size(&binary(Op::Sub, quotient.clone(), difference.clone()));
    let scale = binary(Op::Max, size(&quotient), size(&difference));
    let body = binary(Op::Div, off, binary(Op::Add, float(1.0, &Type::F64, span), scale));
    let hi = expr(ExprKind::Cast(Box::new(total.clone())), Type::I64, span);
    let binders = vec![Binder { var: scan, lo: int(0, Scalar::I64, span), hi }];
    let search = Reduce { op: ReduceOp::ArgMax, binders, wheres, body };
    let worst = new_var(program, "", &Type::I32, span);
    let search = Stmt::Let(worst, expr(ExprKind::Reduce(Box::new(search)), Type::I32, span));
    let print = printed(program, var(worst, Type::I32, span));
    let print = behind_statements(vec![search], print);
    let some = binary(Op::Gt, total, int(0, Scalar::I32, span));
    let nothing = expr(ExprKind::Unit, Type::Unit, span);
    out.push(Stmt::Do(expr(ExprKind::If(Box::new(some), Box::new(print), Box::new(nothing)), Type::Unit, span)));
}

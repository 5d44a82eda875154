//! Which way a quotient is accumulated: back from the numerator, or on from the denominator if that has fewer cells.

use crate::build::float;
use crate::depend::{bound_by, forward, leading};
use crate::differences::Place;
use crate::errors::Blocked;
use crate::record::{Derivation, Mode, Read, Step};
use crate::reverse::{Reverse, Source, new_var};
use crate::{Differentiator, carries, prune};
use diagnostics::Span;
use ir::{ExprKind, Program, Stmt, VarId};
use std::collections::HashSet;

/// What a walk forwards has made.
pub(crate) struct Pushed {
    pub tangent: Option<VarId>,
    pub statements: Vec<Stmt>,
    reads: Vec<Read>,
    made: Vec<(VarId, VarId)>,
}

impl Differentiator {
    /// Accumulates a quotient forwards, if that is less work and every step on the way can be taken so.
    pub(crate) fn pushed(
        &mut self,
        program: &mut Program,
        statements: &[Stmt],
        (y, x): (VarId, VarId),
        level: usize,
        span: Span,
    ) -> bool {
        let refs: Vec<&Stmt> = statements.iter().collect();
        if !self.is_wide(program, &refs, y, x) {
            return false;
        }
        let source = Source { x, direction: None };
        let Ok(pushed) = self.push(program, &refs, source, y, span) else { return false };
        let Some(tangent) = pushed.tangent else { return false };
        let mut out = pushed.statements;
        prune(&mut out, vec![tangent]);
        let mut bound = HashSet::new();
        out.iter().for_each(|statement| bound_by(statement, &mut bound));
        let is_step = |(_, tangent): &&(VarId, VarId)| bound.contains(tangent);
        let steps: Vec<Step> = pushed
            .made
            .iter()
            .filter(is_step)
            .map(|(v, tangent)| Step {
                operand: *v,
                adjoint: *tangent,
                reads: pushed.reads.iter().filter(|read| read.output == *v).cloned().collect(),
            })
            .collect();
        let is_helper = |v: &VarId| !steps.iter().any(|step| step.adjoint == *v);
        let mut helpers: Vec<VarId> = bound.iter().copied().filter(is_helper).collect();
        helpers.sort_unstable();
        self.derivations.push(Derivation { span, mode: Mode::Forward, y, x, steps, helpers });
        self.levels[level].bound.extend(bound);
        self.levels[level].statements.extend(out);
        self.quotients.insert((y, x), tangent);
        let compared = self.compared(program, &Place { y, x, quotient: tangent, statements, span });
        self.levels[level].statements.extend(compared);
        true
    }

    /// The tangent of `y` where a source moves, and what leads to it.
    pub(crate) fn push(
        &mut self,
        program: &mut Program,
        statements: &[&Stmt],
        source: Source,
        y: VarId,
        span: Span,
    ) -> Result<Pushed, Blocked> {
        let dependent = forward(statements, &[source.x]);
        let needed = leading(statements, y);
        let active: HashSet<VarId> =
            dependent.iter().copied().filter(|v| needed.contains(v) && carries(&program.vars[v.index()].ty)).collect();
        let on_path: HashSet<VarId> = dependent.intersection(&needed).copied().collect();
        if let Some(blocked) = self.opaque(program, &on_path) {
            return Err(blocked);
        }
        let mut walk = Reverse::new(self, program, &active, &dependent);
        let tangent = walk.push(statements, source, y, span)?;
        let (statements, reads, made) = walk.taken();
        Ok(Pushed { tangent, statements, reads, made })
    }

    /// A quotient along a direction, and the tangent of the numerator along it, which must be the same.
    pub(crate) fn along(&mut self, program: &mut Program, place: &Place) -> Option<(Vec<Stmt>, VarId, VarId)> {
        let span = place.span;
        let speeds = direction(program, place.x, span);
        let direction = new_var(program, "", &speeds.ty, span);
        let mut out = vec![Stmt::Let(direction, speeds)];
        let refs: Vec<&Stmt> = place.statements.iter().collect();
        let source = Source { x: place.x, direction: Some(direction) };
        let pushed = self.push(program, &refs, source, place.y, span).ok()?;
        out.extend(pushed.statements);
        let none = HashSet::new();
        let mut walk = Reverse::new(self, program, &none, &none);
        let contracted = walk.contracted(place.quotient, place.y, direction, span);
        out.extend(walk.taken().0);
        Some((out, contracted, pushed.tangent?))
    }

    /// Whether the numerator has more cells than the denominator, with steps in between that would carry them all.
    fn is_wide(&self, program: &Program, statements: &[&Stmt], y: VarId, x: VarId) -> bool {
        let (of_y, of_x) = (&program.vars[y.index()].ty, &program.vars[x.index()].ty);
        // The quotient has the type of the denominator.
        if y == x || of_y.elem() != of_x.elem() || of_y.rank() == 0 {
            return false;
        }
        let fewer = of_x.rank() == 0
            || self.cells(program, x).zip(self.cells(program, y)).is_some_and(|(of_x, of_y)| of_x < of_y);
        let (dependent, needed) = (forward(statements, &[x]), leading(statements, y));
        let recurs = |s: &&Stmt| matches!(s, Stmt::Rec(rec) if rec.families.iter().any(|(v, _)| *v == y));
        fewer && (statements.iter().any(recurs) || dependent.intersection(&needed).any(|v| *v != y && *v != x))
    }

    /// How many cells a variable has, if that is known.
    fn cells(&self, program: &Program, v: VarId) -> Option<i64> {
        let span = Span::default();
        let extent = |axis| {
            let known = program.known_extent(v, axis, span).or_else(|| self.extents.get(&(v, axis)).cloned());
            match known?.kind {
                ExprKind::Int(extent) => Some(extent),
                _ => None,
            }
        };
        (0..program.vars[v.index()].ty.rank()).map(extent).product()
    }
}

/// Speeds of all cells of a variable, no two alike: what a quotient is multiplied with to compare both modes.
pub(crate) fn direction(program: &mut Program, x: VarId, span: Span) -> ir::Expr {
    use crate::build::{binary, coord, expr, int, var};
    use ir::{Op, Scalar};
    let ty = program.vars[x.index()].ty.clone();
    let elem = ty.elem().clone();
    let axes = crate::dims(&var(x, ty.clone(), span), ty.rank(), span);
    if axes.is_empty() {
        return float(1.0, &elem, span);
    }
    let binders = crate::fresh_binders(program, &axes, span);
    let mut at = int(1, Scalar::I32, span);
    for (k, binder) in binders.iter().enumerate() {
        let part = binary(Op::Mul, int(3 + 4 * k as i64, Scalar::I32, span), coord(binder.var, span));
        at = binary(Op::Add, at, part);
    }
    let angle = expr(ExprKind::Cast(Box::new(at)), elem.clone(), span);
    let cell = expr(ExprKind::Op(Op::Cos, vec![angle]), elem, span);
    crate::family_expr(binders, axes, cell, span)
}

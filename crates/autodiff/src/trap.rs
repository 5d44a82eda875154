//! `--trap-nan`: the first cell that is no number, or infinite, ends the program and says where it stands.
//!
//! Every float that a binding or a cell gets is tested when it is computed, before anything reads it; of a derivative the
//! message names the binding that it belongs to.

use crate::build::*;
use crate::reverse::new_var;
use crate::terms::is_float;
use crate::{Derivation, Mode, Step};
use diagnostics::Span;
use ir::{Builtin, Expr, ExprKind, Family, Op, Piece, Program, Slot, Stmt, Type, VarId};
use std::collections::HashMap;
use std::rc::Rc;

/// Makes a program test what it computes. Derivatives are known by what differentiation tells.
pub fn trap(program: &mut Program, derivations: &[Derivation]) {
    let ends = |d: &Derivation, step: &Step| match d.mode {
        Mode::Reverse => (d.y, step.operand),
        Mode::Forward => (step.operand, d.x),
    };
    let steps = derivations.iter().flat_map(|d| d.steps.iter().map(move |step| (step.adjoint, ends(d, step))));
    let adjoints = steps.collect();
    let mut pass = Trap { adjoints };
    program.rewrite(|body, program, _| pass.visit(program, body));
}

struct Trap {
    /// Numerator and operand of each adjoint.
    adjoints: HashMap<VarId, (VarId, VarId)>,
}

impl Trap {
    fn visit(&mut self, program: &mut Program, e: &mut Expr) {
        e.for_each_child_mut(|child| self.visit(program, child));
        let ExprKind::Block(statements, _) = &mut e.kind else { return };
        for statement in statements {
            match statement {
                Stmt::Let(v, value) => self.binding(program, *v, value),
                Stmt::Rec(rec) => {
                    for (v, family) in &mut Rc::make_mut(rec).families {
                        let name = self.name(program, *v);
                        cells(program, family, name.as_deref());
                    }
                }
                Stmt::Do(_) => {}
            }
        }
    }

    fn binding(&mut self, program: &mut Program, v: VarId, value: &mut Expr) {
        let name = self.name(program, v);
        if let ExprKind::Family(family) = &mut value.kind
            && !family.axes.is_empty()
        {
            cells(program, family, name.as_deref());
        } else if value.ty.rank() == 0
            && is_float(&value.ty)
            && name.is_some()
            && !ir::visit::free_vars(value).is_empty()
        {
            // A constant is what the program says that it is.
            let (taken, span) = (value.clone(), value.span);
            *value = tested(program, taken, name.as_deref(), &[], span);
        }
    }

    fn name(&self, program: &Program, v: VarId) -> Option<String> {
        let name = |v: VarId| program.vars[v.index()].name.as_str();
        match self.adjoints.get(&v) {
            Some((y, x)) => Some(format!("`@{} / @{}`", name(*y), name(*x))),
            None if name(v).is_empty() => None,
            None => Some(format!("`{}`", name(v))),
        }
    }
}

fn cells(program: &mut Program, family: &mut Family, name: Option<&str>) {
    if !is_float(&family.elem) {
        return;
    }
    let rank = family.axes.len();
    for clause in &mut family.clauses {
        if clause.slots.len() < rank {
            // A slice is tested where its own cells are.
            continue;
        }
        let span = clause.span;
        for e in std::iter::once(&mut clause.body).chain(clause.otherwise.as_mut()) {
            let taken = e.clone();
            *e = tested(program, taken, name, &clause.slots, span);
        }
    }
}

/// `{ let v = e; if v - v != 0.0 { panic(…) }; v }`
fn tested(program: &mut Program, e: Expr, name: Option<&str>, slots: &[Slot], span: Span) -> Expr {
    let (ty, place) = (e.ty.clone(), e.span);
    let v = new_var(program, "", &ty, place);
    let value = var(v, ty.clone(), place);
    let off = binary(Op::Sub, value.clone(), value.clone());
    let test = binary(Op::Ne, off, float(0.0, &ty, place));
    let mut pieces = vec![text(&format!("{} is ", name.unwrap_or("a value"))), Piece::Value(value.clone(), None)];
    for (k, slot) in slots.iter().enumerate() {
        let before = if k == 0 { " at [" } else { ", " };
        match slot {
            Slot::Coord(binder) => {
                let name = program.vars[binder.var.index()].name;
                let equals = if name.as_str().is_empty() { String::new() } else { format!("{name} = ") };
                pieces.push(text(&format!("{before}{equals}")));
                pieces.push(Piece::Value(coord(binder.var, place), None));
            }
            Slot::Fixed(at) => pieces.push(text(&format!("{before}{at}"))),
        }
    }
    if !slots.is_empty() {
        pieces.push(text("]"));
    }
    // The clause is where the cell is defined; a formula of the library or of a derivative stands where it came from.
    let at = if span == Span::default() { place } else { span };
    let words = expr(ExprKind::Interpolate(pieces), Type::Str, at);
    let panic = expr(ExprKind::Builtin(Builtin::Panic, vec![words]), Type::Never, at);
    let nothing = expr(ExprKind::Unit, Type::Unit, at);
    let stop = expr(ExprKind::If(Box::new(test), Box::new(panic), Box::new(nothing)), Type::Unit, at);
    expr(ExprKind::Block(vec![Stmt::Let(v, e), Stmt::Do(stop)], Box::new(value)), ty, place)
}

fn text(text: &str) -> Piece {
    Piece::Text(text.into())
}

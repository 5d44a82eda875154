//! Statements, families and recurrences as text.

use super::Printer;
use crate::expr::*;
use crate::types::VarId;

impl Printer<'_> {
    pub(super) fn stmt(&mut self, stmt: &Stmt) {
        self.newline();
        match stmt {
            Stmt::Let(var, value) => {
                self.text("let ");
                self.new_var(*var);
                self.let_value(*var, value);
                self.declare(*var);
            }
            Stmt::Rec(recurrence) => {
                for (var, _) in &recurrence.families {
                    self.declare(*var);
                }
                self.text("rec ");
                self.lines(|p| {
                    for (var, family) in &recurrence.families {
                        p.newline();
                        p.var(*var);
                        p.family(family);
                    }
                    for order in &recurrence.order {
                        p.newline();
                        p.text("order ");
                        p.order(recurrence, order);
                    }
                });
            }
            Stmt::Do(e) => {
                self.expr(e);
                self.text(";");
            }
        }
    }

    fn let_value(&mut self, var: VarId, value: &Expr) {
        match &value.kind {
            ExprKind::Family(family) => self.family(family),
            _ => {
                self.text(": ");
                match self.program.vars.get(var.index()) {
                    Some(info) => self.ty(&info.ty),
                    None => self.text("?"),
                }
                self.text(" = ");
                self.expr(value);
                self.text(";");
            }
        }
    }

    fn order(&mut self, recurrence: &Recurrence, order: &Order) {
        let family = |k: usize| recurrence.families.get(k);
        match order {
            Order::Cells(k) => match family(*k) {
                Some((var, _)) => self.var(*var),
                None => self.show(k),
            },
            Order::Steps { axes, descending, body } => {
                self.text(if *descending { "down " } else { "up " });
                self.list(axes, |p, &(k, axis)| match family(k) {
                    Some((var, family)) => {
                        p.var(*var);
                        match family.axes.get(axis).and_then(|axis| axis.name) {
                            Some(name) => p.show(format_args!(".{name}")),
                            None => p.show(format_args!(".{axis}")),
                        }
                    }
                    None => p.show(format_args!("{k}.{axis}")),
                });
                self.text(" { ");
                self.list(body, |p, inner| p.order(recurrence, inner));
                self.text(" }");
            }
        }
    }

    /// `[i: 0..n]: f32 = …` where one clause covers all cells, else the axes and the clauses below each other.
    pub(super) fn family(&mut self, family: &Family) {
        if let [clause] = &family.clauses[..]
            && covers(clause, &family.axes)
        {
            self.scope(|p| {
                p.text("[");
                p.list(&clause.slots, |p, slot| p.slot(slot, ": "));
                p.text("]: ");
                p.ty(&family.elem);
                p.clause_body(clause);
            });
            return;
        }
        self.text("[");
        self.list(&family.axes, |p, axis| {
            match axis.name {
                Some(name) => p.show(name),
                None => p.text("_"),
            }
            p.text(": 0..");
            p.bound(&axis.extent);
        });
        self.text("]: ");
        self.ty(&family.elem);
        self.text(" ");
        self.lines(|p| {
            for clause in &family.clauses {
                p.scope(|p| {
                    p.newline();
                    p.text("[");
                    p.list(&clause.slots, |p, slot| p.slot(slot, " in "));
                    p.text("]");
                    p.clause_body(clause);
                });
            }
        });
    }

    fn slot(&mut self, slot: &Slot, between: &str) {
        match slot {
            Slot::Coord(binder) => self.binder(binder, between),
            Slot::Fixed(k) => self.show(k),
        }
    }

    pub(super) fn binder(&mut self, binder: &Binder, between: &str) {
        self.new_var(binder.var);
        self.text(between);
        self.bound(&binder.lo);
        self.text("..");
        self.bound(&binder.hi);
        self.declare(binder.var);
    }

    /// The end of a range or an index: its integer type goes without saying.
    pub(super) fn bound(&mut self, e: &Expr) {
        match e.kind {
            ExprKind::Int(value) => self.show(value),
            _ => self.atom(e),
        }
    }

    fn clause_body(&mut self, clause: &Clause) {
        self.text(" = ");
        self.gated(&clause.body, &clause.wheres);
        if let Some(otherwise) = &clause.otherwise {
            self.text(" else ");
            self.expr(otherwise);
        }
        self.text(";");
    }

    /// The body stands before the `where`, and sees what that defines.
    pub(super) fn gated(&mut self, body: &Expr, wheres: &[WhereItem]) {
        for item in wheres {
            if let WhereItem::Def(var, _) = item {
                self.declare(*var);
            }
        }
        self.expr(body);
        if wheres.is_empty() {
            return;
        }
        self.text(" where ");
        self.list(wheres, |p, item| match item {
            WhereItem::Guard(e) => p.expr(e),
            WhereItem::Def(var, e) => {
                p.var(*var);
                p.text(" = ");
                p.expr(e);
            }
        });
    }
}

/// Whether the clause has every cell, as far as its text shows.
fn covers(clause: &Clause, axes: &[Axis]) -> bool {
    clause.slots.len() == axes.len()
        && clause.slots.iter().zip(axes).all(|(slot, axis)| match slot {
            Slot::Coord(binder) => matches!(binder.lo.kind, ExprKind::Int(0)) && same_bound(&binder.hi, &axis.extent),
            Slot::Fixed(_) => false,
        })
}

fn same_bound(a: &Expr, b: &Expr) -> bool {
    use ExprKind::*;
    match (&a.kind, &b.kind) {
        (Int(a), Int(b)) => a == b,
        (Var(a), Var(b)) => a == b,
        (Dim(a, k), Dim(b, l)) => k == l && same_bound(a, b),
        (Cast(x), Cast(y)) => a.ty == b.ty && same_bound(x, y),
        (Op(f, a), Op(g, b)) => f == g && a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_bound(a, b)),
        _ => false,
    }
}

//! Where the families of a group read each other, with what is known at each of these places.

use crate::sym::{Facts, Mark, Sym};
use diagnostics::Span;
use ir::{Binder, Clause, CompClause, Expr, ExprKind, Family, Slot, Stmt, VarId, WhereItem};
use std::collections::HashMap;

/// A place in a clause that reads a family of the group.
pub(crate) struct Place<'a> {
    pub reader: usize,
    pub clause: usize,
    pub target: usize,
    /// One per axis; `None` where the whole family is used at once.
    pub index: Option<&'a [Expr]>,
    pub span: Span,
    /// Where the facts begin that hold only behind the slots of the clause.
    pub behind_slots: Mark,
}

/// Calls `on_read` at every read, with the facts that hold there.
pub(crate) fn for_each_read<'a>(
    families: &'a [(VarId, Family)],
    facts: &mut Facts,
    on_read: &mut dyn FnMut(&Place<'a>, &mut Facts),
) {
    let members = families.iter().enumerate().map(|(at, (var, _))| (*var, at)).collect();
    for (reader, (_, family)) in families.iter().enumerate() {
        for (clause, parts) in family.clauses.iter().enumerate() {
            let scope = facts.mark();
            let mut walker = Walker { members: &members, facts, on_read, reader, clause, behind_slots: scope };
            for slot in &parts.slots {
                walker.slot(slot);
            }
            walker.behind_slots = walker.facts.mark();
            walker.behind_slots(parts);
            facts.reset(scope);
        }
    }
}

/// The reader's own cell: a coordinate or a literal per axis, nothing where the clause defines a slice.
pub(crate) fn cell(family: &Family, clause: &Clause) -> Vec<Option<Sym>> {
    let slots = clause.slots.iter().map(|slot| match slot {
        Slot::Coord(binder) => Some(Sym::var(binder.var)),
        Slot::Fixed(index) => Some(Sym::constant(*index)),
    });
    slots.chain(std::iter::repeat(None)).take(family.axes.len()).collect()
}

struct Walker<'a, 'f> {
    members: &'f HashMap<VarId, usize>,
    facts: &'f mut Facts,
    on_read: &'f mut dyn FnMut(&Place<'a>, &mut Facts),
    reader: usize,
    clause: usize,
    behind_slots: Mark,
}

impl<'a> Walker<'a, '_> {
    fn read(&mut self, target: VarId, index: Option<&'a [Expr]>, span: Span) {
        if let Some(&target) = self.members.get(&target) {
            let Walker { reader, clause, behind_slots, .. } = *self;
            (self.on_read)(&Place { reader, clause, target, index, span, behind_slots }, self.facts);
        }
    }

    fn slot(&mut self, slot: &'a Slot) {
        if let Slot::Coord(binder) = slot {
            self.binder(binder);
        }
    }

    fn binder(&mut self, binder: &'a Binder) {
        self.expr(&binder.lo);
        self.expr(&binder.hi);
        self.facts.bind(binder);
    }

    fn where_item(&mut self, item: &'a WhereItem) {
        match item {
            WhereItem::Def(var, value) => {
                self.expr(value);
                self.facts.define(*var, value);
            }
            WhereItem::Guard(guard) => {
                self.expr(guard);
                self.facts.assume(guard, true);
            }
        }
    }

    /// What stands behind the slots of a clause.
    fn behind_slots(&mut self, clause: &'a Clause) {
        let scope = self.facts.mark();
        for item in &clause.wheres {
            self.where_item(item);
        }
        self.expr(&clause.body);
        self.facts.reset(scope);
        if let Some(otherwise) = &clause.otherwise {
            let mut guards = clause.wheres.iter().filter_map(|item| match item {
                WhereItem::Guard(guard) => Some(guard),
                WhereItem::Def(..) => None,
            });
            // Of several guards, any may be the closed one.
            if let (Some(guard), None) = (guards.next(), guards.next()) {
                self.facts.assume(guard, false);
            }
            self.expr(otherwise);
            self.facts.reset(scope);
        }
    }

    fn family(&mut self, family: &'a Family) {
        for axis in &family.axes {
            self.expr(&axis.extent);
        }
        for clause in &family.clauses {
            let scope = self.facts.mark();
            for slot in &clause.slots {
                self.slot(slot);
            }
            self.behind_slots(clause);
            self.facts.reset(scope);
        }
    }

    fn under(&mut self, cond: &Expr, truth: bool, e: &'a Expr) {
        let scope = self.facts.mark();
        self.facts.assume(cond, truth);
        self.expr(e);
        self.facts.reset(scope);
    }

    fn expr(&mut self, e: &'a Expr) {
        match &e.kind {
            ExprKind::Var(var) => self.read(*var, None, e.span),
            ExprKind::Load(load) => {
                match &load.tensor.kind {
                    ExprKind::Var(var) => self.read(*var, Some(&load.index), e.span),
                    _ => self.expr(&load.tensor),
                }
                for index in &load.index {
                    self.expr(index);
                }
            }
            // An extent is known before any cell is.
            ExprKind::Dim(tensor, _) if matches!(tensor.kind, ExprKind::Var(_)) => {}
            ExprKind::Block(stmts, value) => {
                for stmt in stmts {
                    self.stmt(stmt);
                }
                self.expr(value);
            }
            ExprKind::If(cond, yes, no) => {
                self.expr(cond);
                self.under(cond, true, yes);
                self.under(cond, false, no);
            }
            ExprKind::And(a, b) => {
                self.expr(a);
                self.under(a, true, b);
            }
            ExprKind::Or(a, b) => {
                self.expr(a);
                self.under(a, false, b);
            }
            ExprKind::Reduce(reduce) => {
                let scope = self.facts.mark();
                for binder in &reduce.binders {
                    self.binder(binder);
                }
                for item in &reduce.wheres {
                    self.where_item(item);
                }
                self.expr(&reduce.body);
                self.facts.reset(scope);
            }
            ExprKind::Family(family) => self.family(family),
            ExprKind::Comprehension(comprehension) => {
                let scope = self.facts.mark();
                for clause in &comprehension.clauses {
                    match clause {
                        CompClause::For(var, items) => {
                            self.expr(items);
                            if let ExprKind::Range(lo, hi) = &items.kind {
                                self.facts.bind_range(*var, lo, hi);
                            }
                        }
                        CompClause::Let(var, value) => {
                            self.expr(value);
                            self.facts.define(*var, value);
                        }
                        CompClause::If(cond) => {
                            self.expr(cond);
                            self.facts.assume(cond, true);
                        }
                    }
                }
                self.expr(&comprehension.body);
                self.facts.reset(scope);
                for extent in &comprehension.row {
                    self.expr(extent);
                }
            }
            _ => e.for_each_child(|child| self.expr(child)),
        }
    }

    fn stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::Let(var, value) => {
                self.expr(value);
                self.facts.define(*var, value);
            }
            Stmt::Rec(recurrence) => {
                for (_, family) in &recurrence.families {
                    self.family(family);
                }
            }
            Stmt::Do(e) => self.expr(e),
        }
    }
}

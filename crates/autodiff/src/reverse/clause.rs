//! The clauses of a family backwards: each at the cells that no later one defines.

use super::*;

impl Reverse<'_> {
    /// Terms of one clause of a family, at the cells that it defines.
    pub(super) fn clause(&mut self, family: &Family, k: usize, adjoint: VarId) -> Result<(), Blocked> {
        let clause = &family.clauses[k];
        let span = clause.span;
        if calls::calls_for_each(family, clause) {
            return self.calls(family, k, adjoint);
        }
        if clause.slots.len() < family.axes.len() {
            return Err(Blocked::unknown(&clause.body));
        }
        let (outer, index) = self.points(clause, span);
        let items = self.uncovered(family, k, &index, span);
        let ct = self.cotangent(adjoint, index.clone(), span);
        let saved = std::mem::replace(&mut self.slots, clause.slots.clone());
        let (active, dependent) = (self.active, self.dependent);
        let context = Context { binders: Vec::new(), items: items.clone() };
        let mut cell = Cell::new(self, active, dependent);
        let mut result = cell
            .blocked_items(&clause.wheres)
            .and_then(|()| cell.blocked(&clause.body))
            .and_then(|()| cell.pull_under(&clause.wheres, &clause.body, ct.clone(), &context));
        if let (Ok(()), Some(otherwise)) = (&result, &clause.otherwise) {
            let open = holds(&clause.wheres, truth(true, span));
            let closed = ir::visit::refresh(&not(open), cell.around.program());
            let mut context = context.clone();
            context.items.push(WhereItem::Guard(closed));
            result = cell.pull_under(&before_guards(&clause.wheres), otherwise, ct, &context);
        }
        let terms = std::mem::take(&mut cell.terms);
        self.slots = saved;
        result?;
        for term in terms {
            self.contribute(outer.clone(), term);
        }
        Ok(())
    }

    /// The coordinates of a clause, and the index of its cells.
    pub(super) fn points(&self, clause: &Clause, span: Span) -> (Vec<Binder>, Vec<Expr>) {
        let mut outer = Vec::new();
        let mut index = Vec::new();
        for slot in &clause.slots {
            match slot {
                Slot::Coord(binder) => {
                    outer.push(binder.clone());
                    index.push(coord(binder.var, span));
                }
                Slot::Fixed(at) => index.push(int(*at, Scalar::I32, span)),
            }
        }
        (outer, index)
    }

    /// That no later clause defines the cell at an index.
    pub(super) fn uncovered(&mut self, family: &Family, k: usize, index: &[Expr], span: Span) -> Vec<WhereItem> {
        let mut items = Vec::new();
        for later in &family.clauses[k + 1..] {
            let covered = self.covers(later, &family.clauses[k], index, span);
            let open = not(covered);
            if !matches!(open.kind, ExprKind::Bool(true)) {
                items.push(WhereItem::Guard(open));
            }
        }
        items
    }

    /// Whether a later clause defines the cell at an index: it stands in its box, and its guards hold.
    fn covers(&mut self, later: &Clause, earlier: &Clause, index: &[Expr], span: Span) -> Expr {
        let mut inside = truth(true, span);
        let mut by: HashMap<VarId, Expr> = HashMap::new();
        for ((slot, own), at) in later.slots.iter().zip(&earlier.slots).zip(index) {
            match slot {
                Slot::Fixed(n) => {
                    let test = match own {
                        Slot::Fixed(m) => truth(n == m, span),
                        Slot::Coord(b) if outside(b, *n) => truth(false, span),
                        Slot::Coord(_) => binary(Op::Eq, at.clone(), int(*n, Scalar::I32, span)),
                    };
                    inside = and(inside, test);
                }
                Slot::Coord(binder) => {
                    by.insert(binder.var, at.clone());
                    let bound = |e: &Expr| match e.kind {
                        ExprKind::Int(v) => int(v, Scalar::I32, span),
                        _ => expr(ExprKind::Cast(Box::new(e.clone())), Type::I32, span),
                    };
                    let (from_low, to_high) = match own {
                        Slot::Fixed(m) => (at_least(*m, &binder.lo), below(*m, &binder.hi)),
                        Slot::Coord(b) => {
                            let disjoint = matches!((&b.hi.kind, &binder.lo.kind), (ExprKind::Int(h), ExprKind::Int(l)) if h <= l)
                                || matches!((&binder.hi.kind, &b.lo.kind), (ExprKind::Int(h), ExprKind::Int(l)) if h <= l);
                            if disjoint {
                                return truth(false, span);
                            }
                            let low = matches!((&binder.lo.kind, &b.lo.kind), (ExprKind::Int(l), ExprKind::Int(own)) if l <= own)
                                || solve::same(&binder.lo, &b.lo);
                            let high = matches!((&binder.hi.kind, &b.hi.kind), (ExprKind::Int(h), ExprKind::Int(own)) if h >= own)
                                || solve::same(&binder.hi, &b.hi);
                            (low.then_some(true), high.then_some(true))
                        }
                    };
                    inside = and(
                        inside,
                        match from_low {
                            Some(known) => truth(known, span),
                            None => binary(Op::Ge, at.clone(), bound(&binder.lo)),
                        },
                    );
                    inside = and(
                        inside,
                        match to_high {
                            Some(known) => truth(known, span),
                            None => binary(Op::Lt, at.clone(), bound(&binder.hi)),
                        },
                    );
                }
            }
        }
        if matches!(inside.kind, ExprKind::Bool(false)) || later.otherwise.is_some() {
            return inside;
        }
        let mut open = holds(&later.wheres, truth(true, span));
        ir::visit::substitute(&mut open, &by, self.program);
        let open = ir::visit::refresh(&open, self.program);
        and(inside, open)
    }
}

fn outside(binder: &Binder, n: i64) -> bool {
    matches!(binder.lo.kind, ExprKind::Int(lo) if n < lo) || matches!(binder.hi.kind, ExprKind::Int(hi) if n >= hi)
}

fn at_least(m: i64, lo: &Expr) -> Option<bool> {
    match lo.kind {
        ExprKind::Int(lo) => Some(m >= lo),
        _ => None,
    }
}

fn below(m: i64, hi: &Expr) -> Option<bool> {
    match hi.kind {
        ExprKind::Int(hi) => Some(m < hi),
        _ => None,
    }
}

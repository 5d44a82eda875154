//! Lifting: a family that is bound inside cells becomes one that is indexed by the coordinates around it as well.

use super::value::{Cells, Tensor};
use super::{Normaliser, Outcome, Unsupported, make};
use diagnostics::Symbol;
use ir::*;
use std::collections::{HashMap, HashSet};

/// One thing that surrounds the expression in evaluation, in the order of evaluation.
#[derive(Clone)]
pub(super) enum Item {
    Coord {
        binder: Binder,
        /// Of the axis that it runs along.
        extent: Expr,
        /// The recurrence (by depth) and the axis of the family in evaluation that it stands for.
        step: Option<(usize, usize)>,
        name: Option<Symbol>,
    },
    /// A literal slot of a recurrence.
    Fixed {
        at: i64,
        extent: Expr,
        step: (usize, usize),
        name: Option<Symbol>,
    },
    Def(VarId, Expr),
    Guard(u32, Expr),
}

impl Item {
    fn step(&self) -> Option<(usize, usize)> {
        match self {
            Item::Coord { step, .. } => *step,
            Item::Fixed { step, .. } => Some(*step),
            _ => None,
        }
    }

    fn free(&self) -> Vec<VarId> {
        match self {
            Item::Def(_, e) | Item::Guard(_, e) => visit::free_vars(e),
            Item::Coord { binder, .. } => {
                let mut free = visit::free_vars(&binder.lo);
                free.extend(visit::free_vars(&binder.hi));
                free
            }
            Item::Fixed { .. } => Vec::new(),
        }
    }
}

/// Which part of the scope a lifted family takes along.
pub(super) struct Selection {
    /// Positions in the scope of the coordinates that become its first axes.
    pub coords: Vec<usize>,
    /// Positions of definitions and guards, in order.
    pub kept: Vec<usize>,
    /// The recurrence that it belongs to.
    pub group: Option<usize>,
}

impl Normaliser<'_> {
    pub(super) fn push_guard(&mut self, guard: Expr) {
        self.guards += 1;
        self.scope.push(Item::Guard(self.guards, guard));
    }

    /// The part of the scope that `needed` variables come from.
    fn close(&self, needed: &mut HashSet<VarId>) {
        for item in self.scope.iter().rev() {
            match item {
                Item::Def(var, _) if needed.contains(var) => needed.extend(item.free()),
                Item::Coord { binder, .. } if needed.contains(&binder.var) => needed.extend(item.free()),
                _ => {}
            }
        }
    }

    fn coords_among(&self, needed: &HashSet<VarId>) -> HashSet<VarId> {
        let among = self.scope.iter().filter_map(|item| match item {
            Item::Coord { binder, .. } if needed.contains(&binder.var) => Some(binder.var),
            _ => None,
        });
        among.collect()
    }

    /// What a family with these free variables is indexed by and guarded by. With `everything`, all guards come along
    /// with all their coordinates; a harmless family drops those that do not fit; the others are asked for together:
    /// a cell is computed if any cell around it needs it.
    pub(super) fn select(
        &mut self,
        free: &[VarId],
        harmless: bool,
        everything: bool,
    ) -> Outcome<(Selection, Option<Expr>)> {
        let mut needed: HashSet<VarId> = free.iter().copied().collect();
        self.close(&mut needed);
        let mut with_guards = needed.clone();
        for item in &self.scope {
            if let Item::Guard(..) = item {
                with_guards.extend(item.free());
            }
        }
        self.close(&mut with_guards);
        let group = self.group_of(&with_guards);
        let mut coords = self.coords_among(if everything { &with_guards } else { &needed });
        if let Some(depth) = group {
            for item in &self.scope {
                if let Item::Coord { binder, step: Some((level, _)), .. } = item
                    && *level <= depth
                {
                    coords.insert(binder.var);
                }
            }
        }
        let mut guards = Vec::new();
        let mut left = Vec::new();
        for k in 0..self.scope.len() {
            if let Item::Guard(..) = self.scope[k] {
                let mut own: HashSet<VarId> = self.scope[k].free().into_iter().collect();
                self.close(&mut own);
                if self.coords_among(&own).is_subset(&coords) {
                    needed.extend(own);
                    guards.push(k);
                } else {
                    left.push(k);
                }
            }
        }
        let positions = |wanted: &dyn Fn(&Item) -> bool| -> Vec<usize> {
            (0..self.scope.len()).filter(|k| wanted(&self.scope[*k])).collect()
        };
        let selection = Selection {
            coords: positions(&|item| match item {
                Item::Coord { binder, .. } => coords.contains(&binder.var),
                Item::Fixed { step, .. } => group.is_some_and(|depth| step.0 <= depth),
                _ => false,
            }),
            kept: (0..self.scope.len())
                .filter(|k| match &self.scope[*k] {
                    Item::Def(var, _) => needed.contains(var),
                    Item::Guard(..) => guards.contains(k),
                    _ => false,
                })
                .collect(),
            group,
        };
        let gate = if left.is_empty() || harmless { None } else { Some(self.gate(&selection, &left)?) };
        Ok((selection, gate))
    }

    /// Whether any cell around asks for the cell at the selected coordinates, as a read of a family of its own.
    fn gate(&mut self, selection: &Selection, left: &[usize]) -> Outcome<Expr> {
        let coord = |k: &usize| match &self.scope[*k] {
            Item::Coord { binder, .. } => Some(binder.var),
            _ => None,
        };
        let names: Vec<VarId> = selection.coords.iter().filter_map(coord).collect();
        let guards = self.scope.iter().filter_map(|item| if let Item::Guard(id, _) = item { Some(*id) } else { None });
        let key = (names, guards.collect::<Vec<u32>>());
        let span =
            self.scope[left[0]].free().first().map(|var| self.program.vars[var.index()].span).unwrap_or_default();
        if let Some((var, prefix)) = self.gates.get(&key).cloned() {
            let prefix = self.all_fresh(&prefix);
            return Ok(make::load(self.read_var(var, span), prefix, span));
        }
        let mut asked = HashSet::new();
        for item in &self.scope {
            if let Item::Guard(..) = item {
                asked.extend(item.free());
            }
        }
        self.close(&mut asked);
        let (mut binders, mut wheres) = (Vec::new(), Vec::new());
        for (k, item) in self.scope.iter().enumerate() {
            match item {
                Item::Coord { binder, .. } if !selection.coords.contains(&k) && asked.contains(&binder.var) => {
                    binders.push(binder.clone());
                }
                Item::Def(var, e) if asked.contains(var) => wheres.push(WhereItem::Def(*var, e.clone())),
                Item::Guard(_, e) => wheres.push(WhereItem::Guard(e.clone())),
                _ => {}
            }
        }
        let body = make::truth(true, span);
        let reduce = ExprKind::Reduce(Box::new(Reduce { op: ReduceOp::Any, binders, wheres, body }));
        let any = make::expr(reduce, Type::BOOL, span);
        let any = self.fresh(&any);
        let coordinates: Vec<Item> = selection.coords.iter().map(|k| self.scope[*k].clone()).collect();
        let scope = std::mem::replace(&mut self.scope, coordinates);
        let own = Family {
            name: Symbol::new("open"),
            axes: Vec::new(),
            elem: Type::BOOL,
            clauses: vec![Clause { slots: Vec::new(), wheres: Vec::new(), body: any, otherwise: None, span }],
            span,
        };
        let temp = Var { name: Symbol::new("open"), ty: Type::BOOL, span, kind: VarKind::Temp, coords: Vec::new() };
        // All the coordinates are kept: what reads the gate has them.
        let all = Selection { coords: (0..self.scope.len()).collect(), kept: Vec::new(), group: selection.group };
        let placed = self.place_selected(temp, None, own, all, None);
        self.scope = scope;
        let (var, prefix) = placed?;
        self.gates.insert(key, (var, prefix.clone()));
        Ok(make::load(self.read_var(var, span), prefix, span))
    }

    /// Puts a family where it belongs: in front of the statement, or into the recurrence whose families it reads.
    /// Gives the variable, which is `target` where nothing is added to its axes, and the indices for the added ones.
    pub(super) fn place(&mut self, like: Var, target: Option<VarId>, own: Family) -> Outcome<(VarId, Vec<Expr>)> {
        let whole = make::family(own);
        let free = visit::free_vars(&whole);
        let harmless = make::is_total(&whole) && make::is_harmless(&whole);
        let (selection, gate) = self.select(&free, harmless, false)?;
        let ExprKind::Family(own) = whole.kind else { return Err(Unsupported) };
        self.place_selected(like, target, *own, selection, gate)
    }

    pub(super) fn place_selected(
        &mut self,
        mut like: Var,
        target: Option<VarId>,
        own: Family,
        selection: Selection,
        gate: Option<Expr>,
    ) -> Outcome<(VarId, Vec<Expr>)> {
        let lifted = self.lifted(own, &selection, gate)?;
        let prefix = self.prefix(&selection);
        like.ty = Type::tensor(lifted.elem.clone(), lifted.axes.len());
        let own_names = if like.coords.len() + prefix.len() == lifted.axes.len() { like.coords } else { Vec::new() };
        like.coords = lifted.axes.iter().map(|axis| axis.name).collect();
        for (k, name) in own_names.into_iter().enumerate() {
            like.coords[prefix.len() + k] = name;
        }
        let name = like.name;
        let var = match target {
            Some(var) if prefix.is_empty() => var,
            _ => self.new_var(like),
        };
        self.note_family(var, &lifted);
        match selection.group {
            Some(depth) => {
                let steps = self.step_axes(&selection);
                self.groups[depth].join(vec![(var, Family { name, ..lifted })], vec![Order::Cells(0)], vec![steps]);
            }
            None => {
                let value = self.statement_value(Family { name, ..lifted })?;
                self.out.push(Stmt::Let(var, value));
            }
        }
        Ok((var, prefix))
    }

    /// A scalar needs no family, and neither does a tensor that is not made for each cell of something.
    fn statement_value(&mut self, mut family: Family) -> Outcome<Expr> {
        if let [clause] = &family.clauses[..]
            && clause.slots.is_empty()
            && !family.axes.is_empty()
        {
            return self.whole_under(family);
        }
        if !family.axes.is_empty() || family.clauses.len() != 1 || family.clauses[0].otherwise.is_some() {
            return Ok(make::family(family));
        }
        let mut clause = family.clauses.remove(0);
        let guarded = clause.wheres.iter().any(|item| matches!(item, WhereItem::Guard(_)));
        if guarded && let ExprKind::Reduce(reduce) = &mut clause.body.kind {
            // Nothing is zero here as well, if the ranges do not need what stands before them now.
            let empty_is_zero = matches!(reduce.op, ReduceOp::Sum | ReduceOp::Any);
            let ends = || reduce.binders.iter().flat_map(|binder| [&binder.lo, &binder.hi]);
            let free: Vec<VarId> = ends().flat_map(visit::free_vars).collect();
            let defined = |item: &WhereItem| matches!(item, WhereItem::Def(var, _) if free.contains(var));
            if empty_is_zero && ends().all(make::is_total) && !clause.wheres.iter().any(defined) {
                clause.wheres.append(&mut reduce.wheres);
                reduce.wheres = clause.wheres;
                return Ok(clause.body);
            }
        }
        if guarded && make::has_reduction(&clause.body) {
            family.clauses.push(clause);
            return Ok(make::family(family));
        }
        let zero = make::zero(&family.elem, family.span);
        let mut value = clause.body;
        let mut lets = Vec::new();
        for item in clause.wheres.into_iter().rev() {
            match item {
                WhereItem::Def(var, e) => lets.insert(0, Stmt::Let(var, e)),
                WhereItem::Guard(guard) => {
                    let zero = zero.clone().ok_or(Unsupported)?;
                    value = make::select(guard, make::block(std::mem::take(&mut lets), value), zero);
                }
            }
        }
        Ok(make::block(lets, value))
    }

    /// A tensor as a whole, with zeros in the place of it where a guard is closed.
    fn whole_under(&mut self, mut family: Family) -> Outcome<Expr> {
        let clause = family.clauses.pop().ok_or(Unsupported)?;
        let mut value = clause.body;
        for item in clause.wheres.into_iter().rev() {
            match item {
                WhereItem::Def(var, e) => value = make::block(vec![Stmt::Let(var, e)], value),
                WhereItem::Guard(guard) => {
                    let span = family.span;
                    let body = make::zero(&family.elem, span).ok_or(Unsupported)?;
                    let mut slots = Vec::new();
                    for axis in &family.axes {
                        let (lo, hi) = (make::int(0, Type::I64, span), self.fresh(&axis.extent));
                        slots.push(Slot::Coord(Binder { var: self.new_coord(axis.name, span), lo, hi }));
                    }
                    let clauses = vec![Clause { slots, wheres: Vec::new(), body, otherwise: None, span }];
                    value = make::select(guard, value, make::family(Family { clauses, ..family.clone() }));
                }
            }
        }
        Ok(value)
    }

    /// The indices, in the scope, of the coordinates that are added.
    pub(super) fn prefix(&self, selection: &Selection) -> Vec<Expr> {
        let index = selection.coords.iter().filter_map(|k| match &self.scope[*k] {
            Item::Coord { binder, .. } => Some(self.read_var(binder.var, self.program.vars[binder.var.index()].span)),
            Item::Fixed { at, extent, .. } => Some(make::int(*at, Type::I32, extent.span)),
            _ => None,
        });
        index.collect()
    }

    /// Which added axis runs along which step of the recurrences around.
    pub(super) fn step_axes(&self, selection: &Selection) -> HashMap<(usize, usize), usize> {
        let steps = selection.coords.iter().enumerate();
        steps.filter_map(|(axis, k)| Some((self.scope[*k].step()?, axis))).collect()
    }

    /// The family with the selected coordinates as first axes, and what is kept of the scope in every clause.
    pub(super) fn lifted(&mut self, own: Family, selection: &Selection, gate: Option<Expr>) -> Outcome<Family> {
        let mut axes = Vec::new();
        for k in &selection.coords {
            let (extent, name) = match &self.scope[*k] {
                Item::Coord { binder, extent, name, .. } => {
                    if !self.is_natural(&binder.lo) {
                        return Err(Unsupported);
                    }
                    (extent.clone(), *name)
                }
                Item::Fixed { extent, name, .. } => (extent.clone(), *name),
                _ => return Err(Unsupported),
            };
            axes.push(Axis { name, extent: self.visible(&extent)? });
        }
        let mut open = Vec::new();
        for item in &self.scope {
            if let Item::Guard(_, guard) = item {
                open.push(guard.clone());
            }
        }
        for axis in &own.axes {
            let mut extent = self.visible(&axis.extent)?;
            if !make::is_total(&extent) && !open.is_empty() {
                // Nobody may ask for the extent of what is not evaluated.
                for guard in open.iter().rev() {
                    if self.is_inside(guard) {
                        return Err(Unsupported);
                    }
                    let none = make::int(0, Type::I64, extent.span);
                    extent = make::select(self.fresh(guard), extent, none);
                }
            }
            axes.push(Axis { name: axis.name, extent });
        }
        let mut clauses = Vec::new();
        for clause in own.clauses {
            self.lift_clause(clause, selection, &gate, &axes, &mut clauses)?;
        }
        Ok(Family { axes, clauses, ..own })
    }

    fn lift_clause(
        &mut self,
        clause: Clause,
        selection: &Selection,
        gate: &Option<Expr>,
        axes: &[Axis],
        clauses: &mut Vec<Clause>,
    ) -> Outcome<()> {
        let span = clause.span;
        let mut slots = Vec::new();
        let mut wheres: Vec<WhereItem> = gate.iter().cloned().map(WhereItem::Guard).collect();
        for k in 0..self.scope.len() {
            if selection.coords.contains(&k) {
                let extent = &axes[slots.len()].extent;
                slots.push(match self.scope[k].clone() {
                    Item::Coord { binder, .. } => self.slot(binder, extent, &mut wheres),
                    Item::Fixed { at, .. } => Slot::Fixed(at),
                    _ => return Err(Unsupported),
                });
            } else if selection.kept.contains(&k) {
                wheres.push(match &self.scope[k] {
                    Item::Def(var, e) => WhereItem::Def(*var, e.clone()),
                    Item::Guard(_, e) => WhereItem::Guard(e.clone()),
                    _ => return Err(Unsupported),
                });
            }
        }
        for slot in clause.slots {
            let extent = &axes[slots.len()].extent;
            slots.push(match slot {
                Slot::Coord(binder) => self.slot(binder, extent, &mut wheres),
                fixed => fixed,
            });
        }
        // The cells that are closed from outside must not get the value of `else`, which is for closed guards here.
        let split = clause.otherwise.is_some() && wheres.iter().any(|item| matches!(item, WhereItem::Guard(_)));
        let mut parts = Vec::new();
        if let (true, Some(otherwise)) = (split, &clause.otherwise) {
            let early = clause.wheres.iter().take_while(|item| matches!(item, WhereItem::Def(..)));
            parts.push(Clause {
                slots: slots.clone(),
                wheres: wheres.iter().chain(early).cloned().collect(),
                body: otherwise.clone(),
                otherwise: None,
                span,
            });
        }
        wheres.extend(clause.wheres);
        let otherwise = if split { None } else { clause.otherwise };
        parts.push(Clause { slots, wheres, body: clause.body, otherwise, span });
        for part in parts {
            clauses.push(self.fresh_clause(part, axes));
        }
        Ok(())
    }

    /// A range that reads coordinates becomes guards.
    fn slot(&mut self, binder: Binder, extent: &Expr, ranges: &mut Vec<WhereItem>) -> Slot {
        let span = binder.lo.span;
        let at = make::cast(self.read_var(binder.var, span), Type::I64);
        let lo = if self.is_inside(&binder.lo) {
            ranges.push(WhereItem::Guard(make::op(Op::Ge, vec![at.clone(), binder.lo])));
            make::int(0, Type::I64, span)
        } else {
            binder.lo
        };
        let hi = if self.is_inside(&binder.hi) {
            ranges.push(WhereItem::Guard(make::op(Op::Lt, vec![at, binder.hi])));
            self.fresh(extent)
        } else {
            binder.hi
        };
        Slot::Coord(Binder { var: binder.var, lo, hi })
    }

    /// The clause with variables of its own.
    fn fresh_clause(&mut self, clause: Clause, axes: &[Axis]) -> Clause {
        let (elem, span) = (clause.body.ty.clone(), clause.span);
        let family = Family { name: Symbol::new(""), axes: axes.to_vec(), elem, clauses: vec![clause], span };
        let copy = self.fresh(&make::family(family));
        match copy.kind {
            ExprKind::Family(mut family) => family.clauses.remove(0),
            _ => unreachable!("a copy of a family is a family"),
        }
    }

    /// A scalar of its own, by the coordinates that it reads.
    pub(super) fn place_scalar(&mut self, like: Var, target: Option<VarId>, body: Expr) -> Outcome<Expr> {
        let span = body.span;
        let own = Family {
            name: like.name,
            axes: Vec::new(),
            elem: body.ty.clone(),
            clauses: vec![Clause { slots: Vec::new(), wheres: Vec::new(), body, otherwise: None, span }],
            span,
        };
        let (var, prefix) = self.place(like, target, own)?;
        Ok(make::load(self.read_var(var, span), prefix, span))
    }

    /// The tensor as a variable, or the last axes of one.
    pub(super) fn stored(&mut self, tensor: Tensor, name: Option<VarId>) -> Outcome<Tensor> {
        let Cells::Pending { coords, cell } = &tensor.cells else { return Ok(tensor) };
        let extents = self.all_fresh(&tensor.extents);
        let family = self.single(&tensor, coords.clone(), extents, cell.clone());
        self.stored_family(family, name, tensor.names.clone(), tensor.extents)
    }

    pub(super) fn stored_family(
        &mut self,
        family: Family,
        name: Option<VarId>,
        names: Vec<Option<Symbol>>,
        extents: Vec<Expr>,
    ) -> Outcome<Tensor> {
        let (elem, span) = (family.elem.clone(), family.span);
        let like = match name {
            Some(var) => self.program.vars[var.index()].clone(),
            None => Var { name: family.name, ty: Type::Unit, span, kind: VarKind::Temp, coords: names.clone() },
        };
        let target = name.filter(|var| !self.env.contains_key(var));
        let family = Family { name: like.name, ..family };
        let (var, prefix) = self.place(like, target, family)?;
        Ok(Tensor { elem, extents, names, cells: Cells::Stored { var, prefix }, span })
    }
}

//! A region as sweeps: its families with a coordinate for the segment and one for the step within it.
//!
//! Step `t` of a member is the cell `v = t - segment * length + back` of its segment. Steps of a recurrence that a
//! segment needs and does not compute come from what the segment before it left (`carried`): they are the checkpoints.

use super::build::*;
use super::reads::*;
use super::region::{Member, Pick, Region, step_of};
use super::sweeps::{Part, Sweep};
use crate::plan::linear::Linear;
use diagnostics::Span;
use ir::{
    Axis, Binder, Clause, Expr, ExprKind, Family, Op, Order, Program, Recurrence, Reduce, ReduceOp, Scalar, Slot, Stmt,
    Type, VarId, VarKind, WhereItem, visit,
};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// How the steps are cut.
pub struct Cut {
    /// Steps of a segment, and how many segments there are: numbers, or variables that stand for them.
    pub length: Expr,
    pub count: Expr,
}

pub struct Maker<'r, 'e, 'p> {
    pub region: &'r Region<'e>,
    pub stmts: &'e [Stmt],
    pub program: &'p mut Program,
    pub cut: Cut,
    /// The families of the sweep that is being made, by those that they stand for.
    here: HashMap<VarId, VarId>,
    carried: HashMap<VarId, VarId>,
    /// Steps that are read by themselves: the index, what holds the step for each segment, and the last segment.
    picked: HashMap<VarId, Vec<(Expr, VarId, Expr)>>,
    /// Sums of each statement, in order, as cells of coordinates.
    sums: HashMap<usize, Vec<Taken>>,
}

/// A sum of a statement, taken.
struct Taken {
    tensors: Vec<VarId>,
    last: Expr,
    coords: Vec<VarId>,
    ty: Type,
    /// What a mean is divided by.
    count: Option<Expr>,
}

/// The families of a sweep, and what happens in a segment.
#[derive(Default)]
struct Group {
    families: Vec<(VarId, Family)>,
    body: Vec<Order>,
}

impl Group {
    fn cells(&mut self, var: VarId, family: Family) {
        self.body.push(Order::Cells(self.families.len()));
        self.families.push((var, family));
    }
}

/// The place of a reader in its segment.
struct Here {
    step: Linear,
    segment: VarId,
    /// Its own step within the segment, and how many come before the segment's own.
    within: VarId,
    back: i64,
}

impl<'r, 'e, 'p> Maker<'r, 'e, 'p> {
    pub fn new(region: &'r Region<'e>, stmts: &'e [Stmt], program: &'p mut Program, cut: Cut) -> Self {
        Maker {
            region,
            stmts,
            program,
            cut,
            here: HashMap::new(),
            carried: HashMap::new(),
            picked: HashMap::new(),
            sums: HashMap::new(),
        }
    }

    pub fn all(mut self, parts: &[Part]) -> Vec<Stmt> {
        let mut out = Vec::new();
        for part in parts {
            match part {
                Part::Sweep(sweep) => self.sweep(sweep, &mut out),
                Part::Plain(k) => {
                    let stmt = self.plain(*k);
                    out.push(stmt);
                }
            }
        }
        out
    }

    fn sweep(&mut self, sweep: &Sweep, out: &mut Vec<Stmt>) {
        let descending = sweep.descending.unwrap_or(false);
        let mut numbers: Vec<usize> = sweep.members.iter().chain(&sweep.again).copied().collect();
        numbers.sort_unstable();
        self.here.clear();
        for (var, family) in numbers.iter().flat_map(|number| &self.region.members[*number].families) {
            let here = self.tensor_like(*var, family.axes.len() + 1);
            self.here.insert(*var, here);
        }
        let mut group = Group::default();
        for number in &numbers {
            self.member(*number, sweep.members.contains(number), &mut group);
        }
        let last =
            if descending { int(0, Span::default()) } else { minus(self.cut.count.clone(), int(1, Span::default())) };
        for number in sweep.members.iter() {
            for (k, (var, _)) in self.region.members[*number].families.iter().enumerate() {
                for pick in self.region.picks.get(var).into_iter().flatten() {
                    self.pick((*number, k), pick, descending, &last, &mut group);
                }
            }
        }
        for (stmt, sum) in &sweep.sums {
            self.sum(*stmt, sum, descending, &last, &mut group);
        }
        let axes = (0..group.families.len()).map(|family| (family, 0)).collect();
        let order = vec![Order::Steps { axes, descending, body: group.body }];
        out.push(Stmt::Rec(Rc::new(Recurrence { families: group.families, order })));
        for number in sweep.members.iter() {
            for k in 0..self.region.members[*number].families.len() {
                out.extend(self.put_together(*number, k));
            }
        }
    }

    fn tensor_like(&mut self, var: VarId, rank: usize) -> VarId {
        let (name, span) = (self.program.vars[var.index()].name, self.program.vars[var.index()].span);
        let ty = Type::tensor(self.program.vars[var.index()].ty.elem().clone(), rank);
        new_var(self.program, name.as_str(), &ty, VarKind::Temp, span)
    }

    fn segment(&mut self, span: Span) -> (VarId, Slot, Axis) {
        let var = new_coord(self.program, "segment", span);
        let hi = self.cut.count.clone();
        let axis = Axis { name: Some(diagnostics::Symbol::new("segment")), extent: hi.clone() };
        (var, Slot::Coord(Binder { var, lo: int(0, span), hi }), axis)
    }

    /// The families of a member in segments, and what its next segment needs of them.
    fn member(&mut self, number: usize, is_first: bool, group: &mut Group) {
        let member = &self.region.members[number];
        let first = group.families.len();
        if is_first {
            for (var, family) in &member.families {
                if self.region.reader.tapes[var].carried {
                    let carried = self.tensor_like(*var, family.axes.len() + 1);
                    self.carried.insert(*var, carried);
                }
            }
        }
        for k in 0..member.families.len() {
            let (var, _) = member.families[k];
            let family = self.in_segments(member, k);
            group.families.push((self.here[&var], family));
        }
        match member.steps {
            None => group.body.push(Order::Cells(first)),
            Some((descending, body)) => {
                let axes = member.axes.iter().enumerate().map(|(k, axis)| (first + k, axis + 1)).collect();
                let body = body.iter().map(|order| moved(order, first)).collect();
                group.body.push(Order::Steps { axes, descending, body });
            }
        }
        if is_first {
            for k in 0..member.families.len() {
                let (var, _) = member.families[k];
                if let Some(carried) = self.carried.get(&var).copied() {
                    let family = self.left(member, k);
                    group.cells(carried, family);
                }
            }
        }
    }

    /// Of how many steps a segment of a member consists, with those around it.
    fn extent(&self, member: &Member) -> Expr {
        plus(self.cut.length.clone(), int(member.back + member.ahead, Span::default()))
    }

    fn in_segments(&mut self, member: &Member<'e>, k: usize) -> Family {
        let (var, family) = member.families[k];
        let axis = member.axes[k];
        let (_, _, segments) = self.segment(family.span);
        let mut axes = vec![segments];
        axes.extend(family.axes.iter().cloned());
        axes[axis + 1].extent = self.extent(member);
        let mut clauses = Vec::new();
        if self.carried.contains_key(&var) {
            clauses.push(self.left_before(member, k));
        }
        clauses.extend(family.clauses.iter().map(|clause| self.clause(member, k, clause)));
        let own = Family { name: family.name, axes, elem: family.elem.clone(), clauses, span: family.span };
        self.fresh(own)
    }

    /// A copy whose coordinates and definitions are its own.
    fn fresh(&mut self, family: Family) -> Family {
        let (ty, span) = (Type::tensor(family.elem.clone(), family.axes.len()), family.span);
        let copy = visit::refresh(&expr(ExprKind::Family(Box::new(family)), ty, span), self.program);
        match copy.kind {
            ExprKind::Family(family) => *family,
            _ => unreachable!("a copy of a family is one"),
        }
    }

    /// Coordinates of all axes of a family but that of its steps.
    fn others(&mut self, family: &Family, axis: usize, within: Slot) -> (Vec<Slot>, Vec<Expr>) {
        let span = family.span;
        let binders = along(self.program, &family.axes, span);
        let mut index = coords_of(&binders, span);
        let mut slots: Vec<Slot> = binders.into_iter().map(Slot::Coord).collect();
        if let Slot::Coord(binder) = &within {
            index[axis] = variable(binder.var, &Type::I32, span);
        }
        slots[axis] = within;
        (slots, index)
    }

    /// The steps that the segment before this one has left.
    fn left_before(&mut self, member: &Member, k: usize) -> Clause {
        let (var, family) = member.families[k];
        let (span, axis) = (family.span, member.axes[k]);
        let descending = member.steps.is_some_and(|(descending, _)| descending);
        let segment = new_coord(self.program, "segment", span);
        let within = new_coord(self.program, "", span);
        let count = self.cut.count.clone();
        let first_ahead = plus(self.cut.length.clone(), int(member.back, span));
        let (segments, steps, from, at) = if descending {
            let steps = (first_ahead.clone(), self.extent(member));
            let at = minus(wide(within, span), first_ahead);
            ((int(0, span), minus(count, int(1, span))), steps, 1, at)
        } else {
            ((int(1, span), count), (int(0, span), int(member.back, span)), -1, wide(within, span))
        };
        let slot = |var, (lo, hi)| Slot::Coord(Binder { var, lo, hi });
        let (others, mut index) = self.others(family, axis, slot(within, steps));
        index[axis] = at;
        index.insert(0, plus(wide(segment, span), int(from, span)));
        let slots = std::iter::once(slot(segment, segments)).chain(others).collect();
        let body = load(self.carried[&var], &family.elem, index, span);
        Clause { slots, wheres: Vec::new(), body, otherwise: None, span }
    }

    /// What the next segment needs of this one's steps: the last ones, or the first where steps go down.
    fn left(&mut self, member: &Member, k: usize) -> Family {
        let (var, family) = member.families[k];
        let (span, axis) = (family.span, member.axes[k]);
        let descending = member.steps.is_some_and(|(descending, _)| descending);
        let (extent, from) = match descending {
            true => (int(member.ahead, span), int(member.back, span)),
            false => (int(member.back, span), self.cut.length.clone()),
        };
        let within = new_coord(self.program, "", span);
        let (segment, slot, segments) = self.segment(span);
        let steps = Slot::Coord(Binder { var: within, lo: int(0, span), hi: extent.clone() });
        let (others, mut index) = self.others(family, axis, steps);
        index[axis] = plus(wide(within, span), from);
        index.insert(0, variable(segment, &Type::I32, span));
        let body = load(self.here[&var], &family.elem, index, span);
        let mut axes = vec![segments];
        axes.extend(family.axes.iter().cloned());
        axes[axis + 1].extent = extent;
        let slots = std::iter::once(slot).chain(others).collect();
        let clause = Clause { slots, wheres: Vec::new(), body, otherwise: None, span };
        Family { name: family.name, axes, elem: family.elem.clone(), clauses: vec![clause], span }
    }

    /// The first step of a segment, less so many.
    fn start(&self, segment: VarId, back: i64, span: Span) -> Expr {
        plus(times(wide(segment, span), self.cut.length.clone()), int(-back, span))
    }

    fn clause(&mut self, member: &Member, k: usize, clause: &Clause) -> Clause {
        let axis = member.axes[k];
        let span = clause.span;
        let (segment, segments, _) = self.segment(span);
        let (lo, hi, coord) = match &clause.slots[axis] {
            Slot::Fixed(at) => (int(*at, span), int(at + 1, span), None),
            Slot::Coord(binder) => (binder.lo.clone(), binder.hi.clone(), Some(binder.var)),
        };
        let name = coord.map_or("", |coord| self.program.vars[coord.index()].name.as_str());
        let within = new_coord(self.program, name, span);
        let extent = self.extent(member);
        let (least, most) = match member.steps {
            None => (int(0, span), extent),
            Some((false, _)) => (int(member.back, span), extent),
            Some((true, _)) => (int(0, span), plus(self.cut.length.clone(), int(member.back, span))),
        };
        let start = self.start(segment, member.back, span);
        let begins = as_int(&lo).is_some_and(|lo| lo <= 0) && as_int(&least).is_some_and(|least| least >= member.back);
        let from = if begins { least } else { larger(least, minus(lo, start.clone())) };
        let to = smaller(most, minus(hi, start.clone()));
        let at = plus(wide(within, span), start);
        let step = step_of(clause, axis).expect("a clause of a member has a step");
        let here = Here { step, segment, within, back: member.back };

        let mut copy = clause.clone();
        copy.slots[axis] = Slot::Coord(Binder { var: within, lo: from, hi: to });
        let mut by = HashMap::new();
        if let Some(coord) = coord {
            by.insert(coord, cast(at.clone(), Scalar::I32));
        }
        for (other, slot) in copy.slots.iter_mut().enumerate() {
            if let Slot::Coord(binder) = slot
                && other != axis
            {
                for end in [&mut binder.lo, &mut binder.hi] {
                    self.cells(end, Some(&here));
                    visit::substitute(end, &by, self.program);
                }
            }
        }
        copy.slots.insert(0, segments);
        for item in &mut copy.wheres {
            let (WhereItem::Def(_, e) | WhereItem::Guard(e)) = item;
            self.cells(e, Some(&here));
        }
        self.cells(&mut copy.body, Some(&here));
        if let Some(e) = &mut copy.otherwise {
            self.cells(e, Some(&here));
        }
        if let Some(coord) = coord {
            let mut parts: Vec<&mut Expr> = vec![&mut copy.body];
            parts.extend(copy.otherwise.as_mut());
            let time = self.named_step(coord, &mut parts, &mut copy.wheres, at);
            copy.wheres.splice(0..0, time);
        }
        copy
    }

    /// Where a coordinate is used for its value, a definition stands for it.
    fn named_step(
        &mut self,
        coord: VarId,
        parts: &mut Vec<&mut Expr>,
        wheres: &mut [WhereItem],
        at: Expr,
    ) -> Option<WhereItem> {
        let mut used = false;
        let time =
            new_var(self.program, self.program.vars[coord.index()].name.as_str(), &Type::I32, VarKind::Temp, at.span);
        let names = HashMap::from([(coord, time)]);
        let items = wheres.iter_mut().map(|item| {
            let (WhereItem::Def(_, e) | WhereItem::Guard(e)) = item;
            e
        });
        for e in items.chain(parts.iter_mut().map(|e| &mut **e)) {
            used |= visit::free_vars(e).contains(&coord);
            visit::rename(e, &names);
        }
        used.then(|| WhereItem::Def(time, cast(at, Scalar::I32)))
    }

    /// Replaces reads of steps: those at the reader's own by cells of its segment, those by themselves by what was kept.
    fn cells(&mut self, e: &mut Expr, here: Option<&Here>) {
        let mut read = None;
        if let ExprKind::Load(load) = &e.kind
            && let Some((var, tape)) = self.region.reader.tape(&load.tensor)
        {
            let at = self.region.reader.read(load, tape.axis, here.map(|here| &here.step), &HashSet::new());
            read = Some((var, tape.axis, self.region.members[tape.member].back, at));
        }
        e.for_each_child_mut(|child| self.cells(child, here));
        let (span, ExprKind::Load(load)) = (e.span, &mut e.kind) else { return };
        match (read, here) {
            (Some((var, axis, back, Read::At(ahead))), Some(here)) => {
                // What an earlier sweep has stored as a whole is read as it is.
                let Some(cells) = self.here.get(&var).copied() else { return };
                let ahead = int(ahead + back - here.back, span);
                let within = variable(here.within, &Type::I32, span);
                load.index[axis] =
                    if as_int(&ahead) == Some(0) { within } else { plus(wide(here.within, span), ahead) };
                load.tensor = variable(cells, &Type::tensor(e.ty.clone(), load.index.len() + 1), span);
                load.index.insert(0, variable(here.segment, &Type::I32, span));
                load.proven.insert(0, true);
                load.spans.insert(0, span);
            }
            (Some((var, axis, _, Read::Step(at, _))), _) => {
                let known = self.picked.get(&var).into_iter().flatten();
                let mut known = known.filter(|(index, ..)| crate::plan::bounds::same(index, &at));
                let Some((_, kept, last)) = known.next() else { return };
                load.tensor = variable(*kept, &Type::tensor(e.ty.clone(), load.index.len()), span);
                load.index.remove(axis);
                load.proven.remove(axis);
                load.spans.remove(axis);
                load.index.insert(0, last.clone());
                load.proven.insert(0, true);
                load.spans.insert(0, span);
            }
            _ => {}
        }
    }

    /// One step, carried on to the last segment.
    fn pick(&mut self, (number, k): (usize, usize), pick: &Pick, descending: bool, last: &Expr, group: &mut Group) {
        let member = &self.region.members[number];
        let (var, family) = member.families[k];
        if self.region.reader.tapes[&var].whole {
            return;
        }
        let (span, axis) = (family.span, member.axes[k]);
        let kept = self.tensor_like(var, family.axes.len());
        let (segment, slot, segments) = self.segment(span);
        let mut others: Vec<Axis> = family.axes.clone();
        others.remove(axis);
        let binders = along(self.program, &others, span);
        let rest = coords_of(&binders, span);
        let within = minus(cast(pick.at.clone(), Scalar::I64), self.start(segment, 0, span));
        let is_here = both(
            compare(Op::Ge, within.clone(), int(0, span)),
            compare(Op::Lt, within.clone(), self.cut.length.clone()),
        );
        let mut index = rest.clone();
        index.insert(axis, plus(within, int(member.back, span)));
        index.insert(0, variable(segment, &Type::I32, span));
        let cell = load(self.here[&var], &family.elem, index, span);
        let scalar = family.elem.scalar().expect("a member has scalar cells");
        let before = self.before(kept, &family.elem, scalar, segment, rest, descending, span);
        let body = choice(is_here, cell, before);
        let slots = std::iter::once(slot).chain(binders.into_iter().map(Slot::Coord)).collect();
        let clause = Clause { slots, wheres: Vec::new(), body, otherwise: None, span };
        let axes = std::iter::once(segments).chain(others).collect();
        group.cells(kept, Family { name: family.name, axes, elem: family.elem.clone(), clauses: vec![clause], span });
        self.picked.entry(var).or_default().push((pick.at.clone(), kept, last.clone()));
    }

    /// The cell of the segment before this one, zero in front of the first.
    #[allow(clippy::too_many_arguments)]
    fn before(
        &mut self,
        tensor: VarId,
        elem: &Type,
        scalar: Scalar,
        segment: VarId,
        rest: Vec<Expr>,
        descending: bool,
        span: Span,
    ) -> Expr {
        let (exists, from) = if descending {
            let next = plus(wide(segment, span), int(1, span));
            (compare(Op::Lt, next.clone(), self.cut.count.clone()), next)
        } else {
            let at = wide(segment, span);
            (compare(Op::Gt, at.clone(), int(0, span)), plus(at, int(-1, span)))
        };
        let index = std::iter::once(from).chain(rest).collect();
        choice(exists, load(tensor, elem, index, span), zero(scalar, span))
    }

    /// A sum segment by segment. What additions of floats round off is added up beside them.
    fn sum(&mut self, stmt: usize, sum: &Sum, descending: bool, last: &Expr, group: &mut Group) {
        let reduce = &sum.reduce;
        let span = reduce.body.span;
        let scalar = reduce.body.ty.scalar().expect("a sum adds up scalars");
        let (segment, slot, segments) = self.segment(span);
        let binder = &reduce.binders[sum.step];
        let name = self.program.vars[binder.var.index()].name;
        let within = new_coord(self.program, name.as_str(), span);
        let start = self.start(segment, 0, span);
        let from = match as_int(&binder.lo) {
            Some(0) => int(0, span),
            _ => larger(int(0, span), minus(binder.lo.clone(), start.clone())),
        };
        let to = smaller(self.cut.length.clone(), minus(binder.hi.clone(), start.clone()));
        let here = Here { step: Linear::var(binder.var), segment, within, back: 0 };
        let mut own = Reduce { op: ReduceOp::Sum, ..reduce.clone() };
        for (k, other) in own.binders.iter_mut().enumerate() {
            if k == sum.step {
                *other = Binder { var: within, lo: from.clone(), hi: to.clone() };
            } else {
                self.cells(&mut other.lo, Some(&here));
                self.cells(&mut other.hi, Some(&here));
            }
        }
        for item in &mut own.wheres {
            let (WhereItem::Def(_, e) | WhereItem::Guard(e)) = item;
            self.cells(e, Some(&here));
        }
        self.cells(&mut own.body, Some(&here));
        let at = plus(wide(within, span), start);
        let time = self.named_step(binder.var, &mut vec![&mut own.body], &mut own.wheres, at);
        own.wheres.splice(0..0, time);

        // The coordinates around have their ranges as extents.
        let coords: Vec<VarId> = sum.coords.iter().map(|coord| coord.var).collect();
        let names: Vec<_> = coords.iter().map(|coord| Some(self.program.vars[coord.index()].name)).collect();
        let extents = sum.coords.iter().zip(names).map(|(coord, name)| Axis { name, extent: coord.hi.clone() });
        let axes: Vec<Axis> = std::iter::once(segments).chain(extents).collect();
        let ranges = sum.coords.iter().map(|coord| Slot::Coord(coord.clone()));
        let slots: Vec<Slot> = std::iter::once(slot).chain(ranges).collect();
        let index: Vec<Expr> = coords.iter().map(|coord| variable(*coord, &Type::I32, span)).collect();
        let whole = |index: &[Expr]| {
            std::iter::once(variable(segment, &Type::I32, span)).chain(index.iter().cloned()).collect::<Vec<_>>()
        };
        let wider = if scalar.is_float() { Scalar::F64 } else { scalar };
        let make = |maker: &mut Self, elem: Scalar, body: Expr, group: &mut Group, var: VarId| {
            let clause = Clause { slots: slots.clone(), wheres: Vec::new(), body, otherwise: None, span };
            let elem = Type::Scalar(elem);
            let name = diagnostics::Symbol::new("sum");
            let family = Family { name, axes: axes.clone(), elem, clauses: vec![clause], span };
            let family = maker.fresh(family);
            group.cells(var, family);
        };
        let tensor = |maker: &mut Self, elem: Scalar| {
            let ty = Type::tensor(Type::Scalar(elem), axes.len());
            new_var(maker.program, "sum", &ty, VarKind::Temp, span)
        };
        let (part, total) = (tensor(self, scalar), tensor(self, wider));
        let body = expr(ExprKind::Reduce(Box::new(own)), reduce.body.ty.clone(), span);
        make(self, scalar, body, group, part);
        let here_cell = |var: VarId, elem: Scalar| load(var, &Type::Scalar(elem), whole(&index), span);
        let added = cast(here_cell(part, scalar), wider);
        let ty = Type::Scalar(wider);
        let so_far =
            |maker: &mut Self, var: VarId| maker.before(var, &ty, wider, segment, index.clone(), descending, span);
        let body = sum_of(so_far(self, total), added.clone());
        make(self, wider, body, group, total);
        let mut tensors = vec![total];
        if scalar.is_float() {
            let lost = tensor(self, wider);
            let taken = difference(here_cell(total, wider), so_far(self, total));
            let of_before = difference(so_far(self, total), difference(here_cell(total, wider), taken.clone()));
            let of_part = difference(added, taken);
            let body = sum_of(so_far(self, lost), sum_of(of_before, of_part));
            make(self, wider, body, group, lost);
            tensors.push(lost);
        }
        let count = (reduce.op == ReduceOp::Mean).then(|| {
            let size = |binder: &Binder| larger(int(0, span), minus(binder.hi.clone(), binder.lo.clone()));
            reduce.binders.iter().map(size).fold(int(1, span), times)
        });
        let taken = Taken { tensors, last: last.clone(), coords, ty: reduce.body.ty.clone(), count };
        self.sums.entry(stmt).or_default().push(taken);
    }

    /// A statement that is not cut: it reads steps and sums that were kept.
    fn plain(&mut self, k: usize) -> Stmt {
        let mut stmt = self.stmts[k].clone();
        let inner = bound_inside(&stmt);
        let mut taken = self.sums.remove(&k).unwrap_or_default();
        taken.reverse();
        let mut scope = Vec::new();
        stmt.for_each_child_mut(|e| self.plain_expr(e, &inner, &mut scope, &mut taken));
        stmt
    }

    fn plain_expr(&mut self, e: &mut Expr, inner: &HashSet<VarId>, scope: &mut Vec<Binder>, taken: &mut Vec<Taken>) {
        let depth = scope.len();
        match &mut e.kind {
            ExprKind::Reduce(reduce) => {
                if self.region.reader.sum(reduce, scope, inner).is_some()
                    && let Some(taken) = taken.pop()
                {
                    *e = total_of(&taken, e.span);
                    return;
                }
                scope.extend(reduce.binders.iter().cloned());
            }
            ExprKind::Family(family) => {
                for axis in &mut family.axes {
                    self.plain_expr(&mut axis.extent, inner, scope, taken);
                }
                for clause in &mut family.clauses {
                    scope.extend(clause.slots.iter().filter_map(|slot| match slot {
                        Slot::Coord(binder) => Some(binder.clone()),
                        Slot::Fixed(_) => None,
                    }));
                    clause.for_each_child_mut(|child| self.plain_expr(child, inner, scope, taken));
                    scope.truncate(depth);
                }
                return;
            }
            _ => {}
        }
        let is_tape = matches!(&e.kind, ExprKind::Load(load) if self.region.reader.tape(&load.tensor).is_some());
        if is_tape {
            return self.cells(e, None);
        }
        e.for_each_child_mut(|child| self.plain_expr(child, inner, scope, taken));
        scope.truncate(depth);
    }

    /// A family that something needs as a whole, from its segments.
    fn put_together(&mut self, number: usize, k: usize) -> Option<Stmt> {
        let member = &self.region.members[number];
        let (var, family) = member.families[k];
        if !self.region.reader.tapes[&var].whole {
            return None;
        }
        let (span, axis) = (family.span, member.axes[k]);
        let binders = along(self.program, &family.axes, span);
        let mut index = coords_of(&binders, span);
        let step = cast(index[axis].clone(), Scalar::I64);
        index[axis] = plus(rest(step.clone(), self.cut.length.clone()), int(member.back, span));
        index.insert(0, over(step, self.cut.length.clone()));
        let body = load(self.here[&var], &family.elem, index, span);
        let slots = binders.into_iter().map(Slot::Coord).collect();
        let clause = Clause { slots, wheres: Vec::new(), body, otherwise: None, span };
        let whole = Family { clauses: vec![clause], ..family.clone() };
        let ty = Type::tensor(family.elem.clone(), family.axes.len());
        Some(Stmt::Let(var, expr(ExprKind::Family(Box::new(whole)), ty, span)))
    }
}

fn total_of(taken: &Taken, span: Span) -> Expr {
    let coords = taken.coords.iter().map(|coord| variable(*coord, &Type::I32, span));
    let index: Vec<Expr> = std::iter::once(taken.last.clone()).chain(coords).collect();
    let scalar = taken.ty.scalar().expect("a sum adds up scalars");
    let wider = if scalar.is_float() { Scalar::F64 } else { scalar };
    let parts = taken.tensors.iter().map(|tensor| load(*tensor, &Type::Scalar(wider), index.clone(), span));
    let total = parts.reduce(sum_of).expect("a sum has a tensor");
    let total = match &taken.count {
        Some(count) => over(total, cast(count.clone(), wider)),
        None => total,
    };
    cast(total, scalar)
}

/// The order of families that come behind so many others and have a coordinate more in front.
fn moved(order: &Order, by: usize) -> Order {
    match order {
        Order::Cells(k) => Order::Cells(k + by),
        Order::Steps { axes, descending, body } => Order::Steps {
            axes: axes.iter().map(|(k, axis)| (k + by, axis + 1)).collect(),
            descending: *descending,
            body: body.iter().map(|order| moved(order, by)).collect(),
        },
    }
}

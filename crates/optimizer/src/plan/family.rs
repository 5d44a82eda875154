//! Families: one nest of loops for each clause, or one nest whose cells look for their clause.
//!
//! The last clause that covers a cell and whose guards hold gives its value. Where clauses do not overlap, or those that
//! are overridden cannot fail, each clause stores its own cells in source order (`painted`); otherwise every cell goes
//! through the clauses backwards (`chain`), so that what is overridden is never evaluated.

use super::apart::Apart;
use super::bounds::{self, Bounds, Cells, End, Place, Relation};
use super::carried::Carried;
use super::contraction::Coord;
use super::freed::exclude;
use super::function::Lower;
use super::limits::{Item, Limits};
use super::value::{Part, Value, memory_type};
use super::window::Window;
use crate::decisions::Storage;
use ir::loops::{Bin, Cmp, Ex, Local, St, Turns, Ty, Un};
use ir::{Clause, Expr, ExprKind, Family, Slot, Type, VarId, WhereItem};

/// Where a recurrence stands along an axis.
#[derive(Clone)]
pub struct Step<'a> {
    pub at: Part,
    /// The range that the step is known to be in.
    pub range: Option<(End<'a>, End<'a>)>,
}

type Then<'t, L> = &'t mut dyn FnMut(&mut L);

impl Lower<'_, '_> {
    pub fn family(&mut self, family: &Family) -> Value {
        if family.axes.is_empty() {
            return self.only_cell(family);
        }
        if let Some(row) = self.whole_row(family) {
            self.shared.decisions.note(family, Storage::Row);
            return Value::one(row);
        }
        let dims: Vec<Part> = family.axes.iter().map(|axis| self.extent(&axis.extent)).collect();
        let cells = self.new_cells(family, dims, None);
        let kernel = std::mem::replace(&mut self.kernel, true);
        self.cells(&cells, &vec![None; family.axes.len()]);
        self.kernel = kernel;
        Value::one(self.read(cells.tensor()))
    }

    /// A family without axes: a scalar, zero where no clause is open.
    fn only_cell(&mut self, family: &Family) -> Value {
        let cell =
            self.variable(Part::zero(Ty::of(family.elem.scalar().expect("a cell that may be zero is a scalar"))), "");
        let missing = self.variable(Part::int(Ty::I8, 1), "");
        let kernel = std::mem::replace(&mut self.kernel, true);
        for clause in family.clauses.iter().rev() {
            let store = |lower: &mut Self, e: &Expr| {
                let value = lower.lower_as(e, &family.elem).parts.remove(0);
                lower.set(cell, value);
                lower.set(missing, Part::int(Ty::I8, 0));
            };
            let items = Item::all(&clause.wheres);
            let is_missing = self.read(missing);
            self.when(is_missing, |lower| {
                let mark = lower.region().temps.len();
                match &clause.otherwise {
                    None => lower.gate(&items, &mut |lower| store(lower, &clause.body), None),
                    Some(otherwise) => {
                        lower.gate(
                            &items,
                            &mut |lower| store(lower, &clause.body),
                            Some(&mut |lower| store(lower, otherwise)),
                        );
                    }
                }
                lower.release_temps(mark);
            });
        }
        self.kernel = kernel;
        Value::one(self.read(cell))
    }

    /// The memory of a family, and how its clauses lie in it. Of a recurrence a window may be all that is stored.
    pub fn new_cells<'e>(&mut self, family: &'e Family, dims: Vec<Part>, window: Option<(VarId, Window)>) -> Cells<'e> {
        let bounds: Vec<Vec<Bounds>> =
            family.clauses.iter().map(|clause| self.clause_bounds(family, clause, &dims)).collect();
        let mut alone = true;
        let mut painted = true;
        for (k, earlier) in bounds.iter().enumerate() {
            let later = bounds.iter().zip(&family.clauses).skip(k + 1);
            let is_apart = |(bounds, clause): (&Vec<Bounds>, &Clause)| {
                bounds::disjoint(earlier, bounds) || exclude(&family.clauses[k], clause)
            };
            if !later.into_iter().all(is_apart) {
                alone = false;
                painted &= !self.can_fail(&family.clauses[k]);
            }
        }
        let replaces = family.elem == Type::Str && !alone;
        self.shared.decisions.note(family, window.map_or(Storage::Whole, |(_, window)| window.storage()));
        let zeroed = replaces || !bounds::cover_all(family, &bounds);
        if let Some((var, window)) = window.filter(|(_, window)| window.in_registers) {
            self.new_registers(var, family, &dims, window);
            return Cells { family, place: Place::Registers(var), dims, bounds, painted, replaces, freed: None };
        }
        let mut stored = dims.clone();
        if let Some((_, window)) = window {
            stored[window.axis] = Part::index(window.stored);
            (0..dims.len()).filter(|axis| window.is_inner(*axis)).for_each(|axis| stored[axis] = Part::index(1));
        }
        let covered =
            if zeroed && !replaces && window.is_none() { self.is_covered(family, &bounds, &dims) } else { None };
        let tensor = match covered {
            Some(covered) => self.new_tensor_unless(covered, &family.elem, stored, family.name.as_str(), family.span),
            None => self.new_tensor(&family.elem, stored, zeroed, family.name.as_str(), family.span),
        };
        if let Some((_, window)) = window {
            let dims = dims.iter().map(|dim| self.atom(dim.clone())).collect::<Vec<_>>();
            let info = &mut self.info[tensor.0 as usize];
            (info.dims, info.window) = (Some(dims.into()), Some(window));
        }
        Cells { family, place: Place::Memory(tensor), dims, bounds, painted, replaces, freed: None }
    }

    /// Whether one clause gives all cells a value, where only the run knows.
    fn is_covered(&mut self, family: &Family, bounds: &[Vec<Bounds>], dims: &[Part]) -> Option<Part> {
        if self.options().opt_level == 0 {
            return None;
        }
        let covers = |bounds: &Vec<Bounds>| {
            let mut all = Part::int(Ty::I8, 1);
            for (bounds, dim) in bounds.iter().zip(dims) {
                let Bounds::Range { lo, hi, .. } = bounds else { return None };
                let same = hi.local().is_some() && hi.local() == dim.local();
                all = both(all, lo.clone().cmp(Cmp::SLe, Part::index(0)));
                all = if same { all } else { both(all, dim.clone().cmp(Cmp::SLe, hi.clone())) };
            }
            (all.as_int() != Some(0)).then_some(all)
        };
        let firm = family.clauses.iter().zip(bounds).filter(|(clause, _)| bounds::is_firm(clause));
        firm.filter_map(|(_, bounds)| covers(bounds)).next()
    }

    fn can_fail(&self, clause: &Clause) -> bool {
        let wheres = clause.wheres.iter().map(|item| match item {
            WhereItem::Def(_, e) | WhereItem::Guard(e) => e,
        });
        wheres.chain([&clause.body]).chain(&clause.otherwise).any(|e| {
            let facts = self.shared.facts.of(e, true);
            facts.traps || facts.effects
        })
    }

    /// Computes the cells at the steps that are given, along all other axes.
    pub fn cells(&mut self, cells: &Cells, steps: &[Option<Step>]) {
        if cells.painted {
            for clause in 0..cells.family.clauses.len() {
                self.paint(cells, clause, steps);
            }
        } else {
            self.chain(cells, steps);
        }
    }

    /// Ranges of a clause that depend on its steps alone, at these steps.
    fn at_steps<'e>(&mut self, cells: &Cells<'e>, k: usize, steps: &[Option<Step>]) -> Option<Cells<'e>> {
        let slots = &cells.family.clauses[k].slots;
        let is_open = |slot: &(&Slot, &Option<Step>)| slot.1.is_none();
        let open: Vec<VarId> = (slots.iter().zip(steps).filter(is_open))
            .filter_map(|(slot, _)| match slot {
                Slot::Coord(binder) => Some(binder.var),
                Slot::Fixed(_) => None,
            })
            .collect();
        let settles = |bounds: &Bounds| match bounds {
            Bounds::Dependent(binder) => !bounds::mentions(&binder.lo, &open) && !bounds::mentions(&binder.hi, &open),
            _ => false,
        };
        if !cells.bounds[k].iter().any(settles) {
            return None;
        }
        for (slot, step) in slots.iter().zip(steps) {
            if let Some(step) = step {
                self.bind_slot(slot, &step.at);
            }
        }
        let mut known = cells.clone();
        for (axis, bounds) in known.bounds[k].iter_mut().enumerate() {
            let Bounds::Dependent(binder) = *bounds else { continue };
            if settles(bounds) {
                let (lo, hi) = self.cut_range(binder, &cells.family.axes[axis].extent, &cells.dims[axis]);
                *bounds = Bounds::Range { lo, hi, lo_expr: &binder.lo, hi_expr: &binder.hi };
            }
        }
        Some(known)
    }

    /// Stores the cells of one clause.
    pub fn paint(&mut self, cells: &Cells, k: usize, steps: &[Option<Step>]) {
        let settled = self.at_steps(cells, k, steps);
        let cells = settled.as_ref().unwrap_or(cells);
        let clause = &cells.family.clauses[k];
        let mut coords = vec![Part::index(0); cells.dims.len()];
        let mut cond = Part::int(Ty::I8, 1);
        let (mut open, mut late) = (Vec::new(), Vec::new());
        for (axis, bounds) in cells.bounds[k].iter().enumerate() {
            let Some(step) = &steps[axis] else {
                match bounds {
                    Bounds::Fixed(at) => {
                        coords[axis] = Part::index(*at);
                        cond = both(cond, in_extent(*at, &cells.dims[axis]));
                    }
                    _ => open.push(axis),
                }
                continue;
            };
            coords[axis] = step.at.clone();
            self.bind_slot(&clause.slots[axis], &step.at);
            match (relation(bounds, step, &cells.family.axes[axis].extent), bounds) {
                (Relation::Outside, _) => return,
                (Relation::Inside, _) => {}
                (Relation::Unknown, Bounds::Dependent(_)) => late.push(axis),
                (Relation::Unknown, _) => cond = both(cond, self.covers(bounds, &step.at, &cells.dims[axis])),
            }
        }
        self.when(cond, |lower| {
            let known: Vec<(Part, Part)> = open
                .iter()
                .filter_map(|axis| match &cells.bounds[k][*axis] {
                    Bounds::Range { lo, hi, .. } => Some((lo.clone(), hi.clone())),
                    _ => None,
                })
                .collect();
            lower.guarded(&known, |lower| {
                let is_apart = late.is_empty() && !lower.is_written_out(clause);
                let free = if is_apart { lower.open_coords(cells, k, &open) } else { None };
                let scatters = free.as_ref().map_or(Vec::new(), |free| lower.scatters(clause, free));
                lower.scatter(&scatters);
                let running =
                    free.as_ref().map_or(Vec::new(), |free| lower.carried(cells, clause, free, Self::running));
                lower.paint_carried(&running, cells, &open, &mut coords, |lower, coords| {
                    lower.paint_open(cells, k, (&open, free), &late, coords);
                });
                lower.forget_scattered(&scatters);
            });
        });
    }

    /// Whether loops of a clause are written out for tensors that are in registers.
    fn is_written_out(&self, clause: &Clause) -> bool {
        let slots = clause.slots.iter().any(|slot| match slot {
            Slot::Coord(binder) => self.windows.unrolled.coords.contains(&binder.var),
            Slot::Fixed(_) => false,
        });
        let wheres = clause.wheres.iter().map(|item| match item {
            WhereItem::Def(_, e) | WhereItem::Guard(e) => e,
        });
        let in_registers = |var: &VarId| self.windows.unrolled.takes_apart(*var);
        let mut parts = wheres.chain([&clause.body]).chain(&clause.otherwise);
        slots || parts.any(|e| ir::visit::free_vars(e).iter().any(in_registers))
    }

    /// Stores the cells of a clause along its open axes, whose coordinates may be `free` of each other.
    fn paint_open(
        &mut self,
        cells: &Cells,
        k: usize,
        (open, free): (&[usize], Option<Vec<Coord>>),
        late: &[usize],
        coords: &mut Vec<Part>,
    ) {
        let clause = &cells.family.clauses[k];
        let limits = self.clause_limits(clause, open);
        let loops = |lower: &mut Self, coords: &mut Vec<Part>| {
            lower.nest((cells, k), open, &limits, coords, 1, &mut |lower, coords| {
                let cond = lower.late_tests(cells, k, late, coords);
                lower.when(cond, |lower| lower.clause_cell(cells, clause, &limits.items, coords, None));
            });
        };
        let Some(free) = free else { return loops(self, coords) };
        let left = self.left_by(&limits, &free);
        let found = self.contractions(cells, clause, &left);
        if found.found.is_empty() {
            let rows = self.carried(cells, clause, &free, Self::row_by_row);
            return self.paint_carried(&rows, cells, open, coords, loops);
        }
        let contract = |lower: &mut Self, coords: &mut Vec<Part>| {
            if found.is_all {
                return lower.contract_clause(cells, &found.found[0].1, open, &left, coords);
            }
            lower.contract_sums(&found);
            loops(lower, coords);
            lower.forget_contracted(&found);
        };
        let exist = self.reads_exist(&found);
        if exist.as_int() == Some(1) {
            return contract(self, coords);
        }
        let (yes, ()) = self.branch(|lower| contract(lower, coords));
        let (no, ()) = self.branch(|lower| loops(lower, coords));
        self.emit(St::If(exist.ex, yes, no));
    }

    /// What guards leave of coordinates, where that depends on no other coordinate among them.
    fn left_by(&mut self, limits: &Limits, free: &[Coord]) -> Vec<Coord> {
        let vars: Vec<VarId> = free.iter().map(|coord| coord.var).collect();
        let mentions = |e: &Expr, var: VarId| limits.definitions.mention(e, &[var]);
        let mut left = Vec::new();
        for coord in free {
            let depends = limits.limits.iter().filter(|limit| limit.var == coord.var).any(|limit| {
                let others = vars.iter().filter(|var| **var != coord.var);
                others.into_iter().any(|var| mentions(limit.left, *var) || mentions(limit.right, *var))
            });
            if depends || !limits.cut(coord.var) {
                left.push(coord.clone());
                continue;
            }
            let (lo, hi) = self.narrowed(coord.var, (coord.lo.clone(), coord.hi.clone()), limits);
            let hi = self.atom(hi.bin(Bin::SMax, lo.clone()));
            left.push(Coord { var: coord.var, lo, hi });
        }
        left
    }

    /// Stores the cells of a clause some of whose reductions are carried.
    fn paint_carried(
        &mut self,
        carried: &[Carried],
        cells: &Cells,
        open: &[usize],
        coords: &mut Vec<Part>,
        paint: impl FnOnce(&mut Self, &mut Vec<Part>),
    ) {
        if let [whole] = carried
            && whole.is_whole()
        {
            return self.carry_clause(whole, cells, open, coords);
        }
        self.carry(carried);
        paint(self, coords);
        self.forget_carried(carried);
    }

    /// Guards that cut the loops of a clause, if they close cells for good.
    fn clause_limits<'e>(&self, clause: &'e Clause, open: &[usize]) -> Limits<'e> {
        let coord = |axis: &usize| match &clause.slots.get(*axis)? {
            Slot::Coord(binder) => Some(binder.var),
            Slot::Fixed(_) => None,
        };
        let coords = open.iter().filter_map(coord).filter(|_| clause.otherwise.is_none());
        // Loops that are written out are no loops, but their coordinates have no value in front of them either.
        let (late, vars): (Vec<_>, Vec<_>) = coords.partition(|var| self.windows.unrolled.coords.contains(var));
        self.limits(&Item::all(&clause.wheres), &vars, &late)
    }

    /// Loops over the open axes of a clause, the first outermost. `copies` says how often the body is written already.
    fn nest(
        &mut self,
        (cells, k): (&Cells, usize),
        open: &[usize],
        limits: &Limits,
        coords: &mut Vec<Part>,
        copies: usize,
        leaf: &mut dyn FnMut(&mut Self, &[Part]),
    ) {
        let Some((axis, inner)) = open.split_first() else { return leaf(self, coords) };
        let slot = &cells.family.clauses[k].slots[*axis];
        let name = self.slot_name(slot);
        if let (Bounds::Range { hi, .. }, Slot::Coord(binder)) = (&cells.bounds[k][*axis], slot) {
            self.note_most(binder.var, hi);
        }
        let may_spread = matches!(cells.place, Place::Memory(_));
        let spread = |lower: &mut Self| {
            if may_spread {
                lower.spread_next(Vec::new());
            }
        };
        let mut body = |lower: &mut Self, at: Part, copies: usize| {
            lower.bind_slot(slot, &at);
            coords[*axis] = at;
            lower.nest((cells, k), inner, limits, coords, copies, leaf);
        };
        match (&cells.bounds[k][*axis], slot) {
            (Bounds::Range { lo, hi, .. }, Slot::Coord(binder)) if limits.cut(binder.var) => {
                let range = self.narrowed(binder.var, (lo.clone(), hi.clone()), limits);
                spread(self);
                self.for_loop(range, Turns::Free, name, |lower, var| body(lower, lower.read(var), copies));
            }
            (Bounds::Range { lo, hi, .. }, Slot::Coord(binder)) => {
                let (Some(from), Some(to)) = (lo.as_int(), hi.as_int()) else {
                    let range = (lo.clone(), hi.clone());
                    spread(self);
                    return self
                        .certain_loop(range, Turns::Free, name, |lower, var| body(lower, lower.read(var), copies));
                };
                let pieces = self.pieces(&cells.family.clauses[k], binder.var, (from, to), copies);
                let copies = copies * pieces.len();
                for (from, to) in pieces {
                    self.ranges.insert(binder.var, (from, to));
                    if to - from == 1 || self.windows.unrolled.coords.contains(&binder.var) {
                        (from..to).for_each(|at| body(self, Part::index(at), copies));
                        continue;
                    }
                    let range = (Part::index(from), Part::index(to));
                    spread(self);
                    self.certain_loop(range, Turns::Free, name, |lower, var| body(lower, lower.read(var), copies));
                }
                self.ranges.remove(&binder.var);
            }
            (Bounds::Range { .. }, Slot::Fixed(_)) => unreachable!("a literal index is no range"),
            (Bounds::Dependent(binder), _) => {
                let range = self.cut_range(binder, &cells.family.axes[*axis].extent, &cells.dims[*axis]);
                let range = self.narrowed(binder.var, range, limits);
                spread(self);
                self.for_loop(range, Turns::Free, name, |lower, var| body(lower, lower.read(var), copies));
            }
            (Bounds::Fixed(at), _) => {
                coords[*axis] = Part::index(*at);
                self.nest((cells, k), inner, limits, coords, copies, leaf);
            }
        }
    }

    fn slot_name(&self, slot: &Slot) -> &'static str {
        match slot {
            Slot::Coord(binder) => self.program().vars[binder.var.index()].name.as_str(),
            Slot::Fixed(_) => "",
        }
    }

    fn bind_slot(&mut self, slot: &Slot, at: &Part) {
        if let Slot::Coord(binder) = slot {
            self.bind_coord(binder.var, at.clone());
        }
    }

    /// Whether an index is in the range of a slot.
    fn covers(&mut self, bounds: &Bounds, at: &Part, dim: &Part) -> Part {
        match bounds {
            Bounds::Range { lo, hi, .. } => self.within(at.clone(), lo.clone(), hi.clone()),
            Bounds::Fixed(fixed) => both(at.clone().cmp(Cmp::Eq, Part::index(*fixed)), in_extent(*fixed, dim)),
            Bounds::Dependent(binder) => {
                let lo = self.index(&binder.lo);
                let hi = self.index(&binder.hi);
                let hi = hi.bin(Bin::SMin, dim.clone());
                let at = self.atom(at.clone());
                self.within(at, lo, hi)
            }
        }
    }

    /// Steps whose range depends on coordinates that have only now got a value.
    fn late_tests(&mut self, cells: &Cells, k: usize, axes: &[usize], coords: &[Part]) -> Part {
        axes.iter().fold(Part::int(Ty::I8, 1), |cond, axis| {
            let covered = self.covers(&cells.bounds[k][*axis], &coords[*axis], &cells.dims[*axis]);
            both(cond, covered)
        })
    }

    /// Every cell looks for the last clause that gives it a value.
    fn chain(&mut self, cells: &Cells, steps: &[Option<Step>]) {
        let mut coords: Vec<Part> = steps.iter().map(|s| s.as_ref().map_or(Part::index(0), |s| s.at.clone())).collect();
        let open: Vec<usize> = (0..coords.len()).filter(|axis| steps[*axis].is_none()).collect();
        let ranges: Vec<(Part, Part)> = open.iter().map(|axis| (Part::index(0), cells.dims[*axis].clone())).collect();
        self.guarded(&ranges, |lower| {
            lower.chain_nest(cells, steps, &open, &mut coords);
        });
    }

    fn chain_nest(&mut self, cells: &Cells, steps: &[Option<Step>], open: &[usize], coords: &mut Vec<Part>) {
        let Some((axis, inner)) = open.split_first() else {
            let found = self.variable(Part::int(Ty::I8, 0), "");
            let clauses = cells.family.clauses.len();
            return self.chain_from(cells, clauses, steps, coords, found);
        };
        if let (Place::Registers(_), Some(extent)) = (cells.place, cells.dims[*axis].as_int()) {
            for at in 0..extent {
                coords[*axis] = Part::index(at);
                self.chain_nest(cells, steps, inner, coords);
            }
            return;
        }
        let range = (Part::index(0), cells.dims[*axis].clone());
        self.certain_loop(range, Turns::Free, "", |lower, var| {
            coords[*axis] = lower.read(var);
            lower.chain_nest(cells, steps, inner, coords);
        });
    }

    /// Tries the clauses before number `end`, backwards.
    fn chain_from(&mut self, cells: &Cells, end: usize, steps: &[Option<Step>], coords: &[Part], found: Local) {
        let Some(k) = end.checked_sub(1) else { return };
        let clause = &cells.family.clauses[k];
        let mut cond = Part::int(Ty::I8, 1);
        let mut late = Vec::new();
        for (axis, bounds) in cells.bounds[k].iter().enumerate() {
            let extent = &cells.family.axes[axis].extent;
            let relation = match &steps[axis] {
                Some(step) => relation(bounds, step, extent),
                None if bounds.is_whole(extent) => Relation::Inside,
                None => Relation::Unknown,
            };
            self.bind_slot(&clause.slots[axis], &coords[axis]);
            match (relation, bounds) {
                (Relation::Outside, _) => return self.chain_from(cells, k, steps, coords, found),
                (Relation::Inside, _) => {}
                (Relation::Unknown, Bounds::Dependent(_)) => late.push(axis),
                (Relation::Unknown, _) => cond = both(cond, self.covers(bounds, &coords[axis], &cells.dims[axis])),
            }
        }
        let decided =
            cond.as_int().is_some() && late.is_empty() && (!bounds::is_guarded(clause) || clause.otherwise.is_some());
        self.when(cond, |lower| {
            let cond = lower.late_tests(cells, k, &late, coords);
            lower.when(cond, |lower| lower.clause_cell(cells, clause, &Item::all(&clause.wheres), coords, Some(found)));
        });
        if !decided && k > 0 {
            let missing = self.read(found).un(Un::Not);
            self.when(missing, |lower| lower.chain_from(cells, k, steps, coords, found));
        }
    }

    /// Stores what a clause gives a cell, if its guards hold, and notes that the cell has a value.
    fn clause_cell(&mut self, cells: &Cells, clause: &Clause, items: &[Item], coords: &[Part], found: Option<Local>) {
        let mark = self.region().temps.len();
        let store = |lower: &mut Self, e: &Expr| {
            lower.store(cells, clause, e, coords, found.is_some());
            if let Some(found) = found {
                lower.set(found, Part::int(Ty::I8, 1));
            }
        };
        match &clause.otherwise {
            None => self.gate(items, &mut |lower| store(lower, &clause.body), None),
            Some(otherwise) => {
                self.gate(items, &mut |lower| store(lower, &clause.body), Some(&mut |lower| store(lower, otherwise)));
            }
        }
        self.release_temps(mark);
    }

    /// Definitions and guards in order, then `yes` if all guards hold, else `no`.
    pub fn gate(&mut self, items: &[Item], yes: Then<Self>, no: Option<Then<Self>>) {
        let guards = items.iter().filter(|item| matches!(item, Item::Guard(..))).count();
        let Some(no) = no.filter(|_| guards > 0) else { return self.gate_items(items, yes, None) };
        if guards == 1 {
            return self.gate_items(items, yes, Some(no));
        }
        let held = self.variable(Part::int(Ty::I8, 0), "");
        let mut noted = |lower: &mut Self| {
            lower.set(held, Part::int(Ty::I8, 1));
            yes(lower);
        };
        self.gate_items(items, &mut noted, None);
        let closed = self.read(held).un(Un::Not);
        self.when(closed, |lower| no(lower));
    }

    fn gate_items(&mut self, items: &[Item], yes: Then<Self>, no: Option<Then<Self>>) {
        match items.split_first() {
            None => yes(self),
            Some((Item::Def(var, e), rest)) => {
                self.define(*var, e);
                self.gate_items(rest, yes, no);
            }
            Some((Item::Guard(e, wanted), rest)) => {
                let cond = self.condition(e, *wanted);
                match (cond.as_int(), no) {
                    (Some(0), Some(no)) => no(self),
                    (Some(0), None) => {}
                    (Some(_), _) => self.gate_items(rest, yes, None),
                    (None, no) => self.gate_item(cond, rest, yes, no),
                }
            }
        }
    }

    fn gate_item(&mut self, cond: Part, rest: &[Item], yes: Then<Self>, no: Option<Then<Self>>) {
        let first = self.reads.len();
        self.gates += 1;
        let (open, ()) = self.branch(|lower| lower.gate_items(rest, yes, None));
        let closed = match no {
            Some(no) => self.branch(|lower| no(lower)).0,
            None => Vec::new(),
        };
        self.gates -= 1;
        self.choose(cond, open, closed, first);
    }

    pub fn define(&mut self, var: VarId, e: &Expr) {
        let ty = &self.program().vars[var.index()].ty;
        let value = self.lower_as(e, ty);
        self.bind(var, value, false);
    }

    pub fn condition(&mut self, e: &Expr, wanted: bool) -> Part {
        let cond = self.scalar(e);
        if wanted { cond } else { cond.un(Un::Not) }
    }

    fn store(&mut self, cells: &Cells, clause: &Clause, e: &Expr, coords: &[Part], one_cell: bool) {
        if clause.slots.len() < cells.dims.len() {
            return self.store_slice(cells, clause.slots.len(), e, coords, one_cell);
        }
        let value = self.lower_as(e, &cells.family.elem).parts.remove(0);
        let value = if value.ty == Ty::Ptr { value } else { self.atom(value) };
        if let Place::Registers(var) = cells.place {
            return self.set_register(var, coords, value);
        }
        let at = self.offset(cells.tensor(), coords.to_vec());
        self.replace_cell(cells, at, value);
    }

    fn replace_cell(&mut self, cells: &Cells, at: Part, value: Part) {
        let at = self.atom(at);
        if cells.replaces {
            let data = self.data(cells.tensor());
            let old = self.bound(Part::load(Ty::Ptr, data, at.clone()), "");
            let old = old.local().expect("bound to a local");
            self.emit(St::Own(old));
            self.emit(St::Release(old));
        }
        self.store_cell(cells.tensor(), at, value, &cells.family.elem);
    }

    /// The body of a slice clause is a tensor of the axes from number `first` on; its cells are copied, all or one.
    fn store_slice(&mut self, cells: &Cells, first: usize, e: &Expr, coords: &[Part], one_cell: bool) {
        if self.windows.unrolled.slices.contains(&std::ptr::from_ref(e)) {
            let slice = self.apart_value(e);
            return self.store_apart(cells, first, &slice, coords, one_cell);
        }
        let slice = self.object(e);
        let rest = cells.dims.len() - first;
        for axis in 0..rest {
            let (got, wanted) = (self.dim(slice, axis), cells.dims[first + axis].clone());
            if got.as_int().is_some() && got.as_int() == wanted.as_int() {
                continue;
            }
            let name = cells.family.axes[first + axis].name.map(|name| name.as_str()).unwrap_or("");
            let differ = got.clone().cmp(Cmp::Ne, wanted.clone());
            self.fail_if(differ, "E0905", e.span, &[name, cells.family.name.as_str(), ""], vec![wanted, got]);
        }
        if one_cell {
            let index = coords[first..].to_vec();
            if let Place::Registers(var) = cells.place {
                let value = self.checked_cell(slice, index, &cells.family.elem);
                return self.set_register(var, coords, value);
            }
            let value = self.cell(slice, index, &cells.family.elem);
            let at = self.offset(cells.tensor(), coords.to_vec());
            return self.replace_cell(cells, at, value);
        }
        if let Place::Registers(var) = cells.place {
            for index in points(&cells.dims[first..]) {
                let value = self.checked_cell(slice, index.clone(), &cells.family.elem);
                self.set_register(var, &[&coords[..first], &index].concat(), value);
            }
            return;
        }
        let start = self.offset(cells.tensor(), coords.to_vec());
        let start = self.atom(start);
        let count = self.cell_count(slice, rest);
        let (from, memory) = (self.data(slice), memory_type(&cells.family.elem));
        self.for_loop((Part::index(0), count), Turns::Free, "", |lower, var| {
            let at = lower.read(var);
            let value = lower.bound(Part::load(memory, from, at.clone()), "");
            if memory == Ty::Ptr {
                lower.emit(St::Retain(value.ex.clone()));
            }
            let to = lower.data(cells.tensor());
            let at = start.bin(Bin::Add, at);
            lower.emit(St::Store(memory, to.ex, at.ex, value.ex));
        });
    }

    /// A cell of a slice, read behind the check of its extents.
    fn checked_cell(&mut self, slice: Local, index: Vec<Part>, elem: &Type) -> Part {
        let at = self.offset(slice, index);
        let cell = Part::load(memory_type(elem), self.data(slice), at);
        self.in_register(Part { level: self.here(), ..cell }, elem)
    }

    /// A slice whose cells are in registers, for a step that is, too: all cells, or one.
    fn store_apart(&mut self, cells: &Cells, first: usize, slice: &Apart, coords: &[Part], one_cell: bool) {
        let Place::Registers(var) = cells.place else { unreachable!("the step is in registers") };
        for (index, value) in points(&cells.dims[first..]).into_iter().zip(slice.cells.iter()) {
            let here = || index.iter().zip(&coords[first..]).all(|(a, b)| a.as_int() == b.as_int());
            if !one_cell || here() {
                self.set_register(var, &[&coords[..first], &index].concat(), value.clone());
            }
        }
    }

    /// A family that is one row of a tensor, which need not be copied.
    fn whole_row(&mut self, family: &Family) -> Option<Part> {
        let [clause] = &family.clauses[..] else { return None };
        let ExprKind::Load(load) = &clause.body.kind else { return None };
        let ExprKind::Var(source) = load.tensor.kind else { return None };
        if self.registers.contains_key(&source) || self.apart.contains_key(&source) {
            return None;
        }
        let rank = load.index.len();
        if rank != family.axes.len() + 1 || clause.slots.len() + 1 != rank || !clause.wheres.is_empty() {
            return None;
        }
        let mut coords = Vec::new();
        for (axis, slot) in clause.slots.iter().enumerate() {
            let Slot::Coord(binder) = slot else { return None };
            let ExprKind::Var(var) = load.index[axis + 1].kind else { return None };
            let of_source = |e: &Expr| {
                let e = if let ExprKind::Cast(inner) = &e.kind { inner } else { e };
                matches!(&e.kind, ExprKind::Dim(t, k) if *k == axis + 1 && matches!(t.kind, ExprKind::Var(v) if v == source))
            };
            let extent = &family.axes[axis].extent;
            if var != binder.var || !bounds::is_whole(binder, extent) || !of_source(extent) || !load.proven[axis + 1] {
                return None;
            }
            coords.push(var);
        }
        let mut varies = false;
        load.index[0].walk(&mut |e| e.for_each_use(|var| varies |= coords.contains(var)));
        if varies {
            return None;
        }
        let tensor = self.object(&load.tensor);
        let at = self.index(&load.index[0]);
        let at = if load.proven[0] { at } else { self.in_bounds(at, tensor, 0, load) };
        let at = self.slot(tensor, 0, at);
        let at = self.atom(at);
        let one = Ex::Int(Ty::I64, 1);
        let args = vec![Ex::Local(tensor), at.ex, one, Ex::Int(Ty::I32, 1)];
        Some(self.make("tensor_rows", args, family.span))
    }
}

fn both(a: Part, b: Part) -> Part {
    match (a.as_int(), b.as_int()) {
        (Some(1), _) | (_, Some(0)) => b,
        (_, Some(1)) | (Some(0), _) => a,
        _ => a.bin(Bin::And, b),
    }
}

/// The indices of all cells of a few constant extents, row-major.
fn points(dims: &[Part]) -> Vec<Vec<Part>> {
    dims.iter().fold(vec![Vec::new()], |points, dim| {
        let extent = dim.as_int().expect("a constant extent");
        let longer = |point: Vec<Part>| (0..extent).map(move |at| [&point[..], &[Part::index(at)]].concat());
        points.into_iter().flat_map(longer).collect()
    })
}

/// Whether a family has cells at a literal index.
fn in_extent(at: i64, dim: &Part) -> Part {
    match dim.as_int() {
        _ if at < 0 => Part::int(Ty::I8, 0),
        Some(dim) => Part::int(Ty::I8, (at < dim) as i64),
        None => Part::index(at).cmp(Cmp::SLt, dim.clone()),
    }
}

/// Whether the step is in the range of a slot, and that range within the family.
fn relation(bounds: &Bounds, step: &Step, extent: &Expr) -> Relation {
    let (Some((lo, hi)), Some((from, to))) = (bounds.ends(), step.range) else { return Relation::Unknown };
    if hi.at_most(from) || to.at_most(lo) {
        return Relation::Outside;
    }
    let fits = End::Const(0).at_most(lo) && hi.at_most(End::of(extent));
    if fits && lo.at_most(from) && to.at_most(hi) { Relation::Inside } else { Relation::Unknown }
}

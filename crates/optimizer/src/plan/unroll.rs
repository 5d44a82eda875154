//! Which small tensors of a recurrence's steps are taken apart into numbers.
//!
//! A tensor of a few cells whose every read has a constant place, once the loops around it are written out, needs no
//! memory: its cells are registers. That goes for what a step's block binds and for the families themselves.

use super::bounds::constant;
use super::window::Window;
use ir::{Binder, Expr, ExprKind, Family, Load, Op, Order, Recurrence, Scalar, Slot, Stmt, Type, VarId, WhereItem};
use std::collections::{HashMap, HashSet};

/// Cells of a tensor that is taken apart.
const MOST_CELLS: i64 = 32;
/// Turns of a loop that is written out.
const MOST_TURNS: i64 = 16;
/// Nodes of all that is written out of one recurrence.
const MOST_NODES: i64 = 4000;

/// What is taken apart.
#[derive(Default)]
pub struct Unrolled {
    /// The families of the recurrence, beside those whose steps are single numbers anyway.
    pub families: HashSet<VarId>,
    /// What blocks bind.
    pub tensors: HashSet<VarId>,
    /// Coordinates whose loops are written out.
    pub coords: HashSet<VarId>,
    /// Bodies of slice clauses that are taken apart as well.
    pub slices: HashSet<*const Expr>,
}

impl Unrolled {
    /// Whether reads of a variable need constant places.
    pub fn takes_apart(&self, var: VarId) -> bool {
        self.families.contains(&var) || self.tensors.contains(&var)
    }

    pub fn extend(&mut self, other: Unrolled) {
        self.families.extend(other.families);
        self.tensors.extend(other.tensors);
        self.coords.extend(other.coords);
        self.slices.extend(other.slices);
    }
}

/// What can be taken apart of a recurrence, whose families in windows are given.
pub fn unrolled(recurrence: &Recurrence, windows: &HashMap<VarId, Window>) -> Unrolled {
    let mut search = Search { windows, ranges: HashMap::new(), open: HashSet::new(), found: Default::default() };
    for (var, family) in &recurrence.families {
        if windows.contains_key(var) && cells_of(family, windows[var].axis).is_some() {
            search.open.insert(*var);
        }
        search.note_slots(family);
        family.for_each_child(|e| e.walk(&mut |e| search.note(e)));
    }
    // The steps are a loop, however few they are.
    for (family, axis) in step_axes(&recurrence.order) {
        for clause in &recurrence.families[family].1.clauses {
            if let Some(Slot::Coord(binder)) = clause.slots.get(axis) {
                search.ranges.remove(&binder.var);
            }
        }
    }
    // What cannot be taken apart keeps others from it.
    loop {
        let before = search.open.len();
        search.found = Unrolled::default();
        for (var, family) in &recurrence.families {
            search.family(*var, family);
        }
        if search.open.len() == before {
            break;
        }
    }
    let mut found = std::mem::take(&mut search.found);
    let cost: i64 =
        recurrence.families.iter().map(|(_, family)| family_cost(family, &search.ranges, &found.coords)).sum();
    if cost > MOST_NODES {
        return Unrolled::default();
    }
    found.families = search.open.iter().filter(|var| windows.contains_key(var)).copied().collect();
    found.tensors = search.open.iter().filter(|var| !windows.contains_key(var)).copied().collect();
    found
}

struct Search<'s> {
    windows: &'s HashMap<VarId, Window>,
    /// Of the coordinates whose loops can be written out.
    ranges: HashMap<VarId, (i64, i64)>,
    /// What has not been found to need memory.
    open: HashSet<VarId>,
    found: Unrolled,
}

impl Search<'_> {
    /// Notes ranges, and what blocks bind.
    fn note(&mut self, e: &Expr) {
        match &e.kind {
            ExprKind::Family(family) => self.note_slots(family),
            ExprKind::Reduce(reduce) => reduce.binders.iter().for_each(|binder| self.note_range(binder)),
            ExprKind::Block(stmts, _) => {
                for stmt in stmts {
                    if let Stmt::Let(var, value) = stmt
                        && matches!(value.ty, Type::Tensor(..))
                    {
                        self.open.insert(*var);
                    }
                }
            }
            _ => {}
        }
    }

    fn note_slots(&mut self, family: &Family) {
        for slot in family.clauses.iter().flat_map(|clause| &clause.slots) {
            if let Slot::Coord(binder) = slot {
                self.note_range(binder);
            }
        }
    }

    fn note_range(&mut self, binder: &Binder) {
        if let (Some(lo), Some(hi)) = (constant(&binder.lo), constant(&binder.hi))
            && (0..=MOST_TURNS).contains(&(hi - lo))
        {
            self.ranges.insert(binder.var, (lo, hi));
        }
    }

    fn family(&mut self, var: VarId, family: &Family) {
        let axis = self.windows.get(&var).map(|window| window.axis);
        for clause in &family.clauses {
            let inner = clause.slots.iter().enumerate().filter(|(k, _)| Some(*k) != axis);
            let coords = inner.filter_map(|(_, slot)| match slot {
                Slot::Coord(binder) => Some(binder.var),
                Slot::Fixed(_) => None,
            });
            let coords: Vec<VarId> = coords.collect();
            if self.open.contains(&var) {
                self.need(var, &coords);
            }
            for item in &clause.wheres {
                let (WhereItem::Def(_, e) | WhereItem::Guard(e)) = item;
                self.expr(e, false);
            }
            let is_slice = clause.slots.len() < family.axes.len() && self.open.contains(&var);
            for body in [&clause.body].into_iter().chain(&clause.otherwise) {
                let is_small = is_slice && self.is_small(body);
                if is_small {
                    self.found.slices.insert(std::ptr::from_ref(body));
                }
                self.expr(body, is_small);
            }
        }
    }

    /// A tensor asks for loops to be written out.
    fn need(&mut self, tensor: VarId, coords: &[VarId]) {
        if coords.iter().all(|coord| self.ranges.contains_key(coord)) {
            self.found.coords.extend(coords);
        } else {
            self.open.remove(&tensor);
        }
    }

    /// Whether an expression can be evaluated cell by cell.
    fn is_small(&self, e: &Expr) -> bool {
        match &e.kind {
            ExprKind::Var(var) => self.open.contains(var) && !self.windows.contains_key(var),
            ExprKind::Block(_, value) => self.is_small(value),
            ExprKind::Literal(shape, _) => {
                is_plain(e.ty.elem()) && shape.iter().product::<usize>() as i64 <= MOST_CELLS
            }
            ExprKind::Family(family) => {
                let [clause] = &family.clauses[..] else { return false };
                let whole = |(slot, extent): (&Slot, i64)| match slot {
                    Slot::Coord(binder) => self.ranges.get(&binder.var) == Some(&(0, extent)),
                    Slot::Fixed(_) => false,
                };
                is_plain(&family.elem)
                    && clause.wheres.is_empty()
                    && clause.slots.len() == family.axes.len()
                    && constant_extents(family).is_some_and(|extents| {
                        extents.iter().product::<i64>() <= MOST_CELLS && clause.slots.iter().zip(extents).all(whole)
                    })
            }
            _ => false,
        }
    }

    /// `is_taken`: the tensor goes where it is taken apart.
    fn expr(&mut self, e: &Expr, is_taken: bool) {
        match &e.kind {
            ExprKind::Var(var) if !is_taken => drop(self.open.remove(var)),
            ExprKind::Dim(of, _) if matches!(of.kind, ExprKind::Var(_)) => {}
            ExprKind::Load(load) => {
                match load.tensor.kind {
                    ExprKind::Var(var) if self.open.contains(&var) => self.load(var, load),
                    ExprKind::Var(_) => {}
                    _ => self.expr(&load.tensor, false),
                }
                load.index.iter().for_each(|e| self.expr(e, false));
            }
            ExprKind::Block(stmts, value) => {
                for stmt in stmts {
                    match stmt {
                        Stmt::Let(var, value) if self.open.contains(var) => {
                            if !self.is_small(value) {
                                self.open.remove(var);
                            }
                            self.expr(value, self.open.contains(var));
                        }
                        _ => stmt.for_each_child(|e| self.expr(e, false)),
                    }
                }
                self.expr(value, is_taken);
            }
            ExprKind::Family(family) if is_taken => {
                for slot in &family.clauses[0].slots {
                    if let Slot::Coord(binder) = slot {
                        self.found.coords.insert(binder.var);
                    }
                }
                self.expr(&family.clauses[0].body, false);
            }
            _ => e.for_each_child(|e| self.expr(e, false)),
        }
    }

    fn load(&mut self, var: VarId, load: &Load) {
        let step = self.windows.get(&var).map(|window| window.axis);
        let mut coords = Vec::new();
        for (axis, index) in load.index.iter().enumerate().filter(|(axis, _)| Some(*axis) != step) {
            if !load.proven[axis] || !is_place(index, &mut coords) {
                self.open.remove(&var);
            }
        }
        self.need(var, &coords);
    }
}

/// The axes along which families go step by step.
fn step_axes(order: &[Order]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for part in order {
        if let Order::Steps { axes, body, .. } = part {
            found.extend(axes);
            found.extend(step_axes(body));
        }
    }
    found
}

/// Whether an index is constant where these coordinates are.
fn is_place(index: &Expr, coords: &mut Vec<VarId>) -> bool {
    match &index.kind {
        ExprKind::Int(_) => true,
        ExprKind::Var(var) => {
            coords.push(*var);
            true
        }
        ExprKind::Cast(inner) => index.ty == Type::I64 && is_place(inner, coords),
        ExprKind::Op(Op::Add | Op::Sub | Op::Mul, operands) => operands.iter().all(|e| is_place(e, coords)),
        _ => false,
    }
}

/// Scalars that are the same in registers as in memory.
fn is_plain(elem: &Type) -> bool {
    elem.scalar().is_some_and(|scalar| !matches!(scalar, Scalar::F16 | Scalar::BF16))
}

fn constant_extents(family: &Family) -> Option<Vec<i64>> {
    family.axes.iter().map(|axis| constant(&axis.extent)).collect()
}

/// The cells of a step of a family, if it is a few.
fn cells_of(family: &Family, step: usize) -> Option<i64> {
    let others = family.axes.iter().enumerate().filter(|(axis, _)| *axis != step);
    let extents: Option<Vec<i64>> = others.map(|(_, axis)| constant(&axis.extent)).collect();
    Some(extents?.iter().product()).filter(|cells| is_plain(&family.elem) && (1..=MOST_CELLS).contains(cells))
}

/// How many nodes a family becomes.
fn family_cost(family: &Family, ranges: &HashMap<VarId, (i64, i64)>, coords: &HashSet<VarId>) -> i64 {
    let turns = |binder: &Binder| match ranges.get(&binder.var) {
        Some((lo, hi)) if coords.contains(&binder.var) => (hi - lo).max(1),
        _ => 1,
    };
    let mut total = 0i64;
    for clause in &family.clauses {
        let slots = clause.slots.iter().map(|slot| match slot {
            Slot::Coord(binder) => turns(binder),
            Slot::Fixed(_) => 1,
        });
        let times: i64 = slots.product();
        let mut nodes = 0i64;
        for item in &clause.wheres {
            let (WhereItem::Def(_, e) | WhereItem::Guard(e)) = item;
            nodes = nodes.saturating_add(cost(e, ranges, coords));
        }
        for e in [&clause.body].into_iter().chain(&clause.otherwise) {
            nodes = nodes.saturating_add(cost(e, ranges, coords));
        }
        total = total.saturating_add(nodes.saturating_mul(times));
    }
    total
}

fn cost(e: &Expr, ranges: &HashMap<VarId, (i64, i64)>, coords: &HashSet<VarId>) -> i64 {
    let mut nodes = 1i64;
    match &e.kind {
        ExprKind::Family(family) => return family_cost(family, ranges, coords),
        // Constant places take nothing.
        ExprKind::Load(load) if matches!(load.tensor.kind, ExprKind::Var(_)) => return 1,
        ExprKind::Block(stmts, _) => {
            for stmt in stmts {
                if let Stmt::Rec(recurrence) = stmt {
                    for (_, family) in &recurrence.families {
                        nodes = nodes.saturating_add(family_cost(family, ranges, coords));
                    }
                }
            }
        }
        _ => {}
    }
    e.for_each_child(|e| nodes = nodes.saturating_add(cost(e, ranges, coords)));
    if let ExprKind::Reduce(reduce) = &e.kind {
        for binder in reduce.binders.iter().filter(|binder| coords.contains(&binder.var)) {
            let (lo, hi) = ranges[&binder.var];
            nodes = nodes.saturating_mul((hi - lo).max(1));
        }
    }
    nodes
}

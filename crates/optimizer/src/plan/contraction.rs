//! Sums of products that become calls of the runtime for all cells of a clause.
//!
//! The factors of `sum[k…](a * b * c)` are multiplied two at a time, in the order that costs least (`order`). It is worth
//! it if two of them have coordinates that the other one lacks: every cell of a factor is then needed many times. The
//! runtime is told the extent of each coordinate and its stride in the target and both factors, so that neither the order
//! of axes nor how many coordinates there are matters. What is not a cell of a tensor is computed into one before;
//! factors without a summed coordinate are multiplied afterwards.

mod emit;
mod limits;
mod order;
mod padded;
mod product;
mod reads;
mod windows;

use super::bounds::{Bounds, Cells, constant, is_guarded};
use super::function::Lower;
use super::limits::keeps_value;
use super::value::Part;
use emit::Strided;
use ir::loops::{Bin, Cmp, Local, Ty, Un};
use ir::{Clause, Expr, ExprKind, Load, Op, Slot, Stmt, Type, VarId, WhereItem};
use product::{Group, Product};
use std::collections::HashSet;

/// Coordinates are kept as bits.
const MOST_COORDINATES: usize = 64;

/// A coordinate with its range.
#[derive(Clone)]
pub struct Coord {
    pub var: VarId,
    pub lo: Part,
    pub hi: Part,
}

impl Coord {
    pub fn extent(&self) -> Part {
        self.hi.clone().bin(Bin::Sub, self.lo.clone())
    }
}

/// A sum whose cells are in tensors, which are to be multiplied with each other and with what is left.
#[derive(Clone)]
pub struct Contracted {
    tensors: Vec<(Local, Vec<Coord>)>,
    scale: Vec<(Expr, bool)>,
    is_negative: bool,
    gates: Vec<Gate>,
}

impl Contracted {
    pub fn new(tensor: Local, coords: Vec<Coord>) -> Contracted {
        Contracted { tensors: vec![(tensor, coords)], scale: Vec::new(), is_negative: false, gates: Vec::new() }
    }
}

/// Where a sum is empty, it is zero whatever it is multiplied with.
#[derive(Clone)]
pub enum Gate {
    /// Unless there are points to sum over.
    Summed(Coord),
    /// Unless an open coordinate is in its range.
    Open(Coord),
    /// Unless a condition on open coordinates holds.
    Holds(Expr),
}

/// The sums of a clause that are contractions.
#[derive(Default)]
pub struct Contractions<'e> {
    /// The clause is nothing but the one that was found.
    pub is_all: bool,
    /// The clause may keep cells of the factors from being read, for which they need not exist.
    pub is_gated: bool,
    pub found: Vec<(&'e Expr, Product<'e>)>,
}

impl Lower<'_, '_> {
    /// The open coordinates of a clause, unless their ranges depend on each other.
    pub fn open_coords(&self, cells: &Cells, clause: usize, open: &[usize]) -> Option<Vec<Coord>> {
        let slots = &cells.family.clauses[clause].slots;
        let coord = |axis: &usize| match (&slots[*axis], &cells.bounds[clause][*axis]) {
            (Slot::Coord(binder), Bounds::Range { lo, hi, .. }) => {
                Some(Coord { var: binder.var, lo: lo.clone(), hi: hi.clone() })
            }
            _ => None,
        };
        open.iter().map(coord).collect()
    }

    /// The contractions of a clause that are worth a call.
    pub fn contractions<'e>(&mut self, cells: &Cells, clause: &'e Clause, open: &[Coord]) -> Contractions<'e> {
        if clause.wheres.iter().any(is_selective) {
            return Contractions::default();
        }
        let is_plain = clause.wheres.is_empty() && clause.slots.len() == cells.dims.len();
        if let ExprKind::Reduce(reduce) = &clause.body.kind
            && is_plain
            && cells.family.elem == clause.body.ty
            && let Some(product) = self.product(reduce, open, false, clause.span)
        {
            let is_bare =
                product.scale.is_empty() && !product.is_negative && !product.is_gated && product.gates.is_empty();
            let is_whole = |part: &Group| part.is_contraction() && part.coords == low_bits(open.len());
            let is_all = is_bare && matches!(&product.parts[..], [part] if is_whole(part));
            return Contractions { is_all, is_gated: product.asks_cells(), found: vec![(&clause.body, product)] };
        }
        let mut is_gated = is_guarded(clause);
        let is_gated_clause = is_gated;
        let (mut sums, mut own) = (Vec::new(), HashSet::new());
        for item in &clause.wheres {
            match item {
                WhereItem::Def(var, e) => {
                    own.insert(*var);
                    likely_sums(e, false, &mut sums);
                }
                WhereItem::Guard(guard) => likely_sums(guard, false, &mut sums),
            }
        }
        likely_sums(&clause.body, false, &mut sums);
        if !sums.is_empty() {
            clause.body.walk(&mut |e| {
                e.for_each_binding(|var| {
                    own.insert(*var);
                })
            });
        }
        let mut found = Vec::new();
        for (e, is_chosen) in sums {
            let ExprKind::Reduce(reduce) = &e.kind else { continue };
            // What the clause binds around the sum has no value yet.
            if ir::visit::free_vars(e).iter().any(|var| own.contains(var)) {
                continue;
            }
            if let Some(product) = self.product(reduce, open, is_gated_clause || is_chosen, e.span) {
                is_gated |= is_chosen || product.asks_cells();
                found.push((e, product));
            }
        }
        Contractions { is_all: false, is_gated, found }
    }

    /// Whether all cells that the contractions read exist. Where one does not, the loops say which.
    pub fn reads_exist(&mut self, contractions: &Contractions) -> Part {
        let mut all = Part::int(Ty::I8, 1);
        for (_, product) in &contractions.found {
            if let Some(windowed) = product.windowed() {
                all = all.bin(Bin::And, windowed.is_exact.clone());
            }
            for load in &product.loads {
                let Some(steps) = affine_steps(load, &product.coords) else { continue };
                for axis in (0..steps.len()).filter(|axis| contractions.is_gated || !load.proven[*axis]) {
                    let inside = self.reads_inside(load, axis, &steps[axis], &product.coords);
                    all = if all.as_int() == Some(1) { inside } else { all.bin(Bin::And, inside) };
                }
            }
        }
        all
    }

    /// Whether an index stays within its axis over all points.
    pub fn reads_inside(&mut self, load: &Load, axis: usize, steps: &[i64], coords: &[Coord]) -> Part {
        let tensor = self.object(&load.tensor);
        self.bind_first(coords);
        let first = self.index(&load.index[axis]);
        let (mut least, mut most) = (first.clone(), first);
        for (step, coord) in steps.iter().zip(coords) {
            let way = coord.extent().bin(Bin::Sub, Part::index(1)).bin(Bin::Mul, Part::index(*step));
            match step.signum() {
                1 => most = most.bin(Bin::Add, way),
                -1 => least = least.bin(Bin::Add, way),
                _ => {}
            }
        }
        let dim = self.dim(tensor, axis);
        let inside = least.cmp(Cmp::SGe, Part::index(0)).bin(Bin::And, most.cmp(Cmp::SLt, dim));
        self.atom(inside)
    }

    /// Stores all cells of a clause that is nothing but a contraction. `coords` says where the cells are along the axes
    /// that are not open.
    pub fn contract_clause(
        &mut self,
        cells: &Cells,
        product: &Product,
        axes: &[usize],
        open: &[Coord],
        coords: &[Part],
    ) {
        let mut start = coords.to_vec();
        for (axis, coord) in axes.iter().zip(open) {
            start[*axis] = coord.lo.clone();
        }
        let first = self.offset(cells.tensor(), start);
        let all = self.axis_strides(cells.tensor(), cells.dims.len());
        let strides = axes.iter().map(|axis| all[*axis].clone()).collect();
        self.contract(product, &product.parts[0], Strided { tensor: cells.tensor(), first, strides });
    }

    /// Computes sums for all cells of their clause. Until they are forgotten, reading one of them reads a cell of what is
    /// computed here.
    pub fn contract_sums(&mut self, contractions: &Contractions) {
        for (e, product) in &contractions.found {
            let scale = product.scale.iter().map(|factor| (factor.e.clone(), factor.divides)).collect();
            let tensors = product.parts.iter().map(|part| self.contract_part(product, part)).collect();
            let is_negative = product.is_negative;
            let gates = product.gates.clone();
            self.contracted.insert(std::ptr::from_ref(*e), Contracted { tensors, scale, is_negative, gates });
        }
    }

    /// A tensor of the cells of a part, along the whole of its coordinates.
    fn contract_part(&mut self, product: &Product, part: &Group) -> (Local, Vec<Coord>) {
        let coords = chosen(&product.whole, part.coords);
        let open = chosen(&product.coords, part.coords);
        let dims = coords.iter().map(Coord::extent).collect();
        let tensor = self.new_tensor(&Type::Scalar(product.scalar), dims, product.is_gated, "", product.span);
        let strides = self.axis_strides(tensor, coords.len());
        let first = open.iter().zip(&coords).map(|(open, whole)| open.lo.clone().bin(Bin::Sub, whole.lo.clone()));
        let first = self.offset(tensor, first.collect());
        self.contract(product, part, Strided { tensor, first, strides });
        (tensor, coords)
    }

    pub fn forget_contracted(&mut self, contractions: &Contractions) {
        for (e, _) in &contractions.found {
            self.contracted.remove(&std::ptr::from_ref(*e));
        }
    }

    /// The cell of a sum that was computed for its whole clause.
    pub fn contracted_cell(&mut self, sum: &Expr) -> Option<Part> {
        let Contracted { tensors, scale, is_negative, gates } = self.contracted.get(&std::ptr::from_ref(sum))?.clone();
        let mut product: Option<Part> = None;
        for (tensor, coords) in tensors {
            let cell = self.cell_at(tensor, &coords, &sum.ty);
            product = Some(match product {
                Some(product) => product.bin(Bin::Mul, cell),
                None => cell,
            });
        }
        let mut cell = product?;
        for (factor, divides) in &scale {
            let factor = self.scalar(factor);
            cell = cell.bin(if *divides { Bin::FDiv } else { Bin::Mul }, factor);
        }
        let cell = if is_negative { cell.un(Un::Neg) } else { cell };
        let zero = Part::zero(cell.ty);
        Some(gates.iter().fold(cell, |cell, gate| self.is_in(gate).select(cell, zero.clone())))
    }

    fn is_in(&mut self, gate: &Gate) -> Part {
        match gate {
            Gate::Holds(guard) => self.condition(guard, true),
            Gate::Summed(coord) => coord.lo.clone().cmp(Cmp::SLt, coord.hi.clone()),
            Gate::Open(coord) => {
                let at = self.var(coord.var).parts.remove(0).widened(true);
                let behind = at.clone().cmp(Cmp::SGe, coord.lo.clone());
                behind.bin(Bin::And, at.cmp(Cmp::SLt, coord.hi.clone()))
            }
        }
    }

    /// The cell of a tensor at the current point of its coordinates.
    fn cell_at(&mut self, tensor: Local, coords: &[Coord], elem: &Type) -> Part {
        let mut index = Vec::with_capacity(coords.len());
        for coord in coords {
            let at = self.var(coord.var).parts.remove(0).widened(true);
            index.push(at.bin(Bin::Sub, coord.lo.clone()));
        }
        self.cell(tensor, index, elem)
    }

    fn is_risky(&self, e: &Expr) -> bool {
        let facts = self.shared.facts.of(e, true);
        facts.traps || facts.effects
    }
}

fn low_bits(count: usize) -> u64 {
    if count == MOST_COORDINATES { u64::MAX } else { (1 << count) - 1 }
}

/// The coordinates among some whose bits are set.
fn chosen(coords: &[Coord], bits: u64) -> Vec<Coord> {
    coords.iter().enumerate().filter(|(k, _)| bits >> k & 1 == 1).map(|(_, coord)| coord.clone()).collect()
}

/// Whether a guard may leave so few cells that computing all of them is a waste.
fn is_selective(item: &WhereItem) -> bool {
    matches!(item, WhereItem::Guard(guard) if asks_equality(guard))
}

fn reads_cells(e: &Expr) -> bool {
    let mut found = false;
    e.walk(&mut |e| found |= matches!(e.kind, ExprKind::Load(_)));
    found
}

fn asks_equality(e: &Expr) -> bool {
    let mut found = false;
    e.walk(&mut |e| found |= matches!(e.kind, ExprKind::Op(Op::Eq, _)));
    found
}

/// The variables among some that an expression reads, as bits.
fn mentioned(e: &Expr, vars: &[VarId]) -> u64 {
    let mut bits = 0;
    e.walk(&mut |e| {
        e.for_each_use(|used| {
            if let Some(at) = vars.iter().position(|var| var == used) {
                bits |= 1 << at;
            }
        });
    });
    bits
}

/// Sums that every cell needs for certain, and those that many cells need, which a condition chooses.
fn likely_sums<'e>(e: &'e Expr, is_chosen: bool, found: &mut Vec<(&'e Expr, bool)>) {
    match &e.kind {
        ExprKind::Reduce(_) => found.push((e, is_chosen)),
        ExprKind::Op(_, operands) | ExprKind::Call(_, operands) => {
            operands.iter().for_each(|operand| likely_sums(operand, is_chosen, found));
        }
        ExprKind::Cast(inner) => likely_sums(inner, is_chosen, found),
        ExprKind::If(cond, yes, no) => {
            likely_sums(cond, is_chosen, found);
            // How many cells a condition on data leaves is not known.
            if !asks_equality(cond) && !reads_cells(cond) {
                likely_sums(yes, true, found);
                likely_sums(no, true, found);
            }
        }
        ExprKind::Block(stmts, value) => {
            for stmt in stmts {
                if let Stmt::Let(_, e) = stmt {
                    likely_sums(e, is_chosen, found);
                }
            }
            likely_sums(value, is_chosen, found);
        }
        _ => {}
    }
}

/// For each axis of the tensor the step that every coordinate makes along it, if all of them are constant.
fn affine_steps(load: &Load, coords: &[Coord]) -> Option<Vec<Vec<i64>>> {
    let vars: Vec<VarId> = coords.iter().map(|coord| coord.var).collect();
    if !matches!(load.tensor.kind, ExprKind::Var(_)) {
        return None;
    }
    load.index.iter().map(|e| vars.iter().map(|var| step(e, *var)).collect()).collect()
}

/// By how much an index grows with a coordinate.
fn step(e: &Expr, var: VarId) -> Option<i64> {
    match &e.kind {
        ExprKind::Var(other) => Some((*other == var) as i64),
        ExprKind::Cast(inner) if keeps_value(e, inner) => step(inner, var),
        ExprKind::Op(Op::Add, operands) => step(&operands[0], var)?.checked_add(step(&operands[1], var)?),
        ExprKind::Op(Op::Sub, operands) => step(&operands[0], var)?.checked_sub(step(&operands[1], var)?),
        ExprKind::Op(Op::Neg, operands) => step(&operands[0], var)?.checked_neg(),
        ExprKind::Op(Op::Mul, operands) => match (constant(&operands[0]), constant(&operands[1])) {
            (Some(times), _) => step(&operands[1], var)?.checked_mul(times),
            (_, Some(times)) => step(&operands[0], var)?.checked_mul(times),
            _ => (mentioned(e, &[var]) == 0).then_some(0),
        },
        _ => (mentioned(e, &[var]) == 0).then_some(0),
    }
}

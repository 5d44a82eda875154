//! Sums of products that become one call of the runtime for all cells of a clause.
//!
//! `sum[k…](a * b)` is worth it if each factor has coordinates that the other one lacks: every cell of a factor is then
//! needed many times. The runtime is told the extent of each coordinate and its stride in the target and both factors,
//! so that neither the order of axes nor how many coordinates there are matters. What is not a cell of a tensor, or more
//! than two factors, is computed into a tensor before; factors without a summed coordinate are multiplied afterwards.

use super::bounds::{Bounds, Cells, constant, is_guarded};
use super::function::Lower;
use super::region::Reach;
use super::value::Part;
use ir::loops::{Bin, Cmp, Ex, Local, St, Turns, Ty, Un};
use ir::{Clause, Expr, ExprKind, Load, Op, Reduce, ReduceOp, Scalar, Slot, Stmt, Type, VarId, WhereItem};
use std::collections::HashSet;

/// So few multiplications are loops in place.
const FEW: i64 = 1 << 12;
/// Sums of fewer points are, too.
const SHORT: i64 = 4;
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

/// A sum whose cells are in a tensor: the coordinates along its axes, and what is still to be multiplied.
#[derive(Clone)]
pub struct Contracted {
    pub tensor: Local,
    pub coords: Vec<Coord>,
    pub scale: Vec<Expr>,
    pub is_negative: bool,
}

/// The sums of a clause that are contractions.
#[derive(Default)]
pub struct Contractions<'e> {
    /// The clause is nothing but the one that was found.
    pub is_all: bool,
    pub found: Vec<(&'e Expr, Product<'e>)>,
}

/// A sum of products of two groups of factors.
pub struct Product<'e> {
    left: Group<'e>,
    right: Group<'e>,
    scale: Vec<&'e Expr>,
    is_negative: bool,
    /// The open coordinates that the factors or guards mention, and the parts of them that no guard closes.
    whole: Vec<Coord>,
    open: Vec<Coord>,
    summed: Vec<Coord>,
    /// A guard may close cells, which are zero then.
    is_gated: bool,
}

impl Product<'_> {
    fn coords(&self) -> Vec<Coord> {
        self.open.iter().chain(&self.summed).cloned().collect()
    }
}

/// Factors that are multiplied before the sum, and the coordinates that they mention, as bits.
struct Group<'e> {
    factors: Vec<&'e Expr>,
    mentions: u64,
}

/// Cells in memory: the first one, and how far apart neighbours along each coordinate are.
struct Strided {
    tensor: Local,
    first: Part,
    strides: Vec<Part>,
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
        if is_guarded(clause) {
            return Contractions::default();
        }
        let is_plain = clause.wheres.is_empty() && clause.slots.len() == cells.dims.len();
        if let ExprKind::Reduce(reduce) = &clause.body.kind
            && is_plain
            && cells.family.elem == clause.body.ty
            && let Some(product) = self.product(reduce, open)
        {
            let is_bare = product.scale.is_empty() && !product.is_negative && !product.is_gated;
            let is_all = is_bare && product.open.len() == open.len();
            return Contractions { is_all, found: vec![(&clause.body, product)] };
        }
        let (mut sums, mut own) = (Vec::new(), HashSet::new());
        for item in &clause.wheres {
            if let WhereItem::Def(var, e) = item {
                own.insert(*var);
                strict_sums(e, &mut sums);
            }
        }
        strict_sums(&clause.body, &mut sums);
        if !sums.is_empty() {
            clause.body.walk(&mut |e| {
                e.for_each_binding(|var| {
                    own.insert(*var);
                })
            });
        }
        let mut found = Vec::new();
        for e in sums {
            let ExprKind::Reduce(reduce) = &e.kind else { continue };
            // What the clause binds around the sum has no value yet.
            if ir::visit::free_vars(e).iter().any(|var| own.contains(var)) {
                continue;
            }
            found.extend(self.product(reduce, open).map(|product| (e, product)));
        }
        Contractions { is_all: false, found }
    }

    /// Whether all cells that the contractions read exist. Where one does not, the loops say which.
    pub fn reads_exist(&mut self, contractions: &Contractions) -> Part {
        let mut all = Part::int(Ty::I8, 1);
        for (_, product) in &contractions.found {
            let coords = product.coords();
            for factor in product.left.factors.iter().chain(&product.right.factors) {
                let ExprKind::Load(load) = &factor.kind else { continue };
                let Some(steps) = affine_steps(load, &coords) else { continue };
                for axis in (0..steps.len()).filter(|axis| !load.proven[*axis]) {
                    let inside = self.reads_inside(load, axis, &steps[axis], &coords);
                    all = if all.as_int() == Some(1) { inside } else { all.bin(Bin::And, inside) };
                }
            }
        }
        all
    }

    /// Whether an index stays within its axis over all points.
    fn reads_inside(&mut self, load: &Load, axis: usize, steps: &[i64], coords: &[Coord]) -> Part {
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
        self.call_contraction(product, Strided { tensor: cells.tensor(), first, strides });
    }

    /// Computes sums for all cells of their clause. Until they are forgotten, reading one of them reads a cell of what is
    /// computed here.
    pub fn contract_sums(&mut self, contractions: &Contractions) {
        for (e, product) in &contractions.found {
            let coords = product.whole.clone();
            let scale = product.scale.iter().map(|factor| (*factor).clone()).collect();
            let dims = coords.iter().map(Coord::extent).collect();
            let tensor = self.new_tensor(&e.ty, dims, product.is_gated, "", e.span);
            let strides = self.axis_strides(tensor, coords.len());
            let first =
                product.open.iter().zip(&coords).map(|(open, whole)| open.lo.clone().bin(Bin::Sub, whole.lo.clone()));
            let first = self.offset(tensor, first.collect());
            self.call_contraction(product, Strided { tensor, first, strides });
            let is_negative = product.is_negative;
            self.contracted.insert(std::ptr::from_ref(*e), Contracted { tensor, coords, scale, is_negative });
        }
    }

    pub fn forget_contracted(&mut self, contractions: &Contractions) {
        for (e, _) in &contractions.found {
            self.contracted.remove(&std::ptr::from_ref(*e));
        }
    }

    /// The cell of a sum that was computed for its whole clause.
    pub fn contracted_cell(&mut self, sum: &Expr) -> Option<Part> {
        let Contracted { tensor, coords, scale, is_negative } = self.contracted.get(&std::ptr::from_ref(sum))?.clone();
        let mut index = Vec::with_capacity(coords.len());
        for coord in coords {
            let at = self.var(coord.var).parts.remove(0).widened(true);
            index.push(at.bin(Bin::Sub, coord.lo));
        }
        let mut cell = self.cell(tensor, index, &sum.ty);
        for factor in &scale {
            let factor = self.scalar(factor);
            cell = cell.bin(Bin::Mul, factor);
        }
        Some(if is_negative { cell.un(Un::Neg) } else { cell })
    }

    /// A sum as a product that is worth a call, if it is one.
    fn product<'e>(&mut self, reduce: &'e Reduce, open: &[Coord]) -> Option<Product<'e>> {
        let ty = reduce.body.ty.scalar().filter(|scalar| matches!(scalar, Scalar::F32 | Scalar::F64))?;
        if reduce.op != ReduceOp::Sum {
            return None;
        }
        let vars: Vec<VarId> = open.iter().map(|c| c.var).chain(reduce.binders.iter().map(|b| b.var)).collect();
        if self.options().opt_level == 0 || vars.len() > MOST_COORDINATES {
            return None;
        }
        let ends = || reduce.binders.iter().flat_map(|binder| [&binder.lo, &binder.hi]);
        if ends().any(|end| mentioned(end, &vars) != 0) {
            return None;
        }
        let in_registers = |var: &VarId| self.windows.unrolled.takes_apart(*var);
        if ir::visit::free_vars(&reduce.body).iter().any(in_registers) {
            return None;
        }
        let (open_bits, all_bits) = (low_bits(open.len()), low_bits(vars.len()));
        let (mut factors, mut is_negative) = (Vec::new(), false);
        factors_of(&reduce.body, &mut factors, &mut is_negative);
        let (mut scale, mut groups) = (Vec::new(), Vec::new());
        for factor in factors {
            let mentions = mentioned(factor, &vars);
            if factor.ty.scalar() != Some(ty) {
                return None;
            }
            match mentions & all_bits & !open_bits {
                0 => scale.push(factor),
                _ => groups.push(Group { factors: vec![factor], mentions }),
            }
        }
        let [left, right] = two_groups(groups)?;
        let can_fail = |factor: &&Expr| {
            let facts = self.shared.facts.of(factor, true);
            facts.traps || facts.effects
        };
        let is_strided = |group: &Group| matches!(group.factors[..], [factor] if self.is_strided(factor, &vars));
        if scale.iter().any(can_fail)
            || [&left, &right].iter().any(|g| !is_strided(g) && g.factors.iter().any(can_fail))
        {
            return None;
        }
        let is_matrix =
            left.mentions & !right.mentions & open_bits != 0 && right.mentions & !left.mentions & open_bits != 0;
        if !is_matrix || is_few(reduce, open, left.mentions | right.mentions) {
            return None;
        }
        let mut limits = Vec::new();
        for item in &reduce.wheres {
            let WhereItem::Guard(guard) = item else { return None };
            limits_of(guard, &vars, &mut limits)?;
        }
        if limits.iter().any(|limit| can_fail(&limit.left) || can_fail(&limit.right)) {
            return None;
        }
        let used = limits.iter().fold(left.mentions | right.mentions, |used, limit| used | 1 << limit.coord);
        let whole: Vec<Coord> = (0..open.len()).filter(|k| used >> k & 1 == 1).map(|k| open[k].clone()).collect();
        let mut coords = open.to_vec();
        for binder in &reduce.binders {
            let (lo, hi) = (self.index(&binder.lo), self.index(&binder.hi));
            let (lo, hi) = (self.atom(lo), self.atom(hi));
            coords.push(Coord { var: binder.var, lo, hi });
        }
        for limit in &limits {
            self.narrow(&mut coords[limit.coord], limit);
        }
        let summed = coords.split_off(open.len());
        let is_gated = limits.iter().any(|limit| limit.coord < open.len());
        let open = (0..open.len()).filter(|k| used >> k & 1 == 1).map(|k| coords[k].clone()).collect();
        Some(Product { left, right, scale, is_negative, whole, open, summed, is_gated })
    }

    /// Cuts off the points where a guard is closed.
    fn narrow(&mut self, coord: &mut Coord, limit: &Limit) {
        self.bind_coord(coord.var, Part::index(0));
        let distance = self.index(limit.left);
        let bound = self.index(limit.right);
        let bound = bound.bin(Bin::Sub, distance);
        let behind = bound.clone().bin(Bin::Add, Part::index(1));
        match limit.op {
            Op::Lt => coord.hi = self.joined_end(Bin::SMin, &coord.hi, bound),
            Op::Le => coord.hi = self.joined_end(Bin::SMin, &coord.hi, behind),
            Op::Gt => coord.lo = self.joined_end(Bin::SMax, &coord.lo, behind),
            _ => coord.lo = self.joined_end(Bin::SMax, &coord.lo, bound),
        }
    }

    fn joined_end(&mut self, bin: Bin, end: &Part, bound: Part) -> Part {
        let end = end.clone().bin(bin, bound);
        self.atom(end)
    }

    /// Whether a factor is a cell whose place is affine in the coordinates, with nothing else that can fail.
    fn is_strided(&self, factor: &Expr, vars: &[VarId]) -> bool {
        let ExprKind::Load(load) = &factor.kind else { return false };
        let is_affine = load.index.iter().all(|e| vars.iter().all(|var| step(e, *var).is_some()));
        let is_safe = |e: &Expr| {
            let facts = self.shared.facts.of(e, true);
            !facts.traps && !facts.effects
        };
        matches!(load.tensor.kind, ExprKind::Var(_)) && is_affine && load.index.iter().all(is_safe)
    }

    fn call_contraction(&mut self, product: &Product, target: Strided) {
        let coords = product.coords();
        let open = product.open.len();
        let left = self.strided(&product.left, &coords, open);
        let right = self.strided(&product.right, &coords, open);
        let name = match self.scalar_of(&product.left) {
            Scalar::F32 => "contract_f32",
            _ => "contract_f64",
        };
        let mut words = vec![target.first, left.first, right.first];
        for (k, coord) in coords.iter().enumerate() {
            let stored = target.strides.get(k).cloned().unwrap_or(Part::index(0));
            words.extend([coord.extent(), stored, left.strides[k].clone(), right.strides[k].clone()]);
        }
        let words: Vec<Part> = words.into_iter().map(|word| self.atom(word)).collect();
        let mut args: Vec<Ex> = [target.tensor, left.tensor, right.tensor].map(|tensor| self.data(tensor).ex).into();
        args.push(self.spill(&words, 0));
        args.extend([product.open.len(), product.summed.len()].map(|count| Ex::Int(Ty::I64, count as i64)));
        self.emit(St::Rt { name, args, results: Vec::new(), site: None });
    }

    fn scalar_of(&self, group: &Group) -> Scalar {
        group.factors[0].ty.scalar().expect("a factor is a number")
    }

    /// The factors of a group in memory: where they are, or else in a tensor of their own.
    fn strided(&mut self, group: &Group, coords: &[Coord], open: usize) -> Strided {
        let is_own = |coord: &&Coord| group.factors.iter().any(|factor| mentioned(factor, &[coord.var]) != 0);
        if let [factor] = group.factors[..]
            && let ExprKind::Load(load) = &factor.kind
            && let Some(steps) = affine_steps(load, coords)
        {
            let neighbours = steps.last().is_some_and(|steps| steps[..open].iter().all(|step| *step == 0));
            if neighbours
                && load.proven.iter().all(|proven| *proven)
                && let Some(region) = self.region_around_loop(factor, coords)
            {
                // Whatever multiplies it again and again wants neighbours along an open coordinate.
                let own: Vec<Coord> = coords[open..].iter().chain(&coords[..open]).filter(is_own).cloned().collect();
                return self.at(region, |lower| lower.stored(group, own, coords));
            }
            return self.strided_load(load, &steps, coords);
        }
        let own: Vec<Coord> = coords.iter().filter(is_own).cloned().collect();
        self.stored(group, own, coords)
    }

    /// The region outside of a loop that can compute a factor for all points, if it is the same in each turn.
    fn region_around_loop(&self, factor: &Expr, coords: &[Coord]) -> Option<usize> {
        let vars = ir::visit::free_vars(factor).into_iter().filter(|var| coords.iter().all(|coord| coord.var != *var));
        let read = vars.map(|var| self.level_of(var)).max().unwrap_or(0);
        let level = coords.iter().map(|coord| coord.lo.level.max(coord.hi.level)).fold(read, usize::max);
        let region = self.target(level, Reach::Certain);
        self.is_around_loop(region).then_some(region)
    }

    /// A product in a tensor of its own, the first coordinate outermost.
    fn stored(&mut self, group: &Group, own: Vec<Coord>, coords: &[Coord]) -> Strided {
        let ty = Type::Scalar(self.scalar_of(group));
        let dims = own.iter().map(Coord::extent).collect();
        let tensor = self.new_tensor(&ty, dims, false, "", group.factors[0].span);
        self.store_product(tensor, group, &own, &mut Vec::new(), &ty);
        let lengths = self.axis_strides(tensor, own.len());
        let stride = |coord: &Coord| {
            let at = own.iter().position(|c| c.var == coord.var);
            at.map_or(Part::index(0), |at| lengths[at].clone())
        };
        Strided { tensor, first: Part::index(0), strides: coords.iter().map(stride).collect() }
    }

    fn store_product(&mut self, tensor: Local, group: &Group, coords: &[Coord], at: &mut Vec<Part>, ty: &Type) {
        let Some((coord, inner)) = coords.split_first() else {
            let mut value = self.scalar(group.factors[0]);
            for factor in &group.factors[1..] {
                let factor = self.scalar(factor);
                value = value.bin(Bin::Mul, factor);
            }
            let value = self.atom(value);
            let place = self.offset(tensor, at.clone());
            return self.store_cell(tensor, place, value, ty);
        };
        let name = self.program().vars[coord.var.index()].name.as_str();
        self.for_loop((coord.lo.clone(), coord.hi.clone()), Turns::Free, name, |lower, var| {
            let index = lower.read(var);
            lower.bind_coord(coord.var, index.clone());
            at.push(index.bin(Bin::Sub, coord.lo.clone()));
            lower.store_product(tensor, group, inner, at, ty);
            at.pop();
        });
    }

    fn strided_load(&mut self, load: &Load, steps: &[Vec<i64>], coords: &[Coord]) -> Strided {
        let tensor = self.object(&load.tensor);
        self.bind_first(coords);
        let index = load.index.iter().map(|e| self.index(e)).collect();
        let first = self.offset(tensor, index);
        let first = self.atom(first);
        let lengths = self.axis_strides(tensor, load.index.len());
        let stride = |k: usize| {
            steps.iter().zip(&lengths).fold(Part::index(0), |sum, (steps, length)| {
                sum.bin(Bin::Add, length.clone().bin(Bin::Mul, Part::index(steps[k])))
            })
        };
        Strided { tensor, first, strides: (0..coords.len()).map(stride).collect() }
    }

    /// Lets every coordinate stand for its first point.
    fn bind_first(&mut self, coords: &[Coord]) {
        for coord in coords {
            self.bind_coord(coord.var, coord.lo.clone());
        }
    }

    /// How many elements neighbours along each axis are apart.
    fn axis_strides(&mut self, tensor: Local, rank: usize) -> Vec<Part> {
        let mut strides = vec![Part::index(1); rank];
        for pair in self.axes_in_memory(tensor, rank).windows(2).rev() {
            let dim = self.stored_dim(tensor, pair[1]);
            strides[pair[0]] = self.atom_of_product(strides[pair[1]].clone(), dim);
        }
        strides
    }

    fn atom_of_product(&mut self, a: Part, b: Part) -> Part {
        let product = a.bin(Bin::Mul, b);
        self.atom(product)
    }
}

fn low_bits(count: usize) -> u64 {
    if count == MOST_COORDINATES { u64::MAX } else { (1 << count) - 1 }
}

/// A guard that compares a coordinate, plus something, with what mentions no coordinate.
struct Limit<'e> {
    /// Number of the coordinate.
    coord: usize,
    left: &'e Expr,
    op: Op,
    right: &'e Expr,
}

/// A guard as limits of coordinates, if it is nothing else.
fn limits_of<'e>(guard: &'e Expr, vars: &[VarId], limits: &mut Vec<Limit<'e>>) -> Option<()> {
    match &guard.kind {
        ExprKind::And(a, b) => {
            limits_of(a, vars, limits)?;
            limits_of(b, vars, limits)
        }
        ExprKind::Bool(true) => Some(()),
        ExprKind::Op(op @ (Op::Lt | Op::Le | Op::Gt | Op::Ge), operands) => {
            let (a, b) = (&operands[0], &operands[1]);
            let (left, op, right) = match (mentioned(a, vars), mentioned(b, vars)) {
                (_, 0) => (a, *op, b),
                (0, _) => (b, mirrored(*op), a),
                _ => return None,
            };
            let bits = mentioned(left, vars);
            if bits.count_ones() != 1 || !matches!(left.ty.scalar(), Some(Scalar::I32 | Scalar::I64)) {
                return None;
            }
            let coord = bits.trailing_zeros() as usize;
            if step(left, vars[coord]) != Some(1) {
                return None;
            }
            limits.push(Limit { coord, left, op, right });
            Some(())
        }
        _ => None,
    }
}

fn mirrored(op: Op) -> Op {
    match op {
        Op::Lt => Op::Gt,
        Op::Le => Op::Ge,
        Op::Gt => Op::Lt,
        _ => Op::Le,
    }
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

/// Sums that every cell needs for certain.
fn strict_sums<'e>(e: &'e Expr, found: &mut Vec<&'e Expr>) {
    match &e.kind {
        ExprKind::Reduce(_) => found.push(e),
        ExprKind::Op(_, operands) | ExprKind::Call(_, operands) => {
            operands.iter().for_each(|operand| strict_sums(operand, found));
        }
        ExprKind::Cast(inner) => strict_sums(inner, found),
        ExprKind::Block(stmts, value) => {
            for stmt in stmts {
                if let Stmt::Let(_, e) = stmt {
                    strict_sums(e, found);
                }
            }
            strict_sums(value, found);
        }
        _ => {}
    }
}

fn factors_of<'e>(e: &'e Expr, factors: &mut Vec<&'e Expr>, is_negative: &mut bool) {
    match &e.kind {
        ExprKind::Op(Op::Mul, operands) => operands.iter().for_each(|e| factors_of(e, factors, is_negative)),
        ExprKind::Op(Op::Neg, operands) => {
            *is_negative = !*is_negative;
            factors_of(&operands[0], factors, is_negative);
        }
        _ => factors.push(e),
    }
}

/// Puts factors together whose coordinates another one has, until there are two.
fn two_groups(mut groups: Vec<Group>) -> Option<[Group; 2]> {
    groups.sort_by_key(|group| group.mentions.count_ones());
    while groups.len() > 2 {
        let inside = |a: &Group, b: &Group| a.mentions & !b.mentions == 0;
        let (from, to) = (0..groups.len()).find_map(|a| {
            let to = (0..groups.len()).find(|b| *b != a && inside(&groups[a], &groups[*b]))?;
            Some((a, to))
        })?;
        let factors = std::mem::take(&mut groups[from].factors);
        groups[to].factors.extend(factors);
        groups.remove(from);
    }
    groups.try_into().ok()
}

/// Whether it is known that there is little to multiply.
fn is_few(reduce: &Reduce, open: &[Coord], mentions: u64) -> bool {
    let points = reduce
        .binders
        .iter()
        .try_fold(1i64, |points, binder| points.checked_mul(constant(&binder.hi)?.checked_sub(constant(&binder.lo)?)?));
    if points.is_some_and(|points| points < SHORT) {
        return true;
    }
    let used = open.iter().enumerate().filter(|(k, _)| mentions >> k & 1 == 1);
    let all = used.fold(points, |all, (_, coord)| all?.checked_mul(coord.extent().as_int()?));
    all.is_some_and(|all| all < FEW)
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
        ExprKind::Cast(inner) if matches!(inner.ty.scalar(), Some(Scalar::I32 | Scalar::I64)) => step(inner, var),
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

//! Which sums are contractions, and of what.

use super::limits::{Limit, limits_of};
use super::order::{self, Order};
use super::windows::{Mask, Side, Windowed, sides_of};
use super::{Coord, Gate, MOST_COORDINATES, chosen, low_bits, mentioned, reads_cells, step};
use crate::facts::never_empty;
use crate::plan::bounds::{constant, same};
use crate::plan::function::Lower;
use crate::plan::limits::conjuncts;
use diagnostics::Span;
use ir::loops::{Bin, Cmp};
use ir::{Binder, Expr, ExprKind, Load, Op, Reduce, ReduceOp, Scalar, Stmt, VarId, WhereItem};
use std::collections::HashMap;

/// So few multiplications are loops in place.
const FEW: f64 = 4096.0;
/// Sums of fewer points are, too.
const SHORT: f64 = 4.0;
/// A vector's product with a matrix is worth a call from so many summed points on, and so many of all.
const LONG: f64 = 16.0;
const MANY: f64 = 65536.0;
/// In steps that wait for each other nothing else can be done together: so many rows and points, and so many in all.
const LONG_IN_STEP: f64 = 8.0;
const MANY_IN_STEP: f64 = 128.0;
/// What an extent is taken for that only the run knows.
pub const UNKNOWN: f64 = 128.0;
/// A multiplication in loops costs as much as so many in a call.
const LOOPS: f64 = 8.0;

/// A sum of products.
pub struct Product<'e> {
    /// Their product is the sum.
    pub parts: Vec<Group<'e>>,
    pub scale: Vec<Factor<'e>>,
    pub is_negative: bool,
    /// Open coordinates and then the summed ones, as far as no guard closes them; and the whole open ones.
    pub coords: Vec<Coord>,
    pub whole: Vec<Coord>,
    /// The cells that are read where they are.
    pub loads: Vec<&'e Load>,
    pub scalar: Scalar,
    pub pairing: Pairing,
    /// A guard may close cells, which are zero then.
    pub is_gated: bool,
    /// Guards of the clause or of neither cells nor points decide what is read.
    pub is_narrowed: bool,
    pub gates: Vec<Gate>,
    pub span: Span,
}

/// What two numbers are made into before they are added up.
#[derive(Clone, Copy)]
pub enum Pairing {
    Product,
    SquaredDifference,
    Distance,
}

#[derive(Clone, Copy)]
pub struct Factor<'e> {
    pub e: &'e Expr,
    pub divides: bool,
}

/// A part of a product, and the coordinates that it has, as bits.
pub struct Group<'e> {
    pub what: What<'e>,
    pub coords: u64,
}

pub enum What<'e> {
    Cells(Factor<'e>),
    /// Cell by cell.
    Times(Vec<Group<'e>>),
    /// Multiplied and summed over the coordinates that only the two have; without a second one it is just summed.
    Contraction(Box<Group<'e>>, Option<Box<Group<'e>>>),
    /// Of all factors, one of them with zeros around it.
    Windowed(Box<Windowed<'e>>),
}

/// What a sum consists of, sums within it included.
#[derive(Default)]
struct Terms<'e> {
    factors: Vec<Factor<'e>>,
    binders: Vec<&'e Binder>,
    guards: Vec<&'e Expr>,
    definitions: HashMap<VarId, &'e Expr>,
    is_negative: bool,
}

impl<'e> Terms<'e> {
    fn sum(&mut self, reduce: &'e Reduce) -> Option<()> {
        for item in &reduce.wheres {
            match item {
                WhereItem::Guard(guard) => self.guards.push(guard),
                WhereItem::Def(var, e) => {
                    self.definitions.insert(*var, e);
                }
            }
        }
        self.binders.extend(&reduce.binders);
        self.product(&reduce.body, false)
    }

    fn product(&mut self, e: &'e Expr, divides: bool) -> Option<()> {
        match &e.kind {
            ExprKind::Op(Op::Mul, operands) => operands.iter().try_for_each(|e| self.product(e, divides)),
            ExprKind::Op(Op::Div, operands) => {
                self.product(&operands[0], divides)?;
                self.product(&operands[1], !divides)
            }
            ExprKind::Op(Op::Neg, operands) => {
                self.is_negative = !self.is_negative;
                self.product(&operands[0], divides)
            }
            ExprKind::StopGradient(e) => self.product(e, divides),
            ExprKind::Block(stmts, value) => {
                for stmt in stmts {
                    let Stmt::Let(var, e) = stmt else { return None };
                    self.definitions.insert(*var, e);
                }
                self.product(value, divides)
            }
            ExprKind::Var(var) if self.definitions.contains_key(var) => self.product(self.definitions[var], divides),
            ExprKind::Reduce(reduce) if reduce.op == ReduceOp::Sum && !divides && never_empty(reduce) => {
                self.sum(reduce)
            }
            _ => {
                self.factors.push(Factor { e, divides });
                Some(())
            }
        }
    }
}

impl Lower<'_, '_> {
    /// A sum as a product that is worth a call, if it is one.
    pub fn product<'e>(
        &mut self,
        reduce: &'e Reduce,
        open: &[Coord],
        is_gated_clause: bool,
        span: Span,
    ) -> Option<Product<'e>> {
        let scalar = reduce.body.ty.scalar().filter(|scalar| matches!(scalar, Scalar::F32 | Scalar::F64))?;
        if reduce.op != ReduceOp::Sum || self.options().opt_level == 0 {
            return None;
        }
        let mut terms = Terms::default();
        terms.sum(reduce)?;
        let vars: Vec<VarId> = open.iter().map(|c| c.var).chain(terms.binders.iter().map(|b| b.var)).collect();
        if vars.len() > MOST_COORDINATES {
            return None;
        }
        let mut masks = Vec::new();
        for (k, binder) in terms.binders.iter().enumerate() {
            let known = &vars[..open.len() + k];
            for (end, mask) in
                [(&binder.lo, Mask::From(binder.var, &binder.lo)), (&binder.hi, Mask::Below(binder.var, &binder.hi))]
            {
                let is_affine = vars.iter().all(|var| step(end, *var).is_some());
                if mentioned(end, &vars) & !low_bits(known.len()) != 0 || !is_affine || self.is_risky(end) {
                    return None;
                }
                if mentioned(end, &vars) != 0 {
                    masks.push(mask);
                }
            }
        }
        let in_registers = |var: &VarId| self.windows.unrolled.takes_apart(*var);
        if ir::visit::free_vars(&reduce.body).iter().any(in_registers) {
            return None;
        }
        let is_open = low_bits(open.len());
        let (mut scale, mut factors, mut mentions) = (Vec::new(), Vec::new(), Vec::new());
        for factor in terms.factors {
            if factor.e.ty.scalar() != Some(scalar) {
                return None;
            }
            match mentioned(factor.e, &vars) {
                bits if bits & !is_open == 0 => scale.push(factor),
                bits => {
                    factors.push(factor);
                    mentions.push(bits);
                }
            }
        }
        let reads = factors.iter().chain(&scale).map(|factor| factor.e).chain(terms.guards.iter().copied());
        let defined: Vec<VarId> = terms.definitions.keys().copied().collect();
        if reads.into_iter().any(|e| mentioned_any(e, &defined)) || terms.definitions.values().any(|e| self.is_risky(e))
        {
            return None;
        }
        let extents = self.extents(open, &terms.binders);
        let differing = difference(&factors);
        let (pairing, order) = match differing {
            None => {
                let in_place = factors.iter().all(|factor| !factor.divides && self.is_strided(factor.e, &vars));
                let is_many = in_place && self.is_long(&mentions, open.len(), &extents);
                let least = if is_many { Least::Vector } else { Least::Matrix };
                (Pairing::Product, worthwhile_order(&mentions, open.len(), &extents, least)?)
            }
            Some((pairing, operands)) => {
                factors = operands.iter().map(|e| Factor { e, divides: false }).collect();
                mentions = operands.iter().map(|e| mentioned(e, &vars)).collect();
                let open_ones = (mentions[0] | mentions[1]) & is_open;
                let order = Order::Pair(Box::new([Order::Factor(0), Order::Factor(1)]), open_ones);
                let is_whole = (mentions[0] | mentions[1] | is_open) == low_bits(vars.len());
                (pairing, (is_whole && has_matrix(&order, &mentions, &extents)).then_some(order)?)
            }
        };
        let is_strided = |factor: &Factor| !factor.divides && self.is_strided(factor.e, &vars);
        let computed = factors.iter().filter(|factor| !is_strided(factor));
        if scale.iter().chain(computed).any(|factor| self.is_risky(factor.e)) {
            return None;
        }
        let loads = factors.iter().filter(|factor| is_strided(factor)).filter_map(|factor| match &factor.e.kind {
            ExprKind::Load(load) => Some(&**load),
            _ => None,
        });
        let mut loads: Vec<&Load> = loads.collect();
        let (mut limits, mut sides, mut chosen_cells) = (Vec::new(), Vec::new(), Vec::new());
        for guard in terms.guards.into_iter().flat_map(conjuncts) {
            if limits_of(guard, &vars, &mut limits).is_some() {
                continue;
            }
            if mentioned(guard, &vars) & !is_open == 0 && !super::asks_equality(guard) && !reads_cells(guard) {
                chosen_cells.push(guard);
            } else if sides_of(guard, &vars, &mut sides).is_none() {
                masks.push(Mask::of(guard)?);
            }
        }
        let asked: Vec<&Expr> =
            limits.iter().flat_map(Limit::operands).chain(sides.iter().flat_map(Side::operands)).collect();
        let mut masking = masks.iter().flat_map(Mask::operands);
        if asked.iter().chain(&chosen_cells).any(|e| self.is_risky(e)) || masking.any(|e| self.is_risky(e)) {
            return None;
        }
        if !(sides.is_empty() && masks.is_empty()) && (is_gated_clause || asked.iter().any(|e| reads_cells(e))) {
            return None;
        }
        // What a gate might keep from being read must not be read to find out what there is to multiply.
        let ends = terms.binders.iter().flat_map(|binder| [&binder.lo, &binder.hi]);
        let before = limits.iter().flat_map(Limit::operands).chain(ends).chain(loads.iter().flat_map(|l| &l.index));
        if (is_gated_clause || limits.iter().any(|limit| matches!(limit, Limit::All(_))))
            && before.into_iter().any(reads_cells)
            || is_gated_clause && loads.len() < factors.len()
        {
            return None;
        }
        let mut coords = open.to_vec();
        for binder in &terms.binders {
            let (lo, _) = self.reach_of_end(&binder.lo, &coords);
            let (_, hi) = self.reach_of_end(&binder.hi, &coords);
            coords.push(Coord { var: binder.var, lo, hi });
        }
        let mut conditions = Vec::new();
        for limit in &limits {
            match limit {
                Limit::End { coord, .. } => self.narrow(&mut coords[*coord], limit),
                Limit::All(condition) => conditions.push(self.scalar(condition)),
            }
        }
        let windows = self.cut_by_sides(&sides, &mut coords)?;
        let summed = &mut coords[open.len()..];
        let may_be_empty = |coord: &Coord| coord.extent().as_int().is_none_or(|extent| extent <= 0);
        // If one sum of several is empty, the product of all is zero.
        if mentions.len() > 2 || !matches!(order, Order::Pair(..)) {
            let empty = summed.iter().filter(|coord| may_be_empty(coord));
            conditions.extend(empty.map(|coord| coord.lo.clone().cmp(Cmp::SLt, coord.hi.clone())));
        }
        if let Some(all) = conditions.into_iter().reduce(|all, condition| all.bin(Bin::And, condition)) {
            let all = self.atom(all);
            for coord in summed.iter_mut() {
                let hi = all.clone().select(coord.hi.clone(), coord.lo.clone());
                coord.hi = self.atom(hi);
            }
        }
        let closed = limits.iter().fold(windows.cut, |bits, limit| bits | limit.mentions()) & is_open;
        let mut root = if windows.is_empty() && masks.is_empty() {
            grouped(&order, &factors, &mentions)
        } else {
            if !matches!(pairing, Pairing::Product) {
                return None;
            }
            factors.append(&mut scale);
            let is_worth = |mentions: [u64; 2]| {
                let coords = (mentions[0] | mentions[1]) & is_open;
                let pair = Order::Pair(Box::new([Order::Factor(0), Order::Factor(1)]), coords);
                has_matrix(&pair, &mentions, &extents)
            };
            let points = (&coords[..], &extents[..], open.len());
            let windowed = self.windowed(&factors, (&sides, &windows), masks, points, is_worth)?;
            loads.clear();
            Group { coords: windowed.open_coords, what: What::Windowed(Box::new(windowed)) }
        };
        let (open_coords, summed) = coords.split_at(open.len());
        let mut gates = Vec::new();
        if scale.is_empty() && root.is_contraction() {
            // Open coordinates that only guards mention have cells, too.
            root.coords |= closed;
        } else {
            gates.extend(summed.iter().filter(|coord| may_be_empty(coord)).cloned().map(Gate::Summed));
            gates.extend(chosen(open_coords, closed).into_iter().map(Gate::Open));
        }
        gates.extend(chosen_cells.into_iter().cloned().map(Gate::Holds));
        let (is_gated, parts) = (closed != 0, root.into_parts());
        let is_narrowed = is_gated_clause || limits.iter().any(|limit| matches!(limit, Limit::All(_)));
        let is_negative = terms.is_negative;
        Some(Product {
            parts,
            scale,
            is_negative,
            coords,
            whole: open.to_vec(),
            loads,
            scalar,
            pairing,
            is_gated,
            is_narrowed,
            gates,
            span,
        })
    }

    /// The extents of coordinates, or a guess.
    fn extents(&self, open: &[Coord], binders: &[&Binder]) -> Vec<f64> {
        let known = |extent: Option<i64>| extent.map_or(UNKNOWN, |extent| extent.max(1) as f64);
        let open = open.iter().map(|coord| known(coord.extent().as_int()));
        let summed =
            binders.iter().map(|binder| known(constant(&binder.hi).zip(constant(&binder.lo)).map(|(hi, lo)| hi - lo)));
        open.chain(summed).collect()
    }

    /// Whether two factors that are read in place are a matrix and a vector, and it is a long way through the matrix.
    fn is_long(&self, mentions: &[u64], open: usize, extents: &[f64]) -> bool {
        let &[a, b] = mentions else { return false };
        let is_part = a & !b == 0 || b & !a == 0;
        let is_open = low_bits(open);
        let [rows, summed] = [(a ^ b) & is_open, (a | b) & !is_open].map(|coords| order::size(coords, extents));
        let in_order = self.is_in_order();
        let (long, many) = if in_order { (LONG_IN_STEP, MANY_IN_STEP) } else { (LONG, MANY) };
        let has_rows = (a ^ b) & is_open != 0 && (!in_order || rows >= long);
        is_part && has_rows && summed >= long && order::size(a | b, extents) >= many
    }

    /// Whether a factor is a cell whose place is affine in the coordinates, with nothing else that can fail.
    pub fn is_strided(&self, factor: &Expr, vars: &[VarId]) -> bool {
        let ExprKind::Load(load) = &factor.kind else { return false };
        let is_affine = load.index.iter().all(|e| vars.iter().all(|var| step(e, *var).is_some()));
        matches!(load.tensor.kind, ExprKind::Var(_)) && is_affine && !load.index.iter().any(|e| self.is_risky(e))
    }
}

impl<'e> Product<'e> {
    /// Whether some cells are not what their sums are.
    pub fn asks_cells(&self) -> bool {
        self.gates.iter().any(|gate| matches!(gate, Gate::Holds(_)))
    }

    pub fn windowed(&self) -> Option<&Windowed<'e>> {
        match &self.parts[..] {
            [Group { what: What::Windowed(windowed), .. }] => Some(windowed),
            _ => None,
        }
    }
}

impl Group<'_> {
    pub fn is_contraction(&self) -> bool {
        matches!(self.what, What::Contraction(..) | What::Windowed(_))
    }
}

impl<'e> Group<'e> {
    fn into_parts(self) -> Vec<Group<'e>> {
        match self.what {
            What::Times(parts) => parts,
            _ => vec![self],
        }
    }
}

/// Factors in the order in which they are multiplied.
fn grouped<'e>(order: &Order, factors: &[Factor<'e>], mentions: &[u64]) -> Group<'e> {
    match order {
        Order::Factor(at) => Group { what: What::Cells(factors[*at]), coords: mentions[*at] },
        Order::Sum(at, coords) => {
            let inner = Box::new(grouped(&Order::Factor(*at), factors, mentions));
            Group { what: What::Contraction(inner, None), coords: *coords }
        }
        Order::Pair(pair, coords) => {
            let [a, b] = [&pair[0], &pair[1]].map(|order| grouped(order, factors, mentions));
            let both = a.coords | b.coords;
            // Without a sum, and with nothing that is needed twice, there is nothing to win by a call.
            let what = match both == *coords && (a.coords == both || b.coords == both) {
                true => What::Times(vec![a, b].into_iter().flat_map(Group::into_parts).collect()),
                false => What::Contraction(Box::new(a), Some(Box::new(b))),
            };
            Group { what, coords: *coords }
        }
    }
}

/// What makes a sum one of differences, and their operands.
fn difference<'e>(factors: &[Factor<'e>]) -> Option<(Pairing, &'e [Expr])> {
    let operands = |e: &'e Expr| match &e.kind {
        ExprKind::Op(Op::Sub, operands) => Some(&operands[..]),
        _ => None,
    };
    match factors {
        [Factor { e, divides: false }] => match &e.kind {
            ExprKind::Op(Op::Pow | Op::PowI, power) if is_two(&power[1]) => {
                Some((Pairing::SquaredDifference, operands(&power[0])?))
            }
            ExprKind::Op(Op::Abs, inner) => Some((Pairing::Distance, operands(&inner[0])?)),
            _ => None,
        },
        [Factor { e: a, divides: false }, Factor { e: b, divides: false }] if same(a, b) => {
            Some((Pairing::SquaredDifference, operands(a)?))
        }
        _ => None,
    }
}

fn is_two(e: &Expr) -> bool {
    matches!(e.kind, ExprKind::Int(2)) || matches!(e.kind, ExprKind::Float(value) if value == 2.0)
}

/// What at least makes a call worth it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Least {
    /// A product of matrices.
    Matrix,
    /// One of a matrix and a vector.
    Vector,
}

/// The order of a product, if calls take less than loops.
fn worthwhile_order(mentions: &[u64], open: usize, extents: &[f64], least: Least) -> Option<Order> {
    let all = mentions.iter().fold(0, |all, coords| all | coords);
    let points = order::size(all, extents);
    let summed = low_bits(extents.len()) & !low_bits(open);
    if mentions.len() < 2 || points < FEW && least == Least::Matrix || all & summed != summed {
        return None;
    }
    let order::Plan { order, cost } = order::best(mentions, low_bits(open), extents);
    let wins = least == Least::Vector || has_matrix(&order, mentions, extents) || cost * LOOPS < points;
    wins.then_some(order)
}

/// Whether somewhere two factors are multiplied that both have coordinates of the result which the other one lacks.
fn has_matrix(order: &Order, mentions: &[u64], extents: &[f64]) -> bool {
    let Order::Pair(pair, coords) = order else { return false };
    let [a, b] = [&pair[0], &pair[1]].map(|order| order.coords(mentions));
    let is_matrix = a & !b & coords != 0 && b & !a & coords != 0;
    let is_worth = order::size((a | b) & !coords, extents) >= SHORT && order::size(a | b, extents) >= FEW;
    is_matrix && is_worth || pair.iter().any(|order| has_matrix(order, mentions, extents))
}

fn mentioned_any(e: &Expr, vars: &[VarId]) -> bool {
    let mut found = false;
    e.walk(&mut |e| e.for_each_use(|var| found |= vars.contains(var)));
    found
}

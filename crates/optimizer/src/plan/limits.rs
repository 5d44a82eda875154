//! Guards that are limits of a coordinate: they cut its loop, so that nobody asks them point by point.
//!
//! A guard compares what is affine in a coordinate with what has a value outside of that coordinate's loop, as in
//! `sum[k](… where 2 * k + i < n)`. An equation is two limits: its loop has a turn or none.

use super::function::Lower;
use super::region::Reach;
use super::value::{Part, Value};
use ir::loops::Bin;
use ir::{Expr, ExprKind, Op, Scalar, Type, VarId, WhereItem};
use std::collections::HashMap;

/// What has to be bound or to hold at a point, in order: a guard protects what comes behind it.
#[derive(Clone, Copy)]
pub enum Item<'e> {
    Def(VarId, &'e Expr),
    /// The condition, and what it must be.
    Guard(&'e Expr, bool),
}

impl<'e> Item<'e> {
    pub fn all(wheres: &'e [WhereItem]) -> Vec<Item<'e>> {
        let item = |item: &'e WhereItem| match item {
            WhereItem::Def(var, e) => Item::Def(*var, e),
            WhereItem::Guard(e) => Item::Guard(e, true),
        };
        wheres.iter().map(item).collect()
    }

    pub fn expr(self) -> &'e Expr {
        let (Item::Def(_, e) | Item::Guard(e, _)) = self;
        e
    }
}

/// Integers that a list of items defines.
#[derive(Clone, Default)]
pub struct Definitions<'e>(HashMap<VarId, &'e Expr>);

impl<'e> Definitions<'e> {
    pub fn of(items: &[Item<'e>]) -> Definitions<'e> {
        let def = |item: &Item<'e>| match item {
            Item::Def(var, e) => Some((*var, *e)),
            Item::Guard(..) => None,
        };
        Definitions(items.iter().filter_map(def).collect())
    }

    /// Whether the value of an expression depends on one of these variables, be it through definitions.
    pub fn mention(&self, e: &Expr, vars: &[VarId]) -> bool {
        let mut found = false;
        e.walk(&mut |e| {
            e.for_each_use(|var| {
                found |= vars.contains(var) || self.0.get(var).is_some_and(|def| self.mention(def, vars));
            });
        });
        found
    }

    /// By how much an integer grows with a coordinate, if that is the same everywhere.
    pub fn slope(&self, e: &Expr, var: VarId) -> Option<i64> {
        let through = |e: &Expr| self.slope(e, var);
        match &e.kind {
            ExprKind::Var(other) if *other == var => Some(1),
            ExprKind::Var(other) => self.0.get(other).map_or(Some(0), |def| through(def)),
            ExprKind::Cast(inner) if keeps_value(e, inner) => through(inner),
            ExprKind::Op(Op::Add, operands) => through(&operands[0])?.checked_add(through(&operands[1])?),
            ExprKind::Op(Op::Sub, operands) => through(&operands[0])?.checked_sub(through(&operands[1])?),
            ExprKind::Op(Op::Neg, operands) => through(&operands[0])?.checked_neg(),
            ExprKind::Op(Op::Mul, operands) if self.mention(e, &[var]) => {
                match (super::bounds::constant(&operands[0]), super::bounds::constant(&operands[1])) {
                    (Some(times), _) => through(&operands[1])?.checked_mul(times),
                    (_, Some(times)) => through(&operands[0])?.checked_mul(times),
                    _ => None,
                }
            }
            _ => (!self.mention(e, &[var])).then_some(0),
        }
    }

    /// The definitions that an expression needs, innermost first.
    fn needed(&self, e: &Expr, found: &mut Vec<(VarId, &'e Expr)>) {
        e.walk(&mut |e| {
            e.for_each_use(|var| {
                if let Some(def) = self.0.get(var)
                    && !found.iter().any(|(known, _)| known == var)
                {
                    self.needed(def, found);
                    found.push((*var, def));
                }
            });
        });
    }
}

/// `left op right`, where the difference grows by `slope` with the coordinate.
#[derive(Clone, Copy)]
pub struct Limit<'e> {
    pub var: VarId,
    pub slope: i64,
    pub op: Op,
    pub left: &'e Expr,
    pub right: &'e Expr,
}

/// The limits among some items, and what is left of the items.
pub struct Limits<'e> {
    pub limits: Vec<Limit<'e>>,
    pub items: Vec<Item<'e>>,
    pub definitions: Definitions<'e>,
}

impl<'e> Limits<'e> {
    fn none(items: &[Item<'e>]) -> Limits<'e> {
        Limits { limits: Vec::new(), items: items.to_vec(), definitions: Definitions::of(items) }
    }

    /// Some of the limits, without the items.
    pub fn filtered(&self, keep: impl Fn(&Limit) -> bool) -> Limits<'e> {
        let limits = self.limits.iter().filter(|limit| keep(limit)).copied().collect();
        Limits { limits, items: Vec::new(), definitions: self.definitions.clone() }
    }

    /// Whether there are limits of a coordinate.
    pub fn cut(&self, var: VarId) -> bool {
        self.limits.iter().any(|limit| limit.var == var)
    }
}

impl Lower<'_, '_> {
    pub fn fails(&self, e: &Expr) -> bool {
        let facts = self.shared.facts.of(e, true);
        facts.traps || facts.effects
    }

    /// The limits of coordinates whose loops are nested in this order. What is `late` has no value before the innermost
    /// loop.
    pub fn limits<'e>(&self, items: &[Item<'e>], vars: &[VarId], late: &[VarId]) -> Limits<'e> {
        if self.options().opt_level == 0 {
            return Limits::none(items);
        }
        let definitions = Definitions::of(items);
        let (mut limits, mut rest) = (Vec::new(), Vec::new());
        // A limit is asked before everything else: nothing that can fail may have come before it.
        let mut is_first = true;
        for item in items {
            match item {
                Item::Guard(guard, true) if is_first => {
                    let before = limits.len();
                    let mut left = Vec::new();
                    for part in conjuncts(guard) {
                        match self.limit(part, vars, late, &definitions).filter(|_| is_first) {
                            Some(limit) => limits.push(limit),
                            None => {
                                is_first &= !self.fails(part);
                                left.push(Item::Guard(part, true));
                            }
                        }
                    }
                    if limits.len() == before { rest.push(*item) } else { rest.extend(left) }
                }
                item => {
                    is_first &= !self.fails(item.expr());
                    rest.push(*item);
                }
            }
        }
        Limits { limits, items: rest, definitions }
    }

    fn limit<'e>(
        &self,
        guard: &'e Expr,
        vars: &[VarId],
        late: &[VarId],
        definitions: &Definitions,
    ) -> Option<Limit<'e>> {
        let ExprKind::Op(op @ (Op::Lt | Op::Le | Op::Gt | Op::Ge | Op::Eq), operands) = &guard.kind else {
            return None;
        };
        let [left, right] = &operands[..] else { return None };
        if !is_index(left) || self.fails(guard) || definitions.mention(guard, late) {
            return None;
        }
        let mut needed = Vec::new();
        definitions.needed(guard, &mut needed);
        if needed.iter().any(|(_, def)| !is_index(def) || self.fails(def)) {
            return None;
        }
        let var = *vars.iter().rev().find(|var| definitions.mention(guard, &[**var]))?;
        let slope = definitions.slope(left, var)?.checked_sub(definitions.slope(right, var)?)?;
        (slope != 0 && slope != i64::MIN).then_some(Limit { var, slope, op: *op, left, right })
    }

    /// The part of a coordinate's range that its limits leave.
    pub fn narrowed(&mut self, var: VarId, (mut lo, mut hi): (Part, Part), limits: &Limits) -> (Part, Part) {
        for limit in limits.limits.iter().filter(|limit| limit.var == var) {
            let (begin, end) = self.ends(limit, &limits.definitions);
            if let Some(begin) = begin {
                lo = self.end(lo.bin(Bin::SMax, begin));
            }
            if let Some(end) = end {
                hi = self.end(hi.bin(Bin::SMin, end));
            }
        }
        (lo, hi)
    }

    fn end(&mut self, end: Part) -> Part {
        let end = self.placed(end, Reach::Total);
        self.atom(end)
    }

    /// Where the coordinates that a limit leaves begin and end.
    fn ends(&mut self, limit: &Limit, definitions: &Definitions) -> (Option<Part>, Option<Part>) {
        let mut needed = Vec::new();
        definitions.needed(limit.left, &mut needed);
        definitions.needed(limit.right, &mut needed);
        self.bind_coord(limit.var, Part::index(0));
        for (var, def) in needed {
            let value = self.index(def);
            let value = self.atom(value);
            let is_wide = self.program().vars[var.index()].ty == Type::I64;
            self.vars.insert(var, Value::one(if is_wide { value } else { super::expr::narrowed(value) }));
        }
        let left = self.index(limit.left);
        let right = self.index(limit.right);
        // `times * coordinate op bound`
        let (times, bound, op) = match limit.slope {
            slope if slope > 0 => (slope, right.bin(Bin::Sub, left), limit.op),
            slope => (-slope, left.bin(Bin::Sub, right), mirrored(limit.op)),
        };
        let bound = self.end(bound);
        let floor = |lower: &mut Self, more: i64| {
            let sum = bound.clone().bin(Bin::Add, Part::index(more));
            lower.floor_of(sum, times)
        };
        let after = |part: Part| part.bin(Bin::Add, Part::index(1));
        match op {
            Op::Lt => (None, Some(floor(self, times - 1))),
            Op::Le => (None, Some(after(floor(self, 0)))),
            Op::Gt => (Some(after(floor(self, 0))), None),
            Op::Ge => (Some(floor(self, times - 1)), None),
            _ => (Some(floor(self, times - 1)), Some(after(floor(self, 0)))),
        }
    }

    /// The greatest integer whose product with a divisor is not greater.
    pub fn floor_of(&mut self, value: Part, divisor: i64) -> Part {
        if divisor == 1 {
            return value;
        }
        let (value, by) = (self.atom(value), Part::index(divisor));
        let rest = value.clone().bin(Bin::SRem, by.clone()).bin(Bin::Add, by.clone()).bin(Bin::SRem, by.clone());
        value.bin(Bin::Sub, rest).bin(Bin::SDiv, by)
    }
}

fn mirrored(op: Op) -> Op {
    match op {
        Op::Lt => Op::Gt,
        Op::Le => Op::Ge,
        Op::Gt => Op::Lt,
        Op::Ge => Op::Le,
        other => other,
    }
}

/// The parts of a condition that must all hold, in order.
pub fn conjuncts(e: &Expr) -> Vec<&Expr> {
    match &e.kind {
        ExprKind::And(a, b) => {
            let mut parts = conjuncts(a);
            parts.extend(conjuncts(b));
            parts
        }
        ExprKind::Bool(true) => Vec::new(),
        _ => vec![e],
    }
}

/// Whether a cast of a whole number keeps its value whatever that is, or takes back one that does.
pub fn keeps_value(cast: &Expr, inner: &Expr) -> bool {
    match (inner.ty.scalar(), cast.ty.scalar()) {
        (Some(Scalar::I64), Some(Scalar::I32)) => match &inner.kind {
            ExprKind::Cast(narrow) => narrow.ty == cast.ty,
            ExprKind::Dim(..) => true,
            _ => false,
        },
        _ => is_index(cast) && is_index(inner),
    }
}

pub fn is_index(e: &Expr) -> bool {
    matches!(e.ty.scalar(), Some(Scalar::I32 | Scalar::I64))
}

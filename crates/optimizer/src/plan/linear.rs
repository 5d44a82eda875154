//! Whole numbers as sums of multiples of variables, so that indices and ends of ranges can be compared.

use super::limits::keeps_value;
use ir::{Expr, ExprKind, Op, Scalar, Stmt, VarId, WhereItem};
use std::collections::{BTreeMap, HashMap};

/// What the variables that stand for a value stand for.
pub type Definitions<'e> = HashMap<VarId, &'e Expr>;

/// The variables of a body that stand for a value.
pub fn definitions(body: &Expr) -> Definitions<'_> {
    let mut found = Definitions::new();
    body.walk(&mut |e| define(e, &mut found));
    found
}

/// The variables of a gate that stand for a value.
pub fn definitions_of(wheres: &[WhereItem]) -> Definitions<'_> {
    let mut found = Definitions::new();
    for item in wheres {
        if let WhereItem::Def(var, value) = item {
            found.insert(*var, value);
        }
    }
    found
}

fn define<'e>(e: &'e Expr, found: &mut Definitions<'e>) {
    let mut wheres = |items: &'e [WhereItem]| {
        for item in items {
            if let WhereItem::Def(var, value) = item {
                found.insert(*var, value);
            }
        }
    };
    match &e.kind {
        ExprKind::Family(family) => family.clauses.iter().for_each(|clause| wheres(&clause.wheres)),
        ExprKind::Reduce(reduce) => wheres(&reduce.wheres),
        ExprKind::Block(stmts, _) => {
            for stmt in stmts {
                match stmt {
                    Stmt::Let(var, value) => drop(found.insert(*var, value)),
                    Stmt::Rec(recurrence) => {
                        let clauses = recurrence.families.iter().flat_map(|(_, family)| &family.clauses);
                        for item in clauses.flat_map(|clause| &clause.wheres) {
                            if let WhereItem::Def(var, value) = item {
                                found.insert(*var, value);
                            }
                        }
                    }
                    Stmt::Do(_) => {}
                }
            }
        }
        _ => {}
    }
}

/// `constant + sum of factor * term`, without terms whose factor is zero.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Linear {
    terms: BTreeMap<Term, i64>,
    constant: i64,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Term {
    Var(VarId),
    Extent(VarId, usize),
}

impl Linear {
    pub fn constant(constant: i64) -> Linear {
        Linear { constant, ..Linear::default() }
    }

    pub fn var(var: VarId) -> Linear {
        Linear { terms: BTreeMap::from([(Term::Var(var), 1)]), constant: 0 }
    }

    pub fn of(e: &Expr, definitions: &Definitions) -> Option<Linear> {
        if !matches!(e.ty.scalar(), Some(Scalar::I32 | Scalar::I64)) {
            return None;
        }
        match &e.kind {
            ExprKind::Int(value) => Some(Linear::constant(*value)),
            ExprKind::Var(var) => match definitions.get(var) {
                // What a number consists of may be out of sight: it is the same wherever it is named.
                Some(value) => Linear::of(value, definitions).or_else(|| Some(Linear::var(*var))),
                None => Some(Linear::var(*var)),
            },
            ExprKind::Cast(inner) if keeps_value(e, inner) => Linear::of(inner, definitions),
            ExprKind::Dim(tensor, axis) => {
                let ExprKind::Var(var) = tensor.kind else { return None };
                Some(Linear { terms: BTreeMap::from([(Term::Extent(var, *axis), 1)]), constant: 0 })
            }
            ExprKind::Op(Op::Neg, operands) => Linear::of(&operands[0], definitions)?.times(-1),
            ExprKind::Op(op @ (Op::Add | Op::Sub | Op::Mul), operands) => {
                let (a, b) = (Linear::of(&operands[0], definitions)?, Linear::of(&operands[1], definitions)?);
                match (op, a.as_constant(), b.as_constant()) {
                    (Op::Add, _, _) => a.plus(&b),
                    (Op::Sub, _, _) => a.minus(&b),
                    (_, Some(factor), _) => b.times(factor),
                    (_, _, Some(factor)) => a.times(factor),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    pub fn as_constant(&self) -> Option<i64> {
        self.terms.is_empty().then_some(self.constant)
    }

    /// The least and the largest value, where the ranges (`lo..hi`, not empty) of all variables are known.
    pub fn range(&self, ranges: &HashMap<VarId, (i64, i64)>) -> Option<(i64, i64)> {
        let (mut least, mut most) = (self.constant, self.constant);
        for (term, factor) in &self.terms {
            let Term::Var(var) = term else { return None };
            let (lo, hi) = ranges.get(var)?;
            let (a, b) = (lo.checked_mul(*factor)?, (hi - 1).checked_mul(*factor)?);
            (least, most) = (least.checked_add(a.min(b))?, most.checked_add(a.max(b))?);
        }
        Some((least, most))
    }

    /// By how much it grows with a variable.
    pub fn factor(&self, var: VarId) -> i64 {
        self.terms.get(&Term::Var(var)).copied().unwrap_or(0)
    }

    /// With numbers in place of variables, if it depends on none of those that are unknown.
    pub fn with(&self, numbers: &HashMap<VarId, Linear>, unknown: &[VarId]) -> Option<Linear> {
        let mut sum = Linear::constant(self.constant);
        for (term, factor) in &self.terms {
            let number = match term {
                Term::Var(var) if unknown.contains(var) => return None,
                Term::Var(var) => numbers.get(var).cloned(),
                Term::Extent(..) => None,
            };
            let number = number.unwrap_or_else(|| Linear { terms: BTreeMap::from([(*term, 1)]), constant: 0 });
            sum = sum.plus(&number.times(*factor)?)?;
        }
        Some(sum)
    }

    pub fn plus(&self, other: &Linear) -> Option<Linear> {
        let mut sum = Linear { constant: self.constant.checked_add(other.constant)?, terms: self.terms.clone() };
        for (term, factor) in &other.terms {
            let total = sum.terms.entry(*term).or_insert(0);
            *total = total.checked_add(*factor)?;
        }
        sum.terms.retain(|_, factor| *factor != 0);
        Some(sum)
    }

    pub fn minus(&self, other: &Linear) -> Option<Linear> {
        self.plus(&other.times(-1)?)
    }

    fn times(&self, by: i64) -> Option<Linear> {
        let mut product = Linear::constant(self.constant.checked_mul(by)?);
        for (term, factor) in &self.terms {
            product.terms.insert(*term, factor.checked_mul(by)?);
        }
        product.terms.retain(|_, factor| *factor != 0);
        Some(product)
    }
}

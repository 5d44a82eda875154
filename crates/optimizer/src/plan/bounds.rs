//! Where clauses lie: what is known of their ranges before the program runs.

use super::function::Lower;
use super::value::Part;
use ir::loops::Bin;
use ir::{Binder, Clause, Expr, ExprKind, Family, Slot, WhereItem};

/// The range of one slot of a clause.
#[derive(Clone)]
pub enum Bounds<'a> {
    /// `lo..hi`, cut to the family's extent.
    Range {
        lo: Part,
        hi: Part,
        lo_expr: &'a Expr,
        hi_expr: &'a Expr,
    },
    Fixed(i64),
    /// Depends on other coordinates of the clause.
    Dependent(&'a Binder),
}

/// How the points of one range lie to another range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Relation {
    Inside,
    Outside,
    Unknown,
}

/// An end of a range, as far as it can be compared.
#[derive(Clone, Copy)]
pub enum End<'a> {
    Const(i64),
    /// The value of an expression that stands outside of all loops.
    Of(&'a Expr),
}

impl<'a> End<'a> {
    pub fn of(e: &'a Expr) -> End<'a> {
        match constant(e) {
            Some(value) => End::Const(value),
            None => End::Of(e),
        }
    }

    pub fn same(self, other: End) -> bool {
        match (self, other) {
            (End::Const(a), End::Const(b)) => a == b,
            (End::Of(a), End::Of(b)) => same(a, b),
            _ => false,
        }
    }

    /// Whether this is known not to be greater.
    pub fn at_most(self, other: End) -> bool {
        match (self, other) {
            (End::Const(a), End::Const(b)) => a <= b,
            _ => self.same(other),
        }
    }
}

impl<'a> Bounds<'a> {
    /// Both ends, unless they depend on other coordinates.
    pub fn ends(&self) -> Option<(End<'a>, End<'a>)> {
        match self {
            Bounds::Range { lo_expr, hi_expr, .. } => Some((End::of(lo_expr), End::of(hi_expr))),
            Bounds::Fixed(at) => Some((End::Const(*at), End::Const(at + 1))),
            Bounds::Dependent(_) => None,
        }
    }

    pub fn is_whole(&self, extent: &Expr) -> bool {
        let Some((lo, hi)) = self.ends() else { return false };
        lo.at_most(End::Const(0)) && End::of(extent).at_most(hi)
    }
}

/// A family on its way to loops.
pub struct Cells<'a> {
    pub family: &'a Family,
    pub tensor: ir::loops::Local,
    pub dims: Vec<Part>,
    /// For each clause and slot.
    pub bounds: Vec<Vec<Bounds<'a>>>,
    /// Clauses store over each other; otherwise each cell looks for the clause that gives it.
    pub painted: bool,
    /// Cells may hold a string that a new one replaces.
    pub replaces: bool,
}

impl Lower<'_, '_> {
    /// An extent: negative ones are empty.
    pub fn extent(&mut self, e: &Expr) -> Part {
        let extent = self.index(e);
        let dim = matches!(e.kind, ExprKind::Dim(..))
            || matches!(&e.kind, ExprKind::Cast(inner) if matches!(inner.kind, ExprKind::Dim(..)));
        let extent = if dim { extent } else { extent.bin(Bin::SMax, Part::index(0)) };
        self.atom(extent)
    }

    pub fn clause_bounds<'e>(&mut self, family: &'e Family, clause: &'e Clause, dims: &[Part]) -> Vec<Bounds<'e>> {
        let coords: Vec<ir::VarId> = clause
            .slots
            .iter()
            .filter_map(|slot| match slot {
                Slot::Coord(binder) => Some(binder.var),
                Slot::Fixed(_) => None,
            })
            .collect();
        let mut bounds = Vec::new();
        for (axis, slot) in clause.slots.iter().enumerate() {
            bounds.push(match slot {
                Slot::Fixed(at) => Bounds::Fixed(*at),
                Slot::Coord(binder) if mentions(&binder.lo, &coords) || mentions(&binder.hi, &coords) => {
                    Bounds::Dependent(binder)
                }
                Slot::Coord(binder) => {
                    let (lo, hi) = self.cut_range(binder, &family.axes[axis].extent, &dims[axis]);
                    Bounds::Range { lo, hi, lo_expr: &binder.lo, hi_expr: &binder.hi }
                }
            });
        }
        bounds
    }

    /// The part of a coordinate's range that the family has cells for.
    pub fn cut_range(&mut self, binder: &Binder, extent: &Expr, dim: &Part) -> (Part, Part) {
        let lo = if constant(&binder.lo) == Some(0) {
            Part::index(0)
        } else {
            let lo = self.index(&binder.lo);
            self.atom(lo.bin(Bin::SMax, Part::index(0)))
        };
        let hi = if End::of(&binder.hi).same(End::of(extent)) {
            dim.clone()
        } else {
            let hi = self.index(&binder.hi);
            self.atom(hi.bin(Bin::SMin, dim.clone()))
        };
        (lo, hi)
    }
}

pub fn is_whole(binder: &Binder, extent: &Expr) -> bool {
    End::of(&binder.lo).at_most(End::Const(0)) && End::of(extent).at_most(End::of(&binder.hi))
}

pub fn is_guarded(clause: &Clause) -> bool {
    clause.wheres.iter().any(|item| matches!(item, WhereItem::Guard(_)))
}

/// Whether the clauses, one or several along one axis, define every cell.
pub fn cover_all(family: &Family, bounds: &[Vec<Bounds>]) -> bool {
    let firm: Vec<&Vec<Bounds>> = (family.clauses.iter().zip(bounds))
        .filter(|(clause, _)| !is_guarded(clause) || clause.otherwise.is_some())
        .map(|(_, bounds)| bounds)
        .collect();
    let whole_but = |bounds: &[Bounds], but: usize| {
        bounds.iter().enumerate().all(|(axis, b)| axis == but || b.is_whole(&family.axes[axis].extent))
    };
    (0..family.axes.len()).any(|axis| {
        let extent = End::of(&family.axes[axis].extent);
        let mut pieces: Vec<(i64, End)> = Vec::new();
        for bounds in firm.iter().filter(|bounds| whole_but(bounds, axis)) {
            match bounds.get(axis).map(|b| b.ends()) {
                // A slice clause has all of the axis.
                None => return true,
                Some(Some((End::Const(lo), hi))) => pieces.push((lo, hi)),
                Some(_) => {}
            }
        }
        pieces.sort_by_key(|(lo, _)| *lo);
        let mut reached = 0;
        for (lo, hi) in pieces {
            if lo > reached {
                return false;
            }
            match hi {
                _ if extent.at_most(hi) => return true,
                End::Const(hi) => reached = reached.max(hi),
                End::Of(_) => {}
            }
        }
        extent.at_most(End::Const(reached))
    })
}

/// Whether no cell belongs to both clauses, by what is known of one axis.
pub fn disjoint(a: &[Bounds], b: &[Bounds]) -> bool {
    a.iter().zip(b).any(|(a, b)| match (a.ends(), b.ends()) {
        (Some((a_lo, a_hi)), Some((b_lo, b_hi))) => a_hi.at_most(b_lo) || b_hi.at_most(a_lo),
        _ => false,
    })
}

pub fn constant(e: &Expr) -> Option<i64> {
    match &e.kind {
        ExprKind::Int(value) => Some(*value),
        ExprKind::Cast(inner) if e.ty.scalar().is_some_and(|s| s.is_int()) => constant(inner)
            .filter(|value| e.ty.scalar().and_then(|s| s.int_range()).is_some_and(|(a, b)| (a..=b).contains(value))),
        _ => None,
    }
}

/// Whether two expressions without effects are written alike, and so have one value where nothing changes.
pub fn same(a: &Expr, b: &Expr) -> bool {
    a.ty == b.ty
        && match (&a.kind, &b.kind) {
            (ExprKind::Int(a), ExprKind::Int(b)) => a == b,
            (ExprKind::Var(a), ExprKind::Var(b)) => a == b,
            (ExprKind::Cast(a), ExprKind::Cast(b)) => same(a, b),
            (ExprKind::Dim(a, i), ExprKind::Dim(b, j)) => i == j && same(a, b),
            (ExprKind::Field(a, i), ExprKind::Field(b, j)) => i == j && same(a, b),
            (ExprKind::Op(f, a), ExprKind::Op(g, b)) => f == g && a.iter().zip(b).all(|(a, b)| same(a, b)),
            (ExprKind::Load(a), ExprKind::Load(b)) => {
                same(&a.tensor, &b.tensor) && a.index.iter().zip(&b.index).all(|(a, b)| same(a, b))
            }
            _ => false,
        }
}

fn mentions(e: &Expr, vars: &[ir::VarId]) -> bool {
    let mut found = false;
    e.walk(&mut |e| e.for_each_use(|var| found |= vars.contains(var)));
    found
}

//! Where clauses lie: what is known of their ranges before the program runs.

use super::function::Lower;
use super::value::Part;
use ir::loops::Bin;
pub use ir::visit::same;
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

pub type Ends<'a> = (End<'a>, End<'a>);

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
            _ if self.same(other) => true,
            (_, End::Of(e)) => largest_of(e).any(|e| self.at_most(End::of(e))),
            (End::Of(_), End::Const(_)) => false,
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
#[derive(Clone)]
pub struct Cells<'a> {
    pub family: &'a Family,
    pub place: Place,
    pub dims: Vec<Part>,
    /// For each clause and slot.
    pub bounds: Vec<Vec<Bounds<'a>>>,
    /// Clauses store over each other; otherwise each cell looks for the clause that gives it.
    pub painted: bool,
    /// Cells may hold a string that a new one replaces.
    pub replaces: bool,
    /// The order in which clauses can be computed one by one within a step.
    pub freed: Option<Vec<usize>>,
}

/// Where the cells of a family go.
#[derive(Clone, Copy)]
pub enum Place {
    Memory(ir::loops::Local),
    /// The registers of a variable.
    Registers(ir::VarId),
}

impl Cells<'_> {
    /// The tensor that holds the cells.
    pub fn tensor(&self) -> ir::loops::Local {
        match self.place {
            Place::Memory(tensor) => tensor,
            Place::Registers(_) => unreachable!("registers have no address"),
        }
    }
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

/// Whether the clauses define every cell, by what is known of their ranges.
pub fn cover_all(family: &Family, bounds: &[Vec<Bounds>]) -> bool {
    let extents: Vec<End> = family.axes.iter().map(|axis| End::of(&axis.extent)).collect();
    let firm: Vec<Vec<Ends>> = (family.clauses.iter().zip(bounds))
        .filter(|(clause, _)| is_firm(clause))
        .filter_map(|(_, bounds)| bounds.iter().map(Bounds::ends).collect())
        .collect();
    let boxes: Vec<&[Ends]> = firm.iter().map(|ends| &ends[..]).collect();
    (0..extents.len()).any(|axis| cover_along(&boxes, &extents, axis)) || cover_boxes(&boxes, &extents)
}

/// Whether a clause gives all of its cells a value.
pub fn is_firm(clause: &Clause) -> bool {
    !is_guarded(clause) || clause.otherwise.is_some()
}

/// Whether pieces cover everything that are whole along all axes but one. A slice has all of the axes that it lacks.
fn cover_along(boxes: &[&[Ends]], extents: &[End], axis: usize) -> bool {
    let is_piece = |ends: &&&[Ends]| (0..ends.len()).all(|k| k == axis || is_all(ends[k], extents[k]));
    let mut pieces: Vec<(i64, End)> = Vec::new();
    for ends in boxes.iter().filter(is_piece) {
        match ends.get(axis) {
            None => return true,
            Some((End::Const(lo), hi)) => pieces.push((*lo, *hi)),
            Some(_) => {}
        }
    }
    pieces.sort_by_key(|(lo, _)| *lo);
    let (mut reached, mut open) = (0, Vec::new());
    for (lo, hi) in pieces {
        if lo > reached {
            return false;
        }
        match hi {
            End::Const(hi) => reached = reached.max(hi),
            End::Of(_) => open.push(hi),
        }
    }
    is_reached(extents[axis], reached, &open)
}

/// Clauses that may be compared with each other along every axis.
const MOST_BOXES: usize = 64;

/// Whether boxes, whose ends are constants where they are not whole, cover all cells.
pub fn cover_boxes(boxes: &[&[Ends]], extents: &[End]) -> bool {
    if boxes.is_empty() || boxes.len() > MOST_BOXES {
        return false;
    }
    let Some((extent, others)) = extents.split_first() else { return true };
    let rest = |ends: &[Ends]| ends.len().min(1);
    if boxes.iter().all(|ends| ends.first().is_none_or(|ends| is_all(*ends, *extent))) {
        let inner: Vec<_> = boxes.iter().map(|ends| &ends[rest(ends)..]).collect();
        return cover_boxes(&inner, others);
    }
    let End::Const(extent) = *extent else { return false };
    let range = |ends: &&[Ends]| match ends.first() {
        None => Some((0, extent)),
        Some((End::Const(lo), End::Const(hi))) => Some((*lo, *hi)),
        Some(_) => None,
    };
    let ends = boxes.iter().filter_map(range).flat_map(|(lo, hi)| [lo, hi]);
    let mut points: Vec<i64> = ends.filter(|at| (0..extent).contains(at)).chain([0, extent]).collect();
    points.sort();
    points.dedup();
    points.windows(2).all(|pair| {
        let has = |ends: &&&[Ends]| range(ends).is_some_and(|(lo, hi)| lo <= pair[0] && pair[1] <= hi);
        let inner: Vec<_> = boxes.iter().filter(has).map(|ends| &ends[rest(ends)..]).collect();
        cover_boxes(&inner, others)
    })
}

fn is_all((lo, hi): (End, End), extent: End) -> bool {
    lo.at_most(End::Const(0)) && extent.at_most(hi)
}

/// Whether an extent is not greater than what pieces reach.
fn is_reached(extent: End, known: i64, open: &[End]) -> bool {
    let reached = |end: End| end.at_most(End::Const(known)) || open.iter().any(|hi| end.at_most(*hi));
    let parts: Vec<&Expr> = match extent {
        End::Of(e) => largest_of(e).collect(),
        End::Const(_) => Vec::new(),
    };
    reached(extent) || !parts.is_empty() && parts.into_iter().all(|e| is_reached(End::of(e), known, open))
}

/// The operands of a maximum.
fn largest_of(e: &Expr) -> impl Iterator<Item = &Expr> {
    let operands: &[Expr] = match &e.kind {
        ExprKind::Op(ir::Op::Max, operands) => operands,
        _ => &[],
    };
    operands.iter()
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

pub fn mentions(e: &Expr, vars: &[ir::VarId]) -> bool {
    let mut found = false;
    e.walk(&mut |e| e.for_each_use(|var| found |= vars.contains(var)));
    found
}

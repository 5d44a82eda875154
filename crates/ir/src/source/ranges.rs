//! Which ranges go without saying: a coordinate that stands alone as an index takes the extent of that axis.

use crate::expr::*;
use crate::ops::Op;
use crate::types::*;
use std::collections::HashMap;

/// An extent by what it is known to be.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Extent {
    Constant(i64),
    Axis(VarId, usize),
    Of(VarId),
    Sum(Box<Extent>, Box<Extent>, bool),
}

/// What is known of the extents of a function's variables.
#[derive(Default)]
pub(super) struct Extents {
    axes: HashMap<(VarId, usize), Extent>,
    values: HashMap<VarId, Extent>,
    /// Extents that a check found equal.
    same: HashMap<Extent, Extent>,
    /// Coordinates with constant ranges.
    ranges: HashMap<VarId, (i64, i64)>,
}

/// How coordinates index, in one construct.
#[derive(Default)]
pub(super) struct Places {
    /// For each coordinate the axes that it indexes alone; `None` is one of unknown extent.
    alone: HashMap<VarId, Vec<Option<Extent>>>,
    /// Other indices, with the extents of their axes.
    shifted: Vec<(Affine, Option<Extent>)>,
    /// Extents of axes of families of the own recurrence.
    own: Vec<(VarId, Extent)>,
}

/// Multiples of coordinates, and a constant.
#[derive(Clone, Default)]
struct Affine {
    terms: Vec<(VarId, i64)>,
    constant: i64,
}

impl Extents {
    pub fn of(body: &Expr) -> Extents {
        let mut extents = Extents::default();
        body.walk(&mut |e| match &e.kind {
            ExprKind::Block(stmts, _) => {
                for stmt in stmts {
                    match stmt {
                        Stmt::Let(var, value) => extents.bind(*var, value),
                        Stmt::Rec(rec) => rec.families.iter().for_each(|(var, family)| {
                            extents.family(*var, family);
                            extents.slots(family);
                        }),
                        Stmt::Do(_) => {}
                    }
                }
            }
            ExprKind::Family(family) => extents.slots(family),
            ExprKind::Reduce(reduce) => reduce.binders.iter().for_each(|binder| extents.range(binder)),
            ExprKind::Builtin(Builtin::SameExtent, items) => {
                if let (Some(a), Some(b)) = (extents.extent(&items[0]), extents.extent(&items[1])) {
                    let (a, b) = (extents.root(a), extents.root(b));
                    if a != b {
                        extents.same.insert(a, b);
                    }
                }
            }
            _ => {}
        });
        extents
    }

    fn bind(&mut self, var: VarId, value: &Expr) {
        match &value.kind {
            ExprKind::Family(family) => self.family(var, family),
            ExprKind::Literal(shape, _) => {
                for (k, extent) in shape.iter().enumerate() {
                    self.axes.insert((var, k), Extent::Constant(*extent as i64));
                }
            }
            ExprKind::CheckShape(of, dims) => {
                self.bind(var, of);
                for (k, dim) in dims.iter().enumerate() {
                    if let Some(dim) = dim {
                        self.axes.insert((var, k), Extent::Constant(*dim));
                    }
                }
            }
            ExprKind::Var(other) => {
                for k in 0..value.ty.rank() {
                    self.axes.insert((var, k), self.axis(*other, k));
                }
                if value.ty.rank() == 0
                    && let Some(known) = self.extent(value)
                {
                    self.values.insert(var, known);
                }
            }
            ExprKind::Int(_) | ExprKind::Dim(..) | ExprKind::Cast(_) => {
                if let Some(known) = self.extent(value) {
                    self.values.insert(var, known);
                }
            }
            _ => {}
        }
    }

    fn family(&mut self, var: VarId, family: &Family) {
        for (k, axis) in family.axes.iter().enumerate() {
            if let Some(extent) = self.extent(&axis.extent)
                && extent != Extent::Axis(var, k)
            {
                self.axes.insert((var, k), extent);
            }
        }
    }

    fn slots(&mut self, family: &Family) {
        for slot in family.clauses.iter().flat_map(|clause| &clause.slots) {
            if let Slot::Coord(binder) = slot {
                self.range(binder);
            }
        }
    }

    fn range(&mut self, binder: &Binder) {
        let ends = (self.extent(&binder.lo), self.extent(&binder.hi));
        if let (Some(Extent::Constant(lo)), Some(Extent::Constant(hi))) = ends {
            self.ranges.insert(binder.var, (lo, hi));
        }
    }

    fn axis(&self, var: VarId, k: usize) -> Extent {
        self.axes.get(&(var, k)).cloned().unwrap_or(Extent::Axis(var, k))
    }

    fn extent(&self, e: &Expr) -> Option<Extent> {
        Some(match &e.kind {
            ExprKind::Int(value) => Extent::Constant(*value),
            ExprKind::Cast(inner) if is_int(&inner.ty) && is_int(&e.ty) => self.extent(inner)?,
            ExprKind::Dim(of, k) => match of.kind {
                ExprKind::Var(var) => self.axis(var, *k),
                _ => return None,
            },
            ExprKind::Var(var) if is_int(&e.ty) => self.values.get(var).cloned().unwrap_or(Extent::Of(*var)),
            ExprKind::Op(op @ (Op::Add | Op::Sub), items) => {
                let (a, b) = (self.extent(&items[0])?, self.extent(&items[1])?);
                let plus = *op == Op::Add;
                match (&a, &b) {
                    (Extent::Constant(x), Extent::Constant(y)) => Extent::Constant(if plus { x + y } else { x - y }),
                    _ => Extent::Sum(Box::new(a), Box::new(b), plus),
                }
            }
            _ => return None,
        })
    }

    fn root(&self, mut extent: Extent) -> Extent {
        while let Some(next) = self.same.get(&extent) {
            extent = next.clone();
        }
        extent
    }

    /// Whether two ends of ranges are equal.
    pub fn equal(&self, a: &Expr, b: &Expr) -> bool {
        match (self.extent(a), self.extent(b)) {
            (Some(a), Some(b)) => self.root(a) == self.root(b),
            _ => false,
        }
    }

    /// Whether an end of a range is the extent of a tensor's axis.
    pub fn is_axis(&self, end: &Expr, tensor: &Expr, k: usize) -> bool {
        match (&tensor.kind, self.extent(end)) {
            (ExprKind::Var(var), Some(end)) => self.root(end) == self.root(self.axis(*var, k)),
            _ => false,
        }
    }

    /// Where coordinates index below an expression. Reads of `own` families settle nothing.
    pub fn places(&self, e: &Expr, own: &[VarId], places: &mut Places) {
        e.walk(&mut |e| match &e.kind {
            ExprKind::Load(load) => {
                let tensor = match load.tensor.kind {
                    ExprKind::Var(var) => Some(var),
                    _ => None,
                };
                if let Some(var) = tensor.filter(|var| own.contains(var)) {
                    for (k, index) in load.index.iter().enumerate() {
                        if let Some(coord) = alone(index) {
                            places.own.push((coord, self.root(self.axis(var, k))));
                        }
                    }
                    return;
                }
                for (k, index) in load.index.iter().enumerate() {
                    let extent = tensor.map(|var| self.root(self.axis(var, k)));
                    places.note(index, extent);
                }
            }
            ExprKind::Quotient(quotient) => quotient.x_cell.iter().for_each(|index| places.note(index, None)),
            _ => {}
        });
    }

    /// Whether inference gives the range.
    pub fn goes_without_saying(&self, binder: &Binder, places: &Places) -> bool {
        let Some(end) = self.extent(&binder.hi) else { return false };
        let end = self.root(end);
        if !matches!(binder.lo.kind, ExprKind::Int(0)) {
            return false;
        }
        // What such a family is read at must still be as long as what settles the range.
        if places.own.iter().any(|(coord, extent)| *coord == binder.var && *extent != end) {
            return false;
        }
        match places.alone.get(&binder.var) {
            Some(found) => found.iter().all(|at| at.as_ref() == Some(&end)),
            None => Some(&end) == self.largest(binder.var, places).map(Extent::Constant).as_ref(),
        }
    }

    /// The end of the largest range that keeps every index with a coordinate in bounds, where all else is constant.
    fn largest(&self, var: VarId, places: &Places) -> Option<i64> {
        let mut end: Option<i64> = None;
        for (index, extent) in &places.shifted {
            let Some((_, factor)) = index.terms.iter().find(|(v, _)| *v == var) else { continue };
            let Some(Extent::Constant(extent)) = extent else { return None };
            let (mut least, mut most) = (index.constant, index.constant);
            for (other, factor) in index.terms.iter().filter(|(v, _)| *v != var) {
                let (lo, hi) = *self.ranges.get(other)?;
                if hi <= lo || !places.alone.contains_key(other) {
                    return None;
                }
                let (a, b) = (lo * factor, (hi - 1) * factor);
                (least, most) = (least + a.min(b), most + a.max(b));
            }
            if *factor <= 0 || least < 0 {
                return None;
            }
            let own = (extent - 1 - most).div_euclid(*factor) + 1;
            end = Some(end.map_or(own, |end| end.min(own)));
        }
        end
    }
}

impl Places {
    fn note(&mut self, index: &Expr, extent: Option<Extent>) {
        match affine(index) {
            Some(Affine { terms, constant: 0 }) if matches!(terms[..], [(_, 1)]) => {
                self.alone.entry(terms[0].0).or_default().push(extent);
            }
            Some(index) => self.shifted.push((index, extent)),
            // An index that is not affine settles nothing, and hides what it mentions.
            None => crate::visit::free_vars(index).into_iter().for_each(|var| {
                self.shifted.push((Affine { terms: vec![(var, 1)], constant: 0 }, None));
            }),
        }
    }
}

fn affine(e: &Expr) -> Option<Affine> {
    let part = |e: &Expr, sign: i64, whole: &mut Affine| {
        let part = affine(e)?;
        whole.constant += sign * part.constant;
        for (var, factor) in part.terms {
            match whole.terms.iter_mut().find(|(v, _)| *v == var) {
                Some((_, f)) => *f += sign * factor,
                None => whole.terms.push((var, sign * factor)),
            }
        }
        Some(())
    };
    let mut whole = Affine::default();
    match &e.kind {
        ExprKind::Int(value) => whole.constant = *value,
        ExprKind::Var(var) => whole.terms.push((*var, 1)),
        ExprKind::Cast(inner) if is_int(&inner.ty) && is_int(&e.ty) => return affine(inner),
        ExprKind::Op(Op::Add, items) => {
            part(&items[0], 1, &mut whole)?;
            part(&items[1], 1, &mut whole)?;
        }
        ExprKind::Op(Op::Sub, items) => {
            part(&items[0], 1, &mut whole)?;
            part(&items[1], -1, &mut whole)?;
        }
        ExprKind::Op(Op::Neg, items) => part(&items[0], -1, &mut whole)?,
        ExprKind::Op(Op::Mul, items) => match (&items[0].kind, &items[1].kind) {
            (ExprKind::Int(n), _) => part(&items[1], *n, &mut whole)?,
            (_, ExprKind::Int(n)) => part(&items[0], *n, &mut whole)?,
            _ => return None,
        },
        _ => return None,
    }
    whole.terms.retain(|(_, factor)| *factor != 0);
    Some(whole)
}

fn is_int(ty: &Type) -> bool {
    ty.scalar().is_some_and(Scalar::is_int)
}

/// The variable that an index is as a whole.
pub(super) fn alone(index: &Expr) -> Option<VarId> {
    match &index.kind {
        ExprKind::Var(var) => Some(*var),
        ExprKind::Cast(inner) if is_int(&inner.ty) && is_int(&index.ty) => alone(inner),
        _ => None,
    }
}

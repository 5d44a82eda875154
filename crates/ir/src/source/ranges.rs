//! Which ranges go without saying: a coordinate that stands alone as an index takes the extent of that axis.

use crate::expr::*;
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
}

/// For each coordinate the axes that it indexes alone; `None` is one of unknown extent.
pub(super) type Places = HashMap<VarId, Vec<Option<Extent>>>;

impl Extents {
    pub fn of(body: &Expr) -> Extents {
        let mut extents = Extents::default();
        body.walk(&mut |e| match &e.kind {
            ExprKind::Block(stmts, _) => {
                for stmt in stmts {
                    match stmt {
                        Stmt::Let(var, value) => extents.bind(*var, value),
                        Stmt::Rec(rec) => rec.families.iter().for_each(|(var, family)| extents.family(*var, family)),
                        Stmt::Do(_) => {}
                    }
                }
            }
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
            ExprKind::Op(op @ (crate::Op::Add | crate::Op::Sub), items) => {
                let (a, b) = (self.extent(&items[0])?, self.extent(&items[1])?);
                let plus = *op == crate::Op::Add;
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

    /// Where coordinates stand alone below an expression. Reads of `own` settle nothing.
    pub fn places(&self, e: &Expr, own: Option<VarId>, places: &mut Places) {
        e.walk(&mut |e| match &e.kind {
            ExprKind::Load(load) => {
                let tensor = match load.tensor.kind {
                    ExprKind::Var(var) => Some(var),
                    _ => None,
                };
                if tensor.is_some() && tensor == own {
                    return;
                }
                for (k, index) in load.index.iter().enumerate() {
                    if let Some(coord) = alone(index) {
                        places.entry(coord).or_default().push(tensor.map(|var| self.root(self.axis(var, k))));
                    }
                }
            }
            ExprKind::Quotient(quotient) => {
                for index in &quotient.x_cell {
                    if let Some(coord) = alone(index) {
                        places.entry(coord).or_default().push(None);
                    }
                }
            }
            _ => {}
        });
    }

    /// Whether inference gives the range.
    pub fn goes_without_saying(&self, binder: &Binder, places: &Places) -> bool {
        let Some(end) = self.extent(&binder.hi) else { return false };
        let end = Some(self.root(end));
        matches!(binder.lo.kind, ExprKind::Int(0))
            && places.get(&binder.var).is_some_and(|found| !found.is_empty() && found.iter().all(|at| *at == end))
    }
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

//! The extents of what a function gives, by its parameters: of a call that is not looked into they must be known before
//! it is made for each cell of something.

use super::make;
use ir::visit::{free_vars, substitute};
use ir::*;
use std::collections::HashMap;

/// As far as a body says it.
#[derive(Clone)]
pub(super) enum Shape {
    Scalar,
    /// One `i64` per axis.
    Tensor(Vec<Expr>),
    Tuple(Vec<Shape>),
    /// What a call of a function gives that is being looked into.
    Same,
}

/// The shape of a function's result where its parameters determine it, in terms of these.
pub(super) fn result_shape(program: &mut Program, func: FuncId) -> Option<Shape> {
    let mut reading = Reading { program, calls: Vec::new(), known: None };
    let first = reading.function(func)?;
    // Calls of itself gave whatever the rest gives: with that for an answer the same must come out.
    reading.known = Some((func, first.clone()));
    let again = reading.function(func)?;
    let params = reading.program.funcs[func.index()].params.clone();
    (alike(&first, &again) && is_closed(&first, &params)).then_some(first)
}

/// The shape at a call that gives tensor parameters these shapes and integer ones these values.
pub(super) fn shape_at(
    program: &mut Program,
    of_params: &Shape,
    shapes: HashMap<VarId, Shape>,
    numbers: HashMap<VarId, Expr>,
) -> Shape {
    let mut reading = Reading { program, calls: Vec::new(), known: None };
    reading.at(of_params, &Bound { shapes, numbers })
}

struct Reading<'p> {
    program: &'p mut Program,
    calls: Vec<FuncId>,
    known: Option<(FuncId, Shape)>,
}

/// What variables of a body stand for: shapes, and integers in terms of parameters.
#[derive(Default)]
struct Bound {
    shapes: HashMap<VarId, Shape>,
    numbers: HashMap<VarId, Expr>,
}

impl Reading<'_> {
    fn function(&mut self, func: FuncId) -> Option<Shape> {
        let info = self.program.funcs[func.index()].clone();
        let mut bound = Bound::default();
        for param in &info.params {
            let ty = self.program.vars[param.index()].ty.clone();
            bound.shapes.insert(*param, of_variable(make::expr(ExprKind::Var(*param), ty, info.span))?);
        }
        self.calls.push(func);
        let shape = self.shape(&info.body, &mut bound);
        self.calls.pop();
        shape
    }

    fn shape(&mut self, e: &Expr, bound: &mut Bound) -> Option<Shape> {
        if e.ty.scalar().is_some() {
            return Some(Shape::Scalar);
        }
        match &e.kind {
            ExprKind::Var(var) => bound.shapes.get(var).cloned(),
            ExprKind::Block(stmts, value) => {
                stmts.iter().for_each(|stmt| self.statement(stmt, bound));
                self.shape(value, bound)
            }
            ExprKind::If(_, yes, no) if yes.ty == Type::Never => self.shape(no, bound),
            ExprKind::If(_, yes, no) if no.ty == Type::Never => self.shape(yes, bound),
            ExprKind::If(_, yes, no) => {
                let (yes, no) = (self.shape(yes, bound)?, self.shape(no, bound)?);
                joined(yes, no)
            }
            ExprKind::Family(family) => Some(self.family(family, bound)),
            ExprKind::Literal(shape, _) => {
                let extent = |n: &usize| make::int(*n as i64, Type::I64, e.span);
                Some(Shape::Tensor(shape.iter().map(extent).collect()))
            }
            ExprKind::CheckShape(of, wanted) => {
                let known = |wanted: i64| make::int(wanted, Type::I64, e.span);
                if let Some(wanted) = wanted.iter().copied().collect::<Option<Vec<i64>>>() {
                    return Some(Shape::Tensor(wanted.into_iter().map(known).collect()));
                }
                let Shape::Tensor(extents) = self.shape(of, bound)? else { return None };
                let checked = extents.into_iter().zip(wanted);
                Some(Shape::Tensor(checked.map(|(extent, wanted)| wanted.map_or(extent, known)).collect()))
            }
            ExprKind::StopGradient(of) | ExprKind::Checkpoint(of) => self.shape(of, bound),
            ExprKind::Tuple(items) => {
                Some(Shape::Tuple(items.iter().map(|item| self.shape(item, bound)).collect::<Option<_>>()?))
            }
            ExprKind::Field(of, k) => match self.shape(of, bound)? {
                Shape::Tuple(items) => items.into_iter().nth(*k),
                Shape::Same => Some(Shape::Same),
                _ => None,
            },
            ExprKind::Call(func, args) => self.call(*func, args, bound),
            _ => None,
        }
    }

    fn statement(&mut self, stmt: &Stmt, bound: &mut Bound) {
        match stmt {
            Stmt::Let(var, value) if value.ty.scalar().is_some_and(Scalar::is_int) => {
                let value = self.number(value, bound);
                bound.numbers.insert(*var, value);
            }
            Stmt::Let(var, value) => {
                if let Some(shape) = self.shape(value, bound) {
                    bound.shapes.insert(*var, shape);
                }
            }
            Stmt::Rec(recurrence) => {
                for (var, family) in &recurrence.families {
                    let shape = self.family(family, bound);
                    bound.shapes.insert(*var, shape);
                }
            }
            Stmt::Do(_) => {}
        }
    }

    fn family(&mut self, family: &Family, bound: &Bound) -> Shape {
        Shape::Tensor(family.axes.iter().map(|axis| self.number(&axis.extent, bound)).collect())
    }

    /// An integer in terms of parameters, as far as it can be.
    fn number(&mut self, e: &Expr, bound: &Bound) -> Expr {
        let mut e = e.clone();
        substitute(&mut e, &bound.numbers, self.program);
        read_off(&mut e, &bound.shapes);
        e
    }

    fn call(&mut self, func: FuncId, args: &[Expr], bound: &mut Bound) -> Option<Shape> {
        let known = self.known.as_ref().filter(|(of, _)| *of == func).map(|(_, shape)| shape.clone());
        if known.is_none() && self.calls.contains(&func) {
            // A ring of several functions is not followed.
            return (self.calls[0] == func).then_some(Shape::Same);
        }
        let of_params = match known {
            Some(shape) => shape,
            None => self.function(func)?,
        };
        let params = self.program.funcs[func.index()].params.clone();
        let mut numbers = HashMap::new();
        let mut shapes = HashMap::new();
        for (param, arg) in params.iter().zip(args) {
            if arg.ty.scalar().is_some_and(Scalar::is_int) {
                numbers.insert(*param, self.number(arg, bound));
            } else if let Some(shape) = self.shape(arg, bound) {
                shapes.insert(*param, shape);
            }
        }
        Some(self.at(&of_params, &Bound { shapes, numbers }))
    }

    fn at(&mut self, shape: &Shape, bound: &Bound) -> Shape {
        match shape {
            Shape::Scalar => Shape::Scalar,
            Shape::Same => Shape::Same,
            Shape::Tuple(items) => Shape::Tuple(items.iter().map(|item| self.at(item, bound)).collect()),
            Shape::Tensor(extents) => Shape::Tensor(extents.iter().map(|extent| self.number(extent, bound)).collect()),
        }
    }
}

/// Puts known extents in the place of those that are read off variables. What is put there is not read again: a
/// function that calls itself has the same parameters in both.
fn read_off(e: &mut Expr, shapes: &HashMap<VarId, Shape>) {
    e.for_each_child_mut(|child| read_off(child, shapes));
    let ExprKind::Dim(of, axis) = &e.kind else { return };
    if let ExprKind::Var(var) = of.kind
        && let Some(Shape::Tensor(extents)) = shapes.get(&var)
    {
        *e = make::cast(extents[*axis].clone(), Type::I32);
    }
}

/// A parameter's own extents.
fn of_variable(var: Expr) -> Option<Shape> {
    match var.ty.clone() {
        Type::Tensor(_, rank) => {
            let extent = |axis| {
                let dim = make::expr(ExprKind::Dim(Box::new(var.clone()), axis), Type::I32, var.span);
                make::cast(dim, Type::I64)
            };
            Some(Shape::Tensor((0..rank).map(extent).collect()))
        }
        _ => Some(Shape::Scalar),
    }
}

fn joined(a: Shape, b: Shape) -> Option<Shape> {
    match (a, b) {
        (Shape::Same, other) | (other, Shape::Same) => Some(other),
        (a, b) if alike(&a, &b) => Some(a),
        (Shape::Tuple(a), Shape::Tuple(b)) => {
            Some(Shape::Tuple(a.into_iter().zip(b).map(|(a, b)| joined(a, b)).collect::<Option<_>>()?))
        }
        _ => None,
    }
}

fn alike(a: &Shape, b: &Shape) -> bool {
    match (a, b) {
        (Shape::Scalar, Shape::Scalar) | (Shape::Same, Shape::Same) => true,
        (Shape::Tensor(a), Shape::Tensor(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| make::same(a, b)),
        (Shape::Tuple(a), Shape::Tuple(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b)),
        _ => false,
    }
}

/// Whether nothing but parameters is read.
fn is_closed(shape: &Shape, params: &[VarId]) -> bool {
    match shape {
        Shape::Scalar => true,
        Shape::Same => false,
        Shape::Tuple(items) => items.iter().all(|item| is_closed(item, params)),
        Shape::Tensor(extents) => extents.iter().flat_map(free_vars).all(|var| params.contains(&var)),
    }
}

//! Calls that are not looked into, made for each cell of what surrounds them: each becomes a family whose cells or rows
//! are such calls.

use super::place::Item;
use super::shapes::{self, Shape};
use super::value::{Cells, Tensor, Value};
use super::{Normaliser, Outcome, Unsupported, make};
use diagnostics::Symbol;
use ir::*;
use std::collections::HashMap;

impl Normaliser<'_> {
    /// An operand of a call that is not looked into: a cell, a tensor variable, or a row of one.
    pub(super) fn operand(&mut self, e: &Expr) -> Outcome<Expr> {
        if e.ty.scalar().is_some() && !self.scope.is_empty() {
            let cell = self.cell(e, true)?;
            return if make::is_cheap(&cell) { Ok(cell) } else { self.extract(cell) };
        }
        if e.ty.rank() == 0 {
            return self.atom(e);
        }
        let tensor = self.tensor(e)?;
        let tensor = self.stored(tensor, None)?;
        match &tensor.cells {
            Cells::Stored { var, prefix } if prefix.is_empty() => Ok(self.read_var(*var, e.span)),
            _ => Ok(make::family(self.copying(&tensor)?)),
        }
    }

    /// A call that what surrounds it must take part in.
    pub(super) fn call_for_each(&mut self, callee: FuncId, args: Vec<Expr>, e: &Expr) -> Outcome<Value> {
        let call = make::expr(ExprKind::Call(callee, args.clone()), e.ty.clone(), e.span);
        let in_steps = self.group_of(&visit::free_vars(&call).into_iter().collect()).is_some();
        let asked = |item: &Item| matches!(item, Item::Guard(_, guard) if self.is_inside(guard));
        if !self.is_inside(&call) && !in_steps && !self.scope.iter().any(asked) {
            // In a branch of the program around, which stays one.
            return Err(Unsupported);
        }
        let of_params = shapes::result_shape(self.program, callee).ok_or(Unsupported)?;
        let params = self.program.funcs[callee.index()].params.clone();
        let (mut known, mut numbers) = (HashMap::new(), HashMap::new());
        for (param, arg) in params.iter().zip(&args) {
            match &arg.kind {
                ExprKind::Family(family) => {
                    let extents = family.axes.iter().map(|axis| axis.extent.clone()).collect();
                    known.insert(*param, Shape::Tensor(extents));
                }
                ExprKind::Var(var) if arg.ty.rank() > 0 => {
                    let extents = self.variable(*var, arg.span).extents;
                    known.insert(*param, Shape::Tensor(extents));
                }
                _ => {
                    numbers.insert(*param, arg.clone());
                }
            }
        }
        let shape = shapes::shape_at(self.program, &of_params, known, numbers);
        match shape {
            Shape::Tuple(fields) => {
                let types = self.field_types(&e.ty);
                let mut values = Vec::new();
                for (k, (shape, ty)) in fields.iter().zip(types).enumerate() {
                    let call = Box::new(self.fresh(&call));
                    let field = make::expr(ExprKind::Field(call, k), ty, e.span);
                    values.push(self.one_for_each(field, shape)?);
                }
                Ok(Value::Tuple(values))
            }
            shape => self.one_for_each(call, &shape),
        }
    }

    /// One number or tensor for each cell of what surrounds it.
    fn one_for_each(&mut self, body: Expr, shape: &Shape) -> Outcome<Value> {
        let (span, like) = (body.span, self.temporary(body.ty.clone(), body.span));
        let extents = match shape {
            Shape::Scalar => return Ok(Value::Cell(self.place_scalar(like, None, body)?)),
            Shape::Tensor(extents) if !extents.iter().any(|extent| self.is_inside(extent)) => extents,
            _ => return Err(Unsupported),
        };
        let axes: Vec<Axis> = extents.iter().map(|extent| Axis { name: None, extent: self.fresh(extent) }).collect();
        let elem = body.ty.elem().clone();
        let clause = Clause { slots: Vec::new(), wheres: Vec::new(), body, otherwise: None, span };
        let own = Family { name: Symbol::new(""), axes, elem: elem.clone(), clauses: vec![clause], span };
        let (var, prefix) = self.place(like, None, own)?;
        let names = vec![None; extents.len()];
        Ok(Value::Tensor(Tensor { elem, extents: extents.clone(), names, cells: Cells::Stored { var, prefix }, span }))
    }
}

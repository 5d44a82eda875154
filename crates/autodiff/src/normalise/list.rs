//! Lists: what their items consist of, each part a tensor with the items along its first axis.

use super::value::{Cells, Tensor, Value};
use super::{Normaliser, Outcome, Unsupported, make};
use diagnostics::Span;
use ir::*;

impl Normaliser<'_> {
    /// A comprehension whose items are no numbers and no rows of one length.
    pub(super) fn list(&mut self, comprehension: &Comprehension, span: Span) -> Outcome<Value> {
        let mark = self.scope.len();
        let (item_of, count, inner) = self.combinations(comprehension, span)?;
        for clause in &comprehension.clauses {
            if let CompClause::Let(var, value) = clause {
                self.define(*var, value)?;
            }
        }
        let item = self.value(&comprehension.body)?;
        let items = self.along(item, item_of, &count, inner)?;
        self.scope.truncate(mark);
        Ok(Value::List(Box::new(items), count))
    }

    /// A value as what all values of its kind are, along a coordinate that is bound around it.
    fn along(&mut self, value: Value, coord: VarId, count: &Expr, inner: usize) -> Outcome<Value> {
        Ok(match value {
            Value::Cell(cell) => {
                let (elem, span) = (cell.ty.clone(), cell.span);
                let cell = self.closed(inner, cell);
                let cells = Cells::Pending { coords: vec![coord], cell };
                Value::Tensor(Tensor { elem, extents: vec![self.fresh(count)], names: vec![None], cells, span })
            }
            Value::Tensor(tensor) => {
                if tensor.extents.iter().any(|extent| self.is_inside(extent)) {
                    return Err(Unsupported);
                }
                let own: Vec<VarId> = tensor.names.iter().map(|name| self.new_coord(*name, tensor.span)).collect();
                let cell = self.read_at(&tensor, &own)?;
                let cell = self.closed(inner, cell);
                let coords = std::iter::once(coord).chain(own).collect();
                let extents = std::iter::once(self.fresh(count)).chain(tensor.extents).collect();
                let names = std::iter::once(None).chain(tensor.names).collect();
                Value::Tensor(Tensor { extents, names, cells: Cells::Pending { coords, cell }, ..tensor })
            }
            Value::Tuple(items) => {
                let items: Outcome<Vec<Value>> =
                    items.into_iter().map(|item| self.along(item, coord, count, inner)).collect();
                Value::Tuple(items?)
            }
            _ => return Err(Unsupported),
        })
    }

    /// A cell with the definitions of the scope that it needs, which stay in it.
    fn closed(&mut self, inner: usize, cell: Expr) -> Expr {
        let scope = self.scope.clone();
        let cell = self.close_block(inner, cell);
        self.scope = scope;
        cell
    }

    pub(super) fn item_of(&mut self, of: &Expr, at: &Expr, e: &Expr) -> Outcome<Value> {
        let at = self.cell(at, false)?;
        match self.value(of)? {
            Value::Items(items) => {
                let place = make::constant(&at).and_then(|at| usize::try_from(at).ok());
                place.and_then(|place| items.into_iter().nth(place)).ok_or(Unsupported)
            }
            Value::List(items, _) => self.nth(&items, &at, false),
            // What holds no floats may stay what it is.
            Value::Opaque(of) => {
                let item = make::expr(ExprKind::Item(Box::new(of), Box::new(at)), e.ty.clone(), e.span);
                match e.ty.scalar() {
                    Some(scalar) if !scalar.is_float() => Ok(Value::Cell(self.outside(item)?)),
                    _ => Err(Unsupported),
                }
            }
            _ => Err(Unsupported),
        }
    }

    /// One item of those that stand along a first axis.
    pub(super) fn nth(&mut self, items: &Value, at: &Expr, proven: bool) -> Outcome<Value> {
        let span = at.span;
        Ok(match items {
            Value::Tensor(tensor) => {
                let own: Vec<VarId> = tensor.names[1..].iter().map(|name| self.new_coord(*name, span)).collect();
                let mut index = vec![self.fresh(at)];
                index.extend(own.iter().map(|coord| self.read_var(*coord, span)));
                let mut is_proven = vec![true; index.len()];
                is_proven[0] = proven;
                let spans = vec![span; index.len()];
                let unused = make::expr(ExprKind::Unit, Type::Unit, span);
                let cell = self.read(tensor, Load { id: 0, tensor: unused, index, proven: is_proven, spans })?;
                if own.is_empty() {
                    Value::Cell(cell)
                } else {
                    Value::Tensor(Tensor {
                        elem: tensor.elem.clone(),
                        extents: self.all_fresh(&tensor.extents[1..]),
                        names: tensor.names[1..].to_vec(),
                        cells: Cells::Pending { coords: own, cell },
                        span,
                    })
                }
            }
            Value::Tuple(items) => {
                let items: Outcome<Vec<Value>> = items.iter().map(|item| self.nth(item, at, proven)).collect();
                Value::Tuple(items?)
            }
            _ => return Err(Unsupported),
        })
    }
}

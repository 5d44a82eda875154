//! Families, recurrences, reductions and comprehensions.

use crate::scalar::{self, as_float, as_int};
use crate::value::{Tensor, Value, indices};
use crate::{DEFECT, Failure, Machine, Result};
use diagnostics::{Span, Symbol};
use ir::*;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

/// The families of one recurrence, as far as their cells are known.
pub struct Group {
    recurrence: Rc<Recurrence>,
    /// Where the recurrence stands: its clauses see that frame, whoever asks for a cell.
    frame: usize,
    families: Vec<Cells>,
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("Group")
    }
}

impl Group {
    pub fn shape(&self, family: usize) -> &[usize] {
        &self.families[family].shape
    }
}

struct Cells {
    shape: Vec<usize>,
    known: RefCell<Vec<Cell>>,
    slices: RefCell<Slices>,
}

/// Bodies of slice clauses by clause and slots; `None` is in evaluation.
type Slices = HashMap<(usize, Vec<i64>), Option<Rc<Tensor>>>;

#[derive(Clone)]
enum Cell {
    Unknown,
    InEvaluation,
    Known(Value),
}

fn cycle(name: Symbol, index: &[i64], span: Span) -> Failure {
    Failure { code: DEFECT, span, message: format!("the cell `{name}{index:?}` needs itself") }
}

/// What the clause that covers a cell says about it.
enum Outcome {
    Value(Value),
    /// Not covered, or a guard is closed and there is no `else`.
    Falls,
}

impl Machine<'_> {
    fn shape(&mut self, family: &Family) -> Result<Vec<usize>> {
        family.axes.iter().map(|axis| Ok(usize::try_from(self.int(&axis.extent)?).unwrap_or(0))).collect()
    }

    pub fn family(&mut self, family: &Family) -> Result<Value> {
        let shape = self.shape(family)?;
        let slices = RefCell::default();
        let cells: Result<Vec<Value>> =
            indices(&shape).map(|index| self.cell(family, &slices, &shape, &index)).collect();
        let cells = cells?;
        Ok(match &cells[..] {
            [cell] if shape.is_empty() => cell.clone(),
            _ => Value::Tensor(Rc::new(Tensor { shape, cells })),
        })
    }

    pub fn recurrence(&mut self, recurrence: &Rc<Recurrence>) -> Result<()> {
        let mut families = Vec::new();
        for (_, family) in &recurrence.families {
            let shape = self.shape(family)?;
            let known = RefCell::new(vec![Cell::Unknown; shape.iter().product()]);
            families.push(Cells { shape, known, slices: RefCell::default() });
        }
        let group = Rc::new(Group { recurrence: recurrence.clone(), frame: self.current, families });
        let variables = || recurrence.families.iter().map(|(var, _)| *var).enumerate();
        for (k, var) in variables() {
            self.bind(var, Value::Growing(group.clone(), k));
        }
        for (k, var) in variables() {
            let whole = self.whole(&group, k)?;
            self.bind(var, whole);
        }
        Ok(())
    }

    /// All cells of a family of a recurrence.
    pub fn whole(&mut self, group: &Rc<Group>, k: usize) -> Result<Value> {
        let shape = group.families[k].shape.clone();
        let cells: Result<Vec<Value>> = indices(&shape).map(|index| self.growing_cell(group, k, &index)).collect();
        Ok(Value::Tensor(Rc::new(Tensor { shape, cells: cells? })))
    }

    /// The cell at an index inside the shape.
    pub fn growing_cell(&mut self, group: &Rc<Group>, k: usize, index: &[i64]) -> Result<Value> {
        let cells = &group.families[k];
        let family = &group.recurrence.families[k].1;
        let Some(flat) = Tensor::flat(&cells.shape, index) else { return Err(cycle(family.name, index, family.span)) };
        let known = cells.known.borrow()[flat].clone();
        match known {
            Cell::Known(value) => return Ok(value),
            Cell::InEvaluation => return Err(cycle(family.name, index, family.span)),
            Cell::Unknown => cells.known.borrow_mut()[flat] = Cell::InEvaluation,
        }
        let asking = std::mem::replace(&mut self.current, group.frame);
        let result = self.cell(family, &cells.slices, &cells.shape, index);
        self.current = asking;
        cells.known.borrow_mut()[flat] = match &result {
            Ok(value) => Cell::Known(value.clone()),
            // The chain that caught the failure may ask again, and gets the failure again.
            Err(_) => Cell::Unknown,
        };
        result
    }

    /// By the last clause that covers the cell and whose guards hold.
    fn cell(&mut self, family: &Family, slices: &RefCell<Slices>, shape: &[usize], index: &[i64]) -> Result<Value> {
        let outside = std::mem::replace(&mut self.in_cell, true);
        let mut result = Ok(Outcome::Falls);
        for (k, clause) in family.clauses.iter().enumerate().rev() {
            result = self.scope(|m| m.clause(family, k, clause, slices, shape, index));
            if !matches!(result, Ok(Outcome::Falls)) {
                break;
            }
        }
        self.in_cell = outside;
        Ok(match result? {
            Outcome::Value(value) => value,
            Outcome::Falls => Value::zero(self.program, &family.elem),
        })
    }

    fn clause(
        &mut self,
        family: &Family,
        k: usize,
        clause: &Clause,
        slices: &RefCell<Slices>,
        shape: &[usize],
        index: &[i64],
    ) -> Result<Outcome> {
        let (slots, rest) = index.split_at(clause.slots.len());
        for (slot, &at) in clause.slots.iter().zip(slots) {
            match slot {
                Slot::Fixed(place) if *place == at => {}
                Slot::Fixed(_) => return Ok(Outcome::Falls),
                Slot::Coord(binder) => {
                    if at < self.int(&binder.lo)? || at >= self.int(&binder.hi)? {
                        return Ok(Outcome::Falls);
                    }
                    self.bind(binder.var, Value::Int(at));
                }
            }
        }
        let open = self.wheres(&clause.wheres)?;
        let body = match (&clause.otherwise, open) {
            (_, true) => &clause.body,
            (Some(otherwise), false) => otherwise,
            (None, false) => return Ok(Outcome::Falls),
        };
        if rest.is_empty() {
            return self.eval(body).map(Outcome::Value);
        }
        let key = (k, slots.to_vec());
        let before = slices.borrow_mut().insert(key.clone(), None);
        let slice = match before {
            Some(Some(slice)) => slice,
            Some(None) => return Err(cycle(family.name, slots, clause.span)),
            None => match self.tensor(body) {
                Ok(slice) => slice,
                Err(failure) => {
                    slices.borrow_mut().remove(&key);
                    return Err(failure);
                }
            },
        };
        slices.borrow_mut().insert(key, Some(slice.clone()));
        if slice.shape != shape[slots.len()..] {
            let message = format!("a slice of `{}` has shape {:?} in {shape:?}", family.name, slice.shape);
            return Err(Failure { code: "E0905", span: body.span, message });
        }
        match Tensor::flat(&slice.shape, rest) {
            Some(flat) => Ok(Outcome::Value(slice.cells[flat].clone())),
            None => Err(cycle(family.name, index, clause.span)),
        }
    }

    /// Binds definitions, up to a guard that is closed: then `false`.
    fn wheres(&mut self, wheres: &[WhereItem]) -> Result<bool> {
        for item in wheres {
            match item {
                WhereItem::Def(var, e) => {
                    let value = self.eval(e)?;
                    self.bind(*var, value);
                }
                WhereItem::Guard(e) => {
                    if !self.truth(e)? {
                        return Ok(false);
                    }
                }
            }
        }
        Ok(true)
    }

    pub fn reduce(&mut self, e: &Expr, reduce: &Reduce) -> Result<Value> {
        let outside = std::mem::replace(&mut self.in_cell, true);
        let mut points = Vec::new();
        let result = self.points(reduce, 0, &mut points);
        self.in_cell = outside;
        result?;
        let Some(scalar) = reduce.body.ty.scalar() else { return Ok(Value::zero(self.program, &e.ty)) };
        let values = points.iter().map(|(_, value)| value);
        let empty = |wanted: &str| Failure {
            code: "E0909",
            span: e.span,
            message: format!("`{wanted}` of nothing has no value"),
        };
        let op = reduce.op;
        Ok(match op {
            ReduceOp::Any => Value::Bool(values.clone().any(|v| as_int(v) != 0)),
            ReduceOp::All => Value::Bool(values.clone().all(|v| as_int(v) != 0)),
            ReduceOp::Sum if scalar.is_float() => {
                Value::Float(scalar::round(scalar, values.map(as_float).fold(0.0, |a, b| a + b)))
            }
            ReduceOp::Prod if scalar.is_float() => Value::Float(scalar::round(scalar, values.map(as_float).product())),
            ReduceOp::Sum => {
                Value::Int(values.fold(0, |a, b| scalar::wrap(scalar, i128::from(a) + i128::from(as_int(b)))))
            }
            ReduceOp::Prod => {
                Value::Int(values.fold(1, |a, b| scalar::wrap(scalar, i128::from(a) * i128::from(as_int(b)))))
            }
            ReduceOp::Mean if points.is_empty() => return Err(empty("mean")),
            ReduceOp::Mean => {
                Value::Float(scalar::round(scalar, values.map(as_float).sum::<f64>() / points.len() as f64))
            }
            ReduceOp::Max | ReduceOp::Min | ReduceOp::ArgMax | ReduceOp::ArgMin => {
                let largest = matches!(op, ReduceOp::Max | ReduceOp::ArgMax);
                let address = matches!(op, ReduceOp::ArgMax | ReduceOp::ArgMin);
                let mut best: Option<&(i64, Value)> = None;
                for point in &points {
                    if best.is_none_or(|best| beats(&point.1, &best.1, largest)) {
                        best = Some(point);
                    }
                }
                match best {
                    Some((place, _)) if address => Value::Int(*place),
                    Some((_, value)) => value.clone(),
                    None if address || !scalar.is_float() => return Err(empty(op.name())),
                    None => Value::Float(if largest { f64::NEG_INFINITY } else { f64::INFINITY }),
                }
            }
        })
    }

    /// The values of the points whose gates are open, with their last coordinate.
    fn points(&mut self, reduce: &Reduce, depth: usize, points: &mut Vec<(i64, Value)>) -> Result<()> {
        let Some(binder) = reduce.binders.get(depth) else {
            return self.scope(|m| {
                if m.wheres(&reduce.wheres)? {
                    let place = match reduce.binders.last() {
                        Some(last) => as_int(&m.lookup(last.var, reduce.body.span)?),
                        None => 0,
                    };
                    points.push((place, m.eval(&reduce.body)?));
                }
                Ok(())
            });
        };
        let (lo, hi) = (self.int(&binder.lo)?, self.int(&binder.hi)?);
        for k in lo..hi {
            self.scope(|m| {
                m.bind(binder.var, Value::Int(k));
                m.points(reduce, depth + 1, points)
            })?;
        }
        Ok(())
    }

    pub fn comprehension(&mut self, e: &Expr, comprehension: &Comprehension) -> Result<Value> {
        let mut items = Vec::new();
        self.items(comprehension, 0, &mut items)?;
        let Type::Tensor(_, rank) = e.ty else { return Ok(Value::List(items.into())) };
        let mut row: Option<Vec<usize>> = None;
        let count = items.len();
        let mut cells = Vec::new();
        for item in items {
            match item {
                Value::Tensor(tensor) if rank > 1 => {
                    if row.as_ref().is_some_and(|row| *row != tensor.shape) {
                        let message = format!("rows of shape {:?} and {:?}", row.unwrap_or_default(), tensor.shape);
                        return Err(Failure { code: "E0905", span: comprehension.body.span, message });
                    }
                    row = Some(tensor.shape.clone());
                    cells.extend(tensor.cells.iter().cloned());
                }
                cell => cells.push(cell),
            }
        }
        let row = match row {
            Some(row) => row,
            None => {
                let extents: Result<Vec<i64>> = comprehension.row.iter().map(|extent| self.int(extent)).collect();
                extents?.into_iter().map(|extent| usize::try_from(extent).unwrap_or(0)).collect()
            }
        };
        let shape = std::iter::once(count).chain(row).collect();
        Ok(Value::Tensor(Rc::new(Tensor { shape, cells })))
    }

    fn items(&mut self, comprehension: &Comprehension, depth: usize, items: &mut Vec<Value>) -> Result<()> {
        match comprehension.clauses.get(depth) {
            None => {
                let item = self.eval_whole(&comprehension.body)?;
                items.push(item);
                Ok(())
            }
            Some(CompClause::If(cond)) => match self.truth(cond)? {
                true => self.items(comprehension, depth + 1, items),
                false => Ok(()),
            },
            Some(CompClause::Let(var, e)) => {
                let value = self.eval(e)?;
                self.scope(|m| {
                    m.bind(*var, value);
                    m.items(comprehension, depth + 1, items)
                })
            }
            Some(CompClause::For(var, source)) => {
                let drawn: Vec<Value> = match self.eval_whole(source)? {
                    Value::Range(lo, hi) => (lo..hi).map(Value::Int).collect(),
                    Value::List(list) => list.to_vec(),
                    Value::Tensor(tensor) => (0..tensor.shape[0]).map(|k| tensor.row(k)).collect(),
                    other => return Err(crate::eval::unexpected("items", &other, source.span)),
                };
                for value in drawn {
                    self.scope(|m| {
                        m.bind(*var, value);
                        m.items(comprehension, depth + 1, items)
                    })?;
                }
                Ok(())
            }
        }
    }
}

/// Whether a later point wins: NaN over numbers, otherwise only what is strictly better.
fn beats(new: &Value, best: &Value, largest: bool) -> bool {
    match (new, best) {
        (Value::Float(new), Value::Float(best)) => {
            !best.is_nan() && (new.is_nan() || if largest { new > best } else { new < best })
        }
        _ if largest => as_int(new) > as_int(best),
        _ => as_int(new) < as_int(best),
    }
}

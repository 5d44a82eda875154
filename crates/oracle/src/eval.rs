//! Expressions.

use crate::scalar::{self, as_int};
use crate::value::{Tensor, Value};
use crate::{DEFECT, Failure, Machine, Result, show};
use diagnostics::Span;
use ir::*;
use std::rc::Rc;

pub fn unexpected(wanted: &str, found: &Value, span: Span) -> Failure {
    Failure { code: DEFECT, span, message: format!("{wanted} expected, found {found:?}") }
}

impl Machine<'_> {
    /// An integer of any type.
    pub fn int(&mut self, e: &Expr) -> Result<i64> {
        match self.eval(e)? {
            Value::Int(x) => Ok(x),
            other => Err(unexpected("an integer", &other, e.span)),
        }
    }

    pub fn truth(&mut self, e: &Expr) -> Result<bool> {
        match self.eval(e)? {
            Value::Bool(x) => Ok(x),
            other => Err(unexpected("a truth value", &other, e.span)),
        }
    }

    pub fn tensor(&mut self, e: &Expr) -> Result<Rc<Tensor>> {
        match self.eval_whole(e)? {
            Value::Tensor(tensor) => Ok(tensor),
            other => Err(unexpected("a tensor", &other, e.span)),
        }
    }

    pub fn list(&mut self, e: &Expr) -> Result<Rc<[Value]>> {
        match self.eval(e)? {
            Value::List(items) => Ok(items),
            other => Err(unexpected("a list", &other, e.span)),
        }
    }

    pub fn text(&mut self, e: &Expr) -> Result<Rc<str>> {
        match self.eval(e)? {
            Value::Str(text) => Ok(text),
            other => Err(unexpected("text", &other, e.span)),
        }
    }

    /// A value with all cells, also where a recurrence is still growing.
    pub fn eval_whole(&mut self, e: &Expr) -> Result<Value> {
        match self.eval(e)? {
            Value::Growing(group, k) => self.whole(&group, k),
            value => Ok(value),
        }
    }

    fn all(&mut self, items: &[Expr]) -> Result<Vec<Value>> {
        items.iter().map(|item| self.eval_whole(item)).collect()
    }

    pub fn eval(&mut self, e: &Expr) -> Result<Value> {
        use ExprKind::*;
        Ok(match &e.kind {
            Unit => Value::Unit,
            Bool(x) => Value::Bool(*x),
            Int(x) => Value::Int(*x),
            Float(x) => Value::Float(*x),
            Str(text) => Value::Str(text.clone()),
            Var(var) => self.lookup(*var, e.span)?,
            Block(stmts, value) => self.scope(|m| {
                for stmt in stmts {
                    m.stmt(stmt)?;
                }
                m.eval(value)
            })?,
            Op(op, items) => {
                let args = self.all(items)?;
                let scalars = items[0].ty.scalar().zip(e.ty.scalar());
                let Some((operand, result)) = scalars else { return Err(unexpected("a scalar", &args[0], e.span)) };
                scalar::apply(*op, operand, result, &args, self.in_cell).map_err(|(code, message)| Failure {
                    code,
                    span: e.span,
                    message: message.to_owned(),
                })?
            }
            Cast(value) => {
                let value = self.eval(value)?;
                match e.ty.scalar() {
                    Some(to) => scalar::cast(to, &value),
                    None => return Err(unexpected("a scalar", &value, e.span)),
                }
            }
            And(a, b) => Value::Bool(self.truth(a)? && self.truth(b)?),
            Or(a, b) => Value::Bool(self.truth(a)? || self.truth(b)?),
            If(cond, yes, no) => {
                let branch = if self.truth(cond)? { yes } else { no };
                self.eval(branch)?
            }
            Tuple(items) => Value::Tuple(self.all(items)?.into()),
            Field(value, k) => match self.eval(value)? {
                Value::Tuple(items) => items[*k].clone(),
                Value::Range(lo, hi) => Value::Int(if *k == 0 { lo } else { hi }),
                other => return Err(unexpected("fields", &other, e.span)),
            },
            Variant(k, items) => Value::Variant(*k, self.all(items)?.into()),
            IsVariant(value, k) => match self.eval(value)? {
                Value::Variant(found, _) => Value::Bool(found == *k),
                other => return Err(unexpected("a variant", &other, e.span)),
            },
            Payload(value, variant, field) => match self.eval(value)? {
                Value::Variant(found, items) if found == *variant => items[*field].clone(),
                other => return Err(unexpected("another variant", &other, e.span)),
            },
            Load(load) => self.load(load)?,
            Dim(value, axis) => {
                let extent = match self.eval(value)? {
                    Value::Tensor(tensor) => tensor.shape[*axis],
                    Value::Growing(group, k) => group.shape(k)[*axis],
                    other => return Err(unexpected("a tensor", &other, e.span)),
                };
                Value::Int(extent as i64)
            }
            Reduce(reduce) => self.reduce(e, reduce)?,
            Family(family) => self.family(family)?,
            Literal(shape, items) => {
                let cells = self.all(items)?;
                match &cells[..] {
                    [cell] if shape.is_empty() => cell.clone(),
                    _ => Value::Tensor(Rc::new(Tensor { shape: shape.to_vec(), cells })),
                }
            }
            CheckShape(value, extents) => {
                let tensor = self.tensor(value)?;
                let agree =
                    |(found, wanted): (&usize, &Option<i64>)| wanted.is_none_or(|wanted| wanted == *found as i64);
                if !tensor.shape.iter().zip(extents).all(agree) {
                    let wanted: Vec<String> = extents
                        .iter()
                        .map(|extent| extent.map_or("?".to_owned(), |extent| extent.to_string()))
                        .collect();
                    let message = format!("shape {:?} where [{}] is wanted", tensor.shape, wanted.join(", "));
                    return Err(Failure { code: "E0905", span: e.span, message });
                }
                Value::Tensor(tensor)
            }
            Comprehension(comprehension) => self.comprehension(e, comprehension)?,
            List(items) => Value::List(self.all(items)?.into()),
            Item(list, index) => {
                let (items, k) = (self.list(list)?, self.int(index)?);
                match usize::try_from(k).ok().and_then(|k| items.get(k)) {
                    Some(item) => item.clone(),
                    None => {
                        let message = format!("item {k} of a list of length {}", items.len());
                        return Err(Failure { code: "E0902", span: index.span, message });
                    }
                }
            }
            Range(lo, hi) => Value::Range(self.int(lo)?, self.int(hi)?),
            Call(func, items) => {
                // A growing family may be passed on: only its cells that are read need to be known.
                let args: Result<Vec<Value>> = items.iter().map(|item| self.eval(item)).collect();
                self.call(*func, args?, e.span)?
            }
            Builtin(builtin, items) => self.builtin(*builtin, items, e)?,
            Interpolate(pieces) => {
                let mut text = String::new();
                for piece in pieces {
                    match piece {
                        Piece::Text(piece) => text.push_str(piece),
                        Piece::Value(piece, format) => {
                            let value = self.eval_whole(piece)?;
                            let shown = show::top(self.program, &piece.ty, &value);
                            text.push_str(&match format {
                                Some(format) => crate::format::formatted(format, piece.ty.scalar(), &value, shown),
                                None => shown,
                            });
                        }
                    }
                }
                Value::str(text)
            }
            Assert(assert) => self.scope(|m| m.assert(assert, e.span))?,
            Try(value) => self.try_value(value)?,
            StopGradient(value) | Checkpoint(value) => self.eval(value)?,
            Quotient(_) | Tangent(..) => {
                let message = "quotients are evaluated only after differentiation".to_owned();
                return Err(Failure { code: DEFECT, span: e.span, message });
            }
        })
    }

    fn stmt(&mut self, stmt: &Stmt) -> Result<()> {
        match stmt {
            Stmt::Let(var, value) => {
                let value = self.eval(value)?;
                self.bind(*var, value);
                Ok(())
            }
            Stmt::Rec(recurrence) => self.recurrence(recurrence),
            Stmt::Do(e) => self.eval(e).map(|_| ()),
        }
    }

    fn load(&mut self, load: &ir::Load) -> Result<Value> {
        let tensor = self.eval(&load.tensor)?;
        let index: Result<Vec<i64>> = load.index.iter().map(|index| self.int(index)).collect();
        let index = index?;
        let shape = match &tensor {
            Value::Tensor(tensor) => tensor.shape.clone(),
            Value::Growing(group, k) => group.shape(*k).to_vec(),
            other => return Err(unexpected("a tensor", other, load.tensor.span)),
        };
        for (axis, (&k, &extent)) in index.iter().zip(&shape).enumerate() {
            if k < 0 || k >= extent as i64 {
                let name = match load.tensor.kind {
                    ExprKind::Var(var) => self.program.vars[var.index()].coords.get(axis).copied().flatten(),
                    _ => None,
                };
                let name = name.map_or(format!("axis {axis}"), |name| format!("`{name}`"));
                // A proof that does not hold is a defect, whatever the program does.
                let code = if load.proven[axis] { DEFECT } else { "E0902" };
                let message = format!("index {k} is out of bounds for {name} of extent {extent}");
                return Err(Failure { code, span: load.spans[axis], message });
            }
        }
        match tensor {
            Value::Growing(group, k) => self.growing_cell(&group, k, &index),
            Value::Tensor(tensor) => match Tensor::flat(&shape, &index) {
                Some(flat) => Ok(tensor.cells[flat].clone()),
                None => Err(unexpected("a cell", &Value::Tensor(tensor), load.tensor.span)),
            },
            other => Err(unexpected("a tensor", &other, load.tensor.span)),
        }
    }

    fn assert(&mut self, assert: &ir::Assert, span: Span) -> Result<Value> {
        for (var, e) in &assert.lets {
            let value = self.eval_whole(e)?;
            self.bind(*var, value);
        }
        let holds = match self.eval_whole(&assert.cond)? {
            Value::Tensor(tensor) => tensor.cells.iter().all(|cell| as_int(cell) != 0),
            other => as_int(&other) != 0,
        };
        if holds {
            return Ok(Value::Unit);
        }
        let mut message = match &assert.message {
            Some(message) => self.text(message)?.to_string(),
            None => "assertion failed".to_owned(),
        };
        if let Some((a, b)) = assert.operands {
            for (side, var) in [("left", a), ("right", b)] {
                let value = self.lookup(var, span)?;
                let shown = show::top(self.program, &self.program.vars[var.index()].ty, &value);
                message.push_str(&format!("; {side} is {shown}"));
            }
        }
        Err(Failure { code: "E0901", span, message })
    }

    /// A broken promise of an earlier pass is not the program's to catch.
    fn try_value(&mut self, value: &Expr) -> Result<Value> {
        let (ok, value, message) = match self.eval_whole(value) {
            Ok(value) => (true, value, String::new()),
            Err(failure) if failure.code == DEFECT => return Err(failure),
            Err(failure) => (false, Value::zero(self.program, &value.ty), failure.message),
        };
        Ok(Value::Tuple([Value::Bool(ok), value, Value::str(message)].into()))
    }
}

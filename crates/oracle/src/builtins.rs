//! Whatever is neither arithmetic nor a family.

use crate::eval::unexpected;
use crate::scalar::as_int;
use crate::value::{Tensor, Value};
use crate::{Failure, Machine, Result, npy, show};
use ir::*;
use std::path::PathBuf;
use std::rc::Rc;

impl Machine<'_> {
    pub fn builtin(&mut self, builtin: Builtin, items: &[Expr], e: &Expr) -> Result<Value> {
        let args: Result<Vec<Value>> = items.iter().map(|item| self.eval_whole(item)).collect();
        let args = args?;
        let fail = |code, message: String| Err(Failure { code, span: e.span, message });
        Ok(match (builtin, &args[..]) {
            (Builtin::Print, values) => {
                let texts: Vec<String> =
                    items.iter().zip(values).map(|(item, value)| show::top(self.program, &item.ty, value)).collect();
                self.out.push_str(&texts.join(" "));
                self.out.push('\n');
                Value::Unit
            }
            (Builtin::Panic, [Value::Str(text)]) => return fail("E0910", text.to_string()),
            (Builtin::ToStr, [value]) => Value::str(show::top(self.program, &items[0].ty, value)),
            (Builtin::Concat, [Value::Str(a), Value::Str(b)]) => Value::str(format!("{a}{b}")),
            (Builtin::Len, [Value::Str(text)]) => Value::Int(text.chars().count() as i64),
            (Builtin::Len, [Value::List(list)]) => Value::Int(list.len() as i64),
            (Builtin::Equal, [a, b]) => Value::Bool(a.equal(b)),
            (Builtin::Contains, [item, Value::List(list)]) => Value::Bool(list.iter().any(|x| x.equal(item))),
            (Builtin::Contains, [item, Value::Tensor(tensor)]) => {
                Value::Bool(tensor.cells.iter().any(|x| x.equal(item)))
            }
            (Builtin::StrLess, [Value::Str(a), Value::Str(b)]) => Value::Bool(a < b),
            (Builtin::Rows, [Value::Tensor(tensor)]) => (0..tensor.shape[0]).map(|k| tensor.row(k)).collect(),
            (Builtin::Rows, [Value::List(list)]) => Value::List(list.clone()),
            (Builtin::Append, [Value::List(list), item]) => list.iter().chain([item]).cloned().collect(),
            (Builtin::Append, [Value::Tensor(tensor), item]) => {
                let mut grown = Tensor::clone(tensor);
                match item {
                    Value::Tensor(row) if row.shape[..] == grown.shape[1..] => {
                        grown.cells.extend(row.cells.iter().cloned());
                    }
                    Value::Tensor(row) => {
                        let message = format!("a row of shape {:?} behind rows of {:?}", row.shape, &grown.shape[1..]);
                        return fail("E0905", message);
                    }
                    cell => grown.cells.push(cell.clone()),
                }
                grown.shape[0] += 1;
                Value::Tensor(Rc::new(grown))
            }
            (Builtin::ListSlice, [lo, hi, Value::List(list)]) => {
                let (lo, hi) = (as_int(lo), as_int(hi));
                let inside = |k: i64| usize::try_from(k).ok().filter(|&k| k <= list.len());
                match (inside(lo), inside(hi)) {
                    (Some(lo), Some(hi)) => Value::List(list.get(lo..hi).unwrap_or(&[]).into()),
                    _ => return fail("E0902", format!("items {lo}..{hi} of a list of length {}", list.len())),
                }
            }
            (Builtin::LoadNpy, [Value::Str(path)]) => {
                let bytes =
                    std::fs::read(self.path(path)).map_err(|error| self.unreadable(e, path, &error.to_string()))?;
                let (scalar, tensor) = npy::parse(&bytes).map_err(|reason| self.unreadable(e, path, &reason))?;
                Value::Dyn(scalar, Rc::new(tensor))
            }
            (Builtin::Settle, [Value::Dyn(scalar, tensor)]) => {
                let found = Type::tensor(Type::Scalar(*scalar), tensor.shape.len());
                if found != e.ty {
                    let (found, wanted) = (type_name(self.program, &found), type_name(self.program, &e.ty));
                    return fail("E0905", format!("`{found}` of shape {:?} where `{wanted}` is wanted", tensor.shape));
                }
                Value::Tensor(tensor.clone())
            }
            (Builtin::SaveNpy, [Value::Str(path), Value::Tensor(tensor)]) => {
                let scalar = items[1].ty.elem().scalar().unwrap_or(Scalar::F64);
                std::fs::write(self.path(path), npy::write(scalar, tensor))
                    .map_err(|error| self.unreadable(e, path, &error.to_string()))?;
                Value::Unit
            }
            (Builtin::ReadText, [Value::Str(path)]) => {
                let text = std::fs::read_to_string(self.path(path));
                Value::str(text.map_err(|error| self.unreadable(e, path, &error.to_string()))?)
            }
            (Builtin::WriteText, [Value::Str(path), Value::Str(text)]) => {
                std::fs::write(self.path(path), text.as_bytes())
                    .map_err(|error| self.unreadable(e, path, &error.to_string()))?;
                Value::Unit
            }
            (Builtin::DynRank, [Value::Dyn(_, tensor)]) => Value::Int(tensor.shape.len() as i64),
            (Builtin::DynShape, [Value::Dyn(_, tensor)]) => {
                let cells = tensor.shape.iter().map(|&extent| Value::Int(extent as i64)).collect();
                Value::Tensor(Rc::new(Tensor { shape: vec![tensor.shape.len()], cells }))
            }
            (Builtin::SameExtent, [Value::Int(a), Value::Int(b), ..]) => {
                if a != b {
                    return Err(Failure { code: "E0905", span: e.span, message: format!("extents {a} and {b}") });
                }
                Value::Unit
            }
            (Builtin::SliceBounds, [Value::Int(lo), Value::Int(hi), Value::Int(extent), ..]) => {
                if *lo < 0 || hi > extent {
                    return Err(Failure { code: "E0902", span: e.span, message: format!("{lo}..{hi} of {extent}") });
                }
                Value::Unit
            }
            (Builtin::ArgSort, [Value::Tensor(tensor)]) => {
                let key = |k: &usize| match tensor.cells[*k] {
                    Value::Int(v) => (false, v as f64),
                    Value::Float(v) => (v.is_nan(), if v.is_nan() { 0.0 } else { v }),
                    _ => (false, 0.0),
                };
                let mut order: Vec<usize> = (0..tensor.cells.len()).collect();
                order.sort_by(|a, b| key(a).partial_cmp(&key(b)).expect("NaN is a key of its own"));
                let cells = order.into_iter().map(|k| Value::Int(k as i64)).collect();
                Value::Tensor(Rc::new(Tensor { shape: tensor.shape.clone(), cells }))
            }
            (_, args) => {
                return Err(unexpected(&format!("operands of {builtin:?}"), &args.iter().cloned().collect(), e.span));
            }
        })
    }

    fn path(&self, path: &str) -> PathBuf {
        self.files.map_or_else(|| PathBuf::from(path), |folder| folder.join(path))
    }

    fn unreadable(&self, e: &Expr, path: &str, reason: &str) -> Failure {
        Failure { code: "E0906", span: e.span, message: format!("`{path}`: {reason}") }
    }
}

impl FromIterator<Value> for Value {
    fn from_iter<I: IntoIterator<Item = Value>>(items: I) -> Value {
        Value::List(items.into_iter().collect())
    }
}

//! What expressions are during evaluation: cells, and structures of them that never reach the program.

use super::{Normaliser, Outcome, Unsupported, make};
use diagnostics::{Span, Symbol};
use ir::visit::{refresh, substitute};
use ir::*;
use std::collections::HashMap;

#[derive(Clone)]
pub(super) enum Value {
    /// A scalar that may be written wherever it is read.
    Cell(Expr),
    Tensor(Tensor),
    /// Also structures.
    Tuple(Vec<Value>),
    Range(Expr, Expr),
    Variant(usize, Vec<Value>),
    /// A list whose items have one form: as many of each of their numbers and tensors, along a first axis.
    List(Box<Value>, Expr),
    /// A list that is written down, of items that may differ.
    Items(Vec<Value>),
    /// One of two values of an enumeration, by a condition that may be repeated.
    Choice(Expr, Box<Value>, Box<Value>),
    /// Whatever has no cells: lists, strings, loaded files. Written in terms of what is still bound.
    Opaque(Expr),
}

#[derive(Clone)]
pub(super) struct Tensor {
    pub elem: Type,
    /// One `i64` per axis.
    pub extents: Vec<Expr>,
    pub names: Vec<Option<Symbol>>,
    pub cells: Cells,
    pub span: Span,
}

#[derive(Clone)]
pub(super) enum Cells {
    /// The axes of a variable behind these indices.
    Stored { var: VarId, prefix: Vec<Expr> },
    /// Not stored: what a cell is at these coordinates.
    Pending { coords: Vec<VarId>, cell: Expr },
}

impl Normaliser<'_> {
    pub(super) fn fresh(&mut self, e: &Expr) -> Expr {
        refresh(e, self.program)
    }

    pub(super) fn all_fresh(&mut self, items: &[Expr]) -> Vec<Expr> {
        items.iter().map(|e| self.fresh(e)).collect()
    }

    pub(super) fn substituted(&mut self, e: &Expr, by: &HashMap<VarId, Expr>) -> Expr {
        let mut copy = self.fresh(e);
        substitute(&mut copy, by, self.program);
        copy
    }

    pub(super) fn new_var(&mut self, var: Var) -> VarId {
        self.program.vars.push(var);
        VarId(self.program.vars.len() as u32 - 1)
    }

    pub(super) fn new_coord(&mut self, name: Option<Symbol>, span: Span) -> VarId {
        let name = name.unwrap_or_else(|| Symbol::new(""));
        self.new_var(Var { name, ty: Type::I32, span, kind: VarKind::Coord, coords: Vec::new() })
    }

    pub(super) fn read_var(&self, var: VarId, span: Span) -> Expr {
        make::expr(ExprKind::Var(var), self.program.vars[var.index()].ty.clone(), span)
    }

    /// A variable that stands for itself, as a tensor.
    pub(super) fn variable(&self, var: VarId, span: Span) -> Tensor {
        let info = &self.program.vars[var.index()];
        let known = self.extents.get(&var);
        let known = |axis: usize| {
            let constant = known.and_then(|known| known.get(axis).copied().flatten());
            constant
                .map(|extent| make::int(extent, Type::I64, span))
                .or_else(|| self.program.known_extent(var, axis, span))
        };
        let extents = (0..info.ty.rank()).map(|axis| match known(axis) {
            Some(extent) => extent,
            None => {
                let dim = ExprKind::Dim(Box::new(self.read_var(var, span)), axis);
                make::cast(make::expr(dim, Type::I32, span), Type::I64)
            }
        });
        let mut names = info.coords.clone();
        names.resize(info.ty.rank(), None);
        Tensor {
            elem: info.ty.elem().clone(),
            extents: extents.collect(),
            names,
            cells: Cells::Stored { var, prefix: Vec::new() },
            span,
        }
    }

    /// What a variable is: itself, or what stands for it.
    pub(super) fn lookup(&mut self, var: VarId, span: Span) -> Outcome<Value> {
        if let Some(value) = self.env.get(&var) {
            return Ok(value.clone());
        }
        let read = self.read_var(var, span);
        match read.ty.clone() {
            Type::Scalar(_) | Type::Str => Ok(Value::Cell(read)),
            Type::Tensor(..) => Ok(Value::Tensor(self.variable(var, span))),
            // The fields of what is bound outside become variables of their own, once.
            Type::Tuple(_) | Type::Struct(_) => {
                let types = self.field_types(&read.ty);
                let mut fields = Vec::new();
                for (k, ty) in types.into_iter().enumerate() {
                    let field = ExprKind::Field(Box::new(read.clone()), k);
                    let mut field = make::expr(field, ty.clone(), span);
                    if k == 1
                        && self.tried.contains(&var)
                        && let Some(nothing) = self.nothing(&ty, span)
                    {
                        let done = ExprKind::Field(Box::new(read.clone()), 0);
                        field = make::select(make::expr(done, Type::BOOL, span), field, nothing);
                    }
                    let info = &self.program.vars[var.index()];
                    let name = Symbol::new(&format!("{}_{k}", info.name));
                    let coords = vec![None; ty.rank()];
                    let part = self.new_var(Var { name, ty, span, kind: VarKind::Temp, coords });
                    self.out.push(Stmt::Let(part, field));
                    self.hoisted.push((var, part));
                    fields.push(self.lookup(part, span)?);
                }
                let value = Value::Tuple(fields);
                self.env.insert(var, value.clone());
                Ok(value)
            }
            Type::Range => {
                let end = |k| make::expr(ExprKind::Field(Box::new(read.clone()), k), Type::I64, span);
                let (lo, hi) = (self.bind_outside(end(0)), self.bind_outside(end(1)));
                Ok(Value::Range(lo, hi))
            }
            _ => Ok(Value::Opaque(read)),
        }
    }

    /// A value of a type that stands where nobody reads it: zero, or a tensor without cells.
    fn nothing(&mut self, ty: &Type, span: Span) -> Option<Expr> {
        let cell = make::zero(ty.elem(), span)?;
        if ty.rank() == 0 {
            return Some(cell);
        }
        let extents: Vec<Expr> = (0..ty.rank()).map(|_| make::int(0, Type::I64, span)).collect();
        let coords: Vec<VarId> = extents.iter().map(|_| self.new_coord(None, span)).collect();
        let names = vec![None; extents.len()];
        let cells = Cells::Pending { coords: coords.clone(), cell: cell.clone() };
        let like = Tensor { elem: ty.elem().clone(), extents: extents.clone(), names, cells, span };
        Some(make::family(self.single(&like, coords, extents, cell)))
    }

    /// Evaluates an expression that reads nothing of the scope in front of everything.
    fn bind_outside(&mut self, e: Expr) -> Expr {
        let (ty, span) = (e.ty.clone(), e.span);
        let var = self.new_var(Var { name: Symbol::new(""), ty, span, kind: VarKind::Temp, coords: Vec::new() });
        self.out.push(Stmt::Let(var, e));
        self.read_var(var, span)
    }

    pub(super) fn field_types(&self, ty: &Type) -> Vec<Type> {
        match ty {
            Type::Tuple(items) => items.to_vec(),
            Type::Struct(id) => self.program.structs[id.index()].fields.iter().map(|(_, ty)| ty.clone()).collect(),
            _ => Vec::new(),
        }
    }

    /// The cell of a tensor at indices that are known to exist where `proven`.
    pub(super) fn read(&mut self, tensor: &Tensor, access: Load) -> Outcome<Expr> {
        let tensor = match &tensor.cells {
            Cells::Pending { coords, cell } if access.proven.iter().all(|proven| *proven) => {
                let by: HashMap<VarId, Expr> = coords
                    .iter()
                    .copied()
                    .zip(access.index.into_iter().map(|index| make::cast(index, Type::I32)))
                    .collect();
                return Ok(self.substituted(cell, &by));
            }
            Cells::Pending { .. } => &self.stored(tensor.clone(), None)?,
            Cells::Stored { .. } => tensor,
        };
        let Cells::Stored { var, prefix } = &tensor.cells else { return Err(Unsupported) };
        let Load { id, index, proven, spans, .. } = access;
        let mut load = Load {
            id,
            tensor: self.read_var(*var, tensor.span),
            index: self.all_fresh(prefix),
            proven: vec![true; prefix.len()],
            spans: vec![tensor.span; prefix.len()],
        };
        load.index.extend(index);
        load.proven.extend(proven);
        load.spans.extend(spans);
        if load.index.is_empty() {
            return Ok(load.tensor);
        }
        Ok(make::expr(ExprKind::Load(Box::new(load)), tensor.elem.clone(), tensor.span))
    }

    /// The cell at coordinates that run over the tensor's own axes.
    pub(super) fn read_at(&mut self, tensor: &Tensor, coords: &[VarId]) -> Outcome<Expr> {
        let span = tensor.span;
        let index: Vec<Expr> = coords.iter().map(|coord| self.read_var(*coord, span)).collect();
        let (proven, spans) = (vec![true; index.len()], vec![span; index.len()]);
        let unused = make::expr(ExprKind::Unit, Type::Unit, span);
        self.read(tensor, Load { id: 0, tensor: unused, index, proven, spans })
    }

    /// One value or the other, both evaluated under the condition, which may be repeated.
    pub(super) fn merge(&mut self, cond: &Expr, yes: Value, no: Value) -> Outcome<Value> {
        if let ExprKind::Bool(known) = cond.kind {
            return Ok(if known { yes } else { no });
        }
        Ok(match (yes, no) {
            (Value::Cell(yes), Value::Cell(no)) => Value::Cell(make::select(self.fresh(cond), yes, no)),
            (Value::Tensor(yes), Value::Tensor(no)) => Value::Tensor(self.merge_tensors(cond, yes, no)?),
            (Value::Tuple(yes), Value::Tuple(no)) => {
                let fields: Outcome<Vec<Value>> =
                    yes.into_iter().zip(no).map(|(yes, no)| self.merge(cond, yes, no)).collect();
                Value::Tuple(fields?)
            }
            (Value::Range(a, b), Value::Range(c, d)) => {
                Value::Range(make::select(self.fresh(cond), a, c), make::select(self.fresh(cond), b, d))
            }
            (Value::Opaque(yes), Value::Opaque(no)) => Value::Opaque(make::select(self.fresh(cond), yes, no)),
            (yes @ (Value::Variant(..) | Value::Choice(..)), no @ (Value::Variant(..) | Value::Choice(..))) => {
                Value::Choice(self.fresh(cond), Box::new(yes), Box::new(no))
            }
            _ => return Err(Unsupported),
        })
    }

    fn merge_tensors(&mut self, cond: &Expr, yes: Tensor, no: Tensor) -> Outcome<Tensor> {
        let coords: Vec<VarId> = yes.names.iter().map(|name| self.new_coord(*name, yes.span)).collect();
        let (a, b) = (self.read_at(&yes, &coords)?, self.read_at(&no, &coords)?);
        let cell = make::select(self.fresh(cond), a, b);
        let mut extents = Vec::new();
        for (a, b) in yes.extents.iter().zip(&no.extents) {
            let alike = make::same(a, b);
            let (a, b) = (self.fresh(a), self.fresh(b));
            extents.push(if alike { a } else { make::select(self.fresh(cond), a, b) });
        }
        Ok(Tensor { extents, cells: Cells::Pending { coords, cell }, ..yes })
    }

    /// The value as an expression, where one exists that reads only what is still bound.
    pub(super) fn reify(&mut self, value: &Value, ty: &Type, span: Span) -> Outcome<Expr> {
        Ok(match value {
            Value::Cell(e) | Value::Opaque(e) => self.fresh(e),
            Value::Tensor(tensor) => match &tensor.cells {
                Cells::Stored { var, prefix } if prefix.is_empty() => self.read_var(*var, span),
                _ => make::family(self.copying(tensor)?),
            },
            Value::Tuple(items) => {
                let types = self.field_types(ty);
                let items: Outcome<Vec<Expr>> =
                    items.iter().zip(&types).map(|(item, ty)| self.reify(item, ty, span)).collect();
                make::expr(ExprKind::Tuple(items?), ty.clone(), span)
            }
            Value::List(..) | Value::Items(_) => return Err(Unsupported),
            Value::Range(lo, hi) => {
                let range = ExprKind::Range(Box::new(self.fresh(lo)), Box::new(self.fresh(hi)));
                make::expr(range, Type::Range, span)
            }
            Value::Variant(k, items) => {
                let Type::Enum(id) = ty else { return Err(Unsupported) };
                let types = self.program.enums[id.index()].variants[*k].fields.clone();
                let items: Outcome<Vec<Expr>> =
                    items.iter().zip(&types).map(|(item, ty)| self.reify(item, ty, span)).collect();
                make::expr(ExprKind::Variant(*k, items?), ty.clone(), span)
            }
            Value::Choice(cond, yes, no) => {
                let (yes, no) = (self.reify(yes, ty, span)?, self.reify(no, ty, span)?);
                make::select(self.fresh(cond), yes, no)
            }
        })
    }

    /// A family with the cells of a tensor.
    pub(super) fn copying(&mut self, tensor: &Tensor) -> Outcome<Family> {
        let span = tensor.span;
        let coords: Vec<VarId> = tensor.names.iter().map(|name| self.new_coord(*name, span)).collect();
        let body = self.read_at(tensor, &coords)?;
        let extents = self.all_fresh(&tensor.extents);
        Ok(self.single(tensor, coords, extents, body))
    }

    /// A family with one clause over everything.
    pub(super) fn single(&mut self, like: &Tensor, coords: Vec<VarId>, extents: Vec<Expr>, body: Expr) -> Family {
        let span = like.span;
        let mut slots = Vec::new();
        for (&var, extent) in coords.iter().zip(&extents) {
            let (lo, hi) = (make::int(0, Type::I64, span), self.fresh(extent));
            slots.push(Slot::Coord(Binder { var, lo, hi }));
        }
        let axes = like.names.iter().zip(extents).map(|(&name, extent)| Axis { name, extent }).collect();
        let clauses = vec![Clause { slots, wheres: Vec::new(), body, otherwise: None, span }];
        Family { name: Symbol::new(""), axes, elem: like.elem.clone(), clauses, span }
    }

    /// An expression with what stands for its variables in their place.
    pub(super) fn reified(&mut self, e: &Expr) -> Outcome<Expr> {
        let mut by = HashMap::new();
        for var in visit::free_vars(e) {
            if let Some(value) = self.env.get(&var).cloned() {
                if self.lists.contains(&var) {
                    continue;
                }
                let info = &self.program.vars[var.index()];
                let (ty, span) = (info.ty.clone(), info.span);
                by.insert(var, self.reify(&value, &ty, span)?);
            }
        }
        Ok(self.substituted(e, &by))
    }
}

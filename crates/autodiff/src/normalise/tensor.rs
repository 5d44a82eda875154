//! Tensors and structures.

use super::place::Item;
use super::value::{Cells, Tensor, Value};
use super::{Normaliser, Outcome, Unsupported, make, note_whole};
use diagnostics::Symbol;
use ir::visit::refresh;
use ir::*;
use std::rc::Rc;

impl Normaliser<'_> {
    pub(super) fn tensor(&mut self, e: &Expr) -> Outcome<Tensor> {
        match self.value(e)? {
            Value::Tensor(tensor) => Ok(tensor),
            _ => Err(Unsupported),
        }
    }

    pub(super) fn value(&mut self, e: &Expr) -> Outcome<Value> {
        use ExprKind::*;
        if let Type::Scalar(_) | Type::Str = e.ty
            && !matches!(e.kind, Field(..) | Payload(..) | Item(..))
        {
            return Ok(Value::Cell(self.cell(e, false)?));
        }
        Ok(match &e.kind {
            Var(var) => self.lookup(*var, e.span)?,
            Block(stmts, value) => {
                let mark = self.scope.len();
                self.stmts(stmts, false)?;
                let value = self.value(value)?;
                self.scope.truncate(mark);
                value
            }
            If(cond, yes, no) => self.choice(cond, yes, no)?,
            Tuple(items) => Value::Tuple(self.values(items)?),
            Variant(k, items) => Value::Variant(*k, self.values(items)?),
            Range(lo, hi) => Value::Range(self.cell(lo, false)?, self.cell(hi, false)?),
            Field(of, k) => match self.value(of)? {
                Value::Tuple(items) => items.into_iter().nth(*k).ok_or(Unsupported)?,
                Value::Range(lo, hi) => Value::Cell(if *k == 0 { lo } else { hi }),
                _ => return Err(Unsupported),
            },
            Payload(of, variant, field) => {
                let value = self.value(of)?;
                self.payload(&value, *variant, *field, e)?
            }
            Family(family) => Value::Tensor(self.family(family, None)?),
            Literal(shape, items) => Value::Tensor(self.literal(e, shape, items, None)?),
            Call(callee, items) if !self.opaque_calls.contains(callee) => {
                let body = self.inlined(*callee, items)?;
                self.value(&body)?
            }
            Call(callee, items) => {
                let mut operands = Vec::new();
                for item in items {
                    operands.push(self.operand(item)?);
                }
                let call = make::expr(Call(*callee, operands.clone()), e.ty.clone(), e.span);
                if self.is_at_top(&call) { self.at_top(call)? } else { self.call_for_each(*callee, operands, e)? }
            }
            CheckShape(of, extents) => {
                let tensor = self.tensor(of)?;
                let agree = tensor
                    .extents
                    .iter()
                    .zip(extents)
                    .all(|(found, wanted)| wanted.is_none() || make::constant(found) == *wanted);
                if agree {
                    return Ok(Value::Tensor(tensor));
                }
                if !self.scope.is_empty() {
                    return Ok(Value::Tensor(self.checked(tensor, extents, e.span)?));
                }
                let variable = self.whole_variable(tensor)?;
                self.at_top(make::expr(CheckShape(Box::new(variable), extents.clone()), e.ty.clone(), e.span))?
            }
            StopGradient(of) => {
                let value = self.value(of)?;
                self.stopped(value)?
            }
            Checkpoint(of) => self.checkpoint(|this| this.value(of))?,
            Comprehension(comprehension) if e.ty.rank() == 0 => self.list(comprehension, e.span)?,
            List(items) => Value::Items(self.values(items)?),
            Item(of, at) => self.item_of(of, at, e)?,
            Comprehension(comprehension) => Value::Tensor(self.comprehension(e, comprehension)?),
            Builtin(ir::Builtin::Append, items) if e.ty.rank() > 0 => {
                Value::Tensor(self.append(e, &items[0], &items[1])?)
            }
            Quotient(_) | Tangent(..) => return Err(Unsupported),
            _ => self.foreign(e)?,
        })
    }

    fn values(&mut self, items: &[Expr]) -> Outcome<Vec<Value>> {
        items.iter().map(|item| self.kept(item)).collect()
    }

    /// A value that may be read more than once.
    fn kept(&mut self, e: &Expr) -> Outcome<Value> {
        match &e.ty {
            Type::Scalar(_) => {
                let cell = self.cell(e, true)?;
                Ok(Value::Cell(if make::is_cheap(&cell) { cell } else { self.extract(cell)? }))
            }
            Type::Tensor(..) => match self.tensor(e)? {
                tensor if is_light(&tensor) => Ok(Value::Tensor(tensor)),
                tensor => Ok(Value::Tensor(self.stored(tensor, None)?)),
            },
            _ => self.value(e),
        }
    }

    fn choice(&mut self, cond: &Expr, yes: &Expr, no: &Expr) -> Outcome<Value> {
        let cond = self.cell(cond, true)?;
        match cond.kind {
            ExprKind::Bool(true) => return self.value(yes),
            ExprKind::Bool(false) => return self.value(no),
            _ => {}
        }
        let cond = if make::is_cheap(&cond) { cond } else { self.extract(cond)? };
        if yes.ty == Type::Never {
            self.under(cond, |n| n.effect_of(yes))?;
            return self.value(no);
        }
        if no.ty == Type::Never {
            self.under(make::not(cond), |n| n.effect_of(no))?;
            return self.value(yes);
        }
        let yes = self.under(cond.clone(), |n| n.branch(yes))?;
        let no = self.under(make::not(cond.clone()), |n| n.branch(no))?;
        self.merge(&cond, yes, no)
    }

    /// What a branch gives, with its reductions already bound under the branch's condition.
    fn branch(&mut self, e: &Expr) -> Outcome<Value> {
        let value = self.value(e)?;
        self.without_reductions(value)
    }

    fn without_reductions(&mut self, value: Value) -> Outcome<Value> {
        Ok(match value {
            Value::Tensor(tensor) => Value::Tensor(match &tensor.cells {
                Cells::Pending { cell, .. } if make::has_reduction(cell) => self.stored(tensor, None)?,
                _ => tensor,
            }),
            Value::Tuple(items) => {
                let items: Outcome<Vec<Value>> = items.into_iter().map(|item| self.without_reductions(item)).collect();
                Value::Tuple(items?)
            }
            other => other,
        })
    }

    fn payload(&mut self, value: &Value, variant: usize, field: usize, e: &Expr) -> Outcome<Value> {
        match value {
            Value::Variant(found, items) if *found == variant => items.get(field).cloned().ok_or(Unsupported),
            Value::Choice(cond, yes, no) => {
                let can = |value: &Value| may_be(value, variant);
                match (can(yes), can(no)) {
                    (true, false) => self.payload(yes, variant, field, e),
                    (false, true) => self.payload(no, variant, field, e),
                    (true, true) => {
                        let (yes, no) = (self.payload(yes, variant, field, e)?, self.payload(no, variant, field, e)?);
                        let (yes, no) = (self.without_reductions(yes)?, self.without_reductions(no)?);
                        self.merge(cond, yes, no)
                    }
                    (false, false) => Err(Unsupported),
                }
            }
            Value::Opaque(of) => {
                let of = Box::new(self.fresh(of));
                let test = ExprKind::IsVariant(of.clone(), variant);
                let test = make::expr(test, Type::BOOL, e.span);
                let payload = make::expr(ExprKind::Payload(of, variant, field), e.ty.clone(), e.span);
                match make::zero(&e.ty, e.span) {
                    Some(zero) => Ok(Value::Cell(self.outside(make::select(test, payload, zero))?)),
                    None => Err(Unsupported),
                }
            }
            _ => Err(Unsupported),
        }
    }

    fn stopped(&mut self, value: Value) -> Outcome<Value> {
        let stop = |e: Expr| {
            let (ty, span) = (e.ty.clone(), e.span);
            make::expr(ExprKind::StopGradient(Box::new(e)), ty, span)
        };
        Ok(match value {
            Value::Cell(e) => Value::Cell(stop(e)),
            Value::Tensor(tensor) => {
                let tensor = self.stored(tensor, None)?;
                let coords: Vec<VarId> = tensor.names.iter().map(|name| self.new_coord(*name, tensor.span)).collect();
                let cell = stop(self.read_at(&tensor, &coords)?);
                Value::Tensor(Tensor { cells: Cells::Pending { coords, cell }, ..tensor })
            }
            Value::Tuple(items) => {
                let items: Outcome<Vec<Value>> = items.into_iter().map(|item| self.stopped(item)).collect();
                Value::Tuple(items?)
            }
            Value::Variant(k, items) => {
                let items: Outcome<Vec<Value>> = items.into_iter().map(|item| self.stopped(item)).collect();
                Value::Variant(k, items?)
            }
            Value::Choice(cond, yes, no) => {
                Value::Choice(cond, Box::new(self.stopped(*yes)?), Box::new(self.stopped(*no)?))
            }
            Value::List(items, count) => Value::List(Box::new(self.stopped(*items)?), count),
            Value::Items(items) => {
                let items: Outcome<Vec<Value>> = items.into_iter().map(|item| self.stopped(item)).collect();
                Value::Items(items?)
            }
            other => other,
        })
    }

    /// The body of a function, with its arguments bound in front of it.
    pub(super) fn inlined(&mut self, callee: FuncId, items: &[Expr]) -> Outcome<Expr> {
        let func = &self.program.funcs[callee.index()];
        let span = func.span;
        let placeholder = |_: &Expr| make::expr(ExprKind::Unit, Type::Unit, span);
        let lets = func.params.iter().zip(items).map(|(param, item)| Stmt::Let(*param, placeholder(item))).collect();
        let body = make::expr(ExprKind::Block(lets, Box::new(func.body.clone())), func.result.clone(), span);
        let mut copy = refresh(&body, self.program);
        note_whole(&copy, &mut self.whole);
        let ExprKind::Block(lets, _) = &mut copy.kind else { return Err(Unsupported) };
        for (stmt, item) in lets.iter_mut().zip(items) {
            if let Stmt::Let(_, value) = stmt {
                *value = item.clone();
            }
        }
        Ok(copy)
    }

    /// A tensor as a variable that has just its axes.
    pub(super) fn whole_variable(&mut self, tensor: Tensor) -> Outcome<Expr> {
        let span = tensor.span;
        let tensor = self.stored(tensor, None)?;
        match &tensor.cells {
            Cells::Stored { var, prefix } if prefix.is_empty() => Ok(self.read_var(*var, span)),
            _ => Err(Unsupported),
        }
    }

    pub(super) fn atom(&mut self, e: &Expr) -> Outcome<Expr> {
        match &e.ty {
            Type::Tensor(..) => {
                let tensor = self.tensor(e)?;
                self.whole_variable(tensor)
            }
            Type::Scalar(_) | Type::Str => {
                let cell = self.cell(e, true)?;
                match cell.kind {
                    ExprKind::Var(_) | ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Bool(_) | ExprKind::Str(_) => {
                        Ok(cell)
                    }
                    _ => self.extract(cell),
                }
            }
            ty => {
                let value = self.value(e)?;
                self.reify(&value, ty, e.span)
            }
        }
    }

    fn is_at_top(&self, e: &Expr) -> bool {
        let guarded = self.scope.iter().any(|item| matches!(item, Item::Guard(..)));
        let group = self.group_of(&visit::free_vars(e).into_iter().collect());
        !self.is_inside(e) && !guarded && group.is_none()
    }

    /// Binds what only a statement can compute; it may depend on no coordinates and no guards.
    fn at_top(&mut self, e: Expr) -> Outcome<Value> {
        if !self.is_at_top(&e) {
            return Err(Unsupported);
        }
        let (span, like) = (e.span, self.temporary(e.ty.clone(), e.span));
        let var = self.new_var(like);
        self.out.push(Stmt::Let(var, e));
        self.lookup(var, span)
    }

    /// What is no number has no derivative, so that any expression will do for it.
    fn foreign(&mut self, e: &Expr) -> Outcome<Value> {
        let value = self.reified(e)?;
        match &e.ty {
            Type::Tensor(elem, _) if elem.scalar().is_none_or(|scalar| !scalar.is_float()) => self.at_top(value),
            Type::List(_) | Type::Dyn | Type::Unit => Ok(Value::Opaque(value)),
            _ => Err(Unsupported),
        }
    }

    pub(super) fn literal(
        &mut self,
        e: &Expr,
        shape: &Rc<[usize]>,
        items: &[Expr],
        name: Option<VarId>,
    ) -> Outcome<Tensor> {
        let (elem, span) = (e.ty.elem().clone(), e.span);
        let extents: Vec<Expr> = shape.iter().map(|extent| make::int(*extent as i64, Type::I64, span)).collect();
        let names = match name {
            Some(var) if self.program.vars[var.index()].coords.len() == shape.len() => {
                self.program.vars[var.index()].coords.clone()
            }
            _ => vec![None; shape.len()],
        };
        let mut cells = Vec::new();
        for item in items {
            cells.push(self.cell(item, true)?);
        }
        let target = name.filter(|var| !self.env.contains_key(var));
        let constant = cells.iter().all(|cell| {
            matches!(cell.kind, ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Bool(_) | ExprKind::Str(_))
        });
        if constant || self.scope.is_empty() {
            let mut atoms = Vec::new();
            for cell in cells {
                let is_atom = matches!(
                    cell.kind,
                    ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Bool(_) | ExprKind::Str(_) | ExprKind::Var(_)
                );
                atoms.push(if is_atom { cell } else { self.extract(cell)? });
            }
            let mut like = match name {
                Some(var) => self.program.vars[var.index()].clone(),
                None => self.temporary(e.ty.clone(), span),
            };
            like.ty = e.ty.clone();
            let var = match target {
                Some(var) => var,
                None => self.new_var(like),
            };
            self.extents.insert(var, shape.iter().map(|extent| Some(*extent as i64)).collect());
            self.out.push(Stmt::Let(var, make::expr(ExprKind::Literal(shape.clone(), atoms), e.ty.clone(), span)));
            let cells = Cells::Stored { var, prefix: Vec::new() };
            return Ok(Tensor { elem, extents, names, cells, span });
        }
        let mut clauses = Vec::new();
        for (flat, body) in cells.into_iter().enumerate() {
            let mut rest = flat;
            let mut slots: Vec<Slot> = Vec::new();
            for extent in shape.iter().rev() {
                slots.push(Slot::Fixed((rest % extent) as i64));
                rest /= extent;
            }
            slots.reverse();
            clauses.push(Clause { slots, wheres: Vec::new(), body, otherwise: None, span });
        }
        let axes = names.iter().zip(&extents).map(|(&name, extent)| Axis { name, extent: extent.clone() }).collect();
        let family = Family { name: Symbol::new(""), axes, elem, clauses, span };
        self.stored_family(family, name, names, extents)
    }

    /// A tensor that is made inside of cells. Its extents are checked by a stand-in that has nothing but these.
    fn checked(&mut self, tensor: Tensor, wanted: &[Option<i64>], span: diagnostics::Span) -> Outcome<Tensor> {
        let coords = tensor.names.iter().map(|name| self.new_coord(*name, span)).collect();
        let extents = self.all_fresh(&tensor.extents);
        let cell = make::zero(&tensor.elem, span).ok_or(Unsupported)?;
        let stand_in = make::family(self.single(&tensor, coords, extents, cell));
        let ty = stand_in.ty.clone();
        let like = self.temporary(ty.clone(), span);
        let var = self.new_var(like);
        let check = make::expr(ExprKind::CheckShape(Box::new(stand_in), wanted.to_vec()), ty, span);
        let unit = make::expr(ExprKind::Unit, Type::Unit, span);
        self.effect(make::expr(ExprKind::Block(vec![Stmt::Let(var, check)], Box::new(unit)), Type::Unit, span))?;
        let known = |wanted: i64| make::int(wanted, Type::I64, span);
        let extents = tensor.extents.into_iter().zip(wanted);
        let extents = extents.map(|(extent, wanted)| wanted.map_or(extent, known)).collect();
        Ok(Tensor { extents, ..tensor })
    }

    fn append(&mut self, e: &Expr, of: &Expr, item: &Expr) -> Outcome<Tensor> {
        let span = e.span;
        let tensor = self.tensor(of)?;
        let tensor = self.stored(tensor, None)?;
        let last = self.kept(item)?;
        let count = self.fresh(&tensor.extents[0]);
        let total = make::add(self.fresh(&count), make::int(1, Type::I64, span));
        let mut extents = self.all_fresh(&tensor.extents);
        extents[0] = self.fresh(&total);
        let mut clauses = Vec::new();
        for (lo, hi, is_item) in [(make::int(0, Type::I64, span), self.fresh(&count), false), (count, total, true)] {
            let coords: Vec<VarId> = tensor.names.iter().map(|name| self.new_coord(*name, span)).collect();
            let body = match (&last, is_item) {
                (_, false) => self.read_at(&tensor, &coords)?,
                (Value::Cell(cell), true) => self.fresh(cell),
                (Value::Tensor(row), true) => self.read_at(row, &coords[1..])?,
                _ => return Err(Unsupported),
            };
            let mut slots = vec![Slot::Coord(Binder { var: coords[0], lo, hi })];
            for (&var, extent) in coords.iter().zip(&extents).skip(1) {
                let (lo, hi) = (make::int(0, Type::I64, span), self.fresh(extent));
                slots.push(Slot::Coord(Binder { var, lo, hi }));
            }
            clauses.push(Clause { slots, wheres: Vec::new(), body, otherwise: None, span });
        }
        let names = tensor.names.clone();
        let axes = names.iter().zip(&extents);
        let axes = axes.map(|(&name, extent)| Axis { name, extent: extent.clone() }).collect();
        let family = Family { name: Symbol::new(""), axes, elem: tensor.elem, clauses, span };
        self.stored_family(family, None, names, extents)
    }
}

/// Whether reading a cell costs no more than reading memory.
pub(super) fn is_light(tensor: &Tensor) -> bool {
    match &tensor.cells {
        Cells::Stored { .. } => true,
        Cells::Pending { cell, .. } => make::is_cheap(cell),
    }
}

fn may_be(value: &Value, variant: usize) -> bool {
    match value {
        Value::Variant(found, _) => *found == variant,
        Value::Choice(_, yes, no) => may_be(yes, variant) || may_be(no, variant),
        _ => true,
    }
}

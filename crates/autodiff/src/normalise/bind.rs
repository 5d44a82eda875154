//! Statements: bindings of the block itself, bindings inside of cells, and effects.

use super::place::Item;
use super::tensor::is_light;
use super::value::{Cells, Tensor, Value};
use super::{Normaliser, Outcome, Unsupported, make};
use diagnostics::Symbol;
use ir::*;
use std::collections::HashMap;

impl Normaliser<'_> {
    /// Binds a variable of the block, which keeps its name for all that stands behind.
    pub(super) fn bind_top(&mut self, var: VarId, value: &Expr) -> Outcome<()> {
        let before = self.out.len();
        match self.program.vars[var.index()].ty.clone() {
            Type::Scalar(_) => {
                let cell = self.cell(value, true)?;
                self.out.push(Stmt::Let(var, cell));
                self.adopt(var, before);
            }
            Type::Tensor(..) => {
                let tensor = self.named(var, value)?;
                let bound = matches!(&tensor.cells, Cells::Stored { var: found, .. } if *found == var);
                if !bound {
                    let copy = self.copying(&tensor)?;
                    let name = self.program.vars[var.index()].name;
                    let copy = Family { name, ..copy };
                    self.note_family(var, &copy);
                    self.out.push(Stmt::Let(var, make::family(copy)));
                    self.adopt(var, before);
                }
            }
            ty @ (Type::Tuple(_) | Type::Struct(_) | Type::Enum(_)) => {
                let value = self.value(value)?;
                let name = self.program.vars[var.index()].name;
                let value = self.parts(name, value)?;
                let whole = self.reify(&value, &ty, self.program.vars[var.index()].span)?;
                self.out.push(Stmt::Let(var, whole));
                self.env.insert(var, value);
            }
            // Whoever prints it reads the list itself.
            Type::List(_) => {
                let parts = self.value(value)?;
                let name = self.program.vars[var.index()].name;
                let parts = self.parts(name, parts)?;
                self.out.push(Stmt::Let(var, value.clone()));
                self.lists.insert(var);
                self.env.insert(var, parts);
            }
            _ => return Err(Unsupported),
        }
        Ok(())
    }

    /// Where the last statement only hands on what this one has bound for it, the name goes to where it was computed.
    fn adopt(&mut self, var: VarId, before: usize) {
        let Some(Stmt::Let(_, last)) = self.out.last() else { return };
        let Some(source) = copied(last) else { return };
        let bound_here = self.out[before..self.out.len() - 1].iter().any(|stmt| match stmt {
            Stmt::Let(bound, _) => *bound == source,
            Stmt::Rec(recurrence) => recurrence.families.iter().any(|(bound, _)| *bound == source),
            Stmt::Do(_) => false,
        });
        let same_type = self.program.vars[var.index()].ty == self.program.vars[source.index()].ty;
        let shared = self.hoisted.iter().any(|(_, part)| *part == source);
        if !bound_here || !same_type || shared {
            return;
        }
        self.out.pop();
        let tail = self.out.split_off(before);
        let unit = make::expr(ExprKind::Unit, Type::Unit, Default::default());
        let mut block = make::expr(ExprKind::Block(tail, Box::new(unit)), Type::Unit, Default::default());
        visit::rename(&mut block, &HashMap::from([(source, var)]));
        let ExprKind::Block(mut tail, _) = block.kind else { return };
        let name = self.program.vars[var.index()].name;
        for stmt in &mut tail {
            match stmt {
                Stmt::Let(bound, Expr { kind: ExprKind::Family(family), .. }) if *bound == var => family.name = name,
                Stmt::Rec(recurrence) => {
                    for (bound, family) in &mut std::rc::Rc::make_mut(recurrence).families {
                        if *bound == var {
                            family.name = name;
                        }
                    }
                }
                _ => {}
            }
        }
        self.out.extend(tail);
        if let Some(extents) = self.extents.remove(&source) {
            self.extents.insert(var, extents);
        }
    }

    /// A variable for each number and tensor of a structure.
    fn parts(&mut self, name: Symbol, value: Value) -> Outcome<Value> {
        Ok(match value {
            Value::Cell(e) => {
                let atom = match e.kind {
                    ExprKind::Var(_) | ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Bool(_) => e,
                    _ => {
                        let mut like = self.temporary(e.ty.clone(), e.span);
                        like.name = name;
                        self.place_scalar(like, None, e)?
                    }
                };
                Value::Cell(atom)
            }
            Value::Tensor(tensor) => {
                let is_new = matches!(tensor.cells, Cells::Pending { .. });
                let tensor = self.stored(tensor, None)?;
                match &tensor.cells {
                    Cells::Stored { var, prefix } if prefix.is_empty() => {
                        if is_new {
                            self.program.vars[var.index()].name = name;
                        }
                        Value::Tensor(tensor)
                    }
                    _ => return Err(Unsupported),
                }
            }
            Value::Tuple(items) => Value::Tuple(self.all_parts(name, items)?),
            Value::Items(items) => Value::Items(self.all_parts(name, items)?),
            Value::List(items, count) => Value::List(Box::new(self.parts(name, *items)?), count),
            Value::Variant(k, items) => Value::Variant(k, self.all_parts(name, items)?),
            Value::Choice(cond, yes, no) => {
                let cond = match self.parts(Symbol::new(""), Value::Cell(cond))? {
                    Value::Cell(cond) => cond,
                    _ => return Err(Unsupported),
                };
                Value::Choice(cond, Box::new(self.parts(name, *yes)?), Box::new(self.parts(name, *no)?))
            }
            other => other,
        })
    }

    fn all_parts(&mut self, name: Symbol, items: Vec<Value>) -> Outcome<Vec<Value>> {
        let items = items.into_iter().enumerate();
        items.map(|(k, item)| self.parts(Symbol::new(&format!("{name}_{k}")), item)).collect()
    }

    /// A tensor that is bound to a name; it is stored under the name if nothing around adds to its axes.
    fn named(&mut self, var: VarId, value: &Expr) -> Outcome<Tensor> {
        match &value.kind {
            ExprKind::Family(family) => {
                let tensor = self.family(family, Some(var))?;
                self.stored(tensor, Some(var))
            }
            ExprKind::Literal(shape, items) => self.literal(value, shape, items, Some(var)),
            _ => {
                let tensor = self.tensor(value)?;
                self.stored(tensor, Some(var))
            }
        }
    }

    pub(super) fn stmts(&mut self, stmts: &[Stmt], scalar: bool) -> Outcome<()> {
        for stmt in stmts {
            match stmt {
                Stmt::Let(var, value) => self.bind(*var, value, scalar)?,
                Stmt::Rec(recurrence) => self.recurrence(recurrence)?,
                Stmt::Do(e) => self.effect_of(e)?,
            }
        }
        Ok(())
    }

    fn bind(&mut self, var: VarId, value: &Expr, scalar: bool) -> Outcome<()> {
        if scalar && !self.scope.is_empty() {
            self.define(var, value)?;
            return Ok(());
        }
        if value.ty.scalar().is_none() {
            return self.bind_structure(var, value);
        }
        let cell = self.cell(value, true)?;
        let cell = if make::is_cheap(&cell) { cell } else { self.place_let(var, cell)? };
        self.hold(var, Value::Cell(cell));
        Ok(())
    }

    fn place_let(&mut self, var: VarId, cell: Expr) -> Outcome<Expr> {
        let like = self.program.vars[var.index()].clone();
        let target = Some(var).filter(|_| like.kind != VarKind::Param);
        self.place_scalar(Var { kind: kept_kind(like.kind), ..like }, target, cell)
    }

    /// A definition inside of a cell. It stays one, and is given back, unless it can be written where it is read or
    /// is lifted.
    pub(super) fn define(&mut self, var: VarId, value: &Expr) -> Outcome<Option<Expr>> {
        if value.ty.scalar().is_none() {
            self.bind_structure(var, value)?;
            return Ok(None);
        }
        let cell = self.cell(value, true)?;
        if make::has_reduction(&cell) {
            let cell = self.place_let(var, cell)?;
            self.hold(var, Value::Cell(cell));
            return Ok(None);
        }
        if make::is_cheap(&cell) {
            self.hold(var, Value::Cell(cell));
            return Ok(None);
        }
        let info = &mut self.program.vars[var.index()];
        info.kind = kept_kind(info.kind);
        self.scope.push(Item::Def(var, cell.clone()));
        Ok(Some(cell))
    }

    fn bind_structure(&mut self, var: VarId, value: &Expr) -> Outcome<()> {
        if value.ty.rank() == 0 {
            let value = self.value(value)?;
            self.hold(var, value);
            return Ok(());
        }
        let param = self.program.vars[var.index()].kind == VarKind::Param;
        let tensor = match &value.kind {
            ExprKind::Literal(shape, items) if !param => self.literal(value, shape, items, Some(var))?,
            ExprKind::Family(family) => self.family(family, Some(var).filter(|_| !param))?,
            _ => self.tensor(value)?,
        };
        let keep = is_light(&tensor) && !(self.whole.contains(&var) && matches!(tensor.cells, Cells::Pending { .. }));
        let tensor = if keep { tensor } else { self.stored(tensor, Some(var).filter(|_| !param))? };
        self.hold(var, Value::Tensor(tensor));
        Ok(())
    }

    /// What stands for a variable from now on; nothing, where it is the variable itself.
    fn hold(&mut self, var: VarId, value: Value) {
        let itself = match &value {
            Value::Cell(Expr { kind: ExprKind::Var(other), .. }) => *other == var,
            _ => false,
        };
        if !itself {
            self.env.insert(var, value);
        }
    }

    pub(super) fn effect_of(&mut self, e: &Expr) -> Outcome<()> {
        let effect = self.reified(e)?;
        self.effect(effect)
    }

    /// An effect, once for each cell around that reaches it.
    pub(super) fn effect(&mut self, effect: Expr) -> Outcome<()> {
        let span = effect.span;
        let body =
            make::expr(ExprKind::Block(vec![Stmt::Do(effect)], Box::new(make::truth(true, span))), Type::BOOL, span);
        let free = visit::free_vars(&body);
        let (mut selection, _) = self.select(&free, true, true)?;
        let group = selection.group.take();
        let own = Family {
            name: Symbol::new("checked"),
            axes: Vec::new(),
            elem: Type::BOOL,
            clauses: vec![Clause { slots: Vec::new(), wheres: Vec::new(), body, otherwise: None, span }],
            span,
        };
        let mut checks = self.lifted(own, &selection, None)?;
        let stmt = match (&mut checks.clauses[..], checks.axes.is_empty()) {
            ([clause], true) if clause.wheres.is_empty() => match &mut clause.body.kind {
                ExprKind::Block(stmts, _) => stmts.remove(0),
                _ => return Err(Unsupported),
            },
            _ => {
                let ty = Type::tensor(Type::BOOL, checks.axes.len());
                let mut like = self.temporary(ty, span);
                like.name = checks.name;
                let var = self.new_var(like);
                Stmt::Let(var, make::family(checks))
            }
        };
        match group {
            Some(depth) => self.groups[depth].check_after(stmt),
            None => self.out.push(stmt),
        }
        Ok(())
    }
}

/// A parameter of a function that was dissolved is a binding like any other.
fn kept_kind(kind: VarKind) -> VarKind {
    if kind == VarKind::Param { VarKind::Let } else { kind }
}

/// The variable of which an expression is a copy.
fn copied(e: &Expr) -> Option<VarId> {
    match &e.kind {
        ExprKind::Var(var) => Some(*var),
        ExprKind::Family(family) => {
            let [clause] = &family.clauses[..] else { return None };
            if !clause.wheres.is_empty() || clause.otherwise.is_some() {
                return None;
            }
            let ExprKind::Load(load) = &clause.body.kind else { return None };
            let ExprKind::Var(source) = load.tensor.kind else { return None };
            let straight = load.index.len() == clause.slots.len()
                && load.index.iter().zip(&clause.slots).zip(&family.axes).all(|((index, slot), axis)| {
                    match (&index.kind, slot) {
                        (ExprKind::Var(var), Slot::Coord(binder)) => {
                            *var == binder.var
                                && make::constant(&binder.lo) == Some(0)
                                && make::same(&binder.hi, &axis.extent)
                        }
                        _ => false,
                    }
                });
            straight.then_some(source)
        }
        _ => None,
    }
}

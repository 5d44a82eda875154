//! What holds for a program between any two passes. Debug builds check it after every pass.
//!
//!  1. Every variable, function, structure and enumeration that is named exists; `main` takes no parameters.
//!  2. No type contains an open scalar.
//!  3. A variable is bound once in the whole program.
//!  4. A variable is read only where its binding is visible. While globals are allowed, a function may also read what
//!     another function binds: the module's bindings.
//!  5. A value has the type of what holds it: a variable, a branch, a parameter, a result. A dead end fits everywhere.
//!  6. A scalar operation has as many operands as its row says, of the types of its domain.
//!  7. Conditions and guards are `bool`.
//!  8. Tuples, structures and variants have the fields that their types declare, and only those are taken out.
//!  9. A load has one integer index, one proof and one span per axis.
//! 10. The axis of a `Dim`, and the extents of a `CheckShape`, are those of the tensor.
//! 11. A coordinate is an `i32`, and its range runs between two `i64`.
//! 12. A reduction's body and result have the types of its operator; `argmax` and `argmin` have one coordinate.
//! 13. A family has scalar or text cells, `i64` extents, at most one slot per axis, and bodies of what the slots leave.
//! 14. An `else` sees coordinates, and definitions in front of the first guard.
//! 15. The order of a recurrence has every family once, inside steps along different axes of it.
//! 16. A literal has as many items as its shape has cells.
//! 17. A call has the parameters and the result of what it calls.
//! 18. A comprehension draws from ranges, tensors and lists, and makes a tensor of its bodies, or a list.
//! 19. The operands that an assertion shows are bound by it.

mod builtins;
mod families;

use crate::expr::*;
use crate::ops::Domain;
use crate::print::{print_expr, type_name};
use crate::types::*;
use builtins::builtin_fits;
use std::cell::RefCell;

/// The first invariant that the program breaks, with the place as text.
pub fn verify(program: &Program, globals_allowed: bool) -> Result<(), String> {
    let states = vec![State::Unbound; program.vars.len()];
    let mut verifier = Verifier { program, globals_allowed, func: 0, states, pending: RefCell::default() };
    verifier.declarations()?;
    for k in 0..program.funcs.len() {
        verifier.func = k;
        verifier.func().map_err(|broken| format!("{broken}\nin fn {}", program.funcs[k].name))?;
    }
    for (reader, var) in verifier.pending.into_inner() {
        let global = matches!(verifier.states[var.index()], State::Ended(func) if func != reader);
        need(global, 4, || format!("`{}` ({var}) is read and not bound before", program.vars[var.index()].name))?;
    }
    Ok(())
}

type Checked = Result<(), String>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Unbound,
    Visible,
    /// Was bound by the function with this number, in a scope that has ended.
    Ended(usize),
}

struct Verifier<'a> {
    program: &'a Program,
    globals_allowed: bool,
    func: usize,
    states: Vec<State>,
    /// Functions and the globals that they read, where the function that binds these was not visited yet.
    pending: RefCell<Vec<(usize, VarId)>>,
}

fn need(holds: bool, number: u32, broken: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(format!("invariant {number}: {}", broken())) }
}

fn fits(found: &Type, wanted: &Type) -> bool {
    found == wanted || *found == Type::Never
}

fn is_int(ty: &Type) -> bool {
    *ty == Type::Never || ty.scalar().is_some_and(Scalar::is_int)
}

fn is_float(ty: &Type) -> bool {
    *ty == Type::Never || ty.scalar().is_some_and(Scalar::is_float)
}

fn is_number(ty: &Type) -> bool {
    is_int(ty) || is_float(ty)
}

fn list_item(ty: &Type) -> Option<&Type> {
    match ty {
        Type::List(item) => Some(item),
        _ => None,
    }
}

impl<'a> Verifier<'a> {
    fn declarations(&self) -> Checked {
        let program = self.program;
        for var in &program.vars {
            self.ty(&var.ty)?;
        }
        for info in &program.structs {
            info.fields.iter().try_for_each(|(_, ty)| self.ty(ty))?;
        }
        for variant in program.enums.iter().flat_map(|info| &info.variants) {
            variant.fields.iter().try_for_each(|ty| self.ty(ty))?;
        }
        let entries =
            program.main.into_iter().chain(program.bench.iter().flat_map(|bench| [bench.inputs, bench.kernel]));
        for id in entries.chain(program.funcs.iter().filter_map(|func| func.rule)) {
            need(id.index() < program.funcs.len(), 1, || format!("no function {id}"))?;
        }
        let takes_none = program.main.is_none_or(|main| program.funcs[main.index()].params.is_empty());
        need(takes_none, 1, || "`main` has parameters".to_owned())
    }

    fn ty(&self, ty: &Type) -> Checked {
        match ty {
            Type::Scalar(Scalar::Open(k)) => need(false, 2, || format!("open scalar {k}")),
            Type::Scalar(_) | Type::Str | Type::Unit | Type::Never | Type::Dyn | Type::Range => Ok(()),
            Type::Tensor(elem, _) | Type::List(elem) => self.ty(elem),
            Type::Tuple(items) => items.iter().try_for_each(|item| self.ty(item)),
            Type::Struct(id) => need(id.index() < self.program.structs.len(), 1, || format!("no structure {id}")),
            Type::Enum(id) => need(id.index() < self.program.enums.len(), 1, || format!("no enumeration {id}")),
        }
    }

    fn func(&mut self) -> Checked {
        let func = &self.program.funcs[self.func];
        self.ty(&func.result)?;
        self.scope(|v, scope| {
            for &param in &func.params {
                v.bind(param, scope)?;
            }
            v.expr(&func.body)?;
            v.fits(&func.body, &func.result)
        })
    }

    fn var(&self, var: VarId) -> Result<&'a Var, String> {
        self.program.vars.get(var.index()).ok_or_else(|| format!("invariant 1: no variable {var}"))
    }

    fn bind(&mut self, var: VarId, scope: &mut Vec<VarId>) -> Checked {
        let info = self.var(var)?;
        let unbound = self.states[var.index()] == State::Unbound;
        need(unbound, 3, || format!("`{}` ({var}) is bound twice", info.name))?;
        self.states[var.index()] = State::Visible;
        scope.push(var);
        Ok(())
    }

    /// What is bound in it is visible to its end.
    fn scope(&mut self, check: impl FnOnce(&mut Self, &mut Vec<VarId>) -> Checked) -> Checked {
        let mut bound = Vec::new();
        let result = check(self, &mut bound);
        for var in bound {
            self.states[var.index()] = State::Ended(self.func);
        }
        result
    }

    fn read(&self, var: VarId) -> Checked {
        let info = self.var(var)?;
        let visible = match self.states[var.index()] {
            State::Visible => true,
            State::Ended(func) => self.globals_allowed && func != self.func,
            State::Unbound => {
                self.pending.borrow_mut().push((self.func, var));
                self.globals_allowed
            }
        };
        need(visible, 4, || format!("`{}` ({var}) is read where it is not visible", info.name))
    }

    fn name(&self, ty: &Type) -> String {
        type_name(self.program, ty)
    }

    fn fits(&self, e: &Expr, wanted: &Type) -> Checked {
        need(fits(&e.ty, wanted), 5, || {
            format!("`{}` where `{}` is wanted: {}", self.name(&e.ty), self.name(wanted), self.excerpt(e))
        })
    }

    fn excerpt(&self, e: &Expr) -> String {
        let text = print_expr(self.program, e);
        match text.char_indices().nth(200) {
            Some((end, _)) => format!("{} …", &text[..end]),
            None => text,
        }
    }

    fn cond(&self, e: &Expr) -> Checked {
        need(fits(&e.ty, &Type::BOOL), 7, || format!("condition of type `{}`: {}", self.name(&e.ty), self.excerpt(e)))
    }

    fn exprs(&mut self, items: &'a [Expr]) -> Checked {
        items.iter().try_for_each(|item| self.expr(item))
    }

    /// A node of this type with these items, one per wanted type.
    fn items(&mut self, number: u32, items: &'a [Expr], wanted: &[Type]) -> Checked {
        self.exprs(items)?;
        let agree = items.len() == wanted.len() && items.iter().zip(wanted).all(|(item, ty)| fits(&item.ty, ty));
        need(agree, number, || {
            let list =
                |types: &mut dyn Iterator<Item = &Type>| types.map(|ty| self.name(ty)).collect::<Vec<_>>().join(", ");
            format!("({}) where ({}) is wanted", list(&mut items.iter().map(|e| &e.ty)), list(&mut wanted.iter()))
        })
    }

    fn expr(&mut self, e: &'a Expr) -> Checked {
        use ExprKind::*;
        self.ty(&e.ty)?;
        let at = |number: u32, holds: bool| {
            need(holds, number, || format!("node of type `{}`: {}", self.name(&e.ty), self.excerpt(e)))
        };
        match &e.kind {
            Unit => at(5, e.ty == Type::Unit),
            Bool(_) => at(5, e.ty == Type::BOOL),
            Int(_) => at(5, is_int(&e.ty)),
            Float(_) => at(5, is_float(&e.ty)),
            Str(_) => at(5, e.ty == Type::Str),
            Var(var) => {
                self.read(*var)?;
                at(5, e.ty == self.program.vars[var.index()].ty)
            }
            Block(stmts, value) => {
                self.scope(|v, scope| {
                    for stmt in stmts {
                        v.stmt(stmt, scope)?;
                    }
                    v.expr(value)
                })?;
                self.fits(value, &e.ty)
            }
            Op(op, items) => {
                let row = op.row();
                at(6, items.len() == row.arity)?;
                let same = |ty: &Type| items.iter().all(|item| fits(&item.ty, ty));
                at(
                    6,
                    match row.domain {
                        Domain::Float => is_float(&e.ty) && same(&e.ty),
                        Domain::Int => is_int(&e.ty) && same(&e.ty),
                        Domain::Number => is_number(&e.ty) && same(&e.ty),
                        Domain::Compare => {
                            let operand = items.iter().map(|item| &item.ty).find(|ty| **ty != Type::Never);
                            e.ty == Type::BOOL && operand.is_none_or(|ty| ty.scalar().is_some() && same(ty))
                        }
                        Domain::Logic => e.ty == Type::BOOL && same(&Type::BOOL),
                        Domain::FloatInt => is_float(&e.ty) && fits(&items[0].ty, &e.ty) && is_int(&items[1].ty),
                    },
                )?;
                self.exprs(items)
            }
            Cast(value) => {
                at(5, e.ty.scalar().is_some() && (value.ty.scalar().is_some() || value.ty == Type::Never))?;
                self.expr(value)
            }
            And(a, b) | Or(a, b) => {
                at(5, e.ty == Type::BOOL)?;
                self.cond(a)?;
                self.cond(b)?;
                self.expr(a)?;
                self.expr(b)
            }
            If(cond, yes, no) => {
                self.cond(cond)?;
                self.fits(yes, &e.ty)?;
                self.fits(no, &e.ty)?;
                self.expr(cond)?;
                self.expr(yes)?;
                self.expr(no)
            }
            Tuple(items) => match self.fields(&e.ty) {
                Some(wanted) => self.items(8, items, &wanted),
                None => at(8, false),
            },
            Field(value, k) if value.ty == Type::Range => {
                at(8, *k < 2 && e.ty == Type::I64)?;
                self.expr(value)
            }
            Field(value, k) => {
                let field = self.fields(&value.ty).and_then(|fields| fields.get(*k).cloned());
                at(8, value.ty == Type::Never || field == Some(e.ty.clone()))?;
                self.expr(value)
            }
            Variant(k, items) => match self.variant(&e.ty, *k) {
                Some(variant) => self.items(8, items, &variant.fields),
                None => at(8, false),
            },
            IsVariant(value, k) => {
                at(8, e.ty == Type::BOOL && self.variant(&value.ty, *k).is_some())?;
                self.expr(value)
            }
            Payload(value, variant, field) => {
                let field = self.variant(&value.ty, *variant).and_then(|variant| variant.fields.get(*field));
                at(8, field == Some(&e.ty))?;
                self.expr(value)
            }
            Load(load) => {
                let rank = load.tensor.ty.rank();
                let whole = [load.index.len(), load.proven.len(), load.spans.len()] == [rank; 3];
                at(9, rank > 0 && whole && load.index.iter().all(|index| is_int(&index.ty)))?;
                at(5, e.ty == *load.tensor.ty.elem())?;
                self.expr(&load.tensor)?;
                self.exprs(&load.index)
            }
            Dim(value, axis) => {
                at(10, e.ty == Type::I32 && *axis < value.ty.rank())?;
                self.expr(value)
            }
            CheckShape(value, extents) => {
                at(10, extents.len() == value.ty.rank() && e.ty == value.ty)?;
                self.expr(value)
            }
            Reduce(reduce) => {
                self.scope(|v, scope| {
                    for binder in &reduce.binders {
                        v.binder(binder, scope)?;
                    }
                    v.wheres(&reduce.wheres, scope)?;
                    v.expr(&reduce.body)
                })?;
                let same = fits(&reduce.body.ty, &e.ty);
                let at = |holds| need(holds, 12, || format!("`{}`: {}", self.name(&e.ty), self.excerpt(e)));
                match reduce.op {
                    ReduceOp::Sum | ReduceOp::Prod | ReduceOp::Max | ReduceOp::Min => at(is_number(&e.ty) && same),
                    ReduceOp::Mean => at(is_float(&e.ty) && same),
                    ReduceOp::Any | ReduceOp::All => at(e.ty == Type::BOOL && same),
                    ReduceOp::ArgMax | ReduceOp::ArgMin => {
                        at(e.ty == Type::I32 && is_number(&reduce.body.ty) && reduce.binders.len() == 1)
                    }
                }
            }
            Family(family) => {
                at(5, e.ty == Type::tensor(family.elem.clone(), family.axes.len()))?;
                self.extents(family)?;
                self.clauses(family)
            }
            Literal(shape, items) => {
                at(16, items.len() == shape.iter().product::<usize>() && e.ty.rank() == shape.len())?;
                at(5, items.iter().all(|item| fits(&item.ty, e.ty.elem())))?;
                self.exprs(items)
            }
            Comprehension(comprehension) => self.comprehension(e, comprehension),
            List(items) => {
                let item = list_item(&e.ty);
                at(5, item.is_some_and(|ty| items.iter().all(|item| fits(&item.ty, ty))))?;
                self.exprs(items)
            }
            Item(list, index) => {
                at(5, list_item(&list.ty) == Some(&e.ty) && is_int(&index.ty))?;
                self.expr(list)?;
                self.expr(index)
            }
            Range(lo, hi) => {
                at(5, e.ty == Type::Range && fits(&lo.ty, &Type::I64) && fits(&hi.ty, &Type::I64))?;
                self.expr(lo)?;
                self.expr(hi)
            }
            Call(id, items) => {
                let Some(callee) = self.program.funcs.get(id.index()) else { return at(1, false) };
                at(17, e.ty == callee.result)?;
                let params: Result<Vec<Type>, String> =
                    callee.params.iter().map(|&param| Ok(self.var(param)?.ty.clone())).collect();
                self.items(17, items, &params?)
            }
            Builtin(builtin, items) => {
                let types: Vec<&Type> = items.iter().map(|item| &item.ty).collect();
                at(17, builtin_fits(*builtin, &types, &e.ty))?;
                self.exprs(items)
            }
            Interpolate(pieces) => {
                at(5, e.ty == Type::Str)?;
                pieces.iter().try_for_each(|piece| match piece {
                    Piece::Text(_) => Ok(()),
                    Piece::Value(value, _) => self.expr(value),
                })
            }
            Assert(assert) => self.assert(e, assert),
            Try(value) => {
                let wanted = [Type::BOOL, value.ty.clone(), Type::Str];
                at(5, self.fields(&e.ty).is_some_and(|fields| fields[..] == wanted || value.ty == Type::Never))?;
                self.expr(value)
            }
            Quotient(quotient) => {
                self.read(quotient.x)?;
                at(9, quotient.x_cell.iter().all(|index| is_int(&index.ty)))?;
                self.expr(&quotient.y)?;
                self.exprs(&quotient.x_cell)
            }
            Tangent(value, inputs) => {
                inputs.iter().try_for_each(|&var| self.read(var))?;
                at(5, e.ty == value.ty)?;
                self.expr(value)
            }
            StopGradient(value) | Checkpoint(value) => {
                at(5, e.ty == value.ty)?;
                self.expr(value)
            }
        }
    }

    fn comprehension(&mut self, e: &'a Expr, comprehension: &'a Comprehension) -> Checked {
        let at = |v: &Self, holds| need(holds, 18, || format!("`{}`: {}", v.name(&e.ty), v.excerpt(e)));
        self.scope(|v, scope| {
            for clause in &comprehension.clauses {
                match clause {
                    CompClause::If(cond) => {
                        v.expr(cond)?;
                        v.cond(cond)?;
                    }
                    CompClause::Let(var, value) => {
                        v.expr(value)?;
                        v.fits(value, &v.var(*var)?.ty)?;
                        v.bind(*var, scope)?;
                    }
                    CompClause::For(var, source) => {
                        v.expr(source)?;
                        let item = &v.var(*var)?.ty;
                        let holds = match &source.ty {
                            Type::Range => is_int(item),
                            Type::List(of) => **of == *item,
                            Type::Tensor(elem, rank) => Type::tensor((**elem).clone(), rank - 1) == *item,
                            _ => false,
                        };
                        at(v, holds)?;
                        v.bind(*var, scope)?;
                    }
                }
            }
            v.expr(&comprehension.body)
        })?;
        let body = &comprehension.body.ty;
        let holds = match &e.ty {
            Type::List(item) => fits(body, item),
            Type::Tensor(elem, rank) => {
                (*body == Type::Never || (body.elem() == &**elem && body.rank() + 1 == *rank))
                    && comprehension.row.len() + 1 == *rank
                    && comprehension.row.iter().all(|extent| fits(&extent.ty, &Type::I64))
            }
            _ => false,
        };
        at(self, holds)?;
        self.exprs(&comprehension.row)
    }

    fn assert(&mut self, e: &'a Expr, assert: &'a Assert) -> Checked {
        let bound = |var: VarId| assert.lets.iter().any(|(other, _)| *other == var);
        need(assert.operands.is_none_or(|(a, b)| bound(a) && bound(b)), 19, || self.excerpt(e))?;
        need(e.ty == Type::Unit, 5, || self.excerpt(e))?;
        need(fits(assert.cond.ty.elem(), &Type::BOOL), 7, || self.excerpt(e))?;
        self.scope(|v, scope| {
            for (var, value) in &assert.lets {
                v.expr(value)?;
                v.fits(value, &v.var(*var)?.ty)?;
                v.bind(*var, scope)?;
            }
            v.expr(&assert.cond)?;
            match &assert.message {
                Some(message) => {
                    v.expr(message)?;
                    v.fits(message, &Type::Str)
                }
                None => Ok(()),
            }
        })
    }

    fn fields(&self, ty: &Type) -> Option<Vec<Type>> {
        match ty {
            Type::Tuple(items) => Some(items.to_vec()),
            Type::Struct(id) => {
                let info = self.program.structs.get(id.index())?;
                Some(info.fields.iter().map(|(_, ty)| ty.clone()).collect())
            }
            _ => None,
        }
    }

    fn variant(&self, ty: &Type, k: usize) -> Option<&'a VariantInfo> {
        match ty {
            Type::Enum(id) => self.program.enums.get(id.index())?.variants.get(k),
            _ => None,
        }
    }
}

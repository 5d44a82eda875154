//! Programs by hand, for tests.

#![allow(dead_code, reason = "each test takes what it needs")]

use diagnostics::{Span, Symbol};
use ir::*;
use std::rc::Rc;

#[derive(Default)]
pub struct Build {
    pub program: Program,
}

pub fn expr(kind: ExprKind, ty: Type) -> Expr {
    Expr { kind, ty, span: Span::default() }
}

pub fn int(value: i64) -> Expr {
    expr(ExprKind::Int(value), Type::I32)
}

pub fn long(value: i64) -> Expr {
    expr(ExprKind::Int(value), Type::I64)
}

pub fn float(value: f64) -> Expr {
    expr(ExprKind::Float(value), Type::F32)
}

pub fn of(scalar: Scalar, value: f64) -> Expr {
    let kind = if scalar.is_float() { ExprKind::Float(value) } else { ExprKind::Int(value as i64) };
    expr(kind, Type::Scalar(scalar))
}

pub fn text(text: &str) -> Expr {
    expr(ExprKind::Str(text.into()), Type::Str)
}

pub fn op(op: Op, items: Vec<Expr>) -> Expr {
    let ty = if op.is_comparison() { Type::BOOL } else { items[0].ty.clone() };
    expr(ExprKind::Op(op, items), ty)
}

pub fn cast(to: Scalar, e: Expr) -> Expr {
    expr(ExprKind::Cast(Box::new(e)), Type::Scalar(to))
}

/// With every index checked.
pub fn load(tensor: Expr, index: Vec<Expr>) -> Expr {
    let ty = tensor.ty.elem().clone();
    let (proven, spans) = (vec![false; index.len()], vec![Span::default(); index.len()]);
    expr(ExprKind::Load(Box::new(Load { id: 0, tensor, index, proven, spans })), ty)
}

pub fn binder(var: VarId, lo: i64, hi: i64) -> Binder {
    Binder { var, lo: long(lo), hi: long(hi) }
}

pub fn reduce(op: ReduceOp, binders: Vec<Binder>, wheres: Vec<WhereItem>, body: Expr) -> Expr {
    let ty = if matches!(op, ReduceOp::ArgMax | ReduceOp::ArgMin) { Type::I32 } else { body.ty.clone() };
    expr(ExprKind::Reduce(Box::new(Reduce { op, binders, wheres, body })), ty)
}

pub fn clause(slots: Vec<Slot>, body: Expr) -> Clause {
    Clause { slots, wheres: Vec::new(), body, otherwise: None, span: Span::default() }
}

pub fn family(name: &str, elem: Type, axes: &[(&str, i64)], clauses: Vec<Clause>) -> Family {
    let axes =
        axes.iter().map(|(name, extent)| Axis { name: Some(Symbol::new(name)), extent: long(*extent) }).collect();
    Family { name: Symbol::new(name), axes, elem, clauses, span: Span::default() }
}

pub fn cells(family: Family) -> Expr {
    let ty = Type::tensor(family.elem.clone(), family.axes.len());
    expr(ExprKind::Family(Box::new(family)), ty)
}

pub fn row(items: Vec<Expr>) -> Expr {
    let ty = Type::tensor(items[0].ty.clone(), 1);
    expr(ExprKind::Literal([items.len()].into(), items), ty)
}

pub fn unit() -> Expr {
    expr(ExprKind::Unit, Type::Unit)
}

pub fn block(stmts: Vec<Stmt>, value: Expr) -> Expr {
    let ty = value.ty.clone();
    expr(ExprKind::Block(stmts, Box::new(value)), ty)
}

pub fn print(items: Vec<Expr>) -> Stmt {
    Stmt::Do(expr(ExprKind::Builtin(Builtin::Print, items), Type::Unit))
}

pub fn builtin(builtin: Builtin, items: Vec<Expr>, ty: Type) -> Expr {
    expr(ExprKind::Builtin(builtin, items), ty)
}

pub fn attempt(value: Expr) -> Expr {
    let ty = Type::Tuple([Type::BOOL, value.ty.clone(), Type::Str].into());
    expr(ExprKind::Try(Box::new(value)), ty)
}

pub fn field(value: Expr, k: usize) -> Expr {
    let Type::Tuple(items) = &value.ty else { panic!("no tuple") };
    let ty = items[k].clone();
    expr(ExprKind::Field(Box::new(value), k), ty)
}

pub fn tensor(elem: Type, rank: usize) -> Type {
    Type::Tensor(Rc::new(elem), rank)
}

impl Build {
    fn add(&mut self, name: &str, ty: Type, kind: VarKind, coords: Vec<Option<Symbol>>) -> VarId {
        self.program.vars.push(Var { name: Symbol::new(name), ty, span: Span::default(), kind, coords });
        VarId(self.program.vars.len() as u32 - 1)
    }

    pub fn var(&mut self, name: &str, ty: Type) -> VarId {
        let coords = vec![None; ty.rank()];
        self.add(name, ty, VarKind::Let, coords)
    }

    pub fn named(&mut self, name: &str, ty: Type, coords: &[&str]) -> VarId {
        let coords = coords.iter().map(|name| Some(Symbol::new(name))).collect();
        self.add(name, ty, VarKind::Let, coords)
    }

    pub fn coord(&mut self, name: &str) -> VarId {
        self.add(name, Type::I32, VarKind::Coord, Vec::new())
    }

    pub fn read(&self, var: VarId) -> Expr {
        expr(ExprKind::Var(var), self.program.vars[var.index()].ty.clone())
    }

    pub fn func(&mut self, name: &str, params: Vec<VarId>, body: Expr) -> FuncId {
        let result = body.ty.clone();
        self.program.funcs.push(Func {
            name: Symbol::new(name),
            params,
            result,
            body,
            span: Span::default(),
            rule: None,
        });
        FuncId(self.program.funcs.len() as u32 - 1)
    }

    pub fn call(&self, func: FuncId, items: Vec<Expr>) -> Expr {
        expr(ExprKind::Call(func, items), self.program.funcs[func.index()].result.clone())
    }

    pub fn main(mut self, stmts: Vec<Stmt>) -> Program {
        let main = self.func("main", Vec::new(), block(stmts, unit()));
        self.program.main = Some(main);
        self.program
    }
}

//! Numbers that the program writes down stand where they are used: in the functions that read them, as arguments of
//! calls that all agree, and as the results of arithmetic on them. Loops then have ends that are known, and what their
//! families store can be decided before the program runs.

use crate::calls::CallGraph;
use ir::{Expr, ExprKind, FuncId, Op, Program, Scalar, Stmt, VarId};
use std::collections::HashMap;

/// What all calls that were seen pass for a parameter.
#[derive(Clone)]
enum Argument {
    Unseen,
    Always(Expr),
    Varies,
}

/// Replaces variables that are numbers or truth values known before the program runs.
pub fn constants(program: &mut Program) {
    let graph = CallGraph::new(program);
    let arguments = program.funcs.iter().map(|func| vec![Argument::Unseen; func.params.len()]).collect();
    let mut pass = Constants { known: HashMap::new(), arguments };
    for group in graph.groups.iter().rev() {
        for func in group {
            pass.function(program, *func, group.len() > 1);
        }
    }
}

struct Constants {
    known: HashMap<VarId, Expr>,
    arguments: Vec<Vec<Argument>>,
}

impl Constants {
    /// A function all of whose callers, beside itself, are done.
    fn function(&mut self, program: &mut Program, id: FuncId, in_cycle: bool) {
        let func = &mut program.funcs[id.index()];
        let mut own = std::mem::take(&mut self.arguments[id.index()]);
        func.body.walk(&mut |e| {
            if let ExprKind::Call(callee, args) = &e.kind
                && *callee == id
            {
                for ((argument, arg), param) in own.iter_mut().zip(args).zip(&func.params) {
                    if !matches!(arg.kind, ExprKind::Var(var) if var == *param) {
                        *argument = Argument::Varies;
                    }
                }
            }
        });
        for (argument, param) in own.iter().zip(&func.params) {
            if let Argument::Always(value) = argument
                && !in_cycle
            {
                self.known.insert(*param, value.clone());
            }
        }
        self.arguments[id.index()] = own;
        self.expr(&mut func.body);
    }

    fn expr(&mut self, e: &mut Expr) {
        match &mut e.kind {
            ExprKind::Var(var) => {
                if let Some(value) = self.known.get(var)
                    && value.ty == e.ty
                {
                    e.kind = value.kind.clone();
                }
                return;
            }
            ExprKind::Block(stmts, value) => {
                for stmt in stmts {
                    stmt.for_each_child_mut(|child| self.expr(child));
                    if let Stmt::Let(var, value) = stmt {
                        self.note(*var, value);
                    }
                }
                return self.expr(value);
            }
            _ => e.for_each_child_mut(|child| self.expr(child)),
        }
        match &mut e.kind {
            ExprKind::Call(callee, args) => {
                let known = &mut self.arguments[callee.index()];
                for (argument, arg) in known.iter_mut().zip(args) {
                    argument.join(arg);
                }
            }
            ExprKind::Family(_) | ExprKind::Reduce(_) => {}
            _ => {
                if let Some(kind) = folded(e) {
                    e.kind = kind;
                }
            }
        }
    }

    fn note(&mut self, var: VarId, value: &Expr) {
        if is_constant(value) {
            self.known.insert(var, value.clone());
        }
    }
}

impl Argument {
    fn join(&mut self, arg: &Expr) {
        let agrees = match self {
            Argument::Unseen => is_constant(arg),
            Argument::Always(value) => is_constant(arg) && value.ty == arg.ty && same_constant(value, arg),
            Argument::Varies => false,
        };
        *self = if agrees { Argument::Always(arg.clone()) } else { Argument::Varies };
    }
}

fn is_constant(e: &Expr) -> bool {
    matches!(e.kind, ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Bool(_))
}

fn same_constant(a: &Expr, b: &Expr) -> bool {
    match (&a.kind, &b.kind) {
        (ExprKind::Int(a), ExprKind::Int(b)) => a == b,
        (ExprKind::Float(a), ExprKind::Float(b)) => a.to_bits() == b.to_bits(),
        (ExprKind::Bool(a), ExprKind::Bool(b)) => a == b,
        _ => false,
    }
}

/// The value of an expression whose operands are constants, unless evaluating it would fail or wrap.
fn folded(e: &Expr) -> Option<ExprKind> {
    match &e.kind {
        ExprKind::Cast(inner) => {
            let ExprKind::Int(value) = inner.kind else { return None };
            integer(value, e.ty.scalar()?)
        }
        ExprKind::If(cond, yes, no) => {
            let ExprKind::Bool(cond) = cond.kind else { return None };
            let chosen = if cond { yes } else { no };
            (chosen.ty == e.ty).then(|| chosen.kind.clone())
        }
        ExprKind::Op(op, operands) => {
            let scalar = operands[0].ty.scalar()?;
            match &operands.iter().map(|operand| &operand.kind).collect::<Vec<_>>()[..] {
                [ExprKind::Int(a)] if *op == Op::Neg => integer(a.checked_neg()?, scalar),
                [ExprKind::Int(a), ExprKind::Int(b)] => on_integers(*op, *a, *b, scalar),
                [ExprKind::Float(a), ExprKind::Float(b)] => on_floats(*op, *a, *b, scalar),
                _ => None,
            }
        }
        _ => None,
    }
}

fn integer(value: i64, scalar: Scalar) -> Option<ExprKind> {
    let (min, max) = if scalar.is_int() { scalar.int_range()? } else { return None };
    (min..=max).contains(&value).then_some(ExprKind::Int(value))
}

fn on_integers(op: Op, a: i64, b: i64, scalar: Scalar) -> Option<ExprKind> {
    let value = match op {
        Op::Add => a.checked_add(b)?,
        Op::Sub => a.checked_sub(b)?,
        Op::Mul => a.checked_mul(b)?,
        Op::Div => a.checked_div(b)?,
        Op::Rem => a.checked_rem(b)?,
        Op::Eq => return Some(ExprKind::Bool(a == b)),
        Op::Ne => return Some(ExprKind::Bool(a != b)),
        Op::Lt => return Some(ExprKind::Bool(a < b)),
        Op::Le => return Some(ExprKind::Bool(a <= b)),
        Op::Gt => return Some(ExprKind::Bool(a > b)),
        Op::Ge => return Some(ExprKind::Bool(a >= b)),
        _ => return None,
    };
    integer(value, scalar)
}

fn on_floats(op: Op, a: f64, b: f64, scalar: Scalar) -> Option<ExprKind> {
    let value = match op {
        Op::Add => a + b,
        Op::Sub => a - b,
        Op::Mul => a * b,
        Op::Div => a / b,
        _ => return None,
    };
    // One operation on two `f32` is the same in `f64`, rounded once more.
    let value = match scalar {
        Scalar::F64 => value,
        Scalar::F32 => f64::from(value as f32),
        _ => return None,
    };
    value.is_finite().then_some(ExprKind::Float(value))
}

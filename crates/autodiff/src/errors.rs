//! What differentiation says, one row per diagnostic.

use diagnostics::{Diagnostic, Span};
use ir::{Expr, ExprKind, ReduceOp};

/// The operation that has no derivative.
#[derive(Debug)]
pub struct Blocked {
    pub span: Span,
    pub what: String,
}

impl Blocked {
    /// An integer, a truth value or an address on the way.
    pub fn through(e: &Expr) -> Blocked {
        Blocked { span: e.span, what: describe(e) }
    }

    /// A construct that cannot be differentiated.
    pub fn unknown(e: &Expr) -> Blocked {
        Blocked { span: e.span, what: describe(e) }
    }
}

pub fn describe(e: &Expr) -> String {
    match &e.kind {
        ExprKind::Reduce(r) if matches!(r.op, ReduceOp::ArgMax | ReduceOp::ArgMin) => {
            format!("`{}` gives an address", r.op.name())
        }
        ExprKind::Reduce(r) => format!("`{}` gives a truth value", r.op.name()),
        ExprKind::Op(op, _) if op.is_comparison() => format!("the comparison `{}` gives a truth value", op.name()),
        ExprKind::Op(op, _) => format!("`{}` has no derivative", op.name()),
        ExprKind::Cast(_) => "a cast to an integer forgets how the value moves".into(),
        ExprKind::Builtin(..) | ExprKind::Interpolate(_) => "this function has no derivative".into(),
        ExprKind::Try(_) => "`try` has no derivative".into(),
        _ => "this has no derivative".into(),
    }
}

pub fn not_differentiable(span: Span, y: &str, x: &str, blocked: &Blocked) -> Diagnostic {
    Diagnostic::error("E0701", span, format!("`{y}` cannot be differentiated by `{x}`: {}", blocked.what))
        .label("no derivative leads there")
        .also(blocked.span, blocked.what.clone())
        .help("cut the path with `stop_gradient(…)`, or give the function a tangent rule `@fn`")
}

pub fn no_dependence(span: Span, y: &str, x: &str) -> Diagnostic {
    Diagnostic::warning("W0702", span, format!("`{y}` does not depend on `{x}`: the quotient is zero"))
        .label("always zero")
}

pub fn not_linear(span: Span, name: &str, why: &str) -> Diagnostic {
    Diagnostic::error("E0713", span, format!("the rule of `{name}` is not linear in its tangents"))
        .label(why.to_owned())
        .note("a tangent rule is a sum of terms, each with exactly one tangent as a factor: twice the tangent gives twice the result")
}

//! Operators and casts, on scalars and cell by cell on tensors.

use crate::open::Kind;
use crate::ty::{Ty, Val};
use crate::types::Want;
use crate::unify::Why;
use crate::{Checker, errors};
use diagnostics::{Diagnostic, Span};
use ir::{Builtin, Expr, ExprKind, Op, Piece, Scalar};
use syntax::ast::{self, BinaryOp, UnaryOp};

impl Checker<'_> {
    pub(crate) fn unary_val(&mut self, op: UnaryOp, val: Val, span: Span) -> Val {
        if val.ty.is_error() {
            return val;
        }
        self.pointwise(vec![val], span, |this, mut vals| {
            let val = vals.pop().expect("one operand");
            let numeric = this.is_number(&val.ty);
            match op {
                UnaryOp::Neg if numeric => {
                    let ty = Ty::Scalar(val.ty.scalar().expect("a number"));
                    Val::new(ExprKind::Op(Op::Neg, vec![val.expr]), ty, span)
                }
                UnaryOp::Not if this.is_bool(&val.ty) => {
                    Val::new(ExprKind::Op(Op::Not, vec![val.expr]), Ty::BOOL, span)
                }
                _ => {
                    let (ty, name) = (this.show(&val.ty), if op == UnaryOp::Neg { "-" } else { "!" });
                    this.report(errors::no_operator(span, name, (val.span(), ty), None));
                    Val::error(span)
                }
            }
        })
    }

    pub(crate) fn is_number(&self, ty: &Ty) -> bool {
        ty.scalar().is_some_and(|s| self.opens.resolve(s) != Scalar::Bool)
    }

    pub(crate) fn is_bool(&self, ty: &Ty) -> bool {
        ty.scalar().is_some_and(|s| match self.opens.resolve(s) {
            Scalar::Bool => true,
            s @ Scalar::Open(_) => self.opens.kind(s) == Some(Kind::Any),
            _ => false,
        })
    }

    /// Float, or a constant that is one unless something else asks.
    pub(crate) fn is_float(&self, ty: &Ty) -> bool {
        ty.scalar().is_some_and(|s| match self.opens.resolve(s) {
            s @ Scalar::Open(_) => self.opens.kind(s) == Some(Kind::Float),
            s => s.is_float(),
        })
    }

    pub(crate) fn binary(
        &mut self,
        op: BinaryOp,
        op_span: Span,
        left: &ast::Expr,
        right: &ast::Expr,
        want: Option<&Ty>,
        span: Span,
    ) -> Val {
        if op == BinaryOp::Div
            && let (ast::ExprKind::Tangent(y), ast::ExprKind::Tangent(x)) = (&left.kind, &right.kind)
        {
            return self.quotient(y, x, span);
        }
        if matches!(op, BinaryOp::And | BinaryOp::Or) {
            return self.logic(op, left, right, span);
        }
        if op == BinaryOp::In {
            return self.membership(left, right, span);
        }
        let a = self.expr(left, want);
        let b = self.expr(right, want);
        if a.ty.is_error() || b.ty.is_error() {
            return Val::error(span);
        }
        self.binary_vals(op, op_span, a, b, span)
    }

    pub(crate) fn binary_vals(&mut self, op: BinaryOp, op_span: Span, a: Val, b: Val, span: Span) -> Val {
        if a.ty.is_never() || b.ty.is_never() {
            return if a.ty.is_never() { a } else { b };
        }
        let tensors = a.ty.rank() > 0 || b.ty.rank() > 0;
        let cellwise = |ty: &Ty| {
            matches!(ty, Ty::Scalar(_) | Ty::Address(_))
                || (matches!(ty, Ty::Tensor(_)) && ty.elem().scalar().is_some())
        };
        if cellwise(&a.ty) && cellwise(&b.ty) {
            return self.pointwise(vec![a, b], span, |this, vals| {
                let [a, b]: [Val; 2] = vals.try_into().expect("two operands");
                this.scalar_binary(op, op_span, a, b, span)
            });
        }
        match op {
            BinaryOp::Add if matches!((&a.ty, &b.ty), (Ty::Str, Ty::Str)) => {
                Val::new(ExprKind::Builtin(Builtin::Concat, vec![a.expr, b.expr]), Ty::Str, span)
            }
            BinaryOp::Eq | BinaryOp::Ne
                if !tensors || matches!((&a.ty, &b.ty), (Ty::List(_), _) | (_, Ty::List(_))) =>
            {
                let (a, b) = self.comparable(a, b);
                let (x, y) = (a.ty.clone(), b.ty.clone());
                if x.is_error() || y.is_error() {
                    return Val::error(span);
                }
                if !self.same(&x, &y) || matches!(x, Ty::Fn(_) | Ty::Dyn) {
                    return self.operands_differ(op, op_span, &a, &b);
                }
                let equal = Val::new(ExprKind::Builtin(Builtin::Equal, vec![a.expr, b.expr]), Ty::BOOL, span);
                if op == BinaryOp::Eq {
                    fold_equal(equal)
                } else {
                    self.unary_val(UnaryOp::Not, fold_equal(equal), span)
                }
            }
            BinaryOp::Lt | BinaryOp::Gt | BinaryOp::Le | BinaryOp::Ge
                if matches!((&a.ty, &b.ty), (Ty::Str, Ty::Str)) =>
            {
                let (first, second, negate) = match op {
                    BinaryOp::Lt => (a, b, false),
                    BinaryOp::Gt => (b, a, false),
                    BinaryOp::Le => (b, a, true),
                    _ => (a, b, true),
                };
                let less = Val::new(ExprKind::Builtin(Builtin::StrLess, vec![first.expr, second.expr]), Ty::BOOL, span);
                if negate { self.unary_val(UnaryOp::Not, less, span) } else { less }
            }
            _ => self.operands_differ(op, op_span, &a, &b),
        }
    }

    /// A tensor beside a list is compared as the list of its rows.
    fn comparable(&mut self, a: Val, b: Val) -> (Val, Val) {
        match (&a.ty, &b.ty) {
            (Ty::List(_), Ty::Tensor(_)) => {
                let b = self.rows_of(b);
                (a, b)
            }
            (Ty::Tensor(_), Ty::List(_)) => {
                let a = self.rows_of(a);
                (a, b)
            }
            _ => (a, b),
        }
    }

    fn operands_differ(&mut self, op: BinaryOp, op_span: Span, a: &Val, b: &Val) -> Val {
        let (x, y) = (self.show(&a.ty), self.show(&b.ty));
        let span = a.span().to(b.span());
        // An operation that neither side has is E0402; two sides of which one would have it differ (E0401).
        let has = |ty: &Ty| match op {
            BinaryOp::Add => matches!(ty, Ty::Str) || ty.elem().scalar().is_some(),
            BinaryOp::Eq | BinaryOp::Ne => !matches!(ty, Ty::Fn(_) | Ty::Dyn),
            BinaryOp::Lt | BinaryOp::Gt | BinaryOp::Le | BinaryOp::Ge => {
                matches!(ty, Ty::Str) || ty.elem().scalar().is_some()
            }
            _ => ty.elem().scalar().is_some(),
        };
        if has(&a.ty) && has(&b.ty) {
            let message = format!("`{x}` and `{y}` do not combine with `{}`", op_text(op));
            self.report(errors::mismatch(span, message, Some((a.span(), x)), Some((b.span(), y))));
        } else if has(&a.ty) {
            self.report(errors::no_operator(op_span, op_text(op), (b.span(), y), Some((a.span(), x))));
        } else {
            self.report(errors::no_operator(op_span, op_text(op), (a.span(), x), Some((b.span(), y))));
        }
        Val::error(span)
    }

    /// Two scalars.
    fn scalar_binary(&mut self, op: BinaryOp, op_span: Span, a: Val, b: Val, span: Span) -> Val {
        if op == BinaryOp::Pow {
            return self.power(op_span, a, b, span);
        }
        let compare = matches!(op, BinaryOp::Eq | BinaryOp::Ne);
        if !compare && (self.is_settled_bool(&a.ty) || self.is_settled_bool(&b.ty)) {
            let (x, y) = (self.show(&a.ty), self.show(&b.ty));
            let (bad, other) = if self.is_settled_bool(&a.ty) {
                ((a.span(), x), (b.span(), y))
            } else {
                ((b.span(), y), (a.span(), x))
            };
            self.report(errors::no_operator(op_span, op_text(op), bad, Some(other)));
            return Val::error(span);
        }
        let (x, y) = (a.ty.scalar().expect("scalar"), b.ty.scalar().expect("scalar"));
        if let Err(misfit) = self.same_scalar(x, y) {
            return self.scalars_differ(op, op_span, a, b, misfit);
        }
        let result = if is_comparison(op) { Ty::BOOL } else { Ty::Scalar(x) };
        Val::new(ExprKind::Op(row(op), vec![a.expr, b.expr]), result, span)
    }

    fn is_settled_bool(&self, ty: &Ty) -> bool {
        ty.scalar().is_some_and(|s| self.opens.resolve(s) == Scalar::Bool)
    }

    fn scalars_differ(
        &mut self,
        op: BinaryOp,
        op_span: Span,
        a: Val,
        b: Val,
        misfit: Option<crate::open::Misfit>,
    ) -> Val {
        if let Some(misfit @ (crate::open::Misfit::Range(..) | crate::open::Misfit::Large(_))) = misfit {
            let typed = if self.is_open(&a.ty) { b.ty.clone() } else { a.ty.clone() };
            if let Some(d) = self.misfit(misfit, op_span, &typed, false) {
                self.report(d);
            }
            return Val::error(op_span);
        }
        let (x, y) = (self.show(&a.ty), self.show(&b.ty));
        let message = format!("`{x}` and `{y}` do not mix in `{}`", op_text(op));
        let mut d = errors::mismatch(op_span, message, Some((a.span(), x.clone())), Some((b.span(), y.clone())));
        d.labels[0].text = "operands of two types".into();
        // The narrower side is the one to widen.
        let (from, to) = if self.wider(&a.ty, &b.ty) { (&b, &a.ty) } else { (&a, &b.ty) };
        if !self.is_settled_bool(to) {
            let text = self.cast_text(from.span(), to);
            d = d.fix("convert one side", from.span(), text);
        }
        self.report(d);
        Val::error(op_span)
    }

    /// Whether `a` can hold more than `b`.
    fn wider(&self, a: &Ty, b: &Ty) -> bool {
        let rank = |ty: &Ty| match ty.scalar().map(|s| self.opens.default_of(s)) {
            Some(Scalar::F64) => 9,
            Some(Scalar::F32) => 8,
            Some(Scalar::F16 | Scalar::BF16) => 7,
            Some(Scalar::I64) => 4,
            Some(Scalar::I32) => 3,
            Some(Scalar::Bool) => 0,
            _ => 1,
        };
        rank(a) >= rank(b)
    }

    /// `**`: the base's type is the result's; an integer exponent of a float is of any integer type.
    fn power(&mut self, op_span: Span, a: Val, b: Val, span: Span) -> Val {
        if self.is_settled_bool(&a.ty) || self.is_settled_bool(&b.ty) {
            let (x, y) = (self.show(&a.ty), self.show(&b.ty));
            self.report(errors::no_operator(op_span, "**", (a.span(), x), Some((b.span(), y))));
            return Val::error(span);
        }
        let (base, exponent) = (a.ty.scalar().expect("scalar"), b.ty.scalar().expect("scalar"));
        if self.is_float(&b.ty) {
            if let Err(misfit) = self.same_scalar(base, exponent) {
                return self.scalars_differ(BinaryOp::Pow, op_span, a, b, misfit);
            }
            return Val::new(ExprKind::Op(Op::Pow, vec![a.expr, b.expr]), Ty::Scalar(base), span);
        }
        let negative = self.facts.of(&b.expr).and_then(|s| s.as_const()).filter(|v| *v < 0);
        if let Some(value) = negative
            && !self.is_float(&a.ty)
        {
            let d = Diagnostic::error("E0403", b.span(), format!("an integer to the power of {value} is no integer"))
                .label("negative exponent")
                .help("make the base a float: `2.0 ** -1`");
            self.report(d);
            return Val::error(span);
        }
        Val::new(ExprKind::Op(Op::Pow, vec![a.expr, b.expr]), Ty::Scalar(base), span)
    }

    fn logic(&mut self, op: BinaryOp, left: &ast::Expr, right: &ast::Expr, span: Span) -> Val {
        let a = self.expr(left, None);
        let a = self.whole(a);
        // The right side is evaluated only where the left has not decided.
        let mark = self.facts.mark();
        if a.ty.rank() == 0 && !a.ty.is_error() {
            self.facts.assume(&a.expr, op == BinaryOp::And);
        }
        self.cx.conditional += 1;
        let b = self.with_sink(|this| {
            let b = this.expr(right, None);
            this.whole(b)
        });
        self.cx.conditional -= 1;
        self.facts.reset(mark);
        if a.ty.is_error() || b.ty.is_error() {
            return Val::error(span);
        }
        self.pointwise(vec![a, b], span, |this, vals| {
            let [a, b]: [Val; 2] = vals.try_into().expect("two operands");
            let a = this.annotated(a, &Ty::BOOL, None, Why::Condition);
            let b = this.annotated(b, &Ty::BOOL, None, Why::Condition);
            if a.ty.is_error() || b.ty.is_error() {
                return Val::error(span);
            }
            let kind = if op == BinaryOp::And {
                ExprKind::And(a.boxed(), b.boxed())
            } else {
                ExprKind::Or(a.boxed(), b.boxed())
            };
            Val::new(kind, Ty::BOOL, span)
        })
    }

    fn membership(&mut self, left: &ast::Expr, right: &ast::Expr, span: Span) -> Val {
        let item = self.expr(left, None);
        let item = self.whole(item);
        let of = self.expr(right, None);
        if item.ty.is_error() || of.ty.is_error() {
            return Val::error(span);
        }
        match of.ty.clone() {
            Ty::Range => self.in_range(item, of, span),
            Ty::List(want) => {
                let item = self.annotated(item, &want, Some(of.span()), Why::Argument);
                Val::new(ExprKind::Builtin(Builtin::Contains, vec![item.expr, of.expr]), Ty::BOOL, span)
            }
            Ty::Tensor(t) if t.axes.len() == 1 => {
                let item = self.annotated(item, &t.elem.clone(), Some(of.span()), Why::Argument);
                Val::new(ExprKind::Builtin(Builtin::Contains, vec![item.expr, of.expr]), Ty::BOOL, span)
            }
            other => {
                let (ty, item) = (self.show(&other), self.show(&item.ty));
                self.report(errors::no_operator(span, "in", (of.span(), ty), Some((left.span, item))));
                Val::error(span)
            }
        }
    }

    fn in_range(&mut self, item: Val, of: Val, span: Span) -> Val {
        let ends = match of.expr.kind {
            ExprKind::Range(lo, hi) => (*lo, *hi),
            _ => {
                let range = self.named(of);
                let end = |k: usize| ir::Expr {
                    kind: ExprKind::Field(Box::new(range.expr.clone()), k),
                    ty: ir::Type::I64,
                    span,
                };
                (end(0), end(1))
            }
        };
        self.pointwise(vec![item], span, |this, mut vals| {
            let item = vals.pop().expect("one operand");
            let Some((value, _)) = this.integer_val(item) else { return Val::error(span) };
            let value = this.named(Val { expr: value, ty: Ty::Scalar(Scalar::I64) }).expr;
            let low = Val::new(ExprKind::Op(Op::Le, vec![ends.0, value.clone()]), Ty::BOOL, span);
            let high = Val::new(ExprKind::Op(Op::Lt, vec![value, ends.1]), Ty::BOOL, span);
            Val::new(ExprKind::And(low.boxed(), high.boxed()), Ty::BOOL, span)
        })
    }

    pub(crate) fn cast(&mut self, operand: &ast::Expr, ty: &ast::TypeExpr, span: Span) -> Val {
        let val = self.expr(operand, None);
        if val.ty.is_error() {
            self.want(ty);
            return Val::error(span);
        }
        let want = self.want(ty);
        self.cast_val(val, &want, ty, span)
    }

    fn cast_val(&mut self, val: Val, want: &Want, ty: &ast::TypeExpr, span: Span) -> Val {
        if let Ty::Stored(by) = val.ty {
            let wanted = self.want_ty(want);
            return self.stated(val, by, wanted, ty.span, span);
        }
        match want {
            Want::Exact(Ty::Error) => Val::error(span),
            Want::Exact(to @ Ty::Scalar(_)) if matches!(val.ty, Ty::Dyn) => {
                self.stated(val, ir::files::FileOp::StateLoaded, to.clone(), ty.span, span)
            }
            Want::Exact(ty) if ty.elem().scalar().is_some() => {
                let to = ty.elem().scalar().expect("just asked");
                let literal = matches!(val.expr.kind, ExprKind::Int(_) | ExprKind::Float(_));
                if literal && self.is_open(&val.ty) && (to.is_float() || (to.is_int() && !self.is_float(&val.ty))) {
                    let want = Ty::Scalar(to);
                    // `300 as u8` is a cast of an integer, not a literal out of range.
                    let fits = match (to.int_range(), &val.expr.kind) {
                        (Some((lo, hi)), ExprKind::Int(v)) => *v >= lo && *v <= hi,
                        (None, ExprKind::Float(v)) => to.nearest(*v).is_finite(),
                        (None, ExprKind::Int(v)) => to.nearest(*v as f64).is_finite(),
                        _ => true,
                    };
                    if fits {
                        return self.annotated(val, &want, None, Why::Annotation);
                    }
                }
                self.pointwise(vec![val], span, |this, mut vals| {
                    let val = vals.pop().expect("one operand");
                    this.scalar_cast(val, to, span)
                })
            }
            Want::Tensor { elem, dims } => {
                let wanted = self.want_ty(want);
                if let Ty::Dyn = val.ty {
                    let val = self.named(val);
                    return self.settle_dyn(val, wanted, span);
                }
                let val = match self.want_ty(elem) {
                    Ty::Scalar(to)
                        if val.ty.rank() > 0 && val.ty.elem().scalar().is_some_and(|s| self.opens.resolve(s) != to) =>
                    {
                        let was_open = self.is_open(&val.ty);
                        if was_open && to.is_float() {
                            let elem = val.ty.elem().clone();
                            self.same(&elem, &Ty::Scalar(to));
                            val
                        } else {
                            let place = val.span();
                            self.pointwise(vec![val], place, |this, mut vals| {
                                let val = vals.pop().expect("one operand");
                                this.scalar_cast(val, to, place)
                            })
                        }
                    }
                    _ => val,
                };
                if !matches!(val.ty, Ty::Tensor(_)) && !val.ty.is_error() {
                    let (from, to) = (self.show(&val.ty), self.sources.text(ty.span).to_owned());
                    self.report(errors::bad_cast(span, &from, &to));
                    return Val::error(span);
                }
                let _ = dims;
                self.annotated(val, &wanted, Some(ty.span), Why::Annotation)
            }
            Want::AnyRank => val,
            other => {
                let wanted = self.want_ty(other);
                let same = !wanted.is_error() && self.same(&val.ty.clone(), &wanted);
                if same {
                    return val;
                }
                let (from, to) = (self.show(&val.ty), self.sources.text(ty.span).to_owned());
                self.report(errors::bad_cast(span, &from, &to));
                Val::error(span)
            }
        }
    }

    fn scalar_cast(&mut self, val: Val, to: Scalar, span: Span) -> Val {
        let from_ok = val.ty.scalar().is_some();
        let to_bool = to == Scalar::Bool && !self.is_bool(&val.ty);
        if !from_ok || to_bool {
            let from = self.show(&val.ty);
            let d = errors::bad_cast(span, &from, to.name());
            let d = if to_bool && from_ok { d.help("compare instead: `x != 0`") } else { d };
            self.report(d);
            return Val::error(span);
        }
        if self.is_float(&val.ty) && self.is_open(&val.ty) && to.is_int() {
            self.settle_default(&val.ty.clone());
        }
        Val::new(ExprKind::Cast(val.boxed()), Ty::Scalar(to), span)
    }

    /// A loaded tensor gets its type.
    fn settle_dyn(&mut self, val: Val, wanted: Ty, span: Span) -> Val {
        let ty = wanted.clone();
        let settle = Val::new(ExprKind::Builtin(Builtin::Settle, vec![val.expr]), wanted, span);
        let checks: Vec<Option<i64>> = ty.axes().iter().map(|a| a.extent.as_const()).collect();
        let var = self.new_temp(&ty, span);
        let axes = ty
            .axes()
            .iter()
            .enumerate()
            .map(|(k, axis)| if axis.extent.is_const() { axis.clone() } else { crate::ty::Axis::of(var, k, axis.name) })
            .collect();
        let ty = ty.with_axes(axes);
        let settle = if checks.iter().any(Option::is_some) {
            Val::new(ExprKind::CheckShape(settle.boxed(), checks), ty.clone(), span)
        } else {
            settle
        };
        self.program.vars[var.index()].ty = ty.ir();
        self.define(var, &Val { expr: settle.expr.clone(), ty: ty.clone() });
        self.cx.sink.push(ir::Stmt::Let(var, settle.expr));
        Val::var(var, ty, span)
    }
}

/// Two constant texts compare now: `typeof(x) == typeof(y)` selects a branch. The type of a tensor whose extents only
/// the run knows differs by its start alone from most others.
fn fold_equal(equal: Val) -> Val {
    let ExprKind::Builtin(Builtin::Equal, args) = &equal.expr.kind else { return equal };
    let (Some((a, whole_a)), Some((b, whole_b))) = (known_start(&args[0]), known_start(&args[1])) else { return equal };
    let value = match (whole_a, whole_b) {
        (true, true) => a == b,
        _ if (whole_a || !b.starts_with(a)) && (whole_b || !a.starts_with(b)) => false,
        _ => return equal,
    };
    Val::new(ExprKind::Bool(value), Ty::BOOL, equal.span())
}

/// What a text begins with, and whether that is all of it.
fn known_start(text: &Expr) -> Option<(&str, bool)> {
    match &text.kind {
        ExprKind::Str(text) => Some((text, true)),
        ExprKind::Interpolate(pieces) => {
            let [Piece::Text(start), rest @ ..] = pieces.as_slice() else { return None };
            let plain = rest.iter().all(|piece| match piece {
                Piece::Text(_) => true,
                Piece::Value(value, _) => is_extent(value),
            });
            plain.then_some((&**start, false))
        }
        _ => None,
    }
}

/// Arithmetic on extents, which nobody misses if it is not done.
fn is_extent(e: &Expr) -> bool {
    let mut plain = true;
    e.walk(&mut |e| {
        plain &= matches!(
            e.kind,
            ExprKind::Int(_) | ExprKind::Var(_) | ExprKind::Dim(..) | ExprKind::Cast(_) | ExprKind::Op(..)
        );
    });
    plain
}

fn is_comparison(op: BinaryOp) -> bool {
    matches!(op, BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Gt | BinaryOp::Le | BinaryOp::Ge)
}

fn row(op: BinaryOp) -> Op {
    match op {
        BinaryOp::Add => Op::Add,
        BinaryOp::Sub => Op::Sub,
        BinaryOp::Mul => Op::Mul,
        BinaryOp::Div => Op::Div,
        BinaryOp::Rem => Op::Rem,
        BinaryOp::Pow => Op::Pow,
        BinaryOp::Eq => Op::Eq,
        BinaryOp::Ne => Op::Ne,
        BinaryOp::Lt => Op::Lt,
        BinaryOp::Gt => Op::Gt,
        BinaryOp::Le => Op::Le,
        BinaryOp::Ge => Op::Ge,
        BinaryOp::And | BinaryOp::Or | BinaryOp::In => unreachable!("these have forms of their own"),
    }
}

fn op_text(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::And => "&&",
        BinaryOp::Or => "||",
        BinaryOp::In => "in",
        other => row(other).name(),
    }
}

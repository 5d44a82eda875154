//! Where two types meet: operands, branches, annotations, arguments.

use crate::open::{Kind, Misfit};
use crate::sym::Sym;
use crate::ty::{Axis, FnKind, Ty, Val};
use crate::{Checker, errors};
use diagnostics::{Diagnostic, Span};
use ir::{ExprKind, Scalar};
use std::rc::Rc;

/// What asks for a type, and so which code a mismatch has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Why {
    /// A `let` or a declared result.
    Annotation,
    Argument,
    Condition,
    Branch(Span),
    Item,
}

impl Checker<'_> {
    /// The value as a `want`, or an error that says why not.
    pub(crate) fn annotated(&mut self, val: Val, want: &Ty, from: Option<Span>, why: Why) -> Val {
        if val.ty.is_error() || want.is_error() || val.ty.is_never() {
            return val;
        }
        match (&val.ty, want) {
            (Ty::Scalar(_) | Ty::Address(_), Ty::Scalar(to)) => {
                let given = val.ty.scalar().expect("matched a scalar");
                match self.same_scalar(given, *to) {
                    Ok(()) => {
                        Val { ty: if matches!(val.ty, Ty::Address(_)) { val.ty.clone() } else { want.clone() }, ..val }
                    }
                    Err(misfit) => self.scalar_misfit(val, want, from, why, misfit),
                }
            }
            (Ty::Tensor(given), Ty::Tensor(wanted)) => {
                let (given, wanted) = (given.clone(), wanted.clone());
                let elems = match (given.elem.scalar(), wanted.elem.scalar()) {
                    (Some(a), Some(b)) => self.same_scalar(a, b),
                    (None, None) => Ok(()),
                    _ => Err(None),
                };
                if let Err(misfit) = elems {
                    return self.scalar_misfit(val, want, from, why, misfit);
                }
                if given.axes.len() != wanted.axes.len() {
                    let (w, g) = (self.show(want), self.show(&val.ty));
                    self.report(errors::rank_mismatch(val.span(), &w, &g, from));
                    return Val::error(val.span());
                }
                self.check_extents(val, &wanted.axes, from)
            }
            (Ty::Tensor(_), Ty::Scalar(_)) if why == Why::Annotation => self.type_mismatch(val, want, from, why),
            // Nothing in brackets is nothing of any type.
            (Ty::Tensor(_), Ty::List(_)) if is_nothing(&val) => {
                Val::new(ExprKind::List(Vec::new()), want.clone(), val.span())
            }
            (Ty::Tensor(_), Ty::List(item)) => {
                let item = item.clone();
                let rows = self.rows_of(val);
                self.annotated(rows, &Ty::List(item), from, why)
            }
            (Ty::List(given), Ty::List(wanted)) => {
                let (given, wanted) = (given.clone(), wanted.clone());
                if self.same(&given, &wanted) { val } else { self.type_mismatch(val, want, from, why) }
            }
            (Ty::List(_), Ty::Tensor(wanted))
                if matches!(val.expr.kind, ExprKind::List(_)) && wanted.axes.len() > 1 =>
            {
                let lengths = literal_lengths(&val);
                self.report(errors::jagged(val.span(), lengths.0, lengths.1));
                Val::error(val.span())
            }
            (Ty::Fn(_), Ty::Fn(wanted)) if matches!(wanted.kind, FnKind::Open(_)) => {
                let wanted = wanted.clone();
                self.fit_function(val, &wanted, from, why != Why::Annotation)
            }
            (Ty::Tuple(given), Ty::Tuple(wanted))
                if given.len() == wanted.len() && why != Why::Annotation && wanted.iter().any(is_open_fn) =>
            {
                let (given, wanted, span) = (given.clone(), wanted.clone(), val.span());
                let val = self.named(val);
                let mut items = Vec::new();
                for (k, (g, w)) in given.iter().zip(wanted.iter()).enumerate() {
                    let item = self.project(val.clone(), k, g.clone(), span);
                    let item = self.annotated(item, w, from, why);
                    if item.ty.is_error() {
                        return item;
                    }
                    items.push(item);
                }
                let ty = Ty::Tuple(items.iter().map(|i| i.ty.clone()).collect());
                Val::new(ExprKind::Tuple(items.into_iter().map(|i| i.expr).collect()), ty, span)
            }
            (Ty::Tuple(given), Ty::Tuple(wanted)) if given.len() == wanted.len() => {
                let (given, wanted) = (given.clone(), wanted.clone());
                for (g, w) in given.iter().zip(wanted.iter()) {
                    if !self.same(g, w) {
                        return self.type_mismatch(val, want, from, why);
                    }
                }
                val
            }
            _ => {
                if self.same(&val.ty.clone(), want) {
                    val
                } else {
                    self.type_mismatch(val, want, from, why)
                }
            }
        }
    }

    /// One scalar type for both, if there is one.
    pub(crate) fn same_scalar(&mut self, a: Scalar, b: Scalar) -> Result<(), Option<Misfit>> {
        let (a, b) = (self.opens.resolve(a), self.opens.resolve(b));
        match (a, b) {
            _ if a == b => Ok(()),
            (Scalar::Open(_), Scalar::Open(_)) => {
                self.opens.join(a, b);
                Ok(())
            }
            (Scalar::Open(_), settled) => self.opens.settle(a, settled).map_err(Some),
            (settled, Scalar::Open(_)) => self.opens.settle(b, settled).map_err(Some),
            _ => Err(None),
        }
    }

    /// Structural equality that settles open constants; extents are not compared.
    pub(crate) fn same(&mut self, a: &Ty, b: &Ty) -> bool {
        match (a, b) {
            (Ty::Error | Ty::Never, _) | (_, Ty::Error | Ty::Never) => true,
            (Ty::Scalar(_) | Ty::Address(_), Ty::Scalar(_) | Ty::Address(_)) => {
                let (a, b) = (a.scalar().expect("scalar"), b.scalar().expect("scalar"));
                self.same_scalar(a, b).is_ok()
            }
            (Ty::Str, Ty::Str) | (Ty::Unit, Ty::Unit) | (Ty::Dyn, Ty::Dyn) | (Ty::Range, Ty::Range) => true,
            (Ty::Tensor(a), Ty::Tensor(b)) => {
                a.axes.len() == b.axes.len() && self.same(&a.elem.clone(), &b.elem.clone())
            }
            (Ty::List(a), Ty::List(b)) | (Ty::Attempt(a), Ty::Attempt(b)) => self.same(&a.clone(), &b.clone()),
            (Ty::Tuple(a), Ty::Tuple(b)) => a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| self.same(a, b)),
            (Ty::Stored(a), Ty::Stored(b)) => a == b,
            (Ty::Struct(a), Ty::Struct(b)) => a == b,
            (Ty::Enum(a), Ty::Enum(b)) => a == b,
            (Ty::Fn(a), Ty::Fn(b)) => {
                a.id == b.id || matches!(b.kind, FnKind::Open(_)) && !matches!(a.kind, FnKind::Open(_))
            }
            _ => false,
        }
    }

    /// Extents against a declaration: a proof, an error, or a check at run time.
    pub(crate) fn check_extents(&mut self, val: Val, wanted: &[Axis], from: Option<Span>) -> Val {
        let given: Vec<Axis> = val.ty.axes().to_vec();
        let mut checks: Vec<Option<i64>> = Vec::new();
        let mut axes = Vec::new();
        for (k, (g, w)) in given.iter().zip(wanted).enumerate() {
            let known = self.facts_extent(&g.extent);
            let mut axis = Axis { name: w.name.or(g.name), extent: known.clone() };
            let mut check = None;
            if let Some(want) = w.extent.as_const() {
                match known.as_const() {
                    Some(have) if have != want => {
                        self.report(errors::extent_mismatch(val.span(), k, &want.to_string(), &have.to_string(), from));
                        return Val::error(val.span());
                    }
                    Some(_) => {}
                    None => {
                        check = Some(want);
                        axis.extent = Sym::constant(want);
                    }
                }
            }
            checks.push(check);
            axes.push(axis);
        }
        let ty = val.ty.with_axes(axes);
        if checks.iter().all(Option::is_none) {
            return Val { ty, ..val };
        }
        let span = val.span();
        let checked = Val::new(ExprKind::CheckShape(val.boxed(), checks), ty, span);
        self.named(checked)
    }

    /// An extent with everything that is known of it put in.
    pub(crate) fn facts_extent(&self, extent: &Sym) -> Sym {
        let facts = &self.facts;
        let mut now = extent.clone();
        // A definition may lead to another one; chains are short.
        for _ in 0..16 {
            let next = now.replace(&|atom| match atom {
                crate::sym::Atom::Extent(var, k) => facts.extents.get(&(*var, *k)).cloned(),
                crate::sym::Atom::Var(var) => facts.defs.get(var).cloned(),
                _ => None,
            });
            if next == now {
                break;
            }
            now = next;
        }
        now
    }

    fn scalar_misfit(&mut self, val: Val, want: &Ty, from: Option<Span>, why: Why, misfit: Option<Misfit>) -> Val {
        match misfit {
            Some(misfit) => {
                let d = self.misfit(misfit, val.span(), want.elem(), why == Why::Annotation);
                match d {
                    Some(d) => self.report(d),
                    None => return self.type_mismatch(val, want, from, why),
                }
                Val::error(val.span())
            }
            None => self.type_mismatch(val, want, from, why),
        }
    }

    /// E0403 for a literal that cannot be the type, `None` where the mismatch is one of types.
    pub(crate) fn misfit(&mut self, misfit: Misfit, span: Span, want: &Ty, annotation: bool) -> Option<Diagnostic> {
        let name = self.show(want);
        match misfit {
            Misfit::Range(value, place) => {
                let range = want.scalar().and_then(|s| self.opens.resolve(s).int_range());
                Some(errors::literal_range(place, &value.to_string(), &name, range))
            }
            Misfit::Kind(Kind::Float)
                if annotation && want.scalar().is_some_and(|s| self.opens.resolve(s).is_int()) =>
            {
                Some(errors::literal_range(span, &self.literal_text(span), &name, None))
            }
            Misfit::Large(place) => Some(errors::too_large(place, &self.literal_text(place), &name)),
            Misfit::Kind(_) => None,
        }
    }

    /// A literal that does not fit what it becomes by default.
    pub(crate) fn report_misfit(&mut self, misfit: Misfit, default: Scalar) {
        match misfit {
            Misfit::Range(value, span) => {
                self.report(errors::literal_range(span, &value.to_string(), default.name(), default.int_range()));
            }
            Misfit::Large(span) => {
                let text = self.literal_text(span);
                self.report(errors::too_large(span, &text, default.name()));
            }
            Misfit::Kind(_) => {}
        }
    }

    fn literal_text(&self, span: Span) -> String {
        self.sources.text(span).to_owned()
    }

    pub(crate) fn type_mismatch(&mut self, val: Val, want: &Ty, from: Option<Span>, why: Why) -> Val {
        let (wanted, given) = (self.show(want), self.show(&val.ty));
        let span = val.span();
        let whole = matches!(val.ty, Ty::Dyn | Ty::Stored(_));
        let cast = self.castable(&val.ty, want).then(|| self.cast_text(span, if whole { want } else { want.elem() }));
        let d = match why {
            Why::Annotation => {
                let d = errors::annotation(span, &wanted, &given, from, cast);
                let block = self.sources.text(span).starts_with(['{', '}']);
                if block && given == "()" {
                    d.help("a block is worth its last expression, written without `;`")
                } else {
                    d
                }
            }
            Why::Branch(first) => errors::branches_differ(span, &given, first, &wanted),
            Why::Argument | Why::Condition | Why::Item => {
                let message = match why {
                    Why::Condition => format!("a condition is a `{wanted}`, and this is `{given}`"),
                    _ => format!("`{wanted}` is expected, and this is `{given}`"),
                };
                let d = Diagnostic::error("E0401", span, message).label(format!("this is `{given}`"));
                let d = match from {
                    Some(from) => d.also(from, format!("`{wanted}` is asked for here")),
                    None => d,
                };
                match cast {
                    Some(text) => d.fix("convert it", span, text),
                    None => d,
                }
            }
        };
        self.report(d);
        Val::error(span)
    }

    /// The source of a place with a cast behind it, in parentheses where the cast would bind tighter.
    pub(crate) fn cast_text(&self, span: Span, to: &Ty) -> String {
        let text = self.sources.text(span);
        let simple =
            text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '[' | ']' | '(' | ')' | ',' | ' '))
                && (!text.contains(' ') || text.ends_with(']') || text.ends_with(')'));
        let to = self.show(to);
        if simple { format!("{text} as {to}") } else { format!("({text}) as {to}") }
    }

    /// Whether a cast would turn one into the other.
    fn castable(&self, from: &Ty, to: &Ty) -> bool {
        if matches!(from, Ty::Dyn | Ty::Stored(_)) {
            return !matches!(to, Ty::Dyn | Ty::Stored(_));
        }
        from.rank() == to.rank()
            && from.elem().scalar().is_some()
            && to.elem().scalar().is_some()
            && to.elem().scalar() != Some(Scalar::Bool)
    }

    /// The common type of branches, arms and items: the later value fitted to the first one's type.
    pub(crate) fn join(&mut self, first: &Val, other: Val) -> Val {
        self.join_for(first, other, Why::Branch(first.span()))
    }

    pub(crate) fn join_for(&mut self, first: &Val, other: Val, why: Why) -> Val {
        if first.ty.is_never() || first.ty.is_error() {
            return other;
        }
        let want = first.ty.clone();
        match (&want, &other.ty) {
            (Ty::Tensor(a), Ty::Tensor(b)) if a.axes.len() == b.axes.len() => {
                let ok = self.same(&a.elem.clone(), &b.elem.clone());
                if ok { other } else { self.type_mismatch(other, &want, (why == Why::Item).then(|| first.span()), why) }
            }
            (Ty::List(_), Ty::Tensor(_)) => {
                let rows = self.rows_of(other);
                self.annotated(rows, &want, (why == Why::Item).then(|| first.span()), why)
            }
            _ => self.annotated(other, &want, (why == Why::Item).then(|| first.span()), why),
        }
    }

    /// The type of a value that is one of two tensors: extents that may differ are unknown.
    pub(crate) fn joined_ty(&mut self, a: &Ty, b: &Ty) -> Ty {
        match (a, b) {
            (Ty::Never | Ty::Error, other) | (other, Ty::Never | Ty::Error) => other.clone(),
            (Ty::Address(x), Ty::Address(y)) if x != y => Ty::I32,
            (Ty::Address(_), Ty::Scalar(s)) | (Ty::Scalar(s), Ty::Address(_)) => Ty::Scalar(*s),
            (Ty::Tensor(x), Ty::Tensor(y)) if x.axes.len() == y.axes.len() => {
                let elem = self.joined_ty(&x.elem.clone(), &y.elem.clone());
                let axes = x
                    .axes
                    .iter()
                    .zip(y.axes.iter())
                    .map(|(p, q)| {
                        let (pe, qe) = (self.facts_extent(&p.extent), self.facts_extent(&q.extent));
                        let extent = if pe == qe { pe } else { self.unknown_extent() };
                        Axis { name: if p.name == q.name { p.name } else { None }, extent }
                    })
                    .collect();
                Ty::tensor(elem, axes)
            }
            (Ty::Tuple(x), Ty::Tuple(y)) if x.len() == y.len() => {
                let items: Vec<Ty> = x.iter().zip(y.iter()).map(|(p, q)| self.joined_ty(p, q)).collect();
                Ty::Tuple(items.into())
            }
            (Ty::List(x), Ty::List(y)) => Ty::List(Rc::new(self.joined_ty(&x.clone(), &y.clone()))),
            _ => a.clone(),
        }
    }

    /// A tensor as the list of its rows.
    pub(crate) fn rows_of(&mut self, val: Val) -> Val {
        let span = val.span();
        let axes = val.ty.axes();
        let item = match axes.len() {
            0 => return val,
            _ => val.ty.with_axes(axes[1..].to_vec()),
        };
        Val::new(ExprKind::Builtin(ir::Builtin::Rows, vec![val.expr]), Ty::List(Rc::new(item)), span)
    }

    /// What an unsettled constant becomes where nothing asks.
    pub(crate) fn settle_default(&mut self, ty: &Ty) {
        match ty {
            Ty::Scalar(s) => {
                let default = self.opens.default_of(*s);
                if let Err(misfit) = self.opens.settle(*s, default) {
                    self.report_misfit(misfit, default);
                }
            }
            Ty::Tensor(t) => self.settle_default(&t.elem.clone()),
            Ty::List(item) | Ty::Attempt(item) => self.settle_default(&item.clone()),
            Ty::Tuple(items) => items.iter().for_each(|t| self.settle_default(t)),
            _ => {}
        }
    }

    /// Whether a type still holds an open constant.
    pub(crate) fn is_open(&self, ty: &Ty) -> bool {
        match ty {
            Ty::Scalar(s) => matches!(self.opens.resolve(*s), Scalar::Open(_)),
            Ty::Tensor(t) => self.is_open(&t.elem),
            Ty::List(item) | Ty::Attempt(item) => self.is_open(item),
            Ty::Tuple(items) => items.iter().any(|t| self.is_open(t)),
            _ => false,
        }
    }

    /// A type with its settled constants put in.
    pub(crate) fn resolved(&self, ty: &Ty) -> Ty {
        match ty {
            Ty::Scalar(s) => Ty::Scalar(self.opens.resolve(*s)),
            Ty::Tensor(t) => Ty::tensor(self.resolved(&t.elem), t.axes.to_vec()),
            Ty::List(item) => Ty::List(Rc::new(self.resolved(item))),
            Ty::Attempt(item) => Ty::Attempt(Rc::new(self.resolved(item))),
            Ty::Tuple(items) => Ty::Tuple(items.iter().map(|t| self.resolved(t)).collect()),
            other => other.clone(),
        }
    }
}

pub(crate) fn is_open_fn(ty: &Ty) -> bool {
    matches!(ty, Ty::Fn(f) if matches!(f.kind, FnKind::Open(_)))
}

fn is_nothing(val: &Val) -> bool {
    matches!(&val.expr.kind, ExprKind::Literal(shape, _) if **shape == [0])
}

/// The lengths of the first two rows of a literal that differ.
fn literal_lengths(val: &Val) -> (usize, usize) {
    let ExprKind::List(items) = &val.expr.kind else { return (0, 0) };
    let lengths: Vec<usize> = items
        .iter()
        .map(|item| match &item.kind {
            ExprKind::Literal(shape, _) => shape.first().copied().unwrap_or(0),
            ExprKind::List(items) => items.len(),
            _ => 0,
        })
        .collect();
    let first = lengths.first().copied().unwrap_or(0);
    (first, lengths.iter().copied().find(|n| *n != first).unwrap_or(first))
}

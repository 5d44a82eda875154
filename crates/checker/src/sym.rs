//! Symbolic integers: polynomials over coordinates, parameters and extents, in one canonical form, so that equal
//! values compare equal. What is known about them, and what follows from it, is in [`Facts`].

mod facts;
mod prove;

pub use facts::{Facts, Mark};

use diagnostics::Span;
use ir::{Expr, ExprKind, Op, Scalar, Type, Var, VarId};
use std::fmt::Write;
use std::rc::Rc;

/// A polynomial with integer coefficients. Coefficients are wider than any value of the language, so that sums of
/// what a program can spell are exact.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Sym {
    /// Sorted by atom, no atom twice, no coefficient zero.
    terms: Vec<(Atom, i128)>,
    constant: i128,
}

/// What a polynomial is made of.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Atom {
    /// A coordinate, a parameter, or another integer binding.
    Var(VarId),
    /// An axis of a tensor, or the length of a list; never negative.
    Extent(VarId, usize),
    /// Truncating, by a positive constant.
    Div(Rc<Sym>, i64),
    /// With the sign of the dividend, by a positive constant.
    Rem(Rc<Sym>, i64),
    /// At least two atoms, sorted, none of them a product.
    Product(Rc<[Atom]>),
    Min(Rc<Sym>, Rc<Sym>),
    Max(Rc<Sym>, Rc<Sym>),
}

/// Larger expressions are not worth reasoning about, and would make it slow.
const MAX_TERMS: usize = 16;
const MAX_WEIGHT: usize = 128;
const MAX_DEGREE: usize = 3;

impl Atom {
    /// How many leaves it holds.
    fn weight(&self) -> usize {
        match self {
            Atom::Var(_) | Atom::Extent(..) => 1,
            Atom::Div(s, _) | Atom::Rem(s, _) => 1 + s.weight(),
            Atom::Product(factors) => factors.iter().map(Atom::weight).sum(),
            Atom::Min(a, b) | Atom::Max(a, b) => 1 + a.weight() + b.weight(),
        }
    }

    fn degree(&self) -> usize {
        match self {
            Atom::Product(factors) => factors.len(),
            _ => 1,
        }
    }

    fn factors(&self) -> &[Atom] {
        match self {
            Atom::Product(factors) => factors,
            atom => std::slice::from_ref(atom),
        }
    }

    fn times(&self, other: &Atom) -> Atom {
        let mut factors = [self.factors(), other.factors()].concat();
        factors.sort();
        Atom::Product(factors.into())
    }

    fn collect_vars(&self, into: &mut Vec<VarId>) {
        match self {
            Atom::Var(var) | Atom::Extent(var, _) => {
                if !into.contains(var) {
                    into.push(*var);
                }
            }
            Atom::Div(s, _) | Atom::Rem(s, _) => s.collect_vars(into),
            Atom::Product(factors) => factors.iter().for_each(|factor| factor.collect_vars(into)),
            Atom::Min(a, b) | Atom::Max(a, b) => {
                a.collect_vars(into);
                b.collect_vars(into);
            }
        }
    }

    fn replace(&self, by: &dyn Fn(&Atom) -> Option<Sym>) -> Sym {
        match self {
            Atom::Var(_) | Atom::Extent(..) => by(self).unwrap_or_else(|| Sym::atom(self.clone())),
            Atom::Div(s, divisor) => s.replace(by).div(*divisor),
            Atom::Rem(s, divisor) => s.replace(by).rem(*divisor),
            Atom::Product(factors) => {
                factors.iter().fold(Sym::constant(1), |product, factor| product.times(&factor.replace(by)))
            }
            Atom::Min(a, b) => a.replace(by).lesser(&b.replace(by)),
            Atom::Max(a, b) => a.replace(by).greater(&b.replace(by)),
        }
    }
}

impl Sym {
    pub fn constant(value: i64) -> Sym {
        Sym { terms: Vec::new(), constant: value as i128 }
    }

    pub fn var(var: VarId) -> Sym {
        Sym::atom(Atom::Var(var))
    }

    /// An extent that nothing else is known about; see [`Facts::extent`].
    pub fn extent(tensor: VarId, axis: usize) -> Sym {
        Sym::atom(Atom::Extent(tensor, axis))
    }

    pub fn atom(atom: Atom) -> Sym {
        Sym { terms: vec![(atom, 1)], constant: 0 }
    }

    pub fn is_const(&self) -> bool {
        self.terms.is_empty()
    }

    pub fn as_const(&self) -> Option<i64> {
        if self.is_const() { i64::try_from(self.constant).ok() } else { None }
    }

    /// The variable, if it is nothing else.
    pub fn as_var(&self) -> Option<VarId> {
        match (self.terms.as_slice(), self.constant) {
            ([(Atom::Var(var), 1)], 0) => Some(*var),
            _ => None,
        }
    }

    /// The extent of a tensor's axis, if it is nothing else.
    pub fn as_extent(&self) -> Option<(VarId, usize)> {
        match (self.terms.as_slice(), self.constant) {
            ([(Atom::Extent(tensor, axis), 1)], 0) => Some((*tensor, *axis)),
            _ => None,
        }
    }

    /// Atoms with their coefficients, and the constant.
    pub fn parts(&self) -> (&[(Atom, i128)], i128) {
        (&self.terms, self.constant)
    }

    /// Everything that it mentions, tensors whose extents it mentions included, each once.
    pub fn vars(&self) -> Vec<VarId> {
        let mut vars = Vec::new();
        self.collect_vars(&mut vars);
        vars
    }

    fn collect_vars(&self, into: &mut Vec<VarId>) {
        self.terms.iter().for_each(|(atom, _)| atom.collect_vars(into));
    }

    pub fn mentions(&self, var: VarId) -> bool {
        self.vars().contains(&var)
    }

    /// The factor of an atom that stands by itself.
    fn coefficient(&self, atom: &Atom) -> i128 {
        match self.terms.binary_search_by(|(a, _)| a.cmp(atom)) {
            Ok(at) => self.terms[at].1,
            Err(_) => 0,
        }
    }

    pub fn add(&self, other: &Sym) -> Sym {
        self.combine(other, 1)
    }

    pub fn sub(&self, other: &Sym) -> Sym {
        self.combine(other, -1)
    }

    pub fn neg(&self) -> Sym {
        self.scale(-1)
    }

    pub fn offset(&self, by: i64) -> Sym {
        Sym { terms: self.terms.clone(), constant: self.constant.saturating_add(by as i128) }
    }

    pub fn scale(&self, by: i64) -> Sym {
        self.scale_wide(by as i128)
    }

    fn scale_wide(&self, by: i128) -> Sym {
        if by == 0 {
            return Sym::default();
        }
        let terms = self.terms.iter().map(|(atom, c)| (atom.clone(), c.saturating_mul(by))).collect();
        Sym { terms, constant: self.constant.saturating_mul(by) }
    }

    /// `self + other * by`
    fn combine(&self, other: &Sym, by: i128) -> Sym {
        let mut terms = Vec::with_capacity(self.terms.len() + other.terms.len());
        let (mut left, mut right) = (self.terms.iter().peekable(), other.terms.iter().peekable());
        loop {
            let (atom, c) = match (left.peek(), right.peek()) {
                (None, None) => break,
                (Some((a, _)), Some((b, _))) if a == b => {
                    let ((a, m), (_, n)) = (left.next().unwrap(), right.next().unwrap());
                    (a, m.saturating_add(n.saturating_mul(by)))
                }
                (Some((a, m)), other) if other.is_none_or(|(b, _)| a < b) => {
                    left.next();
                    (a, *m)
                }
                (_, Some((b, n))) => {
                    right.next();
                    (b, n.saturating_mul(by))
                }
                (Some(_), None) => unreachable!("a left term without a right one is taken above"),
            };
            if c != 0 {
                terms.push((atom.clone(), c));
            }
        }
        Sym { terms, constant: self.constant.saturating_add(other.constant.saturating_mul(by)) }
    }

    /// The product, multiplied out.
    pub fn times(&self, other: &Sym) -> Sym {
        let mut product = self.scale_wide(other.constant);
        for (atom, c) in &other.terms {
            let mut part = Sym::atom(atom.clone()).scale_wide(self.constant);
            for (factor, d) in &self.terms {
                part = part.combine(&Sym::atom(factor.times(atom)), *d);
            }
            product = product.combine(&part, *c);
        }
        product
    }

    /// Truncating division by a positive constant.
    pub fn div(&self, divisor: i64) -> Sym {
        debug_assert!(divisor > 0);
        let d = divisor as i128;
        if self.is_const() {
            return Sym { terms: Vec::new(), constant: self.constant / d };
        }
        if self.constant % d == 0 && self.terms.iter().all(|(_, c)| c % d == 0) {
            let terms = self.terms.iter().map(|(atom, c)| (atom.clone(), c / d)).collect();
            return Sym { terms, constant: self.constant / d };
        }
        Sym::atom(Atom::Div(Rc::new(self.clone()), divisor))
    }

    /// The remainder by a positive constant, with the sign of the dividend.
    pub fn rem(&self, divisor: i64) -> Sym {
        debug_assert!(divisor > 0);
        let d = divisor as i128;
        if self.is_const() {
            return Sym { terms: Vec::new(), constant: self.constant % d };
        }
        if self.constant % d == 0 && self.terms.iter().all(|(_, c)| c % d == 0) {
            return Sym::default();
        }
        Sym::atom(Atom::Rem(Rc::new(self.clone()), divisor))
    }

    pub fn lesser(&self, other: &Sym) -> Sym {
        self.choose(other, false)
    }

    pub fn greater(&self, other: &Sym) -> Sym {
        self.choose(other, true)
    }

    /// The smaller one, or the larger.
    fn choose(&self, other: &Sym, larger: bool) -> Sym {
        let difference = self.sub(other);
        if difference.is_const() {
            return if (difference.constant > 0) == larger { self.clone() } else { other.clone() };
        }
        let (a, b) = if self <= other { (self, other) } else { (other, self) };
        let (a, b) = (Rc::new(a.clone()), Rc::new(b.clone()));
        Sym::atom(if larger { Atom::Max(a, b) } else { Atom::Min(a, b) })
    }

    /// Puts values in place of variables and extents; `None` leaves one as it is.
    pub fn replace(&self, by: &dyn Fn(&Atom) -> Option<Sym>) -> Sym {
        let constant = Sym { terms: Vec::new(), constant: self.constant };
        self.terms.iter().fold(constant, |sum, (atom, c)| sum.combine(&atom.replace(by), *c))
    }

    pub fn substitute(&self, var: VarId, by: &Sym) -> Sym {
        self.replace(&|atom| if *atom == Atom::Var(var) { Some(by.clone()) } else { None })
    }

    fn weight(&self) -> usize {
        self.terms.iter().map(|(atom, _)| atom.weight()).sum()
    }

    /// Small enough to reason about, with coefficients that a program can spell.
    pub(crate) fn is_tame(&self) -> bool {
        let spelled = |c: i128| c.unsigned_abs() < 1 << 63;
        self.terms.len() <= MAX_TERMS
            && spelled(self.constant)
            && self.terms.iter().all(|(atom, c)| spelled(*c) && atom.degree() <= MAX_DEGREE)
            && self.weight() <= MAX_WEIGHT
    }

    /// As it would stand in source: `n - k + 1`.
    pub fn text(&self, vars: &[Var]) -> String {
        let (mut plus, mut minus) = (Vec::new(), Vec::new());
        for (atom, c) in &self.terms {
            let text = atom.text(vars);
            let text = if c.unsigned_abs() == 1 { text } else { format!("{} * {text}", c.unsigned_abs()) };
            if *c > 0 { &mut plus } else { &mut minus }.push(text);
        }
        let mut text = String::new();
        let leading = plus.is_empty() && (self.constant > 0 || self.is_const());
        if leading {
            let _ = write!(text, "{}", self.constant);
        }
        for (items, sign) in [(plus, '+'), (minus, '-')] {
            for item in items {
                match (text.is_empty(), sign) {
                    (true, '+') => text.push_str(&item),
                    (true, _) => {
                        let _ = write!(text, "-{item}");
                    }
                    (false, _) => {
                        let _ = write!(text, " {sign} {item}");
                    }
                }
            }
        }
        if !leading && self.constant != 0 {
            let sign = if self.constant > 0 { '+' } else { '-' };
            let _ = write!(text, " {sign} {}", self.constant.unsigned_abs());
        }
        text
    }

    /// An expression that evaluates it in an integer type.
    pub fn to_expr(&self, ty: Scalar, vars: &[Var], span: Span) -> Expr {
        let build = Builder { ty, vars, span };
        let mut sum: Option<Expr> = None;
        let leading = self.terms.iter().filter(|(_, c)| *c > 0).chain(self.terms.iter().filter(|(_, c)| *c < 0));
        for (atom, c) in leading {
            let magnitude = if sum.is_some() { c.abs() } else { *c };
            let mut term = build.atom(atom);
            if magnitude == -1 {
                term = build.op(Op::Neg, vec![term]);
            } else if magnitude != 1 {
                term = build.op(Op::Mul, vec![build.int(magnitude), term]);
            }
            sum = Some(match sum {
                None => term,
                Some(sum) => build.op(if *c > 0 { Op::Add } else { Op::Sub }, vec![sum, term]),
            });
        }
        match sum {
            None => build.int(self.constant),
            Some(sum) if self.constant == 0 => sum,
            Some(sum) if self.constant > 0 => build.op(Op::Add, vec![sum, build.int(self.constant)]),
            Some(sum) => build.op(Op::Sub, vec![sum, build.int(-self.constant)]),
        }
    }
}

impl Atom {
    fn text(&self, vars: &[Var]) -> String {
        let operand = |s: &Sym| {
            let text = s.text(vars);
            let plain = s.is_const() || s.terms.len() == 1 && s.terms[0].1 == 1 && s.constant == 0;
            if plain && !text.contains(' ') { text } else { format!("({text})") }
        };
        match self {
            Atom::Var(var) => vars[var.index()].name.to_string(),
            Atom::Extent(tensor, axis) => {
                let tensor = &vars[tensor.index()];
                match tensor.coords.get(*axis).copied().flatten() {
                    Some(coordinate) => format!("extent({coordinate})"),
                    None if tensor.ty.rank() <= 1 => format!("len({})", tensor.name),
                    None => format!("{}.shape[{axis}]", tensor.name),
                }
            }
            Atom::Div(s, divisor) => format!("{} / {divisor}", operand(s)),
            Atom::Rem(s, divisor) => format!("{} % {divisor}", operand(s)),
            Atom::Product(factors) => {
                let factors: Vec<_> = factors.iter().map(|f| operand(&Sym::atom(f.clone()))).collect();
                factors.join(" * ")
            }
            Atom::Min(a, b) => format!("min({}, {})", a.text(vars), b.text(vars)),
            Atom::Max(a, b) => format!("max({}, {})", a.text(vars), b.text(vars)),
        }
    }
}

/// Turns symbolic integers into expressions of one type.
struct Builder<'a> {
    ty: Scalar,
    vars: &'a [Var],
    span: Span,
}

impl Builder<'_> {
    fn int(&self, value: i128) -> Expr {
        let value = value.clamp(i64::MIN as i128, i64::MAX as i128) as i64;
        Expr { kind: ExprKind::Int(value), ty: Type::Scalar(self.ty), span: self.span }
    }

    fn op(&self, op: Op, operands: Vec<Expr>) -> Expr {
        Expr { kind: ExprKind::Op(op, operands), ty: Type::Scalar(self.ty), span: self.span }
    }

    fn cast(&self, e: Expr) -> Expr {
        if e.ty == Type::Scalar(self.ty) {
            return e;
        }
        Expr { kind: ExprKind::Cast(Box::new(e)), ty: Type::Scalar(self.ty), span: self.span }
    }

    fn var(&self, var: VarId) -> Expr {
        Expr { kind: ExprKind::Var(var), ty: self.vars[var.index()].ty.clone(), span: self.span }
    }

    fn sym(&self, s: &Sym) -> Expr {
        s.to_expr(self.ty, self.vars, self.span)
    }

    fn atom(&self, atom: &Atom) -> Expr {
        match atom {
            Atom::Var(var) => self.cast(self.var(*var)),
            Atom::Extent(tensor, axis) => {
                let of = self.var(*tensor);
                let dim = match of.ty {
                    Type::List(_) => ExprKind::Builtin(ir::Builtin::Len, vec![of]),
                    _ => ExprKind::Dim(Box::new(of), *axis),
                };
                self.cast(Expr { kind: dim, ty: Type::I32, span: self.span })
            }
            Atom::Div(s, divisor) => self.op(Op::Div, vec![self.sym(s), self.int(*divisor as i128)]),
            Atom::Rem(s, divisor) => self.op(Op::Rem, vec![self.sym(s), self.int(*divisor as i128)]),
            Atom::Product(factors) => {
                let mut factors = factors.iter().map(|factor| self.atom(factor));
                let first = factors.next().unwrap_or_else(|| self.int(1));
                factors.fold(first, |product, factor| self.op(Op::Mul, vec![product, factor]))
            }
            Atom::Min(a, b) => self.op(Op::Min, vec![self.sym(a), self.sym(b)]),
            Atom::Max(a, b) => self.op(Op::Max, vec![self.sym(a), self.sym(b)]),
        }
    }
}

#[cfg(test)]
mod tests;

//! Statements that run in front of an expression, and what they make certain.

use crate::Checker;
use crate::sym::Sym;
use diagnostics::{Span, Symbol};
use ir::{Builtin, Expr, ExprKind, Scalar, Stmt, Type, VarId};

/// The statements of the construct around, set aside.
pub(crate) struct Outer {
    statements: Vec<Stmt>,
    /// How much of [`Facts::checked`](crate::sym::Facts) they and those around them make certain.
    checked: usize,
}

impl Checker<'_> {
    pub(crate) fn open_sink(&mut self) -> Outer {
        Outer { statements: std::mem::take(&mut self.cx.sink), checked: self.facts.checked.len() }
    }

    /// The statements since; whoever places them in front of more than their construct may check again.
    pub(crate) fn close_sink(&mut self, outer: Outer) -> Vec<Stmt> {
        self.facts.checked.truncate(outer.checked);
        std::mem::replace(&mut self.cx.sink, outer.statements)
    }

    /// Cells begin; whether no others are around them.
    pub(crate) fn enter_cells(&mut self) -> bool {
        let outermost = self.cx.cells == 0;
        if outermost {
            self.cx.inside = Some(VarId(self.program.vars.len() as u32));
        }
        self.cx.cells += 1;
        outermost
    }

    /// A comparison of two extents that only the run can make, as far in front as both are there. What stands behind it
    /// may take them for equal.
    pub(crate) fn compare_extents(
        &mut self,
        coord: Option<Symbol>,
        extents: [&Sym; 2],
        parties: [String; 2],
        span: Span,
    ) {
        let is_outside = |inside: VarId| extents.iter().all(|e| e.vars().iter().all(|var| var.0 < inside.0));
        let first = self.cx.inside.is_some_and(is_outside);
        let check = self.extent_check(coord, extents, parties, span);
        let [a, b] = extents;
        let apart = [a.sub(b), b.sub(a)].into_iter().filter(Sym::is_tame);
        if first {
            self.cx.checks.push(check);
            self.facts.promised.extend(apart);
        } else {
            self.cx.sink.push(check);
            self.facts.checked.extend(apart);
        }
    }

    /// Places what the outermost cells ask for in front of them.
    pub(crate) fn place_checks(&mut self) {
        self.cx.inside = None;
        self.cx.sink.append(&mut self.cx.checks);
        self.facts.checked.append(&mut self.facts.promised);
    }

    fn extent_check(&self, coord: Option<Symbol>, [a, b]: [&Sym; 2], [first, other]: [String; 2], span: Span) -> Stmt {
        let words = |s: String| Expr { kind: ExprKind::Str(s.into()), ty: Type::Str, span };
        let args = vec![
            a.to_expr(Scalar::I64, &self.program.vars, span),
            b.to_expr(Scalar::I64, &self.program.vars, span),
            words(coord.map(|name| name.to_string()).unwrap_or_default()),
            words(first),
            words(other),
        ];
        Stmt::Do(Expr { kind: ExprKind::Builtin(Builtin::SameExtent, args), ty: Type::Unit, span })
    }
}

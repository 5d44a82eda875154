//! Families from a short notation, for tests of what works on the checked program: clauses with all ranges spelled
//! out, integers only. Names that nothing defines are parameters, or tensors where they are indexed.
//!
//!     h[0] = x[0]; h[t in 1..n where t % 2 == 0] = h[t - 1] + sum[k in 0..t where k > 2](x[k]) else 0;
//!
//! What a `where` defines is in scope behind it. `cells[i in 0..n](e)` is a nested family, `call(a, b)` a call, `{ v = e; e }` a block.

use diagnostics::{FileId, Span, Symbol};
use ir::*;
use std::collections::HashMap;

pub(crate) struct Source {
    pub vars: Vec<Var>,
    pub families: Vec<(VarId, Family)>,
    pub text: String,
}

impl Source {
    pub fn new(text: &str) -> Source {
        let mut parser = Parser { rest: text, text, vars: Vec::new(), scope: Vec::new(), families: Vec::new() };
        // Families may be read before their first clause.
        for clause in text.split(';') {
            if let Some((name, _)) = clause.split_once('[')
                && name.trim().chars().all(|c| c.is_alphanumeric() || c == '_')
            {
                parser.declare(name.trim());
            }
        }
        while !parser.rest.trim().is_empty() {
            parser.clause();
        }
        Source { vars: parser.vars, families: parser.families, text: text.to_owned() }
    }

    /// The text under a span.
    pub fn at(&self, span: Span) -> &str {
        &self.text[span.start as usize..span.end as usize]
    }

    pub fn var(&self, name: &str) -> VarId {
        let at = self.vars.iter().position(|var| var.name.as_str() == name);
        VarId(at.unwrap_or_else(|| panic!("no `{name}`")) as u32)
    }

    pub fn family(&self, name: &str) -> &Family {
        let (_, family) = self.families.iter().find(|(_, f)| f.name.as_str() == name).expect("a family");
        family
    }
}

/// An expression of parameters alone.
pub(crate) fn expr(text: &str) -> (Expr, Vec<Var>) {
    let mut parser = Parser { rest: text, text, vars: Vec::new(), scope: Vec::new(), families: Vec::new() };
    let e = parser.expr();
    (e, parser.vars)
}

struct Parser<'a> {
    text: &'a str,
    rest: &'a str,
    vars: Vec<Var>,
    scope: Vec<HashMap<String, VarId>>,
    families: Vec<(VarId, Family)>,
}

impl<'a> Parser<'a> {
    fn at(&mut self) -> usize {
        self.rest = self.rest.trim_start();
        self.text.len() - self.rest.len()
    }

    fn span(&self, from: usize) -> Span {
        Span::new(FileId(0), from, self.text.len() - self.rest.len())
    }

    fn eat(&mut self, token: &str) -> bool {
        self.at();
        let Some(rest) = self.rest.strip_prefix(token) else { return false };
        let word = |c: char| c.is_alphanumeric() || c == '_';
        if token.chars().all(word) && rest.starts_with(word) {
            return false;
        }
        self.rest = rest;
        true
    }

    fn expect(&mut self, token: &str) {
        assert!(self.eat(token), "expected `{token}` before `{}`", self.rest);
    }

    fn word(&mut self) -> &'a str {
        self.at();
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        assert!(end > 0, "expected a word before `{}`", self.rest);
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn new_var(&mut self, name: &str, ty: Type, kind: VarKind) -> VarId {
        let span = Span::new(FileId(0), 0, 0);
        self.vars.push(Var { name: Symbol::new(name), ty, span, kind, coords: Vec::new() });
        VarId(self.vars.len() as u32 - 1)
    }

    fn declare(&mut self, name: &str) {
        if self.families.iter().any(|(_, family)| family.name.as_str() == name) {
            return;
        }
        let var = self.new_var(name, Type::I32, VarKind::Let);
        let span = Span::new(FileId(0), 0, 0);
        let family = Family { name: Symbol::new(name), axes: Vec::new(), elem: Type::I32, clauses: Vec::new(), span };
        self.families.push((var, family));
    }

    fn lookup(&mut self, name: &str, rank: usize) -> VarId {
        if let Some(var) = self.scope.iter().rev().find_map(|scope| scope.get(name)) {
            return *var;
        }
        if let Some(at) = self.vars.iter().position(|v| v.name.as_str() == name && v.kind != VarKind::Coord) {
            return VarId(at as u32);
        }
        self.new_var(name, Type::tensor(Type::I32, rank), VarKind::Param)
    }

    fn clause(&mut self) {
        let from = self.at();
        let name = self.word();
        self.expect("[");
        self.scope.push(HashMap::new());
        let mut slots = Vec::new();
        loop {
            self.at();
            if self.rest.starts_with(|c: char| c.is_ascii_digit()) {
                slots.push(Slot::Fixed(self.word().parse().expect("an integer")));
            } else {
                slots.push(Slot::Coord(self.binder()));
            }
            if !self.eat(",") {
                break;
            }
        }
        let wheres = self.wheres();
        self.expect("]");
        self.expect("=");
        let mut body = self.expr();
        let otherwise = self.eat("else").then(|| self.expr());
        self.expect(";");
        self.scope.pop();
        if let ExprKind::Family(_) = &body.kind {
            body.ty = Type::tensor(Type::I32, 1);
        }
        let at = self.families.iter().position(|(_, family)| family.name.as_str() == name).expect("declared");
        let span = self.span(from);
        let ends: Vec<_> = slots.iter().map(|slot| self.end(slot)).collect();
        let (var, family) = &mut self.families[at];
        // A slice clause knows only its own axes; the others come from clauses that spell them.
        for (axis, end) in ends.into_iter().enumerate() {
            let name = match &slots[axis] {
                Slot::Coord(binder) => Some(self.vars[binder.var.index()].name),
                Slot::Fixed(_) => None,
            };
            match family.axes.get_mut(axis) {
                Some(known) => {
                    let other = std::mem::replace(&mut known.extent, end.clone());
                    known.extent = match (&other.kind, &end.kind) {
                        (ExprKind::Int(a), ExprKind::Int(b)) => typed(ExprKind::Int(*a.max(b)), Type::I64, span),
                        _ => typed(ExprKind::Op(Op::Max, vec![other, end]), Type::I64, span),
                    };
                    known.name = known.name.or(name);
                }
                None => family.axes.push(Axis { name, extent: end }),
            }
        }
        self.vars[var.index()].ty = Type::tensor(Type::I32, family.axes.len());
        family.clauses.push(Clause { slots, wheres, body, otherwise, span });
    }

    fn end(&self, slot: &Slot) -> Expr {
        match slot {
            Slot::Coord(binder) => binder.hi.clone(),
            Slot::Fixed(at) => typed(ExprKind::Int(at + 1), Type::I64, self.span(0)),
        }
    }

    fn binder(&mut self) -> Binder {
        let name = self.word();
        self.expect("in");
        let (lo, hi) = self.range();
        let var = self.new_var(name, Type::I32, VarKind::Coord);
        self.scope.last_mut().expect("a scope").insert(name.to_owned(), var);
        Binder { var, lo, hi }
    }

    fn range(&mut self) -> (Expr, Expr) {
        let lo = self.sum();
        self.expect("..");
        let hi = self.sum();
        let wide = |e: Expr| match e.kind {
            ExprKind::Int(_) => Expr { ty: Type::I64, ..e },
            _ => Expr { ty: Type::I64, span: e.span, kind: ExprKind::Cast(Box::new(e)) },
        };
        (wide(lo), wide(hi))
    }

    fn wheres(&mut self) -> Vec<WhereItem> {
        let mut wheres = Vec::new();
        if !self.eat("where") {
            return wheres;
        }
        loop {
            let before = self.rest;
            self.at();
            if self.rest.starts_with(char::is_alphabetic) {
                let name = self.word();
                if !self.rest.trim_start().starts_with("==") && self.eat("=") {
                    let value = self.expr();
                    let var = self.new_var(name, value.ty.clone(), VarKind::Let);
                    self.scope.last_mut().expect("a scope").insert(name.to_owned(), var);
                    wheres.push(WhereItem::Def(var, value));
                    if self.eat(",") {
                        continue;
                    }
                    return wheres;
                }
            }
            self.rest = before;
            wheres.push(WhereItem::Guard(self.expr()));
            if !self.eat(",") {
                return wheres;
            }
        }
    }

    pub fn expr(&mut self) -> Expr {
        let from = self.at();
        let mut e = self.conjunction();
        while self.eat("||") {
            let other = self.conjunction();
            e = typed(ExprKind::Or(Box::new(e), Box::new(other)), Type::BOOL, self.span(from));
        }
        e
    }

    fn conjunction(&mut self) -> Expr {
        let from = self.at();
        let mut e = self.comparison();
        while self.eat("&&") {
            let other = self.comparison();
            e = typed(ExprKind::And(Box::new(e), Box::new(other)), Type::BOOL, self.span(from));
        }
        e
    }

    fn comparison(&mut self) -> Expr {
        let e = self.sum();
        for op in [Op::Eq, Op::Ne, Op::Le, Op::Ge, Op::Lt, Op::Gt] {
            if self.eat(op.name()) {
                let other = self.sum();
                let span = e.span.to(other.span);
                return typed(ExprKind::Op(op, vec![e, other]), Type::BOOL, span);
            }
        }
        e
    }

    fn sum(&mut self) -> Expr {
        let mut e = self.product();
        loop {
            let op = if self.eat("+") {
                Op::Add
            } else if self.eat("-") {
                Op::Sub
            } else {
                return e;
            };
            let other = self.product();
            e = op_of(op, vec![e, other]);
        }
    }

    fn product(&mut self) -> Expr {
        let mut e = self.primary();
        loop {
            let op = if self.eat("*") {
                Op::Mul
            } else if self.eat("/") {
                Op::Div
            } else if self.eat("%") {
                Op::Rem
            } else {
                return e;
            };
            let other = self.primary();
            e = op_of(op, vec![e, other]);
        }
    }

    fn list(&mut self, close: &str) -> Vec<Expr> {
        let mut items = Vec::new();
        while !self.eat(close) {
            items.push(self.expr());
            self.eat(",");
        }
        items
    }

    fn primary(&mut self) -> Expr {
        let from = self.at();
        if self.eat("-") {
            let e = self.primary();
            return op_of(Op::Neg, vec![e]);
        }
        if self.eat("!") {
            let e = self.primary();
            return typed(ExprKind::Op(Op::Not, vec![e]), Type::BOOL, self.span(from));
        }
        if self.eat("(") {
            let e = self.expr();
            self.expect(")");
            return e;
        }
        if self.eat("{") {
            return self.block(from);
        }
        let word = self.word();
        if let Ok(value) = word.parse() {
            return typed(ExprKind::Int(value), Type::I32, self.span(from));
        }
        if word == "if" {
            let cond = self.expr();
            self.expect("{");
            let yes = self.expr();
            self.expect("}");
            self.expect("else");
            let no = self.primary();
            return typed(ExprKind::If(Box::new(cond), Box::new(yes), Box::new(no)), Type::I32, self.span(from));
        }
        let reduction = ReduceOp::ALL.into_iter().find(|op| op.name() == word);
        if (reduction.is_some() || word == "cells") && self.eat("[") {
            return self.comprehensive(reduction, from);
        }
        if word == "call" && self.eat("(") {
            let items = self.list(")");
            return typed(ExprKind::Call(FuncId(0), items), Type::I32, self.span(from));
        }
        if word == "least" && self.eat("(") {
            return op_of(Op::Min, self.list(")"));
        }
        if word == "len" && self.eat("(") {
            let name = self.word();
            let tensor = self.lookup(name, 1);
            self.expect(")");
            let tensor = typed(ExprKind::Var(tensor), Type::tensor(Type::I32, 1), self.span(from));
            return typed(ExprKind::Dim(Box::new(tensor), 0), Type::I32, self.span(from));
        }
        if self.rest.starts_with('[') {
            self.expect("[");
            let index = self.list("]");
            let (tensor, rank) = (self.lookup(word, index.len()), index.len());
            let spans = index.iter().map(|i| i.span).collect();
            let tensor = typed(ExprKind::Var(tensor), Type::tensor(Type::I32, rank), self.span(from));
            let load = Load { id: from as u32, tensor, index, proven: vec![false; rank], spans };
            return typed(ExprKind::Load(Box::new(load)), Type::I32, self.span(from));
        }
        let var = self.lookup(word, 0);
        typed(ExprKind::Var(var), self.vars[var.index()].ty.clone(), self.span(from))
    }

    /// A reduction or a nested family.
    fn comprehensive(&mut self, reduction: Option<ReduceOp>, from: usize) -> Expr {
        self.scope.push(HashMap::new());
        let mut binders = Vec::new();
        while !self.rest.starts_with(']') && !self.rest.trim_start().starts_with("where ") {
            binders.push(self.binder());
            self.eat(",");
        }
        let wheres = self.wheres();
        self.expect("]");
        self.expect("(");
        let body = self.expr();
        self.expect(")");
        self.made(reduction, binders, wheres, body, from)
    }

    fn made(
        &mut self,
        op: Option<ReduceOp>,
        binders: Vec<Binder>,
        wheres: Vec<WhereItem>,
        body: Expr,
        from: usize,
    ) -> Expr {
        self.scope.pop();
        let span = self.span(from);
        let Some(op) = op else {
            let axes = binders.iter().map(|b| Axis { name: None, extent: b.hi.clone() }).collect::<Vec<_>>();
            let ty = Type::tensor(Type::I32, axes.len());
            let slots = binders.into_iter().map(Slot::Coord).collect();
            let clauses = vec![Clause { slots, wheres, body, otherwise: None, span }];
            let family = Family { name: Symbol::new("cells"), axes, elem: Type::I32, clauses, span };
            return typed(ExprKind::Family(Box::new(family)), ty, span);
        };
        typed(ExprKind::Reduce(Box::new(Reduce { op, binders, wheres, body })), Type::I32, span)
    }

    fn block(&mut self, from: usize) -> Expr {
        self.scope.push(HashMap::new());
        let mut stmts = Vec::new();
        loop {
            let before = self.rest;
            self.at();
            if self.rest.starts_with(char::is_alphabetic) {
                let name = self.word();
                if !self.rest.trim_start().starts_with("==") && self.eat("=") {
                    let value = self.expr();
                    self.expect(";");
                    let var = self.new_var(name, value.ty.clone(), VarKind::Let);
                    self.scope.last_mut().expect("a scope").insert(name.to_owned(), var);
                    stmts.push(Stmt::Let(var, value));
                    continue;
                }
            }
            self.rest = before;
            let value = self.expr();
            self.expect("}");
            self.scope.pop();
            let ty = value.ty.clone();
            if stmts.is_empty() {
                return value;
            }
            return typed(ExprKind::Block(stmts, Box::new(value)), ty, self.span(from));
        }
    }
}

fn typed(kind: ExprKind, ty: Type, span: Span) -> Expr {
    Expr { kind, ty, span }
}

fn op_of(op: Op, operands: Vec<Expr>) -> Expr {
    let span = operands[0].span.to(operands[operands.len() - 1].span);
    typed(ExprKind::Op(op, operands), Type::I32, span)
}

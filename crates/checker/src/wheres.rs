//! `where`: each item goes to the innermost construct that binds what it mentions.

use crate::env::{Entry, Level};
use crate::sink::Outer;
use crate::ty::{Ty, Val};
use crate::unify::Why;
use crate::{Checker, errors, walk, wrap};
use diagnostics::{Span, Symbol};
use ir::{ExprKind, Stmt, VarKind, WhereItem};
use std::cell::Cell;
use std::collections::HashSet;
use std::rc::Rc;
use syntax::ast;

/// An item on its way to the construct that binds the names it still needs.
#[derive(Clone)]
pub(crate) struct Trailing {
    pub item: Rc<ast::WhereItem>,
    needs: Vec<Symbol>,
    /// Some construct has taken it.
    taken: Rc<Cell<bool>>,
}

impl Trailing {
    /// Whether it is the definition of a name.
    pub(crate) fn defines(&self, name: Symbol) -> bool {
        matches!(&*self.item, ast::WhereItem::Def(own, _) if own.name == name)
    }

    pub(crate) fn take(&self) {
        self.taken.set(true);
    }
}

impl Checker<'_> {
    /// Sorts the items of a `where`: those that the current scope can have are checked here, the others wait.
    /// `inside` are the expressions whose constructs may take them.
    pub(crate) fn own_items(
        &mut self,
        wheres: Option<&ast::Where>,
        inside: &[&ast::Expr],
        taken: Vec<Trailing>,
    ) -> (Vec<WhereItem>, Vec<Trailing>) {
        let mut items: Vec<WhereItem> = Vec::new();
        // Constructs inside the taken items do not take them once more.
        let others = |t: &&Trailing| !taken.iter().any(|taken| Rc::ptr_eq(&taken.taken, &t.taken));
        let others: Vec<Trailing> = self.cx.trailing.iter().filter(others).cloned().collect();
        let outer = std::mem::replace(&mut self.cx.trailing, others);
        for trailing in &taken {
            trailing.take();
            self.where_item(&trailing.item, &mut items);
        }
        self.cx.trailing = outer;
        let Some(wheres) = wheres else { return (items, Vec::new()) };
        let mut bound_inside: HashSet<Symbol> = HashSet::new();
        for e in inside {
            bound_by_constructs(e, &mut bound_inside);
        }
        for item in &wheres.items {
            let (ast::WhereItem::Def(_, e) | ast::WhereItem::Guard(e)) = item;
            bound_by_constructs(e, &mut bound_inside);
        }
        let mut waiting: Vec<Trailing> = Vec::new();
        for item in &wheres.items {
            let needs = self.needs_of(item, &bound_inside, &waiting);
            if needs.is_empty() {
                self.where_item(item, &mut items);
            } else {
                waiting.push(Trailing { item: Rc::new(item.clone()), needs, taken: Rc::new(Cell::new(false)) });
            }
        }
        (items, waiting)
    }

    /// Names of inner constructs that an item mentions, also through definitions that wait for them.
    fn needs_of(&self, item: &ast::WhereItem, bound_inside: &HashSet<Symbol>, waiting: &[Trailing]) -> Vec<Symbol> {
        let (ast::WhereItem::Def(_, e) | ast::WhereItem::Guard(e)) = item;
        let mut free = Vec::new();
        walk::free_coords(e, &mut free);
        let mut needs: Vec<Symbol> = Vec::new();
        for name in free {
            if let Some(def) =
                waiting.iter().rev().find(|t| matches!(&*t.item, ast::WhereItem::Def(n, _) if n.name == name))
            {
                needs.extend(&def.needs);
            } else if bound_inside.contains(&name) && self.coord_in_scope(name).is_none() {
                needs.push(name);
            }
        }
        needs.sort_unstable();
        needs.dedup();
        needs
    }

    /// The items that a construct binding `names` takes, and those that go on further in.
    pub(crate) fn take_trailing(&mut self, names: &[Symbol]) -> (Vec<Trailing>, Vec<Trailing>) {
        let (mut taken, mut further) = (Vec::new(), Vec::new());
        for trailing in &self.cx.trailing {
            let needs: Vec<Symbol> = trailing.needs.iter().copied().filter(|n| !names.contains(n)).collect();
            let next = Trailing { needs, ..trailing.clone() };
            if next.needs.is_empty() { taken.push(next) } else { further.push(next) }
        }
        (taken, further)
    }

    /// Items that no construct took mention names that nothing binds.
    pub(crate) fn check_taken(&mut self, waiting: &[Trailing]) {
        for trailing in waiting {
            if !trailing.taken.get() {
                let mut unused = Vec::new();
                self.where_item(&trailing.item, &mut unused);
            }
        }
    }

    /// One item in the scope of its construct.
    fn where_item(&mut self, item: &ast::WhereItem, items: &mut Vec<WhereItem>) {
        let outer = self.open_sink();
        match item {
            ast::WhereItem::Def(name, e) => {
                let val = self.expr(e, None);
                let val = self.whole(val);
                self.keep(outer, items);
                if val.ty.is_error() {
                    self.bind_var(name.name, ir::VarId(0), Ty::Error);
                    return;
                }
                let var = self.new_var(name.name, &val.ty, name.span, VarKind::Let);
                self.define(var, &val);
                self.cx.env.bind(name.name, Entry::Var { var, ty: val.ty });
                items.push(WhereItem::Def(var, val.expr));
            }
            ast::WhereItem::Guard(e) => {
                if let ast::ExprKind::Binary { op: ast::BinaryOp::In, left, right, .. } = &e.kind
                    && let ast::ExprKind::Path(path) = &left.kind
                    && path.segments.len() == 1
                    && matches!(right.kind, ast::ExprKind::Range { .. })
                    && self.is_coord_or_unknown(path.segments[0].name)
                {
                    self.keep(outer, items);
                    let name = path.segments[0].name;
                    self.unbound.insert(name);
                    self.report(errors::range_in_where(e.span, name));
                    self.unranged(name);
                    return;
                }
                let val = self.expr(e, None);
                let val = self.whole(val);
                let val = self.annotated(val, &Ty::BOOL, None, Why::Condition);
                self.cx.guards.push(e.clone());
                self.keep(outer, items);
                if !val.ty.is_error() {
                    self.facts.assume(&val.expr, true);
                    // What follows is evaluated only where the guard is open.
                    self.cx.conditional += 1;
                    items.push(WhereItem::Guard(val.expr));
                }
            }
        }
    }

    /// A name that nothing binds is meant as a coordinate where it is given a range.
    fn is_coord_or_unknown(&self, name: Symbol) -> bool {
        let is_bound = self.cx.env.lookup(name).is_some() || self.lookup_item(name).is_some();
        self.coord_in_scope(name).is_some() || !is_bound
    }

    /// Statements that an item needs become definitions in front of it.
    fn keep(&mut self, outer: Outer, items: &mut Vec<WhereItem>) {
        let needed = self.close_sink(outer);
        for statement in needed {
            match statement {
                Stmt::Let(var, e) => items.push(WhereItem::Def(var, e)),
                Stmt::Do(e) => {
                    let unit = self.new_temp(&Ty::Unit, e.span);
                    items.push(WhereItem::Def(unit, e));
                }
                // A recurrence inside: its families are the block's.
                rec @ Stmt::Rec(_) => self.cx.sink.push(rec),
            }
        }
    }

    /// A coordinate whose range is an error already asks for no other.
    fn unranged(&mut self, name: Symbol) {
        if let Some(var) = self.coord_in_scope(name) {
            self.cx.pending.retain(|p| p.var != var);
            self.poison(var);
        }
    }

    /// `let y = value where …;` without coordinates on the left.
    pub(crate) fn gated_value(&mut self, value: &ast::Expr, wheres: &ast::Where, want: Option<&Ty>) -> Val {
        let span = value.span;
        let facts = self.facts.mark();
        let conditional = self.cx.conditional;
        let val = self.scoped(Level::Inner, |this| {
            let guards = this.cx.guards.len();
            let (items, waiting) = this.own_items(Some(wheres), &[value], Vec::new());
            let outer = std::mem::replace(&mut this.cx.trailing, waiting.clone());
            let body = this.with_sink(|this| this.expr(value, want));
            this.cx.guards.truncate(guards);
            this.cx.trailing = outer;
            this.check_taken(&waiting);
            let otherwise = wheres.otherwise.as_ref().map(|e| this.with_sink(|this| this.expr(e, want)));
            this.gate(items, body, otherwise, wheres.span, span)
        });
        self.facts.reset(facts);
        self.cx.conditional = conditional;
        val
    }

    /// A value behind items: definitions bind, guards choose between it and `else` or zero.
    pub(crate) fn gate(
        &mut self,
        items: Vec<WhereItem>,
        body: Val,
        otherwise: Option<Val>,
        wheres: Span,
        span: Span,
    ) -> Val {
        if body.ty.is_error() {
            return Val::error(span);
        }
        let guarded = items.iter().any(|i| matches!(i, WhereItem::Guard(_)));
        if !guarded && otherwise.is_some() {
            self.report(errors::misplaced_else(wheres));
        }
        let otherwise = match otherwise {
            Some(val) if guarded => self.join(&body, val),
            _ if guarded => self.zero_like(&body, span),
            _ => Val::unit(span),
        };
        let ty = body.ty.clone();
        let mut val = body;
        for item in items.into_iter().rev() {
            val = match item {
                WhereItem::Def(var, e) => wrap(vec![Stmt::Let(var, e)], val),
                WhereItem::Guard(test) => {
                    let closed = ir::visit::refresh(&otherwise.expr, &mut self.program);
                    Val::new(ExprKind::If(Box::new(test), val.boxed(), Box::new(closed)), ty.clone(), span)
                }
            };
        }
        val
    }

    /// What a closed gate leaves: zero, false or the empty string, in the shape of a value.
    pub(crate) fn zero_like(&mut self, like: &Val, span: Span) -> Val {
        let zero = match like.ty.elem() {
            Ty::Scalar(_) | Ty::Address(_) => {
                let scalar = like.ty.elem().scalar().expect("a scalar");
                let kind = if self.opens.resolve(scalar) == ir::Scalar::Bool {
                    ExprKind::Bool(false)
                } else {
                    ExprKind::Int(0)
                };
                Val::new(kind, Ty::Scalar(scalar), span)
            }
            Ty::Str => Val::new(ExprKind::Str("".into()), Ty::Str, span),
            _ => return Val::unit(span),
        };
        let axes = like.ty.axes().to_vec();
        if axes.is_empty() {
            return zero;
        }
        let binders = axes.iter().map(|axis| self.axis_binder(axis, span)).collect();
        self.family_of(binders, axes, zero, span)
    }
}

/// Names of coordinates that constructs inside an expression bind.
fn bound_by_constructs(e: &ast::Expr, names: &mut HashSet<Symbol>) {
    walk::each_expr(e, &mut |e| {
        if let ast::ExprKind::CoordCall { coords, .. } = &e.kind {
            for coord in coords {
                match coord {
                    ast::CoordArg::Coord { name, .. } => {
                        names.insert(name.name);
                    }
                    ast::CoordArg::Pack(name) => {
                        names.insert(walk::pack_symbol(name.name));
                    }
                    ast::CoordArg::Group(group, _) => names.extend(group.iter().map(|n| n.name)),
                    ast::CoordArg::Expr(_) => {}
                }
            }
        }
    });
}

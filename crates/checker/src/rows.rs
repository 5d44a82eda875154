//! Rows of different length: where one item of a literal is a list, tensors beside it are lists of their rows.

use crate::ty::{Ty, Val};
use crate::{Checker, errors};
use diagnostics::Span;
use ir::{CompClause, Comprehension, ExprKind, VarKind};
use std::rc::Rc;

impl Checker<'_> {
    /// Items that are tensors and lists of the same depth, all as lists.
    pub(crate) fn level(&mut self, vals: Vec<Val>) -> Vec<Val> {
        let lists = vals.iter().any(|v| matches!(v.ty, Ty::List(_)));
        let common = vals.iter().map(|v| Some(v.ty.clone())).reduce(|a, b| common(&a?, &b?)).flatten();
        // Their numbers have one type, down to the last rows.
        if lists && common.is_some() {
            let numbers = leaf(&vals[0].ty);
            for val in &vals[1..] {
                if !self.same(&numbers, &leaf(&val.ty)) {
                    let (first, other) = (self.show(&vals[0].ty), self.show(&val.ty));
                    let message = format!("items of one list have one type: `{first}` and `{other}` differ");
                    self.report(errors::mismatch(val.span(), message, None, None));
                    return vec![Val::error(val.span())];
                }
            }
        }
        match common {
            Some(common) if lists => vals.into_iter().map(|val| self.as_list(val, &common)).collect(),
            _ => vals,
        }
    }

    /// A tensor, or a list of tensors, as the list that is as deep as another.
    fn as_list(&mut self, val: Val, want: &Ty) -> Val {
        let Ty::List(item) = want else { return val };
        let span = val.span();
        let val = if matches!(val.ty, Ty::Tensor(_)) { self.split(val) } else { val };
        let Ty::List(own) = val.ty.clone() else { return val };
        if !matches!((&**item, &*own), (Ty::List(_), Ty::Tensor(_) | Ty::List(_))) || depth(item) == depth(&own) {
            return val;
        }
        if let ExprKind::List(items) = val.expr.kind {
            let items: Vec<Val> = items
                .into_iter()
                .map(|expr| {
                    let row = Val { expr, ty: (*own).clone() };
                    self.as_list(row, item)
                })
                .collect();
            return list_of(items, (**item).clone(), span);
        }
        let var = self.new_var(diagnostics::Symbol::new(""), &own, span, VarKind::Let);
        let row = Val::var(var, crate::owned(var, &own), span);
        let body = self.with_sink(|this| this.as_list(row, item));
        let ty = Ty::List(Rc::new(body.ty.clone()));
        let clauses = vec![CompClause::For(var, val.expr)];
        let rows = Comprehension { clauses, body: body.expr, row: Vec::new() };
        Val::new(ExprKind::Comprehension(Box::new(rows)), ty, span)
    }

    /// The rows of a tensor: those of a literal are literals.
    fn split(&mut self, val: Val) -> Val {
        let span = val.span();
        let axes = val.ty.axes().to_vec();
        match val.expr.kind {
            ExprKind::Literal(shape, cells) if shape.len() > 1 => {
                let row: Rc<[usize]> = shape[1..].into();
                let size: usize = row.iter().product();
                let ty = val.ty.with_axes(axes[1..].to_vec());
                let mut cells = cells.into_iter();
                let rows = (0..shape[0])
                    .map(|_| {
                        Val::new(ExprKind::Literal(row.clone(), cells.by_ref().take(size).collect()), ty.clone(), span)
                    })
                    .collect();
                list_of(rows, ty, span)
            }
            _ => self.rows_of(val),
        }
    }
}

fn list_of(items: Vec<Val>, item: Ty, span: Span) -> Val {
    Val::new(ExprKind::List(items.into_iter().map(|v| v.expr).collect()), Ty::List(Rc::new(item)), span)
}

/// How many brackets lead to a list's last rows; tensors count as one.
fn depth(ty: &Ty) -> usize {
    match ty {
        Ty::List(item) => 1 + depth(item),
        _ => 0,
    }
}

/// What both can be taken for, if there is such a list.
fn common(a: &Ty, b: &Ty) -> Option<Ty> {
    match (a, b) {
        (Ty::List(x), Ty::List(y)) => Some(Ty::List(Rc::new(common(x, y)?))),
        (Ty::List(item), Ty::Tensor(t)) | (Ty::Tensor(t), Ty::List(item)) if t.axes.len() > 1 => {
            let row = Ty::tensor((*t.elem).clone(), t.axes[1..].to_vec());
            Some(Ty::List(Rc::new(common(item, &row)?)))
        }
        (Ty::Tensor(x), Ty::Tensor(y)) if x.axes.len() == y.axes.len() => Some(a.clone()),
        _ => None,
    }
}

/// What the last rows are made of.
fn leaf(ty: &Ty) -> Ty {
    match ty {
        Ty::List(item) => leaf(item),
        other => other.elem().clone(),
    }
}

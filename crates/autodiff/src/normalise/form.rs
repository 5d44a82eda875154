//! The normal form.

use ir::*;
use std::collections::HashSet;

/// Whether a statement has the form that differentiation works on, or what is in the way.
///
/// A **cell** is made of literals, scalar variables, operations, casts, lazy conditions, reads of tensor variables at
/// cells, extents of variables, definitions around a cell, calls on cells and tensor variables, and whatever is cut
/// off by `stop_gradient`. A reduction stands only as the whole of a cell (below definitions), or as a sum among what is
/// added up there, and holds no other one.
///
/// A statement binds a cell, a family or a recurrence whose clauses fill all slots with cells, a call, a literal of
/// atoms, or hands a variable on. A cell or a row may also be a call as a whole, on rows of tensor variables as well. Tuples of atoms only rebuild what was taken apart.
pub fn is_normal(stmt: &Stmt) -> Result<(), String> {
    match stmt {
        Stmt::Do(_) => Err("a statement that binds nothing".to_owned()),
        Stmt::Rec(recurrence) => recurrence.families.iter().try_for_each(|(_, each)| family(each)),
        Stmt::Let(_, value) => match &value.kind {
            ExprKind::Family(each) => family(each),
            ExprKind::Literal(_, items) => atoms(items),
            ExprKind::Tuple(_) | ExprKind::Variant(..) => rebuilt(value),
            ExprKind::If(..) if value.ty.scalar().is_none() => rebuilt(value),
            ExprKind::CheckShape(of, _) => atom(of),
            ExprKind::Call(_, items) if value.ty.scalar().is_none() => items.iter().try_for_each(rebuilt),
            ExprKind::StopGradient(_) => Ok(()),
            ExprKind::Var(_) => Ok(()),
            _ => root(value),
        },
    }
}

fn wrong(what: &str, e: &Expr) -> Result<(), String> {
    Err(format!("{what}: {:?}", std::mem::discriminant(&e.kind)))
}

fn atom(e: &Expr) -> Result<(), String> {
    match e.kind {
        ExprKind::Var(_) | ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Bool(_) | ExprKind::Str(_) => Ok(()),
        _ => wrong("not an atom", e),
    }
}

/// A structure that is put together again from its parts.
fn rebuilt(e: &Expr) -> Result<(), String> {
    match &e.kind {
        ExprKind::Unit => Ok(()),
        ExprKind::Tuple(items) | ExprKind::Variant(_, items) => items.iter().try_for_each(rebuilt),
        ExprKind::If(cond, yes, no) => {
            cell(cond)?;
            rebuilt(yes)?;
            rebuilt(no)
        }
        _ => atom(e),
    }
}

fn atoms(items: &[Expr]) -> Result<(), String> {
    items.iter().try_for_each(atom)
}

fn family(family: &Family) -> Result<(), String> {
    for clause in &family.clauses {
        if clause.slots.len() != family.axes.len() && call_for_each(&clause.body).is_none() {
            return Err(format!("a slice clause of `{}`", family.name));
        }
        for slot in &clause.slots {
            if let Slot::Coord(binder) = slot {
                cell(&binder.lo)?;
                cell(&binder.hi)?;
            }
        }
        wheres(&clause.wheres)?;
        root(&clause.body)?;
        clause.otherwise.iter().try_for_each(cell)?;
    }
    Ok(())
}

fn wheres(items: &[WhereItem]) -> Result<(), String> {
    items.iter().try_for_each(|item| {
        let (WhereItem::Def(_, e) | WhereItem::Guard(e)) = item;
        cell(e)
    })
}

/// A cell that may be a reduction.
fn root(e: &Expr) -> Result<(), String> {
    match &e.kind {
        ExprKind::Reduce(reduce) => {
            for binder in &reduce.binders {
                cell(&binder.lo)?;
                cell(&binder.hi)?;
            }
            wheres(&reduce.wheres)?;
            cell(&reduce.body)
        }
        ExprKind::Block(stmts, value) => {
            definitions(stmts)?;
            root(value)
        }
        ExprKind::Op(ir::Op::Add | ir::Op::Sub | ir::Op::Neg, items) => items.iter().try_for_each(addend),
        _ => match call_for_each(e) {
            Some(items) => items.iter().try_for_each(operand),
            None => cell(e),
        },
    }
}

/// The operands of a call that is made for each cell or row, or whose field is.
fn call_for_each(e: &Expr) -> Option<&[Expr]> {
    match &e.kind {
        ExprKind::Call(_, items) => Some(items),
        ExprKind::Field(of, _) => match &of.kind {
            ExprKind::Call(_, items) => Some(items),
            _ => None,
        },
        _ => None,
    }
}

/// A cell, a tensor variable or a row of one, or a structure that is put together again.
fn operand(e: &Expr) -> Result<(), String> {
    match &e.kind {
        _ if e.ty.scalar().is_some() => cell(e),
        ExprKind::Family(row) => match &row.clauses[..] {
            [clause] if clause.wheres.is_empty() && clause.otherwise.is_none() => match &clause.body.kind {
                ExprKind::Load(_) => cell(&clause.body),
                _ => wrong("not a row", e),
            },
            _ => wrong("not a row", e),
        },
        _ => rebuilt(e),
    }
}

/// The derivative of a sum never reads its value: it may stand among others.
fn addend(e: &Expr) -> Result<(), String> {
    match &e.kind {
        ExprKind::Reduce(reduce) if matches!(reduce.op, ReduceOp::Sum | ReduceOp::Mean) => root(e),
        ExprKind::Op(ir::Op::Add | ir::Op::Sub | ir::Op::Neg, items) => items.iter().try_for_each(addend),
        _ => cell(e),
    }
}

fn definitions(stmts: &[Stmt]) -> Result<(), String> {
    stmts.iter().try_for_each(|stmt| match stmt {
        Stmt::Let(_, value) if value.ty.scalar().is_some() => cell(value),
        _ => Err("a statement inside a cell".to_owned()),
    })
}

fn cell(e: &Expr) -> Result<(), String> {
    use ExprKind::*;
    if e.ty.scalar().is_none() && e.ty != Type::Str {
        return wrong("no scalar", e);
    }
    match &e.kind {
        Bool(_) | Int(_) | Float(_) | Str(_) | Var(_) | StopGradient(_) => Ok(()),
        Op(_, items) => items.iter().try_for_each(cell),
        Cast(value) => cell(value),
        And(a, b) | Or(a, b) => {
            cell(a)?;
            cell(b)
        }
        If(cond, yes, no) => {
            cell(cond)?;
            cell(yes)?;
            cell(no)
        }
        Load(load) => {
            atom(&load.tensor)?;
            load.index.iter().try_for_each(cell)
        }
        Dim(of, _) => atom(of),
        Block(stmts, value) => {
            definitions(stmts)?;
            cell(value)
        }
        Call(_, items) => items.iter().try_for_each(|item| match item.ty {
            Type::Scalar(_) | Type::Str => cell(item),
            _ => rebuilt(item),
        }),
        Reduce(_) => wrong("a reduction inside a cell", e),
        _ => wrong("not a cell", e),
    }
}

/// Functions that reach themselves, and functions with a rule.
pub(super) fn opaque_calls(program: &Program) -> HashSet<FuncId> {
    let callees: Vec<Vec<FuncId>> = program
        .funcs
        .iter()
        .map(|func| {
            let mut callees = Vec::new();
            func.body.walk(&mut |e| {
                if let ExprKind::Call(callee, _) = e.kind {
                    callees.push(callee);
                }
            });
            callees
        })
        .collect();
    let mut opaque: HashSet<FuncId> =
        (0..program.funcs.len()).filter(|k| program.funcs[*k].rule.is_some()).map(|k| FuncId(k as u32)).collect();
    let mut search =
        Components { callees: &callees, found: vec![None; callees.len()], low: Vec::new(), stack: Vec::new() };
    search.low.resize(callees.len(), 0);
    let mut next = 0;
    for k in 0..callees.len() {
        search.visit(k, &mut next, &mut opaque);
    }
    opaque
}

/// Tarjan's strongly connected components, of which only the cyclic ones matter.
struct Components<'a> {
    callees: &'a [Vec<FuncId>],
    found: Vec<Option<usize>>,
    low: Vec<usize>,
    stack: Vec<usize>,
}

impl Components<'_> {
    fn visit(&mut self, k: usize, next: &mut usize, cyclic: &mut HashSet<FuncId>) {
        if self.found[k].is_some() {
            return;
        }
        let number = *next;
        *next += 1;
        self.found[k] = Some(number);
        self.low[k] = number;
        self.stack.push(k);
        for callee in &self.callees[k] {
            let callee = callee.index();
            self.visit(callee, next, cyclic);
            if self.stack.contains(&callee) {
                self.low[k] = self.low[k].min(self.low[callee]);
            }
        }
        if self.low[k] != number {
            return;
        }
        let start = self.stack.iter().rposition(|other| *other == k).unwrap_or(0);
        let component = self.stack.split_off(start);
        if component.len() > 1 || self.callees[k].iter().any(|callee| callee.index() == k) {
            cyclic.extend(component.into_iter().map(|k| FuncId(k as u32)));
        }
    }
}

/// Whether a function is called that the test picks.
pub(super) fn calls_any(stmt: &Stmt, test: impl Fn(FuncId) -> bool) -> bool {
    let mut found = false;
    stmt.for_each_child(|child| {
        child.walk(&mut |e| {
            if let ExprKind::Call(callee, _) = e.kind {
                found = found || test(callee);
            }
        });
    });
    found
}

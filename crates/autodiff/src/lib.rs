//! Derivatives of families of cells, by coordinate set subtraction: a pass from program to program that removes every
//! quotient.
//!
//! The statements between a denominator and its numerator are brought into families of cells (`normalise`). Each
//! read in a cell gives a term, the cotangent times the local derivative (`terms`); solving its index for the
//! coordinates of the operand leaves the sum over `coords(output) \ coords(operand)` (`solve`); `reverse` walks the
//! families backwards and a recurrence the other way. Functions that cannot be inlined, and `@fn` rules, have
//! pullbacks that are made by the same walk.

mod again;
mod build;
mod depend;
mod differences;
mod errors;
mod items;
mod linear;
mod mode;
mod normalise;
mod pass;
mod plain;
mod pullback;
mod record;
mod reverse;
mod shown;
mod solve;
mod tensors;
mod terms;
mod trap;
mod widen;

pub use differences::{Compared, FORWARD, MARK};
pub use record::{Derivation, Index, Mode, Read, Step};
pub use trap::trap;

pub(crate) use tensors::{dims, family_expr, fresh_binders, zeros_like};

use crate::build::*;
use crate::depend::{bound_by, reads_of, touched};
use crate::errors::Blocked;
use crate::reverse::new_var;
use crate::terms::is_float;
use diagnostics::{Diagnostic, Span};
use ir::{
    Axis, Builtin, Expr, ExprKind, Family, FuncId, Program, Quotient, Reduce, ReduceOp, Slot, Stmt, Type, VarId,
    VarKind,
};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// Replaces every quotient of the program, and tells how. Functions must be closed.
pub fn derive(program: &mut Program) -> (Vec<Diagnostic>, Vec<Derivation>) {
    let mut pass = Differentiator { diagnostics: linear::check_rules(program), ..Differentiator::default() };
    plain::untie(program);
    for k in 0..program.funcs.len() {
        pass.function(program, FuncId(k as u32));
    }
    pass.show(program);
    (pass.diagnostics, pass.derivations)
}

/// Replaces every quotient of the program, and makes it print how far each is from differences, all in `f64`.
pub fn compare(program: &mut Program) -> (Vec<Diagnostic>, Vec<Compared>) {
    widen::widen(program);
    let mut pass = Differentiator {
        diagnostics: linear::check_rules(program),
        comparisons: Some(Vec::new()),
        ..Differentiator::default()
    };
    plain::untie(program);
    for k in 0..program.funcs.len() {
        pass.function(program, FuncId(k as u32));
    }
    pass.show(program);
    (pass.diagnostics, pass.comparisons.unwrap_or_default())
}

/// Replaces every quotient of the program. Functions must be closed.
pub fn differentiate(program: &mut Program) -> Vec<Diagnostic> {
    derive(program).0
}

#[derive(Default)]
pub(crate) struct Differentiator {
    diagnostics: Vec<Diagnostic>,
    done: HashSet<FuncId>,
    pullbacks: HashMap<FuncId, FuncId>,
    /// Extents that say more than the variable itself: constants, and extents of other variables.
    pub(crate) extents: HashMap<(VarId, usize), Expr>,
    /// Stand for the seed's coordinates in terms, until the adjoint that reads them has its own.
    seeds: Vec<VarId>,
    /// Variables that stand for fields of tuple variables.
    fields: HashMap<(VarId, usize), VarId>,
    levels: Vec<Level>,
    quotients: HashMap<(VarId, VarId), VarId>,
    /// Numerators of the function with all of their denominators.
    wanted: Vec<(VarId, VarId)>,
    derivations: Vec<Derivation>,
    /// Formulas that are printed, by the variables that stand for them.
    shown: Vec<(VarId, shown::Shown)>,
    /// The quotients that are compared with differences, where that is asked for.
    comparisons: Option<Vec<Compared>>,
    /// What belongs to a `checkpoint`: the way back computes it again.
    checkpointed: HashSet<VarId>,
    /// How many variables without a name got one.
    named: u32,
}

/// What belongs to the function that another one interrupts.
struct Outside {
    levels: Vec<Level>,
    quotients: HashMap<(VarId, VarId), VarId>,
    wanted: Vec<(VarId, VarId)>,
}

/// A scope around the place that is being rewritten: what it binds, and its statements so far.
#[derive(Default)]
struct Level {
    bound: HashSet<VarId>,
    statements: Vec<Stmt>,
}

impl Differentiator {
    fn function(&mut self, program: &mut Program, func: FuncId) {
        if !self.done.insert(func) || !has_quotient(&program.funcs[func.index()].body) {
            return;
        }
        // What it calls and inlines comes first.
        let mut callees = Vec::new();
        program.funcs[func.index()].body.walk(&mut |e| {
            if let ExprKind::Call(callee, _) = e.kind {
                callees.push(callee);
            }
        });
        for callee in callees {
            self.function(program, callee);
        }
        let unit = expr(ExprKind::Unit, Type::Unit, Span::default());
        let body = std::mem::replace(&mut program.funcs[func.index()].body, unit);
        let params = program.funcs[func.index()].params.iter().copied().collect();
        let saved = self.enter(params);
        let mut wanted = Vec::new();
        body.walk(&mut |e| {
            if let ExprKind::Quotient(q) = &e.kind
                && let ExprKind::Var(y) = q.y.kind
            {
                wanted.push((y, q.x));
            }
        });
        self.wanted = wanted;
        let body = self.scope(program, body);
        // What reads nothing that is bound inside, such as a constant.
        let outermost = self.levels.pop().expect("entered above");
        self.leave(saved);
        program.funcs[func.index()].body = behind_statements(outermost.statements, body);
    }

    fn enter(&mut self, bound: HashSet<VarId>) -> Outside {
        let levels = std::mem::replace(&mut self.levels, vec![Level { bound, statements: Vec::new() }]);
        Outside { levels, quotients: std::mem::take(&mut self.quotients), wanted: std::mem::take(&mut self.wanted) }
    }

    fn leave(&mut self, outside: Outside) {
        (self.levels, self.quotients, self.wanted) = (outside.levels, outside.quotients, outside.wanted);
    }

    /// An expression as a scope of its own: quotients inside put their statements in front of its value, or further
    /// out where nothing of it is needed.
    fn scope(&mut self, program: &mut Program, e: Expr) -> Expr {
        let (ty, span) = (e.ty.clone(), e.span);
        self.levels.push(Level::default());
        let (statements, value) = match e.kind {
            ExprKind::Block(statements, value) => (statements, *value),
            kind => (Vec::new(), Expr { kind, ..e }),
        };
        for mut statement in statements {
            if statement_has_quotient(&statement) {
                self.statement(program, &mut statement);
            }
            let level = self.levels.last_mut().expect("pushed above");
            match &statement {
                Stmt::Let(v, _) => {
                    level.bound.insert(*v);
                }
                Stmt::Rec(rec) => level.bound.extend(rec.families.iter().map(|(v, _)| *v)),
                Stmt::Do(_) => {}
            }
            level.statements.push(statement);
        }
        let mut value = value;
        self.resolve(program, &mut value);
        let level = self.levels.pop().expect("pushed above");
        if level.statements.is_empty() {
            return value;
        }
        expr(ExprKind::Block(level.statements, Box::new(value)), ty, span)
    }

    fn statement(&mut self, program: &mut Program, statement: &mut Stmt) {
        match statement {
            Stmt::Let(_, e) | Stmt::Do(e) => self.resolve(program, e),
            Stmt::Rec(rec) => {
                let rec = Rc::make_mut(rec);
                let members: Vec<VarId> = rec.families.iter().map(|(v, _)| *v).collect();
                for (_, family) in &mut rec.families {
                    self.family(program, family, &members);
                }
            }
        }
    }

    /// Cells are scopes: what their coordinates and definitions bind stays inside.
    fn family(&mut self, program: &mut Program, family: &mut Family, members: &[VarId]) {
        for clause in &mut family.clauses {
            let mut bound: HashSet<VarId> = members.iter().copied().collect();
            bound.extend(clause.slots.iter().filter_map(|s| match s {
                Slot::Coord(binder) => Some(binder.var),
                Slot::Fixed(_) => None,
            }));
            for item in &clause.wheres {
                if let ir::WhereItem::Def(v, _) = item {
                    bound.insert(*v);
                }
            }
            items::bring_definitions(program, &mut clause.wheres, &mut clause.body, clause.otherwise.as_ref());
            self.levels.push(Level { bound: bound.clone(), statements: Vec::new() });
            for e in std::iter::once(&mut clause.body).chain(clause.otherwise.as_mut()) {
                if has_quotient(e) {
                    let taken = std::mem::replace(e, expr(ExprKind::Unit, Type::Unit, e.span));
                    *e = self.scope(program, taken);
                }
            }
            let level = self.levels.pop().expect("pushed above");
            if !level.statements.is_empty() {
                let value = std::mem::replace(&mut clause.body, expr(ExprKind::Unit, Type::Unit, clause.span));
                let (ty, span) = (value.ty.clone(), value.span);
                clause.body = expr(ExprKind::Block(level.statements, Box::new(value)), ty, span);
            }
            self.items(program, &bound, &mut clause.wheres);
        }
    }

    /// Replaces the quotients of an expression.
    fn resolve(&mut self, program: &mut Program, e: &mut Expr) {
        if !has_quotient(e) {
            return;
        }
        let span = e.span;
        match &mut e.kind {
            ExprKind::Block(..) => {
                let taken = std::mem::replace(e, expr(ExprKind::Unit, Type::Unit, span));
                *e = self.scope(program, taken);
            }
            ExprKind::Family(family) => self.family(program, family, &[]),
            ExprKind::Reduce(reduce) => {
                let mut bound: HashSet<VarId> = reduce.binders.iter().map(|b| b.var).collect();
                bound.extend(reduce.wheres.iter().filter_map(|w| match w {
                    ir::WhereItem::Def(v, _) => Some(*v),
                    ir::WhereItem::Guard(_) => None,
                }));
                items::bring_definitions(program, &mut reduce.wheres, &mut reduce.body, None);
                self.items(program, &bound, &mut reduce.wheres);
                self.levels.push(Level { bound, statements: Vec::new() });
                let taken = std::mem::replace(&mut reduce.body, expr(ExprKind::Unit, Type::Unit, span));
                let body = self.scope(program, taken);
                let level = self.levels.pop().expect("pushed above");
                reduce.body = behind_statements(level.statements, body);
            }
            ExprKind::Quotient(q) => {
                let quotient = (**q).clone();
                *e = self.quotient(program, quotient, span);
            }
            ExprKind::Tangent(operand, _) => {
                let mut operand = (**operand).clone();
                self.resolve(program, &mut operand);
                *e = self.tangent(program, operand, span);
            }
            ExprKind::Builtin(Builtin::Print, items) => {
                items.iter_mut().for_each(|item| self.shown(program, item));
            }
            _ => e.for_each_child_mut(|child| self.resolve(program, child)),
        }
    }

    /// The innermost scope that binds something of what is read.
    fn level_of(&self, vars: &[VarId]) -> usize {
        vars.iter().map(|v| self.levels.iter().rposition(|l| l.bound.contains(v)).unwrap_or(0)).max().unwrap_or(0)
    }

    fn bind(&mut self, level: usize, v: VarId, value: Expr) {
        self.levels[level].bound.insert(v);
        self.levels[level].statements.push(Stmt::Let(v, value));
    }

    fn quotient(&mut self, program: &mut Program, q: Quotient, span: Span) -> Expr {
        let mut y = q.y;
        self.resolve(program, &mut y);
        // A cell of a family at coordinates of an inner scope is a cell of the family's own quotient.
        if let ExprKind::Load(read) = &y.kind
            && let ExprKind::Var(whole) = read.tensor.kind
            && self.level_of(&read.index.iter().flat_map(ir::visit::free_vars).collect::<Vec<_>>())
                > self.level_of(&[whole])
        {
            let whole_ty = program.vars[whole.index()].ty.clone();
            let all = Quotient { y: var(whole, whole_ty, span), x: q.x, x_cell: Vec::new() };
            let all = self.quotient(program, all, span);
            let index = read.index.iter().cloned().chain(q.x_cell).collect();
            return self.part(program, all, index, span);
        }
        let numerator = match y.kind {
            ExprKind::Var(v) => v,
            _ => {
                let level = self.level_of(&ir::visit::free_vars(&y));
                let temp = new_var(program, "", &y.ty, y.span);
                self.bind(level, temp, y);
                temp
            }
        };
        let x_ty = program.vars[q.x.index()].ty.clone();
        let y_ty = program.vars[numerator.index()].ty.clone();
        let all_ty = Type::tensor(x_ty.elem().clone(), y_ty.rank() + x_ty.rank());
        let value = self.value_of(program, numerator, q.x, span);
        let all = var(value, all_ty, span);
        if q.x_cell.is_empty() {
            return all;
        }
        let missing = y_ty.rank();
        if missing == 0 {
            return self.part(program, all, q.x_cell, span);
        }
        // A cell of the denominator, all of the numerator.
        let axes = dims(&all, missing, span);
        let binders = fresh_binders(program, &axes, span);
        let index = binders.iter().map(|b| coord(b.var, span)).chain(q.x_cell).collect();
        let ExprKind::Var(tensor) = all.kind else { return all };
        let cell = load(tensor, &all.ty, index, span);
        family_expr(binders, axes, cell, span)
    }

    /// Leading indices of a tensor variable; the rest is left over.
    fn part(&mut self, program: &mut Program, all: Expr, index: Vec<Expr>, span: Span) -> Expr {
        let ExprKind::Var(tensor) = all.kind else { return all };
        let rank = all.ty.rank();
        let given = index;
        let axes: Vec<Axis> = dims(&all, rank, span).split_off(given.len());
        let binders = fresh_binders(program, &axes, span);
        let count = given.len();
        let index: Vec<Expr> = given.into_iter().chain(binders.iter().map(|b| coord(b.var, span))).collect();
        let mut cell = load(tensor, &all.ty, index, span);
        if let ExprKind::Load(read) = &mut cell.kind {
            read.proven.iter_mut().take(count).for_each(|p| *p = false);
        }
        if binders.is_empty() {
            return cell;
        }
        family_expr(binders, axes, cell, span)
    }

    /// `@e`: the sum of its quotients by all denominators of the function, every tangent 1.
    fn tangent(&mut self, program: &mut Program, operand: Expr, span: Span) -> Expr {
        let mut xs: Vec<VarId> = Vec::new();
        for (_, x) in &self.wanted {
            if !xs.contains(x) {
                xs.push(*x);
            }
        }
        let y = match operand.kind {
            ExprKind::Var(v) => v,
            _ => {
                let level = self.level_of(&ir::visit::free_vars(&operand));
                let temp = new_var(program, "", &operand.ty, operand.span);
                self.bind(level, temp, operand.clone());
                temp
            }
        };
        let y_ty = operand.ty.clone();
        let level = self.level_of(&[y]);
        let axes = dims(&var(y, y_ty.clone(), span), y_ty.rank(), span);
        let binders = fresh_binders(program, &axes, span);
        let mut total = float(0.0, y_ty.elem(), span);
        for x in xs {
            let statements: Vec<&Stmt> = self.levels[..=level].iter().flat_map(|l| &l.statements).collect();
            if x != y && !touched(&statements, &[x]).contains(&y) {
                continue;
            }
            let value = self.value_of(program, y, x, span);
            let value_ty = program.vars[value.index()].ty.clone();
            let own = dims(&var(value, value_ty.clone(), span), value_ty.rank(), span).split_off(axes.len());
            let scans = fresh_binders(program, &own, span);
            let index = binders.iter().chain(&scans).map(|b| coord(b.var, span)).collect();
            let cell = load(value, &value_ty, index, span);
            let cell = if cell.ty == *y_ty.elem() {
                cell
            } else {
                expr(ExprKind::Cast(Box::new(cell)), y_ty.elem().clone(), span)
            };
            let part = if scans.is_empty() {
                cell
            } else {
                let ty = cell.ty.clone();
                let reduce = Reduce { op: ReduceOp::Sum, binders: scans, wheres: Vec::new(), body: cell };
                expr(ExprKind::Reduce(Box::new(reduce)), ty, span)
            };
            total = add(total, part);
        }
        if axes.is_empty() { total } else { family_expr(binders, axes, total, span) }
    }

    pub(crate) fn field(&mut self, program: &mut Program, tuple: VarId, field: usize) -> VarId {
        if let Some(v) = self.fields.get(&(tuple, field)) {
            return *v;
        }
        let ty = terms::fields_of(&program.vars[tuple.index()].ty)[field].clone();
        let name = program.vars[tuple.index()].name.as_str().to_owned();
        let v = new_var(program, &name, &ty, Span::default());
        self.fields.insert((tuple, field), v);
        v
    }

    /// A variable, or the field that it stands for.
    pub(crate) fn origin(&self, program: &Program, v: VarId, span: Span) -> Expr {
        let ty = program.vars[v.index()].ty.clone();
        match self.fields.iter().find(|(_, field)| **field == v) {
            Some(((tuple, k), _)) => {
                let all = var(*tuple, program.vars[tuple.index()].ty.clone(), span);
                expr(ExprKind::Field(Box::new(all), *k), ty, span)
            }
            None => var(v, ty, span),
        }
    }

    /// Values of other types on the way: what they hold is out of sight, which must not pass for zero.
    fn opaque(&self, program: &Program, on_path: &HashSet<VarId>) -> Option<Blocked> {
        let mut found: Vec<VarId> =
            on_path.iter().copied().filter(|v| hides_floats(program, &program.vars[v.index()].ty)).collect();
        found.sort_unstable();
        let v = found.first()?;
        let info = &program.vars[v.index()];
        Some(Blocked { span: info.span, what: format!("`{}` is a value that derivatives do not pass", info.name) })
    }

    /// Coordinates that stand for the seed's in terms.
    pub(crate) fn placeholders(&mut self, program: &mut Program, count: usize) -> Vec<VarId> {
        while self.seeds.len() < count {
            let v = new_var(program, "", &Type::I32, Span::default());
            program.vars[v.index()].kind = VarKind::Coord;
            self.seeds.push(v);
        }
        self.seeds[..count].to_vec()
    }
}

/// Values whose adjoint the walk knows: floats, tensors of them, and tuples with such fields.
fn carries(ty: &Type) -> bool {
    is_float(ty) || terms::is_float_tuple(ty)
}

/// Lists, structures and enums that hold floats.
fn hides_floats(program: &Program, ty: &Type) -> bool {
    match ty {
        Type::List(item) => holds_floats(program, item, 0),
        Type::Struct(_) | Type::Enum(_) => holds_floats(program, ty, 0),
        Type::Tuple(items) => {
            items.iter().any(|t| hides_floats(program, t) || matches!(t, Type::Tuple(_)) && holds_floats(program, t, 0))
        }
        _ => false,
    }
}

pub(crate) fn holds_floats(program: &Program, ty: &Type, depth: usize) -> bool {
    // An enum may hold itself.
    if depth > 8 {
        return false;
    }
    match ty {
        Type::List(item) => holds_floats(program, item, depth + 1),
        Type::Tuple(items) => items.iter().any(|t| holds_floats(program, t, depth + 1)),
        Type::Struct(id) => program.structs[id.index()].fields.iter().any(|(_, t)| holds_floats(program, t, depth + 1)),
        Type::Enum(id) => program.enums[id.index()]
            .variants
            .iter()
            .flat_map(|v| &v.fields)
            .any(|t| holds_floats(program, t, depth + 1)),
        other => is_float(other),
    }
}

/// Drops the pure statements that nothing behind them reads.
fn prune(statements: &mut Vec<Stmt>, used: Vec<VarId>) {
    let mut wanted: HashSet<VarId> = used.into_iter().collect();
    let mut kept = Vec::new();
    for statement in statements.drain(..).rev() {
        let mut bound = HashSet::new();
        bound_by(&statement, &mut bound);
        if bound.is_empty() || bound.iter().any(|v| wanted.contains(v)) {
            wanted.extend(reads_of(&statement));
            kept.push(statement);
        }
    }
    kept.reverse();
    *statements = kept;
}

fn behind_statements(statements: Vec<Stmt>, value: Expr) -> Expr {
    if statements.is_empty() {
        return value;
    }
    let (ty, span) = (value.ty.clone(), value.span);
    let mut statements = statements;
    match value.kind {
        ExprKind::Block(inner, value) => {
            statements.extend(inner);
            expr(ExprKind::Block(statements, value), ty, span)
        }
        kind => expr(ExprKind::Block(statements, Box::new(Expr { kind, ty: ty.clone(), span })), ty, span),
    }
}

pub(crate) fn has_quotient(e: &Expr) -> bool {
    let mut found = false;
    e.walk(&mut |e| found |= matches!(e.kind, ExprKind::Quotient(_) | ExprKind::Tangent(..)));
    found
}

fn statement_has_quotient(statement: &Stmt) -> bool {
    let mut found = false;
    statement.for_each_child(|e| found |= has_quotient(e));
    found
}

//! Derivatives of families of cells, by coordinate set subtraction: a pass from program to program that removes every
//! quotient.
//!
//! The statements between a denominator and its numerator are brought into families of cells (`normalise`). Each
//! read in a cell gives a term, the cotangent times the local derivative (`terms`); solving its index for the
//! coordinates of the operand leaves the sum over `coords(output) \ coords(operand)` (`solve`); `reverse` walks the
//! families backwards and a recurrence the other way. Functions that cannot be inlined, and `@fn` rules, have
//! pullbacks that are made by the same walk.

mod build;
mod depend;
mod differences;
mod errors;
mod linear;
mod mode;
mod normalise;
mod plain;
mod record;
mod reverse;
mod shown;
mod solve;
mod terms;
mod trap;
mod widen;

pub use differences::{Compared, FORWARD, MARK};
pub use record::{Derivation, Index, Mode, Read, Step};
pub use trap::trap;

use crate::build::*;
use crate::depend::{backward, bound_by, forward, leading, origin_of, reads_of, touched};
use crate::differences::Place;
use crate::errors::Blocked;
use crate::reverse::{Reverse, new_var};
use crate::terms::is_float;
use diagnostics::{Diagnostic, Span, Symbol};
use ir::{
    Axis, Binder, Builtin, Clause, Expr, ExprKind, Family, Func, FuncId, Program, Quotient, Reduce, ReduceOp, Scalar,
    Slot, Stmt, Type, VarId, VarKind,
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
            self.levels.push(Level { bound, statements: Vec::new() });
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
            for item in &mut clause.wheres {
                let (ir::WhereItem::Def(_, e) | ir::WhereItem::Guard(e)) = item;
                self.resolve(program, e);
            }
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

    /// The variable that holds the whole quotient.
    fn value_of(&mut self, program: &mut Program, y: VarId, x: VarId, span: Span) -> VarId {
        if let Some(value) = self.quotients.get(&(y, x)) {
            return *value;
        }
        let level = self.level_of(&[y, x]);
        let mut xs = vec![x];
        for (_, other) in self.wanted.iter().filter(|(n, _)| *n == y) {
            let visible = self.levels[..=level].iter().any(|l| l.bound.contains(other));
            if !xs.contains(other) && visible && !self.quotients.contains_key(&(y, *other)) {
                xs.push(*other);
            }
        }
        if xs.len() > 1 && !self.passes(y, x, level) {
            xs.truncate(1);
        }
        self.pass(program, y, &xs, level, span);
        self.quotients[&(y, x)]
    }

    fn passes(&self, y: VarId, x: VarId, level: usize) -> bool {
        let statements: Vec<&Stmt> = self.levels[..=level].iter().flat_map(|l| &l.statements).collect();
        y != x && touched(&statements, &[x]).contains(&y)
    }

    /// One reverse pass for several denominators.
    fn pass(&mut self, program: &mut Program, y: VarId, xs: &[VarId], level: usize, span: Span) {
        let mut reached: Vec<VarId> = Vec::new();
        {
            let statements: Vec<&Stmt> = self.levels[..=level].iter().flat_map(|l| &l.statements).collect();
            for x in xs {
                if *x == y || touched(&statements, &[*x]).contains(&y) {
                    reached.push(*x);
                }
            }
        }
        for x in xs {
            if !reached.contains(x) {
                let (ny, nx) = (program.vars[y.index()].name, program.vars[x.index()].name);
                self.diagnostics.push(errors::no_dependence(span, ny.as_str(), nx.as_str()));
                self.zero_quotient(program, y, *x, level, span);
            }
        }
        if reached.is_empty() {
            return;
        }
        self.normalise_levels(program, y, &reached, level);
        let statements: Vec<Stmt> = self.levels[..=level].iter().flat_map(|l| l.statements.iter().cloned()).collect();
        let refs: Vec<&Stmt> = statements.iter().collect();
        self.note_extents(&refs);
        reached.retain(|x| !self.pushed(program, &statements, (y, *x), level, span));
        if reached.is_empty() {
            return;
        }
        let dependent = forward(&refs, &reached);
        let needed = leading(&refs, y);
        let active: HashSet<VarId> =
            dependent.iter().copied().filter(|v| needed.contains(v) && carries(&program.vars[v.index()].ty)).collect();
        let on_path: HashSet<VarId> = dependent.intersection(&needed).copied().collect();
        let opaque = self.opaque(program, &on_path);
        let mut reverse = Reverse::new(self, program, &active, &dependent);
        reverse.seed(y, span);
        let walked = match opaque {
            Some(blocked) => Err(blocked),
            None => reverse.walk(&refs),
        };
        let result = walked.map(|()| reached.iter().map(|x| reverse.adjoint(*x, span)).collect::<Vec<Option<VarId>>>());
        let (out, reads, made) = reverse.taken();
        match result {
            Ok(adjoints) => {
                let mut out = out;
                prune(&mut out, adjoints.iter().flatten().copied().collect());
                self.record(&refs, &out, y, &reached, (&reads, &made), span);
                for statement in &out {
                    bound_by(statement, &mut self.levels[level].bound);
                }
                self.levels[level].statements.extend(out);
                for (x, adjoint) in reached.iter().zip(adjoints) {
                    match adjoint {
                        Some(adjoint) => {
                            self.quotients.insert((y, *x), adjoint);
                            let place = Place { y, x: *x, quotient: adjoint, statements: &statements, span };
                            let compared = self.compared(program, &place);
                            self.levels[level].statements.extend(compared);
                        }
                        None => self.zero_quotient(program, y, *x, level, span),
                    }
                }
            }
            Err(blocked) => {
                let origin = origin_of(&blocked, &refs, &dependent);
                let (ny, nx) = (program.vars[y.index()].name, program.vars[reached[0].index()].name);
                self.diagnostics.push(errors::not_differentiable(span, ny.as_str(), nx.as_str(), &origin));
                for x in &reached {
                    self.zero_quotient(program, y, *x, level, span);
                }
            }
        }
    }

    /// How each of some quotients of one `y` came about.
    fn record(
        &mut self,
        statements: &[&Stmt],
        out: &[Stmt],
        y: VarId,
        xs: &[VarId],
        (reads, made): (&[Read], &[(VarId, VarId)]),
        span: Span,
    ) {
        let needed = backward(statements, y);
        let bound: Vec<VarId> = out
            .iter()
            .flat_map(|statement| match statement {
                Stmt::Let(v, _) => vec![*v],
                Stmt::Rec(rec) => rec.families.iter().map(|(v, _)| *v).collect(),
                Stmt::Do(_) => Vec::new(),
            })
            .collect();
        let helpers: Vec<VarId> =
            bound.iter().copied().filter(|v| !made.iter().any(|(_, adjoint)| adjoint == v)).collect();
        for x in xs {
            let path: HashSet<VarId> = forward(statements, &[*x]).intersection(&needed).copied().collect();
            let steps = made
                .iter()
                .filter(|(operand, adjoint)| *operand != y && path.contains(operand) && bound.contains(adjoint))
                .map(|(operand, adjoint)| Step {
                    operand: *operand,
                    adjoint: *adjoint,
                    reads: reads
                        .iter()
                        .filter(|r| r.operand == *operand && (r.output == y || path.contains(&r.output)))
                        .cloned()
                        .collect(),
                })
                .collect();
            let helpers = helpers.clone();
            self.derivations.push(Derivation { span, mode: Mode::Reverse, y, x: *x, steps, helpers });
        }
    }

    /// A name for a variable that the user did not name.
    pub(crate) fn temporary(&mut self) -> Symbol {
        self.named += 1;
        Symbol::new(&format!("v{}", self.named))
    }

    fn normalise_levels(&mut self, program: &mut Program, y: VarId, xs: &[VarId], level: usize) {
        let wanted: HashSet<VarId> = {
            let statements: Vec<&Stmt> = self.levels[..=level].iter().flat_map(|l| &l.statements).collect();
            let dependent = forward(&statements, xs);
            let needed = leading(&statements, y);
            dependent.intersection(&needed).copied().collect()
        };
        for k in 0..=level {
            let statements = std::mem::take(&mut self.levels[k].statements);
            let own: HashSet<VarId> = statements
                .iter()
                .flat_map(|s| {
                    let mut bound = HashSet::new();
                    bound_by(s, &mut bound);
                    bound
                })
                .filter(|v| wanted.contains(v))
                .collect();
            let statements = if own.is_empty() { statements } else { normalise::normalise(program, statements, &own) };
            for statement in &statements {
                bound_by(statement, &mut self.levels[k].bound);
            }
            self.levels[k].statements = statements;
        }
    }

    fn note_extents(&mut self, statements: &[&Stmt]) {
        let extents = &mut self.extents;
        let note = |extents: &mut HashMap<(VarId, usize), Expr>, v: VarId, family: &Family| {
            for (k, axis) in family.axes.iter().enumerate() {
                if is_simple_extent(&axis.extent) {
                    extents.insert((v, k), axis.extent.clone());
                }
            }
        };
        for statement in statements {
            match statement {
                Stmt::Let(v, e) => match &e.kind {
                    ExprKind::Family(family) => note(extents, *v, family),
                    ExprKind::Literal(shape, _) => {
                        for (k, extent) in shape.iter().enumerate() {
                            extents.insert((*v, k), int(*extent as i64, Scalar::I64, e.span));
                        }
                    }
                    _ => {}
                },
                Stmt::Rec(rec) => rec.families.iter().for_each(|(v, family)| note(extents, *v, family)),
                Stmt::Do(_) => {}
            }
        }
    }

    /// The zero of the quotient's shape.
    fn zero_quotient(&mut self, program: &mut Program, y: VarId, x: VarId, level: usize, span: Span) {
        let (y_ty, x_ty) = (program.vars[y.index()].ty.clone(), program.vars[x.index()].ty.clone());
        let mut axes = dims(&var(y, y_ty.clone(), span), y_ty.rank(), span);
        axes.extend(dims(&var(x, x_ty.clone(), span), x_ty.rank(), span));
        let binders = fresh_binders(program, &axes, span);
        let elem = x_ty.elem().clone();
        let zero = float(0.0, &elem, span);
        let rank = axes.len();
        let value = if rank == 0 { zero } else { family_expr(binders, axes, zero, span) };
        let bound = new_var(program, "", &Type::tensor(elem, rank), span);
        self.bind(level, bound, value);
        self.quotients.insert((y, x), bound);
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

    /// The pullback of a function that is not inlined: its parameters and the cotangent of its result give the
    /// cotangents of its float parameters. A rule's pullback is the transpose of the rule.
    pub(crate) fn pullback(&mut self, program: &mut Program, func: FuncId) -> Result<FuncId, Blocked> {
        if let Some(pullback) = self.pullbacks.get(&func) {
            return Ok(*pullback);
        }
        self.function(program, func);
        let primal = program.funcs[func.index()].clone();
        if let Some(rule) = primal.rule {
            self.function(program, rule);
        }
        let span = primal.span;
        let floats: Vec<VarId> =
            primal.params.iter().copied().filter(|p| carries(&program.vars[p.index()].ty)).collect();
        if primal.rule.is_some() && floats.iter().any(|p| !is_float(&program.vars[p.index()].ty)) {
            return Err(Blocked { span, what: "a rule for tuples has no transpose".into() });
        }
        let types = floats.iter().flat_map(|p| terms::leaves(&program.vars[p.index()].ty)).flatten();
        let result = Type::Tuple(types.collect());
        let id = FuncId(program.funcs.len() as u32);
        let name = Symbol::new(&format!("{}_pullback", primal.name));
        let unit = expr(ExprKind::Unit, Type::Unit, span);
        program.funcs.push(Func { name, params: Vec::new(), result: result.clone(), body: unit, span, rule: None });
        self.done.insert(id);
        self.pullbacks.insert(func, id);

        // A copy with parameters of its own.
        let mut copy = |v: VarId| {
            let info = program.vars[v.index()].clone();
            program.vars.push(info);
            VarId(program.vars.len() as u32 - 1)
        };
        let params: Vec<VarId> = primal.params.iter().map(|p| copy(*p)).collect();
        let mut names: HashMap<VarId, VarId> = primal.params.iter().copied().zip(params.iter().copied()).collect();
        for (of, copy) in primal.params.iter().zip(&params) {
            program.copy_extents(*of, *copy, &names);
        }
        let own: Vec<VarId> = floats.iter().map(|f| names[f]).collect();
        let mut statements: Vec<Stmt> = Vec::new();
        let (body, denominators) = match primal.rule {
            None => (primal.body.clone(), own.clone()),
            Some(rule) => {
                let rule = program.funcs[rule.index()].clone();
                let name_of = |program: &Program, v: VarId| program.vars[v.index()].name.as_str();
                let mut tangents: Vec<VarId> = Vec::new();
                let mut of_floats: Vec<Option<VarId>> = vec![None; own.len()];
                for given in &rule.params {
                    let name = name_of(program, *given).to_owned();
                    let Some(of) = name.strip_prefix('@') else {
                        // Values, also those of the module that the rule reads, are the function's own.
                        let same = primal.params.iter().position(|p| name_of(program, *p) == name);
                        let Some(k) = same else {
                            return Err(Blocked { span, what: format!("the rule reads `{name}`") });
                        };
                        names.insert(*given, params[k]);
                        continue;
                    };
                    let Some(k) = floats.iter().position(|f| name_of(program, *f) == of) else { continue };
                    // Linear in the tangents: where they are does not matter.
                    let ty = program.vars[own[k].index()].ty.clone();
                    let v = new_var(program, "", &ty, span);
                    let value = zeros_like(program, &var(own[k], ty, span), span);
                    statements.push(Stmt::Let(v, value));
                    names.insert(*given, v);
                    of_floats[k] = Some(v);
                }
                for (k, tangent) in of_floats.iter().enumerate() {
                    // A parameter without tangent in the rule has no derivative.
                    let ty = program.vars[own[k].index()].ty.clone();
                    tangents.push(tangent.unwrap_or_else(|| new_var(program, "", &ty, span)));
                }
                (rule.body, tangents)
            }
        };
        let mut body = ir::visit::refresh(&body, program);
        ir::visit::rename(&mut body, &names);
        let cotangent = new_var(program, "ct", &primal.result, span);
        let body = behind_statements(statements, body);
        let pulled = match self.pulled_by(program, &body, cotangent, &denominators, &own) {
            Ok(pulled) => pulled,
            Err(blocked) => {
                self.pullbacks.remove(&func);
                return Err(blocked);
            }
        };
        let info = &mut program.funcs[id.index()];
        info.params = params;
        info.params.push(cotangent);
        info.body = pulled;
        Ok(id)
    }

    /// The cotangents of what an expression reads, in a tuple, by the cotangent of its value.
    pub(crate) fn pulled(
        &mut self,
        program: &mut Program,
        e: &Expr,
        cotangent: VarId,
        xs: &[VarId],
    ) -> Result<Expr, Blocked> {
        let copy = ir::visit::refresh(e, program);
        self.pulled_by(program, &copy, cotangent, xs, xs)
    }

    /// The same, where each cotangent has the shape of another variable.
    fn pulled_by(
        &mut self,
        program: &mut Program,
        e: &Expr,
        cotangent: VarId,
        xs: &[VarId],
        shapes: &[VarId],
    ) -> Result<Expr, Blocked> {
        let span = e.span;
        let shapes_of = |program: &Program| -> Vec<Expr> {
            let whole = |s: &VarId| var(*s, program.vars[s.index()].ty.clone(), span);
            shapes.iter().flat_map(|s| terms::leaves_of(&whole(s))).collect()
        };
        let result = Type::Tuple(shapes_of(program).into_iter().map(|leaf| leaf.ty).collect());
        let mut statements = Vec::new();
        let y = new_var(program, "", &e.ty, span);
        match &e.kind {
            // A branch that ends the program has no cotangents.
            _ if e.ty == Type::Never => return Ok(e.clone()),
            ExprKind::If(cond, a, b) => {
                let a = self.pulled_by(program, a, cotangent, xs, shapes)?;
                let b = self.pulled_by(program, b, cotangent, xs, shapes)?;
                return Ok(expr(ExprKind::If(cond.clone(), Box::new(a), Box::new(b)), result, span));
            }
            ExprKind::Block(inner, value) => {
                statements.extend(inner.iter().cloned());
                statements.push(Stmt::Let(y, (**value).clone()));
            }
            _ => statements.push(Stmt::Let(y, e.clone())),
        }
        let mut bound: HashSet<VarId> = xs.iter().chain(shapes).copied().collect();
        bound.insert(cotangent);
        statements.iter().for_each(|statement| bound_by(statement, &mut bound));
        let saved = self.enter(bound);
        self.levels[0].statements = statements;
        let adjoints = self.pull_level(program, y, cotangent, xs, span);
        let mut statements = std::mem::take(&mut self.levels[0].statements);
        self.leave(saved);
        let mut items = Vec::new();
        for (adjoint, of) in adjoints?.into_iter().zip(shapes_of(program)) {
            items.push(match adjoint {
                Some(v) => var(v, of.ty, span),
                None => zeros_like(program, &of, span),
            });
        }
        let used: Vec<VarId> = items.iter().flat_map(ir::visit::free_vars).collect();
        prune(&mut statements, used);
        Ok(behind_statements(statements, expr(ExprKind::Tuple(items), result, span)))
    }

    /// The adjoints of some variables of the current scope, or of their fields, by a given cotangent of `y`.
    fn pull_level(
        &mut self,
        program: &mut Program,
        y: VarId,
        cotangent: VarId,
        xs: &[VarId],
        span: Span,
    ) -> Result<Vec<Option<VarId>>, Blocked> {
        self.normalise_levels(program, y, xs, 0);
        let statements = self.levels[0].statements.clone();
        let refs: Vec<&Stmt> = statements.iter().collect();
        self.note_extents(&refs);
        let dependent = forward(&refs, xs);
        let needed = leading(&refs, y);
        let active: HashSet<VarId> =
            dependent.iter().copied().filter(|v| needed.contains(v) && carries(&program.vars[v.index()].ty)).collect();
        let mut leaves = Vec::new();
        for x in xs {
            let ty = program.vars[x.index()].ty.clone();
            match is_float(&ty) {
                true => leaves.push(*x),
                false => {
                    let floats = terms::leaves(&ty).into_iter().enumerate().filter(|(_, leaf)| leaf.is_some());
                    leaves.extend(floats.map(|(k, _)| self.field(program, *x, k)));
                }
            }
        }
        if !active.contains(&y) {
            return Ok(vec![None; leaves.len()]);
        }
        let on_path: HashSet<VarId> = dependent.intersection(&needed).copied().collect();
        if let Some(blocked) = self.opaque(program, &on_path) {
            return Err(blocked);
        }
        let result = program.vars[y.index()].ty.clone();
        let mut seeds = Vec::new();
        let mut parts = Vec::new();
        for (k, ty) in terms::fields_of(&result).iter().enumerate().filter(|(_, ty)| is_float(ty)) {
            let all = var(cotangent, result.clone(), span);
            let part = new_var(program, "", ty, span);
            parts.push(Stmt::Let(part, expr(ExprKind::Field(Box::new(all), k), ty.clone(), span)));
            seeds.push((self.field(program, y, k), part));
        }
        if seeds.is_empty() {
            seeds.push((y, cotangent));
        }
        let mut reverse = Reverse::new(self, program, &active, &dependent);
        reverse.out = parts;
        for (of, seed) in seeds {
            reverse.seed_with(of, seed);
        }
        reverse.walk(&refs)?;
        let adjoints = leaves.iter().map(|x| reverse.adjoint(*x, span)).collect();
        let out = std::mem::take(&mut reverse.out);
        self.levels[0].statements.extend(out);
        Ok(adjoints)
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

/// Zeros in the shape of a variable.
pub(crate) fn zeros_like(program: &mut Program, like: &Expr, span: Span) -> Expr {
    let zero = float(0.0, like.ty.elem(), span);
    let axes = dims(like, like.ty.rank(), span);
    if axes.is_empty() {
        return zero;
    }
    let binders = fresh_binders(program, &axes, span);
    family_expr(binders, axes, zero, span)
}

/// Constants and extents of variables.
fn is_simple_extent(e: &Expr) -> bool {
    match &e.kind {
        ExprKind::Int(_) | ExprKind::Var(_) => true,
        ExprKind::Dim(inner, _) | ExprKind::Cast(inner) => is_simple_extent(inner),
        _ => false,
    }
}

/// The first axes of a tensor.
fn dims(of: &Expr, count: usize, span: Span) -> Vec<Axis> {
    (0..count)
        .map(|k| {
            let dim = expr(ExprKind::Dim(Box::new(of.clone()), k), Type::I32, span);
            Axis { name: None, extent: expr(ExprKind::Cast(Box::new(dim)), Type::I64, span) }
        })
        .collect()
}

fn fresh_binders(program: &mut Program, axes: &[Axis], span: Span) -> Vec<Binder> {
    axes.iter()
        .map(|axis| {
            let v = new_var(program, "", &Type::I32, span);
            program.vars[v.index()].kind = VarKind::Coord;
            Binder { var: v, lo: int(0, Scalar::I64, span), hi: axis.extent.clone() }
        })
        .collect()
}

fn family_expr(binders: Vec<Binder>, axes: Vec<Axis>, cell: Expr, span: Span) -> Expr {
    let (elem, rank) = (cell.ty.clone(), axes.len());
    let clause = Clause {
        slots: binders.into_iter().map(Slot::Coord).collect(),
        wheres: Vec::new(),
        body: cell,
        otherwise: None,
        span,
    };
    let family = Family { name: Symbol::new(""), axes, elem: elem.clone(), clauses: vec![clause], span };
    expr(ExprKind::Family(Box::new(family)), Type::tensor(elem, rank), span)
}

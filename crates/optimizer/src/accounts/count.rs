//! Counts what a program does: operations on floats, bytes that have to move, and memory that is in use.
//!
//! Every operation on floats counts as one, elementary functions too, and so does folding a point into a reduction.
//! Guards are taken to be open, and of two branches the dearer one is taken. A line reads each cell once, however often
//! its kernel comes back to it: that is the least that has to move.

use super::extents::{Extents, Origin};
use super::formula::Formula;
use crate::decisions::{Decisions, Storage};
use diagnostics::Span;
use ir::{
    Binder, CompClause, Expr, ExprKind, Family, FuncId, Load, Reduce, Slot, Stmt, Type, VarId, VarKind, WhereItem,
};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// What evaluating something takes.
#[derive(Clone, Debug, Default)]
pub struct Work {
    pub flops: Formula,
    /// Bytes that calls read; what the function itself reads is kept by place.
    pub read: Formula,
    pub written: Formula,
    /// Bytes that are in use for the time of it, the result aside.
    pub memory: Formula,
}

/// One statement of a function.
pub struct Entry {
    pub span: Span,
    pub title: String,
    pub work: Work,
    /// Bytes that are in use while it runs, those of the function's arguments aside.
    pub in_use: Formula,
}

/// One function, in the extents of its parameters.
pub struct Summary {
    pub entries: Vec<Entry>,
    pub total: Work,
    result: Vec<Formula>,
    result_bytes: Formula,
}

pub struct Counter<'a> {
    pub extents: Extents<'a>,
    decisions: &'a Decisions,
    done: HashMap<FuncId, Option<Rc<Summary>>>,
    /// Parts of tensors that the current statement reads.
    reads: HashMap<(VarId, Vec<Formula>), Formula>,
    /// Bindings whose cells their readers compute.
    unstored: HashSet<VarId>,
    /// Bindings of functions, which no turn of a kernel changes.
    fixed: HashSet<VarId>,
    /// How many of the loops around it each coordinate, and what is made of it, depends on.
    levels: HashMap<VarId, usize>,
    depth: usize,
    /// Work that does not depend on the innermost loops runs in front of them: by how many loops it stays in.
    aside: Vec<Work>,
}

impl<'a> Counter<'a> {
    pub fn new(extents: Extents<'a>, decisions: &'a Decisions) -> Self {
        Counter {
            extents,
            decisions,
            done: HashMap::new(),
            reads: HashMap::new(),
            unstored: HashSet::new(),
            fixed: HashSet::new(),
            levels: HashMap::new(),
            depth: 0,
            aside: vec![Work::default()],
        }
    }

    /// Nothing for a function that is being counted: a recursion.
    pub fn function(&mut self, id: FuncId) -> Option<Rc<Summary>> {
        if let Some(done) = self.done.get(&id) {
            return done.clone();
        }
        self.done.insert(id, None);
        let outer = (std::mem::take(&mut self.reads), std::mem::take(&mut self.depth));
        let aside = std::mem::replace(&mut self.aside, vec![Work::default()]);
        let func = &self.extents.program.funcs[id.index()];
        self.extents.parameters(&func.params);
        let mut entries = Vec::new();
        let (total, in_use) = self.block(&func.body, Some(&mut entries));
        let result = if func.result.rank() > 0 { self.extents.shape(&func.body) } else { Vec::new() };
        let result_bytes = bytes(&result, &func.result);
        let total = Work { memory: in_use, ..total };
        (self.reads, self.depth) = outer;
        self.aside = aside;
        let summary = Rc::new(Summary { entries, total, result, result_bytes });
        self.done.insert(id, Some(summary.clone()));
        Some(summary)
    }

    /// The statements of a function, or of a block in it that has no entries of its own, with the bytes in use at
    /// their worst.
    fn block(&mut self, body: &Expr, mut entries: Option<&mut Vec<Entry>>) -> (Work, Formula) {
        let (stmts, value): (&[Stmt], &Expr) = match &body.kind {
            ExprKind::Block(stmts, value) => (stmts, value),
            _ => (&[], body),
        };
        for stmt in stmts {
            if let Stmt::Let(var, value) = stmt {
                self.extents.name_result(value, *var);
            }
        }
        let mut held: Vec<(VarId, Formula, usize)> = Vec::new();
        let last = last_uses(stmts, value);
        let (mut total, mut peak) = (Work::default(), Formula::zero());
        for (k, stmt) in stmts.iter().enumerate() {
            let (work, made) = self.statement(stmt);
            for (var, bytes) in made {
                held.push((var, bytes, last.get(&var).copied().unwrap_or(k)));
            }
            let mut place = stmt_place(self.extents.program, stmt);
            if let (Some(_), Stmt::Let(var, _)) = (&entries, stmt) {
                self.fixed.insert(*var);
            }
            self.step(&mut place, work, held_at(&held, k), entries.as_deref_mut(), (&mut total, &mut peak));
        }
        let work = self.expr(value);
        let mut place = (value.span, String::new());
        self.step(&mut place, work, held_at(&held, stmts.len()), entries, (&mut total, &mut peak));
        (total, peak)
    }

    fn step(
        &mut self,
        (span, title): &mut (Span, String),
        mut work: Work,
        held: Formula,
        entries: Option<&mut Vec<Entry>>,
        (total, peak): (&mut Work, &mut Formula),
    ) {
        let in_use = held.plus(&work.memory);
        if let Some(entries) = entries {
            for (_, bytes) in self.reads.drain() {
                work.read = work.read.plus(&bytes);
            }
            if !(work.flops.is_zero() && work.read.is_zero() && work.written.is_zero()) {
                let (span, title) = (*span, std::mem::take(title));
                entries.push(Entry { span, title, work: work.clone(), in_use: in_use.clone() });
            }
        }
        *total = self.both(std::mem::take(total), work);
        *peak = self.extents.larger(std::mem::take(peak), in_use);
    }

    /// What a statement takes, and the tensors that it makes.
    fn statement(&mut self, stmt: &Stmt) -> (Work, Vec<(VarId, Formula)>) {
        match stmt {
            Stmt::Do(e) => (self.expr(e), Vec::new()),
            Stmt::Let(var, e) => {
                self.levels.insert(*var, self.level(e));
                let work = match &e.kind {
                    ExprKind::Family(family) => self.family(family, Some(*var)),
                    _ => self.expr(e),
                };
                if e.ty.rank() > 0 {
                    let dims = self.extents.shape(e);
                    self.extents.bind(*var, dims);
                } else if e.ty.scalar().is_some_and(|s| s.is_int()) {
                    let number = self.extents.number(e);
                    if number.as_number().is_some() || number.as_atom().is_some_and(|atom| self.is_outer(atom)) {
                        self.extents.numbers.insert(*var, number);
                    }
                }
                let makes = !matches!(e.kind, ExprKind::Var(_)) && !self.unstored.contains(var);
                let bytes = if makes { self.var_bytes(*var) } else { Formula::zero() };
                (work, vec![(*var, bytes)])
            }
            Stmt::Rec(recurrence) => {
                for (var, family) in &recurrence.families {
                    let dims = self.extents.axes(family);
                    self.extents.bind(*var, dims);
                }
                let mut all = Work::default();
                for (var, family) in &recurrence.families {
                    let work = self.family(family, Some(*var));
                    all = self.both(all, work);
                }
                let kept = |(var, family): &(VarId, Family)| {
                    let dims = self.extents.dims.get(var).cloned().unwrap_or_default();
                    (*var, kept_bytes(dims, family, self.decisions.storage(family)))
                };
                let made = recurrence.families.iter().map(kept).collect();
                (all, made)
            }
        }
    }

    fn is_outer(&self, atom: super::formula::Atom) -> bool {
        !matches!(self.extents.origin(atom), Origin::Text(_))
    }

    fn var_bytes(&mut self, var: VarId) -> Formula {
        let ty = &self.extents.program.vars[var.index()].ty;
        if ty.rank() == 0 {
            return Formula::zero();
        }
        let dims = self.extents.dims.get(&var).cloned().unwrap_or_default();
        bytes(&dims, ty)
    }

    /// One after the other.
    fn both(&self, a: Work, b: Work) -> Work {
        Work {
            flops: a.flops.plus(&b.flops),
            read: a.read.plus(&b.read),
            written: a.written.plus(&b.written),
            memory: self.extents.larger(a.memory, b.memory),
        }
    }

    fn dearer(&self, a: Work, b: Work) -> Work {
        if self.extents.usual(&a.flops) >= self.extents.usual(&b.flops) { a } else { b }
    }

    fn all<'e>(&mut self, items: impl IntoIterator<Item = &'e Expr>) -> Work {
        items.into_iter().fold(Work::default(), |sum, e| {
            let work = self.expr(e);
            self.both(sum, work)
        })
    }

    fn expr(&mut self, e: &Expr) -> Work {
        if matches!(e.kind, ExprKind::Reduce(_) | ExprKind::Family(_) | ExprKind::Call(..)) {
            let level = self.level(e);
            if level < self.depth {
                let depth = std::mem::replace(&mut self.depth, level);
                let work = self.node(e);
                self.depth = depth;
                let before = std::mem::take(&mut self.aside[level]);
                self.aside[level] = self.both(before, work);
                return Work::default();
            }
        }
        self.node(e)
    }

    /// How many of the loops around an expression it depends on.
    fn level(&self, e: &Expr) -> usize {
        let level = |var: &VarId| self.levels.get(var).copied().unwrap_or(0);
        ir::visit::free_vars(e).iter().map(level).max().unwrap_or(0).min(self.depth)
    }

    fn node(&mut self, e: &Expr) -> Work {
        match &e.kind {
            ExprKind::Block(..) => {
                let (work, memory) = self.block(e, None);
                Work { memory, ..work }
            }
            ExprKind::Op(_, operands) => {
                let mut work = self.all(operands);
                let counts = operands.iter().any(|operand| operand.ty.scalar().is_some_and(|s| s.is_float()));
                let folded = operands.iter().all(|operand| matches!(operand.kind, ExprKind::Float(_)));
                if counts && !folded {
                    work.flops = work.flops.plus(&Formula::one());
                }
                work
            }
            ExprKind::If(cond, yes, no) => {
                let cond = self.expr(cond);
                let (yes, no) = (self.expr(yes), self.expr(no));
                self.both(cond, self.dearer(yes, no))
            }
            ExprKind::Load(load) => self.load(load),
            ExprKind::Reduce(reduce) => self.reduce(reduce),
            ExprKind::Family(family) => {
                let work = self.family(family, None);
                let own = if self.decisions.storage(family).is_some() {
                    let dims = self.extents.axes(family);
                    bytes(&dims, &e.ty)
                } else {
                    Formula::zero()
                };
                Work { memory: work.memory.plus(&own), ..work }
            }
            ExprKind::Call(func, args) => self.call(*func, args, e),
            ExprKind::Comprehension(comprehension) => self.comprehension(&comprehension.clauses, &comprehension.body),
            _ => {
                let mut children = Vec::new();
                e.for_each_child(|child| children.push(child));
                self.all(children)
            }
        }
    }

    /// All cells of a family, and their memory if it has any.
    fn family(&mut self, family: &Family, var: Option<VarId>) -> Work {
        let storage = self.decisions.storage(family);
        let dims = self.extents.axes(family);
        let mut work = Work::default();
        for clause in &family.clauses {
            let binders: Vec<&Binder> = clause
                .slots
                .iter()
                .filter_map(|slot| match slot {
                    Slot::Coord(binder) => Some(binder),
                    Slot::Fixed(_) => None,
                })
                .collect();
            let clause = self.repeated(&binders, &mut |this| {
                let guards = this.wheres(&clause.wheres);
                let body = this.expr(&clause.body);
                let body = match &clause.otherwise {
                    Some(otherwise) => {
                        let otherwise = this.expr(otherwise);
                        this.dearer(body, otherwise)
                    }
                    None => body,
                };
                let mut cell = this.both(guards, body);
                if matches!(storage, Some(Storage::Whole | Storage::Window { .. })) {
                    let rest = dims[clause.slots.len()..].iter().fold(Formula::one(), |all, dim| all.times(dim));
                    cell.written = cell.written.plus(&rest.scaled(elem_bytes(&family.elem)));
                }
                cell
            });
            work = self.both(work, clause);
        }
        if let (Some(var), None) = (var, storage) {
            self.unstored.insert(var);
        }
        work
    }

    fn wheres(&mut self, items: &[WhereItem]) -> Work {
        items.iter().fold(Work::default(), |sum, item| {
            let work = match item {
                WhereItem::Guard(e) => self.expr(e),
                WhereItem::Def(var, e) => {
                    self.levels.insert(*var, self.level(e));
                    self.expr(e)
                }
            };
            self.both(sum, work)
        })
    }

    fn reduce(&mut self, reduce: &Reduce) -> Work {
        self.repeated(&reduce.binders.iter().collect::<Vec<_>>(), &mut |this| {
            let wheres = this.wheres(&reduce.wheres);
            let body = this.expr(&reduce.body);
            let mut point = this.both(wheres, body);
            if reduce.body.ty.scalar().is_some_and(|s| s.is_float()) {
                point.flops = point.flops.plus(&Formula::one());
            }
            point
        })
    }

    /// The same for each point of a domain. Later ranges may depend on earlier coordinates.
    fn repeated(&mut self, binders: &[&Binder], point: &mut dyn FnMut(&mut Self) -> Work) -> Work {
        let Some((binder, inner)) = binders.split_first() else { return point(self) };
        let (lo, hi) = self.extents.range(binder);
        let at = self.extents.position(binder.var).as_atom().expect("a position is an atom");
        self.depth += 1;
        self.levels.insert(binder.var, self.depth);
        self.aside.resize(self.depth + 1, Work::default());
        let work = self.repeated(inner, point);
        self.depth -= 1;
        let sum = |formula: &Formula| formula.summed(at, &lo, &hi);
        let worst =
            |formula: &Formula| formula.replaced(&|atom| if atom == at { hi.clone() } else { Formula::atom(atom) });
        let all = Work {
            flops: sum(&work.flops),
            read: sum(&work.read),
            written: sum(&work.written),
            memory: worst(&work.memory),
        };
        let before = std::mem::take(&mut self.aside[self.depth]);
        self.both(before, all)
    }

    fn comprehension(&mut self, clauses: &[CompClause], body: &Expr) -> Work {
        let Some((first, rest)) = clauses.split_first() else { return self.expr(body) };
        match first {
            CompClause::Let(_, e) | CompClause::If(e) => {
                let first = self.expr(e);
                let rest = self.comprehension(rest, body);
                self.both(first, rest)
            }
            CompClause::For(var, domain) => {
                let first = self.expr(domain);
                let name = self.extents.var_name(*var);
                let times = match &domain.kind {
                    ExprKind::Range(lo, hi) => {
                        let (lo, hi) = (self.extents.number(lo), self.extents.number(hi));
                        self.extents.called(hi, name).minus(&lo)
                    }
                    _ if domain.ty.rank() > 0 => {
                        let extent = self.extents.shape(domain).swap_remove(0);
                        self.extents.called(extent, name)
                    }
                    _ => self.extents.unknown(&format!("len({})", self.extents.sources.text(domain.span))),
                };
                let rest = self.comprehension(rest, body);
                let all = |formula: Formula| formula.times(&times);
                let rest = Work { flops: all(rest.flops), read: all(rest.read), written: all(rest.written), ..rest };
                self.both(first, rest)
            }
        }
    }

    /// A cell: the part of its tensor that all turns together read counts once.
    fn load(&mut self, load: &Load) -> Work {
        let mut work = self.all(&load.index);
        let tensor = match &load.tensor.kind {
            ExprKind::Var(var) if self.unstored.contains(var) => return work,
            ExprKind::Var(var) => *var,
            ExprKind::Family(family) if self.decisions.storage(family).is_none() => {
                let cells = family.clauses.iter().map(|clause| &clause.body).collect::<Vec<_>>();
                let cell = self.all(cells);
                return self.both(work, cell);
            }
            _ => {
                let whole = self.expr(&load.tensor);
                return self.both(work, whole);
            }
        };
        let dims = self.extents.shape(&load.tensor);
        let part: Vec<Formula> = load.index.iter().zip(&dims).map(|(index, dim)| self.touched(index, dim)).collect();
        let bytes = bytes(&part, &load.tensor.ty);
        self.reads.insert((tensor, part), bytes);
        work.memory = Formula::zero();
        work
    }

    /// How much of an axis an index goes through.
    fn touched(&mut self, index: &Expr, dim: &Formula) -> Formula {
        let mut moves = false;
        index.walk(&mut |e| {
            let free = |var: &VarId| {
                self.extents.program.vars[var.index()].kind != VarKind::Param && !self.fixed.contains(var)
            };
            moves |= matches!(&e.kind, ExprKind::Var(var) if free(var)) || matches!(e.kind, ExprKind::Load(_));
        });
        if moves { dim.clone() } else { Formula::one() }
    }

    fn call(&mut self, func: FuncId, args: &[Expr], e: &Expr) -> Work {
        let work = self.all(args);
        let Some(callee) = self.function(func) else { return work };
        let params = &self.extents.program.funcs[func.index()].params;
        let mut places: HashMap<Origin, Formula> = HashMap::new();
        for (param, arg) in params.iter().zip(args) {
            if arg.ty.rank() > 0 {
                for (axis, extent) in self.extents.shape(arg).into_iter().enumerate() {
                    places.insert(Origin::Axis(*param, axis), extent);
                }
            } else if arg.ty.scalar().is_some_and(|s| s.is_int()) {
                places.insert(Origin::Var(*param), self.extents.number(arg));
            }
        }
        let here = |formula: &Formula| {
            formula.replaced(&|atom| {
                let place = places.get(self.extents.origin(atom));
                place.cloned().unwrap_or_else(|| Formula::atom(atom))
            })
        };
        let total = &callee.total;
        let used = here(&total.memory).minus(&here(&callee.result_bytes));
        let used = if self.extents.usual(&used) > 0.0 { used } else { Formula::zero() };
        let called =
            Work { flops: here(&total.flops), read: here(&total.read), written: here(&total.written), memory: used };
        let shape: Vec<Formula> = callee.result.iter().map(here).collect();
        if !shape.is_empty() {
            self.extents.note_result(e, shape);
        }
        self.both(work, called)
    }
}

fn held_at(held: &[(VarId, Formula, usize)], stmt: usize) -> Formula {
    held.iter().filter(|(.., last)| *last >= stmt).fold(Formula::zero(), |sum, (_, bytes, _)| sum.plus(bytes))
}

fn elem_bytes(elem: &Type) -> i64 {
    elem.scalar().map_or(8, |scalar| scalar.size() as i64)
}

pub fn bytes(dims: &[Formula], ty: &Type) -> Formula {
    if dims.is_empty() {
        return Formula::zero();
    }
    dims.iter().fold(Formula::number(elem_bytes(ty.elem())), |all, dim| all.times(dim))
}

/// What is kept of a family's cells.
pub fn kept_bytes(mut dims: Vec<Formula>, family: &Family, storage: Option<Storage>) -> Formula {
    match storage {
        Some(Storage::Whole) => {}
        Some(Storage::Window { axis, width, inner }) => {
            dims[axis] = Formula::number(width as i64);
            let current = dims.iter_mut().enumerate().filter(|(axis, _)| inner >> axis & 1 == 1);
            current.for_each(|(_, dim)| *dim = Formula::one());
        }
        Some(Storage::Registers { .. } | Storage::Row) | None => return Formula::zero(),
    }
    bytes(&dims, &family.elem)
}

fn stmt_place(program: &ir::Program, stmt: &Stmt) -> (Span, String) {
    match stmt {
        Stmt::Let(var, _) => (program.vars[var.index()].span, super::title(program, *var)),
        Stmt::Rec(recurrence) => {
            let vars: Vec<VarId> = recurrence.families.iter().map(|(var, _)| *var).collect();
            let titles: Vec<String> = vars.iter().map(|var| super::title(program, *var)).collect();
            (program.vars[vars[0].index()].span, titles.join(", "))
        }
        Stmt::Do(e) => (e.span, String::new()),
    }
}

/// The last statement that mentions each binding, or a binding that stands for the same tensor; the block's value comes
/// behind all statements.
fn last_uses(stmts: &[Stmt], value: &Expr) -> HashMap<VarId, usize> {
    let mut last = HashMap::new();
    let mut same: HashMap<VarId, VarId> = HashMap::new();
    let mut note = |e: &Expr, k: usize, same: &HashMap<VarId, VarId>| {
        e.walk(&mut |e| {
            e.for_each_use(|var| {
                last.insert(*same.get(var).unwrap_or(var), k);
            });
        });
    };
    for (k, stmt) in stmts.iter().enumerate() {
        stmt.for_each_child(|child| note(child, k, &same));
        if let Stmt::Let(var, Expr { kind: ExprKind::Var(other), .. }) = stmt {
            same.insert(*var, *same.get(other).unwrap_or(other));
        }
    }
    note(value, stmts.len(), &same);
    last
}

//! Families whose cells are computed where they are read: a chain of elementwise definitions becomes one loop.
//!
//! A family goes if it is bound by a `let`, one clause gives all of its cells, they cannot fail, and every read of it
//! meets each of its cells at most once. Where more than one place reads it, only what costs next to nothing goes, and
//! what is a cell of another tensor goes in any case.

use crate::calls::CallGraph;
use crate::facts::FunctionFacts;
use crate::plan::bounds::{constant, is_whole, same};
use ir::{Clause, Expr, ExprKind, Family, FuncId, Load, Op, Program, Scalar, Slot, Stmt, Type, VarId, VarKind, visit};
use std::collections::HashMap;
use std::rc::Rc;

/// Nodes that a cell may have that is computed in more than one place, and these places.
const CHEAP: usize = 12;
const FEW: usize = 4;
/// Nodes that a cell may have at all, so that what is put into each other stays small.
const LARGEST: usize = 1000;

/// A family that is no longer in the program.
pub struct Absorbed {
    pub func: FuncId,
    pub var: VarId,
    pub family: Family,
    pub fate: Fate,
}

/// What became of a family that is no longer in the program.
pub enum Fate {
    /// This, if it is one, computes its cells.
    Inlined(Option<VarId>),
    /// Nothing needs it.
    Unused,
}

/// Puts the cells of families where they are read, and says which.
pub fn absorb(program: &mut Program, checked: bool) -> Vec<Absorbed> {
    let facts = FunctionFacts::new(program, &CallGraph::new(program), checked);
    let mut pass = Pass { facts, func: FuncId(0), absorbed: Vec::new() };
    program.rewrite(|body, program, func| {
        pass.func = func;
        pass.expr(body, program);
    });
    pass.absorbed
}

struct Pass {
    facts: FunctionFacts,
    func: FuncId,
    absorbed: Vec<Absorbed>,
}

impl Pass {
    fn expr(&mut self, e: &mut Expr, program: &mut Program) {
        e.for_each_child_mut(|child| self.expr(child, program));
        if let ExprKind::Block(stmts, value) = &mut e.kind {
            self.block(stmts, value, program);
        }
    }

    fn block(&mut self, stmts: &mut Vec<Stmt>, value: &mut Expr, program: &mut Program) {
        let is_candidate = |stmt: &Stmt| matches!(stmt, Stmt::Let(_, Expr { kind: ExprKind::Family(family), .. }) if self.is_plain(family));
        let candidates: Vec<bool> = stmts.iter().map(is_candidate).collect();
        if !candidates.contains(&true) {
            return;
        }
        let mut reads: Vec<Reads> = stmts.iter().map(Reads::of_stmt).collect();
        reads.push(Reads::of_value(value));
        for k in 0..stmts.len() {
            let Stmt::Let(var, Expr { kind: ExprKind::Family(family), .. }) = &stmts[k] else { continue };
            // What was put into it may have made it large.
            if !candidates[k] || nodes(&family.clauses[0].body) > LARGEST {
                continue;
            }
            let var = *var;
            let readers: Vec<usize> = (k + 1..reads.len()).filter(|at| reads[*at].mentions(var)).collect();
            let is_copy = is_copy(&family.clauses[0]);
            let is_clear = readers.iter().all(|at| reads[*at].is_clear(var, is_copy));
            let places: usize = readers.iter().map(|at| reads[*at].places(var)).sum();
            let asks_extents = readers.iter().any(|at| reads[*at].asks_extents(var));
            let is_worth = places == 1 || is_copy || places <= FEW && is_cheap(&family.clauses[0].body);
            if !is_clear || places == 0 || !is_worth || asks_extents && !has_known_extents(family) {
                continue;
            }
            let nothing = Stmt::Do(Expr { kind: ExprKind::Unit, ty: Type::Unit, span: Default::default() });
            let Stmt::Let(_, Expr { kind: ExprKind::Family(family), .. }) = std::mem::replace(&mut stmts[k], nothing)
            else {
                unreachable!("it was a family")
            };
            reads[k] = Reads::default();
            let mut put = Put { var, family: &family, program };
            for at in &readers {
                match stmts.get_mut(*at) {
                    Some(stmt) => stmt.for_each_child_mut(|e| put.everywhere(e)),
                    None => put.everywhere(value),
                }
                reads[*at] = stmts.get(*at).map_or_else(|| Reads::of_value(value), Reads::of_stmt);
            }
            let reader = match stmts.get(readers[0]) {
                Some(Stmt::Let(reader, _)) => Some(*reader),
                _ => None,
            };
            self.absorbed.push(Absorbed { func: self.func, var, family: *family, fate: Fate::Inlined(reader) });
        }
        stmts.retain(|stmt| !matches!(stmt, Stmt::Do(e) if matches!(e.kind, ExprKind::Unit)));
    }

    /// Whether one clause gives all cells, by arithmetic that cannot fail.
    fn is_plain(&self, family: &Family) -> bool {
        let [clause] = &family.clauses[..] else { return false };
        let covers = clause.slots.iter().zip(&family.axes).all(|(slot, axis)| match slot {
            Slot::Coord(binder) => is_whole(binder, &axis.extent),
            Slot::Fixed(_) => false,
        });
        let is_total = |e: &Expr| {
            let facts = self.facts.of(e, true);
            !facts.traps && !facts.effects
        };
        covers
            && !family.axes.is_empty()
            && clause.slots.len() == family.axes.len()
            && clause.wheres.is_empty()
            && clause.body.ty == family.elem
            && family.elem.scalar().is_some()
            && is_arithmetic(&clause.body)
            && is_total(&clause.body)
            && family.axes.iter().all(|axis| is_total(&axis.extent))
    }
}

/// Whether nothing in it makes tensors or loops.
fn is_arithmetic(e: &Expr) -> bool {
    use ExprKind::*;
    let mut plain = true;
    e.walk(&mut |e| {
        plain &= match &e.kind {
            Bool(_) | Int(_) | Float(_) | Var(_) | Op(..) | Cast(_) | And(..) | Or(..) | If(..) | StopGradient(_)
            | Checkpoint(_) | Dim(..) => true,
            Load(load) => matches!(load.tensor.kind, Var(_)),
            Block(stmts, _) => stmts.iter().all(|stmt| matches!(stmt, Stmt::Let(_, e) if e.ty.scalar().is_some())),
            _ => false,
        };
    });
    plain
}

fn nodes(e: &Expr) -> usize {
    let mut nodes = 0;
    e.walk(&mut |_| nodes += 1);
    nodes
}

/// A constant, or a cell of another tensor whose axes are in the same order: to read it is to read that.
fn is_copy(clause: &Clause) -> bool {
    let place = |e: &Expr| {
        let e = if let ExprKind::Cast(inner) = &e.kind { inner } else { e };
        clause.slots.iter().position(|slot| match (slot, &e.kind) {
            (Slot::Coord(binder), ExprKind::Var(var)) => binder.var == *var,
            _ => false,
        })
    };
    match &clause.body.kind {
        ExprKind::Load(load) => {
            let places: Option<Vec<usize>> = load.index.iter().map(place).collect();
            places.is_some_and(|places| places.is_sorted_by(|a, b| a < b))
        }
        ExprKind::Float(_) | ExprKind::Int(_) | ExprKind::Bool(_) => true,
        _ => false,
    }
}

/// Scalar arithmetic: doing it again costs less than storing it.
fn is_cheap(body: &Expr) -> bool {
    let mut cheap = true;
    body.walk(&mut |e| {
        cheap &= match &e.kind {
            ExprKind::Op(op, operands) => {
                let is_float = operands[0].ty.scalar().is_some_and(Scalar::is_float);
                match op {
                    Op::Add | Op::Sub | Op::Mul | Op::Neg | Op::Min | Op::Max | Op::Abs | Op::Not => true,
                    Op::Pow => is_float && matches!(operands[1].kind, ExprKind::Float(exponent) if exponent == 2.0),
                    _ => op.is_comparison(),
                }
            }
            ExprKind::If(..) | ExprKind::And(..) | ExprKind::Or(..) => false,
            _ => true,
        };
    });
    cheap && nodes(body) <= CHEAP
}

/// Whether the extents are those of other tensors, or constants: then they are not negative.
fn has_known_extents(family: &Family) -> bool {
    family.axes.iter().all(|axis| extent_of_axis(&axis.extent).is_some())
}

/// An extent as programs see it.
fn extent_of_axis(extent: &Expr) -> Option<Expr> {
    match &extent.kind {
        ExprKind::Cast(inner) if inner.ty == Type::I32 && matches!(inner.kind, ExprKind::Dim(..)) => {
            Some((**inner).clone())
        }
        _ => {
            let extent_value = constant(extent).filter(|value| (0..=i64::from(i32::MAX)).contains(value))?;
            Some(Expr { kind: ExprKind::Int(extent_value), ty: Type::I32, span: extent.span })
        }
    }
}

/// How a statement mentions variables.
#[derive(Default)]
struct Reads {
    of: HashMap<VarId, Mentions>,
    /// Coordinates of the loops around.
    coords: Vec<VarId>,
    /// Bodies that are evaluated once for each point of the loops around them.
    scope: usize,
    scopes: usize,
    /// Inside of something whose turns are not known.
    is_hidden: bool,
}

#[derive(Default)]
struct Mentions {
    /// Other than by reads of cells.
    is_whole: bool,
    /// By reads that meet a cell more than once.
    repeats: bool,
    extents: bool,
    cells: Vec<(usize, Vec<Expr>)>,
}

impl Reads {
    fn of_stmt(stmt: &Stmt) -> Reads {
        let mut reads = Reads { is_hidden: matches!(stmt, Stmt::Rec(_)), ..Reads::default() };
        stmt.for_each_child(|e| reads.expr(e));
        reads
    }

    fn of_value(value: &Expr) -> Reads {
        let mut reads = Reads::default();
        reads.expr(value);
        reads
    }

    fn mentions(&self, var: VarId) -> bool {
        self.of.contains_key(&var)
    }

    /// Whether nothing but cells is read, and none of them twice unless that `may_repeat`.
    fn is_clear(&self, var: VarId, may_repeat: bool) -> bool {
        self.of.get(&var).is_none_or(|mentions| !mentions.is_whole && (may_repeat || !mentions.repeats))
    }

    fn asks_extents(&self, var: VarId) -> bool {
        self.of.get(&var).is_some_and(|mentions| mentions.extents)
    }

    /// Places that compute a cell, if each computes it once.
    fn places(&self, var: VarId) -> usize {
        self.of.get(&var).map_or(0, |mentions| mentions.cells.len())
    }

    fn expr(&mut self, e: &Expr) {
        match &e.kind {
            ExprKind::Load(load) => {
                if let ExprKind::Var(var) = load.tensor.kind {
                    self.load(var, load);
                } else {
                    self.expr(&load.tensor);
                }
                load.index.iter().for_each(|e| self.expr(e));
            }
            ExprKind::Dim(tensor, _) if matches!(tensor.kind, ExprKind::Var(_)) => {
                tensor.for_each_use(|var| self.of.entry(*var).or_default().extents = true);
            }
            ExprKind::Family(family) => self.family(family),
            ExprKind::Reduce(reduce) => {
                let before = self.coords.len();
                for binder in &reduce.binders {
                    self.hidden(&binder.lo);
                    self.hidden(&binder.hi);
                }
                self.coords.extend(reduce.binders.iter().map(|binder| binder.var));
                reduce.wheres.iter().for_each(|item| self.scope(item_expr(item)));
                self.scope(&reduce.body);
                self.coords.truncate(before);
            }
            ExprKind::Comprehension(_) => e.for_each_child(|child| self.hidden(child)),
            ExprKind::Block(stmts, value) => {
                for stmt in stmts {
                    match stmt {
                        Stmt::Rec(_) => stmt.for_each_child(|e| self.hidden(e)),
                        _ => stmt.for_each_child(|e| self.expr(e)),
                    }
                }
                self.expr(value);
            }
            _ => {
                e.for_each_use(|var| self.of.entry(*var).or_default().is_whole = true);
                e.for_each_child(|child| self.expr(child));
            }
        }
    }

    fn family(&mut self, family: &Family) {
        family.axes.iter().for_each(|axis| self.hidden(&axis.extent));
        for clause in &family.clauses {
            let before = self.coords.len();
            for slot in &clause.slots {
                if let Slot::Coord(binder) = slot {
                    self.hidden(&binder.lo);
                    self.hidden(&binder.hi);
                    self.coords.push(binder.var);
                }
            }
            clause.wheres.iter().for_each(|item| self.scope(item_expr(item)));
            self.scope(&clause.body);
            clause.otherwise.iter().for_each(|e| self.scope(e));
            self.coords.truncate(before);
        }
    }

    fn scope(&mut self, e: &Expr) {
        self.scopes += 1;
        let outer = std::mem::replace(&mut self.scope, self.scopes);
        self.expr(e);
        self.scope = outer;
    }

    fn hidden(&mut self, e: &Expr) {
        let outer = std::mem::replace(&mut self.is_hidden, true);
        self.expr(e);
        self.is_hidden = outer;
    }

    fn load(&mut self, var: VarId, load: &Load) {
        let fits = !self.is_hidden && self.scope > 0 && load.proven.iter().all(|proven| *proven);
        let repeats = !meets_cells_once(&load.index, &self.coords);
        let mentions = self.of.entry(var).or_default();
        mentions.repeats |= repeats;
        if !fits {
            mentions.is_whole = true;
            return;
        }
        let is_known = |(scope, index): &(usize, Vec<Expr>)| {
            *scope == self.scope && index.iter().zip(&load.index).all(|(a, b)| same(a, b))
        };
        if !mentions.cells.iter().any(is_known) {
            mentions.cells.push((self.scope, load.index.clone()));
        }
    }
}

fn item_expr(item: &ir::WhereItem) -> &Expr {
    let (ir::WhereItem::Def(_, e) | ir::WhereItem::Guard(e)) = item;
    e
}

/// Whether no two turns of the loops around a read meet the same cell: each coordinate moves one index, by itself.
fn meets_cells_once(index: &[Expr], coords: &[VarId]) -> bool {
    let moved: Option<Vec<Option<VarId>>> = index.iter().map(moving).collect();
    let Some(moved) = moved else { return false };
    let moved: Vec<VarId> = moved.into_iter().flatten().collect();
    moved.len() == coords.len() && coords.iter().all(|coord| moved.contains(coord))
}

/// The coordinate that moves an index, if it does nothing but move with it; what else an index is made of is not known.
fn moving(index: &Expr) -> Option<Option<VarId>> {
    match &index.kind {
        ExprKind::Int(_) => Some(None),
        ExprKind::Var(var) if index.ty == Type::I32 => Some(Some(*var)),
        ExprKind::Op(Op::Add | Op::Sub, operands) if index.ty == Type::I32 => {
            match (moving(&operands[0])?, moving(&operands[1])?) {
                (Some(var), None) | (None, Some(var)) => Some(Some(var)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Puts the cells of a family where they are read.
struct Put<'a> {
    var: VarId,
    family: &'a Family,
    program: &'a mut Program,
}

impl Put<'_> {
    /// Outside of all bodies that are evaluated point by point.
    fn everywhere(&mut self, e: &mut Expr) {
        self.scope(e, &mut |_, _| None);
    }

    /// A body that is evaluated once for each point: what it reads several times is bound in front of it.
    fn body(&mut self, e: &mut Expr) {
        let mut places: Vec<(Vec<Expr>, usize)> = Vec::new();
        self.count(e, &mut places);
        let mut bound = Vec::new();
        for (index, _) in places.into_iter().filter(|(_, times)| *times > 1) {
            let value = self.cell(&index);
            let temp = VarId(self.program.vars.len() as u32);
            self.program.vars.push(ir::Var {
                kind: VarKind::Temp,
                ty: value.ty.clone(),
                coords: Vec::new(),
                ..self.program.vars[self.var.index()].clone()
            });
            bound.push((index, temp, value));
        }
        self.scope(e, &mut |put, index| {
            let known = bound.iter().find(|(known, ..)| known.iter().zip(index).all(|(a, b)| same(a, b)));
            Some(known.map_or_else(|| put.cell(index).kind, |(_, temp, _)| ExprKind::Var(*temp)))
        });
        if !bound.is_empty() {
            let nothing = Expr { kind: ExprKind::Unit, ty: e.ty.clone(), span: e.span };
            let inner = std::mem::replace(e, nothing);
            let lets = bound.into_iter().map(|(_, temp, value)| Stmt::Let(temp, value)).collect();
            e.kind = ExprKind::Block(lets, Box::new(inner));
        }
    }

    fn is_read(&self, load: &Load) -> bool {
        matches!(load.tensor.kind, ExprKind::Var(var) if var == self.var)
    }

    /// The reads of a body, those in bodies within it aside.
    fn count(&self, e: &Expr, places: &mut Vec<(Vec<Expr>, usize)>) {
        match &e.kind {
            ExprKind::Family(_) | ExprKind::Reduce(_) => {}
            ExprKind::Load(load) if self.is_read(load) => {
                match places.iter_mut().find(|(index, _)| index.iter().zip(&load.index).all(|(a, b)| same(a, b))) {
                    Some((_, times)) => *times += 1,
                    None => places.push((load.index.clone(), 1)),
                }
            }
            _ => e.for_each_child(|child| self.count(child, places)),
        }
    }

    /// `cell` says what takes the place of a read at an index.
    fn scope(&mut self, e: &mut Expr, cell: &mut dyn FnMut(&mut Self, &[Expr]) -> Option<ExprKind>) {
        match &mut e.kind {
            ExprKind::Load(load) if self.is_read(load) => {
                if let Some(kind) = cell(self, &load.index) {
                    e.kind = kind;
                }
            }
            ExprKind::Dim(tensor, axis) if matches!(tensor.kind, ExprKind::Var(var) if var == self.var) => {
                let extent = extent_of_axis(&self.family.axes[*axis].extent).expect("extents that are asked are known");
                e.kind = visit::refresh(&extent, self.program).kind;
            }
            ExprKind::Family(family) => {
                family.axes.iter_mut().for_each(|axis| self.scope(&mut axis.extent, cell));
                family.clauses.iter_mut().for_each(|clause| self.clause(clause, cell));
            }
            ExprKind::Reduce(reduce) => {
                for binder in &mut reduce.binders {
                    self.scope(&mut binder.lo, cell);
                    self.scope(&mut binder.hi, cell);
                }
                reduce.wheres.iter_mut().for_each(|item| self.item(item));
                self.body(&mut reduce.body);
            }
            ExprKind::Block(stmts, value) => {
                for stmt in stmts {
                    match stmt {
                        Stmt::Rec(recurrence) => {
                            let families = &mut Rc::make_mut(recurrence).families;
                            for (_, family) in families {
                                family.clauses.iter_mut().for_each(|clause| self.clause(clause, cell));
                            }
                        }
                        _ => stmt.for_each_child_mut(|e| self.scope(e, cell)),
                    }
                }
                self.scope(value, cell);
            }
            _ => e.for_each_child_mut(|child| self.scope(child, cell)),
        }
    }

    fn clause(&mut self, clause: &mut Clause, cell: &mut dyn FnMut(&mut Self, &[Expr]) -> Option<ExprKind>) {
        for slot in &mut clause.slots {
            if let Slot::Coord(binder) = slot {
                self.scope(&mut binder.lo, cell);
                self.scope(&mut binder.hi, cell);
            }
        }
        clause.wheres.iter_mut().for_each(|item| self.item(item));
        self.body(&mut clause.body);
        clause.otherwise.iter_mut().for_each(|e| self.body(e));
    }

    fn item(&mut self, item: &mut ir::WhereItem) {
        let (ir::WhereItem::Def(_, e) | ir::WhereItem::Guard(e)) = item;
        self.body(e);
    }

    /// The cell at an index.
    fn cell(&mut self, index: &[Expr]) -> Expr {
        let clause = &self.family.clauses[0];
        let mut at = HashMap::new();
        for (slot, index) in clause.slots.iter().zip(index) {
            if let Slot::Coord(binder) = slot {
                at.insert(binder.var, index.clone());
            }
        }
        let mut cell = visit::refresh(&clause.body, self.program);
        visit::substitute(&mut cell, &at, self.program);
        cell
    }
}

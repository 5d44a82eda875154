//! Families that are computed together, row by row: what one of them makes of a row is still near when the next one reads
//! it, and need not be stored for all rows.
//!
//! Families join if each reads the others at its own outer coordinates. They become one recurrence whose steps go along
//! these coordinates: a family that nothing else reads then keeps the row of one step (`plan::window`).
//!
//! Errors stay what they are: of families that can fail for some rows only the last may be one, and the ones before it
//! fail in the first row or never. Several groups are open at a time, as long as what joins one of them cannot fail.

use crate::calls::CallGraph;
use crate::facts::FunctionFacts;
use crate::plan::bounds::{End, is_whole, same};
use ir::{Axis, Clause, Expr, ExprKind, Family, Load, Op, Order, Program, Recurrence, Reduce, ReduceOp, Slot, Stmt};
use ir::{Var, VarId, VarKind, WhereItem, visit};
use std::collections::HashSet;
use std::rc::Rc;

pub fn fuse(program: &mut Program, checked: bool) {
    let facts = FunctionFacts::new(program, &CallGraph::new(program), checked);
    program.rewrite(|body, program, _| Pass { facts: &facts, checked, program }.expr(body));
}

struct Pass<'a> {
    facts: &'a FunctionFacts,
    checked: bool,
    program: &'a mut Program,
}

/// When evaluating the cells of a row can fail.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Fails {
    Never,
    /// In every row or in none.
    Alike,
    Somewhere,
}

struct Member {
    /// Its place among the statements.
    place: usize,
    var: VarId,
    value: Expr,
    fails: Fails,
    /// The members whose cells it reads.
    reads: Vec<usize>,
}

impl Member {
    fn family(&self) -> &Family {
        let ExprKind::Family(family) = &self.value.kind else { unreachable!("a member is a family") };
        family
    }
}

/// Families that may step together along so many of their outer coordinates.
struct Group {
    members: Vec<Member>,
    depth: usize,
}

impl Pass<'_> {
    fn expr(&mut self, e: &mut Expr) {
        e.for_each_child_mut(|child| self.expr(child));
        if let ExprKind::Block(stmts, value) = &mut e.kind {
            let families = stmts.iter().filter(|stmt| family_of(stmt).is_some()).count();
            if families > 0 {
                self.block(stmts, value);
            }
        }
    }

    fn block(&mut self, stmts: &mut Vec<Stmt>, value: &mut Expr) {
        let named = self.name_results(stmts, value);
        let mut out: Vec<Option<Stmt>> = Vec::with_capacity(stmts.len());
        let mut groups: Vec<Group> = Vec::new();
        for stmt in std::mem::take(stmts) {
            let depth = family_of(&stmt).map_or(0, |family| self.outer_coords(family));
            if depth == 0 {
                let is_total = self.is_total(&stmt);
                end_some(&mut groups, &mut out, |group| !is_total || group.is_read_by(&stmt));
                out.push(Some(stmt));
                continue;
            }
            let reads: Vec<bool> = groups.iter().map(|group| group.is_read_by(&stmt)).collect();
            let Stmt::Let(var, value) = stmt else { unreachable!("it binds a family") };
            let fails = self.fails(&value);
            let mut member = Some(Member { place: out.len(), var, value, fails, reads: Vec::new() });
            out.push(None);
            // What it reads comes first, then what has the same coordinates.
            let mut order: Vec<usize> = (0..groups.len()).rev().collect();
            order.sort_by_key(|at| !reads[*at]);
            let mut joined = None;
            for at in order {
                let Some(one) = member.take() else { break };
                member = groups[at].join(one, depth);
                if member.is_none() {
                    joined = Some(at);
                }
            }
            let mut at = 0;
            end_some(&mut groups, &mut out, |_| {
                at += 1;
                joined != Some(at - 1) && (reads[at - 1] || fails != Fails::Never)
            });
            if let Some(member) = member {
                groups.push(Group { members: vec![member], depth });
            }
        }
        end_some(&mut groups, &mut out, |_| true);
        *stmts = out.into_iter().flatten().collect();
        unname_results(stmts, value, &named);
    }

    /// Families that a block gives become bindings, to be seen like the others, as long as nothing is evaluated before them.
    fn name_results(&mut self, stmts: &mut Vec<Stmt>, value: &mut Expr) -> HashSet<VarId> {
        let results = match &mut value.kind {
            ExprKind::Tuple(items) => items.iter_mut().collect(),
            _ => vec![value],
        };
        let mut named = HashSet::new();
        for result in results {
            let family = match &result.kind {
                ExprKind::Family(family) => family,
                ExprKind::Var(_) | ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Bool(_) => continue,
                _ => break,
            };
            let coords = family.axes.iter().map(|axis| axis.name).collect();
            let (name, ty, span) = (family.name, result.ty.clone(), result.span);
            let var = VarId(self.program.vars.len() as u32);
            self.program.vars.push(Var { name, ty: ty.clone(), span, kind: VarKind::Temp, coords });
            let read = Expr { kind: ExprKind::Var(var), ty, span };
            stmts.push(Stmt::Let(var, std::mem::replace(result, read)));
            named.insert(var);
        }
        named
    }

    /// Whether a statement may come before what it came after.
    fn is_total(&self, stmt: &Stmt) -> bool {
        let mut total = !matches!(stmt, Stmt::Rec(_));
        stmt.for_each_child(|e| {
            let facts = self.facts.of(e, false);
            total &= !facts.traps && !facts.effects;
        });
        total
    }

    /// Along how many of its outer coordinates a family can be computed step by step without costing more.
    fn outer_coords(&self, family: &Family) -> usize {
        let facts = family.clauses.iter().flat_map(parts).map(|e| self.facts.of(e, true));
        if family.elem.scalar().is_none() || facts.into_iter().any(|facts| facts.effects) {
            return 0;
        }
        let is_full = |clause: &Clause| clause.slots.len() == family.axes.len();
        if family.clauses.is_empty() || !family.clauses.iter().all(is_full) {
            return 0;
        }
        let fits = |axis: &usize| family.clauses.iter().all(|clause| is_step(clause, *axis, &family.axes[*axis]));
        (0..family.axes.len()).take_while(fits).count()
    }

    fn fails(&self, value: &Expr) -> Fails {
        let ExprKind::Family(family) = &value.kind else { return Fails::Somewhere };
        let mut all = Fails::Never;
        for clause in &family.clauses {
            let coords: Vec<VarId> = binders(clause).collect();
            for part in parts(clause) {
                part.walk(&mut |e| {
                    if self.facts.of_node(e, true).traps {
                        let alike = !self.checked && matches!(&e.kind, ExprKind::Reduce(r) if is_alike(r, &coords));
                        all = all.max(if alike { Fails::Alike } else { Fails::Somewhere });
                    }
                });
            }
        }
        all
    }
}

impl Group {
    /// Takes a family in, or gives it back.
    fn join(&mut self, member: Member, depth: usize) -> Option<Member> {
        let (first, family) = (self.members[0].family(), member.family());
        let mut depth = depth.min(self.depth);
        let same_extent = |axis: &usize| same(&first.axes[*axis].extent, &family.axes[*axis].extent);
        depth = (0..depth).take_while(same_extent).count();
        let fails = self.members.iter().map(|member| member.fails).max().unwrap_or(Fails::Never);
        if fails == Fails::Somewhere && member.fails != Fails::Never {
            return Some(member);
        }
        let mut reads = Vec::new();
        let is_own = |clause: &Clause| {
            let coords: Vec<VarId> = binders(clause).collect();
            parts(clause).all(|part| reads_own_rows(part, &self.members, &coords, &mut depth, &mut reads))
        };
        if !family.clauses.iter().all(is_own) {
            return Some(member);
        }
        let member = Member { reads, ..member };
        if !self.has_rows(&member, depth) {
            depth = depth.saturating_sub(1);
        }
        let is_free = fails == Fails::Never && member.fails == Fails::Never;
        if depth == 0 || member.reads.is_empty() && !is_free {
            return Some(member);
        }
        self.depth = depth;
        self.members.push(member);
        None
    }

    /// Whether a step of so many coordinates still has a loop in it.
    fn has_rows(&self, member: &Member, depth: usize) -> bool {
        let has_loop = |member: &Member| {
            let mut loops = member.family().axes.len() > depth;
            member.value.walk(&mut |e| loops |= matches!(e.kind, ExprKind::Reduce(_)));
            loops
        };
        self.members.iter().chain([member]).any(has_loop)
    }

    fn is_read_by(&self, stmt: &Stmt) -> bool {
        let mut reads = false;
        stmt.for_each_child(|e| {
            e.walk(&mut |e| e.for_each_use(|var| reads |= self.members.iter().any(|member| member.var == *var)));
        });
        reads
    }

    /// Those that read each other as one recurrence, where the last of them stood, and the others as they were.
    fn end(self, out: &mut [Option<Stmt>]) {
        let Group { members, depth } = self;
        let read: HashSet<usize> = members.iter().flat_map(|member| member.reads.iter().copied()).collect();
        let (mut alone, mut together) = (Vec::new(), Vec::new());
        for (k, member) in members.into_iter().enumerate() {
            if member.reads.is_empty() && !read.contains(&k) { &mut alone } else { &mut together }.push(member);
        }
        for member in alone {
            out[member.place] = Some(Stmt::Let(member.var, member.value));
        }
        let Some(place) = together.last().map(|member| member.place) else { return };
        let count = together.len();
        let mut order: Vec<Order> = (0..count).map(Order::Cells).collect();
        for axis in (0..depth).rev() {
            let axes = (0..count).map(|family| (family, axis)).collect();
            order = vec![Order::Steps { axes, descending: false, body: order }];
        }
        let families = together.into_iter().map(|member| match member.value.kind {
            ExprKind::Family(family) => (member.var, *family),
            _ => unreachable!("a member is a family"),
        });
        out[place] = Some(Stmt::Rec(Rc::new(Recurrence { families: families.collect(), order })));
    }
}

/// Ends some of the groups.
fn end_some(groups: &mut Vec<Group>, out: &mut [Option<Stmt>], mut ends: impl FnMut(&Group) -> bool) {
    for group in std::mem::take(groups) {
        if ends(&group) { group.end(out) } else { groups.push(group) }
    }
}

/// Results that were not joined stand where they stood.
fn unname_results(stmts: &mut Vec<Stmt>, value: &mut Expr, named: &HashSet<VarId>) {
    let results = match &mut value.kind {
        ExprKind::Tuple(items) => items.iter_mut().collect(),
        _ => vec![value],
    };
    for result in results.into_iter().rev() {
        if let (Some(Stmt::Let(var, _)), ExprKind::Var(read)) = (stmts.last(), &result.kind)
            && var == read
            && named.contains(var)
            && let Some(Stmt::Let(_, family)) = stmts.pop()
        {
            *result = family;
        }
    }
}

fn family_of(stmt: &Stmt) -> Option<&Family> {
    match stmt {
        Stmt::Let(_, Expr { kind: ExprKind::Family(family), .. }) => Some(family),
        _ => None,
    }
}

fn binders(clause: &Clause) -> impl Iterator<Item = VarId> {
    clause.slots.iter().map_while(|slot| match slot {
        Slot::Coord(binder) => Some(binder.var),
        Slot::Fixed(_) => None,
    })
}

fn parts(clause: &Clause) -> impl Iterator<Item = &Expr> {
    clause.wheres.iter().map(item_expr).chain([&clause.body]).chain(&clause.otherwise)
}

/// Whether the number of points of a reduction is the same for all cells.
fn is_alike(reduce: &Reduce, coords: &[VarId]) -> bool {
    let guarded = reduce.wheres.iter().any(|item| matches!(item, WhereItem::Guard(_)));
    let ends = || reduce.binders.iter().flat_map(|binder| [&binder.lo, &binder.hi]);
    !guarded && ends().all(|end| coords.iter().all(|coord| !mentions(end, *coord)))
}

fn mentions(e: &Expr, var: VarId) -> bool {
    let mut found = false;
    e.walk(&mut |e| e.for_each_use(|used| found |= *used == var));
    found
}

/// Whether the value depends on a coordinate otherwise than by the cells at it.
fn counts_on(e: &Expr, var: VarId) -> bool {
    match &e.kind {
        ExprKind::Load(_) => false,
        ExprKind::Var(other) => *other == var,
        _ => {
            let mut found = false;
            e.for_each_child(|child| found |= counts_on(child, var));
            found
        }
    }
}

/// Whether the cells of a clause can be computed step by step along an axis, whose outer axes are steps already.
fn is_step(clause: &Clause, axis: usize, of: &Axis) -> bool {
    let Slot::Coord(binder) = &clause.slots[axis] else { return false };
    let coord = binder.var;
    let outer: Vec<VarId> = binders(clause).take(axis).collect();
    let open: Vec<VarId> = binders(clause).collect();
    let guards = clause.wheres.iter().all(|item| !counts_on(item_expr(item), coord));
    let ranges = clause.slots.iter().all(|slot| match slot {
        Slot::Coord(binder) => !mentions(&binder.lo, coord) && !mentions(&binder.hi, coord),
        Slot::Fixed(_) => true,
    });
    let mut fits = true;
    for part in parts(clause) {
        part.walk(&mut |e| {
            fits &= match &e.kind {
                ExprKind::Load(load) => is_outermost(load, coord, &outer),
                ExprKind::Reduce(reduce) => is_per_step(reduce, coord, &open),
                _ => true,
            };
        });
    }
    fits && guards && ranges && is_whole(binder, &of.extent) && End::of(&binder.lo).same(End::Const(0))
}

fn item_expr(item: &WhereItem) -> &Expr {
    let (WhereItem::Def(_, e) | WhereItem::Guard(e)) = item;
    e
}

/// Whether what a coordinate moves lies further apart than what others move, outer coordinates aside.
fn is_outermost(load: &Load, coord: VarId, outer: &[VarId]) -> bool {
    let moved = load.index.iter().rposition(|e| mentions(e, coord));
    let Some(moved) = moved else { return true };
    load.index[..moved].iter().all(|e| {
        let used = visit::free_vars(e);
        used.iter().all(|var| outer.contains(var) || *var == coord)
    })
}

/// Whether a reduction takes as long for all steps at once as for one after the other.
fn is_per_step(reduce: &Reduce, coord: VarId, open: &[VarId]) -> bool {
    let ends = reduce.binders.iter().flat_map(|binder| [&binder.lo, &binder.hi]);
    let items = reduce.wheres.iter().map(item_expr);
    if ends.chain(items).any(|e| counts_on(e, coord)) {
        return false;
    }
    if reduce.op != ReduceOp::Sum {
        return true;
    }
    // Products of two tensors are better off whole if each has a coordinate that the other one lacks.
    let mut loads: Vec<Vec<VarId>> = Vec::new();
    let mut multiplies = false;
    reduce.body.walk(&mut |e| match &e.kind {
        ExprKind::Load(load) => loads.push(load.index.iter().flat_map(visit::free_vars).collect()),
        ExprKind::Op(op, _) => multiplies |= matches!(op, Op::Mul | Op::Pow | Op::PowI | Op::Abs),
        _ => {}
    });
    let lacks = |a: &[VarId], b: &[VarId]| open.iter().any(|var| b.contains(var) && !a.contains(var));
    let is_product = |a: &[VarId], b: &[VarId]| a.contains(&coord) && !b.contains(&coord) && lacks(a, b);
    !multiplies || !loads.iter().any(|a| loads.iter().any(|b| is_product(a, b)))
}

/// Whether members are only read at the outer coordinates of the reader, of which there may be fewer than thought.
fn reads_own_rows(e: &Expr, members: &[Member], coords: &[VarId], depth: &mut usize, reads: &mut Vec<usize>) -> bool {
    let member = |e: &Expr| match e.kind {
        ExprKind::Var(var) => members.iter().position(|member| member.var == var),
        _ => None,
    };
    match &e.kind {
        ExprKind::Var(_) => member(e).is_none(),
        ExprKind::Dim(tensor, _) if member(tensor).is_some() => true,
        ExprKind::Load(load) => {
            if let Some(member) = member(&load.tensor) {
                let own = |(index, coord): &(&Expr, &VarId)| matches!(index.kind, ExprKind::Var(var) if var == **coord);
                *depth = (*depth).min(load.index.iter().zip(coords).take_while(own).count());
                if !reads.contains(&member) {
                    reads.push(member);
                }
            } else if !reads_own_rows(&load.tensor, members, coords, depth, reads) {
                return false;
            }
            *depth > 0 && load.index.iter().all(|e| reads_own_rows(e, members, coords, depth, reads))
        }
        _ => {
            let mut all = true;
            e.for_each_child(|child| all = all && reads_own_rows(child, members, coords, depth, reads));
            all
        }
    }
}

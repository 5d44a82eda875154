//! The statements of a block that have to do with the steps of long recurrences: from the first recurrence to the last
//! reader of what it stores.

use super::reads::*;
use crate::facts::FunctionFacts;
use crate::plan::bounds::same;
use crate::plan::linear::{Definitions, Linear};
use ir::{Clause, Expr, ExprKind, Family, Order, ReduceOp, Slot, Stmt, VarId, visit};
use std::collections::{HashMap, HashSet};

/// A statement whose families are computed segment by segment.
pub struct Member<'e> {
    pub stmt: usize,
    pub families: Vec<(VarId, &'e Family)>,
    /// Along which axis of each the steps go.
    pub axes: Vec<usize>,
    /// Of a recurrence, whether its steps go down, and what a step does.
    pub steps: Option<(bool, &'e [Order])>,
    /// So many steps before a segment and behind it are there as well.
    pub back: i64,
    pub ahead: i64,
}

impl Member<'_> {
    /// How far from the first step of a segment, and from behind its last one, the steps lie that it computes itself.
    pub fn computed(&self) -> (i64, i64) {
        match self.steps {
            None => (-self.back, self.ahead),
            Some((false, _)) => (0, self.ahead),
            Some((true, _)) => (-self.back, 0),
        }
    }

    pub fn has(&self, var: VarId) -> bool {
        self.families.iter().any(|(own, _)| *own == var)
    }
}

/// A step of a family that is read by itself.
#[derive(Clone)]
pub struct Pick {
    pub at: Expr,
    pub proven: bool,
}

pub struct Region<'e> {
    pub stmts: std::ops::Range<usize>,
    pub members: Vec<Member<'e>>,
    pub reader: Reader<'e>,
    pub picks: HashMap<VarId, Vec<Pick>>,
    /// The reads at readers' own steps, by members or sums.
    reads: Vec<(Option<usize>, VarId, i64)>,
    /// Behind the last steps of sums.
    pub ends: Vec<Expr>,
    /// Ranges that a mean needs a point of.
    pub not_empty: Vec<(Expr, Expr)>,
}

/// The region of a block, if it has a recurrence of which more than a window (`windowed`) is stored.
pub fn region<'e>(
    stmts: &'e [Stmt],
    value: &Expr,
    known: &'e Definitions<'e>,
    facts: &'e FunctionFacts,
    windowed: &HashSet<VarId>,
) -> Option<Region<'e>> {
    let mut out = HashSet::new();
    loop {
        let first = (0..stmts.len()).find(|k| !out.contains(k) && matches!(&stmts[*k], Stmt::Rec(_)))?;
        let late = stmts[first..].iter().flat_map(bound_by).collect();
        let mut region = Region {
            stmts: first..first + 1,
            members: Vec::new(),
            reader: Reader { tapes: HashMap::new(), known, facts, late },
            picks: HashMap::new(),
            reads: Vec::new(),
            ends: Vec::new(),
            not_empty: Vec::new(),
        };
        for (k, stmt) in stmts.iter().enumerate().skip(first) {
            region.take(k, stmt, !out.contains(&k));
        }
        for var in visit::free_vars(value) {
            region.note(None, var, Read::Whole);
        }
        if !region.members.iter().any(|member| member.stmt == first) {
            out.insert(first);
            continue;
        }
        region.distances();
        let before = out.len();
        let stay =
            |member: &&Member| region.saves(member, &free_in(&stmts[member.stmt])) && region.starts_early(member);
        let (_, leave): (Vec<&Member>, Vec<&Member>) = region.members.iter().partition(stay);
        out.extend(leave.iter().map(|member| member.stmt));
        if out.len() == before {
            return region.is_long(windowed).then_some(region);
        }
    }
}

impl<'e> Region<'e> {
    /// Whether a recurrence of the region stores steps that segments would not.
    fn is_long(&self, windowed: &HashSet<VarId>) -> bool {
        self.members
            .iter()
            .filter(|member| member.steps.is_some())
            .any(|member| member.families.iter().any(|(var, _)| self.is_tape(*var) && !windowed.contains(var)))
    }

    pub fn is_tape(&self, var: VarId) -> bool {
        self.reader.tapes.get(&var).is_some_and(|tape| !tape.whole)
    }

    /// Whether it makes a difference that a member is one.
    fn saves(&self, member: &Member, free: &HashSet<VarId>) -> bool {
        member.families.iter().any(|(var, _)| self.is_tape(*var))
            || free.iter().any(|var| self.is_tape(*var) && !member.has(*var))
    }

    /// Whether the extents of a member are known in front of the region.
    fn starts_early(&self, member: &Member) -> bool {
        let mut extents = member.families.iter().flat_map(|(_, family)| &family.axes);
        extents.all(|axis| visit::free_vars(&axis.extent).iter().all(|var| !self.reader.late.contains(var)))
    }

    fn take(&mut self, k: usize, stmt: &'e Stmt, may_be_member: bool) {
        let inner = bound_inside(stmt);
        let member = if may_be_member { self.member(k, stmt, &inner) } else { None };
        let mut noted = Vec::new();
        if let Some(member) = member {
            let number = self.members.len();
            for ((var, _), axis) in member.families.iter().zip(&member.axes) {
                let tape = Tape { member: number, axis: *axis, whole: false, carried: false };
                self.reader.tapes.insert(*var, tape);
            }
            self.reads_of_member(&member, &inner, &mut |var, read| noted.push((var, read)));
            self.members.push(member);
            noted.into_iter().for_each(|(var, read)| self.note(Some(number), var, read));
            self.stmts.end = k + 1;
            return;
        }
        let mut sums = Sums::default();
        stmt.for_each_child(|e| {
            self.reader.reads(e, None, &inner, Some(&mut sums), &mut |var, read| noted.push((var, read)));
        });
        for sum in sums.found {
            noted.extend(sum.reads);
            self.ends.push(sum.end);
            if sum.reduce.op == ReduceOp::Mean {
                self.not_empty.extend(sum.reduce.binders.into_iter().map(|binder| (binder.lo, binder.hi)));
            }
        }
        if !noted.is_empty() {
            self.stmts.end = k + 1;
        }
        noted.into_iter().for_each(|(var, read)| self.note(None, var, read));
    }

    fn note(&mut self, reader: Option<usize>, var: VarId, read: Read) {
        match read {
            Read::At(ahead) => self.reads.push((reader, var, ahead)),
            Read::Step(at, proven) => {
                let picks = self.picks.entry(var).or_default();
                match picks.iter_mut().find(|pick| same(&pick.at, &at)) {
                    Some(pick) => pick.proven &= proven,
                    None => picks.push(Pick { at, proven }),
                }
            }
            Read::Whole => {
                if let Some(tape) = self.reader.tapes.get_mut(&var) {
                    tape.whole = true;
                }
            }
        }
    }

    /// The families that a member reads at its own steps.
    pub fn read_at_steps(&self, number: usize) -> Vec<VarId> {
        let own = |reader: &Option<usize>| *reader == Some(number);
        self.reads.iter().filter(|(reader, ..)| own(reader)).map(|(_, var, _)| *var).collect()
    }

    /// The reads of a member, each with the step of its clause.
    pub fn reads_of_member(&self, member: &Member, inner: &HashSet<VarId>, f: &mut dyn FnMut(VarId, Read)) {
        for ((_, family), axis) in member.families.iter().zip(&member.axes) {
            for axis in &family.axes {
                self.reader.reads(&axis.extent, None, inner, None, f);
            }
            for clause in &family.clauses {
                let step = step_of(clause, *axis);
                clause.for_each_child(|e| self.reader.reads(e, step.as_ref(), inner, None, f));
            }
        }
    }

    fn member(&mut self, k: usize, stmt: &'e Stmt, inner: &HashSet<VarId>) -> Option<Member<'e>> {
        let is_plain = |family: &Family| family.elem.scalar().is_some() && !family.axes.is_empty();
        let mut effects = false;
        stmt.for_each_child(|e| effects |= self.reader.facts.of(e, true).effects);
        if effects {
            return None;
        }
        match stmt {
            Stmt::Rec(recurrence) => {
                let [Order::Steps { axes, descending, body }] = &recurrence.order[..] else { return None };
                let axis_of = |f: usize| axes.iter().find(|(family, _)| *family == f).map(|(_, axis)| *axis);
                let own = (0..recurrence.families.len()).map(axis_of).collect::<Option<Vec<_>>>()?;
                let families: Vec<_> = recurrence.families.iter().map(|(var, family)| (*var, family)).collect();
                let has_step = |(k, (_, family)): (usize, &(VarId, &Family))| {
                    is_plain(family) && family.clauses.iter().all(|clause| clause.slots.len() > own[k])
                };
                if !families.iter().enumerate().all(has_step) {
                    return None;
                }
                let steps = Some((*descending, &body[..]));
                let member = Member { stmt: k, families, axes: own, steps, back: 0, ahead: 0 };
                self.steps_on(&member, *descending, inner).then_some(member)
            }
            Stmt::Let(var, Expr { kind: ExprKind::Family(family), .. }) if is_plain(family) => {
                let follows = |axis: &usize| {
                    if !family.clauses.iter().all(|clause| clause.slots.len() > *axis) {
                        return false;
                    }
                    let member = Member {
                        stmt: k,
                        families: vec![(*var, &**family)],
                        axes: vec![*axis],
                        steps: None,
                        back: 0,
                        ahead: 0,
                    };
                    let (mut at, mut whole) = (false, false);
                    self.reads_of_member(&member, inner, &mut |_, read| match read {
                        Read::At(_) => at = true,
                        Read::Step(..) => {}
                        Read::Whole => whole = true,
                    });
                    at && !whole
                };
                let axis = (0..family.axes.len()).find(follows)?;
                let families = vec![(*var, &**family)];
                Some(Member { stmt: k, families, axes: vec![axis], steps: None, back: 0, ahead: 0 })
            }
            _ => None,
        }
    }

    /// Whether a recurrence reads nothing of itself but steps that are done.
    fn steps_on(&mut self, member: &Member<'e>, descending: bool, inner: &HashSet<VarId>) -> bool {
        for ((var, _), axis) in member.families.iter().zip(&member.axes) {
            let tape = Tape { member: usize::MAX, axis: *axis, whole: false, carried: false };
            self.reader.tapes.insert(*var, tape);
        }
        let mut fits = true;
        self.reads_of_member(member, inner, &mut |var, read| {
            fits &=
                !member.has(var) || matches!(read, Read::At(ahead) if if descending { ahead >= 0 } else { ahead <= 0 });
        });
        for (var, _) in &member.families {
            self.reader.tapes.remove(var);
        }
        fits
    }

    /// How many steps around a segment its readers ask for. Readers come behind what they read.
    fn distances(&mut self) {
        for number in (0..self.members.len()).rev() {
            for (reader, var, ahead) in &self.reads {
                let Some(tape) = self.reader.tapes.get_mut(var).filter(|tape| tape.member == number) else { continue };
                let (lo, hi) = match reader {
                    Some(reader) => self.members[*reader].computed(),
                    None => (0, 0),
                };
                let (lo, hi) = (lo + ahead, hi + ahead);
                let member = &mut self.members[number];
                member.back = member.back.max(-lo);
                member.ahead = member.ahead.max(hi);
                tape.carried |= match member.steps {
                    None => false,
                    Some((false, _)) => lo < 0,
                    Some((true, _)) => hi > 0,
                };
            }
        }
    }
}

/// Where a clause's cells stand along the axis of the steps.
pub fn step_of(clause: &Clause, axis: usize) -> Option<Linear> {
    match clause.slots.get(axis)? {
        Slot::Fixed(at) => Some(Linear::constant(*at)),
        Slot::Coord(binder) => Some(Linear::var(binder.var)),
    }
}

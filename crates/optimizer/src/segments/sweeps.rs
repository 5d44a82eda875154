//! In how many sweeps over the segments a region is computed, and what each of them does.
//!
//! A sweep goes on until something needs what is only known at its end, or steps have to go the other way. What it needs
//! of the steps of an earlier one it computes again.

use super::reads::*;
use super::region::Region;
use ir::{Stmt, VarId};
use std::collections::{BTreeSet, HashMap, HashSet};

#[derive(Default)]
pub struct Sweep {
    /// Nothing, as long as nothing has asked for a direction.
    pub descending: Option<bool>,
    /// The members that it is the first to compute, and those that it computes again.
    pub members: Vec<usize>,
    pub again: BTreeSet<usize>,
    /// The sums of statements that it takes.
    pub sums: Vec<(usize, Sum)>,
}

pub enum Part {
    Sweep(Sweep),
    /// A statement as it is, but for what it reads.
    Plain(usize),
}

pub fn schedule(region: &Region, stmts: &[Stmt]) -> Vec<Part> {
    let numbers = region.members.iter().enumerate().map(|(number, member)| (member.stmt, number)).collect();
    let mut schedule = Schedule {
        region,
        numbers,
        parts: Vec::new(),
        sweep: None,
        waiting: Vec::new(),
        later: HashSet::new(),
        done: HashSet::new(),
    };
    for k in region.stmts.clone() {
        schedule.take(k, &stmts[k]);
    }
    schedule.close();
    schedule.parts
}

struct Schedule<'r, 'e> {
    region: &'r Region<'e>,
    numbers: HashMap<usize, usize>,
    parts: Vec<Part>,
    sweep: Option<Sweep>,
    /// Statements that need what the sweep makes, and what they bind.
    waiting: Vec<usize>,
    later: HashSet<VarId>,
    /// Members that are computed by earlier sweeps.
    done: HashSet<usize>,
}

impl Schedule<'_, '_> {
    fn take(&mut self, k: usize, stmt: &Stmt) {
        let inner = bound_inside(stmt);
        let free = free_in(stmt);
        if let Some(number) = self.numbers.get(&k).copied() {
            let member = &self.region.members[number];
            let turns = |sweep: &Sweep| {
                member.steps.is_some_and(|(down, _)| sweep.descending.is_some_and(|descending| descending != down))
            };
            let mut asks = false;
            self.region.reads_of_member(member, &inner, &mut |var, read| {
                asks |= !matches!(read, Read::At(_)) && self.is_in_sweep(var);
            });
            if self.sweep.as_ref().is_some_and(turns) || asks || self.is_late(&free) {
                self.close();
            }
            let read: Vec<VarId> = free.into_iter().filter(|var| !member.has(*var)).collect();
            let sweep = self.sweep.get_or_insert_default();
            sweep.members.push(number);
            sweep.descending = sweep.descending.or(member.steps.map(|(down, _)| down));
            return self.compute_again(&read);
        }
        let (mut sums, mut asks) = (Sums::default(), false);
        stmt.for_each_child(|e| {
            self.region.reader.reads(e, None, &inner, Some(&mut sums), &mut |var, _| asks |= self.is_in_sweep(var));
        });
        let has_sums = !sums.found.is_empty();
        for sum in sums.found {
            let picks = sum.reads.iter().any(|(var, read)| !matches!(read, Read::At(_)) && self.is_in_sweep(*var));
            if picks || self.is_late(&sum.free.iter().copied().collect()) {
                self.close();
            }
            let read: Vec<VarId> = sum.reads.iter().map(|(var, _)| *var).collect();
            self.sweep.get_or_insert_default().sums.push((k, sum));
            self.compute_again(&read);
        }
        let mut effects = false;
        stmt.for_each_child(|e| effects |= self.region.reader.facts.of(e, false).effects);
        if effects {
            self.close();
        }
        if self.sweep.is_some() && (has_sums || asks || self.is_late(&free)) {
            self.waiting.push(k);
            self.later.extend(bound_by(stmt));
        } else {
            self.parts.push(Part::Plain(k));
        }
    }

    fn is_in_sweep(&self, var: VarId) -> bool {
        let tape = self.region.reader.tapes.get(&var);
        tape.is_some_and(|tape| self.sweep.as_ref().is_some_and(|sweep| sweep.members.contains(&tape.member)))
    }

    fn is_late(&self, free: &HashSet<VarId>) -> bool {
        free.iter().any(|var| self.later.contains(var))
    }

    /// What of earlier sweeps the sweep has to compute again for what reads these.
    fn compute_again(&mut self, read: &[VarId]) {
        let mut open: Vec<VarId> = read.to_vec();
        while let Some(var) = open.pop() {
            let Some(tape) = self.region.reader.tapes.get(&var).filter(|tape| !tape.whole) else { continue };
            let sweep = self.sweep.get_or_insert_default();
            if self.done.contains(&tape.member) && sweep.again.insert(tape.member) {
                open.extend(self.region.read_at_steps(tape.member));
            }
        }
    }

    fn close(&mut self) {
        if let Some(sweep) = self.sweep.take() {
            self.done.extend(&sweep.members);
            self.parts.push(Part::Sweep(sweep));
        }
        self.parts.extend(self.waiting.drain(..).map(Part::Plain));
        self.later.clear();
    }
}

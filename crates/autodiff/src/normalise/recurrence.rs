//! Recurrences: what is lifted out of a cell and reads a family of the group becomes another family of it.

use super::family::Steps;
use super::place::Selection;
use super::value::{Cells, Tensor, Value};
use super::{Normaliser, Outcome, Unsupported};
use ir::*;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

pub(super) struct Group {
    members: HashSet<VarId>,
    /// The family in evaluation.
    host: usize,
    lifted: Vec<Lifted>,
    /// What checks cells of the group, and so comes behind it.
    after: Vec<Stmt>,
}

struct Lifted {
    /// Whose cells need it, right before they are computed.
    host: usize,
    families: Vec<(VarId, Family)>,
    /// Their own order, by their own numbers.
    order: Vec<Order>,
    steps: Vec<StepAxes>,
}

/// Which axis runs along a step: the depth of the recurrence and the axis of its family in evaluation.
type StepAxes = HashMap<(usize, usize), usize>;

impl Group {
    pub(super) fn join(&mut self, families: Vec<(VarId, Family)>, order: Vec<Order>, steps: Vec<StepAxes>) {
        self.members.extend(families.iter().map(|(var, _)| *var));
        self.lifted.push(Lifted { host: self.host, families, order, steps });
    }

    pub(super) fn check_after(&mut self, stmt: Stmt) {
        self.after.push(stmt);
    }
}

impl Normaliser<'_> {
    /// The innermost recurrence of which one of these is a family.
    pub(super) fn group_of(&self, vars: &HashSet<VarId>) -> Option<usize> {
        self.groups.iter().rposition(|group| !group.members.is_disjoint(vars))
    }

    pub(super) fn recurrence(&mut self, recurrence: &Rc<Recurrence>) -> Outcome<()> {
        let selection_and_gate = if self.scope.is_empty() { None } else { Some(self.select_for(recurrence)?) };
        let (selection, gate) = match selection_and_gate {
            Some(both) => both,
            None => (Selection { coords: Vec::new(), kept: Vec::new(), group: None }, None),
        };
        let prefix = self.prefix(&selection);
        let mut members = Vec::new();
        for (var, family) in &recurrence.families {
            let extents = self.extents_of(family)?;
            let mut like = self.program.vars[var.index()].clone();
            let names: Vec<_> = family.axes.iter().map(|axis| axis.name).collect();
            like.ty = Type::tensor(family.elem.clone(), prefix.len() + family.axes.len());
            like.coords.clear();
            like.coords.resize(prefix.len() + family.axes.len(), None);
            let member = if prefix.is_empty() { *var } else { self.new_var(like) };
            let cells = Cells::Stored { var: member, prefix: self.all_fresh(&prefix) };
            let tensor = Tensor {
                elem: family.elem.clone(),
                extents: self.all_fresh(&extents),
                names,
                cells,
                span: family.span,
            };
            self.env.insert(*var, Value::Tensor(tensor));
            members.push((member, extents));
        }
        let depth = self.groups.len();
        self.groups.push(Group {
            members: members.iter().map(|(var, _)| *var).collect(),
            host: 0,
            lifted: Vec::new(),
            after: Vec::new(),
        });
        let mut families = Vec::new();
        for (k, (_, family)) in recurrence.families.iter().enumerate() {
            self.groups[depth].host = k;
            let (member, extents) = &members[k];
            let steps = Steps { depth, axes: steps_of(&recurrence.order, k) };
            let own = self.clauses(family, extents, Some(&steps))?;
            let lifted = self.lifted(own, &selection, gate.clone())?;
            let names = lifted.axes.iter().map(|axis| axis.name).collect();
            self.program.vars[member.index()].coords = names;
            self.note_family(*member, &lifted);
            families.push((*member, lifted));
        }
        let Some(group) = self.groups.pop() else { return Err(Unsupported) };
        let mut steps = vec![self.step_axes(&selection); families.len()];
        let mut order = Joined { depth, added: prefix.len(), lifted: Vec::new() };
        for lifted in group.lifted {
            let first = families.len();
            families.extend(lifted.families);
            steps.extend(lifted.steps.iter().cloned());
            order.lifted.push((first, lifted.host, lifted.order, lifted.steps));
        }
        let order = order.all(&recurrence.order)?;
        match selection.group {
            Some(outer) => {
                self.groups[outer].join(families, order, steps);
                self.groups[outer].after.extend(group.after);
            }
            None => {
                self.out.push(Stmt::Rec(Rc::new(Recurrence { families, order })));
                self.out.extend(group.after);
            }
        }
        Ok(())
    }

    /// By everything that the clauses read, whatever becomes of them.
    fn select_for(&mut self, recurrence: &Rc<Recurrence>) -> Outcome<(Selection, Option<Expr>)> {
        let stmt = Stmt::Rec(recurrence.clone());
        let mut free = HashSet::new();
        stmt.for_each_child(|child| {
            for var in visit::free_vars(child) {
                match self.env.get(&var) {
                    Some(value) => value.free(&mut free),
                    None => {
                        free.insert(var);
                    }
                }
            }
        });
        let mut free: Vec<VarId> = free.into_iter().collect();
        free.sort_unstable();
        self.select(&free, false, false)
    }
}

impl Value {
    fn free(&self, free: &mut HashSet<VarId>) {
        let mut add = |e: &Expr| free.extend(visit::free_vars(e));
        match self {
            Value::Cell(e) | Value::Opaque(e) => add(e),
            Value::Range(lo, hi) => {
                add(lo);
                add(hi);
            }
            Value::Tensor(tensor) => {
                tensor.extents.iter().for_each(&mut add);
                match &tensor.cells {
                    Cells::Stored { var, prefix } => {
                        prefix.iter().for_each(&mut add);
                        free.insert(*var);
                    }
                    Cells::Pending { cell, .. } => add(cell),
                }
            }
            Value::List(items, count) => {
                add(count);
                items.free(free);
            }
            Value::Tuple(items) | Value::Items(items) | Value::Variant(_, items) => {
                items.iter().for_each(|item| item.free(free))
            }
            Value::Choice(cond, yes, no) => {
                add(cond);
                yes.free(free);
                no.free(free);
            }
        }
    }
}

/// The axes of a family along which the steps around its cells go.
fn steps_of(order: &[Order], family: usize) -> Vec<usize> {
    let mut found = Vec::new();
    for each in order {
        if let Order::Steps { axes, body, .. } = each {
            found.extend(axes.iter().filter(|(k, _)| *k == family).map(|(_, axis)| *axis));
            found.extend(steps_of(body, family));
        }
    }
    found
}

struct Joined {
    depth: usize,
    /// Axes that every family of the group got in front of its own.
    added: usize,
    lifted: Vec<(usize, usize, Vec<Order>, Vec<StepAxes>)>,
}

impl Joined {
    fn all(&self, order: &[Order]) -> Outcome<Vec<Order>> {
        let mut all = Vec::new();
        for each in order {
            match each {
                Order::Cells(k) => {
                    for (first, _, own, _) in self.lifted.iter().filter(|(_, host, _, _)| host == k) {
                        all.extend(own.iter().map(|order| shifted(order, *first)));
                    }
                    all.push(Order::Cells(*k));
                }
                Order::Steps { axes, descending, body } => {
                    let mut stepped: Vec<(usize, usize)> =
                        axes.iter().map(|(k, axis)| (*k, axis + self.added)).collect();
                    for (first, host, _, steps) in &self.lifted {
                        let Some((_, axis)) = axes.iter().find(|(k, _)| k == host) else { continue };
                        for (k, steps) in steps.iter().enumerate() {
                            let own = steps.get(&(self.depth, *axis)).ok_or(Unsupported)?;
                            stepped.push((first + k, *own));
                        }
                    }
                    all.push(Order::Steps { axes: stepped, descending: *descending, body: self.all(body)? });
                }
            }
        }
        Ok(all)
    }
}

fn shifted(order: &Order, by: usize) -> Order {
    match order {
        Order::Cells(k) => Order::Cells(k + by),
        Order::Steps { axes, descending, body } => Order::Steps {
            axes: axes.iter().map(|(k, axis)| (k + by, *axis)).collect(),
            descending: *descending,
            body: body.iter().map(|order| shifted(order, by)).collect(),
        },
    }
}

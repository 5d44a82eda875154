//! Finds an order in which the cells of families that read themselves and each other can be computed (§4.12).
//!
//! The families of a group fall into components that read each other in a circle. A component is taken apart by
//! stepping along one axis of each of its families at once, upward or downward, such that no read goes to a later
//! step. Reads that provably go to an earlier step are satisfied by this and drop out; what the others still connect
//! is taken apart in the same way along the axes that are left, within a step.

mod cycle;
mod data;
pub(crate) mod reads;
#[cfg(test)]
mod tests;

pub use cycle::Cycle;

use crate::sym::{Facts, Sym};
use diagnostics::{Span, Symbol};
use ir::{Expr, Family, Order, Var, VarId};
use reads::{cell, for_each_read};

/// Choices of an axis that are tried for one group.
const FUEL: u32 = 20_000;

/// The order, or a cycle that rules one out. The facts are those around the group; they are the same afterwards.
pub fn order(vars: &[Var], families: &[(VarId, Family)], facts: &mut Facts) -> Result<Vec<Order>, Cycle> {
    let by_index = search(vars, families, facts);
    if by_index.is_err()
        && let Some(named) = data::named(vars, families, facts)
        && let Ok(order) = search(&named.vars, &named.families, facts)
    {
        return Ok(order);
    }
    by_index
}

fn search(vars: &[Var], families: &[(VarId, Family)], facts: &mut Facts) -> Result<Vec<Order>, Cycle> {
    let mut reads = Vec::new();
    for_each_read(families, facts, &mut |place, facts| {
        let reader = &families[place.reader].1;
        let cell = cell(reader, &reader.clauses[place.clause]);
        let rank = families[place.target].1.axes.len();
        let index = match place.index {
            Some(index) => index.iter().map(|e| facts.of(e)).collect(),
            None => vec![None; rank],
        };
        let relations = cell.iter().map(|c| index.iter().map(|i| Relation::of(i, c, facts)).collect()).collect();
        let (reader, target, span) = (place.reader, place.target, place.span);
        reads.push(Read { reader, target, cell, index, source: place.index, relations, span });
    });
    let names = families.iter().map(|(_, family)| family.axes.iter().map(|axis| axis.name).collect()).collect();
    let ranks: Vec<_> = families.iter().map(|(_, family)| family.axes.len()).collect();
    let mut search = Search { names, fuel: FUEL };
    let open: Vec<Vec<usize>> = ranks.iter().map(|rank| (0..*rank).collect()).collect();
    let all: Vec<_> = (0..families.len()).collect();
    search.place(&all, &reads.iter().collect::<Vec<_>>(), &open).map_err(|conflict| {
        let Conflict { reads, axes } = conflict;
        cycle::describe(vars, families, &reads, &axes)
    })
}

/// A read with where it goes, compared to the cell that reads.
struct Read<'a> {
    reader: usize,
    target: usize,
    cell: Vec<Option<Sym>>,
    index: Vec<Option<Sym>>,
    /// As the source has it; `None` for a use of the whole family.
    source: Option<&'a [Expr]>,
    /// By axis of the reader and axis of the target.
    relations: Vec<Vec<Relation>>,
    span: Span,
}

/// What is provable about the step that is read along one axis, compared to the step that reads.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct Relation {
    not_later: bool,
    earlier: bool,
    not_earlier: bool,
    later: bool,
}

impl Relation {
    fn of(index: &Option<Sym>, cell: &Option<Sym>, facts: &Facts) -> Relation {
        let (Some(index), Some(cell)) = (index, cell) else { return Relation::default() };
        let (ahead, behind) = (index.sub(cell), cell.sub(index));
        let not_later = facts.nonneg(&behind);
        let not_earlier = facts.nonneg(&ahead);
        Relation {
            not_later,
            earlier: not_later && facts.nonneg(&behind.offset(-1)),
            not_earlier,
            later: not_earlier && facts.nonneg(&ahead.offset(-1)),
        }
    }

    fn allows(self, descending: bool) -> bool {
        if descending { self.not_earlier } else { self.not_later }
    }

    /// Satisfied by the steps alone.
    fn is_done(self, descending: bool) -> bool {
        if descending { self.later } else { self.earlier }
    }
}

/// A component that nothing takes apart: its reads, and for each family of the group an axis that shows it.
struct Conflict<'r, 'a> {
    reads: Vec<&'r Read<'a>>,
    axes: Vec<Option<usize>>,
}

/// One way to step through a component.
struct Steps<'r, 'a> {
    /// By family of the group.
    axes: Vec<Option<usize>>,
    descending: bool,
    /// The reads that the steps do not satisfy.
    left: Vec<&'r Read<'a>>,
}

struct Search {
    /// Of the axes, by family.
    names: Vec<Vec<Option<Symbol>>>,
    fuel: u32,
}

impl Search {
    /// Orders some families of the group, whose `open` axes no step around them has fixed.
    fn place<'r, 'a>(
        &mut self,
        families: &[usize],
        reads: &[&'r Read<'a>],
        open: &[Vec<usize>],
    ) -> Result<Vec<Order>, Conflict<'r, 'a>> {
        let components = components(families, reads);
        let mut home = vec![usize::MAX; open.len()];
        for (at, component) in components.iter().enumerate() {
            component.iter().for_each(|&family| home[family] = at);
        }
        let mut inside = vec![Vec::new(); components.len()];
        for read in reads.iter().filter(|read| home[read.reader] == home[read.target]) {
            inside[home[read.reader]].push(*read);
        }
        let mut order = Vec::new();
        for (component, inside) in components.into_iter().zip(inside) {
            order.push(match inside.is_empty() {
                true => Order::Cells(component[0]),
                false => self.step_through(&component, inside, open)?,
            });
        }
        Ok(order)
    }

    fn step_through<'r, 'a>(
        &mut self,
        component: &[usize],
        reads: Vec<&'r Read<'a>>,
        open: &[Vec<usize>],
    ) -> Result<Order, Conflict<'r, 'a>> {
        let mut ways = Vec::new();
        for &first in &open[component[0]] {
            for descending in [false, true] {
                ways.extend(self.way(component, &reads, open, first, descending));
            }
        }
        // The fewer reads are left to inner steps the better; the sort keeps the order of the axes otherwise.
        ways.sort_by_key(|way| way.left.len());
        let mut conflict = None;
        for way in ways {
            let mut inner = open.to_vec();
            for &family in component {
                inner[family].retain(|axis| way.axes[family] != Some(*axis));
            }
            match self.place(component, &way.left, &inner) {
                Ok(body) => {
                    let axes = component.iter().filter_map(|&f| way.axes[f].map(|axis| (f, axis))).collect();
                    return Ok(Order::Steps { axes, descending: way.descending, body });
                }
                Err(deeper) => conflict = conflict.or(Some(deeper)),
            }
        }
        Err(conflict.unwrap_or_else(|| {
            let axes = self.telling_axes(component, &reads, open);
            Conflict { reads, axes }
        }))
    }

    /// An axis for each family of the component, `first` for its first one, such that no read goes to a later step
    /// and some go to an earlier one.
    fn way<'r, 'a>(
        &mut self,
        component: &[usize],
        reads: &[&'r Read<'a>],
        open: &[Vec<usize>],
        first: usize,
        descending: bool,
    ) -> Option<Steps<'r, 'a>> {
        let mut axes = vec![None; open.len()];
        axes[component[0]] = Some(first);
        let sequence = neighbours_first(component, reads);
        self.assign(&sequence, reads, open, descending, &mut axes).then(|| {
            let left = reads.iter().filter(|read| !relation(read, &axes).is_some_and(|r| r.is_done(descending)));
            Steps { left: left.copied().collect(), axes, descending }
        })
    }

    /// Extends a choice of axes to the families of `sequence`, whose first one has its axis.
    fn assign(
        &mut self,
        sequence: &[usize],
        reads: &[&Read],
        open: &[Vec<usize>],
        descending: bool,
        axes: &mut [Option<usize>],
    ) -> bool {
        let Some((&family, rest)) = sequence.split_first() else {
            return reads.iter().any(|read| relation(read, axes).is_some_and(|r| r.is_done(descending)));
        };
        if self.fuel == 0 {
            return false;
        }
        self.fuel -= 1;
        let fits = |axes: &[Option<usize>]| {
            let own = reads.iter().filter(|read| read.reader == family || read.target == family);
            own.filter_map(|read| relation(read, axes)).all(|r| r.allows(descending))
        };
        if axes[family].is_some() {
            return fits(axes) && self.assign(rest, reads, open, descending, axes);
        }
        for axis in self.likely_axes(family, reads, open, axes) {
            axes[family] = Some(axis);
            if fits(axes) && self.assign(rest, reads, open, descending, axes) {
                return true;
            }
        }
        axes[family] = None;
        false
    }

    /// The open axes of a family, first those that are called like the axes that its neighbours step along, or
    /// stand at the same place.
    fn likely_axes(&self, family: usize, reads: &[&Read], open: &[Vec<usize>], axes: &[Option<usize>]) -> Vec<usize> {
        let neighbour = reads.iter().find_map(|read| match (read.reader, read.target) {
            (reader, target) if reader == family => axes[target].map(|axis| (target, axis)),
            (reader, target) if target == family => axes[reader].map(|axis| (reader, axis)),
            _ => None,
        });
        let mut likely = open[family].clone();
        if let Some((other, at)) = neighbour {
            let name = self.names[other][at];
            likely.sort_by_key(|&axis| (name.is_none() || self.names[family][axis] != name, axis.abs_diff(at)));
        }
        likely
    }

    /// Axes along which a component that has no order shows why: the first place where a read goes to a later step.
    fn telling_axes(&self, component: &[usize], reads: &[&Read], open: &[Vec<usize>]) -> Vec<Option<usize>> {
        let at = |place: usize| {
            let mut axes = vec![None; open.len()];
            for &family in component {
                axes[family] = open[family].get(place).or(open[family].last()).copied();
            }
            axes
        };
        let places = component.iter().map(|&family| open[family].len()).max().unwrap_or(0);
        let shows = |axes: &Vec<_>| reads.iter().any(|read| relation(read, axes).is_some_and(|r| !r.not_later));
        (0..places).map(at).find(shows).unwrap_or_else(|| at(0))
    }
}

/// How a read goes along the chosen axes; nothing if one of its families has none.
fn relation(read: &Read, axes: &[Option<usize>]) -> Option<Relation> {
    read.relations.get(axes[read.reader]?)?.get(axes[read.target]?).copied()
}

/// The component from its first family outward, so that a choice meets what contradicts it soon.
fn neighbours_first(component: &[usize], reads: &[&Read]) -> Vec<usize> {
    let mut sequence = vec![component[0]];
    let mut at = 0;
    while at < sequence.len() {
        let family = sequence[at];
        for read in reads {
            let other = match (read.reader, read.target) {
                (reader, target) if reader == family => target,
                (reader, target) if target == family => reader,
                _ => continue,
            };
            if !sequence.contains(&other) {
                sequence.push(other);
            }
        }
        at += 1;
    }
    sequence
}

/// The strongly connected components, what is read before what reads it, and in source order otherwise.
fn components(families: &[usize], reads: &[&Read]) -> Vec<Vec<usize>> {
    let size = families.iter().max().map_or(0, |most| most + 1);
    let mut targets = vec![Vec::new(); size];
    for read in reads {
        targets[read.reader].push(read.target);
    }
    let mut tarjan = Tarjan { targets, found: vec![None; size], low: vec![0; size], ..Tarjan::default() };
    for &family in families {
        if tarjan.found[family].is_none() {
            tarjan.visit(family);
        }
    }
    tarjan.components
}

#[derive(Default)]
struct Tarjan {
    targets: Vec<Vec<usize>>,
    found: Vec<Option<usize>>,
    low: Vec<usize>,
    stack: Vec<usize>,
    on_stack: std::collections::HashSet<usize>,
    count: usize,
    components: Vec<Vec<usize>>,
}

impl Tarjan {
    fn visit(&mut self, family: usize) {
        self.found[family] = Some(self.count);
        self.low[family] = self.count;
        self.count += 1;
        self.stack.push(family);
        self.on_stack.insert(family);
        for target in self.targets[family].clone() {
            match self.found[target] {
                None => {
                    self.visit(target);
                    self.low[family] = self.low[family].min(self.low[target]);
                }
                Some(found) if self.on_stack.contains(&target) => self.low[family] = self.low[family].min(found),
                Some(_) => {}
            }
        }
        if self.found[family] == Some(self.low[family]) {
            let from = self.stack.iter().position(|f| *f == family).unwrap_or(0);
            let mut component = self.stack.split_off(from);
            component.iter().for_each(|f| {
                self.on_stack.remove(f);
            });
            component.sort();
            self.components.push(component);
        }
    }
}

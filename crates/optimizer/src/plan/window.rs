//! Which steps of a recurrence are stored (§4.14).
//!
//! A family keeps a window if every read of it from inside the recurrence goes back a known number of steps, and every
//! read from outside goes to a known distance from the last step. What else mentions the family may want all of it. The
//! cells of a window lie in a ring, or in registers where a step is one number.

use super::bounds::{End, cover_boxes, is_firm};
use super::linear::{Definitions, Linear, definitions};
use super::unroll::{Unrolled, unrolled};
use crate::decisions::Storage;
use ir::{Binder, Clause, Expr, ExprKind, Family, Load, Op, Order, Recurrence, Scalar, Slot, Stmt, VarId};
use ir::{Type, WhereItem};
use std::collections::{HashMap, HashSet};

/// Windows are at most this long.
const LONGEST: i64 = 64;
/// Windows in registers are at most this long.
const FEW: i64 = 4;

/// The last steps of a family along one axis.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    pub axis: usize,
    /// How many steps, the one that is being computed included.
    pub width: i64,
    /// Of how many there is memory: a cell may take the place of the oldest one that it is made of.
    pub stored: i64,
    pub descending: bool,
    /// Every step gives all of its cells a value.
    pub covered: bool,
    /// The numbers of each step are in registers.
    pub in_registers: bool,
    /// Axes, as bits, of the steps within each step: nothing reads another one of these than the current one, which is all
    /// that is stored.
    pub inner: u32,
}

impl Window {
    pub fn storage(&self) -> Storage {
        let Window { axis, inner, .. } = *self;
        if self.in_registers {
            Storage::Registers { axis, width: self.width as usize, inner }
        } else {
            Storage::Window { axis, width: self.stored as usize, inner }
        }
    }

    pub fn is_inner(&self, axis: usize) -> bool {
        axis < u32::BITS as usize && self.inner >> axis & 1 == 1
    }
}

/// What is stored of the recurrences of one function.
#[derive(Default)]
pub struct Windows {
    pub of: HashMap<VarId, Window>,
    /// How many steps back reads from inside go.
    pub back: HashMap<*const Load, i64>,
    /// What is taken apart into numbers.
    pub unrolled: Unrolled,
}

/// Where a variable of a recurrence is mentioned.
enum Use<'e> {
    Cell(&'e Load),
    Extent,
    Whole,
}

/// A read from inside: by which family and clause.
#[derive(Clone, Copy)]
struct Reader {
    family: usize,
    clause: usize,
}

impl Windows {
    /// `unrolls`: arithmetic on constant indices can be done now.
    pub fn new(body: &Expr, unrolls: bool) -> Windows {
        let mut search = Search { unrolls, definitions: definitions(body), ..Search::default() };
        search.expr(body);
        let mut windows = Windows::default();
        let recurrences = std::mem::take(&mut search.recurrences);
        for recurrence in &recurrences {
            search.recurrence(recurrence, &mut windows);
        }
        windows
    }
}

#[derive(Default)]
struct Search<'e> {
    recurrences: Vec<&'e Recurrence>,
    members: HashSet<VarId>,
    uses: HashMap<VarId, Vec<Use<'e>>>,
    definitions: Definitions<'e>,
    unrolls: bool,
}

impl<'e> Search<'e> {
    /// Notes recurrences, what mentions their families, and what variables stand for.
    fn expr(&mut self, e: &'e Expr) {
        match &e.kind {
            ExprKind::Block(stmts, _) => {
                for stmt in stmts {
                    match stmt {
                        Stmt::Rec(recurrence) => {
                            self.members.extend(recurrence.families.iter().map(|(var, _)| *var));
                            self.recurrences.push(recurrence);
                        }
                        Stmt::Let(..) | Stmt::Do(_) => {}
                    }
                }
            }
            ExprKind::Load(load) => {
                if let Some(var) = self.member(&load.tensor) {
                    self.uses.entry(var).or_default().push(Use::Cell(load));
                    return load.index.iter().for_each(|e| self.expr(e));
                }
            }
            ExprKind::Dim(tensor, _) => {
                if let Some(var) = self.member(tensor) {
                    return self.uses.entry(var).or_default().push(Use::Extent);
                }
            }
            ExprKind::Var(_) => {
                if let Some(var) = self.member(e) {
                    self.uses.entry(var).or_default().push(Use::Whole);
                }
            }
            _ => {}
        }
        e.for_each_child(|child| self.expr(child));
    }

    fn member(&self, e: &Expr) -> Option<VarId> {
        match e.kind {
            ExprKind::Var(var) if self.members.contains(&var) => Some(var),
            _ => None,
        }
    }

    fn recurrence(&mut self, recurrence: &'e Recurrence, windows: &mut Windows) {
        let mut readers: HashMap<*const Load, Reader> = HashMap::new();
        for (family, (_, cells)) in recurrence.families.iter().enumerate() {
            for (clause, one) in cells.clauses.iter().enumerate() {
                for_each_part(one, &mut |e| {
                    e.walk(&mut |e| {
                        if let ExprKind::Load(load) = &e.kind {
                            readers.insert(std::ptr::from_ref(&**load), Reader { family, clause });
                        }
                    });
                });
            }
        }
        let mut found = Vec::new();
        for family in 0..recurrence.families.len() {
            let steps = self.steps_of(recurrence, family);
            found.push(steps.and_then(|steps| self.window(recurrence, family, steps, &readers, &mut windows.back)));
        }
        let vars = recurrence.families.iter().map(|(var, _)| *var);
        let small = vars.zip(&found).filter_map(|(var, found)| Some((var, (*found)?)));
        let small = small.filter(|(_, window)| window.in_registers && window.inner == 0 && self.unrolls).collect();
        let unrolled = unrolled(recurrence, &small);
        for ((var, family), found) in recurrence.families.iter().zip(found) {
            if let Some(mut window) = found {
                let steps = 1 + window.inner.count_ones() as usize;
                window.in_registers &= family.axes.len() == steps || unrolled.families.contains(var);
                windows.of.insert(*var, window);
            }
        }
        windows.unrolled.extend(unrolled);
    }

    /// The outermost steps that compute a family, if they are its only order.
    fn steps_of(&self, recurrence: &'e Recurrence, family: usize) -> Option<(&'e [(usize, usize)], bool)> {
        recurrence.order.iter().find_map(|order| match order {
            Order::Steps { axes, descending, .. } if axes.iter().any(|(f, _)| *f == family) => {
                Some((&axes[..], *descending))
            }
            _ => None,
        })
    }

    fn window(
        &self,
        recurrence: &'e Recurrence,
        family: usize,
        (axes, descending): (&[(usize, usize)], bool),
        readers: &HashMap<*const Load, Reader>,
        back: &mut HashMap<*const Load, i64>,
    ) -> Option<Window> {
        let (var, cells) = &recurrence.families[family];
        let axis_of = |f: usize| axes.iter().find(|(family, _)| *family == f).map(|(_, axis)| *axis);
        let axis = axis_of(family)?;
        let span = Span::of(cells, axis, descending, &self.definitions)?;
        let (mut width, mut stored) = (1, 1);
        let takes_places = span.covered && self.unrolls && takes_places(cells, axis);
        let mut inner = if span.covered { inner_axes(&recurrence.order, family, axis) } else { 0 };
        for used in self.uses.get(var).map_or(&[][..], |uses| uses) {
            let load = match used {
                Use::Cell(load) => *load,
                Use::Extent => continue,
                Use::Whole => return None,
            };
            let index = Linear::of(&load.index[axis], &self.definitions)?;
            let key = std::ptr::from_ref(load);
            let mut is_own = false;
            let distance = match readers.get(&key) {
                Some(reader) => {
                    is_own =
                        takes_places && reader.family == family && self.is_own_cell(recurrence, load, reader, axis);
                    let step_axis = axis_of(reader.family)?;
                    let clause = &recurrence.families[reader.family].1.clauses[reader.clause];
                    let step = match clause.slots.get(step_axis) {
                        Some(Slot::Fixed(at)) => Linear::constant(*at),
                        Some(Slot::Coord(binder)) => Linear::var(binder.var),
                        None => return None,
                    };
                    let steps = distance(&step, &index, descending)?;
                    back.insert(key, steps);
                    inner &= self.own_axes(recurrence, load, reader, family);
                    steps
                }
                None => {
                    inner = 0;
                    span.distance_from_end(&index)?
                }
            };
            if !(0..LONGEST).contains(&distance) {
                return None;
            }
            width = width.max(distance + 1);
            stored = stored.max(if is_own { distance } else { distance + 1 });
        }
        // Where the end that the run knows comes before the known ones, these are what is stored.
        if span.open.is_some() {
            (width, stored) = (width.max(span.least), stored.max(span.least));
        }
        if width > LONGEST || span.known().is_some_and(|steps| steps <= width) {
            return None;
        }
        let Type::Scalar(scalar) = cells.elem else { return None };
        let same_extents = axes
            .iter()
            .all(|(f, a)| super::bounds::same(&recurrence.families[*f].1.axes[*a].extent, &cells.axes[axis].extent));
        let in_registers = width <= FEW
            && same_extents
            && !matches!(scalar, Scalar::F16 | Scalar::BF16)
            && (inner != 0 || !recurrence.order.iter().any(|order| has_inner_steps(order, family)));
        let inner = if width == 1 { inner } else { 0 };
        Some(Window { axis, width, stored, descending, covered: span.covered, in_registers, inner })
    }

    /// Whether a read goes to the reader's own cell, in an earlier step.
    fn is_own_cell(&self, recurrence: &'e Recurrence, load: &Load, reader: &Reader, axis: usize) -> bool {
        let clause = &recurrence.families[reader.family].1.clauses[reader.clause];
        let others = (0..clause.slots.len()).filter(|k| *k != axis);
        matches!(clause.slots[axis], Slot::Coord(_))
            && others.into_iter().all(|k| match &clause.slots[k] {
                Slot::Coord(binder) => Linear::of(&load.index[k], &self.definitions) == Some(Linear::var(binder.var)),
                Slot::Fixed(at) => Linear::of(&load.index[k], &self.definitions) == Some(Linear::constant(*at)),
            })
    }

    /// The axes, as bits, of steps that the reader takes, too, and along which it reads the step that it is at.
    fn own_axes(&self, recurrence: &'e Recurrence, load: &Load, reader: &Reader, family: usize) -> u32 {
        let clause = &recurrence.families[reader.family].1.clauses[reader.clause];
        let mut own = 0;
        for axes in recurrence.order.iter().flat_map(all_steps) {
            let axis_of = |f: usize| axes.iter().find(|(family, _)| *family == f).map(|(_, axis)| *axis);
            let (Some(read), Some(reading)) = (axis_of(family), axis_of(reader.family)) else { continue };
            let Some(Slot::Coord(binder)) = clause.slots.get(reading) else { continue };
            let index = Linear::of(&load.index[read], &self.definitions);
            if read < u32::BITS as usize && index == Some(Linear::var(binder.var)) {
                own |= 1 << read;
            }
        }
        own
    }
}

/// Whether each step writes every cell once and cannot fail: then cells need not be there a second time, and may take the
/// places of earlier ones.
fn takes_places(family: &Family, axis: usize) -> bool {
    let is_step = |clause: &&Clause| matches!(clause.slots.get(axis), Some(Slot::Coord(_)));
    let runs: Vec<(End, End)> = family.clauses.iter().filter_map(|clause| clause.slots.get(axis)).map(ends).collect();
    let steps = family.clauses.iter().enumerate().filter(|(_, clause)| is_step(clause));
    let is_apart = |(at, _): (usize, &Clause)| {
        let (lo, hi) = runs[at];
        let others = runs.iter().enumerate().filter(|(other, _)| *other != at);
        others.into_iter().all(|(_, (from, to))| hi.at_most(*from) || to.at_most(lo))
    };
    runs.len() == family.clauses.len()
        && steps.into_iter().all(is_apart)
        && family
            .clauses
            .iter()
            .filter(is_step)
            .all(|clause| clause.slots.len() == family.axes.len() && is_plain(clause))
}

fn is_plain(clause: &Clause) -> bool {
    let mut plain = true;
    for_each_part(clause, &mut |e| {
        e.walk(&mut |e| {
            plain &= match &e.kind {
                ExprKind::Load(load) => load.proven.iter().all(|proven| *proven),
                ExprKind::Op(Op::Div | Op::Rem, operands) => {
                    e.ty.scalar().is_some_and(|scalar| scalar.is_float())
                        || matches!(operands[1].kind, ExprKind::Int(divisor) if divisor > 0)
                }
                ExprKind::Op(Op::Pow, _) => e.ty.scalar().is_some_and(|scalar| scalar.is_float()),
                ExprKind::Block(stmts, _) => stmts.iter().all(|stmt| matches!(stmt, Stmt::Let(..))),
                ExprKind::Op(..) | ExprKind::If(..) | ExprKind::And(..) | ExprKind::Or(..) => true,
                ExprKind::Var(_) | ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Bool(_) => true,
                ExprKind::Cast(_) | ExprKind::Dim(..) => true,
                _ => false,
            };
        });
    });
    plain
}

/// The axes of all steps of an order.
fn all_steps(order: &Order) -> Vec<&[(usize, usize)]> {
    match order {
        Order::Cells(_) => Vec::new(),
        Order::Steps { axes, body, .. } => {
            let mut all: Vec<&[(usize, usize)]> = body.iter().flat_map(all_steps).collect();
            all.push(axes);
            all
        }
    }
}

/// The axes, as bits, of the steps that a family has within those along an axis.
fn inner_axes(order: &[Order], family: usize, outermost: usize) -> u32 {
    let steps = order.iter().flat_map(all_steps).flatten();
    let own = steps.filter(|(f, axis)| *f == family && *axis != outermost && *axis < u32::BITS as usize);
    own.fold(0, |bits, (_, axis)| bits | 1 << axis)
}

/// Whether a family has more steps within its steps.
fn has_inner_steps(order: &Order, family: usize) -> bool {
    let has = |axes: &[(usize, usize)]| axes.iter().any(|(f, _)| *f == family);
    match order {
        Order::Cells(_) => false,
        Order::Steps { body, .. } => body
            .iter()
            .any(|order| matches!(order, Order::Steps { axes, .. } if has(axes)) || has_inner_steps(order, family)),
    }
}

fn for_each_part<'e>(clause: &'e Clause, f: &mut dyn FnMut(&'e Expr)) {
    for item in &clause.wheres {
        let (WhereItem::Def(_, e) | WhereItem::Guard(e)) = item;
        f(e);
    }
    f(&clause.body);
    clause.otherwise.iter().for_each(f);
}

/// How many steps after `index` the step comes.
fn distance(step: &Linear, index: &Linear, descending: bool) -> Option<i64> {
    let ahead = step.minus(index)?.as_constant()?;
    Some(if descending { -ahead } else { ahead })
}

/// The steps that a family has, without a gap up to the last one.
struct Span {
    descending: bool,
    /// Behind the largest index: the ends that are known, and the one that the run knows.
    least: i64,
    open: Option<Linear>,
    /// Every cell of every step has a value.
    covered: bool,
}

impl Span {
    fn of(family: &Family, axis: usize, descending: bool, definitions: &Definitions) -> Option<Span> {
        let (mut least, mut open) = (0, None);
        ends_of(&family.axes[axis].extent, definitions, &mut least, &mut open)?;
        let end = open.clone().unwrap_or(Linear::constant(least));
        let mut all = Vec::new();
        for clause in &family.clauses {
            let range = match clause.slots.get(axis)? {
                Slot::Fixed(at) => (Linear::constant(*at), Linear::constant(at + 1)),
                Slot::Coord(Binder { lo, hi, .. }) => (Linear::of(lo, definitions)?, Linear::of(hi, definitions)?),
            };
            all.push(range);
        }
        let first = if descending { 0 } else { all.iter().filter_map(|(lo, _)| lo.as_constant()).min()? };
        let firm = all.iter().filter(|range| is_whole_step(family, axis, &all, range)).cloned().collect();
        let covered = reaches(firm, first, &end);
        (covered || reaches(all, first, &end)).then_some(Span { descending, least, open, covered })
    }

    /// How many steps there are.
    fn known(&self) -> Option<i64> {
        self.open.is_none().then_some(self.least)
    }

    /// How many steps an index is away from the last one.
    fn distance_from_end(&self, index: &Linear) -> Option<i64> {
        if self.descending {
            return index.as_constant();
        }
        let end = self.open.clone().unwrap_or(Linear::constant(self.least));
        end.minus(index)?.as_constant()?.checked_sub(1)
    }
}

type Range = (Linear, Linear);

/// Whether the clauses that have all of some steps (each clause's steps are in `all`) give every cell of them a value.
fn is_whole_step(family: &Family, axis: usize, all: &[Range], (lo, hi): &Range) -> bool {
    let at_most = |a: &Linear, b: &Linear| b.minus(a).and_then(|way| way.as_constant()).is_some_and(|way| way >= 0);
    let has_steps = |range: &Range| at_most(&range.0, lo) && at_most(hi, &range.1);
    let others = |k: &usize| *k != axis;
    let boxes: Vec<Vec<(End, End)>> = (family.clauses.iter().zip(all))
        .filter(|(clause, range)| is_firm(clause) && has_steps(range))
        .map(|(clause, _)| (0..clause.slots.len()).filter(others).map(|k| ends(&clause.slots[k])).collect())
        .collect();
    let boxes: Vec<&[(End, End)]> = boxes.iter().map(|ends| &ends[..]).collect();
    let extents: Vec<End> = (0..family.axes.len()).filter(others).map(|k| End::of(&family.axes[k].extent)).collect();
    cover_boxes(&boxes, &extents)
}

fn ends(slot: &Slot) -> (End<'_>, End<'_>) {
    match slot {
        Slot::Fixed(at) => (End::Const(*at), End::Const(at + 1)),
        Slot::Coord(binder) => (End::of(&binder.lo), End::of(&binder.hi)),
    }
}

/// Whether ranges have every step from the first one to the end.
fn reaches(mut ranges: Vec<Range>, first: i64, end: &Linear) -> bool {
    let mut reached = Linear::constant(first);
    loop {
        let before = |a: &Linear, b: &Linear| b.minus(a).and_then(|way| way.as_constant());
        let has = |(lo, hi): &Range| {
            before(lo, &reached).is_some_and(|way| way >= 0) && before(end, hi).is_some_and(|way| way >= 0)
        };
        if before(end, &reached).is_some_and(|way| way >= 0) || ranges.iter().any(has) {
            return true;
        }
        // Where the next end cannot be compared, having come as far as that is true all the same.
        let next = ranges.iter().position(|(lo, hi)| {
            before(lo, &reached).is_some_and(|way| way >= 0) && before(&reached, hi).is_none_or(|way| way > 0)
        });
        let Some(next) = next else { return false };
        reached = ranges.swap_remove(next).1;
    }
}

/// The ends that an extent is the largest of.
fn ends_of(extent: &Expr, definitions: &Definitions, least: &mut i64, open: &mut Option<Linear>) -> Option<()> {
    if let ExprKind::Op(Op::Max, operands) = &extent.kind {
        return operands.iter().try_for_each(|e| ends_of(e, definitions, least, open).ok_or(())).ok();
    }
    let end = Linear::of(extent, definitions)?;
    match (end.as_constant(), &open) {
        (Some(end), _) => *least = (*least).max(end),
        (None, None) => *open = Some(end),
        (None, Some(known)) if *known == end => {}
        _ => return None,
    }
    Some(())
}

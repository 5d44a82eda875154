//! Families that read themselves or each other: steps in the order that the checker found.

use super::bounds::{Bounds, Cells, End, Place};
use super::family::Step;
use super::function::Lower;
use super::value::{Part, Value, memory_type};
use ir::loops::{Bin, St, Turns};
use ir::{Order, Recurrence, Slot};

/// Pieces that the steps of an axis are cut into at most, so that each piece knows which clauses it is in.
const MOST_SEGMENTS: usize = 6;

struct Segment<'a> {
    lo: Part,
    hi: Part,
    range: Option<(End<'a>, End<'a>)>,
}

/// The range of a clause along the axis of the steps: its ends as values, and as far as they can be compared.
#[derive(Clone)]
struct Run<'a> {
    lo: Part,
    hi: Part,
    from: End<'a>,
    to: End<'a>,
}

/// Whether no step reads what another one makes: every read stays at the step of its reader.
fn is_independent(recurrence: &Recurrence) -> bool {
    let [Order::Steps { axes, .. }] = &recurrence.order[..] else { return false };
    let axis_of = |var: &ir::VarId| {
        let at = recurrence.families.iter().position(|(member, _)| member == var)?;
        axes.iter().find(|(family, _)| *family == at).map(|(_, axis)| *axis)
    };
    let is_member = |var: &ir::VarId| recurrence.families.iter().any(|(member, _)| member == var);
    axes.len() == recurrence.families.len()
        && axes.iter().all(|(family, axis)| {
            recurrence.families[*family].1.clauses.iter().all(|clause| {
                let Some(ir::Slot::Coord(binder)) = clause.slots.get(*axis) else { return false };
                let (mut all, mut own) = (0, 0);
                let mut note = |e: &ir::Expr| {
                    e.walk(&mut |e| match &e.kind {
                        ir::ExprKind::Load(load) => {
                            if let ir::ExprKind::Var(var) = &load.tensor.kind
                                && let Some(axis) = axis_of(var)
                                && matches!(load.index[axis].kind, ir::ExprKind::Var(at) if at == binder.var)
                            {
                                own += 1;
                            }
                        }
                        ir::ExprKind::Var(var) if is_member(var) => all += 1,
                        ir::ExprKind::Dim(tensor, _) if matches!(&tensor.kind, ir::ExprKind::Var(var) if is_member(var)) => {
                            own += 1;
                        }
                        _ => {}
                    });
                };
                for item in &clause.wheres {
                    let (ir::WhereItem::Def(_, e) | ir::WhereItem::Guard(e)) = item;
                    note(e);
                }
                note(&clause.body);
                clause.otherwise.iter().for_each(note);
                all == own
            })
        })
}

/// Families that are computed by steps within steps and by nothing else, with the axis of the outer ones.
fn nested(order: &[Order]) -> Vec<(usize, usize)> {
    let [Order::Steps { axes, body, .. }] = order else { return Vec::new() };
    let inner = body.iter().filter_map(|order| match order {
        Order::Steps { axes: inner, body, .. } => match (&inner[..], &body[..]) {
            ([(family, _)], [Order::Cells(cells)]) if cells == family => Some(*family),
            _ => None,
        },
        Order::Cells(_) => None,
    });
    inner.filter_map(|family| axes.iter().find(|(outer, _)| *outer == family).copied()).collect()
}

/// The clauses of a family that is at a step of the outer steps, if these are all that it needs.
fn freed<'g>(axes: &[(usize, usize)], group: &'g [Cells], steps: &Steps) -> Option<&'g Vec<usize>> {
    let [(family, _)] = axes else { return None };
    let is_inside = steps[*family].iter().flatten().count() == 1;
    group[*family].freed.as_ref().filter(|_| is_inside)
}

type Steps<'a> = Vec<Vec<Option<Step<'a>>>>;

impl Lower<'_, '_> {
    pub fn recurrence(&mut self, recurrence: &Recurrence) {
        let mut dims = Vec::new();
        for (_, family) in &recurrence.families {
            dims.push(family.axes.iter().map(|axis| self.extent(&axis.extent)).collect::<Vec<_>>());
        }
        let (mut group, mut own) = (Vec::new(), Vec::new());
        for ((var, family), dims) in recurrence.families.iter().zip(dims) {
            let window = self.windows.of.get(var).map(|window| (*var, *window));
            let mark = self.region().stmts.len();
            let cells = self.new_cells(family, dims, window);
            if let (Place::Memory(tensor), Some(_)) = (cells.place, window) {
                let makes = |statement: &&St| matches!(statement, St::Store(..) | St::Rt { .. } | St::Own(_));
                own.push((tensor, self.region().stmts[mark..].iter().filter(makes).cloned().collect()));
            }
            if let Place::Memory(tensor) = cells.place {
                self.bind(*var, Value::one(self.read(tensor)), true);
            }
            group.push(cells);
        }
        for (family, outer) in nested(&recurrence.order) {
            group[family].freed = self.freed(recurrence.families[family].0, &group[family], outer);
        }
        let kernel = std::mem::replace(&mut self.kernel, true);
        let mut steps: Steps = group.iter().map(|cells| vec![None; cells.dims.len()]).collect();
        if is_independent(recurrence) {
            self.own_of_steps = Some(own);
        }
        self.orders(&recurrence.order, &group, &mut steps);
        self.own_of_steps = None;
        self.kernel = kernel;
        for cells in &group {
            match cells.place {
                Place::Memory(tensor) => self.info[tensor.0 as usize].floor = 0,
                Place::Registers(var) => self.close_registers(var),
            }
        }
    }

    fn orders<'e>(&mut self, orders: &[Order], group: &[Cells<'e>], steps: &mut Steps<'e>) {
        for order in orders {
            match order {
                Order::Cells(family) => self.cells(&group[*family], &steps[*family]),
                Order::Steps { axes, .. } if freed(axes, group, steps).is_some() => {
                    let family = axes[0].0;
                    for clause in freed(axes, group, steps).into_iter().flatten() {
                        self.paint(&group[family], *clause, &steps[family]);
                    }
                }
                Order::Steps { axes, descending, body } => {
                    let mut segments = self.segments(axes, group);
                    if segments.len() < MOST_SEGMENTS {
                        segments =
                            segments.into_iter().flat_map(|segment| self.cut_steps(segment, axes, group)).collect();
                    }
                    if *descending {
                        segments.reverse();
                    }
                    if segments.len() > 1 {
                        self.own_of_steps = None;
                    }
                    for segment in segments {
                        self.segment(segment, axes, *descending, body, group, steps);
                    }
                }
            }
        }
    }

    fn segment<'e>(
        &mut self,
        segment: Segment<'e>,
        axes: &[(usize, usize)],
        descending: bool,
        body: &[Order],
        group: &[Cells<'e>],
        steps: &mut Steps<'e>,
    ) {
        let own = self.own_of_steps.take();
        let range = segment.range;
        let mut turn = |lower: &mut Self, at: Part| {
            for (family, axis) in axes {
                steps[*family][*axis] = Some(Step { at: at.clone(), range });
            }
            let floor = lower.here();
            let before: Vec<usize> = group.iter().map(|cells| lower.floor(cells, floor)).collect();
            for (family, axis) in axes {
                lower.begin_step(&group[*family], *axis, &at);
            }
            lower.orders(body, group, steps);
            for (family, axis) in axes {
                lower.end_step(&group[*family], *axis);
            }
            for (cells, floor) in group.iter().zip(before) {
                lower.floor(cells, floor);
            }
            for (family, axis) in axes {
                steps[*family][*axis] = None;
            }
        };
        match (segment.lo.as_int(), segment.hi.as_int()) {
            (Some(lo), Some(hi)) if hi - lo == 1 => turn(self, Part::index(lo)),
            _ => {
                let name = self.step_name(axes, group);
                let turns = if descending { Turns::Down } else { Turns::Up };
                let in_order = own.is_none();
                own.into_iter().for_each(|own| self.spread_next(own));
                self.for_loop((segment.lo, segment.hi), turns, name, |lower, var| {
                    lower.region().in_order = in_order;
                    turn(lower, lower.read(var));
                });
            }
        }
    }

    /// A window's cells that get no value in a step are zero, whatever an earlier step left there.
    fn begin_step(&mut self, cells: &Cells, axis: usize, at: &Part) {
        let tensor = match cells.place {
            Place::Memory(tensor) => tensor,
            Place::Registers(var) => {
                if !self.windows.of[&var].covered {
                    self.clear_registers(var);
                }
                return;
            }
        };
        let window = self.info[tensor.0 as usize].window;
        if !window.is_some_and(|window| window.axis == axis && !window.covered) {
            return;
        }
        let mut first = vec![Part::index(0); cells.dims.len()];
        first[axis] = at.clone();
        let start = self.offset(tensor, first);
        let start = self.atom(start);
        let others = cells.dims.iter().enumerate().filter(|(k, _)| *k != axis);
        let count = others.fold(Part::index(1), |count, (_, dim)| count.bin(Bin::Mul, dim.clone()));
        let memory = memory_type(&cells.family.elem);
        self.for_loop((Part::index(0), count), Turns::Free, "", |lower, var| {
            let at = start.bin(Bin::Add, lower.read(var));
            let data = lower.data(tensor);
            lower.emit(St::Store(memory, data.ex, at.ex, Part::zero(memory).ex));
        });
    }

    fn end_step(&mut self, cells: &Cells, axis: usize) {
        if let Place::Registers(var) = cells.place
            && self.windows.of[&var].axis == axis
        {
            self.shift_registers(var);
        }
    }

    /// Reads of the family stay inside this region, in order with its stores.
    fn floor(&mut self, cells: &Cells, floor: usize) -> usize {
        match cells.place {
            Place::Memory(tensor) => std::mem::replace(&mut self.info[tensor.0 as usize].floor, floor),
            Place::Registers(var) => {
                let registers = self.registers.get_mut(&var).expect("registers that the recurrence made");
                std::mem::replace(&mut registers.floor, floor)
            }
        }
    }

    fn step_name(&self, axes: &[(usize, usize)], group: &[Cells]) -> &'static str {
        let named = axes.iter().find_map(|(family, axis)| group[*family].family.axes[*axis].name);
        named.map(|name| name.as_str()).unwrap_or("")
    }

    /// The steps from the smallest to the largest index of any clause, cut where a clause begins or ends.
    fn segments<'e>(&mut self, axes: &[(usize, usize)], group: &[Cells<'e>]) -> Vec<Segment<'e>> {
        let mut runs: Vec<Run> = Vec::new();
        let mut all = None;
        for (family, axis) in axes {
            for bounds in &group[*family].bounds {
                match bounds.get(*axis) {
                    Some(Bounds::Range { lo, hi, lo_expr, hi_expr }) => {
                        let (lo, hi) = (lo.clone(), hi.clone());
                        runs.push(Run { lo, hi, from: End::of(lo_expr), to: End::of(hi_expr) });
                    }
                    Some(Bounds::Fixed(at)) => {
                        let (from, to) = (End::Const(*at), End::Const(at + 1));
                        runs.push(Run { lo: Part::index(*at), hi: Part::index(at + 1), from, to });
                    }
                    Some(Bounds::Dependent(_)) | None => {
                        let dim = group[*family].dims[*axis].clone();
                        all = Some(match all {
                            None => dim,
                            Some(hi) => dim.bin(Bin::SMax, hi),
                        });
                    }
                }
            }
        }
        if let Some(hi) = all {
            let hi = runs.into_iter().fold(hi, |hi, run| hi.bin(Bin::SMax, run.hi));
            return vec![Segment { lo: Part::index(0), hi: self.atom(hi), range: None }];
        }
        let Some(Run { lo: first_lo, from, to, .. }) = runs.first().cloned() else { return Vec::new() };
        if runs.iter().all(|run| run.from.same(from) && run.to.same(to)) {
            let hi = self.largest(&runs);
            return vec![Segment { lo: first_lo, hi, range: Some((from, to)) }];
        }
        if let Some(segments) = self.cut(&runs) {
            return segments;
        }
        let lo = runs.iter().fold(first_lo, |lo, run| lo.bin(Bin::SMin, run.lo.clone()));
        let hi = self.largest(&runs);
        vec![Segment { lo: self.atom(lo), hi, range: None }]
    }

    /// A segment, cut where conditions on the step alone change.
    fn cut_steps<'e>(&self, segment: Segment<'e>, axes: &[(usize, usize)], group: &[Cells<'e>]) -> Vec<Segment<'e>> {
        let slots = axes.iter().flat_map(|(family, axis)| {
            let clauses = group[*family].family.clauses.iter();
            clauses.filter_map(|clause| match clause.slots.get(*axis) {
                Some(Slot::Coord(binder)) => Some((clause, binder.var)),
                _ => None,
            })
        });
        let steps: Vec<_> = slots.collect();
        let Some(pieces) = segment.range.and_then(|ends| self.step_pieces(&steps, ends)) else { return vec![segment] };
        let piece = |(lo, hi)| Segment {
            lo: Part::index(lo),
            hi: Part::index(hi),
            range: Some((End::Const(lo), End::Const(hi))),
        };
        if pieces.len() == 1 { vec![segment] } else { pieces.into_iter().map(piece).collect() }
    }

    /// The largest end of at least one run.
    fn largest(&mut self, runs: &[Run]) -> Part {
        let hi = runs[1..].iter().fold(runs[0].hi.clone(), |hi, run| {
            let same = run.hi.local().is_some() && run.hi.local() == hi.local();
            if same { hi } else { hi.bin(Bin::SMax, run.hi.clone()) }
        });
        self.atom(hi)
    }

    /// Cuts at the constant ends, behind which at most one end that is only known at run time may come.
    fn cut<'e>(&mut self, runs: &[Run<'e>]) -> Option<Vec<Segment<'e>>> {
        let mut points = Vec::new();
        let mut open: Option<(End, Vec<Run>)> = None;
        for run in runs {
            let End::Const(lo) = run.from else { return None };
            points.push(lo.max(0));
            match (run.to, &mut open) {
                (End::Const(hi), _) => points.push(hi.max(0)),
                (hi, None) => open = Some((hi, vec![run.clone()])),
                (hi, Some((known, same))) if known.same(hi) => same.push(run.clone()),
                _ => return None,
            }
        }
        points.sort();
        points.dedup();
        if points.len() > MOST_SEGMENTS {
            return None;
        }
        let mut segments = Vec::new();
        for pair in points.windows(2) {
            let (lo, hi) = (pair[0], pair[1]);
            let used = runs.iter().any(|run| !End::Const(hi).at_most(run.from) && !run.to.at_most(End::Const(lo)));
            if used {
                let range = Some((End::Const(lo), End::Const(hi)));
                segments.push(Segment { lo: Part::index(lo), hi: Part::index(hi), range });
            }
        }
        if let Some((end, same)) = open {
            let last = *points.last()?;
            let hi = self.largest(&same);
            segments.push(Segment { lo: Part::index(last), hi, range: Some((End::Const(last), end)) });
        }
        Some(segments)
    }
}

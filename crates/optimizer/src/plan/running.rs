//! Reductions over ranges that grow with an open coordinate.
//!
//! `sum[k in 0..j + 1](x[k])` for all `j` would start again for every cell. Here one pass along `j` carries what is known
//! of the points so far and folds in those that are new. Ranges that shrink are walked the other way, so that they grow.

use super::bounds::Cells;
use super::contraction::{Contracted, Coord};
use super::function::Lower;
use super::limits::{Definitions, Item, Limit, Limits};
use super::reduce::Folding;
use super::scatter::{Scattered, reductions};
use super::value::Part;
use ir::loops::{Bin, Local, Turns};
use ir::{Binder, Clause, Expr, ExprKind, Op, Reduce, VarId};

/// Rows that are walked together, so that their additions need not wait for each other.
const ROWS: i64 = 4;
/// Nodes of a body that is written down once for each of these rows.
const SMALL: usize = 40;

/// A reduction that can be carried along a coordinate.
pub struct Running<'e> {
    e: &'e Expr,
    reduce: &'e Reduce,
    folding: Folding,
    /// The open coordinates that it has cells for, in order.
    coords: Vec<Coord>,
    /// Those around the pass, the one along which it goes, and those that go along with each point.
    outer: Vec<Coord>,
    along: Coord,
    inner: Vec<Coord>,
    growth: Growth,
    /// What limits the points.
    points: Limits<'e>,
    /// What limits the cells, if the clause is nothing else and its cells can be stored at once.
    whole: Option<Limits<'e>>,
}

/// How a range changes with a coordinate.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Growth {
    /// Number of the summed coordinate.
    binder: usize,
    /// It is the end that moves, not the begin.
    at_end: bool,
    /// The range grows with the coordinate.
    ascends: bool,
}

/// Where the values of the cells go.
enum Target<'t> {
    /// The cells of the clause itself, at these places along the axes that are not open.
    Clause {
        cells: &'t Cells<'t>,
        open: &'t [usize],
        at: &'t [Part],
    },
    Cells {
        tensor: Local,
    },
    /// What is known of each cell: its value is asked for later.
    Known(Scattered),
}

/// What is known so far of the cells that go along.
enum State {
    Locals(Vec<Local>),
    Cells(Scattered),
}

impl Running<'_> {
    /// Whether its clause is nothing else.
    pub fn is_whole(&self) -> bool {
        self.whole.is_some()
    }
}

impl Lower<'_, '_> {
    /// The reductions of a clause that can be carried.
    pub fn runnings<'e>(&self, cells: &Cells, clause: &'e Clause, open: &[Coord]) -> Vec<Running<'e>> {
        if self.options().opt_level == 0 {
            return Vec::new();
        }
        if let ExprKind::Reduce(_) = clause.body.kind
            && clause.otherwise.is_none()
            && clause.slots.len() == cells.dims.len()
            && cells.family.elem == clause.body.ty
        {
            let guards = Item::all(&clause.wheres);
            let vars: Vec<VarId> = open.iter().map(|coord| coord.var).collect();
            let limits = self.limits(&guards, &vars, &[]);
            let reads = |limit: &Limit, var: &VarId| {
                [limit.left, limit.right].iter().any(|e| limits.definitions.mention(e, &[*var]))
            };
            let is_apart = |limit: &Limit| vars.iter().filter(|var| reads(limit, var)).count() == 1;
            let are_limits = limits.items.is_empty() && limits.limits.iter().all(is_apart);
            let whole = are_limits.then_some(limits);
            let found = whole.and_then(|whole| self.running(&clause.body, Vec::new(), open, Some(whole)));
            if found.as_ref().is_some_and(|running| running.coords.len() == open.len()) {
                return found.into_iter().collect();
            }
        }
        let (mut found, mut context) = (Vec::new(), Vec::new());
        for item in Item::all(&clause.wheres) {
            reductions(item.expr(), &mut context, &mut found);
            context.push(item);
        }
        reductions(&clause.body, &mut context, &mut found);
        let is_open = |e: &Expr| !self.scattered.contains_key(&std::ptr::from_ref(e));
        let found = found.into_iter().filter(|(e, _)| is_open(e));
        found.filter_map(|(e, context)| self.running(e, context, open, None)).collect()
    }

    fn running<'e>(
        &self,
        e: &'e Expr,
        context: Vec<Item<'e>>,
        open: &[Coord],
        whole: Option<Limits<'e>>,
    ) -> Option<Running<'e>> {
        let ExprKind::Reduce(reduce) = &e.kind else { return None };
        let items = self.protected(e, reduce, context)?;
        let binders: Vec<VarId> = reduce.binders.iter().map(|binder| binder.var).collect();
        let ends: Vec<&Expr> = reduce.binders.iter().flat_map(|binder| [&binder.lo, &binder.hi]).collect();
        if ends.iter().any(|end| self.fails(end)) {
            return None;
        }
        let definitions = Definitions::of(&items);
        let exprs: Vec<&Expr> = items.iter().map(|item| item.expr()).chain([&reduce.body]).collect();
        let mentioned = |coord: &&Coord| exprs.iter().chain(&ends).any(|e| definitions.mention(e, &[coord.var]));
        let coords: Vec<Coord> = open.iter().filter(mentioned).cloned().collect();
        let folding = Folding::new(reduce, true, e.span);
        for (k, along) in coords.iter().enumerate() {
            let points = self.limits(&items, &binders, &[]);
            let Some(growth) = growth(reduce, &points, along.var) else { continue };
            let Binder { var, lo, hi } = &reduce.binders[growth.binder];
            let earlier = &binders[..growth.binder];
            if folding.is_ordered() && (!growth.at_end || binders.len() > 1)
                || definitions.mention(lo, earlier)
                || definitions.mention(hi, earlier)
            {
                continue;
            }
            let of_range = |coord: &Coord| {
                let own =
                    points.limits.iter().filter(|limit| limit.var == *var).flat_map(|limit| [limit.left, limit.right]);
                own.chain(ends.iter().copied()).any(|e| definitions.mention(e, &[coord.var]))
            };
            let others = coords.iter().enumerate().filter(|(other, _)| *other != k);
            let (inner, outer): (Vec<_>, Vec<_>) = others.partition(|(other, coord)| *other > k && !of_range(coord));
            let own = |coords: Vec<(usize, &Coord)>| coords.into_iter().map(|(_, coord)| coord.clone()).collect();
            let (outer, inner) = (own(outer), own(inner));
            let along = along.clone();
            return Some(Running { e, reduce, folding, coords, outer, along, inner, growth, points, whole });
        }
        None
    }

    /// Stores the cells of a clause that is nothing but a reduction that can be carried.
    pub fn run_clause(&mut self, running: &Running, cells: &Cells, open: &[usize], at: &[Part]) {
        self.passes(running, &Target::Clause { cells, open, at });
    }

    /// Carries reductions along for all cells of their clause, which then reads what they are.
    pub fn run(&mut self, runnings: &[Running]) {
        for running in runnings {
            let key = std::ptr::from_ref(running.e);
            let dims: Vec<Part> = running.coords.iter().map(Coord::extent).collect();
            let (coords, folding) = (running.coords.clone(), running.folding);
            if folding.can_fail() {
                let known =
                    folding.first().into_iter().map(|first| self.filled(first, dims.clone(), running.e)).collect();
                let scattered = Scattered { folding, known, coords };
                self.passes(running, &Target::Known(scattered.clone()));
                self.scattered.insert(key, scattered);
            } else {
                let tensor = self.new_tensor(&running.e.ty, dims, false, "", running.e.span);
                self.passes(running, &Target::Cells { tensor });
                self.contracted.insert(key, Contracted { tensor, coords, scale: Vec::new(), is_negative: false });
            }
        }
    }

    pub fn forget_runnings(&mut self, runnings: &[Running]) {
        for running in runnings {
            self.contracted.remove(&std::ptr::from_ref(running.e));
            self.scattered.remove(&std::ptr::from_ref(running.e));
        }
    }

    fn passes(&mut self, running: &Running, target: &Target) {
        self.outer_passes(running, &running.outer, target);
    }

    fn outer_passes(&mut self, running: &Running, left: &[Coord], target: &Target) {
        match left {
            [] => self.pass(running, None, &[Part::index(0)], target),
            [coord] if self.is_for_rows(running, coord) => self.rows(running, coord, target),
            [coord, left @ ..] => self.coord_loop(coord, running.whole.as_ref(), |lower| {
                lower.outer_passes(running, left, target);
            }),
        }
    }

    /// Whether passes for several values of a coordinate can be one.
    fn is_for_rows(&self, running: &Running, coord: &Coord) -> bool {
        let mut nodes = 0;
        running.reduce.body.walk(&mut |_| nodes += 1);
        let Running { points, reduce, .. } = running;
        let ends = reduce.binders.iter().flat_map(|binder| [&binder.lo, &binder.hi]);
        let limits = points.limits.iter().flat_map(|limit| [limit.left, limit.right]);
        let whole = running.whole.iter().flat_map(|whole| &whole.limits).filter(|limit| limit.var != coord.var);
        let cells = whole.flat_map(|limit| [limit.left, limit.right]);
        let mut all = ends.chain(limits).chain(cells);
        let is_plain = running.inner.is_empty() && points.items.is_empty() && reduce.binders.len() == 1;
        is_plain && nodes <= SMALL && !all.any(|e| points.definitions.mention(e, &[coord.var]))
    }

    fn rows(&mut self, running: &Running, coord: &Coord, target: &Target) {
        let (lo, hi) = self.cell_range(coord, running.whole.as_ref());
        let count = hi.clone().bin(Bin::Sub, lo.clone()).bin(Bin::SMax, Part::index(0));
        let groups = self.atom(count.bin(Bin::SDiv, Part::index(ROWS)));
        self.for_loop((Part::index(0), groups.clone()), Turns::Free, "", |lower, var| {
            let first = lo.clone().bin(Bin::Add, lower.read(var).bin(Bin::Mul, Part::index(ROWS)));
            let rows: Vec<Part> = (0..ROWS).map(|row| first.clone().bin(Bin::Add, Part::index(row))).collect();
            let rows: Vec<Part> = rows.into_iter().map(|row| lower.atom(row)).collect();
            lower.pass(running, Some(coord.var), &rows, target);
        });
        let name = self.program().vars[coord.var.index()].name.as_str();
        let rest = self.atom(lo.bin(Bin::Add, groups.bin(Bin::Mul, Part::index(ROWS))));
        self.for_loop((rest, hi), Turns::Free, name, |lower, var| {
            let row = lower.read(var);
            lower.pass(running, Some(coord.var), &[row], target);
        });
    }

    /// One pass, for some values of a coordinate.
    fn pass(&mut self, running: &Running, row: Option<VarId>, rows: &[Part], target: &Target) {
        let bind = |lower: &mut Self, at: &Part| {
            if let Some(var) = row {
                lower.bind_coord(var, at.clone());
            }
        };
        let states: Vec<State> = rows.iter().map(|_| self.first_state(running)).collect();
        bind(self, &rows[0]);
        let Growth { binder, at_end, ascends } = running.growth;
        let binder = &running.reduce.binders[binder];
        let start = self.fixed_end(running, binder);
        let done = self.variable(start, "");
        let name = self.program().vars[running.along.var.index()].name.as_str();
        let range = self.cell_range(&running.along, running.whole.as_ref());
        self.for_loop(range, if ascends { Turns::Up } else { Turns::Down }, name, |lower, var| {
            lower.bind_coord(running.along.var, lower.read(var));
            bind(lower, &rows[0]);
            let (lo, hi) = (lower.index(&binder.lo), lower.index(&binder.hi));
            let (lo, hi) = lower.narrowed(binder.var, (lo, hi), &running.points);
            let known = lower.read(done);
            let (range, turns, reached) = if at_end {
                let hi = lower.atom(hi);
                ((known.clone(), hi.clone()), Turns::Up, known.bin(Bin::SMax, hi))
            } else {
                let lo = lower.atom(lo);
                ((lo.clone(), known.clone()), Turns::Down, known.bin(Bin::SMin, lo))
            };
            let name = lower.program().vars[binder.var.index()].name.as_str();
            lower.for_loop(range, turns, name, |lower, var| {
                let point = lower.read(var);
                lower.bind_coord(binder.var, point.clone());
                for (at, state) in rows.iter().zip(&states) {
                    bind(lower, at);
                    lower.new_points(running, 0, &point, state);
                }
            });
            lower.set(done, reached);
            for (at, state) in rows.iter().zip(&states) {
                bind(lower, at);
                lower.store_running(running, &running.inner, state, target);
            }
        });
    }

    fn first_state(&mut self, running: &Running) -> State {
        let folding = running.folding;
        if running.inner.is_empty() {
            return State::Locals(self.variables(folding.first()));
        }
        let dims: Vec<Part> = running.inner.iter().map(Coord::extent).collect();
        let known = folding.first().into_iter().map(|first| self.filled(first, dims.clone(), running.e)).collect();
        State::Cells(Scattered { folding, known, coords: running.inner.clone() })
    }

    /// The end of the range that does not move, where the pass begins.
    fn fixed_end(&mut self, running: &Running, binder: &Binder) -> Part {
        let along = running.along.var;
        let is_fixed = |e: &Expr| !running.points.definitions.mention(e, &[along]);
        let (lo, hi) = if running.growth.at_end {
            (self.index(&binder.lo), Part::index(i64::MAX))
        } else {
            (Part::index(i64::MIN), self.index(&binder.hi))
        };
        let fixed = running.points.filtered(|limit| is_fixed(limit.left) && is_fixed(limit.right));
        let (lo, hi) = self.narrowed(binder.var, (lo, hi), &fixed);
        if running.growth.at_end { lo } else { hi }
    }

    /// The other summed coordinates, and the cells that go along.
    fn new_points(&mut self, running: &Running, depth: usize, point: &Part, state: &State) {
        if depth == running.growth.binder {
            return self.new_points(running, depth + 1, point, state);
        }
        let Some(binder) = running.reduce.binders.get(depth) else {
            return self.new_cells_points(running, &running.inner, point, state);
        };
        let (lo, hi) = (self.index(&binder.lo), self.index(&binder.hi));
        let range = self.narrowed(binder.var, (lo, hi), &running.points);
        let name = self.program().vars[binder.var.index()].name.as_str();
        self.for_loop(range, Turns::Up, name, |lower, var| {
            lower.bind_coord(binder.var, lower.read(var));
            lower.new_points(running, depth + 1, point, state);
        });
    }

    fn new_cells_points(&mut self, running: &Running, left: &[Coord], point: &Part, state: &State) {
        if let Some((coord, left)) = left.split_first() {
            return self.coord_loop(coord, running.whole.as_ref(), |lower| {
                lower.new_cells_points(running, left, point, state);
            });
        }
        let mark = self.region().temps.len();
        self.gate(
            &running.points.items,
            &mut |lower| {
                let value = lower.scalar(&running.reduce.body);
                match state {
                    State::Locals(locals) => lower.fold_in(&running.folding, value, point, locals),
                    State::Cells(cells) => lower.fold_into_cell(value, point, cells),
                }
            },
            None,
        );
        self.release_temps(mark);
    }

    fn store_running(&mut self, running: &Running, left: &[Coord], state: &State, target: &Target) {
        if let Some((coord, left)) = left.split_first() {
            return self.coord_loop(coord, running.whole.as_ref(), |lower| {
                lower.store_running(running, left, state, target);
            });
        }
        let known = match state {
            State::Locals(locals) => locals.iter().map(|local| self.read(*local)).collect(),
            State::Cells(cells) => {
                let place = self.place_of_cell(cells);
                self.known_of_cell(cells, &place)
            }
        };
        let ty = &running.e.ty;
        match target {
            Target::Known(scattered) => {
                let place = self.place_of_cell(scattered);
                self.store_known(scattered, &place, known);
            }
            Target::Cells { tensor } => {
                let value = self.reduced(&running.folding, known, ty);
                let index = running.coords.iter().map(|coord| self.coord_value(coord).bin(Bin::Sub, coord.lo.clone()));
                let index = index.collect();
                let place = self.offset(*tensor, index);
                self.store_cell(*tensor, place, value, ty);
            }
            Target::Clause { cells, open, at } => {
                let value = self.reduced(&running.folding, known, ty);
                let mut index = at.to_vec();
                for (axis, coord) in open.iter().zip(&running.coords) {
                    index[*axis] = self.coord_value(coord);
                }
                let place = self.offset(cells.tensor, index);
                self.store_cell(cells.tensor, place, value, ty);
            }
        }
    }
}

/// How the range of a summed coordinate grows with an open one, if nothing else depends on that.
fn growth(reduce: &Reduce, points: &Limits, along: VarId) -> Option<Growth> {
    let definitions = &points.definitions;
    let reads = |e: &Expr| definitions.mention(e, &[along]);
    if reads(&reduce.body) || points.items.iter().any(|item| reads(item.expr())) {
        return None;
    }
    let mut found: Vec<Growth> = Vec::new();
    for (k, Binder { var, lo, hi }) in reduce.binders.iter().enumerate() {
        let mut moves = |slope: i64, at_end: bool| {
            found.push(Growth { binder: k, at_end, ascends: (slope > 0) == at_end });
        };
        if reads(lo) {
            moves(definitions.slope(lo, along)?, false);
        }
        if reads(hi) {
            moves(definitions.slope(hi, along)?, true);
        }
        for limit in points.limits.iter().filter(|limit| limit.var == *var) {
            if !reads(limit.left) && !reads(limit.right) {
                continue;
            }
            let slope = definitions.slope(limit.right, along)? - definitions.slope(limit.left, along)?;
            let at_end = match limit.op {
                Op::Lt | Op::Le => limit.slope > 0,
                Op::Gt | Op::Ge => limit.slope < 0,
                _ => return None,
            };
            moves(if limit.slope > 0 { slope } else { -slope }, at_end);
        }
    }
    let first = *found.first()?;
    found.iter().all(|other| *other == first).then_some(first)
}

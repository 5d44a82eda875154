//! Reductions that carry what is known of several cells.
//!
//! A pass goes through points and folds each of them into the cells that go along with it. Either there is a coordinate
//! along which ranges grow (`carried.rs`): then every step stores what is known so far. Or a pass is all points of a row
//! of cells (`rows.rs`).

use super::bounds::Cells;
use super::contraction::{Contracted, Coord};
use super::function::Lower;
use super::limits::{Definitions, Item, Limit, Limits};
use super::reduce::Folding;
use super::scatter::{Scattered, reductions};
use super::value::Part;
use ir::loops::{Bin, Local, St, Turns};
use ir::{Binder, Clause, Expr, ExprKind, Reduce, VarId};

/// Rows that are walked together, so that their additions need not wait for each other.
const ROWS: i64 = 4;
/// Nodes of a body that is written down once for each of these rows.
const SMALL: usize = 40;
/// Cells that go along with a point at most, so that what is known of them stays in the nearest cache.
const TILE: i64 = 1024;

/// A reduction of which several cells are computed together.
pub struct Carried<'e> {
    pub e: &'e Expr,
    pub reduce: &'e Reduce,
    pub folding: Folding,
    /// The open coordinates that it has cells for, in order.
    pub coords: Vec<Coord>,
    /// Those around a pass, the one along which it goes, if there is one, and those that go along with each point.
    pub outer: Vec<Coord>,
    pub along: Option<Along>,
    pub inner: Vec<Coord>,
    /// What limits the points, and the cells that go along.
    pub points: Limits<'e>,
    /// What limits the cells, if the clause is nothing else and its cells can be stored at once.
    pub whole: Option<Limits<'e>>,
}

#[derive(Clone)]
pub struct Along {
    pub coord: Coord,
    pub growth: Growth,
}

/// How a range changes with a coordinate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Growth {
    /// Number of the summed coordinate.
    pub binder: usize,
    /// It is the end that moves, not the begin.
    pub at_end: bool,
    /// The range grows with the coordinate.
    pub ascends: bool,
}

/// A reduction of a clause that might be carried.
pub struct Candidate<'e> {
    pub e: &'e Expr,
    pub reduce: &'e Reduce,
    /// What has to be bound and to hold at its points.
    pub items: Vec<Item<'e>>,
    /// The open coordinates that it mentions.
    pub coords: Vec<Coord>,
    whole: Option<Limits<'e>>,
}

impl<'e> Candidate<'e> {
    pub fn ends(&self) -> impl Iterator<Item = &'e Expr> + use<'e> {
        self.reduce.binders.iter().flat_map(|binder| [&binder.lo, &binder.hi])
    }

    pub fn binders(&self) -> Vec<VarId> {
        self.reduce.binders.iter().map(|binder| binder.var).collect()
    }

    pub fn carried(
        self,
        folding: Folding,
        points: Limits<'e>,
        along: Option<Along>,
        goes_along: impl Fn(usize, &Coord) -> bool,
    ) -> Carried<'e> {
        let Candidate { e, reduce, coords, whole, .. } = self;
        let step = along.as_ref().map(|along| along.coord.var);
        let (mut outer, mut inner) = (Vec::new(), Vec::new());
        for (k, coord) in coords.iter().enumerate().filter(|(_, coord)| Some(coord.var) != step) {
            if goes_along(k, coord) { &mut inner } else { &mut outer }.push(coord.clone());
        }
        Carried { e, reduce, folding, coords, outer, along, inner, points, whole }
    }
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
    /// Also the sums of a block of points, which are then added exactly.
    Cells(Scattered, Option<Scattered>),
}

impl Carried<'_> {
    /// Whether its clause is nothing else.
    pub fn is_whole(&self) -> bool {
        self.whole.is_some()
    }
}

impl Lower<'_, '_> {
    /// The reductions of a clause that `choose` finds a way to carry.
    pub fn carried<'e>(
        &self,
        cells: &Cells,
        clause: &'e Clause,
        open: &[Coord],
        choose: impl Fn(&Self, Candidate<'e>) -> Option<Carried<'e>>,
    ) -> Vec<Carried<'e>> {
        if self.options().opt_level == 0 {
            return Vec::new();
        }
        let is_known = |e: &Expr| {
            let key = std::ptr::from_ref(e);
            self.scattered.contains_key(&key) || self.contracted.contains_key(&key)
        };
        let is_plain = clause.otherwise.is_none() && clause.slots.len() == cells.dims.len();
        if is_plain
            && cells.family.elem == clause.body.ty
            && !is_known(&clause.body)
            && let Some(mut candidate) = self.candidate(&clause.body, Vec::new(), open)
            && candidate.coords.len() == open.len()
        {
            candidate.whole = self.limits_of_cells(clause, open);
            let found = if candidate.whole.is_some() { choose(self, candidate) } else { None };
            if found.is_some() {
                return found.into_iter().collect();
            }
        }
        let (mut found, mut context) = (Vec::new(), Vec::new());
        for item in Item::all(&clause.wheres) {
            reductions(item.expr(), &mut context, &mut found);
            context.push(item);
        }
        reductions(&clause.body, &mut context, &mut found);
        let found = found.into_iter().filter(|(e, _)| !is_known(e));
        let candidates = found.filter_map(|(e, context)| self.candidate(e, context, open));
        candidates.filter_map(|candidate| choose(self, candidate)).collect()
    }

    /// The guards of a clause, if they are nothing but limits of one coordinate each.
    fn limits_of_cells<'e>(&self, clause: &'e Clause, open: &[Coord]) -> Option<Limits<'e>> {
        let vars: Vec<VarId> = open.iter().map(|coord| coord.var).collect();
        let limits = self.limits(&Item::all(&clause.wheres), &vars, &[]);
        let reads = |limit: &Limit, var: &VarId| {
            [limit.left, limit.right].iter().any(|e| limits.definitions.mention(e, &[*var]))
        };
        let is_apart = |limit: &Limit| vars.iter().filter(|var| reads(limit, var)).count() == 1;
        (limits.items.is_empty() && limits.limits.iter().all(is_apart)).then_some(limits)
    }

    fn candidate<'e>(&self, e: &'e Expr, context: Vec<Item<'e>>, open: &[Coord]) -> Option<Candidate<'e>> {
        let ExprKind::Reduce(reduce) = &e.kind else { return None };
        let items = self.protected(e, reduce, context)?;
        let candidate = Candidate { e, reduce, items, coords: Vec::new(), whole: None };
        if candidate.ends().any(|end| self.fails(end)) {
            return None;
        }
        let definitions = Definitions::of(&candidate.items);
        let exprs = candidate.items.iter().map(|item| item.expr()).chain([&reduce.body]).chain(candidate.ends());
        let exprs: Vec<&Expr> = exprs.collect();
        let mentioned = |coord: &&Coord| exprs.iter().any(|e| definitions.mention(e, &[coord.var]));
        let coords = open.iter().filter(mentioned).cloned().collect();
        Some(Candidate { coords, ..candidate })
    }

    /// Stores the cells of a clause that is nothing but a reduction that can be carried.
    pub fn carry_clause(&mut self, carried: &Carried, cells: &Cells, open: &[usize], at: &[Part]) {
        self.passes(carried, &Target::Clause { cells, open, at });
    }

    /// Carries reductions along for all cells of their clause, which then reads what they are.
    pub fn carry(&mut self, carried: &[Carried]) {
        for carried in carried {
            let key = std::ptr::from_ref(carried.e);
            let dims: Vec<Part> = carried.coords.iter().map(Coord::extent).collect();
            let (coords, folding) = (carried.coords.clone(), carried.folding);
            if folding.can_fail() {
                let known =
                    folding.first().into_iter().map(|first| self.filled(first, dims.clone(), carried.e)).collect();
                let scattered = Scattered { folding, known, coords };
                self.passes(carried, &Target::Known(scattered.clone()));
                self.scattered.insert(key, scattered);
            } else {
                let tensor = self.new_tensor(&carried.e.ty, dims, false, "", carried.e.span);
                self.passes(carried, &Target::Cells { tensor });
                self.contracted.insert(key, Contracted::new(tensor, coords));
            }
        }
    }

    pub fn forget_carried(&mut self, carried: &[Carried]) {
        for carried in carried {
            self.contracted.remove(&std::ptr::from_ref(carried.e));
            self.scattered.remove(&std::ptr::from_ref(carried.e));
        }
    }

    fn passes(&mut self, carried: &Carried, target: &Target) {
        let room = match (&carried.along, &carried.inner[..]) {
            (None, [row]) => self.room(carried, row),
            _ => Vec::new(),
        };
        let locals: Vec<Local> = room.iter().map(|(local, _)| *local).collect();
        if !carried.outer.is_empty() {
            self.spread_next(room);
        }
        self.outer_passes(carried, &carried.outer, &locals, target);
    }

    /// Memory for what is known of a row of cells, or of a piece of it, and what makes it.
    fn room(&mut self, carried: &Carried, row: &Coord) -> Vec<(Local, Vec<St>)> {
        let cells = row.extent().bin(Bin::SMin, Part::index(TILE));
        let cells = self.atom(cells);
        let block = carried.folding.in_blocks().into_iter().flat_map(|folding| folding.first());
        let first = carried.folding.first().into_iter().chain(block);
        let mut room = Vec::new();
        for first in first {
            let mark = self.region().stmts.len();
            let local = self.cells_of(first.ty, vec![cells.clone()], false, carried.e);
            let makes = |statement: &&St| matches!(statement, St::Store(..) | St::Rt { .. } | St::Own(_));
            room.push((local, self.region().stmts[mark..].iter().filter(makes).cloned().collect()));
        }
        room
    }

    fn outer_passes(&mut self, carried: &Carried, left: &[Coord], room: &[Local], target: &Target) {
        match left {
            [] if carried.along.is_none() => self.row_of_cells(carried, room, target),
            [] => self.pass(carried, None, &[Part::index(0)], target),
            [coord] if self.is_for_rows(carried, coord) => self.rows(carried, coord, target),
            [coord, left @ ..] => self.coord_loop(coord, carried.whole.as_ref(), |lower| {
                lower.outer_passes(carried, left, room, target);
            }),
        }
    }

    /// All points of a row of cells, in pieces.
    fn row_of_cells(&mut self, carried: &Carried, room: &[Local], target: &Target) {
        let row = &carried.inner[0];
        let (lo, hi) = self.cell_range(row, carried.whole.as_ref());
        let piece = |lower: &mut Self, lo: Part, hi: Part| {
            let inner = [Coord { var: row.var, lo, hi }];
            let (whole, block) = room.split_at(carried.folding.first().len());
            let cells = |folding, room: &[Local]| Scattered { folding, known: room.to_vec(), coords: inner.to_vec() };
            let known = cells(carried.folding, whole);
            let block = carried.folding.in_blocks().map(|folding| cells(folding, block));
            lower.forget_points(&known, &inner[0]);
            let state = State::Cells(known, block);
            let Limits { items, definitions, .. } = &carried.points;
            let mut later = carried.reduce.binders.iter().map(|binder| binder.var).collect::<Vec<_>>();
            later.push(row.var);
            let is_late = |item: &Item| definitions.mention(item.expr(), &later);
            let (first, rest) = items.split_at(items.iter().position(is_late).unwrap_or(items.len()));
            lower.gate(first, &mut |lower| lower.new_points(carried, rest, &mut Vec::new(), &inner, &state), None);
            lower.store_carried(carried, &inner, &state, target);
        };
        if row.extent().as_int().is_some_and(|cells| cells <= TILE) {
            return piece(self, lo, hi);
        }
        let whole = Part::index(TILE);
        let length = hi.clone().bin(Bin::Sub, lo.clone());
        let count = length.bin(Bin::Add, Part::index(TILE - 1)).bin(Bin::SDiv, whole.clone());
        self.for_loop((Part::index(0), count), Turns::Free, "", |lower, var| {
            let from = lo.bin(Bin::Add, lower.read(var).bin(Bin::Mul, whole.clone()));
            let from = lower.atom(from);
            let to = lower.atom(from.clone().bin(Bin::Add, whole).bin(Bin::SMin, hi));
            piece(lower, from, to);
        });
    }

    /// Nothing is known of a row of cells.
    fn forget_points(&mut self, known: &Scattered, row: &Coord) {
        self.coord_loop(row, None, |lower| {
            let place = lower.place_of_cell(known);
            lower.store_known(known, &place, known.folding.first());
        });
    }

    /// Whether passes for several values of a coordinate can be one.
    fn is_for_rows(&self, carried: &Carried, coord: &Coord) -> bool {
        let mut nodes = 0;
        carried.reduce.body.walk(&mut |_| nodes += 1);
        let Carried { points, reduce, .. } = carried;
        let ends = reduce.binders.iter().flat_map(|binder| [&binder.lo, &binder.hi]);
        let limits = points.limits.iter().flat_map(|limit| [limit.left, limit.right]);
        let whole = carried.whole.iter().flat_map(|whole| &whole.limits).filter(|limit| limit.var != coord.var);
        let cells = whole.flat_map(|limit| [limit.left, limit.right]);
        let mut all = ends.chain(limits).chain(cells);
        let is_plain =
            carried.along.is_some() && carried.inner.is_empty() && points.items.is_empty() && reduce.binders.len() == 1;
        is_plain && nodes <= SMALL && !all.any(|e| points.definitions.mention(e, &[coord.var]))
    }

    fn rows(&mut self, carried: &Carried, coord: &Coord, target: &Target) {
        let (lo, hi) = self.cell_range(coord, carried.whole.as_ref());
        let count = hi.clone().bin(Bin::Sub, lo.clone()).bin(Bin::SMax, Part::index(0));
        let groups = self.atom(count.bin(Bin::SDiv, Part::index(ROWS)));
        self.for_loop((Part::index(0), groups.clone()), Turns::Free, "", |lower, var| {
            let first = lo.clone().bin(Bin::Add, lower.read(var).bin(Bin::Mul, Part::index(ROWS)));
            let rows: Vec<Part> = (0..ROWS).map(|row| first.clone().bin(Bin::Add, Part::index(row))).collect();
            let rows: Vec<Part> = rows.into_iter().map(|row| lower.atom(row)).collect();
            lower.pass(carried, Some(coord.var), &rows, target);
        });
        let name = self.program().vars[coord.var.index()].name.as_str();
        let rest = self.atom(lo.bin(Bin::Add, groups.bin(Bin::Mul, Part::index(ROWS))));
        self.for_loop((rest, hi), Turns::Free, name, |lower, var| {
            let row = lower.read(var);
            lower.pass(carried, Some(coord.var), &[row], target);
        });
    }

    /// One pass, for some values of a coordinate.
    fn pass(&mut self, carried: &Carried, row: Option<VarId>, rows: &[Part], target: &Target) {
        let bind = |lower: &mut Self, at: &Part| {
            if let Some(var) = row {
                lower.bind_coord(var, at.clone());
            }
        };
        let inner = &carried.inner;
        let Some(Along { coord, growth }) = &carried.along else { unreachable!("a pass goes along a coordinate") };
        let states: Vec<State> = rows.iter().map(|_| self.first_state(carried, inner)).collect();
        bind(self, &rows[0]);
        let binder = &carried.reduce.binders[growth.binder];
        let start = self.fixed_end(carried, coord.var, growth, binder);
        let done = self.variable(start, "");
        let name = self.program().vars[coord.var.index()].name.as_str();
        let range = self.cell_range(coord, carried.whole.as_ref());
        self.for_loop(range, if growth.ascends { Turns::Up } else { Turns::Down }, name, |lower, var| {
            lower.bind_coord(coord.var, lower.read(var));
            bind(lower, &rows[0]);
            let (lo, hi) = (lower.index(&binder.lo), lower.index(&binder.hi));
            let (lo, hi) = lower.narrowed(binder.var, (lo, hi), &carried.points);
            let known = lower.read(done);
            let (range, turns, reached) = if growth.at_end {
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
                    lower.new_points(carried, &carried.points.items, &mut vec![point.clone()], inner, state);
                }
            });
            lower.set(done, reached);
            for (at, state) in rows.iter().zip(&states) {
                bind(lower, at);
                lower.store_carried(carried, inner, state, target);
            }
        });
    }

    fn first_state(&mut self, carried: &Carried, inner: &[Coord]) -> State {
        let folding = carried.folding;
        if inner.is_empty() {
            return State::Locals(self.variables(folding.first()));
        }
        let dims: Vec<Part> = inner.iter().map(Coord::extent).collect();
        let known = folding.first().into_iter().map(|first| self.filled(first, dims.clone(), carried.e)).collect();
        State::Cells(Scattered { folding, known, coords: inner.to_vec() }, None)
    }

    /// The end of the range that does not move, where the pass begins.
    fn fixed_end(&mut self, carried: &Carried, along: VarId, growth: &Growth, binder: &Binder) -> Part {
        let is_fixed = |e: &Expr| !carried.points.definitions.mention(e, &[along]);
        let fixed = carried.points.filtered(|limit| is_fixed(limit.left) && is_fixed(limit.right));
        if growth.at_end {
            let lo = self.index(&binder.lo);
            self.narrowed(binder.var, (lo, Part::index(i64::MAX)), &fixed).0
        } else {
            let hi = self.index(&binder.hi);
            self.narrowed(binder.var, (Part::index(i64::MIN), hi), &fixed).1
        }
    }

    /// The summed coordinates, all but the one that a pass goes along with. `at` says where the ones before are.
    fn new_points(&mut self, carried: &Carried, items: &[Item], at: &mut Vec<Part>, inner: &[Coord], state: &State) {
        let depth = match &carried.along {
            Some(along) if at.len() <= along.growth.binder => at.len() - 1,
            _ => at.len(),
        };
        let Some(binder) = carried.reduce.binders.get(depth) else {
            let mark = self.region().temps.len();
            let definitions = &carried.points.definitions;
            let vars: Vec<VarId> = inner.iter().map(|coord| coord.var).collect();
            let reads = |item: &Item| definitions.mention(item.expr(), &vars);
            let (before, inside) = items.split_at(items.iter().position(reads).unwrap_or(items.len()));
            let point = at[0].clone();
            self.gate(before, &mut |lower| lower.new_cells_points(carried, inside, inner, &point, state), None);
            return self.release_temps(mark);
        };
        let (lo, hi) = (self.index(&binder.lo), self.index(&binder.hi));
        let range = self.narrowed(binder.var, (lo, hi), &carried.points);
        let name = self.program().vars[binder.var.index()].name.as_str();
        let mut turns = |lower: &mut Self, range: (Part, Part), state: &State| {
            lower.for_loop(range, Turns::Up, name, |lower, var| {
                let index = lower.read(var);
                lower.bind_coord(binder.var, index.clone());
                at.push(index);
                lower.new_points(carried, items, at, inner, state);
                at.pop();
            });
        };
        match state {
            State::Cells(known, Some(block)) if depth + 1 == carried.reduce.binders.len() => {
                let range = (self.atom(range.0), self.atom(range.1));
                self.blocks(range, |lower, range| {
                    lower.forget_points(block, &inner[0]);
                    turns(lower, range, &State::Cells(block.clone(), None));
                    lower.coord_loop(&inner[0], None, |lower| {
                        let place = lower.place_of_cell(block);
                        let sum = lower.known_of_cell(block, &place).remove(0);
                        lower.fold_into_cell(sum, &Part::index(0), known);
                    });
                });
            }
            _ => turns(self, range, state),
        }
    }

    fn new_cells_points(&mut self, carried: &Carried, items: &[Item], left: &[Coord], point: &Part, state: &State) {
        if let Some((coord, left)) = left.split_first() {
            let range = self.cell_range(coord, carried.whole.as_ref());
            let (lo, hi) = self.narrowed(coord.var, range, &carried.points);
            let cut = Coord { var: coord.var, lo, hi };
            return self.coord_loop(&cut, None, |lower| lower.new_cells_points(carried, items, left, point, state));
        }
        self.gate(
            items,
            &mut |lower| {
                let value = lower.scalar(&carried.reduce.body);
                match state {
                    State::Locals(locals) => lower.fold_in(&carried.folding, value, point, locals),
                    State::Cells(cells, _) => lower.fold_into_cell(value, point, cells),
                }
            },
            None,
        );
    }

    fn store_carried(&mut self, carried: &Carried, left: &[Coord], state: &State, target: &Target) {
        if let Some((coord, left)) = left.split_first() {
            return self.coord_loop(coord, carried.whole.as_ref(), |lower| {
                lower.store_carried(carried, left, state, target);
            });
        }
        let known = match state {
            State::Locals(locals) => locals.iter().map(|local| self.read(*local)).collect(),
            State::Cells(cells, _) => {
                let place = self.place_of_cell(cells);
                self.known_of_cell(cells, &place)
            }
        };
        let ty = &carried.e.ty;
        match target {
            Target::Known(scattered) => {
                let place = self.place_of_cell(scattered);
                self.store_known(scattered, &place, known);
            }
            Target::Cells { tensor } => {
                let value = self.reduced(&carried.folding, known, ty);
                let index = carried.coords.iter().map(|coord| self.coord_value(coord).bin(Bin::Sub, coord.lo.clone()));
                let index = index.collect();
                let place = self.offset(*tensor, index);
                self.store_cell(*tensor, place, value, ty);
            }
            Target::Clause { cells, open, at } => {
                let value = self.reduced(&carried.folding, known, ty);
                let mut index = at.to_vec();
                for (axis, coord) in open.iter().zip(&carried.coords) {
                    index[*axis] = self.coord_value(coord);
                }
                let place = self.offset(cells.tensor(), index);
                self.store_cell(cells.tensor(), place, value, ty);
            }
        }
    }
}

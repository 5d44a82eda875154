//! Reductions whose points say which cell they belong to.
//!
//! `sum[i](x[i] where at[i] == g)` for all `g` would ask each point for each cell. Here each point is asked once where it
//! belongs, and folded into what is known of that cell. The cells of the clause then read what is known of them.

use super::contraction::Coord;
use super::function::Lower;
use super::limits::{Definitions, Item, Limits, conjuncts, is_index};
use super::reduce::Folding;
use super::value::Part;
use ir::loops::{Bin, Ex, Local, St, Turns, Ty};
use ir::{Clause, Expr, ExprKind, Op, Reduce, Scalar, Stmt, Type, VarId};

/// A reduction that can be turned round.
pub struct Scatter<'e> {
    e: &'e Expr,
    reduce: &'e Reduce,
    folding: Folding,
    /// The open coordinates that have their own cells.
    coords: Vec<Coord>,
    /// Of these, the ones that are looped over around the points, and at each point.
    outer: Vec<Coord>,
    inner: Vec<Coord>,
    limits: Limits<'e>,
    tasks: Vec<Task<'e>>,
}

/// What is done at each point.
#[derive(Clone, Copy)]
enum Task<'e> {
    Item(Item<'e>),
    Solve(Equation<'e>),
}

impl<'e> Task<'e> {
    fn exprs(self) -> Vec<&'e Expr> {
        match self {
            Task::Item(item) => vec![item.expr()],
            Task::Solve(equation) => vec![equation.left, equation.right],
        }
    }
}

/// `left == right`, where the difference grows by `slope`, which is 1 or -1, with an open coordinate.
#[derive(Clone, Copy)]
struct Equation<'e> {
    var: VarId,
    slope: i64,
    left: &'e Expr,
    right: &'e Expr,
}

/// What is known of each cell, in as many tensors as that is numbers.
#[derive(Clone)]
pub struct Scattered {
    pub folding: Folding,
    pub known: Vec<Local>,
    pub coords: Vec<Coord>,
}

impl Lower<'_, '_> {
    /// The reductions of a clause whose points say where they belong.
    pub fn scatters<'e>(&self, clause: &'e Clause, open: &[Coord]) -> Vec<Scatter<'e>> {
        if self.options().opt_level == 0 {
            return Vec::new();
        }
        let mut found = Vec::new();
        let mut context = Vec::new();
        for item in Item::all(&clause.wheres) {
            reductions(item.expr(), &mut context, &mut found);
            context.push(item);
        }
        reductions(&clause.body, &mut context, &mut found);
        found.into_iter().filter_map(|(e, context)| self.turned_round(e, context, open)).collect()
    }

    fn turned_round<'e>(&self, e: &'e Expr, context: Vec<Item<'e>>, open: &[Coord]) -> Option<Scatter<'e>> {
        let ExprKind::Reduce(reduce) = &e.kind else { return None };
        let items = self.protected(e, reduce, context)?;
        let definitions = Definitions::of(&items);
        let equations = self.equations(reduce, &items, &definitions, open);
        let solved: Vec<VarId> = equations.iter().flatten().map(|equation| equation.var).collect();
        let ends: Vec<&Expr> = reduce.binders.iter().flat_map(|binder| [&binder.lo, &binder.hi]).collect();
        if solved.is_empty() || ends.iter().any(|end| self.fails(end) || definitions.mention(end, &solved)) {
            return None;
        }
        let tasks = self.in_order(&items, &equations, &definitions)?;
        let exprs: Vec<&Expr> = tasks.iter().flat_map(|task| task.exprs()).chain([&reduce.body]).collect();
        let mentioned = |coord: &&Coord| exprs.iter().chain(&ends).any(|e| definitions.mention(e, &[coord.var]));
        let coords: Vec<Coord> = open.iter().filter(mentioned).cloned().collect();
        let last = coords.iter().rposition(|coord| solved.contains(&coord.var))?;
        let (mut outer, mut inner) = (Vec::new(), Vec::new());
        for (k, coord) in coords.iter().enumerate().filter(|(_, coord)| !solved.contains(&coord.var)) {
            let in_ends = ends.iter().any(|end| definitions.mention(end, &[coord.var]));
            if k < last || in_ends { &mut outer } else { &mut inner }.push(coord.clone());
        }
        let vars = |coords: &[Coord]| coords.iter().map(|coord| coord.var).collect::<Vec<_>>();
        let mut loops = vars(&outer);
        loops.extend(reduce.binders.iter().map(|binder| binder.var));
        loops.extend(vars(&inner));
        // Up to the first equation the items are as they were.
        let plain = |task: &Task<'e>| match task {
            Task::Item(item) => Some(*item),
            Task::Solve(_) => None,
        };
        let first: Vec<Item> = tasks.iter().map_while(plain).collect();
        let rest = tasks[first.len()..].to_vec();
        let all: Vec<Item> = first.iter().copied().chain(rest.iter().filter_map(plain)).collect();
        let mut limits = self.limits(&first, &loops, &solved);
        limits.definitions = Definitions::of(&all);
        let tasks = limits.items.iter().map(|item| Task::Item(*item)).chain(rest).collect();
        let folding = Folding::new(reduce, true, e.span);
        Some(Scatter { e, reduce, folding, coords, outer, inner, limits, tasks })
    }

    /// What has to be bound and to hold at the points of a reduction, which itself stands behind `context`.
    pub fn protected<'e>(&self, e: &'e Expr, reduce: &'e Reduce, context: Vec<Item<'e>>) -> Option<Vec<Item<'e>>> {
        let mut own = Vec::new();
        for item in Item::all(&reduce.wheres) {
            match item {
                Item::Guard(guard, true) => own.extend(conjuncts(guard).into_iter().map(|e| Item::Guard(e, true))),
                item => own.push(item),
            }
        }
        let mut items = Vec::new();
        let mut read = ir::visit::free_vars(e);
        let mut fails = self.fails(e);
        for item in context.into_iter().rev() {
            match item {
                Item::Def(var, def) if read.contains(&var) => {
                    def.ty.scalar()?;
                    read.extend(ir::visit::free_vars(def));
                    fails |= self.fails(def);
                    items.push(item);
                }
                // What cannot fail may be computed where nobody wants it.
                Item::Guard(guard, _) if fails => {
                    read.extend(ir::visit::free_vars(guard));
                    fails |= self.fails(guard);
                    items.push(item);
                }
                _ => {}
            }
        }
        items.reverse();
        items.extend(own);
        Some(items)
    }

    /// For each item the equation that it is, if it says where a point belongs.
    fn equations<'e>(
        &self,
        reduce: &Reduce,
        items: &[Item<'e>],
        definitions: &Definitions,
        open: &[Coord],
    ) -> Vec<Option<Equation<'e>>> {
        // An equation that a summed coordinate solves leaves no loop at all.
        let is_limit = |left: &Expr, right: &Expr| {
            reduce.binders.iter().any(|binder| {
                let slope = |e| definitions.slope(e, binder.var);
                slope(left).zip(slope(right)).is_some_and(|(left, right)| left != right)
            })
        };
        let mut taken: Vec<VarId> = Vec::new();
        let mut solve = |item: &Item<'e>| {
            let Item::Guard(guard, true) = item else { return None };
            let ExprKind::Op(Op::Eq, operands) = &guard.kind else { return None };
            let [left, right] = &operands[..] else { return None };
            if !is_index(left) || is_limit(left, right) {
                return None;
            }
            let plain = Definitions::default();
            let var = open.iter().map(|coord| coord.var).find(|var| {
                let slope = |e| plain.slope(e, *var);
                let through = |e| definitions.slope(e, *var);
                !taken.contains(var)
                    && slope(left).zip(slope(right)).is_some_and(|(left, right)| (left - right).abs() == 1)
                    && through(left) == slope(left)
                    && through(right) == slope(right)
            })?;
            // What the equation reads besides has to have a value.
            taken.extend(open.iter().map(|c| c.var).filter(|var| definitions.mention(guard, &[*var])));
            let slope = plain.slope(left, var)? - plain.slope(right, var)?;
            Some(Equation { var, slope, left, right })
        };
        items.iter().map(&mut solve).collect()
    }

    /// Items that read a coordinate come behind the equation that says where it is; only what cannot fail may then come
    /// before them.
    fn in_order<'e>(
        &self,
        items: &[Item<'e>],
        equations: &[Option<Equation<'e>>],
        definitions: &Definitions,
    ) -> Option<Vec<Task<'e>>> {
        let mut unknown: Vec<VarId> = equations.iter().flatten().map(|equation| equation.var).collect();
        let (mut tasks, mut waiting): (Vec<Task>, Vec<Item>) = (Vec::new(), Vec::new());
        for (item, equation) in items.iter().zip(equations) {
            let own = equation.map(|equation| equation.var);
            let others: Vec<VarId> = unknown.iter().copied().filter(|var| Some(*var) != own).collect();
            if definitions.mention(item.expr(), &others) {
                if equation.is_some() {
                    return None;
                }
                waiting.push(*item);
                continue;
            }
            if !waiting.is_empty() && self.fails(item.expr()) {
                return None;
            }
            let Some(equation) = equation else {
                tasks.push(Task::Item(*item));
                continue;
            };
            tasks.push(Task::Solve(*equation));
            unknown = others;
            let (still, ready): (Vec<Item>, Vec<Item>) =
                waiting.into_iter().partition(|item| definitions.mention(item.expr(), &unknown));
            tasks.extend(ready.into_iter().map(Task::Item));
            waiting = still;
        }
        Some(tasks)
    }

    /// Folds all points of the reductions into their cells.
    pub fn scatter(&mut self, scatters: &[Scatter]) {
        for scatter in scatters {
            let dims: Vec<Part> = scatter.coords.iter().map(Coord::extent).collect();
            let first = scatter.folding.first();
            let known = first.into_iter().map(|first| self.filled(first, dims.clone(), scatter.e)).collect();
            let scattered = Scattered { folding: scatter.folding, known, coords: scatter.coords.clone() };
            self.outer_coords(scatter, &scatter.outer, &scattered);
            self.scattered.insert(std::ptr::from_ref(scatter.e), scattered);
        }
    }

    pub fn forget_scattered(&mut self, scatters: &[Scatter]) {
        for scatter in scatters {
            self.scattered.remove(&std::ptr::from_ref(scatter.e));
        }
    }

    /// A tensor with the same number in all cells.
    pub fn filled(&mut self, number: Part, dims: Vec<Part>, e: &Expr) -> Local {
        let is_zero = match number.ex {
            Ex::F32(value) => value == 0.0,
            Ex::F64(value) => value == 0.0,
            _ => number.as_int() == Some(0),
        };
        let rank = dims.len();
        let tensor = self.cells_of(number.ty, dims, is_zero, e);
        if !is_zero {
            let count = self.cell_count(tensor, rank);
            let to = self.data(tensor);
            self.for_loop((Part::index(0), count), Turns::Free, "", |lower, var| {
                lower.emit(St::Store(number.ty, to.ex, lower.read(var).ex, number.ex));
            });
        }
        tensor
    }

    /// A tensor of numbers as variables hold them.
    pub fn cells_of(&mut self, ty: Ty, dims: Vec<Part>, zeroed: bool, e: &Expr) -> Local {
        let scalar = match ty {
            Ty::I8 => Scalar::Bool,
            Ty::I32 => Scalar::I32,
            Ty::F32 => Scalar::F32,
            Ty::F64 => Scalar::F64,
            _ => Scalar::I64,
        };
        self.new_tensor(&Type::Scalar(scalar), dims, zeroed, "", e.span)
    }

    fn outer_coords(&mut self, scatter: &Scatter, left: &[Coord], scattered: &Scattered) {
        let Some((coord, left)) = left.split_first() else {
            return self.points(scatter, &mut Vec::new(), scattered);
        };
        self.coord_loop(coord, Some(&scatter.limits), |lower| lower.outer_coords(scatter, left, scattered));
    }

    /// A loop over an open coordinate.
    pub fn coord_loop(&mut self, coord: &Coord, limits: Option<&Limits>, body: impl FnOnce(&mut Self)) {
        let name = self.program().vars[coord.var.index()].name.as_str();
        let range = self.cell_range(coord, limits);
        self.note_most(coord.var, &range.1);
        self.for_loop(range, Turns::Free, name, |lower, var| {
            lower.bind_coord(coord.var, lower.read(var));
            body(lower);
        });
    }

    pub fn cell_range(&mut self, coord: &Coord, limits: Option<&Limits>) -> (Part, Part) {
        let range = (coord.lo.clone(), coord.hi.clone());
        match limits {
            Some(limits) => self.narrowed(coord.var, range, limits),
            None => range,
        }
    }

    fn points(&mut self, scatter: &Scatter, at: &mut Vec<Part>, scattered: &Scattered) {
        let Some(binder) = scatter.reduce.binders.get(at.len()) else {
            let mark = self.region().temps.len();
            let point = at.first().cloned().unwrap_or(Part::index(0));
            self.tasks(scatter, &scatter.tasks, false, &point, scattered);
            return self.release_temps(mark);
        };
        let (lo, hi) = (self.index(&binder.lo), self.index(&binder.hi));
        let range = self.narrowed(binder.var, (lo, hi), &scatter.limits);
        let name = self.program().vars[binder.var.index()].name.as_str();
        // Two points may belong to one cell.
        self.for_loop(range, Turns::Up, name, |lower, var| {
            let index = lower.read(var);
            lower.bind_coord(binder.var, index.clone());
            at.push(index);
            lower.points(scatter, at, scattered);
            at.pop();
        });
    }

    fn tasks(&mut self, scatter: &Scatter, tasks: &[Task], inside: bool, point: &Part, scattered: &Scattered) {
        let inner: Vec<VarId> = scatter.inner.iter().map(|coord| coord.var).collect();
        let reads = |task: &Task| task.exprs().iter().any(|e| scatter.limits.definitions.mention(e, &inner));
        if !inside && tasks.first().is_none_or(reads) {
            return self.inner_coords(scatter, &scatter.inner, tasks, point, scattered);
        }
        let Some((task, left)) = tasks.split_first() else {
            let value = self.scalar(&scatter.reduce.body);
            return self.fold_into_cell(value, point, scattered);
        };
        let cond = match task {
            Task::Item(Item::Def(var, e)) => {
                self.define(*var, e);
                return self.tasks(scatter, left, inside, point, scattered);
            }
            Task::Item(Item::Guard(e, wanted)) => self.condition(e, *wanted),
            Task::Solve(equation) => self.place(equation, scatter),
        };
        self.when(cond, |lower| lower.tasks(scatter, left, inside, point, scattered));
    }

    fn inner_coords(&mut self, scatter: &Scatter, left: &[Coord], tasks: &[Task], point: &Part, scattered: &Scattered) {
        let Some((coord, left)) = left.split_first() else {
            return self.tasks(scatter, tasks, true, point, scattered);
        };
        self.coord_loop(coord, Some(&scatter.limits), |lower| {
            lower.inner_coords(scatter, left, tasks, point, scattered)
        });
    }

    /// Gives an open coordinate the value that an equation says; whether it is in its range.
    fn place(&mut self, equation: &Equation, scatter: &Scatter) -> Part {
        let own = scatter.coords.iter().find(|coord| coord.var == equation.var);
        let coord = own.expect("an equation is about a coordinate with cells");
        self.bind_coord(coord.var, Part::index(0));
        let left = self.index(equation.left);
        let right = self.index(equation.right);
        let at = if equation.slope == 1 { right.bin(Bin::Sub, left) } else { left.bin(Bin::Sub, right) };
        let at = self.atom(at);
        self.bind_coord(coord.var, at.clone());
        self.within(at, coord.lo.clone(), coord.hi.clone())
    }

    pub fn coord_value(&mut self, coord: &Coord) -> Part {
        self.var(coord.var).parts.remove(0).widened(true)
    }

    pub fn place_of_cell(&mut self, scattered: &Scattered) -> Part {
        let mut index = Vec::with_capacity(scattered.coords.len());
        for coord in &scattered.coords {
            index.push(self.coord_value(coord).bin(Bin::Sub, coord.lo.clone()));
        }
        let place = self.offset(scattered.known[0], index);
        self.atom(place)
    }

    pub fn known_of_cell(&mut self, scattered: &Scattered, place: &Part) -> Vec<Part> {
        let types = scattered.folding.first();
        let mut known = Vec::new();
        for (tensor, first) in scattered.known.iter().zip(types) {
            let from = self.data(*tensor);
            known.push(self.bound(Part::load(first.ty, from, place.clone()), ""));
        }
        known
    }

    pub fn fold_into_cell(&mut self, value: Part, point: &Part, scattered: &Scattered) {
        let place = self.place_of_cell(scattered);
        let known = self.known_of_cell(scattered, &place);
        let new = self.folded(&scattered.folding, known, value, point);
        self.store_known(scattered, &place, new);
    }

    pub fn store_known(&mut self, scattered: &Scattered, place: &Part, known: Vec<Part>) {
        for (tensor, part) in scattered.known.iter().zip(known) {
            let to = self.data(*tensor);
            self.emit(St::Store(part.ty, to.ex, place.ex.clone(), part.ex));
        }
    }

    /// Whether a reduction stands in an expression whose cells are known in its clause alone, also where it reads nothing
    /// of it.
    pub fn reads_prepared(&self, e: &Expr) -> bool {
        let mut found = false;
        if !self.scattered.is_empty() || !self.contracted.is_empty() {
            e.walk(&mut |e| {
                let e = std::ptr::from_ref(e);
                found |= self.scattered.contains_key(&e) || self.contracted.contains_key(&e);
            });
        }
        found
    }

    /// A reduction whose points have been folded into the cells of its clause.
    pub fn scattered_cell(&mut self, reduction: &Expr) -> Option<Part> {
        let scattered = self.scattered.get(&std::ptr::from_ref(reduction))?.clone();
        let place = self.place_of_cell(&scattered);
        let known = self.known_of_cell(&scattered, &place);
        Some(self.reduced(&scattered.folding, known, &reduction.ty))
    }
}

/// The reductions of an expression that are not inside another one, each with what has to be bound and to hold before
/// it is reached.
pub fn reductions<'e>(e: &'e Expr, context: &mut Vec<Item<'e>>, found: &mut Vec<(&'e Expr, Vec<Item<'e>>)>) {
    let mut behind = |e: &'e Expr, context: &mut Vec<Item<'e>>, item: Item<'e>| {
        context.push(item);
        reductions(e, context, found);
        context.pop();
    };
    match &e.kind {
        ExprKind::Reduce(_) => found.push((e, context.clone())),
        ExprKind::Op(_, operands) | ExprKind::Call(_, operands) => {
            operands.iter().for_each(|operand| reductions(operand, context, found));
        }
        ExprKind::Cast(inner) => reductions(inner, context, found),
        ExprKind::If(cond, yes, no) => {
            behind(yes, context, Item::Guard(cond, true));
            behind(no, context, Item::Guard(cond, false));
            reductions(cond, context, found);
        }
        ExprKind::And(a, b) | ExprKind::Or(a, b) => {
            behind(b, context, Item::Guard(a, matches!(e.kind, ExprKind::And(..))));
            reductions(a, context, found);
        }
        ExprKind::Block(stmts, value) => {
            let outside = context.len();
            for stmt in stmts {
                if let Stmt::Let(var, e) = stmt {
                    reductions(e, context, found);
                    context.push(Item::Def(*var, e));
                }
            }
            reductions(value, context, found);
            context.truncate(outside);
        }
        _ => {}
    }
}

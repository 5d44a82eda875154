//! Comprehensions of numbers and rows: one coordinate runs over all combinations of what the generators draw. Where some
//! of these are left out, a table says which combination each cell comes from.

use super::place::Item;
use super::tensor::is_light;
use super::value::{Cells, Tensor, Value};
use super::{Normaliser, Outcome, Unsupported, make};
use diagnostics::{Span, Symbol};
use ir::*;
use std::collections::HashMap;

/// What a generator draws from, and how many items that are.
struct Drawn {
    var: VarId,
    count: Expr,
    items: Value,
}

impl Normaliser<'_> {
    pub(super) fn comprehension(&mut self, e: &Expr, comprehension: &Comprehension) -> Outcome<Tensor> {
        if e.ty.rank() == 0 {
            return Err(Unsupported);
        }
        let mark = self.scope.len();
        let of_cells = self.combinations(comprehension, e.span)?;
        let tensor = self.items(e, comprehension, of_cells)?;
        self.scope.truncate(mark);
        Ok(tensor)
    }

    /// A coordinate over the combinations of a comprehension, how many these are, and where in the scope stands what each
    /// of its items needs.
    pub(super) fn combinations(&mut self, comprehension: &Comprehension, span: Span) -> Outcome<(VarId, Expr, usize)> {
        if !takes_all(comprehension) {
            return self.left_over(comprehension, span);
        }
        let flat = self.new_coord(None, span);
        let count = self.generators(comprehension, flat)?;
        self.push_coord(flat, &count, "");
        Ok((flat, count, self.scope.len()))
    }

    /// The cells, by the coordinate that they run along; what stands in the scope behind `inner` goes into each.
    fn items(
        &mut self,
        e: &Expr,
        comprehension: &Comprehension,
        (cell_of, count, inner): (VarId, Expr, usize),
    ) -> Outcome<Tensor> {
        let span = e.span;
        for clause in &comprehension.clauses {
            if let CompClause::Let(var, value) = clause {
                self.define(*var, value)?;
            }
        }
        if comprehension.body.ty.rank() == 0 {
            let cell = self.cell(&comprehension.body, true)?;
            let cell = self.close_block(inner, cell);
            let cells = Cells::Pending { coords: vec![cell_of], cell };
            return Ok(Tensor { elem: e.ty.elem().clone(), extents: vec![count], names: vec![None], cells, span });
        }
        let rows = self.tensor(&comprehension.body)?;
        let own: Vec<VarId> = rows.names.iter().map(|name| self.new_coord(*name, span)).collect();
        let cell = self.read_at(&rows, &own)?;
        let cell = self.close_block(inner, cell);
        if rows.extents.iter().any(|extent| self.is_inside(extent)) {
            return Err(Unsupported);
        }
        let mut coords = vec![cell_of];
        coords.extend(own);
        let mut extents = vec![count];
        extents.extend(rows.extents);
        let mut names = vec![None];
        names.extend(rows.names);
        Ok(Tensor { elem: rows.elem, extents, names, cells: Cells::Pending { coords, cell }, span })
    }

    fn push_coord(&mut self, var: VarId, count: &Expr, name: &str) {
        let span = count.span;
        let binder = Binder { var, lo: make::int(0, Type::I64, span), hi: self.fresh(count) };
        let name = (!name.is_empty()).then(|| Symbol::new(name));
        let extent = self.fresh(count);
        self.scope.push(Item::Coord { binder, extent, step: None, name });
    }

    /// Binds what the generators draw, by one coordinate over all combinations; gives how many there are.
    fn generators(&mut self, comprehension: &Comprehension, flat: VarId) -> Outcome<Expr> {
        let mut drawn = Vec::new();
        for clause in &comprehension.clauses {
            if let CompClause::For(var, source) = clause {
                drawn.push(self.drawn(*var, source)?);
            }
        }
        let counts: Vec<Expr> = drawn.iter().map(|drawn| drawn.count.clone()).collect();
        for (k, drawn) in drawn.iter().enumerate() {
            let at = self.place_among(flat, &counts, k);
            let item = self.item_at(drawn, at)?;
            self.env.insert(drawn.var, item);
        }
        Ok(self.product(&counts))
    }

    fn drawn(&mut self, var: VarId, source: &Expr) -> Outcome<Drawn> {
        let span = source.span;
        let (count, items) = match self.value(source)? {
            Value::Range(lo, hi) => {
                let none = make::int(0, Type::I64, span);
                let count = make::sub(hi, self.fresh(&lo));
                let count = match make::constant(&count) {
                    Some(count) => make::int(count.max(0), Type::I64, span),
                    None => make::op(Op::Max, vec![count, none]),
                };
                (count, Value::Range(lo, make::int(0, Type::I64, span)))
            }
            Value::Tensor(tensor) => {
                let tensor = if is_light(&tensor) { tensor } else { self.stored(tensor, None)? };
                (self.fresh(&tensor.extents[0]), Value::Tensor(tensor))
            }
            Value::List(items, count) => (self.fresh(&count), *items),
            _ => return Err(Unsupported),
        };
        Ok(Drawn { var, count, items })
    }

    /// How many combinations there are of so many items each.
    fn product(&mut self, counts: &[Expr]) -> Expr {
        let span = counts.first().map(|count| count.span).unwrap_or_default();
        let mut total = make::int(1, Type::I64, span);
        for count in counts.iter().rev() {
            total = match (make::constant(&total), make::constant(count)) {
                (Some(a), Some(b)) => make::int(a * b, Type::I64, span),
                (Some(1), _) => self.fresh(count),
                _ => make::op(Op::Mul, vec![total, self.fresh(count)]),
            };
        }
        total
    }

    /// Which item of generator `k` belongs to a combination.
    fn place_among(&mut self, flat: VarId, counts: &[Expr], k: usize) -> Expr {
        let span = counts[k].span;
        let behind = self.product(&counts[k + 1..]);
        let mut at = self.read_var(flat, span);
        if make::constant(&behind) != Some(1) {
            at = make::op(Op::Div, vec![at, make::cast(behind, Type::I32)]);
        }
        if k > 0 {
            at = make::op(Op::Rem, vec![at, make::cast(self.fresh(&counts[k]), Type::I32)]);
        }
        at
    }

    fn item_at(&mut self, drawn: &Drawn, at: Expr) -> Outcome<Value> {
        let ty = self.program.vars[drawn.var.index()].ty.clone();
        Ok(match &drawn.items {
            Value::Range(lo, _) => {
                let at = make::add(self.fresh(lo), make::cast(at, Type::I64));
                Value::Cell(make::cast(at, ty))
            }
            items => self.nth(items, &at, true)?,
        })
    }

    /// Where conditions, or ranges that depend on other items, leave out combinations: a coordinate over those that are
    /// left, how many these are, and where in the scope the combination that belongs to the coordinate is defined.
    fn left_over(&mut self, comprehension: &Comprehension, span: Span) -> Outcome<(VarId, Expr, usize)> {
        let mark = self.scope.len();
        let counts = self.most(comprehension)?;
        let total = self.product(&counts);
        let flat = self.new_coord(None, span);
        self.push_coord(flat, &total, "");
        let inside = self.scope.len();
        let kept = self.kept_at(comprehension, flat, &counts, inside)?;
        let kept = self.placed("kept", kept)?;
        let number = |kept: Expr| make::select(kept, make::int(1, Type::I32, span), make::int(0, Type::I32, span));
        let before = self.new_coord(None, span);
        let earlier = self.substituted(&kept, &HashMap::from([(flat, self.read_var(before, span))]));
        let here = make::cast(self.read_var(flat, span), Type::I64);
        let before = self.sum(before, here, Vec::new(), number(earlier), span);
        let before = self.placed("before", before)?;
        self.scope.truncate(mark);

        let any = self.new_coord(None, span);
        let one = self.substituted(&kept, &HashMap::from([(flat, self.read_var(any, span))]));
        let most = self.fresh(&total);
        let count = self.sum(any, most, Vec::new(), number(one), span);
        let count = make::cast(self.placed("count", count)?, Type::I64);
        let cell_of = self.new_coord(None, span);
        self.push_coord(cell_of, &count, "");
        let inner = self.scope.len();
        let source = self.new_coord(None, span);
        let by = HashMap::from([(flat, self.read_var(source, span))]);
        let (is_kept, place) = (self.substituted(&kept, &by), self.substituted(&before, &by));
        let same = make::op(Op::Eq, vec![place, self.read_var(cell_of, span)]);
        let guards = vec![WhereItem::Guard(is_kept), WhereItem::Guard(same)];
        let value = self.read_var(source, span);
        let from = self.sum(source, total, guards, value, span);
        let from = self.placed("source", from)?;

        let mut like = self.temporary(Type::I32, span);
        like.name = Symbol::new("at");
        let combination = self.new_var(like);
        self.scope.push(Item::Def(combination, from));
        for (k, clause) in comprehension.clauses.iter().filter(|c| matches!(c, CompClause::For(..))).enumerate() {
            let CompClause::For(var, source) = clause else { continue };
            let drawn = self.drawn(*var, source)?;
            let at = self.place_among(combination, &counts, k);
            let item = self.item_at(&drawn, at)?;
            self.env.insert(*var, item);
        }
        Ok((cell_of, count, inner))
    }

    /// How many items each generator draws at most.
    fn most(&mut self, comprehension: &Comprehension) -> Outcome<Vec<Expr>> {
        let mark = self.scope.len();
        let mut counts = Vec::new();
        for clause in &comprehension.clauses {
            match clause {
                CompClause::For(var, source) => {
                    let drawn = self.drawn(*var, source)?;
                    let at = self.new_coord(None, source.span);
                    let count = self.visible(&drawn.count)?;
                    let count = match &count.kind {
                        ExprKind::Op(Op::Max, items) => match (make::constant(&items[0]), make::constant(&items[1])) {
                            (Some(a), Some(b)) => make::int(a.max(b), Type::I64, source.span),
                            _ => count,
                        },
                        _ => count,
                    };
                    self.push_coord(at, &count, "");
                    counts.push(count);
                    let at = self.read_var(at, source.span);
                    let item = self.item_at(&drawn, at)?;
                    self.env.insert(*var, item);
                }
                CompClause::Let(var, value) => {
                    self.define(*var, value)?;
                }
                CompClause::If(test) => {
                    let test = self.cell(test, false)?;
                    self.push_guard(test);
                }
            }
        }
        self.scope.truncate(mark);
        Ok(counts)
    }

    /// Whether a combination is one of the comprehension.
    fn kept_at(&mut self, comprehension: &Comprehension, flat: VarId, counts: &[Expr], inside: usize) -> Outcome<Expr> {
        let mut k = 0;
        for clause in &comprehension.clauses {
            match clause {
                CompClause::For(var, source) => {
                    let drawn = self.drawn(*var, source)?;
                    let at = self.place_among(flat, counts, k);
                    if !make::same(&drawn.count, &counts[k]) {
                        let ends = vec![make::cast(self.fresh(&at), Type::I64), self.fresh(&drawn.count)];
                        self.push_guard(make::op(Op::Lt, ends));
                    }
                    let item = self.item_at(&drawn, at)?;
                    self.env.insert(*var, item);
                    k += 1;
                }
                CompClause::Let(var, value) => {
                    self.define(*var, value)?;
                }
                CompClause::If(test) => {
                    let test = self.cell(test, false)?;
                    self.push_guard(test);
                }
            }
        }
        let items = self.scope.split_off(inside);
        let span = comprehension.body.span;
        let mut kept = make::truth(true, span);
        for item in items.into_iter().rev() {
            kept = match item {
                Item::Guard(_, test) => make::select(test, kept, make::truth(false, span)),
                Item::Def(var, e) if make::is_total(&e) && !visit::free_vars(&kept).contains(&var) => kept,
                Item::Def(var, e) => make::block(vec![Stmt::Let(var, e)], kept),
                _ => return Err(Unsupported),
            };
        }
        Ok(kept)
    }

    fn sum(&self, var: VarId, hi: Expr, wheres: Vec<WhereItem>, body: Expr, span: Span) -> Expr {
        let binders = vec![Binder { var, lo: make::int(0, Type::I64, span), hi }];
        let ty = body.ty.clone();
        make::expr(ExprKind::Reduce(Box::new(Reduce { op: ReduceOp::Sum, binders, wheres, body })), ty, span)
    }

    fn placed(&mut self, name: &str, cell: Expr) -> Outcome<Expr> {
        let mut like = self.temporary(cell.ty.clone(), cell.span);
        like.name = Symbol::new(name);
        self.place_scalar(like, None, cell)
    }
}

/// Whether every combination of what the generators draw is one of the comprehension's.
fn takes_all(comprehension: &Comprehension) -> bool {
    let mut bound = Vec::new();
    comprehension.clauses.iter().all(|clause| {
        let (CompClause::For(var, e) | CompClause::Let(var, e)) = clause else { return false };
        let depends = visit::free_vars(e).iter().any(|read| bound.contains(read));
        bound.push(*var);
        !depends || matches!(clause, CompClause::Let(..))
    })
}

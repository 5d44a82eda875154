//! Cells: a bracket of coordinates, a `where`, and a body that is checked for one point of them.

use crate::env::{Entry, Level, PackMember};
use crate::infer::{Mark, Pending};
use crate::lift::{Pick, int};
use crate::sym::Sym;
use crate::ty::{Axis, Ty, Val};
use crate::wheres::Trailing;
use crate::{Checker, errors, walk};
use diagnostics::{Span, Symbol};
use ir::{Binder, Expr, ExprKind, Scalar, Slot, Stmt, Type, VarId, WhereItem};
use std::collections::HashSet;
use syntax::ast;

/// Both ends of a written range, with their symbolic values.
#[derive(Clone)]
pub(crate) struct SlotRange {
    pub lo: Expr,
    pub hi: Expr,
    pub lo_sym: Option<Sym>,
    pub hi_sym: Option<Sym>,
}

/// A slot of a bracket with its range, if one is written. Ranges are checked outside of the cells.
#[derive(Clone)]
pub(crate) enum SlotSpec {
    Coord {
        name: Symbol,
        span: Span,
        range: Option<Box<SlotRange>>,
    },
    Fixed(i64),
    /// A pack that the bracket introduces; its members are slots of their own.
    Pack(Symbol, Vec<PackMember>),
}

/// A checked clause: a slot and an axis for each coordinate, more axes where the body is a slice.
pub(crate) struct Cells {
    pub slots: Vec<Slot>,
    pub axes: Vec<Axis>,
    pub wheres: Vec<WhereItem>,
    pub body: Val,
    pub otherwise: Option<Val>,
}

impl Cells {
    /// The coordinates and definitions of the clause.
    pub fn bound(&self) -> impl Iterator<Item = VarId> {
        let coords = self.slots.iter().filter_map(|slot| match slot {
            Slot::Coord(binder) => Some(binder.var),
            Slot::Fixed(_) => None,
        });
        coords.chain(self.wheres.iter().filter_map(|item| match item {
            WhereItem::Def(v, _) => Some(*v),
            WhereItem::Guard(_) => None,
        }))
    }
}

impl Checker<'_> {
    /// The slots of a left side: packs stand for their members.
    pub(crate) fn slot_specs(&mut self, clause: &ast::Clause) -> Option<Vec<SlotSpec>> {
        let mut specs: Vec<SlotSpec> = Vec::new();
        let mut ok = true;
        for slot in &clause.slots {
            match slot {
                ast::Slot::Coord { name, range } => {
                    if let Some(SlotSpec::Coord { span: first, .. }) =
                        specs.iter().find(|s| matches!(s, SlotSpec::Coord { name: n, .. } if *n == name.name))
                    {
                        let first = *first;
                        self.report(errors::repeated_slot(name.span, name.name, first));
                        ok = false;
                    }
                    let range = match range {
                        Some(range) => match self.slot_range(range) {
                            Some(range) => Some(Box::new(range)),
                            None => {
                                ok = false;
                                None
                            }
                        },
                        None => None,
                    };
                    specs.push(SlotSpec::Coord { name: name.name, span: name.span, range });
                }
                ast::Slot::Pack(name) => match self.slot_pack(*name, clause) {
                    Some(members) => {
                        if self.cx.env.pack(name.name).is_none() {
                            specs.push(SlotSpec::Pack(name.name, members.clone()));
                        }
                        specs.extend(members.into_iter().map(|m| SlotSpec::Coord {
                            name: m.name,
                            span: name.span,
                            range: None,
                        }));
                    }
                    None => ok = false,
                },
                ast::Slot::Expr(e) => match &e.kind {
                    ast::ExprKind::Int { value, .. } => match i32::try_from(*value) {
                        Ok(at) => specs.push(SlotSpec::Fixed(at.into())),
                        Err(_) => {
                            let range = (0, i32::MAX.into());
                            self.report(errors::literal_range(e.span, &value.to_string(), "i32", Some(range)));
                            ok = false;
                        }
                    },
                    _ => {
                        self.bad_slot(e, clause);
                        ok = false;
                    }
                },
            }
        }
        ok.then_some(specs)
    }

    pub(crate) fn slot_range(&mut self, range: &ast::Range) -> Option<SlotRange> {
        match self.range_ends(&range.lo, &range.hi, range.inclusive) {
            (Some((lo, lo_sym)), Some((hi, hi_sym))) => {
                // A bound that is no constant is computed once.
                let (lo, lo_sym) = self.bound(lo, lo_sym);
                let (hi, hi_sym) = self.bound(hi, hi_sym);
                Some(SlotRange { lo, hi, lo_sym, hi_sym })
            }
            _ => None,
        }
    }

    /// A bound without symbolic value gets a variable, which is one.
    fn bound(&mut self, expr: Expr, sym: Option<Sym>) -> (Expr, Option<Sym>) {
        if sym.is_some() {
            return (expr, sym);
        }
        let named = self.named(Val { expr, ty: Ty::Scalar(Scalar::I64) });
        let sym = named.as_var().map(Sym::var);
        (named.expr, sym)
    }

    fn bad_slot(&mut self, e: &ast::Expr, clause: &ast::Clause) {
        if let ast::ExprKind::Binary { op: op @ (ast::BinaryOp::Add | ast::BinaryOp::Sub), left, right, .. } = &e.kind
            && let ast::ExprKind::Path(path) = &left.kind
        {
            let shift = self.sources.text(right.span).to_owned();
            let sign = if *op == ast::BinaryOp::Add { "-" } else { "+" };
            let name = path.segments[0].name.as_str();
            if let Some(Entry::Var { .. }) = self.cx.env.lookup(path.segments[0].name) {
                let coord = self.unused_coord(clause);
                self.report(errors::computed_slot(e.span, self.sources.text(e.span), coord));
                return;
            }
            self.report(errors::shifted_slot(e.span, name, &format!(" {sign} {shift}"), clause.name.name));
            return;
        }
        if let ast::ExprKind::Binary { op: ast::BinaryOp::In | ast::BinaryOp::Lt, left, right, .. } = &e.kind
            && let ast::ExprKind::Path(path) = &left.kind
        {
            let text = |e: &ast::Expr| self.sources.text(e.span);
            let range = match &right.kind {
                ast::ExprKind::Call { callee, args } if text(callee) == "range" => match &args[..] {
                    [end] => Some(("0", text(end))),
                    [start, end] => Some((text(start), text(end))),
                    _ => None,
                },
                ast::ExprKind::Int { .. } => Some(("0", text(right))),
                _ => None,
            };
            let error = errors::range_slot(e.span, path.segments[0].name.as_str(), range);
            self.report(error);
            return;
        }
        match &e.kind {
            ast::ExprKind::Binary { .. } => self.report(errors::shifted_slot(e.span, "t", " - 1", clause.name.name)),
            ast::ExprKind::Error => {}
            _ => self.report(errors::left_slot(e.span)),
        }
    }

    /// A name for a coordinate that neither a slot nor anything in scope has.
    fn unused_coord(&self, clause: &ast::Clause) -> &'static str {
        let is_free = |name: &&&str| {
            let taken =
                |slot: &ast::Slot| matches!(slot, ast::Slot::Coord { name: n, .. } if n.name.as_str() == **name);
            !clause.slots.iter().any(taken) && self.cx.env.lookup(Symbol::new(name)).is_none()
        };
        ["i", "j", "k", "l", "m"].iter().find(is_free).unwrap_or(&"cell")
    }

    /// Members of a pack on the left: one in scope, or one whose rank the body shows.
    fn slot_pack(&mut self, name: ast::Ident, clause: &ast::Clause) -> Option<Vec<PackMember>> {
        if let Some(members) = self.cx.env.pack(name.name) {
            return Some(members);
        }
        let mut exprs: Vec<&ast::Expr> = Vec::new();
        walk::each_in_clause(clause, &mut |e| exprs.push(e));
        self.new_pack(name, &exprs)
    }

    /// A pack that nothing around binds: as long as some indexed tensor leaves it.
    pub(crate) fn new_pack(&mut self, name: ast::Ident, exprs: &[&ast::Expr]) -> Option<Vec<PackMember>> {
        let mut found: Option<(usize, Vec<Option<Symbol>>)> = None;
        for e in exprs {
            walk::each_expr(e, &mut |e| {
                let ast::ExprKind::Index { base, indices, .. } = &e.kind else { return };
                let ast::ExprKind::Path(path) = &base.kind else { return };
                let Some(Entry::Var { ty, .. }) = self.cx.env.lookup(path.segments[0].name) else { return };
                let mut at = None;
                let mut others = 0;
                for (k, index) in indices.iter().enumerate() {
                    match pack_in_index(index) {
                        Some(pack) if pack == name.name => at = Some(k),
                        Some(pack) => match self.cx.env.pack(pack) {
                            Some(members) => others += members.len(),
                            None => return,
                        },
                        None => others += 1,
                    }
                }
                if let Some(at) = at
                    && ty.rank() >= others
                    && found.is_none()
                {
                    let len = ty.rank() - others;
                    let names =
                        ty.axes()[at.min(ty.rank())..(at + len).min(ty.rank())].iter().map(|a| a.name).collect();
                    found = Some((len, names));
                }
            });
        }
        match found {
            Some((len, names)) => {
                let members: Vec<PackMember> = (0..len)
                    .map(|k| {
                        let own = Symbol::new(&format!("..{}.{k}", name.name));
                        PackMember { name: names.get(k).copied().flatten().unwrap_or(own) }
                    })
                    .collect();
                Some(members)
            }
            None => {
                let pack = walk::pack_symbol(name.name);
                self.report(errors::range_unknown(name.span, pack, None, None));
                None
            }
        }
    }

    /// Checks a body for one point of the slots.
    pub(crate) fn cells(
        &mut self,
        specs: &[SlotSpec],
        wheres: Option<&ast::Where>,
        body: &ast::Expr,
        want: Option<&Ty>,
        span: Span,
    ) -> Option<Cells> {
        let mark = self.infer_mark();
        let facts = self.facts.mark();
        let conditional = self.cx.conditional;
        let outermost = self.enter_cells();
        if outermost {
            self.unbound.clear();
        }
        let mut vars: Vec<Option<VarId>> = Vec::new();
        let checked = self.scoped(Level::Inner, |this| {
            for spec in specs {
                if let SlotSpec::Pack(name, members) = spec {
                    this.cx.env.bind_pack(*name, members.clone());
                }
                vars.push(this.bind_slot(spec));
            }
            this.cell_body(specs, &vars, wheres, body, want)
        });
        for spec in specs {
            if let SlotSpec::Coord { name, span, .. } = spec {
                self.ended.insert(*name, *span);
            }
        }
        self.cx.cells -= 1;
        if checked.is_none() {
            self.drop_ranges(mark);
        }
        let place = self.cx.sink.len();
        self.settle_ranges(mark, outermost);
        let coords: Vec<VarId> = vars.iter().flatten().copied().collect();
        let checked = checked.and_then(|(mut wheres, mut body, otherwise)| {
            let ok = self.put_in_front(&coords, &mut wheres, &mut body, place);
            ok.then_some((wheres, body, otherwise))
        });
        self.facts.reset(facts);
        self.cx.conditional = conditional;
        if outermost {
            self.place_checks();
        }
        let (wheres, mut body, otherwise) = checked?;
        let (mut slots, mut axes) = (Vec::new(), Vec::new());
        for (spec, var) in specs.iter().zip(&vars) {
            match (spec, var) {
                (SlotSpec::Fixed(at), _) => {
                    slots.push(Slot::Fixed(*at));
                    axes.push(Axis { name: None, extent: Sym::constant(at + 1) });
                }
                (SlotSpec::Coord { name, range, span }, Some(var)) => {
                    let (lo, hi) = self.range_of(*var);
                    let binder = match range {
                        Some(range) => Binder { var: *var, lo: range.lo.clone(), hi: range.hi.clone() },
                        None => self.binder(*var, *span),
                    };
                    slots.push(Slot::Coord(binder));
                    let extent = if self.facts.nonneg(&hi) || lo.as_const() == Some(0) {
                        hi
                    } else {
                        Sym::constant(0).greater(&hi)
                    };
                    axes.push(Axis { name: Some(*name), extent });
                }
                (SlotSpec::Coord { .. } | SlotSpec::Pack(..), _) => {}
            }
        }
        axes.extend(body.ty.axes().iter().map(|a| Axis { name: a.name, extent: self.facts_extent(&a.extent) }));
        body.expr.span = if body.expr.span == Span::default() { span } else { body.expr.span };
        Some(Cells { slots, axes, wheres, body, otherwise })
    }

    fn bind_slot(&mut self, spec: &SlotSpec) -> Option<VarId> {
        let SlotSpec::Coord { name, span, range } = spec else { return None };
        let var = self.new_coord(*name, *span);
        match range {
            Some(range) => {
                if let (Some(lo), Some(hi)) = (&range.lo_sym, &range.hi_sym) {
                    self.facts.ranges.insert(var, (lo.clone(), hi.clone()));
                }
            }
            None => self.cx.pending.push(Pending { var, name: *name, span: *span, domain: self.cx.env.domain(*name) }),
        }
        self.cx.env.bind(*name, Entry::Coord { var });
        Some(var)
    }

    pub(crate) fn range_of(&self, var: VarId) -> (Sym, Sym) {
        self.facts.ranges.get(&var).cloned().unwrap_or((Sym::constant(0), Sym::var(var)))
    }

    /// A binder whose range was inferred; one that is still open is filled in later.
    pub(crate) fn binder(&self, var: VarId, span: Span) -> Binder {
        match self.facts.ranges.get(&var) {
            Some((lo, hi)) => Binder {
                var,
                lo: lo.to_expr(Scalar::I64, &self.program.vars, span),
                hi: hi.to_expr(Scalar::I64, &self.program.vars, span),
            },
            None => Binder { var, lo: int(0, span), hi: Expr { kind: ExprKind::Unit, ty: Type::I64, span } },
        }
    }

    fn cell_body(
        &mut self,
        specs: &[SlotSpec],
        vars: &[Option<VarId>],
        wheres: Option<&ast::Where>,
        body: &ast::Expr,
        want: Option<&Ty>,
    ) -> Option<(Vec<WhereItem>, Val, Option<Val>)> {
        let guards = self.cx.guards.len();
        let mark = self.infer_mark();
        let mut gate = Vec::new();
        self.gate_here(&slot_names(specs), &mut gate);
        let (items, waiting) = self.own_items(wheres, &[body], Vec::new());
        let items: Vec<WhereItem> = gate.into_iter().chain(items).collect();
        let outer: Vec<Trailing> = std::mem::replace(&mut self.cx.trailing, waiting.clone());
        let elem = want.map(|w| w.elem().clone());
        let expected = self.cx.expected.replace(slot_names(specs));
        // Extents that only the body knows may be the same for all cells.
        let outer_sink = self.open_sink();
        let val = self.expr(body, elem.as_ref());
        let val = self.whole(val);
        let val = self.match_leftover(val, mark, specs, vars, body, wheres);
        let val = self.with_extents(val);
        let statements = self.close_sink(outer_sink);
        let val = crate::wrap(statements, val);
        self.cx.expected = expected;
        self.cx.guards.truncate(guards);
        self.cx.trailing = outer;
        self.check_taken(&waiting);
        let otherwise = wheres.and_then(|w| w.otherwise.as_ref()).map(|e| {
            let val = self.with_sink(|this| {
                let val = this.expr(e, elem.as_ref());
                this.whole(val)
            });
            (val, e.span)
        });
        if val.ty.is_error() {
            return None;
        }
        let guarded = items.iter().any(|i| matches!(i, WhereItem::Guard(_)));
        let otherwise = match otherwise {
            Some((_, span)) if !guarded => {
                self.report(errors::misplaced_else(span));
                None
            }
            Some((other, _)) => {
                let other = self.with_definitions(&items, other);
                let other = self.join(&val, other);
                if other.ty.is_error() {
                    return None;
                }
                Some(other)
            }
            None => None,
        };
        Some((items, val, otherwise))
    }

    /// What `else` gives, with its own copies of definitions that stand behind a guard: that is closed there.
    fn with_definitions(&mut self, items: &[WhereItem], otherwise: Val) -> Val {
        let mut used: HashSet<VarId> = ir::visit::free_vars(&otherwise.expr).into_iter().collect();
        let mut copies = Vec::new();
        let behind = items.iter().skip_while(|item| !matches!(item, WhereItem::Guard(_)));
        for item in behind.collect::<Vec<_>>().into_iter().rev() {
            if let WhereItem::Def(var, value) = item
                && used.contains(var)
            {
                used.extend(ir::visit::free_vars(value));
                copies.push(Stmt::Let(*var, value.clone()));
            }
        }
        if copies.is_empty() {
            return otherwise;
        }
        copies.reverse();
        let val = crate::wrap(copies, otherwise);
        Val { expr: ir::visit::refresh(&val.expr, &mut self.program), ty: val.ty }
    }

    /// Axes that a body leaves over belong, in order, to coordinates of the left side that nothing mentions; the
    /// rest make a slice.
    fn match_leftover(
        &mut self,
        val: Val,
        mark: Mark,
        specs: &[SlotSpec],
        vars: &[Option<VarId>],
        body: &ast::Expr,
        wheres: Option<&ast::Where>,
    ) -> Val {
        if val.ty.rank() == 0 || val.ty.is_error() {
            return val;
        }
        let mut mentioned = Vec::new();
        walk::free_coords(body, &mut mentioned);
        if let Some(wheres) = wheres {
            walk::each_in_where(wheres, &mut |e| walk::free_coords(e, &mut mentioned));
        }
        // A coordinate that a call consumes and the left side spells is not mentioned by that.
        let mut free: Vec<(VarId, bool)> = Vec::new();
        for (spec, var) in specs.iter().zip(vars) {
            if let (SlotSpec::Coord { name, range, .. }, Some(var)) = (spec, var) {
                let spelled = mentioned.contains(name) || is_pack_member(*name, &mentioned);
                let carried = self.is_used(*var, mark) || val.ty.axes().iter().any(|a| a.name == Some(*name));
                if !spelled && !carried {
                    free.push((*var, range.is_some()));
                }
            }
        }
        let span = val.span();
        let mut picks = Vec::new();
        let mut free = free.into_iter().peekable();
        for axis in val.ty.axes() {
            let take = free.peek().is_some_and(|(_, ranged)| axis.name.is_some() || !ranged);
            picks.push(match take.then(|| free.next()).flatten() {
                Some((var, _)) => Pick::At(Val::var(var, Ty::I32, span)),
                None => Pick::All,
            });
        }
        let is_left_over = |(pick, axis): (&Pick, &Axis)| matches!(pick, Pick::All) && axis.name.is_some();
        if picks.iter().zip(val.ty.axes()).any(is_left_over) && self.meets_a_stranger(body, specs) {
            return Val::error(span);
        }
        if picks.iter().all(|p| matches!(p, Pick::All)) {
            return val;
        }
        let place = self.place_of(&val);
        self.read(val, picks, place, span)
    }
}

fn slot_names(specs: &[SlotSpec]) -> Vec<Symbol> {
    specs
        .iter()
        .filter_map(|s| match s {
            SlotSpec::Coord { name, .. } => Some(*name),
            SlotSpec::Fixed(_) | SlotSpec::Pack(..) => None,
        })
        .collect()
}

/// `..batch.0` where `..batch` is mentioned.
fn is_pack_member(name: Symbol, mentioned: &[Symbol]) -> bool {
    let text = name.as_str();
    match text.strip_prefix("..").and_then(|t| t.rsplit_once('.')) {
        Some((pack, _)) => mentioned.contains(&Symbol::new(&format!("..{pack}"))),
        None => false,
    }
}

pub(crate) fn pack_in_index(index: &ast::Expr) -> Option<Symbol> {
    match &index.kind {
        ast::ExprKind::Range { lo: None, hi: Some(hi), inclusive: false } => match &hi.kind {
            ast::ExprKind::Path(path) if path.segments.len() == 1 => Some(path.segments[0].name),
            _ => None,
        },
        _ => None,
    }
}

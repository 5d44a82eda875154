//! Families of a block: the clauses of one name, or of several that read each other.

use crate::block::FamilyText;
use crate::cells::{Cells, SlotSpec};
use crate::env::{Entry, Env};
use crate::open::Kind;
use crate::sym::Sym;
use crate::ty::{Axis, Ty, Val};
use crate::types::is_unknown;
use crate::unify::Why;
use crate::{Checker, coverage, errors, order, walk};
use diagnostics::{Span, Symbol};
use ir::{Clause, Expr, ExprKind, Family, Recurrence, Scalar, Stmt, VarId, VarKind, WhereItem};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// A family while its group is checked.
struct Member<'a> {
    text: &'a FamilyText,
    var: VarId,
    span: Span,
    /// Open until a clause settles it.
    elem: Ty,
    specs: Vec<Option<Vec<SlotSpec>>>,
    clauses: Vec<Option<Cells>>,
    /// Names and extents that the clauses so far agree on.
    names: Vec<Option<Symbol>>,
    rank: Option<usize>,
}

impl Checker<'_> {
    /// Checks the families of one strongly connected group and binds them.
    pub(crate) fn family_group(&mut self, texts: &[&FamilyText], recursive: bool) {
        let errors = self.errors;
        let mut members: Vec<Member> = texts.iter().map(|text| self.member(text)).collect();
        if recursive {
            for member in &mut members {
                self.announce(member);
            }
        }
        let own: HashSet<Symbol> = texts.iter().map(|t| t.name).collect();
        let outer_group = self.cx.group.len();
        if recursive {
            self.cx.group.extend(members.iter().map(|m| m.var));
        }
        let mut ok = true;
        for (m, c) in clause_order(texts, &own) {
            if !self.clause(&mut members, m, c, recursive) {
                // Whoever reads it says nothing more.
                ok = false;
                if recursive {
                    self.cx.env.hoist(members[m].text.name, Entry::Var { var: members[m].var, ty: Ty::Error });
                }
            }
        }
        let families: Vec<Option<(VarId, Family, Ty)>> = members.iter().map(|m| self.assemble(m)).collect();
        self.cx.group.truncate(outer_group);
        if recursive {
            self.read_before_known(&families);
        }
        self.ask_late();
        // Order and coverage of cells that are wrong already say nothing.
        ok &= self.errors == errors;
        for (member, family) in members.iter().zip(&families) {
            let ty = match family {
                Some((_, _, ty)) if ok => ty.clone(),
                _ => Ty::Error,
            };
            self.cx.env.bind(member.text.name, Entry::Var { var: member.var, ty });
        }
        let Some(families) = families.into_iter().collect::<Option<Vec<_>>>() else { return };
        if ok {
            self.emit(families, recursive);
        }
    }

    /// What a member was taken for, by one that was checked before it, must be what it is.
    fn read_before_known(&mut self, families: &[Option<(VarId, Family, Ty)>]) {
        let mut ranks = HashMap::new();
        for (var, family, _) in families.iter().flatten() {
            ranks.insert(*var, family.axes.len());
        }
        let mut wrong: Vec<VarId> = Vec::new();
        for (_, family, _) in families.iter().flatten() {
            family.for_each_child(|e| {
                e.walk(&mut |e| {
                    if let ExprKind::Var(var) = e.kind
                        && ranks.get(&var).is_some_and(|rank| *rank != e.ty.rank())
                        && !wrong.contains(&var)
                    {
                        wrong.push(var);
                    }
                });
            });
        }
        for var in wrong {
            let info = &self.program.vars[var.index()];
            let (name, span) = (format!("`{}`", info.name), info.span);
            self.report(errors::cannot_infer(span, &name));
        }
    }

    fn member<'a>(&mut self, text: &'a FamilyText) -> Member<'a> {
        let span = text.clauses[0].name.span;
        let elem = Ty::Scalar(self.opens.fresh(Kind::Any));
        let var = self.new_var(text.name, &elem, span, VarKind::Let);
        let specs = text
            .clauses
            .iter()
            .zip(&text.places)
            .map(|(clause, place)| {
                let clause = clause.clone();
                self.at(place, |this| this.slot_specs(&clause))
            })
            .collect();
        let clauses = text.clauses.iter().map(|_| None).collect();
        Member { text, var, span, elem, specs, clauses, names: Vec::new(), rank: None }
    }

    /// Runs a check as seen from a place of the block.
    fn at<T>(&mut self, place: &Env, check: impl FnOnce(&mut Self) -> T) -> T {
        let outer = std::mem::replace(&mut self.cx.env, place.clone());
        let result = check(self);
        self.cx.env = outer;
        result
    }

    /// Makes a recursive family readable before its clauses are checked: rank and extents as far as the brackets
    /// say them.
    fn announce(&mut self, member: &mut Member) {
        let slots = member.specs.iter().flatten().map(|s| slots_of(s).count()).max().unwrap_or(0);
        member.names = vec![None; slots];
        for specs in member.specs.iter().flatten() {
            for (k, spec) in slots_of(specs).enumerate() {
                if let SlotSpec::Coord { name, .. } = spec {
                    member.names[k].get_or_insert(*name);
                }
            }
        }
        for k in 0..slots {
            let mut extent: Option<Sym> = None;
            let mut known = true;
            for specs in member.specs.iter().flatten() {
                let hi = match slots_of(specs).nth(k) {
                    Some(SlotSpec::Fixed(at)) => Some(Sym::constant(at + 1)),
                    Some(SlotSpec::Coord { range: Some(range), .. }) => range.hi_sym.clone(),
                    _ => None,
                };
                match hi {
                    Some(hi) => {
                        let hi = self.facts_extent(&hi);
                        extent = Some(match extent {
                            Some(extent) => self.larger(&extent, &hi),
                            None => hi,
                        });
                    }
                    None => known = false,
                }
            }
            if let (Some(extent), true) = (extent, known) {
                self.facts.extents.insert((member.var, k), extent);
            }
        }
        let ty = self.announced_ty(member);
        self.cx.env.hoist(member.text.name, Entry::Var { var: member.var, ty });
    }

    fn announced_ty(&self, member: &Member) -> Ty {
        let rank = member.rank.unwrap_or(member.names.len());
        let axes = (0..rank)
            .map(|k| Axis { name: member.names.get(k).copied().flatten(), extent: self.facts.extent(member.var, k) })
            .collect();
        Ty::tensor(member.elem.clone(), axes)
    }

    fn larger(&self, a: &Sym, b: &Sym) -> Sym {
        if self.facts.nonneg(&a.sub(b)) {
            a.clone()
        } else if self.facts.nonneg(&b.sub(a)) {
            b.clone()
        } else {
            a.greater(b)
        }
    }

    fn clause(&mut self, members: &mut [Member], m: usize, c: usize, recursive: bool) -> bool {
        let member = &members[m];
        let text = member.text.clauses[c].clone();
        let place = member.text.places[c].clone();
        let Some(specs) = member.specs[c].clone() else { return false };
        let want = text.ty.as_ref().map(|ty| self.type_expr(ty));
        let own = self.cx.own.replace(member.var);
        let elem = member.elem.clone();
        // Reads of the group go through what the block has hoisted, from the clause's own place.
        let cells = self.at(&place, |this| {
            let elem_want = want.as_ref().map(|w| w.elem().clone());
            this.cells(&specs, text.wheres.as_ref(), &text.body, elem_want.as_ref(), text.name.span)
        });
        self.cx.own = own;
        let Some(mut cells) = cells else { return false };
        let given = cells.body.ty.elem().clone();
        if !matches!(given, Ty::Scalar(_) | Ty::Address(_) | Ty::Str) {
            let shown = self.show(&given);
            let message = format!("a cell is a number, a truth value or a text, and this is `{shown}`");
            self.report(errors::mismatch(cells.body.span(), message, None, None));
            return false;
        }
        if c > 0 || recursive {
            match (&elem, &given) {
                (Ty::Scalar(s), Ty::Str) if self.opens.kind(*s) == Some(Kind::Any) => members[m].elem = Ty::Str,
                (Ty::Str, Ty::Str) => {}
                _ => {
                    let first = members[m].elem.clone();
                    let body = cells.body.clone();
                    let target = Ty::tensor(first, cells.body.ty.axes().to_vec());
                    cells.body = self.annotated(body, &target, Some(members[m].span), Why::Item);
                    if cells.body.ty.is_error() {
                        return false;
                    }
                }
            }
        } else {
            members[m].elem = given.clone();
        }
        // All clauses find addresses of one coordinate, or the cells are plain integers.
        if let Ty::Address(_) = given
            && members[m].clauses.iter().all(Option::is_none)
            && !recursive
        {
            members[m].elem = given;
        }
        let rank = cells.axes.len();
        if let Some(other) = members[m].rank
            && other != rank
        {
            let name = format!("`{}`", members[m].text.name);
            self.report(errors::index_count(text.bracket, &name, other, rank));
            return false;
        }
        members[m].rank = Some(rank);
        members[m].names.resize(rank, None);
        for (k, axis) in cells.axes.iter().enumerate() {
            if members[m].names[k].is_none() {
                members[m].names[k] = axis.name;
            }
        }
        if let Some(want) = &want {
            self.check_clause_type(&cells, want, text.ty.as_ref().map(|t| t.span));
        }
        if recursive {
            // Slices leave axes whose extents the later clauses read.
            for (k, axis) in cells.axes.iter().enumerate().skip(cells.slots.len()) {
                if differs_inside(&cells, &self.facts_extent(&axis.extent)) {
                    self.report(errors::rows_of_any_length(cells.body.span()));
                    return false;
                }
                self.facts.extents.entry((members[m].var, k)).or_insert(axis.extent.clone());
            }
            let all_known = members[m].specs.len() == 1;
            for (k, axis) in cells.axes.iter().enumerate().take(cells.slots.len()) {
                if (all_known || axis.extent.is_const()) && !axis.extent.mentions(members[m].var) {
                    self.facts.extents.entry((members[m].var, k)).or_insert(axis.extent.clone());
                }
            }
            let ty = self.announced_ty(&members[m]);
            self.cx.env.hoist(members[m].text.name, Entry::Var { var: members[m].var, ty });
        }
        members[m].clauses[c] = Some(cells);
        true
    }

    /// `let C[i, j]: f32 = …`: the annotation is of the cells, or of the whole family.
    fn check_clause_type(&mut self, cells: &Cells, want: &Ty, from: Option<Span>) {
        let whole = Ty::tensor(cells.body.ty.elem().clone(), cells.axes.clone());
        let given = if want.rank() == 0 || want.rank() == cells.body.ty.rank() {
            cells.body.clone()
        } else {
            Val { ty: whole, ..cells.body.clone() }
        };
        let outer = self.open_sink();
        self.annotated(given, want, from, Why::Annotation);
        self.close_sink(outer);
    }

    /// The family of checked clauses.
    fn assemble(&mut self, member: &Member) -> Option<(VarId, Family, Ty)> {
        let clauses: Option<Vec<&Cells>> = member.clauses.iter().map(Option::as_ref).collect();
        let clauses = clauses?;
        let rank = member.rank?;
        let mut axes: Vec<Axis> = Vec::new();
        for k in 0..rank {
            let mut extent: Option<Sym> = None;
            for cells in &clauses {
                let own = self.facts_extent(&cells.axes[k].extent);
                extent = Some(match extent {
                    Some(extent) => self.larger(&extent, &own),
                    None => own,
                });
            }
            let extent = extent?;
            if clauses.iter().any(|cells| differs_inside(cells, &extent)) {
                if self.cannot_wait(&extent) {
                    return None;
                }
                let own = |cells: &&&Cells| {
                    cells.slots.len() <= k && differs_inside(cells, &self.facts_extent(&cells.axes[k].extent))
                };
                let body = clauses.iter().find(own).map(|cells| cells.body.span());
                self.report(match body {
                    Some(body) => errors::rows_of_any_length(body),
                    None => errors::cannot_infer(member.span, &format!("axis {k} of `{}`", member.text.name)),
                });
                return None;
            }
            axes.push(Axis { name: member.names[k], extent });
        }
        for (k, axis) in axes.iter().enumerate() {
            self.facts.extents.insert((member.var, k), axis.extent.clone());
        }
        let addresses: HashSet<Option<Symbol>> = clauses
            .iter()
            .map(|c| match c.body.ty.elem() {
                Ty::Address(domain) => Some(*domain),
                _ => None,
            })
            .collect();
        let elem = match (addresses.len(), addresses.iter().next()) {
            (1, Some(Some(domain))) => Ty::Address(*domain),
            _ => match &member.elem {
                Ty::Address(_) => Ty::I32,
                other => other.clone(),
            },
        };
        let ty = Ty::tensor(elem.clone(), axes.clone());
        let span = member.span;
        let ir_axes = axes
            .iter()
            .map(|axis| ir::Axis {
                name: axis.name,
                extent: axis.extent.to_expr(Scalar::I64, &self.program.vars, span),
            })
            .collect();
        let ir_clauses = clauses
            .iter()
            .zip(&member.text.clauses)
            .map(|(cells, text)| Clause {
                slots: cells.slots.clone(),
                wheres: cells.wheres.clone(),
                body: cells.body.expr.clone(),
                otherwise: cells.otherwise.as_ref().map(|o| o.expr.clone()),
                span: text.name.span,
            })
            .collect();
        let mut family = Family { name: member.text.name, axes: ir_axes, elem: elem.ir(), clauses: ir_clauses, span };
        self.fill_family(&mut family);
        let info = &mut self.program.vars[member.var.index()];
        info.ty = ty.ir();
        info.coords = ty.coords();
        Some((member.var, family, ty))
    }

    /// A family without axes, where all its packs are empty: the value of its clauses.
    fn only_cell(&mut self, family: Family, ty: Ty) -> Val {
        let span = family.span;
        let blank = Val::new(ExprKind::Unit, ty.clone(), span);
        let mut val = self.zero_like(&blank, span);
        for clause in family.clauses {
            let body = Val { expr: clause.body, ty: ty.clone() };
            let otherwise = clause.otherwise.map(|e| Val { expr: e, ty: ty.clone() }).or(Some(val));
            let guarded = clause.wheres.iter().any(|w| matches!(w, ir::WhereItem::Guard(_)));
            val = self.gate(clause.wheres, body, otherwise.filter(|_| guarded), clause.span, span);
        }
        val
    }

    /// A cell behind a closed guard falls to an earlier clause first: what `else` gives is a clause before them all.
    fn put_else_last(&mut self, family: &mut Family) {
        let mut fallbacks = Vec::new();
        for k in (1..family.clauses.len()).rev() {
            let Some(body) = family.clauses[k].otherwise.take() else { continue };
            let clause = &family.clauses[k];
            let mut used: HashSet<VarId> = ir::visit::free_vars(&body).into_iter().collect();
            let mut wheres = clause.wheres.clone();
            wheres.reverse();
            wheres.retain(|item| match item {
                WhereItem::Def(var, e) if used.contains(var) => {
                    used.extend(ir::visit::free_vars(e));
                    true
                }
                _ => false,
            });
            wheres.reverse();
            let fallback = Clause { slots: clause.slots.clone(), wheres, body, otherwise: None, span: clause.span };
            let alone = Family { clauses: vec![fallback], ..family.clone() };
            let alone = Expr { kind: ExprKind::Family(Box::new(alone)), ty: family.elem.clone(), span: family.span };
            if let ExprKind::Family(copy) = ir::visit::refresh(&alone, &mut self.program).kind {
                fallbacks.extend(copy.clauses);
            }
        }
        family.clauses.splice(0..0, fallbacks);
    }

    /// Reads of cells that no clause defines.
    fn base_is_missing(&mut self, families: &[(VarId, Family, Ty)]) -> bool {
        let group: Vec<(VarId, Family)> = families.iter().map(|(var, family, _)| (*var, family.clone())).collect();
        let missing = coverage::missing_base(&self.program.vars, &group, &mut self.facts);
        // What goes round has no order with a base either.
        if !missing.is_empty()
            && let Err(cycle) = order::order(&self.program.vars, &group, &mut self.facts)
        {
            self.report_cycle(&cycle);
            return true;
        }
        for base in &missing {
            let name = self.program.vars[base.family.index()].name;
            self.report(errors::base_missing(base.span, &base.cell, name, &base.region));
        }
        !missing.is_empty()
    }

    fn emit(&mut self, mut families: Vec<(VarId, Family, Ty)>, recursive: bool) {
        let span_of = |family: &Family, clause: usize| family.clauses[clause].span;
        if recursive && self.base_is_missing(&families) {
            return;
        }
        for (_, family, _) in &families {
            if let Some(region) = coverage::gaps(&self.program.vars, family, &self.facts) {
                self.report(errors::gap(family.span, family.name, &region));
            }
            for (clause, by) in coverage::overridden(family, &self.facts) {
                self.report(errors::overridden(span_of(family, clause), family.name, span_of(family, by)));
            }
        }
        for (_, family, _) in &mut families {
            self.put_else_last(family);
        }
        if !recursive {
            for (var, family, ty) in families {
                let span = family.span;
                if family.axes.is_empty() {
                    let cell = self.only_cell(family, ty);
                    self.cx.sink.push(Stmt::Let(var, cell.expr));
                    continue;
                }
                let val = Val::new(ExprKind::Family(Box::new(family)), ty, span);
                self.cx.sink.push(Stmt::Let(var, val.expr));
            }
            return;
        }
        let group: Vec<(VarId, Family)> = families.into_iter().map(|(var, family, _)| (var, family)).collect();
        match order::order(&self.program.vars, &group, &mut self.facts) {
            Ok(order) => self.cx.sink.push(Stmt::Rec(Rc::new(Recurrence { families: group, order }))),
            Err(cycle) => self.report_cycle(&cycle),
        }
    }

    fn report_cycle(&mut self, cycle: &order::Cycle) {
        let steps: Vec<(Span, String, String)> =
            cycle.steps.iter().map(|s| (s.span, s.cell.clone(), s.read_cell.clone())).collect();
        let span = steps.first().map(|s| s.0).unwrap_or_default();
        self.report(errors::cycle(span, &steps));
    }
}

/// Slots without the packs that they make up.
fn slots_of(specs: &[SlotSpec]) -> impl Iterator<Item = &SlotSpec> {
    specs.iter().filter(|s| !matches!(s, SlotSpec::Pack(..)))
}

/// Clauses that read nothing of their group come first: they settle types and ranks for the others. Of those, one whose
/// reads are all settled goes before one that comes first in the text.
fn clause_order(texts: &[&FamilyText], own: &HashSet<Symbol>) -> Vec<(usize, usize)> {
    struct Waiting {
        at: (usize, usize),
        place: u32,
        reads: HashSet<Symbol>,
    }
    let mut waiting: Vec<Waiting> = Vec::new();
    for (m, text) in texts.iter().enumerate() {
        for (c, clause) in text.clauses.iter().enumerate() {
            let mut reads = HashSet::new();
            walk::names_in_clause(clause, &mut reads);
            reads.retain(|name| own.contains(name));
            waiting.push(Waiting { at: (m, c), place: clause.name.span.start, reads });
        }
    }
    let (first, mut waiting): (Vec<Waiting>, Vec<Waiting>) = waiting.into_iter().partition(|w| w.reads.is_empty());
    let mut settled: HashSet<Symbol> = first.iter().map(|w| texts[w.at.0].name).collect();
    let mut order: Vec<(usize, usize)> = first.into_iter().map(|w| w.at).collect();
    waiting.sort_by_key(|w| w.place);
    while !waiting.is_empty() {
        let next = waiting.iter().position(|w| w.reads.iter().all(|name| settled.contains(name))).unwrap_or(0);
        let next = waiting.remove(next);
        settled.insert(texts[next.at.0].name);
        order.push(next.at);
    }
    order
}

/// Whether only the cells themselves know an extent, or it differs between them.
fn differs_inside(cells: &Cells, extent: &Sym) -> bool {
    is_unknown(extent) || cells.bound().any(|v| extent.mentions(v))
}

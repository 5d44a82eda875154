//! Calls of the library that a cell asks for again and again, because they do not depend on an outer coordinate, are
//! computed once, as cells of a family of their own.
//!
//! In `y[n, k] = exp(q[k]) * x[n, k]` the loop over `k` is the innermost one, so that `exp` cannot be moved out of it: a
//! table holds `exp(q[k])` for all `k`. What does not depend on inner coordinates is left to the planner, which moves it.

use crate::calls::CallGraph;
use crate::common::are_alike;
use crate::facts::FunctionFacts;
use crate::plan::arith::is_call;
use crate::plan::bounds::{constant, same};
use diagnostics::Symbol;
use ir::{
    Axis, Binder, Clause, Expr, ExprKind, Family, Load, Program, Slot, Stmt, Type, Var, VarId, VarKind, WhereItem,
};
use ir::{Scalar, visit};
use std::rc::Rc;

/// A coordinate of fewer values is no reason for a table.
const FEW: i64 = 4;

pub fn tables(program: &mut Program, checked: bool) {
    let facts = FunctionFacts::new(program, &CallGraph::new(program), checked);
    program.rewrite(|body, program, _| Pass { facts: &facts, program }.expr(body));
}

struct Pass<'a> {
    facts: &'a FunctionFacts,
    program: &'a mut Program,
}

/// A call for all values of some coordinates.
struct Table {
    var: VarId,
    coords: Vec<VarId>,
    ranges: Vec<(Expr, Expr)>,
    call: Expr,
}

/// What a clause says of the calls in it.
struct Place<'e> {
    coords: Vec<&'e Binder>,
    is_guarded: bool,
    /// What is not there in front of the statement.
    own: Vec<VarId>,
}

impl Pass<'_> {
    fn expr(&mut self, e: &mut Expr) {
        e.for_each_child_mut(|child| self.expr(child));
        let ExprKind::Block(stmts, _) = &mut e.kind else { return };
        let (mut out, mut tables) = (Vec::with_capacity(stmts.len()), Vec::new());
        for mut stmt in std::mem::take(stmts) {
            let before = tables.len();
            match &mut stmt {
                Stmt::Let(_, Expr { kind: ExprKind::Family(family), .. }) => self.family(family, &[], &mut tables),
                Stmt::Rec(recurrence) => {
                    let families = &mut Rc::make_mut(recurrence).families;
                    let members: Vec<VarId> = families.iter().map(|(var, _)| *var).collect();
                    families.iter_mut().for_each(|(_, family)| self.family(family, &members, &mut tables));
                }
                _ => {}
            }
            let made = tables[before..].iter().map(|table| self.statement(table)).collect::<Vec<_>>();
            out.extend(made);
            out.push(stmt);
        }
        *stmts = out;
    }

    fn family(&mut self, family: &mut Family, members: &[VarId], tables: &mut Vec<Table>) {
        for clause in &mut family.clauses {
            while let Some(call) = self.found(clause, members) {
                let coords = clause_coords(clause);
                let used = visit::free_vars(&call);
                let own: Vec<&Binder> = coords.into_iter().filter(|binder| used.contains(&binder.var)).collect();
                let known = tables.iter().find(|table| is_table_of(table, &call, &own));
                let table = match known {
                    Some(table) => table.var,
                    None => {
                        let table = self.table(&call, &own);
                        tables.push(table);
                        tables[tables.len() - 1].var
                    }
                };
                let index = own.iter().map(|binder| read(binder.var, call.span)).collect();
                let cell = self.cell(table, index, &call);
                let wheres = clause.wheres.iter_mut().map(|item| {
                    let (WhereItem::Def(_, e) | WhereItem::Guard(e)) = item;
                    e
                });
                for part in wheres.chain([&mut clause.body]).chain(&mut clause.otherwise) {
                    replace(part, &call, &cell);
                }
            }
        }
    }

    /// A call in the body of a clause that is worth a table.
    fn found(&self, clause: &Clause, members: &[VarId]) -> Option<Expr> {
        let coords = clause_coords(clause);
        let mut own = members.to_vec();
        let wheres = clause.wheres.iter().filter_map(|item| match item {
            WhereItem::Def(var, _) => Some(*var),
            WhereItem::Guard(_) => None,
        });
        own.extend(wheres);
        clause.body.walk(&mut |e| e.for_each_binding(|var| own.push(*var)));
        let is_guarded = clause.wheres.iter().any(|item| matches!(item, WhereItem::Guard(_)));
        let place = Place { coords, is_guarded, own };
        let mut found = None;
        self.look(&clause.body, true, &place, &mut found);
        found
    }

    fn look(&self, e: &Expr, is_strict: bool, place: &Place, found: &mut Option<Expr>) {
        if found.is_some() {
            return;
        }
        if self.is_worth(e, is_strict, place) {
            *found = Some(e.clone());
            return;
        }
        match &e.kind {
            ExprKind::If(cond, yes, no) => {
                self.look(cond, is_strict, place, found);
                self.look(yes, false, place, found);
                self.look(no, false, place, found);
            }
            ExprKind::And(a, b) | ExprKind::Or(a, b) => {
                self.look(a, is_strict, place, found);
                self.look(b, false, place, found);
            }
            // A sum may be a product of tensors, whose factors are tables anyway.
            ExprKind::Reduce(_) | ExprKind::Family(_) | ExprKind::Comprehension(_) => {}
            _ => e.for_each_child(|child| self.look(child, is_strict, place, found)),
        }
    }

    fn is_worth(&self, e: &Expr, is_strict: bool, place: &Place) -> bool {
        let ExprKind::Op(op, operands) = &e.kind else { return false };
        let is_float = matches!(e.ty.scalar(), Some(Scalar::F32 | Scalar::F64));
        let is_power = matches!(op, ir::Op::Pow | ir::Op::PowI) && constant_exponent(&operands[1]);
        if !is_float || !is_call(*op) || is_power {
            return false;
        }
        let used = visit::free_vars(e);
        let is_used = |binder: &&&Binder| used.contains(&binder.var);
        let Some(last) = place.coords.iter().rposition(|binder| used.contains(&binder.var)) else { return false };
        let is_many = |binder: &&Binder| match (constant(&binder.lo), constant(&binder.hi)) {
            (Some(lo), Some(hi)) => hi - lo >= FEW,
            _ => true,
        };
        let repeats = place.coords[..last].iter().any(|binder| !used.contains(&binder.var) && is_many(binder));
        let all: Vec<VarId> = place.coords.iter().map(|binder| binder.var).collect();
        let is_apart = |e: &Expr| visit::free_vars(e).iter().all(|var| !all.contains(var) && !place.own.contains(var));
        let mut ranges = place.coords.iter().filter(is_used);
        let facts = self.facts.of(e, true);
        repeats
            && !facts.traps
            && !facts.effects
            && used.iter().all(|var| !place.own.contains(var))
            && ranges.all(|binder| {
                is_apart(&binder.lo) && is_apart(&binder.hi) && constant(&binder.lo).is_some_and(|lo| lo >= 0)
            })
            && is_plain(e, &mut |load| is_strict && !place.is_guarded || self.exists(load, &place.coords))
    }

    /// Whether a cell exists for all values of the coordinates, whatever conditions stand around it.
    fn exists(&self, load: &Load, coords: &[&Binder]) -> bool {
        let ExprKind::Var(tensor) = load.tensor.kind else { return false };
        load.index.iter().enumerate().all(|(axis, e)| {
            let e = if let ExprKind::Cast(inner) = &e.kind { inner } else { e };
            let ExprKind::Var(var) = e.kind else { return false };
            let known = self.program.extents.get(&tensor).and_then(|extents| *extents.get(axis)?);
            let binder = coords.iter().find(|binder| binder.var == var);
            binder.is_some_and(|binder| constant(&binder.hi).zip(known).is_some_and(|(hi, extent)| hi <= extent))
        })
    }

    fn table(&mut self, call: &Expr, own: &[&Binder]) -> Table {
        let coords = own.iter().map(|binder| binder.var).collect();
        let ranges = own.iter().map(|binder| (binder.lo.clone(), binder.hi.clone())).collect();
        let names = own.iter().map(|binder| Some(self.program.vars[binder.var.index()].name)).collect();
        let ty = Type::Tensor(Rc::new(call.ty.clone()), own.len());
        let var = self.new_var(Var { name: Symbol::new(""), ty, span: call.span, kind: VarKind::Temp, coords: names });
        Table { var, coords, ranges, call: call.clone() }
    }

    fn new_var(&mut self, var: Var) -> VarId {
        self.program.vars.push(var);
        VarId(self.program.vars.len() as u32 - 1)
    }

    /// The family of a table, with coordinates of its own.
    fn statement(&mut self, table: &Table) -> Stmt {
        let span = table.call.span;
        let mut body = table.call.clone();
        let (mut slots, mut axes, mut names) = (Vec::new(), Vec::new(), std::collections::HashMap::new());
        for (coord, (lo, hi)) in table.coords.iter().zip(&table.ranges) {
            let fresh = self.new_var(self.program.vars[coord.index()].clone());
            names.insert(*coord, fresh);
            axes.push(Axis { name: Some(self.program.vars[coord.index()].name), extent: hi.clone() });
            slots.push(Slot::Coord(Binder { var: fresh, lo: lo.clone(), hi: hi.clone() }));
        }
        visit::rename(&mut body, &names);
        let elem = table.call.ty.clone();
        let clause = Clause { slots, wheres: Vec::new(), body, otherwise: None, span };
        let family = Family { name: Symbol::new(""), axes, elem, clauses: vec![clause], span };
        let ty = self.program.vars[table.var.index()].ty.clone();
        Stmt::Let(table.var, Expr { kind: ExprKind::Family(Box::new(family)), ty, span })
    }

    fn cell(&self, table: VarId, index: Vec<Expr>, call: &Expr) -> Expr {
        let ty = self.program.vars[table.index()].ty.clone();
        let tensor = Expr { kind: ExprKind::Var(table), ty, span: call.span };
        let (proven, spans) = (vec![true; index.len()], vec![call.span; index.len()]);
        let mut id = 0;
        call.walk(&mut |e| {
            if let ExprKind::Load(load) = &e.kind {
                id = load.id;
            }
        });
        let load = Load { id, tensor, index, proven, spans };
        Expr { kind: ExprKind::Load(Box::new(load)), ty: call.ty.clone(), span: call.span }
    }
}

fn clause_coords(clause: &Clause) -> Vec<&Binder> {
    let coords = clause.slots.iter();
    coords
        .filter_map(|slot| match slot {
            Slot::Coord(binder) => Some(binder),
            Slot::Fixed(_) => None,
        })
        .collect()
}

fn read(coord: VarId, span: diagnostics::Span) -> Expr {
    Expr { kind: ExprKind::Var(coord), ty: Type::I32, span }
}

fn constant_exponent(e: &Expr) -> bool {
    matches!(e.kind, ExprKind::Float(_) | ExprKind::Int(_))
}

/// Whether it is arithmetic on cells that are `there`.
fn is_plain(e: &Expr, there: &mut dyn FnMut(&Load) -> bool) -> bool {
    match &e.kind {
        ExprKind::Op(_, operands) => operands.iter().all(|e| is_plain(e, there)),
        ExprKind::Cast(inner) | ExprKind::StopGradient(inner) => is_plain(inner, there),
        ExprKind::Load(load) => {
            let is_read = matches!(load.tensor.kind, ExprKind::Var(_)) && there(load);
            is_read && load.index.iter().all(|e| is_plain(e, there))
        }
        ExprKind::Var(_) => e.ty.scalar().is_some(),
        ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Bool(_) => true,
        _ => false,
    }
}

fn is_table_of(table: &Table, call: &Expr, own: &[&Binder]) -> bool {
    let mut pairs: Vec<(VarId, VarId)> =
        table.coords.iter().copied().zip(own.iter().map(|binder| binder.var)).collect();
    let is_range =
        |(range, binder): (&(Expr, Expr), &&Binder)| same(&range.0, &binder.lo) && same(&range.1, &binder.hi);
    table.coords.len() == own.len()
        && table.ranges.iter().zip(own).all(is_range)
        && are_alike(&table.call, call, &mut pairs)
}

fn replace(e: &mut Expr, call: &Expr, by: &Expr) {
    if are_alike(e, call, &mut Vec::new()) {
        *e = by.clone();
        return;
    }
    e.for_each_child_mut(|child| replace(child, call, by));
}

//! The reverse pass over families in order: adjoints of what is read, from adjoints of what reads it.

mod calls;
mod clause;
mod forward;
mod product;
mod recurrence;
mod whole;

pub use forward::Source;

use product::in_source_order;

use crate::Differentiator;
use crate::build::*;
use crate::depend::moves_with;
use crate::errors::Blocked;
use crate::record::{Index, Read};
use crate::solve::{self, contribution};
use crate::terms::{Cell, Context, Surroundings, Term, fields_of, is_float, is_float_tuple};
use diagnostics::{Span, Symbol};
use ir::{
    Axis, Binder, Clause, Expr, ExprKind, Family, FuncId, Op, Order, Program, Recurrence, Reduce, Scalar, Slot, Stmt,
    Type, Var, VarId, VarKind, WhereItem,
};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// One reverse pass from `y` to several denominators.
pub struct Reverse<'a> {
    pub differentiator: &'a mut Differentiator,
    pub program: &'a mut Program,
    /// Adjoints and what they need, in order.
    pub out: Vec<Stmt>,
    active: &'a HashSet<VarId>,
    dependent: &'a HashSet<VarId>,
    terms: HashMap<VarId, Vec<(Vec<Binder>, Term)>>,
    adjoints: HashMap<VarId, VarId>,
    /// Coordinates of `y` that every adjoint carries in front.
    seeds: Vec<Axis>,
    slots: Vec<Slot>,
    /// The variable whose cells are walked, with its adjoint.
    output: Option<(VarId, VarId)>,
    /// What was read on the way, and what got an adjoint, in order.
    pub reads: Vec<Read>,
    pub made: Vec<(VarId, VarId)>,
    /// Adjoints that are one number.
    constants: HashMap<VarId, Expr>,
    /// In a recurrence, the families that the adjoints of the family that is walked need, in its steps.
    among: Option<Vec<(VarId, Family)>>,
    /// Forwards, the tangents of what has one so far, which carry the seeds behind.
    tangents: HashMap<VarId, VarId>,
}

impl Surroundings for Reverse<'_> {
    fn program(&mut self) -> &mut Program {
        self.program
    }

    fn pullback(&mut self, func: FuncId) -> Result<FuncId, Blocked> {
        self.differentiator.pullback(self.program, func)
    }

    fn bind(&mut self, value: Expr) -> VarId {
        let var = new_var(self.program, "", &value.ty, value.span);
        self.out.push(Stmt::Let(var, value));
        var
    }

    fn field(&mut self, tuple: VarId, field: usize) -> VarId {
        self.differentiator.field(self.program, tuple, field)
    }

    fn once(&self) -> bool {
        self.slots.is_empty() && self.seeds.is_empty()
    }

    /// A family over the coordinates of the slots around the cell.
    fn winner(&mut self, context: &Context, reduce: Reduce, exists: Expr) -> Expr {
        let span = reduce.body.span;
        let cell = expr(ExprKind::Reduce(Box::new(reduce)), Type::I32, span);
        let mut items = context.items.clone();
        if !matches!(exists.kind, ExprKind::Bool(true)) {
            items.push(WhereItem::Guard(exists));
        }
        let binders: Vec<Binder> = context.binders.to_vec();
        if self.slots.is_empty() && binders.is_empty() {
            let value = ir::visit::refresh(&behind(items, cell), self.program);
            let bound = self.bind(value);
            return var(bound, Type::I32, span);
        }
        let slots = self.slots.clone();
        let mut axes = Vec::new();
        let mut index = Vec::new();
        for slot in &slots {
            match slot {
                Slot::Coord(binder) => {
                    axes.push(Axis {
                        name: Some(self.program.vars[binder.var.index()].name),
                        extent: binder.hi.clone(),
                    });
                    index.push(coord(binder.var, span));
                }
                Slot::Fixed(at) => {
                    axes.push(Axis { name: None, extent: int(at + 1, Scalar::I64, span) });
                    index.push(int(*at, Scalar::I32, span));
                }
            }
        }
        let clause = Clause { slots, wheres: items, body: cell, otherwise: None, span };
        let rank = axes.len();
        let family = Family { name: Symbol::new("winner"), axes, elem: Type::I32, clauses: vec![clause], span };
        let ty = Type::tensor(Type::I32, rank);
        let family = expr(ExprKind::Family(Box::new(family)), ty.clone(), span);
        let family = ir::visit::refresh(&family, self.program);
        let bound = new_var(self.program, "winner", &ty, span);
        self.out.push(Stmt::Let(bound, family));
        load(bound, &ty, index, span)
    }
}

pub fn new_var(program: &mut Program, name: &str, ty: &Type, span: Span) -> VarId {
    let kind = if name.is_empty() { VarKind::Temp } else { VarKind::Let };
    program.vars.push(Var { name: Symbol::new(name), ty: ty.clone(), span, kind, coords: vec![None; ty.rank()] });
    VarId(program.vars.len() as u32 - 1)
}

fn new_coord(program: &mut Program, name: Symbol, span: Span) -> VarId {
    program.vars.push(Var { name, ty: Type::I32, span, kind: VarKind::Coord, coords: Vec::new() });
    VarId(program.vars.len() as u32 - 1)
}

impl<'a> Reverse<'a> {
    pub fn new(
        differentiator: &'a mut Differentiator,
        program: &'a mut Program,
        active: &'a HashSet<VarId>,
        dependent: &'a HashSet<VarId>,
    ) -> Self {
        Reverse {
            differentiator,
            program,
            out: Vec::new(),
            active,
            dependent,
            terms: HashMap::new(),
            adjoints: HashMap::new(),
            seeds: Vec::new(),
            slots: Vec::new(),
            output: None,
            reads: Vec::new(),
            made: Vec::new(),
            constants: HashMap::new(),
            among: None,
            tangents: HashMap::new(),
        }
    }

    /// What the walk has made: statements, reads, and what got an adjoint or a tangent.
    pub fn taken(&mut self) -> (Vec<Stmt>, Vec<Read>, Vec<(VarId, VarId)>) {
        (std::mem::take(&mut self.out), std::mem::take(&mut self.reads), std::mem::take(&mut self.made))
    }

    /// Starts at `y` with the identity: a scalar's adjoint is 1, a tensor's carries its own coordinates in front.
    pub fn seed(&mut self, y: VarId, span: Span) {
        let ty = self.program.vars[y.index()].ty.clone();
        if ty.rank() == 0 {
            let one = float(1.0, &ty, span);
            self.terms
                .entry(y)
                .or_default()
                .push((Vec::new(), Term { target: y, index: None, value: one, context: Context::default() }));
            return;
        }
        self.seeds = self.axes_of(y, span);
        let seeds: Vec<Binder> = self.seed_binders(span);
        let extents: Vec<Expr> = self.seeds.iter().map(|a| a.extent.clone()).collect();
        let point: Vec<VarId> = seeds.iter().map(|b| b.var).collect();
        let own: Vec<VarId> = extents
            .iter()
            .zip(&self.seeds.clone())
            .map(|(_, a)| new_coord(self.program, a.name.unwrap_or(Symbol::new("")), span))
            .collect();
        let equal = point
            .iter()
            .zip(&own)
            .map(|(a, b)| binary(Op::Eq, coord(*a, span), coord(*b, span)))
            .reduce(and)
            .expect("a tensor has axes");
        let cell = gated(equal, float(1.0, ty.elem(), span));
        let binders: Vec<Binder> = seeds
            .into_iter()
            .chain(own.iter().zip(&extents).map(|(v, e)| Binder {
                var: *v,
                lo: int(0, Scalar::I64, span),
                hi: e.clone(),
            }))
            .collect();
        let axes: Vec<Axis> = self.seeds.iter().chain(&self.seeds.clone()).cloned().collect();
        let name = format!("d{}", self.program.vars[y.index()].name);
        let adjoint = self.family(&name, binders, axes, cell, Vec::new(), span);
        self.adjoints.insert(y, adjoint);
    }

    /// Starts at `y` with a cotangent that is a variable already.
    pub fn seed_with(&mut self, y: VarId, cotangent: VarId) {
        self.adjoints.insert(y, cotangent);
    }

    fn seed_binders(&mut self, span: Span) -> Vec<Binder> {
        let seeds = self.seeds.clone();
        seeds
            .iter()
            .map(|axis| {
                let var = new_coord(self.program, axis.name.unwrap_or(Symbol::new("")), span);
                Binder { var, lo: int(0, Scalar::I64, span), hi: axis.extent.clone() }
            })
            .collect()
    }

    /// Axes of a variable: its names, and extents that are read off it.
    fn axes_of(&self, v: VarId, span: Span) -> Vec<Axis> {
        let info = &self.program.vars[v.index()];
        (0..info.ty.rank())
            .map(|k| {
                let own = self.differentiator.origin(self.program, v, span);
                let dim = expr(ExprKind::Dim(Box::new(own), k), Type::I32, span);
                let known = self.differentiator.extents.get(&(v, k)).cloned();
                let known = self.program.known_extent(v, k, span).or(known);
                let extent = known.unwrap_or_else(|| expr(ExprKind::Cast(Box::new(dim)), Type::I64, span));
                Axis { name: info.coords.get(k).copied().flatten(), extent }
            })
            .collect()
    }

    fn family(
        &mut self,
        name: &str,
        binders: Vec<Binder>,
        axes: Vec<Axis>,
        cell: Expr,
        wheres: Vec<WhereItem>,
        span: Span,
    ) -> VarId {
        let elem = cell.ty.clone();
        let rank = axes.len();
        if rank == 0 {
            let value = behind(wheres, cell);
            let bound = new_var(self.program, name, &elem, span);
            self.out.push(Stmt::Let(bound, value));
            return bound;
        }
        let coords: Vec<Option<Symbol>> = axes.iter().map(|a| a.name).collect();
        let clause =
            Clause { slots: binders.into_iter().map(Slot::Coord).collect(), wheres, body: cell, otherwise: None, span };
        let family = Family { name: Symbol::new(name), axes, elem: elem.clone(), clauses: vec![clause], span };
        let ty = Type::tensor(elem, rank);
        let bound = new_var(self.program, name, &ty, span);
        self.program.vars[bound.index()].coords = coords;
        self.out.push(Stmt::Let(bound, expr(ExprKind::Family(Box::new(family)), ty, span)));
        bound
    }

    /// Walks the statements backwards. What they bind and is active gets its adjoint, and passes it on.
    pub fn walk(&mut self, statements: &[&Stmt]) -> Result<(), Blocked> {
        for statement in statements.iter().rev() {
            match statement {
                Stmt::Let(v, e) if self.active.contains(v) && is_float_tuple(&e.ty) => self.tuple(*v, e)?,
                Stmt::Let(v, e) if self.active.contains(v) => {
                    let reads = moves_with(e).iter().any(|r| self.active.contains(r) || self.dependent.contains(r));
                    if let Some(adjoint) = self.adjoint(*v, e.span)
                        && reads
                    {
                        self.output = Some((*v, adjoint));
                        let walked = self.through(e, adjoint);
                        self.output = None;
                        walked?;
                    }
                }
                Stmt::Rec(rec) if rec.families.iter().any(|(v, _)| self.active.contains(v)) => self.recurrence(rec)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Keeps a term until all of its target's are known.
    fn contribute(&mut self, outer: Vec<Binder>, mut term: Term) {
        if let Some((output, adjoint)) = self.output {
            term.value = in_source_order(term.value, adjoint, self.program);
            let read = self.read_of(output, &term, &outer);
            self.reads.push(read);
        }
        self.terms.entry(term.target).or_default().push((outer, term));
    }

    fn read_of(&mut self, output: VarId, term: &Term, outer: &[Binder]) -> Read {
        let left = solve::left_over(term, outer, self.program);
        if term.value.ty.rank() > 0 {
            return self.whole_read(output, term.target);
        }
        let vars = &self.program.vars;
        let name = |v: VarId| vars[v.index()].name;
        let index = match &term.index {
            Some(index) => index
                .iter()
                .map(|e| match &e.kind {
                    ExprKind::Var(v) if vars[v.index()].kind == VarKind::Coord && !name(*v).as_str().is_empty() => {
                        Index::Coord(name(*v))
                    }
                    ExprKind::Int(_) => Index::Constant,
                    _ => Index::Other,
                })
                .collect(),
            None => vec![Index::Other; vars[term.target.index()].ty.rank()],
        };
        let coords = outer.iter().map(|b| name(b.var)).collect();
        Read { operand: term.target, output, coords, index, left: left.into_iter().map(name).collect() }
    }

    /// A read of all of an operand, by a call that is not looked into.
    fn whole_read(&self, output: VarId, operand: VarId) -> Read {
        let names = |v: VarId| {
            let rank = self.program.vars[v.index()].ty.rank();
            (0..rank).map(|k| self.axis_name(v, k)).collect::<Vec<_>>()
        };
        let own = names(operand);
        let coords: Vec<Symbol> = names(output).into_iter().flatten().collect();
        let left = coords.iter().copied().filter(|name| !own.contains(&Some(*name))).collect();
        let index = own.into_iter().map(|name| name.map_or(Index::Other, Index::Coord)).collect();
        Read { operand, output, coords, index, left }
    }

    /// What an operand calls its axes: its own coordinates, or those that it was read with.
    fn axis_name(&self, v: VarId, k: usize) -> Option<Symbol> {
        let own = self.program.vars[v.index()].coords.get(k).copied().flatten();
        own.or_else(|| {
            self.reads.iter().filter(|read| read.operand == v).find_map(|read| match read.index.get(k) {
                Some(Index::Coord(name)) => Some(*name),
                _ => None,
            })
        })
    }

    /// Derived clauses name what they read.
    fn name_of(&mut self, v: VarId) -> Symbol {
        let name = self.program.vars[v.index()].name;
        if !name.as_str().is_empty() {
            return name;
        }
        let name = self.differentiator.temporary();
        self.program.vars[v.index()].name = name;
        name
    }

    /// The adjoint of a variable from all terms that reached it, if any did.
    pub fn adjoint(&mut self, v: VarId, span: Span) -> Option<VarId> {
        if let Some(adjoint) = self.adjoints.get(&v) {
            return Some(*adjoint);
        }
        let terms = self.terms.remove(&v)?;
        let (binders, point, extents, axes) = self.point_of(v, span);
        let cell = self.total(&terms, &binders, &point, &extents, v);
        if let Some(same) = self.handed_on(v, &cell, &binders) {
            self.adjoints.insert(v, same);
            return Some(same);
        }
        let name = format!("d{}", self.name_of(v));
        let constant = (axes.is_empty() && matches!(cell.kind, ExprKind::Float(_))).then(|| cell.clone());
        let (cell, wheres) = lifted_guards(cell);
        let adjoint = self.family(&name, binders, axes, cell, wheres, span);
        self.adjoints.insert(v, adjoint);
        self.made.push((v, adjoint));
        if let Some(constant) = constant {
            self.constants.insert(adjoint, constant);
        }
        Some(adjoint)
    }

    /// The adjoint of a temporary that is that of its only reader.
    fn handed_on(&self, v: VarId, cell: &Expr, binders: &[Binder]) -> Option<VarId> {
        let info = &self.program.vars[v.index()];
        let same = match &cell.kind {
            ExprKind::Var(same) if binders.is_empty() => *same,
            ExprKind::Load(load) => {
                let is_own = |(at, binder): (&Expr, &Binder)| matches!(at.kind, ExprKind::Var(at) if at == binder.var);
                let ExprKind::Var(same) = load.tensor.kind else { return None };
                let all = load.index.len() == binders.len() && load.index.iter().zip(binders).all(is_own);
                all.then_some(same)?
            }
            _ => return None,
        };
        let ty = Type::tensor(info.ty.elem().clone(), binders.len());
        (info.name.as_str().is_empty() && self.program.vars[same.index()].ty == ty).then_some(same)
    }

    /// Coordinates of an adjoint: those of the seed, then the variable's own.
    fn point_of(&mut self, v: VarId, span: Span) -> (Vec<Binder>, Vec<VarId>, Vec<Expr>, Vec<Axis>) {
        let mut own = self.axes_of(v, span);
        for (k, axis) in own.iter_mut().enumerate() {
            axis.name = self.axis_name(v, k);
        }
        let mut binders = self.seed_binders(span);
        let mut axes = self.seeds.clone();
        let mut point = Vec::new();
        let mut extents = Vec::new();
        for axis in &own {
            let var = new_coord(self.program, axis.name.unwrap_or(Symbol::new("")), span);
            point.push(var);
            extents.push(axis.extent.clone());
            binders.push(Binder { var, lo: int(0, Scalar::I64, span), hi: axis.extent.clone() });
        }
        axes.extend(own);
        (binders, point, extents, axes)
    }

    /// The sum of all contributions at one point.
    fn total(
        &mut self,
        terms: &[(Vec<Binder>, Term)],
        binders: &[Binder],
        point: &[VarId],
        extents: &[Expr],
        v: VarId,
    ) -> Expr {
        let ty = self.program.vars[v.index()].ty.elem().clone();
        let seeds: Vec<VarId> = binders[..self.seeds.len()].iter().map(|b| b.var).collect();
        let mut total: Option<Expr> = None;
        for (slots, term) in terms {
            let term = self.at_seeds(term, &seeds);
            let part = if term.value.ty.rank() > 0 {
                // A contribution to the whole tensor, under what stands around it.
                let span = term.value.span;
                let index = point.iter().map(|p| coord(*p, span)).collect();
                let cell = match &term.value.kind {
                    ExprKind::Var(t) => load(*t, &term.value.ty, index, span),
                    _ => {
                        let temp = new_var(self.program, "", &term.value.ty, span);
                        let cell = load(temp, &term.value.ty, index, span);
                        behind(vec![WhereItem::Def(temp, term.value.clone())], cell)
                    }
                };
                let term = Term { value: cell, index: None, ..term };
                contribution(&term, slots, point, extents, self.program)
            } else {
                contribution(&term, slots, point, extents, self.program)
            };
            let part =
                if part.ty == ty { part } else { expr(ExprKind::Cast(Box::new(part.clone())), ty.clone(), part.span) };
            total = Some(match total {
                Some(total) => plus(total, part),
                None => part,
            });
        }
        total.unwrap_or_else(|| float(0.0, &ty, Span::default()))
    }

    /// A term with the seed's coordinates of this adjoint: cotangents are read through placeholders.
    fn at_seeds(&mut self, term: &Term, seeds: &[VarId]) -> Term {
        let placeholders = self.differentiator.placeholders(self.program, seeds.len());
        if placeholders.is_empty() {
            return term.clone();
        }
        let names: HashMap<VarId, VarId> = placeholders.into_iter().zip(seeds.iter().copied()).collect();
        let mut term = term.clone();
        ir::visit::rename(&mut term.value, &names);
        for item in &mut term.context.items {
            match item {
                WhereItem::Def(_, e) | WhereItem::Guard(e) => ir::visit::rename(e, &names),
            }
        }
        term
    }

    /// The cotangent at a cell: the seed's coordinates, then the cell's.
    fn cotangent(&mut self, adjoint: VarId, index: Vec<Expr>, span: Span) -> Expr {
        if let Some(constant) = self.constants.get(&adjoint) {
            return constant.clone();
        }
        let seeds = self.differentiator.placeholders(self.program, self.seeds.len());
        let index = seeds.iter().map(|s| coord(*s, span)).chain(index).collect();
        let ty = self.program.vars[adjoint.index()].ty.clone();
        load(adjoint, &ty, index, span)
    }

    /// Terms of one binding.
    fn through(&mut self, e: &Expr, adjoint: VarId) -> Result<(), Blocked> {
        match &e.kind {
            ExprKind::Family(family) => {
                let family = family.clone();
                for clause in 0..family.clauses.len() {
                    self.clause(&family, clause, adjoint)?;
                }
                Ok(())
            }
            ExprKind::CheckShape(inner, _) | ExprKind::Checkpoint(inner) => self.through(inner, adjoint),
            ExprKind::Field(inner, k) if e.ty.rank() > 0 && matches!(inner.kind, ExprKind::Call(..)) => {
                let all = new_var(self.program, "", &inner.ty, e.span);
                let field = ExprKind::Field(Box::new(var(all, inner.ty.clone(), e.span)), *k);
                let field = expr(field, e.ty.clone(), e.span);
                let bound = vec![Stmt::Let(all, (**inner).clone())];
                self.tensor(&crate::behind_statements(bound, field), adjoint)
            }
            ExprKind::Field(inner, k) if e.ty.rank() > 0 => {
                let ExprKind::Var(tuple) = inner.kind else { return Err(Blocked::unknown(e)) };
                let field = self.differentiator.field(self.program, tuple, *k);
                if self.active.contains(&tuple) {
                    self.copy(field, adjoint, e.span);
                }
                Ok(())
            }
            ExprKind::Var(other) if e.ty.rank() > 0 => {
                if self.active.contains(other) {
                    self.copy(*other, adjoint, e.span);
                }
                Ok(())
            }
            ExprKind::Literal(shape, items) => {
                for (k, item) in items.iter().enumerate() {
                    let mut rest = k;
                    let mut index = Vec::new();
                    for extent in shape.iter().rev() {
                        index.insert(0, int((rest % extent) as i64, Scalar::I32, e.span));
                        rest /= extent;
                    }
                    let ct = self.cotangent(adjoint, index, e.span);
                    self.pull(item, ct, Context::default(), Vec::new(), Vec::new())?;
                }
                Ok(())
            }
            ExprKind::Call(..) if e.ty.rank() > 0 => self.tensor(e, adjoint),
            ExprKind::If(..) | ExprKind::Block(..) if whole::is_scope(e) => self.tensor(e, adjoint),
            ExprKind::StopGradient(_) => Ok(()),
            _ if e.ty.rank() == 0 => {
                let ct = self.cotangent(adjoint, Vec::new(), e.span);
                self.pull(e, ct, Context::default(), Vec::new(), Vec::new())
            }
            _ => Err(Blocked::unknown(e)),
        }
    }

    /// An alias passes its adjoint on as it is.
    fn copy(&mut self, target: VarId, adjoint: VarId, span: Span) {
        let axes = self.axes_of(target, span);
        let vars: Vec<VarId> =
            axes.iter().map(|a| new_coord(self.program, a.name.unwrap_or(Symbol::new("")), span)).collect();
        let index: Vec<Expr> = vars.iter().map(|v| coord(*v, span)).collect();
        let value = self.cotangent(adjoint, index.clone(), span);
        let binders = vars
            .iter()
            .zip(&axes)
            .map(|(v, a)| Binder { var: *v, lo: int(0, Scalar::I64, span), hi: a.extent.clone() })
            .collect();
        let term = Term { target, index: Some(index), value, context: Context::default() };
        self.contribute(binders, term);
    }

    /// The terms of one cell whose cotangent is 1.
    pub fn local_terms(&mut self, slots: &[Slot], wheres: &[WhereItem], body: &Expr) -> Result<Vec<Term>, Blocked> {
        let saved = std::mem::replace(&mut self.slots, slots.to_vec());
        let (active, dependent) = (self.active, self.dependent);
        let one = float(1.0, &body.ty, body.span);
        let mut cell = Cell::new(self, active, dependent);
        let result = cell.blocked(body).and_then(|()| cell.pull_under(wheres, body, one, &Context::default()));
        let terms = std::mem::take(&mut cell.terms);
        self.slots = saved;
        result.map(|()| terms)
    }

    /// A local derivative with its factors in the order of the source.
    pub fn ordered(&mut self, value: Expr) -> Expr {
        let none = new_var(self.program, "", &value.ty, value.span);
        in_source_order(value, none, self.program)
    }

    fn pull(
        &mut self,
        e: &Expr,
        ct: Expr,
        context: Context,
        outer: Vec<Binder>,
        slots: Vec<Slot>,
    ) -> Result<(), Blocked> {
        let saved = std::mem::replace(&mut self.slots, slots);
        let (active, dependent) = (self.active, self.dependent);
        let mut cell = Cell::new(self, active, dependent);
        let result = cell.blocked(e).and_then(|()| cell.pull(e, ct, &context));
        let terms = std::mem::take(&mut cell.terms);
        self.slots = saved;
        result?;
        for term in terms {
            self.contribute(outer.clone(), term);
        }
        Ok(())
    }
}

/// The definitions that an `else` sees: those that no guard protects.
fn before_guards(wheres: &[WhereItem]) -> Vec<WhereItem> {
    wheres.iter().take_while(|item| matches!(item, WhereItem::Def(..))).cloned().collect()
}

impl Cell<'_> {
    /// A clause's body behind its `where`.
    pub fn pull_under(
        &mut self,
        wheres: &[WhereItem],
        body: &Expr,
        ct: Expr,
        context: &Context,
    ) -> Result<(), Blocked> {
        self.definitions(wheres, context, |this, inside| this.pull(body, ct, inside))
    }
}

/// Whether all guards of a list hold, with its definitions in scope.
pub(crate) fn holds(items: &[WhereItem], end: Expr) -> Expr {
    let mut test = end;
    for item in items.iter().rev() {
        test = match item {
            WhereItem::Guard(g) => and(g.clone(), test),
            WhereItem::Def(v, d) => {
                if !ir::visit::free_vars(&test).contains(v) {
                    continue;
                }
                let span = test.span;
                expr(ExprKind::Block(vec![Stmt::Let(*v, d.clone())], Box::new(test)), Type::BOOL, span)
            }
        };
    }
    test
}

/// `if g { v } else { 0 }` as a cell is a clause with a guard.
fn lifted_guards(cell: Expr) -> (Expr, Vec<WhereItem>) {
    let mut cell = cell;
    let mut wheres = Vec::new();
    loop {
        match cell.kind {
            ExprKind::If(g, a, b) if is_number(&b, 0.0) => {
                conjuncts(*g, &mut wheres);
                cell = *a;
            }
            kind => return (Expr { kind, ..cell }, wheres),
        }
    }
}

fn conjuncts(test: Expr, guards: &mut Vec<WhereItem>) {
    match test.kind {
        ExprKind::And(a, b) => {
            conjuncts(*a, guards);
            conjuncts(*b, guards);
        }
        _ => guards.push(WhereItem::Guard(test)),
    }
}

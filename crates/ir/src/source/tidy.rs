//! What a person would not write goes away before a program is printed: temporaries that are read once, conditions
//! that are known, blocks around cells.

use crate::expr::*;
use crate::ops::Op;
use crate::types::*;
use std::collections::{HashMap, HashSet};

/// The same function, with as little of the compiler's own hand as can be had for nothing.
pub(super) fn tidied(program: &Program, func: &Func, effects: &[bool]) -> Func {
    let mut func = func.clone();
    folded(&mut func.body);
    ends_of_ranges(&mut func.body);
    second_names(&mut func.body);
    without_library_constants(&mut func, program);
    let mut census = Census { places: HashMap::new(), uses: HashMap::new(), loops: 0, deepest: 0 };
    for param in &func.params {
        census.places.insert(*param, 0);
    }
    census.expr(&func.body);
    let mut pass = Inliner { program, effects, census, pending: HashMap::new() };
    pass.expr(&mut func.body);
    shaped(&mut func.body);
    func
}

/// A range has no fields in the source: what it was made of stands where its ends are asked for.
fn ends_of_ranges(body: &mut Expr) {
    let mut ends: HashMap<VarId, [Expr; 2]> = HashMap::new();
    body.walk(&mut |e| {
        let ExprKind::Block(stmts, _) = &e.kind else { return };
        for stmt in stmts {
            if let Stmt::Let(var, Expr { kind: ExprKind::Range(lo, hi), .. }) = stmt {
                ends.insert(*var, [(**lo).clone(), (**hi).clone()]);
            }
        }
    });
    body.walk_mut(&mut |e| {
        let ExprKind::Field(of, k) = &mut e.kind else { return };
        let end = match &mut of.kind {
            ExprKind::Var(var) => ends.get(var).map(|ends| ends[*k].clone()),
            ExprKind::Range(lo, hi) => Some(take(if *k == 0 { lo } else { hi })),
            _ => None,
        };
        if let Some(end) = end {
            *e = end;
        }
    });
}

/// In the branches of a match a pattern's name is what it stands for.
fn second_names(body: &mut Expr) {
    let ExprKind::Block(stmts, value) = &mut body.kind else { return };
    let mut names = HashMap::new();
    let mut drop_all = |e: &mut Expr| {
        e.walk_mut(&mut |e| {
            let ExprKind::Block(stmts, _) = &mut e.kind else { return };
            stmts.retain(|stmt| match stmt {
                Stmt::Let(var, Expr { kind: ExprKind::Var(first), .. }) => {
                    names.insert(*var, *first);
                    false
                }
                _ => true,
            });
        });
    };
    stmts.iter_mut().for_each(|stmt| stmt.for_each_child_mut(&mut drop_all));
    drop_all(value);
    // A second name may have one of its own.
    let all: HashMap<VarId, VarId> = names.keys().map(|var| (*var, first_of(*var, &names))).collect();
    crate::visit::rename(body, &all);
}

fn first_of(var: VarId, names: &HashMap<VarId, VarId>) -> VarId {
    names.get(&var).map_or(var, |first| first_of(*first, names))
}

/// Constants of imported modules that nothing reads.
fn without_library_constants(func: &mut Func, program: &Program) {
    let mut read = HashSet::new();
    func.body.walk(&mut |e| {
        e.for_each_use(|var| {
            read.insert(*var);
        });
    });
    let file = func.span.file;
    if let ExprKind::Block(stmts, _) = &mut func.body.kind {
        stmts.retain(|stmt| match stmt {
            Stmt::Let(var, value) => {
                let foreign = program.vars[var.index()].span.file != file;
                read.contains(var) || !foreign || value.ty.scalar().is_none()
            }
            _ => true,
        });
    }
}

/// Which functions do more than give a value.
pub(super) fn effects(program: &Program) -> Vec<bool> {
    let mut effects = vec![false; program.funcs.len()];
    loop {
        let mut grew = false;
        for (k, func) in program.funcs.iter().enumerate() {
            if effects[k] {
                continue;
            }
            let mut found = false;
            func.body.walk(&mut |e| found |= acts(e, &effects));
            effects[k] = found;
            grew |= found;
        }
        if !grew {
            return effects;
        }
    }
}

fn acts(e: &Expr, effects: &[bool]) -> bool {
    match &e.kind {
        ExprKind::Call(func, _) => effects[func.index()],
        ExprKind::Builtin(builtin, _) => matches!(
            builtin,
            Builtin::Print
                | Builtin::Panic
                | Builtin::LoadNpy
                | Builtin::SaveNpy
                | Builtin::ReadText
                | Builtin::WriteText
                | Builtin::File(_)
                | Builtin::SameExtent
                | Builtin::SliceBounds
        ),
        ExprKind::Assert(_) | ExprKind::Try(_) => true,
        _ => false,
    }
}

/// Choices whose condition is known are made: the side that is not taken was checked for other extents.
fn folded(e: &mut Expr) {
    e.for_each_child_mut(folded);
    let known = |e: &Expr| match e.kind {
        ExprKind::Bool(value) => Some(value),
        _ => None,
    };
    let simpler = match &mut e.kind {
        ExprKind::If(c, a, b) => match known(c) {
            Some(true) => Some(take(a)),
            Some(false) => Some(take(b)),
            None => None,
        },
        ExprKind::And(a, b) => match (known(a), known(b)) {
            (Some(true), _) => Some(take(b)),
            (Some(false), _) | (_, Some(true)) => Some(take(a)),
            _ => None,
        },
        ExprKind::Or(a, b) => match (known(a), known(b)) {
            (Some(false), _) => Some(take(b)),
            (Some(true), _) | (_, Some(false)) => Some(take(a)),
            _ => None,
        },
        ExprKind::Op(Op::Not, items) => match known(&items[0]) {
            Some(value) => Some(Expr { kind: ExprKind::Bool(!value), ty: Type::BOOL, span: items[0].span }),
            None => match &mut items[0].kind {
                ExprKind::Op(Op::Not, inner) => Some(take(&mut inner[0])),
                _ => None,
            },
        },
        ExprKind::Op(Op::Neg, items) => match items[0].kind {
            ExprKind::Float(value) => Some(Expr { kind: ExprKind::Float(-value), ..take(&mut items[0]) }),
            ExprKind::Int(value) if value > 0 => Some(Expr { kind: ExprKind::Int(-value), ..take(&mut items[0]) }),
            _ => None,
        },
        ExprKind::Cast(wide) => match &mut wide.kind {
            // There and back again.
            ExprKind::Cast(inner) if inner.ty == e.ty && is_wider(&wide.ty, &e.ty) => Some(take(inner)),
            _ => None,
        },
        ExprKind::Block(stmts, value) if stmts.is_empty() => Some(take(value)),
        ExprKind::Block(stmts, _) => {
            spliced(stmts);
            None
        }
        _ => None,
    };
    if let Some(simpler) = simpler {
        *e = simpler;
    }
    if let ExprKind::Load(load) = &mut e.kind {
        load.index.iter_mut().for_each(shifted);
    }
    if let ExprKind::Reduce(reduce) = &mut e.kind {
        reduce.wheres.retain(|item| !matches!(item, WhereItem::Guard(Expr { kind: ExprKind::Bool(true), .. })));
    }
}

/// Whether the first type has all values of the second one.
fn is_wider(a: &Type, b: &Type) -> bool {
    match (a.scalar(), b.scalar()) {
        (Some(a), Some(b)) if a.is_int() && b.is_int() => {
            a.int_range().zip(b.int_range()).is_some_and(|((a_min, a_max), (min, max))| a_min <= min && max <= a_max)
        }
        _ => false,
    }
}

/// `t + 1 - 1` is `t`, and so is `t - n + n`.
fn shifted(index: &mut Expr) {
    let constant = |e: &Expr| match e.kind {
        ExprKind::Int(value) => Some(value),
        _ => None,
    };
    let ExprKind::Op(op @ (Op::Add | Op::Sub), items) = &mut index.kind else { return };
    shifted(&mut items[0]);
    if *op == Op::Add && constant(&items[0]) == Some(0) {
        *index = take(&mut items[1]);
        return;
    }
    if let (ExprKind::Var(by), ExprKind::Op(inner @ (Op::Add | Op::Sub), parts)) = (&items[1].kind, &items[0].kind)
        && inner != op
        && matches!(parts[1].kind, ExprKind::Var(other) if other == *by)
        && let ExprKind::Op(_, parts) = &mut items[0].kind
    {
        *index = take(&mut parts[0]);
        return;
    }
    let Some(outer) = constant(&items[1]).map(|value| if *op == Op::Add { value } else { -value }) else { return };
    let mut base = take(&mut items[0]);
    let mut total = outer;
    if let ExprKind::Op(inner @ (Op::Add | Op::Sub), items) = &mut base.kind
        && let Some(value) = constant(&items[1])
    {
        total += if *inner == Op::Add { value } else { -value };
        base = take(&mut items[0]);
    }
    let ty = base.ty.clone();
    *index = match total {
        0 => base,
        _ => {
            let op = if total > 0 { Op::Add } else { Op::Sub };
            let by = Expr { kind: ExprKind::Int(total.abs()), ty: ty.clone(), span: base.span };
            Expr { span: base.span, kind: ExprKind::Op(op, vec![base, by]), ty }
        }
    };
}

/// What a temporary needs stands in front of it.
fn spliced(stmts: &mut Vec<Stmt>) {
    if !stmts.iter().any(|s| matches!(s, Stmt::Let(_, Expr { kind: ExprKind::Block(..), .. }))) {
        return;
    }
    for stmt in std::mem::take(stmts) {
        match stmt {
            Stmt::Let(var, Expr { kind: ExprKind::Block(inner, value), .. }) => {
                stmts.extend(inner);
                stmts.push(Stmt::Let(var, *value));
            }
            other => stmts.push(other),
        }
    }
}

fn take(e: &mut Expr) -> Expr {
    let unit = Expr { kind: ExprKind::Unit, ty: Type::Unit, span: e.span };
    std::mem::replace(e, unit)
}

/// Where variables are bound and read, by the innermost loop around the place.
struct Census {
    places: HashMap<VarId, usize>,
    /// The number of reads, and the loop around the last one.
    uses: HashMap<VarId, (usize, usize)>,
    loops: usize,
    deepest: usize,
}

impl Census {
    fn expr(&mut self, e: &Expr) {
        e.for_each_use(|var| {
            let found = self.uses.entry(*var).or_insert((0, 0));
            *found = (found.0 + 1, self.loops);
        });
        let runs = matches!(e.kind, ExprKind::Reduce(_) | ExprKind::Family(_) | ExprKind::Comprehension(_));
        let outer = self.loops;
        if runs {
            self.deepest += 1;
            self.loops = self.deepest;
        }
        e.for_each_binding(|var| {
            self.places.insert(*var, self.loops);
        });
        if let ExprKind::Block(stmts, value) = &e.kind {
            for stmt in stmts {
                if matches!(stmt, Stmt::Rec(_)) {
                    self.deepest += 1;
                    self.loops = self.deepest;
                }
                stmt.for_each_child(|child| self.expr(child));
                self.loops = outer;
            }
            self.expr(value);
        } else {
            e.for_each_child(|child| self.expr(child));
        }
        self.loops = outer;
    }
}

struct Inliner<'a> {
    program: &'a Program,
    effects: &'a [bool],
    census: Census,
    pending: HashMap<VarId, Expr>,
}

impl Inliner<'_> {
    fn expr(&mut self, e: &mut Expr) {
        match &mut e.kind {
            ExprKind::Block(stmts, value) => {
                for stmt in std::mem::take(stmts) {
                    match stmt {
                        Stmt::Let(var, mut value) => {
                            self.expr(&mut value);
                            if self.goes(var, &value) {
                                self.pending.insert(var, value);
                            } else {
                                stmts.push(Stmt::Let(var, value));
                            }
                        }
                        mut other => {
                            other.for_each_child_mut(|child| self.expr(child));
                            stmts.push(other);
                        }
                    }
                }
                self.expr(value);
                if stmts.is_empty() {
                    *e = take(value);
                }
            }
            ExprKind::Reduce(reduce) => {
                for binder in &mut reduce.binders {
                    self.expr(&mut binder.lo);
                    self.expr(&mut binder.hi);
                }
                self.items(&mut reduce.wheres);
                self.expr(&mut reduce.body);
            }
            ExprKind::Family(family) => self.family(family),
            ExprKind::Var(var) => {
                if let Some(value) = self.pending.remove(var) {
                    *e = value;
                }
            }
            _ => e.for_each_child_mut(|child| self.expr(child)),
        }
    }

    fn family(&mut self, family: &mut Family) {
        for clause in &mut family.clauses {
            self.items(&mut clause.wheres);
        }
        family.for_each_child_mut(|child| self.expr(child));
    }

    /// Definitions are visited before what reads them.
    fn items(&mut self, items: &mut Vec<WhereItem>) {
        for item in std::mem::take(items) {
            match item {
                WhereItem::Def(var, mut value) => {
                    self.expr(&mut value);
                    if self.goes(var, &value) {
                        self.pending.insert(var, value);
                    } else {
                        items.push(WhereItem::Def(var, value));
                    }
                }
                WhereItem::Guard(mut guard) => {
                    self.expr(&mut guard);
                    items.push(WhereItem::Guard(guard));
                }
            }
        }
    }

    /// Whether the one place that reads a temporary can have its value.
    fn goes(&self, var: VarId, value: &Expr) -> bool {
        let info = &self.program.vars[var.index()];
        if info.kind != VarKind::Temp || !info.name.as_str().is_empty() {
            return false;
        }
        let place = self.census.places.get(&var).copied();
        let once = matches!(self.census.uses.get(&var), Some((1, at)) if Some(*at) == place);
        once && !matches!(&value.kind, ExprKind::Family(family) if !super::family::is_view(family))
            && !matches!(value.kind, ExprKind::Block(..))
            && is_pure(value, self.effects)
    }
}

fn is_pure(e: &Expr, effects: &[bool]) -> bool {
    let mut pure = true;
    e.walk(&mut |e| pure &= !acts(e, effects));
    pure
}

/// Definitions of a cell stand in its `where`, and what is gated by outer coordinates in front of its sum.
fn shaped(e: &mut Expr) {
    e.for_each_child_mut(shaped);
    match &mut e.kind {
        ExprKind::Family(family) => shaped_family(family),
        ExprKind::Block(stmts, _) => {
            for stmt in stmts {
                if let Stmt::Rec(rec) = stmt {
                    for (_, family) in &mut std::rc::Rc::make_mut(rec).families {
                        shaped_family(family);
                    }
                }
            }
        }
        ExprKind::Reduce(reduce) => {
            defined(&mut reduce.body, &mut reduce.wheres);
            if let Some(outside) = shaped_reduce(reduce, &e.ty) {
                *e = outside;
            }
        }
        _ => {}
    }
}

fn shaped_family(family: &mut Family) {
    let single = family.clauses.len() == 1;
    for clause in &mut family.clauses {
        if clause.slots.len() == family.axes.len() && clause.otherwise.is_none() {
            defined(&mut clause.body, &mut clause.wheres);
            if let ExprKind::If(test, sum, closed) = &mut clause.body.kind
                && single
                && matches!(sum.kind, ExprKind::Reduce(_))
                && matches!(closed.kind, ExprKind::Float(0.0) | ExprKind::Int(0))
            {
                clause.wheres.push(WhereItem::Guard(take(test)));
                clause.body = take(sum);
            }
        }
    }
}

/// A body's own definitions become those of the construct.
fn defined(body: &mut Expr, items: &mut Vec<WhereItem>) {
    let ExprKind::Block(stmts, value) = &mut body.kind else { return };
    let plain = |s: &Stmt| matches!(s, Stmt::Let(_, d) if d.ty.scalar().is_some() || d.ty == Type::Str);
    if !stmts.iter().all(plain) {
        return;
    }
    for stmt in std::mem::take(stmts) {
        if let Stmt::Let(var, value) = stmt {
            items.push(WhereItem::Def(var, value));
        }
    }
    *body = take(value);
}

/// A guard belongs to the innermost construct that binds what it mentions: one that mentions nothing of a sum cannot
/// stand in it.
fn shaped_reduce(reduce: &mut Reduce, ty: &Type) -> Option<Expr> {
    if reduce.binders.is_empty()
        && !matches!(reduce.op, ReduceOp::ArgMax | ReduceOp::ArgMin)
        && reduce.wheres.is_empty()
    {
        return Some(take(&mut reduce.body));
    }
    if reduce.op != ReduceOp::Sum {
        return None;
    }
    let own: HashSet<VarId> = reduce.binders.iter().map(|b| b.var).collect();
    let mut bound = own.clone();
    let mut outer: Option<Expr> = None;
    for item in std::mem::take(&mut reduce.wheres) {
        match item {
            WhereItem::Guard(guard) if !crate::visit::free_vars(&guard).iter().any(|v| bound.contains(v)) => {
                outer = Some(match outer {
                    Some(before) => Expr {
                        span: before.span,
                        kind: ExprKind::And(Box::new(before), Box::new(guard)),
                        ty: Type::BOOL,
                    },
                    None => guard,
                });
            }
            other => {
                if let WhereItem::Def(var, _) = &other {
                    bound.insert(*var);
                }
                reduce.wheres.push(other);
            }
        }
    }
    let guard = outer?;
    let span = reduce.body.span;
    let zero = if ty.scalar().is_some_and(Scalar::is_float) { ExprKind::Float(0.0) } else { ExprKind::Int(0) };
    let zero = Expr { kind: zero, ty: ty.clone(), span };
    let unit = Expr { kind: ExprKind::Unit, ty: Type::Unit, span };
    let left = Reduce {
        op: reduce.op,
        binders: std::mem::take(&mut reduce.binders),
        wheres: std::mem::take(&mut reduce.wheres),
        body: std::mem::replace(&mut reduce.body, unit),
    };
    let sum = Expr { kind: ExprKind::Reduce(Box::new(left)), ty: ty.clone(), span };
    Some(Expr { kind: ExprKind::If(Box::new(guard), Box::new(sum), Box::new(zero)), ty: ty.clone(), span })
}

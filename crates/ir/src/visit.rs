//! Traversal: the direct children, bindings and uses of a node, and what follows from them: free variables,
//! substitution, fresh copies.
//!
//! Children come in evaluation order. A variable is bound once in the whole program, so that what an expression
//! reads and does not bind is free, wherever it stands.

use crate::expr::*;
use crate::types::{Type, VarId};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// Both traversals from one text: `$(mut)?` and how a shared recurrence is opened are all that differs.
macro_rules! traversal {
    ($children:ident $bindings:ident $uses:ident, $open:expr, $($mutable:tt)?) => {
        impl Expr {
            /// Calls `f` with every expression directly below this node.
            pub fn $children<'a>(&'a $($mutable)? self, mut f: impl FnMut(&'a $($mutable)? Expr)) {
                use ExprKind::*;
                match &$($mutable)? self.kind {
                    Unit | Bool(_) | Int(_) | Float(_) | Str(_) | Var(_) => {}
                    Block(stmts, value) => {
                        for stmt in stmts {
                            stmt.$children(&mut f);
                        }
                        f(value);
                    }
                    Op(_, items)
                    | Tuple(items)
                    | Variant(_, items)
                    | Literal(_, items)
                    | List(items)
                    | Call(_, items)
                    | Builtin(_, items) => {
                        for item in items {
                            f(item);
                        }
                    }
                    Cast(e)
                    | Field(e, _)
                    | IsVariant(e, _)
                    | Payload(e, _, _)
                    | Dim(e, _)
                    | CheckShape(e, _)
                    | Try(e)
                    | Tangent(e, _)
                    | StopGradient(e)
                    | Checkpoint(e) => f(e),
                    And(a, b) | Or(a, b) | Item(a, b) | Range(a, b) => {
                        f(a);
                        f(b);
                    }
                    If(cond, yes, no) => {
                        f(cond);
                        f(yes);
                        f(no);
                    }
                    Load(load) => {
                        let crate::Load { tensor, index, .. } = &$($mutable)? **load;
                        f(tensor);
                        for e in index {
                            f(e);
                        }
                    }
                    Reduce(reduce) => {
                        let crate::Reduce { binders, wheres, body, .. } = &$($mutable)? **reduce;
                        for binder in binders {
                            f(&$($mutable)? binder.lo);
                            f(&$($mutable)? binder.hi);
                        }
                        for item in wheres {
                            f(item.$children());
                        }
                        f(body);
                    }
                    Family(family) => family.$children(&mut f),
                    Comprehension(comprehension) => {
                        let crate::Comprehension { clauses, body, row } = &$($mutable)? **comprehension;
                        for clause in clauses {
                            let (CompClause::For(_, e) | CompClause::Let(_, e) | CompClause::If(e)) = clause;
                            f(e);
                        }
                        f(body);
                        for e in row {
                            f(e);
                        }
                    }
                    Interpolate(pieces) => {
                        for piece in pieces {
                            if let Piece::Value(e, _) = piece {
                                f(e);
                            }
                        }
                    }
                    Assert(assert) => {
                        let crate::Assert { cond, message, lets, .. } = &$($mutable)? **assert;
                        for (_, e) in lets {
                            f(e);
                        }
                        f(cond);
                        if let Some(e) = message {
                            f(e);
                        }
                    }
                    Quotient(quotient) => {
                        let crate::Quotient { y, x_cell, .. } = &$($mutable)? **quotient;
                        f(y);
                        for e in x_cell {
                            f(e);
                        }
                    }
                }
            }

            /// Calls `f` with every variable that this node itself binds.
            pub fn $bindings(&$($mutable)? self, mut f: impl FnMut(&$($mutable)? VarId)) {
                use ExprKind::*;
                match &$($mutable)? self.kind {
                    Block(stmts, _) => {
                        for stmt in stmts {
                            match stmt {
                                Stmt::Let(var, _) => f(var),
                                Stmt::Rec(recurrence) => {
                                    for (var, family) in &$($mutable)? $open(recurrence).families {
                                        f(var);
                                        family.$bindings(&mut f);
                                    }
                                }
                                Stmt::Do(_) => {}
                            }
                        }
                    }
                    Reduce(reduce) => {
                        let crate::Reduce { binders, wheres, .. } = &$($mutable)? **reduce;
                        for binder in binders {
                            f(&$($mutable)? binder.var);
                        }
                        for item in wheres {
                            if let WhereItem::Def(var, _) = item {
                                f(var);
                            }
                        }
                    }
                    Family(family) => family.$bindings(&mut f),
                    Comprehension(comprehension) => {
                        for clause in &$($mutable)? comprehension.clauses {
                            if let CompClause::For(var, _) | CompClause::Let(var, _) = clause {
                                f(var);
                            }
                        }
                    }
                    Assert(assert) => {
                        for (var, _) in &$($mutable)? assert.lets {
                            f(var);
                        }
                    }
                    _ => {}
                }
            }

            /// Calls `f` with every variable that this node itself reads.
            pub fn $uses(&$($mutable)? self, mut f: impl FnMut(&$($mutable)? VarId)) {
                match &$($mutable)? self.kind {
                    ExprKind::Var(var) => f(var),
                    ExprKind::Quotient(quotient) => f(&$($mutable)? quotient.x),
                    ExprKind::Tangent(_, inputs) => {
                        for var in inputs {
                            f(var);
                        }
                    }
                    ExprKind::Assert(assert) => {
                        if let Some((a, b)) = &$($mutable)? assert.operands {
                            f(a);
                            f(b);
                        }
                    }
                    _ => {}
                }
            }
        }

        impl Stmt {
            pub fn $children<'a>(&'a $($mutable)? self, mut f: impl FnMut(&'a $($mutable)? Expr)) {
                match self {
                    Stmt::Let(_, e) | Stmt::Do(e) => f(e),
                    Stmt::Rec(recurrence) => {
                        for (_, family) in &$($mutable)? $open(recurrence).families {
                            family.$children(&mut f);
                        }
                    }
                }
            }
        }

        impl WhereItem {
            fn $children(&$($mutable)? self) -> &$($mutable)? Expr {
                let (WhereItem::Def(_, e) | WhereItem::Guard(e)) = self;
                e
            }
        }

        impl Clause {
            /// Calls `f` with the ends of ranges and everything that a cell may evaluate.
            pub fn $children<'a>(&'a $($mutable)? self, mut f: impl FnMut(&'a $($mutable)? Expr)) {
                for slot in &$($mutable)? self.slots {
                    if let Slot::Coord(binder) = slot {
                        f(&$($mutable)? binder.lo);
                        f(&$($mutable)? binder.hi);
                    }
                }
                for item in &$($mutable)? self.wheres {
                    f(item.$children());
                }
                f(&$($mutable)? self.body);
                if let Some(e) = &$($mutable)? self.otherwise {
                    f(e);
                }
            }
        }

        impl Family {
            /// Calls `f` with the extents and everything in the clauses.
            pub fn $children<'a>(&'a $($mutable)? self, mut f: impl FnMut(&'a $($mutable)? Expr)) {
                for axis in &$($mutable)? self.axes {
                    f(&$($mutable)? axis.extent);
                }
                for clause in &$($mutable)? self.clauses {
                    clause.$children(&mut f);
                }
            }

            /// Calls `f` with the coordinates and definitions of the clauses.
            pub fn $bindings(&$($mutable)? self, mut f: impl FnMut(&$($mutable)? VarId)) {
                for clause in &$($mutable)? self.clauses {
                    for slot in &$($mutable)? clause.slots {
                        if let Slot::Coord(binder) = slot {
                            f(&$($mutable)? binder.var);
                        }
                    }
                    for item in &$($mutable)? clause.wheres {
                        if let WhereItem::Def(var, _) = item {
                            f(var);
                        }
                    }
                }
            }
        }
    };
}

traversal!(for_each_child for_each_binding for_each_use, Rc::as_ref,);
traversal!(for_each_child_mut for_each_binding_mut for_each_use_mut, Rc::make_mut, mut);

impl Expr {
    /// Calls `f` with this expression and everything below it, parents first.
    pub fn walk<'a>(&'a self, f: &mut dyn FnMut(&'a Expr)) {
        f(self);
        self.for_each_child(|child| child.walk(f));
    }

    /// Calls `f` with this expression and everything below it, parents first.
    pub fn walk_mut(&mut self, f: &mut dyn FnMut(&mut Expr)) {
        f(self);
        self.for_each_child_mut(|child| child.walk_mut(f));
    }

    /// Calls `f` with the type of this expression, of everything below it, and of the cells of its families.
    pub fn for_each_type_mut(&mut self, f: &mut dyn FnMut(&mut Type)) {
        self.walk_mut(&mut |e| {
            f(&mut e.ty);
            match &mut e.kind {
                ExprKind::Family(family) => f(&mut family.elem),
                ExprKind::Block(stmts, _) => {
                    for stmt in stmts {
                        if let Stmt::Rec(recurrence) = stmt {
                            for (_, family) in &mut Rc::make_mut(recurrence).families {
                                f(&mut family.elem);
                            }
                        }
                    }
                }
                _ => {}
            }
        });
    }
}

/// The variables that an expression reads and does not bind, in order of first use.
pub fn free_vars(expr: &Expr) -> Vec<VarId> {
    let (mut bound, mut seen, mut used) = (HashSet::new(), HashSet::new(), Vec::new());
    expr.walk(&mut |e| {
        e.for_each_binding(|var| {
            bound.insert(*var);
        });
        e.for_each_use(|var| {
            if seen.insert(*var) {
                used.push(*var);
            }
        });
    });
    used.retain(|var| !bound.contains(var));
    used
}

/// Puts an expression in place of each of some variables. Every place gets a fresh copy, so that nothing is bound
/// twice. What is differentiated by (`Quotient`, `Tangent`) stays a variable: it follows if it is only renamed.
pub fn substitute(expr: &mut Expr, by: &HashMap<VarId, Expr>, program: &mut Program) {
    expr.for_each_child_mut(|child| substitute(child, by, program));
    if let ExprKind::Var(var) = expr.kind {
        if let Some(value) = by.get(&var) {
            *expr = refresh(value, program);
        }
        return;
    }
    expr.for_each_use_mut(|var| {
        if let Some(Expr { kind: ExprKind::Var(other), .. }) = by.get(var) {
            *var = *other;
        }
    });
}

/// A copy whose bound variables are new ones.
pub fn refresh(expr: &Expr, program: &mut Program) -> Expr {
    let mut fresh = HashMap::new();
    expr.walk(&mut |e| {
        e.for_each_binding(|var| {
            let copy = program.vars[var.index()].clone();
            fresh.insert(*var, VarId(program.vars.len() as u32));
            program.vars.push(copy);
        });
    });
    let mut copy = expr.clone();
    if !fresh.is_empty() {
        rename(&mut copy, &fresh);
    }
    copy
}

/// Renames variables where they are bound and where they are read.
pub fn rename(expr: &mut Expr, names: &HashMap<VarId, VarId>) {
    expr.walk_mut(&mut |e| {
        let mut set = |var: &mut VarId| {
            if let Some(name) = names.get(var) {
                *var = *name;
            }
        };
        e.for_each_binding_mut(&mut set);
        e.for_each_use_mut(&mut set);
    });
}

/// Whether two expressions without effects are written alike, and so have one value where nothing changes.
pub fn same(a: &Expr, b: &Expr) -> bool {
    a.ty == b.ty
        && match (&a.kind, &b.kind) {
            (ExprKind::Int(a), ExprKind::Int(b)) => a == b,
            (ExprKind::Var(a), ExprKind::Var(b)) => a == b,
            (ExprKind::Cast(a), ExprKind::Cast(b)) => same(a, b),
            (ExprKind::Dim(a, i), ExprKind::Dim(b, j)) => i == j && same(a, b),
            (ExprKind::Field(a, i), ExprKind::Field(b, j)) => i == j && same(a, b),
            (ExprKind::Op(f, a), ExprKind::Op(g, b)) => f == g && a.iter().zip(b).all(|(a, b)| same(a, b)),
            (ExprKind::Load(a), ExprKind::Load(b)) => {
                same(&a.tensor, &b.tensor) && a.index.iter().zip(&b.index).all(|(a, b)| same(a, b))
            }
            _ => false,
        }
}

//! Brings what lies on the way of a derivative into families of cells, in place and without changing its meaning.
//!
//! A small symbolic evaluator runs over the statements: tuples, structures, variants and ranges exist only inside it
//! (`value`), calls dissolve, and every tensor that is bound inside a cell is lifted out of it, to be indexed by the
//! coordinates around it as well (`place`). What stays behind is what `form::is_normal` describes.
//!
//! A statement that holds something that cannot be brought into this form stays exactly as it is.

mod bind;
mod bound;
mod cell;
mod comprehension;
mod family;
mod form;
mod list;
mod make;
mod place;
mod recurrence;
mod rows;
mod shapes;
mod tensor;
#[cfg(test)]
mod tests;
mod value;

pub use form::is_normal;

use ir::*;
use place::Item;
use recurrence::Group;
use std::collections::{HashMap, HashSet};
use value::Value;

/// The same statements, those that bind a `wanted` variable in normal form where possible, and which of what they bind
/// belongs to a `checkpoint`.
pub fn normalise(program: &mut Program, statements: Vec<Stmt>, wanted: &HashSet<VarId>) -> (Vec<Stmt>, HashSet<VarId>) {
    let opaque_calls = form::opaque_calls(program);
    let mut normaliser = Normaliser {
        program,
        opaque_calls,
        env: HashMap::new(),
        extents: HashMap::new(),
        whole: HashSet::new(),
        scope: Vec::new(),
        guards: 0,
        gates: HashMap::new(),
        groups: Vec::new(),
        hoisted: Vec::new(),
        tried: HashSet::new(),
        lists: HashSet::new(),
        checkpointed: HashSet::new(),
        out: Vec::new(),
    };
    for stmt in statements {
        let on_path = match &stmt {
            Stmt::Let(var, _) => wanted.contains(var),
            Stmt::Rec(recurrence) => recurrence.families.iter().any(|(var, _)| wanted.contains(var)),
            Stmt::Do(_) => false,
        };
        if on_path && normaliser.must_change(&stmt) {
            normaliser.top(stmt);
        } else {
            normaliser.keep(stmt);
        }
    }
    (normaliser.out, normaliser.checkpointed)
}

/// Something has no form as cells.
struct Unsupported;

type Outcome<T> = Result<T, Unsupported>;

type GateKey = (Vec<VarId>, Vec<u32>);

struct Normaliser<'p> {
    program: &'p mut Program,
    /// Functions that stay calls: recursive ones, and those with a rule of the user.
    opaque_calls: HashSet<FuncId>,
    /// What stands for a variable. One that is not here stands for itself.
    env: HashMap<VarId, Value>,
    /// Extents of variables where they are constants.
    extents: HashMap<VarId, Vec<Option<i64>>>,
    /// Tensors that are read otherwise than by cells that are known to exist.
    whole: HashSet<VarId>,
    /// The coordinates, definitions and guards around the expression in evaluation.
    scope: Vec<Item>,
    /// How many guards there have been: their names.
    guards: u32,
    /// Which cells of some coordinates are asked for at all, by these coordinates and the guards that say so.
    gates: HashMap<GateKey, (VarId, Vec<Expr>)>,
    /// The recurrences around.
    groups: Vec<Group>,
    /// Structures bound outside that the statement in evaluation took apart, with each part.
    hoisted: Vec<(VarId, VarId)>,
    /// What `try` has bound: its value is asked for only where there is one.
    tried: HashSet<VarId>,
    /// Lists that are bound as well as taken apart.
    lists: HashSet<VarId>,
    /// What the operands of `checkpoint` bind.
    checkpointed: HashSet<VarId>,
    out: Vec<Stmt>,
}

impl Normaliser<'_> {
    /// The operand of a `checkpoint`.
    fn checkpoint<T>(&mut self, evaluate: impl FnOnce(&mut Self) -> Outcome<T>) -> Outcome<T> {
        let before = self.out.len();
        let value = evaluate(self)?;
        for stmt in &self.out[before..] {
            crate::depend::bound_by(stmt, &mut self.checkpointed);
        }
        Ok(value)
    }

    fn must_change(&self, stmt: &Stmt) -> bool {
        let structure = match stmt {
            Stmt::Let(_, value) => value.ty.scalar().is_none() && value.ty.rank() == 0,
            _ => false,
        };
        structure || is_normal(stmt).is_err() || form::calls_any(stmt, |callee| !self.opaque_calls.contains(&callee))
    }

    fn top(&mut self, stmt: Stmt) {
        let before = self.out.len();
        self.note_whole(&stmt);
        let done = match &stmt {
            Stmt::Let(var, value) => self.bind_top(*var, value),
            Stmt::Rec(recurrence) => self.recurrence(recurrence),
            Stmt::Do(_) => Err(Unsupported),
        };
        self.scope.clear();
        self.groups.clear();
        self.gates.clear();
        let hoisted = std::mem::take(&mut self.hoisted);
        if done.is_ok() {
            return;
        }
        self.out.truncate(before);
        for (whole, _) in hoisted {
            self.env.remove(&whole);
        }
        match &stmt {
            Stmt::Let(var, _) => {
                self.env.remove(var);
            }
            Stmt::Rec(recurrence) => {
                for (var, _) in &recurrence.families {
                    self.env.remove(var);
                }
            }
            Stmt::Do(_) => {}
        }
        self.keep(stmt);
    }

    fn keep(&mut self, stmt: Stmt) {
        match &stmt {
            Stmt::Let(var, Expr { kind: ExprKind::Try(_), .. }) => {
                self.tried.insert(*var);
            }
            Stmt::Let(var, value) => self.note_extents(*var, value),
            Stmt::Rec(recurrence) => {
                for (var, family) in &recurrence.families {
                    self.note_family(*var, family);
                }
            }
            Stmt::Do(_) => {}
        }
        self.out.push(stmt);
    }

    fn note_extents(&mut self, var: VarId, value: &Expr) {
        match &value.kind {
            ExprKind::Family(family) => self.note_family(var, family),
            ExprKind::Literal(shape, _) => {
                self.extents.insert(var, shape.iter().map(|extent| Some(*extent as i64)).collect());
            }
            ExprKind::Var(other) => {
                if let Some(extents) = self.extents.get(other).cloned() {
                    self.extents.insert(var, extents);
                }
            }
            _ => {}
        }
    }

    fn note_family(&mut self, var: VarId, family: &Family) {
        let extents = family.axes.iter().map(|axis| make::constant(&axis.extent)).collect();
        self.extents.insert(var, extents);
    }

    /// Finds the tensors in `stmt` whose reads cannot be replaced by what a cell of them is.
    fn note_whole(&mut self, stmt: &Stmt) {
        let mut whole = std::mem::take(&mut self.whole);
        stmt.for_each_child(|e| note_whole(e, &mut whole));
        self.whole = whole;
    }
}

fn note_whole(e: &Expr, whole: &mut HashSet<VarId>) {
    match &e.kind {
        ExprKind::Load(load) if matches!(load.tensor.kind, ExprKind::Var(_)) && load.proven.iter().all(|p| *p) => {
            load.index.iter().for_each(|index| note_whole(index, whole));
        }
        ExprKind::Dim(of, _) if matches!(of.kind, ExprKind::Var(_)) => {}
        ExprKind::Call(_, items) => {
            for item in items.iter().filter(|item| !matches!(item.kind, ExprKind::Var(_))) {
                note_whole(item, whole);
            }
        }
        // The value of a block is handed on to what decides about it.
        ExprKind::Block(stmts, value) if matches!(value.kind, ExprKind::Var(_)) => {
            for stmt in stmts {
                stmt.for_each_child(|child| note_whole(child, whole));
            }
        }
        _ => {
            e.for_each_use(|var| {
                whole.insert(*var);
            });
            e.for_each_child(|child| note_whole(child, whole));
        }
    }
}

//! Who reads a tensor, and how: what keeps its cells in memory.

use diagnostics::{SourceMap, Span};
use ir::{Builtin, Expr, ExprKind, Family, Load, Program, Slot, Stmt, VarId, WhereItem};
use std::collections::HashMap;

/// The stronger the use, the later it stands.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum How {
    /// Each cell once, at the coordinates of the reader.
    Once,
    /// Each cell again for every point of these coordinates.
    Again(Vec<String>),
    /// At other places than the reader's own, as the source says it: shifted, fixed, or found in data.
    Elsewhere(String),
    /// By later cells of its own recurrence.
    Later(String),
    /// All at once.
    Whole(String),
}

#[derive(Clone, Debug)]
pub struct Use {
    pub how: How,
    /// The binding that reads it; nameless for other statements.
    pub reader: &'static str,
    pub span: Span,
}

/// The uses of every tensor that a function binds, in source order.
pub fn uses(program: &Program, sources: &SourceMap, body: &Expr) -> HashMap<VarId, Vec<Use>> {
    let mut search = Search {
        program,
        sources,
        found: HashMap::new(),
        reader: ("", body.span),
        coords: Vec::new(),
        group: Vec::new(),
        whole: "used as a whole".to_owned(),
    };
    search.block(body, true);
    search.found
}

struct Search<'a> {
    program: &'a Program,
    sources: &'a SourceMap,
    found: HashMap<VarId, Vec<Use>>,
    reader: (&'static str, Span),
    /// Coordinates of the cell or point that is being computed.
    coords: Vec<VarId>,
    /// The recurrence that is being computed.
    group: Vec<VarId>,
    /// What happens to a tensor that stands for itself.
    whole: String,
}

impl Search<'_> {
    fn block(&mut self, body: &Expr, outermost: bool) {
        let ExprKind::Block(stmts, value) = &body.kind else { return self.expr(body) };
        for stmt in stmts {
            match stmt {
                Stmt::Let(var, e) => {
                    self.at(outermost, *var);
                    self.told("bound to another name", |search| search.expr(e));
                }
                Stmt::Rec(recurrence) => {
                    let group = recurrence.families.iter().map(|(var, _)| *var).collect();
                    let outer = std::mem::replace(&mut self.group, group);
                    for (var, family) in &recurrence.families {
                        self.at(outermost, *var);
                        self.family(family);
                    }
                    self.group = outer;
                }
                Stmt::Do(e) => {
                    if outermost {
                        self.reader = ("", e.span);
                    }
                    self.expr(e);
                }
            }
        }
        if outermost {
            self.reader = ("", value.span);
        }
        self.told("the result", |search| search.expr(value));
    }

    fn at(&mut self, outermost: bool, var: VarId) {
        let info = &self.program.vars[var.index()];
        if outermost {
            self.reader = (info.name.as_str(), info.span);
        }
    }

    fn told(&mut self, whole: &str, inner: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.whole, whole.to_owned());
        inner(self);
        self.whole = outer;
    }

    fn expr(&mut self, e: &Expr) {
        match &e.kind {
            ExprKind::Block(..) => self.block(e, false),
            ExprKind::Var(var) => self.note(*var, How::Whole(self.whole.clone())),
            // Extents are no cells.
            ExprKind::Dim(tensor, _) if matches!(tensor.kind, ExprKind::Var(_)) => {}
            ExprKind::Load(load) => self.load(load, e),
            ExprKind::Family(family) => self.family(family),
            ExprKind::Reduce(reduce) => {
                let before = self.coords.len();
                for binder in &reduce.binders {
                    self.expr(&binder.lo);
                    self.expr(&binder.hi);
                    self.coords.push(binder.var);
                }
                self.wheres(&reduce.wheres);
                self.expr(&reduce.body);
                self.coords.truncate(before);
            }
            ExprKind::Comprehension(_) => {
                self.told("gone through item by item", |search| e.for_each_child(|child| search.expr(child)));
            }
            _ => {
                let whole = match &e.kind {
                    ExprKind::Call(func, _) => format!("given to `{}`", self.program.funcs[func.index()].name),
                    ExprKind::Builtin(Builtin::Print | Builtin::ToStr, _) => "printed".to_owned(),
                    ExprKind::Tuple(_) => self.whole.clone(),
                    _ => "used as a whole".to_owned(),
                };
                self.told(&whole, |search| e.for_each_child(|child| search.expr(child)));
            }
        }
    }

    fn family(&mut self, family: &Family) {
        let before = self.coords.len();
        for axis in &family.axes {
            self.expr(&axis.extent);
        }
        for clause in &family.clauses {
            for slot in &clause.slots {
                if let Slot::Coord(binder) = slot {
                    self.expr(&binder.lo);
                    self.expr(&binder.hi);
                    self.coords.push(binder.var);
                }
            }
            self.wheres(&clause.wheres);
            self.told("a slice of another", |search| {
                search.expr(&clause.body);
                clause.otherwise.iter().for_each(|e| search.expr(e));
            });
            self.coords.truncate(before);
        }
    }

    fn wheres(&mut self, items: &[WhereItem]) {
        for item in items {
            let (WhereItem::Def(_, e) | WhereItem::Guard(e)) = item;
            self.expr(e);
        }
    }

    fn load(&mut self, load: &Load, e: &Expr) {
        load.index.iter().for_each(|index| self.expr(index));
        let ExprKind::Var(var) = load.tensor.kind else { return self.expr(&load.tensor) };
        let text = || self.sources.text(e.span).to_owned();
        let at: Vec<Option<VarId>> = load.index.iter().map(coordinate).collect();
        let own = |at: &Option<VarId>| at.is_some_and(|at| self.coords.contains(&at));
        let how = if self.group.contains(&var) && !at.iter().all(own) {
            How::Later(text())
        } else if !at.iter().all(own) {
            How::Elsewhere(text())
        } else {
            let more = self.coords.iter().filter(|coord| !at.contains(&Some(**coord)));
            let more: Vec<String> = more.map(|coord| self.program.vars[coord.index()].name.to_string()).collect();
            if more.is_empty() { How::Once } else { How::Again(more) }
        };
        self.note(var, how);
    }

    fn note(&mut self, var: VarId, how: How) {
        if self.program.vars[var.index()].ty.rank() > 0 {
            let (reader, span) = self.reader;
            self.found.entry(var).or_default().push(Use { how, reader, span });
        }
    }
}

/// The coordinate that stands alone as an index.
fn coordinate(index: &Expr) -> Option<VarId> {
    match &index.kind {
        ExprKind::Var(var) => Some(*var),
        ExprKind::Cast(inner) => coordinate(inner),
        _ => None,
    }
}

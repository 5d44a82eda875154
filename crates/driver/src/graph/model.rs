//! What is drawn: the bindings of the entry file, and who reads whom.

use diagnostics::{FileId, SourceMap, Span};
use ir::{Expr, ExprKind, FuncId, Program, Stmt, Type, VarId};
use std::collections::{HashMap, HashSet};

/// A binding.
pub struct Node {
    pub var: VarId,
    /// The statement of `main` that binds it.
    pub stmt: usize,
}

/// Node `to` reads node `from`.
pub struct Edge {
    pub from: usize,
    pub to: usize,
    /// The places that read, as the source says them: `A[i, k]`.
    pub reads: Vec<String>,
    /// Coordinates of the reader that the places do not name: those that the way back sums over.
    pub sums: Vec<String>,
    /// A function reads it: it is no operand that could be replaced.
    pub hidden: bool,
}

pub struct Graph {
    pub nodes: Vec<Node>,
    pub edges: Vec<Edge>,
}

impl Graph {
    pub fn of(program: &Program, sources: &SourceMap, entry: FileId) -> Graph {
        let mut search =
            Search { program, sources, graph: Graph { nodes: Vec::new(), edges: Vec::new() }, known: HashMap::new() };
        for (k, stmt) in statements(program).iter().enumerate() {
            search.statement(k, stmt, entry);
        }
        search.graph
    }

    /// The node of a binding; of several with one name, the last.
    pub fn find(&self, program: &Program, name: &str) -> Option<usize> {
        self.nodes.iter().rposition(|node| program.vars[node.var.index()].name.as_str() == name)
    }

    /// The nodes that a node is made of, itself included.
    pub fn above(&self, node: usize) -> Vec<bool> {
        let mut is_above = vec![false; self.nodes.len()];
        is_above[node] = true;
        // Whoever is read stands before its reader, but for recurrences, which read each other.
        loop {
            let before = is_above.clone();
            self.edges.iter().filter(|edge| before[edge.to]).for_each(|edge| is_above[edge.from] = true);
            if before == is_above {
                return is_above;
            }
        }
    }
}

pub fn statements(program: &Program) -> &[Stmt] {
    match program.main.map(|main| &program.funcs[main.index()].body.kind) {
        Some(ExprKind::Block(stmts, _)) => stmts,
        _ => &[],
    }
}

/// A variable that is read, at a place of the source that has its indices.
struct Read {
    var: VarId,
    place: Option<Span>,
    index: Vec<VarId>,
    hidden: bool,
}

struct Search<'a> {
    program: &'a Program,
    sources: &'a SourceMap,
    graph: Graph,
    /// The nodes that a variable stands for: itself, or what a nameless one is made of.
    known: HashMap<VarId, Vec<usize>>,
}

impl Search<'_> {
    fn statement(&mut self, k: usize, stmt: &Stmt, entry: FileId) {
        match stmt {
            Stmt::Let(var, e) => {
                let info = &self.program.vars[var.index()];
                let reads = self.reads(e);
                if info.name.as_str().is_empty() || info.span.file != entry || !is_shown(&info.ty) {
                    let behind = reads.iter().flat_map(|read| self.known.get(&read.var).cloned().unwrap_or_default());
                    let behind: HashSet<usize> = behind.collect();
                    self.known.insert(*var, behind.into_iter().collect());
                    return;
                }
                let node = self.node(*var, k);
                self.edges(node, reads);
            }
            Stmt::Rec(recurrence) => {
                let nodes: Vec<usize> = recurrence.families.iter().map(|(var, _)| self.node(*var, k)).collect();
                for (node, (_, family)) in nodes.into_iter().zip(&recurrence.families) {
                    let mut reads = Vec::new();
                    family.for_each_child(|e| reads.extend(self.reads(e)));
                    self.edges(node, reads);
                }
            }
            Stmt::Do(_) => {}
        }
    }

    fn node(&mut self, var: VarId, stmt: usize) -> usize {
        let node = self.graph.nodes.len();
        self.graph.nodes.push(Node { var, stmt });
        self.known.insert(var, vec![node]);
        node
    }

    fn edges(&mut self, to: usize, reads: Vec<Read>) {
        let coords = self.program.vars[self.graph.nodes[to].var.index()].coords.clone();
        for read in reads {
            let Some(sources) = self.known.get(&read.var) else { continue };
            for from in sources.clone() {
                let place = self.graph.edges.iter().position(|edge| (edge.from, edge.to) == (from, to));
                let place = place.unwrap_or_else(|| {
                    self.graph.edges.push(Edge { from, to, reads: Vec::new(), sums: Vec::new(), hidden: false });
                    self.graph.edges.len() - 1
                });
                let edge = &mut self.graph.edges[place];
                edge.hidden |= read.hidden;
                let Some(span) = read.place else { continue };
                let text = self.sources.text(span).split_whitespace().collect::<Vec<_>>().join(" ");
                if !text.is_empty() && !edge.reads.contains(&text) {
                    edge.reads.push(text);
                }
                let named: Vec<&str> =
                    read.index.iter().map(|var| self.program.vars[var.index()].name.as_str()).collect();
                for coord in coords.iter().flatten().map(|coord| coord.as_str()) {
                    if !named.contains(&coord) && !edge.sums.iter().any(|sum| sum == coord) {
                        edge.sums.push(coord.to_owned());
                    }
                }
            }
        }
    }

    fn reads(&self, e: &Expr) -> Vec<Read> {
        let mut reads = Vec::new();
        self.collect(e, &mut reads, &mut HashSet::new(), false);
        reads
    }

    fn collect(&self, e: &Expr, reads: &mut Vec<Read>, called: &mut HashSet<FuncId>, hidden: bool) {
        match &e.kind {
            ExprKind::Load(load) => {
                load.index.iter().for_each(|index| self.collect(index, reads, called, hidden));
                let ExprKind::Var(var) = load.tensor.kind else {
                    return self.collect(&load.tensor, reads, called, hidden);
                };
                let index = load.index.iter().filter_map(coordinate).collect();
                reads.push(Read { var, place: Some(e.span), index, hidden });
            }
            // Extents are no cells.
            ExprKind::Dim(tensor, _) if matches!(tensor.kind, ExprKind::Var(_)) => {}
            ExprKind::Call(func, args) => {
                args.iter().for_each(|arg| self.collect(arg, reads, called, hidden));
                if called.insert(*func) {
                    self.collect(&self.program.funcs[func.index()].body, reads, called, true);
                }
            }
            _ => {
                e.for_each_use(|var| {
                    let place = matches!(e.kind, ExprKind::Var(_)).then_some(e.span);
                    reads.push(Read { var: *var, place, index: Vec::new(), hidden });
                });
                e.for_each_child(|child| self.collect(child, reads, called, hidden));
            }
        }
    }
}

fn coordinate(index: &Expr) -> Option<VarId> {
    match &index.kind {
        ExprKind::Var(var) => Some(*var),
        ExprKind::Cast(inner) => coordinate(inner),
        _ => None,
    }
}

/// Functions have no value to show.
fn is_shown(ty: &Type) -> bool {
    match ty {
        Type::Unit | Type::Never | Type::Dyn => false,
        Type::Tuple(items) => !items.is_empty() && items.iter().all(is_shown),
        _ => true,
    }
}

pub fn is_float(ty: &Type) -> bool {
    ty.elem().scalar().is_some_and(|scalar| scalar.is_float())
}

//! Statements: what a block binds, hoists and runs, and when its families are due.

use crate::env::{Entry, FnRef, Level};
use crate::modules::Item;
use crate::ty::{Ty, Val};
use crate::walk;
use crate::{Checker, errors, modules, wrap};
use diagnostics::{Span, Symbol};
use ir::Stmt;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use syntax::ast::{self, PatternKind, StmtKind};

/// Checks the expression that is the value of a block, branch or arm.
pub(crate) type Tail<'t> = &'t mut dyn FnMut(&mut Checker, &ast::Expr) -> Val;

/// The clauses of one name in one block.
pub(crate) struct FamilyText {
    pub name: Symbol,
    pub clauses: Vec<Rc<ast::Clause>>,
    /// Where each clause stands among the statements, for what it sees.
    pub places: Vec<crate::env::Env>,
    last: usize,
    /// Names that its clauses mention.
    pub mentions: HashSet<Symbol>,
    done: bool,
}

impl Checker<'_> {
    pub(crate) fn block(&mut self, block: &ast::Block, tail: Tail) -> Val {
        let first = self.program.vars.len() as u32;
        let val = self.scoped(Level::Inner, |this| {
            let (statements, value) = this.statements_and(&block.statements, |this| match &block.value {
                Some(value) => tail(this, value),
                None => this.block_end(block),
            });
            wrap(statements, value)
        });
        let val = Val { ty: self.escaped(&val.ty, first), ..val };
        self.with_extents(val)
    }

    /// What a block without a last expression is worth: nothing, or, behind a statement that never ends, whatever is
    /// asked for. Its statements are in the sink.
    pub(crate) fn block_end(&mut self, block: &ast::Block) -> Val {
        let endless = |s: &Stmt| matches!(s, Stmt::Do(e) if e.ty == ir::Type::Never);
        if let Some(at) = self.cx.sink.iter().position(endless) {
            self.cx.sink.truncate(at + 1);
            if let Some(Stmt::Do(expr)) = self.cx.sink.pop() {
                return Val { expr, ty: Ty::Never };
            }
        }
        Val::unit(Span { start: block.span.end.saturating_sub(1), ..block.span })
    }

    /// Checks statements in the current scope.
    pub(crate) fn statements(&mut self, statements: &[ast::Stmt], _value: Option<()>) -> (Vec<Stmt>, ()) {
        let (statements, _) = self.statements_and(statements, |_| Val::unit(Span::default()));
        (statements, ())
    }

    /// Checks statements, then the value behind them, which may use all of them. The value's own needs come last.
    pub(crate) fn statements_and(
        &mut self,
        statements: &[ast::Stmt],
        value: impl FnOnce(&mut Self) -> Val,
    ) -> (Vec<Stmt>, Val) {
        let outer = self.open_sink();
        self.hoist(statements);
        let mut families = collect_families(statements);
        let by_name: HashMap<Symbol, usize> = families.iter().enumerate().map(|(k, f)| (f.name, k)).collect();
        for (at, statement) in statements.iter().enumerate() {
            match &statement.kind {
                StmtKind::Clause(clause) => {
                    let family = by_name[&clause.name.name];
                    let place = self.cx.env.now();
                    families[family].places.push(place);
                    self.due_families(&mut families, &by_name, at);
                }
                StmtKind::Let(_) | StmtKind::Expr(_) => {
                    if families.iter().any(|f| !f.done) {
                        let mentions = walk::names_in_stmt(statement);
                        self.needed_families(&mut families, &by_name, &mentions);
                    }
                    self.statement(statement);
                }
                _ => self.statement(statement),
            }
        }
        self.all_families(&mut families, &by_name);
        let value = value(self);
        self.report_floating(None);
        (self.close_sink(outer), value)
    }

    fn statement(&mut self, statement: &ast::Stmt) {
        match &statement.kind {
            StmtKind::Let(definition) => self.let_statement(definition),
            StmtKind::Expr(expr) => {
                let val = self.expr(expr, None);
                self.report_floating(None);
                if !val.ty.is_error() {
                    self.cx.sink.push(Stmt::Do(val.expr));
                }
            }
            StmtKind::Fn(def) => {
                let place = self.cx.env.now();
                self.places.insert(Rc::as_ptr(def), place);
            }
            StmtKind::Use(definition) if self.cx.env.scope.level != Level::Module => {
                let used = self.modules.resolve_use(definition);
                for (name, item) in used.names {
                    self.cx.env.hoist(name, Entry::Item(item));
                }
                for module in used.globs {
                    for name in self.modules.exports(module) {
                        if let Some(item) = self.modules.lookup_globs([module].into_iter(), name) {
                            self.cx.env.hoist(name, Entry::Item(item));
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// What the whole block sees: functions and types; at module level the module table has them.
    fn hoist(&mut self, statements: &[ast::Stmt]) {
        if self.cx.env.scope.level == Level::Module {
            return;
        }
        let mut seen: HashMap<Symbol, Span> = HashMap::new();
        for statement in statements {
            self.check_repeats(statement);
            let (name, entry) = match &statement.kind {
                StmtKind::Fn(def) => {
                    let rule = statements.iter().find_map(|s| match &s.kind {
                        StmtKind::Rule(rule) if rule.name.name == def.name.name => Some(rule.clone()),
                        _ => None,
                    });
                    if let Some(rule) = rule {
                        self.rules.insert(Rc::as_ptr(def), rule);
                    }
                    (def.name, Entry::Fn(FnRef { def: def.clone(), env: self.cx.env.clone() }))
                }
                StmtKind::Struct(def) => (def.name, Entry::Item(Item::Struct(def.clone(), self.cx.env.module()))),
                StmtKind::Enum(def) => (def.name, Entry::Item(Item::Enum(def.clone(), self.cx.env.module()))),
                StmtKind::Mod(def) => match self.modules.inline_module(def) {
                    Some(module) => (def.name, Entry::Item(Item::Module(module))),
                    None => continue,
                },
                StmtKind::Use(_) => {
                    self.statement(statement);
                    continue;
                }
                _ => continue,
            };
            if let Some(first) = seen.insert(name.name, name.span) {
                self.report(modules::duplicate(name, first));
            }
            self.cx.env.hoist(name.name, entry);
        }
    }

    fn let_statement(&mut self, definition: &ast::Let) {
        let want = definition.ty.as_ref().map(|ty| self.type_expr(ty));
        let binding = match &definition.pattern.kind {
            PatternKind::Bind(name) if definition.ty.is_none() && definition.wheres.is_none() => {
                Some((name.name, definition.pattern.span, definition.value.span))
            }
            _ => None,
        };
        self.binding = binding;
        let mut val = match &definition.wheres {
            Some(wheres) => self.gated_value(&definition.value, wheres, want.as_ref()),
            None => self.expr(&definition.value, want.as_ref()),
        };
        self.report_floating(binding);
        if let (Some(want), Some(ty)) = (&want, &definition.ty)
            && !is_rows_of_texts(&val.ty, want)
        {
            val = self.annotated(val, want, Some(ty.span), crate::unify::Why::Annotation);
        }
        self.bind_pattern(&definition.pattern, val);
    }

    /// Families whose last clause has been seen, and whose needs have been seen.
    fn due_families(&mut self, families: &mut [FamilyText], by_name: &HashMap<Symbol, usize>, at: usize) {
        let ready: Vec<usize> = (0..families.len()).filter(|f| !families[*f].done && families[*f].last <= at).collect();
        for family in ready {
            if families[family].done {
                continue;
            }
            let needs = closure(families, by_name, &[family]);
            if needs.iter().all(|f| families[*f].last <= at) {
                self.check_families(families, by_name, &needs);
            }
        }
    }

    /// Families that a statement is about to read, with all of their clauses.
    fn needed_families(
        &mut self,
        families: &mut [FamilyText],
        by_name: &HashMap<Symbol, usize>,
        mentions: &HashSet<Symbol>,
    ) {
        let mut start: Vec<usize> =
            mentions.iter().filter_map(|name| by_name.get(name).copied()).filter(|f| !families[*f].done).collect();
        start.sort_unstable();
        // A family none of whose clauses stand before the statement is a later binding, not this one.
        start.retain(|f| !families[*f].places.is_empty());
        if !start.is_empty() {
            let needs = closure(families, by_name, &start);
            self.check_families(families, by_name, &needs);
        }
    }

    fn all_families(&mut self, families: &mut [FamilyText], by_name: &HashMap<Symbol, usize>) {
        let rest: Vec<usize> = (0..families.len()).filter(|f| !families[*f].done).collect();
        if !rest.is_empty() {
            let needs = closure(families, by_name, &rest);
            self.check_families(families, by_name, &needs);
        }
    }

    /// Checks a set of families that needs no others, group by group.
    fn check_families(&mut self, families: &mut [FamilyText], by_name: &HashMap<Symbol, usize>, set: &[usize]) {
        for family in set {
            let env = self.cx.env.now();
            let text = &mut families[*family];
            while text.places.len() < text.clauses.len() {
                text.places.push(env.clone());
            }
            text.done = true;
        }
        for group in components(families, by_name, set) {
            let texts: Vec<&FamilyText> = group.iter().map(|f| &families[*f]).collect();
            let own: HashSet<Symbol> = texts.iter().map(|t| t.name).collect();
            let recursive = texts.iter().any(|t| t.mentions.iter().any(|m| own.contains(m)));
            self.family_group(&texts, recursive);
        }
    }
}

/// `[str; ?]` beside a tensor of texts: as an annotation it leaves the tensor what it is.
pub(crate) fn is_rows_of_texts(given: &Ty, want: &Ty) -> bool {
    matches!((given, want), (Ty::Tensor(t), Ty::List(item))
        if matches!(*t.elem, Ty::Str) && t.axes.len() == 1 && matches!(**item, Ty::Str))
}

fn collect_families(statements: &[ast::Stmt]) -> Vec<FamilyText> {
    let mut families: Vec<FamilyText> = Vec::new();
    let mut by_name: HashMap<Symbol, usize> = HashMap::new();
    for (at, statement) in statements.iter().enumerate() {
        let StmtKind::Clause(clause) = &statement.kind else { continue };
        let index = *by_name.entry(clause.name.name).or_insert_with(|| {
            families.push(FamilyText {
                name: clause.name.name,
                clauses: Vec::new(),
                places: Vec::new(),
                last: at,
                mentions: HashSet::new(),
                done: false,
            });
            families.len() - 1
        });
        let family = &mut families[index];
        family.clauses.push(clause.clone());
        family.last = at;
        walk::names_in_clause(clause, &mut family.mentions);
    }
    families
}

/// The families that some need, themselves included, in the order of the text.
fn closure(families: &[FamilyText], by_name: &HashMap<Symbol, usize>, start: &[usize]) -> Vec<usize> {
    let mut seen: HashSet<usize> = start.iter().copied().collect();
    let mut todo = start.to_vec();
    while let Some(family) = todo.pop() {
        for name in &families[family].mentions {
            if let Some(&other) = by_name.get(name)
                && !families[other].done
                && seen.insert(other)
            {
                todo.push(other);
            }
        }
    }
    let mut all: Vec<usize> = seen.into_iter().collect();
    all.sort_unstable();
    all
}

/// Strongly connected components in dependency order (Tarjan).
fn components(families: &[FamilyText], by_name: &HashMap<Symbol, usize>, set: &[usize]) -> Vec<Vec<usize>> {
    struct State<'a> {
        edges: &'a dyn Fn(usize) -> Vec<usize>,
        index: HashMap<usize, (usize, usize)>,
        stack: Vec<usize>,
        found: Vec<Vec<usize>>,
    }
    fn visit(node: usize, state: &mut State) -> usize {
        let order = state.index.len();
        state.index.insert(node, (order, order));
        state.stack.push(node);
        let mut low = order;
        for next in (state.edges)(node) {
            match state.index.get(&next) {
                None => low = low.min(visit(next, state)),
                Some((other, _)) if state.stack.contains(&next) => low = low.min(*other),
                Some(_) => {}
            }
        }
        if low == order {
            let at = state.stack.iter().rposition(|n| *n == node).expect("a node is on the stack while visited");
            let mut group = state.stack.split_off(at);
            group.sort_unstable();
            state.found.push(group);
        }
        low
    }
    let edges = |node: usize| {
        let mut next: Vec<usize> = families[node]
            .mentions
            .iter()
            .filter_map(|name| by_name.get(name).copied())
            .filter(|f| set.contains(f))
            .collect();
        next.sort_unstable();
        next
    };
    let mut state = State { edges: &edges, index: HashMap::new(), stack: Vec::new(), found: Vec::new() };
    for node in set {
        if !state.index.contains_key(node) {
            visit(*node, &mut state);
        }
    }
    state.found
}

pub(crate) fn unused_item(this: &mut Checker, name: ast::Ident, item: &Item) -> Val {
    let what = match item {
        Item::Module(_) => "a module",
        Item::Struct(..) => "a struct",
        Item::Enum(..) => "an enum",
        _ => return Val::error(name.span),
    };
    let point = Span { start: name.span.end, end: name.span.end + 1, ..name.span };
    let pointed = this.sources.behind(name.span).starts_with('.');
    let fields = match item {
        Item::Struct(def, _) => {
            let fields: Vec<String> = def.fields.iter().map(|field| format!("{}: …", field.name.name)).collect();
            Some(format!("{} {{ {} }}", name.name, fields.join(", ")))
        }
        _ => None,
    };
    this.report(errors::not_a_value(name.span, name.name.as_str(), what, pointed.then_some(point), fields));
    Val::error(name.span)
}

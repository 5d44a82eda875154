//! From syntax to the checked program: types, coordinates, extents, gates and evaluation order, in one typed step
//! per question. Functions are specialised for their calls.

mod bench;
mod block;
#[cfg(test)]
mod build;
mod builtin;
mod call;
mod cells;
mod comprehension;
mod control;
mod coverage;
mod env;
mod errors;
mod errors_modules;
mod exhaustive;
mod expr;
mod family;
mod files;
mod floating;
mod foreign;
mod front;
mod functions;
mod gates;
mod grounding;
mod index;
mod infer;
mod instance;
mod lift;
pub mod modules;
mod open;
mod operators;
mod order;
mod passing;
mod pattern;
mod pipe;
mod quotient;
mod reduce;
mod repeats;
mod result;
mod rows;
mod rules;
mod signature;
mod sink;
mod stray;
mod sym;
mod text;
mod turning;
mod ty;
mod types;
mod uncalled;
mod unify;
mod walk;
mod wheres;
mod zonk;

use crate::env::{Entry, Env, Level};
use crate::functions::OpenUnion;
use crate::infer::{Access, Late, Pending};
use crate::instance::{Instance, Key};
use crate::modules::{Item, ModuleId, Modules};
use crate::open::Opens;
use crate::sym::{Facts, Sym};
use crate::ty::{Axis, FnValue, Ty, Val};
use crate::types::is_unknown;
use crate::wheres::Trailing;
use diagnostics::{Diagnostic, SourceMap, Span, Symbol};
use ir::{Expr, ExprKind, FuncId, KnownExtent, Program, Stmt, Type, Var, VarId, VarKind};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use syntax::ast;

/// The checked program, as far as there is one, and everything that is to be said about it.
pub struct Checked {
    pub program: Program,
    pub diagnostics: Vec<Diagnostic>,
}

/// Checks all modules. With `bench`, `main` ends in a call of the entry's `kernel` with what `inputs` gives.
pub fn check(modules: &Modules, sources: &SourceMap, bench: bool) -> Checked {
    let mut checker = Checker::new(modules, sources);
    let main = checker.check_main();
    checker.program.main = Some(main);
    if bench {
        checker.check_bench(main);
    }
    checker.check_uncalled();
    checker.write_dispatches();
    checker.zonk();
    Checked { program: checker.program, diagnostics: checker.diags }
}

pub(crate) struct Checker<'m> {
    modules: &'m Modules,
    sources: &'m SourceMap,
    diags: Vec<Diagnostic>,
    reported: HashSet<(&'static str, Span)>,
    /// How many errors there are so far.
    errors: usize,
    program: Program,
    opens: Opens,
    facts: Facts,
    cx: Cx,
    roots: HashMap<ModuleId, Env>,
    /// Where a function stands among the statements before and after it.
    places: HashMap<*const ast::FnDef, Env>,
    rules: HashMap<*const ast::FnDef, Rc<ast::FnDef>>,
    structs: HashMap<*const ast::StructDef, ir::StructId>,
    /// Checker types of the fields.
    struct_fields: Vec<Vec<(Symbol, Ty)>>,
    enums: HashMap<*const ast::EnumDef, ir::EnumId>,
    enum_fields: Vec<Vec<Vec<Ty>>>,
    instances: HashMap<Key, Instance>,
    /// Lambdas whose bodies are being checked.
    lambdas: Vec<instance::Key>,
    /// Definitions whose body is being checked, innermost last.
    active: Vec<*const ast::FnDef>,
    /// The calls for which that is done.
    calls: Vec<Span>,
    called: HashSet<*const ast::FnDef>,
    /// Specialisations that were called before their body was checked: their result is what it was taken for.
    relied_on: HashSet<FuncId>,
    /// Specialisations that call themselves and declare no result, with the call.
    undeclared: HashMap<FuncId, Span>,
    /// Unions of functions, by the functions.
    unions: HashMap<Vec<u32>, Rc<FnValue>>,
    open_unions: Vec<OpenUnion>,
    open_keys: HashMap<String, usize>,
    /// Operations and definitions are the same value wherever they are named.
    fn_ids: HashMap<String, u32>,
    next_load: u32,
    next_fn: u32,
    next_unknown: usize,
    /// Whether each axis of an access was proven in bounds.
    proven: HashMap<u32, Vec<bool>>,
    /// Inside the brackets of an index: unknown names are coordinates.
    in_index: usize,
    /// Names that this cell uses and nothing binds: each is one mistake.
    unbound: HashSet<Symbol>,
    /// Names that stand like coordinates where there are no cells.
    floating: Vec<ast::Ident>,
    /// The `let` of one name whose value is checked: the name, its place, and the value's.
    binding: Option<(Symbol, Span, Span)>,
    /// Coordinates of which an error is reported.
    poisoned: HashSet<VarId>,
    /// Accesses between which a conflict of extents is reported.
    conflicts: HashSet<(u32, u32)>,
    /// Constructs that have ended, for messages about coordinates out of scope.
    ended: HashMap<Symbol, Span>,
}

/// What changes from function to function and from cell to cell.
pub(crate) struct Cx {
    env: Env,
    /// Statements to run in front of the expression that is being checked.
    sink: Vec<Stmt>,
    /// Comparisons of extents that belong in front of the outermost construct around.
    checks: Vec<Stmt>,
    /// The first variable that is made inside that construct.
    inside: Option<VarId>,
    pending: Vec<Pending>,
    accesses: Vec<Access>,
    /// Items of a `where` that wait for the construct that binds what they mention.
    trailing: Vec<Trailing>,
    /// Cells that surround the expression: 0 is script.
    cells: usize,
    /// Branches around the expression that may not be taken.
    conditional: usize,
    /// Unknown names in indices become coordinates (arguments of coordinate calls).
    in_function: bool,
    /// Families whose clauses are being checked.
    group: Vec<VarId>,
    /// What to ask once the extents of those families are known.
    late: Vec<Late>,
    /// The family whose clause is being checked: its reads of itself settle nothing.
    own: Option<VarId>,
    /// Coordinates of the left side that a call's result may take its names from.
    expected: Option<Vec<Symbol>>,
    /// The gate of the call that this function is specialised for: a tensor of truth values over coordinate parameters.
    gate: Option<Val>,
    /// The types of the ways to the end of a body that declares no result.
    ends: Vec<Ty>,
    /// A rule's body: `@p` is the tangent of a parameter.
    rule: bool,
    /// Guards in force that a call inside may have to pass on.
    guards: Vec<ast::Expr>,
}

impl Cx {
    fn new(env: Env, in_function: bool) -> Cx {
        Cx {
            env,
            sink: Vec::new(),
            checks: Vec::new(),
            inside: None,
            pending: Vec::new(),
            accesses: Vec::new(),
            trailing: Vec::new(),
            cells: 0,
            conditional: 0,
            in_function,
            group: Vec::new(),
            late: Vec::new(),
            own: None,
            expected: None,
            gate: None,
            ends: Vec::new(),
            rule: false,
            guards: Vec::new(),
        }
    }
}

impl<'m> Checker<'m> {
    fn new(modules: &'m Modules, sources: &'m SourceMap) -> Self {
        let root = Env::root(modules.entry);
        let mut rules = HashMap::new();
        for module in &modules.modules {
            collect_rules(&module.statements, &mut rules);
        }
        Checker {
            modules,
            sources,
            diags: Vec::new(),
            reported: HashSet::new(),
            errors: 0,
            program: Program::default(),
            opens: Opens::default(),
            facts: Facts::default(),
            cx: Cx::new(root.clone(), false),
            roots: HashMap::from([(modules.entry, root)]),
            places: HashMap::new(),
            rules,
            structs: HashMap::new(),
            struct_fields: Vec::new(),
            enums: HashMap::new(),
            enum_fields: Vec::new(),
            instances: HashMap::new(),
            lambdas: Vec::new(),
            active: Vec::new(),
            calls: Vec::new(),
            called: HashSet::new(),
            relied_on: HashSet::new(),
            undeclared: HashMap::new(),
            unions: HashMap::new(),
            open_unions: Vec::new(),
            open_keys: HashMap::new(),
            fn_ids: HashMap::new(),
            next_load: 0,
            next_fn: 0,
            next_unknown: 0,
            proven: HashMap::new(),
            in_index: 0,
            unbound: HashSet::new(),
            floating: Vec::new(),
            binding: None,
            poisoned: HashSet::new(),
            conflicts: HashSet::new(),
            ended: HashMap::new(),
        }
    }

    fn root(&mut self, module: ModuleId) -> Env {
        self.roots.entry(module).or_insert_with(|| Env::root(module)).clone()
    }

    /// The statements of all modules in dependency order, the entry's last.
    fn check_main(&mut self) -> FuncId {
        let main = self.new_func(Symbol::new("main"), Span::default());
        let mut statements = Vec::new();
        for id in self.modules.order.clone() {
            let module = self.modules.module(id);
            let env = self.root(id);
            let saved = std::mem::replace(&mut self.cx, Cx::new(env, false));
            self.check_orphans(&module.statements.clone());
            module.statements.iter().for_each(|statement| self.check_repeats(statement));
            statements.extend(self.statements(&module.statements.clone(), None).0);
            self.cx = saved;
        }
        let span = Span::default();
        let unit = Expr { kind: ExprKind::Unit, ty: Type::Unit, span };
        self.program.funcs[main.index()].body =
            Expr { kind: ExprKind::Block(statements, Box::new(unit)), ty: Type::Unit, span };
        main
    }

    pub(crate) fn new_func(&mut self, name: Symbol, span: Span) -> FuncId {
        let body = Expr { kind: ExprKind::Unit, ty: Type::Unit, span };
        self.program.funcs.push(ir::Func { name, params: Vec::new(), result: Type::Unit, body, span, rule: None });
        FuncId(self.program.funcs.len() as u32 - 1)
    }

    pub(crate) fn new_var(&mut self, name: Symbol, ty: &Ty, span: Span, kind: VarKind) -> VarId {
        self.program.vars.push(Var { name, ty: ty.ir(), span, kind, coords: ty.coords() });
        VarId(self.program.vars.len() as u32 - 1)
    }

    pub(crate) fn new_temp(&mut self, ty: &Ty, span: Span) -> VarId {
        self.new_var(Symbol::new(""), ty, span, VarKind::Temp)
    }

    /// Binds a value to a variable in front of the expression that is being checked. Tensors get their extents
    /// from the variable where nothing better is known.
    pub(crate) fn named(&mut self, val: Val) -> Val {
        if val.as_var().is_some() || val.ty.is_error() {
            return val;
        }
        let span = val.span();
        let var = self.new_temp(&val.ty, span);
        let val = Val { ty: owned(var, &val.ty), ..val };
        self.define(var, &val);
        self.cx.sink.push(Stmt::Let(var, val.expr));
        Val::var(var, val.ty, span)
    }

    /// Notes what is known of a new variable's value.
    pub(crate) fn define(&mut self, var: VarId, val: &Val) {
        match &val.ty {
            Ty::Scalar(_) => {
                if let Some(value) = self.facts.of(&val.expr) {
                    self.facts.defs.insert(var, value);
                }
            }
            Ty::Tensor(tensor) => {
                for (k, axis) in tensor.axes.iter().enumerate() {
                    if axis.extent != Sym::extent(var, k) {
                        self.facts.extents.insert((var, k), axis.extent.clone());
                    }
                    if let Some(extent) = axis.extent.as_const() {
                        self.program.checked_extents.insert((var, k), KnownExtent::Constant(extent));
                    }
                }
                if let ExprKind::Literal(_, items) = &val.expr.kind {
                    let numbers: Option<Vec<i64>> = items.iter().map(|item| self.facts.of(item)?.as_const()).collect();
                    let numbers = numbers.unwrap_or_default();
                    if let (Some(least), Some(greatest)) = (numbers.iter().min(), numbers.iter().max()) {
                        self.facts.contents.insert(var, (*least, *greatest));
                    }
                }
            }
            Ty::List(_) => {
                if let ir::ExprKind::List(items) = &val.expr.kind {
                    self.facts.extents.insert((var, 0), Sym::constant(items.len() as i64));
                }
            }
            _ => {}
        }
    }

    /// A text of the library, which no user can mend.
    fn is_library(&self, span: Span) -> bool {
        // The module `std` itself has no text of its own, and stands for that of the entry.
        let is_entry = self.modules.module(self.modules.entry).file == span.file;
        !is_entry && self.modules.modules.iter().any(|module| module.is_std && module.file == span.file)
    }

    pub(crate) fn report(&mut self, diagnostic: Diagnostic) {
        let outside = self.calls.iter().rev().find(|call| !self.is_library(**call)).copied();
        let diagnostic = match outside {
            Some(call) if self.is_library(diagnostic.span()) => {
                errors::in_library(diagnostic, call, |span| self.is_library(span))
            }
            _ => diagnostic,
        };
        if self.reported.insert((diagnostic.code, diagnostic.span())) {
            self.errors += diagnostic.is_error() as usize;
            self.diags.push(diagnostic);
        }
    }

    /// Runs `check` in a scope of its own.
    pub(crate) fn scoped<T>(&mut self, level: Level, check: impl FnOnce(&mut Self) -> T) -> T {
        let inner = self.cx.env.child(level);
        let outer = std::mem::replace(&mut self.cx.env, inner);
        let result = check(self);
        self.cx.env = outer;
        result
    }

    /// Runs `check` with a sink of its own and wraps what it put there around the result.
    pub(crate) fn with_sink(&mut self, check: impl FnOnce(&mut Self) -> Val) -> Val {
        let first = self.program.vars.len() as u32;
        let outer = self.open_sink();
        let val = check(self);
        let statements = self.close_sink(outer);
        if statements.is_empty() {
            return val;
        }
        let ty = self.escaped(&val.ty, first);
        wrap(statements, Val { ty, ..val })
    }

    pub(crate) fn lookup_item(&self, name: Symbol) -> Option<Item> {
        self.modules.lookup(self.cx.env.module(), name)
    }

    pub(crate) fn bind_var(&mut self, name: Symbol, var: VarId, ty: Ty) {
        self.cx.env.bind(name, Entry::Var { var, ty });
    }
}

/// The type of a variable: extents that nothing is known of are its own.
pub(crate) fn owned(var: VarId, ty: &Ty) -> Ty {
    if !ty.axes().iter().any(|a| is_unknown(&a.extent)) {
        return ty.clone();
    }
    let own =
        |(k, axis): (usize, &Axis)| if is_unknown(&axis.extent) { Axis::of(var, k, axis.name) } else { axis.clone() };
    ty.with_axes(ty.axes().iter().enumerate().map(own).collect())
}

/// A value behind statements that it needs.
pub(crate) fn wrap(mut statements: Vec<Stmt>, val: Val) -> Val {
    if statements.is_empty() {
        return val;
    }
    let (ty, span) = (val.expr.ty.clone(), val.expr.span);
    let kind = match val.expr.kind {
        ExprKind::Block(inner, value) => {
            statements.extend(inner);
            ExprKind::Block(statements, value)
        }
        _ => ExprKind::Block(statements, Box::new(val.expr)),
    };
    Val { expr: Expr { kind, ty, span }, ty: val.ty }
}

/// Pairs each rule with the function of its name in the same block.
fn collect_rules(statements: &[ast::Stmt], rules: &mut HashMap<*const ast::FnDef, Rc<ast::FnDef>>) {
    for statement in statements {
        if let ast::StmtKind::Rule(rule) = &statement.kind {
            for other in statements {
                if let ast::StmtKind::Fn(def) = &other.kind
                    && def.name.name == rule.name.name
                {
                    rules.insert(Rc::as_ptr(def), rule.clone());
                }
            }
        }
    }
}

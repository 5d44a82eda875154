//! A name of its own for everything that a printed program binds: the user's names where they are free, `_1`, `_2`, …
//! behind those that are taken, and `v1`, `v2`, … for what the user did not name.

use crate::expr::*;
use crate::ops::{Op, ROWS};
use crate::types::*;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Words that mean something else, and functions that a printed program calls.
const RESERVED: [&str; 48] = [
    "let",
    "fn",
    "pub",
    "use",
    "mod",
    "as",
    "in",
    "if",
    "else",
    "match",
    "where",
    "true",
    "false",
    "try",
    "struct",
    "enum",
    "catch",
    "print",
    "assert",
    "panic",
    "len",
    "shape",
    "stop_gradient",
    "array_append",
    "rank",
    "_",
    "std",
    "for",
    "while",
    "return",
    "argsort",
    "load_npy",
    "save_npy",
    "read_text",
    "write_text",
    "bool",
    "i8",
    "u8",
    "i32",
    "i64",
    "f16",
    "bf16",
    "f32",
    "f64",
    "str",
    "var",
    "extent",
    "typeof",
];

#[derive(Default)]
pub(super) struct Names {
    pub vars: HashMap<VarId, String>,
    pub funcs: HashMap<FuncId, String>,
    pub structs: Vec<String>,
    pub enums: Vec<String>,
    /// Operations that are functions of the library, by the name that they have here.
    pub operations: HashMap<Op, String>,
    /// Visible everywhere.
    global: HashSet<String>,
    /// Bound anywhere in the function.
    local: HashSet<String>,
    /// Bound by the constructs around.
    inner: Vec<String>,
    /// Coordinates that a variable's value carries, and those that a function's result may.
    carried: HashMap<VarId, Vec<String>>,
    results: HashMap<FuncId, Vec<String>>,
    temporaries: u32,
    /// What the module binds, for functions.
    module: HashSet<String>,
    /// A name of the module would be read instead of one that is bound further down.
    is_read_early: bool,
}

impl Names {
    /// Names for all functions of the list, whose bodies are as they will be printed.
    pub fn of(program: &Program, funcs: &BTreeMap<FuncId, Func>) -> Names {
        let files = crate::files::ROWS.iter().map(|row| row.name);
        let reserved = RESERVED.iter().copied().chain(files).map(str::to_owned);
        let mut names = Names { global: reserved.collect(), ..Names::default() };
        names.structs = program.structs.iter().map(|info| names.fresh_global(info.name.as_str())).collect();
        names.enums = program.enums.iter().map(|info| names.fresh_global(info.name.as_str())).collect();
        for (id, func) in funcs {
            if program.main != Some(*id) {
                let name = names.fresh_global(func.name.as_str());
                names.funcs.insert(*id, name);
            }
        }
        names.name_operations(program);
        names.results = funcs.iter().map(|(id, func)| (*id, coordinates_of(program, func))).collect();
        let (main, others): (Vec<_>, Vec<_>) = funcs.iter().partition(|(id, _)| program.main == Some(**id));
        main.iter().for_each(|(_, func)| names.function(program, func));
        names.module = names.local.clone();
        others.iter().for_each(|(_, func)| names.function(program, func));
        names
    }

    fn fresh_global(&mut self, wanted: &str) -> String {
        let name = self.free(wanted);
        self.global.insert(name.clone());
        name
    }

    /// A function of the library keeps its name unless something of the program has it.
    fn name_operations(&mut self, program: &Program) {
        let taken: HashSet<&str> = program.vars.iter().map(|var| var.name.as_str()).collect();
        for row in ROWS.iter().filter(|row| row.name.starts_with(char::is_alphabetic)) {
            let mut name = row.name.to_owned();
            let mut k = 0;
            while taken.contains(name.as_str()) || self.global.contains(&name) {
                k += 1;
                name = format!("{}_{k}", row.name);
            }
            self.operations.insert(row.op, name);
        }
    }

    fn is_free(&self, name: &str) -> bool {
        let is_hidden = self.is_read_early && self.module.contains(name);
        !is_hidden && !self.global.contains(name) && !self.local.contains(name) && !self.inner.iter().any(|n| n == name)
    }

    fn free(&self, wanted: &str) -> String {
        self.free_beside(wanted, &[])
    }

    fn free_beside(&self, wanted: &str, others: &[String]) -> String {
        let wanted = plain(wanted);
        let free = |name: &str| self.is_free(name) && !others.iter().any(|n| n == name);
        if free(&wanted) {
            return wanted;
        }
        let numbered = (1..).map(|k| format!("{wanted}_{k}")).find(|name| free(name));
        numbered.expect("there are more numbers than names")
    }

    fn function(&mut self, program: &Program, func: &Func) {
        self.local.clear();
        self.inner.clear();
        self.temporaries = 0;
        for param in &func.params {
            self.local(program, *param);
        }
        self.expr(program, &func.body);
    }

    /// A binding that is visible to the end of its block.
    fn local(&mut self, program: &Program, var: VarId) {
        let info = &program.vars[var.index()];
        let text = info.name.as_str();
        if text.starts_with('@') {
            self.vars.insert(var, text.to_owned());
            return;
        }
        let name = match plain(text).as_str() {
            "" => self.temporary(),
            text => self.free(text),
        };
        self.local.insert(name.clone());
        self.vars.insert(var, name);
    }

    fn temporary(&mut self) -> String {
        loop {
            self.temporaries += 1;
            let name = format!("v{}", self.temporaries);
            if self.is_free(&name) {
                return name;
            }
        }
    }

    /// A binding that ends with the construct around.
    fn inner(&mut self, program: &Program, var: VarId, hint: Option<&str>, beside: &[String]) {
        let text = plain(program.vars[var.index()].name.as_str());
        let coordinate = program.vars[var.index()].kind == VarKind::Coord;
        let name = match (text.as_str(), hint.map(plain).filter(|h| !h.is_empty())) {
            ("", Some(hint)) => self.free_beside(&hint, beside),
            ("", None) if coordinate => {
                let letters = ["i", "j", "k", "l", "m", "n"];
                let free = letters.iter().find(|l| self.is_free(l) && !beside.iter().any(|b| b == *l));
                free.map_or_else(|| self.free_beside("i", beside), |l| (*l).to_owned())
            }
            ("", None) => self.temporary(),
            (text, _) => self.free_beside(text, beside),
        };
        self.inner.push(name.clone());
        self.vars.insert(var, name);
    }

    fn scope(&mut self, inside: impl FnOnce(&mut Self)) {
        let mark = self.inner.len();
        inside(self);
        self.inner.truncate(mark);
    }

    fn expr(&mut self, program: &Program, e: &Expr) {
        match &e.kind {
            ExprKind::Block(stmts, value) => {
                for stmt in stmts {
                    self.stmt(program, stmt);
                }
                self.expr(program, value);
            }
            ExprKind::Family(family) => {
                self.family(program, None, family);
            }
            ExprKind::Reduce(reduce) => self.scope(|names| {
                let beside = names.carried_in([&reduce.body].into_iter());
                for binder in &reduce.binders {
                    names.expr(program, &binder.lo);
                    names.expr(program, &binder.hi);
                    names.inner(program, binder.var, None, &beside);
                }
                names.items(program, &reduce.wheres);
                names.expr(program, &reduce.body);
            }),
            ExprKind::Comprehension(comprehension) => self.scope(|names| {
                for clause in &comprehension.clauses {
                    match clause {
                        CompClause::For(var, e) | CompClause::Let(var, e) => {
                            names.expr(program, e);
                            names.inner(program, *var, None, &[]);
                        }
                        CompClause::If(e) => names.expr(program, e),
                    }
                }
                names.expr(program, &comprehension.body);
            }),
            ExprKind::Assert(assert) => {
                for (var, e) in &assert.lets {
                    names_let(self, program, *var, e);
                }
                e.for_each_child(|child| self.expr(program, child));
            }
            _ => e.for_each_child(|child| self.expr(program, child)),
        }
    }

    fn items(&mut self, program: &Program, items: &[WhereItem]) {
        for item in items {
            match item {
                WhereItem::Def(var, e) => {
                    self.expr(program, e);
                    self.inner(program, *var, None, &[]);
                }
                WhereItem::Guard(e) => self.expr(program, e),
            }
        }
    }

    fn stmt(&mut self, program: &Program, stmt: &Stmt) {
        match stmt {
            Stmt::Let(var, value) => {
                names_let(self, program, *var, value);
            }
            Stmt::Rec(rec) => {
                self.is_read_early = rec.families.len() > 1;
                for (var, _) in &rec.families {
                    self.local(program, *var);
                }
                self.is_read_early = false;
                for (var, family) in &rec.families {
                    self.family(program, Some(*var), family);
                }
            }
            Stmt::Do(e) => self.expr(program, e),
        }
    }

    fn family(&mut self, program: &Program, var: Option<VarId>, family: &Family) {
        for clause in &family.clauses {
            let reads = clause.wheres.iter().map(|item| match item {
                WhereItem::Def(_, e) | WhereItem::Guard(e) => e,
            });
            let beside = self.carried_in(reads.chain([&clause.body]).chain(&clause.otherwise));
            let mut slots = Vec::new();
            self.scope(|names| {
                for (slot, axis) in clause.slots.iter().zip(&family.axes) {
                    if let Slot::Coord(binder) = slot {
                        names.expr(program, &binder.lo);
                        names.expr(program, &binder.hi);
                        names.inner(program, binder.var, axis.name.map(|n| n.as_str()), &beside);
                        slots.push(names.vars[&binder.var].clone());
                    }
                }
                names.items(program, &clause.wheres);
                names.expr(program, &clause.body);
                if let Some(otherwise) = &clause.otherwise {
                    names.expr(program, otherwise);
                }
            });
            if let Some(var) = var {
                self.carried.entry(var).or_default().extend(slots);
            }
        }
    }

    /// Coordinates of the tensors that stand somewhere without an index. A coordinate of such a name would index them.
    fn carried_in<'a>(&self, reads: impl Iterator<Item = &'a Expr>) -> Vec<String> {
        let mut found = Vec::new();
        for e in reads {
            self.carried_below(e, &mut found);
        }
        found
    }

    fn carried_below(&self, e: &Expr, found: &mut Vec<String>) {
        match &e.kind {
            ExprKind::Var(var) if e.ty.rank() > 0 => found.extend(self.carried.get(var).into_iter().flatten().cloned()),
            ExprKind::Load(load) => {
                match &load.tensor.kind {
                    ExprKind::Var(_) => {}
                    ExprKind::Call(_, items) => items.iter().for_each(|item| self.carried_below(item, found)),
                    _ => self.carried_below(&load.tensor, found),
                }
                load.index.iter().for_each(|index| self.carried_below(index, found));
            }
            ExprKind::Dim(of, _) if matches!(of.kind, ExprKind::Var(_)) => {}
            ExprKind::Call(func, items) => {
                found.extend(self.results.get(func).into_iter().flatten().cloned());
                items.iter().for_each(|item| self.carried_below(item, found));
            }
            _ => e.for_each_child(|child| self.carried_below(child, found)),
        }
    }
}

fn names_let(names: &mut Names, program: &Program, var: VarId, value: &Expr) {
    match &value.kind {
        ExprKind::Family(family) => names.family(program, Some(var), family),
        _ => names.expr(program, value),
    }
    if let ExprKind::Var(other) = value.kind
        && let Some(carried) = names.carried.get(&other).cloned()
    {
        names.carried.insert(var, carried);
    }
    names.local(program, var);
}

/// Names of coordinates in a function whose result holds tensors.
fn coordinates_of(program: &Program, func: &Func) -> Vec<String> {
    let mut names = Vec::new();
    if func.result.scalar().is_some() {
        return names;
    }
    func.body.walk(&mut |e| {
        e.for_each_binding(|var| {
            let info = &program.vars[var.index()];
            if info.kind == VarKind::Coord {
                names.push(plain(info.name.as_str()));
            }
        });
    });
    names.sort_unstable();
    names.dedup();
    names
}

/// A name without the marks of packs.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric() || *c == '_' || *c == '@').collect()
}

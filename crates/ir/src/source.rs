//! A program as Einlang source, which parses again and runs to the same numbers.
//!
//! Functions must be closed. Each specialisation of a function is a function of its own, and every binding has a name
//! of its own (`names`). Ranges stand where inference would not give them (`ranges`).

mod choice;
mod expr;
mod family;
mod literal;
mod names;
mod ranges;
mod tidy;

use crate::expr::*;
use crate::ops::Op;
use crate::types::*;
use expr::{is_open, level};
use names::Names;
use ranges::Extents;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// What a block of one line may have.
const WIDTH: usize = 90;

/// A program on its way to text.
pub struct Source<'a> {
    program: &'a Program,
    names: Names,
    /// Those that are reached, as they are printed.
    funcs: BTreeMap<FuncId, Func>,
    /// Of the function in print.
    extents: Extents,
    /// The families that recur with the one in print.
    own: Vec<VarId>,
    /// Literals say their type, whatever it is.
    explicit: bool,
    indent: usize,
    /// Statements that the one in print needs in front of it; `None` where it may not be evaluated.
    front: Option<Vec<String>>,
    /// Variables that hold what `try` gives.
    attempts: HashSet<VarId>,
    /// Names of the fields of variants in the arms around.
    payloads: HashMap<(VarId, usize, usize), String>,
    fresh: u32,
    used: HashSet<String>,
    imports: BTreeMap<&'static str, BTreeSet<String>>,
}

/// The whole program.
pub fn print(program: &Program) -> String {
    Source::new(program).program()
}

impl<'a> Source<'a> {
    pub fn new(program: &'a Program) -> Source<'a> {
        let effects = tidy::effects(program);
        let funcs: BTreeMap<FuncId, Func> = reached(program)
            .into_iter()
            .map(|id| (id, tidy::tidied(program, &program.funcs[id.index()], &effects)))
            .collect();
        let names = Names::of(program, &funcs);
        let used = names.vars.values().chain(names.funcs.values()).cloned().collect();
        let mut source = Source {
            program,
            names,
            funcs,
            extents: Extents::default(),
            own: Vec::new(),
            explicit: false,
            indent: 0,
            front: None,
            attempts: HashSet::new(),
            payloads: HashMap::new(),
            fresh: 0,
            used,
            imports: BTreeMap::new(),
        };
        source.note_attempts();
        source
    }

    /// Everything, the entry's statements last.
    pub fn program(&mut self) -> String {
        let mut parts = self.declarations();
        let mut main = Vec::new();
        for (id, func) in self.funcs.clone() {
            self.extents = Extents::of(&func.body);
            if self.program.main == Some(id) {
                main = self.statements(&func.body);
            } else {
                let rule = self.program.funcs.iter().position(|f| f.rule == Some(id));
                parts.push(self.func(id, &func, rule.map(|k| FuncId(k as u32))));
            }
        }
        let imports: Vec<String> = self
            .imports
            .iter()
            .map(|(module, names)| match names.iter().collect::<Vec<_>>()[..] {
                [one] => format!("use std::{module}::{one};"),
                _ => format!("use std::{module}::{{{}}};", names.iter().cloned().collect::<Vec<_>>().join(", ")),
            })
            .collect();
        let mut out = imports.join("\n");
        for part in parts.into_iter().chain([main.join("\n")]) {
            if !out.is_empty() {
                out.push_str("\n\n");
            }
            out.push_str(&part);
        }
        out + "\n"
    }

    fn declarations(&self) -> Vec<String> {
        let mut parts = Vec::new();
        for (info, name) in self.program.structs.iter().zip(&self.names.structs) {
            let fields: Vec<String> =
                info.fields.iter().map(|(name, ty)| format!("{name}: {}", self.ty(ty).unwrap_or_default())).collect();
            parts.push(format!("struct {name} {{ {} }}", fields.join(", ")));
        }
        for (id, (info, name)) in self.program.enums.iter().zip(&self.names.enums).enumerate() {
            let variants: Vec<String> = info
                .variants
                .iter()
                .enumerate()
                .map(|(k, variant)| {
                    let own = self.variant_name(EnumId(id as u32), k);
                    let types: Vec<String> = variant.fields.iter().map(|ty| self.ty(ty).unwrap_or_default()).collect();
                    match &variant.names {
                        Some(names) => {
                            let fields: Vec<String> =
                                names.iter().zip(&types).map(|(name, ty)| format!("{name}: {ty}")).collect();
                            format!("{own} {{ {} }}", fields.join(", "))
                        }
                        None if types.is_empty() => own,
                        None => format!("{own}({})", types.join(", ")),
                    }
                })
                .collect();
            parts.push(format!("enum {name} {{ {} }}", variants.join(", ")));
        }
        parts
    }

    fn func(&mut self, id: FuncId, func: &Func, rule_of: Option<FuncId>) -> String {
        let program = self.program;
        let params: Vec<String> = func
            .params
            .iter()
            .filter(|p| !self.name(**p).starts_with('@'))
            .map(|p| match self.ty(&program.vars[p.index()].ty) {
                Some(ty) => format!("{}: {ty}", self.name(*p)),
                None => self.name(*p),
            })
            .collect();
        let result = match self.ty(&func.result) {
            Some(ty) if !self.is_attempt(&func.body, &self.attempts, &mut HashSet::new()) => format!(" -> {ty}"),
            _ => String::new(),
        };
        let (mark, name) = match rule_of {
            Some(primal) => ("@", self.func_name(primal)),
            None => ("", self.func_name(id)),
        };
        let body = self.lazily(|s| s.braced(&func.body, is_open(&func.body)));
        format!("{mark}fn {name}({}){result} {body}", params.join(", "))
    }

    /// The statements of a body, and what it gives.
    fn statements(&mut self, body: &Expr) -> Vec<String> {
        let mut lines = Vec::new();
        match &body.kind {
            ExprKind::Block(stmts, value) => {
                for stmt in stmts {
                    self.stmt(stmt, &mut lines);
                }
                if !matches!(value.kind, ExprKind::Unit) {
                    self.with_front(&mut lines, |s| s.expr(value, level::ANY, false));
                }
            }
            ExprKind::Unit => {}
            _ => self.with_front(&mut lines, |s| s.expr(body, level::ANY, false)),
        }
        lines
    }

    /// One line, behind the statements that it needs.
    fn with_front(&mut self, lines: &mut Vec<String>, print: impl FnOnce(&mut Self) -> String) {
        let outer = self.front.replace(Vec::new());
        let line = print(self);
        lines.extend(self.front.take().into_iter().flatten());
        self.front = outer;
        lines.push(line);
    }

    /// Something that need not be evaluated where it stands, or more than once.
    fn lazily<T>(&mut self, print: impl FnOnce(&mut Self) -> T) -> T {
        let outer = self.front.take();
        let result = print(self);
        self.front = outer;
        result
    }

    fn stmt(&mut self, stmt: &Stmt, lines: &mut Vec<String>) {
        match stmt {
            Stmt::Let(var, value) => self.binding(*var, value, lines),
            Stmt::Rec(rec) => {
                let members: Vec<VarId> = rec.families.iter().map(|(var, _)| *var).collect();
                for (var, family) in &rec.families {
                    let name = self.name(*var);
                    lines.extend(self.clauses(&name, &members, family));
                }
            }
            Stmt::Do(e) if is_check(e) => {}
            Stmt::Do(e) => self.with_front(lines, |s| s.expr(e, level::ANY, false) + ";"),
        }
    }

    fn binding(&mut self, var: VarId, value: &Expr, lines: &mut Vec<String>) {
        let name = self.name(var);
        if is_check(value) {
            return;
        }
        match &value.kind {
            ExprKind::Family(family) if !family.axes.is_empty() && self.anonymous_view(family).is_none() => {
                lines.extend(self.clauses(&name, &[], family));
            }
            _ => {
                let (annotation, value) = self.annotated(value);
                self.with_front(lines, |s| {
                    let text = s.expr(value, level::ANY, !annotation.is_empty());
                    format!("let {name}{annotation} = {text};")
                });
            }
        }
    }

    fn anonymous_view(&mut self, family: &Family) -> Option<String> {
        let ty = Type::tensor(family.elem.clone(), family.axes.len());
        let e = Expr { kind: ExprKind::Family(Box::new(family.clone())), ty, span: family.span };
        if !family::is_view(family) {
            return None;
        }
        self.lazily(|s| {
            let text = s.expr(&e, level::POSTFIX, false);
            (!text.starts_with('(') && !text.starts_with('{')).then_some(text)
        })
    }

    /// The annotation of a binding, where its value does not say its type, and what is left of the value.
    fn annotated<'e>(&self, value: &'e Expr) -> (String, &'e Expr) {
        match &value.kind {
            ExprKind::CheckShape(of, dims) if !matches!(of.kind, ExprKind::Builtin(Builtin::Settle, _)) => {
                (format!(": {}", self.checked_type(&value.ty, dims)), of)
            }
            ExprKind::Literal(shape, items) if !items.is_empty() && items.iter().all(is_open) => {
                match value.ty.elem() {
                    Type::Scalar(Scalar::I32 | Scalar::F32) => (String::new(), value),
                    elem => {
                        let dims: Vec<String> = shape.iter().map(usize::to_string).collect();
                        let elem = self.ty(elem).unwrap_or_default();
                        (format!(": [{elem}; {}]", dims.join(", ")), value)
                    }
                }
            }
            _ if is_open(value) && !matches!(value.ty, Type::Scalar(Scalar::I32 | Scalar::F32)) => {
                (format!(": {}", self.ty(&value.ty).unwrap_or_default()), value)
            }
            _ => (String::new(), value),
        }
    }

    /// An expression as a block.
    fn braced(&mut self, e: &Expr, settled: bool) -> String {
        if matches!(e.kind, ExprKind::Block(..)) {
            return self.block(e, settled);
        }
        self.indent += 1;
        let mut lines = Vec::new();
        self.with_front(&mut lines, |s| s.expr(e, level::ANY, settled));
        self.indent -= 1;
        match &lines[..] {
            [line] if line == "()" => "{}".to_owned(),
            [line] if line.len() < WIDTH && !line.contains('\n') => format!("{{ {line} }}"),
            _ => self.braces(&lines),
        }
    }

    fn block(&mut self, e: &Expr, settled: bool) -> String {
        let ExprKind::Block(stmts, value) = &e.kind else { return self.braced(e, settled) };
        self.indent += 1;
        let mut lines = Vec::new();
        for stmt in stmts {
            self.stmt(stmt, &mut lines);
        }
        if !matches!(value.kind, ExprKind::Unit) {
            self.with_front(&mut lines, |s| s.expr(value, level::ANY, settled));
        }
        self.indent -= 1;
        self.braces(&lines)
    }

    /// Lines between braces. They were printed with one more step of indentation.
    fn braces(&self, lines: &[String]) -> String {
        let inner = "    ".repeat(self.indent + 1);
        let outer = "    ".repeat(self.indent);
        let lines: String = lines.iter().map(|line| format!("\n{inner}{line}")).collect();
        format!("{{{lines}\n{outer}}}")
    }

    /// The statement that binds a variable, wherever it stands.
    pub fn binding_of(&mut self, var: VarId) -> Vec<String> {
        let Some((stmt, extents)) = self.place_of(var) else { return Vec::new() };
        self.extents = extents;
        let mut lines = Vec::new();
        match &stmt {
            // Each of several families that read each other is asked for by itself.
            Stmt::Rec(rec) => {
                let members: Vec<VarId> = rec.families.iter().map(|(var, _)| *var).collect();
                for (member, family) in rec.families.iter().filter(|(member, _)| *member == var) {
                    let name = self.name(*member);
                    lines.extend(self.clauses(&name, &members, family));
                }
            }
            _ => self.stmt(&stmt, &mut lines),
        }
        lines
    }

    /// The variables of a list that a binding reads, also through each other, those that are read first.
    pub fn needs(&self, var: VarId, among: &[VarId]) -> Vec<VarId> {
        let mut found = Vec::new();
        self.note_needs(var, among, &mut found);
        found
    }

    fn note_needs(&self, var: VarId, among: &[VarId], found: &mut Vec<VarId>) {
        let Some((stmt, _)) = self.place_of(var) else { return };
        let mut reads = Vec::new();
        stmt.for_each_child(|e| reads.extend(crate::visit::free_vars(e)));
        for read in reads {
            if among.contains(&read) && !found.contains(&read) {
                self.note_needs(read, among, found);
                found.push(read);
            }
        }
    }

    /// What the bracket of a binding says, by the names of its first clause.
    pub fn slots(&self, var: VarId) -> Vec<String> {
        let family = match self.place_of(var) {
            Some((Stmt::Let(_, Expr { kind: ExprKind::Family(family), .. }), _)) => *family,
            Some((Stmt::Rec(rec), _)) => match rec.families.iter().find(|(member, _)| *member == var) {
                Some((_, family)) => family.clone(),
                None => return Vec::new(),
            },
            _ => return Vec::new(),
        };
        let Some(clause) = family.clauses.first() else { return Vec::new() };
        let name = |slot: &Slot| match slot {
            Slot::Coord(binder) => self.name(binder.var),
            Slot::Fixed(at) => at.to_string(),
        };
        clause.slots.iter().map(name).collect()
    }

    fn place_of(&self, var: VarId) -> Option<(Stmt, Extents)> {
        self.funcs.values().find_map(|func| {
            let mut found = None;
            func.body.walk(&mut |e| {
                let ExprKind::Block(stmts, _) = &e.kind else { return };
                for stmt in stmts {
                    let binds = match stmt {
                        Stmt::Let(bound, _) => *bound == var,
                        Stmt::Rec(rec) => rec.families.iter().any(|(bound, _)| *bound == var),
                        Stmt::Do(_) => false,
                    };
                    if binds {
                        found = Some(stmt.clone());
                    }
                }
            });
            found.map(|stmt| (stmt, Extents::of(&func.body)))
        })
    }

    pub fn name(&self, var: VarId) -> String {
        self.names.vars.get(&var).cloned().unwrap_or_else(|| format!("v{}", var.0))
    }

    fn func_name(&self, func: FuncId) -> String {
        self.names.funcs.get(&func).cloned().unwrap_or_else(|| func.to_string())
    }

    fn operation_name(&mut self, op: Op) -> String {
        let name = self.names.operations[&op].clone();
        let import = if name == op.name() { name.clone() } else { format!("{} as {name}", op.name()) };
        self.imports.entry("math").or_default().insert(import);
        name
    }

    fn library(&mut self, module: &'static str, name: &'static str) -> String {
        self.imports.entry(module).or_default().insert(name.to_owned());
        name.to_owned()
    }

    /// A name for something that has none.
    fn fresh(&mut self) -> String {
        loop {
            self.fresh += 1;
            let name = format!("w{}", self.fresh);
            if self.used.insert(name.clone()) {
                return name;
            }
        }
    }

    /// A type as it is written, where it can be.
    fn ty(&self, ty: &Type) -> Option<String> {
        Some(match ty {
            Type::Scalar(scalar) => scalar.name().to_owned(),
            Type::Str => "str".to_owned(),
            Type::Unit => "()".to_owned(),
            Type::Tensor(elem, rank) => format!("[{}; {}]", self.ty(elem)?, vec!["?"; *rank].join(", ")),
            Type::Tuple(items) => {
                let items: Option<Vec<String>> = items.iter().map(|item| self.ty(item)).collect();
                match &items?[..] {
                    [item] => format!("({item},)"),
                    items => format!("({})", items.join(", ")),
                }
            }
            Type::Struct(id) => self.names.structs[id.index()].clone(),
            Type::Enum(id) => self.names.enums[id.index()].clone(),
            // Of numbers and text these brackets would be a tensor.
            Type::List(item) if !matches!(**item, Type::Scalar(_) | Type::Str | Type::Tensor(..)) => {
                format!("[{}]", self.ty(item)?)
            }
            Type::List(_) | Type::Dyn | Type::Range | Type::Never => return None,
        })
    }

    fn checked_type(&self, ty: &Type, dims: &[Option<i64>]) -> String {
        let dims: Vec<String> = dims.iter().map(|d| d.map_or("?".to_owned(), |n| n.to_string())).collect();
        format!("[{}; {}]", self.ty(ty.elem()).unwrap_or_default(), dims.join(", "))
    }

    fn note_attempts(&mut self) {
        let mut found = HashSet::new();
        for func in self.funcs.values() {
            func.body.walk(&mut |e| {
                let ExprKind::Block(stmts, _) = &e.kind else { return };
                for stmt in stmts {
                    if let Stmt::Let(var, value) = stmt
                        && self.is_attempt(value, &found, &mut HashSet::new())
                    {
                        found.insert(*var);
                    }
                }
            });
        }
        self.attempts = found;
    }

    /// Whether a value is what a `try` gives, whose type nobody can write.
    fn is_attempt(&self, e: &Expr, known: &HashSet<VarId>, asked: &mut HashSet<FuncId>) -> bool {
        match &e.kind {
            ExprKind::Try(_) => true,
            ExprKind::Var(var) => known.contains(var),
            ExprKind::Block(_, value) => self.is_attempt(value, known, asked),
            ExprKind::If(_, yes, no) => [yes, no].into_iter().any(|side| self.is_attempt(side, known, asked)),
            ExprKind::Call(func, _) => {
                let body = self.funcs.get(func).map(|func| &func.body);
                asked.insert(*func) && body.is_some_and(|body| self.is_attempt(body, known, asked))
            }
            _ => false,
        }
    }
}

/// A check that the checker will ask for again.
fn is_check(e: &Expr) -> bool {
    matches!(e.kind, ExprKind::Builtin(Builtin::SameExtent | Builtin::SliceBounds, _))
}

/// The functions that the program calls, its own body included.
fn reached(program: &Program) -> BTreeSet<FuncId> {
    let mut found = BTreeSet::new();
    let mut open: Vec<FuncId> = program.main.into_iter().collect();
    while let Some(id) = open.pop() {
        if !found.insert(id) {
            continue;
        }
        let func = &program.funcs[id.index()];
        open.extend(func.rule);
        func.body.walk(&mut |e| {
            if let ExprKind::Call(callee, _) = e.kind {
                open.push(callee);
            }
        });
    }
    found
}

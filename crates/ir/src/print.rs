//! The program as text, for `emit --stage ir` and for tests.
//!
//! Variables have their source names; one that shadows another visible one also shows its id (`x%12`). An index that
//! is checked when the cell is read has a `?` behind it.

mod expr;
mod family;

use crate::expr::*;
use crate::types::*;
use crate::visit::free_vars;
use diagnostics::Symbol;
use std::collections::{HashMap, HashSet};
use std::fmt::{self, Write};

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let mut printer = Printer::new(self);
        for info in &self.structs {
            printer.text(&format!("struct {} {{ ", info.name));
            printer.list(&info.fields, |p, (name, ty)| p.text(&format!("{name}: {}", type_name(p.program, ty))));
            printer.text(" }\n\n");
        }
        for info in &self.enums {
            printer.text(&format!("enum {} {{ ", info.name));
            printer.list(&info.variants, |p, variant| p.variant(variant));
            printer.text(" }\n\n");
        }
        for (k, func) in self.funcs.iter().enumerate() {
            if k > 0 {
                printer.text("\n");
            }
            printer.func(func, Some(FuncId(k as u32)));
        }
        f.write_str(&printer.out)
    }
}

/// One function as text.
pub fn print_func(program: &Program, func: &Func) -> String {
    let mut printer = Printer::new(program);
    printer.func(func, None);
    printer.out
}

/// One expression as text.
pub fn print_expr(program: &Program, expr: &Expr) -> String {
    let mut printer = Printer::new(program);
    for var in free_vars(expr) {
        printer.declare(var);
    }
    printer.expr(expr);
    printer.out
}

/// A type as messages and printed programs show it.
pub fn type_name(program: &Program, ty: &Type) -> String {
    match ty {
        Type::Scalar(s) => s.name().to_owned(),
        Type::Str => "str".to_owned(),
        Type::Unit => "()".to_owned(),
        Type::Never => "!".to_owned(),
        Type::Tensor(elem, rank) => format!("[{}; {}]", type_name(program, elem), vec!["?"; *rank].join(", ")),
        Type::Dyn => "[?; *]".to_owned(),
        Type::List(item) => format!("list[{}]", type_name(program, item)),
        Type::Tuple(items) => {
            let items: Vec<String> = items.iter().map(|item| type_name(program, item)).collect();
            format!("({})", items.join(", "))
        }
        Type::Struct(id) => program.structs.get(id.index()).map_or(id.to_string(), |info| info.name.to_string()),
        Type::Enum(id) => program.enums.get(id.index()).map_or(id.to_string(), |info| info.name.to_string()),
        Type::Range => "range".to_owned(),
    }
}

struct Printer<'a> {
    program: &'a Program,
    out: String,
    indent: usize,
    /// The visible variables of each name, innermost last.
    visible: HashMap<Symbol, Vec<VarId>>,
    /// What to take from `visible` at the end of a scope.
    declared: Vec<Symbol>,
    /// Variables that were declared while another one of their name was visible.
    shadowing: HashSet<VarId>,
    /// Names that several functions share.
    overloaded: HashSet<Symbol>,
}

impl<'a> Printer<'a> {
    fn new(program: &'a Program) -> Self {
        let mut names = HashSet::new();
        let overloaded = program.funcs.iter().map(|func| func.name).filter(|name| !names.insert(*name)).collect();
        Printer {
            program,
            out: String::new(),
            indent: 0,
            visible: HashMap::new(),
            declared: Vec::new(),
            shadowing: HashSet::new(),
            overloaded,
        }
    }

    fn text(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn show(&mut self, value: impl fmt::Display) {
        write!(self.out, "{value}").expect("a string takes any text");
    }

    fn newline(&mut self) {
        self.out.push('\n');
        for _ in 0..self.indent {
            self.out.push_str("    ");
        }
    }

    fn list<T>(&mut self, items: impl IntoIterator<Item = T>, mut print: impl FnMut(&mut Self, T)) {
        for (k, item) in items.into_iter().enumerate() {
            if k > 0 {
                self.text(", ");
            }
            print(self, item);
        }
    }

    /// Lines between braces.
    fn lines(&mut self, print: impl FnOnce(&mut Self)) {
        self.text("{");
        self.indent += 1;
        print(self);
        self.indent -= 1;
        self.newline();
        self.text("}");
    }

    fn scope<R>(&mut self, print: impl FnOnce(&mut Self) -> R) -> R {
        let start = self.declared.len();
        let result = print(self);
        for name in self.declared.drain(start..) {
            self.visible.get_mut(&name).and_then(Vec::pop);
        }
        result
    }

    fn declare(&mut self, var: VarId) {
        let Some(info) = self.program.vars.get(var.index()) else { return };
        let visible = self.visible.entry(info.name).or_default();
        if !visible.is_empty() {
            self.shadowing.insert(var);
        }
        visible.push(var);
        self.declared.push(info.name);
    }

    fn var(&mut self, var: VarId) {
        match self.program.vars.get(var.index()) {
            Some(info) if !info.name.as_str().is_empty() => {
                self.show(info.name);
                if self.shadowing.contains(&var) {
                    self.show(var);
                }
            }
            _ => self.show(var),
        }
    }

    /// A variable that is declared only behind what binds it.
    fn new_var(&mut self, var: VarId) {
        let shadows = |info: &Var| self.visible.get(&info.name).is_some_and(|visible| !visible.is_empty());
        if self.program.vars.get(var.index()).is_some_and(shadows) {
            self.shadowing.insert(var);
        }
        self.var(var);
    }

    fn ty(&mut self, ty: &Type) {
        let name = type_name(self.program, ty);
        self.text(&name);
    }

    fn variant(&mut self, variant: &VariantInfo) {
        self.show(variant.name);
        match &variant.names {
            Some(names) => {
                self.text(" { ");
                self.list(names.iter().zip(&variant.fields), |p, (name, ty)| {
                    p.show(name);
                    p.text(": ");
                    p.ty(ty);
                });
                self.text(" }");
            }
            None if variant.fields.is_empty() => {}
            None => {
                self.text("(");
                self.list(&variant.fields, Self::ty);
                self.text(")");
            }
        }
    }

    fn func_name(&mut self, name: Symbol, id: Option<FuncId>) {
        self.show(name);
        if let Some(id) = id
            && self.overloaded.contains(&name)
        {
            self.show(format_args!("@{id}"));
        }
    }

    fn func(&mut self, func: &Func, id: Option<FuncId>) {
        self.scope(|p| {
            for &param in &func.params {
                p.declare(param);
            }
            for var in free_vars(&func.body) {
                if !func.params.contains(&var) {
                    p.declare(var);
                }
            }
            p.text("fn ");
            p.func_name(func.name, id);
            p.text("(");
            p.list(&func.params, |p, &param| p.typed_var(param));
            p.text(") -> ");
            p.ty(&func.result);
            if let Some(rule) = func.rule {
                p.show(format_args!(" rule {rule}"));
            }
            p.text(" ");
            p.braced(&func.body);
            p.text("\n");
        });
    }

    fn typed_var(&mut self, var: VarId) {
        self.var(var);
        self.text(": ");
        match self.program.vars.get(var.index()) {
            Some(info) => self.ty(&info.ty),
            None => self.text("?"),
        }
    }

    /// The expression as a block.
    fn braced(&mut self, e: &Expr) {
        if matches!(e.kind, ExprKind::Block(..)) {
            self.expr(e);
        } else {
            self.text("{ ");
            self.expr(e);
            self.text(" }");
        }
    }
}

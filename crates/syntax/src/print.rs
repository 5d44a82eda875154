//! Writes a tree as Einlang that parses to the same tree again.

mod expressions;

use crate::ast::*;
use expressions::Level;
use std::fmt::Write;

pub fn print(module: &Module) -> String {
    let mut printer = Printer { out: String::new(), depth: 0 };
    for statement in &module.statements {
        printer.line();
        printer.statement(statement);
    }
    if !printer.out.is_empty() {
        printer.out.push('\n');
    }
    printer.out
}

struct Printer {
    out: String,
    depth: usize,
}

impl Printer {
    fn put(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn put_args(&mut self, args: std::fmt::Arguments) {
        // Writing to a string does not fail.
        let _ = self.out.write_fmt(args);
    }

    fn line(&mut self) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        for _ in 0..self.depth {
            self.put("    ");
        }
    }

    fn list<T>(&mut self, items: &[T], mut item: impl FnMut(&mut Self, &T)) {
        for (k, each) in items.iter().enumerate() {
            if k > 0 {
                self.put(", ");
            }
            item(self, each);
        }
    }

    fn public(&mut self, public: bool) {
        if public {
            self.put("pub ");
        }
    }

    fn docs(&mut self, docs: &[String]) {
        for doc in docs {
            self.put_args(format_args!("/// {doc}"));
            self.line();
        }
    }

    fn ident(&mut self, ident: &Ident) {
        self.put(ident.name.as_str());
    }

    fn path(&mut self, path: &Path) {
        for (k, segment) in path.segments.iter().enumerate() {
            if k > 0 {
                self.put("::");
            }
            self.ident(segment);
        }
    }

    // Statements.

    fn statement(&mut self, statement: &Stmt) {
        match &statement.kind {
            StmtKind::Let(binding) => {
                self.public(binding.public);
                self.put("let ");
                self.pattern(&binding.pattern);
                self.binding(&binding.ty, &binding.value, &binding.wheres);
            }
            StmtKind::Clause(clause) => {
                self.public(clause.public);
                self.put("let ");
                self.ident(&clause.name);
                self.put("[");
                self.list(&clause.slots, |p, slot| match slot {
                    Slot::Coord { name, range } => p.coordinate(name, range),
                    Slot::Pack(name) => p.pack(name),
                    Slot::Expr(expr) => p.expr(expr),
                });
                self.put("]");
                self.binding(&clause.ty, &clause.body, &clause.wheres);
            }
            StmtKind::Expr(expr) => {
                self.expr(expr);
                self.put(";");
            }
            StmtKind::Fn(def) => self.function(def),
            StmtKind::Rule(def) => {
                self.put("@");
                self.function(def);
            }
            StmtKind::Struct(def) => {
                self.docs(&def.docs);
                self.public(def.public);
                self.put("struct ");
                self.ident(&def.name);
                self.put(" ");
                self.field_defs(&def.fields);
            }
            StmtKind::Enum(def) => {
                self.docs(&def.docs);
                self.public(def.public);
                self.put("enum ");
                self.ident(&def.name);
                self.put(" { ");
                self.list(&def.variants, Self::variant);
                self.put(" }");
            }
            StmtKind::Use(import) => {
                self.public(import.public);
                self.put("use ");
                self.use_tree(&import.tree);
                self.put(";");
            }
            StmtKind::Mod(def) => {
                self.public(def.public);
                self.put("mod ");
                self.ident(&def.name);
                self.put(" {");
                self.statements(&def.body.statements);
                self.line();
                self.put("}");
            }
            StmtKind::Error => self.put("// a statement that did not parse"),
        }
    }

    fn statements(&mut self, statements: &[Stmt]) {
        self.depth += 1;
        for statement in statements {
            self.line();
            self.statement(statement);
        }
        self.depth -= 1;
    }

    fn binding(&mut self, ty: &Option<TypeExpr>, value: &Expr, wheres: &Option<Where>) {
        self.annotation(ty);
        self.put(" = ");
        self.expr(value);
        self.wheres(wheres);
        self.put(";");
    }

    fn annotation(&mut self, ty: &Option<TypeExpr>) {
        if let Some(ty) = ty {
            self.put(": ");
            self.ty(ty);
        }
    }

    fn result(&mut self, ty: &Option<TypeExpr>) {
        if let Some(ty) = ty {
            self.put(" -> ");
            self.ty(ty);
        }
    }

    fn function(&mut self, def: &FnDef) {
        self.docs(&def.docs);
        self.public(def.public);
        self.put("fn ");
        self.ident(&def.name);
        if !def.coords.is_empty() {
            self.put("[");
            self.list(&def.coords, |p, coord| match coord {
                CoordParam::Coord(name) => p.ident(name),
                CoordParam::Pack(name) => p.pack(name),
            });
            self.put("]");
        }
        self.put("(");
        self.list(&def.params, Self::param);
        self.put(")");
        self.result(&def.result);
        self.put(" ");
        self.block(&def.body);
    }

    fn param(&mut self, param: &Param) {
        self.pattern(&param.pattern);
        self.annotation(&param.ty);
    }

    fn field_defs(&mut self, fields: &[FieldDef]) {
        self.put("{ ");
        self.list(fields, |p, field| {
            p.ident(&field.name);
            p.put(": ");
            p.ty(&field.ty);
        });
        self.put(" }");
    }

    fn variant(&mut self, variant: &VariantDef) {
        self.ident(&variant.name);
        match &variant.fields {
            VariantFields::Unit => {}
            VariantFields::Tuple(types) => {
                self.put("(");
                self.list(types, Self::ty);
                self.put(")");
            }
            VariantFields::Named(fields) => {
                self.put(" ");
                self.field_defs(fields);
            }
        }
    }

    fn use_tree(&mut self, tree: &UseTree) {
        self.path(&tree.prefix);
        let separator = if tree.prefix.segments.is_empty() { "" } else { "::" };
        match &tree.kind {
            UseKind::Simple(None) => {}
            UseKind::Simple(Some(name)) => {
                self.put(" as ");
                self.ident(name);
            }
            UseKind::Glob(_) => {
                self.put(separator);
                self.put("*");
            }
            UseKind::Group(trees) => {
                self.put(separator);
                self.put("{");
                self.list(trees, Self::use_tree);
                self.put("}");
            }
        }
    }

    fn wheres(&mut self, wheres: &Option<Where>) {
        let Some(wheres) = wheres else { return };
        self.put(" where ");
        self.list(&wheres.items, |p, item| match item {
            WhereItem::Def(name, value) => {
                p.ident(name);
                p.put(" = ");
                p.expr(value);
            }
            WhereItem::Guard(guard) => p.expr(guard),
        });
        if let Some(otherwise) = &wheres.otherwise {
            self.put(" else ");
            self.expr(otherwise);
        }
    }

    fn coordinate(&mut self, name: &Ident, range: &Option<Range>) {
        self.ident(name);
        if let Some(range) = range {
            self.put(" in ");
            self.at(&range.lo, Level::Sum);
            self.put(if range.inclusive { "..=" } else { ".." });
            self.at(&range.hi, Level::Sum);
        }
    }

    fn pack(&mut self, name: &Ident) {
        self.put("..");
        self.ident(name);
    }

    // Types and patterns.

    fn ty(&mut self, ty: &TypeExpr) {
        match &ty.kind {
            TypeKind::Path(path) => self.path(path),
            TypeKind::Unit => self.put("()"),
            TypeKind::Tuple(types) => {
                self.put("(");
                self.list(types, Self::ty);
                self.put(if types.len() == 1 { ",)" } else { ")" });
            }
            TypeKind::Tensor { elem, dims } => {
                self.put("[");
                self.ty(elem);
                if let Some(dims) = dims {
                    self.put("; ");
                    self.list(dims, Self::dim);
                }
                self.put("]");
            }
            TypeKind::Fn { params, result } => {
                self.put("(");
                self.list(params, Self::ty);
                self.put(") -> ");
                self.ty(result);
            }
            TypeKind::Error => self.put("<error>"),
        }
    }

    fn dim(&mut self, dim: &Dim) {
        match dim.kind {
            DimKind::Extent(extent) => self.put_args(format_args!("{extent}")),
            DimKind::Unknown => self.put("?"),
            DimKind::AnyRank => self.put("*"),
            DimKind::Name(name) => self.put(name.as_str()),
            DimKind::Pack(name) => self.put_args(format_args!("..{name}")),
        }
    }

    fn pattern(&mut self, pattern: &Pattern) {
        match &pattern.kind {
            PatternKind::Wildcard => self.put("_"),
            PatternKind::Bind(name) => self.ident(name),
            PatternKind::At(name, inner) => {
                self.ident(name);
                self.put(" @ ");
                self.pattern(inner);
            }
            PatternKind::Literal(value) => self.expr(value),
            PatternKind::Range { lo, hi, inclusive } => {
                self.expr(lo);
                self.put(if *inclusive { "..=" } else { ".." });
                self.expr(hi);
            }
            PatternKind::Or(patterns) => {
                self.put("(");
                for (k, each) in patterns.iter().enumerate() {
                    if k > 0 {
                        self.put(" | ");
                    }
                    self.pattern(each);
                }
                self.put(")");
            }
            PatternKind::Tuple(patterns) => {
                self.put("(");
                self.list(patterns, Self::pattern);
                self.put(if patterns.len() == 1 { ",)" } else { ")" });
            }
            PatternKind::Array(items) => {
                self.put("[");
                self.list(items, |p, item| match item {
                    ArrayPattern::Item(pattern) => p.pattern(pattern),
                    ArrayPattern::Rest(name, _) => {
                        p.put("..");
                        p.put(name.map_or("", |name| name.name.as_str()));
                    }
                });
                self.put("]");
            }
            PatternKind::Struct { path, fields } => {
                self.path(path);
                self.put(" { ");
                self.list(fields, |p, field| {
                    p.ident(&field.name);
                    if let Some(pattern) = &field.pattern {
                        p.put(": ");
                        p.pattern(pattern);
                    }
                });
                self.put(" }");
            }
            PatternKind::Variant { path, args } => {
                self.path(path);
                if !args.is_empty() || path.segments.len() == 1 {
                    self.put("(");
                    self.list(args, Self::pattern);
                    self.put(")");
                }
            }
            PatternKind::Error => self.put("_"),
        }
    }
}

//! The names that a module's own statements define.

use super::{Definition, Item, ModuleId};
use crate::errors_modules as errors;
use diagnostics::{Diagnostic, Symbol};
use std::collections::HashMap;
use std::rc::Rc;
use syntax::ast::*;

pub(super) struct Items {
    pub definitions: HashMap<Symbol, Definition>,
    pub rules: Vec<Rc<FnDef>>,
}

/// `inline` makes the module of an inline `mod`.
pub(super) fn collect(
    statements: &[Stmt],
    module: ModuleId,
    mut inline: impl FnMut(&Rc<Mod>) -> ModuleId,
    diags: &mut Vec<Diagnostic>,
) -> Items {
    let mut items = Items { definitions: HashMap::new(), rules: Vec::new() };
    for statement in statements {
        match &statement.kind {
            StmtKind::Fn(def) => items.define(def.name, Item::Fn(def.clone(), module), def.public, diags),
            StmtKind::Struct(def) => items.define(def.name, Item::Struct(def.clone(), module), def.public, diags),
            StmtKind::Enum(def) => items.define(def.name, Item::Enum(def.clone(), module), def.public, diags),
            StmtKind::Mod(def) => items.define(def.name, Item::Module(inline(def)), def.public, diags),
            StmtKind::Rule(def) => items.rules.push(def.clone()),
            StmtKind::Let(def) => bound(&def.pattern, &mut |name| items.bind(name, module, def.public)),
            StmtKind::Clause(def) => items.bind(def.name, module, def.public),
            StmtKind::Expr(_) | StmtKind::Use(_) | StmtKind::Error => {}
        }
    }
    items
}

impl Items {
    fn define(&mut self, name: Ident, item: Item, public: bool, diags: &mut Vec<Diagnostic>) {
        match self.definitions.get(&name.name) {
            Some(first) if !matches!(first.item, Item::Let(..)) => diags.push(errors::duplicate(name, first.span)),
            _ => {
                self.definitions.insert(name.name, Definition { item, public, span: name.span });
            }
        }
    }

    /// A `let` may shadow another, and the clauses of a family share a name; a definition stays what it is.
    fn bind(&mut self, name: Ident, module: ModuleId, public: bool) {
        let new = Definition { item: Item::Let(module, name.name), public, span: name.span };
        let entry = self.definitions.entry(name.name).or_insert(new);
        entry.public |= public && matches!(entry.item, Item::Let(..));
    }
}

/// Calls `found` with every name that a pattern binds.
fn bound(pattern: &Pattern, found: &mut dyn FnMut(Ident)) {
    match &pattern.kind {
        PatternKind::Bind(name) => found(*name),
        PatternKind::At(name, inner) => {
            found(*name);
            bound(inner, found);
        }
        PatternKind::Or(parts) | PatternKind::Tuple(parts) | PatternKind::Variant { args: parts, .. } => {
            parts.iter().for_each(|part| bound(part, found));
        }
        PatternKind::Array(parts) => parts.iter().for_each(|part| match part {
            ArrayPattern::Item(item) => bound(item, found),
            ArrayPattern::Rest(Some(name), _) => found(*name),
            ArrayPattern::Rest(None, _) => {}
        }),
        PatternKind::Struct { fields, .. } => fields.iter().for_each(|field| match &field.pattern {
            Some(inner) => bound(inner, found),
            None => found(field.name),
        }),
        PatternKind::Wildcard | PatternKind::Literal(_) | PatternKind::Range { .. } | PatternKind::Error => {}
    }
}

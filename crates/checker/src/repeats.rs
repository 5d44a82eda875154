//! Names that one definition or pattern gives twice (E0205).

use crate::pattern::names_of;
use crate::{Checker, modules};
use std::collections::HashMap;
use syntax::ast::{self, CoordParam, Ident, StmtKind, VariantFields};

impl Checker<'_> {
    /// Parameters, fields and variants of a definition.
    pub(crate) fn check_repeats(&mut self, statement: &ast::Stmt) {
        match &statement.kind {
            StmtKind::Fn(def) | StmtKind::Rule(def) => {
                let mut names: Vec<Ident> = Vec::new();
                def.params.iter().for_each(|param| names_of(&param.pattern, &mut names));
                self.each_once(&names);
                let coords: Vec<Ident> = def
                    .coords
                    .iter()
                    .map(|coord| match coord {
                        CoordParam::Coord(name) | CoordParam::Pack(name) => *name,
                    })
                    .collect();
                self.each_once(&coords);
            }
            StmtKind::Struct(def) => self.each_once(&fields(&def.fields)),
            StmtKind::Enum(def) => {
                self.each_once(&def.variants.iter().map(|variant| variant.name).collect::<Vec<_>>());
                for variant in &def.variants {
                    if let VariantFields::Named(own) = &variant.fields {
                        self.each_once(&fields(own));
                    }
                }
            }
            _ => {}
        }
    }

    pub(crate) fn each_once(&mut self, names: &[Ident]) {
        let mut seen = HashMap::new();
        for name in names {
            match seen.get(&name.name) {
                Some(first) => self.report(modules::duplicate(*name, *first)),
                None => {
                    seen.insert(name.name, name.span);
                }
            }
        }
    }
}

fn fields(fields: &[ast::FieldDef]) -> Vec<Ident> {
    fields.iter().map(|field| field.name).collect()
}

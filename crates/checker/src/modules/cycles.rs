//! The order in which the statements of modules run, and the rings of files that have none.

use super::link::Edge;
use super::{Module, ModuleId};
use crate::errors_modules as errors;
use diagnostics::{Diagnostic, Span};
use std::collections::HashSet;

pub(super) fn order(
    entry: ModuleId,
    modules: &[Module],
    edges: &[Edge],
    name: &dyn Fn(ModuleId) -> String,
    diags: &mut Vec<Diagnostic>,
) -> Vec<ModuleId> {
    let mut outgoing = vec![Vec::new(); modules.len()];
    for edge in edges {
        outgoing[edge.from.index()].push(*edge);
    }
    let mut inline = vec![Vec::new(); modules.len()];
    for (k, module) in modules.iter().enumerate() {
        if let Some(parent) = module.parent {
            inline[parent.index()].push(ModuleId(k as u32));
        }
    }
    let mut search = Search {
        outgoing,
        inline,
        name,
        diags,
        done: vec![false; modules.len()],
        stack: Vec::new(),
        in_reported_ring: HashSet::new(),
        order: Vec::new(),
    };
    search.visit(entry);
    let mut order = std::mem::take(&mut search.order);
    // Modules that no path ends in, such as the root of the library.
    for (k, module) in modules.iter().enumerate() {
        if module.parent.is_none() && !search.done[k] {
            search.visit(ModuleId(k as u32));
        }
    }
    search.order.append(&mut order);
    search.order
}

struct Search<'a> {
    outgoing: Vec<Vec<Edge>>,
    inline: Vec<Vec<ModuleId>>,
    name: &'a dyn Fn(ModuleId) -> String,
    diags: &'a mut Vec<Diagnostic>,
    done: Vec<bool>,
    /// The files on the way from the entry, each with the `use` that left it last.
    stack: Vec<(ModuleId, Span)>,
    /// One ring of a tangle is reported: breaking it shows the next.
    in_reported_ring: HashSet<ModuleId>,
    order: Vec<ModuleId>,
}

impl Search<'_> {
    fn visit(&mut self, file: ModuleId) {
        self.done[file.index()] = true;
        self.stack.push((file, Span::default()));
        for edge in self.outgoing[file.index()].clone() {
            if let Some(top) = self.stack.last_mut() {
                top.1 = edge.span;
            }
            if let Some(start) = self.stack.iter().position(|(module, _)| *module == edge.to) {
                self.report(start);
            } else if !self.done[edge.to.index()] {
                self.visit(edge.to);
            }
        }
        self.stack.pop();
        self.emit(file);
    }

    fn report(&mut self, start: usize) {
        let ring = &self.stack[start..];
        if ring.iter().all(|(module, _)| self.in_reported_ring.contains(module)) {
            return;
        }
        self.in_reported_ring.extend(ring.iter().map(|(module, _)| *module));
        let named: Vec<(String, Span)> = ring.iter().map(|(module, span)| ((self.name)(*module), *span)).collect();
        self.diags.push(errors::import_cycle(self.stack[0].1, &named));
    }

    fn emit(&mut self, module: ModuleId) {
        for inner in self.inline[module.index()].clone() {
            self.emit(inner);
        }
        self.order.push(module);
    }
}

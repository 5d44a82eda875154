//! Derivations as text: set subtractions, and a clause for each binding on a path.

use super::DeriveOptions;
use autodiff::{Derivation, Index, Read, Step};
use ir::source::Source;
use ir::{Program, VarId};
use std::fmt::Write;

pub fn listing(program: &Program, derivations: &[Derivation], options: &DeriveOptions) -> String {
    let mut listing = Listing { program, source: Source::new(program), out: String::new() };
    let is = |var: VarId, wanted: &Option<String>| {
        wanted.as_ref().is_none_or(|wanted| program.vars[var.index()].name.as_str() == wanted)
    };
    for derivation in derivations {
        if is(derivation.y, &options.of) && is(derivation.x, &options.wrt) {
            listing.derivation(derivation);
        }
    }
    listing.out
}

struct Listing<'a> {
    program: &'a Program,
    source: Source<'a>,
    out: String,
}

impl Listing<'_> {
    fn line(&mut self, line: &str) {
        writeln!(self.out, "{line}").expect("a string takes any text");
    }

    fn derivation(&mut self, derivation: &Derivation) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        let (y, x) = (self.source.name(derivation.y), self.source.name(derivation.x));
        self.line(&format!("// @{y} / @{x}: {}", derivation.mode.name()));
        let mut helpers = derivation.helpers.clone();
        for step in &derivation.steps {
            self.step(step, &mut helpers);
        }
    }

    fn step(&mut self, step: &Step, helpers: &mut Vec<VarId>) {
        let mut seen: Vec<String> = Vec::new();
        for read in &step.reads {
            let line = self.paths(step, read);
            if !seen.contains(&line) {
                self.line(&line);
                seen.push(line);
            }
        }
        // What the clause needs stands in front of it, once.
        for helper in self.source.needs(step.adjoint, helpers) {
            helpers.retain(|h| *h != helper);
            for line in self.source.binding_of(helper) {
                self.line(&line);
            }
        }
        for line in self.source.binding_of(step.adjoint) {
            self.line(&line);
        }
    }

    /// `paths(A, C) = {i, j} \ {i, k} = {j}`
    fn paths(&self, step: &Step, read: &Read) -> String {
        let names = |symbols: &[diagnostics::Symbol]| symbols.iter().map(|s| s.to_string()).collect::<Vec<_>>();
        let (coords, left) = (names(&read.coords), names(&read.left));
        let slots = self.source.slots(step.adjoint);
        let added = slots.len().saturating_sub(read.index.len());
        let own = &self.program.vars[read.operand.index()].coords;
        let at = |k: usize, first: Option<String>, second: Option<String>| {
            let last = || slots.get(added + k).cloned();
            first.or(second).or_else(last).unwrap_or_default()
        };
        let (mut carried, mut written) = (Vec::new(), Vec::new());
        for (k, index) in read.index.iter().enumerate() {
            let own = own.get(k).copied().flatten().map(|name| name.to_string());
            let read_with = match index {
                Index::Coord(name) => Some(name.to_string()),
                Index::Constant if own.is_none() => continue,
                Index::Constant | Index::Other => None,
            };
            carried.push(at(k, own.clone(), read_with.clone()));
            written.push(at(k, read_with, own));
        }
        let without = |set: &[String]| coords.iter().filter(|c| !set.contains(c)).cloned().collect::<Vec<_>>();
        // Where an operand calls its coordinates otherwise than the place that reads it, the place explains the sum.
        let operand = if without(&carried) != left && without(&written) == left { written } else { carried };
        let set = |items: &[String]| format!("{{{}}}", items.join(", "));
        let (x, y) = (self.source.name(read.operand), self.source.name(read.output));
        format!("paths({x}, {y}) = {} \\ {} = {}", set(&coords), set(&operand), set(&left))
    }
}

//! `emit --stage cost`

use super::count::{Counter, Entry};
use super::extents::Extents;
use super::formula::Formula;
use super::{Legend, functions, heading, place};
use crate::decisions::Decisions;
use diagnostics::SourceMap;
use ir::Program;
use std::fmt::Write;

/// Operations, bytes and memory of each line.
pub fn cost(program: &Program, decisions: &Decisions, sources: &SourceMap) -> String {
    let mut counter = Counter::new(Extents::new(program, sources), decisions);
    let mut out = String::new();
    for func in functions(program) {
        let Some(summary) = counter.function(func) else { continue };
        if summary.entries.is_empty() {
            continue;
        }
        let formulas = |entry: &Entry| {
            let work = &entry.work;
            [&work.flops, &work.read, &work.written, &entry.in_use].map(Formula::clone)
        };
        let all: Vec<Formula> = summary.entries.iter().flat_map(formulas).collect();
        let legend = Legend::new(&counter.extents, &all);
        if !out.is_empty() {
            out.push('\n');
        }
        let home = program.funcs[func.index()].span;
        out += &heading(program, sources, func);
        out += &legend.text();
        for entry in &summary.entries {
            let what = format!("{}  {}", place(sources, entry.span, home), entry.title);
            writeln!(out, "{}", what.trim_end()).expect("a string takes any text");
            rows(&mut out, &legend, [&entry.work.flops, &entry.work.read, &entry.work.written, &entry.in_use]);
        }
        out += "total\n";
        let total = &summary.total;
        rows(&mut out, &legend, [&total.flops, &total.read, &total.written, &total.memory]);
    }
    out
}

fn rows(out: &mut String, legend: &Legend, formulas: [&Formula; 4]) {
    for (name, formula) in ["flops", "bytes read", "bytes written", "peak bytes"].into_iter().zip(formulas) {
        if !formula.is_zero() {
            writeln!(out, "    {name:<13} {}", legend.formula(formula)).expect("a string takes any text");
        }
    }
}

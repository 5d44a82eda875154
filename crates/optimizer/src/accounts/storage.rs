//! `emit --stage storage`

use super::count::{Counter, bytes, kept_bytes};
use super::extents::Extents;
use super::formula::Formula;
use super::uses::{How, Use, uses};
use super::{Legend, bracketed, functions, heading, place, title};
use crate::absorb::{Absorbed, Fate};
use crate::decisions::{Decisions, Storage};
use crate::segments::Segmented;
use diagnostics::{SourceMap, Span};
use ir::{Expr, ExprKind, Family, Program, Stmt, VarId};
use std::fmt::Write;

/// A tensor of a function.
struct Held {
    span: Span,
    title: String,
    /// How its cells are kept, and their bytes.
    kept: String,
    bytes: Formula,
    var: Option<VarId>,
    /// Who asks for it is known already.
    is_explained: bool,
}

/// What is kept of each family, and which use asks for it.
pub fn storage(
    program: &Program,
    decisions: &Decisions,
    absorbed: &[Absorbed],
    segmented: &[Segmented],
    sources: &SourceMap,
) -> String {
    let mut counter = Counter::new(Extents::new(program, sources), decisions);
    let mut out = String::new();
    for func in functions(program) {
        counter.function(func);
        let body = &program.funcs[func.index()].body;
        let mut list = List { program, decisions, extents: &mut counter.extents, held: Vec::new() };
        list.expr(body);
        let mut held = list.held;
        for one in absorbed.iter().filter(|one| one.func == func) {
            let name = |var: VarId| program.vars[var.index()].name.as_str();
            let kept = match one.fate {
                Fate::Unused => "not computed: nothing needs it".to_owned(),
                Fate::Inlined(Some(reader)) if !name(reader).is_empty() => {
                    format!("inlined: `{}` computes its cells", name(reader))
                }
                Fate::Inlined(_) => "inlined: its readers compute its cells".to_owned(),
            };
            let title = format!("{}: {}", title(program, one.var), ir::type_name(program, &one.family.elem));
            let span = program.vars[one.var.index()].span;
            held.push(Held { span, title, kept, bytes: Formula::zero(), var: None, is_explained: true });
        }
        held.sort_by_key(|held| (held.span.file, held.span.start));
        if held.is_empty() {
            continue;
        }
        let uses = uses(program, sources, body);
        let cuts: Vec<Cut> =
            segmented.iter().filter(|one| one.func == func).map(|one| Cut::of(one, &mut counter.extents)).collect();
        let formulas = held.iter().map(|held| &held.bytes).chain(cuts.iter().flat_map(|cut| &cut.bytes));
        let legend = Legend::new(&counter.extents, formulas);
        if !out.is_empty() {
            out.push('\n');
        }
        let home = program.funcs[func.index()].span;
        out += &heading(program, sources, func);
        out += &legend.text();
        for cut in &cuts {
            out += &cut.text(program, sources, &legend, home);
        }
        for held in &held {
            let size =
                if held.bytes.is_zero() { String::new() } else { format!(": {} bytes", legend.formula(&held.bytes)) };
            writeln!(out, "{}  {}", place(sources, held.span, home), held.title).expect("a string takes any text");
            writeln!(out, "    {}{size}", held.kept).expect("a string takes any text");
            if held.is_explained {
                continue;
            }
            let uses = held.var.and_then(|var| uses.get(&var)).map_or(&[][..], |uses| uses);
            for reason in reasons(uses, sources, home) {
                writeln!(out, "    {reason}").expect("a string takes any text");
            }
        }
    }
    out
}

/// Recurrences in segments, and the bytes of all steps, of those of a segment, and of what starts them again.
struct Cut<'s> {
    of: &'s Segmented,
    bytes: [Formula; 3],
}

impl<'s> Cut<'s> {
    fn of(of: &'s Segmented, extents: &mut Extents) -> Cut<'s> {
        let number = |extents: &mut Extents, e| extents.number(e);
        let steps = number(extents, &of.steps);
        let (stored, carried) = (number(extents, &of.sizes.stored), number(extents, &of.sizes.carried));
        let segment = number(extents, &of.sizes.segment);
        let bytes = match of.known {
            Some((length, count)) => {
                let (length, count) = (Formula::number(length), Formula::number(count));
                [stored.times(&steps), segment.times(&length), carried.times(&count)]
            }
            None => [stored.times(&steps), segment, carried],
        };
        Cut { of, bytes }
    }

    fn text(&self, program: &Program, sources: &SourceMap, legend: &Legend, home: Span) -> String {
        let names: Vec<String> = (self.of.families.iter())
            .map(|var| program.vars[var.index()].name.as_str())
            .map(|name| if name.is_empty() { "a temporary".to_owned() } else { format!("`{name}`") })
            .collect();
        let at = self.of.families.first().map_or(home, |var| program.vars[var.index()].span);
        let (at, names, budget) = (place(sources, at, home), names.join(", "), self.of.budget);
        let [all, segment, carried] = self.bytes.each_ref().map(|bytes| legend.formula(bytes));
        match self.of.known {
            Some((length, count)) => format!(
                "{at}  {names}: in segments, as all steps would take {all} bytes, and the tape budget is {budget}\n    \
                 {count} segments of {length} steps, of which one at a time takes {segment} bytes\n    \
                 {carried} bytes start the segments again\n"
            ),
            None => format!(
                "{at}  {names}: in segments, where all steps take more than the tape budget of {budget}: {all} bytes\n    \
                 a segment of {segment} bytes for each of its steps at a time\n    \
                 {carried} bytes start each segment again: as many steps as make both equal\n"
            ),
        }
    }
}

/// The strongest use in words, and where the others are.
fn reasons(uses: &[Use], sources: &SourceMap, home: Span) -> Vec<String> {
    let Some(first) = uses.iter().rev().max_by(|a, b| a.how.cmp(&b.how)) else {
        return vec!["nothing reads it".into()];
    };
    let reader = |one: &Use| {
        let line = place(sources, one.span, home);
        if one.reader.is_empty() { line } else { format!("{line}, `{}`,", one.reader) }
    };
    let at = reader(first);
    let reason = match &first.how {
        How::Once => format!("{at} reads each cell once"),
        How::Again(coords) => format!("{at} reads each cell again for every `{}`", coords.join(", ")),
        How::Elsewhere(text) => format!("{at} reads other cells than its own: `{text}`"),
        How::Later(text) => format!("{at} reads earlier cells: `{text}`"),
        How::Whole(what) => format!("{at} has it whole: {what}"),
    };
    let mut others: Vec<String> = uses.iter().map(reader).filter(|other| *other != at).collect();
    others.dedup();
    let others: Vec<&str> = others.iter().map(|other| other.trim_end_matches(',')).collect();
    let more = (!others.is_empty()).then(|| format!("also read by {}", others.join("; ")));
    std::iter::once(reason).chain(more).collect()
}

struct List<'a, 'p> {
    program: &'p Program,
    decisions: &'a Decisions,
    extents: &'a mut Extents<'p>,
    held: Vec<Held>,
}

impl List<'_, '_> {
    fn expr(&mut self, e: &Expr) {
        match &e.kind {
            ExprKind::Block(stmts, value) => {
                stmts.iter().for_each(|stmt| self.stmt(stmt));
                self.expr(value);
            }
            ExprKind::Family(family) => self.family(family, None),
            _ => e.for_each_child(|child| self.expr(child)),
        }
    }

    fn stmt(&mut self, stmt: &Stmt) {
        match stmt {
            Stmt::Let(var, Expr { kind: ExprKind::Family(family), .. }) => self.family(family, Some(*var)),
            Stmt::Let(var, e) => {
                if e.ty.rank() > 0 {
                    self.other(*var, e);
                }
                self.expr(e);
            }
            Stmt::Rec(recurrence) => {
                for (var, family) in &recurrence.families {
                    self.family(family, Some(*var));
                }
            }
            Stmt::Do(e) => self.expr(e),
        }
    }

    fn family(&mut self, family: &Family, var: Option<VarId>) {
        let kept = match self.decisions.storage(family) {
            Some(Storage::Whole) => "stored".to_owned(),
            Some(Storage::Window { axis, width, inner }) => window(family, axis, width, inner),
            Some(Storage::Registers { axis, width, inner }) => {
                format!("{}, in registers", window(family, axis, width, inner))
            }
            Some(Storage::Row) => "shares the memory of the tensor that it is a row of".to_owned(),
            None => "inlined: its readers compute its cells".to_owned(),
        };
        let dims = self.extents.axes(family);
        let elem = ir::type_name(self.program, &family.elem);
        let bytes = kept_bytes(dims, family, self.decisions.storage(family));
        let (span, title) = match var {
            Some(var) => (self.program.vars[var.index()].span, title(self.program, var)),
            None => (family.span, bracketed(family.name.as_str(), family.axes.iter().map(|axis| axis.name))),
        };
        self.held.push(Held { span, title: format!("{title}: {elem}"), kept, bytes, var, is_explained: false });
        for clause in &family.clauses {
            self.expr(&clause.body);
            clause.otherwise.iter().for_each(|e| self.expr(e));
        }
    }

    /// A tensor that is no family of this function.
    fn other(&mut self, var: VarId, e: &Expr) {
        let kept = match &e.kind {
            _ if self.extents.var_name(var).is_empty() => return,
            ExprKind::Var(other) if !self.extents.var_name(*other).is_empty() => {
                format!("is `{}`, and shares its memory", self.extents.var_name(*other))
            }
            ExprKind::Call(func, _) => format!("stored by `{}`", self.program.funcs[func.index()].name),
            ExprKind::Literal(..) => "stored, a literal".to_owned(),
            ExprKind::Comprehension(_) => "stored, item by item".to_owned(),
            _ => "stored".to_owned(),
        };
        let dims = match &e.kind {
            ExprKind::Var(other) if !self.extents.var_name(*other).is_empty() => Vec::new(),
            _ => self.extents.dims.get(&var).cloned().unwrap_or_default(),
        };
        let elem = ir::type_name(self.program, e.ty.elem());
        let title = format!("{}: {elem}", title(self.program, var));
        let span = self.program.vars[var.index()].span;
        self.held.push(Held {
            span,
            title,
            kept,
            bytes: bytes(&dims, e.ty.elem()),
            var: Some(var),
            is_explained: false,
        });
    }
}

fn window(family: &Family, axis: usize, width: usize, inner: u32) -> String {
    let axes = (0..family.axes.len()).filter(|k| *k == axis || inner >> k & 1 == 1);
    let names: Vec<String> = axes.filter_map(|k| Some(format!("`{}`", family.axes[k].name?))).collect();
    let along = if names.is_empty() { String::new() } else { format!(" along {}", names.join(" and ")) };
    let steps = if width == 1 { "step" } else { "steps" };
    format!("a window of {width} {steps}{along}")
}

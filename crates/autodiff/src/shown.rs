//! `print(@y)` and `print(@y / @x)`: formulas instead of numbers.
//!
//! While quotients are replaced, such an argument becomes a variable, and the statements that would give its value stay
//! in the program. When everything else is done, the printer of derivations writes these statements down, and the text
//! takes the variable's place.

use crate::Differentiator;
use crate::build::*;
use crate::depend::{bound_by, moves_with};
use crate::reverse::{Reverse, new_var};
use crate::terms::is_float;
use diagnostics::Span;
use ir::source::Source;
use ir::{Expr, ExprKind, Program, Slot, Stmt, Type, VarId, VarKind};
use std::collections::{HashMap, HashSet};

/// An argument of `print`, by the variable that stands for it.
pub(crate) enum Shown {
    Quotient {
        y: VarId,
        x: VarId,
    },
    /// A binding's differential, where it moves with anything.
    Differential {
        y: VarId,
        formula: Option<(VarId, Vec<VarId>)>,
    },
}

impl Differentiator {
    /// An argument of `print` that asks for a formula.
    pub(crate) fn shown(&mut self, program: &mut Program, e: &mut Expr) {
        let span = e.span;
        let shown = match &e.kind {
            ExprKind::Quotient(q) => {
                let (y, x) = (whole(&q.y), q.x);
                self.resolve(program, e);
                // Another numerator got a name of its own.
                let Some(y) = y.or_else(|| self.derivations.last().map(|d| d.y)) else { return };
                Shown::Quotient { y, x }
            }
            ExprKind::Tangent(operand, _) => {
                let Some(y) = whole(operand) else { return self.resolve(program, e) };
                let formula = self.differential(program, y, span);
                *e = match &formula {
                    Some((formula, _)) => var(*formula, program.vars[formula.index()].ty.clone(), span),
                    None => expr(ExprKind::Unit, Type::Unit, span),
                };
                Shown::Differential { y, formula }
            }
            _ => return self.resolve(program, e),
        };
        let value = std::mem::replace(e, expr(ExprKind::Unit, Type::Unit, span));
        let stand_in = new_var(program, "", &value.ty, span);
        let ty = value.ty.clone();
        let read = var(stand_in, ty.clone(), span);
        *e = expr(ExprKind::Block(vec![Stmt::Let(stand_in, value)], Box::new(read)), ty, span);
        self.shown.push((stand_in, shown));
    }

    /// A statement that says how a binding moves with what it reads, whose tangents are variables that nothing binds.
    fn differential(&mut self, program: &mut Program, y: VarId, span: Span) -> Option<(VarId, Vec<VarId>)> {
        let level = self.levels.iter().rposition(|l| l.bound.contains(&y))?;
        let reads = |program: &Program, statement: &Stmt| {
            let mut reads = Vec::new();
            statement.for_each_child(|e| reads.extend(moves_with(e)));
            reads.retain(|v| is_float(&program.vars[v.index()].ty));
            reads
        };
        let xs = reads(program, &self.binding(level, y)?);
        if xs.is_empty() {
            return None;
        }
        self.normalise_levels(program, y, &xs, level);
        let statement = self.binding(level, y)?;
        let active: HashSet<VarId> = reads(program, &statement).into_iter().collect();
        let tangents: HashMap<VarId, VarId> = active
            .iter()
            .map(|v| {
                let info = program.vars[v.index()].clone();
                (*v, new_var(program, &format!("@{}", info.name), &info.ty, span))
            })
            .collect();
        let mut reverse = Reverse::new(self, program, &active, &active);
        let value = match &statement {
            Stmt::Let(_, e) => reverse.differential(e, &tangents),
            Stmt::Rec(rec) => {
                let family = rec.families.iter().find(|(v, _)| *v == y).map(|(_, family)| family.clone())?;
                let ty = Type::tensor(family.elem.clone(), family.axes.len());
                reverse.differential(&expr(ExprKind::Family(Box::new(family)), ty, span), &tangents)
            }
            Stmt::Do(_) => None,
        }?;
        let name = format!("@{}", program.vars[y.index()].name);
        let formula = new_var(program, &name, &value.ty, span);
        program.vars[formula.index()].coords = program.vars[y.index()].coords.clone();
        self.bind(level, formula, value);
        Some((formula, tangents.into_values().collect()))
    }

    fn binding(&self, level: usize, v: VarId) -> Option<Stmt> {
        let statements = self.levels[..=level].iter().flat_map(|l| &l.statements);
        statements
            .rev()
            .find(|statement| {
                let mut bound = HashSet::new();
                bound_by(statement, &mut bound);
                bound.contains(&v)
            })
            .cloned()
    }

    /// Texts in the place of all that was to be shown.
    pub(crate) fn show(&mut self, program: &mut Program) {
        let shown = std::mem::take(&mut self.shown);
        if shown.is_empty() {
            return;
        }
        let texts: HashMap<VarId, String> = {
            let mut source = Source::new(program);
            shown.iter().map(|(stand_in, shown)| (*stand_in, self.text(program, &mut source, shown))).collect()
        };
        let formulas: HashSet<VarId> = shown
            .iter()
            .filter_map(|(_, shown)| match shown {
                Shown::Differential { formula, .. } => formula.as_ref().map(|(formula, _)| *formula),
                Shown::Quotient { .. } => None,
            })
            .collect();
        for func in &mut program.funcs {
            func.body.walk_mut(&mut |e| {
                let ExprKind::Block(statements, _) = &mut e.kind else { return };
                if let [Stmt::Let(stand_in, _)] = &statements[..]
                    && let Some(text) = texts.get(stand_in)
                {
                    *e = expr(ExprKind::Str(text.as_str().into()), Type::Str, e.span);
                    return;
                }
                statements.retain(|s| !matches!(s, Stmt::Let(v, _) if formulas.contains(v)));
            });
        }
    }

    fn text(&self, program: &Program, source: &mut Source, shown: &Shown) -> String {
        let named = |v: VarId| program.vars[v.index()].name;
        let lines_of = |source: &mut Source, v: VarId| -> Vec<String> {
            let plain = |line: String| plain_numbers(line.strip_prefix("let ").unwrap_or(&line).trim_end_matches(';'));
            source.binding_of(v).into_iter().map(plain).collect()
        };
        match shown {
            Shown::Differential { y, formula } => match formula {
                Some((formula, tangents)) => {
                    let mut text = lines_of(source, *formula).join("\n");
                    // The tangents are bound nowhere, so that the printer has no names for them.
                    for tangent in tangents {
                        text = renamed(&text, &source.name(*tangent), named(*tangent).as_str());
                    }
                    without_ranges(&text)
                }
                None => format!("@{}", named(*y)),
            },
            Shown::Quotient { y, x } => {
                let quotient = format!("@{} / @{}", named(*y), named(*x));
                let found = self.derivations.iter().rev().find(|d| d.y == *y && d.x == *x);
                let Some(derivation) = found else { return format!("{quotient} = 0") };
                let mut helpers = derivation.helpers.clone();
                let mut lines = Vec::new();
                // What the compiler has named stands where it is read: adjoints and values, by name.
                let (mut adjoints, mut values) = (Vec::new(), Vec::new());
                for step in &derivation.steps {
                    for helper in source.needs(step.adjoint, &helpers) {
                        helpers.retain(|h| *h != helper);
                        lines.extend(lines_of(source, helper));
                    }
                    let own = lines_of(source, step.adjoint);
                    let last = if derivation.mode == crate::Mode::Forward { *y } else { *x };
                    let info = &program.vars[step.operand.index()];
                    if step.operand != last && info.kind == VarKind::Temp && info.ty.rank() == 0 {
                        let value = lines_of(source, step.operand);
                        let found = [&own, &value].map(|lines| match &lines[..] {
                            [line] if !line.contains('\n') => line.split_once(" = "),
                            _ => None,
                        });
                        if let [Some(adjoint), Some(value)] = found {
                            let owned = |(name, of): (&str, &str)| (name.to_owned(), in_parentheses(of));
                            adjoints.push(owned(adjoint));
                            values.push(owned(value));
                            continue;
                        }
                    }
                    if step.operand != last {
                        lines.extend(own);
                        continue;
                    }
                    let name = source.name(step.adjoint);
                    lines.extend(own.into_iter().map(|line| match line.strip_prefix(&name) {
                        Some(rest) if rest.starts_with('[') => format!("({quotient}){rest}"),
                        Some(rest) => format!("{quotient}{rest}"),
                        None => line,
                    }));
                }
                if lines.is_empty() {
                    return format!("{quotient} = 1");
                }
                // Adjoints read those before them here, and values those behind them.
                let opened = adjoints.iter().rev().chain(&values);
                opened.fold(lines.join("\n"), |text, (name, of)| renamed(&text, name, of))
            }
        }
    }
}

/// The binding that is differentiated, or whose cell is.
fn whole(y: &Expr) -> Option<VarId> {
    match &y.kind {
        ExprKind::Var(v) => Some(*v),
        ExprKind::Load(load) => whole(&load.tensor),
        _ => None,
    }
}

/// A local derivative, the tangent that it moves with, and where both stand.
type Part = (Expr, Expr, crate::terms::Context);

impl Reverse<'_> {
    /// How a binding's value moves: each read's local derivative times the tangent of what is read.
    fn differential(&mut self, e: &Expr, tangents: &HashMap<VarId, VarId>) -> Option<Expr> {
        let ExprKind::Family(family) = &e.kind else {
            return if e.ty.rank() == 0 { self.moved(&[], &[], e, tangents) } else { None };
        };
        let mut family = family.clone();
        for clause in &mut family.clauses {
            if clause.slots.len() < family.axes.len() {
                return None;
            }
            let wheres = std::mem::take(&mut clause.wheres);
            clause.body = self.moved(&clause.slots, &wheres, &clause.body, tangents)?;
            if let Some(otherwise) = clause.otherwise.take() {
                clause.otherwise = Some(self.moved(&clause.slots, &[], &otherwise, tangents)?);
            }
        }
        let family = expr(ExprKind::Family(family), e.ty.clone(), e.span);
        Some(ir::visit::refresh(&family, self.program))
    }

    fn moved(
        &mut self,
        slots: &[Slot],
        wheres: &[ir::WhereItem],
        body: &Expr,
        tangents: &HashMap<VarId, VarId>,
    ) -> Option<Expr> {
        let mut total: Vec<(Expr, Part, u32)> = Vec::new();
        for term in self.local_terms(slots, wheres, body).ok()? {
            let tangent = tangents.get(&term.target)?;
            let ty = self.program.vars[tangent.index()].ty.clone();
            let read = match term.index {
                Some(index) => load(*tangent, &ty, index, body.span),
                None if ty.rank() == 0 => var(*tangent, ty, body.span),
                None => return None,
            };
            let value = self.ordered(term.value);
            let whole = mul(value.clone(), read.clone());
            match total.iter_mut().find(|(known, _, _)| crate::solve::same(known, &whole)) {
                Some((_, _, times)) => *times += 1,
                None => total.push((whole, (value, read, term.context), 1)),
            }
        }
        let parts = total.into_iter().map(|(_, (value, read, context), times)| {
            let value = if times == 1 { value } else { mul(float(f64::from(times), &value.ty, value.span), value) };
            let value = mul(value, read);
            sum(context.binders, crate::terms::needed(context.items, &value), value)
        });
        Some(parts.reduce(add).unwrap_or_else(|| float(0.0, &body.ty, body.span)))
    }
}

fn in_parentheses(formula: &str) -> String {
    if formula.contains(' ') { format!("({formula})") } else { formula.to_owned() }
}

/// A text with one name in the place of another.
fn renamed(text: &str, from: &str, to: &str) -> String {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(from) {
        let (before, behind) = (&rest[..at], &rest[at + from.len()..]);
        let alone = !before.ends_with(part) && !behind.starts_with(part);
        out.push_str(before);
        out.push_str(if alone { to } else { from });
        rest = behind;
    }
    out + rest
}

/// Ranges from 0 are left to the reader, as inference would find them.
fn without_ranges(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(" in 0..") {
        out.push_str(&rest[..at]);
        let behind = &rest[at..];
        rest = behind.find([',', ']']).map_or("", |end| &behind[end..]);
    }
    out + rest
}

/// Whole numbers without their fraction, and without suffixes: formulas are read, not compiled.
fn plain_numbers(line: &str) -> String {
    let chars: Vec<char> = line.chars().collect();
    let mut out = String::new();
    let mut at = 0;
    while at < chars.len() {
        let starts =
            chars[at].is_ascii_digit() && (at == 0 || !chars[at - 1].is_alphanumeric() && chars[at - 1] != '_');
        if !starts {
            out.push(chars[at]);
            at += 1;
            continue;
        }
        let end = (at..chars.len())
            .find(|k| {
                !(chars[*k].is_ascii_alphanumeric()
                    || chars[*k] == '.' && chars.get(k + 1).is_some_and(char::is_ascii_digit))
            })
            .unwrap_or(chars.len());
        let number: String = chars[at..end].iter().collect();
        let number = ["f64", "f32"].iter().find_map(|suffix| number.strip_suffix(suffix)).unwrap_or(&number);
        out.push_str(number.strip_suffix(".0").unwrap_or(number));
        at = end;
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_and_ranges_are_those_of_a_formula() {
        assert_eq!(super::renamed("v2 * v21 + v2[i]", "v2", "@x"), "@x * v21 + @x[i]");
        assert_eq!(
            super::without_ranges("@C[i in 0..2, t in 1..4] = sum[k in 0..3](k)"),
            "@C[i, t in 1..4] = sum[k](k)"
        );
    }

    #[test]
    fn numbers_lose_what_no_reader_needs() {
        assert_eq!(
            super::plain_numbers("@y = 2.0 * x1.0 + 0.5f64 * a[10] - 1e-5 + 3.0f64"),
            "@y = 2 * x1.0 + 0.5 * a[10] - 1e-5 + 3"
        );
    }
}

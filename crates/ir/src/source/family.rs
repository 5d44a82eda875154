//! Families: one `let` per clause.

use super::Source;
use super::expr::{is_open, level};
use super::literal::{self, Suffix};
use crate::expr::*;
use crate::types::*;

use super::ranges::Places;

impl Source<'_> {
    /// The clauses of a family, each a statement. `own` are the families that it recurs with.
    pub(super) fn clauses(&mut self, name: &str, own: &[VarId], family: &Family) -> Vec<String> {
        let outer = std::mem::replace(&mut self.own, own.to_vec());
        let mut lines = Vec::new();
        if let Some(ground) = self.ground(name, family) {
            lines.push(ground);
        }
        for clause in &family.clauses {
            lines.push(self.clause(name, family, clause));
        }
        self.own = outer;
        lines
    }

    fn clause(&mut self, name: &str, family: &Family, clause: &Clause) -> String {
        self.lazily(|s| {
            let mut places = Places::default();
            let reads = clause.wheres.iter().map(|item| match item {
                WhereItem::Def(_, e) | WhereItem::Guard(e) => e,
            });
            for e in reads.chain([&clause.body]).chain(&clause.otherwise) {
                s.extents.places(e, &s.own, &mut places);
            }
            let mut slots: Vec<String> = clause
                .slots
                .iter()
                .map(|slot| match slot {
                    Slot::Coord(binder) => s.binder(binder, &places),
                    Slot::Fixed(at) => at.to_string(),
                })
                .collect();
            // A literal alone does not say what type the cells have.
            let mut body = s.expr(&clause.body, level::ANY, false);
            if s.rank_is_open(family) {
                let rest: Vec<String> = (slots.len()..family.axes.len()).map(|k| format!("{name}_{k}")).collect();
                body = format!("{{ let {name}_row = {body}; {name}_row[{}] }}", rest.join(", "));
                for (own, axis) in rest.iter().zip(&family.axes[slots.len()..]) {
                    slots.push(format!("{own} in 0..{}", s.narrow(&axis.extent, level::SUM)));
                }
            }
            let wheres = s.wheres(&clause.wheres);
            let otherwise = match &clause.otherwise {
                Some(e) => format!(" else {}", s.expr(e, level::OR, !is_open(&clause.body))),
                None => String::new(),
            };
            format!("let {name}[{}] = {body}{wheres}{otherwise};", slots.join(", "))
        })
    }

    /// Whether a family of a recurrence consists of rows that calls give: how many axes these have is not known before the
    /// types of what the calls read are.
    fn rank_is_open(&self, family: &Family) -> bool {
        let is_call = |e: &Expr| match &e.kind {
            ExprKind::Field(of, _) => matches!(of.kind, ExprKind::Call(..)),
            kind => matches!(kind, ExprKind::Call(..)),
        };
        let open = |clause: &Clause| clause.slots.len() < family.axes.len() && is_call(&clause.body);
        !self.own.is_empty() && family.clauses.iter().all(open)
    }

    pub(super) fn binder(&mut self, binder: &Binder, places: &Places) -> String {
        let name = self.name(binder.var);
        if self.extents.goes_without_saying(binder, places) {
            return name;
        }
        let (lo, hi) = (self.narrow(&binder.lo, level::SUM), self.narrow(&binder.hi, level::SUM));
        format!("{name} in {lo}..{hi}")
    }

    /// Zeros below clauses that leave the last cells open, so that the family has its extents.
    fn ground(&mut self, name: &str, family: &Family) -> Option<String> {
        let reached = |k: usize, axis: &Axis| {
            family.clauses.iter().any(|clause| match clause.slots.get(k) {
                Some(Slot::Coord(binder)) => self.extents.equal(&binder.hi, &axis.extent) || is_largest(family, k),
                Some(Slot::Fixed(at)) => {
                    matches!(axis.extent.kind, ExprKind::Int(n) if n == at + 1) || is_largest(family, k)
                }
                None => true,
            })
        };
        if family.axes.iter().enumerate().all(|(k, axis)| reached(k, axis)) {
            return None;
        }
        let zero = match &family.elem {
            Type::Scalar(Scalar::Bool) => "false".to_owned(),
            Type::Scalar(s) if s.is_float() => literal::float(0.0, *s, Suffix::Own),
            Type::Scalar(s) => literal::int(0, *s, Suffix::Own),
            _ => "\"\"".to_owned(),
        };
        let slots: Vec<String> = family
            .axes
            .iter()
            .enumerate()
            .map(|(k, axis)| format!("{name}_{k} in 0..{}", self.narrow(&axis.extent, level::SUM)))
            .collect();
        Some(format!("let {name}[{}] = {zero};", slots.join(", ")))
    }

    /// A value with guards and no coordinates.
    pub(super) fn only_cell(&mut self, name: &str, family: &Family) -> String {
        let mut lines = Vec::new();
        self.indent += 1;
        let mut before: Option<String> = None;
        for (k, clause) in family.clauses.iter().enumerate() {
            let own = format!("{name}_{k}");
            let body = self.expr(&clause.body, level::ANY, false);
            let wheres = self.wheres(&clause.wheres);
            let guarded = clause.wheres.iter().any(|item| matches!(item, WhereItem::Guard(_)));
            let otherwise = match (&clause.otherwise, &before) {
                (Some(e), _) => format!(" else {}", self.expr(e, level::OR, false)),
                (None, Some(before)) if guarded => format!(" else {before}"),
                _ => String::new(),
            };
            lines.push(format!("let {own} = {body}{wheres}{otherwise};"));
            before = Some(own);
        }
        lines.extend(before);
        self.indent -= 1;
        self.braces(&lines)
    }
}

/// A family whose last extent is a matter of which clause reaches furthest: the checker asks the same again.
fn is_largest(family: &Family, k: usize) -> bool {
    matches!(&family.axes[k].extent.kind, ExprKind::Op(crate::Op::Max, _)) && family.clauses.len() > 1
}

/// Whether a family only leaves out leading indices of a tensor.
pub(super) fn is_view(family: &Family) -> bool {
    let [clause] = &family.clauses[..] else { return false };
    let ExprKind::Load(load) = &clause.body.kind else { return false };
    if !clause.wheres.is_empty()
        || clause.otherwise.is_some()
        || clause.slots.len() != family.axes.len()
        || family.axes.is_empty()
        || load.index.len() <= clause.slots.len()
    {
        return false;
    }
    let (given, rest) = load.index.split_at(load.index.len() - clause.slots.len());
    let mut own = Vec::new();
    for (slot, index) in clause.slots.iter().zip(rest) {
        let Slot::Coord(binder) = slot else { return false };
        if super::ranges::alone(index) != Some(binder.var) || !matches!(binder.lo.kind, ExprKind::Int(0)) {
            return false;
        }
        own.push(binder.var);
    }
    let reads_own = |e: &Expr| crate::visit::free_vars(e).iter().any(|v| own.contains(v));
    !given.iter().any(reads_own) && !reads_own(&load.tensor)
}

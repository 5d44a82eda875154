//! Reductions whose cells lie side by side where their points do not.
//!
//! `sum[i](x[i, j])` for all `j` reads a column for each cell. Here each row of `x` is folded into a row of cells: the
//! innermost loop is the one along which memory goes. So are sums of a few points for many cells.

use super::bounds::constant;
use super::carried::{Candidate, Carried};
use super::function::Lower;
use super::limits::{Definitions, Item};
use super::reduce::Folding;
use ir::{Expr, ExprKind, Load, Op, Stmt, VarId};

/// Loops of so few turns are no loops to be vectors.
const FEW: i64 = 16;
/// A row of fewer cells is not worth it.
const NARROW: i64 = 24;

impl Lower<'_, '_> {
    pub fn row_by_row<'e>(&self, candidate: Candidate<'e>) -> Option<Carried<'e>> {
        let definitions = Definitions::of(&candidate.items);
        let row = candidate.coords.last()?.clone();
        let last = candidate.reduce.binders.last()?;
        let is_narrow = row.extent().as_int().is_some_and(|cells| cells < NARROW);
        if is_narrow || candidate.ends().any(|end| definitions.mention(end, &[row.var])) {
            return None;
        }
        if candidate.items.iter().any(|item| !is_plain(item.expr())) || !is_plain(&candidate.reduce.body) {
            return None;
        }
        let (mut along_row, mut along_points) = (Steps::default(), Steps::default());
        for e in candidate.items.iter().map(|item| item.expr()).chain([&candidate.reduce.body]) {
            e.walk(&mut |e| {
                if let ExprKind::Load(load) = &e.kind {
                    along_row.note(load, row.var, &definitions);
                    along_points.note(load, last.var, &definitions);
                }
            });
        }
        let points = constant(&last.hi).zip(constant(&last.lo)).map(|(hi, lo)| hi - lo);
        let is_few = points.is_some_and(|points| points <= FEW);
        if along_row.apart > 0 || along_row.next == 0 || along_points.apart == 0 && !is_few {
            return None;
        }
        let mut loops = candidate.binders();
        loops.push(row.var);
        let limits = self.limits(&candidate.items, &loops, &[]);
        // A guard that asks each cell of a row takes more than the row gives.
        let asks = |item: &Item| matches!(item, Item::Guard(..)) && definitions.mention(item.expr(), &[row.var]);
        if limits.items.iter().any(asks) {
            return None;
        }
        let folding = Folding::new(candidate.reduce, !self.is_short(candidate.reduce), candidate.e.span);
        Some(candidate.carried(folding, limits, None, |_, coord| coord.var == row.var))
    }
}

/// How many reads go to the next element with a coordinate, and how many somewhere else.
#[derive(Default)]
struct Steps {
    next: usize,
    apart: usize,
}

impl Steps {
    fn note(&mut self, load: &Load, var: VarId, definitions: &Definitions) {
        let slopes: Vec<Option<i64>> = load.index.iter().map(|e| definitions.slope(e, var)).collect();
        match slopes.split_last() {
            Some((last, others)) if others.iter().all(|slope| *slope == Some(0)) => match last {
                Some(0) => {}
                Some(1) => self.next += 1,
                _ => self.apart += 1,
            },
            _ => self.apart += 1,
        }
    }
}

/// Whether it is arithmetic on cells.
fn is_plain(e: &Expr) -> bool {
    let mut plain = true;
    e.walk(&mut |e| {
        plain &= match &e.kind {
            ExprKind::Op(op, _) => !matches!(op, Op::Rem | Op::Div) || e.ty.scalar().is_some_and(|s| s.is_float()),
            ExprKind::Block(stmts, _) => stmts.iter().all(|stmt| match stmt {
                Stmt::Let(_, e) => e.ty.scalar().is_some(),
                _ => false,
            }),
            ExprKind::Load(load) => matches!(load.tensor.kind, ExprKind::Var(_)),
            ExprKind::Var(_) | ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Bool(_) | ExprKind::Cast(_) => true,
            _ => false,
        };
    });
    plain
}

//! Indices that go round: `x[(i + 1) % n]`. Where a coordinate's range lies within one turn of the circle, the
//! remainder is the sum less a constant; a loop whose range does not is cut where the next turn begins.

use super::function::Lower;
use super::linear::{Definitions, Linear};
use ir::{Clause, Expr, ExprKind, Op, VarId, WhereItem};

/// Pieces that a loop is cut into at most.
const MOST_PIECES: usize = 4;

impl Lower<'_, '_> {
    /// The range of an innermost loop, cut where an index goes round.
    pub fn pieces(&self, clause: &Clause, var: VarId, lo: i64, hi: i64) -> Vec<(i64, i64)> {
        let whole = vec![(lo, hi)];
        if self.options().opt_level == 0 {
            return whole;
        }
        let mut cuts = Vec::new();
        let mut note = |e: &Expr| {
            let ExprKind::Op(Op::Rem, operands) = &e.kind else { return };
            let Some((sum, circle)) = on_circle(operands) else { return };
            let Some(shift) = sum.minus(&Linear::var(var)).and_then(|rest| rest.as_constant()) else { return };
            let first = (lo + shift).div_euclid(circle).max(0) + 1;
            let turns = (first..).map(|turn| turn * circle - shift).take_while(|at| *at < hi);
            cuts.extend(turns.take(MOST_PIECES));
        };
        for item in &clause.wheres {
            let (WhereItem::Def(_, e) | WhereItem::Guard(e)) = item;
            e.walk(&mut note);
        }
        clause.body.walk(&mut note);
        clause.otherwise.iter().for_each(|e| e.walk(&mut note));
        cuts.sort();
        cuts.dedup();
        if cuts.is_empty() || cuts.len() >= MOST_PIECES {
            return whole;
        }
        let ends: Vec<i64> = [lo].into_iter().chain(cuts).chain([hi]).collect();
        ends.windows(2).map(|pair| (pair[0], pair[1])).collect()
    }

    /// What to take off instead of a remainder, where that is the same for all points of the loops around.
    pub fn off_circle(&self, operands: &[Expr]) -> Option<i64> {
        let (sum, circle) = on_circle(operands)?;
        let (least, most) = sum.range(&self.ranges)?;
        let turn = least.div_euclid(circle);
        (turn >= 0 && most.div_euclid(circle) == turn && most <= i64::from(i32::MAX)).then_some(turn * circle)
    }
}

/// The operands of a remainder: a sum, and a constant that is not zero.
fn on_circle(operands: &[Expr]) -> Option<(Linear, i64)> {
    let none = Definitions::new();
    let circle = Linear::of(&operands[1], &none)?.as_constant().filter(|circle| *circle > 0)?;
    let sum = Linear::of(&operands[0], &none)?;
    sum.as_constant().is_none().then_some((sum, circle))
}

//! Indices that go round: `x[(i + 1) % n]`. Where a coordinate's range lies within one turn of the circle, the
//! remainder is the sum less a constant.

use super::function::Lower;
use super::linear::{Definitions, Linear};
use ir::Expr;

impl Lower<'_, '_> {
    /// What to take off instead of a remainder, where that is the same for all points of the loops around.
    pub fn off_circle(&self, operands: &[Expr]) -> Option<i64> {
        let (sum, circle) = on_circle(operands, &Definitions::new())?;
        let (least, most) = sum.range(&self.ranges)?;
        let turn = least.div_euclid(circle);
        (turn >= 0 && most.div_euclid(circle) == turn && most <= i64::from(i32::MAX)).then_some(turn * circle)
    }
}

/// The operands of a remainder: a sum, and a constant that is not zero.
pub fn on_circle(operands: &[Expr], definitions: &Definitions) -> Option<(Linear, i64)> {
    let circle = Linear::of(&operands[1], definitions)?.as_constant().filter(|circle| *circle > 0)?;
    let sum = Linear::of(&operands[0], definitions)?;
    sum.as_constant().is_none().then_some((sum, circle))
}

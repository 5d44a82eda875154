//! What the pass did, for those who ask how a derivative came about.

use diagnostics::{Span, Symbol};
use ir::VarId;

/// Which way a quotient is accumulated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// From the numerator back: each step has the adjoint of an operand.
    Reverse,
    /// From the denominator on: each step has the tangent of an output.
    Forward,
}

impl Mode {
    pub fn name(self) -> &'static str {
        match self {
            Mode::Reverse => "reverse",
            Mode::Forward => "forward",
        }
    }
}

/// A quotient, and the bindings on its paths, in the order of the mode.
#[derive(Clone, Debug)]
pub struct Derivation {
    pub span: Span,
    pub mode: Mode,
    pub y: VarId,
    pub x: VarId,
    pub steps: Vec<Step>,
    /// Statements that hold the adjoints and what these need, by the variables that they bind.
    pub helpers: Vec<VarId>,
}

/// A binding on a path, with its adjoint or its tangent.
#[derive(Clone, Debug)]
pub struct Step {
    pub operand: VarId,
    pub adjoint: VarId,
    /// Of the operand if the step goes back, by it if the step goes on.
    pub reads: Vec<Read>,
}

/// One read of an operand in an output: a set subtraction.
#[derive(Clone, Debug)]
pub struct Read {
    pub operand: VarId,
    pub output: VarId,
    /// Coordinates of the output.
    pub coords: Vec<Symbol>,
    /// What stands at each axis of the operand.
    pub index: Vec<Index>,
    /// Coordinates of the output that no index settles: those that the pullback sums over.
    pub left: Vec<Symbol>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Index {
    /// A coordinate alone.
    Coord(Symbol),
    Constant,
    Other,
}

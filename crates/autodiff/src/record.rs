//! What the pass did, for those who ask how a derivative came about.

use diagnostics::{Span, Symbol};
use ir::VarId;

/// A quotient, and the bindings on its paths from the numerator back.
#[derive(Clone, Debug)]
pub struct Derivation {
    pub span: Span,
    pub y: VarId,
    pub x: VarId,
    pub steps: Vec<Step>,
    /// Statements that hold the adjoints and what these need, by the variables that they bind.
    pub helpers: Vec<VarId>,
}

/// An operand on a path, with its adjoint.
#[derive(Clone, Debug)]
pub struct Step {
    pub operand: VarId,
    pub adjoint: VarId,
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

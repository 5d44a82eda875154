//! Where loops are cut: at the turns from which on a condition on the counter alone holds or fails, and where an index
//! that goes round begins its next turn. Inside of a piece such conditions are known, and remainders are sums.

use super::bounds::{End, Ends};
use super::function::Lower;
use super::linear::{Definitions, Linear, definitions_of};
use super::wrap::on_circle;
use ir::{Clause, Expr, ExprKind, Op, VarId};
use std::collections::BTreeSet;

/// Pieces of one loop at most.
const MOST_PIECES: usize = 8;
/// Nodes of a body and its copies at most.
const MOST_NODES: usize = 4000;

impl Lower<'_, '_> {
    /// A loop over cells of a clause, cut. `copies` says how often its body is written already.
    pub fn pieces(&self, clause: &Clause, var: VarId, range: (i64, i64), copies: usize) -> Vec<(i64, i64)> {
        if self.options().opt_level == 0 {
            return vec![range];
        }
        let mut cuts = Cuts::new(var, range, definitions_of(&clause.wheres));
        clause.for_each_child(|e| cuts.conditions(e));
        cuts.pieces(copies * weight(clause))
    }

    /// Steps of clauses, cut; each with the variable that stands for the step.
    pub fn step_pieces(&self, steps: &[(&Clause, VarId)], (lo, hi): Ends) -> Option<Vec<(i64, i64)>> {
        let (End::Const(lo), End::Const(hi)) = (lo, hi) else { return None };
        let mut points = BTreeSet::new();
        let mut nodes = 0;
        for (clause, var) in steps.iter().filter(|_| self.options().opt_level > 0) {
            let mut cuts = Cuts::new(*var, (lo, hi), definitions_of(&clause.wheres));
            clause.for_each_child(|e| cuts.conditions(e));
            points.extend(cuts.points);
            nodes += weight(clause);
        }
        Some(Cuts { var: VarId(0), range: (lo, hi), definitions: Definitions::new(), points }.pieces(nodes))
    }
}

/// Where the range of a coordinate is cut.
pub struct Cuts<'e> {
    var: VarId,
    range: (i64, i64),
    definitions: Definitions<'e>,
    /// First turns of pieces.
    points: BTreeSet<i64>,
}

impl<'e> Cuts<'e> {
    pub fn new(var: VarId, range: (i64, i64), definitions: Definitions<'e>) -> Cuts<'e> {
        Cuts { var, range, definitions, points: BTreeSet::new() }
    }

    /// Notes where conditions in an expression change.
    pub fn conditions(&mut self, e: &Expr) {
        e.walk(&mut |e| self.condition(e));
    }

    fn condition(&mut self, e: &Expr) {
        let ExprKind::Op(op, operands) = &e.kind else { return };
        match op {
            Op::Rem => self.circle(operands),
            Op::Clamp => {
                self.compared(Op::Lt, &operands[0], &operands[1]);
                self.compared(Op::Gt, &operands[0], &operands[2]);
            }
            Op::Max | Op::Min | Op::Lt | Op::Le | Op::Gt | Op::Ge | Op::Eq | Op::Ne => {
                self.compared(*op, &operands[0], &operands[1]);
            }
            _ => {}
        }
    }

    fn circle(&mut self, operands: &[Expr]) {
        let Some((sum, circle)) = on_circle(operands, &self.definitions) else { return };
        let Some(shift) = sum.minus(&Linear::var(self.var)).and_then(|rest| rest.as_constant()) else { return };
        let first = (self.range.0 + shift).div_euclid(circle).max(0) + 1;
        let turns = (first..).map(|turn| turn * circle - shift).take_while(|at| *at < self.range.1);
        self.points.extend(turns.take(MOST_PIECES + 1));
    }

    /// Two whole numbers whose difference is the counter, or its negative, and a constant.
    fn compared(&mut self, op: Op, a: &Expr, b: &Expr) {
        let linear = |e| Linear::of(e, &self.definitions);
        let Some(difference) = linear(a).zip(linear(b)).and_then(|(a, b)| a.minus(&b)) else { return };
        let counter = Linear::var(self.var);
        let (at, upwards) = match difference.minus(&counter).and_then(|rest| rest.as_constant()) {
            Some(rest) => (-rest, true),
            None => match difference.plus(&counter).and_then(|rest| rest.as_constant()) {
                Some(rest) => (rest, false),
                None => return,
            },
        };
        // The difference is zero at `at`.
        let points = match op {
            Op::Eq | Op::Ne => vec![at, at + 1],
            Op::Lt | Op::Ge | Op::Max | Op::Min if upwards => vec![at],
            Op::Le | Op::Gt if !upwards => vec![at],
            _ => vec![at + 1],
        };
        let (lo, hi) = self.range;
        self.points.extend(points.into_iter().filter(|at| lo < *at && *at < hi));
    }

    /// All pieces.
    pub fn all(&self) -> Vec<(i64, i64)> {
        let (lo, hi) = self.range;
        let ends: Vec<i64> = [lo].into_iter().chain(self.points.iter().copied()).chain([hi]).collect();
        ends.windows(2).map(|pair| (pair[0], pair[1])).collect()
    }

    /// All pieces, or else the longest and what lies beside it, as far as the bodies are not too many.
    fn pieces(self, nodes: usize) -> Vec<(i64, i64)> {
        let ((lo, hi), all) = (self.range, self.all());
        let fits = |count: usize| count <= MOST_PIECES && count * nodes <= MOST_NODES;
        if all.len() == 1 || fits(all.len()) {
            return all;
        }
        let longest = all.iter().copied().max_by_key(|(lo, hi)| hi - lo).expect("a loop has a piece");
        let beside = [(lo, longest.0), longest, (longest.1, hi)];
        if fits(beside.len()) { beside.into_iter().filter(|(lo, hi)| lo < hi).collect() } else { vec![self.range] }
    }
}

fn weight(clause: &Clause) -> usize {
    let mut nodes = 0;
    clause.for_each_child(|e| e.walk(&mut |_| nodes += 1));
    nodes
}

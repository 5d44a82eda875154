//! `let y[b, c] = x[b, c] + bias`, where `bias` carries coordinates of its own: nobody has said which cell meets which.

use crate::cells::SlotSpec;
use crate::env::Entry;
use crate::{Checker, errors, walk};
use diagnostics::Symbol;
use syntax::ast;

impl Checker<'_> {
    /// Whether an operand of a cell that is read at the cell's coordinates meets a whole tensor with other ones, which is
    /// reported. Steps of a recurrence may be slices, and are scaled by numbers of each step.
    pub(crate) fn meets_a_stranger(&mut self, body: &ast::Expr, specs: &[SlotSpec]) -> bool {
        if !self.cx.group.is_empty() {
            return false;
        }
        let own: Vec<Symbol> = specs
            .iter()
            .filter_map(|spec| match spec {
                SlotSpec::Coord { name, .. } => Some(*name),
                SlotSpec::Fixed(_) | SlotSpec::Pack(..) => None,
            })
            .collect();
        let mut operands = Vec::new();
        operands_of(body, &mut operands);
        if operands.len() < 2 {
            return false;
        }
        let (mut reads, mut strangers) = (None, None);
        for operand in operands {
            let carried = self.names_alone(operand);
            let mut spelled = Vec::new();
            walk::free_coords(operand, &mut spelled);
            spelled.extend(&carried);
            let met: Vec<String> =
                own.iter().filter(|name| spelled.contains(name)).map(|name| name.to_string()).collect();
            if !met.is_empty() {
                reads = reads.or(Some((operand.span, met)));
            } else if !carried.is_empty() {
                let carried: Vec<String> = carried.iter().map(|name| name.to_string()).collect();
                strangers = strangers.or(Some((operand.span, carried)));
            }
        }
        let (Some(read), Some(stranger)) = (reads, strangers) else { return false };
        let (left, right) = if read.0.start < stranger.0.start { (&read, &stranger) } else { (&stranger, &read) };
        self.report(errors::different_coords(body.span, (left.0, &left.1), (right.0, &right.1), None));
        true
    }

    /// The coordinates of a tensor that is named alone, if all of its axes have one.
    fn names_alone(&self, e: &ast::Expr) -> Vec<Symbol> {
        let ast::ExprKind::Path(path) = &e.kind else { return Vec::new() };
        let [name] = path.segments.as_slice() else { return Vec::new() };
        match self.cx.env.lookup(name.name) {
            Some(Entry::Var { ty, .. }) => {
                let names: Option<Vec<Symbol>> = ty.axes().iter().map(|axis| axis.name).collect();
                names.unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }
}

/// What arithmetic joins cell by cell.
fn operands_of<'a>(e: &'a ast::Expr, found: &mut Vec<&'a ast::Expr>) {
    match &e.kind {
        ast::ExprKind::Binary { left, right, .. } => {
            operands_of(left, found);
            operands_of(right, found);
        }
        ast::ExprKind::Unary(_, operand) => operands_of(operand, found),
        _ => found.push(e),
    }
}

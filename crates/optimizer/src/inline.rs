//! Puts small functions where cells and reductions call them: a call for each cell costs more than the body.

use crate::calls::CallGraph;
use ir::{Expr, ExprKind, Op, Program, Stmt, visit};
use std::collections::HashMap;

/// Nodes that a body may have at most.
const SMALL: usize = 40;
/// Nodes that a body may have at most for each cell of a tensor that it writes down.
const SMALL_CELL: usize = 20;
/// Cells of such a tensor.
const MOST_CELLS: usize = 16;

/// Replaces calls of small, non-recursive functions inside families and reductions by their bodies. Arguments are
/// bound by `let`, so that they are evaluated once. Integer arithmetic traps in functions and wraps in cells: bodies
/// that do any stay calls.
pub fn inline(program: &mut Program) {
    let graph = CallGraph::new(program);
    let mut bodies: Vec<Option<Expr>> = vec![None; program.funcs.len()];
    // Callees come first, so that what is put in place has no call left that would be put in place itself.
    for group in &graph.groups {
        for func in group {
            let mut body = std::mem::replace(
                &mut program.funcs[func.index()].body,
                Expr { kind: ExprKind::Unit, ty: ir::Type::Unit, span: Default::default() },
            );
            let mut pass = Inliner { program, bodies: &bodies };
            pass.expr(&mut body, false);
            if !graph.recursive[func.index()] {
                let mut template = body.clone();
                // Inside the cell that it is put into, everything is in a cell.
                pass.expr(&mut template, true);
                bodies[func.index()] = is_small(&template).then_some(template);
            }
            program.funcs[func.index()].body = body;
        }
    }
}

struct Inliner<'a> {
    program: &'a mut Program,
    bodies: &'a [Option<Expr>],
}

impl Inliner<'_> {
    fn expr(&mut self, e: &mut Expr, in_cell: bool) {
        let inside = in_cell || matches!(e.kind, ExprKind::Family(_) | ExprKind::Reduce(_));
        if let ExprKind::Block(stmts, value) = &mut e.kind {
            for stmt in stmts {
                let inside = inside || matches!(stmt, Stmt::Rec(_));
                stmt.for_each_child_mut(|child| self.expr(child, inside));
            }
            self.expr(value, inside);
            return;
        }
        e.for_each_child_mut(|child| self.expr(child, inside));
        if let ExprKind::Call(func, args) = &mut e.kind
            && in_cell
            && let Some(body) = &self.bodies[func.index()]
        {
            let params = &self.program.funcs[func.index()].params;
            let (mut lets, mut names) = (Vec::new(), HashMap::new());
            for (param, arg) in params.iter().zip(std::mem::take(args)) {
                match arg.kind {
                    ExprKind::Var(var) if arg.ty == self.program.vars[param.index()].ty => {
                        names.insert(*param, var);
                    }
                    _ => lets.push(Stmt::Let(*param, arg)),
                }
            }
            let is_bare = lets.is_empty();
            let block = ExprKind::Block(lets, Box::new(body.clone()));
            let block = Expr { kind: block, ty: e.ty.clone(), span: e.span };
            // The parameters are bound once for each place, too.
            let mut block = visit::refresh(&block, self.program);
            visit::rename(&mut block, &names);
            *e = match block.kind {
                ExprKind::Block(_, value) if is_bare => *value,
                _ => block,
            };
        }
    }
}

fn is_small(body: &Expr) -> bool {
    let (mut nodes, mut most, mut fits) = (0, SMALL, true);
    body.walk(&mut |e| {
        nodes += 1;
        fits &= match &e.kind {
            ExprKind::Op(op, operands) => {
                let integer = operands[0].ty.scalar().is_some_and(|s| s.is_int());
                let arithmetic =
                    matches!(op, Op::Add | Op::Sub | Op::Mul | Op::Div | Op::Neg | Op::Pow | Op::Abs | Op::Lcm);
                !(integer && arithmetic)
            }
            // What makes tensors or loops is worth a call, which can be moved out of loops as a whole.
            ExprKind::Family(_) | ExprKind::Reduce(_) | ExprKind::Comprehension(_) => false,
            ExprKind::Literal(_, items) => {
                most += SMALL_CELL * items.len();
                items.len() <= MOST_CELLS
            }
            ExprKind::Try(_) | ExprKind::Assert(_) | ExprKind::Builtin(..) | ExprKind::List(_) => false,
            ExprKind::Quotient(_) | ExprKind::Tangent(..) => false,
            ExprKind::Block(stmts, _) => stmts.iter().all(|stmt| matches!(stmt, Stmt::Let(..))),
            _ => true,
        };
    });
    fits && nodes <= most
}

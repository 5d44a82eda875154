//! What evaluating an expression can do besides giving a value.

use crate::calls::CallGraph;
use ir::{Builtin, Expr, ExprKind, FuncId, Op, Program, ReduceOp, WhereItem};

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Facts {
    /// Can end in a run-time error, running out of memory aside, or not end at all.
    pub traps: bool,
    /// Prints, reads or writes files: must happen in order, exactly as often as the program says.
    pub effects: bool,
}

impl Facts {
    const PURE: Facts = Facts { traps: false, effects: false };
    const TRAPS: Facts = Facts { traps: true, effects: false };
    const EFFECTS: Facts = Facts { traps: true, effects: true };

    pub fn join(self, other: Facts) -> Facts {
        Facts { traps: self.traps || other.traps, effects: self.effects || other.effects }
    }
}

/// The facts of every function's body.
pub struct FunctionFacts {
    facts: Vec<Facts>,
    checked: bool,
}

impl FunctionFacts {
    pub fn new(program: &Program, graph: &CallGraph, checked: bool) -> FunctionFacts {
        let mut all = FunctionFacts { facts: vec![Facts::PURE; program.funcs.len()], checked };
        for group in &graph.groups {
            let mut facts = Facts::PURE;
            for func in group {
                facts = facts.join(all.of(&program.funcs[func.index()].body, false));
                facts.traps |= graph.recursive[func.index()];
            }
            for func in group {
                all.facts[func.index()] = facts;
            }
        }
        all
    }

    pub fn function(&self, func: FuncId) -> Facts {
        self.facts[func.index()]
    }

    /// `kernel` says that the expression stands in a cell or a reduction, where integer arithmetic wraps.
    pub fn of(&self, e: &Expr, kernel: bool) -> Facts {
        let mut facts = self.of_node(e, kernel);
        let inside = kernel || matches!(e.kind, ExprKind::Reduce(_) | ExprKind::Family(_));
        e.for_each_child(|child| {
            if !facts.effects {
                facts = facts.join(self.of(child, inside));
            }
        });
        facts
    }

    /// Of the node itself, whatever stands in it.
    pub fn of_node(&self, e: &Expr, kernel: bool) -> Facts {
        use ExprKind::*;
        match &e.kind {
            Unit | Bool(_) | Int(_) | Float(_) | Str(_) | Var(_) | Cast(_) | And(..) | Or(..) | If(..) | Tuple(_)
            | Field(..) | Variant(..) | IsVariant(..) | Payload(..) | Dim(..) | Literal(..) | List(_) | Range(..)
            | Interpolate(_) | StopGradient(_) | Checkpoint(_) => Facts::PURE,
            Block(stmts, _) => {
                let steps =
                    |stmt: &ir::Stmt| matches!(stmt, ir::Stmt::Rec(rec) if rec.families.iter().any(|(_, f)| slices(f)));
                Facts { traps: stmts.iter().any(steps), effects: false }
            }
            Op(op, operands) => Facts { traps: self.op_traps(*op, operands, kernel), effects: false },
            Load(load) => Facts { traps: load.proven.iter().any(|proven| !proven), effects: false },
            Reduce(reduce) => {
                let integer = e.ty.scalar().is_some_and(|s| s.is_int());
                let traps = match reduce.op {
                    ReduceOp::Mean | ReduceOp::ArgMax | ReduceOp::ArgMin => true,
                    ReduceOp::Max | ReduceOp::Min => integer,
                    ReduceOp::Sum | ReduceOp::Prod => integer && self.checked,
                    ReduceOp::Any | ReduceOp::All => false,
                };
                let known = traps && never_empty(reduce) && !(self.checked && integer);
                Facts { traps: traps && !known, effects: false }
            }
            Family(family) => Facts { traps: slices(family), effects: false },
            CheckShape(..) | Item(..) | Assert(_) | Try(_) | Quotient(_) | Tangent(..) => Facts::TRAPS,
            Comprehension(c) => Facts { traps: !c.row.is_empty(), effects: false },
            Call(func, _) => self.facts[func.index()],
            Builtin(builtin, _) => builtin_facts(*builtin),
        }
    }

    fn op_traps(&self, op: Op, operands: &[Expr], kernel: bool) -> bool {
        let Some(first) = operands.first().and_then(|e| e.ty.scalar()) else { return false };
        if !first.is_int() {
            return false;
        }
        match op {
            Op::Div | Op::Rem => {
                let divisor = operands.get(1).map(|e| &e.kind);
                !matches!(divisor, Some(ExprKind::Int(value)) if *value > 0)
            }
            Op::Pow => true,
            Op::Add | Op::Sub | Op::Mul | Op::Neg | Op::Abs | Op::Lcm => !kernel || self.checked,
            _ => false,
        }
    }
}

/// A slice clause checks the extents of its body.
fn slices(family: &ir::Family) -> bool {
    family.clauses.iter().any(|clause| clause.slots.len() < family.axes.len())
}

/// Whether the domain of a reduction has a point, by constants alone.
pub fn never_empty(reduce: &ir::Reduce) -> bool {
    let guarded = reduce.wheres.iter().any(|item| matches!(item, WhereItem::Guard(_)));
    !guarded
        && reduce.binders.iter().all(|b| match (&b.lo.kind, &b.hi.kind) {
            (ExprKind::Int(lo), ExprKind::Int(hi)) => lo < hi,
            _ => false,
        })
}

fn builtin_facts(builtin: Builtin) -> Facts {
    match builtin {
        Builtin::ToStr | Builtin::Concat | Builtin::Len | Builtin::Equal | Builtin::Contains | Builtin::StrLess => {
            Facts::PURE
        }
        Builtin::Rows | Builtin::DynRank | Builtin::DynShape | Builtin::ArgSort => Facts::PURE,
        Builtin::Panic | Builtin::Append | Builtin::ListSlice | Builtin::Settle => Facts::TRAPS,
        Builtin::SameExtent | Builtin::SliceBounds => Facts::TRAPS,
        Builtin::Print | Builtin::LoadNpy | Builtin::SaveNpy | Builtin::ReadText | Builtin::WriteText => Facts::EFFECTS,
        Builtin::File(_) => Facts::EFFECTS,
    }
}

//! Functions that end in a call of themselves become loops.

use super::function::Lower;
use super::life::BlockKey;
use super::value::{Part, Value};
use ir::loops::{Local, St, Ty, Un};
use ir::{Expr, ExprKind, FuncId, Type};

/// Whether the function's value can be a call of itself.
pub fn has_tail_call(body: &Expr, func: FuncId) -> bool {
    match &body.kind {
        ExprKind::Call(callee, _) => *callee == func,
        ExprKind::Block(_, value) => has_tail_call(value, func),
        ExprKind::If(_, yes, no) => has_tail_call(yes, func) || has_tail_call(no, func),
        _ => false,
    }
}

/// Whether the function calls itself elsewhere, too.
pub fn has_other_call(body: &Expr, func: FuncId) -> bool {
    let (mut calls, mut tail) = (0, 0);
    body.walk(&mut |e| calls += matches!(e.kind, ExprKind::Call(callee, _) if callee == func) as usize);
    count_tail(body, func, &mut tail);
    calls > tail
}

fn count_tail(e: &Expr, func: FuncId, count: &mut usize) {
    match &e.kind {
        ExprKind::Call(callee, _) => *count += (*callee == func) as usize,
        ExprKind::Block(_, value) => count_tail(value, func, count),
        ExprKind::If(_, yes, no) => {
            count_tail(yes, func, count);
            count_tail(no, func, count);
        }
        _ => {}
    }
}

struct TailLoop {
    func: FuncId,
    result: Type,
    results: Vec<Local>,
    /// The arguments of the next turn.
    next: Vec<Local>,
    again: Local,
}

impl Lower<'_, '_> {
    /// The body as a loop: a call of itself sets the parameters for another turn.
    pub fn tail_recursive(&mut self, func: FuncId, params: Vec<Value>) {
        let program = self.program();
        let info = &program.funcs[func.index()];
        let mut next = Vec::new();
        for part in params.iter().flat_map(|value| &value.parts) {
            if part.ty == Ty::Ptr {
                // The arguments are the caller's; those of later turns are the loop's own.
                self.emit(St::Retain(part.ex.clone()));
            }
            next.push(self.variable(part.clone(), ""));
        }
        let results = self.result_locals(&info.result);
        let again = self.variable(Part::int(Ty::I8, 0), "");
        let turn = TailLoop { func, result: info.result.clone(), results, next, again };
        self.loop_body(|lower| {
            let mut state = turn.next.iter();
            for param in &info.params {
                let parts = lower.flat(&program.vars[param.index()].ty);
                let mut value = Value::unit();
                for _ in parts {
                    let next = lower.read(*state.next().expect("one local for each part"));
                    let now = lower.bound(next, program.vars[param.index()].name.as_str());
                    if now.ty == Ty::Ptr {
                        lower.own(now.local().expect("bound to a local"));
                    }
                    value.parts.push(now);
                }
                lower.bind(*param, value, false);
            }
            lower.set(turn.again, Part::int(Ty::I8, 0));
            lower.tail(&info.body, &turn);
            lower.release_temps(0);
            let done = lower.read(turn.again).un(Un::Not);
            lower.emit(St::If(done.ex, vec![St::Break], Vec::new()));
        });
        let values = turn.results.iter().map(|local| self.read(*local).ex).collect();
        self.emit(St::Return(values));
    }

    /// An expression in tail position: sets the results, or the arguments of another turn.
    fn tail(&mut self, e: &Expr, turn: &TailLoop) {
        match &e.kind {
            ExprKind::Call(func, args) if *func == turn.func => {
                let params = &self.program().funcs[func.index()].params;
                let mut values = Vec::new();
                for (arg, param) in args.iter().zip(params) {
                    let value = self.lower_as(arg, &self.program().vars[param.index()].ty);
                    // An argument may read the parameter that another one sets.
                    values.push(self.settled(value));
                }
                let parts: Vec<Part> = values.into_iter().flat_map(|value| self.taken(value)).collect();
                for (local, part) in turn.next.iter().zip(parts) {
                    self.set(*local, part);
                }
                self.set(turn.again, Part::int(Ty::I8, 1));
            }
            ExprKind::Block(stmts, value) if has_tail_call(value, turn.func) => {
                let vars = self.stmts(stmts, 0..stmts.len());
                self.current.insert(BlockKey::of(stmts), stmts.len());
                let mark = self.region().temps.len();
                self.tail(value, turn);
                self.release_temps(mark);
                self.end_vars(vars, Value::unit());
            }
            ExprKind::If(cond, yes, no) if has_tail_call(e, turn.func) => {
                let cond = self.scalar(cond);
                let (yes, ()) = self.branch(|lower| lower.tail(yes, turn));
                let (no, ()) = self.branch(|lower| lower.tail(no, turn));
                self.emit(St::If(cond.ex, yes, no));
            }
            _ => {
                let value = self.lower(e);
                if e.ty != Type::Never || turn.result == Type::Never {
                    self.set_results(&turn.results, value);
                }
            }
        }
    }
}

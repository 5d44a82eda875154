//! How much work the code of each function is worth.

use crate::target::Effort;
use ir::loops::{FnId, Module, St};

/// High for what has loops or may be called often: out of a loop, in a recursion, or by something that is itself.
pub fn efforts(module: &Module) -> Vec<Effort> {
    let mut scans = Vec::with_capacity(module.functions.len());
    let mut waiting = module.exports.clone();
    for (function, id) in module.functions.iter().zip(0..) {
        let mut scan = Scan::default();
        scan.block(&function.body, false);
        if function.recursive {
            waiting.push(FnId(id));
        }
        waiting.append(&mut scan.called_in_loops);
        scans.push(scan);
    }
    let mut is_often = vec![false; scans.len()];
    while let Some(FnId(id)) = waiting.pop() {
        if !std::mem::replace(&mut is_often[id as usize], true) {
            waiting.extend(&scans[id as usize].called_once);
        }
    }
    let is_worth = scans.iter().zip(is_often).map(|(scan, often)| often || scan.has_loops);
    is_worth.map(|worth| if worth { Effort::High } else { Effort::Low }).collect()
}

#[derive(Default)]
struct Scan {
    has_loops: bool,
    called_in_loops: Vec<FnId>,
    called_once: Vec<FnId>,
}

impl Scan {
    fn block(&mut self, block: &[St], in_loop: bool) {
        for statement in block {
            match statement {
                St::If(_, then, otherwise) => {
                    self.block(then, in_loop);
                    self.block(otherwise, in_loop);
                }
                St::For { body, .. } | St::Loop(body) => {
                    self.has_loops = true;
                    self.block(body, true);
                }
                St::Try { body, handler, .. } => {
                    self.block(body, in_loop);
                    self.block(handler, in_loop);
                }
                St::Call { func, .. } if in_loop => self.called_in_loops.push(*func),
                St::Call { func, .. } => self.called_once.push(*func),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ir::loops::{Ex, Function, Local, Turns, Ty};

    fn calls(func: u32) -> St {
        St::Call { func: FnId(func), args: Vec::new(), results: Vec::new() }
    }

    fn function(body: Vec<St>) -> Function {
        Function {
            name: String::new(),
            params: Vec::new(),
            results: Vec::new(),
            locals: vec![Ty::I64],
            names: vec![String::new()],
            scratch: 0,
            body,
            recursive: false,
            span: Default::default(),
        }
    }

    #[test]
    fn loops_and_what_they_call_are_worth_the_work() {
        let (lo, hi) = (Ex::Int(Ty::I64, 0), Ex::Int(Ty::I64, 9));
        let looping = St::For { var: Local(0), lo, hi, turns: Turns::Up, body: vec![calls(2)] };
        let functions = vec![
            function(vec![calls(1), looping]),
            function(vec![calls(4)]),
            function(vec![calls(3)]),
            function(vec![]),
            function(vec![]),
        ];
        let module = Module { functions, entry: Some(FnId(0)), ..Module::default() };
        use Effort::{High, Low};
        assert_eq!(efforts(&module), [High, Low, High, High, Low]);
    }
}

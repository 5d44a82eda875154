//! Where the locals of a function are kept.
//!
//! In registers, as far as they go. A function with very many locals (a long script) would keep the register allocator
//! busy with values that are alive from their line to its end, so there the locals that no loop touches are in memory.

use crate::environment::machine;
use cranelift_codegen::ir::{StackSlot, StackSlotData, StackSlotKind};
use cranelift_frontend::{FunctionBuilder, Variable};
use ir::loops::{Ex, Function, Local, St, Ty};

/// From here on a function has very many locals.
const MANY: usize = 400;

#[derive(Clone, Copy)]
pub enum Place {
    Register(Variable),
    /// Offset in the slot.
    Memory(StackSlot, i32),
}

/// A place for each local.
pub fn places(function: &Function, builder: &mut FunctionBuilder) -> Vec<Place> {
    if function.locals.len() < MANY {
        return function.locals.iter().map(|ty| Place::Register(builder.declare_var(machine(*ty)))).collect();
    }
    let mut touched = Touched { in_loops: vec![false; function.locals.len()], depth: 0 };
    touched.block(&function.body);
    let in_memory = touched.in_loops.iter().filter(|in_loops| !**in_loops).count() as u32;
    let slot = builder.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, 8 * in_memory, 3));
    let mut offsets = (0..).step_by(8);
    let place = |(ty, in_loops): (&Ty, &bool)| match in_loops {
        true => Place::Register(builder.declare_var(machine(*ty))),
        false => Place::Memory(slot, offsets.next().expect("there is always a next offset")),
    };
    function.locals.iter().zip(&touched.in_loops).map(place).collect()
}

struct Touched {
    in_loops: Vec<bool>,
    depth: usize,
}

impl Touched {
    fn local(&mut self, local: Local) {
        self.in_loops[local.0 as usize] |= self.depth > 0;
    }

    fn body(&mut self, statements: &[St]) {
        self.depth += 1;
        self.block(statements);
        self.depth -= 1;
    }

    fn block(&mut self, statements: &[St]) {
        for statement in statements {
            match statement {
                St::Let(local, value) | St::Set(local, value) => {
                    self.local(*local);
                    self.value(value);
                }
                St::Store(_, base, index, value) => [base, index, value].into_iter().for_each(|v| self.value(v)),
                St::If(condition, then, otherwise) => {
                    self.value(condition);
                    self.block(then);
                    self.block(otherwise);
                }
                St::For { var, lo, hi, body, .. } => {
                    self.in_loops[var.0 as usize] = true;
                    self.value(lo);
                    self.value(hi);
                    self.body(body);
                }
                St::Spread { turns, .. } => self.block(std::slice::from_ref(&**turns)),
                St::Loop(body) => self.body(body),
                St::Break | St::Own(_) | St::Disown(_) => {}
                St::Release(local) => self.local(*local),
                St::Call { args, results, .. } | St::Rt { args, results, .. } => {
                    args.iter().for_each(|arg| self.value(arg));
                    results.iter().for_each(|local| self.local(*local));
                }
                St::Fail { args, .. } | St::Return(args) => args.iter().for_each(|arg| self.value(arg)),
                St::Retain(object) => self.value(object),
                St::Try { body, message, handler } => {
                    self.block(body);
                    self.local(*message);
                    self.block(handler);
                }
            }
        }
    }

    fn value(&mut self, value: &Ex) {
        if self.depth == 0 {
            return;
        }
        match value {
            Ex::Local(local) => self.local(*local),
            Ex::Int(..) | Ex::F32(_) | Ex::F64(_) | Ex::Data(_) | Ex::Scratch(_) | Ex::Func(_) => {}
            Ex::Un(_, a) | Ex::Convert(_, a) | Ex::Data0(a) | Ex::Dim(a, _) => self.value(a),
            Ex::Bin(_, a, b) | Ex::Cmp(_, a, b) | Ex::Load(_, a, b) => {
                self.value(a);
                self.value(b);
            }
            Ex::Select(condition, a, b) => [condition, a, b].into_iter().for_each(|v| self.value(v)),
            Ex::Math(_, _, arguments) => arguments.iter().for_each(|argument| self.value(argument)),
        }
    }
}

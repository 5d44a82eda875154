//! Loops whose turns are free, several turns at a time.
//!
//! The innermost loops that only compute, store and fold take `LANES` turns at once, as long as there are so many, and
//! leave the rest to the loop as it is written. A value of a lane type is as many machine vectors as the lanes need: with
//! eight lanes that is two for 32 bits and four for 64, which also keeps additions of a sum independent of each other.

mod analysis;
mod lanes;

use crate::environment::machine;
use crate::function::Emitter;
use analysis::{Plan, Role};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Type, Value, types};
use cranelift_frontend::Variable;
use ir::loops::{Bin, Ex, Local, St, Ty};
use lanes::Lanes;
use std::collections::HashMap;

/// Turns that are taken at once.
pub const LANES: i64 = 8;
/// Loops of known length that are shorter stay as they are.
const SHORT: i64 = 32;

/// What is known while the turns of one loop are being emitted.
pub struct Turn<'s> {
    plan: Plan<'s>,
    /// Values of locals that differ from lane to lane.
    values: HashMap<Local, Lanes>,
    /// Values that all lanes and turns have in common, by the place of the expression.
    common: HashMap<*const Ex, Value>,
    /// The vectors that folds go into.
    folds: HashMap<Local, Vec<Variable>>,
}

impl Emitter<'_, '_> {
    /// Takes as many turns as go in whole groups; gives the first turn that is left.
    pub fn vector_turns(&mut self, var: Local, [(lo, low), (hi, high)]: [(&Ex, Value); 2], body: &[St]) -> Value {
        let is_short = matches!((lo, hi), (Ex::Int(_, lo), Ex::Int(_, hi)) if hi - lo < SHORT);
        if self.is_fast() || is_short {
            return low;
        }
        let Some(plan) = Plan::new(var, body, &self.function.locals) else { return low };
        let mut turn = Turn { plan, values: HashMap::new(), common: HashMap::new(), folds: HashMap::new() };
        let (before, group, after) =
            (self.builder.create_block(), self.builder.create_block(), self.builder.create_block());
        let left = self.builder.append_block_param(after, types::I64);
        let length = self.builder.ins().isub(high, low);
        let enough = self.builder.ins().icmp_imm_s(IntCC::SignedGreaterThanOrEqual, length, LANES);
        self.builder.ins().brif(enough, before, &[], after, &[low.into()]);
        self.builder.switch_to_block(before);
        self.builder.seal_block(before);
        let whole = self.builder.ins().band_imm_s(length, -LANES);
        let end = self.builder.ins().iadd(low, whole);
        self.common_values(&mut turn);
        self.begin_folds(&mut turn);
        self.define(var, low);
        self.builder.ins().jump(group, &[]);
        self.builder.switch_to_block(group);
        self.turn(&mut turn);
        let here = self.use_local(var);
        let next = self.builder.ins().iadd_imm_s(here, LANES);
        self.define(var, next);
        let more = self.builder.ins().icmp(IntCC::SignedLessThan, next, end);
        let done = self.builder.create_block();
        self.builder.ins().brif(more, group, &[], done, &[]);
        self.builder.seal_block(group);
        self.builder.switch_to_block(done);
        self.builder.seal_block(done);
        self.end_folds(&turn);
        self.builder.ins().jump(after, &[end.into()]);
        self.builder.switch_to_block(after);
        self.builder.seal_block(after);
        left
    }

    /// Evaluates what no turn changes.
    fn common_values(&mut self, turn: &mut Turn) {
        for expression in turn.plan.common.clone() {
            let value = self.value(expression);
            turn.common.insert(std::ptr::from_ref(expression), value);
        }
    }

    fn turn(&mut self, turn: &mut Turn) {
        for (statement, role) in turn.plan.statements.clone() {
            match (statement, role) {
                (St::Let(local, value), Role::Index) => {
                    let value = self.value(value);
                    self.define(*local, value);
                }
                (St::Let(local, value), _) => {
                    let value = self.lanes(turn, value);
                    turn.values.insert(*local, value);
                }
                (St::Set(local, _), Role::Fold(bin, value)) => self.fold(turn, *local, bin, value),
                (St::Set(local, value), _) => {
                    let value = turn.common[&std::ptr::from_ref(value)];
                    self.define(*local, value);
                }
                (St::Store(ty, base, index, value), _) => {
                    let value = self.lanes(turn, value);
                    let value = self.spread(value, *ty);
                    let (address, offset) = self.address(*ty, base, index);
                    for (k, part) in value.parts.iter().enumerate() {
                        let offset = offset + 16 * k as i32;
                        self.builder.ins().store(self.memory.vectors, *part, address, offset);
                    }
                }
                _ => unreachable!("the analysis lets no other statement through"),
            }
        }
    }

    fn begin_folds(&mut self, turn: &mut Turn) {
        for (local, bin, is_counted) in turn.plan.folds() {
            if is_counted {
                continue;
            }
            let ty = self.function.locals[local.0 as usize];
            let first = match bin {
                Bin::Add => self.number(ty, 0),
                Bin::Mul => self.number(ty, 1),
                // Folding a value in once more does not change these.
                _ => self.use_local(local),
            };
            let start = self.spread(Lanes::common(first), ty);
            let variables = start.parts.iter().map(|part| {
                let variable = self.builder.declare_var(vector_type(ty));
                self.builder.def_var(variable, *part);
                variable
            });
            let variables = variables.collect();
            turn.folds.insert(local, variables);
        }
    }

    fn number(&mut self, ty: Ty, value: i64) -> Value {
        match ty {
            Ty::F32 => self.builder.ins().f32const(value as f32),
            Ty::F64 => self.builder.ins().f64const(value as f64),
            _ => self.builder.ins().iconst(machine(ty), value),
        }
    }

    fn fold(&mut self, turn: &mut Turn, local: Local, bin: Bin, value: &Ex) {
        let ty = self.function.locals[local.0 as usize];
        let Some(variables) = turn.folds.get(&local).cloned() else {
            let old = self.use_local(local);
            let more = turn.common[&std::ptr::from_ref(value)];
            let more = self.builder.ins().imul_imm_s(more, LANES);
            let new = self.builder.ins().iadd(old, more);
            return self.define(local, new);
        };
        let value = self.lanes(turn, value);
        let value = self.spread(value, ty);
        for (variable, part) in variables.iter().zip(value.parts) {
            let old = self.builder.use_var(*variable);
            let new = self.vector_binary(bin, old, part);
            self.builder.def_var(*variable, new);
        }
    }

    /// Folds the lanes together, and the result into the local.
    fn end_folds(&mut self, turn: &Turn) {
        for (local, bin, _) in turn.plan.folds() {
            let Some(variables) = turn.folds.get(&local) else { continue };
            let mut vectors: Vec<Value> = variables.iter().map(|variable| self.builder.use_var(*variable)).collect();
            while vectors.len() > 1 {
                vectors = vectors.chunks(2).map(|pair| self.vector_binary(bin, pair[0], pair[1])).collect();
            }
            let lanes = 16 / self.function.locals[local.0 as usize].size() as u8;
            let mut total = self.use_local(local);
            for lane in 0..lanes {
                let value = self.builder.ins().extractlane(vectors[0], lane);
                total = self.binary(bin, total, value, None);
            }
            self.define(local, total);
        }
    }
}

/// The machine vector of a type: 128 bits, which is what Cranelift has.
pub fn vector_type(ty: Ty) -> Type {
    match ty {
        Ty::F32 => types::F32X4,
        Ty::F64 => types::F64X2,
        Ty::I32 => types::I32X4,
        _ => types::I64X2,
    }
}

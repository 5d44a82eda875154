//! Loops whose turns are free, several turns at a time.
//!
//! The innermost loops that only compute, store and fold take `LANES` turns at once, as long as there are so many, and
//! leave the rest to the loop as it is written. A value of a lane type is as many machine vectors as the lanes need: with
//! eight lanes that is two for 32 bits and four for 64, which also keeps additions of a sum independent of each other.
//! Small bodies take twice as many turns first, those that read much take half as many.

mod analysis;
mod lanes;

use crate::environment::machine;
use crate::function::Emitter;
use analysis::{Copied, Plan, Role};
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{Block, InstBuilder, Type, Value, types};
use cranelift_frontend::Variable;
use ir::loops::{Bin, Ex, Local, St, Ty};
use lanes::Lanes;
use std::collections::HashMap;

/// Turns that are taken at once.
pub const LANES: i64 = 8;
/// Loops of known length that are shorter stay as they are.
const SHORT: i64 = 32;
/// Nodes of a body that takes twice as many turns.
const SMALL: usize = 12;
/// So many cells are worth a call that copies them.
const MANY: i64 = 128;
/// Groups whose sum is taken in `f32` before it is added in `f64`: each lane adds up so few numbers that the whole is no
/// less exact than a pairwise sum.
const BLOCK: i64 = 8;

/// What is known while the turns of one loop are being emitted.
pub struct Turn<'s> {
    plan: Plan<'s>,
    /// Turns that are taken at once.
    lanes: i64,
    /// Values of locals that differ from lane to lane.
    values: HashMap<Local, Lanes>,
    /// Values that all lanes and turns have in common, by the place of the expression.
    common: HashMap<*const Ex, Value>,
    /// The vectors that folds go into.
    folds: HashMap<Local, Vec<Variable>>,
    /// The vectors of `f32` that a block of a sum in `f64` goes into.
    blocks: HashMap<Local, Vec<Variable>>,
    /// Where a maximum or minimum has met NaN, which its vectors do not keep.
    lost: HashMap<Local, Variable>,
}

impl Emitter<'_, '_> {
    /// Takes as many turns as go in whole groups; gives the first turn that is left.
    pub fn vector_turns(&mut self, var: Local, [(lo, low), (hi, high)]: [(&Ex, Value); 2], body: &[St]) -> Value {
        let is_short = matches!((lo, hi), (Ex::Int(_, lo), Ex::Int(_, hi)) if hi - lo < SHORT);
        if self.is_fast() || is_short {
            return low;
        }
        let Some(plan) = Plan::new(var, body, &self.function.locals) else { return low };
        let low = match plan.copies() {
            Some(copied) => self.copied(var, low, high, copied),
            None => low,
        };
        if plan.nodes > SMALL || matches!((lo, hi), (Ex::Int(_, lo), Ex::Int(_, hi)) if hi - lo < 4 * LANES) {
            let lanes = plan.lanes(LANES);
            return self.groups(var, low, high, plan, lanes);
        }
        let left = self.groups(var, low, high, plan.clone(), 2 * LANES);
        self.groups(var, left, high, plan, LANES)
    }

    /// Copies many cells at once; gives the first turn that is left.
    fn copied(&mut self, var: Local, low: Value, high: Value, (ty, target, source): Copied) -> Value {
        let (many, after) = (self.builder.create_block(), self.builder.create_block());
        let left = self.builder.append_block_param(after, types::I64);
        let length = self.builder.ins().isub(high, low);
        let enough = self.builder.ins().icmp_imm_s(IntCC::SignedGreaterThanOrEqual, length, MANY);
        self.builder.ins().brif(enough, many, &[], after, &[low.into()]);
        self.builder.switch_to_block(many);
        self.builder.seal_block(many);
        self.define(var, low);
        let [target, source] = [target, source].map(|(base, index)| {
            let (address, offset) = self.address_in_parts(ty, base, index);
            self.builder.ins().iadd_imm_s(address, i64::from(offset))
        });
        let bytes = self.builder.ins().imul_imm_s(length, ty.size() as i64);
        self.call_entry(runtime::entry::copy as *const (), &[target, source, bytes], None);
        self.builder.ins().jump(after, &[high.into()]);
        self.builder.switch_to_block(after);
        self.builder.seal_block(after);
        left
    }

    /// Takes as many turns as go in groups of `lanes`.
    fn groups(&mut self, var: Local, low: Value, high: Value, plan: Plan, lanes: i64) -> Value {
        let (values, common, folds, blocks, lost) = Default::default();
        let mut turn = Turn { plan, lanes, values, common, folds, blocks, lost };
        let (before, group, after) =
            (self.builder.create_block(), self.builder.create_block(), self.builder.create_block());
        let left = self.builder.append_block_param(after, types::I64);
        let length = self.builder.ins().isub(high, low);
        let enough = self.builder.ins().icmp_imm_s(IntCC::SignedGreaterThanOrEqual, length, lanes);
        self.builder.ins().brif(enough, before, &[], after, &[low.into()]);
        self.builder.switch_to_block(before);
        self.builder.seal_block(before);
        let whole = self.builder.ins().band_imm_s(length, -lanes);
        let end = self.builder.ins().iadd(low, whole);
        self.common_values(&mut turn);
        self.begin_folds(&mut turn);
        let counts: Vec<(Local, Value)> = turn.plan.counted().map(|local| (local, self.use_local(local))).collect();
        self.define(var, low);
        let (done, limit) = (self.builder.create_block(), self.builder.declare_var(types::I64));
        self.builder.def_var(limit, end);
        let block = if turn.blocks.is_empty() { None } else { Some(self.builder.create_block()) };
        self.builder.ins().jump(block.unwrap_or(group), &[]);
        if let Some(block) = block {
            self.builder.switch_to_block(block);
            let here = self.use_local(var);
            let next = self.builder.ins().iadd_imm_s(here, BLOCK * lanes);
            let next = self.builder.ins().smin(next, end);
            self.builder.def_var(limit, next);
            self.begin_blocks(&turn);
            self.builder.ins().jump(group, &[]);
        }
        self.builder.switch_to_block(group);
        self.turn(&mut turn);
        let here = self.use_local(var);
        let next = self.builder.ins().iadd_imm_s(here, lanes);
        self.define(var, next);
        let limit = self.builder.use_var(limit);
        let more = self.builder.ins().icmp(IntCC::SignedLessThan, next, limit);
        let ended = if block.is_some() { self.builder.create_block() } else { done };
        self.builder.ins().brif(more, group, &[], ended, &[]);
        self.builder.seal_block(group);
        if let Some(block) = block {
            self.builder.switch_to_block(ended);
            self.builder.seal_block(ended);
            self.end_blocks(&turn);
            let more = self.builder.ins().icmp(IntCC::SignedLessThan, next, end);
            self.builder.ins().brif(more, block, &[], done, &[]);
            self.builder.seal_block(block);
        }
        self.builder.switch_to_block(done);
        self.builder.seal_block(done);
        if block.is_some() {
            self.unless_too_large(&turn, &counts, (after, low));
        }
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
                    let value = self.spread(turn, value, *ty);
                    let (address, offset) = self.address_in_parts(*ty, base, index);
                    let bytes = if *ty == Ty::I8 { 8 } else { 16 };
                    for (k, part) in value.parts.iter().enumerate() {
                        let offset = offset + bytes * k as i32;
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
            if turn.plan.narrow(local).is_some() {
                let zero = self.builder.ins().f32const(0.0);
                let start = self.spread(turn, Lanes::common(zero), Ty::F32);
                let variables = start.parts.iter().map(|_| self.builder.declare_var(types::F32X4)).collect();
                turn.blocks.insert(local, variables);
            }
            let mut start = self.spread(turn, Lanes::common(first), ty);
            if turn.blocks.contains_key(&local) {
                start.parts.truncate(1);
            }
            let variables = start.parts.iter().map(|part| {
                let variable = self.builder.declare_var(vector_type(ty));
                self.builder.def_var(variable, *part);
                variable
            });
            let variables = variables.collect();
            turn.folds.insert(local, variables);
            if matches!(bin, Bin::FMin | Bin::FMax) {
                // A mask that no lane has set, unless there was NaN before.
                let mask = self.builder.ins().fcmp(FloatCC::Unordered, start.parts[0], start.parts[0]);
                let variable = self.builder.declare_var(self.builder.func.dfg.value_type(mask));
                self.builder.def_var(variable, mask);
                turn.lost.insert(local, variable);
            }
        }
    }

    fn begin_blocks(&mut self, turn: &Turn) {
        for variable in turn.plan.folds().iter().filter_map(|(local, ..)| turn.blocks.get(local)).flatten() {
            let zero = self.builder.ins().f32const(0.0);
            let zeros = self.builder.ins().splat(types::F32X4, zero);
            self.builder.def_var(*variable, zeros);
        }
    }

    /// Sums in `f32` may have met numbers too large for it: then all turns are left to the loop as it is written.
    fn unless_too_large(&mut self, turn: &Turn, counts: &[(Local, Value)], (after, low): (Block, Value)) {
        let (fine, again) = (self.builder.create_block(), self.builder.create_block());
        let blocks = turn.plan.folds().into_iter().filter(|(local, ..)| turn.blocks.contains_key(local));
        let totals: Vec<Variable> = blocks.map(|(local, ..)| turn.folds[&local][0]).collect();
        let mut total = self.builder.use_var(totals[0]);
        for other in &totals[1..] {
            // Zero times what is finite, and NaN otherwise.
            let other = self.builder.use_var(*other);
            let zero = self.builder.ins().fsub(other, other);
            total = self.builder.ins().fadd(total, zero);
        }
        let zero = self.builder.ins().fsub(total, total);
        let lanes = [0, 1].map(|lane| self.builder.ins().extractlane(zero, lane));
        let both = self.builder.ins().fadd(lanes[0], lanes[1]);
        let is_finite = self.builder.ins().fcmp(FloatCC::Ordered, both, both);
        self.builder.ins().brif(is_finite, fine, &[], again, &[]);
        self.builder.switch_to_block(again);
        self.builder.seal_block(again);
        for (local, before) in counts {
            self.define(*local, *before);
        }
        self.builder.ins().jump(after, &[low.into()]);
        self.builder.switch_to_block(fine);
        self.builder.seal_block(fine);
    }

    /// Adds the sums of a block to the sums of all.
    fn end_blocks(&mut self, turn: &Turn) {
        for (local, _, _) in turn.plan.folds() {
            let Some(variables) = turn.blocks.get(&local) else { continue };
            let narrow = variables.iter().map(|variable| self.builder.use_var(*variable)).collect();
            let mut wide = self.widened(narrow);
            while wide.len() > 1 {
                wide = wide.chunks(2).map(|pair| self.vector_binary(Bin::Add, pair[0], pair[1])).collect();
            }
            let total = turn.folds[&local][0];
            let before = self.builder.use_var(total);
            let after = self.vector_binary(Bin::Add, before, wide[0]);
            self.builder.def_var(total, after);
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
            let more = self.builder.ins().imul_imm_s(more, turn.lanes);
            let new = self.builder.ins().iadd(old, more);
            return self.define(local, new);
        };
        if let (Some(narrow), Some(variables)) = (turn.plan.narrow(local), turn.blocks.get(&local).cloned()) {
            let value = self.lanes(turn, narrow);
            for (variable, part) in variables.iter().zip(value.parts) {
                let old = self.builder.use_var(*variable);
                let new = self.vector_binary(Bin::Add, old, part);
                self.builder.def_var(*variable, new);
            }
            return;
        }
        let value = self.lanes(turn, value);
        let value = self.spread(turn, value, ty);
        for (variable, part) in variables.iter().zip(&value.parts) {
            let old = self.builder.use_var(*variable);
            let new = match bin {
                Bin::FMin | Bin::FMax => self.better(bin, old, *part),
                _ => self.vector_binary(bin, old, *part),
            };
            self.builder.def_var(*variable, new);
        }
        let Some(lost) = turn.lost.get(&local).copied() else { return };
        for pair in value.parts.chunks(2) {
            let other = pair.get(1).copied().unwrap_or(pair[0]);
            let is_nan = self.builder.ins().fcmp(FloatCC::Unordered, pair[0], other);
            let before = self.builder.use_var(lost);
            let mask = self.builder.ins().bor(before, is_nan);
            self.builder.def_var(lost, mask);
        }
    }

    /// Folds the lanes together, and the result into the local.
    fn end_folds(&mut self, turn: &Turn) {
        for (local, bin, _) in turn.plan.folds() {
            let Some(variables) = turn.folds.get(&local) else { continue };
            let mut vectors: Vec<Value> = variables.iter().map(|variable| self.builder.use_var(*variable)).collect();
            if let Some(lost) = turn.lost.get(&local) {
                let mask = self.builder.use_var(*lost);
                vectors[0] = self.or_nan(mask, vectors[0]);
            }
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

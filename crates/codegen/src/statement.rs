//! Statements.

use crate::environment::{PTR, machine};
use crate::function::{Emitter, WORD};
use crate::ownership::ErrorExits;
use crate::storage::Place;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use ir::loops::{Ex, FnId, Local, SiteId, St, Turns};
use runtime::{FINE, entry};

impl Emitter<'_, '_> {
    /// Emits a body; whether its end can be reached. What follows a dead end is left out.
    pub fn block(&mut self, statements: &[St]) -> bool {
        statements.iter().all(|statement| self.statement(statement))
    }

    fn statement(&mut self, statement: &St) -> bool {
        match statement {
            St::Let(local, value) | St::Set(local, value) => {
                let value = self.value(value);
                self.define(*local, value);
            }
            St::Store(ty, base, index, value) => self.store(*ty, base, index, value),
            St::If(condition, then, otherwise) => return self.branch(condition, then, otherwise),
            St::For { var, lo, hi, turns, body } => self.counted_loop(*var, lo, hi, *turns, body),
            St::Spread { turns, .. } => return self.statement(turns),
            St::Loop(body) => return self.endless_loop(body),
            St::Break => {
                let exit = *self.loop_exits.last().expect("a break is inside a loop");
                self.builder.ins().jump(exit, &[]);
                return false;
            }
            St::Call { func, args, results } => self.call(*func, args, results),
            St::Rt { name, args, results, site } => self.call_runtime(name, args, results, *site),
            St::Fail { site, args } => {
                let arguments = self.values(args);
                self.fail(*site, &arguments);
                return false;
            }
            St::Own(local) => self.own(*local),
            St::Release(local) => {
                self.give_up(*local);
                let object = self.use_local(*local);
                self.release(object);
            }
            St::Disown(local) => self.give_up(*local),
            St::Retain(object) => {
                let object = self.value(object);
                self.retain(object);
            }
            St::Try { body, message, handler } => return self.attempt(body, *message, handler),
            St::Return(results) => {
                let results = self.values(results);
                self.return_values(FINE, &results);
                return false;
            }
        }
        true
    }

    pub fn define(&mut self, local: Local, value: Value) {
        match self.places[local.0 as usize] {
            Place::Register(variable) => self.builder.def_var(variable, value),
            Place::Memory(slot, offset) => {
                self.builder.ins().stack_store(PTR, value, slot, offset);
            }
        }
    }

    pub fn use_local(&mut self, local: Local) -> Value {
        match self.places[local.0 as usize] {
            Place::Register(variable) => self.builder.use_var(variable),
            Place::Memory(slot, offset) => {
                let ty = machine(self.function.locals[local.0 as usize]);
                self.builder.ins().stack_load(PTR, ty, slot, offset)
            }
        }
    }

    fn branch(&mut self, condition: &Ex, then: &[St], otherwise: &[St]) -> bool {
        let condition = self.value(condition);
        let before = self.owned.clone();
        let yes = self.builder.create_block();
        let join = self.builder.create_block();
        let no = if otherwise.is_empty() { join } else { self.builder.create_block() };
        for (block, body) in [(yes, then), (no, otherwise)] {
            if let Some(St::Fail { .. }) = body.last() {
                self.cold(block);
            }
        }
        if self.is_fast() && matches!(then, [St::Fail { .. }]) {
            // The second of two blocks is laid out first, so that what an error shows is not held to the function's end.
            let fine = self.builder.ins().icmp_imm_u(IntCC::Equal, condition, 0);
            self.builder.ins().brif(fine, no, &[], yes, &[]);
        } else {
            self.builder.ins().brif(condition, yes, &[], no, &[]);
        }
        self.builder.switch_to_block(yes);
        self.builder.seal_block(yes);
        let mut reached = self.block(then);
        if reached {
            self.builder.ins().jump(join, &[]);
        }
        // Both branches end owning the same; a branch that does not end says nothing about it.
        let after = std::mem::replace(&mut self.owned, before);
        let settled = reached.then_some(after);
        if otherwise.is_empty() {
            reached = true;
        } else {
            self.builder.switch_to_block(no);
            self.builder.seal_block(no);
            if self.block(otherwise) {
                if let Some(after) = settled {
                    self.settle_owned(&after);
                }
                self.builder.ins().jump(join, &[]);
                reached = true;
            } else if let Some(after) = settled {
                self.owned = after;
            }
        }
        if reached {
            self.builder.switch_to_block(join);
            self.builder.seal_block(join);
        }
        reached
    }

    /// The test stands at the end of the body, with a copy of it before the loop.
    fn counted_loop(&mut self, var: Local, lo: &Ex, hi: &Ex, turns: Turns, body: &[St]) {
        let (low, high) = (self.value(lo), self.value(hi));
        let low = if turns == Turns::Free { self.vector_turns(var, [(lo, low), (hi, high)], body) } else { low };
        let descending = turns == Turns::Down;
        let (start, after) = (self.builder.create_block(), self.builder.create_block());
        let first = if descending { self.builder.ins().iadd_imm_s(high, -1) } else { low };
        let any = self.builder.ins().icmp(IntCC::SignedLessThan, low, high);
        self.define(var, first);
        self.builder.ins().brif(any, start, &[], after, &[]);
        self.builder.switch_to_block(start);
        let before = self.owned.clone();
        self.loop_exits.push(after);
        if self.block(body) {
            self.settle_owned(&before);
            let here = self.use_local(var);
            let next = self.builder.ins().iadd_imm_s(here, if descending { -1 } else { 1 });
            let more = if descending {
                self.builder.ins().icmp(IntCC::SignedGreaterThan, here, low)
            } else {
                self.builder.ins().icmp(IntCC::SignedLessThan, next, high)
            };
            self.define(var, next);
            self.builder.ins().brif(more, start, &[], after, &[]);
        }
        self.loop_exits.pop();
        self.owned = before;
        self.builder.seal_block(start);
        self.builder.switch_to_block(after);
        self.builder.seal_block(after);
    }

    fn endless_loop(&mut self, body: &[St]) -> bool {
        let (start, after) = (self.builder.create_block(), self.builder.create_block());
        self.builder.ins().jump(start, &[]);
        self.builder.switch_to_block(start);
        let before = self.owned.clone();
        self.loop_exits.push(after);
        if self.block(body) {
            self.settle_owned(&before);
            self.builder.ins().jump(start, &[]);
        }
        self.loop_exits.pop();
        self.owned = before;
        self.builder.seal_block(start);
        let reached = breaks(body);
        if reached {
            self.builder.switch_to_block(after);
            self.builder.seal_block(after);
        }
        reached
    }

    fn call(&mut self, func: FnId, args: &[Ex], results: &[Local]) {
        let callee = self.callee(func);
        let mut arguments = vec![self.context];
        arguments.extend(self.values(args));
        let call = self.builder.ins().call(callee, &arguments);
        let returned = self.builder.inst_results(call).to_vec();
        self.check(returned[0]);
        for (local, value) in results.iter().zip(&returned[1..]) {
            self.define(*local, *value);
        }
    }

    fn call_runtime(&mut self, name: &str, args: &[Ex], results: &[Local], site: Option<SiteId>) {
        let row = self.environment.runtime(name).row;
        let mut arguments = Vec::with_capacity(args.len() + results.len() + 2);
        if row.context {
            arguments.push(self.context);
        }
        if row.site {
            let site = site.expect("a row that takes a site was given one");
            arguments.push(self.builder.ins().iconst(types::I32, i64::from(site.0)));
        }
        arguments.extend(self.values(args));
        if !row.fails {
            let returned = self.call_row(name, &arguments);
            for (local, value) in results.iter().zip(returned) {
                self.define(*local, value);
            }
            return;
        }
        for place in 0..row.results.len() {
            let slot = self.exchange.with(row.results.len());
            arguments.push(self.builder.ins().stack_addr(PTR, slot, place as i32 * WORD));
        }
        let returned = self.call_row(name, &arguments);
        self.check(returned[0]);
        for (place, (local, ty)) in results.iter().zip(row.results).enumerate() {
            let slot = self.exchange.with(row.results.len());
            let value = self.builder.ins().stack_load(PTR, machine(*ty), slot, place as i32 * WORD);
            self.define(*local, value);
        }
    }

    fn attempt(&mut self, body: &[St], message: Local, handler: &[St]) -> bool {
        let base = self.owned.len();
        let before = self.owned.clone();
        let after = self.builder.create_block();
        self.error_exits.push(ErrorExits::new(base));
        let mut reached = self.block(body);
        if reached {
            self.settle_owned(&before);
            self.builder.ins().jump(after, &[]);
        }
        self.owned = before.clone();
        if let Some(caught) = self.emit_exits(base) {
            self.builder.switch_to_block(caught);
            let text = self.call_entry(entry::take_message as *const (), &[self.context], Some(PTR));
            self.define(message, text.expect("the message is a result"));
            if self.block(handler) {
                self.settle_owned(&before);
                self.builder.ins().jump(after, &[]);
                reached = true;
            }
            self.owned = before;
        }
        if reached {
            self.builder.switch_to_block(after);
            self.builder.seal_block(after);
        }
        reached
    }
}

/// Whether a body has a `Break` of its own loop.
fn breaks(body: &[St]) -> bool {
    body.iter().any(|statement| match statement {
        St::Break => true,
        St::If(_, then, otherwise) => breaks(then) || breaks(otherwise),
        St::Try { body, handler, .. } => breaks(body) || breaks(handler),
        _ => false,
    })
}

//! Counts: who owns an object, and how owned objects are given back when an error leaves their scope.
//!
//! Every owned local has a place in one stack slot of the function, by its depth among the owned ones. The way out of
//! an error hands the places of its scope to the runtime, so it is one call however many objects and errors there are.

use crate::environment::{PTR, STATUS};
use crate::function::{Emitter, WORD};
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, Value, types};
use ir::loops::{Local, SiteId};
use runtime::{COUNT_OFFSET, entry};
use std::collections::BTreeMap;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Owned {
    local: Local,
    /// Given back or away, with others above it that are still owned: its place holds null.
    is_over: bool,
}

/// The blocks that errors of one scope go to: the function, or the body of a `Try`.
pub struct ErrorExits {
    /// Owned objects below this depth belong to a scope outside.
    base: usize,
    /// For each depth that errors come from, the blocks that they go to, and how many go to the last one.
    by_depth: BTreeMap<usize, (Vec<Block>, usize)>,
}

/// The register allocator takes time for every predecessor of a block and every value around it, so that blocks which
/// a whole function comes to are split.
const MOST_PREDECESSORS: usize = 64;

impl ErrorExits {
    pub fn new(base: usize) -> ErrorExits {
        ErrorExits { base, by_depth: BTreeMap::new() }
    }
}

impl Emitter<'_, '_> {
    /// The program ends with an error of its entry, so nothing has to be given back there.
    fn cleans_up(&self) -> bool {
        !self.is_entry || self.error_exits.len() > 1
    }

    pub fn own(&mut self, local: Local) {
        let again = self.owned.iter().rposition(|owned| owned.is_over && owned.local == local);
        let depth = match again {
            Some(depth) => {
                self.owned[depth].is_over = false;
                depth
            }
            None => {
                self.owned.push(Owned { local, is_over: false });
                self.owned.len() - 1
            }
        };
        self.note_owned(depth);
    }

    /// Ends an ownership, without touching the count.
    pub fn give_up(&mut self, local: Local) {
        let Some(depth) = self.owned.iter().rposition(|owned| !owned.is_over && owned.local == local) else {
            return;
        };
        self.owned[depth].is_over = true;
        if depth + 1 < self.owned.len() {
            self.note_owned(depth);
        }
        while self.owned.pop_if(|top| top.is_over).is_some() {}
    }

    /// Writes what the way out of an error has to give back at a depth.
    fn note_owned(&mut self, depth: usize) {
        if !self.cleans_up() {
            return;
        }
        let Owned { local, is_over } = self.owned[depth];
        let value = if is_over { self.builder.ins().iconst(PTR, 0) } else { self.use_local(local) };
        let slot = self.owned_slot.with(depth + 1);
        self.builder.ins().stack_store(PTR, value, slot, depth as i32 * WORD);
    }

    /// Makes this end of a body look like the state that its other ends agree on: the same locals may have come into
    /// other places.
    pub fn settle_owned(&mut self, wanted: &[Owned]) {
        let have = std::mem::replace(&mut self.owned, wanted.to_vec());
        for (depth, owned) in wanted.iter().enumerate() {
            if have.get(depth) != Some(owned) {
                self.note_owned(depth);
            }
        }
    }

    /// Where an error of this place goes.
    pub fn error_exit(&mut self) -> Block {
        let cleans_up = self.cleans_up();
        let depth = self.owned.len();
        let exits = self.error_exits.last_mut().expect("the function has an exit");
        let depth = if cleans_up { depth } else { exits.base };
        let (blocks, errors) = exits.by_depth.entry(depth).or_default();
        if let Some(last) = blocks.last().filter(|_| *errors < MOST_PREDECESSORS) {
            *errors += 1;
            return *last;
        }
        let block = self.builder.create_block();
        blocks.push(block);
        *errors = 1;
        self.cold(block);
        block
    }

    /// Writes the blocks of the innermost scope of errors, which begins at depth `base`; the block that they all come to
    /// once everything is given back, if any error comes at all.
    pub fn emit_exits(&mut self, base: usize) -> Option<Block> {
        let exits = self.error_exits.pop().expect("the scope is open");
        if exits.by_depth.is_empty() {
            return None;
        }
        let clean = self.builder.create_block();
        self.cold(clean);
        let deepest = *exits.by_depth.keys().next_back().expect("there is an exit");
        let give_back = (deepest > base).then(|| {
            let block = self.builder.create_block();
            self.cold(block);
            (block, self.builder.append_block_param(block, types::I64))
        });
        for (depth, (blocks, _)) in exits.by_depth {
            for block in blocks {
                self.builder.switch_to_block(block);
                match give_back {
                    Some((give_back, _)) if depth > base => {
                        let count = self.builder.ins().iconst(types::I64, (depth - base) as i64);
                        self.builder.ins().jump(give_back, &[BlockArg::Value(count)]);
                    }
                    _ => {
                        self.builder.ins().jump(clean, &[]);
                    }
                }
            }
        }
        if let Some((block, count)) = give_back {
            self.builder.switch_to_block(block);
            let slot = self.owned_slot.with(deepest);
            let first = self.builder.ins().stack_addr(PTR, slot, base as i32 * WORD);
            self.call_entry(entry::release_all as *const (), &[self.context, first, count], None);
            self.builder.ins().jump(clean, &[]);
        }
        Some(clean)
    }

    /// Goes to the error exit where the status says so.
    pub fn check(&mut self, status: Value) {
        let exit = self.error_exit();
        let fine = self.builder.create_block();
        self.builder.ins().brif(status, exit, &[], fine, &[]);
        self.builder.switch_to_block(fine);
        self.builder.seal_block(fine);
    }

    /// Leaves with an error; nothing can follow in this block.
    pub fn fail(&mut self, site: SiteId, arguments: &[Value]) {
        for (place, argument) in arguments.iter().enumerate() {
            let slot = self.exchange.with(arguments.len());
            self.builder.ins().stack_store(PTR, *argument, slot, place as i32 * WORD);
        }
        let slot = self.exchange.with(0);
        let first = self.builder.ins().stack_addr(PTR, slot, 0);
        let site = self.builder.ins().iconst(types::I32, i64::from(site.0));
        let count = self.builder.ins().iconst(types::I64, arguments.len() as i64);
        self.call_entry(entry::fail as *const (), &[self.context, site, first, count], Some(STATUS));
        let exit = self.error_exit();
        self.builder.ins().jump(exit, &[]);
    }

    pub fn retain(&mut self, object: Value) {
        let count = self.builder.ins().load(types::I64, self.memory.counts, object, COUNT_OFFSET);
        let more = self.builder.ins().iadd_imm_s(count, 1);
        self.builder.ins().store(self.memory.counts, more, object, COUNT_OFFSET);
    }

    pub fn release(&mut self, object: Value) {
        let count = self.builder.ins().load(types::I64, self.memory.counts, object, COUNT_OFFSET);
        let less = self.builder.ins().iadd_imm_s(count, -1);
        self.builder.ins().store(self.memory.counts, less, object, COUNT_OFFSET);
        let (free, kept) = (self.builder.create_block(), self.builder.create_block());
        self.builder.ins().brif(less, kept, &[], free, &[]);
        self.builder.switch_to_block(free);
        self.builder.seal_block(free);
        self.call_entry(entry::free as *const (), &[self.context, object], None);
        self.builder.ins().jump(kept, &[]);
        self.builder.switch_to_block(kept);
        self.builder.seal_block(kept);
    }
}

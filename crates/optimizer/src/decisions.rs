//! What the planner decided about the cells of each family, for those who ask (`accounts`).

use ir::Family;
use std::collections::HashMap;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Storage {
    /// Every cell has its place in memory.
    Whole,
    /// Of the steps along an axis only the last ones have a place, and of the axes of steps within these, which are bits,
    /// only the current step.
    Window { axis: usize, width: usize, inner: u32 },
    /// The same, with the numbers of these steps in registers.
    Registers { axis: usize, width: usize, inner: u32 },
    /// It is a row of another tensor, whose memory it shares.
    Row,
}

/// By the place of the family in the program that was planned.
#[derive(Debug, Default)]
pub struct Decisions {
    storage: HashMap<*const Family, Storage>,
}

impl Decisions {
    pub fn note(&mut self, family: &Family, storage: Storage) {
        self.storage.insert(family, storage);
    }

    /// Nothing if the family has no memory: its readers compute its cells where they need them.
    pub fn storage(&self, family: &Family) -> Option<Storage> {
        self.storage.get(&std::ptr::from_ref(family)).copied()
    }
}

//! Where the variables of blocks are read for the last time.

use ir::{Expr, ExprKind, Stmt, VarId};
use std::collections::HashMap;

/// A block, by the place of its statements.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct BlockKey(*const Stmt);

impl BlockKey {
    pub fn of(stmts: &[Stmt]) -> BlockKey {
        BlockKey(stmts.as_ptr())
    }
}

#[derive(Clone, Copy, Debug)]
pub struct LastUse {
    pub block: BlockKey,
    /// Index of the last statement that mentions the variable; the block's value comes after all statements.
    pub stmt: usize,
    /// How often that statement mentions it.
    pub uses: usize,
}

/// The last use of every variable that a block of the body binds.
pub struct LastUses {
    pub of: HashMap<VarId, LastUse>,
    ending: HashMap<(BlockKey, usize), Vec<VarId>>,
}

impl LastUses {
    pub fn new(body: &Expr) -> LastUses {
        let mut search = Search { current: HashMap::new(), last: HashMap::new() };
        search.expr(body);
        let mut ending: HashMap<(BlockKey, usize), Vec<VarId>> = HashMap::new();
        for (var, last) in &search.last {
            ending.entry((last.block, last.stmt)).or_default().push(*var);
        }
        ending.values_mut().for_each(|vars| vars.sort());
        LastUses { of: search.last, ending }
    }

    /// The variables that nothing behind this statement reads.
    pub fn ending(&self, block: BlockKey, stmt: usize) -> &[VarId] {
        self.ending.get(&(block, stmt)).map_or(&[], |vars| vars)
    }
}

struct Search {
    /// The statement of each open block that is being walked.
    current: HashMap<BlockKey, usize>,
    last: HashMap<VarId, LastUse>,
}

impl Search {
    fn expr(&mut self, e: &Expr) {
        let ExprKind::Block(stmts, value) = &e.kind else {
            e.for_each_use(|var| self.used(*var));
            e.for_each_child(|child| self.expr(child));
            return;
        };
        let block = BlockKey::of(stmts);
        for (k, stmt) in stmts.iter().enumerate() {
            self.current.insert(block, k);
            let unused = LastUse { block, stmt: k, uses: 0 };
            match stmt {
                Stmt::Let(var, value) => {
                    self.expr(value);
                    self.last.insert(*var, unused);
                }
                Stmt::Rec(recurrence) => {
                    for (var, _) in &recurrence.families {
                        self.last.insert(*var, unused);
                    }
                    stmt.for_each_child(|child| self.expr(child));
                }
                Stmt::Do(value) => self.expr(value),
            }
        }
        self.current.insert(block, stmts.len());
        self.expr(value);
    }

    fn used(&mut self, var: VarId) {
        if let Some(last) = self.last.get_mut(&var) {
            let stmt = self.current[&last.block];
            last.uses = if last.stmt == stmt { last.uses + 1 } else { 1 };
            last.stmt = stmt;
        }
    }
}

//! Where statements go, and how far out what does not change can be moved.
//!
//! Regions are the open statement lists, the innermost last. A loop has two: its body, and the guard around it, which
//! runs once if the loop runs at all: what every turn would compute alike goes there. A value's `level` is the innermost
//! region that it depends on. Code is moved out by lowering it while the inner regions are set aside (`at`).

use super::function::Lower;
use super::interval::Interval;
use super::value::{Part, Value, Weight};
use super::window::Window;
use ir::loops::{Bin, Cmp, Ex, Local, St, Turns, Ty};
use std::collections::{HashMap, HashSet};

/// Values that were moved to a region and are looked through before another one is.
const RECENT: usize = 16;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Root,
    /// The statements of a loop.
    Body,
    /// Around a loop: runs if the loop has a turn, `certain` if it is known to have one.
    Guard {
        certain: bool,
    },
    /// Runs only if a condition holds.
    Branch,
}

pub struct Region {
    pub stmts: Vec<St>,
    kind: Kind,
    /// Objects that the current statements own and give back at their end.
    pub temps: Vec<Temp>,
    dims: HashMap<(Local, u32), Local>,
    data: HashMap<Local, Local>,
    /// Indices that are known to be in bounds here: the index, the tensor, the axis.
    pub in_bounds: HashSet<(Local, Local, usize)>,
    /// What was moved here and never changes, and where it is.
    placed: Vec<(Ex, Local)>,
    /// Something was printed, read or written since the region began.
    effects: bool,
    /// Of a loop: turns need what earlier ones made, and none can begin before the last one has ended.
    pub in_order: bool,
}

pub struct Temp {
    pub local: Local,
    /// A variable's name stands for it: it may be read again after somebody took it.
    pub named: bool,
}

/// How far code may be moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    /// Costs nothing and cannot fail: out of everything.
    Free,
    /// Cannot fail, but costs: out of loops, even if they may have no turn, and of branches in them.
    Total,
    /// Can fail: only where it would have been computed for certain.
    Certain,
}

impl Region {
    pub fn root() -> Region {
        Region::new(Kind::Root)
    }

    fn new(kind: Kind) -> Region {
        Region {
            stmts: Vec::new(),
            kind,
            temps: Vec::new(),
            dims: HashMap::new(),
            data: HashMap::new(),
            in_bounds: HashSet::new(),
            placed: Vec::new(),
            effects: false,
            in_order: false,
        }
    }
}

impl Lower<'_, '_> {
    /// The index of the current region.
    pub fn here(&self) -> usize {
        self.regions.len() - 1
    }

    pub fn region(&mut self) -> &mut Region {
        self.regions.last_mut().expect("a region is open")
    }

    pub fn emit(&mut self, stmt: St) {
        self.region().stmts.push(stmt);
    }

    /// From here on nothing that can fail moves before this point.
    pub fn note_effect(&mut self) {
        for region in &mut self.regions {
            region.effects = true;
        }
    }

    pub fn in_loop(&self) -> bool {
        self.regions.iter().any(|region| region.kind == Kind::Body)
    }

    /// Whether what is lowered here waits for an earlier turn.
    pub fn is_in_order(&self) -> bool {
        self.regions.iter().any(|region| region.in_order)
    }

    /// Whether a region has a loop between itself and the current one.
    pub fn is_around_loop(&self, region: usize) -> bool {
        self.regions[region + 1..].iter().any(|region| region.kind == Kind::Body)
    }

    /// The outermost region that code which depends on `level` can be moved to.
    pub fn target(&self, level: usize, reach: Reach) -> usize {
        let mut target = self.here();
        if self.options().opt_level == 0 {
            return target;
        }
        // Computing what a branch may not need pays only if that leaves a loop, too.
        let mut in_branch = false;
        for at in (level + 1..=self.here()).rev() {
            let region = &self.regions[at];
            let passes = match (reach, region.kind) {
                (_, Kind::Root) => false,
                (Reach::Free | Reach::Total, _) => true,
                (Reach::Certain, Kind::Branch) => false,
                (Reach::Certain, Kind::Body) => !region.effects,
                (Reach::Certain, Kind::Guard { certain }) => certain,
            };
            if !passes {
                break;
            }
            in_branch = match region.kind {
                Kind::Branch => reach == Reach::Total,
                Kind::Body => false,
                _ => in_branch,
            };
            if !in_branch {
                target = at - 1;
            }
        }
        target
    }

    /// Lowers something in an outer region, behind what is there already.
    pub fn at<T>(&mut self, region: usize, lower: impl FnOnce(&mut Self) -> T) -> T {
        let aside = self.regions.split_off(region + 1);
        let result = lower(self);
        self.regions.extend(aside);
        result
    }

    /// Moves a value out as far as it goes; where it is computed in place it stays an expression.
    pub fn placed(&mut self, part: Part, reach: Reach) -> Part {
        let reach = if part.weight == Weight::Reads { Reach::Certain } else { reach };
        let target = self.target(part.level, reach);
        if part.is_atom() || target == self.here() {
            return part;
        }
        let mut is_fixed = part.weight == Weight::Free;
        part.ex.walk(&mut |e| match e {
            Ex::Local(local) => is_fixed &= self.info[local.0 as usize].is_fixed,
            Ex::Load(..) => is_fixed = false,
            _ => {}
        });
        if !is_fixed {
            return self.at(target, |lower| lower.bound(part, ""));
        }
        let known = self.regions[target].placed.iter().rev().take(RECENT).find(|(ex, _)| *ex == part.ex);
        if let Some((_, local)) = known {
            return self.read(*local);
        }
        let ex = part.ex.clone();
        let bound = self.at(target, |lower| lower.bound(part, ""));
        self.regions[target].placed.extend(bound.local().map(|local| (ex, local)));
        bound
    }

    /// The extent of a tensor's axis.
    pub fn dim(&mut self, tensor: Local, axis: usize) -> Part {
        let info = &self.info[tensor.0 as usize];
        if let Some(dims) = &info.dims {
            return dims[axis].clone();
        }
        if let Some(extent) = info.extents.and_then(|extents| extents[axis]) {
            return Part::index(extent);
        }
        let level = info.level;
        if let Some(local) = self.regions[level].dims.get(&(tensor, axis as u32)) {
            return self.read(*local);
        }
        let ex = Ex::Dim(Box::new(Ex::Local(tensor)), axis as u32);
        let part = self.at(level, |lower| lower.bound(Part { ex, ty: Ty::I64, level, weight: Weight::Free }, ""));
        let local = part.local().expect("bound to a local");
        self.regions[level].dims.insert((tensor, axis as u32), local);
        part
    }

    /// As many indices as memory holds along an axis.
    pub fn stored_dim(&mut self, tensor: Local, axis: usize) -> Part {
        match self.info[tensor.0 as usize].window {
            Some(window) if window.axis == axis => Part::index(window.stored),
            Some(window) if window.is_inner(axis) => Part::index(1),
            _ => self.dim(tensor, axis),
        }
    }

    /// Where an index lies along an axis: steps of a window go round.
    pub fn slot(&mut self, tensor: Local, axis: usize, index: Part) -> Part {
        if self.info[tensor.0 as usize].window.is_some_and(|window| window.is_inner(axis)) {
            return Part::index(0);
        }
        let Some(Window { stored: width, .. }) =
            self.info[tensor.0 as usize].window.filter(|window| window.axis == axis)
        else {
            return index;
        };
        let slot = match index.as_int() {
            Some(index) => Part::index(index.rem_euclid(width)),
            None if width == 1 => Part::index(0),
            None if width.count_ones() == 1 => index.bin(Bin::And, Part::index(width - 1)),
            None => index.bin(Bin::SRem, Part::index(width)),
        };
        self.placed(slot, Reach::Total)
    }

    /// The memory of a tensor's elements.
    pub fn data(&mut self, tensor: Local) -> Part {
        let level = self.info[tensor.0 as usize].level;
        if let Some(local) = self.regions[level].data.get(&tensor) {
            return self.read(*local);
        }
        let ex = Ex::Data0(Box::new(Ex::Local(tensor)));
        let part = self.at(level, |lower| lower.bound(Part { ex, ty: Ty::Ptr, level, weight: Weight::Free }, ""));
        self.regions[level].data.insert(tensor, part.local().expect("bound to a local"));
        part
    }

    /// Lowers into a region of its own and hands out its statements. What the region still owns is given back; the
    /// closure must have moved what leaves it.
    pub fn branch<T>(&mut self, lower: impl FnOnce(&mut Self) -> T) -> (Vec<St>, T) {
        self.regions.push(Region::new(Kind::Branch));
        let result = lower(self);
        let region = self.close();
        (region.stmts, result)
    }

    fn close(&mut self) -> Region {
        self.release_temps(0);
        self.regions.pop().expect("a region is open")
    }

    /// `if cond { yes }`
    pub fn when(&mut self, cond: Part, yes: impl FnOnce(&mut Self)) {
        match cond.as_int() {
            Some(0) => {}
            Some(_) => yes(self),
            None => {
                let (stmts, ()) = self.branch(yes);
                self.emit(St::If(cond.ex, stmts, Vec::new()));
            }
        }
    }

    /// Runs `inner` where all ranges have a point: loops over them inside have a turn for certain.
    pub fn guarded(&mut self, ranges: &[(Part, Part)], inner: impl FnOnce(&mut Self)) {
        let mut cond: Option<Part> = None;
        for (lo, hi) in ranges {
            match (lo.as_int(), hi.as_int()) {
                (Some(lo), Some(hi)) if lo < hi => {}
                (Some(_), Some(_)) => return,
                _ => {
                    let test = lo.clone().cmp(Cmp::SLt, hi.clone());
                    cond = Some(match cond {
                        Some(cond) => cond.bin(Bin::And, test),
                        None => test,
                    });
                }
            }
        }
        self.regions.push(Region::new(Kind::Guard { certain: cond.is_none() }));
        inner(self);
        let guard = self.close();
        match cond {
            // A loop alone tests its range itself.
            Some(cond) if !matches!(guard.stmts[..], [] | [St::For { .. } | St::Spread { .. }]) => {
                self.emit(St::If(cond.ex, guard.stmts, Vec::new()));
            }
            _ => self.region().stmts.extend(guard.stmts),
        }
    }

    /// A loop over a range that has a point, or inside a guard that knows.
    pub fn certain_loop(&mut self, range: (Part, Part), turns: Turns, name: &str, body: impl FnOnce(&mut Self, Local)) {
        let spread = self.spread.take();
        self.regions.push(Region::new(Kind::Body));
        let (lo, hi) = (self.interval(&range.0.ex), self.interval(&range.1.ex));
        let var = self.named(Ty::I64, name);
        let info = &mut self.info[var.0 as usize];
        (info.interval, info.is_fixed) = (Interval::of_turns(lo, hi), true);
        self.turns.insert(var, range.clone());
        body(self, var);
        self.turns.remove(&var);
        let region = self.close();
        let (lo, hi) = (range.0.ex, range.1.ex);
        let turns = St::For { var, lo, hi, turns, body: region.stmts };
        self.emit(match spread {
            Some(own) => St::Spread { own, turns: Box::new(turns) },
            None => turns,
        });
    }

    /// The turns of the next loop may run on several threads, each with such tensors of its own.
    pub fn spread_next(&mut self, own: Vec<(Local, Vec<St>)>) {
        let mut loops = self.regions.iter().filter(|region| region.kind == Kind::Body);
        if self.options().opt_level > 0 && loops.all(|region| region.in_order) {
            self.spread = Some(own);
        }
    }

    /// A loop over a range that may be empty.
    pub fn for_loop(&mut self, range: (Part, Part), turns: Turns, name: &str, body: impl FnOnce(&mut Self, Local)) {
        // Where the range is empty there is no loop, and the next one is another one.
        let spread = self.spread.take();
        let range = (self.atom(range.0), self.atom(range.1));
        self.guarded(std::slice::from_ref(&range), |lower| {
            lower.spread = spread;
            lower.certain_loop(range.clone(), turns, name, body);
        });
    }

    pub fn enter_branch(&mut self) {
        self.regions.push(Region::new(Kind::Branch));
    }

    pub fn leave_branch(&mut self) -> Vec<St> {
        self.close().stmts
    }

    /// The statements of an endless loop.
    pub fn loop_body(&mut self, body: impl FnOnce(&mut Self)) {
        let (stmts, ()) = self.branch(body);
        self.emit(St::Loop(stmts));
    }

    /// Before objects are released: what still has to be read from them.
    pub fn settled(&mut self, value: Value) -> Value {
        Value { parts: value.parts.into_iter().map(|part| self.atom(part)).collect() }
    }
}

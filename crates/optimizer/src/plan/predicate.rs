//! Branches of innermost loops that become choices.
//!
//! `if open { cell = a }` computes `a` everywhere and keeps it where the gate is open, if that cannot fail, costs little, and
//! every cell that it reads exists behind a closed gate, too. That is asked once, in front of the loops, where it is not
//! known.

use super::function::Lower;
use super::region::Reach;
use super::value::{Part, Weight};
use ir::loops::{Bin, Cmp, Convert, Ex, Local, St, Ty};
use std::collections::HashMap;

/// Nodes that are computed where nobody wants them.
const FEW: usize = 60;

/// A cell that was read: its place, and whether the place exists in all turns of the loops around.
pub struct CellRead {
    base: Ex,
    index: Ex,
    /// `None` if that cannot be asked in front of the loop.
    exists: Option<Vec<Part>>,
}

impl Lower<'_, '_> {
    /// Notes a read whose branch may become a choice.
    pub fn note_read(&mut self, tensor: Local, index: &[Part], place: &Part) {
        if self.gates == 0 || self.options().opt_level == 0 {
            return;
        }
        let base = self.data(tensor).ex;
        let mut exists = Some(Vec::new());
        for (axis, at) in index.iter().enumerate() {
            let dim = self.dim(tensor, axis);
            let inside = self.always_inside(at, &dim);
            exists = exists.zip(inside).map(|(mut all, inside)| {
                all.extend(inside);
                all
            });
        }
        self.reads.push(CellRead { base, index: place.ex.clone(), exists });
    }

    /// What has to hold for an index to be in bounds in all turns of the innermost loop.
    fn always_inside(&self, at: &Part, dim: &Part) -> Option<Vec<Part>> {
        let (var, more) = match &at.ex {
            Ex::Local(local) => (Some(*local), 0),
            Ex::Bin(op @ (Bin::Add | Bin::Sub), a, b) => match (&**a, &**b) {
                (Ex::Local(local), Ex::Int(_, more)) => (Some(*local), if *op == Bin::Add { *more } else { -more }),
                _ => (None, 0),
            },
            _ => (None, 0),
        };
        let mut tests = Vec::new();
        let mut test = |less: Part, cmp, more: Part| match less.cmp(cmp, more) {
            known if known.as_int() == Some(1) => true,
            known if known.as_int() == Some(0) => false,
            open => {
                tests.push(open);
                true
            }
        };
        if let Some((lo, hi)) = var.and_then(|var| self.turns.get(&var)) {
            let shifted = |end: &Part| end.clone().bin(Bin::Add, Part::index(more));
            let is_whole = more == 0 && hi.local().is_some() && hi.local() == dim.local();
            let fits =
                test(Part::index(0), Cmp::SLe, shifted(lo)) && (is_whole || test(shifted(hi), Cmp::SLe, dim.clone()));
            return fits.then_some(tests);
        }
        let is_outer = at.weight == Weight::Free && self.target(at.level.max(dim.level), Reach::Free) < self.here();
        if !is_outer {
            return None;
        }
        let fits = test(Part::index(0), Cmp::SLe, at.clone()) && test(at.clone(), Cmp::SLt, dim.clone());
        fits.then_some(tests)
    }

    /// Emits a branch, as a choice if it can be one. Reads from number `first` on were made in it.
    pub fn choose(&mut self, cond: Part, open: Vec<St>, closed: Vec<St>, first: usize) {
        let reads = std::mem::take(&mut self.reads);
        let chosen = self.chosen(&cond, &open, &closed, &reads[first..]);
        // A branch around this one may become a choice as well.
        self.reads = if self.gates > 0 { reads } else { Vec::new() };
        let Some((chosen, exist)) = chosen else {
            return self.emit(St::If(cond.ex, open, closed));
        };
        let mut known: Option<Part> = None;
        for test in exist {
            known = Some(match known {
                None => test,
                Some(all) => all.bin(Bin::And, test),
            });
        }
        let Some(known) = known else { return chosen.into_iter().for_each(|statement| self.emit(statement)) };
        let known = self.placed(known, Reach::Total);
        let known = self.atom(known);
        self.emit(St::If(known.ex, chosen, vec![St::If(cond.ex, open, closed)]));
    }

    fn chosen(&mut self, cond: &Part, open: &[St], closed: &[St], reads: &[CellRead]) -> Option<(Vec<St>, Vec<Part>)> {
        if self.options().opt_level == 0 || !self.in_loop() {
            return None;
        }
        let (mut exist, mut nodes, mut fits) = (Vec::new(), 0, true);
        for statement in open.iter().chain(closed) {
            let mut check = |e: &Ex| {
                e.walk(&mut |e| {
                    nodes += 1;
                    fits &= match e {
                        Ex::Load(_, base, index) => {
                            let read = reads.iter().find(|read| read.base == **base && read.index == **index);
                            let tests = read.and_then(|read| read.exists.as_ref());
                            exist.extend(tests.into_iter().flatten().cloned());
                            tests.is_some()
                        }
                        Ex::Bin(Bin::SDiv | Bin::UDiv | Bin::SRem | Bin::URem, _, by) => {
                            matches!(**by, Ex::Int(_, by) if by > 0)
                        }
                        Ex::Math(name, _, _) => crate::tile::kernel(name).is_some(),
                        Ex::Data0(_) | Ex::Dim(..) => false,
                        _ => true,
                    };
                });
            };
            match statement {
                St::Let(_, value) | St::Set(_, value) => check(value),
                St::Store(_, base, index, value) => [base, index, value].into_iter().for_each(&mut check),
                _ => return None,
            }
        }
        if !fits || nodes > FEW {
            return None;
        }
        let is_open = self.named(Ty::I8, "");
        let mut chosen = vec![St::Let(is_open, cond.ex.clone())];
        let choose = |yes: Ex, no: Ex| Ex::Select(Box::new(Ex::Local(is_open)), Box::new(yes), Box::new(no));
        let (mut lets, mut stores) = (HashMap::new(), Vec::new());
        for statement in closed {
            match statement {
                St::Let(local, value) => {
                    lets.insert(*local, value);
                    chosen.push(statement.clone());
                }
                St::Store(ty, base, index, value) => stores.push((*ty, base, opened(index, &lets), value)),
                _ => return None,
            }
        }
        for statement in open {
            chosen.push(match statement {
                St::Let(local, value) => {
                    lets.insert(*local, value);
                    statement.clone()
                }
                St::Set(local, value) => {
                    let fold = match value {
                        Ex::Bin(bin, old, more) if matches!(**old, Ex::Local(old) if old == *local) => {
                            neutral(*bin, self.locals[local.0 as usize]).map(|neutral| (*bin, old, more, neutral))
                        }
                        _ => None,
                    };
                    St::Set(
                        *local,
                        match fold {
                            Some((bin, old, more, neutral)) => {
                                let more = choose((**more).clone(), neutral);
                                Ex::Bin(bin, old.clone(), Box::new(widened_choice(&more).unwrap_or(more)))
                            }
                            None => choose(value.clone(), Ex::Local(*local)),
                        },
                    )
                }
                St::Store(ty, base, index, value) => {
                    let place = opened(index, &lets);
                    let same = |(other, at, to, _): &(Ty, &Ex, Ex, &Ex)| other == ty && *at == base && *to == place;
                    let no = match stores.iter().position(same) {
                        Some(at) => stores.remove(at).3.clone(),
                        None if closed.is_empty() => Ex::Load(*ty, Box::new(base.clone()), Box::new(index.clone())),
                        None => return None,
                    };
                    St::Store(*ty, base.clone(), index.clone(), choose(value.clone(), no))
                }
                _ => return None,
            });
        }
        stores.is_empty().then_some((chosen, exist))
    }
}

/// An index without the locals of its branch.
fn opened(e: &Ex, lets: &HashMap<Local, &Ex>) -> Ex {
    let mut e = match e {
        Ex::Local(local) if lets.contains_key(local) => return opened(lets[local], lets),
        e => e.clone(),
    };
    for child in e.children_mut() {
        *child = opened(child, lets);
    }
    e
}

/// What changes nothing when it is folded in.
fn neutral(bin: Bin, ty: Ty) -> Option<Ex> {
    let float = |value: f64| if ty == Ty::F32 { Ex::F32(value as f32) } else { Ex::F64(value) };
    Some(match bin {
        Bin::Add if ty.is_float() => float(-0.0),
        Bin::Mul if ty.is_float() => float(1.0),
        Bin::FMax => float(f64::NEG_INFINITY),
        Bin::FMin => float(f64::INFINITY),
        Bin::Add | Bin::Or => Ex::Int(ty, 0),
        Bin::Mul => Ex::Int(ty, 1),
        _ => return None,
    })
}

/// A sum in `f64` of numbers that are `f32`: they are chosen before they are widened.
fn widened_choice(e: &Ex) -> Option<Ex> {
    let Ex::Select(cond, yes, no) = e else { return None };
    let (Ex::Convert(how @ Convert::Float(Ty::F64), yes), Ex::F64(no)) = (&**yes, &**no) else { return None };
    let no = Ex::F32(*no as f32);
    Some(Ex::Convert(*how, Box::new(Ex::Select(cond.clone(), yes.clone(), Box::new(no)))))
}

//! What a turn leaves to the next one, in a register.
//!
//! A loop whose turns go in order and that reads what the turn before has stored (`d[i, j - 1]`) keeps that number in a
//! local: memory would pass it on much later. Where a chain of additions, maxima and the like joins it with other
//! numbers, those are joined first, so that as little as can be stands between one turn and the next.

use ir::loops::{Bin, Cmp, Ex, Function, Local, Module, St, Turns, Ty};
use std::collections::{HashMap, HashSet};

pub fn carry(module: &mut Module) {
    for function in &mut module.functions {
        let mut body = std::mem::take(&mut function.body);
        block(function, &mut body);
        function.body = body;
    }
}

fn block(function: &mut Function, body: &mut Vec<St>) {
    for statement in std::mem::take(body) {
        match statement {
            St::For { var, lo, hi, turns, body: inner } if turns != Turns::Free && Chain::is_in(&inner) => {
                let chain = Chain { function, var, lo, hi, turns };
                chain.carried(inner, body);
            }
            mut other => {
                other.blocks_mut().into_iter().for_each(|body| block(function, body));
                body.push(other);
            }
        }
    }
}

/// A loop that stores one number in each turn.
struct Chain<'a> {
    function: &'a mut Function,
    var: Local,
    lo: Ex,
    hi: Ex,
    turns: Turns,
}

impl Chain<'_> {
    fn is_in(body: &[St]) -> bool {
        let Some((St::Store(..), before)) = body.split_last() else { return false };
        before.iter().all(|statement| matches!(statement, St::Let(..)))
    }

    fn carried(self, mut body: Vec<St>, out: &mut Vec<St>) {
        let Chain { function, var, lo, hi, turns } = self;
        let same = |body| St::For { var, lo: lo.clone(), hi: hi.clone(), turns, body };
        let lets = bindings(&body);
        let Some(St::Store(ty, base, index, _)) = body.last() else { unreachable!("the loop ends in a store") };
        let (ty, base) = (*ty, base.clone());
        let back = if turns == Turns::Up { -1 } else { 1 };
        let Some(last) = Linear::of(index, &lets).and_then(|index| index.moved(var, back)) else {
            return out.push(same(body));
        };
        let is_last = |e: &Ex| match e {
            Ex::Load(of, from, index) => {
                *of == ty && **from == base && Linear::of(index, &lets).as_ref() == Some(&last)
            }
            _ => false,
        };
        let mut found = None;
        for statement in &body {
            let (St::Let(_, value) | St::Store(_, _, _, value)) = statement else { continue };
            value.walk(&mut |e| {
                if is_last(e) && found.is_none() {
                    found = Some(opened(e, &lets));
                }
            });
        }
        let Some(before_first) = found else { return out.push(same(body)) };
        let carried = local(function, ty);
        let replaced: Vec<St> = body.iter().map(|statement| replaced(statement, &is_last, carried)).collect();
        body = replaced;
        body = joined_last(body, carried);
        let Some(St::Store(ty, base, index, value)) = body.pop() else { unreachable!("the loop ends in a store") };
        let result = local(function, ty);
        body.push(St::Let(result, value));
        body.push(St::Store(ty, base, index, Ex::Local(result)));
        body.push(St::Set(carried, Ex::Local(result)));
        let first = match turns {
            Turns::Down => bin(Bin::Sub, hi.clone(), Ex::Int(Ty::I64, 1)),
            _ => lo.clone(),
        };
        let first = with(&before_first, var, &first);
        match (&lo, &hi) {
            (Ex::Int(_, lo), Ex::Int(_, hi)) if lo < hi => out.push(St::Let(carried, first)),
            _ => {
                let has_turn = Ex::Cmp(Cmp::SLt, Box::new(lo.clone()), Box::new(hi.clone()));
                out.push(St::Let(carried, nothing(ty)));
                out.push(St::If(has_turn, vec![St::Set(carried, first)], Vec::new()));
            }
        }
        out.push(St::For { var, lo, hi, turns, body });
    }
}

fn local(function: &mut Function, ty: Ty) -> Local {
    function.locals.push(ty);
    function.names.push(String::new());
    Local(function.locals.len() as u32 - 1)
}

fn nothing(ty: Ty) -> Ex {
    match ty {
        Ty::F32 => Ex::F32(0.0),
        Ty::F64 => Ex::F64(0.0),
        ty => Ex::Int(ty, 0),
    }
}

fn bin(op: Bin, a: Ex, b: Ex) -> Ex {
    Ex::Bin(op, Box::new(a), Box::new(b))
}

fn bindings(body: &[St]) -> HashMap<Local, Ex> {
    let binding = |statement: &St| match statement {
        St::Let(local, value) => Some((*local, value.clone())),
        _ => None,
    };
    body.iter().filter_map(binding).collect()
}

/// A whole number as multiples of locals and of what is no sum, and a constant.
#[derive(PartialEq, Debug)]
struct Linear {
    terms: Vec<(Ex, i64)>,
    constant: i64,
}

impl Linear {
    fn of(e: &Ex, lets: &HashMap<Local, Ex>) -> Option<Linear> {
        let mut linear = Linear { terms: Vec::new(), constant: 0 };
        linear.add(e, 1, lets)?;
        linear.terms.retain(|(_, times)| *times != 0);
        // The same sums in another order are the same.
        linear.terms.sort_by_cached_key(|(e, _)| format!("{e:?}"));
        Some(linear)
    }

    fn add(&mut self, e: &Ex, times: i64, lets: &HashMap<Local, Ex>) -> Option<()> {
        match e {
            Ex::Int(_, value) => self.constant = self.constant.checked_add(value.checked_mul(times)?)?,
            Ex::Local(local) if lets.contains_key(local) => self.add(&lets[local], times, lets)?,
            Ex::Bin(Bin::Add, a, b) => {
                self.add(a, times, lets)?;
                self.add(b, times, lets)?;
            }
            Ex::Bin(Bin::Sub, a, b) => {
                self.add(a, times, lets)?;
                self.add(b, times.checked_neg()?, lets)?;
            }
            Ex::Bin(Bin::Mul, a, b) if matches!(**b, Ex::Int(..)) => {
                let Ex::Int(_, factor) = **b else { return None };
                self.add(a, times.checked_mul(factor)?, lets)?;
            }
            e => match self.terms.iter_mut().find(|(term, _)| term == e) {
                Some((_, sum)) => *sum = sum.checked_add(times)?,
                None => self.terms.push((e.clone(), times)),
            },
        }
        Some(())
    }

    /// The number at a turn so many further. Only multiples of the counter may depend on it.
    fn moved(mut self, var: Local, turns: i64) -> Option<Linear> {
        for (term, times) in &self.terms {
            match term {
                Ex::Local(local) if *local == var => {
                    self.constant = self.constant.checked_add(times.checked_mul(turns)?)?;
                }
                Ex::Local(_) => {}
                _ => return None,
            }
        }
        Some(self)
    }
}

/// With bindings of the body in place of their locals.
fn opened(e: &Ex, lets: &HashMap<Local, Ex>) -> Ex {
    let mut e = match e {
        Ex::Local(local) if lets.contains_key(local) => return opened(&lets[local], lets),
        e => e.clone(),
    };
    for child in e.children_mut() {
        *child = opened(child, lets);
    }
    e
}

fn with(e: &Ex, var: Local, at: &Ex) -> Ex {
    let mut e = match e {
        Ex::Local(local) if *local == var => return at.clone(),
        e => e.clone(),
    };
    for child in e.children_mut() {
        *child = with(child, var, at);
    }
    e
}

fn replaced(statement: &St, is_last: &dyn Fn(&Ex) -> bool, carried: Local) -> St {
    match statement {
        St::Let(local, value) => St::Let(*local, instead(value, is_last, carried)),
        St::Store(ty, base, index, value) => {
            St::Store(*ty, base.clone(), index.clone(), instead(value, is_last, carried))
        }
        _ => unreachable!("the loop only computes and stores"),
    }
}

fn instead(e: &Ex, is_last: &dyn Fn(&Ex) -> bool, carried: Local) -> Ex {
    if is_last(e) {
        return Ex::Local(carried);
    }
    let mut e = e.clone();
    for child in e.children_mut() {
        *child = instead(child, is_last, carried);
    }
    e
}

/// The body with what is stored written so that what depends on the last turn comes last.
fn joined_last(mut body: Vec<St>, carried: Local) -> Vec<St> {
    let lets = bindings(&body);
    let mut uses: HashMap<Local, usize> = HashMap::new();
    body.iter().for_each(|statement| statement.for_each_local(&mut |local| *uses.entry(local).or_insert(0) += 1));
    let mut dependent = HashSet::from([carried]);
    for statement in &body {
        if let St::Let(local, value) = statement
            && depends(value, &dependent)
        {
            dependent.insert(*local);
        }
    }
    let chains = Chains { lets: &lets, uses: &uses, dependent };
    let Some(St::Store(ty, base, index, value)) = body.pop() else { unreachable!("the loop ends in a store") };
    let value = chains.joined(&value);
    body.push(St::Store(ty, base, index, value));
    // What was put where it is needed has no use any more.
    loop {
        let mut read: HashMap<Local, usize> = HashMap::new();
        body.iter().for_each(|statement| statement.for_each_local(&mut |local| *read.entry(local).or_insert(0) += 1));
        let before = body.len();
        body.retain(|statement| !matches!(statement, St::Let(local, _) if read[local] == 1));
        if body.len() == before {
            return body;
        }
    }
}

fn depends(e: &Ex, on: &HashSet<Local>) -> bool {
    let mut found = false;
    e.walk(&mut |e| found |= matches!(e, Ex::Local(local) if on.contains(local)));
    found
}

struct Chains<'a> {
    lets: &'a HashMap<Local, Ex>,
    /// How often each local is mentioned, its binding included.
    uses: &'a HashMap<Local, usize>,
    /// What the last turn left, and what is made of it.
    dependent: HashSet<Local>,
}

impl Chains<'_> {
    fn depends(&self, e: &Ex) -> bool {
        depends(e, &self.dependent)
    }

    /// What stands for an expression: its binding, if nothing else reads it.
    fn own<'e>(&'e self, e: &'e Ex) -> &'e Ex {
        match e {
            Ex::Local(local) if self.uses.get(local) == Some(&2) && self.depends(e) => {
                self.lets.get(local).map_or(e, |value| self.own(value))
            }
            e => e,
        }
    }

    fn joined(&self, e: &Ex) -> Ex {
        let e = self.own(e);
        if !self.depends(e) {
            return e.clone();
        }
        let op = match e {
            Ex::Bin(op, ..) if is_free_of_order(*op) => *op,
            e => {
                let mut e = e.clone();
                e.children_mut().into_iter().for_each(|child| *child = self.joined(child));
                return e;
            }
        };
        let mut operands = Vec::new();
        self.operands(op, e, &mut operands);
        let (late, early): (Vec<&Ex>, Vec<&Ex>) = operands.into_iter().partition(|e| self.depends(e));
        let all = early.into_iter().cloned().chain(late.into_iter().map(|e| self.joined(e)));
        all.reduce(|all, e| bin(op, all, e)).expect("an operation has operands")
    }

    /// What one operation joins.
    fn operands<'e>(&'e self, op: Bin, e: &'e Ex, found: &mut Vec<&'e Ex>) {
        match self.own(e) {
            Ex::Bin(other, a, b) if *other == op => {
                self.operands(op, a, found);
                self.operands(op, b, found);
            }
            e => found.push(e),
        }
    }
}

/// Whether operands may be joined in any order, which those of floating-point sums may not.
fn is_free_of_order(op: Bin) -> bool {
    matches!(op, Bin::SMin | Bin::SMax | Bin::UMin | Bin::UMax | Bin::And | Bin::Or | Bin::Xor)
}

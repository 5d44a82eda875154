//! The order of two loops by how they go through memory.
//!
//! Where the innermost loop jumps from row to row and the one around it does not, they change places. Where either order
//! jumps, as in `A[i, j] + B[j, i]`, both are cut into tiles: what a tile reads of a row is still in the cache when the
//! next turn of the inner loop comes back to that row.

use ir::loops::{Bin, Ex, Function, Local, Module, St, Turns, Ty};
use std::collections::HashMap;

/// Turns of a tile: of the outer loop some cache lines, of the inner one so few that the lines of all its rows stay near
/// even where they lie a power of two apart.
const OUTER: i64 = 64;
const INNER: i64 = 16;
/// Loops of known length that are shorter stay as they are.
const SHORT: i64 = 16;

pub fn reorder(module: &mut Module) {
    for function in &mut module.functions {
        let mut body = std::mem::take(&mut function.body);
        Pass { function }.block(&mut body);
        function.body = body;
    }
}

struct Pass<'a> {
    function: &'a mut Function,
}

/// How far apart the places are that an access goes to from turn to turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Slope {
    None,
    Next,
    Apart,
}

/// What two orders of loops make of all accesses.
#[derive(Default)]
struct Jumps {
    inner: usize,
    outer: usize,
}

impl Pass<'_> {
    fn block(&mut self, body: &mut Vec<St>) {
        for statement in body {
            if let Some(better) = self.better(statement) {
                *statement = better;
                continue;
            }
            match statement {
                St::If(_, yes, no) => [yes, no].into_iter().for_each(|body| self.block(body)),
                St::For { body, .. } | St::Loop(body) => self.block(body),
                St::Try { body, handler, .. } => [body, handler].into_iter().for_each(|body| self.block(body)),
                _ => {}
            }
        }
    }

    fn better(&mut self, statement: &St) -> Option<St> {
        let St::For { var, lo, hi, turns: Turns::Free, body } = statement else { return None };
        let (St::For { var: inner, lo: first, hi: last, turns: Turns::Free, body: leaf }, lets) = body.split_last()?
        else {
            return None;
        };
        let mut values: HashMap<Local, &Ex> = HashMap::new();
        for statement in lets {
            let St::Let(local, value) = statement else { return None };
            values.insert(*local, value);
        }
        let depends = |e: &Ex| e.reads(*var) || values.keys().any(|local| e.reads(*local));
        let is_short = |lo: &Ex, hi: &Ex| matches!((lo, hi), (Ex::Int(_, lo), Ex::Int(_, hi)) if hi - lo < SHORT);
        if depends(first) || depends(last) || is_short(lo, hi) || is_short(first, last) {
            return None;
        }
        let mut jumps = Jumps::default();
        for statement in leaf {
            match statement {
                St::Let(local, value) => {
                    note_loads(value, *inner, *var, &values, &mut jumps);
                    values.insert(*local, value);
                }
                St::Store(_, base, index, value) => {
                    note(index, *inner, *var, &values, &mut jumps);
                    [base, index, value].into_iter().for_each(|e| note_loads(e, *inner, *var, &values, &mut jumps));
                }
                _ => return None,
            }
        }
        if jumps.inner == 0 {
            return None;
        }
        let turns = Turns::Free;
        if jumps.outer == 0 {
            let mut body = lets.to_vec();
            body.extend(leaf.iter().cloned());
            let within = St::For { var: *var, lo: lo.clone(), hi: hi.clone(), turns, body };
            return Some(St::For { var: *inner, lo: first.clone(), hi: last.clone(), turns, body: vec![within] });
        }
        let rows = self.cut(lo, hi, OUTER);
        let cells = self.cut(first, last, INNER);
        let leaf = St::For { var: *inner, lo: cells.from(), hi: cells.to(), turns, body: leaf.clone() };
        let mut body = lets.to_vec();
        body.push(leaf);
        let tile = St::For { var: *var, lo: rows.from(), hi: rows.to(), turns, body };
        let mut body = cells.ends.to_vec();
        body.push(tile);
        let zero = Ex::Int(Ty::I64, 0);
        let along = St::For { var: cells.number, lo: zero.clone(), hi: cells.count, turns, body };
        let mut body = rows.ends.to_vec();
        body.push(along);
        Some(St::For { var: rows.number, lo: zero, hi: rows.count, turns, body })
    }

    /// A range in pieces.
    fn cut(&mut self, lo: &Ex, hi: &Ex, length: i64) -> Pieces {
        let [number, from, to] = [(); 3].map(|()| {
            self.function.locals.push(Ty::I64);
            self.function.names.push(String::new());
            Local(self.function.locals.len() as u32 - 1)
        });
        let length = |more: i64| Ex::Int(Ty::I64, length + more);
        let points = bin(Bin::Sub, hi.clone(), lo.clone());
        let count = bin(Bin::SDiv, bin(Bin::Add, points, length(-1)), length(0));
        let start = bin(Bin::Add, lo.clone(), bin(Bin::Mul, Ex::Local(number), length(0)));
        let end = bin(Bin::SMin, bin(Bin::Add, Ex::Local(from), length(0)), hi.clone());
        Pieces { number, count, ends: [St::Let(from, start), St::Let(to, end)], range: [from, to] }
    }
}

struct Pieces {
    number: Local,
    count: Ex,
    /// What begins a piece.
    ends: [St; 2],
    range: [Local; 2],
}

impl Pieces {
    fn from(&self) -> Ex {
        Ex::Local(self.range[0])
    }

    fn to(&self) -> Ex {
        Ex::Local(self.range[1])
    }
}

fn bin(op: Bin, a: Ex, b: Ex) -> Ex {
    Ex::Bin(op, Box::new(a), Box::new(b))
}

fn note_loads(e: &Ex, inner: Local, outer: Local, values: &HashMap<Local, &Ex>, jumps: &mut Jumps) {
    e.walk(&mut |e| {
        if let Ex::Load(_, _, index) = e {
            note(index, inner, outer, values, jumps);
        }
    });
}

fn note(index: &Ex, inner: Local, outer: Local, values: &HashMap<Local, &Ex>, jumps: &mut Jumps) {
    let (along, across) = (slope(index, inner, values), slope(index, outer, values));
    jumps.inner += usize::from(along == Slope::Apart && across == Slope::Next);
    jumps.outer += usize::from(across == Slope::Apart && along != Slope::Apart);
}

/// How an index moves with a coordinate.
fn slope(e: &Ex, var: Local, values: &HashMap<Local, &Ex>) -> Slope {
    match e {
        Ex::Local(local) if *local == var => Slope::Next,
        Ex::Local(local) => values.get(local).map_or(Slope::None, |value| slope(value, var, values)),
        Ex::Bin(Bin::Add, a, b) => match (slope(a, var, values), slope(b, var, values)) {
            (Slope::None, one) | (one, Slope::None) => one,
            _ => Slope::Apart,
        },
        Ex::Bin(Bin::Sub, a, b) if slope(b, var, values) == Slope::None => slope(a, var, values),
        _ => {
            let moves = e.children().into_iter().any(|child| slope(child, var, values) != Slope::None);
            if moves { Slope::Apart } else { Slope::None }
        }
    }
}

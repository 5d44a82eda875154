//! Which loops can take several turns at once.

use ir::loops::{Bin, Convert, Ex, Local, St, Ty, Un};
use std::collections::HashMap;

/// Lanes of a read lie so many elements apart at most.
const FARTHEST: i64 = 1 << 20;
/// Vectors that are read before the first of them is made use of.
const REGISTERS: i64 = 14;
/// Nodes that pay for reading lanes one by one.
const LANE_BY_LANE: usize = 4;

/// What a statement of the body is.
#[derive(Clone, Copy)]
pub enum Role<'s> {
    /// A whole number that is only needed where the first lane reads or writes memory.
    Index,
    /// Something that each lane has its own value of.
    Data,
    /// Folds a value into a local that nothing else in the body reads.
    Fold(Bin, &'s Ex),
    /// Gives a local a value that is the same in each turn.
    Same,
}

/// A type, and base and index of where cells of it go and come from.
pub type Copied<'s> = (Ty, (&'s Ex, &'s Ex), (&'s Ex, &'s Ex));

#[derive(Clone)]
pub struct Plan<'s> {
    /// Nodes of all that is computed for each lane.
    pub nodes: usize,
    /// Machine vectors that four turns read, and whether there are bytes among what they read and write.
    reads: usize,
    has_bytes: bool,
    pub statements: Vec<(&'s St, Role<'s>)>,
    /// Sums in `f64` of what each lane has in `f32`.
    narrow: HashMap<Local, &'s Ex>,
    /// How far apart the lanes of reads lie that are not next to each other, by the place of the read.
    pub strides: HashMap<*const Ex, i64>,
    /// The largest expressions that no turn changes.
    pub common: Vec<&'s Ex>,
}

impl<'s> Plan<'s> {
    pub fn new(var: Local, body: &'s [St], types: &[Ty]) -> Option<Plan<'s>> {
        let mut analysis = Analysis {
            types,
            steps: HashMap::from([(var, 1)]),
            data: HashMap::new(),
            common: Vec::new(),
            nodes: 0,
            reads: Vec::new(),
            has_bytes: false,
            narrow: HashMap::new(),
            strides: HashMap::new(),
            takes_blocks: false,
        };
        // What is stored cannot be stored again if a sum has to be taken again.
        analysis.takes_blocks = !body.iter().any(|statement| matches!(statement, St::Store(..)));
        let mut sets = HashMap::new();
        for statement in body {
            match statement {
                St::Set(local, _) => *sets.entry(*local).or_insert(0) += 1,
                St::Let(..) | St::Store(..) => {}
                _ => return None,
            }
        }
        let mut statements = Vec::new();
        let mut works = false;
        for statement in body {
            let role = match statement {
                St::Let(local, value) if !sets.contains_key(local) => analysis.binding(*local, value)?,
                St::Set(local, value) if sets[local] == 1 => analysis.fold(*local, value, body)?,
                St::Store(ty, base, index, value) => {
                    let fits =
                        (has_lanes(*ty) || *ty == Ty::I8) && analysis.is_common(base) && analysis.step(index)? == 1;
                    let kind = analysis.data(value)?;
                    let is_byte = *ty == Ty::I8 && kind.is_none();
                    if !fits || is_byte || kind.is_some_and(|kind| kind != Kind::of(*ty)) {
                        return None;
                    }
                    analysis.has_bytes |= *ty == Ty::I8;
                    analysis.note_common(base);
                    Role::Data
                }
                _ => return None,
            };
            works |= matches!(statement, St::Store(..))
                || matches!(role, Role::Fold(_, value) if !analysis.is_common(value));
            statements.push((statement, role));
        }
        let reads = analysis.reads.iter().map(|(_, ty)| ty.size().div_ceil(4)).sum();
        let Analysis { nodes, has_bytes, narrow, common, strides, .. } = analysis;
        // Lanes that are read one by one have to be worth it.
        if strides.values().filter(|stride| **stride != 2).count() * LANE_BY_LANE > nodes {
            return None;
        }
        works.then_some(Plan { nodes, reads, has_bytes, statements, narrow, strides, common })
    }

    /// Turns that are best taken at once, `most` at most: what they read should fit the registers.
    pub fn lanes(&self, most: i64) -> i64 {
        if self.has_bytes || self.reads as i64 * most / 4 <= REGISTERS { most } else { most / 2 }
    }

    /// Whether the turns do nothing but copy cells that lie next to each other.
    pub fn copies(&self) -> Option<Copied<'s>> {
        let mut lets = HashMap::new();
        for (statement, role) in &self.statements[..self.statements.len() - 1] {
            match (statement, role) {
                (St::Let(local, value), Role::Data | Role::Index) => drop(lets.insert(*local, value)),
                _ => return None,
            }
        }
        let opened = |e: &'s Ex| match e {
            Ex::Local(local) => lets.get(local).copied().unwrap_or(e),
            e => e,
        };
        let (St::Store(ty, base, index, value), _) = self.statements.last()? else { return None };
        let Ex::Load(from, source, at) = opened(value) else { return None };
        let is_next = !self.strides.contains_key(&std::ptr::from_ref(opened(value)));
        // Indices that other locals of the body are part of have no value before the turns.
        let is_own = |e: &Ex| lets.keys().any(|local| e.reads(*local));
        let (index, at) = (opened(index), opened(at));
        let fits = from == ty && is_next && !is_own(index) && !is_own(at);
        fits.then_some((*ty, (base, index), (&**source, at)))
    }

    /// What the lanes of a sum in `f64` add up, if that is `f32`.
    pub fn narrow(&self, local: Local) -> Option<&'s Ex> {
        self.narrow.get(&local).copied()
    }

    /// Folds that only count turns.
    pub fn counted(&self) -> impl Iterator<Item = Local> {
        self.folds().into_iter().filter(|(.., is_counted)| *is_counted).map(|(local, ..)| local)
    }

    /// The folds: the local, the operation, and whether it only counts turns.
    pub fn folds(&self) -> Vec<(Local, Bin, bool)> {
        let fold = |(statement, role): &(&St, Role<'s>)| match (statement, role) {
            (St::Set(local, _), Role::Fold(bin, value)) => {
                Some((*local, *bin, *bin == Bin::Add && matches!(value, Ex::Int(..))))
            }
            _ => None,
        };
        self.statements.iter().filter_map(fold).collect()
    }
}

/// What the lanes of a value are; a comparison has as many bits as what it compares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Number(Ty),
    Mask(usize),
}

impl Kind {
    fn of(ty: Ty) -> Kind {
        Kind::Number(ty)
    }
}

/// Kinds that machine vectors have in this module.
fn has_lanes(ty: Ty) -> bool {
    matches!(ty, Ty::F32 | Ty::F64 | Ty::I32 | Ty::I64)
}

struct Analysis<'s, 't> {
    types: &'t [Ty],
    /// By how much the counter, and the whole numbers that the body binds, grow from turn to turn.
    steps: HashMap<Local, i64>,
    /// What the lanes of the body's other locals are.
    data: HashMap<Local, Option<Kind>>,
    common: Vec<&'s Ex>,
    nodes: usize,
    reads: Vec<(&'s Ex, Ty)>,
    has_bytes: bool,
    narrow: HashMap<Local, &'s Ex>,
    strides: HashMap<*const Ex, i64>,
    takes_blocks: bool,
}

impl<'s> Analysis<'s, '_> {
    fn binding(&mut self, local: Local, value: &'s Ex) -> Option<Role<'s>> {
        if self.types[local.0 as usize] == Ty::I64 {
            let step = self.step(value)?;
            self.steps.insert(local, step);
            return Some(Role::Index);
        }
        let kind = self.data(value)?;
        self.data.insert(local, kind);
        Some(Role::Data)
    }

    fn fold(&mut self, local: Local, value: &'s Ex, body: &[St]) -> Option<Role<'s>> {
        if self.is_common(value) && !mentions(value, local) {
            self.note_common(value);
            return Some(Role::Same);
        }
        let ty = self.types[local.0 as usize];
        let Ex::Bin(bin, old, value) = value else { return None };
        let folds = match bin {
            Bin::Add => true,
            Bin::Mul => !ty.is_float() && ty == Ty::I32,
            Bin::FMin | Bin::FMax => true,
            Bin::SMin | Bin::SMax => ty == Ty::I32,
            _ => false,
        };
        let reads = body.iter().map(|statement| reads(statement, local)).sum::<usize>();
        if !folds || !has_lanes(ty) || !matches!(**old, Ex::Local(l) if l == local) || reads != 1 {
            return None;
        }
        if let (Bin::Add, Ex::Convert(Convert::Float(Ty::F64), narrow)) = (bin, &**value)
            && self.takes_blocks
            && !self.is_common(narrow)
            && self.data(narrow)? == Some(Kind::of(Ty::F32))
        {
            self.narrow.insert(local, narrow);
            return Some(Role::Fold(*bin, value));
        }
        let kind = self.data(value)?;
        (kind.is_none_or(|kind| kind == Kind::of(ty))).then_some(Role::Fold(*bin, value))
    }

    /// Whether a value is the same in all turns.
    fn is_common(&self, e: &Ex) -> bool {
        match e {
            Ex::Local(local) => !self.steps.contains_key(local) && !self.data.contains_key(local),
            _ => e.children().into_iter().all(|child| self.is_common(child)),
        }
    }

    fn note_read(&mut self, e: &'s Ex, ty: Ty) {
        if !self.reads.iter().any(|(other, _)| *other == e) {
            self.reads.push((e, ty));
        }
    }

    fn note_common(&mut self, e: &'s Ex) {
        self.common.push(e);
    }

    /// By how much a whole number grows from turn to turn.
    fn step(&self, e: &Ex) -> Option<i64> {
        if self.is_common(e) {
            return Some(0);
        }
        match e {
            Ex::Local(local) => self.steps.get(local).copied(),
            Ex::Bin(Bin::Add, a, b) => self.step(a)?.checked_add(self.step(b)?),
            Ex::Bin(Bin::Sub, a, b) => self.step(a)?.checked_sub(self.step(b)?),
            Ex::Bin(Bin::Mul, a, b) => match (&**a, &**b) {
                (_, Ex::Int(_, times)) => self.step(a)?.checked_mul(*times),
                (Ex::Int(_, times), _) => self.step(b)?.checked_mul(*times),
                _ => None,
            },
            _ => None,
        }
    }

    /// What the lanes of a value are, `None` inside where it is the same in all turns.
    fn data(&mut self, e: &'s Ex) -> Option<Option<Kind>> {
        if self.is_common(e) {
            self.note_common(e);
            return Some(None);
        }
        let kind = match e {
            Ex::Local(local) => return self.data.get(local).copied(),
            Ex::Bin(bin, a, b) => {
                let (a, b) = (self.data(a)?, self.data(b)?);
                let is_bit = |kind: Option<Kind>| matches!(kind, Some(Kind::Mask(_) | Kind::Number(Ty::I8)));
                if is_bit(a) && is_bit(b) && a != b && matches!(bin, Bin::And | Bin::Or) {
                    self.nodes += 1;
                    return Some(Some(Kind::Mask(4)));
                }
                let kind = joined(a, b)?;
                let known = match kind {
                    Kind::Number(Ty::I8) => a.is_some() && b.is_some() && matches!(bin, Bin::And | Bin::Or),
                    Kind::Number(ty) if ty.is_float() => {
                        matches!(bin, Bin::Add | Bin::Sub | Bin::Mul | Bin::FDiv | Bin::FMin | Bin::FMax)
                    }
                    Kind::Number(Ty::I32) => {
                        matches!(
                            bin,
                            Bin::Add | Bin::Sub | Bin::Mul | Bin::SMin | Bin::SMax | Bin::And | Bin::Or | Bin::Xor
                        )
                    }
                    Kind::Number(_) => matches!(bin, Bin::Add | Bin::Sub),
                    Kind::Mask(_) => a.is_some() && b.is_some() && matches!(bin, Bin::And | Bin::Or),
                };
                known.then_some(kind)?
            }
            Ex::Un(un, a) => {
                let kind = self.data(a)??;
                let known = match kind {
                    Kind::Number(ty) if ty.is_float() => !matches!(un, Un::Not),
                    Kind::Number(Ty::I8) => matches!(un, Un::Not),
                    Kind::Number(_) => matches!(un, Un::Neg),
                    Kind::Mask(_) => matches!(un, Un::Not),
                };
                known.then_some(kind)?
            }
            Ex::Cmp(_, a, b) => {
                let (a, b) = (self.data(a)?, self.data(b)?);
                match joined(a, b)? {
                    Kind::Number(ty) if has_lanes(ty) => Kind::Mask(ty.size()),
                    Kind::Number(_) => return None,
                    Kind::Mask(_) => return None,
                }
            }
            Ex::Select(condition, a, b) => {
                let condition = self.data(condition)?;
                let (a, b) = (self.data(a)?, self.data(b)?);
                let kind = match (a, b, condition) {
                    // Two common values say nothing about their type here.
                    (None, None, _) => return None,
                    (a, b, _) => joined(a, b)?,
                };
                match (kind, condition) {
                    (Kind::Number(ty), Some(Kind::Mask(_) | Kind::Number(Ty::I8)) | None) if has_lanes(ty) => kind,
                    _ => return None,
                }
            }
            Ex::Convert(Convert::Float(to), a) => match self.data(a)?? {
                Kind::Number(from) if from.is_float() => Kind::Number(*to),
                _ => return None,
            },
            Ex::Convert(Convert::SintToFloat(to), a) => match self.data(a)?? {
                Kind::Number(Ty::I32) => Kind::Number(*to),
                _ => return None,
            },
            // A coordinate, as the program sees it.
            Ex::Convert(Convert::Trunc(Ty::I32), a) if self.step(a) == Some(1) => Kind::Number(Ty::I32),
            Ex::Load(ty, base, index)
                if (has_lanes(*ty) || *ty == Ty::I8) && self.is_common(base) && self.step(index) == Some(1) =>
            {
                self.has_bytes |= *ty == Ty::I8;
                self.note_read(e, *ty);
                Kind::Number(*ty)
            }
            Ex::Load(ty, base, index) if has_lanes(*ty) && self.is_common(base) => {
                let stride = self.step(index).filter(|stride| stride.abs() <= FARTHEST)?;
                self.strides.insert(std::ptr::from_ref(e), stride);
                self.note_read(e, *ty);
                Kind::Number(*ty)
            }
            _ => return None,
        };
        self.nodes += if matches!(kind, Kind::Number(Ty::F64 | Ty::I64)) { 2 } else { 1 };
        Some(Some(kind))
    }
}

fn joined(a: Option<Kind>, b: Option<Kind>) -> Option<Kind> {
    match (a, b) {
        (Some(a), Some(b)) => (a == b).then_some(a),
        (Some(one), None) | (None, Some(one)) => Some(one),
        (None, None) => None,
    }
}

fn mentions(e: &Ex, local: Local) -> bool {
    e.reads(local)
}

fn count(e: &Ex, local: Local) -> usize {
    match e {
        Ex::Local(other) => usize::from(*other == local),
        _ => e.children().into_iter().map(|child| count(child, local)).sum(),
    }
}

fn reads(statement: &St, local: Local) -> usize {
    match statement {
        St::Let(_, value) | St::Set(_, value) => count(value, local),
        St::Store(_, base, index, value) => [base, index, value].into_iter().map(|e| count(e, local)).sum(),
        _ => 0,
    }
}

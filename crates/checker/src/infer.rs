//! Ranges of coordinates (§4.2) and proofs of bounds (§4.3). Accesses are collected while a construct is checked;
//! when it ends, its coordinates get their ranges from them, and then each access is proven, refused, or left to
//! the run.

use crate::sym::Sym;
use crate::ty::{Ty, Val};
use crate::{Checker, errors};
use diagnostics::{Span, Symbol};
use ir::{VarId, VarKind};

/// One index of one access.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    load: u32,
    axis: usize,
    /// `None` where the index is data.
    index: Option<Sym>,
    span: Span,
    extent: Sym,
    tensor: Place,
    coord: Option<Symbol>,
    /// A family's read of itself settles no range.
    own: bool,
    /// Not certain to be evaluated.
    guarded: bool,
    /// What guards and branches say at this place.
    known: Vec<Sym>,
}

/// A question that waits for the extents of families whose clauses are being checked.
#[derive(Clone, Debug)]
pub(crate) enum Late {
    Bounds(Access),
    /// The coordinate has this extent, by the first access, and indexes an axis in the second.
    Same(Symbol, Sym, Box<(Access, Access)>),
}

/// What is indexed, for messages.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub name: String,
    pub span: Span,
}

/// A coordinate without a range.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub var: VarId,
    pub name: Symbol,
    pub span: Span,
    /// What a signature says of it.
    pub domain: Option<Sym>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    pending: usize,
    accesses: usize,
}

impl Checker<'_> {
    /// Whether an access since the mark mentions a coordinate.
    pub(crate) fn is_used(&self, var: VarId, mark: Mark) -> bool {
        self.cx.accesses[mark.accesses..].iter().any(|a| a.index.as_ref().is_some_and(|i| i.mentions(var)))
    }

    pub(crate) fn infer_mark(&self) -> Mark {
        Mark { pending: self.cx.pending.len(), accesses: self.cx.accesses.len() }
    }

    pub(crate) fn new_coord(&mut self, name: Symbol, span: Span) -> VarId {
        self.new_var(name, &Ty::I32, span, VarKind::Coord)
    }

    pub(crate) fn fresh_load(&mut self, rank: usize) -> u32 {
        self.next_load += 1;
        self.proven.insert(self.next_load, vec![false; rank]);
        self.next_load
    }

    /// Notes an index for inference and proof.
    pub(crate) fn access(
        &mut self,
        (load, axis): (u32, usize),
        index: &Val,
        extent: &Sym,
        tensor: Place,
        coord: Option<Symbol>,
        own: bool,
    ) {
        if let (Ty::Address(domain), Some(coord)) = (&index.ty, coord)
            && *domain != coord
        {
            self.report(errors::foreign_address(index.span(), *domain, coord));
        }
        let guarded = self.cx.conditional > 0;
        let known = self.facts.known.clone();
        let sym = self.facts.of(&index.expr);
        let access = Access {
            load,
            axis,
            index: sym,
            span: index.span(),
            extent: extent.clone(),
            tensor,
            coord,
            own,
            guarded,
            known,
        };
        if self.cx.cells == 0 {
            self.prove(&access);
        } else {
            self.cx.accesses.push(access);
        }
    }

    /// A construct whose body has an error already: its coordinates ask for nothing more.
    pub(crate) fn drop_ranges(&mut self, mark: Mark) {
        for pending in self.cx.pending.split_off(mark.pending) {
            if !self.infer_one(&pending, mark) {
                self.poison(pending.var);
            }
        }
    }

    /// Gives ranges to the coordinates since the mark that their accesses settle. With `last`, the rest is E0303
    /// and all accesses are proven.
    pub(crate) fn settle_ranges(&mut self, mark: Mark, last: bool) {
        let mut waiting = self.cx.pending.split_off(mark.pending);
        loop {
            let before = waiting.len();
            waiting.retain(|pending| !self.infer_one(pending, mark));
            if waiting.is_empty() || waiting.len() == before {
                break;
            }
        }
        if !last {
            self.cx.pending.extend(waiting);
            return;
        }
        for pending in waiting {
            self.report_unsettled(&pending, mark);
        }
        for access in self.cx.accesses.split_off(mark.accesses) {
            self.prove(&access);
        }
    }

    /// Whether a range is one that nothing has settled so far, which is reported: whoever asks cannot wait.
    pub(crate) fn cannot_wait(&mut self, range: &Sym) -> bool {
        let Some(at) = self.cx.pending.iter().position(|p| range.as_var() == Some(p.var)) else { return false };
        let pending = self.cx.pending.remove(at);
        self.report_unsettled(&pending, Mark { pending: 0, accesses: 0 });
        true
    }

    fn report_unsettled(&mut self, pending: &Pending, mark: Mark) {
        let accesses: Vec<Access> = self.cx.accesses[mark.accesses..]
            .iter()
            .filter(|a| {
                let index = a.index.as_ref();
                !a.own && index.is_some_and(|i| i.mentions(pending.var)) && !is_modular(index, pending.var)
            })
            .cloned()
            .collect();
        let var = Sym::var(pending.var);
        let shifts: Vec<Option<i64>> =
            accesses.iter().map(|a| a.index.as_ref().and_then(|index| index.sub(&var).as_const())).collect();
        let start = shifts.iter().flatten().map(|shift| (-shift).max(0)).max().unwrap_or(0);
        // The access that asks for that start, and how far all of them let the coordinate go.
        let at = shifts.iter().position(|shift| start > 0 && *shift == Some(-start)).unwrap_or(0);
        let ends = accesses.iter().zip(&shifts).map(|(a, shift)| Some(self.facts_extent(&a.extent).offset(-(*shift)?)));
        let end =
            ends.collect::<Option<Vec<Sym>>>().and_then(|ends| ends.into_iter().reduce(|a, b| self.smaller(&a, &b)));
        let end = end.filter(|end| !crate::types::is_unknown(end)).map(|end| self.show_sym(&end));
        let shifted = accesses.get(at).map(|access| (access.span, start));
        self.report(errors::range_unknown(pending.span, pending.name, shifted, end));
        self.poison(pending.var);
    }

    /// One mistake, one error: nothing more is said of a coordinate whose range is wrong.
    pub(crate) fn poison(&mut self, var: VarId) {
        self.poisoned.insert(var);
        let zero = Sym::constant(0);
        self.facts.ranges.entry(var).or_insert((zero.clone(), zero));
    }

    fn infer_one(&mut self, pending: &Pending, mark: Mark) -> bool {
        let var = pending.var;
        let accesses: Vec<Access> = self.cx.accesses[mark.accesses..]
            .iter()
            .filter(|a| !a.own && a.index.as_ref().is_some_and(|i| i.mentions(var)))
            .cloned()
            .collect();
        let direct = accesses.iter().filter(|a| a.index.as_ref().and_then(Sym::as_var) == Some(var));
        if let Some(circular) = direct.clone().find(|access| access.extent.mentions(var)) {
            self.report(errors::points_of_any_length(circular.span));
            self.poison(var);
            return true;
        }
        let (growing, direct): (Vec<&Access>, Vec<&Access>) = direct.partition(|a| self.is_growing(&a.extent));
        if let Some(first) = direct.first() {
            self.direct_range(pending, &direct);
            let range = self.facts.ranges.get(&var).map(|(_, hi)| hi.clone());
            for access in growing {
                let range = range.clone().expect("just settled");
                self.cx.late.push(Late::Same(pending.name, range, Box::new(((*first).clone(), access.clone()))));
            }
            return true;
        }
        let accesses: Vec<Access> = accesses.iter().filter(|a| !self.is_growing(&a.extent)).cloned().collect();
        if let Some(domain) = &pending.domain {
            let extent = self.facts_extent(domain);
            self.facts.ranges.insert(var, (Sym::constant(0), extent));
            return true;
        }
        let mut range: Option<Sym> = None;
        for access in &accesses {
            match self.affine_room(access, var) {
                Room::Unknown => return false,
                Room::Modular => {}
                Room::Up(room) => {
                    range = Some(match range {
                        Some(range) => self.smaller(&range, &room),
                        None => room,
                    })
                }
            }
        }
        match range {
            Some(hi) => {
                self.facts.ranges.insert(var, (Sym::constant(0), hi));
                true
            }
            None => false,
        }
    }

    /// Whether an extent is one of a family whose clauses are still being checked.
    fn is_growing(&self, extent: &Sym) -> bool {
        !self.cx.group.is_empty() && self.facts_extent(extent).vars().iter().any(|v| self.cx.group.contains(v))
    }

    /// Answers what had to wait for the families that are complete now.
    pub(crate) fn ask_late(&mut self) {
        for late in std::mem::take(&mut self.cx.late) {
            match late {
                Late::Bounds(access) => self.prove(&access),
                Late::Same(name, range, pair) if self.is_growing(&pair.1.extent) => {
                    self.cx.late.push(Late::Same(name, range, pair))
                }
                Late::Same(name, range, pair) => self.same_range(name, &range, &pair.0, &pair.1),
            }
        }
    }

    fn same_range(&mut self, name: Symbol, range: &Sym, first: &Access, other: &Access) {
        let (range, extent) = (self.facts_extent(range), self.facts_extent(&other.extent));
        if range == extent || self.facts.equal(&range, &extent) {
            return;
        }
        if range.is_const() && extent.is_const() {
            let places = [(first, &range), (other, &extent)]
                .map(|(a, e)| (a.span, self.show_sym(e), format!("from {}", a.tensor.name)));
            self.report(errors::extents(other.span, name.as_str(), &places));
            return;
        }
        self.check_at_run_time(name, other, &extent, first, &range);
        self.place_checks();
    }

    /// A coordinate that stands alone: all its axes have one extent.
    fn direct_range(&mut self, pending: &Pending, direct: &[&Access]) {
        let mut chosen: Option<Sym> = None;
        let extents: Vec<Sym> = direct.iter().map(|a| self.facts_extent(&a.extent)).collect();
        // A constant is the better answer where there is one.
        if let Some(constant) = extents.iter().find(|e| e.is_const()) {
            chosen = Some(constant.clone());
        }
        let range = chosen.unwrap_or_else(|| extents[0].clone());
        let differs = extents.iter().any(|e| matches!((e.as_const(), range.as_const()), (Some(a), Some(b)) if a != b));
        self.facts.ranges.insert(pending.var, (Sym::constant(0), range.clone()));
        if differs && !self.is_news(direct, &extents) {
            self.poisoned.insert(pending.var);
            return;
        }
        if differs {
            let mut places: Vec<(Span, String, String)> = Vec::new();
            for (access, extent) in direct.iter().zip(&extents) {
                let text = self.show_sym(extent);
                if !places.iter().any(|(span, e, _)| *span == access.span || (*e == text && places.len() > 1)) {
                    places.push((access.span, text, format!("from {}", access.tensor.name)));
                }
            }
            let span = places.iter().find(|(_, e, _)| *e != places[0].1).map(|p| p.0).unwrap_or(pending.span);
            self.report(errors::extents(span, pending.name.as_str(), &places));
            self.poisoned.insert(pending.var);
            return;
        }
        let first = direct[extents.iter().position(|e| *e == range).unwrap_or(0)].clone();
        for (access, extent) in direct.iter().zip(&extents) {
            if *extent != range && !self.facts.equal(extent, &range) {
                self.check_at_run_time(pending.name, access, extent, &first, &range);
            }
        }
    }

    /// Whether this conflict is the first one between its two values: swapped names are one mistake.
    fn is_news(&mut self, direct: &[&Access], extents: &[Sym]) -> bool {
        let loads = |first: bool| {
            let at = direct.iter().zip(extents).filter(move |(_, e)| (**e == extents[0]) == first);
            at.map(|(a, _)| a.load).next()
        };
        match (loads(true), loads(false)) {
            (Some(a), Some(b)) => self.conflicts.insert((a.min(b), a.max(b))),
            _ => true,
        }
    }

    /// Extents that only the run can compare: once, in front of the loops.
    fn check_at_run_time(&mut self, coord: Symbol, a: &Access, left: &Sym, b: &Access, right: &Sym) {
        let parties = [b, a].map(|access| access.tensor.name.clone());
        self.compare_extents(Some(coord), [right, left], parties, a.span);
    }

    fn smaller(&self, a: &Sym, b: &Sym) -> Sym {
        if self.facts.nonneg(&b.sub(a)) {
            a.clone()
        } else if self.facts.nonneg(&a.sub(b)) {
            b.clone()
        } else {
            a.lesser(b)
        }
    }

    /// How far a coordinate may run from 0 with this access in bounds.
    fn affine_room(&self, access: &Access, var: VarId) -> Room {
        let index = access.index.as_ref().expect("only symbolic accesses are asked");
        if is_modular(Some(index), var) {
            return Room::Modular;
        }
        let zero = Sym::constant(0);
        let rest = index.substitute(var, &zero);
        let factor = index.sub(&rest);
        let Some(factor) = linear_factor(&factor, var) else { return Room::Unknown };
        let extent = self.facts_extent(&access.extent);
        let (Some(low), Some(high)) = (self.end_of(&rest, false, var), self.end_of(&rest, true, var)) else {
            return Room::Unknown;
        };
        if factor > 0 {
            // At 0 it must be in bounds from below.
            if self.facts.negative(&low) || low.as_const().is_some_and(|l| l < 0) {
                return Room::Unknown;
            }
            let room = extent.sub(&high);
            Room::Up(if factor == 1 { room } else { room.offset(-1).offset(factor).div(factor) })
        } else {
            let room = if factor == -1 { low.offset(1) } else { low.offset(-factor).div(-factor) };
            Room::Up(room)
        }
    }

    /// The least or greatest value of an index's other part, with every other coordinate at an end of its range.
    fn end_of(&self, rest: &Sym, greatest: bool, var: VarId) -> Option<Sym> {
        let mut now = rest.clone();
        for _ in 0..8 {
            let coords: Vec<VarId> = now.vars().into_iter().filter(|v| *v != var && self.is_coord(*v)).collect();
            let Some(coord) = coords.first() else { return Some(now) };
            let (lo, hi) = self.facts.ranges.get(coord)?.clone();
            let without = now.substitute(*coord, &Sym::constant(0));
            let factor = linear_factor(&now.sub(&without), *coord)?;
            let end = if (factor > 0) == greatest { hi.offset(-1) } else { lo };
            now = without.add(&end.scale(factor));
        }
        None
    }

    fn is_coord(&self, var: VarId) -> bool {
        self.program.vars[var.index()].kind == VarKind::Coord
    }

    /// In bounds, provably out, or for the run to check.
    fn prove(&mut self, access: &Access) {
        let Some(index) = &access.index else { return };
        if index.vars().iter().any(|v| self.poisoned.contains(v)) {
            return;
        }
        let index = self.facts_extent(index);
        let extent = self.facts_extent(&access.extent);
        let saved = std::mem::replace(&mut self.facts.known, access.known.clone());
        let low = self.facts.nonneg(&index);
        let high = self.facts.less(&index, &extent);
        self.facts.known = saved;
        if low && high {
            if let Some(proven) = self.proven.get_mut(&access.load) {
                proven[access.axis] = true;
            }
            return;
        }
        if self.is_growing(&access.extent) {
            self.cx.late.push(Late::Bounds(Access { own: true, ..access.clone() }));
            return;
        }
        let (least, greatest) = (self.facts.minimum(&index), self.facts.maximum(&index));
        let certain = !access.guarded && access.known.is_empty();
        let literal = index.as_const().is_some_and(|v| v < 0);
        let below = !low && least.is_some_and(|v| v < 0);
        let above = !high && matches!((greatest, extent.as_const()), (Some(v), Some(n)) if v >= n);
        if !(certain || literal) || !(below || above) || !self.inhabited(&index) || (access.own && !literal) {
            return;
        }
        let reaches = if below { least } else { greatest }.expect("one end is known").to_string();
        let text = self.sources.text(access.span).to_owned();
        let coord = access.coord.map(|c| c.to_string());
        let name = &access.tensor.name;
        let shown = self.show_sym(&extent);
        let mut d = errors::out_of_bounds(
            access.span,
            &text,
            name,
            coord.as_deref(),
            &reaches,
            &shown,
            Some(access.tensor.span),
        );
        if !access.index.as_ref().is_some_and(|i| i.is_const())
            && let (Some((name, start, end)), None) =
                (self.room_in(&index, &extent), access.index.as_ref().and_then(Sym::as_var))
        {
            d = d.help(format!("a range that is written counts: `{name} in {start}..{end}`"));
        }
        if literal && text.starts_with('-') {
            d = errors::python_index(
                d,
                &format!("{}[len({}) - {}]", name.trim_matches('`'), name.trim_matches('`'), &text[1..]),
            );
        }
        self.report(d);
    }

    /// The range of the one coordinate of an index that keeps it in bounds, where it is only shifted.
    fn room_in(&self, index: &Sym, extent: &Sym) -> Option<(Symbol, i64, String)> {
        let vars = index.vars();
        let [var] = vars.as_slice() else { return None };
        let shift = index.sub(&Sym::var(*var)).as_const()?;
        let end = self.show_sym(&extent.offset(-shift));
        self.is_coord(*var).then(|| (self.program.vars[var.index()].name, (-shift).max(0), end))
    }

    /// Whether every coordinate of an index has a value, so that it is read at all.
    fn inhabited(&self, index: &Sym) -> bool {
        index.vars().into_iter().all(|var| match self.facts.ranges.get(&var) {
            Some((lo, hi)) => hi.sub(lo).as_const().is_some_and(|n| n > 0) || !self.is_coord(var),
            None => !self.is_coord(var),
        })
    }
}

enum Room {
    /// Another coordinate has to be settled first, or this access cannot start at 0.
    Unknown,
    /// Division and remainder settle nothing.
    Modular,
    Up(Sym),
}

/// `c` of `c * var`, if that is what it is.
fn linear_factor(sym: &Sym, var: VarId) -> Option<i64> {
    let (terms, constant) = sym.parts();
    match terms {
        [(crate::sym::Atom::Var(v), factor)] if *v == var && constant == 0 => i64::try_from(*factor).ok(),
        _ => None,
    }
}

/// The coordinate stands under a division, remainder or the like.
fn is_modular(index: Option<&Sym>, var: VarId) -> bool {
    let Some(index) = index else { return false };
    let rest = index.substitute(var, &Sym::constant(0));
    linear_factor(&index.sub(&rest), var).is_none()
}

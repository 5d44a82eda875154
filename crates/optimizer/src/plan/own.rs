//! Who owns a count of which object, and when it is given back.
//!
//! A value borrows its objects or has them among the temporaries of the current region. A `let` takes temporaries over;
//! so does whatever stores an object. A variable of a block is released behind the last statement that mentions it.

use super::function::Lower;
use super::life::BlockKey;
use super::region::{Reach, Temp};
use super::value::{Part, Value};
use ir::loops::{Ex, Local, St, Ty};
use ir::{Type, VarId};

impl Lower<'_, '_> {
    /// The current region owns a new object, until the end of the statement.
    pub fn own(&mut self, local: Local) {
        self.emit(St::Own(local));
        self.adopt(local);
    }

    /// A count that somebody owned in this region becomes a temporary.
    fn adopt(&mut self, local: Local) {
        self.info[local.0 as usize].owner = Some(self.here());
        self.region().temps.push(Temp { local, named: false });
    }

    /// The value with a count that belongs to whoever stores it; scalars as they are.
    pub fn take(&mut self, part: Part) -> Part {
        if part.ty != Ty::Ptr {
            return part;
        }
        let Some(local) = part.local() else { return part };
        if self.leave_temps(local) || self.moves(local) {
            self.info[local.0 as usize].owner = None;
            self.emit(St::Disown(local));
        } else {
            self.emit(St::Retain(part.ex.clone()));
        }
        part
    }

    pub fn taken(&mut self, value: Value) -> Vec<Part> {
        value.parts.into_iter().map(|part| self.take(part)).collect()
    }

    fn leave_temps(&mut self, local: Local) -> bool {
        let temps = &mut self.region().temps;
        let found = temps.iter().rposition(|temp| temp.local == local && !temp.named);
        if let Some(at) = found {
            temps.remove(at);
        }
        found.is_some()
    }

    /// Whether the variable that owns the local is read here for the last time, so that its count can move on.
    fn moves(&mut self, local: Local) -> bool {
        let Some(var) = self.owned_by.get(&local) else { return false };
        let last = self.last.of[var];
        let moves = !self.kernel
            && self.info[local.0 as usize].owner == Some(self.here())
            && last.uses == 1
            && self.current.get(&last.block) == Some(&last.stmt);
        if moves {
            self.owned_by.remove(&local);
        }
        moves
    }

    /// Gives back the temporaries that came after the first `mark`.
    pub fn release_temps(&mut self, mark: usize) {
        let temps = self.region().temps.split_off(mark);
        for Temp { local, .. } in temps.into_iter().rev() {
            self.info[local.0 as usize].owner = None;
            self.emit(St::Release(local));
        }
    }

    /// Binds a variable that lives to the end of the current region (or of `block`, where a last use is known).
    pub fn bind(&mut self, var: VarId, value: Value, block: bool) {
        let info = &self.program().vars[var.index()];
        let name = info.name.as_str();
        let mut parts = Vec::new();
        for part in value.parts {
            let part = match part.local() {
                Some(local) if part.ty == Ty::Ptr => self.bind_object(var, local, part, block),
                _ => {
                    let part = self.placed(part, Reach::Total);
                    if part.is_atom() { part } else { self.bound(part, name) }
                }
            };
            if let Some(local) = part.local()
                && self.names[local.0 as usize].is_empty()
            {
                self.names[local.0 as usize] = name.to_string();
            }
            parts.push(part);
        }
        self.vars.insert(var, Value { parts });
    }

    fn bind_object(&mut self, var: VarId, local: Local, part: Part, block: bool) -> Part {
        let temporary = self.region().temps.iter_mut().find(|temp| temp.local == local && !temp.named);
        if !block {
            // The temporaries of the region live as long as the variable.
            if let Some(temp) = temporary {
                temp.named = true;
                return part;
            }
            return if self.outlives(local) { part } else { self.shared_copy(local, None) };
        }
        let temporary = temporary.is_some();
        if temporary {
            self.leave_temps(local);
            self.owned_by.insert(local, var);
            self.note_extents(local, var);
            return part;
        }
        if self.moves(local) {
            self.owned_by.insert(local, var);
            return part;
        }
        if self.outlives(local) { part } else { self.shared_copy(local, Some(var)) }
    }

    /// Whether an object is kept by something outside of the current region.
    fn outlives(&self, local: Local) -> bool {
        self.info[local.0 as usize].owner.is_none_or(|owner| owner < self.here()) && !self.in_frame(local)
    }

    /// Whether the common frame of a long `main` may own the object: it gives it back at any statement.
    fn in_frame(&self, local: Local) -> bool {
        self.frame.is_some() && self.info[local.0 as usize].level == 0
    }

    /// Another count of the object, in a local of its own.
    fn shared_copy(&mut self, local: Local, owner: Option<VarId>) -> Part {
        self.emit(St::Retain(Ex::Local(local)));
        let copy = self.bound(self.read(local), "");
        let copied = copy.local().expect("bound to a local");
        self.info[copied.0 as usize].dims = self.info[local.0 as usize].dims.clone();
        match owner {
            None => {
                self.own(copied);
                self.region().temps.last_mut().expect("just owned").named = true;
            }
            Some(var) => {
                self.emit(St::Own(copied));
                self.info[copied.0 as usize].owner = Some(self.here());
                self.owned_by.insert(copied, var);
            }
        }
        copy
    }

    /// Releases the variables of a block whose last use was the statement that just ended.
    pub fn release_dead(&mut self, block: BlockKey, stmt: usize) {
        let last = self.last.clone();
        for var in last.ending(block, stmt) {
            self.release_var(*var);
        }
    }

    fn release_var(&mut self, var: VarId) {
        if self.is_framed(var) {
            return self.release_framed(var);
        }
        for local in self.objects_of(var) {
            self.owned_by.remove(&local);
            self.info[local.0 as usize].owner = None;
            self.emit(St::Release(local));
        }
    }

    /// Locals whose counts the variable owns.
    fn objects_of(&self, var: VarId) -> Vec<Local> {
        let Some(value) = self.vars.get(&var) else { return Vec::new() };
        value.parts.iter().filter_map(Part::local).filter(|local| self.owned_by.get(local) == Some(&var)).collect()
    }

    /// At the end of a block: objects in its value go on as temporaries, the others are released.
    pub fn end_vars(&mut self, vars: Vec<VarId>, value: Value) -> Value {
        let objects: Vec<Local> = vars.iter().flat_map(|var| self.objects_of(*var)).collect();
        let (kept, dead): (Vec<_>, Vec<_>) =
            objects.into_iter().partition(|local| value.parts.iter().any(|part| part.local() == Some(*local)));
        let value = if dead.is_empty() { value } else { self.settled(value) };
        for local in dead.into_iter().rev() {
            self.owned_by.remove(&local);
            self.info[local.0 as usize].owner = None;
            self.emit(St::Release(local));
        }
        for local in kept {
            self.owned_by.remove(&local);
            self.adopt(local);
        }
        value
    }

    /// The parts of a value of this type in locals of the current region, not set yet.
    pub fn result_locals(&mut self, ty: &Type) -> Vec<Local> {
        self.flat(ty).into_iter().map(|(ty, _)| self.variable(Part::zero(ty), "")).collect()
    }

    /// Sets result locals from inside a region, which gives up its counts.
    pub fn set_results(&mut self, results: &[Local], value: Value) {
        if value.parts.len() == results.len() {
            let parts = self.taken(value);
            for (local, part) in results.iter().zip(parts) {
                self.set(*local, part);
            }
        }
    }

    /// The result locals as a value, whose objects the current region owns.
    pub fn results(&mut self, results: &[Local]) -> Value {
        for local in results {
            if self.locals[local.0 as usize] == Ty::Ptr {
                self.own(*local);
            }
        }
        Value { parts: results.iter().map(|local| self.read(*local)).collect() }
    }
}

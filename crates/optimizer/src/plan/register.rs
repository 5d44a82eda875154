//! Steps of a recurrence in registers, where they are a few numbers: the current one, and those before it.

use super::function::Lower;
use super::value::{Part, memory_type};
use super::window::Window;
use ir::loops::{Bin, Cmp, Local};
use ir::{Expr, Family, Load, VarId};
use std::rc::Rc;

#[derive(Clone)]
pub struct Registers {
    /// By how many steps back: the cells of a step, row-major.
    steps: Rc<[Vec<Local>]>,
    pub dims: Rc<[Part]>,
    window: Window,
    level: usize,
    /// The region of the step that is being computed, where a step is one number.
    pub floor: usize,
    /// The recurrence is running.
    is_open: bool,
}

impl Lower<'_, '_> {
    pub fn new_registers(&mut self, var: VarId, family: &Family, dims: &[Part], window: Window) {
        let ty = memory_type(&family.elem);
        let others = dims.iter().enumerate().filter(|(axis, _)| !is_step(&window, *axis));
        let cells: i64 = others.map(|(_, dim)| dim.as_int().expect("a constant extent")).product();
        let mut step =
            || (0..cells).map(|_| self.variable(Part::zero(ty), family.name.as_str())).collect::<Vec<Local>>();
        let steps = (0..=window.width).map(|_| step()).collect();
        let level = self.here();
        self.registers.insert(var, Registers { steps, dims: dims.into(), window, level, floor: level, is_open: true });
    }

    /// The innermost region that reads of the family belong to.
    pub fn register_level(&self, registers: &Registers) -> usize {
        match registers.is_open {
            // The number is set in the step's own region before anything behind it reads it.
            true if registers.steps[0].len() == 1 => registers.floor,
            true => self.here(),
            false => registers.level,
        }
    }

    pub fn close_registers(&mut self, var: VarId) {
        if let Some(registers) = self.registers.get_mut(&var) {
            registers.is_open = false;
        }
    }

    /// Before a step whose cells may not all get a value: they are zero.
    pub fn clear_registers(&mut self, var: VarId) {
        let steps = self.registers[&var].steps.clone();
        for local in &steps[0] {
            let ty = self.locals[local.0 as usize];
            self.set(*local, Part::zero(ty));
        }
    }

    /// The current step becomes the one before.
    pub fn shift_registers(&mut self, var: VarId) {
        let steps = self.registers[&var].steps.clone();
        for pair in steps.windows(2).rev() {
            for (newer, older) in pair[0].iter().zip(&pair[1]) {
                let newer = self.read(*newer);
                self.set(*older, newer);
            }
        }
    }

    /// Sets a cell of the current step.
    pub fn set_register(&mut self, var: VarId, coords: &[Part], value: Part) {
        let registers = self.registers[&var].clone();
        let cell = cell_of(&registers, coords.to_vec()).as_int().expect("the loops around are written out");
        self.set(registers.steps[0][cell as usize], value);
    }

    pub fn read_register(&mut self, var: VarId, load: &Load) -> Part {
        let registers = self.registers[&var].clone();
        let level = self.register_level(&registers);
        let mut index = Vec::with_capacity(load.index.len());
        for (axis, e) in load.index.iter().enumerate() {
            index.push(self.register_index(&registers, load, axis, e));
        }
        let step = index[registers.window.axis].clone();
        let cell = cell_of(&registers, index);
        let known = self.windows.back.get(&std::ptr::from_ref(load)).copied().filter(|_| registers.is_open);
        if let Some(back) = known {
            return self.register_cell(&registers.steps[back as usize], cell, level);
        }
        let from_end = match registers.window.descending {
            true => step,
            false => {
                let end = registers.dims[registers.window.axis].clone().bin(Bin::Sub, Part::index(1));
                end.bin(Bin::Sub, step)
            }
        };
        // Behind the last step, that one is the first of those before.
        if let Some(from_end) = from_end.as_int() {
            return self.register_cell(&registers.steps[from_end as usize + 1], cell, level);
        }
        let (from_end, cell) = (self.atom(from_end), self.atom(cell));
        let last = self.register_cell(&registers.steps[1], cell.clone(), level);
        (1..registers.window.width).fold(last, |other, back| {
            let is_here = from_end.clone().cmp(Cmp::Eq, Part::index(back));
            let here = self.register_cell(&registers.steps[back as usize + 1], cell.clone(), level);
            is_here.select(here, other)
        })
    }

    fn register_cell(&mut self, step: &[Local], cell: Part, level: usize) -> Part {
        let read = |lower: &Self, at: usize| Part { level, ..lower.read(step[at]) };
        if let Some(cell) = cell.as_int() {
            // A read that is written out behind a closed gate may go anywhere.
            let exists = (0..step.len() as i64).contains(&cell);
            return if exists { read(self, cell as usize) } else { Part::zero(self.locals[step[0].0 as usize]) };
        }
        let cell = self.atom(cell);
        (1..step.len()).fold(read(self, 0), |other, at| {
            let is_here = cell.clone().cmp(Cmp::Eq, Part::index(at as i64));
            is_here.select(read(self, at), other)
        })
    }

    fn register_index(&mut self, registers: &Registers, load: &Load, axis: usize, index: &Expr) -> Part {
        let at = self.index(index);
        if load.proven[axis] {
            return at;
        }
        let (at, extent) = (self.atom(at), registers.dims[axis].clone());
        if let (Some(at), Some(extent)) = (at.as_int(), extent.as_int())
            && (0..extent).contains(&at)
        {
            return Part::index(at);
        }
        let (coordinate, name) = (self.coordinate_name(load, axis), self.name_of(&load.tensor));
        let outside = at.clone().cmp(Cmp::UGe, extent.clone());
        self.fail_if(outside, "E0902", load.spans[axis], &[&coordinate, name], vec![at.clone(), extent]);
        at
    }
}

fn is_step(window: &Window, axis: usize) -> bool {
    axis == window.axis || window.is_inner(axis)
}

/// The place of a cell in its step.
fn cell_of(registers: &Registers, index: Vec<Part>) -> Part {
    let others = index.into_iter().enumerate().filter(|(axis, _)| !is_step(&registers.window, *axis));
    others.fold(Part::index(0), |at, (axis, index)| at.bin(Bin::Mul, registers.dims[axis].clone()).bin(Bin::Add, index))
}

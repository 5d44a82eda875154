//! Contractions over windows: the copy of a factor with zeros around it, and the calls.

use super::emit::{Strided, Walk, multiplied};
use super::product::{Group, Product};
use super::windows::{Line, Mask, Turned, Windowed};
use super::{affine_steps, low_bits};
use crate::plan::function::Lower;
use crate::plan::value::Part;
use ir::loops::{Bin, Cmp, Local, Turns, Ty};
use ir::{Op, Type, VarId};

/// The coordinates of a call while those that are turned get their final form.
struct Walks {
    tensors: [Local; 3],
    firsts: [Part; 3],
    all: Vec<Walk>,
    /// Those that the target has, and the others that are summed, as bits.
    open: u64,
    summed: u64,
}

impl Lower<'_, '_> {
    pub fn contract_windowed(&mut self, product: &Product, group: &Group, windowed: &Windowed, target: Strided) {
        let coords = &product.coords;
        let padded = self.padded(product, windowed);
        let Some(steps) = affine_steps(windowed.other, coords) else { unreachable!("a cell at affine indices") };
        let other = self.strided_load(windowed.other, &steps, coords);
        let mut stored = target.strides.into_iter();
        let is_open = |k: usize| group.coords >> k & 1 == 1;
        let mut walk = |k: usize| {
            let stored = if is_open(k) { stored.next() } else { None };
            let stored = stored.unwrap_or(Part::index(0));
            Walk { extent: coords[k].extent(), strides: [stored, padded.strides[k].clone(), other.strides[k].clone()] }
        };
        let walks = Walks {
            tensors: [target.tensor, padded.tensor, other.tensor],
            firsts: [target.first, padded.first, other.first],
            all: (0..coords.len()).map(&mut walk).collect(),
            open: group.coords,
            summed: low_bits(coords.len()) & !low_bits(product.whole.len()),
        };
        self.turn_walks(product, &windowed.turned, walks);
    }

    /// One call for each phase of the coordinates that are turned.
    fn turn_walks(&mut self, product: &Product, turned: &[Turned], walks: Walks) {
        let Some((first, rest)) = turned.split_first() else {
            let chosen = |bits: u64| -> Vec<Walk> {
                let walks = walks.all.iter().enumerate().filter(|(k, _)| bits >> k & 1 == 1);
                walks.map(|(_, walk)| walk.clone()).collect()
            };
            return self.call_contraction(
                product,
                walks.tensors,
                walks.firsts,
                (&chosen(walks.open), &chosen(walks.summed)),
            );
        };
        if first.spread == 1 {
            let walks = self.turned_walks(first, walks, Part::index(0));
            return self.turn_walks(product, rest, walks);
        }
        self.for_loop((Part::index(0), Part::index(first.spread)), Turns::Up, "", |lower, var| {
            let phase = lower.read(var);
            let walks = lower.turned_walks(first, walks, phase);
            lower.turn_walks(product, rest, walks);
        });
    }

    /// The open coordinate is `spread * i + phase`, and where the summed one is, is `i + ahead - q`, with `i` and `q` in
    /// their places. The window is at `spread * q + begin`.
    fn turned_walks(&mut self, turned: &Turned, mut walks: Walks, phase: Part) -> Walks {
        let Turned { open, summed, spread, descends, .. } = *turned;
        let whole = phase.clone().bin(Bin::Add, turned.at_first.clone());
        let whole = self.atom(whole);
        let ahead = self.floor_of(whole.clone(), spread);
        let ahead = self.atom(ahead);
        let begin = whole.bin(Bin::Sub, ahead.clone().bin(Bin::Mul, Part::index(spread)));
        let [of_open, of_summed] = [open, summed].map(|k| walks.all[k].clone());
        for (k, first) in walks.firsts.iter_mut().enumerate() {
            let (step, mut down) = (of_open.strides[k].clone(), of_summed.strides[k].clone());
            let mut start = first.clone();
            if descends {
                let last = of_summed.extent.clone().bin(Bin::Sub, Part::index(1));
                start = start.bin(Bin::Add, down.clone().bin(Bin::Mul, last));
                down = Part::index(0).bin(Bin::Sub, down);
            }
            let down = self.atom(down);
            start = start.bin(Bin::Add, step.clone().bin(Bin::Mul, phase.clone()));
            start = start.bin(Bin::Add, down.clone().bin(Bin::Mul, ahead.clone()));
            *first = self.atom(start);
            let along = step.bin(Bin::Mul, Part::index(spread)).bin(Bin::Add, down.clone());
            walks.all[open].strides[k] = self.atom(along);
            walks.all[summed].strides[k] = self.atom(Part::index(0).bin(Bin::Sub, down));
        }
        let mut share = |all: Part, from: Part| {
            let left = all.bin(Bin::Sub, from).bin(Bin::Add, Part::index(spread - 1));
            let share = self.floor_of(left, spread).bin(Bin::SMax, Part::index(0));
            self.atom(share)
        };
        walks.all[open].extent = share(of_open.extent, phase);
        walks.all[summed].extent = share(turned.limit.clone(), begin);
        walks
    }

    /// The copy of a factor, and where its cell for the first points is.
    fn padded(&mut self, product: &Product, windowed: &Windowed) -> Strided {
        let (coords, lines) = (&product.coords, &windowed.lines);
        let ty = Type::Scalar(product.scalar);
        let dims = lines.iter().map(|line| line.extent.clone()).collect();
        let tensor = self.new_tensor(&ty, dims, true, "", product.span);
        let lengths = self.axis_strides(tensor, lines.len());
        self.store_padded(product, windowed, (lines, &lengths), tensor, Part::index(0));
        let mut first = Part::index(0);
        let mut strides = vec![Part::index(0); coords.len()];
        for (line, length) in lines.iter().zip(&lengths) {
            let mut at = Part::index(0).bin(Bin::Sub, line.from.clone());
            for (k, step) in line.steps.iter().enumerate().filter(|(_, step)| **step != 0) {
                at = at.bin(Bin::Add, coords[k].lo.clone().bin(Bin::Mul, Part::index(*step)));
                strides[k] = strides[k].clone().bin(Bin::Add, length.clone().bin(Bin::Mul, Part::index(*step)));
            }
            first = first.bin(Bin::Add, at.bin(Bin::Mul, length.clone()));
        }
        let strides = strides.into_iter().map(|stride| self.atom(stride)).collect();
        Strided { tensor, first: self.atom(first), strides }
    }

    fn store_padded(
        &mut self,
        product: &Product,
        windowed: &Windowed,
        (lines, lengths): (&[Line], &[Part]),
        tensor: Local,
        place: Part,
    ) {
        let Some((line, inner)) = lines.split_first() else {
            let mut cond = Part::int(Ty::I8, 1);
            for mask in &windowed.masks {
                let holds = self.holds(mask);
                cond = cond.bin(Bin::And, holds);
            }
            return self.when(cond, |lower| {
                let values = windowed.padded.iter().map(|factor| (lower.scalar(factor.e), factor.divides)).collect();
                let Some(value) = multiplied(values) else { return };
                let (value, place) = (lower.atom(value), lower.atom(place));
                lower.store_cell(tensor, place, value, &Type::Scalar(product.scalar));
            });
        };
        let length = lengths[0].clone();
        self.for_loop(line.inside.clone(), Turns::Free, "", |lower, var| {
            let at = lower.read(var);
            lower.bind_on_line(line, at.clone(), &product.coords);
            let place = place.bin(Bin::Add, at.bin(Bin::Sub, line.from.clone()).bin(Bin::Mul, length));
            lower.store_padded(product, windowed, (inner, &lengths[1..]), tensor, place);
        });
    }

    /// Whether a mask lets the current point through.
    fn holds(&mut self, mask: &Mask) -> Part {
        match mask {
            Mask::Guard(guard) => self.condition(guard, true),
            Mask::Compared(left, op, right) => {
                let cmp = match op {
                    Op::Lt => Cmp::SLt,
                    Op::Le => Cmp::SLe,
                    Op::Gt => Cmp::SGt,
                    _ => Cmp::SGe,
                };
                let (left, right) = (self.index(left), self.index(right));
                left.cmp(cmp, right)
            }
            Mask::From(var, lo) => {
                let (at, lo) = (self.coord_at(*var), self.index(lo));
                at.cmp(Cmp::SGe, lo)
            }
            Mask::Below(var, hi) => {
                let (at, hi) = (self.coord_at(*var), self.index(hi));
                at.cmp(Cmp::SLt, hi)
            }
        }
    }

    fn coord_at(&mut self, var: VarId) -> Part {
        self.var(var).parts.remove(0).widened(true)
    }
}

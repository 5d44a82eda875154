//! What is read by the calls for windows: whether it exists, and whether zeros in its company are zero.

use super::windows::Bounded;
use super::{Coord, step};
use crate::plan::function::Lower;
use crate::plan::value::Part;
use ir::loops::{Bin, Cmp, Ty};
use ir::{Load, Scalar};

impl Lower<'_, '_> {
    /// Whether a cell exists at all points. Where an index is a multiple of one of some windows, it is read within the
    /// window's bounds alone.
    pub fn is_read_inside(&mut self, load: &Load, windows: &[&Bounded], coords: &[Coord]) -> Part {
        let tensor = self.object(&load.tensor);
        let mut all = Part::int(Ty::I8, 1);
        for (axis, e) in load.index.iter().enumerate() {
            self.bind_first(coords);
            let first = self.index(e);
            let steps: Vec<i64> = coords.iter().map(|coord| step(e, coord.var).unwrap_or(0)).collect();
            let (mut least, mut most) = (first.clone(), first);
            for (times, lo, hi) in ways(&steps, windows, coords) {
                let [lo, hi] = [lo, hi].map(|end| end.bin(Bin::Mul, Part::index(times)));
                let (lo, hi) = if times > 0 { (lo, hi) } else { (hi, lo) };
                least = least.bin(Bin::Add, lo);
                most = most.bin(Bin::Add, hi);
            }
            let dim = self.dim(tensor, axis);
            let inside = least.cmp(Cmp::SGe, Part::index(0)).bin(Bin::And, most.cmp(Cmp::SLt, dim));
            all = all.bin(Bin::And, inside);
        }
        self.atom(all)
    }

    /// Whether all numbers of a tensor are.
    pub fn is_finite(&mut self, load: &Load) -> Part {
        let tensor = self.object(&load.tensor);
        let count = (0..load.index.len()).fold(Part::index(1), |count, axis| {
            let dim = self.stored_dim(tensor, axis);
            count.bin(Bin::Mul, dim)
        });
        let count = self.atom(count);
        let is_small = load.tensor.ty.elem().scalar() == Some(Scalar::F32);
        let name = if is_small { "all_finite_f32" } else { "all_finite_f64" };
        let data = self.data(tensor);
        self.rt(name, vec![data.ex, count.ex], None).expect("a condition")
    }
}

/// By how much an index grows from the first points on: with single coordinates, and with windows as a whole.
fn ways(steps: &[i64], windows: &[&Bounded], coords: &[Coord]) -> Vec<(i64, Part, Part)> {
    let mut left = steps.to_vec();
    let mut ways = Vec::new();
    for (window, (lo, hi)) in windows {
        let Some(first) = window.steps.iter().position(|step| *step != 0) else { continue };
        let times = left[first] / window.steps[first];
        let is_multiple = (0..left.len()).all(|k| !window.has(k) || left[k] == times * window.steps[k]);
        if times == 0 || !is_multiple {
            continue;
        }
        let mut start = Part::index(0);
        for (k, coord) in coords.iter().enumerate().filter(|(k, _)| window.has(*k)) {
            left[k] = 0;
            start = start.bin(Bin::Add, coord.lo.clone().bin(Bin::Mul, Part::index(window.steps[k])));
        }
        let last = hi.clone().bin(Bin::Sub, Part::index(1));
        ways.push((times, lo.clone().bin(Bin::Sub, start.clone()), last.bin(Bin::Sub, start)));
    }
    let single = left.into_iter().zip(coords).filter(|(times, _)| *times != 0);
    ways.extend(single.map(|(times, coord)| (times, Part::index(0), coord.extent().bin(Bin::Sub, Part::index(1)))));
    ways
}

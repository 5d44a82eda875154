//! Calls of the runtime, and the tensors that they need.

use super::product::{Factor, Group, Pairing, Product, What};
use super::{Coord, affine_steps, chosen};
use crate::plan::function::Lower;
use crate::plan::region::Reach;
use crate::plan::value::Part;
use ir::loops::{Bin, Ex, Local, St, Turns, Ty};
use ir::{Expr, ExprKind, Load, Scalar, Type};

/// Cells in memory: the first one, and how far apart neighbours along each coordinate are.
pub struct Strided {
    pub tensor: Local,
    pub first: Part,
    pub strides: Vec<Part>,
}

/// A coordinate as the runtime sees it: its extent, and its strides in the target and both factors.
#[derive(Clone)]
pub struct Walk {
    pub extent: Part,
    pub strides: [Part; 3],
}

/// A number of each cell.
enum CellValue<'e> {
    Of(Factor<'e>),
    In(Local, Vec<Coord>),
}

impl Lower<'_, '_> {
    /// Stores the cells of a group.
    pub fn contract(&mut self, product: &Product, group: &Group, target: Strided) {
        let (left, right) = match &group.what {
            What::Contraction(left, right) => (left, right),
            What::Windowed(windowed) => return self.contract_windowed(product, group, windowed, target),
            _ => return self.store_cells(product, group, &chosen(&product.coords, group.coords), &target),
        };
        let both = left.coords | right.as_ref().map_or(0, |right| right.coords);
        let summed = chosen(&product.coords, both & !group.coords);
        let open = chosen(&product.coords, group.coords);
        let coords = [open.clone(), summed].concat();
        let left = self.strided(product, left, &coords, open.len());
        let right = match right {
            Some(right) => self.strided(product, right, &coords, open.len()),
            None => self.one(product, coords.len()),
        };
        let strides = |k: usize| {
            let stored = target.strides.get(k).cloned().unwrap_or(Part::index(0));
            [stored, left.strides[k].clone(), right.strides[k].clone()]
        };
        let walks: Vec<Walk> =
            coords.iter().enumerate().map(|(k, coord)| Walk { extent: coord.extent(), strides: strides(k) }).collect();
        let firsts = [target.first, left.first, right.first];
        self.call_contraction(product, [target.tensor, left.tensor, right.tensor], firsts, walks.split_at(open.len()));
    }

    /// Calls the runtime for some open and summed coordinates.
    pub fn call_contraction(
        &mut self,
        product: &Product,
        tensors: [Local; 3],
        firsts: [Part; 3],
        (open, summed): (&[Walk], &[Walk]),
    ) {
        let name = match (product.pairing, product.scalar) {
            (Pairing::Product, Scalar::F32) => "contract_f32",
            (Pairing::Product, _) => "contract_f64",
            (Pairing::SquaredDifference, Scalar::F32) => "contract_squares_f32",
            (Pairing::SquaredDifference, _) => "contract_squares_f64",
            (Pairing::Distance, Scalar::F32) => "contract_distances_f32",
            (Pairing::Distance, _) => "contract_distances_f64",
        };
        let mut words = Vec::from(firsts);
        for Walk { extent, strides } in open.iter().chain(summed) {
            words.push(extent.clone());
            words.extend_from_slice(strides);
        }
        let words: Vec<Part> = words.into_iter().map(|word| self.atom(word)).collect();
        let mut args: Vec<Ex> = tensors.map(|tensor| self.data(tensor).ex).into();
        args.push(self.spill(&words, 0));
        args.extend([open.len(), summed.len()].map(|count| Ex::Int(Ty::I64, count as i64)));
        self.emit(St::Rt { name, args, results: Vec::new(), site: None });
    }

    /// The cells of a group in memory: where they are, or else in a tensor of their own. The first `open` coordinates
    /// are not summed.
    fn strided(&mut self, product: &Product, group: &Group, coords: &[Coord], open: usize) -> Strided {
        let own = chosen(&product.coords, group.coords);
        if let What::Cells(Factor { e, divides: false }) = &group.what
            && let ExprKind::Load(load) = &e.kind
            && let Some(steps) = affine_steps(load, coords)
        {
            let neighbours = steps.last().is_some_and(|steps| steps[..open].iter().all(|step| *step == 0));
            if neighbours
                && !product.is_narrowed
                && (0..steps.len()).all(|axis| {
                    load.proven[axis] || self.reads_inside(load, axis, &steps[axis], coords).as_int() == Some(1)
                })
                && let Some(region) = self.region_around_loop(e, coords)
            {
                // Whatever multiplies it again and again wants neighbours along an open coordinate.
                let is_own = |coord: &&Coord| own.iter().any(|c| c.var == coord.var);
                let turned = coords[open..].iter().chain(&coords[..open]).filter(is_own).cloned().collect();
                return self.at(region, |lower| lower.stored(product, group, turned, coords));
            }
            return self.strided_load(load, &steps, coords);
        }
        self.stored(product, group, own, coords)
    }

    /// The region outside of a loop that can compute a factor for all points, if it is the same in each turn.
    fn region_around_loop(&self, factor: &Expr, coords: &[Coord]) -> Option<usize> {
        let vars = ir::visit::free_vars(factor).into_iter().filter(|var| coords.iter().all(|coord| coord.var != *var));
        let read = vars.map(|var| self.level_of(var)).max().unwrap_or(0);
        let level = coords.iter().map(|coord| coord.lo.level.max(coord.hi.level)).fold(read, usize::max);
        let region = self.target(level, Reach::Certain);
        self.is_around_loop(region).then_some(region)
    }

    /// A group in a tensor of its own, the first coordinate outermost.
    fn stored(&mut self, product: &Product, group: &Group, own: Vec<Coord>, coords: &[Coord]) -> Strided {
        let dims = own.iter().map(Coord::extent).collect();
        let tensor = self.new_tensor(&Type::Scalar(product.scalar), dims, false, "", product.span);
        let lengths = self.axis_strides(tensor, own.len());
        let target = Strided { tensor, first: Part::index(0), strides: lengths.clone() };
        match group.what {
            What::Contraction(..) | What::Windowed(_) => self.contract(product, group, target),
            _ => self.store_cells(product, group, &own, &target),
        }
        let stride = |coord: &Coord| {
            let at = own.iter().position(|c| c.var == coord.var);
            at.map_or(Part::index(0), |at| lengths[at].clone())
        };
        Strided { tensor, first: Part::index(0), strides: coords.iter().map(stride).collect() }
    }

    /// A factor of ones.
    fn one(&mut self, product: &Product, coords: usize) -> Strided {
        let ty = Type::Scalar(product.scalar);
        let tensor = self.new_tensor(&ty, vec![Part::index(1)], false, "", product.span);
        self.store_cell(tensor, Part::index(0), Part::float(Ty::of(product.scalar), 1.0), &ty);
        Strided { tensor, first: Part::index(0), strides: vec![Part::index(0); coords] }
    }

    /// Computes the cells of factors that are multiplied with each other.
    fn store_cells(&mut self, product: &Product, group: &Group, coords: &[Coord], target: &Strided) {
        let mut values = Vec::new();
        self.values_of(product, group, &mut values);
        self.store_nest(&values, coords, target, target.first.clone(), &Type::Scalar(product.scalar));
    }

    /// What is multiplied for each cell of a group. What needs a loop itself is computed before.
    fn values_of<'e>(&mut self, product: &Product<'e>, group: &Group<'e>, values: &mut Vec<CellValue<'e>>) {
        match &group.what {
            What::Cells(factor) => values.push(CellValue::Of(*factor)),
            What::Times(groups) => groups.iter().for_each(|group| self.values_of(product, group, values)),
            What::Contraction(..) | What::Windowed(_) => {
                let coords = chosen(&product.coords, group.coords);
                let cells = self.strided(product, group, &coords, coords.len());
                values.push(CellValue::In(cells.tensor, coords));
            }
        }
    }

    fn store_nest(&mut self, values: &[CellValue], coords: &[Coord], target: &Strided, place: Part, ty: &Type) {
        let Some((coord, inner)) = coords.split_first() else {
            let mut all = Vec::with_capacity(values.len());
            for value in values {
                all.push(match value {
                    CellValue::Of(factor) => (self.scalar(factor.e), factor.divides),
                    CellValue::In(tensor, coords) => (self.cell_at(*tensor, coords, ty), false),
                });
            }
            let Some(product) = multiplied(all) else { return };
            let product = self.atom(product);
            let place = self.atom(place);
            return self.store_cell(target.tensor, place, product, ty);
        };
        let name = self.program().vars[coord.var.index()].name.as_str();
        let stride = target.strides[target.strides.len() - coords.len()].clone();
        self.for_loop((coord.lo.clone(), coord.hi.clone()), Turns::Free, name, |lower, var| {
            let index = lower.read(var);
            lower.bind_coord(coord.var, index.clone());
            let place = place.bin(Bin::Add, index.bin(Bin::Sub, coord.lo.clone()).bin(Bin::Mul, stride));
            lower.store_nest(values, inner, target, place, ty);
        });
    }

    pub fn strided_load(&mut self, load: &Load, steps: &[Vec<i64>], coords: &[Coord]) -> Strided {
        let tensor = self.object(&load.tensor);
        self.bind_first(coords);
        let index = load.index.iter().map(|e| self.index(e)).collect();
        let first = self.offset(tensor, index);
        let first = self.atom(first);
        let lengths = self.axis_strides(tensor, load.index.len());
        let stride = |k: usize| {
            steps.iter().zip(&lengths).fold(Part::index(0), |sum, (steps, length)| {
                sum.bin(Bin::Add, length.clone().bin(Bin::Mul, Part::index(steps[k])))
            })
        };
        Strided { tensor, first, strides: (0..coords.len()).map(stride).collect() }
    }

    /// Lets every coordinate stand for its first point.
    pub fn bind_first(&mut self, coords: &[Coord]) {
        for coord in coords {
            self.bind_coord(coord.var, coord.lo.clone());
        }
    }

    /// How many elements neighbours along each axis are apart.
    pub fn axis_strides(&mut self, tensor: Local, rank: usize) -> Vec<Part> {
        let mut strides = vec![Part::index(1); rank];
        for pair in self.axes_in_memory(tensor, rank).windows(2).rev() {
            let dim = self.stored_dim(tensor, pair[1]);
            strides[pair[0]] = self.atom_of_product(strides[pair[1]].clone(), dim);
        }
        strides
    }

    fn atom_of_product(&mut self, a: Part, b: Part) -> Part {
        let product = a.bin(Bin::Mul, b);
        self.atom(product)
    }
}

/// The product of numbers, some of which divide.
pub fn multiplied(values: Vec<(Part, bool)>) -> Option<Part> {
    values.into_iter().fold(None, |product: Option<Part>, (value, divides)| {
        Some(match product {
            None if !divides => value,
            None => Part::float(value.ty, 1.0).bin(Bin::FDiv, value),
            Some(product) => product.bin(if divides { Bin::FDiv } else { Bin::Mul }, value),
        })
    })
}

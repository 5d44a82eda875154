//! Programs about coordinates alone: gates, clauses, dependent ranges, diagonals, functions with contracts, recurrences,
//! and extents of nothing and of one.

use super::scalars::Kind;
use super::tensors::{COORDINATES, coordinates, ranges};
use super::{TensorVar, Writer};

const FUNCTIONS: &str = "fn share[p](x: [f32; ..left, p, ..right]) -> [f32; ..left, p, ..right] {
    let e[..left, p, ..right] = exp(-abs(x[..left, p, ..right]));
    e[..left, p, ..right] / (sum[p](e[..left, p, ..right]) + 1.0)
}
fn nested[q](x: [f32; ..left, q, ..right]) -> [f32; ..left, ..right] {
    let e[..left, q, ..right] = share[q](x[..left, q, ..right]);
    sum[q](share[q](x[..left, q, ..right]) * e[..left, q, ..right])
}
fn spread_of[..s](x: [f32; ..l, ..s]) -> [f32; ..l, ..s] {
    let m[..l] = sum[..s](x[..l, ..s]) * 0.125;
    x[..l, ..s] - tanh(m[..l])
}
fn pairs[p, q, d](a: [f32; p, d], b: [f32; q, d]) -> [f32; p, q] { sum[d](a[p, d] * b[q, d]) * 0.125 }
fn centred[p](x: [f32; b, p]) -> [f32; b, p] { x[b, p] - sum[b](x[b, p]) * 0.125 }
fn place[p](x: [i32; ..left, p, ..right]) -> [i32; ..left, ..right] { argmax[p](x) }
";

impl Writer {
    pub fn coordinate_program(&mut self) {
        self.line("use std::math::{sin, cos, tanh, exp, sqrt, abs};");
        self.text.push_str(FUNCTIONS);
        self.explicit_tensor();
        for _ in 0..self.random.between(2, 5) {
            const STATEMENTS: &[fn(&mut Writer)] = &[
                Writer::explicit_tensor,
                Writer::inferred_tensor,
                Writer::contraction,
                Writer::reductions,
                Writer::dependent_range,
                Writer::window,
                Writer::overlapping_clauses,
                Writer::guarded,
                Writer::definitions,
                Writer::gather,
                Writer::addresses,
                Writer::slices,
                Writer::line_recurrence,
                Writer::grid_recurrence,
                Writer::vector_recurrence,
                Writer::mutual_recurrence,
                Writer::slice_recurrence,
                Writer::diagonals,
                Writer::one_coordinate_twice,
                Writer::gated_call,
                Writer::packs,
                Writer::three_factors,
                Writer::triangles,
                Writer::index_definitions,
                Writer::gated_recurrence,
                Writer::nothing_or_one,
                Writer::places,
            ];
            let write = self.random.pick(STATEMENTS);
            write(self);
        }
    }

    fn float_matrix(&mut self) -> TensorVar {
        self.some_tensor(2, Kind::F32)
    }

    /// One whose cells the oracle may compute in cells of others.
    fn small_matrix(&mut self, largest: usize) -> TensorVar {
        let shape = vec![self.extent().min(largest), self.extent().min(largest)];
        self.tensor_of(Kind::F32, shape)
    }

    /// A condition on these coordinates that holds for some of their values.
    fn gate(&mut self, coords: &[&str]) -> String {
        let (a, b) = (self.random.pick(coords), self.random.pick(coords));
        let (factor, modulus, shift) =
            (self.random.between(1, 3), self.random.between(2, 4), self.random.between(0, 3));
        match self.random.below(4) {
            0 => format!("({a} * {factor} + {b}) % {modulus} != 0"),
            1 => format!("{a} <= {b} + {shift}"),
            2 => format!("{a} + {shift} > {b} * {factor}"),
            _ => format!("{a} != {shift} && {b} < {}", shift + factor),
        }
    }

    pub fn diagonals(&mut self) {
        let (n, name) = (self.extent(), self.fresh("square"));
        let kind = self.random.pick(&[Kind::F32, Kind::F64, Kind::I32]);
        let square = self.tensor_of(kind, vec![n, n]);
        let s = &square.name;
        match self.random.below(4) {
            0 => self.line(format!("let {name}[i] = {s}[i, i];")),
            1 => self.line(format!("let {name}[i, j] = {s}[i, i] + {s}[j, i];")),
            2 => self.line(format!("let {name} = sum[i]({s}[i, i]) - sum[i, j]({s}[j, i] where i == j);")),
            _ => {
                let cube = self.tensor_of(kind, vec![n.min(9), 3, n.min(9)]);
                self.line(format!("let {name}[j, i] = {0}[i, j, i] * {0}[i, 0, i];", cube.name));
            }
        }
        self.print(&name);
    }

    pub fn one_coordinate_twice(&mut self) {
        let (a, name) = (self.small_matrix(9), self.fresh("gram"));
        self.line(format!("let {name}_of[s, f] = {}[s, f];", a.name));
        match self.random.below(3) {
            0 => self.print(&format!("pairs[s, s, f]({name}_of, {name}_of)")),
            1 => {
                self.line(format!("let {name}[i, j] = pairs[s, s, f]({name}_of[s, f], {name}_of[s, f]);"));
                self.print(&name);
            }
            _ => {
                self.line(format!("let {name}[i] = pairs[s, s, f]({name}_of, {name}_of)[i, i];"));
                self.print(&name);
            }
        }
    }

    pub fn gated_call(&mut self) {
        let (x, name) = (self.small_matrix(33), self.fresh("call"));
        let gate = self.gate(&["i", "j"]);
        let x = x.name;
        match self.random.below(8) {
            0 => self.line(format!("let {name}[i, j] = share[j]({x}[i, j]) where {gate};")),
            1 => self.line(format!("let {name}[i, j] = share[i]({x}[i, j]) where {gate} else 0.5;")),
            2 => self.line(format!("let {name}[i] = nested[j]({x}[i, j] where {gate});")),
            3 => self.line(format!("let {name}[j] = nested[i]({x}[i, j]) where {gate};")),
            4 => self.line(format!("let {name}[j, i] = share[i](share[j]({x}[i, j])) where {gate};")),
            5 => self.line(format!("let {name} = sum[i, j](share[j]({x}[i, j]) where {gate});")),
            6 => self.line(format!("let {name}[j, i] = centred[j]({x}[i, j]) where {gate};")),
            _ => self.line(format!("let {name}[i] = sum[j](centred[i]({x}[i, j]) * {x}[i, j] where {gate});")),
        }
        self.print(&name);
    }

    pub fn packs(&mut self) {
        let rank = self.random.between(2, 4) as usize;
        let (x, name) = (self.some_tensor(rank, Kind::F32), self.fresh("pack"));
        let names = COORDINATES[..rank].join(", ");
        self.line(format!("let {name}_of[{names}] = {}[{names}];", x.name));
        let last = COORDINATES[rank - 1];
        match self.random.below(4) {
            0 => self.print(&format!("spread_of[{last}]({name}_of)")),
            1 => self.print(&format!("spread_of[({})]({name}_of)", COORDINATES[rank - 2..rank].join(", "))),
            2 => self.print(&format!("spread_of[()]({name}_of)")),
            _ => {
                let along = self.random.pick(&COORDINATES[..rank]);
                self.print(&format!("share[{along}]({name}_of)"));
            }
        }
    }

    pub fn three_factors(&mut self) {
        let (n, m, k) = (self.extent(), self.extent(), self.extent().min(9));
        let kind = self.random.pick(&[Kind::F32, Kind::F64]);
        let (a, b, c) =
            (self.tensor_of(kind, vec![n, k]), self.tensor_of(kind, vec![m, k]), self.tensor_of(kind, vec![n, m]));
        let product = format!("{}[i, k] * {}[j, k] * {}[i, j]", a.name, b.name, c.name);
        let (name, gate) = (self.fresh("chain"), self.gate(&["i", "j", "k"]));
        let size = (n * m * k).max(1);
        match self.random.below(4) {
            0 => self.line(format!("let {name}[i] = sum[j, k]({product}) / {size}.0;")),
            1 => self.line(format!("let {name}[k, j] = sum[i]({product} where {gate}) / {n}.5;")),
            2 => self.line(format!("let {name} = sum[i, j, k]({product}) / {size}.0;")),
            _ => self.line(format!("let {name}[j, i, k] = {product};")),
        }
        self.print(&name);
    }

    /// Ranges that hang on two other coordinates.
    pub fn triangles(&mut self) {
        // Points of four coordinates are many.
        let (n, m) = (self.extent(), self.random.pick(&[0, 1, 3, 8, 9]));
        let n = if m > 3 { n.min(9) } else { n.min(33) };
        let (x, name) = (self.tensor_of(Kind::F32, vec![n, m]).name, self.fresh("tri"));
        let size = (n * m).max(1);
        match self.random.below(4) {
            0 => self.line(format!(
                "let {name}[i in 0..{n}, j in 0..{m}] = sum[k in 0..i + 1, l in j..{m}]({x}[k, l]) / {size}.0;"
            )),
            1 => self.line(format!("let {name}[i in 0..{n}] = max[j in 0..{m}, k in j..{m}]({x}[i, k] - {x}[i, j]);")),
            2 => self.line(format!("let {name}[j in 0..{m}] = sum[i in j..{n}]({x}[i, j] where i != j) / {size}.0;")),
            _ => self.line(format!(
                "let {name}[i in 0..{n}] = sum[j in 0..{m}]({x}[i, j] * sum[k in 0..j]({x}[i, k])) / {size}.0;"
            )),
        }
        self.print(&name);
    }

    pub fn index_definitions(&mut self) {
        let (x, name) = (self.float_matrix(), self.fresh("at"));
        let (n, m) = (x.shape[0], x.shape[1]);
        if n * m == 0 {
            return;
        }
        let x = x.name;
        let (shift, gate) = (self.random.between(1, 3), self.gate(&["i", "j"]));
        match self.random.below(3) {
            0 => self.line(format!(
                "let {name}[i in 0..{n}, j in 0..{m}] = {x}[p, j] where p = i + {shift}, p < {n}, {gate};"
            )),
            1 => self.line(format!(
                "let {name}[i in 0..{n}] = sum[j in 0..{m}]({x}[i, q] * w where q = j - {shift}, q >= 0, w = {x}[i, j]) / {m}.0;"
            )),
            _ => self.line(format!(
                "let {name}[i in 0..{n}, j in 0..{m}] = {x}[p, q] where p = (i * {shift} + j) % {n}, q = (i + j) / 2, q < {m} else -1.0;"
            )),
        }
        self.print(&name);
    }

    pub fn gated_recurrence(&mut self) {
        let (x, name, steps) = (self.some_tensor(1, Kind::F32), self.fresh("walk"), self.random.between(1, 9));
        let n = x.shape[0];
        let gate = self.gate(&["t", "i"]);
        self.line(format!("let {name}[0, i in 0..{n}] = {}[i];", x.name));
        match self.random.below(3) {
            0 => self.line(format!(
                "let {name}[t in 1..{steps}, i in 0..{n}] = {name}[t - 1, i] * 0.5 + {}[i] where {gate};",
                x.name
            )),
            1 => self.line(format!(
                "let {name}[t in 1..{steps}, i in 0..{n}] = {name}[t - 1, i - 1] * 0.5 where i >= 1 else {name}[t - 1, i] + 0.25;"
            )),
            _ => self.line(format!(
                "let {name}[t in 1..{steps}, i in 0..{n}] = sum[k in 0..{n}]({name}[t - 1, k] where k <= i) / {}.0 + cos({}[i]);",
                n.max(1) * 2, x.name
            )),
        }
        self.keep(name, Kind::F32, vec![steps as usize, n], x.bound * 4.0 + 4.0);
    }

    /// Reductions over nothing and over one value.
    pub fn nothing_or_one(&mut self) {
        let (n, m) = (self.random.below(2), self.random.below(2));
        let kind = self.random.pick(&[Kind::F32, Kind::I32]);
        let x = self.tensor_of(kind, vec![n, 3, m]);
        let x = x.name;
        self.print(&format!("sum[i, j, k]({x}[i, j, k]), prod[i, k]({x}[i, 1, k] + 1)"));
        let name = self.fresh("none");
        let op = if kind.is_float() { self.random.pick(&["sum", "max", "min", "prod"]) } else { "sum" };
        self.line(format!("let {name}[j] = {op}[k, i]({x}[i, j, k]);"));
        self.print(&name);
        let name = self.fresh("one");
        self.line(format!("let {name}[k, i, j] = {x}[i, j, k] * 2;"));
        self.print(&format!("{name}, shape({name})"));
    }

    /// Coordinates as addresses of integers.
    pub fn places(&mut self) {
        let shape = vec![self.extent(), self.extent()];
        let (coords, name) = ([("i", shape[0]), ("j", shape[1])], self.fresh("place"));
        let body = self.small_expr(Kind::I32, 2, &coordinates(&coords));
        self.line(format!("let {name}_of[{}] = {};", ranges(&shape), body.text));
        self.line(format!("let {name}[i] = {name}_of[i, at] where at = place[j]({name}_of)[i];"));
        self.print(&name);
    }
}

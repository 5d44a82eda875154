//! Tensors: indexed definitions, clauses, reductions, recurrences.

use super::scalars::{Kind, Term};
use super::{TensorVar, Writer};

const EXTENTS: &[usize] = &[1, 2, 3, 4, 7, 8, 9, 31, 32, 33, 100];
pub const COORDINATES: &[&str] = &["i", "j", "k", "l"];
/// Cells of a tensor at most: more would only take time.
const LARGEST: usize = 3300;

impl Writer {
    pub fn extent(&mut self) -> usize {
        match self.random.one_in(2) {
            true => self.random.pick(&EXTENTS[..4]),
            false => self.random.pick(EXTENTS),
        }
    }

    fn shape(&mut self, rank: usize) -> Vec<usize> {
        let mut shape: Vec<usize> = (0..rank).map(|_| self.extent()).collect();
        while shape.iter().product::<usize>() > LARGEST {
            let largest = shape.iter().copied().max().unwrap_or(1);
            shape.iter_mut().filter(|extent| **extent == largest).for_each(|extent| *extent = 3);
        }
        shape
    }

    pub fn keep(&mut self, name: String, kind: Kind, shape: Vec<usize>, bound: f64) {
        self.print(&name);
        self.tensors.push(TensorVar { name, kind, shape, bound });
    }

    /// A tensor of this rank and kind: one in scope, or a new one.
    pub fn some_tensor(&mut self, rank: usize, kind: Kind) -> TensorVar {
        let known: Vec<TensorVar> =
            self.tensors.iter().filter(|t| t.shape.len() == rank && t.kind == kind).cloned().collect();
        if !known.is_empty() && !self.random.one_in(4) {
            return self.random.pick(&known);
        }
        let shape = self.shape(rank);
        self.tensor_of(kind, shape)
    }

    pub fn tensor_of(&mut self, kind: Kind, shape: Vec<usize>) -> TensorVar {
        let name = self.fresh("t");
        let slots = ranges(&shape);
        let coords: Vec<(&str, usize)> = COORDINATES.iter().copied().zip(shape.iter().copied()).collect();
        let local = coordinates(&coords);
        let body = self.small_expr(kind, 2, &local);
        self.line(format!("let {name}[{slots}] = {};", body.text));
        let tensor = TensorVar { name, kind, shape, bound: body.bound };
        self.tensors.push(tensor.clone());
        tensor
    }

    /// Cells of tensors in scope that these coordinates can reach, and the coordinates themselves.
    fn cells(&mut self, coords: &[(&str, usize)]) -> Vec<Term> {
        let mut terms = coordinates(coords);
        for tensor in self.tensors.clone() {
            if tensor.shape.contains(&0) {
                continue;
            }
            let index: Option<Vec<String>> = tensor.shape.iter().map(|&extent| self.index(extent, coords)).collect();
            if let Some(index) = index {
                let text = format!("{}[{}]", tensor.name, index.join(", "));
                terms.push(Term::new(text, tensor.kind, tensor.bound));
            }
        }
        terms
    }

    fn index(&mut self, extent: usize, coords: &[(&str, usize)]) -> Option<String> {
        let same: Vec<&str> = coords.iter().filter(|(_, other)| *other == extent).map(|(name, _)| *name).collect();
        if !same.is_empty() && !self.random.one_in(8) {
            return Some(self.random.pick(&same).to_owned());
        }
        if coords.is_empty() || self.random.one_in(3) {
            return self.random.one_in(2).then(|| self.random.below(extent).to_string());
        }
        let (name, _) = self.random.pick(coords);
        let factor = self.random.between(1, 3);
        Some(format!("({name} * {factor} + 1) % {extent}"))
    }

    pub fn literal_tensor(&mut self) {
        let (rank, kind) = (self.random.below(3) + 1, self.random.pick(&[Kind::I32, Kind::F32, Kind::F64, Kind::I64]));
        let shape: Vec<usize> = (0..rank).map(|_| self.random.below(3) + 1).collect();
        let name = self.fresh("lit");
        let text = self.literal_rows(kind, &shape);
        self.line(format!("let {name} = {text};"));
        self.keep(name, kind, shape, 9.0);
    }

    fn literal_rows(&mut self, kind: Kind, shape: &[usize]) -> String {
        match shape {
            [] => self.literal(kind).text,
            [extent, rest @ ..] => {
                let rows: Vec<String> = (0..*extent).map(|_| self.literal_rows(kind, rest)).collect();
                format!("[{}]", rows.join(", "))
            }
        }
    }

    pub fn explicit_tensor(&mut self) {
        let rank = self.random.below(4) + 1;
        let mut shape = self.shape(rank);
        if self.random.one_in(10) {
            shape[0] = 0;
        }
        let kind = self.random.pick(&[Kind::I32, Kind::F32, Kind::F32, Kind::F64, Kind::I64, Kind::Bool, Kind::U8]);
        let coords: Vec<(&str, usize)> = COORDINATES.iter().copied().zip(shape.iter().copied()).collect();
        let local = self.cells(&coords);
        let body = self.small_expr(kind, 3, &local);
        let name = self.fresh("t");
        self.line(format!("let {name}[{}] = {};", ranges(&shape), body.text));
        self.keep(name, kind, shape, body.bound);
    }

    /// Ranges from a tensor whose coordinates all stand alone, in any order on the left.
    pub fn inferred_tensor(&mut self) {
        let (rank, kind) = (self.random.below(3) + 1, self.random.pick(&[Kind::F32, Kind::F64, Kind::I32]));
        let anchor = self.some_tensor(rank, kind);
        let coords: Vec<(&str, usize)> = COORDINATES.iter().copied().zip(anchor.shape.iter().copied()).collect();
        let local = self.cells(&coords);
        let other = self.small_expr(kind, 2, &local);
        let mut order: Vec<usize> = (0..rank).collect();
        order.rotate_left(self.random.below(rank));
        let slots: Vec<&str> = order.iter().map(|&k| COORDINATES[k]).collect();
        let name = self.fresh("t");
        let body = format!("{}[{}] + {}", anchor.name, COORDINATES[..rank].join(", "), other.text);
        let body = self.tame(Term::new(format!("({body})"), kind, anchor.bound + other.bound), 9.0);
        self.line(format!("let {name}[{}] = {};", slots.join(", "), body.text));
        let shape = order.iter().map(|&k| anchor.shape[k]).collect();
        self.keep(name, kind, shape, body.bound);
    }

    pub fn contraction(&mut self) {
        let kind = self.random.pick(&[Kind::F32, Kind::F64, Kind::I32]);
        let a = self.some_tensor(2, kind);
        let columns = self.extent();
        let b = self.tensor_of(kind, vec![a.shape[1], columns]);
        let name = self.fresh("product");
        let scale = if kind.is_float() { format!(" / {}.0", a.shape[1].max(1) * 4) } else { String::new() };
        match self.random.below(3) {
            0 => self.line(format!("let {name}[i, j] = sum[k]({}[i, k] * {}[k, j]){scale};", a.name, b.name)),
            1 => self.line(format!("let {name}[i, j] = sum[k]({1}[k, j] * {0}[i, k]){scale};", a.name, b.name)),
            _ => {
                self.line(format!("let {name}[j, i] = sum[k]({}[i, k] * {}[k, j]){scale};", a.name, b.name));
                return self.print(&name);
            }
        }
        let bound = a.bound * b.bound * if kind.is_float() { 0.25 } else { a.shape[1] as f64 };
        self.keep(name, kind, vec![a.shape[0], columns], bound);
    }

    pub fn reductions(&mut self) {
        let (rank, kind) = (self.random.below(3) + 1, self.random.pick(&[Kind::F32, Kind::F64, Kind::I32]));
        let tensor = self.some_tensor(rank, kind);
        let empty = tensor.shape.contains(&0);
        let names = &COORDINATES[..rank];
        let cell = format!("{}[{}]", tensor.name, names.join(", "));
        let mut ops = vec!["sum", "any", "all"];
        if !empty || kind.is_float() {
            ops.extend(["max", "min"]);
        }
        if !empty && kind.is_float() {
            ops.push("mean");
        }
        let op = self.random.pick(&ops);
        let body = match op {
            "any" | "all" if kind.is_float() => format!("{cell} > 0.4137"),
            "any" | "all" => format!("{cell} > 2"),
            _ => match kind.is_float() {
                true => format!("{cell} * 0.5"),
                false => format!("{cell} * 2 - 1"),
            },
        };
        let guard = match self.random.below(3) {
            0 if !matches!(op, "max" | "min" | "mean") => format!(" where {} % 2 == 0", names[rank - 1]),
            _ => String::new(),
        };
        // Some coordinates are reduced, the others stay on the left.
        let kept = self.random.below(rank);
        let name = self.fresh("r");
        let reduced = names[kept..].join(", ");
        match kept {
            0 => self.line(format!("let {name} = {op}[{reduced}]({body}{guard});")),
            _ => self.line(format!("let {name}[{}] = {op}[{reduced}]({body}{guard});", names[..kept].join(", "))),
        }
        self.print(&name);
        if !empty && rank == 1 {
            self.print(&format!(
                "prod[i]({}[i] {})",
                tensor.name,
                if kind.is_float() { "* 0.5 + 0.25" } else { "% 2 + 1" }
            ));
        }
    }

    pub fn dependent_range(&mut self) {
        let kind = self.random.pick(&[Kind::F32, Kind::F64, Kind::I32]);
        let tensor = self.some_tensor(1, kind);
        let n = tensor.shape[0];
        let name = self.fresh("running");
        match self.random.below(3) {
            0 => self.line(format!("let {name}[i in 0..{n}] = sum[k in 0..i + 1]({}[k]);", tensor.name)),
            1 => self.line(format!("let {name}[i in 0..{n}] = sum[k in i..{n}]({}[k] where k != i);", tensor.name)),
            _ => self.line(format!(
                "let {name}[i in 0..{n}, j in 0..3] = sum[k in j..{n}]({}[k] where k <= i);",
                tensor.name
            )),
        }
        self.print(&name);
    }

    pub fn window(&mut self) {
        let size = self.random.between(1, 3) as usize;
        let tensor = self.tensor_of(Kind::F32, vec![size + 5, size + 3]);
        let name = self.fresh("window");
        match self.random.below(2) {
            0 => self.line(format!(
                "let {name}[i, j] = sum[m in 0..{size}, n in 0..{size}]({}[i + m, j + n]) / 8.0;",
                tensor.name
            )),
            _ => self.line(format!("let {name}[i, j] = max[m in 0..2]({}[i * 2 + m, j]);", tensor.name)),
        }
        self.print(&name);
    }

    pub fn overlapping_clauses(&mut self) {
        let n = self.random.between(4, 9);
        let kind = self.random.pick(&[Kind::I32, Kind::F64]);
        let name = self.fresh("patch");
        let coords = [("i", n as usize), ("j", 5)];
        let local = self.cells(&coords);
        let (a, b, c) = (
            self.small_expr(kind, 2, &local),
            self.small_expr(kind, 1, &local),
            self.small_expr(kind, 1, &local[1..2]),
        );
        self.line(format!("let {name}[i in 0..{n}, j in 0..5] = {};", a.text));
        self.line(format!("let {name}[i in 1..{n}, j in 2..4] = {} where (i + j) % 2 == 0;", b.text));
        let row = self.random.between(0, 3);
        self.line(format!("let {name}[{row}, j in 0..5] = {};", c.text));
        let bound = a.bound.max(b.bound).max(c.bound);
        self.keep(name, kind, vec![n as usize, 5], bound);
    }

    pub fn guarded(&mut self) {
        let kind = self.random.pick(&[Kind::F32, Kind::I32]);
        let tensor = self.some_tensor(1, kind);
        let n = tensor.shape[0];
        let local = self.cells(&[("i", n)]);
        let body = self.small_expr(kind, 2, &local);
        let otherwise = self.small_expr(kind, 1, &local);
        let name = self.fresh("gated");
        let guard = match kind.is_float() {
            true => format!("{}[i] > 0.2137", tensor.name),
            false => format!("{}[i] > 1", tensor.name),
        };
        match self.random.below(3) {
            0 => self.line(format!("let {name}[i in 0..{n}] = {} where {guard};", body.text)),
            1 => self.line(format!("let {name}[i in 0..{n}] = {} where {guard} else {};", body.text, otherwise.text)),
            _ => {
                // A guard protects what would be out of bounds.
                self.line(format!(
                    "let {name}[i in 0..{n}] = {}[i - 1] where i >= 1 else {};",
                    tensor.name, otherwise.text
                ));
            }
        }
        let bound = body.bound.max(otherwise.bound).max(tensor.bound);
        self.keep(name, kind, vec![n], bound);
    }

    pub fn definitions(&mut self) {
        let tensor = self.some_tensor(2, Kind::F32);
        let (rows, columns) = (tensor.shape[0], tensor.shape[1]);
        let name = self.fresh("norm");
        self.line(format!(
            "let {name}[i in 0..{rows}, j in 0..{columns}] = {0}[i, j] / z where s = sum[k](abs({0}[i, k])), z = s + 1.0;",
            tensor.name
        ));
        self.keep(name, Kind::F32, vec![rows, columns], 1.0);
    }

    pub fn gather(&mut self) {
        let kind = self.random.pick(&[Kind::F32, Kind::I32, Kind::F64]);
        let table = self.some_tensor(2, kind);
        if table.shape.contains(&0) {
            return;
        }
        let (index, name, n) = (self.fresh("idx"), self.fresh("rows"), self.extent());
        self.line(format!("let {index}[p in 0..{n}] = (p * 5 + 2) % {};", table.shape[0]));
        match self.random.below(2) {
            0 => {
                self.line(format!("let {name}[p, q] = {}[{index}[p], q];", table.name));
                self.keep(name, kind, vec![n, table.shape[1]], table.bound);
            }
            _ => {
                self.line(format!("let {name}[p] = {}[{index}[p], p % {}];", table.name, table.shape[1]));
                self.keep(name, kind, vec![n], table.bound);
            }
        }
    }

    /// Over integers: the place of the largest float may hang on its last digit.
    pub fn addresses(&mut self) {
        let (rows, columns) = (self.extent(), self.extent());
        let tensor = self.tensor_of(Kind::I32, vec![rows, columns]);
        let (name, least) = (self.fresh("best"), self.fresh("least"));
        self.line(format!("let {name}[i] = argmax[j]({}[i, j]);", tensor.name));
        self.line(format!("let {least} = argmin[i](sum[j]({}[i, j]));", tensor.name));
        self.print(&format!("{name}, {least}"));
        let taken = self.fresh("taken");
        self.line(format!("let {taken}[i] = {}[i, {name}[i]];", tensor.name));
        self.print(&taken);
    }

    pub fn whole_tensors(&mut self) {
        let rank = self.random.below(2) + 1;
        let tensor = self.some_tensor(rank, Kind::F32);
        let name = self.fresh("whole");
        let t = &tensor.name;
        let text = match self.random.below(4) {
            0 => format!("{t} * 0.5 - {t}"),
            1 => format!("tanh({t}) + 1.0"),
            2 => format!("-{t} / 2.0"),
            _ => format!("{t} * {t} * 0.125"),
        };
        self.line(format!("let {name} = {text};"));
        self.print(&format!("{name}, len({t}), rank({t}), size({t}), shape({t})"));
    }

    pub fn tensor_choice(&mut self) {
        let tensor = self.some_tensor(1, Kind::F32);
        let name = self.fresh("chosen");
        self.line(format!("let {name} = if {0} > 0.3137 {{ {0} * 2.0 }} else {{ 1.0 - {0} }};", tensor.name));
        self.print(&format!("{name}, sqrt(abs({name})), ({name} > 0.5137) as i32"));
    }

    pub fn slices(&mut self) {
        let tensor = self.tensor_of(Kind::I32, vec![5, 4]);
        let (lo, hi) = (self.random.between(0, 2), self.random.between(2, 5));
        let t = &tensor.name;
        self.print(&format!("{t}[1], {t}[{lo}..{hi}], {t}[.., 1..3], {t}[2][1], {t}[4, 3], 7 in {t}[0]"));
    }

    pub fn line_recurrence(&mut self) {
        let (name, n) = (self.fresh("h"), self.random.between(2, 33));
        match self.random.below(4) {
            0 => {
                self.line(format!("let {name}[0] = 1.0;"));
                self.line(format!("let {name}[t in 1..{n}] = {name}[t - 1] * 0.5 + ((t % 4) as f32) * 0.25;"));
            }
            1 => {
                self.line(format!("let {name}[0] = 0;"));
                self.line(format!("let {name}[1] = 1;"));
                self.line(format!("let {name}[t in 2..{}] = ({name}[t - 1] + {name}[t - 2]) % 97;", n + 1));
            }
            2 => {
                self.line(format!("let {name}[{}] = 1.0;", n - 1));
                self.line(format!("let {name}[t in 0..{}] = {name}[t + 1] * 0.75 - 0.5;", n - 1));
            }
            _ => {
                self.line(format!("let {name}[0] = 1;"));
                self.line(format!("let {name}[t in 1..{n}] = sum[k in 0..t]({name}[k] * (k + 1)) % 11;"));
            }
        }
        self.print(&format!("{name}, {name}[{}]", n - 1));
    }

    pub fn grid_recurrence(&mut self) {
        let (name, rows, columns) = (self.fresh("grid"), self.random.between(2, 9), self.random.between(2, 9));
        self.line(format!("let {name}[0, j in 0..{columns}] = j;"));
        self.line(format!("let {name}[i in 1..{rows}, 0] = i;"));
        let cost = self.random.between(1, 3);
        self.line(format!(
            "let {name}[i in 1..{rows}, j in 1..{columns}] = min[c in 0..2](if c == 0 {{ {name}[i - 1, j] + {cost} }} else {{ {name}[i, j - 1] + (i * j) % 3 }});"
        ));
        self.keep(name, Kind::I32, vec![rows as usize, columns as usize], 50.0);
    }

    pub fn vector_recurrence(&mut self) {
        let x = self.some_tensor(1, Kind::F32);
        let (name, steps, n) = (self.fresh("state"), self.random.between(2, 8), x.shape[0]);
        self.line(format!("let {name}[0, i] = {}[i];", x.name));
        match self.random.below(2) {
            0 => self.line(format!("let {name}[t in 1..{steps}, i] = tanh({name}[t - 1, i] + {}[i] * 0.5);", x.name)),
            _ => self.line(format!(
                "let {name}[t in 1..{steps}, i in 0..{n}] = mean[k in 0..{n}]({name}[t - 1, k]) * 0.5 + {}[i];",
                x.name
            )),
        }
        self.keep(name, Kind::F32, vec![steps as usize, n], x.bound * 2.0);
    }

    pub fn mutual_recurrence(&mut self) {
        let (a, b, n) = (self.fresh("even"), self.fresh("odd"), self.random.between(2, 12));
        self.line(format!("let {a}[0] = 1.0f64;"));
        self.line(format!("let {b}[0] = 0.5f64;"));
        self.line(format!("let {a}[t in 1..{n}] = {b}[t - 1] * 0.5 + 0.25;"));
        self.line(format!("let {b}[t in 1..{n}] = {a}[t] - {b}[t - 1] * 0.5;"));
        self.print(&format!("{a}, {b}"));
    }

    pub fn slice_recurrence(&mut self) {
        let x = self.some_tensor(1, Kind::F64);
        let (name, steps) = (self.fresh("w"), self.random.between(2, 6));
        self.line(format!("let {name}[0] = {};", x.name));
        self.line(format!("let {name}[s in 1..{steps}] = {{ let w = {name}[s - 1]; w * 0.5 + {} }};", x.name));
        self.print(&name);
    }

    pub fn tensor_calls(&mut self) {
        let (x, m) = (self.some_tensor(1, Kind::F32), self.some_tensor(2, Kind::F32));
        self.print(&format!("total({}), scaled({}, 0.5), twice({})", x.name, m.name, x.name));
    }
}

/// `i in 0..3, j in 0..4`
pub fn ranges(shape: &[usize]) -> String {
    let slots: Vec<String> =
        COORDINATES.iter().zip(shape).map(|(name, extent)| format!("{name} in 0..{extent}")).collect();
    slots.join(", ")
}

/// The coordinates first, then the same in other types.
pub fn coordinates(coords: &[(&str, usize)]) -> Vec<Term> {
    let mut terms: Vec<Term> =
        coords.iter().map(|(name, extent)| Term::new(*name, Kind::I32, *extent as f64)).collect();
    for (name, _) in coords {
        terms.push(Term::new(format!("({name} as i64)"), Kind::I64, LARGEST as f64));
        for kind in [Kind::F32, Kind::F64] {
            terms.push(Term::new(format!("(({name} % 7) as {} * 0.25)", kind.name()), kind, 1.5));
        }
    }
    terms
}

//! One program in several styles that must not matter: what its coordinates are called, in which order its tensors lay
//! them out, an axis of extent one more, gates that are always open, extents that only the run knows.

use super::random::Random;

#[derive(Clone, Copy, Default)]
pub struct Style {
    pub renamed: bool,
    pub permuted: bool,
    pub widened: bool,
    pub gated: bool,
    pub opaque: bool,
}

impl Style {
    /// The styles to compare with the default one.
    pub const OTHERS: [Style; 6] = {
        let plain = Style { renamed: false, permuted: false, widened: false, gated: false, opaque: false };
        [
            Style { renamed: true, ..plain },
            Style { permuted: true, ..plain },
            Style { widened: true, ..plain },
            Style { gated: true, ..plain },
            Style { opaque: true, ..plain },
            Style { renamed: true, permuted: true, widened: true, gated: true, opaque: true },
        ]
    };
}

const NAMES: [&str; 5] = ["i", "j", "k", "l", "u"];
const OTHER_NAMES: [&str; 5] = ["row", "l", "i", "step", "only"];
const EXTENTS: [usize; 9] = [0, 1, 1, 2, 3, 4, 7, 8, 9];
/// The axis of extent one that a style may add everywhere.
const EXTRA: usize = 4;

const PRELUDE: &str = "use std::math::exp;
fn opaque(n: i32) -> i32 { if n <= 0 { 0 } else { 1 + opaque(n - 1) } }
fn share[p](x: [f64; ..left, p, ..right]) -> [f64; ..left, p, ..right] {
    let e[..left, p, ..right] = exp(x[..left, p, ..right] * 0.1);
    let total[..left, ..right] = sum[p](e[..left, p, ..right]);
    e[..left, p, ..right] / (total[..left, ..right] + 1.0)
}
let open = opaque(1) == 1;
";

/// The program of a seed in a style.
pub fn program(seed: u64, style: Style) -> String {
    let mut random = Random::new(seed);
    let extents: Vec<usize> = (0..EXTRA).map(|_| random.pick(&EXTENTS)).chain([1]).collect();
    let mut writer =
        Writer { random, layouts: Random::new(seed + 1), style, extents, tensors: Vec::new(), text: PRELUDE.into() };
    for coord in 0..=EXTRA {
        let extent = writer.extents[coord];
        let value = if style.opaque { format!("opaque({extent})") } else { extent.to_string() };
        writer.line(format!("let n{coord} = {value};"));
    }
    for _ in 0..3 {
        writer.input();
    }
    for _ in 0..writer.random.between(3, 6) {
        const STEPS: &[fn(&mut Writer)] = &[
            Writer::pointwise,
            Writer::reduction,
            Writer::reduction,
            Writer::recurrence,
            Writer::function,
            Writer::gather,
            Writer::shift,
        ];
        let step = writer.random.pick(STEPS);
        step(&mut writer);
    }
    writer.gradients();
    writer.text
}

#[derive(Clone)]
struct Tensor {
    name: String,
    /// In rising order.
    coords: Vec<usize>,
    /// The same in the order of the axes, and the extra one where there is one.
    layout: Vec<usize>,
}

impl Tensor {
    fn has(&self, coord: usize) -> bool {
        self.coords.contains(&coord)
    }
}

struct Writer {
    random: Random,
    /// What only the style decides on, so that all styles of a seed make the same choices elsewhere.
    layouts: Random,
    style: Style,
    extents: Vec<usize>,
    tensors: Vec<Tensor>,
    text: String,
}

impl Writer {
    fn line(&mut self, line: impl AsRef<str>) {
        self.text.push_str(line.as_ref());
        self.text.push('\n');
    }

    fn name(&self, coord: usize) -> &'static str {
        if self.style.renamed { OTHER_NAMES[coord] } else { NAMES[coord] }
    }

    fn new_tensor(&mut self, coords: Vec<usize>) -> Tensor {
        let mut layout = coords.clone();
        if self.style.permuted {
            for k in (1..layout.len()).rev() {
                layout.swap(k, self.layouts.below(k + 1));
            }
        }
        if self.style.widened {
            layout.insert(self.layouts.below(layout.len() + 1), EXTRA);
        }
        Tensor { name: format!("t{}", self.tensors.len()), coords, layout }
    }

    fn some(&mut self) -> Tensor {
        let known = self.tensors.clone();
        self.random.pick(&known)
    }

    /// A cell at the coordinates' own values, but one of them at another.
    fn cell_at(&self, tensor: &Tensor, coord: usize, at: &str) -> String {
        let index = |c: &usize| if *c == coord { at.to_owned() } else { self.name(*c).to_owned() };
        let index: Vec<String> = tensor.layout.iter().map(index).collect();
        if index.is_empty() { tensor.name.clone() } else { format!("{}[{}]", tensor.name, index.join(", ")) }
    }

    fn cell(&self, tensor: &Tensor) -> String {
        self.cell_at(tensor, usize::MAX, "")
    }

    fn range(&self, coord: usize) -> String {
        format!("{} in 0..n{coord}", self.name(coord))
    }

    /// A clause, one of whose slots may be special.
    fn clause(&mut self, tensor: &Tensor, special: Option<(usize, String)>, body: &str, guards: &[String]) {
        let slot = |c: &usize| match &special {
            Some((coord, slot)) if coord == c => slot.clone(),
            _ => self.range(*c),
        };
        let slots: Vec<String> = tensor.layout.iter().map(slot).collect();
        let slots = if slots.is_empty() { String::new() } else { format!("[{}]", slots.join(", ")) };
        let guards = self.wheres(guards);
        self.line(format!("let {}{slots} = {body}{guards};", tensor.name));
    }

    fn wheres(&self, guards: &[String]) -> String {
        let gate = self.style.gated.then(|| "open".to_owned());
        let all: Vec<String> = gate.into_iter().chain(guards.iter().cloned()).collect();
        if all.is_empty() { String::new() } else { format!(" where {}", all.join(", ")) }
    }

    /// Shows a tensor in the one order that all styles share.
    fn keep(&mut self, tensor: Tensor) {
        self.show(&tensor);
        self.tensors.push(tensor);
    }

    fn show(&mut self, tensor: &Tensor) {
        let cell = self.cell_at(tensor, EXTRA, "0");
        if tensor.coords.is_empty() {
            return self.line(format!("print({cell});"));
        }
        let slots: Vec<String> = tensor.coords.iter().map(|c| self.range(*c)).collect();
        let shown = format!("shown_{}", tensor.name);
        self.line(format!("let {shown}[{}] = {cell};\nprint({shown});", slots.join(", ")));
    }

    fn guard(&mut self, coords: &[usize]) -> String {
        let of = |this: &mut Writer| {
            let coord = this.random.pick(coords);
            this.name(coord)
        };
        let (a, b) = (of(self), of(self));
        let (factor, divisor) = (self.random.between(1, 3), self.random.between(2, 3));
        match self.random.below(3) {
            0 => format!("({a} * {factor} + {b}) % {divisor} != 0"),
            1 => format!("{a} <= {b}"),
            _ => format!("{a} + {factor} > {b}"),
        }
    }

    fn input(&mut self) {
        let mut coords: Vec<usize> = (0..EXTRA).filter(|_| self.random.one_in(2)).collect();
        if coords.is_empty() {
            coords.push(self.random.below(EXTRA));
        }
        let terms: Vec<String> =
            coords.iter().map(|c| format!("{} * {}", self.name(*c), self.random.between(1, 9))).collect();
        let body = format!("(({} + {}) % 11) as f64 * 0.25 - 1.0", terms.join(" + "), self.random.between(0, 9));
        let tensor = self.new_tensor(coords);
        self.clause(&tensor, None, &body, &[]);
        self.keep(tensor);
    }

    fn pointwise(&mut self) {
        let (a, b) = (self.some(), self.some());
        let coords = (0..EXTRA).filter(|c| a.has(*c) || b.has(*c)).collect();
        let operator = self.random.pick(&["+", "-", "*"]);
        let body = format!("{} {operator} 0.5 * {}", self.cell(&a), self.cell(&b));
        let tensor = self.new_tensor(coords);
        self.clause(&tensor, None, &body, &[]);
        self.keep(tensor);
    }

    fn reduction(&mut self) {
        let factors: Vec<Tensor> = (0..self.random.between(1, 3)).map(|_| self.some()).collect();
        let all: Vec<usize> = (0..EXTRA).filter(|c| factors.iter().any(|f| f.has(*c))).collect();
        let mut reduced: Vec<usize> = all.iter().copied().filter(|_| self.random.one_in(2)).collect();
        if all.is_empty() {
            return;
        }
        if reduced.is_empty() {
            reduced.push(self.random.pick(&all));
        }
        let operator = self.random.pick(&["sum", "sum", "sum", "max", "min", "prod"]);
        let guards: Vec<String> = (0..self.random.below(2)).map(|_| self.guard(&all)).collect();
        let product: Vec<String> = factors.iter().map(|f| self.cell(f)).collect();
        let binders: Vec<String> = reduced.iter().map(|c| self.range(*c)).collect();
        let inside = format!("{}{}", product.join(" * "), self.wheres(&guards));
        let body = format!("{operator}[{}]({inside})", binders.join(", "));
        let tensor = self.new_tensor(all.into_iter().filter(|c| !reduced.contains(c)).collect());
        self.clause(&tensor, None, &body, &[]);
        // The extremes of nothing.
        if matches!(operator, "max" | "min") {
            let tame = self.new_tensor(tensor.coords.clone());
            let body = format!("if {0} > -1e9 && {0} < 1e9 {{ {0} }} else {{ 0.0 }}", self.cell(&tensor));
            self.tensors.push(tensor);
            let tame = Tensor { name: format!("t{}", self.tensors.len()), ..tame };
            self.clause(&tame, None, &body, &[]);
            return self.keep(tame);
        }
        self.keep(tensor);
    }

    fn recurrence(&mut self) {
        let from = self.some();
        let Some(along) = from.coords.iter().copied().find(|c| self.extents[*c] > 0) else { return };
        let tensor = self.new_tensor(from.coords.clone());
        let name = self.name(along);
        let cell = self.cell(&from);
        let (first, rest, before) = match self.random.one_in(2) {
            true => (format!("{name} in 0..1"), format!("{name} in 1..n{along}"), format!("{name} - 1")),
            false => (
                format!("{name} in n{along} - 1..n{along}"),
                format!("{name} in 0..n{along} - 1"),
                format!("{name} + 1"),
            ),
        };
        self.clause(&tensor, Some((along, first)), &cell, &[]);
        let step = format!("0.5 * {} + {cell}", self.cell_at(&tensor, along, &before));
        self.clause(&tensor, Some((along, rest)), &step, &[]);
        self.keep(tensor);
    }

    fn function(&mut self) {
        let from = self.some();
        let Some(along) = from.coords.first().copied() else { return };
        let tensor = self.new_tensor(from.coords.clone());
        let body = format!("share[{}]({})", self.name(along), self.cell(&from));
        let guards: Vec<String> = (0..self.random.below(2)).map(|_| self.guard(&from.coords)).collect();
        self.clause(&tensor, None, &body, &guards);
        self.keep(tensor);
    }

    fn gather(&mut self) {
        let from = self.some();
        let Some(along) = from.coords.last().copied().filter(|c| self.extents[*c] > 0) else { return };
        let tensor = self.new_tensor(from.coords.clone());
        let index = format!("({} * {} + 1) % n{along}", self.name(along), self.random.between(0, 3));
        self.clause(&tensor, None, &self.cell_at(&from, along, &index), &[]);
        self.keep(tensor);
    }

    fn shift(&mut self) {
        let from = self.some();
        let Some(along) = from.coords.first().copied() else { return };
        let tensor = self.new_tensor(from.coords.clone());
        let (name, by) = (self.name(along), self.random.between(-2, 2));
        let index = format!("{name} + {by}").replace("+ -", "- ");
        let guards = [format!("{index} >= 0"), format!("{index} < n{along}")];
        self.clause(&tensor, None, &self.cell_at(&from, along, &index), &guards);
        self.keep(tensor);
    }

    /// A scalar of the last tensor, by all the first ones.
    fn gradients(&mut self) {
        let last = self.tensors.last().expect("there are inputs").clone();
        let binders: Vec<String> = last.layout.iter().map(|c| self.range(*c)).collect();
        let cell = self.cell(&last);
        let loss = match binders.is_empty() {
            true => format!("{cell} * {cell}"),
            false => format!("sum[{}]({cell} * {cell})", binders.join(", ")),
        };
        self.line(format!("let loss = {loss};\nprint(loss);"));
        let inputs = self.tensors[..3].to_vec();
        for operand in inputs {
            let name = format!("d_{}", operand.name);
            self.line(format!("let {name} = @loss / @{};", operand.name));
            self.show(&Tensor { name, ..operand });
        }
    }
}

//! Differentiable programs at random: a function of a vector to a number, smooth by construction, with its first and
//! second derivatives beside differences of values and of first derivatives.
//!
//! Every tensor's cells stay within about one, and every function in use has moderate derivatives there, so that
//! differences have digits left. Choices depend on coordinates, never on values near a boundary.

use super::random::Random;

/// A program that prints, one line each: the gradient, differences of values, the sum of the gradient as a tangent, and the
/// gradient forwards, as many numerators have it; if `twice`, also the second derivatives, and differences of gradients.
pub fn smooth(seed: u64, twice: bool) -> String {
    let random = Random::new(seed);
    let mut writer = Smooth { random, lines: Vec::new(), items: Vec::new(), tensors: Vec::new(), names: 0 };
    let inputs = writer.count(1, 4);
    writer.tensors.push(("x".to_owned(), vec![inputs]));
    for _ in 0..writer.count(2, 6) {
        writer.statement();
    }
    let value = writer.number();
    let body = writer.lines.join("\n    ");
    let items = writer.items.join("\n");
    let x: Vec<String> = (0..inputs).map(|_| writer.decimal()).collect();
    let second = if twice {
        format!(
            "fn slope(x: [f64; n]) -> [f64; n] {{ let y = f(x); let g = @y / @x; g[n] }}\n\
             let h = @g / @x;\n\
             let up[k in 0..{inputs}] = slope(moved(x, k, 1e-5));\n\
             let down[k in 0..{inputs}] = slope(moved(x, k, -1e-5));\n\
             let e[i in 0..{inputs}, k in 0..{inputs}] = (up[k, i] - down[k, i]) / 2e-5;\n\
             print(h);\nprint(e);\n"
        )
    } else {
        String::new()
    };
    format!(
        "use std::math::{{sin, cos, tanh, exp, ln, sqrt, atan, erf}};\n\
         {items}\n\
         fn f(x: [f64; n]) -> f64 {{\n    {body}\n    {value}\n}}\n\
         fn moved(x: [f64; n], k: i32, by: f64) -> [f64; n] {{ x[n] + (if n == k {{ by }} else {{ 0.0 }}) }}\n\
         let x = [{}];\n\
         let y = f(x);\n\
         let g = @y / @x;\n\
         let t = @y;\n\
         let wide[m in 0..9] = y * (m as f64);\n\
         let j = @wide / @x;\n\
         let w = j[1];\n\
         let d[k in 0..{inputs}] = (f(moved(x, k, 1e-5)) - f(moved(x, k, -1e-5))) / 2e-5;\n\
         print(g);\nprint(d);\nprint(t);\nprint(w);\n\
         {second}",
        x.join(", ")
    )
}

struct Smooth {
    random: Random,
    /// Of the function's body.
    lines: Vec<String>,
    /// Functions and types in front of it.
    items: Vec<String>,
    tensors: Vec<(String, Vec<usize>)>,
    names: usize,
}

const COORDINATES: &[&str] = &["i", "j", "k"];

impl Smooth {
    fn statement(&mut self) {
        const STATEMENTS: &[fn(&mut Smooth)] = &[
            Smooth::pointwise,
            Smooth::pointwise,
            Smooth::contraction,
            Smooth::reduction,
            Smooth::window,
            Smooth::gathered,
            Smooth::triangle,
            Smooth::clauses,
            Smooth::guarded,
            Smooth::chosen,
            Smooth::line,
            Smooth::pair,
            Smooth::grid,
            Smooth::rows,
            Smooth::recursive,
            Smooth::recursive_tensor,
            Smooth::ruled,
            Smooth::structure,
            Smooth::tuple,
            Smooth::closure,
            Smooth::comprehension,
            Smooth::variant,
            Smooth::joined,
            Smooth::product,
            Smooth::greatest,
            Smooth::inner_block,
            Smooth::trained,
        ];
        let write = self.random.pick(STATEMENTS);
        write(self);
    }

    fn fresh(&mut self, stem: &str) -> String {
        self.names += 1;
        format!("{stem}{}", self.names)
    }

    /// From `lo` to `hi`, both included.
    fn count(&mut self, lo: usize, hi: usize) -> usize {
        lo + self.random.below(hi - lo + 1)
    }

    fn decimal(&mut self) -> String {
        let sign = if self.random.one_in(2) { "-" } else { "" };
        format!("{sign}0.{}{}f64", self.count(1, 9), self.random.below(10))
    }

    fn extent(&mut self) -> usize {
        self.count(1, 4)
    }

    /// A read of some tensor whose index these coordinates with their extents reach.
    fn read(&mut self, coords: &[(&str, usize)]) -> String {
        let (name, shape) = self.random.pick(&self.tensors.clone());
        let index: Vec<String> = shape.iter().map(|extent| self.index(*extent, coords)).collect();
        if index.is_empty() { name } else { format!("{name}[{}]", index.join(", ")) }
    }

    fn index(&mut self, extent: usize, coords: &[(&str, usize)]) -> String {
        let fitting: Vec<&str> = coords.iter().filter(|(_, own)| *own <= extent).map(|(name, _)| *name).collect();
        if !fitting.is_empty() && !self.random.one_in(4) {
            return self.random.pick(&fitting).to_owned();
        }
        if coords.is_empty() || self.random.one_in(3) {
            return self.random.below(extent).to_string();
        }
        let (name, _) = self.random.pick(coords);
        let (factor, more) = (self.count(1, 3), self.random.below(3));
        format!("({name} * {factor} + {more}) % {extent}")
    }

    /// A smooth expression of reads, within about one.
    fn expr(&mut self, depth: usize, coords: &[(&str, usize)]) -> String {
        if depth == 0 || self.random.one_in(5) {
            return match self.random.one_in(6) {
                true => self.decimal(),
                false => self.read(coords),
            };
        }
        let a = self.expr(depth - 1, coords);
        let b = self.expr(depth - 1, coords);
        match self.random.below(16) {
            0 => format!("sin({a} + {b})"),
            1 => format!("cos({a} * {b})"),
            2 => format!("tanh({a} - {b})"),
            3 => format!("0.4 * exp(0.5 * {a}) * {b}"),
            4 => format!("ln(2.5 + tanh({a}))"),
            5 => format!("0.6 * sqrt(1.5 + sin({a}))"),
            6 => format!("{a} * {b}"),
            7 => format!("{a} / (2.0 + {b} * {b})"),
            8 => format!("0.5 * ({a}) ** 2.0"),
            9 => format!("0.4 * ({a}) ** 3 - 0.2 * {b}"),
            10 => format!("atan({a} + 0.5 * {b})"),
            11 => format!("erf({a} * {b})"),
            12 => format!("0.5 * (1.3 + tanh({a})) ** ({b})"),
            13 => format!("(0.5 * {a} - 0.5 * {b})"),
            14 => format!("-({a}) * {b}"),
            _ => format!("(if {} {{ {a} }} else {{ {b} }})", self.test(coords)),
        }
    }

    /// A condition on coordinates.
    fn test(&mut self, coords: &[(&str, usize)]) -> String {
        match coords {
            [] => "1 < 2".to_owned(),
            _ => {
                let (name, extent) = self.random.pick(coords);
                format!("{name} {} {}", self.random.pick(&["<", ">=", "==", "!="]), self.random.below(extent + 1))
            }
        }
    }

    fn slots(&mut self, rank: usize) -> (Vec<(&'static str, usize)>, String) {
        let coords: Vec<(&'static str, usize)> =
            COORDINATES[..rank].iter().map(|name| (*name, self.extent())).collect();
        let slots: Vec<String> = coords.iter().map(|(name, extent)| format!("{name} in 0..{extent}")).collect();
        (coords, slots.join(", "))
    }

    fn keep(&mut self, name: String, shape: Vec<usize>) {
        self.tensors.push((name, shape));
    }

    fn family(&mut self, body: impl FnOnce(&mut Smooth, &[(&str, usize)]) -> String) {
        let rank = self.count(1, 2);
        let (coords, slots) = self.slots(rank);
        let body = body(self, &coords);
        let name = self.fresh("v");
        self.lines.push(format!("let {name}[{slots}] = {body};"));
        self.keep(name, coords.iter().map(|(_, extent)| *extent).collect());
    }

    /// A vector in scope, and its extent.
    fn vector(&mut self) -> (String, usize) {
        let vectors: Vec<(String, usize)> = self
            .tensors
            .iter()
            .filter(|(_, shape)| shape.len() == 1)
            .map(|(name, shape)| (name.clone(), shape[0]))
            .collect();
        self.random.pick(&vectors)
    }

    fn pointwise(&mut self) {
        self.family(|this, coords| this.expr(2, coords));
    }

    fn contraction(&mut self) {
        self.family(|this, coords| {
            let extent = this.extent();
            let inner: Vec<(&str, usize)> = coords.iter().copied().chain([("c", extent)]).collect();
            let (a, b) = (this.read(&inner), this.read(&inner));
            format!("sum[c in 0..{extent}](0.5 * {a} * {b})")
        });
    }

    fn reduction(&mut self) {
        self.family(|this, coords| {
            let extent = this.extent();
            let inner: Vec<(&str, usize)> = coords.iter().copied().chain([("c", extent)]).collect();
            let body = this.expr(2, &inner);
            match this.random.below(3) {
                0 => format!("mean[c in 0..{extent}]({body})"),
                1 => {
                    let test = this.test(&inner);
                    format!("sum[c in 0..{extent}](0.4 * {body} where {test})")
                }
                _ => format!("tanh(sum[c in 0..{extent}]({body}))"),
            }
        });
    }

    fn window(&mut self) {
        let (of, extent) = self.vector();
        let width = self.count(1, extent);
        let name = self.fresh("v");
        self.lines.push(format!(
            "let {name}[i in 0..{}] = mean[c in 0..{width}]({of}[i + c] * {of}[i]);",
            extent - width + 1
        ));
        self.keep(name, vec![extent - width + 1]);
    }

    fn gathered(&mut self) {
        let (of, extent) = self.vector();
        let (name, index) = (self.fresh("v"), self.fresh("at"));
        let places: Vec<String> = (0..3).map(|_| self.random.below(extent).to_string()).collect();
        self.lines.push(format!("let {index} = [{}];", places.join(", ")));
        self.lines.push(format!("let {name}[i] = {of}[{index}[i]] * {of}[{}];", self.random.below(extent)));
        self.keep(name, vec![3]);
    }

    fn triangle(&mut self) {
        let (of, extent) = self.vector();
        let name = self.fresh("v");
        self.lines.push(format!("let {name}[i in 0..{extent}] = sum[c in 0..i + 1](0.3 * {of}[c] * {of}[i]);"));
        self.keep(name, vec![extent]);
    }

    fn clauses(&mut self) {
        let name = self.fresh("v");
        let (a, b) = (self.expr(2, &[("i", 4)]), self.expr(1, &[("i", 3)]));
        self.lines.push(format!("let {name}[i in 0..4] = {a};"));
        self.lines.push(format!("let {name}[i in 1..3] = {b};"));
        let last = self.expr(1, &[]);
        self.lines.push(format!("let {name}[0] = {last};"));
        self.keep(name, vec![4]);
    }

    fn guarded(&mut self) {
        self.family(|this, coords| {
            let (a, test) = (this.expr(2, coords), this.test(coords));
            match this.random.one_in(2) {
                // What stands behind a closed guard is no number.
                true => format!("({a}) / ({a}) where {test}, 1 > 2 else {}", this.expr(1, coords)),
                false => format!("z * {a} where z = {}, {test}", this.expr(1, coords)),
            }
        });
    }

    fn chosen(&mut self) {
        self.family(|this, coords| {
            let (a, b, c) = (this.expr(1, coords), this.expr(2, coords), this.expr(1, coords));
            let (name, _) = coords[0];
            format!("match {name} {{ 0 => {a}, 1 | 2 => {{ let m = {b}; m * m }}, _ => {c} }}")
        });
    }

    fn line(&mut self) {
        let name = self.fresh("h");
        let steps = self.count(2, 5);
        let (start, drive) = (self.expr(1, &[]), self.expr(1, &[("t", steps)]));
        self.lines.push(format!("let {name}[0] = {start};"));
        self.lines.push(format!("let {name}[t in 1..{steps}] = tanh(0.7 * {name}[t - 1] + {drive});"));
        self.keep(name, vec![steps]);
    }

    fn pair(&mut self) {
        let (a, b) = (self.fresh("p"), self.fresh("q"));
        let (first, second) = (self.expr(1, &[]), self.expr(1, &[]));
        self.lines.push(format!("let {a}[0] = {first};"));
        self.lines.push(format!("let {b}[0] = {second};"));
        self.lines.push(format!("let {a}[t in 1..4] = sin({a}[t - 1] + {b}[t - 1]);"));
        self.lines.push(format!("let {b}[t in 1..4] = 0.5 * {a}[t] * {b}[t - 1] + 0.1;"));
        self.keep(a, vec![4]);
        self.keep(b, vec![4]);
    }

    fn grid(&mut self) {
        let name = self.fresh("d");
        let body = self.expr(1, &[("i", 3), ("j", 3)]);
        self.lines.push(format!(
            "let {name}[i in 0..3, j in 0..3] = 0.5 * ({body}) + (if i == 0 {{ 0.0 }} else {{ 0.3 * {name}[i - 1, j] }}) \
             + (if j == 0 {{ 0.0 }} else {{ 0.3 * {name}[i, j - 1] ** 2.0 }});"
        ));
        self.keep(name, vec![3, 3]);
    }

    fn rows(&mut self) {
        let (of, extent) = self.vector();
        let name = self.fresh("w");
        self.lines.push(format!("let {name}[0] = {of};"));
        self.lines.push(format!(
            "let {name}[s in 1..3] = {{ let old = {name}[s - 1]; let m = mean[c](old[c] * old[c]); old * 0.5 + 0.5 * m }};"
        ));
        self.keep(name, vec![3, extent]);
    }

    fn recursive(&mut self) {
        let (name, value) = (self.fresh("r"), self.fresh("s"));
        self.items.push(format!(
            "fn {name}(v: f64, n: i32) -> f64 {{ if n == 0 {{ sin(v) }} else {{ 0.5 * v * {name}(v, n - 1) + cos(v) }} }}"
        ));
        let at = self.expr(1, &[]);
        self.lines.push(format!("let {value} = {name}({at}, {});", self.random.below(4)));
        self.keep(value, Vec::new());
    }

    fn recursive_tensor(&mut self) {
        let (of, extent) = self.vector();
        let (name, value) = (self.fresh("r"), self.fresh("s"));
        self.items.push(format!(
            "fn {name}(v: [f64; n], k: i32) -> [f64; n] {{ if k == 0 {{ v[n] }} else {{ {name}(sin(v) + 0.3 * v * v, k - 1) }} }}"
        ));
        self.lines.push(format!("let {value} = {name}({of}, {});", self.random.below(3)));
        self.keep(value, vec![extent]);
    }

    fn ruled(&mut self) {
        let name = self.fresh("r");
        self.items.push(format!("fn {name}(v: f64) -> f64 {{ 0.5 * v * v * v }}"));
        self.items.push(format!("@fn {name}(v: f64) -> f64 {{ 1.5 * v * v * @v }}"));
        self.family(|this, coords| format!("{name}({})", this.expr(1, coords)));
    }

    fn structure(&mut self) {
        let (ty, value, made) = (self.fresh("Pair"), self.fresh("s"), self.fresh("b"));
        self.items.push(format!("struct {ty} {{ a: f64, b: f64 }}"));
        let (a, b) = (self.expr(1, &[]), self.expr(1, &[]));
        self.lines.push(format!("let {made} = {ty} {{ a: {a}, b: {b} }};"));
        self.lines.push(format!("let {value} = {made}.a * {made}.b + 0.3 * {made}.a;"));
        self.keep(value, Vec::new());
    }

    fn tuple(&mut self) {
        let (of, extent) = self.vector();
        let (a, b) = (self.fresh("s"), self.fresh("v"));
        let number = self.expr(1, &[]);
        self.lines.push(format!("let ({a}, {b}) = if 1 < 2 {{ ({number}, {of}) }} else {{ (0.0, {of} * 2.0) }};"));
        self.keep(a, Vec::new());
        self.keep(b, vec![extent]);
    }

    fn closure(&mut self) {
        let (name, value) = (self.fresh("c"), self.fresh("s"));
        let (a, b) = (self.expr(1, &[]), self.expr(1, &[]));
        self.lines.push(format!("let {name} = |v| sin(v) * ({a});"));
        self.lines.push(format!("let {value} = {b} |> {name} |> |v| v * v + {name}(0.5f64);"));
        self.keep(value, Vec::new());
    }

    fn comprehension(&mut self) {
        let (of, extent) = self.vector();
        let name = self.fresh("v");
        self.lines.push(format!("let {name} = [tanh(a * 0.5) * {of}[b] | a in {of}, b in 0..{extent}];"));
        self.keep(name, vec![extent * extent]);
    }

    fn variant(&mut self) {
        let (ty, area, value) = (self.fresh("Shape"), self.fresh("area"), self.fresh("s"));
        self.items.push(format!("enum {ty} {{ Disc(f64), Box {{ w: f64, h: f64 }} }}"));
        self.items.push(format!(
            "fn {area}(s: {ty}) -> f64 {{ match s {{ {ty}::Disc(r) => sin(r * r), {ty}::Box {{ w, h }} => w * h }} }}"
        ));
        let (a, b) = (self.expr(1, &[]), self.expr(1, &[]));
        self.lines
            .push(format!("let {value} = {area}({ty}::Disc({a})) - 0.5 * {area}({ty}::Box {{ w: {a}, h: {b} }});"));
        self.keep(value, Vec::new());
    }

    fn joined(&mut self) {
        let ((a, n), (b, m)) = (self.vector(), self.vector());
        let (left, right, name) = (self.fresh("a"), self.fresh("b"), self.fresh("v"));
        self.lines.push(format!("let {left}[z] = {a}[z] * 0.5;"));
        self.lines.push(format!("let {right}[z] = {b}[z] ** 2.0;"));
        self.lines.push(format!("let {name} = concat[z]({left}, {right});"));
        self.keep(name, vec![n + m]);
    }

    fn product(&mut self) {
        let (of, _) = self.vector();
        let name = self.fresh("s");
        self.lines.push(format!("let {name} = 0.3 * prod[c](1.0 + 0.5 * tanh({of}[c]));"));
        self.keep(name, Vec::new());
    }

    /// The winner is clear from its place alone.
    fn greatest(&mut self) {
        let (of, _) = self.vector();
        let (name, op) = (self.fresh("s"), self.random.pick(&["max", "min"]));
        self.lines.push(format!("let {name} = sin({op}[c](tanh({of}[c]) + 3.0 * (c as f64)));"));
        self.keep(name, Vec::new());
    }

    fn inner_block(&mut self) {
        let (of, _) = self.vector();
        self.family(|this, coords| {
            let a = this.expr(1, coords);
            format!("{{ let a = {a}; let row[c] = {of}[c] * a; let s = mean[c](row[c] * row[c]); s * a }}")
        });
    }

    /// Steps down a slope: a derivative inside of what is differentiated.
    fn trained(&mut self) {
        let (of, extent) = self.vector();
        let name = self.fresh("w");
        let target = self.expr(1, &[("c", extent)]);
        self.lines.push(format!("let {name}[0] = {of};"));
        self.lines.push(format!(
            "let {name}[s in 1..3] = {{ let old = {name}[s - 1]; let loss = mean[c in 0..{extent}]((sin(old[c]) - 0.3 * {target}) ** 2.0); \
             let down = @loss / @old; old - 0.2 * down }};"
        ));
        self.keep(name, vec![3, extent]);
    }

    /// All that there is, as one number.
    fn number(&mut self) -> String {
        let mut parts = vec!["0.5 * sum[i](x[i] * x[i])".to_owned()];
        for (name, shape) in self.tensors.clone().into_iter().rev().take(3) {
            let coords = &COORDINATES[..shape.len()];
            parts.push(match shape.len() {
                0 => format!("{name} * {name}"),
                _ => {
                    let index = coords.join(", ");
                    format!("mean[{index}]({name}[{index}] * cos({name}[{index}] + {}))", self.decimal())
                }
            });
        }
        parts.join(" + ")
    }
}

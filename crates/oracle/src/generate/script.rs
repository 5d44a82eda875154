//! Statements around tensors: scalars, text, structures, functions, lists, failures.

use super::Writer;
use super::scalars::{Kind, Term};

impl Writer {
    pub fn declarations(&mut self) {
        self.line("struct Point { x: f32, y: f32, tag: i32 }");
        self.line("enum Shape { Nothing, Circle(f32), Rect { w: f32, h: f32 }, Tagged(i32, str) }");
        self.line("fn twice(x) { x + x }");
        self.line("fn pick(c: bool, a, b) { if c { a } else { b } }");
        self.line("fn opaque(n: i32) -> i32 { if n > 100000 { n - 1 } else { n } }");
        self.line("fn descend(fuel: i32, total: i32) -> i32 {");
        self.line("    if fuel <= 0 { total } else { descend(fuel - 1, (total * 3 + fuel) % 1000) }");
        self.line("}");
        self.line("fn zigzag(fuel: i32, x: f64) -> f64 {");
        self.line("    if fuel <= 0 { x } else if fuel % 2 == 0 { zigzag(fuel - 1, x * 0.5) } else { 1.0 - zigzag(fuel - 2, x) }");
        self.line("}");
        self.line("fn describe(s: Shape) -> str {");
        self.line("    match s {");
        self.line("        Shape::Nothing => \"nothing\",");
        self.line("        Shape::Circle(r) where r > 1.0137 => \"large circle {r:.3f}\",");
        self.line("        Shape::Circle(_) => \"small circle\",");
        self.line("        Shape::Rect { w, h } => \"rect {w:.2f} by {h:.2f}\",");
        self.line("        Shape::Tagged(0, name) => \"zero {name}\",");
        self.line("        Shape::Tagged(n @ 1..=5, name) => \"few {n} {name}\",");
        self.line("        Shape::Tagged(n, _) => \"tag {n}\",");
        self.line("    }");
        self.line("}");
        self.line("fn ratio(a: i32, b: i32) -> i32 { a / b }");
        self.line("fn total(t: [f32; ?]) -> f32 { sum[i](t[i]) }");
        self.line("fn scaled(t: [f32; ?, ?], by: f32) -> [f32; ?, ?] { t * by }");
    }

    pub fn any_scalar_let(&mut self) {
        let kind = self.random.pick(&[Kind::Bool, Kind::I8, Kind::U8, Kind::I32, Kind::I64, Kind::F32, Kind::F64]);
        self.scalar_let(kind);
    }

    pub fn shadowed(&mut self) {
        let name = self.fresh("s");
        let value = self.small_expr(Kind::I32, 2, &[]);
        self.line(format!("let {name} = {};", value.text));
        self.line(format!("let {name} = ({name} * 2 + 1) as f64;"));
        self.line(format!("let {name} = {name} / 4.0;"));
        self.print(&name);
        self.scalars.push(Term::new(name, Kind::F64, 5.0));
    }

    pub fn casts(&mut self) {
        let kind = self.random.pick(&Kind::NUMBERS);
        let value = match kind.is_float() {
            // Halves are exact: no cast to an integer hangs on the last digit.
            true => {
                format!("({}{} * 0.5)", self.random.between(0, 9), if kind == Kind::F32 { ".0f32" } else { ".0f64" })
            }
            false => self.small_expr(kind, 2, &[]).text,
        };
        let casts: Vec<String> = ["i32", "i64", "f32", "f64"].iter().map(|to| format!("{value} as {to}")).collect();
        let (a, b) = (
            self.condition(1, &[]).text,
            self.random.pick(&["300.7f32 as u8", "(-1e20) as i32", "(0.0f64 / 0.0) as i64"]),
        );
        self.print(&format!("{}, {a} as i32, {b}", casts.join(", ")));
    }

    /// One operation each: what 16 bits hold is exact before it.
    pub fn half_floats(&mut self) {
        let half = self.random.pick(&["f16", "bf16"]);
        let (a, b) = (self.random.between(1, 64), self.random.between(1, 64));
        let op = self.random.pick(&["+", "-", "*", "/"]);
        let name = self.fresh("half");
        self.line(format!("let {name} = ({a} as {half}) {op} ({b} as {half});"));
        self.print(&format!("{name}, {name} as f64"));
    }

    pub fn texts(&mut self) {
        let (name, part) = (self.fresh("text"), self.random.pick(&["ab", "x y", "über", "\\\"q\\\"", "{{}}", ""]));
        let value = self.small_expr(Kind::I32, 2, &[]);
        self.line(format!("let {name} = \"{part}\" + \"<{{{}}}>\";", value.text));
        self.print(&format!("{name}, len({name}), {name} == \"ab<1>\""));
    }

    pub fn formats(&mut self) {
        let (integer, float) = (self.fresh("n"), self.fresh("x"));
        let (whole, sixteenths) = (self.random.between(-999, 999), self.random.between(-64, 64));
        self.line(format!("let {integer} = {whole};"));
        self.line(format!("let {float} = {sixteenths}.0f64 / 16.0;"));
        let a = self.random.pick(&["d", "5d", "+d", "06d", "*^9d", "<7d", ""]);
        let b = self.random.pick(&[".3f", "10.2f", "+.1f", "08.2f", ".2e", ".1%", "_<9.4f", "g"]);
        let hole = |name: &str, format: &str| match format {
            "" => format!("{{{name}}}"),
            format => format!("{{{name}:{format}}}"),
        };
        self.print(&format!("\"[{}|{}]\"", hole(&integer, a), hole(&float, b)));
    }

    pub fn tuples(&mut self) {
        let name = self.fresh("pair");
        let (a, b) = (self.small_expr(Kind::I32, 2, &[]), self.small_expr(Kind::F64, 2, &[]));
        self.line(format!("let {name} = ({}, ({}, \"t\"));", a.text, b.text));
        let (first, second) = (self.fresh("a"), self.fresh("b"));
        self.line(format!("let ({first}, ({second}, _)) = {name};"));
        self.print(&format!("{name}, {name}.0 + {first}, {second}, {name} == ({first}, ({second}, \"t\"))"));
        self.scalars.push(Term { text: first, ..a });
        self.scalars.push(Term { text: second, ..b });
    }

    pub fn structs(&mut self) {
        let name = self.fresh("point");
        let (x, y, tag) = (
            self.small_expr(Kind::F32, 2, &[]),
            self.small_expr(Kind::F32, 1, &[]),
            self.small_expr(Kind::I32, 2, &[]),
        );
        self.line(format!("let {name} = Point {{ x: {}, y: {}, tag: {} }};", x.text, y.text, tag.text));
        self.print(&format!("{name}, {name}.x * 0.5, {name}.tag + 1"));
        self.scalars.push(Term { text: format!("{name}.y"), ..y });
        self.scalars.push(Term { text: format!("{name}.tag"), ..tag });
    }

    pub fn enums(&mut self) {
        let (w, n) = (self.small_expr(Kind::F32, 1, &[]), self.small_expr(Kind::I32, 2, &[]));
        let shape = match self.random.below(4) {
            0 => "Shape::Nothing".to_owned(),
            1 => format!("Shape::Circle({})", w.text),
            2 => format!("Shape::Rect {{ w: {}, h: 0.5 }}", w.text),
            _ => format!("Shape::Tagged({}, \"n\")", n.text),
        };
        let name = self.fresh("shape");
        self.line(format!("let {name} = {shape};"));
        self.print(&format!("describe({name}), [describe(s) | s in [{name}, Shape::Nothing]]"));
        let kind = self.fresh("kind");
        self.line(format!(
            "let {kind} = match {} % 3 {{ 0 => \"none\", -2..=-1 | 1 => \"one\", _ => \"more\" }};",
            n.text
        ));
        self.print(&kind);
    }

    pub fn calls(&mut self) {
        let kind = self.random.pick(&[Kind::I32, Kind::I64, Kind::F32, Kind::F64]);
        let (a, b) = (self.small_expr(kind, 2, &[]), self.small_expr(kind, 1, &[]));
        let cond = self.condition(2, &[]);
        let name = self.fresh("called");
        self.line(format!("let {name} = twice(pick({}, {}, {}));", cond.text, a.text, b.text));
        let (fuel, start) = (self.random.between(0, 60), self.random.between(0, 9));
        self.print(&format!("{name}, descend({fuel}, {start}), zigzag({}, 0.75)", fuel / 3));
        let value = Term::new(name, kind, 2.0 * a.bound.max(b.bound));
        let value = self.tame(value, 9.0);
        self.scalars.push(value);
    }

    pub fn closures(&mut self) {
        let (name, captured) = (self.fresh("f"), self.small_expr(Kind::I32, 1, &[]));
        let local = [Term::new("x", Kind::I32, 40.0)];
        let body = self.expr(Kind::I32, 2, &local);
        let body = self.tame(body, 999.0);
        self.line(format!("let {name} = |x: i32| {} + {};", body.text, captured.text));
        self.print(&format!("{name}(3), {name}({name}(2) % 40), [{name}(k) | k in 0..4]"));
    }

    pub fn blocks(&mut self) {
        let name = self.fresh("block");
        let first = self.small_expr(Kind::F64, 2, &[]);
        self.line(format!("let {name} = {{"));
        self.line(format!("    let inner = {};", first.text));
        self.line("    let inner = inner * 0.5 + 1.0;");
        let local = [Term::new("inner", Kind::F64, 3.0)];
        let value = self.small_expr(Kind::F64, 2, &local);
        self.line(format!("    {}", value.text));
        self.line("};");
        self.print(&name);
        self.scalars.push(Term { text: name, ..value });
    }

    pub fn array_comprehension(&mut self) {
        let (name, count) = (self.fresh("c"), self.random.between(0, 12));
        let local = [Term::new("x", Kind::I32, 12.0), Term::new("z", Kind::I32, 40.0)];
        let body = self.small_expr(Kind::I32, 2, &local);
        let filter = self.condition(2, &local);
        match self.random.below(3) {
            0 => self.line(format!("let {name} = [{} | x in 0..{count}, z = x * 3];", body.text)),
            1 => self.line(format!("let {name} = [{} | x in 0..{count}, z = x + 1, {}];", body.text, filter.text)),
            _ => self.line(format!("let {name} = [{} | x in 0..{count}, z in [1, 5, 2], x > z];", body.text)),
        }
        self.print(&format!("{name}, len({name}), 3 in {name}"));
    }

    pub fn list_comprehension(&mut self) {
        let name = self.fresh("l");
        let local = [Term::new("x", Kind::I32, 9.0)];
        let value = self.small_expr(Kind::I32, 2, &local);
        match self.random.below(4) {
            0 => {
                self.line(format!("let {name} = [\"<{{{}}}>\" | x in 0..4, x != 2];", value.text));
                self.print(&format!("{name}, {name}[1], len({name})"));
            }
            1 => {
                self.line(format!("let {name} = [(x, {}) | x in 0..5];", value.text));
                self.print(&format!("{name}, [a + b | (a, b) in {name}]"));
            }
            2 => {
                let item = self.random.between(0, 9);
                self.line(format!("let {name} = [[1, 2], [{item}], [3, 4, 5]];"));
                self.print(&format!("{name}, {name}[2][1], len({name}[0])"));
            }
            _ => {
                let words = self.random.pick(&["[\"b\", \"a\"]", "[\"one\", \"two\", \"three\"]"]);
                self.line(format!("let {name} = {words};"));
                self.print(&format!("{name}, \"a\" in {name}, [len(w) | w in {name}]"));
            }
        }
    }

    pub fn fallible(&mut self) {
        let divisor = self.random.between(0, 3);
        let value = self.random.between(5, 99);
        match self.random.below(4) {
            0 => self.print(&format!("{value} ?> ratio(opaque({divisor})) ?> twice else {{ -1 }}")),
            1 => self.print(&format!("{value} !> ratio(opaque({divisor})) !> twice catch |e| {{ -2 }}")),
            2 => {
                let name = self.fresh("tried");
                self.line(format!("let {name} = try ratio({value}, opaque({divisor}));"));
                self.print(&format!("{name}.ok, if {name}.ok {{ {name}.value }} else {{ 0 }}"));
            }
            _ => self.print(&format!("{value} |> twice |> ratio({})", divisor + 1)),
        }
    }

    pub fn modules_of_integers(&mut self) {
        let (a, b) = (self.random.between(-99, 99), self.random.pick(&[-7, -3, 2, 5]));
        let name = self.fresh("q");
        self.line(format!("let {name} = opaque({a});"));
        self.print(&format!("{name} / ({b}), {name} % ({b}), {name} ** 2, 2.0 ** -1, -2 ** 2, 1 / 2, 1 + 1.0"));
        self.scalars.push(Term::new(format!("({name} % 10)"), Kind::I32, 9.0));
    }

    /// The last line: what stands before it is printed.
    pub fn deliberate_failure(&mut self) {
        let n = self.random.between(1, 9);
        let line = match self.random.below(7) {
            0 => format!("print({n} / opaque(0));"),
            1 => format!("print({n} % (opaque({n}) - {n}));"),
            2 => "print(opaque(2147483647) + 2);".to_owned(),
            3 => format!("print([1, 2, 3][opaque({})]);", n + 2),
            4 => format!("assert(opaque({n}) == {}, \"on purpose\");", n + 1),
            5 => "print(if opaque(1) == 1 { panic(\"on purpose\") } else { 2 });".to_owned(),
            _ => "print(max[i in 0..opaque(0)](i));".to_owned(),
        };
        self.line(line);
    }
}

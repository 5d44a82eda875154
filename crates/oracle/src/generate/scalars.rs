//! Scalar expressions with a bound on their size.

use super::Writer;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Bool,
    I8,
    U8,
    I32,
    I64,
    F32,
    F64,
}

impl Kind {
    pub const NUMBERS: [Kind; 6] = [Kind::I8, Kind::U8, Kind::I32, Kind::I64, Kind::F32, Kind::F64];

    pub fn name(self) -> &'static str {
        match self {
            Kind::Bool => "bool",
            Kind::I8 => "i8",
            Kind::U8 => "u8",
            Kind::I32 => "i32",
            Kind::I64 => "i64",
            Kind::F32 => "f32",
            Kind::F64 => "f64",
        }
    }

    pub fn is_float(self) -> bool {
        matches!(self, Kind::F32 | Kind::F64)
    }

    /// What expressions are kept below: integers so that nothing overflows, floats so that digits survive sums.
    fn limit(self) -> f64 {
        match self {
            Kind::Bool => 1.0,
            Kind::I8 => 127.0,
            Kind::U8 => 255.0,
            Kind::I32 => 2e9,
            Kind::I64 => 9e18,
            Kind::F32 | Kind::F64 => 8.0,
        }
    }
}

/// Text that can stand as an operand, with its type and the largest size that it can have.
#[derive(Clone, Debug)]
pub struct Term {
    pub text: String,
    pub kind: Kind,
    pub bound: f64,
}

impl Term {
    pub fn new(text: impl Into<String>, kind: Kind, bound: f64) -> Term {
        Term { text: text.into(), kind, bound }
    }
}

impl Writer {
    pub fn literal(&mut self, kind: Kind) -> Term {
        match kind {
            Kind::Bool => Term::new(if self.random.one_in(2) { "true" } else { "false" }, kind, 1.0),
            Kind::F32 | Kind::F64 => {
                let hundredths = self.random.between(1, 199);
                let text = format!("{}.{:02}{}", hundredths / 100, hundredths % 100, kind.name());
                match self.random.one_in(3) {
                    true => Term::new(format!("(-{text})"), kind, 2.0),
                    false => Term::new(text, kind, 2.0),
                }
            }
            _ => {
                let value = self.random.between(0, 9);
                match kind != Kind::U8 && self.random.one_in(4) {
                    true => Term::new(format!("(-{value}{})", kind.name()), kind, 9.0),
                    false => Term::new(format!("{value}{}", kind.name()), kind, 9.0),
                }
            }
        }
    }

    /// A literal without suffix, for places where the other operand settles its type.
    fn open_literal(&mut self, kind: Kind) -> String {
        match kind.is_float() && !self.random.one_in(4) {
            true => format!("{}.{}", self.random.between(0, 1), self.random.between(1, 9)),
            false => self.random.between(1, 2).to_string(),
        }
    }

    /// Brings a term below a bound.
    pub fn tame(&mut self, term: Term, bound: f64) -> Term {
        if term.bound <= bound {
            return term;
        }
        if term.kind.is_float() {
            let text = match self.random.below(3) {
                0 => format!("tanh({})", term.text),
                1 => format!("sin({})", term.text),
                _ => format!("({0} / (1.5 + abs({0})))", term.text),
            };
            // The last form says its operand twice, which nested would double each time.
            let text = if text.len() > 300 { format!("tanh({})", term.text) } else { text };
            return Term::new(text, term.kind, 1.0);
        }
        let modulus = (bound as i64 + 1).min(10);
        Term::new(format!("({} % {modulus})", term.text), term.kind, (modulus - 1) as f64)
    }

    fn leaf(&mut self, kind: Kind, local: &[Term]) -> Term {
        let known: Vec<Term> = local.iter().chain(&self.scalars).filter(|term| term.kind == kind).cloned().collect();
        let near = local.iter().filter(|term| term.kind == kind).count();
        if near > 0 && !self.random.one_in(4) {
            return known[self.random.below(near)].clone();
        }
        if known.is_empty() || self.random.one_in(3) {
            return self.literal(kind);
        }
        self.random.pick(&known)
    }

    /// An expression over what is in scope and `local`, such as coordinates and cells.
    pub fn expr(&mut self, kind: Kind, depth: usize, local: &[Term]) -> Term {
        if depth == 0 || self.random.one_in(6) {
            return self.leaf(kind, local);
        }
        match kind {
            Kind::Bool => self.condition(depth, local),
            Kind::F32 | Kind::F64 => self.float_expr(kind, depth, local),
            _ => self.integer_expr(kind, depth, local),
        }
    }

    fn float_expr(&mut self, kind: Kind, depth: usize, local: &[Term]) -> Term {
        let a = self.expr(kind, depth - 1, local);
        let result = match self.random.below(12) {
            0 => Term::new(format!("sin({})", a.text), kind, 1.0),
            1 => Term::new(format!("cos({})", a.text), kind, 1.0),
            2 => Term::new(format!("tanh({})", a.text), kind, 1.0),
            3 => Term::new(format!("sqrt(abs({}) + 0.5)", a.text), kind, a.bound.max(1.0)),
            4 => Term::new(format!("exp(-abs({}))", a.text), kind, 1.0),
            5 => {
                let literal = self.open_literal(kind);
                Term::new(format!("({} * {literal})", a.text), kind, a.bound * 2.0)
            }
            6 => return self.choice(kind, depth, local),
            7 => {
                let b = self.expr(kind, depth - 1, local);
                Term::new(format!("({} / ({1} * {1} + 1.5))", a.text, b.text), kind, a.bound)
            }
            8 => {
                let integer = self.expr(Kind::I32, depth - 1, local);
                let integer = self.tame(integer, 9.0);
                let text = format!("({} + ({} as {}) * 0.25)", a.text, integer.text, kind.name());
                Term::new(text, kind, a.bound + 2.5)
            }
            9 => {
                let b = self.expr(kind, depth - 1, local);
                Term::new(format!("({} - {})", a.text, b.text), kind, a.bound + b.bound)
            }
            10 => {
                let b = self.expr(kind, depth - 1, local);
                Term::new(format!("({} * {})", a.text, b.text), kind, a.bound * b.bound)
            }
            _ => {
                let b = self.expr(kind, depth - 1, local);
                Term::new(format!("({} + {})", a.text, b.text), kind, a.bound + b.bound)
            }
        };
        self.tame(result, kind.limit())
    }

    fn integer_expr(&mut self, kind: Kind, depth: usize, local: &[Term]) -> Term {
        let (mut a, mut b) = (self.expr(kind, depth - 1, local), self.expr(kind, depth - 1, local));
        let bound = |op: &str, a: &Term, b: &Term| if op == "*" { a.bound * b.bound } else { a.bound + b.bound };
        match self.random.below(7) {
            0 => {
                let divisor = self.random.between(1, 7);
                Term::new(format!("({} / {divisor})", a.text), kind, a.bound)
            }
            1 => {
                let divisor = self.random.between(2, 9);
                Term::new(format!("({} % {divisor})", a.text), kind, (divisor - 1) as f64)
            }
            2 => self.choice(kind, depth, local),
            choice => {
                let op = match choice {
                    3 if kind != Kind::U8 => "-",
                    4 => "*",
                    _ => "+",
                };
                if bound(op, &a, &b) > kind.limit() {
                    a = self.tame(a, 9.0);
                    b = self.tame(b, 9.0);
                }
                let bound = bound(op, &a, &b);
                Term::new(format!("({} {op} {})", a.text, b.text), kind, bound)
            }
        }
    }

    fn choice(&mut self, kind: Kind, depth: usize, local: &[Term]) -> Term {
        let cond = self.condition(depth, local);
        let (a, b) = (self.expr(kind, depth - 1, local), self.expr(kind, depth - 1, local));
        let text = format!("(if {} {{ {} }} else {{ {} }})", cond.text, a.text, b.text);
        Term::new(text, kind, a.bound.max(b.bound))
    }

    /// Integers compare in every way, floats only with numbers that no computation comes close to.
    pub fn condition(&mut self, depth: usize, local: &[Term]) -> Term {
        let depth = depth.saturating_sub(1);
        let text = match self.random.below(6) {
            0 => {
                let a = self.leaf(Kind::F32, local);
                let threshold = self.random.between(0, 9);
                format!("({} > 0.{threshold}137)", a.text)
            }
            1 if depth > 0 => {
                let (a, b) = (self.condition(depth, local), self.condition(depth, local));
                let op = self.random.pick(&["&&", "||"]);
                format!("({} {op} {})", a.text, b.text)
            }
            2 if depth > 0 => format!("(!{})", self.condition(depth, local).text),
            3 => {
                let a = self.leaf(Kind::I32, local);
                format!("({} in -3..4)", a.text)
            }
            _ => {
                let kind = self.random.pick(&[Kind::I32, Kind::I32, Kind::I64, Kind::I8]);
                let (a, b) = (self.expr(kind, depth.min(1), local), self.leaf(kind, local));
                let op = self.random.pick(&["<", "<=", ">", ">=", "==", "!="]);
                format!("({} {op} {})", a.text, b.text)
            }
        };
        Term::new(text, Kind::Bool, 1.0)
    }

    /// An expression that later ones may build on without growing for ever.
    pub fn small_expr(&mut self, kind: Kind, depth: usize, local: &[Term]) -> Term {
        let term = self.expr(kind, depth, local);
        self.tame(term, if kind.is_float() { 4.0 } else { 9.0 })
    }

    pub fn scalar_let(&mut self, kind: Kind) {
        let value = self.small_expr(kind, 3, &[]);
        let name = self.fresh("v");
        match self.random.one_in(2) {
            true => self.line(format!("let {name}: {} = {};", kind.name(), value.text)),
            false => self.line(format!("let {name} = {};", value.text)),
        }
        self.print(&name);
        self.scalars.push(Term { text: name, ..value });
    }
}

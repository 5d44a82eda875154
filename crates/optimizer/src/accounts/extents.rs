//! What extents are called: the name of the coordinate that runs over them, wherever there is one.

use super::formula::{Atom, Formula};
use diagnostics::{SourceMap, Symbol};
use ir::{Binder, Expr, ExprKind, Family, Op, Program, Type, VarId, VarKind};
use std::collections::HashMap;

/// Extents that only the run knows are taken for this, where one formula has to be told to be larger than another.
const USUAL: f64 = 1000.0;

/// Where an extent comes from: extents of one name and one origin are the same.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Origin {
    Number(i64),
    /// An axis of a tensor that comes from outside of what is counted.
    Axis(VarId, usize),
    Var(VarId),
    /// The position of a coordinate, until its range is summed over.
    At(VarId),
    /// Source text.
    Text(String),
}

pub struct Extents<'a> {
    pub program: &'a Program,
    pub sources: &'a SourceMap,
    atoms: Vec<(String, Origin)>,
    rows: HashMap<(String, Origin), Atom>,
    /// The extents of each tensor that is bound to a variable.
    pub dims: HashMap<VarId, Vec<Formula>>,
    /// Integers that are bound to variables.
    pub numbers: HashMap<VarId, Formula>,
    /// What calls give, by their place in the program.
    results: HashMap<*const Expr, Vec<Formula>>,
    /// Names for the compiler's own variables: those of the bindings that they are the values of.
    stand_for: HashMap<VarId, VarId>,
}

impl<'a> Extents<'a> {
    pub fn new(program: &'a Program, sources: &'a SourceMap) -> Self {
        Extents {
            program,
            sources,
            atoms: Vec::new(),
            rows: HashMap::new(),
            dims: HashMap::new(),
            numbers: HashMap::new(),
            results: HashMap::new(),
            stand_for: HashMap::new(),
        }
    }

    pub fn var_name(&self, var: VarId) -> &'static str {
        self.program.vars[var.index()].name.as_str()
    }

    pub fn origin(&self, atom: Atom) -> &Origin {
        &self.atoms[atom.0 as usize].1
    }

    fn atom(&mut self, name: &str, origin: Origin) -> Formula {
        let key = (name.to_owned(), origin);
        let next = Atom(self.atoms.len() as u32);
        let atom = *self.rows.entry(key.clone()).or_insert(next);
        if atom == next {
            self.atoms.push(key);
        }
        Formula::atom(atom)
    }

    /// Something that is only known by what the program calls it.
    pub fn unknown(&mut self, text: &str) -> Formula {
        let words: Vec<&str> = text.split_whitespace().collect();
        let name = words.join(" ");
        let plain = name.chars().all(|c| c.is_alphanumeric() || "_.[]()".contains(c));
        self.atom(&if plain { name.clone() } else { format!("({name})") }, Origin::Text(name))
    }

    /// Where a coordinate stands, or the value of another variable.
    pub fn position(&mut self, var: VarId) -> Formula {
        let origin = match self.program.vars[var.index()].kind {
            VarKind::Coord | VarKind::Temp => Origin::At(var),
            VarKind::Let | VarKind::Param => Origin::Var(var),
        };
        self.atom(self.var_name(var), origin)
    }

    pub fn note_result(&mut self, call: &Expr, dims: Vec<Formula>) {
        self.results.insert(call, dims);
    }

    /// An integer expression.
    pub fn number(&mut self, e: &Expr) -> Formula {
        match &e.kind {
            ExprKind::Int(value) => Formula::number(*value),
            ExprKind::Cast(inner) if inner.ty.scalar().is_some_and(|s| s.is_int()) => self.number(inner),
            ExprKind::Op(op @ (Op::Add | Op::Sub | Op::Mul), operands) => {
                let (a, b) = (self.number(&operands[0]), self.number(&operands[1]));
                match op {
                    Op::Add => a.plus(&b),
                    Op::Sub => a.minus(&b),
                    _ => a.times(&b),
                }
            }
            ExprKind::Var(var) => self.numbers.get(var).cloned().unwrap_or_else(|| self.position(*var)),
            ExprKind::Dim(tensor, axis) => {
                let dims = self.shape(tensor);
                dims.get(*axis).cloned().unwrap_or_else(|| self.unknown(self.sources.text(e.span)))
            }
            _ => self.unknown(self.sources.text(e.span)),
        }
    }

    /// The extents of a tensor that has been counted already, or comes from outside.
    pub fn shape(&mut self, tensor: &Expr) -> Vec<Formula> {
        match &tensor.kind {
            ExprKind::Var(var) => match self.dims.get(var) {
                Some(dims) => dims.clone(),
                None => self.outside(*var),
            },
            ExprKind::Family(family) => self.axes(family),
            ExprKind::Literal(shape, _) => shape.iter().map(|extent| Formula::number(*extent as i64)).collect(),
            ExprKind::Block(_, value) => self.shape(value),
            ExprKind::If(_, yes, no) if yes.ty == Type::Never => self.shape(no),
            ExprKind::If(_, yes, _) => self.shape(yes),
            ExprKind::CheckShape(inner, _) | ExprKind::StopGradient(inner) | ExprKind::Checkpoint(inner) => {
                self.shape(inner)
            }
            _ if self.results.contains_key(&std::ptr::from_ref(tensor)) => {
                self.results[&std::ptr::from_ref(tensor)].clone()
            }
            _ => {
                let text = self.sources.text(tensor.span).to_owned();
                (0..tensor.ty.rank()).map(|axis| self.unknown(&format!("{text}.shape[{axis}]"))).collect()
            }
        }
    }

    /// The extents of a tensor that comes from outside: of a parameter, or of a file.
    fn outside(&mut self, var: VarId) -> Vec<Formula> {
        let var = *self.stand_for.get(&var).unwrap_or(&var);
        let info = &self.program.vars[var.index()];
        let axis = |this: &mut Self, axis: usize| {
            let named = info.coords.get(axis).copied().flatten().map(|name| name.as_str().to_owned());
            let known = this.program.extents.get(&var).and_then(|extents| extents[axis]);
            if let Some(extent) = known {
                return this.called(Formula::number(extent), named.as_deref().unwrap_or_default());
            }
            let name = named.unwrap_or_else(|| format!("{}.shape[{axis}]", info.name.as_str()));
            this.atom(&name, Origin::Axis(var, axis))
        };
        let dims: Vec<Formula> = (0..info.ty.rank()).map(|k| axis(self, k)).collect();
        self.dims.insert(var, dims.clone());
        dims
    }

    /// Names that stand in several parameters are one extent.
    pub fn parameters(&mut self, params: &[VarId]) {
        let mut known: HashMap<Symbol, Formula> = HashMap::new();
        for param in params {
            let mut dims = self.outside(*param);
            for (axis, dim) in dims.iter_mut().enumerate() {
                if let Some(name) = self.program.vars[param.index()].coords.get(axis).copied().flatten() {
                    *dim = known.entry(name).or_insert(dim.clone()).clone();
                }
            }
            self.dims.insert(*param, dims);
        }
    }

    /// Says that a binding gets its value from this expression.
    pub fn name_result(&mut self, value: &Expr, binding: VarId) {
        if let ExprKind::Var(var) = value.kind
            && self.var_name(var).is_empty()
        {
            self.stand_for.insert(var, binding);
        }
    }

    /// The extents of a binding, under its own names.
    pub fn bind(&mut self, var: VarId, dims: Vec<Formula>) {
        let is_text =
            |this: &Self, dim: &Formula| dim.as_atom().is_some_and(|atom| matches!(this.origin(atom), Origin::Text(_)));
        let own = self.stand_for.get(&var).copied().unwrap_or(var);
        let coords = &self.program.vars[own.index()].coords;
        let outside = if self.var_name(own).is_empty() { Vec::new() } else { self.outside(own) };
        let named = |(axis, dim): (usize, Formula)| match outside.get(axis) {
            Some(outside) if is_text(self, &dim) => outside.clone(),
            _ => {
                let name = coords.get(axis).copied().flatten().map_or("", |name| name.as_str());
                self.called(dim, name)
            }
        };
        let dims = dims.into_iter().enumerate().map(named).collect();
        self.dims.insert(var, dims);
    }

    pub fn axes(&mut self, family: &Family) -> Vec<Formula> {
        let mut dims = Vec::new();
        for axis in &family.axes {
            let extent = self.number(&axis.extent);
            dims.push(self.called(extent, axis.name.map_or("", |name| name.as_str())));
        }
        dims
    }

    /// The same extent under the name of the coordinate that runs over it.
    pub fn called(&mut self, extent: Formula, name: &str) -> Formula {
        if name.is_empty() {
            return extent;
        }
        let origin = match (extent.as_number(), extent.as_atom()) {
            (Some(number), _) => Origin::Number(number),
            (None, Some(atom)) => self.origin(atom).clone(),
            (None, None) => return extent,
        };
        if matches!(origin, Origin::At(_)) { extent } else { self.atom(name, origin) }
    }

    /// The ends of a range, the upper one under the name of its coordinate.
    pub fn range(&mut self, binder: &Binder) -> (Formula, Formula) {
        let (lo, hi) = (self.number(&binder.lo), self.number(&binder.hi));
        (lo, self.called(hi, self.var_name(binder.var)))
    }

    pub fn usual(&self, formula: &Formula) -> f64 {
        formula.value(&|atom| match self.origin(atom) {
            Origin::Number(number) => *number as f64,
            _ => USUAL,
        })
    }

    pub fn larger(&self, a: Formula, b: Formula) -> Formula {
        if self.usual(&a) >= self.usual(&b) { a } else { b }
    }

    /// The number that a formula comes to, if the compiler knows all extents in it.
    pub fn value(&self, formula: &Formula) -> Option<f64> {
        let known = formula.atoms().all(|atom| matches!(self.origin(atom), Origin::Number(_)));
        known.then(|| self.usual(formula))
    }

    /// Extents of one name get primes where they differ, in the order of their appearance.
    pub fn names(&self, used: &[Atom]) -> HashMap<Atom, String> {
        let (mut names, mut taken): (HashMap<Atom, String>, HashMap<&str, Vec<&Origin>>) = Default::default();
        for atom in used {
            let (name, origin) = &self.atoms[atom.0 as usize];
            let same = taken.entry(name.as_str()).or_default();
            let place = same.iter().position(|other| *other == origin).unwrap_or_else(|| {
                same.push(origin);
                same.len() - 1
            });
            names.insert(*atom, name.clone() + &"'".repeat(place));
        }
        names
    }

    /// What an extent is, for a reader who wonders; nothing where its name says it.
    pub fn meaning(&self, atom: Atom) -> Option<String> {
        let (name, origin) = &self.atoms[atom.0 as usize];
        let meaning = match origin {
            Origin::Number(number) => number.to_string(),
            Origin::Axis(var, axis) => format!("{}.shape[{axis}]", self.var_name(*var)),
            Origin::Var(var) => self.var_name(*var).to_owned(),
            Origin::Text(text) => text.clone(),
            Origin::At(_) => return None,
        };
        (meaning != *name && format!("({meaning})") != *name).then_some(meaning)
    }
}

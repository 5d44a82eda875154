//! Untyped constants (§1.4): scalar types that are settled by a later use, or by default.

use diagnostics::Span;
use ir::Scalar;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Nothing known yet: the element of a family that only reads itself so far.
    Any,
    /// The element of a literal without items.
    Nothing,
    /// An integer literal: any number type that can hold it.
    Int,
    /// A literal with a point or exponent.
    Float,
}

#[derive(Clone, Debug)]
struct Node {
    /// Another node that this one has become.
    same: Option<u32>,
    /// How many nodes have become this one, itself included.
    size: u32,
    kind: Kind,
    settled: Option<Scalar>,
    /// Literals whose value must fit.
    ints: Vec<(i128, Span)>,
    floats: Vec<(f64, Span)>,
}

#[derive(Default)]
pub struct Opens {
    nodes: Vec<Node>,
}

/// Why an open constant cannot have a type.
pub enum Misfit {
    /// A float literal where an integer is due, or a number where a bool is.
    Kind(Kind),
    /// An integer literal out of range.
    Range(i128, Span),
    /// A float literal beyond the largest value.
    Large(Span),
}

impl Opens {
    pub fn fresh(&mut self, kind: Kind) -> Scalar {
        self.nodes.push(Node { same: None, size: 1, kind, settled: None, ints: Vec::new(), floats: Vec::new() });
        Scalar::Open(self.nodes.len() as u32 - 1)
    }

    pub fn int(&mut self, value: i128, span: Span) -> Scalar {
        let open = self.fresh(Kind::Int);
        self.nodes.last_mut().expect("just pushed").ints.push((value, span));
        open
    }

    pub fn float(&mut self, value: f64, span: Span) -> Scalar {
        let open = self.fresh(Kind::Float);
        self.nodes.last_mut().expect("just pushed").floats.push((value, span));
        open
    }

    fn root(&self, mut id: u32) -> u32 {
        while let Some(next) = self.nodes[id as usize].same {
            id = next;
        }
        id
    }

    /// The settled type, or the canonical open one.
    pub fn resolve(&self, scalar: Scalar) -> Scalar {
        match scalar {
            Scalar::Open(id) => {
                let root = self.root(id);
                self.nodes[root as usize].settled.unwrap_or(Scalar::Open(root))
            }
            settled => settled,
        }
    }

    pub fn kind(&self, scalar: Scalar) -> Option<Kind> {
        match self.resolve(scalar) {
            Scalar::Open(id) => Some(self.nodes[id as usize].kind),
            _ => None,
        }
    }

    pub fn default_of(&self, scalar: Scalar) -> Scalar {
        match self.resolve(scalar) {
            Scalar::Open(id) => match self.nodes[id as usize].kind {
                Kind::Float | Kind::Nothing => Scalar::F32,
                Kind::Int | Kind::Any => Scalar::I32,
            },
            settled => settled,
        }
    }

    /// Gives an open constant a type.
    pub fn settle(&mut self, scalar: Scalar, to: Scalar) -> Result<(), Misfit> {
        let Scalar::Open(id) = self.resolve(scalar) else { return Ok(()) };
        let node = &mut self.nodes[id as usize];
        let fits = match node.kind {
            Kind::Any | Kind::Nothing => true,
            Kind::Int => to.is_int() || to.is_float(),
            Kind::Float => to.is_float(),
        };
        if !fits {
            return Err(Misfit::Kind(node.kind));
        }
        node.settled = Some(to);
        if let Some((lo, hi)) = to.int_range()
            && let Some((value, span)) = first(node.ints.iter().filter(|(v, _)| *v < lo as i128 || *v > hi as i128))
        {
            return Err(Misfit::Range(*value, *span));
        }
        if let Some((_, span)) = first(node.floats.iter().filter(|(v, _)| to.nearest(*v).is_infinite())) {
            return Err(Misfit::Large(*span));
        }
        Ok(())
    }

    /// Makes two open constants one: the one of fewer literals becomes the other, so that chains stay short.
    pub fn join(&mut self, a: Scalar, b: Scalar) {
        let (Scalar::Open(a), Scalar::Open(b)) = (self.resolve(a), self.resolve(b)) else { return };
        if a == b {
            return;
        }
        let (a, b) = if self.nodes[a as usize].size >= self.nodes[b as usize].size { (a, b) } else { (b, a) };
        self.nodes[a as usize].size += self.nodes[b as usize].size;
        let ints = std::mem::take(&mut self.nodes[b as usize].ints);
        let floats = std::mem::take(&mut self.nodes[b as usize].floats);
        let kind = match (self.nodes[a as usize].kind, self.nodes[b as usize].kind) {
            (Kind::Float, _) | (_, Kind::Float) => Kind::Float,
            (Kind::Int, _) | (_, Kind::Int) => Kind::Int,
            (Kind::Nothing, _) | (_, Kind::Nothing) => Kind::Nothing,
            (Kind::Any, Kind::Any) => Kind::Any,
        };
        self.nodes[b as usize].same = Some(a);
        let node = &mut self.nodes[a as usize];
        node.kind = kind;
        node.ints.extend(ints);
        node.floats.extend(floats);
    }

    /// Everything that nothing asked for takes its default; says which literals do not fit it.
    pub fn settle_all(&mut self) -> Vec<(Misfit, Scalar)> {
        let mut misfits = Vec::new();
        for id in 0..self.nodes.len() as u32 {
            let open = Scalar::Open(id);
            if let Scalar::Open(_) = self.resolve(open) {
                let default = self.default_of(open);
                if let Err(misfit) = self.settle(open, default) {
                    misfits.push((misfit, default));
                }
            }
        }
        misfits
    }
}

/// The literal that stands first.
fn first<'n, T>(literals: impl Iterator<Item = &'n (T, Span)>) -> Option<&'n (T, Span)> {
    literals.min_by_key(|(_, span)| span.start)
}

//! Data in indices, as numbers with a name: `coins[k]` is the same number wherever it stands, so that what is known of
//! it, by guards or because the program writes it down, orders `ways[k, a - coins[k]]` behind `ways[k, a]`.

use crate::sym::{Facts, Sym};
use diagnostics::Symbol;
use ir::{Expr, ExprKind, Family, Load, Scalar, Var, VarId, VarKind};

/// Families with a variable in place of each number that they read from a tensor outside, and these variables behind
/// the others.
pub struct Named {
    pub vars: Vec<Var>,
    pub families: Vec<(VarId, Family)>,
}

/// `None` if they read no such number.
pub fn named(vars: &[Var], families: &[(VarId, Family)], facts: &mut Facts) -> Option<Named> {
    let members: Vec<VarId> = families.iter().map(|(var, _)| *var).collect();
    let mut naming = Naming { vars: vars.to_vec(), members, known: Vec::new(), facts };
    let mut families = families.to_vec();
    for (_, family) in &mut families {
        family.for_each_child_mut(|e| naming.expr(e));
    }
    (!naming.known.is_empty()).then_some(Named { vars: naming.vars, families })
}

struct Naming<'f> {
    vars: Vec<Var>,
    members: Vec<VarId>,
    known: Vec<(Expr, VarId)>,
    facts: &'f mut Facts,
}

impl Naming<'_> {
    fn expr(&mut self, e: &mut Expr) {
        e.for_each_child_mut(|child| self.expr(child));
        if let ExprKind::Load(load) = &e.kind
            && let Some(tensor) = self.source(load)
            && matches!(e.ty.scalar(), Some(Scalar::I32 | Scalar::I64 | Scalar::Open(_)))
        {
            let known = self.known.iter().find(|(known, _)| ir::visit::same(known, e)).map(|(_, var)| *var);
            let var = known.unwrap_or_else(|| self.variable(tensor, e));
            *e = Expr { kind: ExprKind::Var(var), ty: e.ty.clone(), span: e.span };
        }
    }

    fn source(&self, load: &Load) -> Option<VarId> {
        match load.tensor.kind {
            ExprKind::Var(tensor) if !self.members.contains(&tensor) => Some(tensor),
            _ => None,
        }
    }

    fn variable(&mut self, tensor: VarId, load: &Expr) -> VarId {
        let var = VarId(self.vars.len() as u32);
        let name = Symbol::new(&super::cycle::data_text(&self.vars, load));
        let ty = load.ty.clone();
        self.vars.push(Var { name, ty, span: load.span, kind: VarKind::Temp, coords: Vec::new() });
        if let Some((least, greatest)) = self.facts.contents.get(&tensor) {
            let range = (Sym::constant(*least), Sym::constant(*greatest).offset(1));
            self.facts.ranges.insert(var, range);
        }
        self.known.push((load.clone(), var));
        var
    }
}

//! Arguments whose axes stand in another order than a signature says: names decide, so they are turned.

use crate::Checker;
use crate::signature::Matching;
use crate::ty::{Axis, Val};
use diagnostics::{Span, Symbol};
use ir::VarId;
use syntax::ast::{Dim, DimKind};

impl Checker<'_> {
    /// The order of an argument's axes in which they fit a signature by the names that are known of it; what is not
    /// known stays in order.
    pub(crate) fn order_by_name(&self, matching: &Matching, dims: &[Dim], axes: &[Axis]) -> Option<Vec<usize>> {
        let at = |name: Symbol| axes.iter().position(|axis| axis.name == Some(name));
        let named = |axes: &[Axis]| axes.iter().map(|axis| axis.name).collect::<Option<Vec<Symbol>>>();
        named(axes)?;
        let mut known: Vec<Option<Vec<usize>>> = Vec::new();
        for dim in dims {
            let names = match dim.kind {
                DimKind::Name(name) => {
                    let bound = matching.names.iter().find(|(n, ..)| *n == name).and_then(|(_, axis, _)| axis.name);
                    matching.outer(name).or(bound).map(|name| vec![name])
                }
                DimKind::Pack(pack) => match matching.packs.iter().find(|(p, ..)| *p == pack) {
                    Some((_, axes, _)) => Some(named(axes)?),
                    None => Some(matching.members(pack)).filter(|members| !members.is_empty()),
                },
                _ => None,
            };
            known.push(match names {
                Some(names) => Some(names.into_iter().map(at).collect::<Option<Vec<usize>>>()?),
                None => None,
            });
        }
        let taken: Vec<usize> = known.iter().flatten().flatten().copied().collect();
        let mut rest = (0..axes.len()).filter(|k| !taken.contains(k)).collect::<Vec<usize>>();
        let open: Vec<&Dim> =
            dims.iter().zip(&known).filter(|(_, known)| known.is_none()).map(|(dim, _)| dim).collect();
        let packs = open.iter().filter(|dim| matches!(dim.kind, DimKind::Pack(_))).count();
        let single = open.len() - packs;
        let spare = rest.len().checked_sub(single)?;
        if packs > 1 || packs == 0 && spare > 0 {
            return None;
        }
        let mut order = Vec::new();
        for (dim, known) in dims.iter().zip(known) {
            let count = if matches!(dim.kind, DimKind::Pack(_)) { spare } else { 1 };
            order.extend(known.unwrap_or_else(|| rest.drain(..count).collect()));
        }
        let is_whole = (0..axes.len()).all(|k| order.contains(&k)) && order.len() == axes.len();
        is_whole.then_some(order)
    }

    /// The same tensor with its axes in another order.
    pub(crate) fn turned(&mut self, val: Val, order: &[usize], span: Span) -> Val {
        let axes: Vec<Axis> = order.iter().map(|k| val.ty.axes()[*k].clone()).collect();
        let binders: Vec<ir::Binder> = axes.iter().map(|axis| self.axis_binder(axis, span)).collect();
        let at = |axis: usize| order.iter().position(|k| *k == axis).expect("the order has all axes");
        let coords: Vec<VarId> = (0..order.len()).map(|axis| binders[at(axis)].var).collect();
        let cell = self.cell_at(val, &coords, span);
        let turned = self.family_of(binders, axes, cell, span);
        self.named(turned)
    }
}

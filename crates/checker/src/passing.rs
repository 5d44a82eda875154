//! Coordinates that a signature does not mention: they pass through a call (Appendix B).

use crate::Checker;
use crate::env::{Entry, FnRef, Level};
use crate::signature::Matching;
use crate::ty::{Axis, Ty, Val};
use crate::types::Want;
use diagnostics::{Span, Symbol};
use syntax::ast::{CoordArg, DimKind};

impl Checker<'_> {
    /// Coordinates that a signature does not mention pass through: the call is made for each of them.
    pub(crate) fn pass_through(
        &mut self,
        def: &FnRef,
        coords: &[CoordArg],
        matching: &Matching,
        wants: &[Option<Want>],
        args: &[Val],
        span: Span,
    ) -> Option<Val> {
        if coords.is_empty() {
            return None;
        }
        let mut over: Vec<Axis> = Vec::new();
        for (want, arg) in wants.iter().zip(args) {
            let Some(Want::Tensor { dims, .. }) = want else { continue };
            let packed = dims.iter().any(|d| matches!(d.kind, DimKind::Pack(_)));
            if packed || arg.ty.rank() <= dims.len() || arg.ty.axes().iter().any(|a| a.name.is_none()) {
                continue;
            }
            let consumed: Vec<Symbol> = dims
                .iter()
                .filter_map(|d| match d.kind {
                    DimKind::Name(name) => matching.outer(name),
                    _ => None,
                })
                .collect();
            let extra: Vec<&Axis> =
                arg.ty.axes().iter().filter(|a| !consumed.contains(&a.name.expect("named"))).collect();
            for axis in extra.iter().take(arg.ty.rank() - dims.len()) {
                if !over.iter().any(|a| a.name == axis.name) {
                    over.push((*axis).clone());
                }
            }
        }
        if over.is_empty() {
            return None;
        }
        let binders: Vec<ir::Binder> = over.iter().map(|axis| self.axis_binder(axis, span)).collect();
        self.cx.cells += 1;
        let slice = self.scoped(Level::Inner, |this| {
            for (axis, binder) in over.iter().zip(&binders) {
                this.cx.env.bind(axis.name.expect("named"), Entry::Coord { var: binder.var });
            }
            this.with_sink(|this| {
                let args = args.iter().map(|arg| this.localise_over(arg.clone(), &over)).collect();
                this.bind_call(def, coords.to_vec(), args, span)
            })
        });
        self.cx.cells -= 1;
        if slice.ty.is_error() {
            return Some(slice);
        }
        Some(if slice.ty.rank() == 0 {
            self.family_of(binders, over, slice, span)
        } else {
            self.stacked(binders, over, slice, span)
        })
    }

    /// Reads a value at the coordinates of some axes alone.
    fn localise_over(&mut self, val: Val, over: &[Axis]) -> Val {
        let axes = val.ty.axes().to_vec();
        if !axes.iter().any(|a| over.iter().any(|o| o.name == a.name)) {
            return val;
        }
        let span = val.span();
        let place = self.place_of(&val);
        let picks = axes
            .iter()
            .map(|axis| {
                match axis.name.filter(|n| over.iter().any(|o| o.name == Some(*n))).and_then(|n| self.coord_in_scope(n))
                {
                    Some(var) => crate::lift::Pick::At(Val::var(var, Ty::I32, span)),
                    None => crate::lift::Pick::All,
                }
            })
            .collect();
        self.read(val, picks, place, span)
    }
}

//! Gates that flow through calls (§4.10): a guard on a coordinate that a call consumes closes every reduction over
//! it inside the callee, and the callee's cells along it.

use crate::Checker;
use crate::cells::SlotSpec;
use crate::env::Level;
use crate::ty::{Ty, Val};
use crate::walk;
use diagnostics::{Span, Symbol};
use ir::WhereItem;
use syntax::ast::{self, BinaryOp, ExprKind};

impl Checker<'_> {
    /// The gate of a call over the coordinates that it consumes, if any guard mentions one of them.
    pub(crate) fn call_gate(&mut self, consumed: &[Symbol], args: &[Val], span: Span) -> Option<Val> {
        let (taken, _) = self.take_trailing(consumed);
        let mut defs = Vec::new();
        let mut guards = Vec::new();
        for trailing in &taken {
            trailing.take();
            match &*trailing.item {
                ast::WhereItem::Def(name, e) => defs.push(ast::WhereItem::Def(*name, e.clone())),
                ast::WhereItem::Guard(e) => guards.push(e.clone()),
            }
        }
        for guard in &self.cx.guards {
            let mut free = Vec::new();
            walk::free_coords(guard, &mut free);
            if consumed.iter().any(|c| free.contains(c)) {
                guards.push(guard.clone());
            }
        }
        let own =
            self.cx.gate.clone().filter(|g| g.ty.axes().iter().any(|a| a.name.is_some_and(|n| consumed.contains(&n))));
        // A gate of the call around this one goes on where the arguments carry all of its coordinates.
        let carried = |name: Symbol| args.iter().any(|a| a.ty.axes().iter().any(|axis| axis.name == Some(name)));
        let own = own.filter(|gate| {
            let mut axes = gate.ty.axes().iter().filter_map(|a| a.name);
            axes.all(|name| consumed.contains(&name) || carried(name) || self.coord_in_scope(name).is_some())
        });
        let mut mentioned = Vec::new();
        guards.iter().for_each(|guard| walk::free_coords(guard, &mut mentioned));
        for def in &defs {
            if let ast::WhereItem::Def(_, e) = def {
                walk::free_coords(e, &mut mentioned);
            }
        }
        let closed_by_own: Vec<Symbol> =
            own.iter().flat_map(|gate| gate.ty.axes().iter().filter_map(|a| a.name)).collect();
        let outside = closed_by_own.iter().copied().filter(|name| self.coord_in_scope(*name).is_none());
        let mut names: Vec<Symbol> = Vec::new();
        for name in
            consumed.iter().copied().filter(|n| mentioned.contains(n) || closed_by_own.contains(n)).chain(outside)
        {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if guards.is_empty() && own.is_none() {
            return None;
        }
        self.scoped(Level::Inner, |this| {
            // A coordinate that the guard only compares takes its range from the argument that carries it.
            for name in &names {
                let axis = args.iter().flat_map(|a| a.ty.axes()).find(|a| a.name == Some(*name));
                if let Some(axis) = axis {
                    this.cx.env.bind_domain(*name, axis.extent.clone());
                }
            }
            if let Some(own) = own {
                let name = Symbol::new("gate of the call");
                let var = own.as_var().expect("a gate is a parameter");
                this.bind_var(name, var, own.ty);
                let ident = ast::Ident { name, span };
                guards.push(ast::Expr { kind: ExprKind::Path(ast::Path { segments: vec![ident], span }), span });
            }
            let all = guards.into_iter().reduce(|a, b| {
                let span = a.span;
                let kind = ExprKind::Binary { op: BinaryOp::And, op_span: span, left: Box::new(a), right: Box::new(b) };
                ast::Expr { kind, span }
            })?;
            let specs: Vec<SlotSpec> =
                names.iter().map(|name| SlotSpec::Coord { name: *name, span, range: None }).collect();
            let wheres = (!defs.is_empty()).then_some(ast::Where { items: defs, otherwise: None, span });
            let outer = std::mem::take(&mut this.cx.guards);
            let trailing = std::mem::take(&mut this.cx.trailing);
            let cells = this.cells(&specs, wheres.as_ref(), &all, Some(&Ty::BOOL), span);
            this.cx.guards = outer;
            this.cx.trailing = trailing;
            let val = this.family_val(cells?, span);
            let gate = this.named(val);
            this.compare_with_gate(args, &gate, span);
            Some(gate)
        })
    }

    /// A gate has the extents of the arguments that it gates.
    fn compare_with_gate(&mut self, args: &[Val], gate: &Val, span: Span) {
        for axis in gate.ty.axes() {
            let same = |arg: &Val| arg.ty.axes().iter().find(|a| a.name == axis.name).map(|a| a.extent.clone());
            let Some(extent) = args.iter().find_map(same) else { continue };
            let extents = [self.facts_extent(&extent), self.facts_extent(&axis.extent)];
            let [arg, own] = &extents;
            if !(arg.is_const() && own.is_const() || self.facts.equal(arg, own)) {
                let parties = ["the argument", "its gate"].map(String::from);
                self.compare_extents(axis.name, [arg, own], parties, span);
            }
        }
    }

    /// The gate of this function's call at the coordinates in scope, if `names` are among those that it closes and
    /// all others are in scope too.
    pub(crate) fn gate_here(&mut self, names: &[Symbol], items: &mut Vec<WhereItem>) {
        let Some(gate) = self.cx.gate.clone() else { return };
        let axes: Vec<Symbol> = gate.ty.axes().iter().filter_map(|a| a.name).collect();
        let in_scope = axes.iter().all(|a| self.coord_in_scope(*a).is_some());
        if !in_scope || !axes.iter().any(|a| names.contains(a)) {
            return;
        }
        let open = self.localise(gate);
        self.facts.assume(&open.expr, true);
        self.cx.conditional += 1;
        items.push(WhereItem::Guard(open.expr));
    }
}

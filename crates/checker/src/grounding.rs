//! Which axes a call is about: whether its coordinates are carried by anything, and what to say where that is open.

use crate::cells::SlotSpec;
use crate::env::{Entry, FnRef};
use crate::signature::{Alignment, Matching};
use crate::ty::Val;
use crate::types::Want;
use crate::{Checker, errors, text, walk};
use diagnostics::{Span, Symbol};
use syntax::ast::{self, CoordParam, Dim, DimKind};

impl Checker<'_> {
    /// An argument whose indices name its axes: names that the call consumes, or that nothing binds, become
    /// coordinates of the argument.
    pub(crate) fn ground(&mut self, arg: &ast::Expr, consumed: &[Symbol]) -> Val {
        let names: Vec<Symbol> = self.index_names(arg).into_iter().filter(|n| self.is_axis(*n, consumed)).collect();
        if names.is_empty() {
            return self.expr(arg, None);
        }
        let specs: Vec<SlotSpec> =
            names.iter().map(|name| SlotSpec::Coord { name: *name, span: arg.span, range: None }).collect();
        let expected = self.cx.expected.take();
        let cells = self.cells(&specs, None, arg, None, arg.span);
        self.cx.expected = expected;
        match cells {
            Some(cells) => self.family_val(cells, arg.span),
            None => Val::error(arg.span),
        }
    }

    /// Names that stand inside the index brackets of an argument; packs in scope stand for their members.
    fn index_names(&self, arg: &ast::Expr) -> Vec<Symbol> {
        let mut names = Vec::new();
        for name in walk::index_names(arg) {
            match name.as_str().strip_prefix("..") {
                Some(pack) => {
                    let members = self.cx.env.pack(Symbol::new(pack)).unwrap_or_default();
                    names.extend(members.iter().map(|m| m.name));
                }
                None if self.cx.env.pack(name).is_some() => {}
                None => names.push(name),
            }
        }
        names
    }

    fn is_axis(&self, name: Symbol, consumed: &[Symbol]) -> bool {
        consumed.contains(&name)
            || self.cx.env.lookup(name).is_none()
                && self.lookup_item(name).is_none()
                && (self.cx.env.domain(name).is_none() || self.cx.cells == 0)
    }

    /// What a call consumes of an argument, beside the coordinates that it names: a signature without packs asks for
    /// so many axes, and what it does not name is matched by position (Appendix B), the last ones first.
    pub(crate) fn consumed_by_position(
        &self,
        want: Option<&Want>,
        arg: &ast::Expr,
        consumed: &[Symbol],
    ) -> Vec<Symbol> {
        let Some(Want::Tensor { dims, .. }) = want else { return Vec::new() };
        if dims.iter().any(|dim| matches!(dim.kind, DimKind::Pack(_))) {
            return Vec::new();
        }
        let names = self.index_names(arg);
        let given = names.iter().filter(|name| self.is_axis(**name, consumed)).count() + self.axes_left(arg);
        let points = names.iter().copied().filter(|n| !consumed.contains(n) && self.coord_in_scope(*n).is_some());
        let missing = dims.len().saturating_sub(given);
        let mut taken: Vec<Symbol> = points.rev().take(missing).collect();
        taken.reverse();
        taken
    }

    /// How many axes of its tensors an argument does not index.
    fn axes_left(&self, arg: &ast::Expr) -> usize {
        let taken = |index: &ast::Expr| match &index.kind {
            ast::ExprKind::Range { lo: None, hi: Some(hi), .. } => match &hi.kind {
                ast::ExprKind::Path(path) => self.cx.env.pack(path.segments[0].name).map_or(0, |pack| pack.len()),
                _ => 0,
            },
            ast::ExprKind::Range { .. } => 0,
            _ => 1,
        };
        let mut most = 0;
        walk::each_expr(arg, &mut |e| {
            if let ast::ExprKind::Index { base, indices, .. } = &e.kind
                && let ast::ExprKind::Path(path) = &base.kind
                && let Some(Entry::Var { ty, .. }) = self.cx.env.lookup(path.segments[0].name)
            {
                most = most.max(ty.rank().saturating_sub(indices.iter().map(taken).sum()));
            }
        });
        most
    }

    /// Whether a coordinate parameter could be one of several axes: no axis is better than another.
    pub(crate) fn is_ambiguous(&self, def: &FnRef, dims: &[Dim], found: &[Alignment]) -> bool {
        let is_parameter = |dim: &Dim| match dim.kind {
            DimKind::Name(name) => {
                def.def.coords.iter().any(|c| matches!(c, CoordParam::Coord(own) if own.name == name))
            }
            _ => false,
        };
        (0..dims.len()).any(|d| is_parameter(&dims[d]) && found.windows(2).any(|pair| pair[0][d] != pair[1][d]))
    }

    pub(crate) fn say_which(&mut self, def: &FnRef, dims: &[Dim], arg: &Val, span: Span) {
        let parameter = dims.iter().find_map(|dim| match dim.kind {
            DimKind::Name(name) => Some(name),
            _ => None,
        });
        let parameter = parameter.expect("only a name is ambiguous");
        let has = text::axis_names(arg.ty.axes());
        let name = def.def.name.name;
        let source = self.sources.text(arg.span()).to_owned();
        let named = !has.is_empty() && has.len() == arg.ty.rank();
        let example = if named {
            format!("{name}[{}]({source})", has[has.len() - 1])
        } else {
            let letters = ["i", "j", "k", "l", "m", "n"];
            let names: Vec<&str> = letters.into_iter().cycle().take(arg.ty.rank()).collect();
            format!("{name}[{}]({source}[{}])", names[names.len() - 1], names.join(", "))
        };
        self.report(errors::which_axis(span, name, parameter, (arg.span(), &has), &example));
    }

    /// Every coordinate argument is carried by an argument, or stands on the result's left side.
    pub(crate) fn all_grounded(&mut self, matching: &Matching, args: &[Val], span: Span) -> bool {
        for (_, given) in &matching.given {
            let Some(outer) = given.outer else { continue };
            let carried = args.iter().any(|a| a.ty.axes().iter().any(|axis| axis.name == Some(outer)));
            let expected = self.cx.expected.as_ref().is_some_and(|e| e.contains(&outer));
            if carried || expected {
                continue;
            }
            let tensor = args.iter().find(|a| a.ty.rank() > 0).or(args.first());
            let (place, has) = tensor.map(|t| (t.span(), text::axis_names(t.ty.axes()))).unwrap_or((span, Vec::new()));
            let example = tensor.filter(|t| has.is_empty() && t.ty.rank() > 0).map(|t| {
                let source = self.sources.text(t.span()).to_owned();
                let mut names: Vec<String> =
                    ["i", "j", "k", "l", "m"].iter().take(t.ty.rank() - 1).map(|n| n.to_string()).collect();
                names.push(outer.to_string());
                format!("{source}[{}]", names.join(", "))
            });
            // Those of the left side, and those that the arguments carry.
            let left = self.cx.expected.iter().flatten().map(|name| name.as_str());
            let carried = args.iter().flat_map(|a| a.ty.axes()).filter_map(|axis| axis.name.map(|name| name.as_str()));
            let near = diagnostics::closest(outer.as_str(), left.chain(carried));
            let near = near.map(|near| (given.span, near.to_owned()));
            self.report(errors::not_grounded(given.span, outer, place, &has, example, near));
            return false;
        }
        true
    }

    /// Why an argument does not fit its parameter.
    pub(crate) fn no_alignment(
        &mut self,
        def: &FnRef,
        matching: &Matching,
        k: usize,
        dims: &[Dim],
        arg: &Val,
        span: Span,
    ) {
        let has = text::axis_names(arg.ty.axes());
        // A given name that this argument should have, and another argument has.
        for dim in dims {
            if let DimKind::Name(name) = dim.kind
                && let Some(outer) = matching.outer(name)
                && !arg.ty.axes().iter().any(|a| a.name == Some(outer))
                && arg.ty.axes().iter().any(|a| a.name.is_some())
            {
                let first = matching.names.iter().find(|(n, ..)| *n == name).map(|(_, _, s)| *s).unwrap_or(span);
                let given = [outer.to_string()];
                self.report(errors::packs_disagree(span, name.as_str(), (first, &given), (arg.span(), &has)));
                return;
            }
        }
        for dim in dims {
            if let DimKind::Pack(pack) = dim.kind
                && let Some((_, axes, first)) = matching.packs.iter().find(|(p, ..)| *p == pack)
            {
                let names = text::axis_names(axes);
                let shown = format!("..{pack}");
                self.report(errors::packs_disagree(span, &shown, (*first, &names), (arg.span(), &has)));
                return;
            }
        }
        let place = def.def.params[k].ty.as_ref().map(|ty| ty.span);
        let want = place.map(|p| self.sources.text(p).to_owned()).unwrap_or_default();
        if arg.ty.rank() == 0 {
            let shown = self.show(&arg.ty);
            let message = format!("`{want}` is expected, and this is `{shown}`");
            let mut d = errors::mismatch(arg.span(), message, None, None);
            if let Some(place) = place {
                d = d.also(place, "asked for here");
            }
            self.report(d);
            return;
        }
        let got = self.show(&arg.ty);
        self.report(errors::rank_mismatch(arg.span(), &want, &got, place));
    }
}

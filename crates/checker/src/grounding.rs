//! Which axes a call is about: whether its coordinates are carried by anything, and what to say where that is open.

use crate::env::FnRef;
use crate::signature::{Alignment, Matching};
use crate::ty::Val;
use crate::{Checker, errors, text};
use diagnostics::Span;
use syntax::ast::{CoordParam, Dim, DimKind};

impl Checker<'_> {
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

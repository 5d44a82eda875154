//! Signatures with names and packs: which axis of which argument each of them is (§5.3, §5.4).

use crate::env::{FnRef, PackMember};
use crate::sym::Sym;
use crate::ty::{Axis, Ty, Val};
use crate::types::Want;
use crate::unify::Why;
use crate::{Checker, errors, text, walk};
use diagnostics::{Span, Symbol};
use ir::{Clause, ExprKind, Family, Scalar};
use syntax::ast::{self, CoordArg, CoordParam, Dim, DimKind};

/// A call whose arguments fit: what the specialisation is made of, and how its names read outside.
pub(crate) struct Bound {
    pub args: Vec<Val>,
    /// The parameters' types with the signature's own names, and where each is written.
    pub params: Vec<(Span, Ty)>,
    pub domains: Vec<(Symbol, Sym)>,
    pub packs: Vec<(Symbol, Vec<PackMember>)>,
    pub generics: Vec<(Symbol, Ty)>,
    /// Inner name, outer name.
    pub rename: Vec<(Symbol, Option<Symbol>)>,
    /// Truth values over coordinate parameters: where the call is open.
    pub gate: Option<Val>,
}

/// A coordinate argument of the call, or one that matching has to settle.
pub(crate) struct Given {
    pub outer: Option<Symbol>,
    pub span: Span,
}

#[derive(Default)]
pub(crate) struct Matching {
    pub given: Vec<(Symbol, Given)>,
    pub names: Vec<(Symbol, Axis, Span)>,
    pub packs: Vec<(Symbol, Vec<Axis>, Span)>,
    generics: Vec<(Symbol, Ty)>,
}

/// For each dim, the axes that it is.
pub(crate) type Alignment = Vec<std::ops::Range<usize>>;

impl Checker<'_> {
    /// `f[j](args)`: arguments are grounded, then bound.
    pub(crate) fn coord_apply(
        &mut self,
        def: &FnRef,
        coords: &[CoordArg],
        bracket: Span,
        args: &[ast::Expr],
        wheres: Option<&ast::Where>,
        span: Span,
    ) -> Val {
        let mut consumed = Vec::new();
        for coord in coords {
            match coord {
                CoordArg::Coord { name, .. } => consumed.push(name.name),
                CoordArg::Group(names, _) => consumed.extend(names.iter().map(|n| n.name)),
                CoordArg::Pack(name) => {
                    let members = self.cx.env.pack(name.name).unwrap_or_default();
                    consumed.extend(members.iter().map(|m| m.name));
                }
                CoordArg::Expr(e) => {
                    self.report(errors::left_slot(e.span));
                    return Val::error(span);
                }
            }
        }
        let _ = (bracket, wheres);
        let wants = self.wants(def);
        for (k, arg) in args.iter().enumerate() {
            let want = wants.get(k).and_then(Option::as_ref);
            let further = self.consumed_by_position(want, arg, &consumed);
            consumed.extend(further);
        }
        let args: Vec<Val> = args.iter().map(|arg| self.ground(arg, &consumed)).collect();
        if args.iter().any(|a| a.ty.is_error()) {
            return Val::error(span);
        }
        let args: Vec<Val> =
            args.into_iter().map(|arg| if matches!(arg.ty, Ty::Tensor(_)) { self.named(arg) } else { arg }).collect();
        let gate = self.call_gate(&consumed, &args, span);
        self.bind_gated(def, coords.to_vec(), args, gate, span)
    }

    /// Checked cells as an anonymous family.
    pub(crate) fn family_val(&mut self, cells: crate::cells::Cells, span: Span) -> Val {
        let elem = cells.body.ty.elem().clone();
        let ty = Ty::tensor(elem.clone(), cells.axes.clone());
        if cells.slots.is_empty() {
            return cells.body;
        }
        if cells.axes.iter().any(|axis| crate::types::is_unknown(&axis.extent)) {
            self.report(errors::rows_of_any_length(cells.body.span()));
            return Val::error(span);
        }
        let axes = cells
            .axes
            .iter()
            .map(|axis| ir::Axis {
                name: axis.name,
                extent: axis.extent.to_expr(Scalar::I64, &self.program.vars, span),
            })
            .collect();
        let clause = Clause {
            slots: cells.slots,
            wheres: cells.wheres,
            body: cells.body.expr,
            otherwise: cells.otherwise.map(|o| o.expr),
            span,
        };
        let family = Family { name: Symbol::new(""), axes, elem: elem.ir(), clauses: vec![clause], span };
        Val::new(ExprKind::Family(Box::new(family)), ty, span)
    }

    /// Binds a call's coordinates and arguments to a signature.
    pub(crate) fn bind_call(&mut self, def: &FnRef, coords: Vec<CoordArg>, args: Vec<Val>, span: Span) -> Val {
        self.bind_gated(def, coords, args, None, span)
    }

    fn bind_gated(&mut self, def: &FnRef, coords: Vec<CoordArg>, args: Vec<Val>, gate: Option<Val>, span: Span) -> Val {
        let name = def.def.name.name;
        let count = def.def.params.len();
        if args.len() != count {
            self.report(errors::argument_count(span, name.as_str(), count, args.len(), Some(def.def.signature)));
            return Val::error(span);
        }
        if args.iter().any(|a| a.ty.is_error()) {
            return Val::error(span);
        }
        let Some(mut matching) = self.given_coords(def, &coords, span) else { return Val::error(span) };
        let wants = self.wants(def);
        let mut args: Vec<Val> =
            args.into_iter().map(|arg| if matches!(arg.ty, Ty::Tensor(_)) { self.named(arg) } else { arg }).collect();
        if gate.is_none()
            && let Some(val) = self.pass_through(def, &coords, &matching, &wants, &args, span)
        {
            return val;
        }
        if !self.all_grounded(&matching, &args, span) {
            return Val::error(span);
        }
        self.match_expected(def, &mut matching);
        self.bind_generics(&mut matching, &wants, &args);
        // Arguments that settle themselves first, the ambiguous ones with what those have bound.
        let mut waiting: Vec<usize> = (0..count).collect();
        let mut aligned: Vec<Option<Alignment>> = vec![None; count];
        for last in [false, true] {
            let mut still = Vec::new();
            for k in waiting {
                let Some(Want::Tensor { dims, .. }) = &wants[k] else { continue };
                if self.takes_list(wants[k].as_ref(), &args[k]) {
                    continue;
                }
                let mut found = self.align(&matching, dims, &args[k].ty);
                if found.is_empty()
                    && let Some(order) = self.order_by_name(&matching, dims, args[k].ty.axes())
                {
                    args[k] = self.turned(args[k].clone(), &order, span);
                    found = self.align(&matching, dims, &args[k].ty);
                }
                match found {
                    found if last && self.is_ambiguous(def, dims, &found) => {
                        self.say_which(def, dims, &args[k], span);
                        return Val::error(span);
                    }
                    found if found.len() == 1 || (last && !found.is_empty()) => {
                        let alignment = found.into_iter().next().expect("there is one");
                        if !self.bind_axes(&mut matching, dims, &alignment, &args[k], span) {
                            return Val::error(span);
                        }
                        aligned[k] = Some(alignment);
                    }
                    found if found.is_empty() => {
                        self.no_alignment(def, &matching, k, dims, &args[k], span);
                        return Val::error(span);
                    }
                    _ => still.push(k),
                }
            }
            waiting = still;
        }
        let mut bound = Bound {
            args: Vec::new(),
            params: Vec::new(),
            domains: matching.names.iter().map(|(name, axis, _)| (*name, axis.extent.clone())).collect(),
            packs: Vec::new(),
            generics: Vec::new(),
            rename: Vec::new(),
            gate: None,
        };
        for (pack, axes, _) in &matching.packs {
            let members: Vec<PackMember> =
                (0..axes.len()).map(|k| PackMember { name: Symbol::new(&format!("..{pack}.{k}")) }).collect();
            for (member, axis) in members.iter().zip(axes) {
                bound.rename.push((member.name, axis.name));
                bound.domains.push((member.name, axis.extent.clone()));
            }
            bound.packs.push((*pack, members));
        }
        for (name, axis, _) in &matching.names {
            bound.rename.push((*name, Some(axis.name.unwrap_or(*name))));
        }
        // A name that stands for two parameters is no longer one name outside.
        let outer: Vec<Option<Symbol>> = bound.rename.iter().map(|(_, o)| *o).collect();
        for (k, (_, name)) in bound.rename.iter_mut().enumerate() {
            if name.is_some() && outer.iter().enumerate().any(|(o, other)| o != k && *other == *name) {
                *name = None;
            }
        }
        let mut maps: Vec<usize> = Vec::new();
        for (k, arg) in args.into_iter().enumerate() {
            let place = def.def.params[k].ty.as_ref().map(|ty| ty.span).unwrap_or(def.def.params[k].pattern.span);
            let fitted = match &wants[k] {
                None => self.argument(arg),
                Some(want) => match self.fit_argument(want, arg, aligned[k].as_ref(), &mut matching, place) {
                    Fitted::Val(val) => val,
                    Fitted::Map(val) => {
                        maps.push(k);
                        val
                    }
                },
            };
            if fitted.ty.is_error() {
                return Val::error(span);
            }
            let ty = inner_addresses(self.resolved(&fitted.ty), &matching);
            bound.params.push((place, self.inner_ty(&ty, wants[k].as_ref(), aligned[k].as_ref())));
            bound.args.push(fitted);
        }
        bound.gate = gate.map(|gate| inner_gate(gate, &matching));
        bound.generics = matching.generics;
        if maps.is_empty() {
            return self.call_bound(def, bound, span);
        }
        // A function for scalars maps over the elements of a tensor.
        let vals = maps.iter().map(|k| bound.args[*k].clone()).collect();
        self.pointwise(vals, span, |this, cells| {
            let mut bound = bound;
            for (k, cell) in maps.into_iter().zip(cells) {
                bound.params[k].1 = this.resolved(&cell.ty);
                bound.args[k] = cell;
            }
            this.call_bound(def, bound, span)
        })
    }

    /// Lists have no axes that names could be matched with.
    fn takes_list(&mut self, want: Option<&Want>, arg: &Val) -> bool {
        matches!(arg.ty, Ty::List(_)) || want.is_some_and(|want| matches!(self.want_ty(want), Ty::List(_)))
    }

    /// What a signature asks of its parameters.
    fn wants(&mut self, def: &FnRef) -> Vec<Option<Want>> {
        self.in_def(def, |this| def.def.params.iter().map(|p| p.ty.as_ref().map(|ty| this.want(ty))).collect())
    }

    /// Reads a signature where it stands.
    fn in_def<T>(&mut self, def: &FnRef, check: impl FnOnce(&mut Self) -> T) -> T {
        let outer = std::mem::replace(&mut self.cx.env, def.env.clone());
        let in_function = std::mem::replace(&mut self.cx.in_function, true);
        let result = check(self);
        self.cx.env = outer;
        self.cx.in_function = in_function;
        result
    }

    fn given_coords(&mut self, def: &FnRef, coords: &[CoordArg], span: Span) -> Option<Matching> {
        let params = &def.def.coords;
        if coords.len() > params.len() {
            let name = format!("{}[…]", def.def.name.name);
            self.report(errors::argument_count(span, &name, params.len(), coords.len(), Some(def.def.signature)));
            return None;
        }
        let mut matching = Matching::default();
        for (k, param) in params.iter().enumerate() {
            match (param, coords.get(k)) {
                (CoordParam::Coord(name), Some(CoordArg::Coord { name: outer, .. })) => {
                    matching.given.push((name.name, Given { outer: Some(outer.name), span: outer.span }));
                }
                (CoordParam::Coord(name), None) => matching.given.push((name.name, Given { outer: None, span })),
                (CoordParam::Pack(name), Some(arg)) => {
                    let names: Vec<Symbol> = match arg {
                        CoordArg::Group(names, _) => names.iter().map(|n| n.name).collect(),
                        CoordArg::Coord { name, .. } => vec![name.name],
                        CoordArg::Pack(pack) => {
                            self.cx.env.pack(pack.name).unwrap_or_default().iter().map(|m| m.name).collect()
                        }
                        CoordArg::Expr(_) => Vec::new(),
                    };
                    // Members of a given pack are anchors like given names.
                    matching.given.push((walk::pack_symbol(name.name), Given { outer: None, span }));
                    for (k, outer) in names.iter().enumerate() {
                        let inner = Symbol::new(&format!("..{}.{k}", name.name));
                        matching.given.push((inner, Given { outer: Some(*outer), span }));
                    }
                }
                (CoordParam::Pack(_), None) => {}
                (CoordParam::Coord(name), Some(_)) => {
                    self.report(errors::packs_disagree(span, name.name.as_str(), (span, &[]), (span, &[])));
                    return None;
                }
            }
        }
        Some(matching)
    }

    /// Coordinates of the left side bind the result's packs, where no argument does.
    fn match_expected(&mut self, def: &FnRef, matching: &mut Matching) {
        let Some(expected) = self.cx.expected.clone() else { return };
        let carried = |this: &Self, name: &Symbol| this.coord_in_scope(*name).is_some();
        let ungrounded = matching.given.iter().any(|(_, g)| g.outer.is_some_and(|o| expected.contains(&o)));
        if !ungrounded {
            return;
        }
        let Some(result) = &def.def.result else { return };
        let want = self.in_def(def, |this| this.want(result));
        let Want::Tensor { dims, .. } = want else { return };
        let axes: Vec<Axis> = expected
            .iter()
            .filter(|n| carried(self, n))
            .map(|n| Axis { name: Some(*n), extent: Sym::constant(0) })
            .collect();
        let ty = Ty::tensor(Ty::I32, axes.clone());
        let found = self.align(matching, &dims, &ty);
        if let [alignment] = found.as_slice() {
            for (dim, range) in dims.iter().zip(alignment) {
                if let DimKind::Pack(pack) = dim.kind {
                    let members: Vec<Axis> = axes[range.clone()]
                        .iter()
                        .map(|a| Axis { name: a.name, extent: Sym::extent(ir::VarId(0), usize::MAX) })
                        .collect();
                    matching.expected_packs_push(pack, members);
                }
            }
        }
    }

    /// The ways in which dims can be the axes of a type.
    fn align(&self, matching: &Matching, dims: &[Dim], ty: &Ty) -> Vec<Alignment> {
        let axes = ty.axes();
        let mut found = Vec::new();
        let mut now = Vec::new();
        self.align_from(matching, dims, axes, 0, &mut now, &mut found);
        // An unnamed argument whose packs are as long as an expectation says.
        if found.len() > 1 {
            let fits = |alignment: &Alignment| {
                dims.iter().zip(alignment).all(|(dim, range)| match dim.kind {
                    DimKind::Pack(pack) => matching.expected_len(pack).is_none_or(|len| len == range.len()),
                    _ => true,
                })
            };
            let fitting: Vec<Alignment> = found.iter().filter(|a| fits(a)).cloned().collect();
            if !fitting.is_empty() {
                return fitting;
            }
        }
        found
    }

    fn align_from(
        &self,
        matching: &Matching,
        dims: &[Dim],
        axes: &[Axis],
        at: usize,
        now: &mut Alignment,
        found: &mut Vec<Alignment>,
    ) {
        if found.len() > 8 {
            return;
        }
        let Some(dim) = dims.get(now.len()) else {
            if at == axes.len() {
                found.push(now.clone());
            }
            return;
        };
        match dim.kind {
            DimKind::Pack(pack) => {
                let bound = matching.packs.iter().find(|(p, ..)| *p == pack).map(|(_, axes, _)| axes.len());
                let members: Vec<Symbol> = matching.members(pack);
                let lens = match (bound, members.is_empty()) {
                    (Some(len), _) => len..=len,
                    (None, false) => members.len()..=members.len(),
                    (None, true) => 0..=axes.len() - at,
                };
                for len in lens {
                    if at + len > axes.len() {
                        break;
                    }
                    let part = &axes[at..at + len];
                    let anchored = members.is_empty()
                        || part
                            .iter()
                            .zip(&members)
                            .all(|(axis, outer)| axis.name.is_none() || axis.name == Some(*outer));
                    if anchored {
                        now.push(at..at + len);
                        self.align_from(matching, dims, axes, at + len, now, found);
                        now.pop();
                    }
                }
            }
            _ => {
                let Some(axis) = axes.get(at) else { return };
                let fits = match dim.kind {
                    DimKind::Name(name) => match matching.outer(name) {
                        Some(outer) => axis.name.is_none() || axis.name == Some(outer),
                        None => true,
                    },
                    _ => true,
                };
                if fits {
                    now.push(at..at + 1);
                    self.align_from(matching, dims, axes, at + 1, now, found);
                    now.pop();
                }
            }
        }
    }

    /// Notes what an aligned argument says of names and packs; false if it contradicts another.
    fn bind_axes(
        &mut self,
        matching: &mut Matching,
        dims: &[Dim],
        alignment: &Alignment,
        arg: &Val,
        span: Span,
    ) -> bool {
        let axes: Vec<Axis> =
            arg.ty.axes().iter().map(|a| Axis { name: a.name, extent: self.facts_extent(&a.extent) }).collect();
        for (dim, range) in dims.iter().zip(alignment) {
            match dim.kind {
                DimKind::Name(name) => {
                    let axis = axes[range.start].clone();
                    match matching.names.iter().position(|(n, ..)| *n == name) {
                        None => matching.names.push((name, axis, arg.span())),
                        Some(k) => {
                            let (_, first, place) = matching.names[k].clone();
                            if !self.agree(name, &first, place, &axis, arg, span) {
                                return false;
                            }
                            if first.name.is_none() {
                                matching.names[k].1.name = axis.name;
                            }
                            if !first.extent.is_const() && axis.extent.is_const() {
                                matching.names[k].1.extent = axis.extent;
                            }
                        }
                    }
                }
                DimKind::Pack(pack) => {
                    let part = axes[range.clone()].to_vec();
                    match matching.packs.iter().position(|(p, ..)| *p == pack) {
                        None => matching.packs.push((pack, part, arg.span())),
                        Some(k) => {
                            let (_, first, place) = matching.packs[k].clone();
                            let names = |axes: &[Axis]| text::axis_names(axes);
                            let differ = first
                                .iter()
                                .zip(&part)
                                .any(|(a, b)| a.name.is_some() && b.name.is_some() && a.name != b.name);
                            if differ {
                                let shown = format!("..{pack}");
                                self.report(errors::packs_disagree(
                                    span,
                                    &shown,
                                    (place, &names(&first)),
                                    (arg.span(), &names(&part)),
                                ));
                                return false;
                            }
                            for (m, (a, b)) in first.iter().zip(&part).enumerate() {
                                let label = a.name.or(b.name).unwrap_or_else(|| Symbol::new(&format!("..{pack}.{m}")));
                                if !self.agree(label, a, place, b, arg, span) {
                                    return false;
                                }
                            }
                        }
                    }
                }
                _ => {}
            }
        }
        true
    }

    /// One name of a signature is one extent.
    fn agree(&mut self, name: Symbol, first: &Axis, place: Span, axis: &Axis, arg: &Val, span: Span) -> bool {
        let (a, b) = (self.facts_extent(&first.extent), self.facts_extent(&axis.extent));
        if a == b || self.facts.equal(&a, &b) {
            return true;
        }
        let shown = |e: &Sym, this: &Self| this.show_sym(e);
        if let (Some(x), Some(y)) = (a.as_const(), b.as_const()) {
            debug_assert_ne!(x, y);
            let origin = |axis: &Axis| match axis.name {
                Some(outer) => format!("(`{outer}` of this argument)"),
                None => "of this argument".into(),
            };
            let places = [(place, shown(&a, self), origin(first)), (arg.span(), shown(&b, self), origin(axis))];
            self.report(errors::extents(span, name.as_str(), &places));
            return false;
        }
        let parties = [place, arg.span()].map(|span| match self.sources.text(span) {
            text if text.len() <= 24 && !text.contains('\n') => format!("`{text}`"),
            _ => "an argument".to_owned(),
        });
        self.compare_extents(Some(name), [&a, &b], parties, span);
        true
    }

    /// An argument against its parameter's type.
    fn fit_argument(
        &mut self,
        want: &Want,
        arg: Val,
        alignment: Option<&Alignment>,
        matching: &mut Matching,
        place: Span,
    ) -> Fitted {
        match want {
            Want::Tensor { .. } if self.takes_list(Some(want), &arg) => {
                let wanted = self.want_ty(want);
                Fitted::Val(self.annotated(arg, &wanted, Some(place), Why::Argument))
            }
            Want::Tensor { elem, dims } => {
                let elem = self.elem_want(elem, &arg, matching);
                let axes: Vec<Axis> = match alignment {
                    Some(alignment) => {
                        let mut axes: Vec<Axis> = arg.ty.axes().to_vec();
                        for (dim, range) in dims.iter().zip(alignment) {
                            if let DimKind::Extent(n) = dim.kind {
                                axes[range.start].extent = Sym::constant(n as i64);
                            }
                        }
                        axes
                    }
                    None => arg.ty.axes().to_vec(),
                };
                if arg.ty.rank() == 0 {
                    let wanted = self.want_ty(want);
                    return Fitted::Val(self.annotated(arg, &wanted, Some(place), Why::Argument));
                }
                let wanted = Ty::tensor(elem, axes);
                Fitted::Val(self.annotated(arg, &wanted, Some(place), Why::Argument))
            }
            Want::Generic(name) => match matching.generic(*name) {
                Some(bound) => self.fit_exact(bound, arg, place),
                None => {
                    let arg = self.argument(arg);
                    matching.generics.push((*name, arg.ty.clone()));
                    Fitted::Val(arg)
                }
            },
            Want::Fn(..) => match arg.ty {
                Ty::Fn(_) => match self.want_ty(want) {
                    // A parameter takes each function as itself: calls of it are specialised.
                    Ty::Fn(wanted) => Fitted::Val(self.fit_function(arg, &wanted, Some(place), false)),
                    _ => Fitted::Val(arg),
                },
                _ => {
                    let shown = self.show(&arg.ty);
                    let message = format!("a function is expected, and this is `{shown}`");
                    let mut d = errors::mismatch(arg.span(), message, None, None);
                    d = d.also(place, "asked for here");
                    self.report(d);
                    Fitted::Val(Val::error(arg.span()))
                }
            },
            Want::AnyRank => Fitted::Val(self.argument(arg)),
            Want::Tuple(_) | Want::Exact(_) => {
                let wanted = self.want_ty(want);
                self.fit_exact(wanted, arg, place)
            }
        }
    }

    /// A scalar parameter takes a tensor element by element; in cells, its cell.
    fn fit_exact(&mut self, wanted: Ty, arg: Val, place: Span) -> Fitted {
        if wanted.scalar().is_none() || arg.ty.rank() == 0 {
            return Fitted::Val(self.annotated(arg, &wanted, Some(place), Why::Argument));
        }
        let arg = self.localise(arg);
        if arg.ty.rank() == 0 {
            return Fitted::Val(self.annotated(arg, &wanted, Some(place), Why::Argument));
        }
        let wanted = Ty::tensor(wanted, arg.ty.axes().to_vec());
        Fitted::Map(self.annotated(arg, &wanted, Some(place), Why::Argument))
    }

    /// What the generic names of a signature are: element types, for a call maps over tensors where the signature has
    /// none. Constants without a type of their own say it only where nothing else does.
    fn bind_generics(&mut self, matching: &mut Matching, wants: &[Option<Want>], args: &[Val]) {
        for open in [false, true] {
            for (want, arg) in wants.iter().zip(args) {
                let name = match want {
                    Some(Want::Generic(name)) => *name,
                    Some(Want::Tensor { elem, .. }) => match **elem {
                        Want::Generic(name) => name,
                        _ => continue,
                    },
                    _ => continue,
                };
                if arg.ty.elem().scalar().is_some() && self.is_open(&arg.ty) == open {
                    self.bind_generic(matching, name, arg);
                }
            }
        }
    }

    fn bind_generic(&mut self, matching: &mut Matching, name: Symbol, arg: &Val) {
        if matching.generic(name).is_none() {
            if self.is_open(&arg.ty) {
                self.settle_default(&arg.ty.clone());
            }
            let ty = match self.resolved(arg.ty.elem()) {
                Ty::Address(_) => Ty::I32,
                elem => elem,
            };
            matching.generics.push((name, ty));
        }
    }

    /// The element type that a tensor parameter asks for.
    fn elem_want(&mut self, elem: &Want, arg: &Val, matching: &mut Matching) -> Ty {
        match elem {
            Want::Generic(name) => {
                self.bind_generic(matching, *name, arg);
                matching.generic(*name).expect("just bound")
            }
            other => self.want_ty(other),
        }
    }

    /// A parameter's type inside: the signature's own names on its axes.
    fn inner_ty(&self, ty: &Ty, want: Option<&Want>, alignment: Option<&Alignment>) -> Ty {
        let (Some(Want::Tensor { dims, .. }), Some(alignment)) = (want, alignment) else {
            return ty.clone();
        };
        let mut axes: Vec<Axis> = ty.axes().iter().map(|a| Axis { name: None, extent: a.extent.clone() }).collect();
        for (dim, range) in dims.iter().zip(alignment) {
            match dim.kind {
                DimKind::Name(name) => axes[range.start].name = Some(name),
                DimKind::Pack(pack) => {
                    for (k, at) in range.clone().enumerate() {
                        axes[at].name = Some(Symbol::new(&format!("..{pack}.{k}")));
                    }
                }
                _ => {}
            }
        }
        ty.with_axes(axes)
    }
}

/// Addresses with the callee's name of their domain. Of a domain that the signature has twice, or that may be one of
/// its unnamed axes, nothing is known inside.
fn inner_addresses(ty: Ty, matching: &Matching) -> Ty {
    let Ty::Address(domain) = *ty.elem() else { return ty };
    let named = matching.names.iter().map(|(name, axis, _)| (*name, axis.name));
    let packed = matching.packs.iter().flat_map(|(pack, axes, _)| {
        axes.iter().enumerate().map(move |(k, axis)| (Symbol::new(&format!("..{pack}.{k}")), axis.name))
    });
    let all: Vec<(Symbol, Option<Symbol>)> = named.chain(packed).collect();
    let inner: Vec<Symbol> = all.iter().filter(|(_, outer)| *outer == Some(domain)).map(|(name, _)| *name).collect();
    let elem = match inner.as_slice() {
        [name] => Ty::Address(*name),
        [] if all.iter().all(|(name, outer)| outer.is_some() && *name != domain) => return ty,
        _ => Ty::I32,
    };
    match ty {
        Ty::Tensor(tensor) => Ty::tensor(elem, tensor.axes.to_vec()),
        _ => elem,
    }
}

/// A gate with the callee's names on its axes.
fn inner_gate(gate: Val, matching: &Matching) -> Val {
    let inner = |outer: Symbol| {
        let given = matching.given.iter().find(|(_, g)| g.outer == Some(outer));
        let packed = || {
            matching.packs.iter().find_map(|(pack, axes, _)| {
                let k = axes.iter().position(|a| a.name == Some(outer))?;
                Some(Symbol::new(&format!("..{pack}.{k}")))
            })
        };
        let named = || matching.names.iter().find(|(_, axis, _)| axis.name == Some(outer)).map(|(name, ..)| *name);
        given.map(|(name, _)| *name).or_else(packed).or_else(named)
    };
    let axes = gate.ty.axes().iter().map(|a| Axis { name: a.name.and_then(inner), extent: a.extent.clone() }).collect();
    Val { ty: gate.ty.with_axes(axes), ..gate }
}

enum Fitted {
    Val(Val),
    /// A tensor for a scalar parameter.
    Map(Val),
}

impl Matching {
    /// The caller's name of a coordinate parameter.
    pub fn outer(&self, name: Symbol) -> Option<Symbol> {
        self.given.iter().find(|(n, _)| *n == name).and_then(|(_, g)| g.outer)
    }

    fn generic(&self, name: Symbol) -> Option<Ty> {
        self.generics.iter().find(|(n, _)| *n == name).map(|(_, ty)| ty.clone())
    }

    /// The caller's names of a pack parameter's members, where it is given.
    pub fn members(&self, pack: Symbol) -> Vec<Symbol> {
        let prefix = format!("..{pack}.");
        self.given.iter().filter(|(n, _)| n.as_str().starts_with(&prefix)).filter_map(|(_, g)| g.outer).collect()
    }

    /// How long a pack is by the left side of the definition.
    fn expected_len(&self, pack: Symbol) -> Option<usize> {
        let marker = Symbol::new(&format!("..{pack}?"));
        self.generics.iter().find(|(n, _)| *n == marker).map(|(_, ty)| ty.rank())
    }

    fn expected_packs_push(&mut self, pack: Symbol, members: Vec<Axis>) {
        self.generics.push((Symbol::new(&format!("..{pack}?")), Ty::tensor(Ty::I32, members)));
    }
}

//! Specialisations: one checked function for each combination of argument types, ranks and coordinates.

use crate::call::{key_of, param_name};
use crate::env::{Env, FnRef, Level};
use crate::functions::Surroundings;
use crate::signature::Bound;
use crate::sym::{Atom, Sym};
use crate::ty::{Axis, FnValue, Ty, Val};
use crate::unify::Why;
use crate::{Checker, Cx, errors};
use diagnostics::{Span, Symbol};
use ir::{FuncId, KnownExtent, VarId, VarKind};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use syntax::ast;

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Key(pub String);

#[derive(Clone)]
pub(crate) struct Instance {
    pub func: FuncId,
    pub params: Vec<VarId>,
    /// `None` while the body is being checked and nothing declares it.
    pub result: Option<Ty>,
    /// Variables made while it was checked: a result may not mention them.
    first: u32,
    last: u32,
}

/// The last variable of a specialisation whose body is being checked.
const UNFINISHED: u32 = u32::MAX;

/// Lambdas that may call each other in the arguments of a call.
const DEEPEST_LAMBDAS: usize = 200;

/// Where a call stands, while the function that it needs is checked.
pub(crate) struct Caller {
    cx: Cx,
    known: Vec<Sym>,
    promised: Vec<Sym>,
    ended: HashMap<Symbol, Span>,
    in_index: usize,
}

impl Checker<'_> {
    pub(crate) fn enter_function(&mut self, env: &Env) -> Caller {
        Caller {
            cx: std::mem::replace(&mut self.cx, Cx::new(env.clone(), true)),
            known: std::mem::take(&mut self.facts.known),
            promised: std::mem::take(&mut self.facts.promised),
            ended: std::mem::take(&mut self.ended),
            in_index: std::mem::take(&mut self.in_index),
        }
    }

    pub(crate) fn leave_function(&mut self, caller: Caller) {
        self.cx = caller.cx;
        self.facts.known = caller.known;
        self.facts.promised = caller.promised;
        self.ended = caller.ended;
        self.in_index = caller.in_index;
    }

    /// A call of a definition without coordinate arguments.
    pub(crate) fn call_def(&mut self, def: &FnRef, args: Vec<Val>, span: Span) -> Val {
        if crate::call::is_coordinate_aware(def) || self.has_names(def) {
            return self.bind_call(def, Vec::new(), args, span);
        }
        let want = def.def.params.len();
        if args.len() != want {
            self.report(errors::argument_count(
                span,
                def.def.name.name.as_str(),
                want,
                args.len(),
                Some(def.def.signature),
            ));
            return Val::error(span);
        }
        self.bind_call(def, Vec::new(), args, span)
    }

    /// A signature that names coordinates.
    fn has_names(&self, def: &FnRef) -> bool {
        let named = |ty: &ast::TypeExpr| {
            matches!(&ty.kind, ast::TypeKind::Tensor { dims: Some(dims), .. }
                if dims.iter().any(|d| matches!(d.kind, ast::DimKind::Name(_) | ast::DimKind::Pack(_))))
        };
        def.def.params.iter().filter_map(|p| p.ty.as_ref()).any(named)
    }

    /// The call of a specialisation for arguments that fit the signature already.
    pub(crate) fn call_bound(&mut self, def: &FnRef, bound: Bound, span: Span) -> Val {
        let ptr = Rc::as_ptr(&def.def);
        self.called.insert(ptr);
        // A recursive call may not know its extents better than the one around it, or there would be no end.
        let recursive = self.active.contains(&ptr);
        let mut key = format!("{:p}/{:x}", ptr, def.env.id());
        for (_, ty) in &bound.params {
            key.push('|');
            key_of(self, ty, true, !recursive, &mut key);
        }
        for (name, extent) in &bound.domains {
            key.push_str(name.as_str());
            if let (Some(n), false) = (extent.as_const(), recursive) {
                key.push_str(&n.to_string());
            }
        }
        for (name, members) in &bound.packs {
            key.push_str(&format!("..{name}{}", members.len()));
        }
        if let Some(gate) = &bound.gate {
            key.push('?');
            key_of(self, &gate.ty, true, !recursive, &mut key);
        }
        if recursive {
            key.push('~');
        }
        let key = Key(key);
        let instance = match self.instances.get(&key) {
            Some(instance) => {
                if instance.last == UNFINISHED {
                    self.relied_on.insert(instance.func);
                }
                instance.clone()
            }
            None => {
                self.calls.push(span);
                let instance = self.instantiate(key.clone(), def, &bound, recursive);
                self.calls.pop();
                instance
            }
        };
        let Some(result) = instance.result.clone() else {
            self.undeclared.entry(instance.func).or_insert(span);
            return Val::error(span);
        };
        if result.is_error() {
            return Val::error(span);
        }
        let args: Vec<Val> = bound.args.into_iter().chain(bound.gate).collect();
        let ty = self.result_at(&instance, &result, &args, &bound.rename);
        let call = self.call_ir(instance.func, args.into_iter().map(|a| a.expr).collect(), ty, span);
        self.with_extents(call)
    }

    fn instantiate(&mut self, key: Key, def: &FnRef, bound: &Bound, widened: bool) -> Instance {
        let name = def.def.name.name;
        let func = self.new_func(name, def.def.signature);
        let env = def.env.child(Level::Function);
        let first = self.program.vars.len() as u32;
        let caller = self.enter_function(&env);
        self.active.push(Rc::as_ptr(&def.def));

        let params = self.bind_bound(&env, &def.def.params, bound, widened);
        let declared = def.def.result.as_ref().map(|ty| self.declared(ty, bound));
        let early =
            declared.as_ref().and_then(|d| d.early.clone()).or_else(|| gives_nothing(&def.def).then_some(Ty::Unit));
        let result_early = early.map(|ty| self.unknown_axes(&ty));
        let mut instance = Instance {
            func,
            params: params.iter().map(|p| p.0).collect(),
            result: result_early,
            first,
            last: UNFINISHED,
        };
        self.instances.insert(key.clone(), instance.clone());

        let body = self.with_sink(|this| {
            for (param, (var, ty)) in def.def.params.iter().zip(&params) {
                this.open_param(param, *var, ty);
            }
            this.body_value(&def.def, declared.as_ref())
        });

        self.active.pop();
        let ends = std::mem::take(&mut self.cx.ends);
        self.leave_function(caller);
        if let Some(call) = self.undeclared.remove(&func) {
            let params: Vec<Ty> = params.iter().map(|(_, ty)| ty.clone()).collect();
            let shown = self.shown_result(&ends, &params);
            self.report(errors::recursive_type(call, name.as_str(), def.def.signature, shown));
        }
        let result = match (&body.ty, &instance.result) {
            (Ty::Error, _) => Ty::Error,
            // What never ends gives whatever is declared, or was taken for granted.
            (Ty::Never, Some(early)) if def.def.result.is_some() || self.relied_on.contains(&func) => early.clone(),
            (ty, _) => ty.clone(),
        };
        let info = &mut self.program.funcs[func.index()];
        info.params = instance.params.clone();
        info.result = result.ir();
        info.body = body.expr;
        instance.last = self.program.vars.len() as u32;
        if let Some(rule) = self.rules.get(&Rc::as_ptr(&def.def)).cloned() {
            self.program.funcs[func.index()].rule = self.instantiate_rule(def, &rule, bound, &result, widened);
        }
        instance.result = Some(result);
        self.instances.insert(key, instance.clone());
        instance
    }

    /// The parameters of a specialisation, and what its signature binds besides.
    pub(crate) fn bind_bound(
        &mut self,
        env: &Env,
        list: &[ast::Param],
        bound: &Bound,
        widened: bool,
    ) -> Vec<(VarId, Ty)> {
        let members = bound.packs.iter().flat_map(|(_, members)| members.iter().map(|m| m.name));
        let shared: HashSet<Symbol> = bound.domains.iter().map(|(name, _)| *name).chain(members).collect();
        let mut extents = HashMap::new();
        let mut share = |this: &mut Self, (var, ty): (VarId, Ty)| {
            let axes =
                ty.axes().iter().enumerate().map(|(k, axis)| this.shared_axis(var, k, axis, &shared, &mut extents));
            let axes: Vec<Axis> = axes.collect();
            (var, if axes.is_empty() { ty } else { ty.with_axes(axes) })
        };
        let mut params = Vec::new();
        for (param, (span, ty)) in list.iter().zip(&bound.params) {
            let param = self.bind_param(param, ty, *span, widened);
            params.push(share(self, param));
        }
        if let Some(gate) = &bound.gate {
            let name = Symbol::new("gate");
            let ident = ast::Ident { name, span: gate.span() };
            let param = ast::Param {
                pattern: ast::Pattern { kind: ast::PatternKind::Bind(ident), span: gate.span() },
                ty: None,
            };
            let param = self.bind_param(&param, &gate.ty, gate.span(), widened);
            let (var, ty) = share(self, param);
            params.push((var, ty.clone()));
            self.cx.gate = Some(Val::var(var, ty, gate.span()));
        }
        for (name, extent) in &bound.domains {
            let extent = self.inner_extent(&params, *name, extent, widened);
            env.bind_domain(*name, extent);
        }
        for (name, members) in &bound.packs {
            env.bind_pack(*name, members.clone());
        }
        for (name, ty) in &bound.generics {
            env.bind_type(*name, ty.clone());
        }
        params
    }

    /// An axis of a parameter. Every call has compared the extents of axes that the signature gives one name.
    fn shared_axis(
        &mut self,
        var: VarId,
        k: usize,
        axis: &Axis,
        shared: &HashSet<Symbol>,
        extents: &mut HashMap<Symbol, Sym>,
    ) -> Axis {
        let Some(name) = axis.name.filter(|name| shared.contains(name)) else { return axis.clone() };
        let extent = extents.entry(name).or_insert_with(|| axis.extent.clone()).clone();
        if axis.extent.is_const() || axis.extent == extent {
            return axis.clone();
        }
        self.facts.extents.insert((var, k), extent.clone());
        if let Some((other, axis)) = extent.as_extent() {
            self.program.checked_extents.insert((var, k), KnownExtent::Of(other, axis));
        }
        Axis { extent, ..axis.clone() }
    }

    /// A parameter's variable, with extents of its own where the call does not fix them.
    fn bind_param(&mut self, param: &ast::Param, ty: &Ty, span: Span, widened: bool) -> (VarId, Ty) {
        let name = param_name(param);
        let var = self.new_var(name, ty, span, VarKind::Param);
        let axes: Vec<Axis> = ty
            .axes()
            .iter()
            .enumerate()
            .map(|(k, axis)| match self.facts_extent(&axis.extent).as_const() {
                Some(n) if !widened => Axis { name: axis.name, extent: Sym::constant(n) },
                _ => Axis::of(var, k, axis.name),
            })
            .collect();
        let ty = match ty {
            // What the caller calls the extents of a tuple's tensors means nothing here.
            Ty::Tuple(_) => self.with_extents_of(ty, &|this, extent| {
                let known = this.facts_extent(extent).as_const().filter(|_| !widened);
                known.map(Sym::constant)
            }),
            _ if axes.is_empty() => ty.clone(),
            _ => ty.with_axes(axes),
        };
        self.define(var, &Val::var(var, ty.clone(), span));
        (var, ty)
    }

    pub(crate) fn open_param(&mut self, param: &ast::Param, var: VarId, ty: &Ty) {
        let span = param.pattern.span;
        match &param.pattern.kind {
            ast::PatternKind::Bind(name) => self.bind_var(name.name, var, ty.clone()),
            ast::PatternKind::Wildcard => {}
            _ => self.bind_pattern(&param.pattern, Val::var(var, ty.clone(), span)),
        }
    }

    /// A signature's coordinate in terms of the parameters.
    fn inner_extent(&self, params: &[(VarId, Ty)], name: Symbol, extent: &Sym, widened: bool) -> Sym {
        if let (Some(n), false) = (self.facts_extent(extent).as_const(), widened) {
            return Sym::constant(n);
        }
        for (var, ty) in params {
            for (k, axis) in ty.axes().iter().enumerate() {
                if axis.name == Some(name) {
                    return self.facts.extent(*var, k);
                }
            }
        }
        extent.clone()
    }

    pub(crate) fn forget_extents(&mut self, ty: &Ty) -> Ty {
        self.with_extents_of(ty, &|_, _| None)
    }

    /// The same type with nothing known of its extents that is not constant.
    fn unknown_axes(&mut self, ty: &Ty) -> Ty {
        self.with_extents_of(ty, &|_, extent| extent.is_const().then(|| extent.clone()))
    }

    /// The same type with the extents that are kept, those of the tensors in a tuple too, and unknown ones.
    fn with_extents_of(&mut self, ty: &Ty, kept: &dyn Fn(&Self, &Sym) -> Option<Sym>) -> Ty {
        if let Ty::Tuple(items) = ty {
            return Ty::Tuple(items.iter().map(|item| self.with_extents_of(item, kept)).collect());
        }
        let axes: Vec<Axis> = (ty.axes().iter())
            .map(|axis| Axis {
                name: axis.name,
                extent: kept(self, &axis.extent).unwrap_or_else(|| self.unknown_extent()),
            })
            .collect();
        if axes.is_empty() { ty.clone() } else { ty.with_axes(axes) }
    }

    /// The result's type in the caller's terms: its extents by the arguments, its names by the binding.
    fn result_at(&mut self, instance: &Instance, result: &Ty, args: &[Val], rename: &[(Symbol, Option<Symbol>)]) -> Ty {
        let mut axes = Vec::new();
        for axis in result.axes() {
            let extent = self.facts_extent(&axis.extent);
            let extent = self.outer_extent(instance, &extent, args);
            let name = axis.name.map(|name| match rename.iter().find(|(inner, _)| *inner == name) {
                Some((_, outer)) => *outer,
                None => Some(name),
            });
            axes.push(Axis { name: name.flatten(), extent });
        }
        match result {
            Ty::Tensor(t) => {
                let elem = match &*t.elem {
                    Ty::Address(domain) => outer_address(*domain, args, rename),
                    other => other.clone(),
                };
                Ty::tensor(elem, axes)
            }
            Ty::Address(domain) => outer_address(*domain, args, rename),
            Ty::Tuple(items) => {
                let items: Vec<Ty> = items.iter().map(|item| self.result_at(instance, item, args, rename)).collect();
                Ty::Tuple(items.into())
            }
            other => other.clone(),
        }
    }

    fn outer_extent(&mut self, instance: &Instance, extent: &Sym, args: &[Val]) -> Sym {
        let params = &instance.params;
        let facts = &self.facts;
        let at = |var: VarId| params.iter().position(|p| *p == var);
        let outer = extent.replace(&|atom| match atom {
            Atom::Var(var) => at(*var).and_then(|k| facts.of(&args[k].expr)),
            Atom::Extent(var, axis) => at(*var).and_then(|k| args[k].ty.axes().get(*axis)).map(|a| a.extent.clone()),
            _ => None,
        });
        let inside = |var: &VarId| var.0 >= instance.first && var.0 < instance.last;
        if outer.vars().iter().any(inside) { self.unknown_extent() } else { outer }
    }

    /// A lambda's specialisation: captures and then arguments are its parameters.
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn lambda_instance(
        &mut self,
        f: &Rc<FnValue>,
        lambda: &Rc<ast::Lambda>,
        env: &Env,
        around: &Rc<Surroundings>,
        captures: Vec<Val>,
        args: Vec<Val>,
        span: Span,
    ) -> Val {
        let mut key = format!("λ{:p}/{}", Rc::as_ptr(lambda), f.id);
        for val in captures.iter().chain(&args) {
            key.push('|');
            key_of(self, &val.ty, true, true, &mut key);
        }
        let key = Key(key);
        let instance = match self.instances.get(&key) {
            Some(instance) => instance.clone(),
            None => {
                // A lambda that is handed to itself calls itself, or a longer type of itself, for ever.
                if self.lambdas.contains(&key) || self.lambdas.len() > DEEPEST_LAMBDAS {
                    self.report(errors::endless_lambda(span, lambda.span));
                    return Val::error(span);
                }
                let tys: Vec<Ty> = args.iter().map(|a| self.resolved(&a.ty)).collect();
                let captured: Vec<Ty> = captures.iter().map(|a| self.resolved(&a.ty)).collect();
                self.lambdas.push(key.clone());
                let instance = self.instantiate_lambda(key, around, lambda, env, &captured, &tys);
                self.lambdas.pop();
                instance
            }
        };
        let Some(result) = instance.result.clone().filter(|r| !r.is_error()) else { return Val::error(span) };
        let all: Vec<Val> = captures.into_iter().chain(args).collect();
        let ty = self.result_at(&instance, &result, &all, &[]);
        let call = self.call_ir(instance.func, all.into_iter().map(|a| a.expr).collect(), ty, span);
        self.with_extents(call)
    }

    fn instantiate_lambda(
        &mut self,
        key: Key,
        around: &Surroundings,
        lambda: &Rc<ast::Lambda>,
        env: &Env,
        captured: &[Ty],
        args: &[Ty],
    ) -> Instance {
        let func = self.new_func(Symbol::new("lambda"), lambda.span);
        let inner = env.child(Level::Function);
        let first = self.program.vars.len() as u32;
        let caller = self.enter_function(&inner);
        let mut params = Vec::new();
        let mut opened = Vec::new();
        for ((outside, _), ty) in around.captures.iter().zip(captured) {
            let info = self.program.vars[outside.index()].clone();
            let param = ast::Param {
                pattern: ast::Pattern {
                    kind: ast::PatternKind::Bind(ast::Ident { name: info.name, span: info.span }),
                    span: info.span,
                },
                ty: None,
            };
            let (var, ty) = self.bind_param(&param, ty, info.span, false);
            params.push(var);
            opened.push((var, ty));
        }
        self.open_surroundings(env, &inner, around, &opened);
        let mut own = Vec::new();
        for (param, ty) in lambda.params.iter().zip(args) {
            let (var, ty) = self.bind_param(param, ty, param.pattern.span, false);
            params.push(var);
            own.push((var, ty));
        }
        let body = self.with_sink(|this| {
            for (param, (var, ty)) in lambda.params.iter().zip(&own) {
                this.open_param(param, *var, ty);
            }
            let want = lambda.result.as_ref().map(|ty| this.type_expr(ty));
            let val = this.expr(&lambda.body, want.as_ref());
            let val = this.whole(val);
            let val = match (want, &lambda.result) {
                (Some(want), Some(ty)) => this.annotated(val, &want, Some(ty.span), Why::Annotation),
                _ => val,
            };
            this.returned(val)
        });
        self.leave_function(caller);
        let result = if body.ty.is_error() { Ty::Error } else { body.ty.clone() };
        let info = &mut self.program.funcs[func.index()];
        info.params = params.clone();
        info.result = result.ir();
        info.body = body.expr;
        let instance = Instance { func, params, result: Some(result), first, last: self.program.vars.len() as u32 };
        self.instances.insert(key, instance.clone());
        instance
    }

    /// A result has a settled type.
    pub(crate) fn returned(&mut self, val: Val) -> Val {
        if val.ty.is_error() {
            return val;
        }
        self.settle_default(&val.ty.clone());
        Val { ty: self.resolved(&val.ty), ..val }
    }
}

/// A body whose value is `()` as it stands: a recursive call of it needs no declaration.
fn gives_nothing(def: &ast::FnDef) -> bool {
    if def.result.is_some() {
        return false;
    }
    match def.body.value.as_deref() {
        None => true,
        Some(value) => matches!(value.kind, ast::ExprKind::If { otherwise: None, .. }),
    }
}

/// An address that a call gives, with the caller's name of its domain: one that no argument is an address of is
/// nobody's outside.
fn outer_address(domain: Symbol, args: &[Val], rename: &[(Symbol, Option<Symbol>)]) -> Ty {
    match rename.iter().find(|(inner, _)| *inner == domain) {
        Some((_, Some(outer))) => Ty::Address(*outer),
        None if args.iter().any(|arg| matches!(arg.ty.elem(), Ty::Address(d) if *d == domain)) => Ty::Address(domain),
        _ => Ty::I32,
    }
}

//! Functions as values: what they capture, and values that may be one of several functions.
//!
//! A function that is known when a call is checked is specialised for it. Where one of several may be called, the
//! value is an enumeration with a variant for each of them, which holds what that function captured. A closed union
//! knows its functions when it is made (branches, items of a list), so each call tries them in place. An open one
//! stands where a function type is written in a `struct`, an `enum` or a list: it collects the functions that are
//! stored there, and its calls go through one function that is written at the end.

use crate::env::{Entry, Env, FnRef};
use crate::ty::{FnKind, FnValue, Ty, Val};
use crate::unify::Why;
use crate::{Checker, Cx, errors, walk};
use diagnostics::{Span, Symbol};
use ir::{EnumId, EnumInfo, Expr, ExprKind, FuncId, Type, VarId, VarKind, VariantInfo};
use std::collections::HashSet;
use std::rc::Rc;
use syntax::ast;

/// The functions of one written type that are stored somewhere.
pub(crate) struct OpenUnion {
    value: Rc<FnValue>,
    params: Vec<Ty>,
    result: Ty,
    variants: Vec<Rc<FnValue>>,
    /// What calls go through, once there is one.
    dispatch: Option<FuncId>,
}

/// What a function or lambda takes along from around it.
#[derive(Default, Debug)]
pub(crate) struct Surroundings {
    pub captures: Vec<(VarId, Ty)>,
    /// Names under which the body, and functions of the blocks around it that it calls, find them.
    names: Vec<(Symbol, VarId)>,
    /// Functions of the blocks around it.
    functions: Vec<(Symbol, FnRef)>,
    /// Coordinates of signatures around it, by their extents.
    domains: Vec<Symbol>,
}

impl Checker<'_> {
    /// What the names of a body mean outside of it, but for what the module sees anyway.
    pub(crate) fn surroundings(&self, env: &Env, names: HashSet<Symbol>) -> Surroundings {
        let mut found = Surroundings::default();
        let mut seen: HashSet<*const ast::FnDef> = HashSet::new();
        let mut waiting: Vec<(Env, Vec<Symbol>)> = vec![(env.clone(), sorted(names))];
        while let Some((env, names)) = waiting.pop() {
            for name in names {
                if let Some(extent) = env.domain(name) {
                    found.domains.push(name);
                    for var in extent.vars() {
                        let ty = self.variable_ty(var);
                        found.capture(var, ty);
                    }
                }
                match env.lookup_across(name) {
                    Some((Entry::Var { var, ty, .. }, crossing)) if !crossing.module_level && !ty.is_error() => {
                        found.capture(var, ty);
                        found.name(name, var);
                    }
                    Some((Entry::Coord { var, .. }, _)) => {
                        found.capture(var, Ty::I32);
                        found.name(name, var);
                    }
                    Some((Entry::Fn(def), crossing)) if !crossing.module_level && seen.insert(Rc::as_ptr(&def.def)) => {
                        waiting.push((def.env.clone(), sorted(body_names(&def.def))));
                        found.functions.push((name, def));
                    }
                    _ => {}
                }
            }
        }
        found
    }

    fn variable_ty(&self, var: VarId) -> Ty {
        fn known(ty: &Type, var: VarId, coords: &[Option<Symbol>]) -> Ty {
            match ty {
                Type::Scalar(s) => Ty::Scalar(*s),
                Type::Tensor(elem, rank) => {
                    let axes =
                        (0..*rank).map(|k| crate::ty::Axis::of(var, k, coords.get(k).copied().flatten())).collect();
                    Ty::tensor(known(elem, var, coords), axes)
                }
                _ => Ty::Str,
            }
        }
        let info = &self.program.vars[var.index()];
        known(&info.ty, var, &info.coords)
    }

    /// Opens the surroundings inside of a specialisation, where captured variables are parameters.
    pub(crate) fn open_surroundings(
        &mut self,
        outside: &Env,
        inside: &Env,
        around: &Surroundings,
        params: &[(VarId, Ty)],
    ) {
        let at =
            |var: VarId| around.captures.iter().position(|(captured, _)| *captured == var).map(|k| params[k].clone());
        for (name, captured) in &around.names {
            if let Some((var, ty)) = at(*captured) {
                inside.bind(*name, Entry::Var { var, ty });
            }
        }
        for name in &around.domains {
            if let Some(extent) = outside.domain(*name) {
                let extent = extent.replace(&|atom| match atom {
                    crate::sym::Atom::Var(var) => at(*var).map(|(var, _)| crate::sym::Sym::var(var)),
                    crate::sym::Atom::Extent(var, k) => at(*var).map(|(var, ty)| {
                        ty.axes().get(*k).map_or_else(|| crate::sym::Sym::extent(var, *k), |a| a.extent.clone())
                    }),
                    _ => None,
                });
                inside.bind_domain(*name, extent);
            }
        }
        // They see the parameters in place of what is captured.
        for (name, def) in &around.functions {
            inside.hoist(*name, Entry::Fn(FnRef { env: inside.clone(), ..def.clone() }));
        }
    }

    /// A function of a block as a value: where it captures, it takes that along.
    pub(crate) fn local_fn_value(&mut self, def: FnRef, span: Span) -> Val {
        let around = self.surroundings(&def.env, body_names(&def.def));
        if around.captures.is_empty() {
            return self.fn_value(FnKind::Def(def), Vec::new(), span);
        }
        let at = def.def.name.span;
        let names: Vec<ast::Ident> = (0..def.def.params.len())
            .map(|k| ast::Ident { name: Symbol::new(&format!("argument {k}")), span: at })
            .collect();
        let path = |name: ast::Ident| ast::Expr {
            kind: ast::ExprKind::Path(ast::Path { segments: vec![name], span: name.span }),
            span: name.span,
        };
        let call = ast::ExprKind::Call {
            callee: Box::new(path(ast::Ident { name: def.def.name.name, span })),
            args: names.iter().map(|n| path(*n)).collect(),
        };
        let params = names
            .iter()
            .map(|n| ast::Param { pattern: ast::Pattern { kind: ast::PatternKind::Bind(*n), span: at }, ty: None })
            .collect();
        let lambda = ast::Lambda { params, result: None, body: ast::Expr { kind: call, span }, span };
        self.lambda(&Rc::new(lambda), span)
    }

    /// Values of which each is one of several functions get one type; so do tuples of them.
    pub(crate) fn unite(&mut self, vals: Vec<Val>) -> Vec<Val> {
        match vals.first().map(|v| v.ty.clone()) {
            Some(Ty::Tuple(items)) if items.iter().any(|item| as_fn(item).is_some()) => {
                self.unite_tuples(vals, items.len())
            }
            _ => self.unite_functions(vals),
        }
    }

    fn unite_tuples(&mut self, vals: Vec<Val>, width: usize) -> Vec<Val> {
        if !vals.iter().all(|v| matches!(&v.ty, Ty::Tuple(items) if items.len() == width)) {
            return vals;
        }
        let rows: Vec<Val> = vals.into_iter().map(|val| self.named(val)).collect();
        let mut columns: Vec<std::vec::IntoIter<Val>> = Vec::new();
        for k in 0..width {
            let column = rows
                .iter()
                .map(|row| {
                    let Ty::Tuple(items) = &row.ty else { unreachable!("all are tuples") };
                    self.project(row.clone(), k, items[k].clone(), row.span())
                })
                .collect();
            columns.push(self.unite(column).into_iter());
        }
        rows.iter()
            .map(|row| {
                let items: Vec<Val> = columns.iter_mut().map(|column| column.next().expect("a row each")).collect();
                let ty = Ty::Tuple(items.iter().map(|item| item.ty.clone()).collect());
                Val::new(ExprKind::Tuple(items.into_iter().map(|item| item.expr).collect()), ty, row.span())
            })
            .collect()
    }

    fn unite_functions(&mut self, vals: Vec<Val>) -> Vec<Val> {
        let functions: Vec<Rc<FnValue>> = vals.iter().filter_map(|v| as_fn(&v.ty)).collect();
        let differ = functions.windows(2).any(|pair| pair[0].id != pair[1].id);
        if !differ || vals.iter().any(|v| !matches!(v.ty, Ty::Fn(_) | Ty::Never)) {
            return vals;
        }
        let mut variants: Vec<Rc<FnValue>> = Vec::new();
        for function in functions {
            let of = match &function.kind {
                FnKind::Union(_, of) => of.clone(),
                _ => vec![function],
            };
            for function in of {
                if !variants.iter().any(|v| v.id == function.id) {
                    variants.push(function);
                }
            }
        }
        let union = self.union_of(variants, vals[0].span());
        vals.into_iter().map(|val| if val.ty.is_never() { val } else { self.inject(val, &union) }).collect()
    }

    fn union_of(&mut self, variants: Vec<Rc<FnValue>>, span: Span) -> Rc<FnValue> {
        let ids: Vec<u32> = variants.iter().map(|v| v.id).collect();
        if let Some(union) = self.unions.get(&ids) {
            return union.clone();
        }
        let id = self.function_enum(span);
        self.program.enums[id.index()].variants = variants.iter().map(variant_of).collect();
        let union = self.new_fn_value(FnKind::Union(id, variants), Vec::new());
        self.unions.insert(ids, union.clone());
        union
    }

    fn function_enum(&mut self, span: Span) -> EnumId {
        self.program.enums.push(EnumInfo { name: Symbol::new("function"), variants: Vec::new(), span });
        self.enum_fields.push(Vec::new());
        EnumId(self.program.enums.len() as u32 - 1)
    }

    fn new_fn_value(&mut self, kind: FnKind, captures: Vec<(VarId, Ty)>) -> Rc<FnValue> {
        self.next_fn += 1;
        Rc::new(FnValue { kind, captures, id: self.next_fn })
    }

    /// A function as a variant of a union that it belongs to.
    fn inject(&mut self, val: Val, union: &Rc<FnValue>) -> Val {
        let Some(own) = as_fn(&val.ty) else { return val };
        if own.id == union.id {
            return val;
        }
        let (span, ty) = (val.span(), Ty::Fn(union.clone()));
        if let FnKind::Union(_, of) = &own.kind {
            let of = of.clone();
            return self.each_function(val, &of, span, |this, val| this.inject(val, union));
        }
        let k = match &union.kind {
            FnKind::Union(_, variants) => variants.iter().position(|v| v.id == own.id),
            FnKind::Open(id) => Some(self.open_variant(*id, own)),
            _ => None,
        };
        match k {
            Some(k) => Val::new(ExprKind::Variant(k, vec![val.expr]), ty, span),
            None => val,
        }
    }

    fn open_variant(&mut self, id: EnumId, function: Rc<FnValue>) -> usize {
        let open = self
            .open_unions
            .iter_mut()
            .find(|o| matches!(o.value.kind, FnKind::Open(other) if other == id))
            .expect("its type was read");
        if let Some(k) = open.variants.iter().position(|v| v.id == function.id) {
            return k;
        }
        self.program.enums[id.index()].variants.push(variant_of(&function));
        open.variants.push(function);
        open.variants.len() - 1
    }

    /// What `each` gives for the function that a union turns out to be.
    fn each_function(
        &mut self,
        value: Val,
        variants: &[Rc<FnValue>],
        span: Span,
        mut each: impl FnMut(&mut Self, Val) -> Val,
    ) -> Val {
        let value = self.named(value);
        let mut cases = Vec::new();
        self.cx.conditional += 1;
        for (k, function) in variants.iter().enumerate() {
            let payload =
                Val::new(ExprKind::Payload(Box::new(value.expr.clone()), k, 0), Ty::Fn(function.clone()), span);
            let case = self.with_sink(|this| each(this, payload));
            if case.ty.is_error() {
                self.cx.conditional -= 1;
                return case;
            }
            cases.push(case);
        }
        self.cx.conditional -= 1;
        let Some(mut chosen) = cases.pop() else { return Val::error(span) };
        for (k, case) in cases.into_iter().enumerate().rev() {
            let test = Val::new(ExprKind::IsVariant(Box::new(value.expr.clone()), k), Ty::BOOL, span);
            chosen = self.choose(test, case, chosen, span);
        }
        chosen
    }

    /// A call of one of several functions.
    pub(crate) fn apply_union(&mut self, variants: &[Rc<FnValue>], value: Val, args: Vec<Val>, span: Span) -> Val {
        let args: Vec<Val> = args.into_iter().map(|arg| self.once(arg)).collect();
        self.each_function(value, variants, span, |this, function| {
            let f = as_fn(&function.ty).expect("variants are functions");
            this.apply(&f, function, args.clone(), span)
        })
    }

    /// A value that may be used several times.
    fn once(&mut self, val: Val) -> Val {
        if crate::lift::is_cheap(&val.expr) { val } else { self.named(val) }
    }

    /// The type of functions that is written `(A, B) -> C`.
    pub(crate) fn function_type(&mut self, params: Vec<Ty>, result: Ty, span: Span) -> Ty {
        if params.iter().chain([&result]).any(Ty::is_error) {
            return Ty::Error;
        }
        let mut key = String::new();
        for ty in params.iter().chain([&result]) {
            crate::call::key_of(self, ty, true, true, &mut key);
            key.push('|');
        }
        if let Some(k) = self.open_keys.get(&key) {
            return Ty::Fn(self.open_unions[*k].value.clone());
        }
        let id = self.function_enum(span);
        let value = self.new_fn_value(FnKind::Open(id), Vec::new());
        self.open_keys.insert(key, self.open_unions.len());
        self.open_unions.push(OpenUnion { value: value.clone(), params, result, variants: Vec::new(), dispatch: None });
        Ty::Fn(value)
    }

    fn open_union(&self, id: EnumId) -> usize {
        let is = |o: &OpenUnion| matches!(o.value.kind, FnKind::Open(other) if other == id);
        self.open_unions.iter().position(is).expect("its type was read")
    }

    pub(crate) fn show_open(&self, id: EnumId) -> String {
        let open = &self.open_unions[self.open_union(id)];
        let params: Vec<String> = open.params.iter().map(|ty| self.show(ty)).collect();
        format!("({}) -> {}", params.join(", "), self.show(&open.result))
    }

    /// A function against a written type; with `stored`, as a value of it.
    pub(crate) fn fit_function(&mut self, val: Val, want: &Rc<FnValue>, from: Option<Span>, stored: bool) -> Val {
        let FnKind::Open(id) = want.kind else { return val };
        let Some(own) = as_fn(&val.ty) else { return val };
        if own.id == want.id {
            return val;
        }
        let open = &self.open_unions[self.open_union(id)];
        let (params, result) = (open.params.clone(), open.result.clone());
        if !self.has_signature(&val, &own, &params, &result, from) {
            return Val::error(val.span());
        }
        if stored { self.inject(val, want) } else { val }
    }

    fn has_signature(&mut self, val: &Val, own: &Rc<FnValue>, params: &[Ty], result: &Ty, from: Option<Span>) -> bool {
        let span = val.span();
        let outer = self.open_sink();
        let args: Vec<Val> = params
            .iter()
            .map(|ty| {
                let var = self.new_temp(ty, span);
                Val::var(var, crate::owned(var, ty), span)
            })
            .collect();
        self.cx.conditional += 1;
        let given = self.with_sink(|this| this.apply(own, val.clone(), args, span));
        self.cx.conditional -= 1;
        let fits = !given.ty.is_error() && (given.ty.is_never() || self.same(&given.ty.clone(), result));
        if !fits && !given.ty.is_error() {
            let (wanted, gives) = (self.show(result), self.show(&given.ty));
            let message = format!("a function that gives `{wanted}` is expected, and this one gives `{gives}`");
            let d = errors::mismatch(span, message, None, None);
            self.report(match from {
                Some(from) => d.also(from, "asked for here"),
                None => d,
            });
        }
        self.close_sink(outer);
        fits
    }

    /// A call of a function that is stored somewhere.
    pub(crate) fn apply_open(&mut self, id: EnumId, value: Val, args: Vec<Val>, span: Span) -> Val {
        let k = self.open_union(id);
        let (params, result) = (self.open_unions[k].params.clone(), self.open_unions[k].result.clone());
        if args.len() != params.len() {
            self.report(errors::argument_count(span, "this function", params.len(), args.len(), None));
            return Val::error(span);
        }
        let mut all = vec![value.expr];
        for (arg, want) in args.into_iter().zip(&params) {
            let arg = self.whole(arg);
            let arg = self.annotated(arg, want, None, Why::Argument);
            if arg.ty.is_error() {
                return arg;
            }
            all.push(arg.expr);
        }
        let func = match self.open_unions[k].dispatch {
            Some(func) => func,
            None => {
                let func = self.new_func(Symbol::new("call"), span);
                self.open_unions[k].dispatch = Some(func);
                func
            }
        };
        let call = self.call_ir(func, all, result, span);
        self.with_extents(call)
    }

    /// Writes the functions that calls of open unions go through. Checking one may store more functions.
    pub(crate) fn write_dispatches(&mut self) {
        loop {
            let stored = |this: &Self| {
                this.open_unions.iter().map(|o| o.variants.len() + o.dispatch.is_some() as usize).sum::<usize>()
            };
            let before = stored(self);
            for k in 0..self.open_unions.len() {
                if let Some(func) = self.open_unions[k].dispatch {
                    self.write_dispatch(k, func);
                }
            }
            if stored(self) == before {
                return;
            }
        }
    }

    fn write_dispatch(&mut self, k: usize, func: FuncId) {
        let open = &self.open_unions[k];
        let (value, params, result, variants) =
            (open.value.clone(), open.params.clone(), open.result.clone(), open.variants.clone());
        let span = self.program.funcs[func.index()].span;
        let root = self.root(self.modules.entry);
        let saved = std::mem::replace(&mut self.cx, Cx::new(root, true));
        let subject = self.new_var(Symbol::new("function"), &Ty::Fn(value.clone()), span, VarKind::Param);
        let mut vars = vec![subject];
        let mut args = Vec::new();
        for ty in &params {
            let var = self.new_var(Symbol::new("argument"), ty, span, VarKind::Param);
            vars.push(var);
            args.push(Val::var(var, crate::owned(var, ty), span));
        }
        let body = self.with_sink(|this| {
            let subject = Val::var(subject, Ty::Fn(value), span);
            if variants.is_empty() {
                let message = Expr { kind: ExprKind::Str("no function is stored here".into()), ty: Type::Str, span };
                return Val::new(ExprKind::Builtin(ir::Builtin::Panic, vec![message]), Ty::Never, span);
            }
            this.each_function(subject, &variants, span, |this, function| {
                let f = as_fn(&function.ty).expect("variants are functions");
                let val = this.apply(&f, function, args.clone(), span);
                this.annotated(val, &result, None, Why::Annotation)
            })
        });
        self.cx = saved;
        let info = &mut self.program.funcs[func.index()];
        info.params = vars;
        info.result = result.ir();
        info.body = body.expr;
    }
}

impl Surroundings {
    /// The body's own meaning of a name comes first.
    fn name(&mut self, name: Symbol, var: VarId) {
        if !self.names.iter().any(|(known, _)| *known == name) {
            self.names.push((name, var));
        }
    }

    fn capture(&mut self, var: VarId, ty: Ty) {
        if !self.captures.iter().any(|(captured, _)| *captured == var) {
            self.captures.push((var, ty));
        }
    }
}

pub(crate) fn as_fn(ty: &Ty) -> Option<Rc<FnValue>> {
    match ty {
        Ty::Fn(f) => Some(f.clone()),
        _ => None,
    }
}

/// A function's variant: its value, which is what it captured.
fn variant_of(function: &Rc<FnValue>) -> VariantInfo {
    VariantInfo { name: Symbol::new("function"), fields: vec![Ty::Fn(function.clone()).ir()], names: None }
}

/// Names that a function's body mentions and that are not its parameters.
fn body_names(def: &ast::FnDef) -> HashSet<Symbol> {
    let mut names = HashSet::new();
    walk::each_in_block(&def.body, &mut |e| walk::names_in(e, &mut names));
    let mut own = Vec::new();
    for param in &def.params {
        crate::pattern::names_of(&param.pattern, &mut own);
    }
    for name in own {
        names.remove(&name.name);
    }
    names.remove(&def.name.name);
    names
}

fn sorted(names: HashSet<Symbol>) -> Vec<Symbol> {
    let mut names: Vec<Symbol> = names.into_iter().collect();
    names.sort_by_key(|name| name.as_str());
    names
}

//! Checks loops before machine code is made of them.
//!
//! 1. Every id is a row of its table, and operands, arguments and results have the types that are asked for.
//! 2. A local is set before it is used, on every way.
//! 3. What a body owns it has given back or away when it ends, returns or breaks; what it did not own it has not given
//!    up, and what others owned they own again. The body of a `Try` keeps its hands off what is owned outside.
//! 4. A function with results does not end without a `Return`.

use crate::loops::{Bin, Cmp, Convert, Ex, FnId, Function, Local, Module, SiteId, St, Ty, Un, rt};

/// The first violation.
pub fn verify(module: &Module) -> Result<(), String> {
    if let Some(FnId(entry)) = module.entry {
        let Some(function) = module.functions.get(entry as usize) else {
            return Err("the entry is no function".to_string());
        };
        if !function.params.is_empty() || !function.results.is_empty() {
            return Err(format!("the entry `{}` has parameters or results", function.name));
        }
    }
    for function in &module.functions {
        let mut checker = Checker::new(module, function);
        checker.function().map_err(|problem| format!("in `{}`: {problem}", function.name))?;
    }
    Ok(())
}

type Check<T = ()> = Result<T, String>;

struct Checker<'a> {
    module: &'a Module,
    function: &'a Function,
    is_set: Vec<bool>,
    /// Locals in the order in which they were set on this way.
    set: Vec<Local>,
    owned: Vec<Local>,
    /// How many of the owned are outside of the innermost `Try`.
    out_of_reach: usize,
    loops: Vec<Loop>,
}

struct Loop {
    owned: Vec<Local>,
    /// Length of `set` where the loop began, and what every `Break` so far had set since.
    start: usize,
    set_at_breaks: Option<Vec<Local>>,
}

fn same_word(a: Ty, b: Ty) -> bool {
    let is_address = |ty| matches!(ty, Ty::I64 | Ty::Ptr);
    a == b || is_address(a) && is_address(b)
}

impl<'a> Checker<'a> {
    fn new(module: &'a Module, function: &'a Function) -> Checker<'a> {
        Checker {
            module,
            function,
            is_set: vec![false; function.locals.len()],
            set: Vec::new(),
            owned: Vec::new(),
            out_of_reach: 0,
            loops: Vec::new(),
        }
    }

    fn function(&mut self) -> Check {
        for param in &self.function.params {
            self.local_type(*param)?;
            self.define(*param);
        }
        let ends = self.block(&self.function.body)?;
        if ends && !self.function.results.is_empty() {
            return Err("the end is reached without a result".to_string());
        }
        if ends { self.nothing_owned("the end") } else { Ok(()) }
    }

    fn define(&mut self, local: Local) {
        if !std::mem::replace(&mut self.is_set[local.0 as usize], true) {
            self.set.push(local);
        }
    }

    /// Forgets what was set after the first `kept`; gives it back.
    fn unset(&mut self, kept: usize) -> Vec<Local> {
        let lost = self.set.split_off(kept);
        for local in &lost {
            self.is_set[local.0 as usize] = false;
        }
        lost
    }

    /// What both of two ways have set, or the one way that comes to its end.
    fn define_joined(&mut self, a: Option<Vec<Local>>, b: Option<Vec<Local>>) {
        match (a, b) {
            (Some(a), Some(mut b)) => {
                b.sort();
                a.into_iter().filter(|local| b.binary_search(local).is_ok()).for_each(|local| self.define(local));
            }
            (a, b) => a.or(b).into_iter().flatten().for_each(|local| self.define(local)),
        }
    }

    fn local_type(&self, local: Local) -> Check<Ty> {
        self.function.locals.get(local.0 as usize).copied().ok_or_else(|| format!("{local} is not declared"))
    }

    fn expect(&mut self, value: &Ex, wanted: Ty, what: &str) -> Check {
        let found = self.value(value)?;
        if same_word(found, wanted) { Ok(()) } else { Err(format!("{what} is {found}, not {wanted}")) }
    }

    fn nothing_owned(&self, place: &str) -> Check {
        match self.owned.first() {
            Some(local) => Err(format!("{place} still owns {local}")),
            None => Ok(()),
        }
    }

    fn same_owned(&self, wanted: &[Local], place: &str) -> Check {
        let sorted = |locals: &[Local]| {
            let mut locals = locals.to_vec();
            locals.sort();
            locals
        };
        let (have, want) = (sorted(&self.owned), sorted(wanted));
        if have == want { Ok(()) } else { Err(format!("{place} owns {have:?} instead of {want:?}")) }
    }

    fn block(&mut self, statements: &[St]) -> Check<bool> {
        for statement in statements {
            if !self.statement(statement)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn statement(&mut self, statement: &St) -> Check<bool> {
        match statement {
            St::Let(local, value) | St::Set(local, value) => {
                let ty = self.local_type(*local)?;
                self.expect(value, ty, &format!("the value of {local}"))?;
                if matches!(statement, St::Set(..)) {
                    self.is_used(*local)?;
                    if self.owned.contains(local) {
                        return Err(format!("{local} is set while it owns an object"));
                    }
                }
                self.define(*local);
            }
            St::Store(ty, base, index, value) => {
                self.expect(base, Ty::Ptr, "a base")?;
                self.expect(index, Ty::I64, "an index")?;
                self.expect(value, *ty, "a stored value")?;
            }
            St::If(condition, then, otherwise) => return self.branch(condition, then, otherwise),
            St::For { var, lo, hi, body, .. } => {
                self.expect(lo, Ty::I64, "a lower bound")?;
                self.expect(hi, Ty::I64, "an upper bound")?;
                let start = self.set.len();
                if !same_word(self.local_type(*var)?, Ty::I64) {
                    return Err(format!("the counter {var} is not i64"));
                }
                self.define(*var);
                self.loop_body(body, start)?;
            }
            St::Spread { turns, .. } => return self.statement(turns),
            St::Loop(body) => {
                let start = self.set.len();
                match self.loop_body(body, start)? {
                    Some(set) => set.into_iter().for_each(|local| self.define(local)),
                    None => return Ok(false),
                }
            }
            St::Break => {
                let Some(innermost) = self.loops.last() else { return Err("a break outside of loops".to_string()) };
                let owned = innermost.owned.clone();
                self.same_owned(&owned, "a break")?;
                let innermost = self.loops.last_mut().expect("there is a loop");
                let here = &self.set[innermost.start..];
                innermost.set_at_breaks = Some(match innermost.set_at_breaks.take() {
                    Some(before) => before.into_iter().filter(|local| here.contains(local)).collect(),
                    None => here.to_vec(),
                });
                return Ok(false);
            }
            St::Call { func, args, results } => {
                let module = self.module;
                let Some(callee) = module.functions.get(func.0 as usize) else {
                    return Err(format!("no function {}", func.0));
                };
                let params = callee.params.iter().map(|p| callee.locals[p.0 as usize]).collect::<Vec<_>>();
                self.call(&callee.name, args, &params, results, &callee.results)?;
            }
            St::Rt { name, args, results, site } => {
                let Some(row) = rt::ROWS.iter().find(|row| row.name == *name) else {
                    return Err(format!("no runtime function `{name}`"));
                };
                match site {
                    Some(site) => self.site(*site)?,
                    None if row.site => return Err(format!("`{name}` needs a site")),
                    None => {}
                }
                if *name == "in_parts" {
                    self.part(args)?;
                }
                self.call(name, args, row.params, results, row.results)?;
            }
            St::Fail { site, args } => {
                self.site(*site)?;
                let code = self.module.sites[site.0 as usize].code;
                if matches!(code, "E0906" | "E0907") || !code.starts_with("E09") {
                    return Err(format!("{code} does not start in a statement"));
                }
                for arg in args {
                    self.expect(arg, Ty::I64, "an argument of fail")?;
                }
                return Ok(false);
            }
            St::Own(local) => {
                self.object(*local)?;
                if self.owned.contains(local) {
                    return Err(format!("{local} owns an object already"));
                }
                self.owned.push(*local);
            }
            St::Release(local) | St::Disown(local) => {
                self.object(*local)?;
                match self.owned.iter().rposition(|owned| owned == local) {
                    Some(place) if place < self.out_of_reach => {
                        return Err(format!("{local} is given up inside of a try but owned outside"));
                    }
                    Some(place) => drop(self.owned.remove(place)),
                    // A count that has just come (a result) may be given back without ever being owned.
                    None if matches!(statement, St::Release(_)) => {}
                    None => return Err(format!("{local} is disowned but not owned")),
                }
            }
            St::Retain(object) => self.expect(object, Ty::Ptr, "a retained object")?,
            St::Try { body, message, handler } => return self.attempt(body, *message, handler),
            St::Return(values) => {
                let results = &self.function.results;
                if values.len() != results.len() {
                    return Err(format!("{} results where {} are declared", values.len(), results.len()));
                }
                for (value, ty) in values.iter().zip(results) {
                    self.expect(value, *ty, "a result")?;
                }
                self.nothing_owned("a return")?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What runs on several threads at once touches no counts but those of what it makes itself.
    fn part(&self, args: &[Ex]) -> Check {
        let Some(Ex::Func(func)) = args.first() else { return Err("parts of no function".to_string()) };
        let Some(callee) = self.module.functions.get(func.0 as usize) else {
            return Err(format!("no function {}", func.0));
        };
        let params: Vec<Ty> = callee.params.iter().map(|local| callee.locals[local.0 as usize]).collect();
        if params != [Ty::Ptr, Ty::I64, Ty::I64] || !callee.results.is_empty() {
            return Err(format!("`{}` takes no part of a range", callee.name));
        }
        match is_apart(self.module, &callee.body) {
            true => Ok(()),
            false => Err(format!("`{}` shares more than memory with other threads", callee.name)),
        }
    }

    fn object(&self, local: Local) -> Check {
        self.is_used(local)?;
        match self.local_type(local)? {
            Ty::Ptr => Ok(()),
            other => Err(format!("{local} is {other}, which has no counts")),
        }
    }

    fn site(&self, site: SiteId) -> Check {
        let known = (site.0 as usize) < self.module.sites.len();
        if known { Ok(()) } else { Err(format!("{site} does not exist")) }
    }

    fn call(&mut self, name: &str, args: &[Ex], params: &[Ty], results: &[Local], types: &[Ty]) -> Check {
        if args.len() != params.len() || results.len() != types.len() {
            let (have, want) = ((args.len(), results.len()), (params.len(), types.len()));
            return Err(format!("`{name}` with {have:?} arguments and results, not {want:?}"));
        }
        for (arg, ty) in args.iter().zip(params) {
            self.expect(arg, *ty, &format!("an argument of `{name}`"))?;
        }
        for (local, ty) in results.iter().zip(types) {
            let found = self.local_type(*local)?;
            if !same_word(found, *ty) {
                return Err(format!("the result {local} of `{name}` is {found}, not {ty}"));
            }
            if self.owned.contains(local) {
                return Err(format!("{local} is set while it owns an object"));
            }
            self.define(*local);
        }
        Ok(())
    }

    fn branch(&mut self, condition: &Ex, then: &[St], otherwise: &[St]) -> Check<bool> {
        self.expect(condition, Ty::I8, "a condition")?;
        let (start, before) = (self.set.len(), self.owned.clone());
        let then_ends = self.block(then)?;
        let then_set = self.unset(start);
        let then_owned = std::mem::replace(&mut self.owned, before);
        let ends = self.block(otherwise)?;
        let set = self.unset(start);
        if ends && then_ends {
            self.same_owned(&then_owned, "the second branch")?;
        }
        if then_ends {
            self.owned = then_owned;
        }
        self.define_joined(then_ends.then_some(then_set), ends.then_some(set));
        Ok(ends || then_ends)
    }

    /// What is set where the loop is left by `Break`, if it can be.
    fn loop_body(&mut self, body: &[St], start: usize) -> Check<Option<Vec<Local>>> {
        let owned = self.owned.clone();
        self.loops.push(Loop { owned: owned.clone(), start, set_at_breaks: None });
        if self.block(body)? {
            self.same_owned(&owned, "the end of a loop")?;
        }
        self.unset(start);
        self.owned = owned;
        Ok(self.loops.pop().and_then(|innermost| innermost.set_at_breaks))
    }

    fn attempt(&mut self, body: &[St], message: Local, handler: &[St]) -> Check<bool> {
        if !same_word(self.local_type(message)?, Ty::Ptr) {
            return Err(format!("the message {message} is not ptr"));
        }
        let (start, before) = (self.set.len(), self.owned.clone());
        let out_of_reach = std::mem::replace(&mut self.out_of_reach, before.len());
        let body_ends = self.block(body)?;
        if body_ends {
            self.same_owned(&before, "the body of a try")?;
        }
        let body_set = self.unset(start);
        self.out_of_reach = out_of_reach;
        self.owned = before.clone();
        self.define(message);
        let ends = self.block(handler)?;
        if ends {
            self.same_owned(&before, "a handler")?;
        }
        let set = self.unset(start);
        self.owned = before;
        self.define_joined(body_ends.then_some(body_set), ends.then_some(set));
        Ok(ends || body_ends)
    }

    fn is_used(&self, local: Local) -> Check {
        self.local_type(local)?;
        if self.is_set[local.0 as usize] { Ok(()) } else { Err(format!("{local} is used before it is set")) }
    }

    fn value(&mut self, value: &Ex) -> Check<Ty> {
        match value {
            Ex::Int(ty, _) if !ty.is_float() => Ok(*ty),
            Ex::Int(ty, _) => Err(format!("an integer constant of type {ty}")),
            Ex::F32(_) => Ok(Ty::F32),
            Ex::F64(_) => Ok(Ty::F64),
            Ex::Data(index) if (*index as usize) < self.module.data.len() => Ok(Ty::Ptr),
            Ex::Data(index) => Err(format!("data{index} does not exist")),
            Ex::Func(func) if (func.0 as usize) < self.module.functions.len() => Ok(Ty::Ptr),
            Ex::Func(func) => Err(format!("no function {}", func.0)),
            Ex::Scratch(byte) if *byte < self.function.scratch => Ok(Ty::Ptr),
            Ex::Scratch(byte) => Err(format!("scratch{byte} is outside of {} bytes", self.function.scratch)),
            Ex::Local(local) => {
                self.is_used(*local)?;
                self.local_type(*local)
            }
            Ex::Bin(bin, a, b) => self.binary(*bin, a, b),
            Ex::Un(un, a) => {
                let ty = self.value(a)?;
                let fits = match un {
                    Un::Neg | Un::Abs => ty != Ty::Ptr,
                    Un::Not => ty == Ty::I8,
                    Un::Sqrt | Un::Floor | Un::Ceil | Un::Trunc => ty.is_float(),
                };
                if fits { Ok(ty) } else { Err(format!("{un:?} of {ty}")) }
            }
            Ex::Cmp(cmp, a, b) => {
                let (ty, other) = (self.value(a)?, self.value(b)?);
                let unsigned = matches!(cmp, Cmp::ULt | Cmp::ULe | Cmp::UGt | Cmp::UGe);
                if !same_word(ty, other) || ty.is_float() && unsigned {
                    return Err(format!("{cmp:?} of {ty} and {other}"));
                }
                Ok(Ty::I8)
            }
            Ex::Convert(convert, a) => {
                let ty = self.value(a)?;
                converted(*convert, ty).ok_or_else(|| format!("{convert:?} of {ty}"))
            }
            Ex::Select(condition, a, b) => {
                self.expect(condition, Ty::I8, "a condition")?;
                let ty = self.value(a)?;
                self.expect(b, ty, "the other choice")?;
                Ok(ty)
            }
            Ex::Load(ty, base, index) => {
                self.expect(base, Ty::Ptr, "a base")?;
                self.expect(index, Ty::I64, "an index")?;
                Ok(*ty)
            }
            Ex::Data0(tensor) => {
                self.expect(tensor, Ty::Ptr, "a tensor")?;
                Ok(Ty::Ptr)
            }
            Ex::Dim(tensor, _) => {
                self.expect(tensor, Ty::Ptr, "a tensor")?;
                Ok(Ty::I64)
            }
            Ex::Math(name, ty, arguments) => {
                let Some(row) = rt::ROWS.iter().find(|row| row.name == *name) else {
                    return Err(format!("no runtime function `{name}`"));
                };
                if row.fails || row.results != [*ty] || row.params.len() != arguments.len() {
                    return Err(format!("`{name}` is not that function"));
                }
                for (argument, param) in arguments.iter().zip(row.params) {
                    self.expect(argument, *param, &format!("an argument of `{name}`"))?;
                }
                Ok(*ty)
            }
        }
    }

    fn binary(&mut self, bin: Bin, a: &Ex, b: &Ex) -> Check<Ty> {
        let (ty, other) = (self.value(a)?, self.value(b)?);
        let fits = match bin {
            Bin::Add | Bin::Sub | Bin::Mul => true,
            Bin::FDiv | Bin::FMin | Bin::FMax => ty.is_float(),
            _ => !ty.is_float(),
        };
        if fits && same_word(ty, other) { Ok(ty) } else { Err(format!("{bin:?} of {ty} and {other}")) }
    }
}

fn is_apart(module: &Module, body: &[St]) -> bool {
    body.iter().all(|statement| match statement {
        St::Let(..) | St::Set(..) | St::Store(..) | St::Fail { .. } | St::Own(_) | St::Release(_) => true,
        St::If(..) | St::For { .. } => statement.blocks().into_iter().all(|body| is_apart(module, body)),
        St::Return(values) => values.iter().all(|value| !matches!(value, Ex::Data0(_))),
        St::Call { func, .. } => {
            module.functions.get(func.0 as usize).is_some_and(|callee| is_apart(module, &callee.body))
        }
        St::Rt { name, .. } => matches!(*name, "tensor_new" | "tensor_zeroed") || !rt::row(name).context,
        _ => false,
    })
}

/// The type after a conversion, if it is one from this type.
fn converted(convert: Convert, from: Ty) -> Option<Ty> {
    let (fits, to) = match convert {
        Convert::Sext(to) | Convert::Zext(to) => (!from.is_float() && !to.is_float() && to.size() >= from.size(), to),
        Convert::Trunc(to) => (!from.is_float() && !to.is_float() && to.size() <= from.size(), to),
        Convert::SintToFloat(to) | Convert::UintToFloat(to) => (!from.is_float() && to.is_float(), to),
        Convert::FloatToSint(to) | Convert::FloatToUint(to) => (from.is_float() && !to.is_float(), to),
        Convert::Float(to) => (from.is_float() && to.is_float(), to),
        Convert::ToF16 | Convert::ToBF16 => (from == Ty::F32, Ty::I16),
        Convert::FromF16 | Convert::FromBF16 => (from == Ty::I16, Ty::F32),
        Convert::Bits(to) => (from.size() == to.size(), to),
    };
    fits.then_some(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(locals: &[Ty], results: &[Ty], body: Vec<St>) -> String {
        let function = Function {
            name: "f".to_string(),
            params: vec![Local(0)],
            results: results.to_vec(),
            locals: locals.to_vec(),
            names: Vec::new(),
            scratch: 0,
            body,
            recursive: false,
            span: Default::default(),
        };
        verify(&Module { functions: vec![function], ..Module::default() }).err().unwrap_or_default()
    }

    fn of(n: u32) -> Ex {
        Ex::Local(Local(n))
    }

    #[test]
    fn types_have_to_fit() {
        let sum = |a, b| Ex::Bin(Bin::Add, Box::new(a), Box::new(b));
        let body = |value| vec![St::Let(Local(1), value)];
        let locals = [Ty::F32, Ty::F32];
        assert_eq!(problem(&locals, &[], body(sum(of(0), Ex::F32(1.0)))), "");
        assert_eq!(problem(&locals, &[], body(sum(of(0), Ex::F64(1.0)))), "in `f`: Add of f32 and f64");
        assert_eq!(problem(&locals, &[], body(Ex::F64(1.0))), "in `f`: the value of %1 is f64, not f32");
        assert_eq!(problem(&locals, &[], vec![St::Return(vec![of(0)])]), "in `f`: 1 results where 0 are declared");
        assert_eq!(problem(&locals, &[Ty::F32], vec![]), "in `f`: the end is reached without a result");
        assert_eq!(problem(&locals, &[], vec![St::Break]), "in `f`: a break outside of loops");
        let unknown = Ex::Math("f32_nothing", Ty::F32, vec![]);
        assert_eq!(problem(&locals, &[], body(unknown)), "in `f`: no runtime function `f32_nothing`");
    }

    #[test]
    fn locals_are_set_on_every_way() {
        let set = || St::Let(Local(1), Ex::F32(0.0));
        let used = || St::Return(vec![of(1)]);
        let branch = |then, otherwise| St::If(of(0), then, otherwise);
        let run = |body| problem(&[Ty::I8, Ty::F32], &[Ty::F32], body);
        let missing = "in `f`: %1 is used before it is set";
        assert_eq!(run(vec![branch(vec![set()], vec![set()]), used()]), "");
        assert_eq!(run(vec![branch(vec![set()], vec![]), used()]), missing);
        assert_eq!(run(vec![branch(vec![set()], vec![St::Return(vec![Ex::F32(1.0)])]), used()]), "");
        assert_eq!(run(vec![St::Loop(vec![set(), St::Break]), used()]), "");
        let sometimes = branch(vec![set(), St::Break], vec![St::Break]);
        assert_eq!(run(vec![St::Loop(vec![sometimes]), used()]), missing);
    }

    #[test]
    fn counts_balance() {
        let (own, release, disown) = (|| St::Own(Local(0)), || St::Release(Local(0)), || St::Disown(Local(0)));
        let run = |body| problem(&[Ty::Ptr, Ty::I8, Ty::Ptr], &[], body);
        assert_eq!(run(vec![own(), release()]), "");
        assert_eq!(run(vec![own()]), "in `f`: the end still owns %0");
        assert_eq!(run(vec![disown()]), "in `f`: %0 is disowned but not owned");
        assert_eq!(run(vec![own(), own()]), "in `f`: %0 owns an object already");
        assert_eq!(run(vec![own(), St::Return(vec![])]), "in `f`: a return still owns %0");
        let flag = St::Let(Local(1), Ex::Int(Ty::I8, 1));
        let branch = vec![flag, own(), St::If(of(1), vec![release()], vec![]), release()];
        assert_eq!(run(branch), "in `f`: the second branch owns [Local(0)] instead of []");
        let endless = vec![St::Loop(vec![own()])];
        assert_eq!(run(endless), "in `f`: the end of a loop owns [Local(0)] instead of []");
        let swapped = vec![own(), St::Set(Local(0), of(0))];
        assert_eq!(run(swapped), "in `f`: %0 is set while it owns an object");
        let attempt = St::Try { body: vec![release()], message: Local(2), handler: vec![] };
        assert_eq!(run(vec![own(), attempt]), "in `f`: %0 is given up inside of a try but owned outside");
    }
}

//! Loops whose turns may run on several threads.
//!
//! `plan` says which loops these are (`St::Spread`). One that only computes and stores becomes a function of a part of its
//! range, which finds what it reads in the frame of its caller; the runtime decides whether it is worth more than one
//! thread. What the turns keep for themselves is made anew in the function: locals, and the tensors that `plan` names.
//! Other loops stay as they are.

use ir::loops::{Bin, Ex, FnId, Function, Local, Module, St, Ty};
use std::collections::{HashMap, HashSet};

/// Operations that are worth a second thread; the runtime is asked about all loops that may have so many.
const WORTH: i64 = 200_000;
/// What a function of the library takes, in operations.
const MATH: i64 = 16;
/// Turns of loops whose length is not known in front of the outermost one.
const USUAL: i64 = 16;

pub fn spread(module: &mut Module) {
    let mut made = Vec::new();
    let first = module.functions.len();
    for function in &mut module.functions {
        let mut body = std::mem::take(&mut function.body);
        let mut gone = HashSet::new();
        let frame = function.scratch.next_multiple_of(8);
        let mut memory = HashMap::new();
        note_memory(&body, &mut memory);
        let (mentions, made, own) = (mentions(&body), &mut made, &mut gone);
        let mut pass = Pass { mentions, memory, function, first, frame, made, gone: own };
        pass.block(&mut body);
        if !gone.is_empty() {
            forget(&mut body, &gone);
        }
        function.body = body;
    }
    module.functions.extend(made);
}

struct Pass<'a> {
    function: &'a mut Function,
    /// How often the function mentions each local.
    mentions: HashMap<Local, usize>,
    first: usize,
    /// The tensors whose memory locals are.
    memory: HashMap<Local, Local>,
    /// Where words for the loops' functions begin in the caller's own memory.
    frame: u32,
    made: &'a mut Vec<Function>,
    /// Tensors, and their memory, that only the functions of loops have now.
    gone: &'a mut HashSet<Local>,
}

impl Pass<'_> {
    fn block(&mut self, body: &mut Vec<St>) {
        for statement in std::mem::take(body) {
            match statement {
                St::Spread { own, turns } => match self.parts(&own, &turns) {
                    Some(statements) => body.extend(statements),
                    None => body.push(*turns),
                },
                mut other => {
                    match &mut other {
                        St::If(_, yes, no) => [yes, no].into_iter().for_each(|body| self.block(body)),
                        St::For { body, .. } | St::Loop(body) => self.block(body),
                        St::Try { body, handler, .. } => [body, handler].into_iter().for_each(|body| self.block(body)),
                        _ => {}
                    }
                    body.push(other);
                }
            }
        }
    }

    /// What takes the place of a loop.
    fn parts(&mut self, own: &[(Local, Vec<St>)], turns: &St) -> Option<Vec<St>> {
        let St::For { var, lo, hi, turns: order, body } = turns else { return None };
        let mut scan = Scan { bound: HashSet::from([*var]), read: Vec::new(), set: Vec::new() };
        if !scan.block(body) {
            return None;
        }
        let cost = cost(body, &scan.bound);
        if let (Ex::Int(_, lo), Ex::Int(_, hi), Ex::Int(_, cost)) = (lo, hi, &cost)
            && (hi - lo).saturating_mul(*cost) < WORTH
        {
            return None;
        }
        let inside = mentions(std::slice::from_ref(turns));
        let count = |of: &HashMap<Local, usize>, local: &Local| of.get(local).copied().unwrap_or(0);
        let outside = |local: &Local| count(&self.mentions, local) - count(&inside, local);
        // Locals that turns set in front of reading them; the first value is nobody's.
        if scan.set.iter().any(|local| outside(local) != 1) {
            return None;
        }
        let (mut private, mut prelude, mut last) = (HashSet::new(), Vec::new(), Vec::new());
        for (tensor, making) in own {
            // It is made, owned and released, and its memory is asked for.
            let is_memory = |local: &Local| self.memory.get(local) == Some(tensor);
            let memory: Vec<Local> = scan.read.iter().copied().filter(is_memory).collect();
            if outside(tensor) > 3 + memory.len() || memory.iter().any(|local| outside(local) != 1) {
                return None;
            }
            private.insert(*tensor);
            prelude.extend(making.iter().cloned());
            for local in memory {
                private.insert(local);
                prelude.push(St::Let(local, Ex::Data0(Box::new(Ex::Local(*tensor)))));
            }
            last.push(St::Release(*tensor));
        }
        for statement in &prelude {
            let mut note = Scan { bound: private.clone(), read: std::mem::take(&mut scan.read), set: Vec::new() };
            note.made(statement);
            scan.read = note.read;
        }
        let captured: Vec<Local> =
            scan.read.iter().copied().filter(|local| !private.contains(local) && !scan.set.contains(local)).collect();
        let [frame, from, to] = [Ty::Ptr, Ty::I64, Ty::I64].map(|ty| self.local(ty));
        let place = |k: usize| bin(Bin::Add, Ex::Local(frame), Ex::Int(Ty::I64, 8 * k as i64));
        let zero = || Ex::Int(Ty::I64, 0);
        let mut inner = Vec::new();
        for (k, local) in captured.iter().enumerate() {
            let ty = self.function.locals[local.0 as usize];
            inner.push(St::Let(*local, Ex::Load(ty, Box::new(place(k)), Box::new(zero()))));
        }
        for local in &scan.set {
            inner.push(St::Let(*local, nothing(self.function.locals[local.0 as usize])));
        }
        inner.append(&mut prelude);
        let (lo, hi) = (lo.clone(), hi.clone());
        let (of, to_end) = (Ex::Local(from), Ex::Local(to));
        inner.push(St::For { var: *var, lo: of, hi: to_end, turns: *order, body: body.clone() });
        inner.append(&mut last);
        let mut part = Function {
            name: format!("{}, a part", self.function.name),
            params: vec![frame, from, to],
            results: Vec::new(),
            locals: self.function.locals.clone(),
            names: self.function.names.clone(),
            scratch: if own.is_empty() { 0 } else { self.function.scratch },
            body: inner,
            recursive: false,
            span: self.function.span,
        };
        compact(&mut part);
        let func = FnId((self.first + self.made.len()) as u32);
        self.made.push(part);
        self.gone.extend(private);
        let words = self.frame;
        self.function.scratch = self.function.scratch.max(words + 8 * captured.len().max(1) as u32);
        let mut out = Vec::new();
        for (k, local) in captured.iter().enumerate() {
            let ty = self.function.locals[local.0 as usize];
            out.push(St::Store(ty, Ex::Scratch(words + 8 * k as u32), zero(), Ex::Local(*local)));
        }
        let args = vec![Ex::Func(func), Ex::Scratch(words), lo, hi, cost];
        out.push(St::Rt { name: "in_parts", args, results: Vec::new(), site: None });
        Some(out)
    }

    fn local(&mut self, ty: Ty) -> Local {
        self.function.locals.push(ty);
        self.function.names.push(String::new());
        Local(self.function.locals.len() as u32 - 1)
    }
}

/// What the turns of a loop read and set.
struct Scan {
    bound: HashSet<Local>,
    /// Bound outside, in order.
    read: Vec<Local>,
    set: Vec<Local>,
}

impl Scan {
    /// Whether the statements only compute and store, or fail.
    fn block(&mut self, body: &[St]) -> bool {
        body.iter().all(|statement| self.statement(statement))
    }

    fn statement(&mut self, statement: &St) -> bool {
        match statement {
            St::Let(local, value) => {
                let fits = self.value(value);
                self.bound.insert(*local);
                fits
            }
            St::Set(local, value) => {
                if !self.bound.contains(local) && !self.set.contains(local) {
                    self.set.push(*local);
                }
                self.value(value)
            }
            St::Store(_, base, index, value) => [base, index, value].into_iter().all(|e| self.value(e)),
            St::If(cond, yes, no) => self.value(cond) && self.block(yes) && self.block(no),
            St::For { var, lo, hi, body, .. } => {
                let fits = self.value(lo) && self.value(hi);
                self.bound.insert(*var);
                fits && self.block(body)
            }
            St::Fail { args, .. } => args.iter().all(|e| self.value(e)),
            _ => false,
        }
    }

    fn value(&mut self, e: &Ex) -> bool {
        let mut fits = true;
        e.walk(&mut |e| match e {
            Ex::Local(local) if !self.bound.contains(local) && !self.read.contains(local) => self.read.push(*local),
            Ex::Scratch(_) => fits = false,
            _ => {}
        });
        fits
    }

    fn noted(&mut self, e: &Ex) {
        let _may_use_the_frame = self.value(e);
    }

    /// A statement that makes a tensor, which may use the function's own memory.
    fn made(&mut self, statement: &St) {
        match statement {
            St::Store(_, _, index, value) => [index, value].into_iter().for_each(|e| self.noted(e)),
            St::Rt { args, results, .. } => {
                args.iter().for_each(|e| self.noted(e));
                self.bound.extend(results);
            }
            St::Let(local, value) => {
                self.noted(value);
                self.bound.insert(*local);
            }
            _ => {}
        }
    }
}

fn bin(op: Bin, a: Ex, b: Ex) -> Ex {
    Ex::Bin(op, Box::new(a), Box::new(b))
}

fn nothing(ty: Ty) -> Ex {
    match ty {
        Ty::F32 => Ex::F32(0.0),
        Ty::F64 => Ex::F64(0.0),
        ty => Ex::Int(ty, 0),
    }
}

fn mentions(body: &[St]) -> HashMap<Local, usize> {
    let mut found = HashMap::new();
    body.iter().for_each(|statement| statement.for_each_local(&mut |local| *found.entry(local).or_insert(0) += 1));
    found
}

fn note_memory(body: &[St], memory: &mut HashMap<Local, Local>) {
    for statement in body {
        if let St::Let(local, Ex::Data0(tensor)) = statement
            && let Ex::Local(tensor) = **tensor
        {
            memory.insert(*local, tensor);
        }
        statement.blocks().into_iter().for_each(|body| note_memory(body, memory));
    }
}

/// Leaves out what made and released tensors.
fn forget(body: &mut Vec<St>, gone: &HashSet<Local>) {
    body.retain(|statement| match statement {
        St::Let(local, Ex::Data0(_)) | St::Own(local) | St::Release(local) => !gone.contains(local),
        St::Rt { results, .. } => !results.iter().any(|local| gone.contains(local)),
        _ => true,
    });
    body.iter_mut().flat_map(St::blocks_mut).for_each(|body| forget(body, gone));
}

/// About how many operations a turn takes, by what is known in front of the loop.
fn cost(body: &[St], bound: &HashSet<Local>) -> Ex {
    let number = |value: i64| Ex::Int(Ty::I64, value);
    let (mut own, mut loops) = (0i64, Vec::new());
    for statement in body {
        match statement {
            St::For { lo, hi, body, .. } => {
                let is_known = |e: &Ex| {
                    let mut known = true;
                    e.walk(&mut |e| known &= !matches!(e, Ex::Local(local) if bound.contains(local)));
                    known
                };
                let length = match (lo, hi) {
                    (Ex::Int(_, lo), Ex::Int(_, hi)) => number((hi - lo).max(0)),
                    (Ex::Int(_, 0), hi) if is_known(hi) => hi.clone(),
                    (lo, hi) if is_known(lo) && is_known(hi) => bin(Bin::Sub, hi.clone(), lo.clone()),
                    _ => number(USUAL),
                };
                loops.push(match (length, cost(body, bound)) {
                    (Ex::Int(_, a), Ex::Int(_, b)) => number(a.saturating_mul(b)),
                    (length, each) => bin(Bin::Mul, length, each),
                });
            }
            St::If(_, yes, no) => loops.extend([cost(yes, bound), cost(no, bound)]),
            St::Let(_, value) | St::Set(_, value) => own += operations(value),
            St::Store(_, _, _, value) => own += 1 + operations(value),
            _ => own += 1,
        }
    }
    loops.into_iter().fold(number(own), |sum, more| match (sum, more) {
        (Ex::Int(_, a), Ex::Int(_, b)) => number(a.saturating_add(b)),
        (sum, more) => bin(Bin::Add, sum, more),
    })
}

/// The operations of an expression, but not those that find places in memory.
fn operations(e: &Ex) -> i64 {
    match e {
        Ex::Load(..) => 1,
        Ex::Math(_, _, operands) => MATH + operands.iter().map(operations).sum::<i64>(),
        Ex::Bin(..) | Ex::Un(..) | Ex::Cmp(..) | Ex::Convert(..) | Ex::Select(..) => {
            1 + e.children().into_iter().map(operations).sum::<i64>()
        }
        _ => 0,
    }
}

/// Keeps only the locals that the function mentions.
fn compact(function: &mut Function) {
    let mut used: Vec<Local> = mentions(&function.body).into_keys().chain(function.params.iter().copied()).collect();
    used.sort();
    used.dedup();
    let names: HashMap<Local, Local> = used.iter().zip(0..).map(|(local, k)| (*local, Local(k))).collect();
    function.body.iter_mut().for_each(|statement| statement.rename(&names));
    function.params.iter_mut().for_each(|local| *local = names[local]);
    function.locals = used.iter().map(|local| function.locals[local.0 as usize]).collect();
    function.names = used.iter().map(|local| function.names[local.0 as usize].clone()).collect();
}

//! Traversal of what loops compute.

use crate::loops::{Ex, FnId, Function, Local, St};
use std::collections::HashMap;

macro_rules! children {
    ($name:ident $($mutable:tt)?) => {
        /// The expressions directly below this one.
        pub fn $name(&$($mutable)? self) -> Vec<&$($mutable)? Ex> {
            match self {
                Ex::Int(..) | Ex::F32(_) | Ex::F64(_) | Ex::Data(_) | Ex::Scratch(_) | Ex::Func(_) => Vec::new(),
                Ex::Local(_) => Vec::new(),
                Ex::Un(_, a) | Ex::Convert(_, a) | Ex::Data0(a) | Ex::Dim(a, _) => vec![a],
                Ex::Bin(_, a, b) | Ex::Cmp(_, a, b) | Ex::Load(_, a, b) => vec![a, b],
                Ex::Select(condition, a, b) => vec![condition, a, b],
                Ex::Math(_, _, arguments) => arguments.into_iter().collect(),
            }
        }
    };
}

impl Ex {
    children!(children);
    children!(children_mut mut);

    /// Calls `f` with this expression and everything below it.
    pub fn walk<'a>(&'a self, f: &mut dyn FnMut(&'a Ex)) {
        f(self);
        self.children().into_iter().for_each(|child| child.walk(f));
    }

    pub fn reads(&self, local: Local) -> bool {
        let mut found = false;
        self.walk(&mut |e| found |= matches!(e, Ex::Local(other) if *other == local));
        found
    }

    /// Puts other locals in place of some.
    pub fn rename(&mut self, names: &HashMap<Local, Local>) {
        if let Ex::Local(local) = self {
            *local = names.get(local).copied().unwrap_or(*local);
        }
        self.children_mut().into_iter().for_each(|child| child.rename(names));
    }
}

macro_rules! statements {
    ($blocks:ident $values:ident $locals:ident $($mutable:tt)?) => {
        /// The statement lists directly below.
        pub fn $blocks(&$($mutable)? self) -> Vec<&$($mutable)? Vec<St>> {
            match self {
                St::If(_, yes, no) => vec![yes, no],
                St::For { body, .. } | St::Loop(body) => vec![body],
                St::Try { body, handler, .. } => vec![body, handler],
                _ => Vec::new(),
            }
        }

        /// The expressions of the statement itself.
        fn $values(&$($mutable)? self) -> Vec<&$($mutable)? Ex> {
            match self {
                St::Let(_, e) | St::Set(_, e) | St::If(e, ..) | St::Retain(e) => vec![e],
                St::Store(_, base, index, value) => vec![base, index, value],
                St::For { lo, hi, .. } => vec![lo, hi],
                St::Call { args, .. } | St::Rt { args, .. } | St::Fail { args, .. } => args.into_iter().collect(),
                St::Return(args) => args.into_iter().collect(),
                _ => Vec::new(),
            }
        }

        /// The locals that the statement itself binds, sets or counts.
        fn $locals(&$($mutable)? self) -> Vec<&$($mutable)? Local> {
            match self {
                St::Let(local, _) | St::Set(local, _) | St::Own(local) | St::Release(local) | St::Disown(local) => {
                    vec![local]
                }
                St::For { var, .. } => vec![var],
                St::Try { message, .. } => vec![message],
                St::Call { results, .. } | St::Rt { results, .. } => results.into_iter().collect(),
                _ => Vec::new(),
            }
        }
    };
}

impl St {
    statements!(blocks values locals);
    statements!(blocks_mut values_mut locals_mut mut);

    /// Calls `f` for each mention of a local, here and below.
    pub fn for_each_local(&self, f: &mut dyn FnMut(Local)) {
        if let St::Spread { turns, .. } = self {
            return turns.for_each_local(f);
        }
        self.locals().into_iter().for_each(|local| f(*local));
        for value in self.values() {
            value.walk(&mut |e| {
                if let Ex::Local(local) = e {
                    f(*local);
                }
            });
        }
        self.blocks().into_iter().flatten().for_each(|statement| statement.for_each_local(f));
    }

    /// Puts other locals in place of some, here and below.
    pub fn rename(&mut self, names: &HashMap<Local, Local>) {
        for local in self.locals_mut() {
            *local = names.get(local).copied().unwrap_or(*local);
        }
        self.values_mut().into_iter().for_each(|value| value.rename(names));
        self.blocks_mut().into_iter().flatten().for_each(|statement| statement.rename(names));
    }
}

impl Function {
    /// The functions that this one calls, or hands on to be called.
    pub fn callees(&self) -> Vec<FnId> {
        let mut found = Vec::new();
        callees_of(&self.body, &mut found);
        found
    }
}

fn callees_of(body: &[St], found: &mut Vec<FnId>) {
    for statement in body {
        if let St::Call { func, .. } = statement {
            found.push(*func);
        }
        for value in statement.values() {
            value.walk(&mut |e| {
                if let Ex::Func(func) = e {
                    found.push(*func);
                }
            });
        }
        statement.blocks().into_iter().for_each(|body| callees_of(body, found));
    }
}

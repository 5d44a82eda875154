//! Traversal of what loops compute.

use crate::loops::{Ex, Local};
use std::collections::HashMap;

macro_rules! children {
    ($name:ident $($mutable:tt)?) => {
        /// The expressions directly below this one.
        pub fn $name(&$($mutable)? self) -> Vec<&$($mutable)? Ex> {
            match self {
                Ex::Int(..) | Ex::F32(_) | Ex::F64(_) | Ex::Data(_) | Ex::Scratch(_) | Ex::Local(_) => Vec::new(),
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

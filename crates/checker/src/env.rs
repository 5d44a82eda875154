//! Names in scope. A lookup is made from a place: later bindings of a scope are invisible to what stands before
//! them, functions and families are visible in their whole block.

use crate::modules::{Item, ModuleId};
use crate::sym::Sym;
use crate::ty::Ty;
use diagnostics::Symbol;
use ir::VarId;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use syntax::ast;

static SCOPES: AtomicUsize = AtomicUsize::new(0);

/// A scope seen from a position in it.
#[derive(Clone, Debug)]
pub struct Env {
    pub scope: Rc<Scope>,
    limit: u32,
}

#[derive(Debug)]
pub struct Scope {
    parent: Option<Env>,
    names: RefCell<HashMap<Symbol, Vec<(u32, Entry)>>>,
    hoisted: RefCell<HashMap<Symbol, Entry>>,
    packs: RefCell<HashMap<Symbol, Vec<PackMember>>>,
    domains: RefCell<HashMap<Symbol, Sym>>,
    types: RefCell<HashMap<Symbol, Ty>>,
    next: Cell<u32>,
    pub level: Level,
    pub module: ModuleId,
    id: usize,
}

/// What a closure must capture: everything between it and the module.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    Module,
    /// The start of a function's or lambda's own names.
    Function,
    Inner,
}

#[derive(Clone, Debug)]
pub enum Entry {
    Var { var: VarId, ty: Ty },
    Coord { var: VarId },
    Fn(FnRef),
    Item(Item),
}

/// A function definition where it stands.
#[derive(Clone, Debug)]
pub struct FnRef {
    pub def: Rc<ast::FnDef>,
    pub env: Env,
}

/// One coordinate of a pack: the internal name that axes carry.
#[derive(Clone, Debug)]
pub struct PackMember {
    pub name: Symbol,
}

impl Env {
    pub fn root(module: ModuleId) -> Env {
        Env::make(None, Level::Module, module)
    }

    fn make(parent: Option<Env>, level: Level, module: ModuleId) -> Env {
        let scope = Scope {
            parent,
            names: RefCell::default(),
            hoisted: RefCell::default(),
            packs: RefCell::default(),
            domains: RefCell::default(),
            types: RefCell::default(),
            next: Cell::new(1),
            level,
            module,
            id: SCOPES.fetch_add(1, Ordering::Relaxed),
        };
        Env { scope: Rc::new(scope), limit: u32::MAX }
    }

    /// A scope inside this one, which is seen as it is now.
    pub fn child(&self, level: Level) -> Env {
        Env::make(Some(self.now()), level, self.scope.module)
    }

    /// This scope as it stands, without what comes later.
    pub fn now(&self) -> Env {
        Env { scope: self.scope.clone(), limit: self.limit.min(self.scope.next.get()) }
    }

    pub fn bind(&self, name: Symbol, entry: Entry) {
        let seq = self.scope.next.get() + 1;
        self.scope.next.set(seq);
        self.scope.names.borrow_mut().entry(name).or_default().push((seq, entry));
    }

    pub fn hoist(&self, name: Symbol, entry: Entry) {
        self.scope.hoisted.borrow_mut().insert(name, entry);
    }

    pub fn bind_pack(&self, name: Symbol, members: Vec<PackMember>) {
        self.scope.packs.borrow_mut().insert(name, members);
    }

    pub fn lookup(&self, name: Symbol) -> Option<Entry> {
        self.find(name, |entry, _| entry.clone())
    }

    /// The entry, and whether its scope is the module's.
    pub fn lookup_across(&self, name: Symbol) -> Option<(Entry, Crossing)> {
        self.find(name, |entry, scope| (entry.clone(), Crossing { module_level: scope.level == Level::Module }))
    }

    fn find<T>(&self, name: Symbol, take: impl Fn(&Entry, &Scope) -> T) -> Option<T> {
        let mut at = self;
        loop {
            if let Some(entry) = at.local(name) {
                return Some(take(&entry, &at.scope));
            }
            at = at.scope.parent.as_ref()?;
        }
    }

    /// In this scope alone: what is bound before the place, else what the whole block sees.
    pub fn local(&self, name: Symbol) -> Option<Entry> {
        let names = self.scope.names.borrow();
        if let Some(versions) = names.get(&name)
            && let Some((_, entry)) = versions.iter().rev().find(|(seq, _)| *seq <= self.limit)
        {
            return Some(entry.clone());
        }
        self.scope.hoisted.borrow().get(&name).cloned()
    }

    /// The first binding of a name in this scope that comes after the place: what a function sees that stands
    /// before the `let`s it uses.
    pub fn later(&self, name: Symbol) -> Option<Entry> {
        let mut at = self;
        loop {
            if let Some(versions) = at.scope.names.borrow().get(&name)
                && let Some((_, entry)) = versions.first()
            {
                return Some(entry.clone());
            }
            at = at.scope.parent.as_ref()?;
        }
    }

    pub fn pack(&self, name: Symbol) -> Option<Vec<PackMember>> {
        let mut at = self;
        loop {
            if let Some(members) = at.scope.packs.borrow().get(&name) {
                return Some(members.clone());
            }
            at = at.scope.parent.as_ref()?;
        }
    }

    /// The extent of a coordinate that a signature names.
    pub fn bind_domain(&self, name: Symbol, extent: Sym) {
        self.scope.domains.borrow_mut().insert(name, extent);
    }

    pub fn domain(&self, name: Symbol) -> Option<Sym> {
        let mut at = self;
        loop {
            if let Some(extent) = at.scope.domains.borrow().get(&name) {
                return Some(extent.clone());
            }
            at = at.scope.parent.as_ref()?;
        }
    }

    /// What a generic name of a signature stands for in this specialisation.
    pub fn bind_type(&self, name: Symbol, ty: Ty) {
        self.scope.types.borrow_mut().insert(name, ty);
    }

    pub fn generic(&self, name: Symbol) -> Option<Ty> {
        let mut at = self;
        loop {
            if let Some(ty) = at.scope.types.borrow().get(&name) {
                return Some(ty.clone());
            }
            at = at.scope.parent.as_ref()?;
        }
    }

    pub fn module(&self) -> ModuleId {
        self.scope.module
    }

    /// All names in sight, for spelling suggestions.
    pub fn names(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        let mut at = Some(self);
        while let Some(env) = at {
            let limit = env.limit;
            let scope = &env.scope;
            let bound = scope.names.borrow();
            names.extend(bound.iter().filter(|(_, v)| v.iter().any(|(seq, _)| *seq <= limit)).map(|(n, _)| n.as_str()));
            names.extend(scope.hoisted.borrow().keys().map(|n| n.as_str()));
            at = scope.parent.as_ref();
        }
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Tells scopes apart, for caches, also those that have ended.
    pub fn id(&self) -> usize {
        self.scope.id
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Crossing {
    pub module_level: bool,
}

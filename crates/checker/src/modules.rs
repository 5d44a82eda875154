//! Modules: which files a program consists of, what each of them names, and what a name or path means in one.
//!
//! `load` reads every module that a `use` or a path reaches, resolves every `use` (also those in blocks) and reports
//! what is wrong with them. After that nothing here changes: `Modules` only answers questions.

mod cycles;
mod items;
mod library;
mod link;
mod scan;
#[cfg(test)]
mod tests;

use crate::errors_modules as errors;
use diagnostics::{Diagnostic, FileId, Span, Symbol};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use syntax::ast;

pub use errors::duplicate;
pub use link::load;

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ModuleId(pub u32);

impl ModuleId {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Where module texts come from.
pub trait Loader {
    /// The text of a module file by its path relative to the entry's folder (`utils.ein`, `utils/mod.ein`,
    /// `a/b.ein`), `None` if there is no such file. The entry file itself keeps the id that it has.
    fn load(&mut self, path: &str) -> Result<Option<(FileId, Rc<str>)>, String>;

    /// The text of an embedded module: `std::math`.
    fn std(&mut self, path: &str) -> Option<(FileId, Rc<str>)>;

    /// Paths and texts of all embedded modules, for names that nothing imports.
    fn library(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// Names of the modules in a folder (`""` is the entry's), to offer the closest spelling.
    fn siblings(&mut self, _folder: &str) -> Vec<String> {
        Vec::new()
    }
}

/// What a name stands for.
#[derive(Clone, Debug)]
pub enum Item {
    Fn(Rc<ast::FnDef>, ModuleId),
    Struct(Rc<ast::StructDef>, ModuleId),
    Enum(Rc<ast::EnumDef>, ModuleId),
    Module(ModuleId),
    /// A module-level `let` or family.
    Let(ModuleId, Symbol),
    Op(ir::Op),
    Builtin(ir::Builtin),
    /// A function of the library that the checker itself implements.
    Native(&'static str),
    /// Something that could not be imported. Its error is reported already, so its uses are silent.
    Broken,
}

/// A name that a module defines itself.
#[derive(Clone, Debug)]
pub struct Definition {
    pub item: Item,
    pub public: bool,
    /// The defining name.
    pub span: Span,
}

#[derive(Clone, Debug)]
pub struct Import {
    pub item: Item,
    pub public: bool,
    /// The name in the `use`.
    pub span: Span,
}

/// `use m::*;`
#[derive(Clone, Copy, Debug)]
pub struct Glob {
    pub module: ModuleId,
    pub public: bool,
}

#[derive(Debug)]
pub struct Module {
    /// `a::b`; empty for the entry file.
    pub path: String,
    pub file: FileId,
    /// The module around an inline `mod`.
    pub parent: Option<ModuleId>,
    pub statements: Rc<[ast::Stmt]>,
    pub items: HashMap<Symbol, Definition>,
    pub imports: HashMap<Symbol, Import>,
    pub globs: Vec<Glob>,
    /// Some `use …::*` failed: an unknown name may have been meant to come from there.
    pub broken_glob: bool,
    /// The tangent rules of the module, in order.
    pub rules: Vec<Rc<ast::FnDef>>,
    pub is_std: bool,
}

/// What one `use` brings into its scope.
#[derive(Clone, Debug, Default)]
pub struct Used {
    /// In the order of the text; a later one shadows.
    pub names: Vec<(Symbol, Item)>,
    pub globs: Vec<ModuleId>,
    /// See `Module::broken_glob`.
    pub broken_glob: bool,
}

#[derive(Debug)]
pub struct Modules {
    pub modules: Vec<Module>,
    /// Every module behind those that it depends on, inline modules before the one around them, the entry last.
    pub order: Vec<ModuleId>,
    pub entry: ModuleId,
    /// Paths and texts of the embedded modules.
    library: &'static [(&'static str, &'static str)],
    /// Submodules that are files: `geometry::shapes` under `geometry`.
    children: HashMap<(ModuleId, Symbol), ModuleId>,
    /// The roots that need no `use`: `std` and `python`, where the program mentions them.
    roots: HashMap<Symbol, ModuleId>,
    inline: HashMap<*const ast::Mod, ModuleId>,
    /// `use`s of blocks; they hold on to their syntax so that its address stays theirs.
    block_uses: HashMap<*const ast::Use, (Rc<ast::Use>, Used)>,
}

impl Modules {
    pub fn module(&self, id: ModuleId) -> &Module {
        &self.modules[id.index()]
    }

    /// Whether the entry defines what `einc bench` calls.
    pub fn is_benchmark(&self) -> bool {
        let items = &self.module(self.entry).items;
        let is_fn = |name| matches!(items.get(&Symbol::new(name)).map(|found| &found.item), Some(Item::Fn(..)));
        is_fn("inputs") && is_fn("kernel")
    }

    /// What `name` means at the top level of a module: its own items, then imports, then globs (files of the user
    /// before the library), then whatever the module around an inline one sees.
    pub fn lookup(&self, module: ModuleId, name: Symbol) -> Option<Item> {
        let here = self.module(module);
        if let Some(definition) = here.items.get(&name) {
            return Some(definition.item.clone());
        }
        if let Some(import) = here.imports.get(&name) {
            return Some(import.item.clone());
        }
        if let Some(item) = self.lookup_globs(here.globs.iter().map(|glob| glob.module), name) {
            return Some(item);
        }
        if let Some(item) = here.parent.and_then(|parent| self.lookup(parent, name)) {
            return Some(item);
        }
        here.broken_glob.then_some(Item::Broken)
    }

    /// A public name of one of `globs`, as for `Used::globs` of a block.
    pub fn lookup_globs(&self, globs: impl Iterator<Item = ModuleId>, name: Symbol) -> Option<Item> {
        let mut from_std = None;
        for module in globs {
            if from_std.is_some() && self.module(module).is_std {
                continue;
            }
            if let Some(item) = self.public(module, name, &mut HashSet::new()) {
                if !self.module(module).is_std {
                    return Some(item);
                }
                from_std = Some(item);
            }
        }
        from_std
    }

    /// What a module exports under a name.
    fn public(&self, module: ModuleId, name: Symbol, seen: &mut HashSet<ModuleId>) -> Option<Item> {
        if !seen.insert(module) {
            return None;
        }
        let here = self.module(module);
        if let Some(definition) = here.items.get(&name).filter(|definition| definition.public) {
            return Some(definition.item.clone());
        }
        if let Some(import) = here.imports.get(&name).filter(|import| import.public) {
            return Some(import.item.clone());
        }
        let mut globs = here.globs.iter().filter(|glob| glob.public);
        globs.find_map(|glob| self.public(glob.module, name, seen))
    }

    /// What a path means in a module, and how many of its segments were used: a path into an enum stops there, and
    /// the variant is the caller's. `local` knows the names of the blocks around the path.
    pub fn resolve_path(
        &self,
        module: ModuleId,
        path: &ast::Path,
        local: &dyn Fn(Symbol) -> Option<Item>,
    ) -> Result<(Item, usize), Diagnostic> {
        let Some((first, rest)) = path.segments.split_first() else { return Ok((Item::Broken, 0)) };
        let found = local(first.name)
            .or_else(|| self.lookup(module, first.name))
            .or_else(|| self.roots.get(&first.name).filter(|_| !rest.is_empty()).map(|root| Item::Module(*root)));
        let Some(mut item) = found else {
            let names = self.names(module);
            return Err(errors::unknown_name(*first, names.iter().map(|name| name.as_str())));
        };
        let mut before = *first;
        for (used, segment) in rest.iter().enumerate() {
            item = match item {
                Item::Module(inside) => self.member(module, inside, *segment)?,
                Item::Broken => return Ok((Item::Broken, path.segments.len())),
                Item::Enum(..) => return Ok((item, used + 1)),
                other => return Err(errors::not_a_module(before, &other)),
            };
            before = *segment;
        }
        Ok((item, path.segments.len()))
    }

    /// `name` of the module `inside`, asked for from the module `from`.
    fn member(&self, from: ModuleId, inside: ModuleId, name: ast::Ident) -> Result<Item, Diagnostic> {
        let module = self.module(inside);
        let own = self.encloses(inside, from);
        let mut hidden = None;
        if let Some(definition) = module.items.get(&name.name) {
            if own || definition.public {
                return Ok(definition.item.clone());
            }
            hidden = Some(definition.span);
        } else if let Some(import) = module.imports.get(&name.name) {
            if own || import.public {
                return Ok(import.item.clone());
            }
            hidden = Some(import.span);
        }
        if let Some(item) = self.public(inside, name.name, &mut HashSet::new()) {
            return Ok(item);
        }
        if let Some(child) = self.children.get(&(inside, name.name)) {
            return Ok(Item::Module(*child));
        }
        if let Some(definition) = hidden {
            return Err(errors::private(name, &module.path, definition));
        }
        if module.broken_glob {
            return Ok(Item::Broken);
        }
        Err(errors::unknown_member(name, &module.path, self.exports(inside).iter().map(|name| name.as_str())))
    }

    /// Whether `outer` is `inner` or stands around it.
    fn encloses(&self, outer: ModuleId, inner: ModuleId) -> bool {
        std::iter::successors(Some(inner), |module| self.module(*module).parent).any(|module| module == outer)
    }

    /// The module of the library that has a public name.
    pub fn library_module_of(&self, name: &str) -> Option<&'static str> {
        let offers = |text: &str| {
            let mut definitions =
                text.lines().filter_map(|line| line.strip_prefix("pub fn ").or(line.strip_prefix("pub let ")));
            definitions.any(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['(', '[', ' ', ':'])))
        };
        let written = || self.library.iter().find(|(_, text)| offers(text)).map(|(path, _)| *path);
        library::library_module_of(name).or_else(written)
    }

    /// What a `use` in a block brings into it; what is wrong with it was reported by `load`.
    pub fn resolve_use(&self, definition: &Rc<ast::Use>) -> Used {
        self.block_uses.get(&Rc::as_ptr(definition)).map(|(_, used)| used.clone()).unwrap_or_default()
    }

    /// The module of an inline `mod`, also of one in a block.
    pub fn inline_module(&self, definition: &Rc<ast::Mod>) -> Option<ModuleId> {
        self.inline.get(&Rc::as_ptr(definition)).copied()
    }

    /// Every name that can be written alone in a module, for "did you mean".
    pub fn names(&self, module: ModuleId) -> Vec<Symbol> {
        let mut names = HashSet::new();
        for id in std::iter::successors(Some(module), |id| self.module(*id).parent) {
            let here = self.module(id);
            names.extend(here.items.keys().chain(here.imports.keys()));
            for glob in &here.globs {
                names.extend(self.exports(glob.module));
            }
        }
        sorted(names)
    }

    /// The public names of a module.
    pub fn exports(&self, module: ModuleId) -> Vec<Symbol> {
        let (mut names, mut seen, mut open) = (HashSet::new(), HashSet::new(), vec![module]);
        while let Some(id) = open.pop() {
            if seen.insert(id) {
                let here = self.module(id);
                names.extend(here.items.iter().filter(|(_, definition)| definition.public).map(|(name, _)| *name));
                names.extend(here.imports.iter().filter(|(_, import)| import.public).map(|(name, _)| *name));
                open.extend(here.globs.iter().filter(|glob| glob.public).map(|glob| glob.module));
            }
        }
        sorted(names)
    }
}

fn sorted(names: HashSet<Symbol>) -> Vec<Symbol> {
    let mut names: Vec<Symbol> = names.into_iter().collect();
    names.sort_by_key(|name| name.as_str());
    names
}

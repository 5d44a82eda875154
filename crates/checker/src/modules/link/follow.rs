//! Follows paths from module to module, loading what they lead into.

use super::*;
use diagnostics::closest;

impl Linker<'_> {
    pub(super) fn resolve_all(&mut self) {
        let (mut binding, mut path) = (0, 0);
        // Both lists grow while they are worked off, as modules are loaded.
        while binding < self.bindings.len() || path < self.paths.len() {
            if binding < self.bindings.len() {
                self.resolve(binding);
                binding += 1;
            } else {
                let (scope, segments) = self.paths[path].clone();
                // What is wrong with it is said where the expression is checked.
                if let Ok((_, Some(module))) = self.follow(scope, &segments) {
                    self.add_edge(scope, module, segments[0].span);
                }
                path += 1;
            }
        }
    }

    /// What a leaf of a `use` stands for; `None` while that is just being found out.
    fn resolve(&mut self, id: usize) -> Option<Item> {
        match &self.bindings[id].state {
            State::Done(item) => return Some(item.clone()),
            State::Busy => return None,
            State::Waiting => self.bindings[id].state = State::Busy,
        }
        let binding = &self.bindings[id];
        let (scope, path, is_glob) = (binding.scope, binding.path.clone(), binding.alias.is_none());
        let found = self.follow(scope, &path).and_then(|(item, module)| match item {
            Item::Module(_) | Item::Broken => Ok((item, module)),
            other if is_glob => Err(errors::not_a_module(path[path.len() - 1], &other)),
            other => Ok((other, module)),
        });
        let item = match found {
            Ok((item, module)) => {
                if let Some(module) = module {
                    self.add_edge(scope, module, path[0].span.to(path[path.len() - 1].span));
                }
                item
            }
            Err(error) => {
                if self.reported.insert((error.code, error.span())) {
                    self.diags.push(error);
                }
                Item::Broken
            }
        };
        if is_glob
            && let Item::Module(module) = item
            && self.roots.get(&Symbol::new("std")) == Some(&module)
        {
            for name in MODULES {
                if let Some(child) = self.std_module(name) {
                    self.modules[module.index()].items.insert(
                        Symbol::new(name),
                        Definition { item: Item::Module(child), public: true, span: Span::default() },
                    );
                }
            }
        }
        self.bindings[id].state = State::Done(item.clone());
        Some(item)
    }

    fn add_edge(&mut self, scope: usize, to: ModuleId, span: Span) {
        let (from, to) = (self.file_of(self.scopes[scope].module), self.file_of(to));
        if from != to {
            self.edges.push(Edge { from, to, span });
        }
    }

    fn file_of(&self, module: ModuleId) -> ModuleId {
        let mut module = module;
        while let Some(parent) = self.modules[module.index()].parent {
            module = parent;
        }
        module
    }

    /// Where a path leads, and the last module on its way.
    fn follow(&mut self, scope: usize, path: &[Ident]) -> Result<(Item, Option<ModuleId>), Diagnostic> {
        let Some(first) = path.first() else { return Ok((Item::Broken, None)) };
        let from = self.scopes[scope].module;
        let mut place = self.start(scope, *first, path.len() == 1)?;
        let mut last_module = None;
        for (k, segment) in path.iter().enumerate().skip(1) {
            let is_last = k + 1 == path.len();
            place = match place {
                Place::Module(module) => {
                    last_module = Some(module);
                    self.inside(module, from, *segment, is_last)?
                }
                Place::Folder(folder) => {
                    let path = join(&folder, segment.name.as_str());
                    match self.file_module(&path) {
                        Ok(Some(module)) => Place::Module(module),
                        Ok(None) if !is_last => Place::Folder(path),
                        Ok(None) => return Err(self.not_found(scope, *first, first.name.as_str(), None)),
                        Err(reason) => return Err(self.not_found(scope, *segment, &path, Some(reason))),
                    }
                }
                Place::Item(Item::Broken) => return Ok((Item::Broken, last_module)),
                Place::Item(other) => return Err(errors::not_a_module(path[k - 1], &other)),
            };
        }
        match place {
            Place::Module(module) => Ok((Item::Module(module), Some(module))),
            Place::Item(item) => Ok((item, last_module)),
            Place::Folder(folder) => Err(self.not_found(scope, *first, &folder, None)),
        }
    }

    fn start(&mut self, scope: usize, first: Ident, alone: bool) -> Result<Place, Diagnostic> {
        let name = first.name.as_str();
        if name == "std" || name == "python" {
            return Ok(Place::Module(self.root(name)));
        }
        let chain: Vec<usize> = std::iter::successors(Some(scope), |scope| self.scopes[*scope].parent).collect();
        let mut other = None;
        for scope in &chain {
            if let Some(module) = self.scopes[*scope].mods.get(&first.name) {
                return Ok(Place::Module(*module));
            }
            let binding = self.scopes[*scope].named.get(&first.name).copied();
            match binding.and_then(|binding| self.resolve(binding)) {
                Some(Item::Module(module)) => return Ok(Place::Module(module)),
                found => other = other.or(found),
            }
        }
        match self.file_module(name) {
            Ok(Some(module)) => return Ok(Place::Module(module)),
            Ok(None) => {}
            Err(reason) => return Err(self.not_found(scope, first, name, Some(reason))),
        }
        let module = self.scopes[scope].module;
        if let Some(item) = other {
            return Ok(Place::Item(item));
        }
        match self.through_globs(module, first.name, module, &mut HashSet::from([module])) {
            Member::Found(item) if !matches!(item, Item::Broken) => Ok(item.into()),
            _ if alone => Err(self.not_found(scope, first, name, None)),
            _ => Ok(Place::Folder(name.to_owned())),
        }
    }

    fn inside(&mut self, module: ModuleId, from: ModuleId, name: Ident, is_last: bool) -> Result<Place, Diagnostic> {
        let member = self.member(module, name.name, from, &mut HashSet::new());
        if let Member::Found(item) = member {
            return Ok(item.into());
        }
        let path = join(&self.modules[module.index()].path, name.name.as_str());
        match self.child(module, name.name.as_str()) {
            Ok(Some(child)) => return Ok(Place::Module(child)),
            Ok(None) => {}
            Err(reason) => return Err(errors::module_not_found(name, &path, None, Some(reason))),
        }
        let module_path = self.modules[module.index()].path.clone();
        let exports = self.exports(module);
        let mut candidates: Vec<&str> = exports.iter().map(|name| name.as_str()).collect();
        match (member, module_path.as_str()) {
            (Member::Private(definition), _) => Err(errors::private(name, &module_path, definition)),
            (_, "std") => {
                let closest = closest(name.name.as_str(), MODULES.iter().copied());
                Err(errors::module_not_found(name, &path, closest, None))
            }
            (_, "python") => Err(errors::unknown_member(name, "python", PYTHON.iter().map(|(python, _)| *python))),
            _ => {
                let siblings = self.loader.siblings(&module_path.replace("::", "/"));
                candidates.extend(siblings.iter().map(String::as_str));
                let closest = closest(name.name.as_str(), candidates.iter().copied());
                Err(match is_last || self.modules[module.index()].is_std {
                    true => errors::unknown_member(name, &module_path, candidates.into_iter()),
                    false => errors::module_not_found(name, &path, closest, None),
                })
            }
        }
    }

    /// A submodule that is a file of its own.
    fn child(&mut self, module: ModuleId, name: &str) -> Result<Option<ModuleId>, String> {
        let here = &self.modules[module.index()];
        let child = match here.path.as_str() {
            "" => None,
            "std" => self.std_module(name),
            "python" => self.python_module(name),
            _ if here.is_std || here.parent.is_some() => None,
            path => self.file_module(&join(path, name))?,
        };
        if let Some(child) = child {
            self.children.insert((module, Symbol::new(name)), child);
        }
        Ok(child)
    }

    /// A name of a module, asked for from another one.
    fn member(&mut self, module: ModuleId, name: Symbol, from: ModuleId, seen: &mut HashSet<ModuleId>) -> Member {
        if !seen.insert(module) {
            return Member::Absent;
        }
        let own = self.is_inside(from, module);
        let scope = &self.scopes[self.module_scopes[module.index()]];
        let mut hidden = None;
        if let Some(definition) = self.modules[module.index()].items.get(&name) {
            if own || definition.public {
                return Member::Found(definition.item.clone());
            }
            hidden = Some(definition.span);
        } else if let Some(id) = scope.named.get(&name).copied() {
            let binding = &self.bindings[id];
            if own || binding.public {
                // Imports that lead round in a circle are reported as a cycle of modules.
                return Member::Found(self.resolve(id).unwrap_or(Item::Broken));
            }
            hidden = binding.alias.map(|alias| alias.span);
        }
        match (self.through_globs(module, name, from, seen), hidden) {
            (Member::Found(Item::Broken) | Member::Absent, Some(definition)) => Member::Private(definition),
            (found, _) => found,
        }
    }

    fn is_inside(&self, module: ModuleId, around: ModuleId) -> bool {
        std::iter::successors(Some(module), |id| self.modules[id.index()].parent).any(|id| id == around)
    }

    /// A name that a module has by a `use …::*`; broken where one of those failed.
    fn through_globs(
        &mut self,
        module: ModuleId,
        name: Symbol,
        from: ModuleId,
        seen: &mut HashSet<ModuleId>,
    ) -> Member {
        let own = self.is_inside(from, module);
        let globs = self.scopes[self.module_scopes[module.index()]].globs.clone();
        let mut broken = false;
        for id in globs {
            if !own && !self.bindings[id].public {
                continue;
            }
            match self.resolve(id) {
                Some(Item::Module(target)) => {
                    if let Member::Found(item) = self.member(target, name, from, seen) {
                        return Member::Found(item);
                    }
                }
                Some(_) => broken = true,
                None => {}
            }
        }
        if broken { Member::Found(Item::Broken) } else { Member::Absent }
    }

    /// The names that a module offers, as far as is known while loading.
    fn exports(&self, module: ModuleId) -> Vec<Symbol> {
        let (mut names, mut seen, mut open) = (HashSet::new(), HashSet::new(), vec![module]);
        while let Some(id) = open.pop() {
            if !seen.insert(id) {
                continue;
            }
            let items = self.modules[id.index()].items.iter();
            names.extend(items.filter(|(_, definition)| definition.public).map(|(name, _)| *name));
            let scope = &self.scopes[self.module_scopes[id.index()]];
            names.extend(scope.named.iter().filter(|(_, id)| self.bindings[**id].public).map(|(name, _)| *name));
            for glob in scope.globs.iter().map(|id| &self.bindings[*id]).filter(|glob| glob.public) {
                if let State::Done(Item::Module(target)) = glob.state {
                    open.push(target);
                }
            }
        }
        sorted(names)
    }

    fn not_found(&mut self, scope: usize, name: Ident, path: &str, unreadable: Option<String>) -> Diagnostic {
        let files = self.loader.siblings("");
        let mut candidates: Vec<&str> = vec!["std", "python"];
        candidates.extend(files.iter().map(String::as_str));
        for scope in std::iter::successors(Some(scope), |scope| self.scopes[*scope].parent) {
            candidates.extend(self.scopes[scope].mods.keys().map(|name| name.as_str()));
        }
        let closest = closest(name.name.as_str(), candidates.into_iter());
        errors::module_not_found(name, path, closest, unreadable)
    }
}

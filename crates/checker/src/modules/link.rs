//! Loads modules and resolves every `use`, on demand: a re-export is resolved when somebody asks for it.

mod follow;

use super::*;
use crate::errors_modules as errors;
use ast::{Ident, Use, UseKind, UseTree};
use library::{MODULES, PYTHON};

pub fn load(entry: FileId, ast: ast::Module, loader: &mut dyn Loader, diags: &mut Vec<Diagnostic>) -> Modules {
    let mut linker = Linker {
        loader,
        diags,
        entry,
        entry_name: None,
        modules: Vec::new(),
        scopes: Vec::new(),
        module_scopes: Vec::new(),
        bindings: Vec::new(),
        paths: Vec::new(),
        files: HashMap::new(),
        edges: Vec::new(),
        children: HashMap::new(),
        roots: HashMap::new(),
        inline: HashMap::new(),
        reported: HashSet::new(),
    };
    let entry = linker.add(String::new(), entry, None, ast.statements.into(), false);
    linker.resolve_all();
    linker.finish(entry)
}

/// An edge of the graph of files: `from` has a `use` that leads to `to`.
#[derive(Clone, Copy)]
pub(super) struct Edge {
    pub from: ModuleId,
    pub to: ModuleId,
    pub span: Span,
}

/// The names that `use` and `mod` bring into a module or block.
struct Scope {
    module: ModuleId,
    parent: Option<usize>,
    mods: HashMap<Symbol, ModuleId>,
    /// The last binding of each name.
    named: HashMap<Symbol, usize>,
    globs: Vec<usize>,
}

/// One leaf of a `use`.
struct Binding {
    scope: usize,
    /// The name that it binds; a glob has none.
    alias: Option<Ident>,
    path: Vec<Ident>,
    public: bool,
    /// The `use` that it comes from, where that stands in a block.
    block: Option<Rc<Use>>,
    state: State,
}

#[derive(Clone)]
enum State {
    Waiting,
    Busy,
    Done(Item),
}

enum Member {
    Found(Item),
    Private(Span),
    Absent,
}

/// How far a path has led.
enum Place {
    Module(ModuleId),
    /// A folder without a module file, which may contain one.
    Folder(String),
    Item(Item),
}

impl From<Item> for Place {
    fn from(item: Item) -> Place {
        match item {
            Item::Module(module) => Place::Module(module),
            other => Place::Item(other),
        }
    }
}

struct Linker<'a> {
    loader: &'a mut dyn Loader,
    diags: &'a mut Vec<Diagnostic>,
    entry: FileId,
    /// What other files call the entry file, if one imports it.
    entry_name: Option<String>,
    modules: Vec<Module>,
    scopes: Vec<Scope>,
    /// The top scope of each module.
    module_scopes: Vec<usize>,
    bindings: Vec<Binding>,
    /// Paths of expressions that may lead into modules no `use` names.
    paths: Vec<(usize, Vec<Ident>)>,
    /// Modules by path, absent ones included.
    files: HashMap<String, Option<ModuleId>>,
    edges: Vec<Edge>,
    children: HashMap<(ModuleId, Symbol), ModuleId>,
    roots: HashMap<Symbol, ModuleId>,
    inline: HashMap<*const ast::Mod, ModuleId>,
    /// A prefix that several leaves of one `use` share is reported once.
    reported: HashSet<(&'static str, Span)>,
}

/// Building modules and their scopes.
impl Linker<'_> {
    fn add(
        &mut self,
        path: String,
        file: FileId,
        around: Option<(ModuleId, usize)>,
        statements: Rc<[ast::Stmt]>,
        is_std: bool,
    ) -> ModuleId {
        let id = ModuleId(self.modules.len() as u32);
        self.modules.push(Module {
            path,
            file,
            parent: around.map(|(module, _)| module),
            statements: statements.clone(),
            items: HashMap::new(),
            imports: HashMap::new(),
            globs: Vec::new(),
            broken_glob: false,
            rules: Vec::new(),
            is_std,
        });
        self.module_scopes.push(self.scopes.len());
        self.add_scope(scan::scan(&statements), id, around.map(|(_, scope)| scope), false);
        let inline = &self.inline;
        let items = items::collect(&statements, id, |def| inline[&Rc::as_ptr(def)], self.diags);
        let module = &mut self.modules[id.index()];
        module.items = items.definitions;
        module.rules = items.rules;
        if is_std {
            for (name, definition) in library::injected(&module.path) {
                module.items.entry(name).or_insert(definition);
            }
        }
        id
    }

    fn add_scope(&mut self, scan: scan::Scan, module: ModuleId, parent: Option<usize>, in_block: bool) {
        let scope = self.scopes.len();
        self.scopes.push(Scope { module, parent, mods: HashMap::new(), named: HashMap::new(), globs: Vec::new() });
        for def in &scan.mods {
            let around = &self.modules[module.index()];
            let path = join(&around.path, def.name.name.as_str());
            let (file, is_std) = (around.file, around.is_std);
            let statements = def.body.statements.clone().into();
            let inner = self.add(path, file, Some((module, scope)), statements, is_std);
            self.inline.insert(Rc::as_ptr(def), inner);
            self.scopes[scope].mods.insert(def.name.name, inner);
        }
        for def in &scan.uses {
            self.add_bindings(scope, def, &def.tree, Vec::new(), in_block);
        }
        self.paths.extend(scan.paths.into_iter().map(|path| (scope, path)));
        for inner in scan.inner {
            self.add_scope(inner, module, Some(scope), true);
        }
    }

    fn add_bindings(&mut self, scope: usize, def: &Rc<Use>, tree: &UseTree, mut path: Vec<Ident>, in_block: bool) {
        path.extend(&tree.prefix.segments);
        let alias = match &tree.kind {
            UseKind::Group(trees) => {
                return trees.iter().for_each(|tree| self.add_bindings(scope, def, tree, path.clone(), in_block));
            }
            UseKind::Glob(_) => None,
            // `use m::{self, f};` names the module as well.
            UseKind::Simple(alias) if path.len() > 1 && path[path.len() - 1].name.as_str() == "self" => {
                path.pop();
                alias.or(path.last().copied())
            }
            UseKind::Simple(alias) => alias.or(path.last().copied()),
        };
        let block = in_block.then(|| def.clone());
        let public = def.public && !in_block;
        self.add_binding(Binding { scope, alias, path, public, block, state: State::Waiting });
    }

    fn add_binding(&mut self, binding: Binding) {
        let scope = &mut self.scopes[binding.scope];
        match binding.alias {
            Some(alias) => {
                scope.named.insert(alias.name, self.bindings.len());
            }
            None => scope.globs.push(self.bindings.len()),
        }
        self.bindings.push(binding);
    }

    /// The module of a file, by its path from the entry's folder.
    fn file_module(&mut self, path: &str) -> Result<Option<ModuleId>, String> {
        if let Some(known) = self.files.get(path) {
            return Ok(*known);
        }
        let stem = path.replace("::", "/");
        let mut found = self.loader.load(&format!("{stem}.ein"))?;
        if found.is_none() {
            found = self.loader.load(&format!("{stem}/mod.ein"))?;
        }
        let module = found.map(|(file, text)| {
            if file == self.entry {
                self.entry_name = Some(path.to_owned());
                return ModuleId(0);
            }
            self.parse(path, file, &text, false)
        });
        self.files.insert(path.to_owned(), module);
        Ok(module)
    }

    fn parse(&mut self, path: &str, file: FileId, text: &str, is_std: bool) -> ModuleId {
        let (ast, mut errors) = syntax::parse(file, text);
        self.diags.append(&mut errors);
        self.add(path.to_owned(), file, None, ast.statements.into(), is_std)
    }

    fn std_module(&mut self, name: &str) -> Option<ModuleId> {
        let path = format!("std::{name}");
        if let Some(known) = self.files.get(&path) {
            return *known;
        }
        let module = self.loader.std(&path).map(|(file, text)| self.parse(&path, file, &text, true));
        self.files.insert(path, module);
        module
    }

    /// `python::math` or `python::numpy`: a module without a text that passes on modules of the library.
    fn python_module(&mut self, name: &str) -> Option<ModuleId> {
        let path = format!("python::{name}");
        if let Some(known) = self.files.get(&path) {
            return *known;
        }
        let (_, parts) = PYTHON.iter().find(|(python, _)| *python == name)?;
        let module = self.add(path.clone(), FileId::default(), None, Rc::new([]), true);
        for part in *parts {
            if let Some(std) = self.std_module(part) {
                self.edges.push(Edge { from: module, to: std, span: Span::default() });
                let scope = self.module_scopes[module.index()];
                let state = State::Done(Item::Module(std));
                self.add_binding(Binding { scope, alias: None, path: Vec::new(), public: true, block: None, state });
            }
        }
        self.files.insert(path, Some(module));
        Some(module)
    }

    fn root(&mut self, name: &str) -> ModuleId {
        let symbol = Symbol::new(name);
        if let Some(root) = self.roots.get(&symbol) {
            return *root;
        }
        let root = self.add(name.to_owned(), FileId::default(), None, Rc::new([]), true);
        self.roots.insert(symbol, root);
        root
    }
}

/// What remains when everything is resolved.
impl Linker<'_> {
    fn finish(mut self, entry: ModuleId) -> Modules {
        let mut block_uses: HashMap<*const Use, (Rc<Use>, Used)> = HashMap::new();
        for (id, binding) in std::mem::take(&mut self.bindings).into_iter().enumerate() {
            let State::Done(item) = binding.state else { continue };
            let scope = &self.scopes[binding.scope];
            if let Some(def) = binding.block {
                let (_, used) = block_uses.entry(Rc::as_ptr(&def)).or_insert_with(|| (def, Used::default()));
                match (binding.alias, item) {
                    (Some(alias), item) => used.names.push((alias.name, item)),
                    (None, Item::Module(module)) => used.globs.push(module),
                    (None, _) => used.broken_glob = true,
                }
                continue;
            }
            let module = &mut self.modules[scope.module.index()];
            match (binding.alias, item) {
                (Some(alias), item) if scope.named[&alias.name] == id => {
                    module.imports.insert(alias.name, Import { item, public: binding.public, span: alias.span });
                }
                (Some(_), _) => {}
                (None, Item::Module(target)) => module.globs.push(Glob { module: target, public: binding.public }),
                (None, _) => module.broken_glob = true,
            }
        }
        let name = |module: ModuleId| match &self.entry_name {
            Some(name) if module == entry => name.clone(),
            _ => self.modules[module.index()].path.clone(),
        };
        let order = cycles::order(entry, &self.modules, &self.edges, &name, self.diags);
        Modules {
            modules: self.modules,
            order,
            entry,
            library: self.loader.library(),
            children: self.children,
            roots: self.roots,
            inline: self.inline,
            block_uses,
        }
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}::{name}") }
}

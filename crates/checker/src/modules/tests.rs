use super::*;
use diagnostics::SourceMap;

/// Files by path, the entry under `main.ein`.
struct Files {
    files: Vec<(&'static str, &'static str)>,
    sources: SourceMap,
    ids: HashMap<String, FileId>,
}

impl Files {
    fn id(&mut self, path: &str, text: &str) -> FileId {
        let sources = &mut self.sources;
        *self.ids.entry(path.to_owned()).or_insert_with(|| sources.add(path, text))
    }
}

impl Loader for Files {
    fn load(&mut self, path: &str) -> Result<Option<(FileId, Rc<str>)>, String> {
        if path == "broken.ein" {
            return Err("it is not UTF-8".to_owned());
        }
        let found = self.files.iter().find(|(name, _)| *name == path).map(|(_, text)| *text);
        Ok(found.map(|text| (self.id(path, text), text.into())))
    }

    fn std(&mut self, path: &str) -> Option<(FileId, Rc<str>)> {
        let text = match path {
            "std::math" => include_str!("../../../../stdlib/std/math.ein"),
            "std::array" => include_str!("../../../../stdlib/std/array.ein"),
            "std::ml" => include_str!("../../../../stdlib/std/ml.ein"),
            "std::linalg" => include_str!("../../../../stdlib/std/linalg.ein"),
            "std::optim" => include_str!("../../../../stdlib/std/optim.ein"),
            "std::numerics" => include_str!("../../../../stdlib/std/numerics.ein"),
            "std::random" => include_str!("../../../../stdlib/std/random.ein"),
            "std::io" => include_str!("../../../../stdlib/std/io.ein"),
            _ => return None,
        };
        Some((self.id(path, text), text.into()))
    }

    fn siblings(&mut self, folder: &str) -> Vec<String> {
        let names = self.files.iter().filter_map(|(path, _)| path.strip_suffix(".ein"));
        names.filter(|path| folder.is_empty() && !path.contains('/')).map(str::to_owned).collect()
    }
}

/// The modules of a program, and its diagnostics as `code line:column message`.
fn linked(files: &[(&'static str, &'static str)]) -> (Modules, Vec<String>) {
    let mut loader = Files { files: files.to_vec(), sources: SourceMap::default(), ids: HashMap::new() };
    let entry = loader.id("main.ein", files[0].1);
    let (ast, mut diags) = syntax::parse(entry, files[0].1);
    let modules = load(entry, ast, &mut loader, &mut diags);
    let lines = diags.iter().map(|diag| {
        let file = loader.sources.file(diag.span().file);
        let (line, column) = file.line_column(diag.span().start);
        format!("{} {}:{line}:{column} {}", diag.code, file.name, diag.message)
    });
    (modules, lines.collect())
}

fn errors_of(files: &[(&'static str, &'static str)]) -> Vec<String> {
    linked(files).1
}

/// What a path means at the top of the entry.
fn meaning(modules: &Modules, path: &str) -> String {
    let ident = |name: &str| ast::Ident { name: Symbol::new(name), span: Span::default() };
    let path = ast::Path { segments: path.split("::").map(ident).collect(), span: Span::default() };
    let module_path = |id: &ModuleId| modules.module(*id).path.clone();
    match modules.resolve_path(modules.entry, &path, &|_| None) {
        Err(error) => format!("{} {}", error.code, error.message),
        Ok((item, used)) => match item {
            Item::Fn(def, module) => format!("fn {} of {}", def.name.name, module_path(&module)),
            Item::Struct(def, module) => format!("struct {} of {}", def.name.name, module_path(&module)),
            Item::Enum(def, module) => format!("enum {} of {}, {used}", def.name.name, module_path(&module)),
            Item::Module(module) => format!("module {}", module_path(&module)),
            Item::Let(module, name) => format!("let {name} of {}", module_path(&module)),
            Item::Op(op) => format!("op {}", op.name()),
            Item::Builtin(builtin) => format!("builtin {builtin:?}"),
            Item::Native(name) => format!("native {name}"),
            Item::Broken => "broken".to_owned(),
        },
    }
}

const GEOMETRY: (&str, &str) =
    ("geometry/mod.ein", "pub fn scale(x: f32) -> f32 { square(x) } fn square(x: f32) -> f32 { x * x }");
const SHAPES: (&str, &str) =
    ("geometry/shapes.ein", "pub fn area(w: f32) -> f32 { w } pub enum Kind { Flat, Round } pub let unit = 1.0;");

#[test]
fn files_folders_names_and_aliases() {
    let program = "use geometry; use geometry::shapes; use geometry::shapes::{area as size, unit};";
    let (modules, errors) = linked(&[("main.ein", program), GEOMETRY, SHAPES]);
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(meaning(&modules, "geometry::scale"), "fn scale of geometry");
    assert_eq!(meaning(&modules, "geometry::shapes::area"), "fn area of geometry::shapes");
    assert_eq!(meaning(&modules, "size"), "fn area of geometry::shapes");
    assert_eq!(meaning(&modules, "unit"), "let unit of geometry::shapes");
    assert_eq!(meaning(&modules, "shapes::Kind::Round"), "enum Kind of geometry::shapes, 2");
    assert_eq!(meaning(&modules, "geometry::square"), "E0202 `square` is private to module `geometry`");
    let order: Vec<&str> = modules.order.iter().map(|id| modules.module(*id).path.as_str()).collect();
    assert_eq!(order, ["geometry", "geometry::shapes", ""]);
}

#[test]
fn a_folder_needs_no_file_of_its_own() {
    let (modules, errors) = linked(&[("main.ein", "use geometry::shapes;"), SHAPES]);
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(meaning(&modules, "shapes::area"), "fn area of geometry::shapes");
}

#[test]
fn own_items_come_before_imports_and_globs() {
    let program = "use std::math::*; use geometry::*; fn floor(x: f32) -> f32 { x } let unit = 2;";
    let (modules, errors) = linked(&[("main.ein", program), GEOMETRY]);
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(meaning(&modules, "floor"), "fn floor of ");
    assert_eq!(meaning(&modules, "ceil"), "op ceil");
    assert_eq!(meaning(&modules, "scale"), "fn scale of geometry");
    assert_eq!(meaning(&modules, "square"), "E0201 unknown name `square`");
    assert_eq!(meaning(&modules, "unit"), "let unit of ");
}

#[test]
fn the_library() {
    let program = "use std::math::{sin, pow as power}; use std::math as m; use std::io::load_npy;
        use std::array::*; let x = std::linalg::det([[1.0]]);";
    let (modules, errors) = linked(&[("main.ein", program)]);
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(meaning(&modules, "power"), "op **");
    assert_eq!(meaning(&modules, "m::fmod"), "op %");
    assert_eq!(meaning(&modules, "m::pi"), "let pi of std::math");
    assert_eq!(meaning(&modules, "m::factorial"), "fn factorial of std::math");
    assert_eq!(meaning(&modules, "argsort"), "native argsort");
    assert_eq!(meaning(&modules, "load_npy"), "builtin LoadNpy");
    assert_eq!(meaning(&modules, "std::linalg::det"), "fn det of std::linalg");
    assert_eq!(meaning(&modules, "m::powi"), "E0201 module `std::math` has no name `powi`");
}

#[test]
fn the_library_parses_and_links() {
    let program = "use std::{math, array, io, linalg, ml, numerics, optim, random};";
    assert_eq!(errors_of(&[("main.ein", program)]), [""; 0]);
}

#[test]
fn nothing_of_the_library_is_read_without_need() {
    let (modules, _) = linked(&[("main.ein", "fn f(x: f32) -> f32 { x }")]);
    assert_eq!(modules.modules.len(), 1);
}

#[test]
fn python_names_are_those_of_the_library() {
    let program = "use python::math; use python::numpy as np; use python::math::{floor, sqrt as root};";
    let (modules, errors) = linked(&[("main.ein", program)]);
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(meaning(&modules, "np::exp"), "op exp");
    assert_eq!(meaning(&modules, "np::linspace"), "fn linspace of std::array");
    assert_eq!(meaning(&modules, "math::pi"), "let pi of std::math");
    assert_eq!(meaning(&modules, "root"), "op sqrt");
    assert_eq!(meaning(&modules, "np::fromfile"), "E0209 `python::numpy::fromfile` is not available");
    let program = "use python::pandas::{read_csv, to_csv};\nuse python::math::foo;";
    let (modules, errors) = linked(&[("main.ein", program)]);
    assert_eq!(
        errors,
        [
            "E0209 main.ein:1:13 `python::pandas` is not available",
            "E0209 main.ein:2:19 `python::math::foo` is not available"
        ]
    );
    assert_eq!(meaning(&modules, "read_csv"), "broken");
}

#[test]
fn what_cannot_be_imported_is_said_once() {
    let program = "use std::math::{sin, logg1p};\nuse std::optm::*;\nuse nowhere::{a, b};\nuse geometry::square;";
    let (modules, errors) = linked(&[("main.ein", program), GEOMETRY]);
    assert_eq!(
        errors,
        [
            "E0201 main.ein:1:22 module `std::math` has no name `logg1p`",
            "E0203 main.ein:2:10 module `std::optm` not found",
            "E0203 main.ein:3:5 module `nowhere` not found",
            "E0202 main.ein:4:15 `square` is private to module `geometry`",
        ]
    );
    assert_eq!(meaning(&modules, "logg1p"), "broken");
    assert_eq!(meaning(&modules, "a"), "broken");
    // It may have been meant to come from the module that was not found.
    assert_eq!(meaning(&modules, "anything"), "broken");
}

#[test]
fn unreadable_and_misspelt_files() {
    let errors = errors_of(&[("main.ein", "use broken;\nuse tolbox;"), ("toolbox.ein", "")]);
    assert_eq!(
        errors,
        ["E0203 main.ein:1:5 module `broken` not found", "E0203 main.ein:2:5 module `tolbox` not found"]
    );
}

#[test]
fn reexports_lead_on() {
    let toolbox = ("toolbox.ein", "pub use geometry::shapes::area; pub use std::math::*; use geometry::scale;");
    let program = "use toolbox; use toolbox::{area, sqrt};";
    let (modules, errors) = linked(&[("main.ein", program), toolbox, GEOMETRY, SHAPES]);
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(meaning(&modules, "area"), "fn area of geometry::shapes");
    assert_eq!(meaning(&modules, "sqrt"), "op sqrt");
    assert_eq!(meaning(&modules, "toolbox::area"), "fn area of geometry::shapes");
    assert_eq!(meaning(&modules, "toolbox::scale"), "E0202 `scale` is private to module `toolbox`");
}

#[test]
fn inline_modules_see_out_and_hide_their_own() {
    let program = "mod vault { fn secret(x: f32) -> f32 { x }
        pub mod door { use vault::secret; pub fn open(x: f32) -> f32 { secret(x) } } }
        use vault::door; fn help(x: f32) -> f32 { x }";
    let (modules, errors) = linked(&[("main.ein", program)]);
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(meaning(&modules, "vault::secret"), "E0202 `secret` is private to module `vault`");
    assert_eq!(meaning(&modules, "door::open"), "fn open of vault::door");
    let door = modules.order[0];
    assert_eq!(modules.module(door).path, "vault::door");
    assert!(modules.lookup(door, Symbol::new("help")).is_some());
}

#[test]
fn rings_are_told_from_the_entry() {
    let program = "fn f(x: f32) -> f32 { x }\nuse one::first;";
    let one = ("one.ein", "use two::second; pub fn first(n: i32) -> i32 { n }");
    let two = ("two.ein", "use one::first; pub fn second(n: i32) -> i32 { n }");
    let (modules, errors) = linked(&[("main.ein", program), one, two]);
    assert_eq!(errors, ["E0204 main.ein:2:5 modules import each other: `one` imports `two` imports `one`"]);
    assert_eq!(meaning(&modules, "first"), "fn first of one");
    assert_eq!(modules.order.len(), 3);
}

#[test]
fn the_entry_may_stand_in_a_ring() {
    let other = ("other.ein", "use main; pub fn two() -> i32 { 2 }");
    let errors = errors_of(&[("main.ein", "use other;\npub fn one() -> i32 { 1 }"), other]);
    assert_eq!(errors, ["E0204 main.ein:1:5 modules import each other: `main` imports `other` imports `main`"]);
}

#[test]
fn imports_that_chase_each_other_end() {
    let a = ("a.ein", "pub use b::f; pub use b::*;");
    let b = ("b.ein", "pub use a::f; pub use a::*;");
    let errors = errors_of(&[("main.ein", "use a::f; use a::*;"), a, b]);
    assert_eq!(errors, ["E0204 main.ein:1:5 modules import each other: `a` imports `b` imports `a`"]);
}

#[test]
fn definitions_may_not_repeat() {
    let program = "fn scale(x: f32) -> f32 { x }\nlet scale2 = 1;\nlet scale2 = 2;\nstruct scale { x: f32 }";
    assert_eq!(errors_of(&[("main.ein", program)]), ["E0205 main.ein:4:8 `scale` is defined twice"]);
}

#[test]
fn blocks_import_for_themselves() {
    let program = "fn norm(x: f32) -> f32 {
        use std::math as m;
        use m::{hypot, sqrt as root, nothing};
        mod inner { pub fn twice(x: f32) -> f32 { 2.0 * x } }
        use inner::twice;
        twice(root(hypot(x, x)))
    }";
    let (modules, errors) = linked(&[("main.ein", program)]);
    assert_eq!(errors, ["E0201 main.ein:3:38 module `std::math` has no name `nothing`"]);
    assert_eq!(meaning(&modules, "hypot"), "E0201 unknown name `hypot`");
    let ast::StmtKind::Fn(def) = &modules.module(modules.entry).statements[0].kind else { panic!("a function") };
    let mut names = Vec::new();
    for statement in &def.body.statements {
        match &statement.kind {
            ast::StmtKind::Use(def) => {
                names.extend(modules.resolve_use(def).names.iter().map(|(name, _)| name.as_str()))
            }
            ast::StmtKind::Mod(def) => assert!(modules.inline_module(def).is_some()),
            _ => {}
        }
    }
    assert_eq!(names, ["m", "hypot", "root", "nothing", "twice"]);
}

#[test]
fn a_chain_of_modules_is_followed() {
    let program = "use geometry::shapes::Kind::Round;\nuse geometry::shapes::area::more;\nuse geometry::shaps::area;";
    let errors = errors_of(&[("main.ein", program), GEOMETRY, SHAPES]);
    assert_eq!(
        errors,
        [
            "E0203 main.ein:1:23 `Kind` is an enum, not a module",
            "E0203 main.ein:2:23 `area` is a function, not a module",
            "E0203 main.ein:3:15 module `geometry::shaps` not found",
        ]
    );
}

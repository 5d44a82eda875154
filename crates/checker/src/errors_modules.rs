//! What can be wrong with names, modules and imports.

use crate::modules::Item;
use diagnostics::{Diagnostic, Span, closest};
use syntax::ast::Ident;

/// Names of other languages that parse as names here, with what to write instead.
const FOREIGN: &[(&str, &str, &str)] = &[
    ("True", "booleans are written in lower case", "true"),
    ("False", "booleans are written in lower case", "false"),
    ("None", "there is no absent value: use an enum with a variant for it, or `nan`", ""),
    ("null", "there is no absent value: use an enum with a variant for it, or `nan`", ""),
    ("nil", "there is no absent value: use an enum with a variant for it, or `nan`", ""),
    ("np", "import what is needed: `use std::math::*;`, `use std::array::*;`, or `use python::numpy as np;`", ""),
    ("numpy", "import what is needed: `use std::math::*;`, `use std::array::*;`, or `use python::numpy as np;`", ""),
    ("jnp", "import what is needed: `use std::math::*;`, `use std::array::*;`", ""),
    ("torch", "import what is needed: `use std::ml::*;`, `use std::math::*;`", ""),
    ("math", "import what is needed: `use std::math;` or `use std::math::{sin, cos};`", ""),
    ("println", "a line is written with `print`", "print"),
    ("range", "a range is written `0..n`", ""),
    ("einsum", "write the indices: `let C[i, j] = sum[k](A[i, k] * B[k, j]);`", ""),
    ("log", "the natural logarithm is `ln`: `use std::math::ln;`", "ln"),
];

/// E0201 for a name that nothing in scope has.
pub fn unknown_name<'a>(name: Ident, candidates: impl Iterator<Item = &'a str>) -> Diagnostic {
    let text = name.name.as_str();
    let error =
        Diagnostic::error("E0201", name.span, format!("unknown name `{text}`")).label("not found in this scope");
    if let Some((_, advice, replacement)) = FOREIGN.iter().find(|(foreign, ..)| *foreign == text) {
        return if replacement.is_empty() { error.help(*advice) } else { error.fix(*advice, name.span, *replacement) };
    }
    spelling(error, name, closest(text, candidates))
}

/// E0201 for a name that a module does not have; E0209 where the module stands for one of Python's.
pub fn unknown_member<'a>(name: Ident, module: &str, candidates: impl Iterator<Item = &'a str>) -> Diagnostic {
    let text = name.name.as_str();
    if module.starts_with("python") {
        return unknown_python(name, module, candidates);
    }
    let message = match module {
        "" => format!("the entry file has no name `{text}`"),
        _ => format!("module `{module}` has no name `{text}`"),
    };
    let error = Diagnostic::error("E0201", name.span, message).label("not found in that module");
    spelling(error, name, closest(text, candidates))
}

fn unknown_python<'a>(name: Ident, module: &str, candidates: impl Iterator<Item = &'a str>) -> Diagnostic {
    let text = name.name.as_str();
    let error = Diagnostic::error("E0209", name.span, format!("`{module}::{text}` is not available"));
    let error = match module {
        "python" => error.label("only `python::math` and `python::numpy` are known"),
        _ => error.label("`std` has no such name"),
    };
    let error = error.note("`python::math` and `python::numpy` offer the names that `std` has, and nothing else");
    spelling(error, name, closest(text, candidates))
}

fn spelling(error: Diagnostic, name: Ident, closest: Option<&str>) -> Diagnostic {
    match closest {
        Some(other) => error.fix(format!("did you mean `{other}`?"), name.span, other),
        None => error,
    }
}

/// E0202
pub fn private(name: Ident, module: &str, definition: Span) -> Diagnostic {
    let text = name.name.as_str();
    Diagnostic::error("E0202", name.span, format!("`{text}` is private to module `{module}`"))
        .label("not exported")
        .also(definition, "defined here without `pub`")
        .help(format!("write `pub` in front of the definition to export `{text}`"))
}

/// E0203 for a path whose `name` is neither a file nor an inline module.
pub fn module_not_found(name: Ident, path: &str, closest: Option<&str>, unreadable: Option<String>) -> Diagnostic {
    let error = Diagnostic::error("E0203", name.span, format!("module `{path}` not found"));
    let file = path.replace("::", "/");
    let error = match unreadable {
        Some(reason) => error.label("its file cannot be read").note(reason),
        None if path.starts_with("std::") => error.label("the library has no such module"),
        None => error
            .label("no file of that name")
            .note(format!("looked for `{file}.ein` and `{file}/mod.ein` in the folder of the program")),
    };
    spelling(error, name, closest)
}

/// E0203 for a path that goes on behind something else than a module.
pub fn not_a_module(name: Ident, item: &Item) -> Diagnostic {
    let kind = match item {
        Item::Fn(..) | Item::Op(_) | Item::Builtin(_) | Item::Native(_) => "a function",
        Item::Struct(..) => "a struct",
        Item::Enum(..) => "an enum",
        Item::Let(..) => "a value",
        Item::Module(_) | Item::Broken => "not a module",
    };
    let text = name.name.as_str();
    let error = Diagnostic::error("E0203", name.span, format!("`{text}` is {kind}, not a module"))
        .label("only modules have names inside");
    match item {
        Item::Enum(..) => error.help(format!("import the enum and write its variants in full: `{text}::Variant`")),
        Item::Let(..) => error.help(format!("a field is read with a point: `{text}.field`")),
        _ => error,
    }
}

/// E0204 for modules that import each other: their names, each with the `use` that leads to the next one.
pub fn import_cycle(start: Span, ring: &[(String, Span)]) -> Diagnostic {
    let mut names: Vec<String> = ring.iter().map(|(name, _)| format!("`{name}`")).collect();
    names.push(names[0].clone());
    let message = format!("modules import each other: {}", names.join(" imports "));
    let mut error = Diagnostic::error("E0204", start, message).label("the cycle is entered here");
    for (k, (_, span)) in ring.iter().enumerate() {
        if *span != start {
            error = error.also(*span, format!("{} imports {}", names[k], names[k + 1]));
        }
    }
    error.help("move what both need into a module of its own that imports neither")
}

/// E0205
pub fn duplicate(name: Ident, first: Span) -> Diagnostic {
    let text = name.name.as_str();
    Diagnostic::error("E0205", name.span, format!("`{text}` is defined twice"))
        .label("defined again here")
        .also(first, "first defined here")
        .help("rename or remove one of them")
}

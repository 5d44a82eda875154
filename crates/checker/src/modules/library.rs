//! What the library offers beside its texts: modules by name, scalar operations and functions of the runtime.

use super::{Definition, Item};
use diagnostics::{Span, Symbol};
use ir::{Builtin, Op};

pub(super) const MODULES: &[&str] = &["array", "io", "linalg", "math", "ml", "numerics", "optim", "random"];

/// Modules of the older Python implementation, each with the library modules that stand for it.
pub(super) const PYTHON: &[(&str, &[&str])] = &[("math", &["math"]), ("numpy", &["math", "array", "linalg", "io"])];

/// Operations that are written as operators, and so are no functions.
const OPERATORS: &[Op] = &[Op::PowI, Op::Neg];

/// The module of the library that has a function without a text.
pub(super) fn library_module_of(name: &str) -> Option<&'static str> {
    let modules = ["std::math", "std::array", "std::io"];
    modules.into_iter().find(|module| injected(module).iter().any(|(known, _)| known.as_str() == name))
}

/// What `std::…` has without a text.
pub(super) fn injected(module: &str) -> Vec<(Symbol, Definition)> {
    let items: Vec<(&str, Item)> = match module {
        "std::math" => {
            let words = ir::ops::ROWS.iter().filter(|row| row.name.starts_with(char::is_alphabetic));
            let functions = words.filter(|row| !OPERATORS.contains(&row.op));
            functions
                .map(|row| (row.name, Item::Op(row.op)))
                .chain([("pow", Item::Op(Op::Pow)), ("fmod", Item::Op(Op::Rem))])
                .collect()
        }
        "std::array" => vec![("argsort", Item::Native("argsort"))],
        "std::io" => {
            let rows = ir::files::ROWS.iter().filter(|row| !row.op.is_cast());
            let own = [
                ("load_npy", Builtin::LoadNpy),
                ("save_npy", Builtin::SaveNpy),
                ("read_text", Builtin::ReadText),
                ("write_text", Builtin::WriteText),
            ];
            let all = own.into_iter().chain(rows.map(|row| (row.name, Builtin::File(row.op))));
            all.map(|(name, builtin)| (name, Item::Builtin(builtin))).collect()
        }
        _ => Vec::new(),
    };
    let define = |(name, item)| (Symbol::new(name), Definition { item, public: true, span: Span::default() });
    items.into_iter().map(define).collect()
}

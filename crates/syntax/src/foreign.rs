//! Words that other languages have and this one does not, as rows. All of them are ordinary names where a
//! name can stand; only where nothing else makes sense are they taken for what they mean elsewhere.

use crate::ast::Ident;
use crate::errors;
use crate::token::Tok;
use diagnostics::Diagnostic;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Begins a binding: only the word is wrong.
    Binding,
    /// Begins a function.
    Function,
    /// Brings in a module.
    Import,
    /// Has a body: the statement goes up to the end of it.
    Compound,
    /// Stands before a value, which is kept.
    Prefix,
    /// A statement of its own.
    Plain,
}

pub struct Word {
    pub word: &'static str,
    pub form: Form,
    pub message: &'static str,
    pub help: &'static str,
}

const fn word(word: &'static str, form: Form, message: &'static str, help: &'static str) -> Word {
    Word { word, form, message, help }
}

const LOOP_HELP: &str = "define all cells at once, `let y[i] = f(x[i]);`, collect them, `[f(x) | x in xs]`, \
    or carry state in a recurrence, `let h[t in 1..n] = step(h[t - 1]);`";
const TYPE_HELP: &str = "write `struct Name { field: f32 }` or `enum Name { A, B(f32) }`, and functions beside it";
const MATCH_HELP: &str = "write `match x { 0 => a, 1 | 2 => b, _ => c }`";
const LAST_HELP: &str = "the last expression of a block is its value: leave `return` and its `;` out, \
    and choose between values with `if c { a } else { b }`";
const ERROR_HELP: &str = "write `panic(\"message\")`, and catch errors with `try e` or `x ?> f else v`";

const WORDS: &[Word] = &[
    word("for", Form::Compound, "there is no `for`", LOOP_HELP),
    word("foreach", Form::Compound, "there is no `foreach`", LOOP_HELP),
    word("while", Form::Compound, "there is no `while`", LOOP_HELP),
    word("loop", Form::Compound, "there is no `loop`", LOOP_HELP),
    word("repeat", Form::Compound, "there is no `repeat`", LOOP_HELP),
    word("until", Form::Compound, "there is no `until`", LOOP_HELP),
    word("do", Form::Compound, "there is no `do`", LOOP_HELP),
    word("return", Form::Prefix, "there is no `return`: a block ends in its value, an expression", LAST_HELP),
    word("yield", Form::Prefix, "there is no `yield`", "collect the values, `[f(x) | x in xs]`"),
    word("await", Form::Prefix, "there is no `await`", "every call gives its value at once"),
    word("break", Form::Plain, "there is no `break`", LOOP_HELP),
    word("continue", Form::Plain, "there is no `continue`", LOOP_HELP),
    word("pass", Form::Plain, "there is no `pass`", "an empty block is `{}`"),
    word("del", Form::Plain, "there is no `del`", "a binding ends with its block"),
    word("global", Form::Plain, "there is no `global`", "functions see the bindings of their module as they are"),
    word("var", Form::Binding, "", ""),
    word("const", Form::Binding, "", ""),
    word("val", Form::Binding, "", ""),
    word("auto", Form::Binding, "", ""),
    word("static", Form::Binding, "", ""),
    word("final", Form::Binding, "", ""),
    word("local", Form::Binding, "", ""),
    word("mut", Form::Binding, "", ""),
    word("def", Form::Function, "", ""),
    word("function", Form::Function, "", ""),
    word("func", Form::Function, "", ""),
    word("fun", Form::Function, "", ""),
    word("proc", Form::Function, "", ""),
    word("import", Form::Import, "", ""),
    word("from", Form::Import, "", ""),
    word("include", Form::Import, "", ""),
    word("require", Form::Import, "", ""),
    word("using", Form::Import, "", ""),
    word("class", Form::Compound, "there are no classes", TYPE_HELP),
    word("impl", Form::Compound, "types have no methods of their own", TYPE_HELP),
    word("trait", Form::Compound, "there are no traits", "functions without annotations are generic"),
    word("interface", Form::Compound, "there are no interfaces", "functions without annotations are generic"),
    word("type", Form::Plain, "types have no other names", TYPE_HELP),
    word("typedef", Form::Plain, "types have no other names", TYPE_HELP),
    word("switch", Form::Compound, "there is no `switch`", MATCH_HELP),
    word("case", Form::Compound, "there is no `case`", MATCH_HELP),
    word("unless", Form::Compound, "there is no `unless`", "write `if !c { a } else { b }`"),
    word("with", Form::Compound, "there is no `with`", "a binding ends with its block, `{ let x = …; … }`"),
    word("begin", Form::Compound, "a block stands in braces", "write `{ … }`"),
    word("unsafe", Form::Compound, "there is no `unsafe`", "every access is checked; write `{ … }`"),
    word("raise", Form::Plain, "there is no `raise`", ERROR_HELP),
    word("throw", Form::Plain, "there is no `throw`", ERROR_HELP),
    word("except", Form::Compound, "there is no `except`", ERROR_HELP),
    word("async", Form::Function, "", ""),
];

pub fn at_statement(tok: &Tok) -> Option<&'static Word> {
    let Tok::Ident(name) = tok else { return None };
    WORDS.iter().find(|row| row.word == name.as_str())
}

/// `break;` and its kin parse as the use of a name.
pub fn lone_word(name: Ident) -> Option<Diagnostic> {
    let row = WORDS.iter().find(|row| row.word == name.name.as_str())?;
    let alone = matches!(row.word, "break" | "continue" | "return" | "pass");
    alone.then(|| errors::foreign_word(name.span, row.word, row.message, row.help))
}

/// Operators that are words elsewhere: what they are called here.
pub fn word_operator(word: &str) -> Option<(&'static str, Tok)> {
    Some(match word {
        "and" => ("&&", Tok::AndAnd),
        "or" => ("||", Tok::OrOr),
        "is" => ("==", Tok::EqEq),
        "xor" => ("!=", Tok::NotEq),
        "div" => ("/", Tok::Slash),
        _ => return None,
    })
}

pub fn is_else_if(tok: &Tok) -> bool {
    ["elif", "elsif", "elseif"].iter().any(|word| tok.is_word(word))
}

//! The words of every syntax error: one function per mistake, the facts go in, the sentence stands here.

use diagnostics::{Diagnostic, Span};

const TOKEN: &str = "E0101";
const UNCLOSED: &str = "E0102";
const FOREIGN: &str = "E0103";
const LITERAL: &str = "E0403";

// Characters and literals.

pub fn unknown_character(span: Span, c: char) -> Diagnostic {
    let name = if c.is_control() || c.is_whitespace() { format!("U+{:04X}", c as u32) } else { format!("`{c}`") };
    let error = Diagnostic::error(TOKEN, span, format!("{name} is not a character of the language"))
        .label("means nothing here");
    match c {
        '“' | '”' | '„' => error.help("a text stands between straight quotes, `\"text\"`"),
        '×' | '·' => error.fix("a product is written `*`", span, "*"),
        '÷' => error.fix("a quotient is written `/`", span, "/"),
        '−' | '–' => error.fix("this is a dash, a minus is `-`", span, "-"),
        '≤' => error.fix("write `<=`", span, "<="),
        '≥' => error.fix("write `>=`", span, ">="),
        '≠' => error.fix("write `!=`", span, "!="),
        '∈' => error.fix("write `in`", span, "in"),
        '\'' => error.help("a text stands between double quotes, `\"text\"`"),
        '\\' => error.help("a lambda is written `|x| x + 1`, and a statement may go on over several lines as it is"),
        _ => error.help("take it out, or put it into a text, `\"…\"`"),
    }
}

pub fn radix_without_digits(span: Span, prefix: &str) -> Diagnostic {
    let (kind, example) = match prefix {
        "0x" => ("hexadecimal", "0xff"),
        "0b" => ("binary", "0b101"),
        _ => ("octal", "0o17"),
    };
    Diagnostic::error(TOKEN, span, format!("`{prefix}` begins a {kind} number, and no digits of one follow"))
        .label("no digits")
        .help(format!("write the digits behind it, as in `{example}`"))
}

pub fn integer_too_large(span: Span, text: &str) -> Diagnostic {
    Diagnostic::error(LITERAL, span, format!("the integer `{text}` does not fit into any integer type"))
        .label("too large")
        .help("the largest integer is `9223372036854775807i64`; a float takes more, `1e20`")
}

pub fn unknown_suffix(span: Span, suffix: &str) -> Diagnostic {
    Diagnostic::error(TOKEN, span, format!("`{suffix}` is not the suffix of a number"))
        .label("not a type of number")
        .help("the suffixes are `i8 u8 i32 i64 f16 bf16 f32 f64`; a product needs its `*`, and a name begins with a letter")
}

pub fn suffix_on_radix(span: Span, suffix: &str) -> Diagnostic {
    Diagnostic::error(LITERAL, span, format!("a number in this notation is an integer, it cannot be `{suffix}`"))
        .label("an integer")
        .help(format!("cast it, `(…) as {suffix}`"))
}

pub fn float_as_integer(span: Span, suffix: &str) -> Diagnostic {
    Diagnostic::error(LITERAL, span, format!("a number with a point or an exponent cannot be `{suffix}`"))
        .label("a float")
        .help(format!("leave the point out, or cast it, `(…) as {suffix}`"))
}

pub fn leading_point(span: Span, digits: &str) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, format!("a number begins with a digit: `.{digits}` is written `0.{digits}`"))
        .label("no digit before the point")
        .fix(format!("write `0.{digits}`"), span, format!("0.{digits}"))
}

pub fn trailing_point(span: Span, whole: &str) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, format!("a point needs digits behind it: `{whole}.` is written `{whole}.0`"))
        .label("no digit behind the point")
        .fix(format!("write `{whole}.0`"), span, format!("{whole}.0"))
}

// Texts.

pub fn unclosed_text(end: Span, quote: Span) -> Diagnostic {
    Diagnostic::error(UNCLOSED, end, "this text is never closed")
        .label("a `\"` is missing")
        .also(quote, "the text begins here")
        .fix("close the text", end, "\"")
}

pub fn unclosed_hole(end: Span, open: Span) -> Diagnostic {
    Diagnostic::error(UNCLOSED, end, "this interpolation is never closed")
        .label("a `}` is missing")
        .also(open, "the interpolation begins here")
        .fix("close the interpolation; a brace that is text is written `{{`", end, "}")
}

pub fn lone_brace(span: Span) -> Diagnostic {
    Diagnostic::error(TOKEN, span, "a closing brace in a text is written `}}`").label("closes no interpolation").fix(
        "write it twice",
        span,
        "}}",
    )
}

pub fn braces_of_text(span: Span, fixed: String) -> Diagnostic {
    Diagnostic::error(TOKEN, span, "a brace in a text is written `{{`, a single one holds an expression")
        .label("no expression")
        .fix("write it twice", span, fixed)
}

pub fn bad_escape(span: Span, c: char) -> Diagnostic {
    let error = Diagnostic::error(TOKEN, span, format!("`\\{c}` is not an escape")).label("not an escape");
    match c {
        '{' | '}' => error.fix(format!("a brace in a text is written `{c}{c}`"), span, format!("{c}{c}")),
        '\'' => error.fix("a single quote needs no escape", span, "'"),
        _ => error.help("the escapes are `\\n \\t \\r \\\\ \\\" \\0 \\u{1F600}`").fix(
            "a backslash is written `\\\\`",
            span,
            format!("\\\\{c}"),
        ),
    }
}

pub fn lone_backslash(span: Span) -> Diagnostic {
    Diagnostic::error(TOKEN, span, "a backslash in a text needs a character behind it")
        .label("escapes nothing")
        .help("a backslash is written `\\\\`; a text may go on over several lines as it is")
}

pub fn bad_scalar(span: Span, digits: &str) -> Diagnostic {
    Diagnostic::error(TOKEN, span, format!("`\\u{{{digits}}}` is not a character"))
        .label("no such character")
        .help("between the braces stand one to six hexadecimal digits of a Unicode scalar, `\\u{1F600}`")
}

pub fn bad_format(span: Span, spec: &str, problem: String) -> Diagnostic {
    Diagnostic::error(TOKEN, span, format!("`{spec}` is not a format"))
        .label(problem)
        .help("a format is `[[fill]align][sign][0][width][.precision][type]`, as in `{loss:.4f}` or `{name:>12}`")
}

pub fn empty_hole(span: Span) -> Diagnostic {
    Diagnostic::error(TOKEN, span, "an interpolation needs an expression between its braces")
        .label("nothing to show")
        .help("write the value into it, `{x}`; braces that are text are written `{{}}`")
}

pub fn single_quotes(span: Span, content: &str) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, "a text stands between double quotes").label("single quotes").fix(
        "use double quotes",
        span,
        format!("\"{content}\""),
    )
}

pub fn triple_quotes(span: Span) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, "a text has one quote at each end")
        .label("three quotes")
        .help("a text between single `\"` may go on over several lines; a comment begins with `//`")
}

// Brackets.

pub fn unclosed_bracket(end: Span, open: Span, opener: &str, closer: &str) -> Diagnostic {
    Diagnostic::error(UNCLOSED, end, format!("this `{opener}` is never closed"))
        .label(format!("a `{closer}` is missing here"))
        .also(open, "opened here")
        .fix(format!("close it with `{closer}`"), end, closer)
}

pub fn wrong_closer(span: Span, open: Span, opener: &str, closer: &str, found: &str) -> Diagnostic {
    Diagnostic::error(UNCLOSED, span, format!("a `{opener}` is closed by `{closer}`, not by `{found}`"))
        .label(format!("should be `{closer}`"))
        .also(open, "opened here")
        .fix(format!("write `{closer}`"), span, closer)
}

pub fn stray_closer(span: Span, closer: &str) -> Diagnostic {
    Diagnostic::error(TOKEN, span, format!("this `{closer}` closes nothing")).label("nothing is open here").fix(
        "take it out",
        span,
        "",
    )
}

// Statements.

pub fn missing_semicolon(end: Span) -> Diagnostic {
    Diagnostic::error(TOKEN, end, "a statement ends in `;`").label("a `;` is missing here").fix(
        "end the statement",
        end,
        ";",
    )
}

pub fn floor_division(end: Span, comment: Span) -> Diagnostic {
    Diagnostic::error(TOKEN, end, "a statement ends in `;`, and the comment has swallowed what followed")
        .label("a `;` is missing here")
        .also(comment, "`//` begins a comment, it is no floor division")
        .fix("end the statement before the comment", end, ";")
        .help("`/` of integers truncates toward zero; of floats, `floor(a / b)` rounds down")
}

pub fn keyword_as_name(span: Span, keyword: &str) -> Diagnostic {
    Diagnostic::error(TOKEN, span, format!("`{keyword}` is a keyword and cannot be a name"))
        .label("a name is needed here")
        .fix("choose another name", span, format!("{keyword}_"))
}

pub fn side_by_side(span: Span, before: Span, found: &str) -> Diagnostic {
    Diagnostic::error(TOKEN, span, format!("an operator, a `,` or a `;` is missing before {found}"))
        .label("does not go on from what stands before it")
        .also(before, "this was complete")
}

pub fn missing_operand(span: Span, operator: Span, operator_text: &str) -> Diagnostic {
    Diagnostic::error(TOKEN, span, format!("`{operator_text}` needs a value on its right"))
        .label("a value is missing here")
        .also(operator, "for this operator")
}

pub fn missing_left_operand(span: Span, operator: &str) -> Diagnostic {
    Diagnostic::error(TOKEN, span, format!("`{operator}` needs a value on its left")).label("nothing stands before it")
}

pub fn missing_value(span: Span) -> Diagnostic {
    Diagnostic::error(TOKEN, span, "a `let` needs a value")
        .label("a value is missing here")
        .help("write `let name = value;`")
}

pub fn binding_without_value(span: Span) -> Diagnostic {
    Diagnostic::error(TOKEN, span, "a `let` binds a value, and this one has none")
        .label("`= value` is missing here")
        .help("there are no bindings to be filled later: write `let name = value;` where the value is known")
}

pub fn unexpected(span: Span, found: &str, wanted: &str) -> Diagnostic {
    Diagnostic::error(TOKEN, span, format!("{wanted}, not {found}")).label("this does not fit here")
}

pub fn ends_too_early(span: Span, wanted: &str) -> Diagnostic {
    Diagnostic::error(TOKEN, span, format!("{wanted}, and the file ends here")).label("the file ends")
}

pub fn where_out_of_place(span: Span) -> Diagnostic {
    Diagnostic::error(TOKEN, span, "a `where` stands at the end of a `let`, of a reduction or of a match pattern")
        .label("gates nothing here")
        .help("bind the value first, `let cells = sum[k](x[k]) where …;`, or put it inside, `sum[k](x[k] where …)`")
}

pub fn else_out_of_place(span: Span) -> Diagnostic {
    Diagnostic::error(TOKEN, span, "this `else` belongs to no `if`, no `?>` chain and no `where`")
        .label("nothing to be the alternative of")
}

pub fn chain_without_handler(span: Span, operator: &str, handler: &str) -> Diagnostic {
    Diagnostic::error(TOKEN, span, format!("a chain with `{operator}` ends in `{handler}`"))
        .label(format!("`{handler}` is missing at its end"))
        .help(format!("say what the chain is worth after an error, `x {operator} f {handler} 0.0`"))
}

pub fn where_in_call(span: Span) -> Diagnostic {
    Diagnostic::error(TOKEN, span, "a `where` inside parentheses belongs to a reduction with its coordinates")
        .label("not in a plain call")
        .help("name the coordinates, `sum[i](x[i] where x[i] > 0)`")
}

// Forms of other languages.

pub fn hash_comment(span: Span) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, "a comment begins with `//`").label("`#` of another language").fix(
        "write `//`",
        span,
        "//",
    )
}

pub fn foreign_word(span: Span, word: &str, message: &str, help: &str) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, message).label(format!("`{word}` of another language")).help(help)
}

pub fn foreign_let(span: Span, word: &str) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, "a binding begins with `let`").label(format!("`{word}` of another language")).fix(
        "write `let`",
        span,
        "let",
    )
}

pub fn mutable_binding(span: Span) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, "bindings cannot be changed, so there is no `mut`")
        .label("`mut` of another language")
        .fix("leave `mut` out; `let x = x + 1;` shadows, and a recurrence `let x[t in 1..n] = x[t - 1] + 1;` carries state", span, "")
}

pub fn foreign_fn(span: Span, word: &str) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, "a function begins with `fn`").label(format!("`{word}` of another language")).fix(
        "write `fn name(x) { … }`",
        span,
        "fn",
    )
}

pub fn python_block(span: Span) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, "a block stands in braces, not behind a colon")
        .label("`:` of another language")
        .help("write `if c { a } else { b }` and `fn f(x) { … }`")
}

pub fn import(span: Span, word: &str, fix: Option<(Span, String)>) -> Diagnostic {
    let error =
        Diagnostic::error(FOREIGN, span, "modules come in with `use`").label(format!("`{word}` of another language"));
    match fix {
        Some((place, text)) => error.fix(format!("write `{text}`"), place, text),
        None => error.help("write `use std::math::{sin, cos};`"),
    }
}

pub fn else_if(span: Span, word: &str) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, format!("`{word}` is written `else if`"))
        .label(format!("`{word}` of another language"))
        .fix("write `else if`", span, "else if")
}

pub fn branch_without_braces(span: Span, branch: Option<&str>) -> Diagnostic {
    let error =
        Diagnostic::error(FOREIGN, span, "every branch of an `if` is a block in braces").label("a `{` is missing here");
    match branch {
        Some(branch) => error.fix("put the branch in braces", span, format!("{{ {branch} }}")),
        None => error.help("write `if c { a } else { b }`"),
    }
}

pub fn ternary(span: Span, text: Option<(Span, String)>) -> Diagnostic {
    let error = Diagnostic::error(FOREIGN, span, "a choice is written with `if`").label("`?` of another language");
    match text {
        Some((place, text)) => error.fix(format!("write `{text}`"), place, text),
        None => error.help("write `if c { a } else { b }`"),
    }
}

pub fn trailing_if(span: Span) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, "the condition of a choice stands first")
        .label("an `if` behind its value")
        .help("write `if c { a } else { b }`; a filter of a comprehension is `[x | x in xs, x > 0]`")
}

pub fn word_operator(span: Span, word: &str, operator: &str) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, format!("`{word}` is written `{operator}`"))
        .label(format!("`{word}` of another language"))
        .fix(format!("write `{operator}`"), span, operator)
}

pub fn bit_operator(span: Span, operator: &str, logical: &str) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, format!("there are no operators on bits, and the logical one is `{logical}`"))
        .label(format!("`{operator}` of another language"))
        .fix(format!("write `{logical}`"), span, logical)
}

pub fn caret(span: Span) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, "a power is written `**`").label("`^` of another language").fix(
        "write `**`",
        span,
        "**",
    )
}

pub fn matrix_product(span: Span, names: Option<(&str, &str)>) -> Diagnostic {
    let (a, b) = names.unwrap_or(("a", "b"));
    Diagnostic::error(FOREIGN, span, "a matrix product names the coordinate that it sums over")
        .label("`@` between two values is of another language")
        .help(format!("write `let c[i, j] = sum[k]({a}[i, k] * {b}[k, j]);`"))
}

pub fn apostrophe_transpose(span: Span) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, "a transpose names its coordinates")
        .label("`'` of another language")
        .help("write `let t[j, i] = a[i, j];`")
}

pub fn strict_equality(span: Span, equal: bool) -> Diagnostic {
    let (word, operator) = if equal { ("===", "==") } else { ("!==", "!=") };
    word_operator(span, word, operator)
}

pub fn increment(span: Span, word: &str, fix: Option<(Span, String)>) -> Diagnostic {
    let error = Diagnostic::error(FOREIGN, span, format!("bindings cannot be changed, so there is no `{word}`"))
        .label(format!("`{word}` of another language"));
    match fix {
        Some((place, text)) => error.fix("shadow the binding", place, text),
        None => error
            .help("shadow the binding, `let x = x + 1;`, or write a recurrence, `let x[t in 1..n] = x[t - 1] + 1;`"),
    }
}

pub fn assignment(span: Span, fix: Option<(Span, String)>) -> Diagnostic {
    let error =
        Diagnostic::error(FOREIGN, span, "bindings cannot be changed; `let` makes a new one that shadows the old")
            .label("an assignment of another language");
    match fix {
        Some((place, text)) => error.fix(format!("write `{text}`"), place, text),
        None => error.help("write `let x = …;`; state over steps is a recurrence, `let x[t in 1..n] = x[t - 1] + 1;`"),
    }
}

pub fn walrus(span: Span) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, "a `let` binds with `=`").label("`:=` of another language").fix(
        "write `=`",
        span,
        "=",
    )
}

pub fn body_without_braces(span: Span) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, "the body of a function is a block in braces")
        .label("`=` of another language")
        .help("write `fn f(x) { x + 1 }`")
}

pub fn catch_block(span: Span, word: &str) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, format!("there is no `{word}` block"))
        .label(format!("`{word}` of another language"))
        .help("end a chain with it, `x !> f catch |e| v`, or look into `try e`, which has `ok`, `value` and `message`")
}

pub fn assignment_in_condition(span: Span) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, "`=` is no comparison").label("an assignment of another language").fix(
        "write `==` to compare",
        span,
        "==",
    )
}

pub fn chained_comparison(span: Span, fix: String) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, "comparisons do not chain").label("a chain of comparisons").fix(
        format!("write `{fix}`"),
        span,
        fix,
    )
}

pub fn tuple_bracket(span: Span, fix: Option<(Span, String)>) -> Diagnostic {
    let error =
        Diagnostic::error(FOREIGN, span, "an item of a tuple is read with a point").label("a bracket on a tuple");
    match fix {
        Some((place, text)) => error.fix(format!("write `{text}`"), place, text),
        None => error.help("write `pair.0`"),
    }
}

pub fn colon_slice(span: Span, whole_axis: bool) -> Diagnostic {
    let message = if whole_axis { "a whole axis is taken with `..`" } else { "a slice is written `a..b`" };
    Diagnostic::error(FOREIGN, span, message).label("`:` of another language").fix("write `..`", span, "..")
}

pub fn slice_step(span: Span) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, "a slice has no step")
        .label("a step of another language")
        .help("name the coordinate, `let even[i] = a[2 * i];`")
}

pub fn keyword_argument(span: Span, name: &str) -> Diagnostic {
    let error = Diagnostic::error(FOREIGN, span, "arguments have no names, they go by their order")
        .label("an argument by name of another language");
    match name {
        "axis" | "dim" | "dims" | "keepdims" => {
            error.help("a reduction names its coordinates in brackets, `sum[k](x[i, k])`")
        }
        _ => error.help("leave the name out and keep the order of the parameters"),
    }
}

pub fn borrow(span: Span, text: &str) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, "values are passed as they are, there are no references")
        .label(format!("`{text}` of another language"))
        .fix(format!("leave `{text}` out"), span, "")
}

pub fn macro_call(span: Span, name: &str, fix: Option<(Span, String)>) -> Diagnostic {
    let error = Diagnostic::error(FOREIGN, span, "there are no macros").label(format!("`{name}!` of another language"));
    match fix {
        Some((place, text)) => error.fix(format!("write `{text}`"), place, text),
        None => error.help("a call has no `!`"),
    }
}

pub fn arrow_lambda(span: Span, arrow: &str, fix: Option<(Span, String)>) -> Diagnostic {
    let error =
        Diagnostic::error(FOREIGN, span, "a lambda is written `|x| …`").label(format!("`{arrow}` of another language"));
    match fix {
        Some((place, text)) => error.fix(format!("write `{text}`"), place, text),
        None => error.help("write `|x| x + 1`"),
    }
}

pub fn python_lambda(span: Span, params: &str) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, "a lambda is written `|x| …`").label("`lambda` of another language").fix(
        format!("write `|{params}|`"),
        span,
        format!("|{params}|"),
    )
}

pub fn call_without_parentheses(span: Span, name: &str, fix: Option<(Span, String)>) -> Diagnostic {
    let error = Diagnostic::error(FOREIGN, span, format!("a call of `{name}` needs its parentheses"))
        .label("arguments without parentheses");
    match fix {
        Some((place, text)) => error.fix(format!("write `{text}`"), place, text),
        None => error.help(format!("write `{name}(…)`")),
    }
}

pub fn repeated_array(span: Span, fix: Option<(Span, String)>) -> Diagnostic {
    let error = Diagnostic::error(FOREIGN, span, "an array of equal items is a comprehension or an indexed `let`")
        .label("`;` in an array is of another language");
    match fix {
        Some((place, text)) => error.fix(format!("write `{text}`"), place, text),
        None => error.help("write `[0.0 | k in 0..n]` or `let x[i in 0..n] = 0.0;`"),
    }
}

pub fn python_comprehension(span: Span, fix: Option<(Span, String)>) -> Diagnostic {
    let error = Diagnostic::error(FOREIGN, span, "a comprehension is written `[e | x in xs]`")
        .label("`for` of another language");
    match fix {
        Some((place, text)) => error.fix(format!("write `{text}`"), place, text),
        None => error.help("write `[x * x | x in xs, x > 0]`"),
    }
}

pub fn wildcard_arm(span: Span) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, "the guard of an arm is written `where`").label("`if` of another language").fix(
        "write `where`",
        span,
        "where",
    )
}

pub fn type_arguments(span: Span) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, "types take no arguments in angle brackets")
        .label("type arguments of another language")
        .help("a tensor is `[f32; 2, 3]`, and functions without annotations are generic")
}

pub fn block_comment(span: Span) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, "a comment begins with `//` and ends with its line")
        .label("a comment of another language")
        .help("write `//` in front of each line")
}

pub fn percent_comment(span: Span) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, "a comment begins with `//`").label("`%` of another language").fix(
        "write `//`",
        span,
        "//",
    )
}

pub fn backticks(span: Span, content: &str) -> Diagnostic {
    let text = content.replace("${", "{").replace('"', "\\\"");
    Diagnostic::error(FOREIGN, span, "a text stands between double quotes").label("backticks of another language").fix(
        "use double quotes",
        span,
        format!("\"{text}\""),
    )
}

pub fn concatenation(span: Span) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, "texts are joined by `+`, and tensors along a coordinate")
        .label("`++` of another language")
        .help("write `a + b` for texts, `concat[i](a[i], b[i])` for tensors, `[x | row in [a, b], x in row]` for lists")
}

pub fn typed_function(span: Span, word: &str, name: &str) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, "a function begins with `fn`, and its result stands behind the parameters")
        .label(format!("`{word}` of another language"))
        .help(format!("write `fn {name}(x: f32) -> f32 {{ … }}`"))
}

pub fn field_equals(span: Span) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, "the value of a field stands behind a colon").label("`=` of another language").fix(
        "write `:`",
        span,
        ":",
    )
}

pub fn field_semicolon(span: Span) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, "fields are parted by `,`").label("`;` of another language").fix(
        "write `,`",
        span,
        ",",
    )
}

pub fn construction(span: Span, name: &str) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, "a struct is built by its name and its fields")
        .label("`new` of another language")
        .help(format!("write `{name} {{ field: value }}`"))
}

pub fn result_colon(span: Span) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, "the type of a result stands behind `->`").label("`:` of another language").fix(
        "write ` ->`",
        span,
        " ->",
    )
}

pub fn indexed_assignment(span: Span, name: &str, index: &str, value: &str) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, "a tensor cannot be changed; a new one says what each cell is")
        .label("an assignment of another language")
        .help(format!("write `let changed[i] = if i == {index} {{ {value} }} else {{ {name}[i] }};`, or define `{name}` by clauses"))
}

pub fn decorator(span: Span, text: &str) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, "functions have no decorators").label(format!("`{text}` of another language")).fix(
        "leave it out; every function is compiled, and `@y / @x` is a derivative",
        span,
        "",
    )
}

pub fn text_prefix(span: Span, prefix: &str) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, "every text in double quotes fills its `{…}` in")
        .label(format!("`{prefix}` of another language"))
        .fix(format!("leave `{prefix}` out"), span, "")
}

pub fn default_value(span: Span) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, "parameters have no default values")
        .label("a default value of another language")
        .fix("leave it out, and give the value in each call", span, "")
}

pub fn dotted_operator(span: Span, written: &str, operator: &str) -> Diagnostic {
    Diagnostic::error(
        FOREIGN,
        span,
        format!("operators on tensors go cell by cell, so `{written}` is written `{operator}`"),
    )
    .label(format!("`{written}` of another language"))
    .fix(format!("write `{operator}`"), span, operator)
}

pub fn dotted_call(span: Span) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, "a function of a number maps over a tensor by itself")
        .label("`.` of another language")
        .fix("leave the point out", span, "")
}

pub fn ellipsis(span: Span) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, "`..` stands for one whole axis, and axes behind the last index are taken whole")
        .label("`...` of another language")
        .help("write `..` for each axis, or a pack, `x[..batch, 0]`")
}

pub fn variadic(span: Span, written: &str, in_signature: bool) -> Diagnostic {
    let message =
        if in_signature { "a function has as many parameters as it names" } else { "arguments are given one by one" };
    Diagnostic::error(FOREIGN, span, message)
        .label(format!("`{written}` of another language"))
        .help("pass several values as a list, a tuple or a struct")
}

pub fn dictionary(span: Span) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, "there are no dictionaries").label("a dictionary of another language").help(
        "names that are known are fields, `struct Config { a: i32 }`; pairs are a list, `[(\"a\", 1), (\"b\", 2)]`",
    )
}

pub fn colon_range(span: Span) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, "a range is written `a..b` without its end, `a..=b` with it")
        .label("`:` of another language")
        .fix("write `..=`", span, "..=")
}

pub fn call_type_arguments(span: Span) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, "a call takes no types: they follow from its arguments")
        .label("type arguments of another language")
        .fix("leave them out", span, "")
}

pub fn bracketed_type(span: Span) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, "a type takes no arguments; of tensors and lists it stands in the brackets")
        .label("a type of another language")
        .help("write `[f32; ?]` for a vector, `[f32; 2, 3]` for a matrix, `[str]` for a list of texts")
}

pub fn foreign_arm(span: Span, word: &str) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, "an arm of a `match` is `pattern => value,`")
        .label(format!("`{word}` of another language"))
        .help("write `match x { 1 => a, 2 | 3 => b, _ => c }`")
}

pub fn try_mark(span: Span) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, "an error ends the program unless something catches it")
        .label("`?` of another language")
        .fix("leave it out; to catch errors write `x ?> f else v`, or look into `try e`", span, "")
}

pub fn unary_plus(span: Span) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, "there is no sign `+`").label("`+` before a value").fix("leave it out", span, "")
}

pub fn single_bar(span: Span) -> Diagnostic {
    bit_operator(span, "|", "||")
}

pub fn if_let(span: Span) -> Diagnostic {
    Diagnostic::error(FOREIGN, span, "there is no `if let`")
        .label("a pattern as a condition")
        .help("write `match value { pattern => a, _ => b }`")
}

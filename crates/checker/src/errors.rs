//! What the checker says, one row per diagnostic: the payload comes in, the words stand here.

use crate::foreign;
use diagnostics::{Diagnostic, Span, Symbol};

fn list(names: &[String]) -> String {
    match names {
        [] => "no coordinates".to_owned(),
        [one] => format!("`{one}`"),
        [front @ .., last] => {
            let front: Vec<String> = front.iter().map(|n| format!("`{n}`")).collect();
            format!("{} and `{last}`", front.join(", "))
        }
    }
}

/// What does not fit inside of the library comes from the call that led there; no user can mend it elsewhere.
pub fn in_library(inner: Diagnostic, call: Span, is_library: impl Fn(Span) -> bool) -> Diagnostic {
    let mut d = Diagnostic::error(inner.code, call, inner.message).label("this call leads there");
    d.severity = inner.severity;
    let (inside, outside): (Vec<_>, Vec<_>) = inner.labels.into_iter().partition(|label| is_library(label.span));
    d = outside.into_iter().fold(d, |d, label| d.also(label.span, label.text));
    d = inside.into_iter().take(1).fold(d, |d, label| d.note(format!("inside of the library: {}", label.text)));
    inner.notes.into_iter().fold(d, |d, note| d.note(note))
}

pub fn unknown_name(span: Span, name: &str, near: Option<&str>) -> Diagnostic {
    let spelling = match name {
        "True" | "TRUE" => Some(("true", "truth values are written in lower case")),
        "False" | "FALSE" => Some(("false", "truth values are written in lower case")),
        "None" | "nil" | "null" | "nothing" => Some(("()", "there is no null; `()` is the empty value")),
        _ => None,
    };
    let d = Diagnostic::error("E0201", span, format!("`{name}` is not known here"))
        .label("no binding of this name is in scope");
    match (spelling, near) {
        (Some((text, why)), _) => d.note(why).fix(format!("write `{text}`"), span, text),
        (None, _) if foreign::module(name).is_some() => {
            d.note(format!("`{name}` is a module of another language")).help(foreign::module(name).unwrap_or_default())
        }
        (None, _) if foreign::name(name).is_some() => d.help(foreign::name(name).unwrap_or_default()),
        (None, Some(near)) => d.fix(format!("did you mean `{near}`?"), span, near),
        (None, None) => d,
    }
}

/// `start` is where the file begins.
pub fn not_imported(span: Span, name: &str, module: &str, start: Span) -> Diagnostic {
    let import = format!("use {module}::{name};");
    Diagnostic::error("E0201", span, format!("`{name}` is not known here")).label("not imported").fix(
        format!("the library has it: `{import}`"),
        start,
        format!("{import}\n"),
    )
}

pub fn bare_variant(span: Span, of: &str, variant: &str) -> Diagnostic {
    let path = format!("{of}::{variant}");
    Diagnostic::error("E0201", span, format!("`{variant}` is not known here"))
        .label(format!("a variant of `{of}`"))
        .fix(format!("write `{path}`"), span, path)
}

pub fn arrow_assignment(span: Span, name: &str) -> Diagnostic {
    Diagnostic::error("E0201", span, format!("`{name}` is not known here"))
        .label("compared with something less than zero")
        .help(format!("a binding is written `let {name} = …;`"))
}

pub fn used_before_definition(span: Span, name: &str, defined: Span) -> Diagnostic {
    Diagnostic::error("E0201", span, format!("`{name}` is used before it is defined"))
        .label("not defined yet")
        .also(defined, "defined here, further down")
}

/// `point` is the one behind it, if there is one.
pub fn not_a_value(span: Span, name: &str, what: &str, point: Option<Span>, fields: Option<String>) -> Diagnostic {
    let d =
        Diagnostic::error("E0201", span, format!("`{name}` is {what}, not a value")).label("a value is expected here");
    match (point, fields) {
        (Some(point), _) => d.fix("what belongs to it stands behind `::`", point, "::"),
        (None, Some(fields)) => d.help(format!("a value of it is built by its fields: `{fields}`")),
        (None, None) => d,
    }
}

pub fn unknown_type(span: Span, name: &str, near: Option<&str>) -> Diagnostic {
    let d = Diagnostic::error("E0201", span, format!("there is no type `{name}`")).label("not a type");
    let known = match name {
        "float" | "double" | "Float64" | "float64" | "Float" => Some("f64"),
        "float32" | "Float32" => Some("f32"),
        "int" | "Int" | "int32" | "Int32" | "usize" | "u32" | "i16" => Some("i32"),
        "int64" | "Int64" | "u64" => Some("i64"),
        "Bool" | "boolean" => Some("bool"),
        "String" | "string" => Some("str"),
        _ => near,
    };
    match known {
        Some(near) => d.fix(format!("write `{near}`"), span, near),
        None => d.help(
            "the types are `bool i8 u8 i32 i64 f16 bf16 f32 f64 str`, tensors `[f32; ?]`, tuples, structs and enums",
        ),
    }
}

pub fn argument_count(span: Span, name: &str, want: usize, got: usize, def: Option<Span>) -> Diagnostic {
    let plural = if want == 1 { "" } else { "s" };
    let name = if name.starts_with("this ") { name.to_owned() } else { format!("`{name}`") };
    let d = Diagnostic::error(
        "E0206",
        span,
        format!("{name} takes {want} argument{plural}, but {got} {} given", if got == 1 { "is" } else { "are" }),
    )
    .label(format!("{got} given"));
    match def {
        Some(def) => d.also(def, format!("takes {want}")),
        None => d,
    }
}

pub fn unknown_field(span: Span, field: &str, of: &str, near: Option<&str>) -> Diagnostic {
    let d = Diagnostic::error("E0207", span, format!("{of} has no field or method `{field}`")).label("not known");
    match (field, near) {
        ("sum" | "prod" | "mean" | "max" | "min" | "any" | "all" | "argmax" | "argmin", _) => {
            d.help(format!("a reduction names the coordinate that it consumes: `{field}[i](x[i])`"))
        }
        (field, _) if foreign::method(field).is_some() => d.help(foreign::method(field).unwrap_or_default()),
        (_, Some(near)) => d.fix(format!("did you mean `{near}`?"), span, near),
        _ if of.starts_with("`(") => d.help("the parts of a tuple are read by their number, from `.0` on"),
        _ => d,
    }
}

/// `i in range(3)`, `i in 3`, `i < 3` on the left; `range` where the ends are certain.
pub fn range_slot(span: Span, name: &str, range: Option<(&str, &str)>) -> Diagnostic {
    let d = Diagnostic::error("E0301", span, "a slot on the left is a name, an integer or a pack").label("not a range");
    let told = "a range states both ends, the second excluded";
    match range {
        Some((start, end)) => d.fix(told, span, format!("{name} in {start}..{end}")),
        None => d.help(format!("{told}: `{name} in 0..n`")),
    }
}

pub fn left_slot(span: Span) -> Diagnostic {
    Diagnostic::error("E0301", span, "a slot on the left is a name, an integer or a pack")
        .label("not a coordinate")
        .help("write `i`, `i in 0..n`, a literal such as `0`, or `..batch`")
}

pub fn repeated_slot(span: Span, name: Symbol, first: Span) -> Diagnostic {
    Diagnostic::error("E0301", span, format!("`{name}` stands twice on the left"))
        .label("again here")
        .also(first, "first here")
        .help("give the second slot a name of its own and gate the cells: `where i == j`")
}

pub fn range_in_where(span: Span, name: Symbol) -> Diagnostic {
    Diagnostic::error("E0302", span, format!("the range of `{name}` belongs in the bracket, not in `where`"))
        .label("a range")
        .help(format!("write `{name} in …` in the bracket that binds `{name}`"))
}

/// `affine` is an access that 0 is too small for, and the first value that is not.
/// `end` is what keeps all accesses in bounds.
pub fn range_unknown(span: Span, name: Symbol, affine: Option<(Span, i64)>, end: Option<String>) -> Diagnostic {
    let d = Diagnostic::error("E0303", span, format!("nothing settles the range of `{name}`"))
        .label(format!("`{name}` needs a range"));
    let d = match affine {
        Some((place, _)) => {
            d.also(place, format!("this access needs `{name}` to start above 0, and an inferred range starts at 0"))
        }
        None => d.note(format!(
            "a range is inferred from where `{name}` stands alone as an index of something other than the family itself"
        )),
    };
    let start = affine.map_or(0, |(_, start)| start);
    match end {
        Some(end) => d.fix("state it in the bracket", span, format!("{name} in {start}..{end}")),
        None => d.help(format!("state it in the bracket, `{name} in {start}..n` with an `n` of your own")),
    }
}

pub fn shifted_slot(span: Span, name: &str, shift: &str, family: Symbol) -> Diagnostic {
    Diagnostic::error("E0304", span, "an index expression cannot stand on the left")
        .label("must be a plain name")
        .help(format!("define cell `{name}` from the cells before it: `let {family}[{name} in 1..n] = … {family}[{name}{shift}] …`"))
}

/// `h[n - 1]` with a number `n`: one cell, which is a range.
pub fn computed_slot(span: Span, text: &str, coord: &str) -> Diagnostic {
    let behind = match text.strip_suffix("- 1") {
        Some(end) => end.trim_end().to_owned(),
        None => format!("{text} + 1"),
    };
    Diagnostic::error("E0304", span, "an index expression cannot stand on the left")
        .label("must be a name, a range or a number")
        .fix("one cell is a range", span, format!("{coord} in {text}..{behind}"))
}

/// A coordinate argument was left out where several axes could be meant.
pub fn which_axis(
    span: Span,
    function: Symbol,
    parameter: Symbol,
    arg: (Span, &[String]),
    example: &str,
) -> Diagnostic {
    Diagnostic::error("E0305", span, format!("nothing says along which coordinate `{function}` goes"))
        .label(format!("`{parameter}` could be any axis of its argument"))
        .also(arg.0, format!("this carries {}", list(arg.1)))
        .help(format!("name it: `{example}`"))
}

pub fn not_grounded(
    span: Span,
    coord: Symbol,
    argument: Span,
    has: &[String],
    example: Option<String>,
    near: Option<(Span, String)>,
) -> Diagnostic {
    let d = Diagnostic::error("E0305", span, format!("nothing here carries the coordinate `{coord}`"))
        .label(format!("`{coord}` is not grounded"))
        .also(argument, format!("this carries {}", list(has)));
    if let Some((place, near)) = near {
        return d.fix(format!("did you mean `{near}`?"), place, near);
    }
    match example {
        Some(text) => d.fix(format!("index the argument to name its axes: `{text}`"), argument, text),
        None => d,
    }
}

pub fn packs_disagree(span: Span, what: &str, first: (Span, &[String]), second: (Span, &[String])) -> Diagnostic {
    Diagnostic::error("E0306", span, format!("the arguments do not agree on `{what}`"))
        .label(format!("`{what}` cannot be both"))
        .also(first.0, format!("here it is {}", list(first.1)))
        .also(second.0, format!("here it is {}", list(second.1)))
}

pub fn foreign_address(span: Span, domain: Symbol, axis: Symbol) -> Diagnostic {
    Diagnostic::error("E0307", span, format!("an address of `{domain}` indexes an axis of `{axis}`"))
        .label(format!("found along `{domain}`"))
        .note(format!("`argmax[{domain}](…)` says where along `{domain}` something is; `{axis}` is another coordinate"))
        .help("if that is meant, forget the domain with `as i32`")
}

pub fn not_carried(span: Span, coord: &str, value: Span, has: &[String]) -> Diagnostic {
    let d = Diagnostic::error("E0308", span, format!("the value does not carry `{coord}`"))
        .label(format!("`{coord}` cannot be reduced"))
        .also(value, format!("carries {}", list(has)));
    if has.is_empty() { d.help(format!("name its axes by indexing it, `x[{coord}, …]`")) } else { d }
}

pub fn index_count(span: Span, name: &str, rank: usize, got: usize) -> Diagnostic {
    let axes = if rank == 1 { "axis" } else { "axes" };
    Diagnostic::error("E0309", span, format!("{name} has {rank} {axes}, but {got} indices are given"))
        .label(format!("{got} indices"))
}

pub fn different_coords(
    span: Span,
    left: (Span, &[String]),
    right: (Span, &[String]),
    fix: Option<(Span, String)>,
) -> Diagnostic {
    let d = Diagnostic::error("E0310", span, "whole tensors with different coordinates do not combine")
        .label("nothing is broadcast silently")
        .also(left.0, format!("carries {}", list(left.1)))
        .also(right.0, format!("carries {}", list(right.1)));
    match fix {
        Some((place, text)) => d.fix("say which coordinates meet", place, text),
        None => d,
    }
}

pub fn different_shapes(span: Span, left: (Span, &str), right: (Span, &str)) -> Diagnostic {
    Diagnostic::error("E0310", span, "whole tensors of different shapes do not combine")
        .label("nothing is broadcast silently")
        .also(left.0, format!("shape {}", left.1))
        .also(right.0, format!("shape {}", right.1))
        .help("index both sides, so that the names say which axes meet")
}

/// `in_cell` is whether it indexes something in a cell.
pub fn outside_scope(span: Span, name: Symbol, bound: Span, in_cell: bool) -> Diagnostic {
    let d = Diagnostic::error("E0311", span, format!("the coordinate `{name}` is used outside its scope"))
        .label("not in scope here")
        .also(bound, format!("`{name}` is bound here, for this construct alone"));
    if in_cell { d.help(format!("sum over it, `sum[{name}](…)`, or put it on the left, too")) } else { d }
}

pub fn list_indexed(span: Span, name: &str) -> Diagnostic {
    Diagnostic::error("E0312", span, format!("{name} is a list, and coordinates index tensors only"))
        .label("a list has no axes")
        .help("index a list one bracket at a time, `rows[i][j]`, or make its rows equally long")
}

pub fn unbound_coord(span: Span, name: Symbol, near: Option<&str>) -> Diagnostic {
    let d = Diagnostic::error("E0313", span, format!("neither the left side nor a reduction binds `{name}`"))
        .label("not bound");
    match near {
        Some(near) => d.fix(format!("did you mean `{near}`?"), span, near),
        None => d.help(format!("sum over it, `sum[{name}](…)`, or put it on the left")),
    }
}

/// A coordinate of a signature that stands like a number.
pub fn coordinate_as_extent(span: Span, name: Symbol) -> Diagnostic {
    Diagnostic::error("E0313", span, format!("neither the left side nor a reduction binds `{name}`"))
        .label("a coordinate of the signature, which has no value here")
        .fix("how long it is, is its extent", span, format!("extent({name})"))
}

/// `sum[i in 0..3]`
pub fn reduction_without_body(span: Span, text: &str) -> Diagnostic {
    Diagnostic::error("E0206", span, format!("`{text}` is not told what to reduce"))
        .label("a value in parentheses is missing")
        .help(format!("write it behind the bracket: `{text}(…)`"))
}

/// Names in indices of a statement that binds no coordinates.
pub fn floating_coords(span: Span, names: &[Symbol]) -> Diagnostic {
    let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
    Diagnostic::error("E0313", span, format!("nothing binds {}", list(&names))).label("an index, but of no cell")
}

pub fn mismatch(
    span: Span,
    message: String,
    left: Option<(Span, String)>,
    right: Option<(Span, String)>,
) -> Diagnostic {
    let mut d = Diagnostic::error("E0401", span, message).label("does not fit");
    for (place, ty) in [left, right].into_iter().flatten() {
        d = d.also(place, format!("`{ty}`"));
    }
    d
}

pub fn no_operator(span: Span, op: &str, left: (Span, String), right: Option<(Span, String)>) -> Diagnostic {
    let d =
        Diagnostic::error("E0402", span, format!("`{op}` is not defined for `{}`", left.1)).label("no such operation");
    let d = d.also(left.0, format!("`{}`", left.1));
    let d = if op == "%" && left.1 == "str" { d.help("a text takes values in braces: `\"n = {n}\"`") } else { d };
    match right {
        Some((place, ty)) => d.also(place, format!("`{ty}`")),
        None => d,
    }
}

pub fn literal_range(span: Span, value: &str, ty: &str, range: Option<(i64, i64)>) -> Diagnostic {
    let d = Diagnostic::error("E0403", span, format!("`{value}` is not a value of `{ty}`"))
        .label(format!("cannot be `{ty}`"));
    match range {
        Some((lo, hi)) => d.note(format!("`{ty}` holds {lo} to {hi}")),
        None => d,
    }
}

/// What a file holds has no axes before a cast says so.
pub fn untyped(span: Span, value: Span, cast: &str) -> Diagnostic {
    Diagnostic::error("E0402", span, "what a file holds has no type until a cast states it")
        .label("nothing is known of its axes")
        .also(value, "loaded, without a type")
        .fix("state the type", value, cast)
}

pub fn too_large(span: Span, value: &str, ty: &str) -> Diagnostic {
    let d = Diagnostic::error("E0403", span, format!("`{value}` is not a value of `{ty}`"))
        .label(format!("larger than the largest `{ty}`"));
    if ty == "f32" && value.ends_with(|c: char| c.is_ascii_digit()) {
        d.fix("an `f64` takes more", span, format!("{value}f64"))
    } else {
        d
    }
}

pub fn annotation(span: Span, want: &str, got: &str, from: Option<Span>, cast: Option<String>) -> Diagnostic {
    let mut d = Diagnostic::error("E0404", span, format!("`{want}` is declared, but the value is `{got}`"))
        .label(format!("this is `{got}`"));
    if let Some(from) = from {
        d = d.also(from, format!("`{want}` is declared here"));
    }
    match cast {
        Some(text) => d.note("an annotation checks, it never converts").fix("convert it", span, text),
        None => d,
    }
}

pub fn branches_differ(span: Span, ty: &str, first: Span, first_ty: &str) -> Diagnostic {
    let d = Diagnostic::error("E0405", span, format!("the branches differ: `{first_ty}` and `{ty}`"))
        .label(format!("this is `{ty}`"))
        .also(first, format!("this is `{first_ty}`"));
    if ty == "()" || first_ty == "()" {
        d.help("an `if` without an `else`, and a block that ends in `;`, are worth `()`")
    } else {
        d
    }
}

pub fn not_callable(span: Span, ty: &str) -> Diagnostic {
    let d =
        Diagnostic::error("E0406", span, format!("a value of type `{ty}` cannot be called")).label("not a function");
    if ty.starts_with("un") || ty.starts_with('f') || ty.starts_with('i') {
        d.help("a product is written with `*`")
    } else {
        d
    }
}

/// `shown` is the type that other ends of the body have.
pub fn recursive_type(span: Span, name: &str, signature: Span, shown: Option<String>) -> Diagnostic {
    let d = Diagnostic::error("E0407", signature, format!("the result type of `{name}` cannot be inferred"))
        .label("calls itself and declares no result")
        .also(span, "the recursive call");
    match shown {
        Some(ty) => {
            let end = Span { start: signature.end, ..signature };
            d.fix(format!("declare it: `-> {ty}`"), end, format!(" -> {ty}"))
        }
        None => d.help(format!("declare it behind the parameters: `fn {name}(…) -> T`")),
    }
}

/// A lambda that is called with itself, so that its type has no end.
pub fn endless_lambda(span: Span, lambda: Span) -> Diagnostic {
    Diagnostic::error("E0407", span, "the type of this call cannot be inferred: a lambda is handed to itself")
        .label("calls the lambda again before its type is known")
        .also(lambda, "the lambda")
        .help("write a named function: it may call itself, `fn f(n: i32) -> i32 { … f(n - 1) … }`")
}

/// A struct that is a field of itself.
pub fn endless_struct(span: Span, name: &str, def: Span) -> Diagnostic {
    Diagnostic::error("E0407", span, format!("a value of `{name}` would hold another one without an end"))
        .label(format!("`{name}` holds itself here"))
        .also(def, "of this struct")
        .help(format!("hold any number of them, `[{name}]`, or let a variant of an enum end it"))
}

pub fn cannot_infer(span: Span, what: &str) -> Diagnostic {
    Diagnostic::error("E0407", span, format!("the type of {what} cannot be inferred")).label("annotate it")
}

pub fn bad_cast(span: Span, from: &str, to: &str) -> Diagnostic {
    Diagnostic::error("E0408", span, format!("`{from}` cannot be cast to `{to}`")).label(format!("this is `{from}`"))
}

pub fn extents(span: Span, coord: &str, places: &[(Span, String, String)]) -> Diagnostic {
    let sizes: Vec<String> = {
        let mut sizes: Vec<String> = Vec::new();
        for (_, extent, _) in places {
            if !sizes.contains(extent) {
                sizes.push(extent.clone());
            }
        }
        sizes
    };
    // What one place says twice stands in one label.
    let mut told: Vec<(Span, String)> = Vec::new();
    for (place, extent, origin) in places {
        let text = format!("`{coord}` is {extent} {origin}");
        match told.iter_mut().find(|(known, _)| known == place) {
            Some((_, known)) => *known += &format!(", and {extent}"),
            None => told.push((*place, text)),
        }
    }
    let message = format!("the coordinate `{coord}` has {} extents: {}", count(sizes.len()), sizes.join(" and "));
    let d = Diagnostic::error("E0501", span, message).label(match told.iter().find(|(place, _)| *place == span) {
        Some((_, text)) => text.clone(),
        None => format!("`{coord}` is one domain here"),
    });
    told.into_iter().filter(|(place, _)| *place != span).fold(d, |d, (place, text)| d.also(place, text))
}

fn count(n: usize) -> String {
    match n {
        2 => "two".into(),
        3 => "three".into(),
        n => n.to_string(),
    }
}

pub fn rank_mismatch(span: Span, want: &str, got: &str, from: Option<Span>) -> Diagnostic {
    let d = Diagnostic::error("E0502", span, format!("the ranks differ: `{want}` is asked for, `{got}` is given"))
        .label(format!("this is `{got}`"));
    match from {
        Some(from) => d.also(from, format!("`{want}` is declared here")),
        None => d,
    }
}

pub fn extent_mismatch(span: Span, axis: usize, want: &str, got: &str, from: Option<Span>) -> Diagnostic {
    let d = Diagnostic::error("E0503", span, format!("axis {axis} has extent {got}, but {want} is asked for"))
        .label(format!("extent {got}"));
    match from {
        Some(from) => d.also(from, format!("extent {want} is declared here")),
        None => d,
    }
}

pub fn out_of_bounds(
    span: Span,
    index: &str,
    tensor: &str,
    coord: Option<&str>,
    reaches: &str,
    extent: &str,
    place: Option<Span>,
) -> Diagnostic {
    let axis = coord.map(|c| format!(" along `{c}`")).unwrap_or_default();
    let d = Diagnostic::error(
        "E0504",
        span,
        format!("`{index}` reaches {reaches}, outside the extent {extent} of {tensor}{axis}"),
    )
    .label(format!("reaches {reaches}"));
    match place {
        Some(place) => d.also(place, format!("extent {extent}")),
        None => d,
    }
}

pub fn python_index(d: Diagnostic, last: &str) -> Diagnostic {
    d.note("an index is never wrapped around").help(format!("the last one is `{last}`"))
}

pub fn jagged(span: Span, first: usize, other: usize) -> Diagnostic {
    Diagnostic::error("E0505", span, "the rows of this literal differ in length, and a tensor is needed")
        .label(format!("a row of {first} and a row of {other}"))
}

pub fn cycle(span: Span, steps: &[(Span, String, String)]) -> Diagnostic {
    let mut text = String::new();
    for (_, cell, read) in steps {
        if text.is_empty() {
            text = format!("`{cell}`");
        }
        text += &format!(" reads `{read}`");
    }
    let mut d =
        Diagnostic::error("E0601", span, "no order of evaluation serves these cells").label("needs what needs it");
    for (place, cell, read) in steps {
        if *place != span {
            d = d.also(*place, format!("`{cell}` reads `{read}`"));
        }
    }
    d.note(text)
}

pub fn reduction_without_coordinate(span: Span, name: &str, fixed: &str) -> Diagnostic {
    Diagnostic::error("E0206", span, format!("`{name}` is not told what to reduce over"))
        .label("no coordinate is named")
        .note("a reduction names the coordinates that it consumes")
        .fix("name them", span, fixed)
}

pub fn missing_fields(span: Span, of: &str, missing: &[&str]) -> Diagnostic {
    let missing: Vec<String> = missing.iter().map(|field| field.to_string()).collect();
    let plural = if missing.len() == 1 { "field" } else { "fields" };
    Diagnostic::error(
        "E0206",
        span,
        format!(
            "the {plural} {} of `{of}` {} not given",
            list(&missing),
            if missing.len() == 1 { "is" } else { "are" }
        ),
    )
    .label("every field needs a value")
}

/// Of a struct or of named fields of a variant.
pub fn no_field(span: Span, field: &str, of: &str, fields: &[String], near: Option<&str>) -> Diagnostic {
    let d = Diagnostic::error("E0207", span, format!("`{of}` has no field `{field}`")).label("not a field");
    match near {
        Some(near) => d.fix(format!("did you mean `{near}`?"), span, near),
        None => d.note(format!("`{of}` has {}", list(fields))),
    }
}

pub fn no_variant(span: Span, variant: &str, of: &str, variants: &[String], near: Option<&str>) -> Diagnostic {
    let d = Diagnostic::error("E0207", span, format!("`{of}` has no variant `{variant}`")).label("not a variant");
    match near {
        Some(near) => d.fix(format!("did you mean `{near}`?"), span, near),
        None => d.note(format!("`{of}` has {}", list(variants))),
    }
}

pub fn base_missing(span: Span, cell: &str, family: Symbol, region: &str) -> Diagnostic {
    Diagnostic::error("E0602", span, format!("`{cell}` is read, but no clause of `{family}` defines it"))
        .label(format!("reads `{cell}`"))
        .note(format!("no clause of `{family}` defines `{region}`"))
        .help("add the base case as a clause of its own")
}

pub fn gap(span: Span, family: Symbol, region: &str) -> Diagnostic {
    Diagnostic::warning("W0601", span, format!("no clause defines `{region}`; those cells are zero"))
        .label(format!("`{family}` is defined in parts"))
}

pub fn overridden(span: Span, family: Symbol, by: Span) -> Diagnostic {
    Diagnostic::warning("W0602", span, format!("this clause of `{family}` is overridden everywhere"))
        .label("never used")
        .also(by, "defines the same cells, and comes later")
}

pub fn quotient_operand(span: Span) -> Diagnostic {
    Diagnostic::error("E0702", span, "`@` differentiates by a binding or by a cell of one")
        .label("not a binding")
        .help("bind it first: `let u = …;`, then divide by `@u`")
}

pub fn quotient_field(span: Span, base: &str, field: Symbol) -> Diagnostic {
    Diagnostic::error("E0702", span, "`@` differentiates by a binding or by a cell of one")
        .label("a field is no binding")
        .help(format!("bind it before it is used, `let {field} = {base}.{field};`, and divide by `@{field}`"))
}

pub fn quotient_type(span: Span, name: &str, ty: &str) -> Diagnostic {
    Diagnostic::error("E0703", span, format!("`{name}` is `{ty}`, and only floats have derivatives"))
        .label(format!("`{ty}`"))
}

pub fn not_exhaustive(span: Span, missing: &str) -> Diagnostic {
    Diagnostic::error("E0801", span, format!("the match misses `{missing}`"))
        .label("not every value has an arm")
        .help(format!("add `{missing} => …`, or a last arm `_ => …`"))
}

pub fn pattern_type(span: Span, pattern: &str, ty: &str) -> Diagnostic {
    Diagnostic::error("E0802", span, format!("{pattern} does not fit `{ty}`")).label(format!("the value is `{ty}`"))
}

pub fn variant_pattern(span: Span, variant: &str, fields: usize, given: usize, def: Span) -> Diagnostic {
    let count = |n: usize| match n {
        0 => "none".to_owned(),
        n => n.to_string(),
    };
    let holds = match fields {
        0 => "no value".to_owned(),
        1 => "one value".to_owned(),
        n => format!("{n} values"),
    };
    Diagnostic::error("E0802", span, format!("`{variant}` holds {holds}, but the pattern takes {}", count(given)))
        .label("does not fit")
        .also(def, "declared here")
        .help(match fields {
            0 => format!("write `{variant}` alone"),
            n => format!("write `{variant}({})`", vec!["_"; n].join(", ")),
        })
}

pub fn unreachable_arm(span: Span) -> Diagnostic {
    Diagnostic::warning("W0803", span, "this arm is never reached").label("the arms above take every value")
}

pub fn tuple_brackets(span: Span, text: &str, index: u64) -> Diagnostic {
    Diagnostic::error("E0103", span, "a tuple is read with a dot, not with brackets")
        .label("brackets index tensors and lists")
        .fix("write", span, format!("{text}.{index}"))
}

pub fn bad_format(span: Span, kind: char, ty: &str) -> Diagnostic {
    Diagnostic::error("E0101", span, format!("the format `{kind}` does not fit `{ty}`"))
        .label("no such format for this value")
}

pub fn shadowed_coord(span: Span, name: Symbol) -> Diagnostic {
    Diagnostic::error("E0101", span, format!("`{name}` is bound twice in this bracket")).label("again here")
}

pub fn misplaced_else(span: Span) -> Diagnostic {
    Diagnostic::error("E0101", span, "`else` cannot follow a guard that gates a reduction")
        .label("no cell is gated here")
        .help("a gated reduction skips points; give it its own value for nothing with `if`")
}

pub fn rule_without_primal(span: Span, name: Symbol, near: Option<&str>) -> Diagnostic {
    let d = Diagnostic::error("E0710", span, format!("there is no function `{name}` that this rule could be for"))
        .label("a rule without its function");
    match near {
        Some(near) => d.fix(format!("did you mean `{near}`?"), span, near),
        None => d.help(format!("define `fn {name}(…)` in the same block")),
    }
}

pub fn rule_parameters(
    span: Span,
    name: Symbol,
    what: &str,
    wanted: &[String],
    given: &[String],
    primal: Span,
) -> Diagnostic {
    Diagnostic::error("E0711", span, format!("the rule of `{name}` has other {what} than the function"))
        .label(format!("the rule has {}", list(given)))
        .also(primal, format!("the function has {}", list(wanted)))
}

pub fn rule_coordinates(span: Span, name: Symbol, wanted: &[String], given: &[String], primal: Span) -> Diagnostic {
    Diagnostic::error(
        "E0712",
        span,
        format!("the rule of `{name}` gives {}, and the function gives {}", list(given), list(wanted)),
    )
    .label("a tangent has the coordinates of the result")
    .also(primal, format!("the result has {}", list(wanted)))
}

pub fn no_tangent(span: Span, name: Symbol, ty: &str) -> Diagnostic {
    Diagnostic::error("E0714", span, format!("`{name}` is `{ty}`, and has no tangent"))
        .label("only floats move")
        .help(format!("use its value, `{name}`"))
}

/// A reduction over tensors whose extents depend on its own coordinates.
pub fn points_of_any_length(span: Span) -> Diagnostic {
    Diagnostic::error("E0401", span, "the tensors that are put together here may differ in length from point to point")
        .label("a tensor for each point")
        .help("index it by a coordinate, so that each point is one number")
}

/// An axis whose extent each cell has to itself, under a coordinate of all cells.
pub fn extent_of_a_cell(span: Span) -> Diagnostic {
    Diagnostic::error("E0401", span, "this axis may differ in length from cell to cell, and a coordinate has one range")
        .label("indexes an axis that only this cell knows")
        .help("cut it to one length for all cells, `at..at + n`")
}

/// Cells, or a function of a scalar mapped over a tensor, that give tensors of extents that only the run knows.
pub fn rows_of_any_length(span: Span) -> Diagnostic {
    Diagnostic::error("E0401", span, "what this gives for each element may differ in length, and a tensor is needed")
        .label("a tensor for each element")
        .help("make it one number by a coordinate, or collect a list with a comprehension: `[row(x) | x in xs]`")
}

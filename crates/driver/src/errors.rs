//! Diagnostics of the driver: what no single pass sees.

use diagnostics::{Diagnostic, Span};

/// A function that reads a binding of the module is called before that is bound.
pub fn early_call(call: Span, name: &str, bound: Span, used: Span) -> Diagnostic {
    Diagnostic::error("E0201", call, format!("`{name}` is not bound yet where this call needs it"))
        .label(format!("the function called here reads `{name}`"))
        .also(used, "it is read here")
        .also(bound, "it is bound here, after the call")
        .help(format!("move the call behind the `let` of `{name}`, or pass the value as an argument"))
}

/// A benchmark compares results by their sums.
pub fn kernel_result(kernel: Span, ty: &str) -> Diagnostic {
    Diagnostic::error("E0401", kernel, format!("`kernel` gives a `{ty}`, which cannot be measured"))
        .label("a kernel gives scalars, tensors of scalars, and tuples of these")
}

/// Without its derivatives nothing is left of a kernel.
pub fn only_derivatives(kernel: Span) -> Diagnostic {
    Diagnostic::error("E0401", kernel, "`kernel` gives nothing but derivatives, so there is no value to measure")
        .label("every result of it needs a quotient")
        .help("let it give the value as well, or measure it without `--values`")
}

pub fn not_utf8(place: Span, byte: u8) -> Diagnostic {
    Diagnostic::error("E0906", place, format!("the file is not UTF-8: byte {byte:#04x} at offset {}", place.start))
        .label("everything up to here is text")
        .help("save the file as UTF-8")
}

//! What the tests of this crate share.

use diagnostics::{FileId, SourceMap};

/// Deep programs need the stack that the compiler gives its passes.
pub fn on_big_stack<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let builder = std::thread::Builder::new().stack_size(1 << 30);
    builder.spawn(work).expect("a thread starts").join().expect("the work ends without a panic")
}

/// `code line:column message` for each error of the program.
#[allow(dead_code)]
pub fn errors(text: &str) -> Vec<String> {
    let mut sources = SourceMap::default();
    let file = sources.add("test.ein", text);
    let (_, diagnostics) = syntax::parse(file, text);
    let place = |start| sources.file(file).line_column(start);
    let line = |d: &diagnostics::Diagnostic| {
        let (line, column) = place(d.span().start);
        format!("{} {line}:{column} {}", d.code, d.message)
    };
    diagnostics.iter().map(line).collect()
}

/// The program as the printer writes it; it has no errors.
#[allow(dead_code)]
pub fn printed(text: &str) -> String {
    let (module, diagnostics) = syntax::parse(FileId(0), text);
    assert!(diagnostics.is_empty(), "{text}\n{diagnostics:#?}");
    syntax::print(&module).trim_end().to_owned()
}

//! What a running program has beside its own memory.

use crate::errors::Failure;
use crate::heap::Heap;
use crate::layout::Layouts;
use crate::object::{Object, Str};
use crate::spans::{Span, Spans};
use crate::threads::Threads;
use ir::loops::{Layout, Site};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where emitted code finds `Context::stack_limit`.
pub const STACK_LIMIT_OFFSET: i32 = 0;
/// Stack that is left to the runtime and to functions that do not check.
const STACK_MARGIN: usize = 1 << 20;
const OUTPUT_BUFFER: usize = 64 << 10;

#[repr(C)]
pub struct Context {
    /// Recursion that brings the stack pointer below this address is refused.
    pub stack_limit: usize,
    /// Threads that large loops may use.
    pub(crate) threads: usize,
    /// Whether loops are divided that are not worth it.
    pub(crate) divides_all: bool,
    /// Threads that wait for parts of loops, once there was such a loop.
    pub(crate) workers: Option<Threads>,
    /// Operations of loops that were not worth waking them.
    pub(crate) alone: i64,
    /// Which module's tables these are.
    pub(crate) tables: u64,
    pub(crate) layouts: Layouts,
    pub(crate) sites: Vec<Site>,
    pub(crate) pending: Option<Failure>,
    pub(crate) heap: Heap,
    /// Objects that exist.
    pub(crate) live: usize,
    pub(crate) empty: *mut Str,
    pub(crate) dead: Vec<*mut Object>,
    /// What is measured, if anything is.
    pub(crate) spans: Option<Spans>,
    base: PathBuf,
    waiting: Vec<u8>,
    output: Box<dyn Write>,
}

impl Context {
    /// `stack_bytes` is the size of the whole stack of the thread that runs the program, which should be this thread,
    /// near the bottom of its stack. File paths are relative to `base`.
    pub fn new(stack_bytes: usize, base: impl Into<PathBuf>, output: Box<dyn Write>) -> Context {
        Context {
            stack_limit: stack_limit(stack_bytes),
            threads: std::thread::available_parallelism().map_or(1, |cores| cores.get()),
            divides_all: false,
            workers: None,
            alone: 0,
            tables: 0,
            layouts: Layouts::default(),
            sites: Vec::new(),
            pending: None,
            heap: Heap::default(),
            live: 0,
            empty: null_mut(),
            dead: Vec::new(),
            spans: None,
            base: base.into(),
            waiting: Vec::new(),
            output,
        }
    }

    /// Uses at most so many threads; as many as there are cores if not said.
    pub fn limit_threads(&mut self, most: Option<usize>) {
        self.threads = most.map_or(self.threads, |most| most.clamp(1, self.threads));
    }

    /// Divides loops among exactly so many threads, also where it is not worth it. Tests find with it what is wrong
    /// with a division.
    pub fn divide_every_loop(&mut self, threads: usize) {
        self.threads = threads;
        self.divides_all = true;
    }

    /// Measures statements that say when they begin and end.
    pub fn measure_spans(&mut self) {
        self.spans = Some(Spans::new());
    }

    /// What was measured so far; statements that an error ended end now.
    pub fn take_spans(&mut self) -> Vec<Span> {
        self.spans.take().map_or_else(Vec::new, |spans| spans.all(&self.sites))
    }

    /// Takes the tables of the module that runs next.
    pub fn enter(&mut self, layouts: &[Layout], sites: &[Site]) {
        static MODULES: AtomicU64 = AtomicU64::new(1);
        self.tables = MODULES.fetch_add(1, Ordering::Relaxed);
        self.layouts = Layouts::new(layouts.to_vec());
        self.sites = sites.to_vec();
        self.pending = None;
    }

    /// Takes the tables of the module that another context runs.
    pub(crate) fn take_tables(&mut self, tables: u64, layouts: &Layouts, sites: &[Site]) {
        self.layouts = layouts.clone();
        self.sites = sites.to_vec();
        self.tables = tables;
    }

    /// Objects that exist: none, when a program has ended well.
    pub fn live_objects(&self) -> usize {
        self.live
    }

    /// What the run that just failed left behind.
    pub fn take_failure(&mut self) -> Option<Failure> {
        self.pending.take()
    }

    pub(crate) fn resolve(&self, path: &str) -> PathBuf {
        self.base.join(Path::new(path))
    }

    pub(crate) fn write_line(&mut self, text: &str) -> io::Result<()> {
        self.waiting.extend_from_slice(text.as_bytes());
        self.waiting.push(b'\n');
        if self.waiting.len() >= OUTPUT_BUFFER { self.flush() } else { Ok(()) }
    }

    /// Writes out what was printed; to be called before an error is shown and at the end.
    pub fn flush(&mut self) -> io::Result<()> {
        let written = self.output.write_all(&self.waiting).and_then(|()| self.output.flush());
        self.waiting.clear();
        match written {
            // Whoever reads the output has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }

    /// Whether so little stack is left that a recursion in the runtime has to stop.
    pub(crate) fn is_deep(&self) -> bool {
        stack_pointer() < self.stack_limit
    }
}

fn stack_limit(stack_bytes: usize) -> usize {
    // A margin as large as the stack would refuse every call.
    (stack_pointer() + STACK_MARGIN.min(stack_bytes / 2)).saturating_sub(stack_bytes)
}

#[inline(never)]
fn stack_pointer() -> usize {
    let here = 0u8;
    std::hint::black_box(&raw const here) as usize
}

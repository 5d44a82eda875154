//! Parts of loops on several threads.
//!
//! Threads wait a short while for the next loop before they sleep: waking one takes as long as a small loop. The thread
//! that has the loop takes parts as well, and those that nobody else has started.

use crate::context::Context;
use crate::errors::{FAILED, FINE};
use std::cell::UnsafeCell;
use std::io::sink;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// Operations that are worth a thread that looks for work, some microseconds, and those that are worth waking one.
const WORTH: i64 = 200_000;
const WORTH_WAKING: i64 = 1_500_000;
/// Parts for each thread.
const PARTS: i64 = 4;
/// How long a thread looks for work before it sleeps.
const PATIENCE: Duration = Duration::from_micros(150);
const STACK: usize = 8 << 20;

/// The context, the caller's frame, and a part of the range.
type Part = unsafe extern "C" fn(&mut Context, *const u8, i64, i64) -> i32;

#[derive(Clone, Copy)]
struct Job {
    part: Part,
    frame: *const u8,
    lo: i64,
    hi: i64,
    parts: i64,
    /// Of the module that runs: workers take its tables.
    context: *const Context,
}

impl Job {
    unsafe fn run(&self, context: &mut Context, number: i64) -> i32 {
        let at = |number: i64| self.lo + ((self.hi - self.lo) as i128 * number as i128 / self.parts as i128) as i64;
        unsafe { (self.part)(context, self.frame, at(number), at(number + 1)) }
    }
}

struct Shared {
    job: UnsafeCell<Option<Job>>,
    /// Counts jobs.
    number: AtomicU64,
    is_open: AtomicBool,
    /// Workers that look at the job.
    active: AtomicUsize,
    next: AtomicI64,
    has_failed: AtomicBool,
    is_over: AtomicBool,
    /// Workers that do not sleep.
    awake: AtomicUsize,
}

// SAFETY: the job is written while it is not open and nobody is active, and read by those who are active while it is.
unsafe impl Send for Shared {}
unsafe impl Sync for Shared {}

impl Shared {
    /// Takes parts until there are none.
    unsafe fn take_parts(&self, job: &Job, context: &mut Context) {
        loop {
            let number = self.next.fetch_add(1, SeqCst);
            if number >= job.parts || self.has_failed.load(SeqCst) {
                return;
            }
            if unsafe { job.run(context, number) } != FINE {
                context.pending = None;
                self.has_failed.store(true, SeqCst);
            }
        }
    }

    fn work(&self) {
        let mut context = Context::new(STACK, "", Box::new(sink()));
        context.limit_threads(Some(1));
        let (mut done, mut tables) = (0, 0);
        self.awake.fetch_add(1, SeqCst);
        let mut waiting = Instant::now();
        while !self.is_over.load(SeqCst) {
            let number = self.number.load(SeqCst);
            if number == done {
                match waiting.elapsed() < PATIENCE {
                    true => std::hint::spin_loop(),
                    false => {
                        self.awake.fetch_sub(1, SeqCst);
                        std::thread::park();
                        self.awake.fetch_add(1, SeqCst);
                        waiting = Instant::now();
                    }
                }
                continue;
            }
            done = number;
            self.active.fetch_add(1, SeqCst);
            if self.is_open.load(SeqCst) {
                // SAFETY: the caller of the job waits as long as somebody is active.
                unsafe {
                    let job = (*self.job.get()).expect("an open job");
                    let module = (*job.context).tables;
                    if tables != module {
                        context.take_tables(module, &(*job.context).layouts, &(*job.context).sites);
                        tables = module;
                    }
                    self.take_parts(&job, &mut context);
                }
            }
            self.active.fetch_sub(1, SeqCst);
            waiting = Instant::now();
        }
    }
}

/// The threads of a context.
pub struct Threads {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

impl Threads {
    fn new(count: usize) -> Threads {
        let shared = Arc::new(Shared {
            job: UnsafeCell::new(None),
            number: AtomicU64::new(0),
            is_open: AtomicBool::new(false),
            active: AtomicUsize::new(0),
            next: AtomicI64::new(0),
            has_failed: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            awake: AtomicUsize::new(0),
        });
        let start = |_| {
            let shared = shared.clone();
            Builder::new().stack_size(STACK).spawn(move || shared.work()).ok()
        };
        let workers = (0..count).filter_map(start).collect();
        Threads { shared, workers }
    }

    /// Whether all parts came to their end.
    unsafe fn run(&self, job: Job, context: &mut Context) -> bool {
        let shared = &*self.shared;
        unsafe { *shared.job.get() = Some(job) };
        shared.next.store(0, SeqCst);
        shared.has_failed.store(false, SeqCst);
        shared.is_open.store(true, SeqCst);
        shared.number.fetch_add(1, SeqCst);
        self.workers.iter().for_each(|worker| worker.thread().unpark());
        unsafe { shared.take_parts(&job, context) };
        shared.is_open.store(false, SeqCst);
        let waiting = Instant::now();
        while shared.active.load(SeqCst) > 0 {
            match waiting.elapsed() < PATIENCE {
                true => std::hint::spin_loop(),
                // Somebody else has the worker's core.
                false => std::thread::yield_now(),
            }
        }
        !shared.has_failed.load(SeqCst)
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.shared.is_over.store(true, SeqCst);
        for worker in self.workers.drain(..) {
            worker.thread().unpark();
            // A worker has nothing to say.
            drop(worker.join());
        }
    }
}

/// Calls `each` with every number below `count`, on as many threads as the context has.
pub fn for_parts(context: &mut Context, count: usize, each: &(dyn Fn(usize) + Sync)) {
    unsafe extern "C" fn part(_: &mut Context, frame: *const u8, lo: i64, hi: i64) -> i32 {
        // SAFETY: the frame is that of the job below.
        let each = unsafe { *(frame as *const &(dyn Fn(usize) + Sync)) };
        (lo..hi).for_each(|number| each(number as usize));
        FINE
    }
    if context.threads == 1 || count <= 1 {
        return (0..count).for_each(each);
    }
    let threads = context.threads();
    let frame = (&raw const each).cast();
    let job = Job { part, frame, lo: 0, hi: count as i64, parts: count as i64, context };
    // SAFETY: whoever takes part has ended when this returns.
    unsafe { threads.run(job, context) };
    context.workers = Some(threads);
}

impl Context {
    /// Whether work is worth other threads. What is too little to wake them for is added up: a stream of small loops is
    /// worth it, too, and as long as it goes on they stay awake.
    pub(crate) fn shares(&mut self, operations: i64) -> bool {
        if self.threads == 1 || operations < WORTH || self.divides_all {
            return self.threads > 1 && self.divides_all;
        }
        let is_awake = self.workers.as_ref().is_some_and(|threads| threads.shared.awake.load(SeqCst) > 0);
        self.alone = self.alone.saturating_add(operations);
        let is_worth = is_awake || self.alone >= WORTH_WAKING;
        if is_worth {
            self.alone = 0;
        }
        is_worth
    }

    /// The workers, which are to be put back.
    fn threads(&mut self) -> Threads {
        self.workers.take().unwrap_or_else(|| Threads::new(self.threads - 1))
    }
}

pub unsafe extern "C" fn in_parts(
    context: &mut Context,
    part: Part,
    frame: *const u8,
    lo: i64,
    hi: i64,
    operations: i64,
) -> i32 {
    let turns = hi.saturating_sub(lo);
    if turns > 1 && context.shares(turns.saturating_mul(operations.max(1))) {
        let threads = context.threads();
        let parts = turns.min(PARTS * context.threads as i64);
        let job = Job { part, frame, lo, hi, parts, context };
        // SAFETY: parts write to different places; the frame is the caller's, who waits.
        let is_done = unsafe { threads.run(job, context) };
        context.workers = Some(threads);
        if is_done {
            return FINE;
        }
    }
    // SAFETY: as the caller would call it.
    let status = unsafe { part(context, frame, lo, hi) };
    debug_assert!(status == FINE || status == FAILED);
    status
}

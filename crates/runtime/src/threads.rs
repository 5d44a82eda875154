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

/// Operations that are worth more than one thread.
pub const WORTH: i64 = 200_000;
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
        let (mut done, mut tables) = (0, 0);
        let mut waiting = Instant::now();
        while !self.is_over.load(SeqCst) {
            let number = self.number.load(SeqCst);
            if number == done {
                match waiting.elapsed() < PATIENCE {
                    true => std::hint::spin_loop(),
                    false => std::thread::park(),
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

pub unsafe extern "C" fn in_parts(
    context: &mut Context,
    part: Part,
    frame: *const u8,
    lo: i64,
    hi: i64,
    operations: i64,
) -> i32 {
    let turns = hi.saturating_sub(lo);
    if context.threads > 1 && turns > 1 && turns.saturating_mul(operations.max(1)) >= context.worth {
        let threads = context.workers.take().unwrap_or_else(|| Threads::new(context.threads - 1));
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

//! The thread that compiles and runs: recursion follows the depth of the source and of the program.

use std::panic::resume_unwind;
use std::thread::{Builder, scope};

/// Pages that nobody touches cost nothing. Where the machine refuses even the claim, less must do.
const SIZES: [usize; 4] = [1 << 30, 1 << 28, 1 << 26, 1 << 23];

/// Does the work on a thread with a large stack, whose size in bytes it is told.
pub fn on_a_large_stack<T: Send>(work: impl FnOnce(usize) -> T + Send) -> T {
    // The closure goes lost with a thread that does not start, so it only borrows the work.
    let mut work = Some(work);
    let mut started = SIZES.into_iter().filter_map(|size| {
        let task = || work.take().map(|work| work(size));
        scope(|scope| {
            let thread = Builder::new().name("einc".to_owned()).stack_size(size).spawn_scoped(scope, task).ok()?;
            Some(thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
        })
    });
    started.next().flatten().expect("the machine starts one thread")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stack_is_as_large_as_it_says() {
        fn depth(left: usize, pad: [u8; 4096]) -> usize {
            let pad = std::hint::black_box(pad);
            if left == 0 { usize::from(pad[0]) } else { depth(left - 1, pad) + 1 }
        }
        assert_eq!(on_a_large_stack(|bytes| (bytes >= 1 << 28, depth(20_000, [0; 4096]))), (true, 20_000));
    }
}

//! Memory of objects: small blocks are cut from chunks, freed blocks wait in lists by size class, and nothing is
//! promised that the machine does not have.

use std::alloc::{Layout, alloc, dealloc};
use std::collections::HashMap;
use std::ptr::null_mut;

/// Blocks start and end at cache lines.
pub const LINE: usize = 64;
/// Up to here a block is cut from a chunk and never goes back to the system.
const SMALL: usize = 32 << 10;
const CHUNK: usize = 1 << 20;
/// From here huge pages are worth asking for.
const HUGE: usize = 4 << 20;
const HUGE_PAGE: usize = 2 << 20;
/// Bytes of large free blocks that are kept for the next allocation.
const KEPT: usize = 512 << 20;
/// Below this total the machine is not asked what it has.
const UNASKED: usize = 64 << 20;
/// No machine has more; keeps size arithmetic from overflowing.
const LARGEST: usize = 1 << 46;

/// Classes of one line each, then four for every doubling.
const FINE: usize = 16;
const CLASSES: usize = FINE + 4 * (usize::BITS as usize - 10);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory {
    pub asked: u128,
    pub available: u64,
}

pub struct Heap {
    free: [*mut u8; CLASSES],
    cursor: *mut u8,
    /// Bytes left in the newest chunk.
    rest: usize,
    chunks: Vec<*mut u8>,
    /// Large blocks by address, in use or kept.
    large: HashMap<usize, Layout>,
    /// Bytes in `large`, and those of them that are free.
    held: usize,
    kept: usize,
    /// What `held` may grow to; read from the machine when it first matters.
    limit: Option<usize>,
}

impl Default for Heap {
    fn default() -> Heap {
        Heap {
            free: [null_mut(); CLASSES],
            cursor: null_mut(),
            rest: 0,
            chunks: Vec::new(),
            large: HashMap::new(),
            held: 0,
            kept: 0,
            limit: None,
        }
    }
}

impl Heap {
    /// A block of at least `bytes`, aligned to a line, and its class.
    pub fn allocate(&mut self, bytes: usize) -> Result<(*mut u8, u8), OutOfMemory> {
        if bytes > LARGEST {
            return Err(OutOfMemory { asked: bytes as u128, available: available_memory() });
        }
        let class = class_of(bytes);
        let size = size_of_class(class);
        let first = self.free[class];
        if !first.is_null() {
            // SAFETY: a free block holds the address of the next one.
            self.free[class] = unsafe { *(first as *mut *mut u8) };
            if size > SMALL {
                self.kept -= size;
            }
            return Ok((first, class as u8));
        }
        let block = if size <= SMALL { self.cut(size)? } else { self.large_block(size, bytes)? };
        Ok((block, class as u8))
    }

    /// # Safety
    /// `block` and `class` come from one call of `allocate` on this heap, and nothing uses the block any more.
    pub unsafe fn free(&mut self, block: *mut u8, class: u8) {
        let size = size_of_class(class as usize);
        if size > SMALL {
            if self.kept + size > KEPT {
                unsafe { self.give_back(block) };
                return;
            }
            self.kept += size;
        }
        unsafe { *(block as *mut *mut u8) = self.free[class as usize] };
        self.free[class as usize] = block;
    }

    fn cut(&mut self, size: usize) -> Result<*mut u8, OutOfMemory> {
        if self.rest < size {
            // SAFETY: the layout is not empty.
            let chunk = unsafe { alloc(chunk_layout()) };
            if chunk.is_null() {
                return Err(OutOfMemory { asked: CHUNK as u128, available: available_memory() });
            }
            self.chunks.push(chunk);
            (self.cursor, self.rest) = (chunk, CHUNK);
        }
        let block = self.cursor;
        // SAFETY: `size` bytes are left in the chunk.
        self.cursor = unsafe { block.add(size) };
        self.rest -= size;
        Ok(block)
    }

    fn large_block(&mut self, size: usize, asked: usize) -> Result<*mut u8, OutOfMemory> {
        self.check_limit(size, asked)?;
        let align = if size >= HUGE { HUGE_PAGE } else { LINE };
        let refused = |available| OutOfMemory { asked: asked as u128, available };
        let layout = Layout::from_size_align(size, align).map_err(|_| refused(available_memory()))?;
        // SAFETY: the layout is not empty.
        let block = unsafe { alloc(layout) };
        if block.is_null() {
            return Err(refused(available_memory()));
        }
        if size >= HUGE {
            ask_for_huge_pages(block, size);
        }
        self.large.insert(block as usize, layout);
        self.held += size;
        Ok(block)
    }

    fn check_limit(&mut self, size: usize, asked: usize) -> Result<(), OutOfMemory> {
        if self.held + size <= UNASKED {
            return Ok(());
        }
        let in_use = self.held - self.kept;
        let limit = *self.limit.get_or_insert_with(|| in_use.saturating_add(available_memory() as usize));
        if self.held + size > limit {
            self.drop_kept();
        }
        if self.held + size > limit {
            return Err(OutOfMemory { asked: asked as u128, available: limit.saturating_sub(self.held) as u64 });
        }
        Ok(())
    }

    fn drop_kept(&mut self) {
        for class in class_of(SMALL) + 1..CLASSES {
            let mut block = std::mem::replace(&mut self.free[class], null_mut());
            while !block.is_null() {
                // SAFETY: free blocks are linked by their first word; each is given back once.
                let next = unsafe { *(block as *mut *mut u8) };
                unsafe { self.give_back(block) };
                self.kept -= size_of_class(class);
                block = next;
            }
        }
    }

    unsafe fn give_back(&mut self, block: *mut u8) {
        if let Some(layout) = self.large.remove(&(block as usize)) {
            self.held -= layout.size();
            unsafe { dealloc(block, layout) };
        }
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        for chunk in &self.chunks {
            // SAFETY: each chunk was allocated with this layout.
            unsafe { dealloc(*chunk, chunk_layout()) };
        }
        for (block, layout) in &self.large {
            unsafe { dealloc(*block as *mut u8, *layout) };
        }
    }
}

fn chunk_layout() -> Layout {
    Layout::from_size_align(CHUNK, LINE).expect("a constant layout")
}

fn class_of(bytes: usize) -> usize {
    let lines = bytes.div_ceil(LINE).max(1);
    if lines <= FINE {
        return lines - 1;
    }
    let power = (lines - 1).ilog2() as usize;
    let step = 1 << (power - 2);
    FINE + (power - 4) * 4 + (lines - (1 << power)).div_ceil(step) - 1
}

fn size_of_class(class: usize) -> usize {
    if class < FINE {
        return (class + 1) * LINE;
    }
    let (power, quarter) = ((class - FINE) / 4 + 4, (class - FINE) % 4 + 1);
    ((1 << power) + (quarter << (power - 2))) * LINE
}

#[cfg(target_os = "linux")]
fn ask_for_huge_pages(block: *mut u8, size: usize) {
    // SAFETY: advice about a range that this heap owns; a refusal changes nothing.
    unsafe { libc::madvise(block.cast(), size, libc::MADV_HUGEPAGE) };
}

#[cfg(not(target_os = "linux"))]
fn ask_for_huge_pages(_: *mut u8, _: usize) {}

/// What the machine, or the container around this process, could still give.
pub fn available_memory() -> u64 {
    let machine = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("MemAvailable:"))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
    });
    let number = |path| std::fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let container = number("/sys/fs/cgroup/memory.max")
        .zip(number("/sys/fs/cgroup/memory.current"))
        .map(|(limit, used)| limit.saturating_sub(used));
    machine.into_iter().chain(container).min().unwrap_or(LARGEST as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_cover_sizes_with_at_most_a_quarter_more() {
        for bytes in (0..40_000).chain([1 << 20, (1 << 20) + 1, 3 << 30, LARGEST]) {
            let class = class_of(bytes);
            let size = size_of_class(class);
            assert!(class < CLASSES && size >= bytes, "{bytes} bytes in class {class} of {size}");
            assert!(size <= (bytes + bytes / 4).max(LINE) + LINE, "{bytes} bytes take {size}");
        }
    }

    #[test]
    fn freed_blocks_are_used_again() {
        let mut heap = Heap::default();
        for bytes in [10, 1000, 100_000, 10 << 20] {
            let (first, class) = heap.allocate(bytes).unwrap();
            unsafe { heap.free(first, class) };
            assert_eq!(heap.allocate(bytes).unwrap(), (first, class));
        }
    }

    #[test]
    fn large_free_blocks_are_bounded() {
        let mut heap = Heap::default();
        let blocks: Vec<_> = (0..10).map(|_| heap.allocate(100 << 20).unwrap()).collect();
        for (block, class) in blocks {
            unsafe { heap.free(block, class) };
        }
        assert!(heap.kept <= KEPT && heap.held == heap.kept);
    }

    #[test]
    fn more_than_the_machine_has_is_refused() {
        let mut heap = Heap::default();
        let error = heap.allocate(1 << 45).unwrap_err();
        assert_eq!(error.asked, 1 << 45);
        assert!(error.available > 0 && u128::from(error.available) < error.asked);
    }
}

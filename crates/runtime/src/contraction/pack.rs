//! Copies of parts of the factors, in the order in which they are read.

use super::lanes::{Lanes, Number};

/// So many pieces of neighbours are copied as such, if they are not too short.
const MOST_PIECES: usize = 6;
const SHORT_PIECE: usize = 4;
/// Lines and points that are turned around at once.
const TURNED: usize = 8;

/// Lines that lie beside each other.
#[derive(Clone, Copy, Default)]
struct Piece {
    at: usize,
    length: usize,
    first: isize,
}

/// Writes the numbers of some lines (rows or columns) beside each other, for every summed point; points are `width` apart.
///
/// # Safety
/// The machine has the instructions, and everything is in bounds.
#[inline(always)]
pub unsafe fn pack<L: Lanes>(
    from: *const L::Number,
    lines: &[isize],
    points: &[isize],
    to: *mut L::Number,
    width: usize,
) {
    let mut pieces = [Piece::default(); MOST_PIECES];
    if let Some(count) = pieces_of(lines, &mut pieces) {
        // SAFETY: the caller's promise.
        return unsafe { pack_pieces::<L>(from, &pieces[..count], points, to, width) };
    }
    let mut done = 0;
    while let Some(next) = points.get(done..done + TURNED)
        && next.windows(2).all(|pair| pair[1] - pair[0] == 1)
    {
        // SAFETY: the caller's promise, and the points lie beside each other.
        unsafe { pack_turned(from.offset(next[0]), lines, to.add(done * width), width) };
        done += TURNED;
    }
    for (k, point) in points.iter().enumerate().skip(done) {
        for (line, offset) in lines.iter().enumerate() {
            // SAFETY: the caller's promise.
            unsafe { *to.add(k * width + line) = *from.offset(offset + point) };
        }
    }
}

/// The pieces that lines are made of, if they are few.
fn pieces_of(lines: &[isize], pieces: &mut [Piece; MOST_PIECES]) -> Option<usize> {
    let (mut count, mut at) = (0, 0);
    while at < lines.len() {
        let follows = lines[at..].windows(2).take_while(|pair| pair[1] - pair[0] == 1).count();
        *pieces.get_mut(count)? = Piece { at, length: follows + 1, first: lines[at] };
        count += 1;
        at += follows + 1;
    }
    (count == 1 || count * SHORT_PIECE <= lines.len()).then_some(count)
}

#[inline(always)]
unsafe fn pack_pieces<L: Lanes>(
    from: *const L::Number,
    pieces: &[Piece],
    points: &[isize],
    to: *mut L::Number,
    width: usize,
) {
    for piece in pieces {
        for part in (0..piece.length).step_by(L::COUNT) {
            // SAFETY: the caller's promise.
            unsafe {
                let mask = L::mask(piece.length - part);
                let (from, to) = (from.offset(piece.first).add(part), to.add(piece.at + part));
                for (k, point) in points.iter().enumerate() {
                    L::read_some(from.offset(*point), mask).write_some(to.add(k * width), mask);
                }
            }
        }
    }
}

/// `TURNED` points that lie beside each other.
#[inline(always)]
unsafe fn pack_turned<T: Number>(from: *const T, lines: &[isize], to: *mut T, width: usize) {
    let whole = lines.len() / TURNED * TURNED;
    // SAFETY: the caller's promise.
    unsafe {
        for first in (0..whole).step_by(TURNED) {
            let numbers: [[T; TURNED]; TURNED] =
                std::array::from_fn(|line| from.offset(lines[first + line]).cast::<[T; TURNED]>().read_unaligned());
            let point = |k: usize| -> [T; TURNED] { std::array::from_fn(|line| numbers[line][k]) };
            for k in 0..TURNED {
                let turned = point(k);
                to.add(k * width + first).cast::<[T; TURNED]>().write_unaligned(turned);
            }
        }
        for (line, offset) in lines.iter().enumerate().skip(whole) {
            for k in 0..TURNED {
                *to.add(k * width + line) = *from.offset(offset + k as isize);
            }
        }
    }
}

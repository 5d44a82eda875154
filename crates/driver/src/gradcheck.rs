//! `einc gradcheck`: each quotient of a program beside central differences, in `f64`.

use crate::input::Input;
use crate::options::Options;
use crate::pipeline::{Goal, Product};
use crate::report;
use crate::session::Session;
use crate::stack::on_a_large_stack;
use crate::status::Status;
use autodiff::Compared;
use runtime::Context;
use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

/// What the program writes, kept.
#[derive(Clone, Default)]
struct Output(Rc<RefCell<Vec<u8>>>);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The cell of a quotient that is furthest off.
#[derive(Clone, Debug, PartialEq)]
struct Worst {
    quotient: f64,
    difference: f64,
    extents: Vec<usize>,
    place: usize,
}

impl Worst {
    /// The distance as a share of the size, for numbers above 1.
    fn off(&self) -> f64 {
        let size = 1.0 + self.quotient.abs().max(self.difference.abs());
        (self.quotient - self.difference).abs() / size
    }

    /// What is no number is as far off as can be.
    fn rank(&self) -> f64 {
        let off = self.off();
        if off.is_nan() { f64::INFINITY } else { off }
    }
}

/// How far both modes may be apart, which round differently and do nothing else.
const SAME: f64 = 1e-7;

/// Compares the quotients of a program with differences. `tolerance` is how far one may be off.
pub fn gradcheck(input: Input, tolerance: f64, options: Options) -> Status {
    on_a_large_stack(|stack_bytes| {
        let mut session = Session::new(input, options);
        let outcome = session.reach(Goal::Gradcheck);
        session.report_timings();
        let (code, compared) = match outcome {
            Ok(Product::Comparisons(code, compared)) => (code, compared),
            Ok(_) => unreachable!("the goal is comparisons"),
            Err(status) => return status,
        };
        let output = Output::default();
        let mut context = Context::new(stack_bytes, session.input.folder(), Box::new(output.clone()));
        context.limit_threads(options.threads);
        let ended = code.run(&mut context);
        // The output is memory, which takes everything.
        let _ = context.flush();
        if let Err(failure) = ended {
            report::all(vec![failure.diagnostic()], &session.sources, &session.options);
            return Status::Failed;
        }
        let text = String::from_utf8_lossy(&output.0.borrow()).into_owned();
        let worst = |mode: &str| worst_of(&text, mode, compared.len());
        let forwards = worst(&autodiff::FORWARD.to_string());
        let (listing, fine) = listing(&compared, &worst(""), &forwards, tolerance);
        // A reader that has seen enough is no failure.
        let _ = io::stdout().write_all(listing.as_bytes());
        if fine { Status::Fine } else { Status::Errors }
    })
}

/// The worst cell of each comparison. One that is made several times, in the steps of a recurrence, counts once.
fn worst_of(text: &str, mode: &str, count: usize) -> Vec<Option<Worst>> {
    let mut worst: Vec<Option<Worst>> = vec![None; count];
    for (number, found) in text.lines().filter_map(|line| comparison(line, mode)) {
        if let Some(known) = worst.get_mut(number)
            && known.as_ref().is_none_or(|known| found.rank() > known.rank())
        {
            *known = Some(found);
        }
    }
    worst
}

fn comparison(line: &str, mode: &str) -> Option<(usize, Worst)> {
    let mut words = line.strip_prefix(autodiff::MARK)?.strip_prefix(mode)?.split(' ');
    let number = words.next()?.parse().ok()?;
    let quotient = words.next()?.parse().ok()?;
    let difference = words.next()?.parse().ok()?;
    let mut extents: Vec<usize> = words.map(|word| word.parse().ok()).collect::<Option<_>>()?;
    let place = extents.pop()?;
    Some((number, Worst { quotient, difference, extents, place }))
}

/// What is said of each quotient beside differences, and, along a direction, beside forward mode.
fn listing(
    compared: &[Compared],
    worst: &[Option<Worst>],
    forwards: &[Option<Worst>],
    tolerance: f64,
) -> (String, bool) {
    let (mut text, mut fine) = (String::new(), true);
    for ((compared, worst), forwards) in compared.iter().zip(worst).zip(forwards) {
        let name = |symbol: diagnostics::Symbol| match symbol.as_str() {
            "" => "(…)".to_owned(),
            name => name.to_owned(),
        };
        let head = format!("@{} / @{}", name(compared.y), name(compared.x));
        let Some(worst) = worst else {
            text += &format!("{head}: not compared\n");
            continue;
        };
        let apart = forwards.as_ref().filter(|along| along.rank() > SAME);
        let good = worst.rank() <= tolerance;
        fine &= good && apart.is_none();
        let good = good && apart.is_none();
        let verdict = if good { "fine" } else { "wrong" };
        let (cell, off) = (cell(compared, worst), worst.off());
        let mode = if forwards.is_some() && apart.is_none() { ", as in forward mode" } else { "" };
        text += &format!("{head}: {verdict}, off by {off:.1e}{cell}{mode}\n");
        if !good {
            text += &format!("    derived {:?}, by differences {:?}\n", worst.quotient, worst.difference);
        }
        if let Some(along) = apart {
            text += &format!("    along a direction {:?}, in forward mode {:?}\n", along.quotient, along.difference);
        }
    }
    if compared.is_empty() {
        text += "no quotients\n";
    }
    (text, fine)
}

/// ` at [i = 2, j = 0]`
fn cell(compared: &Compared, worst: &Worst) -> String {
    let mut rest = worst.place;
    let mut items: Vec<String> = Vec::new();
    // A name that stands in numerator and denominator has a prime in the second.
    let again = |k: usize| compared.coords[..k].iter().filter(|before| **before == compared.coords[k]).count();
    for (k, extent) in worst.extents.iter().enumerate().rev() {
        let at = rest % extent.max(&1);
        rest /= extent.max(&1);
        items.push(match compared.coords.get(k).copied().flatten() {
            Some(name) => format!("{name}{} = {at}", "'".repeat(again(k))),
            None => at.to_string(),
        });
    }
    items.reverse();
    if items.is_empty() { String::new() } else { format!(" at [{}]", items.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_of_several_comparisons_counts() {
        let text = "a line of the program\n\u{1}0 1.0 1.5 2 3 4\n\u{1}0 1.0 3.0 2 3 5\n\u{1}1 nan 0.0 0\n";
        let worst = worst_of(text, "", 3);
        let expected = Worst { quotient: 1.0, difference: 3.0, extents: vec![2, 3], place: 5 };
        assert_eq!(worst[0], Some(expected));
        assert_eq!(worst[1].as_ref().map(Worst::rank), Some(f64::INFINITY));
        assert_eq!(worst[2], None);
    }

    #[test]
    fn a_cell_is_named_by_its_coordinates() {
        let symbol = diagnostics::Symbol::new;
        let coords = vec![Some(symbol("i")), None];
        let compared = Compared { span: Default::default(), y: symbol("y"), x: symbol("x"), coords };
        let worst = Worst { quotient: 1.0, difference: 3.0, extents: vec![2, 3], place: 5 };
        assert_eq!(cell(&compared, &worst), " at [i = 1, 2]");
        let (text, fine) = listing(&[compared], &[Some(worst)], &[None], 1e-4);
        assert_eq!(text, "@y / @x: wrong, off by 5.0e-1 at [i = 1, 2]\n    derived 1.0, by differences 3.0\n");
        assert!(!fine);
    }
}

//! When statements began and ended, for `--profile`.

use crate::context::Context;
use ir::loops::Site;
use std::time::{Duration, Instant};

/// More are counted and not kept: a trace beyond this is larger than what can be looked at.
const MOST: usize = 1 << 20;

/// One run of one statement.
#[derive(Clone, Debug)]
pub struct Span {
    /// Where the statement stands, and the names that it binds.
    pub site: Site,
    pub begin: Instant,
    pub time: Duration,
}

struct Run {
    site: u32,
    begin: Instant,
    time: Duration,
}

pub(crate) struct Spans {
    open: Vec<(u32, Instant)>,
    done: Vec<Run>,
}

impl Spans {
    pub fn new() -> Spans {
        Spans { open: Vec::new(), done: Vec::new() }
    }

    fn end(&mut self) {
        if let Some((site, begin)) = self.open.pop()
            && self.done.len() < MOST
        {
            self.done.push(Run { site, begin, time: begin.elapsed() });
        }
    }

    pub fn all(mut self, sites: &[Site]) -> Vec<Span> {
        while !self.open.is_empty() {
            self.end();
        }
        let span = |run: &Run| {
            let site = sites.get(run.site as usize)?.clone();
            Some(Span { site, begin: run.begin, time: run.time })
        };
        self.done.iter().filter_map(span).collect()
    }
}

pub extern "C" fn span_begin(context: &mut Context, site: u32) {
    if let Some(spans) = &mut context.spans {
        spans.open.push((site, Instant::now()));
    }
}

pub extern "C" fn span_end(context: &mut Context) {
    if let Some(spans) = &mut context.spans {
        spans.end();
    }
}

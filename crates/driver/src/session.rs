//! One program on its way, with everything that is known and said about it.

use crate::errors;
use crate::input::{Content, Input};
use crate::options::Options;
use crate::pipeline::{Goal, Product, Stop, advance};
use crate::status::Status;
use crate::timing::Timings;
use crate::{defect, report};
use diagnostics::{Diagnostic, FileId, SourceMap, Span};

pub struct Session {
    pub input: Input,
    pub options: Options,
    pub sources: SourceMap,
    pub diagnostics: Vec<Diagnostic>,
    pub timings: Timings,
    entry: Option<FileId>,
}

impl Session {
    pub fn new(input: Input, options: Options) -> Session {
        let (sources, timings) = (SourceMap::default(), Timings::default());
        Session { input, options, sources, diagnostics: Vec::new(), timings, entry: None }
    }

    /// Brings the program as far as the goal and reports what there is to say. Without a product the command ends with
    /// the status.
    pub fn reach(&mut self, goal: Goal) -> Result<Product, Status> {
        let outcome = self.attempt(goal)?;
        self.conclude(outcome)
    }

    /// The same without a report, for who has another way if there is no product. The program is read once.
    pub fn attempt(&mut self, goal: Goal) -> Result<Result<Product, Stop>, Status> {
        let entry = match self.entry {
            Some(entry) => entry,
            None => self.read()?,
        };
        self.entry = Some(entry);
        Ok(advance(self, entry, goal))
    }

    /// Whether all errors are about derivatives.
    pub fn only_derivatives_fail(&self) -> bool {
        self.diagnostics.iter().filter(|found| found.is_error()).all(|found| found.code.starts_with("E07"))
    }

    /// Reports what an attempt found.
    pub fn conclude(&mut self, outcome: Result<Product, Stop>) -> Result<Product, Status> {
        self.report();
        outcome.map_err(|stop| match stop {
            Stop::Errors => Status::Errors,
            Stop::Defect(what) => {
                defect::report(&what);
                Status::Defect
            }
        })
    }

    fn read(&mut self) -> Result<FileId, Status> {
        let name = self.input.name();
        match self.input.read() {
            Ok(Content::Text(text)) => Ok(self.sources.add(name, text)),
            Ok(Content::NotUtf8 { readable, valid, byte }) => {
                let file = self.sources.add(name, readable);
                self.diagnostics.push(errors::not_utf8(Span::new(file, valid, valid + 1), byte));
                self.report();
                Err(Status::Errors)
            }
            Err(reason) => {
                report::unreadable(&name, &reason, self.options.error_format);
                Err(Status::Errors)
            }
        }
    }

    fn report(&mut self) {
        report::all(std::mem::take(&mut self.diagnostics), &self.sources, &self.options);
    }

    /// What `--time-passes` shows.
    pub fn report_timings(&self) {
        if self.options.time_passes {
            report::write(&self.timings.to_string());
        }
    }
}

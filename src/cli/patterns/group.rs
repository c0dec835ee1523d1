//! Reads logs and groups their lines.

use std::io::{self, Write};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use crate::cli::journal::JournalArg;
use crate::cli::progress::{Progress, ProgressArg};
use crate::cli::replay::log_file::open;
use crate::cli::replay::stream::time_of;
use crate::file::vfs::Source;
use crate::fmt::display_path;
use crate::pattern::{PatternId, PatternSettings, Registry, text_of_record};
use crate::scan::cursor::{Follows, LineCursor, Step};
use crate::scan::feed::{Fed, Feed};
use crate::scan::record_bounds::RecordBounds;
use crate::scan::rules::{RuleSet, RuleSpec};
use crate::scan::scanner::Scanner;
use crate::scan::timestamp::{Detector, TimeSettings};

/// Window of a file, in bytes.
const WINDOW_BYTES: u64 = 256 << 10;
/// The longest line that is judged as a whole, in bytes.
pub(super) const LINE_BYTES_MAX: usize = 1 << 20;

/// Which ids are printed for lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Assign {
    /// Those at the time of the line.
    Read,
    /// Those after all merges.
    Final,
}

/// The patterns of what was read.
pub(super) struct Grouped {
    registry: Registry,
    records: Option<RecordBounds>,
    joined: Vec<u8>,
    scanner: Scanner,
    takes_all: bool,
    assign: Option<Assign>,
    progress: Progress,
    /// For each line its id, if it has one; only for [`Assign::Final`].
    ids: Vec<Option<PatternId>>,
}

/// Why a file was not read to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum GroupError {
    /// The file.
    #[error("cannot read {path}: {error}")]
    Input { path: String, error: io::Error },
    /// Standard output.
    #[error(transparent)]
    Output(io::Error),
}

impl GroupError {
    pub(super) fn is_output(&self) -> bool {
        matches!(self, GroupError::Output(_))
    }

    pub(super) fn into_io(self) -> io::Error {
        match self {
            GroupError::Input { error, .. } | GroupError::Output(error) => error,
        }
    }
}

impl Grouped {
    /// Groups the lines that match `rules`, or all of them.
    pub(super) fn new(
        rules: Option<Arc<RuleSet>>,
        patterns: &PatternSettings,
        assign: Option<Assign>,
        progress: Progress,
    ) -> anyhow::Result<Grouped> {
        let takes_all = rules.is_none();
        // Without rules the scanner only finds the lines.
        let rules = rules.map_or_else(|| RuleSet::compile(&[RuleSpec::containing("ERROR")]), Ok)?;
        Ok(Grouped {
            registry: Registry::new(patterns),
            records: RecordBounds::new(&rules, LINE_BYTES_MAX),
            joined: Vec::new(),
            scanner: Scanner::new(rules, LINE_BYTES_MAX),
            takes_all,
            assign,
            progress,
            ids: Vec::new(),
        })
    }

    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Takes lines from now on by `rules`, which see at most `line_bytes_max` bytes of a line.
    pub(super) fn set_rules(&mut self, rules: &Arc<RuleSet>, line_bytes_max: usize) {
        self.records = RecordBounds::new(rules, line_bytes_max);
        self.scanner = Scanner::new(Arc::clone(rules), line_bytes_max);
    }

    /// Reads the file at `path`, whose lines tell their time by `time`. Writes the ids of its lines if they are asked for.
    pub(super) fn read(
        &mut self,
        path: &Path,
        time: Arc<TimeSettings>,
        out: &mut impl Write,
    ) -> Result<(), GroupError> {
        let failed = |error| GroupError::Input { path: display_path(path), error };
        let (mut source, modified_ms) = open(path, &self.progress).map_err(failed)?;
        let mut times = Times { detector: Detector::new(time), modified_ms };
        let mut feed = Feed::to_end(WINDOW_BYTES);
        let (mut cursor, mut written) = (LineCursor::default(), Ok(()));
        loop {
            let mut judge = |cursor: &mut LineCursor, bytes: &[u8], follows: Follows| {
                let (step, result) = self.judge(cursor, bytes, follows, &mut times, out);
                written = result;
                step
            };
            let fed = feed.step(&mut cursor, &mut judge, &mut |range, look| {
                let shown = source.show(range, &mut |bytes| {
                    look(bytes);
                });
                shown.map(drop)
            });
            std::mem::replace(&mut written, Ok(())).map_err(GroupError::Output)?;
            if fed.map_err(failed)? == Fed::Done {
                return Ok(());
            }
        }
    }

    /// Reads the entries of the journal, if it is to be read. Returns what could not be read, and whether the output could be
    /// written.
    pub(super) fn read_journal(
        &mut self,
        journal: &JournalArg,
        progress: ProgressArg,
        out: &mut impl Write,
    ) -> anyhow::Result<(Vec<String>, io::Result<()>)> {
        let mut written = Ok(());
        let problems = journal.read(progress, &mut |entry| {
            let text = entry.text();
            let mut matches = self.takes_all;
            self.scanner.judge_entry(text, &|| entry.level(), &mut |_| matches = true);
            let at_ms = i64::try_from(entry.realtime_us / 1_000).ok();
            let id = matches.then(|| self.registry.observe(text_of_record(text, &mut self.joined), at_ms).id);
            if written.is_ok() {
                written = self.assign(id, out);
            }
        })?;
        Ok((problems, written))
    }

    fn assign(&mut self, id: Option<PatternId>, out: &mut impl Write) -> io::Result<()> {
        match (self.assign, id) {
            (Some(Assign::Read), Some(id)) => writeln!(out, "{id}")?,
            (Some(Assign::Read), None) => writeln!(out)?,
            (Some(Assign::Final), id) => self.ids.push(id),
            (None, _) => {}
        }
        Ok(())
    }

    fn judge(
        &mut self,
        cursor: &mut LineCursor,
        bytes: &[u8],
        follows: Follows,
        times: &mut Times,
        out: &mut impl Write,
    ) -> (Step, io::Result<()>) {
        let (from, is_rest) = (cursor.offset, cursor.inside_long_line);
        let mut found: Vec<Found> = Vec::new();
        let step = cursor.advance(bytes, follows, &mut self.scanner, &mut |rule, line| {
            found.push(Found { rule, line });
        });
        // A line may match several rules.
        found.sort_unstable_by_key(|found| (found.line.start, found.rule));
        found.dedup_by_key(|found| found.line.start);
        let bytes = &bytes[..(cursor.offset - from) as usize];
        if !self.takes_all && self.assign.is_none() {
            for found in found {
                self.observe(bytes, &found, times);
            }
            return (step, Ok(()));
        }
        (step, self.judge_every_line(bytes, is_rest, &found, times, out))
    }

    /// Counts the record of a line that was found.
    fn observe(&mut self, bytes: &[u8], found: &Found, times: &mut Times) -> PatternId {
        let records = self.records.as_mut().filter(|_| !self.takes_all);
        let place =
            records.map_or(found.line.clone(), |records| records.around(found.rule, bytes, &found.line));
        let text = text_of_record(&bytes[place], &mut self.joined);
        self.registry.observe(text, times.of(bytes, found.line.clone())).id
    }

    /// Groups those lines of `bytes` that are in `found`, or all, and writes what is asked for of each.
    fn judge_every_line(
        &mut self,
        bytes: &[u8],
        is_rest: bool,
        found: &[Found],
        times: &mut Times,
        out: &mut impl Write,
    ) -> io::Result<()> {
        let line_end =
            |start: usize| memchr::memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |lf| start + lf);
        let mut found = found.iter().peekable();
        let mut start = if is_rest { line_end(0) + 1 } else { 0 };
        while start < bytes.len() {
            let end = line_end(start);
            let id = match found.next_if(|found| found.line.start <= end) {
                Some(found) => Some(self.observe(bytes, found, times)),
                None if self.takes_all => {
                    Some(self.registry.observe(&bytes[start..end], times.of(bytes, start..end)).id)
                }
                None => None,
            };
            self.assign(id, out)?;
            start = end + 1;
        }
        Ok(())
    }

    /// Writes the ids of all lines after the merges, if they are asked for.
    pub(super) fn write_final(&self, out: &mut impl Write) -> io::Result<()> {
        for id in &self.ids {
            match id {
                Some(id) => writeln!(out, "{}", self.registry.resolve(*id))?,
                None => writeln!(out)?,
            }
        }
        Ok(())
    }
}

/// A line that matches a rule.
struct Found {
    rule: usize,
    line: Range<usize>,
}

/// Finds the times of the lines of a file.
struct Times {
    detector: Detector,
    modified_ms: i64,
}

impl Times {
    fn of(&mut self, bytes: &[u8], line: Range<usize>) -> Option<i64> {
        time_of(&mut self.detector, bytes, line, self.modified_ms)
    }
}

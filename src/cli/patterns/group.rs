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
use crate::scan::stream_lines::{JudgedLines, StreamLines};
use crate::scan::timestamp::{Detector, TimeSettings};
use crate::scan::wrapping::LineFormat;

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
    grouping: Grouping,
    scanner: Scanner,
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
        let grouping = Grouping {
            registry: Registry::new(patterns),
            records: RecordBounds::new(&rules, LINE_BYTES_MAX),
            joined: Vec::new(),
            takes_all,
        };
        Ok(Grouped {
            grouping,
            scanner: Scanner::new(rules, LINE_BYTES_MAX),
            assign,
            progress,
            ids: Vec::new(),
        })
    }

    pub(super) fn registry(&self) -> &Registry {
        &self.grouping.registry
    }

    /// Takes lines from now on by `rules`, which see at most `line_bytes_max` bytes of a line.
    pub(super) fn set_rules(&mut self, rules: &Arc<RuleSet>, line_bytes_max: usize) {
        self.grouping.records = RecordBounds::new(rules, line_bytes_max);
        self.scanner = Scanner::new(Arc::clone(rules), line_bytes_max);
    }

    /// Reads the file at `path`, whose lines tell their time and are wrapped as is said. Writes the ids of its lines if they are asked for.
    pub(super) fn read(
        &mut self,
        path: &Path,
        (time, format): (Arc<TimeSettings>, LineFormat),
        out: &mut impl Write,
    ) -> Result<(), GroupError> {
        let failed = |error| GroupError::Input { path: display_path(path), error };
        let (mut source, modified_ms) = open(path, &self.progress).map_err(failed)?;
        let mut times = Times { detector: Detector::new(time), modified_ms };
        let mut feed = Feed::to_end(WINDOW_BYTES);
        let (mut cursor, mut written) = (LineCursor::default(), Ok(()));
        let mut lines = StreamLines::new(path, format);
        loop {
            let mut judge = |cursor: &mut LineCursor, bytes: &[u8], follows: Follows| {
                let (step, result) = self.judge((cursor, &mut lines), bytes, follows, &mut times, out);
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
                return self.finish(&mut lines, &mut times, out).map_err(GroupError::Output);
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
            let Grouping { registry, joined, takes_all, .. } = &mut self.grouping;
            let mut matches = *takes_all;
            self.scanner.judge_entry(text, &|| entry.level(), &mut |_| matches = true);
            let at_ms = i64::try_from(entry.realtime_us / 1_000).ok();
            let id = matches.then(|| registry.observe(text_of_record(text, joined), at_ms).id);
            if written.is_ok() {
                written = write_id(self.assign, id, &mut self.ids, out);
            }
        })?;
        Ok((problems, written))
    }

    fn judge(
        &mut self,
        (cursor, lines): (&mut LineCursor, &mut StreamLines),
        bytes: &[u8],
        follows: Follows,
        times: &mut Times,
        out: &mut impl Write,
    ) -> (Step, io::Result<()>) {
        let (from, is_rest) = (cursor.offset, cursor.inside_long_line);
        let mut found: Vec<Found> = Vec::new();
        let step = lines.advance(cursor, bytes, follows, &mut self.scanner, &mut |rule, line| {
            found.push(Found { rule, line });
        });
        let Grouped { scanner, grouping, assign, ids, .. } = self;
        let judged = lines.judged(scanner, &bytes[..(cursor.offset - from) as usize]);
        let is_rest = is_rest && !judged.is_unwrapped();
        let of_lines = grouping.group(judged, is_rest, found, times, assign.is_some());
        (step, of_lines.into_iter().try_for_each(|id| write_id(*assign, id, ids, out)))
    }

    /// Groups what has begun as lines, after the end of the file.
    fn finish(&mut self, lines: &mut StreamLines, times: &mut Times, out: &mut impl Write) -> io::Result<()> {
        if !lines.has_begun() {
            return Ok(());
        }
        let mut found = Vec::new();
        lines.finish(&mut self.scanner, &mut |rule, line| found.push(Found { rule, line }));
        let Grouped { scanner, grouping, assign, ids, .. } = self;
        let judged = JudgedLines::of(scanner.unwrapped(), &[]);
        let of_lines = grouping.group(judged, false, found, times, assign.is_some());
        of_lines.into_iter().try_for_each(|id| write_id(*assign, id, ids, out))
    }

    /// Writes the ids of all lines after the merges, if they are asked for.
    pub(super) fn write_final(&self, out: &mut impl Write) -> io::Result<()> {
        for id in &self.ids {
            match id {
                Some(id) => writeln!(out, "{}", self.grouping.registry.resolve(*id))?,
                None => writeln!(out)?,
            }
        }
        Ok(())
    }
}

/// Writes or keeps the id of a line, if it has one, as it is asked for.
fn write_id(
    assign: Option<Assign>,
    id: Option<PatternId>,
    ids: &mut Vec<Option<PatternId>>,
    out: &mut impl Write,
) -> io::Result<()> {
    match (assign, id) {
        (Some(Assign::Read), Some(id)) => writeln!(out, "{id}")?,
        (Some(Assign::Read), None) => writeln!(out)?,
        (Some(Assign::Final), id) => ids.push(id),
        (None, _) => {}
    }
    Ok(())
}

/// Groups lines by the patterns of their records.
struct Grouping {
    registry: Registry,
    records: Option<RecordBounds>,
    joined: Vec<u8>,
    takes_all: bool,
}

impl Grouping {
    /// Groups those of `lines` that are in `found`, or all. Returns for each line its id, if it has one, if it `names_each`. The first
    /// line is the rest of one that was judged, if it `is_rest`.
    fn group(
        &mut self,
        lines: JudgedLines<'_>,
        is_rest: bool,
        mut found: Vec<Found>,
        times: &mut Times,
        names_each: bool,
    ) -> Vec<Option<PatternId>> {
        // A line may match several rules.
        found.sort_unstable_by_key(|found| (found.line.start, found.rule));
        found.dedup_by_key(|found| found.line.start);
        let (bytes, mut ids) = (lines.text, Vec::new());
        if !self.takes_all && !names_each {
            for found in &found {
                self.observe(lines, found, times);
            }
            return ids;
        }
        let line_end =
            |start: usize| memchr::memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |lf| start + lf);
        let mut found = found.iter().peekable();
        let mut start = if is_rest { line_end(0) + 1 } else { 0 };
        while start < bytes.len() {
            let end = line_end(start);
            let id = match found.next_if(|found| found.line.start <= end) {
                Some(found) => Some(self.observe(lines, found, times)),
                None if self.takes_all => {
                    Some(self.registry.observe(&bytes[start..end], times.of(lines, start..end)).id)
                }
                None => None,
            };
            if names_each {
                ids.push(id);
            }
            start = end + 1;
        }
        ids
    }

    /// Counts the record of a line that was found.
    fn observe(&mut self, lines: JudgedLines<'_>, found: &Found, times: &mut Times) -> PatternId {
        let (bytes, records) = (lines.text, self.records.as_mut().filter(|_| !self.takes_all));
        let place =
            records.map_or(found.line.clone(), |records| records.around(found.rule, bytes, &found.line));
        let text = text_of_record(&bytes[place], &mut self.joined);
        self.registry.observe(text, times.of(lines, found.line.clone())).id
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
    fn of(&mut self, lines: JudgedLines<'_>, line: Range<usize>) -> Option<i64> {
        time_of(&mut self.detector, lines, line, self.modified_ms)
    }
}

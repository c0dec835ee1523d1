//! Reads one log from its oldest line to its newest.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::cli::progress::Progress;
use crate::cli::replay::log_file::{Log, LogFile, open};
use crate::detect::Millis;
use crate::engine::plan::CompiledWatch;
use crate::file::decompress::DecompressSource;
use crate::file::vfs::Source;
use crate::pattern::text_of_record;
use crate::scan::cursor::LineCursor;
use crate::scan::feed::{Fed, Feed};
use crate::scan::record_bounds::RecordBounds;
use crate::scan::scanner::Scanner;
use crate::scan::stream_lines::{JudgedLines, StreamLines};
use crate::scan::timestamp::Detector;

/// Window of a file, in bytes.
const WINDOW_BYTES: u64 = 256 << 10;
/// Lines before a line without a time stamp that are searched for one.
const BACK_LINES: usize = 100;
/// Longest part of a line that is kept as a sample, in bytes.
pub(super) const SAMPLE_BYTES_MAX: usize = 2_048;

/// Longest text by which a record is grouped, in bytes.
pub(super) const RECORD_BYTES_MAX: usize = 8_192;

/// What was read, and when it was written.
#[derive(Debug)]
pub(super) struct LogEvent {
    pub(super) at_ms: Millis,
    pub(super) kind: LogEventKind,
}

/// What a log holds.
#[derive(Debug)]
pub(super) enum LogEventKind {
    /// A line that matches this rule, and the text by which its record is grouped if that is another one.
    Match(usize, Vec<u8>, Option<Box<[u8]>>),
    /// Lines, whether they match or not.
    Lines(u64),
}

/// See the [module](self).
pub(super) struct LogStream {
    /// Index of its watch.
    pub(super) watch: usize,
    pub(super) path: PathBuf,
    files: VecDeque<LogFile>,
    scanner: Scanner,
    lines: StreamLines,
    times: LogTimes,
    open: Option<(DecompressSource, LineCursor)>,
    /// Events that are read but not taken yet.
    events: VecDeque<LogEvent>,
    /// The latest time of all events that were taken.
    reached_ms: Millis,
    pub(super) bytes: u64,
    progress: Progress,
}

/// Finds the time of lines.
struct LogTimes {
    records: Option<RecordBounds>,
    detector: Detector,
    reference_ms: Millis,
    counts_lines: bool,
}

impl LogStream {
    pub(super) fn new(log: Log, watch: &CompiledWatch) -> LogStream {
        let detector = Detector::new(Arc::clone(&watch.time));
        LogStream {
            watch: log.watch,
            lines: StreamLines::new(&log.path, watch.file.format),
            path: log.path,
            files: log.files.into(),
            scanner: Scanner::new(Arc::clone(&watch.rules), watch.file.line_bytes_max),
            times: LogTimes {
                records: RecordBounds::new(&watch.rules, watch.file.line_bytes_max),
                detector,
                reference_ms: 0,
                counts_lines: watch.counts_lines,
            },
            open: None,
            events: VecDeque::new(),
            reached_ms: Millis::MIN,
            bytes: 0,
            progress: Progress::default(),
        }
    }

    /// The stream; what it reads is progress.
    pub(super) fn with_progress(self, progress: &Progress) -> LogStream {
        LogStream { progress: progress.clone(), ..self }
    }

    /// A stream of events that were read already, from `bytes` of text.
    pub(super) fn of_events(
        (number, watch): (usize, &CompiledWatch),
        path: PathBuf,
        events: VecDeque<LogEvent>,
        bytes: u64,
    ) -> LogStream {
        let log = Log { watch: number, path, files: Vec::new() };
        LogStream { events, bytes, ..LogStream::new(log, watch) }
    }

    /// The time of the next event, or `None` at the end. Files that cannot be read are reported and skipped.
    pub(super) fn next_ms(&mut self, problems: &mut Vec<String>) -> Option<Millis> {
        while self.events.is_empty() {
            if self.open.is_none() {
                let Some(file) = self.files.front() else {
                    if !self.lines.has_begun() {
                        return None;
                    }
                    self.finish();
                    continue;
                };
                match open(&file.path, &self.progress) {
                    Ok((source, modified_ms)) => {
                        self.times.reference_ms = modified_ms;
                        if file.first_ms != Millis::MIN && self.times.detector.last_ms().is_none() {
                            // What leaves out the year is nearest to its beginning.
                            self.times.detector.resume(file.first_ms);
                        }
                        self.lines.begin_file();
                        self.open = Some((source, LineCursor::default()));
                    }
                    Err(error) => self.give_up(&error, problems),
                }
                continue;
            }
            if let Err(error) = self.read() {
                self.give_up(&error, problems);
            }
        }
        self.events.front().map(|event| event.at_ms.max(self.reached_ms))
    }

    pub(super) fn next(&mut self) -> Option<LogEvent> {
        let event = self.events.pop_front()?;
        self.reached_ms = self.reached_ms.max(event.at_ms);
        Some(event)
    }

    /// Takes what has begun as lines, after the last file.
    fn finish(&mut self) {
        let (scanner, mut found) = (&mut self.scanner, Vec::new());
        self.lines.finish(scanner, &mut |rule, place| found.push((rule, place)));
        self.times.put(JudgedLines::of(scanner.unwrapped(), &[]), found, &mut self.events);
    }

    fn give_up(&mut self, error: &io::Error, problems: &mut Vec<String>) {
        self.open = None;
        if let Some(file) = self.files.pop_front() {
            let path = crate::fmt::display_path(&file.path);
            problems.push(format!("cannot replay all of {path}: {error}"));
        }
    }

    /// Reads the next lines of the open file.
    fn read(&mut self) -> io::Result<()> {
        let Some((source, cursor)) = &mut self.open else { return Ok(()) };
        let (scanner, lines) = (&mut self.scanner, &mut self.lines);
        let (times, events) = (&mut self.times, &mut self.events);
        let mut feed = Feed::to_end(WINDOW_BYTES);
        loop {
            let from = cursor.offset;
            let mut judge = |cursor: &mut LineCursor, bytes: &[u8], follows| {
                let mut found = Vec::new();
                let step = lines
                    .advance(cursor, bytes, follows, scanner, &mut |rule, place| found.push((rule, place)));
                times.put(lines.judged(scanner, &bytes[..(cursor.offset - from) as usize]), found, events);
                step
            };
            let fed = feed.step(cursor, &mut judge, &mut |range, look| {
                let shown = source.show(range, &mut |bytes| {
                    look(bytes);
                });
                shown.map(drop)
            })?;
            self.bytes += cursor.offset - from;
            match fed {
                Fed::Widen => {}
                Fed::More => return Ok(()),
                Fed::Done => {
                    self.open = None;
                    self.files.pop_front();
                    return Ok(());
                }
            }
        }
    }
}

impl LogTimes {
    /// Appends the matching lines of `bytes`, and all lines if they are counted, in their order.
    fn put(
        &mut self,
        lines: JudgedLines<'_>,
        found: Vec<(usize, std::ops::Range<usize>)>,
        events: &mut VecDeque<LogEvent>,
    ) {
        let bytes = lines.text;
        let (mut known, mut joined) = (None::<(usize, Millis)>, Vec::new());
        let mut counted = 0;
        for (rule, place) in found {
            if self.counts_lines {
                // A matching line is counted before its match.
                let to = (place.end + 1).min(bytes.len());
                self.count(lines, counted, to, events);
                counted = to.max(counted);
            }
            let at_ms = match known {
                Some((start, at_ms)) if start == place.start => Some(at_ms),
                _ => time_of(&mut self.detector, lines, place.clone(), self.reference_ms),
            };
            let Some(at_ms) = at_ms else { continue };
            known = Some((place.start, at_ms));
            let record = self.records.as_mut().map(|records| records.around(rule, bytes, &place));
            let record = record.filter(|record| *record != place).map(|record| {
                let text = text_of_record(&bytes[record], &mut joined);
                text[..text.len().min(RECORD_BYTES_MAX)].into()
            });
            let line = &bytes[place];
            let line = line[..line.len().min(SAMPLE_BYTES_MAX)].to_vec();
            events.push_back(LogEvent { at_ms, kind: LogEventKind::Match(rule, line, record) });
        }
        if self.counts_lines {
            self.count(lines, counted, bytes.len(), events);
        }
    }

    fn count(&mut self, lines: JudgedLines<'_>, from: usize, to: usize, events: &mut VecDeque<LogEvent>) {
        let (bytes, mut start) = (lines.text, from);
        while start < to {
            let end = memchr::memchr(b'\n', &bytes[start..to]).map_or(to, |lf| start + lf);
            let at_ms = lines.recall(&mut self.detector, start..end, self.reference_ms);
            if let Some(at_ms) = at_ms.or(self.detector.last_ms()) {
                match events.back_mut() {
                    Some(LogEvent { at_ms: same, kind: LogEventKind::Lines(n) }) if *same == at_ms => *n += 1,
                    _ => events.push_back(LogEvent { at_ms, kind: LogEventKind::Lines(1) }),
                }
            }
            start = end + 1;
        }
    }
}

/// The time of the line at `place`, or of the nearest line before it with a time stamp.
pub(in crate::cli) fn time_of(
    detector: &mut Detector,
    lines: JudgedLines<'_>,
    place: std::ops::Range<usize>,
    reference_ms: Millis,
) -> Option<Millis> {
    let (bytes, mut line) = (lines.text, place);
    for _ in 0..BACK_LINES {
        if let Some(at_ms) = lines.recall(detector, line.clone(), reference_ms) {
            return Some(at_ms);
        }
        let Some(end) = line.start.checked_sub(1) else { break };
        let start = memchr::memrchr(b'\n', &bytes[..end]).map_or(0, |lf| lf + 1);
        line = start..end;
    }
    detector.last_ms()
}

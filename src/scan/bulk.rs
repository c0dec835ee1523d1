//! Counts the matching lines of an ended stream, whole or in chunks for several threads.
//!
//! A chunk owns the lines that *begin* in it. So a walk of a chunk starts one byte before it, as if inside a long
//! line, and ends after the first line feed at or after its last byte. Chunks are independent: every line is judged once,
//! wherever the cuts are, and their tallies add up.

use std::ops::Range;
use std::path::Path;

use crate::scan::cursor::LineCursor;
use crate::scan::feed::{END_UNKNOWN, Fed, Feed, Show};
use crate::scan::scanner::Scanner;
use crate::scan::stream_lines::StreamLines;
use crate::scan::wrapping::LineFormat;

/// The result of a walk.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BulkTally {
    /// Bytes of the stream that were scanned.
    pub bytes: u64,
    /// Matching lines by rule.
    pub lines_matched: Vec<u64>,
}

impl BulkTally {
    /// An empty tally for `rules` rules.
    #[must_use]
    pub fn new(rules: usize) -> BulkTally {
        BulkTally { bytes: 0, lines_matched: vec![0; rules] }
    }

    /// Adds the result of another walk with the same rules.
    pub fn add(&mut self, other: &BulkTally) {
        self.bytes += other.bytes;
        for (sum, more) in self.lines_matched.iter_mut().zip(&other.lines_matched) {
            *sum += more;
        }
    }
}

/// A walk over the lines that begin in one chunk of a stream.
#[derive(Debug)]
pub struct BulkWalk<'s> {
    scanner: &'s mut Scanner,
    lines: StreamLines,
    feed: Feed,
    cursor: LineCursor,
    own: Range<u64>,
    tally: BulkTally,
    /// Matching lines of the current step, which count only if it succeeds.
    trial: Vec<u64>,
}

impl<'s> BulkWalk<'s> {
    /// A walk over the lines that begin in `own`, in a stream of `end` bytes (or [`END_UNKNOWN`]), shown
    /// `window_bytes` at a time and more where a line is longer.
    #[must_use]
    pub fn new(scanner: &'s mut Scanner, own: Range<u64>, end: u64, window_bytes: usize) -> BulkWalk<'s> {
        let rules = scanner.rules().names().len();
        let cursor = match own.start.checked_sub(1) {
            // Whether a line begins at the first byte shows the byte before it.
            Some(before) => LineCursor { inside_long_line: true, ..LineCursor::at(before) },
            None => LineCursor::at(0),
        };
        let feed = Feed::chunk(own.end, end, window_bytes as u64);
        let (lines, tally) = (StreamLines::new(Path::new(""), LineFormat::Plain), BulkTally::new(rules));
        BulkWalk { scanner, lines, feed, cursor, own, tally, trial: vec![0; rules] }
    }

    /// The same for lines that may be wrapped. The chunk has to be the whole stream then.
    #[must_use]
    pub fn with_lines(self, lines: StreamLines) -> BulkWalk<'s> {
        BulkWalk { lines, ..self }
    }

    /// A walk over all lines of a stream whose length is not known.
    #[must_use]
    pub fn whole(scanner: &'s mut Scanner, window_bytes: usize) -> BulkWalk<'s> {
        BulkWalk::new(scanner, 0..END_UNKNOWN, END_UNKNOWN, window_bytes)
    }

    /// The result so far.
    #[must_use]
    pub fn tally(&self) -> &BulkTally {
        &self.tally
    }

    /// Scans one window.
    ///
    /// # Errors
    /// The error of `show`. Nothing has changed then, and the step can be repeated with another `show`.
    pub fn step<E>(&mut self, show: Show<'_, E>) -> Result<Fed, E> {
        let (scanner, trial) = (&mut *self.scanner, &mut self.trial);
        trial.fill(0);
        let mut lines = self.lines.clone();
        let mut judge = |cursor: &mut LineCursor, bytes: &[u8], follows| {
            lines.advance(cursor, bytes, follows, scanner, &mut |rule, _| trial[rule] += 1)
        };
        let fed = self.feed.step(&mut self.cursor, &mut judge, show)?;
        self.lines = lines;
        if fed == Fed::Done {
            self.lines.finish(self.scanner, &mut |rule, _| self.trial[rule] += 1);
        }
        for (sum, found) in self.tally.lines_matched.iter_mut().zip(&self.trial) {
            *sum += found;
        }
        let reached = self.feed.seen().min(self.own.end);
        self.tally.bytes = self.tally.bytes.max(reached.saturating_sub(self.own.start));
        Ok(fed)
    }
}

/// The chunk of at most `chunk_bytes` bytes that begins at `start` in a file of `size` bytes.
#[must_use]
pub fn chunk_at(start: u64, size: u64, chunk_bytes: u64) -> Range<u64> {
    start..start.saturating_add(chunk_bytes.max(1)).min(size)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;
    use crate::scan::rules::{RuleSet, RuleSpec};

    fn walk(mut walk: BulkWalk<'_>, stream: &[u8]) -> BulkTally {
        let mut steps = 0;
        loop {
            let fed = walk.step::<Infallible>(&mut |range, look| {
                let to = range.end.min(stream.len() as u64) as usize;
                look(&stream[(range.start as usize).min(to)..to]);
                Ok(())
            });
            steps += 1;
            assert!(steps <= 10 * stream.len() + 10, "the walk does not come to its end");
            if fed == Ok(Fed::Done) {
                return walk.tally().clone();
            }
        }
    }

    fn oracle(stream: &[u8], max: usize) -> u64 {
        let body = stream.strip_suffix(b"\n").unwrap_or(stream);
        let found = body.split(|b| *b == b'\n').filter(|line| {
            let nuls = line.iter().position(|b| *b != 0).unwrap_or(line.len());
            let line = &line[nuls..];
            line[..line.len().min(max)].windows(2).any(|w| w == b"EE")
        });
        found.count() as u64
    }

    proptest! {
        /// Wherever chunks and windows are cut, the tallies add up to that of the whole stream.
        #[test]
        fn chunks_add_up(
            stream in proptest::collection::vec(prop_oneof![4 => Just(b'E'), 3 => Just(b'x'), 2 => Just(b'\n'), 1 => Just(0u8)], 0..200),
            chunk in 1u64..100,
            window in 1usize..40,
            max in 2usize..64,
        ) {
            let spec = RuleSpec { any: vec!["EE".into()], ..RuleSpec::default() };
            let mut scanner = Scanner::new(RuleSet::compile(&[spec]).unwrap(), max);
            let size = stream.len() as u64;
            let mut sum = BulkTally::new(1);
            while sum.bytes < size {
                let own = chunk_at(sum.bytes, size, chunk);
                sum.add(&walk(BulkWalk::new(&mut scanner, own, size, window), &stream));
            }
            prop_assert_eq!(&sum.lines_matched, &[oracle(&stream, max)]);
            prop_assert_eq!(sum.bytes, size);
            let streamed = walk(BulkWalk::whole(&mut scanner, window), &stream);
            prop_assert_eq!(streamed, sum);
        }
    }

    #[test]
    fn a_refused_step_changes_nothing() {
        let mut scanner = Scanner::new(RuleSet::compile(&[RuleSpec::containing("ERROR")]).unwrap(), 100);
        let mut walk = BulkWalk::new(&mut scanner, 0..6, 6, 100);
        let torn = walk.step(&mut |_, look| {
            look(b"ERROR\n");
            Err("torn")
        });
        assert_eq!(torn, Err("torn"));
        assert_eq!(walk.tally(), &BulkTally::new(1));
        let whole = walk.step::<Infallible>(&mut |_, look| {
            look(b"ERROR\n");
            Ok(())
        });
        assert_eq!(whole, Ok(Fed::Done));
        assert_eq!(walk.tally(), &BulkTally { bytes: 6, lines_matched: vec![1] });
    }
}

//! Counts the matching lines of a stream that is there already, whole or cut into chunks for several threads.
//!
//! A chunk owns the lines that *begin* in it. So a walk of a chunk starts as if it stood inside a long line, one byte
//! ahead of the chunk, and ends behind the first line feed at or after its last byte. Chunks need to know nothing of
//! each other: every line is judged once, wherever the cuts fall, and their tallies add up.

use std::ops::Range;

use crate::scan::lines::{LineCursor, Step};
use crate::scan::scanner::Scanner;

/// The end of a stream that does not say how long it is.
pub const END_UNKNOWN: u64 = u64::MAX;

/// How much more of a line is shown, at least, when its end is not in sight, in bytes.
const WIDEN_BYTES_MIN: u64 = 4096;

/// What a walk has found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BulkTally {
    /// How many bytes of the stream were looked at.
    pub bytes: u64,
    /// How many lines matched, rule by rule.
    pub lines_matched: Vec<u64>,
}

impl BulkTally {
    /// A tally of nothing yet for `rules` rules.
    #[must_use]
    pub fn new(rules: usize) -> BulkTally {
        BulkTally { bytes: 0, lines_matched: vec![0; rules] }
    }

    /// Adds what another walk has found, with the same rules.
    pub fn add(&mut self, other: &BulkTally) {
        self.bytes += other.bytes;
        for (sum, more) in self.lines_matched.iter_mut().zip(&other.lines_matched) {
            *sum += more;
        }
    }
}

/// What a [`BulkWalk`] has to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walked {
    /// Take another step.
    On,
    /// Nothing: the tally is complete.
    Done,
}

/// Shows the bytes of a range, or fewer if the stream ends before, to a closure that is called at most once.
pub type Show<'s, E> = &'s mut dyn FnMut(Range<u64>, &mut dyn FnMut(&[u8])) -> Result<(), E>;

/// A walk over the lines that begin in one chunk of a stream.
#[derive(Debug)]
pub struct BulkWalk<'s> {
    scanner: &'s mut Scanner,
    own: Range<u64>,
    end: u64,
    window_bytes: u64,
    cursor: LineCursor,
    /// How much the next step asks for.
    wanted: u64,
    /// Whether the line at the cursor does not end within what was shown last.
    widened: bool,
    tally: BulkTally,
    /// What the current step found, before it is known whether it is to be believed.
    trial: Vec<u64>,
}

impl<'s> BulkWalk<'s> {
    /// A walk over the lines that begin in `own`, in a stream of `end` bytes (or [`END_UNKNOWN`]), shown
    /// `window_bytes` at a time and more where a line is longer.
    #[must_use]
    pub fn new(scanner: &'s mut Scanner, own: Range<u64>, end: u64, window_bytes: usize) -> BulkWalk<'s> {
        let rules = scanner.rules().len();
        let cursor = match own.start.checked_sub(1) {
            // Whether a line begins at the first byte shows the byte before it.
            Some(before) => LineCursor { inside_long_line: true, ..LineCursor::at(before) },
            None => LineCursor::at(0),
        };
        let window_bytes = window_bytes.max(1) as u64;
        BulkWalk {
            scanner,
            own,
            end,
            window_bytes,
            cursor,
            wanted: window_bytes,
            widened: false,
            tally: BulkTally::new(rules),
            trial: vec![0; rules],
        }
    }

    /// What was found so far.
    #[must_use]
    pub fn tally(&self) -> &BulkTally {
        &self.tally
    }

    /// Looks at one window.
    ///
    /// # Errors
    /// What `show` says. Then nothing has changed, and the step can be taken again with another way to show.
    pub fn step<E>(&mut self, show: Show<'_, E>) -> Result<Walked, E> {
        let from = self.cursor.offset;
        let wanted = self.window(from);
        if wanted.is_empty() {
            return Ok(Walked::Done);
        }
        let asked = wanted.end - wanted.start;
        let (own_end, end) = (self.own.end, self.end);
        let (scanner, trial) = (&mut *self.scanner, &mut self.trial);
        trial.fill(0);
        let mut cursor = self.cursor;
        let mut step = Step::Done;
        let mut seen = from;
        let mut last = false;
        show(wanted, &mut |bytes| {
            seen = from + bytes.len() as u64;
            let at_end = (bytes.len() as u64) < asked || seen == end;
            let ours = first_line_feed_from(bytes, own_end.saturating_sub(1).saturating_sub(from));
            let bytes = ours.map_or(bytes, |lf| &bytes[..=lf]);
            let mut hit = |rule: usize, _| trial[rule] += 1;
            step = cursor.advance(bytes, false, scanner, &mut hit);
            last = ours.is_some();
            if at_end && !last {
                let judged = (cursor.offset - from) as usize;
                cursor.finish(&bytes[judged..], scanner, &mut hit);
                last = true;
            }
        })?;
        self.accept(cursor, step, seen, asked);
        let only_tail_left = self.cursor.inside_long_line && self.cursor.offset >= self.own.end;
        Ok(if last || only_tail_left { Walked::Done } else { Walked::On })
    }

    /// What to show next: not beyond the chunk, unless a line reaches beyond it.
    fn window(&self, from: u64) -> Range<u64> {
        let mut to = from.saturating_add(self.wanted).min(self.end);
        if from < self.own.end && !self.widened {
            to = to.min(self.own.end);
        }
        from..to.max(from)
    }

    fn accept(&mut self, cursor: LineCursor, step: Step, seen: u64, asked: u64) {
        self.cursor = cursor;
        self.widened = step == Step::Widen;
        self.wanted = match step {
            Step::Widen => self.wanted.max(asked.saturating_mul(2)).max(WIDEN_BYTES_MIN),
            Step::Done => self.window_bytes,
        };
        for (sum, found) in self.tally.lines_matched.iter_mut().zip(&self.trial) {
            *sum += found;
        }
        let reached = seen.min(self.own.end);
        self.tally.bytes = self.tally.bytes.max(reached.saturating_sub(self.own.start));
    }
}

fn first_line_feed_from(bytes: &[u8], from: u64) -> Option<usize> {
    let from = usize::try_from(from).ok().filter(|from| *from < bytes.len())?;
    memchr::memchr(b'\n', &bytes[from..]).map(|lf| from + lf)
}

/// Cuts `size` bytes into chunks of `chunk_bytes`, of which the last may be smaller.
pub fn chunks(size: u64, chunk_bytes: u64) -> impl Iterator<Item = Range<u64>> {
    let chunk_bytes = chunk_bytes.max(1);
    (0..size.div_ceil(chunk_bytes)).map(move |index| {
        let start = index * chunk_bytes;
        start..start.saturating_add(chunk_bytes).min(size)
    })
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;
    use crate::scan::rules::{RuleSet, RuleSpec};

    fn walk(scanner: &mut Scanner, stream: &[u8], own: Range<u64>, end: u64, window: usize) -> BulkTally {
        let mut walk = BulkWalk::new(scanner, own, end, window);
        let mut steps = 0;
        loop {
            let walked = walk.step::<Infallible>(&mut |range, look| {
                let to = range.end.min(stream.len() as u64) as usize;
                look(&stream[(range.start as usize).min(to)..to]);
                Ok(())
            });
            steps += 1;
            assert!(steps <= 10 * stream.len() + 10, "the walk does not come to its end");
            if walked == Ok(Walked::Done) {
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
        /// Wherever the chunks and windows are cut, the sum of the tallies is what the whole stream holds.
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
            for own in chunks(size, chunk) {
                sum.add(&walk(&mut scanner, &stream, own, size, window));
            }
            prop_assert_eq!(&sum.lines_matched, &[oracle(&stream, max)]);
            prop_assert_eq!(sum.bytes, size);
            let streamed = walk(&mut scanner, &stream, 0..END_UNKNOWN, END_UNKNOWN, window);
            prop_assert_eq!(streamed, sum);
        }
    }

    #[test]
    fn a_refused_step_changes_nothing() {
        let mut scanner = Scanner::new(RuleSet::compile(&[RuleSpec::errors()]).unwrap(), 100);
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
        assert_eq!(whole, Ok(Walked::Done));
        assert_eq!(walk.tally(), &BulkTally { bytes: 6, lines_matched: vec![1] });
    }
}

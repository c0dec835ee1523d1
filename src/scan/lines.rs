//! Walks a stream of bytes line by line, whichever pieces it arrives in.
//!
//! A [`LineCursor`] stands at the beginning of the first line that was not judged yet. It never keeps bytes: a line whose
//! end is not in sight is shown again, from its beginning, when there is more of it.

use std::ops::Range;

use crate::scan::scanner::{Scanner, leading_nuls};

/// What is called with the rule and the place of each matching line.
type Hit<'h> = &'h mut dyn FnMut(usize, Range<usize>);

/// Where in a stream the walk stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct LineCursor {
    /// The first byte that was not judged, in bytes from the beginning of the stream.
    pub offset: u64,
    /// No line feed lies between `offset` and here, so the search for one goes on from here.
    pub searched: u64,
    /// Whether `offset` lies inside a line longer than the bound, which was judged and is now skipped.
    pub inside_long_line: bool,
    /// A bit for each rule with a `record_start` that has counted a line of the record at `offset`.
    pub counted: u64,
}

/// What one step of the walk needs next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The cursor moved, or there is nothing to do until the stream grows.
    Done,
    /// A line does not end within the bytes that were shown: show more of it at once.
    Widen,
}

impl LineCursor {
    /// A cursor at the beginning of the line that begins at `offset`.
    #[must_use]
    pub fn at(offset: u64) -> LineCursor {
        LineCursor { offset, searched: offset, inside_long_line: false, counted: 0 }
    }

    /// Judges the complete lines in `bytes`, which begin at `self.offset`, and moves behind them.
    ///
    /// `at_end` says that nothing follows `bytes` yet. `hit` gets the rule and the place of each matching line in `bytes`.
    pub fn advance(
        &mut self,
        bytes: &[u8],
        at_end: bool,
        scanner: &mut Scanner,
        hit: &mut dyn FnMut(usize, Range<usize>),
    ) -> Step {
        let skipped = self.skip(bytes, at_end);
        let rest = &bytes[skipped..];
        if rest.is_empty() {
            return Step::Done;
        }
        let seen = (self.searched.saturating_sub(self.offset) as usize).min(rest.len());
        if let Some(lf) = memchr::memrchr(b'\n', &rest[seen..]) {
            let complete = seen + lf + 1;
            let scan = |scanner: &mut Scanner, hit: Hit<'_>| scanner.scan(&rest[..complete], hit);
            self.first_of_records(&rest[..complete], scanner, scan, &mut |rule, place| {
                hit(rule, place.start + skipped..place.end + skipped);
            });
            self.offset += complete as u64;
            self.searched = self.offset + (rest.len() - complete) as u64;
            // What follows the last line feed may be NULs, which a later write may fill in.
            self.searched -= self.searched_nuls(&rest[complete..]);
            return Step::Done;
        }
        if rest.len() > scanner.line_bytes_max() {
            let judge = |scanner: &mut Scanner, hit: Hit<'_>| {
                scanner.judge(rest, &mut |rule| hit(rule, 0..rest.len()));
            };
            let mut hit = |rule, _| hit(rule, skipped..bytes.len());
            self.first_of_records(rest, scanner, judge, &mut hit);
            self.move_to(self.offset + rest.len() as u64);
            self.inside_long_line = true;
            return Step::Done;
        }
        if at_end {
            self.searched = self.offset + rest.len() as u64;
            return Step::Done;
        }
        Step::Widen
    }

    /// Judges what is left when the stream has ended: a last line without a line feed, all of it in `bytes`.
    pub fn finish(&mut self, bytes: &[u8], scanner: &mut Scanner, hit: &mut dyn FnMut(usize, Range<usize>)) {
        if !self.inside_long_line && leading_nuls(bytes) < bytes.len() {
            let judge = |scanner: &mut Scanner, hit: Hit<'_>| {
                scanner.judge(bytes, &mut |rule| hit(rule, 0..bytes.len()));
            };
            self.first_of_records(bytes, scanner, judge, hit);
        }
        self.move_to(self.offset + bytes.len() as u64);
    }

    /// Moves over bytes without lines, to the beginning of a line at `offset`.
    pub fn move_to(&mut self, offset: u64) {
        *self = LineCursor { counted: self.counted, ..LineCursor::at(offset) };
    }

    /// Has `scan` look at `bytes`, and passes on those of its hits that are the first of their rule in a record.
    fn first_of_records(
        &mut self,
        bytes: &[u8],
        scanner: &mut Scanner,
        scan: impl FnOnce(&mut Scanner, Hit<'_>),
        hit: Hit<'_>,
    ) {
        let Some(mut records) = scanner.take_records() else { return scan(scanner, hit) };
        let counted = &mut self.counted;
        records.begin();
        scan(scanner, &mut |rule, place| {
            if records.is_first(counted, bytes, rule, &place) {
                hit(rule, place);
            }
        });
        records.end(counted, bytes);
        scanner.put_records(records);
    }

    /// Moves over the rest of a long line and over NULs between lines. Gives how many bytes of `bytes` that were.
    fn skip(&mut self, bytes: &[u8], at_end: bool) -> usize {
        let mut skipped = 0;
        if self.inside_long_line {
            let end = memchr::memchr(b'\n', bytes);
            self.inside_long_line = end.is_none();
            skipped = end.map_or(bytes.len(), |lf| lf + 1);
        }
        if !self.inside_long_line {
            let nuls = leading_nuls(&bytes[skipped..]);
            // NULs at the end may be bytes that are still to be written: leave them until something follows.
            if skipped + nuls < bytes.len() || !at_end {
                skipped += nuls;
            }
        }
        self.offset += skipped as u64;
        self.searched = self.searched.max(self.offset);
        skipped
    }

    fn searched_nuls(&self, rest: &[u8]) -> u64 {
        if leading_nuls(rest) == rest.len() { rest.len() as u64 } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::scan::rules::{RuleSet, RuleSpec};

    /// What the rules would say line by line, without any of our cleverness.
    fn oracle(stream: &[u8], max: usize) -> usize {
        let body = stream.strip_suffix(b"\n").unwrap_or(stream);
        if stream.is_empty() {
            return 0;
        }
        body.split(|b| *b == b'\n')
            .filter(|line| {
                let start = line.iter().position(|b| *b != 0).unwrap_or(line.len());
                let line = &line[start..];
                let line = &line[..line.len().min(max)];
                line.windows(2).any(|w| w == b"EE")
            })
            .count()
    }

    /// How many lines with `E` and with `x` are the first of their kind in a record, which begins at `R`.
    fn records_oracle(stream: &[u8]) -> [usize; 3] {
        let mut counts = [0; 3];
        let mut open = [false; 2];
        let body = stream.strip_suffix(b"\n").unwrap_or(stream);
        for line in body.split(|b| *b == b'\n').filter(|_| !stream.is_empty()) {
            if line.starts_with(b"R") {
                open = [false; 2];
            }
            for (kind, byte) in [b'E', b'x'].into_iter().enumerate() {
                if line.contains(&byte) {
                    counts[kind] += usize::from(!std::mem::replace(&mut open[kind], true));
                }
            }
            counts[2] += usize::from(line.contains(&b'E'));
        }
        counts
    }

    proptest! {
        /// However the stream is cut, and wherever a new scanner goes on, each record counts once for each rule.
        #[test]
        fn pieces_do_not_matter_to_records(
            stream in proptest::collection::vec(prop_oneof![2 => Just(b'E'), 2 => Just(b'x'), 1 => Just(b'R'), 3 => Just(b'\n')], 0..200),
            steps in proptest::collection::vec(1usize..40, 1..20),
            window in 1usize..32,
        ) {
            let rule = |text: &str, start: Option<&str>| RuleSpec {
                any: vec![text.into()], record_start: start.map(str::to_owned), ..RuleSpec::default()
            };
            let rules = RuleSet::compile(&[rule("E", Some("^R")), rule("x", Some("^R")), rule("E", None)]).unwrap();
            let mut cursor = LineCursor::default();
            let mut counts = [0; 3];
            let mut size = 0;
            let mut steps = steps.iter().cycle();
            while size < stream.len() {
                size = (size + steps.next().unwrap()).min(stream.len());
                let mut scanner = Scanner::new(Arc::clone(&rules), 1 << 20);
                let mut wide = window;
                loop {
                    let from = cursor.offset as usize;
                    let to = (from + wide).min(size);
                    let before = cursor;
                    match cursor.advance(&stream[from..to], to == size, &mut scanner, &mut |rule, _| counts[rule] += 1) {
                        Step::Widen => wide *= 2,
                        Step::Done if to == size && cursor.offset == before.offset => break,
                        Step::Done => wide = window,
                    }
                }
            }
            let mut scanner = Scanner::new(rules, 1 << 20);
            cursor.finish(&stream[cursor.offset as usize..], &mut scanner, &mut |rule, _| counts[rule] += 1);
            prop_assert_eq!(counts, records_oracle(&stream));
        }

        /// However the stream is cut into growth steps and windows, the count is the oracle's.
        #[test]
        fn pieces_do_not_matter(
            stream in proptest::collection::vec(prop_oneof![3 => Just(b'E'), 3 => Just(b'x'), 1 => Just(b'\n'), 1 => Just(0u8), 1 => Just(b'\r')], 0..200),
            steps in proptest::collection::vec(1usize..40, 1..20),
            window in 1usize..32,
            max in 4usize..64,
        ) {
            let spec = RuleSpec { any: vec!["EE".into()], ..RuleSpec::default() };
            let mut scanner = Scanner::new(RuleSet::compile(&[spec]).unwrap(), max);
            let mut cursor = LineCursor::default();
            let mut count = 0;
            let mut size = 0;
            let mut steps = steps.iter().cycle();
            while size < stream.len() {
                size = (size + steps.next().unwrap()).min(stream.len());
                let mut wide = window;
                loop {
                    let from = cursor.offset as usize;
                    let to = (from + wide).min(size);
                    let before = cursor;
                    match cursor.advance(&stream[from..to], to == size, &mut scanner, &mut |_, _| count += 1) {
                        Step::Widen => wide *= 2,
                        Step::Done if to == size && cursor.offset == before.offset => break,
                        Step::Done => wide = window,
                    }
                }
            }
            cursor.finish(&stream[cursor.offset as usize..], &mut scanner, &mut |_, _| count += 1);
            prop_assert_eq!(count, oracle(&stream, max));
        }
    }
}

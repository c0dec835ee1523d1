//! The position in a stream of lines, whatever pieces the stream arrives in.
//!
//! A [`LineCursor`] is at the beginning of the first line that is not judged yet. It keeps no bytes: a line whose end is
//! not visible is shown again, from its beginning, when there is more of it.

use std::ops::Range;

use crate::scan::line::leading_nuls;
use crate::scan::scanner::Scanner;

/// Called with the rule and the range of each matching line.
type Hit<'h> = &'h mut dyn FnMut(usize, Range<usize>);

/// See the [module](self).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct LineCursor {
    /// The first byte that is not judged, in bytes from the beginning of the stream.
    pub offset: u64,
    /// No line feed is between `offset` and here, so the search for one continues here.
    pub searched: u64,
    /// Whether `offset` is inside a line longer than the bound, which is judged already and skipped.
    pub inside_long_line: bool,
    /// A bit for each rule with a `record_start` that already counted in the record at `offset`.
    pub counted: u64,
}

/// What follows the bytes that are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follows {
    /// More of the stream, which can be shown at once.
    More,
    /// Nothing yet: the stream may grow.
    Later,
    /// Nothing: the stream has ended, so a last line needs no line feed.
    Nothing,
}

/// What one step over a stream needs next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The cursor moved, or nothing can be done until the stream grows.
    Done,
    /// A line does not end within the shown bytes: show more of it at once.
    Widen,
}

impl LineCursor {
    /// A cursor at the beginning of the line that begins at `offset`.
    #[must_use]
    pub fn at(offset: u64) -> LineCursor {
        LineCursor { offset, searched: offset, inside_long_line: false, counted: 0 }
    }

    /// Judges the complete lines in `bytes`, which begin at `self.offset`, and moves past them; past all bytes if
    /// nothing follows. `hit` receives the rule and the range of each matching line in `bytes`.
    pub fn advance(
        &mut self,
        bytes: &[u8],
        follows: Follows,
        scanner: &mut Scanner,
        hit: &mut dyn FnMut(usize, Range<usize>),
    ) -> Step {
        let from = self.offset;
        let step = self.complete(bytes, follows, scanner, hit);
        if follows == Follows::Nothing {
            let judged = (self.offset - from) as usize;
            self.finish(&bytes[judged..], scanner, &mut |rule, place| {
                hit(rule, place.start + judged..place.end + judged);
            });
        }
        step
    }

    fn complete(&mut self, bytes: &[u8], follows: Follows, scanner: &mut Scanner, hit: Hit<'_>) -> Step {
        let skipped = self.skip(bytes, follows);
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
            // NULs after the last line feed may still be overwritten.
            self.searched -= self.searched_nuls(&rest[complete..]);
            return Step::Done;
        }
        if rest.len() > scanner.line_bytes_max() {
            self.judge_rest(rest, scanner, &mut |rule, _| hit(rule, skipped..bytes.len()));
            self.inside_long_line = true;
            return Step::Done;
        }
        if follows == Follows::More {
            return Step::Widen;
        }
        self.searched = self.offset + rest.len() as u64;
        Step::Done
    }

    /// Judges the rest of an ended stream: a last line without a line feed.
    fn finish(&mut self, bytes: &[u8], scanner: &mut Scanner, hit: Hit<'_>) {
        if self.inside_long_line || leading_nuls(bytes) == bytes.len() {
            self.move_to(self.offset + bytes.len() as u64);
        } else {
            self.judge_rest(bytes, scanner, hit);
        }
    }

    /// Judges `bytes` as one line and moves past them.
    fn judge_rest(&mut self, bytes: &[u8], scanner: &mut Scanner, hit: Hit<'_>) {
        let judge = |scanner: &mut Scanner, hit: Hit<'_>| {
            scanner.judge(bytes, &mut |rule| hit(rule, 0..bytes.len()));
        };
        self.first_of_records(bytes, scanner, judge, hit);
        self.move_to(self.offset + bytes.len() as u64);
    }

    /// Skips bytes without lines, to the beginning of a line at `offset`.
    pub fn move_to(&mut self, offset: u64) {
        *self = LineCursor { counted: self.counted, ..LineCursor::at(offset) };
    }

    /// Runs `scan` over `bytes` and forwards only the first hit of each rule in a record.
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

    /// Skips the rest of a long line and NULs between lines. Returns the number of skipped bytes.
    fn skip(&mut self, bytes: &[u8], follows: Follows) -> usize {
        let mut skipped = 0;
        if self.inside_long_line {
            let end = memchr::memchr(b'\n', bytes);
            self.inside_long_line = end.is_none();
            skipped = end.map_or(bytes.len(), |lf| lf + 1);
        }
        if !self.inside_long_line {
            let nuls = leading_nuls(&bytes[skipped..]);
            // NULs at the end may still be overwritten: keep them until something follows.
            if skipped + nuls < bytes.len() || follows == Follows::More {
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

//! The position in a stream of lines, whatever pieces the stream arrives in.
//!
//! A [`LineCursor`] is at the beginning of the first line that is not judged yet. It keeps no bytes: a line whose end is
//! not visible is shown again, from its beginning, when there is more of it.

use std::ops::Range;

use crate::scan::line::leading_nuls;
use crate::scan::scanner::Scanner;
use crate::scan::wrapping::{Pieces, Unwrapped, Wrapping, raw_bytes_max};

/// Called with the rule and the range of each matching line.
type Hit<'h> = &'h mut dyn FnMut(usize, Range<usize>);

/// What takes the lines that a cursor finds.
trait TakeLines {
    /// The longest line that is looked at whole, in bytes.
    fn raw_bytes_max(&self) -> usize;

    /// Takes complete lines, which begin at `at` of what is shown.
    fn take_complete(&mut self, cursor: &mut LineCursor, lines: &[u8], at: usize);

    /// Takes a line without its end, which is at `place` of what is shown.
    fn take_rest(&mut self, cursor: &mut LineCursor, line: &[u8], place: Range<usize>);
}

/// Judges lines as they are.
struct PlainLines<'a> {
    scanner: &'a mut Scanner,
    hit: Hit<'a>,
}

impl TakeLines for PlainLines<'_> {
    fn raw_bytes_max(&self) -> usize {
        self.scanner.line_bytes_max()
    }

    fn take_complete(&mut self, cursor: &mut LineCursor, lines: &[u8], at: usize) {
        let hit = &mut self.hit;
        cursor.first_of_records(
            lines,
            self.scanner,
            |scanner, hit| scanner.scan(lines, hit),
            &mut |rule, place| hit(rule, place.start + at..place.end + at),
        );
    }

    fn take_rest(&mut self, cursor: &mut LineCursor, line: &[u8], place: Range<usize>) {
        let hit = &mut self.hit;
        let judge = |scanner: &mut Scanner, hit: Hit<'_>| {
            scanner.judge(line, &mut |rule| hit(rule, 0..line.len()));
        };
        cursor.first_of_records(line, self.scanner, judge, &mut |rule, _| hit(rule, place.clone()));
    }
}

/// Takes the wrapping off lines.
struct WrappedLines<'a> {
    lines: &'a mut Unwrapped,
    pieces: &'a mut Pieces,
    line_bytes_max: usize,
}

impl TakeLines for WrappedLines<'_> {
    fn raw_bytes_max(&self) -> usize {
        raw_bytes_max(self.line_bytes_max)
    }

    fn take_complete(&mut self, _: &mut LineCursor, lines: &[u8], at: usize) {
        self.lines.lines(lines, at, self.pieces, self.line_bytes_max);
    }

    fn take_rest(&mut self, _: &mut LineCursor, line: &[u8], place: Range<usize>) {
        self.lines.line(line, place.start, self.pieces, self.line_bytes_max);
    }
}

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
        self.walk(bytes, follows, &mut PlainLines { scanner, hit })
    }

    /// The same for lines of which a container runtime wrote `wrapping` around each. `hit` receives the range of a line in the text
    /// of [`Scanner::unwrapped`], which has the lines of `bytes` afterwards. Lines that go on in other bytes stay in `pieces`.
    pub fn advance_wrapped(
        &mut self,
        bytes: &[u8],
        follows: Follows,
        scanner: &mut Scanner,
        (wrapping, pieces): (Wrapping, &mut Pieces),
        hit: &mut dyn FnMut(usize, Range<usize>),
    ) -> Step {
        let mut lines = scanner.take_unwrapped();
        lines.begin(wrapping);
        let line_bytes_max = scanner.line_bytes_max();
        let step = self.walk(bytes, follows, &mut WrappedLines { lines: &mut lines, pieces, line_bytes_max });
        self.judge_unwrapped(&lines, scanner, hit);
        scanner.put_unwrapped(lines);
        step
    }

    /// Judges lines of which only the beginning was found, at the end of the stream that they are in. See
    /// [`LineCursor::advance_wrapped`].
    pub fn finish_pieces(
        &mut self,
        scanner: &mut Scanner,
        pieces: &mut Pieces,
        hit: &mut dyn FnMut(usize, Range<usize>),
    ) {
        let mut lines = scanner.take_unwrapped();
        lines.begin(Wrapping::Cri);
        lines.rest(pieces, 0);
        self.judge_unwrapped(&lines, scanner, hit);
        scanner.put_unwrapped(lines);
    }

    fn judge_unwrapped(&mut self, lines: &Unwrapped, scanner: &mut Scanner, hit: Hit<'_>) {
        let text = lines.text();
        if !text.is_empty() {
            self.first_of_records(text, scanner, |scanner, hit| scanner.scan(text, hit), hit);
        }
    }

    /// Finds the complete lines in `bytes`, which begin at `self.offset`, and moves past them.
    fn walk(&mut self, bytes: &[u8], follows: Follows, lines: &mut impl TakeLines) -> Step {
        let from = self.offset;
        let step = self.complete(bytes, follows, lines);
        if follows == Follows::Nothing {
            let judged = (self.offset - from) as usize;
            let rest = &bytes[judged..];
            if !self.inside_long_line && leading_nuls(rest) < rest.len() {
                lines.take_rest(self, rest, judged..bytes.len());
            }
            self.move_to(self.offset + rest.len() as u64);
        }
        step
    }

    fn complete(&mut self, bytes: &[u8], follows: Follows, lines: &mut impl TakeLines) -> Step {
        let skipped = self.skip(bytes, follows);
        let rest = &bytes[skipped..];
        if rest.is_empty() {
            return Step::Done;
        }
        let seen = (self.searched.saturating_sub(self.offset) as usize).min(rest.len());
        if let Some(lf) = memchr::memrchr(b'\n', &rest[seen..]) {
            let complete = seen + lf + 1;
            lines.take_complete(self, &rest[..complete], skipped);
            self.offset += complete as u64;
            self.searched = self.offset + (rest.len() - complete) as u64;
            // NULs after the last line feed may still be overwritten.
            self.searched -= self.searched_nuls(&rest[complete..]);
            return Step::Done;
        }
        if rest.len() > lines.raw_bytes_max() {
            lines.take_rest(self, rest, skipped..bytes.len());
            self.move_to(self.offset + rest.len() as u64);
            self.inside_long_line = true;
            return Step::Done;
        }
        if follows == Follows::More {
            return Step::Widen;
        }
        self.searched = self.offset + rest.len() as u64;
        Step::Done
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

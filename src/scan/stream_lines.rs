//! Judges the lines of a stream that is read from its beginning, as the program wrote them, whatever is around them.

use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::scan::cursor::{Follows, LineCursor, Step};
use crate::scan::scanner::Scanner;
use crate::scan::timestamp::Detector;
use crate::scan::wrapping::{FirstLine, LineFormat, Pieces, Unwrapped, Wrapping};

/// See the [module](self).
#[derive(Debug, Clone, Default)]
pub struct StreamLines {
    path: PathBuf,
    format: LineFormat,
    /// What is around the lines, once it is known.
    found: Option<Option<Wrapping>>,
    /// What was around those that were judged last.
    last: Option<Wrapping>,
    pieces: Pieces,
}

/// Lines that were judged.
#[derive(Debug, Clone, Copy)]
pub struct JudgedLines<'a> {
    /// The lines, each with a line feed, except for the last one of a stream.
    pub text: &'a [u8],
    /// And what they were made of, if they were wrapped.
    wrapped: Option<(&'a Unwrapped, &'a [u8])>,
}

impl<'a> JudgedLines<'a> {
    /// Lines that were unwrapped from `bytes`.
    #[must_use]
    pub fn of(lines: &'a Unwrapped, bytes: &'a [u8]) -> JudgedLines<'a> {
        JudgedLines { text: lines.text(), wrapped: Some((lines, bytes)) }
    }

    /// Whether they were.
    #[must_use]
    pub fn is_unwrapped(&self) -> bool {
        self.wrapped.is_some()
    }

    /// When the line at `place` was written, in milliseconds since 1970. See [`Detector::recall`].
    pub fn recall(&self, detector: &mut Detector, place: Range<usize>, reference_ms: i64) -> Option<i64> {
        let received_ms = self.wrapped.and_then(|(lines, bytes)| lines.stamp_ms(place.start, bytes));
        let line = &self.text[place];
        match received_ms {
            Some(at_ms) => Some(detector.read_received(line, at_ms).at_ms),
            None => detector.recall(line, reference_ms),
        }
    }
}

impl StreamLines {
    /// The lines of the stream from `path`.
    #[must_use]
    pub fn new(path: &Path, format: LineFormat) -> StreamLines {
        StreamLines { path: path.to_owned(), format, ..StreamLines::default() }
    }

    /// The next file of the same log begins.
    pub fn begin_file(&mut self) {
        self.found = None;
    }

    /// See [`LineCursor::advance`]. Ranges of `hit` are those of the text in [`StreamLines::judged`].
    pub fn advance(
        &mut self,
        cursor: &mut LineCursor,
        bytes: &[u8],
        follows: Follows,
        scanner: &mut Scanner,
        hit: &mut dyn FnMut(usize, Range<usize>),
    ) -> Step {
        self.last = self.wrapping(cursor.offset, bytes, follows);
        match self.last {
            Some(wrapping) => {
                cursor.advance_wrapped(bytes, follows, scanner, (wrapping, &mut self.pieces), hit)
            }
            None => cursor.advance(bytes, follows, scanner, hit),
        }
    }

    /// Judges what has begun, after the end of the stream. Ranges are those of the text in [`StreamLines::judged`] of no bytes.
    pub fn finish(&mut self, scanner: &mut Scanner, hit: &mut dyn FnMut(usize, Range<usize>)) {
        if !self.pieces.is_empty() {
            LineCursor::default().finish_pieces(scanner, &mut self.pieces, hit);
        }
    }

    /// Whether a line has begun whose end is still to come.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        !self.pieces.is_empty()
    }

    /// The lines of `bytes` that the last call judged: as many bytes as the cursor moved.
    #[must_use]
    pub fn judged<'a>(&self, scanner: &'a Scanner, bytes: &'a [u8]) -> JudgedLines<'a> {
        match self.last {
            Some(_) => JudgedLines::of(scanner.unwrapped(), bytes),
            None => JudgedLines { text: bytes, wrapped: None },
        }
    }

    fn wrapping(&mut self, offset: u64, bytes: &[u8], follows: Follows) -> Option<Wrapping> {
        if let Some(found) = self.found {
            return found;
        }
        // NULs came first, if it does not begin here.
        let (first, is_all) =
            if offset > 0 { (&b"\0"[..], true) } else { (bytes, follows == Follows::Nothing) };
        let first = self.format.wrapping(&self.path, first, is_all);
        if matches!(first, FirstLine::Known(_)) || is_all {
            self.found = Some(first.wrapping());
        }
        first.wrapping()
    }
}

//! What counts the lines that one turn reads: rules, the time of lines, and how much more may be read.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use crate::file::line_time::LineTimer;
use crate::file::signatures::TurnSignatures;
use crate::file::tally::{Hits, Tally};
use crate::scan::cursor::{Follows, LineCursor, Step};
use crate::scan::scanner::Scanner;
use crate::scan::wrapping::{LineFormat, Pieces, Wrapping};

/// See the [module](self).
pub(super) struct LineCounter<'a> {
    pub(super) scanner: &'a mut Scanner,
    pub(super) clock: LineTimer,
    /// How many more bytes may be judged.
    pub(super) budget: u64,
    /// How many bytes were judged.
    pub(super) judged: u64,
    /// If matching lines are grouped by pattern.
    pub(super) signatures: Option<TurnSignatures>,
    /// Whether a container runtime wrote the lines.
    pub(super) format: LineFormat,
    /// The path at which the lines are written.
    pub(super) path: Arc<Path>,
    /// What is around the lines of the file that is read.
    pub(super) wrapping: Option<Wrapping>,
    /// The beginnings of lines of the path.
    pub(super) pieces: Pieces,
}

impl LineCounter<'_> {
    /// Takes bytes from the budget that are decompressed only to come to those that follow.
    pub(super) fn skip(&mut self, bytes: u64) {
        self.budget = self.budget.saturating_sub(bytes);
    }

    /// Takes bytes from the budget that were judged.
    pub(super) fn spend(&mut self, bytes: u64) {
        self.budget = self.budget.saturating_sub(bytes);
        self.judged += bytes;
    }

    /// Judges the complete lines in `bytes`, which begin at `cursor.offset` of their file, and moves the cursor behind them.
    /// See [`LineCursor::advance`].
    pub(super) fn advance(
        &mut self,
        cursor: &mut LineCursor,
        bytes: &[u8],
        follows: Follows,
        tally: &mut Tally,
    ) -> Step {
        if let Some(wrapping) = self.wrapping {
            return self.advance_wrapped(wrapping, cursor, bytes, follows, tally);
        }
        let offset = cursor.offset;
        let mut hits = Hits::new(tally.matched.len(), tally.samples_max());
        let LineCounter { scanner, clock, signatures, .. } = self;
        signatures.iter_mut().for_each(TurnSignatures::begin_window);
        let step = cursor.advance(bytes, follows, scanner, &mut |rule, place| {
            let line = &bytes[place.clone()];
            let time = clock.time_of(line, offset + place.end as u64, None);
            let hash = signatures.as_mut().map(|known| known.hash(rule, bytes, &place, offset));
            hits.hit(rule, place, time, hash);
        });
        let judged = &bytes[..(cursor.offset - offset) as usize];
        hits.lines = clock.lines(judged, &mut |line| (offset + line.end as u64, None));
        tally.add(hits, bytes, &|start| offset + start as u64);
        step
    }

    fn advance_wrapped(
        &mut self,
        wrapping: Wrapping,
        cursor: &mut LineCursor,
        bytes: &[u8],
        follows: Follows,
        tally: &mut Tally,
    ) -> Step {
        let (offset, mut found) = (cursor.offset, Vec::new());
        let wrapped = (wrapping, &mut self.pieces);
        let step = cursor.advance_wrapped(bytes, follows, self.scanner, wrapped, &mut |rule, place| {
            found.push((rule, place));
        });
        self.count_unwrapped(found, bytes, offset, tally);
        step
    }

    /// Judges lines of which only the beginning was found, after the last file of the path.
    pub(super) fn finish_pieces(&mut self, tally: &mut Tally) {
        if self.pieces.is_empty() {
            return;
        }
        let mut found = Vec::new();
        LineCursor::default().finish_pieces(self.scanner, &mut self.pieces, &mut |rule, place| {
            found.push((rule, place));
        });
        self.count_unwrapped(found, &[], 0, tally);
    }

    /// Counts lines that were `found` in the text without its wrapping of `bytes`, which begin at `offset` of their file.
    fn count_unwrapped(
        &mut self,
        found: Vec<(usize, Range<usize>)>,
        bytes: &[u8],
        offset: u64,
        tally: &mut Tally,
    ) {
        let mut hits = Hits::new(tally.matched.len(), tally.samples_max());
        let LineCounter { scanner, clock, signatures, .. } = self;
        signatures.iter_mut().for_each(TurnSignatures::begin_window);
        let lines = scanner.unwrapped();
        let offset_of = |start: usize| offset + lines.raw_start(start) as u64;
        for (rule, place) in found {
            let (line, at) = (&lines.text()[place.clone()], offset_of(place.start));
            let time = clock.time_of(line, at, lines.stamp_ms(place.start, bytes));
            let hash = signatures.as_mut().map(|known| known.hash(rule, lines.text(), &place, offset));
            hits.hit(rule, place, time, hash);
        }
        hits.lines =
            clock.lines(lines.text(), &mut |line| (offset_of(line.start), lines.stamp_ms(line.start, bytes)));
        tally.add(hits, lines.text(), &offset_of);
    }
}

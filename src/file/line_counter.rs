//! What counts the lines that one turn reads: rules, the time of lines, and how much more may be read.

use crate::file::line_time::LineTimer;
use crate::file::signatures::TurnSignatures;
use crate::file::tally::{Hits, Tally};
use crate::scan::cursor::{Follows, LineCursor, Step};
use crate::scan::scanner::Scanner;

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
        let offset = cursor.offset;
        let mut hits = Hits::new(tally.matched.len(), tally.samples_max());
        let LineCounter { scanner, clock, signatures, .. } = self;
        signatures.iter_mut().for_each(TurnSignatures::begin_window);
        let step = cursor.advance(bytes, follows, scanner, &mut |rule, place| {
            let line = &bytes[place.clone()];
            let time = clock.time_of(line, offset + place.end as u64);
            let hash = signatures.as_mut().map(|known| known.hash(rule, bytes, &place, offset));
            hits.hit(rule, place, time, hash);
        });
        hits.lines = clock.lines(&bytes[..(cursor.offset - offset) as usize], offset);
        tally.add(hits, bytes, offset);
        step
    }
}

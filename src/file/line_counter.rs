//! What counts the lines that one turn reads: rules, the time of lines, and how much more may be read.

use crate::file::line_time::LineTimer;
use crate::file::tally::{Hits, Tally};
use crate::scan::cursor::{Follows, LineCursor, Step};
use crate::scan::scanner::Scanner;

/// See the [module](self).
pub(super) struct LineCounter<'a> {
    pub(super) scanner: &'a mut Scanner,
    pub(super) clock: LineTimer,
    /// How many more bytes may be judged.
    pub(super) budget: u64,
}

impl LineCounter<'_> {
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
        let LineCounter { scanner, clock, .. } = self;
        let step = cursor.advance(bytes, follows, scanner, &mut |rule, place| {
            let time = clock.time_of(&bytes[place.clone()], offset + place.end as u64);
            hits.hit(rule, place, time);
        });
        hits.lines = clock.lines(&bytes[..(cursor.offset - offset) as usize], offset);
        tally.add(hits, bytes, offset);
        step
    }
}

//! A stream that is read once: standard input. There is no position to come back to.

use std::path::Path;
use std::sync::Arc;

use crate::file::checkpoint::TailCheckpoint;
use crate::file::line_counter::LineCounter;
use crate::file::line_time::{LineTimer, TimestampState};
use crate::file::signatures::TurnSignatures;
use crate::file::turn::{Turn, TurnOptions};
use crate::scan::cursor::{Follows, LineCursor};
use crate::scan::scanner::Scanner;
use crate::scan::wrapping::{FirstLine, LineFormat, Pieces, Wrapping};

/// See the [module](self).
pub struct StreamReader {
    path: Arc<Path>,
    scanner: Scanner,
    format: LineFormat,
    /// What is around its lines, once that is known.
    wrapping: Option<Option<Wrapping>>,
    cursor: LineCursor,
    pieces: Pieces,
    stamps: Option<Box<TimestampState>>,
    /// What is not judged yet: a line whose end is still to come.
    rest: Vec<u8>,
}

impl StreamReader {
    /// Nothing was read yet.
    #[must_use]
    pub fn new(path: Arc<Path>, scanner: Scanner, format: LineFormat) -> StreamReader {
        StreamReader {
            path,
            scanner,
            format,
            wrapping: None,
            cursor: LineCursor::default(),
            pieces: Pieces::default(),
            stamps: None,
            rest: Vec::new(),
        }
    }

    /// Where further bytes are appended.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.rest
    }

    /// Judges the complete lines in the buffer, and if nothing `follows` all that is left. `now_ms` is the time in milliseconds since
    /// the epoch.
    pub fn judge(&mut self, options: &TurnOptions, now_ms: i64, follows: Follows) -> Turn {
        let mut turn = Turn::new(self.scanner.rules().names().len(), options.samples_max);
        let wrapping = self.wrapping(follows);
        let from = self.cursor.offset;
        let patterns = options.patterns.as_ref();
        let signatures = patterns.map(|settings| TurnSignatures::new(settings, Some(&self.scanner)));
        let mut counter = LineCounter {
            clock: LineTimer::new(&options.time, options.counts_lines, self.stamps.take(), now_ms),
            scanner: &mut self.scanner,
            budget: u64::MAX,
            judged: 0,
            signatures,
            format: self.format,
            path: Arc::clone(&self.path),
            wrapping,
            pieces: std::mem::take(&mut self.pieces),
        };
        counter.advance(&mut self.cursor, &self.rest, follows, &mut turn.tally);
        if follows == Follows::Nothing {
            counter.finish_pieces(&mut turn.tally);
        }
        self.pieces = counter.pieces;
        self.stamps = counter.clock.into_stamps();
        turn.first_lines = counter.signatures.map(|signatures| signatures.first_lines).unwrap_or_default();
        turn.bytes = self.cursor.offset - from;
        turn.record = Some(TailCheckpoint { generation: 1, ..TailCheckpoint::default() });
        self.rest.drain(..usize::try_from(turn.bytes).unwrap_or(usize::MAX).min(self.rest.len()));
        turn
    }

    fn wrapping(&mut self, follows: Follows) -> Option<Wrapping> {
        if let Some(known) = self.wrapping {
            return known;
        }
        // NULs came first, if it does not begin here.
        let first = if self.cursor.offset > 0 { &b"\0"[..] } else { &self.rest };
        let found = self.format.wrapping(&self.path, first, follows == Follows::Nothing);
        if matches!(found, FirstLine::Known(_)) {
            self.wrapping = Some(found.wrapping());
        }
        found.wrapping()
    }
}

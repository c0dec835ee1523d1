//! Which patterns the matching lines of one turn belong to, as far as a turn can tell: by their signatures.
//!
//! A turn may be discarded, and many run at once, so it does not touch a registry: it notes the signature of each matching line in
//! order, and keeps the first line of each signature for a registry that does not know it.

use std::collections::HashMap;

use crate::pattern::SignatureReader;

/// So many signatures of a turn keep a line. Lines of others count as `other` if no registry knows them.
const FIRST_LINES_MAX: usize = 4_096;
/// And so many bytes of lines are kept.
const FIRST_LINES_BYTES_MAX: usize = 1 << 20;
/// The longest part of a line that is kept, in bytes.
const LINE_BYTES_MAX: usize = 8_192;

/// Matching lines in a row with one signature and one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignatureRun {
    /// The hash of the signature.
    pub hash: u64,
    /// When the lines were written, in milliseconds since the epoch.
    pub at_ms: i64,
    /// How many lines.
    pub lines: u32,
    /// Whether they are too old to be judged.
    pub is_late: bool,
}

/// Adds a line to `runs`.
pub(super) fn push(runs: &mut Vec<SignatureRun>, line: SignatureRun) {
    match runs.last_mut() {
        Some(last) if (last.hash, last.at_ms, last.is_late) == (line.hash, line.at_ms, line.is_late) => {
            last.lines = last.lines.saturating_add(line.lines);
        }
        _ => runs.push(line),
    }
}

/// The first line of each signature of a turn.
#[derive(Debug, Default)]
pub struct FirstLines {
    places: HashMap<u64, (usize, usize)>,
    text: Vec<u8>,
}

impl FirstLines {
    /// The first line with the signature `hash`, or its beginning, if it was kept.
    #[must_use]
    pub fn get(&self, hash: u64) -> Option<&[u8]> {
        self.places.get(&hash).map(|(start, end)| &self.text[*start..*end])
    }

    fn note(&mut self, hash: u64, line: &[u8]) {
        let line = &line[..line.len().min(LINE_BYTES_MAX)];
        let has_room =
            self.places.len() < FIRST_LINES_MAX && self.text.len() + line.len() <= FIRST_LINES_BYTES_MAX;
        if has_room && !self.places.contains_key(&hash) {
            let start = self.text.len();
            self.text.extend_from_slice(line);
            self.places.insert(hash, (start, self.text.len()));
        }
    }
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct TurnSignatures {
    reader: SignatureReader,
    pub(super) first_lines: FirstLines,
    /// Where the last line began, and its signature: several rules ask for the same line.
    last: Option<(u64, u64)>,
}

impl TurnSignatures {
    pub(super) fn new(reader: SignatureReader) -> TurnSignatures {
        TurnSignatures { reader, first_lines: FirstLines::default(), last: None }
    }

    /// The hash of the signature of `line`, which begins at `offset` of its file.
    pub(super) fn hash(&mut self, line: &[u8], offset: u64) -> u64 {
        if let Some((_, hash)) = self.last.filter(|(begin, _)| *begin == offset) {
            return hash;
        }
        let hash = self.reader.hash(line);
        self.first_lines.note(hash, line);
        self.last = Some((offset, hash));
        hash
    }

    /// Another window begins, maybe of another file.
    pub(super) fn begin_window(&mut self) {
        self.last = None;
    }
}

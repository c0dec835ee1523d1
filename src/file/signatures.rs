//! Which patterns the matching lines of one turn belong to, as far as a turn can tell: by their signatures.
//!
//! A turn may be discarded, and many run at once, so it does not touch a registry: it notes the signature of each matching line in
//! order, and keeps the first line of each signature for a registry that does not know it.

use std::collections::HashMap;
use std::ops::Range;

use crate::pattern::{PatternSettings, SignatureReader, text_of_record};
use crate::scan::record_bounds::RecordBounds;
use crate::scan::scanner::Scanner;

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
    /// What joins lines to records, if any rule does.
    records: Option<RecordBounds>,
    joined: Vec<u8>,
    pub(super) first_lines: FirstLines,
    /// Where the last record began, and its signature: several rules ask for the same line.
    last: Option<(u64, u64)>,
}

impl TurnSignatures {
    /// Signatures of lines that `rules` match, or of entries if there are none.
    pub(super) fn new(settings: &PatternSettings, rules: Option<&Scanner>) -> TurnSignatures {
        TurnSignatures {
            reader: SignatureReader::new(settings),
            records: rules.and_then(|rules| RecordBounds::new(rules.rules(), rules.line_bytes_max())),
            joined: Vec::new(),
            first_lines: FirstLines::default(),
            last: None,
        }
    }

    /// The hash of the signature of the record around the line at `place` in `bytes`, which begin at `offset` of their file, for
    /// `rule`, which the line matches.
    pub(super) fn hash(&mut self, rule: usize, bytes: &[u8], place: &Range<usize>, offset: u64) -> u64 {
        match &mut self.records {
            Some(records) => {
                let record = records.around(rule, bytes, place);
                // A rule may join lines, and another one not.
                self.last = None;
                self.hash_record(&bytes[record.clone()], offset + record.start as u64)
            }
            None => self.hash_record(&bytes[place.clone()], offset + place.start as u64),
        }
    }

    /// The hash of the signature of `record`, whose `number` no other one has.
    pub(super) fn hash_record(&mut self, record: &[u8], number: u64) -> u64 {
        if let Some((_, hash)) = self.last.filter(|(last, _)| *last == number) {
            return hash;
        }
        let text = text_of_record(record, &mut self.joined);
        let hash = self.reader.hash(text);
        self.first_lines.note(hash, text);
        self.last = Some((number, hash));
        hash
    }

    /// Another window begins, maybe of another file.
    pub(super) fn begin_window(&mut self) {
        self.last = None;
    }
}

//! What goes into a turn and what comes out of it.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::file::change::ChangeReason;
use crate::file::checkpoint::{FileCheckpoint, TailCheckpoint};
use crate::file::identity::Identity;
use crate::file::ownership::ReadPosition;
use crate::file::signatures::{FirstLines, TurnSignatures};
use crate::file::tally::Tally;
use crate::file::vfs::Filesystem;
use crate::pattern::PatternSettings;
use crate::scan::rules::RuleSet;
use crate::scan::timestamp::{EventTime, TimeSettings};
use crate::units::PathId;

/// Whether a file was there when the daemon started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileOrigin {
    /// It was: [`FileSettings::start`](crate::file::settings::FileSettings::start) says where reading begins.
    Existing,
    /// It came later: reading begins at its first byte.
    Appeared,
    /// It came while no daemon ran, but after one had watched the path: reading begins at the first byte of it and of
    /// those that stood there before it since then.
    CameMeanwhile {
        /// Since when the path has been watched, in nanoseconds since the epoch.
        since_ns: i64,
    },
}

/// Something that happened to the file at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TailEvent {
    /// A file at the path is being read now.
    Opened,
    /// Another file took the place of the one that was read.
    Rotated(ChangeReason),
    /// The file became shorter than what had been judged.
    Truncated(ChangeReason),
    /// What had been judged is no longer there.
    Rewritten(ChangeReason),
    /// Nothing is at the path.
    Removed(ChangeReason),
    /// Bytes were gone before they could be judged.
    Missed(MissedBytes),
    /// The file cannot be read, and why.
    Unreadable(String),
    /// It can be read again, or came back.
    Recovered,
}

/// Bytes that no one can judge any longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MissedBytes {
    /// How many there were at least.
    pub bytes: u64,
    /// Where they began in their file, in bytes.
    pub from: u64,
    /// Why they are gone.
    pub reason: MissReason,
}

/// Why bytes are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissReason {
    /// The file was truncated or rewritten, and no copy of it was found.
    NoCopy,
    /// The file is no longer at the path, and was not found under another name or compressed.
    NotFound,
    /// The copy that was found ends before them.
    ShortCopy,
    /// The file cannot be read to its end.
    Unreadable,
    /// The file is compressed and would take more to decompress than the daemon has for it.
    Refused,
    /// The device cannot read them.
    BadBlocks,
    /// They were entries of the journal, which are counted instead of bytes.
    Vacuumed,
    /// The file was written and removed before the first look. How many there were is not known.
    Unseen,
}

impl MissReason {
    /// The reason for people and for output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            MissReason::NoCopy => "truncated away since the last look, and no copy of them was found",
            MissReason::NotFound => {
                "their file is no longer at the path, and was found neither under another name nor compressed"
            }
            MissReason::ShortCopy => "truncated away, and the copy that was found ends before them",
            MissReason::Refused => {
                "their file is compressed and would take more to decompress than is allowed, as a decompression bomb does"
            }
            MissReason::Unreadable => "their file cannot be read to its end",
            MissReason::Vacuumed => "removed by the journal, or damaged, before they could be read",
            MissReason::Unseen => {
                "written and removed again before the first look; how many bytes there were is not known"
            }
            MissReason::BadBlocks => "the device cannot read them (input/output error)",
        }
    }
}

/// The moment of a turn.
#[derive(Debug, Clone, Copy)]
pub struct TurnTime {
    /// On a clock that never goes back, in milliseconds.
    pub monotonic_ms: u64,
    /// On the clock that stamps files, in nanoseconds since the epoch.
    pub wall_ns: i64,
    /// Whether the turn comes right after the event that it was asked for by, and no event was lost before.
    pub is_prompt: bool,
}

/// How a turn is taken.
#[derive(Debug, Clone, Default)]
pub struct TurnOptions {
    /// How many of the newest matching lines of each rule.
    pub samples_max: usize,
    /// At most about so many bytes.
    pub bytes_max: u64,
    /// How the time of a line is read.
    pub time: Arc<TimeSettings>,
    /// Whether all lines are counted, and not only those that match.
    pub counts_lines: bool,
    /// How matching lines are grouped by pattern, if they are.
    pub patterns: Option<Arc<PatternSettings>>,
    /// What it may do.
    pub scope: TurnScope,
}

/// What a turn may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TurnScope {
    /// Whatever is due.
    #[default]
    Everything,
    /// The same, before the daemon stops: a former file that could not be found again later ends.
    Last,
    /// Only read what was appended to the open file, which never waits: the turn is declined if anything else is due. Whether the
    /// path still leads to that file is not looked at.
    Growth,
}

/// A turn that was not taken: a full one is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Declined;

/// What one turn found.
#[derive(Debug)]
pub struct Turn {
    /// Matching lines.
    pub tally: Tally,
    /// The first lines of their signatures.
    pub first_lines: FirstLines,
    /// What happened to the file, in order.
    pub news: Vec<(TailEvent, u64)>,
    /// Whether the budget ended before the file did.
    pub more: bool,
    /// Scans that were thrown away because the file changed under them.
    pub torn: u64,
    /// Whether a look is due soon without a hint: former files of the path are still being read, or something is in the way.
    pub draining: bool,
    /// The number of the tail that reads the file at this path, if that is another one.
    pub read_by: Option<PathId>,
    /// Files that no one reads any longer. To be released once what was found in them is accounted for.
    pub released: Vec<(Identity, ReadPosition)>,
    /// Files that no one reads any longer and that are removed for good.
    pub vanished: Vec<Identity>,
    /// What is to be remembered, if it is not what was remembered before.
    pub record: Option<TailCheckpoint>,
    /// How many bytes were judged.
    pub bytes: u64,
    /// Whether no descriptor was left to open a file with.
    pub starved: bool,
    /// Whether a search has to be repeated soon.
    pub is_obstructed: bool,
}

impl Turn {
    pub(super) fn new(rules: usize, samples_max: usize) -> Turn {
        Turn {
            tally: Tally::new(rules, samples_max),
            first_lines: FirstLines::default(),
            news: Vec::new(),
            more: false,
            torn: 0,
            draining: false,
            read_by: None,
            released: Vec::new(),
            vanished: Vec::new(),
            record: None,
            bytes: 0,
            starved: false,
            is_obstructed: false,
        }
    }

    /// Whether anything came of it that has to be counted, reported or remembered.
    #[must_use]
    pub fn is_worth_noting(&self) -> bool {
        let is_new = self.record.is_some()
            || !self.released.is_empty()
            || !self.vanished.is_empty()
            || !self.news.is_empty();
        is_new || self.torn > 0 || !self.tally.is_empty()
    }

    /// How many bytes were gone before they could be judged.
    #[must_use]
    pub fn missed(&self) -> u64 {
        let missed = |news: &TailEvent| if let TailEvent::Missed(missed) = news { missed.bytes } else { 0 };
        self.news.iter().map(|(news, _)| missed(news)).sum()
    }

    /// Takes back a file that was let go in this same turn.
    pub(super) fn take_released(&mut self, identity: Identity) -> Option<ReadPosition> {
        let at = self.released.iter().position(|(released, _)| *released == identity)?;
        Some(self.released.remove(at).1)
    }
}

/// Returns whether a turn of a file is due although no one gave a hint.
pub struct Probe {
    pub(super) filesystem: Arc<dyn Filesystem>,
    pub(super) path: Arc<Path>,
    pub(super) settled: Option<FileCheckpoint>,
    pub(super) is_gone: bool,
}

impl Probe {
    /// Whether a turn is due: costs one system call.
    #[must_use]
    pub fn needs_turn(&self) -> bool {
        match (&self.settled, self.filesystem.stat(&self.path)) {
            (Some(settled), Ok(now)) => !settled.is_unchanged(&now),
            (None, Err(error)) if error.kind() == io::ErrorKind::NotFound => !self.is_gone,
            _ => true,
        }
    }
}

/// Counts entries of a source that is no file into a turn.
#[derive(Debug)]
pub struct EntryTally {
    tally: Tally,
    signatures: Option<TurnSignatures>,
}

impl EntryTally {
    /// Nothing is counted yet. Patterns are found if there are settings for them.
    #[must_use]
    pub fn new(rules: &RuleSet, samples_max: usize, patterns: Option<&PatternSettings>) -> EntryTally {
        let signatures = patterns.map(|settings| TurnSignatures::new(settings, None));
        EntryTally { tally: Tally::new(rules.names().len(), samples_max), signatures }
    }

    /// Counts an entry for `rule`. Its first line and its stack trace tell the pattern; `number` is different for each entry.
    pub fn hit(&mut self, rule: usize, text: &[u8], number: u64, time: EventTime) {
        let signature = self.signatures.as_mut().map(|known| known.hash_record(text, number));
        self.tally.hit(rule, text, number, (time, signature));
    }

    /// Counts an entry, whether it matches or not.
    pub fn count_line(&mut self, time: EventTime) {
        match self.tally.lines.last_mut() {
            Some((at_ms, lines)) if *at_ms == time.at_ms => *lines += 1,
            _ => self.tally.lines.push((time.at_ms, 1)),
        }
    }

    /// What was counted, as a turn whose counts are to be committed.
    #[must_use]
    pub fn into_turn(self) -> Turn {
        let first_lines = self.signatures.map(|known| known.first_lines).unwrap_or_default();
        let record = Some(TailCheckpoint { generation: 1, ..TailCheckpoint::default() });
        Turn { tally: self.tally, first_lines, record, ..Turn::new(0, 0) }
    }
}

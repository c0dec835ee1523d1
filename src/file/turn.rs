//! What goes into a turn and what comes out of it.

use std::io;
use std::path::PathBuf;

use crate::file::change::Reason;
use crate::file::claims::Owner;
use crate::file::tally::Tally;
use crate::sys::open::{Stat, stat_path};

/// Whether a file was there when the daemon started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It was: [`FileSettings::start`] says where reading begins.
    Existing,
    /// It came later: reading begins at its first byte.
    Appeared,
}

/// Something that happened to the file at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A file at the path is being read now.
    Opened,
    /// Another file took the place of the one that was read.
    Rotated(Reason),
    /// The file became shorter than what had been judged.
    Truncated(Reason),
    /// What had been judged is no longer there.
    Rewritten(Reason),
    /// Nothing is at the path.
    Removed(Reason),
    /// This many bytes had been seen but were gone before they could be judged.
    Missed(u64),
    /// The file cannot be read, and why.
    Unreadable(String),
    /// It can be read again, or came back.
    Recovered,
}

/// The moment of a turn.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// On a clock that never goes back, in milliseconds.
    pub monotonic_ms: u64,
    /// On the clock that stamps files, in nanoseconds since the epoch.
    pub wall_ns: i64,
}

/// What one turn found.
#[derive(Debug)]
pub struct Turn {
    /// Matching lines.
    pub tally: Tally,
    /// What happened to the file, in order.
    pub news: Vec<(News, u64)>,
    /// Whether the budget ended before the file did.
    pub more: bool,
    /// Scans that were thrown away because the file changed under them.
    pub torn: u64,
    /// Whether former files of the path are still being read.
    pub draining: bool,
    /// The number of the tail that reads the file at this path, if that is another one.
    pub read_by: Option<Owner>,
}

/// Tells whether a turn of a file is due although nobody gave a hint.
#[derive(Debug, Clone)]
pub struct Probe {
    pub(super) path: PathBuf,
    pub(super) settled: Option<Stat>,
    pub(super) is_gone: bool,
}

impl Probe {
    /// Whether a turn is due: costs one system call.
    #[must_use]
    pub fn needs_turn(&self) -> bool {
        match (&self.settled, stat_path(&self.path)) {
            (Some(settled), Ok(now)) => *settled != now,
            (None, Err(error)) if error.kind() == io::ErrorKind::NotFound => !self.is_gone,
            _ => true,
        }
    }
}

//! A watched path, between its turns and during one.

use std::path::Path;
use std::sync::Arc;

use crate::detect::Millis;
use crate::engine::open_files::Openness;
use crate::engine::plan::Compiled;
use crate::file::claims::Mark;
use crate::file::identity::Identity;
use crate::file::record::TailRecord;
use crate::file::tail::Tail;

/// The number of a watched path, never used again for another.
pub type FileKey = u64;

/// A turn that begins this soon after its event, in milliseconds, was prompt: nothing else can have happened meanwhile
/// that would not have been looked at.
const PROMPT_MS: Millis = 100;

/// What a status event says of a file: offset and size in bytes, how many files have stood at the path, and why it
/// cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    /// Judged up to here.
    pub offset: u64,
    /// Size at the last look.
    pub size: u64,
    /// How many files have stood at the path.
    pub generation: u64,
    /// Why the file cannot be read.
    pub trouble: Option<String>,
}

impl Status {
    /// How `tail` stands between two turns.
    pub(super) fn of(tail: &Tail) -> Status {
        let (offset, size) = tail.position().unwrap_or_default();
        let trouble = tail.trouble().map(str::to_owned);
        Status { offset, size, generation: tail.generation(), trouble }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Idle,
    Queued,
    Running,
    /// A hint came while its turn was running: another turn follows.
    RunningAgain,
}

/// Why a file is put into the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The kernel told of a change at this time.
    Event(Millis),
    /// Anything else.
    Other,
}

/// A watched path.
pub struct Slot {
    pub(super) watch: usize,
    pub(super) path: Arc<Path>,
    pub(super) phase: Phase,
    /// Taken out while a worker runs its turn.
    pub(super) tail: Option<Box<Tail>>,
    pub(super) gone_since: Option<Millis>,
    pub(super) used: Millis,
    /// How many sweeps in a row have found nothing new.
    pub(super) quiet_sweeps: u8,
    /// When the event came that the next turn is for; `None` if it is for anything else.
    pub(super) event_at: Option<Millis>,
    pub(super) open: Openness,
}

impl Slot {
    /// Number of its watch.
    #[must_use]
    pub fn watch(&self) -> usize {
        self.watch
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Begins a turn.
    pub(super) fn begin(&mut self, key: FileKey, plan: &Arc<Compiled>, now: Millis) -> Option<Job> {
        let tail = self.tail.take()?;
        self.phase = Phase::Running;
        let is_prompt = self.event_at.take().is_some_and(|at| now - at <= PROMPT_MS);
        Some(Job { key, watch: self.watch, tail, plan: Arc::clone(plan), is_prompt })
    }
}

/// What is known of a file while a worker has its tail.
pub(super) struct Away {
    pub(super) status: Status,
    /// When the turn began.
    pub(super) began: Millis,
}

/// A turn to be taken.
pub struct Job {
    /// Which file.
    pub key: FileKey,
    /// Number of its watch.
    pub watch: usize,
    /// The file's tail; to be given back.
    pub tail: Box<Tail>,
    /// The plan to work by.
    pub plan: Arc<Compiled>,
    /// Whether the turn comes right after the event that it was asked for by.
    pub is_prompt: bool,
}

/// What is left of a file that is no longer watched.
pub struct Removed {
    /// Which file it was.
    pub key: FileKey,
    /// Where reading stopped.
    pub tail: TailRecord,
    /// The files that were read, each with how far.
    pub marks: Vec<(Identity, Mark)>,
}

//! A watched path, between its turns and during one.

use std::path::Path;
use std::sync::Arc;

use crate::engine::plan::CompiledWatch;
use crate::file::checkpoint::TailCheckpoint;
use crate::file::identity::Identity;
use crate::file::ownership::ReadPosition;
use crate::file::tailer::Tailer;
use crate::units::{EngineTime, PathId};

/// A turn that begins this soon after its event, in milliseconds, was prompt: nothing else can have happened meanwhile
/// that would not have been looked at.
const PROMPT_MS: i64 = 100;

/// What a status event says of a file: offset and size in bytes, how many files have stood at the path, and why it
/// cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileStatus {
    /// Judged up to here.
    pub offset: u64,
    /// Size at the last look.
    pub size: u64,
    /// How many files have stood at the path.
    pub generation: u64,
    /// Why the file cannot be read.
    pub trouble: Option<String>,
    /// Whether nothing is at the path.
    pub is_absent: bool,
}

impl FileStatus {
    /// Bytes that are not read yet.
    #[must_use]
    pub fn lag(&self) -> u64 {
        self.size.saturating_sub(self.offset)
    }

    /// How `tail` stands between two turns.
    pub(super) fn of(tail: &Tailer) -> FileStatus {
        let (offset, size) = tail.position().unwrap_or_default();
        let trouble = tail.trouble().map(str::to_owned);
        FileStatus { offset, size, generation: tail.generation(), trouble, is_absent: tail.is_absent() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TurnPhase {
    Idle,
    Queued,
    Running,
    /// A hint came while its turn was running: another turn follows.
    RunningAgain,
}

/// Why a file is put into the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WakeReason {
    /// The kernel reported a change at this time.
    Event(EngineTime),
    /// Anything else.
    Other,
}

/// What of the open files a entry remembers.
#[derive(Debug, Default)]
pub(super) struct OpenState {
    pub(super) files: u32,
    /// Whether it had a turn since the hand of the clock came by.
    pub(super) is_used: bool,
    pub(super) is_in_ring: bool,
}

/// A watched path.
pub struct FileEntry {
    pub(super) watch: Arc<CompiledWatch>,
    pub(super) path: Arc<Path>,
    pub(super) phase: TurnPhase,
    /// Taken out while a worker runs its turn.
    pub(super) tail: Option<Box<Tailer>>,
    pub(super) gone_since: Option<EngineTime>,
    pub(super) used: EngineTime,
    /// How many sweeps in a row have found nothing new.
    pub(super) quiet_sweeps: u8,
    /// When the event came that the next turn is for; `None` if it is for anything else.
    pub(super) event_at: Option<EngineTime>,
    pub(super) open: OpenState,
    /// Whether it had a turn.
    pub(super) is_looked_at: bool,
    /// Whether the kernel reported that a file was written at the path and removed again.
    pub(super) is_removal_told: bool,
}

impl FileEntry {
    /// Its watch.
    #[must_use]
    pub fn watch(&self) -> &Arc<CompiledWatch> {
        &self.watch
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a window onto its file is mapped, between two turns.
    pub(super) fn holds_window(&self) -> bool {
        self.tail.as_ref().is_some_and(|tail| tail.holds_window())
    }

    /// How many of its files are open, between two turns.
    pub(super) fn open_files(&self) -> usize {
        self.tail.as_ref().map_or(0, |tail| tail.open_files())
    }

    /// Begins a turn.
    pub(super) fn begin(&mut self, key: PathId, now: EngineTime) -> Option<TurnJob> {
        let mut tail = self.tail.take()?;
        if std::mem::take(&mut self.is_removal_told) {
            tail.note_removal();
        }
        self.phase = TurnPhase::Running;
        let is_prompt = self.event_at.take().is_some_and(|at| now - at <= PROMPT_MS);
        Some(TurnJob { key, watch: Arc::clone(&self.watch), tail, is_prompt })
    }
}

/// What is known of a file while a worker has its tail.
pub(super) struct InProgress {
    pub(super) status: FileStatus,
    /// When the turn began.
    pub(super) began: EngineTime,
}

/// A turn to be taken.
pub struct TurnJob {
    /// Which file.
    pub key: PathId,
    /// Its watch.
    pub watch: Arc<CompiledWatch>,
    /// The file's tail; to be given back.
    pub tail: Box<Tailer>,
    /// Whether the turn comes right after the event that it was asked for by.
    pub is_prompt: bool,
}

/// What is left of a file that is no longer watched.
pub struct RemovedFile {
    /// Which file it was.
    pub key: PathId,
    /// Where reading stopped.
    pub tail: TailCheckpoint,
    /// The files that were read, each with how far.
    pub marks: Vec<(Identity, ReadPosition)>,
}

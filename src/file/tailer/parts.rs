//! What a [`Tailer`](crate::file::tailer::Tailer) is made of, and what its turns work with.

use std::sync::Arc;

use crate::file::checkpoint::FileCheckpoint;
use crate::file::identity::Identity;
use crate::file::line_counter::LineCounter;
use crate::file::ownership::Ownership;
use crate::file::reader::FileReader;
use crate::file::rotation::listing::{DirectoryListings, DirectoryState};
use crate::file::settings::FileSettings;
use crate::file::turn::{Turn, TurnScope, TurnTime};
use crate::file::vfs::Filesystem;

/// The file at the path.
pub(super) enum CurrentFile {
    None,
    Open(FileReader),
    /// Closed to spare its descriptor, or not opened yet since the start. Opened when it changes.
    Parked(FileCheckpoint),
}

/// What a turn of a file works with.
pub(super) struct TurnContext<'a> {
    pub(super) counter: LineCounter<'a>,
    pub(super) time: TurnTime,
    pub(super) turn: Turn,
    pub(super) scope: TurnScope,
    /// Whether the path and its former files were looked at.
    pub(super) is_complete: bool,
}

/// What is known of a file that is not read yet.
#[derive(Default)]
pub(super) struct Unopened {
    /// A file whose name looks rotated, and how many turns of the path that it comes from had begun when it was found to
    /// be no copy of that.
    pub(super) asked: Option<(Identity, u64)>,
    /// A file that was found to be a copy of one that another path has.
    pub(super) copied: Option<Identity>,
    /// Size of a file that was there at the start, in bytes, when it was first found unreadable: its end is there.
    pub(super) refused_size: Option<u64>,
}

/// A search for files that stood at the path unseen, which is still to be made.
pub(super) struct PendingSearch {
    /// The file after which they stood there.
    pub(super) last: FileCheckpoint,
    /// Set if the search has waited for others before it, so that one listing serves them all.
    pub(super) shared: Option<SharedSearch>,
}

/// When a search began to wait for others, on the monotonic clock in milliseconds; `None` before the next turn.
#[derive(Clone, Copy, Default)]
pub(super) struct SharedSearch {
    pub(super) since_ms: Option<u64>,
}

/// How far files that stood at the path unseen were searched for since nothing is there.
#[derive(Default)]
pub(super) struct AbsentSearch {
    /// What the directory was at the last search, if there was one.
    pub(super) searched: Option<Option<DirectoryState>>,
    /// How many looks found it changing since.
    pub(super) restless_looks: u8,
    /// What it was at the first of them, and when that was, on the monotonic clock in milliseconds.
    pub(super) begun: Option<(Option<DirectoryState>, u64)>,
}

/// What the tails of one watch have in common.
pub struct WatchContext {
    /// How they are read.
    pub settings: FileSettings,
    /// Where they are.
    pub filesystem: Arc<dyn Filesystem>,
    /// What is known of their directories.
    pub listings: Arc<DirectoryListings>,
    /// Who reads which file.
    pub claims: Arc<Ownership>,
}

/// What follows a look at a file.
pub(super) enum NextStep {
    LookAgain,
    Settled,
}

//! What survives a restart: one atomic record per file, the state of alerts, and a history of counts.
//!
//! [`CheckpointStore`] is the narrow seam. [`SqliteStore`](sqlite::SqliteStore) is what the daemon uses: `sqlite` keeps it
//! going through whatever befalls its `database`, which `read` and `write` fill and `prune` keeps small.
//! Without a state folder, the same database is kept in memory.

mod database;
mod devices;
pub mod history;
mod journals;
mod lock;
mod own_file;
mod patterns;
mod prune;
mod read;
mod recover;
mod schema;
mod silences;
mod sql_types;
pub mod sqlite;
#[cfg(test)]
mod tests;
mod write;

use std::collections::HashSet;
use std::path::PathBuf;

use crate::alert::manager::{AlertSeriesId, SavedAlert};
use crate::detect::Millis;
use crate::event::{AlertEvent, AlertState};
use crate::file::checkpoint::TailCheckpoint;
use crate::file::identity::Identity;
use crate::file::ownership::ReadPosition;
use crate::fmt::display_path;
use crate::units::WallTime;

pub use journals::JournalRecord;
pub use patterns::PatternsRecord;

/// Keeps what must survive a restart.
pub trait CheckpointStore: Send {
    /// Everything that was committed and still matters.
    ///
    /// # Errors
    /// See [`StoreError`].
    fn load(&mut self) -> Result<StoredState, StoreError>;

    /// Makes all of `batch` durable, or nothing of it.
    ///
    /// # Errors
    /// See [`StoreError`]. The batch may be committed again, then or later, together with what is newer: records replace
    /// the former ones, and a transition that is there already is not added. Only the history of counts may hold
    /// a minute twice if the batch was durable in spite of the error.
    ///
    /// [`StoreError::BegunAnew`] asks for a batch with everything that is known, once.
    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError>;

    /// Forgets files that have not been `watched` for long. A quiet file is not committed for as long as it is quiet,
    /// so the store has to be reported about once an hour which ones still matter. The time counts from the first call
    /// without the file; a commit of its record ends it.
    ///
    /// # Errors
    /// See [`StoreError`]. The next call does what this one did not.
    fn prune(&mut self, watched: &HashSet<WatchedPath>, now_ms: Millis) -> Result<(), StoreError> {
        let _ = (watched, now_ms);
        Ok(())
    }

    /// What befell the store since the last call and is no error of a call: each text says what happened, where the old
    /// state is and how to fix it. Worth asking for after `load` and after each `commit`, failed ones too.
    fn notices(&mut self) -> Vec<String> {
        Vec::new()
    }
}

pub use silences::{SILENCES_MAX, SilenceRecord};

/// Carries alerts to outputs that answer, from the outbox. Never waits.
pub trait Dispatcher: Send + Sync {
    /// Names of the outputs that are to be notified of `event`.
    fn outputs(&self, event: &AlertEvent) -> Vec<String>;

    /// Takes up what was not delivered before the start, which alerts were firing then, and which are silenced.
    fn restore(
        &self,
        pending: Vec<(String, TransitionRecord)>,
        firing: Vec<TransitionRecord>,
        silences: Vec<SilenceRecord>,
    );

    /// Takes what is in the outbox now, or will be once there is room for it.
    /// For each transition, `outputs` names those that are to be notified of it.
    fn take(&self, transitions: &[TransitionRecord], outputs: &[Vec<String>]);

    /// Takes the present numbers of alerts that are firing, for messages to come.
    fn refresh(&self, firing: Vec<AlertEvent>) {
        drop(firing);
    }

    /// All silences, if they changed since the last call.
    fn changed_silences(&self) -> Option<Vec<SilenceRecord>>;

    /// All silences.
    fn silences(&self) -> Vec<SilenceRecord>;

    /// What was delivered since the last call.
    fn delivered(&self) -> Vec<Delivered>;

    /// Has `wake` called, from any thread, when there is something to tell by [`Dispatcher::delivered`].
    fn on_delivered(&self, wake: Box<dyn Fn() + Send + Sync>);
}

/// How much a store keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// How many days back the history of counts reaches.
    pub history_days: u32,
    /// At most this many rows make the history, one for each minute, path and rule. The oldest go first.
    pub history_rows_max: u64,
    /// At most this many transitions are kept. The oldest go first, delivered or not.
    pub outbox_rows_max: u64,
    /// At most this many marks are kept. The oldest go first.
    pub marks_max: usize,
    /// Whether transitions are kept after they were delivered, as a history for people.
    pub keeps_delivered: bool,
    /// Files that no one has watched for so many days are forgotten.
    pub unwatched_days: u32,
    /// Nothing is committed while the journal is longer than this because someone reads in one transaction.
    pub journal_bytes_max: u64,
}

impl Default for Limits {
    /// A week of history in at most about 60 MB.
    fn default() -> Limits {
        Limits {
            history_days: 7,
            history_rows_max: 500_000,
            outbox_rows_max: 10_000,
            marks_max: 16_384,
            keeps_delivered: true,
            unwatched_days: 30,
            journal_bytes_max: 64 << 20,
        }
    }
}

impl Limits {
    /// No history, which no one could read: only what the running daemon needs.
    #[must_use]
    pub fn in_memory() -> Limits {
        Limits { history_rows_max: 0, keeps_delivered: false, ..Limits::default() }
    }
}

/// A watched path: the name of its watch, and the path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WatchedPath {
    /// Name of the watch.
    pub watch: String,
    /// The path.
    pub path: PathBuf,
}

/// All that is remembered of a watched path, committed as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRecord {
    /// Which path.
    pub id: WatchedPath,
    /// Where reading stands.
    pub tail: TailCheckpoint,
    /// Matching lines so far, one entry per rule. Loaded in the order of names, each once.
    pub totals: Vec<RuleTotal>,
    /// Bytes that were scanned so far.
    pub bytes_read: u64,
    /// Bytes that were gone before they could be judged: so much may the totals be off.
    pub bytes_missed: u64,
}

/// Matching lines of one path and rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleTotal {
    /// Name of the rule.
    pub rule: String,
    /// Matching lines so far.
    pub matched: u64,
    /// How many of them were reported in an event.
    pub reported: u64,
}

/// Matching lines of one path and rule within one minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MinuteCount {
    /// The minute, in minutes since the epoch.
    pub minute: i64,
    /// Which path.
    pub file: WatchedPath,
    /// Name of the rule.
    pub rule: String,
    /// Matching lines to add.
    pub matched: u64,
}

/// Matching lines of a rule in a watch within one minute, and what was usual.
#[derive(Debug, Clone, PartialEq)]
pub struct RateRecord {
    /// The minute, in minutes since the epoch.
    pub minute: i64,
    /// Name of the watch.
    pub watch: String,
    /// Name of the rule.
    pub rule: String,
    /// Matching lines to add.
    pub matched: u64,
    /// Between which counts the usual ones were, if that is known.
    pub usual: Option<(f64, f64)>,
}

/// An alert that fired or resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct TransitionRecord {
    /// When, in milliseconds since the epoch.
    pub at_ms: Millis,
    /// The alert.
    pub event: AlertEvent,
}

/// Why a transition no longer waits for an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryOutcome {
    /// It was in a message that the output accepted.
    Accepted,
    /// It will be in none: the output refused it, a newer one of the same alert waits in its place, or too many wait.
    Abandoned,
}

/// That an output was reported of a transition, or never will be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Delivered {
    /// Name of the output.
    pub output: String,
    /// Identity of the alert.
    pub fingerprint: String,
    /// When it fired or resolved, in milliseconds since the epoch.
    pub at_ms: Millis,
    /// Whether it fired or resolved.
    pub state: AlertState,
    /// Which of the two.
    pub outcome: DeliveryOutcome,
}

/// Since when a watch has had these paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchRecord {
    /// Name of the watch.
    pub watch: String,
    /// What it watches, as configured, one a line.
    pub paths: String,
    /// Since when, in nanoseconds since the epoch, on the clock that stamps files.
    pub since_ns: i64,
}

/// How far a file was read that no one reads any longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PositionRecord {
    /// Name of the watch that read it.
    pub watch: String,
    /// Which file.
    pub identity: Identity,
    /// How far it was read.
    pub mark: ReadPosition,
}

/// What has changed since the last commit. What is removed is removed first, so that what is set as well stays.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Batch {
    /// When the batch was made, in milliseconds since the epoch.
    pub at_ms: Millis,
    /// Files that changed: these records replace the former ones.
    pub files: Vec<FileRecord>,
    /// Files that are gone for good.
    pub forgotten: Vec<WatchedPath>,
    /// Files that no one reads any longer, and how far they were read: replace the former ones.
    pub marks: Vec<PositionRecord>,
    /// Alerts that changed: these records replace the former ones.
    pub alerts: Vec<SavedAlert>,
    /// Alerts of which nothing is left to remember.
    pub ended_alerts: Vec<AlertSeriesId>,
    /// Counts to add to the history.
    pub minutes: Vec<MinuteCount>,
    /// The same as `minutes`, summed over the paths of a watch, with what was usual.
    pub rates: Vec<RateRecord>,
    /// Alerts that fired or resolved, in order: to be appended to the outbox.
    pub transitions: Vec<TransitionRecord>,
    /// For each of `transitions`, the names of the outputs that are to be notified of it.
    pub outputs: Vec<Vec<String>>,
    /// What outputs were reported, in `transitions` or before.
    pub delivered: Vec<Delivered>,
    /// All silences, if they changed: these replace the former ones.
    pub silences: Option<Vec<SilenceRecord>>,
    /// Watches that are new or have other paths now.
    pub watches: Vec<WatchRecord>,
    /// Patterns that changed.
    pub patterns: Vec<PatternsRecord>,
    /// How far the journal was read.
    pub journals: Vec<JournalRecord>,
}

impl Batch {
    /// Whether there is nothing to commit.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Batch { at_ms: self.at_ms, ..Batch::default() }
    }

    /// This batch and then a `newer` one, as one.
    #[must_use]
    pub fn followed_by(mut self, newer: Batch) -> Batch {
        let files: HashSet<&WatchedPath> =
            newer.files.iter().map(|file| &file.id).chain(&newer.forgotten).collect();
        self.files.retain(|file| !files.contains(&file.id));
        self.forgotten.retain(|id| !files.contains(id));
        let alerts: HashSet<&AlertSeriesId> =
            newer.alerts.iter().map(|alert| &alert.id).chain(&newer.ended_alerts).collect();
        self.alerts.retain(|alert| !alerts.contains(&alert.id));
        self.ended_alerts.retain(|id| !alerts.contains(id));
        self.at_ms = newer.at_ms;
        self.files.extend(newer.files);
        self.forgotten.extend(newer.forgotten);
        self.marks.extend(newer.marks);
        self.alerts.extend(newer.alerts);
        self.ended_alerts.extend(newer.ended_alerts);
        self.minutes.extend(newer.minutes);
        self.rates.extend(newer.rates);
        self.transitions.extend(newer.transitions);
        self.outputs.extend(newer.outputs);
        self.delivered.extend(newer.delivered);
        self.silences = newer.silences.or(self.silences);
        self.watches.extend(newer.watches);
        patterns::add(&mut self.patterns, newer.patterns);
        journals::add(&mut self.journals, newer.journals);
        self.bounded()
    }

    /// A store that fails for long must not take all memory: the oldest of what is only history is dropped.
    fn bounded(mut self) -> Batch {
        fn drop_oldest<T>(list: &mut Vec<T>, max: usize) {
            list.drain(..list.len().saturating_sub(max));
        }
        drop_oldest(&mut self.minutes, UNWRITTEN_MAX);
        drop_oldest(&mut self.rates, UNWRITTEN_MAX);
        drop_oldest(&mut self.transitions, UNWRITTEN_MAX);
        drop_oldest(&mut self.outputs, UNWRITTEN_MAX);
        drop_oldest(&mut self.delivered, UNWRITTEN_MAX);
        drop_oldest(&mut self.marks, UNWRITTEN_MAX);
        self
    }
}

/// At most this many entries of each kind of history wait for a store that fails.
const UNWRITTEN_MAX: usize = 100_000;

/// What a store remembers, each list in the order of its names if nothing else is said.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StoredState {
    /// Watched paths.
    pub files: Vec<FileRecord>,
    /// Files that no one reads any longer, and how far they were read, oldest first.
    pub marks: Vec<PositionRecord>,
    /// Alerts.
    pub alerts: Vec<SavedAlert>,
    /// Watches.
    pub watches: Vec<WatchRecord>,
    /// Patterns, by watch and rule; those of a rule in the order of their ids.
    pub patterns: Vec<PatternsRecord>,
    /// What outputs are still to be reported of, by the name of the output, in order.
    pub pending: Vec<(String, TransitionRecord)>,
    /// Alerts that were firing last, in the order in which they fired.
    pub firing: Vec<TransitionRecord>,
    /// Silences, oldest first, those that are over included.
    pub silences: Vec<SilenceRecord>,
    /// How far the journal was read.
    pub journals: Vec<JournalRecord>,
}

impl StoredState {
    /// How far the alerts are ahead of `now`, in milliseconds: the clock was set back since they were saved, or is old at the boot.
    #[must_use]
    pub fn ahead_ms(&self, now: WallTime) -> i64 {
        let judged_ms = self.alerts.iter().filter_map(|alert| alert.instance.judged_ms()).max();
        judged_ms.map_or(0, |judged| judged.saturating_sub(now.0).max(0))
    }
}

/// Why state cannot be kept. Each text says what, where and how to fix it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another daemon owns it.
    #[error(
        "the state in {folder} is in use by process {owner}; stop that one, or give this one another folder with --state"
    )]
    InUse {
        /// The state folder.
        folder: PathBuf,
        /// Its process, or `unknown`.
        owner: String,
    },
    /// What stands in the place of one of its files is no file of ours.
    #[error("{} is {found}; spiketail only writes files of its own there: remove it, or give another folder with --state", display_path(.path))]
    Foreign {
        /// Where it stands.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// There is no room left.
    #[error("no room for the state in {folder}: {reason}; free some space there")]
    Full {
        /// The state folder.
        folder: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// It cannot be written or read.
    #[error("cannot {action} the state in {folder}: {reason}; {mend}")]
    Unusable {
        /// What was tried, such as `write`.
        action: &'static str,
        /// The state folder.
        folder: PathBuf,
        /// What the system or the database says.
        reason: String,
        /// What would fix it.
        mend: String,
    },
    /// What was committed is gone, and the store is empty now: commit everything.
    #[error("the state in {folder} was lost and is begun anew: {reason}; all that is known is written again")]
    BegunAnew {
        /// The state folder.
        folder: PathBuf,
        /// What happened, and where the old state is.
        reason: String,
    },
}

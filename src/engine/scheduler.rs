//! Which files there are, and whose turn it is.

mod draining;
mod replan;

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lru::LruCache;

use crate::engine::dormant::DormantFiles;
use crate::engine::entry::{FileEntry, FileStatus, InProgress, OpenState, TurnJob, TurnPhase, WakeReason};
use crate::engine::open_files::OpenFiles;
use crate::engine::plan::{CompiledPlan, CompiledWatch};
use crate::engine::sweep::Sweep;
use crate::file::identity::Identity;
use crate::file::ownership::{Ownership, ReadPosition};
use crate::file::rotation::listing::DirectoryListings;
use crate::file::tailer::{FileOrigin, Probe, Tailer, WatchContext};
use crate::file::vfs::Filesystem;
use crate::store::{FileRecord, PositionRecord, WatchedPath};
use crate::units::{EngineTime, PathId, WatchId};

use draining::DrainingPaths;

/// Of a path at which nothing has been for this long, only what it had is kept, in milliseconds.
const RETIRE_AFTER_MS: i64 = 10_000;

/// Windows that were not used for this long are unmapped by the next sweep, in milliseconds.
const WINDOW_IDLE_MS: i64 = 5_000;

/// What a turn asks for when it is over.
#[derive(Debug, Default)]
pub struct TurnOutcome {
    /// Whether another turn is due at once.
    pub more: bool,
    /// Whether former files are still being read.
    pub draining: bool,
    /// Whether there was nothing to read, and nothing is the matter with the file.
    pub is_quiet: bool,
    /// Whether no descriptor was left.
    pub starved: bool,
    /// How many windows may stay mapped.
    pub windows_max: usize,
    /// How many files may stay open.
    pub open_files_max: usize,
}

/// All watched paths.
pub struct Scheduler {
    plan: Arc<CompiledPlan>,
    filesystem: Arc<dyn Filesystem>,
    listings: Arc<DirectoryListings>,
    /// Who reads which file, by name of the watch.
    claims: HashMap<String, Arc<Ownership>>,
    /// By watch.
    common: HashMap<WatchId, Arc<WatchContext>>,
    dormant: DormantFiles,
    entries: HashMap<PathId, Box<FileEntry>>,
    ready: VecDeque<PathId>,
    /// Files that workers are at.
    away: HashMap<PathId, InProgress>,
    held: bool,
    stopped: bool,
    draining: DrainingPaths,
    windows: LruCache<PathId, ()>,
    open_files: OpenFiles,
    next_key: u64,
    /// How many paths had no turn yet.
    unseen: usize,
}

impl Scheduler {
    pub(super) fn new(plan: Arc<CompiledPlan>, filesystem: Arc<dyn Filesystem>) -> Scheduler {
        Scheduler {
            plan,
            filesystem,
            listings: Arc::default(),
            claims: HashMap::new(),
            common: HashMap::new(),
            dormant: DormantFiles::default(),
            entries: HashMap::new(),
            ready: VecDeque::new(),
            away: HashMap::new(),
            held: false,
            stopped: false,
            draining: DrainingPaths::default(),
            windows: LruCache::unbounded(),
            open_files: OpenFiles::default(),
            next_key: 1,
            unseen: 0,
        }
    }

    /// Takes up what was remembered, before any file is added: no one else may claim the files that it tells of.
    pub(super) fn restore(&mut self, files: Vec<FileRecord>, marks: &[PositionRecord]) {
        for record in marks {
            self.ownership(&record.watch).release(record.identity, record.mark);
        }
        for record in files {
            let Some(watch) = self.plan.watch_named(&record.id.watch).cloned() else {
                self.dormant.put(record);
                continue;
            };
            if watch.journal.is_some() {
                self.dormant.put(record);
                continue;
            }
            let key = self.new_key();
            let tail = self
                .tail(key, &watch, Arc::from(record.id.path.as_path()), FileOrigin::Appeared)
                .restored(&record.tail);
            self.dormant.put_ready(key, tail, record);
        }
    }

    /// Adds a path, or queues it if it is there already. Returns its key, and what was remembered of it.
    pub(super) fn add(
        &mut self,
        watch: &Arc<CompiledWatch>,
        path: &Arc<Path>,
        origin: FileOrigin,
    ) -> (PathId, Option<FileRecord>) {
        let known = self.common(watch).claims.reader_of(path);
        if let Some(key) = known.filter(|key| self.entries.contains_key(key)) {
            self.enqueue(key, WakeReason::Other);
            return (key, None);
        }
        let id = WatchedPath { watch: watch.name.clone(), path: path.to_path_buf() };
        let (key, tail, record) = match self.dormant.take_ready(&id) {
            Some((key, tail, record)) => (key, tail, Some(record)),
            None => {
                let (key, record) = (self.new_key(), self.dormant.take(&id));
                let tail = self.tail(key, watch, Arc::clone(path), origin);
                let tail = match &record {
                    Some(record) => tail.restored(&record.tail),
                    None => tail,
                };
                (key, tail, record)
            }
        };
        let entry = FileEntry {
            watch: Arc::clone(watch),
            path: Arc::clone(path),
            phase: TurnPhase::Idle,
            tail: Some(Box::new(tail)),
            gone_since: None,
            used: EngineTime(0),
            quiet_sweeps: Sweep::QUIET,
            event_at: None,
            open: OpenState::default(),
            is_looked_at: false,
            is_removal_told: false,
        };
        self.unseen += 1;
        self.entries.insert(key, Box::new(entry));
        self.enqueue(key, WakeReason::Other);
        (key, record)
    }

    /// Paths that are remembered but were not added: those that `wanted` says a watch still means are to be added, the
    /// others released their files.
    pub(super) fn remembered(&mut self, wanted: impl Fn(&WatchedPath) -> bool) -> Vec<(String, PathBuf)> {
        let claims = &self.claims;
        let release = |id: &WatchedPath, files: Vec<(Identity, ReadPosition)>| {
            if let Some(claims) = claims.get(&id.watch) {
                files.into_iter().for_each(|(identity, mark)| claims.release(identity, mark));
            }
        };
        let wanted = self.dormant.sort_out(wanted, release);
        wanted.into_iter().map(|id| (id.watch, id.path)).collect()
    }

    /// Who reads the files of a watch.
    pub(super) fn ownership(&mut self, watch: &str) -> Arc<Ownership> {
        Arc::clone(self.claims.entry(watch.to_owned()).or_default())
    }

    fn tail(&mut self, key: PathId, watch: &CompiledWatch, path: Arc<Path>, origin: FileOrigin) -> Tailer {
        let common = self.common(watch);
        Tailer::new(key, path, common, origin)
    }

    /// What the tails of a watch have in common.
    fn common(&mut self, watch: &CompiledWatch) -> Arc<WatchContext> {
        if let Some(common) = self.common.get(&watch.id) {
            return Arc::clone(common);
        }
        let (filesystem, claims) = (Arc::clone(&self.filesystem), self.ownership(&watch.name));
        let listings = Arc::clone(&self.listings);
        let common = Arc::new(WatchContext { settings: watch.file, filesystem, listings, claims });
        self.common.insert(watch.id, Arc::clone(&common));
        common
    }

    fn new_key(&mut self) -> PathId {
        self.next_key += 1;
        PathId(self.next_key - 1)
    }

    /// Puts a file into the queue. True if a worker should be woken for it.
    pub(super) fn enqueue(&mut self, key: PathId, cause: WakeReason) -> bool {
        let Some(entry) = self.entries.get_mut(&key) else { return false };
        // The first event is the one that must not have waited; any other cause tells of a time without events.
        entry.event_at = match (entry.phase, cause) {
            (TurnPhase::Idle | TurnPhase::Running, WakeReason::Event(at)) => Some(at),
            (_, WakeReason::Event(_)) => entry.event_at,
            (_, WakeReason::Other) => None,
        };
        match entry.phase {
            TurnPhase::Idle => {
                entry.phase = TurnPhase::Queued;
                self.ready.push_back(key);
                true
            }
            TurnPhase::Running => {
                entry.phase = TurnPhase::RunningAgain;
                false
            }
            TurnPhase::Queued | TurnPhase::RunningAgain => false,
        }
    }

    /// The kernel reported that a file was written at the path and removed again. True if a worker should be woken.
    pub(super) fn note_removal(&mut self, key: PathId) -> bool {
        let Some(entry) = self.entries.get_mut(&key) else { return false };
        entry.is_removal_told = true;
        self.enqueue(key, WakeReason::Other)
    }

    pub(super) fn enqueue_all(&mut self) {
        for key in self.paths() {
            self.enqueue(key, WakeReason::Other);
        }
    }

    /// Queues the paths with former files that are to be looked at by now.
    pub(super) fn enqueue_draining(&mut self, now: EngineTime) -> usize {
        let keys = self.draining.take_due(now);
        keys.into_iter().filter(|key| self.enqueue(*key, WakeReason::Other)).count()
    }

    /// When former files are to be looked at next.
    pub(super) fn draining_due(&self) -> Option<EngineTime> {
        self.draining.next()
    }

    /// The next turn, if there is one now.
    pub(super) fn take(&mut self, now: EngineTime) -> Option<TurnJob> {
        if self.held {
            return None;
        }
        let key = self.ready.pop_front()?;
        let entry = self.entries.get_mut(&key)?;
        let job = entry.begin(key, now)?;
        self.away.insert(key, InProgress { status: FileStatus::of(&job.tail), began: now });
        Some(job)
    }

    /// The turn of a file of which the kernel reported at `now`, unless it has one already.
    pub(super) fn take_at_once(&mut self, key: PathId, now: EngineTime) -> Option<TurnJob> {
        if self.held || self.stopped {
            return None;
        }
        let entry = self.entries.get_mut(&key).filter(|entry| entry.phase == TurnPhase::Idle)?;
        entry.event_at = Some(now);
        let job = entry.begin(key, now)?;
        self.away.insert(key, InProgress { status: FileStatus::of(&job.tail), began: now });
        Some(job)
    }

    /// Queues a declined turn for a worker. The kernel reported at `at` what it is for.
    pub(super) fn requeue(&mut self, job: TurnJob, at: EngineTime) {
        self.away.remove(&job.key);
        let Some(entry) = self.entries.get_mut(&job.key) else { return };
        let is_by_event = entry.phase == TurnPhase::Running || entry.event_at.is_some();
        entry.event_at = is_by_event.then_some(at);
        entry.phase = TurnPhase::Queued;
        entry.tail = Some(job.tail);
        self.ready.push_back(job.key);
    }

    /// Takes a tail back after its turn. True if another turn of it is due.
    pub(super) fn give_back(&mut self, job: TurnJob, after: &TurnOutcome, now: EngineTime) -> bool {
        let TurnJob { key, tail, .. } = job;
        self.away.remove(&key);
        let Some(entry) = self.entries.get_mut(&key) else { return false };
        entry.gone_since = tail.is_gone().then(|| entry.gone_since.unwrap_or(now));
        entry.used = now;
        self.unseen -= usize::from(!std::mem::replace(&mut entry.is_looked_at, true));
        if !after.is_quiet {
            entry.quiet_sweeps = 0;
        }
        let again = after.more || entry.phase == TurnPhase::RunningAgain;
        entry.phase = if again { TurnPhase::Queued } else { TurnPhase::Idle };
        if tail.holds_window() {
            self.windows.put(key, ());
        } else {
            self.windows.pop(&key);
        }
        self.open_files.note(key, &mut entry.open, tail.open_files());
        entry.tail = Some(tail);
        if again {
            self.ready.push_back(key);
        }
        if after.draining {
            self.draining.put(key, now);
        } else {
            self.draining.remove(key);
        }
        self.unmap_surplus(after.windows_max);
        let closed = if after.starved {
            self.open_files.close_some(&mut self.entries)
        } else {
            self.open_files.close_surplus(&mut self.entries, after.open_files_max)
        };
        if after.starved && closed > 0 {
            self.enqueue(key, WakeReason::Other);
            return true;
        }
        again
    }

    /// Looks after an idle file in a sweep: gives up a window that no one uses, and gives what tells whether a turn is
    /// due. `None` if its turn comes anyway.
    pub(super) fn probe(&mut self, key: PathId, now: EngineTime, sweep: Sweep) -> Option<Probe> {
        let entry = self.entries.get_mut(&key).filter(|entry| entry.phase == TurnPhase::Idle)?;
        let tail = entry.tail.as_mut()?;
        if now - entry.used > WINDOW_IDLE_MS && tail.holds_window() {
            tail.release();
            self.windows.pop(&key);
        }
        sweep.is_for(key, entry.quiet_sweeps).then(|| tail.probe())
    }

    /// Notes that a sweep found nothing new. Returns how long nothing has been at the path, if that is long.
    pub(super) fn was_quiet(&mut self, key: PathId, now: EngineTime) -> Option<i64> {
        let entry = self.entries.get_mut(&key)?;
        let Some(since) = entry.gone_since else {
            entry.quiet_sweeps = entry.quiet_sweeps.saturating_add(1);
            return None;
        };
        let is_over = entry.phase == TurnPhase::Idle && now - since > RETIRE_AFTER_MS;
        is_over.then_some(now - since)
    }

    /// The watch `name` of the present plan.
    pub(super) fn watch_named(&self, name: &str) -> Option<Arc<CompiledWatch>> {
        self.plan.watch_named(name).cloned()
    }

    /// The present plan.
    pub(super) fn plan(&self) -> &Arc<CompiledPlan> {
        &self.plan
    }

    /// Gives back the memory of the listings of directories.
    pub(super) fn forget_listings(&self) {
        self.listings.clear();
    }

    pub(super) fn paths(&self) -> Vec<PathId> {
        self.entries.keys().copied().collect()
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (PathId, &FileEntry)> {
        self.entries.iter().map(|(key, entry)| (*key, &**entry))
    }

    /// How a file stands, or stood before the turn that it has.
    pub(super) fn status(&self, key: PathId) -> FileStatus {
        self.entries.get(&key).map(|entry| self.status_of(key, entry)).unwrap_or_default()
    }

    /// The same of an entry that is at hand.
    pub(super) fn status_of(&self, key: PathId, entry: &FileEntry) -> FileStatus {
        let away = || self.away.get(&key).map(|away| away.status.clone());
        entry.tail.as_deref().map(FileStatus::of).or_else(away).unwrap_or_default()
    }

    /// The path whose turn has been running for longest, and since when.
    pub(super) fn longest_turn(&self) -> Option<(&Path, EngineTime)> {
        let running =
            self.away.iter().filter_map(|(key, away)| Some((self.entries.get(key)?.path(), away.began)));
        running.min_by_key(|(_, began)| *began)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn is_busy(&self) -> bool {
        !self.away.is_empty()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.away.is_empty() && self.ready.is_empty()
    }

    /// Whether every path had a turn, or has it now, whatever there is left to read.
    pub(super) fn is_all_seen(&self) -> bool {
        self.unseen == 0
    }

    pub(super) fn hold(&mut self, held: bool) {
        self.held = held;
    }

    pub(super) fn stop(&mut self) {
        self.stopped = true;
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped
    }

    fn unmap_surplus(&mut self, windows_max: usize) {
        while self.windows.len() > windows_max {
            let Some((key, ())) = self.windows.pop_lru() else { return };
            // A tail that is running now is counted again when it comes back.
            if let Some(tail) = self.entries.get_mut(&key).and_then(|entry| entry.tail.as_mut()) {
                tail.release();
            }
        }
    }
}

//! Which files there are, and whose turn it is.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lru::LruCache;

use crate::detect::Millis;
use crate::engine::dormant::DormantFiles;
use crate::engine::entry::{
    FileEntry, FileKey, FileStatus, InProgress, RemovedFile, TurnJob, TurnPhase, WakeReason,
};
use crate::engine::open_files::{OpenFiles, OpenState};
use crate::engine::plan::{CompiledPlan, CompiledWatch};
use crate::engine::sweep::Sweep;
use crate::file::checkpoint::TailCheckpoint;
use crate::file::identity::Identity;
use crate::file::ownership::{Ownership, ReadPosition};
use crate::file::tailer::{FileOrigin, Probe, Tailer, WatchContext};
use crate::file::vfs::Filesystem;
use crate::store::{FileRecord, PathId, PositionRecord};

/// A path at which nothing has been for this long is forgotten, with its counts, in milliseconds.
const FORGET_AFTER_MS: Millis = 24 * 3600 * 1000;

/// Windows that were not used for this long are unmapped by the next sweep, in milliseconds.
const WINDOW_IDLE_MS: Millis = 5_000;

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
    /// Who reads which file, by name of the watch.
    claims: HashMap<String, Arc<Ownership>>,
    /// By number of the watch.
    common: HashMap<usize, Arc<WatchContext>>,
    shelf: DormantFiles,
    slots: HashMap<FileKey, Box<FileEntry>>,
    ready: VecDeque<FileKey>,
    /// Files that workers are at.
    away: HashMap<FileKey, InProgress>,
    held: bool,
    stopped: bool,
    draining: HashSet<FileKey>,
    windows: LruCache<FileKey, ()>,
    open_files: OpenFiles,
    next_key: FileKey,
}

impl Scheduler {
    pub(super) fn new(plan: Arc<CompiledPlan>, filesystem: Arc<dyn Filesystem>) -> Scheduler {
        Scheduler {
            plan,
            filesystem,
            claims: HashMap::new(),
            common: HashMap::new(),
            shelf: DormantFiles::default(),
            slots: HashMap::new(),
            ready: VecDeque::new(),
            away: HashMap::new(),
            held: false,
            stopped: false,
            draining: HashSet::new(),
            windows: LruCache::unbounded(),
            open_files: OpenFiles::default(),
            next_key: 1,
        }
    }

    /// Takes up what was remembered, before any file is added: nobody else may claim the files that it tells of.
    pub(super) fn restore(&mut self, files: Vec<FileRecord>, marks: &[PositionRecord]) {
        for record in marks {
            self.claims(&record.watch).release(record.identity, record.mark);
        }
        for record in files {
            let Some(watch) = self.plan.watches.iter().position(|watch| watch.name == record.id.watch) else {
                self.shelf.put(record);
                continue;
            };
            let key = self.new_key();
            let tail = self
                .tail(key, watch, Arc::from(record.id.path.as_path()), FileOrigin::Appeared)
                .restored(&record.tail);
            self.shelf.put_ready(key, tail, record);
        }
    }

    /// Adds a path, or queues it if it is there already. Gives its key, and what was remembered of it.
    pub(super) fn add(
        &mut self,
        watch: usize,
        path: &Arc<Path>,
        origin: FileOrigin,
    ) -> (FileKey, Option<FileRecord>) {
        let known = self.common(watch).claims.reader_of(path);
        if let Some(key) = known.filter(|key| self.slots.contains_key(key)) {
            self.enqueue(key, WakeReason::Other);
            return (key, None);
        }
        let id = PathId { watch: self.plan.watches[watch].name.clone(), path: path.to_path_buf() };
        let (key, tail, record) = match self.shelf.take_ready(&id) {
            Some((key, tail, record)) => (key, tail, Some(record)),
            None => {
                let (key, record) = (self.new_key(), self.shelf.take(&id));
                let tail = self.tail(key, watch, Arc::clone(path), origin);
                let tail = match &record {
                    Some(record) => tail.restored(&record.tail),
                    None => tail,
                };
                (key, tail, record)
            }
        };
        let slot = FileEntry {
            watch,
            path: Arc::clone(path),
            phase: TurnPhase::Idle,
            tail: Some(Box::new(tail)),
            gone_since: None,
            used: 0,
            quiet_sweeps: Sweep::QUIET,
            event_at: None,
            open: OpenState::default(),
        };
        self.slots.insert(key, Box::new(slot));
        self.enqueue(key, WakeReason::Other);
        (key, record)
    }

    /// Paths that are remembered but were not added: those that `wanted` says a watch still means are to be added, the
    /// others let go of their files.
    pub(super) fn remembered(&mut self, wanted: impl Fn(&PathId) -> bool) -> Vec<(usize, PathBuf)> {
        let claims = &self.claims;
        let release = |id: &PathId, files: Vec<(Identity, ReadPosition)>| {
            if let Some(claims) = claims.get(&id.watch) {
                files.into_iter().for_each(|(identity, mark)| claims.release(identity, mark));
            }
        };
        let wanted = self.shelf.sort_out(wanted, release);
        let number = |id: &PathId| self.plan.watches.iter().position(|watch| watch.name == id.watch);
        wanted.into_iter().filter_map(|id| Some((number(&id)?, id.path))).collect()
    }

    /// Who reads the files of a watch.
    pub(super) fn claims(&mut self, watch: &str) -> Arc<Ownership> {
        Arc::clone(self.claims.entry(watch.to_owned()).or_default())
    }

    fn tail(&mut self, key: FileKey, watch: usize, path: Arc<Path>, origin: FileOrigin) -> Tailer {
        let common = self.common(watch);
        Tailer::new(key, path, common, origin)
    }

    /// What the tails of a watch have in common.
    fn common(&mut self, watch: usize) -> Arc<WatchContext> {
        if let Some(common) = self.common.get(&watch) {
            return Arc::clone(common);
        }
        let plan = Arc::clone(&self.plan);
        let CompiledWatch { name, file, .. } = &plan.watches[watch];
        let (filesystem, claims) = (Arc::clone(&self.filesystem), self.claims(name));
        let common = Arc::new(WatchContext { settings: *file, filesystem, claims });
        self.common.insert(watch, Arc::clone(&common));
        common
    }

    fn new_key(&mut self) -> FileKey {
        self.next_key += 1;
        self.next_key - 1
    }

    /// Puts a file into the queue. True if a worker should be woken for it.
    pub(super) fn enqueue(&mut self, key: FileKey, cause: WakeReason) -> bool {
        let Some(slot) = self.slots.get_mut(&key) else { return false };
        // The first event is the one that must not have waited; any other cause tells of a time without events.
        slot.event_at = match (slot.phase, cause) {
            (TurnPhase::Idle | TurnPhase::Running, WakeReason::Event(at)) => Some(at),
            (_, WakeReason::Event(_)) => slot.event_at,
            (_, WakeReason::Other) => None,
        };
        match slot.phase {
            TurnPhase::Idle => {
                slot.phase = TurnPhase::Queued;
                self.ready.push_back(key);
                true
            }
            TurnPhase::Running => {
                slot.phase = TurnPhase::RunningAgain;
                false
            }
            TurnPhase::Queued | TurnPhase::RunningAgain => false,
        }
    }

    pub(super) fn enqueue_all(&mut self) {
        for key in self.keys() {
            self.enqueue(key, WakeReason::Other);
        }
    }

    pub(super) fn enqueue_draining(&mut self) -> usize {
        let keys: Vec<FileKey> = self.draining.iter().copied().collect();
        keys.into_iter().filter(|key| self.enqueue(*key, WakeReason::Other)).count()
    }

    pub(super) fn has_draining(&self) -> bool {
        !self.draining.is_empty()
    }

    /// The next turn, if there is one now.
    pub(super) fn take(&mut self, now: Millis) -> Option<TurnJob> {
        if self.held {
            return None;
        }
        let key = self.ready.pop_front()?;
        let slot = self.slots.get_mut(&key)?;
        let job = slot.begin(key, &self.plan, now)?;
        self.away.insert(key, InProgress { status: FileStatus::of(&job.tail), began: now });
        Some(job)
    }

    /// The turn of a file of which the kernel told at `now`, unless it has one already.
    pub(super) fn take_at_once(&mut self, key: FileKey, now: Millis) -> Option<TurnJob> {
        if self.held || self.stopped {
            return None;
        }
        let slot = self.slots.get_mut(&key).filter(|slot| slot.phase == TurnPhase::Idle)?;
        slot.event_at = Some(now);
        let job = slot.begin(key, &self.plan, now)?;
        self.away.insert(key, InProgress { status: FileStatus::of(&job.tail), began: now });
        Some(job)
    }

    /// Takes back a turn that was not taken, for a worker to take: the kernel told at `at` of what it is for.
    pub(super) fn hand_back(&mut self, job: TurnJob, at: Millis) {
        self.away.remove(&job.key);
        let Some(slot) = self.slots.get_mut(&job.key) else { return };
        let is_by_event = slot.phase == TurnPhase::Running || slot.event_at.is_some();
        slot.event_at = is_by_event.then_some(at);
        slot.phase = TurnPhase::Queued;
        slot.tail = Some(job.tail);
        self.ready.push_back(job.key);
    }

    /// Takes a tail back after its turn. True if another turn of it is due.
    pub(super) fn give_back(&mut self, job: TurnJob, after: &TurnOutcome, now: Millis) -> bool {
        let TurnJob { key, tail, .. } = job;
        self.away.remove(&key);
        let Some(slot) = self.slots.get_mut(&key) else { return false };
        slot.gone_since = tail.is_gone().then(|| slot.gone_since.unwrap_or(now));
        slot.used = now;
        if !after.is_quiet {
            slot.quiet_sweeps = 0;
        }
        let again = after.more || slot.phase == TurnPhase::RunningAgain;
        slot.phase = if again { TurnPhase::Queued } else { TurnPhase::Idle };
        if tail.holds_window() {
            self.windows.put(key, ());
        } else {
            self.windows.pop(&key);
        }
        self.open_files.note(key, &mut slot.open, tail.open_files());
        slot.tail = Some(tail);
        if again {
            self.ready.push_back(key);
        }
        if after.draining {
            self.draining.insert(key);
        } else {
            self.draining.remove(&key);
        }
        self.unmap_surplus(after.windows_max);
        let closed = if after.starved {
            self.open_files.close_some(&mut self.slots)
        } else {
            self.open_files.close_surplus(&mut self.slots, after.open_files_max)
        };
        if after.starved && closed > 0 {
            self.enqueue(key, WakeReason::Other);
            return true;
        }
        again
    }

    /// Looks after an idle file in a sweep: gives up a window that nobody uses, and gives what tells whether a turn is
    /// due. `None` if its turn comes anyway.
    pub(super) fn probe(&mut self, key: FileKey, now: Millis, sweep: Sweep) -> Option<Probe> {
        let slot = self.slots.get_mut(&key).filter(|slot| slot.phase == TurnPhase::Idle)?;
        let tail = slot.tail.as_mut()?;
        if now - slot.used > WINDOW_IDLE_MS && tail.holds_window() {
            tail.release();
            self.windows.pop(&key);
        }
        sweep.is_for(key, slot.quiet_sweeps).then(|| tail.probe())
    }

    /// Notes that a sweep found nothing new. Forgets the file if it has been gone for long.
    pub(super) fn was_quiet(&mut self, key: FileKey, now: Millis) -> Option<RemovedFile> {
        if let Some(slot) = self.slots.get_mut(&key).filter(|slot| slot.gone_since.is_none()) {
            slot.quiet_sweeps = slot.quiet_sweeps.saturating_add(1);
        }
        let is_old = |since| now - since > FORGET_AFTER_MS;
        let slot = self.slots.get(&key)?;
        let is_gone = slot.phase == TurnPhase::Idle && slot.gone_since.is_some_and(is_old);
        if is_gone { self.remove(key) } else { None }
    }

    pub(super) fn watch(&self, number: usize) -> &CompiledWatch {
        &self.plan.watches[number]
    }

    pub(super) fn keys(&self) -> Vec<FileKey> {
        self.slots.keys().copied().collect()
    }

    pub(super) fn slots(&self) -> impl Iterator<Item = (FileKey, &FileEntry)> {
        self.slots.iter().map(|(key, slot)| (*key, &**slot))
    }

    /// How a file stands, or stood before the turn that it has.
    pub(super) fn status(&self, key: FileKey) -> FileStatus {
        let tail = self.slots.get(&key).and_then(|slot| slot.tail.as_deref());
        let away = || self.away.get(&key).map(|away| away.status.clone());
        tail.map(FileStatus::of).or_else(away).unwrap_or_default()
    }

    /// The path whose turn has been running for longest, and since when.
    pub(super) fn longest_turn(&self) -> Option<(&Path, Millis)> {
        let running =
            self.away.iter().filter_map(|(key, away)| Some((self.slots.get(key)?.path(), away.began)));
        running.min_by_key(|(_, began)| *began)
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn is_busy(&self) -> bool {
        !self.away.is_empty()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.away.is_empty() && self.ready.is_empty()
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

    /// Goes over to another plan; nothing is running. Gives what is left of the files whose watch is gone.
    pub(super) fn replan(
        &mut self,
        plan: Arc<CompiledPlan>,
        renumbered: &[Option<usize>],
    ) -> Vec<RemovedFile> {
        let stays = |watch: usize| renumbered.get(watch).copied().flatten();
        let gone: HashSet<_> =
            self.slots.iter().filter(|(_, slot)| stays(slot.watch).is_none()).map(|(key, _)| *key).collect();
        let removed = self.remove_all(&gone);
        self.plan = plan;
        self.common.clear();
        let common: Vec<_> = (0..self.plan.watches.len()).map(|watch| self.common(watch)).collect();
        for slot in self.slots.values_mut() {
            let Some(watch) = stays(slot.watch) else { continue };
            slot.watch = watch;
            if let Some(tail) = &mut slot.tail {
                tail.set_common(Arc::clone(&common[watch]));
            }
        }
        removed
    }

    pub(super) fn remove_all(&mut self, keys: &HashSet<FileKey>) -> Vec<RemovedFile> {
        keys.iter().filter_map(|key| self.remove(*key)).collect()
    }

    /// Remembers a file that is no longer watched, in case it is again.
    pub(super) fn shelve(&mut self, record: FileRecord) {
        self.shelf.put(record);
    }

    /// What is to be remembered of every file. Nothing is running.
    pub(super) fn records(&self) -> Vec<(FileKey, TailCheckpoint)> {
        let record = |slot: &FileEntry| slot.tail.as_ref().map(|tail| tail.record());
        self.slots().filter_map(|(key, slot)| Some((key, record(slot)?))).collect()
    }

    fn remove(&mut self, key: FileKey) -> Option<RemovedFile> {
        let mut slot = self.slots.remove(&key)?;
        self.windows.pop(&key);
        self.open_files.note(key, &mut slot.open, 0);
        self.draining.remove(&key);
        self.ready.retain(|ready| *ready != key);
        let mut tail = slot.tail.take()?;
        let (record, marks) = (tail.record(), tail.close());
        let claims = self.claims(&Arc::clone(&self.plan).watches[slot.watch].name);
        marks.iter().for_each(|(identity, mark)| claims.release(*identity, *mark));
        Some(RemovedFile { key, tail: record, marks })
    }

    fn unmap_surplus(&mut self, windows_max: usize) {
        while self.windows.len() > windows_max {
            let Some((key, ())) = self.windows.pop_lru() else { return };
            // A tail that is running now is counted again when it comes back.
            if let Some(tail) = self.slots.get_mut(&key).and_then(|slot| slot.tail.as_mut()) {
                tail.release();
            }
        }
    }
}

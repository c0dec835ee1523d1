//! Which files there are, and whose turn it is.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lru::LruCache;

use crate::detect::Millis;
use crate::engine::plan::{Compiled, CompiledWatch};
use crate::engine::shelf::Shelf;
use crate::file::claims::{Claims, Mark};
use crate::file::filesystem::Filesystem;
use crate::file::identity::Identity;
use crate::file::record::TailRecord;
use crate::file::tail::{Origin, Probe, Tail};
use crate::store::{FileId, FileRecord, MarkRecord};

/// The number of a watched path, never used again for another.
pub type FileKey = u64;

/// A path at which nothing has been for this long is forgotten, with its counts, in milliseconds.
const FORGET_AFTER_MS: Millis = 24 * 3600 * 1000;

/// Windows that were not used for this long are unmapped by the next sweep, in milliseconds.
const WINDOW_IDLE_MS: Millis = 5_000;

/// A turn that begins this soon after its event, in milliseconds, was prompt: nothing else can have happened meanwhile
/// that would not have been looked at.
const PROMPT_MS: Millis = 100;

/// So many files are closed when the system has no descriptor left for another.
const CLOSED_AT_ONCE: usize = 64;

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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle,
    Queued,
    Running,
    /// A hint came while its turn was running: another turn follows.
    RunningAgain,
}

/// Which files a sweep looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sweep {
    /// All of them.
    All,
    /// Those that were not quiet for long, and a share of the others: this is the number of the sweep.
    Lively(u64),
}

impl Sweep {
    /// A file that was quiet for long is looked at by every so many sweeps.
    const RARELY: u64 = 6;

    /// Each sweep that finds nothing doubles how long a file is left alone.
    fn is_for(self, key: FileKey, quiet_sweeps: u8) -> bool {
        let Sweep::Lively(number) = self else { return true };
        let every =
            1_u64.checked_shl(quiet_sweeps.into()).map_or(Sweep::RARELY, |every| every.min(Sweep::RARELY));
        (number + key).is_multiple_of(every)
    }
}

/// A watched path.
pub struct Slot {
    watch: usize,
    path: PathBuf,
    phase: Phase,
    /// Taken out while a worker runs its turn.
    tail: Option<Box<Tail>>,
    status: Status,
    gone_since: Option<Millis>,
    used: Millis,
    /// How many sweeps in a row have found nothing new.
    quiet_sweeps: u8,
    /// When the turn that is running began.
    turn_began: Option<Millis>,
    /// When the event came that the next turn is for; `None` if it is for anything else.
    event_at: Option<Millis>,
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

    /// When the turn that is running began, if one is.
    #[must_use]
    pub fn turn_began(&self) -> Option<Millis> {
        self.turn_began
    }

    /// Begins a turn.
    fn begin(&mut self, key: FileKey, plan: &Arc<Compiled>, now: Millis) -> Option<Job> {
        let tail = self.tail.take()?;
        self.phase = Phase::Running;
        self.turn_began = Some(now);
        let is_prompt = self.event_at.take().is_some_and(|at| now - at <= PROMPT_MS);
        Some(Job { key, watch: self.watch, tail, plan: Arc::clone(plan), is_prompt })
    }

    /// What was known of it after its last turn.
    #[must_use]
    pub fn status(&self) -> &Status {
        &self.status
    }
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

/// What a turn asks for when it is over.
#[derive(Debug, Default)]
pub struct After {
    /// Whether another turn is due at once.
    pub more: bool,
    /// Whether former files are still being read.
    pub draining: bool,
    /// Whether no descriptor was left.
    pub starved: bool,
    /// How many windows may stay mapped.
    pub windows_max: usize,
    /// How many files may stay open.
    pub open_files_max: usize,
}

/// Why a file is put into the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The kernel told of a change at this time.
    Event(Millis),
    /// Anything else.
    Other,
}

/// All watched paths.
pub struct Registry {
    plan: Arc<Compiled>,
    filesystem: Arc<dyn Filesystem>,
    /// Who reads which file, by name of the watch.
    claims: HashMap<String, Arc<Claims>>,
    shelf: Shelf,
    slots: HashMap<FileKey, Slot>,
    by_path: HashMap<(usize, PathBuf), FileKey>,
    ready: VecDeque<FileKey>,
    running: usize,
    held: bool,
    stopped: bool,
    draining: HashSet<FileKey>,
    windows: LruCache<FileKey, ()>,
    /// How many files each path holds open.
    open: LruCache<FileKey, usize>,
    open_files: usize,
    next_key: FileKey,
}

impl Registry {
    pub(super) fn new(plan: Arc<Compiled>, filesystem: Arc<dyn Filesystem>) -> Registry {
        Registry {
            plan,
            filesystem,
            claims: HashMap::new(),
            shelf: Shelf::default(),
            slots: HashMap::new(),
            by_path: HashMap::new(),
            ready: VecDeque::new(),
            running: 0,
            held: false,
            stopped: false,
            draining: HashSet::new(),
            windows: LruCache::unbounded(),
            open: LruCache::unbounded(),
            open_files: 0,
            next_key: 1,
        }
    }

    /// Takes up what was remembered, before any file is added: nobody else may claim the files that it tells of.
    pub(super) fn restore(&mut self, files: Vec<FileRecord>, marks: &[MarkRecord]) {
        for record in marks {
            self.claims(&record.watch).release(record.identity, record.mark);
        }
        for record in files {
            let Some(watch) = self.plan.watches.iter().position(|watch| watch.name == record.id.watch) else {
                self.shelf.put(record);
                continue;
            };
            let key = self.new_key();
            let tail = self.tail(key, watch, &record.id.path, Origin::Appeared).restored(&record.tail);
            self.shelf.put_ready(key, tail, record);
        }
    }

    /// Adds a path, or queues it if it is there already. Gives its key, and what was remembered of it.
    pub(super) fn add(&mut self, watch: usize, path: &Path, origin: Origin) -> (FileKey, Option<FileRecord>) {
        if let Some(key) = self.by_path.get(&(watch, path.to_owned())).copied() {
            self.enqueue(key, Cause::Other);
            return (key, None);
        }
        let id = FileId { watch: self.plan.watches[watch].name.clone(), path: path.to_owned() };
        let (key, tail, record) = match self.shelf.take_ready(&id) {
            Some((key, tail, record)) => (key, tail, Some(record)),
            None => {
                let (key, record) = (self.new_key(), self.shelf.take(&id));
                let tail = self.tail(key, watch, path, origin);
                let tail = match &record {
                    Some(record) => tail.restored(&record.tail),
                    None => tail,
                };
                (key, tail, record)
            }
        };
        let (offset, size) = tail.position().unwrap_or_default();
        let slot = Slot {
            watch,
            path: path.to_owned(),
            phase: Phase::Idle,
            status: Status { offset, size, generation: tail.generation(), trouble: None },
            tail: Some(Box::new(tail)),
            gone_since: None,
            used: 0,
            quiet_sweeps: 0,
            turn_began: None,
            event_at: None,
        };
        self.slots.insert(key, slot);
        self.by_path.insert((watch, path.to_owned()), key);
        self.enqueue(key, Cause::Other);
        (key, record)
    }

    /// Paths that are remembered but were not added: those that `wanted` says a watch still means are to be added, the
    /// others let go of their files.
    pub(super) fn remembered(&mut self, wanted: impl Fn(&FileId) -> bool) -> Vec<(usize, PathBuf)> {
        let claims = &self.claims;
        let release = |id: &FileId, files: Vec<(Identity, Mark)>| {
            if let Some(claims) = claims.get(&id.watch) {
                files.into_iter().for_each(|(identity, mark)| claims.release(identity, mark));
            }
        };
        let wanted = self.shelf.sort_out(wanted, release);
        let number = |id: &FileId| self.plan.watches.iter().position(|watch| watch.name == id.watch);
        wanted.into_iter().filter_map(|id| Some((number(&id)?, id.path))).collect()
    }

    /// Who reads the files of a watch.
    pub(super) fn claims(&mut self, watch: &str) -> Arc<Claims> {
        Arc::clone(self.claims.entry(watch.to_owned()).or_default())
    }

    fn tail(&mut self, key: FileKey, watch: usize, path: &Path, origin: Origin) -> Tail {
        let watch = Arc::clone(&self.plan).watches[watch].clone();
        let (filesystem, claims) = (Arc::clone(&self.filesystem), self.claims(&watch.name));
        Tail::new(key, path.to_owned(), watch.file, filesystem, claims, origin)
    }

    fn new_key(&mut self) -> FileKey {
        self.next_key += 1;
        self.next_key - 1
    }

    /// Puts a file into the queue. True if a worker should be woken for it.
    pub(super) fn enqueue(&mut self, key: FileKey, cause: Cause) -> bool {
        let Some(slot) = self.slots.get_mut(&key) else { return false };
        // The first event is the one that must not have waited; any other cause tells of a time without events.
        slot.event_at = match (slot.phase, cause) {
            (Phase::Idle | Phase::Running, Cause::Event(at)) => Some(at),
            (_, Cause::Event(_)) => slot.event_at,
            (_, Cause::Other) => None,
        };
        match slot.phase {
            Phase::Idle => {
                slot.phase = Phase::Queued;
                self.ready.push_back(key);
                true
            }
            Phase::Running => {
                slot.phase = Phase::RunningAgain;
                false
            }
            Phase::Queued | Phase::RunningAgain => false,
        }
    }

    pub(super) fn enqueue_all(&mut self) {
        for key in self.keys() {
            self.enqueue(key, Cause::Other);
        }
    }

    pub(super) fn enqueue_draining(&mut self) -> usize {
        let keys: Vec<FileKey> = self.draining.iter().copied().collect();
        keys.into_iter().filter(|key| self.enqueue(*key, Cause::Other)).count()
    }

    pub(super) fn has_draining(&self) -> bool {
        !self.draining.is_empty()
    }

    /// The next turn, if there is one now.
    pub(super) fn take(&mut self, now: Millis) -> Option<Job> {
        if self.held {
            return None;
        }
        let key = self.ready.pop_front()?;
        let slot = self.slots.get_mut(&key)?;
        let job = slot.begin(key, &self.plan, now)?;
        self.running += 1;
        Some(job)
    }

    /// The turn of a file of which the kernel told at `now`, unless it has one already.
    pub(super) fn take_at_once(&mut self, key: FileKey, now: Millis) -> Option<Job> {
        if self.held || self.stopped {
            return None;
        }
        let slot = self.slots.get_mut(&key).filter(|slot| slot.phase == Phase::Idle)?;
        slot.event_at = Some(now);
        let job = slot.begin(key, &self.plan, now)?;
        self.running += 1;
        Some(job)
    }

    /// Takes back a turn that was not taken, for a worker to take: the kernel told at `at` of what it is for.
    pub(super) fn hand_back(&mut self, job: Job, at: Millis) {
        self.running -= 1;
        let Some(slot) = self.slots.get_mut(&job.key) else { return };
        let is_by_event = slot.phase == Phase::Running || slot.event_at.is_some();
        slot.event_at = is_by_event.then_some(at);
        slot.phase = Phase::Queued;
        slot.turn_began = None;
        slot.tail = Some(job.tail);
        self.ready.push_back(job.key);
    }

    /// Takes a tail back after its turn. True if another turn of it is due.
    pub(super) fn give_back(&mut self, job: Job, after: &After, now: Millis) -> bool {
        let Job { key, tail, .. } = job;
        self.running -= 1;
        let Some(slot) = self.slots.get_mut(&key) else { return false };
        let (offset, size) = tail.position().unwrap_or_default();
        let trouble = tail.trouble().map(str::to_owned);
        slot.status = Status { offset, size, generation: tail.generation(), trouble };
        slot.gone_since = tail.is_gone().then(|| slot.gone_since.unwrap_or(now));
        slot.used = now;
        slot.quiet_sweeps = 0;
        slot.turn_began = None;
        let again = after.more || slot.phase == Phase::RunningAgain;
        slot.phase = if again { Phase::Queued } else { Phase::Idle };
        if tail.holds_window() {
            self.windows.put(key, ());
        } else {
            self.windows.pop(&key);
        }
        let open = tail.open_files();
        slot.tail = Some(tail);
        self.count_open(key, open);
        if again {
            self.ready.push_back(key);
        }
        if after.draining {
            self.draining.insert(key);
        } else {
            self.draining.remove(&key);
        }
        self.unmap_surplus(after.windows_max);
        let open_max =
            if after.starved { self.open_files.saturating_sub(CLOSED_AT_ONCE) } else { after.open_files_max };
        let closed = self.close_surplus(open_max);
        if after.starved && closed > 0 {
            self.enqueue(key, Cause::Other);
            return true;
        }
        again
    }

    fn count_open(&mut self, key: FileKey, now: usize) {
        let before = if now == 0 { self.open.pop(&key) } else { self.open.put(key, now) };
        self.open_files = self.open_files + now - before.unwrap_or(0);
    }

    /// Closes the files that were not used for the longest time, but none that a worker has. Gives how many.
    fn close_surplus(&mut self, open_files_max: usize) -> usize {
        let mut closed = 0;
        for _ in 0..self.open.len() {
            if self.open_files <= open_files_max {
                break;
            }
            let Some((key, count)) = self.open.pop_lru() else { break };
            self.open_files -= count;
            if let Some(tail) = self.slots.get_mut(&key).and_then(|slot| slot.tail.as_mut()) {
                tail.park();
                closed += count - tail.open_files();
                let open = tail.open_files();
                self.count_open(key, open);
            } else {
                self.count_open(key, count);
            }
        }
        closed
    }

    /// Looks after an idle file in a sweep: gives up a window that nobody uses, and gives what tells whether a turn is
    /// due. `None` if its turn comes anyway.
    pub(super) fn probe(&mut self, key: FileKey, now: Millis, sweep: Sweep) -> Option<Probe> {
        let slot = self.slots.get_mut(&key).filter(|slot| slot.phase == Phase::Idle)?;
        let tail = slot.tail.as_mut()?;
        if now - slot.used > WINDOW_IDLE_MS && tail.holds_window() {
            tail.release();
            self.windows.pop(&key);
        }
        sweep.is_for(key, slot.quiet_sweeps).then(|| tail.probe())
    }

    /// Notes that a sweep found nothing new. Forgets the file if it has been gone for long.
    pub(super) fn was_quiet(&mut self, key: FileKey, now: Millis) -> Option<Removed> {
        if let Some(slot) = self.slots.get_mut(&key).filter(|slot| slot.gone_since.is_none()) {
            slot.quiet_sweeps = slot.quiet_sweeps.saturating_add(1);
        }
        let is_old = |since| now - since > FORGET_AFTER_MS;
        let gone = |slot: &Slot| slot.phase == Phase::Idle && slot.gone_since.is_some_and(is_old);
        if self.slots.get(&key).is_some_and(gone) { self.remove(key) } else { None }
    }

    pub(super) fn watch(&self, number: usize) -> &CompiledWatch {
        &self.plan.watches[number]
    }

    pub(super) fn keys(&self) -> Vec<FileKey> {
        self.slots.keys().copied().collect()
    }

    pub(super) fn slots(&self) -> impl Iterator<Item = (FileKey, &Slot)> {
        self.slots.iter().map(|(key, slot)| (*key, slot))
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn is_busy(&self) -> bool {
        self.running > 0
    }

    pub(super) fn is_idle(&self) -> bool {
        self.running == 0 && self.ready.is_empty()
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
    pub(super) fn replan(&mut self, plan: Arc<Compiled>, renumbered: &[Option<usize>]) -> Vec<Removed> {
        let stays = |watch: usize| renumbered.get(watch).copied().flatten();
        let gone: HashSet<_> =
            self.slots.iter().filter(|(_, slot)| stays(slot.watch).is_none()).map(|(key, _)| *key).collect();
        let removed = self.remove_all(&gone);
        self.plan = plan;
        for slot in self.slots.values_mut() {
            let Some(watch) = stays(slot.watch) else { continue };
            slot.watch = watch;
            if let Some(tail) = &mut slot.tail {
                tail.set_settings(self.plan.watches[watch].file);
            }
        }
        self.by_path = self.slots.iter().map(|(key, slot)| ((slot.watch, slot.path.clone()), *key)).collect();
        removed
    }

    pub(super) fn remove_all(&mut self, keys: &HashSet<FileKey>) -> Vec<Removed> {
        keys.iter().filter_map(|key| self.remove(*key)).collect()
    }

    /// Remembers a file that is no longer watched, in case it is again.
    pub(super) fn shelve(&mut self, record: FileRecord) {
        self.shelf.put(record);
    }

    /// What is to be remembered of every file. Nothing is running.
    pub(super) fn records(&self) -> Vec<(FileKey, TailRecord)> {
        let tail = |slot: &Slot| slot.tail.as_ref().map(|tail| tail.record());
        self.slots.iter().filter_map(|(key, slot)| Some((*key, tail(slot)?))).collect()
    }

    fn remove(&mut self, key: FileKey) -> Option<Removed> {
        let mut slot = self.slots.remove(&key)?;
        self.by_path.remove(&(slot.watch, slot.path));
        self.windows.pop(&key);
        self.count_open(key, 0);
        self.draining.remove(&key);
        self.ready.retain(|ready| *ready != key);
        let mut tail = slot.tail.take()?;
        let (record, marks) = (tail.record(), tail.close());
        let claims = self.claims(&Arc::clone(&self.plan).watches[slot.watch].name);
        marks.iter().for_each(|(identity, mark)| claims.release(*identity, *mark));
        Some(Removed { key, tail: record, marks })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_a_file_is_quiet_the_rarer_it_is_looked_at_but_never_not_at_all() {
        for (quiet_sweeps, looks) in [(0, 60), (1, 30), (2, 15), (3, 10), (200, 10)] {
            for key in 0..20 {
                let found = (0..60).filter(|number| Sweep::Lively(*number).is_for(key, quiet_sweeps)).count();
                assert_eq!(found, looks, "after {quiet_sweeps} quiet sweeps");
            }
        }
        assert!((0..20).all(|key| Sweep::All.is_for(key, 200)));
    }
}

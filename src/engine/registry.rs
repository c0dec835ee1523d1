//! Which files there are, and whose turn it is.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lru::LruCache;

use crate::detect::Millis;
use crate::engine::plan::Compiled;
use crate::file::settings::FileSettings;
use crate::file::tail::{Probe, Tail};

/// The number of a watched path, never used again for another.
pub type FileKey = u64;

/// A path at which nothing has been for this long is forgotten, with its counts, in milliseconds.
const FORGET_AFTER_MS: Millis = 24 * 3600 * 1000;

/// Windows that were not used for this long are unmapped by the next sweep, in milliseconds.
const WINDOW_IDLE_MS: Millis = 5_000;

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
}

/// All watched paths.
pub struct Registry {
    plan: Arc<Compiled>,
    slots: HashMap<FileKey, Slot>,
    by_path: HashMap<(usize, PathBuf), FileKey>,
    ready: VecDeque<FileKey>,
    running: usize,
    held: bool,
    stopped: bool,
    draining: HashSet<FileKey>,
    windows: LruCache<FileKey, ()>,
    next_key: FileKey,
}

impl Registry {
    pub(super) fn new(plan: Arc<Compiled>) -> Registry {
        Registry {
            plan,
            slots: HashMap::new(),
            by_path: HashMap::new(),
            ready: VecDeque::new(),
            running: 0,
            held: false,
            stopped: false,
            draining: HashSet::new(),
            windows: LruCache::unbounded(),
            next_key: 1,
        }
    }

    pub(super) fn file_settings(&self, watch: usize) -> FileSettings {
        self.plan.watches.get(watch).map(|watch| watch.file).unwrap_or_default()
    }

    pub(super) fn add(&mut self, watch: usize, path: &Path, tail: impl FnOnce(FileKey) -> Tail) -> FileKey {
        if let Some(key) = self.by_path.get(&(watch, path.to_owned())).copied() {
            self.enqueue(key);
            return key;
        }
        let key = self.next_key;
        self.next_key += 1;
        let slot = Slot {
            watch,
            path: path.to_owned(),
            phase: Phase::Idle,
            tail: Some(Box::new(tail(key))),
            status: Status::default(),
            gone_since: None,
            used: 0,
        };
        self.slots.insert(key, slot);
        self.by_path.insert((watch, path.to_owned()), key);
        self.enqueue(key);
        key
    }

    /// Puts a file into the queue. True if a worker should be woken for it.
    pub(super) fn enqueue(&mut self, key: FileKey) -> bool {
        let Some(slot) = self.slots.get_mut(&key) else { return false };
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
            self.enqueue(key);
        }
    }

    pub(super) fn enqueue_draining(&mut self) -> usize {
        let keys: Vec<FileKey> = self.draining.iter().copied().collect();
        keys.into_iter().filter(|key| self.enqueue(*key)).count()
    }

    pub(super) fn has_draining(&self) -> bool {
        !self.draining.is_empty()
    }

    /// The next turn, if there is one now.
    pub(super) fn take(&mut self) -> Option<Job> {
        if self.held {
            return None;
        }
        let key = self.ready.pop_front()?;
        let slot = self.slots.get_mut(&key)?;
        let tail = slot.tail.take()?;
        slot.phase = Phase::Running;
        self.running += 1;
        Some(Job { key, watch: slot.watch, tail, plan: Arc::clone(&self.plan) })
    }

    /// Takes a tail back after its turn. True if another turn of it is due.
    pub(super) fn give_back(
        &mut self,
        job: Job,
        more: bool,
        draining: bool,
        now: Millis,
        windows_max: usize,
    ) -> bool {
        let Job { key, tail, .. } = job;
        self.running -= 1;
        let Some(slot) = self.slots.get_mut(&key) else { return false };
        let (offset, size) = tail.position().unwrap_or_default();
        let trouble = tail.trouble().map(str::to_owned);
        slot.status = Status { offset, size, generation: tail.generation(), trouble };
        slot.gone_since = tail.is_gone().then(|| slot.gone_since.unwrap_or(now));
        slot.used = now;
        let again = more || slot.phase == Phase::RunningAgain;
        slot.phase = if again { Phase::Queued } else { Phase::Idle };
        if tail.holds_window() {
            self.windows.put(key, ());
        } else {
            self.windows.pop(&key);
        }
        slot.tail = Some(tail);
        if again {
            self.ready.push_back(key);
        }
        if draining {
            self.draining.insert(key);
        } else {
            self.draining.remove(&key);
        }
        self.unmap_surplus(windows_max);
        again
    }

    /// Looks after an idle file in a sweep: gives up a window that nobody uses, and gives what tells whether a turn is
    /// due. `None` if its turn comes anyway.
    pub(super) fn probe(&mut self, key: FileKey, now: Millis) -> Option<Probe> {
        let slot = self.slots.get_mut(&key).filter(|slot| slot.phase == Phase::Idle)?;
        let tail = slot.tail.as_mut()?;
        if now - slot.used > WINDOW_IDLE_MS && tail.holds_window() {
            tail.release();
            self.windows.pop(&key);
        }
        Some(tail.probe())
    }

    /// Forgets a file that has been gone for long. True if it was.
    pub(super) fn forget_if_gone(&mut self, key: FileKey, now: Millis) -> bool {
        let is_old = |since| now - since > FORGET_AFTER_MS;
        let gone = |slot: &Slot| slot.phase == Phase::Idle && slot.gone_since.is_some_and(is_old);
        let forgotten = self.slots.get(&key).is_some_and(gone);
        if forgotten {
            self.remove(key);
        }
        forgotten
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

    /// Goes over to another plan; nothing is running. Gives the files whose watch is gone.
    pub(super) fn replan(&mut self, plan: Arc<Compiled>, renumbered: &[Option<usize>]) -> HashSet<FileKey> {
        self.plan = plan;
        let mut gone = HashSet::new();
        for key in self.keys() {
            let Some(slot) = self.slots.get_mut(&key) else { continue };
            let Some(watch) = renumbered.get(slot.watch).copied().flatten() else {
                gone.insert(key);
                continue;
            };
            slot.watch = watch;
            if let Some(tail) = &mut slot.tail {
                tail.set_settings(self.plan.watches[watch].file);
            }
        }
        self.remove_all(&gone);
        self.by_path = self.slots.iter().map(|(key, slot)| ((slot.watch, slot.path.clone()), *key)).collect();
        gone
    }

    pub(super) fn remove_all(&mut self, keys: &HashSet<FileKey>) {
        for key in keys {
            self.remove(*key);
        }
    }

    fn remove(&mut self, key: FileKey) {
        if let Some(mut slot) = self.slots.remove(&key) {
            if let Some(tail) = &mut slot.tail {
                tail.close();
            }
            self.by_path.remove(&(slot.watch, slot.path));
        }
        self.windows.pop(&key);
        self.draining.remove(&key);
        self.ready.retain(|ready| *ready != key);
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

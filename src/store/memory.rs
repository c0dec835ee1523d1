//! Stores for tests: one in memory that outlives its owner, and one that fails when it is told to.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Batch, CheckpointStore, FileRecord, Limits, RuleTotal, StoreError, StoredState, WatchedPath};
use super::{TransitionRecord, WatchRecord};
use crate::alert::manager::SavedAlert;
use crate::detect::Millis;

/// What is in a [`MemoryStore`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Memory {
    /// What `load` gives.
    pub state: StoredState,
    /// Matching lines by minute, path and rule. Nothing is pruned from it.
    pub minutes: BTreeMap<(i64, WatchedPath, String), u64>,
    /// The transitions, in order.
    pub outbox: Vec<TransitionRecord>,
    unwatched_since: HashMap<WatchedPath, Millis>,
    is_lost: bool,
}

/// Keeps state as [`SqliteStore`](super::sqlite::SqliteStore) does, but in memory. Clones share what is in it: keep one to
/// let a second engine go on where the first was dropped.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    memory: Arc<Mutex<Memory>>,
    limits: Limits,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new(limits: Limits) -> MemoryStore {
        MemoryStore { memory: Arc::default(), limits }
    }

    /// A copy of what is in it.
    #[must_use]
    pub fn memory(&self) -> Memory {
        self.locked().clone()
    }

    /// Empties it as when a database turns out to be damaged: the next commit gives [`StoreError::BegunAnew`].
    pub fn lose(&self) {
        *self.locked() = Memory { is_lost: true, ..Memory::default() };
    }

    fn locked(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CheckpointStore for MemoryStore {
    fn load(&mut self) -> Result<StoredState, StoreError> {
        let mut memory = self.locked();
        memory.is_lost = false;
        Ok(memory.state.clone())
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let mut memory = self.locked();
        if std::mem::take(&mut memory.is_lost) {
            return Err(StoreError::BegunAnew { folder: folder(), reason: "it was emptied".to_owned() });
        }
        memory.apply(batch, &self.limits);
        Ok(())
    }

    fn prune(&mut self, watched: &HashSet<WatchedPath>, now_ms: Millis) -> Result<(), StoreError> {
        self.locked().prune(watched, now_ms, Millis::from(self.limits.unwatched_days) * 86_400_000);
        Ok(())
    }
}

fn folder() -> PathBuf {
    PathBuf::from("(memory)")
}

impl Memory {
    fn apply(&mut self, batch: &Batch, limits: &Limits) {
        let state = &mut self.state;
        state.files.retain(|file| !batch.forgotten.contains(&file.id));
        for file in &batch.files {
            self.unwatched_since.remove(&file.id);
            put(&mut state.files, in_order(file), |file: &FileRecord| file.id.clone());
        }
        for mark in &batch.marks {
            state.marks.retain(|other| (&other.watch, other.identity) != (&mark.watch, mark.identity));
            state.marks.push(mark.clone());
        }
        drop_oldest(&mut state.marks, limits.marks_max);
        state.alerts.retain(|alert| !batch.ended_alerts.contains(&alert.id));
        for alert in &batch.alerts {
            put(&mut state.alerts, alert.clone(), |alert: &SavedAlert| alert.id.clone());
        }
        for watch in &batch.watches {
            put(&mut state.watches, watch.clone(), |watch: &WatchRecord| {
                (watch.watch.clone(), watch.paths.clone())
            });
        }
        for minute in &batch.minutes {
            let key = (minute.minute, minute.file.clone(), minute.rule.clone());
            *self.minutes.entry(key).or_default() += minute.matched;
        }
        for transition in &batch.transitions {
            let key = |t: &TransitionRecord| (t.event.fingerprint.clone(), t.at_ms, t.event.state);
            if !self.outbox.iter().any(|other| key(other) == key(transition)) {
                self.outbox.push(transition.clone());
                let pending = batch.outputs.iter().map(|output| (output.clone(), transition.clone()));
                state.pending.extend(pending);
            }
        }
        for delivered in &batch.delivered {
            state.pending.retain(|(output, t)| {
                let of = (output, &t.event.fingerprint, t.at_ms, t.event.state);
                of != (&delivered.output, &delivered.fingerprint, delivered.at_ms, delivered.state)
            });
        }
        drop_oldest(&mut self.outbox, usize::try_from(limits.outbox_rows_max).unwrap_or(usize::MAX));
        state.pending.retain(|(_, transition)| self.outbox.contains(transition));
        state.pending.sort_by(|(a, _), (b, _)| a.cmp(b));
        let is_last = |at: usize, t: &TransitionRecord| {
            !self.outbox[at + 1..].iter().any(|later| later.event.fingerprint == t.event.fingerprint)
        };
        let firing = self.outbox.iter().enumerate().filter(|(at, t)| t.event.is_firing() && is_last(*at, t));
        state.firing = firing.map(|(_, t)| t.clone()).collect();
    }

    fn prune(&mut self, watched: &HashSet<WatchedPath>, now_ms: Millis, longest_ms: Millis) {
        let Memory { state, unwatched_since, .. } = self;
        let mut gone = HashSet::new();
        for id in state.files.iter().map(|file| &file.id) {
            if watched.contains(id) {
                unwatched_since.remove(id);
                continue;
            }
            let since = unwatched_since.entry(id.clone()).or_insert(now_ms);
            *since = now_ms.min(*since);
            if now_ms - *since >= longest_ms && *since != now_ms {
                gone.insert(id.clone());
            }
        }
        unwatched_since.retain(|id, _| !gone.contains(id));
        state.files.retain(|file| !gone.contains(&file.id));
        let is_gone = |alert: &SavedAlert| {
            let of = alert.id.path.clone().map(|path| WatchedPath { watch: alert.id.watch.clone(), path });
            of.is_some_and(|id| gone.contains(&id))
        };
        state.alerts.retain(|alert| !is_gone(alert));
    }
}

/// Puts `item` into a list that is sorted by `key`, in place of the one with the same key.
fn put<T, K: Ord>(list: &mut Vec<T>, item: T, key: impl Fn(&T) -> K) {
    match list.binary_search_by(|other| key(other).cmp(&key(&item))) {
        Ok(at) => list[at] = item,
        Err(at) => list.insert(at, item),
    }
}

/// The record with its totals in the order of their names, of equal ones the last.
fn in_order(file: &FileRecord) -> FileRecord {
    let totals: BTreeMap<&String, &RuleTotal> =
        file.totals.iter().map(|total| (&total.rule, total)).collect();
    FileRecord { totals: totals.into_values().cloned().collect(), ..file.clone() }
}

fn drop_oldest<T>(list: &mut Vec<T>, max: usize) {
    list.drain(..list.len().saturating_sub(max));
}

/// When a call of a [`FailingStore`] fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Before anything is done.
    Before,
    /// After all is done: the caller cannot know.
    After,
}

/// Fails when it is told to, and otherwise does as the store within. Calls of `load` and `commit` are counted.
#[derive(Debug)]
pub struct FailingStore<S> {
    inner: S,
    calls: u64,
    failures: BTreeMap<u64, Failure>,
}

impl<S: CheckpointStore> FailingStore<S> {
    /// A store whose n-th call fails for each n in `failures`. The first call has the number 1.
    pub fn new(inner: S, failures: impl IntoIterator<Item = (u64, Failure)>) -> FailingStore<S> {
        FailingStore { inner, calls: 0, failures: failures.into_iter().collect() }
    }

    /// How many calls there were.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls
    }

    fn call<T>(&mut self, work: impl FnOnce(&mut S) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.calls += 1;
        let failure = self.failures.get(&self.calls);
        let error = || StoreError::Full { folder: folder(), reason: format!("call {} fails", self.calls) };
        match failure {
            None => work(&mut self.inner),
            Some(Failure::Before) => Err(error()),
            Some(Failure::After) => {
                work(&mut self.inner)?;
                Err(error())
            }
        }
    }
}

impl<S: CheckpointStore> CheckpointStore for FailingStore<S> {
    fn load(&mut self) -> Result<StoredState, StoreError> {
        self.call(S::load)
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.call(|inner| inner.commit(batch))
    }

    fn prune(&mut self, watched: &HashSet<WatchedPath>, now_ms: Millis) -> Result<(), StoreError> {
        self.inner.prune(watched, now_ms)
    }

    fn notices(&mut self) -> Vec<String> {
        self.inner.notices()
    }
}

//! Workers and turns: the only place where the steps of a turn meet.
//!
//! [`Engine`] keeps a slot per watched path and a queue of those that may have changed. Workers take a slot, let its
//! [`Tail`](crate::file::tail::Tail) take one turn, and hand what it found to the [`book::Book`], which counts, evaluates
//! and emits. The ticker thread does what is due by time alone: late counts, resolving, former files.

mod alarms;
pub mod book;
pub mod clock;
mod committer;
mod odd_stamps;
mod open_files;
pub mod plan;
pub mod recent;
pub mod registry;
pub mod settings;
mod shelf;
pub mod slot;
pub mod stepper;
mod sweep;
mod ticker;
pub mod view;
mod worker;
pub mod world;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::detect::Millis;
use crate::engine::book::{Book, Figures};
use crate::engine::clock::Clock;
use crate::engine::committer::{Commits, Committer};
use crate::engine::plan::{Compiled, CompiledWatch};
use crate::engine::registry::Registry;
use crate::engine::settings::{EngineSettings, Plan};
use crate::engine::slot::{Cause, FileKey, Removed, Status};
use crate::engine::sweep::Sweep;
use crate::engine::view::{Durations, View};
use crate::engine::world::World;
use crate::file::tail::Origin;
use crate::scan::rules::PatternError;
use crate::store::{Batch, FileId, State, WatchRecord};

pub use worker::Scanners;

/// The running engine. Dropping it without [`Engine::stop`] leaves its threads running.
pub struct Engine {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    committing: Option<JoinHandle<()>>,
}

/// A handle through which hints reach the engine.
#[derive(Clone)]
pub struct Hints(Arc<Shared>);

/// Figures about the engine as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Health {
    /// Watched paths.
    pub files: usize,
    /// Scans that were thrown away because the file changed under them.
    pub torn_scans: u64,
}

/// How one watched path stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileReport {
    /// Its number.
    pub key: FileKey,
    /// Name of its watch.
    pub watch: String,
    /// The path.
    pub path: PathBuf,
    /// What was counted.
    pub figures: Figures,
    /// Where reading stands.
    pub status: Status,
}

struct Shared {
    settings: EngineSettings,
    clock: Clock,
    registry: Mutex<Registry>,
    /// Since when each watch has had its paths, in nanoseconds since the epoch, if that was before the start.
    watched_since: Mutex<Vec<WatchRecord>>,
    /// For the turns of whoever brings news from the kernel.
    scanners: Mutex<worker::Scanners>,
    /// Signalled when a slot becomes ready, or the engine stops.
    work: Condvar,
    /// Signalled when no worker is busy.
    idle: Condvar,
    book: Mutex<Book>,
    ticks: Mutex<Ticks>,
    /// Signalled when the ticker has something to do.
    tick: Condvar,
    commits: Mutex<Commits>,
    /// Signalled when the committer has something to do.
    commit: Condvar,
    torn_scans: AtomicU64,
    sweeps: AtomicU64,
    turns: Durations,
    commit_times: Durations,
    /// Why the state cannot be kept.
    state_trouble: Mutex<Option<String>>,
    /// Whether all files that there were at the start have been added.
    is_discovered: AtomicBool,
    /// Whether all of them have been read.
    was_read: AtomicBool,
}

#[derive(Default)]
struct Ticks {
    /// When something has to be done next, in milliseconds on the engine's time line.
    next: Option<Millis>,
    stop: bool,
}

impl Engine {
    /// Starts workers, ticker and committer over what the store of `world` remembers.
    ///
    /// # Errors
    /// If a rule of the plan cannot be compiled.
    pub fn start(settings: EngineSettings, plan: &Plan, world: World) -> Result<Engine, PatternError> {
        let courier = world.courier.clone();
        let (shared, committer) = Shared::new(settings, &Arc::new(Compiled::new(plan)?), world);
        let shared = Arc::new(shared);
        if let Some(courier) = courier {
            let shared = Arc::downgrade(&shared);
            courier.on_delivered(Box::new(move || {
                if let Some(shared) = shared.upgrade() {
                    shared.want_commit(false);
                }
            }));
        }
        let mut threads = Vec::new();
        for n in 0..settings.workers {
            let shared = Arc::clone(&shared);
            threads.extend(spawn(&format!("worker-{n}"), move || worker::run(&shared)));
        }
        let ticking = Arc::clone(&shared);
        threads.extend(spawn("ticker", move || ticker::run(&ticking)));
        let committing = committer.and_then(|committer| {
            let shared = Arc::clone(&shared);
            spawn("committer", move || committer::run(&shared, committer))
        });
        Ok(Engine { shared, threads, committing })
    }

    /// A handle for whoever finds files and hears of changes.
    #[must_use]
    pub fn hints(&self) -> Hints {
        Hints(Arc::clone(&self.shared))
    }

    /// Waits until everything that was known to be new has been read, at most for `limit`. True if it was.
    #[must_use]
    pub fn settle(&self, limit: Duration) -> bool {
        let registry = self.shared.registry();
        let (registry, timeout) = self
            .shared
            .idle
            .wait_timeout_while(registry, limit, |registry| !registry.is_idle())
            .unwrap_or_else(PoisonError::into_inner);
        drop(registry);
        !timeout.timed_out()
    }

    /// Commits everything that has changed so far, and waits for it, at most for `limit`.
    pub fn commit(&self, limit: Duration) {
        if self.committing.is_none() {
            return;
        }
        let mut commits = lock(&self.shared.commits);
        (commits.due, commits.urgent) = (true, true);
        commits.asked += 1;
        let asked = commits.asked;
        self.shared.commit.notify_all();
        let _ = self
            .shared
            .commit
            .wait_timeout_while(commits, limit, |commits| commits.answered < asked)
            .unwrap_or_else(PoisonError::into_inner);
    }

    /// Goes over to another plan between turns. Files that both plans watch are read on where they stand, and rules of
    /// the same name go on from their totals. `renumbered[old]` is the new number of each old watch that stays.
    ///
    /// # Errors
    /// If a rule cannot be compiled; then nothing changes.
    pub fn reload(&self, plan: &Plan, renumbered: &[Option<usize>]) -> Result<(), PatternError> {
        let compiled = Arc::new(Compiled::new(plan)?);
        let mut registry = self.shared.held();
        let removed = registry.replan(Arc::clone(&compiled), renumbered);
        let left =
            self.shared.book().replan(Arc::clone(&compiled), renumbered, removed, self.shared.clock.now());
        left.into_iter().for_each(|record| registry.shelve(record));
        let known = std::mem::take(&mut *lock(&self.shared.watched_since));
        self.shared.note_watches(&compiled, known);
        self.shared.release(registry);
        Ok(())
    }

    /// Drops the files that are not among `wanted`, though something is at their path: no watch means them any longer.
    /// What was counted of them is emitted.
    pub fn retain(&self, wanted: &HashSet<FileKey>) {
        let candidates: Vec<_> = {
            let registry = self.shared.registry();
            let unwanted = registry.slots().filter(|(key, _)| !wanted.contains(key));
            unwanted.map(|(key, slot)| (key, slot.path().to_owned())).collect()
        };
        // A file that was rotated away is still to be read to its end.
        let gone: HashSet<_> =
            candidates.into_iter().filter(|(_, path)| path.exists()).map(|(key, _)| key).collect();
        if gone.is_empty() {
            return;
        }
        let mut registry = self.shared.held();
        let removed = registry.remove_all(&gone);
        for removed in removed {
            if let Some(record) = self.shared.book().leave(removed, self.shared.clock.now()) {
                registry.shelve(record);
            }
        }
        self.shared.release(registry);
    }

    /// What others may see.
    #[must_use]
    pub fn view(&self) -> View {
        View(Arc::clone(&self.shared))
    }

    /// Emits a status event for every file.
    pub fn emit_status(&self) {
        let registry = self.shared.registry();
        let mut book = self.shared.book();
        for (key, slot) in registry.slots() {
            book.emit_status(key, slot.watch(), slot.path(), &registry.status(key));
        }
    }

    /// Figures about the engine as a whole.
    #[must_use]
    pub fn health(&self) -> Health {
        let files = self.shared.registry().len();
        Health { files, torn_scans: self.shared.torn_scans.load(Ordering::Relaxed) }
    }

    /// Looks at every file once more, finishes, emits what was not emitted yet, and stops. Takes at most about `limit`.
    pub fn stop(self, limit: Duration) {
        self.hints().look_at_all();
        let _ = self.settle(limit);
        self.shared.registry().stop();
        self.shared.work.notify_all();
        {
            let mut ticks = lock(&self.shared.ticks);
            ticks.stop = true;
            self.shared.tick.notify_all();
        }
        for thread in self.threads {
            let _ = thread.join();
        }
        self.shared.book().flush(self.shared.clock.now());
        lock(&self.shared.commits).stop = true;
        self.shared.commit.notify_all();
        if let Some(committing) = self.committing {
            let _ = committing.join();
        }
    }
}

impl Hints {
    /// Adds a path to watch number `watch`. Gives its key; a path that the watch has already keeps its own.
    pub fn add(&self, watch: usize, path: &Arc<Path>, origin: Origin) -> FileKey {
        let shared = &self.0;
        let origin = if origin == Origin::Existing { shared.came_meanwhile(watch) } else { origin };
        let (key, record) = {
            let mut registry = shared.registry();
            let (key, record) = registry.add(watch, path, origin);
            // Before any turn of it is taken.
            let since_ms = shared.watched_since_ms(registry.watch(watch));
            let later =
                record.is_some_and(|record| shared.book().restore(key, watch, path, &record, since_ms));
            (key, later)
        };
        shared.work.notify_one();
        if record {
            shared.wake_ticker(shared.clock.now());
        }
        key
    }

    /// Takes up the paths that are remembered but were not found, if they are `wanted` still: their files were rotated
    /// away or removed meanwhile. Says too that all files that there are were added.
    pub fn adopt(&self, wanted: impl Fn(&FileId) -> bool) {
        let paths = self.0.registry().remembered(wanted);
        for (watch, path) in paths {
            self.add(watch, &Arc::from(path), Origin::Appeared);
        }
        self.0.is_discovered.store(true, Ordering::Relaxed);
        self.0.note_if_all_is_read(&self.0.registry());
    }

    /// Says that these files changed, because the kernel told so just now. If it had nothing else to tell, whoever brings
    /// the news reads what is new himself: that takes no longer than to wake a worker.
    pub fn heard(&self, keys: &[FileKey], is_alone: bool) {
        let mut scanners = is_alone.then(|| lock(&self.0.scanners));
        self.heard_by(keys, scanners.as_deref_mut());
    }

    fn heard_by(&self, keys: &[FileKey], scanners: Option<&mut worker::Scanners>) {
        let now = self.0.clock.now();
        let Some(scanners) = scanners else { return self.queue(keys, Cause::Event(now)) };
        for key in keys {
            if !worker::at_once(&self.0, scanners, *key, now) {
                self.queue(&[*key], Cause::Event(now));
            }
        }
    }

    /// Says that these files may have changed, some time or other.
    pub fn look(&self, keys: &[FileKey]) {
        self.queue(keys, Cause::Other);
    }

    fn queue(&self, keys: &[FileKey], cause: Cause) {
        let mut registry = self.0.registry();
        let queued = keys.iter().filter(|key| registry.enqueue(**key, cause)).count();
        drop(registry);
        for _ in 0..queued {
            self.0.work.notify_one();
        }
    }

    /// Says that every file may have changed.
    pub fn look_at_all(&self) {
        self.0.registry().enqueue_all();
        self.0.work.notify_all();
    }

    /// Looks at the stat of every file, or of those that were not quiet for long and some of the others, and queues those
    /// where it tells of a change. Forgets files that are gone for good, and gives up windows that nobody uses. Gives the keys
    /// that were forgotten.
    pub fn sweep(&self, everything: bool) -> HashSet<FileKey> {
        let now = self.0.clock.now();
        let number = self.0.sweeps.fetch_add(1, Ordering::Relaxed);
        let sweep = if everything { Sweep::All } else { Sweep::Lively(number) };
        let keys = self.0.registry().keys();
        let mut forgotten: Vec<Removed> = Vec::new();
        for keys in keys.chunks(256) {
            let probes: Vec<_> = {
                let mut registry = self.0.registry();
                keys.iter().filter_map(|key| Some((*key, registry.probe(*key, now, sweep)?))).collect()
            };
            // Outside of the lock: a dead network filesystem may hold up a stat for minutes.
            let (due, quiet): (Vec<_>, Vec<_>) =
                probes.into_iter().partition(|(_, probe)| probe.needs_turn());
            let due: Vec<FileKey> = due.into_iter().map(|(key, _)| key).collect();
            self.queue(&due, Cause::Other);
            let mut registry = self.0.registry();
            forgotten.extend(quiet.iter().filter_map(|(key, _)| registry.was_quiet(*key, now)));
        }
        let keys = forgotten.iter().map(|removed| removed.key).collect();
        if !forgotten.is_empty() {
            self.0.book().forget(forgotten, now);
            self.0.want_commit(false);
        }
        keys
    }
}

impl Shared {
    fn new(settings: EngineSettings, plan: &Arc<Compiled>, world: World) -> (Shared, Option<Committer>) {
        let World { filesystem, clock, store, courier } = world;
        let is_kept = store.is_some();
        let mut store = store;
        let mut state = store.as_mut().map_or_else(State::default, |store| committer::load(&mut **store));
        if let Some(courier) = &courier {
            courier.restore(std::mem::take(&mut state.pending), state.firing.clone());
        }
        let mut registry = Registry::new(Arc::clone(plan), filesystem);
        registry.restore(state.files, &state.marks);
        let mut book = Book::new(Arc::clone(plan), settings.report_interval_ms, is_kept, clock.clone());
        book.restore_alerts(state.alerts, state.firing);
        let shared = Shared {
            settings,
            clock,
            registry: Mutex::new(registry),
            watched_since: Mutex::default(),
            scanners: Mutex::default(),
            work: Condvar::new(),
            idle: Condvar::new(),
            book: Mutex::new(book),
            ticks: Mutex::new(Ticks { next: Some(Millis::MIN), stop: false }),
            tick: Condvar::new(),
            commits: Mutex::default(),
            commit: Condvar::new(),
            torn_scans: AtomicU64::new(0),
            sweeps: AtomicU64::new(0),
            turns: Durations::default(),
            commit_times: Durations::default(),
            state_trouble: Mutex::default(),
            is_discovered: AtomicBool::new(false),
            was_read: AtomicBool::new(false),
        };
        shared.note_watches(plan, state.watches);
        (shared, store.map(|store| Committer::new(store, courier)))
    }

    /// Remembers since when the watches of `plan` have had their paths; `known` is what is known of that.
    fn note_watches(&self, plan: &Compiled, known: Vec<WatchRecord>) {
        let is_known = |name: &str, paths: &str| known.iter().any(|w| w.watch == name && w.paths == paths);
        let fresh = plan.watches.iter().filter(|watch| !is_known(&watch.name, &watch.paths));
        let fresh: Vec<_> = fresh
            .map(|watch| WatchRecord {
                watch: watch.name.clone(),
                paths: watch.paths.clone(),
                since_ns: self.clock.wall_ns(),
            })
            .collect();
        if !fresh.is_empty() {
            self.book().note_watches(fresh);
            self.want_commit(false);
        }
        *lock(&self.watched_since) = known;
    }

    /// What a file that is there at the start, and of which nothing is remembered, has to do with the time before: if the
    /// watch was kept then, the file came while no daemon ran. Whatever was there at the first start is remembered.
    fn came_meanwhile(&self, watch: usize) -> Origin {
        let registry = self.registry();
        let since = self.watched_since_ns(registry.watch(watch));
        since.map_or(Origin::Existing, |since_ns| Origin::CameMeanwhile { since_ns })
    }

    fn watched_since_ns(&self, watch: &CompiledWatch) -> Option<i64> {
        let known = lock(&self.watched_since);
        let is_it = |known: &&WatchRecord| known.watch == watch.name && known.paths == watch.paths;
        known.iter().find(is_it).map(|known| known.since_ns)
    }

    /// Since when a watch has had its paths, on the engine's time line: at the latest now.
    fn watched_since_ms(&self, watch: &CompiledWatch) -> Millis {
        let now = self.clock.now();
        let since_ns = self.watched_since_ns(watch);
        since_ns.map_or(now, |since_ns| (since_ns / 1_000_000 - self.clock.shift_ms()).min(now))
    }

    /// Tells the book once that all files which were there at the start have been read.
    fn note_if_all_is_read(&self, registry: &Registry) {
        let is_first = self.is_discovered.load(Ordering::Relaxed)
            && registry.is_idle()
            && !self.was_read.swap(true, Ordering::Relaxed);
        if is_first {
            self.book().all_is_read();
            self.wake_ticker(self.clock.now());
        }
    }

    /// A batch with everything that is to be remembered.
    fn everything(&self) -> Batch {
        let registry = self.held();
        let tails = registry.records();
        let mut book = self.book();
        book.change_all(tails);
        let batch = book.take_batch(self.clock.now());
        drop(book);
        self.release(registry);
        batch
    }

    fn files(&self) -> Vec<FileReport> {
        let registry = self.registry();
        let book = self.book();
        let report = |(key, slot): (FileKey, &slot::Slot)| FileReport {
            key,
            watch: registry.watch(slot.watch()).name.clone(),
            path: slot.path().to_owned(),
            figures: book.figures(key).unwrap_or_default(),
            status: registry.status(key),
        };
        registry.slots().map(report).collect()
    }

    /// The registry, once no turn is running; none begins until it is released.
    fn held(&self) -> MutexGuard<'_, Registry> {
        let mut registry = self.registry();
        registry.hold(true);
        self.idle.wait_while(registry, |registry| registry.is_busy()).unwrap_or_else(PoisonError::into_inner)
    }

    fn release(&self, mut registry: MutexGuard<'_, Registry>) {
        registry.hold(false);
        drop(registry);
        self.work.notify_all();
    }

    fn want_commit(&self, urgent: bool) {
        let mut commits = lock(&self.commits);
        let is_new = !commits.due || (urgent && !commits.urgent);
        (commits.due, commits.urgent) = (true, commits.urgent | urgent);
        if is_new {
            self.commit.notify_all();
        }
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        lock(&self.registry)
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        lock(&self.book)
    }

    fn wake_ticker(&self, at: Millis) {
        let mut ticks = lock(&self.ticks);
        if ticks.next.is_none_or(|next| at < next) {
            ticks.next = Some(at);
            self.tick.notify_one();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Option<JoinHandle<()>> {
    match std::thread::Builder::new().name(name.to_owned()).spawn(body) {
        Ok(thread) => Some(thread),
        Err(error) => {
            tracing::error!("cannot start the thread {name}: {error}; raise the limit of tasks (TasksMax=)");
            None
        }
    }
}

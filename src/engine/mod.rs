//! Workers and turns: the only place where the steps of a turn meet.
//!
//! [`Engine`] keeps a slot per watched path and a queue of those that may have changed. Workers take a slot, let its
//! [`Tail`](crate::file::tail::Tail) take one turn, and hand what it found to the [`book::Book`], which counts, evaluates
//! and emits. The ticker thread does what is due by time alone: late counts, resolving, former files.

pub mod book;
pub mod clock;
pub mod plan;
pub mod registry;
pub mod settings;
mod ticker;
mod worker;

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::engine::book::Book;
use crate::engine::clock::Clock;
use crate::engine::plan::Compiled;
use crate::engine::registry::{FileKey, Registry};
use crate::engine::settings::{EngineSettings, Plan};
use crate::file::claims::Claims;
use crate::file::tail::{Origin, Tail};
use crate::scan::rules::PatternError;

/// The running engine. Dropping it without [`Engine::stop`] leaves its threads running.
pub struct Engine {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
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

struct Shared {
    settings: EngineSettings,
    clock: Clock,
    claims: Arc<Claims>,
    registry: Mutex<Registry>,
    /// Signalled when a slot becomes ready, or the engine stops.
    work: Condvar,
    /// Signalled when no worker is busy and nothing is ready.
    idle: Condvar,
    book: Mutex<Book>,
    ticks: Mutex<Ticks>,
    /// Signalled when the ticker has something to do.
    tick: Condvar,
    torn_scans: AtomicU64,
}

#[derive(Default)]
struct Ticks {
    due: bool,
    stop: bool,
}

impl Engine {
    /// Starts workers and ticker over an empty set of files.
    ///
    /// # Errors
    /// If a rule of the plan cannot be compiled.
    pub fn start(settings: EngineSettings, plan: &Plan) -> Result<Engine, PatternError> {
        let clock = Clock::new();
        let compiled = Arc::new(Compiled::new(plan)?);
        let shared = Arc::new(Shared {
            settings,
            clock,
            claims: Arc::new(Claims::default()),
            registry: Mutex::new(Registry::new(Arc::clone(&compiled))),
            work: Condvar::new(),
            idle: Condvar::new(),
            book: Mutex::new(Book::new(compiled, settings.report_interval_ms)),
            ticks: Mutex::new(Ticks::default()),
            tick: Condvar::new(),
            torn_scans: AtomicU64::new(0),
        });
        let mut threads = Vec::new();
        for n in 0..settings.workers {
            let shared = Arc::clone(&shared);
            threads.extend(spawn(&format!("worker-{n}"), move || worker::run(&shared)));
        }
        let ticking = Arc::clone(&shared);
        threads.extend(spawn("ticker", move || ticker::run(&ticking)));
        Ok(Engine { shared, threads })
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

    /// Goes over to another plan between turns. Files that both plans watch are read on where they stand, and rules of
    /// the same name go on from their totals. `renumbered[old]` is the new number of each old watch that stays.
    ///
    /// # Errors
    /// If a rule cannot be compiled; then nothing changes.
    pub fn reload(&self, plan: &Plan, renumbered: &[Option<usize>]) -> Result<(), PatternError> {
        let compiled = Arc::new(Compiled::new(plan)?);
        let mut registry = self.held();
        let gone = registry.replan(Arc::clone(&compiled), renumbered);
        self.shared.book().replan(compiled, renumbered, &gone, self.shared.clock.now());
        registry.hold(false);
        drop(registry);
        self.shared.work.notify_all();
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
        let mut registry = self.held();
        registry.remove_all(&gone);
        self.shared.book().forget(&gone, self.shared.clock.now());
        registry.hold(false);
        drop(registry);
        self.shared.work.notify_all();
    }

    /// The registry, once no turn is running; none begins until it is released.
    fn held(&self) -> MutexGuard<'_, Registry> {
        let mut registry = self.shared.registry();
        registry.hold(true);
        self.shared
            .idle
            .wait_while(registry, |registry| registry.is_busy())
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Emits a status event for every file.
    pub fn emit_status(&self) {
        let registry = self.shared.registry();
        let mut book = self.shared.book();
        for (key, slot) in registry.slots() {
            book.emit_status(key, slot.watch(), slot.path(), slot.status());
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
    }
}

impl Hints {
    /// Adds a path to watch number `watch`. Gives its key; a path that the watch has already keeps its own.
    pub fn add(&self, watch: usize, path: &Path, origin: Origin) -> FileKey {
        let mut registry = self.0.registry();
        let (claims, settings) = (Arc::clone(&self.0.claims), registry.file_settings(watch));
        let key = registry.add(watch, path, |key| Tail::new(key, path.to_owned(), settings, claims, origin));
        drop(registry);
        self.0.work.notify_one();
        key
    }

    /// Says that these files may have changed.
    pub fn look(&self, keys: &[FileKey]) {
        let mut registry = self.0.registry();
        let queued = keys.iter().filter(|key| registry.enqueue(**key)).count();
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

    /// Looks at every file's stat, and queues those where it tells of a change. Forgets files that are gone for good, and
    /// gives up windows that nobody uses. Gives the keys that were forgotten.
    pub fn sweep(&self) -> HashSet<FileKey> {
        let now = self.0.clock.now();
        let keys = self.0.registry().keys();
        let mut forgotten = HashSet::new();
        for keys in keys.chunks(256) {
            let probes: Vec<_> = {
                let mut registry = self.0.registry();
                keys.iter().filter_map(|key| Some((*key, registry.probe(*key, now)?))).collect()
            };
            // Outside of the lock: a dead network filesystem may hold up a stat for minutes.
            let (due, quiet): (Vec<_>, Vec<_>) =
                probes.into_iter().partition(|(_, probe)| probe.needs_turn());
            let due: Vec<FileKey> = due.into_iter().map(|(key, _)| key).collect();
            self.look(&due);
            let mut registry = self.0.registry();
            forgotten
                .extend(quiet.iter().map(|(key, _)| *key).filter(|key| registry.forget_if_gone(*key, now)));
        }
        if !forgotten.is_empty() {
            self.0.book().forget(&forgotten, now);
        }
        forgotten
    }
}

impl Shared {
    fn registry(&self) -> MutexGuard<'_, Registry> {
        lock(&self.registry)
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        lock(&self.book)
    }

    fn wake_ticker(&self) {
        let mut ticks = lock(&self.ticks);
        if !ticks.due {
            ticks.due = true;
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

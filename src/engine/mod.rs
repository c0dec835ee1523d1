//! Workers and turns: the only place where the steps of a turn meet.
//!
//! [`Engine`] keeps a slot per watched path and a queue of those that may have changed. Workers take a slot, let its
//! [`Tailer`](crate::file::tailer::Tail) take one turn, and hand what it found to the [`book::Counters`], which counts, evaluates
//! and emits. The ticker thread does what is due by time alone: late counts, resolving, former files.

pub mod activity;
mod alarms;
pub mod clock;
mod committer;
pub mod counters;
pub mod dependencies;
mod dormant;
pub mod entry;
mod handle;
mod open_files;
pub mod path_counters;
pub mod plan;
pub mod report;
pub mod scheduler;
pub mod settings;
mod shared;
mod suspect_times;
mod sweep;
pub mod testing;
mod ticker;
mod worker;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::engine::dependencies::Dependencies;
use crate::engine::entry::{FileKey, FileStatus};
use crate::engine::path_counters::PathTotals;
use crate::engine::plan::CompiledPlan;
use crate::engine::report::Reporter;
use crate::engine::settings::{EngineSettings, Plan};
use crate::engine::shared::{Shared, lock};
use crate::scan::rules::RulePatternError;

pub use handle::EngineHandle;
pub use worker::Scanners;

/// The running engine. Dropping it without [`Engine::stop`] leaves its threads running.
pub struct Engine {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    committing: Option<JoinHandle<()>>,
}

/// Figures about the engine as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EngineTotals {
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
    pub figures: PathTotals,
    /// Where reading stands.
    pub status: FileStatus,
}

impl Engine {
    /// Starts workers, ticker and committer over what the store of `world` remembers.
    ///
    /// # Errors
    /// If a rule of the plan cannot be compiled.
    pub fn start(
        settings: EngineSettings,
        plan: &Plan,
        world: Dependencies,
    ) -> Result<Engine, RulePatternError> {
        let courier = world.courier.clone();
        let (shared, committer) = Shared::new(settings, &Arc::new(CompiledPlan::new(plan)?), world);
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
    pub fn hints(&self) -> EngineHandle {
        EngineHandle(Arc::clone(&self.shared))
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
    pub fn reload(&self, plan: &Plan, renumbered: &[Option<usize>]) -> Result<(), RulePatternError> {
        let compiled = Arc::new(CompiledPlan::new(plan)?);
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
    pub fn view(&self) -> Reporter {
        Reporter(Arc::clone(&self.shared))
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
    pub fn health(&self) -> EngineTotals {
        let files = self.shared.registry().len();
        EngineTotals { files, torn_scans: self.shared.torn_scans.load(Ordering::Relaxed) }
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

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Option<JoinHandle<()>> {
    match std::thread::Builder::new().name(name.to_owned()).spawn(body) {
        Ok(thread) => Some(thread),
        Err(error) => {
            tracing::error!("cannot start the thread {name}: {error}; raise the limit of tasks (TasksMax=)");
            None
        }
    }
}

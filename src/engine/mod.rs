//! Workers and turns: the only place where the steps of a turn meet.
//!
//! [`Engine`] keeps a slot per watched path and a queue of those that may have changed. Workers take a slot, let its
//! [`Tailer`](crate::file::tailer::Tailer) take one turn, and hand what it found to the [`counters::Counters`], which counts, evaluates
//! and emits. The ticker thread does what is due by time alone: late counts, resolving, former files.

pub mod activity;
mod alert_hook;
pub mod clock;
mod committer;
pub mod counters;
pub mod dependencies;
mod dormant;
pub mod durations;
pub mod entry;
mod file_report;
mod gone;
mod gone_record;
mod handle;
mod journals;
mod open_files;
mod overview;
pub mod path_counters;
pub mod plan;
mod rates;
mod recent_lines;
pub mod report;
mod scanners;
pub mod scheduler;
pub mod settings;
mod shared;
mod signals;
mod stdin;
mod suspect_times;
mod sweep;
pub mod testing;
#[cfg(test)]
mod tests;
mod ticker;
mod worker;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::engine::dependencies::Dependencies;
use crate::engine::journals::Journals;
use crate::engine::plan::CompiledPlan;
use crate::engine::report::Reporter;
use crate::engine::settings::{EngineSettings, Plan};
use crate::engine::shared::Shared;
use crate::engine::signals::lock;
pub use crate::engine::stdin::STDIN;
use crate::engine::stdin::Stdin;
use crate::event::EventOrigin;
use crate::scan::rules::RulePatternError;
use crate::units::PathId;

pub use counters::RulePatterns;
pub use file_report::{EngineTotals, FileReport};
pub use gone::ForgottenTotals;
pub use handle::EngineHandle;
pub use overview::FilesOverview;
pub use rates::{PatternRates, RuleRates};
pub use recent_lines::RecentLine;
pub use scanners::Scanners;

/// The running engine. Dropping it without [`Engine::stop`] leaves its threads running.
pub struct Engine {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    committing: Option<JoinHandle<()>>,
    journal: Mutex<Option<JournalThread>>,
}

/// The thread that follows the journal, until the sender is dropped.
struct JournalThread {
    stop: mpsc::Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl JournalThread {
    /// Begins to follow the journal, if a watch reads it.
    fn start(shared: &Arc<Shared>) -> Option<JournalThread> {
        let plan = Arc::clone(shared.files.lock().plan());
        if plan.watches.iter().all(|watch| watch.journal.is_none()) {
            return None;
        }
        shared.await_journal();
        let journals = Journals::new(shared);
        let (stop, stopped) = mpsc::channel();
        let shared = Arc::clone(shared);
        let thread = spawn("journal", move || journals::run(&shared, journals, &stopped));
        Some(JournalThread { stop, thread })
    }

    fn stop(self) {
        drop(self.stop);
        if let Some(thread) = self.thread {
            let _ = thread.join();
        }
    }
}

impl Engine {
    /// Starts workers, ticker and committer over what the store of `dependencies` restores.
    #[must_use]
    pub fn start(settings: EngineSettings, plan: PreparedPlan, dependencies: Dependencies) -> Engine {
        let PreparedPlan(plan) = plan;
        let dispatcher = dependencies.dispatcher.clone();
        let (shared, committer) = dependencies.share(settings, &plan);
        let shared = Arc::new(shared);
        shared.counters().hold_alerts();
        if let Some(dispatcher) = dispatcher {
            let shared = Arc::downgrade(&shared);
            dispatcher.on_delivered(Box::new(move || {
                if let Some(shared) = shared.upgrade() {
                    shared.commits.request(false);
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
        let journal = Mutex::new(JournalThread::start(&shared));
        Engine { shared, threads, committing, journal }
    }

    /// Counts standard input for the only watch, and calls `at_end` at its end.
    pub fn read_stdin(&self, at_end: impl FnOnce() + Send + 'static) {
        let Some(stdin) = Stdin::new(&self.shared) else { return };
        let shared = Arc::clone(&self.shared);
        // It may wait for input for ever, so nothing waits for it.
        let _ = spawn("stdin", move || {
            stdin.run(&shared);
            at_end();
        });
    }

    /// A handle for whoever finds files and receives events of changes.
    #[must_use]
    pub fn handle(&self) -> EngineHandle {
        EngineHandle(Arc::clone(&self.shared))
    }

    /// Waits until everything that was known to be new has been read, at most for `limit`. True if it was.
    #[must_use]
    pub fn settle(&self, limit: Duration) -> bool {
        self.shared.files.wait_until_idle(limit)
    }

    /// Waits until every path had its first turn, at most for `limit`. True if it had. A backlog may be left to be read.
    #[must_use]
    pub fn look_at_all(&self, limit: Duration) -> bool {
        self.shared.files.wait_until_all_seen(limit)
    }

    /// Commits everything that has changed so far, and waits for it, at most for `limit`.
    pub fn commit(&self, limit: Duration) {
        if self.committing.is_some() {
            self.shared.commits.request_and_wait(limit);
        }
    }

    /// Compiles a plan that may follow the present one.
    ///
    /// # Errors
    /// If a rule cannot be compiled.
    pub fn prepare(&self, plan: &Plan) -> Result<PreparedPlan, RulePatternError> {
        let present = Arc::clone(self.shared.files.lock().plan());
        Ok(PreparedPlan(Arc::new(present.successor(plan)?)))
    }

    /// Switches to another plan between turns. Files that both plans watch are read on from their offset, and rules of the same name
    /// continue from their totals.
    pub fn reload(&self, plan: PreparedPlan) {
        let PreparedPlan(plan) = plan;
        let mut scheduler = self.shared.files.hold();
        let removed = scheduler.replan(Arc::clone(&plan));
        let unwatched = self.shared.counters().replan(&plan, removed);
        unwatched.into_iter().for_each(|record| scheduler.keep_dormant(record));
        self.shared.note_watches(&plan);
        self.shared.files.release(scheduler);
        let mut journal = lock(&self.journal);
        if journal.is_none() {
            *journal = JournalThread::start(&self.shared);
        }
    }

    /// Alerts come from `origin` from now on.
    pub fn set_origin(&self, origin: &Arc<EventOrigin>) {
        self.shared.counters().set_origin(Arc::clone(origin));
    }

    /// Drops the files that are not among `wanted`, though something is at their path: no watch means them any longer.
    /// Their counts are reported.
    pub fn retain(&self, wanted: &HashSet<PathId>) {
        let candidates: Vec<_> = {
            let scheduler = self.shared.files.lock();
            let unwanted = scheduler.entries().filter(|(path, _)| !wanted.contains(path));
            unwanted.map(|(path, entry)| (path, entry.path().to_owned())).collect()
        };
        // A file that was rotated away is still to be read to its end.
        let gone: HashSet<_> =
            candidates.into_iter().filter(|(_, path)| path.exists()).map(|(path, _)| path).collect();
        if gone.is_empty() {
            return;
        }
        let mut scheduler = self.shared.files.hold();
        for removed in scheduler.remove_all(&gone) {
            if let Some(record) = self.shared.counters().unwatch(removed) {
                scheduler.keep_dormant(record);
            }
        }
        self.shared.files.release(scheduler);
    }

    /// What others may see.
    #[must_use]
    pub fn reporter(&self) -> Reporter {
        Reporter(Arc::clone(&self.shared))
    }

    /// Emits a status event for every file, after everything that is held back.
    pub fn emit_status(&self) {
        let scheduler = self.shared.files.lock();
        let mut counters = self.shared.counters();
        counters.release_alerts();
        for (path, entry) in scheduler.entries() {
            counters.emit_status(path, &entry.watch().name, entry.path(), &scheduler.status(path));
        }
        counters.emit_unit_statuses();
    }

    /// Looks at every file once more, finishes, emits what was not emitted yet, and stops. Takes at most about `limit`.
    pub fn stop(self, limit: Duration) {
        self.shared.begin_to_stop();
        self.handle().look_at_all();
        let _ = self.settle(limit);
        if let Some(journal) = lock(&self.journal).take() {
            journal.stop();
        }
        self.shared.files.stop();
        self.shared.ticks.stop();
        for thread in self.threads {
            let _ = thread.join();
        }
        self.shared.counters().flush();
        self.shared.counters().end_alerts();
        self.shared.commits.stop();
        if let Some(committing) = self.committing {
            let _ = committing.join();
        }
    }
}

/// A compiled plan that an engine starts with, or that [`Engine::reload`] switches to.
pub struct PreparedPlan(Arc<CompiledPlan>);

impl PreparedPlan {
    /// Compiles the plan of an engine that is not started yet; for a later one, see [`Engine::prepare`].
    ///
    /// # Errors
    /// If a rule cannot be compiled.
    pub fn new(plan: &Plan) -> Result<PreparedPlan, RulePatternError> {
        Ok(PreparedPlan(Arc::new(CompiledPlan::new(plan)?)))
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

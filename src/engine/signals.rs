//! What wakes the threads of the engine: a lock and the condition that goes with it.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::engine::clock::EngineClock;
use crate::engine::entry::TurnJob;
use crate::engine::path_counters::NEVER;
use crate::engine::scheduler::Scheduler;
use crate::units::EngineTime;

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The scheduler, and what workers and waiters wait for.
pub(super) struct FileQueue {
    scheduler: Mutex<Scheduler>,
    /// A file became ready, or the engine stops.
    work: Condvar,
    /// No worker is busy.
    idle: Condvar,
}

impl FileQueue {
    pub(super) fn new(scheduler: Scheduler) -> FileQueue {
        FileQueue { scheduler: Mutex::new(scheduler), work: Condvar::new(), idle: Condvar::new() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Scheduler> {
        lock(&self.scheduler)
    }

    /// Wakes workers for `files` files that became ready.
    pub(super) fn wake(&self, files: usize) {
        (0..files).for_each(|_| self.work.notify_one());
    }

    pub(super) fn wake_all(&self) {
        self.work.notify_all();
    }

    /// Wakes whoever waits for idleness, or for the first look at all paths, if it is there.
    pub(super) fn note_if_idle(&self, scheduler: &Scheduler) {
        if !scheduler.is_busy() || scheduler.is_all_seen() {
            self.idle.notify_all();
        }
    }

    /// Waits for the next turn. `None` if the engine stops.
    pub(super) fn next_job(&self, clock: &EngineClock) -> Option<TurnJob> {
        let mut scheduler = self.lock();
        loop {
            if scheduler.is_stopped() {
                return None;
            }
            if let Some(job) = scheduler.take(clock.now()) {
                return Some(job);
            }
            scheduler = self.work.wait(scheduler).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until everything that is known to be new has been read, at most for `limit`. True if it has.
    pub(super) fn wait_until_idle(&self, limit: Duration) -> bool {
        self.wait_while(limit, |scheduler| !scheduler.is_idle())
    }

    /// Waits until every path had a turn, at most for `limit`. True if it had.
    pub(super) fn wait_until_all_seen(&self, limit: Duration) -> bool {
        self.wait_while(limit, |scheduler| !scheduler.is_all_seen())
    }

    fn wait_while(&self, limit: Duration, is_busy: impl Fn(&mut Scheduler) -> bool) -> bool {
        let (scheduler, timeout) =
            self.idle.wait_timeout_while(self.lock(), limit, is_busy).unwrap_or_else(PoisonError::into_inner);
        drop(scheduler);
        !timeout.timed_out()
    }

    /// The scheduler, once no turn is running; none begins until [`FileQueue::release`].
    pub(super) fn hold(&self) -> MutexGuard<'_, Scheduler> {
        let mut scheduler = self.lock();
        scheduler.hold(true);
        let is_busy = |scheduler: &mut Scheduler| scheduler.is_busy();
        self.idle.wait_while(scheduler, is_busy).unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn release(&self, mut scheduler: MutexGuard<'_, Scheduler>) {
        scheduler.hold(false);
        drop(scheduler);
        self.wake_all();
    }

    pub(super) fn stop(&self) {
        self.lock().stop();
        self.wake_all();
    }
}

/// When the ticker has something to do.
pub(super) struct TickSchedule {
    state: Mutex<NextTick>,
    changed: Condvar,
}

struct NextTick {
    at: Option<EngineTime>,
    stop: bool,
}

impl TickSchedule {
    pub(super) fn new() -> TickSchedule {
        TickSchedule { state: Mutex::new(NextTick { at: Some(NEVER), stop: false }), changed: Condvar::new() }
    }

    pub(super) fn wake_at(&self, at: EngineTime) {
        let mut next = lock(&self.state);
        if next.at.is_none_or(|next| at < next) {
            next.at = Some(at);
            self.changed.notify_one();
        }
    }

    /// Waits until something is due, but not before `earliest`. False if the engine stops.
    pub(super) fn wait(&self, earliest: EngineTime, clock: &EngineClock) -> bool {
        let mut next = lock(&self.state);
        loop {
            if next.stop {
                return false;
            }
            let wait_ms = next.at.map(|at| at.max(earliest) - clock.now());
            next = match wait_ms {
                None => self.changed.wait(next).unwrap_or_else(PoisonError::into_inner),
                Some(wait_ms) if wait_ms > 0 => {
                    let wait = Duration::from_millis(wait_ms.unsigned_abs());
                    self.changed.wait_timeout(next, wait).unwrap_or_else(PoisonError::into_inner).0
                }
                Some(_) => {
                    next.at = None;
                    return true;
                }
            };
        }
    }

    pub(super) fn stop(&self) {
        lock(&self.state).stop = true;
        self.changed.notify_all();
    }
}

/// What the committer is asked to do.
#[derive(Default)]
pub(super) struct CommitRequests {
    state: Mutex<CommitState>,
    changed: Condvar,
}

#[derive(Default)]
struct CommitState {
    due: bool,
    urgent: bool,
    stop: bool,
    /// How many commits were asked for by someone who waits, and how many of those are done.
    asked: u64,
    answered: u64,
}

/// One commit that is to be made.
#[derive(Debug, Clone, Copy)]
pub(super) struct CommitRequest {
    /// It is the last one.
    pub(super) stop: bool,
    asked: u64,
}

impl CommitRequests {
    /// Asks for a commit within the commit interval, or at once if it is `urgent`.
    pub(super) fn request(&self, urgent: bool) {
        let mut state = lock(&self.state);
        let is_new = !state.due || (urgent && !state.urgent);
        (state.due, state.urgent) = (true, state.urgent | urgent);
        if is_new {
            self.changed.notify_all();
        }
    }

    /// Asks for a commit and waits for it, at most for `limit`.
    pub(super) fn request_and_wait(&self, limit: Duration) {
        let mut state = lock(&self.state);
        (state.due, state.urgent) = (true, true);
        state.asked += 1;
        let asked = state.asked;
        self.changed.notify_all();
        drop(self.changed.wait_timeout_while(state, limit, |state| state.answered < asked));
    }

    /// Waits for a request, and then for `interval` unless it is urgent, so that changes are gathered.
    pub(super) fn next(&self, interval: Duration) -> CommitRequest {
        let is_quiet = |state: &mut CommitState| !state.due && !state.stop;
        let state =
            self.changed.wait_while(lock(&self.state), is_quiet).unwrap_or_else(PoisonError::into_inner);
        let may_wait = |state: &mut CommitState| !state.urgent && !state.stop;
        let (mut state, _) = self
            .changed
            .wait_timeout_while(state, interval, may_wait)
            .unwrap_or_else(PoisonError::into_inner);
        (state.due, state.urgent) = (false, false);
        CommitRequest { stop: state.stop, asked: state.asked }
    }

    pub(super) fn done(&self, request: CommitRequest) {
        lock(&self.state).answered = request.asked;
        self.changed.notify_all();
    }

    pub(super) fn stop(&self) {
        lock(&self.state).stop = true;
        self.changed.notify_all();
    }
}

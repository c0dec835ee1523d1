//! What a worker thread does: take a turn, hand over what it found, take the next.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::engine::counters::{CountedSource, DueWork};
use crate::engine::entry::{TurnJob, WakeReason};
use crate::engine::scanners::Scanners;
use crate::engine::scheduler::TurnOutcome;
use crate::engine::shared::Shared;
use crate::event::{HealthEvent, HealthKind};
use crate::file::encoding::Encoding;
use crate::file::tailer::{Declined, TailEvent, Turn, TurnOptions, TurnScope};
use crate::fmt::display_path;
use crate::units::{EngineTime, PathId};

pub(super) fn run(shared: &Shared) {
    let mut scanners = Scanners::default();
    while let Some(job) = shared.files.next_job(&shared.clock) {
        work(shared, &mut scanners, job);
    }
}

/// Takes one turn if there is one to take.
pub(super) fn step(shared: &Shared, scanners: &mut Scanners) -> bool {
    let job = shared.files.lock().take(shared.clock.now());
    job.map(|job| work(shared, scanners, job)).is_some()
}

/// How much a turn reads at most that is taken by the thread that receives the kernel's events, in bytes: more events wait meanwhile.
const INLINE_BYTES_MAX: u64 = 256 << 10;

/// Takes the turn of a file whose change the kernel reported at `now`, if no one else is at it. A turn that has more to do than to read
/// what was appended is left to a worker. False if nothing was done.
pub(super) fn take_inline(shared: &Shared, scanners: &mut Scanners, path: PathId, now: EngineTime) -> bool {
    let Some(job) = shared.files.lock().take_at_once(path, now) else { return false };
    let bytes_max = shared.settings.turn_bytes_max.min(INLINE_BYTES_MAX);
    if let Err(declined) = run_turn(shared, scanners, job, bytes_max, TurnScope::Growth) {
        let mut scheduler = shared.files.lock();
        scheduler.requeue(declined, now);
        shared.files.note_if_idle(&scheduler);
        drop(scheduler);
        shared.files.wake(1);
    }
    true
}

fn work(shared: &Shared, scanners: &mut Scanners, job: TurnJob) {
    // Only a turn that may read nothing but growth is declined.
    let _ = run_turn(shared, scanners, job, shared.settings.turn_bytes_max, shared.scope());
}

/// Takes a turn and hands over what it found. The job comes back if the turn was declined.
fn run_turn(
    shared: &Shared,
    scanners: &mut Scanners,
    mut job: TurnJob,
    bytes_max: u64,
    scope: TurnScope,
) -> Result<(), TurnJob> {
    let begun = Instant::now();
    let options = TurnOptions {
        samples_max: job.watch.samples_max,
        bytes_max,
        time: Arc::clone(&job.watch.time),
        counts_lines: job.watch.counts_lines,
        patterns: Some(Arc::clone(&job.watch.patterns)),
        scope,
    };
    let scanner = scanners.of(&job.watch);
    let time = shared.clock.turn_time(job.is_prompt);
    // Panics are caught, so that one file cannot stop the worker.
    let turn = match catch_unwind(AssertUnwindSafe(|| job.tail.turn(scanner, &options, time))) {
        Ok(Ok(turn)) => Some(turn),
        Ok(Err(Declined)) => return Err(job),
        Err(_) => {
            tracing::error!(path = %display_path(job.tail.path()), "a turn of this file failed");
            None
        }
    };
    shared.metrics.turns.note(begun.elapsed());
    finish(shared, job, turn, scope);
    Ok(())
}

/// Reports a file that is not in UTF-8 when the first of it is read, or when reading begins behind its beginning.
fn report_encoding(job: &TurnJob, turn: &Turn) {
    let Some((offset, _)) = job.tail.position() else { return };
    let is_first = turn.bytes > 0 && offset <= turn.bytes;
    let is_opened = || offset > 0 && turn.news.iter().any(|(news, _)| *news == TailEvent::Opened);
    if !is_first && !is_opened() {
        return;
    }
    if let Some(encoding) = Encoding::of_file(job.tail.path()) {
        let path = display_path(job.tail.path());
        HealthEvent::warning(HealthKind::WrongEncoding, format!("{path}: {}", encoding.advice())).emit();
    }
}

/// Hands over what a turn found.
fn finish(shared: &Shared, job: TurnJob, turn: Option<Turn>, scope: TurnScope) {
    let now = shared.clock.now();
    let mut outcome = TurnOutcome {
        windows_max: shared.settings.windows_max,
        open_files_max: shared.settings.open_files_max,
        ..TurnOutcome::default()
    };
    let mut due = DueWork::default();
    let (mut read_by, mut released, mut vanished) = (None, Vec::new(), Vec::new());
    if let Some(turn) = turn {
        shared.metrics.torn_scans.fetch_add(turn.torn, Ordering::Relaxed);
        (outcome.more, outcome.draining, outcome.starved) = (turn.more, turn.draining, turn.starved);
        outcome.is_quiet = turn.bytes == 0 && !turn.draining && job.tail.is_well();
        if turn.is_worth_noting() {
            let source = CountedSource { path: job.tail.path(), generation: job.tail.generation() };
            due = shared.counters().apply(job.key, &job.watch, source, &turn, now);
        }
        report_encoding(&job, &turn);
        (read_by, released, vanished) = (turn.read_by, turn.released, turn.vanished);
    }
    // After everything was counted, so that an alert does not wait for this.
    outcome.more |= scope == TurnScope::Growth && !job.tail.leads_to_open_file();
    let mut scheduler = shared.files.lock();
    // Only now: whoever continues from there must not be committed before what was found up to there.
    if !released.is_empty() || !vanished.is_empty() {
        let ownership = scheduler.ownership(&job.watch.name);
        vanished.into_iter().for_each(|identity| ownership.disown(identity, job.key));
        released.into_iter().for_each(|(identity, position)| ownership.release(identity, position));
    }
    // The path that reads the file has a reason to look: the file's other name was touched.
    let mut wake = read_by.is_some_and(|owner| scheduler.enqueue(owner, WakeReason::Other));
    wake |= scheduler.give_back(job, &outcome, now);
    shared.files.note_if_idle(&scheduler);
    shared.note_if_all_is_read(&scheduler);
    let draining_due = scheduler.draining_due();
    drop(scheduler);
    shared.files.wake(usize::from(wake));
    shared.schedule(due);
    if let Some(at) = draining_due.filter(|_| outcome.draining) {
        shared.ticks.wake_at(at);
    }
}

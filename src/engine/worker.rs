//! What a worker thread does: take a turn, hand over what it found, take the next.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use crate::detect::Millis;
use crate::engine::counters::DueWork;
use crate::engine::entry::{FileKey, TurnJob, WakeReason};
use crate::engine::plan::CompiledPlan;
use crate::engine::scheduler::TurnOutcome;
use crate::engine::shared::Shared;
use crate::file::tailer::{Tailer, Turn, TurnOptions, TurnTime};
use crate::scan::scanner::Scanner;

/// A scanner per watch, as long as the plan stays.
#[derive(Default)]
pub struct Scanners {
    plan: Option<Arc<CompiledPlan>>,
    by_watch: HashMap<usize, Scanner>,
}

impl Scanners {
    fn of(&mut self, plan: &Arc<CompiledPlan>, watch: usize) -> &mut Scanner {
        if !self.plan.as_ref().is_some_and(|known| Arc::ptr_eq(known, plan)) {
            self.plan = Some(Arc::clone(plan));
            self.by_watch.clear();
        }
        self.by_watch.entry(watch).or_insert_with(|| {
            let watch = &plan.watches[watch];
            Scanner::new(Arc::clone(&watch.rules), watch.file.line_bytes_max)
        })
    }
}

pub(super) fn run(shared: &Shared) {
    let mut scanners = Scanners::default();
    while let Some(job) = next(shared) {
        work(shared, &mut scanners, job);
    }
}

/// Takes one turn if there is one to take.
pub(super) fn step(shared: &Shared, scanners: &mut Scanners) -> bool {
    let job = shared.registry().take(shared.clock.now());
    job.map(|job| work(shared, scanners, job)).is_some()
}

/// How much a turn reads at most that is taken by whoever hears of a change, in bytes: the kernel has more to tell meanwhile.
const BRIEF_BYTES_MAX: u64 = 256 << 10;

/// Takes the turn of a file of which the kernel told at `now`, if it is a brief one and nobody else is at it. Where it is not,
/// it is left to a worker. False if nothing was done.
pub(super) fn at_once(shared: &Shared, scanners: &mut Scanners, key: FileKey, now: Millis) -> bool {
    let Some(mut job) = shared.registry().take_at_once(key, now) else { return false };
    let begun = Instant::now();
    let bytes_max = shared.settings.turn_bytes_max.min(BRIEF_BYTES_MAX);
    let turn = attempt(shared, scanners, &mut job, bytes_max, |tail, scanner, wants, moment| {
        tail.brief_turn(scanner, wants, moment)
    });
    if let Some(None) = turn {
        let mut registry = shared.registry();
        registry.hand_back(job, now);
        if !registry.is_busy() {
            shared.idle.notify_all();
        }
        drop(registry);
        shared.work.notify_one();
    } else {
        shared.turns.note(begun.elapsed());
        finish(shared, job, turn.flatten(), Tailer::stands_at_path);
    }
    true
}

fn work(shared: &Shared, scanners: &mut Scanners, mut job: TurnJob) {
    let begun = Instant::now();
    let turn = take_turn(shared, scanners, &mut job);
    shared.turns.note(begun.elapsed());
    finish(shared, job, turn, |_| true);
}

fn next(shared: &Shared) -> Option<TurnJob> {
    let mut registry = shared.registry();
    loop {
        if registry.is_stopped() {
            return None;
        }
        if let Some(job) = registry.take(shared.clock.now()) {
            return Some(job);
        }
        registry = shared.work.wait(registry).unwrap_or_else(PoisonError::into_inner);
    }
}

fn take_turn(shared: &Shared, scanners: &mut Scanners, job: &mut TurnJob) -> Option<Turn> {
    let bytes_max = shared.settings.turn_bytes_max;
    attempt(shared, scanners, job, bytes_max, |tail, scanner, wants, moment| {
        tail.turn(scanner, wants, moment)
    })
}

/// Has `turn` read a file. `None` if it failed: a defect in the reading of one file must not end the reading of all.
fn attempt<T>(
    shared: &Shared,
    scanners: &mut Scanners,
    job: &mut TurnJob,
    bytes_max: u64,
    turn: impl FnOnce(&mut Tailer, &mut Scanner, &TurnOptions, TurnTime) -> T,
) -> Option<T> {
    let watch = &job.plan.watches[job.watch];
    let wants = TurnOptions {
        samples_max: watch.samples_max,
        bytes_max,
        time: Arc::clone(&watch.time),
        counts_lines: watch.counts_lines,
    };
    let scanner = scanners.of(&job.plan, job.watch);
    let moment = shared.clock.moment(job.is_prompt);
    let tail = &mut job.tail;
    let turn = catch_unwind(AssertUnwindSafe(|| turn(tail, scanner, &wants, moment)));
    turn.inspect_err(|_| tracing::error!(path = %job.tail.path().display(), "a turn of this file failed"))
        .ok()
}

/// Hands over what a turn found. `is_all` looks, after everything was told, whether that was all.
fn finish(shared: &Shared, job: TurnJob, turn: Option<Turn>, is_all: impl FnOnce(&Tailer) -> bool) {
    let now = shared.clock.now();
    let mut after = TurnOutcome {
        windows_max: shared.settings.windows_max,
        open_files_max: shared.settings.open_files_max,
        ..TurnOutcome::default()
    };
    let mut due = DueWork::default();
    let (mut read_by, mut released) = (None, Vec::new());
    if let Some(turn) = turn {
        shared.torn_scans.fetch_add(turn.torn, Ordering::Relaxed);
        (after.more, after.draining, after.starved) = (turn.more, turn.draining, turn.starved);
        after.is_quiet = turn.bytes == 0 && !turn.draining && job.tail.is_well();
        if turn.is_worth_noting() {
            due = shared.book().apply(job.key, job.watch, &job.tail, &turn, now);
        }
        (read_by, released) = (turn.read_by, turn.released);
    }
    after.more |= !is_all(&job.tail);
    let mut registry = shared.registry();
    // Only now: whoever goes on from there must not be committed before what was found up to there.
    if !released.is_empty() {
        let claims = registry.claims(&job.plan.watches[job.watch].name);
        released.into_iter().for_each(|(identity, mark)| claims.release(identity, mark));
    }
    // Whoever reads the file has a reason to look: its other name was touched.
    let mut wake = read_by.is_some_and(|owner| registry.enqueue(owner, WakeReason::Other));
    wake |= registry.give_back(job, &after, now);
    if !registry.is_busy() {
        shared.idle.notify_all();
    }
    if !shared.was_read.load(Ordering::Relaxed) {
        shared.note_if_all_is_read(&registry);
    }
    drop(registry);
    if wake {
        shared.work.notify_one();
    }
    let draining = after.draining.then_some(now);
    if let Some(at) = due.later.into_iter().chain(draining).min() {
        shared.wake_ticker(at);
    }
    if due.commit {
        shared.want_commit(due.urgent);
    }
}

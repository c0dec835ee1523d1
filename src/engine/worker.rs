//! What a worker thread does: take a turn, hand over what it found, take the next.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use crate::engine::Shared;
use crate::engine::plan::Compiled;
use crate::engine::registry::{FileKey, Job};
use crate::file::tail::Turn;
use crate::scan::scanner::Scanner;

/// A scanner per watch, as long as the plan stays.
struct Scanners {
    plan: Option<Arc<Compiled>>,
    by_watch: HashMap<usize, Scanner>,
}

impl Scanners {
    fn of(&mut self, plan: &Arc<Compiled>, watch: usize) -> &mut Scanner {
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
    let mut scanners = Scanners { plan: None, by_watch: HashMap::new() };
    while let Some(mut job) = next(shared) {
        let turn = take_turn(shared, &mut scanners, &mut job);
        finish(shared, job, turn);
    }
}

fn next(shared: &Shared) -> Option<Job> {
    let mut registry = shared.registry();
    loop {
        if registry.is_stopped() {
            return None;
        }
        if let Some(job) = registry.take() {
            return Some(job);
        }
        registry = shared.work.wait(registry).unwrap_or_else(PoisonError::into_inner);
    }
}

fn take_turn(shared: &Shared, scanners: &mut Scanners, job: &mut Job) -> Option<Turn> {
    let samples_max = job.plan.watches[job.watch].samples_max;
    let scanner = scanners.of(&job.plan, job.watch);
    let moment = shared.clock.moment();
    let budget = shared.settings.turn_bytes_max;
    let tail = &mut job.tail;
    // A defect in the reading of one file must not end the reading of all.
    let turn = catch_unwind(AssertUnwindSafe(|| tail.turn(scanner, samples_max, budget, moment)));
    turn.inspect_err(|_| tracing::error!(path = %job.tail.path().display(), "a turn of this file failed"))
        .ok()
}

fn finish(shared: &Shared, job: Job, turn: Option<Turn>) {
    let now = shared.clock.now();
    let (mut more, mut draining, mut read_by): (bool, bool, Option<FileKey>) = (false, false, None);
    let mut is_waiting = false;
    if let Some(turn) = turn {
        shared.torn_scans.fetch_add(turn.torn, Ordering::Relaxed);
        more = turn.more;
        draining = turn.draining;
        read_by = turn.read_by;
        if turn.torn > 0 || !turn.news.is_empty() || !turn.tally.is_empty() {
            is_waiting = shared.book().apply(job.key, job.watch, &job.tail, &turn, now);
        }
    }
    let mut registry = shared.registry();
    let mut wake = registry.give_back(job, more, draining, now, shared.settings.windows_max);
    // Whoever reads the file has a reason to look: its other name was touched.
    wake |= read_by.is_some_and(|owner| registry.enqueue(owner));
    if registry.is_idle() || !registry.is_busy() {
        shared.idle.notify_all();
    }
    drop(registry);
    if wake {
        shared.work.notify_one();
    }
    if is_waiting || draining {
        shared.wake_ticker();
    }
}

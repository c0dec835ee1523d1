//! Random schedules with the real daemon on a real filesystem: several logs are written, rotated, copied, compressed, while the
//! daemon is killed, stopped and started. The oracle counts lines where they are written, and shares no code with the program.
//!
//! `cargo test --test schedules -- --ignored` runs 500 of them. `SPIKETAIL_REAL_SCHEDULES` sets another number, `SPIKETAIL_SEED`
//! runs one alone.
#![allow(clippy::unwrap_used, unreachable_pub, reason = "a test that cannot go on fails")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../compress/mod.rs"]
mod compress;
mod host;
mod writer;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use host::Host;

/// Most of the time a schedule waits, so more of them run at once than there are cores.
const THREADS: usize = 6;

const QUICK_SCHEDULES: u64 = 24;

const SCHEDULES: u64 = 500;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap())
}

/// Runs the schedules with the seeds from `first` on, and returns the stories of those that failed.
fn run(first: u64, schedules: u64) -> Vec<String> {
    let next = AtomicU64::new(first);
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + schedules {
                        return;
                    }
                    if let Err(story) = Host::new(seed).run() {
                        eprintln!("{story}");
                        failures.lock().unwrap().push(story);
                    }
                }
            });
        }
    });
    failures.into_inner().unwrap()
}

fn every_line_counts_once(schedules: u64) {
    let (first, schedules) = match number("SPIKETAIL_SEED") {
        Some(seed) => (seed, 1),
        None => (0, number("SPIKETAIL_REAL_SCHEDULES").unwrap_or(schedules)),
    };
    let failures = run(first, schedules);
    assert!(
        failures.is_empty(),
        "{} of {schedules} schedules failed; their stories are above",
        failures.len()
    );
}

#[test]
fn some_schedules_count_every_line_once() {
    every_line_counts_once(QUICK_SCHEDULES);
}

#[test]
#[ignore = "needs a few minutes: starts and kills the daemon a thousand times"]
fn many_schedules_count_every_line_once() {
    every_line_counts_once(SCHEDULES);
}

//! A daemon that does not run for a while: the world does not wait.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::Signal;

use crate::common::{TestFolder, append, lines, pause, totals};

fn rotate_while_stopped(stop: Duration, pattern: &str) {
    const ROTATIONS: u64 = 20;
    let place = TestFolder::new();
    let (log, other) = (place.log("app.log"), place.log("other.log"));
    append(&log, "");
    append(&other, "");
    let mut daemon = place.watch(pattern);
    append(&log, lines(0..10));
    daemon.wait_total(&log, 10);
    let done = AtomicBool::new(false);
    let (rotated, steady) = std::thread::scope(|scope| {
        let (log, other, done) = (&log, &other, &done);
        let steady = scope.spawn(move || {
            let mut written = 0;
            while !done.load(Ordering::Relaxed) {
                append(other, lines(written..written + 50));
                written += 50;
                pause(Duration::from_millis(5));
            }
            written
        });
        pause(Duration::from_millis(200));
        daemon.signal(Signal::STOP);
        let mut rotated = 10;
        for round in 0..ROTATIONS {
            for _ in 0..10 {
                append(log, lines(rotated..rotated + 20));
                rotated += 20;
                pause(stop / (10 * ROTATIONS as u32));
            }
            // As logrotate does: older ones move up.
            for n in (1..=round).rev() {
                fs::rename(place.log(&format!("app.log.{n}")), place.log(&format!("app.log.{}", n + 1)))
                    .unwrap();
            }
            fs::rename(log, place.log("app.log.1")).unwrap();
            append(log, lines(rotated..rotated + 1));
            rotated += 1;
        }
        daemon.signal(Signal::CONT);
        pause(Duration::from_millis(200));
        done.store(true, Ordering::Relaxed);
        (rotated, steady.join().unwrap())
    });
    daemon.wait_sum(rotated + steady);
    assert_eq!(totals(&daemon.events, &other), steady);
    append(&log, lines(0..1));
    daemon.wait_sum(rotated + steady + 1);
    daemon.stop_with_sum(rotated + steady + 1);
}

#[test]
fn twenty_rotations_while_it_is_stopped_lose_nothing() {
    rotate_while_stopped(Duration::from_secs(1), "*.log");
}

#[test]
fn twenty_rotations_while_it_is_stopped_lose_nothing_below_a_wider_glob() {
    rotate_while_stopped(Duration::from_secs(1), "*.log*");
}

#[test]
#[ignore = "takes ten seconds"]
fn ten_seconds_without_running_lose_nothing() {
    rotate_while_stopped(Duration::from_secs(10), "*.log");
}

//! Files that stood at the path without the daemon's seeing them there.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use rustix::process::Signal;

use crate::common::{Daemon, TestFolder, append, lines, news};

/// A log of which three lines were counted, and the daemon that follows it.
fn followed(place: &TestFolder) -> (PathBuf, Daemon) {
    let log = place.log("app.log");
    append(&log, "");
    let mut daemon = place.resume("app.log");
    append(&log, lines(0..3));
    daemon.wait_sum(3);
    (log, daemon)
}

#[test]
fn a_log_that_is_rotated_before_the_first_look_is_counted() {
    for (is_stopped, is_copied, after) in
        [(true, false, 10), (true, false, 0), (true, true, 10), (false, false, 10)]
    {
        let place = TestFolder::new();
        let log = place.log("app.log");
        let mut daemon = place.resume("app.log");
        if is_stopped {
            daemon.signal(Signal::STOP);
        }
        append(&log, lines(0..100));
        if is_copied {
            fs::copy(&log, place.log("app.log.1")).unwrap();
            fs::File::create(&log).unwrap();
        } else {
            fs::rename(&log, place.log("app.log.1")).unwrap();
        }
        if after > 0 {
            append(&log, lines(100..100 + after));
        }
        daemon.signal(Signal::CONT);
        daemon.wait_status_sum(100 + after);
        daemon.stop();
    }
}

#[test]
fn a_log_that_came_and_went_while_the_daemon_was_down_is_counted() {
    for after in [10, 0] {
        let place = TestFolder::new();
        let log = place.log("app.log");
        place.resume("app.log").stop();
        append(&log, lines(0..100));
        fs::rename(&log, place.log("app.log.1")).unwrap();
        if after > 0 {
            append(&log, lines(100..100 + after));
        }
        let mut daemon = place.resume("app.log");
        daemon.wait_status_sum(100 + after);
        daemon.stop();
    }
}

#[test]
fn a_log_that_came_and_went_between_two_looks_is_counted_although_nothing_follows() {
    let place = TestFolder::new();
    let (log, mut daemon) = followed(&place);
    daemon.signal(Signal::STOP);
    fs::rename(&log, place.log("app.log.1")).unwrap();
    append(&log, lines(3..10));
    fs::rename(&log, place.log("app.log.2")).unwrap();
    daemon.signal(Signal::CONT);
    daemon.wait_status_sum(10);
    daemon.stop();
}

/// Nothing is left of it but the kernel's events. A file of which they tell no write, as a lock, held nothing.
#[test]
fn a_log_that_is_removed_before_the_first_look_is_reported() {
    let place = TestFolder::new();
    let (log, lock, later) = (place.log("app.log"), place.log("lock.log"), place.log("later.log"));
    let mut daemon = place.resume("*.log");
    daemon.signal(Signal::STOP);
    append(&lock, "");
    fs::remove_file(&lock).unwrap();
    append(&log, lines(0..100));
    fs::remove_file(&log).unwrap();
    daemon.signal(Signal::CONT);
    let missed = daemon.wait_event("missed");
    assert_eq!(missed["path"], log.to_str().unwrap(), "{missed}");
    assert!(
        missed["reason"].as_str().unwrap().contains("how many bytes there were is not known"),
        "{missed}"
    );
    // What is seen and removed is not missed.
    append(&later, lines(0..3));
    daemon.wait_status_sum(3);
    fs::remove_file(&later).unwrap();
    daemon.wait_for("the removal", |events| news(events, &later).contains(&"removed".to_owned()));
    let events = daemon.stop_with_sum(3);
    assert_eq!(events.iter().filter(|event| event["event"] == "missed").count(), 1);
}

/// `app.log.1` was read under its own name, since nothing was at `app.log` then.
#[test]
fn what_was_read_under_a_rotated_name_is_not_counted_again_when_it_is_compressed() {
    // Two paths search at the same time; either may be first.
    for _ in 0..6 {
        let place = TestFolder::new();
        let (log, rotated) = (place.log("app.log"), place.log("app.log.1"));
        append(&rotated, lines(0..14));
        let mut daemon = place.resume_with("app.log*", "start = \"beginning\"");
        daemon.wait_status_sum(14);
        daemon.kill();
        append(&log, lines(14..20));
        Command::new("gzip").arg(&rotated).status().unwrap();
        let mut daemon = place.resume_with("app.log*", "start = \"beginning\"");
        daemon.wait_status_sum(20);
        append(&log, lines(20..21));
        daemon.wait_status_sum(21);
        daemon.stop();
    }
}

#[test]
fn no_number_of_generations_is_too_large() {
    let place = TestFolder::new();
    let (log, daemon) = followed(&place);
    daemon.stop();
    let mut total = 3;
    for generation in 0..300 {
        fs::rename(&log, place.log(&format!("app.log-{}", 20_260_000 + generation))).unwrap();
        append(&log, lines(total..total + 3));
        total += 3;
    }
    let mut daemon = place.resume("app.log");
    daemon.wait_status_sum(total);
    daemon.stop();
}

#[test]
fn a_generation_that_is_compressed_late_is_not_counted_again() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, "");
    let mut daemon = place.resume_with("app.log", "rotated_grace = \"100ms\"");
    let mut total = 0;
    for generation in 1..=25 {
        append(&log, lines(total..total + 10));
        total += 10;
        daemon.wait_sum(total);
        fs::rename(&log, place.log(&format!("app.log.{generation}"))).unwrap();
        append(&log, "");
    }
    append(&log, lines(total..total + 2));
    total += 2;
    daemon.wait_sum(total);
    daemon.stop();
    // Without the stamps of its source.
    let first = place.log("app.log.1");
    assert!(Command::new("gzip").arg("-n").arg(&first).status().unwrap().success());
    fs::File::options()
        .append(true)
        .open(first.with_extension("1.gz"))
        .unwrap()
        .set_modified(std::time::SystemTime::now())
        .unwrap();
    fs::rename(&log, place.log("app.log.26")).unwrap();
    append(&log, lines(total..total + 1));
    total += 1;
    let mut daemon = place.resume("app.log");
    daemon.wait_status_sum(total);
    daemon.stop();
}

/// With too few descriptors for all the files that rotation left open, each is read when there is one.
#[test]
fn a_rotation_without_descriptors_loses_nothing() {
    let place = TestFolder::new();
    let logs: Vec<_> = (0..300).map(|n| place.log(&format!("a{n}.log"))).collect();
    logs.iter().for_each(|log| append(log, ""));
    let inner = place.resuming(&place.state(), "*.log", "");
    let mut command = Command::new("prlimit");
    command.arg("--nofile=64:64").arg(inner.get_program()).args(inner.get_args());
    let mut daemon = Daemon::spawn(command);
    logs.iter().for_each(|log| append(log, lines(0..5)));
    daemon.wait_sum(1_500);
    for log in &logs {
        append(log, lines(5..6));
        fs::rename(log, log.with_extension("log.1")).unwrap();
        append(log, lines(6..7));
    }
    daemon.wait_sum(2_100);
    let events = daemon.stop_with_sum(2_100);
    assert!(!events.iter().any(|event| event["event"] == "missed"));
}

//! Signals: an orderly end, a reload that loses nothing, and a status.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::{Daemon, TestFolder, append, lines, news, pause, sum};
use rustix::process::Signal;

fn ends_in_good_order(signal: Signal) {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, "");
    let daemon = place.watch("app.log");
    append(&log, lines(0..1_000));
    let ended = daemon.stop_by(signal);
    assert_eq!(ended.status.code(), Some(0), "{:?}", ended.status);
    assert_eq!(sum(&ended.events), 1_000);
    assert_eq!(ended.events.last().unwrap()["event"], "stopped");
}

#[test]
fn sigterm_counts_the_last_lines_and_ends() {
    ends_in_good_order(Signal::TERM);
}

#[test]
fn sigint_counts_the_last_lines_and_ends() {
    ends_in_good_order(Signal::INT);
}

#[test]
fn sigterm_ends_it_although_writers_go_on() {
    let place = TestFolder::new();
    let daemon = place.watch("*.log");
    let done = AtomicBool::new(false);
    let ended = std::thread::scope(|scope| {
        for n in 0..2 {
            let (log, done) = (place.log(&format!("{n}.log")), &done);
            scope.spawn(move || {
                let mut n = 0;
                while !done.load(Ordering::Relaxed) {
                    append(&log, lines(n..n + 100));
                    n += 100;
                    pause(Duration::from_micros(200));
                }
            });
        }
        pause(Duration::from_millis(300));
        let ended = daemon.stop();
        done.store(true, Ordering::Relaxed);
        ended
    });
    assert_eq!(ended.status.code(), Some(0), "{:?}", ended.status);
    assert!(sum(&ended.events) > 0);
}

fn config(place: &TestFolder, rule: &str, paths: &[&str]) {
    let paths: Vec<_> = paths.iter().map(|path| place.log(path)).collect();
    place.config(&format!("[watch.logs]\npaths = {paths:?}\n[rule.errors]\n{rule}\n"));
}

/// Reloads again and again while lines are written and the configuration changes.
#[test]
fn a_reload_loses_no_line_and_counts_none_twice() {
    let place = TestFolder::new();
    let (a, b) = (place.log("a.log"), place.log("b.txt"));
    append(&a, "");
    config(&place, "any = \"ERROR\"", &["a.log"]);
    let mut daemon = Daemon::run(["-c".as_ref(), place.beside("spiketail.toml").as_os_str()]);
    let done = AtomicBool::new(false);
    let written = std::thread::scope(|scope| {
        let (done, a, b) = (&done, &a, &b);
        let writer = scope.spawn(move || {
            let (mut n, mut to_b) = (0, 0);
            while !done.load(Ordering::Relaxed) {
                append(a, lines(n..n + 7));
                n += 7;
                if n > 200 {
                    append(b, lines(n..n + 3));
                    to_b += 3;
                }
                pause(Duration::from_millis(1));
            }
            (n, to_b)
        });
        for round in 0..6 {
            let seen = daemon.events.len();
            // The same lines match by every one of these.
            let rule =
                ["regex = 'ERR[O]R'", "any = [\"ERROR\", \"nothing\"]", "any = \"ERROR some\""][round % 3];
            let paths: &[&str] = if round < 2 { &["a.log"] } else { &["a.log", "b.txt"] };
            config(&place, rule, paths);
            daemon.signal(Signal::HUP);
            daemon.wait_event_after(seen, "reloaded");
            daemon.listen(Duration::from_millis(100));
        }
        done.store(true, Ordering::Relaxed);
        writer.join().unwrap()
    });
    daemon.wait_total(&a, written.0);
    // It was born shortly before the reload that began to watch it, so that it is read from its first byte.
    daemon.wait_total(&b, written.1);
    assert!(written.1 > 0);
    let events = daemon.stop_with_sum(written.0 + written.1);
    assert_eq!(common::totals(&events, &a), written.0);
}

#[test]
fn a_reload_goes_over_to_other_rules_and_files() {
    let place = TestFolder::new();
    let (a, b) = (place.log("a.log"), place.log("b.log"));
    append(&a, "");
    append(&b, lines(0..9));
    config(&place, "any = \"ERROR\"", &["a.log"]);
    let mut daemon = Daemon::run(["-c".as_ref(), place.beside("spiketail.toml").as_os_str()]);
    append(&a, "ERROR\nWARN\n");
    daemon.wait_total(&a, 1);
    config(&place, "any = \"WARN\"", &["a.log", "b.log"]);
    daemon.signal(Signal::HUP);
    daemon.wait_event("reloaded");
    append(&a, "ERROR\nWARN\nWARN\n");
    append(&b, "ERROR\nWARN\n");
    daemon.wait_total(&a, 3);
    daemon.wait_total(&b, 1);
    let events = daemon.stop().events;
    assert_eq!((common::totals(&events, &a), common::totals(&events, &b)), (3, 1));
}

#[test]
fn a_path_that_a_reload_takes_from_its_watch_counts_no_longer() {
    let place = TestFolder::new();
    let (a, b) = (place.log("a.log"), place.log("b.log"));
    append(&a, "");
    append(&b, "");
    config(&place, "any = \"ERROR\"", &["a.log", "b.log"]);
    let mut daemon = Daemon::run(["-c".as_ref(), place.beside("spiketail.toml").as_os_str()]);
    append(&a, lines(0..1));
    daemon.wait_total(&a, 1);
    config(&place, "any = \"ERROR\"", &["b.log"]);
    daemon.signal(Signal::HUP);
    daemon.wait_event("reloaded");
    append(&a, lines(1..2));
    append(&b, lines(0..1));
    daemon.wait_total(&b, 1);
    let events = daemon.stop().events;
    assert_eq!((common::totals(&events, &a), common::totals(&events, &b)), (1, 1));
}

#[test]
fn a_wrong_configuration_is_refused_and_the_old_one_stays() {
    let place = TestFolder::new();
    let log = place.log("a.log");
    append(&log, "");
    config(&place, "any = \"ERROR\"", &["a.log"]);
    let mut daemon = Daemon::run(["-c".as_ref(), place.beside("spiketail.toml").as_os_str()]);
    for (round, wrong) in (1..).zip(["regex = '['", "any = 7", "anything = \"ERROR\"", "["]) {
        let seen = daemon.events.len();
        config(&place, wrong, &["a.log"]);
        daemon.signal(Signal::HUP);
        let refused = daemon.wait_event_after(seen, "reload_refused");
        assert_eq!(refused["level"], "WARN");
        let reason = refused["reason"].as_str().unwrap();
        // File and line: the header of the test's configuration has 3 lines, the watch 2, the rule begins at 6.
        assert!(reason.contains("spiketail.toml:7:"), "{wrong}: {reason}");
        append(&log, lines(0..3));
        daemon.wait_total(&log, 3 * round);
    }
    let seen = daemon.events.len();
    std::fs::remove_file(place.beside("spiketail.toml")).unwrap();
    daemon.signal(Signal::HUP);
    let refused = daemon.wait_event_after(seen, "reload_refused");
    assert!(refused["reason"].as_str().unwrap().contains("spiketail.toml"), "{refused}");
    append(&log, lines(0..1));
    daemon.wait_total(&log, 13);
    daemon.stop_with_sum(13);
}

#[test]
fn sigusr1_gives_a_status_for_every_file() {
    let place = TestFolder::new();
    for name in ["a.log", "b.log", "c.log"] {
        append(&place.log(name), "");
    }
    let mut daemon = place.watch("*.log");
    append(&place.log("b.log"), lines(0..5));
    append(&place.log("b.log"), "the rest");
    daemon.wait_total(&place.log("b.log"), 5);
    daemon.listen(Duration::from_millis(100));
    daemon.signal(Signal::USR1);
    let statuses = |events: &[serde_json::Value]| events.iter().filter(|e| e["event"] == "status").count();
    daemon.wait_for("a status for each", |events| statuses(events) >= 3);
    for name in ["a.log", "b.log", "c.log"] {
        assert!(news(&daemon.events, &place.log(name)).contains(&"status".to_owned()));
    }
    let b = place.log("b.log");
    let is_b = |e: &&serde_json::Value| e["event"] == "status" && e["path"] == b.to_str().unwrap();
    let status = daemon.events.iter().find(is_b).unwrap();
    let bytes = lines(0..5).len() as u64;
    assert_eq!((&status["offset"], &status["size"]), (&bytes.into(), &(bytes + 8).into()));
    assert_eq!((&status["total"], &status["generation"]), (&5.into(), &1.into()));
    let events = daemon.stop_with_sum(5);
    assert_eq!(statuses(&events), 3);
}

#[test]
fn a_closed_standard_output_ends_it() {
    let place = TestFolder::new();
    let log = place.log("a.log");
    append(&log, "");
    let mut daemon = place.watch("a.log");
    append(&log, lines(0..1));
    daemon.wait_total(&log, 1);
    daemon.close_stdout();
    // The pipe is found to be closed once there is something to write.
    let begun = Instant::now();
    for n in 0..50 {
        append(&log, lines(n..n + 1));
        pause(Duration::from_millis(20));
    }
    let ended = daemon.ended(begun);
    assert_eq!(ended.status.code(), Some(0), "{:?}", ended.status);
}

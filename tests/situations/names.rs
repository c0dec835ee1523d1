//! Names that only look as if rotation had made them, and names that are no text.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::common::{TestFolder, append, appender, lines, news, totals};

/// Fills both the head that identifies a file and more.
fn banner() -> String {
    (0..45).map(|n| format!("# banner line {n} of the program\n")).collect()
}

#[test]
fn logs_that_begin_alike_count_each() {
    for names in [
        ["worker.log", "worker-1.log", "worker-2.log"],
        ["app.log", "app.1.log", "app.2.log"],
        ["app.log", "app.log.1", "app.log.2"],
    ] {
        let place = TestFolder::new();
        for (number, name) in (0..).zip(names) {
            append(&place.log(name), banner());
            append(&place.log(name), lines(number * 1_000..number * 1_000 + 1_000 - number * 100));
        }
        let mut daemon = place.watch_with("*", "start = \"beginning\"");
        daemon.wait_sum(2_700);
        daemon.stop_with_sum(2_700);
    }
}

/// Each has a writer of its own; the neighbour is watched or not.
#[test]
fn a_neighbour_with_a_writer_of_its_own_is_no_former_file() {
    for (neighbour, pattern) in [("app-1.log", "*.log"), ("app-1.log", "app.log"), ("app.1.log", "app.log")] {
        for is_first in [true, false] {
            let place = TestFolder::new();
            let (log, other) = (place.log("app.log"), place.log(neighbour));
            let count_other = u64::from(pattern == "*.log");
            let mut daemon = place.resume(pattern);
            let mut writers: Vec<_> = if is_first {
                vec![appender(&other), appender(&log)]
            } else {
                vec![appender(&log), appender(&other)]
            };
            if is_first {
                writers.reverse();
            }
            std::io::Write::write_all(&mut writers[0], &lines(0..8)).unwrap();
            std::io::Write::write_all(&mut writers[1], &lines(5_000..6_003)).unwrap();
            daemon.wait_sum(8 + count_other * 1_003);
            assert_eq!(totals(&daemon.events, &log), 8, "{neighbour} {pattern}");
            daemon.stop_with_sum(8 + count_other * 1_003);
            // Rotation while the daemon is down, and the neighbour goes on.
            append(&other, lines(6_003..6_010));
            fs::rename(&log, place.log("app.log.1")).unwrap();
            append(&log, lines(8..11));
            let mut daemon = place.resume(pattern);
            let total = 11 + count_other * 1_010;
            daemon.wait_sum(total);
            let events = daemon.stop_with_sum(total);
            assert!(!news(&events, &log).contains(&"missed".to_owned()), "{neighbour} {pattern}");
        }
    }
}

#[test]
fn names_that_are_no_text_are_told_apart_and_resumed() {
    let place = TestFolder::new();
    let name = |byte: u8, end: &str| {
        let mut name = b"app".to_vec();
        name.push(byte);
        name.extend_from_slice(end.as_bytes());
        place.log("").join(OsString::from_vec(name))
    };
    let (log, other) = (name(0xff, ".log"), name(0xfe, ".log"));
    append(&log, "");
    append(&other, "");
    let mut daemon = place.resume("*.log");
    append(&log, lines(0..100));
    append(&other, lines(0..50));
    daemon.wait_status_sum(150);
    daemon.stop();
    append(&log, lines(100..101));
    append(&other, lines(50..52));
    fs::rename(&log, name(0xff, ".log.1")).unwrap();
    append(&log, lines(101..105));
    let mut daemon = place.resume("*.log");
    daemon.wait_status_sum(157);
    let ended = daemon.stop();
    assert!(!ended.events.iter().any(|event| event["event"] == "missed"));
}

#[test]
fn the_target_of_a_link_may_be_rotated_while_the_daemon_is_down() {
    let place = TestFolder::new();
    let folder = place.beside("pod");
    fs::create_dir(&folder).unwrap();
    let target = folder.join("0.log");
    append(&target, "");
    symlink(&target, place.log("pod.log")).unwrap();
    let mut daemon = place.resume("*.log");
    append(&target, lines(0..5));
    daemon.wait_status_sum(5);
    daemon.stop();
    append(&target, lines(5..7));
    fs::rename(&target, folder.join("0.log.20261126")).unwrap();
    append(&target, lines(7..10));
    let mut daemon = place.resume("*.log");
    daemon.wait_status_sum(10);
    let ended = daemon.stop();
    assert!(!ended.events.iter().any(|event| event["event"] == "missed"));
}

/// What was read to its end before an orderly stop is not missed after it.
#[test]
fn an_orderly_restart_after_a_removal_misses_nothing() {
    let remove = |log: &Path| fs::remove_file(log).unwrap();
    let move_away = |log: &Path| fs::rename(log, log.with_file_name("../elsewhere")).unwrap();
    for (what, change) in [("remove", &remove as &dyn Fn(&Path)), ("move", &move_away)] {
        let place = TestFolder::new();
        let log = place.log("app.log");
        append(&log, "");
        let mut daemon = place.resume("app.log");
        append(&log, lines(0..5));
        daemon.wait_sum(5);
        change(&log);
        daemon.wait_event("removed");
        daemon.stop_with_sum(5);
        let mut daemon = place.resume("app.log");
        daemon.wait_status_sum(5);
        let ended = daemon.stop();
        assert!(!ended.events.iter().any(|event| event["event"] == "missed"), "{what}");
    }
}

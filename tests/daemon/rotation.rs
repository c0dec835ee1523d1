//! Files that are renamed, truncated, replaced and removed.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use crate::common::{TestFolder, append, appender, lines, news, pause};

#[test]
fn a_renamed_file_and_its_successor_count() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, lines(0..5));
    let mut daemon = place.watch("app.log");
    append(&log, lines(5..10));
    fs::rename(&log, place.log("app.log.1")).unwrap();
    append(&log, lines(10..13));
    daemon.wait_total(&log, 8);
    let events = daemon.stop_with_sum(8);
    // It may look just when nothing is at the path.
    let is_said = |name: &String| name == "rotated" || name == "removed";
    assert!(news(&events, &log).iter().any(is_said), "{events:?}");
}

#[test]
fn a_copy_and_a_truncation_count_nothing_twice() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, "");
    let mut daemon = place.watch("app.log");
    let mut written = 0;
    for round in 1..=5 {
        append(&log, lines(written..written + 10 * round));
        written += 10 * round;
        daemon.wait_total(&log, written);
        fs::copy(&log, place.log(&format!("app.log.{round}"))).unwrap();
        File::options().write(true).open(&log).unwrap().set_len(0).unwrap();
    }
    append(&log, lines(0..1));
    daemon.wait_total(&log, 151);
    let events = daemon.stop_with_sum(151);
    assert!(!news(&events, &log).contains(&"missed".to_owned()), "{events:?}");
}

#[test]
fn a_truncated_file_is_read_from_its_first_byte() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, "");
    let mut daemon = place.watch("app.log");
    append(&log, lines(0..100));
    daemon.wait_total(&log, 100);
    appender(&log).set_len(0).unwrap();
    daemon.wait_event("truncated");
    append(&log, lines(0..7));
    daemon.wait_total(&log, 107);
    // Truncation and new content at once.
    fs::write(&log, lines(0..3)).unwrap();
    daemon.wait_total(&log, 110);
    daemon.stop_with_sum(110);
}

#[test]
fn a_file_that_another_is_renamed_over_counts_with_its_successor() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, "");
    let mut daemon = place.watch("app.log");
    for round in 1..=5 {
        append(&log, lines(0..4));
        fs::write(place.beside("new"), lines(0..6)).unwrap();
        fs::rename(place.beside("new"), &log).unwrap();
        daemon.wait_total(&log, 10 * round);
    }
    daemon.stop_with_sum(50);
}

#[test]
fn a_file_that_is_deleted_and_created_anew_counts_on() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, "");
    let mut daemon = place.watch("app.log");
    for round in 1..=5 {
        append(&log, lines(0..3));
        fs::remove_file(&log).unwrap();
        append(&log, lines(0..2));
        daemon.wait_total(&log, 5 * round);
    }
    fs::remove_file(&log).unwrap();
    let seen = daemon.events.len();
    daemon.wait_event_after(seen, "removed");
    append(&log, lines(0..1));
    daemon.wait_total(&log, 26);
    daemon.stop_with_sum(26);
}

#[test]
fn a_file_that_goes_and_comes_back_is_not_read_again() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, "");
    let mut daemon = place.watch("app.log");
    append(&log, lines(0..5));
    daemon.wait_total(&log, 5);
    for round in 1..=3 {
        let seen = daemon.events.len();
        fs::rename(&log, place.beside("away")).unwrap();
        daemon.wait_event_after(seen, "removed");
        append(&place.beside("away"), lines(0..1));
        fs::rename(place.beside("away"), &log).unwrap();
        append(&log, lines(0..1));
        daemon.wait_total(&log, 5 + 2 * round);
    }
    // So quickly that no one sees it.
    fs::rename(&log, place.beside("away")).unwrap();
    fs::rename(place.beside("away"), &log).unwrap();
    append(&log, lines(0..1));
    daemon.wait_total(&log, 12);
    daemon.stop_with_sum(12);
}

#[test]
fn the_last_line_counts_without_a_line_feed_once_its_file_was_rotated() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, "");
    let mut daemon = place.watch_with("app.log", "rotated_grace = \"200ms\"");
    append(&log, "one ERROR\ntwo ERROR without an end");
    daemon.wait_total(&log, 1);
    fs::rename(&log, place.log("app.log.1")).unwrap();
    append(&log, "three ERROR\n");
    daemon.wait_total(&log, 3);
    daemon.stop_with_sum(3);
}

#[test]
fn a_writer_that_goes_on_after_the_rename_is_read_on() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    let mut old = appender(&log);
    let mut daemon = place.watch("app.log");
    old.write_all(&lines(0..10)).unwrap();
    fs::rename(&log, place.log("app.log.1")).unwrap();
    let mut written = 10;
    let end = Instant::now() + Duration::from_secs(2);
    while Instant::now() < end {
        old.write_all(&lines(written..written + 1)).unwrap();
        append(&log, lines(written + 1..written + 2));
        written += 2;
        pause(Duration::from_millis(10));
    }
    daemon.wait_total(&log, written);
    daemon.stop_with_sum(written);
}

fn rotate_quickly(pattern: &str) {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, "");
    let mut daemon = place.watch(pattern);
    for round in 0..20 {
        append(&log, lines(200 * round..200 * round + 200));
        fs::rename(&log, place.log(&format!("app.log.{round}"))).unwrap();
        append(&log, "");
        pause(Duration::from_millis(100));
    }
    daemon.wait_sum(4_000);
    daemon.listen(Duration::from_millis(500));
    daemon.stop_with_sum(4_000);
}

#[test]
fn several_rotations_a_second_lose_nothing() {
    rotate_quickly("app.log");
}

#[test]
fn several_rotations_a_second_lose_nothing_below_a_glob() {
    rotate_quickly("app.log*");
}

#[test]
fn rotations_without_a_pause_lose_nothing() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, "");
    let mut daemon = place.watch("app.log");
    for round in 0..20 {
        append(&log, lines(200 * round..200 * round + 200));
        fs::rename(&log, place.log(&format!("app.log.{round}"))).unwrap();
    }
    append(&log, lines(0..1));
    daemon.wait_total(&log, 4_001);
    daemon.stop_with_sum(4_001);
}

#[test]
fn a_hole_that_a_writer_leaves_after_a_truncation_is_no_line() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    let writer = OpenOptions::new().write(true).create_new(true).open(&log).unwrap();
    let mut daemon = place.watch("app.log");
    let mut at = 0;
    let mut write = |bytes: Vec<u8>| {
        writer.write_all_at(&bytes, at).unwrap();
        at += bytes.len() as u64;
    };
    for round in 1..=5 {
        write(lines(0..300));
        daemon.wait_total(&log, 300 * round);
        // The writer does not append: it goes on where it was, behind a hole.
        File::options().write(true).open(&log).unwrap().set_len(0).unwrap();
    }
    write(lines(0..3));
    daemon.wait_total(&log, 1_503);
    daemon.stop_with_sum(1_503);
}

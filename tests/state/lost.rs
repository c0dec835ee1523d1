//! Bytes that were gone before anyone could read them: the daemon says so.

use std::fs;

use serde_json::Value;

use crate::common::TestFolder;
use crate::{ENDS, End, each, goes_on, goes_on_exactly, pairs, read_and_committed_before, read_before};

#[track_caller]
fn assert_said(missed: &[Value]) {
    let is_said = |event: &Value| {
        event["bytes"].as_u64().is_some_and(|bytes| bytes > 0)
            && event["reason"].as_str().is_some_and(|reason| !reason.is_empty())
            && event["path"].as_str().is_some_and(|path| path.ends_with("app.log"))
    };
    assert!(missed.len() == 1 && missed.iter().all(is_said), "{missed:?}");
}

#[test]
fn a_truncation_without_a_copy_is_said() {
    // Fewer and more bytes than were read before.
    each(pairs(ENDS, [0, 5, 100]), |(end, after)| {
        let place = TestFolder::new();
        let mut log = read_and_committed_before(&place, "app.log", *end);
        log.write(7);
        log.truncate();
        log.write(*after);
        assert_said(&goes_on(&place, "app.log", &mut log, 7));
    });
}

#[test]
fn a_rotated_file_that_was_removed_is_said() {
    each(ENDS, |end| {
        let place = TestFolder::new();
        let mut log = read_and_committed_before(&place, "app.log", *end);
        log.write(7);
        log.rename_to(&log.numbered(1));
        fs::remove_file(log.numbered(1)).unwrap();
        log.write(5);
        assert_said(&goes_on(&place, "app.log", &mut log, 7));
    });
}

#[test]
fn a_generation_that_was_removed_is_said_and_later_ones_are_read() {
    each(ENDS, |end| {
        let place = TestFolder::new();
        let mut log = read_and_committed_before(&place, "app.log", *end);
        log.write(7);
        log.rename_to(&log.numbered(2));
        fs::remove_file(log.numbered(2)).unwrap();
        log.write(5);
        log.rename_to(&log.numbered(1));
        log.write(4);
        assert_said(&goes_on(&place, "app.log", &mut log, 7));
    });
}

#[test]
fn a_copy_that_was_removed_is_said_and_later_ones_are_read() {
    each(ENDS, |end| {
        let place = TestFolder::new();
        let mut log = read_and_committed_before(&place, "app.log", *end);
        log.write(7);
        log.copy_and_truncate(&log.numbered(2));
        fs::remove_file(log.numbered(2)).unwrap();
        log.write(5);
        log.copy_and_truncate(&log.numbered(1));
        log.write(4);
        assert_said(&goes_on(&place, "app.log", &mut log, 7));
    });
}

#[test]
fn a_file_that_was_removed_is_said() {
    each(ENDS, |end| {
        let place = TestFolder::new();
        let mut log = read_and_committed_before(&place, "app.log", *end);
        log.write(7);
        fs::remove_file(&log.path).unwrap();
        let mut daemon = place.resume("app.log");
        daemon.wait_event("missed");
        End::Sigterm.end(daemon);
        log.written -= 7;
        log.write(3);
        goes_on_exactly(&place, "app.log", &mut log);
    });
}

#[test]
fn what_was_lost_before_it_was_committed_is_said() {
    let place = TestFolder::new();
    // Whether the lines that were read are committed, is a matter of luck.
    let mut log = read_before(&place, "app.log", End::Kill);
    log.write(7);
    log.rename_to(&log.numbered(1));
    fs::remove_file(log.numbered(1)).unwrap();
    log.write(5);
    let mut daemon = place.resume("app.log");
    daemon.wait_event("missed");
    let total = daemon.status_sum();
    assert!(total == 5 || total == 15, "{total}");
}

#[test]
fn an_old_file_with_the_name_of_a_copy_is_not_taken_for_one() {
    let place = TestFolder::new();
    let mut log = read_before(&place, "app.log", End::Sigterm);
    log.write(7);
    let mut other = crate::Log::new(&place, "other");
    other.written = 5_000;
    other.write(50);
    fs::rename(&other.path, log.numbered(1)).unwrap();
    log.truncate();
    log.write(5);
    // It may have stood at the path or not; what is gone is gone.
    let mut daemon = place.resume("app.log");
    daemon.wait_event("missed");
    daemon.stop();
}

//! A copy takes the place of the log. What both have in common counts once.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::common::{TestFolder, append, lines, news};

/// Lets a copy of `log` take its place, in one of the usual ways.
fn replace(way: &str, log: &Path) {
    let beside = log.with_extension("new");
    match way {
        "mv and cp" => {
            let moved = log.with_extension("log.1");
            fs::rename(log, &moved).unwrap();
            fs::copy(&moved, log).unwrap();
        }
        "rsync" => {
            fs::copy(log, &beside).unwrap();
            append(&beside, lines(20..22));
            fs::rename(&beside, log).unwrap();
        }
        "sed" => {
            let status = Command::new("sed").args(["-i", "s/absent/other/"]).arg(log).status().unwrap();
            assert!(status.success());
        }
        other => unreachable!("{other}"),
    }
}

#[test]
fn a_copy_that_takes_the_place_of_its_original_counts_only_what_is_new() {
    for way in ["mv and cp", "rsync", "sed"] {
        for is_running in [true, false] {
            let place = TestFolder::new();
            let log = place.log("app.log");
            append(&log, "");
            let mut daemon = place.resume("app.log");
            append(&log, lines(0..20));
            daemon.wait_sum(20);
            if !is_running {
                daemon.stop_with_sum(20);
                replace(way, &log);
                daemon = place.resume("app.log");
            } else {
                replace(way, &log);
                // The daemon says that it recognised the copy.
                daemon.wait_for("the copy", |events| {
                    events.iter().any(|event| {
                        event["reason"].as_str().is_some_and(|text| text.starts_with("a copy at the path"))
                    })
                });
            }
            let begun = if way == "rsync" { 22 } else { 20 };
            append(&log, lines(begun..begun + 3));
            daemon.wait_sum(begun + 3);
            let events = daemon.stop_with_sum(begun + 3);
            assert!(!news(&events, &log).contains(&"missed".to_owned()), "{way}, running: {is_running}");
        }
    }
}

/// Two generations may begin alike by chance, if that is short.
#[test]
fn short_generations_with_the_same_lines_count_each() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, "");
    let mut daemon = place.watch("app.log");
    for generation in 1..=3 {
        append(&log, lines(0..2));
        daemon.wait_sum(2 * generation);
        fs::rename(&log, place.log(&format!("app.log.{}", 4 - generation))).unwrap();
    }
    append(&log, lines(0..2));
    daemon.wait_sum(8);
    daemon.stop_with_sum(8);
}

#[test]
fn an_edit_of_lines_that_were_counted_is_reported() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, "");
    let mut daemon = place.watch("app.log");
    append(&log, lines(0..30));
    daemon.wait_sum(30);
    let status = Command::new("sed").args(["-i", "20s/line/LINE/"]).arg(&log).status().unwrap();
    assert!(status.success());
    daemon.wait_event("rewritten");
    append(&log, lines(30..33));
    daemon.wait_sum(63);
}

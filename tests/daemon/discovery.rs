//! Files and directories that appear while the daemon runs.

use std::fs;

use crate::common::{Daemon, TestFolder, append, lines};

fn appear_and_count(pattern: &str, names: &[&str]) {
    let place = TestFolder::new();
    let mut daemon = place.watch(pattern);
    for (n, name) in (1u64..).zip(names) {
        let log = place.log(name);
        fs::create_dir_all(log.parent().unwrap()).unwrap();
        append(&log, lines(0..3));
        append(&log, lines(3..5));
        daemon.wait_total(&log, 5);
        daemon.wait_sum(5 * n);
    }
    daemon.stop_with_sum(5 * names.len() as u64);
}

#[test]
fn a_new_file_is_found() {
    appear_and_count("*.log", &["a.log", "b.log"]);
    appear_and_count("a.log", &["a.log"]);
}

#[test]
fn a_new_directory_is_found_with_the_file_in_it() {
    appear_and_count("*/x.log", &["one/x.log", "two/x.log"]);
    appear_and_count("one/two/x.log", &["one/two/x.log"]);
}

#[test]
fn new_directories_are_found_at_any_depth() {
    appear_and_count("**/x.log", &["x.log", "one/x.log", "one/two/x.log", "a/b/c/d/x.log"]);
}

#[test]
fn a_directory_means_the_logs_in_it() {
    let place = TestFolder::new();
    append(&place.log("old.log"), "");
    let mut daemon = Daemon::run([place.log("")]);
    append(&place.log("old.log"), lines(0..2));
    append(&place.log("new.log"), lines(0..3));
    daemon.wait_sum(5);
    daemon.stop_with_sum(5);
}

#[test]
fn a_directory_that_is_moved_to_its_place_is_found() {
    let place = TestFolder::new();
    let mut daemon = place.watch("*/x.log");
    fs::create_dir(place.beside("new")).unwrap();
    append(&place.beside("new/x.log"), lines(0..4));
    fs::rename(place.beside("new"), place.log("new")).unwrap();
    daemon.wait_total(&place.log("new/x.log"), 4);
    append(&place.log("new/x.log"), lines(4..6));
    daemon.wait_total(&place.log("new/x.log"), 6);
    daemon.stop_with_sum(6);
}

#[test]
fn a_directory_that_is_removed_and_made_again_counts_on() {
    for pattern in ["app/x.log", "*/x.log", "**/x.log"] {
        let place = TestFolder::new();
        let log = place.log("app/x.log");
        fs::create_dir(place.log("app")).unwrap();
        append(&log, "");
        let mut daemon = place.watch(pattern);
        append(&log, lines(0..3));
        daemon.wait_total(&log, 3);
        for round in 1..=3 {
            let seen = daemon.events.len();
            fs::remove_dir_all(place.log("app")).unwrap();
            daemon.wait_event_after(seen, "removed");
            fs::create_dir(place.log("app")).unwrap();
            append(&log, lines(0..2));
            daemon.wait_total(&log, 3 + 2 * round);
        }
        // So quickly that no one sees it.
        fs::remove_dir_all(place.log("app")).unwrap();
        fs::create_dir(place.log("app")).unwrap();
        append(&log, lines(0..1));
        daemon.wait_total(&log, 10);
        append(&log, lines(1..2));
        daemon.wait_total(&log, 11);
        daemon.stop_with_sum(11);
    }
}

#[test]
fn a_hundred_files_at_once_are_found() {
    let place = TestFolder::new();
    let mut daemon = place.watch("*/*.log");
    for dir in 0..10 {
        fs::create_dir(place.log(&format!("{dir}"))).unwrap();
        for file in 0..10 {
            append(&place.log(&format!("{dir}/{file}.log")), lines(0..2));
        }
    }
    daemon.wait_sum(200);
    daemon.stop_with_sum(200);
}

//! Several names for one file: links, and names that a glob matches as well.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use crate::common::{TestFolder, append, lines};

#[test]
fn a_renamed_file_that_the_glob_matches_is_not_counted_twice() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, "");
    let mut daemon = place.watch("app.log*");
    for round in 1..=5 {
        append(&log, lines(0..10));
        daemon.wait_sum(12 * round - 2);
        fs::rename(&log, place.log(&format!("app.log.{round}"))).unwrap();
        append(&place.log(&format!("app.log.{round}")), lines(10..12));
        append(&log, "");
        daemon.wait_sum(12 * round);
    }
    daemon.listen(Duration::from_millis(500));
    daemon.stop_with_sum(60);
}

#[test]
fn a_renamed_file_is_not_counted_twice_after_its_grace() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, "");
    let mut daemon = place.watch_with("app.log*", "rotated_grace = \"0s\"");
    append(&log, lines(0..10));
    daemon.wait_sum(10);
    fs::rename(&log, place.log("app.log.1")).unwrap();
    append(&log, lines(0..1));
    daemon.wait_sum(11);
    daemon.listen(Duration::from_millis(500));
    append(&place.log("app.log.1"), lines(10..12));
    daemon.wait_sum(13);
    daemon.stop_with_sum(13);
}

#[test]
fn a_hard_link_is_not_counted_twice() {
    let place = TestFolder::new();
    let log = place.log("a.log");
    append(&log, "");
    let mut daemon = place.watch("*.log");
    append(&log, lines(0..3));
    daemon.wait_sum(3);
    fs::hard_link(&log, place.log("b.log")).unwrap();
    append(&place.log("b.log"), lines(3..5));
    daemon.wait_sum(5);
    fs::remove_file(&log).unwrap();
    append(&place.log("b.log"), lines(5..6));
    daemon.wait_sum(6);
    daemon.listen(Duration::from_millis(300));
    daemon.stop_with_sum(6);
}

#[test]
fn hard_links_from_the_start_are_not_counted_twice() {
    let place = TestFolder::new();
    append(&place.log("a.log"), lines(0..3));
    fs::hard_link(place.log("a.log"), place.log("b.log")).unwrap();
    symlink(place.log("a.log"), place.log("c.log")).unwrap();
    let mut daemon = place.watch_with("*.log", "start = \"beginning\"");
    append(&place.log("b.log"), lines(3..5));
    daemon.wait_sum(5);
    daemon.listen(Duration::from_millis(300));
    daemon.stop_with_sum(5);
}

fn switch(link: &Path, target: &Path) {
    let new = link.with_extension("new");
    symlink(target, &new).unwrap();
    fs::rename(&new, link).unwrap();
}

#[test]
fn a_symbolic_link_is_followed_also_when_it_is_switched() {
    let place = TestFolder::new();
    fs::create_dir(place.beside("targets")).unwrap();
    let target = |n: u64| place.beside(&format!("targets/{n}.txt"));
    let log = place.log("app.log");
    append(&target(0), "");
    symlink(target(0), &log).unwrap();
    let mut daemon = place.watch("*.log");
    append(&target(0), lines(0..2));
    daemon.wait_total(&log, 2);
    for round in 1..=4 {
        append(&target(round), lines(0..3));
        switch(&log, &target(round));
        daemon.wait_total(&log, 2 + (round - 1) * 5 + 3);
        append(&target(round), lines(3..5));
        daemon.wait_total(&log, 2 + round * 5);
    }
    // What stands at the link's end is rotated.
    fs::rename(target(4), place.beside("targets/4.txt.1")).unwrap();
    append(&target(4), lines(0..1));
    daemon.wait_total(&log, 23);
    daemon.stop_with_sum(23);
}

#[test]
fn a_chain_of_links_is_followed() {
    let place = TestFolder::new();
    for dir in ["pods", "pods/web", "docker", "docker/id"] {
        fs::create_dir(place.beside(dir)).unwrap();
    }
    let (json, zero) = (place.beside("docker/id/id-json.log"), place.beside("pods/web/0.log"));
    append(&json, "");
    symlink(&json, &zero).unwrap();
    let mut daemon = place.watch("*.log");
    // The chain itself comes late.
    let log = place.log("web.log");
    symlink(&zero, &log).unwrap();
    append(&json, lines(0..4));
    daemon.wait_total(&log, 4);
    // The runtime rotates.
    fs::rename(&json, place.beside("docker/id/id-json.log.1")).unwrap();
    append(&json, lines(0..3));
    daemon.wait_total(&log, 7);
    append(&json, lines(3..4));
    daemon.wait_total(&log, 8);
    // The container starts again: the link in the middle is another.
    let next = place.beside("docker/next-json.log");
    append(&next, lines(0..2));
    switch(&zero, &next);
    daemon.wait_total(&log, 10);
    append(&next, lines(2..3));
    daemon.wait_total(&log, 11);
    daemon.stop_with_sum(11);
}

#[test]
fn a_directory_behind_a_switched_link_is_followed() {
    let place = TestFolder::new();
    for release in ["1", "2"] {
        fs::create_dir(place.beside(release)).unwrap();
        append(&place.beside(&format!("{release}/app.log")), "");
    }
    symlink(place.beside("1"), place.log("current")).unwrap();
    let log = place.log("current/app.log");
    let mut daemon = place.watch("current/*.log");
    append(&place.beside("1/app.log"), lines(0..2));
    daemon.wait_total(&log, 2);
    append(&place.beside("2/app.log"), lines(0..3));
    switch(&place.log("current"), &place.beside("2"));
    daemon.wait_total(&log, 5);
    append(&place.beside("2/app.log"), lines(3..4));
    daemon.wait_total(&log, 6);
    daemon.stop_with_sum(6);
}

//! Directories that go and come back while someone writes.

use std::fs;
use std::io::Write;
use std::path::Path;

use crate::common::{TestFolder, append, appender, lines};
use crate::wait_watched;

/// Where the directory above is watched, nothing may depend on a sweep. Elsewhere the kernel says nothing: it tells of a
/// directory's removal once no one holds a file in it, and never of what happens further up.
fn place(pattern: &str) -> TestFolder {
    let mut place = TestFolder::new();
    if pattern.starts_with("app") {
        place.sweep_interval = "1s";
    }
    place
}

fn rounds(place: &TestFolder) -> u64 {
    if place.sweep_interval == "1s" { 2 } else { 10 }
}

fn go_and_come_back(pattern: &str, replace: impl Fn(&TestFolder, &Path, u64)) {
    let place = place(pattern);
    let (dir, log) = (place.log("app"), place.log("app/x.log"));
    fs::create_dir(&dir).unwrap();
    append(&log, "");
    eprintln!("{pattern}");
    let mut daemon = place.watch(pattern);
    let mut total = 0;
    for round in 0..rounds(&place) {
        let mut writer = appender(&log);
        writer.write_all(&lines(0..4)).unwrap();
        total += 4;
        daemon.wait_sum(total);
        replace(&place, &dir, round);
        // The writer holds the file that went.
        writer.write_all(&lines(4..6)).unwrap();
        append(&log, lines(0..3));
        writer.write_all(&lines(6..7)).unwrap();
        total += 6;
        daemon.wait_sum(total);
    }
    wait_watched(&daemon, &dir);
    append(&log, lines(0..1));
    daemon.wait_sum(total + 1);
    daemon.stop_with_sum(total + 1);
}

fn remove_and_make(_: &TestFolder, dir: &Path, _: u64) {
    fs::remove_dir_all(dir).unwrap();
    fs::create_dir(dir).unwrap();
}

fn rename_and_make(place: &TestFolder, dir: &Path, round: u64) {
    fs::rename(dir, place.beside(&format!("old-{round}"))).unwrap();
    fs::create_dir(dir).unwrap();
}

/// Two renames: the new directory is complete when it appears.
fn rename_another_there(place: &TestFolder, dir: &Path, round: u64) {
    fs::create_dir(place.beside("new")).unwrap();
    append(&place.beside("new/x.log"), "");
    fs::rename(dir, place.beside(&format!("old-{round}"))).unwrap();
    fs::rename(place.beside("new"), dir).unwrap();
}

#[test]
fn a_directory_that_is_removed_and_made_again_under_a_writer() {
    for pattern in ["app/x.log", "app/*.log", "*/x.log", "**/*.log"] {
        go_and_come_back(pattern, remove_and_make);
    }
}

#[test]
fn a_directory_that_is_renamed_and_made_again_under_a_writer() {
    for pattern in ["app/x.log", "app/*.log", "**/*.log"] {
        go_and_come_back(pattern, rename_and_make);
    }
}

#[test]
fn a_directory_that_another_takes_the_place_of_under_a_writer() {
    for pattern in ["app/x.log", "app/*.log", "**/*.log"] {
        go_and_come_back(pattern, rename_another_there);
    }
}

/// What watches the last one must not be dropped by the belated news of those before.
#[test]
fn directories_that_come_and_go_faster_than_their_news_are_watched_in_the_end() {
    for pattern in ["app/sub/x.log", "*/sub/*.log", "**/x.log"] {
        let place = place(pattern);
        let sub = place.log("app/sub");
        fs::create_dir_all(&sub).unwrap();
        append(&sub.join("x.log"), "");
        eprintln!("{pattern}");
        let mut daemon = place.watch(pattern);
        let mut total = 0;
        for round in 0..rounds(&place) {
            for n in 0..20 {
                fs::rename(place.log("app"), place.beside(&format!("old-{round}-{n}"))).unwrap();
                fs::create_dir_all(&sub).unwrap();
            }
            append(&sub.join("x.log"), lines(0..3));
            total += 3;
            daemon.wait_sum(total);
            wait_watched(&daemon, &sub);
            append(&sub.join("x.log"), lines(3..5));
            total += 2;
            daemon.wait_sum(total);
        }
        daemon.stop_with_sum(total);
    }
}

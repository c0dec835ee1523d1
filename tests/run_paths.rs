//! What the paths of `spiketail run` mean.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that cannot go on fails")]

mod common;

use std::ffi::OsString;
use std::fs;

use common::{Daemon, TestFolder, append};

fn run(paths: &[std::path::PathBuf], more: &[&str]) -> Daemon {
    let words = ["--format", "json", "--from-start"];
    let words = words.iter().chain(more).map(|word| OsString::from(*word));
    Daemon::run(words.chain(paths.iter().map(|path| path.clone().into_os_string())))
}

#[test]
fn a_directory_means_all_logs_below_it_but_no_binary_files() {
    let folder = TestFolder::new();
    fs::create_dir_all(folder.log("a/b")).unwrap();
    fs::create_dir_all(folder.log(".hidden")).unwrap();
    for name in ["top.log", "a/one.log", "a/b/two.log", "wtmp", "a/lastlog", ".hidden/x.log", "a/one.log.1"] {
        append(&folder.log(name), "ERROR\n");
    }
    let mut daemon = run(&[folder.log("")], &[]);
    daemon.wait_sum(3);
    let left_out = daemon.wait_event("left_out");
    assert_eq!(left_out["count"], 2);
    assert!(left_out["reason"].as_str().unwrap().contains("wtmp"), "{left_out}");
    // What comes later, too, in a directory that comes later.
    fs::create_dir_all(folder.log("new/deep")).unwrap();
    append(&folder.log("new/deep/late.log"), "ERROR\n");
    daemon.wait_sum(4);
    let events = daemon.kill();
    assert_eq!(common::sum(&events), 4);
    assert_eq!(events.iter().filter(|event| event["event"] == "left_out").count(), 1);
}

#[test]
fn a_name_that_exists_is_meant_literally() {
    let folder = TestFolder::new();
    for name in ["app[prod].log", "appp.log", "{x}.log"] {
        append(&folder.log(name), "ERROR\n");
    }
    let mut daemon = run(&[folder.log("app[prod].log"), folder.log("{x}.log")], &[]);
    daemon.wait_total(&folder.log("app[prod].log"), 1);
    daemon.wait_total(&folder.log("{x}.log"), 1);
    assert_eq!(common::sum(&daemon.kill()), 2);
}

#[test]
fn braces_and_exclusions_may_hold_slashes() {
    let folder = TestFolder::new();
    for name in ["nginx/a.log", "app/current/b.log", "app/c.log", "app/current/debug.log"] {
        fs::create_dir_all(folder.log(name).parent().unwrap()).unwrap();
        append(&folder.log(name), "ERROR\n");
    }
    let mut daemon = run(&[folder.log("{nginx,app/current}/*.log")], &["--exclude", "current/debug.log"]);
    daemon.wait_total(&folder.log("nginx/a.log"), 1);
    daemon.wait_total(&folder.log("app/current/b.log"), 1);
    assert_eq!(common::sum(&daemon.kill()), 2);
}

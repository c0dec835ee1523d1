//! The daemon does not count what it writes itself.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use common::{Daemon, TestFolder, append, lines};
use rustix::process::Signal;

/// A configuration whose output and state lie below the watched glob.
fn config(place: &TestFolder, more: &str) -> std::path::PathBuf {
    let logs = place.log("");
    place.config(&format!(
        "[watch.logs]\npaths = [\"{logs}*\"]\nstart = \"beginning\"\n[rule.errors]\nany = [\"ERROR\", \"errors\"]\n\
         [alert.a]\nover = 0\n[output.file]\ntype = \"json\"\npath = \"{logs}own.log\"\n[output.out]\ntype = \"json\"\n{more}",
        logs = logs.display()
    ))
}

#[test]
fn outputs_and_state_below_a_watched_glob_are_not_counted() {
    let place = TestFolder::new();
    let (log, own) = (place.log("app.log"), place.log("own.log"));
    append(&log, "");
    append(&own, "ERROR from an earlier run\n");
    symlink(&own, place.log("link.log")).unwrap();
    let config = config(&place, "");
    let state = place.log("");
    let mut command = Command::new(env!("CARGO_BIN_EXE_spiketail"));
    command.args(["run", "-c", config.to_str().unwrap(), "--state", state.to_str().unwrap()]);
    let mut daemon = Daemon::spawn(command);
    append(&log, lines(0..3));
    daemon.wait_status_sum(3);
    // The alert and the counts are in its own output by now, and that is rotated and opened again.
    fs::rename(&own, place.log("own.log.1")).unwrap();
    daemon.signal(Signal::HUP);
    daemon.wait_event("reloaded");
    append(&log, lines(3..5));
    daemon.wait_status_sum(5);
    assert!(own.exists(), "the output was opened anew");
    daemon.catch_up();
    let status = daemon.full_status();
    let names: Vec<&str> =
        status["files"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap()).collect();
    assert_eq!(names, [log.to_str().unwrap()]);
    daemon.stop_with_sum(5);
}

#[test]
fn check_names_the_output_that_a_watch_means() {
    let place = TestFolder::new();
    append(&place.log("app.log"), "");
    let config = config(&place, "");
    let output =
        Command::new(env!("CARGO_BIN_EXE_spiketail")).arg("check").arg("-c").arg(&config).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let own = place.log("own.log");
    let expected = format!("{}: an output writes it and [watch.logs] means it", own.display());
    assert!(output.status.success() && text.contains(&expected), "{text}");
}

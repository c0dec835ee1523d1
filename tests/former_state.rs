//! The state of a former version is resumed: no line is lost or counted twice, and what it announced is ended.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that cannot go on fails")]

mod common;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::UNIX_EPOCH;

use common::{Daemon, TestFolder, append};
use rusqlite::{Connection, params};

/// What the log held when the former version was stopped: every fourth line matches.
fn former_lines() -> String {
    let level = |n: usize| if n.is_multiple_of(4) { "ERROR" } else { "INFO" };
    (0..100).map(|n| format!("2026-11-26T10:00:{:02}Z {} line {n}\n", n % 60, level(n))).collect()
}

/// Puts the state of the former version into `folder`, as if it had read the file that is at `log` now.
fn restore(folder: &Path, log: &Path) {
    let sql = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/state-0.1.sql"));
    let sql = sql.unwrap().replace("/logs/app.log", log.to_str().unwrap());
    fs::create_dir_all(folder).unwrap();
    let connection = Connection::open(folder.join("state.db")).unwrap();
    connection.execute_batch(&sql).unwrap();
    let meta = fs::metadata(log).unwrap();
    let born_ns = meta.created().map_or(0, |born| born.duration_since(UNIX_EPOCH).unwrap().as_nanos() as i64);
    let changed = connection.execute(
        "UPDATE places SET dev = ?1, ino = ?2, born_ns = ?3, is_settled = 0",
        params![meta.dev().cast_signed(), meta.ino().cast_signed(), born_ns],
    );
    assert_eq!(changed.unwrap(), 1);
}

#[test]
fn counts_continue_and_an_alert_that_is_no_longer_defined_is_resolved() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, former_lines());
    restore(&place.state(), &log);
    append(&log, "2026-11-26T10:02:00Z ERROR line 100\n2026-11-26T10:02:01Z INFO line 101\n");
    let config = place.config(&format!(
        "[watch.logs]\npaths = [\"{}\"]\nstart = \"beginning\"\n[rule.errors]\nany = [\"ERROR\"]\n\
         [output.out]\ntype = \"json\"\n",
        log.display()
    ));
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_spiketail"));
    command.args(["run", "-c", config.to_str().unwrap(), "--state", place.state().to_str().unwrap()]);
    let mut daemon = Daemon::spawn(command);
    daemon.wait_total(&log, 26);
    daemon.wait_for("the end of the alert", |events| {
        events.iter().any(|event| event["target"] == "spiketail::alert")
    });
    let events = daemon.stop().events;
    let of = |target: &str| events.iter().filter(|event| event["target"] == target).collect::<Vec<_>>();
    let deltas: u64 = of("spiketail::count").iter().map(|event| event["delta"].as_u64().unwrap()).sum();
    assert_eq!(deltas, 1, "only the new line is counted");
    let alerts = of("spiketail::alert");
    assert_eq!(alerts.len(), 1);
    assert_eq!((&alerts[0]["alert"], &alerts[0]["state"]), (&"many".into(), &"resolved".into()));
    assert!(alerts[0]["fingerprint"].as_str().is_some_and(|id| id.len() == 16));
    assert!(of("spiketail::file").iter().all(|event| event["event"] != "missed"), "{events:#?}");
}

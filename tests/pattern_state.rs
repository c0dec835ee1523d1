//! The daemon keeps the patterns of the lines that it counted, with the counts: nothing is lost or counted twice, whatever ends it.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use common::{TestFolder, append};
use fastrand::Rng;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

/// How often it is killed; `SPIKETAIL_KILLS` sets it.
const KILLS: usize = 12;
const LINES_AT_ONCE: usize = 300;

/// A line of a program whose messages vary in numbers and names; every third is no error.
fn line(rng: &mut Rng, n: usize) -> String {
    let host = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"];
    let host = host[rng.usize(..host.len())];
    let stamp = format!("2026-11-26T10:{:02}:{:02}Z", n / 60 % 60, n % 60);
    match rng.u32(..6) {
        0 | 1 => format!("{stamp} INFO all is well {n}\n"),
        2 => format!("{stamp} ERROR db: connection to 10.0.0.{}:5432 refused\n", n % 250),
        3 => format!("{stamp} ERROR cannot resolve the name {host} within the time\n"),
        4 => format!("{stamp} ERROR disk {n} is full\n"),
        _ => format!("{stamp} ERROR upstream timed out\n"),
    }
}

/// The patterns in the state, by id, and the totals of the files.
fn committed(folder: &Path) -> (BTreeMap<String, u64>, u64) {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let state = Connection::open_with_flags(folder.join("state.db"), flags).unwrap();
    // One statement, one snapshot.
    let mut rows = state
        .prepare("SELECT pattern, lines FROM patterns UNION ALL SELECT 'total', sum(matched) FROM totals")
        .unwrap();
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs()))).unwrap();
    let mut patterns: BTreeMap<String, u64> = rows.map(Result::unwrap).collect();
    let total = patterns.remove("total").unwrap();
    (patterns, total)
}

/// The patterns of the log by `spiketail patterns`.
fn grouped(log: &Path) -> BTreeMap<String, u64> {
    let output =
        Command::new(env!("CARGO_BIN_EXE_spiketail")).arg("patterns").arg("--json").arg(log).output();
    let found: Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
    let of =
        |pattern: &Value| (pattern["id"].as_str().unwrap().to_owned(), pattern["lines"].as_u64().unwrap());
    found["patterns"].as_array().unwrap().iter().map(of).collect()
}

#[test]
fn patterns_add_up_and_keep_their_ids_however_often_the_daemon_is_killed() {
    let seed = std::env::var("SPIKETAIL_SEED").map_or_else(|_| fastrand::u64(..), |s| s.parse().unwrap());
    println!("SPIKETAIL_SEED={seed}");
    let mut rng = Rng::with_seed(seed);
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, "2026-11-26T09:00:00Z INFO begin\n");
    let (mut written, mut matching) = (0, 0);
    let kills = std::env::var("SPIKETAIL_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    for _ in 0..kills {
        let mut daemon = place.resume(log.to_str().unwrap());
        for _ in 0..rng.usize(1..4) {
            let lines: Vec<String> =
                (0..rng.usize(1..LINES_AT_ONCE)).map(|n| line(&mut rng, written + n)).collect();
            written += lines.len();
            matching += lines.iter().filter(|line| line.contains("ERROR")).count() as u64;
            append(&log, lines.concat());
            if rng.bool() {
                daemon.wait_status_sum(matching);
            }
        }
        daemon.kill();
        if place.state().join("state.db").exists() {
            let (patterns, total) = committed(&place.state());
            assert_eq!(patterns.values().sum::<u64>(), total);
        }
    }
    let mut daemon = place.resume(log.to_str().unwrap());
    daemon.wait_status_sum(matching);
    daemon.stop();
    let (patterns, total) = committed(&place.state());
    assert_eq!(total, matching);
    assert_eq!(patterns, grouped(&log), "the same ids and counts as of the whole log at once");
}

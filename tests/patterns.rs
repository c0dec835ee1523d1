//! `spiketail patterns` from outside: what it prints and how it exits.
#![allow(clippy::unwrap_used, reason = "a failed expectation must fail the test")]

mod compress;

use assert_cmd::cargo::cargo_bin;
use compress::gzip;
use predicates::str::{contains, is_empty};

const LOG: &str = "\
2026-11-26 10:41:07 ERROR db: connection to 10.0.0.8:5432 refused
2026-11-26 10:41:08 INFO db: connected
2026-11-26 10:41:09 ERROR db: connection to 10.0.0.9:5432 refused
2026-11-26 10:41:10 ERROR upstream timed out
2026-11-26 10:41:11 ERROR db: connection to 10.0.0.9:5433 refused
";

/// Runs `spiketail patterns` with `LOG` in app.log.
fn patterns(args: &[&str]) -> (tempfile::TempDir, assert_cmd::Command) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("app.log"), LOG).unwrap();
    std::fs::write(folder.path().join("app.log.1.gz"), gzip(LOG.as_bytes())).unwrap();
    let mut command = assert_cmd::Command::new(cargo_bin("spiketail"));
    command.current_dir(folder.path()).arg("patterns").args(args);
    (folder, command)
}

fn stdout(args: &[&str]) -> String {
    let (_folder, mut command) = patterns(args);
    String::from_utf8(command.assert().code(0).stderr(is_empty()).get_output().stdout.clone()).unwrap()
}

fn json(args: &[&str]) -> serde_json::Value {
    serde_json::from_str(&stdout(args)).unwrap()
}

#[test]
fn the_most_frequent_comes_first_with_times_and_a_sample() {
    let found = json(&["app.log", "--json"]);
    assert_eq!((&found["lines"], &found["other"]), (&4.into(), &0.into()));
    let first = &found["patterns"][0];
    assert_eq!(first["text"], "db: connection to <IP>:<N> refused");
    assert_eq!((&first["lines"], &first["share"]), (&3.into(), &0.75.into()));
    assert!(first["sample"].as_str().unwrap().ends_with("10.0.0.8:5432 refused"));
    let newest = json(&["app.log", "--json", "--sort", "new"]);
    assert_eq!(newest["patterns"][0]["text"], "upstream timed out");
    let table = stdout(&["app.log"]);
    assert!(table.contains("75.0%") && table.contains("upstream timed out"), "{table}");
}

#[test]
fn rules_choose_the_lines() {
    assert_eq!(json(&["app.log", "--all", "--json"])["lines"], 5);
    assert_eq!(json(&["app.log", "-e", "timed", "--json"])["lines"], 1);
    assert_eq!(json(&["app.log", "-F", "-i", "-e", "TIMED", "--json"])["lines"], 1);
    let (_folder, mut command) = patterns(&["app.log", "-e", "nothing like it"]);
    command.assert().code(1).stdout(is_empty()).stderr(is_empty());
}

#[test]
fn compressed_files_and_standard_input_are_read() {
    assert_eq!(json(&["app.log", "app.log.1.gz", "--json"])["lines"], 8);
    let (_folder, mut command) = patterns(&["-", "--json"]);
    command.write_stdin(LOG).assert().code(0).stdout(contains("\"lines\":4"));
    let (_folder, mut command) = patterns(&["app.log", "missing.log"]);
    command.assert().code(2).stdout(contains("refused")).stderr(contains("cannot read missing.log"));
}

#[test]
fn every_line_gets_an_id_or_an_empty_line() {
    let ids: Vec<String> = stdout(&["app.log", "--assign"]).lines().map(str::to_owned).collect();
    assert_eq!(ids.len(), 5);
    assert!(ids[1].is_empty() && ids[0] == ids[2] && ids[0] == ids[4] && ids[0] != ids[3]);
    assert_eq!(ids[0].len(), 16);
    assert!(stdout(&["app.log", "--assign", "--all"]).lines().all(|id| !id.is_empty()));
}

#[test]
fn final_ids_are_those_after_the_merges() {
    let names = ["root", "home", "swap", "data", "boot"];
    let log: String = names.iter().map(|name| format!("ERROR volume {name} is full\n")).collect();
    let run = |assign: &str| {
        let (_folder, mut command) = patterns(&["-", assign]);
        let output = command.write_stdin(log.clone()).assert().code(0).get_output().stdout.clone();
        let ids: std::collections::BTreeSet<String> =
            String::from_utf8(output).unwrap().lines().map(str::to_owned).collect();
        ids.len()
    };
    assert!(run("--assign") > 1);
    assert_eq!(run("--assign=final"), 1);
}

#[test]
fn a_configuration_says_how_lines_tell_their_time_and_what_is_hidden() {
    let (folder, mut command) = patterns(&["-c", "c.toml", "local.log", "--json"]);
    let config = "[watch.app]\npaths = [\"*.log\"]\ntime.zone = \"+05:00\"\n[rule.errors]\nany = [\"ERROR\"]\n\
                  [pattern]\nmask = 'tenant-\\w+'\n";
    std::fs::write(folder.path().join("c.toml"), config).unwrap();
    let text =
        "2026-11-26 10:00:00 ERROR no quota for tenant-a\n2026-11-26 10:00:01 ERROR no quota for tenant-b\n";
    std::fs::write(folder.path().join("local.log"), text).unwrap();
    let output = command.assert().code(0).get_output().stdout.clone();
    let found: serde_json::Value = serde_json::from_slice(&output).unwrap();
    let pattern = &found["patterns"][0];
    assert_eq!((&pattern["text"], &pattern["lines"]), (&"no quota for <*>".into(), &2.into()));
    assert_eq!(pattern["first_seen"], "2026-11-26T05:00:00Z");
}

#[test]
fn levels_records_and_exclusions_choose_lines_in_every_command() {
    let (folder, mut command) = patterns(&["--level", "error", "app.log", "x.log", "--json"]);
    let text = "2026-11-26 10:41:08 INFO retry after ERROR\n2026-11-26 10:41:08 [crit] no inodes\n caused by an inode that errors, crit\n\
                2026-11-26 10:41:09 ERROR a\n";
    std::fs::write(folder.path().join("x.log"), text).unwrap();
    let found: serde_json::Value =
        serde_json::from_slice(&command.assert().code(0).get_output().stdout.clone()).unwrap();
    assert_eq!(found["lines"], 6);
    let scan = |args: &[&str]| {
        let mut command = assert_cmd::Command::new(cargo_bin("spiketail"));
        command.current_dir(folder.path()).args(["scan", "--json"]).args(args);
        let output = command.assert().get_output().stdout.clone();
        let found: serde_json::Value = serde_json::from_slice(&output).unwrap_or_default();
        found["total"]["lines_matched"]["errors"].as_u64()
    };
    assert_eq!(scan(&["--level", "error", "x.log"]), Some(2));
    assert_eq!(scan(&["--level", "error", "--exclude", "x.*", "app.log", "x.log"]), Some(4));
    assert_eq!(scan(&["--record-start", "^2026", "-e", "ERROR|crit", "x.log"]), Some(3));
    let mut wrong = assert_cmd::Command::new(cargo_bin("spiketail"));
    wrong.args(["scan", "--level", "bad", "x.log"]).assert().code(2).stderr(contains("it is no level"));
    let mut replay = assert_cmd::Command::new(cargo_bin("spiketail"));
    let shown = replay.current_dir(folder.path()).args(["replay", "--json", "--level", "error", "x.log"]);
    shown.assert().code(0).stdout(contains("\"lines_matched\":2"));
}

/// Two errors with the same first line and other traces, and one trace twice.
const TRACES: &str = "\
2026-11-26 10:41:07 ERROR request failed
java.lang.IllegalStateException: no stock for 7
\tat java.base/java.util.Optional.orElseThrow(Optional.java:403)
\tat com.shop.Cart.total(Cart.java:12)
2026-11-26 10:41:08 INFO served
2026-11-26 10:41:09 ERROR request failed
java.lang.IllegalStateException: no stock for 9
\tat java.base/java.util.Optional.orElseThrow(Optional.java:404)
\tat com.shop.Cart.total(Cart.java:13)
2026-11-26 10:41:10 ERROR request failed
java.net.SocketException: reset
\tat com.shop.Client.call(Client.java:7)
2026-11-26 10:41:11 ERROR request failed
";

#[test]
fn records_are_grouped_by_their_first_line_and_their_trace() {
    let texts = |args: &[&str], config: &str| -> Vec<(u64, String)> {
        let (folder, mut command) = patterns(args);
        std::fs::write(folder.path().join("trace.log"), TRACES).unwrap();
        std::fs::write(folder.path().join("c.toml"), config).unwrap();
        let found: serde_json::Value =
            serde_json::from_slice(&command.assert().code(0).get_output().stdout.clone()).unwrap();
        let patterns = found["patterns"].as_array().unwrap().iter();
        let mut texts: Vec<_> = patterns
            .map(|pattern| (pattern["lines"].as_u64().unwrap(), pattern["text"].as_str().unwrap().to_owned()))
            .collect();
        texts.sort();
        texts
    };
    let wanted = [
        (1, "request failed".to_owned()),
        (1, "request failed SocketException Client call".to_owned()),
        (2, "request failed IllegalStateException Cart total".to_owned()),
    ];
    assert_eq!(texts(&["--level", "error", "--multiline", "java", "trace.log", "--json"], ""), wanted);
    assert_eq!(texts(&["--level", "error", "--record-start", "^2026", "trace.log", "--json"], ""), wanted);
    let of_watch =
        "[rule.errors]\nlevel = \"error\"\n[watch.app]\npaths = [\"*.log\"]\nrecord_start = '^2026'\n";
    assert_eq!(texts(&["-c", "c.toml", "trace.log", "--json"], of_watch), wanted);
}

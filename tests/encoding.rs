//! Logs in UTF-16: what reads a file from front to back decodes them, and the daemon reports them.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that cannot go on fails")]

mod common;

use std::process::Command;

use common::{TestFolder, append};
use serde_json::Value;

const LINES: &str = "2026-11-22 10:00:00.12 spid1 ERROR größer\r\n2026-11-22 10:00:01.12 spid1 fine\r\n\
                     2026-11-22 10:00:02.12 spid1 ERROR\r\n";

fn encoded(mark: &str, is_big: bool) -> Vec<u8> {
    let units = mark.encode_utf16().chain(LINES.encode_utf16());
    units.flat_map(|unit| if is_big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
}

fn printed(args: &[&str], path: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_spiketail")).args(args).arg(path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn scan_and_replay_decode_them() {
    let folder = TestFolder::new();
    for (name, bytes) in [
        ("le.log", encoded("\u{feff}", false)),
        ("be.log", encoded("\u{feff}", true)),
        ("plain-le.log", encoded("", false)),
        ("plain-be.log", encoded("", true)),
    ] {
        let path = folder.log(name);
        std::fs::write(&path, bytes).unwrap();
        let path = path.to_str().unwrap();
        let scanned: Value = serde_json::from_str(&printed(&["scan", "--json"], path)).unwrap();
        assert_eq!(scanned["total"]["lines_matched"]["errors"], 2, "{name}");
        assert_eq!(scanned["total"]["bytes"], LINES.len(), "{name}");
        let replayed = printed(&["replay", "--json"], path);
        let replayed: Value = serde_json::from_str(replayed.lines().last().unwrap()).unwrap();
        assert_eq!(
            (&replayed["lines_matched"], &replayed["to"]),
            (&2.into(), &"2026-11-22T10:00:02.12Z".into())
        );
    }
}

#[test]
fn check_and_the_daemon_report_them() {
    let folder = TestFolder::new();
    std::fs::write(folder.log("a.log"), encoded("\u{feff}", false)).unwrap();
    let paths = folder.log("*.log");
    let config = folder.config(&format!("[watch.logs]\npaths = [{:?}]\n", paths.to_str().unwrap()));
    let checked = printed(&["check", "-c"], config.to_str().unwrap());
    assert!(checked.contains("a.log  its text is UTF-16LE"), "{checked}");
    let mut daemon = folder.watch("*.log");
    let reported = |events: &[Value], name: &str| {
        events
            .iter()
            .filter(|event| event["event"] == "wrong_encoding")
            .filter(|event| event["level"] == "WARN" && event["reason"].as_str().unwrap().contains(name))
            .count()
    };
    daemon.wait_for("a report of a.log", |events| reported(events, "a.log: its text is UTF-16LE") == 1);
    append(&folder.log("b.log"), encoded("", true));
    daemon.wait_for("a report of b.log", |events| reported(events, "b.log: its text is UTF-16BE") == 1);
    append(&folder.log("b.log"), encoded("", true));
    append(&folder.log("c.log"), "ERROR\n");
    daemon.wait_total(&folder.log("c.log"), 1);
    let events = daemon.kill();
    assert_eq!((reported(&events, "b.log"), reported(&events, "c.log")), (1, 0));
}

//! The commands read the files of the systemd journal by themselves: no journalctl and no libsystemd is needed.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that cannot go on fails")]

use std::path::Path;

use assert_cmd::cargo::cargo_bin;
use predicates::str::{contains, is_match};
use serde_json::Value;

/// The folder of a journal with 240 entries of four units, of which 41 have the priority of an error, and 87 say ERROR.
fn journal(format: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/journal");
    let packed = std::fs::File::open(fixtures.join(format!("{format}.journal.zst"))).unwrap();
    let machine = folder.path().join("0123456789abcdef0123456789abcdef");
    std::fs::create_dir(&machine).unwrap();
    std::fs::write(machine.join("system.journal"), zstd::decode_all(packed).unwrap()).unwrap();
    folder
}

fn spiketail(command: &str, folder: &Path, args: &[&str]) -> assert_cmd::Command {
    let mut spiketail = assert_cmd::Command::new(cargo_bin("spiketail"));
    spiketail.arg(command).arg(format!("--journal={}", folder.display())).args(args);
    spiketail
}

fn json(command: &mut assert_cmd::Command) -> Value {
    serde_json::from_slice(&command.assert().success().get_output().stdout).unwrap()
}

#[test]
fn scan_counts_by_unit_in_every_format() {
    for format in ["zstd", "zstd-compact", "xz", "lz4-compact"] {
        let folder = journal(format);
        let total = |args: &[&str]| {
            json(&mut spiketail("scan", folder.path(), args))["total"]["lines_matched"]["errors"].clone()
        };
        assert_eq!(total(&["--json", "-e", "ERROR"]), 87, "{format}");
        assert_eq!(total(&["--json", "-e", "^ERROR request [0-9]+ failed"]), 5, "{format}");
    }
    let folder = journal("xz");
    let assert = spiketail("scan", folder.path(), &["--level", "error"]).assert().success();
    // A priority is the level, whatever the message says.
    assert
        .stdout(is_match("(?m)^nginx.service .* 30$").unwrap())
        .stdout(is_match("(?m)^total .* 41$").unwrap());
}

#[test]
fn patterns_and_replay_read_the_journal() {
    let folder = journal("lz4-compact");
    let patterns = spiketail("patterns", folder.path(), &["-e", "ERROR"]).assert().success();
    // A trace belongs to the pattern of its first line, with the innermost frame.
    patterns
        .stdout(contains("ERROR request <N> took <N>"))
        .stdout(is_match("ERROR request <N> failed b c\n").unwrap());
    let replay = spiketail("replay", folder.path(), &["--no-plot", "-e", "ERROR"]).assert().success();
    replay
        .stdout(contains("2025-11-26 10:00:01"))
        .stdout(contains("error-spike: 51 errors"))
        .stdout(contains("app-a.service 14"))
        .stdout(contains("of 4 logs"));
}

#[test]
fn what_cannot_be_read_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let none = folder.path().join("none");
    spiketail("scan", &none, &[]).assert().code(2).stderr(contains("there is no journal in"));
    std::fs::write(folder.path().join("system.journal"), "no journal").unwrap();
    std::fs::write(folder.path().join("other.journal"), [b'x'; 1_000]).unwrap();
    let refused = spiketail("scan", folder.path(), &[]).assert().code(2);
    refused.stderr(contains("it is no journal file"));
    spiketail("scan", folder.path(), &["app.log"]).assert().code(2).stderr(contains("cannot be used with"));
}

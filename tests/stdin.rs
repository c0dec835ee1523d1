//! `run -` counts standard input until it ends.
#![allow(clippy::unwrap_used, reason = "a failed expectation must fail the test")]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

fn start(args: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spiketail"));
    command.args(["run", "-"]).args(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// What it printed for `text`, after it ended in good order.
fn printed(text: &str, args: &[&str]) -> String {
    let mut child = start(args);
    let mut input = child.stdin.take().unwrap();
    input.write_all(text.as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert!(errors.is_empty(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn it_prints_for_people_what_was_counted() {
    let text = "2026-11-22 10:00:00 ERROR cannot open 7\nwell\n2026-11-22 10:00:01 ERROR cannot open 8";
    let shown = printed(text, &[]);
    assert!(shown.contains("2  lines of errors"), "{shown}");
    assert!(shown.contains("2  cannot open <N>"), "{shown}");
}

#[test]
fn pieces_of_a_container_are_joined_and_the_last_one_counts() {
    let stamp = "2026-11-22T10:00:00.1Z";
    let text = format!(
        "{stamp} stdout P ERROR disk\n{stamp} stderr F ok\n{stamp} stdout F  full\n{stamp} stderr P ERROR disk full"
    );
    let shown = printed(&text, &["--format", "json", "-e", "^ERROR disk full$"]);
    let summary: serde_json::Value = serde_json::from_str(shown.lines().last().unwrap()).unwrap();
    assert_eq!(summary["lines_matched"]["errors"], 2, "{shown}");
    assert_eq!(summary["bytes"], text.len(), "{shown}");
}

#[test]
fn an_alert_comes_while_the_input_goes_on() {
    let mut child = start(&["--format", "json", "--alert-over", "3/1m"]);
    let mut input = child.stdin.take().unwrap();
    input.write_all("ERROR disk full\n".repeat(5).as_bytes()).unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let alert = lines.find(|line| line.as_ref().unwrap().contains("\"firing\"")).unwrap().unwrap();
    assert!(alert.contains("error-spike"), "{alert}");
    drop(input);
    // Until its end.
    let last = lines.last().unwrap().unwrap();
    assert!(last.contains("\"lines_matched\":{\"errors\":5}"), "{last}");
    assert!(child.wait().unwrap().success());
}

#[test]
fn standard_input_is_watched_alone() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spiketail"));
    let output = command.args(["run", "-", "/tmp/x.log"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("is watched alone"));
}

//! A daemon that cannot start says why in one sentence, and leaves nothing behind.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;

use common::{TestFolder, append};

/// Exit status, standard output and standard error of `spiketail run` with `args`, which is not reported to stop.
fn run(place: &TestFolder, args: &[&str]) -> (Option<i32>, String, String) {
    let notify = place.beside("notify");
    let _ = std::fs::remove_file(&notify);
    let manager = UnixDatagram::bind(&notify).unwrap();
    manager.set_nonblocking(true).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_spiketail"));
    command.arg("run").args(args).env("NOTIFY_SOCKET", &notify);
    let output = command.output().unwrap();
    assert!(manager.recv(&mut [0; 4_096]).is_err(), "a daemon that did not start tells systemd nothing");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Asserts that a start with `config` ends with `code` and one sentence that has `reason`, and commits nothing.
#[track_caller]
fn refuses(config: &str, code: i32, reason: &str) {
    let place = TestFolder::new();
    append(&place.log("app.log"), "");
    let text = config.replace("LOGS", place.log("").to_str().unwrap());
    let (config, state) = (place.config(&text), place.state());
    let args = ["-c", config.to_str().unwrap(), "--state", state.to_str().unwrap(), "--format", "json"];
    let (status, stdout, stderr) = run(&place, &args);
    assert_eq!(status, Some(code), "{stderr}");
    assert!(stderr.starts_with("spiketail: ") && stderr.contains(reason), "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    assert!(!stdout.contains("started"), "{stdout}");
    assert!(!state.exists(), "the state was not touched");
}

const WATCH: &str = "[watch.logs]\npaths = [\"LOGS/*.log\"]\n";

#[test]
fn a_port_in_use_is_a_sentence_and_status_1() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let reason = format!("spiketail: cannot listen at {address}: Address already in use");
    refuses(&format!("{WATCH}[http]\nlisten = \"{address}\"\n"), 1, &reason);
}

#[test]
fn a_ca_file_that_cannot_be_used_is_a_sentence_and_status_2() {
    let output = |ca_file: &Path| {
        let hook = "type = \"webhook\"\nurl = \"https://127.0.0.1:1/\"";
        format!("{WATCH}[output.pager]\n{hook}\nca_file = {:?}\n", ca_file.to_str().unwrap())
    };
    refuses(&output(Path::new("/nothing/there.pem")), 2, "the output pager: ");
    let invalid = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(invalid.path(), "no certificate").unwrap();
    refuses(&output(invalid.path()), 2, "the output pager: ");
}

#[test]
fn rules_that_are_too_large_together_are_a_sentence_and_status_2() {
    refuses(&format!("{WATCH}{}", common::rules_too_large()), 2, "too large");
}

#[test]
fn a_bad_glob_is_a_sentence_and_status_2() {
    refuses("[watch.logs]\npaths = [\"LOGS/[a.log\"]\n", 2, "bad glob");
    let place = TestFolder::new();
    for bad in ["/x/{a", "/x/[a"] {
        let (status, stdout, stderr) = run(&place, &["--no-state", bad]);
        assert_eq!((status, stdout.as_str()), (Some(2), ""), "{stderr}");
        assert!(stderr.starts_with(&format!("spiketail: `{bad}`: bad glob, ")), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
}

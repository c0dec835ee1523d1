//! `spiketail reload` waits for the outcome and says it.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that cannot go on fails")]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use common::{TestFolder, append, get, lines};

fn reload(place: &TestFolder) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spiketail"));
    command.args(["reload", "--socket"]).arg(place.state().join("status.sock")).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn config(place: &TestFolder, log: &str, more: &str) {
    place.config(&format!("[http]\nlisten = \"0\"\n[watch.logs]\npaths = [{:?}]\n{more}\n", place.log(log)));
}

#[test]
fn it_says_what_is_in_use_or_why_not_and_the_old_stays() {
    let place = TestFolder::new();
    append(&place.log("a.log"), "");
    append(&place.log("b.log"), "");
    config(&place, "a.log", "");
    let mut daemon = place.start_configured();
    let address = daemon.address();
    let hash = |status: &serde_json::Value| status["config_hash"].as_str().unwrap().to_owned();
    let before = hash(&daemon.full_status());
    config(&place, "b.log", "");
    let output = reload(&place);
    // What it says is in use is in use, and needs no waiting for.
    let now = hash(&daemon.full_status());
    assert_ne!(now, before);
    assert_eq!(
        text(&output.stdout),
        format!("configuration {now} is in use: watching 1 file in 1 directory\n")
    );
    assert_eq!(output.status.code(), Some(0));
    let metrics = get(&address, "/metrics").unwrap().1;
    assert!(metrics.contains(&format!("spiketail_config_hash_info{{hash=\"{now}\"}} 1\n")), "{metrics}");
    assert!(metrics.contains("spiketail_config_last_reload_successful 1\n"));

    config(&place, "a.log", "[alert.x]\nover = \"many\"");
    let output = reload(&place);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(said.contains("spiketail.toml:9:8: `over` in [alert.x]"), "{said}");
    assert!(said.contains(&format!("The configuration {now} stays in use.")), "{said}");
    let metrics = get(&address, "/metrics").unwrap().1;
    assert!(metrics.contains("spiketail_config_last_reload_successful 0\n"), "{metrics}");
    assert_eq!(hash(&daemon.full_status()), now);
    append(&place.log("b.log"), lines(0..3));
    daemon.wait_sum(3);

    config(&place, "b.log", &common::rules_too_large());
    assert!(text(&reload(&place).stderr).contains("too large"));
    config(&place, "b.log", "");
    assert_eq!(reload(&place).status.code(), Some(0));
    let metrics = get(&address, "/metrics").unwrap().1;
    assert!(metrics.contains("spiketail_config_last_reload_successful 1\n"));
    daemon.stop();
    assert!(!place.state().join("control.sock").exists());
}

#[test]
fn nobody_else_may_ask_and_whoever_talks_nonsense_is_told_so() {
    use std::io::{Read, Write};
    let place = TestFolder::new();
    config(&place, "a.log", "");
    let daemon = place.start_configured();
    let socket = place.state().join("control.sock");
    common::until("the socket is there", || socket.exists().then_some(()));
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // Many who say nothing keep no one out for long.
    let _silent: Vec<_> =
        (0..10).map(|_| std::os::unix::net::UnixStream::connect(&socket).unwrap()).collect();
    for nonsense in ["\n", "{}\n", "{\"do\":\"fly\"}\n", "GET / HTTP/1.1\r\n\r\n"] {
        let mut stream = std::os::unix::net::UnixStream::connect(&socket).unwrap();
        stream.write_all(nonsense.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains("refused") && answer.contains("does not know this request"), "{answer}");
    }
    assert_eq!(reload(&place).status.code(), Some(0));
    daemon.stop();
    let output = reload(&place);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no daemon answers"), "{}", text(&output.stderr));
}

//! The daemon as a service: what systemd is reported, and what people are answered.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that cannot go on fails")]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use common::{Daemon, TestFolder, append, lines, until};
use rustix::process::Signal;
use serde_json::Value;

/// Stands for systemd.
struct Manager {
    socket: UnixDatagram,
    said: Vec<String>,
}

impl Manager {
    fn listen(path: &Path) -> Manager {
        let socket = UnixDatagram::bind(path).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Manager { socket, said: Vec::new() }
    }

    /// Waits for a message that has `line`, and gives it.
    #[track_caller]
    fn wait(&mut self, line: &str) -> String {
        let mut buffer = [0; 4_096];
        loop {
            let length =
                self.socket.recv(&mut buffer).unwrap_or_else(|e| panic!("{e}: no {line} in {:?}", self.said));
            let message = String::from_utf8(buffer[..length].to_vec()).unwrap();
            self.said.push(message.clone());
            if message.lines().any(|said| said == line) {
                return message;
            }
        }
    }
}

#[test]
fn systemd_is_told_when_it_is_ready_reloads_lives_and_stops() {
    let place = TestFolder::new();
    append(&place.log("app.log"), lines(0..5));
    let path = place.beside("notify");
    let mut manager = Manager::listen(&path);
    let mut command = place.resuming(&place.state(), "*.log", "[alert.spike]\nover = 3\n");
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "400000");
    let mut daemon = Daemon::spawn(command);
    let ready = manager.wait("READY=1");
    assert!(ready.contains("STATUS=watching 1 file; "), "{ready}");
    let first = &manager.said[0];
    assert!(first.contains("READY=1"), "nothing is said before everything is watched: {first}");
    manager.wait("WATCHDOG=1");
    append(&place.log("app.log"), lines(5..10));
    daemon.wait_for("the alert", |events| events.iter().any(|event| event["state"] == "firing"));
    until("a sentence about the alert", || {
        let message = manager.wait("WATCHDOG=1");
        let said = manager.said.iter().any(|said| said.contains("1 firing: spike"));
        (said || message.contains("1 firing: spike")).then_some(())
    });
    daemon.signal(Signal::HUP);
    let reloading = manager.wait("RELOADING=1");
    let at = reloading.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC=")).unwrap();
    assert!(at.parse::<u64>().unwrap() > 0, "{reloading}");
    manager.wait("READY=1");
    daemon.stop();
    manager.wait("STOPPING=1");
}

fn spiketail(args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_spiketail")).args(args).output().unwrap();
    (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

#[test]
fn status_tells_what_fires_how_files_stand_and_what_outputs_said() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, "");
    let more = "[alert.spike]\nover = 3\n[output.pager]\ntype = \"webhook\"\nurl = \"http://127.0.0.1:1/\"\n\
                group_wait = \"0s\"\n[output.stdout]\ntype = \"json\"\n";
    let mut daemon = place.resume_with("*.log", more);
    append(&log, lines(0..9));
    daemon.wait_total(&log, 9);
    std::fs::rename(&log, place.log("app.log.1")).unwrap();
    append(&log, lines(9..10));
    daemon.wait_total(&log, 10);
    daemon.wait_event("delivery_failed");
    let socket = place.state().join("status.sock");
    assert_eq!(socket.metadata().unwrap().permissions().mode() & 0o777, 0o660);
    let socket = socket.to_str().unwrap();
    let (code, text) = spiketail(&["status", "--socket", socket]);
    assert_eq!(code, Some(1), "an alert fires: {text}");
    let rows: Vec<&str> = text.lines().collect();
    assert!(rows[0].contains("1 file, ") && rows[0].ends_with("1 alert firing"), "{text}");
    assert!(rows[2].starts_with("FIRING critical spike  watch logs  since "), "{text}");
    assert!(
        text.contains("errors 10")
            && text.contains('█')
            && (text.contains("removed: ") || text.contains("rotated: ")),
        "{text}"
    );
    assert!(text.contains("cannot connect: Connection refused"), "{text}");
    let (_, json) = spiketail(&["status", "--json", "--socket", socket]);
    let status: Value = serde_json::from_str(&json).unwrap();
    let file = &status["files"][0];
    assert_eq!((&file["lines_matched"]["errors"], &file["bytes_missed"]), (&10.into(), &0.into()));
    assert_eq!((&file["lag"], &file["generation"]), (&0.into(), &2.into()));
    assert_eq!(file["lines_by_minute"].as_array().unwrap().iter().filter_map(Value::as_u64).sum::<u64>(), 10);
    assert_eq!(status["outputs"][0]["waiting"], 1);
    // After a crash, another daemon takes the place of its socket.
    daemon.kill();
    let (code, said) = spiketail(&["status", "--socket", socket]);
    assert!(code == Some(2) && said.contains("it has ended; start it"), "{said}");
    let daemon = place.resume_with("*.log", more);
    assert_eq!(spiketail(&["status", "--socket", socket]).0, Some(1));
    daemon.stop();
    assert!(!Path::new(socket).exists());
    let (code, said) = spiketail(&["status", "--socket", socket]);
    assert!(code == Some(2) && said.contains("see whether it runs, or name its socket"), "{said}");
}

#[test]
fn explain_says_by_what_a_path_is_watched_or_why_not() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, lines(0..3));
    append(&place.log("app.log.1"), lines(0..3));
    let mut daemon = place.resume_with("", "start = \"beginning\"");
    daemon.wait_total(&log, 3);
    let (socket, config) = (place.state().join("status.sock"), place.beside("spiketail.toml"));
    let explain = |path: &Path| {
        let [path, socket, config] = [path, &socket, &config].map(|path| path.to_str().unwrap());
        spiketail(&["explain", path, "--socket", socket, "-c", config])
    };
    let (code, said) = explain(&log);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("watched: [watch.logs] means it, by ") && said.contains("errors 3"), "{said}");
    assert!(
        said.contains("what matches in all files of [watch.logs]:\n") && said.contains("3  errors: "),
        "{said}"
    );
    std::fs::rename(&log, place.log("app.log.2")).unwrap();
    append(&log, lines(3..4));
    daemon.wait_total(&log, 4);
    let (_, said) = explain(&log);
    assert!(
        said.contains("file number 2 at this path") && said.contains(": another file at the path")
            || said.contains("removed: "),
        "{said}"
    );
    let (code, said) = explain(&place.log("app.log.1"));
    assert!(code == Some(1) && said.contains("[watch.logs] leaves it out: its name looks like"), "{said}");
    let (code, said) = explain(Path::new("/etc/passwd"));
    assert!(code == Some(1) && said.contains("not watched: [watch.logs] means "), "{said}");
    let (code, said) = explain(&place.log("new.log"));
    assert!(code == Some(0) && said.contains("nothing is there now"), "{said}");
    daemon.stop();
}

#[test]
fn every_shell_gets_completions() {
    for shell in ["bash", "zsh", "fish"] {
        let (code, said) = spiketail(&["completions", shell]);
        assert!(code == Some(0) && said.contains("SPIKETAIL_COMPLETE"), "{shell}");
    }
}

/// The manual in a folder of its own.
fn manual(place: &TestFolder) -> PathBuf {
    let folder = place.beside("man");
    assert_eq!(spiketail(&["man", folder.to_str().unwrap()]).0, Some(0));
    folder
}

#[test]
fn every_command_has_a_page_with_examples_and_exit_statuses() {
    let place = TestFolder::new();
    let folder = manual(&place);
    let (_, help) = spiketail(&["help"]);
    let commands: Vec<_> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next().filter(|name| !name.is_empty()))
        .filter(|name| *name != "help")
        .collect();
    assert!(commands.contains(&"run") && commands.contains(&"test-alert"), "{help}");
    let pages = commands.iter().map(|command| format!("spiketail-{command}.1"));
    for page in pages.chain(["spiketail.1".to_owned()]) {
        let text = std::fs::read_to_string(folder.join(&page)).unwrap();
        for heading in [".SH EXAMPLES", ".SH \"EXIT STATUS\""] {
            assert!(text.contains(heading), "{page} has no {heading}");
        }
    }
    let run = std::fs::read_to_string(folder.join("spiketail-run.1")).unwrap();
    assert!(run.contains(".SH SIGNALS") && run.contains(".SH FILES"), "{run}");
}

#[test]
fn page_of_the_configuration_has_every_key() {
    let place = TestFolder::new();
    let page = std::fs::read_to_string(manual(&place).join("spiketail.toml.5")).unwrap();
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let document = std::fs::read_to_string(document).unwrap();
    let keys: Vec<_> = document
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .map(|key| key.replace('-', "\\-"))
        .collect();
    assert!(keys.len() > 100, "only {} keys", keys.len());
    for key in keys {
        assert!(page.contains(&format!(".TP\n\\fB{key}\\fR\n")), "no {key}");
    }
    for heading in [".SH [watch.NAME]", ".SH EXAMPLES", ".SH FILES", ".SH SIGNALS", ".SH \"EXIT STATUS\""] {
        assert!(page.contains(heading), "no {heading}");
    }
    // Nothing of Markdown is left in what is not an example.
    let text = page.split(".SH EXAMPLES").next().unwrap();
    assert!(!text.contains("](") && !text.contains('`') && !text.contains("|-"), "{text}");
}

#[test]
fn shell_is_offered_the_names_of_the_configuration() {
    let place = TestFolder::new();
    let config = place.beside("c.toml");
    let text = "[watch.web]\npaths = [\"/x\"]\n[rule.errors]\nlevel = \"error\"\n[alert.many]\nover = 3\n[output.chat]\n\
        type = \"console\"\npath = \"/tmp/out\"\n";
    std::fs::write(&config, text).unwrap();
    let config = config.to_str().unwrap();
    let offered = |words: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_spiketail"))
            .env("SPIKETAIL_COMPLETE", "bash")
            .env("_CLAP_IFS", "\n")
            .env("_CLAP_COMPLETE_INDEX", (words.len() - 1).to_string())
            .arg("--")
            .args(words)
            .output()
            .unwrap();
        let offered: Vec<_> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
        offered
    };
    let commands = offered(&["spiketail", ""]);
    assert!(commands.iter().any(|word| word == "test-alert"), "{commands:?}");
    assert_eq!(offered(&["spiketail", "replay", "-c", config, "--watch", ""]), ["web"]);
    assert_eq!(offered(&["spiketail", "test-alert", "-c", config, "c"]), ["chat"]);
    // Nothing to offer is no error.
    assert_eq!(offered(&["spiketail", "replay", "-c", "/nowhere", "--watch", "w"]), [""; 0]);
}

//! The real journal takes what happens, and finds it again by our fields.
//!
//! Run with `cargo test --test journald -- --ignored`.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that cannot go on fails")]

mod common;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use common::{Daemon, TestFolder, append, lines, until};
use serde_json::Value;
use spiketail::output::journald::message_id;

/// A journal apart from that of the system: a namespace of its own, see systemd-journald.service(8).
struct Journal {
    namespace: String,
    child: Option<Child>,
}

impl Journal {
    fn start() -> Journal {
        let namespace = format!("spiketail-test-{}", std::process::id());
        let mut journal = Journal { namespace, child: None };
        std::fs::create_dir_all(journal.folder()).unwrap();
        journal.up();
        journal
    }

    fn folder(&self) -> PathBuf {
        Path::new("/run/systemd").join(format!("journal.{}", self.namespace))
    }

    fn socket(&self) -> PathBuf {
        self.folder().join("socket")
    }

    fn up(&mut self) {
        let _ = std::fs::remove_file(self.socket());
        let mut command = Command::new("/lib/systemd/systemd-journald");
        command.arg(&self.namespace).stdout(Stdio::null()).stderr(Stdio::null());
        self.child = Some(command.spawn().unwrap());
        until("the journal listens", || self.socket().exists().then_some(()));
    }

    fn down(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// What journalctl finds.
    fn find(&self, args: &[&str]) -> Vec<Value> {
        let mut command = Command::new("journalctl");
        command.arg(format!("--namespace={}", self.namespace)).args(["-o", "json", "-t", "spiketail"]);
        let output = command.args(args).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The same, once something is found.
    fn wait(&self, args: &[&str]) -> Vec<Value> {
        until(&format!("journalctl {args:?}"), || Some(self.find(args)).filter(|found| !found.is_empty()))
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.down();
        let _ = std::fs::remove_dir_all(self.folder());
        let machine = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
        for base in ["/run/log/journal", "/var/log/journal"] {
            let _ = std::fs::remove_dir_all(format!("{base}/{}.{}", machine.trim(), self.namespace));
        }
    }
}

#[test]
#[ignore = "needs systemd-journald and root"]
fn the_journal_finds_everything_by_its_fields() {
    let mut journal = Journal::start();
    let place = TestFolder::new();
    let log = place.log("app \"1\".log");
    append(&log, "");
    let config = "[rule.errors]\nany = [\"ERROR\"]\n[alert.spike]\nover = 3\nseverity = \"critical\"\n\
                  [alert.low]\nover = 3\nseverity = \"warning\"\n\
                  [output.stdout]\ntype = \"json\"\n[output.journal]\ntype = \"journald\"\n";
    let mut command = place.resuming(&place.state(), "*.log", config);
    command.env("SPIKETAIL_JOURNAL_SOCKET", journal.socket());
    let mut daemon = Daemon::spawn(command);
    append(&log, [lines(0..7), b"ERROR \x1b[31m \xff end\n".to_vec()].concat());
    daemon.wait_total(&log, 8);

    let fired = journal.wait(&["-p", "err"]);
    assert_eq!(fired.len(), 1, "a warning is below an error: {fired:?}");
    let text = |key: &str| fired[0][key].as_str().unwrap_or_else(|| panic!("no {key} in {}", fired[0]));
    assert_eq!((text("SPIKETAIL_ALERT"), text("PRIORITY")), ("spike", "2"));
    assert_eq!((text("SPIKETAIL_RULE"), text("SPIKETAIL_WATCH")), ("errors", "logs"));
    assert!(text("SPIKETAIL_COUNT").parse::<u64>().unwrap() > 3);
    let samples = &fired[0]["SPIKETAIL_SAMPLE"];
    assert!(samples.to_string().contains("ERROR"), "{samples}");

    let by_id = |id: &str| format!("MESSAGE_ID={id}");
    assert_eq!(journal.wait(&[&by_id(message_id::FIRING)]).len(), 2);
    let counted = journal.wait(&[&by_id(message_id::COUNT), "SPIKETAIL_RULE=errors"]);
    let delta = |event: &Value| event["SPIKETAIL_DELTA"].as_str().unwrap().parse::<u64>().unwrap();
    assert_eq!(counted.iter().map(delta).sum::<u64>(), 8);
    assert_eq!(counted[0]["SPIKETAIL_PATH"], log.to_str().unwrap());
    assert!(!journal.wait(&[&by_id(message_id::HEALTH)]).is_empty());

    // What happens while the journal is down is in it later.
    journal.down();
    append(&log, lines(8..20));
    daemon.wait_total(&log, 20);
    journal.up();
    until("the rest", || {
        let counted = journal.find(&[&by_id(message_id::COUNT)]);
        (counted.iter().map(delta).sum::<u64>() == 20).then_some(())
    });
    daemon.stop();
}

//! The daemon follows the journal. The files grow as those of a real journal: entries are there once the header says so.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that cannot go on fails")]

mod common;

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use common::{Daemon, TestFolder};
use serde_json::Value;

/// Where the header has the id of the file, and how many entries are published.
const FILE_ID_AT: u64 = 24;
const ENTRIES_AT: u64 = 152;
const STATE_AT: u64 = 16;
const ONLINE: u8 = 1;
const ARCHIVED: u8 = 2;

/// A journal file with 240 entries of four units, of which 87 say ERROR.
struct JournalFile(PathBuf);

impl JournalFile {
    fn new(path: PathBuf, id: u8) -> JournalFile {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/journal");
        let packed = std::fs::File::open(fixtures.join("zstd-compact.journal.zst")).unwrap();
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let hidden = path.with_extension("new");
        std::fs::write(&hidden, zstd::decode_all(packed).unwrap()).unwrap();
        let file = JournalFile(hidden);
        file.write(FILE_ID_AT, &[id; 16]);
        file.write(STATE_AT, &[ONLINE]);
        file.publish(0);
        std::fs::rename(&file.0, &path).unwrap();
        JournalFile(path)
    }

    fn write(&self, at: u64, bytes: &[u8]) {
        OpenOptions::new().write(true).open(&self.0).unwrap().write_all_at(bytes, at).unwrap();
    }

    fn publish(&self, entries: u64) {
        self.write(ENTRIES_AT, &entries.to_le_bytes());
    }

    /// Archives the file, as rotation does.
    fn archive(&mut self, name: &str) {
        self.write(STATE_AT, &[ARCHIVED]);
        let path = self.0.with_file_name(name);
        std::fs::rename(&self.0, &path).unwrap();
        self.0 = path;
    }
}

/// How many of the first `entries` entries say ERROR.
fn errors(entries: u64) -> u64 {
    let says_error = |n: &u64| match n % 50 {
        13 | 27 => true,
        _ => n % 3 == 1,
    };
    (0..entries).filter(says_error).count() as u64
}

struct Place(TestFolder);

impl Place {
    fn new(more: &str) -> Place {
        let place = TestFolder::new();
        let folder = place.beside("journal");
        std::fs::create_dir(&folder).unwrap();
        let journal = format!("journal = {{ directory = {:?} }}", folder.to_str().unwrap());
        let rest = "[rule.errors]\nany = [\"ERROR\"]\n[output.stdout]\ntype = \"json\"\n";
        place.config(&format!("[watch.system]\n{journal}\n{more}\n{rest}"));
        Place(place)
    }

    fn file(&self, id: u8) -> JournalFile {
        JournalFile::new(self.0.beside("journal").join("0123456789abcdef0123456789abcdef/system.journal"), id)
    }

    fn start(&self) -> Daemon {
        self.0.start_configured()
    }
}

#[test]
fn every_entry_counts_once_through_kill_and_rotation() {
    let place = Place::new("");
    let mut file = place.file(1);
    file.publish(40);
    let mut daemon = place.start();
    let before = errors(40);
    for (n, entries) in [41, 100, 101, 170, 240].into_iter().enumerate() {
        file.publish(entries);
        daemon.wait_status_sum(errors(entries) - before);
        if n % 2 == 0 {
            daemon.kill();
            daemon = place.start();
            daemon.wait_status_sum(errors(entries) - before);
        }
    }
    // What was written to a file before and after it was archived, while no one looked.
    daemon.kill();
    file.archive("system@1.journal");
    let next = place.file(2);
    next.publish(120);
    let mut daemon = place.start();
    daemon.wait_status_sum(errors(240) - before + errors(120));
    next.publish(240);
    daemon.wait_status_sum(2 * errors(240) - before);
    assert_eq!(errors(240), 87);
}

#[test]
fn counts_and_alerts_are_by_unit() {
    let place = Place::new("start = \"beginning\"\n[alert.unit]\nover = 5\nby = \"unit\"\nwindow = \"1h\"\n");
    let file = place.file(1);
    let mut daemon = place.start();
    file.publish(240);
    daemon.wait_status_sum(87);
    let status = daemon.full_status();
    let files: Vec<&Value> = status["files"].as_array().unwrap().iter().collect();
    let total = |unit: &str| {
        files.iter().find(|file| file["path"] == unit).unwrap()["lines_matched"]["errors"].clone()
    };
    assert_eq!((total("app-a.service"), total("nginx.service")), (24.into(), 20.into()));
    assert_eq!(total("systemd journal"), 0);
}

#[test]
fn only_the_entries_that_are_selected_count() {
    let place = Place::new("start = \"beginning\"");
    let config = place.0.beside("spiketail.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let wanted = "units = [\"app-*.service\"], priority = \"info\", directory";
    std::fs::write(&config, text.replace("directory", wanted)).unwrap();
    let file = place.file(1);
    file.publish(240);
    let mut daemon = place.start();
    // Of these units every fourth or second entry is told by its number; every tenth has no priority.
    let is_selected = |n: &u64| matches!(n % 4, 1 | 2) && n % 10 != 9 && n % 8 != 6;
    let says_error = |n: &u64| matches!(n % 50, 13 | 27) || n % 3 == 1;
    let expected = (0..240).filter(is_selected).filter(says_error).count() as u64;
    daemon.wait_status_sum(expected);
}

#[test]
fn a_journal_that_is_not_there_is_said_and_read_once_it_comes() {
    let place = Place::new("");
    std::fs::remove_dir(place.0.beside("journal")).unwrap();
    let mut daemon = place.start();
    let event = daemon.wait_event("unreadable");
    assert!(event["reason"].as_str().unwrap().contains("there is no journal in"), "{event}");
    let file = place.file(1);
    file.publish(100);
    daemon.wait_status_sum(errors(100));
    daemon.wait_event("recovered");
}

#[test]
fn what_contradicts_itself_is_refused() {
    let place = Place::new("paths = [\"/var/log/syslog\"]");
    let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_spiketail"));
    let config = place.0.beside("spiketail.toml");
    let refused = command.args(["check", "-c"]).arg(&config).assert().code(2);
    let text = String::from_utf8(refused.get_output().stderr.clone()).unwrap();
    assert!(text.contains("a watch reads files or the journal: write two watches"), "{text}");
}

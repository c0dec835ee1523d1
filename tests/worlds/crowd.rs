//! A hundred thousand files in one directory.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::common::{Daemon, append, lines, sum};
use crate::{assert_idle, cpu, memory_kb, watched};

const FILES: usize = 100_000;

/// In memory where that can be obtained: disks take minutes for so many files.
fn folder() -> tempfile::TempDir {
    let shm = PathBuf::from("/dev/shm");
    if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() }.unwrap()
}

#[test]
#[ignore = "needs half a minute and memory for a hundred thousand files"]
fn a_hundred_thousand_files_are_watched_and_removed() {
    let folder = folder();
    let logs = folder.path().join("logs");
    fs::create_dir(&logs).unwrap();
    let log = |n: usize| logs.join(format!("{n:06}.log"));
    for n in 0..FILES {
        fs::write(log(n), "old ERROR\n").unwrap();
    }
    let config = folder.path().join("c.toml");
    let engine = "[engine]\nreport_interval = \"100ms\"\nsweep_interval = \"5s\"\n";
    let pattern = logs.join("*.log");
    let watch = format!("[watch.logs]\npaths = [{pattern:?}]\nrotated_grace = \"0s\"\n");
    fs::write(&config, format!("{engine}{watch}")).unwrap();

    let begun = Instant::now();
    let mut command = Command::new(env!("CARGO_BIN_EXE_spiketail"));
    command.args(["run", "-c"]).arg(&config).arg("--state").arg(folder.path().join("state"));
    let mut daemon = Daemon::spawn(command);
    eprintln!("{FILES} files: {:?} to start, {:?} of it on a processor", begun.elapsed(), cpu(&daemon));
    assert_eq!(watched(&daemon).len(), 1);
    assert_idle(&mut daemon, Duration::from_secs(11));
    let memory = memory_kb(&daemon);
    eprintln!("{memory} KB");
    assert!(memory < 3 * FILES as u64 + 30_000, "{memory} KB");

    let touched: Vec<usize> = (0..100).map(|n| n * (FILES / 100)).collect();
    for n in &touched {
        append(&log(*n), lines(0..1));
    }
    daemon.wait_sum(100);
    fs::remove_dir_all(&logs).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut removed = 0;
    while removed < FILES {
        assert!(Instant::now() < deadline, "{removed} of {FILES} are gone");
        let from = daemon.events.len();
        daemon.listen(Duration::from_millis(200));
        removed += daemon.events[from..].iter().filter(|event| event["event"] == "removed").count();
    }
    eprintln!("{:?} of a processor until all were gone", cpu(&daemon));
    // What became of them is committed after it was reported.
    daemon.listen(Duration::from_secs(11));
    assert_idle(&mut daemon, Duration::from_secs(11));
    let descriptors = fs::read_dir(format!("/proc/{}/fd", daemon.pid())).unwrap().count();
    assert!(descriptors < 100, "{descriptors} descriptors");
    assert_eq!(sum(&daemon.events), 100);
    daemon.stop_with_sum(100);
}

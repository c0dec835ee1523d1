//! A restart over thousands of files that did not change reads none of them from its beginning.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that cannot go on fails")]

mod common;

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use common::{Daemon, TestFolder, append, lines};

const DIRS: usize = 100;
const FILES: usize = 3_000;
const LINES: u64 = 240;

/// Mapped pages are in no figure of the kernel: only what system calls read is.
const PREAD: &str = "reader = \"pread\"\nstart = \"beginning\"";

/// Bytes that the process has read with system calls, from files that are cached or not.
fn bytes_read(daemon: &Daemon) -> u64 {
    let io = fs::read_to_string(format!("/proc/{}/io", daemon.pid())).unwrap();
    io.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse().unwrap()
}

fn start(place: &TestFolder, what: &str) -> Daemon {
    let begun = Instant::now();
    let daemon = place.resume_with("*/*.log", PREAD);
    println!("{what}: started after {:?}, {} bytes read", begun.elapsed(), bytes_read(&daemon));
    daemon
}

#[test]
fn thousands_of_unchanged_files_are_not_read_again() {
    let place = TestFolder::new();
    for n in 0..DIRS {
        fs::create_dir(place.log(&format!("service-{n}"))).unwrap();
    }
    let files: Vec<PathBuf> =
        (0..FILES).map(|n| place.log(&format!("service-{}/{n}.log", n % DIRS))).collect();
    let content = lines(0..LINES);
    for file in &files {
        fs::write(file, &content).unwrap();
    }
    let size = (content.len() * FILES) as u64;
    let total = LINES * FILES as u64;

    let mut daemon = start(&place, "without a record");
    assert_eq!(daemon.reach_status_sum(total), total);
    assert!(bytes_read(&daemon) >= size, "the figure is of no use");
    assert!(daemon.stop().status.success());

    for round in 0..2 {
        let mut daemon = start(&place, "with a record for each file");
        // What is read is the state, and of each file no more than it takes to recognise it.
        let read = bytes_read(&daemon);
        assert!(read < size / 3, "{read} bytes read of {size}");
        assert_eq!(daemon.reach_status_sum(total + round), total + round);
        append(&files[FILES / 2], lines(LINES..LINES + 1));
        daemon.wait_total(&files[FILES / 2], LINES + round + 1);
        let ended = daemon.stop();
        assert!(ended.status.success());
        println!("ended after {:?}", ended.took);
    }
}

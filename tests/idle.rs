//! Thousands of quiet files: few watches, little memory, and a line in any of them is heard of.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that cannot go on fails")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{TestFolder, append, lines};

const DIRS: usize = 20;
const FILES: usize = 2_000;
const TOUCHED: usize = 50;

/// One for each directory, one for the folder above them, and a few that a pattern may need on its way there.
const WATCHES_MAX: usize = DIRS + 4;

const RSS_KB_MAX: u64 = 40_000;

#[test]
fn quiet_files_cost_a_watch_per_directory_and_little_memory() {
    let place = TestFolder::new();
    for n in 0..DIRS {
        fs::create_dir(place.log(&format!("service-{n}"))).unwrap();
    }
    let files: Vec<PathBuf> =
        (0..FILES).map(|n| place.log(&format!("service-{}/{n}.log", n % DIRS))).collect();
    let old = lines(0..50);
    for file in &files {
        fs::write(file, &old).unwrap();
    }
    let mut daemon = place.watch("**/*.log");
    let process = PathBuf::from(format!("/proc/{}", daemon.pid()));

    let held = watches(&process);
    assert!((DIRS..=WATCHES_MAX).contains(&held), "{held} watches");

    // A prime stride: all over the place, and each file once.
    let touched: Vec<&PathBuf> = (0..TOUCHED).map(|n| &files[(n * 7_919 + 13) % FILES]).collect();
    for file in &touched {
        append(file, lines(50..51));
    }
    for file in touched {
        daemon.wait_total(file, 1);
    }
    let rss_kb = rss_kb(&process);
    assert!((1..RSS_KB_MAX).contains(&rss_kb), "{rss_kb} KB");
}

fn watches(process: &Path) -> usize {
    let descriptors = fs::read_dir(process.join("fdinfo")).unwrap().flatten();
    // A descriptor may be closed between listing and reading.
    let texts = descriptors.map(|entry| fs::read_to_string(entry.path()).unwrap_or_default());
    texts.map(|text| text.lines().filter(|line| line.starts_with("inotify wd:")).count()).sum()
}

fn rss_kb(process: &Path) -> u64 {
    let status = fs::read_to_string(process.join("status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

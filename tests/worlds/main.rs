//! Worlds that let the daemon down: the kernel refuses watches or loses events, directories and filesystems go, and
//! permissions are taken. It lives, says once what is wrong, goes on by itself when the world does, and counts right.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that cannot go on fails")]

#[path = "../common/mod.rs"]
mod common;

mod crowd;
mod directories;
mod limits;
mod mounts;
mod overflow;
mod permissions;
mod sparse;
mod stopped;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::{Daemon, LIMIT, pause};
use serde_json::Value;

/// A configuration with one watch for `paths`.
fn config(place: &common::TestFolder, paths: &[&str], more: &str) -> PathBuf {
    let paths: Vec<_> = paths.iter().map(|path| place.log(path)).collect();
    place.config(&format!("[watch.logs]\npaths = {paths:?}\n{more}\n"))
}

/// The reasons of all events of that name.
fn reasons(events: &[Value], name: &str) -> Vec<String> {
    let named = events.iter().filter(|event| event["event"] == name);
    named.map(|event| event["reason"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Device and inode of every directory that the daemon's inotify instances watch.
fn watched(daemon: &Daemon) -> Vec<(u64, u64)> {
    let infos = fs::read_dir(format!("/proc/{}/fdinfo", daemon.pid())).unwrap().flatten();
    // A descriptor may be closed between listing and reading.
    let texts: Vec<_> = infos.map(|entry| fs::read_to_string(entry.path()).unwrap_or_default()).collect();
    let lines = texts.iter().flat_map(|text| text.lines()).filter(|line| line.starts_with("inotify "));
    lines
        .map(|line| {
            let hex = |key: &str| {
                let field = line.split(' ').find_map(|field| field.strip_prefix(key)).unwrap();
                u64::from_str_radix(field, 16).unwrap()
            };
            (hex("sdev:"), hex("ino:"))
        })
        .collect()
}

fn is_watched(daemon: &Daemon, dir: &Path) -> bool {
    let meta = fs::metadata(dir).unwrap();
    // The kernel shows its own form of a device number.
    let sdev = (u64::from(rustix::fs::major(meta.dev())) << 20) | u64::from(rustix::fs::minor(meta.dev()));
    watched(daemon).contains(&(sdev, meta.ino()))
}

/// Waits until the kernel watches `dir` for the daemon.
#[track_caller]
fn wait_watched(daemon: &Daemon, dir: &Path) {
    wait_until(&format!("{} is watched", dir.display()), || is_watched(daemon, dir));
}

#[track_caller]
fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}: too late");
        pause(Duration::from_millis(10));
    }
}

/// Processor time that the daemon has used.
fn cpu(daemon: &Daemon) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{}/stat", daemon.pid())).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 1_000 / rustix::param::clock_ticks_per_second())
}

/// Asserts that the daemon is idle for most of `time`.
#[track_caller]
fn assert_idle(daemon: &mut Daemon, time: Duration) {
    let before = cpu(daemon);
    daemon.listen(time);
    let used = cpu(daemon).saturating_sub(before);
    assert!(used < time / 2, "{used:?} of processor time in {time:?}");
}

fn memory_kb(daemon: &Daemon) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

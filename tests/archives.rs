//! Archives that rotation leaves: what they take is bounded, in memory and in each turn, whatever they hold.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that cannot go on fails")]

mod common;
mod compress;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use common::engine::{EngineOnDisk, plan};
use common::{Daemon, TestFolder, append, lines};
use spiketail::engine::dependencies::Dependencies;
use spiketail::engine::settings::EngineSettings;
use spiketail::engine::testing::TestEngine;
use spiketail::file::tailer::FileOrigin;

/// `content`, and then a byte so many times, as `zstd --long` compresses it.
fn zstd_long(content: &[u8], (byte, times): (u8, usize), window_log: u32) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(window_log).unwrap();
    encoder.long_distance_matching(true).unwrap();
    encoder.write_all(content).unwrap();
    let block = vec![byte; 1 << 20];
    (0..times >> 20).for_each(|_| encoder.write_all(&block).unwrap());
    encoder.finish().unwrap()
}

fn peak_kb(daemon: &Daemon) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}

/// A daemon that continues after `archive`, which holds two lines more than was read, took the place of each file.
fn continue_with_archives(place: &TestFolder, files: usize, archive: &[u8]) -> Daemon {
    let log = |n: usize| place.log(&format!("{n}.log"));
    let mut daemon = place.resume_with("*.log", "start = \"beginning\"");
    (0..files).for_each(|n| append(&log(n), lines(0..3)));
    daemon.wait_status_sum(3 * files as u64);
    assert!(daemon.stop().status.success());
    for n in 0..files {
        fs::write(place.log(&format!("{n}.log.1.zst")), archive).unwrap();
        fs::remove_file(log(n)).unwrap();
        append(&log(n), lines(10..11));
    }
    place.resume_with("*.log", "start = \"beginning\"")
}

#[test]
fn archives_are_found_whatever_rotation_calls_them() {
    for name in [
        "app__2026-11-26_03-41-38.log.gz",
        "app.log.2026-W48.gz",
        "app20261126.log.gz",
        "app.log.saved.gz",
        "archive/2026-11/app.log-20261126.gz",
        "archive/2026/11/app.log.26.gz",
        "2026-11/app-11-26-2026-1.log.gz",
    ] {
        let place = TestFolder::new();
        let mut daemon = place.resume_with("app.log", "start = \"beginning\"");
        append(&place.log("app.log"), lines(0..3));
        daemon.wait_status_sum(3);
        assert!(daemon.stop().status.success());
        let archive = place.log(name);
        fs::create_dir_all(archive.parent().unwrap()).unwrap();
        fs::write(&archive, compress::gzip(lines(0..5).as_ref())).unwrap();
        fs::remove_file(place.log("app.log")).unwrap();
        append(&place.log("app.log"), lines(10..11));
        let mut daemon = place.resume_with("app.log", "start = \"beginning\"");
        daemon.wait_status_sum(6);
        assert!(daemon.stop().status.success(), "{name}");
    }
}

#[test]
fn few_decoders_are_in_memory_at_once() {
    const FILES: usize = 8;
    let place = TestFolder::new();
    let archive = zstd_long(lines(0..5).as_ref(), (0, 160 << 20), 27);
    let mut daemon = continue_with_archives(&place, FILES, &archive);
    daemon.wait_status_sum(6 * FILES as u64);
    let peak = peak_kb(&daemon);
    assert!(peak < 400 << 10, "{peak} KB");
    assert!(daemon.events.iter().all(|event| event["event"] != "missed"));
    daemon.stop();
}

#[test]
fn an_archive_that_would_take_too_much_memory_is_refused_and_reported() {
    let place = TestFolder::new();
    let archive = zstd_long(lines(0..5).as_ref(), (0, 0), 30);
    let mut daemon = continue_with_archives(&place, 1, &archive);
    let missed = daemon.wait_event("missed");
    assert!(missed["bytes"].as_u64().unwrap() > 0, "{missed}");
    assert!(missed["reason"].as_str().unwrap().contains("decompression bomb"), "{missed}");
    daemon.wait_status_sum(4);
    daemon.stop();
}

/// What follows the lines decompresses to more than a gibibyte without a line feed: NULs, or one line.
#[test]
#[ignore = "decompresses two gibibytes"]
fn an_archive_without_end_is_given_up_and_reported() {
    for byte in [0, b'x'] {
        let place = TestFolder::new();
        let archive = zstd_long(lines(0..5).as_ref(), (byte, (1 << 30) + (64 << 20)), 20);
        assert!(archive.len() < 1 << 20, "{} bytes", archive.len());
        let mut daemon = continue_with_archives(&place, 1, &archive);
        // Ten minutes, of which a loaded machine may need one.
        for _ in 0..600 {
            if daemon.events.iter().any(|event| event["event"] == "missed") {
                break;
            }
            daemon.listen(Duration::from_secs(1));
        }
        let missed = daemon.wait_event("missed");
        assert!(missed["bytes"].as_u64().unwrap() > 0, "{missed}");
        assert!(missed["reason"].as_str().unwrap().contains("decompression bomb"), "{missed}");
        // What precedes it counts.
        daemon.wait_status_sum(6);
        let unreadable = daemon.wait_event("unreadable");
        assert!(unreadable["reason"].as_str().unwrap().contains("more than 1 GiB without a line feed"));
        let peak = peak_kb(&daemon);
        assert!(peak < 200 << 10, "{peak} KB");
        daemon.stop();
    }
}

fn engine(turn_bytes_max: u64) -> TestEngine {
    let settings = EngineSettings { turn_bytes_max, ..EngineSettings::default() };
    TestEngine::new(settings, &plan(), Dependencies::real(None, None))
}

/// Matching lines, bytes that were missed, bytes that were judged.
fn figures(engine: &TestEngine, path: &Path) -> (u64, u64, u64) {
    let files = engine.files();
    let file = files.iter().find(|file| file.path == path).unwrap();
    let matched = file.figures.totals.iter().map(|(_, n)| n).sum();
    (matched, file.figures.bytes_missed, file.figures.bytes_read)
}

const TURN_BYTES: u64 = 256 << 10;

/// A log of 8 MB was read; then it is compressed, with two lines more, and truncated. `first` is how each line begins.
#[test]
fn what_was_read_before_is_skipped_in_turns() {
    for (end, compress) in compress::COMPRESSORS {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("app.log");
        let mut content = b"ERROR line of a log\n".repeat(400_000);
        fs::write(&log, &content).unwrap();
        let mut engine = engine(TURN_BYTES);
        let id = engine.add(0, &log, FileOrigin::Existing);
        while engine.turn() {}
        let read = content.len() as u64;
        assert_eq!(figures(&engine, &log), (400_000, 0, read));
        content.extend_from_slice(b"ERROR more\nERROR and more\n");
        fs::write(folder.path().join(format!("app.log.1.{end}")), compress(&content)).unwrap();
        fs::write(&log, "ERROR next\n").unwrap();
        engine.heard(&[id], false);
        let turns = (0..).take_while(|_| engine.turn()).count() as u64;
        assert_eq!(figures(&engine, &log), (400_003, 0, read + 26 + 11), "{end}");
        assert!(turns >= read / TURN_BYTES, "{end}: {turns} turns");
    }
}

/// Two archives begin alike, and only one of them is what the log became.
#[test]
fn an_archive_that_only_begins_alike_is_not_taken_for_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("app.log");
    let banner = b"the same line at the beginning of each log\n".repeat(50);
    let content = [&banner[..], &b"ERROR one\n".repeat(100)].concat();
    fs::write(&log, &content).unwrap();
    let mut engine = engine(TURN_BYTES);
    let id = engine.add(0, &log, FileOrigin::Existing);
    while engine.turn() {}
    let other =
        [&banner[..], &b"ERROR of another log that was compressed at this time\n".repeat(100)].concat();
    fs::write(folder.path().join("app.log.1.gz"), compress::gzip(&other)).unwrap();
    fs::write(folder.path().join("app.log.2.gz"), compress::gzip(&[&content[..], b"ERROR two\n"].concat()))
        .unwrap();
    fs::write(&log, "ERROR three\n").unwrap();
    engine.heard(&[id], false);
    while engine.turn() {}
    let (matched, missed, _) = figures(&engine, &log);
    // The other one may have stood at the path unseen, and then counts as a whole.
    assert!([102, 202].contains(&matched) && missed == 0, "{matched} lines, {missed} bytes missed");
}

/// A backlog does not keep the daemon from saying that it has started.
#[test]
fn a_backlog_is_read_after_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("app.log");
    fs::write(&log, b"ERROR line of a log\n".repeat(400_000)).unwrap();
    let mut engine = engine(TURN_BYTES);
    engine.add(0, &log, FileOrigin::Existing);
    assert!(!engine.is_all_seen());
    engine.turn();
    let status = &engine.files()[0].status;
    assert!(engine.is_all_seen() && status.offset < status.size, "{status:?}");
}

/// A log was rotated so often between two looks that not all of the files are remembered after they were read; the oldest is
/// compressed and removed meanwhile.
#[test]
fn an_archive_of_one_of_many_removed_files_is_not_counted_again() {
    let mut on_disk = EngineOnDisk::new(EngineSettings::default(), 0);
    let log = on_disk.path("app.log");
    let line = |n: usize| format!("{n} ERROR here\n");
    fs::write(&log, line(0)).unwrap();
    let id = on_disk.engine.add(0, &log, FileOrigin::Existing);
    on_disk.settle();
    for n in 1..=90 {
        on_disk.rename("app.log", &format!("app.log.{n}"));
        fs::write(&log, line(n)).unwrap();
    }
    on_disk.engine.heard(&[id], false);
    on_disk.settle();
    (0..30).for_each(|_| on_disk.pass_ms(200));
    assert_eq!(on_disk.outcome(), (91, 0));
    for n in 1..=90 {
        if n % 2 == 0 {
            let archive = on_disk.path(&format!("app.log.{n}.gz"));
            fs::write(archive, compress::gzip(line(n - 1).as_bytes())).unwrap();
        }
        fs::remove_file(on_disk.path(&format!("app.log.{n}"))).unwrap();
    }
    on_disk.pass_ms(31_000);
    on_disk.rename("app.log", "app.log.91");
    fs::write(&log, line(91)).unwrap();
    on_disk.engine.heard(&[id], false);
    on_disk.settle();
    (0..30).for_each(|_| on_disk.pass_ms(200));
    assert_eq!(on_disk.outcome(), (92, 0));
}

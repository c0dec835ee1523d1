//! Files that were renamed and compressed while no daemon ran.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::common::{TestFolder, append, appender, lines};
use crate::compress::COMPRESSORS;
use crate::{ENDS, End, Log, each, goes_on_exactly, missed, pairs, read_before};

/// Of which the second means rotated files too.
const PATTERNS: [&str; 2] = ["app.log", "app.log*"];

/// Compresses the file as the programs for that do: the new one has the time stamp of the old.
pub(crate) fn compress(path: &Path, end: &str) {
    let (_, compress) = COMPRESSORS.into_iter().find(|(name, _)| *name == end).unwrap();
    let modified = fs::metadata(path).unwrap().modified().unwrap();
    let mut to = File::create(format!("{}.{end}", path.display())).unwrap();
    to.write_all(&compress(&fs::read(path).unwrap())).unwrap();
    to.set_modified(modified).unwrap();
    fs::remove_file(path).unwrap();
}

#[test]
fn a_chain_of_renamed_files_is_read_to_its_end() {
    each(pairs(pairs(ENDS, PATTERNS), 1..=3), |((end, pattern), generations)| {
        let place = TestFolder::new();
        let mut log = read_before(&place, pattern, *end);
        log.write(7);
        for n in 0..*generations {
            log.shift(n);
            log.rename_to(&log.numbered(1));
            log.write(5 + n);
        }
        goes_on_exactly(&place, pattern, &mut log);
    });
}

#[test]
fn a_renamed_file_without_a_successor_is_read_to_its_end() {
    each(ENDS, |end| {
        let place = TestFolder::new();
        let mut log = read_before(&place, "app.log", *end);
        log.write(7);
        fs::rename(&log.path, log.numbered(1)).unwrap();
        let mut daemon = place.resume("app.log");
        daemon.wait_status_sum(17);
        let events = end.end(daemon);
        assert!(missed(&events).is_empty(), "{events:?}");
        log.write(2);
        goes_on_exactly(&place, "app.log", &mut log);
    });
}

#[test]
fn a_writer_that_stays_in_a_renamed_file_is_read_on() {
    each(pairs(ENDS, PATTERNS), |(end, pattern)| {
        let place = TestFolder::new();
        let mut log = read_before(&place, pattern, *end);
        let mut old = appender(&log.path);
        log.write(7);
        log.rename_to(&log.numbered(1));
        let mut to_old = |log: &mut Log| {
            old.write_all(&lines(log.written..log.written + 2)).unwrap();
            log.written += 2;
        };
        let mut daemon = place.resume(pattern);
        to_old(&mut log);
        daemon.wait_status_sum(19);
        log.write(1);
        daemon.wait_status_sum(20);
        end.end(daemon);
        to_old(&mut log);
        log.write(1);
        let mut daemon = place.resume(pattern);
        daemon.wait_status_sum(23);
        to_old(&mut log);
        daemon.wait_status_sum(25);
        end.end(daemon);
        goes_on_exactly(&place, pattern, &mut log);
    });
}

#[test]
fn the_names_that_rotation_gives_are_known() {
    let names = [
        "app.log.1",
        "app.log.0",
        "app.log-20261122",
        "app.log-20261122-1763800000",
        "app.log.2026-11-22",
        "app-20261122.log",
        "app.log.old",
        "old/app.log.1",
        "old/app.log-20261122",
    ];
    each(pairs(names, ["", "gz"]), |(name, end)| {
        let place = TestFolder::new();
        fs::create_dir(place.log("old")).unwrap();
        let mut log = read_before(&place, "app.log", End::Sigterm);
        log.write(7);
        log.rename_to(&log.beside(name));
        if !end.is_empty() {
            compress(&log.beside(name), end);
        }
        log.write(5);
        goes_on_exactly(&place, "app.log", &mut log);
    });
}

#[test]
fn dated_files_are_read_in_order_and_once_though_the_pattern_means_them() {
    let dates = ["app-20261120.log", "app-20261121.log", "app-20261122.log"];
    each(["app.log", "*.log"], |pattern| {
        let place = TestFolder::new();
        let mut log = read_before(&place, pattern, End::Sigterm);
        log.write(7);
        for date in dates {
            log.rename_to(&log.beside(date));
            log.write(5);
        }
        goes_on_exactly(&place, pattern, &mut log);
    });
}

#[test]
fn a_compressed_file_is_read_from_where_reading_stopped() {
    let compressors = COMPRESSORS.map(|(end, _)| end);
    each(pairs(pairs(ENDS, PATTERNS), compressors), |((end, pattern), compressor)| {
        let place = TestFolder::new();
        let mut log = read_before(&place, pattern, *end);
        log.write(70);
        log.rename_to(&log.numbered(1));
        compress(&log.numbered(1), compressor);
        log.write(5);
        goes_on_exactly(&place, pattern, &mut log);
    });
}

#[test]
fn a_compressed_file_that_nobody_saw_is_read_whole() {
    let compressors = COMPRESSORS.map(|(end, _)| end);
    each(pairs(compressors, [false, true]), |(compressor, is_delayed)| {
        let place = TestFolder::new();
        let mut log = read_before(&place, "app.log", End::Kill);
        log.write(7);
        log.rename_to(&log.numbered(2));
        compress(&log.numbered(2), compressor);
        log.write(50);
        log.rename_to(&log.numbered(1));
        if !is_delayed {
            compress(&log.numbered(1), compressor);
        }
        log.write(5);
        goes_on_exactly(&place, "app.log", &mut log);
    });
}

#[test]
fn a_file_that_was_rotated_while_the_daemon_ran_and_compressed_while_it_was_down_counts_once() {
    each(pairs(ENDS, PATTERNS), |(end, pattern)| {
        let place = TestFolder::new();
        let mut log = Log::new(&place, "app.log");
        let mut daemon = place.resume(pattern);
        log.write(10);
        daemon.wait_status_sum(10);
        log.rename_to(&log.numbered(1));
        log.write(5);
        daemon.wait_status_sum(15);
        end.end(daemon);
        compress(&log.numbered(1), "gz");
        goes_on_exactly(&place, pattern, &mut log);
    });
}

/// Not all that compresses keeps the time stamp, and some of it comes a rotation late.
#[test]
fn a_file_that_was_read_long_ago_is_not_read_again_when_it_is_compressed_with_a_new_stamp() {
    each([false, true], |is_down| {
        let place = TestFolder::new();
        let mut log = Log::new(&place, "app.log");
        // It is given up at once, as others are after half a minute.
        let start = || place.resume_with("app.log", "rotated_grace = \"0s\"");
        let mut daemon = start();
        log.write(10);
        daemon.wait_total(&log.path, 10);
        let seen = daemon.events.len();
        fs::rename(&log.path, log.numbered(1)).unwrap();
        daemon.wait_event_after(seen, "removed");
        log.write(5);
        daemon.wait_total(&log.path, 15);
        daemon.listen(Duration::from_millis(1_200));
        let rotate = || {
            compress(&log.numbered(1), "gz");
            let compressed = log.beside("app.log.2.gz");
            fs::rename(log.beside("app.log.1.gz"), &compressed).unwrap();
            File::open(compressed).unwrap().set_modified(SystemTime::now()).unwrap();
            fs::rename(&log.path, log.numbered(1)).unwrap();
        };
        if *is_down {
            End::Sigterm.end(daemon);
            rotate();
            daemon = start();
        } else {
            let seen = daemon.events.len();
            rotate();
            daemon.wait_event_after(seen, "removed");
        }
        log.write(1);
        daemon.wait_status_sum(16);
        daemon.stop();
    });
}

#[test]
fn old_files_from_before_the_first_start_are_nobodys() {
    let place = TestFolder::new();
    let mut log = Log::new(&place, "app.log");
    append(&log.numbered(1), lines(500..600));
    append(&log.numbered(2), lines(400..500));
    let hour = Duration::from_secs(3_600);
    for old in [log.numbered(1), log.numbered(2)] {
        File::open(&old).unwrap().set_modified(SystemTime::now() - hour).unwrap();
    }
    compress(&log.numbered(2), "gz");
    let mut daemon = place.resume("app.log");
    log.write(10);
    daemon.wait_status_sum(10);
    End::Sigterm.end(daemon);
    log.write(7);
    // They get other numbers, which changes nothing of what they are.
    fs::rename(PathBuf::from(format!("{}.gz", log.numbered(2).display())), log.beside("app.log.3.gz"))
        .unwrap();
    log.shift(1);
    log.rename_to(&log.numbered(1));
    log.write(5);
    goes_on_exactly(&place, "app.log", &mut log);
}

#[test]
fn files_side_by_side_keep_their_own_histories() {
    let place = TestFolder::new();
    let mut logs = ["a.log", "b.log", "a.b.log"].map(|name| Log::new(&place, name));
    let mut daemon = place.resume("*.log");
    logs.iter_mut().for_each(|log| log.write(10));
    daemon.wait_status_sum(30);
    End::Kill.end(daemon);
    for (n, log) in (1..).zip(&mut logs) {
        for generation in 0..n {
            log.write(n);
            log.shift(generation);
            log.rename_to(&log.numbered(1));
        }
        log.write(1);
    }
    let mut daemon = place.resume("*.log");
    for (n, log) in (1..).zip(&logs) {
        daemon.wait_total(&log.path, 10 + n * n + 1);
    }
    daemon.wait_status_sum(30 + 1 + 4 + 9 + 3);
    assert!(missed(&daemon.stop().events).is_empty());
}

//! Logs with NULs: preallocated and filled in place, or left by a writer that does not append.

use std::fs::{File, OpenOptions};
use std::io::Write;

use crate::common::{TestFolder, append, appender, news};

#[test]
fn a_preallocated_log_that_is_filled_in_place_is_exact() {
    for size in [500, 500_000, 3 << 20] {
        let place = TestFolder::new();
        let log = place.log("app.log");
        std::fs::write(&log, vec![0; size]).unwrap();
        let mut daemon = place.watch("app.log");
        let mut writer = OpenOptions::new().write(true).open(&log).unwrap();
        for n in 1..=6 {
            let line = format!("ERROR number {n}\n");
            let (first, second) = line.split_at(7);
            writer.write_all(first.as_bytes()).unwrap();
            // Whoever sees the first half must not take the NULs behind it for a part of the line.
            daemon.status(&log);
            writer.write_all(second.as_bytes()).unwrap();
            daemon.wait_sum(n);
        }
        let events = daemon.stop_with_sum(6);
        assert!(!news(&events, &log).contains(&"missed".to_owned()), "{size} bytes");
    }
}

/// Such a run is left when a log is truncated under a writer that does not append.
#[test]
fn a_run_of_nuls_ends_no_line_and_swallows_none() {
    for nuls in [1, 4096, 1 << 20, (1 << 20) + 1, 3 << 20] {
        let place = TestFolder::new();
        let log = place.log("app.log");
        append(&log, "");
        let mut daemon = place.watch("app.log");
        let mut writer = appender(&log);
        writer.write_all(b"ERROR before\n").unwrap();
        writer.write_all(&vec![0; nuls]).unwrap();
        daemon.wait_sum(1);
        daemon.status(&log);
        writer.write_all(b"ERROR after\nERROR at last\n").unwrap();
        daemon.wait_sum(3);
        daemon.stop_with_sum(3);
    }
}

#[test]
fn an_unfinished_line_before_a_huge_hole_costs_no_reading() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, "");
    let mut daemon = place.resume("app.log");
    append(&log, "x");
    // To read it would take longer than the test waits.
    File::options().write(true).open(&log).unwrap().set_len(4 << 40).unwrap();
    append(&log, "\nERROR after the hole\n");
    daemon.wait_sum(1);
    daemon.stop_with_sum(1);
}

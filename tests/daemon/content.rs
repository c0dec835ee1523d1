//! What is in the files.

use std::fs::File;
use std::io::Write;
use std::time::Duration;

use crate::common::{Daemon, TestFolder, append, appender, lines, news};

#[test]
fn a_file_that_is_there_is_read_from_its_end_or_from_its_start() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, lines(0..5));
    let mut daemon = place.watch("app.log");
    append(&log, lines(5..7));
    daemon.wait_total(&log, 2);
    daemon.stop_with_sum(2);
    let mut daemon = Daemon::run([log.as_os_str(), "--from-start".as_ref()]);
    daemon.wait_total(&log, 7);
    daemon.stop_with_sum(7);
}

#[test]
fn a_line_that_comes_in_pieces_counts_once_it_is_whole() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    let mut writer = appender(&log);
    let mut daemon = place.watch("app.log");
    for _ in 0..3 {
        for piece in ["a b", "egun ERR", "OR li", "ne ERROR", "\nhello ER", "ROR", "\n"] {
            writer.write_all(piece.as_bytes()).unwrap();
            daemon.listen(Duration::from_millis(10));
        }
    }
    daemon.wait_total(&log, 6);
    daemon.stop_with_sum(6);
}

#[test]
fn lines_that_end_with_cr_lf_count() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, "");
    let rule = "[rule.end]\nregex = ['ERROR$']";
    let mut daemon = place.watch_with("app.log", rule);
    append(&log, "one ERROR\r\ntwo\r\nthree ERROR\r\nERROR no end\r\n");
    daemon.wait_total(&log, 2);
    daemon.stop_with_sum(2);
}

#[test]
fn a_line_above_the_bound_counts_once_and_is_skipped_to_its_end() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, "");
    let mut daemon = place.watch_with("app.log", "line_bytes_max = \"1KiB\"\nwindow_bytes = \"4KiB\"");
    let long = "x".repeat(100_000);
    // Within the bound, beyond it, and both.
    append(&log, format!("ERROR {long}\n{long} ERROR\nERROR {long} ERROR {long}\nlast ERROR\n"));
    daemon.wait_total(&log, 3);
    // Written in pieces, it is no other line.
    let mut writer = appender(&log);
    writer.write_all(format!("ERROR {long}").as_bytes()).unwrap();
    daemon.listen(Duration::from_millis(200));
    for _ in 0..5 {
        writer.write_all(format!("ERROR {long}").as_bytes()).unwrap();
        daemon.listen(Duration::from_millis(20));
    }
    writer.write_all(b"\nagain ERROR\n").unwrap();
    daemon.wait_total(&log, 5);
    daemon.stop_with_sum(5);
}

#[test]
fn bytes_that_are_not_utf_8_do_no_harm() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, "");
    let mut daemon = place.watch("app.log");
    append(&log, b"\xff\xfe ERROR \x80\n\xc3\x28\nERROR\xf0\x9f\n\x00\x01 ERROR\n");
    daemon.wait_total(&log, 3);
    daemon.stop_with_sum(3);
}

#[test]
fn an_empty_file_counts_nothing_and_what_comes_then_counts() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, "");
    let mut daemon = place.watch("app.log");
    let opened = daemon.wait_event("opened");
    assert_eq!(opened["path"], log.to_str().unwrap());
    File::options().write(true).open(&log).unwrap().set_len(0).unwrap();
    append(&log, "\n\n\nERROR\n\n");
    daemon.wait_total(&log, 1);
    let events = daemon.stop_with_sum(1);
    assert_eq!(news(&events, &log), ["opened"]);
}

#[test]
fn a_flood_of_single_writes_is_counted_exactly() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    let mut writer = appender(&log);
    let mut daemon = place.watch("app.log");
    for n in 0..40_000 {
        writer.write_all(&lines(n..n + 1)).unwrap();
    }
    daemon.wait_total(&log, 40_000);
    daemon.stop_with_sum(40_000);
}

#[test]
fn floods_from_several_writers_are_counted_exactly() {
    let place = TestFolder::new();
    let mut daemon = place.watch("*.log");
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let log = place.log(&format!("{}.log", writer % 2));
            scope.spawn(move || {
                let mut file = appender(&log);
                for n in 0..5_000 {
                    file.write_all(&lines(n..n + 1)).unwrap();
                }
            });
        }
    });
    daemon.wait_sum(20_000);
    daemon.wait_total(&place.log("0.log"), 10_000);
    daemon.stop_with_sum(20_000);
}

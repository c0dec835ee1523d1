//! Files that were copied and truncated, while a daemon ran and while none did.

use std::time::Duration;

use crate::common::TestFolder;
use crate::rotated::compress;
use crate::{ENDS, End, Log, counts, each, goes_on_exactly, missed, pairs, read_before};

/// Of which the second means the copies too.
const PATTERNS: [&str; 2] = ["app.log", "app.log*"];

#[test]
fn the_unread_rest_of_a_truncated_file_is_found_in_its_copy() {
    // Fewer and more bytes than were read before.
    each(pairs(pairs(ENDS, PATTERNS), [0, 5, 100]), |((end, pattern), after)| {
        let place = TestFolder::new();
        let mut log = read_before(&place, pattern, *end);
        log.write(7);
        log.copy_and_truncate(&log.numbered(1));
        log.write(*after);
        goes_on_exactly(&place, pattern, &mut log);
    });
}

#[test]
fn several_copies_are_read_in_order() {
    each(pairs(pairs(ENDS, PATTERNS), [2, 3, 6]), |((end, pattern), copies)| {
        let place = TestFolder::new();
        let mut log = read_before(&place, pattern, *end);
        for n in 0..*copies {
            log.write(7 + n);
            log.shift(n);
            log.copy_and_truncate(&log.numbered(1));
        }
        log.write(5);
        goes_on_exactly(&place, pattern, &mut log);
    });
}

#[test]
fn a_compressed_copy_is_read() {
    each(pairs(PATTERNS, [5, 100]), |(pattern, after)| {
        let place = TestFolder::new();
        let mut log = read_before(&place, pattern, End::Kill);
        log.write(7);
        log.copy_and_truncate(&log.numbered(2));
        compress(&log.numbered(2), "gz");
        log.write(20);
        log.copy_and_truncate(&log.numbered(1));
        compress(&log.numbered(1), "zst");
        log.write(*after);
        goes_on_exactly(&place, pattern, &mut log);
    });
}

#[test]
fn copies_of_what_was_read_count_nothing() {
    each(PATTERNS, |pattern| {
        let place = TestFolder::new();
        let mut log = read_before(&place, pattern, End::Sigterm);
        log.copy_and_truncate(&log.numbered(1));
        log.write(5);
        goes_on_exactly(&place, pattern, &mut log);
    });
}

#[test]
fn copies_that_a_glob_means_are_never_counted_twice() {
    each([0, 5, 150], |pause| {
        let place = TestFolder::new();
        let mut log = Log::new(&place, "app.log");
        let mut daemon = place.resume("app.log*");
        for round in 0..8 {
            log.write(20);
            daemon.listen(Duration::from_millis(*pause));
            log.shift(round);
            log.copy_and_truncate(&log.numbered(1));
            if round % 3 == 2 {
                daemon.wait_status_sum(log.written);
                ENDS[usize::try_from(round / 3).unwrap()].end(daemon);
                log.write(4);
                daemon = place.resume("app.log*");
            }
        }
        daemon.wait_status_sum(log.written);
        assert!(missed(&daemon.stop().events).is_empty());
        goes_on_exactly(&place, "app.log*", &mut log);
    });
}

#[test]
fn a_copy_that_is_not_followed_by_a_truncation_counts_nothing() {
    each(ENDS, |end| {
        let place = TestFolder::new();
        let mut log = read_before(&place, "app.log*", *end);
        log.write(7);
        std::fs::copy(&log.path, log.numbered(1)).unwrap();
        let mut daemon = place.resume("app.log*");
        daemon.wait_status_sum(17);
        std::fs::copy(&log.path, log.numbered(2)).unwrap();
        daemon.wait_status_sum(17);
        assert_eq!(counts(&daemon.stop().events).len(), 1);
        goes_on_exactly(&place, "app.log*", &mut log);
    });
}

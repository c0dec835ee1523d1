//! Files with more than one name are counted once.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::common::TestFolder;
use crate::{ENDS, Log, each, goes_on_exactly, pairs};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    BeforeTheStart,
    WhileItRuns,
    WhileItIsDown,
}

fn counts_once(link: fn(&Path, &Path), name: &str) {
    let whens = [When::BeforeTheStart, When::WhileItRuns, When::WhileItIsDown];
    each(pairs(whens, ENDS), |(when, end)| {
        let place = TestFolder::new();
        let mut log = Log::new(&place, "app.log");
        let other = place.log(name);
        let link_if = |now: When| {
            if *when == now {
                link(&log.path, &other);
            }
        };
        link_if(When::BeforeTheStart);
        let mut daemon = place.resume("*.log");
        link_if(When::WhileItRuns);
        log.write(10);
        daemon.wait_status_sum(10);
        end.end(daemon);
        if *when == When::WhileItIsDown {
            link(&log.path, &other);
        }
        log.write(7);
        let mut daemon = place.resume("*.log");
        daemon.wait_status_sum(17);
        let mut through = Log { path: other, written: log.written };
        through.write(2);
        daemon.wait_status_sum(19);
        end.end(daemon);
        goes_on_exactly(&place, "*.log", &mut through);
    });
}

fn hard_link(from: &Path, to: &Path) {
    fs::hard_link(from, to).unwrap();
}

fn symbolic_link(from: &Path, to: &Path) {
    symlink(from, to).unwrap();
}

#[test]
fn a_hard_link_counts_once() {
    // In the order of names, it comes first or last.
    counts_once(hard_link, "a.log");
    counts_once(hard_link, "z.log");
}

#[test]
fn a_symbolic_link_counts_once() {
    counts_once(symbolic_link, "a.log");
    counts_once(symbolic_link, "z.log");
}

#[test]
fn a_name_that_goes_away_leaves_the_other_with_the_rest() {
    each(pairs(ENDS, ["app.log", "b.log"]), |(end, gone)| {
        let place = TestFolder::new();
        let mut log = Log::new(&place, "app.log");
        hard_link(&log.path, &place.log("b.log"));
        let mut daemon = place.resume("*.log");
        log.write(10);
        daemon.wait_status_sum(10);
        end.end(daemon);
        log.write(7);
        fs::remove_file(place.log(gone)).unwrap();
        let left = if *gone == "app.log" { "b.log" } else { "app.log" };
        let mut left = Log { path: place.log(left), written: log.written };
        left.write(2);
        goes_on_exactly(&place, "*.log", &mut left);
    });
}

//! Files that stay where they are: reading goes on, and where it begins in files without a record.

use std::fs;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::common::{Daemon, TestFolder, append, last_totals, lines, totals};
use crate::{ENDS, End, Log, counts, goes_on_exactly, missed, read_before, wait_committed};

#[test]
fn lines_from_before_during_and_after_a_restart_count_once() {
    for end in ENDS {
        let place = TestFolder::new();
        let mut log = read_before(&place, "app.log", end);
        log.write(7);
        let mut daemon = place.resume("app.log");
        daemon.wait_total(&log.path, 17);
        log.write(3);
        daemon.wait_total(&log.path, 20);
        let events = end.end(daemon);
        let deltas: Vec<_> = counts(&events).iter().map(|event| event["delta"].as_u64().unwrap()).collect();
        // After a kill, what was not committed is counted and told again.
        assert!(end == End::Kill || deltas.iter().sum::<u64>() == 10, "{end:?}: {deltas:?}");
        goes_on_exactly(&place, "app.log", &mut log);
    }
}

#[test]
fn sigterm_commits_the_last_lines() {
    let place = TestFolder::new();
    let mut log = Log::new(&place, "app.log");
    let daemon = place.resume("app.log");
    log.write(1_000);
    let ended = daemon.stop();
    assert_eq!(totals(&ended.events, &log.path), 1_000);
    goes_on_exactly(&place, "app.log", &mut log);
}

#[test]
fn a_kill_right_after_the_first_start_loses_nothing() {
    let place = TestFolder::new();
    let mut log = Log::new(&place, "app.log");
    append(&log.path, lines(1_000..1_005));
    let daemon = place.resume("app.log");
    daemon.kill();
    log.write(7);
    let daemon = place.resume("app.log");
    log.write(5);
    daemon.kill();
    goes_on_exactly(&place, "app.log", &mut log);
}

#[test]
fn a_kill_right_after_the_first_start_loses_no_file_that_came_then() {
    let place = TestFolder::new();
    place.resume("*.log").kill();
    let mut log = Log::new(&place, "app.log");
    log.write(7);
    goes_on_exactly(&place, "*.log", &mut log);
}

#[test]
fn a_kill_right_after_a_reload_loses_nothing() {
    let place = TestFolder::new();
    let mut log = Log::new(&place, "app.log");
    let mut daemon = place.resume("other.log");
    daemon.listen(Duration::from_millis(1_500));
    place.config(&format!("[watch.logs]\npaths = [{:?}]\n", log.path));
    // It was born just before, so that it is read from its first byte.
    log.write(3);
    daemon.signal(Signal::HUP);
    daemon.wait_event("reloaded");
    daemon.kill();
    log.write(2);
    goes_on_exactly(&place, "app.log", &mut log);
}

#[test]
fn a_line_that_ends_after_the_restart_counts_once() {
    for end in ENDS {
        let place = TestFolder::new();
        let mut log = read_before(&place, "app.log", end);
        append(&log.path, "half an ERR");
        let daemon = place.resume("app.log");
        end.end(daemon);
        append(&log.path, "OR\n");
        log.written += 1;
        goes_on_exactly(&place, "app.log", &mut log);
    }
}

#[test]
fn start_decides_for_files_without_a_record() {
    for (start, first) in [("end", 0), ("beginning", 8)] {
        let place = TestFolder::new();
        let log = place.log("app.log");
        append(&log, lines(0..8));
        let more = format!("start = \"{start}\"");
        let mut daemon = place.resume_with("*.log", &more);
        daemon.wait_status_sum(first);
        End::Sigterm.end(daemon);
        append(&log, lines(8..12));
        let mut daemon = place.resume_with("*.log", &more);
        daemon.wait_total(&log, first + 4);
        daemon.stop();
    }
}

#[test]
fn a_file_that_is_older_than_the_watch_but_new_to_it_starts_as_configured() {
    let place = TestFolder::new();
    let mut log = Log::new(&place, "app.log");
    append(&place.log("other.log"), lines(0..9));
    place.resume("app.log").stop();
    // The watch has other paths now: for those, everything that is there was there before.
    let mut daemon = place.resume("*.log");
    log.write(2);
    daemon.wait_status_sum(2);
    append(&place.log("other.log"), lines(9..10));
    daemon.wait_status_sum(3);
    daemon.stop();
}

#[test]
fn a_file_that_came_while_the_daemon_was_down_is_read_from_its_beginning() {
    for end in ENDS {
        for pattern in ["*.log", "app.log"] {
            let place = TestFolder::new();
            // The folder is empty at first.
            let daemon = place.resume(pattern);
            end.end(daemon);
            let mut log = Log::new(&place, "app.log");
            log.write(6);
            goes_on_exactly(&place, pattern, &mut log);
        }
    }
}

#[test]
fn a_file_that_is_removed_and_made_anew_while_the_daemon_is_down_counts_on() {
    let place = TestFolder::new();
    let mut log = read_before(&place, "app.log", End::Sigterm);
    fs::remove_file(&log.path).unwrap();
    log.write(4);
    let mut daemon = place.resume("app.log");
    daemon.wait_status_sum(14);
    daemon.stop();
}

#[test]
fn a_path_without_a_file_goes_on_from_its_total_when_one_comes() {
    for end in ENDS {
        let place = TestFolder::new();
        let mut log = read_before(&place, "app.log", End::Sigterm);
        // Nobody can tell whether someone wrote on to a file that is removed: it is given up before the daemon ends.
        let more = "rotated_grace = \"0s\"";
        let mut daemon = place.resume_with("app.log", more);
        fs::remove_file(&log.path).unwrap();
        daemon.wait_event("removed");
        wait_committed(
            &place,
            "that it was given up",
            "SELECT count(*) FROM places WHERE role = 'former'",
            0,
        );
        daemon.listen(Duration::from_millis(1_200));
        end.end(daemon);
        let mut daemon = place.resume_with("app.log", more);
        log.write(4);
        daemon.wait_total(&log.path, 14);
        let missed = missed(&end.end(daemon));
        assert!(missed.is_empty(), "{end:?}: {missed:?}");
    }
}

#[test]
fn many_restarts_without_a_change_count_nothing() {
    let place = TestFolder::new();
    let mut log = read_before(&place, "*.log", End::Sigterm);
    for round in 0..6 {
        let daemon = place.resume("*.log");
        let events = ENDS[round % 2].end(daemon);
        assert!(counts(&events).is_empty(), "{events:?}");
    }
    goes_on_exactly(&place, "*.log", &mut log);
}

#[test]
fn a_rule_that_is_added_begins_at_zero_while_others_go_on() {
    const ONE: &str = "[rule.errors]\nany = \"ERROR\"";
    const TWO: &str = "[rule.errors]\nany = \"ERROR\"\n[rule.odd]\nregex = 'line \\d*[13579] '";
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, "");
    let of = |daemon: &Daemon, rule: &str| {
        let totals = last_totals(&daemon.events);
        totals.into_iter().find(|(known, ..)| known == rule).map(|(.., total)| total)
    };
    let mut daemon = place.resume_with("app.log", ONE);
    append(&log, lines(0..10));
    daemon.wait_total(&log, 10);
    End::Sigterm.end(daemon);
    append(&log, lines(10..12));
    let mut daemon = place.resume_with("app.log", TWO);
    append(&log, lines(12..16));
    daemon.wait_sum(16 + 3);
    assert_eq!((of(&daemon, "errors"), of(&daemon, "odd")), (Some(16), Some(3)));
    End::Sigterm.end(daemon);
    let mut daemon = place.resume_with("app.log", ONE);
    append(&log, lines(16..17));
    daemon.wait_total(&log, 17);
    daemon.stop();
}

#[test]
fn without_state_nothing_is_kept() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, "");
    for _ in 0..2 {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spiketail"));
        command.args(["run", "--no-state"]).arg(&log);
        command.env("STATE_DIRECTORY", place.state());
        let mut daemon = Daemon::spawn(command);
        append(&log, lines(0..3));
        daemon.wait_total(&log, 3);
        End::Sigterm.end(daemon);
        append(&log, lines(0..3));
    }
    assert!(!place.state().exists());
}

#[test]
fn the_environment_says_where_the_state_is() {
    for (variable, below) in [("STATE_DIRECTORY", ""), ("XDG_STATE_HOME", "spiketail")] {
        let place = TestFolder::new();
        let log = place.log("app.log");
        append(&log, "");
        for total in [3, 8] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_spiketail"));
            command.arg("run").arg(&log).env_remove("STATE_DIRECTORY").env(variable, place.state());
            let mut daemon = Daemon::spawn(command);
            append(&log, lines(0..3));
            daemon.wait_total(&log, total);
            End::Sigterm.end(daemon);
            append(&log, lines(0..2));
        }
        assert!(place.state().join(below).join("state.db").is_file());
    }
}

#[test]
fn the_folder_is_made_with_those_above_it() {
    let place = TestFolder::new();
    let folder = place.state().join("a/b");
    let daemon = Daemon::spawn(place.resuming(&folder, "app.log", ""));
    assert!(folder.join("state.db").is_file());
    let ended = daemon.stop();
    assert!(ended.took < Duration::from_secs(2));
}

//! What cannot be read, is named, and is read once it can be.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::common::{Daemon, TestFolder, append, appender, lines, news, pause, program};

#[test]
fn a_fifo_is_refused_and_a_file_in_its_place_counts() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    mknodat(CWD, &log, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let mut daemon = place.watch("app.log");
    let refusal = daemon.wait_event("unreadable");
    assert_eq!(refusal["level"], "WARN");
    let reason = refusal["reason"].as_str().unwrap();
    assert!(reason.contains("it is a FIFO, not a regular file"), "{reason}");
    fs::remove_file(&log).unwrap();
    append(&log, lines(0..3));
    daemon.wait_total(&log, 3);
    daemon.stop_with_sum(3);
}

#[test]
fn a_directory_in_the_place_of_a_file_is_no_end() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, "");
    let mut daemon = place.watch("app.log");
    append(&log, lines(0..2));
    fs::rename(&log, place.log("old")).unwrap();
    fs::create_dir(&log).unwrap();
    daemon.wait_total(&log, 2);
    fs::remove_dir(&log).unwrap();
    append(&log, lines(0..3));
    daemon.wait_total(&log, 5);
    append(&log, lines(3..4));
    daemon.wait_total(&log, 6);
    daemon.stop_with_sum(6);
}

/// The daemon as a user whom permissions bind. `None` where that cannot be obtained.
fn unprivileged(place: &TestFolder, path: &str) -> Option<Daemon> {
    if !rustix::process::getuid().is_root() {
        return Some(Daemon::run([place.log(path)]));
    }
    fs::set_permissions(place.beside(""), Permissions::from_mode(0o755)).unwrap();
    // The binary may lie where that user cannot go.
    let binary = place.beside("spiketail");
    fs::copy(program(), &binary).unwrap();
    let can_switch = |mut command: Command| command.output().is_ok_and(|output| output.status.success());
    let setpriv = || {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&binary);
        command
    };
    let mut trial = setpriv();
    trial.arg("--version");
    if !can_switch(trial) {
        eprintln!("skipped: cannot become another user");
        return None;
    }
    let mut command = setpriv();
    command.args(["run", "--no-state"]).arg(place.log(path));
    Some(Daemon::spawn(command))
}

#[test]
fn a_file_without_permission_is_named_and_read_once_it_may_be() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, lines(0..2));
    fs::set_permissions(&log, Permissions::from_mode(0o000)).unwrap();
    let Some(mut daemon) = unprivileged(&place, "app.log") else { return };
    let refusal = daemon.wait_event("unreadable");
    assert_eq!(refusal["path"], log.to_str().unwrap());
    let reason = refusal["reason"].as_str().unwrap();
    assert!(reason.starts_with("permission denied"), "{reason}");
    // It says what to do about it.
    assert!(reason.len() > "permission denied".len(), "{reason}");
    fs::set_permissions(&log, Permissions::from_mode(0o644)).unwrap();
    daemon.wait_event("recovered");
    let seen = daemon.events.len();
    append(&log, lines(2..5));
    daemon.wait_for("lines", |events| events[seen..].iter().any(|e| e["target"] == "spiketail::count"));
    let ended = daemon.stop();
    assert!(ended.status.success());
    assert_eq!(news(&ended.events, &log).iter().filter(|name| *name == "unreadable").count(), 1);
}

#[test]
fn what_is_written_while_a_file_may_not_be_read_counts_later() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, lines(0..2));
    fs::set_permissions(&log, Permissions::from_mode(0o000)).unwrap();
    let Some(mut daemon) = unprivileged(&place, "app.log") else { return };
    daemon.wait_event("unreadable");
    let mut writer = match rustix::process::getuid().is_root() {
        true => appender(&log),
        false => return,
    };
    writer.write_all(&lines(2..5)).unwrap();
    fs::set_permissions(&log, Permissions::from_mode(0o644)).unwrap();
    daemon.wait_event("recovered");
    writer.write_all(&lines(5..6)).unwrap();
    daemon.wait_total(&log, 4);
    daemon.stop_with_sum(4);
}

#[test]
fn a_directory_without_permission_is_named() {
    let place = TestFolder::new();
    fs::create_dir(place.log("closed")).unwrap();
    append(&place.log("closed/app.log"), lines(0..2));
    fs::set_permissions(place.log("closed"), Permissions::from_mode(0o000)).unwrap();
    let Some(mut daemon) = unprivileged(&place, "closed/*.log") else { return };
    let said = place.log("closed");
    daemon.wait_for("the directory is named", |events| {
        events
            .iter()
            .any(|event| event["reason"].as_str().is_some_and(|r| r.contains(said.to_str().unwrap())))
    });
    fs::set_permissions(place.log("closed"), Permissions::from_mode(0o755)).unwrap();
    append(&place.log("closed/new.log"), lines(0..3));
    daemon.wait_total(&place.log("closed/new.log"), 3);
}

#[test]
fn whatever_a_local_user_puts_there_the_daemon_goes_on() {
    let place = TestFolder::new();
    let (log, other) = (place.log("app.log"), place.log("other.log"));
    let sparse = place.beside("sparse");
    fs::File::create(&sparse).unwrap().set_len(1 << 40).unwrap();
    append(&other, "");
    let mut daemon = place.watch("*.log");
    let remove = || drop(fs::remove_file(&log).or_else(|_| fs::remove_dir(&log)));
    let mut written = 0;
    for round in 0..100 {
        remove();
        match round % 6 {
            0 => mknodat(CWD, &log, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap(),
            1 => symlink("/dev/zero", &log).unwrap(),
            2 => symlink(&log, &log).unwrap(),
            3 => fs::create_dir(&log).unwrap(),
            4 => symlink(&sparse, &log).unwrap(),
            _ => fs::hard_link(&other, &log).unwrap(),
        }
        append(&other, lines(written..written + 3));
        written += 3;
        pause(std::time::Duration::from_millis(10));
    }
    daemon.wait_total(&other, written);
    remove();
    append(&log, lines(0..7));
    daemon.wait_total(&log, 7);
    assert!(daemon.rss_kb() < 150_000, "{} KB", daemon.rss_kb());
    daemon.stop();
}

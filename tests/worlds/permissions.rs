//! Permissions that are missing, given and taken.

use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::common::{Daemon, TestFolder, append, appender, lines, news};
use crate::{assert_idle, config, reasons};

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// The daemon as a user whom permissions bind. `None` where that cannot be obtained.
fn unprivileged(place: &TestFolder, paths: &[&str]) -> Option<Daemon> {
    let config = config(place, paths, "");
    if !rustix::process::getuid().is_root() {
        return Some(Daemon::run(["-c".as_ref(), config.as_os_str()]));
    }
    chmod(&place.beside(""), 0o755);
    // The binary may lie where that user cannot go.
    let binary = place.beside("spiketail");
    fs::copy(env!("CARGO_BIN_EXE_spiketail"), &binary).unwrap();
    let setpriv = || {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&binary);
        command
    };
    if !setpriv().arg("--version").output().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: cannot become another user");
        return None;
    }
    let mut command = setpriv();
    command.args(["run", "-c"]).arg(&config);
    Some(Daemon::spawn(command))
}

/// A writer that held the file before.
fn write_through(writer: &mut File, bytes: &[u8]) {
    writer.write_all(bytes).unwrap();
}

#[test]
fn a_directory_that_may_be_listed_again_is_told_of_once() {
    let mut place = TestFolder::new();
    place.sweep_interval = "1s";
    let dir = place.log("closed");
    fs::create_dir(&dir).unwrap();
    append(&dir.join("x.log"), "");
    let mut writer = appender(&dir.join("x.log"));
    chmod(&dir, 0o000);
    let Some(mut daemon) = unprivileged(&place, &["closed/*.log"]) else { return };
    daemon.wait_event("unlisted");
    assert_idle(&mut daemon, Duration::from_secs(2));
    let told = reasons(&daemon.events, "unlisted");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains(dir.to_str().unwrap()) && told[0].contains("r and x"), "{told:?}");
    chmod(&dir, 0o755);
    let is_listed = |events: &[_]| reasons(events, "mended").iter().any(|text| text.contains("listed"));
    daemon.wait_for("it is mended", is_listed);
    write_through(&mut writer, &lines(0..3));
    append(&dir.join("new.log"), lines(0..2));
    daemon.wait_total(&dir.join("new.log"), 2);
    daemon.wait_sum(5);
    // It comes back, and is reported again.
    let seen = daemon.events.len();
    append(&dir.join("late.log"), lines(0..1));
    daemon.wait_sum(6);
    fs::remove_dir_all(&dir).unwrap();
    fs::create_dir(&dir).unwrap();
    chmod(&dir, 0o000);
    daemon.wait_event_after(seen, "unlisted");
    chmod(&dir, 0o755);
    daemon.wait_event_after(seen, "mended");
    append(&dir.join("x.log"), lines(0..2));
    daemon.wait_sum(8);
    daemon.stop_with_sum(8);
}

#[test]
fn a_file_that_is_named_outright_is_read_in_a_directory_that_cannot_be_listed() {
    let place = TestFolder::new();
    let dir = place.log("private");
    fs::create_dir(&dir).unwrap();
    append(&dir.join("x.log"), "");
    let mut writer = appender(&dir.join("x.log"));
    chmod(&dir, 0o311);
    let Some(mut daemon) = unprivileged(&place, &["private/x.log"]) else { return };
    // Watching it needs r.
    let told = daemon.wait_event("polling");
    assert!(told["reason"].as_str().unwrap().contains("needs r on it"), "{told}");
    write_through(&mut writer, &lines(0..3));
    daemon.wait_sum(3);
    assert!(reasons(&daemon.events, "unlisted").is_empty(), "{}", daemon.shown());
    daemon.stop_with_sum(3);
}

#[test]
fn an_open_file_is_read_on_when_permission_is_taken_and_its_rotation_is_found_later() {
    let place = TestFolder::new();
    let dir = place.log("app");
    let log = dir.join("x.log");
    fs::create_dir(&dir).unwrap();
    append(&log, "");
    let mut writer = appender(&log);
    let Some(mut daemon) = unprivileged(&place, &["app/x.log"]) else { return };
    if !rustix::process::getuid().is_root() {
        return;
    }
    write_through(&mut writer, &lines(0..2));
    daemon.wait_sum(2);
    chmod(&log, 0o000);
    write_through(&mut writer, &lines(2..5));
    daemon.wait_sum(5);
    chmod(&dir, 0o000);
    write_through(&mut writer, &lines(5..9));
    daemon.wait_sum(9);
    // Nobody but root can see it.
    fs::rename(&log, dir.join("x.log.1")).unwrap();
    append(&log, lines(0..3));
    write_through(&mut writer, &lines(9..11));
    daemon.wait_sum(11);
    assert_idle(&mut daemon, Duration::from_secs(1));
    // No sweep comes: the kernel tells that the directory changed.
    chmod(&dir, 0o755);
    daemon.wait_sum(14);
    append(&log, lines(3..4));
    write_through(&mut writer, &lines(11..12));
    daemon.wait_sum(16);
    let events = daemon.stop_with_sum(16);
    assert!(news(&events, &log).contains(&"rotated".to_owned()), "{events:?}");
}

#[test]
fn a_successor_without_permission_is_read_once_it_has_it() {
    let place = TestFolder::new();
    let log = place.log("x.log");
    append(&log, "");
    let Some(mut daemon) = unprivileged(&place, &["*.log"]) else { return };
    append(&log, lines(0..2));
    daemon.wait_sum(2);
    fs::rename(&log, place.log("x.log.1")).unwrap();
    let mut writer = appender(&place.beside("new"));
    chmod(&place.beside("new"), 0o000);
    fs::rename(place.beside("new"), &log).unwrap();
    write_through(&mut writer, &lines(0..3));
    daemon.wait_event("unreadable");
    append(&place.log("x.log.1"), lines(2..3));
    daemon.wait_sum(3);
    chmod(&log, 0o644);
    daemon.wait_sum(6);
    let events = daemon.stop_with_sum(6);
    assert_eq!(news(&events, &log).iter().filter(|name| *name == "unreadable").count(), 1);
}

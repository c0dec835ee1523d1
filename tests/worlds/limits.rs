//! The kernel's limits of inotify. They hold per user namespace as well, so no test needs to change the machine's.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::common::{Daemon, TestFolder, append, lines};
use crate::{assert_idle, config, is_watched, reasons, wait_watched, watched};

/// Sets the limit `$0` to `$1`, then becomes the rest.
const SET_AND_RUN: &str = r#"echo "$1" >"/proc/sys/user/$0" && shift && exec "$@""#;

/// The daemon in a user namespace with a limit of its own. `None` where that cannot be obtained.
fn limited(config: &Path, limit: &str, value: u32) -> Option<Daemon> {
    let command = || {
        let mut command = Command::new("unshare");
        command.args(["-Ur", "sh", "-c", SET_AND_RUN, limit, &value.to_string()]);
        command
    };
    if !command().arg("true").stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: no user namespace is to be had");
        return None;
    }
    let mut command = command();
    command.arg(env!("CARGO_BIN_EXE_spiketail")).args(["run", "-c"]).arg(config);
    Some(Daemon::spawn(command))
}

fn set(daemon: &Daemon, limit: &str, value: u32) {
    let mut command = Command::new("nsenter");
    command.args(["-U", "--preserve-credentials", "-t", &daemon.pid().to_string()]);
    command.args(["sh", "-c", SET_AND_RUN, limit, &value.to_string(), "true"]);
    assert!(command.status().unwrap().success());
}

const DIRS: u64 = 6;

fn dirs(place: &TestFolder) -> Vec<String> {
    let names: Vec<String> = (0..DIRS).map(|n| format!("dir-{n}")).collect();
    for name in &names {
        fs::create_dir(place.log(name)).unwrap();
        append(&place.log(&format!("{name}/x.log")), "");
    }
    names
}

fn append_to_all(place: &TestFolder, dirs: &[String], file: &str) {
    for dir in dirs {
        append(&place.log(&format!("{dir}/{file}")), lines(0..2));
    }
}

#[test]
fn without_enough_watches_it_polls_until_there_are() {
    let mut place = TestFolder::new();
    place.sweep_interval = "1s";
    let names = dirs(&place);
    let config = config(&place, &["*/*.log"], "");
    let Some(mut daemon) = limited(&config, "max_inotify_watches", 3) else { return };
    append_to_all(&place, &names, "x.log");
    daemon.wait_sum(2 * DIRS);
    append_to_all(&place, &names, "new.log");
    daemon.wait_sum(4 * DIRS);
    fs::create_dir(place.log("late")).unwrap();
    append(&place.log("late/x.log"), lines(0..3));
    daemon.wait_sum(4 * DIRS + 3);
    assert_idle(&mut daemon, Duration::from_secs(2));
    let told = reasons(&daemon.events, "polling");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("fs.inotify.max_user_watches"), "{told:?}");
    assert_eq!((watched(&daemon).len(), reasons(&daemon.events, "mended").len()), (3, 0));

    set(&daemon, "max_inotify_watches", 1_000);
    daemon.wait_event("mended");
    for dir in &names {
        assert!(is_watched(&daemon, &place.log(dir)), "{dir}");
    }
    append_to_all(&place, &names, "x.log");
    daemon.wait_sum(6 * DIRS + 3);

    // It comes back, and is reported again.
    let seen = daemon.events.len();
    set(&daemon, "max_inotify_watches", 1);
    fs::create_dir(place.log("later")).unwrap();
    append(&place.log("later/x.log"), lines(0..1));
    daemon.wait_event_after(seen, "polling");
    daemon.wait_sum(6 * DIRS + 4);
    set(&daemon, "max_inotify_watches", 1_000);
    daemon.wait_event_after(seen, "mended");
    let events = daemon.stop_with_sum(6 * DIRS + 4);
    assert_eq!((reasons(&events, "polling").len(), reasons(&events, "mended").len()), (2, 2));
}

#[test]
fn without_an_instance_it_polls_until_there_is_one() {
    let mut place = TestFolder::new();
    place.sweep_interval = "1s";
    let names = dirs(&place);
    let config = config(&place, &["**/*.log"], "");
    let Some(mut daemon) = limited(&config, "max_inotify_instances", 0) else { return };
    append_to_all(&place, &names, "x.log");
    daemon.wait_sum(2 * DIRS);
    append_to_all(&place, &names, "new.log");
    fs::remove_file(place.log("dir-0/x.log")).unwrap();
    append(&place.log("dir-0/x.log"), lines(0..3));
    daemon.wait_sum(4 * DIRS + 3);
    assert_idle(&mut daemon, Duration::from_secs(2));
    let told = reasons(&daemon.events, "polling");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("fs.inotify.max_user_instances"), "{told:?}");
    assert!(watched(&daemon).is_empty());

    set(&daemon, "max_inotify_instances", 10);
    daemon.wait_event("mended");
    for dir in &names {
        assert!(is_watched(&daemon, &place.log(dir)), "{dir}");
    }
    append_to_all(&place, &names, "x.log");
    daemon.wait_sum(6 * DIRS + 3);
    let events = daemon.stop_with_sum(6 * DIRS + 3);
    assert_eq!((reasons(&events, "polling").len(), reasons(&events, "mended").len()), (1, 1));
}

/// The target's directory is not of interest itself: only the link leads there.
#[test]
fn the_directory_of_a_links_target_gets_its_watch_once_there_are_enough() {
    let mut place = TestFolder::new();
    place.sweep_interval = "1s";
    fs::create_dir(place.beside("target")).unwrap();
    append(&place.beside("target/x.log"), "");
    std::os::unix::fs::symlink(place.beside("target/x.log"), place.log("x.log")).unwrap();
    let config = config(&place, &["*.log"], "");
    let Some(mut daemon) = limited(&config, "max_inotify_watches", 1) else { return };
    append(&place.log("x.log"), lines(0..2));
    daemon.wait_sum(2);
    set(&daemon, "max_inotify_watches", 10);
    daemon.wait_event("mended");
    wait_watched(&daemon, &place.beside("target"));
    // Another directory in its place.
    fs::rename(place.beside("target"), place.beside("old")).unwrap();
    fs::create_dir(place.beside("target")).unwrap();
    append(&place.beside("target/x.log"), lines(0..3));
    wait_watched(&daemon, &place.beside("target"));
    daemon.wait_sum(5);
    daemon.stop_with_sum(5);
}

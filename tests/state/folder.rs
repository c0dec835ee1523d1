//! The folder for the state: who may have it, and what is done about a database that is of no use.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Stdio;

use rusqlite::Connection;
use serde_json::Value;

use crate::common::{TestFolder, append, lines};
use crate::{ENDS, End, Log, each, goes_on_exactly, pairs, read_before};

#[test]
fn a_second_daemon_is_refused_and_the_first_goes_on() {
    let place = TestFolder::new();
    let mut log = Log::new(&place, "app.log");
    let mut daemon = place.resume("app.log");
    let mut second = place.resuming(&place.state(), "app.log", "");
    let output = second.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    for part in [place.state().to_str().unwrap(), &daemon.pid().to_string(), "--state"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    log.write(5);
    daemon.wait_total(&log.path, 5);
    End::Sigterm.end(daemon);
    goes_on_exactly(&place, "app.log", &mut log);
}

/// Runs a daemon that must end by itself, and gives its exit status and what it said on standard error.
#[track_caller]
fn refused(place: &TestFolder) -> (Option<i32>, String) {
    let mut command = place.resuming(&place.state(), "app.log", "");
    let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = std::time::Instant::now();
    while child.try_wait().unwrap().is_none() && begun.elapsed() < crate::common::LIMIT {
        crate::common::pause(std::time::Duration::from_millis(10));
    }
    // One that goes on, or hangs, has no exit status.
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn what_stands_in_the_place_of_a_file_of_the_state_is_refused_and_left_alone() {
    type Put = fn(&Path, &Path);
    let kinds: [(&str, Put); 4] = [
        ("a symbolic link", |victim, at| symlink(victim, at).unwrap()),
        ("a hard link, which has another name elsewhere", |victim, at| fs::hard_link(victim, at).unwrap()),
        ("a FIFO", |_, at| {
            let fifo = rustix::fs::FileType::Fifo;
            rustix::fs::mknodat(rustix::fs::CWD, at, fifo, rustix::fs::Mode::RWXU, 0).unwrap();
        }),
        ("a directory", |_, at| fs::create_dir(at).unwrap()),
    ];
    let names = ["lock", "state.db", "state.db-wal", "state.db-shm", "state.db-journal"];
    each(pairs(names, kinds), |(name, (kind, put))| {
        let place = TestFolder::new();
        fs::create_dir(place.state()).unwrap();
        let (victim, at) = (place.beside("victim"), place.state().join(name));
        fs::write(&victim, "precious").unwrap();
        put(&victim, &at);
        let (status, said) = refused(&place);
        assert_eq!((status, said.lines().count()), (Some(1), 1), "{said}");
        let expected = format!("{} is {kind}; spiketail only writes files of its own there", at.display());
        assert!(said.contains(&expected), "{said}");
        assert_eq!(fs::read(&victim).unwrap(), b"precious");
        // A link to nothing is not followed either.
        if *kind == "a symbolic link" {
            fs::remove_file(&victim).unwrap();
            assert_eq!(refused(&place).0, Some(1));
            assert!(!victim.exists());
        }
    });
}

#[test]
fn the_folder_is_free_as_soon_as_its_daemon_is_killed() {
    let place = TestFolder::new();
    for _ in 0..5 {
        place.resume("app.log").kill();
    }
}

#[test]
fn nobody_else_may_read_the_state() {
    let place = TestFolder::new();
    let daemon = place.resume("app.log");
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(place.state()), 0o700);
    for name in ["state.db", "state.db-wal", "state.db-shm"] {
        assert_eq!(mode(place.state().join(name)) & 0o007, 0, "{name}");
    }
    daemon.stop();
}

/// Files in the folder that were not there before, besides those that belong to a running daemon.
fn aside(place: &TestFolder) -> Vec<String> {
    let names =
        fs::read_dir(place.state()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let is_ours = |name: &String| {
        ["lock", "state.db", "state.db-wal", "state.db-shm", "status.sock", "control.sock"]
            .contains(&name.as_str())
    };
    names.filter(|name| !is_ours(name)).collect()
}

fn warnings(events: &[Value]) -> Vec<&Value> {
    events.iter().filter(|event| event["target"] == "spiketail::health" && event["level"] == "WARN").collect()
}

/// Starts a daemon over a database that is of no use, and asserts that it is kept, reported, and replaced.
#[track_caller]
fn sets_aside(place: &TestFolder, log: &mut Log, says: &str) {
    let useless = fs::read(place.state().join("state.db")).unwrap();
    let mut daemon = place.resume("app.log");
    let names = aside(place);
    let kept = names.iter().find(|name| fs::read(place.state().join(name)).unwrap() == useless);
    let kept = kept.unwrap_or_else(|| panic!("it was not kept: {names:?}"));
    let warnings = warnings(&daemon.events);
    let told = warnings.first().and_then(|event| event["reason"].as_str()).unwrap_or_default();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(told.contains(kept) && told.contains(says), "{told}");
    // Counting begins anew at the end of what is there.
    log.written = 0;
    log.write(4);
    daemon.wait_total(&log.path, 4);
    End::Sigterm.end(daemon);
    goes_on_exactly(place, "app.log", log);
    assert_eq!(aside(place), names);
}

#[test]
fn a_corrupt_database_is_set_aside() {
    let garbage = [vec![0xa5; 40_000], b"SQLite format 3\0 and then something else".to_vec(), vec![0; 4_096]];
    each(garbage, |garbage| {
        let place = TestFolder::new();
        let mut log = read_before(&place, "app.log", End::Sigterm);
        fs::write(place.state().join("state.db"), garbage).unwrap();
        sets_aside(&place, &mut log, "");
    });
}

#[test]
fn a_database_with_damaged_pages_is_set_aside() {
    let place = TestFolder::new();
    let mut log = read_before(&place, "app.log", End::Sigterm);
    let path = place.state().join("state.db");
    let mut bytes = fs::read(&path).unwrap();
    assert!(bytes.len() > 8_192, "{}", bytes.len());
    bytes[4_096..].fill(0x5a);
    fs::write(&path, &bytes).unwrap();
    sets_aside(&place, &mut log, "");
}

#[test]
fn a_database_of_a_newer_version_is_set_aside() {
    let place = TestFolder::new();
    let mut log = read_before(&place, "app.log", End::Sigterm);
    let database = Connection::open(place.state().join("state.db")).unwrap();
    database.pragma_update(None, "user_version", 9_999).unwrap();
    drop(database);
    sets_aside(&place, &mut log, "9999");
}

/// What the script says that runs before this version is installed over another; `state` is the folder of the service.
fn before_install(place: &TestFolder) -> (bool, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd/debian/preinst");
    let mut command = std::process::Command::new("sh");
    let output =
        command.arg(script).args(["upgrade", "1.0"]).env("DPKG_ROOT", place.beside("root")).output().unwrap();
    (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

#[test]
fn a_package_is_not_installed_over_the_state_of_a_newer_version() {
    let place = TestFolder::new();
    let nothing = (true, String::new());
    assert_eq!(before_install(&place), nothing);
    let parent = place.beside("root").join("var/lib/private");
    fs::create_dir_all(&parent).unwrap();
    symlink(place.state(), parent.join("spiketail")).unwrap();
    // The script reads the file as it is, also while the daemon runs.
    let log = Log::new(&place, "app.log");
    let mut daemon = place.resume("app.log");
    append(&log.path, "ERROR one\n");
    daemon.wait_total(&log.path, 1);
    assert_eq!(before_install(&place), nothing);
    let form = fs::read(place.state().join("state.db")).unwrap()[63];
    let script = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd/debian/preinst")).unwrap();
    let script = String::from_utf8(script).unwrap();
    assert!(script.contains(&format!("\nknown={form}\n")), "the script has to know form {form}");
    End::Sigterm.end(daemon);
    let database = Connection::open(place.state().join("state.db")).unwrap();
    database.pragma_update(None, "user_version", i64::from(form) + 1).unwrap();
    database.close().unwrap();
    let (is_done, said) = before_install(&place);
    let newer = format!("(form {}), and this one reads forms up to {form} only", form + 1);
    assert!(!is_done && said.contains(&newer) && said.contains("Keep the newer version"), "{said}");
}

#[test]
fn an_empty_database_is_begun() {
    let place = TestFolder::new();
    let mut log = read_before(&place, "app.log", End::Sigterm);
    fs::write(place.state().join("state.db"), "").unwrap();
    log.written = 0;
    let mut daemon = place.resume("app.log");
    log.write(4);
    daemon.wait_total(&log.path, 4);
    End::Sigterm.end(daemon);
    goes_on_exactly(&place, "app.log", &mut log);
}

#[test]
fn a_database_that_is_removed_under_the_daemon_is_written_again() {
    each(ENDS, |end| {
        let place = TestFolder::new();
        let mut log = read_before(&place, "app.log", End::Sigterm);
        let mut daemon = place.resume("app.log");
        for name in ["state.db", "state.db-wal", "state.db-shm"] {
            fs::remove_file(place.state().join(name)).unwrap();
        }
        log.write(5);
        daemon.wait_for("a warning", |events| !warnings(events).is_empty());
        daemon.wait_for("the new database", |_| place.state().join("state.db").is_file());
        // The next commit is a second away at most.
        daemon.listen(std::time::Duration::from_millis(1_500));
        end.end(daemon);
        goes_on_exactly(&place, "app.log", &mut log);
    });
}

#[test]
fn the_state_can_be_read_while_the_daemon_runs() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, "");
    let mut daemon = place.resume("app.log");
    append(&log, lines(0..5));
    daemon.wait_total(&log, 5);
    let total = || {
        let database = Connection::open(place.state().join("state.db")).unwrap();
        let of_path = "SELECT matched FROM overview WHERE path = ?1 AND rule = 'errors'";
        database.query_row(of_path, [log.to_str().unwrap()], |row| row.get::<_, i64>(0)).unwrap_or(0)
    };
    let begun = std::time::Instant::now();
    while total() != 5 {
        assert!(begun.elapsed() < crate::common::LIMIT, "not committed");
        crate::common::pause(std::time::Duration::from_millis(20));
    }
    append(&log, lines(5..8));
    daemon.wait_total(&log, 8);
    daemon.stop();
    assert_eq!(total(), 8);
}

//! The daemon goes on while its state cannot be written, and writes all of it as soon as it can.
//!
//! `cargo test --test state_disk -- --ignored` as root mounts small filesystems; it touches no others.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use common::{Daemon, LIMIT, TestFolder, append, get, lines, pause};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use tempfile::TempDir;

/// A filesystem of its own, unmounted at the end.
struct Mount(TempDir);

impl Mount {
    /// `None`, and a word about it, where nothing can be mounted.
    fn tmpfs(options: &str) -> Option<Mount> {
        let dir = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        let mount = mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(dir.path()).output().unwrap();
        if !mount.status.success() {
            eprintln!("skipped, cannot mount: {}", String::from_utf8_lossy(&mount.stderr).trim());
            return None;
        }
        Some(Mount(dir))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn remount(&self, mode: &str) {
        let mut mount = Command::new("mount");
        let mount = mount.args(["-o", &format!("remount,{mode}")]).arg(self.0.path()).output().unwrap();
        assert!(mount.status.success(), "{}", String::from_utf8_lossy(&mount.stderr));
    }

    /// Leaves no room on it. Returns the file that takes it.
    fn fill(&self) -> PathBuf {
        let path = self.path("ballast");
        let mut file = File::create(&path).unwrap();
        while file.write_all(&[0; 4_096]).is_ok() {}
        path
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

/// A daemon with its state on `mount`, and the lines that were written for it.
struct Scene<'a> {
    place: TestFolder,
    folder: PathBuf,
    mount: &'a Mount,
    written: u64,
}

impl Scene<'_> {
    fn new(mount: &Mount) -> Scene<'_> {
        let place = TestFolder::new();
        append(&place.log("app.log"), "");
        Scene { place, folder: mount.path("state"), mount, written: 0 }
    }

    fn log(&self) -> PathBuf {
        self.place.log("app.log")
    }

    fn start(&self) -> Daemon {
        Daemon::spawn(self.place.resuming(&self.folder, "app.log", "[http]\nlisten = \"0\""))
    }

    fn write(&mut self, count: u64) {
        append(&self.log(), lines(self.written..self.written + count));
        self.written += count;
    }

    /// Writes lines until the daemon says that it cannot write its state, and then some.
    fn write_until_said(&mut self, daemon: &mut Daemon) {
        let begun = Instant::now();
        while said(&daemon.events).is_empty() {
            assert!(begun.elapsed() < LIMIT, "it says nothing:\n{}", daemon.shown());
            self.write(20);
            daemon.listen(Duration::from_millis(50));
        }
        // Long enough for some commits that fail.
        for _ in 0..6 {
            self.write(20);
            daemon.listen(Duration::from_millis(500));
        }
        daemon.wait_total(&self.log(), self.written);
        let said = said(&daemon.events);
        assert_eq!(said.len(), 1, "once is enough: {said:?}");
        assert!(said[0].contains(self.folder.to_str().unwrap()), "{}", said[0]);
        let (status, why) = get(&daemon.address(), "/healthz").unwrap();
        assert!(status == 503 && why.contains(self.folder.to_str().unwrap()), "{status} {why}");
    }

    /// Once the state can be written, it is: what counts after a kill is what was committed.
    fn recovers(&mut self, mut daemon: Daemon) {
        let seen = daemon.events.len();
        self.write(5);
        daemon.wait_event_after(seen, "state_recovered");
        assert_eq!(get(&daemon.address(), "/healthz").unwrap(), (200, "ok\n".to_owned()));
        daemon.wait_total(&self.log(), self.written);
        wait_committed(&self.folder, self.written);
        daemon.kill();
        self.write(7);
        let mut daemon = self.start();
        daemon.wait_status_sum(self.written);
        self.write(1);
        daemon.wait_total(&self.log(), self.written);
        let ended = daemon.stop();
        assert!(ended.status.success());
        assert_eq!(said(&ended.events), Vec::<String>::new());
        assert!(!ended.events.iter().any(|event| event["event"] == "missed"), "{:?}", ended.events);
    }
}

/// What the daemon says of a state that it cannot write.
fn said(events: &[Value]) -> Vec<String> {
    let is_it = |event: &&Value| event["event"] == "state_unwritable" && event["level"] == "WARN";
    events.iter().filter(is_it).map(|event| event["reason"].as_str().unwrap().to_owned()).collect()
}

fn wait_committed(folder: &Path, total: u64) {
    let committed = || {
        let path = folder.join("state.db");
        let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?;
        database.query_row("SELECT sum(matched) FROM overview", [], |row| row.get::<_, i64>(0)).ok()
    };
    let begun = Instant::now();
    while committed() != i64::try_from(total).ok() {
        assert!(begun.elapsed() < LIMIT, "{total} are not committed, but {:?}", committed());
        pause(Duration::from_millis(50));
    }
}

#[test]
#[ignore = "needs root to mount a small tmpfs"]
fn a_disk_that_gets_full_under_the_daemon_holds_up_nothing() {
    let Some(mount) = Mount::tmpfs("size=1m") else { return };
    let mut scene = Scene::new(&mount);
    let mut daemon = scene.start();
    scene.write(10);
    daemon.wait_total(&scene.log(), 10);
    wait_committed(&scene.folder, 10);
    let ballast = scene.mount.fill();
    scene.write_until_said(&mut daemon);
    assert!(said(&daemon.events)[0].contains("free some space"), "{:?}", said(&daemon.events));
    fs::remove_file(ballast).unwrap();
    scene.recovers(daemon);
}

#[test]
#[ignore = "needs root to mount a small tmpfs"]
fn a_disk_that_is_full_at_the_start_holds_up_nothing() {
    let Some(mount) = Mount::tmpfs("size=1m") else { return };
    let mut scene = Scene::new(&mount);
    let ballast = scene.mount.fill();
    let mut daemon = scene.start();
    scene.write_until_said(&mut daemon);
    assert!(said(&daemon.events)[0].contains("free some space"), "{:?}", said(&daemon.events));
    fs::remove_file(ballast).unwrap();
    scene.recovers(daemon);
}

#[test]
#[ignore = "needs root to mount a small tmpfs"]
fn a_restart_on_a_full_disk_goes_on_from_the_state() {
    let Some(mount) = Mount::tmpfs("size=1m") else { return };
    let mut scene = Scene::new(&mount);
    let mut daemon = scene.start();
    scene.write(10);
    daemon.wait_total(&scene.log(), 10);
    wait_committed(&scene.folder, 10);
    daemon.kill();
    let ballast = scene.mount.fill();
    scene.write(7);
    let mut daemon = scene.start();
    daemon.wait_status_sum(17);
    scene.write_until_said(&mut daemon);
    // Even an end in good order cannot commit it now, and does not hang.
    let ended = daemon.stop();
    assert!(ended.status.success() && ended.took < Duration::from_secs(3), "{:?}", ended.took);
    let daemon = scene.start();
    fs::remove_file(ballast).unwrap();
    daemon.kill();
    let mut daemon = scene.start();
    daemon.wait_status_sum(scene.written);
    daemon.stop();
}

#[test]
#[ignore = "needs root to mount a small tmpfs"]
fn a_read_only_folder_holds_up_nothing() {
    let Some(mount) = Mount::tmpfs("size=16m") else { return };
    let mut scene = Scene::new(&mount);
    let mut daemon = scene.start();
    scene.write(10);
    daemon.wait_total(&scene.log(), 10);
    wait_committed(&scene.folder, 10);
    daemon.kill();
    scene.write(7);
    mount.remount("ro");
    let mut daemon = scene.start();
    // There is no status socket in a folder that is read-only.
    daemon.wait_total(&scene.log(), 17);
    scene.write_until_said(&mut daemon);
    assert!(said(&daemon.events)[0].contains("--state"), "{:?}", said(&daemon.events));
    mount.remount("rw");
    scene.recovers(daemon);
}

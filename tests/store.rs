//! The state store on a full disk, in a read-only folder, and when its process is killed.
//!
//! `cargo test --test store -- --ignored` as root mounts small filesystems; it touches no others.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use spiketail::file::checkpoint::{FileCheckpoint, TailCheckpoint};
use spiketail::file::identity::{Anchor, Fingerprint, Identity};
use spiketail::file::ownership::ReadPosition;
use spiketail::scan::cursor::LineCursor;
use spiketail::store::sqlite::SqliteStore;
use spiketail::store::{Batch, CheckpointStore, FileRecord, Limits, RuleTotal, StoreError, WatchedPath};

/// Names the folder for the child that [`a_killed_process_leaves_whole_commits`] starts and kills.
const FOLDER: &str = "SPIKETAIL_TEST_STORE_FOLDER";

fn file(name: usize, n: u64) -> FileRecord {
    let identity = Identity { dev: 1, ino: n, born_ns: 2 };
    let mark = ReadPosition {
        cursor: LineCursor::at(n),
        head: Fingerprint::of(b"head"),
        anchor: Anchor::ending(b"line\n"),
    };
    let place = FileCheckpoint { identity, mark, size: n, modified_ns: 3, changed_ns: 4, is_settled: true };
    FileRecord {
        id: WatchedPath { watch: "w".into(), path: PathBuf::from(format!("/var/log/app/{name:05}.log")) },
        tail: TailCheckpoint { generation: 1, current: Some(place), ..TailCheckpoint::default() },
        totals: vec![RuleTotal { rule: "errors".into(), matched: n, reported: 0 }],
        bytes_read: n,
        bytes_missed: 0,
    }
}

fn batch(files: usize, n: u64) -> Batch {
    Batch { files: (0..files).map(|name| file(name, n)).collect(), ..Batch::default() }
}

fn open(folder: &Path) -> SqliteStore {
    SqliteStore::open(folder, Limits::default()).unwrap()
}

/// Commits until it is killed. All files carry the number of the commit.
#[test]
fn a_killed_process_leaves_whole_commits() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        let mut store = open(Path::new(&folder));
        for n in 1.. {
            store.commit(&batch(50, n)).unwrap();
            eprintln!("committed {n}");
        }
    }
    for kill_after in [1, 2, 7, 30, 60] {
        let dir = tempfile::tempdir().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_killed_process_leaves_whole_commits", "--nocapture"])
            .env(FOLDER, dir.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let seen = said.filter(|line| line.starts_with("committed")).take(kill_after).count();
        child.kill().unwrap();
        child.wait().unwrap();
        let mut store = open(dir.path());
        let files = store.load().unwrap().files;
        assert_eq!(store.notices(), Vec::<String>::new());
        assert_eq!(files.len(), 50);
        let n = files[0].bytes_read;
        assert!(n >= seen as u64, "commit {seen} was reported, {n} was found");
        assert_eq!(files, batch(50, n).files);
    }
}

/// A filesystem of its own, unmounted at the end.
struct Mount(tempfile::TempDir);

impl Mount {
    /// `None`, and a word about it, where nothing can be mounted.
    fn tmpfs(options: &str) -> Option<Mount> {
        let dir = tempfile::tempdir().unwrap();
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(dir.path()).output();
        let mount = mount.unwrap();
        if !mount.status.success() {
            eprintln!("skipped, cannot mount: {}", String::from_utf8_lossy(&mount.stderr).trim());
            return None;
        }
        Some(Mount(dir))
    }

    fn remount(&self, mode: &str) {
        run(Command::new("mount").args(["-o", &format!("remount,{mode}")]).arg(self.0.path()));
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
#[ignore = "needs root to mount a small tmpfs"]
fn a_full_disk_loses_nothing_and_later_commits_succeed() {
    let Some(mount) = Mount::tmpfs("size=512k") else { return };
    let folder = mount.0.path().join("state");
    let mut store = open(&folder);
    store.commit(&batch(10, 1)).unwrap();
    let ballast = mount.0.path().join("ballast");
    fs::write(&ballast, vec![0; 512 << 10]).unwrap_err();
    for n in 2..5 {
        let error = store.commit(&batch(2_000, n)).unwrap_err();
        assert!(matches!(error, StoreError::Full { .. }), "{error}");
        assert_eq!(store.load().unwrap().files, batch(10, 1).files);
    }
    // A restart while there is no room still knows what was.
    drop(store);
    let mut store = open(&folder);
    assert_eq!(store.load().unwrap().files, batch(10, 1).files);
    assert!(store.commit(&batch(2_000, 5)).is_err());
    fs::remove_file(&ballast).unwrap();
    store.commit(&batch(20, 6)).unwrap();
    assert_eq!(store.notices(), Vec::<String>::new());
    drop(store);
    assert_eq!(open(&folder).load().unwrap().files, batch(20, 6).files);
}

#[test]
#[ignore = "needs root to mount a small tmpfs"]
fn a_disk_that_is_full_from_the_start_is_used_once_there_is_room() {
    let Some(mount) = Mount::tmpfs("size=1m") else { return };
    let ballast = mount.0.path().join("ballast");
    fs::write(&ballast, vec![0; 1 << 20]).unwrap();
    let folder = mount.0.path().join("state");
    let mut store = open(&folder);
    let error = store.commit(&batch(10, 1)).unwrap_err();
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    assert!(matches!(store.trouble(), Some(StoreError::Full { .. })));
    fs::remove_file(&ballast).unwrap();
    store.commit(&batch(10, 1)).unwrap();
    assert_eq!(store.load().unwrap().files, batch(10, 1).files);
}

#[test]
#[ignore = "needs root to mount a small tmpfs"]
fn a_read_only_folder_is_read_and_written_once_it_can_be() {
    let Some(mount) = Mount::tmpfs("size=16m") else { return };
    let folder = mount.0.path().join("state");
    let mut first = open(&folder);
    first.commit(&batch(10, 1)).unwrap();
    // As after a crash: the journal holds what the database does not yet, and there is no lock.
    let crashed = mount.0.path().join("crashed");
    fs::create_dir(&crashed).unwrap();
    for name in ["state.db", "state.db-wal"] {
        fs::copy(folder.join(name), crashed.join(name)).unwrap();
    }
    drop(first);
    mount.remount("ro");
    for folder in [&folder, &crashed] {
        let mut store = open(folder);
        assert!(matches!(store.trouble(), Some(StoreError::Unusable { .. })));
        assert_eq!(store.load().unwrap().files, batch(10, 1).files);
        assert!(matches!(store.commit(&batch(10, 2)), Err(StoreError::Unusable { .. })));
        mount.remount("rw");
        store.commit(&batch(10, 2)).unwrap();
        assert_eq!(store.trouble().map(ToString::to_string), None);
        assert!(matches!(
            SqliteStore::open(folder, Limits::default()),
            Err(StoreError::InUse { owner, .. }) if owner == std::process::id().to_string()
        ));
        assert_eq!(store.load().unwrap().files, batch(10, 2).files);
        drop(store);
        mount.remount("ro");
    }
}

#[test]
#[ignore = "needs root to mount a small tmpfs"]
fn a_lock_taken_in_a_read_only_folder_still_holds_when_it_can_be_written() {
    let Some(mount) = Mount::tmpfs("size=16m") else { return };
    let folder = mount.0.path().join("state");
    let mut store = open(&folder);
    store.commit(&batch(10, 1)).unwrap();
    // A read-only view of the folder covers it.
    run(Command::new("mount").args(["--bind", "-o", "ro"]).arg(&folder).arg(&folder));
    drop(store);
    let mut store = open(&folder);
    assert_eq!(store.load().unwrap().files, batch(10, 1).files);
    let error = store.commit(&batch(10, 2)).unwrap_err();
    run(Command::new("umount").arg("--lazy").arg(&folder));
    assert!(matches!(error, StoreError::Unusable { .. }), "{error}");
    assert!(matches!(SqliteStore::open(&folder, Limits::default()), Err(StoreError::InUse { .. })));
    store.commit(&batch(10, 2)).unwrap();
    assert_eq!(store.load().unwrap().files, batch(10, 2).files);
}

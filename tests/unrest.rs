//! Rotation while a directory is being listed: a name that moves meanwhile may be missing in the listing, and what is not
//! listed is not gone.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that cannot go on fails")]

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use spiketail::engine::clock::EngineClock;
use spiketail::engine::dependencies::Dependencies;
use spiketail::engine::plan::CompiledPlan;
use spiketail::engine::settings::{EngineSettings, Plan, WatchPlan};
use spiketail::engine::testing::TestEngine;
use spiketail::file::disk::Disk;
use spiketail::file::settings::{FileSettings, Start};
use spiketail::file::tailer::FileOrigin;
use spiketail::file::vfs::{FileHandle, Filesystem};
use spiketail::scan::rules::RuleSpec;
use spiketail::sys::open::{OpenError, Stat};
use spiketail::units::PathId;
use tempfile::TempDir;

/// The disk, on which the next listings each miss a file that is renamed while they are made.
#[derive(Default)]
struct RestlessDisk {
    /// What to rename, and to what, during a listing.
    moves: Mutex<Vec<(PathBuf, PathBuf)>>,
}

impl Filesystem for RestlessDisk {
    fn stat(&self, path: &Path) -> io::Result<Stat> {
        Disk.stat(path)
    }

    fn open(&self, path: &Path) -> Result<(Arc<dyn FileHandle>, Stat), OpenError> {
        Disk.open(path)
    }

    fn link_target(&self, path: &Path) -> Option<PathBuf> {
        Disk.link_target(path)
    }

    /// As readdir may: the new name was not there yet when its place was passed, the old one is there no longer.
    fn list(&self, dir: &Path) -> io::Result<Vec<(OsString, bool)>> {
        let mut entries = Disk.list(dir)?;
        if let Some((from, to)) = self.moves.lock().unwrap().pop() {
            fs::rename(&from, to).unwrap();
            entries.retain(|(name, _)| Some(name.as_os_str()) != from.file_name());
        }
        Ok(entries)
    }

    fn is_remote(&self, dir: &Path) -> bool {
        Disk.is_remote(dir)
    }
}

/// An engine that follows one log, of which it has read one line.
struct Followed {
    folder: TempDir,
    disk: Arc<RestlessDisk>,
    engine: TestEngine,
    id: PathId,
    clock: Arc<AtomicI64>,
}

impl Followed {
    fn new(open_files_max: usize) -> Followed {
        let watch = WatchPlan {
            name: "logs".into(),
            rules: vec![RuleSpec::containing("ERROR")],
            file: FileSettings { start: Start::Beginning, ..FileSettings::default() },
            time: Arc::default(),
            paths: "logs".into(),
            journal: None,
        };
        let plan = Plan { watches: vec![watch], alerts: Vec::new() };
        let plan = Arc::new(CompiledPlan::new(&plan).unwrap());
        let disk = Arc::new(RestlessDisk::default());
        let clock = Arc::new(AtomicI64::new(i64::try_from(Timestamp::now().as_nanosecond()).unwrap()));
        let dependencies = Dependencies {
            filesystem: Arc::clone(&disk) as Arc<dyn Filesystem>,
            clock: EngineClock::manual(Arc::clone(&clock)),
            store: None,
            dispatcher: None,
        };
        let settings = EngineSettings { open_files_max, ..EngineSettings::default() };
        let engine = TestEngine::new(settings, &plan, dependencies);
        let folder = tempfile::tempdir().unwrap();
        let mut followed = Followed { folder, disk, engine, id: PathId(0), clock };
        followed.write("app.log", 1);
        let log = followed.path("app.log");
        followed.id = followed.engine.add(0, &log, FileOrigin::Existing);
        followed.settle();
        // It is closed if another is read that may be open.
        followed.write("other.log", 1);
        let other = followed.path("other.log");
        followed.engine.add(0, &other, FileOrigin::Appeared);
        followed.settle();
        followed
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, lines: usize) {
        use io::Write;
        let mut file = fs::File::options().append(true).create(true).open(self.path(name)).unwrap();
        file.write_all("ERROR here\n".repeat(lines).as_bytes()).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    /// During the next listings `app.log.1` moves to `app.log.2`, and so on.
    fn rotate_during_listings(&self, times: usize) {
        let name = |n: usize| self.path(&format!("app.log.{n}"));
        *self.disk.moves.lock().unwrap() = (1..=times).rev().map(|n| (name(n), name(n + 1))).collect();
    }

    fn settle(&mut self) {
        while self.engine.turn() {}
    }

    /// Lines that were counted, and bytes that were missed, of `app.log`.
    fn outcome(&mut self) -> (u64, u64) {
        self.engine.heard(&[self.id], false);
        self.settle();
        // A search that found no rest is made again.
        for _ in 0..30 {
            self.clock.fetch_add(200_000_000, Ordering::Relaxed);
            self.engine.tick();
            self.settle();
        }
        let files = self.engine.files();
        let file = files.iter().find(|file| file.path == self.path("app.log")).unwrap();
        (file.figures.totals[0].1, file.figures.bytes_missed)
    }
}

/// The log was rotated twice between two looks. The second file was never seen at its path: only a listing finds it.
#[test]
fn an_unseen_file_that_moves_during_the_listing_is_found() {
    for moves in [1, 2, 3] {
        let mut followed = Followed::new(EngineSettings::default().open_files_max);
        followed.rename("app.log", "app.log.0");
        followed.write("app.log", 5);
        followed.rename("app.log", "app.log.1");
        followed.write("app.log", 2);
        followed.rotate_during_listings(moves);
        assert_eq!(followed.outcome(), (8, 0), "{moves} renames, each during a listing");
        assert!(followed.disk.moves.lock().unwrap().is_empty());
    }
}

/// A file that is closed is found by a listing as well.
#[test]
fn a_closed_file_that_moves_during_the_listing_is_found() {
    for moves in [1, 2, 3] {
        let mut followed = Followed::new(1);
        followed.write("app.log", 4);
        followed.rename("app.log", "app.log.1");
        followed.write("app.log", 2);
        followed.rotate_during_listings(moves);
        assert_eq!(followed.outcome(), (7, 0), "{moves} renames, each during a listing");
        assert!(followed.disk.moves.lock().unwrap().is_empty());
    }
}

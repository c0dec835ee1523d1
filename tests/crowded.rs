//! What many files in one directory cost: the work grows with the files, not with their square.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that cannot go on fails")]

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

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

const FILES: usize = 1_000;

/// The disk, which counts what is asked of it.
#[derive(Default)]
struct CountingDisk {
    listings: AtomicUsize,
    stats: AtomicUsize,
}

impl Filesystem for CountingDisk {
    fn stat(&self, path: &Path) -> io::Result<Stat> {
        self.stats.fetch_add(1, Ordering::Relaxed);
        Disk.stat(path)
    }

    fn open(&self, path: &Path) -> Result<(Arc<dyn FileHandle>, Stat), OpenError> {
        Disk.open(path)
    }

    fn link_target(&self, path: &Path) -> Option<PathBuf> {
        Disk.link_target(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<(OsString, bool)>> {
        self.listings.fetch_add(1, Ordering::Relaxed);
        Disk.list(dir)
    }

    fn is_remote(&self, dir: &Path) -> bool {
        Disk.is_remote(dir)
    }
}

/// An engine over a thousand files with a line each.
struct Crowd {
    folder: TempDir,
    disk: Arc<CountingDisk>,
    engine: TestEngine,
    paths: Vec<PathId>,
    clock: Arc<AtomicI64>,
}

impl Crowd {
    fn new(settings: EngineSettings) -> Crowd {
        let folder = tempfile::tempdir().unwrap();
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
        let disk = Arc::new(CountingDisk::default());
        // Long after whatever the test does to the directory, so that its stamps can be trusted.
        let now_ns = i64::try_from(Timestamp::now().as_nanosecond()).unwrap() + 60_000_000_000;
        let clock = Arc::new(AtomicI64::new(now_ns));
        let dependencies = Dependencies {
            filesystem: Arc::clone(&disk) as Arc<dyn Filesystem>,
            clock: EngineClock::manual(Arc::clone(&clock)),
            store: None,
            dispatcher: None,
        };
        let engine = TestEngine::new(settings, &plan, dependencies);
        let mut crowd = Crowd { folder, disk, engine, paths: Vec::new(), clock };
        for n in 0..FILES {
            fs::write(crowd.log(n), "ERROR one\n").unwrap();
        }
        for n in 0..FILES {
            let path = crowd.log(n);
            let id = crowd.engine.add(0, &path, FileOrigin::Existing);
            crowd.paths.push(id);
        }
        crowd.settle();
        crowd
    }

    fn log(&self, n: usize) -> PathBuf {
        self.folder.path().join(format!("{n}.log"))
    }

    fn pass(&mut self, seconds: i64) {
        self.clock.fetch_add(seconds * 1_000_000_000, Ordering::Relaxed);
        self.engine.tick();
        self.settle();
    }

    fn settle(&mut self) {
        while self.engine.turn() {}
    }

    fn matched(&self) -> u64 {
        self.engine.files().iter().flat_map(|file| &file.figures.totals).map(|(_, n)| n).sum()
    }

    fn missed(&self) -> u64 {
        self.engine.files().iter().map(|file| file.figures.bytes_missed).sum()
    }

    /// How often directories were listed and paths examined since the last call.
    fn asked(&self) -> (usize, usize) {
        (self.disk.listings.swap(0, Ordering::Relaxed), self.disk.stats.swap(0, Ordering::Relaxed))
    }
}

#[test]
fn one_listing_serves_the_first_look_at_all_files() {
    let crowd = Crowd::new(EngineSettings::default());
    assert_eq!(crowd.matched(), FILES as u64);
    let (listings, stats) = crowd.asked();
    assert!(listings <= 2, "{listings} listings");
    assert!(stats <= 8 * FILES, "{stats} stats");
}

#[test]
fn one_listing_serves_the_rotation_of_all_files() {
    let mut crowd = Crowd::new(EngineSettings::default());
    crowd.asked();
    for n in 0..FILES {
        fs::write(crowd.log(n), "ERROR one\nERROR two\n").unwrap();
        fs::rename(crowd.log(n), crowd.folder.path().join(format!("{n}.log.1"))).unwrap();
        fs::write(crowd.log(n), "ERROR three\n").unwrap();
    }
    crowd.engine.heard(&crowd.paths, false);
    crowd.settle();
    assert_eq!((crowd.matched(), crowd.missed()), (3 * FILES as u64, 0));
    let (listings, stats) = crowd.asked();
    assert!(listings <= 2, "{listings} listings");
    assert!(stats <= 20 * FILES, "{stats} stats");
}

/// Files that are closed are found by their inode under whatever name they have.
#[test]
fn one_listing_serves_the_search_for_closed_files() {
    let mut crowd = Crowd::new(EngineSettings { open_files_max: 1, ..EngineSettings::default() });
    crowd.asked();
    for n in 0..FILES {
        fs::write(crowd.log(n), "ERROR one\nERROR two\n").unwrap();
        fs::rename(crowd.log(n), crowd.folder.path().join(format!("moved {n}"))).unwrap();
    }
    crowd.engine.heard(&crowd.paths, false);
    crowd.settle();
    assert_eq!((crowd.matched(), crowd.missed()), (2 * FILES as u64, 0));
    let (listings, stats) = crowd.asked();
    assert!(listings <= 2, "{listings} listings");
    assert!(stats <= 20 * FILES, "{stats} stats");
}

/// Of a removed file only what it had is kept, and it continues from there if it comes back.
#[test]
fn of_removed_files_only_what_they_had_is_kept() {
    let mut crowd = Crowd::new(EngineSettings::default());
    for n in 0..FILES {
        fs::remove_file(crowd.log(n)).unwrap();
    }
    crowd.engine.heard(&crowd.paths, false);
    crowd.settle();
    // A writer may still have them open.
    crowd.engine.sweep();
    assert_eq!(crowd.engine.live_paths(), FILES);
    crowd.pass(31);
    crowd.pass(11);
    crowd.engine.sweep();
    assert_eq!((crowd.engine.live_paths(), crowd.matched()), (0, FILES as u64));
    for n in 0..10 {
        let path = crowd.log(n);
        fs::write(&path, "ERROR one\nERROR two\n").unwrap();
        crowd.engine.add(0, &path, FileOrigin::Appeared);
    }
    crowd.settle();
    assert_eq!((crowd.engine.live_paths(), crowd.matched(), crowd.missed()), (10, FILES as u64 + 20, 0));
    let returned = crowd.log(3);
    let files = crowd.engine.files();
    let file = files.iter().find(|file| file.path == returned).unwrap();
    assert_eq!((file.figures.totals[0].1, file.status.generation), (3, 2));
    // A day later those that stayed away are forgotten.
    crowd.pass(86_402);
    crowd.engine.sweep();
    assert_eq!((crowd.engine.files().len(), crowd.matched()), (10, 30));
}

//! An engine in the process of the test, over real files and a disk that counts what is asked of it, or moves files meanwhile.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use spiketail::engine::clock::EngineClock;
use spiketail::engine::dependencies::Dependencies;
use spiketail::engine::plan::CompiledPlan;
use spiketail::engine::settings::{EngineSettings, Plan, WatchPlan};
use spiketail::engine::testing::TestEngine;
use spiketail::file::disk::Disk;
use spiketail::file::settings::{FileSettings, Start};
use spiketail::file::vfs::{FileHandle, Filesystem};
use spiketail::scan::rules::RuleSpec;
use spiketail::sys::open::{OpenError, Stat};
use tempfile::TempDir;

/// One watch, named `logs`, that counts lines with ERROR from the beginning of each file.
pub fn plan() -> Arc<CompiledPlan> {
    let watch = WatchPlan {
        name: "logs".into(),
        rules: vec![RuleSpec::containing("ERROR")],
        file: FileSettings { start: Start::Beginning, ..FileSettings::default() },
        time: Arc::default(),
        paths: "logs".into(),
        journal: None,
    };
    Arc::new(CompiledPlan::new(&Plan { watches: vec![watch], alerts: Vec::new() }).unwrap())
}

/// The real disk under observation.
#[derive(Default)]
pub struct ObservedDisk {
    pub listings: AtomicUsize,
    pub stats: AtomicUsize,
    pub opens: AtomicUsize,
    /// What to rename, and to what, during each of the next listings, the last first.
    pub moves: Mutex<Vec<(PathBuf, PathBuf)>>,
}

impl Filesystem for ObservedDisk {
    fn stat(&self, path: &Path) -> io::Result<Stat> {
        self.stats.fetch_add(1, Ordering::Relaxed);
        Disk.stat(path)
    }

    fn open(&self, path: &Path) -> Result<(Arc<dyn FileHandle>, Stat), OpenError> {
        self.opens.fetch_add(1, Ordering::Relaxed);
        Disk.open(path)
    }

    fn link_target(&self, path: &Path) -> Option<PathBuf> {
        Disk.link_target(path)
    }

    /// As readdir may: the new name was not there yet when its place was passed, the old one is there no longer.
    fn list(&self, dir: &Path) -> io::Result<Vec<(OsString, bool)>> {
        self.listings.fetch_add(1, Ordering::Relaxed);
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

/// An engine with a clock of its own, and a folder.
pub struct EngineOnDisk {
    pub folder: TempDir,
    pub disk: Arc<ObservedDisk>,
    pub engine: TestEngine,
    pub clock: Arc<AtomicI64>,
}

impl EngineOnDisk {
    /// Its clock is so many seconds ahead of the one that stamps files.
    pub fn new(settings: EngineSettings, ahead_s: i64) -> EngineOnDisk {
        let now_ns = i64::try_from(Timestamp::now().as_nanosecond()).unwrap();
        let clock = Arc::new(AtomicI64::new(now_ns + ahead_s * 1_000_000_000));
        let disk = Arc::new(ObservedDisk::default());
        let dependencies = Dependencies {
            filesystem: Arc::clone(&disk) as Arc<dyn Filesystem>,
            clock: EngineClock::manual(Arc::clone(&clock)),
            store: None,
            dispatcher: None,
        };
        let engine = TestEngine::new(settings, &plan(), dependencies);
        EngineOnDisk { folder: tempfile::tempdir().unwrap(), disk, engine, clock }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Appends lines with ERROR.
    pub fn write(&self, name: &str, lines: usize) {
        let mut file = fs::File::options().append(true).create(true).open(self.path(name)).unwrap();
        file.write_all("ERROR here\n".repeat(lines).as_bytes()).unwrap();
    }

    pub fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    pub fn settle(&mut self) {
        while self.engine.turn() {}
    }

    pub fn pass_ms(&mut self, ms: i64) {
        self.clock.fetch_add(ms * 1_000_000, Ordering::Relaxed);
        self.engine.tick();
        self.settle();
    }

    /// Matching lines and missed bytes, of all files.
    pub fn outcome(&self) -> (u64, u64) {
        let files = self.engine.files();
        let matched = files.iter().flat_map(|file| &file.figures.totals).map(|(_, n)| n).sum();
        (matched, files.iter().map(|file| file.figures.bytes_missed).sum())
    }

    /// How often directories were listed and paths examined since the last call.
    pub fn asked(&self) -> (usize, usize) {
        (self.disk.listings.swap(0, Ordering::Relaxed), self.disk.stats.swap(0, Ordering::Relaxed))
    }
}

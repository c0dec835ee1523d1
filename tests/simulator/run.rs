//! Lets the engine live in a world, and compares what it counted with the oracle.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};

use fastrand::Rng;
use spiketail::engine::RulePatterns;
use spiketail::engine::Scanners;
use spiketail::engine::clock::EngineClock;
use spiketail::engine::dependencies::Dependencies;
use spiketail::engine::plan::CompiledPlan;
use spiketail::engine::settings::{EngineSettings, Plan, WatchPlan};
use spiketail::engine::testing::TestEngine;
use spiketail::file::settings::{FileSettings, ReadMethod, Start};
use spiketail::file::tailer::FileOrigin;
use spiketail::scan::rules::RuleSpec;
use spiketail::store::StoredState;
use spiketail::units::PathId;

use crate::disk::Seen;
use crate::hardships::Hardships;
use crate::oracle::Expected;
use crate::store::{Failure, Store};
use crate::world::{LOG, World};

const MS: i64 = 1_000_000;

/// Whether the program under test works as it should, or is broken on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sound {
    Whole,
    StoreForgetsPlaces,
}

/// What is wrong.
#[derive(Debug)]
#[expect(dead_code, reason = "shown")]
pub enum Fault {
    Total {
        counted: u64,
        missed: u64,
        expected: Expected,
    },
    /// Something was missed, but nothing was lost.
    FalseAlarm {
        missed: u64,
    },
    /// Something was lost, but no one said so.
    Silence {
        counted: u64,
        expected: Expected,
    },
    /// The lines of all patterns are not all lines.
    Patterns {
        by_pattern: u64,
        counted: u64,
    },
    NeverQuiet,
}

static PLAN: LazyLock<Arc<CompiledPlan>> = LazyLock::new(|| {
    let file = FileSettings { reader: ReadMethod::Mmap, start: Start::Beginning, ..FileSettings::default() };
    let rules = vec![RuleSpec::containing("ERROR")];
    let watch = WatchPlan {
        name: "logs".to_owned(),
        rules,
        file,
        time: Arc::default(),
        paths: String::new(),
        journal: None,
    };
    Arc::new(CompiledPlan::new(&Plan { watches: vec![watch], alerts: Vec::new() }).unwrap())
});

struct Life {
    world: Arc<Mutex<World>>,
    engine: Option<TestEngine>,
    keys: HashMap<PathBuf, PathId>,
    state: Arc<Mutex<StoredState>>,
    failure: Arc<Mutex<Failure>>,
    sound: Sound,
    /// Whether rotated names are watched as well.
    is_glob: bool,
    rng: Rng,
    /// Whether the kernel had nothing else to tell.
    alone: Rng,
}

pub fn run(seed: u64, sound: Sound, trace: bool, scanners: &mut Option<Scanners>) -> Result<(), Fault> {
    let mut rng = Rng::with_seed(seed);
    let state = Arc::new(Mutex::new(StoredState::default()));
    let mut world = World::new(rng.fork(), Arc::clone(&state), trace);
    world.hardships = Hardships::of(seed);
    let is_glob = rng.bool();
    world.say(|| {
        let (naming, crashes, haste) = (world.naming, world.crashes, world.haste);
        let hardships = &world.hardships;
        format!(
            "{naming:?}, glob {is_glob}, mapped {}, crashes {crashes}, haste {haste}, {hardships:?}",
            world.is_mapped
        )
    });
    let mut life = Life {
        world: Arc::new(Mutex::new(world)),
        engine: None,
        keys: HashMap::new(),
        state,
        failure: Arc::new(Mutex::new(Failure::Never)),
        sound,
        is_glob,
        rng,
        alone: Rng::with_seed(!seed),
    };
    // The watch is known before anything happens, and the path in most worlds.
    let actions = std::mem::take(&mut life.world().actions);
    if Rng::with_seed(seed.rotate_left(32)).u8(..4) == 0 {
        life.world().begin_without_log();
    }
    life.start(scanners);
    life.settle();
    life.commit(Failure::Never);
    life.world().actions = actions;
    while life.world().actions > 0 {
        life.live();
        if life.world().has_crashed {
            life.crash(scanners);
        }
    }
    let outcome = life.judge(scanners);
    *scanners = life.engine.take().map(TestEngine::into_scanners);
    outcome
}

impl Life {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    fn engine(&mut self) -> &mut TestEngine {
        self.engine.as_mut().unwrap()
    }

    fn start(&mut self, scanners: &mut Option<Scanners>) {
        self.world().hardships.is_starved = false;
        self.world().hardships.is_starting = true;
        let world = Dependencies {
            filesystem: Arc::new(Seen(Arc::clone(&self.world))),
            clock: EngineClock::manual(Arc::clone(&self.world().clock)),
            store: Some(Box::new(Store {
                state: Arc::clone(&self.state),
                failure: Arc::clone(&self.failure),
                forgets_places: self.sound == Sound::StoreForgetsPlaces,
            })),
            dispatcher: None,
        };
        let settings = EngineSettings { workers: 0, ..EngineSettings::default() };
        let engine = TestEngine::new(settings, &PLAN, world);
        self.engine = Some(engine.with_scanners(scanners.take().unwrap_or_default()));
        self.keys.clear();
        self.discover(FileOrigin::Existing);
        if !self.keys.contains_key(Path::new(LOG))
            && let Some(key) = self.engine().expect("logs", Path::new(LOG))
        {
            self.keys.insert(PathBuf::from(LOG), key);
        }
        let is_glob = self.is_glob;
        self.engine().adopt(|_, path| is_watched(is_glob, path));
        self.world().hardships.is_starting = false;
    }

    fn crash(&mut self, scanners: &mut Option<Scanners>) {
        *scanners = self.engine.take().map(TestEngine::into_scanners);
        for _ in 0..self.rng.u32(..4) {
            self.world().act();
        }
        {
            let mut world = self.world();
            world.has_crashed = false;
            world.events.clear();
            world.renumber();
            world.say(|| "start".to_owned());
        }
        self.start(scanners);
    }

    fn discover(&mut self, origin: FileOrigin) {
        let there: Vec<PathBuf> = self.world().disk.names.keys().cloned().collect();
        for path in there {
            self.find(&path, origin);
        }
    }

    fn find(&mut self, path: &Path, origin: FileOrigin) {
        let is_there = origin == FileOrigin::Appeared || self.world().disk.names.contains_key(path);
        if is_watched(self.is_glob, path) && is_there {
            let key = self.engine().add(0, path, origin);
            self.keys.insert(path.to_owned(), key);
        }
    }

    /// Lets a moment of the program's life pass.
    fn live(&mut self) {
        match self.rng.u32(..100) {
            0..35 => self.world().act(),
            35..55 => self.hear(),
            55..80 => drop(self.turn()),
            80..84 => self.sweep(),
            84..90 => self.engine().tick(),
            90..96 => {
                let failure = [Failure::Never, Failure::Never, Failure::Before, Failure::After];
                let failure = failure[self.rng.usize(..4)];
                self.commit(failure);
            }
            96..98 => {
                // Events get lost. Of a path that is not known yet, the listing that follows then finds the log before its copies.
                if self.keys.contains_key(Path::new(LOG)) {
                    self.world().events.clear();
                }
            }
            _ => {
                let mut world = self.world();
                if world.crashes > 0 {
                    world.say(|| "CRASH".to_owned());
                    world.has_crashed = true;
                }
            }
        }
    }

    /// Delivers an event, not always the oldest one.
    fn hear(&mut self) {
        let path = {
            let count = self.world().events.len();
            if count == 0 {
                return;
            }
            let at = self.rng.usize(..count);
            let mut world = self.world();
            // The kernel reports in order: what the log is rotated to comes after the log.
            let log = world.events.iter().position(|path| path == Path::new(LOG));
            let at = log.filter(|_| !self.keys.contains_key(Path::new(LOG))).unwrap_or(at);
            // Nothing is prompt here: the engine must not rely on it.
            world.pass(150 * MS);
            world.events.swap_remove(at)
        };
        self.find(&path, FileOrigin::Appeared);
        if let Some(key) = self.keys.get(&path).copied() {
            let is_alone = self.alone.bool();
            self.engine().heard(&[key], is_alone);
            self.world().pass(150 * MS);
        }
    }

    fn turn(&mut self) -> bool {
        let is_taken = self.engine().turn();
        if is_taken {
            self.say_files();
        }
        is_taken
    }

    fn say_files(&self) {
        let world = self.world();
        if world.trace {
            for file in self.engine.as_ref().unwrap().files() {
                let total: u64 = file.figures.totals.iter().map(|(_, n)| n).sum();
                println!(
                    "             {} counted {total} missed {} at {} of {}",
                    file.path.display(),
                    file.figures.bytes_missed,
                    file.status.offset,
                    file.status.size
                );
            }
        }
    }

    fn sweep(&mut self) {
        // What the kernel reported is heard before a sweep.
        if self.world().events.iter().any(|path| path == Path::new(LOG)) {
            self.find(Path::new(LOG), FileOrigin::Appeared);
        }
        self.discover(FileOrigin::Appeared);
        self.engine().sweep();
    }

    fn commit(&mut self, failure: Failure) {
        if self.world().has_crashed {
            return;
        }
        *self.failure.lock().unwrap() = failure;
        let outcome = self.engine().commit();
        self.world().say(|| format!("commit ({failure:?}): {}", outcome.is_ok()));
        *self.failure.lock().unwrap() = Failure::Never;
    }

    /// Takes turns until there are none to take. False if that does not end.
    fn settle(&mut self) -> bool {
        (0..500).any(|_| !self.turn())
    }

    /// Lets everything come to rest, and compares.
    fn judge(&mut self, scanners: &mut Option<Scanners>) -> Result<(), Fault> {
        self.world().finish();
        for _ in 0..4 {
            if self.world().has_crashed {
                self.crash(scanners);
            }
            self.sweep();
            if !self.settle() {
                return Err(Fault::NeverQuiet);
            }
            self.world().pass(31_000 * MS);
            self.engine().tick();
            if !self.settle() {
                return Err(Fault::NeverQuiet);
            }
        }
        self.commit(Failure::Never);
        let files = self.engine.as_ref().unwrap().files();
        let counted: u64 =
            files.iter().map(|file| file.figures.totals.iter().map(|(_, n)| n).sum::<u64>()).sum();
        let missed: u64 = files.iter().map(|file| file.figures.bytes_missed).sum();
        let expected = self.world().oracle.expected();
        if counted < expected.least || counted > expected.most {
            return Err(Fault::Total { counted, missed, expected });
        }
        if counted < expected.most && missed == 0 {
            return Err(Fault::Silence { counted, expected });
        }
        if missed > 0 && !expected.has_loss {
            return Err(Fault::FalseAlarm { missed });
        }
        let sum =
            |rule: &RulePatterns| rule.other + rule.patterns.iter().map(|pattern| pattern.lines).sum::<u64>();
        let by_pattern = self.engine.as_ref().unwrap().patterns().iter().map(sum).sum();
        if by_pattern != counted {
            return Err(Fault::Patterns { by_pattern, counted });
        }
        Ok(())
    }
}

fn is_watched(is_glob: bool, path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_there = path.parent() == Some(Path::new("/logs"));
    path == Path::new(LOG) || (is_glob && is_there && name.starts_with("app.log") && !name.ends_with(".gz"))
}

//! No step of the wall clock, ahead or back, delays, loses or invents an alert: in no state of its life, with and without a restart.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use spiketail::alert::{AlertNotes, AlertSpec, Scope};
use spiketail::detect::condition::Condition;
use spiketail::engine::clock::EngineClock;
use spiketail::engine::dependencies::Dependencies;
use spiketail::engine::plan::CompiledPlan;
use spiketail::engine::settings::{EngineSettings, Plan, WatchPlan};
use spiketail::engine::testing::TestEngine;
use spiketail::event::{AlertEvent, Severity};
use spiketail::file::disk::Disk;
use spiketail::file::settings::FileSettings;
use spiketail::file::tailer::FileOrigin;
use spiketail::scan::rules::RuleSpec;
use spiketail::store::sqlite::SqliteStore;
use spiketail::store::{Delivered, Dispatcher, Limits, SilenceRecord, TransitionRecord};
use tempfile::TempDir;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const YEAR: i64 = 365 * 24 * HOUR;
const BEGIN: i64 = 1_795_435_200_000;
/// The test goes on by so many seconds at a time.
const PACE: i64 = 5;
const TOLERANCE: i64 = PACE + 2;

/// When what happens, in seconds since the start.
const ERRORS: [(i64, i64); 2] = [(10, 60), (200, 320)];
const END: i64 = 480;
const STATES: [(&str, i64); 7] = [
    ("inactive", 5),
    ("pending", 15),
    ("firing", 40),
    ("released", 125),
    ("cooling down", 175),
    ("pending while cooling down", 250),
    ("firing again", 310),
];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    /// The clock is set while the daemon runs.
    Running,
    /// The same, and the daemon is restarted a little later.
    ThenRestart,
    /// The daemon is killed and started at once, and the clock is set in between.
    Between,
    /// The machine boots with a clock that is off, which is set right a little later.
    BootedOff,
}

fn spec(scope: Scope) -> AlertSpec {
    AlertSpec {
        name: "a".into(),
        rule: "errors".into(),
        watches: vec!["logs".into()],
        scope,
        condition: Condition::Count { over: 2, window_ms: MINUTE },
        severity: Severity::Critical,
        for_ms: 20 * SECOND,
        keep_firing_for_ms: MINUTE,
        cooldown_ms: 2 * MINUTE,
        samples_max: 2,
        notes: AlertNotes::default(),
    }
}

struct World {
    folder: TempDir,
    state: TempDir,
    now_ns: Arc<AtomicI64>,
    wall_ns: Arc<AtomicI64>,
    alert: AlertSpec,
    is_stamped: bool,
    transitions: Arc<Transitions>,
}

/// What an output would get.
#[derive(Default)]
struct Transitions(Mutex<Vec<AlertEvent>>);

impl Dispatcher for Transitions {
    fn outputs(&self, _: &AlertEvent) -> Vec<String> {
        Vec::new()
    }

    fn restore(&self, _: Vec<(String, TransitionRecord)>, _: Vec<TransitionRecord>, _: Vec<SilenceRecord>) {}

    fn changed_silences(&self) -> Option<Vec<SilenceRecord>> {
        None
    }

    fn silences(&self) -> Vec<SilenceRecord> {
        Vec::new()
    }

    fn take(&self, transitions: &[TransitionRecord], _: &[Vec<String>]) {
        let events = transitions.iter().map(|transition| transition.event.clone());
        self.0.lock().unwrap().extend(events);
    }

    fn delivered(&self) -> Vec<Delivered> {
        Vec::new()
    }

    fn on_delivered(&self, _: Box<dyn Fn() + Send + Sync>) {}
}

impl World {
    fn new(alert: AlertSpec, is_stamped: bool) -> World {
        let folder = TempDir::new().unwrap();
        let (now_ns, wall_ns) = (Arc::default(), Arc::new(AtomicI64::new(BEGIN * 1_000_000)));
        World {
            folder,
            state: TempDir::new().unwrap(),
            now_ns,
            wall_ns,
            alert,
            is_stamped,
            transitions: Arc::default(),
        }
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("app.log")
    }

    fn wall_ms(&self) -> i64 {
        self.wall_ns.load(Ordering::Relaxed) / 1_000_000
    }

    fn set_clock(&self, by_ms: i64) {
        self.wall_ns.fetch_add(by_ms * 1_000_000, Ordering::Relaxed);
    }

    fn write(&self, lines: usize) {
        let mut file = OpenOptions::new().create(true).append(true).open(self.log()).unwrap();
        for _ in 0..lines {
            if self.is_stamped {
                let stamp = Timestamp::from_millisecond(self.wall_ms()).unwrap();
                writeln!(file, "{stamp} ERROR x").unwrap();
            } else {
                writeln!(file, "ERROR x").unwrap();
            }
        }
        let modified = Duration::from_millis(self.wall_ms().max(0).unsigned_abs());
        file.set_modified(SystemTime::UNIX_EPOCH + modified).unwrap();
    }

    fn start(&self) -> TestEngine {
        let watch = WatchPlan {
            name: "logs".into(),
            rules: vec![RuleSpec::containing("ERROR")],
            file: FileSettings::default(),
            time: Arc::default(),
            paths: String::new(),
            journal: None,
        };
        let plan = Plan { watches: vec![watch], alerts: vec![self.alert.clone()] };
        let world = Dependencies {
            filesystem: Arc::new(Disk),
            clock: EngineClock::stepped(Arc::clone(&self.now_ns), Arc::clone(&self.wall_ns)),
            store: Some(Box::new(SqliteStore::open(self.state.path(), Limits::default()).unwrap())),
            dispatcher: Some(Arc::clone(&self.transitions) as Arc<dyn Dispatcher>),
        };
        let settings = EngineSettings { workers: 0, ..EngineSettings::default() };
        let mut engine = TestEngine::new(settings, &Arc::new(CompiledPlan::new(&plan).unwrap()), world);
        engine.add(0, &self.log(), FileOrigin::Existing);
        engine.adopt(|_, _| true);
        work(&mut engine);
        engine
    }

    fn take_events(&self) -> Vec<AlertEvent> {
        std::mem::take(&mut *self.transitions.0.lock().unwrap())
    }
}

fn work(engine: &mut TestEngine) {
    while engine.turn() {}
    engine.tick();
    engine.commit().unwrap();
}

/// What happened, when in seconds since the start, and how long before it began.
type Told = Vec<(String, i64, i64)>;

/// Runs through the life of an alert, while the clock is set by `by_ms` at `at_s`.
fn live(world: &World, step: Option<(Step, i64)>, at_s: i64) -> Told {
    let mut told = Told::new();
    world.write(0);
    let mut engine = world.start();
    for second in (PACE..END).step_by(5) {
        world.now_ns.fetch_add(PACE * SECOND * 1_000_000, Ordering::Relaxed);
        world.set_clock(PACE * SECOND);
        if ERRORS.iter().any(|(from, to)| (*from..*to).contains(&second)) {
            world.write(2);
        }
        engine.sweep();
        work(&mut engine);
        for event in world.take_events() {
            let ms = |time: &str| time.parse::<Timestamp>().unwrap().as_millisecond();
            let (since, at) = (ms(&event.since), ms(&event.at));
            let age = (world.wall_ms() - at) / SECOND;
            assert!((0..=TOLERANCE).contains(&age), "it is dated {age} s ago at {second} s: {event:?}");
            told.push((event.state.to_string(), second, (at - since) / SECOND));
        }
        match step {
            Some((Step::Running, by_ms)) if second == at_s => world.set_clock(by_ms),
            Some((Step::ThenRestart, by_ms)) if second == at_s => world.set_clock(by_ms),
            Some((Step::ThenRestart, _)) if second == at_s + PACE => {
                drop(engine);
                engine = world.start();
            }
            Some((Step::Between | Step::BootedOff, by_ms)) if second == at_s => {
                drop(engine);
                world.set_clock(by_ms);
                engine = world.start();
            }
            Some((Step::BootedOff, by_ms)) if second == at_s + 10 => world.set_clock(-by_ms),
            _ => {}
        }
    }
    told
}

fn is_like(told: &Told, expected: &Told, tolerance: i64) -> bool {
    let is_near = |a: i64, b: i64| (a - b).abs() <= tolerance;
    told.len() == expected.len()
        && told.iter().zip(expected).all(|(told, expected)| {
            told.0 == expected.0 && is_near(told.1, expected.1) && is_near(told.2, expected.2)
        })
}

fn check(scope: Scope, is_stamped: bool, kinds: &[Step]) {
    let expected = live(&World::new(spec(scope), is_stamped), None, 0);
    let states: Vec<&str> = expected.iter().map(|(state, ..)| state.as_str()).collect();
    assert_eq!(states, ["firing", "resolved", "firing", "resolved"], "{expected:?}");
    for kind in kinds {
        for by_ms in
            [-50 * YEAR, -HOUR, -90 * SECOND, -20 * SECOND, 20 * SECOND, 90 * SECOND, HOUR, 50 * YEAR]
        {
            // A clock that was set ahead while nothing ran cannot be told from a longer time of rest.
            if by_ms > 0 && matches!(kind, Step::Between | Step::BootedOff) {
                continue;
            }
            for (state, at_s) in STATES {
                let told = live(&World::new(spec(scope), is_stamped), Some((*kind, by_ms)), at_s);
                let what = format!("{kind:?}, by {by_ms} ms while {state}, stamped: {is_stamped}");
                // Nobody knows how long ago the state was saved by a clock that is set back.
                let is_known = matches!(kind, Step::Running | Step::ThenRestart);
                let tolerance = if is_known { TOLERANCE } else { TOLERANCE + PACE };
                assert!(is_like(&told, &expected, tolerance), "{what}:\n{told:?}\n{expected:?}");
            }
        }
    }
}

#[test]
fn a_running_daemon_follows_the_clock() {
    check(Scope::Watch, false, &[Step::Running]);
    check(Scope::Watch, true, &[Step::Running]);
}

#[test]
fn a_restart_after_a_step_goes_on() {
    check(Scope::Watch, true, &[Step::ThenRestart]);
    check(Scope::Path, false, &[Step::ThenRestart]);
}

#[test]
fn a_clock_that_is_behind_the_state_is_followed() {
    check(Scope::Watch, false, &[Step::Between, Step::BootedOff]);
    check(Scope::Path, true, &[Step::Between, Step::BootedOff]);
}

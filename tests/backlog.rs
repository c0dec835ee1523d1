//! Lines that are read long after they were written alert for the time at which they were written, once, and are never taken
//! for a spike of now.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use rusqlite::Connection;
use spiketail::alert::{AlertNotes, AlertSpec, Scope};
use spiketail::detect::condition::Condition;
use spiketail::detect::spike::SpikeSettings;
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
use spiketail::store::Limits;
use spiketail::store::sqlite::SqliteStore;
use tempfile::TempDir;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
/// The real time is long past, so that no file looks as if it changed just now.
const BEGIN: i64 = 1_795_435_200_000;

fn count(over: u64) -> AlertSpec {
    AlertSpec {
        name: "a".into(),
        rule: "errors".into(),
        watches: vec!["logs".into()],
        scope: Scope::Watch,
        condition: Condition::Count { over, window_ms: MINUTE },
        severity: Severity::Critical,
        for_ms: 0,
        keep_firing_for_ms: MINUTE,
        cooldown_ms: 0,
        samples_max: 2,
        notes: AlertNotes::default(),
    }
}

struct TestFolder {
    folder: TempDir,
    clock: Arc<AtomicI64>,
    state: TempDir,
    alert: AlertSpec,
}

impl TestFolder {
    fn new(alert: AlertSpec) -> TestFolder {
        let clock = Arc::new(AtomicI64::new(BEGIN * 1_000_000));
        TestFolder { folder: TempDir::new().unwrap(), clock, state: TempDir::new().unwrap(), alert }
    }

    fn log(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Appends lines of these times, and leaves the file as if it was changed last at `modified_ms`.
    fn append(&self, name: &str, lines: impl IntoIterator<Item = String>, modified_ms: i64) {
        let mut file = OpenOptions::new().create(true).append(true).open(self.log(name)).unwrap();
        for line in lines {
            writeln!(file, "{line}").unwrap();
        }
        set_modified(&file, modified_ms);
    }

    fn start(&self) -> Daemon<'_> {
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
            clock: EngineClock::manual(Arc::clone(&self.clock)),
            store: Some(Box::new(SqliteStore::open(self.state.path(), Limits::default()).unwrap())),
            dispatcher: None,
        };
        let settings = EngineSettings { workers: 0, ..EngineSettings::default() };
        let mut engine = TestEngine::new(settings, &Arc::new(CompiledPlan::new(&plan).unwrap()), world);
        let mut names: Vec<_> =
            std::fs::read_dir(self.folder.path()).unwrap().map(|e| e.unwrap().path()).collect();
        names.sort();
        for path in names {
            engine.add(0, &path, FileOrigin::Existing);
        }
        engine.adopt(|_, _| true);
        let mut daemon = Daemon { place: self, engine };
        daemon.work();
        daemon
    }

    /// The events of the outbox, in order.
    fn events(&self) -> Vec<AlertEvent> {
        let database = Connection::open(self.state.path().join("state.db")).unwrap();
        let mut rows = database.prepare("SELECT payload FROM outbox ORDER BY id").unwrap();
        let payloads = rows.query_map([], |row| row.get::<_, String>(0)).unwrap();
        payloads.map(|payload| serde_json::from_str(&payload.unwrap()).unwrap()).collect()
    }

    /// All that was reported: state, since, at, count, and whether it was late.
    fn told(&self) -> Vec<(String, i64, i64, u64, bool)> {
        let ms = |time: &str| time.parse::<Timestamp>().unwrap().as_millisecond() - BEGIN;
        let told = |AlertEvent { state, since, at, count, late, .. }: &AlertEvent| {
            (state.to_string(), ms(since), ms(at), *count, *late)
        };
        self.events().iter().map(told).collect()
    }
}

struct Daemon<'a> {
    place: &'a TestFolder,
    engine: TestEngine,
}

impl Daemon<'_> {
    fn work(&mut self) {
        while self.engine.turn() {}
        self.engine.tick();
        self.engine.commit().unwrap();
    }

    fn go_to(&mut self, at: i64) {
        let now = &self.place.clock;
        while now.load(Ordering::Relaxed) / 1_000_000 < BEGIN + at {
            let left = BEGIN + at - now.load(Ordering::Relaxed) / 1_000_000;
            now.fetch_add(left.min(SECOND) * 1_000_000, Ordering::Relaxed);
            self.work();
        }
    }

    fn sweep(&mut self) {
        self.engine.sweep();
        self.work();
    }
}

fn set_modified(file: &File, at_ms: i64) {
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_millis(at_ms.unsigned_abs())).unwrap();
}

fn stamped(times: impl IntoIterator<Item = i64>) -> Vec<String> {
    let line = |at| format!("{} ERROR x", Timestamp::from_millisecond(BEGIN + at).unwrap());
    times.into_iter().map(line).collect()
}

fn every(step: i64, from: i64, to: i64) -> impl Iterator<Item = i64> {
    (from..to).step_by(usize::try_from(step).unwrap())
}

fn jump(place: &TestFolder, at: i64) {
    place.clock.store((BEGIN + at) * 1_000_000, Ordering::Relaxed);
}

#[test]
fn a_burst_during_downtime_alerts_once_for_its_time() {
    let spike = AlertSpec {
        condition: Condition::Spike(SpikeSettings { learn_ms: MINUTE, ..SpikeSettings::default() }),
        ..count(0)
    };
    for alert in [count(50), AlertSpec { scope: Scope::Path, ..count(50) }, spike] {
        let place = TestFolder::new(alert);
        place.append("app.log", [], BEGIN);
        let mut daemon = place.start();
        place.append("app.log", stamped([10]), BEGIN + 10);
        daemon.sweep();
        daemon.go_to(10 * MINUTE);
        drop(daemon);
        place.append("app.log", stamped(every(100, HOUR, HOUR + 20 * SECOND)), BEGIN + 2 * HOUR);
        jump(&place, 3 * HOUR);
        let mut daemon = place.start();
        daemon.go_to(3 * HOUR + 10 * MINUTE);
        let told = place.told();
        let [(fired, since, at, _, true), (resolved, since_too, ended, _, true)] = told.as_slice() else {
            panic!("{told:?}");
        };
        assert_eq!((fired.as_str(), resolved.as_str()), ("firing", "resolved"));
        assert_eq!((since, at), (since_too, since));
        assert!((HOUR..HOUR + 10 * SECOND).contains(since), "{told:?}");
        assert!((HOUR + MINUTE..HOUR + 4 * MINUTE).contains(ended), "{told:?}");
        drop(daemon);
        place.start().go_to(3 * HOUR + 20 * MINUTE);
        assert_eq!(place.told(), told);
    }
}

#[test]
fn files_of_one_watch_are_put_together_by_time() {
    for names in [["a.log", "b.log"], ["b.log", "a.log"]] {
        let place = TestFolder::new(count(50));
        names.iter().for_each(|name| place.append(name, [], BEGIN));
        drop(place.start());
        let [first, second] = names;
        // Thirty in the same minute in each, and thirty an hour apart.
        place.append(first, stamped(every(SECOND, HOUR, HOUR + 30 * SECOND)), BEGIN + 4 * HOUR);
        place.append(first, stamped(every(SECOND, 3 * HOUR, 3 * HOUR + 30 * SECOND)), BEGIN + 4 * HOUR);
        place.append(second, stamped(every(SECOND, HOUR, HOUR + 30 * SECOND)), BEGIN + 4 * HOUR);
        place.append(second, stamped(every(SECOND, 2 * HOUR, 2 * HOUR + 30 * SECOND)), BEGIN + 4 * HOUR);
        jump(&place, 4 * HOUR);
        place.start().go_to(4 * HOUR + 3 * MINUTE);
        let told = place.told();
        assert_eq!(told.len(), 2, "{told:?}");
        assert_eq!((told[0].1, told[0].3, told[0].4), (HOUR + 25 * SECOND, 52, true), "{told:?}");
    }
}

#[test]
fn what_goes_on_until_now_fires_now() {
    let place = TestFolder::new(count(50));
    place.append("app.log", [], BEGIN);
    drop(place.start());
    let to = 2 * HOUR;
    place.append("app.log", stamped(every(SECOND, HOUR, to)), BEGIN + to);
    jump(&place, to);
    let mut daemon = place.start();
    daemon.go_to(to + 5 * MINUTE);
    let told = place.told();
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!((told[0].0.as_str(), told[0].1, told[0].4), ("firing", HOUR + 50 * SECOND, true));
    // It was reported late, and it ends now.
    assert!((to + MINUTE..to + 3 * MINUTE).contains(&told[1].2) && !told[1].4, "{told:?}");
}

#[test]
fn lines_without_a_stamp_were_written_at_one_pace_while_nobody_looked() {
    for (lines, alerts) in [(2_000, 0), (20_000, 2)] {
        let place = TestFolder::new(count(50));
        place.append("app.log", [], BEGIN);
        let mut daemon = place.start();
        place.append("app.log", ["ERROR".to_owned()], BEGIN);
        daemon.sweep();
        drop(daemon);
        place.append("app.log", vec!["ERROR".to_owned(); lines], BEGIN + 2 * HOUR);
        jump(&place, 3 * HOUR);
        place.start().go_to(3 * HOUR + 10 * MINUTE);
        let told = place.told();
        assert_eq!(told.len(), alerts, "{lines}: {told:?}");
        assert!(
            told.iter().all(|(_, since, at, _, late)| *since < HOUR && *at < 2 * HOUR + 3 * MINUTE && *late)
        );
    }
}

#[test]
fn old_lines_that_turn_up_beside_new_ones_alert_apart_from_them() {
    let place = TestFolder::new(count(50));
    place.append("app.log", [], BEGIN);
    let mut daemon = place.start();
    daemon.go_to(3 * HOUR);
    place.append("app.log", stamped(every(SECOND, 3 * HOUR - 10 * SECOND, 3 * HOUR)), BEGIN + 3 * HOUR);
    daemon.sweep();
    place.append("old.log", stamped(every(SECOND, HOUR, HOUR + 55 * SECOND)), BEGIN + HOUR);
    daemon.engine.add(0, &place.log("old.log"), FileOrigin::Appeared);
    daemon.work();
    daemon.go_to(3 * HOUR + 5 * MINUTE);
    let told = place.told();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().all(|(_, since, _, _, late)| *since == HOUR + 50 * SECOND && *late), "{told:?}");
}

#[test]
fn what_is_usual_is_known_after_a_restart() {
    let settings = SpikeSettings { learn_ms: 10 * MINUTE, ..SpikeSettings::default() };
    let place = TestFolder::new(AlertSpec { condition: Condition::Spike(settings), ..count(0) });
    place.append("app.log", [], BEGIN);
    let mut daemon = place.start();
    for at in every(SECOND, 0, HOUR) {
        place.append("app.log", stamped([at]), BEGIN + at);
        daemon.engine.sweep();
        daemon.go_to(at);
        if at % (7 * MINUTE) == 0 {
            drop(daemon);
            daemon = place.start();
        }
    }
    assert_eq!(place.told(), []);
    drop(daemon);
    let mut daemon = place.start();
    place.append("app.log", stamped(every(50, HOUR, HOUR + 10 * SECOND)), BEGIN + HOUR + 10 * SECOND);
    jump(&place, HOUR + 10 * SECOND);
    daemon.sweep();
    let told = place.told();
    assert_eq!(told.len(), 1, "{told:?}");
    let event = &place.events()[0];
    assert!((50.0..70.0).contains(&event.expected.unwrap()), "{event:?}");
}

#[test]
fn silence_and_the_first_line_ever_are_told_across_restarts() {
    let place = TestFolder::new(AlertSpec { condition: Condition::Silence { window_ms: HOUR }, ..count(0) });
    place.append("app.log", [], BEGIN);
    drop(place.start());
    jump(&place, 30 * MINUTE);
    let mut daemon = place.start();
    daemon.go_to(61 * MINUTE);
    assert_eq!(place.told(), [("firing".to_owned(), HOUR, HOUR, 0, false)]);
    place.append("app.log", stamped([61 * MINUTE]), BEGIN + 61 * MINUTE);
    daemon.sweep();
    daemon.go_to(63 * MINUTE);
    assert_eq!(place.told()[1..], [("resolved".to_owned(), HOUR, 62 * MINUTE, 0, false)]);

    let place = TestFolder::new(AlertSpec { condition: Condition::New { quiet_ms: None }, ..count(0) });
    place.append("app.log", [], BEGIN);
    let mut daemon = place.start();
    daemon.go_to(MINUTE);
    place.append("app.log", stamped([MINUTE]), BEGIN + MINUTE);
    daemon.sweep();
    daemon.go_to(5 * MINUTE);
    assert_eq!(place.told().len(), 2, "{:?}", place.told());
    drop(daemon);
    let mut daemon = place.start();
    place.append("app.log", stamped([6 * MINUTE]), BEGIN + 6 * MINUTE);
    daemon.sweep();
    daemon.go_to(7 * MINUTE);
    assert_eq!(place.told().len(), 2, "{:?}", place.told());
}

#[test]
fn old_lines_do_not_end_an_alert_that_fires_now() {
    let place = TestFolder::new(count(50));
    place.append("app.log", [], BEGIN);
    let mut daemon = place.start();
    let now = 3 * HOUR;
    daemon.go_to(now);
    place.append("app.log", stamped(every(100, now - 10 * SECOND, now)), BEGIN + now);
    daemon.sweep();
    assert_eq!(place.told().len(), 1);
    place.append("old.log", stamped(every(SECOND, HOUR, HOUR + 55 * SECOND)), BEGIN + HOUR);
    daemon.engine.add(0, &place.log("old.log"), FileOrigin::Appeared);
    daemon.work();
    daemon.go_to(now + 30 * SECOND);
    assert_eq!(place.told().len(), 1, "{:?}", place.told());
    daemon.go_to(now + 5 * MINUTE);
    assert_eq!(place.told().len(), 2, "{:?}", place.told());
}

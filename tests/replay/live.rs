//! A replay and a live run over the same lines with the same time stamps report the same.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rusqlite::Connection;
use serde_json::Value;
use spiketail::config;
use spiketail::engine::clock::EngineClock;
use spiketail::engine::dependencies::Dependencies;
use spiketail::engine::plan::CompiledPlan;
use spiketail::engine::settings::EngineSettings;
use spiketail::engine::testing::TestEngine;
use spiketail::file::disk::Disk;
use spiketail::file::tailer::FileOrigin;
use spiketail::store::Limits;
use spiketail::store::sqlite::SqliteStore;
use tempfile::TempDir;

use crate::{BEGIN, line, objects};

const ALERTS: &str = r#"
[watch.w]
paths = ["*.log"]
[rule.errors]
any = ["ERROR"]
[alert.count]
over = 20
window = "30s"
keep_firing_for = "45s"
[alert.for]
over = 10
window = "30s"
for = "20s"
keep_firing_for = "0s"
cooldown = "5m"
[alert.rate]
when = "rate"
over = "30/m"
window = "10s"
cooldown = "0s"
[alert.share]
when = "share"
over = "30%"
at_least = 5
window = "20s"
[alert.burn]
when = "burn_rate"
objective = "90%"
burn = ["5 over 1m and 10s", "4 over 2m and 20s"]
cooldown = "0s"
[alert.spike]
when = "spike"
learn = "10m"
[alert.silence]
when = "silence"
window = "1m"
[alert.new]
when = "new"
[alert.again]
when = "new"
window = "2m"
cooldown = "0s"
[alert.path]
over = 12
window = "30s"
by = "path"
"#;

/// Times of lines and whether they are errors: calm for a while, then bursts and silences.
fn schedule(seed: u64) -> Vec<(i64, bool)> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut lines = vec![(0, false)];
    let mut at_ms = 0;
    while at_ms < 3_600_000 {
        let is_wild = at_ms > 1_200_000 && rng.u32(..40) == 0;
        if is_wild {
            at_ms += rng.i64(0..200_000);
            let step_ms = rng.i64(20..2_000);
            for _ in 0..rng.u32(5..80) {
                at_ms += rng.i64(1..step_ms);
                lines.push((at_ms, rng.u32(..3) > 0));
            }
        }
        at_ms += rng.i64(500..8_000);
        lines.push((at_ms, rng.u32(..10) == 0));
    }
    lines
}

type Reported = (String, String, String, String, u64);

fn reported(alert: &Value) -> Reported {
    let text = |key: &str| alert[key].as_str().unwrap().to_owned();
    (text("alert"), text("state"), text("since"), text("at"), alert["count"].as_u64().unwrap())
}

fn live(folder: &Path, lines: &[(i64, bool)], rng: &mut fastrand::Rng) -> Vec<Reported> {
    let settings = config::load(&[folder.join("c.toml")]).unwrap();
    let log = folder.join("app.log");
    std::fs::write(&log, "").unwrap();
    let now = Arc::new(AtomicI64::new(BEGIN * 1_000_000));
    let state = TempDir::new().unwrap();
    let plan = Arc::new(CompiledPlan::new(&settings.plan).unwrap());
    let start = || {
        let world = Dependencies {
            filesystem: Arc::new(Disk),
            clock: EngineClock::manual(Arc::clone(&now)),
            store: Some(Box::new(SqliteStore::open(state.path(), Limits::default()).unwrap())),
            dispatcher: None,
        };
        let mut engine =
            TestEngine::new(EngineSettings { workers: 0, ..EngineSettings::default() }, &plan, world);
        engine.add(0, &log, FileOrigin::Existing);
        engine.adopt(|_, _| true);
        while engine.turn() {}
        engine
    };
    let mut engine = start();
    let mut before_ms = 0;
    for (at_ms, is_error) in lines {
        // Time is looked at now and then, not at each moment.
        while rng.bool() && before_ms < *at_ms {
            before_ms = rng.i64(before_ms..=*at_ms);
            now.store((BEGIN + before_ms) * 1_000_000, Ordering::Relaxed);
            engine.tick();
        }
        before_ms = *at_ms;
        now.store((BEGIN + at_ms) * 1_000_000, Ordering::Relaxed);
        let mut file = OpenOptions::new().append(true).open(&log).unwrap();
        file.write_all(line(*at_ms, if *is_error { "ERROR" } else { "INFO" }).as_bytes()).unwrap();
        engine.sweep();
        while engine.turn() {}
        if rng.u32(..200) == 0 {
            // A restart changes nothing.
            engine.commit().unwrap();
            drop(engine);
            engine = start();
        }
    }
    engine.tick();
    engine.commit().unwrap();
    let database = Connection::open(state.path().join("state.db")).unwrap();
    let mut rows = database.prepare("SELECT payload FROM outbox").unwrap();
    let payloads = rows.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let mut all: Vec<_> =
        payloads.map(|payload| reported(&serde_json::from_str(&payload.unwrap()).unwrap())).collect();
    all.sort();
    all
}

#[test]
fn a_replay_reports_what_a_live_run_reports() {
    let mut fired = std::collections::BTreeMap::new();
    for seed in 0..12 {
        let lines = schedule(seed);
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("c.toml"), ALERTS).unwrap();
        let live = live(folder.path(), &lines, &mut fastrand::Rng::with_seed(seed));
        let replayed = objects(folder.path(), &["-c", "c.toml"]);
        let alerts = replayed.iter().filter(|object| object["target"] == "spiketail::alert");
        let mut replayed: Vec<_> = alerts.map(reported).collect();
        replayed.sort();
        assert_eq!(live, replayed, "seed {seed}");
        live.into_iter()
            .filter(|reported| reported.1 == "firing")
            .for_each(|reported| *fired.entry(reported.0).or_insert(0) += 1);
    }
    // A comparison of nothing would tell nothing.
    let names = ["again", "burn", "count", "for", "new", "path", "rate", "share", "silence", "spike"];
    assert_eq!(fired.keys().collect::<Vec<_>>(), names, "{fired:?}");
}

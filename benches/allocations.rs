//! How often memory is asked for while lines are written to a watched file: per turn, whatever came since the last one, and per
//! line.
//!
//! `cargo bench --bench allocations`
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::Arc;

use spiketail::engine::dependencies::Dependencies;
use spiketail::engine::plan::CompiledPlan;
use spiketail::engine::settings::{EngineSettings, Plan, WatchPlan};
use spiketail::engine::testing::TestEngine;
use spiketail::file::settings::FileSettings;
use spiketail::file::tailer::FileOrigin;
use spiketail::scan::rules::RuleSpec;
use spiketail::units::PathId;

/// Turns that are averaged over.
const TURNS: u64 = 200;

fn main() {
    println!(
        "{:<18} {:>14} {:>16} {:>16}",
        "lines that match", "lines a turn", "allocs a turn", "allocs a line"
    );
    for (name, matching) in [("none", 0), ("one in 100", 100), ("all", 1)] {
        for lines in [1, 10, 100, 1_000, 10_000] {
            let per_turn = allocations(lines, matching);
            println!("{name:<18} {lines:>14} {per_turn:>16.1} {:>16.4}", per_turn / lines as f64);
        }
    }
}

/// How often a turn that finds `lines` new lines asks for memory, on average.
fn allocations(lines: u64, matching: u64) -> f64 {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.log");
    let mut log = OpenOptions::new().create(true).append(true).open(&path).unwrap();
    append(&mut log, lines, 1);
    let mut engine = TestEngine::new(EngineSettings::default(), &plan(), Dependencies::real(None, None));
    let key = engine.add(0, &path, FileOrigin::Existing);
    while engine.turn() {}
    let mut turn = |log: &mut File| {
        append(log, lines, matching);
        allocation_counter::measure(|| take(&mut engine, key)).count_total
    };
    // The first turns make what the later ones use.
    for _ in 0..20 {
        turn(&mut log);
    }
    let total: u64 = (0..TURNS).map(|_| turn(&mut log)).sum();
    total as f64 / TURNS as f64
}

/// Has the engine hear of a write, and read all that is new.
fn take(engine: &mut TestEngine, key: PathId) {
    engine.heard(&[key], true);
    while engine.turn() {}
}

fn append(log: &mut File, lines: u64, matching: u64) {
    let mut text = Vec::new();
    for n in 0..lines {
        let level = if matching > 0 && n % matching == 0 { "ERROR" } else { "INFO" };
        writeln!(text, "{} {level} request {n} of 10.1.2.3", jiff::Timestamp::now()).unwrap();
    }
    log.write_all(&text).unwrap();
}

fn plan() -> Arc<CompiledPlan> {
    let watch = WatchPlan {
        name: "logs".to_owned(),
        rules: vec![RuleSpec::containing("ERROR")],
        file: FileSettings::default(),
        time: Arc::default(),
        paths: String::new(),
        journal: None,
    };
    Arc::new(CompiledPlan::new(&Plan { watches: vec![watch], alerts: Vec::new() }).unwrap())
}

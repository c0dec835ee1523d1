//! The engine's bounds, each seen from the state that it bounds.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use crate::engine::dependencies::Dependencies;
use crate::engine::plan::CompiledPlan;
use crate::engine::settings::{EngineSettings, Plan, WatchPlan};
use crate::engine::testing::TestEngine;
use crate::file::settings::{FileSettings, ReadMethod, Start};
use crate::file::tailer::FileOrigin;
use crate::scan::rules::RuleSpec;

const FILES: usize = 10;

/// An engine that has read ten files under `settings`, and where they are.
fn engine_over_ten_files(settings: EngineSettings) -> (TestEngine, tempfile::TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    let file = FileSettings { reader: ReadMethod::Mmap, start: Start::Beginning, ..FileSettings::default() };
    let watch = WatchPlan {
        name: "logs".into(),
        rules: vec![RuleSpec { any: vec!["ERROR".into()], ..RuleSpec::containing("ERROR") }],
        file,
        time: Arc::default(),
        paths: "logs".into(),
        journal: None,
    };
    let plan = Plan { watches: vec![watch], alerts: Vec::new() };
    let plan = Arc::new(CompiledPlan::new(&plan).unwrap());
    let mut engine = TestEngine::new(settings, &plan, Dependencies::real(None, None));
    let paths: Vec<PathBuf> = (0..FILES).map(|n| folder.path().join(format!("{n}.log"))).collect();
    for path in &paths {
        fs::write(path, "ERROR one\n").unwrap();
        engine.add(0, path, FileOrigin::Existing);
    }
    while engine.turn() {}
    (engine, folder, paths)
}

fn matched(engine: &TestEngine) -> u64 {
    engine.files().iter().flat_map(|file| &file.figures.totals).map(|(_, n)| n).sum()
}

#[test]
fn no_more_windows_stay_mapped_than_allowed() {
    let settings = EngineSettings { windows_max: 3, ..EngineSettings::default() };
    let (engine, _folder, _) = engine_over_ten_files(settings);
    assert_eq!((engine.mapped_windows(), matched(&engine)), (3, FILES as u64));
    let (unbounded, _folder, _) = engine_over_ten_files(EngineSettings::default());
    assert_eq!(unbounded.mapped_windows(), FILES);
}

#[test]
fn no_more_files_stay_open_than_allowed_and_closed_ones_are_read_on() {
    let settings = EngineSettings { open_files_max: 4, ..EngineSettings::default() };
    let (mut engine, _folder, paths) = engine_over_ten_files(settings);
    assert!(engine.open_files() <= 4, "{} files are open", engine.open_files());
    for path in &paths {
        let mut text = fs::read(path).unwrap();
        text.extend_from_slice(b"ERROR two\n");
        fs::write(path, text).unwrap();
    }
    engine.sweep();
    while engine.turn() {}
    assert!(engine.open_files() <= 4, "{} files are open", engine.open_files());
    assert_eq!(matched(&engine), 2 * FILES as u64);
    let (unbounded, _folder, _) = engine_over_ten_files(EngineSettings::default());
    assert_eq!(unbounded.open_files(), FILES);
}

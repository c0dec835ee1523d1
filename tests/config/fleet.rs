//! A configuration of several files, with variables.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::path::PathBuf;

use spiketail::config::{self, ConfigError, Settings};
use spiketail::detect::condition::Condition;
use tempfile::TempDir;

fn load(files: &[(&str, &str)], paths: &[&str]) -> Result<Settings, ConfigError> {
    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("conf.d")).unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let paths: Vec<PathBuf> = paths.iter().map(|path| folder.path().join(path)).collect();
    config::load(&paths)
}

fn names(error: &ConfigError) -> Vec<String> {
    let ConfigError::Refused { problems, .. } = error else { panic!("{error}") };
    let of = |problem: &config::Problem| {
        let name = problem.origin.file_name().unwrap().to_str().unwrap();
        format!("{name}:{}:{} {}", problem.line, problem.column, problem.excerpt.lines().nth(1).unwrap_or(""))
    };
    problems.iter().map(of).collect()
}

const MAIN: &str = "[watch.app]\npaths = ['app.log']\n[rule.errors]\nany = ['ERROR']\n[alert.spike]\nover = 5\nseverity = 'info'\n";

#[test]
fn later_files_add_and_override_key_by_key() {
    let files = [
        ("main.toml", MAIN),
        ("conf.d/20-more.toml", "[alert.spike]\nover = 9\n[engine]\nworkers = 3\n"),
        ("conf.d/10-watch.toml", "[watch.db]\npaths = ['db.log']\n[alert.spike]\nover = 7\nsamples = 1\n"),
        ("conf.d/30-not.toml.bak", "nonsense"),
        ("conf.d/.hidden.toml", "nonsense"),
    ];
    let settings = load(&files, &["main.toml", "conf.d"]).unwrap();
    let watches: Vec<_> = settings.plan.watches.iter().map(|watch| watch.name.as_str()).collect();
    assert_eq!((watches, settings.engine.workers), (vec!["app", "db"], 3));
    let alert = &settings.plan.alerts[0];
    assert_eq!(alert.condition, Condition::Count { over: 9, window_ms: 60_000 });
    assert_eq!((alert.samples_max, alert.severity.as_str(), alert.watches.len()), (1, "info", 2));
    // Relative paths start at the folder of the first file.
    assert!(
        settings.finds[1].paths[0].ends_with("db.log")
            && !settings.finds[1].paths[0].ends_with("conf.d/db.log")
    );
    let other = load(&files[..1], &["main.toml", "conf.d"]).unwrap();
    assert_ne!(settings.hash, other.hash);
}

#[test]
fn a_problem_names_its_file_and_line() {
    let files = [
        ("main.toml", MAIN),
        ("conf.d/a.toml", "# é\n[alert.spike]\nover = 'x'\n"),
        ("conf.d/b.toml", "[watch.app]\npathz = 1\n[alert.other]\nover = 1\noutputs = ['nobody']\n"),
    ];
    let error = load(&files, &["main.toml", "conf.d"]).unwrap_err();
    assert_eq!(
        names(&error),
        ["a.toml:3:8 3 | over = 'x'", "b.toml:2:1 2 | pathz = 1", "b.toml:5:12 5 | outputs = ['nobody']"]
    );
    let broken = [("main.toml", MAIN), ("conf.d/a.toml", "[watch.x]\npaths = ['a'\n[")];
    let error = load(&broken, &["main.toml", "conf.d"]).unwrap_err();
    assert!(names(&error).iter().all(|name| name.starts_with("a.toml:")), "{error}");
    let missing = load(&[("main.toml", MAIN)], &["main.toml", "other.toml"]).unwrap_err().to_string();
    assert!(missing.contains("other.toml: there is no such file"), "{missing}");
}

#[test]
fn variables_stand_for_their_values_in_texts_only() {
    let text = "[watch.'app']\npaths = ['/${SPIKETAIL_TEST_NONE:-srv}/$${x}/${host}.log']\n[rule.r]\nany = ['${CARGO_PKG_NAME}']\n";
    let settings = load(&[("main.toml", text)], &["main.toml"]).unwrap();
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    assert_eq!(settings.finds[0].paths, [PathBuf::from(format!("/srv/${{x}}/{host}.log"))]);
    assert_eq!(settings.plan.watches[0].rules[0].any, ["spiketail"]);
    let error =
        load(&[("main.toml", "[watch.app]\npaths = ['/${SPIKETAIL_TEST_NONE}/x']\n")], &["main.toml"]);
    let error = error.unwrap_err();
    assert_eq!(names(&error), ["main.toml:2:10 2 | paths = ['/${SPIKETAIL_TEST_NONE}/x']"]);
    assert!(
        error.to_string().contains("the environment variable `SPIKETAIL_TEST_NONE` is not set"),
        "{error}"
    );
}

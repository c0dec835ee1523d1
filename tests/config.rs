//! What a configuration may say, what it is reported when it says something else, and that no text breaks it.

#[path = "config/conditions.rs"]
mod conditions;
#[path = "config/flags.rs"]
mod flags;
#[path = "config/fleet.rs"]
mod fleet;
#[path = "config/refusals.rs"]
mod refusals;

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use spiketail::alert::Scope;
use spiketail::config::{self, ConfigError};
use spiketail::detect::condition::Condition;
use spiketail::event::EventKind;
use spiketail::event::Severity;
use spiketail::file::settings::{ReadMethod, Start};
use spiketail::output::{Color, Destination, Format};
use spiketail::scan::level::Level;
use spiketail::scan::rules::RuleSpec;

const MINIMAL: &str = "[watch.app]\npaths = [\"app.log\"]\n";

fn parse(text: &str) -> Result<config::Settings, ConfigError> {
    config::parse(text, Path::new("/etc/st/conf.toml"))
}

/// What is reported about `text`, without excerpts and without the name of the file: one line for each problem.
fn refusals(text: &str) -> Vec<String> {
    match config::parse(text, Path::new("conf.toml")) {
        Err(ConfigError::Refused { problems, .. }) => {
            problems.iter().map(|p| format!("{}:{}: {}", p.line, p.column, p.message)).collect()
        }
        other => panic!("not refused: {text}\n{other:?}"),
    }
}

/// [`MINIMAL`] followed by `rest`, which begins in line 3.
fn after_minimal(rest: &str) -> Vec<String> {
    refusals(&format!("{MINIMAL}{rest}"))
}

#[test]
fn little_text_makes_a_complete_configuration() {
    let settings = parse(MINIMAL).unwrap();
    assert_eq!(settings.finds[0].paths, [PathBuf::from("/etc/st/app.log")]);
    assert_eq!(settings.finds[0].exclude.len(), 7);
    assert_eq!(settings.plan.watches[0].name, "app");
    assert_eq!(settings.plan.watches[0].rules[0], RuleSpec::errors());
    assert_eq!(settings.plan.watches[0].file, spiketail::file::settings::FileSettings::default());
    assert!(settings.plan.alerts.is_empty());
    assert_eq!(settings.outputs.len(), 1);
    assert_eq!(settings.outputs[0].destination, Destination::Stdout);
    assert_eq!(settings.log, "warn");
}

const EVERY_KEY: &str = r#"
engine = { workers = 4, report_interval = "2s", turn_bytes_max = "1 MiB", windows_max = 0x10 }
[log]
filter = "warn,spiketail=debug"
[watch.b]
paths = ["/b/**/*.log", "b.log"]
exclude = []
rules = ["oom"]
start = "beginning"
reader = "pread"
window_bytes = 65_536
line_bytes_max = "1MB"
rotated_grace = "1h30m"
[watch.a]
paths = ["/a"]
record_start = '^\d'
[rule.oom]
any = "Out of memory"
regex = ['oom-?kill']
not = 'test'
ignore_case = true
word = true
level = "Warning"
record_start = '^\S'
match = "Out of memory"
no_match = ["a", "b"]
[rule.errors]
regex = 'ERR'
[alert.oom]
rule = "oom"
by = "path"
over = 0
window = "1d"
for = "5s"
keep_firing_for = "0s"
cooldown = "250ms"
severity = "info"
samples = 50
[alert.errors]
rule = "errors"
watches = ["a"]
over = 7
[output.file]
type = "json"
path = "events.json"
color = "never"
events = ["alert", "file"]
[output.tty]
type = "console"
"#;

#[test]
fn every_key_arrives() {
    let settings = parse(EVERY_KEY).unwrap();
    assert_eq!((settings.engine.workers, settings.engine.windows_max), (4, 16));
    assert_eq!((settings.engine.report_interval_ms, settings.engine.turn_bytes_max), (2_000, 1 << 20));
    assert_eq!(settings.log, "warn,spiketail=debug");

    let names: Vec<&str> = settings.plan.watches.iter().map(|w| w.name.as_str()).collect();
    assert_eq!(names, ["b", "a"], "in the order of the file");
    assert_eq!(settings.finds[0].paths, [Path::new("/b/**/*.log"), Path::new("/etc/st/b.log")]);
    assert!(settings.finds[0].exclude.is_empty());
    let file = settings.plan.watches[0].file;
    assert_eq!((file.start, file.reader), (Start::Beginning, ReadMethod::Pread));
    assert_eq!(
        (file.window_bytes, file.line_bytes_max, file.rotated_grace_ms),
        (65_536, 1_000_000, 5_400_000)
    );
    assert_eq!(settings.plan.watches[0].rules.len(), 1);
    assert_eq!(settings.plan.watches[1].rules.len(), 2);
    let rule = &settings.plan.watches[0].rules[0];
    assert_eq!(
        (rule.any.as_slice(), rule.not.as_slice()),
        (&["Out of memory".into()][..], &["test".into()][..])
    );
    assert!(rule.ignore_case && rule.word);
    assert_eq!(rule.level, Some(Level::Warn));
    assert_eq!(rule.record_start.as_deref(), Some(r"^\S"));
    assert_eq!(settings.plan.watches[1].rules[0].record_start.as_deref(), Some(r"^\S"));
    assert_eq!(settings.plan.watches[1].rules[1].record_start.as_deref(), Some(r"^\d"));

    let [oom, errors] = settings.plan.alerts.as_slice() else { panic!() };
    assert_eq!(oom.watches, ["b", "a"]);
    assert_eq!((oom.scope, oom.severity, oom.samples_max), (Scope::Path, Severity::Info, 50));
    assert_eq!(oom.condition, Condition::Count { over: 0, window_ms: 86_400_000 });
    assert_eq!((oom.for_ms, oom.keep_firing_for_ms, oom.cooldown_ms), (5_000, 0, 250));
    assert_eq!(errors.watches, ["a"]);
    assert_eq!((errors.scope, errors.severity, errors.samples_max), (Scope::Watch, Severity::Critical, 5));
    assert_eq!((errors.for_ms, errors.keep_firing_for_ms, errors.cooldown_ms), (0, 60_000, 60_000));
    assert_eq!(errors.condition, Condition::Count { over: 7, window_ms: 60_000 });

    let [file, tty] = settings.outputs.as_slice() else { panic!() };
    assert_eq!(file.destination, Destination::File("/etc/st/events.json".into()));
    assert_eq!((file.format, file.color), (Format::Json, Color::Never));
    assert_eq!(file.kinds, [EventKind::Alert, EventKind::File]);
    assert_eq!((tty.format, &tty.destination), (Format::Console, &Destination::Stdout));
}

#[test]
fn files_are_loaded_and_their_paths_start_at_their_folder() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("conf.toml");
    std::fs::write(&path, format!("\u{feff}{MINIMAL}")).unwrap();
    assert_eq!(
        config::load(std::slice::from_ref(&path)).unwrap().finds[0].paths,
        [dir.path().join("app.log")]
    );
    let missing = dir.path().join("x");
    assert_eq!(
        config::load(std::slice::from_ref(&missing)).unwrap_err().to_string(),
        format!("cannot read {}: there is no such file; check the name, or create it", missing.display())
    );
}

#[test]
fn rules_of_a_configuration_need_no_watch() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("conf.toml");
    std::fs::write(&path, "[rule.b]\nany = 'B'\n[rule.a]\nany = 'A'\n").unwrap();
    let rules = config::rules_from_config(std::slice::from_ref(&path)).unwrap();
    assert_eq!(rules.iter().map(|r| r.name.as_str()).collect::<Vec<_>>(), ["b", "a"]);
    std::fs::write(&path, "[rule.b]\n").unwrap();
    assert!(config::rules_from_config(std::slice::from_ref(&path)).is_err());
    std::fs::write(&path, "[rule.b\n").unwrap();
    assert!(config::rules_from_config(std::slice::from_ref(&path)).is_err());
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        let _ = parse(&text).map_err(|error| error.to_string());
    }

    /// Text that is nearly a configuration gets further than arbitrary text.
    #[test]
    fn no_nearly_right_text_makes_it_panic(parts in proptest::collection::vec(part(), 0..30)) {
        let _ = parse(&parts.concat()).map_err(|error| error.to_string());
    }
}

fn part() -> impl Strategy<Value = String> {
    let known: Vec<String> = [
        "[",
        "]",
        "[[",
        "]]",
        "{",
        "}",
        "=",
        ".",
        ",",
        "\n",
        "\"",
        "'''",
        "#",
        " ",
        "engine",
        "log",
        "watch",
        "rule",
        "alert",
        "output",
        "a",
        "é",
        "\u{0}",
        "0x",
        "1",
        "-5",
        "1e9",
        "1979-05-27",
        "true",
        "paths",
        "regex",
        "any",
        "over",
        "window",
        "\"1m\"",
        "['x']",
        "[watch.a]\npaths = ['x']\n",
        "[rule.a]\nregex = '(",
        "[alert.a]\n",
        "over = 99999999999999999999\n",
        "window = '9999999999999999h'\n",
        "workers = -1\n",
        "\r\n",
        "\u{feff}",
    ]
    .map(str::to_owned)
    .to_vec();
    prop_oneof![9 => proptest::sample::select(known), 1 => any::<String>()]
}

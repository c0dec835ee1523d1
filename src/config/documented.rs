//! Holds the documented configuration to the code: it parses, names every key, and tells the true defaults.

use std::path::Path;

use super::parse;
use super::schema::{Kind, TIME_KEYS};

const DOCUMENTED: &str = include_str!("../../config/spiketail.toml");
const ORIGIN: &str = "/etc/spiketail/spiketail.toml";

/// The key that a line sets or, commented out, shows.
fn key_of(line: &str) -> Option<&str> {
    let line = line.strip_prefix("# ").unwrap_or(line);
    let (key, _) = line.split_once(" = ")?;
    key.bytes().all(|b| b.is_ascii_lowercase() || b"_.".contains(&b)).then_some(key)
}

/// The lines below the header of each kind of table.
fn section(kind: Kind) -> &'static str {
    let header = format!("\n[{}", kind.name());
    let Some(start) = DOCUMENTED.find(&header).map(|start| start + 1) else {
        // It stands there as a comment.
        return "";
    };
    let end = DOCUMENTED[start..].find("\n[").map_or(DOCUMENTED.len(), |at| start + at);
    &DOCUMENTED[start..end]
}

#[test]
fn it_parses_to_a_working_configuration() {
    let settings = parse(DOCUMENTED, Path::new(ORIGIN)).unwrap();
    assert_eq!(settings.finds[0].paths, [Path::new("/var/log/**/*.log")]);
    assert!(settings.plan.watches[1].journal.is_some());
    assert_eq!(settings.plan.watches[0].rules[0].name, "errors");
    assert_eq!(settings.plan.alerts[0].watches, ["system", "journal"]);
}

#[test]
fn every_key_is_in_it_and_no_other() {
    for kind in Kind::ALL {
        let keys: Vec<&str> = section(kind).lines().filter_map(key_of).collect();
        let (inner, keys): (Vec<_>, Vec<_>) = keys.into_iter().partition(|key| key.contains('.'));
        let elsewhere = |key: &str| {
            matches!(kind, Kind::Output | Kind::Mute | Kind::Heartbeat)
                && DOCUMENTED.contains(&format!("{key} = "))
        };
        let is_here = |key: &&str| **key != *"time" && (keys.contains(key) || !elsewhere(key));
        assert_eq!(keys, kind.keys().iter().copied().filter(is_here).collect::<Vec<_>>());
        let times: Vec<_> = inner.iter().map(|key| key.trim_start_matches("time.")).collect();
        assert_eq!(times, if kind == Kind::Watch { TIME_KEYS } else { &[] });
    }
}

#[test]
fn what_is_commented_out_is_the_default() {
    let examples = [
        "# regex = ",
        "# not = ",
        "# at_least = ",
        "# learn = ",
        "# listen = ",
        "# external_url = ",
        "# host = ",
        "# instance = ",
        "# adopt = ",
        "# time.field = ",
        "# budget = ",
        "# objective = ",
        "# burn = ",
        "# time.format = ",
        "# journal = ",
        "# level = ",
        "# record_start = ",
        "# multiline = ",
        "# any = ",
        "# match = ",
        "# no_match = ",
        "# mask = ",
        "# new_max = ",
        "# outputs = ",
        "# labels = ",
        "# annotations = ",
        "# runbook = ",
    ];
    let uncommented: Vec<&str> = DOCUMENTED
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if key_of(line).is_some() && !examples.iter().any(|e| line.starts_with(e)) => rest,
            _ => line,
        })
        .collect();
    let explicit = parse(&uncommented.join("\n"), Path::new(ORIGIN)).unwrap();
    let expected = parse(DOCUMENTED, Path::new(ORIGIN)).unwrap();
    assert_eq!(explicit, super::Settings { hash: explicit.hash.clone(), ..expected });
}

#[test]
fn its_examples_are_right_too() {
    let uncommented: Vec<&str> = DOCUMENTED
        .lines()
        .map(|line| if key_of(line).is_some() { line.trim_start_matches("# ") } else { line })
        .map(|line| if line.starts_with("when = ") { "when = \"spike\"" } else { line })
        .filter(|line| {
            let others = [
                "new_max = ",
                "outputs = ",
                "journal = {",
                "multiline = ",
                "objective = ",
                "burn = ",
                "instance = ",
            ];
            !others.iter().any(|key| line.starts_with(key))
        })
        .collect();
    let settings = parse(&uncommented.join("\n"), Path::new(ORIGIN)).unwrap();
    assert_eq!(settings.plan.watches[0].rules[0].regex, ["level=(error|fatal)", r"\bsegfault\b"]);
}

#[test]
fn every_example_is_a_working_configuration() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let settings = super::load(std::slice::from_ref(&path)).unwrap_or_else(|error| panic!("{error}"));
        assert!(!settings.plan.alerts.is_empty());
        names.push(path.file_stem().unwrap().to_str().unwrap().to_owned());
    }
    names.sort();
    assert_eq!(names, ["command", "journald", "prometheus-alertmanager", "routing", "slack"]);
}

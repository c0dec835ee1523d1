//! The documentation: every configuration key has its row, and no link is broken.
#![allow(clippy::unwrap_used, reason = "a failed expectation must fail the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use spiketail::event::{FileEventKind, HealthKind};

fn read(path: impl AsRef<Path>) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    String::from_utf8(std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))).unwrap()
}

/// From each kind of table to its keys, as `config/spiketail.toml` has them; a test in `src/config` holds that to the code.
fn documented_keys() -> BTreeMap<String, BTreeSet<String>> {
    let (mut keys, mut table) = (BTreeMap::<_, BTreeSet<_>>::new(), String::new());
    for line in read("config/spiketail.toml").lines() {
        if let Some(header) = line.trim_start_matches("# ").strip_prefix('[') {
            table = header.split(['.', ']']).next().unwrap().to_owned();
            continue;
        }
        // Several keys may share a line of a commented-out table.
        for part in line.trim_start_matches(['#', ' ']).split(" and ") {
            let Some((key, _)) = part.trim().split_once(" = ") else { continue };
            if !table.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b"_.".contains(&b)) {
                keys.entry(table.clone()).or_default().insert(key.to_owned());
            }
        }
    }
    keys
}

/// The same, as the tables of `docs/configuration.md` have them, which are in alphabetical order.
fn tabled_keys() -> BTreeMap<String, BTreeSet<String>> {
    let mut keys = BTreeMap::<String, BTreeSet<String>>::new();
    let mut table = None;
    for line in read("docs/configuration.md").lines() {
        if line.starts_with("## ") {
            let header = line.strip_prefix("## `[").map(|rest| rest.split(['.', ']']).next().unwrap());
            table = header.map(str::to_owned);
        }
        let (Some(table), Some(row)) = (&table, line.strip_prefix("| `")) else { continue };
        let key = row.split('`').next().unwrap().to_owned();
        let known = keys.entry(table.clone()).or_default();
        assert!(key == "type" || known.iter().all(|k| *k < key || k == "type"), "`{key}` is out of order");
        assert!(known.insert(key.clone()), "`{key}` has two rows");
    }
    keys
}

#[test]
fn every_configuration_key_has_a_row() {
    let keys = tabled_keys();
    assert_eq!(keys, documented_keys());
    assert!(keys.values().map(BTreeSet::len).sum::<usize>() > 50);
}

#[test]
fn every_health_and_file_event_has_its_name_in_the_contract() {
    let contract = read("docs/outputs.md");
    let health = HealthKind::ALL.map(HealthKind::as_str);
    let file = FileEventKind::ALL.map(FileEventKind::as_str);
    let missing: Vec<_> =
        health.iter().chain(&file).filter(|name| !contract.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "not in docs/outputs.md: {missing:?}");
}

fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in ["", "docs", "benches"] {
        let entries = std::fs::read_dir(root.join(folder)).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        found.extend(paths.filter(|path| path.extension().is_some_and(|end| end == "md")));
    }
    found
}

/// The anchor of a heading, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn targets(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

#[test]
fn no_link_is_broken() {
    let (mut broken, mut seen) = (Vec::new(), 0);
    for document in documents() {
        for target in targets(&read(&document)).filter(|target| !target.starts_with("http")) {
            seen += 1;
            let (path, fragment) = target.split_once('#').unwrap_or((target, ""));
            let to = if path.is_empty() { document.clone() } else { document.parent().unwrap().join(path) };
            let is_there = to.exists()
                && (fragment.is_empty()
                    || read(&to).lines().any(|line| line.starts_with('#') && anchor(line) == fragment));
            if !is_there {
                broken.push(format!("{}: {target}", document.display()));
            }
        }
    }
    assert!(seen > 30, "only {seen} links were found");
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Every `cargo test --test NAME FILTER` and `cargo bench --bench NAME` that a document names.
#[test]
fn every_command_of_the_documents_names_something_that_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    for document in documents() {
        let text = read(&document);
        for (option, folder) in [("--test ", "tests"), ("--bench ", "benches")] {
            for rest in text.split(option).skip(1) {
                let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let base = root.join(folder).join(&name);
                let is_there =
                    base.is_dir() || base.with_extension("rs").exists() || name == "NAME" || name.is_empty();
                assert!(is_there, "{}: no {option}{name}", document.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 30, "only {seen} commands were found");
}

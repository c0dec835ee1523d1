//! The levels and times of lines as programs write them, from tables that are easy to extend.
//!
//! A row is the level, the time, the source of the format, and the line. `-` stands for none, `=` for
//! 2026-11-22T10:00:00Z to the second, and U+241B for an escape character.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that cannot go on fails")]

#[path = "../common/mod.rs"]
mod common;

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use common::{Daemon, TestFolder, last_totals};
use serde_json::Value;
use spiketail::scan::level::{Level, level_of};
use spiketail::scan::rules::{RuleSet, RuleSpec};
use spiketail::scan::scanner::Scanner;
use spiketail::scan::timestamp::{Detector, TimeSettings, zone};

/// 2026-11-22T10:00:00Z in milliseconds since 1970.
const TEN_MS: i64 = 1_795_341_600_000;
/// When the lines arrive, in milliseconds since 1970.
const ARRIVAL_MS: i64 = TEN_MS + 5_000;

struct Row {
    level: String,
    /// In milliseconds since 1970.
    time: Option<i64>,
    source: String,
    line: String,
}

fn rows() -> Vec<Row> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats");
    let mut rows = Vec::new();
    for name in ["headers.tsv", "localized.tsv", "members.tsv", "programs.tsv"] {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        for row in text.lines().filter(|row| !row.is_empty() && !row.starts_with('#')) {
            let [level, time, source, line] = row.splitn(4, '\t').collect::<Vec<_>>()[..] else {
                panic!("{name}: not four columns: {row}");
            };
            let line = line.replace('\u{241b}', "\x1b");
            let time = match time {
                "-" => None,
                "=" => Some(TEN_MS),
                time => Some(time.parse::<jiff::Timestamp>().unwrap().as_millisecond()),
            };
            rows.push(Row { level: level.to_owned(), time, source: source.to_owned(), line });
        }
    }
    rows
}

/// The name of the file that holds this row.
fn name_of(row: usize) -> String {
    format!("{row:03}.log")
}

/// A log for each row, and a configuration with a rule and an alert by path for each level.
fn with_a_log_for_each(rows: &[Row], folder: &TestFolder) -> String {
    for (n, row) in rows.iter().enumerate() {
        let path = folder.log(&name_of(n));
        std::fs::write(&path, format!("{}\n", row.line)).unwrap();
        let changed = SystemTime::UNIX_EPOCH + Duration::from_millis(ARRIVAL_MS as u64);
        File::options().write(true).open(&path).unwrap().set_modified(changed).unwrap();
    }
    let paths = folder.log("*.log");
    let mut config = format!(
        "[watch.logs]\npaths = [{:?}]\nstart = 'beginning'\ntime.zone = 'UTC'\n",
        paths.to_str().unwrap()
    );
    for name in Level::ALL.map(Level::name) {
        config += &format!(
            "[rule.{name}]\nlevel = '{name}'\n[alert.{name}]\nrule = '{name}'\nby = 'path'\nover = 0\n"
        );
    }
    folder.config(&config).to_str().unwrap().to_owned()
}

/// The rules that count each row: those of its level and below.
fn expected(rows: &[Row]) -> BTreeSet<(String, String)> {
    let of_row = |(n, row): (usize, &Row)| {
        let level = Level::parse(&row.level);
        let rules = Level::ALL.into_iter().filter(move |rule| level >= Some(*rule));
        rules.map(move |rule| (name_of(n), rule.name().to_owned())).collect::<Vec<_>>()
    };
    rows.iter().enumerate().flat_map(of_row).collect()
}

fn file_name(path: &str) -> String {
    Path::new(path).file_name().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn scan_replay_and_run_give_the_same_answer_for_every_row() {
    let (rows, folder) = (rows(), TestFolder::new());
    let config = with_a_log_for_each(&rows, &folder);
    let expected = expected(&rows);
    let command = |name: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spiketail"));
        command.args([name, "-c", &config, "--json"]);
        command
    };
    let paths = (0..rows.len()).map(|n| folder.log(&name_of(n)));
    let scanned = command("scan").args(paths).output().unwrap();
    let scanned: Value = serde_json::from_slice(&scanned.stdout).unwrap();
    let mut counted = BTreeSet::new();
    for file in scanned["files"].as_array().unwrap() {
        for (rule, lines) in file["lines_matched"].as_object().unwrap() {
            assert!(lines.as_u64().unwrap() <= 1, "{file}");
            if lines.as_u64() == Some(1) {
                counted.insert((file_name(file["path"].as_str().unwrap()), rule.clone()));
            }
        }
    }
    assert_eq!(
        counted.symmetric_difference(&expected).collect::<Vec<_>>(),
        Vec::<&(String, String)>::new(),
        "scan"
    );

    let mut daemon = Daemon::run(["-c", &config]);
    daemon.wait_sum(expected.len() as u64);
    let totals = last_totals(&daemon.kill()).into_iter().map(|(rule, path, total)| {
        assert_eq!(total, 1, "{path} {rule}");
        (file_name(&path), rule)
    });
    let counted: BTreeSet<_> = totals.collect();
    assert_eq!(
        counted.symmetric_difference(&expected).collect::<Vec<_>>(),
        Vec::<&(String, String)>::new(),
        "run"
    );

    let replayed = command("replay").output().unwrap();
    let (mut fired, mut wrong) = (BTreeSet::new(), Vec::new());
    for line in String::from_utf8(replayed.stdout).unwrap().lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        if event["state"] == "firing" {
            let name = file_name(event["path"].as_str().unwrap());
            let row = &rows[name.trim_end_matches(".log").parse::<usize>().unwrap()];
            let at = event["at"].as_str().or(event["starts_at"].as_str()).unwrap_or_default().to_owned();
            if event["count"] != 1 || row.time.is_none() {
                wrong.push(format!("{at}: {}: {}", row.source, row.line));
            }
            fired.insert((name, event["rule"].as_str().unwrap().to_owned()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Lines without a time are refused, each with its name.
    let problems = String::from_utf8(replayed.stderr).unwrap();
    let is_timed = |(name, _): &&(String, String)| {
        rows[name.trim_end_matches(".log").parse::<usize>().unwrap()].time.is_some()
    };
    let timed: BTreeSet<_> = expected.iter().filter(is_timed).cloned().collect();
    assert_eq!(
        fired.symmetric_difference(&timed).collect::<Vec<_>>(),
        Vec::<&(String, String)>::new(),
        "{problems}"
    );
    for (n, row) in rows.iter().enumerate() {
        assert_eq!(problems.contains(&name_of(n)), row.time.is_none(), "{}: {problems}", row.line);
    }
}

/// Records, how many of them hold an error, and how they begin.
const RECORDS: &[(&str, &str, u64, &str)] = &[
    (
        "Java",
        r"^\d{4}-",
        2,
        "2026-11-22 10:00:00 ERROR a\njava.lang.X: ERROR b\n\tat C\n2026-11-22 10:00:01 INFO fine\n2026-11-22 10:00:02 ERROR\n",
    ),
    (
        "Python",
        r"^\d{4}-",
        1,
        "2026-11-22 10:00:00 ERROR a\nTraceback ERROR\n  File ERROR\nKeyError: ERROR\n",
    ),
    (
        "PostgreSQL",
        r"^\d{4}-\d\d-\d\d .*?:",
        2,
        "2026-11-22 10:00:00 UTC ERROR: x\n\tERROR\n2026-11-22 10:00:01 UTC ERROR: y\n",
    ),
    (
        "Oracle",
        r"^\w{3} \w{3} ",
        1,
        "Sun Nov 22 10:00:00 2026\nERROR a\nERROR b\nSun Nov 22 10:00:01 2026\nfine\n",
    ),
    ("MySQL, slow queries", "^# Time", 1, "# Time: 2026-11-22T10:00:00Z\n# User ERROR\nselect 'ERROR';\n"),
];

#[test]
fn scan_replay_and_run_count_the_same_records() {
    let folder = TestFolder::new();
    let mut config = "[rule.errors]\nany = ['ERROR']\n".to_owned();
    for (n, (_, start, _, text)) in RECORDS.iter().enumerate() {
        let path = folder.log(&format!("{n}.log"));
        std::fs::write(&path, text).unwrap();
        config +=
            &format!("[watch.r{n}]\npaths = [{path:?}]\nrecord_start = '{start}'\nstart = 'beginning'\n");
    }
    let config = folder.config(&config).to_str().unwrap().to_owned();
    let mut daemon = Daemon::run(["-c", &config]);
    daemon.wait_sum(RECORDS.iter().map(|(_, _, count, _)| count).sum());
    let totals = last_totals(&daemon.kill());
    for (n, (source, _, count, _)) in RECORDS.iter().enumerate() {
        let path = folder.log(&format!("{n}.log"));
        let path = path.to_str().unwrap();
        let printed = |name: &str| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_spiketail"));
            let output = command.args([name, "-c", &config, "--json", path]).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        let last = |text: String| serde_json::from_str::<Value>(text.lines().last().unwrap()).unwrap();
        assert_eq!(last(printed("scan"))["total"]["lines_matched"]["errors"], *count, "scan: {source}");
        assert_eq!(last(printed("replay"))["lines_matched"], *count, "replay: {source}");
        assert!(
            totals.iter().any(|(_, of, total)| of == path && total == count),
            "run: {source}: {totals:?}"
        );
    }
}

#[test]
fn every_source_is_in_the_list_of_known_formats() {
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/formats.md");
    let list = std::fs::read_to_string(list).unwrap();
    let missing: BTreeSet<String> =
        rows().into_iter().map(|row| row.source).filter(|source| !list.contains(source.as_str())).collect();
    assert!(missing.is_empty(), "not in docs/formats.md: {missing:?}");
}

#[test]
fn every_line_has_its_level() {
    let rows = rows();
    assert!(rows.len() >= 200, "{} rows", rows.len());
    let mut wrong = Vec::new();
    for row in &rows {
        let level = level_of(row.line.as_bytes()).map_or("-", |level| level.name());
        if level != row.level {
            wrong.push(format!("{level}, not {}: {}: {}", row.level, row.source, row.line));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The search for severe lines finds what a judgement of every line finds.
#[test]
fn every_severe_line_is_found_among_the_others() {
    let rows = rows();
    let text: String = rows.iter().map(|row| format!("{}\n", row.line)).collect();
    for least in [Level::Warn, Level::Error, Level::Critical] {
        let rule = RuleSpec { name: "r".into(), level: Some(least), ..RuleSpec::default() };
        let mut found = Vec::new();
        let mut scanner = Scanner::new(RuleSet::compile(&[rule]).unwrap(), 1 << 20);
        scanner.scan(text.as_bytes(), &mut |_, place| found.push(&text[place]));
        let severe = rows.iter().filter(|row| level_of(row.line.as_bytes()) >= Some(least));
        let severe: Vec<&str> = severe.map(|row| row.line.as_str()).collect();
        assert_eq!(found, severe, "{least}");
    }
}

#[test]
fn every_line_has_its_time() {
    let settings = Arc::new(TimeSettings { zone: zone("UTC").unwrap(), ..TimeSettings::default() });
    let mut wrong = Vec::new();
    for row in &rows() {
        let mut detector = Detector::new(Arc::clone(&settings));
        for turn in 0..3 {
            let second = detector.recall(row.line.as_bytes(), ARRIVAL_MS).map(|ms| ms.div_euclid(1_000));
            if second != row.time.map(|ms| ms / 1_000) {
                let shown = second.map(|second| jiff::Timestamp::from_second(second).unwrap());
                wrong.push(format!("{shown:?} in turn {turn}: {}: {}", row.source, row.line));
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{} of them\n{}", wrong.len(), wrong.join("\n"));
}

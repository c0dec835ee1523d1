//! `spiketail replay` from outside, and compared with a live run over the same lines.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that cannot go on ends")]

#[path = "replay/live.rs"]
mod live;

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use jiff::Timestamp;
use serde_json::Value;
use tempfile::TempDir;

const BEGIN: i64 = 1_795_435_200_000; // 2026-11-23T12:00:00Z

fn replay(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spiketail"));
    command.arg("replay").args(args).current_dir(folder).stdin(Stdio::null()).output().unwrap()
}

#[track_caller]
fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn objects(folder: &Path, args: &[&str]) -> Vec<Value> {
    let output = replay(folder, &[args, &["--json"]].concat());
    stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn line(at_ms: i64, text: &str) -> String {
    format!("{} {text}\n", Timestamp::from_millisecond(BEGIN + at_ms).unwrap())
}

/// A line a second for two hours, every tenth an error, and a burst of 100 errors within the second hour.
fn bursty() -> String {
    let mut text = String::new();
    for second in 0..7_200 {
        text += &line(second * 1_000, if second % 10 == 0 { "ERROR now and then" } else { "INFO fine" });
        if second == 5_000 {
            (0..100).for_each(|n| text += &line(second * 1_000 + n * 10, "ERROR burst"));
        }
    }
    text
}

#[test]
fn a_burst_is_reported_with_its_time_and_the_output_is_the_same_each_time() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("app.log"), bursty()).unwrap();
    let first = stdout(&replay(folder.path(), &["app.log"]));
    assert_eq!(first, stdout(&replay(folder.path(), &["app.log"])));
    let rows: Vec<_> = first.lines().filter(|line| line.starts_with("2026-11-23 13:2")).collect();
    assert_eq!(rows.len(), 2, "{first}");
    assert!(rows[0].contains("warning unusual:") && rows[0].contains("times the usual over 1m"), "{first}");
    assert!(rows[1].contains("critical error-spike: 51 errors in logs (threshold 50)"), "{first}");
    assert!(rows.iter().all(|row| row.starts_with("2026-11-23 13:23:20  2026-11-23 13:25:")), "{first}");
    assert!(
        first.contains("errors in logs: 820 lines") && first.contains('█') && first.contains('━'),
        "{first}"
    );
    let json = objects(folder.path(), &["app.log"]);
    assert_eq!(json.len(), 5);
    assert_eq!(json[0]["target"], "spiketail::alert");
    assert_eq!(json[4]["lines_matched"], 820);
    assert_eq!(json[4]["alerts"], 2);
    let patterns: Vec<_> = json[4]["patterns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| (p["text"].as_str().unwrap(), p["lines"].as_u64().unwrap()))
        .collect();
    assert_eq!(patterns.iter().map(|(_, lines)| lines).sum::<u64>(), 820);
    assert!(
        patterns.iter().any(|(text, _)| *text == "burst") && first.contains("  burst\n"),
        "{patterns:?} {first}"
    );
}

#[test]
fn the_usual_rate_after_a_pause_is_nothing_unusual() {
    let folder = TempDir::new().unwrap();
    let steady = |minutes: std::ops::Range<i64>| -> String {
        minutes
            .flat_map(|minute| (0..60).map(move |n| line(minute * 60_000 + n * 1_000, "ERROR as ever")))
            .collect()
    };
    for pause in [45, 480, 62 * 60] {
        let text = steady(0..180) + &steady(180 + pause..240 + pause);
        std::fs::write(folder.path().join("app.log"), text).unwrap();
        let unusual =
            objects(folder.path(), &["app.log"]).into_iter().filter(|event| event["alert"] == "unusual");
        assert_eq!(unusual.count(), 0, "{pause}");
    }
}

fn compress(path: &Path, with: &str) {
    assert!(Command::new(with).arg(path).status().unwrap().success());
}

#[test]
fn rotated_files_are_one_log() {
    let text = bursty();
    let whole = TempDir::new().unwrap();
    std::fs::write(whole.path().join("app.log"), &text).unwrap();
    let folder = TempDir::new().unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let parts: Vec<String> = lines.chunks(lines.len() / 4 + 1).map(<[&str]>::concat).collect();
    // Numbers may wrap, so that only the times tell the order.
    for (name, part) in ["app.log.9", "app.log.1", "app.log-20261123", "app.log"].iter().zip(&parts) {
        std::fs::write(folder.path().join(name), part).unwrap();
    }
    compress(&folder.path().join("app.log.9"), "gzip");
    let reported = |folder: &TempDir, args: &[&str]| {
        let mut objects = objects(folder.path(), args);
        objects.iter_mut().for_each(|object| drop(object.as_object_mut().unwrap().remove("path")));
        objects
    };
    let wanted = reported(&whole, &["app.log"]);
    assert_eq!(reported(&folder, &["app.log", "app.log.1", "app.log.9.gz", "app.log-20261123"]), wanted);
    std::fs::hard_link(folder.path().join("app.log.1"), folder.path().join("app.log.2")).unwrap();
    assert_eq!(reported(&folder, &["."]), wanted);
}

#[test]
fn logs_of_one_watch_are_merged_by_time() {
    let folder = TempDir::new().unwrap();
    let every = |from: i64, n: i64| (0..n).map(|k| line(from + k * 1_000, "ERROR")).collect::<String>();
    std::fs::write(folder.path().join("a.log"), every(0, 30) + &every(3_600_000, 30)).unwrap();
    std::fs::write(folder.path().join("b.log"), every(500, 30) + &every(7_200_000, 30)).unwrap();
    let reported = objects(folder.path(), &["a.log", "b.log", "--alert-over", "50/1m"]);
    assert_eq!(reported.len(), 3, "{reported:?}");
    assert_eq!(reported[0]["at"], "2026-11-23T12:00:25Z");
    // By path there are too few.
    let config = "[watch.w]\npaths = ['*.log']\n[alert.a]\nover = 50\nby = 'path'\n";
    std::fs::write(folder.path().join("c.toml"), config).unwrap();
    assert_eq!(objects(folder.path(), &["-c", "c.toml"]).len(), 1);
    std::fs::write(folder.path().join("c.toml"), config.replace("50", "29")).unwrap();
    let reported = objects(folder.path(), &["-c", "c.toml"]);
    let paths: Vec<_> = reported.iter().filter_map(|reported| reported["path"].as_str()).collect();
    // The last one is still firing at the end.
    assert_eq!(paths.len(), 7, "{reported:?}");
    assert!(paths.iter().all(|path| path.ends_with("a.log") || path.ends_with("b.log")));
}

#[test]
fn a_share_is_of_all_lines() {
    let folder = TempDir::new().unwrap();
    let mut text = String::new();
    for n in 0..2_000 {
        let is_bad = if n < 1_000 { n % 100 == 0 } else { n % 4 == 0 };
        text += &line(n * 100, if is_bad { "ERROR" } else { "INFO" });
    }
    std::fs::write(folder.path().join("app.log"), text).unwrap();
    let config = "[watch.w]\npaths = ['*.log']\n[alert.a]\nwhen = 'share'\nover = '20%'\nat_least = 5\nwindow = '10s'\n";
    std::fs::write(folder.path().join("c.toml"), config).unwrap();
    let reported = objects(folder.path(), &["-c", "c.toml"]);
    assert_eq!(reported.len(), 2, "{reported:?}");
    // Within ten seconds of the change one in four is seen.
    let at: Timestamp = reported[0]["at"].as_str().unwrap().parse().unwrap();
    let after = at.as_millisecond() - BEGIN - 100_000;
    assert!((7_000..=10_500).contains(&after), "{reported:?}");
}

#[test]
fn what_cannot_be_replayed_is_reported() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("good.log"), line(0, "ERROR")).unwrap();
    std::fs::write(folder.path().join("bad.log"), "ERROR no time\n").unwrap();
    let output = replay(folder.path(), &["good.log", "bad.log", "missing.log"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stdout).contains("errors in logs: 1 line\n"));
    let reported = stderr(&output);
    assert!(reported.contains("cannot replay bad.log: no time can be read from its lines"), "{reported}");
    assert!(reported.contains("cannot replay missing.log: no such file"), "{reported}");
    std::fs::write(folder.path().join("c.toml"), "[watch.a]\npaths=['/a']\n[watch.b]\npaths=['/b']\n")
        .unwrap();
    let reported = stderr(&replay(folder.path(), &["good.log", "-c", "c.toml"]));
    assert!(reported.contains("say which one it is of with --watch NAME"), "{reported}");
    assert!(replay(folder.path(), &["good.log", "-c", "c.toml", "--watch", "a"]).status.success());
    let reported = stderr(&replay(folder.path(), &["good.log", "-c", "c.toml", "--watch", "c"]));
    assert!(reported.contains("there is no such watch; there are a, b"), "{reported}");
}

/// What `replay - --json` prints for `input`.
fn replayed_input(folder: &Path, input: Vec<u8>) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spiketail"));
    let mut child = command
        .args(["replay", "-", "--json"])
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    stdout(&output)
}

#[test]
fn standard_input_is_replayed_from_its_first_byte_also_if_it_is_compressed() {
    let folder = TempDir::new().unwrap();
    let text = bursty();
    let printed = replayed_input(folder.path(), text.clone().into_bytes());
    assert_eq!(printed.lines().count(), 5);
    let whole: Value = serde_json::from_str(printed.lines().last().unwrap()).unwrap();
    assert_eq!(whole["bytes"], text.len());
    assert_eq!(whole["from"], "2026-11-23T12:00:00Z");
    let path = folder.path().join("app.log");
    std::fs::write(&path, &text).unwrap();
    compress(&path, "gzip");
    let compressed = std::fs::read(folder.path().join("app.log.gz")).unwrap();
    assert_eq!(replayed_input(folder.path(), compressed), printed);
    // A single line is the shortest input of which the first bytes can be lost.
    let one = replayed_input(folder.path(), line(0, "ERROR").into_bytes());
    let whole: Value = serde_json::from_str(one.lines().last().unwrap()).unwrap();
    assert_eq!((&whole["lines_matched"], &whole["from"]), (&Value::from(1), &"2026-11-23T12:00:00Z".into()));
}

fn from_and_to(folder: &Path, args: &[&str]) -> (Value, Value) {
    let whole = objects(folder, args).pop().unwrap();
    (whole["from"].clone(), whole["to"].clone())
}

/// Sets when a file was changed last.
fn set_modified(path: &Path, at: &str) {
    let at: Timestamp = at.parse().unwrap();
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_modified(at.into()).unwrap();
}

#[test]
fn a_log_without_years_ends_no_later_than_it_was_changed() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("syslog");
    let config = "[watch.a]\npaths = ['syslog', 'times']\ntime.zone = 'UTC'\n";
    std::fs::write(folder.path().join("c.toml"), config).unwrap();
    let mut text = String::new();
    for year in 0..3 {
        for month in ["Jan", "Mar", "Jun", "Sep", "Dec"] {
            writeln!(text, "{month} 14 10:00:0{year} host app: ERROR").unwrap();
        }
    }
    std::fs::write(&path, text).unwrap();
    set_modified(&path, "2026-12-14T10:00:05Z");
    let ends = from_and_to(folder.path(), &["-c", "c.toml", "syslog"]);
    assert_eq!(ends, ("2024-01-14T10:00:00Z".into(), "2026-12-14T10:00:02Z".into()));
    // The same with days that are left out.
    let path = folder.path().join("times");
    let hours =
        (0..5).flat_map(|day| [3, 9, 15, 21].map(|hour| format!("{hour:02}:00:0{day} [main] ERROR\n")));
    let text: String = hours.collect();
    std::fs::write(&path, text).unwrap();
    set_modified(&path, "2026-11-22T21:30:00Z");
    let ends = from_and_to(folder.path(), &["-c", "c.toml", "times"]);
    assert_eq!(ends, ("2026-11-18T03:00:00Z".into(), "2026-11-22T21:00:04Z".into()));
}

#[test]
fn the_format_that_a_refusal_recommends_solves_it() {
    for line in
        ["app 2026|11|22 10-00-00 ERROR", "a b c d 1795341600 ERROR", "worker 7 at 10:00:00.123 ERROR"]
    {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("app.log");
        std::fs::write(&path, format!("{line}\n{line}\n").replacen("d 1795341600", "d 1795340600", 1))
            .unwrap();
        set_modified(&path, "2026-11-22T10:00:05Z");
        let output = replay(folder.path(), &["app.log"]);
        let reported = stderr(&output);
        if output.status.success() {
            // A number that grows is understood without help.
            continue;
        }
        let key = reported
            .split('`')
            .find(|part| part.starts_with("time.format = "))
            .unwrap_or_else(|| panic!("{reported}"));
        let config = format!("[watch.a]\npaths = ['app.log']\ntime.zone = 'UTC'\n{key}\n");
        std::fs::write(folder.path().join("c.toml"), config).unwrap();
        let whole = objects(folder.path(), &["-c", "c.toml"]).pop().unwrap();
        assert_eq!(whole["lines_matched"], 2, "{key}");
        assert!(whole["to"].as_str().unwrap().starts_with("2026-11-22T10:00:00"), "{key}: {whole}");
    }
}

#[test]
fn without_anything_to_replay_nothing_is_read() {
    let folder = TempDir::new().unwrap();
    let output = replay(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("nothing to replay; name logs"), "{}", stderr(&output));
}

#[test]
fn counts_are_judged_row_by_row() {
    let folder = TempDir::new().unwrap();
    let mut csv = "timestamp,value\n".to_owned();
    let mut rng = fastrand::Rng::with_seed(3);
    let mut counts = Vec::new();
    for n in 0..2_000i64 {
        let count = if n == 1_500 { 900 } else { 50 + rng.u64(..20) };
        let time = Timestamp::from_second(1_425_000_000 + n * 300).unwrap();
        writeln!(csv, "{},{count}", time.strftime("%Y-%m-%d %H:%M:%S")).unwrap();
        counts.push(count);
    }
    std::fs::write(folder.path().join("counts.csv"), &csv).unwrap();
    let scores = stdout(&replay(folder.path(), &["--counts", "counts.csv", "--scores"]));
    assert_eq!(scores, stdout(&replay(folder.path(), &["--counts", "counts.csv", "--scores"])));
    let rows: Vec<Vec<&str>> = scores.lines().map(|row| row.split(',').collect()).collect();
    assert_eq!(rows[0], ["timestamp", "value", "expected", "score", "state"]);
    assert_eq!(rows.len(), 2_001);
    let mut most = (0.0, 0);
    for (at, row) in rows[1..].iter().enumerate() {
        assert_eq!(row[1], counts[at].to_string());
        let score: f64 = row[3].parse().unwrap();
        assert!((0.0..=1.0).contains(&score));
        if score > most.0 {
            most = (score, at);
        }
    }
    assert_eq!((most.1, rows[1_501][4], rows[1_500][4], rows[1][4]), (1_500, "spike", "normal", "learning"));
    let text = stdout(&replay(folder.path(), &["--counts", "counts.csv"]));
    assert!(text.contains("warning unusual: 900 events in counts.csv"), "{text}");
    assert_eq!(objects(folder.path(), &["--counts", "counts.csv"]).len(), 3);
}

#[test]
fn invalid_rows_are_reported_with_their_line() {
    let folder = TempDir::new().unwrap();
    for (csv, wanted) in [
        ("2026-01-01 00:00:00,1\nx,2\n", "counts.csv:2: no time and count: x,2; write a row as"),
        ("1,1\n2,-5\n", "counts.csv:2: no time and count"),
        ("5,1\n4,1\n", "counts.csv:2: the row is not later than the one before it"),
        ("timestamp,value\n", "counts.csv has no rows"),
    ] {
        std::fs::write(folder.path().join("counts.csv"), csv).unwrap();
        let output = replay(folder.path(), &["--counts", "counts.csv"]);
        assert_eq!(output.status.code(), Some(2), "{csv}");
        assert!(stderr(&output).contains(wanted), "{}", stderr(&output));
    }
    for times in [
        "1425000000,1\n1425000300,2\n",
        "1425000000000,1\n1425000300000,2\n",
        "2015-02-27T01:20:00Z,1\n2015-02-27T01:25:00Z,2\n",
    ] {
        std::fs::write(folder.path().join("counts.csv"), times).unwrap();
        let text = stdout(&replay(folder.path(), &["--counts", "counts.csv"]));
        assert!(text.contains("2 rows, 3 in all") && text.contains("2015-02-27 01:20:00"), "{text}");
    }
}

#[test]
fn a_page_holds_the_same_as_the_report_and_is_the_same_each_time() {
    let folder = TempDir::new().unwrap();
    let hostile = line(5_000_500, "ERROR </script><script>hacked=1</script>");
    std::fs::write(folder.path().join("app.log"), bursty() + &hostile).unwrap();
    let page = |name: &str| {
        stdout(&replay(folder.path(), &["--html", name, "app.log"]));
        std::fs::read_to_string(folder.path().join(name)).unwrap()
    };
    let (one, two) = (page("one.html"), page("two.html"));
    assert_eq!(one, two);
    assert!(!one.contains("<script>hacked"));
    let data = one.split("id=\"data\">").nth(1).unwrap().split("</script>").next().unwrap();
    let data: Value = serde_json::from_str(data).unwrap();
    let objects = objects(folder.path(), &["app.log"]);
    let summary = objects.last().unwrap();
    let sum = |list: &Value, key: &str| -> u64 {
        list.as_array().unwrap().iter().map(|entry| entry[key].as_u64().unwrap()).sum()
    };
    assert_eq!(summary["lines_matched"].as_u64(), Some(sum(&data["patterns"], "total")));
    assert_eq!(summary["lines_matched"].as_u64(), Some(sum(&data["files"], "matched")));
    assert_eq!(summary["alerts"].as_u64(), Some(data["history"].as_array().unwrap().len() as u64));
    let series = &data["series"][""];
    let minutes = series["step"].as_f64().unwrap() / 60.0;
    let in_curve: f64 =
        series["mean"].as_array().unwrap().iter().map(|rate| rate.as_f64().unwrap() * minutes).sum();
    assert!((in_curve - summary["lines_matched"].as_f64().unwrap()).abs() < 1.0, "{in_curve}");
    assert!(series["hi"].as_array().unwrap().iter().any(|hi| hi.is_number()), "a band is learned");
    let refused = replay(folder.path(), &["--html", "no/such/folder.html", "app.log"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        stderr(&refused).starts_with("spiketail: cannot write no/such/folder.html: "),
        "{}",
        stderr(&refused)
    );
}

//! Stack traces of several languages: `scan`, `replay` and `run` count the same records.
#![allow(clippy::unwrap_used, reason = "a failed expectation must fail the test")]

mod common;

use std::path::Path;

use assert_cmd::cargo::cargo_bin;
use common::Daemon;

/// A language, how many records of its sample are errors, how many lines are without `--multiline`, and the sample.
const SAMPLES: &[(&str, u64, u64, &str)] = &[
    ("java", 2, 3, JAVA),
    ("python", 2, 6, PYTHON),
    ("go", 2, 2, GO),
    ("ruby", 1, 2, RUBY),
    ("dotnet", 1, 3, DOTNET),
    ("rust", 2, 4, RUST),
    ("php", 1, 2, PHP),
];

const JAVA: &str = "\
2026-11-22 10:00:00,123 ERROR [main] a.b.Store: cannot write
java.lang.IllegalStateException: no space
\tat a.b.Store.write(Store.java:12)
Caused by: java.io.IOException: device full
\tat a.b.Disk.write(Disk.java:1)
\t... 2 more
2026-11-22 10:00:01,123 WARN  [main] a.b.Db: query failed
org.postgresql.util.PSQLException: ERROR: relation \"x\" does not exist
\tat org.postgresql.Driver.connect(Driver.java:9)
2026-11-22 10:00:02,123 INFO  [main] a.b.Store: fine
Exception in thread \"main\" java.lang.NullPointerException
\tat a.b.Main.main(Main.java:1)
";
const PYTHON: &str = "\
2026-11-22 10:00:00,123 ERROR app: job failed
Traceback (most recent call last):
  File \"a.py\", line 3, in <module>
    run()
ValueError: bad
2026-11-22 10:00:01,123 WARNING app: job slow
Traceback (most recent call last):
  File \"a.py\", line 3, in run
    raise KeyError(1)
KeyError: 1

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File \"b.py\", line 3, in run
    raise RuntimeError(x)
RuntimeError: ERROR: x
2026-11-22 10:00:02,123 INFO app: ok
2026-11-22 10:00:03,123 starting a worker
Traceback (most recent call last):
  File \"a.py\", line 3, in <module>
ZeroDivisionError: division by zero
";
const GO: &str = "\
2026/11/22 10:00:00 ERROR request failed
panic: runtime error: index out of range [5] with length 3

goroutine 1 [running]:
main.main()
\t/app/main.go:12 +0x1d
exit status 2
2026/11/22 10:00:01 INFO ok
";
const RUBY: &str = "\
E, [2026-11-22T10:00:00.123456 #12] ERROR -- : NoMethodError (undefined method `x'):
app/models/a.rb:12:in `save'
\tfrom app/models/b.rb:3:in `call'
W, [2026-11-22T10:00:01.123456 #12]  WARN -- : retried
Caused by:
\tfrom app/models/b.rb:3:in `x': ERROR: y
I, [2026-11-22T10:00:02.123456 #12]  INFO -- : fine
";
const DOTNET: &str = "\
fail: Shop.Api[13]
      ERROR An unhandled exception has occurred.
      System.InvalidOperationException: no
         at Shop.Api.Run() in /src/Api.cs:line 5
warn: Shop.Api[2]
      ERROR: slow
info: Shop.Api[0]
      Now listening
";
const RUST: &str = "\
2026-11-22T10:00:00.123Z ERROR app: failed
Caused by:
    0: ERROR: no such file
thread 'main' panicked at src/main.rs:2:5:
index out of bounds
stack backtrace:
   0: rust_begin_unwind
             at /rustc/library/std/src/panicking.rs:1:5
note: run with `RUST_BACKTRACE=full`
2026-11-22T10:00:01.123Z  WARN app: slow
Caused by:
    0: ERROR: timeout
";
const PHP: &str = "\
[22-Nov-2026 10:00:00 UTC] PHP Fatal error:  Uncaught Exception: x in /app/a.php:3
Stack trace:
#0 /app/a.php(5): f()
#1 {main}
  thrown in /app/a.php on line 3
[22-Nov-2026 10:00:01 UTC] PHP Warning:  slow in /app/a.php
PHP Stack trace:
PHP   1. {main}() /app/a.php:0
#2 ERROR: x
";

fn json(path: &Path, args: &[&str]) -> serde_json::Value {
    let mut command = assert_cmd::Command::new(cargo_bin("spiketail"));
    let output = command.args(args).arg(path).output().unwrap();
    // Replay prints alerts before its summary.
    let shown = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(shown.lines().last().unwrap_or_default())
        .unwrap_or_else(|error| panic!("{error}: {args:?}: {}", String::from_utf8_lossy(&output.stderr)))
}

fn scanned(path: &Path, args: &[&str]) -> u64 {
    let found = json(path, &[&["scan", "--json"], args].concat());
    found["total"]["lines_matched"]["errors"].as_u64().unwrap()
}

#[test]
fn scan_replay_and_run_count_the_same_records() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = String::new();
    for (language, records, lines, sample) in SAMPLES {
        let path = folder.path().join(format!("{language}.log"));
        std::fs::write(&path, sample).unwrap();
        all.push_str(sample);
        let preset = ["--multiline", language];
        assert_eq!(scanned(&path, &[]), *lines, "{language}, lines");
        assert_eq!(scanned(&path, &preset), *records, "{language}");
        assert_eq!(scanned(&path, &["--multiline", "auto"]), *records, "{language}, auto");
        // The sample of .NET has no times.
        if *language != "dotnet" {
            let replayed = json(&path, &[&["replay", "--json"], &preset[..]].concat());
            assert_eq!(replayed["lines_matched"], *records, "{language}, replay");
        }
        let args = ["--from-start", "--format", "json", "--multiline", language, path.to_str().unwrap()];
        Daemon::run(args).stop_with_sum(*records);
    }
    let path = folder.path().join("all.log");
    std::fs::write(&path, all).unwrap();
    let records: u64 = SAMPLES.iter().map(|(_, records, _, _)| records).sum();
    assert_eq!(scanned(&path, &["--multiline", "auto"]), records);
}

#[test]
fn containers_wrap_the_lines_of_a_trace() {
    let folder = tempfile::tempdir().unwrap();
    for (language, records, _, sample) in SAMPLES {
        let cri: String =
            sample.lines().map(|line| format!("2026-11-22T10:00:00.123456789Z stderr F {line}\n")).collect();
        let path = folder.path().join("cri.log");
        std::fs::write(&path, cri).unwrap();
        assert_eq!(scanned(&path, &["--multiline", language]), *records, "{language}");
    }
}

#[test]
fn a_configuration_says_it_for_a_watch_or_a_rule() {
    let folder = tempfile::tempdir().unwrap();
    let (config, path) = (folder.path().join("c.toml"), folder.path().join("java.log"));
    std::fs::write(&path, JAVA).unwrap();
    let check = |text: &str, expected: Result<u64, &str>| {
        std::fs::write(&config, text).unwrap();
        let mut command = assert_cmd::Command::new(cargo_bin("spiketail"));
        let output = command.args(["scan", "--json", "-c"]).args([&config, &path]).output().unwrap();
        match expected {
            Ok(records) => {
                let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
                assert_eq!(found["total"]["lines_matched"]["errors"], records, "{text}");
            }
            Err(problem) => {
                let shown = String::from_utf8_lossy(&output.stderr);
                assert!(shown.contains(problem), "{shown}");
            }
        }
    };
    check("[rule.errors]\nmultiline = \"java\"\n", Ok(2));
    check("[rule.errors]\nmultiline = \"jav\"\n", Err("did you mean `java`?"));
    check("[rule.errors]\nmultiline = \"java\"\nrecord_start = \"^x\"\n", Err("contradicts `record_start`"));
}

//! `spiketail scan` from outside: what it prints, what it refuses, and how it exits.
#![allow(clippy::unwrap_used)]

mod common;
mod compress;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::program;
use compress::{bzip2, gzip, xz, zstd};
use predicates::prelude::*;
use predicates::str::{contains, is_empty, is_match};

const LOG: &str = "INFO a\nERROR disk full\nerror again\nWARN c\nERROR net\n";

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Runs `spiketail scan` in the folder.
    fn scan(&self, args: &[&str]) -> assert_cmd::Command {
        let mut command = assert_cmd::Command::new(program());
        command.current_dir(self.0.path()).arg("scan").args(args);
        command
    }
}

#[test]
fn prints_an_aligned_table_with_a_total() {
    let folder = Folder::new();
    folder.file("app.log", LOG);
    folder.file("other.log", "ERROR\n".repeat(1234));
    let table = "file           size  errors\n\
                 app.log        52 B       2\n\
                 other.log  7.23 KiB   1,234\n\
                 total      7.28 KiB   1,236\n";
    folder.scan(&["app.log", "other.log"]).assert().code(0).stdout(table).stderr(is_empty());
    let alone = "file     size  errors\napp.log  52 B       2\n";
    folder.scan(&["app.log"]).assert().code(0).stdout(alone);
}

#[test]
fn prints_the_documented_json() {
    let folder = Folder::new();
    folder.file("app.log", LOG);
    folder.file("empty.log", "");
    let json = concat!(
        r#"{"files":[{"path":"app.log","bytes":52,"lines_matched":{"errors":2}},"#,
        r#"{"path":"empty.log","bytes":0,"lines_matched":{"errors":0}}],"#,
        r#""total":{"bytes":52,"lines_matched":{"errors":2}}}"#,
        "\n"
    );
    folder.scan(&["--json", "app.log", "empty.log"]).assert().code(0).stdout(json).stderr(is_empty());
}

#[test]
fn exit_status_is_that_of_grep() {
    let folder = Folder::new();
    folder.file("app.log", LOG);
    folder.scan(&["app.log", "-e", "absent"]).assert().code(1).stderr(is_empty());
    folder.scan(&["app.log", "-e", "(open"]).assert().code(2).stdout(is_empty()).stderr(contains("(open"));
    folder.scan(&[]).assert().code(2).stderr(contains("PATH"));
    folder.scan(&["app.log", "-c", "x.toml", "-e", "x"]).assert().code(2).stderr(contains("--config"));
}

#[test]
fn patterns_are_regular_unless_fixed_and_can_exclude() {
    let folder = Folder::new();
    folder.file("app.log", LOG);
    let counts = |args: &[&str], expected: u32| {
        let json = format!("{{\"errors\":{expected}}}");
        folder.scan(args).args(["--json", "app.log"]).assert().stdout(contains(json));
    };
    counts(&["-e", "ERROR (disk|net)"], 2);
    counts(&["-e", "^WARN", "-e", "^INFO"], 2);
    counts(&["-F", "-e", "(disk|net)"], 0);
    counts(&["-i", "-e", "error"], 3);
    counts(&["-i", "-e", "error", "--not", "AGAIN$"], 2);
    counts(&["--not", "net"], 1);
}

/// Errors with and without a level, and what is none.
const FORMS: &str = r#"{"level":"info","msg":"ERROR"}
{"level":"error","msg":"x"}
2026/11/22 10:00:00 [error] 12#0: *1 open() failed
Traceback (most recent call last):
  File "a.py", line 1, in <module>
thread 'main' panicked at src/main.rs:2:5:
Exception in thread "main" java.lang.IllegalStateException: x
Nov 22 10:00:00 host kernel: app[12]: segfault at 0 ip 00007f sp 00007f error 4 in app
Nov 22 10:00:00 host kernel: Out of memory: Killed process 12 (app)
2026-11-22 10:00:00 INFO no more segfaults, Out of memory, panicked at noon
2026-11-22 10:00:00 WARN Exception in thread "pool-1"
panic: runtime error: index out of range
all is well, 0 errors
"#;

#[test]
fn without_patterns_errors_count_by_level_or_by_form() {
    let folder = Folder::new();
    folder.file("app.log", FORMS);
    folder.file("built-in.toml", "[rule.errors]\nnot = [\"sp 00007f\"]\n");
    folder.file("own.toml", "[rule.own]\nlevel = \"error\"\nwithout_level = \"Killed process\"\n");
    let counts = |args: &[&str], expected: &str| {
        folder.scan(args).args(["--json", "app.log"]).assert().stdout(contains(expected));
    };
    counts(&[], r#"{"errors":8}"#);
    counts(&["--level", "error"], r#"{"errors":3}"#);
    counts(&["-c", "built-in.toml"], r#"{"errors":7}"#);
    counts(&["-c", "own.toml"], r#"{"own":4}"#);
}

#[test]
fn ignoring_the_case_of_nothing_is_refused() {
    let folder = Folder::new();
    folder.file("app.log", LOG);
    folder
        .scan(&["-i", "app.log"])
        .assert()
        .code(2)
        .stdout(is_empty())
        .stderr(contains("-i ignores the case of"));
    folder.file("short.toml", "[rule.a]\nlevel = \"error\"\nwithout_level = [\"oom\"]\n");
    folder
        .scan(&["-c", "short.toml", "app.log"])
        .assert()
        .code(2)
        .stderr(contains("too short; write at least 4 bytes"));
    folder.file("alone.toml", "[rule.a]\nany = [\"x\"]\nwithout_level = [\"oomph\"]\n");
    folder
        .scan(&["-c", "alone.toml", "app.log"])
        .assert()
        .code(2)
        .stderr(contains("means nothing without `level`"));
}

#[test]
fn rules_come_from_a_configuration() {
    let folder = Folder::new();
    folder.file("app.log", LOG);
    let config = "[rule.zeta]\nany = [\"ERROR\"]\n[rule.alpha]\nregex = [\"^WARN\"]\n";
    folder.file("rules.toml", config);
    let assert = folder.scan(&["-c", "rules.toml", "--json", "app.log"]).assert();
    assert.code(0).stdout(contains(r#""zeta":2"#).and(contains(r#""alpha":1"#)));
    folder.scan(&["-c", "none.toml", "app.log"]).assert().code(2).stderr(contains("none.toml"));
}

#[test]
fn a_path_is_counted_as_its_watch_counts_it() {
    let folder = Folder::new();
    let log = "2026-11-22 ERROR a\n  ERROR b\n2026-11-22 ERROR c\nWARN\n";
    folder.file("app.log", log);
    folder.file("app.log.1", log);
    folder.file("web.log", log);
    folder.file("x.log", log);
    folder.file(
        "watches.toml",
        "[watch.app]\npaths = ['app.log']\nrules = ['errors']\nrecord_start = '^2026'\n\
         [watch.web]\npaths = ['web.log']\n\
         [rule.warnings]\nany = ['WARN']\n[rule.errors]\nany = ['ERROR']\n",
    );
    let assert = folder
        .scan(&["-c", "watches.toml", "--json", "web.log", "app.log", "app.log.1", "x.log"])
        .assert()
        .code(0);
    let counts = |warnings: u32, errors: u32| format!(r#"{{"warnings":{warnings},"errors":{errors}}}"#);
    let output = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    let mut from = 0;
    for (path, expected) in [
        ("web.log", counts(1, 3)),
        ("app.log", counts(0, 2)),
        ("app.log.1", counts(0, 2)),
        ("x.log", counts(1, 3)),
    ] {
        let at = output[from..].find(&format!("\"{path}\"")).unwrap_or_else(|| panic!("{path}: {output}"));
        from += at;
        let counted = output[from..].find('{').map(|at| &output[from + at..]).unwrap();
        assert!(counted.starts_with(&expected), "{path}: {output}");
    }
}

#[test]
fn standard_input_may_be_a_pipe_a_file_or_compressed() {
    let folder = Folder::new();
    let plain = folder.file("app.log", LOG);
    let row = is_match(r"-  +52 B +2\n").unwrap();
    folder.scan(&["-"]).write_stdin(LOG).assert().code(0).stdout(row.clone());
    folder.scan(&["-"]).write_stdin(gzip(LOG.as_bytes())).assert().code(0).stdout(row.clone());
    for path in [plain, folder.file("app.gz", gzip(LOG.as_bytes()))] {
        let mut command = folder.scan(&["-"]);
        command.pipe_stdin(path).unwrap().assert().code(0).stdout(row.clone());
    }
    folder.scan(&["-"]).write_stdin("").assert().code(1).stdout(is_match(r"-  +0 B +0\n").unwrap());
}

#[test]
fn reads_every_compression_by_content_not_by_name() {
    let folder = Folder::new();
    let bytes = LOG.as_bytes();
    folder.file("a", gzip(bytes));
    folder.file("b", zstd(bytes));
    folder.file("c", bzip2(bytes));
    folder.file("d", xz(bytes));
    folder.file("plain.gz", bytes);
    let output = folder.scan(&["--json", "a", "b", "c", "d", "plain.gz"]).assert();
    output.code(0).stdout(contains(r#""total":{"bytes":260,"lines_matched":{"errors":10}}"#));
}

#[test]
fn unreadable_files_are_named_with_the_fix_and_the_rest_is_counted() {
    let folder = Folder::new();
    folder.file("app.log", LOG);
    std::fs::create_dir(folder.0.path().join("logs")).unwrap();
    let fifo = folder.0.path().join("fifo");
    assert!(Command::new("mkfifo").arg(fifo).status().unwrap().success());
    let broken = gzip(LOG.as_bytes());
    folder.file("broken.gz", &broken[..broken.len() - 3]);
    let assert = folder.scan(&["missing.log", "logs", "fifo", "broken.gz", "app.log"]).assert();
    let told = contains("cannot scan missing.log: no such file")
        .and(contains(
            "cannot scan logs: it is a directory; name the files in it instead, such as logs/*.log",
        ))
        .and(contains("cannot scan fifo: it is a FIFO, not a regular file; pipe it in"))
        .and(contains("cannot scan all of broken.gz: the gzip data ends early"));
    let counted = is_match(r"(?m)^app.log +52 B +2$").unwrap().and(contains("missing").not());
    assert.code(2).stderr(told).stdout(counted);
    folder.scan(&["missing.log"]).assert().code(2).stdout(is_empty());
}

#[test]
fn a_file_without_permission_is_named_with_the_fix() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let path = folder.file("secret.log", LOG);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::File::open(&path).is_ok() {
        // The superuser may read everything.
        return;
    }
    let told = contains("cannot scan secret.log: permission denied (mode 0000, group");
    folder.scan(&["secret.log"]).assert().code(2).stderr(told);
}

#[test]
fn hostile_names_are_escaped() {
    let folder = Folder::new();
    folder.file("a\u{1b}[31m.log", LOG);
    let table = contains(r"a\x1b[31m.log").and(contains("\u{1b}").not());
    folder.scan(&["a\u{1b}[31m.log"]).assert().code(0).stdout(table);
    folder
        .scan(&["b\u{1b}.log"])
        .assert()
        .code(2)
        .stderr(contains(r"b\x1b.log").and(contains("\u{1b}").not()));
}

#[test]
fn a_closed_pipe_is_no_error() {
    let folder = Folder::new();
    let path = folder.file("app.log", LOG);
    let mut child = scan_to_pipe(&path);
    // Nobody holds the other end any more when the table is written.
    drop(child.stdout.take());
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

/// Begins a scan that ends only when its standard input does.
fn scan_to_pipe(path: &Path) -> std::process::Child {
    Command::new(program())
        .args(["scan", "-"])
        .arg(path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn readers_and_threads_make_no_difference() {
    let folder = Folder::new();
    folder.file("app.log", LOG.repeat(500_000));
    for options in [["--reader", "mmap", "--threads", "3"], ["--reader", "pread", "--threads", "1"]] {
        let json = contains(r#""total":{"bytes":26000000,"lines_matched":{"errors":1000000}}"#);
        folder.scan(&options).args(["--json", "app.log"]).assert().code(0).stdout(json).stderr(is_empty());
    }
}

//! `spiketail check` as a user sees it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

fn check(folder: &Path, config: &str, more: &[&str]) -> Output {
    let path = folder.join("conf.toml");
    std::fs::write(&path, config).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_spiketail"));
    command.arg("check").arg("-c").arg("conf.toml").args(more).current_dir(folder).output().unwrap()
}

fn text(bytes: &[u8], folder: &Path) -> String {
    let folder = std::fs::canonicalize(folder).unwrap();
    String::from_utf8(bytes.to_vec()).unwrap().replace(folder.to_str().unwrap(), "DIR")
}

#[test]
fn it_says_what_is_read_what_is_not_and_when_it_alerts() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    std::fs::create_dir(path.join("logs")).unwrap();
    for name in ["a.log", "a.log.1", "b.log.gz"] {
        std::fs::write(path.join("logs").join(name), "").unwrap();
    }
    std::os::unix::fs::symlink("/nothing/there", path.join("logs/c.log")).unwrap();
    let socket = std::os::unix::net::UnixListener::bind(path.join("logs/d.log")).unwrap();
    let config = r#"
[watch.app]
paths = ["logs/*.log*", "later.log"]
[watch.dir]
paths = ["logs"]
[rule.errors]
any = ["ERROR"]
match = ["an ERROR"]
no_match = ["an error"]
[alert.spike]
when = "spike"
over = 4
watches = ["app"]
"#;
    let output = check(path, config, &[]);
    assert_eq!(
        text(&output.stdout, path),
        "conf.toml: right: 2 watches, 1 alert, 1 output

[watch.app] counts errors
  DIR/logs/a.log
  DIR/logs/a.log.1
  DIR/logs/c.log  not read: no such file
  DIR/logs/b.log.gz  left out: `exclude` holds \"*.gz\"
  DIR/logs/d.log  left out: it is no regular file

[watch.dir] counts errors
  DIR/logs/a.log
  DIR/logs/c.log  not read: no such file
  DIR/logs/a.log.1  left out: its name looks like what rotation left; name it, or a glob, to have it read
  DIR/logs/b.log.gz  left out: `exclude` holds \"*.gz\"
  DIR/logs/d.log  left out: it is no regular file

DIR/later.log: nothing is there yet; it is read when it comes

[alert.spike] critical: fires when errors in app exceed 4 × the usual rate and at least 20 in 1m, after 1h of learning; resolves 1m after that is over
"
    );
    assert_eq!(output.status.code(), Some(0));
    drop(socket);
}

#[test]
fn a_long_list_is_cut_unless_all_is_asked_for() {
    let folder = TempDir::new().unwrap();
    (0..30).for_each(|n| std::fs::write(folder.path().join(format!("{n:02}.log")), "").unwrap());
    let config = "[watch.app]\npaths = ['*.log']\n";
    let output = check(folder.path(), config, &[]);
    let shown = text(&output.stdout, folder.path());
    assert!(shown.contains("  DIR/19.log\n  and 10 more; --all lists them\n"), "{shown}");
    let output = check(folder.path(), config, &["--all"]);
    assert!(text(&output.stdout, folder.path()).contains("  DIR/29.log\n"));
}

#[test]
fn samples_that_are_judged_wrongly_are_told_with_the_reason() {
    let folder = TempDir::new().unwrap();
    let config = r#"[watch.app]
paths = ["*.log"]
[rule.errors]
any = ["ERROR"]
not = ["retry"]
level = "error"
match = ["x ERROR y", "ERROR retry", "INFO nothing", "INFO got ERROR", "who knows what ERROR"]
no_match = ["ERROR x", "INFO"]
"#;
    let output = check(folder.path(), config, &[]);
    let told = text(&output.stderr, folder.path());
    let problems: Vec<_> = told.lines().filter(|line| line.contains("conf.toml:")).collect();
    assert_eq!(
        problems,
        [
            "spiketail: conf.toml:7:23: `errors` must match this line, but `not` excludes it by `retry`",
            "conf.toml:7:38: `errors` must match this line, but none of what it looks for is in it",
            "conf.toml:7:54: `errors` must match this line, but its level is info",
            "conf.toml:7:72: `errors` must match this line, but no level can be read from it",
            "conf.toml:8:13: `errors` must not match this line, but does",
        ]
    );
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn what_is_wrong_with_the_configuration_comes_first() {
    let folder = TempDir::new().unwrap();
    let output = check(folder.path(), "[watch.app]\npath = 'x'\n", &[]);
    assert!(
        text(&output.stderr, folder.path())
            .contains("unknown key `path` in [watch.app]; did you mean `paths`?")
    );
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn it_says_who_is_told_of_each_alert() {
    let folder = TempDir::new().unwrap();
    let config = r#"[watch.app]
paths = ["*.log"]
[watch.db]
paths = ["*.db"]
[rule.errors]
any = ["ERROR"]
[alert.page]
over = 9
[alert.quiet]
over = 1
severity = "info"
outputs = []
[output.pager]
type = "webhook"
url = "http://localhost"
severity = "critical"
[output.dba]
type = "command"
command = ["mail", "dba"]
watches = ["db"]
"#;
    let output = check(folder.path(), config, &[]);
    let shown = text(&output.stdout, folder.path());
    let told: Vec<_> = shown.lines().filter(|line| line.starts_with("  goes to")).collect();
    assert_eq!(
        told,
        [
            "  goes to pager, dba (db only)",
            "  goes to no output that answers; only those that are written to have it"
        ]
    );
}

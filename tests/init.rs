//! `spiketail init` writes a configuration for what is found.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

fn spiketail(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_spiketail")).args(args).output().unwrap()
}

fn init(root: &Path) -> String {
    let output = spiketail(&["init", "--root", root.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn host(files: &[&str]) -> TempDir {
    let root = TempDir::new().unwrap();
    for file in files {
        let path = root.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    root
}

fn watches(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.strip_prefix("[watch.")?.strip_suffix(']')).collect()
}

#[test]
fn services_are_found_by_their_logs() {
    let host = host(&[
        "var/log/nginx/error.log",
        "var/log/postgresql/postgresql-15-main.log",
        "var/lib/docker/containers/abc/abc-json.log",
        "var/log/tomcat10/catalina.2026-11-26.log",
        "var/log/syslog",
        "var/log/redis/readme",
    ]);
    let text = init(host.path());
    assert_eq!(watches(&text), ["system", "nginx", "postgresql", "tomcat", "docker"], "{text}");
    assert!(text.contains("# nginx: /var/log/nginx/error.log is there.\n"), "{text}");
    assert!(text.contains("multiline = \"java\""), "{text}");
}

#[test]
fn a_journal_stands_for_the_files_of_a_syslog_daemon() {
    let host = host(&["var/log/journal/0123/system.journal", "var/log/syslog", "var/log/nginx/access.log"]);
    let text = init(host.path());
    assert_eq!(watches(&text), ["journal"], "{text}");
    assert!(text.contains("journal = true") && !text.contains("/var/log/syslog"), "{text}");
}

#[test]
fn what_is_written_is_right_and_written_once() {
    for files in
        [&[][..], &["var/log/syslog"], &["run/log/journal/0123/system.journal", "var/log/kafka/server.log"]]
    {
        let host = host(files);
        let file = host.path().join("spiketail.toml");
        let (root, path) = (host.path().to_str().unwrap(), file.to_str().unwrap());
        let output = spiketail(&["init", "--root", root, path]);
        assert!(output.status.success(), "{output:?}");
        let checked = spiketail(&["check", "-c", path]);
        assert!(checked.status.success(), "{checked:?}");
        let again = spiketail(&["init", "--root", root, path]);
        let said = String::from_utf8(again.stderr).unwrap();
        assert!(again.status.code() == Some(1) && said.contains("name another file"), "{said}");
    }
}

//! The daemon on real files: everything that happens to logs, and the count that comes of it.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that cannot go on fails")]

mod common;

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::symlink;
use std::time::Duration;

use common::{Daemon, Folder, append, appender, errors};

#[test]
fn lines_that_were_there_are_left_out_unless_asked_for() {
    let dir = Folder::new();
    let log = dir.file("a.log", "ERROR old\nERROR unfinished");
    let mut daemon = Daemon::run(&[&log]);
    append(&log, " now finished\nERROR new\n");
    daemon.wait_total(&log, 2);
    let mut daemon = Daemon::run(&[log.to_str().unwrap(), "--from-start"]);
    daemon.wait_total(&log, 3);
}

#[test]
fn a_renamed_file_is_read_to_its_end_while_the_writer_goes_on() {
    let dir = Folder::new();
    let log = dir.file("a.log", "");
    let mut daemon = Daemon::run(&[&log]);
    let mut old = appender(&log);
    old.write_all(errors(0, 3).as_bytes()).unwrap();
    fs::rename(&log, dir.at("a.log.1")).unwrap();
    append(&log, errors(0, 10));
    for n in 0..20 {
        old.write_all(errors(n, 1).as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(100));
    }
    daemon.wait_total(&log, 33);
}

#[test]
fn the_last_line_of_a_former_file_counts_without_a_line_feed() {
    let dir = Folder::new();
    let log = dir.file("a.log", "");
    let config = format!("[watch.a]\npaths = ['{}']\nrotated_grace = '300ms'\n", log.display());
    let config = dir.file("c.toml", config);
    let mut daemon = Daemon::run(&["-c", config.to_str().unwrap()]);
    append(&log, "ERROR unfinished");
    fs::rename(&log, dir.at("gone")).unwrap();
    fs::write(&log, "ERROR next\n").unwrap();
    daemon.wait_total(&log, 2);
}

#[test]
fn many_rotations_a_second_lose_nothing() {
    let dir = Folder::new();
    let log = dir.file("a.log", "");
    for watched in [log.clone(), dir.at("a.log*")] {
        let daemon = Daemon::run(&[watched.to_str().unwrap(), "--alert-over", "1000000/1m"]);
        for generation in 0..20u64 {
            append(&log, errors(generation * 200, 200));
            for n in (1..40).rev() {
                let _ = fs::rename(dir.at(&format!("a.log.{n}")), dir.at(&format!("a.log.{}", n + 1)));
            }
            fs::rename(&log, dir.at("a.log.1")).unwrap();
            append(&log, errors(0, 1));
            std::thread::sleep(Duration::from_millis(50));
        }
        daemon.ends_with_total(&log, 20 * 201);
    }
}

#[test]
fn copytruncate_and_truncate_start_over() {
    let dir = Folder::new();
    let log = dir.file("a.log", "");
    let mut daemon = Daemon::run(&[&log]);
    append(&log, errors(0, 5));
    daemon.wait_total(&log, 5);
    fs::copy(&log, dir.at("a.log.1")).unwrap();
    fs::File::options().write(true).open(&log).unwrap().set_len(0).unwrap();
    append(&log, errors(5, 2));
    daemon.wait_file("truncated", &log);
    daemon.wait_total(&log, 7);
}

#[test]
fn a_hole_that_copytruncate_leaves_is_no_line() {
    let dir = Folder::new();
    let log = dir.file("a.log", "");
    let mut daemon = Daemon::run(&[log.to_str().unwrap(), "-e", "^ERROR"]);
    let mut writer = fs::File::options().write(true).open(&log).unwrap();
    writer.write_all(errors(0, 1000).as_bytes()).unwrap();
    daemon.wait_total(&log, 1000);
    writer.set_len(0).unwrap();
    daemon.wait_file("truncated", &log);
    // Without O_APPEND the writer goes on where it was, and leaves a hole before.
    writer.write_all(b"ERROR after the hole\n").unwrap();
    writer.seek(SeekFrom::Current(3 << 20)).unwrap();
    writer.write_all(b"ERROR after a longer one\nok\n").unwrap();
    daemon.wait_total(&log, 1002);
}

#[test]
fn files_are_replaced_removed_and_made_anew() {
    let dir = Folder::new();
    let log = dir.file("a.log", "");
    let mut daemon = Daemon::run(&[&log]);
    append(&log, errors(0, 2));
    daemon.wait_total(&log, 2);
    let other = dir.file("other", errors(0, 3));
    fs::rename(&other, &log).unwrap();
    daemon.wait_total(&log, 5);
    for round in 1..=5 {
        fs::remove_file(&log).unwrap();
        append(&log, errors(0, 1));
        daemon.wait_total(&log, 5 + round);
    }
    daemon.only_new();
    fs::rename(&log, dir.at("aside")).unwrap();
    daemon.wait_file("removed", &log);
    append(&dir.at("aside"), errors(0, 1));
    fs::rename(dir.at("aside"), &log).unwrap();
    daemon.wait_file("recovered", &log);
    append(&log, errors(0, 1));
    daemon.wait_total(&log, 12);
}

#[test]
fn new_files_and_directories_are_found_at_once() {
    let dir = Folder::new();
    let globs =
        [dir.at("one/*/x.log"), dir.at("deep/**/*.log"), dir.at("later.log"), dir.at("missing/dir/y.log")];
    let mut daemon = Daemon::run(&globs);
    for name in ["one/a/x.log", "deep/top.log", "deep/b/c/d/z.log", "later.log", "missing/dir/y.log"] {
        let path = dir.file(name, errors(0, 2));
        daemon.wait_total(&path, 2);
    }
    fs::remove_dir_all(dir.at("missing")).unwrap();
    daemon.wait_file("removed", &dir.at("missing/dir/y.log"));
    let path = dir.file("missing/dir/y.log", errors(0, 3));
    daemon.wait_total(&path, 5);
    assert!(daemon.said.iter().any(|e| e["event"] == "waiting"), "{}", daemon.transcript());
}

#[test]
fn links_are_followed_and_switched() {
    let dir = Folder::new();
    let first = dir.file("pods/1/0.log", "");
    let second = dir.file("pods/2/0.log", "ERROR old\n");
    fs::create_dir(dir.at("containers")).unwrap();
    symlink("../pods/1", dir.at("containers/pod")).unwrap();
    symlink("pod/0.log", dir.at("containers/hop")).unwrap();
    let link = dir.at("containers/c.log");
    symlink("hop", &link).unwrap();
    let mut daemon = Daemon::run(&[dir.at("containers/*.log")]);
    append(&first, errors(0, 1));
    daemon.wait_total(&link, 1);
    fs::rename(&first, dir.at("pods/1/0.log.1")).unwrap();
    append(&first, errors(0, 1));
    daemon.wait_total(&link, 2);
    symlink("../pods/2/0.log", dir.at("containers/new")).unwrap();
    fs::rename(dir.at("containers/new"), &link).unwrap();
    daemon.wait_total(&link, 3);
    append(&second, errors(0, 1));
    daemon.wait_total(&link, 4);
}

#[test]
fn a_switched_directory_link_leads_to_other_files() {
    let dir = Folder::new();
    dir.file("v1/app.log", "");
    let next = dir.file("v2/app.log", errors(0, 2));
    symlink("v1", dir.at("current")).unwrap();
    let log = dir.at("current/app.log");
    let mut daemon = Daemon::run(&[dir.at("current")]);
    append(&log, errors(0, 1));
    daemon.wait_total(&log, 1);
    symlink("v2", dir.at("next")).unwrap();
    fs::rename(dir.at("next"), dir.at("current")).unwrap();
    daemon.wait_total(&log, 3);
    append(&next, errors(0, 1));
    daemon.wait_total(&log, 4);
}

#[test]
fn no_file_is_counted_through_two_paths() {
    let dir = Folder::new();
    let log = dir.file("a.log", "");
    let mut daemon = Daemon::run(&[dir.at("*.log*")]);
    fs::hard_link(&log, dir.at("b.log")).unwrap();
    append(&log, errors(0, 5));
    daemon.wait_total(&log, 5);
    fs::rename(&log, dir.at("a.log.1")).unwrap();
    append(&dir.at("a.log.1"), errors(0, 1));
    append(&log, errors(0, 2));
    daemon.wait_total(&log, 8);
    let (_, _) = daemon.stop();
    assert_eq!(daemon.totals().values().sum::<u64>(), 8, "{}", daemon.transcript());
}

#[test]
fn odd_bytes_are_counted_as_grep_would() {
    let dir = Folder::new();
    let log = dir.at("a.log");
    let config = format!(
        "[watch.a]\npaths = ['{}']\nline_bytes_max = 1000\n[rule.r]\nregex = 'ERROR$'\n",
        log.display()
    );
    let config = dir.file("c.toml", config);
    let mut daemon = Daemon::run(&["-c", config.to_str().unwrap()]);
    append(&log, b"ERROR\r\n\r\n\n\xff\xfe ERROR\nERROR\x00\n");
    append(&log, [vec![b'x'; 5000], b" ERROR\nERROR\n".to_vec()].concat());
    // A line longer than the bound that comes in pieces: only its beginning is looked at.
    append(&log, [b"ERROR".to_vec(), vec![b'y'; 2000]].concat());
    append(&log, " ERROR\nlast ERROR\n");
    daemon.wait_total(&log, 4);
}

#[test]
fn a_flood_of_single_writes_is_counted_exactly() {
    let dir = Folder::new();
    let log = dir.file("a.log", "");
    let daemon = Daemon::run(&[log.to_str().unwrap(), "--alert-over", "1000000/1m"]);
    let mut writer = appender(&log);
    for n in 0..40_000u32 {
        let word = if n % 4 == 0 { "ERROR" } else { "INFO" };
        writer.write_all(format!("{word} {n}\n").as_bytes()).unwrap();
    }
    daemon.ends_with_total(&log, 10_000);
}

#[test]
fn alerts_fire_with_samples_and_resolve() {
    let dir = Folder::new();
    let (log, quiet) = (dir.file("a.log", ""), dir.file("b.log", ""));
    let config = format!(
        "[watch.w]\npaths = ['{}/*.log']\n[alert.sum]\nover = 3\nwindow = '1s'\nkeep_firing_for = '0s'\nsamples = 2\n\
         [alert.each]\nby = 'path'\nover = 2\nwindow = '1s'\nseverity = 'warning'\nkeep_firing_for = '0s'\n",
        dir.path().display()
    );
    let config = dir.file("c.toml", config);
    let mut daemon = Daemon::run(&["-c", config.to_str().unwrap()]);
    append(&quiet, "ERROR 1\n");
    append(&log, "ERROR 2\nERROR 3\nERROR \x1b[31m4\n");
    let alert = |name: &'static str, state: &'static str| {
        move |e: &serde_json::Value| e["alert"] == name && e["state"] == state
    };
    let fired = daemon.wait_for("sum firing", alert("sum", "firing"));
    assert_eq!((fired["count"].as_u64(), fired["level"].as_str()), (Some(4), Some("ERROR")));
    assert_eq!(fired["samples"].as_array().unwrap().last().unwrap(), "ERROR \\x1b[31m4");
    assert_eq!(fired["samples"].as_array().unwrap().len(), 2);
    let each = daemon.wait_for("each firing", alert("each", "firing"));
    assert_eq!((each["path"].as_str(), each["level"].as_str()), (log.to_str(), Some("WARN")));
    let resolved = daemon.wait_for("sum resolved", alert("sum", "resolved"));
    assert_eq!(resolved["fingerprint"], fired["fingerprint"]);
    daemon.wait_for("each resolved", alert("each", "resolved"));
}

#[test]
fn counts_are_reported_at_once_and_then_once_an_interval() {
    let dir = Folder::new();
    let log = dir.file("a.log", "");
    let config = format!("[engine]\nreport_interval = '1h'\n[watch.a]\npaths = ['{}']\n", log.display());
    let config = dir.file("c.toml", config);
    let mut daemon = Daemon::run(&["-c", config.to_str().unwrap()]);
    append(&log, errors(0, 1));
    daemon.wait_total(&log, 1);
    append(&log, errors(1, 50));
    let (_, _) = daemon.stop();
    let deltas: Vec<_> = daemon.said.iter().filter_map(|e| e["delta"].as_u64()).collect();
    // What was not reported yet is said at the end.
    assert_eq!(deltas, [1, 50]);
}

#[test]
fn what_cannot_be_read_is_named_with_the_mend() {
    let dir = Folder::new();
    let fifo = dir.at("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
        .unwrap();
    let log = dir.file("a.log", "");
    let mut daemon = Daemon::run(&[&fifo, &log]);
    let event = daemon.wait_file("unreadable", &fifo);
    assert!(event["reason"].as_str().unwrap().contains("a FIFO, not a regular file"), "{event}");
    append(&log, errors(0, 1));
    daemon.wait_total(&log, 1);
    fs::remove_file(&log).unwrap();
    fs::create_dir(&log).unwrap();
    let event = daemon.wait_file("unreadable", &log);
    assert!(event["reason"].as_str().unwrap().contains("a directory"), "{event}");
    fs::remove_dir(&log).unwrap();
    append(&log, errors(0, 1));
    daemon.wait_total(&log, 2);
}

#[test]
fn an_unreadable_file_is_read_once_it_can_be() {
    use std::os::unix::fs::PermissionsExt;
    let dir = Folder::new();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let log = dir.file("a.log", "");
    fs::set_permissions(&log, fs::Permissions::from_mode(0o000)).unwrap();
    let mut command = std::process::Command::new("setpriv");
    if rustix::process::geteuid().is_root() {
        // Root can read everything: run as somebody else, with a copy of the program that they can reach.
        let program = dir.at("spiketail");
        fs::copy(env!("CARGO_BIN_EXE_spiketail"), &program).unwrap();
        command.args(["--reuid=65534", "--clear-groups", "--"]).arg(program);
    } else {
        command = std::process::Command::new(env!("CARGO_BIN_EXE_spiketail"));
    }
    command.arg("run").arg(&log);
    let mut daemon = Daemon::start(command);
    let event = daemon.wait_file("unreadable", &log);
    assert!(event["reason"].as_str().unwrap().starts_with("permission denied (mode 0000, group "), "{event}");
    fs::set_permissions(&log, fs::Permissions::from_mode(0o644)).unwrap();
    daemon.wait_file("recovered", &log);
    append(&log, errors(0, 1));
    daemon.wait_total(&log, 1);
}

#[test]
fn its_own_output_is_not_watched() {
    let dir = Folder::new();
    let log = dir.file("a.log", "");
    let out = fs::File::create(dir.at("out.log")).unwrap();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_spiketail"))
        .args(["run", dir.path().to_str().unwrap(), "--alert-over", "0/1m"])
        .stdout(out)
        .spawn()
        .unwrap();
    let said =
        || fs::read(dir.at("out.log")).map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap();
    let begun = std::time::Instant::now();
    while !said().contains("started") && begun.elapsed() < common::DEADLINE {
        std::thread::sleep(Duration::from_millis(20));
    }
    append(&log, errors(0, 1));
    while !said().contains("firing") && begun.elapsed() < common::DEADLINE {
        std::thread::sleep(Duration::from_millis(20));
    }
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::TERM)
        .unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(said().matches("spiketail::count").count(), 1, "{}", said());
}

//! What commands show on a terminal, and what they leave out of it when they are piped.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use common::{TestFolder, append};
use tempfile::TempDir;
use unicode_width::UnicodeWidthStr;

/// Only a test that fails waits for so long.
const LIMIT: Duration = Duration::from_secs(60);

const PROGRAM: &str = env!("CARGO_BIN_EXE_spiketail");

/// A command of the shell in a terminal of so many columns.
fn in_terminal(folder: &Path, columns: usize, shell: &str) -> Command {
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command"]);
    command.arg(format!("stty cols {columns} rows 40; {shell}")).arg("/dev/null");
    command.current_dir(folder).env("SHELL", "/bin/sh").env("TERM", "xterm").stdin(Stdio::null());
    command
}

/// What comes out of a command, as it comes.
fn follow(mut output: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 4_096];
        while let Ok(read @ 1..) = output.read(&mut buffer) {
            if sender.send(String::from_utf8_lossy(&buffer[..read]).into_owned()).is_err() {
                return;
            }
        }
    });
    receiver
}

#[test]
fn long_work_shows_its_progress_on_a_terminal_and_none_when_it_is_piped() {
    let folder = TempDir::new().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let line = b"2026-11-23T12:00:00Z ERROR disk full\n";
    for command in ["replay --no-plot -", "patterns -", "scan -"] {
        let shell = format!("{PROGRAM} {command} < pipe");
        let mut child = in_terminal(folder.path(), 80, &shell).stdout(Stdio::piped()).spawn().unwrap();
        let said = follow(child.stdout.take().unwrap());
        let mut input = OpenOptions::new().write(true).open(&pipe).unwrap();
        // It goes on for as long as it takes until the bar is there.
        let (mut shown, begun) = (String::new(), Instant::now());
        while !shown.contains("B/s") {
            assert!(begun.elapsed() < LIMIT, "{command}: {shown}");
            input.write_all(&line.repeat(200)).unwrap();
            shown.extend(said.try_iter());
        }
        drop(input);
        assert!(child.wait().unwrap().success(), "{command}");
        shown.extend(said.iter());
        assert!(shown.contains("disk full") || command.starts_with("scan"), "{command}: {shown}");
    }
    // Standard error is no terminal.
    let mut child = Command::new(PROGRAM);
    child.args(["patterns", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = child.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    (0..2_000).for_each(|_| input.write_all(&line.repeat(20)).unwrap());
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

/// What a command of the shell shows in a terminal, line by line.
fn shown(folder: &Path, columns: usize, shell: &str) -> Vec<String> {
    let output = in_terminal(folder, columns, shell).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.trim_end().to_owned()).collect()
}

#[test]
fn tables_fit_the_terminal_and_are_the_same_whenever_they_are_piped() {
    let place = TestFolder::new();
    let log = place.log("shop_checkout-7d9f4c6b5-x2k8p_5b1e07c2-93aa-4f5d-a1b2-000000000000-checkout.log");
    append(&log, "");
    let socket = place.state().join("status.sock");
    let mut daemon = place.resume_with("*.log", "[alert.many]\nover = 20\nwindow = \"1m\"\n");
    let line = |n: usize| {
        let second = n % 60;
        format!(
            "2026-11-23T12:{:02}:{second:02}Z ERROR payment: connect to 10.0.0.{n}:5432 failed after {n} attempts\n",
            n / 60
        )
    };
    append(&log, (0..200).map(line).collect::<String>());
    append(&place.log("a.log"), line(7));
    daemon.wait_sum(201);
    let all = format!("{} {}", log.display(), place.log("a.log").display());
    let config = place.beside("spiketail.toml");
    std::fs::write(&config, format!("[watch.w]\npaths = [\"{}\"]\n", place.log("*.log").display())).unwrap();
    let commands = [
        (format!("scan {all}"), "total"),
        (format!("patterns {all}"), "connect to"),
        (format!("replay {all}"), "error-spike"),
        (format!("check -c {}", config.display()), "a.log"),
        (format!("status --socket {}", socket.display()), "a.log"),
    ];
    for (command, telling) in &commands {
        for columns in [50, 80, 200] {
            let lines = shown(place.state().parent().unwrap(), columns, &format!("{PROGRAM} {command}"));
            let text = lines.join("\n");
            assert!(text.contains(telling), "{command} at {columns}:\n{text}");
            let is_table = |line: &&String| !line.contains("the configuration") && !line.contains("right: ");
            for line in lines.iter().filter(is_table) {
                let is_sentence =
                    ["[alert.", "[watch.", "spiketail: "].iter().any(|start| line.starts_with(start));
                assert!(is_sentence || line.width() <= columns, "{command} at {columns}: {line}\n{text}");
            }
            let has_whole_path = text.contains("93aa-4f5d-a1b2-000000000000-checkout.log");
            assert!(
                columns == 200 || command.starts_with("patterns") || !has_whole_path,
                "{command} at {columns}:\n{text}"
            );
        }
        let piped = |columns: &str| {
            let mut piped = Command::new(PROGRAM);
            let output = piped.args(command.split(' ')).env("COLUMNS", columns).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        let whole = piped("20");
        if !command.starts_with("status") {
            assert_eq!(whole, piped("200"), "{command}");
        }
        if !command.starts_with("patterns") {
            assert!(whole.contains(log.to_str().unwrap()), "{command}:\n{whole}");
        }
    }
    daemon.stop();
}

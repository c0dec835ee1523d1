//! What commands show on a terminal, and what they leave out of it when they are piped.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use tempfile::TempDir;

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

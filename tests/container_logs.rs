//! Logs as container runtimes write them: every command sees the lines of the programs, and joins their pieces.
#![allow(clippy::unwrap_used, reason = "a failed expectation must fail the test")]

mod common;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use assert_cmd::cargo::cargo_bin;
use common::{Daemon, TestFolder, append, pause};
use fastrand::Rng;
use serde_json::{Value, json};

/// Longer pieces than the runtimes write, in bytes.
const PIECE_BYTES: usize = 200;

#[derive(Clone, Copy, Debug)]
enum Runtime {
    Cri,
    Docker,
}

impl Runtime {
    const ALL: [Runtime; 2] = [Runtime::Cri, Runtime::Docker];

    /// A piece of a line, or its end. No two have the same stamp.
    fn written(self, at: u64, stream: &str, piece: &str, is_end: bool) -> String {
        let stamp = format!("2026-11-22T10:00:{:02}.{:09}Z", at / 1_000 % 60, at % 1_000 * 1_000_000 + 7);
        match self {
            Runtime::Cri => format!("{stamp} {stream} {} {piece}\n", if is_end { "F" } else { "P" }),
            Runtime::Docker => {
                let text = format!("{piece}{}", if is_end { "\n" } else { "" });
                // In the order of Docker.
                let text = json!(text);
                format!("{{\"log\":{text},\"stream\":\"{stream}\",\"time\":\"{stamp}\"}}\n")
            }
        }
    }
}

/// A long line: its level is in the first piece, `disk full` is cut in two.
fn long_line(n: u64) -> String {
    let mut line = format!("ERROR {n} ");
    while line.len() < PIECE_BYTES - 5 {
        line.push('x');
    }
    line.push_str("disk full ");
    line.push_str(&"y".repeat(PIECE_BYTES));
    line
}

fn pieces(line: &str) -> Vec<&str> {
    (0..line.len()).step_by(PIECE_BYTES).map(|at| &line[at..(at + PIECE_BYTES).min(line.len())]).collect()
}

/// What a runtime writes of two streams: 20 errors, 10 of them long, and as many other lines, one of which says ERROR in its message.
fn sample(runtime: Runtime) -> String {
    let mut text = String::new();
    for n in 0..10 {
        let mut put = |stream: &str, piece: &str, is_end| text += &runtime.written(n, stream, piece, is_end);
        put("stdout", &format!("INFO {n} retry after ERROR"), true);
        let line = long_line(n);
        let pieces = pieces(&line);
        for (at, piece) in pieces.iter().enumerate() {
            put("stderr", piece, at + 1 == pieces.len());
            if at == 0 {
                put("stdout", &format!("{{\"level\":\"error\",\"msg\":\"cannot open \\\"{n}\\\"\"}}"), true);
            }
        }
        put("stdout", "stderr F is what the runtime writes", true);
    }
    text
}

/// What a command prints last.
fn json_of(name: &str, rule: &[&str], path: &Path) -> Value {
    let mut command = std::process::Command::new(cargo_bin("spiketail"));
    let output = command.args([name, "--json"]).args(rule).arg(path).output().unwrap();
    // Replay prints alerts before its summary.
    let shown = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(shown.lines().last().unwrap_or_default())
        .unwrap_or_else(|error| panic!("{error}: {name}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// How many lines each command counts in `text`.
fn counted(text: &str, rule: &[&str], wanted: u64) -> Vec<(&'static str, u64)> {
    let folder = TestFolder::new();
    let log = folder.log("app.log");
    fs::write(&log, text).unwrap();
    let packed = folder.beside("app.log.gz");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, text.as_bytes()).unwrap();
    fs::write(&packed, gzip.finish().unwrap()).unwrap();
    let number = |value: &Value| value.as_u64().unwrap();
    let scanned = |path: &Path| {
        let found = json_of("scan", rule, path);
        found["total"]["lines_matched"].as_object().unwrap().values().map(number).sum::<u64>()
    };
    let grouped = |path: &Path| number(&json_of("patterns", rule, path)["lines"]);
    let mut args = vec!["--from-start", "--format", "json"];
    args.extend(rule);
    args.push(log.to_str().unwrap());
    Daemon::run(args).stop_with_sum(wanted);
    vec![
        ("scan", scanned(&log)),
        ("scan of gzip", scanned(&packed)),
        ("patterns", grouped(&log)),
        ("patterns of gzip", grouped(&packed)),
        ("replay", number(&json_of("replay", rule, &log)["lines_matched"])),
    ]
}

#[test]
fn every_command_sees_what_the_program_wrote() {
    for runtime in Runtime::ALL {
        let text = sample(runtime);
        for (rule, wanted) in [
            (&["--level", "error"][..], 20),
            (&["-e", "disk full"], 10),
            (&["-e", "^ERROR .*y$"], 10),
            (&["-e", "^stderr F"], 10),
            (&["-e", "2026|stdout|what"], 10),
        ] {
            for (command, lines) in counted(&text, rule, wanted) {
                assert_eq!(lines, wanted, "{command} {rule:?} {runtime:?}");
            }
        }
    }
}

/// A runtime whose log is rotated as kubelet and Docker do it, while it writes lines in pieces.
struct Writer {
    runtime: Runtime,
    log: PathBuf,
    rotations: u64,
    rng: Rng,
    /// What is still to be written of the line of each stream.
    open: [Vec<String>; 2],
    errors: u64,
    pieces: u64,
}

impl Writer {
    fn step(&mut self) {
        let mut text = String::new();
        for _ in 0..self.rng.usize(1..20) {
            let at = self.rng.usize(0..2);
            if self.open[at].is_empty() {
                let is_long = self.rng.u8(0..3) == 0;
                let line = if is_long { long_line(self.errors) } else { "ERROR disk full".to_owned() };
                self.open[at] = pieces(&line).into_iter().map(str::to_owned).collect();
                self.errors += 1;
            }
            let piece = self.open[at].remove(0);
            let stream = ["stdout", "stderr"][at];
            self.pieces += 1;
            text += &self.runtime.written(self.pieces, stream, &piece, self.open[at].is_empty());
        }
        append(&self.log, text);
        if self.rng.u8(0..4) == 0 {
            self.rotate();
        }
    }

    /// The rotated file gets a name of its own; the one before it is compressed.
    fn rotate(&mut self) {
        let name = |n: u64| PathBuf::from(format!("{}.20261122-1000{n:02}", self.log.display()));
        if self.rotations > 0 {
            let plain = name(self.rotations);
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            std::io::Write::write_all(&mut gzip, &fs::read(&plain).unwrap()).unwrap();
            let packed = format!("{}.gz", plain.display());
            fs::write(&packed, gzip.finish().unwrap()).unwrap();
            // Whatever was written to the log since then came later.
            let modified = fs::metadata(&plain).unwrap().modified().unwrap();
            fs::File::options().write(true).open(packed).unwrap().set_modified(modified).unwrap();
            fs::remove_file(plain).unwrap();
        }
        self.rotations += 1;
        fs::rename(&self.log, name(self.rotations)).unwrap();
        // Stamps of files have the grain of the kernel's tick, and no log is rotated twice within one.
        pause(Duration::from_millis(10));
    }

    fn finish(&mut self) {
        let mut text = String::new();
        for (at, stream) in ["stdout", "stderr"].into_iter().enumerate() {
            let left = std::mem::take(&mut self.open[at]);
            for (n, piece) in left.iter().enumerate() {
                self.pieces += 1;
                text += &self.runtime.written(self.pieces, stream, piece, n + 1 == left.len());
            }
        }
        append(&self.log, text);
    }
}

#[test]
fn pieces_are_joined_across_rotations_and_kills() {
    // Of the seeds 1 to 45 and 100 to 145, six lose two or three lines: 7, 43, 44, 128, 130, 134 (see the limits in the README).
    let seed = std::env::var("SPIKETAIL_SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = seed.map_or_else(|| vec![1, 2, 3], |seed: u64| vec![seed]);
    for (seed, runtime) in seeds.iter().flat_map(|seed| Runtime::ALL.map(|runtime| (*seed, runtime))) {
        println!("SPIKETAIL_SEED={seed} {runtime:?}");
        let folder = TestFolder::new();
        let log = folder.log("0.log");
        append(&log, "");
        let rule = "[rule.errors]\nregex = [\"^ERROR.*disk full\"]\n";
        let mut writer = Writer {
            runtime,
            log: log.clone(),
            rotations: 0,
            rng: Rng::with_seed(seed),
            open: [Vec::new(), Vec::new()],
            errors: 0,
            pieces: 0,
        };
        let mut story = String::new();
        for run in 0..8 {
            let mut daemon = folder.resume_with(log.to_str().unwrap(), rule);
            for _ in 0..4 {
                writer.step();
                if writer.rng.bool() {
                    daemon.catch_up();
                }
            }
            writeln!(story, "run {run}: {} errors, {} rotations", writer.errors, writer.rotations).unwrap();
            if writer.rng.bool() {
                daemon.kill();
            } else {
                daemon.stop();
            }
            // And while no daemon runs.
            writer.step();
        }
        writer.finish();
        let mut daemon = folder.resume_with(log.to_str().unwrap(), rule);
        daemon.reach_status_sum(writer.errors);
        let sum = daemon.status_sum();
        assert_eq!(sum, writer.errors, "seed {seed} {runtime:?}\n{story}");
    }
}

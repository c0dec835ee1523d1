//! The ways of counting `ERROR` lines that an essay might try, next to `spiketail scan`, over one generated file.
//!
//! `cargo bench --bench essay [-- --bytes 1GB] [--read-back]`. Every way runs in a process of its own, which is measured
//! from start to end, and has to give the same count. `README.md` explains `--read-back`.
#![allow(unsafe_code)]
#![allow(missing_docs)]

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use spiketail::cli::scan::{ScanOptions, count};
use spiketail::file::settings::ReadMethod;
use spiketail::scan::rules::{RuleSet, RuleSpec};

const DEFAULT_BYTES: u64 = 256 << 20;
const LINE_BYTES: usize = 252;
const ROUNDS: usize = 3;
/// The variable that makes a child of this process run one way only.
const WAY: &str = "SPIKETAIL_BENCH_WAY";

type Count = fn(&Path) -> Result<u64>;

const WAYS: [(&str, Count); 6] = [
    ("BufReader::lines + contains", buf_reader),
    ("mmap whole file + from_utf8 + lines", whole_mapping),
    ("spiketail scan, pread, 1 thread", |path| ours(path, ReadMethod::Pread, Some(1))),
    ("spiketail scan, pread, all threads", |path| ours(path, ReadMethod::Pread, None)),
    ("spiketail scan, mmap, 1 thread", |path| ours(path, ReadMethod::Mmap, Some(1))),
    ("spiketail scan, mmap, all threads", |path| ours(path, ReadMethod::Mmap, None)),
];

/// Other programs that print a count.
const PROGRAMS: [(&str, &[&str]); 2] = [("grep", &["-c", "ERROR"]), ("rg", &["-c", "ERROR"])];

fn main() -> ExitCode {
    let run = match std::env::var(WAY) {
        Ok(way) => run_one(&way),
        Err(_) => compare(),
    };
    match run {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("essay: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn buf_reader(path: &Path) -> Result<u64> {
    let mut count = 0;
    for line in BufReader::new(File::open(path)?).lines() {
        count += u64::from(line?.contains("ERROR"));
    }
    Ok(count)
}

fn whole_mapping(path: &Path) -> Result<u64> {
    let file = File::open(path)?;
    // SAFETY: the file is our own in a fresh directory, and no one writes to it or truncates it while it is mapped.
    let map = unsafe { memmap2::Mmap::map(&file)? };
    let text = std::str::from_utf8(&map)?;
    Ok(text.lines().filter(|line| line.contains("ERROR")).count() as u64)
}

fn ours(path: &Path, reader: ReadMethod, threads: Option<usize>) -> Result<u64> {
    let rules = RuleSet::compile(&[RuleSpec::containing("ERROR")])?;
    let mut options = ScanOptions::for_reader(reader);
    options.threads = threads.unwrap_or(options.threads);
    let files = count(&[path.to_path_buf()], &rules, &options, &mut |_| {});
    ensure!(files.iter().all(|file| !file.failed), "the file could not be scanned");
    Ok(files.iter().map(|file| file.tally.lines_matched[0]).sum())
}

/// In the child: runs one way and prints its count.
fn run_one(way: &str) -> Result<()> {
    let path = PathBuf::from(std::env::args_os().next_back().context("no path")?);
    let (_, count) = WAYS.iter().find(|(name, _)| *name == way).context("no such way")?;
    println!("{}", count(&path)?);
    Ok(())
}

struct Outcome {
    name: String,
    count: u64,
    seconds: f64,
    peak_kib: i64,
}

fn compare() -> Result<()> {
    let bytes = bytes_wanted()?;
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("app.log");
    let expected = generate(&path, bytes)?;
    let threads = std::thread::available_parallelism()?;
    println!("{bytes} bytes, {expected} of {} lines match, {threads} threads", bytes / LINE_BYTES as u64);
    let read_back = std::env::args().any(|arg| arg == "--read-back");
    if read_back {
        evict_and_read(&path)?;
    }
    let how = if read_back { "read from the disk" } else { "appended line by line" };
    println!("best of {ROUNDS}; the file is in the page cache because it was {how}\n");
    let mut outcomes = Vec::new();
    for (name, _) in WAYS {
        outcomes.push(best(name, || run_way(name, &path))?);
    }
    for (program, args) in PROGRAMS {
        let name = format!("{program} {}", args.join(" "));
        match best(&name, || run_program(program, args, &path)) {
            Ok(outcome) => outcomes.push(outcome),
            Err(error) => println!("{name}: {error:#}"),
        }
    }
    print(&outcomes, expected)
}

fn evict_and_read(path: &Path) -> Result<()> {
    let mut file = File::open(path)?;
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
    std::io::copy(&mut file, &mut std::io::sink())?;
    Ok(())
}

fn print(outcomes: &[Outcome], expected: u64) -> Result<()> {
    let first = outcomes.first().context("nothing was measured")?.seconds;
    println!("{:36} {:>9} {:>9} {:>12}", "way", "seconds", "ratio", "peak RSS");
    for Outcome { name, count, seconds, peak_kib } in outcomes {
        println!("{name:36} {seconds:9.3} {:8.1}x {:8.1} MiB", first / seconds, *peak_kib as f64 / 1024.0);
        ensure!(*count == expected, "{name} counts {count} lines instead of {expected}");
    }
    println!("\nall counts agree");
    Ok(())
}

fn best(name: &str, mut run: impl FnMut() -> Result<Outcome>) -> Result<Outcome> {
    let mut best = run()?;
    for _ in 1..ROUNDS {
        let next = run()?;
        if next.seconds < best.seconds {
            best = Outcome { peak_kib: next.peak_kib.max(best.peak_kib), ..next };
        }
    }
    Ok(Outcome { name: name.to_owned(), ..best })
}

fn run_way(way: &str, path: &Path) -> Result<Outcome> {
    run_child(Command::new(std::env::current_exe()?).env(WAY, way).arg(path))
}

fn run_program(program: &str, args: &[&str], path: &Path) -> Result<Outcome> {
    run_child(Command::new(program).args(args).arg(path))
}

/// Runs a child that prints a count to its end.
fn run_child(command: &mut Command) -> Result<Outcome> {
    let began = Instant::now();
    let mut child = command.stdout(Stdio::piped()).spawn().context("not run")?;
    let mut printed = String::new();
    if let Some(stdout) = &mut child.stdout {
        std::io::Read::read_to_string(stdout, &mut printed)?;
    }
    let (mut status, mut usage) = (0, std::mem::MaybeUninit::<libc::rusage>::zeroed());
    // SAFETY: both pointers are valid for the call, and the child is ours and was not waited for yet.
    let waited = unsafe { libc::wait4(child.id() as libc::pid_t, &raw mut status, 0, usage.as_mut_ptr()) };
    let seconds = began.elapsed().as_secs_f64();
    if waited < 0 || status != 0 {
        bail!("it ended with status {status}");
    }
    // SAFETY: all zeros is a valid rusage, and wait4 has filled it in.
    let peak_kib = unsafe { usage.assume_init() }.ru_maxrss;
    Ok(Outcome { name: String::new(), count: printed.trim().parse()?, seconds, peak_kib })
}

fn bytes_wanted() -> Result<u64> {
    let args: Vec<String> = std::env::args().collect();
    let Some(at) = args.iter().position(|arg| arg == "--bytes") else { return Ok(DEFAULT_BYTES) };
    let text = args.get(at + 1).context("--bytes requires a number, such as 1GB")?;
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match &text[digits.len()..] {
        "" | "B" => 1,
        "MB" => 1_000_000,
        "MiB" => 1 << 20,
        "GB" => 1_000_000_000,
        "GiB" => 1 << 30,
        other => bail!("the unit {other:?} is none of B, MB, MiB, GB, GiB"),
    };
    Ok(digits.parse::<u64>().context("--bytes requires a number, such as 1GB")? * unit)
}

/// Writes lines of 252 bytes, of which about one in a hundred matches, line by line as a log is written: that decides
/// in how large pieces the page cache holds it. Returns the number of matching lines.
fn generate(path: &Path, bytes: u64) -> Result<u64> {
    let mut file = BufWriter::with_capacity(LINE_BYTES, File::create(path)?);
    let (mut random, mut matching) = (1u64, 0);
    for line in 0..bytes / LINE_BYTES as u64 {
        // An xorshift: the same file in every run.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let level = if random.is_multiple_of(100) { "ERROR" } else { "INFO " };
        matching += u64::from(level == "ERROR");
        let head =
            format!("2026-11-22T10:00:00.{:06}Z host app: {level} request={line} id=", line % 1_000_000);
        writeln!(file, "{head}{:0>width$x}", random, width = LINE_BYTES - 1 - head.len())?;
    }
    let file = file.into_inner().context("the data could not be written")?;
    // What is still being written back would disturb the first way.
    file.sync_all()?;
    Ok(matching)
}

//! Bulk scans, and many patterns.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::Effort;

const RUNS: usize = 5;

/// How a log came into the page cache, which holds it in larger or smaller pieces accordingly.
#[derive(Clone, Copy)]
enum Cached {
    /// In writes of so many bytes.
    Written(usize),
    /// Read back from the disk.
    ReadBack,
    /// Not at all: every run reads it from the disk.
    Cold,
}

impl Cached {
    fn name(self) -> String {
        match self {
            Cached::Written(bytes) => {
                format!("warm, written in pieces of {} kB; best of {RUNS}", bytes >> 10)
            }
            Cached::ReadBack => format!("warm, read back from the disk; best of {RUNS}"),
            Cached::Cold => format!("cold; median of {RUNS}"),
        }
    }

    /// Which of the sorted runs counts. What the disk and the host of a virtual machine do to a run is no noise that
    /// only ever adds.
    fn which(self) -> usize {
        if let Cached::Cold = self { RUNS / 2 } else { 0 }
    }

    /// Readies the file at `path` for one run.
    fn prepare(self, path: &Path) {
        if let Cached::Cold = self {
            evict(&File::open(path).unwrap());
        }
    }
}

fn evict(file: &File) {
    file.sync_all().unwrap();
    rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
}

fn data(folder: &Path, mb: usize, cached: Cached) -> PathBuf {
    let path = folder.join("app.log");
    let mut file = File::create(&path).unwrap();
    let mut random = fastrand::Rng::with_seed(1);
    let mut block = String::new();
    for n in 0..40_000 {
        let level = if n % 100 == 0 { "ERROR" } else { "INFO" };
        let head = format!("2026-11-22T10:00:00.000Z {level:<5} ");
        block.push_str(&head);
        (head.len()..251).for_each(|_| block.push(char::from(b'a' + random.u8(0..26))));
        block.push('\n');
    }
    let piece = if let Cached::Written(bytes) = cached { bytes } else { block.len() };
    for _ in 0..mb * 1_000_000 / block.len() {
        block.as_bytes().chunks(piece).for_each(|piece| file.write_all(piece).unwrap());
    }
    if matches!(cached, Cached::ReadBack) {
        evict(&file);
        std::io::copy(&mut File::open(&path).unwrap(), &mut std::io::sink()).unwrap();
    }
    path
}

/// The best time in seconds, and what was printed. `None` where the program is not there.
fn best(program: &str, args: &[&str]) -> Option<(f64, String)> {
    runs(&|| (), program, args)?.into_iter().next()
}

/// The times in seconds, the best first, each with what was printed; `prepare` is called before each.
fn runs(prepare: &dyn Fn(), program: &str, args: &[&str]) -> Option<Vec<(f64, String)>> {
    let run = |_| {
        prepare();
        let begun = Instant::now();
        let output = Command::new(program).args(args).stdin(Stdio::null()).output().ok()?;
        let took = begun.elapsed().as_secs_f64();
        Some((took, String::from_utf8_lossy(&output.stdout).trim().to_owned()))
    };
    let mut runs = (0..RUNS).map(run).collect::<Option<Vec<_>>>()?;
    runs.sort_by(|a, b| a.0.total_cmp(&b.0));
    Some(runs)
}

fn row(name: &str, found: Option<(f64, String)>, ours: &mut Option<f64>) {
    let Some((took, said)) = found else { return println!("{name:<22} is not on the PATH") };
    let base = *ours.get_or_insert(took);
    println!(
        "{name:<22} {took:>9.3} {:>12.2}   {}",
        took / base,
        said.lines().last().unwrap_or_default().trim()
    );
}

pub(crate) fn scan(effort: &Effort) {
    for cached in [Cached::Written(8 << 10), Cached::Written(1 << 20), Cached::ReadBack, Cached::Cold] {
        let dir = tempfile::tempdir().unwrap();
        let path = data(dir.path(), effort.scan_mb, cached);
        let log = path.to_str().unwrap();
        println!("\nlines with ERROR in {} MB, {}", effort.scan_mb, cached.name());
        println!("{:<22} {:>9} {:>12}", "", "s", "times ours");
        let time = |program: &str, args: &[&str]| {
            let runs = runs(&|| cached.prepare(&path), program, args)?;
            runs.into_iter().nth(cached.which())
        };
        let mut ours = None;
        row("spiketail scan", time(env!("CARGO_BIN_EXE_spiketail"), &["scan", log]), &mut ours);
        row("grep -c", time("grep", &["-c", "ERROR", log]), &mut ours);
        row("rg -c", time("rg", &["-c", "ERROR", log]), &mut ours);
    }
    println!("the ways of the essay: cargo bench --bench essay");
}

pub(crate) fn patterns(effort: &Effort) {
    let dir = tempfile::tempdir().unwrap();
    let path = data(dir.path(), effort.pattern_mb, Cached::Written(1 << 20));
    // None of them is in the data by chance.
    let texts = |count| (0..count).map(|n| format!("E{n:04}-code")).collect::<Vec<_>>();
    for count in [1, 10, 100, 1_000] {
        look_for(&format!("{count} texts"), &texts(count), true, &path, effort);
    }
    let regexes: Vec<String> = (0..10).map(|n| format!("E{n:04}-[a-z]+ took [0-9]+ ms")).collect();
    look_for("10 regexes", &regexes, false, &path, effort);
}

/// Compares programs that look for `patterns`, called `name`, in the log at `path`.
fn look_for(name: &str, patterns: &[String], are_texts: bool, path: &Path, effort: &Effort) {
    let dir = tempfile::tempdir().unwrap();
    let (file, log) = (dir.path().join("patterns"), path.to_str().unwrap());
    std::fs::write(&file, patterns.join("\n") + "\n").unwrap();
    println!("\nlines with any of {name} in {} MB; best of {RUNS}", effort.pattern_mb);
    println!("{:<22} {:>9} {:>12}", "", "s", "times ours");
    let run = |program: &str, first: &[&str]| {
        let mut args = first.to_vec();
        patterns.iter().for_each(|pattern| args.extend(["-e", pattern.as_str()]));
        args.push(log);
        best(program, &args)
    };
    let kind = if are_texts { "-F" } else { "-E" };
    let ours: &[&str] = if are_texts { &["scan", "-F"] } else { &["scan"] };
    let rg: &[&str] = if are_texts { &["-c", "-F"] } else { &["-c"] };
    let mut base = None;
    row("spiketail scan", run(env!("CARGO_BIN_EXE_spiketail"), ours), &mut base);
    row("rg -c", run("rg", rg), &mut base);
    row("grep -c -f", best("grep", &["-c", kind, "-f", file.to_str().unwrap(), log]), &mut base);
}

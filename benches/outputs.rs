//! What outputs cost: reading while every output is dead beside reading without any, and a scrape of ten thousand files.
//!
//! `cargo bench --bench outputs [-- --mb N] [--rounds N]`
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const STORM: usize = 1_000;
const DIRECTORIES: usize = 100;
const FILES_EACH: usize = 100;
const SCRAPES: usize = 20;

/// Ways to be dead: hangs, refuses, never reads, never ends.
const DEAD: &str = r#"
[output.hangs]
type = "webhook"
url = "http://HUNG/x"
[output.managers]
type = "alertmanager"
urls = ["http://HUNG", "http://127.0.0.1:9"]
[output.program]
type = "command"
command = ["sleep", "1000"]
[output.journal]
type = "journald"
"#;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let value = |name| args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1));
    let mb = value("--mb").map_or(1_024, |n| n.parse().unwrap());
    let rounds = value("--rounds").map_or(5, |n| n.parse().unwrap());
    let hung = TcpListener::bind("127.0.0.1:0").unwrap();
    let dead = DEAD.replace("HUNG", &hung.local_addr().unwrap().to_string());
    let mut ratios: Vec<f64> = (0..rounds)
        .map(|round| {
            let (without, with) = (read(mb, ""), read(mb, &dead));
            println!(
                "round {round}: {mb} MB beside {STORM} alerts: {:.0} ms without outputs, {:.0} ms with dead ones",
                without.as_secs_f64() * 1e3,
                with.as_secs_f64() * 1e3
            );
            with.as_secs_f64() / without.as_secs_f64()
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    println!("with dead outputs / without: median {:.2}", ratios[ratios.len() / 2]);
    scrape();
}

struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A daemon that has started, what it printed until then, and what it prints from now on.
fn daemon(folder: &Path, config: &str) -> (Daemon, Vec<String>, impl Iterator<Item = String>) {
    let file = folder.join("spiketail.toml");
    fs::write(&file, config).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_spiketail"));
    command.arg("run").arg("-c").arg(file).arg("--state").arg(folder.join("state"));
    command.env("SPIKETAIL_JOURNAL_SOCKET", folder.join("journal"));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let stdout = child.stdout.take().unwrap();
    let mut lines = BufReader::new(stdout).lines().map(Result::unwrap);
    let mut before = Vec::new();
    while !before.last().is_some_and(|line: &String| line.contains("\"started\"")) {
        before.push(lines.next().unwrap());
    }
    (Daemon(child), before, lines)
}

/// How long it takes from when a file appears until its last line was found, while many alerts fire.
fn read(mb: usize, outputs: &str) -> Duration {
    let dir = tempfile::tempdir().unwrap();
    let logs = dir.path().join("logs");
    fs::create_dir(&logs).unwrap();
    // It is bound, but no one ever receives.
    let _journal = UnixDatagram::bind(dir.path().join("journal")).unwrap();
    let config = format!(
        "[watch.logs]\npaths = [{:?}]\n[rule.errors]\nany = [\"ERROR\"]\n[rule.last]\nany = [\"the last line\"]\n\
         [alert.storm]\nrule = \"errors\"\nover = 0\nby = \"path\"\n[alert.end]\nrule = \"last\"\nover = 0\n\
         [output.stdout]\ntype = \"json\"\n{outputs}",
        logs.join("*.log")
    );
    let block = "2026-11-22T10:00:00Z INFO all is well and goes on\n2026-11-22T10:00:00Z ERROR it does not\n"
        .repeat(11_000);
    let big = dir.path().join("big");
    let mut file = fs::File::create(&big).unwrap();
    (0..mb).for_each(|_| file.write_all(block.as_bytes()).unwrap());
    file.write_all(b"the last line\n").unwrap();
    let (_daemon, _, mut lines) = daemon(dir.path(), &config);
    (0..STORM).for_each(|n| fs::write(logs.join(format!("{n}.log")), "ERROR\n").unwrap());
    let begun = Instant::now();
    fs::rename(big, logs.join("big.log")).unwrap();
    lines.find(|line| line.contains("\"alert\":\"end\"")).unwrap();
    begun.elapsed()
}

fn get(address: &str, path: &str) -> (Duration, usize) {
    let begun = Instant::now();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\nhost: x\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    (begun.elapsed(), answer.len())
}

fn scrape() {
    let dir = tempfile::tempdir().unwrap();
    for d in 0..DIRECTORIES {
        let folder = dir.path().join(format!("d{d}"));
        fs::create_dir(&folder).unwrap();
        (0..FILES_EACH).for_each(|f| fs::write(folder.join(format!("f{f}.log")), "INFO fine\n").unwrap());
    }
    let config = format!(
        "[watch.logs]\npaths = [{:?}]\n[rule.errors]\nany = [\"ERROR\"]\n[http]\nlisten = \"0\"\n[output.stdout]\ntype = \"json\"\n",
        dir.path().join("*/*.log")
    );
    let (_daemon, before, _lines) = daemon(dir.path(), &config);
    let listening = before.iter().find(|line| line.contains("\"listening\"")).unwrap();
    let address = listening.rsplit("http://").next().unwrap().split("/metrics").next().unwrap().to_owned();
    for path in ["/metrics", "/status", "/healthz"] {
        let (first, bytes) = get(&address, path);
        let mut times: Vec<Duration> = (0..SCRAPES).map(|_| get(&address, path).0).collect();
        times.sort();
        println!(
            "{path:<9} of {} files: {:.1} ms median, {:.1} ms max, {:.1} ms at first; {} kB",
            DIRECTORIES * FILES_EACH,
            times[SCRAPES / 2].as_secs_f64() * 1e3,
            times[SCRAPES - 1].as_secs_f64() * 1e3,
            first.as_secs_f64() * 1e3,
            bytes / 1_000
        );
    }
}

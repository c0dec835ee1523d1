//! From `write()` to the JSON line on the daemon's standard output, for a quiet file; and the same for
//! `tail -F | grep --line-buffered`, in the same run.
//!
//! `cargo bench --bench latency [-- --samples N]`
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a measurement that cannot go on ends")]

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Longer than the report interval, so that each line is a first one after quiet.
const PAUSE: Duration = Duration::from_millis(120);

fn main() {
    let samples = samples_wanted();
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("app.log");
    std::fs::write(&log, "").unwrap();
    let config = dir.path().join("spiketail.toml");
    let text = format!("[engine]\nreport_interval = '100ms'\n[watch.w]\npaths = ['{}']\n", log.display());
    std::fs::write(&config, text).unwrap();

    println!("write() to output, {samples} lines, one every {} ms", PAUSE.as_millis());
    println!("{:<36} {:>9} {:>9} {:>9}  ms", "", "p50", "p99", "max");
    let mut ours = Command::new(env!("CARGO_BIN_EXE_spiketail"));
    ours.args(["run", "--no-state", "-c", config.to_str().unwrap()]);
    let ours = measure(ours, &log, samples, "spiketail::count");
    report("spiketail", &ours);
    let mut peer = Command::new("sh");
    peer.args(["-c", &format!("exec tail -n0 -F {} | grep --line-buffered ERROR", log.display())]);
    let peer = measure(peer, &log, samples, "ERROR");
    report("tail -F | grep --line-buffered", &peer);
    let ratio = |q: f64| quantile(&ours, q) / quantile(&peer, q);
    println!("{:<36} {:>9.2} {:>9.2}", "ratio", ratio(0.5), ratio(0.99));
}

fn samples_wanted() -> usize {
    let args: Vec<String> = std::env::args().collect();
    let value = args.iter().position(|arg| arg == "--samples").and_then(|at| args.get(at + 1));
    value.map_or(300, |n| n.parse().unwrap())
}

/// Latencies in milliseconds, sorted.
fn measure(mut command: Command, log: &Path, samples: usize, wanted: &'static str) -> Vec<f64> {
    // A group of its own, so that what a shell started ends with it.
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0).spawn().unwrap();
    let arrivals = listen(&mut child, wanted);
    let mut file = OpenOptions::new().append(true).open(log).unwrap();
    // Until the first line comes through, the program is starting.
    let mut warm = 0;
    while warm < 5 {
        file.write_all(b"ERROR warm up\n").unwrap();
        warm += u32::from(arrivals.recv_timeout(Duration::from_millis(500)).is_ok());
        std::thread::sleep(PAUSE);
    }
    while arrivals.try_recv().is_ok() {}
    let mut latencies = Vec::new();
    for n in 0..samples {
        let line = format!("ERROR number {n}\n");
        let begun = Instant::now();
        file.write_all(line.as_bytes()).unwrap();
        let arrived = arrivals.recv_timeout(Duration::from_secs(10)).unwrap();
        latencies.push(arrived.saturating_duration_since(begun).as_secs_f64() * 1e3);
        std::thread::sleep(PAUSE);
    }
    rustix::process::kill_process_group(
        rustix::process::Pid::from_child(&child),
        rustix::process::Signal::KILL,
    )
    .unwrap();
    child.wait().unwrap();
    latencies.sort_by(f64::total_cmp);
    latencies
}

fn listen(child: &mut Child, wanted: &'static str) -> Receiver<Instant> {
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in stdout.lines() {
            let now = Instant::now();
            if line.is_ok_and(|line| line.contains(wanted)) && sender.send(now).is_err() {
                return;
            }
        }
    });
    receiver
}

fn quantile(sorted: &[f64], q: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * q).round() as usize]
}

fn report(name: &str, sorted: &[f64]) {
    println!(
        "{name:<36} {:>9.3} {:>9.3} {:>9.3}",
        quantile(sorted, 0.5),
        quantile(sorted, 0.99),
        quantile(sorted, 1.0)
    );
}

//! Compares spiketail with its peers: reading a backlog, following a stream, the time from a write to the event, idle files, bulk
//! scans, many patterns. One table each, and ratios.
//!
//! `cargo bench --bench peers [-- --short] [--only catch-up|stream|latency|idle|scan]`
//!
//! Peers that are not on the PATH are named and skipped. On Debian: `apt-get install mtail rsyslog ripgrep`.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a measurement that fails ends")]

mod commands;
mod follow;
mod process;
mod scan;
mod ways;

use std::time::Duration;

use ways::Way;

/// How much is measured.
pub(crate) struct Effort {
    pub catch_up_mb: usize,
    pub rounds: usize,
    pub stream_seconds: u64,
    pub latency: &'static [Latency],
    pub idle_seconds: u64,
    pub idle_files: &'static [usize],
    pub scan_mb: usize,
    pub pattern_mb: usize,
}

/// How the time from a write to the event is measured.
pub(crate) struct Latency {
    pub samples: usize,
    /// Between two lines.
    pub pause: Duration,
    /// How many files are watched. One of them is written to.
    pub files: usize,
}

/// Longer than ours gathers counts for, so that each line is a first one after quiet.
const LATENCY_PAUSE: Duration = Duration::from_millis(120);

const LONG: Effort = Effort {
    catch_up_mb: 1_000,
    rounds: 3,
    stream_seconds: 20,
    latency: &[
        Latency { samples: 300, pause: LATENCY_PAUSE, files: 1 },
        Latency { samples: 20, pause: Duration::from_secs(5), files: 1 },
        Latency { samples: 100, pause: LATENCY_PAUSE, files: 10_000 },
    ],
    idle_seconds: 20,
    idle_files: &[2_000, 10_000],
    scan_mb: 5_000,
    pattern_mb: 1_000,
};
const SHORT: Effort = Effort {
    catch_up_mb: 64,
    rounds: 1,
    stream_seconds: 3,
    latency: &[Latency { samples: 20, pause: LATENCY_PAUSE, files: 1 }],
    idle_seconds: 3,
    idle_files: &[2_000],
    scan_mb: 64,
    pattern_mb: 16,
};

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let effort = if args.iter().any(|arg| arg == "--short") { SHORT } else { LONG };
    let only = args.iter().position(|arg| arg == "--only").and_then(|at| args.get(at + 1));
    let is_wanted = |name: &str| only.is_none_or(|only| only == name);
    let (ways, missing): (Vec<Way>, Vec<Way>) = Way::ALL.into_iter().partition(|way| way.is_here());
    let names: Vec<_> = missing.iter().map(|way| way.program()).collect();
    println!(
        "not on the PATH, and skipped: {}",
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    );
    if is_wanted("catch-up") {
        follow::catch_up(&ways, &effort);
    }
    if is_wanted("stream") {
        follow::stream(&ways, &effort);
    }
    if is_wanted("latency") {
        effort.latency.iter().for_each(|latency| follow::latency(&ways, latency));
    }
    if is_wanted("idle") {
        follow::idle(&ways, &effort);
    }
    if is_wanted("scan") {
        scan::scan(&effort);
        scan::patterns(&effort);
    }
}

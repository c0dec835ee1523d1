//! Spikes in made-up counts: how often there is a false alert, and how often a rise to 4 times is seen in time.
//!
//! `cargo bench --bench synthetic [-- --seeds N] [--days N] [--trials N] [--rate EVENTS]`
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]

#[path = "synthetic/series.rs"]
mod series;
#[path = "synthetic/trial.rs"]
mod trial;
#[path = "synthetic/variates.rs"]
mod variates;

use series::{Counts, Shape};

/// Events per 10 seconds.
const RATES: [f64; 7] = [0.0, 0.01, 0.1, 1.0, 10.0, 100.0, 1_000.0];

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let value = |name| args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1));
    let number = |name, default| value(name).map_or(default, |n| n.parse().unwrap());
    let (seeds, days, trials) =
        (number("--seeds", 3), number("--days", 30) as i64, number("--trials", 1_000));
    let only: Option<f64> = value("--rate").map(|rate| rate.parse().unwrap());
    println!(
        "{days} days a series, {seeds} series each; {trials} rises to 4 times, {seeds} to stay for a day"
    );
    println!(
        "{:<26} {:>14} {:>22} {:>14} {:>12}",
        "events per 10 s", "false alerts", "seen within 60 s", "stays firing", "resolves in"
    );
    for shape in [Shape::Flat, Shape::Daily, Shape::Ramp] {
        for dispersion in [0.0, 0.1] {
            for rate in only.map_or_else(|| RATES.to_vec(), |rate| vec![rate]) {
                let counts = Counts { rate, shape, dispersion };
                println!("{}", row(&counts, seeds, days, trials));
            }
        }
    }
}

fn row(counts: &Counts, seeds: u64, days: i64, trials: u64) -> String {
    let alerts: Vec<String> =
        (0..seeds).map(|seed| trial::false_alerts(counts, days, seed).to_string()).collect();
    let rises = trial::rises(counts, trials);
    let seen = match rises.with_enough {
        0 => "never 20".to_owned(),
        n => format!("{:.1}% of {n}", 100.0 * rises.seen as f64 / n as f64),
    };
    let (stays, resolves) = match trial::stay(counts, seeds) {
        Some(stay) => (format!("{:.2}%", 100.0 * stay.firing), format!("{} s", stay.resolved_ms / 1_000)),
        None => ("–".to_owned(), "–".to_owned()),
    };
    format!("{:<26} {:>14} {seen:>22} {stays:>14} {resolves:>12}", counts.to_string(), alerts.join(" "))
}

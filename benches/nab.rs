//! The baseline's score on labelled series of counts, by the rules of the Numenta Anomaly Benchmark.
//!
//! `cargo bench --bench nab -- FOLDER`, or with the folder in `SPIKETAIL_NAB`. The folder has `timestamp,value` files of one row a
//! bucket and a `windows.json`: `{"FILE.csv": [["begin", "end"], …]}`. They are to be obtained of <https://github.com/numenta/NAB>:
//! `data/realTweets/*.csv`, and of `labels/combined_windows.json` the entries of those files without their folder.
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]

#[path = "nab/data.rs"]
mod data;
#[path = "nab/detectors.rs"]
mod detectors;
#[path = "nab/scorer.rs"]
mod scorer;

use std::path::PathBuf;
use std::time::Instant;

use data::Series;
use scorer::{LOW_FALSE_POSITIVES, Outcome, Profile, STANDARD, Scored};
use spiketail::detect::baseline::rarity::RaritySettings;

/// A threshold with which the windowed Gaussian scores as published on the five series of AAPL, CRM, FB, KO and UPS: 47.9 and 6.0.
const GAUSSIAN_THRESHOLD: f64 = 1.0 - 4.4e-13;

fn main() {
    let args = std::env::args().skip(1).find(|arg| !arg.starts_with("--"));
    let Some(folder) =
        args.map(PathBuf::from).or_else(|| std::env::var_os("SPIKETAIL_NAB").map(PathBuf::from))
    else {
        println!("skipped: give the folder of the series, `cargo bench --bench nab -- FOLDER`");
        println!(
            "they are data/realTweets and labels/combined_windows.json of https://github.com/numenta/NAB"
        );
        return;
    };
    let all = match data::load(&folder) {
        Ok(all) => all,
        Err(error) => {
            eprintln!("cannot read the series: {error}");
            std::process::exit(1);
        }
    };
    println!("{:<44} {:>8} {:>8}", "detector, one threshold for all series", "standard", "low FP");
    let begun = Instant::now();
    let ours = score(&all, detectors::baseline);
    let took = begun.elapsed();
    report("baseline, defaults", &ours);
    left_out("baseline, threshold chosen on the others", &ours);
    let gaussian = score(&all, detectors::windowed_gaussian);
    report("windowed Gaussian", &gaussian);
    let fixed = |profile| scorer::at_threshold(&gaussian, profile, GAUSSIAN_THRESHOLD).normalised;
    line("windowed Gaussian, at 1 - 4.4e-13", fixed(STANDARD), fixed(LOW_FALSE_POSITIVES), "");
    let buckets: usize = all.iter().map(|series| series.counts.len()).sum();
    println!("\na bucket takes {:.0} ns", took.as_nanos() as f64 / buckets as f64);
    each(&all, &ours);
    sensitivity(&all);
}

fn score(all: &[Series], detector: impl Fn(&Series) -> Vec<f64>) -> Vec<Scored> {
    all.iter().map(|series| Scored { scores: detector(series), windows: series.windows.clone() }).collect()
}

fn report(name: &str, scored: &[Scored]) {
    let (standard, low) = (scorer::best(scored, STANDARD), scorer::best(scored, LOW_FALSE_POSITIVES));
    let hits = |of: &Outcome| {
        format!("{}/{} windows, {} FP at {:.3}", of.windows_hit, of.windows, of.false_positives, of.threshold)
    };
    line(name, standard.normalised, low.normalised, &format!("{}; {}", hits(&standard), hits(&low)));
}

fn line(name: &str, standard: f64, low: f64, note: &str) {
    println!("{name:<44} {standard:>8.1} {low:>8.1}  {note}");
}

/// Each series with the threshold that is best for the others: the expected score of an unseen series.
fn left_out(name: &str, scored: &[Scored]) {
    let of = |profile: Profile| {
        let one = |at: usize| {
            let mut others = scored.to_vec();
            let one = others.remove(at);
            let threshold = scorer::best(&others, profile).threshold;
            let outcome = scorer::at_threshold(&[one], profile, threshold);
            outcome.normalised * outcome.windows as f64
        };
        let windows: usize = scored.iter().map(|one| one.windows.len()).sum();
        (0..scored.len()).map(one).sum::<f64>() / windows as f64
    };
    line(name, of(STANDARD), of(LOW_FALSE_POSITIVES), "");
}

/// The score of each series with the threshold that is best for all.
fn each(all: &[Series], scored: &[Scored]) {
    println!("\n{:<44} {:>8} {:>8}", "baseline, at the threshold for all", "standard", "low FP");
    let of = |profile: Profile, one: &Scored| {
        let threshold = scorer::best(scored, profile).threshold;
        scorer::at_threshold(std::slice::from_ref(one), profile, threshold)
    };
    for (series, one) in all.iter().zip(scored) {
        let (standard, low) = (of(STANDARD, one), of(LOW_FALSE_POSITIVES, one));
        let note =
            format!("{}/{} windows, {} FP", standard.windows_hit, standard.windows, standard.false_positives);
        line(&series.name, standard.normalised, low.normalised, &note);
    }
}

/// The score with each parameter three tenths lower and higher, then with all of them off in every combination.
fn sensitivity(all: &[Series]) {
    const OFF: [f64; 3] = [0.7, 1.0, 1.3];
    println!("\n{:<44} {:>8} {:>8}", "score with one parameter off by 30%", "standard", "low FP");
    let scored = |settings: RaritySettings| score(all, |series| detectors::rarity(series, &settings));
    report("none", &scored(RaritySettings::default()));
    for (at, name) in PARAMETERS.iter().enumerate() {
        for off in [0.7, 1.3] {
            report(&format!("{name} × {off}"), &scored(changed(at, off, RaritySettings::default())));
        }
    }
    let (mut standard, mut low) = (Vec::new(), Vec::new());
    for combination in 0..OFF.len().pow(PARAMETERS.len() as u32) {
        let off = |at: usize| OFF[combination / OFF.len().pow(at as u32) % OFF.len()];
        let settings = (0..PARAMETERS.len())
            .fold(RaritySettings::default(), |settings, at| changed(at, off(at), settings));
        let scored = scored(settings);
        standard.push(scorer::best(&scored, STANDARD).normalised);
        low.push(scorer::best(&scored, LOW_FALSE_POSITIVES).normalised);
    }
    let mean = |scores: &[f64]| scores.iter().sum::<f64>() / scores.len() as f64;
    let least = |scores: &[f64]| scores.iter().copied().fold(f64::INFINITY, f64::min);
    println!();
    line(&format!("mean of {} combinations", standard.len()), mean(&standard), mean(&low), "");
    line("worst of them", least(&standard), least(&low), "");
}

const PARAMETERS: [&str; 6] =
    ["power", "floor", "level half-life", "heights half-life", "recent weight", "recent half-life"];

/// The settings with parameter `at` of [`PARAMETERS`] multiplied by `off`.
fn changed(at: usize, off: f64, mut settings: RaritySettings) -> RaritySettings {
    let times = |ms: i64| (ms as f64 * off) as i64;
    match at {
        0 => settings.power *= off,
        1 => settings.floor *= off,
        2 => settings.level_half_life_ms = times(settings.level_half_life_ms),
        3 => settings.heights_half_life_ms = times(settings.heights_half_life_ms),
        4 => settings.recent_weight *= off,
        _ => settings.recent_half_life_ms = times(settings.recent_half_life_ms),
    }
    settings
}

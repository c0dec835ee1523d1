//! The score of the decision that makes an alert, on labelled series of counts, by the rules of the Numenta Anomaly Benchmark.
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
use spiketail::detect::scales::ScaleSettings;

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
    let ours = score(&all, detectors::spikes);
    let took = begun.elapsed();
    report("spikes, defaults", &ours);
    let alert = data::ALERT_SCORE;
    let own = |profile| scorer::at_threshold(&ours, profile, alert).normalised;
    line(
        "spikes, at the threshold of an alert",
        own(STANDARD),
        own(LOW_FALSE_POSITIVES),
        &found(&all, &ours, alert),
    );
    left_out("spikes, threshold chosen on the others", &ours);
    let gaussian = score(&all, detectors::windowed_gaussian);
    report("windowed Gaussian", &gaussian);
    let fixed = |profile| scorer::at_threshold(&gaussian, profile, GAUSSIAN_THRESHOLD).normalised;
    line("windowed Gaussian, at 1 - 4.4e-13", fixed(STANDARD), fixed(LOW_FALSE_POSITIVES), "");
    let buckets: usize = all.iter().map(|series| series.counts.len()).sum();
    println!("\na bucket takes {:.0} ns", took.as_nanos() as f64 / buckets as f64);
    each(&all, &ours);
    cut_anew(&all);
    sensitivity(&all);
}

/// The series cut at other rows and put together the other way round: nothing may depend on the order of the events.
fn cut_anew(all: &[Series]) {
    println!("\n{:<44} {:>8} {:>8}", "spikes, the series cut at a share of the rows", "standard", "low FP");
    for share in data::CUTS {
        let cut: Vec<Series> = all.iter().map(|series| series.cut(share)).collect();
        let scored = score(&cut, detectors::spikes);
        report(&format!("at {share}"), &scored);
        println!("{:<62}  {}", "", found(&cut, &scored, data::ALERT_SCORE));
    }
}

/// Windows found by alerts, and alerts outside of windows.
fn found(all: &[Series], scored: &[Scored], threshold: f64) -> String {
    let tally = data::tally(all, scored, threshold);
    format!("{}/{} windows, {:.2} false alerts a month", tally.found, tally.windows, tally.false_a_month)
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
    println!("\n{:<44} {:>8} {:>8}", "spikes, at the threshold for all", "standard", "low FP");
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

/// The score with each parameter three tenths lower and higher, then with all of them off at random, also on series cut anew.
fn sensitivity(all: &[Series]) {
    const RUNS: usize = 40;
    println!("\n{:<44} {:>8} {:>8}", "score with one parameter off by 30%", "standard", "low FP");
    let scored =
        |series: &[Series], settings: ScaleSettings| score(series, |one| detectors::with(one, &settings));
    for (at, name) in PARAMETERS.iter().enumerate() {
        for off in [0.7, 1.3] {
            report(&format!("{name} × {off}"), &scored(all, changed(at, off, ScaleSettings::default())));
        }
    }
    let mut rng = fastrand::Rng::with_seed(1);
    let cuts: Vec<Vec<Series>> =
        data::CUTS.iter().map(|share| all.iter().map(|series| series.cut(*share)).collect()).collect();
    let (mut here, mut anew) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let settings = (0..PARAMETERS.len())
            .fold(ScaleSettings::default(), |settings, at| changed(at, 0.7 + 0.6 * rng.f64(), settings));
        here.push(both(&scored(all, settings)));
        anew.extend(cuts.iter().map(|cut| both(&scored(cut, settings))));
    }
    println!(
        "\n{:<44} {:>8} {:>8}",
        format!("all off at random within 30%, {RUNS} times"),
        "standard",
        "low FP"
    );
    for (name, scores) in [("as they are", here), ("cut anew", anew)] {
        let of = |pick: fn(&(f64, f64)) -> f64| scores.iter().map(pick).collect::<Vec<_>>();
        let mean = |scores: &[f64]| scores.iter().sum::<f64>() / scores.len() as f64;
        let least = |scores: &[f64]| scores.iter().copied().fold(f64::INFINITY, f64::min);
        let (standard, low) = (of(|one| one.0), of(|one| one.1));
        line(&format!("{name}, mean"), mean(&standard), mean(&low), "");
        line(&format!("{name}, worst"), least(&standard), least(&low), "");
    }
}

fn both(scored: &[Scored]) -> (f64, f64) {
    (scorer::best(scored, STANDARD).normalised, scorer::best(scored, LOW_FALSE_POSITIVES).normalised)
}

const PARAMETERS: [&str; 17] = [
    "gain",
    "gain's power",
    "floor",
    "greatest ratio",
    "least ratio",
    "fall",
    "level half-life",
    "rare half-life",
    "record half-life",
    "young",
    "odds",
    "quiet",
    "escalation",
    "budget",
    "margin",
    "12 buckets",
    "72 buckets",
];

/// The settings with parameter `at` of [`PARAMETERS`] multiplied by `off`.
fn changed(at: usize, off: f64, mut settings: ScaleSettings) -> ScaleSettings {
    let times = |ms: i64| (ms as f64 * off) as i64;
    match at {
        0 => settings.gain *= off,
        1 => settings.gain_power *= off,
        2 => settings.floor *= off,
        3 => settings.ratio_max *= off,
        4 => settings.ratio_min *= off,
        5 => settings.fall_max *= off,
        6 => settings.level_half_life_ms = times(settings.level_half_life_ms),
        7 => settings.rare_half_life_ms = times(settings.rare_half_life_ms),
        8 => settings.record_half_life_ms = times(settings.record_half_life_ms),
        9 => settings.young_ms = times(settings.young_ms),
        10 => settings.odds *= off,
        11 => settings.quiet_ms = times(settings.quiet_ms),
        12 => settings.escalation *= off,
        13 => settings.budget *= off,
        14 => settings.margin *= off,
        15 => settings.windows[1] = (settings.windows[1] as f64 * off).round() as usize,
        _ => settings.windows[2] = (settings.windows[2] as f64 * off).round() as usize,
    }
    settings
}

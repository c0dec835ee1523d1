//! Practitioners' rules for spikes beside ours, on the same series: what they find, how often they are wrong, and how late they are.
//!
//! `cargo bench --bench spikes [-- FOLDER]`, or with the folder in `SPIKETAIL_NAB`: labelled series as `benches/nab.rs` reads them. Without
//! a folder only the made-up series are judged.
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]
#![allow(dead_code, reason = "the scorer is shared with another benchmark")]

#[path = "nab/data.rs"]
mod data;
#[path = "spikes/made_up.rs"]
mod made_up;
#[path = "spikes/rules.rs"]
mod rules;
#[path = "nab/scorer.rs"]
mod scorer;
#[path = "spikes/spectral.rs"]
mod spectral;
#[path = "synthetic/variates.rs"]
mod variates;

use std::path::PathBuf;

use data::Series;
use rules::{RULES, Rule};
use scorer::Scored;

/// The common budget: so many false alerts a series and month.
const BUDGET: f64 = 1.0;
/// Minutes of a row.
const ROW_MINUTES: f64 = 5.0;

fn main() {
    let folder = std::env::args().skip(1).find(|arg| !arg.starts_with("--")).map(PathBuf::from);
    match folder.or_else(|| std::env::var_os("SPIKETAIL_NAB").map(PathBuf::from)) {
        Some(folder) => match data::load(&folder) {
            Ok(all) => labelled(&all),
            Err(error) => {
                eprintln!("cannot read the series: {error}");
                std::process::exit(1);
            }
        },
        None => println!(
            "labelled series are skipped: give their folder, `cargo bench --bench spikes -- FOLDER`\n"
        ),
    }
    made_up();
}

/// What a rule does with labelled series at one threshold.
struct Result {
    found: usize,
    windows: usize,
    false_a_month: f64,
    /// Median minutes from the centre of a window, which is its label, to the first alert.
    delay: Option<f64>,
}

impl std::fmt::Display for Result {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let delay = self.delay.map_or("–".to_owned(), |minutes| format!("{minutes:+.0}"));
        write!(f, "{:>3}/{} {:>7.2} {delay:>6}", self.found, self.windows, self.false_a_month)
    }
}

fn labelled(all: &[Series]) {
    let cuts: Vec<Vec<Series>> =
        data::CUTS.iter().map(|share| all.iter().map(|series| series.cut(*share)).collect()).collect();
    println!(
        "Labelled series: windows found, false alerts a series and month, median minutes after the label."
    );
    println!(
        "{:<34} {:^20}  {:^20}  {:^20}  {:^20}",
        "",
        "as it comes",
        format!("at {BUDGET} false alert"),
        "cut anew, as it comes",
        format!("at {BUDGET} false alert")
    );
    for rule in RULES {
        let scored = score(all, rule);
        let anew: Vec<(&[Series], Vec<Scored>)> =
            cuts.iter().map(|cut| (&cut[..], score(cut, rule))).collect();
        let here = [(all, scored)];
        let cell = |series: &[(&[Series], Vec<Scored>)], threshold: Option<f64>| {
            threshold.map_or("–".to_owned(), |threshold| result(series, threshold).to_string())
        };
        println!(
            "{:<34} {:<20}  {:<20}  {:<20}  {:<20}",
            rule.name,
            cell(&here, rule.default),
            cell(&here, within_budget(&here)),
            cell(&anew, rule.default),
            cell(&anew, within_budget(&anew)),
        );
    }
}

fn score(all: &[Series], rule: &Rule) -> Vec<Scored> {
    let scored = |series: &Series| Scored {
        scores: (rule.scores)(&series.starts_ms, &series.counts),
        windows: series.windows.clone(),
    };
    all.iter().map(scored).collect()
}

fn result(groups: &[(&[Series], Vec<Scored>)], threshold: f64) -> Result {
    let mut result = Result { found: 0, windows: 0, false_a_month: 0.0, delay: None };
    let mut delays = Vec::new();
    for (all, scored) in groups {
        let tally = data::tally(all, scored, threshold);
        result.found += tally.found;
        result.windows += tally.windows;
        result.false_a_month += tally.false_a_month / groups.len() as f64;
        for one in scored {
            let begin = scorer::probation(one.scores.len());
            for (first, last) in one.windows.iter().filter(|(_, last)| *last >= begin) {
                let alert = (begin.max(*first)..=*last).find(|at| one.scores[*at] >= threshold);
                delays.extend(
                    alert.map(|at| (at as f64 - f64::midpoint(*first as f64, *last as f64)) * ROW_MINUTES),
                );
            }
        }
    }
    delays.sort_by(f64::total_cmp);
    result.delay = delays.get(delays.len() / 2).copied();
    result
}

/// The lowest threshold with at most the budget of false alerts.
fn within_budget(groups: &[(&[Series], Vec<Scored>)]) -> Option<f64> {
    let mut thresholds: Vec<f64> =
        groups.iter().flat_map(|(_, scored)| scored).flat_map(|one| one.scores.iter().copied()).collect();
    thresholds.retain(|score| score.is_finite() && *score > 0.0);
    thresholds.sort_by(|a, b| b.total_cmp(a));
    thresholds.dedup();
    // False alerts grow as the threshold falls, but for those that grow together.
    let is_within = |threshold: &f64| result(groups, *threshold).false_a_month <= BUDGET;
    let (mut low, mut high) = (0, thresholds.len());
    while low < high {
        let middle = usize::midpoint(low, high);
        if is_within(&thresholds[middle]) { low = middle + 1 } else { high = middle }
    }
    low.checked_sub(1).map(|at| thresholds[at])
}

fn made_up() {
    println!("\nMade-up series of 60 days, each rule as it comes. False alerts a series and month:");
    println!("{:<34} {:>8} {:>8} {:>8} {:>8}", "", "flat", "rhythm", "deploy", "holes");
    let rules = || RULES.iter().filter_map(|rule| Some((rule, rule.default?)));
    for (rule, threshold) in rules() {
        let cells = made_up::SHAPES.map(|shape| made_up::false_alerts(rule, threshold, shape));
        let cells: Vec<String> = cells.iter().map(|cell| format!("{cell:>8.2}")).collect();
        println!("{:<34} {}", rule.name, cells.join(" "));
    }
    println!(
        "\nFound in flat ones, of incidents that come once, and of those that come again every five days, in percent:"
    );
    let names: Vec<String> =
        made_up::INCIDENTS.iter().map(|incident| format!("{:>12}", incident.name)).collect();
    println!("{:<34} {}", "", names.join(" "));
    for (rule, threshold) in rules() {
        let cells = made_up::INCIDENTS.map(|incident| {
            let (once, again) = made_up::found(rule, threshold, &incident);
            format!("{:>12}", format!("{once:.0} / {again:.0}"))
        });
        println!("{:<34} {}", rule.name, cells.join(" "));
    }
}

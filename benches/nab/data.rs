//! The labelled series: a folder of `timestamp,value` files, and `windows.json` with their labels.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::civil::DateTime;

use crate::scorer::{self, Scored};

/// The score from which on there is an alert: that of odds of 2.5.
pub(crate) const ALERT_SCORE: f64 = 0.651_354;
/// Where series are cut anew, as shares of their rows.
pub(crate) const CUTS: [f64; 3] = [0.25, 0.5, 0.75];
const MONTH_MS: f64 = 30.0 * 86_400_000.0;
/// Alerts less than so many rows apart are one.
const APART: usize = 12;

/// A series with its labels.
pub(crate) struct Series {
    /// The file's name.
    pub(crate) name: String,
    /// When each bucket began, in milliseconds since the Unix epoch.
    pub(crate) starts_ms: Vec<i64>,
    /// The count of each bucket.
    pub(crate) counts: Vec<u64>,
    /// First and last point of each labelled window.
    pub(crate) windows: Vec<(usize, usize)>,
}

impl Series {
    /// The rows from a share of them on, then those before, at the times of the rows as they were. A window across the cut is left out.
    pub(crate) fn cut(&self, share: f64) -> Series {
        let (len, by) = (self.counts.len(), (self.counts.len() as f64 * share) as usize);
        let mut counts = self.counts.clone();
        counts.rotate_left(by);
        let moved = |at: usize| (at + len - by) % len;
        let mut windows: Vec<_> =
            self.windows.iter().map(|(first, last)| (moved(*first), moved(*last))).collect();
        windows.retain(|(first, last)| first <= last);
        windows.sort_unstable();
        Series { name: self.name.clone(), starts_ms: self.starts_ms.clone(), counts, windows }
    }
}

/// What alerts found.
pub(crate) struct Tally {
    pub(crate) found: usize,
    pub(crate) windows: usize,
    /// Alerts outside of windows, as the mean over the series.
    pub(crate) false_a_month: f64,
}

/// Takes the rows of at least `threshold` for alerts, after the time to learn.
pub(crate) fn tally(all: &[Series], scored: &[Scored], threshold: f64) -> Tally {
    let mut tally = Tally { found: 0, windows: 0, false_a_month: 0.0 };
    for (series, one) in all.iter().zip(scored) {
        let begin = scorer::probation(one.scores.len());
        let is_alert = |at: &usize| one.scores[*at] >= threshold;
        let windows = series.windows.iter().filter(|(_, last)| *last >= begin);
        let is_found = |(first, last): &(usize, usize)| (begin.max(*first)..=*last).any(|at| is_alert(&at));
        tally.windows += windows.clone().count();
        tally.found += windows.filter(|window| is_found(window)).count();
        let is_inside = |at: usize| series.windows.iter().any(|(first, last)| (*first..=*last).contains(&at));
        let outside: Vec<usize> =
            (begin..one.scores.len()).filter(|at| is_alert(at) && !is_inside(*at)).collect();
        let apart = outside.windows(2).filter(|pair| pair[1] - pair[0] > APART).count();
        let alerts = apart + usize::from(!outside.is_empty());
        let span_ms = (series.starts_ms[one.scores.len() - 1] - series.starts_ms[begin]) as f64;
        tally.false_a_month += alerts as f64 * MONTH_MS / span_ms / all.len() as f64;
    }
    tally
}

/// Reads all series that `windows.json` in `folder` names.
pub(crate) fn load(folder: &Path) -> Result<Vec<Series>, String> {
    let labels: BTreeMap<String, Vec<(String, String)>> = {
        let text = read(&folder.join("windows.json"))?;
        serde_json::from_str(&text).map_err(|error| format!("windows.json: {error}"))?
    };
    labels.into_iter().map(|(name, windows)| load_one(folder, name, &windows)).collect()
}

fn load_one(folder: &Path, name: String, labels: &[(String, String)]) -> Result<Series, String> {
    let text = read(&folder.join(&name))?;
    let (mut starts_ms, mut counts) = (Vec::new(), Vec::new());
    for (at, line) in text.lines().enumerate().skip(1) {
        let row = line
            .split_once(',')
            .and_then(|(time, value)| Some((time_ms(time)?, value.trim().parse::<f64>().ok()?)));
        let (start_ms, value) =
            row.ok_or_else(|| format!("{name}:{}: no timestamp and value: {line}", at + 1))?;
        starts_ms.push(start_ms);
        counts.push(value as u64);
    }
    let index = |time: &String| {
        let time_ms = time_ms(time).ok_or_else(|| format!("windows.json: no time: {time}"))?;
        starts_ms.binary_search(&time_ms).map_err(|_| format!("windows.json: {name} has no row of {time}"))
    };
    let windows = labels.iter().map(|(first, last)| Ok((index(first)?, index(last)?)));
    let windows = windows.collect::<Result<Vec<_>, String>>()?;
    Ok(Series { name, starts_ms, counts, windows })
}

fn time_ms(text: &str) -> Option<i64> {
    let time: DateTime = text.trim().parse().ok()?;
    Some(time.in_tz("UTC").ok()?.timestamp().as_millisecond())
}

#[allow(clippy::disallowed_methods, reason = "the folder is named by who runs the benchmark")]
fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

//! The labelled series: a folder of `timestamp,value` files, and `windows.json` with their labels.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::civil::DateTime;

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

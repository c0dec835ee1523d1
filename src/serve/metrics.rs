//! Figures for Prometheus, gathered when it asks.
//!
//! Counters are those of the engine, which go on across restarts.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

pub use super::families::DurationMetrics;
use super::families::{Families, Family, Sample};
pub use super::path_labels::FileMetrics;
use super::path_labels::{OVERFLOW, PATHS_MAX, PathLabels, Sums};
use super::process::ProcessMetrics;
use crate::fmt::display_path;

/// What is known of one alert.
#[derive(Debug, Clone)]
pub struct AlertMetrics {
    /// Its name.
    pub alert: String,
    /// Its watch.
    pub watch: String,
    /// Its path, if it is by path.
    pub path: Option<PathBuf>,
    /// Its severity.
    pub severity: String,
    /// `inactive`, `pending` or `firing`.
    pub state: &'static str,
}

/// What is known of one pattern.
#[derive(Debug, Clone)]
pub struct PatternMetrics {
    /// Its watch.
    pub watch: String,
    /// Its rule.
    pub rule: String,
    /// Its id.
    pub pattern: String,
    /// Its text.
    pub text: String,
    /// How many lines.
    pub lines: u64,
}

/// What is known of one output that answers.
#[derive(Debug, Clone, Default)]
pub struct OutputMetrics {
    /// Its name.
    pub output: String,
    /// How many alerts wait for it.
    pub waiting: usize,
    /// How many alerts had which result.
    pub results: Vec<(&'static str, u64)>,
}

/// What is known of the configuration.
#[derive(Debug, Clone, Default)]
pub struct ConfigurationMetrics {
    /// Names what is in use.
    pub hash: String,
    /// Whether the last reload was applied.
    pub is_last_reload_applied: bool,
    /// When it was applied last, in seconds since the epoch.
    pub applied_s: f64,
}

/// Everything that Prometheus is reported.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    /// Every watched path.
    pub files: Vec<FileMetrics>,
    /// What paths had that were forgotten, by watch.
    pub forgotten: Vec<FileMetrics>,
    /// Every alert.
    pub alerts: Vec<AlertMetrics>,
    /// The patterns that matter most.
    pub patterns: Vec<PatternMetrics>,
    /// Scans that were thrown away.
    pub torn_scans: u64,
    /// How often the kernel lost events.
    pub watch_overflows: u64,
    /// Events that outputs dropped.
    pub output_dropped: u64,
    /// Watched paths that cannot be read.
    pub files_unreadable: usize,
    /// Whether the state can be written.
    pub is_state_writable: bool,
    /// How many pushes of figures each output took, and how many it did not.
    pub pushes: Vec<(String, u64, u64)>,
    /// How outputs that answer stand.
    pub outputs: Vec<OutputMetrics>,
    /// What the process takes.
    pub process: ProcessMetrics,
    /// When the daemon started, in seconds since the epoch.
    pub started_s: f64,
    /// The configuration.
    pub configuration: ConfigurationMetrics,
    /// How long turns took.
    pub turns: DurationMetrics,
    /// How long commits took.
    pub commits: DurationMetrics,
}

/// Gives figures their names and labels.
#[derive(Debug, Default)]
pub struct Exposition {
    labels: Mutex<PathLabels>,
}

impl Exposition {
    /// The figures by name.
    #[must_use]
    pub fn families(&self, figures: &Metrics) -> Vec<Family> {
        let mut families = Families::default();
        self.of_files(figures, &mut families);
        of_alerts(figures, &mut families);
        of_patterns(figures, &mut families);
        of_outputs(figures, &mut families);
        of_daemon(figures, &mut families);
        of_process(&figures.process, figures.started_s, &mut families);
        families.0
    }

    fn of_files(&self, figures: &Metrics, families: &mut Families) {
        let mut sums = self.labels.lock().unwrap_or_else(PoisonError::into_inner);
        let sums = sums.sums(&figures.files, &figures.forgotten);
        let of = |value: fn(&Sums) -> u64| {
            let metric = |((watch, path), sum): (&(&str, String), &Sums)| {
                Sample::whole(&[("path", path), ("watch", watch)], value(sum))
            };
            sums.iter().map(metric).collect::<Vec<_>>()
        };
        let matched = sums.iter().flat_map(|((watch, path), sum)| {
            let metric = move |(rule, count): (&String, &u64)| {
                Sample::whole(&[("path", path), ("rule", rule), ("watch", watch)], *count)
            };
            sum.matched.iter().map(metric)
        });
        families.kept_counter("spiketail_lines_matched", "Lines that matched a rule.", matched.collect());
        families.kept_counter("spiketail_bytes_read", "Bytes that were judged.", of(|sum| sum.bytes_read));
        families.kept_counter(
            "spiketail_bytes_missed",
            "Bytes that were gone before they could be judged.",
            of(|sum| sum.bytes_missed),
        );
        families.kept_counter(
            "spiketail_file_generations",
            "Files that have stood at the path.",
            of(|sum| sum.generations),
        );
        let lag = sums
            .iter()
            .map(|((watch, path), sum)| Sample::whole(&[("path", path), ("watch", watch)], sum.lag_bytes));
        families.gauge("spiketail_lag_bytes", "Bytes that are there and not judged yet.", lag.collect());
        let present = figures.files.iter().filter(|file| !file.is_absent).count();
        families.gauge("spiketail_files", "Watched paths.", vec![Sample::whole(&[], present as u64)]);
        families.gauge(
            "spiketail_files_unreadable",
            "Watched paths that cannot be read.",
            vec![Sample::whole(&[], figures.files_unreadable as u64)],
        );
    }
}

fn of_alerts(figures: &Metrics, families: &mut Families) {
    let mut states: BTreeMap<[String; 4], u64> = BTreeMap::new();
    let mut paths = 0;
    let mut alerts: Vec<&AlertMetrics> = figures.alerts.iter().collect();
    alerts.sort_by(|a, b| a.path.cmp(&b.path));
    for alert in alerts {
        let path = alert.path.as_deref().map(display_path).unwrap_or_default();
        paths += usize::from(alert.path.is_some());
        let path = if paths > PATHS_MAX { OVERFLOW.to_owned() } else { path };
        let value = match alert.state {
            "firing" => 2,
            "pending" => 1,
            _ => 0,
        };
        let key = [alert.alert.clone(), path, alert.severity.clone(), alert.watch.clone()];
        let state = states.entry(key).or_insert(0);
        *state = (*state).max(value);
    }
    let metric = |([alert, path, severity, watch], value): (&[String; 4], &u64)| {
        Sample::whole(&[("alert", alert), ("path", path), ("severity", severity), ("watch", watch)], *value)
    };
    families.gauge(
        "spiketail_alert_state",
        "State of an alert: 0 inactive, 1 pending, 2 firing.",
        states.iter().map(metric).collect(),
    );
}

fn of_patterns(figures: &Metrics, families: &mut Families) {
    let lines = figures.patterns.iter().map(|of| {
        Sample::whole(&[("pattern", &of.pattern), ("rule", &of.rule), ("watch", &of.watch)], of.lines)
    });
    families.kept_counter(
        "spiketail_pattern_lines",
        "Matching lines of a pattern, of the most frequent and the newest patterns of a rule.",
        lines.collect(),
    );
    // Rules share their patterns.
    let texts: BTreeMap<&str, &str> =
        figures.patterns.iter().map(|of| (of.pattern.as_str(), of.text.as_str())).collect();
    let infos = texts.iter().map(|(pattern, text)| Sample::whole(&[("pattern", pattern), ("text", text)], 1));
    families.gauge("spiketail_pattern_info", "The text of a pattern.", infos.collect());
}

fn of_outputs(figures: &Metrics, families: &mut Families) {
    let waiting = figures
        .outputs
        .iter()
        .map(|of| Sample::whole(&[("output", &of.output)], of.waiting as u64))
        .collect();
    families.gauge("spiketail_output_waiting", "Alerts that wait to be delivered.", waiting);
    let results = figures.outputs.iter().flat_map(|of| {
        of.results
            .iter()
            .map(|(result, count)| Sample::whole(&[("output", &of.output), ("result", result)], *count))
    });
    families.counter(
        "spiketail_deliveries",
        "Alerts that a receiver accepted or refused for good, attempts that failed, and alerts that were given up.",
        results.collect(),
    );
    let pushes = figures.pushes.iter().flat_map(|(output, accepted, failed)| {
        [("accepted", accepted), ("failed", failed)]
            .map(|(result, count)| Sample::whole(&[("output", output), ("result", result)], *count))
    });
    families.counter(
        "spiketail_pushes",
        "Pushes of all metrics that a receiver took or did not.",
        pushes.collect(),
    );
}

fn of_process(process: &ProcessMetrics, started_s: f64, families: &mut Families) {
    families.counter(
        "process_cpu_seconds",
        "How long processors worked for this process, in seconds.",
        vec![Sample::real(&[], process.cpu_s)],
    );
    let gauges = [
        ("process_resident_memory_bytes", "Memory that is occupied.", process.resident_bytes),
        ("process_virtual_memory_bytes", "Address space.", process.virtual_bytes),
        ("process_open_fds", "Open descriptors.", process.open_fds),
        ("process_max_fds", "How many descriptors may be open.", process.fds_max),
        ("process_threads", "Threads.", process.threads),
        ("process_start_time_seconds", "When it started, in seconds since the epoch.", Some(started_s)),
    ];
    for (name, help, value) in gauges {
        families.gauge(name, help, value.map(|value| Sample::real(&[], value)).into_iter().collect());
    }
}

fn of_daemon(figures: &Metrics, families: &mut Families) {
    let one = |value: u64| vec![Sample::whole(&[], value)];
    families.counter(
        "spiketail_torn_scans",
        "Scans that were thrown away because the file changed under them.",
        one(figures.torn_scans),
    );
    families.counter(
        "spiketail_watch_overflows",
        "How often the kernel lost events.",
        one(figures.watch_overflows),
    );
    families.counter(
        "spiketail_output_dropped",
        "Events that an output could not take fast enough.",
        one(figures.output_dropped),
    );
    families.gauge(
        "spiketail_start_time_seconds",
        "When the daemon started, in seconds since the epoch.",
        vec![Sample::real(&[], figures.started_s)],
    );
    families.gauge(
        "spiketail_state_writable",
        "Whether the state can be written.",
        vec![Sample::whole(&[], u64::from(figures.is_state_writable))],
    );
    let ConfigurationMetrics { hash, is_last_reload_applied, applied_s } = &figures.configuration;
    families.gauge(
        "spiketail_config_hash_info",
        "The configuration that is in use.",
        vec![Sample::whole(&[("hash", hash)], 1)],
    );
    families.gauge(
        "spiketail_config_last_reload_successful",
        "Whether the last reload was applied; 1 if there was none.",
        vec![Sample::whole(&[], u64::from(*is_last_reload_applied))],
    );
    families.gauge(
        "spiketail_config_last_reload_success_timestamp_seconds",
        "When a configuration was applied last, in seconds since the epoch.",
        vec![Sample::real(&[], *applied_s)],
    );
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    families.gauge("spiketail_build_info", "The version that runs.", vec![Sample::whole(&version, 1)]);
    let histograms = [
        ("spiketail_turn_duration_seconds", "How long turns of files took.", &figures.turns),
        ("spiketail_commit_duration_seconds", "How long commits of the state took.", &figures.commits),
    ];
    for (name, help, times) in histograms {
        families.durations(name, help, times);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::serve::families::FamilyKind;

    /// Every name of a series.
    fn names() -> BTreeSet<String> {
        let figures = Metrics {
            files: vec![FileMetrics { matched: vec![(String::new(), 1)], ..FileMetrics::default() }],
            alerts: vec![AlertMetrics {
                alert: String::new(),
                watch: String::new(),
                path: None,
                severity: String::new(),
                state: "firing",
            }],
            outputs: vec![OutputMetrics { results: vec![("accepted", 1)], ..OutputMetrics::default() }],
            process: ProcessMetrics::now(),
            ..Metrics::default()
        };
        let mut names = BTreeSet::new();
        for family in Exposition::default().families(&figures) {
            let suffixes: &[&str] = match family.kind {
                FamilyKind::Counter => &["_total"],
                FamilyKind::Gauge => &[""],
                FamilyKind::Histogram => &["_bucket", "_sum", "_count"],
            };
            names.extend(suffixes.iter().map(|suffix| format!("{}{suffix}", family.name)));
        }
        names
    }

    #[test]
    fn the_shipped_dashboard_and_rules_name_series_that_there_are() {
        let names = names();
        for text in [
            include_str!("../../config/grafana/spiketail.json"),
            include_str!("../../config/prometheus/spiketail.rules.yml"),
        ] {
            let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "_:".contains(c)));
            let series = words.filter(|word| word.starts_with("spiketail_") || word.starts_with("process_"));
            let series: BTreeSet<&str> = series.collect();
            assert!(series.len() >= 8, "{series:?}");
            let unknown: Vec<_> = series.iter().filter(|series| !names.contains(**series)).collect();
            assert!(unknown.is_empty(), "{unknown:?} of {names:?}");
        }
    }
}

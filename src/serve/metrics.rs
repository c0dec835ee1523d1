//! Figures for Prometheus, gathered when it asks.
//!
//! Counters are those of the engine, which go on across restarts.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{Encoder, TextEncoder};

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

/// How long something took: the bounds in seconds with how many took no longer, how many there were, and the sum in seconds.
#[derive(Debug, Clone, Default)]
pub struct DurationMetrics {
    /// Upper bounds and cumulative counts.
    pub buckets: Vec<(f64, u64)>,
    /// How many there were.
    pub count: u64,
    /// How long all took, in seconds.
    pub sum_s: f64,
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

/// Writes figures as text.
#[derive(Debug, Default)]
pub struct Exposition {
    labels: Mutex<PathLabels>,
}

/// A label's name and value.
type Label<'l> = (&'static str, &'l str);

struct Families(Vec<MetricFamily>);

impl Families {
    fn add(&mut self, name: &str, help: &str, kind: MetricType, metrics: Vec<Metric>) {
        if metrics.is_empty() {
            return;
        }
        let mut family = MetricFamily::default();
        family.set_name(name.to_owned());
        family.set_help(help.to_owned());
        family.set_field_type(kind);
        family.set_metric(metrics);
        self.0.push(family);
    }

    fn counter(&mut self, name: &str, help: &str, metrics: Vec<Metric>) {
        self.add(name, help, MetricType::COUNTER, metrics);
    }

    fn gauge(&mut self, name: &str, help: &str, metrics: Vec<Metric>) {
        self.add(name, help, MetricType::GAUGE, metrics);
    }
}

fn labelled(labels: &[Label<'_>]) -> Metric {
    let pair = |(name, value): &Label<'_>| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    };
    let mut metric = Metric::default();
    metric.set_label(labels.iter().map(pair).collect());
    metric
}

fn counter(labels: &[Label<'_>], value: u64) -> Metric {
    let mut counter = Counter::default();
    counter.set_value(value as f64);
    let mut metric = labelled(labels);
    metric.set_counter(counter);
    metric
}

fn gauge(labels: &[Label<'_>], value: f64) -> Metric {
    let mut gauge = Gauge::default();
    gauge.set_value(value);
    let mut metric = labelled(labels);
    metric.set_gauge(gauge);
    metric
}

fn histogram(times: &DurationMetrics) -> Metric {
    let bucket = |(bound, count): &(f64, u64)| {
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(*bound);
        bucket.set_cumulative_count(*count);
        bucket
    };
    let mut histogram = Histogram::default();
    histogram.set_bucket(times.buckets.iter().map(bucket).collect());
    histogram.set_sample_count(times.count);
    histogram.set_sample_sum(times.sum_s);
    let mut metric = Metric::default();
    metric.set_histogram(histogram);
    metric
}

impl Exposition {
    /// The figures in Prometheus' text format, and its media type.
    #[must_use]
    pub fn text(&self, figures: &Metrics) -> (String, Vec<u8>) {
        let mut families = Families(Vec::new());
        self.of_files(figures, &mut families);
        of_alerts(figures, &mut families);
        of_patterns(figures, &mut families);
        of_outputs(figures, &mut families);
        of_daemon(figures, &mut families);
        of_process(&figures.process, figures.started_s, &mut families);
        let encoder = TextEncoder::new();
        let mut text = Vec::new();
        // Writing to memory does not fail, and every family has a metric.
        let _ = encoder.encode(&families.0, &mut text);
        (encoder.format_type().to_owned(), text)
    }

    fn of_files(&self, figures: &Metrics, families: &mut Families) {
        let mut sums = self.labels.lock().unwrap_or_else(PoisonError::into_inner);
        let sums = sums.sums(&figures.files, &figures.forgotten);
        let of = |value: fn(&Sums) -> u64| {
            let metric = |((watch, path), sum): (&(&str, String), &Sums)| {
                counter(&[("path", path), ("watch", watch)], value(sum))
            };
            sums.iter().map(metric).collect::<Vec<_>>()
        };
        let matched = sums.iter().flat_map(|((watch, path), sum)| {
            let metric = move |(rule, count): (&String, &u64)| {
                counter(&[("path", path), ("rule", rule), ("watch", watch)], *count)
            };
            sum.matched.iter().map(metric)
        });
        families.counter("spiketail_lines_matched_total", "Lines that matched a rule.", matched.collect());
        families.counter("spiketail_bytes_read_total", "Bytes that were judged.", of(|sum| sum.bytes_read));
        families.counter(
            "spiketail_bytes_missed_total",
            "Bytes that were gone before they could be judged.",
            of(|sum| sum.bytes_missed),
        );
        families.counter(
            "spiketail_file_generations_total",
            "Files that have stood at the path.",
            of(|sum| sum.generations),
        );
        let lag = sums
            .iter()
            .map(|((watch, path), sum)| gauge(&[("path", path), ("watch", watch)], sum.lag_bytes as f64));
        families.gauge("spiketail_lag_bytes", "Bytes that are there and not judged yet.", lag.collect());
        let present = figures.files.iter().filter(|file| !file.is_absent).count();
        families.gauge("spiketail_files", "Watched paths.", vec![gauge(&[], present as f64)]);
        families.gauge(
            "spiketail_files_unreadable",
            "Watched paths that cannot be read.",
            vec![gauge(&[], figures.files_unreadable as f64)],
        );
    }
}

fn of_alerts(figures: &Metrics, families: &mut Families) {
    let mut states: BTreeMap<[String; 4], f64> = BTreeMap::new();
    let mut paths = 0;
    let mut alerts: Vec<&AlertMetrics> = figures.alerts.iter().collect();
    alerts.sort_by(|a, b| a.path.cmp(&b.path));
    for alert in alerts {
        let path = alert.path.as_deref().map(display_path).unwrap_or_default();
        paths += usize::from(alert.path.is_some());
        let path = if paths > PATHS_MAX { OVERFLOW.to_owned() } else { path };
        let value = match alert.state {
            "firing" => 2.0,
            "pending" => 1.0,
            _ => 0.0,
        };
        let key = [alert.alert.clone(), path, alert.severity.clone(), alert.watch.clone()];
        let state = states.entry(key).or_insert(0.0);
        *state = state.max(value);
    }
    let metric = |([alert, path, severity, watch], value): (&[String; 4], &f64)| {
        gauge(&[("alert", alert), ("path", path), ("severity", severity), ("watch", watch)], *value)
    };
    families.gauge(
        "spiketail_alert_state",
        "State of an alert: 0 inactive, 1 pending, 2 firing.",
        states.iter().map(metric).collect(),
    );
}

fn of_patterns(figures: &Metrics, families: &mut Families) {
    let lines = figures
        .patterns
        .iter()
        .map(|of| counter(&[("pattern", &of.pattern), ("rule", &of.rule), ("watch", &of.watch)], of.lines));
    families.counter(
        "spiketail_pattern_lines_total",
        "Matching lines of a pattern, of the most frequent and the newest patterns of a rule.",
        lines.collect(),
    );
    // Rules share their patterns.
    let texts: BTreeMap<&str, &str> =
        figures.patterns.iter().map(|of| (of.pattern.as_str(), of.text.as_str())).collect();
    let infos = texts.iter().map(|(pattern, text)| gauge(&[("pattern", pattern), ("text", text)], 1.0));
    families.gauge("spiketail_pattern_info", "The text of a pattern.", infos.collect());
}

fn of_outputs(figures: &Metrics, families: &mut Families) {
    let waiting =
        figures.outputs.iter().map(|of| gauge(&[("output", &of.output)], of.waiting as f64)).collect();
    families.gauge("spiketail_output_waiting", "Alerts that wait to be delivered.", waiting);
    let results = figures.outputs.iter().flat_map(|of| {
        of.results
            .iter()
            .map(|(result, count)| counter(&[("output", &of.output), ("result", result)], *count))
    });
    families.counter(
        "spiketail_deliveries_total",
        "Alerts that a receiver accepted or refused for good, attempts that failed, and alerts that were given up.",
        results.collect(),
    );
}

fn of_process(process: &ProcessMetrics, started_s: f64, families: &mut Families) {
    families.add(
        "process_cpu_seconds_total",
        "How long processors worked for this process, in seconds.",
        MetricType::COUNTER,
        vec![{
            let mut counter = Counter::default();
            counter.set_value(process.cpu_s);
            let mut metric = labelled(&[]);
            metric.set_counter(counter);
            metric
        }],
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
        families.gauge(name, help, value.map(|value| gauge(&[], value)).into_iter().collect());
    }
}

fn of_daemon(figures: &Metrics, families: &mut Families) {
    let one = |value: u64| vec![counter(&[], value)];
    families.counter(
        "spiketail_torn_scans_total",
        "Scans that were thrown away because the file changed under them.",
        one(figures.torn_scans),
    );
    families.counter(
        "spiketail_watch_overflows_total",
        "How often the kernel lost events.",
        one(figures.watch_overflows),
    );
    families.counter(
        "spiketail_output_dropped_total",
        "Events that an output could not take fast enough.",
        one(figures.output_dropped),
    );
    families.gauge(
        "spiketail_start_time_seconds",
        "When the daemon started, in seconds since the epoch.",
        vec![gauge(&[], figures.started_s)],
    );
    families.gauge(
        "spiketail_state_writable",
        "Whether the state can be written.",
        vec![gauge(&[], f64::from(u8::from(figures.is_state_writable)))],
    );
    let ConfigurationMetrics { hash, is_last_reload_applied, applied_s } = &figures.configuration;
    families.gauge(
        "spiketail_config_hash_info",
        "The configuration that is in use.",
        vec![gauge(&[("hash", hash)], 1.0)],
    );
    families.gauge(
        "spiketail_config_last_reload_successful",
        "Whether the last reload was applied; 1 if there was none.",
        vec![gauge(&[], f64::from(u8::from(*is_last_reload_applied)))],
    );
    families.gauge(
        "spiketail_config_last_reload_success_timestamp_seconds",
        "When a configuration was applied last, in seconds since the epoch.",
        vec![gauge(&[], *applied_s)],
    );
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    families.gauge("spiketail_build_info", "The version that runs.", vec![gauge(&version, 1.0)]);
    let histograms = [
        ("spiketail_turn_duration_seconds", "How long turns of files took.", &figures.turns),
        ("spiketail_commit_duration_seconds", "How long commits of the state took.", &figures.commits),
    ];
    for (name, help, times) in histograms {
        families.add(name, help, MetricType::HISTOGRAM, vec![histogram(times)]);
    }
}

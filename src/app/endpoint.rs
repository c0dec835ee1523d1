//! What is answered over HTTP: figures for Prometheus, whether all is well, and how everything stands.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;

use super::reload_outcome::ReloadOutcome;
use crate::engine::durations::{BOUNDS_US, Durations};
use crate::engine::report::Reporter;
use crate::engine::{ForgottenTotals, RulePatterns};
use crate::fmt::{display_path, printable};
use crate::notify::push::PushCounts;
use crate::notify::queue::{DeliveryCounts, NotificationQueue, OutputReport};
use crate::output::subscriber::Dropped;
use crate::serve::exposition::{self, TextFormat};
use crate::serve::families::Family;
use crate::serve::http::HttpResponse;
use crate::serve::metrics::{
    AlertMetrics, DurationMetrics, Exposition, FileMetrics, Metrics, OutputMetrics, PatternMetrics,
};
use crate::serve::process::ProcessMetrics;

/// A turn that takes longer than this is stuck.
const STUCK: Duration = Duration::from_secs(30);

/// Where figures come from.
pub(super) struct Endpoint {
    pub(super) view: Reporter,
    pub(super) notifications: Arc<NotificationQueue>,
    pub(super) dropped: Dropped,
    pub(super) overflows: Arc<AtomicU64>,
    pub(super) started: Timestamp,
    pub(super) exposition: Exposition,
    pub(super) reloads: Arc<ReloadOutcome>,
    pub(super) pushes: Arc<PushCounts>,
}

impl Endpoint {
    pub(super) fn metrics(&self) -> HttpResponse {
        self.metrics_as(TextFormat::Prometheus)
    }

    pub(super) fn open_metrics(&self) -> HttpResponse {
        self.metrics_as(TextFormat::OpenMetrics)
    }

    fn metrics_as(&self, format: TextFormat) -> HttpResponse {
        let text = exposition::text(self.families(), self.view.origin().metric_labels(), format);
        HttpResponse { status: 200, content_type: format.media_type().to_owned(), body: text.into_bytes() }
    }

    /// All figures, without the labels that all of them have.
    pub(super) fn families(&self) -> Vec<Family> {
        self.exposition.families(&self.figures())
    }

    pub(super) fn status_page(&self) -> HttpResponse {
        let mut body = serde_json::to_vec_pretty(&self.status()).unwrap_or_default();
        body.push(b'\n');
        HttpResponse { status: 200, content_type: "application/json".to_owned(), body }
    }

    fn figures(&self) -> Metrics {
        let (files, forgotten) = self.view.files();
        let unreadable = files.iter().filter(|file| file.status.trouble.is_some()).count();
        let files = files.into_iter().map(|file| FileMetrics {
            is_absent: file.status.is_absent,
            watch: file.watch,
            path: file.path,
            matched: file.figures.totals,
            bytes_read: file.figures.bytes_read,
            bytes_missed: file.figures.bytes_missed,
            lag_bytes: file.status.lag(),
            generations: file.status.generation,
        });
        let alerts = self.view.alerts().into_iter().map(|alert| AlertMetrics {
            alert: alert.alert,
            watch: alert.watch,
            path: alert.path,
            severity: alert.severity.as_str().to_owned(),
            state: alert.state,
        });
        Metrics {
            files: files.collect(),
            forgotten: forgotten.into_iter().map(of_forgotten).collect(),
            alerts: alerts.collect(),
            patterns: self.view.patterns(usize::MAX).into_iter().flat_map(of_patterns).collect(),
            torn_scans: self.view.totals().torn_scans,
            watch_overflows: self.overflows.load(Ordering::Relaxed),
            output_dropped: self.dropped.get(),
            files_unreadable: unreadable,
            is_state_writable: self.view.state_error().is_none(),
            pushes: self.pushes.all(),
            outputs: self.notifications.reports().into_iter().map(of_output).collect(),
            process: ProcessMetrics::now(),
            started_s: self.started.as_millisecond() as f64 / 1_000.0,
            configuration: self.reloads.metrics(),
            turns: times(self.view.turns()),
            commits: times(self.view.commits()),
        }
    }

    /// The path that is stuck, and for how long.
    pub(super) fn stuck(&self) -> Option<(PathBuf, Duration)> {
        self.view.longest_turn().filter(|(_, took)| *took > STUCK)
    }

    /// Whether the engine makes progress, something can be read, and the state can be written.
    pub(super) fn health(&self) -> HttpResponse {
        let (files, _) = self.view.files();
        let mut troubles = files.iter().map(|file| file.status.trouble.as_ref());
        let trouble = match (self.stuck_sentence(), self.view.state_error(), files.first()) {
            (Some(stuck), ..) => Some(stuck),
            (_, Some(trouble), _) => Some(trouble),
            (.., Some(first)) if troubles.all(|trouble| trouble.is_some()) => {
                let (path, why) = (display_path(&first.path), first.status.trouble.clone());
                Some(format!("no file can be read; {path}: {}", why.unwrap_or_default()))
            }
            _ => None,
        };
        answer(trouble)
    }

    fn stuck_sentence(&self) -> Option<String> {
        let (path, took) = self.stuck()?;
        let path = display_path(&path);
        Some(format!("stuck: {path} has been read for {} s; see its filesystem", took.as_secs()))
    }

    /// Whether the engine makes progress. If not, starting again may help.
    pub(super) fn readiness(&self) -> HttpResponse {
        answer(self.stuck_sentence())
    }
}

fn answer(trouble: Option<String>) -> HttpResponse {
    let (status, text) = match trouble {
        Some(trouble) => (503, format!("{}\n", printable(&trouble))),
        None => (200, "ok\n".to_owned()),
    };
    HttpResponse { status, content_type: "text/plain; charset=utf-8".to_owned(), body: text.into_bytes() }
}

fn of_output(report: OutputReport) -> OutputMetrics {
    let DeliveryCounts { accepted, refused, failed, given_up } = report.counts;
    let results =
        vec![("accepted", accepted), ("refused", refused), ("failed", failed), ("given_up", given_up)];
    OutputMetrics { output: report.output, waiting: report.waiting, results }
}

/// The forgotten paths of a watch, as if they were one.
fn of_forgotten(totals: ForgottenTotals) -> FileMetrics {
    FileMetrics {
        watch: totals.watch,
        path: PathBuf::new(),
        matched: totals.matched.into_iter().collect(),
        bytes_read: totals.bytes_read,
        bytes_missed: totals.bytes_missed,
        lag_bytes: 0,
        generations: totals.generations,
        is_absent: true,
    }
}

fn times(durations: &Durations) -> DurationMetrics {
    let (up_to, count, sum_s) = durations.cumulative();
    let buckets = BOUNDS_US.iter().map(|us| *us as f64 / 1e6).zip(up_to).collect();
    DurationMetrics { buckets, count, sum_s }
}

/// So many of the most frequent patterns of a rule have a metric, and so many of the newest.
const PATTERNS_MAX: usize = 25;

/// The most frequent and the newest patterns of a rule. There is no sum of the others: it would fall when one of them comes in.
fn of_patterns(rule: RulePatterns) -> Vec<PatternMetrics> {
    let RulePatterns { watch, rule, mut patterns, .. } = rule;
    let mut newest = patterns.split_off(patterns.len().min(PATTERNS_MAX));
    newest.sort_by_key(|pattern| std::cmp::Reverse((pattern.first_ms, pattern.id)));
    newest.truncate(PATTERNS_MAX);
    patterns.append(&mut newest);
    let metrics = patterns.into_iter().map(|pattern| PatternMetrics {
        watch: watch.clone(),
        rule: rule.clone(),
        pattern: pattern.id.to_string(),
        text: printable(&pattern.text).into_owned(),
        lines: pattern.lines,
    });
    metrics.collect()
}

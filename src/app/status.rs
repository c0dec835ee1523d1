//! How everything stands, for people: in one sentence for systemd, and in full for `spiketail status`.

use jiff::Timestamp;

use super::endpoint::Endpoint;
use crate::alert::manager::AlertStatus;
use crate::engine::{FileReport, ForgottenTotals, RulePatterns};
use crate::fmt::{display_path, printable};
use crate::notify::queue::OutputReport;
use crate::serve::status::{
    Status, StatusAlert, StatusChange, StatusFile, StatusForgotten, StatusOutput, StatusPattern,
};
use crate::serve::systemd::SystemdStatus;
use crate::units::WallTime;

/// So many patterns of a rule are shown.
const PATTERNS_MAX: usize = 20;

impl Endpoint {
    /// What systemd is reported.
    pub(super) fn report(&self) -> SystemdStatus {
        let stuck = self.stuck();
        let sentence = match &stuck {
            Some((path, took)) => {
                format!("stuck: {} has been read for {} s", display_path(path), took.as_secs())
            }
            None => self.sentence(),
        };
        SystemdStatus { sentence: shown(sentence), is_alive: stuck.is_none() }
    }

    fn sentence(&self) -> String {
        let now = self.view.wall();
        let rate: f64 = self.view.activity().iter().map(|recent| recent.rate(now)).sum();
        let files = self.view.totals().files;
        let mut parts =
            vec![format!("watching {files} file{}", if files == 1 { "" } else { "s" }), per_second(rate)];
        let mut firing: Vec<String> =
            self.view.alerts().into_iter().filter(|a| a.state == "firing").map(|a| a.alert).collect();
        let count = firing.len();
        firing.dedup();
        parts.push(match count {
            0 => "no alert firing".to_owned(),
            _ => format!("{count} firing: {}", firing[..firing.len().min(3)].join(", ")),
        });
        let waiting: usize = self.notifications.reports().iter().map(|output| output.waiting).sum();
        if waiting > 0 {
            parts.push(format!("{waiting} to be delivered"));
        }
        parts.extend(self.view.state_error().map(|trouble| format!("degraded: {trouble}")));
        parts.join("; ")
    }

    fn silenced_by(&self, alert: &AlertStatus) -> Option<String> {
        let pattern = alert.pattern.map(|pattern| pattern.to_string());
        let by = self.notifications.silenced_by(&alert.alert, alert.path.as_deref(), pattern.as_deref());
        by.map(|by| shown(by.name))
    }

    /// What `/status` answers.
    pub(super) fn status(&self) -> Status {
        let now = Timestamp::now();
        let (mut files, forgotten) = self.view.files();
        files.sort_by(|a, b| (&a.watch, &a.path).cmp(&(&b.watch, &b.path)));
        let (alerts, wall) = (self.view.alerts(), self.view.wall());
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            config_hash: self.reloads.metrics().hash,
            host: shown(self.view.origin().host.clone()),
            uptime_s: now.as_second() - self.started.as_second(),
            state_trouble: self.view.state_error().map(shown),
            output_dropped: self.dropped.get(),
            alerts: alerts
                .iter()
                .filter(|alert| alert.state != "inactive")
                .map(|alert| StatusAlert { silenced_by: self.silenced_by(alert), ..of_alert(alert) })
                .collect(),
            outputs: self.notifications.reports().into_iter().map(of_output).collect(),
            files: files.into_iter().map(|file| of_file(file, wall)).collect(),
            forgotten: forgotten.into_iter().map(of_forgotten).collect(),
            patterns: self
                .view
                .patterns(PATTERNS_MAX)
                .into_iter()
                .flat_map(|rule| of_patterns(&rule))
                .collect(),
        }
    }
}

fn per_second(rate: f64) -> String {
    // A rate that fades may be just below nothing, and rounding keeps its sign.
    let rate = rate.max(0.0);
    let rounded = if rate < 10.0 { (rate * 10.0).round() / 10.0 } else { rate.round() };
    let rounded = rounded + 0.0;
    format!("{rounded} matching lines a second")
}

/// Texts hold what systems, receivers and names of files say.
fn shown(text: impl AsRef<str>) -> String {
    printable(text.as_ref()).into_owned()
}

fn of_alert(alert: &AlertStatus) -> StatusAlert {
    StatusAlert {
        alert: alert.alert.clone(),
        watch: alert.watch.clone(),
        path: alert.path.as_deref().map(display_path),
        pattern: alert.pattern.map(|pattern| pattern.to_string()),
        severity: alert.severity.as_str().to_owned(),
        state: alert.state.to_owned(),
        since: alert.since.map(|since| since.to_string()),
        count: alert.count,
        silenced_by: None,
    }
}

/// The patterns of a rule, and then the lines of those that are not kept.
fn of_patterns(rule: &RulePatterns) -> Vec<StatusPattern> {
    let time = |at_ms: Option<i64>| at_ms.map(|at_ms| WallTime(at_ms).to_string());
    let of = |pattern: String, text: String, lines| StatusPattern {
        watch: rule.watch.clone(),
        rule: rule.rule.clone(),
        pattern,
        text,
        lines,
        ..StatusPattern::default()
    };
    let patterns = rule.patterns.iter().map(|pattern| StatusPattern {
        first_seen: time(pattern.first_ms),
        last_seen: time(pattern.last_ms),
        ..of(pattern.id.to_string(), shown(&pattern.text), pattern.lines)
    });
    let other = (rule.other > 0).then(|| of("other".to_owned(), String::new(), rule.other));
    patterns.chain(other).collect()
}

fn of_output(report: OutputReport) -> StatusOutput {
    let (at, why) = report.last_error.unzip();
    StatusOutput {
        output: report.output,
        waiting: report.waiting as u64,
        last_error: why.map(shown),
        last_error_at: at.map(|at| at.to_string()),
    }
}

fn of_forgotten(totals: ForgottenTotals) -> StatusForgotten {
    StatusForgotten {
        watch: totals.watch,
        paths: totals.paths,
        lines_matched: totals.matched,
        bytes_missed: totals.bytes_missed,
    }
}

fn of_file(file: FileReport, now: WallTime) -> StatusFile {
    let FileReport { watch, path, figures, status, .. } = file;
    let changes = figures.recent.changes.iter().map(|happened| StatusChange {
        at: happened.at.to_string(),
        event: happened.change.as_str().to_owned(),
        reason: shown(&happened.reason),
    });
    StatusFile {
        watch,
        path: display_path(&path),
        size: status.size,
        offset: status.offset,
        lag: status.size.saturating_sub(status.offset),
        generation: status.generation,
        lines_per_s: (figures.recent.rate(now) * 1_000.0).round() / 1_000.0,
        lines_by_minute: figures.recent.per_minute(now),
        changes: changes.collect(),
        lines_matched: figures.totals.into_iter().collect(),
        bytes_missed: figures.bytes_missed,
        trouble: status.trouble.map(shown),
    }
}

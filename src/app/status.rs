//! How everything stands, for people: in one sentence for systemd, and in full for `spiketail status`.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::endpoint::Endpoint;
use crate::alert::manager::AlertStatus;
use crate::engine::FileReport;
use crate::fmt::display_path;
use crate::notify::queue::OutputReport;
use crate::serve::systemd::SystemdStatus;
use crate::units::{ClockShift, WallTime};

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
        SystemdStatus { sentence, is_alive: stuck.is_none() }
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

    /// What `/status` answers.
    pub(super) fn status(&self) -> Value {
        let now = Timestamp::now();
        let mut files = self.view.files();
        files.sort_by(|a, b| (&a.watch, &a.path).cmp(&(&b.watch, &b.path)));
        let alerts = self.view.alerts();
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "uptime_s": now.as_second() - self.started.as_second(),
            "state_trouble": self.view.state_error(),
            "output_dropped": self.dropped.get(),
            "alerts": alerts.iter().filter(|alert| alert.state != "inactive").map(|alert| of_alert(alert, self.view.shift())).collect::<Vec<_>>(),
            "outputs": self.notifications.reports().iter().map(of_output).collect::<Vec<_>>(),
            "files": files.iter().map(|file| of_file(file, self.view.wall())).collect::<Vec<_>>(),
        })
    }
}

fn per_second(rate: f64) -> String {
    let rounded = if rate < 10.0 { (rate * 10.0).round() / 10.0 } else { rate.round() };
    format!("{rounded} matching lines a second")
}

fn of_alert(alert: &AlertStatus, shift: ClockShift) -> Value {
    json!({
        "alert": alert.alert,
        "watch": alert.watch,
        "path": alert.path.as_deref().map(display_path),
        "severity": alert.severity.as_str(),
        "state": alert.state,
        "since": alert.since.map(|since| since.to_wall(shift).to_string()),
        "count": alert.count,
    })
}

fn of_output(report: &OutputReport) -> Value {
    json!({
        "output": report.output,
        "waiting": report.waiting,
        "last_error": report.last_error.as_ref().map(|(_, why)| why),
        "last_error_at": report.last_error.as_ref().map(|(at, _)| at.to_string()),
    })
}

fn of_file(file: &FileReport, now: WallTime) -> Value {
    let figures = &file.figures;
    let totals: serde_json::Map<_, _> =
        figures.totals.iter().map(|(rule, n)| (rule.clone(), (*n).into())).collect();
    let changes = figures.recent.changes.iter().map(|happened| {
        json!({ "at": happened.at.to_string(), "event": happened.change.as_str(), "reason": happened.reason })
    });
    json!({
        "watch": file.watch,
        "path": display_path(&file.path),
        "size": file.status.size,
        "offset": file.status.offset,
        "lag": file.status.size.saturating_sub(file.status.offset),
        "generation": file.status.generation,
        "lines_matched": totals,
        "lines_per_s": (figures.recent.rate(now) * 1_000.0).round() / 1_000.0,
        "lines_by_minute": figures.recent.per_minute(now),
        "bytes_missed": figures.bytes_missed,
        "trouble": file.status.trouble,
        "changes": changes.collect::<Vec<_>>(),
    })
}

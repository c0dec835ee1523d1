//! Events for people: a line each, with the time of day in front; alerts stand out and show their sample lines.

use std::path::Path;

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tracing::Level;

use super::line_format::LineFormat;
use crate::event::{
    AlertEvent, AlertState, CountEvent, Event, FOUND_AT_START, FileEvent, FileEventKind, HealthEvent,
};
use crate::fmt::{counted, display_path, printable};

/// Under the text that follows `10:00:00 `.
const INDENT: &str = "         ";

/// The form for people.
#[derive(Debug, Clone)]
pub struct Console {
    palette: Palette,
    /// Instead of the zone of the system, which may change.
    zone: Option<TimeZone>,
}

/// A style for each thing that is not plain; all of them are empty without colour.
#[derive(Debug, Clone, Copy, Default)]
struct Palette {
    dim: Style,
    firing: Style,
    resolved: Style,
    caution: Style,
}

impl Console {
    /// Writes times of day in the zone of the system, and escape sequences only if `color` is set.
    #[must_use]
    pub fn new(color: bool) -> Console {
        let ansi = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
        let palette = if color {
            Palette {
                dim: Style::new().dimmed(),
                firing: ansi(AnsiColor::Red).bold(),
                resolved: ansi(AnsiColor::Green),
                caution: ansi(AnsiColor::Yellow),
            }
        } else {
            Palette::default()
        };
        Console { palette, zone: None }
    }

    /// The event without the time of day.
    pub(super) fn sentence(&self, event: &Event, now: Timestamp) -> String {
        match event {
            Event::Count(event) => Console::count(event),
            Event::Alert(event) => self.alert(event, now),
            Event::File(event) => self.file(event),
            Event::Health(event) => Console::health(event),
        }
    }

    fn count(event: &CountEvent) -> String {
        let (path, rule) = (display_path(&event.path), printable(&event.rule));
        format!("{path}  {rule} +{} ({})\n", event.delta, event.total)
    }

    fn alert(&self, event: &AlertEvent, now: Timestamp) -> String {
        let place = place(event.path.as_deref(), &event.watch);
        let (name, severity) = (printable(&event.alert), event.severity);
        let host =
            if event.host.is_empty() { String::new() } else { format!(" on {}", printable(&event.host)) };
        if event.state == AlertState::Resolved {
            let style = self.palette.resolved;
            let ended = if event.late { event.at.parse().unwrap_or(now) } else { now };
            let after =
                fired_for(&event.since, ended).map(|time| format!(" after {time}")).unwrap_or_default();
            let late = if event.late { format!(" (late: {})", printable(&event.at)) } else { String::new() };
            return format!(
                "{style}RESOLVED{style:#} {severity} {name}{host}{after}{late}{}  {place}\n",
                outcome(event)
            );
        }
        let style = self.palette.firing;
        let late = if event.late { format!(" (late: {})", printable(&event.at)) } else { String::new() };
        let said = said(event);
        let mut text = format!(
            "{style}FIRING{style:#} {severity} {style}{name}{style:#}{host}: {said}{late}  {place}\n"
        );
        let breakdown = event.breakdown();
        let samples = event.telling_samples();
        for line in breakdown.iter().map(String::as_str).chain(samples) {
            text.push_str(INDENT);
            text.push_str(&printable(line));
            text.push('\n');
        }
        if let Some(runbook) = &event.runbook {
            text.push_str(&format!("{INDENT}runbook: {}\n", printable(runbook)));
        }
        text
    }

    fn file(&self, event: &FileEvent) -> String {
        let style = match event.event {
            FileEventKind::Missed | FileEventKind::Unreadable => self.palette.caution,
            FileEventKind::Recovered | FileEventKind::Status => Style::new(),
            FileEventKind::Opened
            | FileEventKind::Rotated
            | FileEventKind::Truncated
            | FileEventKind::Rewritten
            | FileEventKind::Removed => self.palette.dim,
        };
        let mut text = format!("{}  {}", display_path(&event.path), event.event.as_str());
        if let Some(bytes) = event.bytes {
            text.push_str(&format!(" {bytes} bytes"));
        }
        if let (Some(offset), Some(size)) = (event.offset, event.size) {
            text.push_str(&format!(" at {offset} of {size} bytes"));
        }
        if let Some(total) = event.total {
            text.push_str(&format!(" ({total})"));
        }
        if !event.reason.is_empty() {
            text.push_str(": ");
            text.push_str(&printable(&event.reason));
        }
        format!("{style}{text}{style:#}\n")
    }

    fn health(event: &HealthEvent) -> String {
        let said = if event.reason.is_empty() { event.event.as_str() } else { &event.reason };
        // An error of a configuration has several lines.
        let lines: Vec<_> = said.lines().map(printable).collect();
        format!("{}\n", lines.join(&format!("\n{INDENT}")))
    }
}

impl LineFormat for Console {
    fn encode(&self, event: &Event, _level: Level, now: Timestamp) -> Vec<u8> {
        if is_told_together(event) {
            return Vec::new();
        }
        let zone = self.zone.clone().unwrap_or_else(TimeZone::system);
        let time = now.to_zoned(zone).strftime("%H:%M:%S").to_string();
        let dim = self.palette.dim;
        format!("{dim}{time}{dim:#} {}", self.sentence(event, now)).into_bytes()
    }
}

/// Whether one line at the start tells it with others like it.
pub(super) fn is_told_together(event: &Event) -> bool {
    matches!(event, Event::File(file) if file.event == FileEventKind::Opened && file.reason == FOUND_AT_START)
}

/// What an alert saw: `57 errors in 60s (threshold 50)`.
fn said(event: &AlertEvent) -> String {
    let (rule, why) = (printable(&event.rule), printable(&event.why));
    let counted = counted(event.count, &event.rule);
    match event.condition.as_str() {
        "silence" => format!("no {rule} for {}", span(event.window_s)),
        "new" => format!("{counted} ({why})"),
        _ => format!("{counted} in {} ({why})", span(event.window_s)),
    }
}

/// What there was of an alert that is over: `: 412 errors, at most 301 in 60s`.
fn outcome(event: &AlertEvent) -> String {
    match (event.total, event.peak) {
        (Some(total), Some(peak)) if total > 0 && event.window_s > 0.0 => {
            format!(": {}, at most {peak} in {}", counted(total, &event.rule), span(event.window_s))
        }
        _ => String::new(),
    }
}

fn place(path: Option<&Path>, watch: &str) -> String {
    match path {
        Some(path) => display_path(path),
        None => format!("watch {}", printable(watch)),
    }
}

/// How long ago `since` was, or `None` if that is unknown.
fn fired_for(since: &str, now: Timestamp) -> Option<String> {
    let since: Timestamp = since.parse().ok()?;
    let seconds = now.as_second().checked_sub(since.as_second())?;
    let seconds = u64::try_from(seconds).ok()?;
    Some(match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {}s", seconds / 60, seconds % 60),
        _ => format!("{}h {}m", seconds / 3600, seconds / 60 % 60),
    })
}

/// A length of time in the largest unit that keeps it whole.
fn span(seconds: f64) -> String {
    if seconds >= 3600.0 && seconds % 3600.0 == 0.0 {
        format!("{}h", seconds / 3600.0)
    } else if seconds > 60.0 && seconds % 60.0 == 0.0 {
        format!("{}m", seconds / 60.0)
    } else {
        format!("{seconds}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{HealthKind, Severity};

    fn text(color: bool, record: &Event) -> String {
        let now: Timestamp = "2026-11-22T10:05:03.9Z".parse().unwrap();
        let console = Console { zone: Some(TimeZone::UTC), ..Console::new(color) };
        String::from_utf8(console.encode(record, Level::INFO, now)).unwrap()
    }

    fn alert(state: AlertState) -> Event {
        Event::Alert(AlertEvent {
            alert: "error-spike".into(),
            state,
            severity: Severity::Critical,
            watch: "app".into(),
            rule: "errors".into(),
            path: None,
            condition: "count".into(),
            count: 57,
            window_s: 60.0,
            threshold: 50.0,
            why: "threshold 50".into(),
            since: "2026-11-22T10:00:00Z".into(),
            fingerprint: "0123456789abcdef".into(),
            samples: vec!["ERROR a".into(), "ERROR \u{1b}]0;x\u{7}\nb".into()],
            ..AlertEvent::default()
        })
    }

    fn file(event: FileEventKind, reason: &str) -> FileEvent {
        FileEvent { event, path: "/l".into(), reason: reason.into(), ..FileEvent::default() }
    }

    #[test]
    fn without_colour_every_kind_is_plain_text() {
        let count = CountEvent {
            rule: "errors".into(),
            path: "/var/log/app.log".into(),
            delta: 3,
            total: 120,
            ..CountEvent::default()
        };
        let missed = FileEvent { bytes: Some(9), ..file(FileEventKind::Missed, "no copy\rfound") };
        let status =
            FileEvent { offset: Some(1), size: Some(2), total: Some(3), ..file(FileEventKind::Status, "") };
        let health = HealthEvent::info(HealthKind::Started, "reads\n2 files");
        let all: String = [
            Event::Count(count),
            alert(AlertState::Firing),
            alert(AlertState::Resolved),
            Event::File(file(FileEventKind::Rotated, "another file stands there")),
            Event::File(missed),
            Event::File(status),
            Event::Health(health),
        ]
        .iter()
        .map(|record| text(false, record))
        .collect();
        assert_eq!(
            all,
            "10:05:03 /var/log/app.log  errors +3 (120)\n\
             10:05:03 FIRING critical error-spike: 57 errors in 60s (threshold 50)  watch app\n\
             \x20        ERROR a\n\
             \x20        ERROR \\x1b]0;x\\x07\\x0ab\n\
             10:05:03 RESOLVED critical error-spike after 5m 3s  watch app\n\
             10:05:03 /l  rotated: another file stands there\n\
             10:05:03 /l  missed 9 bytes: no copy\\x0dfound\n\
             10:05:03 /l  status at 1 of 2 bytes (3)\n\
             10:05:03 reads\n\
             \x20        2 files\n"
        );
    }

    #[test]
    fn colour_marks_what_matters_and_is_always_reset() {
        let firing = text(true, &alert(AlertState::Firing));
        assert!(firing.contains("\x1b[1m\x1b[31mFIRING\x1b[0m critical"), "{firing:?}");
        assert!(text(true, &alert(AlertState::Resolved)).contains("\x1b[32mRESOLVED\x1b[0m"));
        assert!(
            text(true, &Event::File(file(FileEventKind::Missed, "x")))
                .contains("\x1b[33m/l  missed: x\x1b[0m\n")
        );
        assert!(
            text(true, &Event::File(file(FileEventKind::Opened, ""))).contains("\x1b[2m/l  opened\x1b[0m\n")
        );
    }

    #[test]
    fn files_that_are_found_at_the_start_are_told_together() {
        assert_eq!(text(false, &Event::File(file(FileEventKind::Opened, FOUND_AT_START))), "");
        assert_ne!(text(false, &Event::File(file(FileEventKind::Opened, "being read now"))), "");
    }

    #[test]
    fn lengths_of_time_are_short() {
        assert_eq!(
            [span(0.5), span(60.0), span(90.0), span(300.0), span(7200.0)],
            ["0.5s", "60s", "90s", "5m", "2h"]
        );
        let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        assert_eq!(fired_for("2026-11-22T07:59:00Z", now).as_deref(), Some("2h 1m"));
        assert_eq!(fired_for("soon", now), None);
        assert_eq!(fired_for("2026-11-22T10:00:01Z", now), None);
    }
}

//! Events as JSON lines: one flat object a line, whose keys and their order are a contract that others script against.

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use tracing::Level;

use super::line_format::{LineFormat, printable};
use crate::event::{
    AlertEvent, CountEvent, Event, FileEvent, HealthEvent, TARGET_ALERT, TARGET_COUNT, TARGET_FILE,
    TARGET_HEALTH, display_path,
};

/// The JSON-lines form.
#[derive(Debug, Clone, Copy, Default)]
pub struct Json;

impl LineFormat for Json {
    fn text(&self, record: &Event, level: Level, now: Timestamp) -> String {
        match record {
            Event::Count(event) => line(TARGET_COUNT, level, now, &JsonCount::from(event)),
            Event::Alert(event) => line(TARGET_ALERT, level, now, &JsonAlert::from(event)),
            Event::File(event) => line(TARGET_FILE, level, now, &JsonFile::from(event)),
            Event::Health(event) => line(TARGET_HEALTH, level, now, &JsonHealth::from(event)),
        }
    }
}

fn line<B: Serialize>(target: &'static str, level: Level, now: Timestamp, body: &B) -> String {
    let line = JsonLine { timestamp: format!("{now:.6}"), level: level.as_str(), target, body };
    // Only maps with keys that are not text can fail, and there are none here.
    let mut text = serde_json::to_string(&line).unwrap_or_default();
    text.push('\n');
    text
}

#[derive(Serialize)]
struct JsonLine<'a, B> {
    timestamp: String,
    level: &'static str,
    target: &'static str,
    #[serde(flatten)]
    body: &'a B,
}

#[derive(Serialize)]
struct JsonCount {
    watch: String,
    rule: String,
    path: String,
    delta: u64,
    total: u64,
    generation: u64,
}

impl From<&CountEvent> for JsonCount {
    fn from(event: &CountEvent) -> JsonCount {
        JsonCount {
            watch: text(&event.watch),
            rule: text(&event.rule),
            path: display_path(&event.path),
            delta: event.delta,
            total: event.total,
            generation: event.generation,
        }
    }
}

#[derive(Serialize)]
struct JsonAlert {
    alert: String,
    state: &'static str,
    severity: String,
    watch: String,
    rule: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    condition: String,
    count: u64,
    #[serde(serialize_with = "whole_if_possible")]
    window_s: f64,
    #[serde(serialize_with = "whole_if_possible")]
    threshold: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<u64>,
    why: String,
    since: String,
    at: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    late: bool,
    fingerprint: String,
    samples: Vec<String>,
}

impl From<&AlertEvent> for JsonAlert {
    fn from(event: &AlertEvent) -> JsonAlert {
        JsonAlert {
            alert: text(&event.alert),
            state: event.state.as_str(),
            severity: text(&event.severity),
            watch: text(&event.watch),
            rule: text(&event.rule),
            path: event.path.as_deref().map(display_path),
            condition: text(&event.condition),
            count: event.count,
            window_s: event.window_s,
            threshold: event.threshold,
            expected: event.expected,
            lines: event.lines,
            why: text(&event.why),
            since: text(&event.since),
            at: text(&event.at),
            late: event.late,
            fingerprint: text(&event.fingerprint),
            samples: event.samples.iter().map(|sample| text(sample)).collect(),
        }
    }
}

#[derive(Serialize)]
struct JsonFile {
    event: &'static str,
    watch: String,
    path: String,
    reason: String,
    generation: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
}

impl From<&FileEvent> for JsonFile {
    fn from(event: &FileEvent) -> JsonFile {
        JsonFile {
            event: event.event.as_str(),
            watch: text(&event.watch),
            path: display_path(&event.path),
            reason: text(&event.reason),
            generation: event.generation,
            bytes: event.bytes,
            offset: event.offset,
            size: event.size,
            total: event.total,
        }
    }
}

#[derive(Serialize)]
struct JsonHealth {
    event: String,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
}

impl From<&HealthEvent> for JsonHealth {
    fn from(event: &HealthEvent) -> JsonHealth {
        JsonHealth { event: text(&event.event), reason: text(&event.message), count: event.count }
    }
}

/// JSON's own escapes come undone in the reader's terminal (`jq -r`), so text is made printable before.
fn text(text: &str) -> String {
    printable(text).into_owned()
}

/// Writes `60` rather than `60.0`: some readers tell integers and floats apart.
fn whole_if_possible<S: Serializer>(seconds: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    // Below 2^53 every whole f64 is exact as an integer.
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    if seconds.fract() == 0.0 && (0.0..EXACT_MAX).contains(seconds) {
        serializer.serialize_u64(*seconds as u64)
    } else {
        serializer.serialize_f64(*seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{AlertState, FileEventKind};

    fn json(record: &Event, level: Level) -> String {
        let now: Timestamp = "2026-11-22T10:00:00.123456789Z".parse().unwrap();
        Json.text(record, level, now)
    }

    #[test]
    fn a_count_is_the_line_of_the_contract() {
        let event = CountEvent {
            watch: "app".into(),
            rule: "errors".into(),
            path: "/var/log/app.log".into(),
            delta: 3,
            total: 120,
            generation: 2,
        };
        assert_eq!(
            json(&Event::Count(event), Level::INFO),
            concat!(
                r#"{"timestamp":"2026-11-22T10:00:00.123456Z","level":"INFO","target":"spiketail::count","#,
                r#""watch":"app","rule":"errors","path":"/var/log/app.log","delta":3,"total":120,"generation":2}"#,
                "\n"
            )
        );
    }

    #[test]
    fn an_alert_is_the_line_of_the_contract() {
        let mut event = AlertEvent {
            alert: "error-spike".into(),
            state: AlertState::Firing,
            severity: "critical".into(),
            watch: "app".into(),
            rule: "errors".into(),
            path: None,
            condition: "count".into(),
            count: 57,
            window_s: 60.0,
            threshold: 50.0,
            why: "threshold 50".into(),
            since: "2026-11-22T09:59:58Z".into(),
            at: "2026-11-22T09:59:59Z".into(),
            fingerprint: "0123456789abcdef".into(),
            samples: vec!["a \"b\"\u{1b}[1m".into()],
            ..AlertEvent::default()
        };
        let head = r#"{"timestamp":"2026-11-22T10:00:00.123456Z","level":"ERROR","target":"spiketail::alert","alert":"error-spike","#;
        let times = r#""since":"2026-11-22T09:59:58Z","at":"2026-11-22T09:59:59Z","#;
        let tail = concat!(r#""fingerprint":"0123456789abcdef","samples":["a \"b\"\\x1b[1m"]}"#, "\n");
        let want = format!(
            r#"{head}"state":"firing","severity":"critical","watch":"app","rule":"errors","condition":"count","count":57,"window_s":60,"threshold":50,"why":"threshold 50",{times}{tail}"#
        );
        assert_eq!(json(&Event::Alert(event.clone()), Level::ERROR), want);

        event.path = Some("/l".into());
        event.window_s = 0.5;
        event.state = AlertState::Resolved;
        (event.expected, event.lines, event.late) = (Some(4.25), Some(900), true);
        let want = format!(
            r#"{head}"state":"resolved","severity":"critical","watch":"app","rule":"errors","path":"/l","condition":"count","count":57,"window_s":0.5,"threshold":50,"expected":4.25,"lines":900,"why":"threshold 50",{times}"late":true,{tail}"#
        );
        assert_eq!(json(&Event::Alert(event), Level::ERROR), want);
    }

    #[test]
    fn file_and_health_leave_out_what_is_absent() {
        let mut file = FileEvent {
            event: FileEventKind::Missed,
            watch: "app".into(),
            path: "/l".into(),
            reason: "gone\nfor good".into(),
            generation: 3,
            bytes: Some(7),
            ..FileEvent::default()
        };
        let head = r#"{"timestamp":"2026-11-22T10:00:00.123456Z","level":"WARN","target":"spiketail::"#;
        assert_eq!(
            json(&Event::File(file.clone()), Level::WARN),
            format!(
                r#"{head}file","event":"missed","watch":"app","path":"/l","reason":"gone\\x0afor good","generation":3,"bytes":7}}{}"#,
                "\n"
            )
        );
        file = FileEvent { event: FileEventKind::Status, bytes: None, ..file };
        file.offset = Some(1);
        file.size = Some(2);
        file.total = Some(3);
        let line = json(&Event::File(file), Level::WARN);
        assert!(line.ends_with("\"generation\":3,\"offset\":1,\"size\":2,\"total\":3}\n"), "{line}");

        let mut health = HealthEvent {
            event: "started".into(),
            message: "reads 2 files".into(),
            count: None,
            warning: true,
        };
        assert_eq!(
            json(&Event::Health(health.clone()), Level::WARN),
            format!(r#"{head}health","event":"started","reason":"reads 2 files"}}{}"#, "\n")
        );
        health.count = Some(2);
        assert!(json(&Event::Health(health), Level::WARN).ends_with("\"reads 2 files\",\"count\":2}\n"));
    }
}

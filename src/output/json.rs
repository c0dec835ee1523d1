//! Events as JSON lines: one flat object a line, whose keys and their order are a contract that others script against.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::ser::{CharEscape, CompactFormatter, Formatter, Serializer};
use tracing::Level;

use super::line_format::LineFormat;
use crate::event::{Event, EventKind, EventOrigin};
use crate::fmt::printable;

/// The JSON-lines form.
#[derive(Debug, Clone, Default)]
pub struct Json {
    origin: Arc<EventOrigin>,
}

impl Json {
    /// Events say that they come from `origin`. Without a name and labels it is left out.
    #[must_use]
    pub fn new(origin: Arc<EventOrigin>) -> Json {
        Json { origin }
    }
}

impl LineFormat for Json {
    fn encode(&self, record: &Event, level: Level, now: Timestamp) -> Vec<u8> {
        let timestamp = format!("{now:.6}");
        // An alert has both by itself.
        let origin = (record.kind() != EventKind::Alert).then_some(&*self.origin);
        let line = JsonLine {
            timestamp,
            level: level.as_str(),
            target: record.kind().target(),
            record,
            host: origin.and_then(EventOrigin::named_host),
            labels: origin.map(|origin| &origin.labels).filter(|labels| !labels.is_empty()),
        };
        let mut text = Vec::new();
        // Only maps with keys that are not text can fail, and there are none here.
        let _ = line.serialize(&mut Serializer::with_formatter(&mut text, PrintableJson));
        text.push(b'\n');
        text
    }
}

#[derive(Serialize)]
struct JsonLine<'a> {
    timestamp: String,
    level: &'static str,
    target: &'static str,
    #[serde(flatten)]
    record: &'a Event,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<&'a BTreeMap<String, String>>,
}

/// JSON's own escapes are undone by readers (`jq -r`), so text is made printable beneath them.
struct PrintableJson;

impl Formatter for PrintableJson {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let shown = printable(fragment);
        // The fragment itself has no backslash: those that are there now are new, and escaped in their turn.
        let mut parts = shown.split('\\');
        writer.write_all(parts.next().unwrap_or_default().as_bytes())?;
        parts.try_for_each(|part| {
            writer.write_all(b"\\\\")?;
            writer.write_all(part.as_bytes())
        })
    }

    fn write_char_escape<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        let byte = match escape {
            CharEscape::Backspace => 0x08,
            CharEscape::Tab => b'\t',
            CharEscape::LineFeed => b'\n',
            CharEscape::FormFeed => 0x0c,
            CharEscape::CarriageReturn => b'\r',
            CharEscape::AsciiControl(byte) => byte,
            plain => return CompactFormatter.write_char_escape(writer, plain),
        };
        let control = char::from(byte);
        self.write_string_fragment(writer, control.encode_utf8(&mut [0; 4]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{
        AlertEvent, AlertState, CountEvent, FileEvent, FileEventKind, HealthEvent, HealthKind, Severity,
    };

    fn json(record: &Event, level: Level) -> String {
        let now: Timestamp = "2026-11-22T10:00:00.123456789Z".parse().unwrap();
        String::from_utf8(Json::default().encode(record, level, now)).unwrap()
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
    fn an_event_says_where_it_comes_from_if_that_is_configured() {
        let origin = EventOrigin {
            host: "web1".into(),
            is_named: true,
            labels: BTreeMap::from([("dc".into(), "fra".into())]),
        };
        let form = Json::new(Arc::new(origin));
        let line = |event: Event| {
            String::from_utf8(form.encode(&event, Level::INFO, Timestamp::UNIX_EPOCH)).unwrap()
        };
        let health = line(Event::Health(HealthEvent::info(HealthKind::Started, "reads 2 files")));
        assert!(health.ends_with("\"host\":\"web1\",\"labels\":{\"dc\":\"fra\"}}\n"), "{health}");
        let alert = line(Event::Alert(AlertEvent { host: "web1".into(), ..AlertEvent::default() }));
        assert_eq!(alert.matches("web1").count(), 1, "{alert}");
    }

    #[test]
    fn an_alert_is_the_line_of_the_contract() {
        let mut event = AlertEvent {
            alert: "error-spike".into(),
            state: AlertState::Firing,
            severity: Severity::Critical,
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

        let health = HealthEvent::warning(HealthKind::Started, "reads 2 files");
        assert_eq!(
            json(&Event::Health(health.clone()), Level::WARN),
            format!(r#"{head}health","event":"started","reason":"reads 2 files"}}{}"#, "\n")
        );
        assert!(
            json(&Event::Health(health.counting(2)), Level::WARN)
                .ends_with("\"reads 2 files\",\"count\":2}\n")
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_one_line_that_parses_to_what_is_printable(reason: String) {
            let event = HealthEvent::info(HealthKind::Started, reason.clone());
            let line = json(&Event::Health(event), Level::INFO);
            proptest::prop_assert!(line.ends_with('\n') && !line.trim_end_matches('\n').contains(char::is_control));
            let value: serde_json::Value = serde_json::from_str(&line).unwrap();
            let printable = crate::fmt::printable(&reason).into_owned();
            proptest::prop_assert_eq!(value["reason"].as_str().unwrap(), printable);
        }
    }
}

//! OpenTelemetry: alerts as log records, over HTTP. <https://opentelemetry.io/docs/specs/otlp/#otlphttp>

use jiff::Timestamp;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;

use crate::event::{AlertEvent, Severity};
use crate::notify::http::{HttpSender, SendOutcome};
use crate::notify::message::{MessageOrigin, Notification, WebhookAlert};
use crate::notify::settings::HttpSpec;
use crate::store::TransitionRecord;

/// Where log records go.
const PATH: &str = "/v1/logs";
/// The name of the records.
const EVENT_NAME: &str = "spiketail.alert";

/// Posts log records.
pub(super) struct OtlpClient {
    sender: HttpSender,
}

impl OtlpClient {
    pub(super) fn new(http: &HttpSpec) -> Result<OtlpClient, String> {
        Ok(OtlpClient { sender: HttpSender::new(http)? })
    }

    /// Sends a record for each of `transitions`, which `message` is about.
    pub(super) async fn send(
        &self,
        message: &Notification,
        transitions: &[std::sync::Arc<TransitionRecord>],
        origin: &MessageOrigin,
    ) -> SendOutcome {
        let records = message.alerts.iter().zip(transitions);
        let records = records.map(|(alert, transition)| record(alert, &transition.event)).collect();
        let request = ExportLogsServiceRequest {
            resource_logs: vec![ResourceLogs {
                resource: Some(resource(origin)),
                scope_logs: vec![ScopeLogs {
                    scope: Some(InstrumentationScope {
                        name: "spiketail".to_owned(),
                        version: env!("CARGO_PKG_VERSION").to_owned(),
                        ..InstrumentationScope::default()
                    }),
                    log_records: records,
                    ..ScopeLogs::default()
                }],
                ..ResourceLogs::default()
            }],
        };
        let headers = [("content-type".to_owned(), "application/x-protobuf".to_owned())];
        self.sender.send("POST", Some(PATH), &headers, request.encode_to_vec()).await
    }
}

fn resource(origin: &MessageOrigin) -> Resource {
    let own =
        [("service.name", "spiketail"), ("service.instance.id", &origin.host), ("host.name", &origin.host)];
    let own = own.into_iter().map(|(name, value)| attribute(name, text(value)));
    let labels = origin.labels.iter().map(|(name, value)| attribute(name, text(value)));
    Resource { attributes: own.chain(labels).collect(), ..Resource::default() }
}

fn text(text: &str) -> Value {
    Value::StringValue(text.to_owned())
}

fn attribute(name: &str, value: Value) -> KeyValue {
    KeyValue { key: name.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn record(alert: &WebhookAlert, event: &AlertEvent) -> LogRecord {
    // As OpenTelemetry numbers severities: 9 is INFO, 13 WARN, 17 ERROR.
    let (number, name) = match (event.is_firing(), event.severity) {
        (true, Severity::Critical) => (17, "ERROR"),
        (true, Severity::Warning) => (13, "WARN"),
        _ => (9, "INFO"),
    };
    let count = i64::try_from(event.count).unwrap_or(i64::MAX);
    let mut attributes = vec![
        attribute("state", text(event.state.as_str())),
        attribute("fingerprint", text(&event.fingerprint)),
        attribute("since", text(&event.since)),
        attribute("count", Value::IntValue(count)),
    ];
    attributes.extend(alert.labels.iter().map(|(name, value)| attribute(name, text(value))));
    let more = alert.annotations.iter().filter(|(name, _)| !["summary", "count"].contains(&name.as_str()));
    attributes.extend(more.map(|(name, value)| attribute(name, text(value))));
    LogRecord {
        time_unix_nano: nanoseconds(&event.at),
        observed_time_unix_nano: u64::try_from(Timestamp::now().as_nanosecond()).unwrap_or_default(),
        severity_number: number,
        severity_text: name.to_owned(),
        body: Some(AnyValue { value: alert.annotations.get("summary").map(|summary| text(summary)) }),
        attributes,
        event_name: EVENT_NAME.to_owned(),
        ..LogRecord::default()
    }
}

fn nanoseconds(time: &str) -> u64 {
    let at = time.parse::<Timestamp>().unwrap_or_default();
    u64::try_from(at.as_nanosecond()).unwrap_or_default()
}

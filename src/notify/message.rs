//! What a message says: labels, annotations and texts of its alerts, in the form of Alertmanager's webhooks (version 4).

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::notify::queue::NotificationGroup;
use crate::store::TransitionRecord;

/// An alert, as Alertmanager shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WebhookAlert {
    pub(super) status: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) starts_at: String,
    pub(super) ends_at: String,
    #[serde(rename = "generatorURL")]
    pub(super) generator_url: String,
    pub(super) fingerprint: String,
}

/// A message, as Alertmanager's webhooks have it, with a title and a text of our own.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Notification {
    pub(super) version: &'static str,
    pub(super) group_key: String,
    pub(super) truncated_alerts: usize,
    pub(super) status: String,
    pub(super) receiver: String,
    pub(super) group_labels: BTreeMap<String, String>,
    pub(super) common_labels: BTreeMap<String, String>,
    pub(super) common_annotations: BTreeMap<String, String>,
    #[serde(rename = "externalURL")]
    pub(super) external_url: String,
    pub(super) alerts: Vec<WebhookAlert>,
    /// One line.
    pub(super) title: String,
    /// A few lines.
    pub(super) text: String,
}

/// Where messages come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MessageOrigin {
    /// Name of this machine.
    pub(super) host: String,
    /// Where the daemon can be reached, or nothing.
    pub(super) url: String,
}

/// What Alertmanager and its like take for "not yet".
const NEVER: &str = "0001-01-01T00:00:00Z";
/// How many alerts a text lists.
const LISTED_MAX: usize = 10;

/// An alert of a `transition` that happened at `origin`.
pub(super) fn alert(
    transition: &TransitionRecord,
    origin: &MessageOrigin,
    more_labels: &BTreeMap<String, String>,
) -> WebhookAlert {
    let payload: Value = serde_json::from_str(&transition.payload).unwrap_or_default();
    let text = |key: &str| payload.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut labels = more_labels.clone();
    for key in ["severity", "watch", "rule"] {
        labels.insert(key.to_owned(), text(key));
    }
    labels.insert("alertname".to_owned(), text("alert"));
    labels.insert("instance".to_owned(), origin.host.clone());
    if let Some(path) = payload.get("path").and_then(Value::as_str) {
        labels.insert("path".to_owned(), path.to_owned());
    }
    let samples: Vec<&str> = match payload.get("samples") {
        Some(Value::Array(samples)) => samples.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let mut annotations = BTreeMap::new();
    annotations.insert("summary".to_owned(), summary(&payload));
    annotations.insert("why".to_owned(), text("why"));
    annotations.insert("count".to_owned(), transition.count.to_string());
    if !samples.is_empty() {
        annotations.insert("samples".to_owned(), samples.join("\n"));
    }
    if payload.get("late").and_then(Value::as_bool) == Some(true) {
        annotations.insert("late".to_owned(), "the lines were read long after they were written".to_owned());
    }
    let is_firing = transition.state == "firing";
    WebhookAlert {
        status: transition.state.clone(),
        labels,
        annotations,
        starts_at: text("since"),
        ends_at: if is_firing { NEVER.to_owned() } else { text("at") },
        generator_url: if origin.url.is_empty() { String::new() } else { format!("{}/status", origin.url) },
        fingerprint: transition.fingerprint.clone(),
    }
}

/// One line about an alert: `error-spike: 57 errors in 60s (threshold 50) in watch app`.
fn summary(payload: &Value) -> String {
    let text = |key: &str| payload.get(key).and_then(Value::as_str).unwrap_or_default();
    let place = match payload.get("path").and_then(Value::as_str) {
        Some(path) => path.to_owned(),
        None => format!("watch {}", text("watch")),
    };
    let (alert, rule) = (text("alert"), text("rule"));
    if text("state") == "resolved" {
        return format!("{alert} is over: {rule} in {place}");
    }
    let count = payload.get("count").and_then(Value::as_u64).unwrap_or(0);
    let window = payload.get("window_s").and_then(Value::as_f64).unwrap_or(0.0);
    match text("condition") {
        "silence" => format!("{alert}: no {rule} for {window}s in {place}"),
        "new" => format!("{alert}: {count} {rule} in {place} ({})", text("why")),
        _ => format!("{alert}: {count} {rule} in {window}s in {place} ({})", text("why")),
    }
}

/// The message as a notification to `receiver`.
pub(super) fn notification(
    message: &NotificationGroup,
    receiver: &str,
    origin: &MessageOrigin,
    more_labels: &BTreeMap<String, String>,
    listed_max: usize,
) -> Notification {
    let all: Vec<WebhookAlert> = message.transitions.iter().map(|t| alert(t, origin, more_labels)).collect();
    let firing = all.iter().filter(|alert| alert.status == "firing").count();
    let status = if firing > 0 { "firing" } else { "resolved" };
    let common = |of: fn(&WebhookAlert) -> &BTreeMap<String, String>| {
        let mut common = all.first().map(of).cloned().unwrap_or_default();
        common.retain(|key, value| all.iter().all(|alert| of(alert).get(key) == Some(value)));
        common
    };
    let group_labels = BTreeMap::from([("alertname".to_owned(), message.alert.clone())]);
    let title = match all.as_slice() {
        [one] => format!("[{}] {}", status.to_uppercase(), one.annotations["summary"]),
        _ => format!(
            "[{}] {}: {firing} firing, {} resolved on {}",
            status.to_uppercase(),
            message.alert,
            all.len() - firing,
            origin.host
        ),
    };
    let mut lines = Vec::new();
    for alert in all.iter().take(LISTED_MAX) {
        if all.len() > 1 {
            lines.push(alert.annotations["summary"].clone());
        }
        if all.len() == 1 {
            lines.extend(alert.annotations.get("samples").cloned());
        }
    }
    if all.len() > LISTED_MAX {
        lines.push(format!("and {} more", all.len() - LISTED_MAX));
    }
    Notification {
        version: "4",
        group_key: format!("{{}}:{{alertname={:?}}}", message.alert),
        truncated_alerts: all.len().saturating_sub(listed_max),
        status: status.to_owned(),
        receiver: receiver.to_owned(),
        group_labels,
        common_labels: common(|alert| &alert.labels),
        common_annotations: common(|alert| &alert.annotations),
        external_url: origin.url.clone(),
        title,
        text: lines.join("\n"),
        alerts: all.into_iter().take(listed_max).collect(),
    }
}

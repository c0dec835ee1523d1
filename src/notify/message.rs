//! What a message says: labels, annotations and texts of its alerts, in the form of Alertmanager's webhooks (version 4).

use std::collections::BTreeMap;

use serde::Serialize;

use crate::event::{AlertEvent, AlertState};
use crate::fmt::{display_path, printable};
use crate::notify::queue::NotificationGroup;

/// An alert, as Alertmanager shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WebhookAlert {
    pub(super) status: AlertState,
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
    pub(super) status: AlertState,
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

impl WebhookAlert {
    /// The alert of an `event` that happened at `origin`.
    pub(super) fn new(
        event: &AlertEvent,
        origin: &MessageOrigin,
        more_labels: &BTreeMap<String, String>,
    ) -> WebhookAlert {
        let mut labels = more_labels.clone();
        labels.extend(event.labels.clone());
        let path = event.path.as_deref().map(display_path);
        let own = [
            ("alertname", Some(event.alert.clone())),
            ("severity", Some(event.severity.to_string())),
            ("watch", Some(event.watch.clone())),
            ("rule", Some(event.rule.clone())),
            ("path", path),
            ("pattern", event.pattern.clone()),
            ("instance", Some(origin.host.clone())),
        ];
        labels.extend(own.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        let listed = |lines: Vec<String>| (!lines.is_empty()).then(|| lines.join("\n"));
        let shown = |line: &str| printable(line).into_owned();
        let samples = listed(event.telling_samples().into_iter().map(shown).collect());
        let breakdown = listed(event.breakdown().iter().map(|line| shown(line)).collect());
        let late = event.late.then(|| "the lines were read long after they were written".to_owned());
        let annotations = [
            ("summary", Some(summary(event, &origin.host))),
            ("why", Some(event.why.clone())),
            ("count", Some(event.count.to_string())),
            ("samples", samples),
            ("patterns", breakdown),
            ("total", event.total.map(|total| total.to_string())),
            ("peak", event.peak.map(|peak| peak.to_string())),
            ("duration", event.duration_s.map(|seconds| format!("{seconds}s"))),
            ("late", late),
            ("runbook_url", event.runbook.clone()),
        ];
        let own = annotations.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        WebhookAlert {
            status: event.state,
            labels,
            annotations: event.annotations.clone().into_iter().chain(own).collect(),
            starts_at: event.since.clone(),
            ends_at: if event.is_firing() { NEVER.to_owned() } else { event.at.clone() },
            generator_url: if origin.url.is_empty() {
                String::new()
            } else {
                format!("{}/status", origin.url)
            },
            fingerprint: event.fingerprint.clone(),
        }
    }
}

/// One line about an alert: `error-spike on web1: 57 errors in 60s in watch app (threshold 50)`.
fn summary(event: &AlertEvent, host: &str) -> String {
    let AlertEvent { rule, count, window_s, why, .. } = event;
    let alert = if host.is_empty() { event.alert.clone() } else { format!("{} on {host}", event.alert) };
    let place = event.path.as_deref().map_or_else(|| format!("watch {}", event.watch), display_path);
    if !event.is_firing() {
        let total = match (event.total, event.peak) {
            (Some(total), Some(peak)) if total > 0 && *window_s > 0.0 => {
                format!(", {total} in all, at most {peak} in {window_s}s")
            }
            _ => String::new(),
        };
        return format!("{alert} is over: {rule} in {place}{total}");
    }
    match event.condition.as_str() {
        "silence" => format!("{alert}: no {rule} for {window_s}s in {place}"),
        "new" => format!("{alert}: {count} {rule} in {place} ({why})"),
        _ => format!("{alert}: {count} {rule} in {window_s}s in {place} ({why})"),
    }
}

impl Notification {
    /// The message about a group to `receiver`.
    pub(super) fn new(
        group: &NotificationGroup,
        receiver: &str,
        origin: &MessageOrigin,
        more_labels: &BTreeMap<String, String>,
    ) -> Notification {
        let all: Vec<WebhookAlert> =
            group.transitions.iter().map(|t| WebhookAlert::new(&t.event, origin, more_labels)).collect();
        let firing = all.iter().filter(|alert| alert.status == AlertState::Firing).count();
        let status = if firing > 0 { AlertState::Firing } else { AlertState::Resolved };
        let shouted = status.as_str().to_uppercase();
        let common = |of: fn(&WebhookAlert) -> &BTreeMap<String, String>| {
            let mut common = all.first().map(of).cloned().unwrap_or_default();
            common.retain(|key, value| all.iter().all(|alert| of(alert).get(key) == Some(value)));
            common
        };
        let group_labels = BTreeMap::from([("alertname".to_owned(), group.alert.clone())]);
        let title = match all.as_slice() {
            [one] => format!("[{}] {}", shouted, one.annotations["summary"]),
            _ => format!(
                "[{}] {}: {firing} firing, {} resolved on {}{}",
                shouted,
                group.alert,
                all.len() - firing,
                origin.host,
                if group.following > 0 {
                    format!("; {} more follow", group.following)
                } else {
                    String::new()
                }
            ),
        };
        let mut lines = Vec::new();
        if all.len() > LISTED_MAX {
            // First, so that no receiver that cuts a long text cuts this.
            let more = all.len() - LISTED_MAX;
            let host = &origin.host;
            lines.push(format!(
                "the first {LISTED_MAX} alerts, and {more} more; `spiketail status` on {host} lists those that fire:"
            ));
        }
        for alert in all.iter().take(LISTED_MAX) {
            if all.len() > 1 {
                lines.push(alert.annotations["summary"].clone());
            }
            lines.extend(alert.annotations.get("patterns").cloned());
            if all.len() == 1 {
                lines.extend(alert.annotations.get("samples").cloned());
            }
        }
        // They are the same for all alerts of one name.
        if status == AlertState::Firing
            && let Some(event) = group.transitions.first().map(|first| &first.event)
        {
            lines.extend(event.annotations.iter().map(|(name, text)| format!("{name}: {text}")));
            lines.extend(event.runbook.iter().map(|runbook| format!("runbook: {runbook}")));
        }
        Notification {
            version: "4",
            group_key: format!("{{}}:{{alertname={:?}}}", group.alert),
            truncated_alerts: group.following,
            status,
            receiver: receiver.to_owned(),
            group_labels,
            common_labels: common(|alert| &alert.labels),
            common_annotations: common(|alert| &alert.annotations),
            external_url: origin.url.clone(),
            title,
            text: lines.join("\n"),
            alerts: all,
        }
    }
}

//! PagerDuty, by version 2 of its Events API: each alert is an incident of its own, which its end resolves.
//!
//! Limits: <https://developer.pagerduty.com/docs/events-api-v2-overview>

use serde_json::{Map, Value, json};

use super::body::{cut, dedup_key};
use crate::event::{AlertState, Severity};
use crate::notify::http::{HttpSender, SendOutcome};
use crate::notify::message::{Notification, WebhookAlert};
use crate::notify::settings::{HttpSpec, Secret};

const SUMMARY_CHARS_MAX: usize = 1_024;
/// All of `custom_details` together, in bytes; an event may have 512 KB.
const DETAILS_BYTES_MAX: usize = 200_000;

pub(super) struct PagerDutyClient {
    sender: HttpSender,
    routing_key: Secret,
}

impl PagerDutyClient {
    pub(super) fn new(http: &HttpSpec, routing_key: &Secret) -> Result<PagerDutyClient, String> {
        Ok(PagerDutyClient { sender: HttpSender::new(http)?, routing_key: routing_key.clone() })
    }

    pub(super) async fn send(&self, message: &Notification) -> SendOutcome {
        let key = match self.routing_key.get() {
            Ok(key) => key,
            Err(why) => return SendOutcome::Later(why, None),
        };
        let mut outcome = SendOutcome::Accepted(String::new());
        for alert in &message.alerts {
            let body = event(alert, message, &key).to_string().into_bytes();
            let headers = [("content-type".to_owned(), "application/json".to_owned())];
            outcome = self.sender.send("POST", None, &headers, body).await;
            if !matches!(outcome, SendOutcome::Accepted(_)) {
                break;
            }
        }
        outcome
    }
}

fn event(alert: &WebhookAlert, message: &Notification, routing_key: &str) -> Value {
    let dedup_key = dedup_key(alert);
    if alert.status == AlertState::Resolved {
        return json!({ "routing_key": routing_key, "event_action": "resolve", "dedup_key": dedup_key });
    }
    let label = |name: &str| alert.labels.get(name).map(String::as_str).unwrap_or_default();
    let severity = match label("severity") {
        severity if severity == Severity::Critical.as_str() => "critical",
        severity if severity == Severity::Warning.as_str() => "warning",
        _ => "info",
    };
    let mut event = json!({
        "routing_key": routing_key,
        "event_action": "trigger",
        "dedup_key": dedup_key,
        "client": "spiketail",
        "payload": {
            "summary": cut(&alert.annotations["summary"], SUMMARY_CHARS_MAX - 1),
            // It must not be empty.
            "source": if label("instance").is_empty() { "spiketail" } else { label("instance") },
            "severity": severity,
            "timestamp": alert.starts_at,
            "component": label("watch"),
            "group": label("rule"),
            "class": label("alertname"),
            "custom_details": details(alert),
        },
        "links": links(alert),
    });
    if !message.external_url.is_empty() {
        event["client_url"] = message.external_url.as_str().into();
    }
    event
}

/// What leads further. PagerDuty refuses what is no URL.
fn links(alert: &WebhookAlert) -> Vec<Value> {
    let runbook = alert.annotations.get("runbook_url").map(String::as_str).unwrap_or_default();
    let links = [(runbook, "Runbook"), (alert.generator_url.as_str(), "spiketail")];
    let is_url = |(href, _): &&(&str, &str)| href.starts_with("http://") || href.starts_with("https://");
    links.iter().filter(is_url).map(|(href, text)| json!({ "href": href, "text": text })).collect()
}

/// The annotations and labels, as far as there is room: those that say most come first, the samples last.
fn details(alert: &WebhookAlert) -> Value {
    let is_last = |name: &str| matches!(name, "samples" | "summary");
    let first = alert.annotations.iter().filter(|(name, _)| !is_last(name));
    let samples = alert.annotations.iter().filter(|(name, _)| *name == "samples");
    let mut room = DETAILS_BYTES_MAX;
    let mut details = Map::new();
    for (name, value) in first.chain(&alert.labels).chain(samples) {
        if let Some(rest) = room.checked_sub(name.len() + value.len()) {
            room = rest;
            details.insert(name.clone(), value.as_str().into());
        }
    }
    details.into()
}

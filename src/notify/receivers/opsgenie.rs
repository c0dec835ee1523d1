//! Opsgenie, and Jira Service Management, which took over its API: each alert is one there, which its end closes.
//!
//! Limits: <https://docs.opsgenie.com/docs/alert-api>

use serde_json::{Map, Value, json};

use super::body::{cut, dedup_key};
use crate::event::{AlertState, Severity};
use crate::notify::http::{HttpSender, SendOutcome};
use crate::notify::message::{Notification, WebhookAlert};
use crate::notify::settings::{HttpSpec, Secret};

const MESSAGE_CHARS_MAX: usize = 130;
const DESCRIPTION_CHARS_MAX: usize = 15_000;
const ENTITY_CHARS_MAX: usize = 512;
const SOURCE_CHARS_MAX: usize = 100;
const NOTE_CHARS_MAX: usize = 25_000;
/// All of `details` together.
const DETAILS_CHARS_MAX: usize = 8_000;
const TAGS_MAX: usize = 20;
const TAG_CHARS_MAX: usize = 50;

pub(super) struct OpsgenieClient {
    sender: HttpSender,
    api_key: Secret,
}

impl OpsgenieClient {
    pub(super) fn new(http: &HttpSpec, api_key: &Secret) -> Result<OpsgenieClient, String> {
        Ok(OpsgenieClient { sender: HttpSender::new(http)?, api_key: api_key.clone() })
    }

    pub(super) async fn send(&self, message: &Notification) -> SendOutcome {
        let key = match self.api_key.get() {
            Ok(key) => key,
            Err(why) => return SendOutcome::Later(why, None),
        };
        let headers = [
            ("content-type".to_owned(), "application/json".to_owned()),
            ("authorization".to_owned(), format!("GenieKey {key}")),
        ];
        let mut outcome = SendOutcome::Accepted(String::new());
        for alert in &message.alerts {
            let (path, body) = match alert.status {
                AlertState::Firing => ("/v2/alerts".to_owned(), create(alert, message)),
                AlertState::Resolved => (
                    format!("/v2/alerts/{}/close?identifierType=alias", dedup_key(alert)),
                    json!({
                        "source": source(alert),
                        "note": cut(&alert.annotations["summary"], NOTE_CHARS_MAX - 1),
                    }),
                ),
            };
            outcome = self.sender.send("POST", Some(&path), &headers, body.to_string().into_bytes()).await;
            if !matches!(outcome, SendOutcome::Accepted(_)) {
                break;
            }
        }
        outcome
    }
}

fn label<'a>(alert: &'a WebhookAlert, name: &str) -> &'a str {
    alert.labels.get(name).map(String::as_str).unwrap_or_default()
}

fn source(alert: &WebhookAlert) -> String {
    cut(&format!("spiketail on {}", label(alert, "instance")), SOURCE_CHARS_MAX - 1)
}

fn create(alert: &WebhookAlert, message: &Notification) -> Value {
    let priority = match label(alert, "severity") {
        severity if severity == Severity::Critical.as_str() => "P1",
        severity if severity == Severity::Warning.as_str() => "P3",
        _ => "P5",
    };
    let place = alert.labels.get("path").map_or_else(|| label(alert, "watch"), String::as_str);
    let summary = &alert.annotations["summary"];
    // The message may have cut it.
    let description = format!("{summary}\n{}", message.text);
    json!({
        "message": cut(summary, MESSAGE_CHARS_MAX - 1),
        "alias": dedup_key(alert),
        "description": cut(&description, DESCRIPTION_CHARS_MAX - 1),
        "entity": cut(place, ENTITY_CHARS_MAX - 1),
        "source": source(alert),
        "priority": priority,
        "tags": tags(alert),
        "details": details(alert),
    })
}

fn tags(alert: &WebhookAlert) -> Vec<String> {
    let own = ["severity", "rule", "watch"].map(|name| label(alert, name).to_owned());
    let known = ["alertname", "severity", "rule", "watch", "path", "pattern", "instance", "host"];
    let others = alert.labels.iter().filter(|(name, _)| !known.contains(&name.as_str()));
    let others = others.map(|(name, value)| format!("{name}:{value}"));
    own.into_iter().chain(others).map(|tag| cut(&tag, TAG_CHARS_MAX - 1)).take(TAGS_MAX).collect()
}

fn details(alert: &WebhookAlert) -> Value {
    let mut room = DETAILS_CHARS_MAX;
    let mut details = Map::new();
    let runbook = alert.annotations.get_key_value("runbook_url");
    let link = ("link".to_owned(), alert.generator_url.clone());
    let link = (!link.1.is_empty()).then_some((&link.0, &link.1));
    for (name, value) in runbook.into_iter().chain(link).chain(&alert.labels) {
        if let Some(rest) = room.checked_sub(name.chars().count() + value.chars().count()) {
            room = rest;
            details.insert(name.clone(), value.as_str().into());
        }
    }
    details.into()
}

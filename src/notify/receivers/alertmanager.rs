//! Alertmanager: its API, and the webhook body that it sends itself, for receivers that understand that.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::{self, Preset, RequestBody, cut};
use crate::notify::group::Endings;
use crate::notify::http::{HttpSender, SendOutcome};
use crate::notify::message::{MessageOrigin, Notification, WebhookAlert};
use crate::notify::settings::HttpSpec;
use crate::notify::silence::SilencedElsewhere;
use crate::store::TransitionRecord;

pub(super) const PRESET: Preset = Preset {
    name: "alertmanager",
    alerts_max: body::ALERTS_MAX,
    encode,
    gap: Duration::ZERO,
    endings: Endings::Apart,
};

/// An Alertmanager gets at most this many alerts in a request, as from Prometheus.
pub(super) const ALERTS_MAX: usize = 256;

fn encode(message: &Notification) -> RequestBody {
    let whole = message.with_still_firing();
    RequestBody::json(&serde_json::to_value(whole).unwrap_or_default())
}

/// The name of the alert that fires while the daemon works.
const ALIVE: &str = "SpiketailAlive";
/// The most that is read of an answer that lists alerts, in bytes.
const LIST_BYTES_MAX: usize = 8 << 20;
/// At most so many silences are looked up at once.
const SILENCES_MAX: usize = 20;

/// Posts alerts to the API of an Alertmanager, and asks it what it silences.
pub(super) struct AlertmanagerClient {
    sender: HttpSender,
    labels: BTreeMap<String, String>,
    pub(super) resend_interval: Duration,
    is_alive_sent: bool,
}

impl AlertmanagerClient {
    pub(super) fn new(
        http: &HttpSpec,
        labels: &BTreeMap<String, String>,
        resend_interval: Duration,
        is_alive_sent: bool,
    ) -> Result<AlertmanagerClient, String> {
        let sender = HttpSender::new(http)?;
        Ok(AlertmanagerClient { sender, labels: labels.clone(), resend_interval, is_alive_sent })
    }

    pub(super) async fn send(
        &self,
        transitions: &[Arc<TransitionRecord>],
        origin: &MessageOrigin,
    ) -> SendOutcome {
        // As Prometheus does: an alert that is not sent again ends after four intervals.
        let ends_at = self.after_intervals(4);
        let posted = |transition: &Arc<TransitionRecord>| -> Value {
            let alert = WebhookAlert::new(&transition.event, origin, &self.labels);
            json!({
                "labels": alert.labels,
                "annotations": alert.annotations,
                "startsAt": alert.starts_at,
                "endsAt": if transition.event.is_firing() { &ends_at } else { &alert.ends_at },
                "generatorURL": alert.generator_url,
            })
        };
        let mut outcome = SendOutcome::Accepted(String::new());
        for batch in transitions.chunks(ALERTS_MAX) {
            outcome = self.post(&batch.iter().map(posted).collect::<Vec<_>>()).await;
            if !matches!(outcome, SendOutcome::Accepted(_)) {
                break;
            }
        }
        outcome
    }

    /// Keeps the alert that says that the daemon works, if that is configured. It ends by itself soon after the daemon does.
    pub(super) async fn say_alive(&self, origin: &MessageOrigin) {
        if !self.is_alive_sent {
            return;
        }
        let mut labels = self.labels.clone();
        labels.extend(origin.labels.clone());
        for (name, value) in [("alertname", ALIVE), ("severity", "info"), ("instance", &origin.host)] {
            labels.insert(name.to_owned(), value.to_owned());
        }
        let summary = format!("spiketail on {} works; when this ends, it does not", origin.host);
        let alert = json!({
            "labels": labels,
            "annotations": { "summary": summary },
            "endsAt": self.after_intervals(3),
            "generatorURL": origin.url,
        });
        let _ = self.post(&[alert]).await;
    }

    fn after_intervals(&self, count: u32) -> String {
        let lasts =
            SignedDuration::try_from(self.resend_interval * count).unwrap_or(SignedDuration::from_mins(5));
        Timestamp::now().saturating_add(lasts).unwrap_or_default().to_string()
    }

    async fn post(&self, alerts: &[Value]) -> SendOutcome {
        let body = serde_json::to_vec(alerts).unwrap_or_default();
        let headers = [("content-type".to_owned(), "application/json".to_owned())];
        self.sender.send("POST", Some("/api/v2/alerts"), &headers, body).await
    }

    /// Which of `firing` are silenced there, and by what. `None` if it does not say.
    pub(super) async fn silenced(
        &self,
        firing: &[Arc<TransitionRecord>],
        origin: &MessageOrigin,
    ) -> Option<Vec<SilencedElsewhere>> {
        if firing.is_empty() {
            return Some(Vec::new());
        }
        let filter = percent_encoded(&format!("instance={:?}", origin.host));
        let path = format!(
            "/api/v2/alerts?active=false&inhibited=false&unprocessed=false&silenced=true&filter={filter}"
        );
        let listed = self.sender.fetch(&path, LIST_BYTES_MAX).await?;
        let listed: Vec<ListedAlert> = serde_json::from_slice(&listed).ok()?;
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        let mut silenced = Vec::new();
        for transition in firing {
            let labels = WebhookAlert::new(&transition.event, origin, &self.labels).labels;
            let known = listed.iter().find(|listed| listed.labels == labels);
            let Some(id) = known.and_then(|listed| listed.status.silenced_by.first()) else { continue };
            if !names.contains_key(id) && names.len() < SILENCES_MAX {
                names.insert(id.clone(), self.describe(id).await);
            }
            let by = names.get(id).cloned().unwrap_or_else(|| plain_name(id));
            silenced.push(SilencedElsewhere::new(&transition.event, by));
        }
        Some(silenced)
    }

    /// A silence, for people.
    async fn describe(&self, id: &str) -> String {
        let path = format!("/api/v2/silence/{}", percent_encoded(id));
        let silence = self.sender.fetch(&path, LIST_BYTES_MAX).await;
        let silence = silence.and_then(|silence| serde_json::from_slice::<ListedSilence>(&silence).ok());
        match silence {
            Some(ListedSilence { created_by, comment }) => {
                cut(&format!("Alertmanager, {created_by}: {comment}"), NAME_CHARS_MAX)
            }
            None => plain_name(id),
        }
    }
}

/// The longest name of a silence, in characters.
const NAME_CHARS_MAX: usize = 200;

fn plain_name(id: &str) -> String {
    cut(&format!("Alertmanager, silence {id}"), NAME_CHARS_MAX)
}

/// What is needed of an alert that an Alertmanager lists.
#[derive(Deserialize)]
struct ListedAlert {
    labels: BTreeMap<String, String>,
    status: ListedStatus,
}

#[derive(Deserialize)]
struct ListedStatus {
    #[serde(rename = "silencedBy", default)]
    silenced_by: Vec<String>,
}

#[derive(Deserialize)]
struct ListedSilence {
    #[serde(rename = "createdBy", default)]
    created_by: String,
    #[serde(default)]
    comment: String,
}

/// `text` as the value of a query.
fn percent_encoded(text: &str) -> String {
    let encoded = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(encoded).collect()
}

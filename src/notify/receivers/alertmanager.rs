//! Alertmanager: its API, and the webhook body that it sends itself, for receivers that understand that.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::body::{self, Preset, RequestBody};
use crate::notify::group::Endings;
use crate::notify::http::{HttpSender, SendOutcome};
use crate::notify::message::{MessageOrigin, Notification, WebhookAlert};
use crate::notify::settings::HttpSpec;
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

/// Posts alerts to the API of an Alertmanager.
pub(super) struct AlertmanagerClient {
    sender: HttpSender,
    labels: BTreeMap<String, String>,
    pub(super) resend_interval: Duration,
}

impl AlertmanagerClient {
    pub(super) fn new(
        http: &HttpSpec,
        labels: &BTreeMap<String, String>,
        resend_interval: Duration,
    ) -> Result<AlertmanagerClient, String> {
        Ok(AlertmanagerClient { sender: HttpSender::new(http)?, labels: labels.clone(), resend_interval })
    }

    pub(super) async fn send(
        &self,
        transitions: &[Arc<TransitionRecord>],
        origin: &MessageOrigin,
    ) -> SendOutcome {
        // As Prometheus does: an alert that is not sent again ends after four intervals.
        let lasts =
            SignedDuration::try_from(self.resend_interval * 4).unwrap_or(SignedDuration::from_mins(5));
        let ends_at = Timestamp::now().saturating_add(lasts).unwrap_or_default().to_string();
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
            let body = serde_json::to_vec(&batch.iter().map(posted).collect::<Vec<_>>()).unwrap_or_default();
            let headers = [("content-type".to_owned(), "application/json".to_owned())];
            outcome = self.sender.send("POST", Some("/api/v2/alerts"), &headers, body).await;
            if !matches!(outcome, SendOutcome::Accepted(_)) {
                break;
            }
        }
        outcome
    }
}

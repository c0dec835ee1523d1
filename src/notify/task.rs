//! One task per output: gathers, sends, and tries again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep, sleep_until};

use crate::event::{HealthEvent, HealthKind};
use crate::notify::http::{HttpSender, SendOutcome};
use crate::notify::message::{self, MessageOrigin, Notification};
use crate::notify::queue::{MESSAGE_MAX, NotificationGroup, NotificationQueue};
use crate::notify::settings::{Body, DeliverySpec, Receiver};
use crate::notify::{command, presets, template};
use crate::store::TransitionRecord;

/// The first and the longest wait between attempts.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(300));

/// When an Alertmanager is told at the latest what was firing before the start.
const FIRST_RESEND: Duration = Duration::from_secs(5);
/// An Alertmanager gets at most so many alerts in a request, as from Prometheus.
const POST_MAX: usize = 256;

/// Sends messages to one receiver.
pub(super) struct Notifier {
    spec: DeliverySpec,
    origin: MessageOrigin,
    speaker: Option<HttpSender>,
}

impl Notifier {
    /// The error says what of `spec` cannot be used.
    pub(super) fn new(spec: DeliverySpec, origin: &MessageOrigin) -> Result<Notifier, String> {
        let speaker = match &spec.receiver {
            Receiver::Webhook { http, .. } | Receiver::Alertmanager { http, .. } => {
                Some(HttpSender::new(http)?)
            }
            Receiver::Command { .. } => None,
        };
        Ok(Notifier { spec, origin: origin.clone(), speaker })
    }

    /// Sends one message.
    pub(super) async fn send(&self, message: &NotificationGroup) -> SendOutcome {
        match &self.spec.receiver {
            Receiver::Alertmanager { labels, .. } => self.post_alerts(&message.transitions, labels).await,
            Receiver::Webhook { method, content_type, body, .. } => {
                let notification = self.notification(message);
                self.post(method, content_type.as_deref(), body, &notification).await
            }
            Receiver::Command { argv, timeout } => {
                command::run(argv, *timeout, &self.notification(message)).await
            }
        }
    }

    fn notification(&self, message: &NotificationGroup) -> Notification {
        message::notification(message, &self.spec.name, &self.origin, &BTreeMap::new(), MESSAGE_MAX)
    }

    async fn post(
        &self,
        method: &str,
        content_type: Option<&str>,
        body: &Body,
        notification: &Notification,
    ) -> SendOutcome {
        let form = match body {
            Body::Alertmanager => presets::alertmanager(notification),
            Body::Slack => presets::slack(notification),
            Body::Discord => presets::discord(notification),
            Body::Teams => presets::teams(notification),
            Body::Ntfy => presets::ntfy(notification),
            Body::Template(text) => match template::render(text, notification) {
                Ok(form) => form,
                Err(why) => return SendOutcome::Refused(format!("its template fails: {why}")),
            },
        };
        let kind = content_type.unwrap_or(form.content_type).to_owned();
        let mut headers = vec![("content-type".to_owned(), kind)];
        headers.extend(form.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        let Some(speaker) = &self.speaker else { return SendOutcome::Refused("no receiver".to_owned()) };
        speaker.send(method, None, &headers, form.body).await
    }

    async fn post_alerts(
        &self,
        transitions: &[Arc<TransitionRecord>],
        labels: &BTreeMap<String, String>,
    ) -> SendOutcome {
        let Receiver::Alertmanager { resend, .. } = &self.spec.receiver else {
            return SendOutcome::Refused("no Alertmanager".to_owned());
        };
        let Some(speaker) = &self.speaker else { return SendOutcome::Refused("no receiver".to_owned()) };
        // As Prometheus does: an alert that is not sent again is over after four times.
        let lasts = SignedDuration::try_from(*resend * 4).unwrap_or(SignedDuration::from_mins(5));
        let ends_at = Timestamp::now().saturating_add(lasts).unwrap_or_default().to_string();
        let posted = |transition: &Arc<TransitionRecord>| {
            let mut alert = message::alert(&transition.event, &self.origin, labels);
            if transition.event.is_firing() {
                alert.ends_at.clone_from(&ends_at);
            }
            serde_json::json!({
                "labels": alert.labels,
                "annotations": alert.annotations,
                "startsAt": alert.starts_at,
                "endsAt": alert.ends_at,
                "generatorURL": alert.generator_url,
            })
        };
        let mut outcome = SendOutcome::Accepted(String::new());
        for batch in transitions.chunks(POST_MAX) {
            let alerts: Vec<_> = batch.iter().map(posted).collect();
            let body = serde_json::to_vec(&alerts).unwrap_or_default();
            let headers = [("content-type".to_owned(), "application/json".to_owned())];
            outcome = speaker.send("POST", Some("/api/v2/alerts"), &headers, body).await;
            if !matches!(outcome, SendOutcome::Accepted(_)) {
                break;
            }
        }
        outcome
    }

    fn resend(&self) -> Option<Duration> {
        if let Receiver::Alertmanager { resend, .. } = &self.spec.receiver { Some(*resend) } else { None }
    }
}

/// Delivers whatever comes into the tray of the sender's output, for ever.
pub(super) async fn run(desk: Arc<NotificationQueue>, sender: Notifier) {
    let name = sender.spec.name.clone();
    let Some(notify) = desk.notify(&name) else { return };
    let every = sender.resend();
    // What fired before the start may be over by now for an Alertmanager that was told long ago.
    let mut resend_at = every.map(|every| Instant::now() + every.min(FIRST_RESEND));
    loop {
        if desk.next(&name).is_some() {
            sleep(sender.spec.group_wait).await;
            while let Some(message) = deliver_one(&desk, &sender, &mut resend_at).await {
                desk.done(&name, &message);
            }
        }
        tokio::select! {
            () = notify.notified() => {}
            () = at(resend_at) => {
                resend_at = every.map(|every| Instant::now() + every);
                let firing = desk.firing(&name);
                if !firing.is_empty() && let Receiver::Alertmanager { labels, .. } = &sender.spec.receiver {
                    // If it fails, the next time will do.
                    let _ = sender.post_alerts(&firing, labels).await;
                }
            }
        }
    }
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

/// Sends the next message until it is settled. What comes in meanwhile is taken into account with each attempt.
async fn deliver_one(
    desk: &NotificationQueue,
    sender: &Notifier,
    resend_at: &mut Option<Instant>,
) -> Option<NotificationGroup> {
    let name = &sender.spec.name;
    let mut waits = backoff();
    let mut trouble = false;
    loop {
        let message = desk.next(name)?;
        match sender.send(&message).await {
            SendOutcome::Accepted(_) => {
                if trouble {
                    let reason = format!("the output {name} takes alerts again");
                    HealthEvent::info(HealthKind::DeliveryRecovered, reason).emit();
                    // An Alertmanager that was started anew remembers nothing.
                    *resend_at = resend_at.map(|_| Instant::now());
                }
                return Some(message);
            }
            SendOutcome::Refused(why) => {
                desk.failed(name, &why);
                let alert = &message.alert;
                let reason = format!(
                    "the output {name} refuses the alert {alert} for good: {why}; see its settings with `spiketail test-alert {name}`"
                );
                HealthEvent::warning(HealthKind::DeliveryRefused, reason).emit();
                return Some(message);
            }
            SendOutcome::Later(why, after) => {
                desk.failed(name, &why);
                if !trouble {
                    trouble = true;
                    let reason =
                        format!("the output {name} takes no alerts: {why}; they are kept and tried again");
                    HealthEvent::warning(HealthKind::DeliveryFailed, reason).emit();
                }
                let wait = waits.next().unwrap_or(BACKOFF.1);
                sleep(after.map_or(wait, |after| after.max(wait))).await;
            }
        }
    }
}

fn backoff() -> impl Iterator<Item = Duration> {
    let builder = ExponentialBuilder::default().with_min_delay(BACKOFF.0).with_max_delay(BACKOFF.1);
    builder.with_jitter().without_max_times().build()
}

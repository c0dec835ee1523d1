//! What takes notifications: one file per receiver.
//!
//! A further receiver that takes webhooks is a file with a [`Preset`] and a line in [`PRESETS`].

mod alertmanager;
pub(super) mod body;
mod command;
mod discord;
pub mod email;
mod google_chat;
mod mattermost;
mod ntfy;
mod opsgenie;
mod otlp;
mod pagerduty;
mod slack;
mod teams;
mod telegram;
pub mod template;
mod webhook;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::notify::group::{Endings, NotificationGroup};
use crate::notify::http::SendOutcome;
use crate::notify::message::{MessageOrigin, Notification};
use crate::notify::settings::{DeliverySpec, Receiver, Service};
use crate::notify::silence::SilencedElsewhere;
use crate::store::TransitionRecord;
use alertmanager::AlertmanagerClient;
use body::Preset;
use command::CommandClient;
use email::EmailClient;
use opsgenie::OpsgenieClient;
use otlp::OtlpClient;
use pagerduty::PagerDutyClient;
use telegram::TelegramClient;
use webhook::WebhookClient;

/// Bodies of webhooks for known receivers; the first is the default.
pub const PRESETS: [Preset; 7] = [
    alertmanager::PRESET,
    slack::PRESET,
    discord::PRESET,
    teams::PRESET,
    ntfy::PRESET,
    google_chat::PRESET,
    mattermost::PRESET,
];

/// Sends notifications to the receiver of one output.
pub(super) struct Notifier {
    output: String,
    origin: MessageOrigin,
    client: Client,
}

enum Client {
    Webhook(WebhookClient),
    Alertmanager(AlertmanagerClient),
    Command(CommandClient),
    PagerDuty(PagerDutyClient),
    Opsgenie(OpsgenieClient),
    Telegram(TelegramClient),
    Email(Box<EmailClient>),
    Otlp(OtlpClient),
}

impl Notifier {
    /// The error says what of `spec` cannot be used.
    pub(super) fn new(spec: &DeliverySpec, origin: &MessageOrigin) -> Result<Notifier, String> {
        let client = match &spec.receiver {
            Receiver::Webhook { http, method, content_type, body } => {
                Client::Webhook(WebhookClient::new(http, method, content_type.as_deref(), body)?)
            }
            Receiver::Alertmanager { http, labels, resend, is_alive_sent } => {
                Client::Alertmanager(AlertmanagerClient::new(http, labels, *resend, *is_alive_sent)?)
            }
            Receiver::Service { http, service } => match service {
                Service::PagerDuty { routing_key } => {
                    Client::PagerDuty(PagerDutyClient::new(http, routing_key)?)
                }
                Service::Opsgenie { api_key } => Client::Opsgenie(OpsgenieClient::new(http, api_key)?),
                Service::Telegram { token, chat_id } => {
                    Client::Telegram(TelegramClient::new(http, token, chat_id)?)
                }
            },
            Receiver::Email(email) => Client::Email(Box::new(EmailClient::new(email)?)),
            Receiver::Otlp { http } => Client::Otlp(OtlpClient::new(http)?),
            Receiver::Command { argv, timeout } => Client::Command(CommandClient::new(argv, *timeout)),
        };
        Ok(Notifier { output: spec.name.clone(), origin: origin.clone(), client })
    }

    /// Sends the alerts of a group as one message.
    pub(super) async fn send(&self, group: &NotificationGroup) -> SendOutcome {
        let notification = || Notification::new(group, &self.output, &self.origin, &BTreeMap::new());
        match &self.client {
            Client::Webhook(client) => client.send(&notification()).await,
            Client::Alertmanager(client) => client.send(&group.transitions, &self.origin).await,
            Client::Command(client) => client.send(&notification()).await,
            Client::PagerDuty(client) => client.send(&notification()).await,
            Client::Opsgenie(client) => client.send(&notification()).await,
            Client::Telegram(client) => client.send(&notification()).await,
            Client::Email(client) => client.send(&notification()).await,
            Client::Otlp(client) => client.send(&notification(), &group.transitions, &self.origin).await,
        }
    }

    /// At most this many alerts are sent as one message.
    pub(super) fn alerts_max(&self) -> usize {
        match &self.client {
            Client::Webhook(client) => client.alerts_max(),
            Client::Alertmanager(_) => alertmanager::ALERTS_MAX,
            Client::Command(_) | Client::Otlp(_) => body::ALERTS_MAX,
            // Each alert is an incident of its own, and one that is refused must not hold back another.
            Client::PagerDuty(_) | Client::Opsgenie(_) => 1,
            Client::Telegram(_) => body::SUMMARY_MAX,
            Client::Email(_) => email::ALERTS_MAX,
        }
    }

    /// The least time between two messages, as the receiver documents it.
    pub(super) fn gap(&self) -> Duration {
        match &self.client {
            Client::Webhook(client) => client.gap(),
            // One message a second to a chat: <https://core.telegram.org/bots/faq>
            Client::Telegram(_) => Duration::from_secs(1),
            _ => Duration::ZERO,
        }
    }

    /// How the receiver is notified of an alert that ended before it was notified that it fires.
    pub(super) fn endings(&self) -> Endings {
        match &self.client {
            Client::Webhook(client) => client.endings(),
            Client::Command(_) | Client::Telegram(_) | Client::Email(_) => Endings::Together,
            Client::Alertmanager(_) | Client::PagerDuty(_) | Client::Opsgenie(_) | Client::Otlp(_) => {
                Endings::Apart
            }
        }
    }

    /// How often a receiver that forgets wants to be sent what is still firing.
    pub(super) fn resend_interval(&self) -> Option<Duration> {
        match &self.client {
            Client::Alertmanager(client) => Some(client.resend_interval),
            _ => None,
        }
    }

    /// Sends what is still firing to a receiver that forgets, and whether the daemon works. If that fails, the next time will do.
    /// Returns which of it the receiver silences, if it says so.
    pub(super) async fn resend(
        &self,
        firing: &[Arc<TransitionRecord>],
        is_alive: bool,
    ) -> Option<Vec<SilencedElsewhere>> {
        let Client::Alertmanager(client) = &self.client else { return None };
        let _ = client.send(firing, &self.origin).await;
        if is_alive {
            client.say_alive(&self.origin).await;
        }
        client.silenced(firing, &self.origin).await
    }
}

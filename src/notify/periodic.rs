//! What is sent at an interval and not kept: a receiver that takes none of it is reported once, and so is its recovery.

use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::event::{HealthEvent, HealthKind};
use crate::notify::http::HttpSender;
use crate::notify::settings::HttpSpec;

/// See the [module](self).
pub(super) struct PeriodicSender {
    pub(super) sender: HttpSender,
    ticks: Interval,
    /// What is sent and by what, for messages: `the heartbeat`.
    subject: String,
    has_failed: bool,
}

impl PeriodicSender {
    /// A sender of `subject`. `None` if the settings cannot be used, which is reported.
    pub(super) fn new(http: &HttpSpec, every: Duration, subject: String) -> Option<PeriodicSender> {
        let sender = match HttpSender::new(http) {
            Ok(sender) => sender,
            Err(why) => {
                let reason = format!("{subject} cannot be sent: {why}");
                HealthEvent::warning(HealthKind::DeliveryFailed, reason).emit();
                return None;
            }
        };
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Some(PeriodicSender { sender, ticks, subject, has_failed: false })
    }

    /// Waits until it is time to send.
    pub(super) async fn wait(&mut self) {
        self.ticks.tick().await;
    }

    /// Reports the first of several failures, and the end of them. `trouble`: why it was not taken this time.
    pub(super) fn report(&mut self, trouble: Option<String>) {
        let has_failed = std::mem::replace(&mut self.has_failed, trouble.is_some());
        match trouble {
            Some(why) if !has_failed => {
                let reason = format!("{} cannot be sent: {why}; the next try follows", self.subject);
                HealthEvent::warning(HealthKind::DeliveryFailed, reason).emit();
            }
            None if has_failed => {
                let reason = format!("{} can be sent again", self.subject);
                HealthEvent::info(HealthKind::DeliveryRecovered, reason).emit();
            }
            _ => {}
        }
    }
}

//! A sign of life for a service that raises an alarm when none comes.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::event::{HealthEvent, HealthKind};
use crate::notify::http::{HttpSender, SendOutcome};
use crate::notify::settings::HttpSpec;

/// Where and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeartbeatSpec {
    /// Where the sign goes.
    pub http: HttpSpec,
    /// How often.
    pub every: Duration,
}

/// Gives a sign by `spec` while `is_alive`, for ever.
pub async fn beat(spec: HeartbeatSpec, is_alive: Arc<dyn Fn() -> bool + Send + Sync>) {
    let sender = match HttpSender::new(&spec.http) {
        Ok(sender) => sender,
        Err(why) => {
            let reason = format!("the heartbeat cannot be sent: {why}");
            return HealthEvent::warning(HealthKind::DeliveryFailed, reason).emit();
        }
    };
    let mut ticks = interval(spec.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut has_failed = false;
    loop {
        ticks.tick().await;
        if !is_alive() {
            continue;
        }
        let why = match sender.send("POST", None, &[], Vec::new()).await {
            SendOutcome::Accepted(_) => None,
            SendOutcome::Later(why, _) | SendOutcome::Busy(why, _) | SendOutcome::Unanswered(why) => {
                Some(why)
            }
            SendOutcome::Refused(why) | SendOutcome::Doubted(why) | SendOutcome::TooLarge(why) => Some(why),
        };
        let fails = why.is_some();
        match why {
            Some(why) if !has_failed => {
                let reason = format!("the heartbeat is not taken: {why}; it is tried again");
                HealthEvent::warning(HealthKind::DeliveryFailed, reason).emit();
            }
            None if has_failed => {
                HealthEvent::info(HealthKind::DeliveryRecovered, "the heartbeat is taken again").emit();
            }
            _ => {}
        }
        has_failed = fails;
    }
}

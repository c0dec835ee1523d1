//! A sign of life for a service that raises an alarm when none comes.

use std::sync::Arc;
use std::time::Duration;

use crate::notify::periodic::PeriodicSender;
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
    let Some(mut heart) = PeriodicSender::new(&spec.http, spec.every, "the heartbeat".to_owned()) else {
        return;
    };
    loop {
        heart.wait().await;
        if is_alive() {
            let outcome = heart.sender.send("POST", None, &[], Vec::new()).await;
            heart.report(outcome.into_result().err());
        }
    }
}

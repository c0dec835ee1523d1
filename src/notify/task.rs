//! One task per output: groups, sends, and tries again.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::time::{Instant, sleep, sleep_until};

use crate::event::{HealthEvent, HealthKind};
use crate::notify::http::SendOutcome;
use crate::notify::queue::{NotificationGroup, NotificationQueue};
use crate::notify::receivers::Notifier;
use crate::store::DeliveryOutcome;

/// The first and the longest wait between attempts.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(300));

/// How long after the start a receiver that forgets is sent what was firing before, at the latest.
const FIRST_RESEND: Duration = Duration::from_secs(5);

/// For so long what is given up is gathered into one event.
const GIVEN_UP_GATHERED: Duration = Duration::from_secs(5);

/// How long after such an event there is no other.
const GIVEN_UP_INTERVAL: Duration = Duration::from_secs(60);

/// Delivers what waits for one output, until it is aborted.
pub(super) struct DeliveryTask {
    pub(super) output: String,
    pub(super) group_wait: Duration,
    pub(super) queue: Arc<NotificationQueue>,
    pub(super) notifier: Notifier,
}

impl DeliveryTask {
    pub(super) async fn run(self) {
        let Some(notify) = self.queue.notify(&self.output) else { return };
        let interval = self.notifier.resend_interval();
        // What fired before the start may have ended by itself at a receiver that heard of it long ago.
        let mut resend_at = interval.map(|interval| Instant::now() + interval.min(FIRST_RESEND));
        loop {
            if self.next().is_some() {
                sleep(self.group_wait).await;
                while let Some(delivered) = self.deliver_next().await {
                    self.queue.done(&self.output, &delivered.group, delivered.outcome);
                    if delivered.after_failure {
                        // An Alertmanager that was restarted remembers nothing.
                        resend_at = resend_at.map(|_| Instant::now());
                    }
                }
            }
            tokio::select! {
                () = notify.notified() => {}
                () = at(resend_at) => {
                    resend_at = interval.map(|interval| Instant::now() + interval);
                    let firing = self.queue.firing(&self.output);
                    if !firing.is_empty() {
                        self.notifier.resend(&firing).await;
                    }
                }
            }
        }
    }

    fn next(&self) -> Option<NotificationGroup> {
        self.next_up_to(self.notifier.alerts_max())
    }

    fn next_up_to(&self, alerts_max: usize) -> Option<NotificationGroup> {
        self.queue.next(&self.output, alerts_max)
    }

    /// Sends the next group until it is accepted or refused. Each attempt takes what came in meanwhile into account.
    async fn deliver_next(&self) -> Option<DeliveredGroup> {
        let output = &self.output;
        let mut waits = backoff();
        let mut has_failed = false;
        let mut alerts_max = self.notifier.alerts_max();
        loop {
            let group = self.next_up_to(alerts_max)?;
            match self.notifier.send(&group).await {
                SendOutcome::Accepted(_) => {
                    if has_failed {
                        let reason = format!("the output {output} takes alerts again");
                        HealthEvent::info(HealthKind::DeliveryRecovered, reason).emit();
                    }
                    let outcome = DeliveryOutcome::Accepted;
                    return Some(DeliveredGroup { group, outcome, after_failure: has_failed });
                }
                SendOutcome::TooLarge(_) if group.transitions.len() > 1 => {
                    alerts_max = group.transitions.len() / 2;
                }
                SendOutcome::Refused(why) | SendOutcome::TooLarge(why) => {
                    self.queue.failed(output, &why);
                    let reason = format!(
                        "the output {output} refuses the alert {} for good: {why}; see its settings with `spiketail test-alert {output}`",
                        group.alert
                    );
                    let count = group.transitions.len() as u64;
                    HealthEvent::warning(HealthKind::DeliveryRefused, reason).counting(count).emit();
                    let outcome = DeliveryOutcome::Abandoned;
                    return Some(DeliveredGroup { group, outcome, after_failure: false });
                }
                SendOutcome::Later(why, after) => {
                    self.queue.delayed(output, &why);
                    if !has_failed {
                        has_failed = true;
                        let reason = format!(
                            "the output {output} takes no alerts: {why}; they are kept and tried again"
                        );
                        HealthEvent::warning(HealthKind::DeliveryFailed, reason).emit();
                    }
                    let wait = waits.next().unwrap_or(BACKOFF.1);
                    sleep(after.map_or(wait, |after| after.max(wait))).await;
                }
            }
        }
    }
}

/// A group that need not be sent again.
struct DeliveredGroup {
    group: NotificationGroup,
    outcome: DeliveryOutcome,
    /// Whether the receiver had failed before it accepted it.
    after_failure: bool,
}

/// Reports what is given up because too much waits: soon, but gathered, and not too often.
pub(super) async fn report_given_up(queue: Arc<NotificationQueue>) {
    loop {
        queue.has_given_up().await;
        sleep(GIVEN_UP_GATHERED).await;
        queue.report_given_up();
        sleep(GIVEN_UP_INTERVAL).await;
    }
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

fn backoff() -> impl Iterator<Item = Duration> {
    let builder = ExponentialBuilder::default().with_min_delay(BACKOFF.0).with_max_delay(BACKOFF.1);
    builder.with_jitter().without_max_times().build()
}

//! One task per output: groups, sends, and tries again. What changes at a reload reaches it between two messages, so that none is sent
//! twice.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use crate::event::{HealthEvent, HealthKind};
use crate::notify::group::{GroupKey, NotificationGroup};
use crate::notify::http::SendOutcome;
use crate::notify::queue::NotificationQueue;
use crate::notify::receivers::Notifier;
use crate::notify::schedule::{Refusal, Schedule};
use crate::store::DeliveryOutcome;

/// How long after the start a receiver that forgets is sent what was firing before, at the latest.
const FIRST_RESEND: Duration = Duration::from_secs(5);

/// For so long what is given up is gathered into one event.
const GIVEN_UP_GATHERED: Duration = Duration::from_secs(5);

/// How long after such an event there is no other.
const GIVEN_UP_INTERVAL: Duration = Duration::from_secs(60);

/// How an output is served, from one reload to the next.
pub(super) struct DeliverySetup {
    pub(super) group_wait: Duration,
    pub(super) notifier: Notifier,
}

/// Delivers what waits for one output, until it is aborted.
pub(super) struct DeliveryTask {
    output: String,
    queue: Arc<NotificationQueue>,
    setups: watch::Receiver<Arc<DeliverySetup>>,
    schedule: Schedule,
    /// Whether an attempt failed, and nothing was accepted since.
    has_failed: bool,
    /// When a receiver that forgets is sent what is firing.
    resend_at: Option<Instant>,
}

impl DeliveryTask {
    pub(super) fn new(
        output: String,
        queue: Arc<NotificationQueue>,
        setups: watch::Receiver<Arc<DeliverySetup>>,
    ) -> DeliveryTask {
        DeliveryTask {
            output,
            queue,
            setups,
            schedule: Schedule::default(),
            has_failed: false,
            resend_at: None,
        }
    }

    pub(super) async fn run(mut self) {
        let Some(notify) = self.queue.notify(&self.output) else { return };
        let mut setup = Arc::clone(&self.setups.borrow_and_update());
        // What fired before the start may have ended by itself at a receiver that heard of it long ago.
        self.resend_at =
            setup.notifier.resend_interval().map(|every| Instant::now() + every.min(FIRST_RESEND));
        loop {
            if self.setups.has_changed().unwrap_or(false) {
                setup = Arc::clone(&self.setups.borrow_and_update());
                self.schedule.retry_now(Instant::now());
                let every = setup.notifier.resend_interval();
                self.resend_at = every.map(|every| self.resend_at.unwrap_or(Instant::now() + every));
            }
            let now = Instant::now();
            let waiting = self.queue.waiting(&self.output);
            let next = self.schedule.next(&waiting, setup.group_wait, now);
            let next_at = match next {
                Some((key, at)) if at <= now => {
                    self.attempt(&setup.notifier, &key).await;
                    continue;
                }
                next => next.map(|(_, at)| at),
            };
            tokio::select! {
                () = notify.notified() => {}
                _ = self.setups.changed() => self.setups.mark_changed(),
                () = at(next_at) => {}
                () = at(self.resend_at) => self.resend(&setup.notifier).await,
            }
        }
    }

    async fn resend(&mut self, notifier: &Notifier) {
        self.resend_at = notifier.resend_interval().map(|every| Instant::now() + every);
        let firing = self.queue.firing(&self.output);
        if let Some(silenced) = notifier.resend(&firing, self.queue.is_alive()).await {
            self.queue.set_silenced_elsewhere(&self.output, silenced);
        }
    }

    /// Sends what waits of a group, once.
    async fn attempt(&mut self, notifier: &Notifier, key: &GroupKey) {
        let alerts_max = self.schedule.alerts_max(key, notifier.alerts_max());
        let Some(group) = self.queue.group(&self.output, key, alerts_max, notifier.endings()) else { return };
        let outcome = notifier.send(&group).await;
        let now = Instant::now();
        self.schedule.paused(notifier.gap(), now);
        if !matches!(outcome, SendOutcome::Accepted(_) | SendOutcome::Unanswered(_)) {
            self.queue.not_taken(&self.output, &group);
        }
        match outcome {
            SendOutcome::Accepted(_) => self.accepted(key, &group, now),
            SendOutcome::TooLarge(_) if group.size() > 1 => {
                self.schedule.halve(key, group.size(), now);
            }
            SendOutcome::Doubted(why) | SendOutcome::TooLarge(why) => self.doubted(key, &group, &why, now),
            SendOutcome::Refused(why) => self.refused(key, &group, &why, now),
            SendOutcome::Later(why, after) => {
                self.schedule.failed(key, after, now);
                self.failed(&group, &why);
            }
            SendOutcome::Unanswered(why) => {
                self.schedule.failed(key, None, now);
                self.failed(&group, &why);
            }
            SendOutcome::Busy(why, after) => {
                self.schedule.busy(key, after, now);
                self.failed(&group, &why);
            }
        }
    }

    fn accepted(&mut self, key: &GroupKey, group: &NotificationGroup, now: Instant) {
        self.queue.done(&self.output, group, DeliveryOutcome::Accepted);
        self.schedule.done(key, group.following > 0, now);
        if self.has_failed && !self.schedule.is_failing() {
            self.has_failed = false;
            // An Alertmanager that was restarted remembers nothing.
            self.resend_at = self.resend_at.map(|_| now);
            let reason = format!("the output {} takes all alerts again", self.output);
            HealthEvent::info(HealthKind::DeliveryRecovered, reason).emit();
        }
    }

    fn failed(&mut self, group: &NotificationGroup, why: &str) {
        let output = &self.output;
        self.queue.delayed(output, why);
        if !std::mem::replace(&mut self.has_failed, true) {
            let reason = format!(
                "the output {output} does not take {}: {why}; it is kept and tried again",
                group.subject()
            );
            HealthEvent::warning(HealthKind::DeliveryFailed, reason).emit();
        }
    }

    fn doubted(&mut self, key: &GroupKey, group: &NotificationGroup, why: &str, now: Instant) {
        match self.schedule.refused(key, now) {
            Refusal::TryAgain => self.failed(group, why),
            Refusal::GiveUp => self.refused(key, group, why, now),
        }
    }

    fn refused(&mut self, key: &GroupKey, group: &NotificationGroup, why: &str, now: Instant) {
        let output = &self.output;
        self.queue.failed(output, why);
        let reason = format!(
            "the output {output} refuses {} for good: {why}; see its settings with `spiketail test-alert {output}`",
            group.subject()
        );
        let count = group.transitions.len() as u64;
        HealthEvent::warning(HealthKind::DeliveryRefused, reason).counting(count).emit();
        self.queue.done(output, group, DeliveryOutcome::Abandoned);
        self.schedule.done(key, group.following > 0, now);
    }
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

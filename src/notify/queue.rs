//! Alerts that wait for the outputs that answer: a queue for each output.
//!
//! The committer puts transitions in and fetches what was delivered; a task per output takes groups out. Neither waits for the other.
//! What is queued is in the outbox too, so that it survives a restart.

mod dispatch;
mod elsewhere;
mod silencing;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::event::{AlertEvent, HealthEvent, HealthKind};
use crate::notify::group::{Endings, GroupKey, NotificationGroup, WaitingGroup};
pub use crate::notify::output_queue::DeliveryCounts;
use crate::notify::output_queue::{OutputQueue, WAITING_MAX};
use crate::notify::route::Route;
use crate::notify::silence::Silences;
use crate::store::{Delivered, DeliveryOutcome, TransitionRecord};

/// The status of one output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputReport {
    /// Its name.
    pub output: String,
    /// How many alerts wait for it.
    pub waiting: usize,
    /// How many came how far.
    pub counts: DeliveryCounts,
    /// When an attempt failed last, and why; since the start.
    pub last_error: Option<(Timestamp, String)>,
}

#[derive(Default)]
struct QueuesState {
    queues: BTreeMap<String, OutputQueue>,
    /// What is firing, by fingerprint.
    firing: BTreeMap<String, Arc<TransitionRecord>>,
    delivered: Vec<Delivered>,
    /// Which alerts nobody is to be notified of now.
    silences: Silences,
    wake: Option<Box<dyn Fn() + Send + Sync>>,
}

/// See the [module](self).
#[derive(Default)]
pub struct NotificationQueue {
    state: Mutex<QueuesState>,
    /// A group was delivered.
    delivered: Condvar,
    /// A transition was given up.
    given_up: Notify,
    /// There are other silences.
    silenced: Notify,
    is_alive: OnceLock<Box<dyn Fn() -> bool + Send + Sync>>,
}

impl NotificationQueue {
    /// Has a queue for each of `outputs` from now on. What waits for others is kept until the daemon ends, in case they come back. An
    /// output that takes an alert that is firing and that it was not notified of gets it.
    pub fn replace(&self, outputs: impl IntoIterator<Item = (String, Route)>) {
        let mut state = self.lock();
        let mut old = std::mem::take(&mut state.queues);
        for (output, route) in outputs {
            let mut queue = old.remove(&output).unwrap_or_default();
            (queue.route, queue.is_retired) = (route, false);
            for firing in state.firing.values() {
                if queue.route.takes(&firing.event) && !queue.knows(&firing.event) {
                    // It was in no outbox for this output, so that nothing is to be noted of what there is no room for.
                    drop(queue.put(Arc::clone(firing), Instant::now(), &self.given_up));
                }
            }
            state.queues.insert(output, queue);
        }
        for (output, mut queue) in old {
            queue.is_retired = true;
            state.queues.insert(output, queue);
        }
    }

    /// Is notified when something is queued for `output`.
    pub(super) fn notify(&self, output: &str) -> Option<Arc<Notify>> {
        self.lock().queues.get(output).map(|queue| Arc::clone(&queue.notify))
    }

    /// The groups of which something waits for `output`, without what is silenced.
    pub(super) fn waiting(&self, output: &str) -> Vec<WaitingGroup> {
        let state = self.lock();
        let is_free = state.free_now();
        state.queues.get(output).map(|queue| queue.groups(&is_free)).unwrap_or_default()
    }

    /// What waits of a group for `output`, without what is silenced, to be sent now: at most `alerts_max` alerts.
    pub(super) fn group(
        &self,
        output: &str,
        key: &GroupKey,
        alerts_max: usize,
        endings: Endings,
    ) -> Option<NotificationGroup> {
        let mut state = self.lock();
        let QueuesState { queues, silences, .. } = &mut *state;
        queues.get_mut(output)?.group(key, alerts_max, endings, &free_now(silences))
    }

    /// Removes a group that `output` accepted or refused for good. An alert with a newer transition goes on waiting.
    pub(super) fn done(&self, output: &str, group: &NotificationGroup, outcome: DeliveryOutcome) {
        let mut state = self.lock();
        let QueuesState { queues, delivered, wake, .. } = &mut *state;
        let Some(queue) = queues.get_mut(output) else { return };
        let alerts = group.transitions.len() as u64;
        match outcome {
            DeliveryOutcome::Accepted => queue.counts.accepted += alerts,
            DeliveryOutcome::Abandoned => queue.counts.refused += alerts,
        }
        for sent in group.notified() {
            delivered.extend(queue.take(sent).map(|sent| ended(output, &sent, outcome)));
            let fingerprint = &sent.event.fingerprint;
            if !sent.event.is_firing() {
                queue.firing.remove(fingerprint);
                queue.accepted.remove(fingerprint);
                continue;
            }
            queue.firing.insert(fingerprint.clone(), Arc::clone(sent));
            if outcome == DeliveryOutcome::Accepted {
                queue.accepted.insert(fingerprint.clone(), Some(Timestamp::now()));
            }
        }
        if let Some(wake) = wake {
            wake();
        }
        self.delivered.notify_all();
    }

    /// Notes that `output` did not take a group, so that what is superseded of it need not be sent.
    pub(super) fn not_taken(&self, output: &str, group: &NotificationGroup) {
        let mut state = self.lock();
        let QueuesState { queues, delivered, .. } = &mut *state;
        let Some(queue) = queues.get_mut(output) else { return };
        for sent in &group.transitions {
            let superseded = queue.not_taken(&sent.event.fingerprint);
            delivered.extend(superseded.iter().map(|old| ended(output, old, DeliveryOutcome::Abandoned)));
        }
    }

    /// Reports what was given up since the last call, with one event for each output.
    pub(super) fn report_given_up(&self) {
        let take = |(output, queue): (&String, &mut OutputQueue)| {
            (output.clone(), std::mem::take(&mut queue.given_up))
        };
        let given_up: Vec<_> =
            self.lock().queues.iter_mut().map(take).filter(|(_, count)| *count > 0).collect();
        for (output, count) in given_up {
            let message = format!(
                "{count} alerts for the output {output} were given up, the oldest first, because more than {WAITING_MAX} wait; \
                 no message has them, only their events; see why it takes none"
            );
            HealthEvent::warning(HealthKind::DeliveryGivenUp, message).counting(count).emit();
        }
    }

    /// Waits until a transition was given up that may not have been reported.
    pub(super) async fn has_given_up(&self) {
        self.given_up.notified().await;
    }

    /// Waits until nothing waits, at most for `limit`.
    pub(super) fn wait_until_empty(&self, limit: Duration) {
        let is_busy = |state: &mut QueuesState| {
            let is_free = state.free_now();
            state.used().any(|(_, queue)| queue.count(&is_free) > 0)
        };
        drop(self.delivered.wait_timeout_while(self.lock(), limit, is_busy));
    }

    /// What is firing, as far as `output` has accepted it.
    pub(super) fn firing(&self, output: &str) -> Vec<Arc<TransitionRecord>> {
        let state = self.lock();
        let firing = state.queues.get(output).map(|queue| queue.firing.values().cloned().collect());
        firing.unwrap_or_default()
    }

    /// Notes that an attempt to send to `output` failed that is to be repeated.
    pub(super) fn delayed(&self, output: &str, why: &str) {
        self.failed(output, why);
        if let Some(queue) = self.lock().queues.get_mut(output) {
            queue.counts.failed += 1;
        }
    }

    /// Notes why an attempt to send to `output` failed.
    pub(super) fn failed(&self, output: &str, why: &str) {
        if let Some(queue) = self.lock().queues.get_mut(output) {
            queue.last_error = Some((Timestamp::now(), why.to_owned()));
        }
    }

    /// The outputs that accepted that the alert of this fingerprint fires, and when; not known if that was before the start.
    #[must_use]
    pub fn notified(&self, fingerprint: &str) -> Vec<(String, Option<Timestamp>)> {
        let state = self.lock();
        let accepted = |(output, queue): (&String, &OutputQueue)| {
            queue.accepted.get(fingerprint).map(|at| (output.clone(), *at))
        };
        state.used().filter_map(accepted).collect()
    }

    /// The status of each output.
    #[must_use]
    pub fn reports(&self) -> Vec<OutputReport> {
        let state = self.lock();
        let is_free = state.free_now();
        let report = |(output, queue): (&String, &OutputQueue)| OutputReport {
            output: output.clone(),
            waiting: queue.count(&is_free),
            counts: queue.counts,
            last_error: queue.last_error.clone(),
        };
        state.used().map(report).collect()
    }

    fn lock(&self) -> MutexGuard<'_, QueuesState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QueuesState {
    /// The queues of outputs that the configuration has.
    fn used(&self) -> impl Iterator<Item = (&String, &OutputQueue)> {
        self.queues.iter().filter(|(_, queue)| !queue.is_retired)
    }

    /// Tells which alerts are not silenced now.
    fn free_now(&self) -> impl Fn(&AlertEvent) -> bool {
        free_now(&self.silences)
    }
}

fn free_now(silences: &Silences) -> impl Fn(&AlertEvent) -> bool {
    let now_ms = Timestamp::now().as_millisecond();
    move |event| !silences.holds(event, now_ms)
}

fn ended(output: &str, transition: &TransitionRecord, outcome: DeliveryOutcome) -> Delivered {
    Delivered {
        output: output.to_owned(),
        fingerprint: transition.event.fingerprint.clone(),
        at_ms: transition.at_ms,
        state: transition.event.state,
        outcome,
    }
}

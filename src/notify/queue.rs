//! Alerts that wait for the outputs that answer: a queue for each output.
//!
//! The committer puts transitions in and fetches what was delivered; a task per output takes groups out. Neither waits for the other.
//! What is queued is in the outbox too, so that it survives a restart.

mod dispatch;
mod silencing;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;

use crate::event::{AlertEvent, HealthEvent, HealthKind};
use crate::notify::route::Route;
use crate::notify::silence::{SilencedBy, Silences};
use crate::store::{Delivered, DeliveryOutcome, TransitionRecord};

/// At most this many transitions wait for an output; the oldest are dropped first.
const WAITING_MAX: usize = 10_000;

/// What waits for one output: of each alert only the latest transition. A receiver that was away need not be sent all of them.
#[derive(Default)]
struct OutputQueue {
    /// Which alerts the output takes.
    route: Route,
    /// In the order in which the alerts began to wait.
    waiting: BTreeMap<u64, Arc<TransitionRecord>>,
    /// Where in `waiting` an alert is, by fingerprint.
    places: HashMap<String, u64>,
    next_place: u64,
    /// What is firing, by fingerprint, as far as the output has accepted it.
    firing: BTreeMap<String, Arc<TransitionRecord>>,
    counts: DeliveryCounts,
    /// When an attempt failed last, and why.
    last_error: Option<(Timestamp, String)>,
    /// How many were given up because too many waited, since that was reported last.
    given_up: u64,
    notify: Arc<Notify>,
}

/// How many alerts came how far, since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeliveryCounts {
    /// Alerts that the receiver took.
    pub accepted: u64,
    /// Alerts that it refused for good.
    pub refused: u64,
    /// Attempts that failed and were or will be repeated.
    pub failed: u64,
    /// Alerts that were given up because too many waited.
    pub given_up: u64,
}

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
    /// Which alerts nobody is to be told of now.
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
}

/// Alerts of one name that go out together, at most one transition for each of them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NotificationGroup {
    /// Name of the alert.
    pub(super) alert: String,
    /// In the order in which they came.
    pub(super) transitions: Vec<Arc<TransitionRecord>>,
    /// How many more of the same name wait: they are in the next groups.
    pub(super) following: usize,
}

impl NotificationQueue {
    /// Has a queue for each of `outputs` from now on. What waits for others is dropped. An output that takes an alert that is firing
    /// and that it was not told of gets it.
    pub fn replace(&self, outputs: impl IntoIterator<Item = (String, Route)>) {
        let mut state = self.lock();
        let mut old = std::mem::take(&mut state.queues);
        for (output, route) in outputs {
            let mut queue = old.remove(&output).unwrap_or_default();
            queue.route = route;
            for firing in state.firing.values() {
                if queue.route.takes(&firing.event) && !queue.knows(&firing.event) {
                    // It was in no outbox for this output, so that nothing is to be noted of what there is no room for.
                    drop(queue.put(Arc::clone(firing), &self.given_up));
                }
            }
            state.queues.insert(output, queue);
        }
    }

    /// Is notified when something is queued for `output`.
    pub(super) fn notify(&self, output: &str) -> Option<Arc<Notify>> {
        self.lock().queues.get(output).map(|queue| Arc::clone(&queue.notify))
    }

    /// The next group for `output`, without what is silenced: at most `alerts_max` alerts of the name that has waited for longest.
    pub(super) fn next(&self, output: &str, alerts_max: usize) -> Option<NotificationGroup> {
        let state = self.lock();
        let now_ms = Timestamp::now().as_millisecond();
        let waiting = &state.queues.get(output)?.waiting;
        let is_free = |waits: &&Arc<TransitionRecord>| !state.silences.holds(&waits.event, now_ms);
        let alert = waiting.values().find(is_free)?.event.alert.clone();
        let mut of_name = waiting.values().filter(|t| t.event.alert == alert).filter(is_free);
        let transitions: Vec<_> = of_name.by_ref().take(alerts_max).cloned().collect();
        let following = of_name.count();
        Some(NotificationGroup { alert, transitions, following })
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
        for sent in &group.transitions {
            delivered.extend(queue.take(sent).map(|sent| ended(output, &sent, outcome)));
            if sent.event.is_firing() {
                queue.firing.insert(sent.event.fingerprint.clone(), Arc::clone(sent));
            } else {
                queue.firing.remove(&sent.event.fingerprint);
            }
        }
        if let Some(wake) = wake {
            wake();
        }
        self.delivered.notify_all();
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
        let now_ms = Timestamp::now().as_millisecond();
        let is_busy = |state: &mut QueuesState| {
            let mut waiting = state.queues.values().flat_map(|queue| queue.waiting.values());
            waiting.any(|waits| !state.silences.holds(&waits.event, now_ms))
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

    /// The status of each output.
    #[must_use]
    pub fn reports(&self) -> Vec<OutputReport> {
        let now_ms = Timestamp::now().as_millisecond();
        let state = self.lock();
        let report = |(output, queue): (&String, &OutputQueue)| {
            let free = queue.waiting.values().filter(|waits| !state.silences.holds(&waits.event, now_ms));
            OutputReport {
                output: output.clone(),
                waiting: free.count(),
                counts: queue.counts,
                last_error: queue.last_error.clone(),
            }
        };
        state.queues.iter().map(report).collect()
    }

    fn lock(&self) -> MutexGuard<'_, QueuesState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OutputQueue {
    /// Removes what began and ended while it was silenced, so that nobody was told of it. Nothing if someone was.
    fn hush(
        &mut self,
        end: &Arc<TransitionRecord>,
        silenced: Option<&SilencedBy>,
    ) -> Option<Vec<Arc<TransitionRecord>>> {
        let fingerprint = &end.event.fingerprint;
        if end.event.is_firing() || self.firing.contains_key(fingerprint) {
            return None;
        }
        let place = self.places.get(fingerprint).copied();
        let begun = place.and_then(|place| self.waiting.get(&place)).map(Arc::clone);
        // It may be on its way.
        let is_hushed = |begun: &Arc<TransitionRecord>| silenced.is_some_and(|by| begun.at_ms >= by.since_ms);
        if silenced.is_none() || !begun.as_ref().is_none_or(is_hushed) {
            return None;
        }
        if let Some(place) = place {
            self.places.remove(fingerprint);
            self.waiting.remove(&place);
        }
        Some(begun.into_iter().chain([Arc::clone(end)]).collect())
    }

    /// Whether the output is to be told of `event`: it takes it, or was told that it fired, when it was to be told that.
    fn wants(&self, event: &AlertEvent) -> bool {
        self.route.takes(event) || (!event.is_firing() && self.knows(event))
    }

    /// Whether the output was told that the alert fires, or will be.
    fn knows(&self, event: &AlertEvent) -> bool {
        self.firing.contains_key(&event.fingerprint) || self.places.contains_key(&event.fingerprint)
    }

    /// Has `transition` wait. Returns one that is not to be sent any more: a newer one waits in its place, or too many wait.
    fn put(&mut self, transition: Arc<TransitionRecord>, given_up: &Notify) -> Option<Arc<TransitionRecord>> {
        self.notify.notify_one();
        if let Some(place) = self.places.get(&transition.event.fingerprint) {
            return self.waiting.insert(*place, transition);
        }
        self.places.insert(transition.event.fingerprint.clone(), self.next_place);
        self.waiting.insert(self.next_place, transition);
        self.next_place += 1;
        if self.waiting.len() <= WAITING_MAX {
            return None;
        }
        let (_, oldest) = self.waiting.pop_first()?;
        self.places.remove(&oldest.event.fingerprint);
        self.given_up += 1;
        self.counts.given_up += 1;
        given_up.notify_one();
        Some(oldest)
    }

    /// Removes `sent`, if it is still the latest of its alert.
    fn take(&mut self, sent: &Arc<TransitionRecord>) -> Option<Arc<TransitionRecord>> {
        let place = *self.places.get(&sent.event.fingerprint)?;
        if self.waiting.get(&place) != Some(sent) {
            return None;
        }
        self.places.remove(&sent.event.fingerprint);
        self.waiting.remove(&place)
    }
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

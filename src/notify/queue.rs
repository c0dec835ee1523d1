//! Alerts that wait for the outputs that answer: a queue for each output.
//!
//! The committer puts transitions in and fetches what was delivered; a task per output takes groups out. Neither waits for the other.
//! What is queued is in the outbox too, so that it survives a restart.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;

use crate::event::{AlertEvent, HealthEvent, HealthKind};
use crate::notify::route::Route;
use crate::store::{Delivered, DeliveryOutcome, Dispatcher, TransitionRecord};

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
    /// When an attempt failed last, and why.
    last_error: Option<(Timestamp, String)>,
    /// How many were given up because too many waited, since that was reported last.
    given_up: u64,
    notify: Arc<Notify>,
}

/// The status of one output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputReport {
    /// Its name.
    pub output: String,
    /// How many alerts wait for it.
    pub waiting: usize,
    /// When an attempt failed last, and why; since the start.
    pub last_error: Option<(Timestamp, String)>,
}

#[derive(Default)]
struct QueuesState {
    queues: BTreeMap<String, OutputQueue>,
    /// What is firing, by fingerprint.
    firing: BTreeMap<String, Arc<TransitionRecord>>,
    delivered: Vec<Delivered>,
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

    /// The next group for `output`: at most `alerts_max` alerts of the name that has waited for longest.
    pub(super) fn next(&self, output: &str, alerts_max: usize) -> Option<NotificationGroup> {
        let state = self.lock();
        let waiting = &state.queues.get(output)?.waiting;
        let alert = waiting.values().next()?.event.alert.clone();
        let mut of_name = waiting.values().filter(|t| t.event.alert == alert);
        let transitions: Vec<_> = of_name.by_ref().take(alerts_max).cloned().collect();
        let following = of_name.count();
        Some(NotificationGroup { alert, transitions, following })
    }

    /// Removes a group that `output` accepted or refused for good. An alert with a newer transition goes on waiting.
    pub(super) fn done(&self, output: &str, group: &NotificationGroup, outcome: DeliveryOutcome) {
        let mut state = self.lock();
        let QueuesState { queues, delivered, wake, .. } = &mut *state;
        let Some(queue) = queues.get_mut(output) else { return };
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
        let is_busy = |state: &mut QueuesState| state.queues.values().any(|queue| !queue.waiting.is_empty());
        drop(self.delivered.wait_timeout_while(self.lock(), limit, is_busy));
    }

    /// What is firing, as far as `output` has accepted it.
    pub(super) fn firing(&self, output: &str) -> Vec<Arc<TransitionRecord>> {
        let state = self.lock();
        let firing = state.queues.get(output).map(|queue| queue.firing.values().cloned().collect());
        firing.unwrap_or_default()
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
        let report = |(output, queue): (&String, &OutputQueue)| OutputReport {
            output: output.clone(),
            waiting: queue.waiting.len(),
            last_error: queue.last_error.clone(),
        };
        self.lock().queues.iter().map(report).collect()
    }

    fn lock(&self) -> MutexGuard<'_, QueuesState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OutputQueue {
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

impl Dispatcher for NotificationQueue {
    fn outputs(&self, event: &AlertEvent) -> Vec<String> {
        let state = self.lock();
        let wanting = state.queues.iter().filter(|(_, queue)| queue.wants(event));
        wanting.map(|(output, _)| output.clone()).collect()
    }

    fn restore(&self, pending: Vec<(String, TransitionRecord)>, firing: Vec<TransitionRecord>) {
        let mut state = self.lock();
        let QueuesState { queues, firing: all_firing, delivered, .. } = &mut *state;
        for (output, transition) in pending {
            let displaced =
                queues.get_mut(&output).and_then(|queue| queue.put(Arc::new(transition), &self.given_up));
            delivered
                .extend(displaced.map(|displaced| ended(&output, &displaced, DeliveryOutcome::Abandoned)));
        }
        for transition in firing {
            let transition = Arc::new(transition);
            for queue in queues.values_mut() {
                if queue.route.takes(&transition.event) && !queue.knows(&transition.event) {
                    queue.firing.insert(transition.event.fingerprint.clone(), Arc::clone(&transition));
                }
            }
            all_firing.insert(transition.event.fingerprint.clone(), transition);
        }
    }

    fn take(&self, transitions: &[TransitionRecord], outputs: &[Vec<String>]) {
        let mut state = self.lock();
        let QueuesState { queues, firing, delivered, .. } = &mut *state;
        for (transition, outputs) in transitions.iter().zip(outputs) {
            let transition = Arc::new(transition.clone());
            if transition.event.is_firing() {
                firing.insert(transition.event.fingerprint.clone(), Arc::clone(&transition));
            } else {
                firing.remove(&transition.event.fingerprint);
            }
            for output in outputs {
                let Some(queue) = queues.get_mut(output) else { continue };
                let displaced = queue.put(Arc::clone(&transition), &self.given_up);
                delivered
                    .extend(displaced.map(|displaced| ended(output, &displaced, DeliveryOutcome::Abandoned)));
            }
        }
    }

    fn refresh(&self, firing: Vec<AlertEvent>) {
        let mut state = self.lock();
        let QueuesState { queues, firing: all_firing, .. } = &mut *state;
        for event in firing {
            let records = queues.values_mut().filter_map(|queue| queue.firing.get_mut(&event.fingerprint));
            for record in records.chain(all_firing.get_mut(&event.fingerprint)) {
                // Since when and at which time it fired stays.
                let AlertEvent { since, at, late, .. } = record.event.clone();
                let event = AlertEvent { since, at, late, ..event.clone() };
                *record = Arc::new(TransitionRecord { at_ms: record.at_ms, event });
            }
        }
    }

    fn delivered(&self) -> Vec<Delivered> {
        std::mem::take(&mut self.lock().delivered)
    }

    fn on_delivered(&self, wake: Box<dyn Fn() + Send + Sync>) {
        self.lock().wake = Some(wake);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::AlertState::{Firing, Resolved};
    use crate::event::{AlertEvent, AlertState};

    fn transition(name: &str, state: AlertState, at_ms: i64) -> TransitionRecord {
        let (alert, fingerprint) = ("spike".to_owned(), name.to_owned());
        TransitionRecord { at_ms, event: AlertEvent { alert, state, fingerprint, ..AlertEvent::default() } }
    }

    fn queue() -> NotificationQueue {
        let queue = NotificationQueue::default();
        queue.replace([output("pager", Route::default())]);
        queue
    }

    fn output(name: &str, route: Route) -> (String, Route) {
        (name.to_owned(), Route { output: name.to_owned(), ..route })
    }

    fn take(queue: &NotificationQueue, transitions: &[TransitionRecord]) {
        let outputs: Vec<_> = transitions.iter().map(|new| queue.outputs(&new.event)).collect();
        queue.take(transitions, &outputs);
    }

    fn delivered(queue: &NotificationQueue) -> Vec<(String, i64)> {
        queue.delivered().into_iter().map(|delivered| (delivered.fingerprint, delivered.at_ms)).collect()
    }

    #[test]
    fn an_alert_waits_as_its_latest_transition_in_its_old_place() {
        let queue = queue();
        take(&queue, &[transition("a", Firing, 1), transition("b", Firing, 2), transition("a", Resolved, 3)]);
        let message = queue.next("pager", 100).unwrap();
        assert_eq!(
            message.transitions,
            [transition("a", Resolved, 3), transition("b", Firing, 2)].map(Arc::new)
        );
        assert_eq!(delivered(&queue), [("a".to_owned(), 1)], "it is superseded");
        queue.done("pager", &message, DeliveryOutcome::Accepted);
        assert_eq!(delivered(&queue), [("a".to_owned(), 3), ("b".to_owned(), 2)]);
        assert_eq!((queue.next("pager", 100), queue.firing("pager").len()), (None, 1));
    }

    #[test]
    fn what_changes_while_it_is_sent_is_sent_again() {
        let queue = queue();
        take(&queue, &[transition("a", Firing, 1)]);
        let sent = queue.next("pager", 100).unwrap();
        take(&queue, &[transition("a", Resolved, 2)]);
        queue.done("pager", &sent, DeliveryOutcome::Accepted);
        assert_eq!(queue.next("pager", 100).unwrap().transitions, [Arc::new(transition("a", Resolved, 2))]);
    }

    fn outcomes(queue: &NotificationQueue) -> Vec<(String, DeliveryOutcome)> {
        queue.delivered().into_iter().map(|delivered| (delivered.fingerprint, delivered.outcome)).collect()
    }

    #[test]
    fn too_many_push_out_the_oldest_which_are_not_delivered() {
        let queue = queue();
        let all: Vec<_> = (0..WAITING_MAX + 2).map(|n| transition(&n.to_string(), Firing, 1)).collect();
        take(&queue, &all);
        assert_eq!(queue.reports()[0].waiting, WAITING_MAX);
        let abandoned = ["0", "1"].map(|name| (name.to_owned(), DeliveryOutcome::Abandoned));
        assert_eq!(outcomes(&queue), abandoned);
        assert_eq!(queue.lock().queues["pager"].given_up, 2);
        queue.report_given_up();
        assert_eq!(queue.lock().queues["pager"].given_up, 0);
    }

    #[test]
    fn only_what_was_in_a_group_is_delivered_and_the_rest_follows() {
        let queue = queue();
        let all: Vec<_> = (0..250).map(|n| transition(&format!("{n:03}"), Firing, 1)).collect();
        take(&queue, &all);
        let mut taken = Vec::new();
        for (size, following) in [(100, 150), (100, 50), (50, 0)] {
            let group = queue.next("pager", 100).unwrap();
            assert_eq!((group.transitions.len(), group.following), (size, following));
            queue.done("pager", &group, DeliveryOutcome::Accepted);
            let delivered = outcomes(&queue);
            assert!(delivered.iter().all(|(_, outcome)| *outcome == DeliveryOutcome::Accepted));
            let names: Vec<String> = delivered.into_iter().map(|(name, _)| name).collect();
            let sent: Vec<String> = group.transitions.iter().map(|t| t.event.fingerprint.clone()).collect();
            assert_eq!(names, sent);
            taken.extend(names);
        }
        assert_eq!(taken.len(), 250);
        assert_eq!(queue.next("pager", 100), None);
    }

    #[test]
    fn an_output_that_is_added_gets_what_is_firing() {
        let queue = queue();
        take(&queue, &[transition("a", Firing, 1), transition("b", Firing, 2), transition("b", Resolved, 3)]);
        queue.replace([output("pager", Route::default()), output("other", Route::default())]);
        assert_eq!(queue.next("other", 100).unwrap().transitions, [Arc::new(transition("a", Firing, 1))]);
    }

    #[test]
    fn an_output_that_no_longer_takes_an_alert_is_told_its_end_and_one_that_does_now_its_beginning() {
        let queue = queue();
        take(&queue, &[transition("a", Firing, 1)]);
        let sent = queue.next("pager", 100).unwrap();
        queue.done("pager", &sent, DeliveryOutcome::Accepted);
        let none = Route { alerts: vec!["other".to_owned()], ..Route::default() };
        let some = Route { alerts: vec!["spike".to_owned()], ..Route::default() };
        queue.replace([output("pager", none.clone()), output("mail", none.clone())]);
        assert_eq!(queue.next("mail", 100), None);
        queue.replace([output("pager", none.clone()), output("mail", some)]);
        assert_eq!(queue.next("mail", 100).unwrap().transitions, [Arc::new(transition("a", Firing, 1))]);
        assert_eq!(queue.next("pager", 100), None, "it was told already");
        take(&queue, &[transition("a", Resolved, 2), transition("b", Firing, 3)]);
        let resolved = [Arc::new(transition("a", Resolved, 2))];
        assert_eq!(queue.next("pager", 100).unwrap().transitions, resolved);
        assert_eq!(queue.next("mail", 100).unwrap().transitions.len(), 2);
    }
}

//! Where alerts wait for the outputs that answer: a tray for each output.
//!
//! The committer puts transitions in and fetches what was delivered; a task per output takes messages out. Nobody waits for anybody.
//! What is in a tray is in the outbox too, so that it outlives the daemon.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;

use crate::event::{HealthEvent, HealthKind};
use crate::store::{Delivered, Dispatcher, TransitionRecord};

/// At most so many transitions wait in a tray; the oldest are given up first.
const TRAY_MAX: usize = 10_000;
/// At most so many alerts are in one message.
pub(super) const MESSAGE_MAX: usize = 100;

/// What waits for one output: of each alert only what it came to. Whoever was away need not hear of every time that it fired and
/// resolved.
#[derive(Default)]
struct OutputQueue {
    /// By when the alert began to wait.
    waiting: BTreeMap<u64, Arc<TransitionRecord>>,
    /// Where in `waiting` an alert is, by fingerprint.
    places: HashMap<String, u64>,
    next_place: u64,
    /// What is firing, by fingerprint, as far as the output was told.
    firing: BTreeMap<String, Arc<TransitionRecord>>,
    /// When an attempt failed last, and why.
    last_error: Option<(Timestamp, String)>,
    notify: Arc<Notify>,
}

/// How one output stands.
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
    trays: BTreeMap<String, OutputQueue>,
    /// What is firing, by fingerprint.
    firing: BTreeMap<String, Arc<TransitionRecord>>,
    delivered: Vec<Delivered>,
    wake: Option<Box<dyn Fn() + Send + Sync>>,
}

/// See the [module](self).
#[derive(Default)]
pub struct NotificationQueue {
    state: Mutex<QueuesState>,
    /// A message was settled.
    settled: Condvar,
}

/// Alerts of one name that go out together, at most one transition for each of them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NotificationGroup {
    /// Name of the alert.
    pub(super) alert: String,
    /// In the order in which they came.
    pub(super) transitions: Vec<Arc<TransitionRecord>>,
    /// How many more there are than a message can hold.
    pub(super) truncated: usize,
}

impl NotificationQueue {
    /// A desk with a tray for each of `outputs`.
    #[must_use]
    pub fn new(outputs: impl IntoIterator<Item = String>) -> NotificationQueue {
        let trays = outputs.into_iter().map(|output| (output, OutputQueue::default())).collect();
        NotificationQueue {
            state: Mutex::new(QueuesState { trays, ..QueuesState::default() }),
            ..NotificationQueue::default()
        }
    }

    /// Has a tray for each of `outputs` from now on. What waits in others is given up. A new one is told of what is firing.
    pub fn replace(&self, outputs: impl IntoIterator<Item = String>) {
        let mut state = self.lock();
        let mut old = std::mem::take(&mut state.trays);
        for output in outputs {
            let tray = old.remove(&output).unwrap_or_else(|| {
                let mut tray = OutputQueue::default();
                state.firing.values().for_each(|firing| drop(tray.put(Arc::clone(firing))));
                tray
            });
            state.trays.insert(output, tray);
        }
    }

    /// Is told when something is put into the tray of `output`.
    pub(super) fn notify(&self, output: &str) -> Option<Arc<Notify>> {
        self.lock().trays.get(output).map(|tray| Arc::clone(&tray.notify))
    }

    /// The next message for `output`: the alerts of the name that has waited for longest.
    pub(super) fn next(&self, output: &str) -> Option<NotificationGroup> {
        let state = self.lock();
        let waiting = &state.trays.get(output)?.waiting;
        let alert = waiting.values().next()?.event.alert.clone();
        let transitions: Vec<_> = waiting.values().filter(|t| t.event.alert == alert).cloned().collect();
        let truncated = transitions.len().saturating_sub(MESSAGE_MAX);
        Some(NotificationGroup { alert, transitions, truncated })
    }

    /// Takes a message out of the tray of `output`. What was followed by something newer meanwhile, waits on as that.
    pub(super) fn done(&self, output: &str, message: &NotificationGroup) {
        let mut state = self.lock();
        let QueuesState { trays, delivered, wake, .. } = &mut *state;
        let Some(tray) = trays.get_mut(output) else { return };
        for told in &message.transitions {
            delivered.extend(tray.take(told).map(|told| of(output, &told)));
            if told.event.is_firing() {
                tray.firing.insert(told.event.fingerprint.clone(), Arc::clone(told));
            } else {
                tray.firing.remove(&told.event.fingerprint);
            }
        }
        if let Some(wake) = wake {
            wake();
        }
        self.settled.notify_all();
    }

    /// Waits until nothing waits, at most for `limit`.
    pub(super) fn wait_until_empty(&self, limit: Duration) {
        let is_busy = |state: &mut QueuesState| state.trays.values().any(|tray| !tray.waiting.is_empty());
        drop(self.settled.wait_timeout_while(self.lock(), limit, is_busy));
    }

    /// What is firing, as far as `output` was told.
    pub(super) fn firing(&self, output: &str) -> Vec<Arc<TransitionRecord>> {
        let state = self.lock();
        let firing = state.trays.get(output).map(|tray| tray.firing.values().cloned().collect());
        firing.unwrap_or_default()
    }

    /// Notes why an attempt to tell `output` failed.
    pub(super) fn failed(&self, output: &str, why: &str) {
        if let Some(tray) = self.lock().trays.get_mut(output) {
            tray.last_error = Some((Timestamp::now(), why.to_owned()));
        }
    }

    /// How each output stands.
    #[must_use]
    pub fn reports(&self) -> Vec<OutputReport> {
        let report = |(output, tray): (&String, &OutputQueue)| OutputReport {
            output: output.clone(),
            waiting: tray.waiting.len(),
            last_error: tray.last_error.clone(),
        };
        self.lock().trays.iter().map(report).collect()
    }

    fn lock(&self) -> MutexGuard<'_, QueuesState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What need not be told any more.
enum Displaced {
    /// Something newer of the same alert waits in its place.
    Superseded(Arc<TransitionRecord>),
    /// Too many waited.
    GivenUp(Arc<TransitionRecord>),
}

impl Displaced {
    fn record(&self) -> &TransitionRecord {
        let (Displaced::Superseded(record) | Displaced::GivenUp(record)) = self;
        record
    }
}

impl OutputQueue {
    fn put(&mut self, transition: Arc<TransitionRecord>) -> Option<Displaced> {
        self.notify.notify_one();
        if let Some(place) = self.places.get(&transition.event.fingerprint) {
            return self.waiting.insert(*place, transition).map(Displaced::Superseded);
        }
        self.places.insert(transition.event.fingerprint.clone(), self.next_place);
        self.waiting.insert(self.next_place, transition);
        self.next_place += 1;
        if self.waiting.len() <= TRAY_MAX {
            return None;
        }
        let (_, oldest) = self.waiting.pop_first()?;
        self.places.remove(&oldest.event.fingerprint);
        Some(Displaced::GivenUp(oldest))
    }

    /// Takes `told` out, if it is what its alert came to.
    fn take(&mut self, told: &Arc<TransitionRecord>) -> Option<Arc<TransitionRecord>> {
        let place = *self.places.get(&told.event.fingerprint)?;
        if self.waiting.get(&place) != Some(told) {
            return None;
        }
        self.places.remove(&told.event.fingerprint);
        self.waiting.remove(&place)
    }
}

impl Dispatcher for NotificationQueue {
    fn outputs(&self) -> Vec<String> {
        self.lock().trays.keys().cloned().collect()
    }

    fn restore(&self, pending: Vec<(String, TransitionRecord)>, firing: Vec<TransitionRecord>) {
        let mut state = self.lock();
        let QueuesState { trays, firing: all_firing, delivered, .. } = &mut *state;
        for (output, transition) in pending {
            let left = trays.get_mut(&output).and_then(|tray| tray.put(Arc::new(transition)));
            delivered.extend(left.map(|left| of(&output, left.record())));
        }
        for transition in firing {
            let transition = Arc::new(transition);
            for tray in trays.values_mut() {
                if !tray.places.contains_key(&transition.event.fingerprint) {
                    tray.firing.insert(transition.event.fingerprint.clone(), Arc::clone(&transition));
                }
            }
            all_firing.insert(transition.event.fingerprint.clone(), transition);
        }
    }

    fn take(&self, transitions: &[TransitionRecord]) {
        let mut given_up: BTreeMap<String, u64> = BTreeMap::new();
        {
            let mut state = self.lock();
            let QueuesState { trays, firing, delivered, .. } = &mut *state;
            for transition in transitions {
                let transition = Arc::new(transition.clone());
                if transition.event.is_firing() {
                    firing.insert(transition.event.fingerprint.clone(), Arc::clone(&transition));
                } else {
                    firing.remove(&transition.event.fingerprint);
                }
                for (output, tray) in &mut *trays {
                    let Some(left) = tray.put(Arc::clone(&transition)) else { continue };
                    delivered.push(of(output, left.record()));
                    if matches!(left, Displaced::GivenUp(_)) {
                        *given_up.entry(output.clone()).or_default() += 1;
                    }
                }
            }
        }
        for (output, count) in given_up {
            let message = format!(
                "more than {TRAY_MAX} alerts wait for the output {output}; the oldest are given up; see why it takes none"
            );
            HealthEvent::warning(HealthKind::DeliveryGivenUp, message).counting(count).emit();
        }
    }

    fn delivered(&self) -> Vec<Delivered> {
        std::mem::take(&mut self.lock().delivered)
    }

    fn on_delivered(&self, wake: Box<dyn Fn() + Send + Sync>) {
        self.lock().wake = Some(wake);
    }
}

fn of(output: &str, transition: &TransitionRecord) -> Delivered {
    Delivered {
        output: output.to_owned(),
        fingerprint: transition.event.fingerprint.clone(),
        at_ms: transition.at_ms,
        state: transition.event.state,
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

    fn desk() -> NotificationQueue {
        NotificationQueue::new(["pager".to_owned()])
    }

    fn settled(desk: &NotificationQueue) -> Vec<(String, i64)> {
        desk.delivered().into_iter().map(|delivered| (delivered.fingerprint, delivered.at_ms)).collect()
    }

    #[test]
    fn an_alert_waits_as_what_it_came_to_in_its_old_place() {
        let desk = desk();
        desk.take(&[transition("a", Firing, 1), transition("b", Firing, 2), transition("a", Resolved, 3)]);
        let message = desk.next("pager").unwrap();
        assert_eq!(
            message.transitions,
            [transition("a", Resolved, 3), transition("b", Firing, 2)].map(Arc::new)
        );
        assert_eq!(settled(&desk), [("a".to_owned(), 1)], "nobody need hear of it any more");
        desk.done("pager", &message);
        assert_eq!(settled(&desk), [("a".to_owned(), 3), ("b".to_owned(), 2)]);
        assert_eq!((desk.next("pager"), desk.firing("pager").len()), (None, 1));
    }

    #[test]
    fn what_changes_while_it_is_sent_is_sent_again() {
        let desk = desk();
        desk.take(&[transition("a", Firing, 1)]);
        let sent = desk.next("pager").unwrap();
        desk.take(&[transition("a", Resolved, 2)]);
        desk.done("pager", &sent);
        assert_eq!(desk.next("pager").unwrap().transitions, [Arc::new(transition("a", Resolved, 2))]);
    }

    #[test]
    fn too_many_push_out_the_oldest() {
        let desk = desk();
        let all: Vec<_> = (0..=TRAY_MAX).map(|n| transition(&n.to_string(), Firing, 1)).collect();
        desk.take(&all);
        assert_eq!(desk.reports()[0].waiting, TRAY_MAX);
        assert_eq!(settled(&desk), [("0".to_owned(), 1)]);
    }

    #[test]
    fn an_output_that_is_added_hears_of_what_is_firing() {
        let desk = desk();
        desk.take(&[transition("a", Firing, 1), transition("b", Firing, 2), transition("b", Resolved, 3)]);
        desk.replace(["pager".to_owned(), "other".to_owned()]);
        assert_eq!(desk.next("other").unwrap().transitions, [Arc::new(transition("a", Firing, 1))]);
    }
}

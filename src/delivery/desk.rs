//! Where alerts wait for the outputs that answer: a tray for each output.
//!
//! The committer puts transitions in and fetches what was delivered; a task per output takes messages out. Nobody waits for anybody.
//! What is in a tray is in the outbox too, so that it outlives the daemon.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::store::{Courier, Delivered, TransitionRecord};
use crate::telemetry::events::HealthEvent;

/// At most so many transitions wait in a tray; the oldest are given up first.
const TRAY_MAX: usize = 10_000;
/// At most so many alerts are in one message.
pub(super) const MESSAGE_MAX: usize = 100;

/// What waits for one output.
#[derive(Default)]
struct Tray {
    waiting: VecDeque<TransitionRecord>,
    /// What is firing, by fingerprint, as far as the output was told.
    firing: BTreeMap<String, TransitionRecord>,
    notify: Arc<Notify>,
}

#[derive(Default)]
struct State {
    trays: BTreeMap<String, Tray>,
    delivered: Vec<Delivered>,
    wake: Option<Box<dyn Fn() + Send + Sync>>,
}

/// See the [module](self).
#[derive(Default)]
pub struct Desk {
    state: Mutex<State>,
}

/// Alerts of one name that go out together, at most one transition for each of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// Name of the alert.
    pub(super) alert: String,
    /// In the order in which they came.
    pub(super) transitions: Vec<TransitionRecord>,
    /// How many more there are than a message can hold.
    pub(super) truncated: usize,
}

impl Desk {
    /// A desk with a tray for each of `outputs`.
    #[must_use]
    pub fn new(outputs: impl IntoIterator<Item = String>) -> Desk {
        let trays = outputs.into_iter().map(|output| (output, Tray::default())).collect();
        Desk { state: Mutex::new(State { trays, ..State::default() }) }
    }

    /// Has a tray for each of `outputs` from now on. What waits in others is given up.
    pub fn replace(&self, outputs: impl IntoIterator<Item = String>) {
        let mut state = self.lock();
        let mut old = std::mem::take(&mut state.trays);
        state.trays = outputs
            .into_iter()
            .map(|output| {
                let tray = old.remove(&output).unwrap_or_default();
                (output, tray)
            })
            .collect();
    }

    /// Is told when something is put into the tray of `output`.
    pub(super) fn notify(&self, output: &str) -> Option<Arc<Notify>> {
        self.lock().trays.get(output).map(|tray| Arc::clone(&tray.notify))
    }

    /// The next message for `output`: the alerts of the name that has waited for longest. Of each alert only what it came to:
    /// whoever was away need not hear of every time that it fired and resolved.
    pub(super) fn next(&self, output: &str) -> Option<Message> {
        let state = self.lock();
        let waiting = &state.trays.get(output)?.waiting;
        let alert = waiting.front()?.alert.alert.clone();
        let mut newest: BTreeMap<&str, (usize, &TransitionRecord)> = BTreeMap::new();
        for (at, transition) in waiting.iter().enumerate().filter(|(_, t)| t.alert.alert == alert) {
            newest.insert(&transition.fingerprint, (at, transition));
        }
        let mut newest: Vec<_> = newest.into_values().collect();
        newest.sort_by_key(|(at, _)| *at);
        let truncated = newest.len().saturating_sub(MESSAGE_MAX);
        let transitions = newest.into_iter().map(|(_, transition)| transition.clone()).collect();
        Some(Message { alert, transitions, truncated })
    }

    /// Takes a message, and whatever it stands for, out of the tray of `output`.
    pub(super) fn done(&self, output: &str, message: &Message) {
        let mut state = self.lock();
        let State { trays, delivered, wake } = &mut *state;
        let Some(tray) = trays.get_mut(output) else { return };
        for last in &message.transitions {
            // All that came before it of the same alert is settled with it.
            let mut is_open = true;
            tray.waiting.retain(|transition| {
                let is_settled = is_open && transition.fingerprint == last.fingerprint;
                if is_settled {
                    delivered.push(of(output, transition));
                    is_open = transition != last;
                }
                !is_settled
            });
            if last.state == "firing" {
                tray.firing.insert(last.fingerprint.clone(), last.clone());
            } else {
                tray.firing.remove(&last.fingerprint);
            }
        }
        if let Some(wake) = wake {
            wake();
        }
    }

    /// What is firing, as far as `output` was told.
    pub(super) fn firing(&self, output: &str) -> Vec<TransitionRecord> {
        let state = self.lock();
        let firing = state.trays.get(output).map(|tray| tray.firing.values().cloned().collect());
        firing.unwrap_or_default()
    }

    /// How many transitions wait for each output.
    #[must_use]
    pub fn waiting(&self) -> Vec<(String, usize)> {
        self.lock().trays.iter().map(|(output, tray)| (output.clone(), tray.waiting.len())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tray {
    fn put(&mut self, transition: TransitionRecord) -> Option<TransitionRecord> {
        self.waiting.push_back(transition);
        self.notify.notify_one();
        if self.waiting.len() <= TRAY_MAX {
            return None;
        }
        // One that was followed by another of the same alert says nothing any more.
        let is_stale = |at: usize| {
            let fingerprint = &self.waiting[at].fingerprint;
            self.waiting.iter().skip(at + 1).any(|later| later.fingerprint == *fingerprint)
        };
        let at = (0..self.waiting.len().min(100)).find(|at| is_stale(*at)).unwrap_or(0);
        self.waiting.remove(at)
    }
}

impl Courier for Desk {
    fn outputs(&self) -> Vec<String> {
        self.lock().trays.keys().cloned().collect()
    }

    fn restore(&self, pending: Vec<(String, TransitionRecord)>, firing: Vec<TransitionRecord>) {
        let mut state = self.lock();
        for (output, transition) in pending {
            if let Some(tray) = state.trays.get_mut(&output) {
                tray.put(transition);
            }
        }
        for tray in state.trays.values_mut() {
            for transition in &firing {
                if !tray.waiting.contains(transition) {
                    tray.firing.insert(transition.fingerprint.clone(), transition.clone());
                }
            }
        }
    }

    fn take(&self, transitions: &[TransitionRecord]) {
        let mut given_up = Vec::new();
        {
            let mut state = self.lock();
            for transition in transitions {
                for (output, tray) in &mut state.trays {
                    given_up.extend(tray.put(transition.clone()).map(|old| of(output, &old)));
                }
            }
            state.delivered.extend(given_up.iter().cloned());
        }
        if let Some(first) = given_up.first() {
            let message = format!(
                "more than {TRAY_MAX} alerts wait for the output {}; the oldest are given up; see why it takes none",
                first.output
            );
            let count = Some(given_up.len() as u64);
            HealthEvent { event: "delivery_given_up".to_owned(), message, count, warning: true }.emit();
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
        fingerprint: transition.fingerprint.clone(),
        at_ms: transition.at_ms,
        state: transition.state.clone(),
    }
}

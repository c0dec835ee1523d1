//! What the committer hands in and fetches.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::{NotificationQueue, QueuesState, ended};
use crate::event::AlertEvent;
use crate::store::{Delivered, DeliveryOutcome, Dispatcher, SilenceRecord, TransitionRecord};

impl Dispatcher for NotificationQueue {
    fn outputs(&self, event: &AlertEvent) -> Vec<String> {
        let state = self.lock();
        let wanting = state.queues.iter().filter(|(_, queue)| queue.wants(event));
        wanting.map(|(output, _)| output.clone()).collect()
    }

    fn restore(
        &self,
        pending: Vec<(String, TransitionRecord)>,
        firing: Vec<TransitionRecord>,
        saved: Vec<SilenceRecord>,
    ) {
        let mut state = self.lock();
        let QueuesState { queues, firing: all_firing, delivered, silences, .. } = &mut *state;
        silences.restore(saved);
        let now = Timestamp::now();
        self.silenced.notify_one();
        for (output, transition) in pending {
            let Some(queue) = queues.get_mut(&output) else {
                // Nobody is left who could be notified.
                delivered.push(ended(&output, &transition, DeliveryOutcome::Abandoned));
                continue;
            };
            // A digest does not begin anew at each restart.
            let waited_ms = now.as_millisecond().saturating_sub(transition.at_ms).max(0).unsigned_abs();
            let since = Instant::now().checked_sub(Duration::from_millis(waited_ms));
            let since = since.unwrap_or_else(Instant::now);
            let fingerprint = transition.event.fingerprint.clone();
            let displaced = queue.put(Arc::new(transition), since, &self.given_up);
            delivered.extend(displaced.iter().map(|old| ended(&output, old, DeliveryOutcome::Abandoned)));
            queue.restored(&fingerprint);
        }
        for transition in firing {
            let transition = Arc::new(transition);
            for queue in queues.values_mut() {
                if queue.route.takes(&transition.event) && !queue.knows(&transition.event) {
                    let fingerprint = &transition.event.fingerprint;
                    queue.firing.insert(fingerprint.clone(), Arc::clone(&transition));
                    queue.accepted.insert(fingerprint.clone(), None);
                }
            }
            all_firing.insert(transition.event.fingerprint.clone(), transition);
        }
    }

    fn take(&self, transitions: &[TransitionRecord], outputs: &[Vec<String>]) {
        let mut state = self.lock();
        let QueuesState { queues, firing, delivered, silences, .. } = &mut *state;
        let now_ms = Timestamp::now().as_millisecond();
        for (transition, outputs) in transitions.iter().zip(outputs) {
            let transition = Arc::new(transition.clone());
            if transition.event.is_firing() {
                firing.insert(transition.event.fingerprint.clone(), Arc::clone(&transition));
            } else {
                firing.remove(&transition.event.fingerprint);
            }
            let silenced = silences.of_event(&transition.event, now_ms);
            for output in outputs {
                let Some(queue) = queues.get_mut(output) else { continue };
                if let Some(hushed) = queue.hush(&transition, silenced.as_ref()) {
                    let outcome = DeliveryOutcome::Abandoned;
                    delivered.extend(hushed.iter().map(|hushed| ended(output, hushed, outcome)));
                    continue;
                }
                let displaced = queue.put(Arc::clone(&transition), Instant::now(), &self.given_up);
                delivered.extend(displaced.iter().map(|old| ended(output, old, DeliveryOutcome::Abandoned)));
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

    fn changed_silences(&self) -> Option<Vec<SilenceRecord>> {
        let mut state = self.lock();
        std::mem::take(&mut state.silences.is_changed).then(|| state.silences.all())
    }

    fn silences(&self) -> Vec<SilenceRecord> {
        self.lock().silences.all()
    }

    fn delivered(&self) -> Vec<Delivered> {
        std::mem::take(&mut self.lock().delivered)
    }

    fn on_delivered(&self, wake: Box<dyn Fn() + Send + Sync>) {
        self.lock().wake = Some(wake);
    }
}

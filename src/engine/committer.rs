//! Commits what has changed: once a second while anything has, at once when an alert fires or resolves, and at the end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::engine::path_counters::NEVER;
use crate::engine::shared::Shared;
use crate::engine::signals::lock;
use crate::event::{HealthEvent, HealthKind};
use crate::store::{Batch, CheckpointStore, Dispatcher, StoreError, StoredState};
use crate::units::EngineTime;

/// How long changes are gathered before they are committed.
const INTERVAL: Duration = Duration::from_secs(1);

/// How often the store is reported which files are still watched, so that it can forget the others.
const PRUNE_INTERVAL_MS: i64 = 3_600_000;

/// Owns the store.
pub(super) struct Committer {
    store: Box<dyn CheckpointStore>,
    dispatcher: Option<Arc<dyn Dispatcher>>,
    /// What could not be committed yet.
    unwritten: Option<Batch>,
    trouble: Option<String>,
    /// When the store was last notified which files are watched.
    pruned: EngineTime,
}

impl Committer {
    pub(super) fn new(store: Box<dyn CheckpointStore>, dispatcher: Option<Arc<dyn Dispatcher>>) -> Committer {
        Committer { store, dispatcher, unwritten: None, trouble: None, pruned: NEVER }
    }

    /// Commits all that has changed. What fails is committed with the next.
    ///
    /// # Errors
    /// See [`StoreError`]; it was reported in an event.
    pub(super) fn commit(&mut self, shared: &Shared) -> Result<(), StoreError> {
        let (mut newer, current) = {
            let mut counters = shared.counters();
            let current = self.dispatcher.is_some().then(|| counters.current_alerts());
            (counters.take_batch(), current)
        };
        if let Some(dispatcher) = &self.dispatcher {
            newer.outputs = newer.transitions.iter().map(|new| dispatcher.outputs(&new.event)).collect();
            newer.delivered = dispatcher.delivered();
            newer.silences = dispatcher.changed_silences();
        }
        let (transitions, outputs) = (newer.transitions.clone(), newer.outputs.clone());
        let current = current.unwrap_or_default();
        let batch = match self.unwritten.take() {
            Some(batch) => batch.followed_by(newer),
            None => newer,
        };
        if batch.is_empty() {
            return Ok(());
        }
        let begun = Instant::now();
        let outcome = self.store.commit(&batch);
        shared.metrics.commits.note(begun.elapsed());
        *lock(&shared.metrics.state_error) = outcome.as_ref().err().map(ToString::to_string);
        if let Some(dispatcher) = &self.dispatcher {
            // Whoever can be reported is reported, even if there is no room to remember it.
            dispatcher.take(&transitions, &outputs);
            dispatcher.refresh(current);
        }
        tell_notices(&mut *self.store);
        match outcome {
            Ok(()) => {
                shared.metrics.committed_ms.store(shared.clock.wall().0, Ordering::Relaxed);
                if self.trouble.take().is_some() {
                    HealthEvent::info(HealthKind::StateRecovered, "the state is kept again").emit();
                }
                self.prune(shared)
            }
            Err(error @ StoreError::BegunAnew { .. }) => {
                // Records that are not in use any longer are gone; the others are all written again.
                let silences = self.dispatcher.as_ref().map(|dispatcher| dispatcher.silences());
                let everything = Batch { silences, ..shared.everything() };
                self.unwritten = Some(batch.followed_by(everything));
                shared.commits.request(true);
                Err(error)
            }
            Err(error) => {
                self.unwritten = Some(batch);
                let text = error.to_string();
                if self.trouble.as_ref() != Some(&text) {
                    let message = format!(
                        "{text}; until then counting and alerting go on, but a restart would go back"
                    );
                    HealthEvent::warning(HealthKind::StateUnwritable, message).emit();
                    self.trouble = Some(text);
                }
                Err(error)
            }
        }
    }
}

impl Committer {
    fn prune(&mut self, shared: &Shared) -> Result<(), StoreError> {
        let now = shared.clock.now();
        if now - self.pruned < PRUNE_INTERVAL_MS {
            return Ok(());
        }
        self.store.prune(&shared.watched(), shared.clock.wall().0)?;
        self.pruned = now;
        Ok(())
    }
}

/// What the store remembers; if it cannot say, nothing, and that is reported.
pub(super) fn load(store: &mut dyn CheckpointStore) -> StoredState {
    let state = store.load();
    tell_notices(store);
    state.unwrap_or_else(|error| {
        HealthEvent::warning(HealthKind::StateUnreadable, format!("{error}; counting begins anew")).emit();
        StoredState::default()
    })
}

fn tell_notices(store: &mut dyn CheckpointStore) {
    for notice in store.notices() {
        HealthEvent::warning(HealthKind::StateSetAside, notice).emit();
    }
}

pub(super) fn run(shared: &Shared, mut committer: Committer) {
    loop {
        let request = shared.commits.next(INTERVAL);
        let outcome = committer.commit(shared);
        shared.commits.done(request);
        if request.stop {
            return;
        }
        if outcome.is_err() {
            shared.commits.request(false);
        }
    }
}

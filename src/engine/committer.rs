//! Commits what has changed: once a second while anything has, at once when an alert fires or resolves, and at the end.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use crate::detect::Millis;
use crate::engine::shared::{Shared, lock};
use crate::event::{HealthEvent, HealthKind};
use crate::store::{Batch, CheckpointStore, Dispatcher, StoreError, StoredState};

/// How long changes are gathered before they are committed.
const INTERVAL: Duration = Duration::from_secs(1);

/// How often the store is told which files are still watched, so that it can forget the others.
const PRUNE_INTERVAL_MS: Millis = 3_600_000;

/// What the committer is asked to do.
#[derive(Default)]
pub(super) struct CommitRequests {
    pub(super) due: bool,
    pub(super) urgent: bool,
    pub(super) stop: bool,
    /// How many commits were asked for by someone who waits, and how many of those are over.
    pub(super) asked: u64,
    pub(super) answered: u64,
}

/// Owns the store.
pub(super) struct Committer {
    store: Box<dyn CheckpointStore>,
    courier: Option<Arc<dyn Dispatcher>>,
    /// What could not be committed yet.
    unwritten: Option<Batch>,
    trouble: Option<String>,
    /// When the store was last told which files are watched.
    pruned: Millis,
}

impl Committer {
    pub(super) fn new(store: Box<dyn CheckpointStore>, courier: Option<Arc<dyn Dispatcher>>) -> Committer {
        Committer { store, courier, unwritten: None, trouble: None, pruned: 0 }
    }

    /// Commits all that has changed. What fails is committed with the next.
    ///
    /// # Errors
    /// See [`StoreError`]; it was told in an event.
    pub(super) fn commit(&mut self, shared: &Shared) -> Result<(), StoreError> {
        let mut newer = shared.book().take_batch(shared.clock.now());
        if let Some(courier) = &self.courier {
            (newer.outputs, newer.delivered) = (courier.outputs(), courier.delivered());
        }
        let transitions = newer.transitions.clone();
        let batch = match self.unwritten.take() {
            Some(batch) => batch.followed_by(newer),
            None => newer,
        };
        if batch.is_empty() {
            return Ok(());
        }
        let begun = Instant::now();
        let outcome = self.store.commit(&batch);
        shared.commit_times.note(begun.elapsed());
        *lock(&shared.state_trouble) = outcome.as_ref().err().map(ToString::to_string);
        if let Some(courier) = &self.courier {
            // Whoever can be told is told, even if there is no room to remember it.
            courier.take(&transitions);
        }
        tell_notices(&mut *self.store);
        match outcome {
            Ok(()) => {
                if self.trouble.take().is_some() {
                    HealthEvent::info(HealthKind::StateRecovered, "the state is kept again").emit();
                }
                self.prune(shared)
            }
            Err(error @ StoreError::BegunAnew { .. }) => {
                // Records that are not in use any longer are gone; the others are all written again.
                self.unwritten = Some(batch.followed_by(shared.everything()));
                shared.want_commit(true);
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
        self.store.prune(&shared.watched(), now)?;
        self.pruned = now;
        Ok(())
    }
}

/// What the store remembers; if it cannot say, nothing, and that is told.
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
        let (stop, asked) = {
            let commits = lock(&shared.commits);
            let commits = shared
                .commit
                .wait_while(commits, |commits| !commits.due && !commits.stop)
                .unwrap_or_else(PoisonError::into_inner);
            let (mut commits, _) = shared
                .commit
                .wait_timeout_while(commits, INTERVAL, |commits| !commits.urgent && !commits.stop)
                .unwrap_or_else(PoisonError::into_inner);
            (commits.due, commits.urgent) = (false, false);
            (commits.stop, commits.asked)
        };
        let outcome = committer.commit(shared);
        lock(&shared.commits).answered = asked;
        shared.commit.notify_all();
        if stop {
            return;
        }
        if outcome.is_err() {
            shared.want_commit(false);
        }
    }
}

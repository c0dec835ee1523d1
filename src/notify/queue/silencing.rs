//! Silences of a queue: who sets them, and what happens when they end.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::sleep;

use super::{NotificationQueue, QueuesState};
use crate::notify::silence::{MuteSpec, SilencedBy};
use crate::store::SilenceRecord;

/// How often it is looked whether a silence ended, while there is one.
const SILENCE_STEP: Duration = Duration::from_secs(1);

impl NotificationQueue {
    /// Silences alerts from now on, and returns the silence with its number.
    ///
    /// # Errors
    /// If a glob is malformed.
    pub fn silence(&self, record: SilenceRecord) -> Result<SilenceRecord, String> {
        let mut state = self.lock();
        let added = state.silences.add(record)?;
        state.changed();
        self.silenced.notify_one();
        Ok(added)
    }

    /// Ends a silence that is in force, and returns it. What still fires is sent.
    pub fn unsilence(&self, id: u64) -> Option<SilenceRecord> {
        let mut state = self.lock();
        let ended = state.silences.end(id, Timestamp::now().as_millisecond())?;
        state.changed();
        Some(ended)
    }

    /// The names of the mutes that are in force.
    #[must_use]
    pub fn mutes_in_force(&self) -> Vec<String> {
        self.lock().silences.mutes_on(Timestamp::now()).collect()
    }

    /// The silences that are in force.
    #[must_use]
    pub fn silences_in_force(&self) -> Vec<SilenceRecord> {
        self.lock().silences.in_force(Timestamp::now().as_millisecond())
    }

    /// Silences by these times of the week from now on.
    pub fn set_mutes(&self, mutes: Vec<MuteSpec>) {
        let mut state = self.lock();
        state.silences.set_mutes(mutes);
        state.changed();
        self.silenced.notify_one();
    }

    /// What silences an alert now, here or at a receiver, if something does.
    #[must_use]
    pub fn silenced_by(&self, alert: &str, path: Option<&Path>, pattern: Option<&str>) -> Option<SilencedBy> {
        let ours = self.lock().silences.of(alert, path, pattern, Timestamp::now().as_millisecond());
        ours.or_else(|| self.silenced_elsewhere(alert, path, pattern))
    }

    /// Has what waits looked at again whenever a silence ends, for ever.
    pub(in crate::notify) async fn follow_silences(&self) {
        let mut former = Vec::new();
        loop {
            let (is_idle, present) = {
                let (state, now_ms) = (self.lock(), Timestamp::now().as_millisecond());
                let present = state.silences.state(now_ms);
                if present != former {
                    state.look_again();
                }
                (state.silences.is_idle(now_ms), present)
            };
            former = present;
            if is_idle {
                self.silenced.notified().await;
            } else {
                sleep(SILENCE_STEP).await;
            }
        }
    }
}

impl QueuesState {
    /// Silences are to be saved, and what waits is to be looked at again.
    fn changed(&self) {
        self.look_again();
        if let Some(wake) = &self.wake {
            wake();
        }
    }

    fn look_again(&self) {
        self.queues.values().for_each(|queue| queue.notify.notify_one());
    }
}

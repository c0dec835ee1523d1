//! Alerts of one name and watch that go out together.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::time::Instant;

use crate::event::AlertEvent;
use crate::store::TransitionRecord;

/// What a message is about: alerts of one name over one watch.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct GroupKey {
    /// Name of the alert.
    pub(super) alert: String,
    /// Name of its watch.
    pub(super) watch: String,
}

impl GroupKey {
    pub(super) fn of(event: &AlertEvent) -> GroupKey {
        GroupKey { alert: event.alert.clone(), watch: event.watch.clone() }
    }

    /// All alerts of an output together. No alert has an empty name.
    pub(super) fn digest() -> GroupKey {
        GroupKey { alert: String::new(), watch: String::new() }
    }

    pub(super) fn is_of(&self, event: &AlertEvent) -> bool {
        self.alert.is_empty() || (self.alert == event.alert && self.watch == event.watch)
    }
}

/// A group of which something waits, and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WaitingGroup {
    pub(super) key: GroupKey,
    pub(super) since: Instant,
}

/// How a receiver is notified of an alert that ended before it was notified that it fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endings {
    /// First that it fires, and then in another message that it ended: the receiver keeps incidents.
    Apart,
    /// With one message that says both: people read it.
    Together,
}

/// How often an alert fired, and since when, before what a message tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EarlierFirings {
    pub(super) count: u64,
    pub(super) since: String,
}

/// Alerts that go out together, at most one transition for each of them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NotificationGroup {
    /// Name of the alert; empty in a digest.
    pub(super) alert: String,
    /// Name of its watch; empty in a digest.
    pub(super) watch: String,
    /// In the order in which they came.
    pub(super) transitions: Vec<Arc<TransitionRecord>>,
    /// That alerts fired that are over with this message, and of which none reported that they fire; by fingerprint.
    pub(super) untold: BTreeMap<String, Arc<TransitionRecord>>,
    /// What the message makes needless, of the same alerts.
    pub(super) superseded: Vec<Arc<TransitionRecord>>,
    /// What alerts did before and is in no message, by fingerprint.
    pub(super) earlier: BTreeMap<String, EarlierFirings>,
    /// Alerts of the group that were reported to fire before, as far as there is room for them.
    pub(super) still_firing: Vec<Arc<TransitionRecord>>,
    /// How many those are, whether there is room or not.
    pub(super) still_firing_count: usize,
    /// How many more of the group wait: they are in the next messages.
    pub(super) following: usize,
}

impl NotificationGroup {
    pub(super) fn new(key: &GroupKey) -> NotificationGroup {
        NotificationGroup {
            alert: key.alert.clone(),
            watch: key.watch.clone(),
            transitions: Vec::new(),
            untold: BTreeMap::new(),
            superseded: Vec::new(),
            earlier: BTreeMap::new(),
            still_firing: Vec::new(),
            still_firing_count: 0,
            following: 0,
        }
    }

    /// A message about one alert alone.
    pub(super) fn of_one(transition: TransitionRecord) -> NotificationGroup {
        let mut group = NotificationGroup::new(&GroupKey::of(&transition.event));
        group.transitions.push(Arc::new(transition));
        group
    }

    /// Whether it holds alerts of any name.
    pub(super) fn is_digest(&self) -> bool {
        self.alert.is_empty()
    }

    /// What it is about, for people.
    pub(super) fn subject(&self) -> String {
        if self.is_digest() { "the digest".to_owned() } else { format!("the alert {}", self.alert) }
    }

    /// How many alerts a message may hold.
    pub(super) fn size(&self) -> usize {
        self.transitions.len() + self.still_firing.len()
    }

    /// All that is reported once the message was taken.
    pub(super) fn notified(&self) -> impl Iterator<Item = &Arc<TransitionRecord>> {
        self.superseded.iter().chain(self.untold.values()).chain(&self.transitions)
    }
}

//! What waits for one output, and what it was notified to be firing.
//!
//! Of each alert its present state waits, not all that happened: a receiver that was away need not be sent all of it. But that it
//! fired is not forgotten when it ends before the output was notified: an end alone would not say what it was.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::event::AlertEvent;
use crate::notify::group::{EarlierFirings, Endings, GroupKey, NotificationGroup, WaitingGroup};
use crate::notify::route::Route;
use crate::notify::silence::{SilencedBy, SilencedElsewhere};
use crate::store::TransitionRecord;

/// At most this many alerts wait for an output; the oldest are dropped first.
pub(super) const WAITING_MAX: usize = 10_000;

/// At most so many alerts that still fire are in a message about others.
const STILL_FIRING_MAX: usize = 100;

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

/// See the [module](self).
#[derive(Default)]
pub(super) struct OutputQueue {
    /// Which alerts the output takes.
    pub(super) route: Route,
    /// In the order in which the alerts began to wait.
    waiting: BTreeMap<u64, WaitingAlert>,
    /// Where in `waiting` an alert is, by fingerprint.
    places: HashMap<String, u64>,
    next_place: u64,
    /// What is firing, by fingerprint, as far as the output has accepted it.
    pub(super) firing: BTreeMap<String, Arc<TransitionRecord>>,
    /// When the output accepted that an alert fires, by fingerprint; not known of alerts from before the start.
    pub(super) accepted: HashMap<String, Option<Timestamp>>,
    pub(super) counts: DeliveryCounts,
    /// When an attempt failed last, and why.
    pub(super) last_error: Option<(Timestamp, String)>,
    /// How many were given up because too many waited, since that was reported last.
    pub(super) given_up: u64,
    pub(super) notify: Arc<Notify>,
    /// What the receiver silences by itself.
    pub(super) silenced_elsewhere: Vec<SilencedElsewhere>,
}

/// What an output is still to be notified of one alert: that it fires, that it ended, or both.
struct WaitingAlert {
    fired: Option<Arc<TransitionRecord>>,
    ended: Option<Arc<TransitionRecord>>,
    /// What it did before and is not notified.
    earlier: Option<EarlierFirings>,
    since: Instant,
}

impl WaitingAlert {
    fn new(since: Instant) -> WaitingAlert {
        WaitingAlert { fired: None, ended: None, earlier: None, since }
    }

    /// Has `transition` wait. Returns what is not to be sent any more.
    fn put(&mut self, transition: Arc<TransitionRecord>) -> Vec<Arc<TransitionRecord>> {
        if !transition.event.is_firing() {
            return self.ended.replace(transition).into_iter().collect();
        }
        let fired = self.fired.replace(transition);
        if let Some(fired) = &fired {
            let earlier = self
                .earlier
                .take()
                .unwrap_or_else(|| EarlierFirings { count: 0, since: fired.event.since.clone() });
            self.earlier = Some(EarlierFirings { count: earlier.count + 1, ..earlier });
        }
        fired.into_iter().chain(self.ended.take()).collect()
    }

    /// What is sent next.
    fn next(&self, endings: Endings) -> Option<&Arc<TransitionRecord>> {
        match endings {
            Endings::Apart => self.fired.as_ref().or(self.ended.as_ref()),
            Endings::Together => self.ended.as_ref().or(self.fired.as_ref()),
        }
    }

    fn any(&self) -> Option<&Arc<TransitionRecord>> {
        self.next(Endings::Apart)
    }

    fn all(self) -> impl Iterator<Item = Arc<TransitionRecord>> {
        self.fired.into_iter().chain(self.ended)
    }
}

impl OutputQueue {
    /// Whether the output is to be notified of `event`: it takes it, or was notified that it fired, when it was to be notified that.
    pub(super) fn wants(&self, event: &AlertEvent) -> bool {
        self.route.takes(event) || (!event.is_firing() && self.knows(event))
    }

    /// Whether the output was notified that the alert fires, or will be.
    pub(super) fn knows(&self, event: &AlertEvent) -> bool {
        self.firing.contains_key(&event.fingerprint) || self.places.contains_key(&event.fingerprint)
    }

    /// How many alerts wait that `is_free` to be notified.
    pub(super) fn count(&self, is_free: &impl Fn(&AlertEvent) -> bool) -> usize {
        self.waiting.values().filter(|waiting| waiting.any().is_some_and(|any| is_free(&any.event))).count()
    }

    /// Removes what began and ended while it was silenced, so that nobody was notified of it. Nothing if someone was.
    pub(super) fn hush(
        &mut self,
        end: &Arc<TransitionRecord>,
        silenced: Option<&SilencedBy>,
    ) -> Option<Vec<Arc<TransitionRecord>>> {
        let fingerprint = &end.event.fingerprint;
        if end.event.is_firing() || self.firing.contains_key(fingerprint) {
            return None;
        }
        let by = silenced?;
        let place = self.places.get(fingerprint).copied();
        let begun =
            place.and_then(|place| self.waiting.get(&place)).and_then(|waiting| waiting.fired.as_ref());
        // It may be on its way.
        if begun.is_some_and(|begun| begun.at_ms < by.since_ms) {
            return None;
        }
        self.places.remove(fingerprint);
        let waiting = place.and_then(|place| self.waiting.remove(&place));
        Some(waiting.into_iter().flat_map(WaitingAlert::all).chain([Arc::clone(end)]).collect())
    }

    /// Has `transition` wait since `since`. Returns what is not to be sent any more: something newer waits in its place, or too many
    /// wait.
    pub(super) fn put(
        &mut self,
        transition: Arc<TransitionRecord>,
        since: Instant,
        given_up: &Notify,
    ) -> Vec<Arc<TransitionRecord>> {
        self.notify.notify_one();
        let fingerprint = &transition.event.fingerprint;
        if let Some(waiting) = self.places.get(fingerprint).and_then(|place| self.waiting.get_mut(place)) {
            return waiting.put(transition);
        }
        self.places.insert(fingerprint.clone(), self.next_place);
        let mut waiting = WaitingAlert::new(since);
        let mut displaced = waiting.put(transition);
        self.waiting.insert(self.next_place, waiting);
        self.next_place += 1;
        if self.waiting.len() > WAITING_MAX
            && let Some((_, oldest)) = self.waiting.pop_first()
        {
            if let Some(any) = oldest.any() {
                self.places.remove(&any.event.fingerprint);
            }
            self.given_up += 1;
            self.counts.given_up += 1;
            given_up.notify_one();
            displaced.extend(oldest.all());
        }
        displaced
    }

    /// The groups of which something waits that `is_free` to be notified, each since when, those that began first being the first.
    pub(super) fn groups(&self, is_free: &impl Fn(&AlertEvent) -> bool) -> Vec<WaitingGroup> {
        let mut groups: Vec<WaitingGroup> = Vec::new();
        let mut known: HashMap<(&str, &str), usize> = HashMap::new();
        for waiting in self.waiting.values() {
            let Some(event) = waiting.any().map(|any| &any.event).filter(|event| is_free(event)) else {
                continue;
            };
            let names = if self.route.is_digest { ("", "") } else { (&*event.alert, &*event.watch) };
            match known.get(&names) {
                Some(at) => groups[*at].since = groups[*at].since.min(waiting.since),
                None => {
                    known.insert(names, groups.len());
                    let key = if self.route.is_digest { GroupKey::digest() } else { GroupKey::of(event) };
                    groups.push(WaitingGroup { key, since: waiting.since });
                }
            }
        }
        groups
    }

    /// What waits of a group and `is_free` to be notified: at most `alerts_max` alerts. `None` if nothing does.
    pub(super) fn group(
        &self,
        key: &GroupKey,
        alerts_max: usize,
        endings: Endings,
        is_free: &impl Fn(&AlertEvent) -> bool,
    ) -> Option<NotificationGroup> {
        let mut group = NotificationGroup::new(key);
        for waiting in self.waiting.values() {
            let is_of_group = |event: &AlertEvent| key.is_of(event) && is_free(event);
            let Some(next) = waiting.next(endings).filter(|next| is_of_group(&next.event)) else { continue };
            if group.transitions.len() >= alerts_max {
                group.following += 1;
                continue;
            }
            group.transitions.push(Arc::clone(next));
            let fingerprint = &next.event.fingerprint;
            if endings == Endings::Together
                && let (Some(fired), Some(_)) = (&waiting.fired, &waiting.ended)
            {
                group.untold.insert(fingerprint.clone(), Arc::clone(fired));
            }
            if let Some(earlier) = waiting.earlier.as_ref().filter(|_| waiting.fired.is_some()) {
                group.earlier.insert(fingerprint.clone(), earlier.clone());
            }
        }
        let notified: HashSet<&str> =
            group.transitions.iter().map(|t| t.event.fingerprint.as_str()).collect();
        let is_other = |(fingerprint, firing): &(&String, &Arc<TransitionRecord>)| {
            key.is_of(&firing.event) && !notified.contains(fingerprint.as_str())
        };
        let others = self.firing.iter().filter(is_other);
        let room = alerts_max.saturating_sub(group.transitions.len()).min(STILL_FIRING_MAX);
        let others: Vec<&Arc<TransitionRecord>> = others.map(|(_, firing)| firing).collect();
        group.still_firing_count = others.len();
        group.still_firing = others.into_iter().take(room).cloned().collect();
        (!group.transitions.is_empty()).then_some(group)
    }

    /// Removes `sent`, if it still waits.
    pub(super) fn take(&mut self, sent: &Arc<TransitionRecord>) -> Option<Arc<TransitionRecord>> {
        let place = *self.places.get(&sent.event.fingerprint)?;
        let waiting = self.waiting.get_mut(&place)?;
        let part = if sent.event.is_firing() { &mut waiting.fired } else { &mut waiting.ended };
        if part.as_ref() != Some(sent) {
            return None;
        }
        let taken = part.take();
        if sent.event.is_firing() {
            waiting.earlier = None;
        }
        // What is left waits from now on.
        waiting.since = Instant::now();
        if waiting.any().is_none() {
            self.waiting.remove(&place);
            self.places.remove(&sent.event.fingerprint);
        }
        taken
    }
}

//! What waits for one output, and what it was notified to be firing.
//!
//! Of each alert its present state [waits](crate::notify::waiting), not all that happened. But that it fired is not forgotten when it
//! ends before the output was notified: an end alone would not say what it was.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::event::AlertEvent;
use crate::notify::group::{Endings, GroupKey, NotificationGroup, WaitingGroup};
use crate::notify::route::Route;
use crate::notify::silence::{SilencedBy, SilencedElsewhere};
use crate::notify::waiting::WaitingAlert;
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
    /// The configuration has no such output now. What waits is kept in case it comes back, with the ends of what it was notified of.
    pub(super) is_retired: bool,
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

impl OutputQueue {
    /// Whether the output is to be notified of `event`: it takes it, or was notified that it fired, when it was to be notified that.
    pub(super) fn wants(&self, event: &AlertEvent) -> bool {
        (!self.is_retired && self.route.takes(event)) || (!event.is_firing() && self.knows(event))
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
        let waiting = place.and_then(|place| self.waiting.get(&place));
        // It may be on its way.
        if waiting.is_some_and(|waiting| waiting.fired_before(by.since_ms)) {
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

    /// Notes that what was sent of an alert was not taken. Returns what is not to be sent any more.
    pub(super) fn not_taken(&mut self, fingerprint: &str) -> Vec<Arc<TransitionRecord>> {
        let waiting = self.places.get(fingerprint).and_then(|place| self.waiting.get_mut(place));
        waiting.map(WaitingAlert::not_taken).unwrap_or_default()
    }

    /// Notes that what waits was restored: what comes first of it may have been on its way when the daemon ended.
    pub(super) fn restored(&mut self, fingerprint: &str) {
        if let Some(waiting) = self.places.get(fingerprint).and_then(|place| self.waiting.get_mut(place)) {
            waiting.sending(Endings::Apart);
        }
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

    /// What waits of a group and `is_free` to be notified, to be sent now: at most `alerts_max` alerts. `None` if nothing does.
    pub(super) fn group(
        &mut self,
        key: &GroupKey,
        alerts_max: usize,
        endings: Endings,
        is_free: &impl Fn(&AlertEvent) -> bool,
    ) -> Option<NotificationGroup> {
        let mut group = NotificationGroup::new(key);
        for waiting in self.waiting.values_mut() {
            let Some(notice) = waiting.next(endings) else { continue };
            let next = notice.transition;
            if !key.is_of(&next.event) || !is_free(&next.event) {
                continue;
            }
            if group.transitions.len() >= alerts_max {
                group.following += 1;
                continue;
            }
            let fingerprint = &next.event.fingerprint;
            group.transitions.push(Arc::clone(next));
            group.superseded.extend(notice.superseded.iter().cloned());
            group.untold.extend(notice.untold.map(|fired| (fingerprint.clone(), Arc::clone(fired))));
            group.earlier.extend(notice.earlier.map(|earlier| (fingerprint.clone(), earlier)));
            waiting.sending(endings);
        }
        if endings == Endings::Apart {
            self.name_as_before(&mut group);
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

    /// Has the ends of alerts name the machine as their beginnings did: incidents are known by that.
    fn name_as_before(&self, group: &mut NotificationGroup) {
        for ended in &mut group.transitions {
            let fired = self.firing.get(&ended.event.fingerprint).filter(|_| !ended.event.is_firing());
            if let Some(fired) = fired.filter(|fired| fired.event.host != ended.event.host) {
                let (host, labels) = (fired.event.host.clone(), fired.event.labels.clone());
                let event = AlertEvent { host, labels, ..ended.event.clone() };
                *ended = Arc::new(TransitionRecord { at_ms: ended.at_ms, event });
            }
        }
    }

    /// Removes `sent`, if it still waits.
    pub(super) fn take(&mut self, sent: &Arc<TransitionRecord>) -> Option<Arc<TransitionRecord>> {
        let place = *self.places.get(&sent.event.fingerprint)?;
        let waiting = self.waiting.get_mut(&place)?;
        let taken = waiting.take(sent);
        if waiting.any().is_none() {
            self.waiting.remove(&place);
            self.places.remove(&sent.event.fingerprint);
        }
        taken
    }
}

//! When which group of alerts is sent to one output: after it was collected for a while, no faster than the receiver takes messages,
//! and again if that failed. A group that a receiver rejects waits by itself, so that the others go on. Pure: time is an argument.

use std::collections::HashMap;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::time::Instant;

use crate::notify::group::{GroupKey, WaitingGroup};

/// The first and the longest wait between attempts.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(300));
/// A final answer is believed only after this time: a proxy that restarts answers so as well.
const GIVE_UP_AFTER: Duration = Duration::from_secs(180);
/// And only after so many attempts.
const REFUSALS_MIN: u32 = 4;

/// Waits that become longer and longer.
type Waits = Box<dyn Iterator<Item = Duration> + Send>;

/// What is known of a group that was sent, or that was tried to be sent.
struct Attempts {
    state: AttemptState,
    /// At most so many alerts are sent at once, if the receiver takes no more.
    alerts_max: Option<usize>,
}

enum AttemptState {
    /// It was taken then; if more alerts of it waited, they follow at once.
    Sent { at: Instant, is_continued: bool },
    /// It was not taken.
    Failing { until: Instant, waits: Waits, refused: Option<(Instant, u32)> },
}

/// What becomes of a group that a receiver refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is tried again.
    TryAgain,
    /// It was refused often enough.
    GiveUp,
}

/// See the [module](self).
#[derive(Default)]
pub(super) struct Schedule {
    groups: HashMap<GroupKey, Attempts>,
    /// Nothing is sent before.
    not_before: Option<Instant>,
}

impl Schedule {
    /// Which of `waiting` is sent next, and when.
    pub(super) fn next(
        &mut self,
        waiting: &[WaitingGroup],
        group_wait: Duration,
        now: Instant,
    ) -> Option<(GroupKey, Instant)> {
        self.forget(waiting, group_wait, now);
        let due = |group: &WaitingGroup| {
            let due = match self.groups.get(&group.key).map(|attempts| &attempts.state) {
                None => group.since + group_wait,
                Some(AttemptState::Sent { is_continued: true, at }) => *at,
                Some(AttemptState::Sent { is_continued: false, at }) => group.since.max(*at) + group_wait,
                Some(AttemptState::Failing { until, .. }) => *until,
            };
            self.not_before.map_or(due, |not_before| due.max(not_before))
        };
        let next = waiting.iter().map(|group| (due(group), group)).min_by_key(|(due, _)| *due);
        next.map(|(due, group)| (group.key.clone(), due))
    }

    /// At most so many alerts of the group may be sent at once, of `usual`.
    pub(super) fn alerts_max(&self, key: &GroupKey, usual: usize) -> usize {
        self.groups.get(key).and_then(|attempts| attempts.alerts_max).map_or(usual, |max| max.min(usual))
    }

    /// Whether any group waits to be tried again.
    pub(super) fn is_failing(&self) -> bool {
        self.groups.values().any(|attempts| matches!(attempts.state, AttemptState::Failing { .. }))
    }

    /// A message was sent: the next one comes no earlier than after `gap`.
    pub(super) fn paused(&mut self, gap: Duration, now: Instant) {
        if gap > Duration::ZERO {
            self.wait_until(now + gap);
        }
    }

    /// The group was taken, or is given up; more of it waits if `is_continued`.
    pub(super) fn done(&mut self, key: &GroupKey, is_continued: bool, now: Instant) {
        let alerts_max =
            self.groups.get(key).and_then(|attempts| attempts.alerts_max).filter(|_| is_continued);
        let state = AttemptState::Sent { at: now, is_continued };
        self.groups.insert(key.clone(), Attempts { state, alerts_max });
    }

    /// The receiver took no more than half of `alerts` at once, or so it seems.
    pub(super) fn halve(&mut self, key: &GroupKey, alerts: usize, now: Instant) {
        let state = AttemptState::Sent { at: now, is_continued: true };
        let alerts_max = Some((alerts / 2).max(1));
        self.groups.insert(key.clone(), Attempts { state, alerts_max });
    }

    /// The group was not taken. It is tried again, not before `after` if the receiver said so.
    pub(super) fn failed(&mut self, key: &GroupKey, after: Option<Duration>, now: Instant) -> Instant {
        self.wait(key, after, None, now)
    }

    /// The receiver takes nothing now, and not before `after` if it said so.
    pub(super) fn busy(&mut self, key: &GroupKey, after: Option<Duration>, now: Instant) {
        let until = self.failed(key, after, now);
        self.wait_until(until);
    }

    /// The group was refused for good, as the receiver says.
    pub(super) fn refused(&mut self, key: &GroupKey, now: Instant) -> Refusal {
        let before = match self.groups.get(key).map(|attempts| &attempts.state) {
            Some(AttemptState::Failing { refused, .. }) => *refused,
            _ => None,
        };
        let (since, count) = before.map_or((now, 1), |(since, count)| (since, count + 1));
        if count >= REFUSALS_MIN && now - since >= GIVE_UP_AFTER {
            return Refusal::GiveUp;
        }
        self.wait(key, None, Some((since, count)), now);
        Refusal::TryAgain
    }

    /// Has everything tried again at once: something was changed.
    pub(super) fn retry_now(&mut self, now: Instant) {
        self.not_before = None;
        for attempts in self.groups.values_mut() {
            if let AttemptState::Failing { until, waits, .. } = &mut attempts.state {
                (*until, *waits) = (now, backoff());
            }
        }
    }

    fn wait(
        &mut self,
        key: &GroupKey,
        after: Option<Duration>,
        refused: Option<(Instant, u32)>,
        now: Instant,
    ) -> Instant {
        let before = self.groups.remove(key);
        let alerts_max = before.as_ref().and_then(|attempts| attempts.alerts_max);
        let mut waits = match before.map(|attempts| attempts.state) {
            Some(AttemptState::Failing { waits, .. }) => waits,
            _ => backoff(),
        };
        let wait = waits.next().unwrap_or(BACKOFF.1).max(after.unwrap_or_default()).min(BACKOFF.1);
        let until = now + wait;
        let state = AttemptState::Failing { until, waits, refused };
        self.groups.insert(key.clone(), Attempts { state, alerts_max });
        until
    }

    fn wait_until(&mut self, until: Instant) {
        self.not_before = Some(self.not_before.map_or(until, |before| before.max(until)));
    }

    /// Forgets groups of which nothing waits, once the next message of them need not wait for the last one.
    fn forget(&mut self, waiting: &[WaitingGroup], group_wait: Duration, now: Instant) {
        let waits = |key: &GroupKey| waiting.iter().any(|group| group.key == *key);
        self.groups.retain(|key, attempts| {
            let is_recent = matches!(attempts.state, AttemptState::Sent { at, .. } if at + group_wait > now);
            is_recent || waits(key)
        });
    }
}

fn backoff() -> Waits {
    let builder = ExponentialBuilder::default().with_min_delay(BACKOFF.0).with_max_delay(BACKOFF.1);
    Box::new(builder.with_jitter().without_max_times().build())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const GROUP_WAIT: Duration = Duration::from_secs(2);

    fn key(alert: &str) -> GroupKey {
        GroupKey { alert: alert.to_owned(), watch: "app".to_owned() }
    }

    fn waiting(alert: &str, since: Instant) -> WaitingGroup {
        WaitingGroup { key: key(alert), since }
    }

    #[test]
    fn each_message_of_a_name_is_collected_for_as_long_as_the_first() {
        let begun = Instant::now();
        let mut schedule = Schedule::default();
        let (mut now, mut sent) = (begun, 0);
        // An alert comes every 20 ms, for 8 seconds; sending takes no time.
        let mut since = Some(begun);
        for n in 0..400u32 {
            now = begun + Duration::from_millis(20) * n;
            let group = [waiting("a", *since.get_or_insert(now))];
            let (next, at) = schedule.next(&group, GROUP_WAIT, now).unwrap();
            if at <= now {
                schedule.done(&next, false, now);
                since = None;
                sent += 1;
            }
        }
        assert_eq!(sent, 3, "after 2, 4 and 6 seconds; the rest waits");
        let group = [waiting("a", since.unwrap_or(now))];
        assert!(schedule.next(&group, GROUP_WAIT, now).unwrap().1 > now);
    }

    #[test]
    fn what_comes_after_a_pause_waits_from_then_on() {
        let begun = Instant::now();
        let mut schedule = Schedule::default();
        schedule.done(&key("a"), false, begun);
        let group = [waiting("a", begun + SECOND * 60)];
        let (_, at) = schedule.next(&group, GROUP_WAIT, begun + SECOND * 60).unwrap();
        assert_eq!(at, begun + SECOND * 62);
    }

    #[test]
    fn the_rest_of_a_group_follows_at_once() {
        let now = Instant::now();
        let mut schedule = Schedule::default();
        schedule.done(&key("a"), true, now);
        assert_eq!(schedule.next(&[waiting("a", now)], GROUP_WAIT, now), Some((key("a"), now)));
    }

    #[test]
    fn one_that_fails_waits_alone() {
        let now = Instant::now();
        let mut schedule = Schedule::default();
        let long_ago = now - SECOND * 60;
        let groups = [waiting("bad", long_ago), waiting("good", long_ago)];
        for _ in 0..20 {
            let until = schedule.failed(&key("bad"), None, now);
            assert!(until > now && until <= now + BACKOFF.1);
            assert_eq!(schedule.next(&groups, GROUP_WAIT, now).unwrap().0, key("good"));
        }
        assert!(schedule.is_failing());
        schedule.retry_now(now);
        assert!(schedule.next(&groups[..1], GROUP_WAIT, now).unwrap().1 <= now);
    }

    #[test]
    fn a_busy_receiver_is_left_alone_for_as_long_as_it_wishes_and_no_longer_than_documented() {
        let now = Instant::now();
        let mut schedule = Schedule::default();
        let other = [waiting("other", now - SECOND * 60)];
        schedule.busy(&key("a"), Some(Duration::from_millis(3_500)), now);
        assert_eq!(schedule.next(&other, GROUP_WAIT, now).unwrap().1, now + Duration::from_millis(3_500));
        schedule.busy(&key("a"), Some(SECOND * 3_600), now);
        assert_eq!(schedule.next(&other, GROUP_WAIT, now).unwrap().1, now + BACKOFF.1);
    }

    #[test]
    fn messages_keep_the_gap_that_a_receiver_wants() {
        let now = Instant::now();
        let mut schedule = Schedule::default();
        schedule.paused(SECOND, now);
        let groups = [waiting("a", now - SECOND * 60)];
        assert_eq!(schedule.next(&groups, GROUP_WAIT, now).unwrap().1, now + SECOND);
    }

    #[test]
    fn a_refusal_is_believed_after_some_minutes_and_attempts() {
        let begun = Instant::now();
        let mut schedule = Schedule::default();
        let groups = [waiting("a", begun)];
        let (mut now, mut attempts) = (begun, 1);
        while schedule.refused(&key("a"), now) == Refusal::TryAgain {
            now = schedule.next(&groups, GROUP_WAIT, now).unwrap().1;
            attempts += 1;
        }
        assert!(attempts > REFUSALS_MIN && attempts < 20, "{attempts}");
        assert!(now - begun >= GIVE_UP_AFTER && now - begun < GIVE_UP_AFTER + BACKOFF.1);
    }

    #[test]
    fn groups_of_which_nothing_waits_are_forgotten() {
        let now = Instant::now();
        let mut schedule = Schedule::default();
        for n in 0..100 {
            schedule.done(&key(&n.to_string()), false, now);
            schedule.failed(&key("bad"), None, now);
        }
        schedule.next(&[], GROUP_WAIT, now + SECOND * 3);
        assert!(schedule.groups.is_empty());
    }

    #[test]
    fn what_is_too_large_is_halved_until_all_of_the_group_is_sent() {
        let now = Instant::now();
        let mut schedule = Schedule::default();
        schedule.halve(&key("a"), 100, now);
        assert_eq!(schedule.alerts_max(&key("a"), 100), 50);
        schedule.done(&key("a"), true, now);
        assert_eq!(schedule.alerts_max(&key("a"), 100), 50);
        schedule.done(&key("a"), false, now);
        assert_eq!(schedule.alerts_max(&key("a"), 100), 100);
    }
}

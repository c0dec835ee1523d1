//! The daily rhythm: how much of the daily mean each quarter of an hour (UTC) has, learned over days.
//!
//! It is the seasonal factor of Winters' multiplicative smoothing (P. Winters, "Forecasting Sales by Exponentially Weighted
//! Moving Averages", *Management Science* 6, 1960), taken a slot at a time and drawn towards 1 where events are few.

use serde::{Deserialize, Serialize};

use crate::detect::Millis;
use crate::detect::fading::faded;

const DAY_MS: Millis = 86_400_000;
/// Slots of a day.
const SLOTS: usize = 96;
/// A slot's length.
pub(super) const SLOT_MS: Millis = DAY_MS / SLOTS as Millis;
/// Events at the mean rate that are added to those of a slot, so that chance makes no rhythm.
const PRIOR_EVENTS: f64 = 20.0;
/// The first whole day changes a slot by half of the difference, the second by a third, and so on to a seventh.
const DAYS_MAX: u8 = 6;
/// A day can say at most this many times what the slot had, so that a spike teaches little.
const GROWTH_MAX: f64 = 3.0;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Rhythm {
    /// In thousandths of the daily mean, which is as fine as is known, and short when written.
    slots: Vec<u16>,
    days: u8,
    /// Decaying sums of events and buckets.
    events: f64,
    buckets: f64,
    slot: usize,
    slot_events: f64,
    slot_expected: f64,
}

impl Rhythm {
    pub(super) fn new() -> Rhythm {
        Rhythm {
            slots: vec![1_000; SLOTS],
            days: 0,
            events: 0.0,
            buckets: 0.0,
            slot: 0,
            slot_events: 0.0,
            slot_expected: 0.0,
        }
    }

    /// The factor of the time relative to the daily mean.
    pub(super) fn at(&self, at_ms: Millis) -> f64 {
        // A persisted state may have other slots; then there is no rhythm until it is learned.
        self.slots.get(slot(at_ms)).map_or(1.0, |&slot| f64::from(slot) / 1_000.0)
    }

    /// Learns `n` consecutive buckets of `count` within one slot.
    pub(super) fn learn(&mut self, at_ms: Millis, count: f64, keep: f64, n: f64) {
        let slot = slot(at_ms);
        if slot != self.slot {
            self.close(slot);
        }
        let most = GROWTH_MAX * self.at(at_ms) * self.mean() + PRIOR_EVENTS;
        let count = if self.buckets > 0.0 { count.min(most) } else { count };
        self.events = faded(self.events, count, keep, n);
        self.buckets = faded(self.buckets, 1.0, keep, n);
        self.slot_events += count * n;
        self.slot_expected += self.mean() * n;
    }

    fn mean(&self) -> f64 {
        self.events / self.buckets.max(1.0)
    }

    fn close(&mut self, next: usize) {
        let share = (self.slot_events + PRIOR_EVENTS) / (self.slot_expected + PRIOR_EVENTS);
        let gain = 1.0 / f64::from(self.days + 1);
        // On the first day, the mean is that of a part of a day.
        if let Some(slot) = self.slots.get_mut(self.slot).filter(|_| self.days > 0) {
            let old = f64::from(*slot) / 1_000.0;
            let new = old + gain * (share.min(GROWTH_MAX * old.max(0.1)) - old);
            *slot = (new * 1_000.0).round().clamp(1.0, f64::from(u16::MAX)) as u16;
        }
        if next < self.slot {
            self.days = self.days.saturating_add(1).min(DAYS_MAX);
        }
        self.slot = next;
        self.slot_events = 0.0;
        self.slot_expected = 0.0;
    }
}

fn slot(at_ms: Millis) -> usize {
    (at_ms.rem_euclid(DAY_MS) / SLOT_MS) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learn_days(rhythm: &mut Rhythm, days: i64, count: impl Fn(i64) -> f64) {
        for minute in 0..days * 1_440 {
            rhythm.learn(minute * 60_000, count(minute % 1_440), 0.5f64.powf(1.0 / 1_440.0), 1.0);
        }
    }

    #[test]
    fn a_daily_hump_is_learned_within_days() {
        let mut rhythm = Rhythm::new();
        let hump = |minute: i64| if (600..1_200).contains(&minute) { 18.0 } else { 6.0 };
        learn_days(&mut rhythm, 8, hump);
        let (night, noon) = (rhythm.at(3_600_000), rhythm.at(12 * 3_600_000));
        assert!((2.2..3.5).contains(&(noon / night)), "{night} {noon}");
    }

    #[test]
    fn one_wild_quarter_of_an_hour_teaches_little() {
        let mut rhythm = Rhythm::new();
        learn_days(&mut rhythm, 8, |_| 10.0);
        learn_days(&mut rhythm, 1, |minute| if minute < 15 { 10_000.0 } else { 10.0 });
        assert!(rhythm.at(0) < 1.4, "{}", rhythm.at(0));
    }

    #[test]
    fn few_events_make_no_rhythm() {
        let mut rhythm = Rhythm::new();
        learn_days(&mut rhythm, 8, |minute| f64::from(u8::from(minute % 360 == 0)));
        assert!((0..24).all(|hour| (0.7..1.4).contains(&rhythm.at(hour * 3_600_000))));
    }
}

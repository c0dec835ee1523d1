//! From what a stamp says to an instant: the year that it leaves out, and the zone.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::scan::timestamp::clock::TimeOfDay;
use crate::scan::timestamp::zones::{StampZone, ZoneNames};

const DAY_MS: i64 = 86_400_000;
/// How far lines may be out of order in an hour that comes twice.
const BACK_MS_MAX: i64 = 300_000;

/// What was read from a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StampReading {
    /// An instant, in milliseconds since 1970.
    At(i64),
    /// What a calendar and a clock show.
    Civil(Stamp),
}

/// What a calendar and a clock show, as far as a line says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) year: Option<i16>,
    /// From 1; 0 if there is no date.
    pub(super) month: u8,
    pub(super) day: u8,
    /// Since midnight; a leap second reaches into the next day.
    pub(super) ms: u32,
    /// What it says of its zone.
    pub(super) zone: StampZone,
}

impl Stamp {
    pub(super) fn new(year: Option<u32>, month: u32, day: u32, clock: TimeOfDay) -> Stamp {
        let small = |number: u32| u8::try_from(number).unwrap_or(u8::MAX);
        let year = year.map(|year| i16::try_from(year).unwrap_or(0));
        Stamp { year, month: small(month), day: small(day), ms: clock.ms, zone: clock.zone }
    }

    pub(super) fn of_time(clock: TimeOfDay) -> Stamp {
        Stamp { year: None, month: 0, day: 0, ms: clock.ms, zone: clock.zone }
    }

    /// Whether there is such a day. The 29th of February may be in a year that is left out.
    pub(super) fn is_valid(&self) -> bool {
        if self.month == 0 {
            return true;
        }
        let year = self.year.unwrap_or(2000);
        (1970..2200).contains(&year)
            && (1..=12).contains(&self.month)
            && (1..=days_in(year, self.month)).contains(&self.day)
    }

    /// As if it were in UTC, in the given year.
    fn local_ms(&self, year: i16) -> i64 {
        days_since_1970(year, self.month, self.day) * DAY_MS + i64::from(self.ms)
    }
}

fn is_leap(year: i16) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i16, month: u8) -> u8 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Counts in years that begin in March, so that a leap day is the last (Hinnant, `days_from_civil`).
fn days_since_1970(year: i16, month: u8, day: u8) -> i64 {
    let (year, month) = (i64::from(year) - i64::from(month <= 2), i64::from(month));
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// What a stamp that leaves something out is close to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Near {
    /// It was written before this, or at most a day after it.
    Before(i64),
    /// It was written around this.
    Around(i64),
}

impl Near {
    pub(super) fn ms(self) -> i64 {
        match self {
            Near::Before(ms) | Near::Around(ms) => ms,
        }
    }
}

/// A zone that remembers the offset between two of its changes.
#[derive(Debug, Clone)]
pub(super) struct Zone {
    zone: TimeZone,
    /// The local times, as if they were in UTC, for which `offset_ms` is right without doubt.
    known: (i64, i64),
    offset_ms: i64,
    names: ZoneNames,
}

impl Zone {
    pub(super) fn new(zone: TimeZone) -> Zone {
        Zone { zone, known: (0, 0), offset_ms: 0, names: ZoneNames::default() }
    }

    /// The instant of `stamp`. Of an hour that comes twice it is the one that fits better to `last_ms`, the stamp before, or
    /// to `near`.
    pub(super) fn resolve(&mut self, stamp: Stamp, near: Near, last_ms: Option<i64>) -> Option<i64> {
        if let Some(year) = stamp.year {
            return self.instant(stamp.local_ms(year), stamp.zone, near, last_ms);
        }
        if stamp.month == 0 {
            let day = near.ms().div_euclid(DAY_MS);
            // An hour ahead is a clock that is fast, not yesterday.
            let days = (day - 1..=day + 2).rev().map(|day| day * DAY_MS + i64::from(stamp.ms));
            return self.pick(days, stamp, near, last_ms, DAY_MS / 24);
        }
        let year = Timestamp::from_millisecond(near.ms()).ok()?.to_zoned(TimeZone::UTC).year();
        let fits = |year: &i16| stamp.day <= days_in(*year, stamp.month);
        let (before, after) = if stamp.day == 29 { (8, 8) } else { (1, 1) };
        let years = (year - before..=year + after).rev().filter(fits).map(|year| stamp.local_ms(year));
        self.pick(years, stamp, near, last_ms, DAY_MS)
    }

    /// Of the local times, of which the last come first, the one that is closest to `near`.
    fn pick(
        &mut self,
        local_ms: impl Iterator<Item = i64>,
        stamp: Stamp,
        near: Near,
        last_ms: Option<i64>,
        ahead_ms_max: i64,
    ) -> Option<i64> {
        match near {
            Near::Before(now) => {
                // No zone is further than 26 hours from another.
                let mut not_ahead = local_ms.filter(|at| *at <= now + ahead_ms_max + 26 * DAY_MS / 24);
                not_ahead.find_map(|at| {
                    self.instant(at, stamp.zone, near, last_ms).filter(|at| *at <= now + ahead_ms_max)
                })
            }
            Near::Around(around) => {
                let closest = local_ms.min_by_key(|at| (at - self.offset_ms - around).abs())?;
                self.instant(closest, stamp.zone, near, last_ms)
            }
        }
    }

    fn instant(&mut self, local_ms: i64, said: StampZone, near: Near, last_ms: Option<i64>) -> Option<i64> {
        let offset_s = match said {
            StampZone::Unsaid => None,
            StampZone::Offset(offset_s) => Some(offset_s),
            StampZone::Name(name) => self.names.offset_s(&self.zone, name, local_ms),
        };
        if let Some(offset_s) = offset_s {
            return Some(local_ms - i64::from(offset_s) * 1_000);
        }
        if (self.known.0..self.known.1).contains(&local_ms) {
            return Some(local_ms - self.offset_ms);
        }
        let civil = civil(local_ms)?;
        let ambiguous = self.zone.to_ambiguous_timestamp(civil);
        if let AmbiguousOffset::Fold { .. } = ambiguous.offset() {
            let earlier = ambiguous.earlier().ok()?.as_millisecond();
            let later = ambiguous.later().ok()?.as_millisecond();
            let half = (later - earlier) / 2;
            let goes_back = last_ms.is_some_and(|last| earlier < last - BACK_MS_MAX);
            let is_later = match near {
                Near::Before(now) if later > now + half => false,
                Near::Before(now) if later > now - half => true,
                _ => goes_back,
            };
            return Some(if is_later { later } else { earlier });
        }
        let is_plain = matches!(ambiguous.offset(), AmbiguousOffset::Unambiguous { .. });
        let instant = ambiguous.compatible().ok()?;
        if is_plain {
            self.learn(instant, local_ms - instant.as_millisecond());
        }
        Some(instant.as_millisecond())
    }

    fn learn(&mut self, instant: Timestamp, offset_ms: i64) {
        let change =
            |at: Option<jiff::tz::TimeZoneTransition<'_>>| at.map(|at| at.timestamp().as_millisecond());
        let since = change(self.zone.preceding(instant).next());
        let until = change(self.zone.following(instant).next());
        // No zone changes by more than a day.
        let since = since.map_or(i64::MIN, |at| at + offset_ms + DAY_MS);
        let until = until.map_or(i64::MAX, |at| at + offset_ms - DAY_MS);
        (self.known, self.offset_ms) = ((since, until), offset_ms);
    }
}

fn civil(local_ms: i64) -> Option<DateTime> {
    Some(Timestamp::from_millisecond(local_ms).ok()?.to_zoned(TimeZone::UTC).datetime())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    fn stamp(year: Option<i16>, month: u8, day: u8, hour: u32, minute: u32) -> Stamp {
        Stamp { year, month, day, ms: (hour * 60 + minute) * 60_000, zone: StampZone::Unsaid }
    }

    #[test]
    fn days_are_counted_as_jiff_counts_them() {
        for (year, month, day) in
            [(1970, 1, 1), (2000, 2, 29), (2000, 3, 1), (2026, 11, 22), (2100, 3, 1), (2199, 12, 31)]
        {
            let jiff = jiff::civil::date(year, month, day).to_zoned(TimeZone::UTC).unwrap().timestamp();
            let days = days_since_1970(year, month as u8, day as u8);
            assert_eq!(days * DAY_MS, jiff.as_millisecond(), "{year}-{month}-{day}");
        }
    }

    #[test]
    fn a_missing_year_is_the_last_that_fits() {
        let mut zone = Zone::new(TimeZone::UTC);
        let mut at = |month, day, near: &str| {
            zone.resolve(stamp(None, month, day, 23, 0), Near::Before(ms(near)), None).unwrap()
        };
        assert_eq!(at(12, 31, "2027-01-01T00:30:00Z"), ms("2026-12-31T23:00:00Z"));
        assert_eq!(at(1, 1, "2026-12-31T23:30:00Z"), ms("2027-01-01T23:00:00Z"));
        assert_eq!(at(1, 2, "2026-12-31T22:30:00Z"), ms("2026-01-02T23:00:00Z"));
        assert_eq!(at(11, 22, "2026-11-22T23:30:00Z"), ms("2026-11-22T23:00:00Z"));
        assert_eq!(at(2, 29, "2026-11-22T23:30:00Z"), ms("2024-02-29T23:00:00Z"));
    }

    #[test]
    fn a_missing_day_is_the_last_that_fits() {
        let mut zone = Zone::new(TimeZone::UTC);
        let late = Stamp { month: 0, day: 0, ..stamp(None, 0, 0, 23, 59) };
        let at = zone.resolve(late, Near::Before(ms("2026-11-22T00:01:00Z")), None).unwrap();
        assert_eq!(at, ms("2026-11-21T23:59:00Z"));
    }

    #[test]
    fn a_zone_and_its_changes() {
        let mut zone = Zone::new(TimeZone::get("Europe/Berlin").unwrap());
        let near = |text: &str| Near::Before(ms(text));
        let far = near("2027-03-01T00:00:00Z");
        let mut at = |month, day, hour, near, last: Option<&str>| {
            zone.resolve(stamp(Some(2026), month, day, hour, 30), near, last.map(ms)).unwrap()
        };
        assert_eq!(at(7, 1, 12, far, None), ms("2026-07-01T10:30:00Z"));
        assert_eq!(at(12, 1, 12, far, None), ms("2026-12-01T11:30:00Z"));
        // An hour that is left out.
        assert_eq!(at(3, 29, 2, far, None), ms("2026-03-29T01:30:00Z"));
        // One that comes twice.
        assert_eq!(at(10, 25, 2, far, None), ms("2026-10-25T00:30:00Z"));
        assert_eq!(at(10, 25, 2, near("2026-10-25T01:30:02Z"), None), ms("2026-10-25T01:30:00Z"));
        assert_eq!(at(10, 25, 2, near("2026-10-25T00:30:02Z"), None), ms("2026-10-25T00:30:00Z"));
        assert_eq!(at(10, 25, 2, far, Some("2026-10-25T01:29:00Z")), ms("2026-10-25T01:30:00Z"));
        assert_eq!(at(10, 25, 2, far, Some("2026-10-25T00:29:00Z")), ms("2026-10-25T00:30:00Z"));
        assert_eq!(at(10, 25, 3, far, None), ms("2026-10-25T02:30:00Z"));
        assert_eq!(at(10, 25, 1, far, None), ms("2026-10-24T23:30:00Z"));
    }
}

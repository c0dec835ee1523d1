//! When a line was written.
//!
//! Only matching lines are asked, and each file writes its times in one way. So a [`Detector`] remembers where and in which
//! shape the last stamp stood, tries that first, and looks again only where it does not fit.
//!
//! Where a line leaves something out, what is nearest to its arrival is right: a stamp without a year is of the last year
//! in which it is not more than a day ahead; one without a date, of the last day in which it is not more than an hour
//! ahead. One without a zone is in the zone of the settings. Of an hour that comes twice, the one that fits to the stamp
//! before, or to the arrival. Of `11/10/26`, the order of day, month and year that is nearest. In an old file, of whose lines
//! no one saw the arrival, each stamp is near the one before it, and the first is before the file's last change: going back
//! by months means that a year has begun.

mod calendar;
mod clock;
mod cursor;
mod epoch;
mod find;
mod format;
mod members;
mod place;
mod received;
mod same_minute;
mod shape;
mod zones;

use std::sync::Arc;

use jiff::tz::TimeZone;

pub use crate::scan::timestamp::format::{FormatError, TimeFormat, zone};
pub use crate::scan::timestamp::received::zone_steps_ms;

use crate::scan::timestamp::calendar::{Near, StampReading, Zone};
use crate::scan::timestamp::cursor::Cursor;
use crate::scan::timestamp::find::Doubt;
use crate::scan::timestamp::format::FormatKind;
use crate::scan::timestamp::place::{Found, StampPlace};
use crate::scan::timestamp::same_minute::SameMinute;
use crate::scan::timestamp::shape::Shape;

/// What is known of a file's times beforehand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeSettings {
    /// The format, if it need not be found out.
    pub format: Option<TimeFormat>,
    /// The member or pair that alone holds the time; dots lead into nested objects.
    pub field: Option<Box<str>>,
    /// The zone of stamps that name none.
    pub zone: TimeZone,
    /// A stamp that is further ahead of its arrival than this is not believed, in milliseconds.
    pub future_ms_max: i64,
    /// A stamp that is further behind its arrival than this is late, in milliseconds.
    pub late_ms_min: i64,
}

impl Default for TimeSettings {
    /// Any format, the local zone, five minutes ahead, seven days behind.
    fn default() -> TimeSettings {
        TimeSettings {
            format: None,
            field: None,
            zone: TimeZone::system(),
            future_ms_max: 5 * 60_000,
            late_ms_min: 7 * 86_400_000,
        }
    }
}

/// What an event's time is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimeOrigin {
    /// The line's stamp.
    Stamped,
    /// The line's stamp, which is old.
    Late,
    /// The arrival, for the line has no stamp.
    Arrived,
    /// The arrival, for the stamp is too far ahead.
    Future,
}

/// When what a line tells of happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventTime {
    /// In milliseconds since 1970.
    pub at_ms: i64,
    /// Where that is from.
    pub source: TimeOrigin,
}

/// After so many stamps in one place, another is looked for only near to it: a date in a message is no stamp.
const SETTLED: u8 = 16;
/// After so many lines without a stamp, a stamp is looked for only in one of so many: most likely there are none.
const HOPELESS: u64 = 64;
/// How many words further on a stamp is still looked for then.
const NEAR_WORDS: usize = 3;
/// No stamp stands further on in a line than this.
const LOOKED_AT_BYTES_MAX: usize = 64 << 10;
/// So much of the copy of a line is kept for the next one.
const KEPT_BYTES_MAX: usize = 256;
/// Milliseconds in a day.
const DAY_MS: i64 = 86_400_000;
/// Milliseconds in a mean year of the calendar.
const YEAR_MS: i64 = 31_556_952_000;
/// How far apart two numbers in the same place may be if they are to be seconds since 1970.
const DOUBT_MS_MAX: i64 = 31 * 86_400_000;

/// Reads the stamps of one file.
#[derive(Debug, Clone)]
pub struct Detector {
    settings: Arc<TimeSettings>,
    zone: Zone,
    found: Option<Found>,
    /// How often in a row the stamp was where it was before.
    fits: u8,
    doubt: Option<Doubt>,
    /// How many lines in a row had no stamp, before there was any.
    misses: u64,
    last_ms: Option<i64>,
    same_minute: SameMinute,
    /// After how long the stamps repeat, in milliseconds, if they leave out the year or the date.
    period_ms: Option<i64>,
    /// The line that is looked at. In a mapping it may change meanwhile, and what looks twice must see the same.
    copy: Vec<u8>,
}

impl Detector {
    /// A detector that has not seen a line.
    #[must_use]
    pub fn new(settings: Arc<TimeSettings>) -> Detector {
        let zone = Zone::new(settings.zone.clone());
        Detector {
            settings,
            zone,
            found: None,
            fits: 0,
            doubt: None,
            misses: 0,
            last_ms: None,
            same_minute: SameMinute::default(),
            period_ms: None,
            copy: Vec::new(),
        }
    }

    /// When what `line` tells of happened, which arrived at `arrival_ms`.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use spiketail::scan::timestamp::{Detector, TimeSettings};
    ///
    /// let arrival_ms = 1_763_805_630_000;
    /// let mut detector = Detector::new(Arc::new(TimeSettings::default()));
    /// assert_eq!(detector.read(b"2025-11-22T10:00:00Z ERROR disk full", arrival_ms).at_ms, 1_763_805_600_000);
    /// assert_eq!(detector.read(b"no stamp", arrival_ms).at_ms, arrival_ms);
    /// ```
    pub fn read(&mut self, line: &[u8], arrival_ms: i64) -> EventTime {
        let arrived = |source| EventTime { at_ms: arrival_ms, source };
        let Some(at_ms) = self.stamp(line, Near::Before(arrival_ms)) else {
            return arrived(TimeOrigin::Arrived);
        };
        if at_ms > arrival_ms.saturating_add(self.settings.future_ms_max) {
            return arrived(TimeOrigin::Future);
        }
        self.last_ms = Some(at_ms);
        let is_late = at_ms < arrival_ms.saturating_sub(self.settings.late_ms_min);
        EventTime { at_ms, source: if is_late { TimeOrigin::Late } else { TimeOrigin::Stamped } }
    }

    /// The time of `line` in milliseconds since 1970, of a file that is read long after; it was changed last at
    /// `reference_ms`. `None` if the line has no stamp: then it belongs to the one before.
    pub fn recall(&mut self, line: &[u8], reference_ms: i64) -> Option<i64> {
        let near = self.last_ms.map_or(Near::Before(reference_ms), Near::Around);
        let at_ms = self.stamp(line, near);
        self.last_ms = at_ms.or(self.last_ms);
        at_ms
    }

    /// The last stamp that was believed, in milliseconds since 1970.
    #[must_use]
    pub fn last_ms(&self) -> Option<i64> {
        self.last_ms
    }

    /// After how long the stamps repeat, in milliseconds, if they leave out the year or the date: then a file that spans more
    /// than that may seem to end after it was changed last.
    #[must_use]
    pub fn period_ms(&self) -> Option<i64> {
        self.period_ms
    }

    /// Continues from a line that was written at `at_ms`, in milliseconds since 1970.
    pub fn resume(&mut self, at_ms: i64) {
        self.last_ms = Some(at_ms);
    }

    fn stamp(&mut self, line: &[u8], near: Near) -> Option<i64> {
        let mut copy = std::mem::take(&mut self.copy);
        copy.clear();
        copy.extend_from_slice(&line[..line.len().min(LOOKED_AT_BYTES_MAX)]);
        let at_ms = self.stamp_of(&copy, near);
        copy.shrink_to(KEPT_BYTES_MAX);
        self.copy = copy;
        at_ms
    }

    fn stamp_of(&mut self, line: &[u8], near: Near) -> Option<i64> {
        let settings = Arc::clone(&self.settings);
        let kind = settings.format.as_ref().map(|format| &format.0);
        if let Some(field) = &settings.field {
            return members::named(line, field, kind).and_then(|reading| self.instant(reading, near));
        }
        if let Some(found) = self.found
            && let Some(at_ms) = self.stamp_at(line, found, kind, near)
        {
            self.fits = self.fits.saturating_add(1);
            return Some(at_ms);
        }
        if self.found.is_none() {
            self.misses += 1;
            if self.misses > HOPELESS && !self.misses.is_multiple_of(HOPELESS) {
                return None;
            }
        }
        self.look(line, kind, near).or_else(|| self.doubtful(line, kind))
    }

    /// Reads the stamp at a place where one was found before.
    fn stamp_at(&mut self, line: &[u8], found: Found, kind: Option<&FormatKind>, near: Near) -> Option<i64> {
        let Some((text, shape)) = find::text(line, found) else {
            let at_ms = self.instant(find::at(line, found, kind)?, near)?;
            return (!(self.is_ahead(at_ms, near) && has_siblings(found))).then_some(at_ms);
        };
        if let Some(at_ms) = self.same_minute.read(text, near, self.last_ms) {
            return Some(at_ms);
        }
        self.same_minute.clear();
        let mut cursor = Cursor::new(text, 0);
        let reading = shape.take(&mut cursor)?;
        let at_ms = self.instant(reading, near)?;
        if let Some(seconds) = cursor.seconds() {
            self.same_minute.set(text, seconds, cursor.at(), at_ms, near);
        }
        Some(at_ms)
    }

    fn look(&mut self, line: &[u8], kind: Option<&FormatKind>, near: Near) -> Option<i64> {
        let words_max = match self.found {
            Some(Found { place: StampPlace::Word(word), .. }) if self.fits >= SETTLED => {
                usize::from(word) + NEAR_WORDS
            }
            _ => usize::MAX,
        };
        let mut choose = |shape: Shape, start: usize| self.nearest(line, shape, start, near);
        let found = find::anywhere(line, kind, words_max, &mut choose)?;
        let at_ms = self.instant(find::at(line, found, kind)?, near)?;
        if self.found != Some(found) {
            (self.found, self.fits) = (Some(found), 0);
        }
        Some(at_ms)
    }

    /// Of the orders in which day, month and year may stand, the one that gives the nearest time.
    fn nearest(&mut self, line: &[u8], shape: Shape, start: usize, near: Near) -> Shape {
        let now = near.ms();
        let mut best = (shape, i64::MAX);
        for sibling in shape.siblings() {
            let Some(at_ms) = sibling.read(line, start).and_then(|reading| self.instant(reading, near))
            else {
                continue;
            };
            let distance = if self.is_ahead(at_ms, near) { i64::MAX - 1 } else { (at_ms - now).abs() };
            if distance < best.1 {
                best = (*sibling, distance);
            }
        }
        best.0
    }

    fn is_ahead(&self, at_ms: i64, near: Near) -> bool {
        matches!(near, Near::Before(now) if at_ms > now.saturating_add(self.settings.future_ms_max))
    }

    /// A number among the first words is a time if the line before had nearly the same one there.
    fn doubtful(&mut self, line: &[u8], kind: Option<&FormatKind>) -> Option<i64> {
        if kind.is_some() || self.found.is_some() {
            return None;
        }
        let doubt = find::doubtful(line);
        let before = std::mem::replace(&mut self.doubt, doubt);
        let ((word, at_ms), (word_before, before_ms)) = (doubt?, before?);
        if word != word_before || (at_ms - before_ms).abs() > DOUBT_MS_MAX {
            return None;
        }
        self.found = Some(Found { place: StampPlace::Word(word), shape: Some(Shape::Epoch(None)) });
        Some(at_ms)
    }

    fn instant(&mut self, reading: StampReading, near: Near) -> Option<i64> {
        match reading {
            StampReading::At(ms) => {
                self.period_ms = None;
                Some(ms)
            }
            StampReading::Civil(stamp) => {
                self.period_ms = match (stamp.year, stamp.month) {
                    (Some(_), _) => None,
                    (None, 0) => Some(DAY_MS),
                    (None, _) => Some(YEAR_MS),
                };
                self.zone.resolve(stamp, near, self.last_ms)
            }
        }
    }
}

fn has_siblings(found: Found) -> bool {
    found.shape.is_some_and(|shape| !shape.siblings().is_empty())
}

#[cfg(test)]
mod tests;

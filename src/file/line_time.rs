//! When the lines of a file were written: by their stamps where they have any, else by when they came.

use std::ops::Range;
use std::sync::Arc;

use crate::scan::line::leading_nuls;
use crate::scan::timestamp::{Detector, EventTime, TimeOrigin, TimeSettings, zone_steps_ms};

/// All lines are looked at for their time once in so many.
const BLOCK_LINES: u64 = 64;
/// So many lines in a row must be off by the same before it is believed.
const SKEW_LINES: u8 = 3;

/// What is known of the stamps of one path, from turn to turn.
#[derive(Debug)]
pub(super) struct TimestampState {
    settings: Arc<TimeSettings>,
    detector: Detector,
    skew: ZoneSkew,
}

/// How far stamps without a zone are off because they are in another one than is thought.
#[derive(Debug, Clone, Copy, Default)]
struct ZoneSkew {
    supposed_ms: i64,
    lines: u8,
}

/// A part of a file of which no one saw when it was written: some time between two moments, steadily, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UnwatchedSpan {
    /// Where it begins, in bytes.
    pub(super) from: u64,
    /// When its first byte can have been written at the earliest, in milliseconds since the epoch.
    pub(super) since_ms: i64,
    /// Where it ends, in bytes.
    pub(super) to: u64,
    /// When its last byte was written, in milliseconds since the epoch.
    pub(super) until_ms: i64,
}

/// Where a line ends in its file, and when a container runtime received it.
type PlaceOf<'p> = &'p mut dyn FnMut(&Range<usize>) -> (u64, Option<i64>);

impl UnwatchedSpan {
    /// When the byte before `offset` was written, if all were written at one pace.
    fn at(&self, offset: u64) -> i64 {
        let length = self.to.saturating_sub(self.from).max(1) as f64;
        let done = (offset.saturating_sub(self.from) as f64 / length).min(1.0);
        let span = self.until_ms.saturating_sub(self.since_ms).max(0) as f64;
        self.until_ms.min(self.since_ms).saturating_add((span * done) as i64)
    }
}

/// Tells the time of lines during one turn.
#[derive(Debug)]
pub(super) struct LineTimer {
    settings: Arc<TimeSettings>,
    stamps: Option<Box<TimestampState>>,
    now_ms: i64,
    counts_lines: bool,
    unwatched: Option<UnwatchedSpan>,
    /// Where the last line ended, and its time: several rules ask for the same line.
    last: Option<(u64, EventTime)>,
}

impl LineTimer {
    pub(super) fn new(
        settings: &Arc<TimeSettings>,
        counts_lines: bool,
        stamps: Option<Box<TimestampState>>,
        now_ms: i64,
    ) -> LineTimer {
        let is_same = |known: &Arc<TimeSettings>| Arc::ptr_eq(known, settings) || known == settings;
        let stamps = stamps.filter(|stamps| is_same(&stamps.settings));
        LineTimer {
            settings: Arc::clone(settings),
            stamps,
            now_ms,
            counts_lines,
            unwatched: None,
            last: None,
        }
    }

    /// What is to be known at the next turn.
    pub(super) fn into_stamps(self) -> Option<Box<TimestampState>> {
        self.stamps
    }

    /// Says whether what is read next was written before anyone looked.
    pub(super) fn set_unwatched(&mut self, unwatched: Option<UnwatchedSpan>) {
        self.unwatched = unwatched.map(|span| UnwatchedSpan {
            until_ms: span.until_ms.min(self.now_ms),
            since_ms: span.since_ms.min(span.until_ms).min(self.now_ms),
            ..span
        });
        self.last = None;
    }

    /// When `line`, which ends at `end` of its file, was written, in milliseconds since the epoch. A container runtime got it at
    /// `received_ms`, if it is from one.
    pub(super) fn time_of(&mut self, line: &[u8], end: u64, received_ms: Option<i64>) -> EventTime {
        if let Some((_, time)) = self.last.filter(|(known, _)| *known == end) {
            return time;
        }
        let stamps = self.stamps.get_or_insert_with(|| {
            let detector = Detector::new(Arc::clone(&self.settings));
            Box::new(TimestampState {
                settings: Arc::clone(&self.settings),
                detector,
                skew: ZoneSkew::default(),
            })
        });
        let before_ms = stamps.detector.last_ms();
        let line = &line[leading_nuls(line)..];
        let mut time = match received_ms {
            Some(at_ms) => stamps.detector.read_received(line, at_ms),
            None => stamps.detector.read(line, self.now_ms),
        };
        match (time.source, self.unwatched) {
            _ if received_ms.is_some() => {}
            // A line without a stamp belongs to the one before.
            (TimeOrigin::Arrived, Some(span)) => time.at_ms = before_ms.unwrap_or_else(|| span.at(end)),
            (TimeOrigin::Future, Some(span)) => time.at_ms = span.at(end),
            (TimeOrigin::Stamped, None) => time.at_ms = stamps.skew.corrected(time.at_ms, self.now_ms),
            (TimeOrigin::Stamped, Some(_)) => time.at_ms += stamps.skew.known_ms(),
            _ => {}
        }
        if time.at_ms < self.now_ms.saturating_sub(self.settings.late_ms_min) {
            time.source = TimeOrigin::Late;
        }
        // Nothing is written after it was read: a clock that is ahead must not make the other lines late.
        time.at_ms = time.at_ms.min(self.now_ms);
        self.last = Some((end, time));
        time
    }

    /// When the complete lines in `bytes` were written, and how many; nothing unless they are counted. `place_of` tells of a line
    /// what [`LineTimer::time_of`] asks for.
    pub(super) fn lines(&mut self, bytes: &[u8], place_of: PlaceOf<'_>) -> Vec<(i64, u64)> {
        let mut lines = Vec::new();
        if !self.counts_lines {
            return lines;
        }
        let (mut count, mut last) = (0, 0..0);
        let mut push = |last: Range<usize>, count| {
            let (end, received_ms) = place_of(&last);
            let time = self.time_of(&bytes[last], end, received_ms);
            lines.push((time.at_ms, count));
        };
        let mut start = 0;
        for lf in memchr::memchr_iter(b'\n', bytes) {
            count += 1;
            last = start..lf;
            start = lf + 1;
            if count == BLOCK_LINES {
                push(last.clone(), std::mem::take(&mut count));
            }
        }
        if count > 0 {
            push(last, count);
        }
        lines
    }
}

impl ZoneSkew {
    fn known_ms(self) -> i64 {
        if self.lines >= SKEW_LINES { self.supposed_ms } else { 0 }
    }

    /// The time of a line that was stamped `at_ms` and came just now. Whatever is some quarters of an hour old, no more and no
    /// less, line after line, was stamped in another zone.
    fn corrected(&mut self, at_ms: i64, now_ms: i64) -> i64 {
        match zone_steps_ms(now_ms - at_ms) {
            None => *self = ZoneSkew::default(),
            Some(steps_ms) if steps_ms == self.supposed_ms => self.lines = self.lines.saturating_add(1),
            Some(steps_ms) => *self = ZoneSkew { supposed_ms: steps_ms, lines: 1 },
        }
        at_ms + self.known_ms()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_435_200_000; // 2026-11-23T12:00:00Z

    fn clock() -> LineTimer {
        let settings = Arc::new(TimeSettings { zone: jiff::tz::TimeZone::UTC, ..TimeSettings::default() });
        LineTimer::new(&settings, true, None, NOW)
    }

    fn stamped(ago_ms: i64) -> String {
        let at = jiff::Timestamp::from_millisecond(NOW - ago_ms).unwrap();
        format!("{} ERROR x", at.strftime("%Y-%m-%d %H:%M:%S%.3f"))
    }

    #[test]
    fn what_has_no_stamp_is_written_when_it_comes() {
        let mut clock = clock();
        assert_eq!(clock.time_of(b"ERROR", 5, None).at_ms, NOW);
        assert_eq!(clock.time_of(stamped(700).as_bytes(), 50, None).at_ms, NOW - 700);
        assert_eq!(clock.time_of(b"  at main.rs", 60, None).at_ms, NOW);
        assert_eq!(clock.time_of(stamped(-200_000).as_bytes(), 90, None).at_ms, NOW);
    }

    #[test]
    fn what_nobody_saw_was_written_at_one_pace_between_two_changes() {
        let mut clock = clock();
        let (since_ms, until_ms) = (NOW - 100_000, NOW - 50_000);
        clock.set_unwatched(Some(UnwatchedSpan { from: 1_000, since_ms, to: 2_000, until_ms }));
        assert_eq!(clock.time_of(b"ERROR", 1_500, None).at_ms, NOW - 75_000);
        assert_eq!(clock.time_of(b"ERROR", 2_000, None).at_ms, until_ms);
        assert_eq!(clock.time_of(stamped(60_000).as_bytes(), 1_600, None).at_ms, NOW - 60_000);
        assert_eq!(clock.time_of(b"  at main.rs", 1_700, None).at_ms, NOW - 60_000);
        let old_ms = NOW - 8 * 86_400_000;
        clock.set_unwatched(Some(UnwatchedSpan { from: 0, since_ms: old_ms, to: 9_000, until_ms: old_ms }));
        assert_eq!(super::tests::clock().time_of(b"ERROR", 7, None).source, TimeOrigin::Arrived);
        let mut other = super::tests::clock();
        other.set_unwatched(clock.unwatched);
        assert_eq!(other.time_of(b"ERROR", 7, None).source, TimeOrigin::Late);
        clock.set_unwatched(Some(UnwatchedSpan { from: 0, since_ms: NOW + 9, to: 0, until_ms: NOW + 5 }));
        let mut other = super::tests::clock();
        other.set_unwatched(clock.unwatched);
        assert_eq!(other.time_of(b"ERROR", 7, None).at_ms, NOW);
    }

    #[test]
    fn stamps_of_another_zone_are_believed_after_three_lines() {
        let mut clock = clock();
        let two_hours = 7_200_000;
        for (end, at_ms) in [(1, NOW - two_hours), (2, NOW - two_hours), (3, NOW), (4, NOW)] {
            assert_eq!(clock.time_of(stamped(two_hours).as_bytes(), end, None).at_ms, at_ms, "{end}");
        }
        assert_eq!(
            clock.time_of(stamped(two_hours + 300_000).as_bytes(), 5, None).at_ms,
            NOW - two_hours - 300_000
        );
    }

    #[test]
    fn all_lines_are_counted_with_their_times() {
        let mut clock = clock();
        let text = format!("{}\nno stamp\n", stamped(5_000)).repeat(64);
        let lines = clock.lines(text.as_bytes(), &mut |line| (10 + line.end as u64, None));
        assert_eq!(lines.iter().map(|(_, n)| n).sum::<u64>(), 128);
        assert_eq!(lines.len(), 2);
    }
}

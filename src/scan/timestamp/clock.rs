//! The time of day, its fraction, its half of the day and its zone.

use crate::scan::timestamp::cursor::Cursor;
use crate::scan::timestamp::zones::{self, StampZone};

/// A time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TimeOfDay {
    /// Since midnight.
    pub(super) ms: u32,
    /// What it says of its zone.
    pub(super) zone: StampZone,
    /// Whether it goes down to seconds.
    pub(super) has_seconds: bool,
}

/// Takes `10:00[:00[.123]] [AM] [zone]`; dots may stand for colons.
pub(super) fn read(c: &mut Cursor<'_>) -> Option<TimeOfDay> {
    let hour = c.one_or_two()?;
    let separator = c.one_of(b":.")?;
    // HealthApp writes single digits where others write two.
    let minute = c.one_or_two()?;
    let mut ahead = *c;
    let second = if ahead.take(separator) { ahead.one_or_two() } else { None };
    if second.is_none() {
        return if separator == b'.' { None } else { finish(c, hour, minute, None, 0) };
    }
    let at = c.at() + 1;
    *c = ahead;
    let ms = fraction(c);
    c.note_seconds(at);
    finish(c, hour, minute, second, ms)
}

/// Takes `100000[.123] [zone]`.
pub(super) fn read_basic(c: &mut Cursor<'_>) -> Option<TimeOfDay> {
    let (hour, minute, second) = (c.digits(2)?, c.digits(2)?, c.digits(2)?);
    let ms = fraction(c);
    finish(c, hour, minute, Some(second), ms)
}

fn finish(c: &mut Cursor<'_>, hour: u32, minute: u32, second: Option<u32>, ms: u32) -> Option<TimeOfDay> {
    let hour = half_of_day(c, hour)?;
    let zone = zones::read(c);
    // A leap second is the next minute's first.
    let is_valid = hour < 24 && minute < 60 && second.unwrap_or(0) <= 60;
    let of_day = (hour * 3_600 + minute * 60 + second.unwrap_or(0)) * 1_000 + ms;
    is_valid.then_some(TimeOfDay { ms: of_day, zone, has_seconds: second.is_some() })
}

fn fraction(c: &mut Cursor<'_>) -> u32 {
    let mut ahead = *c;
    let ms = match ahead.one_of(b".,:") {
        // After a colon come milliseconds, not always with all three digits.
        Some(b':') => match ahead.count_digits() {
            digits @ 1..=3 => ahead.digits(digits),
            _ => None,
        },
        Some(_) => ahead.fraction_ms(),
        None => None,
    };
    if ms.is_some() {
        *c = ahead;
    }
    ms.unwrap_or(0)
}

fn half_of_day(c: &mut Cursor<'_>, hour: u32) -> Option<u32> {
    let mut ahead = *c;
    ahead.spaces();
    // A narrow no-break space, as newer Java writes it.
    if ahead.rest().starts_with(b"\xE2\x80\xAF") {
        ahead.skip(3);
    }
    let half = match ahead.rest() {
        [half @ (b'A' | b'a' | b'P' | b'p'), ..] => half.to_ascii_lowercase(),
        // Java and Windows in Chinese.
        rest if rest.starts_with("上午".as_bytes()) => b'a',
        rest if rest.starts_with("下午".as_bytes()) => b'p',
        _ => return Some(hour),
    };
    if ahead.rest()[0] >= 0x80 {
        ahead.skip("上午".len());
    } else {
        ahead.skip(1);
        // Java in Spanish: `10:00:00 a. m.`
        if ahead.take(b'.') {
            ahead.spaces();
        }
        if ahead.one_of(b"Mm").is_none() || !ahead.is_at_end_of_word() {
            return Some(hour);
        }
    }
    *c = ahead;
    match (hour, half) {
        (12, b'a') => Some(0),
        (12, _) => Some(12),
        (1..=11, b'a') => Some(hour),
        (1..=11, _) => Some(hour + 12),
        _ => None,
    }
}

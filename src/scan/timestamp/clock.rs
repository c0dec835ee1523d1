//! The time of day, its fraction, its half of the day and its zone.

use crate::scan::timestamp::cursor::Cursor;

/// A time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TimeOfDay {
    /// Since midnight.
    pub(super) ms: u32,
    /// East of Greenwich, in seconds, if it says so.
    pub(super) offset_s: Option<i32>,
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
    let has_seconds = second.is_some();
    if has_seconds {
        *c = ahead;
    } else if separator == b'.' {
        return None;
    }
    finish(c, hour, minute, second)
}

/// Takes `100000[.123] [zone]`.
pub(super) fn read_basic(c: &mut Cursor<'_>) -> Option<TimeOfDay> {
    let (hour, minute, second) = (c.digits(2)?, c.digits(2)?, c.digits(2)?);
    finish(c, hour, minute, Some(second))
}

fn finish(c: &mut Cursor<'_>, hour: u32, minute: u32, second: Option<u32>) -> Option<TimeOfDay> {
    let ms = if second.is_some() { fraction(c) } else { 0 };
    let hour = half_of_day(c, hour)?;
    let offset_s = zone(c);
    // A leap second is the next minute's first.
    let is_valid = hour < 24 && minute < 60 && second.unwrap_or(0) <= 60;
    let of_day = (hour * 3_600 + minute * 60 + second.unwrap_or(0)) * 1_000 + ms;
    is_valid.then_some(TimeOfDay { ms: of_day, offset_s, has_seconds: second.is_some() })
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
    let Some(half) = ahead.one_of(b"AaPp") else { return Some(hour) };
    ahead.take(b'.');
    if ahead.one_of(b"Mm").is_none() || !ahead.is_at_end_of_word() {
        return Some(hour);
    }
    *c = ahead;
    match (hour, half.to_ascii_lowercase()) {
        (12, b'a') => Some(0),
        (12, _) => Some(12),
        (1..=11, b'a') => Some(hour),
        (1..=11, _) => Some(hour + 12),
        _ => None,
    }
}

/// Takes a zone, if one is next: `Z`, `+01:00`, `-0500`, `+01`, `UTC`, `CEST`.
fn zone(c: &mut Cursor<'_>) -> Option<i32> {
    let mut ahead = *c;
    let is_apart = ahead.spaces() > 0;
    let offset = match ahead.peek()? {
        b'Z' | b'z' => {
            ahead.skip(1);
            Some(0)
        }
        b'+' | b'-' => offset(&mut ahead, is_apart),
        b'A'..=b'Z' => abbreviation(&mut ahead),
        _ => None,
    }?;
    if !ahead.is_at_end_of_word() {
        return None;
    }
    *c = ahead;
    Some(offset)
}

fn offset(c: &mut Cursor<'_>, is_apart: bool) -> Option<i32> {
    let sign = if c.one_of(b"+-")? == b'-' { -1 } else { 1 };
    let digits = c.count_digits();
    let hours = c.digits(2)?;
    let minutes = match (digits, c.peek()) {
        (4, _) => c.digits(2)?,
        (2, Some(b':')) => {
            c.skip(1);
            c.digits(2)?
        }
        // Apart, it might be anything; PostgreSQL's ends with a space or a bracket.
        (2, after) if !is_apart || matches!(after, None | Some(b' ' | b']')) => 0,
        _ => return None,
    };
    (hours <= 15 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60) as i32)
}

/// The abbreviations that mean one zone only in practice.
fn abbreviation(c: &mut Cursor<'_>) -> Option<i32> {
    let letters = c.rest().iter().take(5).take_while(|b| b.is_ascii_uppercase()).count();
    let minutes = match &c.rest()[..letters] {
        b"UTC" | b"GMT" | b"UT" | b"WET" => 0,
        b"CET" | b"WEST" | b"BST" | b"MEZ" => 60,
        b"CEST" | b"EET" | b"MESZ" | b"SAST" => 120,
        b"EEST" | b"MSK" => 180,
        b"HKT" | b"SGT" | b"AWST" => 480,
        b"JST" | b"KST" => 540,
        b"AEST" => 600,
        b"AEDT" => 660,
        b"EDT" => -240,
        b"EST" | b"CDT" => -300,
        b"CST" | b"MDT" => -360,
        b"MST" | b"PDT" => -420,
        b"PST" => -480,
        _ => return None,
    };
    c.skip(letters);
    Some(minutes * 60)
}

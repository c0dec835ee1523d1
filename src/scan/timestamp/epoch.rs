//! Times as a count since 1970.

use crate::scan::timestamp::cursor::Cursor;

/// What an epoch counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Unit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Microseconds.
    Microseconds,
    /// Nanoseconds.
    Nanoseconds,
}

/// The first second that is taken for an epoch where nothing says that it is one: a ten-digit number, 2001-09-09.
const SECONDS_MIN: i64 = 1_000_000_000;
/// The last such second, in 2106.
const SECONDS_MAX: i64 = 4_294_967_295;

/// Takes a number with its fraction. Without a `unit`, the count of its digits tells the unit, and it must lie between 2001
/// and 2106. Returns milliseconds.
pub(super) fn read(c: &mut Cursor<'_>, unit: Option<Unit>) -> Option<i64> {
    let count = c.count_digits();
    let is_told = unit.is_some();
    let unit = match (unit, count) {
        (Some(unit), 1..=19) => unit,
        (None, 10) => Unit::Seconds,
        (None, 13) => Unit::Milliseconds,
        (None, 16) => Unit::Microseconds,
        (None, 19) => Unit::Nanoseconds,
        _ => return exponential(c),
    };
    let number = c.rest()[..count]
        .iter()
        .fold(0_i64, |number, digit| number.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    c.skip(count);
    let mut fraction_ms = 0;
    let mut ahead = *c;
    if ahead.one_of(b".,").is_some()
        && let Some(ms) = ahead.fraction_ms()
    {
        if matches!(ahead.peek(), Some(b'e' | b'E')) {
            return None;
        }
        fraction_ms = i64::from(ms);
        *c = ahead;
    }
    let ms = match unit {
        Unit::Seconds => number.checked_mul(1_000)?.checked_add(fraction_ms)?,
        Unit::Milliseconds => number,
        Unit::Microseconds => number / 1_000,
        Unit::Nanoseconds => number / 1_000_000,
    };
    let is_plausible = is_told || (SECONDS_MIN..=SECONDS_MAX).contains(&(ms / 1_000));
    (c.is_at_end_of_word() && !matches!(c.peek(), Some(b'-' | b'/' | b'_')) && is_plausible).then_some(ms)
}

/// `1.7638e+09`, as Go's zap writes seconds in JSON.
fn exponential(c: &mut Cursor<'_>) -> Option<i64> {
    let rest = c.rest();
    let length = rest.iter().take(30).take_while(|b| b.is_ascii_digit() || b".eE+".contains(b)).count();
    let number = &rest[..length];
    if rest.get(1) != Some(&b'.') || !number.iter().any(|b| matches!(b, b'e' | b'E')) {
        return None;
    }
    let seconds = std::str::from_utf8(number).ok()?.parse::<f64>().ok()?;
    c.skip(length);
    let is_plausible = (SECONDS_MIN as f64..SECONDS_MAX as f64).contains(&seconds);
    is_plausible.then_some((seconds * 1_000.0) as i64)
}

/// What TAI64 labels add to seconds since 1970: 2^62, and the ten seconds that daemontools counts.
const TAI64_OFFSET_S: u64 = (1 << 62) + 10;

/// `@4000000037c219bf2ef02e94`: seconds and nanoseconds in hexadecimal digits, as multilog and svlogd write them.
pub(super) fn tai64n(c: &mut Cursor<'_>) -> Option<i64> {
    if !c.take(b'@') {
        return None;
    }
    let number = |digits: &[u8]| u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
    let (seconds, nanoseconds) = (number(c.rest().get(..16)?)?, number(c.rest().get(16..24)?)?);
    c.skip(24);
    let seconds = i64::try_from(seconds.checked_sub(TAI64_OFFSET_S)?).ok()?;
    let is_plausible = (0..=SECONDS_MAX).contains(&seconds) && nanoseconds < 1_000_000_000;
    (is_plausible && c.is_at_end_of_word()).then_some(seconds * 1_000 + nanoseconds as i64 / 1_000_000)
}

//! Where a time stamp ends that begins at a place of a line. What time it is does not matter here.

use crate::pattern::bytes::{BLANK, class_at};
use crate::scan::names;

/// How a stamp is written, as far as it says what may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StampKind {
    /// `Jun 14 15:16:01`, which a host follows.
    Syslog,
    /// Year, month, day and clock.
    Iso,
    Other,
}

/// The stamp at `at` of `line`: where it ends, with its brackets.
pub(super) fn stamp(line: &[u8], at: usize) -> Option<(usize, StampKind)> {
    let opened = matches!(line.get(at), Some(b'[' | b'('));
    let start = at + usize::from(opened);
    let first = *line.get(start)?;
    let (mut end, kind) = if first.is_ascii_digit() {
        numeric(line, start)?
    } else if first.is_ascii_uppercase() {
        written(line, start, opened).or_else(|| glog(line, start))?
    } else {
        return None;
    };
    let is_closed =
        |end: usize| matches!(line.get(end), None | Some(b'|')) || class_at(line, end) & BLANK != 0;
    while !is_closed(end) && matches!(line[end], b']' | b')' | b',' | b':') {
        end += 1;
    }
    if opened && !is_closed(end) {
        // `[10:00:00 INFO main]` and the like: the bracket is the header.
        return None;
    }
    if opened && !matches!(line.get(end - 1), Some(b']' | b')')) {
        let rest = &line[end..line.len().min(end + BRACKET_BYTES_MAX)];
        end += memchr::memchr(b']', rest)? + 1;
    }
    is_closed(end).then_some((end, kind))
}

/// How far the bracket around a stamp may reach.
const BRACKET_BYTES_MAX: usize = 120;

fn numeric(line: &[u8], start: usize) -> Option<(usize, StampKind)> {
    if let Some(date) = date(line, start)
        && let Some(end) = joined_clock(line, date)
    {
        return Some((end, StampKind::Iso));
    }
    if let Some(end) = clock(line, start, false) {
        return Some((zone(line, end), StampKind::Other));
    }
    let digits = digits(line, start, 14);
    let ends = |end: usize| {
        class_at(line, end) & BLANK != 0 || matches!(line.get(end), Some(b'|' | b']' | b')' | b',' | b':'))
    };
    match digits {
        6..=8 if line.get(start + digits) == Some(&b' ') => {
            let second = start + digits + 1;
            (self::digits(line, second, 7) == 6 && ends(second + 6)).then_some((second + 6, StampKind::Other))
        }
        10 | 13 if line[start] == b'1' || line[start] == b'2' => {
            let end = if digits == 10 { fraction(line, start + digits, b".") } else { start + digits };
            ends(end).then_some((end, StampKind::Other))
        }
        4 => {
            let end = year_first(line, start)?;
            ends(end).then_some((end, StampKind::Iso))
        }
        _ => None,
    }
}

/// `[Dow ]Mon D[ YYYY] clock[ TZ][ YYYY]`.
fn written(line: &[u8], start: usize, opened: bool) -> Option<(usize, StampKind)> {
    let (at, has_day) = after_weekday(line, start);
    let mut at = blanks(line, month(line, at)?)?;
    let day = digits(line, at, 3);
    if !(1..=2).contains(&day) {
        return None;
    }
    at += day + usize::from(line.get(at + day) == Some(&b','));
    at = blanks(line, at)?;
    let has_year = digits(line, at, 5) == 4;
    if has_year {
        at = blanks(line, at + 4)?;
    }
    let mut end = zone(line, clock(line, at, false)?);
    if let Some(year) = blanks(line, end).filter(|year| is_year(line, *year)) {
        end = year + 4;
        return Some((end, StampKind::Other));
    }
    let kind = if has_day || opened { StampKind::Other } else { StampKind::Syslog };
    Some((end, kind))
}

/// `[Dow] Mon D [H:MM:SS] [TZ] [YYYY]` within a message: where it ends.
pub(super) fn written_date(line: &[u8], start: usize) -> Option<usize> {
    let (at, _) = after_weekday(line, start);
    let at = blanks(line, month(line, at)?)?;
    let day = digits(line, at, 3);
    if !(1..=2).contains(&day) || line.get(at + day).is_some_and(u8::is_ascii_alphanumeric) {
        return None;
    }
    let mut end = at + day;
    let next = |end: usize| blanks(line, end + usize::from(line.get(end) == Some(&b',')));
    if let Some(clock) = next(end).and_then(|at| clock(line, at, false)) {
        end = zone(line, clock);
    }
    if let Some(year) = next(end).filter(|year| is_year(line, *year)) {
        end = year + 4;
    }
    Some(end)
}

fn is_year(line: &[u8], at: usize) -> bool {
    digits(line, at, 5) == 4 && matches!(line[at], b'1' | b'2') && class_at(line, at + 4) & !BLANK & 3 == 0
}

/// `I0614 15:16:01.000000`.
fn glog(line: &[u8], start: usize) -> Option<(usize, StampKind)> {
    if !matches!(line[start], b'I' | b'W' | b'E' | b'F' | b'D') || digits(line, start + 1, 5) != 4 {
        return None;
    }
    clock(line, blanks(line, start + 5)?, false).map(|end| (end, StampKind::Other))
}

fn joined_clock(line: &[u8], date: usize) -> Option<usize> {
    let start = match line.get(date)? {
        b'T' | b':' | b'_' | b'-' => date + 1,
        b',' => blanks(line, date + 1)?,
        b' ' => blanks(line, date)?,
        _ => return None,
    };
    clock(line, start, true).map(|end| zone(line, end))
}

/// `H:M:S` with an optional fraction.
fn clock(line: &[u8], start: usize, is_after_date: bool) -> Option<usize> {
    let mut at = start;
    for part in 0..3 {
        let count = digits(line, at, 3);
        if !(1..=2).contains(&count) {
            return None;
        }
        at += count;
        if part < 2 {
            match line.get(at) {
                Some(b':') => {}
                Some(b'.') if is_after_date => {}
                _ => return None,
            }
            at += 1;
        }
    }
    Some(fraction(line, at, b".,:"))
}

fn fraction(line: &[u8], at: usize, marks: &[u8]) -> usize {
    let count = line.get(at).filter(|mark| marks.contains(mark)).map_or(0, |_| digits(line, at + 1, 10));
    if (1..=9).contains(&count) { at + 1 + count } else { at }
}

/// Behind the zone at `at`, if there is one: `Z`, `+02:00`, ` +0200`, ` UTC`.
fn zone(line: &[u8], at: usize) -> usize {
    match line.get(at) {
        Some(b'Z') => return at + 1,
        Some(b'+' | b'-') => return offset(line, at).unwrap_or(at),
        Some(b' ') => {}
        _ => return at,
    }
    if let Some(end) = offset(line, at + 1) {
        return end;
    }
    let rest = &line[at + 1..];
    let letters = rest.iter().take(5).take_while(|b| b.is_ascii_uppercase()).count();
    let is_zone = matches!(&rest[..letters], b"UTC" | b"GMT" | b"AM" | b"PM")
        || letters >= 3
            && rest[..letters].ends_with(b"T")
            && letters <= 4
            && !matches!(&rest[..letters], b"BOOT" | b"ROOT" | b"INIT" | b"EXIT");
    if is_zone && class_at(rest, letters) & 3 == 0 { at + 1 + letters } else { at }
}

fn offset(line: &[u8], at: usize) -> Option<usize> {
    if !matches!(line.get(at), Some(b'+' | b'-')) {
        return None;
    }
    match digits(line, at + 1, 5) {
        4 => Some(at + 5),
        2 if line.get(at + 3) == Some(&b':') && digits(line, at + 4, 3) == 2 => Some(at + 6),
        2 => Some(at + 3),
        _ => None,
    }
}

fn date(line: &[u8], start: usize) -> Option<usize> {
    match digits(line, start, 9) {
        4 => year_first(line, start),
        6 | 8 => Some(start + digits(line, start, 9)),
        1 | 2 => day_first(line, start),
        _ => None,
    }
}

fn year_first(line: &[u8], start: usize) -> Option<usize> {
    let mark = *line.get(start + 4).filter(|mark| matches!(mark, b'-' | b'/' | b'.'))?;
    let month = digits(line, start + 5, 3);
    let second = start + 5 + month;
    if !(1..=2).contains(&month) || line.get(second) != Some(&mark) {
        return None;
    }
    let day = digits(line, second + 1, 3);
    (1..=2).contains(&day).then_some(second + 1 + day)
}

fn day_first(line: &[u8], start: usize) -> Option<usize> {
    let first = start + digits(line, start, 3);
    let mark = *line.get(first).filter(|mark| matches!(mark, b'-' | b'/' | b'.'))?;
    if let Some(end) = self::month(line, first + 1) {
        return (line.get(end) == Some(&mark) && digits(line, end + 1, 5) == 4).then_some(end + 5);
    }
    let month = digits(line, first + 1, 3);
    if !(1..=2).contains(&month) {
        return None;
    }
    let second = first + 1 + month;
    if line.get(second) != Some(&mark) {
        // Month and day alone.
        return Some(second);
    }
    match digits(line, second + 1, 5) {
        year @ (2 | 4) => Some(second + 1 + year),
        _ => Some(second),
    }
}

/// How many digits stand at `at`, at most `max`.
fn digits(line: &[u8], at: usize, max: usize) -> usize {
    line.get(at..).unwrap_or_default().iter().take(max).take_while(|b| b.is_ascii_digit()).count()
}

/// Behind the blanks at `at`, of which there must be one.
fn blanks(line: &[u8], at: usize) -> Option<usize> {
    let count = line.get(at..)?.iter().take(3).take_while(|b| **b == b' ').count();
    (count > 0).then_some(at + count)
}

/// Behind the name of a month at `at`, and the dot of an abbreviation.
fn month(line: &[u8], at: usize) -> Option<usize> {
    let end = at + names::month(line.get(at..)?)?.1;
    Some(end + usize::from(line.get(end) == Some(&b'.')))
}

/// Behind the name of a weekday at `at`, its dot or comma, and the blanks that must follow; `at` if there is none.
fn after_weekday(line: &[u8], at: usize) -> (usize, bool) {
    let end = names::weekday(line.get(at..).unwrap_or_default()).map(|length| at + length);
    let behind = |end: usize| blanks(line, end + usize::from(matches!(line.get(end), Some(b',' | b'.'))));
    end.and_then(behind).map_or((at, false), |end| (end, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_end_where_they_end() {
        for (line, rest) in [
            ("Jun 14 15:16:01 combo", " combo"),
            ("[Sun Dec 04 04:47:44 2005] [notice]", " [notice]"),
            ("2015-10-18 18:01:47,978 INFO", " INFO"),
            ("2015-10-18T18:01:47.978+02:00 INFO", " INFO"),
            ("2005-06-03-15.42.50.675872 R02", " R02"),
            ("2005.06.03 R02", " R02"),
            ("081109 203615 148", " 148"),
            ("17/06/09 20:10:40 INFO", " INFO"),
            ("10/Oct/2000:13:55:36 -0700] x", " x"),
            ("03-17 16:13:38.811  1702", "  1702"),
            ("20171223-22:15:29:606|Step", "|Step"),
            ("1117838570 x", " x"),
            ("I0614 15:16:01.000000 7 x", " 7 x"),
            ("10:5:3.25 x", " x"),
            ("[10.30 16:49:06] chrome", " chrome"),
            ("22-nov.-2026 10:00:00.123 GRAVE", " GRAVE"),
            ("Dez 22 10:00:00 host", " host"),
            ("November 22, 2026 10:00:00 x", " x"),
        ] {
            let end = stamp(line.as_bytes(), 0).map(|(end, _)| &line[end..]);
            assert_eq!(end, Some(rest), "{line}");
        }
        for line in ["combo", "12 monkeys", "Jun 14", "10.251.39.209 x", "1:2", "2005x", "", "["] {
            assert_eq!(stamp(line.as_bytes(), 0), None, "{line}");
        }
    }

    #[test]
    fn dates_within_a_message() {
        let text = "Sat Jul  9 12:16:51 2005 x";
        assert_eq!(written_date(text.as_bytes(), 0).map(|end| &text[end..]), Some(" x"));
        assert_eq!(written_date(b"May be 5", 0), None);
    }
}

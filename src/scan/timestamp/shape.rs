//! The shapes that dates have in logs, and how each is read.
//!
//! A shape fixes the order of the date's parts. Separators, fraction, zone and the half of the day are read as they come,
//! so one shape stands for a dozen layouts.

use crate::scan::timestamp::calendar::{Stamp, StampReading};
use crate::scan::timestamp::clock;
use crate::scan::timestamp::cursor::Cursor;
use crate::scan::timestamp::epoch;
use crate::scan::timestamp::zones::StampZone;

/// The order of the parts of a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Shape {
    /// `2026-11-22 10:00:00`, with `T`, `/` or `.`; `2026-Nov-22 10:00:00`.
    YearMonthDay,
    /// `20261122T100000Z`, `20261122-10:00:00:123`.
    Basic,
    /// `261122 100000`, `261122 10:00:00`.
    ShortBasic,
    /// `26/11/22 10:00:00`.
    ShortYearMonthDay,
    /// `11/22/26 10:00:00`.
    ShortMonthDayYear,
    /// `22/11/26 10:00:00`.
    ShortDayMonthYear,
    /// `11/22/2026 10:00:00 AM`.
    MonthDayYear,
    /// `22.11.2026 10:00:00`.
    DayMonthYear,
    /// `22/Nov/2026:10:00:00 +0000`, `Sun, 22 Nov 2026 10:00:00`, `22 Nov 10:00:00`.
    DayNameYear,
    /// `Nov 22 10:00:00`, `Nov 22 2026 10:00:00`, `Nov 22, 2026 10:00:00 AM`, `Sun Nov 22 10:00:00 2026`.
    NameDay,
    /// `11-22 10:00:00`, `11/22-10:00:00`.
    MonthDay,
    /// `1122/100000.123456`, as Chromium writes it.
    MonthDayBasic,
    /// `10:00:00 22/11/2026`, `time="10:00:00.123-060" date="11-22-2026"`.
    TimeDate,
    /// `@4000000037c219bf2ef02e94`, as multilog and svlogd write it.
    Tai64n,
    /// `E1122 10:00:00.123456`, `E261122 10:00:00.123456`, `E20261122 10:00:00.123456`.
    Klog,
    /// Seconds, milliseconds, microseconds or nanoseconds since 1970.
    Epoch(Option<epoch::Unit>),
    /// `10:00:00.123`, at the beginning of a line.
    TimeOfDay,
}

/// The shapes that begin with a digit, in the order in which they are tried.
pub(super) const OF_DIGITS: &[Shape] = &[
    Shape::YearMonthDay,
    Shape::Basic,
    Shape::ShortBasic,
    Shape::ShortYearMonthDay,
    Shape::ShortMonthDayYear,
    Shape::ShortDayMonthYear,
    Shape::MonthDayYear,
    Shape::DayMonthYear,
    Shape::DayNameYear,
    Shape::MonthDay,
    Shape::MonthDayBasic,
    Shape::Epoch(None),
    Shape::TimeDate,
    Shape::TimeOfDay,
];

/// The shapes that begin with a letter, in the order in which they are tried.
pub(super) const OF_LETTERS: &[Shape] = &[Shape::NameDay, Shape::DayNameYear, Shape::Klog, Shape::Tai64n];

impl Shape {
    /// The shapes that read the same bytes with their parts in another order, itself first.
    pub(super) fn siblings(self) -> &'static [Shape] {
        match self {
            Shape::ShortYearMonthDay => {
                &[Shape::ShortYearMonthDay, Shape::ShortMonthDayYear, Shape::ShortDayMonthYear]
            }
            Shape::ShortMonthDayYear => {
                &[Shape::ShortMonthDayYear, Shape::ShortDayMonthYear, Shape::ShortYearMonthDay]
            }
            Shape::ShortDayMonthYear => {
                &[Shape::ShortDayMonthYear, Shape::ShortMonthDayYear, Shape::ShortYearMonthDay]
            }
            Shape::MonthDayYear => &[Shape::MonthDayYear, Shape::DayMonthYear],
            Shape::DayMonthYear => &[Shape::DayMonthYear, Shape::MonthDayYear],
            _ => &[],
        }
    }

    /// Reads the stamp of this shape that begins at `at`.
    pub(super) fn read(self, line: &[u8], at: usize) -> Option<StampReading> {
        self.take(&mut Cursor::new(line, at))
    }

    /// Takes the stamp of this shape that is next.
    pub(super) fn take(self, c: &mut Cursor<'_>) -> Option<StampReading> {
        let stamp = match self {
            Shape::Epoch(unit) => return epoch::read(c, unit).map(StampReading::At),
            Shape::Tai64n => return epoch::tai64n(c).map(StampReading::At),
            Shape::YearMonthDay => year_month_day(c),
            Shape::Basic => basic(c),
            Shape::ShortBasic => short_basic(c),
            Shape::ShortYearMonthDay => short(c, |[a, b, d]| (a, b, d)),
            Shape::ShortMonthDayYear => short(c, |[a, b, d]| (d, a, b)),
            Shape::ShortDayMonthYear => short(c, |[a, b, d]| (d, b, a)),
            Shape::MonthDayYear => year_last(c, false),
            Shape::DayMonthYear => year_last(c, true),
            Shape::DayNameYear => day_name_year(c),
            Shape::NameDay => name_day(c),
            Shape::MonthDay => month_day(c),
            Shape::MonthDayBasic => month_day_basic(c),
            Shape::TimeDate => time_date(c),
            Shape::Klog => klog(c),
            Shape::TimeOfDay => time_of_day(c),
        }?;
        (c.is_at_end_of_word() && stamp.is_valid()).then_some(StampReading::Civil(stamp))
    }
}

/// Takes what may stand between a date and its time.
fn between(c: &mut Cursor<'_>) -> Option<()> {
    match c.peek()? {
        b'T' | b't' | b'_' | b'-' | b':' | b'/' => c.skip(1),
        b' ' | b'\t' | b',' | b']' | b'|' | b'"' | b';' => {
            let marks = c.rest().iter().take(4).take_while(|b| b" \t,][|-\";".contains(b)).count();
            c.skip(marks);
            c.take_text(b"time=");
            c.take_text(b"at ");
            c.take(b'"');
        }
        _ => return None,
    }
    // `22-Nov-2026::10:00:00` is Erlang's.
    c.take(b':');
    Some(())
}

fn with_time(c: &mut Cursor<'_>, year: Option<u32>, month: u32, day: u32) -> Option<Stamp> {
    between(c)?;
    clock::read(c).map(|time| Stamp::new(year, month, day, time))
}

fn year_month_day(c: &mut Cursor<'_>) -> Option<Stamp> {
    let year = c.digits(4)?;
    let separator = c.one_of(b"-/.:")?;
    let month = if separator == b':' { c.digits(2) } else { c.one_or_two().or_else(|| c.month()) }?;
    if !c.take(separator) {
        return None;
    }
    let day = c.one_or_two()?;
    with_time(c, Some(year), month, day)
}

fn basic(c: &mut Cursor<'_>) -> Option<Stamp> {
    let (year, month, day) = (c.digits(4)?, c.digits(2)?, c.digits(2)?);
    if !c.peek()?.is_ascii_digit() {
        between(c)?;
    }
    let time = if c.count_digits() > 2 { clock::read_basic(c)? } else { clock::read(c)? };
    Some(Stamp::new(Some(year), month, day, time))
}

fn short_basic(c: &mut Cursor<'_>) -> Option<Stamp> {
    let (year, month, day) = (c.digits(2)?, c.digits(2)?, c.digits(2)?);
    if c.spaces() == 0 && !c.take(b'T') && !c.take(b'-') && !c.take(b'_') {
        return None;
    }
    let time = if c.count_digits() == 6 { clock::read_basic(c)? } else { clock::read(c)? };
    Some(Stamp::new(Some(century(year)), month, day, time))
}

fn short(c: &mut Cursor<'_>, order: impl Fn([u32; 3]) -> (u32, u32, u32)) -> Option<Stamp> {
    let first = c.one_or_two()?;
    let separator = c.one_of(b"/-.")?;
    let second = c.one_or_two()?;
    if !c.take(separator) {
        return None;
    }
    let (year, month, day) = order([first, second, c.digits(2)?]);
    with_time(c, Some(century(year)), month, day)
}

/// Two digits of a year are of 1970 to 2069.
fn century(year: u32) -> u32 {
    if year < 70 { 2000 + year } else { 1900 + year }
}

fn year_last(c: &mut Cursor<'_>, is_day_first: bool) -> Option<Stamp> {
    let first = c.one_or_two()?;
    let separator = c.one_of(b"/-.")?;
    let second = c.one_or_two()?;
    if !c.take(separator) {
        return None;
    }
    let year = c.digits(4)?;
    let (month, day) = if is_day_first || separator == b'.' { (second, first) } else { (first, second) };
    with_time(c, Some(year), month, day)
}

fn weekday(c: &mut Cursor<'_>) {
    let mut ahead = *c;
    if ahead.weekday().is_some() {
        ahead.take(b',');
        ahead.take(b'.');
        if ahead.spaces() > 0 {
            *c = ahead;
        }
    }
}

fn day_name_year(c: &mut Cursor<'_>) -> Option<Stamp> {
    weekday(c);
    let day = c.one_or_two()?;
    // `22Nov2026`, `22. November`, `22 de noviembre de 2026`.
    let separator = c.one_of(b" -/.").unwrap_or(0);
    c.spaces();
    c.take_text(b"de ");
    let month = c.month()?;
    let mut ahead = *c;
    let is_apart = ahead.take(separator) || ahead.one_of(b" -/").is_some();
    ahead.take_text(b"de ");
    let year = if is_apart || separator == 0 {
        match ahead.count_digits() {
            4 => ahead.digits(4),
            2 if !matches!(separator, b' ' | b'.' | 0) => ahead.digits(2).map(century),
            _ => None,
        }
    } else {
        None
    };
    if year.is_some() {
        *c = ahead;
    }
    with_time(c, year, month, day)
}

fn name_day(c: &mut Cursor<'_>) -> Option<Stamp> {
    weekday(c);
    let month = c.month()?;
    if c.spaces() == 0 && c.one_of(b"-/").is_none() {
        return None;
    }
    let day = c.one_or_two()?;
    let mut ahead = *c;
    ahead.one_of(b",-/");
    ahead.spaces();
    // Four digits and no colon are a year.
    let year = if ahead.count_digits() == 4 { ahead.digits(4) } else { None };
    if year.is_some() {
        *c = ahead;
    }
    let mut stamp = with_time(c, year, month, day)?;
    if year.is_none() {
        // `Sun Nov 22 10:00:00 2026`; date(1) puts the zone before the year, which the clock has read.
        let mut ahead = *c;
        if ahead.spaces() > 0 && ahead.count_digits() == 4 {
            let year = ahead.digits(4).filter(|year| (1970..2200).contains(year));
            // A host's or process's number may come after a time without a year.
            if year.is_some() && matches!(ahead.peek(), None | Some(b']' | b' ' | b',' | b'"' | b':' | b')'))
            {
                stamp.year = year.map(|year| year as i16);
                *c = ahead;
            }
        }
    }
    Some(stamp)
}

fn month_day(c: &mut Cursor<'_>) -> Option<Stamp> {
    let month = c.digits(2)?;
    let separator = c.one_of(b"-./")?;
    let day = c.digits(2)?;
    let is_time_next =
        matches!(c.peek()?, b' ' | b'|' | b'T') || (separator == b'/' && c.peek() == Some(b'-'));
    if !is_time_next {
        return None;
    }
    with_time(c, None, month, day)
}

fn month_day_basic(c: &mut Cursor<'_>) -> Option<Stamp> {
    let (month, day) = (c.digits(2)?, c.digits(2)?);
    if !c.take(b'/') || c.count_digits() != 6 {
        return None;
    }
    clock::read_basic(c).map(|time| Stamp::new(None, month, day, time))
}

fn time_date(c: &mut Cursor<'_>) -> Option<Stamp> {
    let is_quoted = c.is_behind(b'"');
    let time = clock::read(c).filter(|time| time.has_seconds)?;
    let marks = c.rest().iter().take(4).take_while(|b| b" \t,\"|;-".contains(b)).count();
    c.skip(marks);
    if marks == 0 {
        return None;
    }
    c.take_text(b"date=");
    c.take(b'"');
    let first =
        c.digits(4).map_or_else(|| c.digits(2).map(|first| (first, false)), |year| Some((year, true)));
    let (first, is_year) = first?;
    let separator = c.one_of(b"-/.")?;
    let second = c.digits(2)?;
    if !c.take(separator) {
        return None;
    }
    let (year, month, day) = match (is_year, separator) {
        (true, _) => (first, second, c.digits(2)?),
        (false, b'-') => (c.digits(4)?, first, second),
        (false, _) if first > 12 || separator == b'.' => (c.digits(4)?, second, first),
        (false, _) => (c.digits(4)?, first, second),
    };
    let mut stamp = Stamp::new(Some(year), month, day, time);
    if let (StampZone::Offset(offset_s), true) = (stamp.zone, is_quoted) {
        // Configuration Manager writes what is to be added to get UTC.
        stamp.zone = StampZone::Offset(-offset_s);
    }
    Some(stamp)
}

fn klog(c: &mut Cursor<'_>) -> Option<Stamp> {
    c.one_of(b"IWEFD")?;
    let year = match c.count_digits() {
        8 => Some(c.digits(4)?),
        6 => Some(century(c.digits(2)?)),
        _ => None,
    };
    let (month, day) = (c.digits(2)?, c.digits(2)?);
    if c.spaces() == 0 {
        return None;
    }
    clock::read(c).map(|time| Stamp::new(year, month, day, time))
}

fn time_of_day(c: &mut Cursor<'_>) -> Option<Stamp> {
    let colon = c.rest().get(2).copied();
    let time = clock::read(c).filter(|time| colon == Some(b':') && time.has_seconds)?;
    Some(Stamp::of_time(time))
}

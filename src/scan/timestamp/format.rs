//! The formats that a configuration can name.

use std::str::FromStr;

use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;

use crate::scan::timestamp::calendar::{Stamp, StampReading};
use crate::scan::timestamp::epoch::Unit;
use crate::scan::timestamp::shape::Shape;
use crate::scan::timestamp::zones::StampZone;

/// How a file writes its times, where that is not to be found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeFormat(pub(super) FormatKind);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FormatKind {
    /// Lines are as old as their arrival.
    None,
    Shapes(&'static [Shape]),
    /// As in strptime(3), with jiff's directives.
    Strptime(Box<str>),
}

/// Why a format or a zone cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// No format is called so.
    #[error(
        "`{0}` is no time format; use one of {names} or a pattern such as \"%Y-%m-%d %H:%M:%S\"",
        names = names()
    )]
    Unknown(String),
    /// A pattern with a directive that is not known.
    #[error("the time format `{0}` cannot be used: {1}")]
    Pattern(String, String),
    /// A pattern that does not say when.
    #[error("the time format `{0}` says no time of day; add %H:%M:%S, %T or %s")]
    NoTime(String),
    /// No zone is called so.
    #[error(
        "`{0}` is no time zone; use \"local\", \"UTC\", an offset such as \"+02:00\" or a name such as \"Europe/Berlin\""
    )]
    Zone(String),
}

/// Names, the shapes that they stand for, most likely first.
const NAMED: &[(&str, &[Shape])] = &[
    ("rfc3339", &[Shape::YearMonthDay, Shape::Basic]),
    ("iso8601", &[Shape::YearMonthDay, Shape::Basic]),
    ("rfc2822", &[Shape::DayNameYear]),
    ("syslog", &[Shape::NameDay, Shape::YearMonthDay]),
    ("apache", &[Shape::DayNameYear, Shape::NameDay]),
    ("nginx", &[Shape::YearMonthDay, Shape::DayNameYear]),
    ("log4j", &[Shape::YearMonthDay]),
    ("python", &[Shape::YearMonthDay]),
    ("klog", &[Shape::Klog]),
    ("epoch", &[Shape::Epoch(None)]),
    ("epoch_s", &[Shape::Epoch(Some(Unit::Seconds))]),
    ("epoch_ms", &[Shape::Epoch(Some(Unit::Milliseconds))]),
    ("epoch_us", &[Shape::Epoch(Some(Unit::Microseconds))]),
    ("epoch_ns", &[Shape::Epoch(Some(Unit::Nanoseconds))]),
    ("ymd", &[Shape::YearMonthDay, Shape::Basic, Shape::ShortYearMonthDay, Shape::ShortBasic]),
    ("mdy", &[Shape::MonthDayYear, Shape::ShortMonthDayYear]),
    ("dmy", &[Shape::DayMonthYear, Shape::ShortDayMonthYear, Shape::DayNameYear]),
    ("time_of_day", &[Shape::TimeOfDay]),
];

fn names() -> String {
    let names: Vec<_> = NAMED.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    format!("{}, \"arrival\"", names.join(", "))
}

impl FromStr for TimeFormat {
    type Err = FormatError;

    /// A name, `arrival` for no format at all, or a pattern with per cent signs.
    fn from_str(text: &str) -> Result<TimeFormat, FormatError> {
        if text.contains('%') {
            return pattern(text);
        }
        if text == "arrival" {
            return Ok(TimeFormat(FormatKind::None));
        }
        let named = NAMED.iter().find(|(name, _)| *name == text);
        named
            .map(|(_, shapes)| TimeFormat(FormatKind::Shapes(shapes)))
            .ok_or_else(|| FormatError::Unknown(text.to_owned()))
    }
}

/// Writes a time with the pattern and reads it again: what is wrong with it shows here, not at the first line.
fn pattern(text: &str) -> Result<TimeFormat, FormatError> {
    let wrong = |e: jiff::Error| FormatError::Pattern(text.to_owned(), e.to_string());
    let sample =
        jiff::civil::date(2026, 11, 22).at(10, 1, 2, 345_000_000).to_zoned(TimeZone::UTC).map_err(wrong)?;
    let written = jiff::fmt::strtime::format(text, &sample).map_err(wrong)?;
    let read = BrokenDownTime::parse(text, &written).map_err(wrong)?;
    if broken_down(&read).is_none() {
        return Err(FormatError::NoTime(text.to_owned()));
    }
    Ok(TimeFormat(FormatKind::Strptime(text.into())))
}

/// Reads the time that begins at `at` with a pattern.
pub(super) fn read(pattern: &str, line: &[u8], at: usize) -> Option<StampReading> {
    let (time, _) = BrokenDownTime::parse_prefix(pattern, line.get(at..)?).ok()?;
    broken_down(&time)
}

fn broken_down(time: &BrokenDownTime) -> Option<StampReading> {
    if let Some(instant) = time.timestamp() {
        return Some(StampReading::At(instant.as_millisecond()));
    }
    let part = |part: Option<i8>| part.and_then(|part| u8::try_from(part).ok());
    let date = time.to_date().ok();
    let hour = u32::from(part(time.hour())?);
    let (minute, second) =
        (u32::from(part(time.minute()).unwrap_or(0)), u32::from(part(time.second()).unwrap_or(0)));
    let nanosecond = u32::try_from(time.subsec_nanosecond().unwrap_or(0)).ok()?;
    let stamp = Stamp {
        year: date.map(jiff::civil::Date::year),
        month: part(date.map_or(time.month(), |date| Some(date.month()))).unwrap_or(0),
        day: part(date.map_or(time.day(), |date| Some(date.day()))).unwrap_or(0),
        ms: (hour * 3_600 + minute * 60 + second) * 1_000 + nanosecond / 1_000_000,
        zone: time.offset().map_or(StampZone::Unsaid, |offset| StampZone::Offset(offset.seconds())),
    };
    stamp.is_valid().then_some(StampReading::Civil(stamp))
}

/// The zone that a configuration names: `local`, `UTC`, `+02:00` or `Europe/Berlin`.
///
/// # Errors
/// [`FormatError::Zone`].
pub fn zone(text: &str) -> Result<TimeZone, FormatError> {
    match text {
        "local" => return Ok(TimeZone::system()),
        "UTC" | "utc" | "Z" | "GMT" => return Ok(TimeZone::UTC),
        _ => {}
    }
    if text.starts_with(['+', '-']) {
        let read = BrokenDownTime::parse("%:z", text).or_else(|_| BrokenDownTime::parse("%z", text));
        let offset = read.ok().and_then(|time| time.offset());
        return offset.map(TimeZone::fixed).ok_or_else(|| FormatError::Zone(text.to_owned()));
    }
    TimeZone::get(text).map_err(|_| FormatError::Zone(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_patterns() {
        for (name, _) in NAMED {
            name.parse::<TimeFormat>().unwrap();
        }
        for pattern in ["%Y-%m-%d %H:%M:%S", "%d.%m.%y %T%.f", "%s", "%b %e %T", "%Y%m%d %I:%M %p", "%H:%M"] {
            assert!(pattern.parse::<TimeFormat>().is_ok(), "{pattern}");
        }
    }

    #[test]
    fn what_cannot_be_used_says_why() {
        let error = |text: &str| text.parse::<TimeFormat>().unwrap_err().to_string();
        assert!(error("rfc").contains("\"rfc3339\""), "{}", error("rfc"));
        assert!(error("%Y-%m-%d").contains("add %H:%M:%S"), "{}", error("%Y-%m-%d"));
        assert!(error("%Y %&").contains("cannot be used"), "{}", error("%Y %&"));
    }

    #[test]
    fn zones() {
        assert_eq!(zone("UTC").unwrap(), TimeZone::UTC);
        assert_eq!(zone("+02:00").unwrap(), TimeZone::fixed(jiff::tz::offset(2)));
        assert_eq!(zone("-0930").unwrap().to_fixed_offset().unwrap().seconds(), -34_200);
        assert!(zone("Europe/Berlin").is_ok() && zone("local").is_ok());
        assert_eq!(zone("Berlin/Europe"), Err(FormatError::Zone("Berlin/Europe".into())));
    }
}

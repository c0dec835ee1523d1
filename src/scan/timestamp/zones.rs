//! The zone that a stamp names: an offset, an abbreviation or a place.
//!
//! Many abbreviations mean several zones: `CST` is Chicago, Shanghai and Havana. Such a one means the zone of the settings or
//! of this machine if that uses it, else the one that writes most logs.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::scan::timestamp::cursor::Cursor;

/// The longest name of a zone, in bytes.
const NAME_BYTES_MAX: usize = 32;

/// The name of a zone, filled up with NULs.
type ZoneName = [u8; NAME_BYTES_MAX];

/// What a stamp says of its zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StampZone {
    /// Nothing.
    Unsaid,
    /// East of Greenwich, in seconds.
    Offset(i32),
    /// An abbreviation that may mean several zones, or a place such as `Europe/Berlin`.
    Name(ZoneName),
}

/// Takes a zone, if one is next: `Z`, `+01:00`, `-0500`, `+01`, `+060`, `UTC`, `CEST`, `Europe/Berlin`.
pub(super) fn read(c: &mut Cursor<'_>) -> StampZone {
    let mut ahead = *c;
    let is_apart = ahead.spaces() > 0;
    let zone = match ahead.peek() {
        Some(b'Z' | b'z') => {
            ahead.skip(1);
            Some(StampZone::Offset(0))
        }
        Some(b'+' | b'-') => offset(&mut ahead, is_apart).map(StampZone::Offset),
        Some(b'A'..=b'Z') => name(&mut ahead, is_apart),
        _ => None,
    };
    match zone.filter(|_| ahead.is_at_end_of_word()) {
        Some(zone) => {
            *c = ahead;
            zone
        }
        None => StampZone::Unsaid,
    }
}

fn offset(c: &mut Cursor<'_>, is_apart: bool) -> Option<i32> {
    let sign = if c.one_of(b"+-")? == b'-' { -1 } else { 1 };
    let digits = c.count_digits();
    if digits == 3 && !is_apart {
        // Db2 and WMI count minutes.
        let minutes = c.digits(3).filter(|minutes| *minutes <= 14 * 60 && minutes % 15 == 0)?;
        return Some(sign * minutes as i32 * 60);
    }
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

fn name(c: &mut Cursor<'_>, is_apart: bool) -> Option<StampZone> {
    let rest = c.rest();
    let letters = rest.iter().take(6).take_while(|b| b.is_ascii_uppercase()).count();
    let text = &rest[..letters];
    if let Some((minutes, is_clear)) = abbreviation(text) {
        c.skip(letters);
        return Some(if is_clear { StampZone::Offset(minutes * 60) } else { StampZone::Name(padded(text)?) });
    }
    let is_part = |b: &&u8| b.is_ascii_alphanumeric() || matches!(**b, b'/' | b'_' | b'-' | b'+');
    let length = rest.iter().take(NAME_BYTES_MAX + 1).take_while(is_part).count();
    let text = &rest[..length];
    let area = text.iter().position(|b| *b == b'/')?;
    if !is_apart || !AREAS.contains(&&text[..area]) || length > NAME_BYTES_MAX {
        return None;
    }
    c.skip(length);
    Some(StampZone::Name(padded(text)?))
}

/// What names of places begin with.
const AREAS: [&[u8]; 10] = [
    b"Africa",
    b"America",
    b"Antarctica",
    b"Asia",
    b"Atlantic",
    b"Australia",
    b"Etc",
    b"Europe",
    b"Indian",
    b"Pacific",
];

fn padded(text: &[u8]) -> Option<ZoneName> {
    let mut name = [0; NAME_BYTES_MAX];
    name.get_mut(..text.len())?.copy_from_slice(text);
    Some(name)
}

/// The minutes east of Greenwich that an abbreviation mostly means, and whether it always does.
fn abbreviation(text: &[u8]) -> Option<(i32, bool)> {
    Some(match text {
        b"UTC" | b"GMT" | b"UT" | b"WET" => (0, true),
        b"CET" | b"WEST" | b"MEZ" => (60, true),
        b"CEST" | b"EET" | b"MESZ" | b"SAST" => (120, true),
        b"EEST" | b"MSK" => (180, true),
        b"HKT" | b"SGT" | b"AWST" => (480, true),
        b"JST" | b"KST" => (540, true),
        b"ACST" => (570, true),
        b"AEST" => (600, true),
        b"ACDT" => (630, true),
        b"AEDT" => (660, true),
        b"NZST" => (720, true),
        b"NZDT" => (780, true),
        b"BST" => (60, false),
        b"IST" => (330, false),
        b"AST" | b"EDT" => (-240, false),
        b"ADT" => (-180, false),
        b"EST" | b"CDT" => (-300, false),
        b"CST" | b"MDT" => (-360, false),
        b"MST" | b"PDT" => (-420, false),
        b"PST" | b"AKDT" => (-480, false),
        b"AKST" => (-540, false),
        b"HST" => (-600, false),
        b"WIB" => (420, false),
        b"PKT" => (300, false),
        _ => return None,
    })
}

/// What names of zones mean; the last one is remembered.
#[derive(Debug, Clone, Default)]
pub(super) struct ZoneNames {
    last: Option<Box<(ZoneName, Meaning)>>,
}

#[derive(Debug, Clone)]
enum Meaning {
    Unknown,
    Offset(i32),
    Place(TimeZone),
}

impl ZoneNames {
    /// The offset that `name` means at a local time, in seconds; `own` is the zone of the settings.
    pub(super) fn offset_s(&mut self, own: &TimeZone, name: ZoneName, local_ms: i64) -> Option<i32> {
        if self.last.as_ref().is_none_or(|last| last.0 != name) {
            self.last = Some(Box::new((name, meaning(own, name, local_ms))));
        }
        match &self.last.as_ref()?.1 {
            Meaning::Unknown => None,
            Meaning::Offset(offset_s) => Some(*offset_s),
            Meaning::Place(zone) => {
                let civil = Timestamp::from_millisecond(local_ms).ok()?.to_zoned(TimeZone::UTC).datetime();
                Some(zone.to_zoned(civil).ok()?.offset().seconds())
            }
        }
    }
}

fn meaning(own: &TimeZone, name: ZoneName, local_ms: i64) -> Meaning {
    let length = name.iter().position(|b| *b == 0).unwrap_or(NAME_BYTES_MAX);
    let Ok(text) = std::str::from_utf8(&name[..length]) else { return Meaning::Unknown };
    if text.contains('/') {
        return TimeZone::get(text).map_or(Meaning::Unknown, Meaning::Place);
    }
    let Some((minutes, _)) = abbreviation(text.as_bytes()) else { return Meaning::Unknown };
    let Ok(near) = Timestamp::from_millisecond(local_ms) else { return Meaning::Unknown };
    let of_zone = |zone: &TimeZone| abbreviated(zone, text, near);
    let offset_s = of_zone(own).or_else(|| of_zone(&TimeZone::system()));
    Meaning::Offset(offset_s.unwrap_or(minutes * 60))
}

/// The offset at which `zone` goes by the abbreviation `text` within a year around `near`, in seconds.
fn abbreviated(zone: &TimeZone, text: &str, near: Timestamp) -> Option<i32> {
    let now = zone.to_offset_info(near);
    if now.abbreviation() == text {
        return Some(now.offset().seconds());
    }
    let of_change = |change: jiff::tz::TimeZoneTransition<'_>| {
        (change.abbreviation() == text).then(|| change.offset().seconds())
    };
    zone.following(near)
        .take(2)
        .find_map(of_change)
        .or_else(|| zone.preceding(near).take(2).find_map(of_change))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_abbreviation_means_the_zone_that_uses_it() {
        let summer: Timestamp = "2026-07-01T00:00:00Z".parse().unwrap();
        for (zone, text, hours) in [
            ("Asia/Shanghai", "CST", 8),
            ("America/Chicago", "CST", -6),
            ("America/Havana", "CST", -5),
            ("Asia/Manila", "PST", 8),
            ("Europe/Dublin", "IST", 1),
            ("Asia/Jerusalem", "IST", 2),
            ("America/Halifax", "AST", -4),
            ("Europe/London", "BST", 1),
        ] {
            let zone = TimeZone::get(zone).unwrap();
            assert_eq!(abbreviated(&zone, text, summer), Some(hours * 3_600), "{text}");
        }
        assert_eq!(abbreviated(&TimeZone::UTC, "CST", summer), None);
    }
}

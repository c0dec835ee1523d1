//! The members of JSON objects that hold times, and which of several does.

use crate::scan::json::{Members, Value};
use crate::scan::timestamp::calendar::StampReading;
use crate::scan::timestamp::format::FormatKind;
use crate::scan::timestamp::place::{Found, HEADER_BYTES_MAX, StampPlace, read_one};
use crate::scan::timestamp::shape::{OF_DIGITS, OF_LETTERS, Shape};

/// Names of members that hold times, the most specific first. Case does not matter.
const KEYS: [&[u8]; 55] = [
    b"@timestamp",
    b"timestamp",
    b"__realtime_timestamp",
    b"time",
    b"ts",
    b"@t",
    b"timeunixnano",
    b"time_unix_nano",
    b"timestampseconds",
    b"datetime",
    b"asctime",
    b"eventtime",
    b"event_time",
    b"timemillis",
    b"timestamp_ms",
    b"timestampms",
    b"time_local",
    b"time_iso8601",
    b"instant",
    b"logtime",
    b"log_time",
    b"log_timestamp",
    b"eventtimestamp",
    b"event_timestamp",
    b"unixtime",
    b"t",
    // From here on, others may come behind that are more specific.
    b"date",
    b"stagetimestamp",
    b"requestreceivedtimestamp",
    b"timecreated",
    b"timegenerated",
    b"observedtimestamp",
    b"observedtimeunixnano",
    b"observed_timestamp",
    b"_source_realtime_timestamp",
    b"receivetimestamp",
    b"edgestarttimestamp",
    b"published",
    b"creationtime",
    b"activitydatetime",
    b"start_time",
    b"starttime",
    b"startutc",
    b"lasttimestamp",
    b"@time",
    b"msec",
    b"when",
    b"created",
    b"created_at",
    b"createdat",
    b"createddatetime",
    b"generated_at",
    b"received_at",
    b"occurred_at",
    b"logged_at",
];
/// How many of them settle the search: none of those behind them is more specific than another.
const SETTLING: usize = 26;

/// Members whose time of day belongs to a date in another one, and those that hold the date.
const OF_DAY: [&[u8]; 4] = [b"time", b"log_time", b"event_time", b"timestamp"];
const DATES: [&[u8]; 5] = [b"date", b"log_date", b"event_date", b"datestamp", b"day"];
/// The longest date and time in two members, in bytes.
const JOINED_BYTES_MAX: usize = 80;

/// Whether `key` is a name of a member or a pair that holds a time.
pub(super) fn is_key(key: &[u8]) -> bool {
    KEYS.iter().any(|known| known.eq_ignore_ascii_case(key))
}

/// The object in `line`: the line itself, or what follows a prefix, such as that of Docker Compose.
pub(super) fn object(line: &[u8]) -> Option<usize> {
    let trimmed = line.len() - line.trim_ascii_start().len();
    if line.get(trimmed) == Some(&b'{') {
        return Some(trimmed);
    }
    let header = &line[..line.len().min(HEADER_BYTES_MAX)];
    memchr::memchr_iter(b'{', header).find(|brace| {
        let inner = line[brace + 1..].trim_ascii_start();
        inner.starts_with(b"\"")
            && matches!(line[brace - 1], b' ' | b'\t' | b':' | b'|' | b']' | b'=' | b'\'')
    })
}

/// Reads the time in the member `key` of `line`, as it was found before. `None` also if another member may be more specific
/// by now.
pub(super) fn at(
    line: &[u8],
    key: u8,
    shape: Option<Shape>,
    kind: Option<&FormatKind>,
) -> Option<StampReading> {
    let key = usize::from(key);
    let json = line.get(object(line)?..)?;
    if key >= SETTLING {
        let (found, reading) = best(json, kind)?;
        return (found == Found { place: StampPlace::Member(key as u8), shape }).then_some(reading);
    }
    let of_key = |(name, value): (&[u8], Value<'_>)| {
        name.eq_ignore_ascii_case(KEYS[key]).then(|| member(json, name, value, shape, kind))?
    };
    Members::new(json).find_map(of_key)
}

/// The text of the member `key` of `line`, if no other member may be more specific.
pub(super) fn text_of(line: &[u8], key: u8) -> Option<&[u8]> {
    let key = KEYS[..SETTLING].get(usize::from(key))?;
    let mut members = Members::new(line.get(object(line)?..)?);
    match members.find(|(name, _)| name.eq_ignore_ascii_case(key))? {
        (_, Value::Text(text)) => Some(text),
        _ => None,
    }
}

/// Reads the time that was found in two members before.
pub(super) fn at_two(line: &[u8], shape: Option<Shape>) -> Option<StampReading> {
    joined(line.get(object(line)?..)?).and_then(|joined| shape?.read(&joined, 0))
}

/// The most specific time in the members of the object that `json` begins with.
pub(super) fn best(json: &[u8], kind: Option<&FormatKind>) -> Option<(Found, StampReading)> {
    let mut best: Option<(usize, Option<Shape>, StampReading)> = None;
    for (name, value) in Members::new(json) {
        let Some(key) = KEYS.iter().position(|key| key.eq_ignore_ascii_case(name)) else { continue };
        if best.is_some_and(|(known, ..)| known <= key) {
            continue;
        }
        if let Some((shape, reading)) = any_shape(json, name, value, kind) {
            best = Some((key, shape, reading));
        }
    }
    let (key, shape, reading) = best?;
    if shape == Some(Shape::TimeOfDay)
        && let Some(text) = joined(json)
        && let Some(shape) = OF_DIGITS.iter().find(|shape| shape.read(&text, 0).is_some())
    {
        let reading = shape.read(&text, 0)?;
        return Some((Found { place: StampPlace::TwoMembers, shape: Some(*shape) }, reading));
    }
    Some((Found { place: StampPlace::Member(key as u8), shape }, reading))
}

/// Reads the member of `line` that `field` names, whose parts are separated by dots: a member of JSON, or a pair.
pub(super) fn named(line: &[u8], field: &str, kind: Option<&FormatKind>) -> Option<StampReading> {
    if let Some(found) = object(line).and_then(|at| in_object(&line[at..], field, kind)) {
        return Some(found);
    }
    let mut from = 0;
    while let Some(at) = memchr::memmem::find(&line[from..], field.as_bytes()).map(|at| from + at) {
        let (before, after) = (line[..at].last(), &line[at + field.len()..]);
        let is_key = before.is_none_or(|b| b.is_ascii_whitespace() || b",;|[({".contains(b));
        if let Some(value) = after.strip_prefix(b"=").filter(|_| is_key) {
            let value = value.strip_prefix(b"\"").unwrap_or(value);
            return any_shape(&[], field.as_bytes(), Value::Text(value), kind).map(|(_, reading)| reading);
        }
        from = at + field.len();
    }
    None
}

fn in_object(json: &[u8], field: &str, kind: Option<&FormatKind>) -> Option<StampReading> {
    let (first, rest) = field.split_once('.').unwrap_or((field, ""));
    Members::new(json).find_map(|(name, value)| {
        if name == field.as_bytes() {
            return any_shape(json, name, value, kind).map(|(_, reading)| reading);
        }
        match value {
            Value::Object(object) if name == first.as_bytes() && !rest.is_empty() => {
                in_object(object, rest, kind)
            }
            _ => None,
        }
    })
}

fn any_shape(
    json: &[u8],
    name: &[u8],
    value: Value<'_>,
    kind: Option<&FormatKind>,
) -> Option<(Option<Shape>, StampReading)> {
    let read = |shape| member(json, name, value, shape, kind).map(|reading| (shape, reading));
    match kind {
        Some(FormatKind::None) => None,
        Some(FormatKind::Strptime(_)) => read(None),
        Some(FormatKind::Shapes(shapes)) => shapes.iter().find_map(|shape| read(Some(*shape))),
        None => OF_DIGITS.iter().chain(OF_LETTERS).find_map(|shape| read(Some(*shape))),
    }
}

/// The time that a member holds: a text, a number, or the object that it is wrapped into.
fn member(
    json: &[u8],
    name: &[u8],
    value: Value<'_>,
    shape: Option<Shape>,
    kind: Option<&FormatKind>,
) -> Option<StampReading> {
    let is_number = kind.is_some() || matches!(shape, Some(Shape::Epoch(_)));
    match value {
        Value::Text(text) => read_one(text, 0, shape, kind),
        Value::Other(number) if is_number => {
            let reading = read_one(number, 0, shape, kind)?;
            let is_split = name.len() == 16 && name.eq_ignore_ascii_case(b"timestampseconds");
            Some(if is_split { with_nanoseconds(json, reading) } else { reading })
        }
        Value::Other(_) => None,
        Value::Object(object) => {
            let reading = Members::new(object).find_map(|(name, value)| match (name, value) {
                (
                    b"$date" | b"epochSecond" | b"$numberLong" | b"seconds" | b"sec" | b"secs" | b"unix",
                    Value::Text(text) | Value::Other(text),
                ) => read_one(text, 0, shape, kind),
                (b"$date", Value::Object(_)) => member(object, name, value, shape, kind),
                (b"@SystemTime" | b"SystemTime" | b"#text" | b"iso" | b"value", Value::Text(text)) => {
                    read_one(text, 0, shape, kind)
                }
                _ => None,
            })?;
            Some(with_nanoseconds(object, reading))
        }
    }
}

/// `reading` with the fraction of a second that another member of `object` holds, if one does.
fn with_nanoseconds(object: &[u8], reading: StampReading) -> StampReading {
    let StampReading::At(ms) = reading else { return reading };
    let nanoseconds = Members::new(object).find_map(|(name, value)| match (name, value) {
        (b"nanos" | b"nanoOfSecond" | b"nsec" | b"nanoseconds" | b"timestampNanos", Value::Other(text)) => {
            std::str::from_utf8(text).ok()?.parse::<u32>().ok()
        }
        _ => None,
    });
    let fraction_ms = nanoseconds.map_or(0, |ns| i64::from(ns / 1_000_000));
    if ms % 1_000 == 0 && fraction_ms < 1_000 { StampReading::At(ms + fraction_ms) } else { reading }
}

/// Date and time of two members, as one text.
fn joined(json: &[u8]) -> Option<Vec<u8>> {
    let text = |keys: &[&[u8]]| {
        Members::new(json).find_map(|(name, value)| match value {
            Value::Text(text) if keys.iter().any(|key| key.eq_ignore_ascii_case(name)) => Some(text),
            _ => None,
        })
    };
    let (date, time) = (text(&DATES)?, text(&OF_DAY)?);
    let is_short = date.len() + time.len() < JOINED_BYTES_MAX;
    is_short.then(|| [date, b" ", time].concat())
}

//! Where in a line its stamp stands, and in which shape.

use crate::scan::json::{Members, Value};
use crate::scan::timestamp::calendar::StampReading;
use crate::scan::timestamp::format;
use crate::scan::timestamp::format::FormatKind;
use crate::scan::timestamp::shape::{OF_DIGITS, OF_LETTERS, Shape};

/// How far into a line a stamp may begin, in bytes.
const HEADER_BYTES_MAX: usize = 256;
/// In front of how many words it may stand.
const WORDS_MAX: usize = 24;
/// In front of how many words one may stand that could also be something else.
const WEAK_WORDS_MAX: usize = 4;

/// The members of JSON objects that hold times.
const KEYS: [&[u8]; 20] = [
    b"@timestamp",
    b"timestamp",
    b"time",
    b"ts",
    b"@t",
    b"t",
    b"date",
    b"datetime",
    b"asctime",
    b"eventtime",
    b"event_time",
    b"timemillis",
    b"timestamp_ms",
    b"time_local",
    b"time_iso8601",
    b"__realtime_timestamp",
    b"start_time",
    b"instant",
    b"created",
    b"logtime",
];

/// Where a stamp stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StampPlace {
    /// At the beginning of this word, counted from 0.
    Word(u8),
    /// In this member of a JSON object, by its number in `KEYS`.
    Member(u8),
}

/// Where a stamp was found, and in which shape; `None` for one that a pattern describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) place: StampPlace,
    pub(super) shape: Option<Shape>,
}

/// Where a number stands that may be seconds since 1970 or not, and what it would be.
pub(super) type Doubt = (u8, i64);

/// Reads the stamp at a place where one was found before.
pub(super) fn at(line: &[u8], found: Found, kind: Option<&FormatKind>) -> Option<StampReading> {
    match found.place {
        StampPlace::Word(word) => {
            let start = WordStarts::new(line).nth(usize::from(word))?;
            read_one(line, start, found.shape, kind)
        }
        StampPlace::Member(key) => {
            let key = KEYS[usize::from(key)];
            let of_key = |(name, value): (&[u8], Value<'_>)| {
                name.eq_ignore_ascii_case(key).then(|| member(value, found.shape, kind))?
            };
            Members::new(line).find_map(of_key).map(|(_, reading)| reading)
        }
    }
}

fn read_one(
    line: &[u8],
    start: usize,
    shape: Option<Shape>,
    kind: Option<&FormatKind>,
) -> Option<StampReading> {
    match (shape, kind) {
        (Some(shape), _) => shape.read(line, start),
        (None, Some(FormatKind::Strptime(pattern))) => format::read(pattern, line, start),
        _ => None,
    }
}

/// Looks for a stamp anywhere in the header of `line`, with one of the shapes that `kind` allows. `choose` says which of
/// several shapes, that read the same bytes differently, is right.
pub(super) fn anywhere(
    line: &[u8],
    kind: Option<&FormatKind>,
    words_max: usize,
    choose: &mut dyn FnMut(Shape, usize) -> Shape,
) -> Option<(Found, usize)> {
    let trimmed = line.len() - line.trim_ascii_start().len();
    if line[trimmed..].starts_with(b"{")
        && let Some((key, shape)) = in_members(&line[trimmed..], kind)
    {
        return Some((Found { place: StampPlace::Member(key), shape }, 0));
    }
    for (word, start) in WordStarts::new(line).enumerate().take(words_max.min(WORDS_MAX)) {
        if let Some(shape) = shape_at(line, word, start, kind) {
            let shape = shape.map(|shape| if kind.is_none() { choose(shape, start) } else { shape });
            return Some((Found { place: StampPlace::Word(word as u8), shape }, start));
        }
    }
    None
}

/// The shape that fits at `start`: none, one, or the pattern's.
fn shape_at(line: &[u8], word: usize, start: usize, kind: Option<&FormatKind>) -> Option<Option<Shape>> {
    match kind {
        Some(FormatKind::None) => None,
        Some(FormatKind::Strptime(pattern)) => format::read(pattern, line, start).map(|_| None),
        Some(FormatKind::Shapes(shapes)) => {
            shapes.iter().find(|shape| shape.read(line, start).is_some()).map(|shape| Some(*shape))
        }
        None => {
            let shapes = if line[start].is_ascii_digit() { OF_DIGITS } else { OF_LETTERS };
            let fits =
                |shape: &&Shape| may_stand(**shape, line, word, start) && shape.read(line, start).is_some();
            shapes.iter().find(fits).map(|shape| Some(*shape))
        }
    }
}

/// Whether a shape is to be looked for at this word: those that other things look like only where times mostly are.
fn may_stand(shape: Shape, line: &[u8], word: usize, start: usize) -> bool {
    match shape {
        Shape::Epoch(_) => word <= 1 || has_time_key(&line[..start]),
        Shape::TimeOfDay => word == 0,
        Shape::ShortBasic | Shape::ShortYearMonthDay | Shape::MonthDay | Shape::Klog | Shape::Basic => {
            word < WEAK_WORDS_MAX
        }
        _ => true,
    }
}

/// Whether `before` ends with a key for a time and what stands between it and its value.
fn has_time_key(before: &[u8]) -> bool {
    let before = before.strip_suffix(b"\"").unwrap_or(before);
    let Some((mark, key)) = before.split_last() else { return false };
    let start = key
        .iter()
        .rposition(|b| !b.is_ascii_alphanumeric() && !matches!(b, b'_' | b'@'))
        .map_or(0, |at| at + 1);
    let key = &key[start..];
    match mark {
        b'=' => KEYS.iter().any(|known| known.eq_ignore_ascii_case(key)),
        // The kernel's audit.
        b'(' => key == b"audit",
        _ => false,
    }
}

fn in_members(json: &[u8], kind: Option<&FormatKind>) -> Option<(u8, Option<Shape>)> {
    Members::new(json).find_map(|(name, value)| {
        let key = KEYS.iter().position(|key| key.eq_ignore_ascii_case(name))?;
        let shapes: Vec<Option<Shape>> = match kind {
            Some(FormatKind::None) => return None,
            Some(FormatKind::Strptime(_)) => vec![None],
            Some(FormatKind::Shapes(shapes)) => shapes.iter().map(|shape| Some(*shape)).collect(),
            None => OF_DIGITS.iter().chain(OF_LETTERS).map(|shape| Some(*shape)).collect(),
        };
        let (shape, _) = shapes.into_iter().find_map(|shape| member(value, shape, kind))?;
        Some((key as u8, shape))
    })
}

/// The time that a member holds: a text, a number, or what MongoDB and Log4j wrap it into.
fn member(
    value: Value<'_>,
    shape: Option<Shape>,
    kind: Option<&FormatKind>,
) -> Option<(Option<Shape>, StampReading)> {
    match value {
        Value::Text(text) => read_one(text, 0, shape, kind).map(|reading| (shape, reading)),
        Value::Other(number) => {
            let is_number = kind.is_some() || matches!(shape, Some(Shape::Epoch(_)));
            is_number.then(|| read_one(number, 0, shape, kind).map(|reading| (shape, reading)))?
        }
        Value::Object(object) => Members::new(object).find_map(|(name, value)| match (name, value) {
            (b"$date" | b"epochSecond" | b"$numberLong", Value::Text(text) | Value::Other(text)) => {
                read_one(text, 0, shape, kind).map(|reading| (shape, reading))
            }
            (b"$date", Value::Object(_)) => member(value, shape, kind),
            _ => None,
        }),
    }
}

/// A number of ten digits somewhere among the first words.
pub(super) fn doubtful(line: &[u8]) -> Option<Doubt> {
    WordStarts::new(line).enumerate().take(WORDS_MAX).find_map(|(word, start)| {
        let is_apart = start == 0 || matches!(line[start - 1], b' ' | b'\t');
        let digits = line[start..].iter().take_while(|b| b.is_ascii_digit()).count();
        let ends = matches!(line.get(start + digits), Some(b' ' | b'\t'));
        if !is_apart || digits != 10 || !ends {
            return None;
        }
        match Shape::Epoch(None).read(line, start)? {
            StampReading::At(ms) => Some((word as u8, ms)),
            StampReading::Civil(_) => None,
        }
    })
}

/// The places in the header of a line at which words begin.
struct WordStarts<'a> {
    line: &'a [u8],
    at: usize,
}

impl<'a> WordStarts<'a> {
    fn new(line: &'a [u8]) -> WordStarts<'a> {
        let at = if line.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
        WordStarts { line: &line[..line.len().min(HEADER_BYTES_MAX + 64)], at }
    }
}

/// Whether a stamp may begin right behind this byte.
fn is_delimiter(byte: u8) -> bool {
    const MARKS: [bool; 256] = {
        let mut marks = [false; 256];
        let mut at = 0;
        while at <= b' ' as usize {
            marks[at] = true;
            at += 1;
        }
        let (bytes, mut at) = (b"[(\"'|<>{,;=#", 0);
        while at < bytes.len() {
            marks[bytes[at] as usize] = true;
            at += 1;
        }
        marks
    };
    MARKS[usize::from(byte)]
}

/// Whether a colour (`ESC [ 2 m`) ends right before `at`.
fn is_after_colour(line: &[u8], at: usize) -> bool {
    let digits = line[..at - 1].iter().rev().take(8);
    let mut before = digits.skip_while(|b| b.is_ascii_digit() || **b == b';');
    before.next() == Some(&b'[') && before.next() == Some(&b'\x1B')
}

impl Iterator for WordStarts<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let line = self.line;
        while let Some(byte) = line.get(self.at).filter(|_| self.at <= HEADER_BYTES_MAX) {
            let at = self.at;
            self.at += 1;
            if is_delimiter(*byte) {
                continue;
            }
            let is_start = match at.checked_sub(1).map(|before| line[before]) {
                None | Some(b'\xBF') => true,
                Some(b'm') => is_after_colour(line, at),
                Some(before) => is_delimiter(before),
            };
            if is_start {
                return Some(at);
            }
        }
        None
    }
}

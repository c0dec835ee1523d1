//! Where in a line its stamp stands, and in which shape.

use crate::scan::timestamp::calendar::StampReading;
use crate::scan::timestamp::format;
use crate::scan::timestamp::format::FormatKind;
use crate::scan::timestamp::members;
use crate::scan::timestamp::place::{Found, HEADER_BYTES_MAX, StampPlace, read_one};
use crate::scan::timestamp::shape::{OF_DIGITS, OF_LETTERS, Shape};

/// In front of how many words it may stand.
const WORDS_MAX: usize = 24;
/// In front of how many parts of words it may stand.
const PARTS_MAX: usize = 64;
/// Stands for the number of a word where a time is looked for within words.
const IN_PART: usize = usize::MAX;
/// In front of how many words one may stand that could also be something else.
const WEAK_WORDS_MAX: usize = 4;

/// Where a number stands that may be seconds since 1970 or not, and what it would be.
pub(super) type Doubt = (u8, i64);

/// Reads the stamp at a place where one was found before.
pub(super) fn at(line: &[u8], found: Found, kind: Option<&FormatKind>) -> Option<StampReading> {
    match found.place {
        StampPlace::Word(word) => {
            let start = WordStarts::new(line).nth(usize::from(word))?;
            read_one(line, start, found.shape, kind)
        }
        StampPlace::Part(part) => {
            let start = PartStarts::new(line).nth(usize::from(part))?;
            read_one(line, start, found.shape, kind)
        }
        StampPlace::Member(key) => members::at(line, key, found.shape, kind),
        StampPlace::TwoMembers => members::at_two(line, found.shape),
    }
}

/// The text that begins with the stamp that is `found` in a word or a member, in a shape whose parts have one order only.
pub(super) fn text(line: &[u8], found: Found) -> Option<(&[u8], Shape)> {
    match found {
        // The meaning of this shape depends on what stands before it.
        Found { shape: Some(Shape::TimeDate), .. } => None,
        Found { place: StampPlace::Word(word), shape: Some(shape) } if shape.siblings().is_empty() => {
            Some((&line[WordStarts::new(line).nth(usize::from(word))?..], shape))
        }
        Found { place: StampPlace::Member(key), shape: Some(shape) } if shape.siblings().is_empty() => {
            Some((members::text_of(line, key)?, shape))
        }
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
) -> Option<Found> {
    let object = members::object(line).filter(|at| line[*at..].starts_with(b"{"));
    let of_members = || members::best(&line[object?..], kind).map(|(found, _)| found);
    let is_whole = object.is_some_and(|at| line[..at].trim_ascii().is_empty());
    if is_whole && let Some(found) = of_members() {
        return Some(found);
    }
    let mut of_words = |to: usize| {
        let mut words = WordStarts::new(line).enumerate().take(words_max.min(WORDS_MAX));
        words.find_map(|(word, start)| {
            let shape = if start < to { shape_at(line, word, start, kind)? } else { return None };
            let shape = shape.map(|shape| if kind.is_none() { choose(shape, start) } else { shape });
            Some(Found { place: StampPlace::Word(word as u8), shape })
        })
    };
    if let Some(at) = object.filter(|_| !is_whole) {
        // A time before the object is that of the line.
        let found = of_words(at).or_else(of_members);
        if found.is_some() {
            return found;
        }
    }
    of_words(usize::MAX).or_else(|| if words_max == usize::MAX { in_parts(line, kind, choose) } else { None })
}

/// Looks for a date with a time behind any mark.
fn in_parts(
    line: &[u8],
    kind: Option<&FormatKind>,
    choose: &mut dyn FnMut(Shape, usize) -> Shape,
) -> Option<Found> {
    PartStarts::new(line).enumerate().take(PARTS_MAX).find_map(|(part, start)| {
        let shape = shape_at(line, IN_PART, start, kind)?;
        let shape = shape.map(|shape| if kind.is_none() { choose(shape, start) } else { shape });
        Some(Found { place: StampPlace::Part(part as u8), shape })
    })
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
        Shape::ShortBasic | Shape::ShortYearMonthDay | Shape::MonthDay | Shape::Klog => word < WEAK_WORDS_MAX,
        // `12:20261122:100000.123` is Zabbix's.
        Shape::Basic => word < WEAK_WORDS_MAX || word == IN_PART,
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
        b'=' => members::is_key(key),
        // The kernel's audit.
        b'(' => key == b"audit",
        _ => false,
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

/// The places in the header of a line at which a time may begin although they are within a word: digits enough for a date, or
/// a capital letter, behind a mark.
struct PartStarts<'a> {
    line: &'a [u8],
    at: usize,
}

impl<'a> PartStarts<'a> {
    fn new(line: &'a [u8]) -> PartStarts<'a> {
        PartStarts { line: &line[..line.len().min(HEADER_BYTES_MAX + 64)], at: 1 }
    }
}

impl Iterator for PartStarts<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let line = self.line;
        while let Some(byte) = line.get(self.at).filter(|_| self.at <= HEADER_BYTES_MAX) {
            let at = self.at;
            self.at += 1;
            let before = line[at - 1];
            if before.is_ascii_alphanumeric() || is_delimiter(before) || before >= 0x80 {
                continue;
            }
            let digits = line[at..].iter().take(4).take_while(|b| b.is_ascii_digit()).count();
            let is_day = (1..=2).contains(&digits)
                && line.get(at + digits).is_some_and(|b| matches!(b, b'/' | b'-' | b'.' | b' '));
            if digits == 4 || is_day || byte.is_ascii_uppercase() {
                return Some(at);
            }
        }
        None
    }
}

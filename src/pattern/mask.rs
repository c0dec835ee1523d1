//! Splits a message into words and what varies, in one pass by the classes of its bytes.
//!
//! What has a digit varies, and so do paths, addresses, hosts and dates. A rule that hides more than that merges what
//! belongs apart more often than it helps.

use std::ops::Range;

use crate::pattern::amounts::{is_amount, thousands, unit};
use crate::pattern::bytes::{
    BLANK, DIGIT, DOT, JOINT, LETTER, PATH_END, RUN, SLASH, class, class_at, end_of, is, next_of,
};
use crate::pattern::hosts::{is_dotted_name, is_host};
use crate::pattern::stamp::written_date;

/// Stands in a message for what a mask of the settings has found.
pub(super) const MASKED: u8 = 0x01;

/// What a piece of a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    Word,
    /// A word with the `=` that follows it.
    Key,
    Wild(Wild),
}

/// What varies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wild {
    Number,
    Address,
    Path,
    Url,
    Email,
    Host,
    Date,
    /// A word with a digit.
    Id,
    /// Anything else.
    Value,
}

impl Wild {
    /// How it is shown.
    pub(super) fn placeholder(self) -> &'static str {
        match self {
            Wild::Number => "<N>",
            Wild::Address => "<IP>",
            Wild::Path => "<PATH>",
            Wild::Url => "<URL>",
            Wild::Email => "<EMAIL>",
            Wild::Host => "<HOST>",
            Wild::Date => "<TIME>",
            Wild::Id => "<ID>",
            Wild::Value => "<*>",
        }
    }
}

/// Calls `put` with every word of `message` and everything in it that varies, in order.
pub(super) fn pieces(message: &[u8], put: &mut impl FnMut(Piece, Range<usize>)) {
    let (mut at, mut name_from) = (0, None);
    while at < message.len() {
        if class(message[at]) & RUN == 0 {
            if message[at] == MASKED {
                put(Piece::Wild(Wild::Value), at..at + 1);
            }
            at += 1;
            continue;
        }
        if name_from == Some(at)
            && let Some(end) = name(message, at)
        {
            put(Piece::Wild(Wild::Value), at..end);
            at = end;
            continue;
        }
        at = run(message, at, &mut |piece, range| {
            let names = piece == Piece::Word && range.start > 0 && names(&message[range.clone()]);
            name_from = (names && message.get(range.end) == Some(&b' ')).then_some(range.end + 1);
            put(piece, range);
        });
    }
}

/// Whether the name of a user or a host follows a word.
fn names(word: &[u8]) -> bool {
    matches!(word, b"user" | b"users" | b"username" | b"usr" | b"account" | b"host" | b"hostname")
}

/// Where the name ends that is the word at `start`.
fn name(message: &[u8], start: usize) -> Option<usize> {
    let end = end_of(message, start, LETTER | JOINT);
    let is_word =
        is(message[start], LETTER) && class_at(message, end) & RUN == 0 && message.get(end) != Some(&b'=');
    is_word.then_some(end)
}

/// Takes the run at `start`. Returns where it ends, with what belongs to it.
fn run(message: &[u8], start: usize, put: &mut impl FnMut(Piece, Range<usize>)) -> usize {
    let (mut end, mut seen) = (start, 0);
    while let Some(byte) = message.get(end) {
        let class = class(*byte);
        if class & RUN == 0 {
            break;
        }
        // A row of dots leads from a name to a value.
        if class & DOT != 0 && class_at(message, end + 1) & DOT != 0 {
            if end == start {
                return end_of(message, start, DOT);
            }
            break;
        }
        seen |= class;
        end += 1;
    }
    if seen & (LETTER | DIGIT) == 0 {
        return if seen & SLASH != 0 { path_from(message, start, end, put).unwrap_or(end) } else { end };
    }
    if let Some(end) = special(message, start, end, put) {
        return end;
    }
    if seen & SLASH != 0
        && let Some(end) = path(message, start, end, put)
    {
        return end;
    }
    if seen & DIGIT != 0 {
        return digits(message, start, end, seen, put);
    }
    if seen & DOT != 0 && is_host(&message[start..end]) {
        put(Piece::Wild(Wild::Host), start..end);
        return end;
    }
    words(message, start..end, put);
    end
}

/// URLs, e-mail addresses, dates, hardware and IPv6 addresses.
fn special(
    message: &[u8],
    start: usize,
    end: usize,
    put: &mut impl FnMut(Piece, Range<usize>),
) -> Option<usize> {
    let text = &message[start..end];
    if message.get(end) == Some(&b':') {
        if message[end..].starts_with(b"://") && text[0].is_ascii_alphabetic() {
            let end = end_of_url(message, end);
            put(Piece::Wild(Wild::Url), start..end);
            return Some(end);
        }
        if let Some(end) = hex_chain(message, start, end) {
            put(Piece::Wild(Wild::Address), start..end);
            return Some(end);
        }
    }
    if text.len() == 3
        && text[0].is_ascii_uppercase()
        && let Some(end) = written_date(message, start)
    {
        put(Piece::Wild(Wild::Date), start..end);
        return Some(end);
    }
    if is_email(text) {
        put(Piece::Wild(Wild::Email), start..end);
        return Some(end);
    }
    None
}

fn end_of_url(message: &[u8], at: usize) -> usize {
    let ends = |byte: &u8| {
        *byte <= b' ' || matches!(byte, b'"' | b'\'' | b'<' | b'>' | b')' | b']' | b'}' | b',' | b';')
    };
    message[at..].iter().position(ends).map_or(message.len(), |length| at + length)
}

fn is_email(text: &[u8]) -> bool {
    let Some(at) = memchr::memchr(b'@', text) else { return false };
    let host = &text[at + 1..];
    at > 0
        && is(text[at - 1], LETTER | DIGIT)
        && host.contains(&b'.')
        && host.iter().all(|b| is(*b, LETTER | DIGIT) || matches!(b, b'.' | b'-'))
}

/// `00:1b:63:84:45:e6` and longer chains, and IPv6.
fn hex_chain(message: &[u8], start: usize, first_end: usize) -> Option<usize> {
    let is_group = |group: &[u8]| group.len() <= 4 && group.iter().all(u8::is_ascii_hexdigit);
    if !is_group(&message[start..first_end]) {
        return None;
    }
    let (mut at, mut groups, mut is_short) = (first_end, 1, false);
    while message.get(at) == Some(&b':') {
        let end = at + 1 + message[at + 1..].iter().take(5).take_while(|b| b.is_ascii_hexdigit()).count();
        if !is_group(&message[at + 1..end]) || class_at(message, end) & LETTER != 0 {
            return None;
        }
        if end == at + 1 {
            if is_short || message.get(end) != Some(&b':') {
                break;
            }
            is_short = true;
        }
        groups += 1;
        at = end;
    }
    (groups >= 6 || is_short && groups >= 3).then_some(at)
}

/// A path at the beginning of the run, or a run that is one as a whole.
fn path(
    message: &[u8],
    start: usize,
    end: usize,
    put: &mut impl FnMut(Piece, Range<usize>),
) -> Option<usize> {
    if let Some(end) = path_from(message, start, end, put) {
        return Some(end);
    }
    let text = &message[start..end];
    if memchr::memmem::find(text, b"+0x").is_some() {
        return None;
    }
    // The whole run is one if it has two slashes, or one with a dot on either side.
    let slashes = text.iter().filter(|b| is(**b, SLASH)).count();
    let has_names = text.first().is_some_and(|b| is(*b, LETTER | DIGIT | JOINT));
    if has_names && (slashes >= 2 || text.contains(&b'.')) && !is(text[text.len() - 1], SLASH) {
        return Some(put_path(message, start, end, put));
    }
    None
}

fn path_from(
    message: &[u8],
    start: usize,
    end: usize,
    put: &mut impl FnMut(Piece, Range<usize>),
) -> Option<usize> {
    let text = &message[start..end];
    let is_path = match text {
        [b'/' | b'\\', next, ..] => !is(*next, BLANK),
        [b'/'] => class_at(message, end) & PATH_END == 0,
        [b'~' | b'.', b'/', ..] | [b'.', b'.', b'/', ..] => true,
        _ => false,
    };
    is_path.then(|| put_path(message, start, end, put))
}

fn put_path(message: &[u8], start: usize, from: usize, put: &mut impl FnMut(Piece, Range<usize>)) -> usize {
    let mut end = next_of(message, from, PATH_END);
    if message[start..end].contains(&b'?') {
        end = next_of(message, end, BLANK);
    }
    put(Piece::Wild(Wild::Path), start..end);
    end
}

/// A run with a digit.
fn digits(
    message: &[u8],
    start: usize,
    end: usize,
    seen: u8,
    put: &mut impl FnMut(Piece, Range<usize>),
) -> usize {
    let text = &message[start..end];
    // `name+0x1f/0x44`: the name counts.
    if let Some(plus) = memchr::memmem::find(text, b"+0x").filter(|plus| *plus > 0 && is(text[0], LETTER)) {
        words(message, start..start + plus, put);
        put(Piece::Wild(Wild::Number), start + plus..end);
        return end;
    }
    let numeric_end =
        text.iter().take_while(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'#')).count();
    if seen & LETTER != 0 || numeric_end < text.len() {
        let kind = if is_amount(text) { Wild::Number } else { Wild::Id };
        put(Piece::Wild(kind), start..end);
        return end;
    }
    if text.iter().filter(|b| **b == b'.').count() == 3 {
        put(Piece::Wild(Wild::Address), start..end);
        return end;
    }
    let end = thousands(message, end);
    let end = unit(message, end);
    put(Piece::Wild(Wild::Number), start..end);
    end
}

/// The words of a run without digits.
fn words(message: &[u8], run: Range<usize>, put: &mut impl FnMut(Piece, Range<usize>)) {
    let mut at = run.start;
    while at < run.end {
        let start = next_of(&message[..run.end], at, LETTER);
        if start == run.end {
            return;
        }
        let end = end_of(&message[..run.end], start, LETTER | JOINT);
        let text = &message[start..end];
        if text.contains(&b'.') && is_dotted_name(text) {
            put(Piece::Wild(Wild::Value), start..end);
        } else {
            put_word(message, start..end, end == run.end, put);
        }
        at = end;
    }
}

fn put_word(message: &[u8], word: Range<usize>, is_last: bool, put: &mut impl FnMut(Piece, Range<usize>)) {
    let trimmed = message[word.clone()].iter().rposition(|b| is(*b, LETTER)).map_or(0, |last| last + 1);
    let leading = message[word.clone()].iter().take_while(|b| !is(**b, LETTER)).count();
    if trimmed <= leading {
        return;
    }
    let text = word.start + leading..word.start + trimmed;
    if !(is_last && message.get(word.end) == Some(&b'=') && text.end == word.end) {
        put(Piece::Word, text);
        return;
    }
    put(Piece::Key, text.start..text.end + 1);
    let next = word.end + 1;
    if class_at(message, next) & BLANK != 0 || matches!(message[next], b',' | b';' | b')' | b']' | b'}') {
        // An empty value.
        put(Piece::Wild(Wild::Value), next..next);
    }
}

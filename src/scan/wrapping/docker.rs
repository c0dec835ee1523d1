//! An entry of Docker's `json-file` logs: an object whose first member is the text.

use super::stream::Stream;
use crate::scan::json;

/// How an entry begins.
pub(super) const BEGINNING: &[u8] = b"{\"log\":\"";
const STREAM: &[u8] = b"\"stream\":\"";
const TIME: &[u8] = b"\"time\":\"";
/// What stands for a code point that is none.
const REPLACEMENT: char = '\u{fffd}';

/// See the [module](self).
pub(super) struct Entry<'a> {
    /// Escaped.
    text: &'a [u8],
    /// The other members.
    rest: &'a [u8],
}

impl<'a> Entry<'a> {
    pub(super) fn parse(line: &'a [u8]) -> Option<Entry<'a>> {
        if !line.starts_with(BEGINNING) {
            return None;
        }
        let quote = BEGINNING.len() - 1;
        let (text, taken) = json::text(&line[quote..]);
        Some(Entry { text, rest: &line[quote + taken..] })
    }

    /// Whether it has a time, as every entry of Docker.
    pub(super) fn has_stamp(&self) -> bool {
        memchr::memmem::find(self.rest, TIME).is_some() && memchr::memmem::find(self.rest, STREAM).is_some()
    }

    pub(super) fn stream(&self) -> Stream {
        let name = memchr::memmem::find(self.rest, STREAM).map(|at| &self.rest[at + STREAM.len()..]);
        if name.is_some_and(|name| name.starts_with(b"stderr")) { Stream::Err } else { Stream::Out }
    }

    /// Whether the line goes on in another entry. What was cut does not.
    pub(super) fn is_piece(&self) -> bool {
        let Some(before) = self.text.strip_suffix(b"\\n") else { return !self.rest.is_empty() };
        // An escaped backslash before an `n`.
        before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
    }

    /// Appends the text without escapes and without its line feed; others become spaces, since an entry is one line.
    pub(super) fn unescape(&self, plain: &mut Vec<u8>) {
        let text =
            if self.is_piece() { self.text } else { self.text.strip_suffix(b"\\n").unwrap_or(self.text) };
        let mut at = 0;
        while at < text.len() {
            let escape = memchr::memchr(b'\\', &text[at..]).map_or(text.len(), |found| at + found);
            plain.extend_from_slice(&text[at..escape]);
            let Some(escaped) = text.get(escape + 1) else { return };
            at = escape + 2;
            match escaped {
                b'n' => plain.push(b' '),
                b'r' => plain.push(b'\r'),
                b't' => plain.push(b'\t'),
                b'b' => plain.push(8),
                b'f' => plain.push(12),
                b'u' => at = code_point(text, at, plain),
                other => plain.push(*other),
            }
        }
    }
}

/// Appends the code point whose digits are at `at`. Returns where what follows it begins.
fn code_point(text: &[u8], at: usize, plain: &mut Vec<u8>) -> usize {
    let unit = |at: usize| {
        let digits = std::str::from_utf8(text.get(at..at + 4)?).ok()?;
        u32::from_str_radix(digits, 16).ok()
    };
    let (mut code, mut end) = (unit(at), (at + 4).min(text.len()));
    if let Some(high @ 0xD800..0xDC00) = code
        && text.get(end..end + 2) == Some(b"\\u")
        && let Some(low @ 0xDC00..0xE000) = unit(end + 2)
    {
        code = Some(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00));
        end += 6;
    }
    let letter = code.and_then(char::from_u32).unwrap_or(REPLACEMENT);
    let letter = if letter == '\n' { ' ' } else { letter };
    plain.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
    end
}

/// The time in an entry, which is its last member.
pub(super) fn stamp(line: &[u8]) -> Option<&[u8]> {
    let at = memchr::memmem::rfind(line, TIME)? + TIME.len();
    let end = memchr::memchr(b'"', &line[at..])?;
    Some(&line[at..at + end])
}

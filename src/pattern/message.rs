//! The message of a line: what is left without wrappers (CRI, JSON, logfmt) and without the header.

use std::ops::Range;

use crate::pattern::bytes::{BLANK, end_of, next_of};
use crate::pattern::header;
use crate::pattern::stamp::stamp;
use crate::scan::json::{Members, Value, text};

/// How much of a message is looked at, in bytes.
pub(super) const MESSAGE_BYTES_MAX: usize = 2_048;
/// How deep a line may be wrapped.
const WRAPPERS_MAX: u32 = 3;
/// Names under which structured lines keep their message; the first of them counts.
const KEYS: [&[u8]; 8] = [b"msg", b"message", b"MESSAGE", b"log", b"short_message", b"@m", b"event", b"text"];

/// Finds the message of `line`. Escapes are undone in `plain`, which holds the message if `None` is returned.
pub(super) fn message<'a>(line: &'a [u8], plain: &mut Vec<u8>) -> Option<&'a [u8]> {
    let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
    plain.clear();
    let mut text = cri(line);
    for _ in 0..WRAPPERS_MAX {
        let cut = if text.starts_with(b"{\"") { 0 } else { header::cut(text).message };
        let rest = &text[cut..];
        let Some(inner) = inner(rest, cut) else { return Some(bounded(rest)) };
        if memchr::memchr(b'\\', bounded(inner)).is_some() {
            unescape(bounded(inner), plain);
            let start = header::cut(plain).message;
            plain.drain(..start);
            return None;
        }
        text = inner;
    }
    Some(bounded(&text[header::cut(text).message..]))
}

/// `text` up to the last blank within the bound, for part of a word is another word.
fn bounded(text: &[u8]) -> &[u8] {
    let Some(cut) = text.get(..MESSAGE_BYTES_MAX) else { return text };
    let blank = cut.iter().rposition(|byte| *byte == b' ').filter(|blank| *blank > 0);
    &cut[..blank.unwrap_or(MESSAGE_BYTES_MAX)]
}

/// What the program wrote, of a line of the container runtime interface: `STAMP stdout F text`.
fn cri(line: &[u8]) -> &[u8] {
    let stream = next_of(line, 0, BLANK) + 1;
    let Some(rest) = line.get(stream..) else { return line };
    let is_stream = rest.starts_with(b"stdout ") || rest.starts_with(b"stderr ");
    match rest.get(7..) {
        Some([b'F' | b'P', b' ', text @ ..]) if is_stream && stamp(line, 0).is_some() => text,
        _ => line,
    }
}

/// What the program wrote, of a line of a container runtime, with its escapes.
pub(super) fn written(line: &[u8]) -> &[u8] {
    if line.starts_with(b"{\"log\":\"") {
        return text(&line[b"{\"log\":".len()..]).0;
    }
    cri(line)
}

/// The message in the JSON object or the logfmt pairs that `text` begins with.
fn inner(text: &[u8], header_bytes: usize) -> Option<&[u8]> {
    if text.starts_with(b"{\"") {
        return of_members(text);
    }
    let key = text.iter().take_while(|b| is_key_byte(**b)).count();
    if key == 0 || text.get(key) != Some(&b'=') || header_bytes > 0 && !is_logfmt_key(&text[..key]) {
        return None;
    }
    of_pairs(text)
}

fn is_logfmt_key(key: &[u8]) -> bool {
    matches!(key, b"level" | b"lvl" | b"severity" | b"time" | b"ts" | b"t" | b"msg" | b"message")
}

fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'@')
}

fn of_members(json: &[u8]) -> Option<&[u8]> {
    let mut best: Option<(usize, &[u8])> = None;
    for (key, value) in Members::new(json) {
        let Value::Text(text) = value else { continue };
        keep_best(&mut best, key, text);
    }
    best.map(|(_, text)| text)
}

fn keep_best<'a>(best: &mut Option<(usize, &'a [u8])>, key: &[u8], text: &'a [u8]) {
    let rank = KEYS.iter().position(|known| *known == key);
    if let Some(rank) = rank.filter(|rank| best.is_none_or(|(best, _)| *rank < best)) {
        *best = Some((rank, text));
    }
}

/// The message among `key=value` pairs. Anything else than pairs ends them.
fn of_pairs(line: &[u8]) -> Option<&[u8]> {
    let (mut at, mut best) = (0, None);
    loop {
        at = end_of(line, at, BLANK);
        let key_end = at + line[at..].iter().take_while(|b| is_key_byte(**b)).count();
        if key_end == at || line.get(key_end) != Some(&b'=') {
            return best.map(|(_, text)| text);
        }
        let value = value(line, key_end + 1);
        keep_best(&mut best, &line[at..key_end], &line[value.0]);
        at = value.1;
    }
}

/// The value at `at` without its quotes, and where it ends.
fn value(line: &[u8], at: usize) -> (Range<usize>, usize) {
    if line.get(at) == Some(&b'"') {
        let (inner, taken) = text(&line[at..]);
        return (at + 1..at + 1 + inner.len(), at + taken);
    }
    let end = next_of(line, at.min(line.len()), BLANK);
    (at.min(line.len())..end, end)
}

/// Undoes the escapes of a quoted text up to the end of its first line.
fn unescape(text: &[u8], plain: &mut Vec<u8>) {
    let mut at = 0;
    while at < text.len() {
        let escape = memchr::memchr(b'\\', &text[at..]).map_or(text.len(), |escape| at + escape);
        plain.extend_from_slice(&text[at..escape]);
        match text.get(escape + 1) {
            Some(b'n' | b'r') if !plain.is_empty() => return,
            Some(b'n' | b'r' | b't') => plain.push(b' '),
            Some(b'u') => {
                let code =
                    text.get(escape + 2..escape + 6).and_then(|digits| std::str::from_utf8(digits).ok());
                let code = code.and_then(|digits| u32::from_str_radix(digits, 16).ok());
                let letter = code.and_then(char::from_u32).unwrap_or('\u{fffd}');
                let mut buffer = [0; 4];
                plain.extend_from_slice(letter.encode_utf8(&mut buffer).as_bytes());
                at = (escape + 6).min(text.len());
                continue;
            }
            Some(escaped) => plain.push(*escaped),
            None => return,
        }
        at = escape + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, wanted: &str) {
        let mut plain = Vec::new();
        let found = message(line.as_bytes(), &mut plain).map(<[u8]>::to_vec).unwrap_or(plain);
        assert_eq!(String::from_utf8(found).unwrap(), wanted, "{line}");
    }

    #[test]
    fn wrappers_are_taken_off() {
        check(r#"{"level":"error","msg":"cannot open \"x\"","n":1}"#, r#"cannot open "x""#);
        check(r#"{"log":"2024-05-01 10:00:00 ERROR [main] it broke\n","stream":"stderr"}"#, "it broke");
        check("2024-05-01T10:00:00.123456789Z stderr F {\"message\":\"it broke\"}", "it broke");
        check("2024-05-01T10:00:00.123456789Z stdout F E0501 10:00:00.000000 7 x.go:1] it broke", "it broke");
        check("time=2024-05-01T10:00:00Z level=error msg=\"it broke\" n=1", "it broke");
        check("level=error msg=broken n=1", "broken");
        check("2024-05-01 10:00:00 a=1 b=2", "a=1 b=2");
        check(r#"{"a":1}"#, r#"{"a":1}"#);
        check(r#"{"msg":"\u00e9 \\ \n"}"#, "é \\ ");
    }
}

//! What is grouped of a record of several lines: its first line, and what its stack trace says.

use crate::pattern::trace;

/// Stands between the first line and what the trace says.
const SEPARATOR: u8 = 0x1e;
/// The longest part of a first line that is kept before a trace, in bytes.
const FIRST_BYTES_MAX: usize = 6_144;
/// What a trace says is shorter than this, in bytes.
const TRACE_BYTES_MAX: usize = 256;

/// The text by which a record of one or more lines is grouped. It is in `joined` if the record has a stack trace.
#[must_use]
pub fn text_of_record<'a>(record: &'a [u8], joined: &'a mut Vec<u8>) -> &'a [u8] {
    let Some(end) = memchr::memchr(b'\n', record) else { return record };
    let first = record[..end].strip_suffix(b"\r").unwrap_or(&record[..end]);
    joined.clear();
    joined.extend_from_slice(&first[..first.len().min(FIRST_BYTES_MAX)]);
    joined.push(SEPARATOR);
    let begun = joined.len();
    trace::append(first, &record[end + 1..], joined);
    if joined.len() == begun { first } else { joined }
}

/// The line, and what [`text_of_record`] put behind it.
pub(super) fn parts(text: &[u8]) -> (&[u8], &[u8]) {
    let from = text.len().saturating_sub(TRACE_BYTES_MAX);
    match memchr::memrchr(SEPARATOR, &text[from..]) {
        Some(at) => (&text[..from + at], &text[from + at + 1..]),
        None => (text, b""),
    }
}

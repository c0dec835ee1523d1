//! Text from outside (log lines, names of files) made safe for terminals, logs and messages.

use std::borrow::Cow;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Longest sample in characters after escaping; what is beyond is cut and marked with `…`.
pub const SAMPLE_CHARS_MAX: usize = 500;

/// A line of a log as alerts show it: escaped, and cut to [`SAMPLE_CHARS_MAX`] characters.
#[must_use]
pub fn sample(bytes: &[u8]) -> String {
    // No character needs more than four bytes, so the rest of a long line need not be escaped.
    let seen = &bytes[..bytes.len().min(SAMPLE_CHARS_MAX * 4 + 4)];
    let escaped = escape(seen);
    let cut = escaped.char_indices().nth(SAMPLE_CHARS_MAX).map(|(at, _)| at);
    match cut {
        Some(at) => format!("{}…", &escaped[..at]),
        None if seen.len() < bytes.len() => format!("{escaped}…"),
        None => escaped,
    }
}

/// Turns arbitrary bytes into printable text: control characters and bytes that are not UTF-8 become `\xNN` (or
/// `\u{N}` for controls beyond ASCII and for characters that reorder text), a tab becomes `\t`.
///
/// What is escaped already stays as it is.
#[must_use]
pub fn escape(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\t' => out.push_str("\\t"),
                c if c.is_ascii_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
                c if c.is_control() || reorders_text(c) => {
                    out.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
                }
                c => out.push(c),
            }
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}

/// The same as [`escape`] for text; copies nothing if it is plain ASCII.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(escape(text.as_bytes()))
    }
}

/// The path as text, escaped.
#[must_use]
pub fn display_path(path: &Path) -> String {
    escape(path.as_os_str().as_bytes())
}

/// Bidirectional controls and line separators: invisible, yet they change how the rest of a line reads.
fn reorders_text(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_bytes_become_printable() {
        assert_eq!(escape(b"a\x1b[31mb\tc\r\xff\x00"), "a\\x1b[31mb\\tc\\x0d\\xff\\x00");
        assert_eq!(escape("x\u{202e}y\u{9b}z é".as_bytes()), "x\\u{202e}y\\u{9b}z é");
    }

    #[test]
    fn a_long_line_is_cut_and_marked() {
        let cut = sample(&vec![b'x'; 1 << 20]);
        assert_eq!(cut.chars().count(), SAMPLE_CHARS_MAX + 1);
        assert!(cut.ends_with('…'));
        assert_eq!(sample(b"short"), "short");
    }
}

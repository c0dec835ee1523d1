//! Text from outside (log lines, names of files) made safe for terminals, logs and messages.

mod unseen;

use std::borrow::Cow;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use unseen::is_seen;

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

/// Turns arbitrary bytes into printable text: a tab becomes `\t`, other ASCII controls and bytes that are not UTF-8 become `\xNN`,
/// and whatever else a reader does not see (controls, formats, separators of lines, tags, selectors of variants, private
/// characters) becomes `\u{N}`. Emoji stay as they are, joined ones too.
///
/// What is escaped already stays as it is.
#[must_use]
pub fn escape(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        let mut chars = chunk.valid().chars().peekable();
        let mut before = None;
        while let Some(c) = chars.next() {
            match c {
                c if is_seen(c, before, chars.peek().copied()) => out.push(c),
                '\t' => out.push_str("\\t"),
                c if c.is_ascii() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
                c => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            }
            before = Some(c);
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

/// The same as [`printable`] for text of several lines, which stay lines.
#[must_use]
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| (0x20..0x7f).contains(&byte) || byte == b'\n') {
        return Cow::Borrowed(text);
    }
    let lines: Vec<_> = text.split('\n').map(printable).collect();
    Cow::Owned(lines.join("\n"))
}

/// The path as text, escaped.
#[must_use]
pub fn display_path(path: &Path) -> String {
    escape(path.as_os_str().as_bytes())
}

/// Names of rules that are words for many, so that one line is `1 error`.
const PLURALS: [&str; 10] = [
    "alerts",
    "errors",
    "exceptions",
    "failures",
    "faults",
    "lines",
    "panics",
    "requests",
    "timeouts",
    "warnings",
];

/// So many lines of the rule `name`: `57 errors`, `1 error`.
#[must_use]
pub fn counted(count: u64, name: &str) -> String {
    let is_plural = count == 1 && PLURALS.iter().any(|plural| name.eq_ignore_ascii_case(plural));
    let name = if is_plural { &name[..name.len() - 1] } else { name };
    format!("{count} {}", printable(name))
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
    fn what_a_reader_does_not_see_is_escaped() {
        let ranges = [
            '\u{80}'..='\u{9f}',
            '\u{ad}'..='\u{ad}',
            '\u{600}'..='\u{605}',
            '\u{61c}'..='\u{61c}',
            '\u{200b}'..='\u{200f}',
            '\u{2028}'..='\u{202e}',
            '\u{2060}'..='\u{206f}',
            '\u{3164}'..='\u{3164}',
            '\u{e000}'..='\u{f8ff}',
            '\u{fe00}'..='\u{fe0f}',
            '\u{feff}'..='\u{feff}',
            '\u{fffe}'..='\u{ffff}',
            '\u{e0000}'..='\u{e01ef}',
            '\u{f0000}'..='\u{f0010}',
        ];
        for c in ranges.into_iter().flatten() {
            let text = format!("a{c}b");
            assert_eq!(escape(text.as_bytes()), format!("a\\u{{{:x}}}b", u32::from(c)));
            assert_eq!(printable(&text), escape(text.as_bytes()));
        }
    }

    #[test]
    fn letters_and_emoji_stay_as_they_are() {
        for text in [
            "é ß Ж 漢字 नमस्ते สวัสดี עברית عربى",
            "🔥 ⚠\u{fe0f} ❤\u{fe0f} 1\u{fe0f}\u{20e3} 👍🏽",
            "👩\u{200d}👩\u{200d}👧 🧑🏽\u{200d}💻 🏳\u{fe0f}\u{200d}🌈",
        ] {
            assert_eq!(escape(text.as_bytes()), text);
        }
        // But what belongs to no emoji does not stay.
        assert_eq!(
            escape("🔥\u{200d} 🔥\u{fe0f}\u{fe0f} 1\u{fe0f} \u{200d}🔥".as_bytes()),
            r"🔥\u{200d} 🔥\u{fe0f}\u{fe0f} 1\u{fe0f} \u{200d}🔥".replacen(r"\u{fe0f}", "\u{fe0f}", 1)
        );
        // The flag of Scotland is spelled in tags.
        assert_eq!(escape("🏴\u{e0067}\u{e007f}".as_bytes()), r"🏴\u{e0067}\u{e007f}");
    }

    proptest::proptest! {
        #[test]
        fn what_is_escaped_stays_as_it_is(bytes: Vec<u8>, text: String) {
            for once in [escape(&bytes), escape(text.as_bytes())] {
                proptest::prop_assert_eq!(escape(once.as_bytes()), once);
            }
        }
    }

    #[test]
    fn a_long_line_is_cut_and_marked() {
        let cut = sample(&vec![b'x'; 1 << 20]);
        assert_eq!(cut.chars().count(), SAMPLE_CHARS_MAX + 1);
        assert!(cut.ends_with('…'));
        assert_eq!(sample(b"short"), "short");
    }

    #[test]
    fn one_is_no_plural() {
        let texts = [counted(1, "errors"), counted(2, "errors"), counted(1, "dns"), counted(1, "Warnings")];
        assert_eq!(texts, ["1 error", "2 errors", "1 dns", "1 Warning"]);
    }
}

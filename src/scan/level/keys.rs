//! Whether a member of JSON holds a number that may be a severe level, without a look at the other members.

use crate::scan::level::name::Level;
use crate::scan::level::words::{self, Key};

/// The longest name of a member that is looked at, in bytes.
const NAME_BYTES_MAX: usize = 24;

/// How the names of members end whose numbers are levels, so that few texts need to be searched for.
#[rustfmt::skip]
pub(super) const TAILS: [&[u8]; 13] = [
    b"l", b"y", b"Y", b"lue", b"ber", b"lno", b"_no", b"-no", b".no", b"lNo", b"_No", b"-No", b".No",
];

/// Whether the name that ends before the quote at `quote`, which may be escaped, is one of a level, and its value a severe number.
pub(super) fn is_severe_number(bytes: &[u8], quote: usize, least: Level) -> bool {
    let quote = quote + usize::from(bytes.get(quote) == Some(&b'\\'));
    let value = bytes.get(quote + 1..).unwrap_or_default();
    let value = value.strip_prefix(b" ").unwrap_or(value);
    let Some(value) = value.strip_prefix(b":") else { return false };
    is_severe(value.strip_prefix(b" ").unwrap_or(value), &bytes[..quote], least)
}

/// Whether the quoted text that begins at `quote` is a severe number, and that of a level.
pub(super) fn is_severe_text(bytes: &[u8], quote: usize, least: Level) -> bool {
    let before = bytes[..quote].trim_ascii_end();
    let name = before.strip_suffix(b":").map(<[u8]>::trim_ascii_end);
    let name = name.and_then(|name| name.strip_suffix(b"\""));
    name.is_some_and(|name| is_severe(&bytes[quote + 1..], name, least))
}

/// Whether the number at the beginning of `bytes` is severe on some scale, and `before` ends with the name of a member for such
/// numbers.
fn is_severe(bytes: &[u8], before: &[u8], least: Level) -> bool {
    if !bytes.first().is_some_and(u8::is_ascii_digit) {
        return false;
    }
    let digits = bytes.iter().take(6).take_while(|b| b.is_ascii_digit());
    let number = digits.fold(0_u32, |number, digit| number * 10 + u32::from(digit & 15));
    let is_warning = || matches!(number, 30..=39 | 300..=399 | 30_000);
    match number {
        // Only OpenTelemetry has so many levels.
        5..=24 => key_of(before).is_some_and(|key| key.name == "severitynumber"),
        0..=4 | 40..=69 | 400..=800 | 40_000 | 50_000 => key_of(before).is_some(),
        _ => least <= Level::Warn && is_warning() && key_of(before).is_some(),
    }
}

/// The member for levels with whose name `bytes` end.
fn key_of(bytes: &[u8]) -> Option<Key> {
    let name = bytes.strip_suffix(b"\\").unwrap_or(bytes);
    let name = &name[name.len().saturating_sub(NAME_BYTES_MAX)..];
    let start = name.iter().rposition(|b| *b == b'"').map_or(0, |quote| quote + 1);
    words::key(&name[start..]).filter(|key| !key.is_for_words)
}

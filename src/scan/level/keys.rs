//! Whether a member of JSON holds a number that may be a severe level, without a look at the other members.

use crate::scan::level::name::Level;
use crate::scan::level::words;

/// The longest name of a member that is looked at, in bytes.
const NAME_BYTES_MAX: usize = 24;

/// Whether the name that ends before the quote at `quote` is one of a level, and its value a severe number.
pub(super) fn is_severe_number(bytes: &[u8], quote: usize, least: Level) -> bool {
    let value = bytes.get(quote + 1..).unwrap_or_default();
    let value = value.strip_prefix(b" ").unwrap_or(value);
    let Some(value) = value.strip_prefix(b":") else { return false };
    is_severe(value.strip_prefix(b" ").unwrap_or(value), least) && is_of_level(&bytes[..quote])
}

/// Whether the quoted text that begins at `quote` is a severe number, and that of a level.
pub(super) fn is_severe_text(bytes: &[u8], quote: usize, least: Level) -> bool {
    let before = bytes[..quote].trim_ascii_end();
    let name = before.strip_suffix(b":").map(<[u8]>::trim_ascii_end);
    let name = name.and_then(|name| name.strip_suffix(b"\""));
    is_severe(&bytes[quote + 1..], least) && name.is_some_and(is_of_level)
}

/// Whether `bytes` end with the name of a member for levels.
fn is_of_level(bytes: &[u8]) -> bool {
    let name = bytes.strip_suffix(b"\\").unwrap_or(bytes);
    let name = &name[name.len().saturating_sub(NAME_BYTES_MAX)..];
    let start = name.iter().rposition(|b| *b == b'"').map_or(0, |quote| quote + 1);
    words::key(&name[start..]).is_some_and(|key| !key.is_for_words)
}

/// Whether the number at the beginning of `bytes` is severe on some scale.
fn is_severe(bytes: &[u8], least: Level) -> bool {
    let digits = bytes.iter().take(6).take_while(|b| b.is_ascii_digit());
    let number = digits.fold(0_u32, |number, digit| number * 10 + u32::from(digit & 15));
    let is_warning = || matches!(number, 13..=16 | 30..=39 | 300..=399 | 30_000);
    matches!(number, 0..=4 | 17..=24 | 40..=69 | 400..=800 | 40_000 | 50_000)
        || (least <= Level::Warn && is_warning())
}

//! Values as people write them: durations, sizes, names, and what they may have meant. Pure.

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Span, SpanRelativeTo};
use reqwest::Url;

use super::error::quoted;

/// The longest name of a watch, rule, alert or output.
const NAME_CHARS_MAX: usize = 64;
/// How many known names a message lists.
const KNOWN_MAX: usize = 20;

/// A minute in milliseconds: the default of `window`, `keep_firing_for` and `cooldown` of alerts.
pub(super) const MINUTE_MS: i64 = 60_000;
/// A day in milliseconds: the longest time that most alerts look back or wait.
pub(super) const DAY_MS: i64 = 86_400_000;

const UNITS: [(&str, u64); 8] = [
    ("b", 1),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("", 1),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
];

/// Milliseconds of a duration such as `10s` or `1h30m`; the error says what would be right.
pub(super) fn parse_duration_ms(text: &str) -> Result<i64, String> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("it has no unit; write \"{text}s\" for seconds or \"{text}m\" for minutes"));
    }
    // As a span, so that a day may be written as `1d`; it then always has 24 hours.
    let duration = text
        .parse::<Span>()
        .and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()))
        .map_err(|_| EXPECTED_DURATION.to_owned())?;
    if duration.subsec_nanos() % 1_000_000 != 0 {
        return Err("the smallest step is one millisecond, \"1ms\"".to_owned());
    }
    i64::try_from(duration.as_millis()).map_err(|_| EXPECTED_DURATION.to_owned())
}

/// What a duration looks like.
pub(super) const EXPECTED_DURATION: &str = "write a duration such as \"250ms\", \"10s\", \"1m\" or \"1h30m\"";
/// What a size looks like.
pub(super) const EXPECTED_BYTES: &str = "write a size such as \"64KiB\", \"1MiB\", \"1MB\" or 65536 (bytes)";

/// The duration as it would be written.
pub(super) fn show_duration(ms: i64) -> String {
    format!("\"{:#}\"", SignedDuration::from_millis(ms))
}

/// Bytes of a size such as `1MiB`, `64 KiB`, `1MB` or `4096`; the error says what would be right.
pub(super) fn parse_bytes(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let unit = text[digits..].trim_start().to_ascii_lowercase();
    if let (1.., "k" | "m" | "g") = (digits, unit.as_str()) {
        let number = &text[..digits];
        let unit = unit.to_ascii_uppercase();
        return Err(format!("its unit is ambiguous; write \"{number}{unit}iB\" (or \"{number}{unit}B\")"));
    }
    let factor = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
    match (text[..digits].parse::<u64>(), factor) {
        (Ok(number), Some(factor)) => number.checked_mul(factor).ok_or_else(|| EXPECTED_BYTES.to_owned()),
        _ => Err(EXPECTED_BYTES.to_owned()),
    }
}

/// The size as it would be written, exactly.
pub(super) fn show_bytes(bytes: u64) -> String {
    let exact = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match exact.iter().find(|(_, factor)| bytes > 0 && bytes.is_multiple_of(*factor)) {
        Some((unit, factor)) => format!("{}{unit}", bytes / factor),
        None => bytes.to_string(),
    }
}

/// A URL of a server; the error says what would be right.
pub(super) fn check_url(text: &str) -> Result<Url, String> {
    let right = "write one such as \"https://hooks.example.org/x\"";
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(url),
        // `localhost:9093` is a URL of the kind `localhost` to the standard.
        _ if !text.contains("://") => {
            Err(format!("is {} without http:// or https:// before it; {right}", quoted(text)))
        }
        Ok(url) => Err(format!("is of the kind {}, not http or https; {right}", quoted(url.scheme()))),
        Err(error) => Err(format!("is no URL: {error}; {right}")),
    }
}

/// Whether `name` can be the name of a watch, rule, alert or output.
pub(super) fn is_name(name: &str) -> bool {
    (1..=NAME_CHARS_MAX).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

/// What may have been meant by `wanted`, and what is known, as the end of a message.
pub(super) fn hint<'a>(wanted: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let meant = suggest(wanted, known.clone());
    let meant = meant.map_or(String::new(), |name| format!("; did you mean `{name}`?"));
    let total = known.clone().count();
    if total == 0 {
        return meant;
    }
    let mut names: Vec<String> = known.take(KNOWN_MAX).map(|name| format!("`{name}`")).collect();
    if total > KNOWN_MAX {
        names.push(format!("and {} more", total - KNOWN_MAX));
    }
    format!("{meant} (known: {})", names.join(", "))
}

/// The known name that is nearest to `wanted`, if it is near enough to have been meant.
pub(super) fn suggest<'a>(wanted: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if wanted.is_empty() || wanted.len() > NAME_CHARS_MAX {
        return None;
    }
    let wanted = wanted.to_lowercase();
    known
        .map(|name| (strsim::damerau_levenshtein(&wanted, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= (name.chars().count() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// `text` as an absolute path; the error says what would be right.
pub(super) fn absolute(text: &str, folder: &Path) -> Result<PathBuf, String> {
    if text.is_empty() {
        return Err("it is empty; write a path".to_owned());
    }
    if text.contains('\0') {
        return Err("no path holds a NUL; write the path without it".to_owned());
    }
    if text == "~" || text.starts_with("~/") {
        return Err("`~` is a matter of the shell; write the absolute path".to_owned());
    }
    let path = Path::new(text);
    if !path.is_absolute() && !folder.is_absolute() {
        return Err("the working directory is unknown; write an absolute path".to_owned());
    }
    if path.is_absolute() { Ok(path.to_owned()) } else { Ok(folder.join(path)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, ms) in [
            ("10s", 10_000),
            ("1m", 60_000),
            ("1h30m", 5_400_000),
            ("1h 30m", 5_400_000),
            ("250ms", 250),
            ("1.5s", 1_500),
            ("1d", 86_400_000),
            ("2 minutes", 120_000),
            ("0s", 0),
            ("-5s", -5_000),
        ] {
            assert_eq!(parse_duration_ms(text), Ok(ms), "{text}");
        }
        for text in ["", "s", "10 parsecs", "1 month", "1h30", "ten seconds"] {
            assert_eq!(parse_duration_ms(text), Err(EXPECTED_DURATION.to_owned()), "{text}");
        }
        let no_unit = "it has no unit; write \"60s\" for seconds or \"60m\" for minutes";
        assert_eq!(parse_duration_ms("60"), Err(no_unit.to_owned()));
        assert_eq!(
            parse_duration_ms("10us"),
            Err("the smallest step is one millisecond, \"1ms\"".to_owned())
        );
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("0", 0),
            ("4096", 4096),
            ("64 KiB", 65536),
            ("1MiB", 1 << 20),
            ("1MB", 1_000_000),
            ("2gib", 2 << 30),
        ] {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
        }
        for text in ["", "MiB", "1.5MiB", "1 TB", "-1", "99999999999GiB", "1MiB5", "é"] {
            assert_eq!(parse_bytes(text), Err(EXPECTED_BYTES.to_owned()), "{text}");
        }
        let ambiguous = "its unit is ambiguous; write \"64KiB\" (or \"64KB\")";
        assert_eq!(parse_bytes("64k"), Err(ambiguous.to_owned()));
    }

    #[test]
    fn what_is_shown_can_be_written() {
        for bytes in [0, 1, 4096, 65536, 1 << 20, 3 << 30, 1_000_000] {
            assert_eq!(parse_bytes(&show_bytes(bytes)), Ok(bytes));
        }
        for ms in [0, 250, 1_000, 60_000, 86_400_000] {
            assert_eq!(parse_duration_ms(show_duration(ms).trim_matches('"')), Ok(ms));
        }
    }

    #[test]
    fn names_and_suggestions() {
        assert!(is_name("a.b_c-9") && is_name(&"x".repeat(64)));
        assert!(!is_name("") && !is_name("a b") && !is_name("ä") && !is_name(&"x".repeat(65)));
        let known = ["paths", "exclude", "rules"];
        assert_eq!(suggest("pathz", known.into_iter()), Some("paths"));
        assert_eq!(suggest("EXCLUDES", known.into_iter()), Some("exclude"));
        assert_eq!(suggest("colour", known.into_iter()), None);
        assert_eq!(
            hint("pathz", known.into_iter()),
            "; did you mean `paths`? (known: `paths`, `exclude`, `rules`)"
        );
        assert_eq!(hint("x", std::iter::empty()), "");
    }
}

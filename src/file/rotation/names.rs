//! The names that rotation gives to files. Pure.
//!
//! `app.log` becomes `app.log.1`, `app.log.2.gz`, `app.log-20261122`, `app.log.2026-11-22T10`, `app-20261122.log`,
//! `app.1.log` or `app.log.old`: the name, or its stem, followed by numbers, dates or a word for "old", and perhaps the
//! ending of a compressor.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// A file name as the text that the functions of this module take: each byte is a character, so that any name can be
/// turned back by [`name`].
#[must_use]
pub fn text(name: &OsStr) -> Cow<'_, str> {
    match name.to_str().filter(|text| text.is_ascii()) {
        Some(text) => Cow::Borrowed(text),
        None => Cow::Owned(name.as_bytes().iter().map(|byte| char::from(*byte)).collect()),
    }
}

/// The file name that [`text`] was made from.
#[must_use]
pub fn name(text: &str) -> OsString {
    OsString::from_vec(text.chars().map(|letter| letter as u8).collect())
}

/// Endings that compressors give.
const COMPRESSED: [&str; 7] = [".gz", ".zst", ".bz2", ".xz", ".lz4", ".Z", ".zip"];

/// Words that stand for "the one before".
const OLD: [&str; 6] = ["old", "prev", "previous", "last", "bak", "backup"];

/// The name without the ending of a compressor, if it has one.
#[must_use]
pub fn uncompressed(name: &str) -> Option<&str> {
    COMPRESSED.iter().find_map(|end| name.strip_suffix(end)).filter(|name| !name.is_empty())
}

/// The names that `name` may have had before it was rotated, the longest first; none if it does not look rotated.
#[must_use]
pub fn bases(name: &str) -> Vec<String> {
    let plain = uncompressed(name).unwrap_or(name);
    let mut bases: Vec<String> = cuts(plain).map(|cut| plain[..cut].to_owned()).collect();
    if let Some(dot) = plain.rfind('.')
        && !is_mark(&plain[dot..])
    {
        let (stem, end) = plain.split_at(dot);
        bases.extend(cuts(stem).map(|cut| format!("{}{end}", &stem[..cut])));
    }
    if plain != name {
        bases.push(plain.to_owned());
    }
    bases
}

/// Whether rotation kept the whole name `base` in `name`, as in `app.log.1`, other than in `app-1.log`.
#[must_use]
pub fn keeps_name(name: &str, base: &str) -> bool {
    name.starts_with(base)
}

/// Whether a date is a part of `name`, with or without separators.
#[must_use]
pub fn has_date(name: &str) -> bool {
    let parts = name.split(|letter: char| !letter.is_ascii_digit());
    parts
        .filter(|digits| digits.len() >= 4)
        .any(|digits| digits.starts_with("19") || digits.starts_with("20"))
}

/// Whether `name` is one that rotation gives to a file that was named `base`.
#[must_use]
pub fn is_rotated(base: &str, name: &str) -> bool {
    let stem = base.rsplit_once('.').map_or(base, |(stem, _)| stem);
    name.starts_with(stem) && bases(name).iter().any(|known| known == base)
}

/// Where `name` may be cut so that what follows is what rotation adds.
fn cuts(name: &str) -> impl Iterator<Item = usize> {
    let is_separator = |letter: char| matches!(letter, '.' | '-' | '_');
    name.rmatch_indices(is_separator).map(|(at, _)| at).filter(move |at| *at > 0 && is_mark(&name[*at..]))
}

/// Whether `text`, which begins with a separator, is made of numbers, dates and words for "old" alone.
fn is_mark(text: &str) -> bool {
    let mut parts = text[1..].split(['.', '-', '_', ':']);
    parts.all(|part| {
        let is_time = part.starts_with(|c: char| c.is_ascii_digit())
            && part.chars().all(|c| c.is_ascii_digit() || matches!(c, 'T' | 'Z' | '+'));
        is_time || OLD.contains(&part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotated_names_are_told_from_others() {
        for name in [
            "app.log.1",
            "app.log.12.gz",
            "app.log-20261122",
            "app.log.2026-11-22",
            "app.log.2026-11-22T10:15.zst",
            "app-20261122.log",
            "app.1.log",
            "app-2026-11-22-3.log.gz",
            "app.log.old",
            "app.log.1.old",
            "app.log.gz",
        ] {
            assert!(is_rotated("app.log", name), "{name}: {:?}", bases(name));
        }
        for name in
            ["app.log", "app.log.err", "app.log2", "app-errors.log", "web.log.1", "app.log.", "app.logs.1"]
        {
            assert!(!is_rotated("app.log", name), "{name}: {:?}", bases(name));
        }
        assert!(is_rotated("syslog", "syslog.1"));
        assert!(is_rotated("app", "app-20261122"));
    }
}

//! The names that rotation gives to files. Pure.
//!
//! `app.log` becomes `app.log.1`, `app.log.2.gz`, `app.log-20261122`, `app.log.2026-11-22T10`, `app-20261122.log`,
//! `app.1.log` or `app.log.old`: the name, or its stem, followed by numbers, dates or a word for "old", and perhaps the
//! ending of a compressor.

/// Endings that compressors give.
const COMPRESSED: [&str; 7] = [".gz", ".zst", ".bz2", ".xz", ".lz4", ".Z", ".zip"];

/// Words that stand for "the one before".
const OLD: [&str; 6] = ["old", "prev", "previous", "last", "bak", "backup"];

/// A number of at most so many digits counts rotations; a longer one is a date or a time.
const COUNTER_DIGITS: usize = 5;

/// Where a rotated file stands among others of its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rank {
    /// The so many-th rotation ago: the higher, the older.
    Ago(u32),
    /// The digits of a date or time: the greater, the newer.
    Dated(String),
    /// The name does not tell.
    Unknown,
}

impl Rank {
    /// Whether a file of this rank came later than one of rank `other`, if their names tell.
    #[must_use]
    pub fn is_newer_than(&self, other: &Rank) -> Option<bool> {
        match (self, other) {
            (Rank::Ago(this), Rank::Ago(other)) => Some(this < other),
            (Rank::Dated(this), Rank::Dated(other)) if this.len() == other.len() => Some(this > other),
            _ => None,
        }
    }
}

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

/// The rank of `name` among the rotated files of `base`; `None` if it is not one of them.
#[must_use]
pub fn rank(base: &str, name: &str) -> Option<Rank> {
    if !bases(name).iter().any(|known| known == base) {
        return None;
    }
    let plain = uncompressed(name).unwrap_or(name);
    let (stem, end) = base.rsplit_once('.').map_or((base, ""), |(stem, end)| (stem, end));
    let mark = plain.strip_prefix(base).or_else(|| {
        plain
            .strip_prefix(stem)
            .and_then(|rest| rest.strip_suffix(end))
            .and_then(|rest| rest.strip_suffix('.'))
    })?;
    let digits: String = mark.chars().filter(char::is_ascii_digit).collect();
    let is_counter = digits.len() <= COUNTER_DIGITS && mark.len() == digits.len() + 1;
    Some(match digits.parse() {
        Ok(number) if is_counter => Rank::Ago(number),
        _ if digits.len() > COUNTER_DIGITS => Rank::Dated(digits),
        _ => Rank::Unknown,
    })
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
            assert!(rank("app.log", name).is_some(), "{name}: {:?}", bases(name));
        }
        for name in
            ["app.log", "app.log.err", "app.log2", "app-errors.log", "web.log.1", "app.log.", "app.logs.1"]
        {
            assert!(rank("app.log", name).is_none(), "{name}: {:?}", bases(name));
        }
        assert!(rank("syslog", "syslog.1").is_some());
        assert!(rank("app", "app-20261122").is_some());
    }

    #[test]
    fn names_tell_which_came_later() {
        let rank = |name| rank("app.log", name).unwrap();
        assert_eq!(rank("app.log.1").is_newer_than(&rank("app.log.2.gz")), Some(true));
        assert_eq!(rank("app.log.10").is_newer_than(&rank("app.log.9")), Some(false));
        assert_eq!(rank("app.log-20261122").is_newer_than(&rank("app.log-20261121.gz")), Some(true));
        assert_eq!(rank("app-20261121.log").is_newer_than(&rank("app-20261122.log")), Some(false));
        assert_eq!(rank("app.log.old").is_newer_than(&rank("app.log.1")), None);
        assert_eq!(rank("app.log.2026-11-22.1"), Rank::Dated("202611221".to_owned()));
    }
}

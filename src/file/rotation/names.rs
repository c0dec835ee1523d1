//! The names that rotation gives to files. Pure.
//!
//! `app.log` becomes `app.log.1`, `app.log.2.gz`, `app.log-20261122`, `app.log.2026-11-22T10`, `app-20261122.log`,
//! `app20261122.log`, `app.1.log` or `app.log.old`: the name, or its stem, followed by numbers, dates or a word for "old", and
//! perhaps the ending of a compressor. svlogd and multilog name what was `current` by a label of TAI64.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use crate::scan::names as calendar;

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
const OLD: [&str; 14] = [
    "old", "prev", "previous", "last", "bak", "backup", "saved", "save", "sav", "orig", "archive",
    "archived", "rotated", "rotate",
];

/// What svlogd and multilog write to.
const CURRENT: &str = "current";

/// The name without the ending of a compressor, if it has one.
#[must_use]
pub fn uncompressed(name: &str) -> Option<&str> {
    COMPRESSED.iter().find_map(|end| name.strip_suffix(end)).filter(|name| !name.is_empty())
}

/// The names that `name` may have had before it was rotated, the longest first; none if it does not look rotated.
#[must_use]
pub fn bases(name: &str) -> Vec<String> {
    let plain = uncompressed(name).unwrap_or(name);
    if is_label(plain) {
        return vec![CURRENT.to_owned()];
    }
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
    (name.starts_with(stem) || base == CURRENT) && bases(name).iter().any(|known| known == base)
}

/// Whether a directory of this name is one that rotation makes for a month, a day or old files: `2026-11`, `11`, `old`.
#[must_use]
pub fn is_period(name: &str) -> bool {
    is_mark(name)
}

/// Where `name` may be cut so that what follows is what rotation adds, the last place first.
fn cuts(name: &str) -> impl Iterator<Item = usize> {
    let bytes = name.as_bytes();
    let begins = |at: &usize| is_separator(char::from(bytes[*at])) || is_glued_date(bytes, *at);
    (1..bytes.len())
        .rev()
        .filter(move |at| name.is_char_boundary(*at))
        .filter(begins)
        .filter(|at| is_mark(&name[*at..]))
}

fn is_separator(letter: char) -> bool {
    matches!(letter, '.' | '-' | '_')
}

/// Whether a date begins at `at` right behind a letter: `app20261122.log`, `log202611.txt`.
fn is_glued_date(name: &[u8], at: usize) -> bool {
    let digits = name[at..].iter().take_while(|b| b.is_ascii_digit()).count();
    let number = |from: usize| u32::from(name[at + from] - b'0') * 10 + u32::from(name[at + from + 1] - b'0');
    name[at - 1].is_ascii_alphabetic()
        && (digits == 6 || (8..=14).contains(&digits))
        && matches!(number(0), 19 | 20)
        && (1..=12).contains(&number(4))
        && (digits == 6 || (1..=31).contains(&number(6)))
}

/// Whether `text`, with a separator before it or not, is made of numbers, dates and words for "old" alone.
fn is_mark(text: &str) -> bool {
    let text = text.strip_prefix(is_separator).unwrap_or(text);
    let mut parts = text.split(['.', '-', '_', ':']).filter(|part| !part.is_empty());
    !text.is_empty() && !text.ends_with(['.', '-', '_', ':']) && parts.all(is_part)
}

fn is_part(part: &str) -> bool {
    let is_digit = |letter: char| letter.is_ascii_digit();
    let is_time =
        part.starts_with(is_digit) && part.chars().all(|c| is_digit(c) || matches!(c, 'T' | 'Z' | '+'));
    let week = part.strip_prefix(['W', 'w']).unwrap_or_default();
    let is_week = matches!(week.len(), 1 | 2) && week.chars().all(is_digit);
    is_time || is_week || OLD.contains(&part) || matches!(part, "AM" | "PM") || is_named_day(part)
}

/// `Mon`, `Nov`, `26Nov2026`: the name of a weekday or a month with numbers around it. In lower case it may be a word.
fn is_named_day(part: &str) -> bool {
    let name = part.trim_matches(|letter: char| letter.is_ascii_digit());
    let is_whole = |length: Option<usize>| length == Some(name.len());
    let (month, weekday) = (calendar::month(name.as_bytes()), calendar::weekday(name.as_bytes()));
    name.starts_with(|letter: char| letter.is_ascii_uppercase())
        && (is_whole(month.map(|(_, length)| length)) || (is_whole(weekday) && name.len() == part.len()))
}

/// `@4000000037c219bf2ef02e94.s`, as svlogd and multilog name a finished file.
fn is_label(name: &str) -> bool {
    let digits = name.strip_prefix("@4").and_then(|rest| rest.get(..23));
    digits.is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
        && matches!(&name[25..], "" | ".s" | ".u" | ".t")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names of rotated files: what they were named, what made them, and the name.
    const ROTATED: &[(&str, &str, &str)] = &[
        ("app.log", "logrotate", "app.log.1"),
        ("app.log", "logrotate", "app.log.12.gz"),
        ("app.log", "logrotate, dateext", "app.log-20261122"),
        ("app.log", "logrotate, dateext", "app.log-20261122.gz"),
        ("app.log", "logrotate, hourly", "app.log-2026112210"),
        ("app.log", "logrotate, dateformat -%Y%m%d-%s", "app.log-20261122-1795341600.gz"),
        ("app.log", "logrotate, dateformat .%Y-%m-%d", "app.log.2026-11-22"),
        ("app.log", "logrotate, dateformat %Y%m%d", "app.log20261122.gz"),
        ("app.log", "logrotate, extension", "app-20261122.log.gz"),
        ("app.log", "logrotate, extension", "app.1.log"),
        ("app.log", "logrotate, extension and dateformat %Y%m%d", "app20261126.log.gz"),
        ("syslog", "logrotate", "syslog.1"),
        ("app", "logrotate, dateext", "app-20261122"),
        ("app.log", "savelog", "app.log.0"),
        ("app.log", "savelog -d", "app.log.20261122034138"),
        ("app.log", "newsyslog", "app.log.0.bz2"),
        ("app.log", "newsyslog -t", "app.log.20261122T034138.xz"),
        ("app.log", "Log4j 1, daily", "app.log.2026-11-22"),
        ("app.log", "Log4j 1, hourly", "app.log.2026-11-22-10"),
        ("app.log", "Log4j 1, half-daily", "app.log.2026-11-22-AM"),
        ("app.log", "Log4j 2, weekly", "app.log.2026-W48.gz"),
        ("app.log", "Log4j 2", "app-11-22-2026-1.log.gz"),
        ("app.log", "Log4j 2", "app-2026-11-22-3.log.gz"),
        ("app.log", "Logback", "app.2026-11-22.log"),
        ("app.log", "Logback", "app.2026-11-22.0.log.gz"),
        ("app.log", "Logback", "app-2026-11-22_10-15.log.zip"),
        ("app.log", "Logback, weekly", "app.2026-48.log"),
        ("app.log", "java.util.logging", "app.log.1"),
        ("catalina.log", "Tomcat", "catalina.2026-11-22.log"),
        ("gc.log", "JVM", "gc.log.3"),
        ("app.log", "Python, TimedRotatingFileHandler", "app.log.2026-11-22_03-41-38"),
        ("app.log", "Python, hourly", "app.log.2026-11-22_03"),
        ("app.log", "Loguru", "app.2026-11-22_03-41-38_123456.log"),
        ("app.log", "Loguru, compressed", "app.2026-11-22_03-41-38_123456.log.gz"),
        ("app.log", "winston-daily-rotate-file", "app.log.2026-11-22.gz"),
        ("app.log", "winston-daily-rotate-file", "app-2026-11-22.log.gz"),
        ("out.log", "pm2-logrotate", "out__2026-11-26_03-41-38.log.gz"),
        ("out.log", "pm2-logrotate", "out__2026-11-26_03-41-38.log"),
        ("app-error-0.log", "pm2-logrotate", "app-error-0__2026-11-26_00-00-00.log.gz"),
        ("log.txt", "Serilog", "log20261122.txt"),
        ("log.txt", "Serilog, by size", "log20261122_001.txt"),
        ("log.txt", "Serilog, hourly", "log2026112210.txt"),
        ("log.txt", "Serilog, monthly", "log202611.txt"),
        ("log.txt", "Serilog", "log-20261122.txt"),
        ("app.log", "NLog", "app.2026-11-22.log"),
        ("app.log", "NLog", "app.0.log"),
        ("app.log", "log4net", "app.log20261122"),
        ("app.log", "log4net", "app.log.2"),
        ("app.log", "lumberjack", "app-2026-11-22T03-41-38.123.log.gz"),
        ("app.log", "file-rotatelogs", "app.log.202611220341"),
        ("access_log", "rotatelogs", "access_log.1795341600"),
        ("access.log", "cronolog", "access.2026.11.22.log"),
        ("access_log", "cronolog", "access_log.2026-11-22"),
        ("app.log", "Ruby", "app.log.20261122"),
        ("app.log", "Monolog", "app-2026-11-22.log"),
        ("0.log", "kubelet", "0.log.20261122-034138"),
        ("0.log", "kubelet", "0.log.20261122-034138.gz"),
        ("abc-json.log", "Docker", "abc-json.log.1.gz"),
        ("mongod.log", "MongoDB", "mongod.log.2026-11-22T03-41-38"),
        ("mysqld.log", "MySQL", "mysqld.log-old"),
        ("system.log", "Cassandra", "system.log.1.zip"),
        ("server.log", "Kafka", "server.log.2026-11-22-03"),
        ("alert_x.log", "by hand", "alert_x.log_20261122"),
        ("app.log", "by hand", "app.log.old"),
        ("app.log", "by hand", "app.log.1.old"),
        ("app.log", "by hand", "app.log.saved.gz"),
        ("app.log", "by hand", "app.log.bak"),
        ("app.log", "by hand", "app.log.26Nov2026"),
        ("app.log", "by hand", "app.log.Mon"),
        ("app.log", "by hand", "app.log.gz"),
        ("app.log", "by hand", "app.log.2026-11-22T10:15.zst"),
        ("current", "svlogd", "@4000000037c219bf2ef02e94.s"),
        ("current", "multilog", "@4000000037c219bf2ef02e94.u"),
    ];

    #[test]
    fn names_that_rotation_gives_are_known() {
        for (base, by, name) in ROTATED {
            assert!(is_rotated(base, name), "{by}: {base} -> {name}: {:?}", bases(name));
        }
    }

    #[test]
    fn other_names_are_not_taken_for_rotated_ones() {
        for name in [
            "app.log",
            "app.log.err",
            "app.log2",
            "app-errors.log",
            "web.log.1",
            "app.log.",
            "app.logs.1",
            "app1.log",
            "app12345678.log",
            "app20269922.log",
            "app-mon.log",
            "app.log.may",
            "app-W.log",
            "app__.log",
            "@4000.s",
            "app.log.x1",
        ] {
            assert!(!is_rotated("app.log", name), "{name}: {:?}", bases(name));
        }
        assert!(!is_rotated("current", "current.err"));
    }

    #[test]
    fn directories_of_a_period() {
        for name in ["2026-11", "2026", "11", "202611", "2026_11_22", "Nov", "old", "archive", "2026-W48"] {
            assert!(is_period(name), "{name}");
        }
        for name in ["nginx", "app-1", "journal", "", "mon"] {
            assert!(!is_period(name), "{name}");
        }
    }
}

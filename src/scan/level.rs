//! The level of a log line.
//!
//! A level is part of a line's *header*, not of its message: `INFO retry after ERROR` is no error. Where it stands depends
//! on the program, so [`level_of`] goes from what is certain to what is likely:
//!
//! 1. **By form.** A JSON object (`level`, `severity`, `lvl`, `log.level`, … of the outermost object, or of `log` in it;
//!    without one, what its `log`, `message` or `msg` says), a syslog priority `<N>`, and the initials of glog (`E1122 …`)
//!    and Android (`E/tag`).
//! 2. **By place.** Otherwise the header's words are gone through from the left, and the first that is a level counts:
//!    * a pair `level=error` (also `lvl`, `severity`, …), quoted or not;
//!    * an upper-case word (`ERROR`, `SEVERE`, `ERRO[0001]`, `ERROR/worker`);
//!    * a word (`error`, `Error`) that is alone in brackets (`[error]`, `[core:error]`, `|warn|`), is followed by a colon
//!      (`error: …`), stands between tabs, or comes right after the time;
//!    * a letter alone in brackets (`[E]`) or right after the time (`… 10:00:00.123 1702 2395 E tag:`).
//!
//!    The header ends after 256 bytes (1,024 for pairs), at a quoted text, at the third word of prose, or at the first one
//!    after a tag (`sshd[12]:`). Times, names of loggers and hosts, numbers and what is in brackets are no prose.
//!
//! A line without a level has none: `level_of` does not guess from its message.

mod header;
mod words;

use std::fmt;

use crate::scan::json::{Members, Value, unescaped};

/// How grave a line says it is. Ordered from the least to the gravest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Finer than debugging.
    Trace,
    /// For debugging.
    Debug,
    /// What happens ordinarily.
    Info,
    /// Ordinary, but worth a look.
    Notice,
    /// Something may go wrong.
    Warn,
    /// Something went wrong.
    Error,
    /// Worse than an error: critical, fatal, panic, alert, emergency.
    Critical,
}

impl Level {
    /// Every level, from the least.
    pub const ALL: [Level; 7] =
        [Level::Trace, Level::Debug, Level::Info, Level::Notice, Level::Warn, Level::Error, Level::Critical];

    /// The level of a name in a configuration, such as `error`, `Warning` or `fatal`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Level> {
        words::word(name.trim().as_bytes())
    }

    /// Its name in lower case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Level::Trace => "trace",
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Notice => "notice",
            Level::Warn => "warn",
            Level::Error => "error",
            Level::Critical => "critical",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How much of a text inside of JSON is looked at, in bytes.
const INNER_BYTES_MAX: usize = 1_024;

/// The level of `line`, which comes without its line feed, or `None` if it shows none. See the [module](self) for how it is
/// told.
///
/// ```
/// use spiketail::scan::level::{Level, level_of};
///
/// assert_eq!(level_of(br#"{"level":"error","msg":"disk full"}"#), Some(Level::Error));
/// assert_eq!(level_of(b"2026-11-22T10:00:00Z INFO retry after ERROR"), Some(Level::Info));
/// ```
#[must_use]
pub fn level_of(line: &[u8]) -> Option<Level> {
    level_within(line, Part::Line)
}

/// What a text is of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The line itself.
    Line,
    /// A whole line within JSON, as container runtimes write it.
    Inner,
    /// The message within JSON, which has no names of hosts or loggers before it.
    Message,
}

fn level_within(line: &[u8], part: Part) -> Option<Level> {
    let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line).trim_ascii_start();
    let is_message = part == Part::Message;
    if line.starts_with(b"{") {
        return of_json(line, part).or_else(|| header::level(line, is_message, None));
    }
    header::initials(line).or_else(|| header::level(line, is_message, Some(&|json| of_json(json, part))))
}

fn of_json(json: &[u8], part: Part) -> Option<Level> {
    let mut inner = None;
    let is_mongo = part == Part::Line && json.starts_with(b"{\"t\":");
    for (key, value) in Members::new(json) {
        let level = match value {
            Value::Text(text) | Value::Other(text) if words::is_key(key) => words::value(text),
            Value::Text([letter, ..]) if is_mongo && key == b"s" => words::letter(*letter),
            Value::Object(object) if key == b"log" => of_log_object(object),
            Value::Text(text) if part == Part::Line => {
                let part = match key {
                    b"log" => Some(Part::Inner),
                    b"message" | b"msg" => Some(Part::Message),
                    _ => None,
                };
                inner = inner.or(part.map(|part| (text, part)));
                None
            }
            _ => None,
        };
        if level.is_some() {
            return level;
        }
    }
    let (text, part) = inner?;
    if memchr::memchr(b'\\', &text[..text.len().min(INNER_BYTES_MAX)]).is_some() {
        return level_within(&unescaped(text, INNER_BYTES_MAX), part);
    }
    level_within(text, part)
}

fn of_log_object(object: &[u8]) -> Option<Level> {
    Members::new(object).find_map(|(key, value)| match value {
        Value::Text(text) | Value::Other(text) if words::is_key(key) => words::value(text),
        _ => None,
    })
}

/// A regular expression that is found in every line that [`level_of`] says is `level` or graver, and in some others. It
/// brings its own flags and asks for no line feed.
///
/// Up to [`Level::Notice`] that is the empty expression: most lines are candidates, and looking for them costs more than
/// judging them.
///
/// Every alternative begins with a few definite bytes, and up to [`Level::Error`] there are at most 64 such beginnings, so
/// that they can be looked for with SIMD (Teddy's bound).
#[must_use]
pub fn candidates(level: Level) -> String {
    let (stems, letters, numbers) = match level {
        Level::Critical => (CRITICAL.to_vec(), "EF", "[0-2](?:[^0-9]|$)|[5-6][0-9]"),
        Level::Error => ([CRITICAL, ERROR].concat(), "EF", "[0-3](?:[^0-9]|$)|4[0-9][0-9]|[5-6][0-9]"),
        Level::Warn => ([CRITICAL, ERROR, WARN].concat(), "EFW", "[0-4](?:[^0-9]|$)|3[0-9][0-9]|[4-6][0-9]"),
        _ => return String::new(),
    };
    let fail = if level <= Level::Error { "fail:|" } else { "" };
    let lower = letters.to_lowercase();
    let redis = if level == Level::Warn { "| # " } else { "" };
    let stems = in_usual_cases(&stems);
    let keys = in_usual_cases(&["level", "severity", "priority"]);
    // Inside of JSON, quotes and slashes may be escaped, and so may white space.
    let space = r"(?:[\x00-\x20]|\\[nrt])";
    // A letter after a time or in brackets; glog; Android.
    let lone = format!("(?: [{letters}] |\\[[{letters}][ \\]])|[{letters}][0-2][0-9]{{3}}|[{letters}]/");
    let value = format!("{numbers}|[{letters}{lower}](?:[^a-zA-Z]|$)");
    let keyed =
        format!(r#"(?:{keys}|lvl|@l)(?i:_?name|_?text|evel)?\\*"?{space}*[:=]{space}*\\*"?(?:{value})"#);
    let mongo = format!(r#""s"{space}*:{space}*"[{letters}]"#);
    format!("{stems}|{fail}<[0-9]{{1,3}}>|{lone}|{keyed}|{mongo}{redis}")
}

const CRITICAL: &[&str] = &["crit", "fata", "ftl", "pani", "alert", "emerg"];
const ERROR: &[&str] = &["err", "eror", "severe"];
const WARN: &[&str] = &["warn", "wrn"];

fn in_usual_cases(stems: &[&str]) -> String {
    let cases = |stem: &&str| {
        let (first, rest) = stem.split_at(1);
        format!("{stem}|{}|{}{rest}", stem.to_uppercase(), first.to_uppercase())
    };
    stems.iter().map(cases).collect::<Vec<_>>().join("|")
}

#[cfg(test)]
mod tests;

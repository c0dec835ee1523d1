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
mod marks;
mod name;
mod object;
mod translated;
mod words;

pub use name::Level;

use crate::scan::json::unescaped;

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
    let start = &line[..line.len().min(header::HEADER_BYTES_MAX)];
    if let Some(at) = memchr::memchr(b'\x1B', start) {
        let plain = without_colours(line, at);
        let plain = plain.trim_ascii_start();
        return marks::initials(plain)
            .or_else(|| header::level(plain, is_message, Some(&|json| of_json(json, part))));
    }
    marks::initials(line).or_else(|| header::level(line, is_message, Some(&|json| of_json(json, part))))
}

/// `line` without its escape sequences, of which the first is at `at`.
fn without_colours(line: &[u8], at: usize) -> Vec<u8> {
    let mut plain = line[..at].to_vec();
    let mut rest = &line[at..];
    while let Some(sequence) = rest.strip_prefix(b"\x1B") {
        let parameters = sequence.strip_prefix(b"[").unwrap_or_default();
        let end =
            parameters.iter().position(|b| (0x40..0x7F).contains(b)).map_or(sequence.len(), |end| end + 2);
        rest = &sequence[if sequence.starts_with(b"[") { end } else { 0 }..];
        let next = memchr::memchr(b'\x1B', rest).unwrap_or(rest.len());
        plain.extend_from_slice(&rest[..next]);
        rest = &rest[next..];
    }
    plain
}

fn of_json(json: &[u8], part: Part) -> Option<Level> {
    let (text, is_line) = match object::level(json) {
        object::Stated::Level(level) => return Some(level),
        object::Stated::Inner(inner) => inner.filter(|_| part == Part::Line)?,
    };
    let part = if is_line { Part::Inner } else { Part::Message };
    if memchr::memchr(b'\\', &text[..text.len().min(INNER_BYTES_MAX)]).is_some() {
        return level_within(&unescaped(text, INNER_BYTES_MAX), part);
    }
    level_within(text, part)
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
    let (stems, letters, number) = match level {
        Level::Critical => ([CRITICAL, &["致命"]].concat(), "EF", "0-2"),
        Level::Error => ([CRITICAL, ERROR].concat(), "EF", "0-3"),
        Level::Warn => ([CRITICAL, ERROR, WARN].concat(), "EFW", "0-4"),
        _ => return String::new(),
    };
    let stems = stems.join("|");
    let lower = letters.to_lowercase();
    let redis = if level == Level::Warn { "| # " } else { "" };
    // Inside of JSON, quotes and slashes may be escaped, and so may white space.
    let space = r"(?:[\x00-\x20]|\\[nrt])";
    let warnings = if level == Level::Warn { r"|W!|\(WW\)|W: |W (?:\[|2)" } else { "" };
    // A letter after a time or in brackets; glog; Android; Telegraf; X.Org; apt; CUPS.
    let lone = format!(
        r"(?: [{letters}] |\[[{letters}](?:[\x00-\x20]|\]))|[{letters}][0-2][0-9]{{3}}|[{letters}]/|E!|\(EE\)|E: |E (?:\[|2){warnings}"
    );
    let device = format!(r"-[{number}]-(?:[A-Z]|[0-9]{{3}})|%%[A-Z0-9]");
    let value = format!("[0-9]{{1,5}}(?:[^0-9]|$)|[{letters}{lower}](?:[^a-zA-Z]|$)");
    let keyed = format!(
        r#"(?:evel|EVEL|severity|SEVERITY|RIORITY)(?i:[_.-]*(?:name|text|no|number|value))?\\*"?{space}*[:=]{space}*\\*"?(?:{value})"#
    );
    let mongo = format!(r#""s"{space}*:{space}*"[{letters}]"#);
    format!("{stems}|<[0-9]{{1,3}}>|{lone}|{device}|{keyed}|{mongo}|\x1B\\[{redis}")
}

/// Stems of the names of levels in the cases in which they are known, as few and as rare as can be.
const CRITICAL: &[&str] = &[
    "crit", "CRIT", "Crit", "fata", "FATA", "Fata", "FTL", "anic", "PANI", "lert", "ALERT", "emerg", "EMERG",
];
const ERROR: &[&str] = &[
    "err",
    "ERR",
    "Err",
    "eror",
    "severe",
    "SEVERE",
    "fail:",
    "FEHLER",
    "GRAVE",
    "SCHWERW",
    "ОШИБ",
    "错误",
    "严重",
    "エラー",
];
const WARN: &[&str] = &[
    "warn",
    "WARN",
    "Warn",
    "wrn",
    "WRN",
    "Wrn",
    "WARNUNG",
    "AVERTISS",
    "ATTEN",
    "ADVERT",
    "AVISO",
    "AVVERT",
    "ПРЕДУПР",
    "警告",
];

#[cfg(test)]
mod tests;

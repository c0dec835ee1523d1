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

pub(super) mod candidates;
mod colours;
mod header;
mod keys;
mod marks;
mod name;
mod object;
mod places;
mod search;
mod texts;
mod translated;
mod words;

pub use name::Level;
pub use texts::TEXT_BYTES_MIN;

use crate::scan::json::unescaped;

/// How much of a text inside of JSON is looked at, in bytes.
const INNER_BYTES_MAX: usize = 1_024;

/// The level of `line`, which comes without its line feed, or `None` if it shows none. See the [module](self) for how it is
/// found.
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
    let line = without_spaces(line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line));
    let is_message = part == Part::Message;
    if line.starts_with(b"{") {
        return of_json(line, part).or_else(|| header::level(line, is_message, None));
    }
    if colours::are_in(&line[..line.len().min(header::HEADER_BYTES_MAX)]) {
        let plain = colours::without(line);
        let plain = without_spaces(&plain);
        return marks::initials(plain)
            .or_else(|| header::level(plain, is_message, Some(&|json| of_json(json, part))));
    }
    marks::initials(line).or_else(|| header::level(line, is_message, Some(&|json| of_json(json, part))))
}

fn of_json(json: &[u8], part: Part) -> Option<Level> {
    let (text, is_line) = match object::level(json, part == Part::Line) {
        object::Stated::Level(level) => return Some(level),
        object::Stated::Inner(inner) => inner.filter(|_| part == Part::Line)?,
    };
    let part = if is_line { Part::Inner } else { Part::Message };
    if memchr::memchr(b'\\', &text[..text.len().min(INNER_BYTES_MAX)]).is_some() {
        let plain = unescaped(text, INNER_BYTES_MAX);
        if text.len() <= INNER_BYTES_MAX {
            return level_within(&plain, part);
        }
        // What is cut may read like something else.
        let end = plain.iter().rposition(|b| matches!(b, b' ' | b',')).unwrap_or_default();
        return level_within(&plain[..end], part);
    }
    level_within(text, part)
}

fn without_spaces(line: &[u8]) -> &[u8] {
    &line[line.iter().take_while(|b| **b == b' ').count()..]
}

#[cfg(test)]
mod tests;

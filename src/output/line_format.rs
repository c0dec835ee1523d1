//! What an output's lines look like: one trait, which [`json`](super::json) and [`console`](super::console) implement.

use std::borrow::Cow;

use jiff::Timestamp;
use tracing::Level;

use crate::alert::samples::escape;
use crate::event::Event;

/// Turns an event into text. Pure: the time is an argument, and nothing is written or logged.
pub trait LineFormat: Send + Sync {
    /// One or more whole lines, each ended by a newline.
    fn text(&self, record: &Event, level: Level, now: Timestamp) -> String;
}

/// `text` without anything that could steer a terminal or break a line.
///
/// The engine escapes what comes from logs already; this is the last gate, and costs nothing for plain text.
/// What was escaped once is not changed again.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(escape(text.as_bytes()))
    }
}

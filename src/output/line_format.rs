//! What an output's lines look like: one trait, which [`json`](super::json) and [`console`](super::console) implement.

use jiff::Timestamp;
use tracing::Level;

use crate::event::Event;

/// Turns an event into text. Pure: the time is an argument, and nothing is written or logged.
pub trait LineFormat: Send + Sync {
    /// One or more whole lines, each ended by a newline.
    fn text(&self, record: &Event, level: Level, now: Timestamp) -> String;
}

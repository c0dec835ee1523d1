//! How an output encodes an event: one trait, which [`json`](super::json), [`console`](super::console) and
//! [`journald`](super::journald) implement.

use jiff::Timestamp;
use tracing::Level;

use crate::event::Event;

/// Encodes an event. Pure: the time is an argument, and nothing is written or logged.
pub trait LineFormat: Send + Sync {
    /// One or more whole lines, each ended by a newline, or one datagram; nothing if the event is not shown in this form.
    fn encode(&self, event: &Event, level: Level, now: Timestamp) -> Vec<u8>;
}

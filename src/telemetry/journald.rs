//! Events for the systemd journal: one datagram each in the journal's native protocol, with fields of our own.
//!
//! The protocol is that of <https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>: a field is `KEY=value` and a line feed, or, where the value
//! holds a line feed, `KEY`, a line feed, the length as 64 bits (least first), the value and a line feed.

use jiff::Timestamp;
use tracing::Level;

use super::console::Console;
use super::events::{AlertEvent, AlertState, CountEvent, FileChange, FileEvent, HealthEvent, Record, display_path};
use super::form::{Form, printable};

/// The messages of each kind have one id, so that `journalctl MESSAGE_ID=…` finds them.
pub mod message_id {
    /// Matching lines were counted.
    pub const COUNT: &str = "8c1d3bb3c7f64d0e9a2f5b1e6d7a4c01";
    /// An alert fired.
    pub const FIRING: &str = "8c1d3bb3c7f64d0e9a2f5b1e6d7a4c02";
    /// An alert resolved.
    pub const RESOLVED: &str = "8c1d3bb3c7f64d0e9a2f5b1e6d7a4c03";
    /// Something happened to a file.
    pub const FILE: &str = "8c1d3bb3c7f64d0e9a2f5b1e6d7a4c04";
    /// Something about the daemon itself.
    pub const HEALTH: &str = "8c1d3bb3c7f64d0e9a2f5b1e6d7a4c05";
}

/// Makes datagrams of events.
#[derive(Debug, Clone)]
pub struct Journald {
    console: Console,
}

impl Default for Journald {
    fn default() -> Journald {
        Journald { console: Console::new(false) }
    }
}

/// A datagram that is being made.
struct Fields(Vec<u8>);

impl Fields {
    fn put(&mut self, key: &str, value: impl AsRef<str>) {
        let value = value.as_ref().as_bytes();
        self.0.extend_from_slice(key.as_bytes());
        if value.contains(&b'\n') {
            self.0.push(b'\n');
            self.0.extend_from_slice(&(value.len() as u64).to_le_bytes());
        } else {
            self.0.push(b'=');
        }
        self.0.extend_from_slice(value);
        self.0.push(b'\n');
    }
}

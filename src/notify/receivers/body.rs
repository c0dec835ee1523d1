//! Bodies of requests: what every preset needs.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use crate::event::AlertState;
use crate::notify::group::Endings;
use crate::notify::message::{Notification, WebhookAlert};

/// A body, what kind it is, and headers that go with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::notify) struct RequestBody {
    pub(super) body: Vec<u8>,
    pub(super) content_type: &'static str,
    pub(super) headers: Vec<(&'static str, String)>,
}

impl RequestBody {
    pub(super) fn json(value: &Value) -> RequestBody {
        let body = value.to_string().into_bytes();
        RequestBody { body, content_type: "application/json", headers: Vec::new() }
    }
}

/// The longest name of a machine in a key, which may have 255 characters as a whole.
const HOST_CHARS_MAX: usize = 200;
/// At most this many alerts are in a message that lists all of them.
pub(super) const ALERTS_MAX: usize = 100;
/// A message for people names the first few and how many more there are: all that wait are one message.
pub(super) const SUMMARY_MAX: usize = usize::MAX;

/// A form of body that a known receiver wants.
#[derive(Clone, Copy)]
pub struct Preset {
    /// The name used in configuration.
    pub name: &'static str,
    /// At most this many alerts are sent as one message.
    pub(super) alerts_max: usize,
    pub(super) encode: fn(&Notification) -> RequestBody,
    /// The least time between two messages.
    pub(super) gap: Duration,
    /// How an alert is reported that ended before anybody was notified that it fires.
    pub(super) endings: Endings,
}

impl PartialEq for Preset {
    fn eq(&self, other: &Preset) -> bool {
        self.name == other.name
    }
}

impl Eq for Preset {}

impl fmt::Debug for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// What is the same for the beginning and the end of an alert, and for no other alert of any machine.
pub(super) fn dedup_key(alert: &WebhookAlert) -> String {
    let host = alert.labels.get("instance").map(String::as_str).unwrap_or_default();
    let plain = |c: char| if c.is_ascii_alphanumeric() || ".-_".contains(c) { c } else { '_' };
    let host: String = host.chars().map(plain).take(HOST_CHARS_MAX).collect();
    format!("{}@{host}", alert.fingerprint)
}

/// `text` between fences that it cannot leave.
pub(super) fn fenced(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("```\n{}\n```", text.replace("```", "'''")) }
}

/// At most `chars_max` characters of `text`.
pub(super) fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// How urgent a message looks where it has a colour.
pub(super) enum Tone {
    Critical,
    Warning,
    Info,
    /// Nothing of it fires any longer.
    Over,
}

impl Tone {
    pub(super) fn of(message: &Notification) -> Tone {
        if message.status != AlertState::Firing {
            return Tone::Over;
        }
        match message.common_labels.get("severity").map(String::as_str) {
            Some("warning") => Tone::Warning,
            Some("info") => Tone::Info,
            _ => Tone::Critical,
        }
    }
}

//! An incoming webhook of Slack, or of what understands the same.

use std::time::Duration;

use serde_json::json;

use super::body::{self, Preset, RequestBody, Tone, cut, fenced};
use crate::notify::group::Endings;
use crate::notify::message::Notification;

/// One message a second: <https://api.slack.com/apis/rate-limits>
const GAP: Duration = Duration::from_secs(1);

pub(super) const PRESET: Preset =
    Preset { name: "slack", alerts_max: body::SUMMARY_MAX, encode, gap: GAP, endings: Endings::Together };

/// Beyond this many characters Slack cuts a text.
const CHARS_MAX: usize = 3_000;

fn encode(message: &Notification) -> RequestBody {
    // Only these three are escaped, and nothing else: https://api.slack.com/reference/surfaces/formatting
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let color = match Tone::of(message) {
        Tone::Critical => "danger",
        Tone::Warning => "warning",
        Tone::Info => "#439FE0",
        Tone::Over => "good",
    };
    let text = escaped(&cut(&message.text, CHARS_MAX));
    RequestBody::json(&json!({
        "text": escaped(&message.title),
        "attachments": [{ "color": color, "text": fenced(&text), "mrkdwn_in": ["text"] }],
    }))
}

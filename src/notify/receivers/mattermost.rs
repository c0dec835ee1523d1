//! An incoming webhook of Mattermost.

use std::time::Duration;

use serde_json::json;

use super::body::{self, Preset, RequestBody, Tone, cut, fenced};
use crate::notify::group::Endings;
use crate::notify::message::Notification;

/// Ten messages a second.
const GAP: Duration = Duration::from_millis(100);

pub(super) const PRESET: Preset = Preset {
    name: "mattermost",
    alerts_max: body::SUMMARY_MAX,
    encode,
    gap: GAP,
    endings: Endings::Together,
};

/// The longest post has 16,383 characters.
const CHARS_MAX: usize = 15_000;
const TITLE_CHARS_MAX: usize = 1_000;

fn encode(message: &Notification) -> RequestBody {
    let color = match Tone::of(message) {
        Tone::Critical => "#d24b4e",
        Tone::Warning => "#f5ab00",
        Tone::Info => "#439fe0",
        Tone::Over => "#3db887",
    };
    let title = cut(&message.title, TITLE_CHARS_MAX);
    // Nobody is mentioned by a title, nor by what stands between fences.
    RequestBody::json(&json!({
        "attachments": [{
            "fallback": title,
            "color": color,
            "title": title,
            "text": fenced(&cut(&message.text, CHARS_MAX)),
        }],
    }))
}

//! A webhook of Discord.

use std::time::Duration;

use serde_json::json;

use super::body::{self, Preset, RequestBody, cut, fenced};
use crate::notify::group::Endings;
use crate::notify::message::Notification;

/// Five messages in two seconds.
const GAP: Duration = Duration::from_millis(400);

pub(super) const PRESET: Preset =
    Preset { name: "discord", alerts_max: body::SUMMARY_MAX, encode, gap: GAP, endings: Endings::Together };

/// The longest content that Discord takes, in characters.
const CHARS_MAX: usize = 2_000;

fn encode(message: &Notification) -> RequestBody {
    let title = cut(&message.title, CHARS_MAX / 2);
    let rest = CHARS_MAX - title.chars().count() - 20;
    RequestBody::json(&json!({
        "content": format!("{title}\n{}", fenced(&cut(&message.text, rest))),
        // A log line must not notify anybody.
        "allowed_mentions": { "parse": [] },
    }))
}

//! A workflow webhook of Microsoft Teams.

use std::time::Duration;

use serde_json::{Value, json};

use super::body::{self, Preset, RequestBody, Tone, cut};
use crate::notify::group::Endings;
use crate::notify::message::Notification;

/// Four messages a second.
const GAP: Duration = Duration::from_millis(250);

pub(super) const PRESET: Preset =
    Preset { name: "teams", alerts_max: body::SUMMARY_MAX, encode, gap: GAP, endings: Endings::Together };

/// Well below the 28 KB that Teams takes as a whole, in characters.
const CHARS_MAX: usize = 6_000;
const TITLE_CHARS_MAX: usize = 500;

fn encode(message: &Notification) -> RequestBody {
    let color = match Tone::of(message) {
        Tone::Critical => "Attention",
        Tone::Warning => "Warning",
        Tone::Info => "Accent",
        Tone::Over => "Good",
    };
    let title = cut(&message.title, TITLE_CHARS_MAX);
    let lines = cut(&message.text, CHARS_MAX);
    let mut body = vec![run(json!({ "text": title, "weight": "Bolder", "color": color }))];
    body.extend(lines.lines().map(|line| run(json!({ "text": line, "fontType": "Monospace" }))));
    RequestBody::json(&json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": body,
            },
        }],
    }))
}

/// Unlike a text block, a text run is shown as it stands: <https://adaptivecards.io/explorer/TextRun.html>
fn run(mut run: Value) -> Value {
    run["type"] = "TextRun".into();
    json!({ "type": "RichTextBlock", "inlines": [run] })
}

//! An incoming webhook of Google Chat.

use std::time::Duration;

use serde_json::json;

use super::body::{self, Preset, RequestBody, cut};
use crate::notify::group::Endings;
use crate::notify::message::Notification;

/// One message a second and space.
const GAP: Duration = Duration::from_secs(1);

pub(super) const PRESET: Preset = Preset {
    name: "google-chat",
    alerts_max: body::SUMMARY_MAX,
    encode,
    gap: GAP,
    endings: Endings::Together,
};

/// Of the 32,000 bytes that a message may have, as much for its text; the rest is for its form and for what JSON escapes.
/// <https://developers.google.com/workspace/chat/api/reference/rest/v1/spaces.messages/create>
const TEXT_BYTES_MAX: usize = 14_000;
const TITLE_CHARS_MAX: usize = 500;

fn encode(message: &Notification) -> RequestBody {
    // `<users/all>` would notify everyone, and nothing in a text can be escaped.
    let title = cut(&message.title, TITLE_CHARS_MAX).replace('<', "‹");
    let mut body = json!({ "text": title });
    if !message.text.is_empty() {
        // In a card, unlike in a text, HTML can be escaped.
        body["cardsV2"] = json!([{
            "cardId": "alerts",
            "card": { "sections": [{ "widgets": [{ "textParagraph": { "text": html(&message.text) } }] }] },
        }]);
    }
    RequestBody::json(&body)
}

/// As much of `text` as there is room for, as HTML.
fn html(text: &str) -> String {
    let mut html = String::new();
    for c in text.chars() {
        let before = html.len();
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            c => html.push(c),
        }
        if html.len() > TEXT_BYTES_MAX {
            html.truncate(before);
            html.push('…');
            break;
        }
    }
    html
}

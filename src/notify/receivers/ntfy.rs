//! A topic of ntfy.

use std::time::Duration;

use super::body::{self, Preset, RequestBody};
use crate::event::{AlertState, Severity};
use crate::notify::group::Endings;
use crate::notify::message::Notification;

pub(super) const PRESET: Preset = Preset {
    name: "ntfy",
    alerts_max: body::SUMMARY_MAX,
    encode,
    gap: Duration::ZERO,
    endings: Endings::Together,
};

/// The longest message that ntfy takes as such, in bytes.
const BYTES_MAX: usize = 4_096;
const TITLE_CHARS_MAX: usize = 250;

fn encode(message: &Notification) -> RequestBody {
    let is_firing = message.status == AlertState::Firing;
    let severity = message.common_labels.get("severity").map(String::as_str);
    let is = |wanted: Severity| is_firing && severity == Some(wanted.as_str());
    let priority = if is(Severity::Critical) {
        "5"
    } else if is(Severity::Warning) {
        "4"
    } else {
        "3"
    };
    // A header holds visible ASCII only.
    let visible = message.title.chars().map(|c| if (' '..='~').contains(&c) { c } else { '?' });
    let text = if message.text.is_empty() { &message.title } else { &message.text };
    let end = (0..=BYTES_MAX.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    RequestBody {
        body: text[..end].into(),
        content_type: "text/plain; charset=utf-8",
        headers: vec![
            ("Title", visible.take(TITLE_CHARS_MAX).collect()),
            ("Priority", priority.to_owned()),
            ("Tags", if is_firing { "rotating_light" } else { "white_check_mark" }.to_owned()),
        ],
    }
}

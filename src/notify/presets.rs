//! Bodies for receivers that want them in a form of their own.

use serde_json::{Value, json};

use crate::event::AlertState;
use crate::notify::message::Notification;

/// A body, what kind it is, and headers that go with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RequestBody {
    pub(super) body: Vec<u8>,
    pub(super) content_type: &'static str,
    pub(super) headers: Vec<(&'static str, String)>,
}

const JSON: &str = "application/json";
/// What Slack shows of a text, in characters, and still folds.
const SLACK_CHARS_MAX: usize = 3_000;
/// The longest content that Discord takes, in characters.
const DISCORD_CHARS_MAX: usize = 2_000;
/// Well below the 28 KB that Teams takes as a whole, in characters.
const TEAMS_CHARS_MAX: usize = 6_000;
/// The longest message that ntfy takes as such, in bytes.
const NTFY_BYTES_MAX: usize = 4_096;

fn json_form(value: &Value) -> RequestBody {
    RequestBody { body: value.to_string().into_bytes(), content_type: JSON, headers: Vec::new() }
}

pub(super) fn alertmanager(message: &Notification) -> RequestBody {
    json_form(&serde_json::to_value(message).unwrap_or_default())
}

pub(super) fn slack(message: &Notification) -> RequestBody {
    // Only these three are escaped, and nothing else: https://api.slack.com/reference/surfaces/formatting
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let color = if message.status == AlertState::Firing { "danger" } else { "good" };
    let text = escaped(&cut(&message.text, SLACK_CHARS_MAX));
    json_form(&json!({
        "text": escaped(&message.title),
        "attachments": [{ "color": color, "text": fenced(&text), "mrkdwn_in": ["text"] }],
    }))
}

pub(super) fn discord(message: &Notification) -> RequestBody {
    let title = cut(&message.title, DISCORD_CHARS_MAX / 2);
    let rest = DISCORD_CHARS_MAX - title.chars().count() - 20;
    json_form(&json!({
        "content": format!("{title}\n{}", fenced(&cut(&message.text, rest))),
        // Nobody is called by what a log line says.
        "allowed_mentions": { "parse": [] },
    }))
}

pub(super) fn teams(message: &Notification) -> RequestBody {
    let color = if message.status == AlertState::Firing { "Attention" } else { "Good" };
    // Unlike a text block, a text run is shown as it stands: https://adaptivecards.io/explorer/TextRun.html
    let run = |text: &str, more: Value| {
        let mut run = json!({ "type": "TextRun", "text": text });
        if let (Value::Object(run), Value::Object(more)) = (&mut run, more) {
            run.extend(more);
        }
        json!({ "type": "RichTextBlock", "inlines": [run] })
    };
    let lines = cut(&message.text, TEAMS_CHARS_MAX);
    let mut body = vec![run(&cut(&message.title, 500), json!({ "weight": "Bolder", "color": color }))];
    body.extend(lines.lines().map(|line| run(line, json!({ "fontType": "Monospace" }))));
    json_form(&json!({
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

pub(super) fn ntfy(message: &Notification) -> RequestBody {
    let is_firing = message.status == AlertState::Firing;
    let severity = message.common_labels.get("severity").map(String::as_str);
    let priority = match (is_firing, severity) {
        (true, Some("critical")) => "5",
        (true, Some("warning")) => "4",
        _ => "3",
    };
    // A header holds visible ASCII only.
    let title: String =
        message.title.chars().map(|c| if (' '..='~').contains(&c) { c } else { '?' }).take(250).collect();
    let text = if message.text.is_empty() { &message.title } else { &message.text };
    let mut body = text.clone();
    while body.len() > NTFY_BYTES_MAX {
        body.pop();
    }
    RequestBody {
        body: body.into_bytes(),
        content_type: "text/plain; charset=utf-8",
        headers: vec![
            ("Title", title),
            ("Priority", priority.to_owned()),
            ("Tags", if is_firing { "rotating_light" } else { "white_check_mark" }.to_owned()),
        ],
    }
}

/// `text` between fences that it cannot leave.
fn fenced(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("```\n{}\n```", text.replace("```", "'''")) }
}

fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

//! A bot of Telegram.

use serde_json::{Value, json};

use crate::notify::http::{HttpSender, SendOutcome};
use crate::notify::message::Notification;
use crate::notify::settings::{HttpSpec, Secret};

/// The longest text, in UTF-16 code units: <https://core.telegram.org/bots/api#sendmessage>
const UNITS_MAX: usize = 4_096;
const TITLE_UNITS_MAX: usize = 1_000;

pub(super) struct TelegramClient {
    sender: HttpSender,
    token: Secret,
    chat_id: String,
}

impl TelegramClient {
    pub(super) fn new(http: &HttpSpec, token: &Secret, chat_id: &str) -> Result<TelegramClient, String> {
        Ok(TelegramClient {
            sender: HttpSender::new(http)?,
            token: token.clone(),
            chat_id: chat_id.to_owned(),
        })
    }

    pub(super) async fn send(&self, message: &Notification) -> SendOutcome {
        let token = match self.token.get() {
            Ok(token) => token,
            Err(why) => return SendOutcome::Later(why, None),
        };
        let headers = [("content-type".to_owned(), "application/json".to_owned())];
        let path = format!("/bot{token}/sendMessage");
        let body = body(message, &self.chat_id).to_string().into_bytes();
        self.sender.send("POST", Some(&path), &headers, body).await
    }
}

/// Entities rather than markup, so that nothing in a line has a meaning.
fn body(message: &Notification, chat_id: &str) -> Value {
    let title = cut_units(&message.title, TITLE_UNITS_MAX);
    let title_units = units(&title);
    let mut entities = vec![json!({ "type": "bold", "offset": 0, "length": title_units })];
    let mut text = title;
    if !message.text.is_empty() {
        let details = cut_units(&message.text, UNITS_MAX - title_units - 1);
        entities.push(json!({ "type": "pre", "offset": title_units + 1, "length": units(&details) }));
        text = format!("{text}\n{details}");
    }
    json!({
        "chat_id": chat_id,
        "text": text,
        "entities": entities,
        "link_preview_options": { "is_disabled": true },
    })
}

fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// At most `units_max` UTF-16 code units of `text`.
fn cut_units(text: &str, units_max: usize) -> String {
    if units(text) <= units_max {
        return text.to_owned();
    }
    let mut room = units_max - 1;
    let fits = |c: &char| {
        let fits = c.len_utf16() <= room;
        room = room.saturating_sub(c.len_utf16());
        fits
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_at_utf_16_code_units() {
        assert_eq!(cut_units("abc", 3), "abc");
        assert_eq!(cut_units("abcd", 3), "ab…");
        assert_eq!(cut_units("🔥🔥🔥", 4), "🔥…");
        assert_eq!(units(&cut_units(&"🔥".repeat(5_000), UNITS_MAX)), UNITS_MAX - 1);
    }
}

//! Any receiver of HTTP requests: the body is a preset's or a template's.

use std::time::Duration;

use super::body::{ALERTS_MAX, RequestBody};
use super::template;
use crate::notify::group::Endings;
use crate::notify::http::{HttpSender, SendOutcome};
use crate::notify::message::Notification;
use crate::notify::settings::{Body, HttpSpec};

pub(super) struct WebhookClient {
    sender: HttpSender,
    method: String,
    content_type: Option<String>,
    body: Body,
}

impl WebhookClient {
    pub(super) fn new(
        http: &HttpSpec,
        method: &str,
        content_type: Option<&str>,
        body: &Body,
    ) -> Result<WebhookClient, String> {
        Ok(WebhookClient {
            sender: HttpSender::new(http)?,
            method: method.to_owned(),
            content_type: content_type.map(str::to_owned),
            body: body.clone(),
        })
    }

    pub(super) fn alerts_max(&self) -> usize {
        match &self.body {
            Body::Preset(preset) => preset.alerts_max,
            Body::Template(_) => ALERTS_MAX,
        }
    }

    pub(super) fn gap(&self) -> Duration {
        match &self.body {
            Body::Preset(preset) => preset.gap,
            Body::Template(_) => Duration::ZERO,
        }
    }

    pub(super) fn endings(&self) -> Endings {
        match &self.body {
            Body::Preset(preset) => preset.endings,
            Body::Template(_) => Endings::Together,
        }
    }

    pub(super) async fn send(&self, notification: &Notification) -> SendOutcome {
        let body = match &self.body {
            Body::Preset(preset) => (preset.encode)(notification),
            Body::Template(text) => match template::render(text, notification) {
                Ok(body) => body,
                Err(why) => return SendOutcome::Refused(format!("its template fails: {why}")),
            },
        };
        let RequestBody { body, content_type, headers } = body;
        let content_type = self.content_type.as_deref().unwrap_or(content_type).to_owned();
        let mut all = vec![("content-type".to_owned(), content_type)];
        all.extend(headers.into_iter().map(|(name, value)| (name.to_owned(), value)));
        self.sender.send(&self.method, None, &all, body).await
    }
}

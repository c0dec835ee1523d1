//! The keys of outputs that are services with an API of their own: PagerDuty, Opsgenie, Telegram.

use std::path::Path;

use super::deliveries::secret_file;
use super::error::ErrorReport;
use super::table::Table;
use crate::notify::settings::{Secret, Service};

/// Which service an output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ServiceKind {
    PagerDuty,
    Opsgenie,
    Telegram,
}

impl ServiceKind {
    /// Where it is, if no `url` says otherwise.
    pub(super) fn default_url(self) -> &'static str {
        match self {
            ServiceKind::PagerDuty => "https://events.pagerduty.com/v2/enqueue",
            ServiceKind::Opsgenie => "https://api.opsgenie.com",
            ServiceKind::Telegram => "https://api.telegram.org",
        }
    }

    /// The keys that only it has.
    pub(super) fn keys(self) -> &'static [&'static str] {
        match self {
            ServiceKind::PagerDuty => &["routing_key", "routing_key_file"],
            ServiceKind::Opsgenie => &["api_key", "api_key_file"],
            ServiceKind::Telegram => &["token", "token_file", "chat_id"],
        }
    }
}

/// Reads what `kind` needs, or returns `None` once it was refused.
pub(super) fn read(
    kind: ServiceKind,
    table: &Table<'_>,
    folder: &Path,
    report: &mut ErrorReport<'_>,
) -> Option<Service> {
    let mut secret = |key: &str, what: &str| secret(table, key, what, folder, report);
    match kind {
        ServiceKind::PagerDuty => {
            let routing_key =
                secret("routing_key", "the integration key of a service, of the kind Events API V2")?;
            Some(Service::PagerDuty { routing_key })
        }
        ServiceKind::Opsgenie => {
            Some(Service::Opsgenie { api_key: secret("api_key", "the key of an API integration")? })
        }
        ServiceKind::Telegram => {
            let token = secret("token", "the token of a bot");
            let chat_id = table.text(report, "chat_id").map(|text| text.get_ref().trim().to_owned());
            match chat_id {
                Some(chat_id) if !chat_id.is_empty() => Some(Service::Telegram { token: token?, chat_id }),
                None if table.has("chat_id") => None,
                _ => {
                    let label = table.label();
                    report.refuse(
                        table.span_of("chat_id"),
                        format!("{label} lacks `chat_id`; write the number of a chat, such as \"-1001234\", or the \"@name\" of a channel"),
                    );
                    None
                }
            }
        }
    }
}

/// The secret at `key`, or in the file at `key` with `_file`.
pub(super) fn secret(
    table: &Table<'_>,
    key: &str,
    what: &str,
    folder: &Path,
    report: &mut ErrorReport<'_>,
) -> Option<Secret> {
    let file_key = format!("{key}_file");
    match (table.text(report, key), secret_file(table, folder, report, &file_key)) {
        (Some(_), Some(_)) => {
            table.refuse(report, &file_key, &format!("means nothing beside `{key}`; keep one of the two"));
            None
        }
        (Some(text), None) if !text.get_ref().trim().is_empty() => {
            Some(Secret::Plain(text.get_ref().trim().to_owned()))
        }
        (None, Some(file)) => Some(file),
        (None, None) if table.has(key) || table.has(&file_key) => None,
        _ => {
            let label = table.label();
            report.refuse(
                table.span_of(key),
                format!("{label} lacks `{key}`, {what}; write it, or `{file_key}` for the name of a file that holds it"),
            );
            None
        }
    }
}

//! The keys of outputs that are services with an API of their own: PagerDuty, Opsgenie, Telegram.

use std::path::Path;

use super::error::ErrorReport;
use super::secrets::secret;
use super::table::Table;
use crate::notify::settings::Service;

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
    let mut read = |key: &str, what: &str| secret(table, key, what, folder, report);
    match kind {
        ServiceKind::PagerDuty => {
            let routing_key =
                read("routing_key", "the integration key of a service, of the kind Events API V2")?;
            Some(Service::PagerDuty { routing_key })
        }
        ServiceKind::Opsgenie => {
            Some(Service::Opsgenie { api_key: read("api_key", "the key of an API integration")? })
        }
        ServiceKind::Telegram => {
            let token = read("token", "the token of a bot");
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

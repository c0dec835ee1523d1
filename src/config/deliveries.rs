//! The tables `[output.NAME]` of outputs that answer: webhooks, Alertmanagers, programs.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::error::{ErrorReport, quoted};
use super::mail;
use super::routes::read_labels;
use super::schema::Kind;
use super::secrets::{resolved, secret_file};
use super::services::{self, ServiceKind};
use super::table::Table;
use super::values::{DAY_MS, check_url};
use super::watches::absolute;
use crate::notify::heartbeat::HeartbeatSpec;
use crate::notify::receivers::{PRESETS, template};
use crate::notify::route::Route;
use crate::notify::settings::{Body, DeliverySpec, HttpSpec, Receiver, Secret};

/// What kind of receiver an output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReceiverKind {
    Webhook,
    Alertmanager,
    Command,
    Email,
    Otlp,
    Service(ServiceKind),
}

pub(super) const HTTP_KEYS: [&str; 6] = ["url", "url_file", "headers", "header_files", "ca_file", "timeout"];
const WEBHOOK_KEYS: [&str; 4] = ["method", "content_type", "preset", "template"];
const METHODS: [(&str, &str); 3] = [("POST", "POST"), ("PUT", "PUT"), ("PATCH", "PATCH")];

impl ReceiverKind {
    /// Whether `labels` are those that an alert must have; else all alerts get them.
    pub(super) fn selects_labels(self) -> bool {
        self != ReceiverKind::Alertmanager
    }

    pub(super) fn has(self, key: &str) -> bool {
        let is_common =
            matches!(key, "type" | "group_wait" | "timeout" | "severity" | "alerts" | "watches" | "labels");
        let is_own = match self {
            ReceiverKind::Webhook => HTTP_KEYS.contains(&key) || WEBHOOK_KEYS.contains(&key),
            ReceiverKind::Alertmanager => {
                HTTP_KEYS.contains(&key) || matches!(key, "urls" | "resend_interval" | "alive")
            }
            ReceiverKind::Command => key == "command",
            ReceiverKind::Email => mail::KEYS.contains(&key),
            ReceiverKind::Otlp => HTTP_KEYS.contains(&key) || key == "interval",
            ReceiverKind::Service(kind) => HTTP_KEYS.contains(&key) || kind.keys().contains(&key),
        };
        is_common || is_own
    }
}

/// Reads an output of `kind` that takes what `route` says: for several Alertmanagers one for each. Relative paths are resolved against `folder`.
pub(super) fn read(
    kind: ReceiverKind,
    table: &Table<'_>,
    route: &Route,
    folder: &Path,
    report: &mut ErrorReport<'_>,
) -> Vec<DeliverySpec> {
    // A mail may be a digest of a day.
    let group_wait_max = if kind == ReceiverKind::Email { DAY_MS } else { 600_000 };
    let mut group_wait = duration(table, report, "group_wait", 0..=group_wait_max, 1_000);
    if kind == ReceiverKind::Email && table.has("digest") {
        if table.has("group_wait") {
            table.refuse(report, "group_wait", "means nothing beside `digest`; keep one of the two");
        }
        group_wait = duration(table, report, "digest", 1_000..=7 * DAY_MS, DAY_MS);
    }
    let default_timeout = match kind {
        ReceiverKind::Command | ReceiverKind::Email => 30_000,
        _ => 10_000,
    };
    let timeout = duration(table, report, "timeout", 100..=600_000, default_timeout);
    let spec = |name: String, receiver| DeliverySpec { name, receiver, group_wait, route: route.clone() };
    let name = table.name().to_owned();
    match kind {
        ReceiverKind::Command => {
            let argv = table.filled_list(report, "command", "name the program and its arguments");
            let argv: Vec<String> =
                argv.unwrap_or_default().iter().map(|text| (*text.get_ref()).to_owned()).collect();
            if !table.has("command") {
                lacks(table, report, "command", "`command = [\"/usr/local/bin/page\", \"--now\"]`");
            }
            vec![spec(name, Receiver::Command { argv, timeout })]
        }
        ReceiverKind::Webhook => {
            let Some(url) = one_url(table, None, folder, report) else { return Vec::new() };
            let http = http(url, timeout, table, folder, report);
            let receiver = Receiver::Webhook {
                http,
                method: table.choice(report, "method", &METHODS, "POST").to_owned(),
                content_type: table.text(report, "content_type").map(|text| (*text.get_ref()).to_owned()),
                body: body(table, report),
            };
            vec![spec(name, receiver)]
        }
        ReceiverKind::Otlp => {
            let Some(url) = one_url(table, None, folder, report) else { return Vec::new() };
            vec![spec(name, Receiver::Otlp { http: http(url, timeout, table, folder, report) })]
        }
        ReceiverKind::Email => {
            let mail = mail::read(timeout, table, folder, report);
            mail.into_iter().map(|mail| spec(name.clone(), Receiver::Email(mail))).collect()
        }
        ReceiverKind::Service(kind) => {
            let url = one_url(table, Some(kind.default_url()), folder, report);
            let service = services::read(kind, table, folder, report);
            let (Some(url), Some(service)) = (url, service) else { return Vec::new() };
            let http = http(url, timeout, table, folder, report);
            vec![spec(name, Receiver::Service { http, service })]
        }
        ReceiverKind::Alertmanager => {
            let labels = read_labels(table, report);
            let resend = duration(table, report, "resend_interval", 1_000..=3_600_000, 60_000);
            let is_alive_sent = table.switch(report, "alive", false);
            let urls = urls(table, folder, report);
            let several = urls.len() > 1;
            let one = |(place, url): (String, Secret)| {
                let http = http(url, timeout, table, folder, report);
                let name = if several { format!("{name} {place}") } else { name.clone() };
                spec(name, Receiver::Alertmanager { http, labels: labels.clone(), resend, is_alive_sent })
            };
            urls.into_iter().map(one).collect()
        }
    }
}

/// Reads `[heartbeat]`. Relative paths are resolved against `folder`.
pub(super) fn read_heartbeat(
    tables: &[Table<'_>],
    folder: &Path,
    report: &mut ErrorReport<'_>,
) -> Option<HeartbeatSpec> {
    let table = tables.iter().find(|table| table.kind() == Kind::Heartbeat)?;
    let every = duration(table, report, "every", 1_000..=DAY_MS, 60_000);
    let url = one_url(table, None, folder, report)?;
    let timeout = Duration::from_secs(10);
    Some(HeartbeatSpec { http: HttpSpec { url, headers: BTreeMap::new(), ca_file: None, timeout }, every })
}

pub(super) fn duration(
    table: &Table<'_>,
    report: &mut ErrorReport<'_>,
    key: &str,
    bounds: std::ops::RangeInclusive<i64>,
    default: i64,
) -> Duration {
    Duration::from_millis(table.duration_ms(report, key, bounds, default).unsigned_abs())
}

fn lacks(table: &Table<'_>, report: &mut ErrorReport<'_>, key: &str, example: &str) {
    let label = table.label();
    report.refuse(table.span(), format!("{label} lacks `{key}`; write {example}"));
}

pub(super) fn one_url(
    table: &Table<'_>,
    default: Option<&str>,
    folder: &Path,
    report: &mut ErrorReport<'_>,
) -> Option<Secret> {
    match (table.text(report, "url"), secret_file(table, folder, report, "url_file")) {
        (Some(_), Some(_)) => {
            table.refuse(report, "url_file", "means nothing beside `url`; keep one of the two");
            None
        }
        (Some(url), None) => match check_url(url.get_ref()) {
            Ok(_) => Some(Secret::Plain((*url.get_ref()).to_owned())),
            Err(why_not) => {
                table.refuse(report, "url", &why_not);
                None
            }
        },
        (None, Some(file)) => Some(file),
        (None, None) => {
            if !table.has("url") && !table.has("url_file") {
                if let Some(default) = default {
                    return Some(Secret::Plain(default.to_owned()));
                }
                let example = "`url = \"https://…\"`, or `url_file` for the name of a file that holds it";
                lacks(table, report, "url", example);
            }
            None
        }
    }
}

/// The Alertmanagers, with a name for each.
fn urls(table: &Table<'_>, folder: &Path, report: &mut ErrorReport<'_>) -> Vec<(String, Secret)> {
    if !table.has("urls") {
        return one_url(table, None, folder, report).map(|url| (String::new(), url)).into_iter().collect();
    }
    let texts = table.filled_list(report, "urls", "name an Alertmanager").unwrap_or_default();
    let mut urls = Vec::new();
    for text in texts {
        match check_url(text.get_ref()) {
            Ok(url) => {
                let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
                let place = format!("{}{port}", url.host_str().unwrap_or_default());
                urls.push((place, Secret::Plain((*text.get_ref()).to_owned())));
            }
            Err(why_not) => {
                let label = table.label();
                report.refuse(text.span(), format!("`urls` in {label} {why_not}"));
            }
        }
    }
    urls
}

pub(super) fn http(
    url: Secret,
    timeout: Duration,
    table: &Table<'_>,
    folder: &Path,
    report: &mut ErrorReport<'_>,
) -> HttpSpec {
    let mut headers: BTreeMap<String, Secret> =
        table.map(report, "headers").into_iter().map(|(name, value)| (name, Secret::Plain(value))).collect();
    for (name, file) in table.map(report, "header_files") {
        headers.insert(name, Secret::File(resolved(&file, folder)));
    }
    for name in headers.keys() {
        if reqwest::header::HeaderName::try_from(name).is_err() {
            table.refuse(report, "headers", &format!("holds {}, which is no name of a header", quoted(name)));
        }
    }
    let ca_file = table.text(report, "ca_file").and_then(|text| {
        let refuse = |why_not: String| table.refuse(report, "ca_file", &format!("cannot be used: {why_not}"));
        absolute(text.get_ref(), folder).map_err(refuse).ok()
    });
    HttpSpec { url, headers, ca_file, timeout }
}

fn body(table: &Table<'_>, report: &mut ErrorReport<'_>) -> Body {
    if let Some(text) = table.text(report, "template") {
        if table.has("preset") {
            table.refuse(report, "preset", "means nothing beside `template`; keep one of the two");
        }
        if let Err(why_not) = template::check(text.get_ref()) {
            table.refuse(report, "template", &format!("cannot be used: {why_not}"));
        }
        return Body::Template((*text.get_ref()).to_owned());
    }
    let choices = PRESETS.map(|preset| (preset.name, preset));
    Body::Preset(table.choice(report, "preset", &choices, PRESETS[0]))
}

//! The keys of outputs of the type `email`.

use std::path::Path;
use std::time::Duration;

use super::error::{ErrorReport, quoted};
use super::secrets::secret;
use super::table::Table;
use super::watches::absolute;
use crate::notify::receivers::email::check_address;
use crate::notify::settings::{EmailSpec, SmtpSecurity};

/// The keys that only it has.
pub(super) const KEYS: [&str; 9] =
    ["server", "tls", "username", "password", "password_file", "from", "to", "ca_file", "digest"];
const SECURITIES: [(&str, SmtpSecurity); 3] =
    [("starttls", SmtpSecurity::StartTls), ("tls", SmtpSecurity::Tls), ("none", SmtpSecurity::None)];

/// Reads what mails need, or returns `None` once it was refused.
pub(super) fn read(
    timeout: Duration,
    table: &Table<'_>,
    folder: &Path,
    report: &mut ErrorReport<'_>,
) -> Option<EmailSpec> {
    let security = table.choice(report, "tls", &SECURITIES, SmtpSecurity::StartTls);
    let server = read_server(security, table, report);
    let username = table.text(report, "username").map(|text| (*text.get_ref()).to_owned());
    let credentials = match username {
        Some(name) => Some((name, secret(table, "password", "that of `username`", folder, report)?)),
        None => {
            for key in ["password", "password_file"].into_iter().filter(|key| table.has(key)) {
                table.refuse(report, key, "means nothing without `username`; write that, too");
            }
            None
        }
    };
    let from = table.text(report, "from").map(|text| (*text.get_ref()).to_owned());
    let to: Vec<String> = table.texts(report, "to").iter().map(|text| (*text.get_ref()).to_owned()).collect();
    for (key, address) in from.iter().map(|from| ("from", from)).chain(to.iter().map(|to| ("to", to))) {
        if let Err(why) = check_address(address) {
            let what = format!(
                "holds {}, which is no address: {why}; write one such as \"ops@example.org\"",
                quoted(address)
            );
            table.refuse(report, key, &what);
        }
    }
    for key in ["server", "from", "to"].into_iter().filter(|key| !table.has(key)) {
        let example = match key {
            "server" => "`server = \"smtp.example.org\"`",
            "from" => "`from = \"spiketail@example.org\"`",
            _ => "`to = [\"ops@example.org\"]`",
        };
        report.refuse(table.span(), format!("{} lacks `{key}`; write, say, {example}", table.label()));
    }
    let ca_file = table.text(report, "ca_file").and_then(|text| {
        let refuse = |why_not: String| table.refuse(report, "ca_file", &format!("cannot be used: {why_not}"));
        absolute(text.get_ref(), folder).map_err(refuse).ok()
    });
    let (server, port) = server?;
    let is_here = matches!(server.as_str(), "localhost" | "127.0.0.1" | "::1");
    if security == SmtpSecurity::None && credentials.is_some() && !is_here {
        table.refuse(report, "tls", "would send the password in the clear; write \"starttls\" or \"tls\"");
    }
    Some(EmailSpec { server, port, security, credentials, from: from?, to, ca_file, timeout })
}

/// The host and the port.
fn read_server(
    security: SmtpSecurity,
    table: &Table<'_>,
    report: &mut ErrorReport<'_>,
) -> Option<(String, u16)> {
    let text = table.text(report, "server")?;
    let default_port = match security {
        SmtpSecurity::StartTls => 587,
        SmtpSecurity::Tls => 465,
        SmtpSecurity::None => 25,
    };
    let text = text.get_ref().trim();
    let parsed = match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') => port.parse().ok().map(|port| (host, port)),
        _ => Some((text, default_port)),
    };
    let is_host = |host: &str| {
        !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_:".contains(&b))
    };
    match parsed.filter(|(host, port)| is_host(host) && *port > 0) {
        Some((host, port)) => Some((host.to_owned(), port)),
        None => {
            let what = format!(
                "is {}; write a host, such as \"smtp.example.org\", or a host and a port: \"smtp.example.org:587\"",
                quoted(text)
            );
            table.refuse(report, "server", &what);
            None
        }
    }
}

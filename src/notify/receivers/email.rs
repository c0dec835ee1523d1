//! E-mail through an SMTP server: text and HTML, and one thread for each alert.

use std::time::Duration;

use lettre::address::Envelope;
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Response;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use minijinja::{AutoEscape, Environment, context};
use xxhash_rust::xxh3::xxh3_64;

use super::body::{cut, dedup_key};
use crate::event::{AlertState, HealthEvent, HealthKind};
use crate::fmt::display_path;
use crate::notify::http::SendOutcome;
use crate::notify::message::Notification;
use crate::notify::settings::{EmailSpec, SmtpSecurity};

/// At most this many alerts are in a mail.
pub(super) const ALERTS_MAX: usize = 100;
/// The longest subject, in characters; a line of a header has at most 998.
const SUBJECT_CHARS_MAX: usize = 300;
/// The longest text; servers take at least 64 KB, and most of them 10 MB.
const TEXT_CHARS_MAX: usize = 100_000;

const HTML: &str = include_str!("email.html");

/// Checks that `text` is an address, such as `ops@example.org` or `Operations <ops@example.org>`.
///
/// # Errors
/// What is wrong with it.
pub fn check_address(text: &str) -> Result<(), String> {
    text.parse::<Mailbox>().map(drop).map_err(|error| error.to_string())
}

pub(super) struct EmailClient {
    spec: EmailSpec,
    tls: Tls,
    from: Mailbox,
    to: Vec<Mailbox>,
}

impl EmailClient {
    pub(super) fn new(spec: &EmailSpec) -> Result<EmailClient, String> {
        let mailbox =
            |text: &String| text.parse::<Mailbox>().map_err(|error| format!("the address {text}: {error}"));
        Ok(EmailClient {
            tls: tls(spec)?,
            from: mailbox(&spec.from)?,
            to: spec.to.iter().map(mailbox).collect::<Result<_, _>>()?,
            spec: spec.clone(),
        })
    }

    /// Sends `message` over a connection of its own: alerts are too rare for keeping one.
    pub(super) async fn send(&self, message: &Notification) -> SendOutcome {
        let mail = match self.mail(message) {
            Ok(mail) => mail,
            Err(why) => return SendOutcome::Refused(why),
        };
        let spec = &self.spec;
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&spec.server)
            .port(spec.port)
            .tls(self.tls.clone())
            .timeout(Some(spec.timeout));
        let host = instance(message);
        if !host.is_empty() {
            builder = builder.hello_name(ClientId::Domain(host.to_owned()));
        }
        if let Some((name, password)) = &spec.credentials {
            match password.get() {
                Ok(password) => builder = builder.credentials(Credentials::new(name.clone(), password)),
                // A secret may be put right, so that this is not the end.
                Err(why) => return SendOutcome::Later(why, None),
            }
        }
        let transport = builder.build();
        // The timeout of the transport is for each answer.
        let limit = spec.timeout.saturating_mul(4).max(Duration::from_secs(1));
        let late = || SendOutcome::Unanswered("it does not answer in time".to_owned());
        let (envelope, text) = (mail.envelope(), mail.formatted());
        match tokio::time::timeout(limit, transport.send_raw(envelope, &text)).await {
            Ok(Ok(response)) => SendOutcome::Accepted(said(&response)),
            // One address that is refused has the whole mail refused.
            Ok(Err(error)) if is_about_address(&error) && envelope.to().len() > 1 => {
                let limit = limit.saturating_mul(envelope.to().len() as u32);
                let each = send_to_each(&transport, envelope, &text);
                tokio::time::timeout(limit, each).await.unwrap_or_else(|_| late())
            }
            Ok(Err(error)) => judge(&error),
            Err(_) => late(),
        }
    }

    fn mail(&self, message: &Notification) -> Result<Message, String> {
        let domain = format!("{}.spiketail", instance(message));
        let changes: Vec<String> = message
            .alerts
            .iter()
            .map(|alert| format!("{}{}{}{}", alert.fingerprint, alert.status, alert.starts_at, alert.ends_at))
            .collect();
        // The same mail has the same id if it is sent again, so that a mailbox shows it once.
        let id = format!("<{:016x}@{domain}>", xxh3_64(changes.concat().as_bytes()));
        let thread = match message.alerts.as_slice() {
            [one] => dedup_key(one).replace('@', "."),
            _ => format!("{:016x}", xxh3_64(message.group_key.as_bytes())),
        };
        let thread = format!("<{thread}@{domain}>");
        let mut builder = Message::builder()
            .from(self.from.clone())
            .subject(cut(&message.title, SUBJECT_CHARS_MAX))
            .date_now()
            .message_id(Some(id))
            .in_reply_to(thread.clone())
            .references(thread)
            .user_agent(concat!("spiketail/", env!("CARGO_PKG_VERSION")).to_owned());
        for to in &self.to {
            builder = builder.to(to.clone());
        }
        let link = match &message.alerts[..] {
            [one] => one.generator_url.as_str(),
            _ => message.external_url.as_str(),
        };
        // It has a place of its own, which no limit cuts.
        let text = message.text.strip_suffix(link).unwrap_or(&message.text).trim_end();
        let text = cut(text, TEXT_CHARS_MAX);
        let plain = [message.title.as_str(), text.as_str(), link].into_iter().filter(|part| !part.is_empty());
        let plain = plain.collect::<Vec<_>>().join("\n\n") + "\n";
        let body = MultiPart::alternative_plain_html(plain, html(message, &text, link)?);
        builder.multipart(body).map_err(|error| format!("the mail cannot be written: {error}"))
    }
}

/// Sends a mail to each of its receivers alone, so that an address that is refused keeps it from no other.
async fn send_to_each(
    transport: &AsyncSmtpTransport<Tokio1Executor>,
    envelope: &Envelope,
    text: &[u8],
) -> SendOutcome {
    let (mut taken, mut refused) = (None, Vec::new());
    for to in envelope.to() {
        let Ok(alone) = Envelope::new(envelope.from().cloned(), vec![to.clone()]) else { continue };
        match transport.send_raw(&alone, text).await {
            Ok(response) => taken = Some(said(&response)),
            Err(error) => match judge(&error) {
                SendOutcome::Refused(why) => refused.push(format!("{to}: {why}")),
                outcome => return outcome,
            },
        }
    }
    let refused = refused.join("; ");
    let Some(taken) = taken else { return SendOutcome::Refused(refused) };
    if !refused.is_empty() {
        let reason = format!("a mail reached not all of its receivers; {refused}; correct `to`");
        HealthEvent::warning(HealthKind::DeliveryRefused, reason).emit();
    }
    SendOutcome::Accepted(taken)
}

fn instance(message: &Notification) -> &str {
    let of = message.alerts.first().and_then(|alert| alert.labels.get("instance"));
    of.map(String::as_str).unwrap_or_default()
}

fn html(message: &Notification, text: &str, link: &str) -> Result<String, String> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let is_url = |url: &str| url.starts_with("http://") || url.starts_with("https://");
    let runbook = message.common_annotations.get("runbook_url").filter(|url| is_url(url));
    let page = environment.render_str(
        HTML,
        context! {
            title => message.title.as_str(),
            text => text,
            labels => &message.common_labels,
            is_firing => message.status == AlertState::Firing,
            runbook => runbook,
            link => link,
        },
    );
    page.map_err(|error| format!("the mail cannot be written: {error}"))
}

fn tls(spec: &EmailSpec) -> Result<Tls, String> {
    if spec.security == SmtpSecurity::None {
        return Ok(Tls::None);
    }
    // The first to come installs it; to the others it is there already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = TlsParameters::builder(spec.server.clone());
    if let Some(path) = &spec.ca_file {
        let shown = display_path(path);
        let pem = std::fs::read(path).map_err(|error| {
            format!("cannot read {shown}: {error}; let the user that runs spiketail read it")
        })?;
        let found =
            Certificate::from_pem(&pem).ok().filter(|_| pem.windows(10).any(|part| part == b"-----BEGIN"));
        let authority = found
            .ok_or_else(|| format!("{shown} holds no certificates in PEM form; name a file that does"))?;
        builder = builder.add_root_certificate(authority);
    }
    let parameters = builder.build().map_err(|error| format!("cannot speak TLS: {error}"))?;
    Ok(match spec.security {
        SmtpSecurity::Tls => Tls::Wrapper(parameters),
        _ => Tls::Required(parameters),
    })
}

/// Codes of RFC 4954 for credentials that are missing, too weak, or wrong, which may be put right.
const AUTHENTICATION: [u16; 4] = [530, 534, 535, 538];
/// The mail is larger than the server takes.
const TOO_LARGE: u16 = 552;

/// Codes of RFC 5321 for an address that the server does not take.
const ADDRESS: [u16; 3] = [550, 551, 553];

fn is_about_address(error: &lettre::transport::smtp::Error) -> bool {
    error.status().is_some_and(|status| ADDRESS.contains(&u16::from(status)))
}

fn judge(error: &lettre::transport::smtp::Error) -> SendOutcome {
    let said = plain(error);
    match error.status().map(u16::from) {
        Some(code) if AUTHENTICATION.contains(&code) => SendOutcome::Later(said, None),
        Some(TOO_LARGE) => SendOutcome::TooLarge(said),
        Some(500..600) => SendOutcome::Refused(said),
        _ => SendOutcome::Later(said, None),
    }
}

fn said(response: &Response) -> String {
    let lines: Vec<&str> = response.message().collect();
    cut(&format!("{} {}", response.code(), lines.join(" ")), 200)
}

/// The error and its causes.
fn plain(error: &lettre::transport::smtp::Error) -> String {
    use std::error::Error;
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    cut(&crate::fmt::escape(text.as_bytes()), 300)
}

//! Settings of the outputs that answer: validated and complete; secrets are read when they are needed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::notify::receivers::body::Preset;
use crate::notify::route::Route;

/// Something that is secret, or where it is kept.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// It stands in the configuration.
    Plain(String),
    /// The content of a file, without the line feed at its end. A name without `/` is one of systemd's credentials.
    File(PathBuf),
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Secret::Plain(_) => f.write_str("Plain(…)"),
            Secret::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

/// The form of the body that a webhook gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// One of [`PRESETS`](crate::notify::receivers::PRESETS).
    Preset(Preset),
    /// By a template of the user.
    Template(String),
}

/// How a receiver is reached over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpSpec {
    /// Where to.
    pub url: Secret,
    /// Headers that are sent as well.
    pub headers: BTreeMap<String, Secret>,
    /// A further certificate authority to trust.
    pub ca_file: Option<PathBuf>,
    /// How long an answer may take as a whole.
    pub timeout: Duration,
}

/// How a connection to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// By TLS once it stands.
    StartTls,
    /// By TLS from its beginning.
    Tls,
    /// Not at all.
    None,
}

/// How mails are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailSpec {
    /// The host of the server.
    pub server: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: SmtpSecurity,
    /// A name and its password, if the server wants them.
    pub credentials: Option<(String, Secret)>,
    /// Who writes.
    pub from: String,
    /// To whom.
    pub to: Vec<String>,
    /// A further certificate authority to trust.
    pub ca_file: Option<PathBuf>,
    /// How long each answer may take.
    pub timeout: Duration,
}

/// A service that keeps alerts, or shows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Service {
    /// PagerDuty.
    PagerDuty {
        /// The integration key.
        routing_key: Secret,
    },
    /// Opsgenie.
    Opsgenie {
        /// The key of an integration.
        api_key: Secret,
    },
    /// A bot of Telegram.
    Telegram {
        /// What proves that it is the bot.
        token: Secret,
        /// Where it writes.
        chat_id: String,
    },
}

/// What a message goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receiver {
    /// Any receiver of HTTP requests.
    Webhook {
        /// How it is reached.
        http: HttpSpec,
        /// `POST`, or another method.
        method: String,
        /// The content type, if not the one that goes with `body`.
        content_type: Option<String>,
        /// The form of a message.
        body: Body,
    },
    /// An Alertmanager.
    Alertmanager {
        /// How it is reached.
        http: HttpSpec,
        /// Labels that all alerts get.
        labels: BTreeMap<String, String>,
        /// How often what is still firing is sent again.
        resend: Duration,
        /// Whether it is sent an alert that fires as long as the daemon works.
        is_alive_sent: bool,
    },
    /// A service with an API of its own.
    Service {
        /// How it is reached.
        http: HttpSpec,
        /// Which one, and what it needs.
        service: Service,
    },
    /// A receiver of OpenTelemetry's log records.
    Otlp {
        /// How it is reached.
        http: HttpSpec,
    },
    /// A mail server.
    Email(EmailSpec),
    /// A program.
    Command {
        /// The program and its arguments; no shell.
        argv: Vec<String>,
        /// How long it may run.
        timeout: Duration,
    },
}

/// An output that answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliverySpec {
    /// Unique name.
    pub name: String,
    /// What messages go to.
    pub receiver: Receiver,
    /// How long alerts of one name are collected into one message.
    pub group_wait: Duration,
    /// Which alerts it takes.
    pub route: Route,
}

impl DeliverySpec {
    /// The secrets that the receiver needs.
    pub(super) fn secrets(&self) -> Vec<&Secret> {
        fn of_http(http: &HttpSpec) -> Vec<&Secret> {
            [&http.url].into_iter().chain(http.headers.values()).collect()
        }
        match &self.receiver {
            Receiver::Webhook { http, .. }
            | Receiver::Alertmanager { http, .. }
            | Receiver::Otlp { http } => of_http(http),
            Receiver::Service { http, service } => {
                let key = match service {
                    Service::PagerDuty { routing_key: key }
                    | Service::Opsgenie { api_key: key }
                    | Service::Telegram { token: key, .. } => key,
                };
                of_http(http).into_iter().chain([key]).collect()
            }
            Receiver::Email(spec) => spec.credentials.iter().map(|(_, password)| password).collect(),
            Receiver::Command { .. } => Vec::new(),
        }
    }
}

//! What the outputs that answer are told to do: validated, complete, and without any secret in them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

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

/// How a message to a webhook looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// As Alertmanager's webhooks look, version 4.
    Alertmanager,
    /// For an incoming webhook of Slack, or of what understands the same.
    Slack,
    /// For a webhook of Discord.
    Discord,
    /// For a workflow webhook of Microsoft Teams.
    Teams,
    /// For a topic of ntfy.
    Ntfy,
    /// By a template of the user's own.
    Template(String),
}

/// How a receiver is spoken to over HTTP.
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

/// What a message goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receiver {
    /// Any receiver of HTTP requests.
    Webhook {
        /// How it is spoken to.
        http: HttpSpec,
        /// `POST`, or another method.
        method: String,
        /// What kind of body it gets, if not the one that goes with `body`.
        content_type: Option<String>,
        /// How a message looks.
        body: Body,
    },
    /// An Alertmanager.
    Alertmanager {
        /// How it is spoken to.
        http: HttpSpec,
        /// Labels that all alerts get.
        labels: BTreeMap<String, String>,
        /// How often it is told what is firing still.
        resend: Duration,
    },
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
    /// How long alerts of one name are gathered into one message.
    pub group_wait: Duration,
}

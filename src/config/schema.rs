//! The tables of a configuration and their keys. A key that is not listed here is refused, so the lists are
//! complete, and a test holds the documented configuration to them.

/// The keys within `time` of a watch.
pub(super) const TIME_KEYS: &[&str] = &["field", "format", "zone"];

/// The keys of an alert.
const ALERT_KEYS: &[&str] = &[
    "rule",
    "watches",
    "by",
    "when",
    "over",
    "objective",
    "burn",
    "window",
    "at_least",
    "learn",
    "adopt",
    "budget",
    "new_max",
    "for",
    "keep_firing_for",
    "cooldown",
    "severity",
    "samples",
    "outputs",
    "labels",
    "annotations",
    "runbook",
];

/// The keys of an output.
const OUTPUT_KEYS: &[&str] = &[
    "type",
    "path",
    "color",
    "events",
    "url",
    "url_file",
    "routing_key",
    "routing_key_file",
    "api_key",
    "api_key_file",
    "token",
    "token_file",
    "chat_id",
    "server",
    "tls",
    "username",
    "password",
    "password_file",
    "from",
    "to",
    "urls",
    "headers",
    "header_files",
    "ca_file",
    "timeout",
    "method",
    "content_type",
    "preset",
    "template",
    "labels",
    "resend_interval",
    "alive",
    "command",
    "interval",
    "digest",
    "group_wait",
    "severity",
    "alerts",
    "watches",
];

/// A kind of table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Engine,
    Http,
    Log,
    Pattern,
    Watch,
    Rule,
    Alert,
    Output,
    Mute,
    Heartbeat,
}

impl Kind {
    pub(super) const ALL: [Kind; 10] = [
        Kind::Engine,
        Kind::Http,
        Kind::Log,
        Kind::Pattern,
        Kind::Watch,
        Kind::Rule,
        Kind::Alert,
        Kind::Output,
        Kind::Mute,
        Kind::Heartbeat,
    ];

    /// The first part of the table's header.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Engine => "engine",
            Kind::Http => "http",
            Kind::Log => "log",
            Kind::Pattern => "pattern",
            Kind::Watch => "watch",
            Kind::Rule => "rule",
            Kind::Alert => "alert",
            Kind::Output => "output",
            Kind::Mute => "mute",
            Kind::Heartbeat => "heartbeat",
        }
    }

    /// Whether there may be several, each with a name: `[watch.NAME]`.
    pub(super) fn is_named(self) -> bool {
        !matches!(self, Kind::Engine | Kind::Http | Kind::Log | Kind::Pattern | Kind::Heartbeat)
    }

    /// Every key that the table may have.
    pub(super) fn keys(self) -> &'static [&'static str] {
        match self {
            Kind::Engine => &[
                "host",
                "instance",
                "labels",
                "workers",
                "report_interval",
                "turn_bytes_max",
                "windows_max",
                "sweep_interval",
                "poll_interval",
            ],
            Kind::Http => &["listen", "external_url"],
            Kind::Log => &["filter"],
            Kind::Pattern => &["mask"],
            Kind::Watch => &[
                "paths",
                "exclude",
                "journal",
                "rules",
                "start",
                "reader",
                "window_bytes",
                "line_bytes_max",
                "format",
                "record_start",
                "multiline",
                "rotated_grace",
                "time",
            ],
            Kind::Rule => &[
                "any",
                "regex",
                "not",
                "ignore_case",
                "word",
                "level",
                "without_level",
                "record_start",
                "multiline",
                "match",
                "no_match",
            ],
            Kind::Alert => ALERT_KEYS,
            Kind::Output => OUTPUT_KEYS,
            Kind::Heartbeat => &["url", "url_file", "every"],
            Kind::Mute => &["alerts", "days", "from", "to", "zone"],
        }
    }
}

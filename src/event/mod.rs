//! The one vocabulary: every event that leaves the daemon is emitted here and decoded here.
//!
//! The engine fills one of the structs and calls `emit`; a layer gets the struct back through [`decode`]. The
//! names of targets and fields are a contract (see the README), so both directions stand side by side.

use std::collections::VecDeque;
use std::fmt;
use std::path::{Path, PathBuf};

use tracing::Level;
use tracing::field::{Field, Visit};

use crate::alert::AlertSpec;
use crate::alert::fingerprint::fingerprint;
use crate::alert::instance::AlertChange;
use crate::alert::lifecycle::Transition;

/// Target of [`CountEvent`].
pub const TARGET_COUNT: &str = "spiketail::count";
/// Target of [`AlertEvent`].
pub const TARGET_ALERT: &str = "spiketail::alert";
/// Target of [`FileEvent`].
pub const TARGET_FILE: &str = "spiketail::file";
/// Target of [`HealthEvent`].
pub const TARGET_HEALTH: &str = "spiketail::health";

/// The kinds of event, one per target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// Matching lines were counted.
    Count,
    /// An alert fired or resolved.
    Alert,
    /// Something happened to a file.
    File,
    /// Something happened to the daemon.
    Health,
}

impl EventKind {
    /// Every kind, in the order in which they are documented.
    pub const ALL: [EventKind; 4] = [EventKind::Count, EventKind::Alert, EventKind::File, EventKind::Health];

    /// The name used in configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            EventKind::Count => "count",
            EventKind::Alert => "alert",
            EventKind::File => "file",
            EventKind::Health => "health",
        }
    }

    /// The kind whose events carry `target`, if any does.
    #[must_use]
    pub fn from_target(target: &str) -> Option<EventKind> {
        match target {
            TARGET_COUNT => Some(EventKind::Count),
            TARGET_ALERT => Some(EventKind::Alert),
            TARGET_FILE => Some(EventKind::File),
            TARGET_HEALTH => Some(EventKind::Health),
            _ => None,
        }
    }
}

/// More lines of a file matched a rule.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CountEvent {
    /// Name of the watch.
    pub watch: String,
    /// Name of the rule.
    pub rule: String,
    /// The watched path.
    pub path: PathBuf,
    /// Matching lines since the last event for this path and rule.
    pub delta: u64,
    /// Matching lines since the daemon has known the path.
    pub total: u64,
    /// How many files have stood at the path so far.
    pub generation: u64,
}

/// Whether an alert began or ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AlertState {
    /// The alert began.
    #[default]
    Firing,
    /// The alert ended.
    Resolved,
}

impl AlertState {
    /// The name used in output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            AlertState::Firing => "firing",
            AlertState::Resolved => "resolved",
        }
    }
}

/// An alert fired or resolved.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlertEvent {
    /// Name of the alert.
    pub alert: String,
    /// Whether it began or ended.
    pub state: AlertState,
    /// `info`, `warning` or `critical`.
    pub severity: String,
    /// Name of the watch.
    pub watch: String,
    /// Name of the rule.
    pub rule: String,
    /// The path, where the alert is by path.
    pub path: Option<PathBuf>,
    /// `count`, `rate`, `share`, `spike`, `silence` or `new`.
    pub condition: String,
    /// Matching lines within the window.
    pub count: u64,
    /// Length of the window in seconds.
    pub window_s: f64,
    /// What the alert fires above: lines, lines per second, a share between 0 and 1, or times the usual.
    pub threshold: f64,
    /// How many matching lines were to be expected within the window, for a spike.
    pub expected: Option<f64>,
    /// All lines within the window, for a share.
    pub lines: Option<u64>,
    /// Why it fires, in a few words.
    pub why: String,
    /// When the condition began to hold: RFC 3339, UTC.
    pub since: String,
    /// When the alert fired or resolved: RFC 3339, UTC.
    pub at: String,
    /// Whether that was long before it could be told, because the lines were read late.
    pub late: bool,
    /// Identity of the alert: 16 hexadecimal digits, the same for its firing and its resolved event.
    pub fingerprint: String,
    /// The newest matching lines, escaped and cut.
    pub samples: Vec<String>,
}

impl AlertEvent {
    /// What is told of a `change` of the alert of `spec` over `watch`, or over one path of it; `time` makes a time of
    /// milliseconds since the epoch.
    pub(crate) fn new(
        spec: &AlertSpec,
        watch: &str,
        path: Option<&Path>,
        change: &AlertChange,
        samples: &VecDeque<String>,
        time: impl Fn(i64) -> String,
    ) -> AlertEvent {
        let is_firing = matches!(change.transition, Transition::Fired { .. });
        let bytes = path.map(|path| path.as_os_str().as_encoded_bytes());
        AlertEvent {
            alert: spec.name.clone(),
            state: if is_firing { AlertState::Firing } else { AlertState::Resolved },
            severity: spec.severity.as_str().to_owned(),
            watch: watch.to_owned(),
            rule: spec.rule.clone(),
            path: path.map(Path::to_owned),
            condition: spec.condition.name().to_owned(),
            count: change.seen.count,
            window_s: spec.condition.window_ms() as f64 / 1000.0,
            threshold: spec.condition.threshold(),
            expected: change.seen.expected.map(|expected| (expected * 1_000.0).round() / 1_000.0),
            lines: change.seen.lines,
            why: change.why(spec),
            since: time(change.since_ms()),
            at: time(change.at_ms),
            late: false,
            fingerprint: fingerprint(&spec.name, watch, &spec.rule, bytes),
            samples: samples.iter().cloned().collect(),
        }
    }

    /// The fields as one flat JSON object, with the names that they have on the way out.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::json!({
            "alert": self.alert,
            "state": self.state.as_str(),
            "severity": self.severity,
            "watch": self.watch,
            "rule": self.rule,
            "path": self.path.as_deref().map(display_path),
            "condition": self.condition,
            "count": self.count,
            "window_s": self.window_s,
            "threshold": self.threshold,
            "expected": self.expected,
            "lines": self.lines,
            "why": self.why,
            "since": self.since,
            "at": self.at,
            "late": self.late,
            "fingerprint": self.fingerprint,
            "samples": self.samples,
        })
        .to_string()
    }
}

/// What happened to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FileEventKind {
    /// It is being read now.
    #[default]
    Opened,
    /// Another file stands at the path.
    Rotated,
    /// It became shorter than what had been read.
    Truncated,
    /// What had been read is no longer there, though the size would allow it.
    Rewritten,
    /// Nothing stands at the path.
    Removed,
    /// Bytes were gone before they could be read.
    Missed,
    /// It cannot be read.
    Unreadable,
    /// It can be read again.
    Recovered,
    /// Answer to a status request.
    Status,
}

impl FileEventKind {
    const ALL: [FileEventKind; 9] = [
        FileEventKind::Opened,
        FileEventKind::Rotated,
        FileEventKind::Truncated,
        FileEventKind::Rewritten,
        FileEventKind::Removed,
        FileEventKind::Missed,
        FileEventKind::Unreadable,
        FileEventKind::Recovered,
        FileEventKind::Status,
    ];

    /// The name used in output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            FileEventKind::Opened => "opened",
            FileEventKind::Rotated => "rotated",
            FileEventKind::Truncated => "truncated",
            FileEventKind::Rewritten => "rewritten",
            FileEventKind::Removed => "removed",
            FileEventKind::Missed => "missed",
            FileEventKind::Unreadable => "unreadable",
            FileEventKind::Recovered => "recovered",
            FileEventKind::Status => "status",
        }
    }
}

/// Something happened to a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileEvent {
    /// What happened.
    pub event: FileEventKind,
    /// Name of the watch.
    pub watch: String,
    /// The watched path.
    pub path: PathBuf,
    /// Why the daemon thinks so, or how to mend it.
    pub reason: String,
    /// How many files have stood at the path so far.
    pub generation: u64,
    /// `missed`: how many bytes were not seen.
    pub bytes: Option<u64>,
    /// `status`: how far the file has been read, in bytes.
    pub offset: Option<u64>,
    /// `status`: the size of the file in bytes.
    pub size: Option<u64>,
    /// `status`: matching lines, over all rules.
    pub total: Option<u64>,
}

/// Something happened to the daemon itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HealthEvent {
    /// A short fixed name, such as `started`, `reloaded`, `torn_scans`, `watch_overflow`, `output_dropped`.
    pub event: String,
    /// One sentence for a person: what, where, how to mend it.
    pub message: String,
    /// How many of what the event counts, where it counts.
    pub count: Option<u64>,
    /// Whether someone should do something about it.
    pub warning: bool,
}

/// Any of the events.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// See [`CountEvent`].
    Count(CountEvent),
    /// See [`AlertEvent`].
    Alert(AlertEvent),
    /// See [`FileEvent`].
    File(FileEvent),
    /// See [`HealthEvent`].
    Health(HealthEvent),
}

impl Event {
    /// The kind of the event.
    #[must_use]
    pub fn kind(&self) -> EventKind {
        match self {
            Event::Count(_) => EventKind::Count,
            Event::Alert(_) => EventKind::Alert,
            Event::File(_) => EventKind::File,
            Event::Health(_) => EventKind::Health,
        }
    }
}

impl CountEvent {
    /// Sends the event to the `tracing` subscriber.
    pub fn emit(&self) {
        tracing::info!(
            target: TARGET_COUNT,
            watch = self.watch,
            rule = self.rule,
            path = display_path(&self.path),
            delta = self.delta,
            total = self.total,
            generation = self.generation,
        );
    }
}

impl AlertEvent {
    /// Sends the event to the `tracing` subscriber: at ERROR while firing (WARN below `critical`), else at INFO.
    pub fn emit(&self) {
        // tracing has no list values: the samples travel as one JSON string.
        let samples = serde_json::to_string(&self.samples).unwrap_or_default();
        let path = self.path.as_deref().map(display_path);
        macro_rules! emit {
            ($level:expr) => {
                tracing::event!(
                    target: TARGET_ALERT,
                    $level,
                    alert = self.alert,
                    state = self.state.as_str(),
                    severity = self.severity,
                    watch = self.watch,
                    rule = self.rule,
                    path,
                    condition = self.condition,
                    count = self.count,
                    window_s = self.window_s,
                    threshold = self.threshold,
                    expected = self.expected,
                    lines = self.lines,
                    why = self.why,
                    since = self.since,
                    at = self.at,
                    late = self.late,
                    fingerprint = self.fingerprint,
                    samples,
                )
            };
        }
        match (self.state, self.severity.as_str()) {
            (AlertState::Firing, "critical") => emit!(Level::ERROR),
            (AlertState::Firing, "warning") => emit!(Level::WARN),
            _ => emit!(Level::INFO),
        }
    }
}

impl FileEvent {
    /// Sends the event to the `tracing` subscriber: at WARN if bytes were missed or cannot be read, else at INFO.
    pub fn emit(&self) {
        macro_rules! emit {
            ($level:expr) => {
                tracing::event!(
                    target: TARGET_FILE,
                    $level,
                    event = self.event.as_str(),
                    watch = self.watch,
                    path = display_path(&self.path),
                    reason = self.reason,
                    generation = self.generation,
                    bytes = self.bytes,
                    offset = self.offset,
                    size = self.size,
                    total = self.total,
                )
            };
        }
        match self.event {
            FileEventKind::Missed | FileEventKind::Unreadable => emit!(Level::WARN),
            _ => emit!(Level::INFO),
        }
    }
}

impl HealthEvent {
    /// Sends the event to the `tracing` subscriber: at WARN if someone should act, else at INFO.
    pub fn emit(&self) {
        macro_rules! emit {
            ($level:expr) => {
                tracing::event!(
                    target: TARGET_HEALTH,
                    $level,
                    event = self.event,
                    reason = self.message,
                    count = self.count,
                )
            };
        }
        if self.warning { emit!(Level::WARN) } else { emit!(Level::INFO) }
    }
}

/// The path as text. Bytes that are not UTF-8 and control characters become `\xNN`, so that nothing is lost and
/// nothing in a file's name reaches a terminal.
#[must_use]
pub fn display_path(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    crate::alert::samples::escape(path.as_os_str().as_bytes())
}

/// Gives back the event that one of the `emit` methods sent, or `None` for an event of another target.
#[must_use]
pub fn decode(event: &tracing::Event<'_>) -> Option<Event> {
    let kind = EventKind::from_target(event.metadata().target())?;
    let mut fields = EventDecoder { record: empty(kind), warning: *event.metadata().level() <= Level::WARN };
    event.record(&mut fields);
    if let Event::Health(health) = &mut fields.record {
        health.warning = fields.warning;
    }
    Some(fields.record)
}

fn empty(kind: EventKind) -> Event {
    match kind {
        EventKind::Count => Event::Count(CountEvent::default()),
        EventKind::Alert => Event::Alert(AlertEvent::default()),
        EventKind::File => Event::File(FileEvent::default()),
        EventKind::Health => Event::Health(HealthEvent::default()),
    }
}

struct EventDecoder {
    record: Event,
    warning: bool,
}

impl Visit for EventDecoder {
    fn record_str(&mut self, field: &Field, value: &str) {
        let text = || value.to_owned();
        match (&mut self.record, field.name()) {
            (Event::Count(e), "watch") => e.watch = text(),
            (Event::Count(e), "rule") => e.rule = text(),
            (Event::Count(e), "path") => e.path = value.into(),
            (Event::Alert(e), "alert") => e.alert = text(),
            (Event::Alert(e), "state") if value == "resolved" => e.state = AlertState::Resolved,
            (Event::Alert(e), "severity") => e.severity = text(),
            (Event::Alert(e), "watch") => e.watch = text(),
            (Event::Alert(e), "rule") => e.rule = text(),
            (Event::Alert(e), "path") => e.path = Some(value.into()),
            (Event::Alert(e), "condition") => e.condition = text(),
            (Event::Alert(e), "why") => e.why = text(),
            (Event::Alert(e), "since") => e.since = text(),
            (Event::Alert(e), "at") => e.at = text(),
            (Event::Alert(e), "fingerprint") => e.fingerprint = text(),
            (Event::Alert(e), "samples") => e.samples = serde_json::from_str(value).unwrap_or_default(),
            (Event::File(e), "event") => {
                e.event = FileEventKind::ALL.into_iter().find(|c| c.as_str() == value).unwrap_or_default();
            }
            (Event::File(e), "watch") => e.watch = text(),
            (Event::File(e), "path") => e.path = value.into(),
            (Event::File(e), "reason") => e.reason = text(),
            (Event::Health(e), "event") => e.event = text(),
            (Event::Health(e), "reason") => e.message = text(),
            _ => {}
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match (&mut self.record, field.name()) {
            (Event::Count(e), "delta") => e.delta = value,
            (Event::Count(e), "total") => e.total = value,
            (Event::Count(e), "generation") => e.generation = value,
            (Event::Alert(e), "count") => e.count = value,
            (Event::Alert(e), "lines") => e.lines = Some(value),
            (Event::File(e), "generation") => e.generation = value,
            (Event::File(e), "bytes") => e.bytes = Some(value),
            (Event::File(e), "offset") => e.offset = Some(value),
            (Event::File(e), "size") => e.size = Some(value),
            (Event::File(e), "total") => e.total = Some(value),
            (Event::Health(e), "count") => e.count = Some(value),
            _ => {}
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        match (&mut self.record, field.name()) {
            (Event::Alert(e), "window_s") => e.window_s = value,
            (Event::Alert(e), "threshold") => e.threshold = value,
            (Event::Alert(e), "expected") => e.expected = Some(value),
            _ => {}
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        if let (Event::Alert(e), "late") = (&mut self.record, field.name()) {
            e.late = value;
        }
    }

    fn record_debug(&mut self, _field: &Field, _value: &dyn fmt::Debug) {}
}

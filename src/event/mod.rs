//! The events that leave the daemon. The names of targets and fields are a contract (see the README).
//!
//! A reporter fills one of the structs and calls `emit`; a layer gets the struct back through [`decode`].

mod alert;
mod field;
mod file;
mod health;
mod origin;
#[cfg(test)]
mod tests;

pub use alert::{AlertEvent, AlertPath, AlertPattern, AlertState, Severity};
pub use file::{CountEvent, FOUND_AT_START, FileEvent, FileEventKind};
pub use health::{HealthEvent, HealthKind};
pub use origin::EventOrigin;

use tracing::Level;

use field::{Fields, names};

names! {
    /// The kinds of event, one per target.
    pub enum EventKind {
        /// Matching lines were counted.
        Count = "count",
        /// An alert fired or resolved.
        Alert = "alert",
        /// Something happened to a file.
        File = "file",
        /// Something happened to the daemon.
        Health = "health",
    }
}

impl EventKind {
    /// The target of its events.
    #[must_use]
    pub fn target(self) -> &'static str {
        match self {
            EventKind::Count => CountEvent::TARGET,
            EventKind::Alert => AlertEvent::TARGET,
            EventKind::File => FileEvent::TARGET,
            EventKind::Health => HealthEvent::TARGET,
        }
    }

    /// The kind whose events carry `target`, if any does.
    #[must_use]
    pub fn from_target(target: &str) -> Option<EventKind> {
        EventKind::ALL.into_iter().find(|kind| kind.target() == target)
    }
}

/// Any of the events.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(untagged)]
#[allow(
    clippy::large_enum_variant,
    reason = "an event lives for a moment, and counts are many: they are spared a box"
)]
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

/// The event that one of the `emit` methods sent, or `None` for an event of another target.
#[must_use]
pub fn decode(event: &tracing::Event<'_>) -> Option<Event> {
    let kind = EventKind::from_target(event.metadata().target())?;
    let mut fields = Fields::default();
    event.record(&mut fields);
    match kind {
        EventKind::Count => fields.decode().map(Event::Count),
        EventKind::Alert => fields.decode().map(Event::Alert),
        EventKind::File => fields.decode().map(Event::File),
        EventKind::Health => {
            let warning = *event.metadata().level() <= Level::WARN;
            let event = fields.decode::<HealthEvent>()?;
            Some(Event::Health(HealthEvent { warning, ..event }))
        }
    }
}

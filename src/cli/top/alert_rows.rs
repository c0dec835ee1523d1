//! The rows of the section of alerts: those that fire, those that are silenced, what silences them, and those that are over.

use crate::serve::api::{FiringAlert, PastAlert, Silence, SilencedAlert, Snapshot};

/// A row.
#[derive(Debug, Clone, Copy)]
pub(super) enum AlertRow<'a> {
    Firing(&'a FiringAlert),
    Silenced(&'a SilencedAlert),
    Silence(&'a Silence),
    Past(&'a PastAlert),
}

impl AlertRow<'_> {
    /// What the row is called, for the filter.
    fn name(&self) -> &str {
        match self {
            AlertRow::Firing(alert) => &alert.name,
            AlertRow::Silenced(alert) => &alert.name,
            AlertRow::Silence(silence) => &silence.alert,
            AlertRow::Past(past) => &past.name,
        }
    }

    fn place(&self) -> &str {
        match self {
            AlertRow::Firing(alert) => place_of(alert),
            AlertRow::Silenced(alert) => alert.place.as_deref().unwrap_or(&alert.watch),
            AlertRow::Silence(silence) => silence.path.as_deref().unwrap_or_default(),
            AlertRow::Past(past) => &past.watch,
        }
    }
}

/// What the alert is of: its path, its pattern or its watch.
pub(super) fn place_of(alert: &FiringAlert) -> &str {
    alert.path.as_deref().or(alert.pattern.as_deref()).unwrap_or(&alert.watch)
}

/// The rows whose name or place `fits`.
pub(super) fn rows(snapshot: &Snapshot, fits: impl Fn(&str) -> bool) -> Vec<AlertRow<'_>> {
    let firing = snapshot.alerts.iter().map(AlertRow::Firing);
    let silenced = snapshot.silenced.iter().map(AlertRow::Silenced);
    let silences = snapshot.silences.iter().map(AlertRow::Silence);
    let past = snapshot.history.iter().map(AlertRow::Past);
    let all = firing.chain(silenced).chain(silences).chain(past);
    all.filter(|row| fits(row.name()) || fits(row.place())).collect()
}

//! What is silenced: the alerts that fire and nobody is notified of, and the silences that do it.

use std::collections::{HashMap, HashSet};
use std::os::unix::ffi::OsStrExt;

use super::answers::seconds;
use crate::alert::fingerprint::{fingerprint, of_pattern};
use crate::alert::manager::AlertStatus;
use crate::fmt::{display_path, printable};
use crate::notify::queue::NotificationQueue;
use crate::notify::silence::SilencedBy;
use crate::serve::api::{Silence, SilencedAlert};
use crate::store::SilenceRecord;

/// So many silenced alerts are shown.
const SHOWN_MAX: usize = 100;

/// The identity of an alert.
pub(super) fn fingerprint_of(status: &AlertStatus) -> String {
    let path = status.path.as_deref().map(|path| path.as_os_str().as_bytes());
    let of_series = fingerprint(&status.alert, &status.watch, &status.rule, path);
    match status.pattern {
        Some(pattern) => of_pattern(&of_series, pattern),
        None => of_series,
    }
}

/// The alerts that fire and are silenced.
pub(super) struct Silenced {
    alerts: Vec<SilencedAlert>,
    fingerprints: HashSet<String>,
    /// How many alerts each silence holds back.
    holds: HashMap<u64, u64>,
}

impl Silenced {
    /// Splits `statuses` into those that are not silenced or do not fire, and the others.
    pub(super) fn split(
        statuses: Vec<AlertStatus>,
        notifications: &NotificationQueue,
    ) -> (Vec<AlertStatus>, Silenced) {
        let mut silenced =
            Silenced { alerts: Vec::new(), fingerprints: HashSet::new(), holds: HashMap::new() };
        let is_free = |status: &AlertStatus| {
            if status.state != "firing" {
                return true;
            }
            let pattern = status.pattern.map(|pattern| pattern.to_string());
            let by = notifications.silenced_by(&status.alert, status.path.as_deref(), pattern.as_deref());
            let Some(by) = by else { return true };
            if let Some(id) = by.id {
                *silenced.holds.entry(id).or_default() += 1;
            }
            let alert = alert(status, &by);
            silenced.fingerprints.insert(alert.fingerprint.clone());
            silenced.alerts.push(alert);
            false
        };
        let mut statuses = statuses;
        statuses.retain(is_free);
        (statuses, silenced)
    }

    pub(super) fn has(&self, fingerprint: &str) -> bool {
        self.fingerprints.contains(fingerprint)
    }

    pub(super) fn count(&self) -> usize {
        self.alerts.len()
    }

    /// The silences that are in force, those that end first being the first.
    pub(super) fn silences(&self, in_force: Vec<SilenceRecord>) -> Vec<Silence> {
        let of = |record: SilenceRecord| {
            let SilenceRecord { id, alert, path, pattern, since_ms, until_ms, reason } = record;
            Silence {
                id,
                alert,
                path,
                pattern,
                since: seconds(since_ms),
                until: seconds(until_ms),
                reason: printable(&reason).into_owned(),
                holds: self.holds.get(&id).copied().unwrap_or_default(),
            }
        };
        let mut silences: Vec<Silence> = in_force.into_iter().map(of).collect();
        silences.sort_by(|a, b| a.until.total_cmp(&b.until).then(a.id.cmp(&b.id)));
        silences
    }

    /// Those that are shown, and how many there are beside them.
    pub(super) fn shown(mut self) -> (Vec<SilencedAlert>, u64) {
        let more = self.alerts.len().saturating_sub(SHOWN_MAX);
        self.alerts.truncate(SHOWN_MAX);
        (self.alerts, more as u64)
    }
}

fn alert(status: &AlertStatus, by: &SilencedBy) -> SilencedAlert {
    let place = status.path.as_deref().map(display_path);
    SilencedAlert {
        fingerprint: fingerprint_of(status),
        name: status.alert.clone(),
        severity: status.severity.as_str().to_owned(),
        watch: status.watch.clone(),
        place: place.or_else(|| status.pattern.map(|pattern| pattern.to_string())),
        since: status.since.map_or(0.0, |since| seconds(since.0)),
        count: status.count,
        by: printable(&by.name).into_owned(),
        silence: by.id,
    }
}

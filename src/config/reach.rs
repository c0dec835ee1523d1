//! Whether alerts reach anybody: warnings of `spiketail check` about routes that hardly are meant.

use super::schema::Kind;
use super::settings::Settings;
use super::sources::Sources;
use super::table::Table;
use crate::alert::AlertSpec;
use crate::event::AlertEvent;
use crate::notify::route::Route;

/// The watches of `alert` for which an output with this route is notified.
#[must_use]
pub fn notified_of<'a>(alert: &'a AlertSpec, settings: &Settings, route: &Route) -> Vec<&'a str> {
    let event = |watch: &String| AlertEvent {
        alert: alert.name.clone(),
        watch: watch.clone(),
        severity: alert.severity,
        outputs: alert.notes.outputs.clone(),
        labels: settings.origin.labels_with(alert.notes.labels.clone()),
        ..AlertEvent::default()
    };
    alert.watches.iter().filter(|watch| route.takes(&event(watch))).map(String::as_str).collect()
}

/// Alerts that no output takes although there are outputs, and outputs that take none.
pub(super) fn warnings(settings: &Settings, tables: &[Table<'_>], sources: &Sources) -> Vec<String> {
    let Settings { plan, deliveries, .. } = settings;
    if deliveries.is_empty() || plan.alerts.is_empty() {
        return Vec::new();
    }
    let place = |kind: Kind, name: &str, key: &str| {
        let table = tables.iter().find(|table| table.kind() == kind && table.name() == name);
        table.map(|table| sources.place(table.span_of(key).start)).unwrap_or_default()
    };
    // With `outputs = []` no notification is intended.
    let is_lost = |alert: &&AlertSpec| {
        alert.notes.outputs.as_ref().is_none_or(|names| !names.is_empty())
            && deliveries.iter().all(|output| notified_of(alert, settings, &output.route).is_empty())
    };
    let lost = plan.alerts.iter().filter(is_lost).map(|alert| {
        format!(
            "{}: no output takes [alert.{name}], so nobody is notified of it; check `severity`, `alerts`, `watches` and `labels` of the \
             outputs, or set `outputs = []` if that is intended",
            place(Kind::Alert, &alert.name, "outputs"),
            name = alert.name
        )
    });
    // Several Alertmanagers of one output have its name before their own.
    let idle = deliveries.iter().filter(|output| {
        plan.alerts.iter().all(|alert| notified_of(alert, settings, &output.route).is_empty())
    });
    let idle = idle.map(|output| {
        let name = output.name.split(' ').next().unwrap_or_default();
        format!(
            "{}: [output.{name}] takes no alert that there is; check its `severity`, `alerts`, `watches` and `labels`",
            place(Kind::Output, name, "labels")
        )
    });
    lost.chain(idle).collect()
}

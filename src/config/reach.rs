//! Whether alerts reach anybody: warnings of `spiketail check` about routes that hardly are meant.

use super::schema::Kind;
use super::settings::Settings;
use super::sources::Sources;
use super::table::Table;
use crate::alert::AlertSpec;
use crate::event::AlertEvent;

/// The watches of `alert` of which the output with this route is notified.
#[must_use]
pub fn notified_of<'a>(alert: &'a AlertSpec, settings: &'a Settings, output: &'a str) -> Vec<&'a str> {
    let event = |watch: &String| AlertEvent {
        alert: alert.name.clone(),
        watch: watch.clone(),
        severity: alert.severity,
        outputs: alert.notes.outputs.clone(),
        labels: settings.origin.labels_with(alert.notes.labels.clone()),
        ..AlertEvent::default()
    };
    let route = settings.deliveries.iter().find(|delivery| delivery.name == output).map(|found| &found.route);
    let takes = |watch: &&String| route.is_some_and(|route| route.takes(&event(watch)));
    alert.watches.iter().filter(takes).map(String::as_str).collect()
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
    // `outputs = []` says that nobody is to be notified.
    let is_lost = |alert: &&AlertSpec| {
        alert.notes.outputs.as_ref().is_none_or(|names| !names.is_empty())
            && deliveries.iter().all(|output| notified_of(alert, settings, &output.name).is_empty())
    };
    let lost = plan.alerts.iter().filter(is_lost).map(|alert| {
        format!(
            "{}: no output takes [alert.{name}], so nobody is notified of it; see `severity`, `alerts`, `watches` and `labels` of the \
             outputs, or write `outputs = []` if nobody is to be",
            place(Kind::Alert, &alert.name, "outputs"),
            name = alert.name
        )
    });
    // Several Alertmanagers of one output have its name before their own.
    let idle = deliveries.iter().filter(|output| {
        plan.alerts.iter().all(|alert| notified_of(alert, settings, &output.name).is_empty())
    });
    let idle = idle.map(|output| {
        let name = output.name.split(' ').next().unwrap_or_default();
        format!(
            "{}: [output.{name}] takes no alert that there is; see its `severity`, `alerts`, `watches` and `labels`",
            place(Kind::Output, name, "labels")
        )
    });
    lost.chain(idle).collect()
}

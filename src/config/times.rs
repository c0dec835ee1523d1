//! The keys `time.…` of a `[watch.NAME]`: how the time of a line is read.

use std::sync::Arc;

use super::error::ErrorReport;
use super::schema::TIME_KEYS;
use super::table::Table;
use crate::scan::timestamp::{self, TimeSettings};

/// Reads how the lines of a watch tell their time.
pub(super) fn read(table: &Table<'_>, report: &mut ErrorReport<'_>) -> Arc<TimeSettings> {
    let right = "write `time.format = \"…\"`, `time.zone = \"…\"` or `time.field = \"…\"`";
    let Some(inner) = table.inner(report, "time", TIME_KEYS, right) else { return Arc::default() };
    let mut settings = TimeSettings::default();
    if let Some(field) = inner.text(report, "field") {
        match field.get_ref().trim() {
            "" => {
                inner.refuse(report, "field", "is empty; write the name of a member, such as \"event.time\"");
            }
            name => settings.field = Some(name.into()),
        }
    }
    if let Some(format) = inner.text(report, "format") {
        match format.get_ref().parse() {
            Ok(format) => settings.format = Some(format),
            Err(error) => inner.refuse(report, "format", &format!("cannot be: {error}")),
        }
    }
    if let Some(zone) = inner.text(report, "zone") {
        match timestamp::zone(zone.get_ref()) {
            Ok(zone) => settings.zone = zone,
            Err(error) => inner.refuse(report, "zone", &format!("cannot be: {error}")),
        }
    }
    Arc::new(settings)
}

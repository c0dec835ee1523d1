//! The keys of outputs that are sent figures: Prometheus' remote write, and OpenTelemetry beside its log records.

use std::path::Path;
use std::time::Duration;

use super::deliveries::{HTTP_KEYS, duration, http, one_url};
use super::error::ErrorReport;
use super::table::Table;
use crate::notify::push::{PushFormat, PushSpec};
use crate::notify::settings::{DeliverySpec, Receiver};

/// Where OpenTelemetry's metrics go.
const OTLP_PATH: &str = "/v1/metrics";

/// Whether an output of the type `remote-write` has `key`.
pub(super) fn has(key: &str) -> bool {
    matches!(key, "type" | "timeout" | "interval") || HTTP_KEYS.contains(&key)
}

/// Reads an output of the type `remote-write`, or returns `None` once it was refused.
pub(super) fn read(table: &Table<'_>, folder: &Path, report: &mut ErrorReport<'_>) -> Option<PushSpec> {
    let every = interval(table, report);
    let timeout = duration(table, report, "timeout", 100..=600_000, 10_000);
    let url = one_url(table, None, folder, report)?;
    let http = http(url, timeout, table, folder, report);
    let output = table.name().to_owned();
    Some(PushSpec { output, http, path: None, format: PushFormat::RemoteWrite, every })
}

/// What an output is sent beside alerts, if it is of the type `otlp`.
pub(super) fn beside(
    spec: &DeliverySpec,
    table: &Table<'_>,
    report: &mut ErrorReport<'_>,
) -> Option<PushSpec> {
    let Receiver::Otlp { http } = &spec.receiver else { return None };
    let every = interval(table, report);
    let (output, http) = (spec.name.clone(), http.clone());
    Some(PushSpec { output, http, path: Some(OTLP_PATH), format: PushFormat::Otlp, every })
}

fn interval(table: &Table<'_>, report: &mut ErrorReport<'_>) -> Duration {
    duration(table, report, "interval", 1_000..=3_600_000, 30_000)
}

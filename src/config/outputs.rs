//! The tables `[output.NAME]`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::deliveries;
use super::error::{ErrorReport, quoted};
use super::pushes;
use super::routes::{self, NamedByOutput};
use super::schema::Kind as TableKind;
use super::services::ServiceKind;
use super::table::Table;
use super::watches::absolute;
use crate::event::EventKind;
use crate::notify::push::PushSpec;
use crate::notify::settings::DeliverySpec;
use crate::output::journald;
use crate::output::{Color, Destination, Format, OutputSpec};

#[derive(Debug, Clone, Copy)]
enum Type {
    Stream(Format),
    Journald,
    Delivery(deliveries::ReceiverKind),
    RemoteWrite,
}

const TYPES: [(&str, Type); 13] = [
    ("auto", Type::Stream(Format::Auto)),
    ("console", Type::Stream(Format::Console)),
    ("json", Type::Stream(Format::Json)),
    ("journald", Type::Journald),
    ("webhook", Type::Delivery(deliveries::ReceiverKind::Webhook)),
    ("alertmanager", Type::Delivery(deliveries::ReceiverKind::Alertmanager)),
    ("command", Type::Delivery(deliveries::ReceiverKind::Command)),
    ("remote-write", Type::RemoteWrite),
    ("otlp", Type::Delivery(deliveries::ReceiverKind::Otlp)),
    ("email", Type::Delivery(deliveries::ReceiverKind::Email)),
    ("pagerduty", Type::Delivery(deliveries::ReceiverKind::Service(ServiceKind::PagerDuty))),
    ("opsgenie", Type::Delivery(deliveries::ReceiverKind::Service(ServiceKind::Opsgenie))),
    ("telegram", Type::Delivery(deliveries::ReceiverKind::Service(ServiceKind::Telegram))),
];
/// Keys of outputs that are written to.
const STREAM_KEYS: [&str; 4] = ["type", "path", "color", "events"];
const COLORS: [(&str, Color); 3] =
    [("auto", Color::Auto), ("always", Color::Always), ("never", Color::Never)];

/// Every output.
pub(super) struct Outputs<'t> {
    /// Those that are written to, never none of them.
    pub(super) written: Vec<OutputSpec>,
    /// Those that answer.
    pub(super) delivered: Vec<DeliverySpec>,
    /// Those that are sent figures.
    pub(super) pushes: Vec<PushSpec>,
    /// The names of those that answer, right or wrong.
    pub(super) delivering: Vec<&'t str>,
    /// What they name.
    pub(super) named: Vec<NamedByOutput<'t>>,
}

/// The output that exists where none is defined.
pub(super) fn default_output() -> OutputSpec {
    OutputSpec {
        name: "stdout".to_owned(),
        format: Format::Auto,
        destination: Destination::Stdout,
        color: Color::Auto,
        kinds: EventKind::ALL.to_vec(),
        origin: Arc::default(),
    }
}

/// Reads every output. Relative paths are resolved against `folder`.
pub(super) fn read<'t>(tables: &[Table<'t>], folder: &Path, report: &mut ErrorReport<'_>) -> Outputs<'t> {
    let mut outputs: Vec<OutputSpec> = Vec::new();
    let (mut delivered, mut delivering, mut named) = (Vec::new(), Vec::new(), Vec::new());
    let mut pushes = Vec::new();
    for table in tables.iter().filter(|table| table.kind() == TableKind::Output) {
        let kind = table.choice(report, "type", &TYPES, Type::Stream(Format::Auto));
        let is_meant = |key: &str| match kind {
            Type::Stream(_) => STREAM_KEYS.contains(&key),
            Type::Journald => matches!(key, "type" | "events"),
            Type::Delivery(kind) => kind.has(key),
            Type::RemoteWrite => pushes::has(key),
        };
        for key in TableKind::Output.keys().iter().filter(|key| table.has(key) && !is_meant(key)) {
            table.refuse(report, key, "means nothing to an output of this type; take it out");
        }
        let output = match kind {
            Type::Stream(format) => read_output(table, format, folder, report),
            Type::Journald => Some(OutputSpec {
                name: table.name().to_owned(),
                format: Format::Console,
                destination: Destination::Journal(journal()),
                color: Color::Never,
                kinds: read_events(table, report),
                origin: Arc::default(),
            }),
            Type::RemoteWrite => {
                pushes.extend(pushes::read(table, folder, report));
                continue;
            }
            Type::Delivery(kind) => {
                let route = routes::read_route(table, kind.selects_labels(), &mut named, report);
                let read = deliveries::read(kind, table, &route, folder, report);
                pushes.extend(read.iter().filter_map(|spec| pushes::beside(spec, table, report)));
                delivered.extend(read);
                delivering.push(table.name());
                continue;
            }
        };
        let Some(output) = output else { continue };
        if let Some(other) = outputs.iter().find(|other| other.destination == output.destination) {
            refuse_second(table, other, report);
        }
        outputs.push(output);
    }
    if outputs.is_empty() {
        outputs.push(default_output());
    }
    Outputs { written: outputs, delivered, pushes, delivering, named }
}

/// Two outputs with one destination would tell everything twice, and tear each other's lines.
fn refuse_second(table: &Table<'_>, other: &OutputSpec, report: &mut ErrorReport<'_>) {
    let (where_to, remedy) = match &other.destination {
        Destination::Stdout => ("standard output", "give it another `path`, or merge the two"),
        Destination::File(_) => ("the same file", "give it another `path`, or merge the two"),
        Destination::Journal(_) => ("the journal", "merge the two"),
    };
    report.refuse(
        if table.has("path") { table.span_of("path") } else { table.span() },
        format!("{} writes to {where_to}, as {} does; {remedy}", table.label(), quoted(&other.name)),
    );
}

/// Where the journal listens; tests have one of their own.
fn journal() -> PathBuf {
    std::env::var_os("SPIKETAIL_JOURNAL_SOCKET")
        .map_or_else(|| PathBuf::from(journald::SOCKET), PathBuf::from)
}

/// `None` if its destination was refused, so that it is not held against another.
fn read_output(
    table: &Table<'_>,
    format: Format,
    folder: &Path,
    report: &mut ErrorReport<'_>,
) -> Option<OutputSpec> {
    let color = table.choice(report, "color", &COLORS, Color::Auto);
    let kinds = read_events(table, report);
    let destination = match table.text(report, "path") {
        None if table.has("path") => return None,
        None => Destination::Stdout,
        Some(path) if *path.get_ref() == "-" => Destination::Stdout,
        Some(path) => match absolute(path.get_ref(), folder) {
            Ok(path) => Destination::File(path),
            Err(why_not) => {
                let shown = quoted(path.get_ref());
                table.refuse(report, "path", &format!("is {shown}: {why_not}"));
                return None;
            }
        },
    };
    Some(OutputSpec {
        name: table.name().to_owned(),
        format,
        destination,
        color,
        kinds,
        origin: Arc::default(),
    })
}

fn read_events(table: &Table<'_>, report: &mut ErrorReport<'_>) -> Vec<EventKind> {
    let all = "leave the key out for all events, or remove the output";
    let Some(names) = table.filled_list(report, "events", all) else { return EventKind::ALL.to_vec() };
    let choices = EventKind::ALL.map(|kind| (kind.as_str(), kind));
    let kinds = names.iter().filter_map(|name| table.choose(report, "events", name, &choices));
    kinds.collect()
}

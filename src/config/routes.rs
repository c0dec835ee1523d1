//! Who is notified of an alert: `outputs` and `labels` of alerts, and what outputs take of them.

use std::collections::BTreeMap;
use std::ops::Range;

use super::error::{ErrorReport, quoted};
use super::table::{Table, Text};
use crate::alert::AlertNotes;
use crate::event::Severity;
use crate::notify::route::Route;

/// Labels that alerts have anyway.
const OWN_LABELS: [&str; 8] =
    ["alertname", "severity", "watch", "rule", "path", "pattern", "instance", "host"];
/// Annotations that alerts have anyway.
const OWN_ANNOTATIONS: [&str; 10] =
    ["summary", "why", "count", "samples", "patterns", "total", "peak", "duration", "late", "runbook_url"];

/// A name in the table of an output that may name nothing.
pub(super) struct NamedByOutput<'t> {
    pub(super) name: Text<'t>,
    /// The header of the table.
    pub(super) label: String,
    pub(super) kind: NamedKind,
}

/// What a name is of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum NamedKind {
    Alert,
    Watch,
}

/// An output that an alert names.
pub(super) struct NamedOutput {
    pub(super) name: String,
    pub(super) span: Range<usize>,
}

/// What an alert says beside its condition. Its outputs are not looked up yet.
pub(super) fn read_notes(table: &Table<'_>, report: &mut ErrorReport<'_>) -> (AlertNotes, Vec<NamedOutput>) {
    let names = table.list(report, "outputs");
    let outputs = names.as_ref().map(|names| names.iter().map(|name| (*name.get_ref()).to_owned()).collect());
    let named = names.into_iter().flatten();
    let named =
        named.map(|name| NamedOutput { name: (*name.get_ref()).to_owned(), span: name.span() }).collect();
    let annotations = table.map(report, "annotations");
    refuse_names(table, "annotations", &annotations, &OWN_ANNOTATIONS, report);
    let runbook = table.text(report, "runbook").map(|text| text.get_ref().trim().to_owned());
    if runbook.as_ref().is_some_and(String::is_empty) {
        table.refuse(report, "runbook", "is empty; write where it says what to do, or leave the key out");
    }
    let notes = AlertNotes { outputs, labels: read_labels(table, report), annotations, runbook };
    (notes, named)
}

/// The labels of a table, as Prometheus and Alertmanager take them.
pub(super) fn read_labels(table: &Table<'_>, report: &mut ErrorReport<'_>) -> BTreeMap<String, String> {
    read_labels_beside(table, &[], report)
}

/// The same, where the names `taken` mean something else.
pub(super) fn read_labels_beside(
    table: &Table<'_>,
    taken: &[&str],
    report: &mut ErrorReport<'_>,
) -> BTreeMap<String, String> {
    let labels = table.map(report, "labels");
    refuse_names(table, "labels", &labels, &OWN_LABELS, report);
    for name in taken.iter().filter(|name| labels.contains_key(**name)) {
        let what = format!("holds `{name}`, which some metrics have by themselves; write another name");
        table.refuse(report, "labels", &what);
    }
    labels
}

fn refuse_names(
    table: &Table<'_>,
    key: &str,
    entries: &BTreeMap<String, String>,
    own: &[&str],
    report: &mut ErrorReport<'_>,
) {
    for (name, value) in entries {
        let shown = quoted(name);
        let letters = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let is_name = letters && !name.is_empty() && !name.as_bytes()[0].is_ascii_digit();
        let what = if !is_name {
            format!(
                "holds {shown}, which is no name of a label; write letters, digits and `_`, no digit first"
            )
        } else if name.starts_with("__") {
            format!("holds {shown}, but names with `__` in front are Prometheus's own; write another one")
        } else if own.contains(&name.as_str()) {
            format!("holds {shown}, which every alert has by itself; write another name")
        } else if value.is_empty() {
            format!("has an empty text for {shown}, which counts as none; write one, or take it out")
        } else {
            continue;
        };
        table.refuse(report, key, &what);
    }
}

/// Which alerts an output takes. The names in it are not looked up yet. Alertmanager selects by labels itself: there, `labels` are
/// those that alerts get.
pub(super) fn read_route<'t>(
    table: &Table<'t>,
    selects_labels: bool,
    named: &mut Vec<NamedByOutput<'t>>,
    report: &mut ErrorReport<'_>,
) -> Route {
    let severities = Severity::ALL.map(|severity| (severity.as_str(), severity));
    let taken = table.texts(report, "severity");
    let taken = taken.iter().filter_map(|text| table.choose(report, "severity", text, &severities)).collect();
    let mut names = |report: &mut ErrorReport<'_>, key: &str, kind| {
        let names = table.filled_list(report, key, "leave the key out for all").unwrap_or_default();
        let texts = names.iter().map(|name| (*name.get_ref()).to_owned()).collect();
        named.extend(names.into_iter().map(|name| NamedByOutput { name, label: table.label(), kind }));
        texts
    };
    Route {
        output: table.name().to_owned(),
        severities: taken,
        alerts: names(report, "alerts", NamedKind::Alert),
        watches: names(report, "watches", NamedKind::Watch),
        labels: if selects_labels { read_labels(table, report) } else { BTreeMap::new() },
        is_digest: table.has("digest"),
    }
}

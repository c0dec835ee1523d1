//! From names to what they name, between alerts, watches and outputs.

use std::ops::Range;

use super::alerts::AlertTable;
use super::error::{ErrorReport, quoted};
use super::outputs::Outputs;
use super::routes::{NamedByOutput, NamedKind, NamedOutput};
use super::values::hint;
use super::watches::Watch;

/// Refuses names of outputs, alerts and watches that name nothing.
pub(super) fn link(
    outputs: &Outputs<'_>,
    alerts: &[AlertTable<'_>],
    watches: &[Watch<'_>],
    report: &mut ErrorReport<'_>,
) {
    for alert in alerts {
        for NamedOutput { name, span } in &alert.outputs {
            refuse_output(alert, name, span.clone(), outputs, report);
        }
    }
    for NamedByOutput { name, label, kind } in &outputs.named {
        let (what, known): (_, Vec<&str>) = match kind {
            NamedKind::Alert => ("an alert", alerts.iter().map(|alert| alert.spec.name.as_str()).collect()),
            NamedKind::Watch => ("a watch", watches.iter().map(|watch| watch.name.as_str()).collect()),
        };
        if !known.contains(name.get_ref()) {
            let (shown, hint) = (quoted(name.get_ref()), hint(name.get_ref(), known.into_iter()));
            report.refuse(name.span(), format!("{label} names {what} that does not exist: {shown}{hint}"));
        }
    }
}

fn refuse_output(
    alert: &AlertTable<'_>,
    name: &str,
    span: Range<usize>,
    outputs: &Outputs<'_>,
    report: &mut ErrorReport<'_>,
) {
    let (label, shown) = (&alert.label, quoted(name));
    if outputs.delivering.contains(&name) {
        return;
    }
    let message = if outputs.written.iter().any(|output| output.name == name) {
        format!(
            "`outputs` in {label} names {shown}, which is written to and has every alert anyway; \
             name outputs that answer, or write `outputs = []` for none of them"
        )
    } else {
        let hint = hint(name, outputs.delivering.iter().copied());
        format!("{label} names an output that does not exist: {shown}{hint}")
    };
    report.refuse(span, message);
}

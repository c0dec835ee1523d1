//! The tables `[alert.NAME]`.

use std::ops::Range;

use super::conditions;
use super::engine::to_usize;
use super::error::ErrorReport;
use super::routes::{NamedOutput, read_notes};
use super::schema::Kind;
use super::table::{Table, Text};
use super::values::{DAY_MS, MINUTE_MS};
use crate::alert::{AlertSpec, Scope};
use crate::detect::condition::Condition;
use crate::event::Severity;

/// How many sample lines an alert carries where nothing else is said.
pub(super) const DEFAULT_SAMPLES: usize = 5;

/// In the journal the unit stands where a file has its path.
const SCOPES: [(&str, Scope); 4] =
    [("watch", Scope::Watch), ("path", Scope::Path), ("unit", Scope::Path), ("pattern", Scope::Pattern)];

/// An alert, its rule and watches not yet looked up.
pub(super) struct AlertTable<'t> {
    /// Complete but for `rule` and `watches`.
    pub(super) spec: AlertSpec,
    /// The header as it is written.
    pub(super) label: String,
    /// Where its name stands.
    pub(super) span: Range<usize>,
    /// The rule it names.
    pub(super) rule: Option<Text<'t>>,
    /// Whether `rule` is there, right or wrong.
    pub(super) has_rule: bool,
    /// The watches it names, or nothing for all that use the rule.
    pub(super) watches: Option<Vec<Text<'t>>>,
    /// The outputs it names.
    pub(super) outputs: Vec<NamedOutput>,
}

/// Reads every alert.
pub(super) fn read<'t>(tables: &[Table<'t>], report: &mut ErrorReport<'_>) -> Vec<AlertTable<'t>> {
    let tables = tables.iter().filter(|table| table.kind() == Kind::Alert);
    tables.map(|table| read_alert(table, report)).collect()
}

fn read_alert<'t>(table: &Table<'t>, report: &mut ErrorReport<'_>) -> AlertTable<'t> {
    let severities = Severity::ALL.map(|severity| (severity.as_str(), severity));
    let condition = conditions::read(table, report);
    let by_default =
        if matches!(condition, Condition::NewPattern { .. }) { Scope::Pattern } else { Scope::Watch };
    let scope = table.choice(report, "by", &SCOPES, by_default);
    let can_be = |condition: &Condition| {
        matches!(condition, Condition::Count { .. } | Condition::Spike(_) | Condition::NewPattern { .. })
    };
    if scope == Scope::Pattern && !can_be(&condition) {
        table.refuse(
            report,
            "by",
            "can be \"pattern\" only with `when` \"count\", \"spike\" or \"new\" without `window`",
        );
    }
    let (notes, outputs) = read_notes(table, report);
    let spec = AlertSpec {
        name: table.name().to_owned(),
        rule: String::new(),
        watches: Vec::new(),
        scope,
        condition,
        severity: table.choice(report, "severity", &severities, Severity::Critical),
        for_ms: table.duration_ms(report, "for", 0..=DAY_MS, 0),
        keep_firing_for_ms: table.duration_ms(report, "keep_firing_for", 0..=DAY_MS, MINUTE_MS),
        cooldown_ms: table.duration_ms(report, "cooldown", 0..=DAY_MS, MINUTE_MS),
        samples_max: table.integer(report, "samples", 0..=50).map_or(DEFAULT_SAMPLES, to_usize),
        notes,
    };
    AlertTable {
        spec,
        label: table.label(),
        span: table.span(),
        rule: table.text(report, "rule"),
        has_rule: table.has("rule"),
        outputs,
        watches: table.filled_list(report, "watches", "leave the key out for all watches that use the rule"),
    }
}

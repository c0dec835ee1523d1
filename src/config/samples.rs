//! Tries the samples of a rule: lines that it must match, and lines that it must not.

use super::error::{ErrorReport, quoted};
use super::rules::{Rule, RuleSample};
use crate::scan::explain::{Finding, explain};

/// Refuses every sample that is not judged as it should be.
pub(super) fn check(rule: &Rule, report: &mut ErrorReport<'_>) {
    for RuleSample { line, is_match, span } in &rule.samples {
        let name = quoted(&rule.spec.name);
        let Ok(finding) = explain(&rule.spec, line.as_bytes()) else { continue };
        let why = match (finding, is_match) {
            (Finding::Matches, true) => continue,
            (Finding::Matches, false) => format!("{name} must not match this line, but does"),
            (_, false) => continue,
            (Finding::Absent, true) => {
                format!("{name} must match this line, but none of what it looks for is in it")
            }
            (Finding::Excluded(by), true) => {
                format!("{name} must match this line, but `not` excludes it by {}", quoted(&by))
            }
            (Finding::TooMild(None), true) => {
                format!("{name} must match this line, but no level can be read from it")
            }
            (Finding::TooMild(Some(level)), true) => {
                format!("{name} must match this line, but its level is {level}")
            }
        };
        report.refuse(span.clone(), why);
    }
}

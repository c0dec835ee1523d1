//! Why a rule matches a line or does not. For people: compiles the rule again each time.

use crate::scan::level::{Level, level_of};
use crate::scan::rules::{RulePatternError, RuleSet};
use crate::scan::scanner::Scanner;
use crate::scan::spec::RuleSpec;

/// The result of one rule for one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// It matches.
    Matches,
    /// It holds nothing that is wanted.
    Absent,
    /// It would match but for this pattern of `not`.
    Excluded(String),
    /// It would match if its level, which is this one, were more severe.
    TooMild(Option<Level>),
}

/// Matches `line` against `rule`, and says why it does not match.
///
/// # Errors
/// See [`RulePatternError`].
pub fn explain(rule: &RuleSpec, line: &[u8]) -> Result<Finding, RulePatternError> {
    let matches = |rule: RuleSpec| {
        let rules = RuleSet::compile(&[rule])?;
        let mut is_match = false;
        Scanner::new(rules, line.len().max(1)).judge(line, &mut |_| is_match = true);
        Ok(is_match)
    };
    if matches(rule.clone())? {
        return Ok(Finding::Matches);
    }
    for pattern in &rule.not {
        let excludes =
            RuleSpec { regex: vec![pattern.clone()], ignore_case: rule.ignore_case, ..RuleSpec::default() };
        if matches(excludes)? {
            return Ok(Finding::Excluded(pattern.clone()));
        }
    }
    let is_wanted = match rule.level {
        Some(_) if rule.any.is_empty() && rule.regex.is_empty() => true,
        _ => matches(RuleSpec { level: None, not: Vec::new(), ..rule.clone() })?,
    };
    Ok(if is_wanted { Finding::TooMild(level_of(line)) } else { Finding::Absent })
}

//! The search for lines that continue a record.

use regex_automata::MatchKind;
use regex_automata::meta::Regex;

use crate::scan::finder::build;
use crate::scan::multiline::Multiline;
use crate::scan::pattern::{CaseScope, RulePatternError, parse};

/// White space, also as a container runtime escapes it.
const BLANK: &str = r"(?:[ \t]|\\t)";
/// What a container runtime writes before a line.
const WRAPPER: &str = r#"(?:[0-9T:.+Z-]{20,40} std(?:out|err) [FP] |\{"log":")?"#;

/// Finds lines that continue a record.
#[derive(Debug)]
pub(super) struct Continuation(Regex);

impl Continuation {
    /// # Errors
    /// See [`RulePatternError`].
    pub(super) fn compile(preset: Multiline) -> Result<Continuation, RulePatternError> {
        let forms: Vec<_> = preset.forms().iter().map(|form| form.replace('~', BLANK)).collect();
        let pattern = format!("^{WRAPPER}(?:$|{})", forms.join("|"));
        Ok(Continuation(build(&[parse(&pattern, false, CaseScope::Line)?], MatchKind::LeftmostFirst)?))
    }

    /// Whether `line`, without its line end, continues the record before it. An empty line does.
    pub(super) fn is(&self, line: &[u8]) -> bool {
        line.is_empty() || self.0.is_match(line)
    }
}

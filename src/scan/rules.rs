//! All rules of a watch, compiled: what finds their lines, and where their records begin.

use std::sync::Arc;

use regex_automata::MatchKind;

use crate::scan::finder::{Finder, build};
pub use crate::scan::pattern::RulePatternError;
use crate::scan::pattern::{CaseScope, parse};
use crate::scan::records::Starts;
pub use crate::scan::spec::{BUILT_IN, ERRORS_WITHOUT_LEVEL, RuleSpec};

/// Checks that `pattern` is a valid regular expression of a rule.
///
/// # Errors
/// See [`RulePatternError`].
pub fn check_pattern(pattern: &str, ignore_case: bool) -> Result<(), RulePatternError> {
    build(&[parse(pattern, ignore_case, CaseScope::Window)?], MatchKind::LeftmostFirst).map(drop)
}

/// See the [module](self).
#[derive(Debug)]
pub struct RuleSet {
    names: Vec<String>,
    finder: Finder,
    starts: Option<Starts>,
}

impl RuleSet {
    /// Compiles `rules`; their order is the order of every list of counts.
    ///
    /// # Errors
    /// See [`RulePatternError`].
    pub fn compile(rules: &[RuleSpec]) -> Result<Arc<RuleSet>, RulePatternError> {
        Ok(Arc::new(RuleSet {
            names: rules.iter().map(|rule| rule.name.clone()).collect(),
            finder: Finder::compile(rules)?,
            starts: Starts::compile(rules)?,
        }))
    }

    /// Whether lines are joined to records, so that they must be read in order.
    #[must_use]
    pub fn has_records(&self) -> bool {
        self.starts.is_some()
    }

    pub(super) fn finder(&self) -> &Finder {
        &self.finder
    }

    pub(super) fn starts(&self) -> Option<&Starts> {
        self.starts.as_ref()
    }

    /// Names of the rules, in order.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_pattern_shows_its_place() {
        let error = check_pattern("foo(bar", false).unwrap_err().to_string();
        assert!(error.contains("foo(bar\n       ^"), "{error}");
        assert_eq!(check_pattern(r"a\nb", false), Err(RulePatternError::LineFeed));
        let literal = RuleSpec { any: vec!["a\nb".into()], ..RuleSpec::default() };
        assert_eq!(RuleSet::compile(&[literal]).unwrap_err(), RulePatternError::LineFeed);
        assert!(matches!(
            check_pattern("(a{1000}){1000}{1000}", false),
            Err(RulePatternError::TooLarge(_) | RulePatternError::Syntax(_))
        ));
    }
}

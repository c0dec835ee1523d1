//! What can be set about patterns.

use std::sync::Arc;

use regex_automata::meta::{BuildError, Regex};

/// How many patterns a watch has at most.
const PATTERNS_MAX: usize = 1_000;

/// What a registry is built from.
#[derive(Debug, Clone)]
pub struct PatternSettings {
    /// Patterns of different scopes have different ids.
    pub scope: String,
    /// How many patterns are kept at most.
    pub patterns_max: usize,
    pub(super) masks: Arc<Vec<Regex>>,
}

impl Default for PatternSettings {
    /// No scope, no masks, 1,000 patterns.
    fn default() -> PatternSettings {
        PatternSettings { scope: String::new(), patterns_max: PATTERNS_MAX, masks: Arc::default() }
    }
}

impl PatternSettings {
    /// The defaults for the patterns of `scope`.
    #[must_use]
    pub fn for_scope(scope: &str) -> PatternSettings {
        PatternSettings { scope: scope.to_owned(), ..PatternSettings::default() }
    }

    /// The same with at most `patterns_max` patterns.
    #[must_use]
    pub fn bounded(&self, patterns_max: usize) -> PatternSettings {
        PatternSettings { patterns_max, ..self.clone() }
    }

    /// Hides what the regular expression `mask` finds.
    ///
    /// # Errors
    /// If it is none.
    pub fn with_mask(mut self, mask: &str) -> Result<PatternSettings, Box<BuildError>> {
        Arc::make_mut(&mut self.masks).push(Regex::new(mask).map_err(Box::new)?);
        Ok(self)
    }
}

//! Rules as they are configured.

use regex_syntax::hir::Hir;

use crate::scan::level::Level;
use crate::scan::multiline::Multiline;
use crate::scan::pattern::{CaseScope, RulePatternError, as_words, literal, parse};

/// The name of the built-in rule.
pub const BUILT_IN: &str = "errors";

/// Texts of errors that are written without a level: by Python, Rust, the JVM, Go, C++, .NET and the kernel.
pub const ERRORS_WITHOUT_LEVEL: [&str; 11] = [
    "Traceback (most recent call last)",
    "panicked at",
    "Exception in thread",
    "panic:",
    "fatal error:",
    "terminate called after throwing",
    "Unhandled exception",
    "segfault",
    "Segmentation fault",
    "Out of memory",
    "Kernel panic",
];

/// A validated rule: a line matches if any of `any` or `regex` is in it, none of `not` is, and it is as severe as `level`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RuleSpec {
    /// Unique name.
    pub name: String,
    /// Literal texts.
    pub any: Vec<String>,
    /// Regular expressions.
    pub regex: Vec<String>,
    /// Regular expressions that exclude a line.
    pub not: Vec<String>,
    /// Whether case is ignored in all of them.
    pub ignore_case: bool,
    /// Whether `any` and `regex` match whole words only.
    pub word: bool,
    /// How severe a line must be. Without `any` and `regex` the level alone decides.
    pub level: Option<Level>,
    /// Literal texts that are as severe as `level` in a line without a level.
    pub without_level: Vec<String>,
    /// A regular expression for the first line of a record: the rule counts once in each.
    pub record_start: Option<String>,
    /// Which lines continue a record, instead of `record_start`. Then the level of a record is that of its first line.
    pub multiline: Option<Multiline>,
    /// Regular expressions for what varies in its lines beyond what is known to vary.
    pub masks: Vec<String>,
}

impl RuleSpec {
    /// The built-in rule: lines of level `error` and above, and lines without a level that are errors by their form.
    #[must_use]
    pub fn errors() -> RuleSpec {
        RuleSpec {
            name: BUILT_IN.to_owned(),
            level: Some(Level::Error),
            without_level: ERRORS_WITHOUT_LEVEL.map(str::to_owned).into(),
            ..RuleSpec::default()
        }
    }

    /// A rule named `errors` for lines that contain `text`.
    #[must_use]
    pub fn containing(text: &str) -> RuleSpec {
        RuleSpec { name: BUILT_IN.to_owned(), any: vec![text.to_owned()], ..RuleSpec::default() }
    }

    /// What a line must hold; for a window, at least that.
    pub(super) fn wanted(&self, scope: CaseScope) -> Result<Hir, RulePatternError> {
        if self.any.is_empty() && self.regex.is_empty() {
            // The level alone decides.
            return Ok(self.level.map_or_else(Hir::fail, |_| Hir::empty()));
        }
        let any = self.any.iter().map(|text| literal(text, self.ignore_case, scope));
        let regex = self.regex.iter().map(|pattern| parse(pattern, self.ignore_case, scope));
        let wanted = Hir::alternation(any.chain(regex).collect::<Result<_, _>>()?);
        Ok(if self.word && scope == CaseScope::Line { as_words(wanted) } else { wanted })
    }

    /// Whether every line that holds what is wanted matches.
    pub(super) fn is_plain(&self) -> bool {
        self.not.is_empty() && self.level.is_none() && !self.word
    }

    /// Whether the level decides which lines match, with what is excluded.
    pub(super) fn is_level_alone(&self) -> bool {
        self.any.is_empty() && self.regex.is_empty() && self.level.is_some()
    }

    /// Whether most lines may match.
    pub(super) fn is_anywhere(&self) -> bool {
        self.is_level_alone() && self.level.is_some_and(|level| level <= Level::Notice)
    }

    pub(super) fn unwanted(&self) -> Result<Hir, RulePatternError> {
        let not = self.not.iter().map(|pattern| parse(pattern, self.ignore_case, CaseScope::Line));
        // An alternation of nothing matches nothing.
        Ok(Hir::alternation(not.collect::<Result<_, _>>()?))
    }
}

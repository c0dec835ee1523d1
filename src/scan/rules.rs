//! Rules.

/// A validated rule: a line matches if any of `any` or `regex` is in it and none of `not` is.
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
}

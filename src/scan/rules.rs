//! Rules, and the set that a watch's rules compile to.
//!
//! A set has a *finder*, one search over the window that stops only at lines which may match some rule, and a *judge*,
//! one search over such a line that says which rules match it. Where the finder alone is certain, nothing is judged.

use std::sync::Arc;

use memchr::memmem;
use regex_automata::meta::{self, Regex};
use regex_automata::{MatchKind, PatternSet};
use regex_syntax::hir::Hir;

pub use crate::scan::pattern::PatternError;
use crate::scan::pattern::{Scope, literal, parse};

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

impl RuleSpec {
    /// The rule that stands where nobody named one: lines with `ERROR`.
    #[must_use]
    pub fn errors() -> RuleSpec {
        RuleSpec { name: "errors".to_owned(), any: vec!["ERROR".to_owned()], ..RuleSpec::default() }
    }

    fn wanted(&self, scope: Scope) -> Result<Hir, PatternError> {
        let any = self.any.iter().map(|text| literal(text, self.ignore_case, scope));
        let regex = self.regex.iter().map(|pattern| parse(pattern, self.ignore_case, scope));
        Ok(Hir::alternation(any.chain(regex).collect::<Result<_, _>>()?))
    }

    fn unwanted(&self) -> Result<Hir, PatternError> {
        let not = self.not.iter().map(|pattern| parse(pattern, self.ignore_case, Scope::Line));
        // An alternation of nothing matches nothing.
        Ok(Hir::alternation(not.collect::<Result<_, _>>()?))
    }
}

/// Says whether `pattern` can be used as a regular expression in a rule.
///
/// # Errors
/// See [`PatternError`].
pub fn check_pattern(pattern: &str, ignore_case: bool) -> Result<(), PatternError> {
    build(&[parse(pattern, ignore_case, Scope::Window)?], MatchKind::LeftmostFirst).map(drop)
}

/// How much memory one compiled search may take, in bytes.
const COMPILED_BYTES_MAX: usize = 64 << 20;

fn build(hirs: &[Hir], kind: MatchKind) -> Result<Regex, PatternError> {
    let config =
        meta::Config::new().utf8_empty(false).match_kind(kind).nfa_size_limit(Some(COMPILED_BYTES_MAX));
    Regex::builder()
        .configure(config)
        .build_many_from_hir(hirs)
        .map_err(|e| PatternError::TooLarge(e.to_string()))
}

#[derive(Debug)]
enum Finder {
    Literal(Box<memmem::Finder<'static>>),
    Regex(Regex),
}

#[derive(Debug)]
enum Judge {
    /// The rule is alone and excludes nothing.
    Alone(Regex),
    /// Patterns `0..n` are what the n rules want, `n..2n` what they do not.
    Each(Regex),
}

/// All rules of a watch, compiled.
#[derive(Debug)]
pub struct RuleSet {
    names: Vec<String>,
    finder: Finder,
    judge: Judge,
}

impl RuleSet {
    /// Compiles `rules`; their order is the order of every list of counts.
    ///
    /// # Errors
    /// See [`PatternError`].
    pub fn compile(rules: &[RuleSpec]) -> Result<Arc<RuleSet>, PatternError> {
        let finder = match rules {
            [RuleSpec { any, regex, ignore_case: false, .. }] if regex.is_empty() && any.len() == 1 => {
                literal(&any[0], false, Scope::Window)?;
                Finder::Literal(Box::new(memmem::Finder::new(any[0].as_bytes()).into_owned()))
            }
            _ => {
                let all = rules.iter().map(|rule| rule.wanted(Scope::Window)).collect::<Result<_, _>>()?;
                Finder::Regex(build(&[Hir::alternation(all)], MatchKind::LeftmostFirst)?)
            }
        };
        let names = rules.iter().map(|r| r.name.clone()).collect();
        Ok(Arc::new(RuleSet { names, finder, judge: judge(rules)? }))
    }

    /// Names of the rules, in order.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// How many rules there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are no rules.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Position of some byte (or the end) of the next line at or after `from` that may match.
    pub(super) fn find(&self, bytes: &[u8], from: usize) -> Option<usize> {
        match &self.finder {
            Finder::Literal(finder) => finder.find(&bytes[from..]).map(|at| from + at),
            Finder::Regex(regex) => {
                let input = regex_automata::Input::new(bytes).range(from..).earliest(true);
                regex.search_half(&input).map(|end| end.offset())
            }
        }
    }

    /// Whether a line in which something was found matches without further ado, if the rules see it as it stands there.
    pub(super) fn is_certain(&self) -> bool {
        matches!(self.judge, Judge::Alone(_))
    }

    /// Calls `hit` with the index of every rule that `line` matches. `scratch` comes from [`RuleSet::scratch`].
    pub(super) fn judge(&self, line: &[u8], scratch: &mut PatternSet, mut hit: impl FnMut(usize)) {
        let judge = match &self.judge {
            Judge::Alone(judge) => {
                if judge.is_match(line) {
                    hit(0);
                }
                return;
            }
            Judge::Each(judge) => judge,
        };
        scratch.clear();
        judge.which_overlapping_matches(&regex_automata::Input::new(line), scratch);
        let rules = self.len();
        for pattern in scratch.iter().map(|id| id.as_usize()).take_while(|id| *id < rules) {
            if !scratch.contains(regex_automata::PatternID::new_unchecked(rules + pattern)) {
                hit(pattern);
            }
        }
    }

    /// Working memory for [`RuleSet::judge`].
    pub(super) fn scratch(&self) -> PatternSet {
        PatternSet::new(self.len() * 2)
    }
}

fn judge(rules: &[RuleSpec]) -> Result<Judge, PatternError> {
    if let [rule] = rules
        && rule.not.is_empty()
    {
        return Ok(Judge::Alone(build(&[rule.wanted(Scope::Line)?], MatchKind::LeftmostFirst)?));
    }
    let wanted = rules.iter().map(|rule| rule.wanted(Scope::Line));
    let unwanted = rules.iter().map(RuleSpec::unwanted);
    Ok(Judge::Each(build(&wanted.chain(unwanted).collect::<Result<Vec<_>, _>>()?, MatchKind::All)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_pattern_shows_its_place() {
        let error = check_pattern("foo(bar", false).unwrap_err().to_string();
        assert!(error.contains("foo(bar\n       ^"), "{error}");
        assert_eq!(check_pattern(r"a\nb", false), Err(PatternError::LineFeed));
        let literal = RuleSpec { any: vec!["a\nb".into()], ..RuleSpec::default() };
        assert_eq!(RuleSet::compile(&[literal]).unwrap_err(), PatternError::LineFeed);
        assert!(matches!(
            check_pattern("(a{1000}){1000}{1000}", false),
            Err(PatternError::TooLarge(_) | PatternError::Syntax(_))
        ));
    }
}

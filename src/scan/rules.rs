//! Rules, and the set that a watch's rules compile to.
//!
//! A set has a *finder*, one search over the window that stops only at lines which may match some rule, and a *judge*,
//! one search over such a line that says which rules match it. Where the finder alone is certain, nothing is judged.

use std::sync::Arc;

use memchr::memmem;
use regex_automata::meta::{self, Regex};
use regex_automata::{MatchKind, PatternSet};
use regex_syntax::hir::Hir;

use crate::scan::level::{Level, candidates, level_of};
use crate::scan::literals::Literals;
pub use crate::scan::pattern::RulePatternError;
use crate::scan::pattern::{CaseScope, as_words, literal, parse};
use crate::scan::records::Starts;
use crate::scan::scanner::Scanner;

/// A validated rule: a line matches if any of `any` or `regex` is in it, none of `not` is, and it is as grave as `level` says.
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
    /// How grave a line must say it is. Without `any` and `regex` that alone decides.
    pub level: Option<Level>,
    /// A regular expression for the first line of a record: the rule counts once in each.
    pub record_start: Option<String>,
}

impl RuleSpec {
    /// The rule that stands where nobody named one: lines with `ERROR`.
    #[must_use]
    pub fn errors() -> RuleSpec {
        RuleSpec { name: "errors".to_owned(), any: vec!["ERROR".to_owned()], ..RuleSpec::default() }
    }

    /// What must be in a line; in a window, what may be more.
    fn wanted(&self, scope: CaseScope) -> Result<Hir, RulePatternError> {
        if self.any.is_empty() && self.regex.is_empty() {
            return match (scope, self.level) {
                (CaseScope::Window, Some(level)) => parse(&candidates(level), false, scope),
                // The level alone decides.
                (_, level) => Ok(level.map_or_else(Hir::fail, |_| Hir::empty())),
            };
        }
        let any = self.any.iter().map(|text| literal(text, self.ignore_case, scope));
        let regex = self.regex.iter().map(|pattern| parse(pattern, self.ignore_case, scope));
        let wanted = Hir::alternation(any.chain(regex).collect::<Result<_, _>>()?);
        Ok(if self.word && scope == CaseScope::Line { as_words(wanted) } else { wanted })
    }

    /// Whether a line that has what is wanted in it matches without further ado.
    fn is_plain(&self) -> bool {
        self.not.is_empty() && self.level.is_none() && !self.word
    }

    /// Whether most lines may match.
    fn is_anywhere(&self) -> bool {
        let is_common = |level: Level| level <= Level::Notice;
        self.any.is_empty() && self.regex.is_empty() && self.level.is_some_and(is_common)
    }

    fn unwanted(&self) -> Result<Hir, RulePatternError> {
        let not = self.not.iter().map(|pattern| parse(pattern, self.ignore_case, CaseScope::Line));
        // An alternation of nothing matches nothing.
        Ok(Hir::alternation(not.collect::<Result<_, _>>()?))
    }
}

/// What a rule makes of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// It matches.
    Matches,
    /// Nothing that is wanted is in it.
    Absent,
    /// It would match but for this pattern of `not`.
    Excluded(String),
    /// It would match if its level, which is this one, were graver.
    TooMild(Option<Level>),
}

/// Says what `rule` makes of `line`, and why. For people: compiles the rule anew.
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

/// Says whether `pattern` can be used as a regular expression in a rule.
///
/// # Errors
/// See [`RulePatternError`].
pub fn check_pattern(pattern: &str, ignore_case: bool) -> Result<(), RulePatternError> {
    build(&[parse(pattern, ignore_case, CaseScope::Window)?], MatchKind::LeftmostFirst).map(drop)
}

/// How much memory one compiled search may take, in bytes.
const COMPILED_BYTES_MAX: usize = 64 << 20;

fn build(hirs: &[Hir], kind: MatchKind) -> Result<Regex, RulePatternError> {
    let config =
        meta::Config::new().utf8_empty(false).match_kind(kind).nfa_size_limit(Some(COMPILED_BYTES_MAX));
    Regex::builder()
        .configure(config)
        .build_many_from_hir(hirs)
        .map_err(|e| RulePatternError::TooLarge(e.to_string()))
}

#[derive(Debug)]
enum Finder {
    /// Every line may match.
    All,
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
    /// Whether what was found need not be judged.
    is_certain: bool,
    /// How grave a line must be for each rule.
    levels: Vec<Option<Level>>,
    starts: Option<Starts>,
    /// Instead of finder and judge, where there is nothing but literal texts.
    literals: Option<Literals>,
}

impl RuleSet {
    /// Compiles `rules`; their order is the order of every list of counts.
    ///
    /// # Errors
    /// See [`RulePatternError`].
    pub fn compile(rules: &[RuleSpec]) -> Result<Arc<RuleSet>, RulePatternError> {
        let finder = match rules {
            _ if rules.iter().any(RuleSpec::is_anywhere) => Finder::All,
            [RuleSpec { any, regex, ignore_case: false, .. }] if regex.is_empty() && any.len() == 1 => {
                literal(&any[0], false, CaseScope::Window)?;
                Finder::Literal(Box::new(memmem::Finder::new(any[0].as_bytes()).into_owned()))
            }
            _ => {
                let all =
                    rules.iter().map(|rule| rule.wanted(CaseScope::Window)).collect::<Result<_, _>>()?;
                Finder::Regex(build(&[Hir::alternation(all)], MatchKind::LeftmostFirst)?)
            }
        };
        let names = rules.iter().map(|r| r.name.clone()).collect();
        let is_certain = matches!(rules, [rule] if rule.is_plain());
        let levels = rules.iter().map(|rule| rule.level).collect();
        let starts = Starts::compile(rules)?;
        // One text alone is found faster still.
        let literals = match finder {
            Finder::Literal(_) => None,
            _ => Literals::new(rules),
        };
        Ok(Arc::new(RuleSet { names, finder, judge: judge(rules)?, is_certain, levels, starts, literals }))
    }

    /// Whether lines are put together to records, so that they must be read in order.
    #[must_use]
    pub fn has_records(&self) -> bool {
        self.starts.is_some()
    }

    pub(super) fn literals(&self) -> Option<&Literals> {
        self.literals.as_ref()
    }

    pub(super) fn starts(&self) -> Option<&Starts> {
        self.starts.as_ref()
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
            Finder::All => (from < bytes.len()).then_some(from),
            Finder::Literal(finder) => finder.find(&bytes[from..]).map(|at| from + at),
            Finder::Regex(regex) => {
                let input = regex_automata::Input::new(bytes).range(from..).earliest(true);
                regex.search_half(&input).map(|end| end.offset())
            }
        }
    }

    /// Whether a line in which something was found matches without further ado, if the rules see it as it stands there.
    pub(super) fn is_certain(&self) -> bool {
        self.is_certain
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
        let mut known = None;
        scratch.clear();
        judge.which_overlapping_matches(&regex_automata::Input::new(line), scratch);
        let rules = self.len();
        for pattern in scratch.iter().map(|id| id.as_usize()).take_while(|id| *id < rules) {
            let is_unwanted = scratch.contains(regex_automata::PatternID::new_unchecked(rules + pattern));
            let is_grave =
                |least| known.get_or_insert_with(|| level_of(line)).is_some_and(|level| level >= least);
            if !is_unwanted && self.levels[pattern].is_none_or(is_grave) {
                hit(pattern);
            }
        }
    }

    /// Working memory for [`RuleSet::judge`].
    pub(super) fn scratch(&self) -> PatternSet {
        PatternSet::new(self.len() * 2)
    }
}

fn judge(rules: &[RuleSpec]) -> Result<Judge, RulePatternError> {
    if let [rule] = rules
        && rule.not.is_empty()
        && rule.level.is_none()
    {
        return Ok(Judge::Alone(build(&[rule.wanted(CaseScope::Line)?], MatchKind::LeftmostFirst)?));
    }
    let wanted = rules.iter().map(|rule| rule.wanted(CaseScope::Line));
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
        assert_eq!(check_pattern(r"a\nb", false), Err(RulePatternError::LineFeed));
        let literal = RuleSpec { any: vec!["a\nb".into()], ..RuleSpec::default() };
        assert_eq!(RuleSet::compile(&[literal]).unwrap_err(), RulePatternError::LineFeed);
        assert!(matches!(
            check_pattern("(a{1000}){1000}{1000}", false),
            Err(RulePatternError::TooLarge(_) | RulePatternError::Syntax(_))
        ));
    }
}

//! Finds the lines that may match some rule of a set, and judges which rules match them.
//!
//! The *search* runs over a whole window and stops only at candidates. The *judge* is one search over such a line. Where the
//! search alone is certain, nothing is judged.

use memchr::memmem;
use regex_automata::meta::{self, Regex};
use regex_automata::{Input, MatchKind, PatternID, PatternSet};
use regex_syntax::hir::Hir;

use crate::scan::level::candidates::{LevelFinds, LevelSearch, NextFind};
use crate::scan::level::{Level, level_of};
use crate::scan::line::{content, line_around};
use crate::scan::literals::Literals;
use crate::scan::pattern::{CaseScope, RulePatternError, literal};
use crate::scan::spec::RuleSpec;

/// The most memory for one compiled search, in bytes.
const COMPILED_BYTES_MAX: usize = 64 << 20;

pub(super) fn build(hirs: &[Hir], kind: MatchKind) -> Result<Regex, RulePatternError> {
    let config =
        meta::Config::new().utf8_empty(false).match_kind(kind).nfa_size_limit(Some(COMPILED_BYTES_MAX));
    Regex::builder()
        .configure(config)
        .build_many_from_hir(hirs)
        .map_err(|e| RulePatternError::TooLarge(e.to_string()))
}

/// How the lines are found that may match.
#[derive(Debug)]
enum CandidateSearch {
    /// Every line may match.
    All,
    /// Each search finds the lines of some of the rules.
    Some { levels: Option<Box<LevelSearch>>, texts: Option<TextSearch> },
}

#[derive(Debug)]
enum TextSearch {
    Literal(Box<memmem::Finder<'static>>),
    Regex(Regex),
}

/// How far the searches are in the current bytes. The default is for their beginning.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Finds {
    levels: LevelFinds,
    texts: NextFind,
}

impl CandidateSearch {
    fn compile(rules: &[RuleSpec]) -> Result<CandidateSearch, RulePatternError> {
        if rules.iter().any(RuleSpec::is_anywhere) {
            return Ok(CandidateSearch::All);
        }
        let (levels, texts): (Vec<_>, Vec<_>) = rules.iter().partition(|rule| rule.is_level_alone());
        let texts = TextSearch::compile(&texts)?;
        let Some(least) = levels.iter().filter_map(|rule| rule.level).min() else {
            return Ok(CandidateSearch::Some { levels: None, texts });
        };
        let without_level: Vec<_> = levels.iter().flat_map(|rule| rule.without_level.clone()).collect();
        let levels = Some(Box::new(LevelSearch::new(least, &without_level)));
        Ok(CandidateSearch::Some { levels, texts })
    }
}

impl TextSearch {
    /// `None` without rules.
    fn compile(rules: &[&RuleSpec]) -> Result<Option<TextSearch>, RulePatternError> {
        Ok(match rules {
            [] => None,
            [RuleSpec { any, regex, ignore_case: false, .. }] if regex.is_empty() && any.len() == 1 => {
                literal(&any[0], false, CaseScope::Window)?;
                let text = memmem::Finder::new(any[0].as_bytes()).into_owned();
                Some(TextSearch::Literal(Box::new(text)))
            }
            _ => {
                let all =
                    rules.iter().map(|rule| rule.wanted(CaseScope::Window)).collect::<Result<_, _>>()?;
                Some(TextSearch::Regex(build(&[Hir::alternation(all)], MatchKind::LeftmostFirst)?))
            }
        })
    }

    fn find(&self, bytes: &[u8], from: usize) -> Option<usize> {
        match self {
            TextSearch::Literal(finder) => finder.find(&bytes[from..]).map(|at| from + at),
            TextSearch::Regex(regex) => {
                let input = Input::new(bytes).range(from..).earliest(true);
                regex.search_half(&input).map(|end| end.offset())
            }
        }
    }
}

#[derive(Debug)]
enum Judge {
    /// A single rule that excludes nothing.
    Alone(Regex),
    /// Patterns `0..n` are wanted by the n rules, `n..2n` are unwanted.
    Each(Regex),
    /// A single rule for which the level alone decides.
    Level(Severity),
}

/// How severe a line must be.
#[derive(Debug)]
struct Severity {
    least: Level,
    /// Texts that are as severe in a line without a level.
    without_level: Vec<memmem::Finder<'static>>,
}

impl Severity {
    fn new(rule: &RuleSpec) -> Option<Severity> {
        let texts = rule.without_level.iter();
        let without_level = texts.map(|text| memmem::Finder::new(text).into_owned()).collect();
        Some(Severity { least: rule.level?, without_level })
    }

    /// Whether `line`, which has this level, is so severe.
    fn is_met(&self, level: Option<Level>, line: &[u8]) -> bool {
        match level {
            Some(level) => level >= self.least,
            None => self.without_level.iter().any(|text| text.find(line).is_some()),
        }
    }
}

/// The compiled patterns of a rule set.
#[derive(Debug)]
pub(super) struct Finder {
    search: CandidateSearch,
    judge: Judge,
    rules: usize,
    /// Whether every candidate matches.
    is_certain: bool,
    /// How severe a line must be for each rule.
    levels: Vec<Option<Severity>>,
    /// Instead of search and judge, where all rules are literal texts.
    literals: Option<Literals>,
}

impl Finder {
    /// # Errors
    /// See [`RulePatternError`].
    pub(super) fn compile(rules: &[RuleSpec]) -> Result<Finder, RulePatternError> {
        let search = CandidateSearch::compile(rules)?;
        // A single text is found faster without.
        let literals = match search {
            CandidateSearch::Some { texts: Some(TextSearch::Literal(_)), .. } => None,
            _ => Literals::new(rules),
        };
        Ok(Finder {
            search,
            judge: judge(rules)?,
            rules: rules.len(),
            is_certain: matches!(rules, [rule] if rule.is_plain()),
            levels: rules.iter().map(Severity::new).collect(),
            literals,
        })
    }

    pub(super) fn literals(&self) -> Option<&Literals> {
        self.literals.as_ref()
    }

    /// Position of some byte (or the end) of the next candidate at or after `from`, where a line begins. `finds` is that of the
    /// calls before for the same bytes.
    pub(super) fn find(&self, bytes: &[u8], from: usize, finds: &mut Finds) -> Option<usize> {
        let CandidateSearch::Some { levels, texts } = &self.search else {
            return (from < bytes.len()).then_some(from);
        };
        let level = levels.as_ref().and_then(|levels| levels.find(bytes, from, &mut finds.levels));
        let Some(texts) = texts else { return level };
        let text = finds.texts.at(from, |from| texts.find(bytes, from));
        Some(text.min(level.unwrap_or(text))).filter(|at| *at <= bytes.len())
    }

    /// Whether every candidate matches, if the rules see the whole line.
    pub(super) fn is_certain(&self) -> bool {
        self.is_certain
    }

    /// Calls `hit` with the index of every rule that `line` matches. `scratch` is from [`Finder::scratch`].
    pub(super) fn judge(&self, line: &[u8], scratch: &mut PatternSet, hit: impl FnMut(usize)) {
        self.judge_as(line, || level_of(line), scratch, hit);
    }

    /// The same for a line whose level is known otherwise.
    pub(super) fn judge_as(
        &self,
        line: &[u8],
        level: impl Fn() -> Option<Level>,
        scratch: &mut PatternSet,
        mut hit: impl FnMut(usize),
    ) {
        let judge = match &self.judge {
            Judge::Alone(judge) => {
                if judge.is_match(line) {
                    hit(0);
                }
                return;
            }
            Judge::Level(severity) => {
                if severity.is_met(level(), line) {
                    hit(0);
                }
                return;
            }
            Judge::Each(judge) => judge,
        };
        let mut known = None;
        scratch.clear();
        judge.which_overlapping_matches(&Input::new(line), scratch);
        let rules = self.rules;
        for pattern in scratch.iter().map(|id| id.as_usize()).take_while(|id| *id < rules) {
            let is_unwanted = scratch.contains(PatternID::new_unchecked(rules + pattern));
            let is_severe = |severity: &Severity| {
                let level = *known.get_or_insert_with(&level);
                severity.is_met(level, line)
            };
            if !is_unwanted && self.levels[pattern].as_ref().is_none_or(is_severe) {
                hit(pattern);
            }
        }
    }

    /// Whether any line in `bytes` matches. The last one needs no line feed.
    pub(super) fn finds(&self, bytes: &[u8], line_bytes_max: usize, scratch: &mut PatternSet) -> bool {
        let (mut from, mut finds) = (0, Finds::default());
        while from < bytes.len() {
            let Some(at) = self.find(bytes, from, &mut finds) else { return false };
            let line = line_around(bytes, from, at);
            let mut is_found = false;
            if line.start < bytes.len() {
                self.judge(content(&bytes[line.clone()], line_bytes_max), scratch, |_| is_found = true);
            }
            if is_found {
                return true;
            }
            from = line.end + 1;
        }
        false
    }

    /// Scratch memory for [`Finder::judge`].
    pub(super) fn scratch(&self) -> PatternSet {
        PatternSet::new(self.rules * 2)
    }
}

fn judge(rules: &[RuleSpec]) -> Result<Judge, RulePatternError> {
    if let [rule] = rules
        && rule.not.is_empty()
    {
        match Severity::new(rule) {
            Some(severity) if rule.is_level_alone() => return Ok(Judge::Level(severity)),
            Some(_) => return each(rules),
            None => {}
        }
        return Ok(Judge::Alone(build(&[rule.wanted(CaseScope::Line)?], MatchKind::LeftmostFirst)?));
    }
    each(rules)
}

fn each(rules: &[RuleSpec]) -> Result<Judge, RulePatternError> {
    let wanted = rules.iter().map(|rule| rule.wanted(CaseScope::Line));
    let unwanted = rules.iter().map(RuleSpec::unwanted);
    Ok(Judge::Each(build(&wanted.chain(unwanted).collect::<Result<Vec<_>, _>>()?, MatchKind::All)?))
}

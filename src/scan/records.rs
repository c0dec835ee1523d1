//! Records of several lines, such as an error with its stack trace, in each of which a rule counts one line only.
//!
//! A record begins with a line that matches `record_start` and goes on to the next such line. Nothing is looked for but the
//! beginning of a record, and that only behind a line that was counted: up to the next line that matches the rule, or to the end
//! of what is shown. What is to be remembered in between is one bit per rule.

use std::ops::Range;
use std::sync::Arc;

use regex_automata::PatternSet;

use crate::scan::finder::Finder;
use crate::scan::pattern::RulePatternError;
use crate::scan::spec::RuleSpec;

/// At most so many rules of a watch can have a `record_start`: a bit for each is remembered with the place in a file.
pub const RECORD_RULES_MAX: usize = 64;

/// The beginnings of records that the rules of a set ask for.
#[derive(Debug)]
pub(super) struct Starts {
    /// Each pattern once.
    patterns: Vec<Arc<Finder>>,
    /// For each rule, the number of its pattern and of its bit.
    of_rules: Vec<Option<(usize, u32)>>,
}

impl Starts {
    /// `None` if no rule asks for any.
    ///
    /// # Errors
    /// See [`RulePatternError`].
    pub(super) fn compile(rules: &[RuleSpec]) -> Result<Option<Starts>, RulePatternError> {
        let mut texts: Vec<&str> = rules.iter().filter_map(|rule| rule.record_start.as_deref()).collect();
        if texts.is_empty() {
            return Ok(None);
        }
        if texts.len() > RECORD_RULES_MAX {
            return Err(RulePatternError::TooManyRecords(RECORD_RULES_MAX));
        }
        texts.sort_unstable();
        texts.dedup();
        let compile = |text: &&str| {
            let rule = RuleSpec { regex: vec![(*text).to_owned()], ..RuleSpec::default() };
            Finder::compile(&[rule]).map(Arc::new)
        };
        let mut bits = 0..;
        let of_rules = rules.iter().map(|rule| {
            let text = rule.record_start.as_deref()?;
            Some((texts.iter().position(|other| *other == text)?, bits.next()?))
        });
        let of_rules = of_rules.collect();
        Ok(Some(Starts { patterns: texts.iter().map(compile).collect::<Result<_, _>>()?, of_rules }))
    }
}

#[derive(Debug)]
struct StartSearch {
    finder: Arc<Finder>,
    scratch: PatternSet,
    line_bytes_max: usize,
}

impl StartSearch {
    fn finds(&mut self, bytes: &[u8]) -> bool {
        self.finder.finds(bytes, self.line_bytes_max, &mut self.scratch)
    }
}

/// Finds the first line that each rule counts in a record, with the working memory of one thread.
#[derive(Debug)]
pub(super) struct Records {
    starts: Vec<StartSearch>,
    of_rules: Vec<Option<(usize, u32)>>,
    /// For each rule, up to where the beginning of a record has been looked for in the bytes at hand.
    looked: Vec<usize>,
}

impl Records {
    pub(super) fn new(starts: &Starts, line_bytes_max: usize) -> Records {
        let search = |finder: &Arc<Finder>| StartSearch {
            finder: Arc::clone(finder),
            scratch: finder.scratch(),
            line_bytes_max,
        };
        Records {
            starts: starts.patterns.iter().map(search).collect(),
            of_rules: starts.of_rules.clone(),
            looked: vec![0; starts.of_rules.len()],
        }
    }

    /// Begins with other bytes.
    pub(super) fn begin(&mut self) {
        self.looked.fill(0);
    }

    /// Whether the line at `place` of `bytes`, which matches `rule`, is the first such line of its record. `counted` has a bit
    /// for each rule that counted in the record that goes on.
    pub(super) fn is_first(
        &mut self,
        counted: &mut u64,
        bytes: &[u8],
        rule: usize,
        place: &Range<usize>,
    ) -> bool {
        let Some((start, bit)) = self.of_rules[rule] else { return true };
        let from = std::mem::replace(&mut self.looked[rule], (place.end + 1).min(bytes.len()));
        let goes_on = *counted & (1 << bit) != 0 && !self.starts[start].finds(&bytes[from..place.end]);
        *counted |= 1 << bit;
        !goes_on
    }

    /// Clears the bits of rules that counted in a record which does not go on behind `bytes`.
    pub(super) fn end(&mut self, counted: &mut u64, bytes: &[u8]) {
        for (rule, start) in self.of_rules.iter().enumerate() {
            let Some((start, bit)) = *start else { continue };
            if *counted & (1 << bit) != 0 && self.starts[start].finds(&bytes[self.looked[rule]..]) {
                *counted &= !(1 << bit);
            }
        }
    }
}

//! Records of several lines, such as an error with its stack trace, in each of which a rule counts one line only.
//!
//! A record begins with a line that matches `record_start` and ends before the next such line. Only beginnings of records are
//! searched for, and only after a line that was counted: up to the next line that matches the rule, or to the end of the
//! window. One bit per rule is remembered between windows.

use std::ops::Range;
use std::sync::Arc;

use regex_automata::PatternSet;

use crate::scan::finder::Finder;
use crate::scan::pattern::RulePatternError;
use crate::scan::spec::RuleSpec;

/// The most rules of a watch that can have a `record_start`: the checkpoint of a file has a bit for each.
pub const RECORD_RULES_MAX: usize = 64;

/// The `record_start` patterns of a rule set.
#[derive(Debug)]
pub(super) struct Starts {
    /// Distinct patterns.
    patterns: Vec<Arc<Finder>>,
    /// The index of the pattern and of the bit of each rule.
    of_rules: Vec<Option<(usize, u32)>>,
}

impl Starts {
    /// `None` if no rule has one.
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

/// Finds the first line that each rule counts in a record, with the scratch memory of one thread.
#[derive(Debug)]
pub(super) struct Records {
    starts: Vec<StartSearch>,
    of_rules: Vec<Option<(usize, u32)>>,
    /// For each rule, the end of the searched part of the current bytes.
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

    /// Begins with new bytes.
    pub(super) fn begin(&mut self) {
        self.looked.fill(0);
    }

    /// Whether the line at `place` of `bytes`, which matches `rule`, is the first such line of its record. `counted` has a bit
    /// for each rule that already counted in the current record.
    pub(super) fn is_first(
        &mut self,
        counted: &mut u64,
        bytes: &[u8],
        rule: usize,
        place: &Range<usize>,
    ) -> bool {
        let Some((start, bit)) = self.of_rules[rule] else { return true };
        let from = std::mem::replace(&mut self.looked[rule], (place.end + 1).min(bytes.len()));
        let continues = *counted & (1 << bit) != 0 && !self.starts[start].finds(&bytes[from..place.end]);
        *counted |= 1 << bit;
        !continues
    }

    /// Clears the bits of rules whose record ends within `bytes`.
    pub(super) fn end(&mut self, counted: &mut u64, bytes: &[u8]) {
        for (rule, start) in self.of_rules.iter().enumerate() {
            let Some((start, bit)) = *start else { continue };
            if *counted & (1 << bit) != 0 && self.starts[start].finds(&bytes[self.looked[rule]..]) {
                *counted &= !(1 << bit);
            }
        }
    }
}

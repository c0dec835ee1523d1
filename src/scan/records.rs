//! Records of several lines, such as an error with its stack trace, in each of which a rule counts one line only.
//!
//! A record begins with a line that matches `record_start`, or with `multiline` with a line that continues none, and ends before
//! the next such line. Only beginnings of records are searched for, and only after a line that was counted: up to the next
//! line that matches the rule, or to the end of the window. One bit per rule is remembered between windows.
//!
//! With `multiline` the level of a record is that of its first line. So a rule with a level counts a line that continues a
//! record only if neither has a level (a stack trace that nothing announces), and the bit also says that the first line of
//! the record at the end of a window had one.

use std::ops::Range;
use std::sync::Arc;

use regex_automata::PatternSet;

use crate::scan::continuation::Continuation;
use crate::scan::finder::Finder;
use crate::scan::level::level_of;
use crate::scan::line::content;
use crate::scan::multiline::Multiline;
use crate::scan::pattern::RulePatternError;
use crate::scan::spec::RuleSpec;

/// The most rules of a watch that can have a `record_start`: the checkpoint of a file has a bit for each.
pub const RECORD_RULES_MAX: usize = 64;

/// What tells where records begin.
#[derive(Debug, Clone)]
pub(super) enum Boundary {
    /// The lines that this finds begin one.
    Start(Arc<Finder>),
    /// The lines that are none of these begin one.
    Continuation(Arc<Continuation>),
}

/// How the records of a rule are distinguished.
#[derive(Debug, Clone, Copy)]
pub(super) struct RecordRule {
    /// The index of its boundary.
    pub(super) boundary: usize,
    bit: u32,
    /// Whether the form of lines tells which continue a record.
    pub(super) is_multiline: bool,
    /// Whether the first line of a record decides how severe it is.
    is_by_level: bool,
}

/// How the records of a rule set begin.
#[derive(Debug)]
pub(super) struct Starts {
    /// Distinct ones.
    pub(super) boundaries: Vec<Boundary>,
    pub(super) of_rules: Vec<Option<RecordRule>>,
}

/// What a rule says about its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said<'a> {
    Start(&'a str),
    Multiline(Multiline),
}

impl<'a> Said<'a> {
    fn by(rule: &'a RuleSpec) -> Option<Said<'a>> {
        let multiline = rule.multiline.map(Said::Multiline);
        multiline.or_else(|| rule.record_start.as_deref().map(Said::Start))
    }

    fn compile(self) -> Result<Boundary, RulePatternError> {
        Ok(match self {
            Said::Start(text) => {
                let rule = RuleSpec { regex: vec![text.to_owned()], ..RuleSpec::default() };
                Boundary::Start(Arc::new(Finder::compile(&[rule])?))
            }
            Said::Multiline(preset) => Boundary::Continuation(Arc::new(Continuation::compile(preset)?)),
        })
    }
}

impl Starts {
    /// `None` if no rule has one.
    ///
    /// # Errors
    /// See [`RulePatternError`].
    pub(super) fn compile(rules: &[RuleSpec]) -> Result<Option<Starts>, RulePatternError> {
        let mut all: Vec<Said<'_>> = Vec::new();
        let mut bits = 0..;
        let of_rules = rules.iter().map(|rule| {
            let said = Said::by(rule)?;
            let known = all.iter().position(|other| *other == said);
            let boundary = known.unwrap_or_else(|| {
                all.push(said);
                all.len() - 1
            });
            let is_multiline = rule.multiline.is_some();
            let is_by_level = is_multiline && rule.level.is_some();
            Some(RecordRule { boundary, bit: bits.next()?, is_multiline, is_by_level })
        });
        let of_rules: Vec<_> = of_rules.collect();
        let count = of_rules.iter().flatten().count();
        if count > RECORD_RULES_MAX {
            return Err(RulePatternError::TooManyRecords(RECORD_RULES_MAX));
        }
        let boundaries = all.into_iter().map(Said::compile).collect::<Result<_, _>>()?;
        Ok((count > 0).then_some(Starts { boundaries, of_rules }))
    }
}

#[derive(Debug)]
pub(super) struct StartSearch {
    boundary: Boundary,
    scratch: Option<PatternSet>,
    line_bytes_max: usize,
}

impl StartSearch {
    pub(super) fn new(boundary: &Boundary, line_bytes_max: usize) -> StartSearch {
        let scratch = match boundary {
            Boundary::Start(finder) => Some(finder.scratch()),
            Boundary::Continuation(_) => None,
        };
        StartSearch { boundary: boundary.clone(), scratch, line_bytes_max }
    }

    /// Whether a record begins in `bytes`, which are lines; the last one needs no line feed.
    fn finds(&mut self, bytes: &[u8]) -> bool {
        match (&self.boundary, &mut self.scratch) {
            (Boundary::Start(finder), Some(scratch)) => finder.finds(bytes, self.line_bytes_max, scratch),
            _ => {
                let lines = bytes.strip_suffix(b"\n").unwrap_or(bytes);
                !bytes.is_empty() && lines.split(|b| *b == b'\n').any(|line| !self.is_continued_by(line))
            }
        }
    }

    /// Whether a record begins with `line`.
    pub(super) fn begins(&mut self, line: &[u8]) -> bool {
        match self.boundary {
            Boundary::Start(_) => self.finds(line),
            Boundary::Continuation(_) => !self.is_continued_by(line),
        }
    }

    fn is_continued_by(&self, line: &[u8]) -> bool {
        match &self.boundary {
            Boundary::Start(_) => false,
            Boundary::Continuation(form) => form.is(content(line, self.line_bytes_max)),
        }
    }

    /// Whether the last line that begins a record in `bytes`, which are complete lines, has a level; `None` if none begins.
    fn has_level(&self, bytes: &[u8]) -> Option<bool> {
        let lines = bytes.strip_suffix(b"\n").filter(|_| !bytes.is_empty())?;
        let first = lines.rsplit(|b| *b == b'\n').find(|line| !self.is_continued_by(line))?;
        Some(level_of(content(first, self.line_bytes_max)).is_some())
    }
}

/// Finds the first line that each rule counts in a record, with the scratch memory of one thread.
#[derive(Debug)]
pub(super) struct Records {
    starts: Vec<StartSearch>,
    of_rules: Vec<Option<RecordRule>>,
    /// For each rule, the end of the searched part of the current bytes.
    looked: Vec<usize>,
}

impl Records {
    pub(super) fn new(starts: &Starts, line_bytes_max: usize) -> Records {
        let search = |boundary| StartSearch::new(boundary, line_bytes_max);
        Records {
            starts: starts.boundaries.iter().map(search).collect(),
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
        let Some(RecordRule { boundary, bit, is_by_level, .. }) = self.of_rules[rule] else { return true };
        let start = &mut self.starts[boundary];
        let line = &bytes[place.clone()];
        if is_by_level && start.is_continued_by(line) {
            let has_level = level_of(content(line, start.line_bytes_max)).is_some();
            if has_level || start.has_level(&bytes[..place.start]) == Some(true) {
                return false;
            }
        }
        let from = std::mem::replace(&mut self.looked[rule], (place.end + 1).min(bytes.len()));
        let continues = *counted & (1 << bit) != 0 && !start.finds(&bytes[from..place.end]);
        *counted |= 1 << bit;
        !continues
    }

    /// Clears the bits of rules whose record ends within `bytes`.
    pub(super) fn end(&mut self, counted: &mut u64, bytes: &[u8]) {
        for (rule, record) in self.of_rules.iter().enumerate() {
            let Some(RecordRule { boundary, bit, is_by_level, .. }) = *record else { continue };
            let start = &mut self.starts[boundary];
            if *counted & (1 << bit) != 0 && start.finds(&bytes[self.looked[rule]..]) {
                *counted &= !(1 << bit);
            }
            if is_by_level && start.has_level(bytes) == Some(true) {
                *counted |= 1 << bit;
            }
        }
    }
}

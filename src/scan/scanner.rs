//! Runs a rule set over runs of complete lines.
//!
//! The finder skips from candidate to candidate; the ends of a line are searched only around a candidate.

use std::ops::Range;
use std::sync::Arc;

use regex_automata::PatternSet;

use crate::scan::finder::Finds;
use crate::scan::level::Level;
use crate::scan::line::content;
use crate::scan::own::is_own;
use crate::scan::records::Records;
use crate::scan::rules::RuleSet;
use crate::scan::wrapping::Unwrapped;

/// Who wrote a line is recognised by its beginning, of so many bytes.
const HEAD_BYTES_MAX: usize = 4_096;

/// A rule set with the scratch memory of one thread.
#[derive(Debug)]
pub struct Scanner {
    rules: Arc<RuleSet>,
    scratch: PatternSet,
    line_bytes_max: usize,
    records: Option<Box<Records>>,
    unwrapped: Unwrapped,
}

impl Scanner {
    /// A scanner that judges lines by their first `line_bytes_max` bytes.
    #[must_use]
    pub fn new(rules: Arc<RuleSet>, line_bytes_max: usize) -> Scanner {
        let scratch = rules.finder().scratch();
        let records = rules.starts().map(|starts| Box::new(Records::new(starts, line_bytes_max)));
        Scanner { rules, scratch, line_bytes_max, records, unwrapped: Unwrapped::default() }
    }

    /// The rules.
    #[must_use]
    pub fn rules(&self) -> &Arc<RuleSet> {
        &self.rules
    }

    /// The longest line that is scanned whole, in bytes.
    #[must_use]
    pub fn line_bytes_max(&self) -> usize {
        self.line_bytes_max
    }

    /// Calls `hit` with rule and range of every matching line in `bytes`, which are complete lines, each with its line
    /// feed. Lines that spiketail wrote itself match nothing.
    ///
    /// ```
    /// use spiketail::scan::rules::{RuleSet, RuleSpec};
    /// use spiketail::scan::scanner::Scanner;
    ///
    /// let rules = RuleSet::compile(&[RuleSpec::containing("ERROR")])?;
    /// let mut places = Vec::new();
    /// Scanner::new(rules, 1 << 20).scan(b"all well\nERROR disk full\n", &mut |rule, place| places.push((rule, place)));
    /// assert_eq!(places, [(0, 9..24)]);
    /// # Ok::<(), spiketail::scan::rules::RulePatternError>(())
    /// ```
    pub fn scan(&mut self, bytes: &[u8], hit: &mut dyn FnMut(usize, Range<usize>)) {
        // The rules of a watch get a line one after the other.
        let mut judged: Option<(usize, bool)> = None;
        let hit = &mut |rule: usize, place: Range<usize>| {
            let is_own = match judged {
                Some((start, is_own)) if start == place.start => is_own,
                _ => is_own(content(&bytes[place.clone()], HEAD_BYTES_MAX)),
            };
            judged = Some((place.start, is_own));
            if !is_own {
                hit(rule, place);
            }
        };
        if let Some(literals) = self.rules.finder().literals() {
            return literals.scan(bytes, self.line_bytes_max, hit);
        }
        let (mut from, mut finds) = (0, Finds::default());
        while from < bytes.len() {
            let at = self.rules.finder().find(bytes, from, &mut finds).filter(|at| *at < bytes.len());
            let line_start = |at| memchr::memrchr(b'\n', &bytes[from..at]).map_or(from, |lf| from + lf + 1);
            let start = at.map_or(bytes.len(), line_start);
            self.judge_long_lines(bytes, from..start, hit);
            let Some(at) = at else { return };
            let end = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |lf| at + lf);
            let line = &bytes[start..end];
            if self.rules.finder().is_certain() && content(line, self.line_bytes_max).len() == line.len() {
                hit(0, start..end);
            } else {
                self.match_line(line, &mut |rule| hit(rule, start..end));
            }
            from = end + 1;
        }
    }

    /// Takes the search for records out, so that it can be borrowed beside the scanner.
    pub(super) fn take_records(&mut self) -> Option<Box<Records>> {
        self.records.take()
    }

    /// The lines without their wrapping of the bytes that
    /// [`LineCursor::advance_wrapped`](crate::scan::cursor::LineCursor::advance_wrapped) judged last.
    #[must_use]
    pub fn unwrapped(&self) -> &Unwrapped {
        &self.unwrapped
    }

    pub(super) fn take_unwrapped(&mut self) -> Unwrapped {
        std::mem::take(&mut self.unwrapped)
    }

    pub(super) fn put_unwrapped(&mut self, lines: Unwrapped) {
        self.unwrapped = lines;
    }

    pub(super) fn put_records(&mut self, records: Box<Records>) {
        self.records = Some(records);
    }

    /// Judges the lines in `skipped` that are longer than the bound. The finder sees them whole, so it
    /// misses patterns that are anchored to the end of the visible part of such a line.
    fn judge_long_lines(
        &mut self,
        bytes: &[u8],
        skipped: Range<usize>,
        hit: &mut dyn FnMut(usize, Range<usize>),
    ) {
        let mut from = skipped.start;
        // One search for a line feed in each stretch as long as the bound: lines are mostly short, so it is near.
        while skipped.end - from > self.line_bytes_max + 1 {
            let stretch = from + self.line_bytes_max + 1;
            from = match memchr::memrchr(b'\n', &bytes[from..stretch]) {
                Some(lf) => from + lf + 1,
                None => {
                    let end = memchr::memchr(b'\n', &bytes[stretch..]).map_or(bytes.len(), |lf| stretch + lf);
                    self.match_line(&bytes[from..end], &mut |rule| hit(rule, from..end));
                    (end + 1).min(skipped.end)
                }
            };
        }
    }

    /// Calls `hit` with every rule that one line matches. `line` has no line feed; of a line longer than the bound
    /// only the beginning is judged.
    pub fn judge(&mut self, line: &[u8], hit: &mut dyn FnMut(usize)) {
        if !is_own(content(line, HEAD_BYTES_MAX)) {
            self.match_line(line, hit);
        }
    }

    fn match_line(&mut self, line: &[u8], hit: &mut dyn FnMut(usize)) {
        self.rules.finder().judge(content(line, self.line_bytes_max), &mut self.scratch, hit);
    }

    /// Calls `hit` with every rule that matches an entry: a text of one or several lines, whose `level` its source tells.
    pub fn judge_entry(
        &mut self,
        text: &[u8],
        level: &dyn Fn() -> Option<Level>,
        hit: &mut dyn FnMut(usize),
    ) {
        self.rules.finder().judge_as(content(text, self.line_bytes_max), level, &mut self.scratch, hit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::rules::RuleSpec;

    fn lines(rule: RuleSpec, text: &str) -> Vec<String> {
        let mut scanner = Scanner::new(RuleSet::compile(&[rule]).unwrap(), 1 << 20);
        let mut found = Vec::new();
        scanner.scan(text.as_bytes(), &mut |_, place| found.push(text[place].to_owned()));
        found
    }

    fn regex(pattern: &str) -> RuleSpec {
        RuleSpec { regex: vec![pattern.to_owned()], ..RuleSpec::default() }
    }

    #[test]
    fn a_line_counts_once_however_often_it_matches() {
        assert_eq!(
            lines(RuleSpec::containing("ERROR"), "ERROR ERROR\nok\nan ERROR\n"),
            ["ERROR ERROR", "an ERROR"]
        );
    }

    #[test]
    fn exclusions_and_case() {
        let rule = RuleSpec {
            any: vec!["error".into()],
            not: vec!["retry(ing)?".into()],
            ignore_case: true,
            ..RuleSpec::default()
        };
        assert_eq!(lines(rule, "Error a\nerror RETRY\nok\nERROR b\n"), ["Error a", "ERROR b"]);
    }

    #[test]
    fn anchors_mean_the_line_with_or_without_cr() {
        assert_eq!(lines(regex("^ERROR$"), "ERROR\r\nERROR\nxERROR\nERROR x\n"), ["ERROR\r", "ERROR"]);
        assert_eq!(lines(regex(r"\Ab\z"), "a\nb\r\nbb\n"), ["b\r"]);
        assert_eq!(lines(regex("^$"), "a\n\n\r\nb\n"), ["", "\r"]);
        assert_eq!(lines(regex("[^x]$"), "ax\r\nb\n"), ["b"]);
    }

    #[test]
    fn classes_do_not_reach_into_the_next_line() {
        assert_eq!(lines(regex(r"a\sb"), "a\nb\na b\n"), ["a b"]);
        assert_eq!(lines(regex("a[^z]*b"), "a\nb\nab\n"), ["ab"]);
        assert_eq!(lines(regex("(?s)a.b"), "a\nb a\rb\n"), ["b a\rb"]);
    }

    #[test]
    fn every_rule_counts_for_itself() {
        let rules = [
            RuleSpec::containing("ERROR"),
            regex("disk|ERROR"),
            RuleSpec { not: vec!["a".into()], ..regex(".") },
        ];
        let mut scanner = Scanner::new(RuleSet::compile(&rules).unwrap(), 1 << 20);
        let mut counts = [0; 3];
        scanner.scan(b"ERROR a\ndisk\nnothing\n", &mut |rule, _| counts[rule] += 1);
        assert_eq!(counts, [1, 2, 2]);
    }

    #[test]
    fn only_the_beginning_of_a_long_line_is_looked_at() {
        let mut scanner = Scanner::new(RuleSet::compile(&[RuleSpec::containing("ERROR")]).unwrap(), 8);
        let mut found = Vec::new();
        scanner.scan(b"123ERROR9\n1234ERROR\nERROR\n", &mut |_, place| found.push(place.start));
        assert_eq!(found, [0, 20]);
    }

    #[test]
    fn the_bound_ends_a_long_line_for_anchors_too() {
        let mut scanner = Scanner::new(RuleSet::compile(&[regex("R$")]).unwrap(), 5);
        let mut found = Vec::new();
        scanner.scan(b"ERRORS\nR\nERRORS ARE\nERRO\r\nERRORS\n", &mut |_, place| found.push(place.start));
        assert_eq!(found, [0, 7, 9, 26]);
    }

    #[test]
    fn the_line_end_and_a_hole_are_not_found_in_a_line() {
        assert_eq!(
            lines(RuleSpec { any: vec!["R\r".into()], ..RuleSpec::default() }, "R\r\nR\r!\n"),
            ["R\r!"]
        );
        assert_eq!(
            lines(RuleSpec { any: vec!["\0R".into()], ..RuleSpec::default() }, "\0R\nx\0R\n"),
            ["x\0R"]
        );
        assert_eq!(lines(regex("(?R)^a$"), "b\ra\r\na\r\n"), ["a\r"]);
    }

    #[test]
    fn whole_words() {
        let word = |any: &[&str], regex: &[&str]| RuleSpec {
            any: any.iter().map(|text| (*text).to_owned()).collect(),
            regex: regex.iter().map(|text| (*text).to_owned()).collect(),
            word: true,
            ..RuleSpec::default()
        };
        let text = "fail\nfailed\nunfail\na fail b\nfail-safe\nxfail fail\n\u{e9}fail\n_fail\n";
        assert_eq!(lines(word(&["fail"], &[]), text), ["fail", "a fail b", "fail-safe", "xfail fail"]);
        assert_eq!(lines(word(&["-x"], &[]), "a -x b\n-xy\na-x\n"), ["a -x b"]);
        assert_eq!(lines(word(&[], &["e+"]), "e\nhe\nhe e\nee\n"), ["e", "he e", "ee"]);
        assert_eq!(lines(word(&["ab"], &["b c"]), "ab\nab c\nb cd\n"), ["ab", "ab c"]);
    }

    #[test]
    fn a_level_alone_or_beside_other_things() {
        let level = |level, any: &[&str]| RuleSpec {
            any: any.iter().map(|text| (*text).to_owned()).collect(),
            level: Level::parse(level),
            ..RuleSpec::default()
        };
        let text =
            "INFO an ERROR\nERROR a\n{\"level\":\"fatal\",\"msg\":\"b\"}\nWARN c\nnothing\n<3>d ERROR\n";
        let errors = ["ERROR a", "{\"level\":\"fatal\",\"msg\":\"b\"}", "<3>d ERROR"];
        assert_eq!(lines(level("error", &[]), text), errors);
        assert_eq!(lines(level("info", &[]), text).len(), 5);
        assert_eq!(lines(level("error", &["ERROR"]), text), ["ERROR a", "<3>d ERROR"]);
        let not = RuleSpec { not: vec!["^<".into()], ..level("error", &[]) };
        assert_eq!(lines(not, text), errors[..2]);
        let rules = [level("warn", &[]), RuleSpec::containing("ERROR"), level("debug", &["c"])];
        let mut scanner = Scanner::new(RuleSet::compile(&rules).unwrap(), 1 << 20);
        let mut counts = [0; 3];
        scanner.scan(text.as_bytes(), &mut |rule, _| counts[rule] += 1);
        assert_eq!(counts, [4, 3, 1]);
    }

    #[test]
    fn nuls_before_a_line_are_no_part_of_it() {
        assert_eq!(lines(regex("^ERROR$"), "a\n\0\0\0ERROR\n"), ["\0\0\0ERROR"]);
    }
}

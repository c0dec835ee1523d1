//! Many literal texts at once.
//!
//! A SIMD search for many texts (Teddy) is fast when they are few and short. So it searches for three bytes of each text, those
//! that are rarest in logs, and compares each find with the texts that contain them. That also identifies the rule, so no line
//! is judged again. Where case is ignored, [`folded`](crate::scan::folded) searches instead.

use std::ops::Range;

use aho_corasick::Span;
use aho_corasick::packed::{Config, MatchKind, Searcher};

use crate::scan::folded::FoldedSearch;
use crate::scan::line::content;
use crate::scan::rarity::rarest;
use crate::scan::spec::RuleSpec;

/// Bytes of each text that are searched for.
const KEY_BYTES: usize = 3;
/// With more keys than this, other searches are as fast.
const KEYS_MAX: usize = 128;

/// A text of a rule, and the position of its key in it.
#[derive(Debug)]
struct LiteralText {
    rule: usize,
    bytes: Box<[u8]>,
    key_at: usize,
}

/// The literal texts of all rules of a watch.
#[derive(Debug)]
pub(super) struct Literals {
    search: LiteralSearch,
    rules: usize,
}

#[derive(Debug)]
enum LiteralSearch {
    /// With the texts with each key.
    Exact(Box<Searcher>, Vec<Vec<LiteralText>>),
    /// With the rule of each text.
    Folded(Box<FoldedSearch>, Vec<usize>),
}

/// The current line and the rules found in it.
struct LineBounds {
    start: usize,
    /// The position of its line feed, or the end of the bytes.
    end: usize,
    /// The part that rules see.
    seen: Range<usize>,
    /// Rules that match it, in order.
    rules: Vec<usize>,
}

impl LiteralSearch {
    fn exact(rules: &[RuleSpec]) -> Option<LiteralSearch> {
        let mut keys: Vec<[u8; KEY_BYTES]> = Vec::new();
        let mut texts: Vec<Vec<LiteralText>> = Vec::new();
        for (rule, text) in texts_of(rules) {
            let bytes = text.as_bytes();
            let (key_at, key) = rarest(bytes, &keys)?;
            let number = keys.iter().position(|known| *known == key).unwrap_or_else(|| {
                keys.push(key);
                texts.push(Vec::new());
                keys.len() - 1
            });
            texts[number].push(LiteralText { rule, bytes: bytes.into(), key_at });
        }
        if keys.len() > KEYS_MAX {
            return None;
        }
        let mut config = Config::new();
        config
            .match_kind(MatchKind::LeftmostFirst)
            .only_teddy(true)
            .only_teddy_fat(Some(false))
            .heuristic_pattern_limits(false);
        let searcher = config.builder().extend(&keys).build()?;
        Some(LiteralSearch::Exact(Box::new(searcher), texts))
    }

    fn folded(rules: &[RuleSpec]) -> Option<LiteralSearch> {
        let search = FoldedSearch::new(texts_of(rules).map(|(rule, text)| (text, rules[rule].ignore_case)))?;
        Some(LiteralSearch::Folded(Box::new(search), texts_of(rules).map(|(rule, _)| rule).collect()))
    }

    /// The first place at or after `from` with some text. `found` gets the rule of each text there, and where it is.
    fn find(&self, bytes: &[u8], from: usize, found: &mut dyn FnMut(usize, Range<usize>)) -> Option<usize> {
        match self {
            LiteralSearch::Exact(searcher, texts) => {
                let key = searcher.find_in(bytes, Span::from(from..bytes.len()))?;
                for text in &texts[key.pattern().as_usize()] {
                    let start = key.start().checked_sub(text.key_at);
                    if let Some(start) = start.filter(|start| bytes[*start..].starts_with(&text.bytes)) {
                        found(text.rule, start..start + text.bytes.len());
                    }
                }
                Some(key.start())
            }
            LiteralSearch::Folded(search, rules) => search.find(bytes, from, |number, place| {
                found(rules[number], place);
                true
            }),
        }
    }
}

impl Literals {
    /// `None` if the rules have more than literal texts, or the texts are not suitable.
    pub(super) fn new(rules: &[RuleSpec]) -> Option<Literals> {
        if rules.is_empty() || !rules.iter().all(is_literal) {
            return None;
        }
        let is_folded = rules.iter().any(|rule| rule.ignore_case);
        let search = if is_folded { LiteralSearch::folded(rules) } else { LiteralSearch::exact(rules) };
        Some(Literals { search: search?, rules: rules.len() })
    }

    /// Calls `hit` with rule and range of every matching line in `bytes`, which are complete lines; of a line longer than
    /// `line_bytes_max` only the beginning is searched.
    pub(super) fn scan(&self, bytes: &[u8], line_bytes_max: usize, hit: &mut dyn FnMut(usize, Range<usize>)) {
        let mut line = LineBounds { start: 0, end: 0, seen: 0..0, rules: Vec::new() };
        let mut from = 0;
        while from < bytes.len() {
            let at = self.search.find(bytes, from, &mut |rule, place| {
                if line.seen.is_empty() || place.start >= line.end {
                    line.flush(hit);
                    line.move_to(bytes, place.start, line_bytes_max);
                }
                let is_seen = line.seen.start <= place.start && place.end <= line.seen.end;
                if is_seen && let Err(at) = line.rules.binary_search(&rule) {
                    line.rules.insert(at, rule);
                }
            });
            let Some(at) = at else { break };
            from = at + 1;
            if line.rules.len() == self.rules {
                from = line.end + 1;
                line.flush(hit);
            }
        }
        line.flush(hit);
    }
}

impl LineBounds {
    fn move_to(&mut self, bytes: &[u8], at: usize, line_bytes_max: usize) {
        let before = self.end.min(at);
        self.start = memchr::memrchr(b'\n', &bytes[before..at]).map_or(before, |lf| before + lf + 1);
        self.end = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |lf| at + lf);
        let line = &bytes[self.start..self.end];
        let seen = content(line, line_bytes_max);
        let skipped = seen.as_ptr().addr() - line.as_ptr().addr();
        self.seen = self.start + skipped..self.start + skipped + seen.len();
    }

    fn flush(&mut self, hit: &mut dyn FnMut(usize, Range<usize>)) {
        for rule in self.rules.drain(..) {
            hit(rule, self.start..self.end);
        }
    }
}

fn is_literal(rule: &RuleSpec) -> bool {
    let is_plain = rule.not.is_empty() && !rule.word && rule.level.is_none();
    is_plain && rule.regex.is_empty() && !rule.any.is_empty()
}

/// The texts of all rules, with the number of their rule.
fn texts_of(rules: &[RuleSpec]) -> impl Iterator<Item = (usize, &str)> {
    rules
        .iter()
        .enumerate()
        .flat_map(|(number, rule)| rule.any.iter().map(move |text| (number, text.as_str())))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::scan::rules::{RuleSet, RuleSpec};
    use crate::scan::scanner::Scanner;

    fn any(texts: &[String]) -> RuleSpec {
        RuleSpec { any: texts.to_vec(), ..RuleSpec::default() }
    }

    proptest! {
        /// The search over all lines finds what the judge finds line by line.
        #[test]
        fn it_finds_what_the_judge_finds(
            folds in 0u8..4,
            rules in proptest::collection::vec(proptest::collection::vec("[abEs\0\r]{3,6}", 1..4), 1..8),
            bytes in proptest::collection::vec(prop_oneof![4 => Just(b'a'), 4 => Just(b'b'), 3 => Just(b'E'), 1 => Just(b'A'), 1 => Just(b'e'), 1 => Just(b'S'), 1 => Just(0xc5u8), 1 => Just(0xbfu8), 1 => Just(b'\n'), 1 => Just(0u8), 1 => Just(b'\r')], 0..400),
            max in 1usize..80,
        ) {
            // In half of the cases, some rules ignore the case.
            let spec = |(number, texts): (usize, &Vec<String>)| {
                RuleSpec { ignore_case: folds & 1 == 1 && (folds == 1 || number % 2 == 0), ..any(texts) }
            };
            let specs: Vec<_> = rules.iter().enumerate().map(spec).collect();
            let rules = RuleSet::compile(&specs).unwrap();
            prop_assume!(rules.finder().literals().is_some());
            let mut scanner = Scanner::new(rules, max);
            let mut bytes = bytes;
            bytes.push(b'\n');
            let mut found = Vec::new();
            scanner.scan(&bytes, &mut |rule, place| found.push((rule, place)));
            let mut wanted = Vec::new();
            let mut start = 0;
            for line in bytes[..bytes.len() - 1].split(|byte| *byte == b'\n') {
                let place = start..start + line.len();
                scanner.judge(line, &mut |rule| wanted.push((rule, place.clone())));
                start += line.len() + 1;
            }
            prop_assert_eq!(found, wanted);
        }
    }

    #[test]
    fn texts_with_the_same_key_are_distinguished() {
        let texts: Vec<String> = (0..300).map(|n| format!("E{n:04}:")).collect();
        let rules: Vec<_> = texts.iter().map(|text| any(std::slice::from_ref(text))).collect();
        let rules = RuleSet::compile(&rules).unwrap();
        assert!(rules.finder().literals().is_some());
        let mut scanner = Scanner::new(rules, 1 << 20);
        let mut found = Vec::new();
        let text = b"E0007: and E0299: and E0007:\nE0300:\nx E0123:\n";
        scanner.scan(text, &mut |rule, place| found.push((rule, place.start)));
        assert_eq!(found, [(7, 0), (299, 0), (123, 36)]);
    }

    #[test]
    fn short_texts_and_patterns_are_left_to_the_finder() {
        let short = RuleSet::compile(&[any(&["ab".into(), "abc".into()])]).unwrap();
        assert!(short.finder().literals().is_none());
        let word = RuleSpec { word: true, ..any(&["abc".into(), "abd".into()]) };
        assert!(RuleSet::compile(&[word]).unwrap().finder().literals().is_none());
    }
}

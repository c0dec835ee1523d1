//! However a stream is cut into chunks and windows, each rule counts the lines that it matches one by one.
#![no_main]

#[path = "../../tests/naive/mod.rs"]
mod naive;

use std::convert::Infallible;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use spiketail::scan::bulk::{BulkTally, BulkWalk, chunk_at};
use spiketail::scan::feed::Fed;
use spiketail::scan::rules::{RuleSet, RuleSpec};
use spiketail::scan::scanner::Scanner;

const STREAM_BYTES_MAX: usize = 4096;
const PATTERN_BYTES_MAX: usize = 40;

/// Pieces of patterns, because random text seldom is a pattern that matches anything.
const PIECES: [&str; 40] = [
    "E",
    "R",
    "x",
    "e",
    " ",
    "\0",
    "\r",
    "\u{e9}",
    "^",
    "$",
    ".",
    "*",
    "+",
    "?",
    "|",
    "(",
    ")",
    "[^z]",
    "[^x]",
    "\\b",
    "\\B",
    "\\s",
    "\\S",
    "\\w",
    "\\W",
    "\\A",
    "\\z",
    "\\r",
    "\\x00",
    "(?-u)",
    "\\xff",
    "(?i)",
    "(?s)",
    "(?-m)",
    "(?:",
    ".*",
    "[\\r\\x00]",
    "[[:^alpha:]]",
    "\\b{start}",
    "\\b{end-half}",
];
/// Pieces of lines.
const BYTES: [&[u8]; 12] =
    [b"E", b"R", b"x", b"e", b" ", b"\n", b"\n", b"\r\n", b"\r", b"\0", b"\xff", "\u{e9}".as_bytes()];

#[derive(Debug, Arbitrary)]
enum Text {
    Raw(String),
    Pieces(Vec<u8>),
}

impl Text {
    fn text(&self) -> String {
        match self {
            Text::Raw(text) => text.clone(),
            Text::Pieces(pieces) => pieces.iter().map(|p| PIECES[usize::from(*p) % PIECES.len()]).collect(),
        }
    }
}

#[derive(Debug, Arbitrary)]
enum Stream {
    Raw(Vec<u8>),
    Pieces(Vec<u8>),
}

impl Stream {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = match self {
            Stream::Raw(bytes) => bytes.clone(),
            Stream::Pieces(pieces) => {
                pieces.iter().flat_map(|p| BYTES[usize::from(*p) % BYTES.len()]).copied().collect()
            }
        };
        bytes.truncate(STREAM_BYTES_MAX);
        bytes
    }
}

#[derive(Debug, Arbitrary)]
struct Rule {
    any: Vec<Text>,
    regex: Vec<Text>,
    not: Vec<Text>,
    ignore_case: bool,
}

#[derive(Debug, Arbitrary)]
struct Case {
    rules: Vec<Rule>,
    window_bytes: u16,
    chunk_bytes: u16,
    line_bytes_max: u16,
    stream: Stream,
}

fuzz_target!(|case: Case| {
    let Some(specs) = specs(&case.rules) else { return };
    let stream = &case.stream.bytes()[..];
    let line_bytes_max = usize::from(case.line_bytes_max % 300) + 1;
    let window_bytes = usize::from(case.window_bytes % 300) + 1;
    let chunk_bytes = u64::from(case.chunk_bytes % 1000) + 1;
    let Ok(rules) = RuleSet::compile(&specs) else { return };
    let Some(expected) = naive::count(&specs, stream, line_bytes_max) else { return };
    let mut scanner = Scanner::new(rules, line_bytes_max);
    let size = stream.len() as u64;
    let mut sum = BulkTally::new(specs.len());
    while sum.bytes < size {
        let own = chunk_at(sum.bytes, size, chunk_bytes);
        sum.add(&walk(BulkWalk::new(&mut scanner, own, size, window_bytes), stream));
    }
    assert_eq!(sum.lines_matched, expected, "in chunks");
    assert_eq!(sum.bytes, size);
    let streamed = walk(BulkWalk::whole(&mut scanner, window_bytes), stream);
    assert_eq!(streamed, sum, "as one stream");
});

/// Few, small rules: large ones only make the fuzzer slow. No `(?R)`: to a rule, a CR within a line is no line end.
fn specs(rules: &[Rule]) -> Option<Vec<RuleSpec>> {
    if rules.is_empty() || rules.len() > 3 {
        return None;
    }
    let spec = |(index, rule): (usize, &Rule)| {
        Some(RuleSpec {
            name: index.to_string(),
            any: texts(&rule.any)?,
            regex: texts(&rule.regex)?,
            not: texts(&rule.not)?,
            ignore_case: rule.ignore_case,
            ..RuleSpec::default()
        })
    };
    rules.iter().enumerate().map(spec).collect()
}

fn texts(texts: &[Text]) -> Option<Vec<String>> {
    let texts: Vec<String> = texts.iter().map(Text::text).collect();
    let repeats = |text: &String| text.replace("\\b{", "").contains('{');
    let is_fine = |text: &String| text.len() <= PATTERN_BYTES_MAX && !repeats(text) && !has_crlf_flag(text);
    (texts.len() <= 3 && texts.iter().all(is_fine)).then_some(texts)
}

fn has_crlf_flag(text: &str) -> bool {
    text.split("(?")
        .skip(1)
        .any(|flags| flags.split([':', ')']).next().is_some_and(|flags| flags.contains('R')))
}

fn walk(mut walk: BulkWalk<'_>, stream: &[u8]) -> BulkTally {
    loop {
        let fed = walk.step::<Infallible>(&mut |range, look| {
            let end = range.end.min(stream.len() as u64);
            look(&stream[range.start.min(end) as usize..end as usize]);
            Ok(())
        });
        if fed == Ok(Fed::Done) {
            return walk.tally().clone();
        }
    }
}

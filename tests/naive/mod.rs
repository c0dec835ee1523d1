//! What rules say line by line, without windows, chunks or prefilters: the oracle of tests and fuzzing.

use regex_automata::meta::Regex;
use regex_automata::util::syntax;
use spiketail::scan::level::{Level, level_of};
use spiketail::scan::rules::RuleSpec;

/// Counts the lines of a finished stream that each rule matches, looking at the first `line_bytes_max` bytes of a
/// line. `None` if a pattern cannot be compiled.
pub(crate) fn count(specs: &[RuleSpec], stream: &[u8], line_bytes_max: usize) -> Option<Vec<u64>> {
    let rules: Vec<Rule> = specs.iter().map(Rule::new).collect::<Option<_>>()?;
    let mut counts = vec![0; rules.len()];
    for line in lines(stream) {
        let content = content(line, line_bytes_max);
        for (count, rule) in counts.iter_mut().zip(&rules) {
            *count += u64::from(rule.matches(content));
        }
    }
    Some(counts)
}

/// What ends with a line feed is a line, and so is what is left over, unless it is a hole that nothing follows.
fn lines(stream: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<&[u8]> = stream.split(|byte| *byte == b'\n').collect();
    if lines.last().is_some_and(|rest| rest.iter().all(|byte| *byte == 0)) {
        lines.pop();
    }
    lines
}

fn content(line: &[u8], max: usize) -> &[u8] {
    let start = line.iter().position(|byte| *byte != 0).unwrap_or(line.len());
    let line = &line[start..];
    if line.len() > max { &line[..max] } else { line.strip_suffix(b"\r").unwrap_or(line) }
}

struct Rule {
    wanted: Vec<Regex>,
    unwanted: Vec<Regex>,
    level: Option<Level>,
    without_level: Vec<String>,
}

impl Rule {
    fn new(spec: &RuleSpec) -> Option<Rule> {
        let compile = |pattern: &str| {
            Regex::builder()
                .configure(Regex::config().utf8_empty(false))
                .syntax(syntax::Config::new().utf8(false).multi_line(true).case_insensitive(spec.ignore_case))
                .build(pattern)
                .ok()
        };
        let texts = spec.any.iter().map(|text| compile(&regex_syntax::escape(text)));
        let patterns = spec.regex.iter().map(|pattern| compile(pattern));
        Some(Rule {
            wanted: texts.chain(patterns).collect::<Option<_>>()?,
            unwanted: spec.not.iter().map(|pattern| compile(pattern)).collect::<Option<_>>()?,
            level: spec.level,
            without_level: spec.without_level.clone(),
        })
    }

    fn matches(&self, content: &[u8]) -> bool {
        let any = |patterns: &[Regex]| patterns.iter().any(|pattern| pattern.is_match(content));
        let is_wanted = match self.level {
            Some(_) if self.wanted.is_empty() => true,
            _ => any(&self.wanted),
        };
        let holds = |text: &String| content.windows(text.len()).any(|part| part == text.as_bytes());
        let is_severe = match (self.level, level_of(content)) {
            (None, _) => true,
            (Some(_), None) => self.without_level.iter().any(holds),
            (Some(least), Some(level)) => level >= least,
        };
        is_wanted && !any(&self.unwanted) && is_severe
    }
}

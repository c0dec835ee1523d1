//! The tables `[rule.NAME]`.

use std::ops::Range;

use super::error::{ErrorReport, quoted};
use super::schema::Kind;
use super::table::{Table, Text};
use crate::scan::level::{Level, TEXT_BYTES_MIN};
use crate::scan::multiline::Multiline;
use crate::scan::rules::{BUILT_IN, RuleSpec, check_pattern};

/// A rule and, if it stands in the file, where.
pub(super) struct Rule {
    pub(super) spec: RuleSpec,
    pub(super) span: Option<Range<usize>>,
    pub(super) samples: Vec<RuleSample>,
}

/// A line that a rule is meant to match, or not to match.
pub(super) struct RuleSample {
    pub(super) line: String,
    pub(super) is_match: bool,
    pub(super) span: Range<usize>,
}

/// Reads every rule; never empty.
pub(super) fn read(tables: &[Table<'_>], report: &mut ErrorReport<'_>) -> Vec<Rule> {
    let mut rules = Vec::new();
    for table in tables.iter().filter(|table| table.kind() == Kind::Rule) {
        let (spec, samples) = (read_rule(table, report), read_samples(table, report));
        rules.push(Rule { spec, span: Some(table.span()), samples });
    }
    if rules.is_empty() {
        rules.push(Rule { spec: RuleSpec::errors(), span: None, samples: Vec::new() });
    }
    let masks = read_masks(tables, report);
    rules.iter_mut().for_each(|rule| rule.spec.masks.clone_from(&masks));
    rules
}

/// Reads what is hidden in the lines of all rules before they are grouped into patterns.
fn read_masks(tables: &[Table<'_>], report: &mut ErrorReport<'_>) -> Vec<String> {
    let mut masks = Vec::new();
    for table in tables.iter().filter(|table| table.kind() == Kind::Pattern) {
        for mask in table.texts(report, "mask") {
            match check_regex(mask.get_ref(), false) {
                Ok(()) => masks.push((*mask.get_ref()).to_owned()),
                Err(why_not) => refuse(table, report, &mask, "mask", &why_not),
            }
        }
    }
    masks
}

fn read_rule(table: &Table<'_>, report: &mut ErrorReport<'_>) -> RuleSpec {
    let ignore_case = table.switch(report, "ignore_case", false);
    let any = table.texts(report, "any");
    for literal in &any {
        if let Err(why_not) = check_literal(literal.get_ref()) {
            refuse(table, report, literal, "any", &why_not);
        }
    }
    let mut patterns = |key: &str| {
        let patterns = table.texts(report, key);
        for pattern in &patterns {
            if let Err(why_not) = check_regex(pattern.get_ref(), ignore_case) {
                refuse(table, report, pattern, key, &why_not);
            }
        }
        owned(&patterns)
    };
    let (regex, not) = (patterns("regex"), patterns("not"));
    let is_built_in =
        table.name() == BUILT_IN && !["any", "regex", "level"].into_iter().any(|key| table.has(key));
    let built_in = if is_built_in { RuleSpec::errors() } else { RuleSpec::default() };
    if !is_built_in && !["any", "regex", "level"].into_iter().any(|key| table.has(key)) {
        let label = table.label();
        report.refuse(
            table.span(),
            format!(
                "{label} says nothing to look for; add `any = [\"ERROR\"]` (literal texts), `regex`, or `level = \"error\"`"
            ),
        );
    }
    let word = table.switch(report, "word", false);
    if word && !table.has("any") && !table.has("regex") {
        table.refuse(report, "word", "means nothing without `any` or `regex`; take it out");
    }
    RuleSpec {
        name: table.name().to_owned(),
        any: owned(&any),
        regex,
        not,
        ignore_case,
        word,
        level: read_level(table, report).or(built_in.level),
        without_level: read_without_level(table, report, is_built_in).unwrap_or(built_in.without_level),
        record_start: read_record_start(table, report),
        multiline: read_multiline(table, report),
        masks: Vec::new(),
    }
}

/// Reads the texts that stand for the level of a rule.
fn read_without_level(
    table: &Table<'_>,
    report: &mut ErrorReport<'_>,
    has_level: bool,
) -> Option<Vec<String>> {
    if !table.has("without_level") {
        return None;
    }
    if !has_level && !table.has("level") {
        table.refuse(report, "without_level", "means nothing without `level`; add it, or write `any`");
    }
    let texts = table.texts(report, "without_level");
    for text in &texts {
        let is_short = text.get_ref().len() < TEXT_BYTES_MIN;
        let too_short = || format!("it is too short; write at least {TEXT_BYTES_MIN} bytes");
        let checked = check_literal(text.get_ref());
        if let Err(why_not) = checked.and(if is_short { Err(too_short()) } else { Ok(()) }) {
            refuse(table, report, text, "without_level", &why_not);
        }
    }
    Some(owned(&texts))
}

fn read_level(table: &Table<'_>, report: &mut ErrorReport<'_>) -> Option<Level> {
    let text = table.text(report, "level")?;
    let level = Level::parse(text.get_ref());
    if level.is_none() {
        let choices = Level::ALL.map(|level| (level.name(), level));
        return table.choose(report, "level", &text, &choices);
    }
    level
}

/// Reads the beginning of a record, which a rule and a watch can say.
pub(super) fn read_record_start(table: &Table<'_>, report: &mut ErrorReport<'_>) -> Option<String> {
    let text = table.text(report, "record_start")?;
    if let Err(why_not) = check_regex(text.get_ref(), false) {
        refuse(table, report, &text, "record_start", &why_not);
    }
    Some((*text.get_ref()).to_owned())
}

/// Reads in which language's form records continue, which a rule and a watch can say.
pub(super) fn read_multiline(table: &Table<'_>, report: &mut ErrorReport<'_>) -> Option<Multiline> {
    let text = table.text(report, "multiline")?;
    if table.has("record_start") {
        table.refuse(report, "multiline", "contradicts `record_start`; take one of them out");
    }
    table.choose(report, "multiline", &text, &Multiline::ALL.map(|preset| (preset.name(), preset)))
}

fn read_samples(table: &Table<'_>, report: &mut ErrorReport<'_>) -> Vec<RuleSample> {
    let mut samples = Vec::new();
    for (key, is_match) in [("match", true), ("no_match", false)] {
        for text in table.texts(report, key) {
            if text.get_ref().contains('\n') {
                refuse(table, report, &text, key, "no line holds a line break; write one line a text");
            }
            samples.push(RuleSample { line: (*text.get_ref()).to_owned(), is_match, span: text.span() });
        }
    }
    samples
}

fn refuse(table: &Table<'_>, report: &mut ErrorReport<'_>, at: &Text<'_>, key: &str, why_not: &str) {
    let shown = quoted(at.get_ref());
    report.refuse(at.span(), format!("`{key}` in {} holds {shown}: {why_not}", table.label()));
}

/// Whether a line can hold `literal` at all; the error says what would be right.
pub(super) fn check_literal(literal: &str) -> Result<(), String> {
    if literal.is_empty() {
        return Err("an empty text is in every line; write what to look for".to_owned());
    }
    if literal.contains('\n') {
        return Err("no line holds a line break; split it into texts of one line".to_owned());
    }
    Ok(())
}

/// Whether `pattern` can be a regular expression of a rule; the error shows where it is wrong.
pub(super) fn check_regex(pattern: &str, ignore_case: bool) -> Result<(), String> {
    if pattern.is_empty() {
        return Err("an empty pattern matches every line; write `^` if that is meant".to_owned());
    }
    check_pattern(pattern, ignore_case).map_err(|error| format!("it does not compile\n{error}"))
}

fn owned(texts: &[Text<'_>]) -> Vec<String> {
    texts.iter().map(|text| (*text.get_ref()).to_owned()).collect()
}

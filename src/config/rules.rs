//! The tables `[rule.NAME]`.

use super::error::{Report, quoted};
use super::schema::Kind;
use super::table::{Table, Text};
use crate::scan::rules::{RuleSpec, check_pattern};

/// A rule and, if it stands in the file, where.
pub(super) struct Rule {
    pub(super) spec: RuleSpec,
    pub(super) span: Option<std::ops::Range<usize>>,
}

/// Reads every rule; never empty.
pub(super) fn read(tables: &[Table<'_>], report: &mut Report<'_>) -> Vec<Rule> {
    let mut rules = Vec::new();
    for table in tables.iter().filter(|table| table.kind() == Kind::Rule) {
        rules.push(Rule { spec: read_rule(table, report), span: Some(table.span()) });
    }
    if rules.is_empty() {
        rules.push(Rule { spec: RuleSpec::errors(), span: None });
    }
    rules
}

fn read_rule(table: &Table<'_>, report: &mut Report<'_>) -> RuleSpec {
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
    if !table.has("any") && !table.has("regex") {
        let label = table.label();
        report.refuse(
            table.span(),
            format!("{label} says nothing to look for; add `any = [\"ERROR\"]` (literal texts) or `regex`"),
        );
    }
    RuleSpec { name: table.name().to_owned(), any: owned(&any), regex, not, ignore_case }
}

fn refuse(table: &Table<'_>, report: &mut Report<'_>, at: &Text<'_>, key: &str, why_not: &str) {
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

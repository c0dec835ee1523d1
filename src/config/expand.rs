//! `${NAME}` in the texts of a configuration: environment variables, and the name of this machine. Values are put into texts that
//! were parsed before, so that none of them can become anything but text.

use std::borrow::Cow;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ErrorReport, quoted};

/// Replaces what stands in all texts of `root`, and returns what was put in. `lookup` gives the value of a name.
pub(super) fn expand(
    root: &mut DeTable<'_>,
    lookup: &dyn Fn(&str) -> Option<String>,
    report: &mut ErrorReport<'_>,
) -> Vec<String> {
    let mut used = Vec::new();
    for (_, value) in root.iter_mut() {
        expand_value(value, lookup, report, &mut used);
    }
    used
}

fn expand_value(
    value: &mut Spanned<DeValue<'_>>,
    lookup: &dyn Fn(&str) -> Option<String>,
    report: &mut ErrorReport<'_>,
    used: &mut Vec<String>,
) {
    let span = value.span();
    match value.get_mut() {
        DeValue::String(text) if text.contains("${") => match expand_text(text, lookup, used) {
            Ok(expanded) => *text = Cow::Owned(expanded),
            Err(why) => report.refuse(span, why),
        },
        DeValue::Array(items) => {
            for item in items.iter_mut() {
                expand_value(item, lookup, report, used);
            }
        }
        DeValue::Table(entries) => {
            for (_, entry) in entries.iter_mut() {
                expand_value(entry, lookup, report, used);
            }
        }
        _ => {}
    }
}

fn expand_text(
    text: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
    used: &mut Vec<String>,
) -> Result<String, String> {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        // Two of them are one, and mean nothing.
        if rest[..at].ends_with('$') {
            expanded.push_str(&rest[..at]);
            expanded.push('{');
            rest = &rest[at + 2..];
            continue;
        }
        expanded.push_str(&rest[..at]);
        let Some(length) = rest[at..].find('}') else {
            return Err(format!(
                "`${{` without `}}` in {}; write `$${{` where it means itself",
                quoted(text)
            ));
        };
        let inside = &rest[at + 2..at + length];
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(is_name) {
            return Err(format!(
                "{} is no name of a variable; write `${{NAME}}`, or `$${{` where it means itself",
                quoted(name)
            ));
        }
        // As in a shell: one that is empty counts as none where there is a default.
        let value = lookup(name).filter(|value| default.is_none() || !value.is_empty());
        let Some(value) = value.or_else(|| default.map(str::to_owned)) else {
            return Err(format!(
                "the environment variable {} is not set; set it for the daemon, write `${{{name}:-default}}`, or `$${{` where it means itself",
                quoted(name)
            ));
        };
        expanded.push_str(&value);
        used.push(value);
        rest = &rest[at + length + 1..];
    }
    expanded.push_str(rest);
    Ok(expanded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Result<String, String> {
        let lookup = |name: &str| match name {
            "A" => Some("a}${B".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        expand_text(text, &lookup, &mut Vec::new())
    }

    #[test]
    fn names_are_replaced_once_and_what_is_put_in_means_nothing() {
        for (text, expected) in [
            ("x${A}y${A}", "xa}${Bya}${B"),
            ("${EMPTY}|${EMPTY:-d}|${NONE:-}|${NONE:-a b}", "|d||a b"),
            ("$${A} $A $ {A} $$", "${A} $A $ {A} $$"),
            ("é${A}é", "éa}${Bé"),
        ] {
            assert_eq!(expanded(text).as_deref(), Ok(expected), "{text}");
        }
        for text in ["${NONE}", "${", "${A", "${}", "${A B}", "${:-x}"] {
            assert!(expanded(text).is_err(), "{text}");
        }
    }
}

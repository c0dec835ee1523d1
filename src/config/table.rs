//! One table of a configuration, read key by key. A value that is refused is reported and replaced by its
//! default, so that reading goes on and finds the other problems too.

use std::collections::{BTreeMap, HashSet};
use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ErrorReport, quoted};
use super::schema::Kind;
use super::values::{
    EXPECTED_BYTES, EXPECTED_DURATION, hint, parse_bytes, parse_duration_ms, show_bytes, show_duration,
};

/// A text and where it stands.
pub(super) type Text<'t> = Spanned<&'t str>;

/// A table of a known kind.
pub(super) struct Table<'t> {
    kind: Kind,
    name: Option<&'t str>,
    /// The key of the table that it stands in.
    key: Option<&'static str>,
    span: Range<usize>,
    values: &'t DeTable<'t>,
}

impl<'t> Table<'t> {
    pub(super) fn new(
        kind: Kind,
        name: Option<&'t str>,
        span: Range<usize>,
        values: &'t DeTable<'t>,
    ) -> Self {
        Table { kind, name, key: None, span, values }
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// The name, or nothing for a kind of table that has none.
    pub(super) fn name(&self) -> &'t str {
        self.name.unwrap_or_default()
    }

    /// Where the name (or the kind, if there is none) stands.
    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The header as it is written.
    pub(super) fn label(&self) -> String {
        let key = self.key.map(|key| format!(".{key}")).unwrap_or_default();
        match self.name {
            Some(name) => format!("[{}.{}{key}]", self.kind.name(), quoted(name).trim_matches('`')),
            None => format!("[{}{key}]", self.kind.name()),
        }
    }

    /// The table at `key`, with no keys but `known` ones, or `None` if it is missing or was refused.
    pub(super) fn inner(
        &self,
        report: &mut ErrorReport<'_>,
        key: &'static str,
        known: &[&str],
        right: &str,
    ) -> Option<Table<'t>> {
        let value = self.values.get(key)?;
        let DeValue::Table(values) = value.get_ref() else {
            self.refuse_type(report, key, value.get_ref(), right);
            return None;
        };
        let inner = Table { kind: self.kind, name: self.name, key: Some(key), span: value.span(), values };
        inner.refuse_keys_but(known, report);
        Some(inner)
    }

    pub(super) fn refuse_unknown_keys(&self, report: &mut ErrorReport<'_>) {
        self.refuse_keys_but(self.kind.keys(), report);
    }

    fn refuse_keys_but(&self, known: &[&str], report: &mut ErrorReport<'_>) {
        for key in self.values.keys().filter(|key| !known.contains(&key.get_ref().as_ref())) {
            let hint = hint(key.get_ref(), known.iter().copied());
            let name = quoted(key.get_ref());
            report.refuse(key.span(), format!("unknown key {name} in {}{hint}", self.label()));
        }
    }

    /// Where the value of `key` stands, or the table's name if it has none.
    pub(super) fn span_of(&self, key: &str) -> Range<usize> {
        self.values.get(key).map_or(self.span(), Spanned::span)
    }

    /// Refuses the value of `key`: `what` it is and, after a semicolon, what would be right.
    pub(super) fn refuse(&self, report: &mut ErrorReport<'_>, key: &str, what: &str) {
        report.refuse(self.span_of(key), format!("`{key}` in {} {what}", self.label()));
    }

    fn refuse_type(&self, report: &mut ErrorReport<'_>, key: &str, found: &DeValue<'_>, right: &str) {
        let found = with_article(found);
        self.refuse(report, key, &format!("is {found}; {right}"));
    }

    pub(super) fn text(&self, report: &mut ErrorReport<'_>, key: &str) -> Option<Text<'t>> {
        let value = self.values.get(key)?;
        let DeValue::String(text) = value.get_ref() else {
            self.refuse_type(report, key, value.get_ref(), "write a text in quotes");
            return None;
        };
        Some(Spanned::new(value.span(), text.as_ref()))
    }

    pub(super) fn switch(&self, report: &mut ErrorReport<'_>, key: &str, default: bool) -> bool {
        match self.values.get(key).map(Spanned::get_ref) {
            None => default,
            Some(DeValue::Boolean(value)) => *value,
            Some(other) => {
                self.refuse_type(report, key, other, "write true or false");
                default
            }
        }
    }

    /// Whether the value of `key` is true or false.
    pub(super) fn is_switch(&self, key: &str) -> bool {
        matches!(self.values.get(key).map(Spanned::get_ref), Some(DeValue::Boolean(_)))
    }

    pub(super) fn choice<T: Copy>(
        &self,
        report: &mut ErrorReport<'_>,
        key: &str,
        choices: &[(&str, T)],
        default: T,
    ) -> T {
        let Some(text) = self.text(report, key) else { return default };
        self.choose(report, key, &text, choices).unwrap_or(default)
    }

    /// One of `choices`, or `None` once the text was refused.
    pub(super) fn choose<T: Copy>(
        &self,
        report: &mut ErrorReport<'_>,
        key: &str,
        text: &Text<'_>,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let found = choices.iter().find(|(name, _)| name == text.get_ref()).map(|(_, value)| *value);
        if found.is_none() {
            let hint = hint(text.get_ref(), choices.iter().map(|(name, _)| *name));
            let (name, label) = (quoted(text.get_ref()), self.label());
            report.refuse(text.span(), format!("`{key}` in {label} cannot be {name}{hint}"));
        }
        found
    }

    /// A number, or a text that `parse` takes for one; 0 once it was refused.
    pub(super) fn parsed(
        &self,
        report: &mut ErrorReport<'_>,
        key: &str,
        parse: impl Fn(&str) -> Option<f64>,
        right: &str,
    ) -> f64 {
        let Some(value) = self.values.get(key).map(Spanned::get_ref) else { return 0.0 };
        let (shown, parsed) = match value {
            DeValue::String(text) => (quoted(text), parse(text)),
            DeValue::Integer(number) => (number.to_string(), parse(number.as_str())),
            DeValue::Float(number) => (number.to_string(), parse(number.as_str())),
            other => {
                self.refuse_type(report, key, other, right);
                return 0.0;
            }
        };
        parsed.unwrap_or_else(|| {
            self.refuse(report, key, &format!("is {shown}; {right}"));
            0.0
        })
    }

    /// A whole number within `bounds`, or `None` if it is missing or was refused.
    pub(super) fn integer(
        &self,
        report: &mut ErrorReport<'_>,
        key: &str,
        bounds: RangeInclusive<u64>,
    ) -> Option<u64> {
        let value = self.values.get(key)?.get_ref();
        let DeValue::Integer(number) = value else {
            self.refuse_type(report, key, value, "write a whole number without quotes");
            return None;
        };
        let parsed = i128::from_str_radix(number.as_str(), number.radix());
        let found = parsed.ok().and_then(|n| u64::try_from(n).ok()).filter(|n| bounds.contains(n));
        if found.is_none() {
            let right = match bounds.end() {
                &u64::MAX => format!("at least {}", bounds.start()),
                end => format!("from {} to {end}", bounds.start()),
            };
            self.refuse(report, key, &format!("is {number}; it must be {right}"));
        }
        found
    }

    /// A size in bytes within `bounds`.
    pub(super) fn bytes(
        &self,
        report: &mut ErrorReport<'_>,
        key: &str,
        bounds: RangeInclusive<u64>,
        default: u64,
    ) -> u64 {
        let Some(value) = self.values.get(key).map(Spanned::get_ref) else { return default };
        let (shown, parsed) = match value {
            DeValue::String(text) => (quoted(text), parse_bytes(text)),
            DeValue::Integer(number) => {
                let parsed = u64::from_str_radix(number.as_str(), number.radix());
                (number.to_string(), parsed.map_err(|_| EXPECTED_BYTES.to_owned()))
            }
            other => {
                self.refuse_type(report, key, other, EXPECTED_BYTES);
                return default;
            }
        };
        let why_not = match parsed {
            Ok(bytes) if bounds.contains(&bytes) => return bytes,
            Ok(_) => {
                format!("it must be from {} to {}", show_bytes(*bounds.start()), show_bytes(*bounds.end()))
            }
            Err(why_not) => why_not,
        };
        self.refuse(report, key, &format!("is {shown}; {why_not}"));
        default
    }

    /// A duration in milliseconds within `bounds`.
    pub(super) fn duration_ms(
        &self,
        report: &mut ErrorReport<'_>,
        key: &str,
        bounds: RangeInclusive<i64>,
        default: i64,
    ) -> i64 {
        let Some(value) = self.values.get(key).map(Spanned::get_ref) else { return default };
        let DeValue::String(text) = value else {
            self.refuse_type(report, key, value, EXPECTED_DURATION);
            return default;
        };
        let why_not = match parse_duration_ms(text) {
            Ok(ms) if bounds.contains(&ms) => return ms,
            Ok(_) => format!(
                "it must be from {} to {}",
                show_duration(*bounds.start()),
                show_duration(*bounds.end())
            ),
            Err(why_not) => why_not,
        };
        self.refuse(report, key, &format!("is {}; {why_not}", quoted(text)));
        default
    }

    /// A list of different texts, or `None` if it is missing or was refused.
    pub(super) fn list(&self, report: &mut ErrorReport<'_>, key: &str) -> Option<Vec<Text<'t>>> {
        let value = self.values.get(key)?;
        let right = "write a list of texts, such as [\"one\", \"two\"]";
        let DeValue::Array(items) = value.get_ref() else {
            self.refuse_type(report, key, value.get_ref(), right);
            return None;
        };
        let mut texts = Vec::with_capacity(items.len());
        let mut seen = HashSet::new();
        for item in items {
            let DeValue::String(text) = item.get_ref() else {
                let label = self.label();
                let kind = with_article(item.get_ref());
                report.refuse(item.span(), format!("`{key}` in {label} holds {kind}; {right}"));
                continue;
            };
            if seen.insert(text.as_ref()) {
                texts.push(Spanned::new(item.span(), text.as_ref()));
            } else {
                let (text, label) = (quoted(text), self.label());
                report.refuse(item.span(), format!("`{key}` in {label} lists {text} twice; keep one"));
            }
        }
        Some(texts)
    }

    /// Like [`Table::list`], and a list that is there must not be empty: `right` says what to do instead.
    pub(super) fn filled_list(
        &self,
        report: &mut ErrorReport<'_>,
        key: &str,
        right: &str,
    ) -> Option<Vec<Text<'t>>> {
        if let Some(DeValue::Array(items)) = self.values.get(key).map(Spanned::get_ref)
            && items.is_empty()
        {
            self.refuse(report, key, &format!("is empty; {right}"));
            return None;
        }
        self.list(report, key)
    }

    /// A table of texts; empty if it is missing or was refused.
    pub(super) fn map(&self, report: &mut ErrorReport<'_>, key: &str) -> BTreeMap<String, String> {
        let Some(value) = self.values.get(key) else { return BTreeMap::new() };
        let right = "write a table of texts, such as { name = \"value\" }";
        let DeValue::Table(entries) = value.get_ref() else {
            self.refuse_type(report, key, value.get_ref(), right);
            return BTreeMap::new();
        };
        let mut map = BTreeMap::new();
        for (name, value) in entries {
            if let DeValue::String(text) = value.get_ref() {
                map.insert(name.get_ref().to_string(), text.to_string());
            } else {
                let (label, kind) = (self.label(), with_article(value.get_ref()));
                report.refuse(value.span(), format!("`{key}` in {label} holds {kind}; {right}"));
            }
        }
        map
    }

    /// A text, or a list of texts; empty if it is missing or was refused.
    pub(super) fn texts(&self, report: &mut ErrorReport<'_>, key: &str) -> Vec<Text<'t>> {
        match self.values.get(key).map(Spanned::get_ref) {
            Some(DeValue::String(_)) => self.text(report, key).into_iter().collect(),
            _ => self.filled_list(report, key, "name a text, or leave the key out").unwrap_or_default(),
        }
    }

    /// Whether the key is there, right or wrong.
    pub(super) fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }
}

fn with_article(value: &DeValue<'_>) -> String {
    match value.type_str() {
        kind @ ("integer" | "array") => format!("an {kind}"),
        kind => format!("a {kind}"),
    }
}

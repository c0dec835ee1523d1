//! TOML text as a list of known tables. What TOML itself, the kind, the name or a key of a table makes wrong is
//! reported here; values are left to the readers of the tables.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ErrorReport, quoted};
use super::schema::Kind;
use super::table::Table;
use super::values::{hint, is_name};

/// How many tables of one kind there may be.
const TABLES_MAX: usize = 1_000;

/// Parses `text`, or returns `None` if it is so broken that a look at its tables would mislead.
pub(super) fn parse<'t>(text: &'t str, report: &mut ErrorReport<'_>) -> Option<DeTable<'t>> {
    let (root, errors) = DeTable::parse_recoverable(text);
    let mut is_sound = true;
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        if error.message() == "duplicate key" {
            report.refuse(span.clone(), duplicate(text, span));
        } else {
            is_sound = false;
            report.refuse(span, format!("not TOML: {}", error.message()));
        }
    }
    is_sound.then(|| root.into_inner())
}

fn duplicate(text: &str, span: Range<usize>) -> String {
    let name = quoted(text.get(span.clone()).unwrap_or_default());
    let before = text.get(..span.start).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let header = text[line_start..].lines().next().and_then(header_of);
    let Some(header) = header else {
        return format!("duplicate key {name}; keep one of the two");
    };
    let first = before.lines().position(|line| header_of(line) == Some(header));
    let first = first.map_or(String::new(), |at| format!(", the first is in line {}", at + 1));
    format!("duplicate table {}{first}; rename one or merge them", quoted(header))
}

/// The `[…]` that a line begins with.
fn header_of(line: &str) -> Option<&str> {
    let line = line.trim_start();
    line.starts_with('[').then(|| line.find(']').map(|end| &line[..=end])).flatten()
}

/// Documents as one: what a later one says replaces the same of those before it, key by key.
pub(super) fn merged(documents: Vec<DeTable<'_>>) -> DeTable<'_> {
    let mut all = documents.into_iter();
    let mut root = all.next().unwrap_or_default();
    for document in all {
        for (kind, value) in document {
            let is_named = Kind::ALL.iter().any(|known| known.name() == kind.get_ref() && known.is_named());
            put(&mut root, kind, value, if is_named { 2 } else { 1 });
        }
    }
    root
}

/// Tables that are less than `depth` below are merged; everything else is replaced.
fn put<'t>(
    into: &mut DeTable<'t>,
    key: Spanned<std::borrow::Cow<'t, str>>,
    value: Spanned<DeValue<'t>>,
    depth: usize,
) {
    let span = value.span();
    let value = value.into_inner();
    if let DeValue::Table(entries) = value {
        if depth > 0
            && let Some(DeValue::Table(known)) = into.get_mut(key.get_ref().as_ref()).map(Spanned::get_mut)
        {
            for (key, value) in entries {
                put(known, key, value, depth - 1);
            }
            return;
        }
        into.remove(key.get_ref().as_ref());
        into.insert(key, Spanned::new(span, DeValue::Table(entries)));
        return;
    }
    // So that the key stands where its value does.
    into.remove(key.get_ref().as_ref());
    into.insert(key, Spanned::new(span, value));
}

/// The known tables of the document, in the order in which they stand there.
pub(super) fn tables<'t>(root: &'t DeTable<'t>, report: &mut ErrorReport<'_>) -> Vec<Table<'t>> {
    let mut tables = Vec::new();
    for (key, value) in root {
        let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.name() == key.get_ref()) else {
            refuse_kind(key, value, report);
            continue;
        };
        match (value.get_ref(), kind.is_named()) {
            (DeValue::Table(values), false) => {
                tables.push(Table::new(kind, None, key.span(), values));
            }
            (DeValue::Table(entries), true) => named_tables(kind, entries, &mut tables, report),
            (_, named) => report.refuse(key.span(), how_to_write(kind, named)),
        }
    }
    tables.sort_by_key(|table| table.span().start);
    for table in &tables {
        table.refuse_unknown_keys(report);
    }
    tables
}

fn named_tables<'t>(
    kind: Kind,
    entries: &'t DeTable<'t>,
    tables: &mut Vec<Table<'t>>,
    report: &mut ErrorReport<'_>,
) {
    for (at, (key, value)) in entries.iter().enumerate() {
        let DeValue::Table(values) = value.get_ref() else {
            report.refuse(key.span(), how_to_write(kind, true));
            continue;
        };
        if !is_name(key.get_ref()) {
            let name = quoted(key.get_ref());
            report.refuse(
                key.span(),
                format!("bad name {name}; a name has 1 to 64 letters, digits, `_`, `.` or `-`"),
            );
        }
        if at == TABLES_MAX {
            let kind = kind.name();
            report.refuse(key.span(), format!("too many [{kind}.…] tables; at most {TABLES_MAX}"));
        }
        if at < TABLES_MAX {
            tables.push(Table::new(kind, Some(key.get_ref()), key.span(), values));
        }
    }
}

fn how_to_write(kind: Kind, named: bool) -> String {
    let kind = kind.name();
    if named {
        format!("[{kind}] needs a name; write [{kind}.NAME], and its keys below that")
    } else {
        format!("`{kind}` is a table; write [{kind}], and its keys below that")
    }
}

fn refuse_kind(
    key: &Spanned<std::borrow::Cow<'_, str>>,
    value: &Spanned<DeValue<'_>>,
    report: &mut ErrorReport<'_>,
) {
    let known = Kind::ALL.iter().map(|kind| kind.name());
    let hint = hint(key.get_ref(), known);
    let what = match value.get_ref() {
        DeValue::Table(_) => format!("unknown table [{}]", quoted(key.get_ref()).trim_matches('`')),
        _ => format!("unknown key {} outside of any table", quoted(key.get_ref())),
    };
    report.refuse(key.span(), format!("{what}{hint}"));
}

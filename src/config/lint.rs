//! What can be read but cannot work: looked for by `spiketail check` only, since it depends on what is there when the daemon runs.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use super::error::{ErrorReport, quoted};
use super::schema::Kind;
use super::secrets::resolved;
use super::table::{Table, Text};
use crate::fmt::display_path;
use crate::notify::receivers::template;
use crate::notify::settings::Secret;

/// Keys of outputs that name a file with a secret.
const SECRET_FILES: [&str; 6] =
    ["url_file", "routing_key_file", "api_key_file", "token_file", "password_file", "ca_file"];
/// Keys of rules that hold regular expressions.
const EXPRESSIONS: [&str; 2] = ["regex", "not"];

/// Refuses what cannot work in `tables`, whose relative paths start at `folder`.
pub(super) fn lint(tables: &[Table<'_>], folder: &Path, report: &mut ErrorReport<'_>) {
    let engine = tables.iter().find(|table| table.kind() == Kind::Engine && table.has("labels"));
    let labels = engine.map(|engine| engine.map(report, "labels")).unwrap_or_default();
    for table in tables {
        match table.kind() {
            Kind::Output => {
                lint_files(table, folder, report);
                lint_command(table, report);
                lint_template(table, &labels, report);
                lint_path(table, report);
            }
            Kind::Heartbeat => lint_files(table, folder, report),
            Kind::Watch => {
                lint_paths(table, report);
                lint_expressions(table, &["record_start"], report);
            }
            Kind::Rule => {
                lint_expressions(table, &EXPRESSIONS, report);
                lint_expressions(table, &["record_start"], report);
            }
            Kind::Pattern => lint_expressions(table, &["mask"], report),
            _ => {}
        }
    }
}

fn lint_files(table: &Table<'_>, folder: &Path, report: &mut ErrorReport<'_>) {
    for key in SECRET_FILES {
        let Some(text) = table.has(key).then(|| table.text(report, key)).flatten() else { continue };
        lint_file(table, key, text.get_ref(), folder, report);
    }
    let headers = if table.has("header_files") { table.map(report, "header_files") } else { BTreeMap::new() };
    for file in headers.values() {
        lint_file(table, "header_files", file, folder, report);
    }
}

fn lint_file(table: &Table<'_>, key: &str, text: &str, folder: &Path, report: &mut ErrorReport<'_>) {
    // A name alone is one of systemd's credentials, which only the daemon sees.
    let is_credential = !text.contains('/') && key != "ca_file";
    if is_credential && std::env::var_os("CREDENTIALS_DIRECTORY").is_none() {
        return;
    }
    let path = resolved(text, folder);
    let opened = std::fs::File::open(&path);
    if opened.is_ok()
        && key != "ca_file"
        && let Some(why) = Secret::File(path.clone()).problem(key == "url_file")
    {
        table.refuse(report, key, &format!("is of no use: {why}"));
    }
    if let Err(error) = opened {
        let shown = display_path(&path);
        let mend = match (unexpanded(text), error.kind()) {
            (Some(mend), _) => mend,
            (None, ErrorKind::PermissionDenied) => "let the user that runs spiketail read it",
            (None, _) => "create it, or name the right file",
        };
        table.refuse(report, key, &format!("cannot be read: {shown}: {error}; {mend}"));
    }
}

fn lint_command(table: &Table<'_>, report: &mut ErrorReport<'_>) {
    let Some(command) = table.has("command").then(|| table.list(report, "command")).flatten() else { return };
    let Some(program) = command.first() else { return };
    let name: &str = program.get_ref();
    let is_there = match name.contains('/') {
        true => is_program(Path::new(name)),
        false => std::env::var_os("PATH")
            .is_some_and(|path| std::env::split_paths(&path).any(|folder| is_program(&folder.join(name)))),
    };
    if !is_there {
        let (label, shown) = (table.label(), quoted(name));
        report.refuse(
            program.span(),
            format!("`command` in {label} names {shown}, which is no program that can be run; name one by its absolute path"),
        );
    }
}

fn is_program(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

fn lint_template(table: &Table<'_>, labels: &BTreeMap<String, String>, report: &mut ErrorReport<'_>) {
    let Some(text) = table.has("template").then(|| table.text(report, "template")).flatten() else { return };
    if let Err(why) = template::try_out(text.get_ref(), labels) {
        table.refuse(report, "template", &format!("fails for a test alert: {why}"));
    }
}

/// How what a shell would replace in `path` is written, if something is left of that.
fn unexpanded(path: &str) -> Option<&'static str> {
    let is_variable = path.char_indices().any(|(at, c)| {
        c == '$'
            && path[at + 1..].starts_with(|next: char| next.is_ascii_alphabetic() || "_({".contains(next))
    });
    if is_variable {
        Some("a variable is written `${NAME}`")
    } else if path.contains('`') {
        Some("no shell runs commands here")
    } else {
        None
    }
}

/// Paths that no shell has seen.
fn lint_paths(table: &Table<'_>, report: &mut ErrorReport<'_>) {
    for key in ["paths", "exclude"] {
        for path in table.has(key).then(|| table.list(report, key)).flatten().unwrap_or_default() {
            refuse_unexpanded(table, key, &path, report);
        }
    }
}

/// Where an output writes.
fn lint_path(table: &Table<'_>, report: &mut ErrorReport<'_>) {
    if let Some(path) = table.has("path").then(|| table.text(report, "path")).flatten() {
        refuse_unexpanded(table, "path", &path, report);
    }
}

fn refuse_unexpanded(table: &Table<'_>, key: &str, path: &Text<'_>, report: &mut ErrorReport<'_>) {
    let text: &str = path.get_ref();
    // What a file is really called may look so.
    let Some(mend) = unexpanded(text).filter(|_| !Path::new(text).exists()) else { return };
    let (label, shown) = (table.label(), quoted(text));
    report.refuse(
        path.span(),
        format!("`{key}` in {label} holds {shown}, which is taken as it stands: {mend}"),
    );
}

/// In double quotes TOML makes one character of `\b`, which then is looked for.
fn lint_expressions(table: &Table<'_>, keys: &[&str], report: &mut ErrorReport<'_>) {
    for key in keys.iter().filter(|key| table.has(key)) {
        for text in table.texts(report, key) {
            let Some(written) = escaped(&text) else { continue };
            let label = table.label();
            report.refuse(
                text.span(),
                format!(
                    "`{key}` in {label} holds what TOML made of `{written}` in double quotes, not a regular expression; \
                     write it in single quotes"
                ),
            );
        }
    }
}

fn escaped(text: &Text<'_>) -> Option<&'static str> {
    let known = [('\u{8}', "\\b"), ('\u{c}', "\\f"), ('\u{1b}', "\\e"), ('\r', "\\r")];
    known.iter().find(|(c, _)| text.get_ref().contains(*c)).map(|(_, written)| *written)
}

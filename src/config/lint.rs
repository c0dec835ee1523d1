//! What can be read but cannot work: looked for by `spiketail check` only, since it depends on what is there when the daemon runs.

use std::path::{Path, PathBuf};

use super::error::{ErrorReport, quoted};
use super::schema::Kind;
use super::secrets::resolved;
use super::table::{Table, Text};
use crate::fmt::display_path;
use crate::notify::receivers::template;

/// Keys of outputs that name a file with a secret.
const SECRET_FILES: [&str; 6] =
    ["url_file", "routing_key_file", "api_key_file", "token_file", "password_file", "ca_file"];
/// Keys of rules that hold regular expressions.
const EXPRESSIONS: [&str; 2] = ["regex", "not"];

/// Refuses what cannot work in `tables`, whose relative paths start at `folder`.
pub(super) fn lint(tables: &[Table<'_>], folder: &Path, report: &mut ErrorReport<'_>) {
    for table in tables {
        match table.kind() {
            Kind::Output => {
                lint_files(table, folder, report);
                lint_command(table, report);
                lint_template(table, report);
            }
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
        // A name alone is one of systemd's credentials, which only the daemon sees.
        if !text.get_ref().contains('/')
            && key != "ca_file"
            && std::env::var_os("CREDENTIALS_DIRECTORY").is_none()
        {
            continue;
        }
        let path = resolved(text.get_ref(), folder);
        if let Err(error) = std::fs::File::open(&path) {
            let shown = display_path(&path);
            table.refuse(
                report,
                key,
                &format!("cannot be read: {shown}: {error}; create it, or name the right file"),
            );
        }
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
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

fn lint_template(table: &Table<'_>, report: &mut ErrorReport<'_>) {
    let Some(text) = table.has("template").then(|| table.text(report, "template")).flatten() else { return };
    if let Err(why) = template::try_out(text.get_ref()) {
        table.refuse(report, "template", &format!("fails for a test alert: {why}"));
    }
}

/// A path that no shell has seen.
fn lint_paths(table: &Table<'_>, report: &mut ErrorReport<'_>) {
    for path in table.has("paths").then(|| table.list(report, "paths")).flatten().unwrap_or_default() {
        let text: &str = path.get_ref();
        let is_variable = text.char_indices().any(|(at, c)| {
            c == '$'
                && text[at + 1..].starts_with(|next: char| next.is_ascii_alphabetic() || "_({".contains(next))
        });
        let mend = if is_variable {
            "a variable is written `${NAME}`"
        } else if text.contains('`') {
            "no shell runs commands here"
        } else {
            continue;
        };
        // What a file is really called may look so.
        if PathBuf::from(text).exists() {
            continue;
        }
        let (label, shown) = (table.label(), quoted(text));
        report.refuse(
            path.span(),
            format!("`paths` in {label} holds {shown}, which is taken as it stands: {mend}"),
        );
    }
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

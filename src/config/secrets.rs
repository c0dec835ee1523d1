//! Secrets of outputs: in place, in a file, or one of systemd's credentials.

use std::path::{Path, PathBuf};

use super::error::ErrorReport;
use super::table::Table;
use crate::notify::settings::Secret;

/// The secret in the file that is named at `key`.
pub(super) fn secret_file(
    table: &Table<'_>,
    folder: &Path,
    report: &mut ErrorReport<'_>,
    key: &str,
) -> Option<Secret> {
    table.text(report, key).map(|text| Secret::File(resolved(text.get_ref(), folder)))
}

/// A name alone is one of systemd's credentials, and stays a name if there are any.
pub(super) fn resolved(text: &str, folder: &Path) -> PathBuf {
    let is_credential = !text.contains('/') && std::env::var_os("CREDENTIALS_DIRECTORY").is_some();
    if is_credential { text.into() } else { folder.join(text) }
}

/// The secret at `key`, or in the file at `key` with `_file`.
pub(super) fn secret(
    table: &Table<'_>,
    key: &str,
    what: &str,
    folder: &Path,
    report: &mut ErrorReport<'_>,
) -> Option<Secret> {
    let file_key = format!("{key}_file");
    match (table.text(report, key), secret_file(table, folder, report, &file_key)) {
        (Some(_), Some(_)) => {
            table.refuse(report, &file_key, &format!("means nothing beside `{key}`; keep one of the two"));
            None
        }
        (Some(text), None) if !text.get_ref().trim().is_empty() => {
            Some(Secret::Plain(text.get_ref().trim().to_owned()))
        }
        (None, Some(file)) => Some(file),
        (None, None) if table.has(key) || table.has(&file_key) => None,
        _ => {
            let label = table.label();
            report.refuse(
                table.span_of(key),
                format!("{label} lacks `{key}`, {what}; write it, or `{file_key}` for the name of a file that holds it"),
            );
            None
        }
    }
}

//! The key `journal` of a `[watch.NAME]`: which entries of the systemd journal are read instead of files.

use std::path::Path;
use std::sync::Arc;

use super::error::{ErrorReport, quoted};
use super::table::Table;
use super::values::absolute;
use crate::source::journal::selection::check_glob;
use crate::source::journal::{JournalPlaces, JournalSelection};

/// The keys within `journal`.
pub(super) const JOURNAL_KEYS: &[&str] =
    &["units", "identifiers", "priority", "directory", "namespaces", "machines"];

const PRIORITIES: [(&str, u8); 12] = [
    ("emergency", 0),
    ("emerg", 0),
    ("alert", 1),
    ("critical", 2),
    ("crit", 2),
    ("error", 3),
    ("err", 3),
    ("warning", 4),
    ("warn", 4),
    ("notice", 5),
    ("info", 6),
    ("debug", 7),
];

/// Whose journals are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Machines {
    Own,
    All,
}

/// Reads which entries of the journal a watch means, if it reads the journal.
pub(super) fn read(
    table: &Table<'_>,
    folder: &Path,
    report: &mut ErrorReport<'_>,
) -> Option<Arc<JournalSelection>> {
    if table.is_switch("journal") {
        return table.switch(report, "journal", false).then(Arc::default);
    }
    let right = "write `journal = true`, or which entries are meant, such as `journal = { units = [\"nginx.service\"] }`";
    let inner = table.inner(report, "journal", JOURNAL_KEYS, right)?;
    let machines = [("own", Machines::Own), ("all", Machines::All)];
    let places = JournalPlaces {
        directory: read_directory(&inner, folder, report),
        namespaces: names(&inner, "namespaces", report),
        all_machines: inner.choice(report, "machines", &machines, Machines::Own) == Machines::All,
    };
    let priorities = PRIORITIES.map(|(name, priority)| (name, Some(priority)));
    Some(Arc::new(JournalSelection {
        places,
        units: globs(&inner, "units", report),
        identifiers: globs(&inner, "identifiers", report),
        priority_max: inner.choice(report, "priority", &priorities, None),
    }))
}

fn read_directory(
    table: &Table<'_>,
    folder: &Path,
    report: &mut ErrorReport<'_>,
) -> Option<std::path::PathBuf> {
    let text = table.text(report, "directory")?;
    match absolute(text.get_ref(), folder) {
        Ok(path) => Some(path),
        Err(why_not) => {
            table.refuse(report, "directory", &format!("is {}: {why_not}", quoted(text.get_ref())));
            None
        }
    }
}

fn names(table: &Table<'_>, key: &str, report: &mut ErrorReport<'_>) -> Vec<String> {
    let names = table.filled_list(report, key, "name some, or leave the key out");
    names.unwrap_or_default().iter().map(|name| (*name.get_ref()).to_owned()).collect()
}

fn globs(table: &Table<'_>, key: &str, report: &mut ErrorReport<'_>) -> Vec<String> {
    let globs = names(table, key, report);
    for glob in &globs {
        if let Err(why_not) = check_glob(glob) {
            table.refuse(report, key, &format!("holds {}: bad glob, {why_not}", quoted(glob)));
        }
    }
    globs
}

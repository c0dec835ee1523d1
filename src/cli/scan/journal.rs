//! Counts the matching entries of the journal, by unit.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::count::FileCount;
use crate::cli::journal::JournalArg;
use crate::cli::progress::ProgressArg;
use crate::scan::rules::RuleSet;
use crate::scan::scanner::Scanner;
use crate::source::journal::JournalEntry;

/// The longest message that is scanned whole, in bytes.
const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// The most units that are distinguished.
const UNITS_MAX: usize = 10_000;

/// Counts entry by entry. Returns the counts, the greatest first, and what could not be read.
pub(super) fn count(
    journal: &JournalArg,
    rules: &Arc<RuleSet>,
    progress: ProgressArg,
) -> anyhow::Result<(Vec<FileCount>, Vec<String>)> {
    let mut scanner = Scanner::new(Arc::clone(rules), MESSAGE_BYTES_MAX);
    let (mut places, mut counts) = (HashMap::<String, usize>::new(), Vec::<FileCount>::new());
    let problems = journal.read(progress, &mut |entry: &JournalEntry| {
        let name = match entry.name() {
            name if places.len() >= UNITS_MAX && !places.contains_key(name) => "other",
            name => name,
        };
        let at = places.get(name).copied().unwrap_or_else(|| {
            places.insert(name.to_owned(), counts.len());
            counts.push(FileCount::of_unit(PathBuf::from(name), rules.names().len()));
            counts.len() - 1
        });
        let tally = &mut counts[at].tally;
        tally.bytes += entry.message.len() as u64;
        scanner.judge_entry(entry.text(), &|| entry.level(), &mut |rule| tally.lines_matched[rule] += 1);
    })?;
    let matched = |count: &FileCount| count.tally.lines_matched.iter().sum::<u64>();
    counts.sort_by(|a, b| matched(b).cmp(&matched(a)).then_with(|| a.path.cmp(&b.path)));
    Ok((counts, problems))
}

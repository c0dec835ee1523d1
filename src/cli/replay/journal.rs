//! Replays the journal: its entries as one log per unit.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

use crate::cli::journal::JournalArg;
use crate::cli::progress::ProgressArg;
use crate::cli::replay::stream::{LogEvent, LogEventKind, LogStream, RECORD_BYTES_MAX, SAMPLE_BYTES_MAX};
use crate::detect::Millis;
use crate::engine::plan::CompiledWatch;
use crate::pattern::text_of_record;
use crate::scan::scanner::Scanner;
use crate::source::journal::JournalEntry;

/// Reads the matching entries of the journal for the watch number `watch`. They are kept in memory until they are replayed: the
/// files of the journal are not in the order of time. Returns what could not be read, too.
pub(super) fn read(
    journal: &JournalArg,
    (number, watch): (usize, &CompiledWatch),
    progress: ProgressArg,
) -> anyhow::Result<(Vec<LogStream>, Vec<String>)> {
    let mut scanner = Scanner::new(Arc::clone(&watch.rules), watch.file.line_bytes_max);
    let mut units = BTreeMap::<String, (Vec<LogEvent>, u64)>::new();
    let mut joined = Vec::new();
    let problems = journal.read(progress, &mut |entry: &JournalEntry| {
        if !units.contains_key(entry.name()) {
            units.insert(entry.name().to_owned(), (Vec::new(), 0));
        }
        let Some((events, bytes)) = units.get_mut(entry.name()) else { return };
        let at_ms = Millis::try_from(entry.realtime_us / 1_000).unwrap_or(Millis::MAX);
        let text = entry.text();
        *bytes += entry.message.len() as u64;
        if watch.counts_lines {
            count_line(events, at_ms);
        }
        scanner.judge_entry(text, &|| entry.level(), &mut |rule| {
            let line = entry.first_line();
            let line = line[..line.len().min(SAMPLE_BYTES_MAX)].to_vec();
            let record = text_of_record(text, &mut joined);
            let record = (record != line).then(|| record[..record.len().min(RECORD_BYTES_MAX)].into());
            events.push(LogEvent { at_ms, kind: LogEventKind::Match(rule, line, record) });
        });
    })?;
    let stream = |(unit, (mut events, bytes)): (String, (Vec<LogEvent>, u64))| {
        events.sort_by_key(|event| event.at_ms);
        LogStream::of_events((number, watch), PathBuf::from(unit), VecDeque::from(events), bytes)
    };
    Ok((units.into_iter().map(stream).collect(), problems))
}

fn count_line(events: &mut Vec<LogEvent>, at_ms: Millis) {
    match events.last_mut() {
        Some(LogEvent { at_ms: same, kind: LogEventKind::Lines(n) }) if *same == at_ms => *n += 1,
        _ => events.push(LogEvent { at_ms, kind: LogEventKind::Lines(1) }),
    }
}

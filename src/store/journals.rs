//! How far the files of the journal were read, in rows that people can read.

use std::collections::HashSet;

use rusqlite::{Connection, Row, params};

use super::sql_types::{self, Bits};
use crate::source::journal::{FilePosition, Id128, JournalState};

/// What is remembered of the journal for a watch, or what of it has changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JournalRecord {
    /// Name of the watch.
    pub watch: String,
    /// What is known of the journal as a whole.
    pub state: JournalState,
    /// Where files were read to.
    pub positions: Vec<(Id128, FilePosition)>,
    /// Files that are gone.
    pub gone: Vec<Id128>,
}

impl JournalRecord {
    /// Adds what has changed since.
    pub fn update(&mut self, newer: JournalRecord) {
        let replaced: HashSet<Id128> =
            newer.positions.iter().map(|(id, _)| *id).chain(newer.gone.iter().copied()).collect();
        self.positions.retain(|(id, _)| !replaced.contains(id));
        self.positions.extend(newer.positions);
        self.gone.extend(newer.gone);
        self.state = newer.state;
    }
}

/// Adds the changes of `newer` to `records`.
pub(super) fn add(records: &mut Vec<JournalRecord>, newer: Vec<JournalRecord>) {
    for new in newer {
        match records.iter_mut().find(|old| old.watch == new.watch) {
            Some(old) => old.update(new),
            None => records.push(new),
        }
    }
}

pub(super) fn put(connection: &Connection, record: &JournalRecord) -> rusqlite::Result<()> {
    let state = sql_types::json(&record.state)?;
    connection
        .prepare_cached("INSERT OR REPLACE INTO journals (watch, state) VALUES (?1, ?2)")?
        .execute(params![record.watch, state])?;
    let mut remove =
        connection.prepare_cached("DELETE FROM journal_files WHERE watch = ?1 AND file_id = ?2")?;
    for id in &record.gone {
        remove.execute(params![record.watch, id.to_string()])?;
    }
    let mut insert = connection.prepare_cached(
        "INSERT OR REPLACE INTO journal_files (watch, file_id, entries, array, place, seqnum, xor_hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for (id, position) in &record.positions {
        insert.execute(params![
            record.watch,
            id.to_string(),
            Bits(position.entries),
            Bits(position.array),
            Bits(position.index),
            Bits(position.seqnum),
            Bits(position.xor_hash),
        ])?;
    }
    Ok(())
}

pub(super) fn load(connection: &Connection) -> rusqlite::Result<Vec<JournalRecord>> {
    let mut records = Vec::new();
    let mut journals = connection.prepare("SELECT watch, state FROM journals ORDER BY watch")?;
    let mut rows = journals.query([])?;
    while let Some(row) = rows.next()? {
        // Without it nothing is known of gaps, and the positions still hold.
        let state = serde_json::from_str(&row.get::<_, String>("state")?).unwrap_or_default();
        records.push(JournalRecord { watch: row.get("watch")?, state, ..JournalRecord::default() });
    }
    let mut files = connection.prepare("SELECT * FROM journal_files WHERE watch = ?1 ORDER BY file_id")?;
    for record in &mut records {
        let positions = files.query_map([&record.watch], position)?;
        record.positions = positions.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().flatten().collect();
    }
    Ok(records)
}

fn position(row: &Row<'_>) -> rusqlite::Result<Option<(Id128, FilePosition)>> {
    let position = FilePosition {
        array: sql_types::bits(row, "array")?,
        index: sql_types::bits(row, "place")?,
        entries: sql_types::bits(row, "entries")?,
        seqnum: sql_types::bits(row, "seqnum")?,
        xor_hash: sql_types::bits(row, "xor_hash")?,
    };
    Ok(Id128::parse(&row.get::<_, String>("file_id")?).map(|id| (id, position)))
}

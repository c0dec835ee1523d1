//! Reads what was committed.

use std::collections::HashMap;

use rusqlite::{Connection, Row};
use serde::de::DeserializeOwned;

use super::{FileRecord, PositionRecord, RuleTotal, StoredState, TransitionRecord, WatchRecord, WatchedPath};
use super::{journals, patterns, silences, sql_types};
use crate::alert::manager::{AlertSeriesId, SavedAlert};
use crate::event::{AlertEvent, AlertState};
use crate::file::checkpoint::TailCheckpoint;
use crate::pattern::PatternId;
use crate::scan::wrapping::Pieces;

/// What a database remembers, and what in it was of no use.
pub(super) struct Loaded {
    pub(super) state: StoredState,
    /// Alerts whose state cannot be understood, and why.
    pub(super) dropped: Vec<(AlertSeriesId, String)>,
}

/// Reads everything.
pub(super) fn load(connection: &Connection) -> rusqlite::Result<Loaded> {
    let mut dropped = Vec::new();
    let mut state = StoredState {
        files: files(connection)?,
        marks: query(connection, "SELECT * FROM marks ORDER BY age", |row| {
            let (watch, identity, mark) =
                (row.get("watch")?, sql_types::identity(row)?, sql_types::mark(row)?);
            Ok(PositionRecord { watch, identity, mark })
        })?,
        alerts: Vec::new(),
        patterns: patterns::load(connection)?,
        journals: journals::load(connection)?,
        pending: query(
            connection,
            "SELECT p.output, o.* FROM pending p JOIN outbox o ON o.id = p.outbox_id ORDER BY p.output, o.id",
            |row| Ok((row.get("output")?, transition(row)?)),
        )?,
        firing: query(
            connection,
            "SELECT * FROM outbox o WHERE state = 'firing'
             AND id = (SELECT max(id) FROM outbox WHERE fingerprint = o.fingerprint) ORDER BY id",
            transition,
        )?,
        silences: silences::load(connection)?,
        watches: query(connection, "SELECT * FROM watches ORDER BY watch, paths", |row| {
            Ok(WatchRecord {
                watch: row.get("watch")?,
                paths: row.get("paths")?,
                since_ns: row.get("since_ns")?,
            })
        })?,
    };
    for alert in query(connection, "SELECT * FROM alerts", alert)? {
        match alert {
            Ok(alert) => state.alerts.push(alert),
            Err(unusable) => dropped.push(unusable),
        }
    }
    state.alerts.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(Loaded { state, dropped })
}

fn query<T>(
    connection: &Connection,
    sql: &str,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    connection.prepare(sql)?.query_map([], read)?.collect()
}

fn file_id(row: &Row<'_>) -> rusqlite::Result<WatchedPath> {
    Ok(WatchedPath { watch: row.get("watch")?, path: sql_types::path(row)? })
}

fn files(connection: &Connection) -> rusqlite::Result<Vec<FileRecord>> {
    let mut files: HashMap<WatchedPath, FileRecord> = HashMap::new();
    for file in query(connection, "SELECT * FROM files", file)? {
        files.insert(file.id.clone(), file);
    }
    let places = "SELECT * FROM places ORDER BY watch, path, role, position";
    query(connection, places, |row| {
        let Some(file) = files.get_mut(&file_id(row)?) else { return Ok(()) };
        let place = sql_types::place(row)?;
        match row.get::<_, String>("role")?.as_str() {
            "current" => file.tail.current = Some(place),
            "former" => file.tail.former.push(place),
            "ended" => file.tail.ended.push(place),
            _ => file.tail.last = Some(Box::new(place)),
        }
        Ok(())
    })?;
    query(connection, "SELECT * FROM totals ORDER BY watch, path, rule", |row| {
        let Some(file) = files.get_mut(&file_id(row)?) else { return Ok(()) };
        let (matched, reported) = (sql_types::bits(row, "matched")?, sql_types::bits(row, "reported")?);
        file.totals.push(RuleTotal { rule: row.get("rule")?, matched, reported });
        Ok(())
    })?;
    let mut files: Vec<FileRecord> = files.into_values().collect();
    files.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(files)
}

fn file(row: &Row<'_>) -> rusqlite::Result<FileRecord> {
    let begun = |column| row.get::<_, Option<Vec<u8>>>(column).map(Option::unwrap_or_default);
    Ok(FileRecord {
        id: file_id(row)?,
        tail: TailCheckpoint {
            generation: sql_types::bits(row, "generation")?,
            since_ns: row.get("since_ns")?,
            pieces: Pieces::of(begun("stdout_begun")?, begun("stderr_begun")?),
            ..TailCheckpoint::default()
        },
        totals: Vec::new(),
        bytes_read: sql_types::bits(row, "bytes_read")?,
        bytes_missed: sql_types::bits(row, "bytes_missed")?,
    })
}

fn transition(row: &Row<'_>) -> rusqlite::Result<TransitionRecord> {
    // A payload that cannot be read must not cost the state: the columns say which alert it was.
    let event = json::<AlertEvent>(row, "payload").or_else(|_| columns(row))?;
    // JSON holds only text; the column holds all bytes of the path.
    let path = row.get::<_, Option<sql_types::OwnedPath>>("path")?.map(|path| path.0);
    Ok(TransitionRecord { at_ms: row.get("at_ms")?, event: AlertEvent { path, ..event } })
}

/// What the columns say of an alert.
fn columns(row: &Row<'_>) -> rusqlite::Result<AlertEvent> {
    let is_firing = row.get::<_, String>("state")? == AlertState::Firing.as_str();
    Ok(AlertEvent {
        alert: row.get("alert")?,
        state: if is_firing { AlertState::Firing } else { AlertState::Resolved },
        watch: row.get("watch")?,
        rule: row.get("rule")?,
        count: sql_types::bits(row, "count")?,
        fingerprint: row.get("fingerprint")?,
        ..AlertEvent::default()
    })
}

/// An alert, or which one it would be and why it is of no use. One that begins afresh does less harm than a database
/// that is given up.
fn alert(row: &Row<'_>) -> rusqlite::Result<Result<SavedAlert, (AlertSeriesId, String)>> {
    let path = row.get::<_, Option<sql_types::OwnedPath>>("path")?.map(|path| path.0);
    let pattern = row.get::<_, Option<sql_types::Bits>>("pattern")?.map(|bits| PatternId(bits.0));
    let id = AlertSeriesId { alert: row.get("alert")?, watch: row.get("watch")?, path, pattern };
    let parsed = (|| {
        let parts = json(row, "breakdown").unwrap_or_default();
        Ok(SavedAlert {
            id: id.clone(),
            instance: json(row, "alarm")?,
            samples: json(row, "samples")?,
            parts,
        })
    })();
    Ok(parsed.map_err(|why| (id, why)))
}

fn json<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> Result<T, String> {
    let text: String = row.get(column).map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| format!("{column}: {error}"))
}

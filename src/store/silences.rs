//! Silences in the database: those in force, and the newest of those that are over, as a history for people.

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use crate::detect::Millis;

/// So many silences are kept; the oldest go first.
pub const SILENCES_MAX: usize = 1_000;

/// That nobody is to be notified of some alerts for a while.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SilenceRecord {
    /// Its number.
    pub id: u64,
    /// The alerts, by name or glob.
    pub alert: String,
    /// Of those by path, only the paths that this glob matches.
    pub path: Option<String>,
    /// Of those by pattern, only this one: its id.
    pub pattern: Option<String>,
    /// Since when, in milliseconds since the epoch.
    pub since_ms: Millis,
    /// Until when.
    pub until_ms: Millis,
    /// Why, as who made it says.
    pub reason: String,
}

/// Replaces all silences.
pub(super) fn put(connection: &Connection, silences: &[SilenceRecord]) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM silences")?.execute([])?;
    let mut insert = connection.prepare_cached("INSERT INTO silences VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
    for silence in silences {
        let SilenceRecord { id, alert, path, pattern, since_ms, until_ms, reason } = silence;
        let id = i64::try_from(*id).unwrap_or(i64::MAX);
        insert.execute(params![id, alert, path, pattern, since_ms, until_ms, reason])?;
    }
    Ok(())
}

/// All of them, oldest first.
pub(super) fn load(connection: &Connection) -> rusqlite::Result<Vec<SilenceRecord>> {
    let mut select = connection.prepare("SELECT * FROM silences ORDER BY id")?;
    let rows = select.query_map([], |row| {
        Ok(SilenceRecord {
            id: row.get::<_, i64>("id")?.unsigned_abs(),
            alert: row.get("alert")?,
            path: row.get("path")?,
            pattern: row.get("pattern")?,
            since_ms: row.get("since_ms")?,
            until_ms: row.get("until_ms")?,
            reason: row.get("reason")?,
        })
    })?;
    rows.collect()
}

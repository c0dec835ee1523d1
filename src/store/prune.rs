//! Keeps the database within its bounds, a little in each commit, so that none of them takes long.

use std::collections::HashSet;

use rusqlite::{Connection, params};

use super::sql_types::{self, SqlPath};
use super::{Batch, Limits, WatchedPath, write};
use crate::detect::Millis;

const DAY_MS: Millis = 86_400_000;

/// What the history may lose in one commit beyond twice what it gained: enough to come within the bounds in time,
/// and little enough to go unnoticed.
const ROWS_AT_ONCE: u64 = 1_000;

/// Brings marks, the outbox and the history back within `limits` after `batch` was written. The history had `rows`
/// rows then, `added` of them new. Returns how many it lost.
pub(super) fn to_bounds(
    connection: &Connection,
    batch: &Batch,
    limits: &Limits,
    rows: u64,
    added: u64,
) -> rusqlite::Result<u64> {
    if !batch.marks.is_empty() {
        let sql =
            "DELETE FROM marks WHERE age <= (SELECT age FROM marks ORDER BY age DESC LIMIT 1 OFFSET ?1)";
        connection.prepare_cached(sql)?.execute([clamped(limits.marks_max as u64)])?;
    }
    if !batch.transitions.is_empty() {
        let sql = "DELETE FROM outbox WHERE id <= (SELECT max(id) FROM outbox) - ?1";
        connection.prepare_cached(sql)?.execute([clamped(limits.outbox_rows_max)])?;
        let sql = "DELETE FROM pending WHERE outbox_id <= (SELECT max(id) FROM outbox) - ?1";
        connection.prepare_cached(sql)?.execute([clamped(limits.outbox_rows_max)])?;
    }
    if !batch.delivered.is_empty() && !limits.keeps_delivered {
        let sql = "DELETE FROM outbox WHERE NOT EXISTS (SELECT 1 FROM pending WHERE outbox_id = outbox.id)";
        connection.prepare_cached(sql)?.execute([])?;
    }
    let budget = 2 * added + ROWS_AT_ONCE;
    let oldest = (batch.at_ms - Millis::from(limits.history_days) * DAY_MS).div_euclid(60_000);
    let old = prune_history(connection, oldest, budget)?;
    if !batch.rates.is_empty() {
        let before = if limits.history_rows_max == 0 { i64::MAX } else { oldest };
        connection.prepare_cached("DELETE FROM rates_per_minute WHERE minute < ?1")?.execute([before])?;
    }
    let excess = (rows - old).saturating_sub(limits.history_rows_max).min(budget);
    Ok(old + if excess > 0 { prune_history(connection, i64::MAX, excess)? } else { 0 })
}

fn clamped(limit: u64) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// Removes at most `rows_max` rows that are older than the minute `before`, the oldest first.
fn prune_history(connection: &Connection, before: i64, rows_max: u64) -> rusqlite::Result<u64> {
    let sql = "DELETE FROM counts_per_minute WHERE (minute, watch, path, rule) IN (
            SELECT minute, watch, path, rule FROM counts_per_minute WHERE minute < ?1
            ORDER BY minute, watch, path, rule LIMIT ?2)";
    Ok(connection.prepare_cached(sql)?.execute(params![before, clamped(rows_max)])? as u64)
}

/// Notes which files are not watched any longer, and removes those that have not been for long, with their alerts.
///
/// The time counts from when the daemon first saw that a file is not watched, not from its last commit: a file may
/// be quiet for years, and the daemon may be down for months.
pub(super) fn unwatched(
    connection: &Connection,
    watched: &HashSet<WatchedPath>,
    now_ms: Millis,
    limits: &Limits,
) -> rusqlite::Result<()> {
    let is_as_noted = |file: &rusqlite::Result<(WatchedPath, Option<Millis>)>| {
        file.as_ref().is_ok_and(|(id, since)| since.is_none() && watched.contains(id))
    };
    let strange: Vec<(WatchedPath, Option<Millis>)> = connection
        .prepare("SELECT watch, path, unwatched_since_ms FROM files")?
        .query_map([], |row| {
            Ok((
                WatchedPath { watch: row.get(0)?, path: sql_types::path(row)? },
                row.get("unwatched_since_ms")?,
            ))
        })?
        .filter(|file| !is_as_noted(file))
        .collect::<rusqlite::Result<_>>()?;
    let longest_ms = Millis::from(limits.unwatched_days) * DAY_MS;
    for (id, since) in strange {
        match (watched.contains(&id), since) {
            (true, _) => note(connection, &id, None)?,
            (false, Some(since)) if since <= now_ms && now_ms - since < longest_ms => {}
            (false, Some(since)) if since <= now_ms => {
                write::forget_file(connection, &id)?;
                connection
                    .prepare_cached("DELETE FROM alerts WHERE watch = ?1 AND path = ?2")?
                    .execute(params![id.watch, SqlPath(&id.path)])?;
            }
            // It is new, or the clock was put back.
            (false, _) => note(connection, &id, Some(now_ms))?,
        }
    }
    Ok(())
}

fn note(connection: &Connection, id: &WatchedPath, since: Option<Millis>) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE files SET unwatched_since_ms = ?3 WHERE watch = ?1 AND path = ?2")?
        .execute(params![id.watch, SqlPath(&id.path), since])?;
    Ok(())
}

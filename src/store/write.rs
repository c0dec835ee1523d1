//! Writes a batch into a transaction.

use rusqlite::{Connection, OptionalExtension, params};

use super::sql_types::{Bits, SqlPath, json};
use super::{
    Batch, Delivered, DeliveryOutcome, FileRecord, MinuteCount, PositionRecord, RateRecord, RuleTotal,
    TransitionRecord, WatchRecord, WatchedPath,
};
use super::{journals, patterns, silences};
use crate::alert::manager::{AlertSeriesId, SavedAlert};
use crate::detect::Millis;
use crate::file::checkpoint::FileCheckpoint;

/// Writes all of `batch`. Returns how many rows were added to the history.
pub(super) fn apply(connection: &Connection, batch: &Batch) -> rusqlite::Result<u64> {
    for id in &batch.forgotten {
        forget_file(connection, id)?;
    }
    for file in &batch.files {
        put_file(connection, file, batch.at_ms)?;
    }
    for mark in &batch.marks {
        put_mark(connection, mark)?;
    }
    for id in &batch.ended_alerts {
        end_alert(connection, id)?;
    }
    for alert in &batch.alerts {
        put_alert(connection, alert, batch.at_ms)?;
    }
    for (n, transition) in batch.transitions.iter().enumerate() {
        if let Some(id) = put_transition(connection, transition)? {
            await_delivery(connection, id, batch.outputs.get(n).map_or(&[], Vec::as_slice))?;
        }
    }
    for delivered in &batch.delivered {
        note_delivered(connection, delivered, batch.at_ms)?;
    }
    if let Some(silences) = &batch.silences {
        silences::put(connection, silences)?;
    }
    for watch in &batch.watches {
        put_watch(connection, watch)?;
    }
    for record in &batch.patterns {
        patterns::put(connection, record)?;
    }
    for record in &batch.journals {
        journals::put(connection, record)?;
    }
    let mut added = 0;
    for minute in &batch.minutes {
        added += u64::from(add_minute(connection, minute)?);
    }
    for rate in &batch.rates {
        add_rate(connection, rate)?;
    }
    Ok(added)
}

/// Removes a file and what belongs to it. Its history stays.
pub(super) fn forget_file(connection: &Connection, id: &WatchedPath) -> rusqlite::Result<()> {
    let key = params![id.watch, SqlPath(&id.path)];
    connection.prepare_cached("DELETE FROM files WHERE watch = ?1 AND path = ?2")?.execute(key)?;
    connection.prepare_cached("DELETE FROM places WHERE watch = ?1 AND path = ?2")?.execute(key)?;
    connection.prepare_cached("DELETE FROM totals WHERE watch = ?1 AND path = ?2")?.execute(key)?;
    Ok(())
}

fn put_file(connection: &Connection, file: &FileRecord, at_ms: Millis) -> rusqlite::Result<()> {
    let (id, tail) = (&file.id, &file.tail);
    let begun = tail.pieces.texts().map(|text| (!text.is_empty()).then_some(text));
    connection
        .prepare_cached(
            "INSERT INTO files (watch, path, generation, since_ns, bytes_read, bytes_missed, committed_ms,
                stdout_begun, stderr_begun)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT DO UPDATE SET generation = excluded.generation,
                since_ns = excluded.since_ns, bytes_read = excluded.bytes_read, bytes_missed = excluded.bytes_missed,
                committed_ms = excluded.committed_ms, unwatched_since_ms = NULL,
                stdout_begun = excluded.stdout_begun, stderr_begun = excluded.stderr_begun",
        )?
        .execute(params![
            id.watch,
            SqlPath(&id.path),
            Bits(tail.generation),
            tail.since_ns,
            Bits(file.bytes_read),
            Bits(file.bytes_missed),
            at_ms,
            begun[0],
            begun[1],
        ])?;
    let key = params![id.watch, SqlPath(&id.path)];
    connection.prepare_cached("DELETE FROM places WHERE watch = ?1 AND path = ?2")?.execute(key)?;
    if let Some(current) = &tail.current {
        put_place(connection, id, "current", 0, current)?;
    }
    for (position, former) in tail.former.iter().enumerate() {
        put_place(connection, id, "former", position, former)?;
    }
    for (position, ended) in tail.ended.iter().enumerate() {
        put_place(connection, id, "ended", position, ended)?;
    }
    if let Some(last) = &tail.last {
        put_place(connection, id, "last", 0, last)?;
    }
    connection.prepare_cached("DELETE FROM totals WHERE watch = ?1 AND path = ?2")?.execute(key)?;
    let mut insert =
        connection.prepare_cached("INSERT OR REPLACE INTO totals VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for total in &file.totals {
        let RuleTotal { rule, matched, reported } = total;
        insert.execute(params![id.watch, SqlPath(&id.path), rule, Bits(*matched), Bits(*reported)])?;
    }
    Ok(())
}

fn put_place(
    connection: &Connection,
    id: &WatchedPath,
    role: &str,
    position: usize,
    place: &FileCheckpoint,
) -> rusqlite::Result<()> {
    let FileCheckpoint { identity, mark, .. } = place;
    connection
        .prepare_cached(
            "INSERT INTO places (watch, path, role, position, dev, ino, born_ns, offset, searched,
                inside_long_line, counted, head_bytes, head_hash, anchor, size_bytes, modified_ns, changed_ns, is_settled)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
        )?
        .execute(params![
            id.watch,
            SqlPath(&id.path),
            role,
            Bits(position as u64),
            Bits(identity.dev),
            Bits(identity.ino),
            identity.born_ns,
            Bits(mark.cursor.offset),
            Bits(mark.cursor.searched),
            mark.cursor.inside_long_line,
            Bits(mark.cursor.counted),
            Bits(mark.head.len as u64),
            Bits(mark.head.hash),
            mark.anchor.bytes(),
            Bits(place.size),
            place.modified_ns,
            place.changed_ns,
            place.is_settled,
        ])?;
    Ok(())
}

/// The new row gets the greatest age, so a mark that is set anew is the newest.
fn put_mark(connection: &Connection, record: &PositionRecord) -> rusqlite::Result<()> {
    let PositionRecord { watch, identity, mark } = record;
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO marks
                (watch, dev, ino, born_ns, offset, searched, inside_long_line, counted, head_bytes, head_hash, anchor)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            watch,
            Bits(identity.dev),
            Bits(identity.ino),
            identity.born_ns,
            Bits(mark.cursor.offset),
            Bits(mark.cursor.searched),
            mark.cursor.inside_long_line,
            Bits(mark.cursor.counted),
            Bits(mark.head.len as u64),
            Bits(mark.head.hash),
            mark.anchor.bytes(),
        ])?;
    Ok(())
}

/// `IS` because the path may be NULL, which equals nothing.
fn end_alert(connection: &Connection, id: &AlertSeriesId) -> rusqlite::Result<()> {
    let path = id.path.as_deref().map(SqlPath);
    connection
        .prepare_cached(
            "DELETE FROM alerts WHERE alert = ?1 AND watch = ?2 AND path IS ?3 AND pattern IS ?4",
        )?
        .execute(params![id.alert, id.watch, path, id.pattern.map(|id| Bits(id.0))])?;
    Ok(())
}

fn put_alert(connection: &Connection, record: &SavedAlert, at_ms: Millis) -> rusqlite::Result<()> {
    end_alert(connection, &record.id)?;
    let lifecycle = record.instance.lifecycle();
    let state = if lifecycle.is_firing() {
        "firing"
    } else if !lifecycle.is_inactive() {
        "pending"
    } else if lifecycle.is_cooling_down(at_ms) {
        "cooling_down"
    } else {
        "inactive"
    };
    connection
        .prepare_cached(
            "INSERT INTO alerts (alert, watch, path, state, since_ms, count, committed_ms, alarm, samples, breakdown,
                pattern)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            record.id.alert,
            record.id.watch,
            record.id.path.as_deref().map(SqlPath),
            state,
            lifecycle.since(),
            Bits(record.instance.gauge().count()),
            at_ms,
            json(&record.instance)?,
            json(&record.samples)?,
            json(&record.parts)?,
            record.id.pattern.map(|id| Bits(id.0)),
        ])?;
    Ok(())
}

/// A transition that is there already is left alone: its batch failed, but not before it was durable. `ON CONFLICT`
/// would use up an id for it, and the bound on rows is a difference of ids.
fn put_transition(connection: &Connection, transition: &TransitionRecord) -> rusqlite::Result<Option<i64>> {
    let TransitionRecord { at_ms, event } = transition;
    let added = connection
        .prepare_cached(
            "INSERT INTO outbox
                (at_ms, alert, watch, path, rule, state, severity, fingerprint, count, payload)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10
             WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE fingerprint = ?8 AND at_ms = ?1 AND state = ?6)",
        )?
        .execute(params![
            at_ms,
            event.alert,
            event.watch,
            event.path.as_deref().map(SqlPath),
            event.rule,
            event.state.as_str(),
            event.severity.as_str(),
            event.fingerprint,
            Bits(event.count),
            json(event)?,
        ])?;
    Ok((added > 0).then(|| connection.last_insert_rowid()))
}

fn await_delivery(connection: &Connection, id: i64, outputs: &[String]) -> rusqlite::Result<()> {
    let mut insert =
        connection.prepare_cached("INSERT OR IGNORE INTO pending (output, outbox_id) VALUES (?1, ?2)")?;
    outputs.iter().try_for_each(|output| insert.execute(params![output, id]).map(drop))
}

fn note_delivered(connection: &Connection, delivered: &Delivered, now_ms: Millis) -> rusqlite::Result<()> {
    let Delivered { output, fingerprint, at_ms, state, outcome } = delivered;
    let row = "SELECT id FROM outbox WHERE fingerprint = ?1 AND at_ms = ?2 AND state = ?3";
    let id: Option<i64> = connection
        .prepare_cached(row)?
        .query_row(params![fingerprint, at_ms, state.as_str()], |row| row.get(0))
        .optional()?;
    let Some(id) = id else { return Ok(()) };
    connection
        .prepare_cached("DELETE FROM pending WHERE output = ?1 AND outbox_id = ?2")?
        .execute(params![output, id])?;
    if *outcome == DeliveryOutcome::Abandoned {
        return Ok(());
    }
    connection
        .prepare_cached(
            "UPDATE outbox SET delivered_ms = ?2 WHERE id = ?1
             AND NOT EXISTS (SELECT 1 FROM pending WHERE outbox_id = ?1)",
        )?
        .execute(params![id, now_ms])?;
    Ok(())
}

fn put_watch(connection: &Connection, watch: &WatchRecord) -> rusqlite::Result<()> {
    connection.prepare_cached("INSERT OR REPLACE INTO watches VALUES (?1, ?2, ?3)")?.execute(params![
        watch.watch,
        watch.paths,
        watch.since_ns
    ])?;
    Ok(())
}

/// Whether a row was added for it. An upsert would not say, and the bound on rows needs to know.
fn add_minute(connection: &Connection, count: &MinuteCount) -> rusqlite::Result<bool> {
    let matched = i64::try_from(count.matched).unwrap_or(i64::MAX);
    let values = params![count.minute, count.file.watch, SqlPath(&count.file.path), count.rule, matched];
    let updated = connection
        .prepare_cached(
            "UPDATE counts_per_minute SET matched = matched + ?5
             WHERE minute = ?1 AND watch = ?2 AND path = ?3 AND rule = ?4",
        )?
        .execute(values)?;
    if updated > 0 {
        return Ok(false);
    }
    connection
        .prepare_cached("INSERT INTO counts_per_minute VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(values)?;
    Ok(true)
}

/// What was usual is kept as it was known first.
fn add_rate(connection: &Connection, rate: &RateRecord) -> rusqlite::Result<()> {
    let matched = i64::try_from(rate.matched).unwrap_or(i64::MAX);
    let (lo, hi) = rate.usual.unzip();
    connection
        .prepare_cached(
            "INSERT INTO rates_per_minute VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT DO UPDATE SET matched = matched + excluded.matched, lo = coalesce(lo, excluded.lo),
                hi = coalesce(hi, excluded.hi)",
        )?
        .execute(params![rate.minute, rate.watch, rate.rule, matched, lo, hi])?;
    Ok(())
}

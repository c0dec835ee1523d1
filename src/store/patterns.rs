//! The patterns of the lines that match a rule, in rows that people can read.

use rusqlite::{Connection, Row, params};

use super::sql_types::{self, Bits};
use crate::pattern::{Pattern, PatternId, SavedRegistry};

/// The patterns of a rule in a watch, or what of them has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternsRecord {
    /// Name of the watch.
    pub watch: String,
    /// Name of the rule.
    pub rule: String,
    /// Its patterns.
    pub patterns: SavedRegistry,
}

impl PatternsRecord {
    pub(super) fn is_of(&self, other: &PatternsRecord) -> bool {
        self.watch == other.watch && self.rule == other.rule
    }
}

/// Adds the changes of `newer` to `records`.
pub(super) fn add(records: &mut Vec<PatternsRecord>, newer: Vec<PatternsRecord>) {
    for new in newer {
        match records.iter_mut().find(|old| old.is_of(&new)) {
            Some(old) => old.patterns = std::mem::take(&mut old.patterns).followed_by(new.patterns),
            None => records.push(new),
        }
    }
}

pub(super) fn put(connection: &Connection, record: &PatternsRecord) -> rusqlite::Result<()> {
    let PatternsRecord { watch, rule, patterns } = record;
    let (lines, other) = (Bits(patterns.lines), Bits(patterns.other));
    connection
        .prepare_cached(
            "INSERT INTO pattern_sets (watch, rule, lines, other, learned) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET lines = excluded.lines, other = excluded.other,
                learned = coalesce(excluded.learned, learned)",
        )?
        .execute(params![watch, rule, lines, other, patterns.learned])?;
    if patterns.learned.is_some() {
        let all = "DELETE FROM pattern_counts WHERE watch = ?1 AND rule = ?2";
        connection.prepare_cached(all)?.execute(params![watch, rule])?;
    }
    let mut insert = connection.prepare_cached(
        "INSERT OR REPLACE INTO pattern_counts (watch, rule, pattern, lines, first_ms, last_ms, text, sample, usage)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    for pattern in &patterns.patterns {
        insert.execute(params![
            watch,
            rule,
            Bits(pattern.id.0),
            Bits(pattern.lines),
            pattern.first_ms,
            pattern.last_ms,
            pattern.text,
            pattern.sample,
            sql_types::json(&pattern.usage)?,
        ])?;
    }
    Ok(())
}

pub(super) fn load(connection: &Connection) -> rusqlite::Result<Vec<PatternsRecord>> {
    let mut sets = connection.prepare("SELECT * FROM pattern_sets ORDER BY watch, rule")?;
    let sets = sets.query_map([], |row| {
        let (lines, other) = (sql_types::bits(row, "lines")?, sql_types::bits(row, "other")?);
        let patterns = SavedRegistry { lines, other, learned: row.get("learned")?, patterns: Vec::new() };
        Ok(PatternsRecord { watch: row.get("watch")?, rule: row.get("rule")?, patterns })
    })?;
    let mut records: Vec<PatternsRecord> = sets.collect::<rusqlite::Result<_>>()?;
    let mut counts = connection.prepare("SELECT * FROM pattern_counts WHERE watch = ?1 AND rule = ?2")?;
    for record in &mut records {
        let rows = counts.query_map(params![record.watch, record.rule], pattern)?;
        record.patterns.patterns = rows.collect::<rusqlite::Result<_>>()?;
        record.patterns.patterns.sort_unstable_by_key(|pattern| pattern.id);
    }
    Ok(records)
}

fn pattern(row: &Row<'_>) -> rusqlite::Result<Pattern> {
    // What cannot be read is learned again.
    let usage = serde_json::from_str(&row.get::<_, String>("usage")?).unwrap_or_default();
    let id = PatternId(sql_types::bits(row, "pattern")?);
    let mut pattern = Pattern::new(id, row.get("text")?, row.get("sample")?, usage);
    pattern.lines = sql_types::bits(row, "lines")?;
    (pattern.first_ms, pattern.last_ms) = (row.get("first_ms")?, row.get("last_ms")?);
    Ok(pattern)
}

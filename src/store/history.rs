//! Reads the history that a store keeps, beside the daemon that writes it: rates by minute, and alerts that are over.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, Row, params};

use super::database::{BUSY, NAME};
use super::sql_types::{self, SqlPath};
use crate::event::AlertEvent;

/// Matching lines within one minute, and what was usual.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MinuteRate {
    /// The minute, in minutes since the epoch.
    pub minute: i64,
    /// Matching lines.
    pub matched: u64,
    /// Between which counts the usual ones were, if that is known.
    pub usual: Option<(f64, f64)>,
}

/// See the [module](self).
pub struct History(Connection);

impl History {
    /// Opens the history of the store in `folder`.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn open(folder: &Path) -> Result<History, String> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = || {
            let connection = Connection::open_with_flags(folder.join(NAME), flags)?;
            connection.busy_timeout(BUSY)?;
            Ok(connection)
        };
        open().map(History).map_err(text)
    }

    /// The rates since `from` of a rule in a watch, or of all that are not named, oldest first.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn rates(
        &self,
        watch: Option<&str>,
        rule: Option<&str>,
        from: i64,
    ) -> Result<Vec<MinuteRate>, String> {
        let sql = "SELECT minute, sum(matched) AS matched, sum(lo) AS lo, sum(hi) AS hi FROM rates_per_minute
             WHERE minute >= ?1 AND (?2 IS NULL OR watch = ?2) AND (?3 IS NULL OR rule = ?3)
             GROUP BY minute ORDER BY minute";
        self.query(sql, params![from, watch, rule], rate)
    }

    /// The rates since `from` of a path, oldest first. What was usual there is not known.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn rates_at(&self, path: &Path, rule: Option<&str>, from: i64) -> Result<Vec<MinuteRate>, String> {
        let sql = "SELECT minute, sum(matched) AS matched, NULL AS lo, NULL AS hi FROM counts_per_minute
             WHERE minute >= ?1 AND path = ?2 AND (?3 IS NULL OR rule = ?3) GROUP BY minute ORDER BY minute";
        self.query(sql, params![from, SqlPath(path), rule], rate)
    }

    /// How many lines of each rule in each watch matched since the minute `from`.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn sums(&self, from: i64) -> Result<Vec<(String, String, u64)>, String> {
        let sql = "SELECT watch, rule, sum(matched) AS matched FROM rates_per_minute WHERE minute >= ?1
             GROUP BY watch, rule";
        self.query(sql, params![from], |row| {
            Ok((row.get("watch")?, row.get("rule")?, sql_types::bits(row, "matched")?))
        })
    }

    /// The alerts that resolved since `since_ms`, the newest first, at most `alerts_max`.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn resolved(&self, since_ms: i64, alerts_max: usize) -> Result<Vec<AlertEvent>, String> {
        let sql =
            "SELECT payload FROM outbox WHERE state = 'resolved' AND at_ms >= ?1 ORDER BY id DESC LIMIT ?2";
        let max = i64::try_from(alerts_max).unwrap_or(i64::MAX);
        let payloads = self.query(sql, params![since_ms, max], |row| row.get::<_, String>(0))?;
        // A payload that a future version wrote may not be understood, and is no reason to show none.
        Ok(payloads.iter().filter_map(|payload| serde_json::from_str(payload).ok()).collect())
    }

    fn query<T>(
        &self,
        sql: &str,
        values: impl rusqlite::Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, String> {
        let query =
            || -> rusqlite::Result<Vec<T>> { self.0.prepare_cached(sql)?.query_map(values, read)?.collect() };
        query().map_err(text)
    }
}

fn rate(row: &Row<'_>) -> rusqlite::Result<MinuteRate> {
    let (lo, hi): (Option<f64>, Option<f64>) = (row.get("lo")?, row.get("hi")?);
    Ok(MinuteRate {
        minute: row.get("minute")?,
        matched: sql_types::bits(row, "matched")?,
        usual: lo.zip(hi),
    })
}

#[allow(clippy::needless_pass_by_value, reason = "it is what an error is mapped by")]
fn text(error: rusqlite::Error) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::AlertState;
    use crate::store::sqlite::SqliteStore;
    use crate::store::{Batch, CheckpointStore, Limits, RateRecord, TransitionRecord};

    #[test]
    fn rates_add_up_keep_what_was_usual_and_are_read_beside_the_writer() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = SqliteStore::open(folder.path(), Limits::default()).unwrap();
        store.load().unwrap();
        let rate = |minute, rule: &str, matched, usual| RateRecord {
            minute,
            watch: "w".to_owned(),
            rule: rule.to_owned(),
            matched,
            usual,
        };
        let now_ms = 100 * 60_000;
        let event = AlertEvent { alert: "a".into(), state: AlertState::Resolved, ..AlertEvent::default() };
        let batch = |rates| Batch { at_ms: now_ms, rates, ..Batch::default() };
        let one = batch(vec![rate(99, "r", 3, None), rate(99, "s", 10, Some((5.0, 9.0)))]);
        let transitions = vec![TransitionRecord { at_ms: now_ms, event: event.clone() }];
        store.commit(&Batch { transitions, ..one }).unwrap();
        let two = vec![rate(99, "r", 4, Some((1.0, 2.0))), rate(100, "r", 1, Some((7.0, 8.0)))];
        store.commit(&batch(two)).unwrap();
        store.commit(&batch(vec![rate(100, "r", 1, Some((70.0, 80.0)))])).unwrap();
        let history = History::open(folder.path()).unwrap();
        let point = |minute, matched, usual| MinuteRate { minute, matched, usual };
        let of_rule = history.rates(Some("w"), Some("r"), 0).unwrap();
        assert_eq!(of_rule, [point(99, 7, Some((1.0, 2.0))), point(100, 2, Some((7.0, 8.0)))]);
        let all = history.rates(None, None, 0).unwrap();
        assert_eq!(all, [point(99, 17, Some((6.0, 11.0))), point(100, 2, Some((7.0, 8.0)))]);
        assert_eq!(history.sums(100).unwrap(), [("w".to_owned(), "r".to_owned(), 2)]);
        assert_eq!(history.resolved(0, 5).unwrap(), [event]);
        // Old minutes leave with the next commit that has rates.
        let later = Batch { at_ms: 8 * 86_400_000, ..batch(vec![rate(11_520, "r", 1, None)]) };
        store.commit(&later).unwrap();
        assert_eq!(history.rates(None, None, 0).unwrap(), [point(11_520, 1, None)]);
    }
}

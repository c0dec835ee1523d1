//! Brings a database to the form that this version understands, step by step.

use rusqlite::{Connection, TransactionBehavior};

/// The steps, in order. Step n leads to `user_version` n. A step that was released is never changed.
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
    include_str!("schema/4.sql"),
    include_str!("schema/5.sql"),
    include_str!("schema/6.sql"),
    include_str!("schema/7.sql"),
    include_str!("schema/8.sql"),
];

/// What a database was before it was migrated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Was {
    /// Nothing was in it.
    Empty,
    /// It had this version.
    Version(usize),
    /// It has this version, which we do not know. It was not touched.
    Newer(i64),
}

/// Takes the steps that the database has not seen yet, each in a transaction of its own.
pub(super) fn migrate(connection: &mut Connection, migrations: &[&str]) -> rusqlite::Result<Was> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let Some(done) = usize::try_from(version).ok().filter(|done| *done <= migrations.len()) else {
        return Ok(Was::Newer(version));
    };
    for (n, step) in migrations.iter().enumerate().skip(done) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", n as i64 + 1)?;
        transaction.commit()?;
    }
    Ok(if done == 0 { Was::Empty } else { Was::Version(done) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(connection: &Connection) -> i64 {
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_database_of_version_1_is_brought_to_version_2() {
        let mut connection = Connection::open_in_memory().unwrap();
        assert_eq!(migrate(&mut connection, &MIGRATIONS[..1]).unwrap(), Was::Empty);
        let insert = "INSERT INTO totals VALUES ('w', '/a', 'r', 7, 7)";
        connection.execute_batch(insert).unwrap();
        let steps = [MIGRATIONS[0], "ALTER TABLE totals ADD COLUMN note TEXT NOT NULL DEFAULT 'none'"];
        assert_eq!(migrate(&mut connection, &steps).unwrap(), Was::Version(1));
        assert_eq!(version(&connection), 2);
        let row: (i64, String) = connection
            .query_row("SELECT matched, note FROM totals", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        assert_eq!(row, (7, "none".to_owned()));
        assert_eq!(migrate(&mut connection, &steps).unwrap(), Was::Version(2));
    }

    #[test]
    fn an_alert_of_version_1_goes_on() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, &MIGRATIONS[..1]).unwrap();
        let insert = r#"INSERT INTO alerts VALUES ('a', 'w', NULL, 'firing', 9000,
            '{"window_ms":60000,"bucket_ms":1000,"buckets":[[5,7]],"sum":7}',
            '{"phase":{"firing":{"since":5000,"held":8000}},"quiet_until":-9223372036854775808}', '["x"]')"#;
        connection.execute_batch(insert).unwrap();
        migrate(&mut connection, MIGRATIONS).unwrap();
        let sql = "SELECT alarm, count, since_ms FROM alerts";
        let (alarm, count, since): (String, i64, i64) =
            connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
        let alarm: crate::alert::instance::AlertInstance = serde_json::from_str(&alarm).unwrap();
        assert_eq!((count, since, alarm.judged_ms()), (7, 5_000, Some(9_000)));
        assert_eq!(alarm.lifecycle().firing_since(), Some(5_000));
        assert_eq!(alarm.gauge().count(), 7);
    }

    #[test]
    fn a_step_that_fails_leaves_nothing_and_the_steps_before_it_stay() {
        let mut connection = Connection::open_in_memory().unwrap();
        let steps = ["CREATE TABLE a (x)", "CREATE TABLE b (x); CREATE TABLE a (x)"];
        assert!(migrate(&mut connection, &steps).is_err());
        assert_eq!(version(&connection), 1);
        assert!(connection.prepare("SELECT * FROM b").is_err());
        assert_eq!(migrate(&mut connection, &["", "CREATE TABLE b (x)"]).unwrap(), Was::Version(1));
        assert!(connection.prepare("SELECT * FROM b").is_ok());
    }

    #[test]
    fn a_newer_database_is_not_touched() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "user_version", 9).unwrap();
        assert_eq!(migrate(&mut connection, MIGRATIONS).unwrap(), Was::Newer(9));
        assert!(connection.prepare("SELECT * FROM files").is_err());
    }
}

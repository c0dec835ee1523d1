//! One open database, and what its errors mean.

use std::collections::HashSet;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::read::{self, Loaded};
use super::schema::{MIGRATIONS, Was, migrate};
use super::sql_types::Bits;
use super::{Batch, Limits, StoreError, WatchedPath, own_file, prune, write};
use crate::detect::Millis;

/// Name of the database in the state folder. SQLite keeps `-wal` and `-shm` beside it.
pub(super) const NAME: &str = "state.db";

/// How long a commit waits for a person who holds a transaction in `sqlite3`.
pub(super) const BUSY: Duration = Duration::from_secs(2);

/// The whole of a larger database is not checked when it is opened. Checking one of 43 MB takes less than 60 ms.
const CHECKED_BYTES_MAX: i64 = 64 << 20;

/// Why a database is of no use to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Damage {
    /// It is not as we wrote it: what SQLite says.
    Corrupt(String),
    /// It is of a version that we do not know.
    Newer(i64),
}

/// What went wrong with a database.
#[derive(Debug)]
pub(super) enum Fault {
    /// It will never be of use: it must make room for another.
    Damaged(Damage),
    /// It may be of use later.
    Trouble(StoreError),
}

/// Where a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Location {
    /// In a folder of its own.
    Folder(PathBuf),
    /// In memory, for as long as the process runs.
    Memory,
}

impl Location {
    /// The folder, or what messages show in its place.
    pub(super) fn path(&self) -> &Path {
        match self {
            Location::Folder(folder) => folder,
            Location::Memory => Path::new("(memory)"),
        }
    }
}

/// An open database.
pub(super) struct Database {
    connection: Connection,
    location: Location,
    /// Device and inode of its file, to tell whether the name still leads to it.
    file: Option<(u64, u64)>,
    /// How many rows the history has. SQLite would have to count them each time.
    history_rows: u64,
    /// Whether nothing was in it.
    pub(super) is_new: bool,
}

/// The files that a database in `folder` consists of.
pub(super) fn files_in(folder: &Path) -> [PathBuf; 4] {
    ["", "-wal", "-shm", "-journal"].map(|end| folder.join(format!("{NAME}{end}")))
}

impl Database {
    /// Opens the database at `location`, or makes one.
    pub(super) fn open(location: &Location) -> Result<Database, Fault> {
        let folder = location.path();
        let (path, file) = match location {
            Location::Memory => (PathBuf::from(":memory:"), None),
            Location::Folder(folder) => {
                for file in files_in(folder) {
                    own_file::check(&file).map_err(|foreign| Fault::Trouble(foreign.into()))?;
                }
                let path = folder.join(NAME);
                let file =
                    create(&path).map_err(|error| Fault::Trouble(io_trouble(folder, "open", &error)))?;
                (path, Some(file))
            }
        };
        let open = || -> rusqlite::Result<(Connection, Was)> {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let mut connection = Connection::open_with_flags(&path, flags)?;
            // A database that turns out to be damaged is left as it is: not even its journal is moved into it.
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
            connection.busy_timeout(BUSY)?;
            let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
            if usize::try_from(version).is_ok_and(|version| version <= MIGRATIONS.len()) {
                settings(&connection)?;
            }
            let was = migrate(&mut connection, MIGRATIONS)?;
            Ok((connection, was))
        };
        let fault = |error| fault(folder, "open", &error);
        let (connection, was) = open().map_err(fault)?;
        if let Was::Newer(version) = was {
            return Err(Fault::Damaged(Damage::Newer(version)));
        }
        check(&connection).map_err(fault)?.map_err(Fault::Damaged)?;
        let count = "SELECT count(*) FROM counts_per_minute";
        let Bits(history_rows) = connection.query_row(count, [], |row| row.get(0)).map_err(fault)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map_err(fault)?;
        let is_new = was == Was::Empty;
        if was != Was::Version(MIGRATIONS.len()) {
            // So that the version stands in the file itself, where the scripts of packages read it. Otherwise a later one moves it there.
            let _ = connection.execute_batch("PRAGMA wal_checkpoint(PASSIVE)");
        }
        Ok(Database { connection, location: location.clone(), file, history_rows, is_new })
    }

    /// Whether the name still leads to this database. If no one can say, it does.
    pub(super) fn is_in_place(&self) -> bool {
        let Some(file) = self.file else { return true };
        match std::fs::metadata(self.location.path().join(NAME)) {
            Ok(there) => (there.dev(), there.ino()) == file,
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        }
    }

    /// Everything that was committed.
    pub(super) fn load(&self) -> Result<Loaded, Fault> {
        read::load(&self.connection).map_err(|error| fault(self.location.path(), "read", &error))
    }

    /// Writes all of `batch` or nothing, and keeps to the bounds.
    pub(super) fn commit(&mut self, batch: &Batch, limits: &Limits) -> Result<(), Fault> {
        self.bound_journal(limits.journal_bytes_max)?;
        let rows = self.history_rows;
        let kept = self.transaction(|connection| {
            let added = write::apply(connection, batch)?;
            Ok(rows + added - prune::to_bounds(connection, batch, limits, rows + added, added)?)
        })?;
        self.history_rows = kept;
        Ok(())
    }

    /// Moves the journal into the database if it is longer than `bytes_max`. Whoever reads in one transaction keeps that from being done,
    /// and the journal would grow with each commit.
    fn bound_journal(&self, bytes_max: u64) -> Result<(), Fault> {
        let folder = self.location.path();
        if self.file.is_none() || journal_bytes(folder) <= bytes_max {
            return Ok(());
        }
        let moved = || -> rusqlite::Result<()> {
            self.connection.busy_timeout(Duration::ZERO)?;
            let outcome = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
            self.connection.busy_timeout(BUSY)?;
            outcome
        };
        moved().map_err(|error| fault(folder, "write", &error))?;
        if journal_bytes(folder) <= bytes_max {
            return Ok(());
        }
        Err(Fault::Trouble(StoreError::Unusable {
            action: "write",
            folder: folder.to_owned(),
            reason: format!("its journal has grown beyond {bytes_max} bytes"),
            mend: format!(
                "another program has held a transaction for long: end that one (`fuser -v {NAME}`)"
            ),
        }))
    }

    /// See [`prune::unwatched`].
    pub(super) fn prune(
        &mut self,
        watched: &HashSet<WatchedPath>,
        now_ms: Millis,
        limits: &Limits,
    ) -> Result<(), Fault> {
        self.transaction(|connection| prune::unwatched(connection, watched, now_ms, limits))?;
        // All files went through the page cache; the next commits need few of them. No harm is done if it stays.
        let _ = self.connection.execute_batch("PRAGMA shrink_memory");
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn pages(&self) -> i64 {
        self.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap()
    }

    /// Closes it without a last change to the file.
    pub(super) fn close_untouched(self) {
        // If even this fails, the journal is moved into the database, which loses nothing.
        let _ = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
    }

    fn transaction<T>(&mut self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Fault> {
        let run = |connection: &mut Connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = work(&transaction)?;
            transaction.commit()?;
            Ok(value)
        };
        run(&mut self.connection).map_err(|error| fault(self.location.path(), "write", &error))
    }
}

/// The length of the journal in `folder`.
fn journal_bytes(folder: &Path) -> u64 {
    std::fs::metadata(folder.join(format!("{NAME}-wal"))).map_or(0, |journal| journal.len())
}

/// Makes an empty file if there is none, so that it is not readable by everyone: alerts carry lines of logs. Returns its
/// device and inode.
fn create(path: &Path) -> io::Result<(u64, u64)> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o640).open(path);
    if let Err(error) = made
        && error.kind() != io::ErrorKind::AlreadyExists
        && !path.exists()
    {
        return Err(error);
    }
    let there = std::fs::metadata(path)?;
    Ok((there.dev(), there.ino()))
}

fn settings(connection: &Connection) -> rusqlite::Result<()> {
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    // Where there is no WAL, a power cut could damage a database that is not synced at each commit.
    connection.pragma_update(None, "synchronous", if mode == "wal" { "normal" } else { "full" })?;
    connection.pragma_update(None, "journal_size_limit", 16 << 20)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// Reads all of a database that is not too large for that. What the check of a larger one would find shows when it is
/// loaded or written.
fn check(connection: &Connection) -> rusqlite::Result<Result<(), Damage>> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    if number("page_count")?.saturating_mul(number("page_size")?) > CHECKED_BYTES_MAX {
        return Ok(Ok(()));
    }
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok(if verdict == "ok" { Ok(()) } else { Err(Damage::Corrupt(verdict)) })
}

/// What an error of SQLite means for the state in `folder`.
pub(super) fn fault(folder: &Path, action: &'static str, error: &rusqlite::Error) -> Fault {
    let reason = error.to_string();
    let is_full = || rustix::fs::statvfs(folder).is_ok_and(|fs| fs.f_bavail == 0);
    let mend = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => return Fault::Trouble(full(folder, reason)),
        Some(ErrorCode::CannotOpen | ErrorCode::SystemIoFailure) if is_full() => {
            return Fault::Trouble(full(folder, reason));
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another program holds a transaction in it: end that one"
        }
        Some(ErrorCode::SystemIoFailure) => "see what the kernel says of the disk (dmesg)",
        Some(
            ErrorCode::ReadOnly
            | ErrorCode::CannotOpen
            | ErrorCode::PermissionDenied
            | ErrorCode::AuthorizationForStatementDenied,
        ) => WRITABLE,
        Some(ErrorCode::OutOfMemory) => "free some memory",
        // SQLite's general error comes from statements that do not fit the tables, and ours fit those that we made.
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown) => {
            return Fault::Damaged(Damage::Corrupt(reason));
        }
        None if is_foreign_value(error) => return Fault::Damaged(Damage::Corrupt(reason)),
        _ => "if it stays so, move the folder away to begin anew",
    };
    Fault::Trouble(StoreError::Unusable { action, folder: folder.to_owned(), reason, mend: mend.to_owned() })
}

/// Whether a value was read that we would not have written.
fn is_foreign_value(error: &rusqlite::Error) -> bool {
    use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType};
    matches!(error, FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..))
}

const WRITABLE: &str =
    "let this user write to the folder and all files in it, or give another folder with --state";

fn full(folder: &Path, reason: String) -> StoreError {
    StoreError::Full { folder: folder.to_owned(), reason }
}

/// What an error of the system means for the state in `folder`.
pub(super) fn io_trouble(folder: &Path, action: &'static str, error: &io::Error) -> StoreError {
    let reason = error.to_string();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => full(folder, reason),
        _ => StoreError::Unusable { action, folder: folder.to_owned(), reason, mend: WRITABLE.to_owned() },
    }
}

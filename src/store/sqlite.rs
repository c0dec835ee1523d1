//! Keeps the state in a SQLite database, through full disks, read-only folders and damaged files.
//!
//! A store is always there, but its database may not be. Whatever is in the way (no room, no permission, no mount) is an
//! error of each commit until it is gone; nothing else has to be called then.

use std::collections::HashSet;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::database::{self, Damage, Database, Fault, Location, NAME, io_trouble};
use super::lock::{Lock, LockError};
use super::recover;
use super::{Batch, CheckpointStore, Limits, StoreError, StoredState, WatchedPath};
use crate::detect::Millis;

/// Whether the database holds what the owner of the store believes it to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
enum DatabaseContent {
    /// Nothing was loaded or committed yet.
    Unknown,
    /// It does.
    Kept,
    /// It did, but that was lost: everything has to be committed again. Why.
    Lost(String),
}

/// A store in a folder of its own, or in memory.
pub struct SqliteStore {
    location: Location,
    limits: Limits,
    database: Option<Database>,
    // After the database, so that it is released last.
    lock: Option<Lock>,
    content: DatabaseContent,
    trouble: Option<StoreError>,
    notices: Vec<String>,
}

/// The files that a store in `folder` writes.
pub(crate) fn files_in(folder: &Path) -> Vec<PathBuf> {
    database::files_in(folder).into_iter().chain([folder.join(super::lock::NAME)]).collect()
}

impl SqliteStore {
    /// Takes the state in `folder`, which is made if it is not there (its parent folders too).
    ///
    /// If the database cannot be opened, the store is there all the same and [`trouble`](Self::trouble) says why.
    ///
    /// # Errors
    /// Only [`StoreError::InUse`] and [`StoreError::Foreign`].
    pub fn open(folder: &Path, limits: Limits) -> Result<SqliteStore, StoreError> {
        let mut store = SqliteStore::new(Location::Folder(folder.to_owned()), limits);
        match store.prepare() {
            Err(error @ (StoreError::InUse { .. } | StoreError::Foreign { .. })) => Err(error),
            Err(trouble) => {
                store.trouble = Some(trouble);
                Ok(store)
            }
            Ok(()) => Ok(store),
        }
    }

    /// An empty store in memory, for what waits to be delivered while no state is kept.
    #[must_use]
    pub fn in_memory(limits: Limits) -> SqliteStore {
        SqliteStore::new(Location::Memory, limits)
    }

    fn new(location: Location, limits: Limits) -> SqliteStore {
        SqliteStore {
            location,
            limits,
            database: None,
            lock: None,
            content: DatabaseContent::Unknown,
            trouble: None,
            notices: Vec::new(),
        }
    }

    /// What keeps the store from working, as of the last call. Worth asking for after [`open`](Self::open); later the
    /// calls say it themselves.
    #[must_use]
    pub fn trouble(&self) -> Option<&StoreError> {
        self.trouble.as_ref()
    }

    /// How many pages the database has, which shows whether it grows.
    #[cfg(test)]
    pub(super) fn pages(&self) -> Option<i64> {
        self.database.as_ref().map(Database::pages)
    }

    /// Ensures that the lock is held and the database open.
    fn prepare(&mut self) -> Result<(), StoreError> {
        if self.database.as_ref().is_some_and(|database| !database.is_in_place()) {
            let why = format!("{} was removed or replaced", self.location.path().join(NAME).display());
            self.notices.push(format!(
                "{why} while it was in use; all that is known is written again: stop spiketail before changing its state"
            ));
            self.lose(why);
            self.database = None;
            // The folder may be another one too.
            self.lock = None;
        }
        if let (None, Location::Folder(folder)) = (&self.lock, &self.location) {
            self.lock = Some(take_lock(folder)?);
        }
        if self.database.is_none() {
            self.open_database()?;
        }
        Ok(())
    }

    fn open_database(&mut self) -> Result<(), StoreError> {
        let mut outcome = Database::open(&self.location);
        if let Err(Fault::Damaged(damage)) = &outcome {
            self.set_aside(damage)?;
            outcome = Database::open(&self.location);
        }
        match outcome {
            Ok(database) => {
                if database.is_new {
                    self.lose(format!("{} was gone", self.location.path().join(NAME).display()));
                }
                self.database = Some(database);
                Ok(())
            }
            Err(Fault::Trouble(error)) => Err(error),
            Err(Fault::Damaged(damage)) => Err(StoreError::Unusable {
                action: "begin",
                folder: self.location.path().to_owned(),
                reason: format!("a new database is damaged at once ({damage:?})"),
                mend: "see what the kernel says of the disk (dmesg)".to_owned(),
            }),
        }
    }

    /// Makes room for a new database.
    fn set_aside(&mut self, damage: &Damage) -> Result<(), StoreError> {
        if let Some(database) = self.database.take() {
            database.close_untouched();
        }
        let Location::Folder(folder) = &self.location else {
            self.lose("the database in memory was damaged".to_owned());
            return Ok(());
        };
        let path =
            recover::set_aside(folder, damage).map_err(|error| io_trouble(folder, "set aside", &error))?;
        self.lose(format!("the damaged database is kept as {}", path.display()));
        self.notices.push(recover::notice(damage, &path));
        Ok(())
    }

    /// Notes that the database no longer holds what it held, and the first reason for it.
    fn lose(&mut self, why: String) {
        if self.content == DatabaseContent::Kept {
            self.content = DatabaseContent::Lost(why);
        }
    }

    /// An error to report after the database was at fault. What is damaged makes room for a new one; any other
    /// connection is made anew, for the trouble may be its own.
    fn give_up(&mut self, fault: Fault) -> StoreError {
        match fault {
            Fault::Damaged(damage) => match self.set_aside(&damage).and_then(|()| self.prepare()) {
                Err(error) => error,
                Ok(()) => self.begun_anew("it was damaged"),
            },
            Fault::Trouble(error) => {
                let is_on_disk = matches!(self.location, Location::Folder(_));
                if is_on_disk && !matches!(error, StoreError::Full { .. }) {
                    self.database = None;
                }
                error
            }
        }
    }

    /// Says that everything has to be committed again.
    fn begun_anew(&self, otherwise: &str) -> StoreError {
        let reason = if let DatabaseContent::Lost(why) = &self.content { why } else { otherwise };
        StoreError::BegunAnew { folder: self.location.path().to_owned(), reason: reason.to_owned() }
    }

    /// Runs `work` on a database that holds what it should.
    fn with_database(
        &mut self,
        work: impl FnOnce(&mut Database, &Limits) -> Result<(), Fault>,
    ) -> Result<(), StoreError> {
        self.prepare()?;
        if let DatabaseContent::Lost(why) = &self.content {
            return Err(self.begun_anew(why));
        }
        let Some(database) = &mut self.database else { return Ok(()) };
        work(database, &self.limits).map_err(|fault| self.give_up(fault))
    }

    fn read(&mut self) -> Result<StoredState, StoreError> {
        self.trouble = None;
        let loaded = match self.prepare() {
            Err(error @ StoreError::InUse { .. }) => return Err(error),
            Err(trouble) => {
                self.trouble = Some(trouble.clone());
                recover::read_copy(self.location.path()).ok_or(trouble)?
            }
            Ok(()) => match self.database.as_ref().map(Database::load) {
                None => return Ok(StoredState::default()),
                Some(Ok(loaded)) => loaded,
                Some(Err(fault)) => match self.give_up(fault) {
                    StoreError::BegunAnew { .. } => return Ok(StoredState::default()),
                    error => return Err(error),
                },
            },
        };
        for (id, why) in loaded.dropped {
            self.notices.push(format!(
                "alert {} of watch {} begins anew: its saved state cannot be understood ({why}); nothing need be done",
                id.alert, id.watch
            ));
        }
        Ok(loaded.state)
    }
}

/// Makes `folder` if it is not there, and locks it.
fn take_lock(folder: &Path) -> Result<Lock, StoreError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    // Existing ones are no error.
    made.map_err(|error| io_trouble(folder, "make the folder for", &error))?;
    Lock::take(folder).map_err(|error| match error {
        LockError::Held(owner) => StoreError::InUse { folder: folder.to_owned(), owner },
        LockError::Foreign(foreign) => foreign.into(),
        LockError::Io(error) => io_trouble(folder, "lock", &error),
    })
}

impl CheckpointStore for SqliteStore {
    /// What was committed. A damaged database is set aside, and then there is nothing (see
    /// [`notices`](CheckpointStore::notices)). One that cannot be written is read as a copy.
    fn load(&mut self) -> Result<StoredState, StoreError> {
        let outcome = self.read();
        if let Err(error) = &outcome {
            self.trouble = Some(error.clone());
        }
        self.content = if outcome.is_ok() { DatabaseContent::Kept } else { DatabaseContent::Unknown };
        outcome
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let outcome = self.with_database(|database, limits| database.commit(batch, limits));
        self.trouble = outcome.as_ref().err().cloned();
        // Once it was said that all was lost, the next batch is believed to hold everything.
        if matches!(outcome, Ok(()) | Err(StoreError::BegunAnew { .. })) {
            self.content = DatabaseContent::Kept;
        }
        outcome
    }

    fn prune(&mut self, watched: &HashSet<WatchedPath>, now_ms: Millis) -> Result<(), StoreError> {
        // That all was lost is for the next commit to say: nothing is to be pruned then.
        match self.with_database(|database, limits| database.prune(watched, now_ms, limits)) {
            Err(StoreError::BegunAnew { .. }) => Ok(()),
            outcome => outcome,
        }
    }

    fn notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notices)
    }
}

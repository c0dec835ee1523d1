//! Sets a database aside that is of no use, and reads one that may not be written.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::StoreError;
use super::database::{Damage, Database, Location, NAME};
use super::own_file::{self, OwnFileError};
use super::read::Loaded;

/// What SQLite appends to the name of a database for the files that belong to it. The first is the database itself.
const FILES: [&str; 3] = ["", "-wal", "-shm"];

/// Renames the database in `folder` so that a new one can be begun. Returns its new path, which no file had before.
pub(super) fn set_aside(folder: &Path, damage: &Damage) -> io::Result<PathBuf> {
    let why = match damage {
        Damage::Corrupt(_) => "corrupt".to_owned(),
        Damage::Newer(version) => format!("newer-{version}"),
    };
    let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    let first = format!("{NAME}.{why}-{time}");
    let later = (2..).map(|n| format!("{first}.{n}"));
    let is_free = |name: &String| FILES.iter().all(|end| !folder.join(format!("{name}{end}")).exists());
    let name = std::iter::once(first.clone()).chain(later).find(is_free).unwrap_or(first);
    for end in FILES {
        match std::fs::rename(folder.join(format!("{NAME}{end}")), folder.join(format!("{name}{end}"))) {
            Err(error) if end.is_empty() || error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(folder.join(name))
}

/// What a person should know of a database that was set aside.
pub(super) fn notice(damage: &Damage, aside: &Path) -> String {
    let aside = aside.display();
    match damage {
        Damage::Corrupt(reason) => format!(
            "the state was damaged ({reason}) and is begun anew; the damaged database is kept as {aside}: what can be \
             saved of it is shown by: sqlite3 '{aside}' .recover"
        ),
        Damage::Newer(version) => format!(
            "the state was written by a newer spiketail (form {version}) and is begun anew; the database is kept as \
             {aside}: to go on with it, stop spiketail, install the newer version and rename the file to {NAME}"
        ),
    }
}

/// Reads a copy of the database in `folder`, for which nothing in there has to be written. `None` if that is not to be
/// had.
pub(super) fn read_copy(folder: &Path) -> Option<Loaded> {
    // The second is memory, where there is room when no disk has any.
    [std::env::temp_dir(), PathBuf::from("/dev/shm")].iter().find_map(|parent| {
        let copy = Copy::make(folder, parent).ok()?;
        Database::open(&Location::Folder(copy.0.clone()))
            .ok()
            .filter(|database| !database.is_new)?
            .load()
            .ok()
    })
}

/// A folder with a copy, which is removed again.
struct Copy(PathBuf);

impl Copy {
    fn make(folder: &Path, parent: &Path) -> io::Result<Copy> {
        let time = jiff::Timestamp::now().as_nanosecond();
        let path = parent.join(format!("spiketail-state-{}-{time}", std::process::id()));
        // It fails if anything has the name already, and no one else may look into it.
        DirBuilder::new().mode(0o700).create(&path)?;
        let copy = Copy(path);
        for end in ["", "-wal"] {
            let name = format!("{NAME}{end}");
            match copy_file(&folder.join(&name), &copy.0.join(&name)) {
                Err(error) if end.is_empty() || error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(copy)
    }
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let source = own_file::open(from, OpenOptions::new().read(true)).map_err(|error| match error {
        OwnFileError::Foreign(foreign) => io::Error::other(StoreError::from(foreign)),
        OwnFileError::Io(error) => error,
    });
    io::copy(&mut source?, &mut File::create_new(to)?).map(drop)
}

impl Drop for Copy {
    fn drop(&mut self) {
        // What stays behind is in the folder for such things.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

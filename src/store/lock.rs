//! Only one daemon may own a state folder: it holds a lock on a file in it, which also says who that is.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use super::own_file::{self, Foreign, OwnFileError};

/// Name of the file in the state folder.
pub(super) const NAME: &str = "lock";

/// A lock on a state folder, held until it is dropped. The file stays: removing it would let two daemons hold locks on
/// two files of the same name.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Drop for Lock {
    /// Closing the descriptor would not do at once: a program that another thread starts at this moment has a copy of
    /// it between its fork and its exec.
    fn drop(&mut self) {
        // Without it the lock goes with the last copy.
        let _ = rustix::fs::flock(&self.0, FlockOperation::Unlock);
    }
}

/// Why there is no lock.
#[derive(Debug)]
pub(super) enum LockError {
    /// Another process holds it: its number, or `unknown`.
    Held(String),
    /// Something else stands in the place of the file.
    Foreign(Foreign),
    /// The file cannot be opened or locked.
    Io(io::Error),
}

impl From<OwnFileError> for LockError {
    fn from(error: OwnFileError) -> LockError {
        match error {
            OwnFileError::Foreign(foreign) => LockError::Foreign(foreign),
            OwnFileError::Io(error) => LockError::Io(error),
        }
    }
}

impl Lock {
    /// Takes the lock in `folder`, or fails at once. Programs that we start do not inherit it.
    pub(super) fn take(folder: &Path) -> Result<Lock, LockError> {
        let (mut file, is_writable) = open(&folder.join(NAME))?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(LockError::Held(owner(&mut file))),
            Err(errno) => return Err(LockError::Io(errno.into())),
        }
        if is_writable {
            // The number only serves to name us in a message: without room for it the lock holds as well.
            let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        }
        Ok(Lock(file))
    }
}

/// A lock needs no right to write, so that a folder that became read-only is still ours alone.
fn open(path: &Path) -> Result<(File, bool), OwnFileError> {
    let mut wanted = OpenOptions::new();
    wanted.read(true).write(true).create(true).truncate(false).mode(0o640);
    match own_file::open(path, &mut wanted) {
        Ok(file) => Ok((file, true)),
        Err(foreign @ OwnFileError::Foreign(_)) => Err(foreign),
        Err(error) => {
            own_file::open(path, OpenOptions::new().read(true)).map(|file| (file, false)).map_err(|_| error)
        }
    }
}

fn owner(file: &mut File) -> String {
    let mut text = [0; 20];
    let len = file.read(&mut text).unwrap_or(0);
    let digits = text[..len].trim_ascii();
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    if is_number { String::from_utf8_lossy(digits).into_owned() } else { "unknown".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_learns_who_the_first_is_and_gets_it_after_that() {
        let dir = tempfile::tempdir().unwrap();
        let first = Lock::take(dir.path()).unwrap();
        match Lock::take(dir.path()) {
            Err(LockError::Held(owner)) => assert_eq!(owner, std::process::id().to_string()),
            other => panic!("{other:?}"),
        }
        drop(first);
        Lock::take(dir.path()).unwrap();
    }

    #[test]
    fn a_file_without_a_number_is_no_obstacle() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("lock"), "what is this?").unwrap();
        let first = File::open(dir.path().join("lock")).unwrap();
        rustix::fs::flock(&first, FlockOperation::LockExclusive).unwrap();
        assert!(matches!(Lock::take(dir.path()), Err(LockError::Held(owner)) if owner == "unknown"));
        drop(first);
        Lock::take(dir.path()).unwrap();
    }

    #[test]
    fn a_program_that_we_start_does_not_inherit_it() {
        let dir = tempfile::tempdir().unwrap();
        let lock = Lock::take(dir.path()).unwrap();
        assert_eq!(rustix::io::fcntl_getfd(&lock.0).unwrap(), rustix::io::FdFlags::CLOEXEC);
    }

    #[test]
    fn it_is_let_go_of_though_a_copy_of_the_descriptor_is_open() {
        let dir = tempfile::tempdir().unwrap();
        let lock = Lock::take(dir.path()).unwrap();
        let _copy = lock.0.try_clone().unwrap();
        drop(lock);
        Lock::take(dir.path()).unwrap();
    }
}

//! The files of a state folder are regular files that have no other name. Whatever else stands in their place is refused and left
//! alone: a link leads to a file of somebody else, and a FIFO would block for ever.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::StoreError;

/// Why a file is not ours.
#[derive(Debug)]
pub(super) enum OwnFileError {
    /// Something else stands there.
    Foreign(Foreign),
    /// What the system says.
    Io(io::Error),
}

/// What stands in the place of a file of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Foreign {
    path: PathBuf,
    found: &'static str,
}

impl From<Foreign> for StoreError {
    fn from(foreign: Foreign) -> StoreError {
        StoreError::Foreign { path: foreign.path, found: foreign.found }
    }
}

impl From<Foreign> for OwnFileError {
    fn from(foreign: Foreign) -> OwnFileError {
        OwnFileError::Foreign(foreign)
    }
}

/// Refuses what stands at `path` if it is no file of ours. That nothing is there is right.
pub(super) fn check(path: &Path) -> Result<(), Foreign> {
    // What cannot be examined cannot be opened either, which says why.
    path.symlink_metadata().map_or(Ok(()), |found| check_metadata(path, &found))
}

/// Opens a file of ours by `options`, without following a link or waiting for anybody.
pub(super) fn open(path: &Path, options: &mut OpenOptions) -> Result<File, OwnFileError> {
    // Before it is opened: to open a FIFO would wake whoever is at its other end.
    check(path)?;
    let file = options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY).open(path);
    let file = file.map_err(OwnFileError::Io)?;
    // Once more on the descriptor: something else may stand at the path by now.
    check_metadata(path, &file.metadata().map_err(OwnFileError::Io)?)?;
    Ok(file)
}

fn check_metadata(path: &Path, found: &Metadata) -> Result<(), Foreign> {
    let kind = found.file_type();
    let found = match kind {
        kind if kind.is_file() && found.nlink() <= 1 => return Ok(()),
        kind if kind.is_file() => "a hard link, which has another name elsewhere",
        kind if kind.is_symlink() => "a symbolic link",
        kind if kind.is_dir() => "a directory",
        kind if kind.is_fifo() => "a FIFO",
        kind if kind.is_socket() => "a socket",
        _ => "a device",
    };
    Err(Foreign { path: path.to_owned(), found })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_regular_file_with_one_name_is_opened() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let read = |name: &str| open(&path(name), OpenOptions::new().read(true));
        std::fs::write(path("plain"), "").unwrap();
        assert!(read("plain").is_ok());
        std::os::unix::fs::symlink(path("plain"), path("soft")).unwrap();
        std::fs::create_dir(path("folder")).unwrap();
        let mode = rustix::fs::Mode::RWXU;
        rustix::fs::mknodat(rustix::fs::CWD, path("fifo"), rustix::fs::FileType::Fifo, mode, 0).unwrap();
        std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        std::fs::hard_link(path("plain"), path("hard")).unwrap();
        for (name, what) in [
            ("soft", "a symbolic link"),
            ("folder", "a directory"),
            ("fifo", "a FIFO"),
            ("socket", "a socket"),
            ("hard", "a hard link, which has another name elsewhere"),
        ] {
            match read(name) {
                Err(OwnFileError::Foreign(Foreign { found, .. })) => assert_eq!(found, what),
                other => panic!("{name}: {other:?}"),
            }
        }
        assert!(matches!(read("none"), Err(OwnFileError::Io(_))));
        assert_eq!(check(&path("none")), Ok(()));
    }
}

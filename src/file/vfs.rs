//! The files of the machine, behind a trait so that a test can put a world of its own in their place.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::file::settings::ReadMethod;
use crate::file::source::{MappedSource, PreadSource, Source, read_at};
use crate::sys::open::{
    OpenError, Stat, expect_sequential, is_remote, next_data, open_regular, stat_file, stat_path,
};

/// What the reading of files needs of a filesystem.
pub trait Filesystem: Send + Sync {
    /// Examines what `path` leads to, through symbolic links.
    ///
    /// # Errors
    /// What the system says.
    fn stat(&self, path: &Path) -> io::Result<Stat>;

    /// Opens a regular file for reading, without blocking.
    ///
    /// # Errors
    /// See [`OpenError`].
    fn open(&self, path: &Path) -> Result<(Arc<dyn FileHandle>, Stat), OpenError>;

    /// The names in a directory, in any order, with whether each is a directory itself.
    ///
    /// # Errors
    /// What the system says.
    fn list(&self, dir: &Path) -> io::Result<Vec<(OsString, bool)>>;
}

/// An open file.
pub trait FileHandle: Send + Sync {
    /// Examines it.
    ///
    /// # Errors
    /// What the system says.
    fn stat(&self) -> io::Result<Stat>;

    /// Fills `buffer` from `offset` on, as far as the file goes. Gives how many bytes there were.
    ///
    /// # Errors
    /// What the system says.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Where the data at or after `offset` begins; `None` if there is only a hole, or nobody knows.
    fn next_data(&self, offset: u64) -> Option<u64>;

    /// Whether it lies on a network, so that any look at it may wait for that.
    fn is_remote(&self) -> bool;

    /// A way of reading it, in windows of about `window_bytes`.
    fn source(self: Arc<Self>, reader: ReadMethod, window_bytes: usize) -> Box<dyn Source>;
}

/// The files that there really are.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

impl Filesystem for Disk {
    fn stat(&self, path: &Path) -> io::Result<Stat> {
        stat_path(path)
    }

    fn open(&self, path: &Path) -> Result<(Arc<dyn FileHandle>, Stat), OpenError> {
        let (file, stat) = open_regular(path)?;
        Ok((Arc::new(file), stat))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<(OsString, bool)>> {
        let entries = std::fs::read_dir(dir)?;
        Ok(entries
            .flatten()
            .map(|entry| (entry.file_name(), entry.file_type().is_ok_and(|kind| kind.is_dir())))
            .collect())
    }
}

impl FileHandle for std::fs::File {
    fn stat(&self) -> io::Result<Stat> {
        stat_file(self)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        read_at(self, buffer, offset)
    }

    fn next_data(&self, offset: u64) -> Option<u64> {
        next_data(self, offset)
    }

    fn is_remote(&self) -> bool {
        is_remote(self)
    }

    fn source(self: Arc<Self>, reader: ReadMethod, window_bytes: usize) -> Box<dyn Source> {
        expect_sequential(&self);
        let is_mapped = match reader {
            ReadMethod::Mmap => true,
            ReadMethod::Pread => false,
            ReadMethod::Auto => !is_remote(&*self),
        };
        if is_mapped {
            Box::new(MappedSource::new(self, window_bytes))
        } else {
            Box::new(PreadSource::new(self))
        }
    }
}

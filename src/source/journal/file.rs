//! One journal file, and how far it was read.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::file::source::read_at;
use crate::source::journal::blocks::FileNumber;
use crate::source::journal::format::{HEADER_BYTES, Header, Id128, JournalError};
use crate::sys::open::{OpenError, open_regular};

/// How far a file was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct FilePosition {
    /// The array in which the next entry is listed; 0 before the first.
    pub array: u64,
    /// The place of the next entry in it.
    pub index: u64,
    /// How many published entries are behind this position.
    pub entries: u64,
    /// The sequence number of the entry before it.
    pub seqnum: u64,
    /// The hash of that entry.
    pub xor_hash: u64,
}

/// An open journal file.
pub struct JournalFile {
    pub(super) file: File,
    pub(super) number: FileNumber,
    path: PathBuf,
    header: Header,
}

impl JournalFile {
    pub(super) fn open(path: &Path, number: FileNumber) -> Result<JournalFile, JournalError> {
        let (file, _) = open_regular(path).map_err(|error| match error {
            OpenError::Io(error) => JournalError::Io(error),
            OpenError::Missing => JournalError::Io(std::io::ErrorKind::NotFound.into()),
            OpenError::Denied(why) => JournalError::Io(std::io::Error::new(
                std::io::ErrorKind::PermissionDenied,
                format!("permission denied{why}"),
            )),
            other => JournalError::Io(std::io::Error::other(other.to_string())),
        })?;
        let header = read_header(&file)?;
        Ok(JournalFile { file, number, path: path.to_owned(), header })
    }

    /// Reads the header again. Returns whether it has changed.
    ///
    /// # Errors
    /// The file was vacuumed, or is another now.
    pub fn refresh(&mut self) -> Result<bool, JournalError> {
        let header = read_header(&self.file)?;
        if header.file_id != self.header.file_id {
            return Err(JournalError::Vacuumed);
        }
        Ok(std::mem::replace(&mut self.header, header) != header)
    }

    /// What the header said when it was read last.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The name under which it was opened; rotation may have given it another.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> Id128 {
        self.header.file_id
    }
}

fn read_header(file: &File) -> Result<Header, JournalError> {
    let mut bytes = [0; HEADER_BYTES];
    let got = read_at(file, &mut bytes, 0)?;
    match got {
        // Some file systems have no holes: there a vacuum truncates.
        0 => Err(JournalError::Vacuumed),
        got => Header::parse(&bytes[..got]),
    }
}

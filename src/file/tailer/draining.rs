//! What is kept of each former file of a path.

use crate::file::archive::Archive;
use crate::file::checkpoint::FileCheckpoint;
use crate::file::reader::FileReader;

/// A former file.
pub(super) enum RotatedFile {
    Plain(FileReader),
    Compressed(Archive),
}

/// A former file that is being read.
pub(super) struct DrainingFile {
    pub(super) former: RotatedFile,
    /// When it last grew, on the monotonic clock, in milliseconds.
    pub(super) grew_ms: u64,
    /// Whether it was found later, and is still to be read for the first time.
    pub(super) is_backlog: bool,
    /// Whether no one writes to it: a copy.
    pub(super) is_ended: bool,
    /// The size that was seen of its original, in bytes.
    pub(super) expected_size: u64,
    /// How much of it a copy at the path is known to hold, in bytes: its last line without a line feed ends there.
    pub(super) copied_bytes: u64,
}

/// A former file that is to be found again.
pub(super) struct MissingFile {
    pub(super) place: FileCheckpoint,
    /// Whether the file itself does not hold the contents any longer, only a copy can.
    pub(super) is_gone: bool,
}

impl DrainingFile {
    pub(super) fn place(&self) -> FileCheckpoint {
        match &self.former {
            RotatedFile::Plain(reading) => reading.place(),
            RotatedFile::Compressed(archive) => archive.place(),
        }
    }

    pub(super) fn reading(&self) -> Option<&FileReader> {
        if let RotatedFile::Plain(reading) = &self.former { Some(reading) } else { None }
    }

    pub(super) fn release(&mut self) {
        if let RotatedFile::Plain(reading) = &mut self.former {
            reading.release();
        }
    }
}

//! What is kept of each former file of a path.

use thin_vec::ThinVec;

use crate::file::archive::Archive;
use crate::file::checkpoint::FileCheckpoint;
use crate::file::identity::Identity;
use crate::file::reader::FileReader;

/// A former file.
pub(super) enum RotatedFile {
    Plain(FileReader),
    Compressed(Archive),
    /// Closed at its end to spare its descriptor. Opened when it grows.
    Closed(FileCheckpoint),
}

/// A former file that is being read.
pub(super) struct DrainingFile {
    pub(super) former: RotatedFile,
    /// When it last grew, on the monotonic clock, in milliseconds.
    pub(super) grew_ms: u64,
    /// When it was last seen to be as it was, on the same clock. `None` if a look since was not possible: it may have grown unseen.
    pub(super) looked_ms: Option<u64>,
    /// Whether it was found later, and is still to be read for the first time.
    pub(super) is_backlog: bool,
    /// Whether no one writes to it: a copy.
    pub(super) is_ended: bool,
    /// The size that was seen of its original, in bytes.
    pub(super) expected_size: u64,
    /// How much of it a copy at the path is known to hold, in bytes: its last line without a line feed ends there.
    pub(super) copied_bytes: u64,
    /// What an archive was found for, until it is known to hold it.
    pub(super) sought: Option<Box<MissingFile>>,
}

/// A former file that is to be found again.
#[derive(Clone)]
pub(super) struct MissingFile {
    pub(super) place: FileCheckpoint,
    /// Whether the file itself does not hold the contents any longer, only a copy can.
    pub(super) is_gone: bool,
    /// How often it was searched for in vain because files were moved all the time.
    pub(super) searches: u8,
    /// Archives that begin as it did, but hold something else.
    pub(super) refuted: ThinVec<Identity>,
}

impl MissingFile {
    pub(super) fn new(place: FileCheckpoint, is_gone: bool) -> MissingFile {
        MissingFile { place, is_gone, searches: 0, refuted: ThinVec::new() }
    }
}

impl DrainingFile {
    pub(super) fn place(&self) -> FileCheckpoint {
        match &self.former {
            RotatedFile::Plain(reading) => reading.place(),
            RotatedFile::Compressed(archive) => archive.place(),
            RotatedFile::Closed(place) => *place,
        }
    }

    pub(super) fn reading(&self) -> Option<&FileReader> {
        if let RotatedFile::Plain(reading) = &self.former { Some(reading) } else { None }
    }

    pub(super) fn has_decoder(&self) -> bool {
        matches!(&self.former, RotatedFile::Compressed(archive) if archive.is_open())
    }

    /// Whether the file was removed, so that it is gone once it is closed.
    pub(super) fn has_no_name(&self) -> bool {
        let stat = self.reading().and_then(|reading| reading.file().stat().ok());
        stat.is_some_and(|stat| stat.links == 0)
    }

    /// Whether it is an archive of which is only to be found out whether it is known.
    pub(super) fn is_doubtful(&self) -> bool {
        matches!(&self.former, RotatedFile::Compressed(archive) if archive.is_doubtful())
    }

    /// What is to be remembered of it, unless the next search finds it anyway.
    pub(super) fn recorded_place(&self) -> Option<FileCheckpoint> {
        if let Some(place) = self.sought_place() {
            return Some(*place);
        }
        let is_found_anyway =
            matches!(&self.former, RotatedFile::Compressed(archive) if archive.may_be_of_current());
        (!is_found_anyway).then(|| self.place())
    }

    /// What is searched for in an archive that may also hold what was read already.
    pub(super) fn sought_place(&self) -> Option<&FileCheckpoint> {
        self.sought.as_ref().filter(|_| self.is_doubtful()).map(|lost| &lost.place)
    }

    pub(super) fn is_open(&self) -> bool {
        !matches!(self.former, RotatedFile::Closed(_))
    }

    /// Closes the file if it was read to its end.
    pub(super) fn close_at_end(&mut self) {
        let place = self.place();
        let is_at_end = place.mark.cursor.offset == place.size && !self.is_backlog;
        if is_at_end && matches!(self.former, RotatedFile::Plain(_)) {
            self.former = RotatedFile::Closed(place);
        }
    }

    pub(super) fn release(&mut self) {
        if let RotatedFile::Plain(reading) = &mut self.former {
            reading.release();
        }
    }
}

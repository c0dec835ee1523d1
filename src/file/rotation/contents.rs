//! Whether a file that was found is the one that was searched for, or a copy of it.

use std::io;

use crate::file::archive::begins_as;
use crate::file::checkpoint::FileCheckpoint;
use crate::file::identity::Fingerprint;
use crate::file::prefix::{SamePrefix, same_prefix};
use crate::file::rotation::surroundings::FoundFile;
use crate::file::vfs::FileHandle;
use crate::sys::open::Stat;

/// Whether `file` looks like a copy of `original`, complete or not: it is no longer, and has the same bytes.
#[must_use]
pub fn is_copy(file: (&dyn FileHandle, &Stat), original: (&dyn FileHandle, &Stat)) -> bool {
    file.1.size > 0
        && file.1.size <= original.1.size
        && same_prefix(file.0, original.0, 0).is_ok_and(|prefix| prefix == SamePrefix::Whole)
        // It may have been truncated meanwhile.
        && original.0.stat().is_ok_and(|now| now.size >= file.1.size)
}

/// Whether `found` holds what was judged of the file that `place` remembers. An archive may do so if it begins so; the rest shows
/// when it is read.
pub(super) fn holds(found: &FoundFile, place: &FileCheckpoint) -> bool {
    place.mark.head.len > 0
        && if found.is_compressed {
            begins_as(&found.file, &place.mark.head).unwrap_or(false)
        } else {
            holds_plain(found, place).unwrap_or(false)
        }
}

/// Whether `place` remembers the end of a file of which everything was judged.
pub(super) fn is_read(place: &FileCheckpoint) -> bool {
    place.mark.head.len > 0 && place.mark.cursor.offset == place.size
}

/// Whether `found`, which is not compressed, holds the same as a file of which `place` remembers the end, and nothing more.
pub(super) fn is_equal(found: &FoundFile, place: &FileCheckpoint) -> bool {
    is_read(place) && found.stat.size == place.size && holds_plain(found, place).unwrap_or(false)
}

fn holds_plain(found: &FoundFile, place: &FileCheckpoint) -> io::Result<bool> {
    let mark = &place.mark;
    let mut head = vec![0; mark.head.len];
    let mut anchor = vec![0; mark.anchor.len()];
    let got = found.file.read_at(&mut head, 0)?;
    if found.stat.size < mark.cursor.offset || got < head.len() || Fingerprint::of(&head) != mark.head {
        return Ok(false);
    }
    found.file.read_at(&mut anchor, mark.cursor.offset - mark.anchor.len() as u64)?;
    Ok(anchor == mark.anchor.bytes())
}

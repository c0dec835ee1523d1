//! What happened to a file between two looks. Pure: no I/O, no clock.

use crate::file::identity::Identity;

/// What the path leads to, compared with the file that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtPath {
    /// To the open file.
    Same,
    /// To another file.
    Other(Identity),
    /// To nothing.
    Nothing,
}

/// How the bytes that were judged compare with those that stand in their place now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentCheck {
    /// Head and anchor are the same.
    Same,
    /// The bytes just before the offset differ.
    AnchorDiffers,
    /// The first bytes differ.
    HeadDiffers,
}

/// What was known of the open file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownFile {
    /// Which file it is.
    pub identity: Identity,
    /// How far it was judged, in bytes.
    pub offset: u64,
    /// Its size at the last look, in bytes.
    pub size: u64,
}

/// What a look sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenFile {
    /// What the path leads to.
    pub at_path: AtPath,
    /// Size of the open file in bytes.
    pub size: u64,
    /// Its bytes compared with the known ones. Only looked at if the size allows them to be the same.
    pub content: ContentCheck,
}

/// Why a change is what it is said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeReason {
    /// The size is below what was judged.
    SizeBelowOffset,
    /// The bytes before the offset are others: truncated, and grown past the offset between two looks.
    AnchorDiffers,
    /// The first bytes are others: truncated, and grown past the offset between two looks.
    HeadDiffers,
    /// The path leads to another inode: renamed away and created anew, or replaced by a rename.
    OtherFileAtPath,
    /// The path leads to the same inode number, which was freed and given to a new file.
    InodeReused,
    /// The path leads to another file that begins with all that was judged.
    CopyAtPath,
    /// The path leads to another file that begins alike, but differs in lines that were judged.
    EditedCopyAtPath,
    /// Nothing is at the path.
    NothingAtPath,
}

impl ChangeReason {
    /// The reason for people and for output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ChangeReason::SizeBelowOffset => "size below the offset",
            ChangeReason::AnchorDiffers => "bytes before the offset differ",
            ChangeReason::HeadDiffers => "first bytes differ",
            ChangeReason::OtherFileAtPath => "another file at the path",
            ChangeReason::InodeReused => "inode reused by a new file",
            ChangeReason::CopyAtPath => "a copy at the path: only what follows the known lines is counted",
            ChangeReason::EditedCopyAtPath => "an edited copy at the path: its lines are counted again",
            ChangeReason::NothingAtPath => "nothing at the path",
        }
    }
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileChange {
    /// Nothing.
    Unchanged,
    /// Bytes were appended.
    Grew,
    /// The file became shorter than what was judged.
    Truncated(ChangeReason),
    /// What was judged is no longer there, though the size would allow it.
    Rewritten(ChangeReason),
    /// The path leads to another file.
    Rotated(ChangeReason),
    /// The path leads to nothing.
    Removed(ChangeReason),
}

/// Decides what happened.
///
/// What happened to the open file comes before what happened to its path, since the open file has to be read to its
/// end in any case: a file may be truncated and then renamed between two looks.
///
/// ```
/// use spiketail::file::change::{AtPath, ChangeReason, ContentCheck, FileChange, KnownFile, SeenFile, classify};
/// use spiketail::file::identity::Identity;
///
/// let known = KnownFile { identity: Identity { dev: 1, ino: 7, born_ns: 0 }, offset: 100, size: 120 };
/// let seen = SeenFile { at_path: AtPath::Same, size: 500, content: ContentCheck::AnchorDiffers };
/// // It was truncated and grew past the offset between two looks: the size alone would not show that.
/// assert_eq!(classify(&known, &seen), FileChange::Rewritten(ChangeReason::AnchorDiffers));
/// ```
#[must_use]
pub fn classify(known: &KnownFile, seen: &SeenFile) -> FileChange {
    if seen.size < known.offset {
        return FileChange::Truncated(ChangeReason::SizeBelowOffset);
    }
    match seen.content {
        ContentCheck::Same => {}
        ContentCheck::AnchorDiffers => return FileChange::Rewritten(ChangeReason::AnchorDiffers),
        ContentCheck::HeadDiffers => return FileChange::Rewritten(ChangeReason::HeadDiffers),
    }
    match seen.at_path {
        AtPath::Other(other) => {
            let reused = other.dev == known.identity.dev && other.ino == known.identity.ino;
            FileChange::Rotated(if reused {
                ChangeReason::InodeReused
            } else {
                ChangeReason::OtherFileAtPath
            })
        }
        AtPath::Nothing => FileChange::Removed(ChangeReason::NothingAtPath),
        AtPath::Same if seen.size == known.size => FileChange::Unchanged,
        AtPath::Same => FileChange::Grew,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: Identity = Identity { dev: 1, ino: 2, born_ns: 3 };

    fn change(size: u64, at_path: AtPath, content: ContentCheck) -> FileChange {
        classify(&KnownFile { identity: ME, offset: 10, size: 12 }, &SeenFile { at_path, size, content })
    }

    #[test]
    fn every_change_has_its_reason() {
        use AtPath::{Nothing, Other, Same};
        let other = Other(Identity { ino: 9, ..ME });
        let reborn = Other(Identity { born_ns: 9, ..ME });
        for (size, at_path, content, expected) in [
            (12, Same, ContentCheck::Same, FileChange::Unchanged),
            (20, Same, ContentCheck::Same, FileChange::Grew),
            // An unfinished line was cut off: what was judged still stands.
            (11, Same, ContentCheck::Same, FileChange::Grew),
            (9, Same, ContentCheck::Same, FileChange::Truncated(ChangeReason::SizeBelowOffset)),
            (20, Same, ContentCheck::AnchorDiffers, FileChange::Rewritten(ChangeReason::AnchorDiffers)),
            (20, Same, ContentCheck::HeadDiffers, FileChange::Rewritten(ChangeReason::HeadDiffers)),
            (20, other, ContentCheck::Same, FileChange::Rotated(ChangeReason::OtherFileAtPath)),
            (12, reborn, ContentCheck::Same, FileChange::Rotated(ChangeReason::InodeReused)),
            (12, Nothing, ContentCheck::Same, FileChange::Removed(ChangeReason::NothingAtPath)),
            // Truncated and then renamed: the truncation comes first.
            (0, other, ContentCheck::Same, FileChange::Truncated(ChangeReason::SizeBelowOffset)),
            (20, Nothing, ContentCheck::AnchorDiffers, FileChange::Rewritten(ChangeReason::AnchorDiffers)),
        ] {
            assert_eq!(change(size, at_path, content), expected, "{size} {at_path:?} {content:?}");
        }
    }
}

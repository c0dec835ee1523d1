//! Where in a line a stamp was found, and how it is read there.

use crate::scan::timestamp::calendar::StampReading;
use crate::scan::timestamp::format::{self, FormatKind};
use crate::scan::timestamp::shape::Shape;

/// How far into a line a stamp may begin, in bytes.
pub(super) const HEADER_BYTES_MAX: usize = 256;

/// Where a stamp stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StampPlace {
    /// At the beginning of this word, counted from 0.
    Word(u8),
    /// At the beginning of this word, counted from 0, where words also begin behind bytes that mostly are parts of words.
    Part(u8),
    /// In this member of a JSON object, by its number among the names that are known.
    Member(u8),
    /// The date in one member of a JSON object, the time of day in another.
    TwoMembers,
}

/// Where a stamp was found, and in which shape; `None` for one that a pattern describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) place: StampPlace,
    pub(super) shape: Option<Shape>,
}

/// Reads the stamp that begins at `start`, in a shape or with the pattern of `kind`.
pub(super) fn read_one(
    line: &[u8],
    start: usize,
    shape: Option<Shape>,
    kind: Option<&FormatKind>,
) -> Option<StampReading> {
    match (shape, kind) {
        (Some(shape), _) => shape.read(line, start),
        (None, Some(FormatKind::Strptime(pattern))) => format::read(pattern, line, start),
        _ => None,
    }
}

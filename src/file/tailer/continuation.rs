//! A file that took the place of another one and begins with the same bytes: a copy that replaced its original, as `cp` after `mv`,
//! `rsync` and `sed -i` make it. Only what follows the common part was not counted yet.

use std::io;

use crate::file::change::{ChangeReason, ContentCheck};
use crate::file::checkpoint::FileCheckpoint;
use crate::file::identity::Identity;
use crate::file::prefix::{SamePrefix, begins_alike, distinct_lines, same_prefix};
use crate::file::reader::{FileReader, STAMP_LAG_NS};
use crate::file::rotation::search::SearchResult;
use crate::file::turn::TailEvent;
use crate::sys::open::{OpenError, Stat};

use super::Tailer;
use super::draining::RotatedFile;
use super::parts::{CurrentFile, TurnContext};

/// So many different lines make it improbable that two generations of a log begin alike by chance.
const DISTINCT_LINES: usize = 8;

/// A file that is a part of its predecessor may be a copy that is being made, until it has not grown for this long, in
/// nanoseconds.
pub(super) const COPYING_NS: i64 = 1_000_000_000;

impl Tailer {
    /// Compares a file of which nothing was read yet with the one that stood at the path before, after that was read to its end. If
    /// it continues that one, the offset is where that ended. Returns whether it may be a copy that is not complete, so that
    /// nothing is read yet.
    pub(super) fn compare_with_former(
        &mut self,
        reading: &mut FileReader,
        stat: &Stat,
        context: &mut TurnContext<'_>,
    ) -> io::Result<bool> {
        if !self.former_at_path().is_some_and(|former| begins_alike(reading.file(), former.file())) {
            return Ok(false);
        }
        self.drain(context);
        if context.turn.more {
            return Ok(true);
        }
        let Some(former) = self.former_at_path() else { return Ok(false) };
        let former_stat = former.file().stat()?;
        let (mark, size) = (former.mark(), former_stat.size);
        match same_prefix(reading.file(), former.file(), DISTINCT_LINES)? {
            SamePrefix::Whole if stat.size >= mark.cursor.offset => {
                reading.continue_from(mark);
                self.announce(TailEvent::Rotated(ChangeReason::CopyAtPath), context);
                if let Some(former) = self.draining.last_mut() {
                    former.copied_bytes = size;
                }
                Ok(false)
            }
            SamePrefix::Whole if context.time.wall_ns - stat.modified_ns < COPYING_NS => {
                context.turn.more = true;
                Ok(true)
            }
            // Removing the last name of a file stamps it.
            SamePrefix::Part
                if former_stat.links == 0 && stat.modified_ns < former_stat.changed_ns + STAMP_LAG_NS =>
            {
                self.announce(TailEvent::Rewritten(ChangeReason::EditedCopyAtPath), context);
                Ok(false)
            }
            _ => Ok(false),
        }
    }

    /// The file that stood at the path last, if it is open and was read.
    fn former_at_path(&self) -> Option<&FileReader> {
        match &self.draining.last()?.former {
            RotatedFile::Plain(former) if former.offset() > 0 => Some(former),
            _ => None,
        }
    }

    /// Opens the file at the path, another one than `place` remembers, if it can only be the same: under other numbers, or
    /// as a copy that replaced it while it was closed.
    ///
    /// # Errors
    /// If that cannot be decided now.
    pub(super) fn recognise(
        &mut self,
        place: &FileCheckpoint,
        context: &mut TurnContext<'_>,
    ) -> Result<bool, OpenError> {
        let (file, stat) = match self.common.filesystem.open(&self.path) {
            Ok(opened) => opened,
            Err(error) if error.is_passing() => return Err(error),
            Err(_) => return Ok(false),
        };
        let now = Identity::from(&stat);
        let is_same_inode = (now.ino, now.born_ns) == (place.identity.ino, place.identity.born_ns);
        let is_unread = place.mark.cursor.offset == 0 && place.mark.head.len == 0;
        if self.common.claims.knows(now) || stat.size < place.mark.cursor.offset {
            return Ok(false);
        }
        let mut reading = FileReader::resume(file, &stat, &self.common.settings, place.mark);
        let holds_all = !is_unread
            && matches!(reading.look(context.time.wall_ns), Ok((_, ContentCheck::Same)))
            && (is_same_inode
                || (distinct_lines(reading.file(), reading.offset(), DISTINCT_LINES) >= DISTINCT_LINES
                    && self.is_elsewhere(place, context) == Some(false)));
        let is_it = if is_unread { now.is_renumbered(&place.identity) } else { holds_all };
        if is_it {
            self.common.claims.renumber(place.identity, now, self.id);
            if !is_same_inode {
                self.announce(TailEvent::Rotated(ChangeReason::CopyAtPath), context);
            }
            reading.remember(place);
            self.current = CurrentFile::Open(reading);
        }
        Ok(is_it)
    }

    /// Whether the file that `place` remembers has another name now. `None` if that cannot be decided.
    pub(super) fn is_elsewhere(&self, place: &FileCheckpoint, context: &TurnContext<'_>) -> Option<bool> {
        match self.search(context.time).locate(place, false) {
            SearchResult::Lost => Some(false),
            SearchResult::Obstructed(_) => None,
            _ => Some(true),
        }
    }
}

//! The turn of a file that has only grown: reading on, without ever waiting for anything.

use crate::file::change::{AtPath, FileChange, KnownFile, SeenFile, classify};
use crate::file::identity::Identity;
use crate::file::reader::{FileReader, ReadProgress};
use crate::file::tailer::{CurrentFile, Tailer, Turn, TurnOptions, TurnTime};
use crate::scan::scanner::Scanner;

impl Tailer {
    /// Takes a turn if it is a brief one: nothing happened to the open file but that it grew, and nothing else is under way.
    /// `None` if it is not: then a [`Tailer::turn`] is due, and nothing was changed. Whether the path still leads to the file is
    /// not looked at: see [`Tailer::stands_at_path`].
    pub fn brief_turn(
        &mut self,
        scanner: &mut Scanner,
        wants: &TurnOptions,
        moment: TurnTime,
    ) -> Option<Turn> {
        if !self.is_calm() {
            return None;
        }
        self.is_asked |= self.common.claims.turn_begins(&self.path);
        let CurrentFile::Open(reading) = &mut self.current else { return None };
        let known =
            KnownFile { identity: reading.identity(), offset: reading.offset(), size: reading.size() };
        let (stat, content) = reading.look(moment.wall_ns).ok()?;
        if classify(&known, &SeenFile { at_path: AtPath::Same, size: stat.size, content }) != FileChange::Grew
        {
            return None;
        }
        let before = reading.place();
        let mut hands = self.hands(scanner, wants, moment);
        let CurrentFile::Open(reading) = &mut self.current else { return None };
        match reading.read(&stat, &mut hands.counter, &mut hands.turn.tally) {
            Ok(ReadProgress::Done) => {}
            Ok(ReadProgress::More) | Err(_) => hands.turn.more = true,
            Ok(ReadProgress::Disturbed) => {
                hands.turn.torn += 1;
                hands.turn.more = true;
            }
        }
        // What was written now may have come after another file took its place.
        reading.remember_modified(before.modified_ns);
        Some(self.conclude(hands, wants))
    }

    /// Whether the path leads to the file that is open. If not, a turn is due.
    #[must_use]
    pub fn stands_at_path(&self) -> bool {
        let is_it = |reading: &FileReader| {
            self.common
                .filesystem
                .stat(&self.path)
                .is_ok_and(|there| Identity::from(&there) == reading.identity())
        };
        matches!(&self.current, CurrentFile::Open(reading) if is_it(reading))
    }

    /// Whether there is nothing to do but to read on, and nothing that it would have to wait for.
    fn is_calm(&self) -> bool {
        let is_local = |reading: &FileReader| !reading.is_blank() && !reading.is_remote();
        matches!(&self.current, CurrentFile::Open(reading) if is_local(reading))
            && self.draining.is_empty()
            && self.lost.is_empty()
            && self.trouble.is_none()
    }
}

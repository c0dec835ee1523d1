//! The way to the file at a path: a new one, or one that was closed.

use std::path::Path;
use std::sync::Arc;

use crate::file::change::{AtPath, ChangeReason};
use crate::file::checkpoint::FileCheckpoint;
use crate::file::decompress::{Compression, MAGIC_BYTES};
use crate::file::identity::Identity;
use crate::file::ownership::Claim;
use crate::file::reader::FileReader;
use crate::file::rotation::contents::is_copy;
use crate::file::rotation::names::{text, uncompressed};
use crate::file::settings::Start;
use crate::file::turn::{FileOrigin, TailEvent};
use crate::file::vfs::FileHandle;
use crate::sys::open::{OpenError, Stat};

use super::Tailer;
use super::continuation::COPYING_NS;
use super::parts::{CurrentFile, NextStep, SharedSearch, TurnContext, Unopened};

/// What the path that a rotated name comes from has to do with the file.
enum BaseVerdict {
    /// Nothing.
    None,
    /// It has to look first.
    Wait,
    /// It has the same contents: this is a copy.
    Copied,
}

impl Tailer {
    /// Opens the file that stands at the path now.
    pub(super) fn open(&mut self, there: &Stat, context: &mut TurnContext<'_>) -> NextStep {
        let identity = Identity::from(there);
        if let Some(reading) = self.take_back(identity) {
            // It was moved away and back.
            self.current = CurrentFile::Open(reading);
            self.announce(TailEvent::Recovered, context);
            return NextStep::LookAgain;
        }
        if !self.common.claims.knows(identity) {
            match self.ask_base(there, context) {
                BaseVerdict::None => {}
                BaseVerdict::Wait => {
                    if self.origin == FileOrigin::Existing {
                        // What is written while it waits came after the start.
                        self.unopened().refused_size.get_or_insert(there.size);
                    }
                    return NextStep::Settled;
                }
                BaseVerdict::Copied => {
                    self.unopened().copied = Some(identity);
                    return NextStep::Settled;
                }
            }
        }
        let opened = self.common.filesystem.open(&self.path);
        if opened.as_ref().is_ok_and(|(_, stat)| Identity::from(stat) != identity) {
            // Another file took the name meanwhile, of which no one asked anything.
            return NextStep::LookAgain;
        }
        match opened.and_then(|(file, stat)| self.reading_of(file, &stat, context)) {
            Ok(Some(reading)) => {
                self.find_unseen_before(&reading, context);
                self.current = CurrentFile::Open(reading);
                self.origin = FileOrigin::Appeared;
                (self.unopened, self.absent) = (None, None);
                self.generation += 1;
                self.well_again(context);
                self.announce(TailEvent::Opened, context);
                NextStep::LookAgain
            }
            Ok(None) => {
                // Another name of the file is read; those that stood here before have only this one.
                if let Some(last) = self.last.take() {
                    self.find_unseen(&last, None, context);
                }
                NextStep::Settled
            }
            Err(OpenError::Missing) => NextStep::LookAgain,
            Err(error) => {
                if matches!(error, OpenError::NotRegular(_)) {
                    // Whatever file takes its place was not there before.
                    self.origin = FileOrigin::Appeared;
                } else {
                    self.unopened().refused_size.get_or_insert(there.size);
                }
                context.turn.starved |= matches!(error, OpenError::TooManyOpen);
                self.in_trouble(error.to_string(), context)
            }
        }
    }

    /// `None` if another path reads the file.
    fn reading_of(
        &mut self,
        file: Arc<dyn FileHandle>,
        stat: &Stat,
        context: &mut TurnContext<'_>,
    ) -> Result<Option<FileReader>, OpenError> {
        if let Some(compression) = self.compression(&*file) {
            let text = format!(
                "it is compressed ({compression}), so nothing is appended to it; `spiketail scan` counts it, `exclude` leaves it out"
            );
            return Err(OpenError::Io(std::io::Error::other(text)));
        }
        let identity = Identity::from(stat);
        if let Some(mark) = context.turn.take_released(identity) {
            return Ok(Some(FileReader::resume(file, stat, &self.common.settings, mark)));
        }
        Ok(match self.common.claims.claim(identity, self.id) {
            Claim::Taken(owner) => {
                context.turn.read_by = Some(owner);
                None
            }
            Claim::Resume(mark) => Some(FileReader::resume(file, stat, &self.common.settings, mark)),
            Claim::Fresh if self.unopened().copied == Some(identity) => {
                Some(FileReader::at_end(file, stat, stat.size, &self.common.settings)?)
            }
            Claim::Fresh
                if self.origin == FileOrigin::Existing && self.common.settings.start == Start::End =>
            {
                let size = self.unopened().refused_size.map_or(stat.size, |size| size.min(stat.size));
                Some(FileReader::at_end(file, stat, size, &self.common.settings)?)
            }
            Claim::Fresh => Some(FileReader::begin(file, stat, &self.common.settings)),
        })
    }

    /// Opens a file that was closed, or was read before the daemon started.
    pub(super) fn unpark(&mut self, context: &mut TurnContext<'_>) -> NextStep {
        let CurrentFile::Parked(place) = self.current else { return NextStep::Settled };
        match self.common.filesystem.open(&self.path) {
            Ok((file, stat)) if Identity::from(&stat) == place.identity => {
                let mut reading = FileReader::resume(file, &stat, &self.common.settings, place.mark);
                reading.remember(&place);
                if self.is_caught_up {
                    reading.was_watched();
                }
                if let Some(pending) = self.unsearched.take() {
                    self.find_unseen(&pending.last, Some(&reading), context);
                } else if place.mark.cursor.offset == 0 {
                    // Next to nothing tells whether it is the first generation still.
                    self.find_unseen(&place, Some(&reading), context);
                }
                self.current = CurrentFile::Open(reading);
                NextStep::LookAgain
            }
            // Replaced or removed at this moment.
            Ok(_) | Err(OpenError::Missing) => NextStep::LookAgain,
            Err(error) => {
                context.turn.starved |= matches!(error, OpenError::TooManyOpen);
                self.in_trouble(error.to_string(), context)
            }
        }
    }

    /// The file that was closed no longer stands at the path.
    pub(super) fn lose_sight(&mut self, at_path: AtPath, context: &mut TurnContext<'_>) -> NextStep {
        let CurrentFile::Parked(place) = std::mem::replace(&mut self.current, CurrentFile::None) else {
            return NextStep::Settled;
        };
        if at_path != AtPath::Nothing {
            match self.recognise(&place, context) {
                Ok(true) => return NextStep::LookAgain,
                Ok(false) => {}
                Err(error) => {
                    self.current = CurrentFile::Parked(place);
                    context.turn.starved |= matches!(error, OpenError::TooManyOpen);
                    context.turn.is_obstructed = true;
                    return self.in_trouble(error.to_string(), context);
                }
            }
        }
        self.announce(
            match at_path {
                AtPath::Nothing => TailEvent::Removed(ChangeReason::NothingAtPath),
                _ => TailEvent::Rotated(ChangeReason::OtherFileAtPath),
            },
            context,
        );
        self.last = Some(Box::new(place));
        self.lose(place, false);
        self.find_lost(context);
        if at_path == AtPath::Nothing {
            self.find_unseen_before_nothing(context);
            return NextStep::Settled;
        }
        NextStep::LookAgain
    }

    /// Asks what the path that this name comes from has to do with the file.
    ///
    /// A copy is made before its original is truncated. So a file that is not like its original now is either no copy, or
    /// the original was truncated before, which the next turn of that path sees; then it looks for the copy, and finds it.
    fn ask_base(&mut self, there: &Stat, context: &mut TurnContext<'_>) -> BaseVerdict {
        let Some((path, base)) = self.common.claims.base_of(&self.path) else { return BaseVerdict::None };
        let identity = Identity::from(there);
        match self.unopened().asked.filter(|(asked, _)| *asked == identity) {
            Some((_, begun)) if base.ended > begun => BaseVerdict::None,
            Some(_) => {
                (context.turn.read_by, context.turn.more) = (Some(base.owner), true);
                BaseVerdict::Wait
            }
            // Copying may be about to begin.
            None if there.size == 0 => {
                let is_own = !self.keeps_name_of(&path);
                if is_own && self.origin == FileOrigin::Existing {
                    return BaseVerdict::None;
                }
                if is_own && context.time.wall_ns - there.modified_ns >= COPYING_NS {
                    return BaseVerdict::None;
                }
                context.turn.is_obstructed |= is_own;
                BaseVerdict::Wait
            }
            None => match self.is_copy_of(&path) {
                Err(error) => {
                    context.turn.starved |= matches!(error, OpenError::TooManyOpen);
                    context.turn.is_obstructed = true;
                    BaseVerdict::Wait
                }
                Ok(true) if self.keeps_name_of(&path) => BaseVerdict::Copied,
                Ok(true) => {
                    // `app-1.log` may be a log of its own that begins as `app.log` does.
                    let is_being_copied = context.time.wall_ns - there.modified_ns < COPYING_NS
                        && self.origin != FileOrigin::Existing;
                    context.turn.more |= is_being_copied;
                    if is_being_copied { BaseVerdict::Wait } else { BaseVerdict::None }
                }
                Ok(false) => {
                    self.unopened().asked = Some((identity, base.begun));
                    self.common.claims.ask(&path);
                    (context.turn.read_by, context.turn.more) = (Some(base.owner), true);
                    BaseVerdict::Wait
                }
            },
        }
    }

    /// Whether the file at the path is a copy of the one at `original`, unless that cannot be decided now.
    fn is_copy_of(&self, original: &Path) -> Result<bool, OpenError> {
        let open = |path| match self.common.filesystem.open(path) {
            Err(error) if error.is_passing() => Err(error),
            opened => Ok(opened.ok()),
        };
        let (Some((file, stat)), Some((original, of_original))) = (open(&self.path)?, open(original)?) else {
            return Ok(false);
        };
        Ok(is_copy((&*file, &stat), (&*original, &of_original)))
    }

    fn unopened(&mut self) -> &mut Unopened {
        self.unopened.get_or_insert_default()
    }

    /// The name of what compressed the file, if anything did.
    fn compression(&self, file: &dyn FileHandle) -> Option<&'static str> {
        let mut magic = [0; MAGIC_BYTES];
        let got = file.read_at(&mut magic, 0).unwrap_or(0);
        let by_name = || uncompressed(&text(self.path.file_name()?)).map(str::len);
        match Compression::of(&magic[..got]) {
            Some(compression) => Some(compression.name()),
            // A compressor begins with an empty file.
            None if got == 0 && by_name().is_some() => Some("by its name"),
            None => None,
        }
    }

    /// Searches for the files that stood at the path before `new`, without our seeing them there.
    fn find_unseen_before(&mut self, new: &FileReader, context: &mut TurnContext<'_>) {
        if let Some(last) = self.last.take() {
            self.find_unseen(&last, Some(new), context);
        } else if let FileOrigin::CameMeanwhile { since_ns } = self.origin {
            self.since_ns = since_ns;
            // Where many files come, one listing serves all of them.
            if !self.is_told_by_base() {
                let nothing = FileCheckpoint::unread(Identity::UNKNOWN, since_ns);
                self.search_later(&nothing, Some(SharedSearch::default()));
            }
        }
    }

    pub(super) fn find_unseen_before_nothing(&mut self, context: &mut TurnContext<'_>) {
        if let Some(last) = self.last.as_deref().copied() {
            self.find_unseen(&last, None, context);
        }
    }
}

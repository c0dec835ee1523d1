//! The former files of a path: read on while someone may still write to them, found again after they were renamed,
//! copied or compressed out of sight, and missed if they are nowhere.

use std::io;

use crate::file::archive::{Archive, ArchiveProgress};
use crate::file::change::AtPath;
use crate::file::checkpoint::FileCheckpoint;
use crate::file::identity::Identity;
use crate::file::ownership::ReadPosition;
use crate::file::reader::FileReader;
use crate::file::rotation::names::{bases, keeps_name, text};
use crate::file::rotation::search::{FoundFile, SearchResult};
use crate::file::turn::{MissReason, MissedBytes, TailEvent, Turn, TurnScope, TurnTime};
use crate::sys::open::Stat;

use super::Tailer;
use super::draining::{DrainingFile, MissingFile, RotatedFile};
use super::parts::{NextStep, TurnContext};

/// At most this many former files of a path are read on. The oldest is given up first.
const DRAINING_MAX: usize = 64;

/// At most this many files are remembered after they were read to their end.
const ENDED_MAX: usize = 16;

/// A file that had not changed for this long before it was truncated, in nanoseconds, was read to its end before, if the
/// daemon took its turn at once.
pub(super) const QUIET_NS: i64 = 1_000_000_000;

/// A closed file that was seen unchanged within this time, in milliseconds, before it was removed had nothing more written to it.
const CLOSED_LOOK_MS: u64 = 1_000;

/// What a look at a former file came to.
enum FormerStep {
    Next(NextStep),
    /// An archive waits for a decoder.
    Waiting,
    /// It is known what an archive holds.
    Identified(ArchiveProgress),
}

/// What became of a former file that was closed.
enum ClosedFile {
    Unchanged,
    /// That cannot be decided now.
    Unknown,
    Grew(Box<FileReader>),
    /// It is at its path no longer.
    Gone,
}

impl Tailer {
    /// Reads on in a file that no longer stands at the path.
    pub(super) fn retire(&mut self, reading: FileReader, time: TurnTime) {
        let place = reading.place();
        self.note_out_of_sight(&place);
        self.last = Some(Box::new(place));
        self.push(RotatedFile::Plain(reading), time, false, false, 0);
    }

    /// If the name looks rotated: lets the path that it comes from know what was read under it.
    pub(super) fn note_out_of_sight(&self, place: &FileCheckpoint) {
        let name = self.path.file_name().map(text).unwrap_or_default();
        if place.mark.cursor.offset > 0 && bases(&name).iter().any(|base| keeps_name(&name, base)) {
            self.common.claims.note_out_of_sight(place.identity, place.mark);
        }
    }

    /// Takes back a former file that stands at the path again.
    pub(super) fn take_back(&mut self, identity: Identity) -> Option<FileReader> {
        let is_it = |d: &DrainingFile| d.reading().is_some_and(|reading| reading.identity() == identity);
        let at = self.draining.iter().position(is_it)?;
        match self.draining.remove(at).former {
            RotatedFile::Plain(reading) => Some(reading),
            RotatedFile::Compressed(_) | RotatedFile::Closed(_) => None,
        }
    }

    pub(super) fn has_backlog(&self) -> bool {
        self.draining.iter().any(|draining| draining.is_backlog)
    }

    /// Whether what was written before is to be read first. What is compressed may take long.
    pub(super) fn has_plain_backlog(&self) -> bool {
        self.draining.iter().any(|draining| draining.is_backlog && draining.reading().is_some())
    }

    pub(super) fn lose(&mut self, place: FileCheckpoint, is_gone: bool) {
        self.note_out_of_sight(&place);
        self.lost.push(MissingFile::new(place, is_gone));
    }

    /// What was judged is gone from the file. A copy may hold what followed it.
    pub(super) fn start_over(
        &mut self,
        reading: &mut FileReader,
        news: TailEvent,
        is_current: bool,
        context: &mut TurnContext<'_>,
    ) {
        let place = reading.place();
        self.announce(news, context);
        self.lose(place, true);
        self.find_lost(context);
        self.generation += 1;
        if is_current {
            self.find_unseen(&place, Some(reading), context);
        }
        reading.restart();
    }

    pub(super) fn read_from_beginning(&mut self, found: FoundFile, context: &mut TurnContext<'_>) {
        self.generation += 1;
        self.announce(TailEvent::Opened, context);
        let stat = found.stat;
        let former = if found.is_compressed {
            Archive::begin(found.file, &stat).map(RotatedFile::Compressed)
        } else {
            Ok(RotatedFile::Plain(FileReader::begin(found.file, &stat, &self.common.settings)))
        };
        match former {
            Ok(former) => self.push(former, context.time, true, false, 0),
            Err(error) => {
                self.cannot_read(&FileCheckpoint::of(&stat, ReadPosition::default()), &error, context);
            }
        }
    }

    pub(super) fn drain(&mut self, context: &mut TurnContext<'_>) {
        let mut surplus = self.draining.len().saturating_sub(DRAINING_MAX);
        // Those that are looked at go to the end, so that the order is as before after all of them.
        let mut kept = 0;
        for _ in 0..self.draining.len() {
            if self.draining.is_empty() {
                break;
            }
            if self.is_wrapped && kept > 0 && self.draining.last().is_some_and(|before| before.is_backlog) {
                // A line that began in it may end in the next one.
                break;
            }
            let mut draining = self.draining.remove(0);
            if !self.is_still_there(&mut draining, context) {
                continue;
            }
            let offset = draining.place().mark.cursor.offset;
            let outcome = self.follow_former(&mut draining.former, context);
            if draining.is_open() {
                draining.looked_ms = Some(context.time.monotonic_ms);
            }
            if draining.place().mark.cursor.offset == offset {
                draining.release();
            } else {
                draining.grew_ms = context.time.monotonic_ms;
            }
            let waited_ms = context.time.monotonic_ms.saturating_sub(draining.grew_ms);
            let is_compressed = matches!(draining.former, RotatedFile::Compressed(_));
            let is_last = context.scope == TurnScope::Last
                && !is_compressed
                && self.is_elsewhere(&draining.place(), context) == Some(false);
            let is_over = waited_ms >= self.common.settings.rotated_grace_ms || is_last;
            let is_refused = |error: &io::Error| error.kind() == io::ErrorKind::OutOfMemory;
            let is_ended = draining.is_ended || is_compressed || is_over || surplus > 0;
            match outcome {
                // The next look asks for a decoder again.
                Ok(FormerStep::Waiting) => {}
                Ok(FormerStep::Identified(progress)) => {
                    let others = self.draining.len();
                    self.identified(draining, progress, context);
                    kept += self.draining.len() - others.min(self.draining.len());
                    continue;
                }
                Ok(FormerStep::Next(NextStep::Settled)) if !context.turn.more => {
                    draining.is_backlog = false;
                    if is_ended {
                        surplus = surplus.saturating_sub(1);
                        self.end(draining, context);
                        continue;
                    }
                }
                Err(error) if is_over || !is_compressed || is_refused(&error) => {
                    let place = draining.place();
                    self.cannot_read(draining.sought_place().unwrap_or(&place), &error, context);
                    context.turn.released.push((place.identity, place.mark));
                    continue;
                }
                // A compressor may still be at work.
                _ => {}
            }
            self.draining.push(draining);
            kept += 1;
        }
        let kept = kept.min(self.draining.len());
        if kept < self.draining.len() {
            self.draining.rotate_right(kept);
        }
    }

    /// Looks at a former file if it was closed, and opens it if it grew. False if it is gone.
    fn is_still_there(&mut self, draining: &mut DrainingFile, context: &mut TurnContext<'_>) -> bool {
        let RotatedFile::Closed(place) = draining.former else { return true };
        match self.look_at_closed(&place, draining.looked_ms, context) {
            ClosedFile::Unchanged => draining.looked_ms = Some(context.time.monotonic_ms),
            ClosedFile::Unknown => draining.looked_ms = None,
            ClosedFile::Grew(reading) => draining.former = RotatedFile::Plain(*reading),
            ClosedFile::Gone => return false,
        }
        true
    }

    /// Looks at all former files that were closed: one may be compressed by now. Returns whether that cannot be decided of one.
    pub(super) fn look_at_all_closed(&mut self, context: &mut TurnContext<'_>) -> bool {
        let was_obstructed = std::mem::take(&mut context.turn.is_obstructed);
        for mut draining in std::mem::take(&mut self.draining) {
            if !self.is_still_there(&mut draining, context) {
                continue;
            }
            self.draining.push(draining);
        }
        let is_unsure = context.turn.is_obstructed;
        context.turn.is_obstructed |= was_obstructed;
        is_unsure
    }

    /// Looks at a former file that was closed.
    fn look_at_closed(
        &mut self,
        place: &FileCheckpoint,
        looked_ms: Option<u64>,
        context: &mut TurnContext<'_>,
    ) -> ClosedFile {
        let is_recent = |at_ms: u64| context.time.monotonic_ms.saturating_sub(at_ms) <= CLOSED_LOOK_MS;
        let is_old = context.time.wall_ns - place.modified_ns > QUIET_NS;
        let was_quiet = is_old && looked_ms.is_some_and(is_recent);
        let stamps = |stat: &Stat| (stat.size, stat.modified_ns);
        match self.search(context.time).stat_of(place.identity) {
            Ok(Some(stat)) if stamps(&stat) == (place.size, place.modified_ns) => {
                return ClosedFile::Unchanged;
            }
            Err(obstacle) => {
                self.is_obstructed(obstacle, context);
                return ClosedFile::Unknown;
            }
            Ok(_) => {}
        }
        match self.search(context.time).locate(place, false) {
            SearchResult::Found(found) if found.identity() == place.identity => {
                let mut reading =
                    FileReader::resume(found.file, &found.stat, &self.common.settings, place.mark);
                reading.remember(place);
                ClosedFile::Grew(Box::new(reading))
            }
            SearchResult::Obstructed(obstacle) => {
                self.is_obstructed(obstacle, context);
                ClosedFile::Unknown
            }
            SearchResult::Lost if was_quiet => {
                context.turn.released.push((place.identity, place.mark));
                self.remember_end(*place, &mut context.turn);
                ClosedFile::Gone
            }
            _ => {
                self.lose(*place, false);
                ClosedFile::Gone
            }
        }
    }

    fn follow_former(
        &mut self,
        former: &mut RotatedFile,
        context: &mut TurnContext<'_>,
    ) -> io::Result<FormerStep> {
        match former {
            RotatedFile::Plain(reading) => {
                let (_, next) = self.follow_open(reading, AtPath::Same, false, context)?;
                Ok(FormerStep::Next(next))
            }
            // One after the other.
            RotatedFile::Compressed(archive)
                if !archive.is_open() && self.draining.iter().any(DrainingFile::has_decoder) =>
            {
                Ok(FormerStep::Waiting)
            }
            RotatedFile::Closed(_) => Ok(FormerStep::Next(NextStep::Settled)),
            RotatedFile::Compressed(archive) => {
                let progress = archive.read(&mut context.counter, &mut context.turn.tally)?;
                context.turn.more |= progress == ArchiveProgress::More;
                Ok(match progress {
                    ArchiveProgress::Done | ArchiveProgress::More => FormerStep::Next(NextStep::Settled),
                    ArchiveProgress::Waiting => FormerStep::Waiting,
                    ArchiveProgress::Known | ArchiveProgress::Other => FormerStep::Identified(progress),
                })
            }
        }
    }

    /// It turned out what an archive holds that begins as a file that is known.
    fn identified(
        &mut self,
        draining: DrainingFile,
        progress: ArchiveProgress,
        context: &mut TurnContext<'_>,
    ) {
        let DrainingFile { former: RotatedFile::Compressed(archive), sought, .. } = draining else { return };
        let place = archive.place();
        let (is_known, is_doubtful) = (progress == ArchiveProgress::Known, archive.is_doubtful());
        if is_known && sought.is_none() {
            context.turn.released.push((place.identity, place.mark));
        }
        let (file, stat) = archive.into_file();
        let found = FoundFile { file, stat, is_compressed: true, known: Vec::new() };
        match sought {
            // It is none of the others that begin as the one that is searched for.
            Some(lost) if is_doubtful && !is_known => self.read_on_in(found, *lost, context),
            // Something else is under the name of the file itself.
            Some(lost) if lost.place.identity == place.identity => {
                self.lost.push(MissingFile { is_gone: true, ..*lost });
                self.find_lost(context);
                self.read_from_beginning(found, context);
            }
            Some(mut lost) => {
                self.common.claims.disown(place.identity, self.id);
                lost.refuted.push(place.identity);
                self.lost.push(*lost);
                self.find_lost(context);
                context.turn.more = true;
            }
            None if !is_known && is_doubtful && self.common.claims.reserve(place.identity, self.id) => {
                self.read_from_beginning(found, context);
            }
            None => {}
        }
    }

    /// Finds out, in turns, whether an archive holds what is known. Until then it is no one's.
    pub(super) fn identify(&mut self, found: FoundFile, time: TurnTime) {
        let identity = found.identity();
        if self.draining.iter().any(|draining| draining.place().identity == identity) {
            return;
        }
        let archive = Archive::identify(found.file, &found.stat, found.known);
        self.push(RotatedFile::Compressed(archive), time, true, false, 0);
    }

    /// Ends a former file: its last line counts even without a line feed.
    fn end(&mut self, mut draining: DrainingFile, context: &mut TurnContext<'_>) {
        if let RotatedFile::Plain(reading) = &mut draining.former
            && reading.size() > draining.copied_bytes
            && let Err(error) = reading.finish(&mut context.counter, &mut context.turn.tally)
        {
            let place = reading.place();
            self.cannot_read(&place, &error, context);
        }
        let is_last = self.draining.is_empty() && self.lost.is_empty() && self.is_absent();
        if is_last && draining.has_no_name() {
            // What has begun in a file that was renamed ends in the one that takes its place.
            context.counter.finish_pieces(&mut context.turn.tally);
        }
        let place = draining.place();
        let offset = place.mark.cursor.offset;
        if offset < draining.expected_size {
            let missed = MissedBytes {
                bytes: draining.expected_size - offset,
                from: offset,
                reason: MissReason::ShortCopy,
            };
            self.announce(TailEvent::Missed(missed), context);
        }
        if draining.has_no_name() {
            // No one can come upon it any more.
            context.turn.vanished.push(place.identity);
        } else {
            context.turn.released.push((place.identity, place.mark));
        }
        self.remember_end(FileCheckpoint { size: offset, ..place }, &mut context.turn);
    }

    /// Remembers a file that was read to its end: it may come up again compressed. Of those that are too many a mark is left.
    fn remember_end(&mut self, place: FileCheckpoint, turn: &mut Turn) {
        self.ended.push(place);
        if self.ended.len() <= ENDED_MAX {
            return;
        }
        let FileCheckpoint { identity, mark, .. } = self.ended.remove(0);
        if identity.born_ns == 0 {
            // Its number would be taken for that of the next file.
            return;
        }
        let vanished = turn.vanished.iter().position(|vanished| *vanished == identity);
        if vanished.map(|at| turn.vanished.remove(at)).is_some() || !self.common.claims.knows(identity) {
            turn.released.push((identity, mark));
        }
    }

    pub(super) fn cannot_read(
        &mut self,
        place: &FileCheckpoint,
        error: &io::Error,
        context: &mut TurnContext<'_>,
    ) {
        self.announce(
            TailEvent::Unreadable(format!("its former file cannot be read to the end: {error}")),
            context,
        );
        let is_refused = error.kind() == io::ErrorKind::OutOfMemory;
        let reason = if is_refused { MissReason::Refused } else { MissReason::Unreadable };
        self.miss(place, false, reason, context);
    }

    /// Says what is missing of a file. What may have been appended after the last look, no one knows: at least one byte,
    /// unless the file `was_read` to its end for certain.
    pub(super) fn miss(
        &mut self,
        place: &FileCheckpoint,
        was_read: bool,
        reason: MissReason,
        context: &mut TurnContext<'_>,
    ) {
        let from = place.mark.cursor.offset;
        let bytes = place.size.saturating_sub(from).max(u64::from(!was_read));
        if bytes > 0 {
            self.announce(TailEvent::Missed(MissedBytes { bytes, from, reason }), context);
        }
    }

    /// Releases an inode that is out of sight for good, unless it goes on at the path with other contents.
    pub(super) fn give_up(&mut self, lost: &MissingFile, context: &mut TurnContext<'_>) {
        if !lost.is_gone {
            context.turn.released.push((lost.place.identity, lost.place.mark));
        }
    }

    pub(super) fn push(
        &mut self,
        former: RotatedFile,
        time: TurnTime,
        is_backlog: bool,
        is_ended: bool,
        expected_size: u64,
    ) {
        let grew_ms = time.monotonic_ms;
        self.draining.push(DrainingFile {
            former,
            grew_ms,
            looked_ms: Some(grew_ms),
            is_backlog,
            is_ended,
            expected_size,
            copied_bytes: 0,
            sought: None,
        });
    }
}

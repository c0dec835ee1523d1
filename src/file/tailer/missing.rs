//! The search for former files that are out of sight, and for those that stood at the path unseen.

use std::cell::{Cell, RefCell};
use std::path::Path;

use crate::file::archive::{Archive, ContentMark, first_bytes};
use crate::file::checkpoint::{FileCheckpoint, KnownEnd};
use crate::file::identity::Identity;
use crate::file::ownership::ReadPosition;
use crate::file::reader::FileReader;
use crate::file::rotation::listing::DirectoryState;
use crate::file::rotation::names::{keeps_name, text};
use crate::file::rotation::search::{FoundFile, RotationSearch, SearchObstacle, SearchResult, UnseenFile};
use crate::file::turn::{MissReason, MissedBytes, TailEvent, TurnTime};

use super::Tailer;
use super::draining::{DrainingFile, MissingFile, RotatedFile};
use super::parts::{AbsentSearch, CurrentFile, PendingSearch, SharedSearch, TurnContext};
use super::rotated::QUIET_NS;

/// At most this many former files that are read for the first time are open at the same time.
const BACKLOG_MAX: usize = 32;

/// So often a search is repeated because files were moved all the time.
const UNREST_MAX: u8 = 20;

/// A search that may wait does so for this long, in milliseconds: the searches for all files that came meanwhile share a listing.
const SHARED_WAIT_MS: u64 = 50;

impl Tailer {
    /// Searches for every former file that is out of sight.
    pub(super) fn find_lost(&mut self, context: &mut TurnContext<'_>) {
        while !self.lost.is_empty() {
            if self.draining.iter().filter(|draining| draining.is_backlog).count() >= BACKLOG_MAX {
                context.turn.is_obstructed = true;
                return;
            }
            let mut lost = self.lost.remove(0);
            let search = RotationSearch { refuted: &lost.refuted, ..self.search(context.time) };
            let result = search.locate(&lost.place, lost.is_gone);
            let is_refused = search.refused.get();
            match result {
                SearchResult::Found(found) => self.read_on(found, lost, context),
                SearchResult::Rewritten(found) => {
                    // A copy may have what was in it; what is in it now came later.
                    self.lost.insert(0, MissingFile { is_gone: true, ..lost });
                    self.find_lost(context);
                    self.read_from_beginning(found, context);
                }
                SearchResult::ReadElsewhere => {}
                SearchResult::Obstructed(obstacle) if !obstacle.is_unrest || lost.searches < UNREST_MAX => {
                    // The next look searches again.
                    lost.searches = lost.searches.saturating_add(1);
                    self.lost.insert(0, lost);
                    self.is_obstructed(obstacle, context);
                    return;
                }
                SearchResult::Lost | SearchResult::Obstructed(_) => {
                    self.give_up(&lost, context);
                    let reason = match lost.is_gone {
                        _ if is_refused => MissReason::Refused,
                        true => MissReason::NoCopy,
                        false => MissReason::NotFound,
                    };
                    let is_quiet = context.time.wall_ns - lost.place.modified_ns > QUIET_NS;
                    let was_read = context.time.is_prompt && is_quiet;
                    // Nothing is known of a file of which nothing was seen: it is among those that no one saw.
                    let is_unseen = lost.place.mark.head.len == 0
                        && (self.search(context.time).is_archived(&lost.place)
                            || !self
                                .unseen(&lost.place, None, context)
                                .is_ok_and(|unseen| unseen.is_empty()));
                    if is_unseen && lost.place.size == 0 {
                        let place = FileCheckpoint::unread(Identity::UNKNOWN, lost.place.modified_ns);
                        self.search_later(&place, None);
                        context.turn.is_obstructed = true;
                    }
                    self.miss(&lost.place, was_read || is_unseen, reason, context);
                }
            }
        }
    }

    /// Reads the tail of a file that was found.
    fn read_on(&mut self, found: FoundFile, lost: MissingFile, context: &mut TurnContext<'_>) {
        let (place, identity) = (lost.place, found.identity());
        self.draining.retain(|draining| !draining.is_doubtful() || draining.place().identity != identity);
        if place.mark == ReadPosition::default() && place.size == 0 {
            return self.read_from_beginning(found, context);
        }
        if found.is_compressed && identity != place.identity {
            let known = self.longer_marks_in(&found, &place);
            if !known.is_empty() {
                let archive = Archive::identify(found.file, &found.stat, known);
                self.push(RotatedFile::Compressed(archive), context.time, true, false, 0);
                if let Some(draining) = self.draining.last_mut() {
                    draining.sought = Some(Box::new(lost));
                }
                return;
            }
        }
        self.read_on_in(found, lost, context);
    }

    /// Reads the tail of a file that holds it.
    pub(super) fn read_on_in(&mut self, found: FoundFile, lost: MissingFile, context: &mut TurnContext<'_>) {
        let (place, identity) = (lost.place, found.identity());
        let is_copy = identity != place.identity && !identity.is_renumbered(&place.identity);
        if is_copy {
            self.common.claims.reserve(identity, self.id);
            self.give_up(&lost, context);
        }
        let former = if found.is_compressed {
            Archive::resume(found.file, &found.stat, place.mark)
                .map(|archive| archive.map(RotatedFile::Compressed))
        } else {
            let mut reading = FileReader::resume(found.file, &found.stat, &self.common.settings, place.mark);
            if !is_copy {
                reading.remember(&place);
            }
            Ok(Some(RotatedFile::Plain(reading)))
        };
        match former {
            Ok(Some(former)) => {
                // An archive itself is as large as it is compressed.
                let expected = if found.is_compressed && !is_copy { 0 } else { place.size };
                self.push(former, context.time, true, is_copy, expected);
                if let Some(draining) = self.draining.last_mut() {
                    draining.sought = found.is_compressed.then(|| Box::new(lost));
                }
            }
            Ok(None) => self.miss(&place, false, MissReason::NotFound, context),
            Err(error) => self.cannot_read(&place, &error, context),
        }
    }

    /// How far other files were read, beyond what was read of `place`, of those with the head of this archive: it may be one
    /// of them.
    fn longer_marks_in(&self, found: &FoundFile, place: &FileCheckpoint) -> Vec<ContentMark> {
        let Ok(head) = first_bytes(&found.file) else { return Vec::new() };
        let is_longer = |mark: &ReadPosition| mark.cursor.offset > place.mark.cursor.offset;
        let may_be_it =
            |mark: &ReadPosition| is_longer(mark) && mark.head.len > 0 && mark.head.matches(&head);
        let sought = self.draining.iter().filter_map(|draining| draining.sought.as_deref());
        let sought = self.lost.iter().chain(sought).map(|lost| lost.place);
        let ends = self.former_ends().map(|known| known.end);
        let marks = ends.chain(sought).map(|place| place.mark).filter(may_be_it);
        let marks = marks.chain(self.common.claims.positions(may_be_it));
        marks.map(|mark| ContentMark::judged(mark, false)).collect()
    }

    /// The ends of files of this path that are open or were read.
    fn former_ends(&self) -> impl Iterator<Item = KnownEnd> {
        let open = self.draining.iter().filter_map(DrainingFile::reading);
        let closed = self.draining.iter().filter(|draining| !draining.is_open()).map(DrainingFile::place);
        let closed = closed.chain(self.ended.iter().copied()).map(KnownEnd::from);
        open.filter_map(FileReader::end_now).chain(closed)
    }

    /// Searches for the files that stood at the path after `last` and before `now`, without our seeing them there, and
    /// queues them to be read.
    pub(super) fn find_unseen(
        &mut self,
        last: &FileCheckpoint,
        now: Option<&FileReader>,
        context: &mut TurnContext<'_>,
    ) {
        if self.is_told_by_base() {
            return;
        }
        let is_unsure = self.look_at_all_closed(context);
        self.find_lost(context);
        if is_unsure
            || !self.lost.is_empty()
            || self.draining.iter().any(|draining| draining.sought.is_some())
        {
            // One of those that would be found may be the copy that is searched for.
            self.search_later(last, None);
            context.turn.is_obstructed = true;
            return;
        }
        let found = match self.unseen(last, now, context) {
            Ok(found) => found,
            Err(obstacle) => {
                self.search_later(last, None);
                return self.is_obstructed(obstacle, context);
            }
        };
        for UnseenFile { identity, modified_ns, file, .. } in found {
            if self.common.claims.knows(identity) {
                continue;
            }
            let file = match file {
                Some(found) if !found.known.is_empty() => {
                    self.identify(found, context.time);
                    continue;
                }
                file => file,
            };
            if !self.common.claims.reserve(identity, self.id) {
                continue;
            }
            let place = FileCheckpoint::unread(identity, modified_ns);
            if now.is_none() {
                self.last = Some(Box::new(place));
            }
            match file {
                Some(found) => self.read_from_beginning(found, context),
                None => self.lose(place, false),
            }
        }
        self.find_lost(context);
    }

    /// Searches for files that stood at the path between two looks, although nothing is there now: once after each change of
    /// its directory, when that is at rest, so that one listing serves all files that were moved together.
    pub(super) fn find_unseen_while_absent(&mut self, context: &mut TurnContext<'_>) {
        if self.last.is_none() {
            return;
        }
        let filesystem = &*self.common.filesystem;
        let target = filesystem.link_target(&self.path);
        let dir = target.as_deref().unwrap_or(&self.path).parent();
        let state = dir.and_then(|dir| DirectoryState::of(filesystem, dir));
        if state.is_none() {
            // The directory is gone as well.
            return;
        }
        let search = self.absent.get_or_insert_default();
        if search.searched == Some(state) {
            return;
        }
        search.restless_looks += 1;
        // Where many files go, one listing serves all of them.
        let now_ms = context.time.monotonic_ms;
        let (first_state, since_ms) = *search.begun.get_or_insert((state, now_ms));
        if now_ms < since_ms + SHARED_WAIT_MS {
            return;
        }
        if self.search(context.time).has_no_sibling(now_ms, since_ms) {
            self.absent =
                Some(Box::new(AbsentSearch { searched: Some(first_state), ..AbsentSearch::default() }));
            return;
        }
        let Some(search) = &mut self.absent else { return };
        let is_at_rest = state.is_some_and(|state| state.is_settled(context.time.wall_ns));
        if !is_at_rest && search.restless_looks < UNREST_MAX {
            return;
        }
        **search = AbsentSearch { searched: Some(state), ..AbsentSearch::default() };
        self.find_unseen_before_nothing(context);
    }

    /// Reports a file that was written and removed before any was seen at the path, unless a search found it or is to be made.
    pub(super) fn report_unseen(&mut self, context: &mut TurnContext<'_>) {
        let is_searching = self.unsearched.is_some() || !self.lost.is_empty() || context.turn.is_obstructed;
        if is_searching
            || !std::mem::take(&mut self.is_removal_told)
            || self.is_sighted
            || self.generation > 0
        {
            return;
        }
        let missed = MissedBytes { bytes: 1, from: 0, reason: MissReason::Unseen };
        self.announce(TailEvent::Missed(missed), context);
    }

    /// Searches for unseen files in a later turn.
    pub(super) fn search_later(&mut self, last: &FileCheckpoint, shared: Option<SharedSearch>) {
        self.unsearched.get_or_insert_with(|| Box::new(PendingSearch { last: *last, shared }));
    }

    /// Makes a search for unseen files that had to wait.
    pub(super) fn search_again(&mut self, context: &mut TurnContext<'_>) {
        // What is closed is opened first, and the search made then.
        let is_closed = matches!(self.current, CurrentFile::Parked(_));
        let Some(mut pending) = self.unsearched.take_if(|_| !is_closed) else { return };
        let now_ms = context.time.monotonic_ms;
        // A rotated name waits for the answer.
        pending.shared = pending.shared.filter(|_| !self.is_asked);
        if let Some(shared) = &mut pending.shared {
            let since_ms = *shared.since_ms.get_or_insert(now_ms);
            if now_ms < since_ms + SHARED_WAIT_MS {
                self.unsearched = Some(pending);
                return;
            }
            if self.search(context.time).has_no_sibling(now_ms, since_ms) {
                return;
            }
        }
        match std::mem::replace(&mut self.current, CurrentFile::None) {
            CurrentFile::Open(reading) => {
                self.find_unseen(&pending.last, Some(&reading), context);
                self.current = CurrentFile::Open(reading);
            }
            other => {
                self.current = other;
                self.find_unseen(&pending.last, None, context);
            }
        }
    }

    /// Reports what stands in the way of a search, which is repeated soon.
    pub(super) fn is_obstructed(&mut self, obstacle: SearchObstacle, context: &mut TurnContext<'_>) {
        context.turn.starved |= obstacle.is_starved;
        context.turn.is_obstructed |= obstacle.is_starved || obstacle.is_unrest;
        if !obstacle.is_unrest {
            self.in_trouble(obstacle.text, context);
        }
    }

    fn unseen(
        &self,
        last: &FileCheckpoint,
        now: Option<&FileReader>,
        context: &TurnContext<'_>,
    ) -> Result<Vec<UnseenFile>, SearchObstacle> {
        let released = |(identity, mark): &(Identity, ReadPosition)| {
            let unread = FileCheckpoint::unread(*identity, 0);
            KnownEnd::from(FileCheckpoint { mark: *mark, size: mark.cursor.offset, ..unread })
        };
        let ends = || self.former_ends().chain(now.and_then(FileReader::end_now));
        let known = || ends().chain(context.turn.released.iter().map(released)).collect();
        // What was read of it before it was truncated tells nothing of what is in it now.
        let judged = now.map(FileReader::place).map(|now| {
            let is_other = now.mark != last.mark;
            FileCheckpoint { mark: if is_other { now.mark } else { ReadPosition::default() }, ..now }
        });
        self.search(context.time).unseen(last, &known, judged.as_ref(), self.since_ns)
    }

    /// Whether the name looks rotated: its history belongs to the path that it comes from.
    pub(super) fn is_told_by_base(&self) -> bool {
        self.common.claims.base_of(&self.path).is_some_and(|(base, _)| self.keeps_name_of(&base))
    }

    /// Whether the name begins with the whole one of `base`.
    pub(super) fn keeps_name_of(&self, base: &Path) -> bool {
        let names = self.path.file_name().zip(base.file_name());
        names.is_some_and(|(name, base)| keeps_name(&text(name), &text(base)))
    }

    pub(super) fn search(&self, time: TurnTime) -> RotationSearch<'_> {
        RotationSearch {
            filesystem: &*self.common.filesystem,
            listings: &self.common.listings,
            claims: &self.common.claims,
            owner: self.id,
            refuted: &[],
            refused: Cell::new(false),
            path: &self.path,
            now_ns: time.wall_ns,
            obstacle: RefCell::new(None),
        }
    }
}

//! One turn of one path: look, classify, read.
//!
//! Reading goes on in a file that was renamed or removed, for as long as someone may still write to it; meanwhile the
//! file that took its place is read as well. [`following`] looks at the path and reads on, [`opening`] opens what
//! stands there, [`rotated`] has the files that stood there before.

mod continuation;
mod draining;
mod following;
mod missing;
mod opening;
mod parts;
mod rotated;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::Arc;

use thin_vec::ThinVec;

use crate::file::checkpoint::{FileCheckpoint, TailCheckpoint};
use crate::file::identity::Identity;
use crate::file::line_counter::LineCounter;
use crate::file::line_time::{LineTimer, TimestampState};
use crate::file::ownership::ReadPosition;
use crate::file::reader::{FileReader, STAMP_LAG_NS};
use crate::file::signatures::TurnSignatures;
pub use crate::file::turn::{
    Declined, FileOrigin, MissReason, MissedBytes, Probe, TailEvent, Turn, TurnOptions, TurnScope, TurnTime,
};
use crate::scan::scanner::Scanner;
use crate::scan::wrapping::Pieces;
use crate::units::PathId;

use draining::{DrainingFile, MissingFile};
pub use parts::WatchContext;
use parts::{AbsentSearch, CurrentFile, NextStep, PendingSearch, TurnContext, Unopened};

/// How often a turn looks again after the file changed under it, before it lets others have their turn.
const LOOKS_MAX: usize = 16;

/// A pathname, read as one perpetual stream.
pub struct Tailer {
    id: PathId,
    path: Arc<Path>,
    common: Arc<WatchContext>,
    origin: FileOrigin,
    current: CurrentFile,
    /// Former files that may still be written to, oldest first. Like the next lists, empty for most paths.
    draining: ThinVec<DrainingFile>,
    /// Former files that are to be found again, oldest first.
    lost: ThinVec<MissingFile>,
    /// Set if files that stood at the path unseen are still to be searched for.
    unsearched: Option<Box<PendingSearch>>,
    /// The file that stood at the path last, once it does not any longer.
    last: Option<Box<FileCheckpoint>>,
    /// Former files that were read to their end, as long as one may come up again compressed.
    ended: ThinVec<FileCheckpoint>,
    /// Since when the path has been read, in nanoseconds since the epoch.
    since_ns: i64,
    /// What is known of the file at the path before it is read.
    unopened: Option<Box<Unopened>>,
    /// Set while nothing is at the path, after files were.
    absent: Option<Box<AbsentSearch>>,
    /// Whether the kernel reported that a file was written here and removed again.
    is_removal_told: bool,
    /// Whether a turn found a file at the path, and what is to become of that.
    is_sighted: bool,
    /// Whether a rotated name waits to hear whether its file is one that stood here unseen.
    is_asked: bool,
    generation: u64,
    trouble: Option<Box<str>>,
    /// What is known of the stamps of its lines.
    stamps: Option<Box<TimestampState>>,
    /// The beginnings of lines of a container. During a turn its counter has them.
    pieces: Pieces,
    /// Whether a container runtime writes the lines: then files are read one after the other.
    is_wrapped: bool,
    /// Whether everything was read that there was, so that what is new was written just now.
    is_caught_up: bool,
    /// Hash of what was last given to be remembered.
    recorded: u64,
}

impl Tailer {
    /// A tail of `path`, which reads nothing before its first turn. `id` is its number among the claims.
    #[must_use]
    pub fn new(
        id: PathId,
        path: impl Into<Arc<Path>>,
        common: Arc<WatchContext>,
        origin: FileOrigin,
    ) -> Tailer {
        let path = path.into();
        common.claims.enroll(&path, id);
        Tailer {
            id,
            path,
            common,
            origin,
            current: CurrentFile::None,
            draining: ThinVec::new(),
            lost: ThinVec::new(),
            unsearched: None,
            last: None,
            ended: ThinVec::new(),
            since_ns: if let FileOrigin::CameMeanwhile { since_ns } = origin { since_ns } else { 0 },
            unopened: None,
            absent: None,
            is_removal_told: false,
            is_sighted: false,
            is_asked: false,
            generation: 0,
            trouble: None,
            stamps: None,
            pieces: Pieces::default(),
            is_wrapped: false,
            is_caught_up: false,
            recorded: 0,
        }
    }

    /// Goes on where `record` says that reading stopped.
    #[must_use]
    pub fn restored(mut self, record: &TailCheckpoint) -> Tailer {
        let common = Arc::clone(&self.common);
        let is_ours = |place: &&FileCheckpoint| common.claims.reserve(place.identity, self.id);
        let current = record.current.as_ref();
        // A former place in the file that stands at the path remembers what was truncated away.
        let is_gone =
            |place: &FileCheckpoint| current.is_some_and(|current| current.identity == place.identity);
        self.lost = record
            .former
            .iter()
            .filter(is_ours)
            .map(|place| MissingFile::new(*place, is_gone(place)))
            .collect();
        self.current = current.filter(is_ours).map_or(CurrentFile::None, |place| CurrentFile::Parked(*place));
        record.former.iter().chain(current).for_each(|place| self.note_out_of_sight(place));
        // Beside a current file it is the one after which unseen ones are still to be searched for.
        match (&record.current, &record.last) {
            (Some(_), Some(last)) => self.search_later(last, None),
            (_, last) => self.last.clone_from(last),
        }
        self.ended = record.ended.iter().copied().collect();
        self.since_ns = record.since_ns;
        self.pieces.clone_from(&record.pieces);
        self.is_wrapped = !record.pieces.is_empty();
        self.generation = record.generation;
        // Before the first file was opened, those that stood there unseen were not searched for.
        let is_begun = record.generation > 0 || record.current.is_some() || record.last.is_some();
        self.origin = match is_begun || record.since_ns == 0 {
            true => FileOrigin::Appeared,
            false => FileOrigin::CameMeanwhile { since_ns: record.since_ns },
        };
        // If nothing is there again, something may have been meanwhile.
        self.is_asked = record.current.is_none();
        self.recorded = hash(record);
        self
    }

    /// The kernel reported that a file was made at the path, written and removed again. The next turn tells whether it was seen.
    pub fn note_removal(&mut self) {
        self.is_removal_told = true;
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> &Arc<Path> {
        &self.path
    }

    /// How many files have stood at the path so far.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// How far the file at the path was judged, and its size at the last look, both in bytes.
    #[must_use]
    pub fn position(&self) -> Option<(u64, u64)> {
        self.place().map(|place| (place.mark.cursor.offset, place.size))
    }

    /// Why the file cannot be read, if it cannot.
    #[must_use]
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Whether a file is at the path, and can be read.
    #[must_use]
    pub fn is_well(&self) -> bool {
        !matches!(self.current, CurrentFile::None) && self.trouble.is_none()
    }

    /// Whether there is nothing at the path.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self.current, CurrentFile::None) && self.trouble.is_none()
    }

    /// Whether there is nothing at the path and nothing left to read.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        let has_former = !self.draining.is_empty() || !self.lost.is_empty();
        matches!(self.current, CurrentFile::None) && !has_former && self.trouble.is_none()
    }

    /// Whether a window is mapped.
    #[must_use]
    pub fn holds_window(&self) -> bool {
        self.readings().any(FileReader::holds_window)
    }

    /// Returns up windows and buffers until there is something to read.
    pub fn release(&mut self) {
        if let CurrentFile::Open(reading) = &mut self.current {
            reading.release();
        }
        self.draining.iter_mut().for_each(DrainingFile::release);
    }

    /// How many files are open.
    #[must_use]
    pub fn open_files(&self) -> usize {
        usize::from(matches!(self.current, CurrentFile::Open(_)))
            + self.draining.iter().filter(|file| file.is_open()).count()
    }

    /// Closes the file at the path, and former ones that were read to their end, until they change.
    pub fn park(&mut self) {
        self.draining.iter_mut().for_each(DrainingFile::close_at_end);
        if let Some(place) = self.place() {
            self.current = CurrentFile::Parked(place);
        }
    }

    /// Has something else in common with others from now on: other settings.
    pub fn set_common(&mut self, common: Arc<WatchContext>) {
        self.common = common;
    }

    /// What is needed to tell, without the tail, whether a turn is due although no one gave a hint.
    #[must_use]
    pub fn probe(&self) -> Probe {
        Probe {
            filesystem: Arc::clone(&self.common.filesystem),
            path: Arc::clone(&self.path),
            settled: self.place().filter(|place| place.is_settled),
            is_gone: self.is_gone(),
        }
    }

    /// What is to be remembered.
    #[must_use]
    pub fn record(&self) -> TailCheckpoint {
        let current = self.place();
        let lost = self.lost.iter().map(|lost| lost.place);
        TailCheckpoint {
            generation: self.generation,
            current,
            former: self.draining.iter().filter_map(DrainingFile::recorded_place).chain(lost).collect(),
            last: match &self.unsearched {
                // The older one: whatever came after the other one is found as well.
                Some(pending) => Some(Box::new(pending.last)),
                None => self.last.clone().filter(|_| current.is_none()),
            },
            ended: self.ended.to_vec(),
            since_ns: self.since_ns,
            pieces: self.pieces.clone(),
        }
    }

    /// Takes one turn: judges what is new, as `options` say.
    ///
    /// # Errors
    /// [`Declined`] if only what was appended is to be read, and anything else is due. Nothing was judged then.
    pub fn turn(
        &mut self,
        scanner: &mut Scanner,
        options: &TurnOptions,
        time: TurnTime,
    ) -> Result<Turn, Declined> {
        if options.scope == TurnScope::Growth && !self.may_have_only_grown() {
            return Err(Declined);
        }
        // Before the first look: whoever asks from now on waits for a turn that looks later.
        if options.scope != TurnScope::Growth {
            self.is_asked |= self.common.claims.turn_begins(&self.path);
        }
        let mut context = self.begin_turn(scanner, options, time);
        if options.scope != TurnScope::Growth {
            self.follow_all(&mut context);
        } else if let Err(declined) = self.follow_growth(&mut context) {
            self.pieces = context.counter.pieces;
            self.stamps = context.counter.clock.into_stamps();
            return Err(declined);
        }
        Ok(self.end_turn(context))
    }

    /// Reads all files of the path, those that stood there before first.
    fn follow_all(&mut self, context: &mut TurnContext<'_>) {
        self.search_again(context);
        loop {
            let missing = self.lost.len();
            self.find_lost(context);
            if self.has_backlog() {
                self.drain(context);
            }
            if context.turn.more && self.has_plain_backlog() {
                return;
            }
            if self.lost.is_empty() || self.lost.len() == missing {
                break;
            }
        }
        context.is_complete = true;
        let mut looks = 0;
        while let NextStep::LookAgain = self.follow_path(context) {
            looks += 1;
            if looks == LOOKS_MAX {
                context.turn.more = true;
                break;
            }
        }
        self.drain(context);
    }

    /// What a turn begins with.
    fn begin_turn<'a>(
        &mut self,
        scanner: &'a mut Scanner,
        options: &TurnOptions,
        time: TurnTime,
    ) -> TurnContext<'a> {
        let turn = Turn::new(scanner.rules().names().len(), options.samples_max);
        let now_ms = time.wall_ns / 1_000_000;
        let clock = LineTimer::new(&options.time, options.counts_lines, self.stamps.take(), now_ms);
        let patterns = options.patterns.as_ref();
        let signatures = patterns.map(|settings| TurnSignatures::new(settings, Some(scanner)));
        let counter = LineCounter {
            scanner,
            clock,
            budget: options.bytes_max,
            judged: 0,
            signatures,
            format: self.common.settings.format,
            path: Arc::clone(&self.path),
            wrapping: None,
            pieces: std::mem::take(&mut self.pieces),
        };
        if let CurrentFile::Open(reading) = &mut self.current {
            reading.set_settled(false);
        }
        if self.since_ns == 0 {
            self.since_ns = time.wall_ns - STAMP_LAG_NS;
        }
        TurnContext { counter, time, turn, scope: options.scope, is_complete: false }
    }

    /// What a turn ends with.
    fn end_turn(&mut self, context: TurnContext<'_>) -> Turn {
        let TurnContext { mut turn, counter, is_complete, .. } = context;
        let is_search_due = self.absent.as_ref().is_some_and(|search| search.restless_looks > 0);
        turn.draining = !self.draining.is_empty()
            || self.unsearched.is_some()
            || turn.is_obstructed
            || turn.starved
            || is_search_due;
        turn.bytes = counter.judged;
        self.pieces = counter.pieces;
        self.stamps = counter.clock.into_stamps();
        turn.first_lines = counter.signatures.map(|signatures| signatures.first_lines).unwrap_or_default();
        self.is_caught_up = !turn.more && self.trouble.is_none();
        turn.record = if turn.news.is_empty() && turn.tally.is_empty() {
            self.new_record()
        } else {
            Some(self.record())
        };
        // Whoever asks waits until everything was looked at.
        if is_complete && !turn.is_obstructed && !is_search_due && self.unsearched.is_none() {
            self.common.claims.turn_ends(&self.path);
        }
        turn
    }

    /// Ends the tail. Returns the files that it read, for whoever finds them later to go on from there.
    pub fn close(&mut self) -> Vec<(Identity, ReadPosition)> {
        self.common.claims.leave(&self.path);
        let current = self.place();
        self.current = CurrentFile::None;
        let former = self.draining.drain(..).filter_map(|draining| draining.recorded_place());
        let lost = self.lost.drain(..).filter(|lost| !lost.is_gone).map(|lost| lost.place);
        let places = current.into_iter().chain(former).chain(lost);
        places.map(|place| (place.identity, place.mark)).collect()
    }

    /// What is to be remembered, if it is not what was remembered before.
    fn new_record(&mut self) -> Option<TailCheckpoint> {
        let record = self.record();
        let hash = hash(&record);
        (std::mem::replace(&mut self.recorded, hash) != hash).then_some(record)
    }

    /// Where reading stands in the file at the path.
    fn place(&self) -> Option<FileCheckpoint> {
        match &self.current {
            CurrentFile::None => None,
            CurrentFile::Open(reading) => Some(reading.place()),
            CurrentFile::Parked(place) => Some(*place),
        }
    }

    fn readings(&self) -> impl Iterator<Item = &FileReader> {
        let current = if let CurrentFile::Open(reading) = &self.current { Some(reading) } else { None };
        current.into_iter().chain(self.draining.iter().filter_map(DrainingFile::reading))
    }
}

fn hash(record: &TailCheckpoint) -> u64 {
    let mut hasher = DefaultHasher::new();
    record.hash(&mut hasher);
    hasher.finish()
}

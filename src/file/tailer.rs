//! One turn of one path: look, classify, read.
//!
//! Reading goes on in a file that was renamed or removed, for as long as someone may still write to it; meanwhile the
//! file that took its place is read as well. [`rotated`] has the former files of the path, [`opening`] the way to a new
//! one, [`fast_path`] the turn of a file that has only grown.

mod draining;
mod fast_path;
mod opening;
mod rotated;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::Path;
use std::sync::Arc;

use thin_vec::ThinVec;

use crate::file::change::{AtPath, FileChange, KnownFile, SeenFile, classify};
use crate::file::checkpoint::{FileCheckpoint, TailCheckpoint};
use crate::file::identity::Identity;
use crate::file::line_counter::LineCounter;
use crate::file::line_time::{LineTimer, TimestampState};
use crate::file::ownership::{Ownership, ReadPosition};
use crate::file::reader::{FileReader, ReadProgress, STAMP_LAG_NS};
use crate::file::settings::FileSettings;
pub use crate::file::turn::{
    FileOrigin, MissReason, MissedBytes, Probe, TailEvent, Turn, TurnOptions, TurnTime,
};
use crate::file::vfs::Filesystem;
use crate::scan::scanner::Scanner;
use crate::sys::open::{OpenError, Stat, classify as classify_error};
use crate::units::PathId;

use draining::{DrainingFile, MissingFile};

/// How often a turn looks again after the file changed under it, before it lets others have their turn.
const LOOKS_MAX: usize = 16;

/// A file whose contents last changed this long ago, in nanoseconds, can be trusted to show any new change in its stat:
/// some kernels stamp changes only every few milliseconds.
const SETTLED_NS: i64 = 1_000_000_000;

/// The file at the path.
enum CurrentFile {
    None,
    Open(FileReader),
    /// Closed to spare its descriptor, or not opened yet since the start. Opened when it changes.
    Parked(FileCheckpoint),
}

/// What a turn of a file works with.
struct TurnContext<'a> {
    counter: LineCounter<'a>,
    moment: TurnTime,
    turn: Turn,
}

/// What is known of a file that is not read yet.
#[derive(Default)]
struct Unopened {
    /// A file whose name looks rotated, and how many turns of the path that it comes from had begun when it was found to
    /// be no copy of that.
    asked: Option<(Identity, u64)>,
    /// A file that was found to be a copy of one that another path has.
    copied: Option<Identity>,
    /// Size of a file that was there at the start, in bytes, when it was first found unreadable: its end is there.
    refused_size: Option<u64>,
}

/// What the tails of one watch have in common.
pub struct WatchContext {
    /// How they are read.
    pub settings: FileSettings,
    /// Where they are.
    pub filesystem: Arc<dyn Filesystem>,
    /// Who reads which file.
    pub claims: Arc<Ownership>,
}

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
    /// The file that stood at the path last, once it does not any longer.
    last: Option<Box<FileCheckpoint>>,
    /// Former files that were read to their end, as long as one may come up again compressed.
    ended: ThinVec<FileCheckpoint>,
    /// Since when the path has been read, in nanoseconds since the epoch.
    since_ns: i64,
    /// What is known of the file at the path before it is read.
    unopened: Option<Box<Unopened>>,
    /// Whether a rotated name waits to hear whether its file is one that stood here unseen.
    is_asked: bool,
    generation: u64,
    trouble: Option<Box<str>>,
    /// What is known of the stamps of its lines.
    stamps: Option<Box<TimestampState>>,
    /// Whether everything was read that there was, so that what is new was written just now.
    is_caught_up: bool,
    /// Hash of what was last given to be remembered.
    recorded: u64,
}

enum NextStep {
    LookAgain,
    Settled,
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
            last: None,
            ended: ThinVec::new(),
            since_ns: 0,
            unopened: None,
            is_asked: false,
            generation: 0,
            trouble: None,
            stamps: None,
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
            .map(|place| MissingFile { place: *place, is_gone: is_gone(place) })
            .collect();
        self.current = current.filter(is_ours).map_or(CurrentFile::None, |place| CurrentFile::Parked(*place));
        self.last.clone_from(&record.last);
        self.ended = record.ended.iter().copied().collect();
        self.since_ns = record.since_ns;
        self.generation = record.generation;
        self.origin = FileOrigin::Appeared;
        self.recorded = hash(record);
        self
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

    /// Gives up windows and buffers until there is something to read.
    pub fn release(&mut self) {
        if let CurrentFile::Open(reading) = &mut self.current {
            reading.release();
        }
        self.draining.iter_mut().for_each(DrainingFile::release);
    }

    /// How many files are open.
    #[must_use]
    pub fn open_files(&self) -> usize {
        usize::from(matches!(self.current, CurrentFile::Open(_))) + self.draining.len()
    }

    /// Closes the file at the path until it changes.
    pub fn park(&mut self) {
        if let Some(place) = self.place() {
            self.current = CurrentFile::Parked(place);
        }
    }

    /// Has something else in common with others from now on: other settings.
    pub fn set_common(&mut self, common: Arc<WatchContext>) {
        self.common = common;
    }

    /// What is needed to tell, without the tail, whether a turn is due although nobody gave a hint.
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
            former: self.draining.iter().map(DrainingFile::place).chain(lost).collect(),
            last: self.last.clone().filter(|_| current.is_none()),
            ended: self.ended.to_vec(),
            since_ns: self.since_ns,
        }
    }

    /// Takes one turn: judges what is new, as `wants` says.
    pub fn turn(&mut self, scanner: &mut Scanner, wants: &TurnOptions, moment: TurnTime) -> Turn {
        self.is_asked |= self.common.claims.turn_begins(&self.path);
        let mut hands = self.hands(scanner, wants, moment);
        self.find_lost(&mut hands);
        // What came before is read before.
        if self.has_backlog() {
            self.drain(&mut hands);
        }
        if !hands.turn.more {
            let mut looks = 0;
            while let NextStep::LookAgain = self.follow_path(&mut hands) {
                looks += 1;
                if looks == LOOKS_MAX {
                    hands.turn.more = true;
                    break;
                }
            }
            self.drain(&mut hands);
        }
        self.conclude(hands, wants)
    }

    /// What a turn begins with.
    fn hands<'a>(
        &mut self,
        scanner: &'a mut Scanner,
        wants: &TurnOptions,
        moment: TurnTime,
    ) -> TurnContext<'a> {
        let turn = Turn::new(scanner.rules().names().len(), wants.samples_max);
        let now_ms = moment.wall_ns / 1_000_000;
        let clock = LineTimer::new(&wants.time, wants.counts_lines, self.stamps.take(), now_ms);
        let counter = LineCounter { scanner, clock, budget: wants.bytes_max };
        if let CurrentFile::Open(reading) = &mut self.current {
            reading.set_settled(false);
        }
        if self.since_ns == 0 {
            self.since_ns = moment.wall_ns - STAMP_LAG_NS;
        }
        TurnContext { counter, moment, turn }
    }

    /// What a turn ends with.
    fn conclude(&mut self, hands: TurnContext<'_>, wants: &TurnOptions) -> Turn {
        let TurnContext { mut turn, counter, .. } = hands;
        turn.draining = !self.draining.is_empty();
        turn.bytes = wants.bytes_max.saturating_sub(counter.budget);
        self.stamps = counter.clock.into_stamps();
        self.is_caught_up = !turn.more && self.trouble.is_none();
        turn.record = if turn.news.is_empty() && turn.tally.is_empty() {
            self.new_record()
        } else {
            Some(self.record())
        };
        self.common.claims.turn_ends(&self.path);
        turn
    }

    /// Ends the tail. Gives the files that it read, for whoever finds them later to go on from there.
    pub fn close(&mut self) -> Vec<(Identity, ReadPosition)> {
        self.common.claims.leave(&self.path);
        let current = self.place();
        self.current = CurrentFile::None;
        let former = self.draining.drain(..).map(|draining| draining.place());
        let lost = self.lost.drain(..).filter(|lost| !lost.is_gone).map(|lost| lost.place);
        let places = current.into_iter().chain(former).chain(lost);
        places.map(|place| (place.identity, place.mark)).collect()
    }

    fn follow_path(&mut self, hands: &mut TurnContext<'_>) -> NextStep {
        let there = match self.common.filesystem.stat(&self.path) {
            Ok(stat) => Some(stat),
            Err(error) => match (classify_error(error, &self.path), &self.current) {
                (OpenError::Missing, _) => None,
                // Nothing can be said of the path: what is open is read on as if it stood there.
                (_, CurrentFile::Open(_)) => return self.follow_current(AtPath::Same, None, hands),
                (other, _) => return self.in_trouble(other.to_string(), hands),
            },
        };
        let at_path = |identity: Identity| match there.as_ref().map(Identity::from) {
            None => AtPath::Nothing,
            Some(now) if now == identity => AtPath::Same,
            Some(other) => AtPath::Other(other),
        };
        match (&self.current, &there) {
            (CurrentFile::None, Some(stat)) => self.open(stat, hands),
            (CurrentFile::None, None) => {
                self.origin = FileOrigin::Appeared;
                self.trouble = None;
                if std::mem::take(&mut self.is_asked) {
                    self.find_unseen_before_nothing(hands);
                }
                NextStep::Settled
            }
            (CurrentFile::Open(reading), _) => self.follow_current(at_path(reading.identity()), there, hands),
            (CurrentFile::Parked(place), Some(stat)) if place.is_unchanged(stat) => NextStep::Settled,
            (CurrentFile::Parked(place), _) => match at_path(place.identity) {
                AtPath::Same => self.unpark(hands),
                elsewhere => self.lose_sight(elsewhere, hands),
            },
        }
    }

    fn follow_current(
        &mut self,
        at_path: AtPath,
        there: Option<Stat>,
        hands: &mut TurnContext<'_>,
    ) -> NextStep {
        let CurrentFile::Open(mut reading) = std::mem::replace(&mut self.current, CurrentFile::None) else {
            return NextStep::Settled;
        };
        match self.follow_open(&mut reading, at_path, true, hands) {
            Ok((FileChange::Rotated(reason), _)) => {
                self.announce(TailEvent::Rotated(reason), hands);
                self.retire(reading, hands.moment);
                NextStep::LookAgain
            }
            Ok((FileChange::Removed(reason), _)) => {
                self.announce(TailEvent::Removed(reason), hands);
                self.retire(reading, hands.moment);
                NextStep::LookAgain
            }
            Ok((change, next)) => {
                // Whatever takes its place later is written later than this.
                reading.remember_modified(there.as_ref().map_or(i64::MAX, |stat| stat.modified_ns));
                self.well_again(hands);
                let is_quiet = change == FileChange::Unchanged && !hands.turn.more && self.lost.is_empty();
                let is_old = |stat: &Stat| hands.moment.wall_ns - stat.changed_ns > SETTLED_NS;
                let seen = FileCheckpoint { is_settled: is_quiet, ..reading.place() };
                let is_settled = there.is_some_and(|stat| is_old(&stat) && seen.is_unchanged(&stat));
                reading.set_settled(is_settled);
                self.current = CurrentFile::Open(reading);
                next
            }
            Err(error) => {
                self.current = CurrentFile::Open(reading);
                self.in_trouble(format!("cannot read it: {error}"), hands)
            }
        }
    }

    /// Looks at the open file and reads on in it, or starts over.
    fn follow_open(
        &mut self,
        reading: &mut FileReader,
        at_path: AtPath,
        is_current: bool,
        hands: &mut TurnContext<'_>,
    ) -> io::Result<(FileChange, NextStep)> {
        let known =
            KnownFile { identity: reading.identity(), offset: reading.offset(), size: reading.size() };
        let was_racy = reading.is_racy();
        let (stat, content) = reading.look(hands.moment.wall_ns)?;
        let was = reading.place();
        let was_blank = is_current && reading.is_blank();
        let change = classify(&known, &SeenFile { at_path, size: stat.size, content });
        let next = match change {
            FileChange::Unchanged | FileChange::Grew => {
                match reading.read(&stat, &mut hands.counter, &mut hands.turn.tally)? {
                    ReadProgress::Done => NextStep::Settled,
                    ReadProgress::More => {
                        hands.turn.more = true;
                        NextStep::Settled
                    }
                    ReadProgress::Disturbed => {
                        hands.turn.torn += 1;
                        NextStep::LookAgain
                    }
                }
            }
            FileChange::Truncated(reason) => {
                self.start_over(reading, TailEvent::Truncated(reason), is_current, hands);
                NextStep::LookAgain
            }
            FileChange::Rewritten(reason) => {
                self.start_over(reading, TailEvent::Rewritten(reason), is_current, hands);
                NextStep::LookAgain
            }
            FileChange::Rotated(_) | FileChange::Removed(_) => NextStep::LookAgain,
        };
        let is_changed = |reading: &FileReader| {
            was_racy
                || stat.modified_ns != was.modified_ns
                || reading.modified_now() != Some(stat.modified_ns)
        };
        if was_blank && is_changed(reading) {
            // Nothing was in it; what is in it now may have come after a truncation.
            self.find_unseen(&was, Some(reading), hands);
        }
        Ok((change, next))
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

    fn in_trouble(&mut self, reason: String, hands: &mut TurnContext<'_>) -> NextStep {
        if self.trouble.as_deref() != Some(&reason) {
            self.trouble = Some(reason.as_str().into());
            self.announce(TailEvent::Unreadable(reason), hands);
        }
        NextStep::Settled
    }

    fn well_again(&mut self, hands: &mut TurnContext<'_>) {
        // What stands in the way of a former file is told until that is found.
        if self.lost.is_empty() && self.trouble.take().is_some() {
            self.announce(TailEvent::Recovered, hands);
        }
    }

    fn announce(&self, news: TailEvent, hands: &mut TurnContext<'_>) {
        hands.turn.news.push((news, self.generation));
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

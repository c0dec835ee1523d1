//! One turn of one path: look, classify, read.
//!
//! Reading goes on in a file that was renamed or removed, for as long as someone may still write to it; meanwhile the
//! file that took its place is read as well. [`former`] has the former files of the path, [`opening`] the way to a new
//! one, [`brief`] the turn of a file that has only grown.

mod brief;
mod former;
mod opening;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::Path;
use std::sync::Arc;

use thin_vec::ThinVec;

use crate::file::change::{AtPath, Change, Known, Seen, classify};
use crate::file::claims::{Claims, Mark, Owner};
use crate::file::counter::Counter;
use crate::file::filesystem::Filesystem;
use crate::file::identity::Identity;
use crate::file::line_clock::{LineClock, Stamps};
use crate::file::reading::{Progress, Reading, STAMP_LAG_NS};
use crate::file::record::{Place, TailRecord};
use crate::file::settings::FileSettings;
pub use crate::file::turn::{Loss, Missed, Moment, News, Origin, Probe, Turn, Wants};
use crate::scan::scanner::Scanner;
use crate::sys::open::{OpenError, Stat, classify as classify_error};

use former::{Draining, Lost};

/// How often a turn looks again after the file changed under it, before it lets others have their turn.
const LOOKS_MAX: usize = 16;

/// A file whose contents last changed this long ago, in nanoseconds, can be trusted to show any new change in its stat:
/// some kernels stamp changes only every few milliseconds.
const SETTLED_NS: i64 = 1_000_000_000;

/// The file at the path.
enum Current {
    None,
    Open(Reading),
    /// Closed to spare its descriptor, or not opened yet since the start. Opened when it changes.
    Parked(Place),
}

/// What a turn of a file works with.
struct Hands<'a> {
    counter: Counter<'a>,
    moment: Moment,
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
pub struct Common {
    /// How they are read.
    pub settings: FileSettings,
    /// Where they are.
    pub filesystem: Arc<dyn Filesystem>,
    /// Who reads which file.
    pub claims: Arc<Claims>,
}

/// A pathname, read as one perpetual stream.
pub struct Tail {
    id: Owner,
    path: Arc<Path>,
    common: Arc<Common>,
    origin: Origin,
    current: Current,
    /// Former files that may still be written to, oldest first. Like the next lists, empty for most paths.
    draining: ThinVec<Draining>,
    /// Former files that are to be found again, oldest first.
    lost: ThinVec<Lost>,
    /// The file that stood at the path last, once it does not any longer.
    last: Option<Box<Place>>,
    /// Former files that were read to their end, as long as one may come up again compressed.
    ended: ThinVec<Place>,
    /// Since when the path has been read, in nanoseconds since the epoch.
    since_ns: i64,
    /// What is known of the file at the path before it is read.
    unopened: Option<Box<Unopened>>,
    /// Whether a rotated name waits to hear whether its file is one that stood here unseen.
    is_asked: bool,
    generation: u64,
    trouble: Option<Box<str>>,
    /// What is known of the stamps of its lines.
    stamps: Option<Box<Stamps>>,
    /// Whether everything was read that there was, so that what is new was written just now.
    is_caught_up: bool,
    /// Hash of what was last given to be remembered.
    recorded: u64,
}

enum Next {
    LookAgain,
    Settled,
}

impl Tail {
    /// A tail of `path`, which reads nothing before its first turn. `id` is its number among the claims.
    #[must_use]
    pub fn new(id: Owner, path: impl Into<Arc<Path>>, common: Arc<Common>, origin: Origin) -> Tail {
        let path = path.into();
        common.claims.enroll(&path, id);
        Tail {
            id,
            path,
            common,
            origin,
            current: Current::None,
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
    pub fn restored(mut self, record: &TailRecord) -> Tail {
        let common = Arc::clone(&self.common);
        let is_ours = |place: &&Place| common.claims.reserve(place.identity, self.id);
        let current = record.current.as_ref();
        // A former place in the file that stands at the path remembers what was truncated away.
        let is_gone = |place: &Place| current.is_some_and(|current| current.identity == place.identity);
        self.lost = record
            .former
            .iter()
            .filter(is_ours)
            .map(|place| Lost { place: *place, is_gone: is_gone(place) })
            .collect();
        self.current = current.filter(is_ours).map_or(Current::None, |place| Current::Parked(*place));
        self.last.clone_from(&record.last);
        self.ended = record.ended.iter().copied().collect();
        self.since_ns = record.since_ns;
        self.generation = record.generation;
        self.origin = Origin::Appeared;
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
        !matches!(self.current, Current::None) && self.trouble.is_none()
    }

    /// Whether there is nothing at the path and nothing left to read.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        let has_former = !self.draining.is_empty() || !self.lost.is_empty();
        matches!(self.current, Current::None) && !has_former && self.trouble.is_none()
    }

    /// Whether a window is mapped.
    #[must_use]
    pub fn holds_window(&self) -> bool {
        self.readings().any(Reading::holds_window)
    }

    /// Gives up windows and buffers until there is something to read.
    pub fn release(&mut self) {
        if let Current::Open(reading) = &mut self.current {
            reading.release();
        }
        self.draining.iter_mut().for_each(Draining::release);
    }

    /// How many files are open.
    #[must_use]
    pub fn open_files(&self) -> usize {
        usize::from(matches!(self.current, Current::Open(_))) + self.draining.len()
    }

    /// Closes the file at the path until it changes.
    pub fn park(&mut self) {
        if let Some(place) = self.place() {
            self.current = Current::Parked(place);
        }
    }

    /// Has something else in common with others from now on: other settings.
    pub fn set_common(&mut self, common: Arc<Common>) {
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
    pub fn record(&self) -> TailRecord {
        let current = self.place();
        let lost = self.lost.iter().map(|lost| lost.place);
        TailRecord {
            generation: self.generation,
            current,
            former: self.draining.iter().map(Draining::place).chain(lost).collect(),
            last: self.last.clone().filter(|_| current.is_none()),
            ended: self.ended.to_vec(),
            since_ns: self.since_ns,
        }
    }

    /// Takes one turn: judges what is new, as `wants` says.
    pub fn turn(&mut self, scanner: &mut Scanner, wants: &Wants, moment: Moment) -> Turn {
        self.is_asked |= self.common.claims.turn_begins(&self.path);
        let mut hands = self.hands(scanner, wants, moment);
        self.find_lost(&mut hands);
        // What came before is read before.
        if self.has_backlog() {
            self.drain(&mut hands);
        }
        if !hands.turn.more {
            let mut looks = 0;
            while let Next::LookAgain = self.follow_path(&mut hands) {
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
    fn hands<'a>(&mut self, scanner: &'a mut Scanner, wants: &Wants, moment: Moment) -> Hands<'a> {
        let turn = Turn::new(scanner.rules().len(), wants.samples_max);
        let now_ms = moment.wall_ns / 1_000_000;
        let clock = LineClock::new(&wants.time, wants.counts_lines, self.stamps.take(), now_ms);
        let counter = Counter { scanner, clock, budget: wants.bytes_max };
        if let Current::Open(reading) = &mut self.current {
            reading.set_settled(false);
        }
        if self.since_ns == 0 {
            self.since_ns = moment.wall_ns - STAMP_LAG_NS;
        }
        Hands { counter, moment, turn }
    }

    /// What a turn ends with.
    fn conclude(&mut self, hands: Hands<'_>, wants: &Wants) -> Turn {
        let Hands { mut turn, counter, .. } = hands;
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
    pub fn close(&mut self) -> Vec<(Identity, Mark)> {
        self.common.claims.leave(&self.path);
        let current = self.place();
        self.current = Current::None;
        let former = self.draining.drain(..).map(|draining| draining.place());
        let lost = self.lost.drain(..).filter(|lost| !lost.is_gone).map(|lost| lost.place);
        let places = current.into_iter().chain(former).chain(lost);
        places.map(|place| (place.identity, place.mark)).collect()
    }

    fn follow_path(&mut self, hands: &mut Hands<'_>) -> Next {
        let there = match self.common.filesystem.stat(&self.path) {
            Ok(stat) => Some(stat),
            Err(error) => match (classify_error(error, &self.path), &self.current) {
                (OpenError::Missing, _) => None,
                // Nothing can be said of the path: what is open is read on as if it stood there.
                (_, Current::Open(_)) => return self.follow_current(AtPath::Same, None, hands),
                (other, _) => return self.in_trouble(other.to_string(), hands),
            },
        };
        let at_path = |identity: Identity| match there.as_ref().map(Identity::from) {
            None => AtPath::Nothing,
            Some(now) if now == identity => AtPath::Same,
            Some(other) => AtPath::Other(other),
        };
        match (&self.current, &there) {
            (Current::None, Some(stat)) => self.open(stat, hands),
            (Current::None, None) => {
                self.origin = Origin::Appeared;
                self.trouble = None;
                if std::mem::take(&mut self.is_asked) {
                    self.find_unseen_before_nothing(hands);
                }
                Next::Settled
            }
            (Current::Open(reading), _) => self.follow_current(at_path(reading.identity()), there, hands),
            (Current::Parked(place), Some(stat)) if place.is_unchanged(stat) => Next::Settled,
            (Current::Parked(place), _) => match at_path(place.identity) {
                AtPath::Same => self.unpark(hands),
                elsewhere => self.lose_sight(elsewhere, hands),
            },
        }
    }

    fn follow_current(&mut self, at_path: AtPath, there: Option<Stat>, hands: &mut Hands<'_>) -> Next {
        let Current::Open(mut reading) = std::mem::replace(&mut self.current, Current::None) else {
            return Next::Settled;
        };
        match self.follow_open(&mut reading, at_path, true, hands) {
            Ok((Change::Rotated(reason), _)) => {
                self.announce(News::Rotated(reason), hands);
                self.retire(reading, hands.moment);
                Next::LookAgain
            }
            Ok((Change::Removed(reason), _)) => {
                self.announce(News::Removed(reason), hands);
                self.retire(reading, hands.moment);
                Next::LookAgain
            }
            Ok((change, next)) => {
                // Whatever takes its place later is written later than this.
                reading.remember_modified(there.as_ref().map_or(i64::MAX, |stat| stat.modified_ns));
                self.well_again(hands);
                let is_quiet = change == Change::Unchanged && !hands.turn.more && self.lost.is_empty();
                let is_old = |stat: &Stat| hands.moment.wall_ns - stat.changed_ns > SETTLED_NS;
                let seen = Place { is_settled: is_quiet, ..reading.place() };
                let is_settled = there.is_some_and(|stat| is_old(&stat) && seen.is_unchanged(&stat));
                reading.set_settled(is_settled);
                self.current = Current::Open(reading);
                next
            }
            Err(error) => {
                self.current = Current::Open(reading);
                self.in_trouble(format!("cannot read it: {error}"), hands)
            }
        }
    }

    /// Looks at the open file and reads on in it, or starts over.
    fn follow_open(
        &mut self,
        reading: &mut Reading,
        at_path: AtPath,
        is_current: bool,
        hands: &mut Hands<'_>,
    ) -> io::Result<(Change, Next)> {
        let known = Known { identity: reading.identity(), offset: reading.offset(), size: reading.size() };
        let was_racy = reading.is_racy();
        let (stat, content) = reading.look(hands.moment.wall_ns)?;
        let was = reading.place();
        let was_blank = is_current && reading.is_blank();
        let change = classify(&known, &Seen { at_path, size: stat.size, content });
        let next = match change {
            Change::Unchanged | Change::Grew => {
                match reading.read(&stat, &mut hands.counter, &mut hands.turn.tally)? {
                    Progress::Done => Next::Settled,
                    Progress::More => {
                        hands.turn.more = true;
                        Next::Settled
                    }
                    Progress::Disturbed => {
                        hands.turn.torn += 1;
                        Next::LookAgain
                    }
                }
            }
            Change::Truncated(reason) => {
                self.start_over(reading, News::Truncated(reason), is_current, hands);
                Next::LookAgain
            }
            Change::Rewritten(reason) => {
                self.start_over(reading, News::Rewritten(reason), is_current, hands);
                Next::LookAgain
            }
            Change::Rotated(_) | Change::Removed(_) => Next::LookAgain,
        };
        let is_changed = |reading: &Reading| {
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
    fn new_record(&mut self) -> Option<TailRecord> {
        let record = self.record();
        let hash = hash(&record);
        (std::mem::replace(&mut self.recorded, hash) != hash).then_some(record)
    }

    /// Where reading stands in the file at the path.
    fn place(&self) -> Option<Place> {
        match &self.current {
            Current::None => None,
            Current::Open(reading) => Some(reading.place()),
            Current::Parked(place) => Some(*place),
        }
    }

    fn in_trouble(&mut self, reason: String, hands: &mut Hands<'_>) -> Next {
        if self.trouble.as_deref() != Some(&reason) {
            self.trouble = Some(reason.as_str().into());
            self.announce(News::Unreadable(reason), hands);
        }
        Next::Settled
    }

    fn well_again(&mut self, hands: &mut Hands<'_>) {
        // What stands in the way of a former file is told until that is found.
        if self.lost.is_empty() && self.trouble.take().is_some() {
            self.announce(News::Recovered, hands);
        }
    }

    fn announce(&self, news: News, hands: &mut Hands<'_>) {
        hands.turn.news.push((news, self.generation));
    }

    fn readings(&self) -> impl Iterator<Item = &Reading> {
        let current = if let Current::Open(reading) = &self.current { Some(reading) } else { None };
        current.into_iter().chain(self.draining.iter().filter_map(Draining::reading))
    }
}

fn hash(record: &TailRecord) -> u64 {
    let mut hasher = DefaultHasher::new();
    record.hash(&mut hasher);
    hasher.finish()
}

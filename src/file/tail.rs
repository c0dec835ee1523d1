//! One turn of one path: look, classify, read.
//!
//! Reading goes on in a file that was renamed or removed, for as long as someone may still write to it; meanwhile the
//! file that took its place is read as well.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::file::change::{AtPath, Change, Known, Seen, classify};
use crate::file::claims::{Claim, Claims, Owner};
use crate::file::filesystem::{Disk, Filesystem};
use crate::file::history::files_between;
use crate::file::identity::{Head, Identity};
use crate::file::reading::{Progress, Reading};
use crate::file::settings::{FileSettings, Start};
use crate::file::tally::Tally;
pub use crate::file::turn::{Moment, News, Origin, Probe, Turn};
use crate::scan::scanner::Scanner;
use crate::sys::open::{OpenError, Stat, classify as classify_error, stat_path};

/// How often a turn looks again after the file changed under it, before it lets others have their turn.
const LOOKS_MAX: usize = 16;

/// At most this many former files of a path are read on. The oldest is given up first.
const DRAINING_MAX: usize = 64;

/// A file whose contents last changed this long ago, in nanoseconds, can be trusted to show any new change in its stat:
/// some kernels stamp changes only every few milliseconds.
const SETTLED_NS: i64 = 1_000_000_000;

struct Draining {
    reading: Reading,
    /// When it last grew, on the monotonic clock, in milliseconds.
    grew_ms: u64,
}

/// A pathname, read as one perpetual stream.
pub struct Tail {
    id: Owner,
    path: PathBuf,
    settings: FileSettings,
    claims: Arc<Claims>,
    origin: Origin,
    current: Option<Reading>,
    draining: VecDeque<Draining>,
    /// The file that stood at the path before, and its first bytes.
    former: Option<(Identity, Head)>,
    /// Size of a file that was there at the start, in bytes, when it was first found unreadable: its end is there.
    refused_size: Option<u64>,
    generation: u64,
    trouble: Option<String>,
    /// The stat of a file that will not change without its stat changing too.
    settled: Option<Stat>,
}

enum Next {
    LookAgain,
    Settled,
}

impl Tail {
    /// A tail of `path`, which reads nothing before its first turn. `id` is its number in `claims`.
    #[must_use]
    pub fn new(
        id: Owner,
        path: PathBuf,
        settings: FileSettings,
        claims: Arc<Claims>,
        origin: Origin,
    ) -> Tail {
        let (current, draining) = (None, VecDeque::new());
        Tail {
            id,
            path,
            settings,
            claims,
            origin,
            current,
            draining,
            former: None,
            refused_size: None,
            generation: 0,
            trouble: None,
            settled: None,
        }
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> &Path {
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
        self.current.as_ref().map(|reading| (reading.offset(), reading.size()))
    }

    /// Why the file cannot be read, if it cannot.
    #[must_use]
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Whether there is nothing at the path and nothing left to read.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.current.is_none() && self.draining.is_empty() && self.trouble.is_none()
    }

    /// Whether a window is mapped.
    #[must_use]
    pub fn holds_window(&self) -> bool {
        self.readings().any(Reading::holds_window)
    }

    /// Gives up windows and buffers until there is something to read.
    pub fn release(&mut self) {
        self.current
            .iter_mut()
            .chain(self.draining.iter_mut().map(|d| &mut d.reading))
            .for_each(Reading::release);
    }

    /// Reads by other settings from now on.
    pub fn set_settings(&mut self, settings: FileSettings) {
        self.settings = settings;
    }

    /// What is needed to tell, without the tail, whether a turn is due although nobody gave a hint.
    #[must_use]
    pub fn probe(&self) -> Probe {
        Probe { path: self.path.clone(), settled: self.settled, is_gone: self.is_gone() }
    }

    /// Takes one turn: judges what is new, at most about `budget` bytes of it.
    pub fn turn(
        &mut self,
        scanner: &mut Scanner,
        samples_max: usize,
        mut budget: u64,
        moment: Moment,
    ) -> Turn {
        let mut turn = Turn {
            tally: Tally::new(scanner.rules().len(), samples_max),
            news: Vec::new(),
            more: false,
            torn: 0,
            draining: false,
            read_by: None,
        };
        self.settled = None;
        let mut looks = 0;
        while let Next::LookAgain = self.follow_path(scanner, &mut budget, moment, &mut turn) {
            looks += 1;
            if looks == LOOKS_MAX {
                turn.more = true;
                break;
            }
        }
        self.drain(scanner, &mut budget, moment, &mut turn);
        turn.draining = !self.draining.is_empty();
        turn
    }

    /// Ends the tail and leaves marks, so that whoever finds its files later goes on from there.
    pub fn close(&mut self) {
        let current = self.current.take();
        for reading in current.into_iter().chain(self.draining.drain(..).map(|d| d.reading)) {
            self.claims.release(reading.identity(), reading.mark());
        }
    }

    fn follow_path(
        &mut self,
        scanner: &mut Scanner,
        budget: &mut u64,
        moment: Moment,
        turn: &mut Turn,
    ) -> Next {
        let there = match stat_path(&self.path) {
            Ok(stat) => Some(stat),
            Err(error) => match classify_error(error, &self.path) {
                OpenError::Missing => None,
                other if self.current.is_none() => return self.in_trouble(other.to_string(), turn),
                // Nothing can be said of the path: what is open is read on as if it stood there.
                _ => return self.follow_current(AtPath::Same, None, scanner, budget, moment, turn),
            },
        };
        let Some(reading) = &self.current else {
            return match there {
                Some(stat) => self.open(&stat, moment, turn),
                None => {
                    self.origin = Origin::Appeared;
                    self.trouble = None;
                    Next::Settled
                }
            };
        };
        let at_path = match there.as_ref().map(Identity::from) {
            None => AtPath::Nothing,
            Some(identity) if identity == reading.identity() => AtPath::Same,
            Some(other) => AtPath::Other(other),
        };
        self.follow_current(at_path, there, scanner, budget, moment, turn)
    }

    fn follow_current(
        &mut self,
        at_path: AtPath,
        there: Option<Stat>,
        scanner: &mut Scanner,
        budget: &mut u64,
        moment: Moment,
        turn: &mut Turn,
    ) -> Next {
        let Some(mut reading) = self.current.take() else { return Next::Settled };
        match self.follow_open(&mut reading, at_path, scanner, budget, turn) {
            Ok((Change::Rotated(reason), _)) => {
                self.announce(News::Rotated(reason), turn);
                self.retire(reading, moment);
                Next::LookAgain
            }
            Ok((Change::Removed(reason), _)) => {
                self.announce(News::Removed(reason), turn);
                self.retire(reading, moment);
                Next::Settled
            }
            Ok((change, next)) => {
                self.well_again(turn);
                let is_quiet = change == Change::Unchanged && !turn.more && self.draining.is_empty();
                let is_old = |stat: &Stat| moment.wall_ns - stat.changed_ns > SETTLED_NS;
                self.settled = there.filter(|stat| is_quiet && is_old(stat) && stat.size == reading.size());
                self.current = Some(reading);
                next
            }
            Err(error) => {
                self.current = Some(reading);
                self.in_trouble(format!("cannot read it: {error}"), turn)
            }
        }
    }

    /// Looks at the open file and reads on in it, or starts over.
    fn follow_open(
        &mut self,
        reading: &mut Reading,
        at_path: AtPath,
        scanner: &mut Scanner,
        budget: &mut u64,
        turn: &mut Turn,
    ) -> io::Result<(Change, Next)> {
        let known = Known { identity: reading.identity(), offset: reading.offset(), size: reading.size() };
        let (stat, content) = reading.look()?;
        let change = classify(&known, &Seen { at_path, size: stat.size, content });
        let next = match change {
            Change::Unchanged | Change::Grew => {
                match reading.read(&stat, scanner, budget, &mut turn.tally)? {
                    Progress::Done => Next::Settled,
                    Progress::More => {
                        turn.more = true;
                        Next::Settled
                    }
                    Progress::Disturbed => {
                        turn.torn += 1;
                        Next::LookAgain
                    }
                }
            }
            Change::Truncated(reason) => {
                self.start_over(reading, News::Truncated(reason), turn);
                Next::LookAgain
            }
            Change::Rewritten(reason) => {
                self.start_over(reading, News::Rewritten(reason), turn);
                Next::LookAgain
            }
            Change::Rotated(_) | Change::Removed(_) => Next::LookAgain,
        };
        Ok((change, next))
    }

    /// What was judged is gone from the file. Bytes that had been seen behind it are gone unjudged; a rotated copy may
    /// still hold them.
    fn start_over(&mut self, reading: &mut Reading, news: News, turn: &mut Turn) {
        let unjudged = reading.size().saturating_sub(reading.offset());
        self.generation += 1;
        self.announce(news, turn);
        if unjudged > 0 {
            self.announce(News::Missed(unjudged), turn);
        }
        reading.restart();
    }

    /// Opens the file that stands at the path now.
    fn open(&mut self, there: &Stat, moment: Moment, turn: &mut Turn) -> Next {
        let identity = Identity::from(there);
        if let Some(at) = self.draining.iter().position(|d| d.reading.identity() == identity) {
            // It was moved away and back.
            self.current = self.draining.remove(at).map(|d| d.reading);
            self.announce(News::Recovered, turn);
            return Next::LookAgain;
        }
        let opened = Disk.open(&self.path).and_then(|(file, stat)| {
            let identity = Identity::from(&stat);
            let reading = match self.claims.claim(identity, self.id) {
                Claim::Taken(owner) => {
                    turn.read_by = Some(owner);
                    return Ok(None);
                }
                Claim::Resume(mark) => Reading::resume(file, &stat, &self.settings, mark)?,
                Claim::Fresh if self.origin == Origin::Existing && self.settings.start == Start::End => {
                    let size = self.refused_size.map_or(stat.size, |size| size.min(stat.size));
                    Reading::at_end(file, &stat, size, &self.settings)?
                }
                Claim::Fresh => Reading::begin(file, &stat, &self.settings),
            };
            Ok(Some(reading))
        });
        match opened {
            Ok(Some(reading)) => {
                self.open_former(reading.identity(), moment);
                self.current = Some(reading);
                self.origin = Origin::Appeared;
                self.generation += 1;
                self.well_again(turn);
                self.announce(News::Opened, turn);
                Next::LookAgain
            }
            Ok(None) | Err(OpenError::Missing) => Next::Settled,
            Err(error) => {
                if matches!(error, OpenError::NotRegular(_)) {
                    // Whatever file takes its place was not there before.
                    self.origin = Origin::Appeared;
                } else {
                    self.refused_size.get_or_insert(there.size);
                }
                self.in_trouble(error.to_string(), turn)
            }
        }
    }

    /// Reads on in a file that no longer stands at the path.
    fn retire(&mut self, reading: Reading, moment: Moment) {
        self.former = Some((reading.identity(), reading.mark().head));
        self.draining.push_back(Draining { reading, grew_ms: moment.monotonic_ms });
    }

    /// Reads the files that stood at the path between the one before and `new`, without our seeing them there.
    fn open_former(&mut self, new: Identity, moment: Moment) {
        let Some((identity, head)) = self.former.take() else { return };
        for (file, stat) in files_between(&self.path, identity, head, new, &self.claims) {
            if self.claims.claim(Identity::from(&stat), self.id) == Claim::Fresh {
                self.generation += 1;
                let reading = Reading::begin(Arc::new(file), &stat, &self.settings);
                self.draining.push_back(Draining { reading, grew_ms: moment.monotonic_ms });
            }
        }
    }

    fn drain(&mut self, scanner: &mut Scanner, budget: &mut u64, moment: Moment, turn: &mut Turn) {
        let mut kept = VecDeque::new();
        let mut surplus = self.draining.len().saturating_sub(DRAINING_MAX);
        while let Some(mut draining) = self.draining.pop_front() {
            let offset = draining.reading.offset();
            let outcome = self.follow_open(&mut draining.reading, AtPath::Same, scanner, budget, turn);
            if draining.reading.offset() == offset {
                draining.reading.release();
            } else {
                draining.grew_ms = moment.monotonic_ms;
            }
            let waited_ms = moment.monotonic_ms.saturating_sub(draining.grew_ms);
            let is_over = waited_ms >= self.settings.rotated_grace_ms || surplus > 0;
            let is_quiet = matches!(outcome, Ok((_, Next::Settled))) && !turn.more;
            if outcome.is_err() || (is_quiet && is_over) {
                surplus = surplus.saturating_sub(1);
                self.end(draining.reading, scanner, turn);
            } else {
                kept.push_back(draining);
            }
        }
        self.draining = kept;
    }

    /// Ends a former file: its last line counts even without a line feed.
    fn end(&mut self, mut reading: Reading, scanner: &mut Scanner, turn: &mut Turn) {
        if let Err(error) = reading.finish(scanner, &mut turn.tally) {
            let unjudged = reading.size().saturating_sub(reading.offset());
            self.announce(
                News::Unreadable(format!("its former file cannot be read to the end: {error}")),
                turn,
            );
            self.announce(News::Missed(unjudged), turn);
        }
        self.claims.release(reading.identity(), reading.mark());
    }

    fn in_trouble(&mut self, reason: String, turn: &mut Turn) -> Next {
        if self.trouble.as_ref() != Some(&reason) {
            self.announce(News::Unreadable(reason.clone()), turn);
            self.trouble = Some(reason);
        }
        Next::Settled
    }

    fn well_again(&mut self, turn: &mut Turn) {
        if self.trouble.take().is_some() {
            self.announce(News::Recovered, turn);
        }
    }

    fn announce(&self, news: News, turn: &mut Turn) {
        turn.news.push((news, self.generation));
    }

    fn readings(&self) -> impl Iterator<Item = &Reading> {
        self.current.iter().chain(self.draining.iter().map(|d| &d.reading))
    }
}

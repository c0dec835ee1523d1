//! The former files of a path: read on while someone may still write to them, found again after they were renamed,
//! copied or compressed out of sight, and missed if they are nowhere.

use std::cell::RefCell;
use std::io;

use crate::file::archive::Archive;
use crate::file::change::AtPath;
use crate::file::history::{Found, Search, Whereabouts};
use crate::file::identity::Identity;
use crate::file::reading::{Progress, Reading};
use crate::file::record::Place;

use super::{Hands, Loss, Mark, Missed, Moment, News, Next, Tail};

/// At most this many former files of a path are read on. The oldest is given up first.
const DRAINING_MAX: usize = 64;

/// At most this many files are remembered after they were read to their end.
const ENDED_MAX: usize = 16;

/// A file that had not changed for this long before it was truncated, in nanoseconds, was read to its end before, if the
/// daemon took its turn at once.
const QUIET_NS: i64 = 1_000_000_000;

/// A former file.
enum Former {
    Plain(Reading),
    Compressed(Archive),
}

/// A former file that is being read.
pub(super) struct Draining {
    former: Former,
    /// When it last grew, on the monotonic clock, in milliseconds.
    grew_ms: u64,
    /// Whether it was found later, and is still to be read for the first time.
    is_backlog: bool,
    /// Whether nobody writes to it: a copy.
    is_ended: bool,
    /// The size that was seen of its original, in bytes.
    expected_size: u64,
}

/// A former file that is to be found again.
pub(super) struct Lost {
    pub(super) place: Place,
    /// Whether the file itself does not hold the contents any longer, only a copy can.
    pub(super) is_gone: bool,
}

impl Draining {
    pub(super) fn place(&self) -> Place {
        match &self.former {
            Former::Plain(reading) => reading.place(),
            Former::Compressed(archive) => archive.place(),
        }
    }

    pub(super) fn reading(&self) -> Option<&Reading> {
        if let Former::Plain(reading) = &self.former { Some(reading) } else { None }
    }

    pub(super) fn release(&mut self) {
        if let Former::Plain(reading) = &mut self.former {
            reading.release();
        }
    }
}

impl Tail {
    /// Reads on in a file that no longer stands at the path.
    pub(super) fn retire(&mut self, reading: Reading, moment: Moment) {
        self.last = Some(Box::new(reading.place()));
        self.push(Former::Plain(reading), moment, false, false, 0);
    }

    /// Takes back a former file that stands at the path again.
    pub(super) fn take_back(&mut self, identity: Identity) -> Option<Reading> {
        let is_it = |d: &Draining| d.reading().is_some_and(|reading| reading.identity() == identity);
        let at = self.draining.iter().position(is_it)?;
        match self.draining.remove(at).former {
            Former::Plain(reading) => Some(reading),
            Former::Compressed(_) => None,
        }
    }

    pub(super) fn has_backlog(&self) -> bool {
        self.draining.iter().any(|draining| draining.is_backlog)
    }

    pub(super) fn lose(&mut self, place: Place, is_gone: bool) {
        self.lost.push(Lost { place, is_gone });
    }

    /// What was judged is gone from the file. A copy may hold what followed it.
    pub(super) fn start_over(
        &mut self,
        reading: &mut Reading,
        news: News,
        is_current: bool,
        hands: &mut Hands<'_>,
    ) {
        let place = reading.place();
        self.announce(news, hands);
        self.lose(place, true);
        self.find_lost(hands);
        self.generation += 1;
        if is_current {
            self.find_unseen(&place, Some(reading), hands);
        }
        reading.restart();
    }

    /// Searches for every former file that is out of sight.
    pub(super) fn find_lost(&mut self, hands: &mut Hands<'_>) {
        while !self.lost.is_empty() {
            let lost = self.lost.remove(0);
            match self.search(hands.moment).locate(&lost.place, lost.is_gone) {
                Whereabouts::Found(found) => self.read_on(found, &lost, hands),
                Whereabouts::Rewritten(found) => {
                    // A copy may have what was in it; what is in it now came later.
                    self.lost.insert(0, Lost { is_gone: true, ..lost });
                    self.find_lost(hands);
                    self.read_from_beginning(found, hands);
                }
                Whereabouts::ReadElsewhere => {}
                Whereabouts::Obstructed(obstacle) => {
                    // The next look searches again.
                    self.lost.insert(0, lost);
                    hands.turn.starved |= obstacle.is_starved;
                    self.in_trouble(obstacle.text, hands);
                    return;
                }
                Whereabouts::Lost => {
                    self.give_up(&lost, hands);
                    let reason = if lost.is_gone { Loss::NoCopy } else { Loss::NotFound };
                    let is_quiet = hands.moment.wall_ns - lost.place.modified_ns > QUIET_NS;
                    let was_read = hands.moment.is_prompt && is_quiet;
                    // Nothing is known of a file of which nothing was seen: it is among those that nobody saw.
                    let is_unseen = lost.place.mark.head.len == 0
                        && (self.search(hands.moment).is_archived(&lost.place)
                            || !self.unseen(&lost.place, None, hands.moment).is_empty());
                    self.miss(&lost.place, was_read || is_unseen, reason, hands);
                }
            }
        }
    }

    /// Reads the tail of a file that was found.
    fn read_on(&mut self, found: Found, lost: &Lost, hands: &mut Hands<'_>) {
        let (place, identity) = (&lost.place, found.identity());
        let is_copy = identity != place.identity;
        if is_copy {
            self.common.claims.reserve(identity, self.id);
            self.give_up(lost, hands);
        }
        let former = if found.is_compressed {
            Archive::resume(found.file, &found.stat, place.mark)
                .map(|archive| archive.map(Former::Compressed))
        } else {
            let mut reading = Reading::resume(found.file, &found.stat, &self.common.settings, place.mark);
            if !is_copy {
                reading.remember(place);
            }
            Ok(Some(Former::Plain(reading)))
        };
        match former {
            Ok(Some(former)) => self.push(former, hands.moment, true, is_copy, place.size),
            Ok(None) => self.miss(place, false, Loss::NotFound, hands),
            Err(error) => self.cannot_read(place, &error, hands),
        }
    }

    /// Searches for the files that stood at the path after `last` and before `now`, without our seeing them there.
    pub(super) fn find_unseen(&mut self, last: &Place, now: Option<&Reading>, hands: &mut Hands<'_>) {
        // A name that looks rotated has its history told by the path that it comes from.
        if self.common.claims.base_of(&self.path).is_some() {
            return;
        }
        for found in self.unseen(last, now, hands.moment) {
            let identity = found.identity();
            if self.common.claims.knows(identity) || !self.common.claims.reserve(identity, self.id) {
                continue;
            }
            self.read_from_beginning(found, hands);
            if now.is_none() {
                self.last = self.draining.last().map(|draining| Box::new(draining.place()));
            }
        }
    }

    fn unseen(&self, last: &Place, now: Option<&Reading>, moment: Moment) -> Vec<Found> {
        let known = || {
            let open = self.draining.iter().filter_map(Draining::reading).chain(now);
            open.filter_map(Reading::end_now).chain(self.ended.iter().copied()).collect()
        };
        // What was read of it before it was truncated tells nothing of what is in it now.
        let judged = now.map(Reading::place).map(|now| {
            let is_other = now.mark != last.mark;
            Place { mark: if is_other { now.mark } else { Mark::default() }, ..now }
        });
        self.search(moment).unseen(last, &known, judged.as_ref(), self.since_ns)
    }

    fn read_from_beginning(&mut self, found: Found, hands: &mut Hands<'_>) {
        self.generation += 1;
        self.announce(News::Opened, hands);
        let stat = found.stat;
        let former = if found.is_compressed {
            Archive::begin(found.file, &stat).map(Former::Compressed)
        } else {
            Ok(Former::Plain(Reading::begin(found.file, &stat, &self.common.settings)))
        };
        match former {
            Ok(former) => self.push(former, hands.moment, true, false, 0),
            Err(error) => self.cannot_read(&Place::of(&stat, Mark::default()), &error, hands),
        }
    }

    pub(super) fn drain(&mut self, hands: &mut Hands<'_>) {
        let mut surplus = self.draining.len().saturating_sub(DRAINING_MAX);
        for _ in 0..self.draining.len() {
            if self.draining.is_empty() {
                break;
            }
            let mut draining = self.draining.remove(0);
            let offset = draining.place().mark.cursor.offset;
            let outcome = self.follow_former(&mut draining.former, hands);
            if draining.place().mark.cursor.offset == offset {
                draining.release();
            } else {
                draining.grew_ms = hands.moment.monotonic_ms;
            }
            let waited_ms = hands.moment.monotonic_ms.saturating_sub(draining.grew_ms);
            let is_compressed = matches!(draining.former, Former::Compressed(_));
            let is_over = waited_ms >= self.common.settings.rotated_grace_ms;
            let is_ended = draining.is_ended || is_compressed || is_over || surplus > 0;
            match outcome {
                Ok(Next::Settled) if !hands.turn.more => {
                    draining.is_backlog = false;
                    if is_ended {
                        surplus = surplus.saturating_sub(1);
                        self.end(draining, hands);
                        continue;
                    }
                }
                Err(error) if is_over || !is_compressed => {
                    let place = draining.place();
                    self.cannot_read(&place, &error, hands);
                    hands.turn.released.push((place.identity, place.mark));
                    continue;
                }
                // A compressor may still be at work.
                _ => {}
            }
            self.draining.push(draining);
        }
    }

    fn follow_former(&mut self, former: &mut Former, hands: &mut Hands<'_>) -> io::Result<Next> {
        match former {
            Former::Plain(reading) => {
                self.follow_open(reading, AtPath::Same, false, hands).map(|(_, next)| next)
            }
            Former::Compressed(archive) => {
                let progress = archive.read(&mut hands.counter, &mut hands.turn.tally)?;
                hands.turn.more |= progress == Progress::More;
                Ok(Next::Settled)
            }
        }
    }

    /// Ends a former file: its last line counts even without a line feed.
    fn end(&mut self, mut draining: Draining, hands: &mut Hands<'_>) {
        if let Former::Plain(reading) = &mut draining.former
            && let Err(error) = reading.finish(&mut hands.counter, &mut hands.turn.tally)
        {
            let place = reading.place();
            self.cannot_read(&place, &error, hands);
        }
        let place = draining.place();
        let offset = place.mark.cursor.offset;
        if offset < draining.expected_size {
            let missed =
                Missed { bytes: draining.expected_size - offset, from: offset, reason: Loss::ShortCopy };
            self.announce(News::Missed(missed), hands);
        }
        self.ended.push(Place { size: offset, ..place });
        if self.ended.len() > ENDED_MAX {
            self.ended.remove(0);
        }
        hands.turn.released.push((place.identity, place.mark));
    }

    fn cannot_read(&mut self, place: &Place, error: &io::Error, hands: &mut Hands<'_>) {
        self.announce(News::Unreadable(format!("its former file cannot be read to the end: {error}")), hands);
        self.miss(place, false, Loss::Unreadable, hands);
    }

    /// Says what is missing of a file. What may have been appended after the last look, nobody knows: at least one byte,
    /// unless the file `was_read` to its end for certain.
    fn miss(&mut self, place: &Place, was_read: bool, reason: Loss, hands: &mut Hands<'_>) {
        let from = place.mark.cursor.offset;
        let bytes = place.size.saturating_sub(from).max(u64::from(!was_read));
        if bytes > 0 {
            self.announce(News::Missed(Missed { bytes, from, reason }), hands);
        }
    }

    /// Lets go of an inode that is out of sight for good, unless it goes on at the path with other contents.
    fn give_up(&mut self, lost: &Lost, hands: &mut Hands<'_>) {
        if !lost.is_gone {
            hands.turn.released.push((lost.place.identity, lost.place.mark));
        }
    }

    fn push(&mut self, former: Former, moment: Moment, is_backlog: bool, is_ended: bool, expected_size: u64) {
        let grew_ms = moment.monotonic_ms;
        self.draining.push(Draining { former, grew_ms, is_backlog, is_ended, expected_size });
    }

    fn search(&self, moment: Moment) -> Search<'_> {
        Search {
            filesystem: &*self.common.filesystem,
            claims: &self.common.claims,
            owner: self.id,
            path: &self.path,
            now_ns: moment.wall_ns,
            obstacle: RefCell::new(None),
        }
    }
}

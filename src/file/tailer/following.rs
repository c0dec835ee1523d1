//! The look at the path and at the open file: classify, read on, or start over.

use std::io;

use crate::file::change::{AtPath, FileChange, KnownFile, SeenFile, classify};
use crate::file::checkpoint::FileCheckpoint;
use crate::file::identity::Identity;
use crate::file::reader::{FileReader, ReadProgress};
use crate::file::turn::{Declined, FileOrigin, TailEvent, TurnScope};
use crate::sys::open::{OpenError, Stat, classify as classify_error};

use super::Tailer;
use super::parts::{CurrentFile, NextStep, TurnContext};

/// A file whose contents last changed this long ago, in nanoseconds, can be trusted to show any new change in its stat:
/// some kernels stamp changes only every few milliseconds.
const SETTLED_NS: i64 = 1_000_000_000;

impl Tailer {
    /// Whether a turn could do nothing but read on in the open file, without waiting for anything.
    pub(super) fn may_have_only_grown(&self) -> bool {
        let is_local = |reading: &FileReader| !reading.is_blank() && !reading.is_remote();
        matches!(&self.current, CurrentFile::Open(reading) if is_local(reading))
            && self.draining.is_empty()
            && self.lost.is_empty()
            && self.unsearched.is_none()
            && self.trouble.is_none()
    }

    /// Reads what was appended to the open file. Declined if anything else happened to it.
    pub(super) fn follow_growth(&mut self, context: &mut TurnContext<'_>) -> Result<(), Declined> {
        let CurrentFile::Open(mut reading) = std::mem::replace(&mut self.current, CurrentFile::None) else {
            return Err(Declined);
        };
        let modified_ns = reading.place().modified_ns;
        let outcome = self.follow_open(&mut reading, AtPath::Same, true, context);
        // What was written now may have come after another file took its place.
        reading.remember_modified(modified_ns);
        self.current = CurrentFile::Open(reading);
        match outcome {
            Ok((FileChange::Grew, NextStep::Settled)) => Ok(()),
            Ok((FileChange::Grew, NextStep::LookAgain)) | Err(_) => {
                context.turn.more = true;
                Ok(())
            }
            Ok(_) => Err(Declined),
        }
    }

    /// Whether the path leads to the file that is open. If not, a turn is due.
    #[must_use]
    pub fn leads_to_open_file(&self) -> bool {
        let is_it = |reading: &FileReader| {
            let there = self.common.filesystem.stat(&self.path);
            there.is_ok_and(|there| Identity::from(&there) == reading.identity())
        };
        matches!(&self.current, CurrentFile::Open(reading) if is_it(reading))
    }

    pub(super) fn follow_path(&mut self, context: &mut TurnContext<'_>) -> NextStep {
        let there = match self.common.filesystem.stat(&self.path) {
            Ok(stat) => Some(stat),
            Err(error) => match (classify_error(error, &self.path), &self.current) {
                (OpenError::Missing, _) => None,
                // Nothing can be said of the path: what is open is read on as if it stood there.
                (_, CurrentFile::Open(_)) => return self.follow_current(AtPath::Same, None, context),
                (other, _) => return self.in_trouble(other.to_string(), context),
            },
        };
        if let Some(stat) = &there {
            self.renumber(Identity::from(stat));
        }
        let at_path = |identity: Identity| match there.as_ref().map(Identity::from) {
            None => AtPath::Nothing,
            Some(now) if now == identity => AtPath::Same,
            Some(other) => AtPath::Other(other),
        };
        match (&self.current, &there) {
            (CurrentFile::None, Some(stat)) => {
                let next = self.open(stat, context);
                self.is_sighted |= !context.turn.starved;
                next
            }
            (CurrentFile::None, None) => {
                let was_seen = self.last.is_some();
                self.trouble = None;
                if let FileOrigin::CameMeanwhile { since_ns } = self.origin
                    && !was_seen
                {
                    self.since_ns = since_ns;
                    self.last = Some(Box::new(FileCheckpoint::unread(Identity::UNKNOWN, since_ns)));
                    self.find_unseen_before_nothing(context);
                }
                self.origin = FileOrigin::Appeared;
                if std::mem::take(&mut self.is_asked) {
                    self.find_unseen_before_nothing(context);
                } else {
                    self.find_unseen_while_absent(context);
                }
                self.report_unseen(context);
                NextStep::Settled
            }
            (CurrentFile::Open(reading), _) => {
                self.follow_current(at_path(reading.identity()), there, context)
            }
            (CurrentFile::Parked(place), Some(stat))
                if place.is_unchanged(stat) && self.unsearched.is_none() =>
            {
                NextStep::Settled
            }
            (CurrentFile::Parked(place), _) => match at_path(place.identity) {
                AtPath::Same => self.unpark(context),
                elsewhere => self.lose_sight(elsewhere, context),
            },
        }
    }

    /// Learns the numbers that the open file has now, if the path leads to it under others than before.
    fn renumber(&mut self, now: Identity) {
        match std::mem::replace(&mut self.current, CurrentFile::None) {
            CurrentFile::Open(mut reading) => {
                let before = reading.identity();
                if before != now && reading.is_now(now) {
                    reading.set_identity(now);
                    self.common.claims.renumber(before, now, self.id);
                }
                self.current = CurrentFile::Open(reading);
            }
            other => self.current = other,
        }
    }

    fn follow_current(
        &mut self,
        at_path: AtPath,
        there: Option<Stat>,
        context: &mut TurnContext<'_>,
    ) -> NextStep {
        let CurrentFile::Open(mut reading) = std::mem::replace(&mut self.current, CurrentFile::None) else {
            return NextStep::Settled;
        };
        match self.follow_open(&mut reading, at_path, true, context) {
            Ok((FileChange::Rotated(reason), _)) => {
                self.announce(TailEvent::Rotated(reason), context);
                self.retire(reading, context.time);
                NextStep::LookAgain
            }
            Ok((FileChange::Removed(reason), _)) => {
                self.announce(TailEvent::Removed(reason), context);
                self.retire(reading, context.time);
                NextStep::LookAgain
            }
            Ok((change, next)) => {
                // Whatever takes its place later is written later than this.
                reading.remember_modified(there.as_ref().map_or(i64::MAX, |stat| stat.modified_ns));
                self.well_again(context);
                let is_quiet = change == FileChange::Unchanged && !context.turn.more && self.lost.is_empty();
                let is_old = |stat: &Stat| context.time.wall_ns - stat.changed_ns > SETTLED_NS;
                let seen = FileCheckpoint { is_settled: is_quiet, ..reading.place() };
                let is_settled = there.is_some_and(|stat| is_old(&stat) && seen.is_unchanged(&stat));
                reading.set_settled(is_settled);
                self.current = CurrentFile::Open(reading);
                next
            }
            Err(error) => {
                self.current = CurrentFile::Open(reading);
                self.in_trouble(format!("cannot read it: {error}"), context)
            }
        }
    }

    /// Looks at the open file and reads on in it, or starts over.
    pub(super) fn follow_open(
        &mut self,
        reading: &mut FileReader,
        at_path: AtPath,
        is_current: bool,
        context: &mut TurnContext<'_>,
    ) -> io::Result<(FileChange, NextStep)> {
        let known =
            KnownFile { identity: reading.identity(), offset: reading.offset(), size: reading.size() };
        let was_racy = reading.is_racy();
        let (stat, content) = reading.look(context.time.wall_ns)?;
        if known.identity != reading.identity() {
            // Before another path comes upon it under a new name: overlayfs gives a file that is copied up new numbers.
            self.common.claims.renumber(known.identity, reading.identity(), self.id);
        }
        let was = reading.place();
        let was_blank = is_current && reading.is_blank();
        let change = classify(&known, &SeenFile { at_path, size: stat.size, content });
        if context.scope == TurnScope::Growth && change != FileChange::Grew {
            return Ok((change, NextStep::Settled));
        }
        let is_first = was_blank && stat.size > 0 && reading.offset() == 0;
        if is_first && self.compare_with_former(reading, &stat, context)? {
            return Ok((change, NextStep::Settled));
        }
        if is_current && is_first && self.waits_for_former(reading, context)? {
            return Ok((change, NextStep::Settled));
        }
        let next = match change {
            FileChange::Unchanged | FileChange::Grew => {
                let progress = reading.read(&stat, &mut context.counter, &mut context.turn.tally);
                if let Some(skipped) = reading.take_skipped() {
                    self.announce(TailEvent::Missed(skipped), context);
                }
                match progress? {
                    ReadProgress::Done => NextStep::Settled,
                    ReadProgress::More => {
                        context.turn.more = true;
                        NextStep::Settled
                    }
                    ReadProgress::Disturbed => {
                        context.turn.torn += 1;
                        NextStep::LookAgain
                    }
                }
            }
            FileChange::Truncated(reason) => {
                self.start_over(reading, TailEvent::Truncated(reason), is_current, context);
                NextStep::LookAgain
            }
            FileChange::Rewritten(reason) => {
                self.start_over(reading, TailEvent::Rewritten(reason), is_current, context);
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
            self.find_unseen(&was, Some(reading), context);
        }
        Ok((change, next))
    }

    /// Whether the files before the one at the path have to be read first: a line of a container may have begun in them. Nothing is
    /// written to them any longer once something is in this one.
    fn waits_for_former(
        &mut self,
        reading: &mut FileReader,
        context: &mut TurnContext<'_>,
    ) -> io::Result<bool> {
        self.is_wrapped = reading.wrapping(&self.path, false)?.is_some();
        if !self.is_wrapped {
            return Ok(false);
        }
        self.drain(context);
        let is_waiting = self.has_backlog() || self.unsearched.is_some();
        context.turn.is_obstructed |= is_waiting;
        Ok(context.turn.more || is_waiting)
    }

    pub(super) fn in_trouble(&mut self, reason: String, context: &mut TurnContext<'_>) -> NextStep {
        if self.trouble.as_deref() != Some(&reason) {
            self.trouble = Some(reason.as_str().into());
            self.announce(TailEvent::Unreadable(reason), context);
        }
        NextStep::Settled
    }

    pub(super) fn well_again(&mut self, context: &mut TurnContext<'_>) {
        // What stands in the way of a former file is reported until that is found.
        if self.lost.is_empty() && self.trouble.take().is_some() {
            self.announce(TailEvent::Recovered, context);
        }
    }

    pub(super) fn announce(&self, news: TailEvent, context: &mut TurnContext<'_>) {
        context.turn.news.push((news, self.generation));
    }
}

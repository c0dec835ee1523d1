//! Follows the journal for the watches that ask for it, on a thread of its own.
//!
//! One reading of the journal is applied as a whole, with the positions it led to, so that they are committed together. The entries
//! are counted by unit: in counts and alerts the name of the unit stands where a file has its path.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use crate::engine::counters::{CountedSource, DueWork, JournalSource};
use crate::engine::path_counters::NEVER;
use crate::engine::plan::{CompiledPlan, CompiledWatch};
use crate::engine::shared::Shared;
use crate::file::settings::Start;
use crate::file::tailer::{MissReason, MissedBytes, TailEvent, Turn};
use crate::file::turn::EntryTally;
use crate::scan::scanner::Scanner;
use crate::scan::timestamp::{EventTime, TimeOrigin};
use crate::source::journal::selection::EntryFilter;
use crate::source::journal::{JournalEntry, JournalFollower, JournalSelection, Origin, ReadEntries};
use crate::store::{JournalRecord, WatchedPath};
use crate::units::{EngineTime, PathId};

/// How often files that the journal writes to are asked for news. The kernel tells of them much later.
const POLL: Duration = Duration::from_millis(20);
/// How often folders are looked at.
const LOOK_MS: i64 = 1_000;
/// The most units of a watch that are distinguished.
const UNITS_MAX: usize = 1_000;
/// The unit of the entries beyond that.
const OTHER_UNITS: &str = "other units";
/// What stands for the journal as a whole where a file has its path.
pub(super) const WHOLE_JOURNAL: &str = "systemd journal";

/// The journals of all watches.
pub(super) struct Journals {
    plan: Arc<CompiledPlan>,
    followed: Vec<FollowedJournal>,
}

/// A unit: its key, and its name where a file has its path.
type Unit = (PathId, Arc<Path>);

struct FollowedJournal {
    watch: Arc<CompiledWatch>,
    selection: Arc<JournalSelection>,
    follower: JournalFollower,
    /// Whether what was read last was discarded, so that it is to be read again.
    is_stale: bool,
    filter: EntryFilter,
    scanner: Scanner,
    whole: Unit,
    units: HashMap<String, Unit>,
    trouble: Option<String>,
    looked: EngineTime,
}

/// Reads until the sender is dropped, and once more then.
pub(super) fn run(shared: &Shared, mut journals: Journals, stopped: &Receiver<()>) {
    loop {
        let more = journals.step(shared);
        let wait = if more { Duration::ZERO } else { POLL };
        match stopped.recv_timeout(wait) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => {
                journals.step(shared);
                return;
            }
        }
    }
}

impl Journals {
    /// Follows what the present plan of `shared` asks for, and begins where it is to begin.
    pub(super) fn new(shared: &Shared) -> Journals {
        let plan = Arc::clone(shared.files.lock().plan());
        let mut journals = Journals { plan, followed: Vec::new() };
        journals.follow(shared);
        for journal in &mut journals.followed {
            journal.step(shared);
        }
        journals
    }

    /// Reads what is new. True if there may be more.
    fn step(&mut self, shared: &Shared) -> bool {
        let plan = Arc::clone(shared.files.lock().plan());
        if !Arc::ptr_eq(&plan, &self.plan) {
            self.plan = plan;
            self.follow(shared);
        }
        let mut more = false;
        for journal in &mut self.followed {
            more |= journal.step(shared);
        }
        if !more {
            shared.note_journal_is_read();
        }
        more
    }

    fn follow(&mut self, shared: &Shared) {
        let mut known = std::mem::take(&mut self.followed);
        known.retain(|journal| shared.counters().has_unit(journal.whole.0));
        for watch in &self.plan.watches {
            let Some(selection) = &watch.journal else { continue };
            let journal = match known.iter().position(|journal| journal.watch.id == watch.id) {
                Some(at) => known.swap_remove(at),
                None => FollowedJournal::new(shared, watch, selection),
            };
            self.followed.push(journal.under(shared, watch, selection));
        }
    }
}

/// A follower that goes on where the journal was read to for `watch`.
fn follower(shared: &Shared, watch: &CompiledWatch, selection: &JournalSelection) -> JournalFollower {
    let known = shared.counters().journal(&watch.name).unwrap_or_default();
    let origin = match watch.file.start {
        Start::Beginning => Origin::Beginning,
        Start::End => Origin::End,
    };
    let positions = known.positions.into_iter().collect();
    JournalFollower::new(selection.places.clone(), origin, positions, known.state)
}

impl FollowedJournal {
    fn new(
        shared: &Shared,
        watch: &Arc<CompiledWatch>,
        selection: &Arc<JournalSelection>,
    ) -> FollowedJournal {
        let mut journal = FollowedJournal {
            whole: add(shared, watch, WHOLE_JOURNAL, JournalSource::Whole),
            watch: Arc::clone(watch),
            selection: Arc::clone(selection),
            follower: follower(shared, watch, selection),
            is_stale: false,
            filter: EntryFilter::default(),
            scanner: Scanner::new(Arc::clone(&watch.rules), watch.file.line_bytes_max),
            units: HashMap::new(),
            trouble: None,
            looked: NEVER,
        };
        let remembered = shared.files.lock().remembered_units(&watch.name);
        for name in remembered {
            journal.unit(shared, &name);
        }
        journal
    }

    /// The same under another definition of the watch.
    fn under(
        mut self,
        shared: &Shared,
        watch: &Arc<CompiledWatch>,
        selection: &Arc<JournalSelection>,
    ) -> FollowedJournal {
        if self.is_stale || self.selection.places != selection.places {
            self.follower = follower(shared, watch, selection);
            (self.is_stale, self.looked) = (false, NEVER);
        }
        self.scanner = Scanner::new(Arc::clone(&watch.rules), watch.file.line_bytes_max);
        // The configuration has been checked.
        self.filter = selection.filter().unwrap_or_default();
        (self.watch, self.selection) = (Arc::clone(watch), Arc::clone(selection));
        self
    }

    fn unit(&mut self, shared: &Shared, name: &str) -> Unit {
        if let Some((id, path)) = self.units.get(name) {
            return (*id, Arc::clone(path));
        }
        let added = add(shared, &self.watch, name, JournalSource::Unit);
        self.units.insert(name.to_owned(), added.clone());
        added
    }

    /// Looks which files there are. Says once what the matter is, if none can be read.
    fn look(&mut self, shared: &Shared, now: EngineTime) {
        self.looked = now;
        let outcome = self.follower.look();
        let trouble = match &outcome {
            Err(error) => Some(error.to_string()),
            Ok(()) => self
                .follower
                .refused()
                .iter()
                .next()
                .map(|(path, why)| format!("cannot read {}: {why}", crate::fmt::display_path(path))),
        };
        if trouble == self.trouble {
            return;
        }
        let news = match &trouble {
            Some(trouble) => TailEvent::Unreadable(trouble.clone()),
            None => TailEvent::Recovered,
        };
        if outcome.is_err()
            && let Some(trouble) = &trouble
        {
            tracing::error!(watch = %self.watch.name, "{trouble}");
        }
        let turn = Turn { news: vec![(news, 1)], ..EntryTally::new(&self.watch.rules, 0, None).into_turn() };
        self.trouble = trouble;
        self.apply(shared, &[(self.whole.clone(), turn)], None);
    }

    fn step(&mut self, shared: &Shared) -> bool {
        let now = shared.clock.now();
        if now - self.looked >= LOOK_MS {
            self.look(shared, now);
        }
        let mut found = HashMap::<String, EntryTally>::new();
        let (watch, filter, scanner) = (&self.watch, &self.filter, &mut self.scanner);
        let (wall_ms, units) = (shared.clock.wall_ns() / 1_000_000, &self.units);
        let mut bytes = 0;
        let read = self.follower.read(now.0.unsigned_abs(), &mut |entry| {
            if !filter.takes(entry) {
                return;
            }
            bytes += entry.message.len() as u64;
            judge(entry, watch, scanner, wall_ms, |name, count| {
                let is_known = units.contains_key(name) || found.contains_key(name);
                let name = if is_known || units.len() + found.len() < UNITS_MAX { name } else { OTHER_UNITS };
                if !found.contains_key(name) {
                    let patterns = Some(&*watch.patterns);
                    found.insert(name.to_owned(), EntryTally::new(&watch.rules, watch.samples_max, patterns));
                }
                found.get_mut(name).into_iter().for_each(count);
            });
        });
        if read.is_rotated {
            self.looked = NEVER;
        }
        if read.entries == 0 && read.missed == 0 && read.positions.is_empty() && read.gone.is_empty() {
            return read.more;
        }
        let mut turns = vec![(self.whole.clone(), whole_turn(&self.watch, &read, bytes))];
        for (name, tally) in found {
            let unit = self.unit(shared, &name);
            turns.push((unit, tally.into_turn()));
        }
        let more = read.more;
        let record = JournalRecord {
            watch: self.watch.name.clone(),
            state: self.follower.state().clone(),
            positions: read.positions,
            gone: read.gone,
        };
        self.apply(shared, &turns, Some(record));
        more
    }

    /// Counts what was read, and notes how far that was, in one step. Discards it if the watch is defined otherwise by now.
    fn apply(&mut self, shared: &Shared, turns: &[(Unit, Turn)], record: Option<JournalRecord>) {
        let now = shared.clock.now();
        // A reload holds both locks.
        let scheduler = shared.files.lock();
        let mut counters = shared.counters();
        let is_present =
            scheduler.plan().watch(self.watch.id).is_some_and(|watch| Arc::ptr_eq(watch, &self.watch));
        if !is_present || !counters.has_unit(self.whole.0) {
            self.is_stale = true;
            return;
        }
        let mut due: Vec<DueWork> = record.into_iter().map(|record| counters.note_journal(record)).collect();
        due.extend(turns.iter().map(|((id, path), turn)| {
            counters.apply(*id, &self.watch, CountedSource { path, generation: 1 }, turn, now)
        }));
        drop((counters, scheduler));
        due.into_iter().for_each(|due| shared.schedule(due));
    }
}

/// Calls `found` with the name of the unit and what counts the entry there, if it counts anywhere.
fn judge(
    entry: &JournalEntry,
    watch: &CompiledWatch,
    scanner: &mut Scanner,
    wall_ms: i64,
    found: impl FnOnce(&str, &dyn Fn(&mut EntryTally)),
) {
    let mut rules = smallvec::SmallVec::<[usize; 4]>::new();
    let text = entry.text();
    scanner.judge_entry(text, &|| entry.level(), &mut |rule| rules.push(rule));
    if rules.is_empty() && !watch.counts_lines {
        return;
    }
    let at_ms = i64::try_from(entry.realtime_us / 1_000).unwrap_or(i64::MAX);
    let source = if at_ms > wall_ms.saturating_add(watch.time.future_ms_max) {
        TimeOrigin::Future
    } else if at_ms < wall_ms.saturating_sub(watch.time.late_ms_min) {
        TimeOrigin::Late
    } else {
        TimeOrigin::Stamped
    };
    let time = EventTime { at_ms: at_ms.min(wall_ms), source };
    found(entry.name(), &|tally| {
        if watch.counts_lines {
            tally.count_line(time);
        }
        for rule in &rules {
            tally.hit(*rule, text, entry.seqnum, time);
        }
    });
}

/// What the journal as a whole has: how much was read, and what was missed.
fn whole_turn(watch: &CompiledWatch, read: &ReadEntries, bytes: u64) -> Turn {
    let mut turn = EntryTally::new(&watch.rules, 0, None).into_turn();
    turn.bytes = bytes;
    if read.missed > 0 {
        let missed = MissedBytes { bytes: read.missed, from: 0, reason: MissReason::Vacuumed };
        turn.news.push((TailEvent::Missed(missed), 1));
    }
    turn
}

/// Adds a unit, with what is remembered of it.
fn add(shared: &Shared, watch: &Arc<CompiledWatch>, name: &str, source: JournalSource) -> Unit {
    let path: Arc<Path> = Arc::from(Path::new(name));
    let id = WatchedPath { watch: watch.name.clone(), path: path.to_path_buf() };
    let since = shared.watched_since(watch);
    let mut scheduler = shared.files.lock();
    let (key, record) = scheduler.add_unit(&id);
    let has_counts = shared.counters().add_unit(key, watch, &path, record.as_ref(), (since, source));
    drop(scheduler);
    if has_counts {
        shared.ticks.wake_at(shared.clock.now());
    }
    (key, path)
}

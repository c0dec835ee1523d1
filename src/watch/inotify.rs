//! Turns what `notify` reports into hints.
//!
//! The callback runs on notify's own thread and does the least: a write to a known file is passed on at once, anything
//! else is queued for the sweeping thread. Under a flood the callback naps, and the kernel merges what it would report
//! meanwhile: inotify drops an event that equals the last one that was not read yet.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, EventKind, ModifyKind, RenameMode};
use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64;

use crate::units::PathId;
use crate::watch::HintSink;
use crate::watch::young::YoungFiles;

/// At most this many paths wait for the sweeping thread; beyond, everything is looked at instead.
const QUEUE_MAX: usize = 65_536;

/// From an event's path to the files that it concerns. Directories in it are resolved, so it may differ from the files' paths.
pub(super) type Routes = RwLock<HashMap<Arc<Path>, SmallVec<[PathId; 2]>>>;

/// What waits for the sweeping thread.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    queue: Mutex<HintQueue>,
    filled: Condvar,
}

/// Paths at which something other than a write to a known file happened.
#[derive(Debug, Default)]
pub(super) struct HintQueue {
    pub(super) paths: VecDeque<PathBuf>,
    /// Where files were made, written and removed again.
    pub(super) removed: Vec<PathBuf>,
    /// Events were lost: look at everything.
    pub(super) lost: bool,
    pub(super) stop: bool,
}

impl Inbox {
    pub(super) fn change(&self, change: impl FnOnce(&mut HintQueue)) {
        change(&mut self.queue());
        self.filled.notify_one();
    }

    /// Waits for something, at most for `limit`, and takes it.
    pub(super) fn take(&self, limit: Duration) -> HintQueue {
        let is_empty = |queue: &mut HintQueue| {
            queue.paths.is_empty() && queue.removed.is_empty() && !queue.lost && !queue.stop
        };
        let (mut queue, _) = self
            .filled
            .wait_timeout_while(self.queue(), limit, is_empty)
            .unwrap_or_else(PoisonError::into_inner);
        let stop = queue.stop;
        HintQueue { stop, ..std::mem::take(&mut *queue) }
    }

    fn push(&self, path: PathBuf) {
        self.change(|queue| {
            if queue.paths.len() >= QUEUE_MAX {
                queue.paths.clear();
                queue.lost = true;
            }
            if queue.paths.back() != Some(&path) {
                queue.paths.push_back(path);
            }
        });
    }

    fn push_removed(&self, path: PathBuf) {
        self.change(|queue| {
            if queue.removed.len() < QUEUE_MAX {
                queue.removed.push(path);
            }
        });
    }

    fn is_empty(&self) -> bool {
        self.queue().paths.is_empty()
    }

    fn queue(&self) -> MutexGuard<'_, HintQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The callback.
pub(super) struct EventListener {
    pub(super) sink: Arc<dyn HintSink>,
    pub(super) routes: Arc<Routes>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) nap: Nap,
    pub(super) young: YoungFiles,
}

impl notify::EventHandler for EventListener {
    fn handle_event(&mut self, event: notify::Result<notify::Event>) {
        let what = event.as_ref().ok().and_then(what);
        let came = self.nap.before_event(Instant::now(), what);
        // Only writes are merged, and names that change are to be found before they are gone.
        let may_wait = event.as_ref().is_ok_and(is_write) && self.inbox.is_empty();
        if came == Came::InFlood && may_wait {
            // This thread has nothing else to do, and whoever waits for it waits a few milliseconds at most.
            #[expect(
                clippy::disallowed_methods,
                reason = "the nap is the point: the kernel merges events meanwhile"
            )]
            std::thread::sleep(NAP);
        }
        match event {
            Ok(event) if event.need_rescan() => self.inbox.change(|queue| queue.lost = true),
            Ok(event) => self.pass_on(event, came != Came::Queued),
            Err(_) => self.inbox.change(|queue| queue.lost = true),
        }
        self.nap.after_event(Instant::now());
    }
}

impl EventListener {
    fn pass_on(&mut self, event: notify::Event, is_alone: bool) {
        let removed = self.young.take_removed(&event);
        match event.kind {
            // Reading, our own included; a write that closes was reported as a write before.
            EventKind::Access(AccessKind::Open(_) | AccessKind::Close(_) | AccessKind::Read) => return,
            // Its two halves were reported before.
            EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => return,
            _ => {}
        }
        let is_write = is_write(&event);
        for path in event.paths {
            let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(files) = routes.get(path.as_path()) {
                self.sink.heard(files, is_alone);
            }
            drop(routes);
            if !is_write {
                self.inbox.push(path);
            }
        }
        // After the event itself, so that the path is known.
        if let Some(path) = removed {
            self.inbox.push_removed(path);
        }
    }
}

fn is_write(event: &notify::Event) -> bool {
    matches!(event.kind, EventKind::Modify(ModifyKind::Data(_)))
}

/// What an event is about. The kernel merges two only if they are of one kind.
fn what(event: &notify::Event) -> Option<u64> {
    let path = xxh3_64(event.paths.first()?.as_os_str().as_encoded_bytes());
    let mut hasher = DefaultHasher::new();
    (path, event.kind).hash(&mut hasher);
    Some(hasher.finish())
}

/// How long a nap lasts: what a flood costs in latency.
const NAP: Duration = Duration::from_millis(2);

/// Events closer together than this on average are a flood.
const FLOOD_GAP: Duration = Duration::from_micros(500);

/// A gap this long ends a flood, and events before it do not count towards one.
const CALM: Duration = Duration::from_millis(2);

/// Events closer together than this were waiting in the queue. Napping before it is drained would only let it grow.
const QUEUED_GAP: Duration = Duration::from_micros(20);

/// This many events at the rate of a flood make one.
const FLOOD_EVENTS: u32 = 32;

/// How an event came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// It was waited for.
    Alone,
    /// Behind others that were in the kernel's queue.
    Queued,
    /// After others of its kind, and more will follow: nap before it is passed on.
    InFlood,
}

/// Decides when the callback naps. Time is an argument.
#[derive(Debug, Clone, Copy)]
pub(super) struct Nap {
    /// When the last event was dealt with.
    last: Option<Instant>,
    /// What it was about.
    what: Option<u64>,
    /// When the events that are judged together began, and how many they are.
    begun: Option<Instant>,
    events: u32,
    is_flood: bool,
}

impl Nap {
    pub(super) fn new() -> Nap {
        Nap { last: None, what: None, begun: None, events: 0, is_flood: false }
    }

    /// An event arrived that is about `what`, if anyone knows.
    pub(super) fn before_event(&mut self, now: Instant, what: Option<u64>) -> Came {
        let gap = self.last.map_or(CALM, |last| now.saturating_duration_since(last));
        if gap >= CALM {
            *self = Nap { begun: Some(now), ..Nap::new() };
        }
        self.events += 1;
        if self.events == FLOOD_EVENTS {
            let lasted = self.begun.map_or(CALM, |begun| now.saturating_duration_since(begun));
            // While napping, few events are seen of a flood that goes on: what ends it is a calm.
            self.is_flood |= lasted < FLOOD_GAP * FLOOD_EVENTS;
            (self.begun, self.events) = (Some(now), 0);
        }
        // The kernel merges events about the same: if this one was queued, nothing else was.
        let is_same = what.is_some() && what == std::mem::replace(&mut self.what, what);
        match (gap >= QUEUED_GAP || is_same, self.is_flood) {
            (true, true) => Came::InFlood,
            (true, false) => Came::Alone,
            (false, _) => Came::Queued,
        }
    }

    /// The event was dealt with.
    pub(super) fn after_event(&mut self, now: Instant) {
        self.last = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Option<u64> = Some(1);

    /// The kernel merges equal events only, so those of one file that differ are no reason to wait for more.
    #[test]
    fn events_of_one_file_are_about_the_same_only_if_they_are_of_one_kind() {
        let event = |kind| notify::Event::new(kind).add_path("/logs/app.log".into());
        let write = EventKind::Modify(ModifyKind::Data(notify::event::DataChange::Any));
        let create = EventKind::Create(notify::event::CreateKind::File);
        assert_eq!(what(&event(write)), what(&event(write)));
        assert_ne!(what(&event(write)), what(&event(create)));
        assert!(is_write(&event(write)) && !is_write(&event(create)));
    }

    /// How many naps `events` events take that come `gap` apart, about the first of `files`, then the next, and so on, when
    /// each nap swallows those that fall into it.
    fn naps(events: u32, gap: Duration, files: u64) -> u32 {
        let (mut nap, mut naps) = (Nap::new(), 0);
        let mut now = Instant::now();
        let mut due = now;
        for n in 0..events {
            now = now.max(due);
            if nap.before_event(now, Some(u64::from(n) % files)) == Came::InFlood {
                naps += 1;
                now += NAP;
                due = now;
            }
            nap.after_event(now);
            due += gap;
        }
        naps
    }

    #[test]
    fn quiet_files_are_passed_on_at_once() {
        assert_eq!(naps(10_000, Duration::from_millis(1), 1), 0);
        assert_eq!(naps(31, Duration::from_micros(50), 1), 0);
    }

    #[test]
    fn a_flood_is_napped_through() {
        assert!(naps(10_000, Duration::from_micros(50), 1) > 9_900);
        assert!(naps(10_000, Duration::from_micros(50), 2) > 9_900);
    }

    #[test]
    fn a_backlog_in_the_queue_is_drained_without_naps() {
        assert_eq!(naps(10_000, Duration::from_micros(2), 2), 0);
    }

    #[test]
    fn what_is_queued_is_not_alone_unless_it_is_about_the_same() {
        let (mut nap, now) = (Nap::new(), Instant::now());
        assert_eq!(nap.before_event(now, A), Came::Alone);
        nap.after_event(now + Duration::from_micros(70));
        assert_eq!(nap.before_event(now + Duration::from_micros(71), Some(2)), Came::Queued);
        nap.after_event(now + Duration::from_micros(72));
        assert_eq!(nap.before_event(now + Duration::from_micros(73), Some(2)), Came::Alone);
        nap.after_event(now + Duration::from_micros(74));
        assert_eq!(nap.before_event(now + Duration::from_micros(75), None), Came::Queued);
        nap.after_event(now + Duration::from_micros(76));
        assert_eq!(nap.before_event(now + Duration::from_micros(77), None), Came::Queued);
    }

    #[test]
    fn a_calm_ends_the_flood() {
        let mut nap = Nap::new();
        let mut now = Instant::now();
        for _ in 0..100 {
            now += Duration::from_micros(50);
            nap.before_event(now, A);
            nap.after_event(now);
        }
        assert_eq!(nap.before_event(now + Duration::from_micros(50), A), Came::InFlood);
        nap.after_event(now + Duration::from_micros(50));
        assert_eq!(nap.before_event(now + Duration::from_millis(20), A), Came::Alone);
    }
}

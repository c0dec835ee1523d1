//! The thread that finds files: on events, and on a slow sweep over everything, because events get lost.

use std::collections::{HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::units::PathId;
use crate::watch::directories::DirectoryWatches;
use crate::watch::discovery::Discovery;
use crate::watch::inotify::Inbox;
use crate::watch::spec::{IsRemote, WatchTiming};
use crate::watch::{HintSink, Incident};

/// Watching, until it is stopped.
pub struct Watching {
    inbox: Arc<Inbox>,
    thread: Option<JoinHandle<()>>,
    /// How many directories are watched by the kernel.
    pub directories: usize,
}

impl Watching {
    /// Finds what is there, watches it, and goes on to do so. When this returns, every watch stands and `sink` knows of
    /// every file that was there.
    #[must_use]
    pub fn start(
        discovery: Discovery,
        timing: WatchTiming,
        is_remote: IsRemote,
        sink: Arc<dyn HintSink>,
    ) -> Watching {
        let inbox = Arc::new(Inbox::default());
        let names = discovery.names.clone();
        let state = DirectoryWatches::new(names, sink, Arc::clone(&inbox), is_remote);
        let mut sweeper =
            Sweeper { discovery, state, timing, inbox: Arc::clone(&inbox), overflow_told_at: None };
        sweeper.reconcile(true);
        let directories = sweeper.state.watches.len();
        let thread = std::thread::Builder::new().name("sweeper".to_owned()).spawn(move || sweeper.run());
        let thread =
            thread.inspect_err(|error| tracing::error!("cannot start the sweeping thread: {error}")).ok();
        Watching { inbox, thread, directories }
    }

    /// Stops watching and waits for the thread.
    pub fn stop(mut self) {
        self.inbox.change(|queue| queue.stop = true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A kernel queue that overflows again and again is reported of this often.
const OVERFLOW_TELL_INTERVAL: Duration = Duration::from_secs(60);

struct Sweeper {
    discovery: Discovery,
    state: DirectoryWatches,
    timing: WatchTiming,
    inbox: Arc<Inbox>,
    overflow_told_at: Option<Instant>,
}

impl Sweeper {
    fn run(mut self) {
        let sweep_every = Duration::from_millis(self.timing.sweep_interval_ms);
        let poll_every = Duration::from_millis(self.timing.poll_interval_ms);
        let (mut sweep_at, mut poll_at) = (Instant::now() + sweep_every, Instant::now() + poll_every);
        loop {
            let now = Instant::now();
            let next = if self.state.polled.is_empty() { sweep_at } else { sweep_at.min(poll_at) };
            let queue = self.inbox.take(next.saturating_duration_since(now));
            if queue.stop {
                return;
            }
            if queue.lost {
                if self.overflow_told_at.is_none_or(|at| at.elapsed() >= OVERFLOW_TELL_INTERVAL) {
                    self.state.sink.trouble(Incident::Overflow);
                    self.overflow_told_at = Some(Instant::now());
                }
                self.discovery.distrust();
                self.reconcile(false);
                self.state.forget(true);
            }
            self.events(queue.paths);
            self.removals(&queue.removed);
            let now = Instant::now();
            if now >= sweep_at {
                self.reconcile(false);
                self.state.forget(false);
                sweep_at = Instant::now() + sweep_every;
            }
            if now >= poll_at && !self.state.polled.is_empty() {
                self.poll();
                poll_at = Instant::now() + poll_every;
            }
        }
    }

    /// Goes over everything: patterns, directories, watches.
    fn reconcile(&mut self, existing: bool) {
        self.state.begin_pass(existing);
        let gone = self.discovery.pass(&mut self.state);
        for dir in gone {
            self.state.unwatch(&dir);
        }
        self.state.end_pass();
        if existing {
            for path in self.discovery.missing() {
                self.state
                    .sink
                    .trouble(Incident::Waiting(format!("{path} does not exist yet; waiting for it")));
            }
        }
    }

    /// Something other than a write happened at `paths`.
    fn events(&mut self, paths: VecDeque<PathBuf>) {
        let mut doubtful = HashSet::new();
        let mut is_switched = false;
        for path in paths {
            // A directory of interest may have no watch: it was gone when one was to be set.
            if self.state.watches.contains_key(&path) || self.state.aliases.contains_key(&path) {
                doubtful.insert(path);
            } else if self.state.switches.contains(&path) {
                is_switched = true;
            } else {
                self.event(&path);
            }
        }
        if is_switched || !doubtful.is_empty() {
            self.state.doubt(&doubtful);
            self.reconcile(false);
        }
        self.state.look_behind_new_watches();
    }

    /// Files were made, written and removed again.
    fn removals(&mut self, paths: &[PathBuf]) {
        for path in paths {
            let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { continue };
            let dirs: Vec<PathBuf> = self.state.aliases.get(parent).into_iter().flatten().cloned().collect();
            dirs.iter().for_each(|dir| self.discovery.removed(dir, name, &mut self.state));
        }
    }

    fn event(&mut self, path: &Path) {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return };
        let dirs: Vec<PathBuf> = self.state.aliases.get(parent).into_iter().flatten().cloned().collect();
        for dir in dirs {
            self.state.reroute(&dir.join(name));
            self.discovery.entry(&dir, name, &mut self.state);
        }
    }

    /// Looks at what has no reliable events.
    fn poll(&mut self) {
        let polled = &self.state.polled;
        // The last name is where the file itself is.
        let is_polled = |path: &Arc<Path>| path.parent().is_some_and(|dir| polled.contains(dir));
        let files = self.state.files.values().flatten().filter(|file| file.names.iter().any(is_polled));
        let due: Vec<PathId> = files.map(|file| file.key).collect();
        self.state.sink.look(&due);
        if self.state.resolved.values().any(|dir| polled.contains(dir)) {
            self.reconcile(false);
        }
    }
}

//! The thread that finds files: on events, and on a slow sweep over everything, because events get lost.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use notify::{ErrorKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use crate::watch::discover::{Discovery, Visitor, routes_of, switches_of};
use crate::watch::hints::{Inbox, Listener, Nap, Routes};
use crate::watch::pattern::PatternError;
use crate::watch::spec::{WatchSpec, WatchTiming};
use crate::watch::{Key, Sink, Trouble};

/// Tells whether events of a directory cannot be relied on, so that it has to be polled besides.
pub type IsRemote = fn(&Path) -> bool;

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
    ///
    /// # Errors
    /// If a path or an exclusion is malformed.
    pub fn start(
        specs: &[WatchSpec],
        timing: WatchTiming,
        is_remote: IsRemote,
        sink: Arc<dyn Sink>,
    ) -> Result<Watching, PatternError> {
        let inbox = Arc::new(Inbox::default());
        let mut sweeper = Sweeper::new(Discovery::new(specs)?, timing, is_remote, sink, Arc::clone(&inbox));
        sweeper.reconcile(true);
        let directories = sweeper.watched.len();
        let thread = std::thread::Builder::new().name("sweeper".to_owned()).spawn(move || sweeper.run());
        let thread =
            thread.inspect_err(|error| tracing::error!("cannot start the sweeping thread: {error}")).ok();
        Ok(Watching { inbox, thread, directories })
    }

    /// Stops watching and waits for the thread.
    pub fn stop(mut self) {
        self.inbox.change(|queue| queue.stop = true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Sweeper {
    discovery: Discovery,
    state: State,
    timing: WatchTiming,
    inbox: Arc<Inbox>,
    watched: HashSet<PathBuf>,
}

/// What a pass needs besides the discovery itself.
struct State {
    sink: Arc<dyn Sink>,
    routes: Arc<Routes>,
    watcher: Option<RecommendedWatcher>,
    is_remote: IsRemote,
    existing: bool,
    /// Inode of each directory when its watch was set, by resolved path.
    watches: HashMap<PathBuf, (u64, u64)>,
    /// From resolved directories to the paths that patterns lead to them by.
    aliases: HashMap<PathBuf, HashSet<PathBuf>>,
    /// Names of links that lead to directories of interest.
    switches: HashSet<PathBuf>,
    /// Directories without reliable events, by resolved path.
    polled: HashSet<PathBuf>,
    /// Files by watch and path, with the names that they are routed by.
    files: HashMap<(usize, PathBuf), (Key, Vec<PathBuf>)>,
    troubles: HashSet<Trouble>,
}

impl Sweeper {
    fn new(
        discovery: Discovery,
        timing: WatchTiming,
        is_remote: IsRemote,
        sink: Arc<dyn Sink>,
        inbox: Arc<Inbox>,
    ) -> Sweeper {
        let routes = Arc::new(Routes::default());
        let listener = Listener {
            sink: Arc::clone(&sink),
            routes: Arc::clone(&routes),
            inbox: Arc::clone(&inbox),
            nap: Nap::new(),
        };
        let mut state = State {
            sink,
            routes,
            watcher: None,
            is_remote,
            existing: false,
            watches: HashMap::new(),
            aliases: HashMap::new(),
            switches: HashSet::new(),
            polled: HashSet::new(),
            files: HashMap::new(),
            troubles: HashSet::new(),
        };
        match notify::recommended_watcher(listener) {
            Ok(watcher) => state.watcher = Some(watcher),
            Err(error) => state.tell(Trouble::Polled(format!(
                "the kernel gives no inotify instance ({error}), so every directory is polled; raise fs.inotify.max_user_instances"
            ))),
        }
        Sweeper { discovery, state, timing, inbox, watched: HashSet::new() }
    }

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
                self.state.sink.trouble(Trouble::Overflow);
                self.discovery.distrust();
                self.reconcile(false);
                self.state.forget();
            }
            let mut everything = false;
            for path in queue.paths {
                everything |= self.event(&path);
            }
            if everything {
                self.reconcile(false);
            }
            let now = Instant::now();
            if now >= sweep_at {
                self.reconcile(false);
                self.state.forget();
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
        self.state.existing = existing;
        self.state.renew_watches();
        let gone = self.discovery.pass(&mut self.state);
        for dir in gone {
            self.state.unwatch(&dir);
        }
        self.state.existing = false;
        self.watched = self.state.watches.keys().cloned().collect();
        if existing {
            for path in self.discovery.missing() {
                self.state
                    .sink
                    .trouble(Trouble::Waiting(format!("{path} does not exist yet; waiting for it")));
            }
        }
    }

    /// Something other than a write happened at `path`. True if everything has to be gone over.
    fn event(&mut self, path: &Path) -> bool {
        if self.state.switches.contains(path) || self.state.watches.contains_key(path) {
            return true;
        }
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return false };
        let dirs: Vec<PathBuf> = self.state.aliases.get(parent).into_iter().flatten().cloned().collect();
        for dir in dirs {
            self.state.reroute(&dir.join(name));
            self.discovery.entry(&dir, name, &mut self.state);
        }
        false
    }

    /// Looks at what has no reliable events.
    fn poll(&mut self) {
        let polled = &self.state.polled;
        // The last name is where the file itself is.
        let is_polled = |path: &PathBuf| path.parent().is_some_and(|dir| polled.contains(dir));
        let files = self.state.files.values().filter(|(_, names)| names.iter().any(is_polled));
        let due: Vec<Key> = files.map(|(key, _)| *key).collect();
        self.state.sink.look(&due);
        let dirs = self.discovery.directories();
        let changed = dirs.values().any(|dir| polled.contains(&dir.resolved));
        if changed {
            self.reconcile(false);
        }
    }
}

impl State {
    fn tell(&mut self, trouble: Trouble) {
        if self.troubles.insert(trouble.clone()) {
            self.sink.trouble(trouble);
        }
    }

    /// Has the sink look at every file, and drops those that it knows no longer.
    fn forget(&mut self) {
        let gone: HashSet<Key> = self.sink.sweep().into_iter().collect();
        if gone.is_empty() {
            return;
        }
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        for files in routes.values_mut() {
            files.retain(|key| !gone.contains(key));
        }
        routes.retain(|_, files| !files.is_empty());
        self.files.retain(|_, (key, _)| !gone.contains(key));
    }

    /// Drops watches whose directory is gone or is another one now; the pass that follows sets them anew.
    fn renew_watches(&mut self) {
        let stale: Vec<PathBuf> = self
            .watches
            .iter()
            .filter(|(dir, id)| inode(dir) != Some(**id))
            .map(|(dir, _)| dir.clone())
            .collect();
        for dir in stale {
            self.watches.remove(&dir);
            if let Some(watcher) = &mut self.watcher {
                let _ = watcher.unwatch(&dir);
            }
        }
    }

    /// Has the kernel tell what happens in `dir`, a resolved path.
    fn set_watch(&mut self, dir: &Path) {
        if self.watches.contains_key(dir) {
            return;
        }
        let Some(watcher) = &mut self.watcher else {
            self.polled.insert(dir.to_owned());
            return;
        };
        let Some(id) = inode(dir) else { return };
        match watcher.watch(dir, RecursiveMode::NonRecursive) {
            Ok(()) => {
                self.watches.insert(dir.to_owned(), id);
                if (self.is_remote)(dir) {
                    self.polled.insert(dir.to_owned());
                } else {
                    self.polled.remove(dir);
                }
            }
            Err(error) => {
                self.polled.insert(dir.to_owned());
                let mend = match error.kind {
                    ErrorKind::MaxFilesWatch => {
                        "the kernel's watches are used up; raise fs.inotify.max_user_watches (sysctl)"
                            .to_owned()
                    }
                    // The text names the directory, which would make it new for each.
                    ErrorKind::Io(error) => format!("cannot watch {}: {error}", dir.display()),
                    _ => format!("cannot watch {}: {error}", dir.display()),
                };
                self.tell(Trouble::Polled(format!("{mend}; directories without a watch are polled")));
            }
        }
    }

    fn unwatch(&mut self, dir: &Path) {
        let resolved: Vec<PathBuf> = self
            .aliases
            .iter()
            .filter(|(_, dirs)| dirs.contains(dir))
            .map(|(resolved, _)| resolved.clone())
            .collect();
        for resolved in resolved {
            let Some(dirs) = self.aliases.get_mut(&resolved) else { continue };
            dirs.remove(dir);
            if !dirs.is_empty() || self.is_routed(&resolved) {
                continue;
            }
            self.aliases.remove(&resolved);
            self.polled.remove(&resolved);
            if self.watches.remove(&resolved).is_some()
                && let Some(watcher) = &mut self.watcher
            {
                let _ = watcher.unwatch(&resolved);
            }
        }
    }

    /// Whether events in `dir` are needed for a link's target.
    fn is_routed(&self, dir: &Path) -> bool {
        self.files.values().any(|(_, names)| names.iter().any(|name| name.parent() == Some(dir)))
            || self.switches.iter().any(|name| name.parent() == Some(dir))
    }

    /// Follows the links of a known file anew: one of them may have been switched.
    fn reroute(&mut self, path: &Path) {
        let known: Vec<usize> =
            self.files.keys().filter(|(_, p)| p == path).map(|(watch, _)| *watch).collect();
        for watch in known {
            self.route(watch, path);
        }
    }

    fn route(&mut self, watch: usize, path: &Path) {
        let Some((key, names)) = self.files.get_mut(&(watch, path.to_owned())) else { return };
        let now = routes_of(path);
        if *names == now {
            return;
        }
        let key = *key;
        let old = std::mem::replace(names, now.clone());
        {
            let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
            for name in old {
                if let Some(files) = routes.get_mut(&name) {
                    files.retain(|file| *file != key);
                }
            }
            for name in &now {
                routes.entry(name.clone()).or_default().push(key);
            }
        }
        // Where a link leads to, writes happen; on the way, links are switched.
        for dir in now.iter().filter_map(|name| name.parent()).collect::<HashSet<_>>() {
            self.set_watch(dir);
        }
        self.sink.look(&[key]);
    }
}

impl Visitor for State {
    fn watch(&mut self, dir: &Path) {
        let resolved = std::fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
        self.set_watch(&resolved);
        self.aliases.entry(resolved.clone()).or_default().insert(dir.to_owned());
        if resolved != dir {
            for link in switches_of(dir) {
                if let Some(parent) = link.parent() {
                    self.set_watch(parent);
                }
                self.switches.insert(link);
            }
        }
    }

    fn found(&mut self, watch: usize, path: &Path) {
        let at = (watch, path.to_owned());
        if let Some((_, names)) = self.files.get(&at) {
            // A link is followed anew: its target may have changed without an event that we see.
            if names.len() > 1 {
                self.route(watch, path);
            }
            return;
        }
        let Some(key) = self.sink.found(watch, path, self.existing) else { return };
        self.files.insert(at, (key, Vec::new()));
        self.route(watch, path);
    }

    fn unlisted(&mut self, dir: &Path, error: &std::io::Error) {
        if error.kind() != std::io::ErrorKind::NotFound {
            let text = format!(
                "cannot list {}: {error}; the user that runs spiketail needs r and x on it",
                dir.display()
            );
            self.tell(Trouble::Unlisted(text));
        }
    }
}

fn inode(dir: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(dir).ok().filter(std::fs::Metadata::is_dir).map(|meta| (meta.dev(), meta.ino()))
}

//! Which directories the kernel watches for us, and which files their events are about.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use notify::{ErrorKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use rustix::fs::{Access, access};
use rustix::io::Errno;
use smallvec::SmallVec;

use crate::units::PathId;
use crate::watch::directory_id::DirectoryId;
use crate::watch::discovery::Visitor;
use crate::watch::incidents::{IncidentKey, Incidents, mended, refused};
use crate::watch::inotify::{EventListener, Inbox, Nap, Routes};
use crate::watch::links::{hops, links_above};
use crate::watch::patterns::DEPTH_MAX;
use crate::watch::spec::IsRemote;
use crate::watch::young::YoungFiles;
use crate::watch::{HintSink, Incident};

/// Watches, and the files and links that their events are routed to.
pub(super) struct DirectoryWatches {
    /// Names of the watches.
    names: Vec<String>,
    pub(super) sink: Arc<dyn HintSink>,
    inbox: Arc<Inbox>,
    routes: Arc<Routes>,
    watcher: Option<RecommendedWatcher>,
    is_remote: IsRemote,
    /// Whether the files that are found now were there before watching began.
    existing: bool,
    /// What each directory was when its watch was set, by resolved path.
    pub(super) watches: HashMap<PathBuf, DirectoryId>,
    /// Directories whose watch was set just now.
    renewed: HashSet<PathBuf>,
    /// Directories whose watch was dropped because they are no longer what they were.
    dropped: HashSet<PathBuf>,
    /// From resolved directories to the paths that patterns lead to them by.
    pub(super) aliases: HashMap<PathBuf, HashSet<PathBuf>>,
    /// Names of links that lead to directories of interest.
    pub(super) switches: HashSet<PathBuf>,
    /// Directories without reliable events, by resolved path.
    pub(super) polled: HashSet<PathBuf>,
    /// Where each directory of interest was when its watch was set, without links.
    pub(super) resolved: HashMap<PathBuf, PathBuf>,
    /// Files by path: one for each watch that found it.
    pub(super) files: HashMap<Arc<Path>, SmallVec<[FoundPath; 1]>>,
    troubles: Incidents,
}

pub(super) struct FoundPath {
    watch: usize,
    pub(super) key: PathId,
    /// The names that events about it come by.
    pub(super) names: SmallVec<[Arc<Path>; 1]>,
}

impl DirectoryWatches {
    pub(super) fn new(
        names: Vec<String>,
        sink: Arc<dyn HintSink>,
        inbox: Arc<Inbox>,
        is_remote: IsRemote,
    ) -> DirectoryWatches {
        DirectoryWatches {
            names,
            sink,
            inbox,
            routes: Arc::default(),
            watcher: None,
            is_remote,
            existing: false,
            watches: HashMap::new(),
            renewed: HashSet::new(),
            dropped: HashSet::new(),
            aliases: HashMap::new(),
            switches: HashSet::new(),
            polled: HashSet::new(),
            resolved: HashMap::new(),
            files: HashMap::new(),
            troubles: Incidents::default(),
        }
    }

    /// A pass over everything begins.
    pub(super) fn begin_pass(&mut self, existing: bool) {
        self.existing = existing;
        self.troubles.begin_pass();
        self.have_watcher();
        let is_stale = |(dir, id): &(&PathBuf, &DirectoryId)| DirectoryId::of(dir) != Some(**id);
        let stale = self.watches.iter().filter(is_stale).map(|(dir, _)| dir.clone()).collect();
        self.drop_watches(stale);
    }

    /// The pass ends: every directory of interest was visited.
    pub(super) fn end_pass(&mut self) {
        self.watch_link_targets();
        self.look_behind_new_watches();
        self.existing = false;
        for concern in self.troubles.end_pass() {
            if let Some(text) = mended(&concern) {
                self.sink.trouble(Incident::Mended(text));
            }
        }
    }

    /// Has the sink look at the files in directories that were not watched until now: whatever happened in them went
    /// unheard.
    pub(super) fn look_behind_new_watches(&mut self) {
        let renewed = std::mem::take(&mut self.renewed);
        // What is found at the start is looked at anyway.
        if renewed.is_empty() || self.existing {
            return;
        }
        let is_in = |name: &Arc<Path>| name.parent().is_some_and(|dir| renewed.contains(dir));
        let files = self.files.values().flatten().filter(|file| file.names.iter().any(is_in));
        self.sink.look(&files.map(|file| file.key).collect::<Vec<_>>());
    }

    /// Something happened to these directories as such. Whatever watches them and what is below them is not to be relied
    /// on: `notify` drops watches by path, be it that of another directory by now. The pass that follows sets them anew.
    pub(super) fn doubt(&mut self, dirs: &HashSet<PathBuf>) {
        let is_doubtful = |dir: &&PathBuf| dir.ancestors().any(|above| dirs.contains(above));
        let doubtful = self.watches.keys().filter(is_doubtful).cloned().collect();
        self.drop_watches(doubtful);
    }

    /// Has the sink look at files, at all of them if `everything` is in doubt, and drops those that it knows no longer.
    pub(super) fn forget(&mut self, everything: bool) {
        let gone: HashSet<PathId> = self.sink.sweep(everything).into_iter().collect();
        if gone.is_empty() {
            return;
        }
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        for files in routes.values_mut() {
            files.retain(|key| !gone.contains(key));
        }
        routes.retain(|_, files| !files.is_empty());
        self.files.retain(|_, files| {
            files.retain(|file| !gone.contains(&file.key));
            !files.is_empty()
        });
    }

    fn have_watcher(&mut self) {
        if self.watcher.is_some() {
            return;
        }
        let listener = EventListener {
            sink: Arc::clone(&self.sink),
            routes: Arc::clone(&self.routes),
            inbox: Arc::clone(&self.inbox),
            nap: Nap::new(),
            young: YoungFiles::default(),
        };
        match notify::recommended_watcher(listener) {
            Ok(watcher) => self.watcher = Some(watcher),
            Err(error) => self.tell(
                IncidentKey::Instance,
                Incident::Polled(format!(
                    "the kernel gives no inotify instance ({error}), so every directory is polled; raise fs.inotify.max_user_instances (sysctl)"
                )),
            ),
        }
    }

    fn tell(&mut self, concern: IncidentKey, trouble: Incident) {
        if self.troubles.meet(concern) {
            self.sink.trouble(trouble);
        }
    }

    fn drop_watches(&mut self, dirs: Vec<PathBuf>) {
        for dir in dirs {
            self.drop_watch(&dir);
            self.dropped.insert(dir);
        }
    }

    fn drop_watch(&mut self, dir: &Path) {
        if self.watches.remove(dir).is_some()
            && let Some(watcher) = &mut self.watcher
        {
            // The kernel drops the watch of a directory that is gone by itself.
            let _ = watcher.unwatch(dir);
        }
    }

    /// Has the kernel tell what happens in `dir`, a resolved path.
    fn set_watch(&mut self, dir: &Path) {
        if self.watches.contains_key(dir) {
            return;
        }
        // Without a watch to be obtained, one attempt per pass is enough.
        let watcher = self.watcher.as_mut().filter(|_| !self.troubles.is_met(&IncidentKey::WatchLimit));
        let Some(watcher) = watcher else {
            self.polled.insert(dir.to_owned());
            return;
        };
        let Some(id) = DirectoryId::of(dir) else { return };
        match watcher.watch(dir, RecursiveMode::NonRecursive) {
            Ok(()) => {
                self.watches.insert(dir.to_owned(), id);
                self.renewed.insert(dir.to_owned());
                if (self.is_remote)(dir) {
                    self.polled.insert(dir.to_owned());
                } else {
                    self.polled.remove(dir);
                }
            }
            // It went just now.
            Err(error) if matches!(error.kind, ErrorKind::PathNotFound) => {}
            // Nothing in it can be reached, and nothing in it was known: each sweep tries again, and polls would be in vain.
            Err(_) if !self.is_routed(dir) && access(dir, Access::EXEC_OK) == Err(Errno::ACCESS) => {
                self.unlistable(dir, &std::io::Error::from(Errno::ACCESS));
            }
            Err(error) => {
                self.polled.insert(dir.to_owned());
                let (concern, text) = refused(dir, error);
                self.tell(concern, Incident::Polled(text));
            }
        }
    }

    fn unlistable(&mut self, dir: &Path, error: &std::io::Error) {
        let text = format!(
            "cannot list {}: {error}; the user that runs spiketail needs r and x on it",
            dir.display()
        );
        self.tell(IncidentKey::Unlisted(dir.to_owned()), Incident::Unlisted(text));
    }

    /// Directories that only links lead to are in no pass: their watches are set anew here, when they were dropped or
    /// refused.
    fn watch_link_targets(&mut self) {
        let due = self.dropped.iter().chain(&self.polled);
        let is_due = |dir: &&PathBuf| !self.watches.contains_key(*dir) && !self.aliases.contains_key(*dir);
        let due: HashSet<PathBuf> = due.filter(is_due).cloned().collect();
        self.dropped.clear();
        if due.is_empty() {
            return;
        }
        let names = self.files.values().flatten().flat_map(|file| &file.names).map(|name| &**name);
        let names = names.chain(self.switches.iter().map(PathBuf::as_path));
        let routed: HashSet<PathBuf> =
            names.filter_map(|name| due.get(name.parent()?)).cloned().collect::<HashSet<_>>();
        for dir in due {
            if !routed.contains(&dir) {
                self.polled.remove(&dir);
                continue;
            }
            self.set_watch(&dir);
            if !self.watches.contains_key(&dir) {
                self.dropped.insert(dir);
            }
        }
    }

    /// `dir` is of interest no longer, or leads elsewhere now.
    pub(super) fn unwatch(&mut self, dir: &Path) {
        let Some(resolved) = self.resolved.remove(dir) else { return };
        if let Some(dirs) = self.aliases.get_mut(&resolved) {
            dirs.remove(dir);
            if !dirs.is_empty() {
                return;
            }
            self.aliases.remove(&resolved);
        }
        if self.is_routed(&resolved) {
            return;
        }
        self.polled.remove(&resolved);
        self.drop_watch(&resolved);
    }

    /// Whether events in `dir` are needed for a link's target.
    fn is_routed(&self, dir: &Path) -> bool {
        self.files.values().flatten().any(|file| file.names.iter().any(|name| name.parent() == Some(dir)))
            || self.switches.iter().any(|name| name.parent() == Some(dir))
    }

    /// Follows the links of a known file anew: one of them may have been switched.
    pub(super) fn reroute(&mut self, path: &Path) {
        for at in 0..self.files.get(path).map_or(0, |files| files.len()) {
            self.route(path, at, true);
        }
    }

    fn route(&mut self, path: &Path, at: usize, linked: bool) {
        let now = self.event_names(path, linked);
        let Some(shared) = self.files.get_key_value(path).map(|(path, _)| Arc::clone(path)) else { return };
        let Some(file) = self.files.get_mut(path).and_then(|files| files.get_mut(at)) else { return };
        if file.names.iter().map(|name| &**name).eq(&now) {
            return;
        }
        let key = file.key;
        // Most names are the path itself.
        let share = |name: PathBuf| if *name == *shared { Arc::clone(&shared) } else { Arc::from(name) };
        let now: SmallVec<[Arc<Path>; 1]> = now.into_iter().map(share).collect();
        let old = std::mem::replace(&mut file.names, now.clone());
        {
            let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
            for name in old {
                if let Some(files) = routes.get_mut(&name) {
                    files.retain(|file| *file != key);
                }
            }
            for name in &now {
                routes.entry(Arc::clone(name)).or_default().push(key);
            }
        }
        // Where a link leads to, writes happen; on the way, links are switched.
        for dir in now.iter().filter_map(|name| name.parent()).collect::<HashSet<_>>() {
            self.set_watch(dir);
        }
        self.sink.look(&[key]);
    }

    /// The names by which events about the file at `path` come.
    fn event_names(&self, path: &Path, linked: bool) -> Vec<PathBuf> {
        match self.straight(path) {
            Some(name) if !linked => vec![name],
            // Its directory may be gone at the moment, and come back.
            _ => Some(hops(path)).filter(|hops| !hops.is_empty()).unwrap_or_else(|| vec![path.to_owned()]),
        }
    }

    /// Where the entry of `watch` stands among those of `path`.
    fn position(&self, watch: usize, path: &Path) -> Option<usize> {
        self.files.get(path)?.iter().position(|file| file.watch == watch)
    }

    /// `path` with its directory, one of interest, resolved.
    fn straight(&self, path: &Path) -> Option<PathBuf> {
        Some(self.resolved.get(path.parent()?)?.join(path.file_name()?))
    }
}

impl Visitor for DirectoryWatches {
    fn watch(&mut self, dir: &Path, linked: bool) {
        // Asking the system would cost a call for each directory above.
        let straight = if linked { None } else { self.straight(dir) };
        let resolved =
            straight.unwrap_or_else(|| std::fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned()));
        if self.resolved.get(dir).is_some_and(|before| *before != resolved) {
            self.unwatch(dir);
        }
        self.set_watch(&resolved);
        self.resolved.insert(dir.to_owned(), resolved.clone());
        self.aliases.entry(resolved.clone()).or_default().insert(dir.to_owned());
        if linked && resolved != dir {
            for link in links_above(dir) {
                if let Some(parent) = link.parent() {
                    self.set_watch(parent);
                }
                self.switches.insert(link);
            }
        }
    }

    fn found(&mut self, watch: usize, path: &Path, linked: bool) {
        if let Some(at) = self.position(watch, path) {
            // A link is followed anew: its target may have changed without an event that we see.
            return self.route(path, at, linked);
        }
        let shared = Arc::from(path);
        let Some(key) = self.sink.found(&self.names[watch], &shared, self.existing) else { return };
        let files = self.files.entry(shared).or_default();
        files.push(FoundPath { watch, key, names: SmallVec::new() });
        let at = files.len() - 1;
        self.route(path, at, linked);
    }

    fn vanished(&mut self, watch: usize, path: &Path) {
        if self.position(watch, path).is_none() {
            self.found(watch, path, false);
        }
    }

    fn removed(&mut self, watch: usize, path: &Path) {
        self.vanished(watch, path);
        let file = self.position(watch, path).and_then(|at| self.files.get(path)?.get(at));
        if let Some(file) = file {
            self.sink.removed(file.key);
        }
    }

    fn unlisted(&mut self, dir: &Path, error: &std::io::Error) {
        if error.kind() != std::io::ErrorKind::NotFound {
            self.unlistable(dir, error);
        }
    }

    fn too_deep(&mut self, pattern: &str) {
        let text = format!(
            "{pattern}: ** goes {DEPTH_MAX} directories deep and no deeper; name a directory further down"
        );
        self.tell(IncidentKey::Depth(pattern.to_owned()), Incident::Unlisted(text));
    }
}

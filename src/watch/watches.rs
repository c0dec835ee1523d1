//! Which directories the kernel watches for us, and which files their events are about.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use notify::{ErrorKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use crate::watch::discover::{Visitor, routes_of, switches_of};
use crate::watch::hints::Routes;
use crate::watch::sweep::IsRemote;
use crate::watch::{Key, Sink, Trouble};

/// Watches, and the files and links that their events are routed to.
pub(super) struct Watches {
    pub(super) sink: Arc<dyn Sink>,
    pub(super) routes: Arc<Routes>,
    pub(super) watcher: Option<RecommendedWatcher>,
    pub(super) is_remote: IsRemote,
    pub(super) existing: bool,
    /// Inode of each directory when its watch was set, by resolved path.
    pub(super) watches: HashMap<PathBuf, (u64, u64)>,
    /// From resolved directories to the paths that patterns lead to them by.
    pub(super) aliases: HashMap<PathBuf, HashSet<PathBuf>>,
    /// Names of links that lead to directories of interest.
    pub(super) switches: HashSet<PathBuf>,
    /// Directories without reliable events, by resolved path.
    pub(super) polled: HashSet<PathBuf>,
    /// Where each directory of interest was when its watch was set, without links.
    pub(super) resolved: HashMap<PathBuf, PathBuf>,
    /// Files by path: one for each watch that found it.
    pub(super) files: HashMap<PathBuf, Vec<Found>>,
    pub(super) troubles: HashSet<Trouble>,
}

pub(super) struct Found {
    pub(super) watch: usize,
    pub(super) key: Key,
    /// The names that events about it come by.
    pub(super) names: Vec<PathBuf>,
}

impl Watches {
    pub(super) fn tell(&mut self, trouble: Trouble) {
        if self.troubles.insert(trouble.clone()) {
            self.sink.trouble(trouble);
        }
    }

    /// Has the sink look at every file, and drops those that it knows no longer.
    pub(super) fn forget(&mut self) {
        let gone: HashSet<Key> = self.sink.sweep().into_iter().collect();
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

    /// Drops watches whose directory is gone or is another one now; the pass that follows sets them anew.
    pub(super) fn renew_watches(&mut self) {
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
        if self.watches.remove(&resolved).is_some()
            && let Some(watcher) = &mut self.watcher
        {
            let _ = watcher.unwatch(&resolved);
        }
    }

    /// Whether events in `dir` are needed for a link's target.
    fn is_routed(&self, dir: &Path) -> bool {
        self.files.values().flatten().any(|file| file.names.iter().any(|name| name.parent() == Some(dir)))
            || self.switches.iter().any(|name| name.parent() == Some(dir))
    }

    /// Follows the links of a known file anew: one of them may have been switched.
    pub(super) fn reroute(&mut self, path: &Path) {
        for at in 0..self.files.get(path).map_or(0, Vec::len) {
            self.route(path, at);
        }
    }

    fn route(&mut self, path: &Path, at: usize) {
        let Some(file) = self.files.get_mut(path).and_then(|files| files.get_mut(at)) else { return };
        let now = routes_of(path);
        if file.names == now {
            return;
        }
        let key = file.key;
        let old = std::mem::replace(&mut file.names, now.clone());
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

impl Visitor for Watches {
    fn watch(&mut self, dir: &Path) {
        let resolved = std::fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
        if self.resolved.get(dir).is_some_and(|before| *before != resolved) {
            self.unwatch(dir);
        }
        self.set_watch(&resolved);
        self.resolved.insert(dir.to_owned(), resolved.clone());
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
        let known = self.files.get(path).and_then(|files| files.iter().position(|file| file.watch == watch));
        if let Some(at) = known {
            // A link is followed anew: its target may have changed without an event that we see.
            if self.files[path][at].names != [path] {
                self.route(path, at);
            }
            return;
        }
        let Some(key) = self.sink.found(watch, path, self.existing) else { return };
        let files = self.files.entry(path.to_owned()).or_default();
        files.push(Found { watch, key, names: Vec::new() });
        let at = files.len() - 1;
        self.route(path, at);
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

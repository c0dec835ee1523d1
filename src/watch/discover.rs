//! Finds the files that patterns mean, and remembers which directories can bring new ones.
//!
//! A directory is of interest from the part of a pattern on that its entries must match. It is listed after its watch
//! stands, so that no file falls between the two.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::FileType;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::watch::links::{hops, links_above};
use crate::watch::pattern::{Exclusions, Part, Pattern, PatternError};
use crate::watch::spec::WatchSpec;

/// At most this deep does `**` go below the directory where it begins.
const DEPTH_MAX: usize = 32;

/// A pattern, and the part of it that a directory's entries must match.
type Interest = (usize, usize);

/// A directory whose entries matter.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) interests: HashSet<Interest>,
    /// Its path without symbolic links.
    pub(super) resolved: PathBuf,
    /// Modification time at the last listing, if the listing was long enough after it to be trusted.
    listed: Option<SystemTime>,
}

/// What a pass over the directories asks for.
pub(super) trait Visitor {
    /// Sees to it that events come from a directory. True if it is new.
    fn watch(&mut self, dir: &Path);
    /// Takes a file that a pattern means.
    fn found(&mut self, watch: usize, path: &Path);
    /// Takes the reason why a directory cannot be listed.
    fn unlisted(&mut self, dir: &Path, error: &std::io::Error);
}

/// Which files and directories the watches mean.
#[derive(Debug)]
pub struct Discovery {
    patterns: Arc<Vec<Pattern>>,
    exclusions: Arc<Vec<Exclusions>>,
    directories: HashMap<PathBuf, Directory>,
    /// Directories that became of interest and are still to be listed.
    entered: Vec<(PathBuf, Interest)>,
}

impl Discovery {
    /// Understands `specs`, one per watch.
    ///
    /// # Errors
    /// If a path or an exclusion is malformed.
    pub fn new(specs: &[WatchSpec]) -> Result<Discovery, PatternError> {
        let mut patterns = Vec::new();
        for (watch, spec) in specs.iter().enumerate() {
            for path in &spec.paths {
                patterns.push(Pattern::new(watch, path)?);
            }
        }
        let exclusions = specs.iter().map(Exclusions::new).collect::<Result<_, _>>()?;
        Ok(Discovery {
            patterns: Arc::new(patterns),
            exclusions: Arc::new(exclusions),
            directories: HashMap::new(),
            entered: Vec::new(),
        })
    }

    /// Whether watch number `watch` means a file at `path`, whatever is there now.
    #[must_use]
    pub fn means(&self, watch: usize, path: &Path) -> bool {
        let patterns = self.patterns.iter().filter(|pattern| pattern.watch == watch);
        let mut means = patterns.filter_map(|pattern| pattern.means(path));
        means.any(|in_directory| !self.exclusions[watch].leave_out(path, in_directory))
    }

    /// Directories of interest, by the path that patterns lead to.
    pub(super) fn directories(&self) -> &HashMap<PathBuf, Directory> {
        &self.directories
    }

    /// Forgets when directories were listed, so that the next pass lists them all.
    pub(super) fn distrust(&mut self) {
        self.directories.values_mut().for_each(|dir| dir.listed = None);
    }

    /// Goes over all patterns from the root down. Directories that did not change since they were listed are not listed
    /// again. Gives the directories that are of interest no longer.
    pub(super) fn pass(&mut self, visitor: &mut dyn Visitor) -> Vec<PathBuf> {
        let before: HashMap<PathBuf, Option<SystemTime>> =
            self.directories.drain().map(|(path, dir)| (path, dir.listed)).collect();
        let patterns = Arc::clone(&self.patterns);
        let mut roots: HashMap<PathBuf, HashSet<Interest>> = HashMap::new();
        for (number, pattern) in patterns.iter().enumerate() {
            let (dir, part) = deepest(pattern);
            roots.entry(dir).or_default().insert((number, part));
        }
        for (dir, interests) in roots {
            for interest in interests {
                self.enter(&dir, interest, 0, visitor, &before);
            }
        }
        self.list_entered(visitor, &before);
        before.into_keys().filter(|path| !self.directories.contains_key(path)).collect()
    }

    /// Something happened at `name` in the directory of interest `dir`.
    pub(super) fn entry(&mut self, dir: &Path, name: &OsStr, visitor: &mut dyn Visitor) {
        let Some(directory) = self.directories.get(dir) else { return };
        let interests: Vec<Interest> = directory.interests.iter().copied().collect();
        let path = dir.join(name);
        let Ok(kind) = std::fs::symlink_metadata(&path).map(|meta| meta.file_type()) else { return };
        let unlisted = HashMap::new();
        for interest in interests {
            self.visit(&path, name, kind, interest, 0, visitor, &unlisted);
        }
        self.list_entered(visitor, &unlisted);
    }

    /// Plain paths at which nothing is.
    pub(super) fn missing(&self) -> impl Iterator<Item = &str> {
        self.patterns.iter().filter(|p| p.is_plain && !Path::new(&p.text).exists()).map(|p| p.text.as_str())
    }

    fn enter(
        &mut self,
        dir: &Path,
        interest: Interest,
        depth: usize,
        visitor: &mut dyn Visitor,
        before: &HashMap<PathBuf, Option<SystemTime>>,
    ) {
        let new_directory = || Directory {
            interests: HashSet::new(),
            resolved: std::fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned()),
            listed: before.get(dir).copied().flatten(),
        };
        let is_new = !self.directories.contains_key(dir);
        let directory = self.directories.entry(dir.to_owned()).or_insert_with(new_directory);
        if directory.interests.insert(interest) {
            self.entered.push((dir.to_owned(), interest));
            if !before.contains_key(dir) {
                directory.listed = None;
            }
        }
        if is_new {
            visitor.watch(dir);
        }
        // `**` also means no directory at all.
        let patterns = Arc::clone(&self.patterns);
        let (number, part) = interest;
        if matches!(patterns[number].parts.get(part), Some(Part::AnyDepth)) && depth <= DEPTH_MAX {
            self.enter(dir, (number, part + 1), depth, visitor, before);
        }
    }

    /// Lists every directory that was entered, and those that turn up meanwhile.
    fn list_entered(&mut self, visitor: &mut dyn Visitor, before: &HashMap<PathBuf, Option<SystemTime>>) {
        while !self.entered.is_empty() {
            let mut due: HashMap<PathBuf, Vec<Interest>> = HashMap::new();
            for (dir, interest) in std::mem::take(&mut self.entered) {
                due.entry(dir).or_default().push(interest);
            }
            for (dir, interests) in due {
                self.list(&dir, &interests, visitor, before);
            }
        }
    }

    fn list(
        &mut self,
        dir: &Path,
        interests: &[Interest],
        visitor: &mut dyn Visitor,
        before: &HashMap<PathBuf, Option<SystemTime>>,
    ) {
        let modified = std::fs::metadata(dir).and_then(|meta| meta.modified()).ok();
        let listed = self.directories.get(dir).and_then(|directory| directory.listed);
        let leads_on = interests.iter().any(|(number, part)| !self.patterns[*number].is_last(*part));
        if listed.is_some() && listed == modified && !leads_on {
            return;
        }
        let entries = match std::fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) => return visitor.unlisted(dir, &error),
        };
        for entry in entries.flatten() {
            let (name, Ok(kind)) = (entry.file_name(), entry.file_type()) else { continue };
            for interest in interests {
                self.visit(&entry.path(), &name, kind, *interest, 0, visitor, before);
            }
        }
        // A change in the same instant as the listing would not show in the time.
        let is_old = |time: &SystemTime| time.elapsed().is_ok_and(|age| age.as_secs() >= 2);
        if let Some(directory) = self.directories.get_mut(dir) {
            directory.listed = modified.filter(is_old);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one entry seen through one interest")]
    fn visit(
        &mut self,
        path: &Path,
        name: &OsStr,
        kind: FileType,
        (number, part): Interest,
        depth: usize,
        visitor: &mut dyn Visitor,
        before: &HashMap<PathBuf, Option<SystemTime>>,
    ) {
        let patterns = Arc::clone(&self.patterns);
        let pattern = &patterns[number];
        let is_any_depth = matches!(pattern.parts.get(part), Some(Part::AnyDepth));
        // Behind the last part: the pattern named the directory, and means the logs in it.
        let Some(wanted) = pattern.parts.get(part) else {
            if is_file(path, kind, false) && !self.exclusions[pattern.watch].leave_out(path, true) {
                visitor.found(pattern.watch, path);
            }
            return;
        };
        if !wanted.matches(name) {
            return;
        }
        // Below `**` links are not followed, or a link to a directory above would lead round in circles.
        let is_dir = kind.is_dir() || (kind.is_symlink() && !is_any_depth && path.is_dir());
        if is_any_depth {
            if is_dir {
                self.enter(path, (number, part), depth + 1, visitor, before);
            }
        } else if is_dir {
            if !pattern.is_last(part) || pattern.is_plain {
                self.enter(path, (number, part + 1), depth, visitor, before);
            }
        } else if pattern.is_last(part)
            && is_file(path, kind, pattern.is_plain)
            && !self.exclusions[pattern.watch].leave_out(path, false)
        {
            visitor.found(pattern.watch, path);
        }
    }
}

/// Whether an entry is worth opening. Someone who names a FIFO outright is told that it is none.
fn is_file(path: &Path, kind: FileType, is_plain: bool) -> bool {
    is_plain || kind.is_file() || (kind.is_symlink() && !path.is_dir())
}

/// The deepest directory that exists on the way down the plain parts of a pattern, and the part that its entries must
/// match. Only from there on can anything appear.
fn deepest(pattern: &Pattern) -> (PathBuf, usize) {
    let mut dir = PathBuf::from("/");
    for (number, part) in pattern.parts.iter().enumerate() {
        let Part::Name(name) = part else { return (dir, number) };
        let next = dir.join(name);
        if !next.is_dir() {
            return (dir, number);
        }
        // A plain path to a file stays in the file's directory; one to a directory goes into it.
        dir = next;
    }
    (dir, pattern.parts.len())
}

/// The names, outside of `path`'s own directory, at which something may happen that concerns the file at `path`.
pub(super) fn routes_of(path: &Path) -> Vec<PathBuf> {
    hops(path)
}

/// The links that lead to `dir`; when one is switched, other files are meant.
pub(super) fn switches_of(dir: &Path) -> Vec<PathBuf> {
    links_above(dir)
}

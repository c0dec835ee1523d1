//! Finds the files that patterns mean, and remembers which directories can bring new ones.
//!
//! A directory is of interest from the part of a pattern on that its entries must match. It is listed after its watch
//! stands, so that no file falls between the two.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::FileType;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::watch::exclusions::Exclusions;
use crate::watch::patterns::{DEPTH_MAX, PathPatternError, Pattern, PatternPart};
use crate::watch::spec::WatchSpec;

/// A pattern, and the part of it that a directory's entries must match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Interest {
    pattern: usize,
    part: usize,
    /// If the part is `**`, or the pattern means a directory with those below it: how many directories led here.
    depth: usize,
}

/// A directory whose entries matter.
#[derive(Debug, Clone, Default)]
struct Directory {
    interests: HashSet<Interest>,
    /// Modification time at the last listing, if the listing was long enough after it to be trusted.
    listed: Option<SystemTime>,
}

/// What a pass over the directories asks for. `linked` says that a symbolic link may be on the way to a path from the
/// directory of interest that holds it.
pub(super) trait Visitor {
    /// Ensures that events come from a directory.
    fn watch(&mut self, dir: &Path, linked: bool);
    /// Takes a file that a pattern means.
    fn found(&mut self, watch: usize, path: &Path, linked: bool);
    /// Takes a file that a pattern means but that is left out, or is none. `in_directory` says that only its directory was
    /// named.
    fn left_out(&mut self, _watch: usize, _path: &Path, _in_directory: bool) {}
    /// Takes a path that a pattern means, at which a file was that is gone already.
    fn vanished(&mut self, _watch: usize, _path: &Path) {}
    /// Takes a path that a pattern means, at which a file was made, written and removed again.
    fn removed(&mut self, _watch: usize, _path: &Path) {}
    /// Takes the reason why a directory cannot be listed.
    fn unlisted(&mut self, dir: &Path, error: &std::io::Error);
    /// Takes a pattern whose `**` ends before the directories do.
    fn too_deep(&mut self, pattern: &str);
}

/// Which files and directories the watches mean.
#[derive(Debug, Clone)]
pub struct Discovery {
    /// Names of the watches; everything else is by their index.
    pub(super) names: Vec<String>,
    patterns: Arc<Vec<Pattern>>,
    exclusions: Vec<Exclusions>,
    directories: HashMap<PathBuf, Directory>,
    /// The directories as the pass before left them. Empty outside of a pass.
    before: HashMap<PathBuf, Directory>,
    /// Directories that became of interest and are still to be listed.
    entered: Vec<(PathBuf, Interest)>,
}

impl Discovery {
    /// Understands `specs`, one per watch.
    ///
    /// # Errors
    /// If a path or an exclusion is malformed.
    pub fn new(specs: &[WatchSpec]) -> Result<Discovery, PathPatternError> {
        let mut patterns = Vec::new();
        for (watch, spec) in specs.iter().enumerate() {
            patterns.extend(Pattern::of_spec(watch, spec)?);
        }
        Ok(Discovery {
            names: specs.iter().map(|spec| spec.name.clone()).collect(),
            patterns: Arc::new(patterns),
            exclusions: specs.iter().map(Exclusions::new).collect::<Result<_, _>>()?,
            directories: HashMap::new(),
            before: HashMap::new(),
            entered: Vec::new(),
        })
    }

    /// Whether the watch `name` means a file at `path`, whatever is there now.
    #[must_use]
    pub fn means(&self, name: &str, path: &Path) -> bool {
        let Some(watch) = self.names.iter().position(|known| known == name) else { return false };
        let patterns = self.patterns.iter().filter(|pattern| pattern.watch == watch);
        let mut means = patterns.filter_map(|pattern| pattern.means(path));
        means.any(|in_directory| !self.exclusions[watch].leave_out(path, in_directory))
    }

    /// The names of the watches.
    pub fn watches(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// The directories below which the patterns find files, as far as their names are fixed.
    #[must_use]
    pub fn base_directories(&self) -> HashSet<PathBuf> {
        self.patterns.iter().map(|pattern| deepest(pattern).0).collect()
    }

    /// Forgets when directories were listed, so that the next pass lists them all.
    pub(super) fn distrust(&mut self) {
        self.directories.values_mut().for_each(|dir| dir.listed = None);
    }

    /// Goes over all patterns from the root down. Directories that did not change since they were listed are not listed
    /// again. Returns the directories that are of interest no longer.
    pub(super) fn pass(&mut self, visitor: &mut dyn Visitor) -> Vec<PathBuf> {
        self.before = std::mem::take(&mut self.directories);
        let patterns = Arc::clone(&self.patterns);
        for (pattern, wanted) in patterns.iter().enumerate() {
            let (dir, part) = deepest(wanted);
            self.enter(&dir, Interest { pattern, part, depth: 0 }, true, visitor);
        }
        self.list_entered(visitor);
        let before = std::mem::take(&mut self.before);
        before.into_keys().filter(|path| !self.directories.contains_key(path)).collect()
    }

    /// Something happened at `name` in the directory of interest `dir`.
    pub(super) fn entry(&mut self, dir: &Path, name: &OsStr, visitor: &mut dyn Visitor) {
        let Some(directory) = self.directories.get(dir) else { return };
        let interests: Vec<Interest> = directory.interests.iter().copied().collect();
        let path = dir.join(name);
        let kind = match std::fs::symlink_metadata(&path) {
            Ok(meta) => meta.file_type(),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let meant = self.watches_of(&path, name, &interests);
                return meant.into_iter().for_each(|watch| visitor.vanished(watch, &path));
            }
            Err(_) => return,
        };
        for interest in interests {
            self.visit(&path, name, kind, interest, visitor);
        }
        self.list_entered(visitor);
    }

    /// A file was made at `name` in the directory of interest `dir`, written and removed again.
    pub(super) fn removed(&mut self, dir: &Path, name: &OsStr, visitor: &mut dyn Visitor) {
        let Some(directory) = self.directories.get(dir) else { return };
        let interests: Vec<Interest> = directory.interests.iter().copied().collect();
        let path = dir.join(name);
        for watch in self.watches_of(&path, name, &interests) {
            visitor.removed(watch, &path);
        }
    }

    /// Plain paths at which nothing is.
    pub fn missing(&self) -> impl Iterator<Item = &str> {
        self.patterns.iter().filter(|p| p.is_plain && !Path::new(&p.text).exists()).map(|p| p.text.as_str())
    }

    /// The watches that mean a file at `path`, at which nothing is any longer.
    fn watches_of(&self, path: &Path, name: &OsStr, interests: &[Interest]) -> Vec<usize> {
        let means = |interest: &&Interest| {
            let pattern = &self.patterns[interest.pattern];
            let is_meant = match pattern.parts.get(interest.part) {
                None => true,
                Some(PatternPart::AnyDepth) => false,
                Some(part) => pattern.is_last(interest.part) && part.matches(name),
            };
            let in_directory = interest.part >= pattern.parts.len();
            is_meant && !self.exclusions[pattern.watch].leave_out(path, in_directory)
        };
        interests.iter().filter(means).map(|interest| self.patterns[interest.pattern].watch).collect()
    }

    fn enter(&mut self, dir: &Path, interest: Interest, linked: bool, visitor: &mut dyn Visitor) {
        let before = self.before.get(dir);
        let is_new = !self.directories.contains_key(dir);
        let directory = self.directories.entry(dir.to_owned()).or_default();
        if is_new {
            directory.listed = before.and_then(|before| before.listed);
        }
        if directory.interests.insert(interest) {
            self.entered.push((dir.to_owned(), interest));
            if !before.is_some_and(|before| before.interests.contains(&interest)) {
                directory.listed = None;
            }
        }
        if is_new {
            visitor.watch(dir, linked);
        }
        // `**` also means no directory at all.
        if matches!(self.patterns[interest.pattern].parts.get(interest.part), Some(PatternPart::AnyDepth)) {
            self.enter(dir, interest.next(), linked, visitor);
        }
    }

    /// Lists every directory that was entered, and those that turn up meanwhile.
    fn list_entered(&mut self, visitor: &mut dyn Visitor) {
        while !self.entered.is_empty() {
            let mut due: HashMap<PathBuf, Vec<Interest>> = HashMap::new();
            for (dir, interest) in std::mem::take(&mut self.entered) {
                due.entry(dir).or_default().push(interest);
            }
            for (dir, interests) in due {
                self.list(&dir, &interests, visitor);
            }
        }
    }

    fn list(&mut self, dir: &Path, interests: &[Interest], visitor: &mut dyn Visitor) {
        let modified = std::fs::metadata(dir).and_then(|meta| meta.modified()).ok();
        let listed = self.directories.get(dir).and_then(|directory| directory.listed);
        let leads_on = interests.iter().any(|at| !self.patterns[at.pattern].is_last(at.part));
        if listed.is_some() && listed == modified && !leads_on {
            return;
        }
        if let Err(error) = self.visit_entries(dir, interests, visitor) {
            return visitor.unlisted(dir, &error);
        }
        // A change in the same instant as the listing would not show in the time.
        let is_old = |time: &SystemTime| time.elapsed().is_ok_and(|age| age.as_secs() >= 2);
        if let Some(directory) = self.directories.get_mut(dir) {
            directory.listed = modified.filter(is_old);
        }
    }

    fn visit_entries(
        &mut self,
        dir: &Path,
        interests: &[Interest],
        visitor: &mut dyn Visitor,
    ) -> std::io::Result<()> {
        let patterns = Arc::clone(&self.patterns);
        let (named, listed): (Vec<Interest>, Vec<Interest>) = interests
            .iter()
            .partition(|at| matches!(patterns[at.pattern].parts.get(at.part), Some(PatternPart::Name(_))));
        // What is named outright is found without a listing, which may be long or forbidden.
        for interest in named {
            let Some(PatternPart::Name(name)) = patterns[interest.pattern].parts.get(interest.part) else {
                continue;
            };
            let path = dir.join(name);
            match std::fs::symlink_metadata(&path) {
                Ok(meta) => self.visit(&path, name, meta.file_type(), interest, visitor),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        if listed.is_empty() {
            return Ok(());
        }
        let entries = std::fs::read_dir(dir)?.flatten();
        let mut entries: Vec<_> =
            entries.filter_map(|entry| Some((entry.file_name(), entry.file_type().ok()?))).collect();
        // A log comes before what it was rotated to, which asks it.
        entries.sort_by(|(a, _), (b, _)| (a.len(), a).cmp(&(b.len(), b)));
        for (name, kind) in entries {
            for interest in &listed {
                self.visit(&dir.join(&name), &name, kind, *interest, visitor);
            }
        }
        Ok(())
    }

    fn visit(
        &mut self,
        path: &Path,
        name: &OsStr,
        kind: FileType,
        interest: Interest,
        visitor: &mut dyn Visitor,
    ) {
        let patterns = Arc::clone(&self.patterns);
        let pattern = &patterns[interest.pattern];
        let linked = kind.is_symlink();
        // Behind the last part: the pattern named the directory, and means the logs in it.
        let Some(wanted) = pattern.parts.get(interest.part) else {
            if !kind.is_dir() {
                self.offer(path, kind, pattern, true, visitor);
            } else if pattern.is_recursive && PatternPart::AnyDepth.matches(name) {
                if interest.depth < DEPTH_MAX {
                    self.enter(path, Interest { depth: interest.depth + 1, ..interest }, linked, visitor);
                } else {
                    visitor.too_deep(&pattern.text);
                }
            }
            return;
        };
        if !wanted.matches(name) {
            return;
        }
        if matches!(wanted, PatternPart::AnyDepth) {
            // Below `**` links are not followed, or a link to a directory above would lead round in circles.
            if kind.is_dir() && interest.depth < DEPTH_MAX {
                self.enter(path, Interest { depth: interest.depth + 1, ..interest }, linked, visitor);
            } else if kind.is_dir() {
                visitor.too_deep(&pattern.text);
            }
        } else if kind.is_dir() || (linked && path.is_dir()) {
            if !pattern.is_last(interest.part) || pattern.is_plain {
                self.enter(path, interest.next(), linked, visitor);
            }
        } else if pattern.is_last(interest.part) {
            self.offer(path, kind, pattern, false, visitor);
        }
    }

    fn offer(
        &self,
        path: &Path,
        kind: FileType,
        pattern: &Pattern,
        in_directory: bool,
        visitor: &mut dyn Visitor,
    ) {
        let is_plain = pattern.is_plain && !in_directory;
        if is_file(path, kind, is_plain) && !self.exclusions[pattern.watch].leave_out(path, in_directory) {
            visitor.found(pattern.watch, path, kind.is_symlink());
        } else {
            visitor.left_out(pattern.watch, path, in_directory);
        }
    }
}

impl Interest {
    fn next(self) -> Interest {
        Interest { part: self.part + 1, depth: 0, ..self }
    }
}

/// Whether an entry is worth opening. Someone who names a FIFO outright is reported that it is none.
fn is_file(path: &Path, kind: FileType, is_plain: bool) -> bool {
    is_plain || kind.is_file() || (kind.is_symlink() && !path.is_dir())
}

/// The deepest directory that exists on the way down the plain parts of a pattern, and the part that its entries must
/// match. Only from there on can anything appear.
fn deepest(pattern: &Pattern) -> (PathBuf, usize) {
    let mut dir = PathBuf::from("/");
    for (number, part) in pattern.parts.iter().enumerate() {
        let PatternPart::Name(name) = part else { return (dir, number) };
        let next = dir.join(name);
        if !next.is_dir() {
            return (dir, number);
        }
        // A plain path to a file stays in the file's directory; one to a directory goes into it.
        dir = next;
    }
    (dir, pattern.parts.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Noted {
        found: HashSet<PathBuf>,
        watched: Vec<PathBuf>,
        too_deep: usize,
    }

    impl Visitor for Noted {
        fn watch(&mut self, dir: &Path, _: bool) {
            self.watched.push(dir.to_owned());
        }

        fn found(&mut self, _: usize, path: &Path, _: bool) {
            self.found.insert(path.to_owned());
        }

        fn unlisted(&mut self, dir: &Path, error: &std::io::Error) {
            panic!("{}: {error}", dir.display());
        }

        fn too_deep(&mut self, _: &str) {
            self.too_deep += 1;
        }
    }

    fn discovery(path: &Path) -> Discovery {
        Discovery::new(&[WatchSpec {
            name: "logs".into(),
            paths: vec![path.to_owned()],
            exclude: Vec::new(),
            is_recursive: false,
        }])
        .unwrap()
    }

    #[test]
    fn any_depth_ends_where_it_is_said_to() {
        let root = tempfile::tempdir().unwrap();
        let mut dir = root.path().to_owned();
        let mut files = Vec::new();
        for _ in 0..DEPTH_MAX + 3 {
            files.push(dir.join("x.log"));
            std::fs::write(dir.join("x.log"), "").unwrap();
            dir.push("d");
            std::fs::create_dir(&dir).unwrap();
        }
        let mut noted = Noted::default();
        let mut discovery = discovery(&root.path().join("**/x.log"));
        let _ = discovery.pass(&mut noted);
        assert_eq!(noted.found, files[..=DEPTH_MAX].iter().cloned().collect());
        assert_eq!(noted.too_deep, 1);
        // An event does not lead deeper than a pass does.
        let deepest = files[DEPTH_MAX].parent().unwrap();
        discovery.entry(deepest, OsStr::new("d"), &mut noted);
        assert_eq!((noted.found.len(), noted.too_deep), (DEPTH_MAX + 1, 2));
    }

    #[test]
    fn every_directory_is_watched_once_per_pass_whatever_leads_to_it() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("b/b/b")).unwrap();
        std::fs::write(root.path().join("b/b/b/x.log"), "").unwrap();
        let mut noted = Noted::default();
        let mut discovery = discovery(&root.path().join("**/b/**/x.log"));
        assert!(discovery.pass(&mut noted).is_empty());
        assert_eq!((noted.watched.len(), noted.found.len()), (4, 1));
        std::fs::remove_dir_all(root.path().join("b/b")).unwrap();
        let mut gone = discovery.pass(&mut noted);
        gone.sort();
        assert_eq!(gone, [root.path().join("b/b"), root.path().join("b/b/b")]);
    }
}

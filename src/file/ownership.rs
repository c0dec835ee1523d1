//! Which file is read through which path, so that none is counted twice.
//!
//! After `mv app.log app.log.1` both `app.log` (which goes on with what it has open) and, if a glob matches it,
//! `app.log.1` lead to the same file; so do a hard link and a second symbolic link. The first path that reads a file
//! claims it. When it lets go, it leaves a mark, and whoever finds the file later goes on from there.
//!
//! A name that rotation gives asks the path that it comes from before it claims anything: that path may be about to
//! find its own file, or a copy of it, under this name.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;

use crate::file::identity::{Anchor, Fingerprint, Identity};
use crate::file::rotation::names;
use crate::scan::cursor::LineCursor;
use crate::units::PathId;

/// How far a file was read, and how to recognise it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ReadPosition {
    /// Where the reading stopped.
    pub cursor: LineCursor,
    /// The first bytes of the file.
    pub head: Fingerprint,
    /// The bytes before the offset.
    pub anchor: Anchor,
}

/// How many marks are kept. The oldest is forgotten first.
pub const MARKS_MAX: usize = 16_384;

#[derive(Debug)]
struct OwnershipTable {
    owned: HashMap<Identity, PathId>,
    marks: LruCache<Identity, ReadPosition>,
    /// How far files were read that were owned when they were last at the path of their owner.
    out_of_sight: LruCache<Identity, ReadPosition>,
    paths: HashMap<Arc<Path>, BasePath>,
}

/// The path that a rotated name comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BasePath {
    /// Who reads it.
    pub owner: PathId,
    /// How many turns of it have begun.
    pub begun: u64,
    /// How many turns of it have ended.
    pub ended: u64,
    /// Whether a rotated name asks it for what it knows of a file.
    is_asked: bool,
}

/// All claims of a watch.
#[derive(Debug)]
pub struct Ownership(Mutex<OwnershipTable>);

impl Default for Ownership {
    fn default() -> Ownership {
        // The cache takes its memory as it fills.
        let new = || LruCache::unbounded();
        let (owned, paths) = (HashMap::new(), HashMap::new());
        Ownership(Mutex::new(OwnershipTable { owned, marks: new(), out_of_sight: new(), paths }))
    }
}

/// What claiming a file gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// It is ours, and no one has read it before.
    Fresh,
    /// It is ours, and was read up to the mark before.
    Resume(ReadPosition),
    /// Another path reads it: the one with this number.
    Taken(PathId),
}

impl Ownership {
    /// Claims `identity` for `owner`.
    pub fn claim(&self, identity: Identity, owner: PathId) -> Claim {
        let mut table = self.table();
        let reader = *table.owned.entry(identity).or_insert(owner);
        if reader != owner {
            return Claim::Taken(reader);
        }
        match table.marks.pop(&identity) {
            Some(mark) => Claim::Resume(mark),
            None => Claim::Fresh,
        }
    }

    /// Claims `identity` for `owner`, who knows by itself how far it was read. False if another path reads it.
    pub fn reserve(&self, identity: Identity, owner: PathId) -> bool {
        let mut table = self.table();
        let is_ours = *table.owned.entry(identity).or_insert(owner) == owner;
        if is_ours {
            table.marks.pop(&identity);
        }
        is_ours
    }

    /// Says that the file that `owner` reads as `before` has the numbers `now`.
    pub fn renumber(&self, before: Identity, now: Identity, owner: PathId) {
        self.disown(before, owner);
        self.table().owned.entry(now).or_insert(owner);
    }

    /// Whether anyone reads the file or has read it.
    #[must_use]
    pub fn knows(&self, identity: Identity) -> bool {
        let table = self.table();
        table.owned.contains_key(&identity) || table.marks.contains(&identity)
    }

    /// How far files were read that no one reads any longer, or that may be compressed by now, of those that `is_wanted`.
    #[must_use]
    pub fn positions(&self, is_wanted: impl Fn(&ReadPosition) -> bool) -> Vec<ReadPosition> {
        let table = self.table();
        let positions = table.marks.iter().chain(&table.out_of_sight).map(|(_, mark)| *mark);
        positions.filter(is_wanted).collect()
    }

    /// Says that a file with a rotated name, which was read so far under that, may be gone from there: another path may come
    /// upon what it was compressed to.
    pub fn note_out_of_sight(&self, identity: Identity, mark: ReadPosition) {
        remember(&mut self.table().out_of_sight, identity, mark);
    }

    /// Whether `owner` reads the file.
    #[must_use]
    pub fn is_read_by(&self, identity: Identity, owner: PathId) -> bool {
        self.table().owned.get(&identity) == Some(&owner)
    }

    /// Whether a path other than `owner`'s reads the file.
    #[must_use]
    pub fn is_read_by_another(&self, identity: Identity, owner: PathId) -> bool {
        self.table().owned.get(&identity).is_some_and(|reader| *reader != owner)
    }

    /// Releases `identity` and remembers how far it was read.
    pub fn release(&self, identity: Identity, mark: ReadPosition) {
        let mut table = self.table();
        table.owned.remove(&identity);
        remember(&mut table.marks, identity, mark);
    }

    /// Releases `identity`, of which `owner` has read nothing.
    pub fn disown(&self, identity: Identity, owner: PathId) {
        let mut table = self.table();
        if table.owned.get(&identity) == Some(&owner) {
            table.owned.remove(&identity);
        }
    }

    /// Says that `owner` reads `path`.
    pub fn enroll(&self, path: &Arc<Path>, owner: PathId) {
        self.table().paths.entry(Arc::clone(path)).or_insert(BasePath {
            owner,
            begun: 0,
            ended: 0,
            is_asked: false,
        });
    }

    /// Who reads `path`.
    #[must_use]
    pub fn reader_of(&self, path: &Path) -> Option<PathId> {
        self.table().paths.get(path).map(|base| base.owner)
    }

    /// Says that no one reads `path` any longer.
    pub fn leave(&self, path: &Path) {
        self.table().paths.remove(path);
    }

    /// Asks whoever reads `path` to look at its former files in a turn that begins from now on.
    pub fn ask(&self, path: &Path) {
        if let Some(base) = self.table().paths.get_mut(path) {
            base.is_asked = true;
        }
    }

    /// Says that a turn of `path` begins. Returns whether a rotated name asked for it.
    pub fn turn_begins(&self, path: &Path) -> bool {
        self.table().paths.get_mut(path).is_some_and(|base| {
            base.begun += 1;
            std::mem::take(&mut base.is_asked)
        })
    }

    /// Says that a turn of `path` has ended.
    pub fn turn_ends(&self, path: &Path) {
        if let Some(base) = self.table().paths.get_mut(path) {
            base.ended = base.begun;
        }
    }

    /// The path from which rotation may have made the name `path`, and which is read: in the same directory, or in the
    /// one above.
    #[must_use]
    pub fn base_of(&self, path: &Path) -> Option<(PathBuf, BasePath)> {
        let bases = names::bases(&names::text(path.file_name()?));
        if bases.is_empty() {
            return None;
        }
        let table = self.table();
        let dir = path.parent()?;
        [Some(dir), dir.parent()].into_iter().flatten().find_map(|dir| {
            let mut paths = bases.iter().map(|base| dir.join(names::name(base)));
            paths.find_map(|base| table.paths.get(base.as_path()).map(|reader| (base.clone(), *reader)))
        })
    }

    /// Gives back memory after many paths were left.
    pub fn shrink(&self) {
        let mut table = self.table();
        let (owned, paths) = (2 * table.owned.len(), 2 * table.paths.len());
        table.owned.shrink_to(owned);
        table.paths.shrink_to(paths);
    }

    fn table(&self) -> MutexGuard<'_, OwnershipTable> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds a mark; the oldest is forgotten beyond [`MARKS_MAX`].
fn remember(marks: &mut LruCache<Identity, ReadPosition>, identity: Identity, mark: ReadPosition) {
    marks.put(identity, mark);
    if marks.len() > MARKS_MAX {
        marks.pop_lru();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(ino: u64) -> Identity {
        Identity { dev: 1, ino, born_ns: 0 }
    }

    #[test]
    fn the_first_path_reads_and_the_next_goes_on_from_its_mark() {
        let claims = Ownership::default();
        let mark = ReadPosition {
            cursor: LineCursor::at(7),
            head: Fingerprint::default(),
            anchor: Anchor::default(),
        };
        assert_eq!(claims.claim(id(1), PathId(1)), Claim::Fresh);
        assert_eq!(claims.claim(id(1), PathId(2)), Claim::Taken(PathId(1)));
        claims.release(id(1), mark);
        assert!(claims.knows(id(1)));
        assert_eq!(claims.claim(id(1), PathId(2)), Claim::Resume(mark));
        assert_eq!(claims.claim(id(1), PathId(1)), Claim::Taken(PathId(2)));
        assert!(!claims.reserve(id(1), PathId(1)) && claims.reserve(id(1), PathId(2)));
    }

    #[test]
    fn a_rotated_name_finds_the_path_that_it_comes_from() {
        let claims = Ownership::default();
        let base = |path: &str| claims.base_of(Path::new(path)).map(|(path, base)| (path, base.owner));
        claims.enroll(&Arc::from(Path::new("/logs/app.log")), PathId(7));
        let app = Some((PathBuf::from("/logs/app.log"), PathId(7)));
        for path in ["/logs/app.log.1", "/logs/app.log-20261122.gz", "/logs/old/app.log.3"] {
            assert_eq!(base(path), app, "{path}");
        }
        for path in ["/logs/app.log", "/logs/app.log.err", "/logs/web.log.1", "/var/logs/app.log.1"] {
            assert_eq!(base(path), None, "{path}");
        }
        claims.leave(Path::new("/logs/app.log"));
        assert_eq!(base("/logs/app.log.1"), None);
    }

    #[test]
    fn marks_are_bounded() {
        let claims = Ownership::default();
        let mark = ReadPosition {
            cursor: LineCursor::at(7),
            head: Fingerprint::default(),
            anchor: Anchor::default(),
        };
        for ino in 0..MARKS_MAX as u64 + 10 {
            claims.release(id(ino), mark);
        }
        assert!(!claims.knows(id(9)));
        assert!(claims.knows(id(10)));
    }
}

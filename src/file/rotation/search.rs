//! Finds what rotation did with a file that is no longer where it was: renamed, copied or compressed, and which files
//! stood at the path between it and the one that stands there now.
//!
//! A name only makes a file a candidate. What it is, its inode says, or its head and the bytes before the offset.

use std::cell::{Cell, RefCell};
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::file::archive::{ContentMark, begins_as};
use crate::file::checkpoint::FileCheckpoint;
use crate::file::identity::{Fingerprint, HEAD_BYTES, Identity};
use crate::file::ownership::Ownership;
use crate::file::rotation::listing::{DirectoryListings, Listing};
use crate::file::rotation::names::{self, uncompressed};
use crate::file::vfs::{FileHandle, Filesystem};
use crate::sys::open::{OpenError, Stat, classify};
use crate::units::PathId;

/// Stamps that are further ahead of the clock than this, in nanoseconds, were made before someone set it back. A turn may
/// last a while.
const AHEAD_NS: i64 = 600_000_000_000;

/// At most this many directories below a path's own are looked into for rotated files.
const SUBDIRECTORIES_MAX: usize = 64;

/// So often is a search made again because rotation moved files meanwhile.
const ROUNDS_MAX: u32 = 8;

/// At most this many files that stood at a path unseen are read; more would mean that names mislead us.
const UNSEEN_MAX: usize = 256;

/// A file beside the path, with a name that rotation gives.
#[derive(Debug, Clone)]
struct Sibling {
    path: PathBuf,
    is_compressed: bool,
    /// Its stat, if it is a regular file.
    stat: Option<Stat>,
}

/// What there is beside the path.
#[derive(Default)]
struct Surroundings {
    siblings: Vec<Sibling>,
    /// The path's directory and those below it.
    listings: Vec<(PathBuf, Arc<Listing>)>,
    /// Whether files were looked at that have other names.
    used_all_names: Cell<bool>,
}

impl Surroundings {
    /// Whether a search among these and one among `now` find the same.
    fn are_still(&self, now: &Surroundings) -> bool {
        let is_same = |(before, now): (&Sibling, &Sibling)| {
            before.path == now.path && before.identity() == now.identity()
        };
        let mut listings = self.listings.iter().zip(&now.listings);
        self.siblings.len() == now.siblings.len()
            && self.siblings.iter().zip(&now.siblings).all(is_same)
            && (!self.used_all_names.get()
                || self.listings.len() == now.listings.len()
                    && listings.all(|(a, b)| a.0 == b.0 && a.1.has_same_files(&b.1)))
    }
}

impl Sibling {
    fn identity(&self) -> Option<Identity> {
        self.stat.as_ref().map(Identity::from)
    }
}

/// Which names may belong to the former files of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NameSet {
    /// Those that rotation makes of its own.
    Rotated,
    /// Those as well that rotation makes of a name from which its own was made: `app.log.1` becomes `app.log.2.gz`.
    Related,
}

/// A file of a path, found under another name.
pub struct FoundFile {
    /// The open file.
    pub file: Arc<dyn FileHandle>,
    /// Its stat when it was opened.
    pub stat: Stat,
    /// Whether it is compressed.
    pub is_compressed: bool,
    /// What an archive may hold that is known already, as far as its first bytes tell.
    pub known: Vec<ContentMark>,
}

impl FoundFile {
    /// Which file it is.
    #[must_use]
    pub fn identity(&self) -> Identity {
        Identity::from(&self.stat)
    }
}

impl FoundFile {
    /// The same, as it is now.
    fn again(&self) -> Option<FoundFile> {
        let (file, is_compressed) = (Arc::clone(&self.file), self.is_compressed);
        Some(FoundFile { stat: file.stat().ok()?, file, is_compressed, known: Vec::new() })
    }
}

/// What became of a file.
pub enum SearchResult {
    /// Here it is, or a copy that holds at least what was judged.
    Found(FoundFile),
    /// Here it is, but what was judged is no longer in it.
    Rewritten(FoundFile),
    /// It is being read already, by this path or another.
    ReadElsewhere,
    /// It may be in a file that cannot be opened, and why that is.
    Obstructed(SearchObstacle),
    /// It is nowhere to be found.
    Lost,
}

/// Why a file or directory could not be looked into.
#[derive(Debug)]
pub struct SearchObstacle {
    /// For people.
    pub text: String,
    /// Whether it was for want of a descriptor.
    pub is_starved: bool,
}

/// Looks for the former files of one path.
pub struct RotationSearch<'a> {
    /// Where to look.
    pub filesystem: &'a dyn Filesystem,
    /// What is known of directories.
    pub listings: &'a DirectoryListings,
    /// Who reads which file.
    pub claims: &'a Ownership,
    /// For whom.
    pub owner: PathId,
    /// The path that the files stood at.
    pub path: &'a Path,
    /// Archives that were found to hold something else.
    pub refuted: &'a [Identity],
    /// What time it is, on the clock that stamps files, in nanoseconds since the epoch.
    pub now_ns: i64,
    /// Whether an archive was refused that may hold what is searched for.
    pub refused: Cell<bool>,
    /// What was in the way, if anything was.
    pub obstacle: RefCell<Option<SearchObstacle>>,
}

impl RotationSearch<'_> {
    /// Looks for the file that `place` remembers: by its inode, or else for a copy by its contents. `is_gone` says that
    /// the inode itself does not hold the contents any longer.
    #[must_use]
    pub fn locate(&self, place: &FileCheckpoint, is_gone: bool) -> SearchResult {
        self.while_still(NameSet::Related, |around| self.locate_among(around, place, is_gone))
    }

    fn locate_among(&self, around: &Surroundings, place: &FileCheckpoint, is_gone: bool) -> SearchResult {
        if !is_gone && let Some(found) = self.by_identity(around, place.identity) {
            let is_unread = place.mark.head.len == 0;
            return match self.unless_read_elsewhere(found) {
                SearchResult::Found(found) if !is_unread && !self.is_held(&found, place) => {
                    SearchResult::Rewritten(found)
                }
                whereabouts => whereabouts,
            };
        }
        let mut copies: Vec<FoundFile> =
            complete(&around.siblings).filter_map(|sibling| self.open_if_copy(sibling, place)).collect();
        // The first of equal ones is the oldest. What this path reads already is hardly the copy of another file.
        let is_own = |copy: &FoundFile| self.claims.is_read_by(copy.identity(), self.owner);
        copies.sort_by_key(|copy| (is_own(copy), copy.stat.modified_ns, copy.stat.born_ns));
        match copies.into_iter().next() {
            Some(found) if is_own(&found) => SearchResult::ReadElsewhere,
            Some(found) => self.unless_read_elsewhere(found),
            None => self.obstacle.take().map_or(SearchResult::Lost, SearchResult::Obstructed),
        }
    }

    /// The files that stood at the path after the one that `last` remembers, unseen, oldest first. `known` gives the
    /// ends of files of this path that are open or were read, `now` is what was read of the one that stands at the path. Nothing that was
    /// last written before `since_ns` is among them.
    #[must_use]
    pub fn unseen(
        &self,
        last: &FileCheckpoint,
        known: &dyn Fn() -> Vec<FileCheckpoint>,
        now: Option<&FileCheckpoint>,
        since_ns: i64,
    ) -> Vec<FoundFile> {
        let Some(horizon) = self.horizon(last).map(|horizon| horizon.max(since_ns)) else {
            return Vec::new();
        };
        let is_unseen = |stat: &Stat| {
            let identity = Identity::from(stat);
            let is_known = now.is_some_and(|now| identity == now.identity)
                || identity == last.identity
                || self.claims.knows(identity);
            // An empty file may be a copy that is about to be made, unless it was there before the file at the path.
            let may_grow = now.is_none_or(|now| {
                last.identity.born_ns <= stat.born_ns && stat.born_ns <= now.identity.born_ns
            });
            !is_known && stat.modified_ns >= horizon && (stat.size > 0 || may_grow)
        };
        let mut unseen = self.while_still(NameSet::Rotated, |around| {
            let unseen =
                complete(&around.siblings).filter(|sibling| sibling.stat.as_ref().is_some_and(is_unseen));
            let opened = unseen.filter_map(|sibling| self.open(sibling));
            let if_new = |found: FoundFile| {
                // First this: if the file at the path was truncated already, its copy is complete when it is compared.
                if self.is_copy_of_current(&found) {
                    return None;
                }
                let found = found.again()?;
                // What was read just now may have been copied and truncated just now.
                let is_late = |now: &&FileCheckpoint| found.stat.modified_ns >= now.modified_ns;
                let late = now.filter(is_late);
                // Only now: whatever was copied or compressed was written before.
                let known = known();
                if found.is_compressed {
                    let ends = known.iter().filter(|place| is_read(place)).map(|place| (place, true));
                    let marks = ends.chain(late.map(|now| (now, false)));
                    let known = marks.filter(|(place, _)| holds(&found, place));
                    let known =
                        known.map(|(place, is_end)| ContentMark { mark: place.mark, is_end }).collect();
                    return Some(FoundFile { known, ..found });
                }
                let is_known = known.iter().any(|place| is_equal(&found, place));
                let is_new = !is_known && !late.is_some_and(|now| holds(&found, now));
                is_new.then_some(found)
            };
            opened.filter_map(if_new).take(UNSEEN_MAX).collect::<Vec<FoundFile>>()
        });
        unseen.sort_by_key(|found| (found.stat.modified_ns, found.stat.born_ns));
        unseen.dedup_by_key(|found| found.identity());
        unseen
    }

    /// Whether a compressed file bears the stamp of the file that `place` remembers, so that it holds what was seen then:
    /// compressors keep it.
    #[must_use]
    pub fn is_archived(&self, place: &FileCheckpoint) -> bool {
        let has_stamp = |stat: &Stat| stat.modified_ns == place.modified_ns;
        self.look_around(NameSet::Related)
            .siblings
            .iter()
            .any(|sibling| sibling.is_compressed && sibling.stat.as_ref().is_some_and(has_stamp))
    }

    /// Whatever came after `place` was last written at this time or later, in nanoseconds since the epoch. `None` if the
    /// stamps of the file lie in the future, so that they tell nothing.
    fn horizon(&self, place: &FileCheckpoint) -> Option<i64> {
        (place.modified_ns <= self.now_ns + AHEAD_NS).then_some(place.modified_ns)
    }

    fn unless_read_elsewhere(&self, found: FoundFile) -> SearchResult {
        if self.claims.is_read_by_another(found.identity(), self.owner) {
            SearchResult::ReadElsewhere
        } else {
            SearchResult::Found(found)
        }
    }

    fn by_identity(&self, around: &Surroundings, identity: Identity) -> Option<FoundFile> {
        let is_same = |now: Identity| now == identity || now.is_renumbered(&identity);
        let is_it = |sibling: &&Sibling| sibling.identity().is_some_and(is_same);
        let sibling = around.siblings.iter().find(is_it).cloned();
        let sibling = sibling
            .or_else(|| self.stranger(around, identity))
            .or_else(|| self.stranger(around, self.renumbered(identity)?))?;
        self.open(&sibling).filter(|found| is_same(found.identity()))
    }

    /// The same file with the device number that the directory has now, if that is another one.
    fn renumbered(&self, identity: Identity) -> Option<Identity> {
        let now = Identity { dev: self.filesystem.stat(self.path.parent()?).ok()?.dev, ..identity };
        now.is_renumbered(&identity).then_some(now)
    }

    /// The file with this identity, whatever its name is.
    fn stranger(&self, around: &Surroundings, identity: Identity) -> Option<Sibling> {
        around.used_all_names.set(true);
        around.listings.iter().find_map(|(dir, listing)| {
            let identity_of =
                |name: &OsStr| self.filesystem.stat(&dir.join(name)).ok().as_ref().map(Identity::from);
            let path = dir.join(listing.by_identity(identity, identity_of)?);
            let is_compressed = path.file_name()?.to_str().and_then(uncompressed).is_some();
            Some(Sibling { path, is_compressed, stat: None })
        })
    }

    fn open_if_copy(&self, sibling: &Sibling, place: &FileCheckpoint) -> Option<FoundFile> {
        // A copy is made, or its original last written, after the last look at the original.
        let horizon = self.horizon(place).unwrap_or(i64::MIN);
        let stat = sibling.stat.as_ref().filter(|stat| stat.modified_ns >= horizon)?;
        let identity = Identity::from(stat);
        if identity == place.identity || self.refuted.contains(&identity) {
            return None;
        }
        self.open(sibling).filter(|found| self.is_held(found, place))
    }

    /// Whether `found` holds what was judged, or may do so as far as its first bytes tell.
    fn is_held(&self, found: &FoundFile, place: &FileCheckpoint) -> bool {
        if found.is_compressed && place.mark.head.len > 0 {
            let begins = begins_as(&found.file, &place.mark.head);
            let is_refused = |error: &io::Error| error.kind() == io::ErrorKind::OutOfMemory;
            self.refused.set(self.refused.get() || begins.as_ref().is_err_and(is_refused));
            return begins.unwrap_or(false);
        }
        holds(found, place)
    }

    /// Opens a sibling, if it is still the file that it was when it was listed.
    fn open(&self, sibling: &Sibling) -> Option<FoundFile> {
        match self.filesystem.open(&sibling.path) {
            Ok((_, stat)) if sibling.stat.is_some() && sibling.identity() != Some(Identity::from(&stat)) => {
                None
            }
            Ok((file, stat)) => {
                let (is_compressed, known) = (sibling.is_compressed, Vec::new());
                Some(FoundFile { file, stat, is_compressed, known })
            }
            Err(OpenError::Missing | OpenError::NotRegular(_)) => None,
            Err(error) => {
                let is_starved = matches!(error, OpenError::TooManyOpen);
                let path = sibling.path.display();
                let text = format!("cannot open {path}, which may be its former file: {error}");
                self.obstacle.replace(Some(SearchObstacle { text, is_starved }));
                None
            }
        }
    }

    /// Whether `found` begins as the file that stands at the path now: then rotation is copying that one.
    fn is_copy_of_current(&self, found: &FoundFile) -> bool {
        !found.is_compressed
            && self
                .filesystem
                .open(self.path)
                .is_ok_and(|(current, stat)| is_copy((&*found.file, &found.stat), (&*current, &stat)))
    }

    /// Searches among the siblings until they stayed as they are for the whole of a search: while rotation moves them, one
    /// may be seen twice or not at all.
    fn while_still<T>(&self, names: NameSet, search: impl Fn(&Surroundings) -> T) -> T {
        let mut around = self.look_around(names);
        let mut rounds = 0;
        loop {
            self.obstacle.replace(None);
            let found = search(&around);
            let now = self.look_around(names);
            rounds += 1;
            if around.are_still(&now) || rounds == ROUNDS_MAX {
                return found;
            }
            around = now;
        }
    }

    /// Files in the path's directory and in those below it: `olddir` is often one of them.
    fn look_around(&self, names: NameSet) -> Surroundings {
        let mut around = Surroundings::default();
        let (Some(dir), Some(name)) =
            (self.path.parent(), self.path.file_name().and_then(|name| name.to_str()))
        else {
            return around;
        };
        let mut bases = vec![name.to_owned()];
        if names == NameSet::Related {
            bases.extend(names::bases(name));
        }
        let Some(own) = self.list(dir, &bases, &mut around) else { return around };
        for below in own.directories.iter().take(SUBDIRECTORIES_MAX) {
            self.list(&dir.join(below), &bases, &mut around);
        }
        around.siblings.sort_by(|a, b| a.path.cmp(&b.path));
        around
    }

    fn list(&self, dir: &Path, bases: &[String], around: &mut Surroundings) -> Option<Arc<Listing>> {
        let is_own = self.path.parent() == Some(dir);
        let listing = match self.listings.list(self.filesystem, dir, self.now_ns) {
            Ok(listing) => listing,
            Err(error) => {
                let error = classify(error, dir);
                let is_starved = matches!(error, OpenError::TooManyOpen);
                // A directory below that is closed to us is no place for the logs that we read.
                if is_starved || (is_own && !matches!(error, OpenError::Missing)) {
                    let text =
                        format!("cannot list {}, where its former file may be: {error}", dir.display());
                    self.obstacle.replace(Some(SearchObstacle { text, is_starved }));
                }
                return None;
            }
        };
        for name in listing.rotated(bases) {
            if name == bases[0] && is_own {
                continue;
            }
            let path = dir.join(name);
            let stat = self.filesystem.stat(&path).ok().filter(Stat::is_regular);
            around.siblings.push(Sibling { path, is_compressed: uncompressed(name).is_some(), stat });
        }
        around.listings.push((dir.to_owned(), Arc::clone(&listing)));
        Some(listing)
    }
}

/// Whether `file` looks like a copy of `original`, complete or not: it is no longer, and begins with the same bytes.
#[must_use]
pub fn is_copy(file: (&dyn FileHandle, &Stat), original: (&dyn FileHandle, &Stat)) -> bool {
    let (mut a, mut b) = ([0; HEAD_BYTES], [0; HEAD_BYTES]);
    match (file.0.read_at(&mut a, 0), original.0.read_at(&mut b, 0)) {
        (Ok(len), Ok(original_len)) => {
            len > 0 && len <= original_len && file.1.size <= original.1.size && a[..len] == b[..len]
        }
        _ => false,
    }
}

/// Files without those that a compressor is still at work on: their source is there as well.
fn complete(siblings: &[Sibling]) -> impl Iterator<Item = &Sibling> {
    let has_source = |sibling: &Sibling| siblings.iter().any(|other| is_source(other, sibling));
    siblings.iter().filter(move |sibling| !sibling.is_compressed || !has_source(sibling))
}

/// Whether `plain` is what `compressed` is being made from. A compressor stamps its work with the time of now, and at last
/// with that of its source; an older one was made from another file, which had this name before.
fn is_source(plain: &Sibling, compressed: &Sibling) -> bool {
    let modified = |sibling: &Sibling| sibling.stat.as_ref().map(|stat| stat.modified_ns);
    if modified(compressed) < modified(plain) {
        return false;
    }
    let name = |sibling: &Sibling| sibling.path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
    let stem = name(compressed).and_then(|name| uncompressed(&name).map(str::to_owned));
    plain.path.parent() == compressed.path.parent() && stem.is_some() && name(plain) == stem
}

/// Whether `found` holds what was judged of the file that `place` remembers. An archive may do so if it begins so; the rest shows
/// when it is read.
fn holds(found: &FoundFile, place: &FileCheckpoint) -> bool {
    place.mark.head.len > 0
        && if found.is_compressed {
            begins_as(&found.file, &place.mark.head).unwrap_or(false)
        } else {
            holds_plain(found, place).unwrap_or(false)
        }
}

/// Whether `place` remembers the end of a file of which everything was judged.
fn is_read(place: &FileCheckpoint) -> bool {
    place.mark.head.len > 0 && place.mark.cursor.offset == place.size
}

/// Whether `found`, which is not compressed, holds the same as a file of which `place` remembers the end, and nothing more.
fn is_equal(found: &FoundFile, place: &FileCheckpoint) -> bool {
    is_read(place) && found.stat.size == place.size && holds_plain(found, place).unwrap_or(false)
}

fn holds_plain(found: &FoundFile, place: &FileCheckpoint) -> io::Result<bool> {
    let mark = &place.mark;
    let mut head = vec![0; mark.head.len];
    let mut anchor = vec![0; mark.anchor.len()];
    let got = found.file.read_at(&mut head, 0)?;
    if found.stat.size < mark.cursor.offset || got < head.len() || Fingerprint::of(&head) != mark.head {
        return Ok(false);
    }
    found.file.read_at(&mut anchor, mark.cursor.offset - mark.anchor.len() as u64)?;
    Ok(anchor == mark.anchor.bytes())
}

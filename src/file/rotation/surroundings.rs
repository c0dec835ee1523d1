//! The files beside a path that rotation may have put there, and how a search among them waits until they stay.

use std::cell::{Cell, RefCell};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::file::archive::ContentMark;
use crate::file::identity::Identity;
use crate::file::ownership::Ownership;
use crate::file::rotation::listing::{DirectoryListings, Listing};
use crate::file::rotation::names;
use crate::file::vfs::{FileHandle, Filesystem};
use crate::sys::open::{OpenError, Stat, classify};
use crate::units::PathId;

/// At most this many directories below a path's own are looked into for rotated files.
const SUBDIRECTORIES_MAX: usize = 64;

/// So deep may directories of years, months and days lie in one another below those.
const PERIODS_DEPTH_MAX: usize = 3;

/// So often is a search made again because rotation moved files meanwhile.
const ROUNDS_MAX: u32 = 8;

/// Where directories change all the time, or do not show that they do, an answer counts if so many listings after it agree: a listing
/// misses a name only if that is moved while it is made.
const AGREEMENTS_MIN: u32 = 3;

/// A file beside the path, with a name that rotation gives.
#[derive(Debug, Clone)]
pub(super) struct Sibling {
    pub(super) path: PathBuf,
    pub(super) is_compressed: bool,
    /// Whether its name begins with the whole name of the path, as `app.log.1` does and `app-1.log` does not.
    pub(super) keeps_name: bool,
    /// Its stat, if it is a regular file.
    pub(super) stat: Option<Stat>,
}

impl Sibling {
    pub(super) fn identity(&self) -> Option<Identity> {
        self.stat.as_ref().map(Identity::from)
    }

    /// Whether a date is a part of its name.
    pub(super) fn is_dated(&self) -> bool {
        self.path.file_name().is_some_and(|name| names::has_date(&names::text(name)))
    }
}

/// What there is beside the path.
#[derive(Default)]
pub(super) struct Surroundings {
    pub(super) siblings: Vec<Sibling>,
    /// The path's directory and those below it.
    pub(super) listings: Vec<(PathBuf, Arc<Listing>)>,
    /// Whether files were looked at that have other names.
    pub(super) used_all_names: Cell<bool>,
}

/// What the surroundings of a later look say about a search in those of an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stillness {
    /// No name changed in between, so none was missed.
    Proved,
    /// The same files are listed, which may both times lack one that was moved.
    Likely,
    /// Files were moved.
    None,
}

impl Surroundings {
    fn stillness(&self, now: &Surroundings) -> Stillness {
        let mut listings = self.listings.iter().zip(&now.listings);
        match self.are_alike(now) {
            false => Stillness::None,
            true if listings.all(|(a, b)| a.1.is_of_same_state(&b.1)) => Stillness::Proved,
            true => Stillness::Likely,
        }
    }

    /// Whether a search among these and one among `now` find the same.
    fn are_alike(&self, now: &Surroundings) -> bool {
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

    /// Files without those that a compressor is still at work on: their source is there as well.
    pub(super) fn complete(&self) -> impl Iterator<Item = &Sibling> {
        let has_source = |sibling: &Sibling| self.siblings.iter().any(|other| is_source(other, sibling));
        self.siblings.iter().filter(move |sibling| !sibling.is_compressed || !has_source(sibling))
    }
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
    pub(super) fn again(&self) -> Option<FoundFile> {
        let (file, is_compressed) = (Arc::clone(&self.file), self.is_compressed);
        Some(FoundFile { stat: file.stat().ok()?, file, is_compressed, known: Vec::new() })
    }
}

/// Why a file or directory could not be looked into.
#[derive(Debug)]
pub struct SearchObstacle {
    /// For people.
    pub text: String,
    /// Whether it was for want of a descriptor.
    pub is_starved: bool,
    /// Whether it was only that files were moved all the time.
    pub is_unrest: bool,
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

/// Which names may belong to the former files of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameSet {
    /// Those that rotation makes of its own.
    Rotated,
    /// Those as well that rotation makes of a name from which its own was made: `app.log.1` becomes `app.log.2.gz`.
    Related,
}

impl RotationSearch<'_> {
    /// Searches among the siblings until they stayed as they are for the whole of a search: while rotation moves them, one
    /// may be seen twice or not at all. If they never do, that is an obstacle.
    pub(super) fn while_still<T>(&self, names: NameSet, search: impl Fn(&Surroundings) -> T) -> T {
        self.obstacle.replace(None);
        let mut around = self.look_around(names);
        let mut answer = self.answer(&around, &search);
        let (mut agreements, mut rounds) = (0, 0);
        loop {
            let now = self.look_around(names);
            match around.stillness(&now) {
                Stillness::Likely if agreements < AGREEMENTS_MIN => agreements += 1,
                Stillness::Proved | Stillness::Likely => {
                    let (found, obstacle) = answer;
                    if obstacle.is_some() {
                        self.obstacle.replace(obstacle);
                    }
                    return found;
                }
                Stillness::None if rounds + 1 == ROUNDS_MAX => {
                    let text =
                        "its directory changes all the time, so its former file was not found yet".to_owned();
                    let unrest = SearchObstacle { text, is_starved: false, is_unrest: true };
                    let (found, obstacle) = answer;
                    self.obstacle.replace(Some(obstacle.unwrap_or(unrest)));
                    return found;
                }
                Stillness::None => {
                    answer = self.answer(&now, &search);
                    (agreements, rounds) = (0, rounds + 1);
                }
            }
            around = now;
        }
    }

    /// What a search finds among these, and what was in its way.
    fn answer<T>(
        &self,
        around: &Surroundings,
        search: impl Fn(&Surroundings) -> T,
    ) -> (T, Option<SearchObstacle>) {
        let found = search(around);
        (found, self.obstacle.take())
    }

    /// Whether no file beside the path has a name that rotation gives, by listings that were made after `since_ms`; it is `now_ms`,
    /// both on the monotonic clock in milliseconds. False if that cannot be decided without a search.
    #[must_use]
    pub fn has_no_sibling(&self, now_ms: u64, since_ms: u64) -> bool {
        let (Some(dir), Some(name)) = (self.path.parent(), self.path.file_name()) else { return false };
        let name = names::text(name);
        let pair = |dir: &Path| self.listings.pair(self.filesystem, dir, now_ms, since_ms).ok();
        // Directories of periods are below others.
        let is_none_in = |dir: &Path| {
            pair(dir).is_some_and(|pair| !pair.has_rotated(&name) && pair.directories().next().is_none())
        };
        let Some(own) = pair(dir).filter(|_| self.filesystem.link_target(self.path).is_none()) else {
            return false;
        };
        !own.has_rotated(&name)
            && own.directories().take(2 * SUBDIRECTORIES_MAX).all(|below| is_none_in(&dir.join(below)))
    }

    /// Files in the path's directory and in those below it, of which `olddir` is often one, and in those of periods below
    /// them, such as `archive/2026/11`. If the path is a symbolic link,
    /// those around its target as well, under the target's name.
    pub(super) fn look_around(&self, names: NameSet) -> Surroundings {
        let mut around = Surroundings::default();
        self.look_around_name(self.path, names, &mut around);
        if let Some(target) = self.filesystem.link_target(self.path) {
            self.look_around_name(&target, names, &mut around);
        }
        around.siblings.sort_by(|a, b| a.path.cmp(&b.path));
        around.siblings.dedup_by(|a, b| a.path == b.path);
        around
    }

    fn look_around_name(&self, path: &Path, names: NameSet, around: &mut Surroundings) {
        let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else { return };
        let own = names::text(name);
        let mut bases = vec![own.clone().into_owned()];
        if names == NameSet::Related {
            bases.extend(names::bases(&own));
        }
        let Some(listing) = self.list(dir, Some(name), &bases, around) else { return };
        let mut left = SUBDIRECTORIES_MAX;
        let mut level: Vec<PathBuf> =
            newest_first(&listing.directories).map(|below| dir.join(below)).collect();
        for _ in 0..=PERIODS_DEPTH_MAX {
            let mut next = Vec::new();
            for below in level.into_iter().take(left) {
                left -= 1;
                let Some(listing) = self.list(&below, None, &bases, around) else { continue };
                let is_period = |name: &&OsString| names::is_period(&names::text(name));
                next.extend(
                    newest_first(&listing.directories).filter(is_period).map(|name| below.join(name)),
                );
            }
            level = next;
        }
    }

    fn stat(&self, path: &Path) -> Option<Stat> {
        let error = match self.filesystem.stat(path) {
            Ok(stat) => return Some(stat),
            Err(error) => classify(error, path),
        };
        if !matches!(error, OpenError::Missing) {
            let text = format!("cannot examine {}, which may be its former file: {error}", path.display());
            self.obstacle.replace(Some(SearchObstacle { text, is_starved: false, is_unrest: false }));
        }
        None
    }

    /// Lists a directory; `own` is the name of the path in it.
    fn list(
        &self,
        dir: &Path,
        own: Option<&OsStr>,
        bases: &[String],
        around: &mut Surroundings,
    ) -> Option<Arc<Listing>> {
        let listing = match self.listings.list(self.filesystem, dir, self.now_ns) {
            Ok(listing) => listing,
            Err(error) => {
                let error = classify(error, dir);
                let is_starved = matches!(error, OpenError::TooManyOpen);
                // A directory below that is closed to us is no place for the logs that we read.
                if is_starved || (own.is_some() && !matches!(error, OpenError::Missing)) {
                    let text =
                        format!("cannot list {}, where its former file may be: {error}", dir.display());
                    self.obstacle.replace(Some(SearchObstacle { text, is_starved, is_unrest: false }));
                }
                return None;
            }
        };
        for name in listing.rotated(bases) {
            if Some(name) == own {
                continue;
            }
            let path = dir.join(name);
            let stat = self.stat(&path).filter(Stat::is_regular);
            let text = names::text(name);
            around.siblings.push(Sibling {
                path,
                is_compressed: names::uncompressed(&text).is_some(),
                keeps_name: names::keeps_name(&text, &bases[0]),
                stat,
            });
        }
        around.listings.push((dir.to_owned(), Arc::clone(&listing)));
        Some(listing)
    }
}

/// Directories of dates in an order in which the newest come first, so that none of those is beyond the bound.
fn newest_first(directories: &[OsString]) -> impl Iterator<Item = &OsString> {
    let mut sorted: Vec<&OsString> = directories.iter().collect();
    sorted.sort_unstable_by(|a, b| b.cmp(a));
    sorted.into_iter()
}

/// Whether `plain` is what `compressed` is being made from. A compressor stamps its work with the time of now, and at last
/// with that of its source; an older one was made from another file, which had this name before.
fn is_source(plain: &Sibling, compressed: &Sibling) -> bool {
    let modified = |sibling: &Sibling| sibling.stat.as_ref().map(|stat| stat.modified_ns);
    if modified(compressed) < modified(plain) {
        return false;
    }
    let stem = |path: &Path| {
        let name = names::text(path.file_name()?);
        names::uncompressed(&name).map(names::name)
    };
    let stem: Option<OsString> = stem(&compressed.path);
    plain.path.parent() == compressed.path.parent()
        && stem.is_some()
        && plain.path.file_name() == stem.as_deref()
}

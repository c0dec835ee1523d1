//! Finds what rotation did with a file that is no longer where it was: renamed, copied or compressed, and which files
//! stood at the path between it and the one that stands there now.
//!
//! A name only makes a file a candidate. What it is, its inode says, or its head and the bytes before the offset.

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::io;
use std::path::Path;

use super::contents::{holds, is_copy, is_equal, is_read};
pub use super::surroundings::{FoundFile, RotationSearch, SearchObstacle};
use super::surroundings::{NameSet, Sibling, Surroundings};
use crate::file::archive::{ContentMark, begins_as, first_bytes};
use crate::file::checkpoint::{FileCheckpoint, KnownEnd};
use crate::file::identity::Identity;
use crate::file::ownership::ReadPosition;
use crate::file::reader::STAMP_LAG_NS;
use crate::file::rotation::names;
use crate::sys::open::{OpenError, Stat};

/// Stamps that are further ahead of the clock than this, in nanoseconds, were made before someone set it back. A turn may
/// last a while.
const AHEAD_NS: i64 = 600_000_000_000;

/// At most this many files that stood at a path unseen are kept open until they are read.
const UNSEEN_OPEN_MAX: usize = 16;

/// A file may be made so long before it is put at its path, in nanoseconds.
const PREPARED_NS: i64 = 60_000_000_000;

/// A file that stood at the path unseen.
pub struct UnseenFile {
    /// Which file it is.
    pub identity: Identity,
    /// When it was last written, in nanoseconds since the epoch.
    pub modified_ns: i64,
    /// Its name without the ending of a compressor, if there is a date in it.
    dated: Option<Box<str>>,
    /// The open file. `None` if there are so many that it was closed again.
    pub file: Option<FoundFile>,
}

impl UnseenFile {
    fn of(sibling: &Sibling, found: FoundFile, is_kept: bool) -> UnseenFile {
        let (identity, modified_ns) = (found.identity(), found.stat.modified_ns);
        let is_kept = is_kept || !found.known.is_empty();
        let name = sibling.path.file_name().map(names::text).unwrap_or_default();
        let dated = names::uncompressed(&name).unwrap_or(&name);
        let dated = names::has_date(dated).then(|| dated.into());
        UnseenFile { identity, modified_ns, dated, file: is_kept.then_some(found) }
    }
}

/// Whether there is evidence that a file with a name such as `app-1.log` stood at the path `app.log` before, and is not a
/// log of its own: writing sets both stamps, renaming and compressing only one of them; and it is older than what took its
/// place. With a date in its name it suffices that it was not written to since that took its place.
fn was_renamed(sibling: &Sibling, stat: &Stat, now: Option<&FileCheckpoint>) -> bool {
    let is_dated = sibling.is_dated();
    let is_stamped = stat.changed_ns > stat.modified_ns;
    if sibling.is_compressed {
        return is_dated && is_stamped;
    }
    let is_older = now.is_none_or(|now| stat.born_ns <= now.identity.born_ns);
    let is_left = now.is_some_and(|now| stat.modified_ns <= now.identity.born_ns);
    is_older && (is_stamped || (is_dated && is_left))
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

impl RotationSearch<'_> {
    /// Looks for the file that `place` remembers: by its inode, or else for a copy by its contents. `is_gone` says that
    /// the inode itself does not hold the contents any longer.
    #[must_use]
    pub fn locate(&self, place: &FileCheckpoint, is_gone: bool) -> SearchResult {
        self.while_still(NameSet::Related, |around| self.locate_among(around, place, is_gone))
    }

    /// The stat of a former file under the name that rotation gave it.
    ///
    /// # Errors
    /// What stood in the way of an answer.
    pub fn stat_of(&self, identity: Identity) -> Result<Option<Stat>, SearchObstacle> {
        let stat = self.while_still(NameSet::Related, |around| {
            around.siblings.iter().find(|sibling| sibling.identity() == Some(identity)).and_then(|it| it.stat)
        });
        match self.obstacle.take().filter(|_| stat.is_none()) {
            Some(obstacle) => Err(obstacle),
            None => Ok(stat),
        }
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
        let is_own = |copy: &FoundFile| self.claims.is_read_by(copy.identity(), self.owner);
        let copies = around.complete().filter_map(|sibling| {
            let copy = self.open_if_copy(sibling, place)?;
            // What this path reads already is hardly the copy of another file. A neighbour may begin alike. The first of
            // equal ones is the oldest.
            Some(((is_own(&copy), !sibling.keeps_name, copy.stat.modified_ns, copy.stat.born_ns), copy))
        });
        match copies.min_by_key(|(rank, _)| *rank).map(|(_, copy)| copy) {
            Some(found) if is_own(&found) => SearchResult::ReadElsewhere,
            Some(found) => self.unless_read_elsewhere(found),
            None => self.obstacle.take().map_or(SearchResult::Lost, SearchResult::Obstructed),
        }
    }

    /// The files that stood at the path after the one that `last` remembers, unseen, oldest first. `known` gives the
    /// ends of files of this path that are open or were read, `now` is what was read of the one that stands at the path. Nothing that was
    /// last written before `since_ns` is among them.
    ///
    /// # Errors
    /// What stood in the way of an answer.
    pub fn unseen(
        &self,
        last: &FileCheckpoint,
        known: &dyn Fn() -> Vec<KnownEnd>,
        now: Option<&FileCheckpoint>,
        since_ns: i64,
    ) -> Result<Vec<UnseenFile>, SearchObstacle> {
        let Some(horizon) = self.horizon(last).map(|horizon| horizon.max(since_ns)) else {
            return Ok(Vec::new());
        };
        // Where nothing stood before, the horizon is of another clock than the stamps, which run behind it.
        let is_first = last.identity == Identity::UNKNOWN;
        let prepared_ns = if is_first { 0 } else { PREPARED_NS };
        let horizon = if is_first { horizon - STAMP_LAG_NS } else { horizon };
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
        let may_be_former = |sibling: &Sibling, names_are_kept: bool| {
            sibling.stat.as_ref().is_some_and(|stat| {
                is_unseen(stat)
                    && if sibling.keeps_name {
                        stat.born_ns == 0 || stat.born_ns >= horizon - prepared_ns
                    } else {
                        (stat.born_ns == 0 || stat.born_ns >= horizon)
                            && was_renamed(sibling, stat, now)
                            && (!names_are_kept || sibling.is_dated())
                    }
            })
        };
        let mut unseen = self.while_still(NameSet::Rotated, |around| {
            // Who keeps the whole name of this log when rotating it does not name it `app-1.log` as well.
            let names_are_kept = around.siblings.iter().any(|sibling| sibling.keeps_name);
            let may_be_former = |sibling: &&Sibling| may_be_former(sibling, names_are_kept);
            let former = around.complete().filter(may_be_former);
            let if_new = |sibling: &Sibling| self.if_new(&self.open(sibling)?, known, now);
            let unseen = former.filter_map(|sibling| Some((sibling, if_new(sibling)?))).enumerate();
            let of = |(n, (sibling, found)): (usize, (&Sibling, FoundFile))| {
                UnseenFile::of(sibling, found, n < UNSEEN_OPEN_MAX)
            };
            unseen.map(of).collect::<Vec<UnseenFile>>()
        });
        if let Some(obstacle) = self.obstacle.take() {
            return Err(obstacle);
        }
        // A compressor may set the stamps anew, in any order.
        let are_dated = unseen.iter().all(|found| found.dated.is_some());
        unseen.sort_by(|a, b| {
            let by_name = if are_dated { a.dated.cmp(&b.dated) } else { Ordering::Equal };
            let key = |found: &UnseenFile| (found.modified_ns, found.identity.born_ns);
            by_name.then_with(|| key(a).cmp(&key(b)))
        });
        unseen.dedup_by_key(|found| found.identity);
        Ok(unseen)
    }

    /// The file, unless it holds what is known; for an archive, with what it may hold of that.
    fn if_new(
        &self,
        found: &FoundFile,
        known: &dyn Fn() -> Vec<KnownEnd>,
        now: Option<&FileCheckpoint>,
    ) -> Option<FoundFile> {
        // First this: if the file at the path was truncated already, its copy is complete when it is compared.
        if self.is_copy_of_current(found) {
            return None;
        }
        let found = found.again()?;
        // What was read just now may have been copied and truncated just now.
        let late = now.filter(|now| found.stat.modified_ns >= now.modified_ns);
        // Only now: whatever was copied or compressed was written before.
        let known = known();
        if found.is_compressed {
            let ends = known.iter().filter(|known| is_read(&known.end) && holds(&found, &known.end));
            let ends = ends.map(|KnownEnd { end, judged }| ContentMark {
                mark: end.mark,
                is_end: true,
                judged: *judged,
            });
            let late = late.filter(|now| holds(&found, now)).map(|now| ContentMark::judged(now.mark, false));
            let known = ends.chain(late).chain(self.read_before(&found)).collect();
            return Some(FoundFile { known, ..found });
        }
        // An open file may have got other numbers just now.
        let is_known =
            |known: &KnownEnd| known.end.identity == found.identity() || is_equal(&found, &known.end);
        let is_known = known.iter().any(is_known);
        let is_new = !is_known && !late.is_some_and(|now| holds(&found, now));
        is_new.then_some(found)
    }

    /// Ends of files that no one reads any longer, of those with the head of this archive.
    fn read_before(&self, found: &FoundFile) -> Vec<ContentMark> {
        let Ok(head) = first_bytes(&found.file) else { return Vec::new() };
        let is_head = |mark: &ReadPosition| mark.head.len > 0 && mark.head.matches(&head);
        let marks = self.claims.positions(is_head).into_iter();
        marks.map(|mark| ContentMark::judged(mark, true)).collect()
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
            let is_compressed = names::uncompressed(&names::text(path.file_name()?)).is_some();
            Some(Sibling { path, is_compressed, keeps_name: false, stat: None })
        })
    }

    fn open_if_copy(&self, sibling: &Sibling, place: &FileCheckpoint) -> Option<FoundFile> {
        // A copy is made, or its original last written, after the last look at the original.
        let horizon = self.horizon(place).unwrap_or(i64::MIN);
        let stat = sibling.stat.as_ref().filter(|stat| stat.modified_ns >= horizon)?;
        let identity = Identity::from(stat);
        let is_older = stat.born_ns != 0 && stat.born_ns < place.identity.born_ns;
        if identity == place.identity || self.refuted.contains(&identity) || (is_older && !sibling.keeps_name)
        {
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
                self.cannot_open(&sibling.path, "which may be its former file", &error);
                None
            }
        }
    }

    fn cannot_open(&self, path: &Path, what: &str, error: &OpenError) {
        let is_starved = matches!(error, OpenError::TooManyOpen);
        let text = format!("cannot open {}, {what}: {error}", path.display());
        self.obstacle.replace(Some(SearchObstacle { text, is_starved, is_unrest: false }));
    }

    /// Whether `found` begins as the file that stands at the path now: then rotation is copying that one.
    fn is_copy_of_current(&self, found: &FoundFile) -> bool {
        if found.is_compressed {
            return false;
        }
        match self.filesystem.open(self.path) {
            Ok((current, stat)) => is_copy((&*found.file, &found.stat), (&*current, &stat)),
            Err(error) => {
                if error.is_passing() {
                    self.cannot_open(self.path, "of which another file may be a copy", &error);
                }
                false
            }
        }
    }
}

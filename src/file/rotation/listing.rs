//! Listings of directories, shared by all searches: one serves every file of a directory, as long as nothing in that changes.
//!
//! A listing is kept only if the directory had been unchanged for longer than the stamps of the filesystem may lag, so
//! that any later change shows in them. It is given out again only while the stamps are the same.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use lru::LruCache;
use xxhash_rust::xxh3::xxh3_64;

use crate::file::identity::Identity;
use crate::file::reader::STAMP_LAG_NS;
use crate::file::rotation::names::{bases, is_rotated, text};
use crate::file::vfs::Filesystem;
use crate::sys::open::Stat;

/// At most this many names are kept, over all directories; one with more is listed by each search.
const NAMES_MAX: usize = 131_072;

/// At most this many files of a directory that is not kept are examined by inode, without a name that rotation gives.
const STRANGERS_MAX: usize = 4_096;

/// For so many directories the last pair of listings is kept.
const PAIRS_MAX: NonZeroUsize = NonZeroUsize::new(8).expect("it is not 0");

/// Some filesystems stamp in whole seconds, or every other: their stamps lag by so many nanoseconds.
const COARSE_LAG_NS: i64 = 2_100_000_000;

/// What shows whether a directory has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirectoryState {
    identity: Identity,
    modified_ns: i64,
    changed_ns: i64,
}

impl DirectoryState {
    /// The present state of `dir`; `None` if it cannot be examined.
    pub fn of(filesystem: &dyn Filesystem, dir: &Path) -> Option<DirectoryState> {
        let stat: Stat = filesystem.stat(dir).ok()?;
        let (modified_ns, changed_ns) = (stat.modified_ns, stat.changed_ns);
        Some(DirectoryState { identity: Identity::from(&stat), modified_ns, changed_ns })
    }

    /// Whether any change from `now_ns` on gets another stamp.
    #[must_use]
    pub fn is_settled(&self, now_ns: i64) -> bool {
        [self.modified_ns, self.changed_ns].into_iter().all(|stamp_ns| {
            let is_coarse = stamp_ns % 1_000_000_000 == 0;
            now_ns - stamp_ns > if is_coarse { COARSE_LAG_NS } else { STAMP_LAG_NS }
        })
    }
}

/// The names in a directory at one time.
#[derive(Debug)]
pub struct Listing {
    files: Vec<OsString>,
    /// Directories in it.
    pub directories: Vec<OsString>,
    /// What the directory was before it was listed, if its stamps show all changes.
    before: Option<DirectoryState>,
    /// `None` if another search must list the directory anew.
    state: Option<DirectoryState>,
    /// Whether many search in it, so that an index is worth its making.
    is_shared: bool,
    /// Files by each name that they may have had before rotation. Made when it is first needed.
    by_base: OnceLock<HashMap<String, Vec<u32>>>,
    by_identity: OnceLock<HashMap<Identity, u32>>,
}

impl Listing {
    fn new(
        entries: Vec<(OsString, bool)>,
        before: Option<DirectoryState>,
        state: Option<DirectoryState>,
    ) -> Listing {
        let (directories, files): (Vec<_>, Vec<_>) = entries.into_iter().partition(|(_, is_dir)| *is_dir);
        let names = |entries: Vec<(OsString, bool)>| entries.into_iter().map(|(name, _)| name).collect();
        Listing {
            files: names(files),
            directories: names(directories),
            is_shared: state.is_some(),
            before,
            state,
            by_base: OnceLock::new(),
            by_identity: OnceLock::new(),
        }
    }

    /// The names that rotation may have given to a file that was named as one of `wanted`.
    #[must_use]
    pub fn rotated(&self, wanted: &[String]) -> Vec<&OsStr> {
        let is_wanted = |name: &&OsStr| {
            let text = text(name);
            wanted.iter().any(|base| is_rotated(base, &text))
        };
        if !self.is_shared {
            return self.files.iter().map(OsString::as_os_str).filter(is_wanted).collect();
        }
        let by_base = self.by_base.get_or_init(|| self.index_bases());
        let mut found: Vec<u32> =
            wanted.iter().filter_map(|base| by_base.get(base)).flatten().copied().collect();
        found.sort_unstable();
        found.dedup();
        found.into_iter().map(|at| self.files[at as usize].as_os_str()).filter(is_wanted).collect()
    }

    /// The name of the file that `is_it` by its identity, as `identity_of` returns it for a name.
    pub fn by_identity(
        &self,
        wanted: Identity,
        identity_of: impl Fn(&OsStr) -> Option<Identity>,
    ) -> Option<&OsStr> {
        if self.state.is_none() {
            let mut files = self.files.iter().take(STRANGERS_MAX);
            return files.find(|name| identity_of(name) == Some(wanted)).map(OsString::as_os_str);
        }
        let index = || {
            let files = self.files.iter().zip(0..);
            files.filter_map(|(name, at)| Some((identity_of(name)?, at))).collect()
        };
        let at = *self.by_identity.get_or_init(index).get(&wanted)?;
        self.files.get(at as usize).map(OsString::as_os_str)
    }

    /// Whether nothing changed in the directory from before this listing until before `later`.
    #[must_use]
    pub fn is_of_same_state(&self, later: &Listing) -> bool {
        self.before.is_some() && self.before == later.before
    }

    /// Whether both have the same files.
    #[must_use]
    pub fn has_same_files(&self, other: &Listing) -> bool {
        let sum = |files: &[OsString]| {
            let hashes = files.iter().map(|name| xxh3_64(name.as_encoded_bytes()));
            hashes.fold(0_u64, u64::wrapping_add)
        };
        std::ptr::eq(self, other)
            || (self.files.len() == other.files.len() && sum(&self.files) == sum(&other.files))
    }

    fn index_bases(&self) -> HashMap<String, Vec<u32>> {
        let mut index: HashMap<String, Vec<u32>> = HashMap::new();
        for (name, at) in self.files.iter().zip(0..) {
            for base in bases(&text(name)) {
                index.entry(base).or_default().push(at);
            }
        }
        index
    }

    fn len(&self) -> usize {
        self.files.len() + self.directories.len()
    }
}

/// Listings that are given out again.
#[derive(Debug)]
pub struct DirectoryListings(Mutex<KeptListings>);

#[derive(Debug)]
struct KeptListings {
    by_directory: LruCache<PathBuf, Arc<Listing>>,
    names: usize,
    pairs: LruCache<PathBuf, ListingPair>,
}

/// Two listings of a directory, one after the other: a name that rotation moved meanwhile may be missing in one, but hardly in
/// both.
#[derive(Debug, Clone)]
pub struct ListingPair {
    /// Not before this time, on the monotonic clock, in milliseconds.
    begun_ms: u64,
    listings: [Arc<Listing>; 2],
}

impl ListingPair {
    /// Whether rotation gave a name to a file that was named `base`.
    #[must_use]
    pub fn has_rotated(&self, base: &str) -> bool {
        let bases = [base.to_owned()];
        self.listings.iter().any(|listing| !listing.rotated(&bases).is_empty())
    }

    /// The directories in it.
    pub fn directories(&self) -> impl Iterator<Item = &OsString> {
        self.listings.iter().flat_map(|listing| &listing.directories)
    }
}

impl Default for DirectoryListings {
    fn default() -> DirectoryListings {
        let pairs = LruCache::new(PAIRS_MAX);
        DirectoryListings(Mutex::new(KeptListings { by_directory: LruCache::unbounded(), names: 0, pairs }))
    }
}

impl DirectoryListings {
    /// The names in `dir` at some time from now on. It is `now_ns` by the clock that stamps files, or a little later.
    ///
    /// # Errors
    /// If the directory cannot be listed.
    pub fn list(&self, filesystem: &dyn Filesystem, dir: &Path, now_ns: i64) -> io::Result<Arc<Listing>> {
        let state = DirectoryState::of(filesystem, dir);
        if state.is_some() {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(listing) = kept.by_directory.get(dir).filter(|listing| listing.state == state) {
                return Ok(Arc::clone(listing));
            }
        }
        let entries = filesystem.list(dir)?;
        let before = state.filter(|_| !filesystem.is_remote(dir));
        let is_lasting = |state: &DirectoryState| {
            entries.len() <= NAMES_MAX
                && state.is_settled(now_ns)
                && DirectoryState::of(filesystem, dir).as_ref() == Some(state)
        };
        let state = before.filter(is_lasting);
        let listing = Arc::new(Listing::new(entries, before, state));
        if state.is_some() {
            self.keep(dir, &listing);
        }
        Ok(listing)
    }

    /// The names in `dir`, listed twice after `since_ms`. Both times are on the monotonic clock, in milliseconds; it is `now_ms` or a
    /// little later. All who ask at about the same time are given the same.
    ///
    /// # Errors
    /// If the directory cannot be listed.
    pub fn pair(
        &self,
        filesystem: &dyn Filesystem,
        dir: &Path,
        now_ms: u64,
        since_ms: u64,
    ) -> io::Result<ListingPair> {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pair) = lock().pairs.get(dir).filter(|pair| pair.begun_ms > since_ms) {
            return Ok(pair.clone());
        }
        let list = || {
            let listing = Listing::new(filesystem.list(dir)?, None, None);
            io::Result::Ok(Arc::new(Listing { is_shared: true, ..listing }))
        };
        let pair = ListingPair { begun_ms: now_ms, listings: [list()?, list()?] };
        if pair.listings[0].len() <= NAMES_MAX {
            lock().pairs.put(dir.to_owned(), pair.clone());
        }
        Ok(pair)
    }

    /// Forgets all listings, to give back their memory.
    pub fn clear(&self) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.by_directory = LruCache::unbounded();
        kept.names = 0;
        kept.pairs.clear();
    }

    fn keep(&self, dir: &Path, listing: &Arc<Listing>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.names += listing.len() + 1;
        if let Some(old) = kept.by_directory.put(dir.to_owned(), Arc::clone(listing)) {
            kept.names -= old.len() + 1;
        }
        while kept.names > NAMES_MAX {
            let Some((_, oldest)) = kept.by_directory.pop_lru() else { return };
            kept.names -= oldest.len() + 1;
        }
    }
}

//! Which file is read through which path, so that none is counted twice.
//!
//! After `mv app.log app.log.1` both `app.log` (which goes on with what it has open) and, if a glob matches it,
//! `app.log.1` lead to the same file; so do a hard link and a second symbolic link. The first path that reads a file
//! claims it. When it lets go, it leaves a mark, and whoever finds the file later goes on from there.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lru::LruCache;

use crate::file::identity::{Anchor, Head, Identity};
use crate::scan::lines::LineCursor;

/// How far a file was read, and how to recognise it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Where the reading stopped.
    pub cursor: LineCursor,
    /// The first bytes of the file.
    pub head: Head,
    /// The bytes before the offset.
    pub anchor: Anchor,
}

/// Who reads files, by a number that each [`Tail`](crate::file::tail::Tail) has.
pub type Owner = u64;

/// How many marks are kept. The oldest is forgotten first.
const MARKS_MAX: usize = 16_384;

#[derive(Debug)]
struct Table {
    owned: HashMap<Identity, Owner>,
    marks: LruCache<Identity, Mark>,
}

/// All claims of a process.
#[derive(Debug)]
pub struct Claims(Mutex<Table>);

impl Default for Claims {
    fn default() -> Claims {
        // The cache takes its memory as it fills.
        Claims(Mutex::new(Table { owned: HashMap::new(), marks: LruCache::unbounded() }))
    }
}

/// What claiming a file gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// It is ours, and nobody has read it before.
    Fresh,
    /// It is ours, and was read up to the mark before.
    Resume(Mark),
    /// Another path reads it: the one with this number.
    Taken(Owner),
}

impl Claims {
    /// Claims `identity` for `owner`.
    pub fn claim(&self, identity: Identity, owner: Owner) -> Claim {
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

    /// Whether anyone reads the file or has read it.
    #[must_use]
    pub fn knows(&self, identity: Identity) -> bool {
        let table = self.table();
        table.owned.contains_key(&identity) || table.marks.contains(&identity)
    }

    /// Lets go of `identity` and remembers how far it was read.
    pub fn release(&self, identity: Identity, mark: Mark) {
        let mut table = self.table();
        table.owned.remove(&identity);
        table.marks.put(identity, mark);
        if table.marks.len() > MARKS_MAX {
            table.marks.pop_lru();
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
        let claims = Claims::default();
        let mark = Mark { cursor: LineCursor::at(7), head: Head::default(), anchor: Anchor::default() };
        assert_eq!(claims.claim(id(1), 1), Claim::Fresh);
        assert_eq!(claims.claim(id(1), 2), Claim::Taken(1));
        claims.release(id(1), mark);
        assert!(claims.knows(id(1)));
        assert_eq!(claims.claim(id(1), 2), Claim::Resume(mark));
        assert_eq!(claims.claim(id(1), 1), Claim::Taken(2));
    }

    #[test]
    fn marks_are_bounded() {
        let claims = Claims::default();
        let mark = Mark { cursor: LineCursor::at(7), head: Head::default(), anchor: Anchor::default() };
        for ino in 0..MARKS_MAX as u64 + 10 {
            claims.release(id(ino), mark);
        }
        assert!(!claims.knows(id(9)));
        assert!(claims.knows(id(10)));
    }
}

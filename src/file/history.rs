//! Files that stood at a path between two looks.
//!
//! When a path is rotated twice before we look, the file in between was never open. Its rename kept its time of birth,
//! which lies between those of the file that we knew and the one that stands there now.

use std::fs::File;
use std::path::Path;

use crate::file::claims::Claims;
use crate::file::identity::{HEAD_BYTES, Head, Identity};
use crate::file::source::read_at;
use crate::sys::open::{Stat, open_regular, stat_path};

/// At most this many files between two looks are read; more would mean that names in the directory mislead us.
const BETWEEN_MAX: usize = 64;

/// Finds the files that stood at `path` after `old` and before `new`, oldest first: siblings whose name begins with the
/// path's, that nobody has read, and that were born in between. `old_head` leaves out copies of the old file.
#[must_use]
pub fn files_between(
    path: &Path,
    old: Identity,
    old_head: Head,
    new: Identity,
    claims: &Claims,
) -> Vec<(File, Stat)> {
    let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else { return Vec::new() };
    if old.born_ns == 0 {
        return Vec::new();
    }
    let name = name.as_encoded_bytes();
    let siblings = std::fs::read_dir(dir).into_iter().flatten().flatten().filter(|entry| {
        let sibling = entry.file_name();
        let sibling = sibling.as_encoded_bytes();
        sibling.len() > name.len() && sibling.starts_with(name) && !is_compressed(sibling)
    });
    let mut found: Vec<(File, Stat)> = siblings
        .filter_map(|entry| {
            let born_between = |stat: &Stat| {
                let identity = Identity::from(stat);
                let before_new = identity != new && stat.born_ns <= new.born_ns;
                stat.born_ns > old.born_ns && before_new && !claims.knows(identity)
            };
            let path = entry.path();
            stat_path(&path).ok().filter(born_between)?;
            let (file, stat) = open_regular(&path).ok()?;
            (born_between(&stat) && !begins_like(&file, old_head)).then_some((file, stat))
        })
        .take(BETWEEN_MAX)
        .collect();
    found.sort_by_key(|(_, stat)| stat.born_ns);
    found
}

fn is_compressed(name: &[u8]) -> bool {
    [".gz", ".zst", ".bz2", ".xz", ".lz4", ".Z", ".zip"].iter().any(|end| name.ends_with(end.as_bytes()))
}

/// Whether `file` begins as the old file did: then it is a copy of it.
fn begins_like(file: &File, head: Head) -> bool {
    let mut bytes = [0; HEAD_BYTES];
    let got = read_at(file, &mut bytes, 0).unwrap_or(0);
    head.len > 0 && head.matches(&bytes[..got])
}

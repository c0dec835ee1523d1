//! Comparison of the beginnings of two files.

use std::collections::HashSet;
use std::io;

use xxhash_rust::xxh3::xxh3_64;

use crate::file::identity::HEAD_BYTES;
use crate::file::vfs::FileHandle;

/// How much is compared at once, in bytes.
const STEP_BYTES: u64 = 256 << 10;

/// Beyond so many bytes only every [`SPARSE`]th step is compared.
const DENSE_BYTES: u64 = 16 << 20;

/// See [`DENSE_BYTES`].
const SPARSE: u64 = 64;

/// How much two files have in common from their beginning on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SamePrefix {
    /// No complete line.
    None,
    /// Lines, but not all that both have room for.
    Part,
    /// All bytes that both have.
    Whole,
}

/// Compares the bytes of both files, as far as both go. They have nothing in common if what they have are fewer than
/// `distinct` different lines.
///
/// # Errors
/// If one of them cannot be read.
pub(super) fn same_prefix(
    file: &dyn FileHandle,
    other: &dyn FileHandle,
    distinct: usize,
) -> io::Result<SamePrefix> {
    let end = file.stat()?.size.min(other.stat()?.size);
    let (mut a, mut b) = (vec![0; STEP_BYTES as usize], vec![0; STEP_BYTES as usize]);
    let mut at = 0;
    let mut lines = HashSet::new();
    while at < end {
        let wanted = (end - at).min(STEP_BYTES) as usize;
        let (a, b) = (&mut a[..wanted], &mut b[..wanted]);
        let got = file.read_at(a, at)?.min(other.read_at(b, at)?);
        let same = a.iter().zip(b.iter()).take(got).take_while(|(a, b)| a == b).count();
        if lines.len() < distinct {
            lines.extend(a[..same].split_inclusive(|byte| *byte == b'\n').filter_map(complete));
        }
        if same < wanted {
            let is_line = at > 0 || a[..same].contains(&b'\n');
            return Ok(if is_line && lines.len() >= distinct { SamePrefix::Part } else { SamePrefix::None });
        }
        let next = at + if at < DENSE_BYTES { 1 } else { SPARSE } * STEP_BYTES;
        // The last step is never left out.
        let last = end.saturating_sub(STEP_BYTES);
        at = if next < end || at >= last { next } else { last };
    }
    Ok(if lines.len() >= distinct { SamePrefix::Whole } else { SamePrefix::None })
}

/// Whether the first bytes of both files are the same, or their first line is: only then a comparison of more is worth while.
pub(super) fn begins_alike(file: &dyn FileHandle, other: &dyn FileHandle) -> bool {
    let (mut a, mut b) = ([0; HEAD_BYTES], [0; HEAD_BYTES]);
    let (Ok(a_len), Ok(b_len)) = (file.read_at(&mut a, 0), other.read_at(&mut b, 0)) else { return false };
    let both = a_len.min(b_len);
    let same = a.iter().zip(&b).take(both).take_while(|(a, b)| a == b).count();
    same == both || a[..same].contains(&b'\n')
}

/// How many different lines `file` begins with, up to `enough` of them, in its first `to` bytes.
#[must_use]
pub(super) fn distinct_lines(file: &dyn FileHandle, to: u64, enough: usize) -> usize {
    let mut bytes = vec![0; to.min(STEP_BYTES) as usize];
    let got = file.read_at(&mut bytes, 0).unwrap_or(0);
    let lines = bytes[..got].split_inclusive(|byte| *byte == b'\n').filter_map(complete);
    lines.take(1000 * enough).collect::<HashSet<u64>>().len().min(enough)
}

/// The hash of a line that has a line feed.
fn complete(line: &[u8]) -> Option<u64> {
    line.ends_with(b"\n").then(|| xxh3_64(line))
}

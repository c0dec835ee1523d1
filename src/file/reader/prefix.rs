//! Comparison of the beginnings of two files.

use std::collections::HashSet;
use std::io;

use xxhash_rust::xxh3::xxh3_64;

use super::FileReader;
use crate::sys::open::Stat;

/// How much is compared at once, in bytes.
const STEP_BYTES: u64 = 256 << 10;

/// Beyond so many bytes only every [`SPARSE`]th step is compared.
const DENSE_BYTES: u64 = 256 << 20;

/// See [`DENSE_BYTES`].
const SPARSE: u64 = 16;

/// How much two files have in common from their beginning on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SamePrefix {
    /// No complete line.
    None,
    /// Lines, but not all that both have room for.
    Part,
    /// All bytes that both have.
    Whole,
}

impl FileReader {
    /// Compares the bytes of both files, as far as both go. They have nothing in common if what they have are fewer than
    /// `distinct` different lines.
    ///
    /// # Errors
    /// If one of them cannot be read.
    pub fn same_prefix(&self, other: &FileReader, distinct: usize) -> io::Result<SamePrefix> {
        let end = self.file.stat()?.size.min(other.file.stat()?.size);
        let (mut a, mut b) = (vec![0; STEP_BYTES as usize], vec![0; STEP_BYTES as usize]);
        let (mut at, mut step) = (0, 0);
        let mut lines = HashSet::new();
        while at < end {
            let wanted = (end - at).min(STEP_BYTES) as usize;
            let (a, b) = (&mut a[..wanted], &mut b[..wanted]);
            let got = self.file.read_at(a, at)?.min(other.file.read_at(b, at)?);
            let same = a.iter().zip(b.iter()).take(got).take_while(|(a, b)| a == b).count();
            if lines.len() < distinct {
                lines.extend(a[..same].split_inclusive(|byte| *byte == b'\n').filter_map(complete));
            }
            if same < wanted {
                let is_line = at > 0 || a[..same].contains(&b'\n');
                return Ok(if is_line && lines.len() >= distinct {
                    SamePrefix::Part
                } else {
                    SamePrefix::None
                });
            }
            step += if at < DENSE_BYTES { 1 } else { SPARSE };
            at = step * STEP_BYTES;
        }
        Ok(if lines.len() >= distinct { SamePrefix::Whole } else { SamePrefix::None })
    }

    /// How many different lines it begins with, up to `enough` of them, in what was judged.
    #[must_use]
    pub fn distinct_lines(&self, enough: usize) -> usize {
        let mut bytes = vec![0; self.offset().min(STEP_BYTES) as usize];
        let got = self.file.read_at(&mut bytes, 0).unwrap_or(0);
        let lines = bytes[..got].split_inclusive(|byte| *byte == b'\n').filter_map(complete);
        lines.take(1000 * enough).collect::<HashSet<u64>>().len().min(enough)
    }

    /// The stat of the open file as it is now.
    ///
    /// # Errors
    /// What the system says.
    pub fn stat_now(&self) -> io::Result<Stat> {
        self.file.stat()
    }
}

/// The hash of a line that has a line feed.
fn complete(line: &[u8]) -> Option<u64> {
    line.ends_with(b"\n").then(|| xxh3_64(line))
}

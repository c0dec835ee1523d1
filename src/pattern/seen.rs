//! Remembers the hashes of patterns that had to leave, so that they are not new when they come back.

use serde::{Deserialize, Serialize};

/// How many hashes share a bucket.
const WAYS: usize = 8;
/// How many hashes there are for each pattern that is kept: 100,000 in 200 kB for a thousand.
const HASHES_PER_PATTERN: usize = 100;

/// A set of hashes that forgets the oldest of a bucket when it is full. It takes memory only once it holds one.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Seen {
    /// The newest of a bucket comes first; zero is none.
    prints: Vec<u16>,
}

impl Seen {
    /// Adds `hash`. The first one decides how many there may be.
    pub(super) fn insert(&mut self, hash: u64, patterns_max: usize) {
        if self.prints.is_empty() {
            self.prints = vec![0; (patterns_max * HASHES_PER_PATTERN).next_multiple_of(WAYS)];
        }
        let (start, print) = self.place(hash);
        let bucket = &mut self.prints[start..start + WAYS];
        let known = bucket.iter().position(|known| *known == print);
        bucket[..=known.unwrap_or(WAYS - 1)].rotate_right(1);
        bucket[0] = print;
    }

    pub(super) fn contains(&self, hash: u64) -> bool {
        let (start, print) = self.place(hash);
        self.prints.get(start..start + WAYS).is_some_and(|bucket| bucket.contains(&print))
    }

    fn place(&self, hash: u64) -> (usize, u16) {
        let bucket = (hash >> 32) as usize % (self.prints.len() / WAYS).max(1);
        (bucket * WAYS, (hash as u16).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_of_a_full_bucket_is_forgotten() {
        let mut seen = Seen::default();
        assert!(!seen.contains(1));
        for hash in 1..=WAYS as u64 + 1 {
            seen.insert(hash, 1_000);
        }
        assert!(!seen.contains(1) && seen.contains(2) && seen.contains(WAYS as u64 + 1));
        seen.insert(2, 1_000);
        seen.insert(100, 1_000);
        assert!(seen.contains(2) && !seen.contains(3));
    }
}

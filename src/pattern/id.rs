//! What a pattern is called.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};

use serde::{Deserialize, Serialize};

/// A hash of the scope and of the first signature: the same on every host and after every restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PatternId(pub u64);

impl PatternId {
    /// The id that is written as `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<PatternId> {
        u64::from_str_radix(text, 16).ok().map(PatternId)
    }
}

impl fmt::Display for PatternId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A map whose keys are hashes already.
pub(super) type Hashed<K, V> = HashMap<K, V, BuildHasherDefault<HashedHasher>>;

/// Takes a hash for what it is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct HashedHasher(u64);

impl Hasher for HashedHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

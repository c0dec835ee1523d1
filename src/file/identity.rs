//! What makes a file the file that it was: its inode, its head, and the bytes just before the offset.

use xxhash_rust::xxh3::xxh3_64;

use crate::sys::open::Stat;

/// Which inode a file is. The time of birth tells a reused inode number from the file that had it before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity {
    /// Device that holds the file.
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
    /// When the inode was made, in nanoseconds since the epoch; 0 where the filesystem does not say.
    pub born_ns: i64,
}

impl From<&Stat> for Identity {
    fn from(stat: &Stat) -> Identity {
        Identity { dev: stat.dev, ino: stat.ino, born_ns: stat.born_ns }
    }
}

impl Identity {
    /// Of a file of which nothing is known.
    pub const UNKNOWN: Identity = Identity { dev: 0, ino: 0, born_ns: 0 };

    /// Whether the two differ in nothing but the device number, which may change with every mount.
    #[must_use]
    pub fn is_renumbered(&self, other: &Identity) -> bool {
        self.dev != other.dev && self.born_ns != 0 && (self.ino, self.born_ns) == (other.ino, other.born_ns)
    }
}

/// At most this many bytes make the head.
pub const HEAD_BYTES: usize = 1024;

/// A hash of the first bytes of a file: as many as were judged, up to [`HEAD_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Fingerprint {
    /// How many bytes were hashed.
    pub len: usize,
    /// Their XXH3-64 hash.
    pub hash: u64,
}

impl Fingerprint {
    /// The head of a file that begins with `bytes`, at most [`HEAD_BYTES`] of them.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Fingerprint {
        let bytes = &bytes[..bytes.len().min(HEAD_BYTES)];
        Fingerprint { len: bytes.len(), hash: if bytes.is_empty() { 0 } else { xxh3_64(bytes) } }
    }

    /// Whether a file that begins with `bytes` may be the one that had this head.
    #[must_use]
    pub fn matches(&self, bytes: &[u8]) -> bool {
        bytes.len() >= self.len && Fingerprint::of(&bytes[..self.len]) == *self
    }
}

/// At most this many bytes make the anchor.
pub const ANCHOR_BYTES: usize = 64;

/// The bytes just before the offset: as many as there are, up to [`ANCHOR_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Anchor {
    len: u8,
    bytes: [u8; ANCHOR_BYTES],
}

impl Anchor {
    /// The anchor of an offset that `before` leads up to.
    #[must_use]
    pub fn ending(before: &[u8]) -> Anchor {
        let tail = &before[before.len().saturating_sub(ANCHOR_BYTES)..];
        let mut bytes = [0; ANCHOR_BYTES];
        bytes[..tail.len()].copy_from_slice(tail);
        Anchor { len: tail.len() as u8, bytes }
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// How many bytes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// Whether the offset is at the beginning of the file.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Default for Anchor {
    fn default() -> Anchor {
        Anchor { len: 0, bytes: [0; ANCHOR_BYTES] }
    }
}

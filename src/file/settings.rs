//! How files of a watch are read.

use crate::scan::wrapping::LineFormat;

/// Which way of reading a file is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadMethod {
    /// Mapped on local filesystems, `pread` on network and FUSE ones.
    Auto,
    /// Always mapped.
    Mmap,
    /// Always `pread`.
    Pread,
}

/// Where reading begins in a file that was there before the daemon started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At its first byte.
    Beginning,
    /// After its last complete line.
    End,
}

/// Validated settings for reading the files of one watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileSettings {
    /// Which way of reading is used.
    pub reader: ReadMethod,
    /// Where reading begins in files that were there before the daemon started.
    pub start: Start,
    /// Size of the window through which a file is read, in bytes; at least one page.
    pub window_bytes: usize,
    /// The longest line that is scanned whole, in bytes. Of a longer one only this much is looked at.
    pub line_bytes_max: usize,
    /// Whether a container runtime wrote its lines.
    pub format: LineFormat,
    /// How long a file that was renamed or removed is read on after its last growth, in milliseconds.
    pub rotated_grace_ms: u64,
}

impl Default for FileSettings {
    fn default() -> Self {
        FileSettings {
            reader: ReadMethod::Auto,
            start: Start::End,
            window_bytes: 1 << 20,
            line_bytes_max: 1 << 20,
            format: LineFormat::Auto,
            rotated_grace_ms: 30_000,
        }
    }
}

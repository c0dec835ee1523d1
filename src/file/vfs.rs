//! What reading needs of files, as traits, so that a test can put a world of its own in their place.

use std::ffi::OsString;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::file::settings::ReadMethod;
use crate::sys::open::{OpenError, Stat};
pub use crate::sys::window::WindowState;

/// What the reading of files needs of a filesystem.
pub trait Filesystem: Send + Sync {
    /// Examines what `path` leads to, through symbolic links.
    ///
    /// # Errors
    /// What the system says.
    fn stat(&self, path: &Path) -> io::Result<Stat>;

    /// Opens a regular file for reading, without blocking.
    ///
    /// # Errors
    /// See [`OpenError`].
    fn open(&self, path: &Path) -> Result<(Arc<dyn FileHandle>, Stat), OpenError>;

    /// Where the symbolic link at `path` leads, whether anything is there or not; `None` if it is no link.
    fn link_target(&self, path: &Path) -> Option<PathBuf>;

    /// The names in a directory, in any order, with whether each is a directory itself.
    ///
    /// # Errors
    /// What the system says.
    fn list(&self, dir: &Path) -> io::Result<Vec<(OsString, bool)>>;

    /// Whether others may change a directory without its stamps showing it here at once: on a network.
    fn is_remote(&self, dir: &Path) -> bool;
}

/// An open file.
pub trait FileHandle: Send + Sync {
    /// Examines it.
    ///
    /// # Errors
    /// What the system says.
    fn stat(&self) -> io::Result<Stat>;

    /// Fills `buffer` from `offset` on, as far as the file goes. Returns how many bytes there were.
    ///
    /// # Errors
    /// What the system says.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// The data at or after `offset`, up to the next hole; `None` if there is only a hole up to the end. Where the filesystem
    /// does not know its holes, everything is data.
    fn data_after(&self, offset: u64) -> Option<Range<u64>>;

    /// Whether it lies on a network, so that any look at it may wait for that.
    fn is_remote(&self) -> bool;

    /// A way of reading it, in windows of about `window_bytes`.
    fn source(self: Arc<Self>, reader: ReadMethod, window_bytes: usize) -> Box<dyn Source>;
}

/// A file whose bytes can be looked at.
pub trait Source: Send {
    /// Shows the bytes of `range` to `look`, or fewer if the file ends before. The caller has just seen that the file
    /// reaches to the end of `range`. `look` is called exactly once unless an error is returned.
    ///
    /// # Errors
    /// What the system says when the bytes cannot be obtained.
    fn show(&mut self, range: Range<u64>, look: &mut dyn FnMut(&[u8])) -> io::Result<WindowState>;

    /// Returns up the window or buffer until the next call of [`Source::show`].
    fn release(&mut self);

    /// Whether a window is mapped now.
    fn holds_window(&self) -> bool;
}

//! Reads the files of the systemd journal, without libsystemd and without `journalctl`.
//!
//! An entry is published by the number of entries in the header, and the arrays of entries list the published ones in order. So a
//! position is the number of entries that were read, and where in the arrays the next one stands. It is kept for each file by the id
//! in the file's header, which rotation does not change. Everything is read by `pread` into bounded blocks: a file that vanishes or
//! shrinks raises no signal, and no length in a file is trusted.
//!
//! The format is that of <https://systemd.io/JOURNAL_FILE_FORMAT/>.

mod blocks;
mod data;
pub mod entry;
pub mod file;
mod folders;
pub mod follower;
mod format;
pub mod reader;
pub mod selection;
mod sequence;
#[cfg(test)]
mod tests;

pub use entry::JournalEntry;
pub use file::{FilePosition, JournalFile};
pub use folders::{FolderError, JournalPlaces};
pub use follower::{JournalFollower, JournalState, Origin, ReadEntries};
pub use format::{Id128, JournalError};
pub use reader::{EntryReader, Next};
pub use selection::JournalSelection;

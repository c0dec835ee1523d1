//! Which files there are, and which may have changed. Only hints leave this module, never facts.
//!
//! [`patterns`] says which paths a watch means, [`exclusions`] which of them it leaves out; [`discovery`] finds them and keeps
//! track of directories and symbolic links; [`inotify`] turns what `notify` reports into hints, and naps under a flood; [`sweep`] is
//! the thread that brings them together and looks at everything from time to time, because events get lost.

mod directories;
mod directory_id;
pub mod discovery;
pub mod exclusions;
mod incidents;
pub mod inotify;
pub mod links;
pub mod patterns;
pub mod spec;
pub mod survey;
pub mod sweep;
mod young;

use std::path::Path;
use std::sync::Arc;

use crate::units::PathId;

/// Receives hints.
pub trait HintSink: Send + Sync {
    /// A file was found for the watch of this name. `existing`: it was there before watching began. Returns the id by which it is
    /// known from now on; asked again for the same file, the same id. `None` if the file is not wanted.
    fn found(&self, watch: &str, path: &Arc<Path>, existing: bool) -> Option<PathId>;

    /// The kernel reported just now that these files changed, and whether it had nothing else to report.
    fn heard(&self, files: &[PathId], is_alone: bool);

    /// These files may have changed, some time or other.
    fn look(&self, files: &[PathId]);

    /// The kernel reported that a file was made at this path, written and removed again.
    fn removed(&self, file: PathId);

    /// Any file may have changed: look at their stats, at all of them if `everything` is in doubt. Returns the files that are known
    /// no longer.
    fn sweep(&self, everything: bool) -> Vec<PathId>;

    /// Something is wrong with watching itself.
    fn trouble(&self, trouble: Incident);
}

/// What can be wrong with watching.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Incident {
    /// A directory cannot be watched, and why. It is polled instead.
    Polled(String),
    /// Nothing is at a path that was named outright.
    Waiting(String),
    /// The kernel's queue overflowed; everything is looked at.
    Overflow,
    /// A directory cannot be listed, and why.
    Unlisted(String),
    /// What was reported of before has ended.
    Mended(String),
}

//! The files that the daemon itself writes: to count them would never end.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::config::Settings;
use crate::file::rotation::names::is_rotated;
use crate::output::Destination;
use crate::store::sqlite;
use crate::sys::open::{Stat, stat_file, stat_path};

/// Device and inode.
type Inode = (u64, u64);

/// Outputs, state, standard output and standard error, as long as they are regular files.
pub(super) struct OwnFiles {
    /// Files of outputs. Rotation may move them, and reopening creates them anew.
    outputs: Vec<PathBuf>,
    state: Vec<PathBuf>,
    /// Standard output and standard error.
    streams: HashSet<Inode>,
    /// The inodes of all of them, when they were looked at last.
    inodes: Mutex<HashSet<Inode>>,
}

impl OwnFiles {
    /// The files that a daemon with these settings writes, whose state is in `state_folder`.
    pub(super) fn new(settings: &Settings, state_folder: Option<&Path>) -> OwnFiles {
        let streams =
            [std::io::stdout().as_fd().try_clone_to_owned(), std::io::stderr().as_fd().try_clone_to_owned()];
        let stats = streams.into_iter().flatten().filter_map(|fd| stat_file(&File::from(fd)).ok());
        let own = OwnFiles {
            outputs: output_files(settings),
            state: state_folder.map(sqlite::files_in).unwrap_or_default(),
            streams: stats.filter_map(|stat| inode(&stat)).collect(),
            inodes: Mutex::default(),
        };
        own.look();
        own
    }

    /// Whether the daemon writes the file at `path`, or wrote it before it was rotated. With `is_new`, an output may have been
    /// reopened meanwhile.
    pub(super) fn contain(&self, path: &Path, is_new: bool) -> bool {
        if self.outputs.iter().any(|output| is_output(output, path))
            || self.state.iter().any(|own| own == path)
        {
            return true;
        }
        if is_new {
            self.look();
        }
        // Through a link, too.
        let inodes = self.inodes.lock().unwrap_or_else(PoisonError::into_inner);
        !inodes.is_empty()
            && stat_path(path).is_ok_and(|stat| inode(&stat).is_some_and(|it| inodes.contains(&it)))
    }

    fn look(&self) {
        let files = self.outputs.iter().chain(&self.state);
        let inodes =
            files.filter_map(|path| inode(&stat_path(path).ok()?)).chain(self.streams.iter().copied());
        *self.inodes.lock().unwrap_or_else(PoisonError::into_inner) = inodes.collect();
    }
}

/// The files that the outputs of `settings` write.
pub(crate) fn output_files(settings: &Settings) -> Vec<PathBuf> {
    let file = |destination: &Destination| match destination {
        Destination::File(path) => Some(path.clone()),
        Destination::Stdout | Destination::Journal(_) => None,
    };
    settings.outputs.iter().filter_map(|output| file(&output.destination)).collect()
}

/// Whether `path` is the file of an output, or what rotation made of it.
fn is_output(output: &Path, path: &Path) -> bool {
    let name = |path: &Path| path.file_name().map(OsString::from).and_then(|name| name.into_string().ok());
    let is_beside = output.parent() == path.parent();
    output == path
        || (is_beside && name(output).zip(name(path)).is_some_and(|(own, other)| is_rotated(&own, &other)))
}

fn inode(stat: &Stat) -> Option<Inode> {
    stat.is_regular().then_some((stat.dev, stat.ino))
}

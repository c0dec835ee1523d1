//! What is remembered of the files of a path, so that reading goes on where it stopped: after a restart, and after a
//! file was closed to spare its descriptor.

use crate::file::identity::Identity;
use crate::file::ownership::ReadPosition;
use crate::scan::wrapping::Pieces;
use crate::sys::open::Stat;

/// How far a file was read, and all that helps to find it again under another name or in a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileCheckpoint {
    /// Which file it was.
    pub identity: Identity,
    /// How far it was judged, and how to recognise its contents.
    pub mark: ReadPosition,
    /// Its size at the last look, in bytes.
    pub size: u64,
    /// When its contents had last changed at that look, in nanoseconds since the epoch.
    pub modified_ns: i64,
    /// When its inode had last changed at that look, in nanoseconds since the epoch.
    pub changed_ns: i64,
    /// Whether that look came long enough after the last change that any later one shows in the stat.
    pub is_settled: bool,
}

impl FileCheckpoint {
    /// A place in the file that `stat` is of, as long as no one says that its stat can be trusted.
    #[must_use]
    pub fn of(stat: &Stat, mark: ReadPosition) -> FileCheckpoint {
        FileCheckpoint {
            identity: Identity::from(stat),
            mark,
            size: stat.size,
            modified_ns: stat.modified_ns,
            changed_ns: stat.changed_ns,
            is_settled: false,
        }
    }

    /// A place in a file of which nothing was read.
    #[must_use]
    pub fn unread(identity: Identity, modified_ns: i64) -> FileCheckpoint {
        let mark = ReadPosition::default();
        FileCheckpoint { identity, mark, size: 0, modified_ns, changed_ns: modified_ns, is_settled: false }
    }

    /// Whether `stat` shows that the file is still as it was at the last look.
    #[must_use]
    pub fn is_unchanged(&self, stat: &Stat) -> bool {
        self.is_settled
            && Identity::from(stat) == self.identity
            && (stat.size, stat.modified_ns, stat.changed_ns)
                == (self.size, self.modified_ns, self.changed_ns)
    }
}

/// The end of a file of the path that is open or was read.
pub struct KnownEnd {
    /// Where it ends.
    pub end: FileCheckpoint,
    /// How far it was judged.
    pub judged: ReadPosition,
}

impl From<FileCheckpoint> for KnownEnd {
    fn from(end: FileCheckpoint) -> KnownEnd {
        KnownEnd { end, judged: end.mark }
    }
}

/// All that a [`Tailer`](crate::file::tailer::Tailer) needs to go on after a restart.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct TailCheckpoint {
    /// How many files have stood at the path.
    pub generation: u64,
    /// The file at the path.
    pub current: Option<FileCheckpoint>,
    /// Files that stood there before and are not read to their end yet, oldest first.
    pub former: Vec<FileCheckpoint>,
    /// The file after which files that stood there unseen are still to be searched for; otherwise the one that stood there last,
    /// if nothing stands there now.
    pub last: Option<Box<FileCheckpoint>>,
    /// Files that stood there before and were read to their end, as long as rotation may still bring them up under
    /// another identity, by compressing them.
    pub ended: Vec<FileCheckpoint>,
    /// Since when the path has been read, in nanoseconds since the epoch: rotated files from before are not its business.
    pub since_ns: i64,
    /// The beginnings of long lines of a container whose ends are still to come.
    pub pieces: Pieces,
}

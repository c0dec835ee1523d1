//! Lines written to a descriptor: standard output or a file.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FileType, Mode, OFlags, fstat};
use rustix::io::Errno;

use super::sink::{Sink, WriteOutcome, WriteProgress, wait_writable};

/// Lines are joined for a write until they have this many bytes.
const BATCH_BYTES: usize = 256 << 10;
/// What a pipe that is ready takes without blocking, in bytes (`PIPE_BUF` on Linux).
const PIPE_BYTES_SURE: usize = 4096;

/// A destination that cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The file cannot be opened for appending.
    #[error("cannot append to {}: {cause}; {hint}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
        /// How to fix it.
        hint: String,
    },
    /// Something that is not a file stands at the path.
    #[error("cannot append to {}: it is a {found}, not a regular file; give the path of a file, or write to stdout and pipe it from there", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What stands there.
        found: &'static str,
    },
    /// Standard output cannot be used.
    #[error("cannot write to standard output: {cause}; start with it open, or write to a file")]
    Stdout {
        /// What the system said.
        cause: io::Error,
    },
}

/// Whether the emitting thread may write by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direct {
    /// A file, or a device opened non-blocking.
    Always,
    /// A pipe: if it is ready, and up to [`PIPE_BYTES_SURE`].
    IfReady,
    /// A terminal or a socket: readiness does not say how much it takes.
    Never,
}

/// An open destination.
#[derive(Debug)]
pub struct FdSink {
    fd: OwnedFd,
    direct: Direct,
    /// Whether a reader is at the other end and may close it.
    has_reader: bool,
}

impl FdSink {
    /// Standard output, through a descriptor of its own.
    ///
    /// # Errors
    /// Fails if it is closed or descriptors have run out.
    pub fn stdout() -> Result<FdSink, SinkError> {
        let fd = io::stdout().as_fd().try_clone_to_owned();
        fd.and_then(FdSink::from_fd).map_err(|cause| SinkError::Stdout { cause })
    }

    /// A descriptor that others may share, such as standard output: its flags do not change.
    ///
    /// # Errors
    /// Fails if the descriptor cannot be examined.
    pub fn from_fd(fd: OwnedFd) -> io::Result<FdSink> {
        let kind = FileType::from_raw_mode(fstat(&fd)?.st_mode);
        let direct = match kind {
            FileType::RegularFile => Direct::Always,
            FileType::Fifo => Direct::IfReady,
            _ => Direct::Never,
        };
        Ok(FdSink { fd, direct, has_reader: kind != FileType::RegularFile })
    }

    /// Opens `path` for appending, and creates it with mode 0640 if nothing stands there.
    ///
    /// # Errors
    /// Fails if it cannot be opened or is neither a regular file nor a character device.
    pub fn file(path: &Path) -> Result<FdSink, SinkError> {
        // O_NONBLOCK so that a FIFO without a reader fails here instead of waiting for one.
        let flags = OFlags::WRONLY
            | OFlags::APPEND
            | OFlags::CREATE
            | OFlags::CLOEXEC
            | OFlags::NONBLOCK
            | OFlags::NOCTTY;
        let opened = rustix::fs::open(path, flags, Mode::from_raw_mode(0o640));
        let fd = opened.map_err(|errno| refused(path, errno))?;
        let stat = fstat(&fd).map_err(|errno| refused(path, errno))?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile | FileType::CharacterDevice => {}
            other => return Err(SinkError::NotAFile { path: path.into(), found: name_of(other) }),
        }
        Ok(FdSink { fd, direct: Direct::Always, has_reader: false })
    }
}

impl Sink for FdSink {
    fn batch_bytes(&self) -> usize {
        BATCH_BYTES
    }

    fn takes_at_once(&self, bytes: usize) -> bool {
        match self.direct {
            Direct::Always => true,
            Direct::IfReady => bytes <= PIPE_BYTES_SURE && self.wait_room(Duration::ZERO),
            Direct::Never => false,
        }
    }

    fn wait_room(&self, timeout: Duration) -> bool {
        wait_writable(&self.fd, timeout)
    }

    /// May block on a destination that others opened in blocking mode, unless [`Sink::takes_at_once`] said otherwise.
    fn write(&mut self, bytes: &[u8]) -> WriteProgress {
        loop {
            let outcome = match rustix::io::write(&self.fd, bytes) {
                // Otherwise a device that takes nothing without an error would be retried forever.
                Ok(0) if !bytes.is_empty() => WriteOutcome::Failed(Errno::IO),
                Ok(written) => {
                    let outcome =
                        if written == bytes.len() { WriteOutcome::Done } else { WriteOutcome::Full };
                    return WriteProgress { written, outcome };
                }
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => WriteOutcome::Full,
                // EIO is how a terminal says that it hung up.
                Err(Errno::PIPE | Errno::CONNRESET | Errno::IO) if self.has_reader => WriteOutcome::Closed,
                Err(errno) => WriteOutcome::Failed(errno),
            };
            return WriteProgress { written: 0, outcome };
        }
    }

    fn stands_at(&self, path: &Path) -> bool {
        match (fstat(&self.fd), rustix::fs::stat(path)) {
            (Ok(ours), Ok(theirs)) => (ours.st_dev, ours.st_ino) == (theirs.st_dev, theirs.st_ino),
            _ => false,
        }
    }

    fn hint(&self, errno: Errno) -> &'static str {
        match errno {
            Errno::NOSPC | Errno::DQUOT => "make room on its filesystem",
            Errno::FBIG => "raise the limit of the size of files, or rotate it",
            _ => "see that its filesystem is there and can be written",
        }
    }
}

fn refused(path: &Path, errno: Errno) -> SinkError {
    let parent = path.parent().unwrap_or(Path::new("/")).display();
    let hint = match errno {
        // What a FIFO without a reader says.
        Errno::NXIO => return SinkError::NotAFile { path: path.into(), found: "FIFO or socket" },
        Errno::ISDIR => return SinkError::NotAFile { path: path.into(), found: "directory" },
        Errno::NOENT | Errno::NOTDIR => format!("create the directory {parent} first"),
        Errno::ACCESS | Errno::PERM => {
            format!("let the user that runs the daemon write to it and to {parent}")
        }
        Errno::ROFS => "choose a path on a filesystem that is mounted for writing".to_owned(),
        Errno::NOSPC | Errno::DQUOT => "make room on its filesystem".to_owned(),
        Errno::MFILE | Errno::NFILE => "raise the limit of open files (LimitNOFILE=, ulimit -n)".to_owned(),
        _ => "choose another path, or fix this one".to_owned(),
    };
    SinkError::Open { path: path.into(), cause: errno.into(), hint }
}

fn name_of(kind: FileType) -> &'static str {
    match kind {
        FileType::Fifo => "FIFO",
        FileType::Socket => "socket",
        FileType::Directory => "directory",
        FileType::BlockDevice => "block device",
        _ => "special file",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_file_is_refused_with_a_way_out() {
        let dir = tempfile::tempdir().unwrap();
        let said = |path: &Path| FdSink::file(path).unwrap_err().to_string();
        assert!(said(dir.path()).contains("it is a directory, not a regular file"));
        assert!(said(&dir.path().join("no/such.log")).contains("create the directory"));
        let fifo = dir.path().join("fifo");
        rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, Mode::from_raw_mode(0o600)).unwrap();
        assert!(said(&fifo).contains("not a regular file"), "{}", said(&fifo));
        assert!(FdSink::file(Path::new("/dev/null")).is_ok());
    }

    #[test]
    fn a_full_pipe_takes_nothing_at_once() {
        let (_reader, writer) = io::pipe().unwrap();
        let mut sink = FdSink::from_fd(writer.into()).unwrap();
        assert!(sink.takes_at_once(PIPE_BYTES_SURE));
        assert!(!sink.takes_at_once(PIPE_BYTES_SURE + 1));
        let mut filled = 0;
        while sink.takes_at_once(PIPE_BYTES_SURE) {
            filled += sink.write(&[b'x'; PIPE_BYTES_SURE]).written;
        }
        assert!(filled >= PIPE_BYTES_SURE);
        assert!(!sink.takes_at_once(1));
    }

    #[test]
    fn a_pipe_without_reader_is_closed_and_a_full_device_fails() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut sink = FdSink::from_fd(writer.into()).unwrap();
        assert_eq!(sink.write(b"x"), WriteProgress { written: 0, outcome: WriteOutcome::Closed });
        let mut full = FdSink::file(Path::new("/dev/full")).unwrap();
        assert_eq!(full.write(b"x").outcome, WriteOutcome::Failed(Errno::NOSPC));
    }
}

//! Opening and examining files that anyone may have put there.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Statx, StatxFlags, StatxTimestamp};

/// What a path or descriptor leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Device that holds the file.
    pub dev: u64,
    /// Inode number, reused by the filesystem after the file is gone.
    pub ino: u64,
    /// When the inode was made, in nanoseconds since the epoch; 0 where the filesystem does not say. Tells a reused
    /// inode from the one that it was.
    pub born_ns: i64,
    /// Size in bytes.
    pub size: u64,
    /// When the contents last changed, in nanoseconds since the epoch.
    pub modified_ns: i64,
    /// When the inode last changed, in nanoseconds since the epoch. Unlike `modified_ns`, no one can set it.
    pub changed_ns: i64,
    /// How many names the file has.
    pub links: u32,
    /// Permission bits and type as in `st_mode`.
    pub mode: u32,
    /// Owning group.
    pub gid: u32,
}

impl Stat {
    /// What kind of file it is, for people.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match FileType::from_raw_mode(self.mode) {
            FileType::RegularFile => "a regular file",
            FileType::Directory => "a directory",
            FileType::Fifo => "a FIFO",
            FileType::Socket => "a socket",
            FileType::CharacterDevice => "a character device",
            FileType::BlockDevice => "a block device",
            _ => "of an unknown kind",
        }
    }

    /// Whether it is a regular file.
    #[must_use]
    pub fn is_regular(&self) -> bool {
        FileType::from_raw_mode(self.mode) == FileType::RegularFile
    }

    /// Whether it is a directory.
    #[must_use]
    pub fn is_dir(&self) -> bool {
        FileType::from_raw_mode(self.mode) == FileType::Directory
    }
}

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Nothing is there.
    #[error("no such file")]
    Missing,
    /// It is not a regular file.
    #[error("it is {0}, not a regular file; spiketail reads only regular files")]
    NotRegular(&'static str),
    /// The process may not read it.
    #[error("permission denied{0}")]
    Denied(String),
    /// The process or the system has no descriptor left.
    #[error("too many open files; raise the limit (LimitNOFILE= in the unit, `ulimit -n` in a shell)")]
    TooManyOpen,
    /// Anything else.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl OpenError {
    /// Whether it says nothing of the file: the same may succeed later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, OpenError::TooManyOpen | OpenError::Io(_))
    }
}

/// Opens a regular file for reading. Never blocks, whatever is at the path, and never takes a terminal.
///
/// # Errors
/// See [`OpenError`]; its text says how to fix what can be fixed.
pub fn open_regular(path: &Path) -> Result<(File, Stat), OpenError> {
    // A FIFO is refused before it is opened: opening it would already wake whoever writes to it.
    let before = stat_path(path).map_err(|e| classify(e, path))?;
    require_regular(&before)?;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file =
        File::from(rustix::fs::open(path, flags, Mode::empty()).map_err(|e| classify(e.into(), path))?);
    // Once more on the descriptor: the path may lead elsewhere by now.
    let stat = stat_file(&file)?;
    require_regular(&stat)?;
    Ok((file, stat))
}

/// Opens the file behind `file` once more, whatever its path leads to by now. `None` where /proc does not allow it.
///
/// The kernel reads ahead of one reader for each time that a file is opened: readers that stand at different places of
/// a file had better not share one.
#[must_use]
pub fn open_again(file: &File) -> Option<File> {
    File::open(format!("/proc/self/fd/{}", file.as_raw_fd())).ok()
}

/// Tells the kernel that `file` is about to be read from front to back, so that it reads further ahead.
pub fn expect_sequential(file: &File) {
    // A hint that is refused changes no result.
    let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::Sequential);
}

fn require_regular(stat: &Stat) -> Result<(), OpenError> {
    if stat.is_regular() { Ok(()) } else { Err(OpenError::NotRegular(stat.kind())) }
}

/// Sorts what the system said into what a person can do about it.
#[must_use]
pub fn classify(error: io::Error, path: &Path) -> OpenError {
    match error.raw_os_error() {
        Some(libc::ENOENT | libc::ENOTDIR) => OpenError::Missing,
        Some(libc::EACCES | libc::EPERM) => OpenError::Denied(mend_permission(path)),
        Some(libc::EMFILE | libc::ENFILE) => OpenError::TooManyOpen,
        _ => OpenError::Io(error),
    }
}

/// How the permission could be obtained: by the group that may read the file, if there is one.
fn mend_permission(path: &Path) -> String {
    let Ok(stat) = stat_path(path) else {
        return "; a folder above it does not let this user through (it needs the x permission)".to_owned();
    };
    let mode = stat.mode & 0o7777;
    let group = group_name(stat.gid);
    if mode & 0o040 != 0 {
        format!(" (mode {mode:04o}, group {group}); add the user that runs spiketail to the group {group}")
    } else {
        format!(" (mode {mode:04o}, group {group}); let a group read it, or grant CAP_DAC_READ_SEARCH")
    }
}

fn group_name(gid: u32) -> String {
    let groups = std::fs::read("/etc/group").unwrap_or_default();
    String::from_utf8_lossy(&groups)
        .lines()
        .find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)?.parse() == Ok(gid)).then(|| name.to_owned())
        })
        .unwrap_or_else(|| gid.to_string())
}

/// Examines what `path` leads to, through symbolic links.
///
/// # Errors
/// What `statx` says.
pub fn stat_path(path: &Path) -> io::Result<Stat> {
    stat_at(CWD, path, AtFlags::empty())
}

/// Examines an open file.
///
/// # Errors
/// What `statx` says.
pub fn stat_file(file: &File) -> io::Result<Stat> {
    stat_at(file.as_fd(), Path::new(""), AtFlags::EMPTY_PATH)
}

fn stat_at(dir: impl AsFd, path: &Path, flags: AtFlags) -> io::Result<Stat> {
    let wanted = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
    Ok(from_statx(&rustix::fs::statx(dir, path, flags, wanted)?))
}

fn from_statx(x: &Statx) -> Stat {
    let has_birth = x.stx_mask & StatxFlags::BTIME.bits() != 0;
    Stat {
        dev: rustix::fs::makedev(x.stx_dev_major, x.stx_dev_minor),
        ino: x.stx_ino,
        born_ns: if has_birth { nanoseconds(&x.stx_btime) } else { 0 },
        size: x.stx_size,
        modified_ns: nanoseconds(&x.stx_mtime),
        changed_ns: nanoseconds(&x.stx_ctime),
        links: x.stx_nlink,
        mode: u32::from(x.stx_mode),
        gid: x.stx_gid,
    }
}

fn nanoseconds(time: &StatxTimestamp) -> i64 {
    time.tv_sec.saturating_mul(1_000_000_000).saturating_add(i64::from(time.tv_nsec))
}

/// Whether `file` is on a filesystem whose pages or change events cannot be relied on: a network or FUSE one.
#[must_use]
pub fn is_remote(file: impl AsFd) -> bool {
    rustix::fs::fstatfs(file).is_ok_and(|fs| is_remote_type(i128::from(fs.f_type)))
}

/// Like [`is_remote`], for a path.
#[must_use]
pub fn is_remote_path(path: &Path) -> bool {
    rustix::fs::statfs(path).is_ok_and(|fs| is_remote_type(i128::from(fs.f_type)))
}

/// Magic numbers from statfs(2) and linux/magic.h.
fn is_remote_type(magic: i128) -> bool {
    const NFS: i128 = 0x6969;
    const SMB: i128 = 0x517b;
    const SMB2: i128 = 0xfe53_4d42;
    const CIFS: i128 = 0xff53_4d42;
    const FUSE: i128 = 0x6573_5546;
    const P9: i128 = 0x0102_1997;
    const CEPH: i128 = 0x00c3_6400;
    const AFS: i128 = 0x5346_414f;
    const CODA: i128 = 0x7375_7245;
    const OCFS2: i128 = 0x7461_636f;
    const GFS2: i128 = 0x0116_1970;
    matches!(magic, NFS | SMB | SMB2 | CIFS | FUSE | P9 | CEPH | AFS | CODA | OCFS2 | GFS2)
}

/// The data at or after `offset`, up to the next hole, found without reading. `None` if there is only a hole up to the end.
/// Where the filesystem does not know its holes, everything is data.
#[must_use]
pub fn data_after(file: &File, offset: u64) -> Option<Range<u64>> {
    match rustix::fs::seek(file, rustix::fs::SeekFrom::Data(offset)) {
        Ok(start) => {
            let end = rustix::fs::seek(file, rustix::fs::SeekFrom::Hole(start));
            Some(start..end.unwrap_or(u64::MAX))
        }
        Err(rustix::io::Errno::NXIO) => None,
        Err(_) => Some(offset..u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anything_but_a_regular_file_is_refused_without_blocking() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        rustix::fs::mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        assert!(matches!(open_regular(&fifo), Err(OpenError::NotRegular("a FIFO"))));
        assert!(matches!(open_regular(dir.path()), Err(OpenError::NotRegular("a directory"))));
        assert!(matches!(
            open_regular(Path::new("/dev/null")),
            Err(OpenError::NotRegular("a character device"))
        ));
        assert!(matches!(open_regular(&dir.path().join("none")), Err(OpenError::Missing)));
    }

    #[test]
    fn what_is_opened_again_is_the_file_and_not_the_path() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("app.log");
        std::fs::write(&path, "old").unwrap();
        let file = File::open(&path).unwrap();
        std::fs::rename(&path, dir.path().join("app.log.1")).unwrap();
        std::fs::write(&path, "new").unwrap();
        let again = open_again(&file).unwrap();
        expect_sequential(&again);
        assert_eq!(stat_file(&again).unwrap(), stat_file(&file).unwrap());
        assert_eq!(io::read_to_string(again).unwrap(), "old");
    }

    #[test]
    fn path_and_descriptor_agree() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"abc").unwrap();
        let (open, stat) = open_regular(file.path()).unwrap();
        assert_eq!(stat.size, 3);
        assert_eq!(stat_file(&open).unwrap(), stat_path(file.path()).unwrap());
    }
}

//! What distinguishes a directory from whatever takes its place.

use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, StatxFlags, statx};

/// Tells a directory, and the mount that it was reached by, from whatever takes its place: the kernel gives the numbers
/// of a removed directory or filesystem to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DirectoryId {
    dev: (u32, u32),
    ino: u64,
    born: (i64, u32),
    mount: u64,
}

impl DirectoryId {
    pub(super) fn of(dir: &Path) -> Option<DirectoryId> {
        /// Asks for a number that is never used again (since Linux 6.8).
        const MNT_ID_UNIQUE: StatxFlags = StatxFlags::from_bits_retain(0x4000);
        let wanted =
            StatxFlags::TYPE | StatxFlags::INO | StatxFlags::BTIME | StatxFlags::MNT_ID | MNT_ID_UNIQUE;
        let x = statx(CWD, dir, AtFlags::empty(), wanted).ok()?;
        (FileType::from_raw_mode(u32::from(x.stx_mode)) == FileType::Directory).then_some(DirectoryId {
            dev: (x.stx_dev_major, x.stx_dev_minor),
            ino: x.stx_ino,
            born: (x.stx_btime.tv_sec, x.stx_btime.tv_nsec),
            mount: x.stx_mnt_id,
        })
    }
}

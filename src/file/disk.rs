//! The files of the machine: opened safely, read through a mapping or with `pread`.

use std::ffi::{OsStr, OsString};
use std::io;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FileType, Mode, OFlags, RawDir, open};

use crate::file::settings::ReadMethod;
use crate::file::source::{MappedSource, PreadSource, read_at};
use crate::file::vfs::{FileHandle, Filesystem, Source};
use crate::sys::open::{
    OpenError, Stat, data_after, expect_sequential, is_remote, is_remote_path, open_regular, stat_file,
    stat_path,
};

/// How much of a directory is listed by one system call, in bytes: about 2,000 names.
const LISTING_BYTES: usize = 64 << 10;

/// The files that there really are.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

impl Filesystem for Disk {
    fn stat(&self, path: &Path) -> io::Result<Stat> {
        stat_path(path)
    }

    fn open(&self, path: &Path) -> Result<(Arc<dyn FileHandle>, Stat), OpenError> {
        let (file, stat) = open_regular(path)?;
        Ok((Arc::new(file), stat))
    }

    fn link_target(&self, path: &Path) -> Option<PathBuf> {
        let link = std::fs::read_link(path).ok()?;
        std::fs::canonicalize(path).ok().or_else(|| {
            let target = path.parent()?.join(link);
            Some(std::fs::canonicalize(target.parent()?).ok()?.join(target.file_name()?))
        })
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<(OsString, bool)>> {
        let opened = open(dir, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let mut buffer = Vec::with_capacity(LISTING_BYTES);
        let mut listing = RawDir::new(opened, buffer.spare_capacity_mut());
        let mut entries = Vec::new();
        while let Some(entry) = listing.next() {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            let is_dir = match entry.file_type() {
                FileType::Unknown => {
                    std::fs::symlink_metadata(dir.join(name)).is_ok_and(|meta| meta.is_dir())
                }
                kind => kind == FileType::Directory,
            };
            entries.push((name.to_owned(), is_dir));
        }
        Ok(entries)
    }

    fn is_remote(&self, dir: &Path) -> bool {
        is_remote_path(dir)
    }
}

impl FileHandle for std::fs::File {
    fn stat(&self) -> io::Result<Stat> {
        stat_file(self)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        read_at(self, buffer, offset)
    }

    fn data_after(&self, offset: u64) -> Option<Range<u64>> {
        data_after(self, offset)
    }

    fn is_remote(&self) -> bool {
        is_remote(self)
    }

    fn source(self: Arc<Self>, reader: ReadMethod, window_bytes: usize) -> Box<dyn Source> {
        expect_sequential(&self);
        let is_mapped = match reader {
            ReadMethod::Mmap => true,
            ReadMethod::Pread => false,
            ReadMethod::Auto => !is_remote(&*self),
        };
        if is_mapped {
            Box::new(MappedSource::new(self, window_bytes))
        } else {
            Box::new(PreadSource::new(self))
        }
    }
}

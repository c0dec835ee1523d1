//! A page that the device cannot read: the kernel raises SIGBUS under a mapping, and reports an input/output error to `read`.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use fuser::{
    BackgroundSession, Errno, FileAttr, FileHandle, FileType, Filesystem, Generation, INodeNo, LockOwner,
    MountOption, OpenFlags, ReplyAttr, ReplyData, ReplyDirectory, ReplyEntry, Request,
};

use crate::common::{TestFolder, news};

/// Nothing is cached, so that what is appended is seen.
const TTL: Duration = Duration::ZERO;

const LOG: INodeNo = INodeNo(2);

const BLOCK: usize = 4096;

/// A filesystem with one file, of which the device cannot read one block.
#[derive(Clone)]
struct Damaged {
    content: Arc<Mutex<Vec<u8>>>,
    bad_block: usize,
    born: SystemTime,
}

impl Damaged {
    fn mount(&self, at: &Path) -> BackgroundSession {
        let mut config = fuser::Config::default();
        config.mount_options = vec![MountOption::RO, MountOption::FSName("damaged".to_owned())];
        fuser::spawn_mount(self.clone(), at, &config).unwrap()
    }

    fn size(&self) -> u64 {
        self.content.lock().unwrap_or_else(PoisonError::into_inner).len() as u64
    }

    fn append(&self, bytes: &[u8]) {
        self.content.lock().unwrap().extend_from_slice(bytes);
    }

    fn attributes(&self, inode: INodeNo) -> FileAttr {
        let is_log = inode == LOG;
        FileAttr {
            ino: inode,
            size: if is_log { self.size() } else { 0 },
            blocks: 0,
            atime: self.born,
            mtime: self.born + Duration::from_nanos(self.size()),
            ctime: self.born + Duration::from_nanos(self.size()),
            crtime: self.born,
            kind: if is_log { FileType::RegularFile } else { FileType::Directory },
            perm: if is_log { 0o644 } else { 0o755 },
            nlink: if is_log { 1 } else { 2 },
            uid: 0,
            gid: 0,
            rdev: 0,
            blksize: BLOCK as u32,
            flags: 0,
        }
    }
}

impl Filesystem for Damaged {
    fn lookup(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEntry) {
        if name == "app.log" {
            reply.entry(&TTL, &self.attributes(LOG), Generation(0));
        } else {
            reply.error(Errno::ENOENT);
        }
    }

    fn getattr(&self, _: &Request, inode: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        reply.attr(&TTL, &self.attributes(inode));
    }

    fn read(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let content = self.content.lock().unwrap();
        let from = content.len().min(offset as usize);
        let to = content.len().min(from + size as usize);
        let bad = self.bad_block * BLOCK;
        if from < bad + BLOCK && bad < to {
            return reply.error(Errno::from(io::Error::from_raw_os_error(libc::EIO)));
        }
        reply.data(&content[from..to]);
    }

    fn readdir(&self, _: &Request, _: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        if offset == 0 {
            let _ = reply.add(LOG, 1, FileType::RegularFile, "app.log");
        }
        reply.ok();
    }
}

/// The lines before and behind it count, what it held is missed, and reading goes on: mapped and with `pread`.
#[test]
#[ignore = "needs root: mounts"]
fn a_page_that_cannot_be_read_is_missed_and_what_follows_counts() {
    for reader in ["mmap", "pread"] {
        let mut place = TestFolder::new();
        // No event tells of what is appended.
        place.sweep_interval = "1s";
        // 16 bytes each, so that lines end at the borders of blocks.
        let line = b"an ERROR line..\n";
        let blocks = 200;
        let damaged = Damaged {
            content: Arc::new(Mutex::new(line.repeat(blocks * BLOCK / line.len()))),
            bad_block: 100,
            born: SystemTime::now(),
        };
        let mount = damaged.mount(&place.log(""));
        let log = place.log("app.log");
        let mut daemon =
            place.watch_with("app.log", &format!("start = \"beginning\"\nreader = \"{reader}\""));
        let missed = daemon.wait_event("missed");
        assert_eq!(missed["bytes"], BLOCK, "{missed}");
        assert!(missed["reason"].as_str().unwrap().contains("input/output error"), "{missed}");
        // Where a line begins behind the block, no one knows: the first one there is not counted.
        let readable = ((blocks - 1) * BLOCK / line.len() - 1) as u64;
        daemon.wait_sum(readable);
        damaged.append(&line.repeat(10));
        daemon.wait_sum(readable + 10);
        let events = daemon.stop_with_sum(readable + 10);
        let names = news(&events, &log);
        assert_eq!(names.iter().filter(|name| *name == "missed").count(), 1, "{reader}: {names:?}");
        assert!(!names.contains(&"rewritten".to_owned()), "{reader}: {names:?}");
        drop(mount);
    }
}

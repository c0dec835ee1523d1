//! A filesystem in memory: inodes with stamps and links, names that lead to them, and handles that keep them alive.
//!
//! Every call that the program under test makes is a step, before which the world may act (see `world.rs`).

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use spiketail::file::settings::ReadMethod;
use spiketail::file::vfs::{FileHandle, Filesystem};
use spiketail::file::vfs::{Source, WindowState};
use spiketail::sys::open::{OpenError, Stat};

use crate::world::World;

/// Stamps are as coarse as the kernel's tick, in nanoseconds.
const TICK_NS: i64 = 4_000_000;

const FILE: u32 = 0o100_644;
const DIRECTORY: u32 = 0o040_755;

#[derive(Debug, Clone)]
pub struct Inode {
    pub ino: u64,
    pub born_ns: i64,
    pub bytes: Vec<u8>,
    pub modified_ns: i64,
    pub changed_ns: i64,
    pub links: u32,
    pub open: u32,
    /// What its mappings show, if not `bytes`: it was copied up in an overlay.
    pub lower: Option<Vec<u8>>,
}

/// Names and inodes. An inode's number in `inodes` is never used again; its `ino` is, as soon as it is free.
#[derive(Debug, Default)]
pub struct Disk {
    pub dev: u64,
    pub names: BTreeMap<PathBuf, usize>,
    pub inodes: Vec<Inode>,
    /// When names in each directory last changed.
    stamps: BTreeMap<PathBuf, i64>,
    free: Vec<u64>,
    next_ino: u64,
}

impl Disk {
    pub fn create(&mut self, path: &Path, now_ns: i64) -> usize {
        let ino = self.free.pop().unwrap_or_else(|| {
            self.next_ino += 1;
            self.next_ino
        });
        let stamp = stamp(now_ns);
        self.inodes.push(Inode {
            ino,
            // Births are reported apart: no two share a stamp unless the ino differs.
            born_ns: now_ns,
            bytes: Vec::new(),
            modified_ns: stamp,
            changed_ns: stamp,
            links: 0,
            open: 0,
            lower: None,
        });
        let id = self.inodes.len() - 1;
        self.link(id, path, now_ns);
        id
    }

    /// Makes an inode the upper one of an overlay, which has numbers of its own.
    pub fn copy_up(&mut self, id: usize) {
        self.next_ino += 1;
        let inode = &mut self.inodes[id];
        inode.ino = self.next_ino;
        inode.born_ns += 1;
        inode.lower = Some(inode.bytes.clone());
    }

    pub fn link(&mut self, id: usize, path: &Path, now_ns: i64) {
        self.touch(path, now_ns);
        self.inodes[id].links += 1;
        if let Some(old) = self.names.insert(path.to_owned(), id) {
            self.unlinked(old);
        }
    }

    pub fn unlink(&mut self, path: &Path, now_ns: i64) -> Option<usize> {
        self.touch(path, now_ns);
        let id = self.names.remove(path)?;
        self.unlinked(id);
        Some(id)
    }

    pub fn rename(&mut self, from: &Path, to: &Path, now_ns: i64) {
        self.touch(from, now_ns);
        self.touch(to, now_ns);
        if let Some(id) = self.names.remove(from) {
            self.inodes[id].changed_ns = stamp(now_ns);
            if let Some(old) = self.names.insert(to.to_owned(), id) {
                self.unlinked(old);
            }
        }
    }

    pub fn change(&mut self, id: usize, now_ns: i64, change: impl FnOnce(&mut Vec<u8>)) {
        let inode = &mut self.inodes[id];
        change(&mut inode.bytes);
        (inode.modified_ns, inode.changed_ns) = (stamp(now_ns), stamp(now_ns));
    }

    fn touch(&mut self, path: &Path, now_ns: i64) {
        if let Some(dir) = path.parent() {
            self.stamps.insert(dir.to_owned(), stamp(now_ns));
        }
    }

    fn stat_directory(&self, dir: &Path) -> Option<Stat> {
        let is_there = || (dir == Path::new("/logs/old")).then_some(0);
        let stamp_ns = self.stamps.get(dir).copied().or_else(is_there)?;
        Some(Stat {
            dev: 1 + self.dev,
            ino: u64::MAX - dir.as_os_str().len() as u64,
            born_ns: 1,
            size: 0,
            modified_ns: stamp_ns,
            changed_ns: stamp_ns,
            links: 2,
            mode: DIRECTORY,
            gid: 0,
        })
    }

    fn unlinked(&mut self, id: usize) {
        self.inodes[id].links -= 1;
        self.free_if_unused(id);
    }

    fn free_if_unused(&mut self, id: usize) {
        let inode = &self.inodes[id];
        if inode.links == 0 && inode.open == 0 {
            self.free.push(inode.ino);
        }
    }

    fn stat(&self, id: usize) -> Stat {
        let inode = &self.inodes[id];
        Stat {
            dev: 1 + self.dev,
            ino: inode.ino,
            born_ns: inode.born_ns,
            size: inode.bytes.len() as u64,
            modified_ns: inode.modified_ns,
            changed_ns: inode.changed_ns,
            links: inode.links,
            mode: FILE,
            gid: 0,
        }
    }
}

fn stamp(now_ns: i64) -> i64 {
    now_ns / TICK_NS * TICK_NS
}

/// The filesystem as the program under test sees it.
pub struct Seen(pub Arc<Mutex<World>>);

struct Open {
    world: Arc<Mutex<World>>,
    id: usize,
}

struct Bytes {
    file: Arc<Open>,
    is_mapped: bool,
}

fn step(world: &Mutex<World>) -> io::Result<std::sync::MutexGuard<'_, World>> {
    let mut world = world.lock().unwrap();
    world.step();
    if world.has_crashed { Err(io::Error::other("the machine is off")) } else { Ok(world) }
}

fn missing() -> io::Error {
    io::Error::from_raw_os_error(2)
}

impl Filesystem for Seen {
    fn stat(&self, path: &Path) -> io::Result<Stat> {
        let world = step(&self.0)?;
        world.say(|| format!("    stat {}", path.display()));
        if let Some(stat) = world.disk.stat_directory(path) {
            return Ok(stat);
        }
        let id = world.disk.names.get(path).ok_or_else(missing)?;
        Ok(world.disk.stat(*id))
    }

    fn open(&self, path: &Path) -> Result<(Arc<dyn FileHandle>, Stat), OpenError> {
        let mut world = step(&self.0).map_err(OpenError::Io)?;
        world.say(|| format!("    open {}", path.display()));
        if world.hardships.is_starved && world.disk.names.contains_key(path) {
            return Err(OpenError::TooManyOpen);
        }
        let id = *world.disk.names.get(path).ok_or(OpenError::Missing)?;
        world.disk.inodes[id].open += 1;
        let stat = world.disk.stat(id);
        Ok((Arc::new(Open { world: Arc::clone(&self.0), id }), stat))
    }

    fn link_target(&self, _: &Path) -> Option<PathBuf> {
        None
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<(OsString, bool)>> {
        let world = step(&self.0)?;
        world.say(|| format!("    list {}", dir.display()));
        if world.hardships.is_starved {
            return Err(io::Error::from_raw_os_error(libc::EMFILE));
        }
        let inside = world.disk.names.keys().filter(|path| path.parent() == Some(dir));
        let mut names: Vec<_> = inside.map(|path| (path.file_name().unwrap().to_owned(), false)).collect();
        if dir == Path::new("/logs") {
            names.push(("old".into(), true));
        }
        Ok(names)
    }

    fn is_remote(&self, _: &Path) -> bool {
        false
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut world = self.world.lock().unwrap();
        world.disk.inodes[self.id].open -= 1;
        world.disk.free_if_unused(self.id);
    }
}

impl FileHandle for Open {
    fn stat(&self) -> io::Result<Stat> {
        Ok(step(&self.world)?.disk.stat(self.id))
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let world = step(&self.world)?;
        world.say(|| format!("    read {} bytes at {offset} of inode {}", buffer.len(), self.id));
        let bytes = &world.disk.inodes[self.id].bytes;
        let from = (offset as usize).min(bytes.len());
        let got = (bytes.len() - from).min(buffer.len());
        buffer[..got].copy_from_slice(&bytes[from..from + got]);
        Ok(got)
    }

    fn data_after(&self, offset: u64) -> Option<Range<u64>> {
        let world = step(&self.world).ok()?;
        let bytes = &world.disk.inodes[self.id].bytes;
        let rest = bytes.get(offset as usize..)?;
        // Whole blocks of zeros are holes; these are small blocks.
        let zeros = rest.iter().take_while(|byte| **byte == 0).count();
        (zeros < rest.len()).then(|| offset + zeros as u64..bytes.len() as u64)
    }

    fn is_remote(&self) -> bool {
        false
    }

    fn source(self: Arc<Self>, method: ReadMethod, _: usize) -> Box<dyn Source> {
        let is_mapped = self.world.lock().unwrap().is_mapped && method != ReadMethod::Pread;
        Box::new(Bytes { file: self, is_mapped })
    }
}

impl Source for Bytes {
    fn show(&mut self, range: Range<u64>, look: &mut dyn FnMut(&[u8])) -> io::Result<WindowState> {
        let mut shown = Vec::new();
        let middle = range.start + (range.end - range.start) / 2;
        let mut is_torn = false;
        let is_mapped = self.is_mapped;
        // The world may act between the halves: what is shown may be of two times.
        for half in [range.start..middle, middle..range.end] {
            let world = step(&self.file.world)?;
            world.say(|| format!("    look at {half:?} of inode {}", self.file.id));
            let (from, to) = (half.start as usize, half.end as usize);
            let inode = &world.disk.inodes[self.file.id];
            if let Some(lower) = inode.lower.as_ref().filter(|_| is_mapped) {
                // The rest of its last page is NULs.
                let rest = std::iter::repeat(&0);
                shown.extend(lower.iter().chain(rest).skip(from).take(to - from));
                continue;
            }
            let bytes = &inode.bytes;
            shown.extend_from_slice(&bytes[from.min(bytes.len())..to.min(bytes.len())]);
            if is_mapped && bytes.len() < to {
                shown.resize((half.end - range.start) as usize, 0);
                is_torn = true;
            }
        }
        look(&shown);
        Ok(if is_torn { WindowState::Torn } else { WindowState::Whole })
    }

    fn release(&mut self) {}

    fn holds_window(&self) -> bool {
        false
    }
}

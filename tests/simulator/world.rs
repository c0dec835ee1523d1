//! The world outside of the program: a writer, a rotator, a compressor and time, which act by a seeded schedule.
//!
//! They act between the calls of the program and within them, at every step that it takes. What they do is told to the
//! oracle; what they change raises events, which may be delivered or not.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use fastrand::Rng;
use spiketail::file::identity::{Anchor, Head};
use spiketail::store::State;

use crate::disk::Disk;
use crate::oracle::Oracle;

pub const LOG: &str = "/logs/app.log";

/// The program reads a rotated file for 30 s after its last growth: nobody writes to one later than this.
const WRITER_GRACE_NS: i64 = 25_000_000_000;

const MS: i64 = 1_000_000;

/// How the rotator names what it puts away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// `.1` is the newest; the others move up.
    Shifted,
    /// The number grows.
    Ascending,
    Dated,
}

/// What takes more than one step.
#[derive(Debug)]
enum Underway {
    /// `app.log` is copied to here.
    Copying(PathBuf),
    /// The copy is complete, `app.log` is to be truncated.
    Copied,
    /// This file was compressed and is to be removed.
    Compressed(PathBuf),
}

pub struct World {
    pub disk: Disk,
    pub oracle: Oracle,
    pub rng: Rng,
    pub clock: Arc<AtomicI64>,
    /// What the store holds at this moment.
    pub store: Arc<Mutex<State>>,
    pub naming: Naming,
    pub is_mapped: bool,
    pub has_crashed: bool,
    /// How likely the machine stops at a step, in 1/1000.
    pub crashes: u32,
    /// How likely something happens at a step, in 1/100.
    pub haste: u32,
    /// How many more actions there are.
    pub actions: u32,
    /// Paths at which something happened that was not told yet.
    pub events: Vec<PathBuf>,
    pub trace: bool,
    writer: usize,
    written_ns: i64,
    underway: Option<Underway>,
    has_partial: bool,
    rotations: u32,
    lines: u32,
}

impl World {
    pub fn new(mut rng: Rng, store: Arc<Mutex<State>>, trace: bool) -> World {
        let mut world = World {
            disk: Disk::default(),
            oracle: Oracle::default(),
            clock: Arc::new(AtomicI64::new(1_795_000_000_000 * MS)),
            store,
            naming: [Naming::Shifted, Naming::Ascending, Naming::Dated][rng.usize(..3)],
            is_mapped: rng.bool(),
            has_crashed: false,
            crashes: if rng.u8(..3) == 0 { 0 } else { rng.u32(1..25) },
            haste: rng.u32(0..25),
            actions: rng.u32(8..40),
            events: Vec::new(),
            trace,
            writer: 0,
            written_ns: 0,
            underway: None,
            has_partial: false,
            rotations: 0,
            lines: 0,
            rng,
        };
        world.writer = world.create(Path::new(LOG));
        world
    }

    pub fn now(&self) -> i64 {
        self.clock.load(Ordering::Relaxed)
    }

    pub fn pass(&mut self, ns: i64) {
        self.clock.fetch_add(ns, Ordering::Relaxed);
    }

    pub fn say(&self, what: impl FnOnce() -> String) {
        if self.trace {
            println!("{:>10.3} {}", (self.now() - 1_795_000_000_000 * MS) as f64 / 1e9, what());
        }
    }

    /// A step of the program: the world may act before it.
    pub fn step(&mut self) {
        if self.actions > 0 && !self.has_crashed {
            while self.actions > 0 && self.rng.u32(..100) < self.haste {
                self.act();
            }
            if self.rng.u32(..1000) < self.crashes {
                self.say(|| "CRASH".to_owned());
                self.has_crashed = true;
            }
        }
    }

    /// Does one thing.
    pub fn act(&mut self) {
        self.actions = self.actions.saturating_sub(1);
        let now = self.now();
        self.clock.store(now + self.rng.i64(0..8) * MS, Ordering::Relaxed);
        match self.rng.u32(..100) {
            0..34 => self.append(),
            34..40 => self.append_partial(),
            40..42 => self.append_after_hole(),
            42..54 => self.rotate(),
            54..64 => self.reopen(),
            64..78 => self.copy_truncate(),
            78..81 => self.truncate(),
            81..83 => self.replace(),
            83..85 => self.remove(),
            85..90 => self.compress(),
            90..92 => self.move_away(),
            92..93 => self.remove_oldest(),
            93..94 => self.hard_link(),
            94..95 => self.cut_partial(),
            _ => self.wait(),
        }
        self.account();
    }

    /// Ends what is underway and lets the writer go on at the path.
    pub fn finish(&mut self) {
        self.actions = 0;
        while self.underway.is_some() {
            match &self.underway {
                Some(Underway::Compressed(_)) => self.compress(),
                _ => self.copy_truncate(),
            }
        }
        if self.disk.names.get(Path::new(LOG)) != Some(&self.writer) {
            self.reopen();
        }
        self.account();
    }

    fn is_copying(&self) -> bool {
        matches!(self.underway, Some(Underway::Copying(_) | Underway::Copied))
    }

    fn write(&mut self, bytes: &[u8]) {
        let (id, now) = (self.writer, self.now());
        self.disk.change(id, now, |content| content.extend_from_slice(bytes));
        let generation = self.oracle.held[&id];
        self.oracle.generations[generation].content.extend_from_slice(bytes);
        self.written_ns = now;
        self.say(|| format!("append {:?} to inode {id}", String::from_utf8_lossy(bytes)));
        self.event_of(id);
    }

    fn line(&mut self) -> String {
        self.lines += 1;
        let n = self.lines;
        if n.is_multiple_of(3) { format!("{n} all is well\n") } else { format!("{n} ERROR here\n") }
    }

    fn append(&mut self) {
        // A copy that is being made, and the writer, do not see each other.
        if !self.is_copying() {
            let text: String = (0..self.rng.u32(1..4)).map(|_| self.line()).collect();
            self.has_partial = false;
            self.write(text.as_bytes());
        }
    }

    fn append_partial(&mut self) {
        // A file that stays under another name has not ended.
        if !self.is_copying() && self.disk.inodes[self.writer].links <= 1 {
            let line = self.line();
            let cut = self.rng.usize(1..line.len() - 1);
            self.has_partial = true;
            self.write(&line.as_bytes()[..cut]);
        }
    }

    /// As a writer does that does not append, after its file was truncated.
    fn append_after_hole(&mut self) {
        if !self.is_copying() && !self.has_partial {
            let mut bytes = vec![0; self.rng.usize(1..200)];
            bytes.extend_from_slice(self.line().as_bytes());
            self.write(&bytes);
        }
    }

    fn rotate(&mut self) {
        if self.is_copying() || !self.disk.names.contains_key(Path::new(LOG)) {
            return;
        }
        let to = self.next_name();
        let now = self.now();
        self.disk.rename(Path::new(LOG), &to, now);
        self.say(|| format!("rename to {}", to.display()));
        self.event(Path::new(LOG));
        self.event(&to);
        match self.rng.u8(..4) {
            // The rotator makes the new file; the writer goes on with the old one for a while.
            0 => drop(self.create(Path::new(LOG))),
            // The writer has not noticed yet.
            1 => {}
            _ => self.reopen(),
        }
    }

    /// The writer looks at its path, and begins a new file if there is none.
    fn reopen(&mut self) {
        let at_path = self.disk.names.get(Path::new(LOG)).copied();
        if self.is_copying() || at_path == Some(self.writer) {
            return;
        }
        self.leave(self.writer);
        self.has_partial = false;
        self.writer = at_path.unwrap_or_else(|| self.create(Path::new(LOG)));
        self.say(|| format!("the writer is at inode {}", self.writer));
    }

    fn copy_truncate(&mut self) {
        match self.underway.take() {
            None => {
                // Only a writer that is at the path can be made to wait. Which of two names a copy belongs to, nobody
                // can tell.
                let is_sole = self.disk.inodes[self.writer].links == 1;
                if self.disk.names.get(Path::new(LOG)) == Some(&self.writer) && is_sole {
                    let to = self.next_name();
                    let now = self.now();
                    let half = self.disk.inodes[self.writer].bytes.len() / 2;
                    let bytes = self.disk.inodes[self.writer].bytes[..half].to_vec();
                    let id = self.disk.create(&to, now);
                    self.disk.change(id, now, |content| *content = bytes);
                    self.say(|| format!("copy half to {} (inode {id})", to.display()));
                    self.event(&to);
                    self.underway = Some(Underway::Copying(to));
                }
            }
            Some(Underway::Copying(to)) => {
                let (now, bytes) = (self.now(), self.disk.inodes[self.writer].bytes.clone());
                if let Some(id) = self.disk.names.get(&to).copied() {
                    self.disk.change(id, now, |content| *content = bytes);
                    let generation = self.oracle.held[&self.writer];
                    self.oracle.held.insert(id, generation);
                    self.say(|| format!("copied to {}", to.display()));
                    self.event(&to);
                }
                self.underway = Some(Underway::Copied);
            }
            Some(Underway::Copied) => self.truncate_writer(),
            other => self.underway = other,
        }
    }

    fn truncate(&mut self) {
        let is_at_path = self.disk.names.get(Path::new(LOG)) == Some(&self.writer);
        let is_empty = self.disk.inodes[self.writer].bytes.is_empty();
        if !self.is_copying() && is_at_path && (is_empty || self.may_destroy(self.writer)) {
            self.truncate_writer();
            if self.rng.bool() {
                // Past what was there, before anyone looks.
                for _ in 0..6 {
                    self.append();
                }
            }
        }
    }

    fn truncate_writer(&mut self) {
        let (id, now) = (self.writer, self.now());
        self.say(|| format!("truncate inode {id}"));
        self.leave(id);
        self.disk.change(id, now, Vec::clear);
        self.oracle.begin(id);
        self.has_partial = false;
        self.event_of(id);
    }

    /// As an editor saves: another file takes the name.
    fn replace(&mut self) {
        let before = self.disk.names.get(Path::new(LOG)).copied();
        if !self.is_copying() && before.is_none_or(|id| self.may_destroy(id)) {
            self.leave(self.writer);
            self.has_partial = false;
            let tmp = Path::new("/logs/.app.log.tmp");
            self.writer = self.create(tmp);
            let text = self.line();
            self.write(text.as_bytes());
            let now = self.now();
            self.disk.rename(tmp, Path::new(LOG), now);
            self.say(|| format!("inode {before:?} is replaced by {}", self.writer));
            self.event(Path::new(LOG));
        }
    }

    fn remove(&mut self) {
        let id = self.disk.names.get(Path::new(LOG)).copied();
        if !self.is_copying() && id.is_some_and(|id| self.may_destroy(id)) {
            self.disk.unlink(Path::new(LOG));
            self.say(|| "remove app.log".to_owned());
            self.event(Path::new(LOG));
            if self.rng.bool() {
                self.reopen();
            }
        }
    }

    fn compress(&mut self) {
        match self.underway.take() {
            None => {
                let Some(path) = self.rotated().into_iter().find(|path| {
                    let id = self.disk.names[path];
                    // As gzip does, it leaves files alone that have another name.
                    let is_sole = self.disk.inodes[id].links == 1;
                    id != self.writer && is_sole && path.extension() != Some("gz".as_ref())
                }) else {
                    return;
                };
                let (id, now) = (self.disk.names[&path], self.now());
                let to = PathBuf::from(format!("{}.gz", path.display()));
                let packed = self.disk.create(&to, now);
                let bytes = gzip(&self.disk.inodes[id].bytes);
                self.disk.change(packed, now, |content| *content = bytes);
                self.disk.inodes[packed].modified_ns = self.disk.inodes[id].modified_ns;
                if let Some(generation) = self.oracle.held.get(&id).copied() {
                    self.oracle.held.insert(packed, generation);
                }
                self.say(|| format!("compress {} (inode {packed})", path.display()));
                self.event(&to);
                self.underway = Some(Underway::Compressed(path));
            }
            Some(Underway::Compressed(path)) => {
                self.disk.unlink(&path);
                self.say(|| format!("remove {}", path.display()));
                self.event(&path);
            }
            other => self.underway = other,
        }
    }

    fn move_away(&mut self) {
        if self.underway.is_none()
            && let Some(path) =
                self.rotated().into_iter().find(|path| path.parent() == Some(Path::new("/logs")))
        {
            let to = Path::new("/logs/old").join(path.file_name().unwrap());
            let now = self.now();
            // Nobody puts an archive beside another file that it might have been made from.
            let is_beside =
                self.disk.names.keys().any(|other| is_archive_of(other, &to) || is_archive_of(&to, other));
            if !self.disk.names.contains_key(&to) && !is_beside {
                self.disk.rename(&path, &to, now);
                self.say(|| format!("move {} to old", path.display()));
                self.event(&path);
            }
        }
    }

    fn remove_oldest(&mut self) {
        let oldest = self.rotated().into_iter().min_by_key(|path| self.disk.names[path]);
        if self.underway.is_none()
            && let Some(path) = oldest
            && self.may_destroy(self.disk.names[&path])
        {
            self.disk.unlink(&path);
            self.say(|| format!("remove {}", path.display()));
            self.event(&path);
        }
    }

    fn hard_link(&mut self) {
        let name = Path::new("/logs/app.log.lnk");
        // Which of two names goes on reading after a crash is not always the one that read before.
        if let Some(id) = self.disk.names.get(Path::new(LOG)).copied()
            && self.crashes == 0
            && !self.disk.names.contains_key(name)
            && !self.is_copying()
            && !self.has_partial
        {
            self.disk.link(id, name);
            self.say(|| "hard link".to_owned());
            self.event(name);
        }
    }

    /// The writer takes an unfinished line back.
    fn cut_partial(&mut self) {
        if self.is_copying() || !self.has_partial {
            return;
        }
        let (id, now) = (self.writer, self.now());
        let end = self.disk.inodes[id].bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if end > 0 && self.disk.inodes[id].links == 1 {
            self.disk.change(id, now, |content| content.truncate(end));
            let generation = self.oracle.held[&id];
            self.oracle.generations[generation].content.truncate(end);
            // Who saw the rest of it may say that it is gone.
            self.oracle.was_cut = true;
            self.has_partial = false;
            self.say(|| "cut the unfinished line off".to_owned());
            self.event_of(id);
        }
    }

    fn wait(&mut self) {
        let time = [10 * MS, 300 * MS, 2_000 * MS, 12_000 * MS][self.rng.usize(..4)];
        let is_at_path = self.disk.names.get(Path::new(LOG)) == Some(&self.writer);
        if !is_at_path && self.now() + time - self.written_ns > WRITER_GRACE_NS {
            self.reopen();
        }
        self.pass(time);
        self.say(|| "time passes".to_owned());
    }

    fn create(&mut self, path: &Path) -> usize {
        let now = self.now();
        let id = self.disk.create(path, now);
        self.oracle.begin(id);
        self.written_ns = now;
        self.event(path);
        id
    }

    /// Nobody writes to what this inode holds any longer.
    fn leave(&mut self, id: usize) {
        if let Some(generation) = self.oracle.held.get(&id) {
            self.oracle.generations[*generation].is_over = true;
        }
    }

    /// Tells the oracle which generations are no longer at hand.
    fn account(&mut self) {
        for (number, generation) in self.oracle.generations.iter_mut().enumerate() {
            let is_whole = |id: usize| {
                let inode = &self.disk.inodes[id];
                // A compressed copy is made of what is not written to any longer.
                let is_packed = inode.bytes.starts_with(&[0x1f, 0x8b]);
                inode.links > 0 && (is_packed || inode.bytes.len() == generation.content.len())
            };
            let is_at_hand = self.oracle.held.iter().any(|(id, held)| *held == number && is_whole(*id));
            if !is_at_hand && generation.committed_when_lost.is_none() && !generation.content.is_empty() {
                let committed = committed(&self.store.lock().unwrap(), &generation.content);
                if self.trace {
                    println!("           generation {number} is lost, committed to {committed}");
                }
                generation.committed_when_lost = Some(committed);
            }
        }
    }

    /// Only what the store knows of can be missed by anyone: of a generation that came and went between two commits with a
    /// crash after it, or that was never looked at, no trace is left.
    fn may_destroy(&self, id: usize) -> bool {
        let Some(generation) = self.oracle.held.get(&id) else { return true };
        let content = &self.oracle.generations[*generation].content;
        committed(&self.store.lock().unwrap(), content) > 0
    }

    fn rotated(&self) -> Vec<PathBuf> {
        let is_rotated = |path: &&PathBuf| path.as_path() != Path::new(LOG) && !path.ends_with("app.log.lnk");
        self.disk.names.keys().filter(is_rotated).cloned().collect()
    }

    fn next_name(&mut self) -> PathBuf {
        self.rotations += 1;
        let name = |n: u32| PathBuf::from(format!("{LOG}.{n}"));
        match self.naming {
            Naming::Ascending => name(self.rotations),
            Naming::Dated => PathBuf::from(format!("{LOG}-202611{:02}", self.rotations)),
            Naming::Shifted => {
                let now = self.now();
                // A file that is being compressed keeps its name until it is done.
                if let Some(Underway::Compressed(_)) = self.underway {
                    self.compress();
                }
                for n in (1..self.rotations).rev() {
                    for end in ["", ".gz"] {
                        let of = |n: u32| PathBuf::from(format!("{LOG}.{n}{end}"));
                        if self.disk.names.contains_key(&of(n)) {
                            self.disk.rename(&of(n), &of(n + 1), now);
                            self.event(&of(n + 1));
                        }
                    }
                }
                name(1)
            }
        }
    }

    fn event_of(&mut self, id: usize) {
        let names: Vec<PathBuf> =
            self.disk.names.iter().filter(|(_, at)| **at == id).map(|(path, _)| path.clone()).collect();
        names.iter().for_each(|path| self.event(path));
    }

    fn event(&mut self, path: &Path) {
        if !self.events.iter().any(|known| known == path) {
            self.events.push(path.to_owned());
        }
    }
}

/// How far the store says that this content was read.
fn committed(state: &State, content: &[u8]) -> u64 {
    let marks = state.marks.iter().map(|record| record.mark);
    let places = state.files.iter().flat_map(|file| {
        let tail = &file.tail;
        tail.current.iter().chain(&tail.former).chain(&tail.ended).chain(&tail.last).map(|place| place.mark)
    });
    let holds = |mark: &spiketail::file::claims::Mark| {
        let offset = mark.cursor.offset as usize;
        mark.head.len > 0
            && offset <= content.len()
            && mark.head.len <= content.len()
            && mark.head == Head::of(&content[..mark.head.len])
            && mark.anchor == Anchor::ending(&content[..offset])
    };
    marks.chain(places).filter(holds).map(|mark| mark.cursor.offset).max().unwrap_or(0)
}

fn is_archive_of(archive: &Path, file: &Path) -> bool {
    archive.to_string_lossy().strip_suffix(".gz").is_some_and(|name| Path::new(name) == file)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

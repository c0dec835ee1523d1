//! The world outside of the program: a writer, a rotator, a compressor and time, which act by a seeded schedule.
//!
//! They act between the calls of the program and within them, at every step that it takes. What they do is reported to the
//! oracle; what they change raises events, which may be delivered or not.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use fastrand::Rng;
use spiketail::file::identity::{Anchor, Fingerprint};
use spiketail::store::StoredState;

use crate::disk::Disk;
use crate::hardships::Hardships;
use crate::oracle::Oracle;

pub const LOG: &str = "/logs/app.log";

/// The program reads a rotated file for 30 s after its last growth: no one writes to one later than this.
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
pub enum Underway {
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
    pub store: Arc<Mutex<StoredState>>,
    pub naming: Naming,
    pub is_mapped: bool,
    pub hardships: Hardships,
    pub has_crashed: bool,
    /// How likely the machine stops at a step, in 1/1000.
    pub crashes: u32,
    /// How likely something happens at a step, in 1/100.
    pub haste: u32,
    /// How many more actions there are.
    pub actions: u32,
    /// Paths at which something happened that was not reported yet.
    pub events: Vec<PathBuf>,
    pub trace: bool,
    pub writer: usize,
    pub written_ns: i64,
    pub underway: Option<Underway>,
    pub has_partial: bool,
    pub rotations: u32,
    pub lines: u32,
}

impl World {
    pub fn new(mut rng: Rng, store: Arc<Mutex<StoredState>>, trace: bool) -> World {
        let mut world = World {
            disk: Disk::default(),
            oracle: Oracle::default(),
            clock: Arc::new(AtomicI64::new(1_795_000_000_000 * MS)),
            store,
            naming: [Naming::Shifted, Naming::Ascending, Naming::Dated][rng.usize(..3)],
            is_mapped: rng.bool(),
            hardships: Hardships::none(),
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
        if self.disk.inodes[self.writer].links == 0 && self.lines == 0 {
            return self.reopen();
        }
        let now = self.now();
        self.clock.store(now + self.rng.i64(0..8) * MS, Ordering::Relaxed);
        self.suffer();
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
            95..97 => self.write_beside(),
            94..95 => self.cut_partial(),
            _ => self.wait(),
        }
        self.account();
    }

    /// Ends what is underway and lets the writer go on at the path.
    pub fn finish(&mut self) {
        self.actions = 0;
        self.hardships.is_starved = false;
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

    /// As if nothing had been at the path yet.
    pub fn begin_without_log(&mut self) {
        self.disk.unlink(Path::new(LOG), self.now());
        self.leave(self.writer);
        self.events.clear();
    }

    /// A log of another program, which is not watched, and whose name only looks rotated.
    fn write_beside(&mut self) {
        let name = ["/logs/app-1.log", "/logs/app.1.log", "/logs/old/app-2.log"][self.rng.usize(..3)];
        let now = self.now();
        let id = self.disk.names.get(Path::new(name)).copied();
        let id = id.unwrap_or_else(|| self.disk.create(Path::new(name), now));
        self.disk.change(id, now, |content| content.extend_from_slice(b"another ERROR\n"));
        self.say(|| format!("append to {name}"));
    }

    pub fn is_copying(&self) -> bool {
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

    pub fn append(&mut self) {
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

    /// The writer looks at its path, and begins a new file if there is none.
    pub fn reopen(&mut self) {
        let at_path = self.disk.names.get(Path::new(LOG)).copied();
        if self.is_copying() || at_path == Some(self.writer) {
            return;
        }
        self.leave(self.writer);
        self.has_partial = false;
        self.writer = at_path.unwrap_or_else(|| self.create(Path::new(LOG)));
        self.say(|| format!("the writer is at inode {}", self.writer));
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

    pub fn truncate_writer(&mut self) {
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
            let now = self.now();
            self.disk.unlink(Path::new(LOG), now);
            self.say(|| "remove app.log".to_owned());
            self.event(Path::new(LOG));
            if self.rng.bool() {
                self.reopen();
            }
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

    pub fn create(&mut self, path: &Path) -> usize {
        let now = self.now();
        let id = self.disk.create(path, now);
        self.oracle.begin(id);
        self.written_ns = now;
        self.event(path);
        id
    }

    /// Nobody writes to what this inode holds any longer.
    pub fn leave(&mut self, id: usize) {
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
    pub fn may_destroy(&self, id: usize) -> bool {
        let Some(generation) = self.oracle.held.get(&id) else { return true };
        let content = &self.oracle.generations[*generation].content;
        committed(&self.store.lock().unwrap(), content) > 0
    }

    pub fn event_of(&mut self, id: usize) {
        let names: Vec<PathBuf> =
            self.disk.names.iter().filter(|(_, at)| **at == id).map(|(path, _)| path.clone()).collect();
        names.iter().for_each(|path| self.event(path));
    }

    pub fn event(&mut self, path: &Path) {
        if !self.events.iter().any(|known| known == path) {
            self.events.push(path.to_owned());
        }
    }
}

/// How far the store says that this content was read.
fn committed(state: &StoredState, content: &[u8]) -> u64 {
    let marks = state.marks.iter().map(|record| record.mark);
    let places = state.files.iter().flat_map(|file| {
        let tail = &file.tail;
        tail.current
            .iter()
            .chain(&tail.former)
            .chain(&tail.ended)
            .chain(tail.last.as_deref())
            .map(|place| place.mark)
    });
    let holds = |mark: &spiketail::file::ownership::ReadPosition| {
        let offset = mark.cursor.offset as usize;
        mark.head.len > 0
            && offset <= content.len()
            && mark.head.len <= content.len()
            && mark.head == Fingerprint::of(&content[..mark.head.len])
            && mark.anchor == Anchor::ending(&content[..offset])
    };
    marks.chain(places).filter(holds).map(|mark| mark.cursor.offset).max().unwrap_or(0)
}

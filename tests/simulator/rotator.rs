//! What rotators and compressors do in the world: rename, copy and truncate, compress, move away, link.

use std::path::{Path, PathBuf};

use crate::world::{LOG, Naming, Underway, World};

impl World {
    pub(super) fn rotate(&mut self) {
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

    pub(super) fn copy_truncate(&mut self) {
        match self.underway.take() {
            None => {
                // Only a writer that is at the path can be made to wait. Which of two names a copy belongs to, no one
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

    pub(super) fn compress(&mut self) {
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
                let now = self.now();
                self.disk.unlink(&path, now);
                self.say(|| format!("remove {}", path.display()));
                self.event(&path);
            }
            other => self.underway = other,
        }
    }

    pub(super) fn move_away(&mut self) {
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

    pub(super) fn remove_oldest(&mut self) {
        let oldest = self.rotated().into_iter().min_by_key(|path| self.disk.names[path]);
        if self.underway.is_none()
            && let Some(path) = oldest
            && self.may_destroy(self.disk.names[&path])
        {
            let now = self.now();
            self.disk.unlink(&path, now);
            self.say(|| format!("remove {}", path.display()));
            self.event(&path);
        }
    }

    pub(super) fn hard_link(&mut self) {
        let name = Path::new("/logs/app.log.lnk");
        // Which of two names goes on reading after a crash is not always the one that read before.
        if let Some(id) = self.disk.names.get(Path::new(LOG)).copied()
            && self.crashes == 0
            && !self.disk.names.contains_key(name)
            && !self.is_copying()
            && !self.has_partial
        {
            let now = self.now();
            self.disk.link(id, name, now);
            self.say(|| "hard link".to_owned());
            self.event(name);
        }
    }

    pub(super) fn rotated(&self) -> Vec<PathBuf> {
        let is_rotated = |path: &&PathBuf| {
            path.to_string_lossy().contains("/app.log.") || path.to_string_lossy().contains("/app.log-")
        };
        let is_rotated = |path: &&PathBuf| is_rotated(path) && !path.ends_with("app.log.lnk");
        self.disk.names.keys().filter(is_rotated).cloned().collect()
    }

    pub(super) fn next_name(&mut self) -> PathBuf {
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

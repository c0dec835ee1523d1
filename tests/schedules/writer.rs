//! A program that logs, and what rotates its log.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use fastrand::Rng;

use crate::common::appender;
use crate::compress::COMPRESSORS;

/// How rotated files are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// `app.log.1`, which becomes `app.log.2` at the next rotation.
    Numbers,
    /// `app.log-20261101`, which keeps its name.
    Dates,
}

/// A file that rotation left, by what follows the name of the log.
struct Rotated {
    suffix: String,
    /// What a compressor added.
    end: &'static str,
    has_writer: bool,
}

/// One log with its writer, its rotated files, and how many lines were written to it.
pub struct Log {
    pub path: PathBuf,
    /// Whether the daemon is to count it.
    pub is_watched: bool,
    naming: Naming,
    banner: String,
    file: Option<File>,
    /// The end of a line of which the beginning was written.
    open_line: Option<&'static str>,
    rotated: Vec<Rotated>,
    rotations: usize,
    /// Whether the file at the path was truncated.
    is_truncated: bool,
    pub lines: u64,
}

impl Log {
    pub fn new(path: PathBuf, is_watched: bool, naming: Naming, banner: String) -> Log {
        Log {
            path,
            is_watched,
            naming,
            banner,
            file: None,
            open_line: None,
            rotated: Vec::new(),
            rotations: 0,
            is_truncated: false,
            lines: 0,
        }
    }

    /// The file that the writer has open; a new one begins with the banner. One that was truncated does not: if it were as
    /// before up to where the daemon read it, nothing would tell it from one that only grew.
    fn file(&mut self) -> &mut File {
        let (path, banner) = (&self.path, &self.banner);
        let is_new = !self.is_truncated;
        self.file.get_or_insert_with(|| {
            let mut file = appender(path);
            if is_new && file.metadata().unwrap().len() == 0 {
                file.write_all(banner.as_bytes()).unwrap();
            }
            file
        })
    }

    pub fn create(&mut self) {
        self.file();
    }

    fn close_line(&mut self) {
        if let Some(end) = self.open_line.take() {
            self.file().write_all(end.as_bytes()).unwrap();
        }
    }

    /// Writes lines whose numbers, from `first` on, no other line has.
    pub fn write(&mut self, first: u64, count: u64, rng: &mut Rng) {
        self.close_line();
        let lines = (first..first + count)
            .map(|n| format!("line {n} ERROR something went wrong\nline {n} is fine\n"));
        let text: String = lines.collect();
        self.file().write_all(text.as_bytes()).unwrap();
        self.lines += count;
        if rng.u8(0..8) == 0 {
            self.file().write_all(format!("line {first} ends late ERR").as_bytes()).unwrap();
            self.open_line = Some("OR at last\n");
            self.lines += 1;
        }
    }

    fn rotated_path(&self, file: &Rotated) -> PathBuf {
        PathBuf::from(format!("{}{}{}", self.path.display(), file.suffix, file.end))
    }

    /// Makes room for a new rotated file and returns its suffix.
    fn next_suffix(&mut self) -> String {
        self.rotations += 1;
        if self.naming == Naming::Dates {
            return format!("-{}", 20_261_100 + self.rotations);
        }
        for at in 0..self.rotated.len() {
            let from = self.rotated_path(&self.rotated[at]);
            self.rotated[at].suffix = format!(".{}", self.rotated.len() - at + 1);
            fs::rename(from, self.rotated_path(&self.rotated[at])).unwrap();
        }
        ".1".to_owned()
    }

    /// Renames the log. The writer keeps its file until [`Self::reopen`].
    pub fn rename(&mut self, is_created: bool) -> bool {
        if !self.path.exists() {
            return false;
        }
        let suffix = self.next_suffix();
        let has_writer = self.file.is_some() && !self.rotated.iter().any(|file| file.has_writer);
        self.rotated.push(Rotated { suffix, end: "", has_writer });
        fs::rename(&self.path, self.rotated_path(self.rotated.last().unwrap())).unwrap();
        self.is_truncated = false;
        if is_created {
            drop(appender(&self.path));
        }
        true
    }

    pub fn reopen(&mut self) {
        self.close_line();
        self.file = None;
        self.rotated.iter_mut().for_each(|file| file.has_writer = false);
        self.file();
    }

    /// Copies the log and truncates it, while its writer waits.
    pub fn copytruncate(&mut self) -> bool {
        if !self.path.exists() || self.rotated.iter().any(|file| file.has_writer) {
            return false;
        }
        self.close_line();
        let suffix = self.next_suffix();
        let copy = Rotated { suffix, end: "", has_writer: false };
        fs::copy(&self.path, self.rotated_path(&copy)).unwrap();
        self.rotated.push(copy);
        File::options().write(true).open(&self.path).unwrap().set_len(0).unwrap();
        self.is_truncated = true;
        true
    }

    /// Compresses one rotated file that no one writes to any more, and returns its new path.
    pub fn compress(&mut self, rng: &mut Rng) -> Option<PathBuf> {
        let plain: Vec<usize> = (0..self.rotated.len())
            .filter(|at| self.rotated[*at].end.is_empty() && !self.rotated[*at].has_writer)
            .collect();
        let at = rng.choice(plain)?;
        let from = self.rotated_path(&self.rotated[at]);
        let (end, compress) = rng.choice(COMPRESSORS)?;
        self.rotated[at].end = match end {
            "gz" => ".gz",
            "zst" => ".zst",
            "bz2" => ".bz2",
            _ => ".xz",
        };
        let to = self.rotated_path(&self.rotated[at]);
        replace(&from, &to, &compress(&fs::read(&from).unwrap()), rng.bool());
        Some(to)
    }
}

/// As compressors do it: the original stays until the other is complete, and most lend it their time stamp.
fn replace(from: &Path, to: &Path, bytes: &[u8], keeps_stamp: bool) {
    let mut file = File::create(to).unwrap();
    file.write_all(bytes).unwrap();
    if keeps_stamp {
        file.set_modified(fs::metadata(from).unwrap().modified().unwrap()).unwrap();
    }
    fs::remove_file(from).unwrap();
}

//! What a scenario does to files.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;

use crate::common::{TestFolder, append, lines};
use crate::compress::COMPRESSORS;
use crate::script::Step;

/// The folder of a scenario, and the writers that have files of it open.
pub struct Files {
    pub folder: TestFolder,
    /// By the name that the file had when it was opened.
    writers: HashMap<String, File>,
    /// How many lines were written: each has a number of its own.
    pub written: u64,
}

impl Files {
    pub fn new() -> Files {
        Files { folder: TestFolder::new(), writers: HashMap::new(), written: 0 }
    }

    /// New lines that match.
    fn fresh(&mut self, count: u64) -> Vec<u8> {
        self.written += count;
        lines(self.written - count..self.written)
    }

    fn writer(&mut self, step: &Step) -> &File {
        self.writers.get(step.word(0)).unwrap_or_else(|| panic!("{step}: it is not open"))
    }

    /// The path that the `n`-th word of the step names.
    fn path(&self, step: &Step, n: usize) -> PathBuf {
        self.folder.log(step.word(n))
    }

    /// Does the step if it is one about contents or names; otherwise returns whether it was done: no.
    pub fn take(&mut self, step: &Step) -> bool {
        self.change_content(step) || self.change_names(step) || self.rotate(step)
    }

    fn change_content(&mut self, step: &Step) -> bool {
        let path = || self.path(step, 0);
        match step.verb.as_str() {
            "touch" => append(&path(), ""),
            "append" => {
                let (path, lines) = (path(), self.fresh(step.number(1)));
                append(&path, lines);
            }
            // Truncates and writes, as a shell does for `>`.
            "write" => {
                let (path, lines) = (path(), self.fresh(step.number(1)));
                fs::write(path, lines).unwrap();
            }
            // Exactly this text.
            "text" => append(&path(), step.text()),
            "same" => append(&path(), "the same ERROR again\n".repeat(step.number(1) as usize)),
            "plain" => append(&path(), "nothing to be seen\n".repeat(step.number(1) as usize)),
            "long" => append(&path(), "ERROR ".to_owned() + &"x".repeat(step.number(1) as usize) + "\n"),
            "nuls" => append(&path(), vec![0; step.number(1) as usize]),
            "truncate" => {
                let size = step.words().nth(1).map_or(0, |_| step.number(1));
                OpenOptions::new().write(true).open(path()).unwrap().set_len(size).unwrap();
            }
            "copytruncate" => {
                fs::copy(path(), self.path(step, 1)).unwrap();
                OpenOptions::new().write(true).open(path()).unwrap().set_len(0).unwrap();
            }
            // The content is written again in place, as some editors do.
            "rewrite" => fs::write(path(), fs::read(path()).unwrap()).unwrap(),
            // A writer that keeps the file open, for appending.
            "open" => {
                let file = OpenOptions::new().append(true).create(true).open(path()).unwrap();
                self.writers.insert(step.word(0).to_owned(), file);
            }
            // The same without O_APPEND: it goes on at its own offset.
            "open_at" => {
                let file = OpenOptions::new().write(true).create(true).truncate(false).open(path()).unwrap();
                self.writers.insert(step.word(0).to_owned(), file);
            }
            "write_open" => {
                let lines = self.fresh(step.number(1));
                self.writer(step).write_all(&lines).unwrap();
            }
            "text_open" => self.writer(step).write_all(step.text().as_bytes()).unwrap(),
            "close" => drop(self.writers.remove(step.word(0)).expect("it is open")),
            _ => return false,
        }
        true
    }

    fn change_names(&self, step: &Step) -> bool {
        let path = |n| self.path(step, n);
        match step.verb.as_str() {
            "rename" => fs::rename(path(0), path(1)).unwrap(),
            "exchange" => {
                use rustix::fs::{CWD, RenameFlags, renameat_with};
                renameat_with(CWD, path(0), CWD, path(1), RenameFlags::EXCHANGE).unwrap();
            }
            "copy" => drop(fs::copy(path(0), path(1)).unwrap()),
            "remove" => fs::remove_file(path(0)).unwrap(),
            "link" => fs::hard_link(path(0), path(1)).unwrap(),
            "symlink" => symlink(step.word(0), path(1)).unwrap(),
            // In one step, as `ln -sfT` and Kubernetes do.
            "relink" => {
                let new = self.folder.beside("new-link");
                symlink(step.word(0), &new).unwrap();
                fs::rename(new, path(1)).unwrap();
            }
            "fifo" => {
                use rustix::fs::{CWD, FileType, Mode, mknodat};
                mknodat(CWD, path(0), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
            }
            "mkdir" => fs::create_dir_all(path(0)).unwrap(),
            "rmdir" => fs::remove_dir_all(path(0)).unwrap(),
            "mode" => {
                let mode = u32::from_str_radix(step.word(1), 8).unwrap();
                fs::set_permissions(path(0), fs::Permissions::from_mode(mode)).unwrap();
            }
            "gz" | "zst" | "bz2" | "xz" => self.compress(step),
            _ => return false,
        }
        true
    }

    /// As the programs for that do: the new file has the time stamp of the old.
    fn compress(&self, step: &Step) {
        let (_, compress) = COMPRESSORS.into_iter().find(|(end, _)| *end == step.verb).unwrap();
        let path = self.path(step, 0);
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        let mut to = File::create(format!("{}.{}", path.display(), step.verb)).unwrap();
        to.write_all(&compress(&fs::read(&path).unwrap())).unwrap();
        to.set_modified(modified).unwrap();
        fs::remove_file(path).unwrap();
    }

    /// Runs the real logrotate over the logs that the first part of the step names, with the directives that follow, each behind `|`.
    /// Those that begin with `!` stand before the block. What logrotate thinks of it is its own affair.
    fn rotate(&self, step: &Step) -> bool {
        if step.verb != "logrotate" {
            return false;
        }
        let mut parts = step.rest.split('|').map(str::trim);
        let logs = parts.next().unwrap().split_whitespace().map(|log| format!("{:?}", self.folder.log(log)));
        let logs = logs.collect::<Vec<_>>().join(" ");
        let (global, own): (Vec<&str>, Vec<&str>) = parts.partition(|part| part.starts_with('!'));
        let global: String = global.iter().map(|line| format!("{}\n", &line[1..])).collect();
        let conf = self.folder.beside("logrotate.conf");
        fs::write(&conf, format!("{global}{logs} {{\n{}\n}}\n", own.join("\n"))).unwrap();
        fs::set_permissions(&conf, fs::Permissions::from_mode(0o644)).unwrap();
        let mut command = Command::new("/usr/sbin/logrotate");
        command
            .args(["--force", "--mail", "/bin/true", "--state"])
            .arg(self.folder.beside("logrotate.state"));
        command.arg(&conf).current_dir(conf.parent().unwrap());
        command.output().expect("logrotate is installed");
        true
    }
}

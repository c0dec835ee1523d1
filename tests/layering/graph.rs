//! The files of the crate and which of them use which.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use super::imports::{Import, ModulePath, imports};

pub(crate) struct SourceFile {
    pub(crate) path: PathBuf,
    pub(crate) module: ModulePath,
    pub(crate) imports: Vec<Import>,
}

pub(crate) struct SourceTree {
    pub(crate) files: Vec<SourceFile>,
}

/// Files that all use each other, directly or through others of them, with the uses that make it so.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Circle {
    pub(crate) files: Vec<PathBuf>,
    pub(crate) uses: Vec<String>,
}

impl SourceTree {
    /// `files` are paths below `src` and their texts.
    pub(crate) fn new(files: &[(PathBuf, String)]) -> Self {
        let has_lib = files.iter().any(|(path, _)| path == Path::new("lib.rs"));
        let modules: Vec<ModulePath> = files.iter().map(|(path, _)| module_of(path, has_lib)).collect();
        let known: BTreeSet<ModulePath> = modules.iter().cloned().collect();
        let files = files.iter().zip(modules).map(|((path, text), module)| {
            let imports = imports(text, &module, &known);
            SourceFile { path: path.clone(), module, imports }
        });
        SourceTree { files: files.collect() }
    }

    /// Every circle of files. Code that only tests compile is left out.
    pub(crate) fn circles(&self) -> Vec<Circle> {
        let uses = self.uses();
        let reached: Vec<BTreeSet<usize>> = (0..self.files.len()).map(|from| reached(from, &uses)).collect();
        let mut circles = Vec::new();
        for from in 0..self.files.len() {
            let together: Vec<usize> =
                reached[from].iter().copied().filter(|to| reached[*to].contains(&from)).collect();
            // The first of its files reports a circle.
            if together.len() > 1 && together[0] == from {
                let inner = uses.iter().filter(|((a, b), _)| together.contains(a) && together.contains(b));
                circles.push(Circle {
                    files: together.iter().map(|file| self.files[*file].path.clone()).collect(),
                    uses: inner.map(|(_, text)| text.clone()).collect(),
                });
            }
        }
        circles
    }

    /// From the pairs of files of which the first uses the second to where and what it is.
    fn uses(&self) -> BTreeMap<(usize, usize), String> {
        let mut uses = BTreeMap::new();
        for (from, file) in self.files.iter().enumerate() {
            for import in file.imports.iter().filter(|import| !import.is_test) {
                // A module may hand on what its own files have.
                let is_own = import.path.starts_with(&file.module) && !file.module.is_empty();
                let to = self.target(&import.path, 0);
                if to == Some(from) || (is_own && import.is_reexport) {
                    continue;
                }
                if let Some(to) = to {
                    let (a, b) = (file.path.display(), self.files[to].path.display());
                    let what = import.path.join("::");
                    uses.entry((from, to)).or_insert_with(|| format!("{a}:{} -> {b} ({what})", import.line));
                }
            }
        }
        uses
    }

    /// The file that a path leads to, through what other files re-export.
    fn target(&self, path: &[String], depth: usize) -> Option<usize> {
        let is_within = |file: &SourceFile| path.starts_with(&file.module);
        let candidates = self.files.iter().enumerate().filter(|(_, file)| is_within(file));
        let (index, file) = candidates.max_by_key(|(_, file)| file.module.len())?;
        let Some((name, rest)) = path[file.module.len()..].split_first() else { return Some(index) };
        let handed_on = file.imports.iter().find(|i| i.is_reexport && i.name.as_ref() == Some(name));
        match handed_on.filter(|_| depth < 8) {
            Some(import) => self.target(&[&import.path[..], rest].concat(), depth + 1).or(Some(index)),
            None => Some(index),
        }
    }
}

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} files:", self.files.len())?;
        self.uses.iter().try_for_each(|text| writeln!(f, "  {text}"))
    }
}

/// `["file", "tailer"]` of `file/tailer.rs` and of `file/tailer/mod.rs`; nothing of the crate's root.
fn module_of(path: &Path, has_lib: bool) -> ModulePath {
    let root = if has_lib { "lib.rs" } else { "main.rs" };
    if path == Path::new(root) {
        return Vec::new();
    }
    let path = path.with_extension("");
    let path = if path.ends_with("mod") { path.parent().unwrap().to_owned() } else { path };
    path.iter().map(|part| part.to_str().unwrap().to_owned()).collect()
}

/// Every file that can be reached from `from`, itself included.
fn reached(from: usize, uses: &BTreeMap<(usize, usize), String>) -> BTreeSet<usize> {
    let (mut found, mut open) = (BTreeSet::from([from]), vec![from]);
    while let Some(file) = open.pop() {
        for ((_, to), _) in uses.range((file, 0)..=(file, usize::MAX)) {
            if found.insert(*to) {
                open.push(*to);
            }
        }
    }
    found
}

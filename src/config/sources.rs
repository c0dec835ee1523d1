//! The files that a configuration consists of, as one text: each begins where the one before it ends, so that a place in it says
//! which file is meant.

use std::path::{Path, PathBuf};

use crate::fmt::display_path;

/// See the [module](self).
#[derive(Default)]
pub(super) struct Sources(Vec<SourceFile>);

/// One of the files.
pub(super) struct SourceFile {
    /// As it is named in errors.
    pub(super) origin: PathBuf,
    /// What it says.
    pub(super) text: String,
    /// Where it begins.
    pub(super) start: usize,
    /// The text after as much space as it begins later, so that the parser gives places in the whole.
    pub(super) padded: String,
}

impl Sources {
    /// A text that was read from `origin`.
    pub(super) fn of_text(text: &str, origin: &Path) -> Sources {
        let mut sources = Sources::default();
        sources.add(text, origin.to_owned());
        sources
    }

    /// Adds what was read from `origin`.
    pub(super) fn add(&mut self, text: &str, origin: PathBuf) {
        // Some editors put a byte order mark first.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).to_owned();
        let start = self.0.last().map_or(0, |last| last.start + last.text.len() + 1);
        let padded = " ".repeat(start) + &text;
        self.0.push(SourceFile { origin, text, start, padded });
    }

    /// What stands `at`, as errors name it: `spiketail.toml:3:8`.
    pub(super) fn place(&self, at: usize) -> String {
        let Some(file) = self.0.iter().rev().find(|file| file.start <= at).or(self.0.first()) else {
            return String::new();
        };
        let before = file.text.get(..at.saturating_sub(file.start)).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        format!("{}:{line}:{}", display_path(&file.origin), before[line_start..].chars().count() + 1)
    }

    pub(super) fn files(&self) -> &[SourceFile] {
        &self.0
    }

    /// The file in which relative paths start.
    pub(super) fn first_origin(&self) -> &Path {
        self.0.first().map_or(Path::new(""), |first| &first.origin)
    }
}

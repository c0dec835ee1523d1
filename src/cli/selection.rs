//! The arguments by which every command that counts lines chooses them.

use std::path::{Path, PathBuf};

use crate::config::flags::Flags;
use crate::scan::multiline::Multiline;
use crate::watch::exclusions::Exclusions;
use crate::watch::spec::WatchSpec;

/// Which lines count, beside patterns, and which files are left out.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Selection {
    /// Count lines that are at least so severe: trace, debug, info, notice, warn, error or critical; with -e, those of them that match
    #[arg(long, value_name = "LEVEL")]
    level: Option<String>,
    /// Count once in each record that begins with a line in which this regular expression matches
    #[arg(long, value_name = "PATTERN", allow_hyphen_values = true)]
    record_start: Option<String>,
    /// Count once in each record that continues over several lines as stack traces of this language do; its level is that of its first line
    #[arg(long, value_name = "LANGUAGE", conflicts_with = "record_start", value_parser = multiline_parser())]
    multiline: Option<String>,
    /// Leave out files that match this glob, by name or, with a slash in it, by path, and all below it; may be repeated
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
}

/// Takes the names of the presets only.
fn multiline_parser() -> clap::builder::PossibleValuesParser {
    Multiline::ALL.map(Multiline::name).into()
}

impl Selection {
    /// Adds what is chosen to `flags`.
    pub(super) fn onto(&self, flags: Flags) -> Flags {
        Flags {
            level: self.level.clone(),
            record_start: self.record_start.clone(),
            multiline: self.multiline.as_deref().and_then(Multiline::parse),
            exclude: self.exclude.clone(),
            ..flags
        }
    }

    /// Those of `paths` that are not left out.
    pub(super) fn kept(&self, paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
        let spec = WatchSpec {
            name: String::new(),
            paths: Vec::new(),
            exclude: self.exclude.clone(),
            is_recursive: false,
        };
        let exclusions = Exclusions::new(&spec)
            .map_err(|error| anyhow::anyhow!("--exclude {}: {}", error.path, error.problem))?;
        let cwd = std::env::current_dir().unwrap_or_default();
        let is_kept =
            |path: &&PathBuf| path.as_path() == Path::new("-") || !exclusions.are_of(&cwd.join(path));
        Ok(paths.iter().filter(is_kept).cloned().collect())
    }
}

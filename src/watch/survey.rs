//! Which files the watches mean at this moment, and which they leave out and why, without watching anything.

use std::path::{Path, PathBuf};

use crate::watch::discovery::{Discovery, Visitor};
use crate::watch::exclusions::Exclusions;
use crate::watch::patterns::{PathPatternError, Pattern};
use crate::watch::spec::WatchSpec;

/// What was found for one watch, in the order of the paths.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Findings {
    /// Files that it means.
    pub found: Vec<PathBuf>,
    /// What stands where it looks, but is left out, and why.
    pub left_out: Vec<(PathBuf, String)>,
}

/// What was found at all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Survey {
    /// For each watch, what was found.
    pub watches: Vec<Findings>,
    /// Directories that cannot be listed, and why.
    pub unlisted: Vec<(PathBuf, String)>,
    /// Paths without wildcards at which nothing is.
    pub missing: Vec<String>,
}

struct Surveyor {
    survey: Survey,
    exclusions: Vec<Exclusions>,
}

/// Looks for the files of `specs`, one per watch.
///
/// # Errors
/// If a path or an exclusion is malformed.
pub fn survey(specs: &[WatchSpec]) -> Result<Survey, PathPatternError> {
    let mut discovery = Discovery::new(specs)?;
    let exclusions = specs.iter().map(Exclusions::new).collect::<Result<_, _>>()?;
    let watches = vec![Findings::default(); specs.len()];
    let mut surveyor = Surveyor { survey: Survey { watches, ..Survey::default() }, exclusions };
    let _ = discovery.pass(&mut surveyor);
    let mut survey = surveyor.survey;
    survey.missing = discovery.missing().map(str::to_owned).collect();
    for findings in &mut survey.watches {
        findings.found.sort();
        findings.found.dedup();
        findings.left_out.sort();
        findings.left_out.dedup();
        findings.left_out.retain(|(path, _)| findings.found.binary_search(path).is_err());
    }
    Ok(survey)
}

/// Why `spec` leaves out a file at `path`, if its paths mean it otherwise.
///
/// # Errors
/// If a path or an exclusion is malformed.
pub fn left_out(spec: &WatchSpec, path: &Path) -> Result<Option<String>, PathPatternError> {
    let exclusions = Exclusions::new(spec)?;
    for pattern in Pattern::of_spec(0, spec)? {
        if let Some(in_directory) = pattern.means(path) {
            return Ok(exclusions.why(path, in_directory));
        }
    }
    Ok(None)
}

impl Visitor for Surveyor {
    fn watch(&mut self, _: &Path, _: bool) {}

    fn found(&mut self, watch: usize, path: &Path, _: bool) {
        self.survey.watches[watch].found.push(path.to_owned());
    }

    fn left_out(&mut self, watch: usize, path: &Path, in_directory: bool) {
        let why = self.exclusions[watch].why(path, in_directory);
        let why = why.unwrap_or_else(|| "it is no regular file".to_owned());
        self.survey.watches[watch].left_out.push((path.to_owned(), why));
    }

    fn unlisted(&mut self, dir: &Path, error: &std::io::Error) {
        if error.kind() != std::io::ErrorKind::NotFound {
            self.survey.unlisted.push((dir.to_owned(), error.to_string()));
        }
    }

    fn too_deep(&mut self, _: &str) {}
}

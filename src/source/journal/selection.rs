//! Which entries of the journal a watch means.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::source::journal::entry::JournalEntry;
use crate::source::journal::folders::JournalPlaces;

/// Which journals, and which entries of them. Without names and priority, all of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JournalSelection {
    /// The folders.
    pub places: JournalPlaces,
    /// Globs of units.
    pub units: Vec<String>,
    /// Globs of identifiers.
    pub identifiers: Vec<String>,
    /// The least severe priority, from 0 (emergency) to 7 (debug). Entries without a priority are left out, too.
    pub priority_max: Option<u8>,
}

/// A selection that is ready to be asked.
#[derive(Debug, Clone, Default)]
pub struct EntryFilter {
    units: Option<GlobSet>,
    identifiers: Option<GlobSet>,
    priority_max: Option<u8>,
}

impl JournalSelection {
    /// Compiles the globs.
    ///
    /// # Errors
    /// What is wrong with one of them.
    pub fn filter(&self) -> Result<EntryFilter, String> {
        Ok(EntryFilter {
            units: globs(&self.units)?,
            identifiers: globs(&self.identifiers)?,
            priority_max: self.priority_max,
        })
    }
}

impl EntryFilter {
    /// Whether `entry` counts. Entries of this program never do.
    #[must_use]
    pub fn takes(&self, entry: &JournalEntry) -> bool {
        let within = |globs: &Option<GlobSet>, name: Option<&str>| {
            globs.as_ref().is_none_or(|globs| name.is_some_and(|name| globs.is_match(name)))
        };
        let is_severe = |max: u8| entry.priority().is_some_and(|priority| priority <= max);
        self.priority_max.is_none_or(is_severe)
            && within(&self.units, entry.unit().map(|name| &**name))
            && within(&self.identifiers, entry.identifier().map(|name| &**name))
            && !entry.is_own()
    }
}

/// Checks that `glob` can select names.
///
/// # Errors
/// What is wrong with it.
pub fn check_glob(glob: &str) -> Result<(), String> {
    globs(&[glob.to_owned()]).map(drop)
}

fn globs(texts: &[String]) -> Result<Option<GlobSet>, String> {
    if texts.is_empty() {
        return Ok(None);
    }
    let mut set = GlobSetBuilder::new();
    for text in texts {
        // Names of units hold backslashes, which escape nothing.
        let glob = GlobBuilder::new(text).backslash_escape(false).build();
        set.add(glob.map_err(|error| error.kind().to_string())?);
    }
    set.build().map(Some).map_err(|error| error.kind().to_string())
}

//! Which paths have series of their own, and what all the others come to together.
//!
//! A path keeps its series as long as it is watched. At most [`PATHS_MAX`] of a watch have one; the others share the label
//! [`OVERFLOW`], whose sums keep what paths had that are gone, so that no counter goes back.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;

use crate::fmt::display_path;

/// At most so many paths of a watch have series of their own.
pub(super) const PATHS_MAX: usize = 2_000;
/// The label that the others share.
pub(super) const OVERFLOW: &str = "overflow";

/// What is known of one path when Prometheus asks.
#[derive(Debug, Clone, Default)]
pub struct FileMetrics {
    /// Name of its watch.
    pub watch: String,
    /// The path.
    pub path: PathBuf,
    /// Matching lines by name of the rule.
    pub matched: Vec<(String, u64)>,
    /// Bytes that were judged.
    pub bytes_read: u64,
    /// Bytes that were gone before they could be judged.
    pub bytes_missed: u64,
    /// Bytes that are there and not judged yet.
    pub lag_bytes: u64,
    /// How many files have stood at the path.
    pub generations: u64,
}

/// What one series, or those of one path, come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) bytes_read: u64,
    pub(super) bytes_missed: u64,
    pub(super) lag_bytes: u64,
    pub(super) generations: u64,
    /// Matching lines by name of the rule.
    pub(super) matched: BTreeMap<String, u64>,
}

impl Sums {
    fn add(&mut self, other: &Sums) {
        self.bytes_read += other.bytes_read;
        self.bytes_missed += other.bytes_missed;
        self.lag_bytes += other.lag_bytes;
        self.generations += other.generations;
        for (rule, count) in &other.matched {
            *self.matched.entry(rule.clone()).or_default() += count;
        }
    }
}

impl From<&FileMetrics> for Sums {
    fn from(file: &FileMetrics) -> Sums {
        Sums {
            bytes_read: file.bytes_read,
            bytes_missed: file.bytes_missed,
            lag_bytes: file.lag_bytes,
            generations: file.generations,
            matched: file.matched.iter().cloned().collect(),
        }
    }
}

/// The labels that were given so far.
#[derive(Debug, Default)]
pub(super) struct PathLabels {
    watches: HashMap<String, Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// With a label of their own.
    own: HashMap<PathBuf, String>,
    /// Without, and what they had when they were seen last.
    others: HashMap<PathBuf, Sums>,
    /// What others had that are gone.
    gone: Option<Sums>,
}

impl PathLabels {
    /// Sums by watch and label of the path. Paths that are not among `files` any more make room.
    pub(super) fn sums<'f>(&mut self, files: &'f [FileMetrics]) -> BTreeMap<(&'f str, String), Sums> {
        self.let_go(files);
        let mut sums = BTreeMap::new();
        let mut files: Vec<&FileMetrics> = files.iter().collect();
        files.sort_by(|a, b| (&a.watch, &a.path).cmp(&(&b.watch, &b.path)));
        for file in files {
            let known = self.watches.entry(file.watch.clone()).or_default();
            let has_other = known.others.contains_key(&file.path);
            if !has_other && (known.own.len() < PATHS_MAX || known.own.contains_key(&file.path)) {
                let label = known.own.entry(file.path.clone()).or_insert_with(|| display_path(&file.path));
                // Two names may well look alike.
                let series: &mut Sums = sums.entry((file.watch.as_str(), label.clone())).or_default();
                series.add(&Sums::from(file));
            } else {
                known.others.insert(file.path.clone(), Sums::from(file));
                let shared = sums.entry((file.watch.as_str(), OVERFLOW.to_owned()));
                shared.or_insert_with(|| known.gone.clone().unwrap_or_default()).add(&Sums::from(file));
            }
        }
        sums
    }

    fn let_go(&mut self, files: &[FileMetrics]) {
        let here: HashSet<(&str, &PathBuf)> = files.iter().map(|f| (f.watch.as_str(), &f.path)).collect();
        for (watch, known) in &mut self.watches {
            known.own.retain(|path, _| here.contains(&(watch, path)));
            for (_, sums) in known.others.extract_if(|path, _| !here.contains(&(watch, path))) {
                known.gone.get_or_insert_default().add(&Sums { lag_bytes: 0, ..sums });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(n: usize, bytes_read: u64) -> FileMetrics {
        FileMetrics {
            watch: "w".into(),
            path: format!("/{n:05}").into(),
            bytes_read,
            ..FileMetrics::default()
        }
    }

    #[test]
    fn a_shared_counter_never_goes_back_and_paths_that_are_gone_make_room() {
        let mut labels = PathLabels::default();
        let mut files: Vec<FileMetrics> = (0..PATHS_MAX + 2).map(|n| file(n, 10)).collect();
        let shared = ("w", OVERFLOW.to_owned());
        assert_eq!(labels.sums(&files)[&shared].bytes_read, 20);
        files.pop();
        assert_eq!(labels.sums(&files)[&shared].bytes_read, 20, "what is gone counts still");
        // Two of those with a label of their own go, and two new ones take their place.
        files.drain(..2);
        files.extend([file(70_000, 5), file(70_001, 5)]);
        let sums = labels.sums(&files);
        assert_eq!(sums[&("w", "/70000".to_owned())].bytes_read, 5);
        assert_eq!((sums.len(), sums[&shared].bytes_read), (PATHS_MAX + 1, 20));
    }
}

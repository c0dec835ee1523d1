//! Which paths have series of their own, and what all the others come to together.
//!
//! At most [`PATHS_MAX`] paths of a watch have series of their own, those first at which something is; the others share the
//! label [`OVERFLOW`]. All series of a watch together always show what all its paths ever had, those included that are
//! forgotten, and no counter goes back.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

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
    /// Whether nothing is at the path.
    pub is_absent: bool,
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
    /// How much of each there is beyond `other`.
    fn without(&self, other: &Sums) -> Sums {
        let beyond = |(rule, count): (&String, &u64)| {
            (rule.clone(), count.saturating_sub(other.matched.get(rule).copied().unwrap_or(0)))
        };
        Sums {
            bytes_read: self.bytes_read.saturating_sub(other.bytes_read),
            bytes_missed: self.bytes_missed.saturating_sub(other.bytes_missed),
            lag_bytes: self.lag_bytes,
            generations: self.generations.saturating_sub(other.generations),
            matched: self.matched.iter().map(beyond).collect(),
        }
    }

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
    own: HashMap<PathBuf, OwnLabel>,
    /// The hashes of those without.
    others: HashSet<u64>,
    /// What the shared series showed last, and what is added to it so that it does not go back.
    shared: Sums,
    lacking: Sums,
}

#[derive(Debug)]
struct OwnLabel {
    label: String,
    /// What of the path is in the shared series, because it had no label of its own before.
    before: Sums,
}

impl PathLabels {
    /// Sums by watch and label of the path. Paths at which nothing is make room for others, as do those that are not among
    /// `files` any more. `forgotten` is what paths had that the engine does not know any longer, by watch.
    pub(super) fn sums<'f>(
        &mut self,
        files: &'f [FileMetrics],
        forgotten: &'f [FileMetrics],
    ) -> BTreeMap<(&'f str, String), Sums> {
        let mut sums = BTreeMap::new();
        let mut by_watch: BTreeMap<&str, (Vec<&FileMetrics>, Sums)> = BTreeMap::new();
        for file in files {
            by_watch.entry(&file.watch).or_default().0.push(file);
        }
        for totals in forgotten {
            by_watch.entry(&totals.watch).or_default().1.add(&Sums::from(totals));
        }
        self.watches.retain(|watch, _| by_watch.contains_key(watch.as_str()));
        for (watch, (mut files, forgotten)) in by_watch {
            files.sort_by(|a, b| (a.is_absent, &a.path).cmp(&(b.is_absent, &b.path)));
            let known = self.watches.entry(watch.to_owned()).or_default();
            known.give_labels(&files);
            known.add_up(watch, &files, forgotten, &mut sums);
        }
        sums
    }
}

impl Known {
    /// Gives labels to paths that have none, those first at which something is.
    fn give_labels(&mut self, files: &[&FileMetrics]) {
        let here: HashMap<&Path, bool> = files.iter().map(|file| (&*file.path, file.is_absent)).collect();
        self.own.retain(|path, _| here.contains_key(&**path));
        let mut gone: Vec<PathBuf> = Vec::new();
        let present =
            files.iter().filter(|file| !file.is_absent && !self.own.contains_key(&file.path)).count();
        if self.own.len() + present > PATHS_MAX {
            gone.extend(self.own.keys().filter(|path| here.get(&***path) == Some(&true)).cloned());
            gone.sort();
        }
        for file in files.iter().filter(|file| !self.own.contains_key(&file.path)).collect::<Vec<_>>() {
            let hash = hash(&file.path);
            if !file.is_absent
                && self.own.len() >= PATHS_MAX
                && let Some(left) = gone.pop()
            {
                self.own.remove(&left);
                self.others.insert(self::hash(&left));
            }
            let was_other = self.others.contains(&hash);
            if self.own.len() < PATHS_MAX && !(was_other && file.is_absent) {
                let before = if self.others.remove(&hash) { Sums::from(*file) } else { Sums::default() };
                self.own.insert(file.path.clone(), OwnLabel { label: display_path(&file.path), before });
            } else {
                self.others.insert(hash);
            }
        }
        if self.others.len() > 2 * files.len() {
            let here: HashSet<u64> = files.iter().map(|file| hash(&file.path)).collect();
            self.others.retain(|hash| here.contains(hash));
        }
    }

    fn add_up<'f>(
        &mut self,
        watch: &'f str,
        files: &[&FileMetrics],
        forgotten: Sums,
        sums: &mut BTreeMap<(&'f str, String), Sums>,
    ) {
        let mut shared = forgotten;
        for file in files {
            let file_sums = Sums::from(*file);
            match self.own.get(&file.path) {
                Some(own) => {
                    // Two names may well look alike.
                    let series = sums.entry((watch, own.label.clone())).or_default();
                    series.add(&file_sums.without(&own.before));
                    shared.add(&Sums { lag_bytes: 0, ..own.before.clone() });
                }
                None => shared.add(&file_sums),
            }
        }
        shared.add(&self.lacking);
        let lacking = Sums { lag_bytes: 0, ..self.shared.without(&shared) };
        shared.add(&lacking);
        self.lacking.add(&lacking);
        self.shared = shared.clone();
        if shared != Sums::default() || !self.others.is_empty() {
            sums.insert((watch, OVERFLOW.to_owned()), shared);
        }
    }
}

fn hash(path: &Path) -> u64 {
    xxh3_64(path.as_os_str().as_encoded_bytes())
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

    fn gone(n: usize, bytes_read: u64) -> FileMetrics {
        FileMetrics { is_absent: true, ..file(n, bytes_read) }
    }

    fn total(sums: &BTreeMap<(&str, String), Sums>) -> u64 {
        sums.values().map(|sums| sums.bytes_read).sum()
    }

    const SHARED: &str = OVERFLOW;

    #[test]
    fn a_shared_counter_never_goes_back_and_paths_that_are_gone_make_room() {
        let mut labels = PathLabels::default();
        let mut files: Vec<FileMetrics> = (0..PATHS_MAX + 2).map(|n| file(n, 10)).collect();
        let shared = ("w", SHARED.to_owned());
        assert_eq!(labels.sums(&files, &[])[&shared].bytes_read, 20);
        files.pop();
        assert_eq!(labels.sums(&files, &[])[&shared].bytes_read, 20, "what is gone counts still");
        // Two of those with a label of their own go, and two new ones take their place.
        files.drain(..2);
        files.extend([file(70_000, 5), file(70_001, 5)]);
        let sums = labels.sums(&files, &[]);
        assert_eq!(sums.len(), PATHS_MAX + 1);
        assert!(sums[&shared].bytes_read >= 20);
    }

    #[test]
    fn a_present_path_takes_the_label_of_one_that_is_absent_and_no_count_is_lost() {
        let mut labels = PathLabels::default();
        let mut files: Vec<FileMetrics> = (0..PATHS_MAX + 500).map(|n| gone(n, 10)).collect();
        assert_eq!(total(&labels.sums(&files, &[])), 10 * (PATHS_MAX as u64 + 500));
        files.push(file(70_000, 5));
        let sums = labels.sums(&files, &[]);
        assert_eq!(sums[&("w", "/70000".to_owned())].bytes_read, 5);
        assert_eq!(total(&sums), 10 * (PATHS_MAX as u64 + 500) + 5);
        // One that had no label comes back, and others are forgotten.
        let last = PATHS_MAX + 499;
        files.retain(|file| {
            file.path != Path::new(&format!("/{last:05}")) && *file.path > *Path::new("/00099")
        });
        files.push(file(last, 17));
        let forgotten =
            [FileMetrics { bytes_read: 1_000, is_absent: true, watch: "w".into(), ..FileMetrics::default() }];
        let sums = labels.sums(&files, &forgotten);
        assert_eq!(total(&sums), 10 * (PATHS_MAX as u64 + 500) + 5 + 7);
        let path = format!("/{last:05}");
        let before = sums[&("w", path.clone())].bytes_read;
        files.pop();
        files.push(file(last, 20));
        let sums = labels.sums(&files, &forgotten);
        assert_eq!(sums[&("w", path)].bytes_read, before + 3);
        assert_eq!(total(&sums), 10 * (PATHS_MAX as u64 + 500) + 5 + 10);
    }
}

//! How all files stand together, and the few of them that say most: gathered without a copy of what is known of each.

use std::cmp::{Ordering, Reverse};
use std::collections::HashSet;
use std::path::Path;

use crate::engine::entry::FileStatus;
use crate::engine::file_report::{FileReport, UNIT_STATUS};
use crate::engine::gone::GoneFiles;
use crate::engine::shared::Shared;
use crate::units::PathId;

/// See the [module](self).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FilesOverview {
    /// Paths at which a file is, or something that cannot be read.
    pub present: usize,
    /// Files that cannot be read.
    pub unreadable: usize,
    /// Bytes that are not read yet.
    pub lag_bytes: u64,
    /// Bytes that were scanned, of all paths that are known and of those that were forgotten.
    pub bytes_read: u64,
    /// Bytes that were gone before they could be scanned, likewise.
    pub bytes_missed: u64,
    /// How many of the known paths those were of.
    pub missed_files: usize,
    /// Names of the watches that have files.
    pub watches: HashSet<String>,
    /// The present files that say most: those with missed bytes first, then those that cannot be read, then those with the most lines.
    pub most_telling: Vec<FileReport>,
}

/// A file, with that by which files are ordered.
struct Telling<'a> {
    id: PathId,
    watch: &'a str,
    path: &'a Path,
    has_missed: bool,
    is_unreadable: bool,
    /// Hundredths of matching lines a minute.
    rate: u64,
}

impl Telling<'_> {
    fn cmp(&self, other: &Telling<'_>) -> Ordering {
        let key = |file: &Telling<'_>| Reverse((file.has_missed, file.is_unreadable, file.rate));
        let by_path = || self.path.as_os_str().cmp(other.path.as_os_str());
        key(self).cmp(&key(other)).then_with(by_path)
    }
}

impl FilesOverview {
    fn add_figures(&mut self, bytes_read: u64, bytes_missed: u64) {
        self.bytes_read += bytes_read;
        self.bytes_missed += bytes_missed;
        self.missed_files += usize::from(bytes_missed > 0);
    }

    /// Adds a file that is present.
    fn add_present(&mut self, status: &FileStatus, watch: &str) {
        self.present += 1;
        self.unreadable += usize::from(status.trouble.is_some());
        self.lag_bytes += status.lag();
        if !self.watches.contains(watch) {
            self.watches.insert(watch.to_owned());
        }
    }

    fn add_gone(&mut self, gone: &GoneFiles) {
        for record in gone.all() {
            self.add_figures(record.bytes_read, record.bytes_missed);
        }
        for forgotten in gone.forgotten() {
            self.bytes_read += forgotten.bytes_read;
            self.bytes_missed += forgotten.bytes_missed;
        }
    }
}

impl Shared {
    /// How all files stand, with at most `files_max` of them.
    pub(super) fn overview(&self, files_max: usize) -> FilesOverview {
        let now = self.clock.wall();
        let mut all = FilesOverview::default();
        let mut scheduler = self.files.lock();
        all.add_gone(scheduler.gone());
        let scheduler = &*scheduler;
        let counters = self.counters();
        let units = counters.units().map(|(id, unit)| (id, &*unit.watch.name, &*unit.path, UNIT_STATUS));
        let files = scheduler
            .entries()
            .map(|(id, entry)| (id, &*entry.watch().name, entry.path(), scheduler.status_of(id, entry)));
        let mut telling = Vec::with_capacity(scheduler.len());
        for (id, watch, path, status) in files.chain(units) {
            let figures = counters.path_figures(id, now);
            all.add_figures(figures.bytes_read, figures.bytes_missed);
            if status.is_absent && status.trouble.is_none() {
                continue;
            }
            all.add_present(&status, watch);
            let rate = (figures.lines_per_s * 6_000.0).round() as u64;
            let (has_missed, is_unreadable) = (figures.bytes_missed > 0, status.trouble.is_some());
            telling.push(Telling { id, watch, path, has_missed, is_unreadable, rate });
        }
        if telling.len() > files_max {
            telling.select_nth_unstable_by(files_max, Telling::cmp);
            telling.truncate(files_max);
        }
        telling.sort_unstable_by(Telling::cmp);
        let report = |file: &Telling<'_>| FileReport {
            watch: file.watch.to_owned(),
            path: file.path.to_owned(),
            figures: counters.path_totals(file.id).unwrap_or_default(),
            status: if counters.has_unit(file.id) { UNIT_STATUS } else { scheduler.status(file.id) },
        };
        all.most_telling = telling.iter().map(report).collect();
        all
    }
}

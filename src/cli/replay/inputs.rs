//! Which files belong to which log, and in which order.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli::replay::log_file::{Log, LogFile, probe};
use crate::cli::selection::Selection;
use crate::config::Settings;
use crate::engine::settings::WatchPlan;
use crate::file::identity::Identity;
use crate::file::rotation::names;
use crate::fmt::display_path;
use crate::scan::timestamp::TimeSettings;
use crate::scan::wrapping::LineFormat;
use crate::sys::open::stat_path;
use crate::watch::discovery::Discovery;
use crate::watch::survey::survey;

/// Finds the logs at `paths`, or those that the watches match. The second list is of problems.
pub(super) fn find(
    settings: &Settings,
    paths: &[PathBuf],
    watch: Option<&str>,
    selection: &Selection,
) -> anyhow::Result<(Vec<Log>, Vec<String>)> {
    let mut problems = Vec::new();
    let files = if paths.is_empty() { matched(settings)? } else { named(paths, &mut problems) };
    let files = selection.kept(&files)?;
    let finder = LogFinder::new(settings, watch)?;
    let names: HashSet<PathBuf> = files.iter().cloned().collect();
    let mut logs: BTreeMap<(usize, PathBuf), Vec<LogFile>> = BTreeMap::new();
    let mut seen = HashSet::new();
    for path in files {
        if let Ok(stat) = stat_path(&path)
            && !seen.insert(Identity::from(&stat))
        {
            continue;
        }
        let base = base_of(&path, &names);
        let watch = finder.watch_of(&path, &base)?;
        match probe(&path, &settings.plan.watches[watch].time) {
            Ok(file) => logs.entry((watch, base)).or_default().push(file),
            Err(why_not) => problems.push(format!("cannot replay {}: {why_not}", display_path(&path))),
        }
    }
    let log = |((watch, path), mut files): ((usize, PathBuf), Vec<LogFile>)| {
        files.sort_by(|a, b| (a.first_ms, &a.path).cmp(&(b.first_ms, &b.path)));
        Log { watch, path, files }
    };
    Ok((logs.into_iter().map(log).collect(), problems))
}

/// The number of the watch with this name, or of the only one.
pub(super) fn named_watch(settings: &Settings, name: Option<&str>) -> anyhow::Result<Option<usize>> {
    let watches = &settings.plan.watches;
    match name {
        Some(name) => {
            let found = watches.iter().position(|watch| watch.name == name);
            found.map(Some).ok_or_else(|| {
                let names: Vec<_> = watches.iter().map(|watch| watch.name.as_str()).collect();
                anyhow::anyhow!("--watch {name}: there is no such watch; there are {}", names.join(", "))
            })
        }
        None => Ok((watches.len() == 1).then_some(0)),
    }
}

/// The files that the watches match now, and their rotated files.
fn matched(settings: &Settings) -> anyhow::Result<Vec<PathBuf>> {
    let survey = survey(&settings.finds)?;
    let mut files = Vec::new();
    for findings in survey.watches {
        let found: HashSet<_> = findings.found.iter().cloned().collect();
        let is_of_one = |path: &PathBuf| bases(path).iter().any(|base| found.contains(base));
        let left = findings.left_out.into_iter().map(|(path, _)| path).filter(is_of_one);
        files.extend(findings.found.iter().cloned().chain(left));
    }
    Ok(files)
}

fn named(paths: &[PathBuf], problems: &mut Vec<String>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let listed = std::fs::read_dir(path).map(|entries| {
            let mut names: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
            names.retain(|name| {
                let is_hidden = name.file_name().is_some_and(|n| n.as_encoded_bytes().starts_with(b"."));
                !is_hidden && name.is_file()
            });
            names.sort();
            names
        });
        match listed {
            Ok(names) => files.extend(names),
            Err(error) => problems.push(format!("cannot list {}: {error}", display_path(path))),
        }
    }
    files
}

/// The paths that `path` may have had before it was rotated.
fn bases(path: &Path) -> Vec<PathBuf> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    names::bases(name).into_iter().map(|base| path.with_file_name(base)).collect()
}

/// The path at which the log of `path` is written: the one of `names` that it was rotated from, or else its name without what
/// rotation adds.
fn base_of(path: &Path, names: &HashSet<PathBuf>) -> PathBuf {
    let bases = bases(path);
    let known = bases.iter().find(|base| names.contains(*base));
    if let Some(known) = known {
        return base_of(known, names);
    }
    let shortest = bases.into_iter().min_by_key(|base| base.as_os_str().len());
    shortest.map_or_else(|| path.to_owned(), |base| base_of(&base, names))
}

/// Finds the watch of a path.
pub(in crate::cli) struct LogFinder<'s> {
    discovery: Discovery,
    settings: &'s Settings,
    named: Option<usize>,
    cwd: PathBuf,
}

impl<'s> LogFinder<'s> {
    pub(in crate::cli) fn new(settings: &'s Settings, watch: Option<&str>) -> anyhow::Result<LogFinder<'s>> {
        let named = named_watch(settings, watch)?;
        let cwd = std::env::current_dir().unwrap_or_default();
        Ok(LogFinder { discovery: Discovery::new(&settings.finds)?, settings, named, cwd })
    }

    /// How the lines of the file at `path` tell their time, and whether they are wrapped: as its watch says, or its rotated file's.
    pub(in crate::cli) fn lines_of(&self, path: &Path) -> Option<(Arc<TimeSettings>, LineFormat)> {
        let watch = self.watch(path)?;
        Some((Arc::clone(&watch.time), watch.file.format))
    }

    /// The watch of the file at `path`: see [`LogFinder::number_of`].
    pub(in crate::cli) fn watch(&self, path: &Path) -> Option<&WatchPlan> {
        self.settings.plan.watches.get(self.number_of(path)?)
    }

    /// The number of the watch that the file at `path` belongs to, or its rotated file; the only one there is, if none does.
    pub(in crate::cli) fn number_of(&self, path: &Path) -> Option<usize> {
        self.watch_of(path, &base_of(path, &HashSet::new())).ok()
    }

    fn watch_of(&self, path: &Path, base: &Path) -> anyhow::Result<usize> {
        let (path, base) = (self.cwd.join(path), self.cwd.join(base));
        let means = |name: &str| self.discovery.means(name, &path) || self.discovery.means(name, &base);
        let watches = &self.settings.plan.watches;
        let found = watches.iter().position(|watch| means(&watch.name)).or(self.named);
        found.ok_or_else(|| {
            let shown = display_path(&path);
            anyhow::anyhow!(
                "no watch of the configuration matches {shown}; say which one it is of with --watch NAME"
            )
        })
    }
}

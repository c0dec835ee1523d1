//! Which rules are for which path: with a configuration those of its watch, with the records of that, as the daemon counts.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::cli::replay::inputs::LogFinder;
use crate::config;
use crate::scan::rules::{RuleSet, RuleSpec};
use crate::scan::wrapping::LineFormat;

/// Paths with the same rules.
pub(super) struct ScanGroup {
    pub(super) rules: Arc<RuleSet>,
    /// For each rule, its place among the rules of all groups.
    pub(super) columns: Vec<usize>,
    /// The longest line that is scanned whole, in bytes, if the configuration says it.
    pub(super) line_bytes_max: Option<usize>,
    /// Whether a container runtime wrote the lines.
    pub(super) format: LineFormat,
    pub(super) paths: Vec<PathBuf>,
    /// For each path, its place on the command line.
    pub(super) places: Vec<usize>,
}

/// Divides `paths` among the watches of `config`. Paths of no watch are scanned by all rules, which are `specs`.
pub(super) fn groups(
    specs: &[RuleSpec],
    config: &[PathBuf],
    paths: &[PathBuf],
) -> anyhow::Result<Vec<ScanGroup>> {
    // A configuration need not watch anything.
    let settings = (!config.is_empty()).then(|| config::load(config).ok()).flatten();
    let finder = settings.as_ref().map(|settings| LogFinder::new(settings, None)).transpose()?;
    let mut by_watch: BTreeMap<Option<usize>, Vec<usize>> = BTreeMap::new();
    for (place, path) in paths.iter().enumerate() {
        let watch = finder.as_ref().and_then(|finder| finder.number_of(path));
        by_watch.entry(watch).or_default().push(place);
    }
    let mut groups = Vec::new();
    for (watch, places) in by_watch {
        let watch = watch.and_then(|at| settings.as_ref()?.plan.watches.get(at));
        let own = watch.map_or(specs, |watch| &watch.rules);
        let column = |rule: &RuleSpec| specs.iter().position(|spec| spec.name == rule.name);
        groups.push(ScanGroup {
            rules: RuleSet::compile(own)?,
            columns: own.iter().filter_map(column).collect(),
            line_bytes_max: watch.map(|watch| watch.file.line_bytes_max),
            format: watch.map(|watch| watch.file.format).unwrap_or_default(),
            paths: places.iter().map(|place| paths[*place].clone()).collect(),
            places,
        });
    }
    Ok(groups)
}

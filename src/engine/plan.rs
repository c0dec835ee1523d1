//! The plan with its rules compiled.

use std::sync::Arc;

use crate::alert::AlertSpec;
use crate::alert::manager::WatchAlerts;
use crate::engine::settings::{Plan, WatchPlan};
use crate::file::settings::FileSettings;
use crate::pattern::PatternSettings;
use crate::scan::rules::{RulePatternError, RuleSet};
use crate::scan::timestamp::TimeSettings;
use crate::source::journal::JournalSelection;
use crate::units::{AlertSpecId, NameIds, WatchId};

/// One watch, compiled.
#[derive(Debug, Clone)]
pub struct CompiledWatch {
    /// Stays the same through reloads.
    pub id: WatchId,
    /// Unique name.
    pub name: String,
    /// Its rules.
    pub rules: Arc<RuleSet>,
    /// How its files are read.
    pub file: FileSettings,
    /// What it watches, as configured, one a line.
    pub paths: String,
    /// The alerts over its rules.
    pub alerts: Arc<WatchAlerts>,
    /// How many lines per rule its alerts can show.
    pub samples_max: usize,
    /// How the time of its lines is read.
    pub time: Arc<TimeSettings>,
    /// Whether an alert asks for the number of all lines.
    pub counts_lines: bool,
    /// How matching lines are grouped into patterns.
    pub patterns: Arc<PatternSettings>,
    /// The journal that it reads, if it reads no files.
    pub journal: Option<Arc<JournalSelection>>,
}

/// A plan, compiled.
#[derive(Debug)]
pub struct CompiledPlan {
    /// The watches.
    pub watches: Vec<Arc<CompiledWatch>>,
    ids: NameIds,
}

impl CompiledPlan {
    /// Compiles every rule of `plan`.
    ///
    /// # Errors
    /// See [`RulePatternError`].
    pub fn new(plan: &Plan) -> Result<CompiledPlan, RulePatternError> {
        CompiledPlan::with_ids(plan, NameIds::default())
    }

    /// Compiles the `plan` that is to follow this one: watches and alerts keep their ids by their names.
    ///
    /// # Errors
    /// See [`RulePatternError`].
    pub fn successor(&self, plan: &Plan) -> Result<CompiledPlan, RulePatternError> {
        CompiledPlan::with_ids(plan, self.ids.clone())
    }

    fn with_ids(plan: &Plan, mut ids: NameIds) -> Result<CompiledPlan, RulePatternError> {
        let numbered = |spec: &AlertSpec| (ids.alert(&spec.name), Arc::new(spec.clone()));
        let alerts: Vec<(AlertSpecId, Arc<AlertSpec>)> = plan.alerts.iter().map(numbered).collect();
        let watches = plan.watches.iter().map(|watch| compile(watch, ids.watch(&watch.name), &alerts));
        let watches = watches.collect::<Result<_, RulePatternError>>()?;
        Ok(CompiledPlan { watches, ids })
    }

    /// The watch `name`.
    #[must_use]
    pub fn watch_named(&self, name: &str) -> Option<&Arc<CompiledWatch>> {
        self.watches.iter().find(|watch| watch.name == name)
    }

    /// The watch `id`.
    #[must_use]
    pub fn watch(&self, id: WatchId) -> Option<&Arc<CompiledWatch>> {
        self.watches.iter().find(|watch| watch.id == id)
    }

    /// The alerts of every watch.
    #[must_use]
    pub fn alerts(&self) -> Vec<Arc<WatchAlerts>> {
        self.watches.iter().map(|watch| Arc::clone(&watch.alerts)).collect()
    }
}

fn compile(
    watch: &WatchPlan,
    id: WatchId,
    alerts: &[(AlertSpecId, Arc<AlertSpec>)],
) -> Result<Arc<CompiledWatch>, RulePatternError> {
    let rules = RuleSet::compile(&watch.rules)?;
    let masks = watch.rules.iter().map(|rule| &rule.masks).max_by_key(|masks| masks.len());
    let mut patterns = PatternSettings::default();
    for mask in masks.into_iter().flatten() {
        patterns = patterns.with_mask(mask).map_err(|error| RulePatternError::Syntax(error.to_string()))?;
    }
    let of_rule = |rule: &String| {
        let counts = |spec: &AlertSpec| spec.rule == *rule && spec.watches.contains(&watch.name);
        alerts.iter().filter(|(_, spec)| counts(spec)).cloned().collect()
    };
    let by_rule = rules.names().iter().map(of_rule).collect();
    let alerts = WatchAlerts { id, name: watch.name.clone(), by_rule };
    let samples_max = alerts.all().map(|(_, spec)| spec.samples_max).max().unwrap_or(0);
    let counts_lines = alerts.all().any(|(_, spec)| spec.condition.needs_lines());
    Ok(Arc::new(CompiledWatch {
        id,
        name: watch.name.clone(),
        samples_max,
        counts_lines,
        patterns: Arc::new(patterns),
        rules,
        file: watch.file,
        paths: watch.paths.clone(),
        journal: watch.journal.clone(),
        alerts: Arc::new(alerts),
        time: Arc::clone(&watch.time),
    }))
}

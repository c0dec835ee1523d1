//! The plan with its rules compiled.

use std::sync::Arc;

use crate::alert::AlertSpec;
use crate::engine::settings::Plan;
use crate::file::settings::FileSettings;
use crate::scan::rules::{RulePatternError, RuleSet};
use crate::scan::timestamp::TimeSettings;

/// One watch, compiled.
#[derive(Debug, Clone)]
pub struct CompiledWatch {
    /// Unique name.
    pub name: String,
    /// Its rules.
    pub rules: Arc<RuleSet>,
    /// How its files are read.
    pub file: FileSettings,
    /// What it watches, as configured, one a line.
    pub paths: String,
    /// For each rule, the numbers of the alerts that count it.
    pub alerts_by_rule: Vec<Vec<usize>>,
    /// How many lines per rule its alerts can show.
    pub samples_max: usize,
    /// How the time of its lines is read.
    pub time: Arc<TimeSettings>,
    /// Whether an alert asks for the number of all lines.
    pub counts_lines: bool,
}

/// A plan, compiled.
#[derive(Debug)]
pub struct CompiledPlan {
    /// The watches.
    pub watches: Vec<CompiledWatch>,
    /// The alerts.
    pub alerts: Vec<AlertSpec>,
}

impl CompiledPlan {
    /// Compiles every rule of `plan`.
    ///
    /// # Errors
    /// See [`RulePatternError`].
    pub fn new(plan: &Plan) -> Result<CompiledPlan, RulePatternError> {
        let watches = plan.watches.iter().map(|watch| {
            let rules = RuleSet::compile(&watch.rules)?;
            let counts =
                |alert: &AlertSpec, rule: &String| alert.rule == *rule && alert.watches.contains(&watch.name);
            let alerts_by_rule = rules.names().iter().map(|rule| {
                plan.alerts
                    .iter()
                    .enumerate()
                    .filter(|(_, alert)| counts(alert, rule))
                    .map(|(n, _)| n)
                    .collect()
            });
            let alerts_by_rule: Vec<Vec<usize>> = alerts_by_rule.collect();
            let samples_max =
                alerts_by_rule.iter().flatten().map(|n| plan.alerts[*n].samples_max).max().unwrap_or(0);
            let needs_lines = |n: &usize| plan.alerts[*n].condition.needs_lines();
            let counts_lines = alerts_by_rule.iter().flatten().any(needs_lines);
            Ok(CompiledWatch {
                name: watch.name.clone(),
                rules,
                file: watch.file,
                paths: watch.paths.clone(),
                alerts_by_rule,
                samples_max,
                time: Arc::clone(&watch.time),
                counts_lines,
            })
        });
        Ok(CompiledPlan {
            watches: watches.collect::<Result<_, RulePatternError>>()?,
            alerts: plan.alerts.clone(),
        })
    }
}

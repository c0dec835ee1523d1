//! From names to what they name: watches get their rules, alerts their rule and watches.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::alerts::AlertTable;
use super::error::{ErrorReport, quoted};
use super::rules::Rule;
use super::table::Text;
use super::values::hint;
use super::watches::Watch;
use crate::alert::AlertSpec;
use crate::engine::settings::{Plan, WatchPlan};
use crate::file::settings::FileSettings;
use crate::scan::records::RECORD_RULES_MAX;
use crate::scan::rules::RuleSpec;
use crate::watch::spec::WatchSpec;

/// The watch that paths add to a configuration.
pub(super) const ADDED_WATCH: &str = "cli";

/// Builds the plan. What names something that is not there, and what nothing uses, is refused.
pub(super) fn link(
    watches: &[Watch<'_>],
    rules: &[Rule],
    alerts: &[AlertTable<'_>],
    report: &mut ErrorReport<'_>,
) -> Plan {
    if watches.is_empty() {
        report.refuse_whole(
            "no watch, so there is nothing to do; \
             add [watch.app] with, say, `paths = [\"/var/log/app/*.log\"]`",
        );
    }
    let plans = link_watches(watches, rules, report);
    let uses: Vec<Use<'_>> = plans.iter().map(Use::new).collect();
    let specs = alerts.iter().filter_map(|alert| link_alert(alert, rules, &uses, report)).collect();
    Plan { watches: plans, alerts: specs }
}

/// A watch and the names of its rules.
struct Use<'p> {
    watch: &'p str,
    rules: HashSet<&'p str>,
}

impl<'p> Use<'p> {
    fn new(plan: &'p WatchPlan) -> Self {
        Use { watch: &plan.name, rules: plan.rules.iter().map(|rule| rule.name.as_str()).collect() }
    }
}

fn link_watches(watches: &[Watch<'_>], rules: &[Rule], report: &mut ErrorReport<'_>) -> Vec<WatchPlan> {
    let by_name: HashMap<&str, &Rule> = rules.iter().map(|rule| (rule.spec.name.as_str(), rule)).collect();
    let mut used = HashSet::new();
    let mut all_found = true;
    let mut plans = Vec::with_capacity(watches.len());
    for watch in watches {
        let mut found = Vec::new();
        match &watch.rules {
            None => found.extend(rules.iter()),
            Some(names) => {
                for name in names {
                    match by_name.get(name.get_ref()) {
                        Some(rule) => found.push(*rule),
                        None => {
                            all_found = false;
                            refuse_rule(name, &format!("[watch.{}]", watch.name), rules, report);
                        }
                    }
                }
            }
        }
        used.extend(found.iter().map(|rule| rule.spec.name.as_str()));
        let own = |rule: &&Rule| {
            let spec = rule.spec.clone();
            if spec.record_start.is_some() || spec.multiline.is_some() {
                return spec;
            }
            RuleSpec { record_start: watch.record_start.clone(), multiline: watch.multiline, ..spec }
        };
        let rules: Vec<_> = found.iter().map(own).collect();
        refuse_too_many_records(watch, &rules, report);
        let paths = match &watch.journal {
            Some(_) => "systemd journal".to_owned(),
            None => watch.find.paths_text(),
        };
        plans.push(WatchPlan {
            name: watch.name.clone(),
            rules,
            file: watch.file,
            time: Arc::clone(&watch.time),
            paths,
            journal: watch.journal.clone(),
        });
    }
    // A rule whose name is misspelt in a watch is not unused but misspelt, which has been said.
    if all_found && !watches.is_empty() {
        refuse_unused(rules, &used, report);
    }
    plans
}

fn refuse_too_many_records(watch: &Watch<'_>, rules: &[RuleSpec], report: &mut ErrorReport<'_>) {
    let count = rules.iter().filter(|rule| rule.record_start.is_some() || rule.multiline.is_some()).count();
    if count > RECORD_RULES_MAX {
        let span = watch.span.clone().unwrap_or(0..0);
        report.refuse(
            span,
            format!(
                "[watch.{}] has {count} rules with a `record_start` or `multiline`, and can keep {RECORD_RULES_MAX} apart; \
                 put some of them together, or into another watch",
                watch.name
            ),
        );
    }
}

fn refuse_unused(rules: &[Rule], used: &HashSet<&str>, report: &mut ErrorReport<'_>) {
    for rule in rules.iter().filter(|rule| !used.contains(rule.spec.name.as_str())) {
        let name = quoted(&rule.spec.name);
        let span = rule.span.clone().unwrap_or(0..0);
        report.refuse(
            span,
            format!("no watch uses the rule {name}; add it to `rules` of a watch, or remove it"),
        );
    }
}

fn refuse_rule(name: &Text<'_>, label: &str, rules: &[Rule], report: &mut ErrorReport<'_>) {
    let hint = hint(name.get_ref(), rules.iter().map(|rule| rule.spec.name.as_str()));
    let name_shown = quoted(name.get_ref());
    report.refuse(name.span(), format!("{label} names a rule that does not exist: {name_shown}{hint}"));
}

/// The complete alert, or `None` once something about it was refused.
fn link_alert(
    alert: &AlertTable<'_>,
    rules: &[Rule],
    uses: &[Use<'_>],
    report: &mut ErrorReport<'_>,
) -> Option<AlertSpec> {
    let rule = find_rule(alert, rules, report)?;
    let watches = match &alert.watches {
        Some(names) => {
            let found = names.iter().filter_map(|name| find_watch(alert, name, rule, uses, report));
            found.collect()
        }
        // None at all means that the rule is unused, which is reported where it is defined.
        None => uses.iter().filter(|u| u.rules.contains(rule)).map(|u| u.watch.to_owned()).collect(),
    };
    Some(AlertSpec { rule: rule.to_owned(), watches, ..alert.spec.clone() })
}

/// The alert's rule, or `None` once it was refused.
fn find_rule<'r>(alert: &AlertTable<'_>, rules: &'r [Rule], report: &mut ErrorReport<'_>) -> Option<&'r str> {
    let label = &alert.label;
    match (&alert.rule, rules) {
        (Some(name), _) => {
            let found = rules.iter().find(|rule| rule.spec.name == *name.get_ref());
            if found.is_none() {
                refuse_rule(name, label, rules, report);
            }
            found.map(|rule| rule.spec.name.as_str())
        }
        (None, _) if alert.has_rule => None,
        (None, [only]) => Some(&only.spec.name),
        (None, _) => {
            let hint = hint("", rules.iter().map(|rule| rule.spec.name.as_str()));
            report.refuse(alert.span.clone(), format!("{label} lacks `rule`; say which one it counts{hint}"));
            None
        }
    }
}

/// The name of a watch that the alert names, or `None` once it was refused.
fn find_watch(
    alert: &AlertTable<'_>,
    name: &Text<'_>,
    rule: &str,
    uses: &[Use<'_>],
    report: &mut ErrorReport<'_>,
) -> Option<String> {
    let (label, shown) = (&alert.label, quoted(name.get_ref()));
    let Some(found) = uses.iter().find(|u| u.watch == *name.get_ref()) else {
        let hint = hint(name.get_ref(), uses.iter().map(|u| u.watch));
        report.refuse(name.span(), format!("{label} names a watch that does not exist: {shown}{hint}"));
        return None;
    };
    if !found.rules.contains(rule) {
        let rule = quoted(rule);
        report.refuse(
            name.span(),
            format!(
                "{label} could never fire for the watch {shown}, which does not use its rule {rule}; \
                 add the rule to the watch, or take the watch out here"
            ),
        );
        return None;
    }
    Some(found.watch.to_owned())
}

/// Adds the watch of the command line, with all rules, to the watches of a configuration.
pub(super) fn add_watch(watches: &mut Vec<Watch<'_>>, find: &WatchSpec, report: &mut ErrorReport<'_>) {
    if let Some(span) = watches.iter().find(|w| w.name == ADDED_WATCH).and_then(|w| w.span.clone()) {
        report.refuse(
            span,
            format!(
                "[watch.{ADDED_WATCH}] has the name of the watch that paths on the command line \
                 add; rename it"
            ),
        );
    }
    watches.push(Watch {
        name: ADDED_WATCH.to_owned(),
        span: None,
        rules: None,
        file: FileSettings::default(),
        time: Arc::default(),
        record_start: None,
        multiline: None,
        find: find.clone(),
        journal: None,
    });
}

//! The snapshot, and how a change is applied to it.

use serde::{Deserialize, Serialize};

use super::agent::{Agent, WaitingFor};
use super::alerts::{AlertGroup, FiringAlert, PastAlert, Silence, SilencedAlert};
use super::changes::Change;
use super::rates::{FileRate, Line, PatternRate, RuleRate};

/// How everything stands.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Snapshot {
    /// The version of this contract.
    pub v: u32,
    /// The number of the last event that the snapshot holds: the stream goes on after it.
    pub seq: u64,
    /// When it was made.
    pub now: f64,
    /// Name of the machine.
    pub host: String,
    /// Version of the daemon.
    pub version: String,
    /// When the daemon started.
    pub started: f64,
    /// The daemon itself.
    pub agent: Agent,
    /// Every rule of every watch.
    pub rules: Vec<RuleRate>,
    /// The alerts that fire and are not silenced, the worst and oldest first.
    pub alerts: Vec<FiringAlert>,
    /// How many alerts fire beside those.
    pub alerts_more: u64,
    /// The alerts that fire, by name and watch.
    pub groups: Vec<AlertGroup>,
    /// The patterns that say most, new and risen ones first.
    pub patterns: Vec<PatternRate>,
    /// How many patterns there are beside those.
    pub patterns_more: u64,
    /// The files that say most: those with trouble first, then those with the most lines.
    pub files: Vec<FileRate>,
    /// How many files there are beside those.
    pub files_more: u64,
    /// What watches wait for that have no file.
    pub waiting_for: Vec<WaitingFor>,
    /// Alerts that are over, the newest first.
    pub history: Vec<PastAlert>,
    /// The silences that are in force.
    pub silences: Vec<Silence>,
    /// Alerts that fire and are silenced: none of them is in `alerts` or `groups`.
    pub silenced: Vec<SilencedAlert>,
    /// How many alerts are silenced beside those.
    pub silenced_more: u64,
    /// The newest matching lines, if someone has looked on for a while.
    pub lines: Vec<Line>,
}

/// So many lines are kept by those who follow.
pub const LINES_KEPT_MAX: usize = 500;

impl Snapshot {
    /// Applies a change, so that this is what a new snapshot would be. False if a new one is to be fetched.
    pub fn apply(&mut self, change: Change) -> bool {
        match change {
            Change::Reset {} => return false,
            Change::Tick(tick) => {
                (self.now, self.agent, self.rules) = (tick.now, tick.agent, tick.rules);
                for new in tick.patterns {
                    let is_it = |known: &&mut PatternRate| {
                        (&known.id, &known.watch, &known.rule) == (&new.id, &new.watch, &new.rule)
                    };
                    if let Some(known) = self.patterns.iter_mut().find(is_it) {
                        (known.now, known.total, known.last) = (new.now, new.total, new.last);
                    }
                }
                for new in tick.files {
                    let is_it =
                        |known: &&mut FileRate| (&known.path, &known.watch) == (&new.path, &new.watch);
                    match self.files.iter_mut().find(is_it) {
                        Some(known) => *known = new,
                        None => self.files.push(new),
                    }
                }
            }
            Change::Alerts(now) => {
                (self.alerts, self.alerts_more) = (now.alerts, now.alerts_more);
                (self.groups, self.history) = (now.groups, now.history);
                (self.silences, self.silenced) = (now.silences, now.silenced);
                self.silenced_more = now.silenced_more;
            }
            Change::Pattern(new) => {
                let is_it = |known: &&mut PatternRate| {
                    (&known.id, &known.watch, &known.rule) == (&new.id, &new.watch, &new.rule)
                };
                match self.patterns.iter_mut().find(is_it) {
                    Some(known) => *known = new,
                    None => self.patterns.push(new),
                }
            }
            Change::Patterns(now) => {
                (self.patterns, self.patterns_more) = (now.patterns, now.patterns_more);
            }
            Change::Lines(new) => {
                self.lines.extend(new.lines);
                let surplus = self.lines.len().saturating_sub(LINES_KEPT_MAX);
                self.lines.drain(..surplus);
            }
        }
        true
    }
}

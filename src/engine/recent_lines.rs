//! The newest matching lines, for people who look on. They are kept only while someone does, and there are few of them: of each turn
//! the newest, and one of each signature that is not among those, so that a rare line is not lost in a flood.

use std::collections::{HashSet, VecDeque};
use std::path::Path;
use std::sync::Arc;

use crate::engine::plan::CompiledWatch;
use crate::file::signatures::SignatureRun;
use crate::file::tailer::Turn;
use crate::fmt::sample;
use crate::pattern::PatternId;
use crate::units::{EngineTime, WallTime};

/// So many lines are kept.
const LINES_MAX: usize = 512;
/// So many lines of a turn and rule are kept.
const LINES_OF_TURN_MAX: usize = 8;
/// A line is cut to so many characters.
const LINE_CHARS_MAX: usize = 500;
/// Lines are kept for so long after they were last asked for, in milliseconds.
const WANTED_MS: i64 = 60_000;

/// A line that matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentLine {
    /// Its number; later lines have greater ones.
    pub number: u64,
    /// When it was written.
    pub at: WallTime,
    /// Name of the watch.
    pub watch: String,
    /// Name of the rule.
    pub rule: String,
    /// Where it stands.
    pub path: Arc<Path>,
    /// Its pattern, if that is kept.
    pub pattern: Option<PatternId>,
    /// The line, escaped and cut.
    pub text: String,
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct RecentLines {
    wanted_until: EngineTime,
    lines: VecDeque<RecentLine>,
    /// How many lines were kept since the start.
    kept: u64,
    /// How many matched while lines were wanted.
    matched: u64,
}

impl RecentLines {
    pub(super) fn new() -> RecentLines {
        let wanted_until = EngineTime(i64::MIN / 2);
        RecentLines { wanted_until, lines: VecDeque::new(), kept: 0, matched: 0 }
    }

    /// Someone looks on.
    pub(super) fn want(&mut self, now: EngineTime) {
        self.wanted_until = now + WANTED_MS;
    }

    /// Keeps lines of a turn. `find` knows the pattern of a signature of the rule of that number.
    pub(super) fn note(
        &mut self,
        now: EngineTime,
        watch: &CompiledWatch,
        path: &Arc<Path>,
        turn: &Turn,
        find: impl Fn(usize, u64) -> Option<PatternId>,
    ) {
        if now > self.wanted_until {
            if !self.lines.is_empty() {
                self.lines = VecDeque::new();
            }
            return;
        }
        self.matched += turn.tally.matched.iter().sum::<u64>();
        for (rule, runs) in turn.tally.signatures.iter().enumerate() {
            for (run, line) in newest(turn, rule, runs) {
                let text: String = sample(line).chars().take(LINE_CHARS_MAX).collect();
                if self.lines.len() >= LINES_MAX {
                    self.lines.pop_front();
                }
                self.kept += 1;
                self.lines.push_back(RecentLine {
                    number: self.kept,
                    at: WallTime(run.at_ms),
                    watch: watch.name.clone(),
                    rule: watch.rules.names().get(rule).cloned().unwrap_or_default(),
                    path: Arc::clone(path),
                    pattern: find(rule, run.hash),
                    text,
                });
            }
        }
    }

    /// The lines with a number above `after`, how many lines were kept so far, and how many matched.
    pub(super) fn after(&self, after: u64) -> (Vec<RecentLine>, u64, u64) {
        let from = self.lines.partition_point(|line| line.number <= after);
        (self.lines.range(from..).cloned().collect(), self.kept, self.matched)
    }
}

/// The lines of a rule that are kept of a turn, in their order.
fn newest<'t>(turn: &'t Turn, rule: usize, runs: &[SignatureRun]) -> Vec<(SignatureRun, &'t [u8])> {
    let mut lines: Vec<(SignatureRun, &[u8])> = Vec::new();
    let mut each_run = runs.iter().rev().flat_map(|run| std::iter::repeat_n(*run, run.lines as usize));
    let samples = turn.tally.samples.get(rule).into_iter().flatten().rev().take(LINES_OF_TURN_MAX);
    for kept in samples {
        let Some(run) = each_run.next() else { break };
        lines.push((run, &kept.line));
    }
    let mut seen: HashSet<u64> = lines.iter().map(|(run, _)| run.hash).collect();
    for run in runs.iter().rev() {
        if lines.len() >= LINES_OF_TURN_MAX {
            break;
        }
        if seen.insert(run.hash)
            && let Some(line) = turn.first_lines.get(run.hash)
        {
            lines.push((*run, line));
        }
    }
    lines.reverse();
    lines
}

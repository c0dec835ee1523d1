//! What people see who look on.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::Counters;
use crate::alert::manager::{FiringAlert, RuleUsual};
use crate::detect::baseline::Usual;
use crate::engine::plan::CompiledWatch;
use crate::engine::rates::RuleRates;
use crate::engine::recent_lines::RecentLine;
use crate::file::tailer::Turn;
use crate::store::{MinuteCount, RateRecord};
use crate::units::{EngineTime, WallTime};

const MINUTE_MS: i64 = 60_000;
/// What is known now to be usual holds for minutes that are no further away than this, in milliseconds.
const USUAL_KNOWN_MS: i64 = 3_600_000;

impl Counters {
    /// Keeps the newest of the lines that matched in a turn, if someone looks on.
    pub(super) fn note_lines(
        &mut self,
        watch: &CompiledWatch,
        path: &Arc<Path>,
        turn: &Turn,
        now: EngineTime,
    ) {
        let (patterns, names) = (&self.patterns, watch.rules.names());
        let find = |rule: usize, hash| patterns.find(watch.id, names.get(rule)?, hash);
        self.recent_lines.note(now, watch, path, turn, find);
    }

    /// The newest lines with a number above `after`, how many were kept so far, and how many matched. Lines are kept from now on.
    pub(in crate::engine) fn lines_after(&mut self, after: u64) -> (Vec<RecentLine>, u64, u64) {
        self.recent_lines.want(self.clock.now());
        self.recent_lines.after(after)
    }

    /// Has `hook` called when alerts fired or resolved.
    pub(in crate::engine) fn on_alert(&mut self, hook: Box<dyn Fn() + Send + Sync>) {
        self.alerted.set(hook);
    }

    /// The sums of `minutes` over the paths of each watch, and what was usual then.
    pub(super) fn rate_records(&self, minutes: &[MinuteCount]) -> Vec<RateRecord> {
        let mut sums: BTreeMap<(i64, &str, &str), u64> = BTreeMap::new();
        for count in minutes {
            *sums.entry((count.minute, &count.file.watch, &count.rule)).or_default() += count.matched;
        }
        let (now, mut of_minute) = (self.clock.wall(), None::<(i64, Vec<RuleUsual>)>);
        let mut records = Vec::with_capacity(sums.len());
        for ((minute, watch, rule), matched) in sums {
            let is_recent = (now.0 - minute * MINUTE_MS).abs() < USUAL_KNOWN_MS;
            if is_recent && of_minute.as_ref().is_none_or(|(known, _)| *known != minute) {
                let end = WallTime((minute + 1) * MINUTE_MS);
                of_minute = Some((minute, self.alerts.usual(end)));
            }
            let usual = of_minute.iter().filter(|(known, _)| *known == minute).flat_map(|(_, all)| all);
            let usual = usual.clone().find(|known| known.watch == watch && known.rule == rule);
            let usual = match usual.map(|known| known.usual) {
                Some(Usual::Band(band)) => Some((band.lo, band.hi)),
                _ => None,
            };
            let (watch, rule) = (watch.to_owned(), rule.to_owned());
            records.push(RateRecord { minute, watch, rule, matched, usual });
        }
        records
    }

    /// How fast the lines of each rule are written.
    pub(in crate::engine) fn rates(&mut self, patterns_max: usize) -> Vec<RuleRates> {
        self.patterns.rates(self.clock.wall(), patterns_max)
    }

    /// What is usual of each rule now.
    pub(in crate::engine) fn usual(&self) -> Vec<RuleUsual> {
        self.alerts.usual(self.clock.wall())
    }

    /// The alerts that fire, the worst first, at most `alerts_max`, and how many there are.
    pub(in crate::engine) fn firing(&mut self, alerts_max: usize) -> (Vec<FiringAlert>, usize) {
        let (mut firing, count) = self.alerts.firing(alerts_max);
        for alert in &mut firing {
            self.patterns.describe(&mut alert.event);
            self.sign(&mut alert.event);
        }
        (firing, count)
    }
}

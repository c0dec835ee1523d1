//! The patterns of a rule with what is usual of them, which decides their state.

use super::answers::{seconds, tenth};
use crate::detect::baseline::Usual;
use crate::engine::{PatternRates, RuleRates};
use crate::fmt::printable;
use crate::serve::api::PatternRate;
use crate::serve::parts::parts;

const HOUR_MS: i64 = 3_600_000;
/// The minutes before the last so many say what is usual, the half of them with the fewest lines: a rise that lasts is none of those.
const LATE_MINUTES: usize = 5;
/// At least this many lines within a minute are more than usual,
const RISEN_LINES_MIN: f64 = 10.0;
/// and this many times the usual,
const RISEN_RATIO: f64 = 3.0;
/// and so many standard deviations of a Poisson process.
const RISEN_DEVIATIONS: f64 = 6.0;

/// The patterns of a rule. `usual` is what is known of the rule.
pub(super) fn of_rule(rates: &RuleRates, usual: Option<Usual>, now_ms: i64) -> Vec<PatternRate> {
    let rule_age_ms = rates.first_ms.map_or(0, |first| now_ms - first);
    let is_learning = matches!(usual, Some(Usual::Learning { .. })) || rule_age_ms < HOUR_MS;
    let of = |rate: &PatternRates| {
        let pattern = rate.pattern.as_ref()?;
        let first_ms = pattern.first_ms.unwrap_or(now_ms);
        let usual = usual_rate(&rate.minutes, now_ms - first_ms);
        let now = rate.now as f64;
        let has_risen = now >= RISEN_LINES_MIN
            && now >= RISEN_RATIO * usual
            && now - usual >= RISEN_DEVIATIONS * usual.max(1.0).sqrt();
        let state = match (is_learning, now_ms - first_ms < HOUR_MS, has_risen) {
            (true, _, _) => "seen",
            (false, true, _) => "new",
            (false, false, true) => "risen",
            (false, false, false) => "usual",
        };
        Some(PatternRate {
            id: pattern.id.to_string(),
            watch: rates.watch.clone(),
            rule: rates.rule.clone(),
            parts: parts(&printable(&pattern.text)),
            state: state.to_owned(),
            ratio: (state == "risen").then(|| tenth(now / usual.max(1.0))),
            usual: if state == "new" { 0.0 } else { tenth(usual) },
            now: rate.now,
            total: pattern.lines,
            first: pattern.first_ms.map(seconds),
            last: pattern.last_ms.map(seconds),
            trend: rate.minutes.clone(),
            sample: pattern.sample.clone(),
        })
    };
    rates.patterns.iter().filter_map(of).collect()
}

/// The usual lines a minute of a pattern that is `age_ms` old.
fn usual_rate(minutes: &[u64], age_ms: i64) -> f64 {
    let known = usize::try_from(age_ms / 60_000).unwrap_or(0).min(minutes.len());
    let from = minutes.len() - known;
    let to = minutes.len().saturating_sub(LATE_MINUTES).max(from);
    let mut before = minutes[from..to].to_vec();
    before.sort_unstable();
    before.truncate(before.len().div_ceil(2));
    let sum: u64 = before.iter().sum();
    if before.is_empty() { 0.0 } else { sum as f64 / before.len() as f64 }
}

/// New patterns first, then those that have risen; of each, those with the most lines now.
pub(super) fn sort(patterns: &mut [PatternRate]) {
    let rank = |pattern: &PatternRate| match pattern.state.as_str() {
        "new" => 0,
        "risen" => 1,
        _ => 2,
    };
    patterns.sort_by(|a, b| {
        let key = |pattern: &PatternRate| (rank(pattern), std::cmp::Reverse((pattern.now, pattern.total)));
        key(a).cmp(&key(b)).then_with(|| a.id.cmp(&b.id))
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rise_does_not_become_usual_while_it_lasts() {
        let mut minutes = vec![6; 60];
        minutes[45..].fill(52);
        assert!((usual_rate(&minutes, HOUR_MS) - 6.0).abs() < 1e-9);
        assert!((usual_rate(&minutes, 10 * HOUR_MS) - 6.0).abs() < 1e-9);
        // A pattern that is two minutes old has no usual rate.
        assert!(usual_rate(&minutes, 120_000).abs() < 1e-9);
    }
}

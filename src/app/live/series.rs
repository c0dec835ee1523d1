//! Rates over an hour, a day or a week: the last hour from the engine, what is older from the store.

use std::path::Path;

use super::answers::{asked, json, now_s, refused, tenth};
use crate::app::endpoint::Endpoint;
use crate::engine::RuleRates;
use crate::fmt::display_path;
use crate::serve::api::{SeriesAlert, SeriesAnswer};
use crate::serve::http::HttpResponse;
use crate::store::history::{History, MinuteRate};

/// The ranges: their name, how many steps, and how many minutes each has.
const RANGES: [(&str, i64, i64); 3] = [("1h", 60, 1), ("24h", 288, 5), ("7d", 336, 30)];
/// So many patterns of a rule are looked through.
const PATTERNS_MAX: usize = 1_000;
/// So many alerts of that time are named.
const ALERTS_MAX: usize = 500;

/// Answers a question such as `range=24h&rule=errors`.
pub(super) fn answer(endpoint: &Endpoint, folder: Option<&Path>, question: &str) -> HttpResponse {
    let range = asked(question, "range").unwrap_or_else(|| "1h".to_owned());
    let Some((_, steps, minutes)) = RANGES.iter().find(|(name, _, _)| *name == range) else {
        return refused("range is one of 1h, 24h and 7d");
    };
    let now_minute = (now_s() / 60.0).floor() as i64;
    let last = now_minute.div_euclid(*minutes) * minutes;
    let first = last - (steps - 1) * minutes;
    let rates = match rates(endpoint, folder, question, first, now_minute) {
        Ok(rates) => rates,
        Err(why) => return refused(&why),
    };
    let mut answer = summed(&rates, first, *steps, *minutes, now_minute);
    answer.alerts = alerts(endpoint, folder, answer.start);
    json(&answer)
}

/// The rates by minute since the minute `first`; minutes without lines may be missing.
fn rates(
    endpoint: &Endpoint,
    folder: Option<&Path>,
    question: &str,
    first: i64,
    now_minute: i64,
) -> Result<Vec<MinuteRate>, String> {
    let (watch, rule) = (asked(question, "watch"), asked(question, "rule"));
    if let Some(pattern) = asked(question, "pattern") {
        return Ok(of_pattern(&endpoint.view.rates(PATTERNS_MAX), &pattern, now_minute));
    }
    let history = folder.map(History::open).transpose()?;
    if let Some(path) = asked(question, "path") {
        let (files, _) = endpoint.view.files();
        let file = files.into_iter().find(|file| display_path(&file.path) == path);
        let file = file.ok_or_else(|| format!("{path} is not watched"))?;
        let recent = file.figures.recent.per_minute(endpoint.view.wall());
        let older =
            history.map(|history| history.rates_at(&file.path, rule.as_deref(), first)).transpose()?;
        return Ok(joined(older.unwrap_or_default(), &recent, now_minute));
    }
    let is_wanted = |rates: &RuleRates| {
        watch.as_ref().is_none_or(|watch| *watch == rates.watch)
            && rule.as_ref().is_none_or(|rule| *rule == rates.rule)
    };
    let mut recent = vec![0; 60];
    for rates in endpoint.view.rates(0).iter().filter(|rates| is_wanted(rates)) {
        recent.iter_mut().zip(&rates.minutes).for_each(|(sum, n)| *sum += n);
    }
    let older = history.map(|history| history.rates(watch.as_deref(), rule.as_deref(), first)).transpose()?;
    Ok(joined(older.unwrap_or_default(), &recent, now_minute))
}

/// What was stored, and of the last hour what the engine has if that is more: it is not all committed yet.
fn joined(mut older: Vec<MinuteRate>, recent: &[u64], now_minute: i64) -> Vec<MinuteRate> {
    for (at, matched) in recent.iter().enumerate() {
        let minute = now_minute - 59 + at as i64;
        match older.binary_search_by_key(&minute, |rate| rate.minute) {
            Ok(known) => older[known].matched = older[known].matched.max(*matched),
            Err(place) if *matched > 0 => {
                older.insert(place, MinuteRate { minute, matched: *matched, usual: None });
            }
            Err(_) => {}
        }
    }
    older
}

fn of_pattern(rules: &[RuleRates], pattern: &str, now_minute: i64) -> Vec<MinuteRate> {
    let all = rules.iter().flat_map(|rule| &rule.patterns);
    let found = all.filter(|rate| rate.pattern.as_ref().is_some_and(|known| known.id.to_string() == pattern));
    let mut recent = vec![0; 60];
    for rate in found {
        recent.iter_mut().zip(&rate.minutes).for_each(|(sum, n)| *sum += n);
    }
    joined(Vec::new(), &recent, now_minute)
}

/// The steps of a range. Between two minutes of which it is known what was usual, it was about the same.
fn summed(rates: &[MinuteRate], first: i64, steps: i64, minutes: i64, now_minute: i64) -> SeriesAnswer {
    let mut answer =
        SeriesAnswer { start: first as f64 * 60.0, step: minutes as u64 * 60, ..SeriesAnswer::default() };
    let begun = rates.first().map_or(i64::MAX, |rate| rate.minute);
    let mut usual = None;
    for step in 0..steps {
        let from = first + step * minutes;
        let to = (from + minutes).min(now_minute + 1);
        let within = &rates[rates.partition_point(|rate| rate.minute < from)
            ..rates.partition_point(|rate| rate.minute < to)];
        let known: Vec<(f64, f64)> = within.iter().filter_map(|rate| rate.usual).collect();
        if !known.is_empty() {
            let mean = |of: fn(&(f64, f64)) -> f64| known.iter().map(of).sum::<f64>() / known.len() as f64;
            usual = Some((tenth(mean(|usual| usual.0)), tenth(mean(|usual| usual.1))));
        }
        let sum: u64 = within.iter().map(|rate| rate.matched).sum();
        let is_known = to > begun;
        answer.mean.push(is_known.then(|| tenth(sum as f64 / (to - from).max(1) as f64)));
        answer.max.push(is_known.then(|| within.iter().map(|rate| rate.matched).max().unwrap_or(0)));
        answer.lo.push(usual.map(|usual| usual.0));
        answer.hi.push(usual.map(|usual| usual.1));
    }
    answer
}

/// The alerts since `start`, those that are over and those that fire.
fn alerts(endpoint: &Endpoint, folder: Option<&Path>, start: f64) -> Vec<SeriesAlert> {
    let history = folder.and_then(|folder| History::open(folder).ok());
    let since_ms = (start * 1e3) as i64;
    let over = history.and_then(|history| history.resolved(since_ms, ALERTS_MAX).ok()).unwrap_or_default();
    let over = over.iter().map(crate::app::shown::past).map(|past| SeriesAlert {
        from: past.from,
        to: past.to,
        severity: past.severity,
        name: past.name,
    });
    let now = super::alerts::now(&endpoint.view, &endpoint.notifications, &[], Vec::new());
    let firing = now.alerts.into_iter().map(|alert| SeriesAlert {
        from: alert.since,
        to: now_s(),
        severity: alert.severity,
        name: alert.name,
    });
    over.chain(firing).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_hold_means_and_highest_minutes_and_go_on_with_what_was_usual() {
        let rate = |minute, matched, usual| MinuteRate { minute, matched, usual };
        let stored =
            vec![rate(101, 5, Some((1.0, 9.0))), rate(103, 9, None), rate(108, 3, Some((3.0, 11.0)))];
        let mut recent = [0; 60];
        recent[58] = 4;
        recent[59] = 2;
        let all = joined(stored, &recent, 109);
        let answer = summed(&all, 95, 3, 5, 109);
        assert_eq!((answer.start, answer.step), (5_700.0, 300));
        assert_eq!(answer.mean, [None, Some(2.8), Some(1.2)]);
        assert_eq!(answer.max, [None, Some(9), Some(4)]);
        assert_eq!(answer.lo, [None, Some(1.0), Some(3.0)]);
        assert_eq!(answer.hi, [None, Some(9.0), Some(11.0)]);
    }
}

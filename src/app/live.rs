//! What people see who look on: the snapshot of `/api/v1/status`, and its changes as they come. Everything is taken from what the
//! engine reports, and only while someone looks on.

mod alerts;
mod answers;
mod files;
mod lines;
mod patterns;
mod series;
mod silences;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Zoned;
use tokio::time::Instant;

use super::endpoint::Endpoint;
use super::shown;
use crate::detect::baseline::Usual as KnownUsual;
use crate::engine::RuleRates;
use crate::serve::api::{
    AlertsNow, Change, Learning, NewLines, PastAlert, PatternRate, PatternTick, PatternsNow, RuleRate,
    Snapshot, Tick, VERSION,
};
use crate::serve::http::HttpResponse;
use crate::serve::stream::EventHub;
use crate::store::history::History;
use crate::watch::spec::WatchSpec;

use answers::{band, json, now_s, seconds};
use files::FilesSeen;

/// How often changes are looked for.
const INTERVAL: Duration = Duration::from_millis(500);
/// Alerts that fire one after the other are gathered for so long.
const ALERTS_GAP: Duration = Duration::from_millis(100);
/// Rates and files are looked at each time that so many intervals have passed.
const TICK_INTERVALS: u64 = 2;
/// Of each rule at most so many patterns are shown.
const PATTERNS_MAX: usize = 100;
/// So many lines are sent at once.
const LINES_MAX: usize = 20;
/// What the history says is asked for no more often than this, in seconds.
const HISTORY_INTERVAL_S: f64 = 10.0;
/// So many alerts that are over are shown.
const PAST_MAX: usize = 10;

/// See the [module](self).
pub(super) struct Live {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) hub: Arc<EventHub>,
    pub(super) state_folder: Option<PathBuf>,
    /// What each watch finds; a reload changes it.
    pub(super) finds: Arc<Mutex<Vec<WatchSpec>>>,
    seen: Mutex<Seen>,
}

/// A watch, a rule of it, and the id of a pattern.
type PatternKey = (String, String, String);

/// What was sent last, so that only changes are sent.
#[derive(Default)]
struct Seen {
    /// How many intervals have passed.
    intervals: u64,
    minute: Option<i64>,
    alerts: Option<AlertsNow>,
    patterns: HashMap<PatternKey, (String, PatternTick)>,
    files: FilesSeen,
    line: u64,
    matched: u64,
    history: Option<HistorySeen>,
}

#[derive(Clone, Default)]
struct HistorySeen {
    at: f64,
    today: HashMap<(String, String), u64>,
    past: Vec<PastAlert>,
}

/// What changes are looked for of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    AtAll,
    AtAlerts,
}

/// A rule with its patterns, and how many there are beside them.
type RuleLooked = (RuleRate, Vec<PatternRate>, u64);

impl Live {
    pub(super) fn new(
        endpoint: Arc<Endpoint>,
        state_folder: Option<PathBuf>,
        finds: Arc<Mutex<Vec<WatchSpec>>>,
    ) -> Live {
        // Microseconds: a process that starts later begins with a greater number, whatever the other sent.
        let first = endpoint.started.as_microsecond().max(0).unsigned_abs();
        let hub = Arc::new(EventHub::new(first));
        let urgent = Arc::clone(&hub);
        endpoint.view.on_alert(move || urgent.urgent.notify_one());
        Live { endpoint, hub, state_folder, finds, seen: Mutex::default() }
    }

    /// What `/api/v1/status` answers.
    pub(super) fn status_page(&self) -> HttpResponse {
        json(&self.snapshot())
    }

    /// What `/api/v1/series` answers.
    pub(super) fn series_page(&self, question: &str) -> HttpResponse {
        series::answer(&self.endpoint, self.state_folder.as_deref(), question)
    }

    /// What `/api/v1/files` answers.
    pub(super) fn files_page(&self, question: &str) -> HttpResponse {
        files::answer(&self.endpoint, question)
    }

    /// Sends changes for as long as someone looks on, for ever.
    pub(super) async fn follow(self: Arc<Self>) {
        loop {
            self.hub.until_wanted().await;
            let mut next = Instant::now();
            while self.hub.is_wanted() {
                // An alert is sent when it fires, not when its turn comes.
                let look = tokio::select! {
                    () = tokio::time::sleep_until(next) => Look::AtAll,
                    () = self.hub.urgent.notified() => Look::AtAlerts,
                };
                let live = Arc::clone(&self);
                // Gathering figures waits for locks.
                let _ = tokio::task::spawn_blocking(move || live.look(look)).await;
                match look {
                    Look::AtAll => next = Instant::now() + INTERVAL,
                    Look::AtAlerts => tokio::time::sleep(ALERTS_GAP).await,
                }
            }
            *self.seen() = Seen::default();
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How everything stands. It is made under the lock of the changes, so that it holds all of them up to its number.
    pub(super) fn snapshot(&self) -> Snapshot {
        let mut seen = self.seen();
        let seq = self.hub.ask();
        let now = now_s();
        let history = self.history(&mut seen, now);
        let (rules, learning) = self.rules(&history);
        let (mut patterns, patterns_more) = (Vec::new(), rules.iter().map(|(_, _, more)| more).sum());
        let rates: Vec<RuleRate> = rules
            .into_iter()
            .map(|(rate, of_rule, _)| {
                patterns.extend(of_rule);
                rate
            })
            .collect();
        patterns::sort(&mut patterns);
        // Whoever has the snapshot has these; of any other it is to be notified.
        for (key, known) in patterns.iter().map(noted) {
            seen.patterns.entry(key).or_insert(known);
        }
        let view = &self.endpoint.view;
        let alerts = alerts::now(view, &self.endpoint.notifications, &patterns, history.past);
        let mut looked = files::look(&self.endpoint, &mut seen.files, now);
        looked.agent.learning = learning;
        files::set_health(&mut looked.agent);
        let (lines, _, _) = view.lines_after(0);
        let finds = self.finds.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Snapshot {
            v: VERSION,
            seq,
            now,
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: seconds(self.endpoint.started.as_millisecond()),
            agent: looked.agent,
            rules: rates,
            alerts: alerts.alerts,
            alerts_more: alerts.alerts_more,
            groups: alerts.groups,
            patterns,
            patterns_more,
            waiting_for: files::waiting_for(&finds, &looked.watches),
            files: looked.files,
            files_more: looked.files_more,
            history: alerts.history,
            silences: alerts.silences,
            silenced: alerts.silenced,
            silenced_more: alerts.silenced_more,
            lines: lines.iter().map(lines::line).collect(),
        }
    }

    /// Looks for changes, and sends them.
    fn look(&self, look: Look) {
        let mut seen = self.seen();
        let now = now_s();
        self.send_lines(&mut seen);
        let history = self.history(&mut seen, now);
        let (mut patterns, mut rates) = (Vec::new(), Vec::new());
        let (rules, learning) = self.rules(&history);
        let mut patterns_more = 0;
        for (rate, of_rule, more) in rules {
            rates.push(rate);
            patterns_more += more;
            patterns.extend(of_rule);
        }
        self.send_alerts(&mut seen, &patterns, history.past);
        if look == Look::AtAlerts {
            return;
        }
        seen.intervals += 1;
        let is_tick = seen.intervals.is_multiple_of(TICK_INTERVALS);
        let is_new_minute =
            seen.minute.replace(minute_of(now)).is_some_and(|before| before != minute_of(now));
        if is_new_minute {
            patterns::sort(&mut patterns);
            let now = PatternsNow { patterns: patterns.clone(), patterns_more };
            self.hub.publish(&Change::Patterns(now));
        }
        let patterns = self.send_patterns(&mut seen, patterns);
        if is_tick {
            let before = seen.files.clone_shown();
            let mut looked = files::look(&self.endpoint, &mut seen.files, now);
            looked.agent.learning = learning;
            files::set_health(&mut looked.agent);
            let files =
                looked.files.into_iter().filter(|file| before.get(&file.path) != Some(file)).collect();
            self.hub.publish(&Change::Tick(Tick { now, agent: looked.agent, rules: rates, patterns, files }));
        }
    }

    fn send_alerts(&self, seen: &mut Seen, patterns: &[PatternRate], past: Vec<PastAlert>) {
        let Endpoint { view, notifications, .. } = &*self.endpoint;
        let alerts = alerts::now(view, notifications, patterns, past);
        if seen.alerts.as_ref() != Some(&alerts) {
            // What is over has to be read again once an alert is gone.
            let firing = |alerts: &AlertsNow| alerts.alerts.len() as u64 + alerts.alerts_more;
            if seen.alerts.as_ref().is_some_and(|before| firing(before) > firing(&alerts)) {
                seen.history = None;
            }
            self.hub.publish(&Change::Alerts(alerts.clone()));
            seen.alerts = Some(alerts);
        }
    }

    fn send_lines(&self, seen: &mut Seen) {
        let (new, kept, matched) = self.endpoint.view.lines_after(seen.line);
        let is_first = seen.line == 0 && seen.matched == 0;
        let matched_since = matched.saturating_sub(seen.matched);
        (seen.line, seen.matched) = (kept, matched);
        if new.is_empty() || is_first && matched_since == 0 {
            return;
        }
        let new = lines::chosen(new, LINES_MAX);
        let skipped = matched_since.saturating_sub(new.len() as u64);
        self.hub.publish(&Change::Lines(NewLines { lines: new.iter().map(lines::line).collect(), skipped }));
    }

    /// Sends patterns that are new or have another state. Returns the rates of the others that changed.
    fn send_patterns(&self, seen: &mut Seen, patterns: Vec<PatternRate>) -> Vec<PatternTick> {
        let mut changed = Vec::new();
        let mut shown = HashMap::with_capacity(patterns.len());
        for pattern in patterns {
            let (key, (state, tick)) = noted(&pattern);
            match seen.patterns.get(&key) {
                Some((known, _)) if *known != state => self.hub.publish(&Change::Pattern(pattern)),
                Some((_, known)) if *known != tick => changed.push(tick.clone()),
                None => self.hub.publish(&Change::Pattern(pattern)),
                _ => {}
            }
            shown.insert(key, (state, tick));
        }
        // Between two ticks a change is not forgotten.
        if !seen.intervals.is_multiple_of(TICK_INTERVALS) {
            for (key, value) in shown {
                if let Some(known) = seen.patterns.get_mut(&key) {
                    known.0 = value.0;
                } else {
                    seen.patterns.insert(key, value);
                }
            }
            return Vec::new();
        }
        seen.patterns = shown;
        changed
    }

    /// Each rule with its patterns and how many there are beside them, and how far learning has come if no rule knows what is usual.
    fn rules(&self, history: &HistorySeen) -> (Vec<RuleLooked>, Option<Learning>) {
        let view = &self.endpoint.view;
        let (known, now_ms) = (view.usual(), view.wall().0);
        let learning = |usual: &KnownUsual| match usual {
            KnownUsual::Learning { seen_ms, learn_ms } => Some((*seen_ms, *learn_ms)),
            KnownUsual::Band(_) => None,
        };
        let all: Option<Vec<(i64, i64)>> = known.iter().map(|rule| learning(&rule.usual)).collect();
        let longest =
            all.and_then(|all| all.into_iter().max_by_key(|(seen_ms, learn_ms)| learn_ms - seen_ms));
        let learning = longest.map(|(seen_ms, learn_ms)| Learning {
            since: seconds(now_ms - seen_ms),
            until: seconds(now_ms - seen_ms + learn_ms),
        });
        let of_rule = |rates: RuleRates| {
            let usual = known.iter().find(|known| known.watch == rates.watch && known.rule == rates.rule);
            let usual = usual.map(|known| known.usual);
            let today = history.today.get(&(rates.watch.clone(), rates.rule.clone()));
            let patterns = patterns::of_rule(&rates, usual, now_ms);
            let other =
                rates.patterns.iter().filter(|rate| rate.pattern.is_none()).map(|rate| rate.now).sum();
            let rate = RuleRate {
                per_min: rates.now,
                usual: usual.and_then(band),
                today: self.state_folder.as_ref().map(|_| today.copied().unwrap_or_default()),
                other,
                trend: rates.minutes,
                rule: rates.rule,
                watch: rates.watch,
            };
            (rate, patterns, rates.patterns_more as u64)
        };
        (view.rates(PATTERNS_MAX).into_iter().map(of_rule).collect(), learning)
    }

    /// What the store has kept; asked for now and then.
    fn history(&self, seen: &mut Seen, now: f64) -> HistorySeen {
        if let Some(known) = seen.history.as_ref().filter(|known| now - known.at < HISTORY_INTERVAL_S) {
            return known.clone();
        }
        let read = |folder: &PathBuf| -> Result<HistorySeen, String> {
            let history = History::open(folder)?;
            let midnight = Zoned::now().start_of_day().map_or(0, |day| day.timestamp().as_second());
            let sums = history.sums(midnight.div_euclid(60))?;
            let past = history.resolved(0, PAST_MAX)?;
            Ok(HistorySeen {
                at: now,
                today: sums.into_iter().map(|(watch, rule, sum)| ((watch, rule), sum)).collect(),
                past: past.iter().map(shown::past).collect(),
            })
        };
        let known = self.state_folder.as_ref().and_then(|folder| read(folder).ok());
        let known = known.unwrap_or_else(|| HistorySeen { at: now, ..HistorySeen::default() });
        seen.history = Some(known.clone());
        known
    }
}

/// What is kept of a pattern that was sent: by its watch, rule and id, its state and its rate.
fn noted(pattern: &PatternRate) -> (PatternKey, (String, PatternTick)) {
    let PatternRate { id, watch, rule, now, total, last, state, .. } = pattern;
    let (id, watch, rule) = (id.clone(), watch.clone(), rule.clone());
    let key = (watch.clone(), rule.clone(), id.clone());
    (key, (state.clone(), PatternTick { id, watch, rule, now: *now, total: *total, last: *last }))
}

fn minute_of(at: f64) -> i64 {
    (at / 60.0).floor() as i64
}

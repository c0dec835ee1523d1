//! The alerts that fire, one by one and in groups.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::answers::{band, seconds, tenth};
use super::silences::{Silenced, fingerprint_of};
use crate::alert::manager::{AlertStatus, FiringAlert as Firing};
use crate::app::shown::{self, place_of, time};
use crate::engine::report::Reporter;
use crate::event::Severity;
use crate::fmt::{display_path, printable};
use crate::notify::queue::NotificationQueue;
use crate::serve::api::{
    AlertGroup, AlertPart, AlertsNow, FiringAlert, GroupMember, Notified, PastAlert, PatternRate, Place,
    Usual,
};

/// So many alerts are shown with all their numbers.
const ALERTS_MAX: usize = 20;
/// So many say what a group has in common.
const LOOKED_AT_MAX: usize = 100;
/// So many members of a group are shown.
const MEMBERS_MAX: usize = 100;
/// So many alerts are looked at in place of those that are silenced.
const SILENCED_MAX: usize = 1_000;

/// The alerts that fire now. `patterns` are those that are shown.
pub(super) fn now(
    view: &Reporter,
    notifications: &NotificationQueue,
    patterns: &[PatternRate],
    history: Vec<PastAlert>,
) -> AlertsNow {
    let statuses = view.alerts();
    let (free, silenced) = Silenced::split(statuses, notifications);
    let (firing, count) = view.firing(LOOKED_AT_MAX + silenced.count().min(SILENCED_MAX));
    let firing = firing.iter().filter(|alert| !silenced.has(&alert.event.fingerprint)).take(LOOKED_AT_MAX);
    let mut alerts: Vec<FiringAlert> = firing.map(|alert| of_firing(alert, patterns)).collect();
    let groups = if count == 0 { Vec::new() } else { groups(&free, &alerts) };
    alerts.truncate(ALERTS_MAX);
    for alert in &mut alerts {
        alert.notified = notified(notifications.notified(&alert.fingerprint));
    }
    let alerts_more = count.saturating_sub(silenced.count()).saturating_sub(alerts.len()) as u64;
    let silences = silenced.silences(notifications.silences_in_force());
    let (silenced, silenced_more) = silenced.shown();
    AlertsNow { alerts_more, alerts, groups, history, silences, silenced, silenced_more }
}

fn notified(outputs: Vec<(String, Option<Timestamp>)>) -> Vec<Notified> {
    let of = |(output, at): (String, Option<Timestamp>)| Notified {
        output,
        at: at.map(|at| seconds(at.as_millisecond())),
    };
    outputs.into_iter().map(of).collect()
}

fn of_firing(firing: &Firing, patterns: &[PatternRate]) -> FiringAlert {
    let event = &firing.event;
    let per_window = |usual: Usual| {
        let windows = event.window_s / 60.0;
        Usual { lo: usual.lo * windows, mid: tenth(usual.mid * windows), hi: usual.hi * windows }
    };
    let expected = firing.usual.and_then(band).map(per_window);
    let places: Vec<Place> = event.top_paths.iter().map(|at| place(&at.path, at.count)).collect();
    let here: u64 = places.iter().map(|place| place.count).sum();
    FiringAlert {
        fingerprint: event.fingerprint.clone(),
        name: event.alert.clone(),
        severity: event.severity.as_str().to_owned(),
        state: event.state.as_str().to_owned(),
        watch: event.watch.clone(),
        rule: event.rule.clone(),
        path: event.path.as_deref().map(display_path),
        pattern: event.pattern.clone(),
        condition: event.condition.clone(),
        why: printable(&event.why).into_owned(),
        since: time(&event.since),
        count: event.count,
        window_s: event.window_s,
        threshold: event.threshold,
        ratio: event.expected.map(|usual| tenth(event.count as f64 / usual.max(1.0))),
        expected,
        peak: firing.peak.max(event.count),
        total: firing.total,
        patterns: event.patterns.iter().map(|part| shown::part(part, patterns)).collect(),
        elsewhere: event.count.saturating_sub(here),
        places,
        samples: event.samples.iter().rev().cloned().collect(),
        notified: Vec::new(),
    }
}

fn place(path: &str, count: u64) -> Place {
    let (kind, name) = place_of(path);
    Place { kind: kind.to_owned(), name, path: path.to_owned(), count }
}

/// The alerts that fire by name and watch, the worst first.
fn groups(statuses: &[AlertStatus], alerts: &[FiringAlert]) -> Vec<AlertGroup> {
    let mut groups: BTreeMap<(&str, &str), Vec<&AlertStatus>> = BTreeMap::new();
    for status in statuses.iter().filter(|status| status.state == "firing") {
        groups.entry((&status.alert, &status.watch)).or_default().push(status);
    }
    let group = |((name, watch), mut members): ((&str, &str), Vec<&AlertStatus>)| {
        members.sort_by_key(|member| (std::cmp::Reverse(member.count), member.since));
        let since = |member: &AlertStatus| member.since.map_or(0.0, |since| seconds(since.0));
        let severity = members.iter().map(|member| member.severity).max().unwrap_or(Severity::Info);
        let of_group = || alerts.iter().filter(|alert| alert.name == name && alert.watch == watch);
        let looked_at: u64 = of_group().map(|alert| alert.count).sum();
        let count: u64 = members.iter().map(|member| member.count).sum();
        let by = match members.first() {
            Some(AlertStatus { pattern: Some(_), .. }) => "pattern",
            Some(AlertStatus { path: Some(_), .. }) => "path",
            _ => "watch",
        };
        AlertGroup {
            name: name.to_owned(),
            severity: severity.as_str().to_owned(),
            watch: watch.to_owned(),
            by: by.to_owned(),
            alerts: members.len() as u64,
            first: members.iter().map(|member| since(member)).fold(f64::INFINITY, f64::min),
            last: members.iter().map(|member| since(member)).fold(0.0, f64::max),
            count,
            // Of those that were not looked at it is taken to be the same.
            pattern: in_common(of_group()).map(|part| AlertPart {
                now: (part.now as f64 * count as f64 / looked_at.max(1) as f64).round() as u64,
                ..part
            }),
            members: members.iter().take(MEMBERS_MAX).map(|of| member(of, since(of))).collect(),
        }
    };
    let mut groups: Vec<AlertGroup> = groups.into_iter().map(group).collect();
    let rank = |group: &AlertGroup| match group.severity.as_str() {
        "critical" => 0,
        "warning" => 1,
        _ => 2,
    };
    groups.sort_by_key(|group| (rank(group), std::cmp::Reverse(group.count)));
    groups
}

fn member(status: &AlertStatus, since: f64) -> GroupMember {
    let shown = status.path.as_deref().map(display_path);
    let named = shown.as_deref().map(|path| place_of(path).1);
    GroupMember {
        fingerprint: fingerprint_of(status),
        name: named.or_else(|| status.pattern.map(|pattern| pattern.to_string())).unwrap_or_default(),
        path: shown,
        count: status.count,
        since,
    }
}

/// The pattern that has most of what is more than usual in all of `alerts` together, with its share of that.
fn in_common<'a>(alerts: impl Iterator<Item = &'a FiringAlert>) -> Option<AlertPart> {
    let mut parts: Vec<AlertPart> = Vec::new();
    for part in alerts.flat_map(|alert| &alert.patterns) {
        match parts.iter_mut().find(|known| known.id == part.id) {
            Some(known) => {
                known.now += part.now;
                known.usual += part.usual;
            }
            None => parts.push(part.clone()),
        }
    }
    let excess = |part: &AlertPart| (part.now as f64 - part.usual).max(0.0);
    let total: f64 = parts.iter().map(excess).sum();
    let most = parts.into_iter().max_by(|a, b| excess(a).total_cmp(&excess(b)))?;
    let share = if total > 0.0 { excess(&most) / total } else { 0.0 };
    Some(AlertPart { share, ..most })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_alerts_have_in_common_is_what_has_most_of_their_excess() {
        let part = |id: &str, usual, now| AlertPart { id: id.to_owned(), usual, now, ..AlertPart::default() };
        let alert = |patterns| FiringAlert { patterns, ..FiringAlert::default() };
        let alerts = [alert(vec![part("a", 0.0, 60), part("b", 9.0, 10)]), alert(vec![part("a", 0.0, 39)])];
        let most = in_common(alerts.iter()).unwrap();
        assert_eq!((most.id.as_str(), most.now, most.share), ("a", 99, 0.99));
        assert_eq!(in_common([].iter()), None);
    }
}

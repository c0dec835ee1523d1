//! What a message says: labels, annotations and texts of its alerts, in the form of Alertmanager's webhooks (version 4).

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use crate::event::{AlertEvent, AlertState};
use crate::fmt::{counted, display_path, printable};
use crate::notify::group::{EarlierFirings, NotificationGroup};
use crate::store::TransitionRecord;

/// An alert, as Alertmanager shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WebhookAlert {
    pub(super) status: AlertState,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) starts_at: String,
    pub(super) ends_at: String,
    #[serde(rename = "generatorURL")]
    pub(super) generator_url: String,
    pub(super) fingerprint: String,
}

/// A message, as Alertmanager's webhooks have it, with a title and a text of our own.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Notification {
    pub(super) version: &'static str,
    pub(super) group_key: String,
    pub(super) truncated_alerts: usize,
    pub(super) status: AlertState,
    pub(super) receiver: String,
    pub(super) group_labels: BTreeMap<String, String>,
    pub(super) common_labels: BTreeMap<String, String>,
    pub(super) common_annotations: BTreeMap<String, String>,
    #[serde(rename = "externalURL")]
    pub(super) external_url: String,
    pub(super) alerts: Vec<WebhookAlert>,
    /// One line.
    pub(super) title: String,
    /// A few lines.
    pub(super) text: String,
    /// Other alerts of the group that fire.
    #[serde(skip)]
    pub(super) still_firing: Vec<WebhookAlert>,
}

/// Where messages come from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MessageOrigin {
    /// What this machine is called.
    pub host: String,
    /// Labels of all that comes from it.
    pub labels: BTreeMap<String, String>,
    /// Where the daemon can be reached, or nothing.
    pub url: String,
}

impl MessageOrigin {
    /// Where an alert is shown, or nothing.
    fn link(&self, fingerprint: &str) -> String {
        if self.url.is_empty() { String::new() } else { format!("{}/alert/{fingerprint}", self.url) }
    }
}

/// What Alertmanager and its like take for "not yet".
const NEVER: &str = "0001-01-01T00:00:00Z";
/// Of alerts that fire still, so many are named in a message about others.
const STILL_NAMED_MAX: usize = 3;
/// How many alerts a text lists.
const LISTED_MAX: usize = 10;
/// How many a digest lists.
const DIGEST_LISTED_MAX: usize = 100;

impl WebhookAlert {
    /// The alert of an `event` that happened at `origin`.
    pub(super) fn new(
        event: &AlertEvent,
        origin: &MessageOrigin,
        more_labels: &BTreeMap<String, String>,
    ) -> WebhookAlert {
        let mut labels = more_labels.clone();
        labels.extend(event.labels.clone());
        let path = event.path.as_deref().map(display_path);
        let own = [
            ("alertname", Some(event.alert.clone())),
            ("severity", Some(event.severity.to_string())),
            ("watch", Some(event.watch.clone())),
            ("rule", Some(event.rule.clone())),
            ("path", path),
            ("pattern", event.pattern.clone()),
            ("instance", Some(origin.host.clone())),
        ];
        labels.extend(own.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        let listed = |lines: Vec<String>| (!lines.is_empty()).then(|| lines.join("\n"));
        let shown = |line: &str| printable(line).into_owned();
        let samples = listed(event.telling_samples().into_iter().map(shown).collect());
        let breakdown = listed(event.breakdown().iter().map(|line| shown(line)).collect());
        let late = event.late.then(|| "the lines were read long after they were written".to_owned());
        let annotations = [
            ("summary", Some(summary(event, &origin.host))),
            ("why", Some(event.why.clone())),
            ("count", Some(event.count.to_string())),
            ("samples", samples),
            ("patterns", breakdown),
            ("total", event.total.map(|total| total.to_string())),
            ("peak", event.peak.map(|peak| peak.to_string())),
            ("duration", event.duration_s.map(|seconds| format!("{seconds}s"))),
            ("late", late),
            ("runbook_url", event.runbook.clone()),
        ];
        let own = annotations.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        WebhookAlert {
            status: event.state,
            labels,
            annotations: event.annotations.clone().into_iter().chain(own).collect(),
            // An Alertmanager rejects what ends before it starts for good, and a clock may be set back.
            starts_at: no_later(&event.since, &event.at),
            ends_at: if event.is_firing() { NEVER.to_owned() } else { event.at.clone() },
            generator_url: origin.link(&event.fingerprint),
            fingerprint: event.fingerprint.clone(),
        }
    }
}

/// `time`, but no later than `other`.
fn no_later(time: &str, other: &str) -> String {
    let parsed = |text: &str| text.parse::<Timestamp>().ok();
    let is_later = parsed(time).zip(parsed(other)).is_some_and(|(time, other)| time > other);
    if is_later { other.to_owned() } else { time.to_owned() }
}

/// `from 2026-11-26 10:00:00 to 10:01:30 UTC`.
fn span(event: &AlertEvent) -> String {
    let shown = |time: &str| {
        let time = time.parse::<Timestamp>().unwrap_or_default();
        (time.strftime("%Y-%m-%d").to_string(), time.strftime("%H:%M:%S").to_string())
    };
    let ((from_day, from), (to_day, to)) = (shown(&no_later(&event.since, &event.at)), shown(&event.at));
    let to_day = if to_day == from_day { String::new() } else { format!("{to_day} ") };
    format!("from {from_day} {from} to {to_day}{to} UTC")
}

impl WebhookAlert {
    /// Says what an alert did that is over, and of which no message said that it fired.
    fn tell_beginning(&mut self, fired: &AlertEvent, ended: &AlertEvent, host: &str) {
        let notified = WebhookAlert::new(
            fired,
            &MessageOrigin { host: host.to_owned(), ..MessageOrigin::default() },
            &BTreeMap::new(),
        );
        for name in ["why", "count", "samples", "patterns"] {
            let annotation = notified.annotations.get(name).map(|text| (name.to_owned(), text.clone()));
            self.annotations.extend(annotation);
        }
        let total = ended.total.filter(|total| *total > fired.count);
        let total = total.map_or_else(String::new, |total| format!(", {total} in all"));
        let summary = format!("{}; it is over, {}{total}", summary(fired, host), span(ended));
        self.annotations.insert("summary".to_owned(), summary);
    }

    /// Says that it fired before as well, which no message says.
    fn tell_earlier(&mut self, earlier: &EarlierFirings) {
        let times = if earlier.count == 1 { "once".to_owned() } else { format!("{} times", earlier.count) };
        if let Some(summary) = self.annotations.get_mut("summary") {
            *summary = format!("{summary}; it had fired {times} since {}", earlier.since);
        }
    }
}

/// One line about an alert: `error-spike on web1: 57 errors in 60s in watch app (threshold 50)`.
fn summary(event: &AlertEvent, host: &str) -> String {
    let AlertEvent { rule, count, window_s, why, .. } = event;
    let alert = if host.is_empty() { event.alert.clone() } else { format!("{} on {host}", event.alert) };
    let place = event.path.as_deref().map_or_else(|| format!("watch {}", event.watch), display_path);
    if !event.is_firing() {
        let total = match (event.total, event.peak) {
            (Some(total), Some(peak)) if total > 0 && *window_s > 0.0 => {
                format!(", {total} in all, at most {peak} in {window_s}s")
            }
            _ => String::new(),
        };
        return format!("{alert} is over: {rule} in {place}{total}");
    }
    match event.condition.as_str() {
        "silence" => format!("{alert}: no {rule} for {window_s}s in {place}"),
        "new" => format!("{alert}: {} in {place} ({why})", counted(*count, rule)),
        _ => format!("{alert}: {} in {window_s}s in {place} ({why})", counted(*count, rule)),
    }
}

impl Notification {
    /// The message about a group to `receiver`.
    pub(super) fn new(
        group: &NotificationGroup,
        receiver: &str,
        origin: &MessageOrigin,
        more_labels: &BTreeMap<String, String>,
    ) -> Notification {
        let all = alerts(group, origin, more_labels);
        let still_firing = group.still_firing.iter();
        let still_firing: Vec<WebhookAlert> =
            still_firing.map(|still| WebhookAlert::new(&still.event, origin, more_labels)).collect();
        // As with an Alertmanager: a group is over when nothing of it fires.
        let changed = all.iter().filter(|alert| alert.status == AlertState::Firing).count();
        let firing = changed + group.still_firing_count;
        let status = if firing > 0 { AlertState::Firing } else { AlertState::Resolved };
        let mut group_labels = BTreeMap::from(
            [("alertname", &group.alert), ("instance", &origin.host), ("watch", &group.watch)]
                .map(|(name, value)| (name.to_owned(), value.clone())),
        );
        group_labels.retain(|name, _| name == "instance" || !group.is_digest());
        let listed_max = if group.is_digest() { DIGEST_LISTED_MAX } else { LISTED_MAX };
        let title = title(group, &all, firing, &origin.host);
        let mut lines = Vec::new();
        if all.len() > listed_max {
            // First, so that no receiver that cuts a long text cuts this.
            let more = all.len() - listed_max;
            let host = &origin.host;
            let where_else = match status {
                AlertState::Firing => format!("; `spiketail status` on {host} lists those that fire"),
                AlertState::Resolved => String::new(),
            };
            lines.push(format!("the first {listed_max} alerts, and {more} more{where_else}:"));
        }
        if changed == 0 && firing > 0 {
            lines.push(still_firing_line(&still_firing, firing));
        }
        for alert in all.iter().take(listed_max) {
            if all.len() > 1 {
                lines.push(alert.annotations["summary"].clone());
            }
            lines.extend(alert.annotations.get("patterns").cloned());
            if all.len() == 1 {
                lines.extend(alert.annotations.get("samples").cloned());
            }
            if group.is_digest() {
                let runbook =
                    alert.annotations.get("runbook_url").filter(|_| alert.status == AlertState::Firing);
                lines.extend(runbook.map(|runbook| format!("runbook: {runbook}")));
            }
        }
        // They are the same for all alerts of one name.
        if status == AlertState::Firing
            && !group.is_digest()
            && let Some(event) = group.transitions.first().map(|first| &first.event)
        {
            lines.extend(event.annotations.iter().map(|(name, text)| format!("{name}: {text}")));
            lines.extend(event.runbook.iter().map(|runbook| format!("runbook: {runbook}")));
        }
        // The page shows all of a group at once.
        let link = match &all[..] {
            [one] => one.generator_url.clone(),
            _ => origin.url.clone(),
        };
        lines.extend((!link.is_empty()).then_some(link));
        Notification {
            version: "4",
            group_key: group_key(&group_labels),
            truncated_alerts: group.following,
            status,
            receiver: receiver.to_owned(),
            group_labels,
            common_labels: common(&all, |alert| &alert.labels),
            common_annotations: common(&all, |alert| &alert.annotations),
            external_url: origin.url.clone(),
            title,
            text: lines.join("\n"),
            alerts: all,
            still_firing,
        }
    }

    /// The same message with the alerts of the group that fire still, as an Alertmanager sends it.
    pub(super) fn with_still_firing(&self) -> Notification {
        let mut whole = self.clone();
        whole.alerts.append(&mut whole.still_firing);
        whole.common_labels = common(&whole.alerts, |alert| &alert.labels);
        whole.common_annotations = common(&whole.alerts, |alert| &alert.annotations);
        whole
    }
}

/// The alerts that a message is about.
fn alerts(
    group: &NotificationGroup,
    origin: &MessageOrigin,
    more_labels: &BTreeMap<String, String>,
) -> Vec<WebhookAlert> {
    let alert = |transition: &Arc<TransitionRecord>| {
        let event = &transition.event;
        let mut alert = WebhookAlert::new(event, origin, more_labels);
        if let Some(fired) = group.untold.get(&event.fingerprint) {
            alert.tell_beginning(&fired.event, event, &origin.host);
        }
        if let Some(earlier) = group.earlier.get(&event.fingerprint) {
            alert.tell_earlier(earlier);
        }
        alert
    };
    group.transitions.iter().map(alert).collect()
}

/// What all of `alerts` have in common.
fn common(
    alerts: &[WebhookAlert],
    of: fn(&WebhookAlert) -> &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut common = alerts.first().map(of).cloned().unwrap_or_default();
    common.retain(|key, value| alerts.iter().all(|alert| of(alert).get(key) == Some(value)));
    common
}

/// One line about `alerts`, of which, with the others of the group, so many are `firing`.
fn title(group: &NotificationGroup, alerts: &[WebhookAlert], firing: usize, host: &str) -> String {
    let state = if firing > 0 { "FIRING" } else { "RESOLVED" };
    // A digest has alerts of any severity.
    let severity = common(alerts, |alert| &alert.labels).remove("severity");
    let state = format!("[{state}] {}", severity.map(|severity| severity + " ").unwrap_or_default());
    match alerts {
        [one] if (one.status == AlertState::Firing) == (firing > 0) => {
            format!("{state}{}", one.annotations["summary"])
        }
        [one] => format!("{state}{firing} others still fire; {}", one.annotations["summary"]),
        _ => {
            let resolved = alerts.iter().filter(|alert| alert.status != AlertState::Firing).count();
            let following = match group.following {
                0 => String::new(),
                more => format!("; {more} more follow"),
            };
            let name = if group.is_digest() { "digest" } else { group.alert.as_str() };
            format!("{state}{name}: {firing} firing, {resolved} resolved on {host}{following}")
        }
    }
}

/// Which alerts of a group fire still, `count` in all, where a message is about the end of others.
fn still_firing_line(alerts: &[WebhookAlert], count: usize) -> String {
    let name = |alert: &WebhookAlert| {
        let named = ["path", "pattern", "watch"].iter().find_map(|label| alert.labels.get(*label));
        named.cloned().unwrap_or_default()
    };
    let named: Vec<String> = alerts.iter().take(STILL_NAMED_MAX).map(name).collect();
    let more = match count - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("still firing: {}{more}", named.join(", "))
}

/// The key of a group, as an Alertmanager writes it: its route and its labels. It has the host, so that no host ends what another began.
fn group_key(labels: &BTreeMap<String, String>) -> String {
    let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{{}}:{{{}}}", labels.join(", "))
}

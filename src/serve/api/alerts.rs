//! Alerts in the contract: those that fire, one by one and in groups, and those that are over.

use serde::{Deserialize, Serialize};

use super::rates::Usual;

/// How much of an alert belongs to one pattern.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AlertPart {
    /// Id of the pattern; `other` for lines of patterns that are not kept.
    pub id: String,
    /// The text, with nothing where it varies.
    pub parts: Vec<Option<String>>,
    /// `new`, `risen` or `usual`.
    pub state: String,
    /// How many lines are usual within the window.
    pub usual: f64,
    /// How many there are.
    pub now: u64,
    /// The share of the lines that are more than usual, between 0 and 1.
    pub share: f64,
    /// A line of it.
    pub sample: String,
}

/// A place of an alert.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Place {
    /// `pod`, `unit` or `file`.
    pub kind: String,
    /// What people call it.
    pub name: String,
    /// The path.
    pub path: String,
    /// Matching lines within the window.
    pub count: u64,
}

/// An alert that fires, or that has just resolved.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FiringAlert {
    /// Its identity.
    pub fingerprint: String,
    /// Its name.
    pub name: String,
    /// `critical`, `warning` or `info`.
    pub severity: String,
    /// `firing` or `resolved`.
    pub state: String,
    /// Name of its watch.
    pub watch: String,
    /// Name of its rule.
    pub rule: String,
    /// Its path, for an alert by path.
    pub path: Option<String>,
    /// Its pattern, for an alert by pattern.
    pub pattern: Option<String>,
    /// `count`, `rate`, `share`, `spike`, `silence` or `new`.
    pub condition: String,
    /// Why it fires, in a few words.
    pub why: String,
    /// Since when.
    pub since: f64,
    /// Matching lines within its window.
    pub count: u64,
    /// Length of the window in seconds.
    pub window_s: f64,
    /// What it fires above.
    pub threshold: f64,
    /// What is usual within the window, where it is learned.
    pub expected: Option<Usual>,
    /// How many times the usual count this is, where that is known.
    pub ratio: Option<f64>,
    /// The greatest count within the window.
    pub peak: u64,
    /// Matching lines since it fired.
    pub total: u64,
    /// What the count is made of: what is most above the usual first.
    pub patterns: Vec<AlertPart>,
    /// Where the lines are: most first.
    #[serde(rename = "where")]
    pub places: Vec<Place>,
    /// Lines that are in other places.
    pub elsewhere: u64,
    /// The newest matching lines, the newest first.
    pub samples: Vec<String>,
    /// The outputs that took a message of it.
    pub notified: Vec<Notified>,
}

/// That an output took the message that an alert fires.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Notified {
    /// Name of the output.
    pub output: String,
    /// When; nothing if that was before the daemon started.
    pub at: Option<f64>,
}

/// An alert that fires and is silenced.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SilencedAlert {
    /// Its identity.
    pub fingerprint: String,
    /// Its name.
    pub name: String,
    /// Its severity.
    pub severity: String,
    /// Name of its watch.
    pub watch: String,
    /// Its path or pattern, for an alert by path or pattern.
    pub place: Option<String>,
    /// Since when it fires.
    pub since: f64,
    /// Matching lines within its window.
    pub count: u64,
    /// What silences it: `silence 3: planned work`, or `mute.nightly`.
    pub by: String,
    /// The number of that silence, if it is no time of the week.
    pub silence: Option<u64>,
}

/// A silence that is in force.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Silence {
    /// Its number.
    pub id: u64,
    /// The alerts, by name or glob.
    pub alert: String,
    /// Of those by path, only the paths that this glob matches.
    pub path: Option<String>,
    /// Of those by pattern, only this one: its id.
    pub pattern: Option<String>,
    /// Since when.
    pub since: f64,
    /// Until when.
    pub until: f64,
    /// Why.
    pub reason: String,
    /// How many alerts fire that it holds back.
    pub holds: u64,
}

/// Alerts of one name and watch that fire.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AlertGroup {
    /// Their name.
    pub name: String,
    /// Their severity.
    pub severity: String,
    /// Name of their watch.
    pub watch: String,
    /// What they are by: `watch`, `path` or `pattern`.
    pub by: String,
    /// How many there are.
    pub alerts: u64,
    /// When the first fired.
    pub first: f64,
    /// When the last fired.
    pub last: f64,
    /// Matching lines within their windows.
    pub count: u64,
    /// The pattern that has most of what is above the usual, if they have one in common.
    pub pattern: Option<AlertPart>,
    /// Those with the most lines, at most 100.
    pub members: Vec<GroupMember>,
}

/// One of the alerts of a group.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupMember {
    /// Its identity.
    pub fingerprint: String,
    /// Its place or its pattern.
    pub name: String,
    /// Its path, for an alert by path.
    pub path: Option<String>,
    /// Matching lines within its window.
    pub count: u64,
    /// Since when it fires.
    pub since: f64,
}

/// An alert that is over.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PastAlert {
    /// Its identity.
    pub fingerprint: String,
    /// Its name.
    pub name: String,
    /// Its severity.
    pub severity: String,
    /// Name of its watch.
    pub watch: String,
    /// Its path or pattern, for an alert by path or pattern.
    pub place: Option<String>,
    /// Why it fired, in a few words.
    pub why: String,
    /// What its count was made of.
    pub patterns: Vec<AlertPart>,
    /// When it fired.
    pub from: f64,
    /// When it resolved.
    pub to: f64,
    /// The greatest count within its window.
    pub peak: u64,
    /// Matching lines while it was firing.
    pub total: u64,
}

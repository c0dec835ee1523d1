//! The contract of `/api/v1`: the snapshot, and the changes to it that `/api/v1/events` sends. The page, `spiketail top` and programs
//! read it; the daemon writes it.
//!
//! Times are seconds since the epoch, rates are lines a minute. Keys may be added: a reader takes what is missing for nothing and leaves
//! what it does not know.

use serde::{Deserialize, Serialize};

/// The version of the contract.
pub const VERSION: u32 = 1;

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
    /// The alerts that fire, the worst and oldest first.
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
    /// The newest matching lines, if someone has looked on for a while.
    pub lines: Vec<Line>,
}

/// The daemon itself.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Agent {
    /// `ok`, `learning`, `delayed`, `missed` or `degraded`.
    pub health: String,
    /// Files at watched paths.
    pub files: u64,
    /// How many of them cannot be read.
    pub unreadable: u64,
    /// How many bytes a second were read lately.
    pub bytes_per_s: f64,
    /// Bytes that are there and were not read yet.
    pub lag: u64,
    /// Bytes that were gone before they could be read.
    pub missed: u64,
    /// In how many files.
    pub missed_files: u64,
    /// When all that had changed was last committed.
    pub committed: Option<f64>,
    /// Why the state cannot be saved.
    pub state_trouble: Option<String>,
    /// Events that outputs dropped.
    pub output_dropped: u64,
    /// The outputs that answer.
    pub outputs: Vec<Output>,
    /// Until when the daemon learns what is usual, if it does.
    pub learning: Option<Learning>,
}

/// How far learning has come.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Learning {
    /// Since when.
    pub since: f64,
    /// Until when, if lines go on coming.
    pub until: f64,
}

/// An output that answers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// How many alerts wait for it.
    pub waiting: u64,
    /// Why an attempt failed last.
    pub error: Option<String>,
    /// When that was.
    pub error_at: Option<f64>,
}

/// The counts a minute that are usual.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Usual {
    /// The lowest.
    pub lo: f64,
    /// The expected one.
    pub mid: f64,
    /// The highest.
    pub hi: f64,
}

/// How fast the lines of a rule come.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RuleRate {
    /// Name of the rule.
    pub rule: String,
    /// Name of the watch.
    pub watch: String,
    /// Matching lines within the last minute.
    pub per_min: u64,
    /// What is usual, if that is known.
    pub usual: Option<Usual>,
    /// Matching lines since midnight, if there is a history.
    pub today: Option<u64>,
    /// How many of the lines of the last minute belong to no pattern that is kept.
    pub other: u64,
    /// Matching lines in each of the last 60 minutes, the current one last.
    pub trend: Vec<u64>,
}

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

/// How fast the lines of a pattern come.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PatternRate {
    /// Its id.
    pub id: String,
    /// Name of the watch.
    pub watch: String,
    /// Name of the rule.
    pub rule: String,
    /// The text, with nothing where it varies.
    pub parts: Vec<Option<String>>,
    /// `new`, `risen`, `usual`, or `seen` as long as it is not known what is usual.
    pub state: String,
    /// How many times the usual rate this is, for one that has risen.
    pub ratio: Option<f64>,
    /// The usual lines a minute.
    pub usual: f64,
    /// Lines within the last minute.
    pub now: u64,
    /// All lines that were counted.
    pub total: u64,
    /// When its first line was written.
    pub first: Option<f64>,
    /// When its last line was written.
    pub last: Option<f64>,
    /// Lines in each of the last 60 minutes, the current one last.
    pub trend: Vec<u64>,
    /// A line of it.
    pub sample: String,
}

/// How a watched path stands.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FileRate {
    /// The path.
    pub path: String,
    /// Name of the watch.
    pub watch: String,
    /// Matching lines a minute, over the last one to two minutes.
    pub per_min: f64,
    /// Bytes that were not read yet.
    pub lag: u64,
    /// Size at the last look, in bytes.
    pub size: u64,
    /// How many files have stood at the path.
    pub generation: u64,
    /// All matching lines.
    pub matched: u64,
    /// Bytes that were gone before they could be read.
    pub missed: u64,
    /// Why it cannot be read.
    pub trouble: Option<String>,
    /// What happened to it last, such as `rotated`.
    pub event: Option<String>,
    /// When that was.
    pub event_at: Option<f64>,
}

/// What a watch waits for that has no file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WaitingFor {
    /// Name of the watch.
    pub watch: String,
    /// The path or pattern of paths.
    pub glob: String,
    /// Why there is nothing.
    pub why: String,
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
    /// When it fired.
    pub from: f64,
    /// When it resolved.
    pub to: f64,
    /// The greatest count within its window.
    pub peak: u64,
    /// Matching lines while it was firing.
    pub total: u64,
}

/// A line that matched.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Line {
    /// When it was written.
    pub at: f64,
    /// The path.
    pub path: String,
    /// What people call the place.
    pub source: String,
    /// Name of the rule.
    pub rule: String,
    /// Id of its pattern.
    pub pattern: Option<String>,
    /// The line, escaped and cut.
    pub text: String,
}

/// Rates over an hour, a day or a week.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SeriesAnswer {
    /// When the first step began.
    pub start: f64,
    /// Length of a step in seconds.
    pub step: u64,
    /// Lines a minute, as the mean over each step; nothing where it is not known.
    pub mean: Vec<Option<f64>>,
    /// The highest minute of each step.
    pub max: Vec<Option<u64>>,
    /// Below this was unusual.
    pub lo: Vec<Option<f64>>,
    /// Above this was unusual.
    pub hi: Vec<Option<f64>>,
    /// Alerts within that time.
    pub alerts: Vec<SeriesAlert>,
}

/// When an alert fired.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SeriesAlert {
    /// From when.
    pub from: f64,
    /// Until when.
    pub to: f64,
    /// Its severity.
    pub severity: String,
    /// Its name.
    pub name: String,
}

/// What changes every second.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Tick {
    /// When.
    pub now: f64,
    /// The daemon itself.
    pub agent: Agent,
    /// Every rule.
    pub rules: Vec<RuleRate>,
    /// Patterns whose rate has changed.
    pub patterns: Vec<PatternTick>,
    /// Files whose figures have changed.
    pub files: Vec<FileRate>,
}

/// The rate of a pattern.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PatternTick {
    /// Its id.
    pub id: String,
    /// Name of the watch.
    pub watch: String,
    /// Name of the rule.
    pub rule: String,
    /// Lines within the last minute.
    pub now: u64,
    /// All lines that were counted.
    pub total: u64,
    /// When its last line was written.
    pub last: Option<f64>,
}

/// New lines.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NewLines {
    /// The lines, oldest first.
    pub lines: Vec<Line>,
    /// How many matched and are not among them.
    pub skipped: u64,
}

/// The alerts that fire now, when any of them has changed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AlertsNow {
    /// As in the snapshot.
    pub alerts: Vec<FiringAlert>,
    /// As in the snapshot.
    pub alerts_more: u64,
    /// As in the snapshot.
    pub groups: Vec<AlertGroup>,
    /// As in the snapshot.
    pub history: Vec<PastAlert>,
}

/// The patterns, when a minute has passed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PatternsNow {
    /// As in the snapshot.
    pub patterns: Vec<PatternRate>,
    /// As in the snapshot.
    pub patterns_more: u64,
}

/// One change of what a snapshot holds, by the name of its event in the stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", content = "data", rename_all = "lowercase")]
pub enum Change {
    /// What changes every second.
    Tick(Tick),
    /// The alerts that fire.
    Alerts(AlertsNow),
    /// A pattern that is new or has another state.
    Pattern(PatternRate),
    /// All patterns, when a minute has passed.
    Patterns(PatternsNow),
    /// New lines.
    Lines(NewLines),
    /// Too much was missed: fetch the snapshot again.
    Reset {},
}

impl Change {
    /// The name of the event, and its data.
    #[must_use]
    pub fn encode(&self) -> (&'static str, String) {
        fn json(data: &impl Serialize) -> String {
            serde_json::to_string(data).unwrap_or_default()
        }
        match self {
            Change::Tick(tick) => ("tick", json(tick)),
            Change::Alerts(alerts) => ("alerts", json(alerts)),
            Change::Pattern(pattern) => ("pattern", json(pattern)),
            Change::Patterns(patterns) => ("patterns", json(patterns)),
            Change::Lines(lines) => ("lines", json(lines)),
            Change::Reset {} => ("reset", "{}".to_owned()),
        }
    }

    /// The change that an event of this name and data is, if it is known.
    #[must_use]
    pub fn decode(event: &str, data: &str) -> Option<Change> {
        match event {
            "tick" => serde_json::from_str(data).ok().map(Change::Tick),
            "alerts" => serde_json::from_str(data).ok().map(Change::Alerts),
            "pattern" => serde_json::from_str(data).ok().map(Change::Pattern),
            "patterns" => serde_json::from_str(data).ok().map(Change::Patterns),
            "lines" => serde_json::from_str(data).ok().map(Change::Lines),
            "reset" => Some(Change::Reset {}),
            _ => None,
        }
    }
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

//! What is shown and how: the snapshots, and what the person at the terminal has chosen.

use std::time::{Duration, Instant};

use super::alert_rows::{AlertRow, rows};
use super::feed::Message;
use super::prompt::Prompt;
use crate::serve::api::{Change, FileRate, FiringAlert, Line, PatternRate, SeriesAnswer, Snapshot};
use crate::serve::control::ControlRequest;

/// Ages go on by themselves when nothing is sent.
const AGES: Duration = Duration::from_secs(1);
/// So old may the rates of a range be.
const SERIES_AGE_MAX: Duration = Duration::from_secs(60);

/// One daemon.
#[derive(Debug, Default)]
pub(super) struct Host {
    /// How it was named; empty for the one of this machine.
    pub(super) name: String,
    pub(super) snapshot: Option<Snapshot>,
    /// Why there is no connection.
    pub(super) down: Option<String>,
}

/// What fills the lower part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Patterns,
    Files,
    Lines,
    Alerts,
}

impl Section {
    pub(super) const ALL: [Section; 4] = [Section::Patterns, Section::Files, Section::Lines, Section::Alerts];

    pub(super) fn next(self) -> Section {
        let at = Section::ALL.iter().position(|section| *section == self).unwrap_or(0);
        Section::ALL[(at + 1) % Section::ALL.len()]
    }
}

/// What has been opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Opened {
    Pattern { watch: String, rule: String, id: String },
    File { watch: String, path: String },
    Alert { fingerprint: String },
}

/// The order of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// What says most.
    Telling,
    /// The most lines now.
    Rate,
    /// The name.
    Name,
}

/// See the [module](self).
pub(super) struct Model {
    pub(super) hosts: Vec<Host>,
    pub(super) shown: usize,
    pub(super) section: Section,
    pub(super) selected: usize,
    pub(super) opened: Option<Opened>,
    pub(super) order: Order,
    pub(super) filter: String,
    /// Whether keys go into the filter.
    pub(super) is_typing: bool,
    pub(super) has_help: bool,
    /// What is asked of the person at the terminal.
    pub(super) prompt: Option<Prompt>,
    /// What the daemon is to be asked to do.
    pub(super) request: Option<ControlRequest>,
    /// Changes are held back while this is on.
    pub(super) paused: Option<Vec<(usize, Message)>>,
    pub(super) range: &'static str,
    pub(super) series: Option<SeriesAnswer>,
    asked: Option<(Instant, &'static str, usize)>,
    drawn: Instant,
    /// The row of the screen where the first row of the table is, and how many rows it has.
    pub(super) table: (usize, usize),
    /// The first row of the table that is shown.
    pub(super) top: usize,
}

/// So many changes are held back; then the oldest snapshot is of no use any more.
const PAUSED_MAX: usize = 10_000;

impl Model {
    pub(super) fn new(names: Vec<String>) -> Model {
        Model {
            hosts: names.into_iter().map(|name| Host { name, ..Host::default() }).collect(),
            shown: 0,
            section: Section::Patterns,
            selected: 0,
            opened: None,
            order: Order::Telling,
            filter: String::new(),
            is_typing: false,
            has_help: false,
            prompt: None,
            request: None,
            paused: None,
            range: "1h",
            series: None,
            asked: None,
            drawn: Instant::now(),
            table: (0, 0),
            top: 0,
        }
    }

    /// Takes what a feed says.
    pub(super) fn take(&mut self, host: usize, message: Message) {
        if let Message::Answered(answer) = message {
            if self.prompt == Some(Prompt::Waiting) {
                self.prompt = Some(Prompt::answered(answer));
            }
            return;
        }
        if let Some(held) = &mut self.paused {
            if held.len() < PAUSED_MAX {
                held.push((host, message));
            }
            return;
        }
        let Some(host) = self.hosts.get_mut(host) else { return };
        match message {
            Message::Snapshot(snapshot) => {
                host.snapshot = Some(*snapshot);
                host.down = None;
            }
            Message::Change(change) => {
                let is_tick = matches!(*change, Change::Tick(_));
                if let Some(snapshot) = &mut host.snapshot {
                    snapshot.apply(*change);
                    if is_tick {
                        follow_minute(snapshot);
                    }
                }
            }
            Message::Down(why) => host.down = Some(why),
            Message::Answered(_) => {}
        }
    }

    /// Holds changes back, or takes all that were.
    pub(super) fn toggle_pause(&mut self) {
        match self.paused.take() {
            Some(held) => held.into_iter().for_each(|(host, message)| self.take(host, message)),
            None => self.paused = Some(Vec::new()),
        }
    }

    pub(super) fn host(&self) -> &Host {
        &self.hosts[self.shown.min(self.hosts.len() - 1)]
    }

    pub(super) fn snapshot(&self) -> Option<&Snapshot> {
        self.host().snapshot.as_ref()
    }

    /// Whether the ages on the screen are to be drawn anew.
    pub(super) fn is_time_due(&mut self) -> bool {
        let is_due = self.drawn.elapsed() >= AGES;
        if is_due {
            self.drawn = Instant::now();
        }
        is_due
    }

    /// What is to be asked for the chart, if it shows more than the snapshot has: the host, and the path.
    pub(super) fn take_question(&mut self) -> Option<(usize, String)> {
        if self.range == "1h" {
            (self.series, self.asked) = (None, None);
            return None;
        }
        let is_fresh = self.asked.is_some_and(|(at, range, host)| {
            (range, host) == (self.range, self.shown) && at.elapsed() < SERIES_AGE_MAX
        });
        if is_fresh || self.host().down.is_some() {
            return None;
        }
        self.asked = Some((Instant::now(), self.range, self.shown));
        Some((self.shown, format!("/api/v1/series?range={}", self.range)))
    }

    fn fits(&self, text: &str) -> bool {
        self.filter.is_empty() || text.to_lowercase().contains(&self.filter.to_lowercase())
    }

    /// The patterns in their order.
    pub(super) fn patterns(&self) -> Vec<&PatternRate> {
        let Some(snapshot) = self.snapshot() else { return Vec::new() };
        let rank = |pattern: &PatternRate| match pattern.state.as_str() {
            "new" => 0,
            "risen" => 1,
            _ => 2,
        };
        let text = |pattern: &PatternRate| super::text::masked(&pattern.parts);
        let mut patterns: Vec<&PatternRate> = snapshot
            .patterns
            .iter()
            .filter(|pattern| self.fits(&text(pattern)) || self.fits(&pattern.id))
            .collect();
        patterns.sort_by(|a, b| match self.order {
            Order::Telling => (rank(a), b.now, b.total).cmp(&(rank(b), a.now, a.total)),
            Order::Rate => (b.now, b.total).cmp(&(a.now, a.total)),
            Order::Name => text(a).cmp(&text(b)),
        });
        patterns
    }

    /// The files in their order.
    pub(super) fn files(&self) -> Vec<&FileRate> {
        let Some(snapshot) = self.snapshot() else { return Vec::new() };
        let mut files: Vec<&FileRate> = snapshot.files.iter().filter(|file| self.fits(&file.path)).collect();
        files.sort_by(|a, b| {
            let by_rate = b.per_min.total_cmp(&a.per_min).then_with(|| a.path.cmp(&b.path));
            match self.order {
                Order::Telling => (b.missed > 0, b.trouble.is_some())
                    .cmp(&(a.missed > 0, a.trouble.is_some()))
                    .then(by_rate),
                Order::Rate => by_rate,
                Order::Name => a.path.cmp(&b.path),
            }
        });
        files
    }

    /// The newest lines, of what is opened if anything is; oldest first.
    pub(super) fn lines(&self) -> Vec<&Line> {
        let Some(snapshot) = self.snapshot() else { return Vec::new() };
        let is_of = |line: &&Line| match &self.opened {
            Some(Opened::Pattern { rule, id, .. }) => line.rule == *rule && line.pattern.as_ref() == Some(id),
            Some(Opened::File { path, .. }) => line.path == *path,
            Some(Opened::Alert { fingerprint }) => self.alert(fingerprint).is_some_and(|alert| {
                line.rule == alert.rule
                    && alert.path.as_ref().is_none_or(|path| line.path == *path)
                    && alert.pattern.as_ref().is_none_or(|id| line.pattern.as_ref() == Some(id))
            }),
            None => self.fits(&line.text) || self.fits(&line.path),
        };
        snapshot.lines.iter().filter(is_of).collect()
    }

    /// The alert that fires of this identity.
    pub(super) fn alert(&self, fingerprint: &str) -> Option<&FiringAlert> {
        self.snapshot()?.alerts.iter().find(|alert| alert.fingerprint == fingerprint)
    }

    /// The rows of the section of alerts.
    pub(super) fn alert_rows(&self) -> Vec<AlertRow<'_>> {
        self.snapshot().map(|snapshot| rows(snapshot, |text| self.fits(text))).unwrap_or_default()
    }

    /// How many rows the section has.
    pub(super) fn rows(&self) -> usize {
        match self.section {
            Section::Patterns => self.patterns().len(),
            Section::Files => self.files().len(),
            Section::Lines => self.lines().len(),
            Section::Alerts => self.alert_rows().len(),
        }
    }

    /// What the selected row is of, if that can be opened.
    pub(super) fn selection(&self) -> Option<Opened> {
        match self.section {
            Section::Patterns => self.patterns().get(self.selected).map(|pattern| Opened::Pattern {
                watch: pattern.watch.clone(),
                rule: pattern.rule.clone(),
                id: pattern.id.clone(),
            }),
            Section::Files => self
                .files()
                .get(self.selected)
                .map(|file| Opened::File { watch: file.watch.clone(), path: file.path.clone() }),
            Section::Alerts => match self.alert_rows().get(self.selected) {
                Some(AlertRow::Firing(alert)) => {
                    Some(Opened::Alert { fingerprint: alert.fingerprint.clone() })
                }
                _ => None,
            },
            Section::Lines => None,
        }
    }

    /// Opens the selected row.
    pub(super) fn open(&mut self) {
        self.opened = self.selection().or(self.opened.take());
    }
}

/// The minute that goes on has at least the lines of the pattern so far.
fn follow_minute(snapshot: &mut Snapshot) {
    let now = snapshot.now;
    for pattern in &mut snapshot.patterns {
        if pattern.last.is_some_and(|last| now - last > 61.0) {
            pattern.now = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Model {
        let pattern = |id: &str, state: &str, now| PatternRate {
            id: id.to_owned(),
            state: state.to_owned(),
            now,
            parts: vec![Some(format!("text {id}"))],
            ..PatternRate::default()
        };
        let patterns = vec![pattern("b", "usual", 90), pattern("c", "risen", 20), pattern("a", "new", 5)];
        let mut model = Model::new(vec![String::new()]);
        model.take(0, Message::Snapshot(Box::new(Snapshot { patterns, ..Snapshot::default() })));
        model
    }

    fn ids(model: &Model) -> Vec<&str> {
        model.patterns().into_iter().map(|pattern| pattern.id.as_str()).collect()
    }

    #[test]
    fn patterns_are_sorted_and_filtered() {
        let mut model = model();
        assert_eq!(ids(&model), ["a", "c", "b"]);
        model.order = Order::Rate;
        assert_eq!(ids(&model), ["b", "c", "a"]);
        model.order = Order::Name;
        assert_eq!(ids(&model), ["a", "b", "c"]);
        model.filter = "TEXT C".to_owned();
        assert_eq!(ids(&model), ["c"]);
    }

    #[test]
    fn what_came_while_it_was_paused_is_not_lost() {
        let mut model = model();
        model.toggle_pause();
        let down = || Message::Down("gone".to_owned());
        model.take(0, down());
        assert_eq!(model.host().down, None);
        model.toggle_pause();
        assert_eq!(model.host().down.as_deref(), Some("gone"));
    }
}

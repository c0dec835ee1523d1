//! Which alerts nobody is to be notified of for a while: silences, and times of the week. Pure: time is an argument.

use std::path::{Path, PathBuf};

use globset::{Glob, GlobMatcher};
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::event::AlertEvent;
use crate::store::{SILENCES_MAX, SilenceRecord};

/// A silence that comes again each week.
#[derive(Debug, Clone, PartialEq)]
pub struct MuteSpec {
    /// Unique name.
    pub name: String,
    /// The alerts, by name; all if there are none.
    pub alerts: Vec<String>,
    /// The days on which it begins.
    pub days: Vec<Weekday>,
    /// When it begins.
    pub from: Time,
    /// When it ends; on the next day if that is not after `from`.
    pub to: Time,
    /// The zone of these times.
    pub zone: TimeZone,
}

impl MuteSpec {
    fn is_on(&self, at: Timestamp) -> bool {
        let here = at.to_zoned(self.zone.clone());
        let (today, time) = (here.weekday(), here.time());
        if self.from < self.to {
            return self.days.contains(&today) && (self.from..self.to).contains(&time);
        }
        let yesterday = here.date().checked_sub(1.day()).map_or(today, |date| date.weekday());
        (self.days.contains(&today) && time >= self.from)
            || (self.days.contains(&yesterday) && time < self.to)
    }
}

#[derive(Debug)]
struct Silence {
    record: SilenceRecord,
    alert: GlobMatcher,
    path: Option<GlobMatcher>,
}

impl Silence {
    /// The error says which glob is malformed.
    fn new(record: SilenceRecord) -> Result<Silence, String> {
        let glob = |text: &str| {
            Glob::new(text)
                .map(|glob| glob.compile_matcher())
                .map_err(|error| format!("{text} is no glob: {error}"))
        };
        Ok(Silence {
            alert: glob(&record.alert)?,
            path: record.path.as_deref().map(glob).transpose()?,
            record,
        })
    }

    fn means(&self, alert: &str, path: Option<&Path>, pattern: Option<&str>) -> bool {
        self.alert.is_match(alert)
            && self.path.as_ref().is_none_or(|glob| path.is_some_and(|path| glob.is_match(path)))
            && self.record.pattern.as_deref().is_none_or(|wanted| pattern == Some(wanted))
    }
}

/// All silences. The default is none.
#[derive(Debug, Default)]
pub(super) struct Silences {
    silences: Vec<Silence>,
    mutes: Vec<MuteSpec>,
    /// Whether they are to be saved.
    pub(super) is_changed: bool,
}

impl Silences {
    /// Those that were saved. What is malformed is left out.
    pub(super) fn restore(&mut self, saved: Vec<SilenceRecord>) {
        self.silences = saved.into_iter().filter_map(|record| Silence::new(record).ok()).collect();
    }

    pub(super) fn set_mutes(&mut self, mutes: Vec<MuteSpec>) {
        self.mutes = mutes;
    }

    /// Adds a silence, with a number of its own.
    pub(super) fn add(&mut self, record: SilenceRecord) -> Result<SilenceRecord, String> {
        let id = self.silences.last().map_or(1, |last| last.record.id + 1);
        let silence = Silence::new(SilenceRecord { id, ..record })?;
        let added = silence.record.clone();
        self.silences.push(silence);
        let surplus = self.silences.len().saturating_sub(SILENCES_MAX);
        self.silences.drain(..surplus);
        self.is_changed = true;
        Ok(added)
    }

    /// Ends a silence that is in force, and returns it.
    pub(super) fn end(&mut self, id: u64, now_ms: i64) -> Option<SilenceRecord> {
        let found = self.silences.iter_mut().find(|silence| silence.record.id == id)?;
        if found.record.until_ms <= now_ms {
            return None;
        }
        found.record.until_ms = now_ms;
        self.is_changed = true;
        Some(found.record.clone())
    }

    pub(super) fn all(&self) -> Vec<SilenceRecord> {
        self.silences.iter().map(|silence| silence.record.clone()).collect()
    }

    /// Those that are in force.
    pub(super) fn in_force(&self, now_ms: i64) -> Vec<SilenceRecord> {
        self.all().into_iter().filter(|silence| silence.until_ms > now_ms).collect()
    }

    /// What silences an alert, and since when, if something does.
    pub(super) fn of(
        &self,
        alert: &str,
        path: Option<&Path>,
        pattern: Option<&str>,
        now_ms: i64,
    ) -> Option<SilencedBy> {
        let silence = self
            .silences
            .iter()
            .rev()
            .find(|silence| silence.record.until_ms > now_ms && silence.means(alert, path, pattern));
        if let Some(Silence { record, .. }) = silence {
            let SilenceRecord { id, since_ms, reason, .. } = record;
            return Some(SilencedBy {
                id: Some(*id),
                name: format!("silence {id}: {reason}"),
                since_ms: *since_ms,
            });
        }
        let at = Timestamp::from_millisecond(now_ms).ok()?;
        let is_meant =
            |mute: &&MuteSpec| mute.alerts.is_empty() || mute.alerts.iter().any(|name| name == alert);
        let mute = self.mutes.iter().filter(is_meant).find(|mute| mute.is_on(at))?;
        Some(SilencedBy { id: None, name: format!("mute.{}", mute.name), since_ms: 0 })
    }

    /// Whether nobody is to be notified of `event` now. Whoever was notified that an alert fires is notified of its end.
    pub(super) fn holds(&self, event: &AlertEvent, now_ms: i64) -> bool {
        event.is_firing() && self.of_event(event, now_ms).is_some()
    }

    pub(super) fn of_event(&self, event: &AlertEvent, now_ms: i64) -> Option<SilencedBy> {
        self.of(&event.alert, event.path.as_deref(), event.pattern.as_deref(), now_ms)
    }

    /// Which silences are in force now, as something to compare with.
    pub(super) fn state(&self, now_ms: i64) -> Vec<String> {
        let silences = self.silences.iter().filter(|silence| silence.record.until_ms > now_ms);
        let silences = silences.map(|silence| silence.record.id.to_string());
        let at = Timestamp::from_millisecond(now_ms).unwrap_or_default();
        silences.chain(self.mutes_on(at)).collect()
    }

    /// The names of the mutes that are in force.
    pub(super) fn mutes_on(&self, at: Timestamp) -> impl Iterator<Item = String> {
        self.mutes.iter().filter(move |mute| mute.is_on(at)).map(|mute| mute.name.clone())
    }

    /// Whether time can change anything.
    pub(super) fn is_idle(&self, now_ms: i64) -> bool {
        self.mutes.is_empty() && self.silences.iter().all(|silence| silence.record.until_ms <= now_ms)
    }
}

/// What silences an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SilencedBy {
    /// The number of the silence, if it is no time of the week.
    pub id: Option<u64>,
    /// For people.
    pub name: String,
    /// Since when, in milliseconds since the epoch, if it is no time of the week.
    pub(super) since_ms: i64,
}

/// An alert that a receiver silences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SilencedElsewhere {
    alert: String,
    path: Option<PathBuf>,
    pattern: Option<String>,
    /// For people.
    pub(super) by: String,
}

impl SilencedElsewhere {
    pub(super) fn new(event: &AlertEvent, by: String) -> SilencedElsewhere {
        SilencedElsewhere {
            alert: event.alert.clone(),
            path: event.path.clone(),
            pattern: event.pattern.clone(),
            by,
        }
    }

    pub(super) fn is_of(&self, alert: &str, path: Option<&Path>, pattern: Option<&str>) -> bool {
        self.alert == alert && self.path.as_deref() == path && self.pattern.as_deref() == pattern
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_mute_holds_on_its_days_also_past_midnight_and_in_its_zone() {
        let night = MuteSpec {
            name: "night".to_owned(),
            alerts: Vec::new(),
            days: vec![Weekday::Friday],
            from: Time::constant(22, 0, 0, 0),
            to: Time::constant(6, 0, 0, 0),
            zone: TimeZone::get("Europe/Berlin").unwrap(),
        };
        // 27 November 2026 is a Friday; Berlin is an hour ahead of UTC then.
        for (time, is_on) in [
            ("2026-11-27T20:59:59Z", false),
            ("2026-11-27T21:00:00Z", true),
            ("2026-11-28T04:59:59Z", true),
            ("2026-11-28T05:00:00Z", false),
            ("2026-11-28T21:30:00Z", false),
            ("2026-11-27T03:00:00Z", false),
        ] {
            assert_eq!(night.is_on(at(time)), is_on, "{time}");
        }
        let noon =
            MuteSpec { from: Time::constant(12, 0, 0, 0), to: Time::constant(13, 0, 0, 0), ..night.clone() };
        assert!(noon.is_on(at("2026-11-27T11:30:00Z")) && !noon.is_on(at("2026-11-27T12:00:00Z")));
        let whole = MuteSpec { to: night.from, ..night };
        assert!(whole.is_on(at("2026-11-28T20:59:59Z")) && !whole.is_on(at("2026-11-28T21:00:00Z")));
    }

    #[test]
    fn a_silence_means_the_alerts_paths_and_patterns_that_it_names_until_it_ends() {
        let mut silences = Silences::default();
        let record = SilenceRecord {
            alert: "disk-*".to_owned(),
            path: Some("/srv/*/x.log".to_owned()),
            pattern: Some("00ff".to_owned()),
            since_ms: 5,
            until_ms: 10,
            ..SilenceRecord::default()
        };
        silences.add(record.clone()).unwrap();
        let path = Some(Path::new("/srv/a/x.log"));
        assert!(silences.of("disk-full", path, Some("00ff"), 9).is_some());
        for (alert, path, pattern, now) in [
            ("disk", path, Some("00ff"), 9),
            ("disk-full", Some(Path::new("/var/x.log")), Some("00ff"), 9),
            ("disk-full", None, Some("00ff"), 9),
            ("disk-full", path, Some("00fe"), 9),
            ("disk-full", path, None, 9),
            ("disk-full", path, Some("00ff"), 10),
        ] {
            assert_eq!(silences.of(alert, path, pattern, now), None, "{alert} {path:?} {pattern:?} {now}");
        }
        assert!(silences.add(SilenceRecord { alert: "[".to_owned(), ..record.clone() }).is_err());
        assert_eq!(silences.end(1, 7).unwrap().until_ms, 7);
        assert_eq!((silences.end(1, 8), silences.end(2, 8)), (None, None));
        assert_eq!(silences.in_force(8), []);
        assert_eq!(silences.add(record).unwrap().id, 2);
    }
}

//! Which alerts an output takes. Pure.

use std::collections::BTreeMap;

use crate::event::{AlertEvent, Severity};

/// What an output takes. The default is every alert that does not name other outputs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Route {
    /// The name by which alerts know the output.
    pub output: String,
    /// The severities that it takes; all if there are none.
    pub severities: Vec<Severity>,
    /// The alerts that it takes, by name; all if there are none.
    pub alerts: Vec<String>,
    /// The watches whose alerts it takes; all if there are none.
    pub watches: Vec<String>,
    /// Labels that an alert must have.
    pub labels: BTreeMap<String, String>,
    /// Whether all alerts that wait are one message, and not those of one name and watch.
    pub is_digest: bool,
}

impl Route {
    /// Whether the output is to be notified of `event`.
    #[must_use]
    pub fn takes(&self, event: &AlertEvent) -> bool {
        let is_named = event.outputs.as_ref().is_none_or(|names| names.contains(&self.output));
        is_named
            && (self.severities.is_empty() || self.severities.contains(&event.severity))
            && is_in(&self.alerts, &event.alert)
            && is_in(&self.watches, &event.watch)
            && self.labels.iter().all(|(name, value)| event.labels.get(name) == Some(value))
    }
}

fn is_in(names: &[String], name: &String) -> bool {
    names.is_empty() || names.contains(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route() -> Route {
        Route { output: "pager".to_owned(), ..Route::default() }
    }

    fn event() -> AlertEvent {
        AlertEvent {
            alert: "spike".to_owned(),
            watch: "app".to_owned(),
            severity: Severity::Warning,
            labels: BTreeMap::from([("team".to_owned(), "db".to_owned())]),
            ..AlertEvent::default()
        }
    }

    #[test]
    fn everything_goes_everywhere_unless_something_is_said() {
        assert!(route().takes(&event()));
    }

    #[test]
    fn an_alert_that_names_outputs_goes_to_those_only() {
        let to = |names: &[&str]| AlertEvent {
            outputs: Some(names.iter().map(|name| (*name).to_owned()).collect()),
            ..event()
        };
        assert!(route().takes(&to(&["mail", "pager"])));
        assert!(!route().takes(&to(&["mail"])));
        assert!(!route().takes(&to(&[])));
    }

    #[test]
    fn all_that_an_output_says_must_hold() {
        let labels = |value: &str| BTreeMap::from([("team".to_owned(), value.to_owned())]);
        let right = Route {
            severities: vec![Severity::Info, Severity::Warning],
            alerts: vec!["spike".to_owned()],
            watches: vec!["app".to_owned()],
            labels: labels("db"),
            ..route()
        };
        assert!(right.takes(&event()));
        for wrong in [
            Route { severities: vec![Severity::Critical], ..right.clone() },
            Route { alerts: vec!["other".to_owned()], ..right.clone() },
            Route { watches: vec!["other".to_owned()], ..right.clone() },
            Route { labels: labels("web"), ..right.clone() },
            Route { labels: BTreeMap::from([("tier".to_owned(), "db".to_owned())]), ..right.clone() },
        ] {
            assert!(!wrong.takes(&event()), "{wrong:?}");
        }
    }
}

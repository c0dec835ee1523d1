//! Which alert is meant where `x` is pressed.

use super::alert_rows::AlertRow;
use super::model::{Model, Opened, Section};
use super::prompt::Prompt;
use crate::serve::api::FiringAlert;

/// Asks for a silence of the alert of what is opened or selected, or for the end of the silence that is selected.
pub(super) fn prompt(model: &Model) -> Prompt {
    let found = match &model.opened {
        Some(opened) => of_opened(model, opened),
        None => of_selected(model),
    };
    found.unwrap_or_else(|| {
        Prompt::Said(Err(
            "no alert fires for it; any alert is silenced by name with `spiketail silence`".to_owned()
        ))
    })
}

fn of_selected(model: &Model) -> Option<Prompt> {
    match model.section {
        Section::Alerts => of_row(model.alert_rows().get(model.selected)?),
        Section::Patterns | Section::Files => of_opened(model, &model.selection()?),
        Section::Lines => None,
    }
}

fn of_row(row: &AlertRow<'_>) -> Option<Prompt> {
    match row {
        AlertRow::Firing(alert) => Some(of_alert(alert)),
        AlertRow::Silence(silence) => {
            Some(Prompt::End { id: silence.id, what: format!("{}: {}", silence.alert, silence.reason) })
        }
        AlertRow::Silenced(alert) => Some(match alert.silence {
            Some(id) => Prompt::End { id, what: alert.by.clone() },
            None => Prompt::Said(Err(format!("{} is a time of the week in the configuration", alert.by))),
        }),
        AlertRow::Past(_) => None,
    }
}

fn of_alert(alert: &FiringAlert) -> Prompt {
    Prompt::silence(&alert.name, alert.path.clone(), alert.pattern.clone())
}

/// The alert that fires for just that path or pattern, else one that fires for the rule and watch as a whole.
fn of_opened(model: &Model, opened: &Opened) -> Option<Prompt> {
    let alerts = || model.snapshot().into_iter().flat_map(|snapshot| &snapshot.alerts);
    let is_whole = |alert: &&FiringAlert| alert.path.is_none() && alert.pattern.is_none();
    let found = match opened {
        Opened::Alert { fingerprint } => model.alert(fingerprint),
        Opened::File { watch, path } => alerts()
            .find(|alert| alert.watch == *watch && alert.path.as_ref() == Some(path))
            .or_else(|| alerts().filter(is_whole).find(|alert| alert.watch == *watch)),
        Opened::Pattern { watch, rule, id } => {
            let is_of = |alert: &&FiringAlert| alert.watch == *watch && alert.rule == *rule;
            alerts()
                .filter(is_of)
                .find(|alert| alert.pattern.as_ref() == Some(id))
                .or_else(|| alerts().filter(is_of).find(is_whole))
        }
    };
    found.map(of_alert)
}

#[cfg(test)]
mod tests {
    use super::super::feed::Message;
    use super::*;
    use crate::serve::api::{FileRate, Silence, SilencedAlert, Snapshot};

    fn model(snapshot: Snapshot) -> Model {
        let mut model = Model::new(vec![String::new()]);
        model.take(0, Message::Snapshot(Box::new(snapshot)));
        model
    }

    fn alert(name: &str, path: Option<&str>) -> FiringAlert {
        FiringAlert {
            name: name.to_owned(),
            watch: "w".to_owned(),
            path: path.map(str::to_owned),
            ..FiringAlert::default()
        }
    }

    #[test]
    fn a_file_is_silenced_by_its_own_alert_or_else_by_that_of_its_watch() {
        let file =
            |path: &str| FileRate { path: path.to_owned(), watch: "w".to_owned(), ..FileRate::default() };
        let mut model = model(Snapshot {
            alerts: vec![alert("whole", None), alert("by-path", Some("/b"))],
            files: vec![file("/a"), file("/b")],
            ..Snapshot::default()
        });
        model.section = Section::Files;
        assert_eq!(prompt(&model), Prompt::silence("whole", None, None));
        model.selected = 1;
        assert_eq!(prompt(&model), Prompt::silence("by-path", Some("/b".to_owned()), None));
        model.opened = Some(Opened::File { watch: "other".to_owned(), path: "/b".to_owned() });
        assert!(matches!(prompt(&model), Prompt::Said(Err(_))));
    }

    #[test]
    fn a_silence_is_ended_and_what_is_over_is_not_silenced() {
        let silence = Silence { id: 7, alert: "noisy".to_owned(), ..Silence::default() };
        let silenced =
            SilencedAlert { silence: Some(7), by: "silence 7: why".to_owned(), ..SilencedAlert::default() };
        let mut model = model(Snapshot {
            silences: vec![silence],
            silenced: vec![silenced],
            history: vec![Default::default()],
            ..Snapshot::default()
        });
        model.section = Section::Alerts;
        assert_eq!(prompt(&model), Prompt::End { id: 7, what: "silence 7: why".to_owned() });
        model.selected = 1;
        assert_eq!(prompt(&model), Prompt::End { id: 7, what: "noisy: ".to_owned() });
        model.selected = 2;
        assert!(matches!(prompt(&model), Prompt::Said(Err(_))));
    }
}

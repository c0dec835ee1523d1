//! Bodies by a template of the user.

use std::collections::BTreeMap;

use minijinja::{AutoEscape, Environment, UndefinedBehavior};

use super::body::RequestBody;
use crate::event::{AlertEvent, AlertState};
use crate::notify::group::NotificationGroup;
use crate::notify::message::{MessageOrigin, Notification};
use crate::store::TransitionRecord;

/// Checks that `text` is a template.
///
/// # Errors
/// What is wrong with it, and where.
pub fn check(text: &str) -> Result<(), String> {
    environment(text).map(drop)
}

/// Renders `text` for a test alert that fires and one that is over.
///
/// # Errors
/// What it cannot be rendered for, and where.
pub fn try_out(text: &str, labels: &BTreeMap<String, String>) -> Result<(), String> {
    for state in AlertState::ALL {
        let event = AlertEvent {
            alert: "test".to_owned(),
            state,
            samples: vec!["a line".to_owned()],
            labels: labels.clone(),
            ..AlertEvent::default()
        };
        let group = NotificationGroup::of_one(TransitionRecord { at_ms: 0, event });
        let origin = MessageOrigin { host: "host".to_owned(), ..MessageOrigin::default() };
        let body = render(text, &Notification::new(&group, "test", &origin, &BTreeMap::new()))?;
        if is_json(text)
            && let Err(error) = serde_json::from_slice::<serde_json::Value>(&body.body)
        {
            return Err(format!("what it makes begins like JSON, but is none: {error}"));
        }
    }
    Ok(())
}

/// The body for `message`. Where the template looks like JSON, values are written as JSON, so that no line of a log can break
/// out of its place.
pub(super) fn render(text: &str, message: &Notification) -> Result<RequestBody, String> {
    let environment = environment(text)?;
    let template = environment.get_template(NAME).map_err(|error| error.to_string())?;
    let body = template.render(minijinja::value::Serde(message)).map_err(|error| error.to_string())?;
    let content_type = if is_json(text) { "application/json" } else { "text/plain; charset=utf-8" };
    Ok(RequestBody { body: body.into_bytes(), content_type, headers: Vec::new() })
}

const NAME: &str = "body";

fn environment(text: &str) -> Result<Environment<'_>, String> {
    let mut environment = Environment::new();
    let is_json = is_json(text);
    environment.set_auto_escape_callback(move |_| if is_json { AutoEscape::Json } else { AutoEscape::None });
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(1_000_000));
    environment.add_template(NAME, text).map_err(|error| error.to_string())?;
    Ok(environment)
}

fn is_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '['])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::fmt::printable;

    fn notification(text: &str) -> Notification {
        let event = AlertEvent { alert: text.into(), samples: vec![text.into()], ..AlertEvent::default() };
        let group = NotificationGroup::of_one(TransitionRecord { at_ms: 0, event });
        let origin = MessageOrigin { host: "host".into(), ..MessageOrigin::default() };
        Notification::new(&group, "receiver", &origin, &BTreeMap::new())
    }

    fn rendered(template: &str, text: &str) -> String {
        String::from_utf8(render(template, &notification(text)).unwrap().body).unwrap()
    }

    proptest! {
        #[test]
        fn no_text_breaks_out_of_its_place_in_json(text: String) {
            let body = rendered(r#"{"a": {{ alerts[0].annotations.samples }}, "b": 1}"#, &text);
            let value: Value = serde_json::from_str(&body).unwrap();
            prop_assert_eq!(value, serde_json::json!({ "a": printable(&text), "b": 1 }));
        }

        #[test]
        fn plain_text_is_inserted_as_it_is_and_is_no_template_itself(text: String) {
            let body = rendered("<{{ alerts[0].annotations.samples }}>", &text);
            prop_assert_eq!(body, format!("<{}>", printable(&text)));
        }

        #[test]
        fn any_template_is_refused_or_rendered_but_never_panics(
            template in prop_oneof![any::<String>(), "[{}%# a-z0-9.|()\"'\\[\\]*+<>=!~-]{0,60}"],
        ) {
            if check(&template).is_ok() {
                let _ = render(&template, &notification("text"));
            }
        }
    }

    #[test]
    fn a_template_that_does_not_end_is_stopped() {
        let endless = "{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}";
        assert!(render(endless, &notification("text")).is_err());
    }
}

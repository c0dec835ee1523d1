//! Bodies by a template of the user.

use minijinja::{AutoEscape, Environment, UndefinedBehavior};

use super::body::RequestBody;
use crate::notify::message::Notification;

/// Checks that `text` is a template.
///
/// # Errors
/// What is wrong with it, and where.
pub fn check(text: &str) -> Result<(), String> {
    environment(text).map(drop)
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

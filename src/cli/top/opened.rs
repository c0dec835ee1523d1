//! What is known of the pattern, file or alert that is opened.

use ratatui::text::Line;

use super::alerts;
use super::bars::spark;
use super::model::{Model, Opened};
use super::numbers::{ago, bytes, count, time};
use super::text::{Look, Row, Tone, cut_path, masked};
use crate::serve::api::Snapshot;

/// What is known of what is opened, beside its lines.
pub(super) fn facts(model: &Model, snapshot: &Snapshot, look: Look, width: usize) -> Vec<Line<'static>> {
    let fact = |name: &str, value: String| {
        let mut row = Row::new(look);
        row.add("  ", Tone::Plain).left(name, 10, Tone::Dim).add(value, Tone::Plain);
        row.line(width)
    };
    match &model.opened {
        Some(Opened::Pattern { watch, rule, id }) => {
            let found = snapshot.patterns.iter().find(|p| (&p.watch, &p.rule, &p.id) == (watch, rule, id));
            let Some(pattern) = found else {
                return vec![fact("pattern", format!("{id} is not kept any longer"))];
            };
            let at = |at: Option<f64>| at.map_or_else(|| "–".to_owned(), |at| time(at, "%Y-%m-%d %H:%M:%S"));
            vec![
                fact("pattern", masked(&pattern.parts)),
                fact("id", format!("{id}   watch {watch}, rule {rule}")),
                fact(
                    "now",
                    format!(
                        "{}/min, usual {}   {} in all",
                        count(pattern.now as f64),
                        count(pattern.usual),
                        pattern.total
                    ),
                ),
                fact("seen", format!("first {}, last {}", at(pattern.first), at(pattern.last))),
                fact("hour", spark(&pattern.trend, width.saturating_sub(14).min(60))),
                fact("first line", pattern.sample.clone()),
            ]
        }
        Some(Opened::File { watch, path }) => {
            let found = snapshot.files.iter().find(|file| (&file.watch, &file.path) == (watch, path));
            let Some(file) = found else {
                return vec![fact("file", format!("{path} is not watched any longer"))];
            };
            let event = file.event.as_ref().map_or_else(
                || "–".to_owned(),
                |event| format!("{event} {}", ago(file.event_at, snapshot.now)),
            );
            let mut facts = vec![
                fact("file", cut_path(path, width.saturating_sub(14))),
                fact("watch", watch.clone()),
                fact("now", format!("{}/min   {} matched in all", count(file.per_min), file.matched)),
                fact(
                    "size",
                    format!(
                        "{}, {} behind, {} missed",
                        bytes(file.size),
                        bytes(file.lag),
                        bytes(file.missed)
                    ),
                ),
                fact("generation", format!("{}, last event: {event}", file.generation)),
            ];
            facts.extend(file.trouble.as_ref().map(|trouble| fact("trouble", trouble.clone())));
            facts
        }
        Some(Opened::Alert { fingerprint }) => match model.alert(fingerprint) {
            Some(alert) => alerts::opened(snapshot, alert, look, width),
            None => vec![fact("alert", format!("{fingerprint} does not fire any longer"))],
        },
        None => Vec::new(),
    }
}

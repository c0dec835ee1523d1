//! What a shell offers for the names of watches, alerts and outputs: those of the configuration, or of the running daemon.

use std::ffi::OsString;
use std::path::PathBuf;

use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};

use crate::cli::status::ask;
use crate::config::{self, Settings};
use crate::serve::status::Status;

/// Offers names of watches.
pub(super) fn watches() -> ArgValueCandidates {
    offer(|settings| settings.plan.watches.iter().map(|watch| watch.name.clone()).collect(), |_| Vec::new())
}

/// Offers names of alerts.
pub(super) fn alerts() -> ArgValueCandidates {
    offer(
        |settings| settings.plan.alerts.iter().map(|alert| alert.name.clone()).collect(),
        |status| status.alerts.into_iter().map(|alert| alert.alert).collect(),
    )
}

/// Offers names of outputs that carry alerts.
pub(super) fn outputs() -> ArgValueCandidates {
    offer(
        |settings| {
            let written = settings.outputs.iter().map(|spec| spec.name.clone());
            // Several Alertmanagers of one output have its name before their own.
            let delivered =
                settings.deliveries.iter().filter_map(|spec| spec.name.split(' ').next().map(str::to_owned));
            written.chain(delivered).collect()
        },
        |_| Vec::new(),
    )
}

/// Offers the patterns that the running daemon knows, with their texts.
pub(super) fn patterns() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let known = ask::ask(None).map(|answer| answer.status.patterns).unwrap_or_default();
        let ids = known.into_iter().filter(|pattern| pattern.pattern != "other");
        ids.map(|pattern| CompletionCandidate::new(pattern.pattern).help(Some(pattern.text.into()))).collect()
    })
}

/// Offers what `of_settings` finds in the configuration, or `of_status` in what the daemon answers if that cannot be read.
fn offer(
    of_settings: fn(&Settings) -> Vec<String>,
    of_status: fn(Status) -> Vec<String>,
) -> ArgValueCandidates {
    ArgValueCandidates::new(move || {
        // Nobody can be notified of an error here: there is just nothing to offer.
        let mut names = match config::load(&configured(std::env::args_os().collect())) {
            Ok(settings) => of_settings(&settings),
            Err(_) => ask::ask(None).map(|answer| of_status(answer.status)).unwrap_or_default(),
        };
        names.sort();
        names.dedup();
        names.into_iter().map(CompletionCandidate::new).collect()
    })
}

/// The configuration that `typed` names so far, or the default one.
fn configured(typed: Vec<OsString>) -> Vec<PathBuf> {
    let mut named = Vec::new();
    let mut words = typed.into_iter();
    while let Some(word) = words.next() {
        let text = word.to_string_lossy();
        if text == "-c" || text == "--config" {
            named.extend(words.next().map(PathBuf::from));
        } else if let Some(path) = text.strip_prefix("--config=").or_else(|| text.strip_prefix("-c")) {
            named.push(PathBuf::from(path));
        }
    }
    if named.is_empty() { config::DEFAULT_PATHS.map(PathBuf::from).into() } else { named }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configuration_that_was_typed_is_used() {
        let of = |typed: &[&str]| configured(typed.iter().map(OsString::from).collect());
        for typed in [&["x", "-c", "/a"][..], &["x", "-c/a"], &["x", "--config", "/a"], &["x", "--config=/a"]]
        {
            assert_eq!(of(typed), [PathBuf::from("/a")], "{typed:?}");
        }
        assert_eq!(of(&["x", "-c", "/a", "-c", "/b"]), [PathBuf::from("/a"), PathBuf::from("/b")]);
        assert_eq!(of(&["x", "-c"]), config::DEFAULT_PATHS.map(PathBuf::from));
    }
}

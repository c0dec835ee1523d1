//! The daemon's own log: what it says about itself on stderr, filtered as the user likes.
//!
//! The events of [`events`](crate::event) never come here, so no setting of this filter can touch them.

use std::io::{self, IsTerminal};

use tracing_subscriber::filter::{FilterExt, LevelFilter, filter_fn};
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

use crate::event::EventKind;

/// A log filter that cannot be understood.
#[derive(Debug, thiserror::Error)]
#[error(
    "log filter \"{}\": {problem}; write a level (off, error, warn, info, debug, trace) or a list of levels by module, such as \"info,spiketail::engine=debug\"",
    filter.escape_debug()
)]
pub struct FilterError {
    filter: String,
    problem: String,
}

/// Changes the log filter at run time.
pub struct LogControl {
    handle: reload::Handle<EnvFilter, Registry>,
}

impl LogControl {
    /// Uses `filter` from now on. Without effect once the subscriber is gone.
    pub fn set(&self, filter: EnvFilter) {
        // The only error is that there is no subscriber any more, and then there is nothing to filter.
        let _ = self.handle.reload(filter);
    }
}

/// The layer that writes the log to stderr, and the handle that changes its filter.
pub fn layer(filter: EnvFilter) -> (impl Layer<Registry> + Send + Sync + use<>, LogControl) {
    let (filter, handle) = reload::Layer::new(filter);
    // Without a hint of its own, this part would hide the hint of the other and let every trace! in the process be
    // evaluated.
    let not_ours = filter_fn(|metadata| EventKind::from_target(metadata.target()).is_none())
        .with_max_level_hint(LevelFilter::TRACE);
    let layer = fmt::layer()
        .compact()
        .with_ansi(super::Color::Auto.is_used(io::stderr().is_terminal()))
        .with_writer(io::stderr)
        .with_filter(filter.and(not_ours));
    (layer, LogControl { handle })
}

/// Reads a log filter, in the syntax of `RUST_LOG`. An empty one lets errors through.
///
/// # Errors
/// Fails if it cannot be parsed, or has a single word that is no level: as a module name it would be legal, and turn
/// everything else off, but it is nearly always a misspelt level.
pub fn parse(filter: &str) -> Result<EnvFilter, FilterError> {
    let refuse = |problem: String| FilterError { filter: filter.to_owned(), problem };
    // Inside brackets a comma does not separate, and a blank may mean something.
    let tidy = if filter.contains('[') {
        filter.to_owned()
    } else {
        let parts: Vec<&str> = filter.split(',').map(str::trim).collect();
        let is_word = |part: &str| !part.is_empty() && !part.contains('=') && !part.contains("::");
        let wrong = parts.iter().find(|part| is_word(part) && part.parse::<LevelFilter>().is_err());
        if let Some(part) = wrong {
            return Err(refuse(format!("\"{}\" is not a level", part.escape_debug())));
        }
        parts.join(",")
    };
    EnvFilter::builder()
        .with_default_directive(LevelFilter::ERROR.into())
        .parse(tidy)
        .map_err(|error| refuse(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_read_or_refused_with_what_would_be_right() {
        for good in
            ["", "off", "INFO", "info,spiketail::engine=debug", "warn, notify=trace", "a[b{c=d}]=info"]
        {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in ["inof", "info,verbose", "spiketail=loud", "a=b=c"] {
            let said = parse(bad).map(|_| ()).unwrap_err().to_string();
            assert!(said.contains(bad) && said.contains("such as \"info,"), "{said}");
        }
    }
}

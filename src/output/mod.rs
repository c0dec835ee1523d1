//! Everything that leaves the daemon: one file per `tracing` layer.

pub mod bounded_lines;
pub mod console;
pub mod fd_sink;
pub mod journald;
pub mod json;
pub mod line_format;
pub mod log;
pub mod queue;
pub mod sink;
pub mod subscriber;

use std::path::PathBuf;
use std::sync::Arc;

use crate::event::EventOrigin;

/// The form in which an output writes events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people when the output is a terminal, JSON lines otherwise.
    Auto,
    /// For people.
    Console,
    /// One flat JSON object a line.
    Json,
}

/// When an output for people uses colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Whether colour is used, on a `terminal` or elsewhere.
    pub(crate) fn is_used(self, terminal: bool) -> bool {
        match self {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
                let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
                terminal && !refused && !dumb
            }
        }
    }
}

/// Where an output writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Standard output.
    Stdout,
    /// A file, appended to.
    File(PathBuf),
    /// The systemd journal, at its socket.
    Journal(PathBuf),
}

/// A validated output definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputSpec {
    /// Unique name.
    pub name: String,
    /// The form of what is written.
    pub format: Format,
    /// Where it is written.
    pub destination: Destination,
    /// When colour is used.
    pub color: Color,
    /// The kinds of event that this output carries. Its own filter: the log filter has no say here.
    pub kinds: Vec<crate::event::EventKind>,
    /// The machine that events come from, for programs that read them.
    pub origin: Arc<EventOrigin>,
}

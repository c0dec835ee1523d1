//! Validated settings: what the rest of the program is built from.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::engine::settings::{EngineSettings, Plan};
use crate::event::EventOrigin;
use crate::notify::heartbeat::HeartbeatSpec;
use crate::notify::push::PushSpec;
use crate::notify::settings::DeliverySpec;
use crate::notify::silence::MuteSpec;
use crate::output::OutputSpec;
use crate::watch::spec::{WatchSpec, WatchTiming};

/// Everything that a configuration says, validated and complete.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Bounds and intervals of the engine.
    pub engine: EngineSettings,
    /// Intervals of watching.
    pub timing: WatchTiming,
    /// Watches (with their rules) and alerts.
    pub plan: Plan,
    /// Which files each watch finds; the same order as `plan.watches`.
    pub finds: Vec<WatchSpec>,
    /// Whether standard input is counted, for the only watch, instead of files.
    pub reads_stdin: bool,
    /// Where events go.
    pub outputs: Vec<OutputSpec>,
    /// Who is reported of alerts and answers.
    pub deliveries: Vec<DeliverySpec>,
    /// Who is sent figures.
    pub pushes: Vec<PushSpec>,
    /// Where a sign of life goes.
    pub heartbeat: Option<HeartbeatSpec>,
    /// When nobody is notified of some alerts.
    pub mutes: Vec<MuteSpec>,
    /// Where figures are given out over HTTP, if they are.
    pub listen: Option<SocketAddr>,
    /// Where people reach that, without `/` at the end; empty if it is not known.
    pub external_url: String,
    /// Names what was read: another text has another one.
    pub hash: String,
    /// What this machine is called, and its labels.
    pub origin: Arc<EventOrigin>,
    /// The filter of the daemon's own log on stderr, as a `tracing` directive.
    pub log: String,
}

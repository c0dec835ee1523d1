//! The contract of `/api/v1`: the snapshot, and the changes to it that `/api/v1/events` sends. The page, `spiketail top` and programs
//! read it; the daemon writes it.
//!
//! Times are seconds since the epoch, rates are lines a minute. Keys may be added: a reader takes what is missing for nothing and leaves
//! what it does not know.

mod agent;
mod alerts;
mod changes;
mod rates;
mod snapshot;

pub use agent::{Agent, Learning, Output, WaitingFor};
pub use alerts::{
    AlertGroup, AlertPart, FiringAlert, GroupMember, Notified, PastAlert, Place, Silence, SilencedAlert,
};
pub use changes::{AlertsNow, Change, NewLines, PatternTick, PatternsNow, Tick};
pub use rates::{FileRate, Line, PatternRate, RuleRate, SeriesAlert, SeriesAnswer, Usual};
pub use snapshot::{LINES_KEPT_MAX, Snapshot};

/// The version of the contract.
pub const VERSION: u32 = 1;

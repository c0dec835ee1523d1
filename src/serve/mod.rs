//! How the daemon meets the system that runs it.

pub mod http;
pub mod metrics;
mod path_labels;
pub mod signals;
pub mod socket;
pub mod status;
pub mod systemd;

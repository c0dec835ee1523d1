//! How the daemon meets the system that runs it.

mod connections;
pub mod control;
pub mod http;
pub mod metrics;
mod path_labels;
pub mod process;
mod shared_answer;
pub mod signals;
pub mod socket;
pub mod status;
pub mod systemd;

//! How the daemon meets the system that runs it.

pub mod api;
mod connections;
pub mod control;
pub mod exposition;
pub mod families;
pub mod http;
pub mod metrics;
pub mod otlp;
pub mod page;
pub mod pages;
pub mod parts;
mod path_labels;
pub mod process;
pub mod recorded;
pub mod remote_write;
mod shared_answer;
pub mod signals;
pub mod socket;
pub mod status;
pub mod stream;
pub mod systemd;

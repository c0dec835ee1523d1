//! How the daemon meets the system that runs it.

pub mod signals;

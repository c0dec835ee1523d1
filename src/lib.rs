//! Watches growing log files, counts the lines that matter, and alerts when errors spike.
//!
//! `docs/ARCHITECTURE.md` has one turn of a file as a picture, and the map of the modules.

pub mod alert;
pub mod app;
pub mod cli;
pub mod config;
pub mod detect;
pub mod engine;
pub mod event;
pub mod file;
pub mod fmt;
pub mod notify;
pub mod output;
pub mod pattern;
pub mod scan;
pub mod serve;
pub mod source;
pub mod store;
pub mod sys;
pub mod units;
pub mod watch;

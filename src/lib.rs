//! Watches growing log files, counts the lines that matter, and alerts when errors spike.
//!
//! ```text
//! hint ─▶ look ─▶ classify ─▶ window ─▶ scan ─▶ revalidate ─▶ series ─▶ condition ─▶ lifecycle ─▶ emit
//! watch    sys      file        sys      scan      file         detect     detect       alert     telemetry
//!                     └──────────────── engine drives one turn of one file ────────────────┘
//! ```
//!
//! | module | its job |
//! |---|---|
//! | [`sys`] | the only unsafe code: mapped windows, SIGBUS repair, safe open and stat |
//! | [`scan`] | rules compiled to one pass over bytes; lines found only around candidates |
//! | [`file`] | one pathname as one perpetual stream: identity, change, sources, the tail |
//! | [`detect`] | counts over time and the conditions on them |
//! | [`alert`] | the life of an alert and its identity |
//! | [`event`] | the events that leave the daemon |
//! | [`fmt`] | text from outside, made safe to show |
//! | [`watch`] | which files there are and which may have changed: inotify, globs, sweeps |
//! | [`engine`] | workers and turns: where the steps above meet |
//! | [`output`] | the events that leave the daemon, and the `tracing` layers that carry them |
//! | [`notify`] | alerts to receivers that answer: webhooks, Alertmanagers, programs |
//! | [`store`] | what survives a restart |
//! | [`serve`] | signals |
//! | [`config`] | TOML to validated settings |
//! | [`app`] | the composition root |
//! | [`cli`] | one file per command |

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
pub mod scan;
pub mod serve;
pub mod store;
pub mod sys;
pub mod units;
pub mod watch;

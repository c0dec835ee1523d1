//! Alerts reach receivers, in spite of what receivers do.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that cannot go on fails")]

#[path = "../common/mod.rs"]
mod common;

mod alertmanager;
mod bodies;
mod commands;
mod email;
mod heartbeat;
mod hostile;
mod layers;
mod outbox;
mod routing;
mod services;
mod smtp;
mod try_out;
mod ways;

//! The daemon from outside: what happens to files, and what it counts and says.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../common/mod.rs"]
mod common;

mod alerts;
mod content;
mod discovery;
mod names;
mod refused;
mod rotation;

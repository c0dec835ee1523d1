//! Ordinary situations in which lines are easily lost or counted twice: copies, preallocated files, similar names,
//! filesystems that are mounted anew.
#![allow(clippy::unwrap_used, unreachable_pub, reason = "a test that cannot go on fails")]

#[path = "../common/mod.rs"]
mod common;

mod copies;
mod filesystems;
mod names;
mod nuls;
mod unreadable;
mod unseen;

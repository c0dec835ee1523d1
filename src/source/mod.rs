//! Sources of log entries that are not lines of files.
//!
//! A source yields entries with an exact position, which is committed with the counts, so that reading goes on from there after a
//! `kill -9`.

pub mod journal;

//! Which files there are, and which may have changed. Only hints leave this module, never facts.

pub mod discover;
pub mod hints;
pub mod spec;
pub mod sweep;

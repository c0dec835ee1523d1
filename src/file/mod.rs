//! One pathname as one perpetual stream of bytes, through every rotation and truncation.
//!
//! A [`tail::Tail`] stands for a path. It holds a [`reading::Reading`] for the file that stands at the path now and one
//! for each file that stood there before and may still be written to. [`change::classify`] decides, from what was
//! known and what is seen, what happened; [`claims::Claims`] sees to it that no file is read through two paths.

pub mod archive;
pub mod change;
pub mod claims;
mod counter;
pub mod decompressed;
pub mod filesystem;
pub mod history;
pub mod identity;
mod line_clock;
pub mod reading;
pub mod record;
pub mod rotation;
pub mod settings;
pub mod source;
pub mod tail;
pub mod tally;
pub mod turn;

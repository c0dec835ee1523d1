//! One pathname as one perpetual stream of bytes, through every rotation and truncation.
//!
//! A [`tailer::Tailer`] stands for a path. It holds a [`reader::FileReader`] for the file that stands at the path now and one
//! for each file that stood there before and may still be written to. [`change::classify`] decides, from what was
//! known and what is seen, what happened; [`ownership::Ownership`] ensures that no file is read through two paths.

pub mod archive;
pub mod change;
pub mod checkpoint;
pub mod decompress;
pub mod disk;
pub mod encoding;
pub mod identity;
mod line_counter;
mod line_time;
pub mod ownership;
mod prefix;
pub mod reader;
pub mod rotation;
pub mod settings;
pub mod signatures;
pub mod source;
pub mod stream;
pub mod tailer;
pub mod tally;
pub mod turn;
pub mod vfs;

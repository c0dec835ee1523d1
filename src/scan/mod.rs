//! Rules over bytes. Pure: bytes in, counts out.
//!
//! [`rules`] compiles every rule of a watch into one finder and one judge; [`scanner`] runs them over runs of complete
//! lines; [`lines`] walks a growing or a finished stream and says what a line is; [`bulk`] cuts a finished one into
//! chunks for several threads; [`pattern`] keeps a regular expression within one line; [`records`] puts lines together. Of a line that matched, [`level`]
//! says how grave it is and [`timestamp`] when it was written.

pub mod bulk;
mod json;
pub mod level;
pub mod lines;
mod literals;
pub mod pattern;
pub mod records;
pub mod rules;
pub mod scanner;
pub mod timestamp;

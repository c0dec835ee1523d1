//! Rules over bytes. Pure: bytes in, counts out.
//!
//! [`rules`] compiles all rules of a watch, each a [`spec`], into one finder; [`scanner`] runs it over runs of complete
//! lines; [`cursor`] says what a line is in a growing or an ended stream; [`feed`] is the read loop over such a stream;
//! [`bulk`] cuts an ended one into chunks for several threads; [`pattern`] keeps a regular expression within one line;
//! [`wrapping`] takes off what container runtimes write around lines, and [`stream_lines`] judges such a stream; [`records`] joins lines to records, [`multiline`] by the forms of programming languages, and [`record_bounds`] returns the lines of
//! one. For a line that matches, [`level`] returns how severe it is and [`timestamp`] when it was written; [`explain`] says why a
//! line matches or does not.

pub mod bulk;
mod continuation;
pub mod cursor;
pub mod explain;
pub mod feed;
mod finder;
mod folded;
pub(crate) mod json;
pub mod level;
pub mod line;
mod literals;
pub mod multiline;
pub(crate) mod names;
pub mod own;
pub mod pattern;
mod rarity;
pub mod record_bounds;
pub mod records;
pub mod rules;
pub mod scanner;
pub mod spec;
pub mod stream_lines;
pub mod timestamp;
pub mod wrapping;

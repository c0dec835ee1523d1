//! Rules over bytes. Pure: bytes in, counts out.
//!
//! [`rules`] compiles all rules of a watch into one finder and one judge; [`scanner`] runs them over runs of complete
//! lines; [`cursor`] says what a line is in a growing or an ended stream; [`feed`] is the read loop over such a stream;
//! [`bulk`] cuts an ended one into chunks for several threads; [`pattern`] keeps a regular expression within one line;
//! [`records`] joins lines to records. For a line that matches, [`level`] returns how severe it is and [`timestamp`] when
//! it was written.

pub mod bulk;
pub mod cursor;
pub mod feed;
mod json;
pub mod level;
mod literals;
pub mod pattern;
pub mod records;
pub mod rules;
pub mod scanner;
pub mod timestamp;

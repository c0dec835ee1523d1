//! What commands print for people: text from outside is made printable at the last moment, whatever it went through.

use std::fmt::Display;
use std::io::{self, Write};

use crate::fmt::printable_lines;

/// Writes to standard error, with the name of the program in front; a closed standard error is no reason to stop.
pub(super) fn print_error(error: impl Display) {
    let text = format!("spiketail: {error}\n");
    let _ = io::stderr().write_all(printable_lines(&text).as_bytes());
}

/// Writes lines to standard output. Whoever reads them may have read enough.
pub(super) fn print(text: &str) {
    let _ = io::stdout().write_all(printable_lines(text).as_bytes());
}
